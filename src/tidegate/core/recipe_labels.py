"""What a recipe says about labels: what is forecast, and how far ahead."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from tidegate.core.config import Settings, misfit
from tidegate.core.horizon import Horizon, Reach
from tidegate.core.time import BarInterval
from tidegate.core.units import Count

__all__ = ["BINARY_TARGETS", "LabelSettings", "TouchSettings"]

BINARY_TARGETS: Final = frozenset({"hit", "relative_hit", "hindsight_hit"})
"""Targets that are 0 or 1: what forecasts them is a probability."""


class TouchSettings(Settings):
    """A rise that is reached, or not, within a window of days: what the targets ``hit`` are about."""

    first_day: Count = 3
    """First day that counts for ``hindsight_hit``; the day after the decision is day 1."""
    last_day: Annotated[int, Field(ge=2, le=250)] = 5
    """Day of the exit of ``hit`` and ``relative_hit``, and the last one that counts for ``hindsight_hit``."""
    rise: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.04
    """The goal, a fraction of the price: 0.04 is 4 %."""
    sell_within_bars: Annotated[int, Field(ge=0, le=250)] = 5
    """Bars after the last day within which a sale that was not possible may still happen."""
    top_share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    """Share of the symbols of an instant that count as a ``relative_hit``."""

    @model_validator(mode="after")
    def _days_in_order(self) -> Self:
        if self.first_day > self.last_day:
            hint = "days count from the decision, both ends inclusive"
            raise misfit(
                f"at most last_day, which is {self.last_day}", at=("first_day",), value=self.first_day, hint=hint
            )
        return self


class LabelSettings(Settings):
    """What is forecast, and how far ahead."""

    horizon: Horizon | None = None
    """How long after the fill the return is measured: ``1h``, ``4h``, ``1d``, ``7d``, or any time that the bars divide.

    On daily bars days count sessions; on shorter bars it is time on the clock, so on an exchange that closes count
    bars. None means ``horizon_bars``.
    """
    horizon_bars: Count | None = 5
    """The same as a count of bars; left out where ``horizon`` is given."""
    horizons: tuple[Horizon, ...] = ()
    """Every horizon that is labelled, ``horizon`` among them; empty means no other. The longest decides the purge."""
    target: Literal[
        "gross", "excess", "benchmark_excess", "rank", "volatility", "hit", "relative_hit", "hindsight_hit"
    ] = "gross"
    """What is forecast, over the horizon.

    ``gross`` log return, its ``excess`` over the mean of all symbols labelled at that instant, its ``benchmark_excess``
    over the symbol ``universe.benchmark``, its ``rank`` among them from 0 to 1, or the realised ``volatility``, which
    says nothing about what to buy and so asks for ``strategy: null``. Or 0 and 1, over the days of ``touch``: ``hit``
    where a trade that could have been made earned the rise, ``relative_hit`` where it was among the best of its day,
    ``hindsight_hit`` where the best close of the window reached the rise, which nobody can trade.
    """
    touch: TouchSettings = TouchSettings()
    """What a hit is."""
    threshold: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.005
    """What counts as a move up or down in the three-way label, as a fraction of the price: 0.005 is half a percent."""
    buckets: Annotated[int, Field(ge=2, le=1000)] = 5
    """Into how many equal parts the bucket label divides the symbols of an instant; what ``lambdarank`` learns from."""

    @model_validator(mode="before")
    @classmethod
    def _bars_give_way(cls, content: Any) -> Any:
        if isinstance(content, dict) and content.get("horizon") is not None and "horizon_bars" not in content:
            return {**content, "horizon_bars": None}
        return content

    @model_validator(mode="after")
    def _one_horizon(self) -> Self:
        lengths = [one.microseconds for one in self.horizons]
        if len(set(lengths)) != len(lengths):
            raise misfit("each horizon once", at=("horizons",), value=", ".join(self.horizons), hint="take one out")
        if self.horizons and self.horizon not in self.horizons:
            wanted = f"one of labels.horizons: {', '.join(self.horizons)}"
            raise misfit(wanted, at=("horizon",), value=self.horizon, hint="name the one that is trained on")
        if (self.horizon is None) == (self.horizon_bars is None):
            clash = "either labels.horizon or labels.horizon_bars"
            raise misfit(clash, at=("horizon_bars",), value=self.horizon_bars, hint="keep the one that is meant")
        return self

    @property
    def is_binary(self) -> bool:
        """Whether the target is 0 or 1."""
        return self.target in BINARY_TARGETS

    def reaches(self, interval: BarInterval) -> tuple[Reach, ...]:
        """Return how far the labels reach on bars of one size, the trained one first.

        Raises
        ------
        InputError
            If the bars do not divide a horizon.
        """
        if self.horizon is None:
            return (Reach.of_bars(self.horizon_bars or 1),)
        others = [one for one in self.horizons if one != self.horizon]
        return tuple(one.reach(interval) for one in (self.horizon, *others))
