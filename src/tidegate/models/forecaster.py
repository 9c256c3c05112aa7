"""What every forecaster can do, and the door through which forecasters are made and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol, Self

from tidegate.core.errors import InputError
from tidegate.core.recipe import ModelSettings
from tidegate.core.units import FloatArray, Int64Array
from tidegate.models.gradient_boosting import GradientBoosting, load_lightgbm
from tidegate.models.ridge import Ridge
from tidegate.models.stored import read_manifest
from tidegate.models.training_rows import Rows, TrainingRows
from tidegate.models.xgboost_trees import XgboostTrees, load_xgboost

__all__ = ["Forecaster", "load_forecaster", "make_forecaster", "require_boosting"]


class Forecaster(Protocol):
    """Learns from rows of features what follows, and forecasts it for further rows.

    The same seed and data give the same forecasts to the bit, whatever the number of threads, and whether rows come as
    an array or from a source; a row's forecast does not depend on the rows beside it.
    :func:`tidegate.testing.check_forecaster` checks an implementation against this.
    """

    @property
    def rounds(self) -> int | None:
        """Number of trees that are kept; None where there are none."""
        ...

    def fit(
        self,
        features: Rows,
        target: FloatArray,
        *,
        weight: FloatArray | None = None,
        instants: Int64Array | None = None,
        validation: TrainingRows | None = None,
    ) -> Self:
        """Learn from ``float32 (n_rows, n_features)``, NaN if missing, and finite ``float64 (n_rows,)``.

        ``weight`` says how much each row counts, ``instants`` which rows stand side by side in time; ``validation`` are
        rows that nothing is fitted to, by which boosting stops.
        """
        ...

    def predict(self, features: Rows) -> FloatArray:
        """Return ``float64 (n_rows,)``: in the unit of the target, the probability of a 1, or a score to rank by."""
        ...

    def contributions(self, features: Rows) -> FloatArray:
        """Return by how much each feature moves a forecast, ``float64 (n_rows, n_features + 1)``.

        The last column is the value without any of them. A row sums to the forecast, to the log-odds for a probability.
        """
        ...

    def importance(self) -> FloatArray:
        """Return how much each feature matters, ``float64 (n_features,)``, at least 0, summing to 1."""
        ...

    def save(self, folder: Path) -> None:
        """Write native files that load without executing code."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote; a damaged file raises :class:`~tidegate.core.errors.InputError`."""
        ...


_KINDS: Final[dict[str, type[Forecaster]]] = {
    Ridge.kind: Ridge,
    GradientBoosting.kind: GradientBoosting,
    XgboostTrees.kind: XgboostTrees,
}


def make_forecaster(
    kind: str, settings: ModelSettings, *, seed: int, threads: int = 1, binary: bool = False, buckets: int = 5
) -> Forecaster:
    """Return an untrained forecaster of a recipe.

    Parameters
    ----------
    kind
        ``ridge``, ``lightgbm`` or ``xgboost``.
    settings
        The recipe's models; the section named ``kind`` is used.
    seed
        Decides every random choice.
    threads
        Processors to use; the result does not depend on it.
    binary
        Whether the target is 0 or 1; decides what ``objective: auto`` means.
    buckets
        Into how many parts ``lambdarank`` divides the symbols of an instant.

    Raises
    ------
    InputError
        If the recipe has no model of that name.

    Examples
    --------
    >>> from tidegate.core.recipe import RidgeSettings
    >>> type(make_forecaster("ridge", ModelSettings(ridge=RidgeSettings()), seed=7)).__name__
    'Ridge'
    """
    if kind == Ridge.kind and settings.ridge is not None:
        return Ridge(settings.ridge)
    if kind == GradientBoosting.kind and settings.lightgbm is not None:
        return GradientBoosting(settings.lightgbm, seed=seed, threads=threads, binary=binary, buckets=buckets)
    if kind == XgboostTrees.kind and settings.xgboost is not None:
        return XgboostTrees(settings.xgboost, seed=seed, threads=threads, binary=binary, buckets=buckets)
    raise InputError(
        found=f"no settings for a model {kind!r}",
        expected=f"one of {', '.join(settings.members)}",
        hint="add it to the recipe's models",
    )


def load_forecaster(folder: Path) -> Forecaster:
    """Read a trained forecaster of any kind.

    Raises
    ------
    InputError
        If there is none, its kind is unknown, or its files are damaged.
    """
    kind = read_manifest(folder)["kind"]
    if kind not in _KINDS:
        raise InputError(
            found=f"{folder}: a model of kind {kind!r}",
            expected=f"one of {', '.join(_KINDS)}",
            hint="upgrade tidegate",
        )
    return _KINDS[kind].load(folder)


def require_boosting(kind: str = GradientBoosting.kind) -> None:
    """Check that a library of boosted trees, ``lightgbm`` or ``xgboost``, loads on this machine.

    Raises
    ------
    InputError
        If the OpenMP runtime of the system is not there.
    """
    if kind == XgboostTrees.kind:
        load_xgboost()
    else:
        load_lightgbm()
