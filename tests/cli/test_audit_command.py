from __future__ import annotations

from pathlib import Path
from typing import Any


def test_an_audit_can_ask_what_was_known_earlier(tidegate: Any, stocked: Path) -> None:
    audit = ("audit", "data", "--no-html", "--json", "--workspace", stocked)
    (present,) = tidegate(*audit).checked().document
    (earlier,) = tidegate(*audit, "--as-of", "2015-07-01").checked().document
    assert present["last"] > earlier["last"] == "2015-07-01"
    assert earlier["expected"] < present["expected"]
    assert tidegate(*audit, "--as-of", "yesterday").exit_code == 2
