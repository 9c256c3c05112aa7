# Everything runs from a bare checkout: the first target that needs the environment makes it.
# What each target does: make help

.DEFAULT_GOAL := help
.PHONY: help demo test test-exhaustive check clean

VENV      := .venv
RUN       := $(VENV)/bin/python -m
WORKSPACE := tidegate-demo
PYTEST_ARGUMENTS ?=

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.ready-base  ## install what is missing, then run the whole path on shipped data
	@$(RUN) tidegate demo --workspace $(WORKSPACE)
	@echo "the program is $(VENV)/bin/tidegate; to call it by its name: . $(VENV)/bin/activate"

test: $(VENV)/.ready-dev  ## install what is missing, then run every test (PYTEST_ARGUMENTS="-k time" narrows it)
	$(RUN) pytest -q -ra -n auto --maxprocesses 4 --dist loadfile --durations=10 $(PYTEST_ARGUMENTS)

test-exhaustive: $(VENV)/.ready-dev  ## the tests that take minutes: shipped recipes on real data, twice each
	$(RUN) pytest -q -ra --durations=10 -m exhaustive $(PYTEST_ARGUMENTS)

check: $(VENV)/.ready-dev  ## lint, format, types, import rules, ambient inputs
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/python tools/ambient_lint.py

clean:  ## remove the environment, caches, build outputs and the demo's workspace
	rm -rf $(VENV) $(WORKSPACE) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are the only memory of an installation; a change of pyproject.toml makes them old.
$(VENV)/.ready-base: pyproject.toml tools/prepare.sh
	@sh tools/prepare.sh $(VENV) base

$(VENV)/.ready-dev: pyproject.toml tools/prepare.sh
	@sh tools/prepare.sh $(VENV) dev
