"""Two backtests on the same days: whether the difference between them is more than chance."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from tidegate.core.errors import RunError
from tidegate.core.recipe import Recipe
from tidegate.core.units import FloatArray
from tidegate.engine.figures import bars_per_year
from tidegate.evaluate import paired_difference
from tidegate.evaluate.performance import performance
from tidegate.registry import Run, RunKind, RunStatus

__all__ = ["compare_backtests"]

_FEWEST: Final = 20
"""Returns in common below which nothing is compared."""


def compare_backtests(first: Run, second: Run, *, block: int = 10, seed: int = 7) -> dict[str, Any]:
    """Compare two backtests by the daily returns that both have, in pairs.

    The mean difference of the log returns, a year, is what the first grew faster by; its interval and p value come from
    a circular block bootstrap of the differences, so what the market did to both cancels.

    Parameters
    ----------
    first, second
        Finished backtest runs, of any recipes on bars of one size.
    block
        Returns that stay together: about as long as positions are held.
    seed
        Decides the draws.

    Returns
    -------
    found
        ``from``, ``to`` (microseconds UTC), ``returns``, ``first`` and ``second`` (id, growth, volatility, Sharpe,
        drawdown over the days in common), ``difference_a_year``, ``interval``, ``p_value``, ``block``, ``correlation``.

    Raises
    ------
    RunError
        If one is no finished backtest, their bars differ, or they have too few days in common.
    """
    recipes = [_recipe(run) for run in (first, second)]
    if recipes[0].data.interval != recipes[1].data.interval:
        raise RunError(
            found=f"bars of {recipes[0].data.interval} and of {recipes[1].data.interval}",
            expected="two backtests on bars of one size",
            hint="compare backtests of the same market",
        )
    joined = _equity(first).join(_equity(second), on="time", suffix="_second").sort("time")
    if joined.height <= _FEWEST:
        raise RunError(
            found=f"{joined.height} closes that {first.id} and {second.id} have in common",
            expected=f"more than {_FEWEST}",
            hint="backtest both over the same dates: backtest.start and backtest.end",
        )
    times = joined["time"].dt.epoch("us").to_numpy()
    curves = [joined[name].to_numpy() for name in ("equity", "equity_second")]
    per_year = bars_per_year(recipes[0], times)
    returns = [_log_returns(curve) for curve in curves]
    found = paired_difference(*returns, block=block, seed=seed)
    known = np.isfinite(returns[0] + returns[1])
    return {
        "from": int(times[0]),
        "to": int(times[-1]),
        "returns": found.instants,
        "first": {"id": first.id, **performance(times, curves[0] / curves[0][0], per_year).as_dict()},
        "second": {"id": second.id, **performance(times, curves[1] / curves[1][0], per_year).as_dict()},
        "difference_a_year": found.mean * per_year,
        "interval": None if found.low is None or found.high is None else [found.low * per_year, found.high * per_year],
        "p_value": found.p_value,
        "block": block,
        "correlation": _correlation(returns[0][known], returns[1][known]),
    }


def _recipe(run: Run) -> Recipe:
    if run.kind is not RunKind.BACKTEST or run.status is not RunStatus.FINISHED:
        raise RunError(
            found=f"{run.id}, a {run.status} {run.kind} run",
            expected="a finished backtest run",
            hint="list them: tidegate runs --kind backtest --status finished",
        )
    return Recipe.model_validate(run.recipe)


def _equity(run: Run) -> pl.DataFrame:
    return pl.read_parquet(run.folder / "equity.parquet", columns=["time", "equity"])


def _log_returns(equity: FloatArray) -> FloatArray:
    """Return log returns; NaN once an account is ruined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        steps: FloatArray = np.diff(np.log(np.where(equity > 0.0, equity, np.nan)))
    return steps


def _correlation(first: FloatArray, second: FloatArray) -> float | None:
    if len(first) < _FEWEST or not first.std() or not second.std():
        return None
    return float(np.corrcoef(first, second)[0, 1])
