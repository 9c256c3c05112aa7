"""The page of an audit of readiness: what a recipe's data cover, kind by kind, and whether that suffices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from tidegate.core.files import write_text
from tidegate.core.time import SECOND, format_instant
from tidegate.core.workspace import Workspace
from tidegate.data.readiness import MemberCoverage, ReadinessAudit, SourceAudit
from tidegate.report.charts import Chart
from tidegate.report.coverage_chart import WORST_ROWS, month_heatmap
from tidegate.report.coverage_rules import covered
from tidegate.report.language import MISSING, Language, format_value
from tidegate.report.page import Card, Cell, Page, Painter, Section, Table
from tidegate.report.readiness_rules import readiness_verdict
from tidegate.report.theme import ColourScheme

__all__ = ["write_readiness_report"]

_TABLE_ROWS: Final = 200
_GAP_ROWS: Final = 100


def write_readiness_report(
    workspace: Workspace,
    audit: ReadinessAudit,
    *,
    language: str = "en",
    colours: str = "western",
    path: Path | None = None,
) -> Path:
    """Write the page of an audit of readiness and return where it lies.

    Every data kind has a heatmap of its own, with all its symbols together and the worst sixty; the tables show the
    hundred longest gaps and the worst two hundred symbols.

    Parameters
    ----------
    audit
        What :func:`tidegate.data.readiness.audit_readiness` found.
    language
        ``en`` or ``zh``.
    colours
        ``western`` (rises green) or ``chinese`` (rises red).
    path
        Where to write; the workspace's reports folder by default.

    Raises
    ------
    InputError
        If the language or the colours do not exist.
    """
    painter = Painter(Language.load(language), ColourScheme.of(colours))
    name = f"readiness-{audit.recipe.name}-{audit.mode}.{language}.html"
    return write_text(path or workspace.reports_folder / name, painter.render(_Sheet(painter, audit).page()))


class _Sheet:
    """The parts of the page."""

    def __init__(self, painter: Painter, audit: ReadinessAudit) -> None:
        self.painter, self.audit, self.text = painter, audit, painter.text

    def page(self) -> Page:
        """Return the whole page."""
        audit, text = self.audit, self.text
        span = {"start": audit.scope.start, "end": audit.scope.end}
        verdict = readiness_verdict(audit, self.name_of)
        commands = audit.recommended_commands()
        return Page(
            kind=text("page.readiness"),
            title=audit.recipe.name,
            subtitle=text("page.readiness.subtitle", mode=self.mode, **span),
            facts=(
                (text("fact.dataset"), audit.recipe.data.dataset),
                (text("fact.mode"), self.mode),
                (text("fact.period"), text("unit.span", **span)),
                (text("fact.as_of"), format_instant(audit.as_of // SECOND * SECOND)),
                (text("fact.symbols"), format_value(len(audit.scope.symbols), "count")),
                (text("fact.data_versions"), ", ".join(f"{name} @ {at}" for name, at in audit.versions.items())),
            ),
            verdict=[self.painter.say(said) for said in verdict.findings],
            cautions=[self.painter.say(said) for said in verdict.cautions],
            cards=tuple(self.cards()),
            sections=tuple(self.sections()),
            origin=(),
            appendix=((text("page.readiness.commands"), "\n".join(commands)),) if commands else (),
        )

    @property
    def mode(self) -> str:
        """The mode as the reader calls it."""
        return self.painter.language.name_of("mode", self.audit.mode)

    def name_of(self, name: str) -> str:
        """Return how the reader calls a kind, and after it the metric, if it is one of several."""
        kind, _, part = name.partition(".")
        called = self.painter.language.name_of("kind", kind)
        return f"{called} {part}" if part else called

    def cards(self) -> Iterator[Card]:
        """Yield the key figures."""
        audit = self.audit
        passed = sum(gate.passed for gate in audit.gates)
        figures = {
            "gates_passed": self.text("unit.of", part=passed, whole=len(audit.gates)),
            "missing_kinds": format_value(len(audit.missing_data_kinds), "count"),
            "poor_symbols": format_value(len(audit.quality.poor), "count"),
            "gaps": format_value(sum(len(one.gaps) for source in audit.sources for one in source.members), "count"),
        }
        for name, value in figures.items():
            yield Card(name=self.text(f"figure.{name}"), value=value, detail="")

    def sections(self) -> Iterator[Section]:
        """Yield the sections."""
        text = self.text
        yield Section(title=text("section.gates"), lead=text("section.gates.lead"), tables=(self.gates(),))
        charts = tuple(self.charts())
        if charts:
            lead = text("section.kinds.lead")
            yield Section(title=text("section.coverage"), lead=lead, charts=charts, tables=(self.years(),))
        yield self.gaps()
        if self.audit.quality.poor:
            lead = text("section.quality.lead")
            yield Section(title=text("section.quality"), lead=lead, tables=(self.quality(),))
        tables = tuple(self.members(source) for source in self.audit.sources if source.members)
        if tables:
            yield Section(title=text("section.symbols"), lead=text("section.members.lead"), tables=tables)

    def gates(self) -> Table:
        """Return what was asked and what was found, one row per gate."""
        head = self.head(
            *("kind_of_data", "outcome", "dataset", "mean", "asked_mean", "worst", "asked_worst", "worst_symbol"),
            "latency",
        )
        rows = [self.gate_row(source) for source in self.audit.sources]
        rows += [
            [
                self.words(self.name_of(kind)),
                self.words(self.text("outcome.not_used")),
                self.words(MISSING),
                *[Cell(MISSING)] * 4,
                self.words(MISSING),
                Cell(MISSING),
            ]
            for kind in self.audit.not_used
        ]
        return Table(title=self.text("table.gates"), head=head, rows=rows, dense=True)

    def gate_row(self, source: SourceAudit) -> list[Cell]:
        """Return one gate."""
        gate, late = source.gate, source.latency
        latency = MISSING if late is None else " / ".join(f"{value:,.10g}" for value in (late.p50, late.p90, late.p99))
        judged = gate.symbols > 0
        return [
            self.words(self.name_of(gate.name)),
            self.words(self.text("outcome.gate_passed" if gate.passed else "outcome.gate_failed")),
            self.words(source.dataset or MISSING),
            Cell(gate.shown(gate.mean) if judged else MISSING),
            Cell(gate.shown(gate.least_mean)),
            Cell(gate.shown(gate.minimum) if judged else MISSING),
            Cell(gate.shown(gate.least_minimum)),
            self.words(gate.worst or MISSING),
            Cell(latency),
        ]

    def charts(self) -> Iterator[Chart]:
        """Yield a heatmap of all kinds, and one of each kind's symbols."""
        drawn = [source for source in self.audit.sources if source.by_month.height]
        if len(drawn) > 1:
            every = pl.concat(
                source.by_month.with_columns(symbol=pl.lit(self.name_of(source.name))) for source in drawn
            )
            total = every.group_by("symbol", "month", maintain_order=True).agg(pl.col("expected", "present").sum())
            names = [self.name_of(source.name) for source in drawn]
            yield month_heatmap(self.painter.brush, "kinds", total, names, together=False)
        for source in drawn:
            worst = [one.member for one in source.worst(WORST_ROWS)]
            key = "kind_days" if source.gate.measure == "count" else "kind"
            kind = self.name_of(source.name)
            yield month_heatmap(self.painter.brush, key, source.by_month, worst, kind=kind)

    def years(self) -> Table:
        """Return the share of what is missing by calendar year, kind by kind."""
        found = {source.name: source.by_year() for source in self.audit.sources if source.by_month.height}
        years = sorted({year for of_kind in found.values() for year in of_kind})
        rows = [
            [
                self.words(self.name_of(name)),
                *(self.painter.number(of_kind.get(year, {}).get("missing_share"), "percent2") for year in years),
            ]
            for name, of_kind in found.items()
        ]
        head = [self.text("figure.kind_of_data"), *years]
        return Table(title=self.text("table.missing_years"), head=head, rows=rows, folded=len(years) > 12)

    def gaps(self) -> Section:
        """Return the longest gaps of all kinds."""
        found = [
            (source.name, one.member, gap)
            for source in self.audit.sources
            for one in source.members
            for gap in one.gaps
        ]
        if not found:
            return Section(title=self.text("section.gaps"), lead=self.text("section.kind_gaps_absent.lead"))
        found.sort(key=lambda row: (row[2].start - row[2].end, row[0], row[1], row[2].start))
        rows = [
            [
                self.words(self.name_of(name)),
                self.words(member),
                Cell(_minute(gap.start)),
                Cell(_minute(gap.end)),
                self.painter.number(gap.missing, "count"),
            ]
            for name, member, gap in found[:_GAP_ROWS]
        ]
        head = self.head("kind_of_data", "symbol", "gap_start", "gap_end", "missing_rows")
        table = Table(title=self.text("table.gaps"), head=head, rows=rows)
        return Section(title=self.text("section.gaps"), lead=self.text("section.kind_gaps.lead"), tables=(table,))

    def quality(self) -> Table:
        """Return the symbols whose bars are not good enough."""
        columns = ("symbol", "present_bars", "expected_bars", "missing_rate", "invalid_price_rate", "duplicate_rate")
        rows = [
            [
                self.words(one.symbol),
                self.painter.number(one.rows, "count"),
                self.painter.number(one.expected, "count"),
                *(self.painter.number(getattr(one, name), "percent2") for name in (*columns[3:], "stale_ratio")),
                self.words(", ".join(self.painter.language.name_of("quality", str(reason)) for reason in one.reasons)),
            ]
            for one in self.audit.quality.poor[:_TABLE_ROWS]
        ]
        head = self.head(*columns, "stale_ratio", "reasons")
        return Table(title=self.text("table.quality"), head=head, rows=rows, dense=True)

    def members(self, source: SourceAudit) -> Table:
        """Return the symbols of a kind, those with the least first."""
        rows = [self.member_row(one) for one in source.worst(_TABLE_ROWS)]
        head = self.head(
            "symbol", "owed_from", "owed_until", "expected_rows", "missing_rows", "coverage", "rows", "gaps"
        )
        title = self.text("table.members", kind=self.name_of(source.name))
        return Table(title=title, head=head, rows=rows, folded=True, dense=True)

    def member_row(self, one: MemberCoverage) -> list[Cell]:
        """Return one symbol of a kind."""
        counts = (one.expected, one.expected - one.present)
        return [
            self.words(one.member),
            self.painter.number(one.start, "date"),
            self.painter.number(one.end, "date"),
            *(self.painter.number(count, "count") for count in counts),
            Cell(covered(one.present, one.expected)),
            *(self.painter.number(count, "count") for count in (one.count, len(one.gaps))),
        ]

    def words(self, text: str) -> Cell:
        """Return a cell with words."""
        return self.painter.words(text)

    def head(self, *names: str) -> Sequence[str]:
        """Return the names of columns."""
        return [self.text(f"figure.{name}") for name in names]


def _minute(instant: int) -> str:
    """Return an instant to the minute."""
    return format_instant(instant).replace("T", " ")[:16]
