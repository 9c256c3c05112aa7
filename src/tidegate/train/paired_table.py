"""The table of an experiment: every fit against its yardstick, paired by instant."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import numpy as np
import polars as pl

from tidegate.core.units import FloatArray
from tidegate.evaluate import holm_adjusted, paired_difference
from tidegate.train.feature_variants import FULL, Variant
from tidegate.train.instant_quality import MEASURES

__all__ = ["ALL", "Finding", "as_csv", "paired_table"]

ALL: Final = "all"
"""Judged on every row; ``known`` stands for those at which something was known of what is left out."""
_LEVEL: Final = 0.05


class Finding(StrEnum):
    """What a comparison says; of measures of which more is better."""

    HELPED = "helped"
    """Without the group the model is worse."""
    HARMED = "harmed"
    """Without the group the model is better."""
    BETTER = "better"
    """The model is better than the first."""
    WORSE = "worse"
    """The model is worse than the first."""
    OPEN = "open"
    """Chance alone may have done it."""


def paired_table(
    cells: pl.DataFrame, kinds: Sequence[str], variants: Sequence[Variant], *, block: int, seed: int
) -> list[dict[str, Any]]:
    """Compare models and variants, one row per model, variant, measure and choice of rows.

    A variant is held against ``full`` of the same model on the same rows; ``full`` of a model against ``full`` of the
    first one. Seeds are averaged at each instant before anything is compared; what each said stands beside.

    Parameters
    ----------
    cells
        ``time``, ``model``, ``variant``, ``seed``, ``at`` (``all``, or the group that is known) and the measures, one
        row per instant and fit.
    kinds
        Models, the first being the yardstick of the others.
    variants
        The first is ``full``.
    block
        Instants that stay together in the bootstrap: more than the bars of a label.
    seed
        Decides the draws.

    Returns
    -------
    rows
        ``model``, ``variant``, ``measure``, ``at`` (``all`` or ``known``), ``instants``, ``mean``, ``seeds``,
        ``deviation_over_seeds`` (None with one), ``against``, ``against_mean`` (on the same instants), ``difference``,
        ``interval`` (95 %), ``p_value``, ``p_value_holm``, which is corrected over all tests of one measure,
        ``differences_by_seed`` and ``finding``, a :class:`Finding` or None where nothing is compared. It is open unless
        the corrected p value is below 0.05 and every seed says the same.
    """
    series = _Series(cells)
    rows = []
    for measure in MEASURES:
        part = [
            row
            for kind in kinds
            for variant in variants
            for at in (ALL, *([variant.group] if variant.group is not None else []))
            if (row := _row(series, measure, (kind, variant.name, at), kinds[0], block, seed)) is not None
        ]
        for row, corrected in zip(part, holm_adjusted([row["p_value"] for row in part]), strict=True):
            rows.append({**row, "p_value_holm": corrected, "finding": _finding(row, corrected)})
    return rows


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table as CSV: the ends of an interval in two columns, figures of seeds joined by spaces.

    Examples
    --------
    >>> print(as_csv([{"model": "ridge", "interval": [-0.1, 0.2], "differences_by_seed": [0.1, 0.2]}]), end="")
    model,interval_low,interval_high,differences_by_seed
    ridge,-0.1,0.2,0.1 0.2
    """
    flat = []
    for row in rows:
        low, high = row["interval"] or (None, None)
        named = {"interval": {"interval_low": low, "interval_high": high}}
        named["differences_by_seed"] = {"differences_by_seed": " ".join(map(str, row["differences_by_seed"]))}
        flat.append({key: value for name in row for key, value in named.get(name, {name: row[name]}).items()})
    written = io.StringIO()
    table = csv.DictWriter(written, fieldnames=list(flat[0]) if flat else [], lineterminator="\n")
    table.writeheader()
    table.writerows(flat)
    return written.getvalue()


_Key = tuple[str, str, str]
"""Model, variant, and where it was judged."""


class _Series:
    """Measures by instant, of each seed and as their mean."""

    def __init__(self, cells: pl.DataFrame) -> None:
        self._of_seed = {
            (str(model), str(variant), str(at)): part
            for (model, variant, at), part in cells.group_by("model", "variant", "at", maintain_order=True)
        }

    def __contains__(self, key: _Key) -> bool:
        return key in self._of_seed

    def by_seed(self, key: _Key, measure: str) -> pl.DataFrame:
        """Return ``time`` and one column per seed, in the order of time; NaN is null."""
        part = self._of_seed[key].select("time", "seed", pl.col(measure).cast(pl.Float64).fill_nan(None))
        return part.pivot("seed", index="time", values=measure).sort("time")


def _row(series: _Series, measure: str, own: _Key, first: str, block: int, seed: int) -> dict[str, Any] | None:
    """Return the means of one series, and how it differs from its yardstick on the same instants; None without any."""
    kind, variant, at = own
    yardstick = (kind, FULL, at) if variant != FULL else (first, FULL, at)
    if own not in series:
        return None
    found = series.by_seed(own, measure)
    means = [mean for mean in found.drop("time").mean().row(0) if mean is not None]
    if not means:
        return None
    values = _mean_of_seeds(found)
    row: dict[str, Any] = {
        "model": kind,
        "variant": variant,
        "measure": measure,
        "at": at if at == ALL else "known",
        "instants": int(np.isfinite(values).sum()),
        "mean": float(np.nanmean(values)),
        "seeds": len(means),
        "deviation_over_seeds": float(np.std(means, ddof=1)) if len(means) > 1 else None,
        "against": None,
        "against_mean": None,
        "difference": None,
        "interval": None,
        "p_value": None,
        "differences_by_seed": [],
    }
    if own == yardstick or yardstick not in series:
        return row
    return row | _compared(found, series.by_seed(yardstick, measure), " ".join(yardstick[:2]), block, seed)


def _compared(own: pl.DataFrame, others: pl.DataFrame, against: str, block: int, seed: int) -> dict[str, Any]:
    """Return the difference of two series on the instants that both have; nothing without any."""
    theirs = own.select("time").join(others, on="time", how="left", maintain_order="left")
    first, second = _mean_of_seeds(own), _mean_of_seeds(theirs)
    both = np.isfinite(first + second)
    if not both.any():
        return {}
    found = paired_difference(first, second, block=block, seed=seed)
    shared = [name for name in own.columns if name != "time" and name in theirs.columns]
    by_seed = [(own[name] - theirs[name]).mean() for name in shared]
    return {
        "against": against,
        "against_mean": float(second[both].mean()),
        "difference": found.mean,
        "interval": None if found.low is None or found.high is None else [found.low, found.high],
        "p_value": found.p_value,
        "differences_by_seed": [one for one in by_seed if one is not None],
    }


def _mean_of_seeds(found: pl.DataFrame) -> FloatArray:
    """Return the mean over the seeds at each instant; NaN where none has a figure."""
    values: FloatArray = found.select(pl.mean_horizontal(pl.exclude("time"))).to_series().cast(pl.Float64).to_numpy()
    return values


def _finding(row: Mapping[str, Any], corrected: float | None) -> Finding | None:
    """Return what a comparison says, as :func:`paired_table` promises."""
    difference, variant = row["difference"], row["variant"]
    if difference is None:
        return None
    agree = all(one * difference > 0.0 for one in row["differences_by_seed"])
    if corrected is None or corrected >= _LEVEL or not agree:
        return Finding.OPEN
    if variant == FULL:
        return Finding.BETTER if difference > 0.0 else Finding.WORSE
    return Finding.HARMED if difference > 0.0 else Finding.HELPED
