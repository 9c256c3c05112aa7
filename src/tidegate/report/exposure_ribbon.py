"""The ribbon at the head of a report: how much was invested, and which limit was in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import plotly.graph_objects as go
import polars as pl

from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array
from tidegate.report.charts import Brush, Chart, date_format, iso_days, shown_rows
from tidegate.report.language import format_value

__all__ = ["LIMITS", "Limit", "leading_limit", "ribbon_chart"]


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A colour of the ribbon and the binding constraints that it stands for.

    Parameters
    ----------
    key
        The text ``limit.KEY`` names it.
    role
        Its colour.
    constraints
        Names of binding constraints as the strategy logs them; empty for the last two, see :func:`leading_limit`.
    """

    key: str
    role: str
    constraints: frozenset[str] = frozenset()


def _limit(key: str, role: str, *constraints: str) -> Limit:
    return Limit(key=key, role=role, constraints=frozenset(constraints))


LIMITS: Final = (
    _limit("guard", "purge", "guard"),
    _limit("filter", "fourth", "filter"),
    _limit("scores", "benchmark", "stale_scores", "no_candidates", "not_ready"),
    _limit("tier", "second", "tier"),
    _limit("volatility", "third", "volatility"),
    _limit("max_exposure", "sixth", "max_exposure"),
    _limit("turnover", "fifth", "turnover"),
    _limit("cap", "seventh", "cap"),
    _limit("choice", "purge_pale"),
    _limit("none", "rule"),
)
"""Most drastic first: what sells the book, what keeps it as it is, what shrinks it, what shapes it."""

_CHOICE, _NOTHING = LIMITS[-2:]
_MOST_BARS: Final = 900
_BAND: Final = 0.13
"""Height of the band below the axis, as a part of the highest exposure: cash has no height, yet a reason."""


def leading_limit(constraints: Sequence[str] | None) -> Limit:
    """Return the most drastic limit among the constraints in force at a close.

    A constraint that decides only which names are held, or one of a later version, counts as a choice of names.

    Examples
    --------
    >>> leading_limit(["cap", "tier"]).key, leading_limit(["retain"]).key, leading_limit(None).key
    ('tier', 'choice', 'none')
    """
    found = frozenset(constraints or ())
    if not found:
        return _NOTHING
    return next((limit for limit in LIMITS if limit.constraints & found), _CHOICE)


def ribbon_chart(brush: Brush, days: pl.DataFrame) -> Chart:
    """Draw the invested fraction of equity in the colour of the limit in force.

    Parameters
    ----------
    days
        One row per day: ``time``, ``exposure`` at the close, and ``binding``, the constraints of the decision in
        force at that close.
    """
    binding = days["binding"].to_list()
    leading = [leading_limit(constraints) for constraints in binding]
    exposure = days["exposure"].to_numpy()
    times = days["time"].dt.timestamp("us").to_numpy()
    rows = shown_rows(times, _MOST_BARS)
    band = _BAND * max(float(np.nanmax(exposure)), 0.05)
    figure = brush.figure(barmode="overlay", bargap=0, hovermode="x", legend_traceorder="normal")
    sessions = Counter(limit.key for limit in leading)
    for limit in LIMITS:
        own = [row for row in rows if leading[row].key == limit.key]
        share = sessions[limit.key] / len(leading)
        if own:
            name = f"{brush.language.text(f'limit.{limit.key}')} {format_value(share, 'percent0')}"
            _add_bars(figure, brush.colours[limit.role], name, times, rows, own, exposure, band)
    _add_outline(figure, brush, times[rows], exposure[rows], [binding[row] for row in rows])
    figure.add_hline(y=0.0, line={"color": brush.colours["page"], "width": 3})
    highest = float(np.nanmax(exposure))
    figure.update_yaxes(tickformat=".0%", range=[-band, max(1.06 * highest, band)], nticks=5, showgrid=False)
    figure.update_xaxes(hoverformat="%Y-%m-%d", tickformat=date_format(times))
    return brush.chart("ribbon", figure, height=230, mean=float(np.nanmean(exposure)))


def _add_bars(
    figure: go.Figure,
    colour: str,
    name: str,
    times: Int64Array,
    rows: Int64Array,
    own: Sequence[int],
    exposure: FloatArray,
    band: float,
) -> None:
    """Add the bars of one limit, each from its close to the next bar's, so that weekends leave no gap."""
    ends = dict(zip(rows.tolist(), np.append(times[rows][1:], times[rows][-1] + DAY).tolist(), strict=True))
    figure.add_bar(
        x=iso_days(times[own]),
        y=np.round(exposure[own] + band, 4),
        base=-band,
        offset=0,
        width=[(int(ends[int(row)]) - int(times[row])) // 1_000 for row in own],
        marker={"color": colour, "line": {"width": 0}},
        name=name,
        hoverinfo="skip",
    )


def _add_outline(
    figure: go.Figure,
    brush: Brush,
    times: Int64Array,
    exposure: FloatArray,
    binding: Sequence[Sequence[str] | None],
) -> None:
    """Add the line along the top, which tells under the pointer how much it was and every limit in force."""
    nothing = brush.language.text("limit.none")
    names = [
        ", ".join(brush.language.name_of("binding", name) for name in constraints) if constraints else nothing
        for constraints in binding
    ]
    figure.add_scatter(
        x=iso_days(times),
        y=np.round(exposure, 4),
        mode="lines",
        line={"color": brush.colours["muted"], "width": 0.8, "shape": "hv"},
        customdata=names,
        hovertemplate="%{y:.0%}: %{customdata}<extra></extra>",
        showlegend=False,
    )
