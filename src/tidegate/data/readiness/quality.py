"""The quality of each symbol's bars over the training window, absent bars included (D-35)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Literal

import polars as pl

from tidegate.core.recipe import QualitySettings
from tidegate.core.time import MINUTE, BarInterval
from tidegate.data.readiness.coverage import Laid, MemberCoverage, lay_on_grid
from tidegate.data.readiness.scope import Scope

__all__ = ["QualityAudit", "QualityReason", "SymbolQuality", "audit_quality"]

_LEAST_ROWS: Final = 24
_SHORT_BARS: Final = 5 * MINUTE


class QualityReason(StrEnum):
    """Why the bars of a symbol are not good enough to train on."""

    MISSING = "missing_rate_exceeded"
    INVALID = "invalid_price_rate_exceeded"
    DUPLICATE = "duplicate_rate_exceeded"
    STALE = "stale_ratio_exceeded"
    TOO_FEW = "insufficient_rows"


@dataclass(frozen=True, kw_only=True)
class SymbolQuality:
    """One symbol.

    Parameters
    ----------
    rows
        Real bars with a usable price at their owed close.
    expected
        Bars that the calendar owes.
    missing_rate
        Share of the owed bars that are absent; 1 where none is owed, for nothing was shown.
    invalid_price_rate
        Share of its rows without a close that is a positive number, with another price that is not, or with a high
        below the low.
    duplicate_rate
        Share of its rows that stand for a stretch of time which has one already.
    stale_ratio
        Share of the steps from one bar to the next that are longer than three bars.
    training_ready
        Whether it has the rows that the audit of the training window asks for. A share that was listed lately has not,
        and may be trained on all the same.
    """

    symbol: str
    rows: int
    expected: int
    training_ready: bool
    missing_rate: float
    invalid_price_rate: float
    duplicate_rate: float
    stale_ratio: float
    reasons: tuple[QualityReason, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "reasons": [str(reason) for reason in self.reasons]}


@dataclass(frozen=True, kw_only=True)
class QualityAudit:
    """All symbols; ``hard`` blocks training where one has a reason, ``soft`` calls the data degraded."""

    mode: Literal["hard", "soft"]
    symbols: tuple[SymbolQuality, ...]

    @property
    def poor(self) -> tuple[SymbolQuality, ...]:
        """Symbols with a reason, those that miss most first."""
        return tuple(
            sorted((one for one in self.symbols if one.reasons), key=lambda one: (-one.missing_rate, one.symbol))
        )

    @property
    def training_data_green(self) -> bool:
        """Whether every symbol has the rows that training asks for."""
        return all(one.training_ready for one in self.symbols)

    def counts(self) -> dict[str, int]:
        """Return how many symbols have each reason."""
        found = Counter(str(reason) for one in self.symbols for reason in one.reasons)
        return {str(reason): found[reason] for reason in QualityReason if found[reason]}

    @property
    def status(self) -> str:
        """``good``, ``dq_degraded`` or ``blocked_by_data_quality``."""
        if not self.poor:
            return "good"
        return "blocked_by_data_quality" if self.mode == "hard" else "dq_degraded"

    def reasons(self) -> list[str]:
        """Return why training is blocked, in words; empty if it is not."""
        poor = self.poor
        if not poor or self.mode == "soft":
            return []
        why = ", ".join(f"{reason} {count:,}" for reason, count in self.counts().items())
        return [f"{self.status}: {len(poor):,} of {len(self.symbols):,} symbols ({why}), the worst {poor[0].symbol}"]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, without the symbols."""
        return {
            "mode": self.mode,
            "status": self.status,
            "symbols": len(self.symbols),
            "poor": len(self.poor),
            "reasons": self.counts(),
            "training_data_green": self.training_data_green,
            "not_training_ready": sum(not one.training_ready for one in self.symbols),
        }


def audit_quality(
    bars: pl.DataFrame, scope: Scope, interval: BarInterval, settings: QualitySettings, excused: pl.DataFrame
) -> QualityAudit:
    """Judge each symbol's bars of the training window, and of no other timeframe.

    Parameters
    ----------
    bars
        ``symbol, event_time, open, high, low, close, synthetic`` of bars in their training window, real and synthetic.
    scope
        The training window.
    excused
        See :func:`tidegate.data.readiness.coverage.lay_on_grid`.
    """
    looked_at = scope if settings.lookback_days is None else scope.last_days(settings.lookback_days)
    time = pl.col("event_time").dt.epoch("us").alias("time")
    rows = bars.filter(~pl.col("synthetic")).select("symbol", time, _usable().alias("usable"))
    laid = every = lay_on_grid(looked_at.lives, interval, rows.filter("usable"), exact=True, excused=excused)
    if not rows["usable"].all():
        every = lay_on_grid(looked_at.lives, interval, rows, exact=True)
    return QualityAudit(
        mode=settings.mode,
        symbols=tuple(_symbol(place, laid, every, interval, settings) for place in range(len(laid.members))),
    )


def _usable() -> pl.Expr:
    """Return whether a bar's prices can be used; a price that the source does not deliver is no fault."""
    close = pl.col("close")
    good = close.is_finite() & (close > 0)
    for name in ("open", "high", "low"):
        good &= (pl.col(name).is_finite() & (pl.col(name) > 0)).fill_null(value=True)
    return good.fill_null(value=False) & (pl.col("high") >= pl.col("low")).fill_null(value=True)


def _symbol(place: int, laid: Laid, every: Laid, interval: BarInterval, settings: QualitySettings) -> SymbolQuality:
    member, total = laid.members[place], every.members[place].count
    rates = {
        "missing_rate": (member.expected - member.present) / member.expected if member.expected else 1.0,
        "invalid_price_rate": (total - member.count) / total if total else 0.0,
        "duplicate_rate": int(every.repeated[place]) / total if total else 0.0,
        "stale_ratio": int(laid.long_steps[place]) / (member.present - 1) if member.present > 1 else 0.0,
    }
    return SymbolQuality(
        symbol=member.member,
        rows=member.present,
        expected=member.expected,
        training_ready=member.present >= max(settings.minimum_rows, settings.training_fraction * member.expected),
        reasons=_reasons(member, rates, interval, settings),
        **rates,
    )


def _reasons(
    member: MemberCoverage, rates: Mapping[str, float], interval: BarInterval, settings: QualitySettings
) -> tuple[QualityReason, ...]:
    least = settings.minimum_rows
    share = settings.training_fraction * member.expected
    enough = least if interval.microseconds <= _SHORT_BARS else min(least, max(_LEAST_ROWS, share))
    found = (
        (rates["missing_rate"] > settings.missing_rate, QualityReason.MISSING),
        (rates["invalid_price_rate"] > settings.invalid_price_rate, QualityReason.INVALID),
        (rates["duplicate_rate"] > settings.duplicate_rate, QualityReason.DUPLICATE),
        (rates["stale_ratio"] > settings.stale_ratio, QualityReason.STALE),
        (member.present < enough, QualityReason.TOO_FEW),
    )
    return tuple(reason for applies, reason in found if applies)
