"""Who was held when, and how much of it: the largest holdings as strips, the defensive ones apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import plotly.graph_objects as go
import polars as pl

from tidegate.core.units import FloatArray
from tidegate.report.charts import Brush, Chart, date_format, iso_days, shown_rows

__all__ = ["LARGEST", "Book", "book_of", "holdings_chart"]

LARGEST: Final = 15
"""Names that are drawn one by one."""

_MOST_COLUMNS: Final = 420
_AREA, _ROW, _FRAME = 120, 17, 96


@dataclass(frozen=True, eq=False, kw_only=True)
class Book:
    """Weights at the closes that are drawn.

    Parameters
    ----------
    days
        ISO date of each close.
    names
        The largest names, by mean absolute weight, in the order in which they were held.
    defensives
        Assets that were picked for risk-off or for idle cash, and held.
    weights
        ``float64 (n_names + n_defensives, n_days)``, signed fractions of equity; 0 where not held.
    others
        ``float64 (n_days,)``: absolute weight of all names that are not drawn one by one.
    held
        How many names were held at one or another of these closes, defensives left out.
    """

    days: Sequence[str]
    names: Sequence[str]
    defensives: Sequence[str]
    weights: FloatArray
    others: FloatArray
    held: int


def book_of(days: pl.DataFrame, positions: pl.DataFrame, apart: frozenset[str]) -> Book | None:
    """Return what the chart draws, or ``None`` where nothing was ever held.

    Parameters
    ----------
    days
        One row per day with its last ``time``; longer runs are shown by the last close of each week.
    positions
        ``time``, ``symbol``, ``weight`` of every holding.
    apart
        Symbols that are drawn apart, whatever their weight.
    """
    rows = shown_rows(days["time"].dt.timestamp("us").to_numpy(), _MOST_COLUMNS)
    closes = days.select("time").gather(rows.tolist())
    symbols, weights = _matrix(closes, positions.filter(pl.col("weight") != 0.0))
    if not symbols:
        return None
    sizes = np.abs(weights).sum(axis=1)
    is_apart = np.array([symbol in apart for symbol in symbols], dtype=np.bool_)
    stocks = np.flatnonzero(~is_apart)
    largest = stocks[np.argsort(-sizes[stocks], kind="stable")][:LARGEST]
    # Where its weight lies in time puts a name in the order in which they were held.
    middle = np.abs(weights[largest]) @ np.arange(closes.height) / sizes[largest]
    drawn = [*largest[np.argsort(middle, kind="stable")].tolist(), *np.flatnonzero(is_apart).tolist()]
    others = np.setdiff1d(stocks, largest)
    return Book(
        days=iso_days(closes["time"].dt.timestamp("us").to_numpy()),
        names=[symbols[place] for place in drawn[: len(largest)]],
        defensives=[symbols[place] for place in drawn[len(largest) :]],
        weights=weights[drawn],
        others=np.abs(weights[others]).sum(axis=0),
        held=len(stocks),
    )


def _matrix(closes: pl.DataFrame, positions: pl.DataFrame) -> tuple[list[str], FloatArray]:
    """Return the symbols held at some of the closes, in their order, and their weights ``(n_symbols, n_closes)``."""
    held = positions.join(closes.with_row_index("column"), on="time")
    symbols = sorted(held["symbol"].unique().to_list())
    place = {symbol: number for number, symbol in enumerate(symbols)}
    weights = np.zeros((len(symbols), closes.height))
    rows = [place[symbol] for symbol in held["symbol"].to_list()]
    weights[rows, held["column"].to_numpy()] = held["weight"].to_numpy()
    return symbols, weights


def holdings_chart(brush: Brush, book: Book) -> Chart:
    """Draw the sum of each kind of holding above, and a strip for each of the largest ones below."""
    # The strips lie on a numbered axis, defensive ones one line further down.
    lines = [*range(len(book.names)), *(len(book.names) + 1 + number for number in range(len(book.defensives)))]
    height = _FRAME + _AREA + _ROW * (lines[-1] + 1)
    split = _ROW * (lines[-1] + 1) / (height - _FRAME)
    figure = brush.figure(hovermode="closest", legend_traceorder="normal")
    _add_sums(figure, brush, book)
    stocks, apart = book.weights[: len(book.names)], book.weights[len(book.names) :]
    places = lines[: len(book.names)]
    _add_strips(figure, brush, book.days, places, np.maximum(stocks, 0.0), "first")
    _add_strips(figure, brush, book.days, places, np.minimum(stocks, 0.0), "fourth")
    _add_strips(figure, brush, book.days, lines[len(book.names) :], apart, "second")
    figure.update_layout(
        yaxis={
            "domain": [0.0, split],
            "range": [lines[-1] + 0.5, -0.5],
            "tickvals": lines,
            "ticktext": [*book.names, *book.defensives],
            "ticks": "",
            "tickfont": {"size": 11},
            "ticklabelstandoff": 6,
            "showgrid": False,
        },
        yaxis2={
            "domain": [min(split + 0.05, 0.9), 1.0],
            "anchor": "x",
            "tickformat": ".0%",
            "nticks": 4,
            "rangemode": "tozero",
            "gridcolor": brush.colours["grid"],
            "zeroline": False,
            "automargin": True,
        },
    )
    moments = np.array([np.datetime64(book.days[0]), np.datetime64(book.days[-1])], dtype="datetime64[us]")
    figure.update_xaxes(hoverformat="%Y-%m-%d", tickformat=date_format(moments.astype(np.int64)))
    return brush.chart(
        "holdings_short" if (stocks < 0.0).any() else "holdings",
        figure,
        height=height,
        largest=float(np.max(np.abs(book.weights))),
        held=book.held,
        shown=len(book.names),
    )


def _add_sums(figure: go.Figure, brush: Brush, book: Book) -> None:
    absolute = np.abs(book.weights)
    sums = (
        ("shown", "first", absolute[: len(book.names)].sum(axis=0)),
        ("others", "sixth", book.others),
        ("defensive", "second", absolute[len(book.names) :].sum(axis=0)),
    )
    for key, role, total in sums:
        if total.any():
            figure.add_scatter(
                x=list(book.days),
                y=np.round(total, 4).astype(np.float32),
                stackgroup="book",
                yaxis="y2",
                mode="lines",
                line={"width": 0, "shape": "hv"},
                fillcolor=brush.colours[role],
                name=brush.language.text(f"holding.{key}"),
                hovertemplate="%{x}: %{y:.0%}",
            )


def _add_strips(
    figure: go.Figure, brush: Brush, days: Sequence[str], lines: Sequence[int], weights: FloatArray, role: str
) -> None:
    """Add strips on some lines, the stronger the colour the larger the weight; what is not held is left empty."""
    largest = float(np.max(np.abs(weights), initial=0.0))
    if largest == 0.0:
        return
    is_short = float(weights.min()) < 0.0
    scale = [brush.colours["purge_pale" if role == "second" else "training"], brush.colours[role]]
    figure.add_heatmap(
        x=list(days),
        y=list(lines),
        z=[[round(weight, 3) if weight else None for weight in line] for line in weights.tolist()],
        zmin=-largest if is_short else 0.0,
        zmax=0.0 if is_short else largest,
        colorscale=list(zip((0.0, 1.0), scale[::-1] if is_short else scale, strict=True)),
        showscale=False,
        ygap=2,
        hovertemplate="%{y}, %{x}: %{z:.1%}<extra></extra>",
        hoverongaps=False,
    )
