"""Where the parameters of a model are searched, and how found ones go back into the settings of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args, get_origin

from pydantic import ValidationError

from tidegate.core.config import Settings
from tidegate.core.errors import InputError
from tidegate.core.recipe import LightgbmSettings, ModelSettings, RidgeSettings, TuneSettings, XgboostSettings

__all__ = ["Dimension", "own_parameters", "search_space", "searchable_names", "with_parameters"]


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One parameter and where it is searched.

    Parameters
    ----------
    name
        Field of the model's settings.
    low, high
        Both ends inclusive.
    log
        Whether its logarithm is searched.
    integer
        Whether only whole numbers are tried.
    """

    name: str
    low: float
    high: float
    log: bool = False
    integer: bool = False

    def nearest(self, value: float) -> float:
        """Return the point of the range that is closest to a value."""
        nearest = min(max(value, self.low), self.high)
        return round(nearest) if self.integer else nearest

    def as_document(self) -> dict[str, Any]:
        """Return plain values."""
        return {"low": self.low, "high": self.high, "log": self.log, "integer": self.integer}


def _dimension(name: str, low: float, high: float, *, log: bool = False, integer: bool = False) -> Dimension:
    return Dimension(name=name, low=low, high=high, log=log, integer=integer)


_SPACES: Final[Mapping[str, tuple[Dimension, ...]]] = {
    # One decade on either side of what standardised features need at a thousand to a million rows.
    "ridge": (_dimension("penalty", 1.0, 1e6, log=True),),
    # The ranges that LightGBM's own guide to tuning names: few leaves with many rows in each keep noisy targets from
    # being learnt by heart.
    "lightgbm": (
        _dimension("learning_rate", 0.005, 0.1, log=True),
        _dimension("leaves", 7, 127, log=True, integer=True),
        _dimension("minimum_leaf_rows", 20, 1000, log=True, integer=True),
        _dimension("row_fraction", 0.5, 1.0),
        _dimension("feature_fraction", 0.4, 1.0),
        _dimension("l1_penalty", 1e-3, 10.0, log=True),
        _dimension("l2_penalty", 1e-3, 10.0, log=True),
        _dimension("trees", 300, 1500, integer=True),
    ),
    # The ranges of the published picker.
    "xgboost": (
        _dimension("learning_rate", 0.003, 0.05, log=True),
        _dimension("maximum_depth", 3, 8, integer=True),
        _dimension("minimum_child_weight", 1, 20, integer=True),
        _dimension("row_fraction", 0.6, 1.0),
        _dimension("feature_fraction", 0.6, 1.0),
        _dimension("l2_penalty", 0.1, 10.0, log=True),
        _dimension("l1_penalty", 0.01, 5.0, log=True),
        _dimension("minimum_gain", 0.0, 5.0),
        _dimension("trees", 300, 1500, integer=True),
    ),
}
_SETTINGS: Final[Mapping[str, type[Settings]]] = {
    "ridge": RidgeSettings,
    "lightgbm": LightgbmSettings,
    "xgboost": XgboostSettings,
}
# Rows are binned once for all trials, so the number of bins is no parameter of a trial.
_NEVER: Final = frozenset({"maximum_bins"})
_OF_THE_LOSS: Final = frozenset({"minimum_gain", "l1_penalty"})


def searchable_names(model: str) -> tuple[str, ...]:
    """Return what may be searched: the numbers among the settings of a model, and nothing else of a recipe (D-06).

    Examples
    --------
    >>> searchable_names("ridge")
    ('penalty',)
    """
    fields = _SETTINGS[model].model_fields
    return tuple(name for name in fields if name not in _NEVER and _number(model, name) is not None)


def search_space(
    settings: TuneSettings, models: ModelSettings | None = None, *, binary: bool = True
) -> tuple[Dimension, ...]:
    """Return the dimensions of a search: the model's own, with the ranges of ``tune.space`` in their place or beside.

    ===================== =========================================================================================
    model                 ranges
    ===================== =========================================================================================
    ``ridge``             ``penalty`` 1 to 1e6 (log)
    ``lightgbm``          ``learning_rate`` 0.005 to 0.1 (log), ``leaves`` 7 to 127 (log), ``minimum_leaf_rows`` 20 to
                          1000 (log), ``row_fraction`` 0.5 to 1, ``feature_fraction`` 0.4 to 1, ``l1_penalty`` and
                          ``l2_penalty`` 0.001 to 10 (log), ``trees`` 300 to 1500
    ``xgboost``           ``learning_rate`` 0.003 to 0.05 (log), ``maximum_depth`` 3 to 8, ``minimum_child_weight`` 1
                          to 20 (whole), ``row_fraction`` and ``feature_fraction`` 0.6 to 1, ``l2_penalty`` 0.1 to 10
                          (log), ``l1_penalty`` 0.01 to 5 (log), ``minimum_gain`` 0 to 5, ``trees`` 300 to 1500
    ===================== =========================================================================================

    With early stopping ``trees`` is the most that there are. A range of one point holds a parameter still.

    ``minimum_gain`` and ``l1_penalty`` are counted in the unit of what is learnt, and these ranges are those of a log
    loss. Where trees learn returns by squared error both would forbid every split, so they stay as the recipe says
    unless ``tune.space`` names them.

    Parameters
    ----------
    settings
        Which model, and the ranges of the recipe.
    models
        The settings of the model, which say what it learns; None is a log loss.
    binary
        Whether the target is 0 or 1.

    Raises
    ------
    InputError
        If ``tune.space`` names what is no number of the model's settings, or a range that the settings refuse.

    Examples
    --------
    >>> [one.name for one in search_space(TuneSettings(model="ridge"))]
    ['penalty']
    """
    model = settings.model
    squares = models is not None and _learns_by_squares(_section(models, model), binary=binary)
    space = {one.name: one for one in _SPACES[model] if not (squares and one.name in _OF_THE_LOSS)}
    known = searchable_names(model)
    for name, given in sorted(settings.space.items()):
        if name not in known:
            raise InputError(
                found=f"tune.space with {name!r} for {model}",
                expected=f"one of {', '.join(known)}",
                hint="only parameters of the model are searched; costs, data and fixed choices stay as the recipe says",
            )
        integer = space[name].integer if name in space else _number(model, name) is int
        space[name] = _dimension(name, given.low, given.high, log=given.log, integer=integer)
        _require_fit(model, space[name])
    return tuple(space.values())


def own_parameters(models: ModelSettings, model: str, space: tuple[Dimension, ...]) -> dict[str, float]:
    """Return what the recipe itself says of the parameters that are searched."""
    own = _section(models, model)
    return {one.name: getattr(own, one.name) for one in space}


def with_parameters(models: ModelSettings, model: str, parameters: Mapping[str, Any]) -> ModelSettings:
    """Return settings with found parameters; everything that was not searched stays as it was.

    So the model that is shipped has the seed, the bins and the objective of the one that was tuned.

    Raises
    ------
    InputError
        If the settings have no such model, or refuse a parameter.

    Examples
    --------
    >>> models = ModelSettings(xgboost=XgboostSettings(maximum_bins=64))
    >>> found = with_parameters(models, "xgboost", {"maximum_depth": 4}).xgboost
    >>> found.maximum_depth, found.maximum_bins
    (4, 64)
    """
    own = _section(models, model)
    unknown = sorted(set(parameters) - set(searchable_names(model)))
    if unknown:
        raise InputError(
            found=f"{model} with {', '.join(unknown)}",
            expected=f"some of {', '.join(searchable_names(model))}",
            hint="tune again with this version of tidegate",
        )
    try:
        found = type(own).model_validate({**own.model_dump(), **parameters})
    except ValidationError as error:
        raise _refused(model, error) from None
    return models.model_copy(update={model: found})


def _section(models: ModelSettings, model: str) -> Any:
    own = getattr(models, model, None)
    if own is None:
        raise InputError(
            found=f"no settings for a model {model!r}",
            expected=f"one of {', '.join(models.members)}",
            hint="add it to the recipe's models",
        )
    return own


def _learns_by_squares(section: Any, *, binary: bool) -> bool:
    objective = getattr(section, "objective", None)
    return objective == "regression" or (objective == "auto" and not binary)


def _number(model: str, name: str) -> type | None:
    """Return ``int`` or ``float`` for a plain number among the settings; None for anything else."""
    annotation: Any = _SETTINGS[model].model_fields[name].annotation
    while get_origin(annotation) is not None and hasattr(annotation, "__metadata__"):
        annotation = get_args(annotation)[0]
    return annotation if annotation in (int, float) else None


def _require_fit(model: str, dimension: Dimension) -> None:
    ends = (dimension.low, dimension.high)
    if dimension.integer and any(end != int(end) for end in ends):
        raise InputError(
            found=f"tune.space.{dimension.name} from {dimension.low} to {dimension.high}",
            expected="whole numbers at both ends",
            hint="it counts something",
        )
    for end in ends:
        try:
            _SETTINGS[model].model_validate({dimension.name: int(end) if dimension.integer else end})
        except ValidationError as error:
            raise _refused(model, error) from None


def _refused(model: str, error: ValidationError) -> InputError:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return InputError(
        found=f"{model}.{place}: {first['input']}",
        expected=first["msg"].removeprefix("Input should be "),
        hint="choose a range within what the settings of the model allow",
    )
