"""The table of an experiment: every fit against its yardstick, paired by instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.evaluate import holm_adjusted, paired_difference
from tidegate.train.instant_quality import MEASURES

__all__ = ["paired_table"]

_FULL: Final = "full"


def paired_table(
    cells: pl.DataFrame,
    kinds: Sequence[str],
    known: Mapping[str, Mask],
    *,
    times: Int64Array,
    block: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Compare models and variants, one row per model, variant, measure and choice of instants.

    A variant is held against ``full`` of the same model; ``full`` of a model against ``full`` of the first one. Seeds
    are averaged at each instant before anything is compared; their spread stands beside.

    Parameters
    ----------
    cells
        ``time``, ``model``, ``variant``, ``seed`` and the measures, one row per instant and fit.
    kinds
        Models, the first being the yardstick of the others.
    known
        Variant to ``bool (n_times,)``: at which instants something was known of what it leaves out.
    times
        ``int64 (n_times,)`` of ``known``.
    block
        Instants that stay together in the bootstrap: at least the bars of a label.
    seed
        Decides the draws.

    Returns
    -------
    rows
        ``model``, ``variant``, ``measure``, ``at`` (``all`` or ``known``), ``instants``, ``mean``,
        ``deviation_over_seeds`` (None with one), ``against``, ``difference``, ``interval``, ``p_value`` and
        ``p_value_holm``, which is corrected over all tests of one measure.
    """
    means = cells.group_by("model", "variant", "time").agg(pl.col(*MEASURES).mean()).sort("time")
    variants = list(dict.fromkeys(cells["variant"].to_list()))
    rows = []
    for measure in MEASURES:
        series = _series(means, measure)
        part = []
        for kind in kinds:
            for variant in (one for one in variants if (kind, one) in series):
                against = (kind, _FULL) if variant != _FULL else (kinds[0], _FULL)
                for at in ("all", *(["known"] if variant in known else [])):
                    chosen = times[known[variant]] if at == "known" else None
                    row = _row(series, (kind, variant), against, chosen, block, seed)
                    if row is not None:
                        spread = _spread(cells, kind, variant, measure)
                        part.append({"model": kind, "variant": variant, "measure": measure, "at": at, **row, **spread})
        for row, corrected in zip(part, holm_adjusted([row["p_value"] for row in part]), strict=True):
            rows.append({**row, "p_value_holm": corrected})
    return rows


_Series = dict[tuple[str, str], tuple[Int64Array, FloatArray]]


def _series(means: pl.DataFrame, measure: str) -> _Series:
    """Return instants and values of each model and variant that has the measure."""
    found = {}
    for (model, variant), part in means.group_by("model", "variant", maintain_order=True):
        values = part[measure].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        if np.isfinite(values).any():
            found[str(model), str(variant)] = (part["time"].dt.epoch("us").to_numpy(), values)
    return found


def _row(
    series: _Series,
    own: tuple[str, str],
    against: tuple[str, str],
    chosen: Int64Array | None,
    block: int,
    seed: int,
) -> dict[str, Any] | None:
    """Return the mean of one series, and how it differs from its yardstick on the same instants; None without any."""
    instants, values = series[own]
    inside = np.ones(len(instants), dtype=np.bool_) if chosen is None else np.isin(instants, chosen)
    inside &= np.isfinite(values)
    if not inside.any():
        return None
    row: dict[str, Any] = {
        "instants": int(inside.sum()),
        "mean": float(values[inside].mean()),
        "against": None,
        "difference": None,
        "interval": None,
        "p_value": None,
    }
    if own == against or against not in series:
        return row
    others = _at(series[against], instants[inside])
    if not np.isfinite(others).any():
        return row
    found = paired_difference(values[inside], others, block=block, seed=seed)
    interval = None if found.low is None else (found.low, found.high)
    return row | {
        "against": " ".join(against),
        "difference": found.mean,
        "interval": interval,
        "p_value": found.p_value,
    }


def _at(series: tuple[Int64Array, FloatArray], instants: Int64Array) -> FloatArray:
    """Return a series at given instants; NaN where it has none."""
    own, values = series
    place = np.minimum(np.searchsorted(own, instants), len(own) - 1)
    found: FloatArray = np.where(own[place] == instants, values[place], np.nan)
    return found


def _spread(cells: pl.DataFrame, kind: str, variant: str, measure: str) -> dict[str, Any]:
    """Return how far the seeds lie apart: the sample deviation of their means."""
    own = cells.filter((pl.col("model") == kind) & (pl.col("variant") == variant))
    means = own.group_by("seed").agg(pl.col(measure).mean())[measure].drop_nulls()
    return {"seeds": len(means), "deviation_over_seeds": float(means.std()) if len(means) > 1 else None}  # type: ignore[arg-type]
