"""The look-ahead audit of a pipeline that is handed in: what must hold, proven by computing everything again."""

from tidegate.audit.depth import FAST, Depth, DepthRun
from tidegate.audit.lookahead import audit_lookahead
from tidegate.audit.poison import poisoned
from tidegate.audit.result import LOOKAHEAD_CHECK, Finding, FindingKind, LookaheadAudit

__all__ = [
    "FAST",
    "LOOKAHEAD_CHECK",
    "Depth",
    "DepthRun",
    "Finding",
    "FindingKind",
    "LookaheadAudit",
    "audit_lookahead",
    "poisoned",
]
