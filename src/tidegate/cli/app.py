"""The tree of commands."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate._version import __version__
from tidegate.cli.commands import audit, backtest, catalog, demo, doctor, ingest, init, report, runs, train

__all__ = ["app"]

app = typer.Typer(
    name="tidegate",
    help="ML trading from raw bars to paper fills, where time flows one way.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """ML trading from raw bars to paper fills, where time flows one way."""


app.command("demo")(demo.demo)
app.command("init")(init.init)
app.command("doctor")(doctor.doctor)
app.add_typer(ingest.app, name="ingest")
app.add_typer(audit.app, name="audit")
app.command("catalog")(catalog.catalog)
app.command("train")(train.train)
app.command("backtest")(backtest.backtest)
app.command("runs")(runs.runs)
app.command("report")(report.report)
