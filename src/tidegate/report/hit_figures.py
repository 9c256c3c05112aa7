"""What became of forecasts of hits: figures with their intervals, thresholds and calls, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from tidegate.models import Threshold
from tidegate.report.language import MISSING, format_value

__all__ = ["UNKNOWN", "Bin", "Estimate", "FoldCalibration", "HitFigures", "Hits", "ModelHits", "Quarter"]


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval by a bootstrap of weeks; ``None`` for what could not be computed.

    ``weeks`` is how many weeks hold something of its denominator; ``None`` where that was not recorded.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    weeks: int | None = None

    def __post_init__(self) -> None:
        """Drop an interval without any width between 0 and 1: earlier versions drew it from the calls of one week."""
        if self.low is not None and self.low == self.high and 0.0 < self.low < 1.0:
            object.__setattr__(self, "low", None)
            object.__setattr__(self, "high", None)

    @property
    def is_alone(self) -> bool:
        """Whether there is a figure and no interval: then it proves nothing."""
        return self.value is not None and (self.low is None or self.high is None)

    def side_of(self, level: float) -> int:
        """Return 1 where the whole interval is above a level, -1 where it is below, and 0 where it cannot be told.

        Examples
        --------
        >>> Estimate(0.55, 0.52, 0.58).side_of(0.5), Estimate(0.55, 0.48, 0.6).side_of(0.5), Estimate(0.55).side_of(0.5)
        (1, 0, 0)
        """
        if self.low is None or self.high is None:
            return 0
        return int(self.low > level) - int(self.high < level)

    def text(self, spec: str) -> str:
        """Return the figure with its interval, as a reader sees it.

        Examples
        --------
        >>> Estimate(0.5534, 0.51, 0.6).text("decimal2"), Estimate(None).text("decimal2")
        ('0.55 [0.51 – 0.60]', '–')
        """
        if self.value is None:
            return MISSING
        value, low, high = (format_value(number, spec) for number in (self.value, self.low, self.high))
        return value if self.low is None or self.high is None else f"{value} [{low} – {high}]"


UNKNOWN: Final = Estimate(None)


@dataclass(frozen=True, kw_only=True)
class HitFigures:
    """Figures of one model over one stretch of the test, as ``evaluate`` computes them; ``None`` where it cannot.

    Rates and returns are fractions; ``net_return_at_k`` and ``net_return_all`` are simple returns of one trade after
    a round trip.
    """

    rows: int | None = None
    days: int | None = None
    weeks: int | None = None
    positives: int | None = None
    base_rate: float | None = None
    auc: Estimate = UNKNOWN
    auc_within_date: Estimate = UNKNOWN
    average_precision: Estimate = UNKNOWN
    precision: Estimate = UNKNOWN
    recall: float | None = None
    f1: float | None = None
    calls: int | None = None
    precision_at_k: Estimate = UNKNOWN
    base_rate_at_k: float | None = None
    lift_at_k: Estimate = UNKNOWN
    net_return_at_k: Estimate = UNKNOWN
    net_return_all: float | None = None
    turnover_at_k: float | None = None
    brier: float | None = None
    expected_calibration_error: float | None = None


@dataclass(frozen=True, kw_only=True)
class Quarter:
    """A calendar quarter such as ``2024Q1``: first and last decision instant in it, microseconds UTC, and figures."""

    name: str
    start: int | None
    end: int | None
    figures: HitFigures


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Forecasts of a like probability: their mean, and the share that came true; both ``None`` in an empty bin."""

    low: float
    high: float
    mean: float | None
    rate: float | None
    count: int


CurvePoint = tuple[float, float | None, float | None, int]


@dataclass(frozen=True, kw_only=True)
class ModelHits:
    """One model on the test windows.

    Parameters
    ----------
    reliability, curve
        Bins of the probability, and threshold, precision, recall, calls; empty where nothing was calibrated.
    folds
        Figures by fold, where they were recorded or follow from whole quarters.
    """

    model: str
    overall: HitFigures
    quarters: tuple[Quarter, ...]
    reliability: tuple[Bin, ...]
    curve: tuple[CurvePoint, ...]
    top_k: int
    folds: Mapping[int, HitFigures] = field(default_factory=dict)

    def of_fold(self, fold: int | None) -> HitFigures:
        """Return the figures of a fold's test; nothing but absence where they were not recorded."""
        return HitFigures() if fold is None else self.folds.get(fold, HitFigures())


@dataclass(frozen=True, kw_only=True)
class FoldCalibration:
    """Calibration and threshold of one fold; ``fold`` is ``None`` for the model of what comes after the data."""

    fold: int | None
    method: str
    start: int | None
    end: int | None
    threshold: Threshold
    curve: tuple[CurvePoint, ...]
    reliability: tuple[Bin, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Hits:
    """All that a run with a target of 0 and 1 recorded beyond the ranking of its forecasts.

    Parameters
    ----------
    calibrations
        By model, in the order of the folds; empty without calibration.
    picks
        One row per instant, model and rank; ``None`` where they were not recorded.
    """

    models: tuple[ModelHits, ...]
    calibrations: Mapping[str, tuple[FoldCalibration, ...]] = field(default_factory=dict)
    picks: pl.DataFrame | None = None

    def of(self, model: str) -> ModelHits | None:
        """Return the figures of a model, if it has any."""
        return next((one for one in self.models if one.model == model), None)

    def tested(self, model: str) -> tuple[FoldCalibration, ...]:
        """Return the calibrations of the folds that were tested, without the one for what comes after the data."""
        return tuple(one for one in self.calibrations.get(model, ()) if one.fold is not None)
