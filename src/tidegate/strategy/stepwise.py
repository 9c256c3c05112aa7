"""The compiled strategies as the event loop drives them: one close after the other, with a memory that can be saved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tidegate.core.recipe_strategy import StrategySettings
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.strategy.long_short import LONG_SHORT_STATE, LongShort, long_short_parameters
from tidegate.strategy.one_set import decide_alone, observe_alone
from tidegate.strategy.protocol import Holdings, Sight
from tidegate.strategy.ranking import RankingRule, empty_ranking, rank_decisions
from tidegate.strategy.rotation import rotation_parameters, rotation_state
from tidegate.strategy.schedule import fill_sessions
from tidegate.strategy.seam import Action, Note, Ranking, Targets, new_targets, new_work

__all__ = ["LongShortStrategy", "RotationStrategy"]


class RotationStrategy:
    """The rotation, close by close.

    Parameters
    ----------
    settings
        Parameters in words.
    symbols
        Every symbol of the market, ascending.
    initial_cash
        Currency at the start, which peaks begin at.
    benchmark_place
        Column of the benchmark; -1 where it cannot be bought.
    periods_per_year
        Bars of a year, which volatilities are scaled by.

    Raises
    ------
    InputError
        If a defensive asset is no symbol of the market.
    """

    def __init__(
        self,
        settings: StrategySettings,
        symbols: Sequence[str],
        *,
        initial_cash: float,
        benchmark_place: int = -1,
        periods_per_year: float = 252.0,
    ) -> None:
        self.settings = settings
        self._symbols = tuple(symbols)
        self._places = {symbol: place for place, symbol in enumerate(symbols)}
        self._parameters = rotation_parameters(
            settings, self._places, benchmark_place=benchmark_place, periods_per_year=periods_per_year
        )
        self._memory = rotation_state(1, initial_cash)
        self._rule = RankingRule.of(settings)
        self._kept = settings.top_n + settings.retain_top_n
        self._smoothed: FloatArray = np.full(len(symbols) if self._rule.smoothing > 0.0 else 0, np.nan)
        self._guarded = settings.max_drawdown > 0.0 or settings.max_drawdown_52w > 0.0
        room = max(len(symbols), 1)
        self._targets, self._work = new_targets(room), new_work(room, room, self._kept, settings.volatility_closes)
        self._unranked = empty_ranking()

    def schedule(self, times: Int64Array) -> Mask:
        """Return the sessions at which the book is rebalanced."""
        return fill_sessions(times, self.settings)

    def observe(self, equity: float) -> None:
        """Take note of the equity: peaks and drawdowns."""
        observe_alone(self._parameters, self._memory, equity)

    def decide(self, holdings: Holdings, sight: Sight, *, rebalances: bool) -> Targets | None:
        """Decide at a close. Between rebalances only the guard does."""
        if not rebalances and not self._guarded:
            return None
        ranking = self._rank(sight) if rebalances else self._unranked
        decide_alone(
            self._parameters, self._memory, holdings.equity, holdings.place, holdings.shares, sight.past(), ranking,
            sight.row, rebalances, self._targets, self._work,
        )  # fmt: skip
        return self._targets if rebalances or self._targets.number[Note.ACTION] == Action.TRADE else None

    def state(self) -> dict[str, Any]:
        """Return drawdowns, guard, spell of risk-off and smoothed scores, by name."""
        pick = int(self._memory["pick"][0])
        known = np.flatnonzero(np.isfinite(self._smoothed)).tolist()
        return {
            **_as_document(self._memory),
            "pick": None if pick < 0 else self._symbols[pick],
            "smoothed": {self._symbols[place]: float(self._smoothed[place]) for place in known},
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Remember what :meth:`state` returned; a symbol that is no longer there is forgotten."""
        own = {name: document[name] for name in self._memory.dtype.names or () if name != "pick"}
        _restore_record(self._memory, own)
        self._memory["pick"] = self._places.get(document["pick"], -1)
        for symbol, score in document["smoothed"].items():
            if symbol in self._places:
                self._smoothed[self._places[symbol]] = score

    def _rank(self, sight: Sight) -> Ranking:
        known = sight.scores()
        now: Int64Array = np.array([sight.row], dtype=np.int64)
        return rank_decisions(
            known.score, known.traded, known.member, known.candidate, now, self._rule, self._kept, self._smoothed
        )


class LongShortStrategy:
    """Long or short by the sign of several forecasts, close by close; every session is one of rebalancing.

    Parameters
    ----------
    settings
        Parameters in words.
    symbols
        Every symbol of the market, ascending.
    """

    def __init__(self, settings: LongShort, symbols: Sequence[str]) -> None:
        self.settings = settings
        self._parameters = long_short_parameters(settings)
        self._memory = np.zeros(1, dtype=LONG_SHORT_STATE)
        room = max(len(symbols), 1)
        self._targets, self._work = new_targets(room), new_work(room, room, 1, 1)
        self._unranked = empty_ranking()

    def schedule(self, times: Int64Array) -> Mask:
        """Return every session."""
        return np.ones(len(times), dtype=np.bool_)

    def observe(self, equity: float) -> None:
        """Remember nothing: votes do not ask what they earned."""

    def decide(self, holdings: Holdings, sight: Sight, *, rebalances: bool) -> Targets | None:
        """Decide at a close from its own row alone."""
        if not rebalances:
            return None
        decide_alone(
            self._parameters, self._memory, holdings.equity, holdings.place, holdings.shares, sight.newest(),
            self._unranked, 0, rebalances, self._targets, self._work,
        )  # fmt: skip
        return self._targets

    def state(self) -> dict[str, Any]:
        """Return how often it decided."""
        return _as_document(self._memory)

    def restore(self, document: Mapping[str, Any]) -> None:
        """Remember what :meth:`state` returned."""
        _restore_record(self._memory, document)


def _as_document(record: npt.NDArray[np.void]) -> dict[str, Any]:
    """Return one record as plain values."""
    return {name: record[name][0].tolist() for name in record.dtype.names or ()}


def _restore_record(record: npt.NDArray[np.void], document: Mapping[str, Any]) -> None:
    for name, value in document.items():
        record[name][0] = math.nan if value is None else value
