"""A recipe's pipelines as the look-ahead audit takes them: features and labels, and one fold's whole path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.pipeline import Claim, FillClaim, FitClaim, SplitClaim, Stage, StageKind
from tidegate.core.recipe import Recipe
from tidegate.core.time import Instant, format_instant
from tidegate.core.units import Float32Array, FloatArray, Int64Array
from tidegate.costs import cost_model
from tidegate.features import FeatureBuilder, FeatureContract, FeatureGroup, recent_history
from tidegate.features.recent import table_lookbacks
from tidegate.models import Forecast
from tidegate.split import Fold, splitter_for
from tidegate.train.dataset import Dataset, assemble, labels_of
from tidegate.train.fold_fit import FittedFold, fit_fold

if TYPE_CHECKING:
    # The engine is compiled code, which takes 60 MB to load: who trains and trades nothing goes without.
    from tidegate.engine.journal import Journal
    from tidegate.engine.market import Market

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
    references
        Bars of benchmark and defensive assets, which no history of the traded names holds; they are cut where it ends.
    threads
        Processors that boosting may use; they change no bit.
    """

    def __init__(
        self,
        recipe: Recipe,
        test_start: Instant,
        sessions: Int64Array,
        *,
        references: Panel | None = None,
        threads: int = 1,
    ) -> None:
        self.recipe, self.test_start, self.sessions, self.threads = recipe, test_start, sessions, threads
        self.references = references

    def run(self, history: History) -> Iterator[Stage]:
        """Yield forecasts of the fold's test rows by every model, and the weights that a strategy decides on them."""
        data, fold = self._fold(history)
        # What the split claims of its spans is held against the labels' own ends.
        yield data.labels.as_stage()
        said = self._forecasts(data, fold, self._fit(history, data, fold))
        keys, values = zip(*said.items(), strict=True)
        times = data.times[fold.test]
        stacked = np.stack(values, axis=2)
        yield Stage(kind=StageKind.PREDICTIONS, times=times, symbols=data.symbols, keys=keys, values=stacked)
        scores = said[self.recipe.leading_model]
        traded = self._trade(history, fold, scores) if self.recipe.strategy is not None else None
        if traded is not None and traded.decided.size:
            yield Stage(
                kind=StageKind.DECISIONS, times=traded.decided, symbols=traded.symbols, keys=("weight",),
                values=traded.weights[:, :, np.newaxis],
            )  # fmt: skip

    def claims(self, history: History) -> Iterable[Claim]:
        """Yield how the fold splits, and when its decisions are filled."""
        data, fold = self._fold(history)
        fitted = self._fit(history, data, fold)
        known = _Known(data)
        times = _together(*fitted.seen.values())
        yield known.split(self._name, times, data.times[fold.test])
        yield from self._claims_of_slices(known, data, fold, fitted)
        if self.recipe.strategy is None:
            return
        scores = self._forecasts(data, fold, fitted)[self.recipe.leading_model]
        traded = self._trade(history, fold, scores)
        yield FillClaim(
            name=f"fills from {format_instant(self.test_start)}",
            decided=traded.fill_decided,
            filled=traded.filled,
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

    @property
    def _name(self) -> str:
        return f"fold from {format_instant(self.test_start)}"

    def _claims_of_slices(self, known: _Known, data: Dataset, fold: Fold, fitted: FittedFold) -> Iterable[Claim]:
        """Yield on what models, calibrator and threshold were really fitted, and what the fold allows.

        Each part is kept apart from the slice that judges it; nothing is fitted on the rows of another part.
        """
        slices = {"validation": fold.validation, "calibration": fold.calibration}
        allowed = {"training": data.times[fold.train]}
        allowed |= {name: data.times[part.rows] for name, part in slices.items() if part is not None}
        before = fitted.seen["training"]
        for name in ("validation", "calibration"):
            if name in fitted.seen:
                yield known.split(f"what was fitted before {name} of the {self._name}", before, fitted.seen[name])
                before = _together(before, fitted.seen[name], fitted.seen.get("refit"))
        allowed["refit"] = _together(allowed["training"], allowed.get("validation"))
        for name, times in fitted.seen.items():
            yield FitClaim(name=f"{name} of the {self._name}", fitted_times=times, allowed_times=allowed[name])

    def _fit(self, history: History, data: Dataset, fold: Fold) -> FittedFold:
        return fit_fold(self.recipe, history, data, fold, threads=self.threads)

    def _forecasts(self, data: Dataset, fold: Fold, fitted: FittedFold) -> dict[str, FloatArray]:
        """Return what every model says of the test rows: its score, and its probability and call where there are."""
        tested, places = data.samples(fold.test, data.predictable)
        said: dict[str, FloatArray] = {}
        for kind, forecast in fitted.forecast(data.rows(tested, places), data.times[tested]).items():
            for key, values in _parts(kind, forecast).items():
                matrix = np.full((len(data.times), len(data.symbols)), np.nan)
                matrix[tested, places] = values
                said[key] = matrix[fold.test]
        return said

    def _trade(self, history: History, fold: Fold, scores: FloatArray) -> _Traded:
        """Trade the fold's test rows as the backtest does, from raw bars to fills."""
        from tidegate.engine.recipe_market import fill_rules
        from tidegate.engine.sweep import Trial, run_trials

        first, stop = int(fold.test[0]), int(fold.test[-1]) + 1
        score = np.full(history.bars.shape, np.nan)
        score[fold.test] = scores
        # An empty row more stands for the session that the last close decides for.
        bars = _with_next_session(history.bars.with_columns({"score": score}).rows(0, stop), self.sessions)
        market = self._market(bars)
        if first >= len(market.times) - 1:
            return _Traded.nothing(market)
        settings = self.recipe.trading()
        trial = Trial(settings=settings, costs=cost_model(self.recipe.costs), rules=fill_rules(self.recipe))
        cash = self.recipe.backtest.initial_cash
        return _Traded.of(market, run_trials(market, [trial], initial_cash=cash, start=first, records=True).journals[0])

    def _market(self, bars: Panel) -> Market:
        from tidegate.engine.market_reading import MarketSources, Roles, filled_at_previous_close, market_of

        settings = self.recipe.trading()
        panel = bars if self.references is None else _beside(bars, self.references)
        market = market_of(
            panel,
            self.recipe.backtest,
            Roles(
                traded=bars.symbols,
                benchmark=benchmark if (benchmark := self.recipe.universe.benchmark) in panel.symbols else None,
                defensives=settings.defensives,
            ),
            MarketSources(score=bars["score"], member=bars["member"] > 0.0 if "member" in bars else None),
            interval=self.recipe.data.interval,
        )
        if settings.legacy.fill_previous_close:
            return replace(market, fill=filled_at_previous_close(market))
        return market


class _Known:
    """When the labels of a data set are known."""

    def __init__(self, data: Dataset) -> None:
        spans = data.labels.spans
        self.times, self.ends = data.times, np.full(len(data.times), np.iinfo(np.int64).max)
        self.ends[: len(spans)] = spans.end

    def split(self, name: str, trained: Int64Array, tested: Int64Array) -> SplitClaim:
        """Claim that samples of some instants learnt, and others judged."""
        return SplitClaim(
            name=name,
            train_times=trained,
            train_ends=self._ends(trained),
            test_times=tested,
            test_ends=self._ends(tested),
        )

    def _ends(self, instants: Int64Array) -> Int64Array:
        found: Int64Array = self.ends[np.searchsorted(self.times, instants)]
        return found


def _together(*parts: Int64Array | None) -> Int64Array:
    """Return the instants of some parts, ascending, each once."""
    found: Int64Array = np.unique(np.concatenate([part for part in parts if part is not None]))
    return found


@dataclass(frozen=True, eq=False, kw_only=True)
class _Traded:
    """Decisions and fills of a fold.

    Parameters
    ----------
    decided, weights
        ``int64 (n_decisions,)`` instants and ``float64 (n_decisions, n_symbols)`` target weights; a decision that holds
        the book, whatever is in it, is -1 throughout.
    fill_decided, filled
        ``int64 (n_fills,)`` instants of decision and fill.
    """

    symbols: tuple[str, ...]
    decided: Int64Array
    weights: FloatArray
    fill_decided: Int64Array
    filled: Int64Array

    @classmethod
    def nothing(cls, market: Market) -> _Traded:
        """Return no decision at all."""
        none = np.zeros(0, dtype=np.int64)
        weights = np.zeros((0, market.shape[1]))
        return cls(symbols=market.symbols, decided=none, weights=weights, fill_decided=none, filled=none)

    @classmethod
    def of(cls, market: Market, journal: Journal) -> _Traded:
        """Read a journal."""
        from tidegate.strategy.seam import Action

        decisions, targets, _, fills, _ = journal.used.tolist()
        weights = np.full((decisions, market.shape[1]), -1.0)
        ends = np.append(journal.decision[1:decisions, 7], targets)
        for number in np.flatnonzero(journal.decision[:decisions, 3] == Action.TRADE).tolist():
            span = slice(int(journal.decision[number, 7]), int(ends[number]))
            weights[number] = 0.0
            weights[number, journal.target[span]] = journal.weight[span]
        return cls(
            symbols=market.symbols,
            decided=market.times[journal.decision[:decisions, 1]],
            weights=weights,
            fill_decided=market.times[journal.fill[:fills, 1]],
            filled=market.times[journal.fill[:fills, 2]],
        )


def folds_of(data: Dataset, recipe: Recipe) -> list[Fold]:
    """Return the folds of a data set as training makes them."""
    return splitter_for(recipe.split).split(data.times, data.labels.spans)


def _parts(kind: str, forecast: Forecast) -> dict[str, FloatArray]:
    parts = {kind: forecast.score}
    if forecast.probability is not None and forecast.called is not None:
        parts |= {f"{kind} probability": forecast.probability, f"{kind} called": forecast.called.astype(np.float64)}
    return parts


def _with_next_session(panel: Panel, sessions: Int64Array) -> Panel:
    """Return the panel with one empty row more, so that a decision is taken at its last close too."""
    following = sessions[np.searchsorted(sessions, panel.times[-1], side="right") :][:1]
    empty = np.full((len(following), len(panel.symbols)), np.nan)
    columns = {name: np.concatenate([column, empty]) for name, column in panel.columns.items()}
    return Panel(np.concatenate([panel.times, following]), panel.symbols, columns)


def _beside(bars: Panel, references: Panel) -> Panel:
    """Return bars with those of the references beside them; rows that the references lack are empty."""
    own = [symbol for symbol in references.symbols if symbol not in bars.symbols]
    known = references.take(tuple(own))
    rows = np.searchsorted(bars.times, known.times)
    inside = (rows < len(bars.times)) & (bars.times[np.minimum(rows, len(bars.times) - 1)] == known.times)
    symbols = (*bars.symbols, *own)
    order = sorted(range(len(symbols)), key=symbols.__getitem__)
    columns = {}
    for name in known:
        if name in bars:
            laid = np.full((len(bars.times), len(own)), np.nan)
            laid[rows[inside]] = known[name][inside]
            columns[name] = np.concatenate([bars[name], laid], axis=1)[:, order]
    return Panel(bars.times, tuple(symbols[place] for place in order), columns)
