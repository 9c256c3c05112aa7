"""Who belonged when, by the snapshots that were known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.errors import CatalogError, DataError
from tidegate.core.time import DAY, Instant, format_instant, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.tables import MOMENT, UNIVERSE
from tidegate.data.universe import membership, resolve_universe

FIRST = parse_instant("2024-01-01")


def snapshot(event: int, known: int, symbols: str, left: str = "", name: str = "index") -> pl.DataFrame:
    """Return one snapshot on these days, as somebody may load an index provider's lists."""
    names = [*symbols, *left]
    return pl.DataFrame(
        {
            "dataset": name,
            "symbol": names,
            "event_time": pl.Series([FIRST + event * DAY] * len(names)).cast(MOMENT),
            "known_time": pl.Series([FIRST + known * DAY] * len(names)).cast(MOMENT),
            "is_member": [True] * len(symbols) + [False] * len(left),
            "rank": pl.Series([None] * len(names), dtype=pl.Int64),
            "traded_value": pl.Series([None] * len(names), dtype=pl.Float64),
            "snapshot": f"{event}-{known}",
            "source": "a provider",
            "synthetic": False,
        }
    ).select(column for column in UNIVERSE.schema if column != "recorded_time")


def days(*numbers: int) -> np.ndarray:
    return FIRST + np.array(numbers, dtype=np.int64) * DAY


def shown(member: np.ndarray, symbols: str) -> list[str]:
    return ["".join(name for name, is_in in zip(symbols, row, strict=True) if is_in) for row in member]


@pytest.fixture
def filled(catalog: Catalog) -> Catalog:
    for part in (snapshot(0, 2, "AB"), snapshot(10, 12, "BC", left="A")):
        catalog.append("universe", part)
    return catalog


def test_the_latest_known_snapshot_answers(filled: Catalog) -> None:
    """D-10 in a universe: a list counts from when it was known, not from the day it is about."""
    found = resolve_universe(filled, "index", Instant(FIRST + 11 * DAY))

    assert found.symbols == ("A", "B")
    assert (found.source, found.snapshot, format_instant(found.as_of)) == ("a provider", "0-2", "2024-01-01")
    assert resolve_universe(filled, "index", Instant(FIRST + 12 * DAY)).symbols == ("B", "C")


def test_there_is_no_universe_to_fall_back_on(filled: Catalog) -> None:
    with pytest.raises(CatalogError, match=r"no snapshot of universe 'index' known at 2024-01-02"):
        resolve_universe(filled, "index", Instant(FIRST + 1 * DAY))
    with pytest.raises(CatalogError, match=r"no data set 'other'.*tidegate universe build DATASET --name other"):
        resolve_universe(filled, "other", Instant(FIRST + 99 * DAY))


def test_without_any_universe_the_hint_tells_how_to_build_one(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="tidegate universe build"):
        resolve_universe(catalog, "index", Instant(FIRST))


def test_membership_follows_what_was_known(filled: Catalog) -> None:
    member = membership(filled, "index", days(0, 1, 2, 9, 11, 12, 40), "ABCD")

    assert shown(member, "ABCD") == ["", "", "AB", "AB", "AB", "BC", "BC"]


def test_a_late_correction_of_an_old_list_changes_only_what_came_after(filled: Catalog) -> None:
    filled.append("universe", snapshot(10, 20, "D"))

    member = membership(filled, "index", days(5, 12, 19, 20), "ABCD")

    assert shown(member, "ABCD") == ["AB", "BC", "BC", "BCD"]


def test_an_older_list_that_comes_late_changes_nothing(filled: Catalog) -> None:
    filled.append("universe", snapshot(5, 30, "D", left="ABC"))

    assert shown(membership(filled, "index", days(29, 30, 31), "ABCD"), "ABCD") == ["BC"] * 3


def test_a_universe_of_other_names_is_refused(filled: Catalog) -> None:
    with pytest.raises(DataError, match="without a member among the 2 symbols"):
        membership(filled, "index", days(2, 20), ["X", "Y"])
    with pytest.raises(DataError, match="without a member"):
        membership(filled, "index", days(0, 1), "AB")


def test_a_pinned_version_does_not_see_later_lists(filled: Catalog) -> None:
    version = filled.version("universe", dataset="index")
    filled.append("universe", snapshot(20, 20, "D", left="BC"))

    assert shown(membership(filled, "index", days(25), "ABCD", version=version), "ABCD") == ["BC"]
    assert shown(membership(filled, "index", days(25), "ABCD"), "ABCD") == ["D"]


lists = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 8), st.sets(st.sampled_from("ABC"), min_size=1)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=10)
@given(told=lists)
def test_the_mask_equals_asking_each_instant(
    told: Sequence[tuple[int, int, set[str]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    catalog = Catalog(Workspace.create(tmp_path_factory.mktemp("universe") / "work"))
    for event, delay, symbols in {event: (event, delay, symbols) for event, delay, symbols in told}.values():
        gone = "".join(sorted(set("ABC") - symbols))
        catalog.append("universe", snapshot(event, event + delay, "".join(sorted(symbols)), left=gone))
    times = days(*range(30))

    mask = shown(membership(catalog, "index", times, "ABC"), "ABC")

    for row, time in zip(mask, times.tolist(), strict=True):
        try:
            assert "".join(resolve_universe(catalog, "index", Instant(time)).symbols) == row
        except CatalogError:
            assert row == ""
