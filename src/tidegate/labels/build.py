"""The labels that a recipe asks for."""

from __future__ import annotations

from tidegate.core.panel import Panel
from tidegate.core.recipe import FillPrice, LabelSettings
from tidegate.core.time import BarInterval
from tidegate.costs import FundingPayments
from tidegate.labels.forward_return import forward_labels
from tidegate.labels.holding import Holding
from tidegate.labels.label_set import LabelSet

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
    """Label a panel over every horizon of a recipe, the trained one first.

    Parameters
    ----------
    panel
        Adjusted prices; row *t* holds what was known at ``panel.times[t]``.
    settings
        Horizons, threshold and buckets.
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
        If the panel lacks the price column.

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
    return LabelSet(
        tuple(
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
    )
