"""One pass over the curves of a search: all that is said of its sets, with one file held at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np

from tidegate.core.recipe import SearchSettings
from tidegate.core.units import FloatArray, Int64Array
from tidegate.evaluate.overfitting import BlockSums, block_sums
from tidegate.evaluate.sharpe import SharpeMoments, sharpe_moments
from tidegate.evaluate.stationary import StationaryDraws, draw_stationary
from tidegate.evaluate.superior import SuperiorResult, SuperiorTest
from tidegate.search.ground import same_closes
from tidegate.search.part_figures import part_figures, window_figures
from tidegate.search.parts import Part, window_parts
from tidegate.search.shelf import CurveFile, CurveShelf

__all__ = ["WINDOW", "Gathered", "gather"]

WINDOW: Final = "window"
_CHECKPOINTS: Final = 64
_FEWEST_BLOCKS: Final = 30
"""Blocks of history below which nothing is tested: long-run deviations are too rough then, and noise passes often."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Gathered:
    """What is known of every set that was simulated; columns in the order of ``keys``.

    Parameters
    ----------
    keys
        Of the works.
    times
        ``int64 (n_times,)`` closes of the window.
    benchmark
        ``float64 (n_times,)``: what the benchmark was worth, by the first file.
    parts
        Of the window.
    figures
        Name of the part, or ``window``, to name of the figure to ``float64 (n_sets,)``, NaN where there is none.
    equity
        ``float64 (n_checkpoints, n_sets)`` at some closes, the last one included, to tell curves apart by.
    counts, orders
        As :class:`~tidegate.search.shelf.CurveFile` has them.
    excess_moments
        Of net returns minus the benchmark's, over the whole window.
    superior, adjusted, blocks
        The test against the benchmark, the adjusted p value of each set ``float64 (n_sets,)``, and the sums by
        stretches of time, of the same excess; None where the window is too short for them.
    beta, alpha
        ``float64 (n_sets,)``: how much of the benchmark each set moved with, and what it earned beside that in a bar.
    matched
        The test of the alphas: a set that holds little beats a benchmark that falls, and knows nothing; None as above.
    tested_from
        Close from which both are tested: the first one, or the last of the training part where sets were proposed by
        what others had earned there.
    """

    keys: tuple[str, ...]
    times: Int64Array
    benchmark: FloatArray
    parts: tuple[Part, ...]
    figures: Mapping[str, Mapping[str, FloatArray]]
    equity: FloatArray
    counts: Int64Array
    orders: Int64Array
    excess_moments: SharpeMoments
    superior: SuperiorResult | None
    adjusted: FloatArray | None
    blocks: BlockSums | None
    beta: FloatArray
    alpha: FloatArray
    matched: SuperiorResult | None
    tested_from: int


def gather(
    shelf: CurveShelf,
    keys: Sequence[str],
    settings: SearchSettings,
    *,
    bars_per_year: float,
    seed: int,
    interest: FloatArray | None = None,
) -> Gathered:
    """Read the curves of these works once.

    Luck is tested on net simple returns minus those of the benchmark: a drift that all have is no edge. It is tested
    once more on what is left when each set is held against as much of the benchmark as it moved with (Jensen 1968,
    https://doi.org/10.1111/j.1540-6261.1968.tb00815.x): with *r* the return of a set, *b* that of the benchmark and *c*
    that of cash,

    ``beta = cov(r - c, b - c) / var(b - c)``,  ``alpha_t = (r_t - c_t) - beta * (b_t - c_t)``.

    Parameters
    ----------
    interest
        ``float64 (n_times - 1,)``: what a unit of cash earned in each bar; None earns nothing.

    Raises
    ------
    RunError
        If a curve is missing.
    DataError
        If the closes of two sets differ.
    """
    files = shelf.read(keys)
    first = next(files)
    reader = _Reader(first, settings, bars_per_year, seed, interest)
    for file in chain([first], files):
        reader.add(file)
    return reader.gathered()


class _Reader:
    def __init__(
        self,
        first: CurveFile,
        settings: SearchSettings,
        bars_per_year: float,
        seed: int,
        interest: FloatArray | None,
    ) -> None:
        self._settings, self._per_year = settings, bars_per_year
        self._times, self._benchmark = first.times, first.benchmark
        self._parts = tuple(window_parts(first.times, settings.parts))
        last = len(first.times) - 1
        self._checkpoints = np.unique(np.linspace(0, last, _CHECKPOINTS).astype(np.int64))
        self._interest = np.zeros(last) if interest is None else interest
        self._test: SuperiorTest | None = None
        self._matched: SuperiorTest | None = None
        # Sets that were proposed by what others earned in the training part prove nothing there.
        self._tested = slice(self._parts[0].bars if settings.learns else 0, last)
        bars = last - self._tested.start
        if bars >= max(_FEWEST_BLOCKS * settings.block_bars, 2 * settings.overfitting_blocks):
            draws = _draws(settings, bars, seed)
            self._test, self._matched = SuperiorTest(draws), SuperiorTest(draws)
        self._lines: list[tuple[FloatArray, FloatArray]] = []
        self._keys: list[str] = []
        self._figures: list[dict[str, dict[str, FloatArray]]] = []
        self._pieces: list[tuple[FloatArray, Int64Array, Int64Array]] = []
        self._moments: list[SharpeMoments] = []
        self._blocks: list[BlockSums] = []

    def add(self, file: CurveFile) -> None:
        same_closes(self._times, file.times, file.keys[0])
        self._keys += file.keys
        figures: dict[str, dict[str, FloatArray]] = {WINDOW: window_figures(file, self._per_year)}
        figures |= {str(part.name): part_figures(file, part, self._per_year) for part in self._parts}
        self._figures.append(figures)
        self._pieces.append((file.equity[self._checkpoints], file.counts, file.orders))
        returns, excess = _returns(file)
        self._moments.append(sharpe_moments(excess))
        beta, beside = _beside_the_benchmark(returns, excess, self._interest)
        self._lines.append((beta, beside.mean(axis=0)))
        if self._test is not None and self._matched is not None:
            self._test.add(excess[self._tested])
            self._matched.add(beside[self._tested])
            self._blocks.append(block_sums(excess, self._settings.overfitting_blocks))

    def gathered(self) -> Gathered:
        names = {part: tuple(figures) for part, figures in self._figures[0].items()}
        checkpoints, counts, orders = zip(*self._pieces, strict=True)
        superior = None if self._test is None else self._test.result()
        return Gathered(
            keys=tuple(self._keys),
            times=self._times,
            benchmark=self._benchmark,
            parts=self._parts,
            figures={
                part: {name: np.concatenate([one[part][name] for one in self._figures]) for name in names[part]}
                for part in names
            },
            equity=np.concatenate(checkpoints, axis=1),
            counts=np.concatenate(counts),
            orders=np.concatenate(orders),
            excess_moments=_joined(self._moments),
            superior=superior,
            adjusted=None if superior is None else superior.adjusted,
            blocks=self._blocks[0].joined(self._blocks[1:]) if self._blocks else None,
            beta=np.concatenate([beta for beta, _ in self._lines]),
            alpha=np.concatenate([alpha for _, alpha in self._lines]),
            matched=None if self._matched is None else self._matched.result(),
            tested_from=int(self._times[self._tested.start]),
        )


def _draws(settings: SearchSettings, bars: int, seed: int) -> StationaryDraws:
    return draw_stationary(bars, block=settings.block_bars, replicates=settings.replicates, seed=seed)


def _returns(file: CurveFile) -> tuple[FloatArray, FloatArray]:
    """Return net simple returns and those over the benchmark; all 0 for an account that was ruined."""
    alive = (file.equity > 0.0).all(axis=0)
    equity = np.where(alive, file.equity, 1.0)
    returns = equity[1:] / equity[:-1] - 1.0
    earned = file.benchmark[1:] / file.benchmark[:-1] - 1.0
    return returns, np.where(alive, returns - earned[:, None], 0.0)


def _beside_the_benchmark(
    returns: FloatArray, excess: FloatArray, interest: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return how much of the benchmark each set moved with, and what it earned beside that, bar by bar."""
    own = returns - interest[:, None]
    market = own - excess  # the benchmark's over cash, the same in every column but those of ruined accounts
    centred = market - market.mean(axis=0)
    spread = np.sum(centred * centred, axis=0)
    beta = np.where(spread > 0.0, np.sum(centred * own, axis=0) / np.where(spread > 0.0, spread, 1.0), 0.0)
    return beta, np.where((excess != 0.0).any(axis=0), own - beta * market, 0.0)


def _joined(parts: Sequence[SharpeMoments]) -> SharpeMoments:
    return SharpeMoments(
        sharpe=np.concatenate([one.sharpe for one in parts]),
        skewness=np.concatenate([one.skewness for one in parts]),
        kurtosis=np.concatenate([one.kurtosis for one in parts]),
        bars=parts[0].bars,
    )
