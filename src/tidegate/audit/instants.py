"""At which instants a pipeline is looked at: where leaks hide, and anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.randomness import generator
from tidegate.core.time import DAY, HOUR
from tidegate.core.units import Int64Array

__all__ = ["Chosen", "choose_instants", "starts", "strata"]

_RANDOM: Final = "random"
_BOUNDARY: Final = "boundary"
_ROWS_OF_A_START: Final = 3
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday
_HOLIDAY_FACTOR: Final = 1.5
_MOST_RELEASES: Final = 20_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Chosen:
    """Instants, ascending, and how many were drawn from each kind of day or hour."""

    instants: Int64Array
    counts: Mapping[str, int]


def choose_instants(
    kinds: Mapping[str, Int64Array],
    times: Int64Array,
    count: int,
    *,
    seed: int,
    random_share: float,
    scope: str,
    always: Sequence[int] = (),
) -> Chosen:
    """Draw instants: some anywhere, the others in turn from every stratum that there is.

    Parameters
    ----------
    kinds
        From :func:`strata`.
    times
        ``int64 (n,)`` instants of the bars.
    count
        How many, if there are so many.
    random_share
        Share of those that are drawn anywhere.
    always
        Boundaries that are among them, if there is room.
    """
    random = generator(seed, "instants", scope)
    pools = {name: list(random.permutation(found)) for name, found in kinds.items() if len(found)}
    anywhere = list(random.permutation(times[:-1] if len(times) > 1 else times))
    possible = {*times[:-1].tolist(), *(int(one) for found in pools.values() for one in found), *always}
    wanted = min(count, len(possible))
    drawn: dict[int, str] = dict.fromkeys(always[:wanted], _BOUNDARY)
    _draw(drawn, {_RANDOM: anywhere}, min(max(round(count * random_share), 1) + len(drawn), wanted))
    order = [name for _, name in sorted(zip(random.random(len(pools)), pools, strict=True))]
    _draw(drawn, {name: pools[name] for name in order}, wanted)
    _draw(drawn, {_RANDOM: anywhere}, wanted)
    counts = Counter(drawn.values())
    return Chosen(
        instants=np.array(sorted(drawn), dtype=np.int64),
        counts={name: counts.get(name, 0) for name in dict.fromkeys((_RANDOM, *kinds, *drawn.values()))},
    )


def _draw(drawn: dict[int, str], pools: Mapping[str, list[np.int64]], wanted: int) -> None:
    """Take from each pool in turn until there are enough or all are empty."""
    while len(drawn) < wanted and any(pools.values()):
        for name, pool in pools.items():
            while pool and (instant := int(pool.pop())) in drawn:
                pass
            if len(drawn) < wanted and instant not in drawn:
                drawn[instant] = name


def starts(times: Int64Array, begun: Sequence[int], count: int = 1) -> Int64Array:
    """Return the bars at which something begins, and so many in all from each on: what was fitted for it ended before.

    Parameters
    ----------
    times
        ``int64 (n,)`` instants of the bars.
    begun
        Instants of first forecasts, decisions and tests.
    """
    first = np.searchsorted(times, np.array(sorted(set(begun)), dtype=np.int64))
    rows = (first[:, None] + np.arange(count)).ravel()
    found: Int64Array = times[np.unique(rows[rows < len(times) - 1])]
    return found


def strata(history: History, boundaries: Sequence[int] = (), begun: Sequence[int] = ()) -> dict[str, Int64Array]:
    """Return the kinds of instants at which leaks show that are invisible elsewhere.

    Parameters
    ----------
    boundaries
        Instants right after which something was fitted again.
    begun
        Instants of first forecasts, decisions and tests, which are boundaries too.

    Returns
    -------
    kinds
        Name to ``int64`` instants from the first bar on; empty where there is none of a kind.
    """
    bars = history.bars
    if not len(bars.times):
        return {}
    found = {name: bars.times[_unique(find(bars))] for name, find in _ROWS.items()}
    found["before_release"], found["release"] = _releases(history)
    around = _around(bars.times, np.array(sorted(boundaries), dtype=np.int64))
    found[_BOUNDARY] = np.union1d(around, starts(bars.times, begun, _ROWS_OF_A_START))
    return {name: instants[instants >= bars.times[0]] for name, instants in found.items()}


def _unique(rows: Int64Array) -> Int64Array:
    return np.unique(rows)


def _steps(bars: Panel) -> tuple[Int64Array, int]:
    steps = np.diff(bars.times)
    return steps, int(np.median(steps)) if len(steps) else 0


def _session_starts(bars: Panel) -> Int64Array:
    steps, usual = _steps(bars)
    return np.flatnonzero(steps > usual) + 1 if usual < DAY else np.empty(0, dtype=np.int64)


def _session_ends(bars: Panel) -> Int64Array:
    return _session_starts(bars) - 1


def _after_holidays(bars: Panel) -> Int64Array:
    """Rows after a pause that is longer than the usual one on that day of the week at that hour."""
    steps, usual = _steps(bars)
    if not len(steps):
        return np.empty(0, dtype=np.int64)
    before = bars.times[:-1]
    weekday = (before // DAY + _EPOCH_WEEKDAY) % 7
    slot = weekday * 24 + (before % DAY) // HOUR if usual < DAY else weekday
    typical = np.zeros(len(steps))
    for one in np.unique(slot):
        typical[slot == one] = np.median(steps[slot == one])
    return np.flatnonzero((steps > _HOLIDAY_FACTOR * typical) & (steps > usual)) + 1


def _month_ends(bars: Panel) -> Int64Array:
    months = bars.times.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    last = np.flatnonzero(np.diff(months) != 0)
    return np.concatenate([last, last + 1])


def _gaps(bars: Panel) -> tuple[np.ndarray, np.ndarray]:
    """Return where a bar is there, and where it is missing between the first and the last one of its symbol."""
    there = ~np.isnan(_close(bars))
    inside = (np.cumsum(there, axis=0) > 0) & (np.cumsum(there[::-1], axis=0)[::-1] > 0)
    return there, inside & ~there


def _before_gaps(bars: Panel) -> Int64Array:
    there, gap = _gaps(bars)
    return np.flatnonzero((there[:-1] & gap[1:]).any(axis=1))


def _after_gaps(bars: Panel) -> Int64Array:
    there, gap = _gaps(bars)
    return np.flatnonzero((gap[:-1] & there[1:]).any(axis=1)) + 1


def _listings(bars: Panel) -> Int64Array:
    there = ~np.isnan(_close(bars))
    first = np.argmax(there, axis=0)[there.any(axis=0)]
    first = first[first > 0]
    return np.concatenate([first - 1, first, np.minimum(first + 1, len(bars.times) - 1)])


def _without_volume(bars: Panel) -> Int64Array:
    return np.flatnonzero((bars["volume"] == 0.0).any(axis=1)) if "volume" in bars else np.empty(0, dtype=np.int64)


def _unchanged(bars: Panel) -> Int64Array:
    close = _close(bars)
    return np.flatnonzero((close[1:] == close[:-1]).any(axis=1)) + 1


def _edges(bars: Panel) -> Int64Array:
    count = len(bars.times)
    return np.array([row for row in (0, 1, count - 3, count - 2) if 0 <= row < count - 1], dtype=np.int64)


def _close(bars: Panel) -> np.ndarray:
    name = "close" if "close" in bars else next(iter(bars), None)
    return np.full(bars.shape, np.nan) if name is None else bars[name]


_ROWS: Final[Mapping[str, Callable[[Panel], Int64Array]]] = {
    "session_start": _session_starts,
    "session_end": _session_ends,
    "after_holiday": _after_holidays,
    "month_end": _month_ends,
    "before_gap": _before_gaps,
    "after_gap": _after_gaps,
    "listing": _listings,
    "no_volume": _without_volume,
    "unchanged_price": _unchanged,
    "edge": _edges,
}


def _releases(history: History) -> tuple[Int64Array, Int64Array]:
    """Return when rows of the slower sources become known: last bars and instants before, and first ones from then on.

    Leaks live before a release, where the value is not known yet, and faults of joins after it.
    """
    times, nothing = history.bars.times, np.empty(0, dtype=np.int64)
    before, after = [nothing], [nothing]
    for rows in history.tables.values():
        known = rows["known_time"].drop_nulls().dt.epoch("us").unique().sort().to_numpy()
        thinned = known[:: max(len(known) // _MOST_RELEASES, 1)].astype(np.int64)
        row = np.searchsorted(times, thinned)
        before += [thinned - 1, times[row[row > 0] - 1]]
        after += [thinned, times[row[row < len(times)]]]
    known_before, known_after = (np.unique(np.concatenate(part)) for part in (before, after))
    return known_before[known_before <= times[-1]], known_after[known_after <= times[-1]]


def _around(times: Int64Array, instants: Int64Array) -> Int64Array:
    """Return the last bar before each instant and the first one at or after it."""
    after = np.searchsorted(times, instants, side="left")
    rows = np.concatenate([after - 1, after])
    found: Int64Array = times[np.unique(rows[(rows >= 0) & (rows < len(times))])]
    return found
