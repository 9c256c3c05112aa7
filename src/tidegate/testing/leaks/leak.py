"""One planted leak: a pipeline that looks ahead as a real one did, and its honest twin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from tidegate.audit import FindingKind
from tidegate.core.history import History
from tidegate.core.pipeline import Claim, Pipeline, Stage, StageKind
from tidegate.core.units import FloatArray, Int64Array
from tidegate.features.windows import lagged

__all__ = ["HONEST", "ClaimingFormulas", "Compute", "Formulas", "Leak", "log_close", "momentum"]

Compute = Callable[[History], FloatArray]
"""From a history to ``float64 (n_times, n_symbols)``."""

HONEST = "momentum_5"
"""Key of the feature that every pipeline of features delivers beside its own and that never leaks."""


@dataclass(frozen=True, kw_only=True)
class Leak:
    """One way of using what nobody knew yet.

    Parameters
    ----------
    name
        Unique name.
    about
        What goes wrong, in one line.
    source
        Where it was seen: a public thread, or a defect of an earlier system.
    key
        The key of a stage, or the name of a claim, that an audit must name.
    expected
        The kinds of finding that name it rightly; an audit finds at least one of them and no other.
    planted, clean
        Seed to a pipeline that leaks, and to one that does the same job honestly.
    history
        Seed to the data for both.
    planted_history
        Seed to the data of the leak, where it is the data that lie.
    refitted
        Seed to instants right after which something was fitted again.
    """

    name: str
    about: str
    source: str
    keys: tuple[str, ...]
    expected: frozenset[FindingKind]
    planted: Callable[[int], Pipeline]
    clean: Callable[[int], Pipeline]
    history: Callable[[int], History]
    planted_history: Callable[[int], History] | None = None
    refitted: Callable[[int], tuple[int, ...]] = lambda _: ()


@dataclass(frozen=True, kw_only=True)
class Formulas:
    """A pipeline of one stage: keys to plain functions of the history.

    Parameters
    ----------
    formulas
        Key to function.
    kind, lookback_bars, bounds, maximum_ages
        As in :class:`tidegate.core.pipeline.Stage`.
    ends
        Of labels: from a history to the instant at which the label of each row is known.
    """

    formulas: Mapping[str, Compute]
    kind: StageKind = StageKind.FEATURES
    lookback_bars: Mapping[str, int] = field(default_factory=dict)
    bounds: Mapping[str, float] = field(default_factory=dict)
    maximum_ages: Mapping[str, int] = field(default_factory=dict)
    ends: Callable[[History], Int64Array] | None = None

    def run(self, history: History) -> Iterable[Stage]:
        """Yield the one stage."""
        # A future of garbage overflows where an honest one does not, and that is none of the formulas' business.
        with np.errstate(all="ignore"):
            values = np.stack([compute(history) for compute in self.formulas.values()], axis=2)
        yield Stage(
            kind=self.kind,
            times=history.bars.times,
            symbols=history.bars.symbols,
            keys=tuple(self.formulas),
            values=values,
            ends=None if self.ends is None else self.ends(history),
            lookback_bars=dict(self.lookback_bars),
            bounds=dict(self.bounds),
            maximum_ages=dict(self.maximum_ages),
        )


@dataclass(frozen=True, kw_only=True)
class ClaimingFormulas(Formulas):
    """The same, and it says how it splits, fits or fills.

    Parameters
    ----------
    claimed
        From a history to the claims.
    """

    claimed: Callable[[History], tuple[Claim, ...]]

    def claims(self, history: History) -> Iterable[Claim]:
        """Yield the claims."""
        yield from self.claimed(history)


def log_close(history: History) -> FloatArray:
    """Return the logarithm of the close; what is not positive is missing."""
    close = np.ascontiguousarray(history.bars["close"])
    return np.log(np.where(close > 0.0, close, np.nan))


def momentum(history: History) -> FloatArray:
    """Return the log return over five bars."""
    return log_close(history) - lagged(log_close(history), 5)
