"""The section of a report about what held the strategy back: constraints that bound, parameters that did nothing."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.report.page import Painter, Section, Table
from tidegate.report.run_figures import Performance

__all__ = ["limits_section"]


def limits_section(painter: Painter, performance: Performance) -> Section:
    """Return how often each constraint bound and which parameters changed nothing; or that it was not recorded."""
    recorded = performance.binding_counts is not None
    return Section(
        title=painter.text("section.bound"),
        lead=painter.text("section.bound.lead" if recorded else "section.bound_absent.lead"),
        tables=tuple(_tables(painter, performance)),
    )


def _tables(painter: Painter, performance: Performance) -> Iterator[Table]:
    text, name_of = painter.text, painter.language.name_of
    if performance.binding_counts is not None:
        counts = sorted(performance.binding_counts.items(), key=lambda item: (-item[1], item[0]))
        total = performance.rebalances
        yield Table(
            title=text("table.bindings"),
            head=[text("figure.constraint"), text("figure.rebalances"), text("figure.share_of_rebalances")],
            rows=[
                [
                    painter.words(_capital(name_of("binding", name))),
                    painter.number(count, "count"),
                    painter.number(count / total if total else None, "percent1"),
                ]
                for name, count in counts
                if count
            ]
            or [[painter.words(text("limit.none")), painter.number(None, "count"), painter.number(None, "count")]],
        )
    if performance.inert:
        yield Table(
            title=text("table.inert"),
            head=[text("figure.parameter"), text("figure.why")],
            rows=[
                [painter.words(one.parameter), painter.words(name_of("inert", one.why))] for one in performance.inert
            ],
        )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
