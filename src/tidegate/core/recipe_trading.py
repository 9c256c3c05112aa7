"""What a recipe says about the market it trades in: costs, money, and how orders fill."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from tidegate.core.config import Settings, misfit
from tidegate.core.recipe_data import Day
from tidegate.core.units import Bps, Fraction

__all__ = ["LIMITED_PRESETS", "BacktestSettings", "CostSettings", "FillPrice"]

LIMITED_PRESETS: Final = ("a-share", "free")
"""Presets under which price limits and T+1 may be asked for; the other markets have neither."""


class FillPrice(StrEnum):
    """At which price of the session after the decision an order is filled."""

    NEXT_OPEN = "next_open"
    NEXT_CLOSE = "next_close"
    NEXT_VWAP = "next_vwap"

    @property
    def column(self) -> str:
        """The panel column that labels are measured from: a bar holds no average price, so then it is the close."""
        return "open" if self is FillPrice.NEXT_OPEN else "close"


class CostSettings(Settings):
    """A market's preset and what differs from it; an unset field takes the preset's value."""

    preset: Literal["us-equity", "a-share", "crypto-perpetual", "free"]
    """The market whose costs apply."""
    commission_bps: Bps | None = None
    """Broker's commission, one way."""
    half_spread_bps: Bps | None = None
    """Half the distance between bid and ask, one way."""
    minimum_fee: Annotated[float, Field(ge=0.0)] | None = None
    """Smallest commission of one order, in currency."""
    stamp_tax_sell_bps: Bps | None = None
    """Tax on what is sold."""
    impact_coefficient: Annotated[float, Field(ge=0.0)] | None = None
    """Strength of the market impact of an order's size; 0 switches it off."""


class BacktestSettings(Settings):
    """Money, the price at which orders fill, and what a session can take."""

    initial_cash: Annotated[float, Field(gt=0.0)] = 1_000_000.0
    """Money at the start, in currency."""
    fill: FillPrice = FillPrice.NEXT_OPEN
    """Price at which a decision is filled, in the session after it.

    ``next_vwap`` is traded value over volume where the source knows both, and otherwise the mean of high, low and
    close; sources without volume have none. Labels then run from close to close.
    """
    start: Day | None = None
    """First day traded; none means the first day with scores."""
    end: Day | None = None
    """Last day traded; none means the last day with scores."""
    participation: Fraction = 0.0
    """Largest part of the value traded in a session that one order may be; 0 means no cap."""
    lot_shares: Annotated[float, Field(ge=0.0)] = 0.0
    """Shares of one lot: orders are cut to whole lots, sales to zero excepted; 0 trades fractions. 100 for A-shares.

    Lots are counted in shares as they trade, which only ``accounting: raw`` holds.
    """
    t_plus_one: bool = False
    """Whether shares bought on a day can be sold on the next at the earliest, as A-shares."""
    price_limits: bool = False
    """Whether A-shares at their upper limit cannot be bought, nor those at their lower limit sold."""
    wait_bars: Annotated[int, Field(ge=0)] = 0
    """How many further bars try what is left of an order, until a new decision; 0 lets it expire at once."""
    accounting: Literal["total_return", "raw"] = "total_return"
    """What a share is: one whose dividends are reinvested at adjusted prices, or one as traded, which is paid them.

    ``raw`` takes dividends and splits from the table ``corporate_actions`` of the data set, and what that table lacks
    from changes of the adjustment, as further shares.
    """
    delisting_haircut: Fraction = 0.0
    """Part of its last close that a share loses when its life ends, by the table of lives."""

    @model_validator(mode="after")
    def _lots_are_of_traded_shares(self) -> Self:
        if self.lot_shares > 0.0 and self.accounting != "raw":
            hint = "a lot is of shares as they trade; those of total return are worth more or less than one"
            raise misfit("accounting: raw", at=("accounting",), value=self.accounting, hint=hint)
        return self
