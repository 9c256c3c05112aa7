"""The review of events by people: a sample to look at, and the verdicts on it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import polars as pl

from tidegate.core.clock import now
from tidegate.core.errors import CatalogError, InputError
from tidegate.core.time import Instant
from tidegate.core.workspace import Workspace
from tidegate.data.catalog import Catalog
from tidegate.data.review.quality import score_events
from tidegate.data.tables import EVENT_REVIEWS, MOMENT

__all__ = ["LARGEST_SAMPLE", "Recorded", "ReviewVerdict", "latest_reviews", "record_review", "sample_events"]

LARGEST_SAMPLE: Final = 1_000
"""Events in one sample at most."""
_SHORTEST_ID: Final = 8
_LONGEST_NAME: Final = 64
_LONGEST_NOTE: Final = 2_000


class ReviewVerdict(StrEnum):
    """What a person says of an event: whether it is real, as described, and about the linked symbols."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A verdict that is in the catalog now; ``version`` is that of the table ``event_reviews``."""

    dataset: str
    event_id: str
    reviewer: str
    verdict: ReviewVerdict
    at: Instant
    version: int


def sample_events(
    catalog: Catalog,
    dataset: str,
    *,
    as_of: Instant,
    limit: int = 100,
    minimum_quality: float = 0.0,
    seed: int = 0,
    unreviewed_by: str | None = None,
) -> pl.DataFrame:
    """Return events to be looked at, drawn at random but the same for everybody who names the same seed.

    Every event has a place that depends on the seed and its id alone, and the first ones are drawn. A sample that is
    drawn again after new events came in is therefore mostly the same, and two reviewers look at the same events.

    Parameters
    ----------
    limit
        Events at most, 1 to 1000.
    minimum_quality
        Events below this score are left out; see :func:`~tidegate.data.review.event_quality`.
    unreviewed_by
        A reviewer whose own verdicts are not asked for again.

    Returns
    -------
    polars.DataFrame
        As :func:`~tidegate.data.review.score_events`, in the order of the draw.

    Raises
    ------
    CatalogError
        If the data set has no events.
    InputError
        If the limit or the score is out of its range.
    """
    if not 1 <= limit <= LARGEST_SAMPLE:
        raise InputError(
            found=f"a sample of {limit} events", expected=f"1 to {LARGEST_SAMPLE}", hint="draw several, by seed"
        )
    if not 0.0 <= minimum_quality <= 1.0:
        raise InputError(found=f"a least score of {minimum_quality:g}", expected="0 to 1", hint="for example 0.4")
    wanted = score_events(catalog, dataset, as_of=as_of).filter(pl.col("quality") >= minimum_quality)
    if unreviewed_by is not None:
        done = latest_reviews(catalog, dataset, as_of=as_of).filter(pl.col("reviewer") == unreviewed_by)
        wanted = wanted.join(done, on="event_id", how="anti", maintain_order="left")
    places = [hashlib.sha256(f"{seed}/{event}".encode()).digest()[:8] for event in wanted["event_id"]]
    order = sorted(range(wanted.height), key=places.__getitem__)[:limit]
    return wanted[order]


def record_review(
    workspace: Workspace,
    dataset: str,
    event_id: str,
    *,
    reviewer: str,
    verdict: ReviewVerdict,
    note: str | None = None,
) -> Recorded:
    """Write a verdict into the table ``event_reviews``; a later one of the same person takes its place, both stay.

    Parameters
    ----------
    event_id
        The event's id, or its first digits (8 at least) where they say enough.

    Raises
    ------
    CatalogError
        If there is no such event.
    InputError
        If the digits fit several events, or name or note are empty or too long.
    """
    name, remark = reviewer.strip(), (note or "").strip()
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise InputError(
            found=f"a reviewer's name of {len(name)} characters",
            expected=f"1 to {_LONGEST_NAME}",
            hint="--reviewer NAME",
        )
    if len(remark) > _LONGEST_NOTE:
        raise InputError(
            found=f"a note of {len(remark)} characters", expected=f"at most {_LONGEST_NOTE}", hint="shorten it"
        )
    catalog, present = Catalog(workspace), now()
    whole = _whole_id(catalog, dataset, event_id.strip().lower(), present)
    row = {
        "dataset": dataset,
        "event_id": whole,
        "reviewer": name,
        "event_time": present,
        "known_time": present,
        "verdict": str(verdict),
        "note": remark or None,
        "source": "review",
        "synthetic": False,
    }
    kinds = {key: kind for key, kind in EVENT_REVIEWS.schema.items() if key != "recorded_time"}
    moments = [key for key, kind in kinds.items() if kind == MOMENT]
    frame = pl.DataFrame([row], schema={**kinds, **dict.fromkeys(moments, pl.Int64())})
    done = catalog.append(EVENT_REVIEWS.name, frame.with_columns(pl.col(moments).cast(MOMENT)))
    return Recorded(dataset=dataset, event_id=whole, reviewer=name, verdict=verdict, at=present, version=done.version)


def latest_reviews(catalog: Catalog, dataset: str, *, as_of: Instant) -> pl.DataFrame:
    """Return the last verdict of each reviewer on each event: ``event_id``, ``reviewer``, ``verdict``, ``note``."""
    columns = ("event_id", "reviewer", "verdict", "note")
    try:
        reviews = catalog.read(EVENT_REVIEWS.name, dataset=dataset, as_of=as_of)
    except CatalogError:
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String()))
    last = reviews.sort("event_time", "known_time").unique(["event_id", "reviewer"], keep="last", maintain_order=True)
    return last.select(columns).sort("event_id", "reviewer").collect()


def _whole_id(catalog: Catalog, dataset: str, event_id: str, as_of: Instant) -> str:
    events = catalog.read("events", dataset=dataset, as_of=as_of).select(pl.col("event_id").unique())
    fits = pl.col("event_id").str.starts_with(event_id) & (len(event_id) >= _SHORTEST_ID)
    found = events.filter(fits | (pl.col("event_id") == event_id)).collect().to_series().sort().to_list()
    if event_id in found or len(found) == 1:
        return event_id if event_id in found else str(found[0])
    if found:
        raise InputError(
            found=f"{event_id!r}, with which {len(found)} events begin", expected="one event", hint="give more digits"
        )
    raise CatalogError(
        found=f"no event {event_id!r} in {dataset!r}",
        expected=f"an event id, or its first {_SHORTEST_ID} digits or more",
        hint=f"draw some: tidegate review sample {dataset}",
    )
