"""Recipes that build on others: what merges, what replaces, where a mistake is reported, and what a circle is told."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.config import parse_settings
from tidegate.core.errors import RecipeError
from tidegate.core.layers import merge_layers, read_layers
from tidegate.core.recipe import Recipe, load_recipe

BASE = """
name: base
seed: 3
data:
  dataset: shares
split:
  first_test: 2015-01-01
models:
  ridge: {}
costs:
  preset: us-equity
strategy:
  scores: ridge
  top_n: 20
  defensives: [SHY, IEF]
  max_exposure: 0.5
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_sections_merge_and_everything_else_replaces(tmp_path: Path) -> None:
    written(tmp_path, "base.yaml", BASE)
    child = written(
        tmp_path, "child.yaml", "extends: base.yaml\nname: child\nstrategy:\n  top_n: 30\n  defensives: [TLT]\n"
    )

    recipe = load_recipe(child)

    assert (recipe.name, recipe.seed, recipe.split.first_test) == ("child", 3, date(2015, 1, 1))
    strategy = recipe.trading()
    assert (strategy.top_n, strategy.max_exposure, strategy.defensives) == (30, 0.5, ("TLT",))


def test_a_resolved_recipe_says_nothing_of_its_base(tmp_path: Path) -> None:
    written(tmp_path, "base.yaml", BASE)
    recipe = load_recipe(written(tmp_path, "child.yaml", "extends: base.yaml\nname: child\n"))

    assert "extends" not in recipe.model_dump(mode="json", by_alias=True)
    whole = load_recipe(written(tmp_path, "whole.yaml", BASE.replace("name: base", "name: child")))
    assert recipe.fingerprint() == whole.fingerprint()


def test_chains_take_the_nearest_value(tmp_path: Path) -> None:
    written(tmp_path, "base.yaml", BASE)
    written(tmp_path, "deep/middle.yaml", "extends: ../base.yaml\nseed: 5\nstrategy: {top_n: 40, max_exposure: 0.4}\n")
    child = written(tmp_path, "child.yaml", "extends: deep/middle.yaml\nname: child\nstrategy: {top_n: 30}\n")

    recipe = load_recipe(child)

    assert (recipe.seed, recipe.trading().top_n, recipe.trading().max_exposure) == (5, 30, 0.4)
    assert recipe.trading().defensives == ("SHY", "IEF")


def test_a_shipped_recipe_is_a_base_by_name() -> None:
    text = "extends: us-rotation\nname: low\nstrategy:\n  max_exposure: 0.3\n"

    recipe = parse_settings(text, Recipe, source="low.yaml")

    base = load_recipe("us-rotation")
    assert recipe.trading().max_exposure == 0.3
    assert recipe.training_fingerprint() == base.training_fingerprint()


@pytest.mark.parametrize(
    ("child", "place", "what"),
    [
        ("extends: base.yaml\nstrategy:\n  top_n: zero\n", "child.yaml:3", "strategy.top_n = 'zero'"),
        ("extends: base.yaml\nstrategy:\n  drawdown_tiers: [0.1]\n", "child.yaml:2", "strategy.drawdown_exposures"),
        ("extends: base.yaml\nlabels:\n  target: volatility\n", "child.yaml:3", "labels.target"),
        ("extends: base.yaml\nstrategy:\n  topn: 3\n", "child.yaml:3", "unknown field 'strategy.topn'"),
        ("extends: wrong.yaml\nname: child\n", "wrong.yaml:14", "strategy.top_n = 'many'"),
        ("extends: wrong.yaml\nstrategy: {max_exposure: 0.2}\n", "wrong.yaml:14", "strategy.top_n = 'many'"),
        ("extends: typing.yaml\nname: child\n", "typing.yaml:16", "unknown field 'strategy.max_exposur'"),
        ("extends: torn.yaml\nname: child\n", "torn.yaml:2", "expected the node content"),
        ("extends: scores.yaml\nmodels: {ridge: null, xgboost: {}}\n", "scores.yaml:13", "strategy.scores = 'ridge'"),
    ],
)
def test_a_mistake_is_reported_in_the_file_that_holds_it(tmp_path: Path, child: str, place: str, what: str) -> None:
    written(tmp_path, "base.yaml", BASE)
    written(tmp_path, "scores.yaml", BASE)
    written(tmp_path, "wrong.yaml", BASE.replace("top_n: 20", "top_n: many"))
    written(tmp_path, "typing.yaml", BASE.replace("max_exposure", "max_exposur"))
    written(tmp_path, "torn.yaml", "name: [1,\n")

    with pytest.raises(RecipeError) as caught:
        load_recipe(written(tmp_path, "child.yaml", child))

    assert place in caught.value.found
    assert what in caught.value.found


@pytest.mark.parametrize(
    "files",
    [
        {"a.yaml": "extends: a.yaml\n"},
        {"a.yaml": "extends: b.yaml\n", "b.yaml": "extends: a.yaml\n"},
        {"a.yaml": "extends: b.yaml\n", "b.yaml": "extends: c/c.yaml\n", "c/c.yaml": "extends: ../b.yaml\n"},
    ],
)
def test_a_circle_is_refused(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        written(tmp_path, name, text)

    with pytest.raises(RecipeError, match=r":1: extends = .*, which builds on this file"):
        load_recipe(tmp_path / "a.yaml")


@pytest.mark.parametrize("named", ["us-rotatio", "there.yaml", "7", "[us-rotation]", "."])
def test_a_base_that_is_not_there_is_named(tmp_path: Path, named: str) -> None:
    child = written(tmp_path, "child.yaml", f"name: child\nextends: {named}\n")

    with pytest.raises(RecipeError, match=r"child.yaml:2: extends = .*, which is not there") as caught:
        load_recipe(child)

    assert ("us-rotation" in caught.value.hint) == ("us-rotatio" in named)


def test_files_with_features_are_looked_for_beside_the_recipe_that_names_them(tmp_path: Path) -> None:
    module = "from tidegate.features import feature\n"
    written(tmp_path, "below/mine.py", module)
    written(tmp_path, "below/base.yaml", BASE + "features:\n  modules: [mine.py]\n")

    recipe = load_recipe(written(tmp_path, "child.yaml", "extends: below/base.yaml\nname: child\n"))

    assert [(one.file, one.code) for one in recipe.features.modules] == [("mine.py", module)]


VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | st.lists(st.integers(-9, 9), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
MAPPINGS = st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1, max_size=3)


@given(base=MAPPINGS, child=MAPPINGS)
def test_merging_keeps_what_the_file_says_and_adds_what_it_leaves_out(
    tmp_path_factory: pytest.TempPathFactory, base: dict[str, object], child: dict[str, object]
) -> None:
    import yaml

    folder = tmp_path_factory.mktemp("pair")
    written(folder, "base.yaml", yaml.safe_dump(base))
    text = yaml.safe_dump({**child, "extends": "base.yaml"})

    merged = merge_layers(read_layers(text, str(folder / "child.yaml"), folder, {}))

    def check(over: object, below: object, found: object) -> None:
        if isinstance(over, dict) and isinstance(below, dict):
            assert isinstance(found, dict)
            assert set(found) == set(over) | set(below)
            for key in found:
                if key in over and key in below:
                    check(over[key], below[key], found[key])
                else:
                    assert found[key] == (over[key] if key in over else below[key])
        else:
            assert found == over

    check(child, base, merged)
