"""Sources that look back over observations: how far the newest has moved, and how unusual it is.

Bars between two observations repeat the older one, so that a window of bars would measure how often a source speaks.
These look back over what was observed, each observation by its newest vintage that was known (of events, not of rows).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.units import FloatArray, Int64Array
from tidegate.features.sources import Observe, Where, chosen_rows, side_by_side

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Change", "RobustScore"]

_WIDEST: Final = 10.0
_NORMAL: Final = 1.4826
"""A normal deviation in median absolute ones."""
_CELLS: Final = 2**20


@dataclass(frozen=True, eq=False)
class _Trail:
    """The newest observations of one symbol or series, after each instant at which something became known.

    Parameters
    ----------
    known
        ``int64 (m,)`` ascending.
    rows
        ``int64 (m, n)`` rows of the newest *n* observations, oldest first; -1 where there are fewer.
    event, value
        ``int64`` and ``float64``, of every row.
    """

    known: Int64Array
    rows: Int64Array
    event: Int64Array
    value: FloatArray

    def spread(self, times: Int64Array, said: FloatArray, maximum_age: int) -> tuple[FloatArray, FloatArray]:
        """Return what was said at each instant, and the age of the newest observation; NaN where that is too old."""
        place = np.searchsorted(self.known, times, side="right") - 1
        if not len(self.known):
            return np.full(len(times), np.nan), np.full(len(times), np.nan)
        age = (times - self.event[self.rows[place, -1]]).astype(np.float64)
        age[(place < 0) | (age > maximum_age)] = np.nan
        return np.where(np.isnan(age), np.nan, said[place]), age


def _trail(rows: pl.DataFrame, count: int) -> _Trail:
    instants = {name: rows[name].dt.epoch("us").to_numpy() for name in rows.columns if name.endswith("_time")}
    event, value = instants["event_time"], rows["value"].fill_null(np.nan).to_numpy()
    value = np.where(np.isfinite(value), value, np.nan)  # what is infinite is no observation to measure from
    known = np.maximum(instants["known_time"], event)  # what was announced ahead stands from when it happens
    recorded = instants.get("recorded_time", np.zeros(len(event), dtype=np.int64))
    order = np.lexsort((recorded, event, known))
    event, value, known = event[order], value[order], known[order]
    if np.all(np.diff(event) > 0):
        newest = np.arange(len(event))[:, np.newaxis] + np.arange(1 - count, 1)
        return _Trail(known, np.maximum(newest, -1), event, value)
    return _Trail(known, _newest_by_event(event, count), event, value)


def _newest_by_event(event: Int64Array, count: int) -> Int64Array:
    """Return, after each row in the order they became known, the rows of the newest events, one row per event."""
    seen: list[int] = []
    row_of: dict[int, int] = {}
    newest = np.full((len(event), count), -1, dtype=np.int64)
    for row, about in enumerate(event.tolist()):
        if about not in row_of:
            insort(seen, about)
        row_of[about] = row
        there = [row_of[one] for one in seen[-count:]]
        newest[row, count - len(there) :] = there
        # Events that have left the window never come back into it.
        for gone in seen[: max(len(seen) - 4 * count, 0)]:
            del row_of[gone]
        del seen[: max(len(seen) - 4 * count, 0)]
    return newest


@dataclass(frozen=True, kw_only=True)
class Change:
    """How far the newest known observation is from the one some observations before it, as of each instant.

    Parameters
    ----------
    name
        The column that it delivers; beside it ``<name>_age``, microseconds since the newest observation.
    table
        Table of the history.
    column
        Column of the rows.
    back
        Observations between the two.
    reach
        Most microseconds between them: over a hole the change is missing, and not one over a longer time.
    maximum_age
        Microseconds since the newest observation after which the change counts as missing.
    logarithm
        The difference of logarithms of positive values, not of the values.
    where
        Columns of the rows and the values by which they are chosen.

    Examples
    --------
    >>> import polars as pl
    >>> from tidegate.data.tables import MOMENT
    >>> event, known = (pl.Series(values).cast(MOMENT) for values in ([10, 20, 10], [11, 21, 30]))
    >>> rows = pl.DataFrame({"event_time": event, "known_time": known, "value": [1.0, 4.0, 2.0]})
    >>> change = Change(name="move", table="macro", column="value", back=1, reach=10, maximum_age=50)
    >>> change.open({"macro": rows}, ["A"])(np.array([11, 21, 30]))["move"].ravel().tolist()
    [nan, 3.0, 2.0]
    """

    name: str
    table: str
    column: str
    back: int
    reach: int
    maximum_age: int
    logarithm: bool = False
    where: Where = field(default=())

    def __post_init__(self) -> None:
        _require_positive(self.name, back=self.back, reach=self.reach, maximum_age=self.maximum_age)

    @property
    def produces(self) -> tuple[str, ...]:
        """Columns that it delivers."""
        return (self.name, f"{self.name}_age")

    def as_document(self) -> dict[str, Any]:
        """Return the declaration as plain values."""
        return {
            "name": self.name,
            "table": self.table,
            "column": self.column,
            "where": dict(self.where),
            "back": self.back,
            "reach": self.reach,
            "maximum_age": self.maximum_age,
            "kind": "change of logarithms" if self.logarithm else "change",
        }

    def open(self, tables: Mapping[str, pl.DataFrame], symbols: Sequence[str]) -> Observe:
        """Prepare the rows for some symbols.

        Raises
        ------
        DataError
            If the history has no such table, or its rows lack a time.
        """
        return _open(self, tables, symbols, self.back + 1, self._of)

    def _of(self, trail: _Trail) -> FloatArray:
        newest, base = trail.rows[:, -1], trail.rows[:, 0]
        near = (base >= 0) & (trail.event[newest] - trail.event[base] <= self.reach)
        value = trail.value
        if self.logarithm:
            value = np.log(np.where(value > 0.0, value, np.nan))
        return np.where(near, value[newest] - value[base], np.nan)


@dataclass(frozen=True, kw_only=True)
class RobustScore:
    """How unusual the newest known observation is among those before it, as of each instant.

    ``(x - median) / (1.4826 median absolute deviation)``, cut to ``[-10, 10]``, over the observations before the
    newest, by their newest vintages; missing where fewer than ``least`` of them are there or all are alike. Unlike a
    fixed scale it means the same for every coin. Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers,
    1993.

    Parameters
    ----------
    name, table, column, where, maximum_age
        As of :class:`Change`.
    window
        Observations before the newest.
    least
        How many of them must be there.
    reach
        Microseconds before the newest after which an observation belongs to another time.
    """

    name: str
    table: str
    column: str
    window: int
    least: int
    reach: int
    maximum_age: int
    where: Where = field(default=())

    def __post_init__(self) -> None:
        _require_positive(self.name, window=self.window, reach=self.reach, maximum_age=self.maximum_age)

    @property
    def produces(self) -> tuple[str, ...]:
        """Columns that it delivers."""
        return (self.name, f"{self.name}_age")

    def as_document(self) -> dict[str, Any]:
        """Return the declaration as plain values."""
        return {
            "name": self.name,
            "table": self.table,
            "column": self.column,
            "where": dict(self.where),
            "window": self.window,
            "least": self.least,
            "reach": self.reach,
            "maximum_age": self.maximum_age,
            "kind": "robust score",
        }

    def open(self, tables: Mapping[str, pl.DataFrame], symbols: Sequence[str]) -> Observe:
        """Prepare the rows for some symbols.

        Raises
        ------
        DataError
            If the history has no such table, or its rows lack a time.
        """
        return _open(self, tables, symbols, self.window + 1, self._of)

    def _of(self, trail: _Trail) -> FloatArray:
        scores = np.empty(len(trail.rows))
        step = max(_CELLS // (self.window + 1), 1)
        for start in range(0, len(scores), step):
            rows = trail.rows[start : start + step]
            near = (rows >= 0) & (trail.event[rows[:, -1:]] - trail.event[rows] <= self.reach)
            values = np.where(near, trail.value[rows], np.nan)
            before, newest = values[:, :-1], values[:, -1]
            middle = _median(before)
            spread = _median(np.abs(before - middle[:, np.newaxis])) * _NORMAL
            usable = (np.sum(~np.isnan(before), axis=1) >= max(self.least, 1)) & (spread > 0.0)
            score = np.divide(newest - middle, spread, out=np.full(len(rows), np.nan), where=usable)
            scores[start : start + step] = np.clip(score, -_WIDEST, _WIDEST)
        return scores


def _median(values: FloatArray) -> FloatArray:
    """Return the median of what is there in each row; NaN of nothing. A sort puts NaN last."""
    ascending = np.sort(values, axis=1)
    there = np.sum(~np.isnan(values), axis=1)
    upper, lower = there // 2, np.maximum((there - 1) // 2, 0)
    places = np.arange(len(values))
    middle: FloatArray = (
        ascending[places, np.minimum(lower, values.shape[1] - 1)]
        + ascending[places, np.minimum(upper, values.shape[1] - 1)]
    ) / 2.0
    return np.where(there > 0, middle, np.nan)


def _open(
    source: Change | RobustScore,
    tables: Mapping[str, pl.DataFrame],
    symbols: Sequence[str],
    count: int,
    said_of: Callable[[_Trail], FloatArray],
) -> Observe:
    import polars as pl

    rows = chosen_rows(tables, source.table, source.where, source.produces)
    times = [name for name in ("event_time", "known_time", "recorded_time") if name in rows.columns]
    rows = rows.with_columns(pl.col(source.column).cast(pl.Float64).alias("value"))
    if "symbol" in rows.columns:
        parts = rows.partition_by("symbol", as_dict=True)
        about = [parts.get((symbol,), rows.clear()) for symbol in symbols]
    else:
        about = [rows]
    trails = [_trail(one.select(*times, "value"), count) for one in about]
    said = [said_of(trail) for trail in trails]

    def observe(times: Int64Array) -> dict[str, FloatArray]:
        spread = [trail.spread(times, values, source.maximum_age) for trail, values in zip(trails, said, strict=True)]
        shape = (len(times), len(symbols))
        return {
            source.name: side_by_side([values for values, _ in spread], shape),
            f"{source.name}_age": side_by_side([age for _, age in spread], shape),
        }

    return observe


def _require_positive(name: str, **sizes: int) -> None:
    for what, size in sizes.items():
        if size < 1:
            raise InputError(found=f"{what} {size} of source {name}", expected="at least 1", hint="correct it")
