"""What was tried by simulation, as the database counts it.

Everything that shows somebody what a set of parameters did counts: backtests, their legacy switches, searches and
selections. The probe of parameters that never bind and the runs at other sizes of account are steps of one backtest,
whose results nobody sees one by one and nobody can choose from; they do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from tidegate.core.recipe import Recipe
from tidegate.core.time import Instant
from tidegate.core.units import FloatArray, Int64Array
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.engine.sweep import Trial
from tidegate.evaluate.sharpe import sharpe_moments
from tidegate.registry import Run, TrialRecord, TrialStore, market_of_dataset, training_of, trial_fingerprint

__all__ = ["fingerprint_of", "record_trials", "trial_records"]


def record_trials(
    workspace: Workspace,
    recipe: Recipe,
    trained: Run,
    trials: Sequence[Trial],
    *,
    times: Int64Array,
    equity: FloatArray,
    benchmark: FloatArray,
    kind: str,
    run: str,
) -> None:
    """Keep what parameter sets did on the scores of one training run; what is there already stays as it is.

    Parameters
    ----------
    trials
        The sets, in the order of the columns of ``equity``.
    times, equity, benchmark, kind, run
        As for :func:`trial_records`.
    """
    training = training_of(trained)
    records = trial_records(
        [fingerprint_of(recipe, trial, training) for trial in trials],
        market=market_of_dataset(Catalog(workspace), recipe.data.dataset),
        times=times,
        equity=equity,
        benchmark=benchmark,
        kind=kind,
        run=run,
        recipe_name=recipe.name,
    )
    TrialStore(workspace).record(records)


def fingerprint_of(recipe: Recipe, trial: Trial, training: str) -> str:
    """Return the fingerprint of one parameter set of a recipe on the scores of a training.

    Parameters
    ----------
    recipe
        Cash, rules of the fills and the model whose scores decide.
    trial
        Its strategy and costs; its fill rules follow from both.
    training
        From :func:`tidegate.registry.training_of`.
    """
    return trial_fingerprint(
        settings=trial.settings,
        costs=trial.costs,
        backtest=recipe.backtest,
        training=training,
        model=recipe.leading_model,
    )


def trial_records(
    fingerprints: Sequence[str],
    *,
    market: str,
    times: Int64Array,
    equity: FloatArray,
    benchmark: FloatArray,
    kind: str,
    run: str,
    recipe_name: str,
) -> list[TrialRecord]:
    """Return a record of each curve of equity, with its Sharpe ratios per bar.

    Parameters
    ----------
    times
        ``int64 (n_times,)`` closes of the account, the first one before any trade.
    equity
        ``float64 (n_times, n_sets)``, currency, after all costs.
    benchmark
        ``float64 (n_times,)``, currency at the same closes.

    Examples
    --------
    >>> times = np.arange(1, 5) * 86_400_000_000
    >>> equity = np.array([[1.0, 1.0], [1.1, 1.0], [1.21, 1.0], [1.694, 1.0]])
    >>> [risen, idle] = trial_records(["a", "b"], market="XNYS", times=times, equity=equity, benchmark=np.ones(4),
    ...                               kind="search", run="r", recipe_name="n")
    >>> round(risen.sharpe, 4), risen.bars, idle.sharpe
    (1.1547, 3, None)
    """
    changes, of_benchmark = _returns(equity), _returns(benchmark[:, np.newaxis])
    return [
        TrialRecord(
            fingerprint=fingerprint,
            market=market,
            start=Instant(int(times[0])),
            end=Instant(int(times[-1])),
            bars=len(times) - 1,
            sharpe=sharpe,
            excess_sharpe=excess,
            kind=kind,
            run=run,
            recipe_name=recipe_name,
        )
        for fingerprint, sharpe, excess in zip(
            fingerprints, _ratios(changes), _ratios(changes - of_benchmark), strict=True
        )
    ]


def _returns(equity: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):  # an account on margin may be ruined
        changes: FloatArray = equity[1:] / equity[:-1] - 1.0
    return changes


def _ratios(returns: FloatArray) -> list[float | None]:
    """Return the Sharpe ratio per bar of each column; None for what never varies, is ruined, or is a single bar."""
    found = np.full(returns.shape[1], np.nan)
    known = np.isfinite(returns).all(axis=0)
    if len(returns) > 1 and known.any():
        found[known] = sharpe_moments(returns[:, known]).sharpe
    return [ratio if isfinite(ratio) else None for ratio in found.tolist()]
