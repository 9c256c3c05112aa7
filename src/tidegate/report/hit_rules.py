"""Rules that turn forecasts of hits into statements, each a pure function of the figures.

They say what the figures mean and no more. A figure counts as better than what it is compared with only where its
whole interval is; a floor that was missed on the calibration slice is named before anything that flatters.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.report.hit_figures import FoldCalibration, HitFigures, Hits, ModelHits
from tidegate.report.statements import Statement, Tone, Verdict

__all__ = ["best_candidate", "better_auc", "calls", "floor", "hit_verdict", "skill", "top_of_the_day", "trades"]

_CHANCE = 0.5


def hit_verdict(hits: Hits, leading: str, target: str) -> Verdict:
    """Return the verdict on a run whose target is 0 or 1; the first finding is its headline.

    Parameters
    ----------
    leading
        The model whose scores decide.
    target
        What was forecast, ``labels.target`` of the recipe.
    """
    model = hits.of(leading)
    if model is None:
        return Verdict(findings=(Statement("forecast.absent", Tone.BAD, {"model": leading}),), cautions=(), limits=())
    folds = hits.tested(leading)
    found = (
        skill(model),
        top_of_the_day(model),
        floor(folds),
        calls(model.overall, folds),
        trades(model),
        better_auc(model, hits.models),
    )
    hindsight = (Statement("caution.hindsight_hit", Tone.BAD),) if target == "hindsight_hit" else ()
    limits = ("limit.label_trades", "limit.future", "limit.search")
    return Verdict(
        findings=tuple(one for one in found if one is not None),
        cautions=(*hindsight, Statement("caution.one_history", Tone.CAUTION)),
        limits=tuple(Statement(key) for key in limits),
    )


def skill(model: ModelHits) -> Statement:
    """Say whether the model tells hits from the others: over all, and among the names of one day."""
    overall = model.overall
    auc, within = overall.auc, overall.auc_within_date
    values = {
        "model": model.model,
        "auc": auc.text("decimal3"),
        "within": within.text("decimal3"),
        "weeks": overall.weeks,
    }
    side, own = auc.side_of(_CHANCE), within.side_of(_CHANCE)
    if auc.value is None or auc.low is None:
        return Statement("hits.unknown", Tone.CAUTION, values)
    if side < 0:
        return Statement("hits.wrong_way", Tone.BAD, values)
    if side == 0:
        return Statement("hits.chance", Tone.CAUTION, values)
    if own > 0:
        return Statement("hits.skill", Tone.GOOD, values)
    return Statement("hits.days_only", Tone.CAUTION, values)


def top_of_the_day(model: ModelHits) -> Statement | None:
    """Say whether the best names of a day hit more often than the names of that day do anyway."""
    precision, base = model.overall.precision_at_k, model.overall.base_rate_at_k
    if precision.value is None or base is None:
        return None
    values = {"k": model.top_k, "precision": precision.text("percent1"), "base": base, "weeks": precision.weeks}
    if precision.is_alone:
        return Statement("hits.top_open", Tone.CAUTION, values)
    side = precision.side_of(base)
    if side > 0:
        return Statement("hits.above_base", Tone.GOOD, values)
    return Statement("hits.below_base" if side < 0 else "hits.not_above_base", Tone.BAD, values)


def floor(folds: Sequence[FoldCalibration]) -> Statement | None:
    """Say in how many folds a threshold reached the floor on its calibration slice."""
    if not folds:
        return None
    met = sum(one.threshold.is_met for one in folds)
    rule, best = folds[0].threshold.rule, best_candidate(folds)
    values = {"met": met, "folds": len(folds), "target": folds[0].threshold.target_precision, "best": best}
    if met == len(folds):
        return Statement("hits.floor_met", Tone.NEUTRAL, values)
    if met:
        return Statement("hits.floor_sometimes", Tone.BAD, values)
    how = "_unsupported" if best is None else "_bound" if rule == "wilson" else ""
    return Statement(f"hits.below_floor{how}", Tone.BAD, values)


def best_candidate(folds: Sequence[FoldCalibration]) -> float | None:
    """Return the best figure that missed the floor, of the kind that the rule judges; ``None`` without one.

    A candidate with too few calls, or calls on too few days, was not judged.
    """
    missed = [one.threshold for one in folds if not one.threshold.is_met and one.threshold.is_supported]
    return max((one.judged for one in missed if one.judged is not None), default=None)


def calls(overall: HitFigures, folds: Sequence[FoldCalibration]) -> Statement | None:
    """Say whether the calls kept on the test what the calibration slice promised."""
    if not folds or not overall.calls or overall.precision.value is None:
        return None
    target = folds[0].threshold.target_precision
    values = {
        "calls": overall.calls,
        "precision": overall.precision.text("percent1"),
        "target": target,
        "base": overall.base_rate,
        "weeks": overall.precision.weeks,
    }
    if overall.precision.is_alone:
        return Statement("hits.calls_open", Tone.CAUTION, values)
    side = overall.precision.side_of(target)
    if overall.precision.value < target:
        return Statement("hits.calls_short", Tone.BAD if side < 0 else Tone.CAUTION, values)
    return Statement("hits.calls_kept", Tone.GOOD if side > 0 else Tone.NEUTRAL, values)


def trades(model: ModelHits) -> Statement | None:
    """Say what a trade in one of the day's best names earned after costs."""
    earned = model.overall.net_return_at_k
    if earned.value is None:
        return None
    values = {"k": model.top_k, "earned": earned.text("signed2"), "all": model.overall.net_return_all}
    side = earned.side_of(0.0)
    if side > 0:
        return Statement("hits.trades_earned", Tone.GOOD, values)
    return Statement("hits.trades_lost" if side < 0 else "hits.trades_indistinct", _worse(side), values)


def _worse(side: int) -> Tone:
    return Tone.BAD if side < 0 else Tone.CAUTION


def better_auc(model: ModelHits, models: Sequence[ModelHits]) -> Statement | None:
    """Say so when another model told hits apart better within the day: choosing it now would be look-ahead."""
    own = model.overall.auc_within_date.value
    rivals = [one for one in models if one.model != model.model and one.overall.auc_within_date.value is not None]
    if own is None or not rivals:
        return None
    best = max(rivals, key=lambda one: one.overall.auc_within_date.value or 0.0)
    rival = best.overall.auc_within_date.value or 0.0
    if rival <= own:
        return None
    values = {"rival": best.model, "rival_auc": rival, "model": model.model, "auc": own}
    return Statement("hits.better_rival", Tone.CAUTION, values)
