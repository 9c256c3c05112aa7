"""What an audit asks of a pipeline that is handed to it: run on a history, and show every stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from tidegate.core.errors import InputError
from tidegate.core.history import History
from tidegate.core.time import BarInterval
from tidegate.core.units import Int64Array

__all__ = [
    "BarClaim",
    "Claim",
    "Claimant",
    "EncoderClaim",
    "FillClaim",
    "FitClaim",
    "OnlinePipeline",
    "Pipeline",
    "SplitClaim",
    "Stage",
    "StageKind",
]


class StageKind(StrEnum):
    """What a stage of a pipeline delivers."""

    FEATURES = "features"
    LABELS = "labels"
    PREDICTIONS = "predictions"
    DECISIONS = "decisions"


@dataclass(frozen=True, eq=False, kw_only=True)
class Stage:
    """Some rows of what a pipeline delivers.

    Parameters
    ----------
    kind
        Values of features, predictions and decisions at row *t* must follow from what was known at ``times[t]``. Only
        labels may see the future, and only up to their end.
    times
        ``int64 (n,)`` ascending decision instants.
    symbols
        Names of the second axis.
    keys
        Names of the last axis.
    values
        ``float (n, n_symbols, n_keys)``; NaN is missing.
    ends
        Of labels: ``int64 (n,)``, the instant at which the label of each row is known.
    lookback_bars
        Key to the bars, the present one included, that suffice for its value; a key that is absent declares none.
    bounds
        Key to the largest change that bars before its lookback can make; absent means none at all, to the bit.
    table_lookbacks
        Name of a table to the microseconds of known time, up to the instant, whose rows suffice for every value; a
        table that is absent declares none and is read whole.
    maximum_ages
        Key to the microseconds after which what its sources said last counts no more.
    neutrals
        Key to the value that stands for a missing one beside a mask; without it a missing value is NaN.
    masks
        Key to the key of the flag that is 1 where it is missing.
    """

    kind: StageKind
    times: Int64Array
    symbols: tuple[str, ...]
    keys: tuple[str, ...]
    values: npt.NDArray[Any]
    ends: Int64Array | None = None
    lookback_bars: Mapping[str, int] = field(default_factory=dict)
    bounds: Mapping[str, float] = field(default_factory=dict)
    table_lookbacks: Mapping[str, int] = field(default_factory=dict)
    maximum_ages: Mapping[str, int] = field(default_factory=dict)
    neutrals: Mapping[str, float] = field(default_factory=dict)
    masks: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.values.dtype.kind not in "fiub":
            raise InputError(
                found=f"{self.kind.value} of type {self.values.dtype}",
                expected="real numbers",
                hint="encode words as numbers; missing is NaN",
            )
        shape = (len(self.times), len(self.symbols), len(self.keys))
        if self.values.shape != shape or np.any(np.diff(self.times) <= 0):
            raise InputError(
                found=f"{self.kind.value} of shape {self.values.shape} at {len(self.times)} instants",
                expected=f"{shape}, at ascending instants",
                hint="one row per decision instant, one place per symbol and key",
            )
        if self.kind is StageKind.LABELS and (self.ends is None or len(self.ends) != len(self.times)):
            raise InputError(
                found="labels without an end per row",
                expected="the instant at which each label is known",
                hint="a label that does not say until when it looks cannot be purged",
            )


def _same_length(what: str, **instants: Int64Array) -> None:
    """Refuse a claim whose arrays do not go together."""
    if len({np.shape(one) for one in instants.values()}) > 1 or any(np.ndim(one) != 1 for one in instants.values()):
        raise InputError(
            found=f"{what} of " + " and ".join(f"{name} {np.shape(one)}" for name, one in instants.items()),
            expected="one-dimensional arrays of equal length",
            hint="one instant per sample or order in each",
        )


class Pipeline(Protocol):
    """Anything from raw observations to features, labels, predictions or decisions.

    An audit runs it on a whole history, on truncated ones and on ones whose future is garbage, and compares. It must be
    picklable (closures are, too), since each run has a process of its own.
    """

    def run(self, history: History) -> Iterable[Stage]:
        """Yield the stages for every row of a history; long ones may come as several blocks of rows, in order."""
        ...


@runtime_checkable
class OnlinePipeline(Pipeline, Protocol):
    """A pipeline that computes the newest row alone faster than all of them, as an online decision needs it."""

    def newest(self, history: History) -> Stage:
        """Return the row of the newest bar of a history, equal to the last row of the stage in a run of all rows.

        An audit asks thousands of times, of short stretches of bars: only stages that declare a lookback.
        """
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class SplitClaim:
    """How one fold keeps training and test apart: ``int64`` instants, one per sample.

    Parameters
    ----------
    name
        Which fold.
    train_times, train_ends
        Decision instants of the training samples, and when each label is known.
    test_times, test_ends
        The same of the test samples.
    embargo
        Microseconds after the end of each test label in which no training sample begins.
    """

    name: str
    train_times: Int64Array
    train_ends: Int64Array
    test_times: Int64Array
    test_ends: Int64Array
    embargo: int = 0

    def __post_init__(self) -> None:
        _same_length(f"split {self.name!r}", train_times=self.train_times, train_ends=self.train_ends)
        _same_length(f"split {self.name!r}", test_times=self.test_times, test_ends=self.test_ends)


@dataclass(frozen=True, eq=False, kw_only=True)
class FitClaim:
    """What a statistic was fitted on: a scaler, a reducer of text, a calibrator, a threshold.

    Parameters
    ----------
    name
        Which statistic, and of which fold.
    fitted_times
        ``int64`` decision instants of the samples it was fitted on.
    allowed_times
        ``int64`` instants of the samples it may be fitted on: the fold's training or calibration part.
    """

    name: str
    fitted_times: Int64Array
    allowed_times: Int64Array


@dataclass(frozen=True, kw_only=True)
class EncoderClaim:
    """Until when the texts reach that a text encoder was trained on, and the first instant of a test that uses it."""

    name: str
    training_cutoff: int | None
    first_used: int


@dataclass(frozen=True, eq=False, kw_only=True)
class FillClaim:
    """When decisions were taken and when their orders were filled: ``int64 (n,)`` each."""

    name: str
    decided: Int64Array
    filled: Int64Array

    def __post_init__(self) -> None:
        _same_length(f"fills {self.name!r}", decided=self.decided, filled=self.filled)


@dataclass(frozen=True, kw_only=True)
class BarClaim:
    """Whose calendar the bars follow, and how long each of them lasts: by these a stamp shows to be a close or not."""

    name: str
    calendar: str
    interval: BarInterval


Claim = SplitClaim | FitClaim | EncoderClaim | FillClaim | BarClaim


@runtime_checkable
class Claimant(Protocol):
    """A pipeline that also says how it splits, fits and fills."""

    def claims(self, history: History) -> Iterable[Claim]:
        """Yield what can be checked without running anything twice."""
        ...
