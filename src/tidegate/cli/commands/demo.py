"""``tidegate demo``: the main job on real data, offline, in about a minute."""

from __future__ import annotations

from pathlib import Path

from tidegate.cli.hints import next_line
from tidegate.cli.logs import log_to
from tidegate.cli.options import (
    DEFAULT_THREADS,
    Colours,
    ColoursOption,
    JsonOption,
    LanguageOption,
    ReportLanguage,
    ThreadsOption,
    WorkspaceOption,
)
from tidegate.cli.readiness_tables import gates_line
from tidegate.cli.searching import write_search
from tidegate.cli.tables import forecast_table, performance_tables
from tidegate.cli.terminal import Terminal
from tidegate.core.clock import elapsed_seconds, now
from tidegate.core.recipe import load_recipe
from tidegate.core.workspace import Workspace

__all__ = ["demo"]


def demo(
    language: LanguageOption = ReportLanguage.ENGLISH,
    colours: ColoursOption = Colours.WESTERN,
    threads: ThreadsOption = DEFAULT_THREADS,
    workspace: WorkspaceOption = Path("tidegate-demo"),
    json_output: JsonOption = False,
) -> None:
    """Walk the whole path on shipped data: ingest, audit, train, backtest, search under a drawdown limit, report."""
    from tidegate.data import Catalog, audit_bars, audit_readiness
    from tidegate.data.audit.findings import in_percent
    from tidegate.data.demo.ingest import ingest_demo
    from tidegate.engine import backtest
    from tidegate.registry import RunStore
    from tidegate.report import write_report
    from tidegate.search import search
    from tidegate.train import train

    started = elapsed_seconds()
    terminal = Terminal(json_output=json_output)
    opened = Workspace.create(workspace)
    log_to(opened, "demo")
    recipe = load_recipe("demo")
    ingested = ingest_demo(opened, progress=terminal)
    audit = audit_bars(Catalog(opened), recipe.data.dataset, interval=recipe.data.interval, as_of=now())
    RunStore(opened).record_evidence(audit.evidence())
    terminal.say(f"audited {ingested.rows:,} bars: {in_percent(audit.coverage)} of those owed, {audit.verdict}")
    ready = audit_readiness(Catalog(opened), recipe, as_of=now())
    RunStore(opened).record_evidence(ready.evidence())
    terminal.say(gates_line(ready))
    trained = train(opened, recipe, threads=threads, progress=terminal)
    tested = backtest(opened, recipe, train_run=trained, progress=terminal)
    path = write_report(opened, tested.id, language=language.value, colours=colours.value)
    searched = search(opened, recipe, train_run=trained, threads=threads, progress=terminal)
    found = write_search(opened, searched, language, colours)
    document = {
        "train": trained.id,
        "backtest": tested.id,
        "metrics": tested.metrics,
        "report": str(path),
        "search": found.document,
    }
    seconds = elapsed_seconds() - started
    terminal.emit(
        document,
        forecast_table(trained),
        "",
        *performance_tables(tested),
        "",
        *found.tables,
        "",
        f"report: {path}",
        f"report of the search: {found.page}",
        f"{seconds:.0f} seconds; {next_line('tidegate runs', workspace)}",
    )
