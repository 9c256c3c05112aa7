"""Import of the original platform's parameters: the table of spec A.1, run 462 of A.2, and what cannot matter."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.recipe_strategy import LegacySettings, StrategySettings
from tidegate.strategy.lean_effects import Effect, binding_tiers
from tidegate.strategy.lean_parameters import LeanParameters, legacy_settings, load_parameters, read_parameters
from tidegate.strategy.lean_table import TABLE, pair_tiers

RUN_462 = {
    "backtest_start": "2020-01-01",
    "backtest_end": "2026-01-13",
    "initial_cash": "30000",
    "fee_bps": "10",
    "top_n": "30",
    "retain_top_n": "10",
    "weighting": "score",
    "min_score": "0",
    "market_filter": "True",
    "market_ma_window": "200",
    "rebalance_frequency": "Weekly",
    "rebalance_day": "Monday",
    "rebalance_time_minutes": "30",
    "dynamic_exposure": "True",
    "drawdown_tiers": "0.08,0.12,0.15",
    "drawdown_exposures": "0.80,0.60,0.40",
    "max_drawdown": "0.15",
    "max_drawdown_52w": "0.15",
    "risk_off_mode": "defensive",
    "risk_off_pick": "lowest_vol",
    "risk_off_symbols": "SHY,IEF,GLD,TLT",
    "max_exposure": "0.40",
    "vol_target": "0.045",
    "max_weight": "0.028",
}


def effect(found: LeanParameters, key: str) -> Effect:
    return next(one.effect for one in found.settings if one.key == key)


def effect_of(key: str, **texts: Any) -> Effect:
    return effect(read_parameters(texts), key)


def test_run_462_is_resolved() -> None:
    """Spec A.2: what the map says, and the defaults of the table for what it leaves out."""
    found = read_parameters(RUN_462)

    assert found.strategy == StrategySettings(
        top_n=30,
        retain_top_n=10,
        minimum_score=0.0,
        weighting="score",
        max_weight=0.028,
        max_exposure=0.4,
        volatility_target=0.045,
        volatility_of="benchmark",
        volatility_window=20,
        market_filter=True,
        dynamic_exposure=True,
        drawdown_tiers=(0.08, 0.12, 0.15),
        drawdown_exposures=(0.8, 0.6, 0.4),
        tier_mode="absolute",
        max_drawdown=0.15,
        max_drawdown_52w=0.15,
        risk_off="defensive",
        defensives=("SHY", "IEF", "GLD", "TLT"),
        defensive_pick="lowest_volatility",
        max_turnover=0.08,
    )
    assert (found.backtest.initial_cash, found.costs.commission_bps, found.universe.benchmark) == (
        30_000.0,
        10.0,
        "SPY",
    )
    assert (found.backtest.start, found.backtest.end) == (date(2020, 1, 1), date(2026, 1, 13))


def test_run_462_shows_its_dead_parameters() -> None:
    """Equity H 4: tiers at or above ``max_exposure`` and a 52-week guard behind the guard could never act."""
    found = read_parameters(RUN_462)

    assert found.keys_that_are(Effect.INERT) == (
        "dynamic_exposure",
        "drawdown_tiers",
        "drawdown_exposures",
        "max_drawdown_52w",
    )
    assert found.keys_that_are(Effect.UNSUPPORTED) == ("rebalance_time_minutes",)
    assert binding_tiers(found.strategy) == ()


def test_legacy_switches_every_defect_on_and_names_what_that_kills() -> None:
    """Equity H 2, H 3 and H 5: a cap up to 1/top_n, the volatility target and the fee change nothing there."""
    found = legacy_settings(RUN_462)

    assert all(on for _, on in found.strategy.legacy)
    assert not any(on for _, on in read_parameters(RUN_462).strategy.legacy)
    assert found.strategy.model_copy(update={"legacy": LegacySettings()}) == read_parameters(RUN_462).strategy
    killed = set(found.keys_that_are(Effect.INERT)) - set(read_parameters(RUN_462).keys_that_are(Effect.INERT))
    assert killed == {"max_weight", "vol_target", "fee_bps"}
    assert effect(legacy_settings({**RUN_462, "max_weight": "0.035"}), "max_weight") is Effect.USED


def test_an_empty_map_has_the_defaults_of_the_table() -> None:
    found = read_parameters({})

    assert found.strategy == StrategySettings(
        market_filter=True,
        max_drawdown=0.12,
        max_drawdown_52w=0.12,
        max_turnover=0.08,
        volatility_of="benchmark",
        volatility_window=20,
        tier_mode="absolute",
    )
    assert (found.backtest.start, found.backtest.end) == (date(2015, 1, 1), date(2025, 12, 31))
    assert found.keys_that_are(Effect.USED) == ()
    assert [one.key for one in found.settings] == [entry.key for entry in TABLE]


def test_an_imported_map_states_its_modes() -> None:
    """Rule 3 of the rotation rules: imported maps state the mode they get."""
    told = {mode.setting: mode.value for mode in read_parameters(RUN_462).modes}

    assert told["strategy.volatility_of"] == "benchmark"
    assert told["strategy.tier_mode"] == "absolute"
    assert told["strategy.guard_reentry"] == "time_out"
    switched = {mode.setting for mode in legacy_settings({}).modes}
    assert {f"strategy.legacy.{name}" for name in LegacySettings.model_fields} < switched
    assert "backtest.fill" not in switched


@pytest.mark.parametrize(
    ("texts", "setting", "value"),
    [
        ({"top_n": "0"}, "top_n", 1),
        ({"retain_top_n": "-3"}, "retain_top_n", 0),
        ({"retain_top_n": "ten"}, "retain_top_n", 0),
        ({"weighting": "anything"}, "weighting", "equal"),
        ({"min_score": ""}, "minimum_score", None),
        ({"min_score": "0"}, "minimum_score", 0.0),
        ({"max_weight": "0"}, "max_weight", 1.0),
        ({"max_weight": "None"}, "max_weight", 1.0),
        ({"max_exposure": "1.4"}, "max_exposure", 1.0),
        ({"max_exposure": "-1"}, "max_exposure", 0.0),
        ({"market_filter": "Y"}, "market_filter", True),
        ({"market_filter": "on"}, "market_filter", False),
        ({"market_filter": False}, "market_filter", False),
        ({"rebalance_frequency": "monthly"}, "rebalance", "monthly"),
        ({"rebalance_frequency": "Fortnightly"}, "rebalance", "daily"),
        ({"rebalance_frequency": "Daily"}, "rebalance", "daily"),
        ({"rebalance_day": "Friday"}, "rebalance_day", "friday"),
        ({"rebalance_day": "friday"}, "rebalance_day", "monday"),
        ({"rebalance_day": "Sunday"}, "rebalance_day", "monday"),
        ({"drawdown_tiers": "0.1;-1, 0.05", "drawdown_exposures": "2"}, "drawdown_tiers", (0.05, 0.1)),
        ({"drawdown_tiers": "0.1;-1, 0.05", "drawdown_exposures": "2"}, "drawdown_exposures", (1.0, 1.0)),
        ({"drawdown_tiers": "0.1", "drawdown_exposures": "0.5,0.4,0.3"}, "drawdown_exposures", (0.5,)),
        ({"drawdown_exposure_floor": "7"}, "drawdown_exposure_floor", 1.0),
        ({"drawdown_recovery_ratio": "1.5"}, "drawdown_recovery_ratio", 0.9),
        ({"max_drawdown": "-0.2"}, "max_drawdown", 0.0),
        ({"max_drawdown": "15"}, "max_drawdown", 0.0),
        ({"vol_window": "2"}, "volatility_window", 5),
        ({"risk_off_lookback_days": "1"}, "defensive_lookback_bars", 5),
        ({"score_smoothing_alpha": "3"}, "score_smoothing", 1.0),
        ({"risk_off_mode": "Bond"}, "risk_off", "defensive"),
        ({"risk_off_mode": "safe"}, "defensives", ("SGOV",)),
        ({"risk_off_mode": "safe", "defensive_symbol": "bil"}, "defensives", ("BIL",)),
        ({"risk_off_mode": "safe", "risk_off_symbol": "BIL", "risk_off_symbols": " shy, SHY"}, "defensives", ("SHY",)),
        ({"risk_off_mode": "gold"}, "risk_off", "cash"),
        ({"idle_allocation": "benchmark"}, "idle", "benchmark"),
    ],
)
def test_values_are_clamped_as_in_the_table(texts: dict[str, Any], setting: str, value: object) -> None:
    assert getattr(read_parameters(texts).strategy, setting) == value


@pytest.mark.parametrize(
    ("texts", "start", "end"),
    [
        ({"start": "2020/02/03"}, date(2020, 2, 3), date(2025, 12, 31)),
        ({"backtest_start": " ", "start_date": "2020-02-03T09:30:00", "start": "1999-01-01"}, date(2020, 2, 3), None),
        ({"backtest_start": "soon", "start": "2020-02-03"}, date(2015, 1, 1), None),
        ({"end_date": "2010-01-01"}, date(2015, 1, 1), date(2015, 1, 1)),
    ],
)
def test_dates_have_names_and_forms(texts: dict[str, str], start: date, end: date | None) -> None:
    found = read_parameters(texts).backtest

    assert found.start == start
    assert found.end == (end or date(2025, 12, 31))


def test_a_bad_sum_of_money_is_the_default_and_says_so() -> None:
    found = read_parameters({"initial_cash": "plenty"})

    assert found.backtest.initial_cash == 30_000.0
    assert "default" in next(one.why for one in found.settings if one.key == "initial_cash")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("top_n", "thirty"),
        ("top_n", "30.5"),
        ("max_exposure", "high"),
        ("vol_target", "nan"),
        ("min_score", "inf"),
        ("fee_bps", "-1"),
        ("drawdown_tiers", "0.1,deep"),
        ("market_ma_window", "0"),
        ("initial_cash", "-5"),
        ("top_n", ["30"]),
        ("drawdown_tiers", ",".join(f"0.{place:02}" for place in range(1, 12))),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_key(key: str, text: Any) -> None:
    given_map = {key: text, "drawdown_exposures": "0.5"}

    with pytest.raises(InputError) as refused:
        read_parameters(given_map)

    assert key in refused.value.found or key == "drawdown_tiers"


@pytest.mark.parametrize(
    ("key", "inert", "used"),
    [
        ("market_ma_window", {"market_filter": "no"}, {}),
        ("rebalance_day", {"rebalance_frequency": "Monthly"}, {}),
        ("drawdown_tiers", {"drawdown_tiers": "0.05", "drawdown_exposures": "0.5"}, {}),
        (
            "drawdown_tiers",
            {"dynamic_exposure": "1", "drawdown_tiers": "0.13", "drawdown_exposures": "0.5"},
            {"dynamic_exposure": "1", "drawdown_tiers": "0.11", "drawdown_exposures": "0.5"},
        ),
        ("drawdown_tiers", {"dynamic_exposure": "1", "drawdown_tiers": "0.05"}, {}),
        ("dynamic_exposure", {"dynamic_exposure": "1"}, {"dynamic_exposure": "no"}),
        (
            "drawdown_exposure_floor",
            {"dynamic_exposure": "1", "drawdown_tiers": "0.05", "drawdown_exposures": "0.5"},
            {"dynamic_exposure": "1", "drawdown_tiers": "0.05", "drawdown_exposures": "0"},
        ),
        ("drawdown_recovery_ratio", {"max_drawdown": "0", "max_drawdown_52w": "0"}, {"max_drawdown": "0"}),
        ("max_drawdown", {"max_drawdown": "12"}, {}),
        ("max_drawdown_52w", {}, {"max_drawdown_52w": "0.10"}),
        ("max_drawdown_52w", {"max_drawdown_52w": "12"}, {"max_drawdown": "0"}),
        ("max_turnover_week", {"max_turnover_week": "1"}, {}),
        ("vol_window", {}, {"vol_target": "0.1"}),
        ("score_smoothing_carry", {}, {"score_smoothing_alpha": "0.5"}),
        ("max_weight", {"max_weight": "0.4", "max_exposure": "0.4"}, {"max_weight": "0.3", "max_exposure": "0.4"}),
        ("risk_off_symbols", {"risk_off_symbols": "SHY"}, {"idle_allocation": "defensive", "risk_off_symbols": "SHY"}),
        ("risk_off_symbol", {"risk_off_mode": "safe", "risk_off_symbols": "SHY"}, {"risk_off_mode": "safe"}),
        (
            "risk_off_pick",
            {"risk_off_mode": "safe", "risk_off_symbols": "SHY"},
            {"risk_off_mode": "safe", "risk_off_symbols": "SHY,IEF"},
        ),
        (
            "risk_off_mode",
            {"risk_off_mode": "safe", "market_filter": "no", "max_drawdown": "0", "max_drawdown_52w": "0"},
            {"risk_off_mode": "safe", "market_filter": "no"},
        ),
    ],
)
def test_a_parameter_is_inert_only_beside_values_that_make_it_so(
    key: str, inert: dict[str, str], used: dict[str, str]
) -> None:
    assert effect_of(key, **inert) is Effect.INERT
    assert effect_of(key, **used) is Effect.USED


def test_tiers_that_cannot_bind_are_told_apart() -> None:
    found = read_parameters({**RUN_462, "max_exposure": "0.70"})

    assert binding_tiers(found.strategy) == (0.12, 0.15)
    why = next(one.why for one in found.settings if one.key == "drawdown_tiers")
    assert why.endswith("cannot bind: 0.08")


def test_every_key_is_accounted_for() -> None:
    """Equity D.3 and A.1: what the platform injected, what nobody knows, and a second name of a known one."""
    found = read_parameters(
        {"theme_weights": {"AI": 1}, "theme_tilt": 0.5, "income_sleeve_symbol": "JEPI", "colour": "blue"}
        | {"start": "2020-01-01", "start_date": "2021-01-01", "score_csv_path": "scores.csv"}
    )

    assert found.keys_that_are(Effect.UNSUPPORTED) == (
        *("score_csv_path", "theme_weights", "theme_tilt", "income_sleeve_symbol", "colour"),
    )
    assert found.score_path == "scores.csv"
    assert effect(found, "start") is Effect.INERT
    assert found.backtest.start == date(2021, 1, 1)


def test_benchmark_and_defensives_are_not_among_the_names() -> None:
    found = read_parameters({"symbols": "aapl, msft,SPY,shy,aapl", "risk_off_symbols": "SHY"})

    assert found.universe.symbols == ("AAPL", "MSFT")


@pytest.mark.parametrize(
    ("frequency", "day", "days", "bars"),
    [
        ("Weekly", "Monday", 0, 0),
        ("Weekly", "Monday", 1, 0),
        ("Weekly", "Monday", 3, 0),
        ("Weekly", "Monday", 4, 1),
        ("Weekly", "Tuesday", 2, 1),
        ("Weekly", "Monday", 7, 4),
        ("Daily", "Monday", 1, 0),
        ("Daily", "Monday", 2, 1),
        ("Monthly", "Monday", 8, 5),
    ],
)
def test_a_delay_in_days_is_one_in_rows(frequency: str, day: str, days: int, bars: int) -> None:
    """Equity A.13 and I 5: Monday at ten with a delay of one day reads Friday's scores, the decision's own row."""
    texts = {"rebalance_frequency": frequency, "rebalance_day": day, "score_delay_days": str(days)}

    assert read_parameters(texts).strategy.score_delay_bars == bars


def test_daily_is_made_weekly_in_legacy_alone() -> None:
    """Equity H 13: the original said Daily and traded weekly."""
    assert read_parameters({"rebalance_frequency": "Daily"}).strategy.rebalance == "daily"
    assert read_parameters({}).strategy.rebalance == "weekly"
    old = legacy_settings({"rebalance_frequency": "Daily"})
    assert (old.strategy.rebalance, old.strategy.legacy.daily_is_weekly) == ("daily", True)
    assert effect(old, "rebalance_day") is Effect.USED


def test_a_map_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(RUN_462), encoding="utf-8")

    assert load_parameters(path) == read_parameters(RUN_462)
    assert load_parameters(path, legacy=True) == legacy_settings(RUN_462)
    assert json.loads(json.dumps(load_parameters(path).as_dict(), allow_nan=False))["strategy"]["top_n"] == 30


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"top_n": "1", "top_n": "2"}', "\udcff", '"' + "[" * 9])
def test_a_file_that_is_no_map_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(InputError, match=r"run\.json"):
        load_parameters(path)
    with pytest.raises(InputError, match=r"none\.json"):
        load_parameters(tmp_path / "none.json")


@given(
    st.lists(st.floats(-0.5, 1.5), max_size=6),
    st.lists(st.floats(0.0, 1.0), max_size=6),
)
def test_tiers_come_out_as_settings_take_them(tiers: list[float], exposures: list[float]) -> None:
    first, second = pair_tiers(tiers, exposures)

    StrategySettings(drawdown_tiers=first, drawdown_exposures=second)
    assert set(first) == {tier for tier in tiers if 0.0 < tier < 1.0 and exposures}


@given(st.dictionaries(st.sampled_from([entry.key for entry in TABLE]), st.text(max_size=8), max_size=6))
def test_any_text_is_read_or_refused(texts: dict[str, str]) -> None:
    """Bad input never ends in a traceback."""
    try:
        found = read_parameters(texts)
    except InputError:
        return
    assert {one.effect for one in found.settings} <= set(Effect)
