"""The page of a data audit: which bars are there, which are missing, and which look wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tidegate.core.files import write_text
from tidegate.core.time import format_instant
from tidegate.core.workspace import Workspace
from tidegate.data.audit import BarAudit, Gap, SuspectBar, Suspicion, SymbolAudit
from tidegate.report.coverage_chart import all_symbols, coverage_chart
from tidegate.report.coverage_rules import audit_verdict, covered
from tidegate.report.language import MISSING, Language, format_value
from tidegate.report.page import Card, Cell, Page, Painter, Section, Table
from tidegate.report.theme import ColourScheme

__all__ = ["write_coverage_report"]

_TABLE_ROWS: Final = 200
_GAP_ROWS: Final = 50


def write_coverage_report(
    workspace: Workspace,
    audit: BarAudit,
    *,
    language: str = "en",
    colours: str = "western",
    path: Path | None = None,
) -> Path:
    """Write the page of a data audit and return where it lies.

    However many symbols there are, the heatmap shows all of them together and the worst sixty, and the tables
    the worst two hundred symbols and the fifty longest gaps.

    Parameters
    ----------
    audit
        What :func:`tidegate.data.audit.audit_bars` found.
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
    name = f"audit-{audit.dataset}-{audit.interval}.{language}.html"
    return write_text(path or workspace.reports_folder / name, painter.render(_page(painter, audit)))


def _page(painter: Painter, audit: BarAudit) -> Page:
    text, span = painter.text, {"start": audit.first, "end": audit.last}
    verdict = audit_verdict(audit)
    return Page(
        kind=text("page.audit"),
        title=audit.dataset,
        subtitle=text("page.audit.subtitle", interval=str(audit.interval), **span),
        facts=(
            (text("fact.dataset"), audit.dataset),
            (text("fact.interval"), str(audit.interval)),
            (text("fact.period"), text("unit.span", **span)),
            (text("fact.as_of"), format_instant(audit.as_of)),
            (text("fact.version"), format_value(audit.version, "text")),
            (text("fact.symbols"), format_value(len(audit.symbols), "count")),
        ),
        verdict=[painter.say(said) for said in verdict.findings],
        cautions=[painter.say(said) for said in verdict.cautions],
        cards=_cards(painter, audit),
        sections=[section for section in _sections(painter, audit) if section is not None],
        origin=(),
        appendix=(),
    )


def _cards(painter: Painter, audit: BarAudit) -> tuple[Card, ...]:
    gaps = sum(len(one.gaps) for one in audit.symbols)
    suspects = sum(audit.count_of(kind) for kind in Suspicion)
    counts = {
        "expected_bars": audit.expected,
        "missing_bars": audit.expected - audit.present,
        "gaps": gaps,
        "suspects": suspects,
    }
    return tuple(
        Card(name=painter.text(f"figure.{name}"), value=format_value(count, "count"), detail="")
        for name, count in counts.items()
    )


def _sections(painter: Painter, audit: BarAudit) -> Sequence[Section | None]:
    text = painter.text
    symbols = _symbol_table(painter, audit.worst(_TABLE_ROWS))
    return (
        Section(
            title=text("section.coverage"),
            lead=text("section.coverage.lead"),
            charts=(coverage_chart(painter.brush, audit),),
            tables=(_month_table(painter, audit),),
        ),
        _gap_section(painter, audit),
        _suspect_section(painter, audit.suspect_bars) if audit.suspect_bars else None,
        Section(title=text("section.symbols"), lead=text("section.symbols.lead"), tables=(symbols,)),
    )


def _month_table(painter: Painter, audit: BarAudit) -> Table:
    head = [painter.text(f"figure.{name}") for name in ("month", "expected_bars", "missing_bars", "coverage")]
    rows = [
        [
            painter.words(month),
            *_counts(painter, expected, expected - present),
            Cell(covered(present, expected)),
        ]
        for month, expected, present in all_symbols(audit).iter_rows()
    ]
    return Table(title=painter.text("table.coverage_months"), head=head, rows=rows, folded=True)


def _gap_section(painter: Painter, audit: BarAudit) -> Section:
    text = painter.text
    found = [(one.symbol, gap) for one in audit.symbols for gap in one.gaps]
    found.sort(key=lambda pair: (-pair[1].missing, pair[1].start, pair[0]))
    if not found:
        return Section(title=text("section.gaps"), lead=text("section.gaps_absent.lead"))
    shared = [
        [painter.words(gap.calendar), Cell(f"{gap.symbols:,}"), *_gap_cells(painter, gap)] for gap in audit.shared_gaps
    ]
    single = [[painter.words(symbol), *_gap_cells(painter, gap)] for symbol, gap in found[:_GAP_ROWS]]
    ends = [text(f"figure.{name}") for name in ("gap_start", "gap_end", "missing_bars")]
    tables = [Table(title=text("table.gaps"), head=[text("figure.symbol"), *ends], rows=single, folded=bool(shared))]
    if shared:
        head = [text("figure.calendar"), text("figure.symbols"), *ends]
        tables.insert(0, Table(title=text("table.shared_gaps"), head=head, rows=shared))
    return Section(title=text("section.gaps"), lead=text("section.gaps.lead"), tables=tables)


def _gap_cells(painter: Painter, gap: Gap) -> list[Cell]:
    return [Cell(_moment(gap.start)), Cell(_moment(gap.end)), painter.number(gap.missing, "count")]


def _suspect_section(painter: Painter, bars: Sequence[SuspectBar]) -> Section:
    text = painter.text
    head = [text(f"figure.{name}") for name in ("kind", "symbol", "gap_start", "gap_end", "value")]
    rows = [
        [
            painter.words(painter.language.name_of("suspicion", str(bar.kind))),
            painter.words(bar.symbol),
            Cell(_moment(bar.at)),
            Cell(_moment(bar.until)),
            painter.number(bar.value, "count" if float(bar.value).is_integer() else "change3"),
        ]
        for bar in bars
    ]
    table = Table(title=text("table.suspects"), head=head, rows=rows)
    return Section(title=text("section.suspects"), lead=text("section.suspects.lead"), tables=(table,))


def _symbol_table(painter: Painter, symbols: Sequence[SymbolAudit]) -> Table:
    names = (
        "symbol",
        "first_bar",
        "last_bar",
        "expected_bars",
        "missing_bars",
        "coverage",
        "gaps",
        "missing_at_end",
        "suspects",
    )
    rows = [
        [
            painter.words(one.symbol),
            painter.number(one.first, "date"),
            painter.number(one.last, "date"),
            *_counts(painter, one.expected, one.missing),
            Cell(covered(one.present, one.expected)),
            *_counts(painter, len(one.gaps), one.missing_at_end, sum(one.suspects.values())),
        ]
        for one in symbols
    ]
    head = [painter.text(f"figure.{name}") for name in names]
    return Table(title=painter.text("table.symbols"), head=head, rows=rows, dense=True)


def _counts(painter: Painter, *counts: int) -> list[Cell]:
    return [painter.number(count, "count") for count in counts]


def _moment(instant: int | None) -> str:
    """Return a bar's close to the minute."""
    return (
        MISSING if instant is None else format_instant(instant).replace("T", " ").removesuffix("Z").removesuffix(":00")
    )
