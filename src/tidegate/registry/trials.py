"""Trials: everything that was tried on a market, counted by the software and not by who tried it.

The best of many tries looks good by luck alone; how good depends on how many there were. So each set of parameters that
was judged leaves a row here, whichever recipe or command ran it, and is found again by the stretch of time that it was
judged on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

import polars as pl
from pydantic import BaseModel
from sqlalchemy import Insert, Select, distinct, func, select
from sqlalchemy.dialects import postgresql, sqlite

from tidegate.core.clock import now
from tidegate.core.database import trials
from tidegate.core.errors import InputError
from tidegate.core.fingerprint import canonical_json, fingerprint
from tidegate.core.recipe import BacktestSettings, Recipe
from tidegate.core.time import Instant, format_instant
from tidegate.core.workspace import Workspace
from tidegate.costs import CostModel
from tidegate.data import Catalog
from tidegate.registry.run import Run

__all__ = [
    "TrialRecord",
    "TrialStore",
    "forecast_fingerprint",
    "market_of_dataset",
    "training_of",
    "trial_fingerprint",
]

_DIGITS: Final = 12
"""Significant digits by which two numbers of a parameter are one: steps of 0.01 reach 0.03 and 0.030000000000000002."""

_COLUMNS: Final = (
    *(trials.c[name] for name in ("fingerprint", "market", "bars", "sharpe", "excess_sharpe", "kind", "run")),
    trials.c.recipe_name,
    trials.c.window_start.label("start"),
    trials.c.window_end.label("end"),
)
"""What a record is made of, under its own names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRecord:
    """One thing that was tried, and the stretch of time that it was judged on.

    Parameters
    ----------
    fingerprint
        What was tried, from :func:`trial_fingerprint`.
    market
        From :func:`market_of_dataset`.
    start, end
        Instants of the first and the last close of the account, both inside the window.
    bars
        How many returns lie between them.
    sharpe, excess_sharpe
        Sharpe ratio **per bar**, not per year, of the net simple returns and of these minus the benchmark's; None where
        what was tried has none: a model that was compared by its forecasts, or a curve that never moved.
    kind
        The command behind it, such as ``search``.
    run
        Id of its run.
    recipe_name
        The recipe of that run.

    Raises
    ------
    InputError
        If the window ends before it begins, holds no return, or a ratio is not finite.
    """

    fingerprint: str
    market: str
    start: Instant
    end: Instant
    bars: int
    sharpe: float | None
    excess_sharpe: float | None
    kind: str
    run: str
    recipe_name: str

    def __post_init__(self) -> None:
        ratios = [ratio for ratio in (self.sharpe, self.excess_sharpe) if ratio is not None]
        if self.start > self.end or self.bars < 1 or not all(isfinite(ratio) for ratio in ratios):
            raise InputError(
                found=f"a trial of {self.bars} bars, {format_instant(self.start)} to {format_instant(self.end)}, "
                f"Sharpe ratios {self.sharpe} and {self.excess_sharpe}",
                expected="at least one bar, a start before its end, and finite ratios or None",
                hint="leave out a ratio that does not exist",
            )


class TrialStore:
    """Trials of a workspace.

    Parameters
    ----------
    workspace
        Rows lie in its database and outlive the folders of their runs.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def record(self, records: Sequence[TrialRecord]) -> None:
        """Keep trials, all of them or none; one of the same fingerprint, market and window again adds nothing.

        The database itself tells what is there already, so that processes may record the same trials at once.
        """
        if not records:
            return
        # One order for all: two processes that wait for each other's rows would wait for ever.
        ordered = sorted(records, key=lambda one: (one.fingerprint, one.market, one.start, one.end))
        at = now()
        with self._workspace.database.begin() as connection:
            connection.execute(_unless_there(connection.dialect.name), [_row(one, at) for one in ordered])

    def overlapping(self, market: str, start: Instant, end: Instant) -> list[TrialRecord]:
        """Return what was tried on a stretch of time: each fingerprint once, as it was judged last.

        Two windows overlap when they share an instant; the ends of both are inside.

        Returns
        -------
        list of TrialRecord
            In order of their fingerprints.
        """
        newest = (trials.c.recorded_at, trials.c.window_end, trials.c.window_start)
        query = _shared(select(*_COLUMNS), market, start, end).order_by(trials.c.fingerprint, *newest)
        with self._workspace.database.connect() as connection:
            last = {row.fingerprint: row for row in connection.execute(query)}  # the later of two takes the place
        return [TrialRecord(**row._asdict()) for row in last.values()]

    def count(self, market: str, start: Instant, end: Instant) -> int:
        """Return how many things were tried on a stretch of time; the length of :meth:`overlapping`."""
        query = _shared(select(func.count(distinct(trials.c.fingerprint))), market, start, end)
        with self._workspace.database.connect() as connection:
            return int(connection.execute(query).scalar_one())


def trial_fingerprint(
    *, settings: object, costs: CostModel, backtest: BacktestSettings, training: str, model: str
) -> str:
    """Return the SHA-256 of what is tried: not when, not on which version of the data, and not by which command.

    Parameters
    ----------
    settings
        The strategy as it trades, every parameter resolved: :class:`~tidegate.core.recipe_strategy.StrategySettings`
        or the settings of another strategy.
    costs
        What trades cost; ``CostModel()`` where a legacy switch leaves fees out.
    backtest
        Cash, price and rules of the fills; its dates say on which window, and are left out.
    training
        From :func:`training_of`: data set, universe, features, labels and models behind the scores.
    model
        Whose scores decide.

    Raises
    ------
    InputError
        If the settings are not plain values.

    Examples
    --------
    >>> from tidegate.core.recipe import StrategySettings
    >>> def of(width, **dates):
    ...     settings = StrategySettings(scores="ridge", max_weight=width)
    ...     backtest = BacktestSettings(**dates)
    ...     return trial_fingerprint(settings=settings, costs=CostModel(), backtest=backtest, training="t", model="m")
    >>> of(0.3) == of(0.1 + 0.2, start="2020-01-01")
    True
    >>> of(0.3) == of(0.31)
    False
    """
    rules = backtest.model_dump_json(exclude={"start", "end"})
    own = settings.model_dump_json() if isinstance(settings, BaseModel) else canonical_json(settings)
    tried = [json.loads(part, parse_float=_as_written) for part in (own, costs.model_dump_json(), rules)]
    return fingerprint([json.dumps(tried, sort_keys=True), type(settings).__name__, training, model])


def forecast_fingerprint(*, training: str, model: str, variant: str, seed: int, protocol: object) -> str:
    """Return the SHA-256 of a model that was judged by its forecasts alone, without any strategy.

    Parameters
    ----------
    training
        Fingerprint of the recipe's training part.
    variant
        Which features it saw, by name.
    protocol
        How the time was cut into parts, as plain values.

    Raises
    ------
    InputError
        If the protocol is not plain values.
    """
    return fingerprint(["forecast", training, model, variant, seed, protocol])


def training_of(run: Run) -> str:
    """Return the SHA-256 of what made the scores of a run: its training part, and the parameters that tuning found.

    Raises
    ------
    pydantic.ValidationError
        If the run was made in the vocabulary of another version.
    """
    tuned = run.metrics.get("tuned") or {}
    return fingerprint([Recipe.model_validate(run.recipe).training_fingerprint(), tuned.get("parameters")])


def market_of_dataset(catalog: Catalog, dataset: str) -> str:
    """Return the market of a data set of bars: the calendar of most of its rows, or its own name where none has one.

    All data sets of US shares trade on ``XNYS``, A-shares on ``XSHG``, and what never closes on ``24/7``: what was
    tried on one of them was tried on the others, whose prices move together.

    Raises
    ------
    CatalogError
        If there is no such data set.
    """
    rows = catalog.revisions("bars", dataset=dataset, as_of=now()).select("calendar").drop_nulls()
    counted = rows.group_by("calendar").len().sort(pl.col("len"), "calendar", descending=[True, False]).collect()
    return str(counted["calendar"][0]) if counted.height else dataset


def _as_written(number: str) -> float:
    return float(f"{float(number):.{_DIGITS}g}")


def _unless_there(dialect: str) -> Insert:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(trials).on_conflict_do_nothing()


def _shared(query: Select[Any], market: str, start: Instant, end: Instant) -> Select[Any]:
    """Return a query narrowed to the trials of a market whose windows share an instant with another."""
    return query.where(trials.c.market == market, trials.c.window_start <= end, trials.c.window_end >= start)


def _row(one: TrialRecord, at: Instant) -> dict[str, Any]:
    return {
        "fingerprint": one.fingerprint,
        "market": one.market,
        "window_start": one.start,
        "window_end": one.end,
        "bars": one.bars,
        "sharpe": one.sharpe,
        "excess_sharpe": one.excess_sharpe,
        "kind": str(one.kind),
        "run": one.run,
        "recipe_name": one.recipe_name,
        "recorded_at": at,
    }
