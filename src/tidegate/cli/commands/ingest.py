"""``tidegate ingest``: data into the catalog; bars from files here, every other source in its own command."""

from __future__ import annotations

import shlex
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.revisions import CorrectOption, KnownAtOption, ReasonOption, read_revision
from tidegate.cli.sources import SourceGroup
from tidegate.cli.terminal import Terminal, key_values, table
from tidegate.core.errors import InputError

if TYPE_CHECKING:
    from tidegate.data import Ingested, OhlcvSettings

__all__ = ["Preset", "app", "ohlcv"]

app = typer.Typer(cls=SourceGroup, help="Bring data into the catalog.", no_args_is_help=True)


class Preset(StrEnum):
    """Sources whose files are understood without further options."""

    DEMO = "demo"
    TUSHARE_DAILY = "tushare-daily"
    YAHOO_DAILY = "yahoo-daily"
    BINANCE_KLINES = "binance-klines"


_of_files = partial(typer.Option, rich_help_panel="What the files hold")
_of_bars = partial(typer.Option, rich_help_panel="Where the bars belong")
_EXPECTED: Final = {
    "dataset": "a name of small letters, digits, '.', '_' and '-', at most 64 of them",
    "symbol_from": "column or file",
    "stamp": "open or close",
    "adjust": "none, factor or adj_close",
    "order": "ascending or any",
    "columns": "OURS=THEIRS with one of ours: symbol, time, open, high, low, close, volume, traded_value, factor, "
    "adj_close",
}
"""What an option takes, where the settings do not say it in plain words."""
_EXAMPLES: Final = {"dataset": "my-bars", "calendar": "XNYS"}
_SHOWN_ROWS: Final = 5

_Path = Annotated[str | None, typer.Argument(help="A file, a folder or a glob: CSV, Parquet, Feather.")]
_Preset = Annotated[
    Preset | None,
    _of_files("--preset", help="What a usual source's columns mean; it sets the defaults of the other options."),
]
_Column = Annotated[
    list[str] | None,
    _of_files(
        "--column",
        metavar="OURS=THEIRS",
        help="Repeatable, e.g. close=Last. Ours: symbol, time, open, high, low, close, volume, traded_value, "
        "factor, adj_close. Capitals, blanks and _ of theirs make no difference.",
    ),
]
_Symbol = Annotated[str | None, _of_files("--symbol", help="The symbol of one file without a symbol column.")]
_SymbolFrom = Annotated[
    str | None,
    _of_files("--symbol-from", help="column; or file: AAPL.csv is about AAPL.", show_default="column"),
]
_Stamp = Annotated[
    str | None,
    _of_files("--stamp", help="The end of a bar that its time names: open, close.", show_default="close"),
]
_TimeFormat = Annotated[
    str | None,
    _of_files("--time-format", help="A strptime pattern, e.g. %d/%m/%Y.", show_default="ISO, or numbers since 1970"),
]
_Timezone = Annotated[str | None, _of_files("--timezone", help="Zone of times of day without an offset.")]
_Order = Annotated[
    str | None, _of_files("--order", help="ascending; or any: newest first too.", show_default="ascending")
]
_Adjust = Annotated[
    str | None,
    _of_files("--adjust", help="What tells of dividends and splits: none, factor, adj_close.", show_default="none"),
]
_Dataset = Annotated[str | None, _of_bars("--dataset", help="Name under which the bars are kept.")]
_Interval = Annotated[str | None, _of_bars("--interval", help="Bar size: 5m, 1h, 1d.", show_default="1d")]
_Calendar = Annotated[
    str | None,
    _of_bars("--calendar", help="XNYS, XSHG, ... or 24/7.", show_default="24/7 for bars shorter than a day"),
]


@app.command(
    "ohlcv",
    epilog="[bold]Examples[/bold]\n\ntidegate ingest ohlcv prices/ --preset yahoo-daily --workspace us\n\n"
    "tidegate ingest ohlcv prices.csv --dataset my-bars --calendar XNYS --symbol ACME --column close=Last",
)
def ohlcv(
    path: _Path = None,
    preset: _Preset = None,
    column: _Column = None,
    symbol: _Symbol = None,
    symbol_from: _SymbolFrom = None,
    stamp: _Stamp = None,
    time_format: _TimeFormat = None,
    timezone: _Timezone = None,
    order: _Order = None,
    adjust: _Adjust = None,
    dataset: _Dataset = None,
    interval: _Interval = None,
    calendar: _Calendar = None,
    known_at: KnownAtOption = None,
    correct: CorrectOption = False,
    reason: ReasonOption = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Read bar files: every row is understood, checked, and appended or quarantined with a reason."""
    from tidegate.data import ingest_ohlcv
    from tidegate.data.demo.ingest import ingest_demo

    terminal = Terminal(json_output=json_output)
    opened = open_workspace(workspace, "ingest ohlcv")
    if path is None and preset is not Preset.DEMO:
        raise InputError(
            found="no path",
            expected="a file, a folder or a glob",
            hint="only --preset demo brings its own files; for others: tidegate ingest ohlcv FILE --preset yahoo-daily",
        )
    given = {
        "dataset": dataset, "interval": interval, "symbol": symbol, "symbol_from": symbol_from, "stamp": stamp,
        "time_format": time_format, "timezone": timezone, "calendar": calendar, "adjust": adjust, "order": order,
    }  # fmt: skip
    settings = _settings(path, preset, given, column or [])
    revision = read_revision(known_at, correct, reason)
    if path is not None:
        done = ingest_ohlcv(opened, path, settings, revision=revision, progress=terminal)
    else:
        done = ingest_demo(opened, settings, revision=revision, progress=terminal)
    _show(terminal, done)


def _show(terminal: Terminal, done: Ingested) -> None:
    """Print what an ingest did, and the first of the rows that it rejected."""
    from tidegate.data.connectors.quarantine import first_rejected

    shown: dict[str, object] = {
        "rows in files": f"{done.rows:,}",
        "appended": f"{done.appended:,}",
        "already there": f"{done.identical:,}",
        "repeated in files": f"{done.repeated:,}",
        "revised": f"{done.revised:,}",
        "rejected": ", ".join(f"{count:,} {why}" for why, count in done.rejected.items()) or "none",
    }
    if done.quarantine:
        shown["quarantine"] = str(done.quarantine)
    tables = [key_values(f"{done.dataset} {done.interval}, catalog version {done.version}", shown)]
    if done.quarantine:
        first = first_rejected(done.quarantine, _SHOWN_ROWS)
        tables.append(table("First rejected rows", ("file", "row", "reason"), first))
    document = {**done.__dict__, "quarantine": str(done.quarantine) if done.quarantine else None}
    terminal.emit(document, *tables)


def _settings(
    path: str | None, preset: Preset | None, given: dict[str, str | None], columns: list[str]
) -> OhlcvSettings:
    from pydantic import ValidationError

    from tidegate.data import PRESETS, OhlcvSettings

    own = {name: value for name, value in given.items() if value is not None}
    mapped = {}
    for pair in columns:
        ours, separator, theirs = pair.partition("=")
        if not separator:
            raise InputError(found=f"--column {pair}", expected=_EXPECTED["columns"], hint="for example close=Close")
        mapped[ours] = theirs
    base = PRESETS[preset] if preset else {}
    try:
        return OhlcvSettings.model_validate({**base, **own, "columns": {**base.get("columns", {}), **mapped}})
    except ValidationError as error:
        wrong = {str(part["loc"][0]): part for part in error.errors()}
        lacking = [name for name in _EXAMPLES if name in wrong and name not in {*own, *base}]
        if lacking:
            complete = own | {name: _EXAMPLES[name] for name in lacking}
            raise _incomplete(lacking, _command(path, complete, columns)) from None
        raise _wrong_option(next(iter(wrong.values()))) from None


def _incomplete(lacking: list[str], command: str) -> InputError:
    return InputError(
        found=f"neither a --preset nor --{' and --'.join(lacking)}",
        expected="a name for the data set, and for daily bars the market's calendar: XNYS, XSHG, ... or 24/7",
        hint=f"for example: {command}",
    )


def _wrong_option(error: Any) -> InputError:
    """Return what is wrong with an option, in plain words."""
    name, *inside = error["loc"]
    option = "--column" if name == "columns" else "--" + name.replace("_", "-")
    return InputError(
        found=f"{option} {inside[0] if inside else error['input']}",
        expected=_EXPECTED.get(name, error["msg"].removeprefix("Value error, ")),
        hint="tidegate ingest ohlcv --help",
    )


def _command(path: str | None, options: dict[str, str], columns: list[str]) -> str:
    """Return a command line that can be copied."""
    pairs = [(f"--{name.replace('_', '-')}", value) for name, value in options.items()]
    pairs += [("--column", pair) for pair in columns]
    return shlex.join(["tidegate", "ingest", "ohlcv", path or "FILE", *(word for pair in pairs for word in pair)])
