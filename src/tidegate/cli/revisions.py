"""Options that say what values mean that differ from stored ones."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.core.errors import InputError
from tidegate.core.time import parse_instant

if TYPE_CHECKING:
    from tidegate.data import Revision

__all__ = ["CorrectOption", "KnownAtOption", "ReasonOption", "read_revision"]

_of_changes = partial(typer.Option, rich_help_panel="Values that differ from stored ones")
KnownAtOption = Annotated[str | None, _of_changes("--known-at", help="When restated values became public.")]
CorrectOption = Annotated[bool, _of_changes("--correct", help="The stored values were never right.")]
ReasonOption = Annotated[str | None, _of_changes("--reason", help="Why; needed with --correct.")]


def read_revision(known_at: str | None, correct: bool, reason: str | None) -> Revision | None:
    """Return the revision that the options mean, or none.

    Raises
    ------
    InputError
        If a correction lacks its reason, or a reason its correction.
    """
    from tidegate.data import Revision

    if correct and not reason:
        raise InputError(
            found="--correct without --reason",
            expected="a reason that stays with the data",
            hint="add --reason TEXT",
        )
    if reason and not correct:
        raise InputError(
            found="--reason without --correct",
            expected="both for a correction, or neither",
            hint="add --correct if the stored values were never right",
        )
    if known_at is None and not correct:
        return None
    return Revision(
        known_at=parse_instant(known_at) if known_at else None, correction_reason=reason if correct else None
    )
