"""A picture of folds: what is trained on, looked at and tested, and the gaps that labels leave between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.core.errors import InputError
from tidegate.core.svg import Canvas
from tidegate.core.time import DAY, HOUR, MINUTE, SECOND, format_instant, moment_of
from tidegate.core.units import Int64Array
from tidegate.split.fold import Fold
from tidegate.split.purged import CombinatorialPurged, PurgedSplit
from tidegate.split.walk_forward import months_before

__all__ = ["fold_timeline", "group_timeline"]

_WIDTH: Final = 960.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 88.0, 30.0, 82.0, 38.0
_ROOMY, _DENSE = (26.0, 16.0), (15.0, 10.0)
"""Height of a row and of its bands, for a few rows and for many."""
_FEW: Final = 20
_NARROWEST: Final = 1.6
"""Pixels: a purge of days stays visible on an axis of decades."""

_LOOKS: Final = {
    "train": ("training", "training"),
    "validation": ("third", "validation"),
    "calibration": ("fourth", "calibration"),
    "test": ("first", "test"),
    "embargo": ("second", "embargo"),
    "purge": ("purge", "purged: labels would overlap"),
}
"""Colour and name of every band, in the order in which they are painted and explained."""

_STEPS: Final = tuple(
    unit * count
    for unit, counts in (
        (1, (1, 10, 100, 1_000, 10_000, 100_000)),
        (SECOND, (1, 5, 15)),
        (MINUTE, (1, 5, 15)),
        (HOUR, (1, 3, 6)),
        (DAY, (1, 2, 7)),
    )
    for count in counts
)
_MONTHS: Final = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200)
_MOST_TICKS: Final = 10


@dataclass(frozen=True, kw_only=True)
class _Band:
    kind: str
    start: int
    end: int
    what: str


@dataclass(frozen=True, kw_only=True)
class _Row:
    name: str
    bands: Sequence[_Band]


@dataclass(frozen=True, kw_only=True)
class _Axis:
    start: int
    end: int

    def at(self, instant: int) -> float:
        """Return how far to the right an instant lies; what is outside lies on the edge."""
        share = (min(max(instant, self.start), self.end) - self.start) / (self.end - self.start)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def fold_timeline(folds: Sequence[Fold], *, title: str = "Folds in time") -> str:
    """Draw walk-forward or hold-out folds, one row each, on one axis of time.

    A band holds the decision instants of its part. Between the last of them and the border behind it lies the purge,
    where a label would reach over the border, and the embargo in front of it.

    Parameters
    ----------
    folds
        At least one.
    title
        Heading of the picture.

    Returns
    -------
    svg
        A document of its own, light and dark.

    Raises
    ------
    InputError
        If there is no fold.
    """
    if not folds:
        raise InputError(found="no fold", expected="at least one", hint="draw what a splitter returned")
    axis = _Axis(start=min(int(fold.train_start) for fold in folds), end=max(int(fold.test_end) for fold in folds))
    return _drawn([_Row(name=f"fold {fold.fold}", bands=_parts(fold)) for fold in folds], axis, title)


def group_timeline(cross: CombinatorialPurged, *, title: str = "Purged splits in time", most: int = 60) -> str:
    """Draw the splits of a purged k-fold or combinatorial cross-validation, one row each, on one axis of time.

    Where the purge lies over training, labels of several lengths meet: some samples stay, some do not.

    Parameters
    ----------
    cross
        The splitter.
    title
        Heading of the picture.
    most
        Of more splits than this only the first are drawn, and the heading says so.

    Returns
    -------
    svg
        A document of its own, light and dark.

    Raises
    ------
    DataError
        If purge and embargo leave a split nothing to train on.
    """
    axis = _Axis(start=int(cross.groups.start[0]), end=int(cross.groups.start[-1]) + 1)
    rows = []
    for split in cross.splits():
        if split.number == most:
            title = f"{title}: the first {most} of {cross.get_n_splits()}"
            break
        name = "test " + ", ".join(str(group) for group in split.groups)
        rows.append(_Row(name=name, bands=_sides(cross, split, axis.end)))
    return _drawn(rows, axis, title)


def _parts(fold: Fold) -> list[_Band]:
    parts = [("train", fold.train_start, fold.train_end, len(fold.train))]
    borders = []
    for kind, part in (("validation", fold.validation), ("calibration", fold.calibration)):
        if part is not None:
            until = part.reaches if part.decided_until is None else part.decided_until
            parts.append((kind, part.start, until, len(part.rows)))
            borders.append(int(part.start))
    borders.append(int(fold.test_start))
    bands = [_Band(kind="test", start=fold.test_start, end=fold.test_end, what=f"{len(fold.test)} rows")]
    for (kind, start, end, rows), border in zip(parts, borders, strict=True):
        free = max(int(end), border - fold.embargo)
        bands.append(_Band(kind=kind, start=start, end=end, what=f"{rows} rows"))
        bands.append(_Band(kind="purge", start=end, end=free, what=""))
        bands.append(_Band(kind="embargo", start=free, end=border, what=""))
    return bands


def _sides(cross: CombinatorialPurged, split: PurgedSplit, last: int) -> list[_Band]:
    groups = cross.groups

    def band(kind: str, piece: tuple[int, int], rows: int) -> _Band:
        start, end = (last if place >= groups.start.size else int(groups.start[place]) for place in piece)
        return _Band(kind=kind, start=start, end=end, what=f"{rows} rows")

    trained = [band("train", piece, piece[1] - piece[0]) for piece in split.train.ranges]
    tested = [band("test", piece, piece[1] - piece[0]) for piece in split.test.ranges]
    reaches = [int(groups.end[low:high].max()) for low, high in split.test.ranges]
    # Survivors stand between others that were purged: their band lies under the hatching of the gap.
    survived = [band("train", _around(tail), tail.size) for tail in split.train.tails]
    gaps = _gaps(
        sorted([*trained, *tested], key=lambda one: one.start), dict(zip(tested, reaches, strict=True)), cross, last
    )
    return [*trained, *survived, *tested, *gaps]


def _around(places: Int64Array) -> tuple[int, int]:
    return int(places[0]), int(places[-1]) + 1


def _gaps(solid: Sequence[_Band], reaches: Mapping[_Band, int], cross: CombinatorialPurged, last: int) -> list[_Band]:
    """Return what lies between training and test: labels of the test run out, embargo, labels of training run out."""
    first = int(cross.groups.start[0])
    gaps = []
    ends, reach = first, first - cross.embargo
    for following in [*solid, None]:
        begins = last if following is None else following.start
        quiet, free = (min(max(at, ends), begins) for at in (reach, reach + cross.embargo))
        gaps.append(_Band(kind="purge", start=ends, end=quiet, what=""))
        gaps.append(_Band(kind="embargo", start=quiet, end=free, what=""))
        gaps.append(_Band(kind="purge", start=free, end=begins, what=""))
        if following is not None:
            ends, reach = following.end, max(reach, reaches.get(following, reach))
    return gaps


def _drawn(rows: Sequence[_Row], axis: _Axis, title: str) -> str:
    row_height, band_height = _ROOMY if len(rows) <= _FEW else _DENSE
    floor = _TOP + row_height * len(rows)
    spoken = f"{title}, {format_instant(axis.start)[:10]} to {format_instant(axis.end)[:10]}, {len(rows)} rows."
    canvas = Canvas(_WIDTH, floor + _BOTTOM, title=title, description=spoken)
    canvas.text(24, 32, title, size=16, bold=True)
    # In the legend stands what the picture holds.
    kinds = {band.kind for row in rows for band in row.bands if band.end > band.start}
    _explain(canvas, [kind for kind in _LOOKS if kind in kinds])
    for at, name in _ticks(axis):
        canvas.line(axis.at(at), _TOP - 6, axis.at(at), floor + 4, stroke="grid")
        canvas.text(axis.at(at), floor + 20, name, size=11, fill="muted", anchor="middle")
    for place, row in enumerate(rows):
        top = _TOP + place * row_height
        canvas.text(_LEFT - 12, top + row_height / 2 + 3.5, row.name, size=11, fill="muted", anchor="end")
        for kind in _LOOKS:
            for band in row.bands:
                if band.kind == kind and band.end > band.start:
                    _paint(canvas, axis, band, top + (row_height - band_height) / 2, band_height)
    canvas.line(_LEFT, floor + 4, _WIDTH - _RIGHT, floor + 4, stroke="rule")
    return canvas.as_text()


def _paint(canvas: Canvas, axis: _Axis, band: _Band, y: float, height: float) -> None:
    left, right = axis.at(band.start), axis.at(band.end)
    colour, name = _LOOKS[band.kind]
    days = f"{format_instant(band.start)[:10]} to {format_instant(band.end)[:10]}"
    hint = f"{name}, {days}, {band.what}" if band.what else f"{name}, {days}"
    gap = band.kind in ("purge", "embargo")
    if gap and right - left < _NARROWEST:
        left, right = right - _NARROWEST, right
    slanted = band.kind == "purge" and right - left > 6.0
    canvas.rect(left, y, right - left, height, fill=colour, hatched=slanted, hint=hint)


def _explain(canvas: Canvas, kinds: Sequence[str]) -> None:
    x = 24.0
    for kind in kinds:
        colour, name = _LOOKS[kind]
        canvas.rect(x, 47, 14, 12, fill=colour, hatched=kind == "purge")
        canvas.text(x + 20, 57, name, size=12, fill="muted")
        x += 20 + 6.4 * len(name) + 22


def _ticks(axis: _Axis) -> list[tuple[int, str]]:
    """Return instants and names of at most ten ticks, on beginnings of months where the axis is long enough."""
    length = axis.end - axis.start
    step = next((step for step in _STEPS if length <= step * _MOST_TICKS), None)
    if step is not None:
        first = -(-axis.start // step) * step
        return [(at, format_instant(at)) for at in range(first, axis.end + 1, step)]
    months = next((step for step in _MONTHS if length <= step * 30 * DAY * _MOST_TICKS), _MONTHS[-1])
    begins, found = moment_of(axis.start).date().replace(month=1, day=1), []
    if months > 12:
        begins = begins.replace(year=begins.year // (months // 12) * (months // 12))
    for count in range(0, length // (28 * DAY) + months + 24, months):
        at = months_before(begins, -count)
        if axis.start <= at <= axis.end:
            name = format_instant(at)
            found.append((int(at), name[:4] if months >= 12 else name[:7]))
    return found
