"""Bars made ready for an audit: real ones sorted by symbol and time, the rest counted and set aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegate.core.errors import DataError
from tidegate.core.units import Int64Array

__all__ = ["ArrangedBars", "arrange"]

_NUMBERS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, eq=False)
class ArrangedBars:
    """Real bars of several symbols; a symbol is a *member*, numbered by its place in ``names``.

    Parameters
    ----------
    names, calendars
        Of each member, sorted by name.
    bars
        ``member i64, time i64`` (close, microseconds UTC), ``open, high, low, close, volume f64`` and ``price
        f64`` (the adjusted close), sorted by member and time, one row per close.
    begins
        ``int64 (n_members + 1,)``: member *i* has the rows ``begins[i]`` to ``begins[i + 1]``.
    synthetic, without_close, duplicates
        ``int64 (n_members,)``: rows that are set aside.
    """

    names: list[str]
    calendars: list[str]
    bars: pl.DataFrame
    begins: Int64Array
    synthetic: Int64Array
    without_close: Int64Array
    duplicates: Int64Array

    @property
    def listed(self) -> Int64Array:
        """The members that have a real bar."""
        return np.flatnonzero(np.diff(self.begins) > 0)

    @property
    def first(self) -> Int64Array:
        """Close of the first bar of each listed member."""
        return self._times()[self.begins[self.listed]]

    @property
    def last(self) -> Int64Array:
        """Close of the last bar of each listed member."""
        return self._times()[self.begins[self.listed + 1] - 1]

    def _times(self) -> Int64Array:
        return self.bars["time"].to_numpy()


def arrange(bars: pl.DataFrame, *, calendar: str | None = None, symbols: Sequence[str] | None = None) -> ArrangedBars:
    """Sort bars and set the useless rows aside.

    Parameters
    ----------
    bars
        See :func:`tidegate.data.audit.audit_frame`.
    calendar
        For rows whose ``calendar`` is missing, and for symbols without a row.
    symbols
        Symbols that must be there, beside those that are.

    Raises
    ------
    DataError
        If a column is missing, a row has no symbol or time, or a symbol has no calendar or several.
    """
    _require(bars)
    names = sorted({*bars["symbol"].unique().to_list(), *(symbols or ())})
    size = len(names)
    # A stable sort keeps the given order among rows of one close: the first of them counts.
    table = bars.select(_columns(bars, names, calendar)).sort("member", "time", maintain_order=True)
    calendars = _calendars(table, names, calendar)
    synthetic = table["synthetic"]
    table = table.drop("synthetic", "calendar")
    genuine = table.filter(~synthetic)
    closed = genuine["close"].is_finite().fill_null(value=False)
    real = genuine.filter(closed)
    again = _repeats(real)
    once = real.filter(~again)
    return ArrangedBars(
        names=names,
        calendars=calendars,
        bars=once,
        begins=np.searchsorted(once["member"].to_numpy(), np.arange(size + 1)).astype(np.int64),
        synthetic=_count(table.filter(synthetic), size),
        without_close=_count(genuine.filter(~closed), size),
        duplicates=_count(real.filter(again), size),
    )


def _require(bars: pl.DataFrame) -> None:
    lacking = [name for name in ("symbol", "event_time", "close") if name not in bars.columns]
    if lacking:
        raise DataError(
            found=f"no column {', '.join(lacking)}",
            expected="symbol, event_time and close at least",
            hint="name columns as the table bars of the catalog does",
        )
    nameless = int(bars.select((pl.col("symbol").is_null() | pl.col("event_time").is_null()).sum()).item())
    if nameless:
        raise DataError(
            found=f"{nameless} rows without a symbol or a time",
            expected="none",
            hint="drop them at the source",
        )


def _columns(bars: pl.DataFrame, names: list[str], calendar: str | None) -> list[pl.Expr]:
    def given(name: str, otherwise: pl.Expr) -> pl.Expr:
        return pl.col(name).fill_null(otherwise) if name in bars.columns else otherwise

    nothing = pl.lit(None, dtype=pl.Float64)
    numbers = [(pl.col(name).cast(pl.Float64) if name in bars.columns else nothing).alias(name) for name in _NUMBERS]
    return [
        pl.col("symbol").cast(pl.Enum(names)).to_physical().cast(pl.Int64).alias("member"),
        pl.col("event_time").dt.epoch("us").alias("time"),
        *numbers,
        (pl.col("close").cast(pl.Float64) * given("adjustment", pl.lit(1.0))).alias("price"),
        given("synthetic", pl.lit(value=False)).alias("synthetic"),
        given("calendar", pl.lit(calendar, dtype=pl.String)).cast(pl.String).alias("calendar"),
    ]


def _calendars(table: pl.DataFrame, names: list[str], calendar: str | None) -> list[str]:
    """Return the one calendar of each member; one without a row gets the given or else the most common."""
    of_member = table.group_by("member").agg(
        pl.col("calendar").min().alias("one"),
        (pl.col("calendar").n_unique() > 1).alias("several"),
        pl.col("calendar").has_nulls().alias("none"),
    )
    unclear = of_member.filter(pl.col("several") | pl.col("none")).sort("member")
    if unclear.height:
        named = names[unclear["member"][0]]
        raise DataError(
            found=f"{unclear.height} symbols with no calendar or several, the first {named}",
            expected="one calendar per symbol",
            hint="fill the column calendar with XNYS, XSHG or 24/7",
        )
    usual = calendar if calendar is not None else str(of_member["one"].mode().sort()[0])
    chosen = dict(zip(of_member["member"].to_list(), of_member["one"].to_list(), strict=True))
    return [chosen.get(member, usual) for member in range(len(names))]


def _repeats(real: pl.DataFrame) -> pl.Series:
    same = [pl.col(name) == pl.col(name).shift(1) for name in ("member", "time")]
    return real.select(pl.all_horizontal(same).fill_null(value=False)).to_series()


def _count(rows: pl.DataFrame, size: int) -> Int64Array:
    return np.bincount(rows["member"].to_numpy(), minlength=size).astype(np.int64)
