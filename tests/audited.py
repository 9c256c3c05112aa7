"""Training as tests want it: with the audit of readiness that it asks for."""

from __future__ import annotations

from typing import Any

import tidegate.train
from tidegate.core.clock import now
from tidegate.core.recipe import Recipe
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.readiness import ReadinessAudit, audit_readiness
from tidegate.registry import Run, RunStore


def audit(workspace: Workspace, recipe: Recipe) -> ReadinessAudit:
    """Audit a recipe's data and keep the evidence, whatever it says."""
    found = audit_readiness(Catalog(workspace), recipe, as_of=now())
    RunStore(workspace).record_evidence(found.evidence())
    return found


def train(workspace: Workspace, recipe: Recipe, **options: Any) -> Run:
    """Audit, then train."""
    audit(workspace, recipe)
    return tidegate.train.train(workspace, recipe, **options)
