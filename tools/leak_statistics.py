"""Measure what the look-ahead audit finds and how often it cries wolf, and write the tables of ``docs/lookahead.md``.

Usage: ``python tools/leak_statistics.py`` prints the tables; with ``--write`` they replace those of both pages. With
the counts that stand as defaults it takes about a quarter of an hour of one core. The numbers depend on seeds alone.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidegate.audit import Depth, FindingKind, LookaheadAudit, audit_lookahead
from tidegate.core.history import History
from tidegate.testing import LEAKS, Leak
from tidegate.testing.leaks.rates import RARE_KEY, RARE_LEAKS, Rate, history_of, leaking_at
from tidegate.testing.leaks.together import Together

__all__ = ["Table", "false_alarms", "main", "rates", "zoo"]

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
PAGES: Final = {"en": DOCS / "lookahead.md", "zh": DOCS / "lookahead.zh-CN.md"}
PREFIXES: Final = (3, 6, 12, 24)
SLICES: Final = (10, 50, 200, 1000, 2000)
OF_LOOKBACK: Final = Depth(prefixes=3, slices=200, peeks=0)

CHINESE: Final = {
    "leak": "泄漏",
    "touches": "触及",
    "prefixes": "个截断点",
    "slices": "个切片",
    "every row": "每一行",
    "1 % of rows": "1 % 的行",
    "0.2 % of rows": "0.2 % 的行",
    "one symbol": "一个标的",
    "month ends": "月末",
    "days after holidays": "节后第一天",
    "the whole zoo": "全部泄漏",
    "honest twins": "诚实的孪生",
    "variants": "变体",
    "values compared": "比较的数值",
    "false alarms": "误报",
    "warnings of round-off": "舍入警告",
}


@dataclass(frozen=True)
class Table:
    """Headings and rows in English; every cell that is a word is translated where a page is not English."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def render(self, language: str) -> str:
        """Return the table as Markdown."""
        lines = [self.headings, tuple("---" for _ in self.headings), *self.rows]
        return "\n".join("| " + " | ".join(_said(cell, language) for cell in line) + " |" for line in lines)


def rates(seeds: int) -> Table:
    """Measure the share of seeds in which a leak at a rate is found, by what is looked at."""
    depths = [Depth(prefixes=count, slices=0, peeks=0) for count in PREFIXES[:3]]
    depths += [Depth(prefixes=0, slices=count, peeks=0) for count in SLICES]
    headings = ("touches", "leak", *(f"{count} prefixes" for count in PREFIXES[:3]), *(f"{n} slices" for n in SLICES))
    rows = []
    for rate in Rate:
        for leak in RARE_LEAKS:
            found = [0] * len(depths)
            for seed in range(1, seeds + 1):
                history, pipeline = history_of(rate, seed), leaking_at(rate, seed, leak)
                for place, depth in enumerate(depths):
                    audit = audit_lookahead(pipeline, history, subject=leak, depth=depth, seed=seed, workers=0)
                    found[place] += RARE_KEY in {finding.key for finding in audit.findings}
            rows.append((rate.value, f"`{leak}`", *(_share(count, seeds) for count in found)))
            _say(rows[-1])
    return Table(headings, tuple(rows))


def zoo(seeds: int) -> Table:
    """Measure the share of seeds in which each planted leak is found, by the number of prefixes."""
    found = {leak.name: [0] * len(PREFIXES) for leak in LEAKS}
    for seed in range(1, seeds + 1):
        for place, prefixes in enumerate(PREFIXES):
            for leaks in _batches():
                for name in _caught(leaks, seed, prefixes):
                    found[name][place] += 1
        _say(
            (
                f"zoo of seed {seed}",
                *(str(sum(counts[place] for counts in found.values())) for place in range(len(PREFIXES))),
            )
        )
    totals = [sum(counts[place] for counts in found.values()) for place in range(len(PREFIXES))]
    rows = [("the whole zoo", *(_share(total, seeds * len(LEAKS)) for total in totals))]
    for name, counts in found.items():
        if min(counts) < seeds:
            rows.append((f"`{name}`", *(_share(count, seeds) for count in counts)))
    return Table(("leak", *(f"{count} prefixes" for count in PREFIXES)), tuple(rows))


def false_alarms(variants: int) -> Table:
    """Audit every honest twin on many markets; nothing may be found."""
    twins = cells = alarms = warnings = 0
    for seed in range(1, variants + 1):
        for leaks in _batches():
            depth = Depth(prefixes=12, slices=0, peeks=0) if len(leaks) > 1 else OF_LOOKBACK
            audit = _audit({leak.name: leak for leak in leaks}, "clean", leaks[0].history, seed, depth, workers=0)
            twins += len(leaks)
            cells += audit.depth_run.cells
            alarms += len({finding.key for finding in audit.findings})
            warnings += len({warning.key for warning in audit.warnings})
        _say((f"twins of seed {seed}", str(twins), str(alarms), str(warnings)))
    headings = ("honest twins", "variants", "values compared", "false alarms", "warnings of round-off")
    counts = (len(LEAKS), twins, cells, alarms, warnings)
    return Table(headings, (tuple(f"{count:,}" for count in counts),))


def _batches() -> Iterator[list[Leak]]:
    """Yield leaks that can share an audit, those of one history; what shows in rows or short histories comes alone."""
    together: dict[Callable[[int], History], list[Leak]] = {}
    for leak in LEAKS:
        if {"*", "end"} & set(leak.keys) or FindingKind.SHORT_LOOKBACK in leak.expected or leak.planted_history:
            yield [leak]
        else:
            together.setdefault(leak.history, []).append(leak)
    yield from together.values()


def _caught(leaks: Sequence[Leak], seed: int, prefixes: int) -> set[str]:
    """Return the names of planted leaks that are found; each audit runs in processes that remember nothing."""
    depth = Depth(prefixes=prefixes, slices=200 if len(leaks) == 1 else 0, peeks=0)
    history = leaks[0].planted_history or leaks[0].history
    audit = _audit({leak.name: leak for leak in leaks}, "planted", history, seed, depth, workers=len(leaks) > 1)
    if len(leaks) == 1:
        return {leak.name for leak in leaks if audit.findings}
    return {finding.key.split("/")[0] for finding in audit.findings}


def _audit(
    leaks: Mapping[str, Leak], which: str, history: Callable[[int], History], seed: int, depth: Depth, workers: int
) -> LookaheadAudit:
    pipelines = {name: getattr(leak, which)(seed) for name, leak in leaks.items()}
    boundaries = {instant for leak in leaks.values() for instant in leak.refitted(seed)}
    pipeline = Together(pipelines) if len(pipelines) > 1 else next(iter(pipelines.values()))
    return audit_lookahead(
        pipeline,
        history(seed),
        subject="zoo",
        depth=depth,
        seed=seed,
        workers=int(workers),
        boundaries=tuple(sorted(boundaries)),
    )


def _share(count: int, of: int) -> str:
    percent = 100.0 * count / of
    return f"{percent:.0f} %" if percent in {0.0, 100.0} else f"{min(max(percent, 0.1), 99.9):.1f} %"


def _said(cell: str, language: str) -> str:
    if language == "en":
        return cell
    number, _, word = cell.partition(" ")
    return CHINESE.get(cell) or (f"{number} {CHINESE[word]}" if word in CHINESE else cell)


def _say(cells: Sequence[str]) -> None:
    print(" | ".join(cells), file=sys.stderr, flush=True)


def _write(name: str, table: Table) -> None:
    """Replace a table between its marks on both pages."""
    for language, page in PAGES.items():
        text = page.read_text(encoding="utf-8")
        marks = re.compile(rf"(<!-- measured: {name} -->\n\n).*?(\n\n<!-- measured: end -->)", re.DOTALL)
        if not marks.search(text):
            sys.exit(f"{page} has no marks for the table of {name}")
        rendered = table.render(language).replace("\\", r"\\")
        page.write_text(marks.sub(rf"\g<1>{rendered}\g<2>", text), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=12, help="markets per rate")
    parser.add_argument("--zoo-seeds", type=int, default=5, help="markets per planted leak")
    parser.add_argument("--variants", type=int, default=200, help="markets per honest twin")
    parser.add_argument("--only", choices=["rates", "zoo", "false-alarms"], help="one of the tables")
    parser.add_argument("--write", action="store_true", help="put the tables into the pages")
    asked = parser.parse_args(arguments)
    measures: dict[str, Callable[[], Table]] = {
        "rates": lambda: rates(asked.seeds),
        "zoo": lambda: zoo(asked.zoo_seeds),
        "false-alarms": lambda: false_alarms(asked.variants),
    }
    for name, measure in measures.items():
        if asked.only in {None, name}:
            table = measure()
            print(table.render("en"), end="\n\n")
            if asked.write:
                _write(name, table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
