"""The part of a training report about hits: key figures, quarters, published bands, picks and calls."""

from __future__ import annotations

from tidegate.core.recipe import Recipe
from tidegate.report.calibration_section import calibration_section
from tidegate.report.hit_figures import Estimate, Hits
from tidegate.report.language import MISSING, format_value
from tidegate.report.page import Card, Painter, Section
from tidegate.report.picks_section import picks_section
from tidegate.report.published_bands import bands_section
from tidegate.report.quarter_section import quarter_section

__all__ = ["hit_cards", "hit_sections"]


def hit_cards(painter: Painter, hits: Hits, leading: str) -> tuple[Card, ...]:
    """Return the key figures of the leading model; none where it has no figures."""
    model, text = hits.of(leading), painter.text
    if model is None:
        return ()
    overall, folds = model.overall, hits.tested(leading)
    met = sum(one.threshold.is_met for one in folds)
    calls = text("card.precision", calls=overall.calls, met=met, folds=len(folds)) if folds else text("card.no_calls")
    return (
        Card(
            name=text("figure.auc_within_date"),
            value=format_value(overall.auc_within_date.value, "decimal3"),
            detail=text("card.interval", interval=_interval(overall.auc_within_date, "decimal3")),
        ),
        Card(
            name=text("figure.precision_at", count=model.top_k),
            value=format_value(overall.precision_at_k.value, "percent1"),
            detail=text("card.precision_at", base=overall.base_rate_at_k),
        ),
        Card(name=text("figure.precision"), value=format_value(overall.precision.value, "percent1"), detail=calls),
        Card(
            name=text("figure.net_return_at", count=model.top_k),
            value=format_value(overall.net_return_at_k.value, "signed2"),
            detail=text("card.interval", interval=_interval(overall.net_return_at_k, "signed2")),
        ),
    )


def _interval(found: Estimate, spec: str) -> str:
    if found.low is None or found.high is None:
        return MISSING
    return f"{format_value(found.low, spec)} – {format_value(found.high, spec)}"


def hit_sections(painter: Painter, recipe: Recipe, hits: Hits) -> tuple[Section, ...]:
    """Return all sections about hits, picks and calls, the figures of the test first."""
    bands = bands_section(painter, recipe, hits)
    return (
        quarter_section(painter, hits, recipe.leading_model),
        *(() if bands is None else (bands,)),
        picks_section(painter, hits, recipe.leading_model),
        calibration_section(painter, hits),
    )
