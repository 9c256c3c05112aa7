from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from tidegate.core.clock import frozen_clock
from tidegate.core.errors import InputError
from tidegate.core.evidence import Evidence, Verdict
from tidegate.core.time import Instant

FOUND = Evidence.of("audit-data", "bars/demo@3", Verdict.PASSED, {"gaps": 0})


def test_evidence_knows_when_it_was_made() -> None:
    with frozen_clock(Instant(42)):
        assert Evidence.of("a", "b", Verdict.FAILED, {}).made_at == 42


def test_the_time_is_no_part_of_the_fingerprint() -> None:
    assert replace(FOUND, made_at=Instant(1)).fingerprint() == FOUND.fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        {"check": "other"},
        {"subject": "bars/demo@4"},
        {"verdict": Verdict.INSUFFICIENT_OBSERVATION},
        {"findings": {"gaps": 1}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_everything_else_is(change: dict[str, Any]) -> None:
    assert replace(FOUND, **change).fingerprint() != FOUND.fingerprint()


def test_evidence_is_frozen_and_plain() -> None:
    with pytest.raises(FrozenInstanceError):
        FOUND.verdict = Verdict.FAILED  # type: ignore[misc]
    with pytest.raises(InputError):
        replace(FOUND, findings={"worst": float("nan")}).fingerprint()
