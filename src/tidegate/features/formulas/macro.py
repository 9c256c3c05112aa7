"""Numbers of the economy, each as it was published and known at the time: of any market, for any market (D-18).

Levels of rates are fractions, everything else is a change, so that no feature grows with the years. Changes are between
observations, each by the newest vintage that was known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tidegate.core.time import DAY
from tidegate.core.units import FloatArray
from tidegate.features.contract import Feature, Formula
from tidegate.features.formulas.masked import column, masked, missing_flag
from tidegate.features.inputs import Inputs
from tidegate.features.sources import Newest, Source
from tidegate.features.trails import Change

__all__ = ["FEATURES", "SOURCES"]

_DAILY: Final = 10 * DAY
_MONTHLY: Final = 125 * DAY
"""A month, and the ninety days after its end at which a value counts as known whose release date nobody wrote down."""


@dataclass(frozen=True, kw_only=True)
class _Level:
    name: str
    series: str
    description: str
    known_age: int = _DAILY

    def source(self) -> Source:
        return Newest(
            name=f"macro_{self.name}",
            table="macro",
            columns=((f"macro_{self.name}", "value"),),
            where=(("series", self.series),),
            maximum_age=self.known_age,
        )


@dataclass(frozen=True, kw_only=True)
class _Move:
    name: str
    series: str
    back: int
    reach_days: int
    logarithm: bool = False
    known_age: int = _DAILY

    def source(self) -> Source:
        return Change(
            name=f"macro_{self.name}",
            table="macro",
            column="value",
            where=(("series", self.series),),
            back=self.back,
            reach=self.reach_days * DAY,
            maximum_age=self.known_age,
            logarithm=self.logarithm,
        )

    @property
    def description(self) -> str:
        what = "ln of the newest known" if self.logarithm else "newest known"
        return f"{what} {self.series} less that of {self.back} observations before"


_LEVELS: Final = (
    _Level(name="vix", series="VIX_CLOSE", description="newest known VIX / 100: expected deviation per year"),
    _Level(name="treasury_10y", series="DGS10", description="newest known 10-year Treasury yield / 100"),
    _Level(name="treasury_2y", series="DGS2", description="newest known 2-year Treasury yield / 100"),
    _Level(name="fed_funds", series="DFF", description="newest known effective federal funds rate / 100"),
)
# Five observations of a daily series lie within a week and a half of holidays, twenty within a month and a half.
_MOVES: Final = (
    _Move(name="vix_change_5", series="VIX_CLOSE", back=5, reach_days=14, logarithm=True),
    _Move(name="vix_change_20", series="VIX_CLOSE", back=20, reach_days=42, logarithm=True),
    _Move(name="dollar_change_5", series="DXY_CLOSE", back=5, reach_days=14, logarithm=True),
    _Move(name="dollar_change_20", series="DXY_CLOSE", back=20, reach_days=42, logarithm=True),
    _Move(name="treasury_10y_change_5", series="DGS10", back=5, reach_days=14),
    _Move(name="treasury_10y_change_20", series="DGS10", back=20, reach_days=42),
    _Move(name="treasury_2y_change_20", series="DGS2", back=20, reach_days=42),
    _Move(name="fed_funds_change_20", series="DFF", back=20, reach_days=42),
    _Move(name="cpi_change_12", series="CPIAUCSL", back=12, reach_days=370, logarithm=True, known_age=_MONTHLY),
    _Move(name="payrolls_change_3", series="PAYEMS", back=3, reach_days=95, logarithm=True, known_age=_MONTHLY),
)

SOURCES: Final[tuple[Source, ...]] = tuple(one.source() for one in (*_LEVELS, *_MOVES))
"""The series of the preset ``macro-long``; FRED names most of them the same."""


def _fraction(name: str) -> Formula:
    return lambda bars: bars.column(name) / 100.0


def _term_spread(bars: Inputs) -> FloatArray:
    return (bars.column("macro_treasury_10y") - bars.column("macro_treasury_2y")) / 100.0


def _with_flag(
    name: str, requires: tuple[str, ...], value: Formula, description: str, unit: str
) -> tuple[Feature, ...]:
    flag = f"macro_{name}_missing_flag"
    about = f"the inputs of macro_{name} are not known, or too old"
    return (
        masked(f"macro_{name}", requires, value, mask=flag, group="macro", unit=unit, description=description),
        missing_flag(flag, requires, value, group="macro", about=about),
    )


def _moved(move: _Move) -> Formula:
    name = f"macro_{move.name}"
    return column(name) if move.logarithm else _fraction(name)


FEATURES: Final[tuple[Feature, ...]] = (
    *(
        feature
        for level in _LEVELS
        for feature in _with_flag(
            level.name, (f"macro_{level.name}",), _fraction(f"macro_{level.name}"), level.description, "fraction"
        )
    ),
    *_with_flag(
        "term_spread",
        ("macro_treasury_10y", "macro_treasury_2y"),
        _term_spread,
        "newest known (10-year - 2-year Treasury yield) / 100",
        "fraction",
    ),
    *(
        feature
        for move in _MOVES
        for feature in _with_flag(
            move.name,
            (f"macro_{move.name}",),
            _moved(move),
            move.description if move.logarithm else f"({move.description}) / 100",
            "log" if move.logarithm else "fraction",
        )
    ),
)
"""Declarations in contract order."""
