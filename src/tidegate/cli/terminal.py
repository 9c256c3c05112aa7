"""What a command prints: results on standard output, progress on standard error, one JSON document under ``--json``.

In the background, where nobody looks at a terminal, progress goes to the job as well.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import replace
from typing import Any, Final, TextIO, TypeVar

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from tidegate.cli.logs import logger
from tidegate.core.clock import elapsed_seconds
from tidegate.core.environment import resident_bytes
from tidegate.core.jobs import current_job
from tidegate.core.progress import Pace, Reached

__all__ = ["Terminal", "key_values", "share", "table"]

Item = TypeVar("Item")

_PIPE_WIDTH: Final = 200
_SECONDS_BETWEEN_LINES: Final = 5.0
"""How often progress is printed where there is no terminal to draw a bar on."""


class Terminal:
    """The user's terminal, and the listener to long work.

    Parameters
    ----------
    json_output
        Print one JSON document instead of tables.
    """

    def __init__(self, *, json_output: bool) -> None:
        self._json = json_output
        self._out = _console(sys.stdout)
        self._err = _console(sys.stderr)
        self._job = current_job()
        self._printed_at = elapsed_seconds()
        self._pace: tuple[str, Pace] | None = None
        self._bar: Progress | None = None

    def track(self, items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
        """Yield the items, on a terminal under a progress bar with rate and time left."""
        count = total if total is not None else len(items) if isinstance(items, Sized) else None
        if not self._err.is_terminal:
            yield from self._counted(items, label, count)
        else:
            with _bar(self._err) as bar:
                task = bar.add_task(label, total=count)
                for item in items:
                    yield item
                    bar.advance(task)
        logger().info("done", work=label, items=count)

    def tell(self, reached: Reached) -> None:
        """Show how far work has come that counts by itself; where it does not guess the time left, guess it."""
        reached = self._with_time_left(reached)
        if self._job is not None:
            self._job.tell(reached)
        if self._err.is_terminal:
            self._draw(reached)
        elif elapsed_seconds() - self._printed_at >= _SECONDS_BETWEEN_LINES:
            self._printed_at = elapsed_seconds()
            self._print(str(reached))

    def say(self, text: str) -> None:
        """Print one line of progress."""
        logger().info("progress", text=text)
        if self._job is not None:
            self._job.say(text)
        self._end_bar()
        self._print(text)

    def emit(self, document: Any, *shown: RenderableType) -> None:
        """Print a command's result: the document under ``--json``, otherwise what is shown."""
        self._end_bar()
        if self._job is not None and isinstance(document, dict) and isinstance(document.get("id"), str):
            self._job.result(document["id"])
        if self._json:
            print(json.dumps(document, ensure_ascii=False, allow_nan=False), flush=True)
            return
        for renderable in shown:
            self._out.print(renderable, soft_wrap=isinstance(renderable, str))

    def _counted(self, items: Iterable[Item], label: str, count: int | None) -> Iterator[Item]:
        """Yield the items and tell each; a line now and then shows in a log that the work goes on."""
        self._pace, self._printed_at = None, elapsed_seconds()
        if count:
            self.tell(Reached(label=label, done=0, total=count))
        for done, item in enumerate(items, start=1):
            yield item
            self.tell(Reached(label=label, done=done, total=count))

    def _with_time_left(self, reached: Reached) -> Reached:
        if reached.seconds_left is not None:
            return reached
        if self._pace is None or self._pace[0] != reached.label:
            self._pace = (reached.label, Pace(reached.done))
        return replace(reached, seconds_left=self._pace[1].seconds_left(reached.done, reached.total))

    def _draw(self, reached: Reached) -> None:
        if self._bar is None:
            self._bar = _bar(self._err, _Rate(), _Memory())
            self._bar.start()
            self._bar.add_task(reached.label)
        best = "" if reached.best is None else f", best {reached.best:.3g}"
        task = self._bar.task_ids[0]
        self._bar.update(task, description=f"{reached.label}{best}", completed=reached.done, total=reached.total)
        if reached.total is not None and reached.done >= reached.total:
            self._end_bar()

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _print(self, text: str) -> None:
        self._err.print(text, style="dim", markup=False)


class _Rate(ProgressColumn):
    """How many are done in a second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.3g}/s", style="dim")


class _Memory(ProgressColumn):
    """How much memory this process holds."""

    def render(self, task: Task) -> Text:  # noqa: ARG002 - the same for every task
        return Text(f"{resident_bytes() / 2**30:.2f} GiB", style="dim")


def _bar(console: Console, *further: ProgressColumn) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        *further,
    )
    return Progress(*columns, console=console, transient=True)


def _console(stream: TextIO) -> Console:
    """Return a console; into a pipe it writes whole lines, not the 80 columns of an unknown terminal."""
    console = Console(file=stream, highlight=False)
    return console if console.is_terminal else Console(file=stream, highlight=False, width=_PIPE_WIDTH)


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, whole: Sequence[str] = ()
) -> RenderableType:
    """Return a table under its title; numbers are aligned right.

    Parameters
    ----------
    whole
        Columns whose cells are never broken over lines, because they are copied.
    """
    content = [list(row) for row in rows]
    drawn = Table(header_style="dim", box=None, pad_edge=False)
    for place, name in enumerate(columns):
        cells = [row[place] for row in content]
        numeric = bool(cells) and all(isinstance(cell, int | float) or _is_number(str(cell)) for cell in cells)
        width = max((len(str(cell)) for cell in cells), default=None) if name in whole else None
        drawn.add_column(name, justify="right" if numeric else "left", overflow="fold", min_width=width)
    for row in content:
        drawn.add_row(*("" if cell is None else cell if isinstance(cell, Text) else escape(str(cell)) for cell in row))
    return _titled(title, drawn)


def key_values(title: str, values: Mapping[str, object]) -> RenderableType:
    """Return a two-column table of names and values under its title."""
    drawn = Table(show_header=False, box=None, pad_edge=False)
    drawn.add_column(style="dim", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in values.items():
        drawn.add_row(name, escape(str(value)))
    return _titled(title, drawn)


def share(value: float | None) -> str:
    """Return a share in per cent with one digit, or a dash where it is not known.

    Examples
    --------
    >>> share(0.0714), share(None)
    ('7.1%', '–')
    """
    return "–" if value is None else f"{value:.1%}"


def _titled(title: str, drawn: Table) -> RenderableType:
    """Put a title above; a table's own title would be broken where the table is narrow."""
    return Group(Text(title, style="bold"), drawn)


def _is_number(text: str) -> bool:
    return (bool(text) and text.strip("+-%").replace(",", "").replace(".", "", 1).isdigit()) or text in {
        "–",
        "",
    }
