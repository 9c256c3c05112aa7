"""Whether a training run has the scores that a backtest needs, asked before anything is submitted.

Scores of a training run are read and never changed: what is missing is not filled in by another model (D.6).
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Final

import polars as pl

from tidegate.core.time import DAY, Instant, format_instant
from tidegate.registry import Run

__all__ = ["missing_score"]

_COLUMNS: Final = ("time", "symbol", "model", "score")
_BROKEN: Final = (OSError, pl.exceptions.PolarsError)


def missing_score(
    run: Run, model: str, *, start: Instant, end: Instant, least_symbols: int, max_age: int = 0
) -> str | None:
    """Return why a training run cannot be backtested over a window; None where it can.

    Parameters
    ----------
    run, model
        The training run, and whose scores are wanted.
    start, end
        First and last instant at which the backtest decides: a score must be there at ``start`` or before, and the
        last one at most ``max_age`` before ``end``.
    least_symbols
        Names that every instant must have scores for, at least 1: those that the strategy buys.
    max_age
        How long a score counts, in microseconds; above 0, no two instants of scores within the window may lie further
        apart.

    Returns
    -------
    str or None
        One sentence without a full stop, for a record of the state ``missing_score``.
    """
    path = run.folder / "scores.parquet"
    if not path.is_file():
        return f"the {'scores.parquet' if run.folder.is_dir() else 'folder'} of {run.id} is gone"
    try:
        instants = _instants(path, model, end)
    except _BROKEN as error:
        return f"scores.parquet of {run.id} cannot be read: {str(error).partition(chr(10))[0]}"
    if isinstance(instants, str):
        return f"scores.parquet of {run.id} {instants}"
    found = _uncovered(instants, start, end, max_age) or _thin(instants, start, max(least_symbols, 1))
    return found and f"scores of {model!r} in {run.id} {found}"


def _instants(path: Path, model: str, end: Instant) -> pl.DataFrame | str:
    """Return instant, number of names and of unusable scores for each instant up to the end, or what is wrong."""
    lazy = pl.scan_parquet(path)
    absent = [name for name in _COLUMNS if name not in lazy.collect_schema().names()]
    if absent:
        return f"has no column {', '.join(absent)}"
    own = lazy.filter(pl.col("model").cast(pl.String) == model)
    score = pl.col("score").cast(pl.Float64)
    found = (
        own.group_by(pl.col("time").dt.epoch("us"))
        .agg(
            names=pl.col("symbol").n_unique(),
            rows=pl.len(),
            unusable=(~score.is_finite()).fill_null(value=True).sum(),
        )
        .sort("time")
        .collect()
    )
    if found.is_empty():
        known = sorted(map(str, lazy.select(pl.col("model").unique()).collect()["model"]))
        return f"has no score of {model!r}, only of {', '.join(known) or 'nobody'}"
    return found.filter(pl.col("time") <= end)


def _uncovered(instants: pl.DataFrame, start: Instant, end: Instant, max_age: int) -> str | None:
    times = instants["time"].to_list()
    if not times or times[0] > start:
        first = f"begin {_day(times[0])}" if times else f"begin after {_day(end)}"
        return f"{first}, later than the window, which begins {_day(start)}"
    if times[-1] < end - max_age:
        oldest = f", and count for {max_age / DAY:.3g} days" if max_age else ""
        return f"end {_day(times[-1])}{oldest}, before the window, which ends {_day(end)}"
    used = [time for time, after in zip(times, [*times[1:], end + 1], strict=True) if after > start]
    for before, after in pairwise(used):
        if 0 < max_age < after - before:
            return (
                f"have a gap from {_day(before)} to {_day(after)}, longer than the {max_age / DAY:.3g} days they count"
            )
    return None


def _thin(instants: pl.DataFrame, start: Instant, least: int) -> str | None:
    """Return what is wrong with the scores of the instants from the one that counts at the start on."""
    first = instants.filter(pl.col("time") <= start)["time"].max()
    used = instants.filter(pl.col("time") >= first)
    for named, wrong in (("not finite", pl.col("unusable") > 0), ("given twice", pl.col("rows") > pl.col("names"))):
        bad = used.filter(wrong)
        if bad.height:
            return f"are {named} at {bad.height} of {used.height} instants, the first of them {_day(bad['time'][0])}"
    few = used.filter(pl.col("names") < least)
    if few.height:
        counted = f"{few['names'][0]} names {_day(few['time'][0])}"
        return f"are of fewer than {least} names at {few.height} of {used.height} instants: {counted}"
    return None


def _day(instant: int) -> str:
    return format_instant(instant)[:10]
