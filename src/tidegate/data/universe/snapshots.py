"""Snapshots: who belongs at an instant, why, and under which address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegate.core.fingerprint import fingerprint
from tidegate.core.ranks import choose
from tidegate.core.time import Instant, format_instant, moment_of
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.data.tables import MOMENT, UNIVERSE
from tidegate.data.universe.ranking import TradedValues
from tidegate.data.universe.rules import UniverseRules

__all__ = ["Decided", "decide_universe", "rows_of"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Decided:
    """One snapshot.

    Parameters
    ----------
    at
        The close at which it was decided; everything in it was known by then.
    symbols
        Names it says something about, ascending: members, names within the band, and members that left.
    is_member
        ``bool (n,)``.
    ranks
        ``int64 (n,)``, 1 for the most traded; 0 for a name that could not be ranked.
    values
        ``float64 (n,)``: traded value per bar of the look-back, in currency.
    """

    at: Instant
    symbols: tuple[str, ...]
    is_member: Mask
    ranks: Int64Array
    values: FloatArray

    @property
    def members(self) -> tuple[str, ...]:
        """Names that belong, ascending."""
        return tuple(name for name, belongs in zip(self.symbols, self.is_member, strict=True) if belongs)

    def address(self, rules: UniverseRules) -> str:
        """Return the SHA-256 of everything in the snapshot and of the rules that made it."""
        rows = zip(self.symbols, self.is_member.tolist(), self.ranks.tolist(), self.values.tolist(), strict=True)
        return fingerprint({"rules": rules, "at": format_instant(self.at), "rows": [list(row) for row in rows]})


def decide_universe(
    traded: TradedValues,
    rules: UniverseRules,
    closes: Int64Array,
    exits: Int64Array,
    listed: Mask,
    again: Int64Array | None = None,
) -> list[Decided]:
    """Decide one snapshot after the other; each depends on those before it and on what was known at its own instant.

    Among the names that are listed, not excluded and long enough known, the most traded are taken; a member stays
    while it ranks within ``top_n + retain``. At an exit nobody is taken: a member that is no longer listed leaves.

    Parameters
    ----------
    traded
        What was known of traded values.
    closes
        ``int64``: instants at which the universe is decided anew, ascending.
    exits
        ``int64``: further instants at which a member may leave.
    listed
        ``bool (n_instants, n_symbols)`` at the union of both, ascending.
    again
        ``int64``: those of the exits that get a snapshot even if nothing changes.

    Returns
    -------
    snapshots
        Ascending; none before the first member, and none at another exit that changes nothing.
    """
    instants = np.union1d(closes, exits)
    allowed = np.array([name not in rules.exclude for name in traded.symbols], dtype=np.bool_)
    held = np.zeros(len(traded.symbols), dtype=np.bool_)
    snapshots: list[Decided] = []
    forced = set() if again is None else set(again.tolist())
    rebalances = set(closes.tolist())
    for row, instant in enumerate(instants.tolist()):
        anew = instant in rebalances
        if not anew and instant not in forced and not (held & ~listed[row]).any():
            continue
        values = traded.known_at(instant, rules.lookback_bars)
        eligible = np.flatnonzero(allowed & listed[row] & traded.has_history(instant) & (values > 0.0))
        order = eligible[np.argsort(-values[eligible], kind="stable")]  # ties go by symbol
        before = held
        if anew:
            held = np.zeros_like(before)
            held[choose(order, before, rules.top_n, rules.retain)] = True
        else:
            held = before & listed[row]
        if before.any() or held.any() or instant in forced:
            snapshots.append(_snapshot(traded.symbols, Instant(instant), order, values, before, held, rules))
    return snapshots


def _snapshot(
    symbols: Sequence[str],
    at: Instant,
    order: Int64Array,
    values: FloatArray,
    before: Mask,
    held: Mask,
    rules: UniverseRules,
) -> Decided:
    ranks = np.zeros(len(symbols), dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    told = held | before
    told[order[: rules.top_n + rules.retain]] = True
    places = np.flatnonzero(told)
    return Decided(
        at=at,
        symbols=tuple(symbols[place] for place in places.tolist()),
        is_member=held[places],
        ranks=ranks[places],
        values=values[places],
    )


def rows_of(snapshots: Sequence[Decided], rules: UniverseRules) -> pl.DataFrame:
    """Return snapshots as rows of the ``universe`` table; each is known at the close that decided it."""
    rows = pl.concat(
        pl.DataFrame(
            {
                "symbol": pl.Series(one.symbols, dtype=pl.String),
                "event_time": moment_of(one.at),
                "is_member": one.is_member,
                "rank": one.ranks,
                "traded_value": one.values,
                "snapshot": one.address(rules),
            }
        )
        for one in snapshots
    )
    return rows.with_columns(
        pl.lit(rules.name).alias("dataset"),
        pl.col("event_time").cast(MOMENT),
        pl.col("event_time").cast(MOMENT).alias("known_time"),
        pl.when(pl.col("rank") > 0).then("rank").alias("rank"),
        pl.lit(rules.describe()).alias("source"),
        pl.lit(value=False).alias("synthetic"),
    ).select(name for name in UNIVERSE.schema if name != "recorded_time")
