"""Rules that say what a study found: how far the best parameters lead, and how much of the lead may be luck."""

from __future__ import annotations

from math import sqrt

from tidegate.report.statements import Statement, Tone, Verdict
from tidegate.report.tuning_files import Study, Trial

__all__ = ["found_best", "gain", "stopped", "tuning_verdict"]


def tuning_verdict(study: Study) -> Verdict:
    """Return the verdict on a study; the first finding is its headline."""
    said = (found_best(study), gain(study), stopped(study))
    return Verdict(
        findings=tuple(one for one in said if one is not None),
        cautions=(Statement("caution.best_of_many", Tone.CAUTION, {"trials": len(study.complete)}),),
        limits=(Statement("limit.inner_only"), Statement("limit.future")),
    )


def found_best(study: Study) -> Statement:
    """Say which trial was best."""
    values = {
        "model": study.model,
        "metric": study.metric,
        "value": study.best_value,
        "number": study.best_number,
        "trials": len(study.trials),
    }
    if study.best_value is None:
        return Statement("tuning.nothing", Tone.BAD, values)
    return Statement("tuning.best", Tone.NEUTRAL, values)


def gain(study: Study) -> Statement | None:
    """Say how far the best trial leads the first one, the recipe's own parameters, by pairs of inner folds.

    The lead is called clear where it is more than twice the standard error of the mean difference over the folds.
    """
    first, best = next((one for one in study.complete if one.number == 0), None), study.best
    if first is None or best is None or first.value is None or best.value is None:
        return None
    if best.number == first.number:
        return Statement("tuning.own_are_best", Tone.NEUTRAL, {"value": first.value})
    lead, error = best.value - first.value, _standard_error(first, best)
    values = {"first": first.value, "best": best.value, "lead": lead, "folds": len(best.values_by_fold)}
    if error is None:
        return Statement("tuning.lead", Tone.CAUTION, values)
    clear = abs(lead) > 2.0 * error
    return Statement("tuning.clear_lead" if clear else "tuning.slight_lead", _tone(clear), {**values, "error": error})


def _tone(clear: bool) -> Tone:
    return Tone.GOOD if clear else Tone.CAUTION


def _standard_error(first: Trial, best: Trial) -> float | None:
    pairs = zip(first.values_by_fold, best.values_by_fold, strict=False)
    gaps = [late - early for early, late in pairs if early is not None and late is not None]
    if len(gaps) < 2:
        return None
    mean = sum(gaps) / len(gaps)
    return sqrt(sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1) / len(gaps))


def stopped(study: Study) -> Statement:
    """Say what ended the search."""
    pruned = sum(one.state == "pruned" for one in study.trials)
    values = {
        "complete": len(study.complete),
        "pruned": pruned,
        "failed": len(study.trials) - len(study.complete) - pruned,
        "trials": study.budget.get("trials"),
        "minutes": study.budget.get("minutes"),
        "memory": study.budget.get("memory_gib"),
        "reason": study.stopped_by,
    }
    if study.stopped_by == "trials":
        return Statement("tuning.stopped_by_trials", Tone.NEUTRAL, values)
    if study.stopped_by in {"minutes", "memory"}:
        return Statement(f"tuning.stopped_by_{study.stopped_by}", Tone.CAUTION, values)
    return Statement("tuning.stopped_otherwise", Tone.CAUTION, values)
