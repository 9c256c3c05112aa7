"""The first names of the alphabet: a smaller sample that is the same for whoever asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.clock import now
from tidegate.core.errors import DataError
from tidegate.core.recipe import Recipe, UniverseSettings
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.readiness import audit_readiness
from tidegate.data.recipe_data import RecipeData, pinned_versions, read_recipe_data
from tidegate.data.universe import symbols_to_read, traded_symbols, wanted_symbols
from tidegate.testing import synthetic_bars, synthetic_panel

TIMES = parse_instant("2020-01-01") + np.arange(220) * DAY + 24 * HOUR
names = st.lists(st.sampled_from("ABCDEFGHIJ"), min_size=1, unique=True)


@given(available=names, exclude=names, count=st.integers(1, 12))
def test_the_first_are_those_of_all_that_would_be_traded(available: list[str], exclude: list[str], count: int) -> None:
    """Equity H 20: a count of shares that was asked for, and ignored."""
    every = UniverseSettings(exclude=tuple(exclude), benchmark="J")
    few = every.model_copy(update={"first": count})

    assert wanted_symbols(available, few) == wanted_symbols(available, every)[:count]
    read = symbols_to_read(available, few)
    assert read is not None
    assert set(read) == {*wanted_symbols(available, few), "J"}
    assert symbols_to_read(available, every) is None


def test_of_a_list_only_the_first_must_be_there() -> None:
    listed = UniverseSettings(symbols=("C", "A", "Z"), first=2)

    assert traded_symbols(["A", "B", "C"], listed) == ("A", "C")
    with pytest.raises(DataError, match="no bars of Z"):
        traded_symbols(["A", "B", "C"], listed.model_copy(update={"first": 3}))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder: Path = tmp_path_factory.mktemp("first")
    workspace = Workspace.create(folder / "workspace")
    panel = synthetic_panel(3, len(TIMES), 9, times=TIMES)
    Catalog(workspace).append("bars", synthetic_bars(panel, dataset="made-up"))
    return workspace


def recipe_of(data: dict[str, Any] | None = None, **universe: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "few",
            "data": {"dataset": "made-up", **(data or {})},
            "universe": universe,
            "split": {"first_test": "2020-05-01", "minimum_train_days": 30},
            "models": {"ridge": {}},
            "strategy": {"scores": "ridge"},
            "costs": {"preset": "us-equity"},
        }
    )


def read(workspace: Workspace, recipe: Recipe) -> RecipeData:
    catalog = Catalog(workspace)
    return read_recipe_data(catalog, recipe, pinned_versions(catalog, recipe))


def test_a_recipe_reads_its_first_names_and_what_they_are_measured_against(workspace: Workspace) -> None:
    few = read(workspace, recipe_of(first=3, benchmark="S0008", exclude=["S0001"]))

    assert few.traded == ("S0000", "S0002", "S0003")
    assert few.panel.symbols == ("S0000", "S0002", "S0003", "S0008")
    every = read(workspace, recipe_of(benchmark="S0008", exclude=["S0001"]))
    place = [every.panel.symbols.index(name) for name in few.panel.symbols]
    assert np.array_equal(few.panel["close"], every.panel["close"][:, place])


def test_more_than_there_are_is_all_of_them(workspace: Workspace) -> None:
    assert len(read(workspace, recipe_of(first=1000)).traded) == 9


def test_the_audit_looks_at_the_same_names(workspace: Workspace) -> None:
    recipe = recipe_of(first=3, benchmark="S0008")
    audit = audit_readiness(Catalog(workspace), recipe, as_of=now())

    assert audit.scope.symbols == read(workspace, recipe).traded
    assert len(audit_readiness(Catalog(workspace), recipe_of(benchmark="S0008"), as_of=now()).scope.symbols) == 8
