"""How a share moves against the shares of its industry, as the industry was known at each instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray
from tidegate.data.lives import Change
from tidegate.data.tables import SYMBOL_LIVES
from tidegate.features.contract import Feature, FeatureGroup
from tidegate.features.formulas import daily
from tidegate.features.inputs import Row, ratio
from tidegate.features.sources import Newest, Observe

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FEATURES", "SOURCES", "IndustryOfSymbols", "industry_means"]

_COLUMN: Final = "industry"
_FEWEST: Final = 2


@dataclass(frozen=True, kw_only=True)
class IndustryOfSymbols:
    """Delivers ``industry``: a number that shares of one industry have in common, and that means nothing else.

    The numbers change with the names that the table holds. They serve to find who belongs together, and never become a
    feature themselves: that would say which share it is (equity H 18).

    Parameters
    ----------
    maximum_age
        Microseconds since the event, which is the listing or the day from which a classification counts the share. A
        company belongs to an industry for decades, and sources tell of changes only, so this is the age of the oldest
        exchanges' whole history: what is bounded here is not the freshness of a feed.
    """

    maximum_age: int = 60 * 365 * DAY

    @property
    def name(self) -> str:
        """Name of the source."""
        return _COLUMN

    @property
    def table(self) -> str:
        """The table of the history that it reads."""
        return SYMBOL_LIVES.name

    @property
    def produces(self) -> tuple[str, ...]:
        """Columns that it delivers."""
        return (_COLUMN,)

    def as_document(self) -> dict[str, Any]:
        """Return the declaration as plain values."""
        return {
            "name": self.name,
            "table": self.table,
            "columns": {_COLUMN: "detail"},
            "where": {"change": Change.INDUSTRY.value},
            "maximum_age": self.maximum_age,
        }

    def open(self, tables: Mapping[str, pl.DataFrame], symbols: Sequence[str]) -> Observe:
        """Prepare the rows for some symbols.

        Raises
        ------
        DataError
            If the history has no such table.
        """
        if self.table not in tables:
            raise DataError(
                found=f"no rows of {self.table!r}",
                expected="the industry of each symbol",
                hint="ingest lives, or exclude the features of industries",
            )
        import polars as pl

        lives = tables[self.table]
        coded = lives.filter(pl.col("change") == Change.INDUSTRY.value).with_columns(
            pl.col("detail").rank("dense").cast(pl.Float64).alias("code")
        )
        newest = Newest(name=_COLUMN, table=self.table, columns=((_COLUMN, "code"),), maximum_age=self.maximum_age)
        observe = newest.open({self.table: coded}, symbols)
        return lambda times: {_COLUMN: observe(times)[_COLUMN]}


def industry_means(values: FloatArray, industry: FloatArray) -> FloatArray:
    """Return, at each place, the mean of the row's values of the same industry.

    Values are added in the order of the symbols, so that a row is the same to the bit alone and within a history.

    Parameters
    ----------
    values
        ``float64 (n_times, n_symbols)``.
    industry
        ``float64 (n_times, n_symbols)``: the same number for symbols of the same industry; NaN where it is unknown.

    Returns
    -------
    means
        ``float64 (n_times, n_symbols)``; NaN where the industry is unknown, or fewer than two of it have a value.

    Examples
    --------
    >>> industry_means(np.array([[1.0, 3.0, np.nan, 5.0]]), np.array([[7.0, 7.0, 7.0, 2.0]])).tolist()
    [[2.0, 2.0, 2.0, nan]]
    """
    belongs = ~np.isnan(industry)
    names, code = np.unique(industry[belongs], return_inverse=True)
    group = np.full(values.shape, -1, dtype=np.int64)
    group[belongs] = code
    group += np.arange(len(values), dtype=np.int64)[:, np.newaxis] * len(names)
    counts = belongs & ~np.isnan(values)
    cells = max(len(values) * len(names), 1)
    total = np.bincount(group[counts], weights=values[counts], minlength=cells).astype(np.float64)
    count = np.bincount(group[counts], minlength=cells).astype(np.float64)
    count[count < _FEWEST] = np.nan
    means = np.full(values.shape, np.nan)
    means[belongs] = ratio(total, count)[group[belongs]]
    return means


def _mean(values: FloatArray, row: Row) -> FloatArray:
    return industry_means(values, row.column(_COLUMN))


def _beyond(values: FloatArray, row: Row) -> FloatArray:
    return values - _mean(values, row)


def _declared(span: int) -> tuple[Feature, Feature]:
    base = next(feature for feature in daily.FEATURES if feature.name == f"log_return_{span}")
    mean, beyond = (
        Feature(
            name=f"{name}_{span}",
            group=FeatureGroup.CROSS_SECTION.value,
            requires=(*base.requires, _COLUMN),
            lookback_bars=base.lookback_bars,
            description=f"{description}; missing where fewer than two have one. {base.description}",
            unit=base.unit,
            formula=base.formula,
            across=across,
        )
        for name, description, across in (
            ("industry_return", "mean return of the members of the same industry at t, itself included", _mean),
            ("return_over_industry", "return less the mean of the members of the same industry at t", _beyond),
        )
    )
    return mean, beyond


FEATURES: Final[tuple[Feature, ...]] = tuple(feature for span in (1, 5, 20) for feature in _declared(span))
"""Declarations in contract order."""

SOURCES: Final = (IndustryOfSymbols(),)
"""Where the industry comes from."""
