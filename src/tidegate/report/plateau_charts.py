"""Charts of what lies around the best set: the objective over pairs of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import plotly.graph_objects as go

from tidegate.report.charts import Brush, Chart
from tidegate.report.language import format_value
from tidegate.report.search_result import Heatmap
from tidegate.report.search_words import figure_spec, plain_value

__all__ = ["heatmap_chart"]

_WRITTEN: Final = 60
"""With more cells none of them says its value."""


def heatmap_chart(brush: Brush, found: Heatmap, objective: str) -> Chart:
    """Draw the objective over two parameters; a cross marks what does not keep the bounds, a star the best set."""
    figure = brush.figure(hovermode="closest", margin={"l": 52, "r": 10, "t": 8, "b": 46})
    across, up = ([plain_value(value) for value in values] for values in (found.x_values, found.y_values))
    spec = figure_spec(objective)
    texts = [[_written(value, spec) for value in row] for row in found.objective]
    small = len(across) * len(up) <= _WRITTEN
    figure.add_heatmap(
        x=list(range(len(across))),
        y=list(range(len(up))),
        z=[list(row) for row in found.objective],
        text=texts,
        texttemplate="%{text}" if small else None,
        customdata=[[format_value(value, "percent1") for value in row] for row in found.max_drawdown],
        colorscale=[[0.0, brush.colours["seventh"]], [1.0, brush.colours["first"]]],
        showscale=False,
        xgap=2,
        ygap=2,
        hoverongaps=False,
        hovertemplate="%{text} / %{customdata}<extra></extra>",
    )
    _mark(figure, brush, _infeasible(found), "dots.infeasible", "x-thin-open", "purge", 0.30 if small else 0.0)
    best = _place(found)
    if best is not None:
        _mark(figure, brush, [best], "dots.best_here", "star", "second", 0.30 if small else 0.0)
    for axis, name, shown in ((figure.update_xaxes, found.x, across), (figure.update_yaxes, found.y, up)):
        step = -(-len(shown) // 12)
        axis(
            title={"text": name, "font": {"size": 11}, "standoff": 8},
            tickvals=list(range(0, len(shown), step)),
            ticktext=shown[::step],
            showgrid=False,
            ticks="",
            showline=False,
            range=[-0.5, len(shown) - 0.5],
        )
    height = max(250, 110 + 54 * min(len(up), 8))
    named = brush.language.name_of("bounded", objective)
    key = "heatmap_sliced" if found.others == "as_in_the_best" else "heatmap"
    return brush.chart(key, figure, height=height, wide=False, x=found.x, y=found.y, objective=named)


def _written(value: float | None, spec: str) -> str:
    return "" if value is None else format_value(value, spec)


def _infeasible(found: Heatmap) -> list[tuple[float, float]]:
    return [
        (float(column), float(row))
        for row, kept in enumerate(found.feasible)
        for column, one in enumerate(kept)
        if one is False and found.objective[row][column] is not None
    ]


def _place(found: Heatmap) -> tuple[float, float] | None:
    """Return the cell of the best set, or None where it lies in none of them."""
    if found.best is None or len(found.best) != 2:
        return None
    places = [_index(values, value) for values, value in zip((found.x_values, found.y_values), found.best, strict=True)]
    return None if places[0] is None or places[1] is None else (float(places[0]), float(places[1]))


def _index(values: Sequence[Any], value: Any) -> int | None:
    shown = [plain_value(one) for one in values]
    return shown.index(plain_value(value)) if plain_value(value) in shown else None


def _mark(
    figure: go.Figure,
    brush: Brush,
    places: Sequence[tuple[float, float]],
    name: str,
    symbol: str,
    role: str,
    above: float,
) -> None:
    """Put marks into cells, above the value that is written there."""
    if not places:
        return
    size, own = (15, "page") if symbol == "star" else (9, role)
    # A cross alone would drown in some of the cells' colours: a broader one of the page's colour lies below it.
    for width, colour in ((3.6, "page"), (1.8, own)) if symbol != "star" else ((1.6, own),):
        figure.add_scatter(
            x=[across for across, _ in places],
            y=[up + above for _, up in places],
            mode="markers",
            marker={
                "size": size,
                "symbol": symbol,
                "color": brush.colours[role],
                "line": {"width": width, "color": brush.colours[colour]},
            },
            name=brush.language.text(name),
            hoverinfo="skip",
            showlegend=colour == own,
        )
