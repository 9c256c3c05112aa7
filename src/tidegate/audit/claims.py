"""What can be checked without running anything twice: claims of a pipeline, and the times of its data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tidegate.audit.reference import ReferenceStage
from tidegate.audit.result import Finding, FindingKind
from tidegate.core.history import History
from tidegate.core.pipeline import BarClaim, Claim, EncoderClaim, FillClaim, FitClaim, SplitClaim, StageKind
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


def check_claims(claims: Iterable[Claim], history: History, stages: Sequence[ReferenceStage] = ()) -> Checked:
    """Check how a pipeline says that it splits, fits, reads texts and fills, and whose closes stamp its bars.

    Parameters
    ----------
    stages
        What it gives of everything: claimed ends are held against those of its labels, and what it says without a claim
        is named.
    """
    every = list(claims)
    splits = [claim for claim in every if isinstance(claim, SplitClaim)]
    fits = [claim for claim in every if isinstance(claim, FitClaim)]
    parts = [_check(claim, history) for claim in every]
    parts += [_check_ends(claim, stages, history) for claim in splits]
    parts += [_check_allowed(claim, splits) for claim in fits]
    return _together([*parts, Checked(unknowns=tuple(_unclaimed(every, stages)))])


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


def _unclaimed(claims: Sequence[Claim], stages: Sequence[ReferenceStage]) -> Iterator[str]:
    """Say what a pipeline delivers and makes no claim of."""
    kinds = {stage.declared.kind for stage in stages if len(stage.times)}
    if StageKind.DECISIONS in kinds and not any(isinstance(claim, FillClaim) for claim in claims):
        yield "when decisions are filled: no claim says it"
    if StageKind.PREDICTIONS in kinds and not any(isinstance(claim, SplitClaim | FitClaim) for claim in claims):
        yield "what predictions were fitted on: no claim says how training and test were split"


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
    """See that no training sample shares an instant with a test sample, from decision to end of label (D-08, D-36).

    A test may consist of several stretches: training between them is right if it keeps clear of each. After a test,
    training also keeps clear of the embargo.
    """
    cells = len(claim.train_times) + len(claim.test_times)
    if not len(claim.train_times) or not len(claim.test_times):
        return Checked(cells=cells, unknowns=(f"split {claim.name!r}: one of its sides is empty",))
    starts, ends = _stretches(claim.test_times, claim.test_ends, claim.embargo)
    known = np.maximum(claim.train_ends, claim.train_times + 1)
    last = np.searchsorted(starts, known, side="left") - 1
    wrong = (last >= 0) & (ends[np.maximum(last, 0)] > claim.train_times)
    instants = claim.train_times, claim.train_ends
    return Checked(findings=_first(FindingKind.SPLIT, "split", claim.name, instants, wrong), cells=cells)


def _stretches(times: Int64Array, known: Int64Array, embargo: int) -> tuple[Int64Array, Int64Array]:
    """Return starts and ends of the union of half-open spans, each longer by the embargo."""
    order = np.argsort(times, kind="stable")
    starts, ends = times[order], np.maximum(known, times + 1)[order]
    ends = np.maximum.accumulate(np.minimum(ends, np.iinfo(np.int64).max - embargo) + embargo)
    opens = np.append(True, starts[1:] > ends[:-1])
    return starts[opens], ends[np.append(opens[1:], True)]


def _check_ends(claim: SplitClaim, stages: Sequence[ReferenceStage], history: History) -> Checked:
    """See that no sample is said to be known before the pipeline's own label of its instant has ended.

    Of labels over several horizons the shortest counts; of one that ends after the data nobody knows when.
    """
    labels = [stage for stage in stages if stage.declared.kind is StageKind.LABELS and len(stage.times)]
    if not labels:
        return Checked(unknowns=(f"whether the labels of split {claim.name!r} end when it says: no stage gives them",))
    times = np.concatenate([claim.train_times, claim.test_times])
    said = np.concatenate([claim.train_ends, claim.test_ends])
    true = np.min([_ends_at(stage, times) for stage in labels], axis=0)
    inside = (true <= history.bars.times[-1]) if len(history.bars.times) else np.zeros(len(times), dtype=np.bool_)
    wrong = inside & (said < true)
    return Checked(
        findings=_first(FindingKind.SPLIT, "split", claim.name, (times, true), wrong), cells=int(inside.sum())
    )


def _ends_at(stage: ReferenceStage, times: Int64Array) -> Int64Array:
    """Return when labels of some instants end; the end of time where the stage has none."""
    places = np.minimum(np.searchsorted(stage.times, times), len(stage.times) - 1)
    ends: Int64Array = np.where(stage.times[places] == times, stage.ends[places], np.iinfo(np.int64).max)
    return ends


def _check_allowed(claim: FitClaim, splits: Sequence[SplitClaim]) -> Checked:
    """See that what a statistic may be fitted on is not the test of its fold.

    The fold is the one that the name of the claim names, or the only one.
    """
    own = [split for split in splits if _names(claim.name, split.name)] or list(splits)
    if len(own) != 1:
        several = (f"of which split {claim.name!r} is: several are claimed, and its name names none",)
        return Checked(unknowns=several if own else ())
    wrong = np.isin(claim.allowed_times, own[0].test_times)
    instants = claim.allowed_times, claim.allowed_times
    findings = _first(FindingKind.FIT, "fit", claim.name, instants, wrong)
    return Checked(findings=findings, cells=len(claim.allowed_times))


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


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
