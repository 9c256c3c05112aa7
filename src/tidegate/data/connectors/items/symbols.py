"""From names in a text to symbols: a map of names, whole words only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Final

from pydantic import AfterValidator

__all__ = ["Pairs", "SymbolNames"]

_LETTER: Final = r"[^\W\u4e00-\u9fff]"
"""What may not stand beside a name; Chinese puts nothing between its words, so its characters may."""


def _pairs(pairs: tuple[str, ...]) -> tuple[str, ...]:
    for pair in pairs:
        left, sign, right = pair.partition("=")
        if not (sign and left.strip() and right.strip()):
            raise ValueError("texts such as left=right")
    return tuple("=".join(part.strip() for part in pair.split("=", 1)) for pair in pairs)


Pairs = Annotated[tuple[str, ...], AfterValidator(_pairs)]
"""Texts that are all ``left=right``, without blanks around either."""


class SymbolNames:
    """Finds symbols by their names.

    A name counts where it stands as a whole word. One written in capitals only, as tickers are, counts in capitals
    only: ``SOL`` is no sun and ``ONE`` no number. Any other counts in any case.

    Parameters
    ----------
    pairs
        ``name=SYMBOL``; several names may lead to one symbol.

    Examples
    --------
    >>> names = SymbolNames(("bitcoin=BTC", "SOL=SOL"))
    >>> names.found_in(["Bitcoiners like $SOL", "bitcoin's fall"])
    ['BTC', 'SOL']
    >>> names.found_in(["el sol"])
    []
    """

    def __init__(self, pairs: Iterable[str]) -> None:
        split = [pair.split("=", 1) for pair in pairs]
        self._tickers = {name: symbol for name, symbol in split if name == name.upper()}
        self._words = {name.lower(): symbol for name, symbol in split if name != name.upper()}
        self._ticker = _any_of(self._tickers, re.NOFLAG)
        self._word = _any_of(self._words, re.IGNORECASE)

    def found_in(self, texts: Iterable[str | None]) -> list[str]:
        """Return the symbols that texts name, ascending, each once."""
        text = "\n".join(one for one in texts if one)
        found = {self._tickers[name] for name in self._ticker.findall(text)} if self._ticker else set()
        words = self._word.findall(text) if self._word else []
        # Some letters have no way back: the long s equals an s when capitals are ignored, and no key is spelled so.
        found |= {self._words[name.lower()] for name in words if name.lower() in self._words}
        return sorted(found)


def _any_of(names: Iterable[str], flags: re.RegexFlag) -> re.Pattern[str] | None:
    """Return the pattern of any of the names; the longest that fits wins."""
    alternatives = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?<!{_LETTER})(?:{alternatives})(?!{_LETTER})", flags) if alternatives else None
