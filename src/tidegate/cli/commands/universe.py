"""``tidegate universe``: who could be held, by what was known at the time."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.revisions import CorrectOption, ReasonOption, read_revision
from tidegate.cli.terminal import Terminal, key_values
from tidegate.core.errors import InputError

if TYPE_CHECKING:
    from tidegate.data.universe import UniverseBuilt, UniverseRules

__all__ = ["app", "build", "show"]

app = typer.Typer(help="Point-in-time universes: the most traded names, by what was known then.", no_args_is_help=True)


class Period(StrEnum):
    """When a universe is decided anew."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"


@app.command(
    "build",
    epilog="[bold]Examples[/bold]\n\n"
    "tidegate universe build a-share --name a-share-300 --top-n 300 --retain 50 --rebalance monthly\n\n"
    "tidegate universe build us-equity --top-n 100 --exclude SPY --exclude ^VIX --workspace us",
)
def build(
    dataset: Annotated[str, typer.Argument(help="Data set of bars to choose from.")],
    top_n: Annotated[int, typer.Option("--top-n", min=1, help="How many names belong to it.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the universe.", show_default="DATASET-topN")
    ] = None,
    retain: Annotated[
        int, typer.Option("--retain", min=0, help="A member stays while it ranks within top-n + retain.")
    ] = 0,
    rebalance: Annotated[
        Period, typer.Option("--rebalance", help="Decided on the first session of a week or month.")
    ] = Period.WEEKLY,
    lookback_bars: Annotated[
        int, typer.Option("--lookback-bars", min=1, help="Bars over which traded value is averaged.")
    ] = 20,
    minimum_history_bars: Annotated[
        int, typer.Option("--minimum-history", min=1, help="A name with fewer known bars is not taken.")
    ] = 60,
    interval: Annotated[str, typer.Option("--interval", help="Size of the bars: 5m, 1h, 1d.")] = "1d",
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="A name never taken, such as an index; repeatable.")
    ] = None,
    lives: Annotated[
        str | None, typer.Option("--lives", help="Data set of listings and delistings.", show_default="DATASET")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", help="First session on which it may be decided.", show_default="earliest")
    ] = None,
    correct: CorrectOption = False,
    reason: ReasonOption = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Decide who belonged at each rebalance, using only what was known the close before; repeat it to go on.

    Snapshots that were decided on bars which have been corrected since are decided again with --correct.
    """
    from tidegate.data import Catalog
    from tidegate.data.universe import build_universe

    terminal = Terminal(json_output=json_output)
    given = {
        "name": name or f"{dataset}-top{top_n}",
        "dataset": dataset,
        "top_n": top_n,
        "retain": retain,
        "rebalance": rebalance.value,
        "lookback_bars": lookback_bars,
        "minimum_history_bars": minimum_history_bars,
        "interval": interval,
        "exclude": tuple(sorted(set(exclude or []))),
        "lives": lives,
        "start": start,
    }
    rules = _rules(given)
    catalog = Catalog(open_workspace(workspace, "universe build"))
    built = build_universe(catalog, rules, revision=read_revision(None, correct, reason))
    terminal.emit(_document(rules, built), key_values(f"Universe {rules.name}", _shown(rules, built)), *built.warnings)


@app.command(
    "show",
    epilog="[bold]Examples[/bold]\n\ntidegate universe show a-share-300 --as-of 2024-03-01 --workspace cn\n\n"
    "tidegate universe show us-equity-top100 --json",
)
def show(
    name: Annotated[str, typer.Argument(help="Name of the universe.")],
    as_of: Annotated[str | None, typer.Option("--as-of", help="Who belonged then.", show_default="now")] = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Show the latest snapshot that was known at an instant."""
    from tidegate.core.clock import now
    from tidegate.core.time import format_instant, parse_instant
    from tidegate.data import Catalog
    from tidegate.data.universe import resolve_universe

    terminal = Terminal(json_output=json_output)
    catalog = Catalog(open_workspace(workspace, "universe show", only_reads=True))
    found = resolve_universe(catalog, name, now() if as_of is None else parse_instant(as_of))
    facts = {"decided": format_instant(found.as_of), "snapshot": found.snapshot, "source": found.source}
    terminal.emit(
        {"name": name, "as_of": facts.pop("decided"), **facts, "symbols": list(found.symbols)},
        key_values(
            f"Universe {name}",
            {"decided": format_instant(found.as_of), **facts, "members": f"{len(found.symbols):,}"},
        ),
        " ".join(found.symbols),
    )


def _rules(given: dict[str, Any]) -> UniverseRules:
    """Return the rules that the options mean."""
    from pydantic import ValidationError

    from tidegate.core.config import in_words
    from tidegate.data.universe import UniverseRules

    try:
        return UniverseRules.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = str(first["loc"][0])
        raise InputError(
            found=f"--{option.replace('_', '-')} {given[option]}" if option != "dataset" else f"{given[option]!r}",
            expected=in_words(first, option)[0],
            hint="see tidegate universe build --help",
        ) from None


def _document(rules: UniverseRules, built: UniverseBuilt) -> dict[str, Any]:
    from tidegate.core.time import format_instant

    return {
        "name": rules.name,
        "source": rules.describe(),
        "version": built.appended.version,
        "snapshots": [
            {"as_of": format_instant(one.at), "members": len(one.members), "snapshot": one.address(rules)}
            for one in built.snapshots
        ],
        "rows": {
            "appended": built.appended.appended,
            "identical": built.appended.identical,
            "revised": built.appended.revised,
        },
        "warnings": list(built.warnings),
    }


def _shown(rules: UniverseRules, built: UniverseBuilt) -> dict[str, object]:
    from tidegate.core.time import format_instant

    first, last = built.snapshots[0], built.snapshots[-1]
    ever = {name for one in built.snapshots for name in one.members}
    return {
        "rules": rules.describe(),
        "snapshots": f"{len(built.snapshots):,}, {format_instant(first.at)[:10]} to {format_instant(last.at)[:10]}",
        "members": f"{len(last.members):,} in the last one, {len(ever):,} in any",
        "rows": f"{built.appended.appended:,} appended, {built.appended.identical:,} there already, "
        f"{built.appended.revised:,} corrected",
        "version": built.appended.version,
    }
