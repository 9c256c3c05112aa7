"""The page of a data audit."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tidegate.core.time import BarInterval, instant_of
from tidegate.core.workspace import Workspace
from tidegate.data.audit import BarAudit, audit_frame
from tidegate.report import ColourScheme, Language, write_coverage_report
from tidegate.report.charts import Brush
from tidegate.report.coverage_chart import coverage_chart
from tidegate.report.coverage_rules import audit_verdict
from tidegate.report.theme import palette

START = datetime(2024, 1, 1, tzinfo=UTC)


def audited(symbols: int = 3, *, missing: int = 0, days: int = 90) -> BarAudit:
    """Return the audit of daily bars around the clock whose symbol number k lacks ``k * missing`` bars in a row."""
    rows = [
        {"symbol": f"S{number:03d}", "event_time": START + timedelta(days=day), "close": 100.0 + day % 7}
        for number in range(symbols)
        for day in range(days)
        if not 20 <= day < 20 + number * missing
    ]
    return audit_frame(
        pl.DataFrame(rows), dataset="made", interval=BarInterval("1d"),
        as_of=instant_of(START + timedelta(days=days)), calendar="24/7",
    )  # fmt: skip


@pytest.mark.parametrize(("language", "shown"), [("en", "The audit does not pass"), ("zh", "审计未通过")])
def test_an_audit_is_reported(workspace: Workspace, language: str, shown: str) -> None:
    path = write_coverage_report(workspace, audited(missing=10), language=language, colours="chinese")

    assert path == workspace.reports_folder / f"audit-made-1d.{language}.html"
    page = path.read_text(encoding="utf-8")
    assert shown in page
    assert "S002" in page
    assert "77.77%" in page


def test_nothing_missing_is_said_to_be_complete(workspace: Workspace, tmp_path: Path) -> None:
    page = write_coverage_report(workspace, audited(), path=tmp_path / "a.html").read_text(encoding="utf-8")

    assert "Every bar is there: 270 expected" in page
    assert "There are none: every expected bar is there." in page


def test_a_small_gap_passes_and_is_still_told() -> None:
    verdict = audit_verdict(audited(missing=1))

    assert verdict.findings[0].key == "coverage.passed"
    assert verdict.findings[0].values == {"missing": 3, "expected": 270}


def test_thousands_of_symbols_are_drawn_as_the_worst_and_the_whole() -> None:
    brush = Brush(Language.load("en"), palette(ColourScheme.WESTERN))

    heat = json.loads(coverage_chart(brush, audited(200, missing=1, days=240)).figure)["data"][0]

    assert heat["y"][:2] == ["All symbols", "S199"]
    assert len(heat["y"]) == len(heat["z"]) == 61
    assert heat["x"][:2] == ["2023-12", "2024-01"]  # a bar that closes at midnight belongs to the day before
