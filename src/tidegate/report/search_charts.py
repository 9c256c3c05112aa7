"""Charts of a search: growth against drawdown of every set, and the growth of those that are shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
import polars as pl

from tidegate.core.units import FloatArray
from tidegate.report.charts import Brush, Chart, date_format, decimated, growth_ticks, iso_days
from tidegate.report.language import format_value
from tidegate.report.search_files import SearchFiles
from tidegate.report.search_result import Entry
from tidegate.report.search_words import parameters_phrase

__all__ = ["MOST_DOTS", "growth_chart", "trade_off_chart"]

MOST_DOTS: Final = 3_000
"""Of more sets the best are drawn and the others thinned evenly."""

_X, _Y = "training_max_drawdown", "training_cagr"
_BENCHMARK: Final = "benchmark"
_NEAR: Final = 0.6
"""A benchmark further from the sets than this part of their spread is left out of the frame."""
_ROOM: Final = 0.06
_ROLES: Final = ("first", "second", "third", "fourth", "fifth", "sixth")


def trade_off_chart(brush: Brush, found: SearchFiles) -> Chart | None:
    """Draw growth over drawdown on the training part, every set a dot; None where no set has a result."""
    known = found.sets.filter((pl.col("status") == "success") & pl.col(_Y).is_not_nan() & pl.col(_Y).is_not_null())
    if known.is_empty():
        return None
    figure = brush.figure(hovermode="closest")
    drawn = _thinned(known)
    for feasible, name, role in ((False, "dots.infeasible", "benchmark"), (True, "dots.feasible", "first")):
        rows = drawn.filter(pl.col("feasible").fill_null(value=False) == feasible)
        _add_dots(figure, brush, rows, name, role, hollow=not feasible)
    _add_front(figure, brush, known.filter(pl.col("pareto").fill_null(value=False)).sort(_X))
    _add_marks(figure, brush, found)
    _add_bounds(figure, brush, found)
    _frame(figure, found)
    text = brush.language.text
    figure.update_xaxes(
        title={"text": text("axis.training_drawdown"), "font": {"size": 11}, "standoff": 8},
        tickformat=".2~%",
        showgrid=True,
    )
    figure.update_yaxes(title={"text": text("axis.training_cagr"), "font": {"size": 11}}, tickformat=".2~%")
    figure.update_layout(margin_b=48)
    whole = "trade_off" if found.result.recommended else "trade_off_open"
    key = "trade_off_thinned" if drawn.height < known.height else whole
    return brush.chart(key, figure, height=430, shown=drawn.height, sets=known.height)


def _thinned(known: pl.DataFrame) -> pl.DataFrame:
    if known.height <= MOST_DOTS:
        return known
    ranked = known.with_columns(
        apart=pl.col("feasible").fill_null(value=False) | pl.col("pareto").fill_null(value=False)
    )
    kept = ranked.filter("apart").sort(_Y, descending=True).head(MOST_DOTS // 2)
    others = ranked.join(kept.select("number"), on="number", how="anti")
    return pl.concat([kept, others.gather_every(-(-others.height // (MOST_DOTS - kept.height)))]).drop("apart")


def _add_dots(figure: go.Figure, brush: Brush, rows: pl.DataFrame, name: str, role: str, *, hollow: bool) -> None:
    if rows.is_empty():
        return
    marker = {"size": 7, "color": brush.colours[role], "symbol": "circle-open" if hollow else "circle", "opacity": 0.8}
    figure.add_scatter(
        x=rows[_X].round(5).to_list(),
        y=rows[_Y].round(5).to_list(),
        mode="markers",
        marker=marker,
        name=brush.language.text(name),
        legendrank=1000 if hollow else 900,
        text=[_pointed_at(brush, row) for row in rows.iter_rows(named=True)],
        hovertemplate="%{text}<br>%{y:.2%} / %{x:.2%}<extra></extra>",
    )


def _pointed_at(brush: Brush, row: dict[str, Any]) -> str:
    """Return what is shown of a set that is pointed at: its number, and a parameter a line."""
    parameters = json.loads(row["parameters"] or "{}")
    lines = [parameters_phrase({name: value}) for name, value in parameters.items()]
    run = row.get("train_run") if row.get("origin") == "given" else None
    heading = brush.language.text("unit.set", number=row["number"]) if run is None else str(run)
    return "<br>".join([heading, *lines])


def _add_front(figure: go.Figure, brush: Brush, rows: pl.DataFrame) -> None:
    if rows.height < 2:
        return
    figure.add_scatter(
        x=rows[_X].to_list(),
        y=rows[_Y].to_list(),
        mode="lines",
        line={"color": brush.colours["third"], "width": 1.6, "dash": "dot"},
        name=brush.language.text("dots.front"),
        hoverinfo="skip",
    )


def _add_marks(figure: go.Figure, brush: Brush, found: SearchFiles) -> None:
    """Mark the recommended set, where it came to lie in the final part, and the benchmark."""
    result, text = found.result, brush.language.text
    best = result.recommended
    if best is not None:
        places = [
            (fall, growth)
            for part in ("training", "final")
            if (fall := best.figure(part, "max_drawdown")) is not None
            and (growth := best.figure(part, "cagr")) is not None
        ]
        symbols = ["star", "star-open"][: len(places)]
        figure.add_scatter(
            x=[fall for fall, _ in places],
            y=[growth for _, growth in places],
            mode="lines+markers",
            marker={"size": 16, "symbol": symbols, "color": brush.colours["second"]},
            line={"color": brush.colours["second"], "width": 1, "dash": "dash"},
            name=text("dots.recommended_final" if len(places) > 1 else "dots.recommended"),
            hovertemplate="%{y:.2%} / %{x:.2%}<extra></extra>",
        )
    growth, fall = _market(found)
    if growth is not None and fall is not None:
        figure.add_scatter(
            x=[fall],
            y=[growth],
            mode="markers",
            marker={"size": 11, "symbol": "diamond", "color": brush.colours["ink"]},
            meta=_BENCHMARK,
            name=f"{text('figure.benchmark')}, {format_value(growth, 'signed1')} / {format_value(fall, 'percent1')}",
            hovertemplate="%{y:.2%} / %{x:.2%}<extra></extra>",
        )


def _market(found: SearchFiles) -> tuple[float | None, float | None]:
    """Return growth and drawdown of the benchmark on the training part."""
    market = found.result.benchmark.get("training") or {}
    return market.get("cagr"), market.get("max_drawdown")


def _frame(figure: go.Figure, found: SearchFiles) -> None:
    """Keep the sets apart: a benchmark far away from all of them stands in the legend alone."""
    growth, fall = _market(found)
    if growth is None or fall is None:
        return
    away = False
    for axis, name, place in (("x", "max_drawdown", fall), ("y", "cagr", growth)):
        bound = found.result.bound(name)
        others = [value for trace in figure.data if trace.meta != _BENCHMARK for value in trace[axis]]
        others += [value for value in (bound and bound.at_least, bound and bound.at_most) if value is not None]
        low, high = min(others, default=place), max(others, default=place)
        away = away or not low - _NEAR * (high - low) <= place <= high + _NEAR * (high - low)
        room = _ROOM * (high - low) or _ROOM * abs(high) or _ROOM
        (figure.update_xaxes if axis == "x" else figure.update_yaxes)(range=[low - room, high + room])
    if not away:
        figure.update_xaxes(range=None)
        figure.update_yaxes(range=None)


def _add_bounds(figure: go.Figure, brush: Brush, found: SearchFiles) -> None:
    line = {"color": brush.colours["purge"], "width": 1.6, "dash": "dash"}
    for name, draw in (("max_drawdown", figure.add_vline), ("cagr", figure.add_hline)):
        bound = found.result.bound(name)
        for value in () if bound is None else (bound.at_least, bound.at_most):
            if value is not None:
                place = {"x": value} if name == "max_drawdown" else {"y": value}
                draw(
                    **place,
                    line=line,
                    annotation={
                        "text": f"{brush.language.text('dots.bound')} {value:.0%}",
                        "font": {"color": brush.colours["purge"], "size": 11},
                    },
                    annotation_xshift=4,
                    annotation_position="top right" if name == "max_drawdown" else "right",
                )


def growth_chart(brush: Brush, found: SearchFiles) -> Chart | None:
    """Draw the growth of 1 of the shown sets, the benchmark and each year's choice, the parts of the window shaded."""
    lines = _lines(brush, found)
    if len(lines) < 2:
        return None
    times = found.curves["time"].dt.timestamp("us").to_numpy()
    figure = brush.figure(margin={"l": 44, "r": 14, "t": 8, "b": 28})
    for name, role, dash, values in reversed(lines):
        when, growth = decimated(times, values)
        figure.add_scatter(
            x=iso_days(when),
            y=[None if value != value else round(float(value), 4) for value in growth],
            name=name,
            line={"color": brush.colours[role], "width": 1.9 if role == "first" else 1.4, "dash": dash},
            hovertemplate="%{y:.2f}×",
            mode="lines",
        )
    _shade_parts(figure, brush, found)
    places, labels = growth_ticks(np.concatenate([values for *_, values in lines]))
    figure.update_yaxes(type="log", tickvals=places, ticktext=labels)
    figure.update_xaxes(hoverformat="%Y-%m-%d", tickformat=date_format(times))
    figure.update_layout(legend_traceorder="reversed")
    return brush.chart("growth", figure, height=400)


def _lines(brush: Brush, found: SearchFiles) -> list[tuple[str, str, str, FloatArray]]:
    """Return name, colour, dash and growth of every line, what matters most first."""
    text, columns = brush.language.text, set(found.curves.columns)
    shown: Sequence[Entry] = [one for one in found.result.shown if f"set_{one.number}" in columns]
    lines = [
        (
            one.train_run if found.result.is_selection and one.train_run else text("unit.set", number=one.number),
            _ROLES[place % len(_ROLES)],
            "solid",
            _growth(found.curves[f"set_{one.number}"]),
        )
        for place, one in enumerate(shown)
    ]
    lines.append((text("figure.benchmark"), "benchmark", "solid", _growth(found.curves["benchmark"])))
    if "nested" in columns and found.curves["nested"].drop_nulls().drop_nans().len() > 1:
        lines.append((text("figure.nested"), "purge", "dot", _growth(found.curves["nested"], lines[-1][3])))
    return lines


def _growth(values: pl.Series, beside: FloatArray | None = None) -> FloatArray:
    """Return growth since the first value; what begins later begins where the benchmark then stands."""
    amounts = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    first = int(np.flatnonzero(np.isfinite(amounts))[0])
    level = 1.0 if beside is None or first == 0 else float(beside[first])
    return np.asarray(amounts / amounts[first] * level, dtype=np.float64)


def _shade_parts(figure: go.Figure, brush: Brush, found: SearchFiles) -> None:
    shades = {"validation": "grid", "final": "second_band"}
    for part in found.result.parts:
        start, end = iso_days([part.start, part.end])
        if part.name in shades:
            shade = {"fillcolor": brush.colours[shades[part.name]], "opacity": 0.55, "line_width": 0}
            figure.add_vrect(x0=start, x1=end, layer="below", **shade)
        figure.add_annotation(
            x=start,
            y=1.0,
            yref="paper",
            xanchor="left",
            yanchor="top",
            xshift=4,
            text=brush.language.text(f"part.{part.name}"),
            font={"size": 11, "color": brush.colours["muted"]},
            showarrow=False,
        )
