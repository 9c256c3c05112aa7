"""The heatmap of a data audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from tidegate.data.audit import BarAudit
from tidegate.report.charts import Brush, Chart

__all__ = ["all_symbols", "coverage_chart"]

_WORST_ROWS: Final = 60


def coverage_chart(brush: Brush, audit: BarAudit) -> Chart:
    """Draw the share of owed bars that are there: all symbols together, then the worst ones, by month."""
    worst = [one.symbol for one in audit.worst(_WORST_ROWS)]
    together = all_symbols(audit).with_columns(symbol=pl.lit(brush.language.text("coverage.all")))
    columns = ["symbol", "month", "expected", "present"]
    rows = pl.concat([together.select(columns), audit.by_month.select(columns)])
    share = pl.when(pl.col("expected") > 0).then(pl.col("present") / pl.col("expected"))
    months = together["month"].to_list()
    grid = rows.with_columns(share=share).pivot("month", index="symbol", values="share").select("symbol", *months)
    lines = {str(line[0]): list(line[1:]) for line in grid.iter_rows()}
    names = [str(together["symbol"][0]), *worst]
    figure = brush.figure(hovermode="closest", margin={"l": 44, "r": 14, "t": 26, "b": 8})
    orange, calm = brush.colours["purge"], brush.colours["training"]
    figure.add_heatmap(
        x=months,
        y=names,
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
    return brush.chart("coverage", figure, height=46 + 15 * len(names))


def _ticks(months: Sequence[str]) -> list[str]:
    """Return the months that the axis names: Januaries of a long audit, a few months of a short one."""
    if len(months) <= 12:
        return list(months[:: max(1, len(months) // 6)])
    januaries = [month for month in months if month.endswith("-01")]
    return januaries[:: max(1, len(januaries) // 8)]


def all_symbols(audit: BarAudit) -> pl.DataFrame:
    """Return owed and present bars of all symbols together, one row per month."""
    return audit.by_month.group_by("month").agg(pl.col("expected", "present").sum()).sort("month")
