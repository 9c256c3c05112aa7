"""What of a search was luck: tested on all of its sets together, and counted over all that was ever tried there.

The verdict rests on two tests of net returns in excess of the benchmark. The first asks whether the best of all sets is
better than the best of as many worthless ones (Hansen's test of superior predictive ability); the second, whether the
recommended set itself is, with its p value adjusted for all sets. It is asked once more of alphas, each set held
against as much of the benchmark as it moved with: whoever holds little beats a market that falls, by no skill at all.
The deflated Sharpe ratio and the probability of backtest overfitting stand beside it and decide nothing: where sets
share an edge the first finds few of them and the second stays near a half.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence, Set
from typing import Any, Final

import numpy as np

from tidegate.core.recipe import SearchSettings
from tidegate.evaluate.overfitting import probability_of_overfitting
from tidegate.evaluate.sharpe import deflated_sharpe, expected_maximum_sharpe, probabilistic_sharpe
from tidegate.evaluate.superior import SuperiorResult
from tidegate.registry.trials import TrialRecord
from tidegate.search.gathered import Gathered

__all__ = ["EDGE", "LUCK", "UNTESTED", "luck_of", "verdict_of"]

EDGE: Final = "edge"
LUCK: Final = "luck"
UNTESTED: Final = "untested"


def luck_of(
    gathered: Gathered,
    recommended: int | None,
    settings: SearchSettings,
    trials: Sequence[TrialRecord],
    own_trials: Set[str],
) -> dict[str, Any]:
    """Return what is known of the part that luck had.

    Parameters
    ----------
    recommended
        Row of the set that is recommended; None where none is.
    trials
        Everything that was tried in this market on a stretch of time that overlaps the window, this search included.
    own_trials
        Fingerprints of those of this search.

    Returns
    -------
    luck
        ``verdict``: ``edge`` where all tests reach the level and a set is recommended, ``untested`` where the window
        is too short, otherwise ``luck``; and ``level``, ``spa``, ``own``, ``matched``, ``trials``, ``dsr``, ``psr``,
        ``pbo``, and ``tested_from``, the close from which the tests ask.
    """
    superior, adjusted = gathered.superior, gathered.adjusted
    own = None if recommended is None or adjusted is None else float(adjusted[recommended])
    matched = None if recommended is None else _matched(gathered, recommended)
    return {
        "verdict": verdict_of(superior, own, None if matched is None else matched["adjusted_p"], settings.level),
        "level": settings.level,
        "tested_from": gathered.tested_from,
        "spa": None if superior is None else superior.as_document(),
        "own": None if own is None else {"row": recommended, "adjusted_p": own},
        "matched": matched,
        "trials": _counted(trials, own_trials),
        "dsr": None if recommended is None else _deflated(gathered, recommended, trials, own_trials),
        "psr": None if recommended is None else _probabilistic(gathered, recommended),
        "pbo": _overfitting(gathered),
    }


def verdict_of(superior: SuperiorResult | None, own: float | None, own_matched: float | None, level: float) -> str:
    """Return what is said of a search.

    Parameters
    ----------
    superior
        The test of all sets in excess of the benchmark; None where the window is too short.
    own, own_matched
        Adjusted p value of the recommended set, in excess of the benchmark and of as much of it as the set moved with;
        None where no set is recommended.
    level
        Share of markets in which chance may look as good.
    """
    if superior is None:
        return UNTESTED
    asked = (superior.p_value, own, own_matched)
    return EDGE if all(one is not None and one <= level for one in asked) else LUCK


def _matched(gathered: Gathered, row: int) -> dict[str, Any] | None:
    if gathered.matched is None:
        return None
    return {
        "beta": float(gathered.beta[row]),
        "alpha_a_bar": float(gathered.alpha[row]),
        "adjusted_p": float(gathered.matched.adjusted[row]),
        "p_value": gathered.matched.p_value,
    }


def _counted(trials: Sequence[TrialRecord], own_trials: Set[str]) -> dict[str, Any]:
    here = sum(one.fingerprint in own_trials for one in trials)
    return {
        "trials": len(trials),
        "trials_here": here,
        "trials_elsewhere": len(trials) - here,
        "by_kind": dict(sorted(Counter(one.kind for one in trials).items())),
    }


def _deflated(
    gathered: Gathered, row: int, trials: Sequence[TrialRecord], own_trials: Set[str]
) -> dict[str, Any] | None:
    """Return the deflated Sharpe ratio of one set, by the trials that were counted."""
    moments = gathered.excess_moments
    sharpe = float(moments.sharpe[row])
    pace = _bars_per_microsecond(moments.bars, int(gathered.times[0]), int(gathered.times[-1]))
    known = np.array([ratio for one in trials if (ratio := _at_pace(one, pace)) is not None])
    if not np.isfinite(sharpe) or len(known) < 2:
        return None
    shape = {"skewness": float(moments.skewness[row]), "kurtosis": float(moments.kurtosis[row])}
    variance = float(known.var(ddof=1))
    return {
        "value": deflated_sharpe(sharpe, bars=moments.bars, trials=len(trials), variance=variance, **shape),
        "sharpe": sharpe,
        "threshold": expected_maximum_sharpe(variance, len(trials)),
        **_counted(trials, own_trials),
        "variance": variance,
        "bars": moments.bars,
        **shape,
    }


def _at_pace(trial: TrialRecord, pace: float) -> float | None:
    """Return a trial's Sharpe ratio per bar of this window: on bars of another size it grows with the root of time."""
    if trial.excess_sharpe is None:
        return None
    return trial.excess_sharpe * math.sqrt(_bars_per_microsecond(trial.bars, trial.start, trial.end) / pace)


def _bars_per_microsecond(bars: int, start: int, end: int) -> float:
    return bars / max(end - start, 1)


def _probabilistic(gathered: Gathered, row: int) -> float | None:
    moments = gathered.excess_moments
    if not np.isfinite(moments.sharpe[row]):
        return None
    return probabilistic_sharpe(
        float(moments.sharpe[row]),
        bars=moments.bars,
        skewness=float(moments.skewness[row]),
        kurtosis=float(moments.kurtosis[row]),
    )


def _overfitting(gathered: Gathered) -> dict[str, Any] | None:
    if gathered.blocks is None or len(gathered.keys) < 2:
        return None
    return probability_of_overfitting(gathered.blocks).as_document()
