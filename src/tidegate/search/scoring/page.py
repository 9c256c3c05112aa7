"""The score of a manifest as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from tidegate.search.scoring.groups import varied
from tidegate.search.scoring.score import Score
from tidegate.search.scoring.scored_runs import ScoredRun

__all__ = ["COLUMNS", "conclusion", "counts", "score_markdown", "score_row"]

COLUMNS: Final = ("run", "train", "CAGR", "max drawdown", "volatility", "Sharpe", "Sortino", "turnover", "parameters")
_ABSENT: Final = "–"
_ORIGINS: Final = {"lean": "backtests by LEAN", "tidegate": "a search by Tidegate, figures of its training part"}


def conclusion(score: Score) -> str:
    """Return in one sentence whether the limit was kept and what is recommended."""
    best = score.recommended
    if best is None:
        return f"No scored run keeps the drawdown limit of {score.max_drawdown:.4g}: nothing is recommended."
    value = _number(best.figures.get(score.objective), ".3%" if score.objective != "sharpe" else ".3f")
    chosen = f"run {best.id}, the best of {len(score.feasible)} within it by {score.objective} ({value})"
    return f"The drawdown limit of {score.max_drawdown:.4g} is kept. Recommended: {chosen}."


def counts(score: Score) -> str:
    """Return the numbers of runs in words."""
    total = len(score.scored) + len(score.rejected)
    return (
        f"{total} runs, {len(score.scored)} scored, {len(score.rejected)} rejected; {len(score.feasible)} within the "
        f"limit; {_ORIGINS[score.origin]}"
    )


def score_row(run: ScoredRun, shown: Sequence[str]) -> tuple[str, ...]:
    """Return the cells of one run, as in :data:`COLUMNS`.

    Parameters
    ----------
    shown
        Names of the parameters to write.
    """
    figures = run.figures
    percent = [_number(figures.get(name), ".3%") for name in ("cagr", "max_drawdown", "volatility")]
    plain = [_number(figures.get(name), ".3f") for name in ("sharpe", "sortino", "turnover")]
    parameters = ", ".join(f"{name} {run.parameters[name]}" for name in shown if name in run.parameters)
    return run.id, run.train or _ABSENT, *percent, *plain, parameters or _ABSENT


def score_markdown(score: Score, name: str) -> str:
    """Return the page.

    Parameters
    ----------
    name
        What was scored, for its title.
    """
    return "\n".join(_lines(score, name)) + "\n"


def _lines(score: Score, name: str) -> Iterator[str]:
    yield from (f"# Score of {name}", "", conclusion(score), "", f"{counts(score)}.", "")
    for note in score.notes():
        yield f"- {note}"
    shown = list(varied(score.scored))
    best = score.recommended
    if best is not None:
        yield from _section("Recommended parameters", ("parameter", "value"), best.parameters.items())
        top = [score_row(run, shown) for run in score.feasible[: score.top]]
        yield from _section(f"Best {len(top)} within the limit", COLUMNS, top)
    else:
        for title, runs in (("Smallest drawdowns", "by_drawdown"), (f"Best by {score.objective}", "by_objective")):
            yield from _section(title, COLUMNS, [score_row(run, shown) for run in score.nearest[runs]])
    equal = [(", ".join(one.ids), "; ".join(_values(*each) for each in one.parameters.items())) for one in score.equal]
    yield from _section("Runs with equal figures", ("runs", "what differs, and did nothing"), equal)
    inert = [(one.parameter, ", ".join(one.values), one.unmoved, one.groups) for one in score.unmoved]
    columns = ("parameter", "values tried", "groups in which it changed nothing", "groups that differ in it alone")
    yield from _section("Parameters that are likely inert", columns, inert)
    rejected = [(run.id, run.train or _ABSENT, run.reason) for run in score.rejected]
    yield from _section("Rejected", ("run", "train", "reason"), rejected)
    yield from _section("All scored runs", COLUMNS, [score_row(run, shown) for run in score.scored])


def _section(title: str, columns: Sequence[str], rows: Any) -> Iterator[str]:
    rows = list(rows)
    if not rows:
        return
    yield from ("", f"## {title}", "", _row(columns), _row(["---"] * len(columns)))
    yield from (_row(row) for row in rows)


def _row(cells: Sequence[object]) -> str:
    # A line break or a bar in a reason would end the row or the cell.
    return "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |"


def _values(name: str, values: Sequence[str]) -> str:
    return f"{name} {', '.join(value or _ABSENT for value in values)}"


def _number(value: float | None, pattern: str) -> str:
    return _ABSENT if value is None else format(value, pattern)
