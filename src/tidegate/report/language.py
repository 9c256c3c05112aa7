"""The language of a report: one file of texts per language, and numbers formatted inside the texts.

A text may hold placeholders such as ``{excess:signed1}``; the part behind the colon names one of the formats
of :func:`format_value`, so that a sentence and its numbers are translated together. A report adds texts to
the files under ``locales`` and nothing here.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from tidegate.core.errors import InputError
from tidegate.core.time import format_instant

__all__ = ["LANGUAGES", "MISSING", "Language", "format_value"]

LANGUAGES: Final = ("en", "zh")
MISSING: Final = "–"
"""What stands where there is no number."""

_MINUS: Final = "−"
_BETWEEN_HAN: Final = re.compile("(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff（])")
_NUMERIC: Final = re.compile(r"(percent|signed|decimal|change)(\d)")


def format_value(value: object, spec: str) -> str:
    """Return a value as the reader sees it.

    Parameters
    ----------
    value
        A number, text, or ``None`` for what is missing.
    spec
        ``percent1`` and ``signed1`` show a fraction as per cent, ``decimal2`` and ``change2`` a plain number,
        each with that many decimals, the second of each pair with its sign; ``count`` whole numbers, ``date``
        an instant or ISO text as a date, ``text`` the value as it is.

    Raises
    ------
    InputError
        If there is no such format.

    Examples
    --------
    >>> format_value(0.1234, "signed1"), format_value(-1234567.8, "count"), format_value(None, "decimal2")
    ('+12.3%', '−1,234,568', '–')
    """
    if value is None or value != value:
        return MISSING
    if spec in {"", "text"}:
        return str(value)
    if spec == "date":
        return (format_instant(value) if isinstance(value, int) else str(value))[:10]
    if spec == "count":
        return _signed_text(float(str(value)), 0, sign=False)
    kind = _NUMERIC.fullmatch(spec)
    if kind is None:
        raise InputError(
            found=f"number format {spec!r}",
            expected="percent, signed, decimal or change with a digit; count, date, text",
            hint="see format_value",
        )
    number, digits = float(str(value)), int(kind[2])
    if kind[1] in {"percent", "signed"}:
        return _signed_text(100.0 * number, digits, sign=kind[1] == "signed") + "%"
    return _signed_text(number, digits, sign=kind[1] == "change")


def _signed_text(number: float, digits: int, *, sign: bool) -> str:
    text = f"{abs(number):,.{digits}f}"
    if not any(digit in "123456789" for digit in text):
        return text  # what rounds to nothing has no sign
    return f"{_MINUS if number < 0 else '+' if sign else ''}{text}"


class _Formatter(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        return format_value(value, format_spec)


_FORMATTER: Final = _Formatter()


@dataclass(frozen=True)
class Language:
    """The texts of one language.

    Parameters
    ----------
    code
        ``en`` or ``zh``.
    texts
        Text by key.

    Examples
    --------
    >>> Language.load("en").text("unit.days", days=4)
    '4 days'
    """

    code: str
    texts: Mapping[str, str]

    @classmethod
    @cache
    def load(cls, code: str) -> Language:
        """Read a language of the package.

        Raises
        ------
        InputError
            If Tidegate does not speak it.
        """
        if code not in LANGUAGES:
            raise InputError(
                found=f"language {code!r}",
                expected=f"one of {', '.join(LANGUAGES)}",
                hint="pass --language en or zh",
            )
        source = resources.files("tidegate.report") / "locales" / f"{code}.json"
        return cls(code, json.loads(source.read_text(encoding="utf-8")))

    def text(self, key: str, **values: object) -> str:
        """Return the text of ``key`` with its placeholders filled.

        Raises
        ------
        InputError
            If the key or one of its values is missing: a hole in a report is an error, never an empty line.
        """
        try:
            return self._closed_up(_FORMATTER.vformat(self.texts[key], (), values))
        except KeyError as missing:
            raise InputError(
                found=f"no {missing} for the text {key!r} in language {self.code!r}",
                expected="every text with all its values",
                hint=f"add it to locales/{self.code}.json; upgrade tidegate if a newer one made the run",
            ) from None

    def can_say(self, key: str, **values: object) -> bool:
        """Return whether there is such a text, and the values are what it asks for.

        Examples
        --------
        >>> Language.load("en").can_say("unit.days", days=4), Language.load("en").can_say("unit.days")
        (True, False)
        """
        try:
            self.text(key, **values)
        except (InputError, ValueError):
            return False
        return True

    def _closed_up(self, text: str) -> str:
        """Remove the space that only a Latin name in a placeholder needs, where a Chinese one stands."""
        return _BETWEEN_HAN.sub("", text) if self.code == "zh" else text

    def name_of(self, kind: str, name: str) -> str:
        """Return how the language calls a thing; one without a text keeps its own name."""
        return self.texts.get(f"{kind}.{name}", name)
