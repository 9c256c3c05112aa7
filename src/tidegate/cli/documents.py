"""JSON documents of results."""

from __future__ import annotations

from typing import Any

from tidegate.core.time import format_instant
from tidegate.registry import Run

__all__ = ["run_document"]


def run_document(run: Run) -> dict[str, Any]:
    """Return a run as plain values, instants as ISO text."""
    return {
        "id": run.id,
        "project": run.project,
        "kind": run.kind.value,
        "status": run.status.value,
        "recipe_name": run.recipe_name,
        "fingerprint": run.fingerprint,
        "parent": run.parent,
        "started_at": format_instant(run.started_at),
        "finished_at": None if run.finished_at is None else format_instant(run.finished_at),
        "seed": run.seed,
        "data_versions": run.data_versions,
        "corrected_since": list(run.corrected),
        "metrics": run.metrics,
        "error": run.error,
        "environment": run.environment,
        "recipe": run.recipe,
        "folder": str(run.folder),
    }
