"""What a collection did, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tidegate.data.bundle import Bundle
from tidegate.data.connectors import Collected
from tidegate.data.readiness import ReadinessAudit

__all__ = ["CollectedRecipe", "StepOutcome", "StepStatus"]


class StepStatus(StrEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    """It did less than it should; what it did is kept."""
    SKIPPED = "skipped"
    """It was not asked for."""


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """One step.

    Parameters
    ----------
    name
        As it is typed after ``--skip``.
    about
        What it was about: a data set, a window, a file.
    status
        How it ended.
    said
        What it did, or why it failed, in one line.
    error
        Found, expected and hint, where it could not be done at all.
    file
        Its whole result as JSON; None where it was skipped.
    """

    name: str
    about: str
    status: StepStatus
    said: str = ""
    error: dict[str, str] | None = None
    file: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**vars(self), "status": str(self.status), "file": None if self.file is None else str(self.file)}


@dataclass(frozen=True, kw_only=True, eq=False)
class CollectedRecipe:
    """What a collection did.

    Parameters
    ----------
    folder
        Holds the JSON file of each step, and ``summary.json``.
    before, after
        The audits of readiness; None where the step was left out or failed.
    collected
        The reports of the connectors that could be asked at all.
    bundle
        What was written; None where the step was left out or failed.
    """

    recipe: str
    folder: Path
    steps: tuple[StepOutcome, ...]
    before: ReadinessAudit | None = None
    collected: tuple[Collected, ...] = ()
    after: ReadinessAudit | None = None
    bundle: Bundle | None = None

    @property
    def complete(self) -> bool:
        """Whether no step failed; data that are not ready are an answer, not a failure."""
        return all(step.status is not StepStatus.FAILED for step in self.steps)

    @property
    def ready(self) -> bool | None:
        """Whether the data suffice now; None where nobody looked."""
        return None if self.after is None else self.after.ready

    @property
    def appended(self) -> int:
        """Rows that are new in the catalog."""
        return sum(report.appended for report in self.collected)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, the document printed under ``--json``."""
        return {
            "recipe": self.recipe,
            "folder": str(self.folder),
            "complete": self.complete,
            "ready_before": None if self.before is None else self.before.ready,
            "ready": self.ready,
            "missing_data_kinds": [] if self.after is None else list(self.after.missing_data_kinds),
            "recommended_commands": [] if self.after is None else self.after.recommended_commands(),
            "appended": self.appended,
            "bundle": None if self.bundle is None else str(self.bundle.path),
            "steps": [step.as_dict() for step in self.steps],
        }
