"""A weighted mean of several forecasts, its weights fitted on rows that none of the forecasters has learned from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.recipe import EnsembleSettings
from tidegate.core.units import FloatArray, Int64Array
from tidegate.models.instants import group_sizes, percent_places
from tidegate.models.stored import no_model, read_model_text, write_model
from tidegate.models.training_rows import check_instants

__all__ = ["Ensemble", "fit_ensemble"]

_FILE: Final = "ensemble.json"
# Shares that differ by less leave the fit as good as it is; the largest set of members then shares evenly.
_AS_GOOD: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Fixed shares of several forecasts.

    Parameters
    ----------
    weights
        Share of each member by its kind, at least 0, summing to 1.
    scale
        ``rank``: the mean is one of places among the rows of an instant, 0 for the least forecast and 1 for the
        largest; ``value``: of the forecasts themselves.

    Examples
    --------
    >>> ensemble = Ensemble(weights={"ridge": 0.25, "lightgbm": 0.75}, scale="value")
    >>> scores = {"ridge": np.array([1.0, 2.0]), "lightgbm": np.array([3.0, 0.0])}
    >>> ensemble.combine(scores, np.array([10, 10])).tolist()
    [2.5, 0.5]
    """

    kind: ClassVar[str] = "ensemble"

    weights: Mapping[str, float]
    scale: Literal["rank", "value"]

    def combine(self, scores: Mapping[str, FloatArray], instants: Int64Array) -> FloatArray:
        """Return the weighted mean of the members' forecasts, ``float64 (n_rows,)``.

        Parameters
        ----------
        scores
            ``float64 (n_rows,)`` of every member, on the same rows.
        instants
            ``int64 (n_rows,)``, decision instants, never falling from one row to the next.

        Raises
        ------
        InputError
            If a member is missing, one forecasts other rows, or a forecast is no number.
        """
        columns = _columns({kind: scores[kind] for kind in self.weights if kind in scores}, instants, self.scale)
        if columns.shape[1] != len(self.weights):
            raise InputError(
                found=f"forecasts of {', '.join(sorted(scores)) or 'nobody'}",
                expected=f"those of {', '.join(self.weights)}",
                hint="forecast the rows with every member",
            )
        mean = np.zeros(len(columns))
        for place, weight in enumerate(self.weights.values()):
            mean += weight * columns[:, place]
        # Round-off carries no mean beyond its members: a probability stays one.
        return np.clip(mean, columns.min(axis=1), columns.max(axis=1))

    def save(self, folder: Path) -> None:
        """Write JSON; every float is written so that it reads back exactly."""
        content = {"scale": self.scale, "weights": dict(self.weights)}
        write_model(folder, self.kind, _FILE, json.dumps(content, indent=2, allow_nan=False) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a stored ensemble.

        Raises
        ------
        InputError
            If it is missing, damaged or of another kind.
        """
        text = read_model_text(folder, cls.kind)
        try:
            content: dict[str, Any] = json.loads(text)
            weights = {str(kind): float(weight) for kind, weight in content["weights"].items()}
            return cls(weights=weights, scale=EnsembleSettings(scale=content["scale"]).scale)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise no_model(folder / _FILE, cls.kind, error) from None


def fit_ensemble(
    settings: EnsembleSettings, scores: Mapping[str, FloatArray], target: FloatArray, instants: Int64Array
) -> Ensemble:
    """Fit the shares of several forecasts to what followed.

    With a column *X* for each member the weights minimise

    ``sum((y - X w)^2)`` where ``w >= 0`` and ``sum(w) = 1``.

    On the scale ``rank``, *X* and *y* are places among the rows of an instant, ``(rank - 1) / (rows - 1)``; on
    ``value`` they are the forecasts and the target, which have to be in one unit. Of two members *a* and *b* the second
    takes ``clip(mean((y - a) (b - a)) / mean((b - a)^2), 0, 1)``. The minimum is exact: it is solved for every set of
    members, and the best without a negative weight is kept. Members that forecast alike share alike.

    The validation rows that weigh the members also told boosted members when to stop, so these look a little better on
    them than on rows that nothing saw, and a member without early stopping gets a little less than its due.

    Parameters
    ----------
    settings
        The scale.
    scores
        ``float64 (n_rows,)`` of every member, forecasts of validation rows.
    target
        ``float64 (n_rows,)``, what followed them.
    instants
        ``int64 (n_rows,)``, decision instants, never falling from one row to the next.

    Raises
    ------
    InputError
        If there are fewer than two members, rows do not fit, a number is missing, or ranks are asked for where every
        row stands alone at its instant.

    Examples
    --------
    >>> instants, target = np.repeat([10, 20], 3), np.array([1.0, 2.0, 3.0, 3.0, 2.0, 1.0])
    >>> scores = {"ridge": -target, "lightgbm": target**3}
    >>> dict(fit_ensemble(EnsembleSettings(), scores, target, instants).weights)
    {'ridge': 0.0, 'lightgbm': 1.0}
    """
    if len(scores) < 2:
        raise InputError(
            found=f"forecasts of {', '.join(scores) or 'nobody'}", expected="two at least", hint="train another model"
        )
    columns = _columns(scores, instants, settings.scale)
    wanted = _columns({"target": target}, instants, settings.scale)[:, 0]
    if settings.scale == "rank" and group_sizes(instants).max(initial=0) < 2:
        raise InputError(
            found="instants with one symbol each",
            expected="several, to rank them",
            hint="take scale: value, or more symbols",
        )
    shares = _shares(columns, wanted)
    return Ensemble(weights=dict(zip(scores, shares.tolist(), strict=True)), scale=settings.scale)


def _columns(scores: Mapping[str, FloatArray], instants: Int64Array, scale: str) -> FloatArray:
    """Return every member's forecasts on the scale, ``float64 (n_rows, n_members)``."""
    check_instants(instants, len(instants))
    for kind, values in scores.items():
        if values.shape != instants.shape or not np.isfinite(values).all():
            raise InputError(
                found=f"{kind}: {values.shape[0]} rows, {int((~np.isfinite(values)).sum())} of them no number",
                expected=f"a finite number for each of {len(instants)} rows",
                hint="hand over the same rows of every member",
            )
    parts = [percent_places(values, instants) if scale == "rank" else values for values in scores.values()]
    return np.column_stack(parts) if parts else np.empty((len(instants), 0))


def _shares(columns: FloatArray, wanted: FloatArray) -> FloatArray:
    """Return the weights of least squares among those that are at least 0 and sum to 1."""
    misses = columns - wanted[:, np.newaxis]
    # Weights that sum to 1 turn the squared error into w'Aw, with A the mean products of the members' errors.
    products = np.array([[float((one * other).mean()) for other in misses.T] for one in misses.T])
    size = len(products)
    unit = max(float(np.trace(products)) / size, np.finfo(np.float64).tiny)
    best, least = np.full(size, 1.0 / size), np.inf
    for count in range(size, 0, -1):
        for members in combinations(range(size), count):
            shares = _unbounded(products[np.ix_(members, members)] / unit)
            if shares.min() < 0.0:
                continue
            weights = np.zeros(size)
            weights[list(members)] = shares
            error = float(weights @ products @ weights) / unit
            if error < least - _AS_GOOD:
                best, least = weights, error
    return best


def _unbounded(products: FloatArray) -> FloatArray:
    """Return the weights of sum 1, of any sign, that make ``w'Aw`` least; of several the evenest."""
    count = len(products)
    even = np.full(count, 1.0 / count)
    # Around even shares: directions that sum to 0, and of equally good ones the shortest.
    directions = np.eye(count) - 1.0 / count
    curved = directions @ products @ directions
    step = np.linalg.pinv(curved, rcond=_AS_GOOD, hermitian=True) @ (directions @ products @ even)
    weights: FloatArray = even - directions @ step
    # Round-off around 0 is no short position.
    weights[np.abs(weights) < _AS_GOOD] = 0.0
    weights /= weights.sum()
    return weights
