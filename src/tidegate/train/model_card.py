"""The model card: in words, what a model forecasts, on what it was trained and how good it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tidegate.core.recipe import Recipe
from tidegate.core.time import format_instant

__all__ = ["CardFacts", "write_card"]

_FIGURES: Final = (
    ("auc", "AUC, all rows together", ".3f"),
    ("auc_within_date", "AUC within the date", ".3f"),
    ("average_precision", "average precision", ".3f"),
    ("precision", "precision of the calls", ".1%"),
    ("recall", "recall of the calls", ".1%"),
    ("f1", "F1 of the calls", ".3f"),
    ("precision_at_k", "precision of the {k} best of each day", ".1%"),
    ("base_rate_at_k", "base rate of the same days", ".1%"),
    ("lift_at_k", "lift over that base rate", ".2f"),
    ("net_return_at_k", "net return of one trade of the {k} best", "+.2%"),
    ("net_return_all", "net return of one trade of all names", "+.2%"),
    ("turnover_at_k", "names that change from day to day", ".1%"),
    ("brier", "Brier score", ".4f"),
    ("expected_calibration_error", "expected calibration error", ".4f"),
)
_FORECAST_FIGURES: Final = (
    ("rank_ic", "rank IC", "+.4f"),
    ("rank_ic_t", "its t statistic", "+.2f"),
    ("hit_rate", "hit rate", ".1%"),
    ("quantile_spread", "top fifth less bottom fifth", "+.2%"),
)
_SURVIVORSHIP: Final = {
    "point_in_time": "The universe of each day was decided with what was known then.",
    "snapshots_of_bars": "The universe was chosen from the bars that are there; whether delisted names are among them "
    "is not known.",
    "static_list": "One fixed list of names serves the whole period; whoever wrote it may have known which would last.",
    "static_data_set": "Any name of the data set may be picked; whether delisted names are among them is not known.",
    "survivors_only": "The data hold only names that survived: every figure is flattered by an unknown amount.",
}
_NOTES: Final = {
    "dq_degraded": "The bars of {count} names are below the quality that was asked for.",
    "revised_macro": "Macro series hold the latest vintage, not what was first printed: {series}.",
}


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """What a card is written from.

    Parameters
    ----------
    recipe
        As it was fitted.
    figures
        Model to its figures over all test windows.
    top_k
        How many names of a day the figures ``..._at_k`` are about.
    calibration
        Model to how the shipped model was calibrated; empty where nothing was.
    folds, current
        Documents of the folds, and of the one whose models are shipped.
    features
        Names of the features, in order.
    importance
        Model to each feature's share.
    data_versions
        ``table/dataset`` to the version that was read.
    absent_features
        Features that were asked for and that no model saw, each with what they lack.
    data_notes
        What the audit of the data said: codes, each with its values.
    survivorship
        What is known of names that ended.
    """

    recipe: Recipe
    figures: Mapping[str, Mapping[str, Any]]
    top_k: int
    calibration: Mapping[str, Mapping[str, Any]]
    folds: Sequence[Mapping[str, Any]]
    current: Mapping[str, Any]
    features: Sequence[str]
    importance: Mapping[str, Mapping[str, float]]
    data_versions: Mapping[str, int]
    absent_features: Mapping[str, str]
    data_notes: Mapping[str, Mapping[str, Any]]
    survivorship: str | None


def write_card(facts: CardFacts) -> str:
    """Return the card as Markdown; the same facts give the same text."""
    parts = [
        f"# Model card: {facts.recipe.name}",
        _target(facts.recipe),
        "## Data",
        _data(facts),
        "## How it was split",
        _split(facts),
        "## How good it was",
        _figures(facts),
        "## Calls and the floor",
        _threshold(facts),
        "## What the models look at",
        _importance(facts),
        "## Limits",
        _limits(facts),
        "## How to load it",
        _loading(facts.recipe),
    ]
    return "\n\n".join(parts) + "\n"


def _target(recipe: Recipe) -> str:
    touch, target = recipe.labels.touch, recipe.labels.target
    words = {
        "hit": f"whether a share bought at the next open and sold on day {touch.last_day} earns at least "
        f"{touch.rise:.1%}; a share that cannot be bought there counts as no sample",
        "relative_hit": f"whether the same trade, held until day {touch.last_day}, is among the best "
        f"{touch.top_share:.0%} of its day",
        "hindsight_hit": f"whether the best close of days {touch.first_day} to {touch.last_day} lies {touch.rise:.1%} "
        "above today's; nobody can trade that, it repeats an older definition",
    }
    horizon = recipe.labels.horizon or f"{recipe.labels.horizon_bars} bars"
    said = words.get(target, f"the {target.replace('_', ' ')} return over {horizon}")
    return (
        f"Models: {', '.join(recipe.models.kinds)}; **{recipe.leading_model}** leads. It forecasts {said}. A forecast "
        "uses what was known at the close of its day."
    )


def _data(facts: CardFacts) -> str:
    recipe, current = facts.recipe, facts.current
    versions = ", ".join(f"{name} version {version}" for name, version in sorted(facts.data_versions.items()))
    return (
        f"Bars of {recipe.data.dataset} ({recipe.data.interval}): {versions}. Of what is shipped nothing saw a label "
        f"that ended after {_day(current['trained_until'])}. "
        f"{len(facts.features)} features of the contract `{recipe.features.contract}`; seed {recipe.seed}."
    )


def _split(facts: CardFacts) -> str:
    if not facts.folds:
        return "There was no test window."
    first, last = facts.folds[0], facts.folds[-1]
    slices = [name for name in ("validation", "calibration") if facts.current.get(name)]
    kept = f" In front of each test stood a slice of {' and one of '.join(slices)}." if slices else ""
    return (
        f"{len(facts.folds)} folds in time, each tested after everything that was fitted: tests from "
        f"{_day(first['test_start'])} to {_day(last['test_end'])}.{kept} Samples whose label reaches over a border "
        f"were purged, {sum(one['purged_rows'] for one in facts.folds):,} instants in all.\n\n"
        "The models that are shipped were fitted once more, as those of every fold, in one that ends with the newest "
        f"labels:\n\n{_shipped(facts)}\n\nNobody has tested these on later data yet."
    )


def _shipped(facts: CardFacts) -> str:
    """Return what each part of the newest past was good for: whatever is no training part is in no tree."""
    models, current = facts.recipe.models, facts.current
    lines = [f"- {_day(current['train_start'])} to {_day(current['train_end'])}, training: the models learnt from it."]
    if "validation" in current:
        learnt = models.refit == "with_validation"
        uses = [
            *(["told when to stop adding trees"] if models.stops_early else []),
            *(["weighed the members of the ensemble"] if models.ensemble is not None else []),
            "was then learnt from too" if learnt else "was not learnt from",
        ]
        lines.append(f"- {_window(current['validation'])}, validation: {', '.join(uses)}.")
    if "calibration" in current:
        use = "calibrators and thresholds come from it" if facts.calibration else "nothing was fitted to it"
        lines.append(f"- {_window(current['calibration'])}, calibration: {use}; no model learnt from it.")
    return "\n".join(lines)


def _window(part: Mapping[str, int]) -> str:
    """Return the first and the last day of a slice, whose end is where the next part begins."""
    return f"{_day(part['start'])} to {_day(part['end'] - 1)}"


def _figures(facts: CardFacts) -> str:
    return "\n\n".join(
        [
            "Out of sample, over all test windows; in brackets the 95 % interval of a bootstrap by week.",
            *(_table(model, figures, facts.top_k) for model, figures in facts.figures.items()),
        ]
    )


def _table(model: str, figures: Mapping[str, Any], top_k: int) -> str:
    wanted = _FIGURES if "auc" in figures else _FORECAST_FIGURES
    size = ""
    if "rows" in figures:
        weeks = f", {figures['weeks']:,} weeks" if figures.get("weeks") else ""
        size = f" ({figures['rows']:,} rows{weeks}, base rate {_shown(figures['base_rate'], '.1%')})"
    lines = [f"**{model}**{size}", "", "| figure | value | 95 % interval |", "|---|---|---|"]
    for name, words, pattern in wanted:
        interval = figures.get(f"{name}_interval")
        between = " to ".join(format(edge, pattern) for edge in interval) if interval else _no_interval(name, figures)
        lines.append(f"| {words.format(k=top_k)} | {_shown(figures.get(name), pattern)} | {between} |")
    return "\n".join(lines)


def _no_interval(name: str, figures: Mapping[str, Any]) -> str:
    """Say why a figure has no interval: the weeks that hold something of its denominator are too few."""
    weeks = figures.get(f"{name}_weeks")
    if figures.get(name) is None or weeks is None:
        return ""
    return f"none: {'calls in ' if name == 'precision' else ''}{weeks:,} weeks"


def _threshold(facts: CardFacts) -> str:
    if not facts.calibration:
        return "Nothing was calibrated: scores rank, and no name is called."
    return "\n\n".join(_told(model, document) for model, document in facts.calibration.items())


def _told(model: str, document: Mapping[str, Any]) -> str:
    found = document["threshold"]
    slice_ = f"{found['rows']:,} rows from {_day(document['start'])} to {_day(document['end'])}"
    at = (
        f"precision {_shown(found['precision'], '.1%')}, lower bound {_shown(found['lower'], '.1%')}, "
        f"recall {_shown(found['recall'], '.1%')}, {found['calls']:,} calls"
    )
    at += "" if found.get("days") is None else f" on {found['days']:,} days"
    if found["status"] == "met":
        return (
            f"**{model}**: on {slice_} the threshold {found['value']:.2f} keeps the floor of "
            f"{found['target_precision']:.0%} by the rule `{found['rule']}`: {at}."
        )
    nearest = "" if found["candidate"] is None else f" The nearest, {found['candidate']:.2f}, has {at}."
    return (
        f"**{model}**: **below the floor**. On {slice_}, whose base rate is {found['base_rate']:.1%}, no threshold "
        f"keeps a precision of {found['target_precision']:.0%} by the rule `{found['rule']}`, so nothing is "
        f"called.{nearest} The ranked list is printed all the same, every line marked."
    )


def _importance(facts: CardFacts) -> str:
    lines = []
    for model, shares in facts.importance.items():
        best = sorted(shares.items(), key=lambda one: (-one[1], one[0]))[:5]
        lines.append(f"- {model}: " + ", ".join(f"`{name}` {share:.1%}" for name, share in best))
    return "\n".join(lines) or "Not known."


def _limits(facts: CardFacts) -> str:
    lines = [
        "- Figures are of the past that was looked at; costs, limits and rules are modelled as the recipe says.",
        "- A probability is calibrated on a slice of the past: where the market's base rate moves, it does not follow.",
    ]
    if facts.survivorship:
        lines.append(f"- {_SURVIVORSHIP.get(facts.survivorship, facts.survivorship)}")
    if facts.recipe.universe.first:
        lines.append(
            f"- At most the first {facts.recipe.universe.first:,} names of the alphabet: a sample to try things."
        )
    if facts.absent_features:
        absent = ", ".join(f"`{name}` ({why})" for name, why in sorted(facts.absent_features.items()))
        lines.append(f"- Asked for and not delivered: {absent}.")
    notes = [_NOTES.get(code, code).format(**values) for code, values in sorted(facts.data_notes.items())]
    return "\n".join([*lines, *(f"- {note}" for note in notes)])


def _loading(recipe: Recipe) -> str:
    return (
        f"`tidegate pick {recipe.name}` prints the list of the newest day. In Python:\n\n"
        "```python\n"
        "from pathlib import Path\n\n"
        "from tidegate.core.workspace import Workspace\n"
        "from tidegate.registry import ArtifactStore, live_forecast\n\n"
        'workspace = Workspace.open(Path("tidegate-workspace"))\n'
        "artifact = ArtifactStore(workspace).open(identifier)  # checks every file first\n"
        f"picks = live_forecast(workspace, artifact).picks({recipe.picks.top_k}, {recipe.picks.reasons})\n"
        "```\n\n"
        "Other features than those of its contract are refused, and so are days before its labels ended."
    )


def _day(instant: int) -> str:
    return format_instant(instant)[:10]


def _shown(value: float | None, pattern: str) -> str:
    return "not known" if value is None else format(value, pattern)
