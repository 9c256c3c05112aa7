"""The section of a report about hits by quarter: every figure of the test windows with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tidegate.report.charts import Brush, Chart
from tidegate.report.estimate_cells import estimate_cell
from tidegate.report.hit_figures import Estimate, HitFigures, Hits, ModelHits
from tidegate.report.interval_charts import add_estimates, add_level, named_places
from tidegate.report.page import Cell, Painter, Section, Table

__all__ = ["quarter_section"]

_CHANCE: Final = 0.5
_COLUMNS: Final = (
    ("auc", "decimal3"),
    ("auc_within_date", "decimal3"),
    ("average_precision", "decimal3"),
    ("precision_at_k", "percent1"),
    ("base_rate_at_k", "percent1"),
    ("calls", "count"),
    ("precision", "percent1"),
    ("recall", "percent1"),
    ("net_return_at_k", "signed2"),
    ("net_return_all", "signed2"),
)
_FURTHER: Final = (
    ("rows", "count"),
    ("days", "count"),
    ("weeks", "count"),
    ("base_rate", "percent1"),
    ("f1", "decimal3"),
    ("lift_at_k", "decimal2"),
    ("turnover_at_k", "percent0"),
    ("brier", "decimal4"),
    ("expected_calibration_error", "decimal4"),
)


def quarter_section(painter: Painter, hits: Hits, leading: str) -> Section:
    """Return charts of the leading model by quarter, and tables of all models.

    Parameters
    ----------
    leading
        The model whose scores decide; where it has no figures, only tables are shown.
    """
    model, text = hits.of(leading), painter.text
    floors = [one.threshold.target_precision for one in hits.tested(leading)]
    tables = [_overall_table(painter, hits.models), _further_table(painter, hits.models)]
    tables += [_quarter_table(painter, one) for one in hits.models if one.quarters]
    charts = [] if model is None or not model.quarters else _charts(painter, model, floors[0] if floors else None)
    return Section(
        title=text("section.quarters"),
        lead=text("section.quarters.lead", count=len(model.quarters) if model else 0, model=painter.name(leading)),
        charts=charts,
        tables=tables,
    )


def _charts(painter: Painter, model: ModelHits, floor: float | None) -> list[Chart]:
    brush, k = painter.brush, model.top_k
    charts = [_auc_chart(brush, model)]
    called = _any(model, "precision")
    if _any(model, "precision_at_k"):
        charts.append(_top_chart(brush, model, wide=not called))
    if called:
        charts.append(_single(brush, model, "precision", "percent1", ("chart.floor", floor, "purge")))
    if _any(model, "net_return_at_k"):
        charts.append(_single(brush, model, "net_return_at_k", "signed2", ("chart.zero", 0.0, "muted"), count=k))
    return charts


def _any(model: ModelHits, name: str) -> bool:
    return any(getattr(one.figures, name).value is not None for one in model.quarters)


def _auc_chart(brush: Brush, model: ModelHits) -> Chart:
    figure, names, text = brush.figure(hovermode="closest"), _names(model), brush.language.text
    for name, role, shift in (("auc", "first", -0.13), ("auc_within_date", "second", 0.13)):
        estimates = _estimates(model, name)
        label = text(f"figure.{name}")
        add_estimates(figure, brush, estimates, name=label, role=role, spec="decimal3", names=names, shift=shift)
    add_level(figure, brush, _CHANCE, text("chart.chance"), "muted", len(names))
    named_places(figure, names, most=18)
    figure.update_yaxes(tickformat=".2f")
    return brush.chart("quarter_auc", figure, height=310, model=brush.language.name_of("model", model.model))


def _top_chart(brush: Brush, model: ModelHits, *, wide: bool) -> Chart:
    figure, names = brush.figure(hovermode="closest"), _names(model)
    base = [one.figures.base_rate_at_k for one in model.quarters]
    figure.add_scatter(
        x=list(range(len(names))),
        y=base,
        mode="lines+markers",
        line={"color": brush.colours["benchmark"], "width": 1.6, "shape": "hvh"},
        marker={"size": 4},
        name=brush.language.text("figure.base_rate_at_k"),
        hovertemplate="%{y:.1%}",
    )
    label = brush.language.text("figure.precision_at_k")
    estimates = _estimates(model, "precision_at_k")
    add_estimates(figure, brush, estimates, name=label, role="first", spec="percent1", names=names)
    named_places(figure, names, most=18 if wide else 9)
    figure.update_yaxes(tickformat=".0%")
    return brush.chart("quarter_precision_at_k", figure, height=290, wide=wide, count=model.top_k)


def _single(
    brush: Brush, model: ModelHits, key: str, spec: str, level: tuple[str, float | None, str], **values: object
) -> Chart:
    """Draw one figure by quarter beside a level to compare it with: its text, where it lies, its colour."""
    figure, names, text = brush.figure(hovermode="closest"), _names(model), brush.language.text
    name, place, role = level
    if place is not None:
        add_level(figure, brush, place, text(name), role, len(names))
    add_estimates(
        figure, brush, _estimates(model, key), name=text(f"figure.{key}"), role="first", spec=spec, names=names
    )
    wide = key == "net_return_at_k"
    named_places(figure, names, most=18 if wide else 9)
    figure.update_yaxes(tickformat=".0%" if spec == "percent1" else ".1%")
    return brush.chart(f"quarter_{key}", figure, height=290, wide=wide, **values)


def _names(model: ModelHits) -> list[str]:
    return [one.name for one in model.quarters]


def _estimates(model: ModelHits, name: str) -> list[Estimate]:
    return [getattr(one.figures, name) for one in model.quarters]


def _overall_table(painter: Painter, models: Sequence[ModelHits]) -> Table:
    text = painter.text
    rows = [
        [painter.words(text(f"figure.{name}")), *(_cell(painter, one.overall, name, spec) for one in models)]
        for name, spec in _COLUMNS
    ]
    head = [text("figure.figure"), *(painter.name(one.model) for one in models)]
    return Table(title=text("table.hits"), head=head, rows=rows)


def _further_table(painter: Painter, models: Sequence[ModelHits]) -> Table:
    text = painter.text
    head = [text("figure.model"), *(text(f"figure.{name}") for name, _ in _FURTHER)]
    rows = [
        [painter.words(painter.name(one.model)), *(_cell(painter, one.overall, name, spec) for name, spec in _FURTHER)]
        for one in models
    ]
    return Table(title=text("table.hits_further"), head=head, rows=rows, folded=True, dense=True)


def _quarter_table(painter: Painter, model: ModelHits) -> Table:
    text = painter.text
    head = [text("figure.quarter"), *(text(f"figure.{name}") for name, _ in _COLUMNS)]
    rows = [
        [painter.words(one.name), *(_cell(painter, one.figures, name, spec) for name, spec in _COLUMNS)]
        for one in model.quarters
    ]
    title = text("table.hit_quarters", model=painter.name(model.model))
    return Table(title=title, head=head, rows=rows, folded=True, dense=True)


def _cell(painter: Painter, figures: HitFigures, name: str, spec: str) -> Cell:
    value = getattr(figures, name)
    if isinstance(value, Estimate):
        return estimate_cell(painter, name, value, spec)
    return painter.number(value, spec)
