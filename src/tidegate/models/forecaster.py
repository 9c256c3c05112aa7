"""What every forecaster can do, and the door through which forecasters are made and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, Self

from tidegate.core.errors import InputError
from tidegate.core.recipe import ModelSettings
from tidegate.core.units import Float32Array, FloatArray
from tidegate.models.gradient_boosting import GradientBoosting
from tidegate.models.ridge import Ridge
from tidegate.models.stored import read_manifest

__all__ = ["Forecaster", "load_forecaster", "make_forecaster"]


class Forecaster(Protocol):
    """Learns from rows of features what follows, and forecasts it for further rows.

    The same seed and data give the same forecasts to the bit, whatever the number of threads; a row's
    forecast does not depend on the rows beside it. :func:`tidegate.testing.check_forecaster` checks an
    implementation against this.
    """

    def fit(self, features: Float32Array, target: FloatArray) -> Self:
        """Learn from ``float32 (n_rows, n_features)``, NaN if missing, and finite ``float64 (n_rows,)``."""
        ...

    def predict(self, features: Float32Array) -> FloatArray:
        """Return ``float64 (n_rows,)``, in the unit of the target."""
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


_KINDS: dict[str, type[Forecaster]] = {Ridge.kind: Ridge, GradientBoosting.kind: GradientBoosting}


def make_forecaster(kind: str, settings: ModelSettings, *, seed: int, threads: int = 1) -> Forecaster:
    """Return an untrained forecaster of a recipe.

    Parameters
    ----------
    kind
        ``ridge`` or ``lightgbm``.
    settings
        The recipe's models; the section named ``kind`` is used.
    seed
        Decides every random choice.
    threads
        Processors to use; the result does not depend on it.

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
        return GradientBoosting(settings.lightgbm, seed=seed, threads=threads)
    raise InputError(
        found=f"no settings for a model {kind!r}",
        expected=f"one of {', '.join(settings.kinds)}",
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
