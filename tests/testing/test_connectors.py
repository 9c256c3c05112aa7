from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tidegate.core.clock import now
from tidegate.core.config import Settings
from tidegate.core.errors import SourceError, SourceGarbledError, SourceRefusedError
from tidegate.core.time import DAY, Instant, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data.connectors import Batch, Call, Task
from tidegate.data.connectors.web import get_json, open_client
from tidegate.data.tables import MOMENT
from tidegate.testing import Reply, SeenRequest, check_connector

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
PAGES, ROWS = 2, 3


def answer(request: SeenRequest) -> Reply:
    """A made-up source: each symbol has two days, each day two pages of three hours."""
    symbol, day, page = request.query["symbol"], int(request.query["day"]), int(request.query["page"])
    hours = [day * 24 + page * ROWS + row for row in range(ROWS)]
    rows = [{"hour": hour, "value": hour + len(symbol)} for hour in hours]
    return Reply({"symbol": symbol, "day": day, "page": page, "rows": rows, "more": page + 1 < PAGES})


class PricesSettings(Settings):
    """What a user's own connector could be set to."""

    base_url: str


class Prices:
    """A connector as a user would write it; the tests break it in one place each."""

    name = "prices"
    settings_type = PricesSettings
    tables = ("metrics",)
    dataset = "prices"

    def __init__(self, settings: PricesSettings) -> None:
        self.settings = settings
        self.client = open_client(settings.base_url, timeout_seconds=2.0)

    def tasks(self) -> Sequence[Task]:
        return [
            Task(member=symbol, what="prices", start=start, end=Instant(start + DAY), closed=start + DAY <= now())
            for symbol in ("A", "BB")
            for start in (parse_instant("2024-01-01"), parse_instant("2024-01-02"))
        ]

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:
        page: int | None = 0
        while page is not None:
            found = call(partial(self.ask, self.query(task, page)))
            if found["rows"]:
                yield Batch(table="metrics", rows=self.rows(task, found["rows"]))
            page = page + 1 if found["more"] else None

    def query(self, task: Task, page: int) -> dict[str, str | int]:
        return {"symbol": task.member, "day": ((task.start or 0) - parse_instant("2024-01-01")) // DAY, "page": page}

    def ask(self, query: dict[str, str | int]) -> Any:
        found = get_json(self.client, "/prices", query)
        if any(found[name] != value for name, value in query.items()):
            raise SourceGarbledError(found="another page", expected=f"{query}", hint="try again later")
        return found

    def rows(self, task: Task, rows: list[dict[str, float]]) -> pl.DataFrame:
        frame = pl.DataFrame(rows, schema={"hour": pl.Int64, "value": pl.Float64})
        event = pl.lit(FIRST).cast(MOMENT) + pl.duration(hours="hour")
        return frame.select(
            pl.lit(self.dataset).alias("dataset"),
            pl.lit(task.member).alias("symbol"),
            pl.lit("mark_price").alias("metric"),
            event.alias("event_time"),
            (event + self.delay()).alias("known_time"),
            "value",
            pl.lit("USD").alias("unit"),
            pl.lit("prices").alias("source"),
            pl.lit(value=False).alias("synthetic"),
        )

    def delay(self) -> timedelta:
        return timedelta(hours=1)


class AsksTooEarly(Prices):
    def tasks(self) -> Sequence[Task]:
        self.ask({"symbol": "A", "day": 0, "page": 0})
        return super().tasks()


class ListsOtherTasksEachTime(Prices):
    calls = count()

    def tasks(self) -> Sequence[Task]:
        return [*super().tasks(), Task(member="A", what=f"prices {next(self.calls)}", start=Instant(0))]


class KnowsBeforehand(Prices):
    def delay(self) -> timedelta:
        return -timedelta(hours=1)


class SaysSomethingElseEachTime(Prices):
    calls = count()

    def rows(self, task: Task, rows: list[dict[str, float]]) -> pl.DataFrame:
        return super().rows(task, rows).with_columns(pl.col("value") + next(self.calls))


class TakesAnOutageForEmptiness(Prices):
    def ask(self, query: dict[str, str | int]) -> Any:
        try:
            return super().ask(query)
        except SourceError:
            return {"rows": [], "more": False}


class AsksOnlyOnce(Prices):
    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:
        return super().fetch(task, lambda request: request())


class TakesAnyPage(Prices):
    def ask(self, query: dict[str, str | int]) -> Any:
        return get_json(self.client, "/prices", query)


class AsksForEver(Prices):
    def ask(self, query: dict[str, str | int]) -> Any:
        found = None
        while found is None or found["page"] != query["page"] or found["symbol"] != query["symbol"]:
            found = get_json(self.client, "/prices", query)
        return found


class TakesNotesTooEarly(Prices):
    """Notes what it fetched before the rows are in the catalog."""

    def attach(self, workspace: Workspace) -> None:
        self.folder = workspace.root

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:
        note = self.folder / f"{task.member}-{task.start}"
        if not note.exists():
            note.touch()
            yield from super().fetch(task, call)


class GivesUpAltogether(Prices):
    refused = False

    def ask(self, query: dict[str, str | int]) -> Any:
        try:
            if self.refused:
                raise SourceRefusedError(found="a refusal before", expected="none", hint="start again")
            return super().ask(query)
        except SourceRefusedError:
            self.refused = True
            raise


@pytest.fixture
def workspaces(tmp_path: Path) -> Callable[[], Workspace]:
    numbers = count()
    return lambda: Workspace.create(tmp_path / str(next(numbers)))


def check(kind: type[Prices], workspaces: Callable[[], Workspace]) -> None:
    check_connector(lambda source: kind(PricesSettings(base_url=source.url)), answer, workspaces)


def test_a_connector_that_keeps_its_promises_passes(workspaces: Callable[[], Workspace]) -> None:
    check(Prices, workspaces)


@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        (AsksTooEarly, "listing tasks asks nothing"),
        (ListsOtherTasksEachTime, "the same when asked again"),
        (KnowsBeforehand, "rows obey their table"),
        (SaysSomethingElseEachTime, "a second run"),
        (TakesAnOutageForEmptiness, "429 leaves no trace"),
        (AsksOnlyOnce, "429, once per request, is overcome"),
        (TakesAnyPage, "the page before leaves no trace"),
        (AsksForEver, "comes to an end"),
        (TakesNotesTooEarly, "a killed run"),
        (GivesUpAltogether, "stops no other member"),
    ],
    ids=lambda part: part.__name__ if isinstance(part, type) else "",
)
def test_a_broken_promise_is_named(kind: type[Prices], promise: str, workspaces: Callable[[], Workspace]) -> None:
    with pytest.raises(AssertionError, match=promise):
        check(kind, workspaces)
