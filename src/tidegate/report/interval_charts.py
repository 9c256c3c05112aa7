"""Figures with their intervals, drawn: a mark, and behind it a band as long as the interval."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from tidegate.report.charts import Brush
from tidegate.report.hit_figures import Estimate

__all__ = ["add_estimates", "add_level", "named_places"]

_MOST_NAMES = 9


def add_estimates(
    figure: go.Figure,
    brush: Brush,
    estimates: Sequence[Estimate],
    *,
    name: str,
    role: str,
    spec: str,
    names: Sequence[str],
    shift: float = 0.0,
) -> None:
    """Draw one figure per place 0, 1, 2 ... with its interval as a band; a missing one leaves its place empty.

    Parameters
    ----------
    role
        Colour of the marks; ``ROLE_band`` is that of the bands.
    names
        What each place is called when pointed at.
    shift
        How far the marks stand beside their place, so that two series do not hide each other.
    """
    shown = [(place, one) for place, one in enumerate(estimates) if one.value is not None]
    above = [0.0 if one.high is None or one.value is None else one.high - one.value for _, one in shown]
    below = [0.0 if one.low is None or one.value is None else one.value - one.low for _, one in shown]
    figure.add_scatter(
        x=[place + shift for place, _ in shown],
        y=[one.value for _, one in shown],
        mode="markers",
        marker={"size": 7, "color": brush.colours[role], "line": {"width": 1.5, "color": brush.colours["page"]}},
        error_y={
            "type": "data",
            "array": above,
            "arrayminus": below,
            "symmetric": False,
            "width": 0,
            "thickness": max(4, min(9, 130 // max(1, len(estimates)))),
            "color": brush.colours[f"{role}_band"],
        },
        name=name,
        text=[f"{names[place]}: {one.text(spec)}" for place, one in shown],
        hovertemplate="%{text}<extra></extra>",
    )


def add_level(figure: go.Figure, brush: Brush, level: float, name: str, role: str, count: int) -> None:
    """Draw a level to compare with, over ``count`` places."""
    figure.add_scatter(
        x=[-0.5, count - 0.5],
        y=[level, level],
        mode="lines",
        line={"color": brush.colours[role], "width": 1.4, "dash": "dash"},
        name=name,
        hoverinfo="skip",
    )


def named_places(figure: go.Figure, names: Sequence[str], most: int = _MOST_NAMES) -> None:
    """Make the horizontal axis one of places 0, 1, 2 ..., naming as many as stand upright."""
    step = max(1, -(-len(names) // most))
    figure.update_xaxes(
        range=[-0.6, len(names) - 0.4], tickvals=list(range(0, len(names), step)), ticktext=list(names[::step])
    )
