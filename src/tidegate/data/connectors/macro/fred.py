"""FRED and its archive ALFRED by the fredapi client: every vintage of a series, and errors that say what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from xml.etree.ElementTree import ParseError

import polars as pl

from tidegate.core.environment import read_variable
from tidegate.core.errors import (
    InputError,
    SourceDownError,
    SourceError,
    SourceGarbledError,
    SourceLimitedError,
    SourceRefusedError,
)
from tidegate.data.connectors.extras import require
from tidegate.data.connectors.macro.rules import Period
from tidegate.data.connectors.web import is_limit, seconds_to_wait

__all__ = ["FredSeries", "FredSource"]

_KEY: Final = "FRED_API_KEY"
_MOST_ROWS: Final = 100_000
"""The service cuts an answer off here without a word."""
_MOST_VINTAGES: Final = 10_000
_PERIODS: Final = {"D": "1d", "W": "1w", "BW": "1w", "M": "1mo", "Q": "3mo", "SA": "6mo", "A": "1y"}
_THEIRS: Final = ("date", "realtime_start", "value")
_SILENCE_SECONDS: Final = 60.0
# What the client raises, by itself or from below, when an answer is not what it expects.
_FAULTS: Final = (OSError, HTTPException, ParseError, ValueError, TypeError, KeyError, AttributeError, IndexError)


@dataclass(frozen=True, kw_only=True)
class FredSeries:
    """What FRED says of a series."""

    name: str
    period: Period
    unit: str | None


class FredSource:
    """The service, asked with the key in ``FRED_API_KEY``.

    Parameters
    ----------
    base_url
        Another address of it.

    Raises
    ------
    InputError
        If there is no key, or fredapi is not installed.
    """

    def __init__(self, base_url: str | None = None) -> None:
        key = read_variable(_KEY)
        if key is None:
            raise InputError(
                found=f"no ${_KEY}",
                expected="a key of FRED's service, which is free",
                hint=f"get one at https://fred.stlouisfed.org/docs/api/api_key.html and set {_KEY}",
            )
        self._key = key
        self._client = require("fredapi", extra="feeds").Fred(api_key=key)
        if base_url is not None:
            self._client.root_url = base_url.rstrip("/")

    def about(self, series: str) -> FredSeries:
        """Return period and unit of a series.

        https://fred.stlouisfed.org/docs/api/fred/series.html

        Raises
        ------
        SourceError
            If the service does not tell.
        """
        with self._explained(series):
            told = self._client.get_series_info(series)
        if told.get("id") != series or told.get("frequency_short") not in _PERIODS:
            raise _garbled(series, "no description with a known frequency")
        return FredSeries(name=series, period=_PERIODS[told["frequency_short"]], unit=told.get("units"))

    def vintages(self, series: str) -> list[date]:
        """Return the days on which values of a series were published or revised, ascending.

        https://fred.stlouisfed.org/docs/api/fred/series_vintagedates.html

        Raises
        ------
        SourceError
            If the service does not tell, as of a series that the archive does not keep.
        """
        with self._explained(series):
            dates = [_date(one) for one in self._client.get_series_vintage_dates(series)]
        if sorted(set(dates)) != dates:
            raise _garbled(series, "vintages out of order")
        if len(dates) >= _MOST_VINTAGES:
            raise SourceRefusedError(
                found=f"FRED on {series}: {len(dates):,} vintages or more",
                expected=f"fewer than {_MOST_VINTAGES:,}, which is all that one answer tells",
                hint="take this series from a file",
            )
        return dates

    def observations(self, series: str, vintages: Sequence[date]) -> pl.DataFrame | None:
        """Return ``date``, ``vintage`` and ``value`` of all values in force on these days; None if they are too many.

        A value that was published before the first of these vintages is told as of that one.
        https://fred.stlouisfed.org/docs/api/fred/series_observations.html

        Raises
        ------
        SourceError
            If the service does not tell, or tells of other days.
        """
        first, last = vintages[0], vintages[-1]
        with self._explained(series):
            found = self._client.get_series_all_releases(
                series, realtime_start=first.isoformat(), realtime_end=last.isoformat()
            )
            rows = _frame([]) if found.empty else _frame(list(zip(*(found[name] for name in _THEIRS), strict=True)))
        if rows.height >= _MOST_ROWS:
            return None
        if not rows["vintage"].is_between(first, last).all():
            raise _garbled(series, f"vintages other than those of {first} to {last}")
        return rows

    @contextmanager
    def _explained(self, series: str) -> Iterator[None]:
        # The client asks without a time limit, and would wait for a silent server for ever.
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(_SILENCE_SECONDS)
        try:
            yield
        except _FAULTS as error:
            raise self._translated(series, error) from None
        finally:
            socket.setdefaulttimeout(before)

    def _translated(self, series: str, error: BaseException) -> SourceError:
        said = " ".join(str(error).replace(self._key, "...").split())[:200] or type(error).__name__
        refused = _http_error(error)
        if refused is None:
            if isinstance(error, OSError):
                return _down(series, said)
            return _garbled(series, said)
        found = f"FRED on {series}: status {refused.code}, {said}"
        headers = {name.lower(): value for name, value in refused.headers.items()}
        if is_limit(refused.code, headers):
            later = seconds_to_wait(headers)
            return SourceLimitedError(
                found=found, expected="an answer", hint="try again later", retry_after_seconds=later
            )
        if refused.code >= 500:
            return _down(series, f"status {refused.code}, {said}")
        return SourceRefusedError(
            found=found,
            expected="a series of the archive and a registered key",
            hint=f"check the id on https://alfred.stlouisfed.org and the key in {_KEY}",
        )


def _http_error(error: BaseException | None) -> HTTPError | None:
    """Return the refusal behind an error: the client keeps its words and drops its status."""
    while error is not None and not isinstance(error, HTTPError):
        error = error.__cause__ or error.__context__
    return error


def _frame(told: list[tuple[Any, Any, Any]]) -> pl.DataFrame:
    """Take observations out of pandas, which writes NaT for a missing number beside dates."""
    return pl.DataFrame(
        [(_date(day), _date(vintage), None if value != value else float(value)) for day, vintage, value in told],
        schema={"date": pl.Date, "vintage": pl.Date, "value": pl.Float64},
        orient="row",
    )


def _date(moment: Any) -> date:
    """Return the date of a pandas timestamp; one that is none raises."""
    found: date = moment.date()
    return date(found.year, found.month, found.day)


def _down(series: str, said: str) -> SourceDownError:
    return SourceDownError(found=f"FRED on {series}: {said}", expected="an answer", hint="try again later")


def _garbled(series: str, said: str) -> SourceGarbledError:
    return SourceGarbledError(
        found=f"FRED on {series}: {said}", expected="an answer as its documents say", hint="try again later"
    )
