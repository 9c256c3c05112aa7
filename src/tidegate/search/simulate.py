"""Works of a search, done by the kernel: many sets at once, each equal to the backtest of its own recipe."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidegate.core.errors import LedgerError, TidegateError
from tidegate.core.fingerprint import fingerprint
from tidegate.core.recipe import Recipe, SearchSettings, StrategySettings
from tidegate.core.units import FloatArray, Int64Array
from tidegate.core.workspace import Workspace
from tidegate.engine.market import Market
from tidegate.engine.setup import Setup
from tidegate.engine.sweep import Sweep, Trial, run_trials
from tidegate.search.ground import Ground, same_closes
from tidegate.search.part_figures import part_figures
from tidegate.search.parts import window_parts
from tidegate.search.runner.backend import Outcome, Work
from tidegate.search.runner.states import State
from tidegate.search.shelf import CurveFile, CurveShelf

__all__ = ["Elsewhere", "Simulator"]

_TRADED: Final = 5
"""Column of the value traded among what a book has paid."""
_TURNOVER: Final = "turnover"
_ARRIVED: Final[dict[str, Simulator]] = {}
"""The simulator of this process, where it works for another one: the latest search alone."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Simulator:
    """Simulates works and leaves their curves on the shelf.

    Parameters
    ----------
    ground
        Markets and scores.
    shelf
        Takes the curves, before anybody is told that a work is done.
    settings
        How the window is cut, and what is asked of a set: works are judged by the training part alone.
    threads
        Sets are shared out among so many; the curves do not depend on it.
    closes
        ``int64 (n_times,)`` closes that every curve must have; None takes what the first one has.
    """

    ground: Ground
    shelf: CurveShelf
    settings: SearchSettings
    threads: int = 1
    closes: Int64Array | None = None

    def __call__(self, works: Sequence[Work]) -> list[Outcome]:
        """Return what came of the works, in their order; one that cannot be simulated fails by itself."""
        groups: dict[tuple[str, str], list[Work]] = defaultdict(list)
        for work in works:
            groups[work.payload["train_run"], work.payload["scores"]].append(work)
        outcomes = {one.key: one for key, group in groups.items() for one in self._group(*key, group)}
        return [outcomes[work.key] for work in works]

    def _group(self, train_run: str, scores: str, works: Sequence[Work]) -> list[Outcome]:
        try:
            setup = self.ground.setup(train_run, scores)
            benchmark = self.ground.benchmark(train_run, scores)
            if self.closes is not None:
                same_closes(self.closes, setup.market.times[setup.start :], train_run)
        except LedgerError:
            raise  # a mistake in the engine is nobody's result
        except TidegateError as error:
            return [_failed(work, error) for work in works]
        trials = [replace(setup.trial, settings=_settings(work.payload)) for work in works]
        sweep = self._sweep(setup.market, setup, trials)
        file = CurveFile(
            keys=tuple(work.key for work in works),
            times=sweep.times,
            equity=sweep.equity,
            benchmark=benchmark,
            counts=sweep.counts,
            orders=sweep.orders,
            traded=sweep.paid[:, _TRADED],
            traded_in_training=self._traded_in_training(sweep, setup, trials),
        )
        self.shelf.put(file)
        return _outcomes(file, works, self.settings, self.ground.bars_per_year(train_run, scores))

    def _sweep(self, market: Market, setup: Setup, trials: Sequence[Trial]) -> Sweep:
        return run_trials(market, trials, **setup.arguments, whole=False, threads=self.threads)

    def _traded_in_training(self, sweep: Sweep, setup: Setup, trials: Sequence[Trial]) -> FloatArray:
        """Return what was traded in the training part; only an account that ends there knows it."""
        if self.settings.objective != _TURNOVER and _TURNOVER not in self.settings.constraints:
            return np.full(len(trials), np.nan)
        training = window_parts(sweep.times, self.settings.parts)[0]
        return self._sweep(setup.market.until(setup.start + training.stop), setup, trials).paid[:, _TRADED]


def _outcomes(file: CurveFile, works: Sequence[Work], settings: SearchSettings, per_year: float) -> list[Outcome]:
    training = window_parts(file.times, settings.parts)[0]
    figures = part_figures(file, training, per_year)
    return [
        Outcome(key=work.key, status=State.SUCCESS, figures=_plain(figures, column))
        for column, work in enumerate(works)
    ]


def _settings(payload: Mapping[str, Any]) -> StrategySettings:
    return StrategySettings.model_validate(payload["parameters"])


def _failed(work: Work, error: TidegateError) -> Outcome:
    return Outcome(key=work.key, status=State.FAILED, error=str(error))


def _plain(figures: Mapping[str, FloatArray], column: int) -> dict[str, float | None]:
    return {name: float(value[column]) if np.isfinite(value[column]) else None for name, value in figures.items()}


@dataclass(frozen=True, eq=False, kw_only=True)
class Elsewhere:
    """A simulator for other processes: it travels as a few settings, and reads its markets where it arrives.

    Parameters
    ----------
    workspace, curves
        Folders of the workspace and of the shelf, as every process sees them.
    recipe, settings, closes, defensives
        As of :class:`Ground` and :class:`Simulator`.
    """

    workspace: Path
    curves: Path
    recipe: Recipe
    settings: SearchSettings
    closes: Int64Array | None = None
    defensives: tuple[str, ...] = ()

    def __call__(self, works: Sequence[Work]) -> list[Outcome]:
        """Return what came of the works, in their order."""
        key = fingerprint([str(self.workspace), str(self.curves), self.recipe, self.settings, self.defensives])
        if key not in _ARRIVED:
            _ARRIVED.clear()
            _ARRIVED[key] = Simulator(
                ground=Ground(Workspace.open(self.workspace), self.recipe, self.defensives),
                shelf=CurveShelf(self.curves),
                settings=self.settings,
                closes=self.closes,
            )
        return _ARRIVED[key](works)
