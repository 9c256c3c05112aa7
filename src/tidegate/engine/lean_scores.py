"""The CSV of scores that LEAN's algorithms read: ``date,symbol,score``, written from a training run and read strictly.

The original took whatever stood in the file: a date without its zeros matched no session and nothing was traded, NaN
broke the ranking, of two scores the last one won, and without a file a backtest held cash and called it success (A.12).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import polars as pl

from tidegate.core.errors import DataError, InputError
from tidegate.core.files import write_atomically

__all__ = ["ScoreFile", "read_score_file", "score_rows", "write_score_file"]

_COLUMNS: Final = ("date", "symbol", "score")
_DAY: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_AMISS_IN_A_NAME: Final = r'[,";\s]|^$'


@dataclass(frozen=True, kw_only=True)
class ScoreFile:
    """What a file of scores covers."""

    path: Path
    rows: int
    symbols: int
    first: date
    last: date

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        days = {"first": self.first.isoformat(), "last": self.last.isoformat()}
        return {"path": str(self.path), "rows": self.rows, "symbols": self.symbols, **days}


def score_rows(scores: pl.DataFrame) -> pl.DataFrame:
    """Return scores as rows of the file: ``date`` (the session's day), ``symbol`` in capitals and ``score``, sorted.

    Parameters
    ----------
    scores
        ``time`` (close of a daily bar, UTC), ``symbol`` and ``score``, as :func:`tidegate.registry.read_scores` gives
        them. A score of a day is made from features known at that day's close: LEAN may use it from the next day on.

    Raises
    ------
    DataError
        If there is none, one is NaN or infinite, a name cannot stand in a CSV, or a day has two of one symbol, which
        bars shorter than a day lead to.
    """
    # A bar is stamped with its close, and that of a market that never closes is the midnight after its day.
    day = (pl.col("time") - pl.duration(microseconds=1)).dt.date()
    rows = scores.select(
        day.alias("date"),
        pl.col("symbol").cast(pl.String).str.to_uppercase().alias("symbol"),
        pl.col("score").cast(pl.Float64).alias("score"),
    )
    return _checked(rows, "the scores")


def write_score_file(scores: pl.DataFrame, path: Path) -> ScoreFile:
    """Write scores for LEAN's algorithms; numbers keep every digit.

    Parameters
    ----------
    scores
        As for :func:`score_rows`.

    Raises
    ------
    DataError
        If the scores cannot be written as :func:`score_rows` says; no file is left then.
    """
    rows = score_rows(scores)
    write_atomically(path, rows.write_csv)
    return _covering(path, rows)


def read_score_file(path: Path) -> pl.DataFrame:
    """Read a file of scores: ``date``, ``symbol``, ``score``, sorted by date and symbol; other columns are left out.

    A date without its zeros, such as ``2024-1-5``, is read as the day it means.

    Raises
    ------
    InputError
        If there is no such file or it is no CSV with these columns.
    DataError
        If it holds no row, or a row without a date, symbol or finite score, or a symbol twice on a day.
    """
    try:
        texts = pl.read_csv(path, infer_schema=False, empty_string_is_null=False, glob=False)
    except OSError as error:
        raise InputError(
            found=f"{path}: {error.strerror or error}", expected="a CSV of scores", hint="check the path"
        ) from None
    except pl.exceptions.NoDataError:
        texts = pl.DataFrame(schema=dict.fromkeys(_COLUMNS, pl.String))
    except pl.exceptions.PolarsError as error:
        raise InputError(
            found=f"{path}: {str(error).splitlines()[0]}", expected="a CSV of scores", hint="date,symbol,score"
        ) from None
    lacking = [name for name in _COLUMNS if name not in texts.columns]
    if lacking:
        raise InputError(
            found=f"{path} without {', '.join(lacking)}", expected="a header date,symbol,score", hint="name the columns"
        )
    stripped = texts.select(pl.col(name).str.strip_chars() for name in _COLUMNS)
    return _checked(_parsed(stripped, path), str(path))


def _parsed(texts: pl.DataFrame, path: Path) -> pl.DataFrame:
    days = {text: _day(text) for text in texts["date"].unique()}
    known = pl.DataFrame({"date": days.keys(), "day": days.values()}, schema={"date": pl.String, "day": pl.Date})
    rows = texts.join(known, on="date", how="left", maintain_order="left").select(
        pl.col("day").alias("date"),
        pl.col("symbol").str.to_uppercase(),
        pl.col("score").cast(pl.Float64, strict=False),
    )
    _refuse(texts, rows["date"].is_null(), path, "date", "a day such as 2024-01-05")
    _refuse(texts, rows["score"].is_null(), path, "score", "a number")
    return rows


def _day(text: str) -> date | None:
    found = _DAY.fullmatch(text)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def _refuse(texts: pl.DataFrame, wrong: pl.Series, path: Path, column: str, expected: str) -> None:
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        more = f" (and {wrong.sum() - 1} more)" if wrong.sum() > 1 else ""
        raise DataError(
            found=f"{path}:{row + 2}: {column} {texts[column][row]!r}{more}",
            expected=expected,
            hint="correct or take out the row",
        )


def _checked(rows: pl.DataFrame, where: str) -> pl.DataFrame:
    """Return the rows in order, or refuse what would be traded wrongly or not at all."""
    if rows.is_empty():
        raise DataError(
            found=f"{where}: no row", expected="scores", hint="without scores a backtest holds cash and means nothing"
        )
    names = pl.col("symbol")
    amiss = {
        "a name that cannot stand in a CSV": rows.filter(names.is_null() | names.str.contains(_AMISS_IN_A_NAME)),
        "a score that is not finite": rows.filter(pl.col("score").is_null() | ~pl.col("score").is_finite()),
        "two scores of a symbol on a day": rows.filter(pl.struct("date", "symbol").is_duplicated()),
    }
    for problem, found in amiss.items():
        if found.height:
            raise DataError(
                found=f"{where}: {problem}: {_told(found.row(0))} ({found.height} rows)",
                expected="one finite score of a symbol on a day",
                hint="scores of bars shorter than a day cannot be told apart by their date; correct what is wrong",
            )
    return rows.sort("date", "symbol")


def _told(row: Iterable[object]) -> str:
    return ",".join(map(str, row))


def _covering(path: Path, rows: pl.DataFrame) -> ScoreFile:
    first, last = rows["date"][0], rows["date"][-1]
    return ScoreFile(path=path, rows=rows.height, symbols=rows["symbol"].n_unique(), first=first, last=last)
