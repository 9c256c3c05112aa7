"""Write ``docs/tables.md``: every table, column and metric, read from ``tidegate.data`` itself.

Usage: ``python tools/table_reference.py`` writes the page; with ``--check`` it only says whether the page is
up to date, and returns 1 if it is not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from tidegate.core.time import DAY, HOUR, MINUTE
from tidegate.data.metrics import METRICS, MetricSpec, Scale
from tidegate.data.tables import TABLES, TableSpec

__all__ = ["PAGE", "main", "render"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tables.md"

PREFACE = """# The tables of the catalog

<!-- Written by tools/table_reference.py from src/tidegate/data/tables.py and metrics.py; change those and run it. -->

Each table is a Delta Lake table in the workspace's `catalog` folder. A row is never changed; [data.md](data.md)
says how revisions and corrections are kept, and which source fills which table.

Every table has three times, all in UTC with microseconds:

| column | meaning |
|---|---|
| `event_time` | What the row is about: the close of a bar, the instant of a payment, the period of a statistic. |
| `known_time` | The first moment at which a trader could have had it. |
| `recorded_time` | When this catalog stored it; the catalog writes it itself. |

and these columns that say where a row comes from:

| column | meaning |
|---|---|
| `dataset` | The name under which rows of one source are kept together. |
| `source` | Who said so. |
| `synthetic` | Made up from other data. Such rows never count as coverage. |

Key columns and `known_time` together name a row. Of a *value*, a later vintage may bring another number; an *origin*
column describes the row and is never a revision. No value is filled in: missing stays missing.
"""

METRICS_PREFACE = """## The dictionary of metrics

Rows of `metrics` name one of these. A value older than its largest age counts as missing; as a feature it is scaled,
and missing is the neutral 0 beside a mask.
"""

SCALES = {
    Scale.NONE: "",
    Scale.LOG_RATIO: "tanh(ln x)",
    Scale.BASIS: "tanh(25 x)",
    Scale.ANNUAL_BASIS: "tanh(5 x)",
}
_COMMON = ("dataset", "event_time", "known_time", "recorded_time", "source", "synthetic")
_TYPES: dict[type[pl.DataType], str] = {
    pl.String: "text",
    pl.Float64: "number",
    pl.Int64: "whole number",
    pl.Boolean: "true or false",
    pl.Datetime: "instant, UTC",
}


def render() -> str:
    """Return the page as Markdown."""
    overview = [f"| [`{spec.name}`](#{spec.name}) | {_sentence(spec.about)} |" for spec in TABLES.values()]
    parts = ["\n".join(["| table | holds |", "|---|---|", *overview, ""]), *map(_section, TABLES.values()), _metrics()]
    return "\n".join([PREFACE, *parts])


def main(arguments: Sequence[str]) -> int:
    """Write the page, or only compare it under ``--check``."""
    page = render()
    if "--check" not in arguments:
        PAGE.write_text(page, encoding="utf-8")
        print(f"wrote {PAGE.name}")
        return 0
    current = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if current != page:
        print("docs/tables.md is out of date; run: python tools/table_reference.py")
    return int(current != page)


def _section(spec: TableSpec) -> str:
    head = ["| column | type | unit or content | kind |", "|---|---|---|---|"]
    own = [name for name in spec.key if name not in _COMMON]
    facts = [f"Named by {_listed([*own, 'event_time', 'known_time'])}; folders by {_listed(spec.partition)}."]
    if spec.announced_ahead:
        facts.append("A row may be known before what it is about.")
    if spec.approximate:
        near = ", ".join(f"`{name}` by less than {limit:g}" for name, limit in spec.approximate.items())
        facts.append(f"A relative difference is rounding of the source and no revision: {near}.")
    return "\n".join([f"## {spec.name}", "", _sentence(spec.about), "", *head, *_rows(spec), "", " ".join(facts), ""])


def _rows(spec: TableSpec) -> Iterator[str]:
    for kind, columns in (("key", spec.key), ("value", spec.values), ("origin", spec.attributes)):
        for name, type_ in columns.items():
            if name not in _COMMON:
                yield f"| `{name}` | {_type(type_)} | {spec.units.get(name, '')} | {kind} |"


def _metrics() -> str:
    head = ["| metric | unit | family | largest age | as a feature | meaning |", "|---|---|---|---|---|---|"]
    return "\n".join([METRICS_PREFACE, *head, *map(_metric, METRICS.values()), ""])


def _metric(spec: MetricSpec) -> str:
    cells = (
        f"`{spec.name}`",
        spec.unit,
        spec.family,
        _age(spec.maximum_age),
        SCALES[spec.scale],
        _sentence(spec.about),
    )
    return f"| {' | '.join(cells)} |"


def _age(microseconds: int) -> str:
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if microseconds % unit == 0:
            count = microseconds // unit
            return f"{count} {name}{'s' if count > 1 else ''}"
    raise SystemExit(f"an age of {microseconds} microseconds is no whole number of minutes")


def _type(type_: pl.DataType) -> str:
    return _TYPES[type(type_)]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
