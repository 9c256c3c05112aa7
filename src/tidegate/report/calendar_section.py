"""The section of a report about calendar returns: every month as a heatmap, every year beside the benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tidegate.evaluate.periods import monthly_returns
from tidegate.report.page import Cell, Painter, Section, Table
from tidegate.report.run_files import BacktestFiles
from tidegate.report.yearly import Year

__all__ = ["calendar_section"]

_MONTH_SHADES: Final = (0.005, 0.02, 0.05, 0.10)
_YEAR_SHADES: Final = (0.01, 0.08, 0.18, 0.32)


def calendar_section(
    painter: Painter, files: BacktestFiles, years: Sequence[Year], others: Sequence[tuple[str, str]]
) -> Section:
    """Return the monthly and yearly returns of a backtest.

    Parameters
    ----------
    others
        Field of :class:`~tidegate.report.yearly.Year` and name of each curve beside the strategy, the benchmark first.
    """
    text = painter.text
    return Section(
        title=text("section.calendar"),
        lead=text("section.calendar.lead"),
        tables=(_month_table(painter, files, years), _year_table(painter, years, others)),
    )


def _month_table(painter: Painter, files: BacktestFiles, years: Sequence[Year]) -> Table:
    returns = _months(files)
    rows = []
    for year in years:
        months = [returns.get((year.year, month)) for month in range(1, 13)]
        cells = [Cell("") if change is None else _shaded(painter, change, _MONTH_SHADES) for change in months]
        rows.append([painter.words(str(year.year)), *cells, _shaded(painter, year.strategy, _YEAR_SHADES)])
    head = [
        painter.text("figure.year"),
        *(painter.text(f"month.{month}") for month in range(1, 13)),
        painter.text("figure.whole_year"),
    ]
    return Table(title=painter.text("table.months"), head=head, rows=rows, dense=True)


def _months(files: BacktestFiles) -> Mapping[tuple[int, int], float]:
    """Return the recorded monthly returns, or those of the curve of a run that recorded none."""
    if files.performance.monthly is not None:
        return files.performance.monthly
    times, equity = files.equity["time"].dt.timestamp("us").to_numpy(), files.equity["equity"].to_numpy()
    return {(int(row["year"]), int(row["month"])): row["return"] for row in monthly_returns(times, equity)}


def _year_table(painter: Painter, years: Sequence[Year], others: Sequence[tuple[str, str]]) -> Table:
    text = painter.text
    (_, benchmark), *rest = others
    head = [text("figure.year"), text("figure.strategy"), benchmark, text("figure.difference")]
    rows = [
        [
            painter.words(str(year.year)),
            _shaded(painter, year.strategy, _YEAR_SHADES),
            painter.number(year.benchmark, "signed1"),
            painter.number(year.strategy - year.benchmark, "signed1"),
            *(painter.number(getattr(year, field), "signed1") for field, _ in rest),
        ]
        for year in years
    ]
    return Table(title=text("table.years"), head=[*head, *(name for _, name in rest)], rows=rows, folded=True)


def _shaded(painter: Painter, change: float, steps: Sequence[float]) -> Cell:
    strength = sum(1 for step in steps if abs(change) >= step)
    return Cell(painter.number(change, "signed1").text, shade=strength if change > 0 else -strength)
