"""The tree of commands."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate._version import __version__
from tidegate.cli.commands import (
    audit,
    backtest,
    bundle,
    catalog,
    collect,
    compare,
    demo,
    doctor,
    experiment,
    features,
    ingest,
    init,
    lean,
    lineage,
    lookahead,
    parity,
    pick,
    picker,
    report,
    review,
    runs,
    score,
    search,
    select,
    status,
    stop,
    tail,
    train,
    tune,
    universe,
)

__all__ = ["app"]

app = typer.Typer(
    name="tidegate",
    help="From raw bars to an honest backtest, where time flows one way.",
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
    """From raw bars to an honest backtest, where time flows one way."""


def _examples(*lines: str) -> str:
    """Return lines to copy for the end of a help page; an empty line keeps each on its own."""
    return "\n\n".join(["[bold]Examples[/bold]", *lines])


app.command("demo", epilog=_examples("tidegate demo", "tidegate demo --language zh --workspace my-demo"))(demo.demo)
app.command("init", epilog=_examples("tidegate init --workspace us", "tidegate init --upgrade --workspace us"))(
    init.init
)
app.command(
    "doctor",
    epilog=_examples("tidegate doctor", "tidegate doctor us-rotation --workspace us"),
)(doctor.doctor)
app.add_typer(ingest.app, name="ingest")
audit.app.command(
    "lookahead",
    epilog=_examples(
        "tidegate audit lookahead us-rotation --workspace us", "tidegate audit lookahead my.yaml --fast --json"
    ),
)(lookahead.lookahead)
audit.app.command(
    "parity",
    epilog=_examples(
        "tidegate audit parity us-rotation --workspace us", "tidegate audit parity my.yaml --instants 1000"
    ),
)(parity.parity)
app.add_typer(audit.app, name="audit")
app.command(
    "collect",
    epilog=_examples(
        "tidegate collect my.yaml --workspace us",
        "tidegate collect my.yaml --update --skip bundle --workspace us",
    ),
)(collect.collect)
app.add_typer(universe.app, name="universe")
app.add_typer(review.app, name="review")
app.add_typer(bundle.app, name="bundle")
app.add_typer(catalog.app, name="catalog")
app.add_typer(features.app, name="features")
app.add_typer(lean.app, name="lean")
app.command(
    "lineage",
    epilog=_examples(
        "tidegate lineage 3f2a9c41d07b --workspace us",
        "tidegate lineage train-my-20260102 --instants 100 --symbol AAPL",
    ),
)(lineage.lineage)
app.command(
    "train",
    epilog=_examples(
        "tidegate train us-rotation --workspace us",
        "tidegate train my.yaml --threads 4",
        "tidegate train my.yaml --detach",
    ),
)(train.train)
app.command(
    "tune",
    epilog=_examples(
        "tidegate tune ashare-picker --workspace cn",
        "tidegate tune ashare-picker --stocks 1000 --trials 20 --minutes 10 --workspace cn",
        "tidegate tune ashare-picker --fast --workspace cn",
        "tidegate tune ashare-picker --detach --workspace cn",
    ),
)(tune.tune)
app.command(
    "experiment",
    epilog=_examples(
        "tidegate experiment ashare-picker --workspace cn",
        "tidegate experiment my.yaml --model lightgbm --without event --seeds 3",
        "tidegate experiment my.yaml --protocol purged-kfold --folds 5 --detach",
    ),
)(experiment.experiment)
app.command(
    "backtest",
    epilog=_examples(
        "tidegate backtest us-rotation --workspace us",
        "tidegate backtest my.yaml --scores-of train-my-20260102 --workspace us",
    ),
)(backtest.backtest)
app.command(
    "compare",
    epilog=_examples("tidegate compare backtest-a backtest-b --workspace us", "tidegate compare latest backtest-b"),
)(compare.compare)
app.command(
    "search",
    epilog=_examples(
        "tidegate search us-rotation-30 --workspace us",
        "tidegate search --base-run backtest-us --set risk_off_symbols=VGSH,IEF,GLD,TLT --train-run train-us --limit 3",
    ),
)(search.search)
app.command(
    "select",
    epilog=_examples(
        "tidegate select us-rotation --project us-equity --workspace us",
        "tidegate select --runs runs.json --base-run backtest-us --limit 3",
    ),
)(select.select)
app.command(
    "score",
    epilog=_examples(
        "tidegate score search-my-20260102 --workspace us",
        "tidegate score artifacts/manifest.jsonl --start 2020-01-01 --end 2026-01-13 --output score.md",
    ),
)(score.score)
app.command(
    "runs",
    epilog=_examples(
        "tidegate runs --workspace us",
        "tidegate runs latest --workspace us",
        "tidegate runs list --kind train --status success --project us --all --json",
    ),
)(runs.runs)
app.command(
    "pick",
    epilog=_examples(
        "tidegate pick ashare-picker --workspace a-share",
        "tidegate pick my.yaml --as-of 2024-06-28 --top 20 --json",
    ),
)(pick.pick)
app.add_typer(picker.app, name="picker")
app.command("status", epilog=_examples("tidegate status --workspace us", "tidegate status latest --json"))(
    status.status
)
app.command(
    "tail", epilog=_examples("tidegate tail --workspace us", "tidegate tail train-3f2a9c --lines 100 --follow")
)(tail.tail)
app.command("stop", epilog=_examples("tidegate stop latest --workspace us", "tidegate stop train-3f2a9c --grace 5"))(
    stop.stop
)
app.command(
    "report",
    epilog=_examples(
        "tidegate report --workspace us",
        "tidegate report latest --language zh --colours chinese --workspace us",
        "tidegate report train-my-20260102 --output my.html",
    ),
)(report.report)
