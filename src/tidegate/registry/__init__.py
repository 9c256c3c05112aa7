"""Runs: what was done, with which recipe, data, code and result."""

from tidegate.registry.runs import ActiveRun, Run, RunKind, RunStatus, RunStore
from tidegate.registry.scores import read_scores, scores_fingerprint

__all__ = ["ActiveRun", "Run", "RunKind", "RunStatus", "RunStore", "read_scores", "scores_fingerprint"]
