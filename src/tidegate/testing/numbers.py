"""Whatever a column holds, as numbers that an audit can compare: text by a code, times by their microseconds."""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tidegate.core.errors import InputError

__all__ = ["Numbers", "numbers"]

Numbers = npt.NDArray[Any]
"""``float32`` or ``float64``; what came as ``float32`` stays so, since its last bits are larger."""

_MICROSECOND: Final = timedelta(microseconds=1)
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MISSING: Final = frozenset({"NAType", "NaTType"})


def numbers(key: str, given: Any) -> Numbers:
    """Return an array, a list or a series as floats of the same shape; NaN is missing.

    Parameters
    ----------
    key
        What the values are called, for the message.
    given
        Truth values, numbers, text (by a code that depends on the text alone), times and durations (microseconds).

    Raises
    ------
    InputError
        If they are complex, of other types, or rows of unequal length.

    Examples
    --------
    >>> up, missing, again = numbers("regime", ["up", None, "up"])
    >>> bool(up == again), bool(np.isnan(missing))
    (True, True)
    >>> numbers("count", [1, True, None]).tolist()
    [1.0, 1.0, nan]
    """
    array = _as_array(key, given)
    kind = array.dtype.kind
    if kind == "f":
        return array.astype(np.float32 if array.dtype.itemsize <= 4 else np.float64, copy=False)
    if kind in "iub":
        return array.astype(np.float64)
    if kind in "mM":
        told = array.astype(f"{kind}8[us]")
        return np.where(np.isnat(told), np.nan, told.astype(np.int64).astype(np.float64))
    if kind == "c":
        raise _unusable(key, "complex numbers")
    if kind not in "OUS":
        raise _unusable(key, f"type {array.dtype}")
    cells = [_cell(key, cell) for cell in array.ravel().tolist()]
    return np.array(cells, dtype=np.float64).reshape(array.shape)


def _as_array(key: str, given: Any) -> npt.NDArray[Any]:
    if type(given).__module__.startswith("polars"):
        return _of_polars(key, given)
    if hasattr(given, "iloc") and given.ndim == 1:
        return _of_pandas(given)
    if isinstance(given, np.ma.MaskedArray):
        numeric: Any = given.astype(np.float64) if given.dtype.kind in "iub" else given
        return np.asarray(numeric.filled(None if numeric.dtype.kind == "O" else np.nan))
    try:
        return np.asarray(given)
    except ValueError:
        raise _unusable(key, "rows of unequal length") from None


def _of_polars(key: str, given: Any) -> npt.NDArray[Any]:
    import polars as pl

    if isinstance(given, pl.DataFrame):
        return np.stack([numbers(key, one) for one in given.get_columns()], axis=1) if given.width else given.to_numpy()
    kind = given.dtype
    if kind.base_type() in {pl.Categorical, pl.Enum}:
        given = given.cast(pl.String)
    elif kind.is_temporal():
        unit = {pl.Date: pl.Datetime("us"), pl.Time: pl.Duration("us")}.get(kind.base_type())
        unit = unit or (pl.Duration("us") if kind == pl.Duration else pl.Datetime("us", given.dtype.time_zone))
        given = given.cast(unit).to_physical().cast(pl.Float64)
    elif kind == pl.Boolean or kind.is_decimal() or kind == pl.Null:
        given = given.cast(pl.Float64)
    if given.dtype.is_numeric():
        exact = given if given.dtype.is_float() else given.cast(pl.Float64)
        missing: npt.NDArray[Any] = exact.fill_null(float("nan")).to_numpy()
        return missing
    if given.dtype != pl.String and kind != pl.Object:
        raise _unusable(key, f"type {kind}")
    return np.array([*given.to_list(), None], dtype=object)[:-1]


def _of_pandas(given: Any) -> npt.NDArray[Any]:
    kind = getattr(given.dtype, "kind", "O")
    if not isinstance(given.dtype, np.dtype) and kind in "iufb":
        small = kind == "f" and given.dtype.itemsize <= 4
        return np.asarray(given.to_numpy(dtype=np.float32 if small else np.float64, na_value=np.nan))
    if kind == "M" and getattr(given.dt, "tz", None) is not None:
        given = given.dt.tz_convert("UTC").dt.tz_localize(None)
    return np.asarray(given.to_numpy())


def _cell(key: str, cell: Any) -> float:
    if cell is None or type(cell).__name__ in _MISSING:
        return np.nan
    if isinstance(cell, str | bytes):
        return float(zlib.crc32(cell if isinstance(cell, bytes) else cell.encode("utf-8", "surrogatepass")))
    if isinstance(cell, Real | Decimal | np.bool_):
        return float(cell)
    if isinstance(cell, date):
        moment = cell if isinstance(cell, datetime) else datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001
        return float((moment.replace(tzinfo=moment.tzinfo or UTC) - _START) // _MICROSECOND)
    if isinstance(cell, timedelta):
        return float(cell // _MICROSECOND)
    raise _unusable(key, "complex numbers" if isinstance(cell, complex) else f"a {type(cell).__name__}")


def _unusable(key: str, found: str) -> InputError:
    return InputError(
        found=f"{found} in {key}",
        expected="numbers, truth values, text or times, one per row and symbol",
        hint="give the parts of a complex or composite value as several columns",
    )
