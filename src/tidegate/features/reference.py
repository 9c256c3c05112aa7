"""Contracts as pages: one table that says everything a reader of a model's inputs must know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tidegate.core.time import DAY, HOUR, MINUTE
from tidegate.features.contract import Feature, FeatureContract

__all__ = ["HEADINGS", "reference_table", "tables_read"]

HEADINGS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "en": (
            "feature",
            "group",
            "value at bar t",
            "unit",
            "bars",
            "from",
            "largest age",
            "where missing",
            "known as",
        ),
        "zh": ("特征", "分组", "t 时刻的值", "单位", "K 线数", "来自", "最长有效期", "缺失时", "旧名"),
    }
)
"""Column heads by language."""
_MASKED: Final = {"en": "{0}, `{1}` is 1", "zh": "{0}，`{1}` 为 1"}
_ABSENT: Final = {"en": "missing", "zh": "缺失"}
_COUNTED: Final = {"en": "{0} features: {1}.", "zh": "共 {0} 个特征：{1}。"}
_FOR_GOOD: Final = 3650 * DAY
_UNITS: Final = {
    "en": ((DAY, "{0} d"), (HOUR, "{0} h"), (MINUTE, "{0} min"), (1, "{0} us")),
    "zh": ((DAY, "{0} 天"), (HOUR, "{0} 小时"), (MINUTE, "{0} 分钟"), (1, "{0} 微秒")),
}


def reference_table(contract: FeatureContract, *, language: str = "en") -> str:
    """Return a contract as a table in Markdown, with the count of features of each group above it.

    Descriptions and units stay in English, as they are hashed.

    Parameters
    ----------
    contract
        For example :func:`tidegate.features.declared_contract` of a recipe, its own features included.
    language
        ``en`` or ``zh``, of the heads.

    Examples
    --------
    >>> from tidegate.features import market_contract
    >>> from tidegate.core.time import DAILY
    >>> page = reference_table(market_contract("us-equity", DAILY))
    >>> page.splitlines()[2][:36]
    '| feature | group | value at bar t |'
    """
    heads = HEADINGS[language]
    counts = Counter(feature.group for feature in contract.features)
    groups = ", ".join(f"`{group}` {counts[group]}" for group in contract.groups)
    marks = ["--:" if place == heads.index(heads[4]) else "---" for place in range(len(heads))]
    rows = [_row(_cells(feature, contract, language)) for feature in contract.features]
    return "\n".join(
        [_COUNTED[language].format(contract.dimension, groups), "", _row(heads), f"|{'|'.join(marks)}|", *rows, ""]
    )


def tables_read(feature: Feature, contract: FeatureContract) -> list[str]:
    """Return the tables whose rows a feature is made of: ``bars`` first, then slower sources in alphabetical order."""
    sources = [contract.source_of(column) for column in feature.requires]
    tables = sorted({source.table for source in sources if source is not None}.union(feature.tables))
    return [*(["bars"] if None in sources else []), *tables]


def _cells(feature: Feature, contract: FeatureContract, language: str) -> tuple[str, ...]:
    age = contract.maximum_age(feature)
    missing = ""
    if feature.mask is not None:
        neutral = _ABSENT[language] if feature.neutral is None else f"{feature.neutral:g}"
        missing = _MASKED[language].format(neutral, feature.mask)
    return (
        f"`{feature.name}`",
        f"`{feature.group}`",
        feature.description,
        feature.unit + (f" (± {feature.bound:g})" if feature.bound else ""),
        str(feature.lookback_bars),
        ", ".join(f"`{name}`" for name in tables_read(feature, contract)),
        "" if age is None or age >= _FOR_GOOD else _age(age, language),
        missing,
        f"`{feature.known_as}`" if feature.known_as else "",
    )


def _age(microseconds: int, language: str) -> str:
    unit, words = next((unit, words) for unit, words in _UNITS[language] if microseconds % unit == 0)
    return words.format(microseconds // unit)


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
