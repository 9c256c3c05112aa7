"""Tables of a search or a selection for the terminal: the verdict first, then the best sets, then what is behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.console import RenderableType

from tidegate.cli.terminal import share, table
from tidegate.registry import Run

if TYPE_CHECKING:
    from tidegate.report.search_result import Entry, SearchResult

__all__ = ["search_tables"]

_ABSENT: Final = "–"
_PAIR: Final = "return a year / largest drawdown"


def search_tables(run: Run, document: Mapping[str, Any]) -> list[RenderableType]:
    """Return what a search found.

    Parameters
    ----------
    run
        The search or selection.
    document
        Content of its ``search.json``.

    Raises
    ------
    RunError
        If the document is incomplete.
    """
    # Reports load a library of charts, which no other command should wait for.
    from tidegate.report.language import Language
    from tidegate.report.search_files import search_result
    from tidegate.report.search_rules import search_verdict
    from tidegate.report.search_words import said

    found = search_result(document, f"search.json of run {run.id}")
    verdict, english = search_verdict(found), Language.load("en")
    headline, *findings = (said(english, one) for one in verdict.findings)
    return [
        headline,
        "",
        *(f"  {one}" for one in findings),
        "",
        *_sets(found),
        "",
        *_luck(found),
        *_counted(found),
        *(f"note: {said(english, one)}" for one in verdict.cautions),
    ]


def _sets(found: SearchResult) -> Iterator[RenderableType]:
    if found.top:
        yield _table(f"Top {len(found.top)}, {_PAIR}", found, found.top)
        return
    nearest, best = found.nearest_by_constraint, found.nearest_by_objective
    same = [one.number for one in nearest] == [one.number for one in best]
    for title, entries in (
        ("Nothing kept the bounds; nearest to them", nearest),
        ("Best by the objective, bounds aside", () if same else best),
    ):
        if entries:
            yield _table(f"{title}, {_PAIR}", found, entries)


def _table(title: str, found: SearchResult, entries: Sequence[Entry]) -> RenderableType:
    rows = [
        (
            str(one.number),
            *([one.train_run] if found.is_selection else []),
            *(_value(one, name) for name in found.names),
            *(_growth_and_fall(one.figures.get(part) or {}) for part in found.part_names),
            share(one.share_kept),
            _p(one.adjusted_p),
        )
        for one in entries
    ]
    blank = ["" for _ in (*([0] if found.is_selection else []), *found.names)]
    rows.append(
        ("benchmark", *blank, *(_growth_and_fall(found.benchmark.get(part) or {}) for part in found.part_names), "", "")
    )
    run = ["training run"] if found.is_selection else []
    columns = ("set", *run, *found.names, *found.part_names, "kept", "adjusted p")
    return table(title, columns, rows, whole=("training run",))


def _luck(found: SearchResult) -> Iterator[str]:
    luck = found.luck
    spa, deflated, overfitting = luck.spa, luck.deflated, luck.overfitting
    if spa is not None:
        yield (
            f"SPA p {_p(spa.p_value)} (lower {_p(spa.p_lower)}, upper {_p(spa.p_upper)}), "
            f"blocks of {spa.block_bars:g} bars, {spa.replicates:,} replicates; own adjusted p {_p(luck.own_p)}"
        )
    matched = luck.matched
    if matched is not None:
        alpha = _ABSENT if found.alpha_a_year is None else f"{found.alpha_a_year:+.1%}"
        yield (
            f"beside {matched.beta:.2f} of the benchmark: alpha {alpha} a year, adjusted p {_p(matched.adjusted_p)} "
            f"(best of all sets {_p(matched.p_value)})"
        )
    beside = []
    if deflated is not None and deflated.value is not None:
        beside.append(f"DSR {deflated.value:.3f} at {deflated.trials:,} trials")
    if overfitting is not None and overfitting.value is not None:
        beside.append(f"PBO {overfitting.value:.2f} over {overfitting.splits:,} splits")
    if beside:
        yield f"beside it, as no gates: {', '.join(beside)}"


def _counted(found: SearchResult) -> Iterator[str]:
    counts, counted = found.counts, found.luck.deflated
    kinds = "" if counted is None else ", ".join(f"{kind} {count:,}" for kind, count in counted.by_kind.items())
    trials = "" if counted is None else f"; trials counted: {counted.trials:,} ({kinds})"
    yield (
        f"{counts.total:,} sets: {counts.succeeded:,} succeeded, {counts.failed:,} failed, "
        f"{counts.missing_score:,} without scores{trials}"
    )


def _value(entry: Entry, name: str) -> str:
    from tidegate.report.search_words import plain_value

    return plain_value(entry.parameters[name]) if name in entry.parameters else _ABSENT


def _growth_and_fall(figures: Mapping[str, float | None]) -> str:
    growth, fall = figures.get("cagr"), figures.get("max_drawdown")
    return f"{_ABSENT if growth is None else f'{growth:+.1%}'} / {share(fall)}"


def _p(value: float | None) -> str:
    return _ABSENT if value is None else f"{value:.3f}"
