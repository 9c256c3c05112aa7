"""The calendar of picks: every day a cell, coloured by what the day's picks earned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np

from tidegate.report.charts import Brush, Chart
from tidegate.report.language import format_value
from tidegate.report.pick_days import PickDay

__all__ = ["calendar_chart"]

_WEEKS: Final = 54
_NAMES_A_LINE: Final = 4


def calendar_chart(brush: Brush, days: Sequence[PickDay], top_k: int) -> Chart:
    """Draw a block per year, weekdays from top to bottom and weeks from left to right.

    A day whose picks could not be traded, or whose outcome is not known yet, keeps the colour of the paper.
    """
    dates = [date.fromisoformat(one.day) for one in days]
    first, last = dates[0].year, dates[-1].year
    weekdays = max(5, 1 + max(one.weekday() for one in dates))
    rows = (last - first + 1) * (weekdays + 1) - 1
    cells: list[list[float | None]] = [[None] * _WEEKS for _ in range(rows)]
    texts = [[""] * _WEEKS for _ in range(rows)]
    for when, one in zip(dates, days, strict=True):
        row, column = (when.year - first) * (weekdays + 1) + when.weekday(), _week(when)
        cells[row][column], texts[row][column] = one.net_return, _hover(brush, one)
    limit = _limit(days)
    figure = brush.figure(hovermode="closest", margin={"l": 44, "r": 6, "t": 24, "b": 8})
    figure.add_heatmap(
        z=cells,
        text=texts,
        hovertemplate="%{text}<extra></extra>",
        hoverongaps=False,
        zmin=-limit,
        zmax=limit,
        colorscale=[[0.0, brush.colours["down"]], [0.5, brush.colours["grid"]], [1.0, brush.colours["up"]]],
        colorbar={
            "thickness": 8,
            "outlinewidth": 0,
            "tickvals": [-limit, 0.0, limit],
            "ticktext": [format_value(end, "signed1") for end in (-limit, 0.0, limit)],
            "len": 1.0,
            "ypad": 0,
        },
        xgap=2,
        ygap=2,
    )
    months = [(_week(date(first, month, 15)), brush.language.text(f"month.{month}")) for month in range(1, 13)]
    figure.update_xaxes(
        side="top",
        showline=False,
        ticks="",
        tickvals=[place for place, _ in months],
        ticktext=[name for _, name in months],
    )
    figure.update_yaxes(
        autorange="reversed",
        showgrid=False,
        ticks="",
        tickvals=[(year - first) * (weekdays + 1) + (weekdays - 1) / 2 for year in range(first, last + 1)],
        ticktext=[_year(days, year) for year in range(first, last + 1)],
    )
    return brush.chart("picks", figure, height=36 + 18 * rows, count=top_k)


def _week(when: date) -> int:
    """Return the column of a day: weeks begin on Monday, and the first may be short."""
    return ((when - date(when.year, 1, 1)).days + date(when.year, 1, 1).weekday()) // 7


def _limit(days: Sequence[PickDay]) -> float:
    """Return where the colours end: few days are stronger, so that one wild day does not pale the others."""
    known = np.array([abs(one.net_return) for one in days if one.net_return is not None])
    return max(0.005, float(np.quantile(known, 0.95))) if known.size else 0.01


def _year(days: Sequence[PickDay], year: int) -> str:
    own = [one for one in days if one.day.startswith(f"{year}-") and one.net_return is not None]
    trades = sum(one.traded for one in own)
    mean = sum((one.net_return or 0.0) * one.traded for one in own) / trades if trades else None
    return f"<b>{year}</b><br>{format_value(mean, 'signed2')}"


def _hover(brush: Brush, one: PickDay) -> str:
    said = brush.language.text(
        "picks.day", day=one.day, net=one.net_return, hits=one.hits, known=one.known, base=one.base_rate
    )
    names = one.names.split(", ")
    lines = [", ".join(names[place : place + _NAMES_A_LINE]) for place in range(0, len(names), _NAMES_A_LINE)]
    return "<br>".join([f"<b>{said}</b>", *lines])
