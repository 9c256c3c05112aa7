"""Macro files: long rows whose rules in words become known times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import polars as pl

from tidegate.core.errors import DataError
from tidegate.data.connectors.contract import Batch
from tidegate.data.connectors.macro.release_dates import find_release_dates, read_release_dates
from tidegate.data.connectors.macro.rules import CAUTIOUS_DAYS, AvailabilityRule, period_of, read_rule, with_period_end
from tidegate.data.connectors.macro.series import about_series
from tidegate.data.connectors.macro.settings import MacroSettings
from tidegate.data.connectors.ohlcv.reading import find_files
from tidegate.data.connectors.plain_table import Columns, read_table, typed
from tidegate.data.tables import MACRO

__all__ = ["read_macro_files"]

_COLUMNS: Final = Columns(
    texts=("series", "rule", "unit"),
    dates=("date",),
    numbers=("value",),
    needed=("date", "value"),
    aliases={
        "series": ("series_id", "id", "name"),
        "rule": ("availability_rule",),
        "unit": ("units",),
        "date": ("obs_date", "observation_date"),
    },
)
_ABSENT: Final = "."
"""What FRED writes where there is no value."""


def read_macro_files(path: Path, settings: MacroSettings, dataset: str, warn: Callable[[str], None]) -> Batch:
    """Return the observations of long files as rows of the ``macro`` table.

    A file holds one vintage, the newest at the time of its download. Values of a series that is revised may differ
    from those first published, so its rows say ``revised``.

    Parameters
    ----------
    warn
        Told which series lack release dates and count as known late.

    Raises
    ------
    DataError
        If a file cannot be read, a series has no rule or one that means nothing, or refers to a table of release
        dates that is not there.
    """
    releases = None if settings.releases is None else settings.releases.resolve()
    files = [file for file in find_files(path)[0] if file.resolve() != releases]
    rows = _wanted(pl.concat([_read(file, settings) for file in files]), settings)
    known = [_with_times(part, settings, path if path.is_file() else files[0], warn) for part in _by_rule(rows)]
    timed = pl.concat(known) if known else rows.clear()
    if timed.is_empty():
        raise DataError(
            found=f"{path}: no observation of {', '.join(settings.series) or 'any series'}",
            expected="at least one",
            hint="check series, start and end",
        )
    content = ["series", "event_time", "known_time", "value"]
    good = timed.filter(pl.col("reason").is_null()).unique(content, keep="first", maintain_order=True)
    disagree = good.select(pl.struct("series", "event_time").is_duplicated()).to_series()
    told_twice = good.filter(disagree).with_columns(pl.lit("duplicates that disagree").alias("reason"))
    rejected = pl.concat([timed.filter(pl.col("reason").is_not_null()), told_twice])
    return Batch(
        table=MACRO.name,
        rows=_as_macro(good.filter(~disagree), dataset, settings.source or settings.preset or "file"),
        rejected=rejected.select("file", "row_number", "reason", "series", "date", "value", "rule"),
    )


def _read(file: Path, settings: MacroSettings) -> pl.DataFrame:
    raw = read_table(file)
    texts = [name for name, kind in raw.schema.items() if kind == pl.String]
    raw = raw.with_columns(pl.when(pl.col(name).str.strip_chars() != _ABSENT).then(pl.col(name)) for name in texts)
    rows = typed(raw, _COLUMNS, file.name)
    if rows.height and rows["series"].null_count() == rows.height:
        if len(settings.series) != 1:
            raise DataError(
                found=f"{file}: no series among {', '.join(raw.columns[:20])}",
                expected="a column series, or one series for the file",
                hint="name the one that it holds: --series DGS10",
            )
        rows = rows.with_columns(pl.lit(settings.series[0]).alias("series"))
    return rows


def _wanted(rows: pl.DataFrame, settings: MacroSettings) -> pl.DataFrame:
    """Leave out what was not asked for and observations without a value; take given rules for those of the file."""
    chosen = pl.col("series").is_in(settings.series) if settings.series else pl.lit(value=True)
    dated = [
        *([pl.col("date") >= settings.start] if settings.start else []),
        *([pl.col("date") <= settings.end] if settings.end else []),
    ]
    inside = pl.all_horizontal(pl.lit(value=True), *dated).fill_null(value=True)
    given = pl.col("series").replace_strict(settings.given_rules, default=None, return_dtype=pl.String)
    said = pl.col("value").is_not_null() | pl.col("fault").is_not_null()
    return rows.filter(chosen.fill_null(value=True) & inside & said).with_columns(
        pl.coalesce(given, "rule").alias("rule"),
        pl.coalesce(
            "fault",
            pl.when(pl.col("series").is_null()).then(pl.lit("no series")),
            pl.when(pl.col("date").is_null()).then(pl.lit("no date")),
            pl.when(~pl.col("value").is_finite()).then(pl.lit("not a finite number")),
        ).alias("reason"),
    )


def _by_rule(rows: pl.DataFrame) -> list[pl.DataFrame]:
    return rows.partition_by("series", "rule", maintain_order=True) if rows.height else []


def _with_times(rows: pl.DataFrame, settings: MacroSettings, file: Path, warn: Callable[[str], None]) -> pl.DataFrame:
    """Add ``event_time`` and ``known_time`` to the rows of one series and rule."""
    series, words = rows.row(0, named=True)["series"], rows.row(0, named=True)["rule"]
    if series is None:
        return _without_times(rows, "no series")
    if words is None:
        raise DataError(
            found=f"{file}: {series} without a rule that says when its values became public",
            expected="a column availability_rule, or a rule for the series",
            hint=f'add --rules "{series}=next business day" with a rule that is true, or late rather than early',
        )
    rule = _rule_of(file, series, words)
    period = rule.period or period_of(rows["date"])
    if period is None:
        return _without_times(rows, "dates whose distance tells no period")
    dated = with_period_end(rows, period)
    timed = dated.with_columns(rule.event(dated).alias("event_time"), rule.known(dated).alias("known_time"))
    if rule.calendar is not None:
        timed = _released(timed, settings.releases or find_release_dates(rule.calendar, file), series, warn)
    return timed.drop("period_end")


def _rule_of(file: Path, series: str, words: str) -> AvailabilityRule:
    try:
        return read_rule(words)
    except DataError as error:
        raise DataError(
            found=f"{file}: {series} with {error.found}", expected=error.expected, hint=error.hint
        ) from None


def _without_times(rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    nothing = pl.lit(None, MACRO.schema["event_time"])
    return rows.with_columns(
        pl.coalesce("reason", pl.lit(reason)).alias("reason"),
        nothing.alias("event_time"),
        nothing.alias("known_time"),
    )


def _released(rows: pl.DataFrame, releases: Path, series: str, warn: Callable[[str], None]) -> pl.DataFrame:
    """Take the release of each month where the table has one, and the cautious time where it has none."""
    joined = rows.join(read_release_dates(releases), on="period_end", how="left", maintain_order="left")
    without = joined["released"].null_count()
    if without:
        months = "1 month" if without == 1 else f"{without} months"
        warn(f"{series}: {months} absent from {releases.name}, known {CAUTIOUS_DAYS} days after the month's end")
    return joined.with_columns(pl.coalesce("released", "known_time").alias("known_time")).drop("released")


def _as_macro(good: pl.DataFrame, dataset: str, source: str) -> pl.DataFrame:
    about = {name: about_series(name) for name in good["series"].unique()}
    units = {name: one.unit for name, one in about.items()}
    revised = {name: one.is_revised for name, one in about.items()}
    return good.select(
        pl.lit(dataset).alias("dataset"),
        "series",
        "event_time",
        "known_time",
        "value",
        pl.coalesce("unit", pl.col("series").replace_strict(units, return_dtype=pl.String)).alias("unit"),
        pl.lit(source).alias("source"),
        pl.lit(value=False).alias("synthetic"),
        pl.col("series").replace_strict(revised, return_dtype=pl.Boolean).alias("revised"),
    )
