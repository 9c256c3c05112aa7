"""The recipe: everything that decides a run, in one YAML file. This module is its complete vocabulary.

Only data live here; each section is interpreted by the room of the same name.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tidegate.core.config import Settings, load_settings, misfit
from tidegate.core.errors import InputError, RecipeError
from tidegate.core.fingerprint import fingerprint
from tidegate.core.horizon import Horizon, Reach
from tidegate.core.recipe_data import CollectStep, DataKind, DataSettings, Day, Name, QualitySettings, ReadinessSettings
from tidegate.core.recipe_features import ExpressionSettings, FeatureFile, FeatureSettings
from tidegate.core.recipe_strategy import LegacySettings, StrategySettings, Weighting
from tidegate.core.recipe_trading import LIMITED_PRESETS, BacktestSettings, CostSettings, FillPrice
from tidegate.core.time import BarInterval
from tidegate.core.units import Count, Fraction

__all__ = [
    "RECIPE_SCHEMA",
    "BacktestSettings",
    "CollectStep",
    "CostSettings",
    "DataKind",
    "DataSettings",
    "ExpressionSettings",
    "FeatureFile",
    "FeatureSettings",
    "FillPrice",
    "LabelSettings",
    "LegacySettings",
    "LightgbmSettings",
    "ModelSettings",
    "QualitySettings",
    "ReadinessSettings",
    "Recipe",
    "RidgeSettings",
    "SplitSettings",
    "StrategySettings",
    "UniverseSettings",
    "Weighting",
    "load_recipe",
    "shipped_recipes",
]

RECIPE_SCHEMA = 1

Months = Annotated[int, Field(ge=1, le=1200)]


class UniverseSettings(Settings):
    """Which symbols may be held, and what they are measured against."""

    snapshot: Name | None = None
    """A universe of the catalog, made by ``tidegate universe build``: a name may be held while it belongs.

    Each instant uses the snapshot that was known then. Without one the list below never changes, and every run says
    so.
    """
    symbols: tuple[str, ...] = ()
    """Names to trade; empty means every symbol of the data set that is not excluded."""
    exclude: tuple[str, ...] = ()
    """Names never traded, for example the index or a series of another kind."""
    benchmark: str = "equal-weight"
    """A symbol, or ``equal-weight`` for the universe itself, bought in equal parts and rebalanced at the same dates."""
    index: str | None = None
    """A symbol drawn beside the benchmark."""
    references: Name | None = None
    """Data set of bars that holds benchmark, index and defensive assets which ``data.dataset`` does not hold.

    So funds are read without being among the names to choose from.
    """
    survivorship_biased: bool = False
    """Whether the data set holds only names that survived; the verdict then says so."""

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        if self.snapshot is not None and self.symbols:
            raise misfit(
                "either universe.snapshot or universe.symbols",
                at=("symbols",),
                value=", ".join(self.symbols),
                hint="leave the list out: the snapshots say who may be held",
            )
        return self


class LabelSettings(Settings):
    """What is forecast, and how far ahead."""

    horizon: Horizon | None = None
    """How long after the fill the return is measured: ``1h``, ``4h``, ``1d``, ``7d``, or any time that the bars divide.

    On daily bars days count sessions; on shorter bars it is time on the clock, so on an exchange that closes count
    bars. None means ``horizon_bars``.
    """
    horizon_bars: Count | None = 5
    """The same as a count of bars; left out where ``horizon`` is given."""
    horizons: tuple[Horizon, ...] = ()
    """Every horizon that is labelled, ``horizon`` among them; empty means no other. The longest decides the purge."""
    target: Literal["gross", "excess", "benchmark_excess", "rank", "volatility"] = "gross"
    """What is forecast, over the horizon.

    ``gross`` log return, its ``excess`` over the mean of all symbols labelled at that instant, its ``benchmark_excess``
    over the symbol ``universe.benchmark``, its ``rank`` among them from 0 to 1, or the realised ``volatility``, which
    says nothing about what to buy and so asks for ``strategy: null``.
    """
    threshold: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.005
    """What counts as a move up or down in the three-way label, as a fraction of the price: 0.005 is half a percent."""
    buckets: Annotated[int, Field(ge=2, le=1000)] = 5
    """Into how many equal parts the bucket label divides the symbols of an instant."""

    @model_validator(mode="before")
    @classmethod
    def _bars_give_way(cls, content: Any) -> Any:
        if isinstance(content, dict) and content.get("horizon") is not None and "horizon_bars" not in content:
            return {**content, "horizon_bars": None}
        return content

    @model_validator(mode="after")
    def _one_horizon(self) -> Self:
        lengths = [one.microseconds for one in self.horizons]
        if len(set(lengths)) != len(lengths):
            raise misfit("each horizon once", at=("horizons",), value=", ".join(self.horizons), hint="take one out")
        if self.horizons and self.horizon not in self.horizons:
            wanted = f"one of labels.horizons: {', '.join(self.horizons)}"
            raise misfit(wanted, at=("horizon",), value=self.horizon, hint="name the one that is trained on")
        if (self.horizon is None) == (self.horizon_bars is None):
            clash = "either labels.horizon or labels.horizon_bars"
            raise misfit(clash, at=("horizon_bars",), value=self.horizon_bars, hint="keep the one that is meant")
        return self

    def reaches(self, interval: BarInterval) -> tuple[Reach, ...]:
        """Return how far the labels reach on bars of one size, the trained one first.

        Raises
        ------
        InputError
            If the bars do not divide a horizon.
        """
        if self.horizon is None:
            return (Reach.of_bars(self.horizon_bars or 1),)
        others = [one for one in self.horizons if one != self.horizon]
        return tuple(one.reach(interval) for one in (self.horizon, *others))


class SplitSettings(Settings):
    """Walk-forward folds in calendar units; purge follows the label spans."""

    first_test: Day
    """First day of the first test fold."""
    test_months: Months = 12
    """Length of each test fold."""
    train_months: Months | None = None
    """Length of a rolling training window; none means expanding."""
    embargo_days: Annotated[int, Field(ge=0)] = 0
    """Calendar days kept free between the last training label and the test fold, beyond the purge."""
    minimum_train_days: Count = 365
    """A fold with less history than this before it is not made."""


class RidgeSettings(Settings):
    """Linear regression with an L2 penalty on standardised features."""

    penalty: Annotated[float, Field(gt=0.0)] = 100.0
    """Weight of the squared coefficients; larger shrinks more."""


class LightgbmSettings(Settings):
    """Gradient-boosted trees."""

    trees: Count = 200
    """Number of boosting rounds."""
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 0.03
    """How much of each tree is added."""
    leaves: Annotated[int, Field(ge=2, le=4096)] = 31
    """Largest number of leaves of a tree."""
    minimum_leaf_rows: Count = 200
    """Fewest training rows in a leaf."""
    row_fraction: Fraction = 0.8
    """Share of the rows drawn for each tree."""
    feature_fraction: Fraction = 0.8
    """Share of the features drawn for each tree."""
    l2_penalty: Annotated[float, Field(ge=0.0)] = 1.0
    """L2 penalty on leaf values."""
    maximum_bins: Annotated[int, Field(ge=2, le=65535)] = 255
    """Largest number of histogram bins per feature."""


class ModelSettings(Settings):
    """Which forecasters are trained, beside each other on the same folds."""

    ridge: RidgeSettings | None = None
    """Train a ridge regression; ``ridge: {}`` takes the defaults."""
    lightgbm: LightgbmSettings | None = None
    """Train gradient-boosted trees; ``lightgbm: {}`` takes the defaults."""

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if not self.kinds:
            empty = [name for name in ("ridge", "lightgbm") if name in self.model_fields_set][:1]
            wish = f"for its defaults write {(empty or ['ridge'])[0]}: {{}}"
            raise misfit("at least one of ridge, lightgbm", at=empty, hint=wish)
        return self

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the forecasters asked for."""
        return tuple(name for name in ("ridge", "lightgbm") if getattr(self, name) is not None)


def _not_newer(schema: int) -> int:
    # The version is the first field, so a newer recipe is told to upgrade before its new fields are called unknown.
    if schema > RECIPE_SCHEMA:
        raise ValueError(f"at most {RECIPE_SCHEMA}; upgrade tidegate to read this recipe")
    return schema


class Recipe(Settings):
    """One run, completely decided.

    Examples
    --------
    >>> load_recipe("demo").trading().top_n
    5
    """

    schema_version: Annotated[int, Field(alias="schema", ge=1), AfterValidator(_not_newer)] = RECIPE_SCHEMA
    """Version of this vocabulary, written ``schema`` in the file."""
    name: Name
    """Name of the recipe; runs are listed under it."""
    project: Name = "default"
    """Runs that belong together share a project."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 7
    """The only source of randomness of a run."""
    data: DataSettings
    """Which data are read."""
    universe: UniverseSettings = UniverseSettings()
    """Which symbols may be held."""
    features: FeatureSettings = FeatureSettings()
    """What the models see."""
    labels: LabelSettings = LabelSettings()
    """What they forecast."""
    split: SplitSettings
    """How training and test are kept apart."""
    models: ModelSettings
    """Which forecasters are trained."""
    strategy: StrategySettings | None = StrategySettings()
    """How forecasts become weights; ``null`` where a recipe forecasts and never trades."""
    costs: CostSettings
    """What trading costs."""
    backtest: BacktestSettings = BacktestSettings()
    """Money and fills."""
    collect: tuple[CollectStep, ...] = ()
    """How missing data are brought: a list of sources."""

    @model_validator(mode="after")
    def _scores_are_trained(self) -> Self:
        if self.strategy is not None and self.strategy.scores not in self.models.kinds:
            scores = self.strategy.scores
            raise misfit(
                f"a model that is trained: {', '.join(self.models.kinds)}",
                at=("strategy", "scores"),
                value=scores,
                hint=f"name one of these, or train it with {scores}: {{}} under models",
            )
        return self

    @model_validator(mode="after")
    def _bars_divide_the_horizons(self) -> Self:
        for field, horizons in (("horizon", (self.labels.horizon,)), ("horizons", self.labels.horizons)):
            for horizon in filter(None, horizons):
                try:
                    horizon.reach(self.data.interval)
                except InputError as error:
                    at = ("labels", field)
                    raise misfit(error.expected, at=at, value=str(horizon), hint=error.hint) from None
        return self

    @model_validator(mode="after")
    def _target_can_be_made(self) -> Self:
        target, at = self.labels.target, ("labels", "target")
        if target == "volatility" and self.labels.reaches(self.data.interval)[0].bars == 1:
            raise misfit("a horizon of 2 bars or more", at=at, value=target, hint="one return has no volatility")
        if target == "volatility" and self.strategy is not None:
            hint = "write strategy: null to forecast alone; the highest scores would be the most volatile names"
            raise misfit("a target that says what to buy", at=at, value=target, hint=hint)
        if target == "benchmark_excess" and self.universe.benchmark == "equal-weight":
            hint = "name it under universe.benchmark, or take target: excess, which is over the mean of the universe"
            raise misfit("a symbol to measure the excess over", at=at, value=target, hint=hint)
        return self

    @model_validator(mode="after")
    def _strategy_fits_the_universe(self) -> Self:
        strategy, universe = self.strategy, self.universe
        if strategy is None:
            return self
        if strategy.reads_benchmark and universe.benchmark == "equal-weight":
            hint = "name one that has bars, or do without what reads it, such as market_filter: false"
            wanted = "a symbol, which the strategy decides by"
            raise misfit(wanted, at=("universe", "benchmark"), value=universe.benchmark, hint=hint)
        chosen = set(universe.symbols) - set(universe.exclude)
        if both := [symbol for symbol in strategy.defensives if symbol in chosen]:
            hint = "a defensive asset is never chosen by score: take it out of universe.symbols"
            wanted = "names that are not defensive assets too"
            raise misfit(wanted, at=("universe", "symbols"), value=", ".join(both), hint=hint)
        return self

    @model_validator(mode="after")
    def _market_has_the_rules(self) -> Self:
        asked = [name for name in ("price_limits", "t_plus_one") if getattr(self.backtest, name)]
        if asked and self.costs.preset not in LIMITED_PRESETS:
            hint = f"backtest.{asked[0]} is a rule of A-shares; leave it out for other markets"
            at, given = ("costs", "preset"), self.costs.preset
            raise misfit(f"one of {', '.join(LIMITED_PRESETS)}", at=at, value=given, hint=hint)
        if self.backtest.price_limits and not self.data.interval.is_session:
            hint = "limits follow from the close of the session before; leave backtest.price_limits out"
            raise misfit("1d", at=("data", "interval"), value=str(self.data.interval), hint=hint)
        return self

    def trading(self) -> StrategySettings:
        """Return how forecasts become weights.

        Raises
        ------
        RecipeError
            If the recipe forecasts and never trades.
        """
        if self.strategy is None:
            raise RecipeError(
                found=f"recipe {self.name!r} with strategy: null",
                expected="a strategy, to trade by",
                hint="write one in the recipe; a target of volatility has none",
            )
        return self.strategy

    @property
    def leading_model(self) -> str:
        """The model whose scores decide; where nothing is traded, the last one that is trained."""
        return self.models.kinds[-1] if self.strategy is None else self.strategy.scores

    def training_fingerprint(self) -> str:
        """Return the SHA-256 of everything that a training run depends on, costs included, strategy not.

        What an audit asks of the data and how they were collected change no score, so they are not part of it.
        """
        parts = self.model_dump(
            include={"seed", "data", "universe", "features", "labels", "split", "models", "costs"},
            exclude={"data": {"mode", "readiness", "quality"}},
        )
        return fingerprint({**parts, "fill": self.backtest.fill})

    def data_fingerprint(self) -> str:
        """Return the SHA-256 of what decides the outcome of an audit of the data: data and universe, audits included.

        Runs of other models or strategies on the same data share it, and with it the audit.
        """
        return fingerprint(self.model_dump(include={"data", "universe"}))

    def fingerprint(self) -> str:
        """Return the SHA-256 of the whole recipe."""
        return fingerprint(self)


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes inside the package, by name."""
    folder = Path(str(resources.files("tidegate") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a recipe by its shipped name or from a YAML file.

    Raises
    ------
    RecipeError
        If there is none, it does not parse, or it was written for a newer Tidegate.
    """
    shipped = shipped_recipes()
    path = shipped.get(str(name_or_path), Path(name_or_path))
    if not path.exists() and path.suffix not in {".yaml", ".yml"}:
        raise RecipeError(
            found=f"no recipe {str(name_or_path)!r}",
            expected=f"one of {', '.join(shipped)} or a YAML file",
            hint="check the name or the path",
        )
    return load_settings(path, Recipe)
