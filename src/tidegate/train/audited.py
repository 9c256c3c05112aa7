"""A recipe's pipelines as the look-ahead audit takes them: features and labels, and one fold's whole path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.pipeline import Claim, FillClaim, SplitClaim, Stage, StageKind
from tidegate.core.recipe import Recipe
from tidegate.core.time import Instant, format_instant
from tidegate.core.units import Float32Array, FloatArray, Int64Array
from tidegate.costs import cost_model
from tidegate.engine import Simulation, trade
from tidegate.features import FeatureBuilder, FeatureContract, FeatureGroup, recent_history
from tidegate.features.recent import table_lookbacks
from tidegate.models import make_forecaster
from tidegate.split import Fold, WalkForward
from tidegate.strategy import rotation
from tidegate.train.dataset import Dataset, assemble, labels_of

__all__ = ["FeaturePipeline", "FoldPipeline", "folds_of"]


class FeaturePipeline:
    """Features and labels of every row of a history, as training makes them.

    Parameters
    ----------
    recipe
        Costs resolved.
    contract
        Fixed once from the whole history's columns and tables, as a training run fixes it.
    """

    def __init__(self, recipe: Recipe, contract: FeatureContract) -> None:
        self.recipe, self.contract = recipe, contract

    def run(self, history: History) -> Iterator[Stage]:
        """Yield features by blocks of rows, then labels."""
        for first, block in FeatureBuilder(history, self.contract).blocks():
            yield self._stage(history, first, block)
        labels = labels_of(history, self.recipe)
        # A stage per horizon: an hour ends sooner than a week, and is held to its own end.
        yield from (labels.as_stage(part.names) for part in labels.parts)

    def newest(self, history: History) -> Stage:
        """Return the features of the newest row, as an online decision needs them."""
        recent = recent_history(history, self.contract)
        last = len(recent.bars.times) - 1
        return self._stage(recent, last, FeatureBuilder(recent, self.contract).rows(last, last + 1))

    def _stage(self, history: History, first: int, block: Float32Array) -> Stage:
        return Stage(
            kind=StageKind.FEATURES,
            times=history.bars.times[first : first + len(block)],
            symbols=history.bars.symbols,
            keys=self.contract.names,
            values=block,
            lookback_bars={feature.name: feature.lookback_bars for feature in self.contract.features},
            bounds={feature.name: feature.bound for feature in self.contract.features if feature.bound > 0.0},
            maximum_ages=self._maximum_ages,
            table_lookbacks=self._table_lookbacks,
            neutrals={one.name: one.neutral for one in self.contract.features if one.neutral is not None},
            masks={one.name: one.mask for one in self.contract.features if one.mask is not None},
        )

    @property
    def _table_lookbacks(self) -> dict[str, int]:
        # Between sessions lies more time than bars tell, so daily bars read their few slow rows whole.
        return {} if self.contract.interval.is_session else table_lookbacks(self.contract)

    @property
    def _maximum_ages(self) -> dict[str, int]:
        """Return when a value must be gone; a flag says then that something is missing, so it stays."""
        flags = {feature.mask for feature in self.contract.features}
        ages = {
            feature.name: self.contract.maximum_age(feature)
            for feature in self.contract.features
            if feature.name not in flags and feature.group != FeatureGroup.QUALITY
        }
        return {name: age for name, age in ages.items() if age is not None}


class FoldPipeline:
    """One fold of a recipe from raw observations to decisions: features, labels, split, fit, forecast, book.

    Parameters
    ----------
    recipe
        Costs resolved.
    test_start
        Start of the fold's test window, which names the fold in any history that reaches it.
    sessions
        ``int64`` instants of the bars to come, as far as the calendar tells: a trader knows on Friday that the next
        session opens a week.
    threads
        Processors that boosting may use; they change no bit.
    """

    def __init__(self, recipe: Recipe, test_start: Instant, sessions: Int64Array, *, threads: int = 1) -> None:
        self.recipe, self.test_start, self.sessions, self.threads = recipe, test_start, sessions, threads

    def run(self, history: History) -> Iterator[Stage]:
        """Yield forecasts of the fold's test rows by every model, and the weights that a strategy decides on them."""
        data, fold = self._fold(history)
        # What the split claims of its spans is held against the labels' own ends.
        yield data.labels.as_stage()
        scores = self._scores(data, fold)
        times = data.times[fold.test]
        kinds = self.recipe.models.kinds
        values = np.stack([scores[kind] for kind in kinds], axis=2)
        yield Stage(kind=StageKind.PREDICTIONS, times=times, symbols=data.symbols, keys=kinds, values=values)
        decided = self._simulate(history, fold, scores).decisions if self.recipe.strategy is not None else ()
        if decided:
            weights = [np.nan_to_num(one.weights) if one.weights is not None else _held(data) for one in decided]
            at = np.array([one.at for one in decided], dtype=np.int64)
            book = np.stack(weights)[:, :, np.newaxis]
            yield Stage(kind=StageKind.DECISIONS, times=at, symbols=data.symbols, keys=("weight",), values=book)

    def claims(self, history: History) -> Iterable[Claim]:
        """Yield how the fold splits, and when its decisions are filled."""
        data, fold = self._fold(history)
        spans = data.labels.spans
        ends = np.full(len(data.times), np.iinfo(np.int64).max)
        ends[: len(spans)] = spans.end
        yield SplitClaim(
            name=f"fold from {format_instant(self.test_start)}",
            train_times=spans.start[fold.train],
            train_ends=spans.end[fold.train],
            test_times=data.times[fold.test],
            test_ends=ends[fold.test],
        )
        if self.recipe.strategy is None:
            return
        fills = self._simulate(history, fold, self._scores(data, fold)).ledger.fills
        yield FillClaim(
            name=f"fills from {format_instant(self.test_start)}",
            decided=np.array([fill.decided_at for fill in fills], dtype=np.int64),
            filled=np.array([fill.at for fill in fills], dtype=np.int64),
        )

    def _fold(self, history: History) -> tuple[Dataset, Fold]:
        data = assemble(history, self.recipe)
        for fold in folds_of(data, self.recipe):
            if fold.test_start == self.test_start:
                return data, fold
        raise DataError(
            found=f"no fold that tests from {format_instant(self.test_start)}",
            expected="the fold in every history that reaches it",
            hint="a fold that comes and goes with later data is itself a look-ahead",
        )

    def _scores(self, data: Dataset, fold: Fold) -> dict[str, FloatArray]:
        rows, symbols = data.samples(fold.train, data.trainable)
        features, target = data.cut(rows, symbols), data.target[rows, symbols]
        tested, places = data.samples(fold.test, data.predictable)
        asked = data.cut(tested, places)
        scores = {}
        for kind in self.recipe.models.kinds:
            model = make_forecaster(kind, self.recipe.models, seed=self.recipe.seed, threads=self.threads)
            matrix = np.full((len(data.times), len(data.symbols)), np.nan)
            matrix[tested, places] = model.fit(features, target).predict(asked)
            scores[kind] = matrix[fold.test]
        return scores

    def _simulate(self, history: History, fold: Fold, scores: dict[str, FloatArray]) -> Simulation:
        score = np.full(history.bars.shape, np.nan)
        score[fold.test] = scores[self.recipe.leading_model]
        tested = history.bars.with_columns({"score": score}).rows(0, int(fold.test[-1]) + 1)
        panel = _with_next_session(tested, self.sessions)
        return trade(
            panel, rotation(self.recipe.trading()), self.recipe, cost_model(self.recipe.costs), int(fold.test[0])
        )


def folds_of(data: Dataset, recipe: Recipe) -> list[Fold]:
    """Return the folds of a data set as training makes them."""
    return WalkForward(recipe.split).split(data.times, data.labels.spans)


def _with_next_session(panel: Panel, sessions: Int64Array) -> Panel:
    """Return the panel with one empty row more, so that a decision is taken at its last close too."""
    following = sessions[np.searchsorted(sessions, panel.times[-1], side="right") :][:1]
    empty = np.full((len(following), len(panel.symbols)), np.nan)
    columns = {name: np.concatenate([column, empty]) for name, column in panel.columns.items()}
    return Panel(np.concatenate([panel.times, following]), panel.symbols, columns)


def _held(data: Dataset) -> FloatArray:
    """Stand for a decision that holds the book, whatever is in it."""
    return np.full(len(data.symbols), -1.0)
