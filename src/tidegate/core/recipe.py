"""The recipe: everything that decides a run, in one YAML file. This module is its complete vocabulary.

Only data live here; each section is interpreted by the room of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from tidegate.core.config import Settings, load_settings, misfit
from tidegate.core.errors import InputError, RecipeError
from tidegate.core.fingerprint import fingerprint
from tidegate.core.recipe_data import CollectStep, DataKind, DataSettings, Name, QualitySettings, ReadinessSettings
from tidegate.core.recipe_features import ExpressionSettings, FeatureFile, FeatureSettings
from tidegate.core.recipe_labels import LabelSettings, TouchSettings
from tidegate.core.recipe_models import (
    EnsembleSettings,
    LightgbmSettings,
    ModelSettings,
    RidgeSettings,
    WeightSettings,
    XgboostSettings,
)
from tidegate.core.recipe_search import (
    Bound,
    DrawSettings,
    OptunaSettings,
    PartSettings,
    PerturbSettings,
    SearchSettings,
    Span,
)
from tidegate.core.recipe_split import SplitSettings
from tidegate.core.recipe_strategy import LegacySettings, StrategySettings, Weighting
from tidegate.core.recipe_trading import LIMITED_PRESETS, BacktestSettings, CostSettings, FillPrice
from tidegate.core.recipe_tuning import CalibrateSettings, PickSettings, Range, TuneSettings
from tidegate.core.units import Count

__all__ = [
    "RECIPE_SCHEMA",
    "BacktestSettings",
    "Bound",
    "CalibrateSettings",
    "CollectStep",
    "CostSettings",
    "DataKind",
    "DataSettings",
    "DrawSettings",
    "EnsembleSettings",
    "ExpressionSettings",
    "FeatureFile",
    "FeatureSettings",
    "FillPrice",
    "LabelSettings",
    "LegacySettings",
    "LightgbmSettings",
    "ModelSettings",
    "OptunaSettings",
    "PartSettings",
    "PerturbSettings",
    "PickSettings",
    "QualitySettings",
    "Range",
    "ReadinessSettings",
    "Recipe",
    "RidgeSettings",
    "SearchSettings",
    "Span",
    "SplitSettings",
    "StrategySettings",
    "TouchSettings",
    "TuneSettings",
    "UniverseSettings",
    "WeightSettings",
    "Weighting",
    "XgboostSettings",
    "load_recipe",
    "shipped_recipes",
]

RECIPE_SCHEMA = 1


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
    first: Count | None = None
    """Only the first so many names in the order of the alphabet: a smaller sample, to try things on."""
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
    weights: WeightSettings = WeightSettings()
    """How much each sample counts."""
    tune: TuneSettings | None = None
    """How parameters are searched by ``tidegate tune``; ``tune: {}`` takes the defaults."""
    calibrate: CalibrateSettings | None = None
    """How scores of targets that are 0 or 1 become probabilities and calls; ``calibrate: {}`` takes the defaults."""
    picks: PickSettings = PickSettings()
    """What ``tidegate pick`` prints."""
    strategy: StrategySettings | None = StrategySettings()
    """How forecasts become weights; ``null`` where a recipe forecasts and never trades."""
    search: SearchSettings | None = None
    """Which parameter sets of the strategy ``tidegate search`` tries, and what is wanted of them."""
    costs: CostSettings
    """What trading costs."""
    backtest: BacktestSettings = BacktestSettings()
    """Money and fills."""
    collect: tuple[CollectStep, ...] = ()
    """How missing data are brought: a list of sources."""

    @classmethod
    def shelf(cls) -> Mapping[str, Path]:
        """Return the shipped recipes, on which another may build: ``extends: us-rotation``."""
        return shipped_recipes()

    @classmethod
    def file_lists(cls) -> tuple[tuple[str, ...], ...]:
        """Return where files with features are named."""
        return (("features", "modules"),)

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
    def _slices_are_there(self) -> Self:
        models, split = self.models, self.split
        looks = models.stops_early or models.ensemble is not None or models.refit == "with_validation"
        if looks and not split.has_validation:
            wanted = "a validation slice: early stopping, an ensemble and a refit look at one"
            raise misfit(wanted, at=("split", "validation_months"), value=0, hint="write how many months it has")
        if self.calibrate is not None and not split.has_calibration:
            wanted = "a calibration slice, apart from tuning and test"
            if split.scheme == "holdout":
                hint = "write four: training, validation, calibration and test, such as [0.6, 0.1, 0.1, 0.2]"
                raise misfit(wanted, at=("split", "fractions"), value=split.fractions, hint=hint)
            raise misfit(wanted, at=("split", "calibration_months"), value=0, hint="write how many months it has")
        if self.calibrate is not None and not self.labels.is_binary:
            wanted = "hit, relative_hit or hindsight_hit: only what happens or not has a probability"
            hint = "leave calibrate out for targets that are returns"
            raise misfit(wanted, at=("labels", "target"), value=self.labels.target, hint=hint)
        if self.tune is not None and self.tune.model not in models.members:
            hint = f"name it under tune.model, or train it with {self.tune.model}: {{}} under models"
            raise misfit(f"one of {', '.join(models.members)}", at=("tune", "model"), value=self.tune.model, hint=hint)
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
            include={
                "seed",
                "data",
                "universe",
                "features",
                "labels",
                "split",
                "models",
                "weights",
                "calibrate",
                "costs",
            },
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
    return {path.stem: path for path in sorted(folder.glob("*.yaml"), key=lambda path: path.stem)}


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
