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
from tidegate.evaluate.ranked import RankedRows, check_rows, mean_of_known, rank_rows
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
    bootstrap of whole weeks, ``<name>_interval``, and the number of weeks that hold something of its denominator,
    ``<name>_weeks``: with fewer than 10 there is no interval. What cannot be computed is None, never 0.

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
        ``rows``, ``days`` and ``weeks`` of known outcome, ``positives``, ``base_rate``; ``auc``, ``auc_within_date``,
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


@dataclass(frozen=True, eq=False)
class _Weeks:
    """The weeks in which something is known: place of each row's, how many, and how they are drawn."""

    places: Int64Array
    count: int
    draws: WeekDraws | None

    @classmethod
    def of(cls, rows: _Rows, seed: int) -> _Weeks:
        """Return the weeks; rows of one of which nothing is known take the place of another and count nowhere."""
        number, anything = week_numbers(rows.times), ~np.isnan(rows.outcome)
        if rows.trade_return is not None:
            anything = anything | ~np.isnan(rows.trade_return)
        known = np.unique(number[anything])
        places = np.minimum(np.searchsorted(known, number), max(len(known) - 1, 0))
        return cls(places=places, count=len(known), draws=draw_weeks(len(known), seed))

    def holding(self, chosen: Mask) -> int:
        """Return how many weeks hold one of some rows."""
        return len(np.unique(self.places[chosen]))

    def ratio(self, name: str, value: float | None, above: FloatArray, below: FloatArray) -> dict[str, Any]:
        """Return a ratio of two sums by week as :func:`_banded` does."""
        interval = None if self.draws is None or value is None else self.draws.of_ratio(above, below)
        return _banded(name, value, interval, int(np.count_nonzero(below)))

    def mean(self, name: str, values: FloatArray, places: Int64Array) -> dict[str, Any]:
        """Return the mean of values that each belong to a week as :func:`_banded` does; NaN counts for nothing."""
        count = weekly_sums(places, np.where(np.isnan(values), 0.0, 1.0), self.count)
        return self.ratio(name, mean_of_known(values), weekly_sums(places, values, self.count), count)


def _banded(name: str, value: float | None, interval: tuple[float, float] | None, weeks: int) -> dict[str, Any]:
    """Return a figure, its interval and how many weeks hold something of its denominator."""
    return {name: value, f"{name}_interval": None if interval is None else list(interval), f"{name}_weeks": weeks}


def _figures(rows: _Rows, round_trip_cost: float, top_k: int, seed: int) -> dict[str, Any]:
    ranked, weeks = rank_rows(rows.times, rows.score, rows.symbols), _Weeks.of(rows, seed)
    judged = ~np.isnan(rows.outcome)
    positives = int(np.sum(rows.outcome == 1.0))
    return {
        "rows": int(judged.sum()),
        "days": len(np.unique((rows.times[judged] - 1) // DAY)),
        "weeks": weeks.holding(judged),
        "positives": positives,
        "base_rate": positives / int(judged.sum()) if judged.any() else None,
        **_areas(rows, ranked, weeks),
        **_calls(rows, weeks),
        **_picks(rows, ranked, weeks, top_k),
        **_earnings(rows, ranked, weeks, round_trip_cost, top_k),
        "brier": None if rows.probability is None else brier_score(rows.probability, rows.outcome),
        "expected_calibration_error": None
        if rows.probability is None
        else expected_calibration_error(rows.probability, rows.outcome),
    }


def _areas(rows: _Rows, ranked: RankedRows, weeks: _Weeks) -> dict[str, Any]:
    pooled, precision = None, None
    if weeks.draws is not None:
        pooled = weeks.draws.of_area(rows.score, rows.outcome, weeks.places)
        precision = weeks.draws.of_average_precision(rows.score, rows.outcome, weeks.places)
    hits, misses = weeks.holding(rows.outcome == 1.0), weeks.holding(rows.outcome == 0.0)
    within, of_instant = roc_by_instant(ranked, rows.score, rows.outcome), weeks.places[ranked.order[ranked.starts]]
    return {
        **_banded("auc", area_under_roc(rows.score, rows.outcome), pooled, min(hits, misses)),
        **weeks.mean("auc_within_date", within, of_instant),
        **_banded("average_precision", average_precision(rows.score, rows.outcome), precision, hits),
    }


def _calls(rows: _Rows, weeks: _Weeks) -> dict[str, Any]:
    if rows.called is None:
        return dict.fromkeys(("precision", "precision_interval", "precision_weeks", "recall", "f1", "calls"))
    quality, known = call_quality(rows.called, rows.outcome), rows.called & ~np.isnan(rows.outcome)
    places = weeks.places[known]
    hits = weekly_sums(places, rows.outcome[known], weeks.count)
    made = weekly_sums(places, np.ones(len(places)), weeks.count)
    return {
        **weeks.ratio("precision", quality.precision, hits, made),
        "recall": quality.recall,
        "f1": quality.f_score(),
        "calls": quality.calls,
    }


def _picks(rows: _Rows, ranked: RankedRows, weeks: _Weeks, top_k: int) -> dict[str, Any]:
    names, of_instant = top_names(ranked, rows.outcome, top_k), weeks.places[ranked.order[ranked.starts]]
    hits, base = (weekly_sums(of_instant, values, weeks.count) for values in (names.precision, names.base_rate))
    return {
        **weeks.mean("precision_at_k", names.precision, of_instant),
        "base_rate_at_k": names.mean_base_rate,
        **weeks.ratio("lift_at_k", names.lift, hits, base),
        "turnover_at_k": mean_of_known(turnover_by_instant(ranked, rows.symbols, top_k)),
    }


def _earnings(rows: _Rows, ranked: RankedRows, weeks: _Weeks, round_trip_cost: float, top_k: int) -> dict[str, Any]:
    if rows.trade_return is None:
        return dict.fromkeys(("net_return_at_k", "net_return_at_k_interval", "net_return_at_k_weeks", "net_return_all"))
    net = net_returns(rows.trade_return, round_trip_cost)
    picked = ranked.order[top_places(ranked, top_k)]
    return {
        **weeks.mean("net_return_at_k", net[picked], weeks.places[picked]),
        "net_return_all": mean_of_known(net),
    }
