"""What a search among parameter sets or training runs found: frozen values, in the words of its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from tidegate.core.time import DAY

__all__ = [
    "PARTS",
    "TRAIN_RUN",
    "Bounds",
    "ChosenYear",
    "Counts",
    "Deflated",
    "Entry",
    "Failure",
    "Figures",
    "Heatmap",
    "Luck",
    "Matched",
    "Neighbour",
    "Nested",
    "Overfitting",
    "Part",
    "Plateau",
    "SearchResult",
    "SpaTest",
    "Swept",
]

PARTS: Final = ("training", "validation", "final")
"""Parts of a window, in order of time."""

TRAIN_RUN: Final = "train_run"
"""What the sets of a selection differ by."""

_DAYS_PER_YEAR: Final = 365.25

Figures = Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A stretch of the window, microseconds UTC, both ends inclusive."""

    name: str
    start: int
    end: int
    bars: int


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Where a figure had to lie."""

    figure: str
    at_least: float | None
    at_most: float | None

    def holds(self, value: float | None) -> bool:
        """Return whether a value lies there; one that is not known does not."""
        if value is None:
            return False
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One set that is shown: what it says, and how it did in each part.

    Parameters
    ----------
    interval
        95 % interval of growth and drawdown in resampled histories of the training part, by figure.
    share_kept
        Share of resampled histories in which it kept all bounds; None where that was not looked at.
    """

    number: int
    origin: str
    train_run: str | None
    parameters: Mapping[str, Any]
    figures: Mapping[str, Figures]
    share_kept: float | None
    interval: Mapping[str, Sequence[float]]
    adjusted_p: float | None
    rank: int | None

    def figure(self, part: str, name: str) -> float | None:
        """Return a figure of one part, or None where there is none."""
        return (self.figures.get(part) or {}).get(name)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many sets there were, and what became of them."""

    total: int
    succeeded: int
    failed: int
    missing_score: int
    feasible: int
    feasible_by_point: int
    distinct_curves: int


@dataclass(frozen=True, kw_only=True)
class SpaTest:
    """The test of superior predictive ability over all sets (Hansen 2005)."""

    p_value: float
    p_lower: float
    p_upper: float
    sets: int
    bars: int
    block_bars: int
    replicates: int


@dataclass(frozen=True, kw_only=True)
class Matched:
    """The recommended set beside as much of the benchmark as it moved with (Jensen 1968, cash subtracted).

    Parameters
    ----------
    beta, alpha_a_bar
        How much of the benchmark that was, and what it earned a bar beside it, a fraction.
    adjusted_p, p_value
        Of this alpha after correction for all sets, and of the best of all sets.
    """

    beta: float
    alpha_a_bar: float
    adjusted_p: float
    p_value: float


@dataclass(frozen=True, kw_only=True)
class Deflated:
    """The deflated Sharpe ratio of the recommended set; ratios per bar, over the benchmark.

    The trials are counted also where there is no ratio, as nothing is recommended.
    """

    value: float | None
    sharpe: float | None
    threshold: float | None
    trials: int
    trials_here: int
    trials_elsewhere: int
    by_kind: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Overfitting:
    """The probability of backtest overfitting by combinatorially symmetric cross-validation."""

    value: float | None
    splits: int
    blocks: int
    slope: float | None
    r_squared: float | None
    loss_probability: float | None


@dataclass(frozen=True, kw_only=True)
class Luck:
    """What may be luck; ``verdict`` is edge, luck or untested, and what was not tested is None."""

    verdict: str
    level: float
    spa: SpaTest | None
    own_p: float | None
    matched: Matched | None
    deflated: Deflated | None
    psr: float | None
    overfitting: Overfitting | None
    tested_from: int | None = None


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A set that differs from the best in one parameter, by one step."""

    number: int
    parameter: str
    before: Any
    after: Any
    objective: float | None
    max_drawdown: float | None
    feasible: bool
    same_account: bool


@dataclass(frozen=True, kw_only=True)
class Heatmap:
    """Two parameters over each other; a row of each table per value of ``y``, a column per value of ``x``.

    ``others`` is ``as_in_the_best`` where all cells share their other parameters.
    """

    x: str
    y: str
    x_values: Sequence[Any]
    y_values: Sequence[Any]
    objective: Sequence[Sequence[float | None]]
    max_drawdown: Sequence[Sequence[float | None]]
    feasible: Sequence[Sequence[bool | None]]
    best: Sequence[Any] | None
    others: str | None


@dataclass(frozen=True, kw_only=True)
class Plateau:
    """What lies around the best set; ``finding`` is plateau, peak or few_neighbours."""

    finding: str
    best: int | None
    neighbours: tuple[Neighbour, ...]
    share_of_best: float | None
    heatmaps: tuple[Heatmap, ...]

    @property
    def counted(self) -> tuple[Neighbour, ...]:
        """The neighbours with an account of their own: the others only show that a parameter did nothing."""
        return tuple(one for one in self.neighbours if not one.same_account)

    @property
    def feasible(self) -> int:
        """How many of these keep the bounds."""
        return sum(one.feasible for one in self.counted)

    @property
    def said(self) -> str:
        """The finding: of a peak whether most neighbours break the bounds, of few neighbours whether there is none."""
        if not self.counted:
            return "no_neighbours"
        alone = self.finding == "peak" and 2 * self.feasible < len(self.counted)
        return "peak_bounds" if alone else self.finding


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What one parameter did to the curves, other things equal; ``why`` is None where it moved something."""

    parameter: str
    values: Sequence[str]
    groups: int
    unmoved: int
    why: str | None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A set without a result."""

    number: int | None
    key: str
    status: str
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class ChosenYear:
    """What would have been chosen at the beginning of a year, and how it fared in it."""

    year: int
    chosen: int | None
    parameters: Mapping[str, Any]
    known: Figures
    fared: Figures


@dataclass(frozen=True, kw_only=True)
class Nested:
    """The account that followed each year's choice."""

    figures: Figures
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """Everything that ``search.json`` says, but for what only programs read."""

    window: Part
    parts: tuple[Part, ...]
    objective: str
    constraints: tuple[Bounds, ...]
    feasible_by: str
    probability: float
    backend: str
    benchmark: Mapping[str, Figures]
    counts: Counts
    searched: Mapping[str, Sequence[str]]
    met: bool
    recommended: Entry | None
    top: tuple[Entry, ...]
    nearest_by_constraint: tuple[Entry, ...]
    nearest_by_objective: tuple[Entry, ...]
    errors: tuple[Failure, ...]
    luck: Luck
    plateau: Plateau | None
    inert: tuple[Swept, ...]
    duplicates: tuple[tuple[int, ...], ...]
    years: tuple[ChosenYear, ...]
    nested: Nested | None
    notes: Mapping[str, Mapping[str, Any]]
    survivorship: str | None

    @property
    def is_selection(self) -> bool:
        """Whether training runs were chosen among, not parameters."""
        return TRAIN_RUN in self.searched or all(one.origin == "given" for one in self.shown)

    @property
    def names(self) -> tuple[str, ...]:
        """What tells sets apart beside the training run, in the order of the search; what is always the same does not.

        Whoever searched a parameter over one value still reads which one it was.
        """
        few = 1 if self.is_selection else 0
        return tuple(name for name, values in self.searched.items() if name != TRAIN_RUN and len(values) > few)

    @cached_property
    def shown(self) -> tuple[Entry, ...]:
        """The sets that are shown: the best, or the nearest where nothing kept the bounds; each once."""
        entries = self.top or (*self.nearest_by_constraint, *self.nearest_by_objective)
        return tuple({entry.number: entry for entry in entries}.values())

    @property
    def leading(self) -> Entry | None:
        """The set that the figures at the top are of: the recommended one, or the nearest."""
        return self.recommended or next(iter(self.shown), None)

    @property
    def part_names(self) -> tuple[str, ...]:
        """The parts that there are."""
        return tuple(part.name for part in self.parts)

    @property
    def bars_per_year(self) -> float | None:
        """How many bars of the window a year has, or None where it has no length."""
        years = (self.window.end - self.window.start) / DAY / _DAYS_PER_YEAR
        return self.window.bars / years if years > 0.0 else None

    @property
    def alpha_a_year(self) -> float | None:
        """What the recommended set earned a year beside the benchmark that it moved with, or None where unknown."""
        matched, bars = self.luck.matched, self.bars_per_year
        return None if matched is None or bars is None else matched.alpha_a_bar * bars

    def bound(self, figure: str) -> Bounds | None:
        """Return the bounds of a figure, or None where none were asked."""
        return next((one for one in self.constraints if one.figure == figure), None)

    def keeps(self, figures: Figures) -> bool:
        """Return whether figures keep all bounds."""
        return all(one.holds(figures.get(one.figure)) for one in self.constraints)
