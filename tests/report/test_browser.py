"""The page in a real browser without a network: every chart is drawn, and the switches work."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from recorded_run import add_records

from tidegate.core.workspace import Workspace
from tidegate.registry import Run
from tidegate.report import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--proxy-server=127.0.0.1:9",
    "--virtual-time-budget=8000",
    "--enable-logging=stderr",
)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine")


def opened(page: Path, profile: Path) -> subprocess.CompletedProcess[str]:
    """Return the page as it stands after its scripts ran, and what they complained about."""
    command = [str(BROWSER), *OPTIONS, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)


def test_every_chart_is_drawn_without_a_network(
    workspace: Workspace, make_backtest: Callable[..., Run], tmp_path: Path
) -> None:
    run = make_backtest(years=3)
    add_records(run.folder)
    page = write_report(workspace, run.id, language="zh", colours="chinese")
    charts = page.read_text(encoding="utf-8").count('class="plot"')

    done = opened(page, tmp_path / "profile")

    assert f'data-drawn="{charts}"' in done.stdout
    assert len(re.findall(r'<g class="(?:cartesianlayer)"', done.stdout)) == charts
    assert "Content Security Policy" not in done.stderr
    assert "Uncaught" not in done.stderr


@pytest.mark.parametrize("kind", ["hits", "search"])
def test_every_chart_about_hits_and_searches_is_drawn(
    workspace: Workspace, make_hits: Callable[..., Run], make_tuning: Callable[..., Run], tmp_path: Path, kind: str
) -> None:
    run = make_hits() if kind == "hits" else make_tuning()
    page = write_report(workspace, run.id, language="zh", colours="chinese")
    charts = page.read_text(encoding="utf-8").count('class="plot"')

    done = opened(page, tmp_path / "profile")

    assert charts >= 5
    assert f'data-drawn="{charts}"' in done.stdout
    assert len(re.findall(r'<g class="(?:cartesianlayer)"', done.stdout)) == charts
    assert "Uncaught" not in done.stderr


def test_a_broken_page_is_noticed(workspace: Workspace, make_backtest: Callable[..., Run], tmp_path: Path) -> None:
    page = write_report(workspace, make_backtest(years=1).id)
    page.write_text(
        page.read_text(encoding="utf-8").replace("window.Plotly.react", "window.Plotly.absent"), encoding="utf-8"
    )

    done = opened(page, tmp_path / "profile")

    assert "data-drawn" not in done.stdout.split("<head>")[0]
    assert "Uncaught" in done.stderr
