"""Today's forecasts from an artifact: the newest bars of a workspace, the features of one instant, a ranked list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from tidegate.core.clock import now
from tidegate.core.errors import DataError, InputError
from tidegate.core.history import History
from tidegate.core.recipe import Recipe
from tidegate.core.time import Instant, format_instant, moment_of, parse_instant
from tidegate.core.units import Float32Array, FloatArray, Mask
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.calendars import trading_calendar
from tidegate.data.price_limits import at_limit_up, board_of, limit_prices
from tidegate.data.recipe_data import end_of_data, pinned_versions, read_recipe_data
from tidegate.features import MEMBER, FeatureBuilder, FeatureContract, FeatureMatrix, contract_for, pickable
from tidegate.features.recent import recent_history
from tidegate.features.selection import declared_contract
from tidegate.models.calibrated import Forecast
from tidegate.registry.artifact_model import ArtifactModel
from tidegate.registry.artifacts import Artifact

__all__ = ["LiveForecast", "LivePick", "NewestRows", "Reason", "live_forecast", "newest_rows", "recipe_of"]

# Sessions are owed on five days of seven at most, and the longest holidays of an exchange last under two weeks.
_CALENDAR_DAYS_PER_BAR: Final = 1.6
_SPARE_DAYS: Final = 40


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One feature's part in a forecast: its name and value, and by how much it moved the margin, signed."""

    feature: str
    value: float | None
    contribution: float
    description: str


@dataclass(frozen=True, kw_only=True)
class LivePick:
    """One name of today's list.

    Parameters
    ----------
    rank
        1 is the best.
    called
        Whether the probability reaches the threshold; None where nothing was calibrated.
    at_limit_up
        Whether its close is at the upper price limit: tomorrow's open may be out of reach.
    tied_unlisted
        How many names have the very score of this one and are not on the list, because their names come later: between
        these the model does not choose.
    """

    rank: int
    symbol: str
    score: float
    probability: float | None
    called: bool | None
    at_limit_up: bool
    tied_unlisted: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class NewestRows:
    """The features of everyone who could be picked at one instant.

    Parameters
    ----------
    as_of
        The close whose bars are the newest.
    symbols
        Who can be picked, by :func:`~tidegate.features.pickable`, as in the tests of training.
    features
        ``float32 (n_symbols, n_features)``.
    at_limit_up
        ``bool (n_symbols,)``; False where there are no price limits.
    left_out
        Names of the universe that are not among them.
    bars_behind
        Bars that the calendar owed between ``as_of`` and the present.
    data_versions
        What was read.
    """

    as_of: Instant
    symbols: tuple[str, ...]
    features: Float32Array
    at_limit_up: Mask
    left_out: int
    bars_behind: int
    contract: FeatureContract
    data_versions: Mapping[str, int]


@dataclass(frozen=True, eq=False, kw_only=True)
class LiveForecast:
    """What a model of an artifact says of everyone who could be picked at one instant."""

    artifact: Artifact
    model: ArtifactModel
    rows: NewestRows
    scores: Forecast

    @property
    def base_rate(self) -> float | None:
        """Mean calibrated probability of all names today; None where nothing was calibrated."""
        return None if self.scores.probability is None else float(np.mean(self.scores.probability))

    def picks(self, top_k: int, reasons: int) -> tuple[LivePick, ...]:
        """Return the best names, highest score first, ties by name: the same list each time, not a neutral one.

        Parameters
        ----------
        top_k
            How many names.
        reasons
            How many features beside each, those that moved its forecast the most.
        """
        score = self.scores.score
        order = np.lexsort((np.array(self.rows.symbols), -score))[:top_k]
        moved = self.model.contributions(np.ascontiguousarray(self.rows.features[order]))
        # A tree that stopped early gives many names one score, of which the list holds the first by name.
        tied = {place: int(np.sum(score == score[place]) - np.sum(score[order] == score[place])) for place in order}
        return tuple(
            self._pick(rank, int(place), moved[rank], reasons, tied[place]) for rank, place in enumerate(order)
        )

    def _pick(self, rank: int, place: int, moved: FloatArray, reasons: int, unlisted: int) -> LivePick:
        scores, values = self.scores, self.rows.features[place]
        largest = np.argsort(-np.abs(moved), kind="stable")[:reasons]
        told = tuple(
            Reason(
                feature=self.rows.contract.names[feature],
                value=None if np.isnan(values[feature]) else float(values[feature]),
                contribution=float(moved[feature]),
                description=self.rows.contract.features[feature].description,
            )
            for feature in largest.tolist()
            if moved[feature] != 0.0
        )
        return LivePick(
            rank=rank + 1,
            symbol=self.rows.symbols[place],
            score=float(scores.score[place]),
            probability=None if scores.probability is None else float(scores.probability[place]),
            called=None if scores.called is None else bool(scores.called[place]),
            at_limit_up=bool(self.rows.at_limit_up[place]),
            tied_unlisted=unlisted,
            reasons=told,
        )


def recipe_of(artifact: Artifact) -> Recipe:
    """Return the recipe that an artifact was trained by."""
    return Recipe.model_validate(artifact.document("recipe.json"))


def live_forecast(
    workspace: Workspace, artifact: Artifact, *, day: date | None = None, model: str | None = None
) -> LiveForecast:
    """Forecast what comes after a day, with the models of an artifact and the bars that were known then.

    Parameters
    ----------
    workspace
        Its newest bars are read, whatever end the recipe names for training.
    artifact
        Opened, so every file of it was checked.
    day
        The day whose close decides; None takes the newest bars.
    model
        Name of the model; None takes the one that leads.

    Raises
    ------
    InputError
        If the features of these data are not those that the models learned from, or the day lies where a label of
        theirs reached: what they say there is hindsight.
    DataError, CatalogError
        If there is no bar on that day, or nobody to pick from.
    """
    rows = newest_rows(workspace, artifact, day=day)
    loaded = ArtifactModel.load(artifact, model)
    scores = loaded.score(rows.features, np.full(len(rows.symbols), rows.as_of, dtype=np.int64))
    return LiveForecast(artifact=artifact, model=loaded, rows=rows, scores=scores)


def newest_rows(workspace: Workspace, artifact: Artifact, *, day: date | None = None) -> NewestRows:
    """Return the features of one instant, built by the artifact's own contract; see :func:`live_forecast`."""
    trained, catalog = recipe_of(artifact), Catalog(workspace)
    declared = declared_contract(trained.features, trained.data.interval)
    contract = FeatureContract.from_document(artifact.document("contract.json"), declared)
    recipe = _reading(trained, contract, day, workspace)
    versions = pinned_versions(catalog, recipe)
    read = read_recipe_data(catalog, recipe, versions, sources=True)
    history = read.history(recipe.universe.benchmark)
    as_of = _newest(history, day)
    history = history.until(as_of)
    _require_contract(history, recipe, contract, artifact)
    if as_of < artifact.parts.trained_until:
        raise InputError(
            found=f"{format_instant(as_of)[:10]} and models that saw labels until "
            f"{format_instant(artifact.parts.trained_until)[:10]}",
            expected="a day after these labels: before them a forecast is hindsight",
            hint="what was forecast out of sample stands in scores.parquet and picks.parquet of the training run",
        )
    recent = recent_history(history, contract)
    last = len(recent.bars.times) - 1
    features = FeatureBuilder(recent, contract).rows(last, last + 1)
    newest = FeatureMatrix(recent.bars.times[last:], recent.bars.symbols, contract, features)
    chosen = np.flatnonzero(pickable(history, newest)[0])
    if not chosen.size:
        raise DataError(
            found=f"nobody to pick from on {format_instant(as_of)[:10]}",
            expected="members of the universe with a bar, volume and features",
            hint="look at what is there: tidegate catalog",
        )
    return NewestRows(
        as_of=as_of,
        symbols=tuple(recent.bars.symbols[place] for place in chosen.tolist()),
        features=np.ascontiguousarray(features[0, chosen]),
        at_limit_up=_at_limit_up(history)[chosen],
        left_out=_universe_size(history) - int(chosen.size),
        bars_behind=_bars_behind(catalog, recipe, as_of) if day is None else 0,
        contract=contract,
        data_versions=versions,
    )


def _reading(recipe: Recipe, contract: FeatureContract, day: date | None, workspace: Workspace) -> Recipe:
    """Return a recipe that reads the newest bars, and no more of the past than the features look at."""
    newest = _newest_bar(workspace, recipe)
    if day is not None and newest is not None and newest <= parse_instant(day):
        raise _no_bar(day, f"the newest of {recipe.data.dataset} on {_day(newest)}")
    settings = recipe.data.model_copy(update={"end": day})
    # A listed name without a bar in a short window would look like one that is not there.
    if not recipe.universe.symbols and recipe.data.interval.is_session:
        reach = timedelta(days=int(contract.lookback_bars * _CALENDAR_DAYS_PER_BAR) + _SPARE_DAYS)
        start = (day or moment_of(now() if newest is None else newest).date()) - reach
        if settings.start is None or settings.start < start:
            settings = settings.model_copy(update={"start": start})
    return recipe.model_copy(update={"data": settings})


def _newest_bar(workspace: Workspace, recipe: Recipe) -> Instant | None:
    import polars as pl

    bars = Catalog(workspace).revisions("bars", dataset=recipe.data.dataset, as_of=now())
    newest = bars.select(pl.col("event_time").max().dt.epoch("us")).collect().item()
    return None if newest is None else Instant(newest)


def _newest(history: History, day: date | None) -> Instant:
    """Return the newest instant with a close, which must be one of ``day`` where one is asked for."""
    bars = history.bars
    rows = np.flatnonzero((~np.isnan(bars["close"])).any(axis=1))
    newest = Instant(int(bars.times[rows[-1]])) if rows.size else None
    if newest is None or (day is not None and newest <= parse_instant(day)):
        raise _no_bar(day, "" if newest is None else f"the newest before it on {_day(newest)}")
    return newest


def _no_bar(day: date | None, newest: str) -> DataError:
    return DataError(
        found=f"no bar on {day}{newest and ', '}{newest}",
        expected="a day with bars",
        hint="name a trading day, or bring newer bars",
    )


def _day(instant: int) -> str:
    return format_instant(instant - 1)[:10]


def _require_contract(history: History, recipe: Recipe, contract: FeatureContract, artifact: Artifact) -> None:
    """Refuse data whose features are not those that the models learned from: nothing is padded or cut to fit (D-26)."""
    found = contract_for(history.bars, recipe.features, tables=history.tables, interval=recipe.data.interval)
    if not found.fingerprint == contract.fingerprint == artifact.parts.contract:
        lost = sorted(set(contract.names) - set(found.names))
        gained = sorted(set(found.names) - set(contract.names))
        told = "; ".join(f"{what} {', '.join(names)}" for what, names in (("without", lost), ("with", gained)) if names)
        raise InputError(
            found=f"data whose features have contract {found.fingerprint[:12]}{told and f' ({told})'}",
            expected=f"contract {artifact.parts.contract[:12]}, which artifact {artifact.id[:12]} learned from",
            hint="read the same sources as in training, or train on these",
        )


def _universe_size(history: History) -> int:
    bars = history.bars
    return int(np.sum(bars[MEMBER][-1] > 0.0)) if MEMBER in bars else len(bars.symbols)


def _at_limit_up(history: History) -> Mask:
    """Return whose last close is at its upper limit, ``bool (n_symbols,)``."""
    bars = history.bars
    limited = "raw_close" in bars and any(board_of(symbol) is not None for symbol in bars.symbols)
    if not limited:
        return np.zeros(len(bars.symbols), dtype=np.bool_)
    upper, _ = limit_prices(bars.columns, bars.symbols, bars.times)
    return at_limit_up(bars["raw_close"][-1], upper[-1])


def _bars_behind(catalog: Catalog, recipe: Recipe, as_of: Instant) -> int:
    """Return how many bars the data set's calendar owed after ``as_of`` and up to the present."""
    import polars as pl

    rows = catalog.revisions("bars", dataset=recipe.data.dataset, as_of=end_of_data(recipe))
    known = rows.filter(pl.col("interval") == str(recipe.data.interval)).select("calendar").head(1).collect()
    if known.is_empty() or now() <= as_of:
        return 0
    return len(trading_calendar(str(known.item())).expected(recipe.data.interval, as_of + 1, now()))
