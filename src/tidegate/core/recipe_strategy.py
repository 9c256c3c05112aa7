"""What a recipe says about trading: how scores become target weights, by the rotation strategy."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from tidegate.core.config import Settings, misfit
from tidegate.core.units import Fraction

__all__ = ["MOST_DEFENSIVES", "MOST_TIERS", "LegacySettings", "StrategySettings", "Weighting"]

MOST_TIERS: Final = 8
MOST_DEFENSIVES: Final = 8

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday"]
Number = Annotated[int, Field(ge=1, le=1_000_000)]


class Weighting(StrEnum):
    """How the chosen names share the exposure."""

    EQUAL = "equal"
    RANK = "rank"
    ZSCORE = "zscore"
    SCORE = "score"
    INVERSE_VOLATILITY = "inverse_volatility"


class LegacySettings(Settings):
    """Defects of the platforms before, each switched on by itself to measure what it was worth; none is on by default.

    ``tidegate backtest RECIPE --explain-legacy`` runs them one by one.
    """

    riskoff_keeps_book: bool = False
    """Risk-off buys the defensive asset on top of the stocks, on margin up to twice the equity (H 1)."""
    cap_renormalises: bool = False
    """Capped weights are scaled up to sum to one again, which breaks the cap (H 2)."""
    vol_target_dead: bool = False
    """The volatility target is accepted and ignored (H 3)."""
    tiers_absolute: bool = False
    """Tiers are absolute caps, which never bind above ``max_exposure`` (H 4)."""
    fee_ignored: bool = False
    """Trading costs nothing (H 5)."""
    fill_previous_close: bool = False
    """Orders fill at the close that made their scores, which is look-ahead (H 5, B.3)."""
    guard_without_reentry: bool = False
    """A locked guard opens by recovery alone: in cash it never does (H 13)."""
    daily_is_weekly: bool = False
    """A daily schedule is silently made weekly (H 13)."""
    holiday_week_skipped: bool = False
    """A week whose rebalance day is a holiday is left out (A.4)."""
    retain_alphabetical: bool = False
    """Held names stay in alphabetical order and whatever their score (H 13, A.15)."""
    score_age_unlimited: bool = False
    """The last score row is used for ever (H 13, A.13)."""


class StrategySettings(Settings):
    """Rotation into the names with the best scores. Nothing limits unless it is asked to; see `docs/rotation.md`."""

    scores: Literal["ridge", "lightgbm", "xgboost", "ensemble"] = "lightgbm"
    """The model whose scores decide."""

    rebalance: Literal["daily", "weekly", "monthly"] = "weekly"
    """Fill sessions: every one, the first of the ISO week, or the first of the month. The first row never trades."""
    rebalance_day: Weekday = "monday"
    """Weekly: the first session of the ISO week on this weekday or later; a week without one is left out."""

    top_n: Number = 10
    """How many names are bought."""
    retain_top_n: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """A held name stays while it ranks within ``top_n + retain_top_n``."""
    minimum_score: float | None = None
    """A name that scores lower is not held; none means no floor."""
    score_delay_bars: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Scores are read so many bars before the decision's close; 0 reads the row of that close."""
    max_score_age_bars: Number = 10
    """Older scores, counted from the decision's close, are no signal."""
    stale_scores: Literal["hold", "exit"] = "hold"
    """What happens without a signal: the book stays as it is, or is sold."""
    score_smoothing: Fraction = 0.0
    """*a* of ``s = a * score + (1 - a) * s_before``, once per rebalance; 0 switches smoothing off."""
    score_smoothing_carry: bool = False
    """Whether a name without a score today keeps its smoothed one in the ranking."""

    weighting: Weighting = Weighting.EQUAL
    """Equal parts; n..1 by rank; z-score above 0; score above ``minimum_score``; or one over the volatility."""
    max_weight: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Largest weight of one name, a fraction of equity; what it cuts off stays in cash if no other may take it."""
    max_exposure: Fraction = 1.0
    """Largest sum of weights as a fraction of equity."""

    volatility_target: Annotated[float, Field(ge=0.0)] = 0.0
    """Annual volatility that exposure is scaled down to; 0 switches it off."""
    volatility_of: Literal["portfolio", "benchmark"] = "portfolio"
    """Whose volatility is measured: of the target weights at unit exposure, or of the benchmark."""
    volatility_window: Annotated[int, Field(ge=5, le=1_000_000)] | None = None
    """Closes that volatility is measured over; none means 63 for the portfolio and 20 for the benchmark."""

    market_filter: bool = False
    """At a rebalance, leave stocks while the benchmark's close is below its moving average."""
    market_window: Number = 200
    """Closes of that average, the one of the decision included."""

    dynamic_exposure: bool = False
    """Whether drawdown tiers lower the exposure."""
    drawdown_tiers: tuple[Annotated[float, Field(gt=0.0, lt=1.0)], ...] = ()
    """Drawdowns from which a tier holds, ascending."""
    drawdown_exposures: tuple[Fraction, ...] = ()
    """Exposure of each tier: as many as there are tiers."""
    tier_mode: Literal["relative", "absolute"] = "relative"
    """Whether a tier multiplies ``max_exposure`` or is a cap by itself."""
    drawdown_exposure_floor: Fraction = 0.05
    """Tiers lower the exposure no further than this; 0 means to nothing."""

    max_drawdown: Fraction = 0.0
    """Drawdown from the peak at which the guard sells; 0 switches it off."""
    max_drawdown_52w: Fraction = 0.0
    """The same from the highest of the last 252 closes."""
    drawdown_recovery_ratio: Annotated[float, Field(gt=0.0, le=1.0)] = 0.9
    """A locked guard opens when the drawdown is this part of its limit or less."""
    guard_reentry: Literal["time_out", "market_filter", "recovery"] = "time_out"
    """What else opens it, with a new peak: time, the benchmark at or above its average, or nothing."""
    guard_sessions: Number = 63
    """Sessions until the time is out."""

    risk_off: Literal["cash", "benchmark", "defensive"] = "cash"
    """What is held while the filter or the guard says no: nothing, the benchmark, or a defensive asset."""
    defensives: Annotated[tuple[str, ...], Field(max_length=MOST_DEFENSIVES)] = ()
    """Defensive assets in order of preference; they are never chosen by score."""
    defensive_pick: Literal["lowest_volatility", "best_momentum"] = "best_momentum"
    """Which of them is taken."""
    defensive_lookback_bars: Annotated[int, Field(ge=5, le=1_000_000)] = 20
    """Returns that the pick looks at; an asset with fewer is not compared."""
    risk_off_band: Fraction = 0.05
    """In risk-off the target is issued again only when a weight is off by more than this."""
    idle: Literal["none", "defensive", "benchmark"] = "none"
    """What is bought with the part of equity that the weights leave free."""

    max_turnover: Annotated[float, Field(ge=0.0)] = 0.0
    """Largest half sum of weight changes of a rebalance, defensives included; 0 switches it off."""

    legacy: LegacySettings = LegacySettings()
    """Defects of earlier platforms, for comparison only."""

    @model_validator(mode="after")
    def _tiers_match(self) -> Self:
        tiers, exposures = self.drawdown_tiers, self.drawdown_exposures
        if len(tiers) != len(exposures) or len(tiers) > MOST_TIERS:
            found = f"{len(tiers)} tiers and {len(exposures)} exposures"
            wanted = f"as many drawdown_exposures as drawdown_tiers, at most {MOST_TIERS}"
            raise misfit(wanted, at=("drawdown_exposures",), value=found, hint="give each tier its exposure")
        if list(tiers) != sorted(set(tiers)):
            raise misfit(
                "tiers in ascending order, each once", at=("drawdown_tiers",), value=str(tiers), hint="sort them"
            )
        if self.dynamic_exposure and not tiers:
            raise misfit(
                "at least one drawdown tier", at=("drawdown_tiers",), value="none", hint="or dynamic_exposure: false"
            )
        return self

    @model_validator(mode="after")
    def _defensives_are_named(self) -> Self:
        asked = "risk_off" if self.risk_off == "defensive" else "idle" if self.idle == "defensive" else None
        if asked and not self.defensives:
            raise misfit(
                "at least one symbol", at=("defensives",), value="none", hint=f"{asked}: defensive buys one of them"
            )
        if len(set(self.defensives)) != len(self.defensives):
            raise misfit("each symbol once", at=("defensives",), value=", ".join(self.defensives), hint="take one out")
        return self

    @property
    def reads_benchmark(self) -> bool:
        """Whether decisions need a benchmark that is a symbol."""
        measured = self.volatility_target > 0.0 and self.volatility_of == "benchmark"
        bought = "benchmark" in (self.risk_off, self.idle)
        return self.market_filter or measured or bought or self._guard_waits_for_the_market

    @property
    def _guard_waits_for_the_market(self) -> bool:
        return self.guard_reentry == "market_filter" and max(self.max_drawdown, self.max_drawdown_52w) > 0.0

    @property
    def volatility_closes(self) -> int:
        """Closes that volatility is measured over."""
        return self.volatility_window or (63 if self.volatility_of == "portfolio" else 20)
