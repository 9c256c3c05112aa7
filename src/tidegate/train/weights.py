"""How much each training sample counts: by its size, by how little it repeats the others, and by its age."""

from __future__ import annotations

from typing import Final

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.recipe import Recipe, WeightSettings
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array
from tidegate.data.metrics import metric_spec
from tidegate.features.sources import Newest
from tidegate.features.windows import rolling_sum
from tidegate.labels import average_uniqueness
from tidegate.train.dataset import Dataset

__all__ = ["MARKET_VALUE", "sample_weights"]

MARKET_VALUE: Final = "market_value"
"""Column of the bars: market value of all shares in currency, row *t* as it was known at ``times[t]``."""
_METRIC: Final = "total_mv"


def sample_weights(
    data: Dataset, history: History, recipe: Recipe, rows: Int64Array, symbols: Int64Array
) -> FloatArray | None:
    """Return the weight of each training sample of a fold, with a mean of 1; None where all count alike.

    The product of what ``weights`` of the recipe asks for, each a property of the training samples alone: no figure
    enters that was not known at its sample, and no mean is taken over validation or test.

    *Size*, with ``t(x) = 1 + ln(1 + max(x, 0))`` of the market value *m* and of the traded value *d*, the mean of raw
    close times volume over the last ``dollar_volume_window`` bars that there are::

        market_cap      t(m)
        dollar_volume   t(d)
        mix             alpha t(m) + (1 - alpha) t(d)
        product         t(m) t(d)

    A sample whose market or traded value is unknown has the mean ``t`` of the others. *Uniqueness* is
    :func:`~tidegate.labels.average_uniqueness` of the target's labels among these samples. *Decay* is
    ``0.5 ** (days / half_life_days)``, days counted back from the newest of these samples.

    Parameters
    ----------
    data
        From :func:`~tidegate.train.assemble`.
    history
        What the data were assembled from; later rows play no part.
    recipe
        ``weights`` and ``labels.target``.
    rows, symbols
        ``int64 (n,)``: the training samples of one fold, from :meth:`~tidegate.train.Dataset.samples`.

    Returns
    -------
    weight
        ``float64 (n,)``, above 0.

    Raises
    ------
    DataError
        If market value or volume is not delivered. Today's market value never stands in for that of the past.
    """
    settings = recipe.weights
    if settings.is_even or not rows.size:
        return None
    weight = np.ones(len(rows))
    if settings.scheme != "none":
        weight *= _sizes(history, settings, rows, symbols)
    if settings.uniqueness:
        used = np.zeros(data.target.shape, dtype=np.bool_)
        used[rows, symbols] = True
        labels = data.labels.part_of_target(recipe.labels.target)
        weight *= average_uniqueness(labels, used)[rows, symbols]
    if settings.half_life_days is not None:
        days = (data.times[rows].max() - data.times[rows]) / DAY
        weight *= 0.5 ** (days / settings.half_life_days)
    weight /= weight.mean()
    return weight


def _sizes(history: History, settings: WeightSettings, rows: Int64Array, symbols: Int64Array) -> FloatArray:
    # What came after the newest sample is not even looked at.
    known = history.until(int(history.bars.times[rows.max()]))
    value = traded = np.ones(len(rows))
    if settings.scheme != "dollar_volume":
        value = _logarithmic(_market_value(known)[rows, symbols], "market value")
    if settings.scheme != "market_cap":
        traded = _logarithmic(_dollar_volume(known.bars, settings.dollar_volume_window)[rows, symbols], "traded value")
    if settings.scheme == "mix":
        return settings.alpha * value + (1.0 - settings.alpha) * traded
    return value * traded


def _logarithmic(size: FloatArray, what: str) -> FloatArray:
    """Return ``1 + ln(1 + x)``; where the size is unknown, the mean of the others."""
    known = np.isfinite(size)
    if not known.any():
        raise DataError(
            found=f"no {what} at any training sample",
            expected="it, to weigh samples by",
            hint="choose another weights.scheme, or bring older rows of it",
        )
    logarithm: FloatArray = 1.0 + np.log1p(np.maximum(size, 0.0, where=known, out=np.zeros(size.shape)))
    logarithm[~known] = logarithm[known].mean()
    return logarithm


def _dollar_volume(bars: Panel, window: int) -> FloatArray:
    """Return the mean traded value of the bars among the last ``window`` rows; NaN where there is none."""
    if "traded_value" in bars:
        traded = bars["traded_value"]
    elif "volume" in bars and "raw_close" in bars:
        traded = bars["volume"] * bars["raw_close"]
    else:
        raise DataError(
            found="bars without volume",
            expected="volume and unadjusted closes, to weigh samples by traded value",
            hint="choose another weights.scheme",
        )
    there = np.isfinite(traded)
    # Empty rows in front: the first windows then hold what there is.
    front = np.zeros((window - 1, traded.shape[1]))
    total = rolling_sum(np.concatenate([front, np.where(there, traded, 0.0)]), window)[window - 1 :]
    count = rolling_sum(np.concatenate([front, there.astype(np.float64)]), window)[window - 1 :]
    mean: FloatArray = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0.0)
    return mean


def _market_value(known: History) -> FloatArray:
    """Return the market value known at each row, from a column of the bars or from rows of metrics."""
    if MARKET_VALUE in known.bars:
        return known.bars[MARKET_VALUE]
    for name, table in known.tables.items():
        if {"metric", "value"} <= set(table.columns) and (table["metric"] == _METRIC).any():
            newest = Newest(
                name=MARKET_VALUE,
                table=name,
                columns=((MARKET_VALUE, "value"),),
                where=(("metric", _METRIC),),
                maximum_age=metric_spec(_METRIC).maximum_age,
            )
            return newest.open(known.tables, known.bars.symbols)(known.bars.times)[MARKET_VALUE]
    raise DataError(
        found="no market value as it was known at each bar",
        expected=f"a column {MARKET_VALUE} of the bars, or rows of the metric {_METRIC} beside them",
        hint="choose weights.scheme: dollar_volume; today's market value says which shares have risen since",
    )
