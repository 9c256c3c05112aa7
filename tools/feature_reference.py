"""Write ``docs/features.md`` and its Chinese twin: every feature of every market, read from the contracts themselves.

Usage: ``python tools/feature_reference.py`` writes the pages; with ``--check`` it only says whether they are up to
date, and returns 1 if they are not. The words around the tables stand in ``tools/feature_pages``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tidegate.core.time import BarInterval
from tidegate.features import CONTRACTS, FeatureGroup, market_contract
from tidegate.features.custom import CALLS
from tidegate.features.reference import reference_table

__all__ = ["PAGES", "main", "render"]

DOCS = Path(__file__).resolve().parents[1] / "docs"
WORDS = Path(__file__).resolve().parent / "feature_pages"
PAGES = {"en": DOCS / "features.md", "zh": DOCS / "features.zh-CN.md"}
"""Language to the page that is written."""

INTERVALS = {"us-equity": BarInterval("1d"), "ashare": BarInterval("1d"), "crypto": BarInterval("5m")}
_NOTICE = "<!-- Written by tools/feature_reference.py from contracts and tools/feature_pages; change those and run. -->"
_MARKETS = {
    "en": {
        "us-equity": "US shares, bars of a day.",
        "ashare": "A-shares, bars of a day, with price limits, and means of industries where an industry is known. "
        "Who is under special treatment (ST) is read from `symbol_lives`; without that table every share counts as "
        "untreated, and a treated one of the main board, whose limit is 5%, is then measured against 10%.",
        "crypto": "Perpetuals, bars of five minutes; on bars of another size the windows stay and the frames follow.",
    },
    "zh": {
        "us-equity": "美股，日线。",
        "ashare": "A 股，日线，含涨跌停状态；上市资料里有行业的，含行业均值。是否 ST 取自 `symbol_lives`；"
        "没有这张表时一律按非 ST 处理，主板 ST 股的 5% 涨跌幅会被当成 10%。",
        "crypto": "永续合约，五分钟线；换用其他周期时窗口不变，上级周期随之改变。",
    },
}


def render(language: str) -> str:
    """Return a page as Markdown."""
    page = (WORDS / f"{language}.md").read_text(encoding="utf-8")
    parts = {
        "notice": _NOTICE,
        "groups": ", ".join(f"`{group}`" for group in FeatureGroup),
        "functions": _functions(language),
        "markets": "\n".join(_market(name, language) for name in CONTRACTS),
    }
    for name, text in parts.items():
        if page.count(f"{{{{{name}}}}}") != 1:
            raise SystemExit(f"tools/feature_pages/{language}.md must hold {{{{{name}}}}} once")
        page = page.replace(f"{{{{{name}}}}}", text)
    return page.rstrip() + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or only compare them under ``--check``."""
    outdated = []
    for language, path in PAGES.items():
        page = render(language)
        if "--check" not in arguments:
            path.write_text(page, encoding="utf-8")
            print(f"wrote {path.name}")
        elif not path.exists() or path.read_text(encoding="utf-8") != page:
            outdated.append(path.name)
    for name in outdated:
        print(f"docs/{name} is out of date; run: python tools/feature_reference.py")
    return int(bool(outdated))


def _functions(language: str) -> str:
    heads = {"en": "| function | value |", "zh": "| 函数 | 值 |"}
    rows = [f"| `{spec.written}` | {spec.meaning} |" for spec in CALLS.values()]
    rank = "| `rank(x)` | (average rank - 0.5) / count - 0.5 among the members at t; around a whole formula only |"
    return "\n".join([heads[language], "|---|---|", *rows, rank])


def _market(name: str, language: str) -> str:
    table = reference_table(market_contract(name, INTERVALS[name]), language=language)
    return "\n".join([f"### `{name}`", "", _MARKETS[language][name], "", table])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
