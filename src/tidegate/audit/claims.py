"""What can be checked without running anything twice: claims of a pipeline, and the times of its data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tidegate.audit.result import Finding, FindingKind
from tidegate.core.history import History
from tidegate.core.pipeline import BarClaim, Claim, EncoderClaim, FillClaim, FitClaim, SplitClaim
from tidegate.core.time import Instant, format_instant
from tidegate.core.units import Int64Array, Mask

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Checked", "check_claims", "check_known_times"]

_TABLES_OF: Final = {"derivatives": "metrics", "onchain": "metrics"}
_BARS: Final = "bars"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What static checks found, how many values they looked at, and what they could not tell."""

    findings: tuple[Finding, ...] = ()
    cells: int = 0
    unknowns: tuple[str, ...] = ()


def check_claims(claims: Iterable[Claim], history: History) -> Checked:
    """Check how a pipeline says that it splits, fits, reads texts and fills, and whose closes stamp its bars."""
    parts = [_check(claim, history) for claim in claims]
    return _together(parts)


def check_known_times(history: History) -> Checked:
    """See that nothing was known before it happened, where a source cannot announce it.

    Of a table that is not one of the catalog's nobody knows whether its rows are announced ahead. Whether the bars are
    stamped with their close shows by :class:`~tidegate.core.pipeline.BarClaim` alone.
    """
    if not history.tables:
        return Checked()
    from tidegate.data.tables import TABLES

    parts = []
    for name, rows in history.tables.items():
        spec = TABLES.get(_TABLES_OF.get(name, name))
        if spec is None or "event_time" not in rows.columns:
            parts.append(Checked(unknowns=(f"whether rows of {name!r} may be announced before they happen",)))
        elif not spec.announced_ahead:
            parts.append(_check_rows(name, rows))
    return _together(parts)


def _together(parts: Iterable[Checked]) -> Checked:
    every = list(parts)
    return Checked(
        findings=tuple(finding for part in every for finding in part.findings),
        cells=sum(part.cells for part in every),
        unknowns=tuple(unknown for part in every for unknown in part.unknowns),
    )


def _check(claim: Claim, history: History) -> Checked:
    match claim:
        case SplitClaim():
            return _check_split(claim)
        case FitClaim():
            return _check_fit(claim)
        case EncoderClaim():
            return _check_encoder(claim)
        case FillClaim():
            return _check_fill(claim)
        case BarClaim():
            return _check_bars(claim, history)


def _check_split(claim: SplitClaim) -> Checked:
    """See that no training label reaches into the test, and none of training before it is known after its start.

    A training sample before the first test row must be known by then (D-08, D-36); one after it must begin after the
    last test label has ended.
    """
    cells = len(claim.train_times) + len(claim.test_times)
    if not len(claim.train_times) or not len(claim.test_times):
        return Checked(cells=cells, unknowns=(f"split {claim.name!r}: one of its sides is empty",))
    start, end = int(claim.test_times.min()), int(claim.test_ends.max())
    before = claim.train_times < start
    wrong = np.where(before, claim.train_ends > start, claim.train_times < end)
    instants = claim.train_times, np.where(before, claim.train_ends, claim.train_times)
    return Checked(findings=_first(FindingKind.SPLIT, "split", claim.name, instants, wrong), cells=cells)


def _check_fit(claim: FitClaim) -> Checked:
    wrong = ~np.isin(claim.fitted_times, claim.allowed_times)
    until = int(claim.allowed_times.max()) if len(claim.allowed_times) else 0
    instants = claim.fitted_times, np.full(len(claim.fitted_times), until, dtype=np.int64)
    return Checked(findings=_first(FindingKind.FIT, "fit", claim.name, instants, wrong), cells=len(claim.fitted_times))


def _check_encoder(claim: EncoderClaim) -> Checked:
    if claim.training_cutoff is None:
        since = format_instant(claim.first_used)
        return Checked(
            unknowns=(f"until when the texts reach that encoder {claim.name!r}, used from {since}, was trained on",)
        )
    wrong = np.array([claim.training_cutoff > claim.first_used])
    instants = np.array([claim.first_used]), np.array([claim.training_cutoff])
    return Checked(findings=_first(FindingKind.ENCODER, "encoder", claim.name, instants, wrong), cells=1)


def _check_fill(claim: FillClaim) -> Checked:
    wrong = claim.filled <= claim.decided
    instants = claim.decided, claim.filled
    return Checked(findings=_first(FindingKind.FILL, "fill", claim.name, instants, wrong), cells=len(claim.decided))


def _check_bars(claim: BarClaim, history: History) -> Checked:
    """See that bars are stamped with instants at which the calendar owes a close.

    A market that never closes owes bars at every step, and a stamp of an open is there the stamp of the close before:
    nothing in the bars tells them apart.
    """
    from tidegate.data.calendars import trading_calendar

    calendar, times = trading_calendar(claim.calendar), history.bars.times
    if calendar.is_continuous or not len(times):
        return Checked(unknowns=(f"whether bars of {claim.name!r} carry their close: {claim.calendar} never closes",))
    owed = calendar.closes if claim.interval.is_session else calendar.expected(claim.interval, *times[[0, -1]].tolist())
    return Checked(
        findings=_first(FindingKind.KNOWN_TIME, _BARS, claim.name, (times, times), ~np.isin(times, owed)),
        cells=len(times),
    )


def _check_rows(name: str, rows: pl.DataFrame) -> Checked:
    known, event = (rows[column].dt.epoch("us").fill_null(0).to_numpy() for column in ("known_time", "event_time"))
    findings = _first(FindingKind.KNOWN_TIME, name, "known_time", (event, known), known < event)
    return Checked(findings=findings, cells=rows.height)


def _first(
    kind: FindingKind, stage: str, key: str, instants: tuple[Int64Array, Int64Array], wrong: Mask
) -> tuple[Finding, ...]:
    """Return the earliest offender and how many there are."""
    places = np.flatnonzero(wrong)
    if not len(places):
        return ()
    at, as_of = instants
    place = places[np.argmin(at[places])]
    found = Finding(
        kind=kind,
        stage=stage,
        key=key,
        symbol=None,
        at=Instant(int(at[place])),
        as_of=Instant(int(as_of[place])),
        cells=len(places),
    )
    return (found,)
