"""A source for tests of collecting: it answers from memory, and does wrong what it is told to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Final

import polars as pl

from tidegate.core.config import Settings
from tidegate.core.errors import LookAheadError, SourceRefusedError
from tidegate.data.connectors import Batch, Call, Task
from tidegate.data.tables import FUNDING

ASKED: list[tuple[str, date | None]] = []


class RememberedSettings(Settings):
    """What is asked for."""

    dataset: str = "paid"
    symbols: tuple[str, ...] = ("A", "B")
    start: date = date(2024, 1, 1)
    end: date | None = None
    refused: tuple[str, ...] = ()
    breaks_with: str = ""


class RememberedConnector:
    """Funding of three days, one task per symbol."""

    name: Final = "remembered"
    settings_type: Final = RememberedSettings
    tables: Final = ("funding",)

    def __init__(self, settings: RememberedSettings) -> None:
        self.settings = settings
        self.dataset = settings.dataset

    def tasks(self) -> Sequence[Task]:
        return [Task(member=symbol, what="funding") for symbol in self.settings.symbols]

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:
        ASKED.append((task.member, self.settings.end))
        if self.settings.breaks_with == "a bug":
            raise LookAheadError(found="a bug", expected="none", hint="stop")
        if self.settings.breaks_with == "an interrupt":
            raise KeyboardInterrupt
        if task.member in self.settings.refused:
            raise SourceRefusedError(found=f"no {task.member}", expected="a symbol that is listed", hint="look it up")
        last = self.settings.end or date(2024, 1, 4)
        paid = [datetime(2024, 1, day, tzinfo=UTC) for day in (2, 3, 4)]
        rows = [
            {
                "dataset": self.dataset,
                "symbol": task.member,
                "event_time": at,
                "known_time": at,
                "rate": 0.0001,
                "period_hours": 24.0,
                "source": "remembered",
                "synthetic": False,
            }
            for at in paid
            if at <= datetime(last.year, last.month, last.day, tzinfo=UTC)
        ]
        yield Batch(
            table="funding",
            rows=pl.DataFrame(rows, schema={n: k for n, k in FUNDING.schema.items() if n != "recorded_time"}),
        )
