"""Rules that say what a search found: whether the bounds were kept, what is recommended, and what of it may be luck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tidegate.data.universe import Survivorship
from tidegate.report.search_result import Entry, SearchResult
from tidegate.report.statements import Statement, Tone, Verdict

__all__ = ["at_the_edge", "luck_verdict", "search_verdict"]

_NAMES_CHOSEN: Final = {
    Survivorship.SURVIVORS_ONLY.value: "note.survivorship",
    Survivorship.STATIC_DATA_SET.value: "note.static_data_set",
    Survivorship.SNAPSHOTS_OF_BARS.value: "note.snapshots_of_bars",
    Survivorship.STATIC_LIST.value: "caution.static_list",
}
_SAID_ELSEWHERE: Final = frozenset({"index_without_dividends"})
_FEW: Final = 3
"""With fewer values of a parameter each of them is an edge."""


def search_verdict(found: SearchResult) -> Verdict:
    """Return the verdict on a search; the first finding is its headline."""
    rules = (_headline, _bounds, _recommended, _chosen_on, _validated, _final, luck_verdict, _trials, _around)
    cautions = (_not_run, _missing, _no_final, _fewer_in_resampled, _edge, _twins, _once)
    return Verdict(
        findings=tuple(one for rule in rules if (one := rule(found)) is not None),
        cautions=(*_notes(found), *(one for rule in cautions if (one := rule(found)) is not None)),
        limits=tuple(
            Statement(key)
            for key in ("limit.untold_trials", "limit.unsearched", "limit.future", "limit.execution", "limit.taxes")
        ),
    )


def _headline(found: SearchResult) -> Statement:
    if not found.counts.succeeded:
        return Statement("search.all_failed", Tone.BAD, {"sets": found.counts.total})
    best = found.recommended
    if best is None:
        often = "_often" if found.counts.feasible_by_point else ""
        return Statement(f"search.nothing_kept{often}", Tone.BAD, {"constraints": found.constraints})
    tones = {"edge": Tone.GOOD, "luck": Tone.CAUTION, "untested": Tone.CAUTION}
    verdict = found.luck.verdict
    key = f"search.{'selected' if found.is_selection else 'chosen'}_{verdict}"
    return Statement(key, tones.get(verdict, Tone.CAUTION), _set(best))


def _set(entry: Entry) -> dict[str, Any]:
    return {"number": entry.number, "train_run": entry.train_run}


def _bounds(found: SearchResult) -> Statement | None:
    if not found.counts.succeeded:
        return None
    counts = found.counts
    if not found.constraints:
        return Statement("search.unbounded", Tone.NEUTRAL, {"figure": found.objective, "sets": counts.succeeded})
    values = {
        "constraints": found.constraints,
        "feasible": counts.feasible,
        "by_point": counts.feasible_by_point,
        "sets": counts.succeeded,
        "probability": found.probability,
    }
    kept = "kept" if found.met else "broken"
    return Statement(f"search.{kept}_by_{found.feasible_by}", Tone.GOOD if found.met else Tone.BAD, values)


def _recommended(found: SearchResult) -> Statement | None:
    best = found.recommended
    if best is None:
        return _nearest(found)
    if found.is_selection:
        return None
    return Statement("search.recommended", Tone.NEUTRAL, {"parameters": best.parameters})


def _nearest(found: SearchResult) -> Statement | None:
    """Say which set came nearest to the bounds, and how far from them it is."""
    near = next(iter(found.nearest_by_constraint), None)
    if near is None:
        return None
    bound = next((one for one in found.constraints if not one.holds(near.figure("training", one.figure))), None)
    values = {**_set(near), "cagr": near.figure("training", "cagr"), "fall": near.figure("training", "max_drawdown")}
    if bound is None:  # by the one history it keeps them, resampled histories do not
        return Statement("search.nearest_resampled", Tone.NEUTRAL, {**values, "share": near.share_kept})
    return Statement("search.nearest", Tone.NEUTRAL, values)


def _part(found: SearchResult, part: str) -> dict[str, Any] | None:
    best = found.recommended
    if best is None or best.figure(part, "cagr") is None:
        return None
    against = (found.benchmark.get(part) or {}).get("cagr")
    return {"cagr": best.figure(part, "cagr"), "fall": best.figure(part, "max_drawdown"), "benchmark": against}


def _chosen_on(found: SearchResult) -> Statement | None:
    values = _part(found, "training")
    best = found.recommended
    if values is None or best is None:
        return None
    ends = best.interval.get("cagr")
    if ends is None:
        return Statement("search.training", Tone.NEUTRAL, values)
    values |= {"low": ends[0], "high": ends[1]}
    return Statement("search.training_interval", Tone.NEUTRAL, values)


def _validated(found: SearchResult) -> Statement | None:
    return _seen(found, "validation")


def _final(found: SearchResult) -> Statement | None:
    return _seen(found, "final")


def _seen(found: SearchResult, part: str) -> Statement | None:
    """Say how the recommended set did where it was not chosen: whether the bounds held, and against the benchmark."""
    values, best = _part(found, part), found.recommended
    if values is None or best is None:
        return None
    kept = found.keeps(best.figures[part])
    against = values["benchmark"]
    ahead = against is None or values["cagr"] > against
    ending = "plain" if not found.constraints else "kept" if kept else "broken"
    return Statement(f"search.{part}_{ending}", Tone.GOOD if kept and ahead else Tone.BAD, values)


def luck_verdict(found: SearchResult) -> Statement | None:
    """Say what the tests of luck found, with their p values; None where no set has a result."""
    luck, spa = found.luck, found.luck.spa
    if not found.counts.succeeded:
        return None
    if luck.verdict == "untested" or spa is None:
        return Statement("search.luck_untested", Tone.CAUTION, {"bars": found.window.bars})
    values = {"p": spa.p_value, "own": luck.own_p, "level": luck.level, "sets": spa.sets}
    tone = Tone.GOOD if luck.verdict == "edge" else Tone.CAUTION
    if luck.own_p is None:
        return Statement("search.luck_of_all", Tone.CAUTION, values)
    return Statement("search.luck_edge" if luck.verdict == "edge" else "search.luck_chance", tone, values)


def _trials(found: SearchResult) -> Statement | None:
    counted = found.luck.deflated
    if counted is None:
        return None
    values = {"trials": counted.trials, "here": counted.trials_here, "elsewhere": counted.trials_elsewhere}
    return Statement("search.trials", Tone.NEUTRAL, values)


def _around(found: SearchResult) -> Statement | None:
    around = found.plateau
    if around is None or found.recommended is None:
        return None
    tones = {"plateau": Tone.GOOD, "peak": Tone.CAUTION}
    values = {
        "neighbours": len(around.counted),
        "feasible": around.feasible,
        "share": around.share_of_best,
        "figure": found.objective,
    }
    return Statement(f"search.{around.said}", tones.get(around.finding, Tone.NEUTRAL), values)


def _notes(found: SearchResult) -> tuple[Statement, ...]:
    """Repeat what the engine noted, what matters most first: how the names were chosen."""
    codes = sorted(set(found.notes) - _SAID_ELSEWHERE)
    noted = [Statement(f"note.{code}", Tone.CAUTION, found.notes[code]) for code in codes]
    chosen = _NAMES_CHOSEN.get(found.survivorship or "")
    if chosen is None or chosen.removeprefix("note.") in found.notes:
        return tuple(noted)
    return (Statement(chosen, Tone.CAUTION), *noted)


def _not_run(found: SearchResult) -> Statement | None:
    counts = found.counts
    if not counts.failed:
        return None
    return Statement("caution.sets_failed", Tone.CAUTION, {"failed": counts.failed, "sets": counts.total})


def _missing(found: SearchResult) -> Statement | None:
    counts = found.counts
    if not counts.missing_score:
        return None
    return Statement("caution.scores_missing", Tone.CAUTION, {"missing": counts.missing_score, "sets": counts.total})


def _no_final(found: SearchResult) -> Statement | None:
    return None if "final" in found.part_names else Statement("caution.no_final", Tone.CAUTION)


def _once(found: SearchResult) -> Statement | None:
    return Statement("caution.final_once", Tone.CAUTION) if "final" in found.part_names else None


def _fewer_in_resampled(found: SearchResult) -> Statement | None:
    best = found.recommended
    if best is None or best.share_kept is None or best.share_kept >= found.probability:
        return None
    return Statement("caution.bounds_by_chance", Tone.CAUTION, {"share": best.share_kept})


def _edge(found: SearchResult) -> Statement | None:
    best = None if found.is_selection else found.recommended
    reached = {} if best is None else at_the_edge(best.parameters, found.searched)
    return Statement("caution.at_the_edge", Tone.CAUTION, {"parameters": reached}) if reached else None


def at_the_edge(parameters: Mapping[str, Any], searched: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of a set that are the least or the largest of at least three that were tried.

    Examples
    --------
    >>> at_the_edge({"a": 1, "b": 2.0}, {"a": ["1", "2", "3"], "b": ["1.0", "2.0", "3.0"]})
    {'a': 1}
    """
    reached = {}
    for name, value in parameters.items():
        tried = sorted(one for text in searched.get(name, ()) if (one := _number(text)) is not None)
        own = _number(value)
        if own is not None and len(set(tried)) >= _FEW and not tried[0] < own < tried[-1]:
            reached[name] = value
    return reached


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _twins(found: SearchResult) -> Statement | None:
    counts = found.counts
    if counts.distinct_curves >= counts.succeeded:
        return None
    idle = ", ".join(one.parameter for one in found.inert if one.why is not None)
    values = {"distinct": counts.distinct_curves, "sets": counts.succeeded, "idle": idle}
    return Statement("caution.twins_inert" if idle else "caution.twins", Tone.CAUTION, values)
