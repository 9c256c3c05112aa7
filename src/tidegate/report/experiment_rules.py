"""Rules that say what an experiment found: what is more than chance, and nothing else."""

from __future__ import annotations

from tidegate.report.experiment_files import ExperimentResult
from tidegate.report.statements import Statement, Tone, Verdict

__all__ = ["experiment_verdict"]

_WITH_CHANCE = {"lightgbm", "xgboost", "ensemble"}


def experiment_verdict(found: ExperimentResult) -> Verdict:
    """Return the verdict on an experiment; the first finding is its headline."""
    clear = [row for row in found.rows if row.finding not in {None, "open"}]
    compared = sum(row.finding is not None for row in found.rows)
    said = [
        Statement(
            f"experiment.said_{row.finding}",
            Tone.CAUTION if row.finding in {"harmed", "worse"} else Tone.GOOD,
            {
                "model": row.model,
                "rival": found.models[0],
                "metric": row.measure,
                "group": found.groups.get(row.variant),
                "difference": row.difference,
            },
        )
        for row in clear
        if row.at == "all"
    ]
    cautions = [Statement("caution.kfold", Tone.CAUTION)] if found.protocol == "purged_kfold" else []
    if found.seeds == 1 and _WITH_CHANCE & set(found.models):
        cautions.append(Statement("caution.one_seed", Tone.CAUTION))
    headline = Statement("experiment.nothing" if not clear else "experiment.clear", Tone.NEUTRAL,
                         {"comparisons": compared, "clear": len(clear)})  # fmt: skip
    return Verdict(
        findings=(headline, *said),
        cautions=(Statement("experiment.corrected"), *cautions),
        limits=(Statement("limit.ablation_alone"), Statement("limit.no_money"), Statement("limit.future")),
    )
