"""What a recipe says about its models: which forecasters, how they learn, and how samples are weighted."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from tidegate.core.config import Settings, misfit
from tidegate.core.units import Count, Fraction

__all__ = [
    "MODEL_KINDS",
    "EnsembleSettings",
    "LightgbmSettings",
    "ModelSettings",
    "Objective",
    "RidgeSettings",
    "WeightSettings",
    "XgboostSettings",
]

MODEL_KINDS: Final = ("ridge", "lightgbm", "xgboost", "ensemble")
"""Every kind of forecaster, in the order in which they are trained."""

Objective = Literal["auto", "regression", "classification", "lambdarank"]
"""``auto`` is classification of targets that are 0 or 1, regression of all others; ``lambdarank`` learns the order of
the symbols of each instant from their rank buckets."""
Penalty = Annotated[float, Field(ge=0.0, le=1e6)]
Bins = Annotated[int, Field(ge=2, le=65535)]


class RidgeSettings(Settings):
    """Linear regression with an L2 penalty on standardised features."""

    penalty: Annotated[float, Field(gt=0.0)] = 100.0
    """Weight of the squared coefficients; larger shrinks more."""


class LightgbmSettings(Settings):
    """Gradient-boosted trees by LightGBM."""

    objective: Objective = "auto"
    """What the trees minimise."""
    trees: Count = 200
    """Number of boosting rounds; the most that there are with early stopping."""
    early_stopping_rounds: Count | None = None
    """Rounds without a gain on the validation slice after which boosting stops; none uses all rounds."""
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 0.03
    """How much of each tree is added."""
    leaves: Annotated[int, Field(ge=2, le=4096)] = 31
    """Largest number of leaves of a tree."""
    maximum_depth: Annotated[int, Field(ge=1, le=64)] | None = None
    """Largest depth of a tree; none leaves it to ``leaves``."""
    minimum_leaf_rows: Count = 200
    """Fewest training rows in a leaf."""
    row_fraction: Fraction = 0.8
    """Share of the rows drawn for each tree."""
    feature_fraction: Fraction = 0.8
    """Share of the features drawn for each tree."""
    l1_penalty: Penalty = 0.0
    """L1 penalty on leaf values."""
    l2_penalty: Penalty = 1.0
    """L2 penalty on leaf values."""
    minimum_gain: Penalty = 0.0
    """Least gain of a split."""
    maximum_bins: Bins = 255
    """Largest number of histogram bins per feature."""


class XgboostSettings(Settings):
    """Gradient-boosted trees by XGBoost, on histograms."""

    objective: Objective = "auto"
    """What the trees minimise."""
    trees: Count = 300
    """Number of boosting rounds; the most that there are with early stopping."""
    early_stopping_rounds: Count | None = None
    """Rounds without a gain on the validation slice after which boosting stops; none uses all rounds."""
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 0.03
    """How much of each tree is added."""
    maximum_depth: Annotated[int, Field(ge=1, le=16)] = 6
    """Largest depth of a tree."""
    minimum_child_weight: Penalty = 1.0
    """Least sum of second derivatives in a leaf."""
    row_fraction: Fraction = 0.8
    """Share of the rows drawn for each tree."""
    feature_fraction: Fraction = 0.8
    """Share of the features drawn for each tree."""
    l1_penalty: Penalty = 0.0
    """L1 penalty on leaf values."""
    l2_penalty: Penalty = 1.0
    """L2 penalty on leaf values."""
    minimum_gain: Penalty = 0.0
    """Least gain of a split, gamma."""
    positive_weight: Annotated[float, Field(gt=0.0, le=1000.0)] = 1.0
    """How much a 1 of a target of 0 and 1 counts against a 0."""
    maximum_bins: Bins = 128
    """Largest number of histogram bins per feature."""


class EnsembleSettings(Settings):
    """A weighted mean of the forecasts of the other models, each brought to its rank within the instant or not.

    The weights are at least 0, sum to 1 and are fitted on the validation slice alone.
    """

    scale: Literal["rank", "value"] = "rank"
    """``rank`` averages places among the symbols of an instant, ``value`` the forecasts themselves."""


class ModelSettings(Settings):
    """Which forecasters are trained, beside each other on the same folds."""

    ridge: RidgeSettings | None = None
    """Train a ridge regression; ``ridge: {}`` takes the defaults."""
    lightgbm: LightgbmSettings | None = None
    """Train gradient-boosted trees by LightGBM; ``lightgbm: {}`` takes the defaults."""
    xgboost: XgboostSettings | None = None
    """Train gradient-boosted trees by XGBoost; ``xgboost: {}`` takes the defaults."""
    ensemble: EnsembleSettings | None = None
    """Average the others by weights of the validation slice; ``ensemble: {}`` takes the defaults."""
    refit: Literal["keep", "with_validation"] = "keep"
    """Which fit is shipped: the one that early stopping and tuning saw, or one more on training and validation
    together, with the settings and the number of trees that were found. Calibrator and threshold follow the one that
    is shipped."""

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        members = self.members
        if not members:
            empty = [name for name in MODEL_KINDS if name in self.model_fields_set][:1]
            wish = f"for its defaults write {(empty or ['ridge'])[0]}: {{}}"
            raise misfit(f"at least one of {', '.join(MODEL_KINDS[:-1])}", at=empty, hint=wish)
        if self.ensemble is not None and len(members) < 2:
            hint = "an ensemble of one is that one: train another beside it"
            raise misfit("at least two other models", at=("ensemble",), value=", ".join(members), hint=hint)
        return self

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the forecasters that learn from features: all but the ensemble of them."""
        return tuple(name for name in MODEL_KINDS[:-1] if getattr(self, name) is not None)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the forecasters asked for."""
        return tuple(name for name in MODEL_KINDS if getattr(self, name) is not None)

    @property
    def stops_early(self) -> bool:
        """Whether a model looks at the validation slice while it learns."""
        boosted = (self.lightgbm, self.xgboost)
        return any(one is not None and one.early_stopping_rounds is not None for one in boosted)


class WeightSettings(Settings):
    """How much each training sample counts. Every weight follows from the training part of its fold alone."""

    scheme: Literal["none", "market_cap", "dollar_volume", "mix", "product"] = "none"
    """What makes a sample heavy: ``t(x) = 1 + ln(1 + x)`` of market value, of traded value, or of both."""
    alpha: Fraction = 0.6
    """Share of the market value in ``mix``: ``alpha t(value) + (1 - alpha) t(traded)``."""
    dollar_volume_window: Count = 20
    """Bars over which traded value is averaged."""
    uniqueness: bool = False
    """Weigh a sample by how little its label overlaps with others of its symbol."""
    half_life_days: Count | None = None
    """Days before the end of the training part at which a sample counts half; none lets all count alike."""

    @property
    def is_even(self) -> bool:
        """Whether every sample counts the same."""
        return self.scheme == "none" and not self.uniqueness and self.half_life_days is None
