"""The audit that doubts the data: coverage on the right calendar, exact gaps, suspect bars."""

from tidegate.data.audit.bars import audit_bars, audit_frame
from tidegate.data.audit.findings import AuditLimits, Gap, SharedGap, SuspectBar, Suspicion, SymbolAudit
from tidegate.data.audit.result import BarAudit

__all__ = [
    "AuditLimits",
    "BarAudit",
    "Gap",
    "SharedGap",
    "SuspectBar",
    "Suspicion",
    "SymbolAudit",
    "audit_bars",
    "audit_frame",
]
