"""Each rule of the verdict speaks when it should and keeps silent when it should not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tidegate.report.forecast_rules import better_rival, forecast_skill, positive_years
from tidegate.report.money_rules import (
    Backtested,
    against_index,
    capacity,
    costs,
    engine_notes,
    fall,
    inert,
    limits,
    loss,
    luck,
    money_limits,
    outcome,
    risk,
    short_period,
)
from tidegate.report.run_figures import (
    Capacity,
    Costs,
    Curve,
    Excess,
    Inert,
    ModelQuality,
    Note,
    Performance,
    YearQuality,
)
from tidegate.report.statements import Statement, Tone
from tidegate.report.verdict import forecast_verdict, money_verdict

CURVE = Curve(
    cagr=0.10, volatility=0.15, sharpe=0.7, max_drawdown=0.3, drawdown_start=0, drawdown_end=1, total_return=1.6,
    years=10.0, start=0, end=2,
)  # fmt: skip
PAID = Costs(
    commission=1.0,
    half_spread=1.0,
    impact=0.0,
    stamp_tax=0.0,
    total=2.0,
    annual_drag=0.02,
    interest=0.0,
    annual_turnover=5.0,
)
CLEAR = Excess(annual_log_excess=0.03, t_statistic=2.5, weeks=520, standard_error=0.012)


def case_of(
    *,
    strategy: dict[str, Any] | None = None,
    benchmark: dict[str, Any] | None = None,
    excess: dict[str, Any] | None = None,
    paid: dict[str, Any] | None = None,
    index: Curve | None = None,
    notes: tuple[Note, ...] = (),
) -> Backtested:
    performance = Performance(
        strategy=replace(CURVE, **(strategy or {})),
        benchmark=replace(CURVE, cagr=0.07, **(benchmark or {})),
        index=index,
        excess=replace(CLEAR, **(excess or {})),
        costs=replace(PAID, **(paid or {})),
        notes=notes,
    )
    return Backtested(performance=performance, benchmark="SPY", index=None if index is None else "SPX")


def model(
    ic: float | None = 0.03, t: float | None = 3.0, years: tuple[float | None, ...] = (0.03, 0.02), name: str = "ridge"
) -> ModelQuality:
    by_year = tuple(
        YearQuality(year=2014 + place, rank_ic=value, hit_rate=None, quantile_spread=None, instants=250)
        for place, value in enumerate(years)
    )
    return ModelQuality(
        model=name, rank_ic=ic, rank_ic_t=t, hit_rate=0.51, quantile_spread=0.001, instants=500, by_year=by_year
    )


def said(statement: Statement | None) -> tuple[str, Tone] | None:
    return None if statement is None else (statement.key, statement.tone)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (case_of(), ("outcome.ahead", Tone.GOOD)),
        (case_of(excess={"t_statistic": 1.2}), ("outcome.ahead", Tone.NEUTRAL)),
        (case_of(strategy={"cagr": -0.01}, benchmark={}, excess={}), ("outcome.behind", Tone.BAD)),
        (case_of(strategy={"cagr": 0.0699}), ("outcome.level", Tone.NEUTRAL)),
        (case_of(excess={"annual_log_excess": None}), ("outcome.unknown", Tone.NEUTRAL)),
    ],
)
def test_outcome(case: Backtested, expected: tuple[str, Tone]) -> None:
    assert said(outcome(case)) == expected


def test_a_lead_that_still_lost_money_is_not_praised() -> None:
    both = case_of(strategy={"cagr": -0.02})
    performance = replace(both.performance, benchmark=replace(both.performance.benchmark, cagr=-0.06))

    assert said(outcome(replace(both, performance=performance))) == ("outcome.ahead", Tone.NEUTRAL)


def test_loss() -> None:
    assert said(loss(case_of(strategy={"total_return": -0.2}))) == ("outcome.loss", Tone.BAD)
    assert loss(case_of()) is None


@pytest.mark.parametrize(
    ("excess", "expected"),
    [
        ({"t_statistic": 2.5}, ("luck.ahead", Tone.GOOD)),
        ({"t_statistic": 1.99}, ("luck.indistinct", Tone.CAUTION)),
        ({"t_statistic": -1.99}, ("luck.indistinct", Tone.CAUTION)),
        ({"t_statistic": -2.5}, ("luck.behind", Tone.BAD)),
        ({"weeks": 51}, ("luck.too_short", Tone.CAUTION)),
        ({"t_statistic": None}, ("luck.too_short", Tone.CAUTION)),
    ],
)
def test_luck(excess: dict[str, Any], expected: tuple[str, Tone]) -> None:
    assert said(luck(case_of(excess=excess))) == expected


def test_risk() -> None:
    assert said(risk(case_of(strategy={"sharpe": 0.5}))) == ("risk.lower_sharpe", Tone.CAUTION)
    assert risk(case_of()) is None
    assert risk(case_of(strategy={"sharpe": 0.5}, excess={"annual_log_excess": -0.01})) is None


def test_fall() -> None:
    assert said(fall(case_of(strategy={"max_drawdown": 0.4}))) == ("fall.deeper", Tone.BAD)
    assert said(fall(case_of(strategy={"max_drawdown": 0.2}))) == ("fall.milder", Tone.NEUTRAL)
    assert fall(case_of(strategy={"max_drawdown": 0.0})) is None


def test_costs() -> None:
    assert said(costs(case_of())) == ("costs.paid", Tone.NEUTRAL)
    assert said(costs(case_of(excess={"annual_log_excess": -0.01}))) == ("costs.decisive", Tone.BAD)
    assert said(costs(case_of(excess={"annual_log_excess": -0.05}))) == ("costs.paid", Tone.NEUTRAL)
    assert said(costs(case_of(paid={"total": 0.0, "annual_drag": 0.0}))) == ("costs.none", Tone.CAUTION)


def test_index() -> None:
    bare = Note(code="index_without_dividends", values={})

    assert against_index(case_of()) is None
    assert said(against_index(case_of(index=CURVE))) == ("index.plain", Tone.NEUTRAL)
    assert said(against_index(case_of(index=CURVE, notes=(bare,)))) == ("index.without_dividends", Tone.NEUTRAL)


def recorded_case(**recorded: Any) -> Backtested:
    case = case_of()
    return replace(case, performance=replace(case.performance, **recorded))


def test_the_limit_that_bound_most_is_named_and_a_choice_of_names_is_none() -> None:
    found = limits(recorded_case(binding_counts={"cap": 3, "tier": 9, "retain": 50}, rebalances=52))

    assert said(found) == ("limits.most", Tone.NEUTRAL)
    assert found is not None
    assert found.values == {"constraint": "tier", "count": 9, "rebalances": 52}
    assert said(limits(recorded_case(binding_counts={"cap": 0, "retain": 50}, rebalances=52))) == (
        "limits.none",
        Tone.NEUTRAL,
    )
    assert limits(case_of()) is None


def test_parameters_that_changed_nothing_are_named() -> None:
    two = (Inert(parameter="max_weight", why="never bound"), Inert(parameter="top_n", why="the same result"))
    found = inert(recorded_case(inert=two))

    assert said(found) == ("inert.some", Tone.CAUTION)
    assert found is not None
    assert found.values["parameters"] == "max_weight, top_n"
    assert inert(recorded_case(inert=())) is None
    assert inert(case_of()) is None


def test_capacity_is_said_or_why_it_is_not_known() -> None:
    known, unknown = Capacity(nav=1e8, reason=None, edge=0.05), Capacity(nav=None, reason="no volume", edge=None)

    assert said(capacity(recorded_case(capacity=known))) == ("capacity.known", Tone.NEUTRAL)
    assert said(capacity(recorded_case(capacity=unknown))) == ("capacity.unknown", Tone.CAUTION)
    assert capacity(case_of()) is None


def test_short_period() -> None:
    assert short_period(case_of()) is None
    assert said(short_period(case_of(strategy={"years": 1.5}))) == ("caution.short_period", Tone.CAUTION)


def test_notes_of_the_engine_come_in_order_of_weight() -> None:
    notes = tuple(Note(code=code, values={}) for code in ("expired_orders", "survivorship", "index_without_dividends"))

    assert [note.key for note in engine_notes(case_of(notes=notes))] == ["note.survivorship", "note.expired_orders"]


def test_capacity_is_unknown_without_impact() -> None:
    without = case_of(notes=(Note(code="no_impact", values={}),))

    assert "limit.capacity_unknown" in [limit.key for limit in money_limits(without)]
    assert "limit.capacity_modelled" in [limit.key for limit in money_limits(case_of())]


@pytest.mark.parametrize(
    ("quality", "expected"),
    [
        (model(), ("forecast.skill", Tone.GOOD)),
        (model(t=1.9), ("forecast.indistinct", Tone.CAUTION)),
        (model(ic=-0.03, t=-3.0), ("forecast.wrong_way", Tone.BAD)),
        (model(t=None), ("forecast.unknown", Tone.CAUTION)),
    ],
)
def test_forecast_skill(quality: ModelQuality, expected: tuple[str, Tone]) -> None:
    assert said(forecast_skill(quality)) == expected


def test_positive_years() -> None:
    assert said(positive_years(model(years=(0.1, -0.1, None, 0.2)))) == ("forecast.years", Tone.NEUTRAL)
    assert said(positive_years(model(years=(0.1, -0.1)))) == ("forecast.years", Tone.BAD)
    assert positive_years(model(years=(None,))) is None


def test_a_better_rival_is_named_and_not_recommended() -> None:
    weak, strong = model(ic=0.01), model(ic=0.03, name="lightgbm")

    assert said(better_rival(weak, (weak, strong))) == ("forecast.better_rival", Tone.CAUTION)
    assert better_rival(strong, (weak, strong)) is None
    assert better_rival(weak, (weak,)) is None


def test_every_verdict_says_that_it_is_no_proof() -> None:
    assert money_verdict(case_of()).cautions[-1].key == "caution.one_backtest"
    assert forecast_verdict((model(),), "ridge").cautions[-1].key == "caution.one_history"


def test_forecasts_of_another_model_are_not_passed_off_as_the_traded_ones() -> None:
    assert forecast_verdict((model(),), "lightgbm").findings[0].key == "forecast.absent"


def test_a_run_without_a_fill_is_called_nothing_and_not_a_draw() -> None:
    """Zero against zero once read as «as much as its benchmark»."""
    tested = case_of(notes=(Note(code="nothing_traded", values={}),))
    assert outcome(tested) is not None
    assert outcome(tested).key == "outcome.nothing_traded"  # type: ignore[union-attr]
    assert luck(tested) is None
