"""Curves of made-up sets, and evidence of a search that has them, for tests of what is concluded from curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.core.recipe import Recipe, SearchSettings, load_recipe
from tidegate.core.time import DAY, Instant
from tidegate.core.units import FloatArray
from tidegate.registry import TrialRecord
from tidegate.search.candidates import Candidate
from tidegate.search.findings import Evidence
from tidegate.search.gathered import gather
from tidegate.search.runner.manifest import Entry, Step
from tidegate.search.runner.states import State
from tidegate.search.sets.parameter_set import ParameterSet, key_of
from tidegate.search.shelf import CurveFile, CurveShelf

BARS = 400
START = 15_000 * DAY


def curves(sets: int, *, bars: int = BARS, seed: int = 1, drift: float = 0.0005) -> tuple[FloatArray, FloatArray]:
    """Return equity ``(bars + 1, sets)`` and the benchmark, correlated; later sets carry more risk and more growth."""
    random = np.random.default_rng(seed)
    common = 0.008 * random.normal(size=(bars, 1))
    risk = np.linspace(0.3, 1.2, sets)
    returns = risk * (drift + common + 0.004 * random.normal(size=(bars, sets)))
    equity = 1e6 * np.vstack([np.ones(sets), np.cumprod(1.0 + returns, axis=0)])
    bench = 1e6 * np.append(1.0, np.cumprod(1.0 + drift / 2 + common[:, 0]))
    return equity, bench


def candidates(sets: int) -> list[Candidate]:
    """Return sets that differ in ``max_exposure`` and, two by two, in ``top_n``."""
    base = recipe().trading()
    found = []
    for number in range(sets):
        values = {"max_exposure": round(0.3 + 0.05 * (number // 2), 2), "top_n": 3 + number % 2}
        one = ParameterSet(
            number=number,
            key=key_of(values),
            origin="grid",
            parameters=values,
            settings=base.model_copy(update=values),
        )
        found.append(Candidate(set=one, train_run="train-made-up"))
    return found


def recipe() -> Recipe:
    return load_recipe("demo")


def file_of(keys: Sequence[str], equity: FloatArray, bench: FloatArray, *, first_day: int = 0) -> CurveFile:
    """Return the curves of some sets as whoever simulated them leaves them."""
    count = len(keys)
    return CurveFile(
        keys=tuple(keys),
        times=START + (first_day + np.arange(len(equity))) * DAY,
        equity=equity,
        benchmark=bench,
        counts=np.arange(count * 15).reshape(count, 15),
        orders=np.arange(count),
        traded=equity[0] * 3.0,
        traded_in_training=np.full(count, np.nan),
    )


def shelf_of(
    folder: Path, keys: Sequence[str], equity: FloatArray, bench: FloatArray, *, pieces: Sequence[Sequence[int]]
) -> CurveShelf:
    """Return a shelf with the curves in files of these columns."""
    shelf = CurveShelf(folder)
    for columns in pieces:
        chosen = list(columns)
        whole = file_of(keys, equity, bench)
        shelf.put(whole.only(chosen))
    return shelf


def settings(**given: Any) -> SearchSettings:
    return SearchSettings(**{"replicates": 100, "block_bars": 10, "grid": {"top_n": [3, 4]}, **given})


def evidence(
    folder: Path,
    equity: FloatArray,
    bench: FloatArray,
    asked: SearchSettings,
    *,
    failed: Sequence[int] = (),
    trials: Sequence[TrialRecord] = (),
) -> Evidence:
    """Return what a search with these curves left."""
    count = equity.shape[1]
    planned = candidates(count)
    done = [one for one in planned if one.set.number not in failed]
    shelf = shelf_of(folder, [one.key for one in planned], equity, bench, pieces=[range(count)])
    gathered = gather(shelf, [one.key for one in done], asked, bars_per_year=252.0, seed=7)
    own = [record(str(one.set.number), gathered.excess_moments.sharpe[row]) for row, one in enumerate(done)]
    return Evidence(
        recipe=recipe(),
        settings=asked,
        candidates=planned,
        entries={one.key: _entry(one.key, is_done=one in done) for one in planned},
        done=done,
        shelf=shelf,
        gathered=gathered,
        own_trials={one.fingerprint for one in own},
        trials=[*own, *trials],
        bars_per_year=252.0,
    )


def record(fingerprint: str, excess: float | None, *, bars: int = BARS, kind: str = "search") -> TrialRecord:
    """Return a trial over the whole window."""
    known = None if excess is None or not np.isfinite(excess) else float(excess)
    return TrialRecord(
        fingerprint=fingerprint,
        market="made-up",
        start=Instant(START),
        end=Instant(START + BARS * DAY),
        bars=bars,
        sharpe=None,
        excess_sharpe=known,
        kind=kind,
        run="run",
        recipe_name="made-up",
    )


def _entry(key: str, *, is_done: bool) -> Entry:
    step = Step(key=key, state=State.SUCCESS if is_done else State.FAILED, error=None if is_done else "it says no")
    return Entry(last=step, payload={})
