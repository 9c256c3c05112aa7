"""``tidegate ingest``: bars from files into the catalog."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.terminal import Terminal, key_values
from tidegate.core.errors import InputError
from tidegate.core.time import parse_instant

__all__ = ["Preset", "app", "ohlcv"]

app = typer.Typer(help="Bring data into the catalog.", no_args_is_help=True)


class Preset(StrEnum):
    """Sources whose files are understood without further options."""

    DEMO = "demo"
    TUSHARE_DAILY = "tushare-daily"
    YAHOO_DAILY = "yahoo-daily"
    BINANCE_KLINES = "binance-klines"


@app.command("ohlcv")
def ohlcv(
    path: Annotated[str | None, typer.Argument(help="A file, a folder or a glob: CSV, Parquet, Feather.")] = None,
    preset: Annotated[Preset | None, typer.Option("--preset", help="What the columns of a usual source mean.")] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Name under which the bars are kept.")] = None,
    interval: Annotated[str | None, typer.Option("--interval", help="Bar size: 5m, 1h, 1d.")] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", help="Ours=theirs, e.g. close=Close; repeatable.")
    ] = None,
    symbol: Annotated[
        str | None, typer.Option("--symbol", help="The symbol of a file without a symbol column.")
    ] = None,
    stamp: Annotated[str | None, typer.Option("--stamp", help="Bars are stamped at 'open' or 'close'.")] = None,
    time_format: Annotated[str | None, typer.Option("--time-format", help="A strptime pattern, e.g. %d/%m/%Y.")] = None,
    timezone: Annotated[str | None, typer.Option("--timezone", help="Zone of times without an offset.")] = None,
    calendar: Annotated[str | None, typer.Option("--calendar", help="XNYS, XSHG, ... or 24/7.")] = None,
    adjust: Annotated[str | None, typer.Option("--adjust", help="none, factor or adj_close.")] = None,
    order: Annotated[str | None, typer.Option("--order", help="ascending, or any for newest-first files.")] = None,
    known_at: Annotated[str | None, typer.Option("--known-at", help="When restated values became public.")] = None,
    correct: Annotated[bool, typer.Option("--correct", help="Differing values correct an error of the data.")] = False,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why a correction is made; needed with --correct.")
    ] = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Read bar files: every row is understood, checked, and appended or quarantined with a reason."""
    from tidegate.data import PRESETS, ingest_ohlcv
    from tidegate.data.demo.ingest import ingest_demo

    terminal = Terminal(json_output=json_output)
    opened = open_workspace(workspace, "ingest ohlcv")
    given = {
        "dataset": dataset, "interval": interval, "symbol": symbol, "stamp": stamp, "time_format": time_format,
        "timezone": timezone, "calendar": calendar, "adjust": adjust, "order": order,
    }  # fmt: skip
    settings = _settings(dict(PRESETS[preset]) if preset else {}, given, column or [])
    revision = _revision(known_at, correct, reason)
    if path is not None:
        done = ingest_ohlcv(opened, path, settings, revision=revision, progress=terminal)
    elif preset is Preset.DEMO:
        done = ingest_demo(opened, settings, revision=revision, progress=terminal)
    else:
        raise InputError(
            found="no path",
            expected="a file, a folder or a glob",
            hint="only --preset demo brings its own files",
        )
    document = {**done.__dict__, "quarantine": str(done.quarantine) if done.quarantine else None}
    shown = {
        "rows in files": f"{done.rows:,}",
        "appended": f"{done.appended:,}",
        "already there": f"{done.identical + done.repeated:,}",
        "revised": f"{done.revised:,}",
        "rejected": ", ".join(f"{count:,} {why}" for why, count in done.rejected.items()) or "none",
    }
    if done.quarantine:
        shown["quarantine"] = str(done.quarantine)
    terminal.emit(document, key_values(f"{done.dataset} {done.interval}, catalog version {done.version}", dict(shown)))


def _settings(preset: dict[str, Any], given: dict[str, str | None], columns: list[str]) -> Any:
    from pydantic import ValidationError

    from tidegate.data import OhlcvSettings

    merged = preset | {name: value for name, value in given.items() if value is not None}
    merged["columns"] = dict(merged.get("columns", {}))
    for pair in columns:
        ours, separator, theirs = pair.partition("=")
        if not separator:
            raise InputError(found=f"--column {pair}", expected="ours=theirs", hint="for example --column close=Close")
        merged["columns"][ours] = theirs
    try:
        return OhlcvSettings.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        name = "--" + str(first["loc"][0]).replace("_", "-").replace("columns", "column")
        given_value = "nothing" if first["type"] == "missing" else repr(first.get("input"))
        raise InputError(
            found=f"{name} = {given_value}", expected=first["msg"], hint="tidegate ingest ohlcv --help"
        ) from None


def _revision(known_at: str | None, correct: bool, reason: str | None) -> Any:
    from tidegate.data import Revision

    if correct and not reason:
        raise InputError(
            found="--correct without --reason",
            expected="a reason that stays with the data",
            hint="add --reason TEXT",
        )
    if reason and not correct:
        raise InputError(
            found="--reason without --correct",
            expected="both for a correction, or neither",
            hint="add --correct if the stored values were never right",
        )
    if known_at is None and not correct:
        return None
    return Revision(
        known_at=parse_instant(known_at) if known_at else None, correction_reason=reason if correct else None
    )
