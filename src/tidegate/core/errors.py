"""The one error tree.

::

    TidegateError                 anything Tidegate raises on purpose            exit 2
    ├── InputError                a file, value or argument is not usable        exit 2
    │   ├── RecipeError           a recipe does not parse; names the line        exit 2
    │   └── DataError             market data are not usable as given            exit 2
    ├── WorkspaceError            missing, read-only, newer or full workspace    exit 2
    ├── CatalogError              a table, data set or version is not there      exit 2
    ├── SourceError               a source of data does not answer as documented exit 2
    │   ├── SourceLimitedError    it asks to slow down; passes                   exit 2
    │   ├── SourceDownError       no answer, or one of a broken server; passes   exit 2
    │   ├── SourceGarbledError    a cut, repeated or nonsensical answer; passes  exit 2
    │   └── SourceRefusedError    it says no: key, symbol, window; lasts         exit 2
    ├── RunError                  a run is not there, not finished or too old    exit 2
    ├── JobError                  a job is not there, or its work is under way   exit 2
    ├── LookAheadError            something would use what nobody knew yet       exit 1: a bug, stop
    ├── LedgerError               the books do not balance                       exit 1: a bug, stop
    └── GateNotPassed             a gate or audit said no                        exit 3

Every error says what was found, what was expected, and what to do.
"""

from __future__ import annotations

__all__ = [
    "CatalogError",
    "DataError",
    "GateNotPassed",
    "InputError",
    "JobError",
    "LedgerError",
    "LookAheadError",
    "RecipeError",
    "RunError",
    "SourceDownError",
    "SourceError",
    "SourceGarbledError",
    "SourceLimitedError",
    "SourceRefusedError",
    "TidegateError",
    "WorkspaceError",
]


class TidegateError(Exception):
    """Base of everything Tidegate raises on purpose.

    Parameters
    ----------
    found
        What was there, with the offending value and its place.
    expected
        What would have been acceptable.
    hint
        The next thing to do about it.

    Examples
    --------
    >>> error = TidegateError(found="no column 'close'", expected="a closing price", hint="map it with --column")
    >>> error.as_dict()["hint"]
    'map it with --column'
    """

    exit_code = 2

    def __init__(self, *, found: str, expected: str, hint: str) -> None:
        super().__init__(f"found {found}; expected {expected}. Hint: {hint}")
        self.found = found
        self.expected = expected
        self.hint = hint

    def as_dict(self) -> dict[str, str]:
        """Return the three parts as plain strings, the document printed under ``--json``."""
        return {"found": self.found, "expected": self.expected, "hint": self.hint}


class InputError(TidegateError):
    """A file, value or argument cannot be used as given; nothing was changed."""


class RecipeError(InputError):
    """A recipe does not parse; the message names file and line."""


class DataError(InputError):
    """Market data cannot be used as given; nothing was appended."""


class WorkspaceError(TidegateError):
    """The workspace is missing, read-only, full, or of another schema version."""


class CatalogError(TidegateError):
    """A table, data set or version asked for does not exist or cannot be read."""


class SourceError(TidegateError):
    """A source of data did not answer as its documents say; what it answered before is kept."""


class SourceLimitedError(SourceError):
    """The source asks to slow down.

    Parameters
    ----------
    retry_after_seconds
        How long it asks to be left alone; None where it does not say.
    """

    def __init__(self, *, found: str, expected: str, hint: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(found=found, expected=expected, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class SourceDownError(SourceError):
    """The source does not answer, or answers that it is broken; trying again may help."""


class SourceGarbledError(SourceError):
    """The answer is cut off, repeats itself or makes no sense; trying again may help."""


class SourceRefusedError(SourceError):
    """The source says no: a wrong key, an unknown symbol, a window it does not keep; trying again does not help."""


class RunError(TidegateError):
    """A run asked for does not exist, is not finished, or does not fit the request."""


class JobError(TidegateError):
    """A job asked for does not exist, or somebody does the same work already."""


class LookAheadError(TidegateError):
    """Something would use what no trader could have known yet; the computation stops."""

    exit_code = 1


class LedgerError(TidegateError):
    """The books do not balance; the computation stops."""

    exit_code = 1


class GateNotPassed(TidegateError):  # noqa: N818 - a verdict, not a malfunction
    """A gate or an audit looked at the evidence and said no."""

    exit_code = 3
