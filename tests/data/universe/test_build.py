"""Universes built from bars in a catalog."""

from __future__ import annotations

import polars as pl
import pytest
from universe_market import bars_of, lives_of, rules_of

from tidegate.core.clock import frozen_clock
from tidegate.core.errors import CatalogError, DataError
from tidegate.core.time import DAY, BarInterval, Instant, parse_instant
from tidegate.data import Catalog, Revision, trading_calendar
from tidegate.data.universe import UniverseBuilt, build_universe, resolve_universe

WEEK = 7
"""Bars of a week; the universe is decided at the close of Sunday, midnight before Monday."""


def steady(*levels: float, days: int = 3 * WEEK) -> list[list[float]]:
    return [[level] * days for level in levels]


def members(built: UniverseBuilt) -> list[str]:
    return ["".join(one.members) for one in built.snapshots]


def test_the_most_traded_are_taken_at_the_close_before_the_week(catalog: Catalog) -> None:
    catalog.append("bars", bars_of(dict(zip("ABC", steady(10, 30, 20), strict=True))))

    built = build_universe(catalog, rules_of())

    assert members(built) == ["BC", "BC", "BC"]
    assert [one.at for one in built.snapshots] == [
        parse_instant(day) for day in ("2024-01-08", "2024-01-15", "2024-01-22")
    ]
    assert built.snapshots[0].ranks.tolist() == [1, 2]
    assert built.snapshots[0].values.tolist() == [30.0, 20.0]


def test_a_member_stays_within_the_band_and_leaves_beyond_it(catalog: Catalog) -> None:
    """C.5, by hand: A falls to rank 3, which retain 1 forgives, then to rank 4, which it does not."""
    weeks = {"A": (40, 25, 15), "B": (30, 30, 40), "C": (20, 40, 30), "D": (10, 10, 20)}
    bars = bars_of({name: [value for value in of for _ in range(WEEK)] for name, of in weeks.items()})
    catalog.append("bars", bars)

    assert members(build_universe(catalog, rules_of(name="strict"))) == ["AB", "BC", "BC"]
    assert members(build_universe(catalog, rules_of(retain=1))) == ["AB", "AB", "BC"]
    told = catalog.read("universe", dataset="best", as_of=parse_instant("2024-01-22")).collect()
    last = told.filter(pl.col("event_time") == pl.col("event_time").max()).sort("symbol")
    assert last.select("symbol", "is_member", "rank").rows() == [
        ("A", False, 4), ("B", True, 1), ("C", True, 2), ("D", False, 3),
    ]  # fmt: skip


def test_a_month_begins_with_its_first_session(catalog: Catalog) -> None:
    catalog.append("bars", bars_of(dict(zip("ABC", steady(1, 2, 3, days=62), strict=True))))

    built = build_universe(catalog, rules_of(rebalance="monthly"))

    assert [one.at for one in built.snapshots] == [parse_instant("2024-02-01"), parse_instant("2024-03-01")]


def test_a_holiday_moves_the_rebalance_and_never_skips_a_week(catalog: Catalog) -> None:
    """Monday 2024-01-15 is a holiday in New York: the week begins on Tuesday, decided at Friday's close."""
    closes = trading_calendar("XNYS").expected(
        BarInterval("1d"), parse_instant("2024-01-01"), parse_instant("2024-01-20")
    )
    bars = bars_of({"A": [1.0] * len(closes), "B": [2.0] * len(closes)}, calendar="XNYS")
    times = pl.Series([*closes, *closes]).cast(pl.Datetime("us", "UTC"))
    catalog.append("bars", bars.with_columns(times.alias("event_time"), times.alias("known_time")))

    decided = [one.at for one in build_universe(catalog, rules_of()).snapshots]

    assert decided == [parse_instant(f"2024-01-{day}T21:00:00Z") for day in ("05", "12", "19")]


def test_a_name_needs_history_and_trading(catalog: Catalog) -> None:
    young = [None] * 5 + [99.0] * 16
    silent = [99.0] * 5 + [None] * 16
    catalog.append("bars", bars_of({"A": [10.0] * 21, "B": [5.0] * 21, "YOUNG": young, "SILENT": silent}))

    built = build_universe(catalog, rules_of(minimum_history_bars=4))

    assert [one.members for one in built.snapshots] == [("A", "B"), ("A", "YOUNG"), ("A", "YOUNG")]


def test_excluded_and_synthetic_bars_are_never_taken(catalog: Catalog) -> None:
    catalog.append("bars", bars_of(dict(zip(("A", "B", "SPY"), steady(1, 2, 99), strict=True))))
    catalog.append("bars", bars_of({"FAKE": steady(500)[0]}, synthetic=True))

    assert members(build_universe(catalog, rules_of(exclude=["SPY"]))) == ["AB"] * 3


def test_volume_stands_in_for_traded_value(catalog: Catalog) -> None:
    bars = bars_of(dict(zip("ABC", steady(0, 0, 0), strict=True))).with_columns(
        traded_value=pl.lit(None, pl.Float64), volume=pl.col("symbol").replace_strict({"A": 5.0, "B": 1.0, "C": 3.0})
    )
    catalog.append("bars", bars)

    assert members(build_universe(catalog, rules_of())) == ["AC"] * 3


def test_a_delisted_name_leaves_at_its_delisting(catalog: Catalog) -> None:
    catalog.append("bars", bars_of(dict(zip("ABC", steady(30, 20, 10), strict=True))))
    catalog.append("symbol_lives", lives_of(("A", "delisted", "2024-01-18", "2024-01-10")))

    built = build_universe(catalog, rules_of())

    assert members(built) == ["AB", "AB", "B", "BC"]
    assert built.snapshots[2].at == parse_instant("2024-01-18") + 1
    for day, symbols in {"2024-01-18": ("A", "B"), "2024-01-18T00:00:01Z": ("B",), "2024-01-22": ("B", "C")}.items():
        assert resolve_universe(catalog, "best", parse_instant(day)).symbols == symbols


def test_a_delisting_counts_when_it_is_known(catalog: Catalog) -> None:
    catalog.append("bars", bars_of(dict(zip("ABC", steady(30, 20, 10), strict=True))))
    catalog.append("symbol_lives", lives_of(("A", "delisted", "2024-01-09", "2024-01-18")))

    assert members(build_universe(catalog, rules_of())) == ["AB", "AB", "B", "BC"]


def test_a_name_is_not_taken_before_it_is_listed(catalog: Catalog) -> None:
    """Bars before the listing, such as a when-issued market's, do not count for membership."""
    catalog.append("bars", bars_of(dict(zip("ABC", steady(30, 20, 10), strict=True))))
    catalog.append(
        "symbol_lives",
        lives_of(("A", "listed", "2024-01-12", "2024-01-02"), ("B", "listed", "2020-01-01", "2020-01-01")),
    )

    assert members(build_universe(catalog, rules_of())) == ["BC", "AB", "AB"]


def test_unknown_lives_are_said(catalog: Catalog) -> None:
    catalog.append("bars", bars_of(dict(zip("AB", steady(2, 1), strict=True))))

    assert "when the names of 'made-up' were listed is not known" in build_universe(catalog, rules_of()).warnings[0]
    catalog.append("symbol_lives", lives_of(("A", "listed", "2020-01-01", "2020-01-01")))
    assert "when 1 of 2 names of 'made-up'" in build_universe(catalog, rules_of()).warnings[0]
    catalog.append("symbol_lives", lives_of(("B", "listed", "2020-01-01", "2020-01-01")))
    assert build_universe(catalog, rules_of()).warnings == ()


def test_lives_may_lie_in_a_data_set_of_their_own(catalog: Catalog) -> None:
    catalog.append("bars", bars_of(dict(zip("ABC", steady(30, 20, 10), strict=True))))
    elsewhere = lives_of(("A", "delisted", "2024-01-01", "2024-01-01")).with_columns(dataset=pl.lit("registry"))
    catalog.append("symbol_lives", elsewhere)

    assert members(build_universe(catalog, rules_of())) == ["AB"] * 3
    assert members(build_universe(catalog, rules_of(name="other", lives="registry"))) == ["BC"] * 3


def test_building_again_appends_nothing_and_more_bars_append_the_rest(catalog: Catalog) -> None:
    bars = bars_of(dict(zip("ABC", steady(10, 30, 20), strict=True)))
    early = bars.filter(pl.col("event_time") <= pl.lit(parse_instant("2024-01-15")).cast(pl.Datetime("us", "UTC")))
    catalog.append("bars", early)
    first = build_universe(catalog, rules_of())
    again = build_universe(catalog, rules_of())
    catalog.append("bars", bars)
    later = build_universe(catalog, rules_of())

    assert (again.appended.appended, again.appended.identical) == (0, first.appended.appended)
    assert again.appended.version == first.appended.version
    assert later.appended.identical == first.appended.appended
    assert later.appended.appended == first.appended.appended // 2
    rules = rules_of()
    assert [one.address(rules) for one in later.snapshots][:2] == [one.address(rules) for one in first.snapshots]


def test_other_rules_are_another_universe(catalog: Catalog) -> None:
    catalog.append("bars", bars_of(dict(zip("ABC", steady(10, 30, 20), strict=True))))
    build_universe(catalog, rules_of())

    with pytest.raises(DataError, match=r"made by other rules.*top 2 by.*another --name"):
        build_universe(catalog, rules_of(top_n=1))
    assert resolve_universe(catalog, "best", parse_instant("2024-01-08")).symbols == ("B", "C")


def test_the_address_tells_rules_and_content_apart(catalog: Catalog) -> None:
    catalog.append("bars", bars_of(dict(zip("ABC", steady(10, 30, 20), strict=True))))
    one, other = (build_universe(catalog, rules_of(**changes)) for changes in ({}, {"name": "third", "retain": 1}))
    addresses = [resolve_universe(catalog, name, parse_instant("2024-01-08")).snapshot for name in ("best", "third")]

    assert one.snapshots[0].members == other.snapshots[0].members
    assert addresses[0] != addresses[1]
    assert all(len(address) == 64 for address in addresses)


def test_corrected_bars_ask_for_a_corrected_universe(catalog: Catalog) -> None:
    """A mistake in the bars had taken C: it is taken back, and the old version still says what it said."""
    wrong = bars_of({"A": [10.0] * 21, "B": [30.0] * 21, "C": [20.0] * 21})
    right = bars_of({"A": [10.0] * 21, "B": [30.0] * 21, "C": [1.0] * 21})
    catalog.append("bars", wrong)
    before = build_universe(catalog, rules_of()).appended.version
    catalog.append("bars", right, revision=Revision(correction_reason="C was quoted in cents"))

    with pytest.raises(DataError, match="differ from stored ones"):
        build_universe(catalog, rules_of())
    fixed = build_universe(catalog, rules_of(), revision=Revision(correction_reason="bars of C were corrected"))

    at = parse_instant("2024-01-22")
    assert resolve_universe(catalog, "best", at).symbols == ("A", "B")
    assert resolve_universe(catalog, "best", at, version=before).symbols == ("B", "C")
    told = catalog.read("universe", dataset="best", as_of=at).collect()
    assert told.filter(pl.col("symbol") == "C")["is_member"].to_list() == [False] * 3
    assert told.group_by("event_time").agg(pl.col("snapshot").n_unique())["snapshot"].to_list() == [1] * 3
    assert fixed.appended.revised > 0
    assert [one.reason for one in catalog.corrections()][-1] == "bars of C were corrected"


def test_an_exit_of_a_name_that_never_belonged_is_taken_back(catalog: Catalog) -> None:
    catalog.append("bars", bars_of(dict(zip("ABC", steady(30, 20, 10), strict=True))))
    catalog.append("symbol_lives", lives_of(("A", "delisted", "2024-01-18", "2024-01-10")))
    build_universe(catalog, rules_of())
    right, why = bars_of(dict(zip("ABC", steady(1, 20, 10), strict=True))), Revision(correction_reason="A in cents")
    catalog.append("bars", right, revision=why)

    assert members(build_universe(catalog, rules_of(), revision=why)) == ["BC"] * 4
    assert resolve_universe(catalog, "best", parse_instant("2024-01-19")).symbols == ("B", "C")


def test_nothing_to_rank_is_said(catalog: Catalog) -> None:
    catalog.append("bars", bars_of(dict(zip("AB", steady(1, 2), strict=True))))

    with pytest.raises(DataError, match="with 50 bars before a rebalance"):
        build_universe(catalog, rules_of(minimum_history_bars=50))
    with pytest.raises(DataError, match="no 5m bar of 'made-up'"):
        build_universe(catalog, rules_of(interval="5m"))
    with pytest.raises(CatalogError, match="no data set 'nowhere'"):
        build_universe(catalog, rules_of(dataset="nowhere"))
    nothing = bars_of({"C": [1.0]}, dataset="hollow", traded_value=None, volume=None)
    catalog.append("bars", nothing)
    with pytest.raises(DataError, match="no traded value to rank"):
        build_universe(catalog, rules_of(dataset="hollow"))


def test_an_as_of_build_knows_no_later_bar(catalog: Catalog) -> None:
    catalog.append("bars", bars_of(dict(zip("ABC", steady(10, 30, 20), strict=True))))
    then = Instant(parse_instant("2024-01-15") + DAY // 2)

    built = build_universe(catalog, rules_of(), as_of=then)

    assert built.snapshots[-1].at == parse_instant("2024-01-15")
    with frozen_clock(then):
        assert build_universe(catalog, rules_of()).appended.appended == 0
