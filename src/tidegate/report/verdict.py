"""What the numbers say in plain words, and no more than they say.

The rules lie beside this module, one pure function each. They know nothing of language or layout: a statement
names a text and the values to put into it. A result that does not flatter is said as plainly as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

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
from tidegate.report.run_figures import ModelQuality
from tidegate.report.statements import Statement, Tone, Verdict

__all__ = ["Backtested", "Statement", "Tone", "Verdict", "forecast_verdict", "money_verdict"]

_MONEY_RULES: Final = (outcome, loss, luck, risk, fall, costs, against_index, limits, inert, capacity)


def money_verdict(tested: Backtested) -> Verdict:
    """Return the verdict on a backtest; the first finding is its headline."""
    short = short_period(tested)
    return Verdict(
        findings=tuple(statement for rule in _MONEY_RULES if (statement := rule(tested)) is not None),
        cautions=(
            *engine_notes(tested),
            *((short,) if short else ()),
            Statement("caution.one_backtest", Tone.CAUTION),
        ),
        limits=money_limits(tested),
    )


def forecast_verdict(models: Sequence[ModelQuality], traded: str) -> Verdict:
    """Return the verdict on the forecasts of the model that is traded, its rivals beside it."""
    model = next((model for model in models if model.model == traded), None)
    if model is None:
        return Verdict(findings=(Statement("forecast.absent", Tone.BAD, {"model": traded}),), cautions=(), limits=())
    findings = (forecast_skill(model), positive_years(model), better_rival(model, models))
    limits = ("limit.no_money", "limit.future", "limit.search")
    return Verdict(
        findings=tuple(finding for finding in findings if finding is not None),
        cautions=(Statement("caution.one_history", Tone.CAUTION),),
        limits=tuple(Statement(key) for key in limits),
    )
