"""The section of a report about the picks: what the day's best names did, day by day and month by month."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tidegate.registry import PastMonth, picks_by_month, picks_by_year, picks_of
from tidegate.report.hit_figures import Hits
from tidegate.report.page import Cell, Painter, Section, Sentence, Table
from tidegate.report.pick_calendar import calendar_chart
from tidegate.report.pick_days import by_day
from tidegate.report.statements import Tone

__all__ = ["picks_section"]

_SHADES: Final = (0.0005, 0.005, 0.015, 0.03)


def picks_section(painter: Painter, hits: Hits, leading: str) -> Section:
    """Return the calendar and the tables of the leading model's picks, or that none were recorded."""
    text, model = painter.text, hits.of(leading)
    picks = None if hits.picks is None else picks_of(hits.picks, leading)
    if picks is None or picks.is_empty() or model is None:
        return Section(title=text("section.picks"), lead=text("section.picks_absent.lead"))
    months, years, days = picks_by_month(picks), picks_by_year(picks), by_day(picks)
    traded = any(one.net_return is not None for one in days)
    remark = Sentence(text("picks.label_trades" if traded else "picks.no_trades"), Tone.CAUTION)
    return Section(
        title=text("section.picks"),
        lead=text("section.picks.lead", count=model.top_k, model=painter.name(leading)),
        sentences=(remark,),
        charts=(calendar_chart(painter.brush, days, model.top_k),) if traded else (),
        tables=(*((_grid(painter, months, years),) if traded else ()), _months(painter, months, years)),
    )


def _grid(painter: Painter, months: Sequence[PastMonth], years: Sequence[PastMonth]) -> Table:
    """Return the mean net return of a trade, a row per year; a month without a trade is empty, not 0."""
    text = painter.text
    found = {one.month: one.net_return for one in (*months, *years)}
    rows = [
        [
            painter.words(year.month),
            *(_shaded(painter, found.get(f"{year.month}-{month:02}")) for month in range(1, 13)),
            _shaded(painter, year.net_return),
        ]
        for year in years
    ]
    head = [text("figure.year"), *(text(f"month.{month}") for month in range(1, 13)), text("figure.whole_year")]
    return Table(title=text("table.pick_months"), head=head, rows=rows, dense=True)


def _shaded(painter: Painter, earned: float | None) -> Cell:
    if earned is None:
        return Cell("")
    strength = sum(1 for step in _SHADES if abs(earned) >= step)
    return Cell(painter.number(earned, "signed2").text, shade=strength if earned > 0 else -strength)


def _months(painter: Painter, months: Sequence[PastMonth], years: Sequence[PastMonth]) -> Table:
    """Return what became of the picks of each month, each year's sum behind its months."""
    text = painter.text
    names = ("picks", "known", "hits", "precision", "same_day_base", "calls", "call_precision", "net_trade", "day_sum")
    head = [text("figure.month"), *(text(f"figure.{name}") for name in names)]
    rows = []
    for year in years:
        rows += [_summed(painter, one.month, one) for one in months if one.month.startswith(year.month)]
        rows.append(_summed(painter, text("unit.whole_year", year=year.month), year))
    return Table(title=text("table.picks"), head=head, rows=rows, folded=True, dense=True)


def _summed(painter: Painter, name: str, one: PastMonth) -> list[Cell]:
    number = painter.number
    return [
        painter.words(name),
        number(one.picks, "count"),
        number(one.judged, "count"),
        number(one.hits if one.judged else None, "count"),
        number(one.precision, "percent1"),
        number(one.base_rate, "percent1"),
        number(one.called, "count"),
        number(one.called_precision, "percent1"),
        _shaded_or_absent(painter, one.net_return),
        number(one.day_sum, "signed1"),
    ]


def _shaded_or_absent(painter: Painter, earned: float | None) -> Cell:
    return painter.number(None, "signed2") if earned is None else _shaded(painter, earned)
