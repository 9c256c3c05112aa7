"""Charts of an experiment: differences as dots, with their intervals as bands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from tidegate.report.charts import Brush, Chart
from tidegate.report.experiment_files import Comparison, ExperimentResult
from tidegate.report.language import format_value
from tidegate.report.theme import MODEL_ROLES

__all__ = ["differences_chart", "figure_spec", "measure_name", "rivals_chart"]

_SPECS: Final = {"net_top_k": "signed3", "negative_squared_error": "change6"}


def figure_spec(measure: str) -> str:
    """Return how a measure is shown."""
    return _SPECS.get(measure, "change4")


def measure_name(brush: Brush, measure: str) -> str:
    """Return how the language calls a measure."""
    return brush.language.name_of("metric", "within_date_auc" if measure == "auc" else measure)


def differences_chart(brush: Brush, found: ExperimentResult, measure: str, at: str) -> Chart | None:
    """Draw what each group is worth to each model; None where none was left out."""
    rows = [row for row in found.of(measure, at) if row.is_of_group and row.difference is not None]
    groups = [str(found.groups[name]) for name in dict.fromkeys(row.variant for row in rows)]

    def place(row: Comparison) -> str:
        return str(found.groups[row.variant])

    return _chart(brush, found, rows, groups, place, "differences", measure)


def rivals_chart(brush: Brush, found: ExperimentResult, measure: str) -> Chart | None:
    """Draw how the models differ from the first one; None where there is one alone."""
    rows = [row for row in found.of(measure, "all") if not row.is_of_group and row.difference is not None]

    def place(row: Comparison) -> str:
        return brush.language.name_of("model", row.model)

    return _chart(brush, found, rows, [place(row) for row in rows], place, "rivals", measure)


def _chart(
    brush: Brush,
    found: ExperimentResult,
    rows: Sequence[Comparison],
    places: Sequence[str],
    place: Callable[[Comparison], str],
    key: str,
    measure: str,
) -> Chart | None:
    """Draw differences, one line of the chart per place, models beside each other in it."""
    if not rows:
        return None
    models = [model for model in found.models if any(row.model == model for row in rows)]
    figure = brush.figure(hovermode="closest", showlegend=len(models) > 1 and key == "differences")
    for number, model in enumerate(models):
        own = [row for row in rows if row.model == model]
        role = MODEL_ROLES[found.models.index(model) % len(MODEL_ROLES)]
        shift = 0.0 if key == "rivals" else (number - (len(models) - 1) / 2.0) * 0.24
        figure.add_scatter(
            x=[row.difference for row in own],
            y=[places.index(place(row)) + shift for row in own],
            mode="markers",
            name=brush.language.name_of("model", model),
            marker={"size": 9, "color": brush.colours[role], "line": {"width": 1.5, "color": brush.colours["page"]}},
            error_x={**_whiskers(own), "color": brush.colours[f"{role}_band"]},
            text=[_pointed_at(row, place(row)) for row in own],
            hovertemplate="%{text}<extra></extra>",
        )
    figure.add_vline(x=0.0, line={"color": brush.colours["muted"], "width": 1.2, "dash": "dash"})
    figure.update_yaxes(
        range=[len(places) - 0.45, -0.55],
        tickvals=list(range(len(places))),
        ticktext=list(places),
        ticklabelstandoff=6,
        showgrid=False,
    )
    figure.update_xaxes(showgrid=True, tickformat="+.2%" if measure == "net_top_k" else "+.3~g", nticks=7)
    height = 96 + max(34, 22 * len(models)) * len(places)
    values = {"metric": measure_name(brush, measure)}
    if key == "rivals":
        values["model"] = brush.language.name_of("model", found.models[0])
    return brush.chart(key, figure, height=height, wide=False, **values)


def _whiskers(rows: Sequence[Comparison]) -> dict[str, object]:
    known = [(row.difference or 0.0, row.interval or (row.difference or 0.0,) * 2) for row in rows]
    return {
        "type": "data",
        "symmetric": False,
        "array": [interval[1] - value for value, interval in known],
        "arrayminus": [value - interval[0] for value, interval in known],
        "width": 0,
        "thickness": 8,
    }


def _pointed_at(row: Comparison, name: str) -> str:
    spec = figure_spec(row.measure)
    ends = "" if row.interval is None else f" [{' – '.join(format_value(end, spec) for end in row.interval)}]"
    return f"{name}: {format_value(row.difference, spec)}{ends}"
