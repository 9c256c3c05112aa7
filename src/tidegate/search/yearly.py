"""What would have been chosen at the beginning of each year, on all that lay before, and how it fared in that year."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tidegate.core.recipe_search import SearchSettings
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array
from tidegate.evaluate.curves import CURVE_FIGURES, curve_figures
from tidegate.search.choice import judge, ranked
from tidegate.search.sets.parameter_set import ParameterSet

__all__ = ["YearlyChoices", "yearly_choices"]

_FIRST_YEAR: Final = 1970
_YEAR: Final = 365.25 * DAY
_SLACK: Final = 10 * DAY
"""A window that opens with a year has its first close some days into it."""
_FEWEST_KNOWN: Final = 3
_HELD: Final = ("total_return", "max_drawdown")


@dataclass(frozen=True, eq=False, kw_only=True)
class YearlyChoices:
    """Choices as they would have been made.

    Parameters
    ----------
    years
        One plain document for each year: ``year``; ``start`` and ``end``, the instants of its first close and of the
        first of the next year; ``chosen``, the number of the set, or None where none kept the bounds; its
        ``parameters``; ``known``, the figures that it was chosen by; and ``fared``: ``total_return`` and
        ``max_drawdown`` between the two closes, not annualised, ``benchmark_total_return``, and
        ``best_total_return`` of ``best_number``, which nobody could have known.
    nested
        Figures of the account that followed the choices, with ``start`` and ``end``; None without a year.
    equity
        ``float64 (n_times,)``: that account, NaN before it begins.
    left_out
        Names that no choice could heed, since an equity curve alone does not tell them.
    """

    years: list[dict[str, Any]]
    nested: dict[str, Any] | None
    equity: FloatArray
    left_out: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Stretch:
    """One year: its closes are ``first`` to ``stop - 1``; what is known before are the rows below ``first``."""

    year: int
    first: int
    stop: int


@dataclass(frozen=True, eq=False, kw_only=True)
class _Best:
    """The best set so far of one year."""

    number: int
    key: str
    figures: Mapping[str, float]
    curve: FloatArray


def yearly_choices(
    times: Int64Array,
    pieces: Iterable[tuple[Sequence[int], FloatArray]],
    sets: Mapping[int, ParameterSet],
    settings: SearchSettings,
    *,
    bars_per_year: float,
    benchmark: FloatArray | None = None,
) -> YearlyChoices:
    """Choose anew at the beginning of each calendar year and follow each choice for a year.

    Each choice sees the closes before the year and no other: the same objective and the same bounds, by point estimate,
    over the whole history so far. It is in force from the first close of the year, since nobody acts on a close before
    the next one, to the first close of the next year; so the years multiply to the account that follows them. What it
    would have cost to change from one set's holdings to another's is not modelled: with few changes a year the account
    flatters itself by about one turnover of its holdings a year. A year without a choice is spent in cash, without
    interest. The last year may be incomplete.

    A bound on the turnover is left out, and an objective of turnover gives no choices: curves do not tell it.

    Parameters
    ----------
    times
        ``int64 (n_times,)`` closes of the window. A close belongs to the year of the day that ends with or contains it,
        UTC.
    pieces
        Numbers of some sets and their equity ``float64 (n_times, n_some)``, read once and not kept.
    sets
        Sets by number.
    settings
        Objective, bounds, and the years of history before the first choice.
    bars_per_year
        252 for exchange sessions, 365 for daily bars around the clock.
    benchmark
        ``float64 (n_times,)``.
    """
    stretches = [] if settings.objective not in CURVE_FIGURES else _stretches(times, settings.first_choice_years)
    chooser = _Chooser(times, stretches, settings, bars_per_year, benchmark)
    capital = 1.0
    for place, (numbers, equity) in enumerate(pieces):
        capital = float(equity[0, 0]) if place == 0 and equity.size else capital
        chooser.add([sets[number] for number in numbers], equity)
    followed = _followed(len(times), stretches, chooser.best, capital)
    return YearlyChoices(
        years=[_document(times, place, chooser, sets) for place in range(len(stretches))],
        nested=_nested(times, stretches, followed, bars_per_year, benchmark),
        equity=followed,
        left_out=tuple(name for name in (settings.objective, *settings.constraints) if name not in CURVE_FIGURES),
    )


class _Chooser:
    """Keeps the best set of each year, and nothing of the others."""

    def __init__(
        self,
        times: Int64Array,
        stretches: Sequence[_Stretch],
        settings: SearchSettings,
        bars_per_year: float,
        benchmark: FloatArray | None,
    ) -> None:
        bounds = {name: bound for name, bound in settings.constraints.items() if name in CURVE_FIGURES}
        self.settings = settings.model_copy(update={"feasible_by": "point", "constraints": bounds})
        wanted = {settings.objective, *bounds, "cagr", "max_drawdown"}
        self.names = tuple(name for name in CURVE_FIGURES if name in wanted)
        self.times, self.stretches, self.bars_per_year, self.benchmark = times, stretches, bars_per_year, benchmark
        self.best: list[_Best | None] = [None] * len(stretches)
        self.luckiest: list[tuple[float, int] | None] = [None] * len(stretches)

    def add(self, sets: Sequence[ParameterSet], equity: FloatArray) -> None:
        """Take note of some sets."""
        for place, stretch in enumerate(self.stretches):
            held = equity[stretch.first : stretch.stop]
            self.best[place] = self._better(self.best[place], self._best_of(sets, equity, stretch))
            self.luckiest[place] = _luckier(self.luckiest[place], sets, held)

    def _best_of(self, sets: Sequence[ParameterSet], equity: FloatArray, stretch: _Stretch) -> _Best | None:
        known = slice(0, stretch.first)
        bench = None if self.benchmark is None else self.benchmark[known]
        figures = curve_figures(self.times[known], equity[known], self.bars_per_year, bench, names=self.names)
        keys = [one.key for one in sets]
        order = ranked(figures, keys, self.settings.objective, judge(figures, self.settings).feasible)
        if not order.size:
            return None
        column = int(order[0])
        return _Best(
            number=sets[column].number,
            key=keys[column],
            figures={name: float(values[column]) for name, values in figures.items()},
            curve=equity[stretch.first : stretch.stop, column].copy(),
        )

    def _better(self, first: _Best | None, second: _Best | None) -> _Best | None:
        if first is None or second is None:
            return first or second
        pair = (first, second)
        figures: dict[str, FloatArray] = {}
        for name in self.names:
            figures[name] = np.array([one.figures[name] for one in pair])
        return pair[int(ranked(figures, [one.key for one in pair], self.settings.objective)[0])]


def _stretches(times: Int64Array, first_choice_years: float) -> list[_Stretch]:
    years = ((times - 1) // DAY).astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + _FIRST_YEAR
    firsts = np.flatnonzero(np.append(False, years[1:] != years[:-1]))
    ends = np.append(firsts[1:], len(times) - 1)  # the last close of all where no year follows
    return [
        _Stretch(year=int(years[first]), first=first, stop=end + 1)
        for first, end in zip(firsts.tolist(), ends.tolist(), strict=True)
        if end > first >= _FEWEST_KNOWN and times[first] - times[0] + _SLACK >= first_choice_years * _YEAR
    ]


def _luckier(
    so_far: tuple[float, int] | None, sets: Sequence[ParameterSet], held: FloatArray
) -> tuple[float, int] | None:
    """Return the largest total return of all sets and whose it is; the smaller number among equals."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a ruined account has none
        earned = np.where((held > 0.0).all(axis=0), held[-1] / held[0] - 1.0, np.nan)
    known = [(float(value), -one.number) for value, one in zip(earned, sets, strict=True) if np.isfinite(value)]
    return max([*known, *([so_far] if so_far else [])], default=None)


def _followed(count: int, stretches: Sequence[_Stretch], best: Sequence[_Best | None], capital: float) -> FloatArray:
    """Return the account that follows the choices from the first year on, NaN before."""
    equity = np.full(count, np.nan)
    for stretch, choice in zip(stretches, best, strict=True):
        growth = np.ones(stretch.stop - stretch.first)
        if choice is not None:
            growth = np.maximum(choice.curve, 0.0) / choice.curve[0] if choice.curve[0] > 0.0 else 0.0 * growth
        equity[stretch.first : stretch.stop] = capital * growth
        capital = float(equity[stretch.stop - 1])
    return equity


def _document(times: Int64Array, place: int, chooser: _Chooser, sets: Mapping[int, ParameterSet]) -> dict[str, Any]:
    stretch, choice, luckiest = chooser.stretches[place], chooser.best[place], chooser.luckiest[place]
    rows = slice(stretch.first, stretch.stop)
    held = dict.fromkeys(_HELD) if choice is None else _alone(times[rows], choice.curve, chooser.bars_per_year, _HELD)
    bench = None if chooser.benchmark is None else chooser.benchmark[rows]
    market = {} if bench is None else _alone(times[rows], bench, chooser.bars_per_year, ("total_return",))
    return {
        "year": stretch.year,
        "start": int(times[stretch.first]),
        "end": int(times[stretch.stop - 1]),
        "chosen": None if choice is None else choice.number,
        "parameters": None if choice is None else dict(sets[choice.number].parameters),
        "known": None if choice is None else {name: _plain(value) for name, value in choice.figures.items()},
        "fared": {
            **held,
            "benchmark_total_return": market.get("total_return"),
            "best_total_return": None if luckiest is None else luckiest[0],
            "best_number": None if luckiest is None else -luckiest[1],
        },
    }


def _nested(
    times: Int64Array,
    stretches: Sequence[_Stretch],
    equity: FloatArray,
    bars_per_year: float,
    benchmark: FloatArray | None,
) -> dict[str, Any] | None:
    if not stretches:
        return None
    rows = slice(stretches[0].first, None)
    bench = None if benchmark is None else benchmark[rows]
    return {
        "figures": _alone(times[rows], equity[rows], bars_per_year, CURVE_FIGURES, bench),
        "start": int(times[rows][0]),
        "end": int(times[-1]),
    }


def _alone(
    times: Int64Array, curve: FloatArray, bars_per_year: float, names: Sequence[str], bench: FloatArray | None = None
) -> dict[str, float | None]:
    found = curve_figures(times, curve[:, None], bars_per_year, bench, names=names)
    return {name: _plain(float(values[0])) for name, values in found.items()}


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None
