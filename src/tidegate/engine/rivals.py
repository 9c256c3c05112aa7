"""Two backtests on the same days: whether the difference between them is more than chance."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
from pydantic import ValidationError

from tidegate.core.errors import RunError
from tidegate.core.recipe import Recipe
from tidegate.core.time import format_instant
from tidegate.core.units import FloatArray, Int64Array
from tidegate.engine.figures import bars_per_year
from tidegate.evaluate import paired_difference
from tidegate.evaluate.performance import performance
from tidegate.registry import Run, RunKind, RunStatus

__all__ = ["compare_backtests"]

_FEWEST: Final = 20
"""Returns in common below which nothing is compared."""
_SHORTEST_BLOCK: Final = 10
"""What lasts in daily returns, such as their volatility, lasts for about two weeks."""


def compare_backtests(first: Run, second: Run, *, block: int | None = None, seed: int = 7) -> dict[str, Any]:
    """Compare two backtests by the returns that both have, in pairs.

    The mean difference of the log returns, a year, is what the first grew faster by; its interval and p value come from
    a circular block bootstrap of the differences, so what the market did to both cancels.

    Parameters
    ----------
    first, second
        Finished backtest runs, of any recipes on bars of one size.
    block
        Returns that stay together: as long as positions are held. None takes the longer label of both, and at least 10.
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
        If one is no finished backtest, their bars differ, they have too few days in common, or an account was ruined.
    InputError
        If the block is below 1.
    """
    recipes = [_recipe(run) for run in (first, second)]
    if recipes[0].data.interval != recipes[1].data.interval:
        raise RunError(
            found=f"bars of {recipes[0].data.interval} and of {recipes[1].data.interval}",
            expected="two backtests on bars of one size",
            hint="compare backtests of the same market",
        )
    if block is None:
        block = max(_SHORTEST_BLOCK, *(_label_bars(recipe) for recipe in recipes))
    times, curves = _in_common(first, second)
    per_year = bars_per_year(recipes[0], times)
    returns = [np.diff(np.log(curve)) for curve in curves]
    found = paired_difference(*returns, block=block, seed=seed)
    told = [
        {"id": run.id, **performance(times, curve / curve[0], per_year).as_dict()}
        for run, curve in zip((first, second), curves, strict=True)
    ]
    return {
        "from": int(times[0]),
        "to": int(times[-1]),
        "returns": found.instants,
        "first": told[0],
        "second": told[1],
        "difference_a_year": found.mean * per_year,
        "interval": None if found.low is None or found.high is None else [found.low * per_year, found.high * per_year],
        "p_value": found.p_value,
        "block": block,
        "correlation": _correlation(*returns),
    }


def _recipe(run: Run) -> Recipe:
    if run.kind is not RunKind.BACKTEST or run.status is not RunStatus.FINISHED:
        of_models = run.kind in {RunKind.TRAIN, RunKind.EXPERIMENT}
        raise RunError(
            found=f"{run.id}, a {run.status} {run.kind} run",
            expected="a finished backtest run",
            hint=f"models are compared on the same rows by: tidegate experiment {run.recipe_name}"
            if of_models
            else "list them: tidegate runs --kind backtest --status finished",
        )
    try:
        return Recipe.model_validate(run.recipe)
    except ValidationError:
        raise RunError(
            found=f"run {run.id} with a recipe that this version does not know",
            expected="a recipe of this version",
            hint=f"repeat the run: tidegate backtest {run.recipe_name}",
        ) from None


def _label_bars(recipe: Recipe) -> int:
    return max(reach.bars for reach in recipe.labels.reaches(recipe.data.interval))


def _in_common(first: Run, second: Run) -> tuple[Int64Array, list[FloatArray]]:
    """Return the closes that both accounts have, ``int64 (n,)``, and what each was worth, ``float64 (n,)``."""
    joined = _equity(first).join(_equity(second), on="time", suffix="_second").sort("time")
    if joined.height <= _FEWEST:
        raise RunError(
            found=f"{joined.height} closes that {first.id} and {second.id} have in common",
            expected=f"more than {_FEWEST}",
            hint="backtest both over the same dates: backtest.start and backtest.end",
        )
    times = joined["time"].dt.epoch("us").to_numpy()
    curves = [joined[name].to_numpy() for name in ("equity", "equity_second")]
    for run, curve in zip((first, second), curves, strict=True):
        ruined = np.flatnonzero(~(curve > 0.0))
        if ruined.size:
            raise RunError(
                found=f"{run.id}, worth {curve[ruined[0]]:,.0f} on {format_instant(int(times[ruined[0]]))[:10]}",
                expected="two accounts that grow or shrink, for a ruined one has no rate of growth",
                hint="the other one is better; lower the exposure of this one, or end both before: backtest.end",
            )
    return times, curves


def _equity(run: Run) -> pl.DataFrame:
    try:
        return pl.read_parquet(run.folder / "equity.parquet", columns=["time", "equity"])
    except (OSError, pl.exceptions.PolarsError):
        raise RunError(
            found=f"{run.id} without a readable equity.parquet",
            expected="the files that a backtest leaves",
            hint=f"repeat it: tidegate backtest {run.recipe_name}",
        ) from None


def _correlation(first: FloatArray, second: FloatArray) -> float | None:
    if not first.std() or not second.std():
        return None
    return float(np.corrcoef(first, second)[0, 1])
