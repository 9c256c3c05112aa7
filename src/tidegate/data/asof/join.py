"""Beside each bar the newest value of every slower source that was known by then, in long frames and in panels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from polars.io.plugins import register_io_source

from tidegate.core.errors import DataError, InputError
from tidegate.core.panel import Panel
from tidegate.core.units import FloatArray
from tidegate.data.asof.source import AsOfSource
from tidegate.data.asof.standing import Standing
from tidegate.data.asof.symbols import SYMBOL, instants_of, spans_of
from tidegate.data.tables import MOMENT

__all__ = ["as_of_join", "as_of_panel"]

_ROWS_PER_BLOCK: Final = 4096


def as_of_join(
    bars: pl.LazyFrame | pl.DataFrame, sources: Sequence[AsOfSource], *, at: str = "event_time"
) -> pl.LazyFrame:
    """Put beside each bar the newest value of every source that was known by then.

    The result is lazy: only columns that are asked for are computed, and a filter on columns of the bars reaches the
    files they are read from.

    Parameters
    ----------
    bars
        Decisions; with a column ``symbol`` where a source has one.
    sources
        What is joined: see :class:`AsOfSource`.
    at
        Column of ``bars`` with the instants of decision; the close of a bar by default.

    Returns
    -------
    pl.LazyFrame
        The bars, sorted within each symbol by time (a frame that is stays as it is), and for each value ``column``:
        ``column`` (null where missing) and ``column_missing``; for each source ``<name>_age``, the time since the
        event, null where no row stands.

    Raises
    ------
    InputError
        If columns are missing, of another type, or named twice.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> hours = [datetime(2024, 1, 1, hour, tzinfo=timezone.utc) for hour in range(4)]
    >>> bars = pl.DataFrame({"symbol": "A", "event_time": hours}, schema_overrides={"event_time": MOMENT})
    >>> rows = bars[1:2].with_columns(known_time="event_time", rate=pl.lit(0.01))
    >>> funding = AsOfSource(name="funding", rows=rows, columns={"funding_rate": "rate"}, maximum_age=3_600_000_000)
    >>> joined = as_of_join(bars, [funding]).collect()
    >>> joined["funding_rate"].to_list(), joined["funding_rate_missing"].to_list()
    ([None, 0.01, 0.01, None], [True, False, False, True])
    """
    join = _Join(bars.lazy(), tuple(sources), at)
    return register_io_source(join.frames, schema=join.schema, is_pure=True)


class _Join:
    def __init__(self, bars: pl.LazyFrame, sources: tuple[AsOfSource, ...], at: str) -> None:
        self._bars, self._sources, self._at = bars, sources, at
        self._own = dict(bars.collect_schema())
        _require_new_names(self._own, sources)
        if self._own.get(at) != MOMENT:
            raise InputError(
                found=f"bars with {at}: {self._own.get(at, 'no such column')}",
                expected="instants in microseconds UTC",
                hint="cast them to tidegate.data.tables.MOMENT",
            )
        about = [source.name for source in sources if source.has_symbols]
        if about and SYMBOL not in self._own:
            raise InputError(
                found=f"bars without symbol beside {about[0]}, which is about symbols",
                expected="a column symbol",
                hint="or filter the source to one symbol and drop its column",
            )
        self.schema: dict[str, pl.DataType] = {**self._own, **{k: t for s in sources for k, t in s.produces.items()}}

    def frames(
        self, columns: list[str] | None, predicate: pl.Expr | None, count: int | None, _batch: int | None
    ) -> Iterator[pl.DataFrame]:
        """Yield the result as the engine of Polars asks for it."""
        wanted = list(self.schema) if columns is None else columns
        asked = [] if predicate is None else predicate.meta.root_names()
        needed = {*wanted, *asked}
        bars = self._bars
        # A cut by number comes before the filter, so only without one may the filter go to the files.
        if predicate is not None and count is None and set(asked) <= set(self._own):
            bars, predicate = bars.filter(predicate), None
        keys = {self._at, *({SYMBOL} & set(self._own))}
        frame = bars.select(name for name in self._own if name in needed | keys).collect()
        spans, frame = _in_order(frame, self._at, count)
        frame = frame.with_columns(column for column in self._joined(frame, spans, needed))
        if predicate is not None:
            frame = frame.filter(predicate)
        yield frame.select(wanted)

    def _joined(self, bars: pl.DataFrame, spans: dict[str, tuple[int, int]], needed: set[str]) -> Iterator[pl.Series]:
        times = instants_of(bars[self._at])
        first, last = (int(times.min()), int(times.max())) if len(times) else (0, 0)
        for source in self._sources:
            if needed.isdisjoint(source.produces):
                continue
            rows = source.between(first, last)
            parts = [rows.standing(times[a:b], symbol, source.maximum_age) for symbol, (a, b) in spans.items()]
            standing = Standing.joined(parts)
            stands = pl.Series(standing.stands)
            for column in source.columns:
                value = rows.value(column)
                missing = np.isnan(value)
                present = stands & ~pl.Series(standing.spread(missing, absent=True)) if missing.any() else stands
                if column in needed:
                    yield _masked(column, standing.spread(value, np.nan), present)
                if (mask := f"{column}_missing") in needed:
                    yield (~present).alias(mask)
            if (age := f"{source.name}_age") in needed:
                events = standing.spread(rows.event, 0)
                yield _masked(age, np.subtract(times, events, out=events), stands).cast(source.produces[age])


def as_of_panel(panel: Panel, sources: Sequence[AsOfSource]) -> Panel:
    """Return the panel with the newest known values of every source beside each bar.

    Parameters
    ----------
    panel
        Row *t* is decided at ``times[t]``.
    sources
        See :class:`AsOfSource`.

    Returns
    -------
    Panel
        With a further column per value, NaN where it is missing, and ``<name>_age`` per source, in microseconds since
        the event, NaN where no row stands. Row *t* holds what was known at ``times[t]``.

    Raises
    ------
    DataError
        If rows lack a time or symbol, or mix what must not stand in for each other.
    InputError
        If a name is taken.
    """
    _require_new_names(panel, sources)
    columns: dict[str, FloatArray] = {}
    for source in sources:
        rows = source.between(int(panel.times[0]), int(panel.times[-1]))
        standing = [rows.standing(panel.times, symbol, source.maximum_age) for symbol in panel.symbols]
        for column in source.columns:
            columns[column] = _time_major([one.spread(rows.value(column), np.nan) for one in standing])
        # Microseconds of this century are exact in 53 bits.
        event = rows.event.astype(np.float64)
        ages = _time_major([one.spread(event, np.nan) for one in standing])
        columns[f"{source.name}_age"] = np.subtract(panel.times[:, np.newaxis], ages, out=ages)
    return panel.with_columns(columns)


def _time_major(by_symbol: list[FloatArray]) -> FloatArray:
    """Return one row per time; block by block, since a whole column at a stride would miss the cache at every step."""
    made = np.empty((len(by_symbol[0]), len(by_symbol)))
    for start in range(0, len(made), _ROWS_PER_BLOCK):
        block = slice(start, start + _ROWS_PER_BLOCK)
        for place, values in enumerate(by_symbol):
            made[block, place] = values[block]
    return made


def _require_new_names(present: Iterable[str], sources: Sequence[AsOfSource]) -> None:
    names = [*present, *(name for source in sources for name in source.produces)]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(
            found=f"columns named twice: {', '.join(doubled)}",
            expected="each name once",
            hint="name values by AsOfSource(columns=...), and their age by its name",
        )


def _masked(name: str, values: npt.NDArray[np.generic], present: pl.Series) -> pl.Series:
    return pl.select(pl.when(present).then(pl.Series(values)).alias(name)).to_series()


def _in_order(bars: pl.DataFrame, at: str, count: int | None) -> tuple[dict[str, tuple[int, int]], pl.DataFrame]:
    """Return bars with each symbol's together and ascending in time, and where each symbol's lie."""
    keys = [name for name in (SYMBOL, at) if name in bars.columns]
    if any(bars[key].null_count() for key in keys):
        raise DataError(
            found=f"bars with nothing in {' or '.join(keys)}",
            expected="both in every bar",
            hint="drop such rows first",
        )
    runs = spans_of(bars[SYMBOL]) if SYMBOL in bars.columns else [("", (0, bars.height))]
    times, spans = bars[at], dict(runs)
    if len(spans) < len(runs) or not all(times[first:stop].is_sorted() for first, stop in spans.values()):
        return _in_order(bars.sort(keys, maintain_order=True), at, count)
    if count is not None and count < bars.height:
        return _in_order(bars.head(count), at, None)
    return spans, bars
