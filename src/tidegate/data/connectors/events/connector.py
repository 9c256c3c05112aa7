"""The connector ``events``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tidegate.core.clock import now, sleep
from tidegate.core.errors import DataError, InputError
from tidegate.core.fingerprint import fingerprint
from tidegate.core.time import DAY, HOUR, Instant, format_instant, parse_instant
from tidegate.data.connectors.contract import Batch, Call, Task
from tidegate.data.connectors.events import gdelt_articles, gdelt_files
from tidegate.data.connectors.events.feeds import fetch_feed, name_of_feed, read_feed
from tidegate.data.connectors.events.gdelt_articles import ArticleSearch, read_articles
from tidegate.data.connectors.events.gdelt_files import fetch_updates, read_update
from tidegate.data.connectors.events.mapping import Provenance, event_of
from tidegate.data.connectors.events.settings import EventsSettings, Layout
from tidegate.data.connectors.items import Gathered, Record, Row, SymbolNames, find_record_files, read_records
from tidegate.data.connectors.web import open_client, without_secrets

__all__ = ["EventsConnector"]

_UPDATES: Final = (Layout.GDELT_EVENTS, Layout.GDELT_GKG)
_ENDINGS: Final = {
    Layout.FEED: (".xml", ".rss", ".atom", ".rdf"),
    Layout.GDELT_ARTICLES: (".json",),
    Layout.GDELT_EVENTS: gdelt_files.ENDINGS,
    Layout.GDELT_GKG: gdelt_files.ENDINGS,
}
_SETTLED: Final = HOUR
"""How long after its end a stretch of a search counts as complete."""
_SETTLED_UPDATES: Final = 7 * DAY
"""How long after its end a day of updates is asked for again: some come hours or days late."""


class EventsConnector:
    """Events from files, feeds and GDELT.

    When an event was known is, in this order: what the row says; for a live feed or search the instant of reading; for
    a file its publication plus ``availability_delay_minutes`` (15 for GDELT's files, whose rows name their update).
    A row of a file that leaves all of it open is rejected: the instant at which something occurred is never taken for
    the one at which it was known (D-10).

    Raises
    ------
    InputError
        If the settings do not name one source.
    """

    name: Final = "events"
    settings_type: Final = EventsSettings
    tables: Final = ("events", "entity_links")

    def __init__(self, settings: EventsSettings) -> None:
        self.settings = settings
        self.dataset = settings.dataset
        self._names = SymbolNames(settings.symbol_names)
        self._notes: list[str] = []
        self._left_out = 0
        self._has_searched = False
        self._answers: dict[str, str] = {}
        self._require_one_source()
        self._feeds = _by_name(settings.feeds)

    @property
    def warnings(self) -> list[str]:
        """What the user should know about the last run."""
        left_out = f"{self._left_out:,} events left out that are about no symbol and not macro"
        return [*self._notes, *([left_out] if self._left_out else [])]

    def tasks(self) -> Sequence[Task]:
        """Return one task per file, feed, or stretch of GDELT."""
        if self.settings.path is not None:
            files = self._files(self.settings.path)
            return [Task(member=file.name, what=str(file)) for file in files]
        if self.settings.layout is Layout.FEED:
            return [Task(member=name, what=Layout.FEED) for name in self._feeds]
        days = 1 if self.settings.layout in _UPDATES else self.settings.step_days
        return list(self._stretches(days * DAY))

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:
        """Yield the events of a task and their links."""
        if self.settings.path is not None:
            yield from self._batches(self._read(Path(task.what)), self._of_file())
        elif self.settings.layout is Layout.FEED:
            with open_client() as client:
                entries = call(lambda: fetch_feed(client, self._feeds[task.member], self._answers))
            yield from self._batches(entries, Provenance(ingested=now()))
        elif self.settings.layout is Layout.GDELT_ARTICLES:
            yield from self._search(task, call)
        else:
            yield from self._download(task, call)

    def _files(self, path: Path) -> list[Path]:
        endings = _ENDINGS.get(self.settings.layout)
        return find_record_files(path) if endings is None else find_record_files(path, endings)

    def _read(self, file: Path) -> Iterable[Record]:
        layout = self.settings.layout
        if layout is Layout.RECORDS:
            return read_records(file)
        if layout is Layout.FEED:
            return read_feed(file)
        return read_articles(file) if layout is Layout.GDELT_ARTICLES else read_update(file, layout)

    def _search(self, task: Task, call: Call) -> Iterator[Batch]:
        start, end = _bounds(task)
        if self._has_searched:
            sleep(self.settings.gdelt_pause_seconds)
        self._has_searched = True
        with open_client(self.settings.base_url or gdelt_articles.ADDRESS) as client:
            search = ArticleSearch(
                client,
                self.settings.query or "",
                records=self.settings.gdelt_max_records,
                pause_seconds=self.settings.gdelt_pause_seconds,
                warnings=self._notes,
            )
            for page in search.pages(start, end, call):
                live = self.settings.availability_delay_minutes is None
                yield from self._batches(page, Provenance(ingested=now()) if live else self._of_file())

    def _download(self, task: Task, call: Call) -> Iterator[Batch]:
        start, end = _bounds(task)
        missing = 0
        with open_client(self.settings.base_url or gdelt_files.ADDRESS) as client:
            for update in fetch_updates(client, self.settings.layout, start, end, call):
                missing += update is None
                yield from self._batches(update or (), self._of_file())
        if missing:
            note = f"{task.member}: {missing} updates of 15 minutes are not on the server"
            again = (
                ""
                if task.closed
                else f"; until {format_instant(self._settled(task.end or 0))} they are asked for again"
            )
            self._notes.append(note + again)

    def _batches(self, records: Iterable[Record], provenance: Provenance) -> Iterator[Batch]:
        gathered = Gathered(main=("events",))
        for record in records:
            try:
                self._take(record, provenance, gathered)
            except DataError as error:
                gathered.refuse(record, error.found)
        yield from gathered.batches()

    def _take(self, record: Record, provenance: Provenance, gathered: Gathered) -> None:
        if record.fault is not None:
            gathered.refuse(record, record.fault)
            return
        timezone = str(record.content.get("source_timezone") or self.settings.timezone or "") or None
        row = Row(record.content, columns=self.settings.column_map, timezone=timezone)
        made = event_of(row, self.settings, provenance, self._names)
        if self.settings.only_linked and not made.links and made.event["scope"] != "macro":
            self._left_out += 1
        elif gathered.add("events", made.event, record):
            for link in made.links:
                gathered.add_link(link)

    def _of_file(self) -> Provenance:
        """Return how events of files became known."""
        delay = self.settings.availability_delay_minutes
        if delay is None and self.settings.layout in _UPDATES:
            delay = float(gdelt_files.UPDATE_MINUTES)
        return Provenance(delay_minutes=delay)

    def _settled(self, end: int) -> Instant:
        """Return from when on a stretch that ends then is not asked for again."""
        return Instant(end + (_SETTLED_UPDATES if self.settings.layout in _UPDATES else _SETTLED))

    def _stretches(self, size: int) -> Iterator[Task]:
        """Yield the stretches from the first day on; their bounds do not depend on when they are asked for."""
        if self.settings.start is None:
            return
        present = now()
        cursor = parse_instant(self.settings.start)
        last = present if self.settings.end is None else parse_instant(self.settings.end) + DAY
        while cursor < min(last, present):
            end = cursor + size if self.settings.end is None else min(cursor + size, last)
            yield Task(
                member=format_instant(cursor),
                what=self.settings.layout,
                start=cursor,
                end=Instant(end),
                closed=self._settled(end) <= present,
            )
            cursor = Instant(end)

    def _require_one_source(self) -> None:
        settings = self.settings
        if settings.path is not None:
            return
        lacking = {
            Layout.RECORDS: "a path",
            Layout.FEED: "" if settings.feeds else "a path or feeds",
            Layout.GDELT_ARTICLES: "" if settings.query and settings.start else "a path, or a query and a start",
        }.get(settings.layout, "" if settings.start else "a path or a start")
        if lacking:
            raise InputError(
                found=f"no source for the layout {settings.layout}",
                expected=lacking,
                hint="all settings: tidegate ingest events --help",
            )
        if settings.layout is Layout.FEED and settings.availability_delay_minutes is not None:
            raise InputError(
                found="an availability delay for live feeds",
                expected="none: what is read live is known from the moment of reading",
                hint="leave availability_delay_minutes out",
            )


def _by_name(feeds: Sequence[str]) -> dict[str, str]:
    """Return the feeds by what reports call them: where several differ in their query or user alone, also by a hash."""
    names = {url: _name_of_feed(url) for url in feeds}
    several = Counter(names.values())
    return {name if several[name] == 1 else f"{name}-{fingerprint(url)[:8]}": url for url, name in names.items()}


def _name_of_feed(url: str) -> str:
    try:
        return name_of_feed(url)
    except InputError as error:
        shown = without_secrets(url)
        raise InputError(found=f"the feed {shown!r}", expected=error.expected, hint=error.hint) from None


def _bounds(task: Task) -> tuple[Instant, Instant]:
    """Return the stretch of a task, as far as it has passed."""
    if task.start is None or task.end is None:
        raise InputError(found=f"the task {task.key}", expected="a stretch of time", hint="take it from tasks()")
    return task.start, min(task.end, now())
