"""``tidegate review``: people look at a sample of events, and their verdicts become statistics."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.terminal import Terminal, key_values, table

if TYPE_CHECKING:
    from tidegate.data.review import ReviewStatistics

__all__ = ["Verdict", "app", "record", "sample", "social", "statistics"]

app = typer.Typer(help="Review events: draw a sample, record verdicts, see what they say.", no_args_is_help=True)


class Verdict(StrEnum):
    """What can be said of an event."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    UNCERTAIN = "uncertain"


_Dataset = Annotated[str, typer.Argument(help="A data set of events.")]
_AsOf = Annotated[str | None, typer.Option("--as-of", help="Only what was known then.", show_default="now")]


@app.callback()
def review() -> None:
    """Review events: draw a sample, record verdicts, see what they say."""


@app.command(
    "sample",
    epilog="[bold]Examples[/bold]\n\ntidegate review sample crypto-news --limit 50 --workspace crypto\n\n"
    "tidegate review sample crypto-news --minimum-quality 0.4 --reviewer ada",
)
def sample(
    dataset: _Dataset,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Events at most.")] = 20,
    minimum_quality: Annotated[
        float, typer.Option("--minimum-quality", min=0.0, max=1.0, help="Leave out events of a lower score.")
    ] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="Who names the same number draws the same events.")] = 0,
    reviewer: Annotated[str | None, typer.Option("--reviewer", help="Leave out what this person has reviewed.")] = None,
    as_of: _AsOf = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Draw events at random for people to look at."""
    from tidegate.core.time import format_instant, instant_of
    from tidegate.data import Catalog
    from tidegate.data.review import sample_events

    terminal = Terminal(json_output=json_output)
    catalog = Catalog(open_workspace(workspace, "review sample", only_reads=True))
    drawn = sample_events(
        catalog,
        dataset,
        as_of=_instant(as_of),
        limit=limit,
        minimum_quality=minimum_quality,
        seed=seed,
        unreviewed_by=reviewer,
    )
    documents = [
        {**row, **{name: format_instant(instant_of(row[name])) for name in ("event_time", "known_time")}}
        for row in drawn.iter_rows(named=True)
    ]
    columns = ("event_id", "event_time", "publisher", "entities", "quality", "title")
    rows = [
        [f"{one['quality']:.2f}" if name == "quality" else _shown(name, one[name]) for name in columns]
        for one in documents
    ]
    shown = table(f"{len(rows)} events of {dataset}", columns, rows, whole=("event_id",))
    terminal.emit(documents, shown if rows else f"no event of {dataset} to look at")


@app.command(
    "record",
    epilog="[bold]Examples[/bold]\n\n"
    "tidegate review record crypto-news 0005f51540b9458e --verdict correct --reviewer ada",
)
def record(
    dataset: _Dataset,
    event: Annotated[str, typer.Argument(help="The event's id, or its first 8 digits or more.")],
    verdict: Annotated[Verdict, typer.Option("--verdict", help="correct, incorrect or uncertain.")],
    reviewer: Annotated[str, typer.Option("--reviewer", help="Who says so.")],
    note: Annotated[str | None, typer.Option("--note", help="Why.")] = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Record what a person says of an event; a later verdict of the same person counts instead."""
    from tidegate.core.time import format_instant
    from tidegate.data.review import ReviewVerdict, record_review

    terminal = Terminal(json_output=json_output)
    opened = open_workspace(workspace, "review record")
    done = record_review(opened, dataset, event, reviewer=reviewer, verdict=ReviewVerdict(verdict.value), note=note)
    document = {
        "dataset": done.dataset,
        "event_id": done.event_id,
        "reviewer": done.reviewer,
        "verdict": str(done.verdict),
        "at": format_instant(done.at),
        "version": done.version,
    }
    terminal.emit(document, f"{done.event_id}: {done.verdict}, says {done.reviewer}")


@app.command("statistics", epilog="[bold]Examples[/bold]\n\ntidegate review statistics crypto-news --workspace crypto")
def statistics(
    dataset: _Dataset,
    as_of: _AsOf = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Show how much was reviewed, how much of it was right, and whether reviewers agree."""
    from tidegate.data import Catalog
    from tidegate.data.review import review_statistics

    terminal = Terminal(json_output=json_output)
    catalog = Catalog(open_workspace(workspace, "review statistics", only_reads=True))
    found = review_statistics(catalog, dataset, as_of=_instant(as_of))
    terminal.emit(found.as_dict(), *_statistics_tables(found))


@app.command("social", epilog="[bold]Examples[/bold]\n\ntidegate review social stocknet --workspace us")
def social(
    dataset: Annotated[str, typer.Argument(help="A data set of posts and comments.")],
    as_of: _AsOf = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Show how much of posts and comments can be used, and how late it was known."""
    from tidegate.data import Catalog
    from tidegate.data.review import social_coverage

    terminal = Terminal(json_output=json_output)
    catalog = Catalog(open_workspace(workspace, "review social", only_reads=True))
    found = social_coverage(catalog, dataset, as_of=_instant(as_of)).as_dict()
    totals = {name.replace("_", " "): _shown(name, value) for name, value in found.items() if name != "symbols"}
    columns = ("symbol", "posts", "comments", "enriched", "coverage_score")
    rows = [[_shown(name, one[name]) for name in columns] for one in found["symbols"]]
    terminal.emit(found, key_values(f"Social coverage of {dataset}", totals), table("Symbols", columns, rows))


def _instant(as_of: str | None) -> Any:
    from tidegate.core.clock import now
    from tidegate.core.time import parse_instant

    return now() if as_of is None else parse_instant(as_of)


def _statistics_tables(found: ReviewStatistics) -> list[Any]:
    document = found.as_dict()
    totals = {name.replace("_", " "): _shown(name, value) for name, value in document.items() if name != "by_source"}
    columns = ("publisher", "reviews", "precision", "incorrect_rate", "uncertain_rate")
    rows = [[_shown(name, one[name]) for name in columns] for one in document["by_source"]]
    return [key_values(f"Reviews of {found.dataset}", totals), table("By publisher", columns, rows)]


def _shown(name: str, value: Any) -> str:
    """Return a value as text: shares with three digits, what is not known as a dash."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.3f}"
    return f"{value:,}" if isinstance(value, int) and name != "dataset" else str(value)
