"""The examples run as a reader would run them: as scripts, in an empty folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LONGEST_MAIN_PATH = 80
LIMIT_SECONDS = 600


def example_files(root: Path) -> list[Path]:
    return sorted((root / "examples").glob("*.py"))


@pytest.mark.slow
def test_examples_run_in_an_empty_folder(project_root: Path, tmp_path: Path) -> None:
    files = example_files(project_root)
    assert files, "no examples"
    for file in files:
        empty = tmp_path / file.stem
        empty.mkdir()
        done = subprocess.run(
            [sys.executable, str(file)],
            cwd=empty,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{file.name}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        assert done.stdout.strip(), f"{file.name} prints nothing"


def test_the_main_path_fits_on_two_screens(project_root: Path) -> None:
    lines = (project_root / "examples" / "main_path.py").read_text(encoding="utf-8").splitlines()

    assert len(lines) < LONGEST_MAIN_PATH
