"""What was published for the original A-share picker, beside what an honest test of a recipe says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tidegate.core.recipe import Recipe
from tidegate.core.recipe_trading import LIMITED_PRESETS
from tidegate.report.charts import Brush, Chart
from tidegate.report.estimate_cells import estimate_cell
from tidegate.report.hit_figures import Estimate, Hits, ModelHits
from tidegate.report.page import Cell, Painter, Section, Table
from tidegate.report.statements import Statement, Tone

__all__ = ["BANDS", "PUBLISHED_BASE_RATE", "Band", "bands_section", "plainly"]

_CHANCE = 0.5
_TARGETS: Final = frozenset({"hit", "hindsight_hit"})
PUBLISHED_BASE_RATE: Final = 0.258
"""Share of hits by the label of the original (equity G.5), over all rows of its own files of 2023 and 2024."""


@dataclass(frozen=True)
class Band:
    """A published band: the field of :class:`~tidegate.report.hit_figures.HitFigures`, and both ends."""

    figure: str
    low: float
    high: float


BANDS: Final = (
    Band("auc", 0.60, 0.75),
    Band("precision", 0.60, 1.0),
    Band("recall", 0.10, 0.30),
    Band("f1", 0.20, 0.40),
)
"""Published by the original (equity G.12); a precision has no upper end there."""


def bands_section(painter: Painter, recipe: Recipe, hits: Hits) -> Section | None:
    """Return the comparison; none for other targets and other markets, for which nothing was published."""
    model = hits.of(recipe.leading_model)
    if model is None or recipe.labels.target not in _TARGETS or recipe.costs.preset not in LIMITED_PRESETS:
        return None
    text = painter.text
    return Section(
        title=text("section.bands"),
        lead=_lead(painter, recipe, model),
        sentences=(painter.say(plainly(hits, model)),),
        charts=(_chart(painter.brush, model),),
        tables=(_table(painter, model),),
    )


def _lead(painter: Painter, recipe: Recipe, model: ModelHits) -> str:
    """Say whose figures stand side by side, and that they are of one label or of two."""
    label, text = recipe.labels, painter.text
    key = "same_label" if label.target == "hindsight_hit" else "other_label"
    of_labels = text(
        f"section.bands.{key}",
        published=PUBLISHED_BASE_RATE,
        base=model.overall.base_rate,
        day=label.touch.last_day,
        rise=label.touch.rise,
    )
    return f"{text('section.bands.lead', model=painter.name(model.model))} {of_labels}"


def plainly(hits: Hits, model: ModelHits) -> Statement:
    """Say in one sentence what the honest figures mean for whoever hoped for the published ones."""
    overall, folds = model.overall, hits.tested(model.model)
    inside = sum(_inside(band, _estimate(model, band)) is True for band in BANDS)
    values = {
        "auc": overall.auc.text("decimal3"),
        "inside": inside,
        "bands": len(BANDS),
        "k": model.top_k,
        "precision": overall.precision_at_k.text("percent1"),
        "base": overall.base_rate_at_k,
    }
    if overall.auc.side_of(_CHANCE) <= 0:
        return Statement("bands.chance", Tone.BAD, values)
    if overall.base_rate_at_k is None or overall.precision_at_k.side_of(overall.base_rate_at_k) <= 0:
        return Statement("bands.no_picks", Tone.BAD, values)
    if folds and not any(one.threshold.is_met for one in folds):
        return Statement("bands.below_floor", Tone.BAD, {**values, "target": folds[0].threshold.target_precision})
    target = folds[0].threshold.target_precision if folds else None
    kept = overall.precision.value
    if target is not None and kept is not None and kept < target:
        called = {"target": target, "kept": overall.precision.text("percent1"), "calls": overall.calls}
        return Statement("bands.calls_failed", Tone.BAD, {**values, **called})
    if inside < len(BANDS):
        return Statement("bands.some", Tone.CAUTION, values)
    if overall.precision.is_alone:
        return Statement("bands.open", Tone.CAUTION, {**values, "weeks": overall.precision.weeks})
    return Statement("bands.reached", Tone.GOOD, values)


def _estimate(model: ModelHits, band: Band) -> Estimate:
    value = getattr(model.overall, band.figure)
    return value if isinstance(value, Estimate) else Estimate(value)


def _inside(band: Band, found: Estimate) -> bool | None:
    return None if found.value is None else band.low <= found.value <= band.high


def _position(painter: Painter, band: Band, found: Estimate, calls: int | None) -> Cell:
    """Say where the honest value lies; an interval that reaches the band is said, and is not counted as inside."""
    text = painter.text
    if found.value is None:
        return painter.words(text("bands.no_calls" if calls == 0 else "bands.unknown"), Tone.BAD)
    if _inside(band, found):
        return painter.words(text("bands.inside"), Tone.NEUTRAL if found.is_alone else Tone.GOOD)
    reaches = found.low is not None and found.high is not None and found.low <= band.high and found.high >= band.low
    if found.value > band.high:
        return painter.words(text("bands.above"))
    return painter.words(text("bands.reaches" if reaches else "bands.below"), Tone.CAUTION if reaches else Tone.BAD)


def _published(painter: Painter, band: Band) -> str:
    low, high = (painter.number(end, "decimal2").text for end in (band.low, band.high))
    return f"≥ {low}" if band.high >= 1.0 else f"{low} – {high}"


def _honest(painter: Painter, model: ModelHits, band: Band, found: Estimate) -> Cell:
    """Return the figure; where figures of its kind have intervals and this one has none, it says so."""
    has_intervals = isinstance(getattr(model.overall, band.figure), Estimate)
    return estimate_cell(painter, band.figure, found, "decimal3") if has_intervals else Cell(found.text("decimal3"))


def _table(painter: Painter, model: ModelHits) -> Table:
    text = painter.text
    rows = []
    for band in BANDS:
        found = _estimate(model, band)
        rows.append(
            [
                painter.words(text(f"figure.{band.figure}")),
                Cell(_published(painter, band)),
                _honest(painter, model, band, found),
                _position(painter, band, found, model.overall.calls),
            ]
        )
    head = [text("figure.figure"), text("figure.published"), text("figure.honest"), text("figure.inside")]
    return Table(title=text("table.bands"), head=head, rows=rows)


def _chart(brush: Brush, model: ModelHits) -> Chart:
    figure, text = brush.figure(hovermode="closest", bargap=0.45), brush.language.text
    labels = [text(f"figure.{band.figure}") for band in BANDS]
    figure.add_bar(
        base=[band.low for band in BANDS],
        x=[band.high - band.low for band in BANDS],
        y=labels,
        orientation="h",
        marker_color=brush.colours["purge_pale"],
        name=text("figure.published"),
        hoverinfo="skip",
    )
    found = [_estimate(model, band) for band in BANDS]
    figure.add_scatter(
        x=[one.value for one in found],
        y=labels,
        mode="markers",
        marker={"size": 10, "color": brush.colours["first"], "line": {"width": 2, "color": brush.colours["page"]}},
        error_x={
            "type": "data",
            "array": [_reach(one.high, one.value) for one in found],
            "arrayminus": [_reach(one.value, one.low) for one in found],
            "symmetric": False,
            "width": 0,
            "thickness": 7,
            "color": brush.colours["first_band"],
        },
        name=text("figure.honest"),
        text=[one.text("decimal3") for one in found],
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    figure.update_xaxes(range=[-0.015, 1.015], tickformat=".1f", showgrid=True, showline=False, ticks="")
    figure.update_yaxes(autorange="reversed", type="category", ticklabelstandoff=6, showgrid=False)
    return brush.chart("bands", figure, height=230)


def _reach(far: float | None, near: float | None) -> float:
    return 0.0 if far is None or near is None else max(0.0, far - near)
