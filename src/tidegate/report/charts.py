"""What every chart shares: its frame, its type, and how long series are thinned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array
from tidegate.report.language import Language
from tidegate.report.theme import FONT

__all__ = [
    "DAILY_POINTS",
    "Brush",
    "Chart",
    "bar_gap",
    "date_format",
    "decimated",
    "growth_ticks",
    "iso_days",
    "shown_rows",
    "year_axis",
]

DAILY_POINTS: Final = 3_000
"""Longer daily series are drawn weekly."""

_STEPS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
_MULTIPLES: Final = (
    0.1,
    0.2,
    0.3,
    0.5,
    0.7,
    1,
    1.5,
    2,
    3,
    4,
    5,
    7,
    10,
    15,
    20,
    30,
    50,
    70,
    100,
    200,
    500,
    1000,
)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One figure of a page.

    Parameters
    ----------
    title, reading
        What it shows, and one sentence on how to read it.
    figure
        The Plotly figure as JSON, drawn in the light colours.
    height
        Pixels.
    wide
        Whether it takes the whole width of the page.
    """

    title: str
    reading: str
    figure: str
    height: int
    wide: bool = True


@dataclass(frozen=True)
class Brush:
    """The language and the colours that charts are drawn with.

    Parameters
    ----------
    language
        Texts of axes and legends.
    colours
        Hexadecimal colour by role, see :func:`tidegate.report.theme.palette`.
    """

    language: Language
    colours: Mapping[str, str]

    def figure(self, **layout: Any) -> go.Figure:
        """Return an empty figure in the house style; ``layout`` refines it."""
        figure = go.Figure()
        line = {
            "linecolor": self.colours["rule"],
            "gridcolor": self.colours["grid"],
            "zeroline": False,
            "automargin": True,
        }
        figure.update_layout(
            template=go.layout.Template(),
            font={"family": FONT, "size": 12, "color": self.colours["muted"]},
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            margin={"l": 44, "r": 14, "t": 8, "b": 28},
            hovermode="x unified",
            hoverlabel={
                "bgcolor": self.colours["card"],
                "bordercolor": self.colours["rule"],
                "font": {"color": self.colours["ink"]},
            },
            legend={"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
            xaxis={
                **line,
                "showgrid": False,
                "ticks": "outside",
                "ticklen": 4,
                "tickcolor": self.colours["rule"],
            },
            yaxis={**line, "showline": False},
            bargap=0.35,
            dragmode=False,
        )
        figure.update_layout(**layout)
        return figure

    def chart(self, key: str, figure: go.Figure, *, height: int, wide: bool = True, **values: object) -> Chart:
        """Return the finished chart; the texts ``chart.KEY.title`` and ``chart.KEY.reading`` describe it."""
        return Chart(
            title=self.language.text(f"chart.{key}.title", **values),
            reading=self.language.text(f"chart.{key}.reading", **values),
            figure=str(figure.to_json()),
            height=height,
            wide=wide,
        )


def decimated(times: Int64Array, values: FloatArray, *, lowest: bool = False) -> tuple[Int64Array, FloatArray]:
    """Return a daily series as it is, or its weeks where it is longer than a screen can show.

    Parameters
    ----------
    times
        ``int64 (n,)``, instants in microseconds UTC, ascending.
    values
        ``float64 (n,)``.
    lowest
        Whether a week is shown by its lowest value, as a drawdown must be, rather than by its last.

    Examples
    --------
    >>> days = np.arange(7_000) * DAY
    >>> decimated(days, np.arange(7_000.0))[1].size
    1000
    """
    if times.size <= DAILY_POINTS:
        return times, values
    starts = _week_starts(times)
    last = shown_rows(times, DAILY_POINTS)
    return times[last], np.fmin.reduceat(values, starts) if lowest else values[last]


def shown_rows(times: Int64Array, most: int) -> Int64Array:
    """Return the rows of a daily series that a chart with room for ``most`` shows: all, or the last of each week.

    Examples
    --------
    >>> shown_rows(np.arange(20) * DAY, 10).tolist()
    [6, 13, 19]
    """
    if times.size <= most:
        return np.arange(times.size, dtype=np.int64)
    return np.append(_week_starts(times)[1:], times.size) - 1


def _week_starts(times: Int64Array) -> Int64Array:
    week = times // (7 * DAY)
    return np.asarray(np.flatnonzero(np.diff(week, prepend=week[0] - 1)), dtype=np.int64)


def iso_days(times: Int64Array | Sequence[int]) -> list[str]:
    """Return the days of session closes as ISO text; a close at midnight ends the day before."""
    moments = (np.asarray(times, dtype=np.int64) - 1).astype("datetime64[us]").astype("datetime64[D]")
    return [str(day) for day in moments]


def bar_gap(bars: int) -> float:
    """Return the empty share beside each bar, so that one bar is no wall."""
    return max(0.35, 1.0 - 0.09 * bars)


def date_format(times: Int64Array) -> str:
    """Return how an axis over these ascending instants writes dates: years, or months of a few years."""
    return "%Y" if times.size and int(times[-1] - times[0]) > 3 * 365 * DAY else "%Y-%m"


def year_axis(figure: go.Figure, years: Sequence[int]) -> None:
    """Make the horizontal axis one of calendar years, naming as many of them as stand upright."""
    step = -(-len(years) // 11)
    named = [str(year) for year in years][:: max(1, step)]
    figure.update_xaxes(type="category", tickvals=named, tickangle=0)


def growth_ticks(values: FloatArray) -> tuple[list[float], list[str]]:
    """Return places and labels of a logarithmic axis of growth, round numbers only.

    Examples
    --------
    >>> growth_ticks(np.array([0.9, 3.2]))[1]
    ['1×', '1.5×', '2×', '3×']
    """
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    places = [place for place in _MULTIPLES if low * 0.97 <= place <= high * 1.03]
    if len(places) < 4 or any(late / early > 6 for early, late in pairwise(places)):
        step = next((size for size in _STEPS if (high - low) / size <= 6), 0.5)
        places = [round(step * count, 6) for count in range(int(low / step), int(high / step) + 2)]
        places = [place for place in places if place > 0 and low - step / 2 <= place <= high + step / 2]
    return [float(place) for place in places], [f"{place:g}×" for place in places]
