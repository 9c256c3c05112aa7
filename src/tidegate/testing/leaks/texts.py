"""Leaks of text: an encoder that has read what was written later."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import polars as pl

from tidegate.audit import FindingKind
from tidegate.core.history import History
from tidegate.core.pipeline import Claim, EncoderClaim
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray
from tidegate.testing.leaks.leak import HONEST, ClaimingFormulas, Leak, momentum
from tidegate.testing.leaks.markets import daily_market

__all__ = ["TEXTS"]

_ENCODER: Final = "word weights"
_PRETRAINED: Final = {"beat": 1.0, "upgrade": 0.7, "buyback": 0.6, "record": 0.4, "miss": -1.0, "lawsuit": -0.8}
"""A frozen encoder, as it comes from elsewhere: nothing that is computed shows what it was trained on."""


def _tone(history: History) -> FloatArray:
    """Return the mean weight of the words of each symbol's posts of five days."""
    posts = history.tables["posts"].sort("known_time")
    said = posts.with_columns(
        tone=pl.col("text").str.split(" ").list.eval(pl.element().replace_strict(_PRETRAINED, default=0.0)).list.mean()
    )
    columns = []
    for symbol in history.bars.symbols:
        rows = said.filter(pl.col("symbol") == symbol)
        known = rows["known_time"].to_physical().to_numpy()
        totals = np.append(0.0, np.cumsum(rows["tone"].to_numpy()))
        first = np.searchsorted(known, history.bars.times - 5 * DAY, side="right")
        last = np.searchsorted(known, history.bars.times, side="right")
        columns.append((totals[last] - totals[first]) / np.where(last > first, last - first, np.nan))
    return np.stack(columns, axis=1)


def _read_until(history: History, *, days_before_the_test: int) -> tuple[Claim, ...]:
    first_used = int(history.bars.times[len(history.bars.times) // 2])
    cutoff = first_used - days_before_the_test * DAY
    return (EncoderClaim(name=_ENCODER, training_cutoff=cutoff, first_used=first_used),)


def _pipeline(days_before_the_test: int) -> ClaimingFormulas:
    claimed = partial(_read_until, days_before_the_test=days_before_the_test)
    return ClaimingFormulas(formulas={HONEST: momentum, "tone": _tone}, claimed=claimed)


TEXTS: Final = (
    Leak(
        name="encoder trained after the test",
        about="a language model that has read the news of the test turns them into numbers",
        source="TradingAgents #203, RD-Agent #1177, AI-Trader #76",
        keys=(_ENCODER,),
        expected=frozenset({FindingKind.ENCODER}),
        planted=lambda _: _pipeline(-90),
        clean=lambda _: _pipeline(90),
        history=daily_market,
    ),
)
