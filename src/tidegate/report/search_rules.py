"""Rules that say what a search found: whether the bounds were kept, what is recommended, and what of it may be luck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tidegate.data.universe import Survivorship
from tidegate.report.language import Language
from tidegate.report.money_rules import noted
from tidegate.report.search_result import Entry, SearchResult, SpaTest
from tidegate.report.statements import Statement, Tone, Verdict

__all__ = ["at_the_edge", "beside_benchmark", "luck_verdict", "search_verdict"]

_NAMES_CHOSEN: Final = {
    Survivorship.SURVIVORS_ONLY.value: "note.survivorship",
    Survivorship.STATIC_DATA_SET.value: "note.static_data_set",
    Survivorship.SNAPSHOTS_OF_BARS.value: "note.snapshots_of_bars",
    Survivorship.STATIC_LIST.value: "caution.static_list",
}
_CALM: Final = 0.6
"""Below this share of the benchmark's volatility, excess over it is first of all what was not held."""

_FEW: Final = 3
"""With fewer values of a parameter each of them is an edge."""


def search_verdict(found: SearchResult) -> Verdict:
    """Return the verdict on a search; the first finding is its headline."""
    rules = (_headline, _bounds, _recommended, _chosen_on, _validated, _final, luck_verdict, beside_benchmark,
             _trials, _around)  # fmt: skip
    cautions = (_not_run, _missing, _no_final, _fewer_in_resampled, _learnt, _calmer, _edge, _twins, _once)
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
    verdict, values = found.luck.verdict, _set(best) | (_part(found, "window") or {})
    # Where nothing was earned over the benchmark, there is nothing that luck could have brought.
    said = "behind" if verdict == "luck" and (best.figure("window", "excess_cagr") or 0.0) < 0.0 else verdict
    key = f"search.{'selected' if found.is_selection else 'chosen'}_{said}"
    return Statement(key, tones.get(verdict, Tone.CAUTION), values)


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
    return Statement(f"search.luck_{'edge' if luck.verdict == 'edge' else _doubt(found, spa)}", tone, values)


def _doubt(found: SearchResult, spa: SpaTest) -> str:
    """Return why no edge is claimed: chance, or what the set held of the benchmark where only that test fails."""
    luck, market = found.luck, (found.benchmark.get("window") or {}).get("cagr")
    clear = spa.p_value <= luck.level and luck.own_p is not None and luck.own_p <= luck.level
    if not clear or luck.matched is None or luck.matched.adjusted_p <= luck.level:
        return "chance"
    if market is not None and market < 0.0 and luck.matched.beta < 1.0:
        return "held_little"
    return "held_more" if market is not None and market > 0.0 and luck.matched.beta > 1.0 else "beside"


def beside_benchmark(found: SearchResult) -> Statement | None:
    """Say what the recommended set earned beside as much of the benchmark as it moved with, or None where unknown."""
    matched, alpha = found.luck.matched, found.alpha_a_year
    if matched is None or alpha is None or found.recommended is None:
        return None
    tone = Tone.GOOD if alpha > 0.0 and matched.adjusted_p <= found.luck.level else Tone.NEUTRAL
    return Statement("search.beside", tone, {"beta": matched.beta, "alpha": alpha, "p": matched.adjusted_p})


def _trials(found: SearchResult) -> Statement | None:
    counted = found.luck.deflated
    if counted is None:
        return None
    values = {"trials": counted.trials, "here": counted.trials_here, "elsewhere": counted.trials_elsewhere}
    return Statement("search.trials", Tone.NEUTRAL, values)


def _around(found: SearchResult) -> Statement | None:
    around = found.plateau
    if around is None or found.recommended is None or found.is_selection:
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
    """Repeat what the engine noted as a backtest does, first how the names were chosen; unknown notes are left out."""
    english = Language.load("en")
    told = tuple(one for one in noted(found.notes.items()) if english.can_say(one.key, **one.values))
    chosen = _NAMES_CHOSEN.get(found.survivorship or "")
    if chosen is None or any(one.key.partition(".")[2] == chosen.partition(".")[2] for one in told):
        return told
    return (Statement(chosen, Tone.CAUTION), *told)


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


def _calmer(found: SearchResult) -> Statement | None:
    best, market = found.recommended, (found.benchmark.get("window") or {}).get("volatility")
    own = None if best is None else best.figure("window", "volatility")
    if own is None or market is None or own >= _CALM * market:
        return None
    return Statement("caution.calmer", Tone.CAUTION, {"own": own, "market": market})


def _learnt(found: SearchResult) -> Statement | None:
    since = found.luck.tested_from
    if since is None or since <= found.window.start:
        return None
    return Statement("caution.tested_after", Tone.CAUTION, {"start": since})


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
