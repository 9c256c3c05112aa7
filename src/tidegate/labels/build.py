"""The labels that a recipe asks for."""

from __future__ import annotations

from tidegate.core.panel import Panel
from tidegate.core.recipe import FillPrice, LabelSettings
from tidegate.core.time import BarInterval
from tidegate.costs import FundingPayments
from tidegate.data.price_limits import LIMIT_PERCENT, limit_prices
from tidegate.labels.forward_return import forward_labels
from tidegate.labels.holding import Holding
from tidegate.labels.label_set import LabelSet
from tidegate.labels.touch import TouchLabels, TouchWindow, fixed_exit, hindsight_touch

__all__ = ["build_labels"]


def build_labels(
    panel: Panel,
    settings: LabelSettings,
    *,
    interval: BarInterval,
    fill: FillPrice,
    round_trip_cost: float,
    funding: FundingPayments | None = None,
) -> LabelSet:
    """Label a panel over every horizon of a recipe, the trained one first, and by hits where a recipe forecasts them.

    Hits are trades of :func:`~tidegate.labels.fixed_exit`, whatever price the recipe fills at, within price limits
    where the panel has them; beside ``hindsight_hit``, too, they say what was really earned.

    Parameters
    ----------
    panel
        Adjusted prices; row *t* holds what was known at ``panel.times[t]``. Of A-shares also ``limit_percent``.
    settings
        Horizons, threshold and buckets; days and goal of hits.
    interval
        Size of the bars.
    fill
        Which price both fills take.
    round_trip_cost
        Cost of buying and selling once, a fraction of the notional in ``[0, 1)``.
    funding
        What was paid to hold the panel's symbols; None for shares, and where no payments are there.

    Raises
    ------
    InputError
        If the bars do not divide a horizon.
    DataError
        If the panel lacks a price column.

    Examples
    --------
    >>> from tidegate.testing import synthetic_panel
    >>> settings = LabelSettings(horizon="1d", horizons=["1d", "7d"])
    >>> panel = synthetic_panel(7, n_times=30, n_symbols=4)
    >>> daily = {"interval": BarInterval("1d"), "fill": FillPrice.NEXT_OPEN, "round_trip_cost": 0.001}
    >>> labels = build_labels(panel, settings, **daily)
    >>> labels.horizon_bars, len(labels.spans_of("gross_1d")), len(labels.spans)
    (1, 28, 22)
    """
    holding = None if funding is None else Holding.of_fills(panel.times, fill, interval, funding)
    returns = tuple(
        forward_labels(
            panel,
            reach,
            fill,
            round_trip_cost,
            threshold=settings.threshold,
            buckets=settings.buckets,
            holding=holding,
        )
        for reach in settings.reaches(interval)
    )
    return LabelSet((*returns, *(_touches(panel, settings) if settings.is_binary else ())))


def _touches(panel: Panel, settings: LabelSettings) -> tuple[TouchLabels, ...]:
    asked = settings.touch
    window = TouchWindow(first_day=asked.first_day, last_day=asked.last_day, rise=asked.rise)
    trade = fixed_exit(
        panel,
        window,
        limits=limit_prices(panel.columns, panel.symbols, panel.times) if LIMIT_PERCENT in panel else None,
        sell_within_bars=asked.sell_within_bars,
        top_share=asked.top_share,
    )
    return (trade, hindsight_touch(panel, window)) if settings.target == "hindsight_hit" else (trade,)
