"""``tidegate lean``: parameters, results and scores to and from the LEAN engine and the platform that ran it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import RenderableType

from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.terminal import Terminal, key_values, table
from tidegate.core.errors import InputError, RunError
from tidegate.core.recipe import load_recipe, shipped_recipes

if TYPE_CHECKING:
    from datetime import date

    from tidegate.engine.lean_results import LeanSummary
    from tidegate.registry import Run, RunStore
    from tidegate.strategy.lean_parameters import LeanParameters

__all__ = ["app", "parameters", "scores", "statistics", "summary"]

app = typer.Typer(help="LEAN: import parameters, read and write results, hand over scores.", no_args_is_help=True)

_ABSENT: Final = "–"
_GOES_INTO: Final = "# From {source}: sections of a recipe, to stand beside its data, split and models.\n"

OutputOption = Annotated[Path, typer.Option("--output", "-o", help="Where to write.")]


@app.command(
    "parameters",
    epilog="[bold]Examples[/bold]\n\ntidegate lean parameters run-462.json\n\n"
    "tidegate lean parameters run-462.json --legacy --output run-462.yaml",
)
def parameters(
    file: Annotated[Path, typer.Argument(help="A map of parameters, names to texts, as JSON.")],
    legacy: Annotated[bool, typer.Option("--legacy", help="With every defect of the original switched on.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the recipe's sections there, as YAML.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Tell of every parameter whether it is used, inert or unsupported; a missing one has the original's default."""
    import yaml

    from tidegate.core.files import write_text
    from tidegate.strategy.lean_parameters import load_parameters

    terminal = Terminal(json_output=json_output)
    found = load_parameters(file, legacy=legacy)
    if output is not None:
        content = yaml.safe_dump(found.sections(), sort_keys=False, allow_unicode=True)
        write_text(_writable(output), _GOES_INTO.format(source=file.name) + content)
    written = [f"written: {output}"] if output else []
    terminal.emit({**found.as_dict(), "output": output and str(output)}, *_parameter_tables(found, file), *written)


@app.command(
    "summary",
    epilog="[bold]Examples[/bold]\n\ntidegate lean summary results/462-summary.json\n\n"
    "tidegate lean summary 462-summary.json --start 2020-01-01 --end 2026-01-13 --status success --json",
)
def summary(
    file: Annotated[Path, typer.Argument(help="A *-summary.json of LEAN.")],
    status: Annotated[
        str | None, typer.Option("--status", help="What the platform says of the run; only success is read.")
    ] = None,
    start: Annotated[str | None, typer.Option("--start", help="First day that was asked for, YYYY-MM-DD.")] = None,
    end: Annotated[str | None, typer.Option("--end", help="Last day that was asked for, YYYY-MM-DD.")] = None,
    json_output: JsonOption = False,
) -> None:
    """Read a result of LEAN as one of ours; a missing figure is refused, never taken for 0."""
    from tidegate.engine.lean_results import read_summary

    terminal = Terminal(json_output=json_output)
    window = (_day("--start", start), _day("--end", end))
    found = read_summary(file, status=status, window=window)
    terminal.emit(found.as_dict(), key_values(f"LEAN's result {file.name}", _figures(found)))


@app.command(
    "statistics",
    epilog="[bold]Examples[/bold]\n\ntidegate lean statistics latest --workspace us\n\n"
    "tidegate lean statistics backtest-my-20260102 --output my-summary.json",
)
def statistics(
    run: Annotated[str, typer.Argument(help="A backtest's id, the beginning of it, or 'latest'.")] = "latest",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write a summary as LEAN does, with every digit.")
    ] = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Tell a backtest's result in LEAN's words."""
    from tidegate.core.files import read_json, write_json
    from tidegate.engine.lean_statistics import lean_statistics, lean_summary
    from tidegate.evaluate.performance import Performance
    from tidegate.registry import RunKind, RunStatus, RunStore

    terminal = Terminal(json_output=json_output)
    found = RunStore(open_workspace(workspace, "lean statistics", only_reads=True)).get(run)
    if found.kind is not RunKind.BACKTEST or found.status is not RunStatus.FINISHED:
        raise RunError(
            found=f"{found.id}, a {found.status} {found.kind} run",
            expected="a finished backtest",
            hint="list them: tidegate runs --kind backtest --status finished",
        )
    figures = read_json(found.folder / "performance.json")
    result = Performance(**figures["strategy"])
    money: dict[str, Any] = {
        "start_equity": float(found.recipe["backtest"]["initial_cash"]),
        "costs": figures["costs"]["total"],
    }
    texts = lean_statistics(result, **money)
    if output is not None:
        write_json(_writable(output), lean_summary(result, **money))
    written = [f"written: {output}"] if output else []
    terminal.emit({"run": found.id, "statistics": texts}, key_values(f"{found.id}, as LEAN tells it", texts), *written)


@app.command(
    "scores",
    epilog="[bold]Examples[/bold]\n\ntidegate lean scores us-rotation --output scores.csv --workspace us\n\n"
    "tidegate lean scores train-my-20260102 --model ridge --output scores.csv",
)
def scores(
    source: Annotated[
        str, typer.Argument(metavar="RECIPE_OR_RUN", help="A recipe, whose newest training counts, or a run's id.")
    ],
    output: OutputOption,
    model: Annotated[
        str | None, typer.Option("--model", help="Whose scores.", show_default="the one that the strategy trades")
    ] = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Write out-of-sample scores as the CSV that LEAN's algorithms read: date, symbol, score."""
    from tidegate.engine.lean_scores import write_score_file
    from tidegate.registry import RunStore, read_scores

    terminal = Terminal(json_output=json_output)
    run, traded = _training(RunStore(open_workspace(workspace, "lean scores", only_reads=True)), source)
    chosen = model or traded
    frame = read_scores(run, chosen)
    if frame.is_empty():
        trained = _trained(run)
        raise RunError(
            found=f"no scores of {chosen!r} in {run.id}",
            expected=f"a model that it trained: {', '.join(trained)}",
            hint="name one of these with --model",
        )
    written = write_score_file(frame, _writable(output))
    facts = {**written.as_dict(), "run": run.id, "model": chosen}
    terminal.emit(facts, key_values(f"Scores of {run.id}", facts))


def _training(store: RunStore, source: str) -> tuple[Run, str]:
    """Return a training run and the model whose scores are traded: by the recipe, or by the one that the run stored."""
    from tidegate.costs import resolve_recipe
    from tidegate.registry import RunKind, RunStatus

    if source in shipped_recipes() or Path(source).suffix in {".yaml", ".yml"}:
        recipe = resolve_recipe(load_recipe(source))
        return store.latest_training(recipe), recipe.leading_model
    run = store.get(source)
    if run.kind is not RunKind.TRAIN or run.status is not RunStatus.FINISHED:
        raise RunError(
            found=f"{run.id}, a {run.status} {run.kind} run",
            expected="a finished train run or a recipe",
            hint="list them: tidegate runs --kind train --status finished",
        )
    strategy = run.recipe.get("strategy")
    return run, str(strategy["scores"]) if strategy else _trained(run)[-1]


def _trained(run: Run) -> list[str]:
    return [name for name, settings in run.recipe["models"].items() if settings is not None]


def _day(option: str, text: str | None) -> date | None:
    from datetime import date

    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise InputError(
            found=f"{option} {shlex.quote(str(text))}", expected="a day such as 2020-01-31", hint="write YYYY-MM-DD"
        ) from None


def _writable(path: Path) -> Path:
    if path.exists() and not path.is_file():
        raise InputError(found=f"{path}, which is no file", expected="where a file can be written", hint="name a file")
    return path


def _parameter_tables(found: LeanParameters, file: Path) -> list[RenderableType]:
    rows = [
        (one.key, _ABSENT if one.given is None else one.given, _shown(one.resolved), one.effect.value, one.why)
        for one in found.settings
    ]
    unsaid = [(one.setting, _shown(one.value), one.why) for one in found.modes]
    counts = [
        f"{sum(one.effect is effect for one in found.settings)} {effect}" for effect in type(found.settings[0].effect)
    ]
    return [
        table(f"Parameters of {file.name}", ("key", "given", "resolved", "effect", "why"), rows, whole=("key",)),
        "",
        table("What the map cannot say", ("setting", "value", "why"), unsaid, whole=("setting",)),
        "",
        ", ".join(counts),
    ]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ",".join(map(_shown, value)) or _ABSENT
    return _ABSENT if value is None else str(value)


def _figures(found: LeanSummary) -> dict[str, object]:
    from tidegate.core.time import format_instant

    figures = found.performance
    return {
        "window": f"{format_instant(figures.start)[:10]} to {format_instant(figures.end)[:10]}",
        "CAGR": f"{figures.cagr:.4%}",
        "max drawdown": f"{figures.max_drawdown:.4%}",
        "volatility": f"{figures.volatility:.4%}",
        "Sharpe": _ABSENT if figures.sharpe is None else f"{figures.sharpe:.4f}",
        "total return": f"{figures.total_return:.4%}",
        **found.statistics,
    }
