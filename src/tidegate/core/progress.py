"""How long work tells its progress, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

__all__ = ["SILENT", "Progress"]

Item = TypeVar("Item")


class Progress(Protocol):
    """A listener to long work; the command line draws a bar, tests stay silent."""

    def track(self, items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
        """Yield the items and count them under ``label``."""
        ...

    def say(self, text: str) -> None:
        """Tell the user one line."""
        ...


class _Silent:
    def track(self, items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:  # noqa: ARG002
        yield from items

    def say(self, text: str) -> None:
        """Drop the line."""


SILENT: Progress = _Silent()
