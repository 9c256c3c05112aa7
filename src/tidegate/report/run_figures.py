"""The figures that a finished run left, as frozen values; ``None`` stands for what could not be computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = [
    "NO_EXCESS",
    "Capacity",
    "Costs",
    "Curve",
    "DrawdownPeriod",
    "Excess",
    "Fold",
    "FoldSlice",
    "Inert",
    "ModelQuality",
    "Note",
    "Performance",
    "YearQuality",
]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Figures of one equity curve: fractions, and instants in microseconds UTC; ``None`` where undefined.

    ``max_drawdown`` is a depth, 0 or more.
    """

    cagr: float | None
    volatility: float | None
    sharpe: float | None
    max_drawdown: float | None
    drawdown_start: int | None
    drawdown_end: int | None
    total_return: float | None
    years: float
    start: int
    end: int

    @property
    def fall(self) -> float | None:
        """The maximum drawdown as a change, 0 or less."""
        return None if self.max_drawdown is None else -self.max_drawdown


@dataclass(frozen=True, kw_only=True)
class Excess:
    """Weekly log return of the strategy minus its benchmark's, a year, with its Newey-West standard error.

    Every figure is ``None`` where there were too few weeks.
    """

    annual_log_excess: float | None
    t_statistic: float | None
    weeks: int
    standard_error: float | None


NO_EXCESS: Final = Excess(annual_log_excess=None, t_statistic=None, weeks=0, standard_error=None)


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What trading cost: amounts in currency, drag and turnover a year as fractions of equity."""

    commission: float
    half_spread: float
    impact: float
    stamp_tax: float
    total: float
    annual_drag: float | None
    interest: float
    annual_turnover: float | None


@dataclass(frozen=True, kw_only=True)
class Note:
    """A circumstance that the engine wants the reader to know."""

    code: str
    values: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class DrawdownPeriod:
    """One fall from a peak: dates as ISO text, ``recovered`` is ``None`` where it has not ended.

    ``depth`` is a fraction, 0 or more; ``sessions`` counts from the peak to the recovery, or to the end of the run.
    """

    peak: str
    trough: str
    recovered: str | None
    depth: float
    sessions: int


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Account size in currency at which impact eats half of ``edge`` a year; ``None`` for a ``reason``."""

    nav: float | None
    reason: str | None
    edge: float | None


@dataclass(frozen=True, kw_only=True)
class Inert:
    """A parameter that changed nothing in this run, and why."""

    parameter: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Performance:
    """The figures of a backtest.

    Parameters
    ----------
    drawdowns, monthly, binding_counts, rebalances, capacity, inert
        What the run recorded beyond its curve, ``None`` where an earlier version did not. ``monthly`` is a simple
        return by year and month; ``binding_counts`` tells at how many of the ``rebalances`` each constraint bound.
    """

    strategy: Curve
    benchmark: Curve
    index: Curve | None
    excess: Excess
    costs: Costs
    notes: tuple[Note, ...]
    drawdowns: tuple[DrawdownPeriod, ...] | None = None
    monthly: Mapping[tuple[int, int], float] | None = None
    binding_counts: Mapping[str, int] | None = None
    rebalances: int | None = None
    capacity: Capacity | None = None
    inert: tuple[Inert, ...] | None = None

    def note(self, code: str) -> Note | None:
        """Return the note of that code, if the engine made one."""
        return next((note for note in self.notes if note.code == code), None)


@dataclass(frozen=True, kw_only=True)
class FoldSlice:
    """Rows between training and test, decided in ``[start, end)``; none of their labels ends after ``reaches``."""

    start: int
    end: int
    reaches: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One fold: instants in microseconds UTC, ``test_end`` exclusive; a slice that it has not is ``None``."""

    fold: int
    train_start: int
    train_end: int
    test_start: int
    test_end: int
    train_rows: int
    test_rows: int
    purged_rows: int
    embargoed_rows: int
    trained_until: int
    validation: FoldSlice | None = None
    calibration: FoldSlice | None = None

    @property
    def slices(self) -> tuple[tuple[str, FoldSlice], ...]:
        """Names and slices that lie between training and test, in order of time."""
        both = (("validation", self.validation), ("calibration", self.calibration))
        return tuple((name, part) for name, part in both if part is not None)


@dataclass(frozen=True, kw_only=True)
class YearQuality:
    """Quality of one model's forecasts within one calendar year."""

    year: int
    rank_ic: float | None
    hit_rate: float | None
    quantile_spread: float | None
    instants: int


@dataclass(frozen=True, kw_only=True)
class ModelQuality:
    """Quality of one model's forecasts over all test folds."""

    model: str
    rank_ic: float | None
    rank_ic_t: float | None
    hit_rate: float | None
    quantile_spread: float | None
    instants: int
    by_year: tuple[YearQuality, ...]
