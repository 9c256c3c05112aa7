"""The section of a report about luck: the tests, every trial that was counted, and what their figures mean."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from typing import Final

import numpy as np
import plotly.graph_objects as go

from tidegate.report.charts import Brush, Chart
from tidegate.report.language import format_value
from tidegate.report.page import Cell, Painter, Section, Sentence, Table
from tidegate.report.search_files import SearchFiles
from tidegate.report.search_result import Deflated, Luck, Overfitting, SearchResult, SpaTest
from tidegate.report.search_rules import beside_benchmark, luck_verdict

__all__ = ["excess_chart", "luck_section", "luck_tables", "meanings"]

_COLUMN: Final = "window_excess_sharpe"
_FEW: Final = 5
"""Fewer sets than these are no distribution: the tables hold each of them."""


def luck_section(painter: Painter, found: SearchFiles) -> Section:
    """Return the tests of luck with what each means."""
    tested = (luck_verdict(found.result), beside_benchmark(found.result))
    chart = excess_chart(painter.brush, found)
    means = [Sentence(line) for line in meanings(painter, found.result.luck)]
    return Section(
        title=painter.text("section.luck"),
        lead=painter.text("section.luck.lead", level=found.result.luck.level),
        sentences=[*(painter.say(one) for one in tested if one is not None), *means],
        charts=() if chart is None else (chart,),
        tables=luck_tables(painter, found.result),
    )


def meanings(painter: Painter, luck: Luck) -> list[str]:
    """Return how history was resampled, and what the figures mean that are no gates, for those that are there."""
    said = []
    if luck.spa is not None:
        said.append(painter.text("luck.resampling", replicates=luck.spa.replicates, block=luck.spa.block_bars))
    if luck.deflated is not None and luck.deflated.value is not None:
        said.append(painter.text("luck.dsr_means", trials=luck.deflated.trials))
    if luck.overfitting is not None and luck.overfitting.value is not None:
        said.append(painter.text("luck.pbo_means", splits=luck.overfitting.splits, blocks=luck.overfitting.blocks))
    return said


def luck_tables(painter: Painter, found: SearchResult) -> tuple[Table, ...]:
    """Return the tests as one table, and the trials that were counted as another."""
    tables = [_tests_table(painter, found)]
    counted = found.luck.deflated
    if counted is not None:
        tables.append(_trials_table(painter, counted))
    return tuple(tables)


def _tests_table(painter: Painter, found: SearchResult) -> Table:
    luck = found.luck
    rows = [
        *_spa_rows(painter, luck.spa, luck.own_p),
        *_matched_rows(painter, found),
        *_deflated_rows(painter, luck.deflated, luck.psr),
        *_overfitting_rows(painter, luck.overfitting),
        *_final_rows(painter, found),
    ]
    text = painter.text
    return Table(
        title=text("table.luck"),
        head=[text("figure.test_of_luck"), text("figure.value"), text("figure.how")],
        rows=rows or [[painter.words(text("luck.none")), Cell(format_value(None, "text")), painter.words("")]],
    )


def _row(painter: Painter, name: str, value: object, spec: str, **values: object) -> list[Cell]:
    return [
        painter.words(painter.text(f"luck.{name}")),
        painter.number(value, spec),
        painter.words(painter.text(f"luck.{name}_how", **values)),
    ]


def _spa_rows(painter: Painter, spa: SpaTest | None, own: float | None) -> Iterator[list[Cell]]:
    if spa is not None:
        yield _row(painter, "spa", spa.p_value, "decimal3", sets=spa.sets, bars=spa.bars)
        yield _row(painter, "spa_lower", spa.p_lower, "decimal3")
        yield _row(painter, "spa_upper", spa.p_upper, "decimal3")
    if own is not None:
        yield _row(painter, "own", own, "decimal3")


def _matched_rows(painter: Painter, found: SearchResult) -> Iterator[list[Cell]]:
    matched = found.luck.matched
    if matched is not None:
        yield _row(painter, "matched", matched.adjusted_p, "decimal3", alpha=found.alpha_a_year, beta=matched.beta,
                   best=matched.p_value)  # fmt: skip


def _deflated_rows(painter: Painter, deflated: Deflated | None, psr: float | None) -> Iterator[list[Cell]]:
    if deflated is not None and deflated.value is not None:
        yield _row(painter, "dsr", deflated.value, "decimal3", trials=deflated.trials, sharpe=deflated.sharpe,
                   threshold=deflated.threshold)  # fmt: skip
    if psr is not None:
        yield _row(painter, "psr", psr, "decimal3")


def _overfitting_rows(painter: Painter, found: Overfitting | None) -> Iterator[list[Cell]]:
    if found is None:
        return
    yield _row(painter, "pbo", found.value, "decimal2", splits=found.splits, blocks=found.blocks)
    yield _row(painter, "slope", found.slope, "change2", r_squared=found.r_squared)
    yield _row(painter, "loss", found.loss_probability, "percent0")


def _final_rows(painter: Painter, found: SearchResult) -> Iterator[list[Cell]]:
    best = found.recommended
    if best is None or best.figure("final", "cagr") is None:
        return
    ahead, market = best.figure("final", "excess_cagr"), (found.benchmark.get("final") or {}).get("cagr")
    yield _row(painter, "final", ahead, "signed1", cagr=best.figure("final", "cagr"), benchmark=market)


def _trials_table(painter: Painter, counted: Deflated) -> Table:
    text = painter.text
    rows = [
        [painter.words(text("luck.here")), painter.number(counted.trials_here, "count")],
        [painter.words(text("luck.elsewhere")), painter.number(counted.trials_elsewhere, "count")],
        [painter.words(text("luck.all_trials")), painter.number(counted.trials, "count")],
        *(
            [painter.words(text("luck.of_kind", kind=painter.language.name_of("kind", kind))), Cell(f"{count:,}")]
            for kind, count in sorted(counted.by_kind.items(), key=lambda item: (-item[1], item[0]))
        ),
    ]
    return Table(title=text("table.counted"), head=[text("figure.where"), text("figure.trials")], rows=rows)


def excess_chart(brush: Brush, found: SearchFiles) -> Chart | None:
    """Draw how the sets' Sharpe ratios over the benchmark are spread, with what chance would give the best of them."""
    if _COLUMN not in found.sets.columns:
        return None
    values = found.sets[_COLUMN].drop_nulls().drop_nans().to_numpy()
    if values.size < _FEW:
        return None
    figure, text = brush.figure(hovermode="closest", bargap=0.06, showlegend=False), brush.language.text
    counts, edges = np.histogram(values, bins=min(40, max(8, int(3 * sqrt(values.size)))))
    figure.add_bar(
        x=((edges[1:] + edges[:-1]) / 2.0).round(4).tolist(),
        y=counts.tolist(),
        width=float(edges[1] - edges[0]) * 0.92,
        marker_color=brush.colours["sixth"],
        hovertemplate="%{x:.2f}: %{y}<extra></extra>",
    )
    chance, best = _chance(found.result), found.result.recommended
    own = None if best is None else best.figure("window", "excess_sharpe")
    marks = (
        (0.0, "luck.at_zero", "muted", 0),
        (chance, "luck.at_chance", "purge", 1),
        (own, "luck.at_best", "second", 2),
    )
    for place, name, role, line in marks:
        if place is not None:
            _add_mark(figure, brush, place, text(name), role, line)
    figure.update_xaxes(
        title={"text": text("axis.excess_sharpe"), "font": {"size": 11}, "standoff": 8}, tickformat=".1f", nticks=9
    )
    figure.update_yaxes(rangemode="tozero", dtick=max(1, -(-int(counts.max()) // 6)), tickformat=",d")
    figure.update_layout(margin_b=48, margin_t=58)
    return brush.chart("excess" if chance is not None else "excess_alone", figure, height=300, sets=values.size)


def _add_mark(figure: go.Figure, brush: Brush, place: float, name: str, role: str, line: int) -> None:
    """Draw a vertical line with its name above, each on a height of its own."""
    figure.add_vline(x=place, line={"color": brush.colours[role], "width": 1.8, "dash": "dash"})
    figure.add_annotation(
        x=place, y=1.0, yref="paper", yanchor="bottom", yshift=2 + 16 * line, xanchor="left", xshift=-2,
        text=name, showarrow=False, font={"size": 11, "color": brush.colours[role]},
    )  # fmt: skip


def _chance(found: SearchResult) -> float | None:
    """Return what chance gives the best of all trials, as a ratio per year as those of the sets are."""
    counted, bars = found.luck.deflated, found.bars_per_year
    if counted is None or counted.threshold is None or bars is None:
        return None
    return counted.threshold * sqrt(bars)
