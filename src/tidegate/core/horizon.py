"""How far ahead a label looks: a time such as ``4h``, or a count of bars."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import core_schema

from tidegate.core.errors import InputError
from tidegate.core.time import DAY, HOUR, MINUTE, SECOND, BarInterval

__all__ = ["Horizon", "Reach"]

_UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


@dataclass(frozen=True, kw_only=True)
class Reach:
    """A horizon on bars of one size.

    Parameters
    ----------
    name
        What its labels are called after, for example ``4h`` or ``5_bars``.
    bars
        Bars between entry and exit.
    duration
        Microseconds between entry and exit: the exit is the bar that closes exactly so much later, or there is none.
        None counts bars of the calendar, whatever time lies between them.

    Raises
    ------
    InputError
        If it is shorter than one bar.

    Examples
    --------
    >>> Reach.of_bars(5)
    Reach(name='5_bars', bars=5, duration=None)
    """

    name: str
    bars: int
    duration: int | None = None

    def __post_init__(self) -> None:
        if self.bars < 1:
            raise InputError(
                found=f"a horizon of {self.bars} bars",
                expected="at least 1 bar",
                hint="correct the recipe's labels",
            )

    @classmethod
    def of_bars(cls, bars: int) -> Reach:
        """Return the reach of a count of bars."""
        return cls(name=f"{bars}_bars", bars=bars)


class Horizon(str):
    """A stretch of time, written as a count and a unit: ``30m``, ``1h``, ``7d``.

    On bars shorter than a session it is time on the clock, and the bars must divide it. On session bars, days count
    sessions: ``7d`` is seven of them, which is a week around the clock and more than a week on an exchange.

    Raises
    ------
    InputError
        If the text is no such time.

    Examples
    --------
    >>> Horizon("1h").reach(BarInterval("5m"))
    Reach(name='1h', bars=12, duration=3600000000)
    >>> Horizon("7d").reach(BarInterval("1d"))
    Reach(name='7d', bars=7, duration=None)
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Horizon:
        """Check the text."""
        if not re.fullmatch(r"[1-9][0-9]{0,3}[smhd]", text):
            raise InputError(
                found=f"horizon {text!r}",
                expected="a count of s, m, h or d",
                hint="for example 1h, 4h, 1d or 7d; for a count of bars write horizon_bars",
            )
        return super().__new__(cls, text)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        # Settings hold horizons; a wrong one is then reported with its line.
        return core_schema.no_info_plain_validator_function(cls._validated)

    @classmethod
    def _validated(cls, value: object) -> Horizon:
        try:
            return cls(str(value))
        except InputError as error:
            raise ValueError(error.expected + ", " + error.hint) from None

    @property
    def microseconds(self) -> int:
        """Its length on the clock."""
        return int(self[:-1]) * _UNITS[self[-1]]

    def reach(self, interval: BarInterval) -> Reach:
        """Return how far it reaches on bars of one size: the one place where a time becomes a count of bars.

        Raises
        ------
        InputError
            If such bars do not divide it.
        """
        if interval.is_session:
            if self[-1] != "d":
                raise InputError(
                    found=f"a horizon of {self} on {interval} bars",
                    expected="days, which count sessions there",
                    hint="write for example 1d, or use shorter bars",
                )
            return Reach(name=str(self), bars=int(self[:-1]))
        bars, rest = divmod(self.microseconds, interval.microseconds)
        if rest or not bars:
            raise InputError(
                found=f"a horizon of {self} on {interval} bars",
                expected=f"a multiple of {interval}",
                hint="choose a time that the bars divide, or count them with horizon_bars",
            )
        return Reach(name=str(self), bars=bars, duration=self.microseconds)
