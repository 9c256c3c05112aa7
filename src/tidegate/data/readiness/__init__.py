"""Readiness: whether a recipe's data suffice to train on, judged before anything is trained."""

from tidegate.data.readiness.audit import audit_readiness
from tidegate.data.readiness.coverage import MemberCoverage
from tidegate.data.readiness.gates import Gate, Reason, ReasonCode
from tidegate.data.readiness.quality import QualityAudit, QualityReason, SymbolQuality
from tidegate.data.readiness.result import READINESS_CHECK, ReadinessAudit, audit_subject
from tidegate.data.readiness.scope import Life, Listing, Scope
from tidegate.data.readiness.sources import SourceAudit

__all__ = [
    "READINESS_CHECK",
    "Gate",
    "Life",
    "Listing",
    "MemberCoverage",
    "QualityAudit",
    "QualityReason",
    "ReadinessAudit",
    "Reason",
    "ReasonCode",
    "Scope",
    "SourceAudit",
    "SymbolQuality",
    "audit_readiness",
    "audit_subject",
]
