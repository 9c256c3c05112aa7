"""The shape of the house: who may import whom, and how long anything may grow."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

LONGEST_MODULE = 450
LONGEST_FUNCTION = 60
NAMELESS = {"utils", "util", "common", "helpers", "helper", "misc", "manager"}
MIGRATIONS = Path("core", "database", "migrations")

PLANTED = {
    "a room above": ("core/units.py", "import tidegate.cli", "The house"),
    "training from the trading plane": ("engine/__init__.py", "import tidegate.train", "Trading plane"),
    "labels from the trading plane": ("strategy/__init__.py", "import tidegate.labels", "Trading plane"),
    "plots outside the report": ("evaluate/__init__.py", "import plotly", "Fence: Plotly"),
    "boosting outside the models": ("report/__init__.py", "import lightgbm", "Fence: boosting"),
    "boosting in the training room": ("train/__init__.py", "import xgboost", "Fence: boosting"),
    "searches outside the training room": ("models/__init__.py", "import optuna", "Fence: Optuna"),
    "the terminal outside the faces": ("train/__init__.py", "import rich", "Fence: the terminal"),
    "what is made for tests": ("engine/__init__.py", "import tidegate.testing", "No room imports"),
    "a room that the diagram lacks": ("helpers/__init__.py", "x = 1", "The house"),
}


def lint_imports(source: Path, project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sysconfig.get_path("scripts"), "lint-imports"), "--no-cache"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(source), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def modules(project_root: Path) -> dict[Path, ast.Module]:
    source = project_root / "src" / "tidegate"
    return {
        path.relative_to(source): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(source.rglob("*.py"))
    }


def test_imports_go_down_only(project_root: Path) -> None:
    done = lint_imports(project_root / "src", project_root)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("file", "line", "contract"), PLANTED.values(), ids=PLANTED)
def test_a_planted_violation_is_named(project_root: Path, tmp_path: Path, file: str, line: str, contract: str) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(project_root / "src", tmp_path / "src", ignore=ignored)
    shutil.copy(project_root / "pyproject.toml", tmp_path)
    planted = tmp_path / "src" / "tidegate" / file
    planted.parent.mkdir(exist_ok=True)
    with planted.open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")

    done = lint_imports(tmp_path / "src", tmp_path)

    assert done.returncode != 0, done.stdout
    broken = [text for text in done.stdout.splitlines() if text.endswith("BROKEN")]
    assert any(text.startswith(contract) for text in broken), done.stdout


def test_every_public_module_says_what_it_offers(modules: dict[Path, ast.Module]) -> None:
    silent = [
        str(path)
        for path, tree in modules.items()
        if _offers_something(tree) and not path.is_relative_to(MIGRATIONS) and not _is_private(path)
        if _exports(tree) is None
    ]

    assert silent == []


def test_every_name_in_all_is_defined(modules: dict[Path, ast.Module]) -> None:
    missing = {str(path): absent for path, tree in modules.items() if (absent := _undefined_exports(tree))}

    assert missing == {}


def test_every_module_says_what_it_is_for(modules: dict[Path, ast.Module]) -> None:
    silent = [
        str(path)
        for path, tree in modules.items()
        if tree.body and not path.name.startswith("_version") and not ast.get_docstring(tree)
    ]

    assert silent == []


def test_modules_stay_readable(project_root: Path, modules: dict[Path, ast.Module]) -> None:
    source = project_root / "src" / "tidegate"
    lengths = {str(path): len((source / path).read_text(encoding="utf-8").splitlines()) for path in modules}

    assert {path: length for path, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_functions_stay_readable(modules: dict[Path, ast.Module]) -> None:
    long = {
        f"{path}:{node.name}": length
        for path, tree in modules.items()
        for node in _functions(tree)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    }

    assert long == {}


def test_nothing_is_called_helpers(modules: dict[Path, ast.Module]) -> None:
    assert [str(path) for path in modules if NAMELESS & {part.removesuffix(".py") for part in path.parts}] == []


def test_pandas_stays_where_a_library_forces_it(modules: dict[Path, ast.Module]) -> None:
    users = [str(path) for path, tree in modules.items() if "pandas" in _imported_packages(tree)]

    # Functions of frames of pandas are looked at, where pandas is installed.
    assert set(users) <= {"data/calendars.py", "testing/tables.py"}


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _is_private(path: Path) -> bool:
    return any(part.startswith("_") and part != "__init__.py" for part in path.parts)


def _exports(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return list(ast.literal_eval(node.value))
    return None


def _offers_something(tree: ast.Module) -> bool:
    """Whether a module holds more than a docstring."""
    return any(not isinstance(node, ast.Expr) for node in tree.body)


def _undefined_exports(tree: ast.Module) -> list[str]:
    defined: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            defined.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            defined.update(alias.asname or alias.name.split(".")[0] for alias in node.names)
    has_lazy_names = "__getattr__" in defined
    return [] if has_lazy_names else [name for name in _exports(tree) or () if name not in defined]


def _imported_packages(tree: ast.Module) -> set[str]:
    packages: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            packages.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            packages.add(node.module.split(".")[0])
    return packages
