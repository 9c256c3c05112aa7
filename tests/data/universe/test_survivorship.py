from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from universe_market import bars_of, lives_of, rules_of

from tidegate.core.clock import now
from tidegate.core.recipe import UniverseSettings
from tidegate.data import Catalog
from tidegate.data.universe import Survivorship, build_universe, survivorship_of

LISTED = ("A", "listed", "2023-01-02", "2023-01-02")
GONE = ("GONE", "delisted", "2023-06-30", "2023-06-30")


def chosen(catalog: Catalog, *lives: str, **rules: Any) -> Survivorship:
    """Return how a universe was chosen that is built now, in a run that read these data sets of lives."""
    catalog.append("bars", bars_of({"A": [1.0] * 20, "B": [2.0] * 20}))
    build_universe(catalog, rules_of(**rules))
    versions = {"bars/made-up": 0, "universe/best": catalog.version("universe", dataset="best")}
    versions |= {f"symbol_lives/{name}": catalog.version("symbol_lives", dataset=name) for name in lives}
    return survivorship_of(UniverseSettings(snapshot="best"), catalog, versions)


def append_lives(catalog: Catalog, *changes: tuple[str, str, str, str], **columns: str) -> None:
    catalog.append("symbol_lives", lives_of(*changes).with_columns(**{k: pl.lit(v) for k, v in columns.items()}))


def test_lives_with_a_delisting_are_point_in_time(catalog: Catalog) -> None:
    append_lives(catalog, LISTED, GONE)

    assert chosen(catalog, "made-up") is Survivorship.POINT_IN_TIME


@pytest.mark.parametrize("change", ["listed", "industry", "renamed", "special_treatment", "suspended"])
def test_lives_without_a_delisting_tell_nothing_of_the_dead(catalog: Catalog, change: str) -> None:
    append_lives(catalog, ("A", change, "2023-01-02", "2023-01-02"))

    assert chosen(catalog, "made-up") is Survivorship.SNAPSHOTS_OF_BARS


def test_a_delisting_that_was_taken_back_is_none(catalog: Catalog) -> None:
    append_lives(catalog, LISTED, GONE)
    append_lives(catalog, ("GONE", "delisted", "2023-06-30", "2024-01-02"), detail="withdrawn")

    assert chosen(catalog, "made-up") is Survivorship.SNAPSHOTS_OF_BARS


def test_lives_of_another_data_set_do_not_count(catalog: Catalog) -> None:
    append_lives(catalog, LISTED, GONE, dataset="others")

    assert chosen(catalog, "others") is Survivorship.SNAPSHOTS_OF_BARS


def test_the_lives_that_the_rules_name_count_and_no_others(catalog: Catalog) -> None:
    append_lives(catalog, LISTED, dataset="registry")
    append_lives(catalog, LISTED, GONE)

    assert chosen(catalog, "registry", "made-up", lives="registry") is Survivorship.SNAPSHOTS_OF_BARS
    append_lives(catalog, GONE, dataset="registry")
    assert chosen(catalog, "registry", lives="registry") is Survivorship.POINT_IN_TIME
    assert chosen(catalog, lives="registry") is Survivorship.SNAPSHOTS_OF_BARS


def test_a_delisting_of_a_later_version_does_not_count(catalog: Catalog) -> None:
    append_lives(catalog, LISTED)
    version = catalog.version("symbol_lives", dataset="made-up")
    append_lives(catalog, GONE)
    assert chosen(catalog, "made-up") is Survivorship.POINT_IN_TIME

    versions = {"universe/best": 0, "symbol_lives/made-up": version}
    told = survivorship_of(UniverseSettings(snapshot="best"), catalog, versions)
    assert told is Survivorship.SNAPSHOTS_OF_BARS


def test_a_universe_that_was_made_elsewhere_says_nothing_of_its_lives(catalog: Catalog) -> None:
    append_lives(catalog, LISTED, GONE)
    chosen(catalog, "made-up")
    rows = catalog.read("universe", dataset="best", as_of=now()).drop("recorded_time").collect()
    catalog.append("universe", rows.with_columns(dataset=pl.lit("theirs"), source=pl.lit("somebody")))

    versions = {"universe/theirs": catalog.version("universe", dataset="theirs"), "symbol_lives/made-up": 0}
    told = survivorship_of(UniverseSettings(snapshot="theirs"), catalog, versions)
    assert told is Survivorship.SNAPSHOTS_OF_BARS
