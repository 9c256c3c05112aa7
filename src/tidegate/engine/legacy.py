"""What each defect of the platforms before was worth: one backtest per switch, on the same data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.recipe_strategy import LegacySettings, StrategySettings
from tidegate.core.units import FloatArray, Int64Array
from tidegate.costs import CostModel
from tidegate.engine.fill_rules import LEGACY_MARGIN
from tidegate.engine.market import Market
from tidegate.engine.market_reading import filled_at_previous_close
from tidegate.engine.sweep import Trial, run_trials
from tidegate.evaluate.performance import performance

__all__ = [
    "ALL",
    "DEFAULT",
    "SWITCHES",
    "LegacyCurve",
    "LegacyEffect",
    "explain_legacy",
    "legacy_curves",
    "legacy_effects",
    "legacy_trial",
]

SWITCHES: Final = tuple(LegacySettings.model_fields)
"""Every switch, in the order of the settings."""

ALL: Final = "all"
DEFAULT: Final = "none"


@dataclass(frozen=True, kw_only=True)
class LegacyEffect:
    """A backtest with one switch on, against the one with none.

    Parameters
    ----------
    switch
        Its name, or ``none`` and ``all``.
    about
        What it does, in words.
    cagr, max_drawdown
        Fractions.
    cagr_points, drawdown_points
        Differences to the run without any switch, in percentage points: above 0 is more growth, or a deeper fall.
    final_equity
        Currency.
    """

    switch: str
    about: str
    cagr: float
    max_drawdown: float
    cagr_points: float
    drawdown_points: float
    final_equity: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True, eq=False, kw_only=True)
class LegacyCurve:
    """A backtest with one switch on.

    Parameters
    ----------
    trial
        What was simulated.
    equity
        ``float64 (n_times,)``, currency.
    """

    trial: Trial
    equity: FloatArray


def legacy_trial(market: Market, trial: Trial, *switches: str) -> tuple[Market, Trial]:
    """Return a backtest with these switches on and no others, and the market that it needs.

    Parameters
    ----------
    market
        As it is without switches: one whose fills are those of the next session.
    switches
        Names of :class:`~tidegate.core.recipe_strategy.LegacySettings`; ``all`` is every one, ``none`` is none.

    Raises
    ------
    InputError
        If there is no such switch, or the strategy is not the rotation.
    """
    settings = trial.settings
    wanted = set(SWITCHES) if ALL in switches else set(switches) - {DEFAULT}
    unknown = sorted(wanted - set(SWITCHES))
    if unknown or not isinstance(settings, StrategySettings):
        raise InputError(
            found=f"the switch {unknown[0]}" if unknown else "a strategy without legacy switches",
            expected=f"the rotation, and some of {', '.join(SWITCHES)}",
            hint="see LegacySettings",
        )
    legacy = LegacySettings(**dict.fromkeys(wanted, True))
    rules = trial.rules
    if legacy.riskoff_keeps_book and rules.gross_limit == 0.0:
        rules = replace(rules, gross_limit=LEGACY_MARGIN)
    if legacy.fill_previous_close:
        market = replace(market, fill=filled_at_previous_close(market))
    return market, Trial(
        settings=settings.model_copy(update={"legacy": legacy}),
        costs=CostModel() if legacy.fee_ignored else trial.costs,
        rules=rules,
    )


def explain_legacy(
    market: Market,
    trial: Trial,
    *,
    initial_cash: float,
    start: int = 0,
    periods_per_year: float = 252.0,
    threads: int = 1,
) -> list[LegacyEffect]:
    """Return how the result changes with each switch alone, and with all of them.

    Parameters
    ----------
    market, initial_cash, start, periods_per_year, threads
        As for :func:`~tidegate.engine.sweep.run_trials`.
    trial
        The backtest; switches that it has on itself are taken off first.

    Returns
    -------
    list of LegacyEffect
        None first, then each switch in the order of the settings, then all. A switch that changes nothing has
        differences of exactly 0.

    Raises
    ------
    InputError
        If the strategy is not the rotation.
    """
    curves = legacy_curves(
        market, trial, initial_cash=initial_cash, start=start, periods_per_year=periods_per_year, threads=threads
    )
    return legacy_effects(market.times[start:], curves, periods_per_year)


def legacy_curves(
    market: Market,
    trial: Trial,
    *,
    initial_cash: float,
    start: int = 0,
    periods_per_year: float = 252.0,
    threads: int = 1,
) -> dict[str, LegacyCurve]:
    """Return the backtest by switch, as :func:`explain_legacy` compares them.

    Raises
    ------
    InputError
        If the strategy is not the rotation.
    """
    names = (DEFAULT, *SWITCHES, ALL)
    prepared = [legacy_trial(market, trial, name) for name in names]
    curves: dict[str, LegacyCurve] = {}
    for changed in (False, True):  # those with the market as it is share one sweep
        group = [number for number, (seen, _) in enumerate(prepared) if (seen is not market) is changed]
        if group:
            sweep = run_trials(
                prepared[group[0]][0],
                [prepared[number][1] for number in group],
                initial_cash=initial_cash,
                start=start,
                periods_per_year=periods_per_year,
                whole=False,
                threads=threads,
            )
            curves |= {
                names[number]: LegacyCurve(trial=prepared[number][1], equity=sweep.equity[:, column])
                for column, number in enumerate(group)
            }
    return {name: curves[name] for name in names}


def legacy_effects(times: Int64Array, curves: Mapping[str, LegacyCurve], periods_per_year: float) -> list[LegacyEffect]:
    """Return what each switch was worth, in the order of the curves.

    Parameters
    ----------
    times
        ``int64 (n_times,)`` closes of the curves.
    curves
        From :func:`legacy_curves`.
    """
    figures = {name: _figures(times, curve.equity, periods_per_year) for name, curve in curves.items()}
    return [_effect(name, curve.equity, figures[name], figures[DEFAULT]) for name, curve in curves.items()]


def _effect(name: str, equity: FloatArray, found: tuple[float, float], plain: tuple[float, float]) -> LegacyEffect:
    return LegacyEffect(
        switch=name,
        about=_about(name),
        cagr=found[0],
        max_drawdown=found[1],
        cagr_points=100.0 * (found[0] - plain[0]),
        drawdown_points=100.0 * (found[1] - plain[1]),
        final_equity=float(equity[-1]),
    )


def _about(name: str) -> str:
    if name in SWITCHES:
        return str(LegacySettings.model_fields[name].description)
    return "As the rules say." if name == DEFAULT else "All of them at once."


def _figures(times: Int64Array, equity: FloatArray, per_year: float) -> tuple[float, float]:
    """Return CAGR and maximum drawdown; a book on margin may be ruined, which is all of it lost."""
    if not bool(np.all(equity > 0.0)):
        return -1.0, 1.0
    found = performance(times, equity, per_year)
    return found.cagr, found.max_drawdown
