"""``tidegate review``: sample, record, statistics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from command import assert_refused
from tidegate.cli.app import app
from tidegate.cli.commands import review

ROWS = [
    {"title": f"story {number}", "source_name": "Example", "occurred_at": "2024-03-12T12:00:00Z", "latency_ms": 1000,
     "symbol": "BTC", "importance": number / 10}
    for number in range(10)
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def registered() -> None:
    """The command is part of the tree."""
    if "review" not in {group.name for group in app.registered_groups}:
        app.add_typer(review.app, name="review")


@pytest.fixture
def news(tidegate: Any, tmp_path: Path) -> Path:
    """A workspace with ten events."""
    file = tmp_path / "events.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS), encoding="utf-8")
    tidegate("init", "--workspace", tmp_path / "work").checked()
    tidegate("ingest", "events", file, "--dataset", "news", "--workspace", tmp_path / "work").checked()
    return tmp_path / "work"


def test_a_sample_is_drawn_reviewed_and_counted(tidegate: Any, news: Path) -> None:
    drawn = tidegate("review", "sample", "news", "--limit", "3", "--json", "--workspace", news).checked().document
    event = drawn[0]["event_id"]
    assert len(drawn) == 3
    assert set(drawn[0]) >= {"title", "publisher", "quality", "known_time"}

    told = ("review", "record", "news", event[:12], "--reviewer", "ada", "--verdict", "correct", "--workspace", news)
    assert tidegate(*told, "--note", "seen", "--json").checked().document["event_id"] == event
    assert f"{event}: correct, says ada" in tidegate(*told).checked().out

    found = tidegate("review", "statistics", "news", "--json", "--workspace", news).checked().document
    assert (found["events"], found["reviewed_events"], found["precision"], found["agreement"]) == (10, 1, 1.0, None)
    shown = tidegate("review", "statistics", "news", "--workspace", news).checked().out
    assert "Example" in shown
    assert "1.000" in shown
    left = tidegate("review", "sample", "news", "--reviewer", "ada", "--json", "--workspace", news).checked().document
    assert len(left) == 9


def test_a_sample_is_shown_as_a_table_or_as_nothing(tidegate: Any, news: Path) -> None:
    sample = ("review", "sample", "news", "--workspace", news)

    shown = tidegate(*sample, "--minimum-quality", "0.5").checked().out
    assert shown.count("story") == 3  # 0.3 x 0.5 + 0.25 x importance + 0.25 x 0.5 + 0.2 / 4 from 0.7 on
    assert "no event of news to look at" in tidegate(*sample, "--minimum-quality", "1").checked().out
    assert tidegate(*sample, "--as-of", "2024-03-12", "--json").checked().document == []


def test_social_coverage_is_shown(tidegate: Any, news: Path) -> None:
    file = news.parent / "posts.jsonl"
    post = {"platform": "x", "source_id": "1", "text": "up", "symbol": "BTC", "occurred_at": "2024-03-12T12:00:00Z",
            "available_at": "2024-03-12T12:01:00Z"}  # fmt: skip
    file.write_text(json.dumps(post), encoding="utf-8")
    tidegate("ingest", "social", file, "--dataset", "chat", "--workspace", news).checked()

    assert "BTC" in tidegate("review", "social", "chat", "--workspace", news).checked().out
    found = tidegate("review", "social", "chat", "--json", "--workspace", news).checked().document
    assert (found["items"], found["lag_p50_seconds"], found["coverage_ratio"]) == (1, 60.0, 0.0)


@pytest.mark.parametrize(
    "arguments",
    [
        ("sample", "none"),
        ("sample", "news", "--limit", "1001"),
        ("sample", "news", "--minimum-quality", "2"),
        ("sample", "news", "--as-of", "soon"),
        ("statistics", "none"),
        ("social", "news"),
        ("record", "news", "f" * 64, "--reviewer", "ada", "--verdict", "correct"),
        ("record", "news", "f" * 64, "--reviewer", "ada", "--verdict", "maybe"),
        ("record", "news", "f" * 64, "--reviewer", " ", "--verdict", "correct"),
    ],
)
def test_what_cannot_be_reviewed_is_refused(
    tidegate: Any, news: Path, arguments: tuple[str, ...], json_output: bool
) -> None:
    flag = ["--json"] if json_output else []

    assert_refused(tidegate("review", *arguments, *flag, "--workspace", news), json_output=json_output)


def test_the_verdicts_of_the_command_line_are_those_of_the_catalog() -> None:
    from tidegate.data.review import ReviewVerdict

    assert [str(one) for one in review.Verdict] == [str(one) for one in ReviewVerdict]
    assert isinstance(review.app, typer.Typer)
