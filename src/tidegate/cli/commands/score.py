"""``tidegate score``: which runs of a manifest keep the drawdown limit, and which of them is best."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.terminal import Terminal, table
from tidegate.core.errors import InputError, RunError

if TYPE_CHECKING:
    from datetime import date

    from tidegate.search.scoring.score import Score

__all__ = ["score"]


def score(
    manifest: Annotated[
        str,
        typer.Argument(help="A manifest.jsonl, ours or of LEAN's platform; a folder of LEAN's results; or a run's id."),
    ],
    artifacts: Annotated[
        Path | None,
        typer.Option(
            "--artifacts", help="Where LEAN's folders run_<id> lie.", show_default="beside the manifest or in artifacts"
        ),
    ] = None,
    max_drawdown: Annotated[
        float, typer.Option("--max-drawdown", help="Largest drawdown that is allowed, as a fraction.")
    ] = 0.15,
    objective: Annotated[str, typer.Option("--objective", help="Figure that decides among those.")] = "cagr",
    top: Annotated[int, typer.Option("--top", min=1, help="How many runs are shown.")] = 3,
    start: Annotated[
        str | None, typer.Option("--start", help="First day that was asked for; another window is rejected.")
    ] = None,
    end: Annotated[str | None, typer.Option("--end", help="Last day that was asked for.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the page there, as Markdown.")] = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Score finished runs under a drawdown limit; what is not scored is listed with its reason."""
    from tidegate.core.files import write_text
    from tidegate.search.scoring.page import score_markdown
    from tidegate.search.scoring.score import score_manifest

    terminal = Terminal(json_output=json_output)
    if output is not None and output.exists() and not output.is_file():
        raise InputError(found=f"{output}, which is no file", expected="where a file can be written", hint="name one")
    asked = (_day("--start", start), _day("--end", end))
    source = _source(manifest, workspace)
    found = score_manifest(
        source, max_drawdown=max_drawdown, objective=objective, top=top, artifacts=artifacts, asked=asked
    )
    if output is not None:
        write_text(output, score_markdown(found, manifest))
    written = [f"written: {output}"] if output else []
    document = {"source": str(source), **found.as_dict(), "output": output and str(output)}
    terminal.emit(document, *_shown(found), *written)


def _source(named: str, workspace: Path) -> Path:
    """Return the file or folder that is named, or the manifest of a run of the workspace."""
    from tidegate.registry import RunStore

    path = Path(named)
    if path.exists() or len(path.parts) > 1 or path.suffix:
        return path
    run = RunStore(open_workspace(workspace, "score", only_reads=True)).get(named)
    found = run.folder / "manifest.jsonl"
    if not found.is_file():
        raise RunError(
            found=f"{run.id}, a {run.status} {run.kind} run without a manifest",
            expected="a search, or a selection among models",
            hint="list them: tidegate runs --kind search",
        )
    return found


def _day(option: str, text: str | None) -> date | None:
    from datetime import date

    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise InputError(
            found=f"{option} {shlex.quote(str(text))}", expected="a day such as 2020-01-31", hint="write YYYY-MM-DD"
        ) from None


def _shown(found: Score) -> list[RenderableType]:
    from tidegate.search.scoring.groups import varied
    from tidegate.search.scoring.page import COLUMNS, conclusion, counts, score_row

    shown = list(varied(found.scored))
    runs = {"Best within the limit": found.feasible[: found.top]}
    if not found.met:
        near = found.nearest
        runs = {"Smallest drawdowns": near["by_drawdown"], f"Best by {found.objective}": near["by_objective"]}
    parts: list[RenderableType] = [conclusion(found), counts(found), ""]
    for title, listed in runs.items():
        if listed:
            parts += [table(title, COLUMNS, [score_row(run, shown) for run in listed], whole=("run",)), ""]
    if found.equal:
        rows = [(", ".join(one.ids), ", ".join(one.parameters) or "–") for one in found.equal]
        parts += [table("Equal figures", ("runs", "what differs, and did nothing"), rows), ""]
    if found.unmoved:
        inert = [(one.parameter, ", ".join(one.values), f"{one.unmoved} of {one.groups}") for one in found.unmoved]
        parts += [table("Likely inert", ("parameter", "values tried", "changed nothing in"), inert), ""]
    if found.rejected:
        rejected = [(run.id, run.train or "–", run.reason) for run in found.rejected]
        parts += [table("Rejected", ("run", "train", "reason"), rejected, whole=("run",)), ""]
    return [*parts, *found.notes()]
