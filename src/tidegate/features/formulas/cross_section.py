"""Ranked features: where a symbol stands among the members of the universe at the same instant."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from tidegate.core.ranks import average_ranks
from tidegate.core.units import FloatArray
from tidegate.features.contract import Feature, FeatureGroup

__all__ = ["centred_ranks", "ranked", "ranks_of"]


def centred_ranks(values: FloatArray) -> FloatArray:
    """Rank each row and map the ranks evenly to ``(-0.5, 0.5)``; ties share their mean.

    Parameters
    ----------
    values
        ``float64 (n_times, n_symbols)``.

    Returns
    -------
    ranks
        ``(rank - 0.5) / count - 0.5`` with *count* the numbers in the row; NaN where the value is missing or
        alone.

    Examples
    --------
    >>> centred_ranks(np.array([[5.0, 7.0, np.nan, 9.0, 11.0]])).tolist()
    [[-0.375, -0.125, nan, 0.125, 0.375]]
    """
    count = np.sum(~np.isnan(values), axis=1, keepdims=True).astype(np.float64)
    count[count < 2] = np.nan
    ranks: FloatArray = (average_ranks(values) - 0.5) / count - 0.5
    return ranks


def ranked(base: Feature) -> Feature:
    """Return the feature that says where a symbol stands by another feature, among the members at that instant."""
    return Feature(
        name=f"{base.name}_rank",
        group=FeatureGroup.CROSS_SECTION.value,
        requires=base.requires,
        lookback_bars=base.lookback_bars,
        description=f"(average rank - 0.5) / count - 0.5 among the members at t, of: {base.description}",
        unit="rank",
        formula=base.formula,
        across=lambda values, _: centred_ranks(values),
    )


def ranks_of(features: Iterable[Feature], names: Collection[str]) -> tuple[Feature, ...]:
    """Return the ranks by some of the features, in their order.

    Examples
    --------
    >>> from tidegate.features.formulas import daily
    >>> [rank.name for rank in ranks_of(daily.FEATURES, ("log_return_5",))]
    ['log_return_5_rank']
    """
    return tuple(ranked(feature) for feature in features if feature.name in names)
