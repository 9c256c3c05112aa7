"""Charts of probabilities and calls: are they as likely as they say, and what a threshold buys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from tidegate.report.charts import Brush, Chart
from tidegate.report.hit_figures import Bin, CurvePoint, Estimate, FoldCalibration, ModelHits
from tidegate.report.interval_charts import add_estimates, add_level, named_places

__all__ = ["precision_recall_chart", "reliability_chart", "slice_bins", "threshold_chart"]

_BINS: Final = 10


def reliability_chart(brush: Brush, model: ModelHits, folds: Sequence[FoldCalibration]) -> Chart:
    """Draw how often forecasts of a probability came true, on the calibration slices and on the test."""
    figure, text = brush.figure(hovermode="closest"), brush.language.text
    test = [one for one in model.reliability if one.count and one.mean is not None and one.rate is not None]
    before = slice_bins(folds)
    figure.add_bar(
        x=[(one.low + one.high) / 2 for one in test],
        y=[one.count for one in test],
        width=[0.92 * (one.high - one.low) for one in test],
        marker_color=brush.colours["training"],
        name=text("figure.count"),
        yaxis="y2",
        hovertemplate="%{y:,.0f}<extra></extra>",
    )
    _add_bins(figure, brush, before, text("chart.on_slice"), "second", "circle-open")
    _add_bins(figure, brush, test, text("chart.on_test"), "first", "circle")
    ends = [max(one.mean or 0.0, one.rate or 0.0, one.high) for one in (*test, *before)]
    top = min(1.0, 1.05 * max(ends, default=1.0))
    figure.add_scatter(
        x=[0.0, top],
        y=[0.0, top],
        mode="lines",
        line={"color": brush.colours["muted"], "width": 1.2, "dash": "dot"},
        name=text("chart.as_said"),
        hoverinfo="skip",
    )
    axis = {"tickformat": ".0%", "rangemode": "tozero"}
    figure.update_layout(
        yaxis={**axis, "domain": [0.3, 1.0], "range": [0.0, top]},
        yaxis2={"domain": [0.0, 0.2], "showgrid": False, "nticks": 3, "tickformat": "~s", "automargin": True},
        xaxis={**axis, "range": [0.0, top], "anchor": "y2"},
        bargap=0.05,
    )
    return brush.chart(
        "reliability", figure, height=380, wide=False, model=brush.language.name_of("model", model.model)
    )


def _add_bins(figure: go.Figure, brush: Brush, bins: Sequence[Bin], name: str, role: str, symbol: str) -> None:
    if not bins:
        return
    figure.add_scatter(
        x=[one.mean for one in bins],
        y=[one.rate for one in bins],
        mode="lines+markers",
        line={"color": brush.colours[role], "width": 1.2},
        marker={"size": 8, "symbol": symbol, "color": brush.colours[role]},
        name=name,
        text=[brush.language.text("chart.bin", mean=one.mean, rate=one.rate, count=one.count) for one in bins],
        hovertemplate="%{text}<extra></extra>",
    )


def slice_bins(folds: Sequence[FoldCalibration]) -> list[Bin]:
    """Return the reliability on the calibration slices of all folds together.

    Where a run recorded bins they are added up; otherwise they follow from the slice's precision at each threshold,
    by what lies between two thresholds.
    """
    counts, sums, hits = ([0.0] * _BINS for _ in range(3))
    for one in folds:
        for part in one.reliability or _bins_of(one.curve):
            if part.count and part.mean is not None and part.rate is not None:
                place = min(_BINS - 1, int(part.mean * _BINS))
                counts[place] += part.count
                sums[place] += part.mean * part.count
                hits[place] += part.rate * part.count
    return [
        Bin(
            low=place / _BINS,
            high=(place + 1) / _BINS,
            mean=sums[place] / counts[place],
            rate=hits[place] / counts[place],
            count=round(counts[place]),
        )
        for place in range(_BINS)
        if counts[place]
    ]


def _bins_of(curve: Sequence[CurvePoint]) -> list[Bin]:
    """Return what lies at each threshold and below the next higher one."""
    found, above, hits_above, upper = [], 0, 0.0, 1.0
    for low, precision, _, calls in sorted(curve, reverse=True):
        hits, count = (precision or 0.0) * calls, calls - above
        if count > 0:
            rate = min(1.0, max(0.0, (hits - hits_above) / count))
            found.append(Bin(low=low, high=upper, mean=low, rate=rate, count=count))
        above, hits_above, upper = calls, hits, low
    return found


def precision_recall_chart(brush: Brush, model: ModelHits, folds: Sequence[FoldCalibration]) -> Chart:
    """Draw precision over recall on the test, the floor, the base rate, and where the chosen thresholds led."""
    figure, text, overall = brush.figure(hovermode="closest"), brush.language.text, model.overall
    for number, one in enumerate(folds):
        _add_curve(figure, brush, one.curve, text("chart.on_slices"), "training", 1.0, first=number == 0)
    _add_curve(figure, brush, model.curve, text("chart.on_test"), "first", 2.2, first=True)
    levels = [(overall.base_rate, "figure.base_rate", "benchmark")]
    levels += [(folds[0].threshold.target_precision, "chart.floor", "purge")] if folds else []
    for level, name, role in levels:
        if level is not None:
            figure.add_scatter(
                x=[0.0, 1.0],
                y=[level, level],
                mode="lines",
                line={"color": brush.colours[role], "width": 1.4, "dash": "dash"},
                name=text(name),
                hovertemplate="%{y:.1%}<extra></extra>",
            )
    if overall.calls and overall.recall is not None and overall.precision.value is not None:
        _add_chosen(figure, brush, overall.recall, overall.precision)
    figure.update_xaxes(
        range=[0.0, 1.0], tickformat=".0%", title={"text": text("figure.recall"), "font": {"size": 11}, "standoff": 10}
    )
    figure.update_yaxes(range=[0.0, 1.02], tickformat=".0%")
    figure.update_layout(margin_b=50)
    name = brush.language.name_of("model", model.model)
    return brush.chart("precision_recall", figure, height=380, wide=False, model=name)


def _add_curve(
    figure: go.Figure, brush: Brush, curve: Sequence[CurvePoint], name: str, role: str, width: float, *, first: bool
) -> None:
    shown = sorted(point for point in curve if point[1] is not None and point[2] is not None)
    if not shown:
        return
    figure.add_scatter(
        x=[recall for _, _, recall, _ in shown],
        y=[precision for _, precision, _, _ in shown],
        mode="lines" if len(shown) > 1 else "markers",
        line={"color": brush.colours[role], "width": width},
        name=name,
        legendgroup=name,
        showlegend=first,
        text=[brush.language.text("chart.point", threshold=threshold, count=calls) for threshold, _, _, calls in shown],
        hovertemplate="%{text}: %{y:.1%}<extra></extra>",
    )


def _add_chosen(figure: go.Figure, brush: Brush, recall: float, precision: Estimate) -> None:
    ends = [0.0 if end is None else abs(end - (precision.value or 0.0)) for end in (precision.high, precision.low)]
    figure.add_scatter(
        x=[recall],
        y=[precision.value],
        mode="markers",
        marker={
            "size": 13,
            "symbol": "diamond",
            "color": brush.colours["second"],
            "line": {"width": 2, "color": brush.colours["page"]},
        },
        error_y={
            "type": "data",
            "array": [ends[0]],
            "arrayminus": [ends[1]],
            "symmetric": False,
            "width": 0,
            "thickness": 7,
            "color": brush.colours["second_band"],
        },
        name=brush.language.text("chart.calls"),
        text=[precision.text("percent1")],
        hovertemplate="%{text}<extra></extra>",
    )


def threshold_chart(brush: Brush, model: ModelHits, folds: Sequence[FoldCalibration]) -> Chart:
    """Draw the precision of each fold's threshold: on the slice, its Wilson bound below it, and on the test."""
    figure, text = brush.figure(hovermode="closest"), brush.language.text
    names = [text("fold.name", number=one.fold) for one in folds]
    promised = [Estimate(one.threshold.precision, one.threshold.lower, one.threshold.precision) for one in folds]
    kept = [model.of_fold(one.fold).precision for one in folds]
    add_level(figure, brush, folds[0].threshold.target_precision, text("chart.floor"), "purge", len(folds))
    for estimates, name, role, shift in (
        (promised, "chart.on_slice", "second", -0.12),
        (kept, "chart.on_test", "first", 0.12),
    ):
        add_estimates(figure, brush, estimates, name=text(name), role=role, spec="percent1", names=names, shift=shift)
    named_places(figure, names, most=14)
    figure.update_yaxes(tickformat=".0%")
    return brush.chart("thresholds", figure, height=300, model=brush.language.name_of("model", model.model))
