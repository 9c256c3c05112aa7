"""What a decorated function computes: once per row over a view of the past, or as a Polars expression."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tidegate.core.errors import InputError, TidegateError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.time import Instant, format_instant
from tidegate.core.units import FloatArray, Int64Array
from tidegate.features.inputs import Inputs

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FromExpression", "FromView", "anchored_rows", "block_bars"]

_LEAST_BLOCK: Final = 64
_TIME: Final = "time"
_GROUP: Final = "__block__"


@dataclass(frozen=True)
class FromView:
    """Calls a function at each wanted row with a view of the last bars, and of nothing else.

    Parameters
    ----------
    name
        Of the feature.
    function
        Takes a :class:`PastView` and returns a number per symbol, ``(n_symbols,)``.
    lookback_bars
        Bars that the view shows. A row with fewer bars before it is missing.
    requires
        Columns that the view shows.
    """

    name: str
    function: Callable[[PastView], Any]
    lookback_bars: int
    requires: tuple[str, ...]

    def __call__(self, inputs: Inputs) -> FloatArray:
        """Return ``float64 (n, n_symbols)``, missing on rows that are only there to be looked back at."""
        rows, n_symbols = inputs.shape
        values = np.full((rows, n_symbols), np.nan)
        columns = {name: inputs.raw(name) for name in self.requires}
        bars = Panel(inputs.times, inputs.symbols or _numbered(n_symbols), columns)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            # A mean of nothing is missing, and so is what a division by 0 makes: no reason to warn at every row.
            warnings.simplefilter("ignore", RuntimeWarning)
            for row in range(max(rows - inputs.wanted, self.lookback_bars - 1), rows):
                now = Instant(int(inputs.times[row]))
                seen = bars.rows(row + 1 - self.lookback_bars, row + 1)
                values[row] = self._called(PastView(History(seen, inputs.tables), now), now, n_symbols)
        return np.where(np.isfinite(values), values, np.nan)

    def _called(self, view: PastView, now: Instant, n_symbols: int) -> FloatArray:
        try:
            value = np.asarray(self.function(view), dtype=np.float64)
        except Exception as error:
            raise fault_of(self.name, self.function, error, f"at {format_instant(now)}") from error
        if value.shape not in {(), (n_symbols,)}:
            raise InputError(
                found=f"feature {self.name}: an array of shape {value.shape}",
                expected=f"one number per symbol, ({n_symbols},)",
                hint="of a column's rows take the last: view['close'][-1]",
            )
        return value


@dataclass(frozen=True)
class FromExpression:
    """Evaluates a Polars expression per symbol, in blocks of bars that begin at fixed instants.

    Polars keeps running sums, whose last bits depend on where they began. Here they always begin at the same bar:
    ``lookback_bars - 1`` bars before the first bar of a block, and blocks begin at whole multiples of
    :func:`block_bars` bars since 1970. So one row online runs the same operations in the same order as the whole
    history, and the bars that suffice for a value are ``lookback_bars + block_bars(lookback_bars) - 1``.

    Parameters
    ----------
    name
        Of the feature.
    function
        Returns the expression; what it raises is explained with its lines.
    expression
        Over the columns ``requires`` and ``time``; NaN comes in as null and null goes out as NaN.
    lookback_bars
        Bars that the expression itself reads. A row with fewer bars before it is missing.
    requires
        Columns that it reads.
    """

    name: str
    function: Callable[..., Any]
    expression: pl.Expr
    lookback_bars: int
    requires: tuple[str, ...]

    def __call__(self, inputs: Inputs) -> FloatArray:
        """Return ``float64 (n, n_symbols)``, missing on rows that are only there to be looked back at."""
        rows, n_symbols = inputs.shape
        values = np.full((rows, n_symbols), np.nan)
        first = max(rows - inputs.wanted, self.lookback_bars - 1)
        if first >= rows:
            return values
        length = block_bars(self.lookback_bars) * inputs.interval.microseconds
        read, blocks, own = anchored_rows(inputs.times, first, length, self.lookback_bars)
        made = self.evaluated(inputs, read, blocks)
        kept = own & (read >= first)
        values[read[kept]] = made[kept]
        return np.where(np.isfinite(values), values, np.nan)

    def evaluated(self, inputs: Inputs, read: Int64Array, blocks: Int64Array) -> FloatArray:
        """Evaluate rows ``read``, each as part of its block; ``float64 (n_read, n_symbols)``."""
        import polars as pl

        n_symbols = inputs.shape[1]
        groups = blocks[np.newaxis, :] * n_symbols + np.arange(n_symbols)[:, np.newaxis]
        columns = {name: pl.Series(inputs.column(name)[read].T.ravel()) for name in self.requires}
        frame = pl.DataFrame({**columns, _TIME: np.tile(inputs.times[read], n_symbols), _GROUP: groups.ravel()})
        frame = frame.with_columns(
            pl.col(list(self.requires)).fill_nan(None), pl.col(_TIME).cast(pl.Datetime("us", "UTC"))
        )
        try:
            made = frame.select(self.expression.over(_GROUP).cast(pl.Float64).alias(self.name)).to_series()
            values: FloatArray = made.fill_null(np.nan).to_numpy().reshape(n_symbols, len(read)).T
        except Exception as error:
            raise fault_of(self.name, self.function, error, "when Polars evaluates it per symbol") from error
        return values


def block_bars(lookback_bars: int) -> int:
    """Return the bars of a block: a power of two not below the lookback, so that little is computed twice.

    Examples
    --------
    >>> block_bars(20), block_bars(100)
    (64, 128)
    """
    return max(1 << (lookback_bars - 1).bit_length(), _LEAST_BLOCK)


def anchored_rows(times: Int64Array, first: int, length: int, lookback_bars: int) -> tuple[Int64Array, Int64Array, Any]:
    """Return the rows that blocks are evaluated on, from the block of row ``first`` to the last row.

    Parameters
    ----------
    times
        ``int64 (n,)``.
    first
        The first row that is wanted.
    length
        Microseconds of a block.
    lookback_bars
        Each block is preceded by one row less than this.

    Returns
    -------
    read, blocks, own
        Row, number of its block, and whether it belongs to the block or only precedes it. A row that precedes one block
        and belongs to another comes twice.

    Examples
    --------
    >>> read, blocks, own = anchored_rows(np.arange(6), 3, 4, 2)
    >>> read.tolist(), blocks.tolist(), own.tolist()
    ([0, 1, 2, 3, 3, 4, 5], [0, 0, 0, 0, 1, 1, 1], [True, True, True, True, False, True, True])
    """
    anchors = times // length
    starts = np.searchsorted(anchors, np.unique(anchors[first:]))
    stops = np.append(starts[1:], len(times))
    leads = np.maximum(starts - lookback_bars + 1, 0)
    read = np.concatenate([np.arange(lead, stop) for lead, stop in zip(leads, stops, strict=True)])
    blocks = np.repeat(np.arange(len(starts)), stops - leads)
    return read, blocks, read >= starts[blocks]


def fault_of(name: str, function: Callable[..., Any], error: Exception, when: str) -> InputError:
    """Return what to tell about an exception of a user's function: its words, and the line that it comes from."""
    file = getattr(getattr(function, "__code__", None), "co_filename", "")
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    place = f"{file}:{lines[-1]}: " if lines else ""
    words = (str(error).splitlines() or [""])[0]
    told = error.found if isinstance(error, TidegateError) else f"{type(error).__name__}: {words}"
    hint = "correct the function; a missing value is NaN"
    if isinstance(error, InputError) and "no column" in error.found:
        hint = "name every column that it reads in requires=(...)"
    if isinstance(error, InputError) and "no rows of" in error.found:
        hint = "name every table that it reads in tables=(...)"
    return InputError(found=f"{place}feature {name} {when}: {told}", expected="a number per symbol", hint=hint)


def _numbered(count: int) -> tuple[str, ...]:
    width = len(str(count))
    return tuple(f"{place:0{width}d}" for place in range(count))
