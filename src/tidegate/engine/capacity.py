"""How much money a strategy can carry: the account size at which market impact eats half of its edge."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np

from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array
from tidegate.engine.market import Market
from tidegate.engine.sweep import Trial, run_trials

__all__ = ["Capacity", "NoCapacity", "Rung", "capacity_of"]

_DAYS_PER_YEAR: Final = 365.25
_HALF: Final = 0.5
_UP: Final = 10.0
_RUNGS_UP, _RUNGS_DOWN, _HALVINGS = 9, 4, 8


class NoCapacity(StrEnum):
    """Why there is no estimate."""

    NO_IMPACT = "no market impact is modelled"
    NO_VOLUME = "the data have no volume"
    NO_EDGE = "there is no edge to eat"
    ALWAYS = "impact eats half of the edge at every size"
    NEVER = "impact never eats half of the edge"


@dataclass(frozen=True, kw_only=True)
class Rung:
    """Growth at one account size.

    Parameters
    ----------
    nav
        Currency at the start.
    free, after_impact
        CAGR without market impact and with it, all other costs paid in both.
    edge
        ``free`` minus the CAGR of what the strategy is measured against.
    """

    nav: float
    free: float
    after_impact: float
    edge: float

    @property
    def eaten(self) -> float:
        """Part of the edge that impact takes; infinite where there is no edge."""
        return (self.free - self.after_impact) / self.edge if self.edge > 0.0 else np.inf


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """An estimate, or why there is none.

    Parameters
    ----------
    nav
        Account size at the start, in currency, at which impact eats half of the edge; None for a reason.
    reason
        Why ``nav`` is missing; None where it is not.
    edge
        CAGR without impact above that of the benchmark, at the account size of the backtest; None where it was not
        worked out.
    rungs
        What was tried, by account size.
    """

    nav: float | None
    reason: NoCapacity | None
    edge: float | None
    rungs: tuple[Rung, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        reason = None if self.reason is None else self.reason.value
        return {"nav": self.nav, "reason": reason, "edge": self.edge, "rungs": [asdict(rung) for rung in self.rungs]}


def capacity_of(
    market: Market,
    trial: Trial,
    *,
    initial_cash: float,
    start: int = 0,
    periods_per_year: float = 252.0,
    benchmark: FloatArray | None = None,
    threads: int = 1,
) -> Capacity:
    """Return the account size at which market impact eats half of a strategy's edge.

    The edge at a size is the CAGR without impact minus that of the benchmark, or minus nothing where there is none. The
    backtest is run on a ladder of sizes, tenfold each, with impact and without, from its own size up, or down where
    half is gone already; between the two rungs around the answer the interval is halved in logarithms. Sizes are those
    at the start: the account grows from there, and so do its orders.

    Parameters
    ----------
    market, initial_cash, start, periods_per_year, threads
        As for :func:`~tidegate.engine.sweep.run_trials`.
    trial
        The backtest, whose costs model impact.
    benchmark
        ``float64 (n_rows,)`` positive levels from row ``start`` on of what the strategy is measured against.

    Notes
    -----
    The answer is as good as the square-root law of :class:`~tidegate.costs.CostModel`. Where a guard makes the path
    jumpy, it is the first size, going up, that has half of the edge eaten.
    """
    if trial.costs.impact_coefficient == 0.0:
        return Capacity(nav=None, reason=NoCapacity.NO_IMPACT, edge=None)
    if market.volatility is None or market.daily_value is None:
        return Capacity(nav=None, reason=NoCapacity.NO_VOLUME, edge=None)
    ladder = _Ladder(market, trial, start, periods_per_year, benchmark, threads)
    own = ladder.rung(initial_cash)
    if own.edge <= 0.0:
        return Capacity(nav=None, reason=NoCapacity.NO_EDGE, edge=own.edge, rungs=(own,))
    below, above = ladder.around(own)
    rungs = tuple(sorted(ladder.rungs, key=lambda rung: rung.nav))
    if below is None or above is None:
        reason = NoCapacity.ALWAYS if below is None else NoCapacity.NEVER
        return Capacity(nav=None, reason=reason, edge=own.edge, rungs=rungs)
    return Capacity(nav=ladder.between(below.nav, above.nav), reason=None, edge=own.edge, rungs=rungs)


class _Ladder:
    """Runs of one backtest at several sizes, and what they gave."""

    def __init__(
        self,
        market: Market,
        trial: Trial,
        start: int,
        periods_per_year: float,
        benchmark: FloatArray | None,
        threads: int,
    ) -> None:
        self.rungs: list[Rung] = []
        free = trial.costs.model_copy(update={"impact_coefficient": 0.0})
        self._trials = [Trial(settings=trial.settings, costs=costs, rules=trial.rules) for costs in (free, trial.costs)]
        self._market, self._start, self._per_year, self._threads = market, start, periods_per_year, threads
        times = market.times[start:]
        self._to_beat = 0.0 if benchmark is None else _growth(times, benchmark)

    def rung(self, nav: float) -> Rung:
        """Run at one size, with impact and without."""
        sweep = run_trials(
            self._market,
            self._trials,
            initial_cash=nav,
            start=self._start,
            periods_per_year=self._per_year,
            whole=False,
            threads=self._threads,
        )
        free, after = (_growth(sweep.times, sweep.equity[:, column]) for column in range(2))
        found = Rung(nav=nav, free=free, after_impact=after, edge=free - self._to_beat)
        self.rungs.append(found)
        return found

    def around(self, own: Rung) -> tuple[Rung | None, Rung | None]:
        """Return the last rung that has less than half of its edge eaten and the first that has more."""
        climbs = own.eaten < _HALF
        before = own
        for _ in range(_RUNGS_UP if climbs else _RUNGS_DOWN):
            rung = self.rung(before.nav * _UP if climbs else before.nav / _UP)
            if (rung.eaten < _HALF) is not climbs:
                return (before, rung) if climbs else (rung, before)
            before = rung
        return (before, None) if climbs else (None, before)

    def between(self, low: float, high: float) -> float:
        """Return the size in between at which half is eaten, to about half a per cent."""
        for _ in range(_HALVINGS):
            middle = float(np.sqrt(low * high))
            if self.rung(middle).eaten < _HALF:
                low = middle
            else:
                high = middle
        return float(np.sqrt(low * high))


def _growth(times: Int64Array, values: FloatArray) -> float:
    """Return the CAGR; one that ends with nothing lost everything."""
    if not values[-1] > 0.0:
        return -1.0
    return float((values[-1] / values[0]) ** (_DAYS_PER_YEAR * DAY / (times[-1] - times[0])) - 1.0)
