"""What to fetch of macro series, and from where."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationInfo, field_validator

from tidegate.core.config import Settings
from tidegate.core.recipe_data import Name

__all__ = ["MacroSettings"]

_SERIES: Final = re.compile(r"[A-Za-z0-9_.^-]{1,64}")


class MacroSettings(Settings):
    """Series of FRED with every vintage, or of files that say in words when their values became public."""

    path: Path | None = None
    """Long files, CSV or Parquet: series, date, value and a rule in words; none asks FRED."""
    preset: Literal["macro-long"] | None = None
    """What a usual file's columns mean: macro-long is series_id, obs_date, value, availability_rule."""
    dataset: Name | None = None
    """Name under which the series are kept; none is macro."""
    series: tuple[str, ...] = ()
    """FRED's ids, or those to take from the file; none takes every series of the file."""
    rules: tuple[str, ...] = ()
    """SERIES=rule in words, where the file has none: "DGS10=next business day"."""
    releases: Path | None = None
    """Table of release dates that rules refer to; none looks beside the file."""
    start: date | None = None
    """First observation date."""
    end: date | None = None
    """Last observation date."""
    source: str | None = None
    """Where a file is from; none is the preset, or file."""
    base_url: str | None = None
    """Another address of FRED's service."""

    @field_validator("series")
    @classmethod
    def _named(cls, series: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not series and info.data.get("path") is None:
            raise ValueError("ids of FRED such as CPIAUCSL, or a path")
        if not all(_SERIES.fullmatch(one) for one in series) or len(set(series)) < len(series):
            raise ValueError("ids such as CPIAUCSL, each once")
        return series

    @field_validator("rules")
    @classmethod
    def _assigned(cls, rules: tuple[str, ...]) -> tuple[str, ...]:
        parts = [rule.partition("=") for rule in rules]
        names = [name for name, _, _ in parts]
        if not all(_SERIES.fullmatch(name) and words.strip() for name, _, words in parts):
            raise ValueError("SERIES=rule, such as DGS10=next business day")
        if len(set(names)) < len(names):
            raise ValueError("one rule per series")
        return rules

    @field_validator("end")
    @classmethod
    def _after_start(cls, end: date | None, info: ValidationInfo) -> date | None:
        start = info.data.get("start")
        if end is not None and start is not None and end < start:
            raise ValueError("a day that is not before start")
        return end

    @property
    def given_rules(self) -> dict[str, str]:
        """Rules by series."""
        return {name: words.strip() for name, _, words in (rule.partition("=") for rule in self.rules)}
