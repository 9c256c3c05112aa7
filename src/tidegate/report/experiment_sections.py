"""The sections of a report about an experiment: differences, where something was known, and the protocol."""

from __future__ import annotations

from tidegate.report.experiment_charts import differences_chart, figure_spec, measure_name, rivals_chart
from tidegate.report.experiment_files import Comparison, ExperimentResult
from tidegate.report.language import format_value
from tidegate.report.page import Card, Cell, Painter, Section, Table
from tidegate.report.statements import Tone

__all__ = ["experiment_cards", "experiment_sections"]

_TONES = {"helped": Tone.GOOD, "better": Tone.GOOD, "harmed": Tone.BAD, "worse": Tone.BAD}


def experiment_cards(painter: Painter, found: ExperimentResult) -> tuple[Card, ...]:
    """Return the key figures of an experiment."""
    text = painter.text
    compared = [row for row in found.rows if row.finding is not None]
    clear = sum(row.finding != "open" for row in compared)
    instants = sum(int(part["test_instants"]) for part in found.parts)
    first = next(row for row in found.rows if not row.is_of_group)
    return (
        Card(
            name=measure_name(painter.brush, first.measure),
            value=format_value(first.mean, figure_spec(first.measure)),
            detail=text("card.mean_of", model=painter.name(first.model)),
        ),
        Card(
            name=text("figure.comparisons"),
            value=format_value(clear, "count"),
            detail=text("card.comparisons", comparisons=len(compared)),
        ),
        Card(
            name=text("figure.instants"),
            value=format_value(instants, "count"),
            detail=text("card.instants", block=found.block),
        ),
        Card(name=text("figure.seeds"), value=format_value(found.seeds, "count"), detail=text("card.seeds")),
    )


def experiment_sections(painter: Painter, found: ExperimentResult) -> tuple[Section, ...]:
    """Return the comparisons, and how they were made."""
    known = _known(painter, found)
    return (_differences(painter, found), *([known] if known else []), _protocol(painter, found))


def _differences(painter: Painter, found: ExperimentResult) -> Section:
    drawn = [differences_chart(painter.brush, found, measure, "all") for measure in found.measures]
    drawn += [rivals_chart(painter.brush, found, measure) for measure in found.measures]
    return Section(
        title=painter.text("section.differences"),
        lead=painter.text("section.differences.lead"),
        charts=[chart for chart in drawn if chart is not None],
        tables=[
            _table(painter, found, measure, "all", folded=place > 0) for place, measure in enumerate(found.measures)
        ],
    )


def _known(painter: Painter, found: ExperimentResult) -> Section | None:
    measures = [measure for measure in found.measures if found.of(measure, "known")]
    if not measures:
        return None
    drawn = [differences_chart(painter.brush, found, measure, "known") for measure in measures]
    return Section(
        title=painter.text("section.known"),
        lead=painter.text("section.known.lead"),
        charts=[chart for chart in drawn if chart is not None],
        tables=[_table(painter, found, measure, "known", folded=place > 0) for place, measure in enumerate(measures)],
    )


def _table(painter: Painter, found: ExperimentResult, measure: str, at: str, *, folded: bool) -> Table:
    names = ("model", "variant", "instants", "mean", "seeds_spread", "difference", "interval", "p_holm", "finding")
    return Table(
        title=painter.text("table.experiment", metric=measure_name(painter.brush, measure)),
        head=[painter.text(f"figure.{name}") for name in names],
        rows=[_row(painter, found, row) for row in found.of(measure, at)],
        folded=folded,
    )


def _row(painter: Painter, found: ExperimentResult, row: Comparison) -> list[Cell]:
    spec, text = figure_spec(row.measure), painter.text
    group = found.groups[row.variant]
    variant = text("figure.variant_full") if group is None else text("figure.variant_without", group=group)
    interval = None if row.interval is None else " – ".join(format_value(end, spec) for end in row.interval)
    finding = "" if row.finding is None else painter.language.name_of("finding", row.finding)
    return [
        painter.words(painter.name(row.model)),
        painter.words(variant),
        painter.number(row.instants, "count"),
        painter.number(row.mean, spec),
        painter.number(row.deviation_over_seeds, spec.replace("change", "decimal").replace("signed", "percent")),
        painter.number(row.difference, spec),
        Cell(format_value(interval, "text")),
        painter.number(row.p_value_holm, "decimal3"),
        painter.words(finding, _TONES.get(row.finding or "", Tone.NEUTRAL)),
    ]


def _protocol(painter: Painter, found: ExperimentResult) -> Section:
    text = painter.text
    head = ("fold", "test", "train_instants", "test_instants")
    parts = [
        [
            painter.words(text("fold.name", number=part["number"])),
            painter.words(text("unit.span", start=part["test_start"], end=part["test_end"])),
            painter.number(part["train_instants"], "count"),
            painter.number(part["test_instants"], "count"),
        ]
        for part in found.parts
    ]
    variants = [
        [
            painter.words(text("figure.variant_full"))
            if one["without"] is None
            else painter.words(text("figure.variant_without", group=one["without"])),
            painter.number(one["features"], "count"),
            painter.number(one["share_known"], "percent1"),
        ]
        for one in found.variants
    ]
    return Section(
        title=text("section.protocol"),
        lead=text("section.protocol.lead", block=found.block),
        tables=(
            Table(title=text("table.parts"), head=[text(f"figure.{name}") for name in head], rows=parts),
            Table(
                title=text("table.variants"),
                head=[text("figure.variant"), text("figure.count_of_features"), text("figure.share_known")],
                rows=variants,
            ),
        ),
    )
