"""Charts of a study: how the search went, which parameters mattered, and how the inner folds judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import plotly.graph_objects as go

from tidegate.core.time import format_instant
from tidegate.report.charts import Brush, Chart
from tidegate.report.interval_charts import named_places
from tidegate.report.tuning_files import Study, Trial

__all__ = ["best_so_far", "history_chart", "inner_fold_chart", "judgement_chart", "parameter_chart", "slice_chart"]

_LOG_RATIO: Final = 10.0


def best_so_far(study: Study) -> list[tuple[int, float]]:
    """Return number and value of the best trial known after each complete one."""
    found: list[tuple[int, float]] = []
    for one in study.complete:
        if one.value is not None:
            best = one.value if not found or study.better(one.value, found[-1][1]) else found[-1][1]
            found.append((one.number, best))
    return found


def history_chart(brush: Brush, study: Study) -> Chart:
    """Draw the value of every trial and the best one so far; what was given up stands where it stood then."""
    figure, text = brush.figure(hovermode="closest"), brush.language.text
    given_up = [one for one in study.trials if not one.is_complete and _last(one) is not None]
    line = best_so_far(study)
    figure.add_scatter(
        x=[number for number, _ in line],
        y=[value for _, value in line],
        mode="lines",
        line={"color": brush.colours["first"], "width": 2, "shape": "hv"},
        name=text("tuning.best_so_far"),
        hovertemplate="%{y:.4f}<extra></extra>",
    )
    _add_trials(figure, brush, study.complete, [one.value for one in study.complete], "complete", "circle")
    _add_trials(figure, brush, given_up, [_last(one) for one in given_up], "pruned", "circle-open")
    best = study.best
    if best is not None and best.value is not None:
        _add_trials(figure, brush, [best], [best.value], "best", "star")
    figure.update_xaxes(
        title={"text": text("figure.trial"), "font": {"size": 11}, "standoff": 8}, range=[-1, len(study.trials)]
    )
    figure.update_yaxes(tickformat=".3f")
    figure.update_layout(margin_b=48)
    metric = brush.language.name_of("metric", study.metric)
    return brush.chart("history", figure, height=320, metric=metric)


def _add_trials(
    figure: go.Figure,
    brush: Brush,
    trials: Sequence[Trial],
    values: Sequence[float | None],
    state: str,
    symbol: str,
) -> None:
    if not trials:
        return
    roles = {"complete": "sixth", "pruned": "benchmark", "best": "second"}
    figure.add_scatter(
        x=[one.number for one in trials],
        y=list(values),
        mode="markers",
        marker={"size": 15 if state == "best" else 7, "symbol": symbol, "color": brush.colours[roles[state]]},
        name=brush.language.text(f"trial.{state}"),
        text=[_parameters(one.parameters) for one in trials],
        hovertemplate="%{x}: %{y:.4f}<br>%{text}<extra></extra>",
    )


def _last(trial: Trial) -> float | None:
    """Return what was known of a trial when it was given up: the mean of the folds that judged it."""
    known = [value for value in trial.values_by_fold if value is not None]
    return sum(known) / len(known) if known else trial.value


def _parameters(parameters: Mapping[str, float]) -> str:
    return "<br>".join(f"{name} = {value:.4g}" for name, value in parameters.items())


def parameter_chart(brush: Brush, study: Study) -> Chart:
    """Draw the share of each parameter in what the value depends on."""
    ranked = sorted(study.importance.items(), key=lambda item: (item[1], item[0]))
    figure = brush.figure(showlegend=False, hovermode="closest", bargap=0.28)
    figure.add_bar(
        x=[share for _, share in ranked],
        y=[name for name, _ in ranked],
        orientation="h",
        marker_color=brush.colours["first"],
        hovertemplate="%{y}: %{x:.1%}<extra></extra>",
    )
    figure.update_xaxes(tickformat=".0%", showgrid=True, ticks="", showline=False, rangemode="tozero")
    figure.update_yaxes(ticklabelstandoff=6, tickfont={"size": 11}, dtick=1)
    return brush.chart("parameters", figure, height=max(220, 70 + 24 * len(ranked)), wide=False)


def judgement_chart(brush: Brush, study: Study) -> Chart:
    """Draw how each inner fold judged the recipe's own parameters and the best ones, and all others behind them."""
    figure, text = brush.figure(hovermode="closest"), brush.language.text
    folds = max((len(one.values_by_fold) for one in study.complete), default=0)
    first, best = next(iter(study.complete), None), study.best
    for place, one in enumerate(study.complete):
        _add_judged(figure, brush, one, "trial.others", "grid", 1.2, shown=place == 0)
    for trial, name, role in ((first, "trial.first", "benchmark"), (best, "trial.best", "second")):
        if trial is not None:
            _add_judged(figure, brush, trial, name, role, 2.4, shown=True)
    named_places(figure, [text("fold.name", number=number) for number in range(folds)])
    figure.update_yaxes(tickformat=".3f")
    return brush.chart("judged", figure, height=max(220, 70 + 24 * len(study.importance)), wide=False)


def _add_judged(
    figure: go.Figure, brush: Brush, trial: Trial, name: str, role: str, width: float, *, shown: bool
) -> None:
    figure.add_scatter(
        x=list(range(len(trial.values_by_fold))),
        y=list(trial.values_by_fold),
        mode="lines+markers" if width > 2 else "lines",
        line={"color": brush.colours[role], "width": width},
        marker={"size": 8},
        name=brush.language.text(name),
        legendgroup=name,
        showlegend=shown,
        hovertemplate=f"{trial.number}: %{{y:.4f}}<extra></extra>",
    )


def slice_chart(brush: Brush, study: Study, name: str) -> Chart:
    """Draw the value of every complete trial over one parameter; later trials are darker."""
    own = [one for one in study.complete if name in one.parameters]
    values = [float(one.parameters[name]) for one in own]
    figure = brush.figure(hovermode="closest", showlegend=False)
    figure.add_scatter(
        x=values,
        y=[one.value for one in own],
        mode="markers",
        marker={
            "size": 8,
            "color": [one.number for one in own],
            "colorscale": [[0.0, brush.colours["seventh"]], [1.0, brush.colours["first"]]],
        },
        text=[str(one.number) for one in own],
        hovertemplate="%{text}: %{x:.4g}, %{y:.4f}<extra></extra>",
    )
    best = study.best
    if best is not None and best.value is not None and name in best.parameters:
        marker = {"size": 15, "symbol": "star", "color": brush.colours["second"]}
        figure.add_scatter(x=[best.parameters[name]], y=[best.value], mode="markers", marker=marker, hoverinfo="skip")
    if name in study.logarithmic or _spans_magnitudes(values):
        figure.update_xaxes(type="log", dtick="D2" if max(values) / min(values) < 100 else 1)
    figure.update_yaxes(tickformat=".3f")
    return brush.chart("slice", figure, height=290, wide=False, parameter=name)


def _spans_magnitudes(values: Sequence[float]) -> bool:
    return bool(values) and min(values) > 0.0 and max(values) / min(values) >= _LOG_RATIO


def inner_fold_chart(brush: Brush, study: Study) -> Chart:
    """Draw what early stopping looked at and what judged, fold by fold."""
    figure = brush.figure(barmode="overlay", hovermode="closest", bargap=0.4)
    for name, role in (("stopping", "seventh"), ("judged", "first")):
        spans = [(one.fold, getattr(one, name)) for one in study.inner_folds if getattr(one, name) is not None]
        if spans:
            figure.add_bar(
                base=[format_instant(span[0])[:10] for _, span in spans],
                x=[(span[1] - span[0]) / 1_000 for _, span in spans],
                y=[brush.language.text("fold.name", number=number) for number, _ in spans],
                orientation="h",
                marker_color=brush.colours[role],
                name=brush.language.text(f"fold.{name}"),
                hovertemplate="%{y}: %{base|%Y-%m-%d} – %{x|%Y-%m-%d}<extra></extra>",
            )
    figure.update_xaxes(type="date", tickformat="%Y-%m", hoverformat="%Y-%m-%d")
    figure.update_yaxes(autorange="reversed", type="category", ticklabelstandoff=6, showgrid=False)
    return brush.chart("inner_folds", figure, height=110 + 26 * len(study.inner_folds))
