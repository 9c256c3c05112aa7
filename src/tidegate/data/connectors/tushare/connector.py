"""The connector: what is asked of Tushare, piece by piece, and what becomes of the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Final

import polars as pl

from tidegate.core.clock import now
from tidegate.core.errors import CatalogError, SourceGarbledError
from tidegate.core.time import DAY, HOUR, MINUTE, BarInterval, Instant, instant_of, moment_of, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data.calendars import trading_calendar
from tidegate.data.catalog import Catalog
from tidegate.data.connectors.contract import Batch, Call, Task
from tidegate.data.connectors.tushare import companies, market
from tidegate.data.connectors.tushare.client import TushareClient
from tidegate.data.connectors.tushare.endpoints import ENDPOINTS, KNOWN_TIMES
from tidegate.data.connectors.tushare.files import TushareFiles
from tidegate.data.connectors.tushare.settings import Kind, TushareSettings
from tidegate.data.connectors.tushare.trading_days import differences
from tidegate.data.lives import withdraw_restated
from tidegate.data.tables import METRICS

__all__ = ["TushareConnector"]

_OFFSET: Final = 8 * HOUR
"""Shanghai is ahead of UTC by it; days are told apart on its clock."""
_FIRST_DAY: Final = date(1990, 12, 19)
_PER_SESSION: Final = (Kind.DAILY, Kind.DAILY_BASIC, Kind.STK_LIMIT, Kind.SUSPEND_D)
_METRIC_OF: Final = {Kind.DAILY_BASIC: "total_mv", Kind.STK_LIMIT: "limit_up"}
"""A metric of the kind: once there is one, the market has some in every session."""
_LIST_STATUS: Final = ("L", "D", "P")
"""Listed, delisted, paused."""
_FACTOR: Final = "adj_factor"
_SHARE_DAY: Final = ["ts_code", "trade_date"]
_LIVES: Final[dict[Kind, Callable[[pl.DataFrame, TushareSettings], Batch]]] = {
    Kind.STOCK_BASIC: companies.listings,
    Kind.NAMECHANGE: companies.names,
    Kind.SUSPEND_D: companies.suspensions,
    Kind.INDUSTRY: companies.industries,
}


class TushareConnector:
    """Shares of mainland China from Tushare's service, or from files in which its answers were kept.

    Without ``symbols`` the kinds that have a row per session are asked session by session, a calendar week to a task;
    with them, share by share and year by year. A task is closed a day after its end: what is published late on the
    last day is then there. Lists of companies are asked whole in every run.

    Raises
    ------
    InputError
        On :meth:`tasks`, if there is no token or no such folder.
    """

    name: Final = "tushare"
    settings_type: Final = TushareSettings
    tables: Final = ("bars", "metrics", "symbol_lives", "macro")

    def __init__(self, settings: TushareSettings) -> None:
        self.settings = settings
        only_indexes = settings.kinds == (Kind.INDEX_DAILY,)
        self.dataset = settings.index_dataset if only_indexes else settings.dataset
        self._kinds = [Kind(kind) for kind in settings.kinds]
        self._files = None if settings.path is None else TushareFiles(settings.path, settings)
        self._client: TushareClient | None = None
        # Prices there are since the market's first session; of the others the rows tell.
        self._begun: dict[Kind, Instant] = {Kind.DAILY: _midnight(_FIRST_DAY)}
        self._first_empty: dict[Kind, date] = {}
        self._catalog: Catalog | None = None
        self._zeros = 0
        self._calendar_warnings: list[str] = []

    @property
    def warnings(self) -> list[str]:
        """What a user should know beyond rows and errors."""
        zeros = f"{self._zeros} zeros where no zero can be, such as in pe and total_mv, taken as missing"
        return [*self._calendar_warnings, *([zeros] if self._zeros else [])]

    def attach(self, workspace: Workspace) -> None:
        """Remember where earlier rows lie: since when there are some, and days of listing that may be restated."""
        self._catalog = Catalog(workspace)
        for kind in _METRIC_OF.keys() & self._kinds if self._files is None else ():
            first = _first_of(self._catalog, self.dataset, _METRIC_OF[kind])
            if first is not None:
                self._begun[kind] = first

    def tasks(self) -> Sequence[Task]:
        """Return tasks kind by kind, each from the oldest on; or one per file."""
        if self._files is not None:
            return self._files.tasks()
        self._client = TushareClient(self.settings)
        return [task for kind in self._kinds for task in self._tasks_of(kind)]

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:
        """Yield the rows of a week, of a share's year, of a list or of a file."""
        if self._files is not None:
            for kind, raw in self._files.read(task):
                yield from self._batches(kind, raw)
            return
        kind = Kind(task.what)
        self._first_empty.pop(kind, None)
        for asked in self._questions(kind, task):
            yield from self._batches(kind, self._ask(kind, asked, call))
        self._require_first(kind)

    def _tasks_of(self, kind: Kind) -> Iterator[Task]:
        if kind is Kind.INDEX_DAILY:
            return self._years(kind, self.settings.indexes)
        if kind in _PER_SESSION:
            return self._years(kind, self.settings.symbols) if self.settings.symbols else self._weeks(kind)
        return iter([Task(member=kind.value, what=kind.value)])

    def _weeks(self, kind: Kind) -> Iterator[Task]:
        sessions = self._sessions(kind, self._first, self._last)
        for monday in sorted({day - timedelta(days=day.weekday()) for day in sessions}):
            yield self._task(kind, kind.value, monday, monday + timedelta(days=7))

    def _years(self, kind: Kind, members: Sequence[str]) -> Iterator[Task]:
        for member in members:
            for year in range(self._first.year, self._last.year + 1):
                yield self._task(kind, member, date(year, 1, 1), date(year + 1, 1, 1))

    def _task(self, kind: Kind, member: str, start: date, end: date) -> Task:
        """Return the task of the days from ``start`` to before ``end``, cut to those asked for."""
        first = max(start, self._first)
        behind = end if self.settings.end is None else min(end, self.settings.end + timedelta(days=1))
        closing = _midnight(behind)
        return Task(member=member, what=kind.value, start=_midnight(first), end=closing, closed=closing + DAY <= now())

    def _questions(self, kind: Kind, task: Task) -> Iterator[Mapping[str, str]]:
        """Yield the parameters of each request of a task, pages aside."""
        if task.start is not None and task.end is not None:
            first, last = _day_of(task.start), _day_of(task.end - 1)
            if task.member == kind.value:
                yield from ({"trade_date": _written(day)} for day in self._sessions(kind, first, last))
            else:
                yield {"ts_code": task.member, "start_date": _written(first), "end_date": _written(last)}
        elif kind is Kind.TRADE_CAL:
            # Days to come too: a warning is worth most before the day, though only past days are kept.
            last = self.settings.end or date(self._last.year, 12, 31)
            yield {"exchange": "SSE", "start_date": _written(self._first), "end_date": _written(last)}
        elif self._endpoint(kind) == "stock_basic":
            yield from ({"list_status": status} for status in _LIST_STATUS)
        else:
            yield {}

    def _ask(self, kind: Kind, asked: Mapping[str, str], call: Call) -> pl.DataFrame:
        if self._client is None:
            self._client = TushareClient(self.settings)
        may_be_empty = self._may_be_empty(kind, asked)
        rows = self._client.pages(call, ENDPOINTS[self._endpoint(kind)], asked, may_be_empty=may_be_empty)
        if kind in _METRIC_OF and "trade_date" in asked:
            self._note(kind, _read(asked["trade_date"]), empty=rows.is_empty())
        if kind is Kind.DAILY:
            factors = self._client.pages(call, ENDPOINTS[_FACTOR], asked, may_be_empty=may_be_empty)
            factors = factors.select(*_SHARE_DAY, _FACTOR)
            return rows.join(factors.unique(_SHARE_DAY, keep="last"), on=_SHARE_DAY, how="left", maintain_order="left")
        whole_list = kind not in _PER_SESSION and "ts_code" in rows.columns and kind is not Kind.INDEX_DAILY
        if whole_list and self.settings.symbols:
            return rows.filter(pl.col("ts_code").is_in(self.settings.symbols))
        return rows

    def _may_be_empty(self, kind: Kind, asked: Mapping[str, str]) -> bool:
        """Return whether nothing can be the truth: a market that traded once trades in every session after.

        Rows of the last day may still be on their way.
        """
        if (kind is Kind.DAILY or kind in _METRIC_OF) and "trade_date" in asked:
            day = _midnight(_read(asked["trade_date"]))
            begun = self._begun.get(kind)
            return begun is None or day < begun or day + 2 * DAY > now()
        return kind in _PER_SESSION or kind is Kind.INDEX_DAILY or asked.get("list_status", "L") != "L"

    def _note(self, kind: Kind, day: date, *, empty: bool) -> None:
        """Note since when a kind has rows, and whether the first session asked for has none."""
        at = _midnight(day)
        if not empty:
            self._begun[kind] = min(at, self._begun.get(kind, at))
        elif at + 2 * DAY <= now() and not self._sessions(kind, self._first, day - timedelta(days=1)):
            self._first_empty[kind] = day

    def _require_first(self, kind: Kind) -> None:
        """Refuse a week whose first session, the first one asked for, has no rows where a later one has.

        Raises
        ------
        SourceGarbledError
            Nothing shows whether that is a hole or the time before the first rows; remembered, a hole would stay.
        """
        day, begun = self._first_empty.pop(kind, None), self._begun.get(kind)
        if day is not None and begun is not None and begun < _midnight(day + timedelta(days=7 - day.weekday())):
            raise SourceGarbledError(
                found=f"{kind}: no rows of {day}, the first session asked for, but some of {_day_of(begun)}",
                expected="rows of every session",
                hint=f"try again later; or set start to {_day_of(begun)}, if there never were any before",
            )

    def _batches(self, kind: Kind, raw: pl.DataFrame) -> Iterator[Batch]:
        if raw.is_empty():
            return
        if kind in {Kind.DAILY, Kind.INDEX_DAILY}:
            yield market.bars(raw, self.settings, kind)
        elif kind in {Kind.DAILY_BASIC, Kind.STK_LIMIT}:
            batch, zeros = market.metrics(raw, self.settings, kind)
            self._zeros += zeros
            yield batch
        elif kind is Kind.TRADE_CAL:
            batch, warnings = differences(raw, self.settings)
            self._calendar_warnings += warnings
            yield batch
        else:
            batch = _LIVES[kind](raw, self.settings)
            told = withdraw_restated(self._catalog, batch.rows) if kind is Kind.STOCK_BASIC else batch.rows
            yield replace(batch, rows=told)

    def _endpoint(self, kind: Kind) -> str:
        return self.settings.industry_source if kind is Kind.INDUSTRY else kind.value

    @property
    def _first(self) -> date:
        return self.settings.start or _FIRST_DAY

    @property
    def _last(self) -> date:
        today = _day_of(now())
        return today if self.settings.end is None else min(self.settings.end, today)

    @staticmethod
    def _sessions(kind: Kind, first: date, last: date) -> list[date]:
        """Return the sessions between two days, both included, whose rows are published by now."""
        published = KNOWN_TIMES[kind].at or time(0)
        closes = trading_calendar("XSHG").expected(BarInterval("1d"), _midnight(first), _midnight(last) + DAY)
        days = [_day_of(close) for close in closes.tolist()]
        return [day for day in days if _midnight(day) + published.hour * HOUR + published.minute * MINUTE <= now()]


def _midnight(day: date) -> Instant:
    return Instant(parse_instant(day) - _OFFSET)


def _day_of(instant: int) -> date:
    return moment_of(instant + _OFFSET).date()


def _written(day: date) -> str:
    return f"{day:%Y%m%d}"


def _read(written: str) -> date:
    return date(int(written[:4]), int(written[4:6]), int(written[6:]))


def _first_of(catalog: Catalog, dataset: str, metric: str) -> Instant | None:
    """Return the beginning of the first day with a metric, None where there is none."""
    try:
        rows = catalog.revisions(METRICS.name, dataset=dataset, as_of=now())
    except CatalogError:
        return None
    first = rows.filter(pl.col("metric") == metric).select(pl.col("event_time").min()).collect().item()
    return None if first is None else _midnight(_day_of(instant_of(first)))
