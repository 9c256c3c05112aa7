"""Every figure about forecasts of hits, for the whole time and by calendar quarter."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.evaluate.bootstrap import WeekDraws, draw_weeks, week_numbers, weekly_sums
from tidegate.evaluate.discrimination import area_under_roc, average_precision, roc_by_instant
from tidegate.evaluate.precision_recall import call_quality
from tidegate.evaluate.ranked import RankedRows, check_rows, rank_rows
from tidegate.evaluate.ranking import top_names, top_places, turnover_by_instant
from tidegate.evaluate.reliability import brier_score, expected_calibration_error

__all__ = ["classification_figures", "classification_quarters", "net_returns"]

_QUARTERS_PER_YEAR: Final = 4
_FIRST_YEAR: Final = 1970


def classification_figures(
    *,
    times: Int64Array,
    symbols: Int64Array,
    score: FloatArray,
    probability: FloatArray | None,
    called: Mask | None,
    outcome: FloatArray,
    trade_return: FloatArray | None,
    round_trip_cost: float,
    top_k: int,
    seed: int,
) -> dict[str, Any]:
    """Return how well forecasts told hits from misses, how right calls and picks were, and what picks earned.

    The evaluation of equity J.7. Every figure that rows of one week can pull together carries a 95 % interval by a
    bootstrap of whole weeks, ``<name>_interval``. What cannot be computed is None, never 0.

    Parameters
    ----------
    times
        ``int64 (n,)`` decision instants, in any order.
    symbols
        ``int64 (n,)`` codes of the symbols; of equal scores the lower code ranks first.
    score
        ``float64 (n,)``, finite; picks are ranked by it, for calibration makes ties.
    probability
        ``float64 (n,)`` in [0, 1], NaN where there is none; None without calibration.
    called
        ``bool (n,)``; None without a threshold.
    outcome
        ``float64 (n,)``: 0, 1, or NaN for unknown.
    trade_return
        ``float64 (n,)``: simple gross return of the trade that a pick stands for, NaN where none was possible; None
        where the label is about no trade.
    round_trip_cost
        Cost of buying and selling as a fraction of the notional; it enters once.
    top_k
        Length of the list of picks.
    seed
        Decides the draws.

    Returns
    -------
    figures
        ``rows``, ``days``, ``weeks``, ``positives``, ``base_rate``; ``auc``, ``auc_within_date``,
        ``average_precision``; ``precision``, ``recall``, ``f1``, ``calls``; ``precision_at_k`` and ``base_rate_at_k``
        (means over instants), ``lift_at_k`` (their ratio), ``turnover_at_k``; ``net_return_at_k`` (mean over the trades
        of the picks), ``net_return_all``; ``brier``, ``expected_calibration_error``; intervals as ``[low, high]``.

    Raises
    ------
    DataError
        If there is no row, shapes differ, or values cannot be used.
    InputError
        If the cost is not in [0, 1) or ``top_k`` below 1.
    """
    rows = _Rows(times, symbols, score, probability, called, outcome, trade_return)
    return _figures(rows, round_trip_cost, top_k, seed)


def classification_quarters(
    *,
    times: Int64Array,
    symbols: Int64Array,
    score: FloatArray,
    probability: FloatArray | None,
    called: Mask | None,
    outcome: FloatArray,
    trade_return: FloatArray | None,
    round_trip_cost: float,
    top_k: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Return the figures of :func:`classification_figures` for each calendar quarter that has rows, in order.

    A quarter decides more than a model does: one window says little (equity H 15). An instant belongs to the quarter of
    the day, UTC, that ends with or contains it.

    Parameters
    ----------
    times, symbols, score, probability, called, outcome, trade_return, round_trip_cost, top_k, seed
        As of :func:`classification_figures`.

    Returns
    -------
    quarters
        ``quarter`` such as ``2024Q1``, ``from`` and ``to`` (first and last decision instant, microseconds UTC), and the
        figures.

    Raises
    ------
    DataError
        If there is no row, shapes differ, or values cannot be used.
    InputError
        If the cost is not in [0, 1) or ``top_k`` below 1.
    """
    rows = _Rows(times, symbols, score, probability, called, outcome, trade_return)
    months = ((rows.times - 1) // DAY).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    quarters, found = months // 3, []
    for quarter in np.unique(quarters).tolist():
        part = rows.where(quarters == quarter)
        year, number = divmod(quarter, _QUARTERS_PER_YEAR)
        found.append(
            {
                "quarter": f"{_FIRST_YEAR + year}Q{number + 1}",
                "from": int(part.times.min()),
                "to": int(part.times.max()),
                **_figures(part, round_trip_cost, top_k, seed),
            }
        )
    return found


def net_returns(trade_return: FloatArray, round_trip_cost: float) -> FloatArray:
    """Return what trades leave after one round trip: ``(1 + r) * (1 - c) - 1``, NaN where there was no trade.

    Raises
    ------
    InputError
        If the cost is not in [0, 1).

    Examples
    --------
    >>> net_returns(np.array([0.0, 0.1]), 0.01).round(3).tolist()
    [-0.01, 0.089]
    """
    if not 0.0 <= round_trip_cost < 1.0:
        raise InputError(
            found=f"a round trip at a cost of {round_trip_cost}",
            expected="a fraction of the notional, at least 0 and below 1",
            hint="1 basis point is 0.0001",
        )
    return (1.0 + trade_return) * (1.0 - round_trip_cost) - 1.0


@dataclass(frozen=True, eq=False)
class _Rows:
    """The columns, checked; :func:`classification_figures` says what they hold."""

    times: Int64Array
    symbols: Int64Array
    score: FloatArray
    probability: FloatArray | None
    called: Mask | None
    outcome: FloatArray
    trade_return: FloatArray | None

    def __post_init__(self) -> None:
        optional = (self.probability, self.called, self.trade_return)
        given = (column for column in optional if column is not None)
        check_rows(self.score, self.outcome, self.times, self.symbols, *given)

    def where(self, chosen: Mask) -> _Rows:
        """Return some of the rows."""
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: column[chosen] for name, column in columns.items() if column is not None})


def _figures(rows: _Rows, round_trip_cost: float, top_k: int, seed: int) -> dict[str, Any]:
    ranked = rank_rows(rows.times, rows.score, rows.symbols)
    numbers, weeks = np.unique(week_numbers(rows.times), return_inverse=True)
    draws = draw_weeks(len(numbers), seed)
    known = ~np.isnan(rows.outcome)
    positives = int(np.sum(rows.outcome == 1.0))
    return {
        "rows": len(rows.times),
        "days": len(np.unique((ranked.instants - 1) // DAY)),
        "weeks": len(numbers),
        "positives": positives,
        "base_rate": positives / int(known.sum()) if known.any() else None,
        **_areas(rows, ranked, weeks, draws),
        **_calls(rows, weeks, draws),
        **_picks(rows, ranked, weeks, draws, top_k),
        **_earnings(rows, ranked, weeks, draws, round_trip_cost, top_k),
        "brier": None if rows.probability is None else brier_score(rows.probability, rows.outcome),
        "expected_calibration_error": None
        if rows.probability is None
        else expected_calibration_error(rows.probability, rows.outcome),
    }


def _areas(rows: _Rows, ranked: RankedRows, weeks: Int64Array, draws: WeekDraws | None) -> dict[str, Any]:
    areas = roc_by_instant(ranked, rows.score, rows.outcome)
    pooled, precision, by_date = None, None, None
    if draws is not None:
        pooled = draws.of_area(rows.score, rows.outcome, weeks)
        precision = draws.of_average_precision(rows.score, rows.outcome, weeks)
        by_date = _mean_interval(draws, weeks[ranked.order[ranked.starts]], areas)
    return {
        "auc": area_under_roc(rows.score, rows.outcome),
        "auc_interval": _plain(pooled),
        "auc_within_date": _mean(areas),
        "auc_within_date_interval": _plain(by_date),
        "average_precision": average_precision(rows.score, rows.outcome),
        "average_precision_interval": _plain(precision),
    }


def _calls(rows: _Rows, weeks: Int64Array, draws: WeekDraws | None) -> dict[str, Any]:
    if rows.called is None:
        return dict.fromkeys(("precision", "precision_interval", "recall", "f1", "calls"))
    quality, interval = call_quality(rows.called, rows.outcome), None
    if draws is not None:
        width, known = draws.counts.shape[1], rows.called & ~np.isnan(rows.outcome)
        hits = np.bincount(weeks[known], weights=rows.outcome[known], minlength=width)
        interval = draws.of_ratio(hits, np.bincount(weeks[known], minlength=width))
    return {
        "precision": quality.precision,
        "precision_interval": _plain(interval),
        "recall": quality.recall,
        "f1": quality.f_score(),
        "calls": quality.calls,
    }


def _picks(rows: _Rows, ranked: RankedRows, weeks: Int64Array, draws: WeekDraws | None, top_k: int) -> dict[str, Any]:
    names = top_names(ranked, rows.outcome, top_k)
    precision, lift = None, None
    if draws is not None:
        of_instant, width = weeks[ranked.order[ranked.starts]], draws.counts.shape[1]
        hits, base = (weekly_sums(of_instant, values, width) for values in (names.precision, names.base_rate))
        precision, lift = _mean_interval(draws, of_instant, names.precision), draws.of_ratio(hits, base)
    return {
        "precision_at_k": names.mean_precision,
        "precision_at_k_interval": _plain(precision),
        "base_rate_at_k": names.mean_base_rate,
        "lift_at_k": names.lift,
        "lift_at_k_interval": None if names.lift is None else _plain(lift),
        "turnover_at_k": _mean(turnover_by_instant(ranked, rows.symbols, top_k)),
    }


def _earnings(
    rows: _Rows, ranked: RankedRows, weeks: Int64Array, draws: WeekDraws | None, round_trip_cost: float, top_k: int
) -> dict[str, Any]:
    if rows.trade_return is None:
        return dict.fromkeys(("net_return_at_k", "net_return_at_k_interval", "net_return_all"))
    net = net_returns(rows.trade_return, round_trip_cost)
    picked = ranked.order[top_places(ranked, top_k)]
    interval = None if draws is None else _mean_interval(draws, weeks[picked], net[picked])
    return {
        "net_return_at_k": _mean(net[picked]),
        "net_return_at_k_interval": _plain(interval),
        "net_return_all": _mean(net),
    }


def _mean_interval(draws: WeekDraws, weeks: Int64Array, values: FloatArray) -> tuple[float, float] | None:
    """Return the interval of the mean of values that each belong to a week; NaN counts for nothing."""
    width = draws.counts.shape[1]
    count = np.bincount(weeks[~np.isnan(values)], minlength=width)
    return draws.of_ratio(weekly_sums(weeks, values, width), count)


def _mean(values: FloatArray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None


def _plain(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)
