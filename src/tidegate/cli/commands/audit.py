"""``tidegate audit``: doubt the data before a model believes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import (
    Colours,
    ColoursOption,
    JsonOption,
    LanguageOption,
    ReportLanguage,
    WorkspaceOption,
    open_workspace,
)
from tidegate.cli.tables import audit_tables
from tidegate.cli.terminal import Terminal
from tidegate.core.errors import CatalogError

if TYPE_CHECKING:
    from tidegate.data import Catalog

__all__ = ["app", "data"]

app = typer.Typer(help="Audits: coverage, gaps, staleness, outliers.", no_args_is_help=True)


@app.callback()
def audits() -> None:
    """Audits: coverage, gaps, staleness, outliers."""


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
