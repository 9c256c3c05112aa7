"""The heatmap of an audit: what is there of what is owed, by month."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from tidegate.data.audit import BarAudit
from tidegate.report.charts import Brush, Chart

__all__ = ["WORST_ROWS", "all_symbols", "coverage_chart", "month_heatmap"]

WORST_ROWS: Final = 60
"""Symbols that a heatmap shows one by one."""


def coverage_chart(brush: Brush, audit: BarAudit) -> Chart:
    """Draw the share of owed bars that are there: all symbols together, then the worst ones, by month."""
    return month_heatmap(brush, "coverage", audit.by_month, [one.symbol for one in audit.worst(WORST_ROWS)])


def month_heatmap(
    brush: Brush, key: str, by_month: pl.DataFrame, names: Sequence[str], *, together: bool = True, **values: object
) -> Chart:
    """Draw a share by month: a row for each name, and above them, if asked for, one for all of the frame together.

    Parameters
    ----------
    key
        The texts ``chart.KEY.title`` and ``chart.KEY.reading`` describe the chart; ``values`` are put into them.
    by_month
        ``symbol str, month str, expected i64, present i64``.
    names
        Rows that are drawn, in this order.
    """
    columns = ["symbol", "month", "expected", "present"]
    total, rows = _by_month(by_month), by_month.select(columns)
    if together:
        every = brush.language.text("coverage.all")
        rows, names = pl.concat([total.select(pl.lit(every).alias("symbol"), *columns[1:]), rows]), [every, *names]
    share = pl.when(pl.col("expected") > 0).then(pl.col("present") / pl.col("expected"))
    months = total["month"].to_list()
    grid = rows.with_columns(share=share).pivot("month", index="symbol", values="share").select("symbol", *months)
    lines = {str(line[0]): list(line[1:]) for line in grid.iter_rows()}
    figure = brush.figure(hovermode="closest", margin={"l": 44, "r": 14, "t": 26, "b": 8})
    orange, calm = brush.colours["purge"], brush.colours["training"]
    figure.add_heatmap(
        x=months,
        y=list(names),
        z=[lines.get(name, [None] * len(months)) for name in names],
        zmin=0.0,
        zmax=1.0,
        colorscale=[
            [0.0, orange],
            [0.97, brush.colours["purge_pale"]],
            [0.9999, brush.colours["purge_pale"]],
            [1.0, calm],
        ],
        showscale=False,
        xgap=1 if len(months) <= 120 else 0,
        ygap=1,
        hovertemplate="%{y}, %{x}: %{z:.2%}<extra></extra>",
    )
    figure.update_xaxes(
        type="category", side="top", showline=False, ticks="", nticks=12, tickangle=0, tickvals=_ticks(months)
    )
    figure.update_yaxes(
        autorange="reversed",
        type="category",
        dtick=1,
        tickfont={"size": 10},
        showgrid=False,
        ticklabelstandoff=6,
        ticks="",
    )
    return brush.chart(key, figure, height=46 + 15 * len(names), wide=True, **values)


def _ticks(months: Sequence[str]) -> list[str]:
    """Return the months that the axis names: Januaries of a long audit, a few months of a short one."""
    if len(months) <= 12:
        return list(months[:: max(1, len(months) // 6)])
    januaries = [month for month in months if month.endswith("-01")]
    return januaries[:: max(1, len(januaries) // 8)]


def all_symbols(audit: BarAudit) -> pl.DataFrame:
    """Return owed and present bars of all symbols together, one row per month."""
    return _by_month(audit.by_month)


def _by_month(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by("month").agg(pl.col("expected", "present").sum()).sort("month")
