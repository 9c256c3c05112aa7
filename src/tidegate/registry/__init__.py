"""Runs: what was done, with which recipe, data, code and result."""

from tidegate.registry.runs import ActiveRun, Run, RunKind, RunStatus, RunStore

__all__ = ["ActiveRun", "Run", "RunKind", "RunStatus", "RunStore"]
