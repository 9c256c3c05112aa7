"""One run as it is kept: what it does, where it stands, and all that made it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tidegate.core.time import Instant

__all__ = ["Run", "RunKind", "RunStatus"]


class RunKind(StrEnum):
    """What a run does."""

    TUNE = "tune"
    TRAIN = "train"
    EXPERIMENT = "experiment"
    BACKTEST = "backtest"
    SEARCH = "search"
    SELECT = "select"


class RunStatus(StrEnum):
    """Where a run stands. A ``running`` run whose process is gone is resumed by repeating its command."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run as the database holds it.

    ``data_versions`` maps ``table/dataset`` to the table version that was read; ``corrected`` names corrections of
    data errors that were recorded after this run read the data.
    """

    id: str
    project: str
    kind: RunKind
    status: RunStatus
    recipe_name: str
    recipe: dict[str, Any]
    fingerprint: str
    parent: str | None
    started_at: Instant
    finished_at: Instant | None
    data_versions: dict[str, int]
    environment: dict[str, Any]
    seed: int
    metrics: dict[str, Any]
    error: str | None
    folder: Path
    corrected: tuple[str, ...] = ()
