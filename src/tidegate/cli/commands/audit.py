"""``tidegate audit``: doubt the data before a model believes them."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.hints import Typed, next_line
from tidegate.cli.options import (
    Colours,
    ColoursOption,
    JsonOption,
    LanguageOption,
    ReportLanguage,
    WorkspaceOption,
    open_workspace,
)
from tidegate.cli.readiness_tables import readiness_tables
from tidegate.cli.tables import audit_tables
from tidegate.cli.terminal import Terminal
from tidegate.core.errors import CatalogError
from tidegate.core.recipe import load_recipe

if TYPE_CHECKING:
    from tidegate.data import Catalog

__all__ = ["Mode", "app", "data", "readiness"]

_HELP = "Audits of data, of readiness to train, of look-ahead, and of parity between batch and online."

app = typer.Typer(help=_HELP, no_args_is_help=True)


@app.callback()
def audits() -> None:
    """Audits of data, of readiness to train, of look-ahead, and of parity between batch and online."""


@app.command(
    "data",
    epilog="[bold]Examples[/bold]\n\ntidegate audit data --workspace us\n\n"
    "tidegate audit data --dataset a-share --minimum-coverage 0.6 --workspace cn",
)
def data(
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", help="Data sets to audit; all of them otherwise.")
    ] = None,
    minimum_coverage: Annotated[
        float | None,
        typer.Option(
            "--minimum-coverage",
            min=0.0,
            max=1.0,
            help="Not passed (exit 3) if a symbol, or all on average, cover less.",
            show_default="0.9",
        ),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Audit what was known then, and by then.", show_default="now")
    ] = None,
    html: Annotated[bool, typer.Option("--html/--no-html", help="Write the coverage heatmap.")] = True,
    language: LanguageOption = ReportLanguage.ENGLISH,
    colours: ColoursOption = Colours.WESTERN,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Audit bars on their own calendar: coverage per symbol, exact gaps, staleness, outliers. Exit 3 if not passed."""
    from tidegate.core.clock import now
    from tidegate.core.errors import GateNotPassed
    from tidegate.core.evidence import Verdict
    from tidegate.core.time import BarInterval, parse_instant
    from tidegate.data import Catalog, audit_bars
    from tidegate.data.audit import AuditLimits
    from tidegate.registry import RunStore
    from tidegate.report import write_coverage_report

    terminal = Terminal(json_output=json_output)
    opened = open_workspace(workspace, "audit data")
    catalog = Catalog(opened)
    wanted = _bars_to_audit(catalog, dataset or [])
    limits = (
        AuditLimits()
        if minimum_coverage is None
        else AuditLimits(minimum_coverage=minimum_coverage, mean_coverage=minimum_coverage)
    )
    moment = now() if as_of is None else parse_instant(as_of)
    documents, shown, passed = [], [], True
    for name, interval in terminal.track(wanted, "auditing"):
        audit = audit_bars(catalog, name, interval=BarInterval(interval), as_of=moment, limits=limits)
        RunStore(opened).record_evidence(audit.evidence())
        page = write_coverage_report(opened, audit, language=language.value, colours=colours.value) if html else None
        documents.append({**audit.as_dict(), "report": str(page) if page else None})
        shown += [*audit_tables(audit), f"heatmap: {page}" if page else ""]
        passed &= audit.verdict is Verdict.PASSED
    terminal.emit(documents, *shown)
    if not passed:
        raise typer.Exit(GateNotPassed.exit_code)


class Mode(StrEnum):
    """What an audit of readiness looks at."""

    RESEARCH = "research"
    PRODUCTION = "production"


@app.command(
    "readiness",
    epilog="[bold]Examples[/bold]\n\ntidegate audit readiness us-rotation --workspace us\n\n"
    "tidegate audit readiness my.yaml --mode production --json",
)
def readiness(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name or a YAML file.")],
    mode: Annotated[
        Mode | None,
        typer.Option(
            "--mode",
            help="research: the window that the recipe reads; production: the last 420 days, and every data kind.",
            show_default="as the recipe says",
        ),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Audit what was known then, and by then.", show_default="now")
    ] = None,
    html: Annotated[bool, typer.Option("--html/--no-html", help="Write the page with the heatmaps.")] = True,
    language: LanguageOption = ReportLanguage.ENGLISH,
    colours: ColoursOption = Colours.WESTERN,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Audit whether a recipe's data suffice to train on; training asks for it. Exit 3 if they do not."""
    from tidegate.core.clock import now
    from tidegate.core.errors import GateNotPassed
    from tidegate.core.time import parse_instant
    from tidegate.data import Catalog
    from tidegate.data.readiness import audit_readiness
    from tidegate.registry import RunStore
    from tidegate.report import write_readiness_report

    terminal = Terminal(json_output=json_output)
    parsed = load_recipe(recipe)
    if mode is not None:
        parsed = parsed.model_copy(update={"data": parsed.data.model_copy(update={"mode": mode.value})})
    opened = open_workspace(workspace, "audit readiness")
    audit = audit_readiness(Catalog(opened), parsed, as_of=now() if as_of is None else parse_instant(as_of))
    RunStore(opened).record_evidence(audit.evidence())
    page = write_readiness_report(opened, audit, language=language.value, colours=colours.value) if html else None
    typed = Typed(workspace=str(workspace), recipe=recipe)
    commands = [typed.complete(command) for command in audit.recommended_commands()]
    document = {**audit.as_dict(), "recommended_commands": commands, "report": str(page) if page else None}
    following = [next_line(f"tidegate train {shlex.quote(recipe)}", workspace)] if audit.ready and mode is None else []
    terminal.emit(document, *readiness_tables(audit, commands), *[f"page: {page}"] * bool(page), *following)
    if not audit.ready:
        raise typer.Exit(GateNotPassed.exit_code)


def _bars_to_audit(catalog: Catalog, asked: list[str]) -> list[tuple[str, str]]:
    """Return data sets of bars with their interval."""
    known = [
        (entry.dataset, entry.interval) for entry in catalog.datasets() if entry.table == "bars" and entry.interval
    ]
    wanted = [pair for pair in known if not asked or pair[0] in asked]
    absent = sorted(set(asked) - {name for name, _ in known})
    if absent or not wanted:
        raise CatalogError(
            found=f"no bars of {', '.join(absent)}" if absent else "no bars to audit",
            expected=f"one of {', '.join(name for name, _ in known)}" if known else "an ingested data set",
            hint="see what there is: tidegate catalog"
            if known
            else "run: tidegate ingest ohlcv FILE --preset yahoo-daily",
        )
    return wanted
