"""What a command prints: results on standard output, progress on standard error, one JSON document under ``--json``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any, Final, TextIO, TypeVar

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from tidegate.cli.logs import logger

__all__ = ["Terminal", "key_values", "table"]

Item = TypeVar("Item")

_PIPE_WIDTH: Final = 200


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

    def track(self, items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
        """Yield the items, on a terminal under a progress bar with rate and time left."""
        count = total if total is not None else len(items) if isinstance(items, Sized) else None
        if not self._err.is_terminal:
            yield from items
            logger().info("done", work=label, items=count)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._err, transient=True) as bar:
            task = bar.add_task(label, total=count)
            for item in items:
                yield item
                bar.advance(task)
        logger().info("done", work=label, items=count)

    def say(self, text: str) -> None:
        """Print one line of progress."""
        logger().info("progress", text=text)
        self._err.print(text, style="dim", markup=False)

    def emit(self, document: Any, *shown: RenderableType) -> None:
        """Print a command's result: the document under ``--json``, otherwise what is shown."""
        if self._json:
            print(json.dumps(document, ensure_ascii=False, allow_nan=False), flush=True)
            return
        for renderable in shown:
            self._out.print(renderable, soft_wrap=isinstance(renderable, str))


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


def _titled(title: str, drawn: Table) -> RenderableType:
    """Put a title above; a table's own title would be broken where the table is narrow."""
    return Group(Text(title, style="bold"), drawn)


def _is_number(text: str) -> bool:
    return (bool(text) and text.strip("+-%").replace(",", "").replace(".", "", 1).isdigit()) or text in {
        "–",
        "",
    }
