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
_GAP: Final = " "


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
        How many names were held at one time or another, defensives left out.
    """

    days: Sequence[str]
    names: Sequence[str]
    defensives: Sequence[str]
    weights: FloatArray
    others: FloatArray
    held: int


def book_of(days: pl.DataFrame, positions: pl.DataFrame, picks: frozenset[str]) -> Book | None:
    """Return what the chart draws, or ``None`` where nothing was ever held.

    Parameters
    ----------
    days
        One row per day with its last ``time``; longer runs are shown by the last close of each week.
    positions
        ``time``, ``symbol``, ``weight`` of every holding.
    picks
        Symbols that are set apart.
    """
    rows = shown_rows(days["time"].dt.timestamp("us").to_numpy(), _MOST_COLUMNS)
    closes = days.select("time", "day").gather(rows.tolist()).with_row_index("column")
    held = positions.filter(pl.col("weight") != 0.0).join(closes, on="time").with_columns(size=pl.col("weight").abs())
    if held.is_empty():
        return None
    sizes = held.group_by("symbol").agg(
        pl.col("size").sum().alias("total"),
        # Where the weight lies in time puts the names in the order in which they were held.
        ((pl.col("size") * pl.col("column")).sum() / pl.col("size").sum()).alias("when"),
    )
    apart = sizes.filter(pl.col("symbol").is_in(picks)).sort("symbol")["symbol"].to_list()
    stocks = sizes.filter(~pl.col("symbol").is_in(picks))
    names = stocks.sort("total", "symbol", descending=[True, False]).head(LARGEST).sort("when", "symbol")
    shown = [*names["symbol"].to_list(), *apart]
    weights = np.zeros((len(shown), closes.height))
    others = np.zeros(closes.height)
    place = {symbol: number for number, symbol in enumerate(shown)}
    for symbol, column, weight in held.select("symbol", "column", "weight").iter_rows():
        if symbol in place:
            weights[place[symbol], column] = weight
        else:
            others[column] += abs(weight)
    return Book(
        days=iso_days(closes["time"].dt.timestamp("us").to_numpy()),
        names=shown[: len(shown) - len(apart)],
        defensives=apart,
        weights=weights,
        others=others,
        held=stocks.height,
    )


def holdings_chart(brush: Brush, book: Book) -> Chart:
    """Draw the sum of each kind of holding above, and a strip for each of the largest ones below."""
    gap = [_GAP] if book.names and book.defensives else []
    lines = [*book.names, *gap, *book.defensives]
    height = _FRAME + _AREA + _ROW * len(lines)
    split = _ROW * len(lines) / (height - _FRAME)
    figure = brush.figure(hovermode="closest", legend_traceorder="normal", barmode="stack")
    _add_sums(figure, brush, book)
    stocks = book.weights[: len(book.names)]
    largest = float(np.max(np.abs(book.weights)))
    _add_strips(figure, brush, book.days, book.names, np.maximum(stocks, 0.0), ("training", "first"))
    _add_strips(figure, brush, book.days, book.names, np.maximum(-stocks, 0.0), ("training", "fourth"), sign=-1)
    _add_strips(
        figure, brush, book.days, book.defensives, np.abs(book.weights[len(book.names) :]), ("purge_pale", "second")
    )
    figure.update_layout(
        yaxis={"domain": [min(split + 0.05, 0.9), 1.0], "tickformat": ".0%", "nticks": 4, "rangemode": "tozero"},
        yaxis2={
            "domain": [0.0, split],
            "anchor": "x",
            "type": "category",
            "categoryorder": "array",
            "categoryarray": lines[::-1],
            "range": [-0.5, len(lines) - 0.5],
            "tickmode": "array",
            "tickvals": [line for line in lines if line != _GAP],
            "tickfont": {"size": 11},
            "ticklabelstandoff": 6,
            "showgrid": False,
            "automargin": True,
        },
    )
    moments = np.array([np.datetime64(book.days[0]), np.datetime64(book.days[-1])], dtype="datetime64[us]")
    figure.update_xaxes(anchor="y2", hoverformat="%Y-%m-%d", tickformat=date_format(moments.astype(np.int64)))
    return brush.chart("holdings", figure, height=height, largest=largest, held=book.held, shown=len(book.names))


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
                mode="lines",
                line={"width": 0, "shape": "hv"},
                fillcolor=brush.colours[role],
                name=brush.language.text(f"holding.{key}"),
                hovertemplate="%{x}: %{y:.0%}",
            )


def _add_strips(
    figure: go.Figure,
    brush: Brush,
    days: Sequence[str],
    lines: Sequence[str],
    sizes: FloatArray,
    roles: tuple[str, str],
    *,
    sign: int = 1,
) -> None:
    """Add the strips of some lines; what is not held is left empty."""
    if not sizes.any():
        return
    figure.add_heatmap(
        x=list(days),
        y=list(lines),
        z=[[round(size, 3) if size > 0.0 else None for size in line] for line in sizes.tolist()],
        zmin=0.0,
        zmax=float(np.max(sizes)),
        colorscale=[[0.0, brush.colours[roles[0]]], [1.0, brush.colours[roles[1]]]],
        showscale=False,
        ygap=2,
        yaxis="y2",
        hovertemplate=f"%{{y}}, %{{x}}: {'−' if sign < 0 else ''}%{{z:.1%}}<extra></extra>",
        hoverongaps=False,
    )
