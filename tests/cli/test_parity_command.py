"""``tidegate audit parity``: training row against online row, to the bit (crypto D-02)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_market

from tidegate.audit.parity import PARITY_CHECK, audit_parity
from tidegate.core.evidence import Verdict
from tidegate.core.history import History
from tidegate.core.workspace import Workspace
from tidegate.features import Feature, FeatureContract


@pytest.fixture
def stocked_small(tmp_path: Path) -> tuple[Path, Path]:
    return small_market.stock(tmp_path)


def test_training_rows_equal_online_rows(tidegate: Any, stocked_small: tuple[Path, Path]) -> None:
    from sqlalchemy import select

    from tidegate.core.database import evidence

    root, recipe = stocked_small
    audit = ("audit", "parity", recipe, "--instants", "10", "--workspace", root)
    found = tidegate(*audit, "--json").checked().document
    assert (found["passed"], found["reason"], found["instants"]) == (True, "ok", 10)
    assert found["maximum_difference"] == 0.0
    assert "passed (ok)" in tidegate(*audit).checked().out
    with Workspace.open(root).database.connect() as connection:
        kept = connection.execute(select(evidence).where(evidence.c.check_name == PARITY_CHECK)).mappings().all()
    assert {row["verdict"] for row in kept} == {Verdict.PASSED.value}


def test_a_formula_with_a_memory_is_found() -> None:
    """The guarded thing, broken: a running total remembers rows before its lookback, an online row does not."""
    total = Feature(
        name="total", group="volume", requires=("volume",), lookback_bars=2, description="total", unit="number",
        formula=lambda inputs: np.cumsum(np.nan_to_num(inputs.column("volume")), axis=0),
    )  # fmt: skip
    audit = audit_parity(History(small_market.panel()), FeatureContract((total,)), subject="me", instants=5)

    assert audit.comparison.reason == "payload_mismatch"
    assert audit.comparison.mismatches[0].key == "total"
    assert audit.evidence().verdict is Verdict.FAILED


def test_a_difference_ends_with_exit_3(
    tidegate: Any, stocked_small: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tidegate.audit import parity

    honest = parity.features_at
    monkeypatch.setattr(parity, "features_at", lambda *given: np.nextafter(honest(*given), np.float32(9)))
    root, recipe = stocked_small
    done = tidegate("audit", "parity", recipe, "--instants", "2", "--workspace", root)

    assert done.exit_code == 3
    assert "What differs" in done.out
