"""How today's list is told: names, probability and reasons, and the same rule's past beside them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import RenderableType

from tidegate.cli.terminal import key_values, share, table
from tidegate.core.time import format_instant
from tidegate.models import Threshold
from tidegate.registry import LiveForecast, LivePick, PastMonth, Reason, past_sentence

__all__ = ["PickList", "pick_document", "pick_tables"]

_ABSENT: Final = "–"
_BELOW_FLOOR: Final = "below floor"
_SELDOM: Final = (4, 5)
"""Columns that are shown where one of them says something."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PickList:
    """Everything that is told of one day; ``past_top_k`` names of each past day are summed up in ``months``."""

    run: str
    tuned_by: str | None
    forecast: LiveForecast
    picks: tuple[LivePick, ...]
    months: tuple[PastMonth, ...]
    past_top_k: int
    stale_after: int

    @property
    def is_stale(self) -> bool:
        """Whether the calendar owed more bars since than are forgiven."""
        return self.forecast.rows.bars_behind > self.stale_after

    @property
    def is_below_floor(self) -> bool:
        """Whether no threshold kept the promised precision."""
        threshold = self.forecast.model.threshold
        return threshold is not None and threshold.value is None


def pick_document(told: PickList) -> dict[str, Any]:
    """Return the list as plain values."""
    forecast, threshold = told.forecast, told.forecast.model.threshold
    parts = forecast.artifact.parts
    return {
        "run": told.run,
        "artifact": forecast.artifact.id,
        "model": forecast.model.kind,
        "as_of": format_instant(forecast.rows.as_of),
        "trained_until": format_instant(parts.trained_until),
        "bars_behind": forecast.rows.bars_behind,
        "stale": told.is_stale,
        "names": len(forecast.rows.symbols),
        "left_out": forecast.rows.left_out,
        "below_floor": told.is_below_floor,
        "threshold": None if threshold is None else threshold.as_document(),
        "base_rate_today": forecast.base_rate,
        "base_rate_of_calibration": None if threshold is None else threshold.base_rate,
        "picks": [{**asdict(one), "mark": _mark(one, told)} for one in told.picks],
        "past_top_k": told.past_top_k,
        "past_months": [asdict(one) for one in told.months],
        "past": past_sentence(told.months),
        "data_versions": dict(forecast.rows.data_versions),
    }


def pick_tables(told: PickList) -> list[RenderableType]:
    """Return what is shown: how things stand, the list, and the past months."""
    shown: list[RenderableType] = [key_values(f"Picks of {told.forecast.artifact.parts.name}", _facts(told)), ""]
    if told.is_stale:
        since = format_instant(told.forecast.rows.as_of)[:10]
        behind = told.forecast.rows.bars_behind
        shown += [
            f"STALE: {behind} trading days without bars since {since}; this list is of that day, not of today.",
            "",
        ]
    calibrated = told.forecast.scores.probability is not None
    rows = [
        (
            one.rank,
            one.symbol,
            f"{one.probability:.1%}" if one.probability is not None else f"{one.score:+.4f}",
            _mark(one, told),
            "at its upper limit" if one.at_limit_up else "",
            f"tied with {one.tied_unlisted:,} more" if one.tied_unlisted else "",
            "; ".join(map(_said, one.reasons)),
        )
        for one in told.picks
    ]
    columns = ("rank", "name", "probability" if calibrated else "score", "call", "limit", "tie", "why")
    filled = [place for place in range(len(columns)) if place not in _SELDOM or any(row[place] for row in rows)]
    cut = [[row[place] for place in filled] for row in rows]
    shown += [table("The list", [columns[place] for place in filled], cut, whole=("name",)), ""]
    if told.months:
        shown += [_past(told), past_sentence(told.months)]
    else:
        shown.append("The target of this recipe is no hit, so there is no record of earlier picks.")
    return shown


def _facts(told: PickList) -> dict[str, object]:
    forecast, threshold = told.forecast, told.forecast.model.threshold
    rows, parts = forecast.rows, forecast.artifact.parts
    facts: dict[str, object] = {
        "decided at the close of": format_instant(rows.as_of)[:16].replace("T", " ") + " UTC",
        "names": f"{len(rows.symbols):,} ranked; {rows.left_out:,} left out: no bar, suspended, or no feature",
        "model": f"{forecast.model.kind}, which saw labels until {format_instant(parts.trained_until)[:10]}",
        "artifact": f"{forecast.artifact.id[:12]} of {told.run}",
        "parameters": f"found by {told.tuned_by}" if told.tuned_by else "the recipe's own, nothing searched",
    }
    if threshold is not None:
        facts["floor"] = _floor(told)
        facts["base rate"] = (
            f"{forecast.base_rate:.1%} today (mean probability of all names), "
            f"{threshold.base_rate:.1%} on the calibration slice"
        )
    return facts


def _floor(told: PickList) -> str:
    threshold = told.forecast.model.threshold
    assert threshold is not None
    asked = f"{threshold.target_precision:.0%} was asked for by the rule {threshold.rule}"
    if threshold.value is not None:
        found = f"{_on_slice(threshold)} were right on the slice{_bound(threshold)}"
        return f"met: from {threshold.value:.2f} on, {found}; {asked}"
    nearest = ""
    if threshold.candidate is not None and threshold.precision is not None:
        nearest = f"; the nearest, {threshold.candidate:.2f}, had {_on_slice(threshold)} right{_bound(threshold)}"
        nearest += "" if threshold.is_supported else ", too few to judge"
    return f"NOT met: no threshold kept the floor, so nothing is called; {asked}{nearest}"


def _on_slice(threshold: Threshold) -> str:
    on_days = "" if threshold.days is None else f" on {threshold.days:,} days"
    return f"{threshold.precision:.1%} of {threshold.calls:,} calls{on_days}"


def _bound(threshold: Threshold) -> str:
    """Return the figure that the rule ``wilson`` judges; the precision beside it may well lie above the floor."""
    return f" (lower bound {threshold.lower:.1%})" if threshold.rule == "wilson" else ""


def _mark(one: LivePick, told: PickList) -> str:
    if told.is_below_floor:
        return _BELOW_FLOOR
    return _ABSENT if one.called is None else "called" if one.called else "not called"


def _said(reason: Reason) -> str:
    value = "missing" if reason.value is None else f"{reason.value:.4g}"
    return f"{reason.feature} {value} {'raises' if reason.contribution > 0.0 else 'lowers'} it"


def _past(told: PickList) -> RenderableType:
    rows = [
        (
            one.month,
            one.days,
            one.picks,
            one.judged,
            one.hits,
            share(one.precision),
            share(one.base_rate),
            _ABSENT if one.net_return is None else f"{one.net_return:+.2%}",
            _ABSENT if one.called is None else one.called,
        )
        for one in told.months
    ]
    columns = ("month", "days", "picks", "judged", "hits", "precision", "base rate", "net per trade", "called")
    title = f"The same rule in past months, out of sample: the {told.past_top_k:,} best of each day"
    if len(told.picks) > told.past_top_k:
        title += ", more were not kept"
    return table(title, columns, rows)
