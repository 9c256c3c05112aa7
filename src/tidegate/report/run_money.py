"""A backtest's files with the names that a reader knows its benchmark and index by."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from tidegate.core.time import DAY
from tidegate.evaluate.performance import performance
from tidegate.report.run_figures import Curve
from tidegate.report.run_files import BacktestFiles

__all__ = ["Money"]

_YEAR: Final = 365.25 * DAY
_SESSIONS, _DAYS, _BETWEEN = 252.0, 365.0, 300.0


@dataclass(frozen=True, kw_only=True)
class Money:
    """A backtest's files, and the names of what it is compared with.

    Parameters
    ----------
    benchmark, benchmark_phrase
        As a label, and within a sentence.
    index, equal_weight
        As labels; ``None`` where there is none, or where the benchmark is the same. An equal-weight curve that has
        a name has a positive value in every row.
    apart
        Symbols that are bought for risk-off or idle cash, never for their score.
    """

    files: BacktestFiles
    benchmark: str
    benchmark_phrase: str
    index: str | None
    equal_weight: str | None = None
    apart: frozenset[str] = frozenset()

    @property
    def sessions_per_year(self) -> float:
        """The usual 252 sessions, or 365 days where the market never closes."""
        days = self.files.days
        first, last = days["time"].dt.timestamp("us").gather([0, -1])
        return _DAYS if last > first and (days.height - 1) * _YEAR / (last - first) > _BETWEEN else _SESSIONS

    @property
    def others(self) -> list[tuple[str, str]]:
        """Field of a year and name of every curve beside the strategy, the benchmark first."""
        named = (("benchmark", self.benchmark), ("equal_weight", self.equal_weight), ("index", self.index))
        return [(field, name) for field, name in named if name is not None]

    def curves(self, strategy: str) -> list[tuple[str, Curve]]:
        """Return name and figures of every curve, the strategy first under the name given."""
        found = self.files.performance
        curves = [(strategy, found.strategy), (self.benchmark, found.benchmark)]
        if self.equal_weight is not None:
            curves.append((self.equal_weight, self._even()))
        if self.index is not None and found.index is not None:
            curves.append((self.index, found.index))
        return curves

    def _even(self) -> Curve:
        """Return the figures of the equal-weight curve, which the run keeps as a curve only."""
        days = self.files.days
        times = days["time"].dt.timestamp("us").to_numpy()
        whole = performance(times, days["equal_weight"].to_numpy(), self.sessions_per_year)
        return Curve(**{field.name: getattr(whole, field.name) for field in fields(Curve)})
