"""Documentation is held to what it says: examples run, commands exist, links lead somewhere."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).resolve().parents[2]
README = PROJECT / "README.md"
CHINESE_README = PROJECT / "README.zh-CN.md"
LIFE_OF_A_SIGNAL = PROJECT / "docs" / "life_of_a_signal.md"
PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")])
TEXT_FILES = sorted(
    path
    for pattern in ("*.md", "*.toml", "Makefile", ".ci/*", "docs/**/*.md", "[est]*/**/*.py", "src/**/*.yaml")
    for path in PROJECT.glob(pattern)
)
LIMIT_SECONDS = 600

FENCE = re.compile(r"^```(?P<language>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
DOTTED_NAME = re.compile(r"`(tidegate(?:\.\w+)+)(?:\(\))?`")
OF_ONE_MACHINE = re.compile(r"(?<![\w.])/(?:home|Users|root|work)/\w|[A-Z]:\\\\?Users")


class Block(NamedTuple):
    """One fenced block of a page."""

    language: str
    body: str


def named(paths: list[Path]) -> list[object]:
    return [pytest.param(path, id=str(path.relative_to(PROJECT))) for path in paths]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path) -> list[Block]:
    return [Block(match["language"].strip(), match["body"]) for match in FENCE.finditer(read(path))]


def prose(path: Path) -> str:
    return FENCE.sub("", read(path))


def commands(path: Path) -> list[str]:
    """Return what a reader would type: the lines after ``$`` in console blocks."""
    typed = [
        line[2:]
        for block in blocks(path)
        if block.language == "console"
        for line in block.body.replace("\\\n", " ").splitlines()
        if line.startswith("$ ")
    ]
    return [re.sub(r"\s+#.*$", "", command) for command in typed]


def tidegate_commands() -> list[str]:
    return sorted(
        {command for path in PAGES for command in commands(path) if command.startswith("tidegate ")}
    )


def python_of(path: Path) -> str:
    return "\n".join(block.body for block in blocks(path) if block.language == "python")


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}
    return subprocess.run(
        arguments,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


@cache
def help_of(command: tuple[str, ...]) -> str | None:
    """Return the help of a command, or nothing where there is no such command."""
    done = run([sys.executable, "-m", "tidegate", *command, "--help"], PROJECT)
    return done.stdout if done.returncode == 0 else None


def slug(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def without_comments(block: Block) -> str:
    lines = (re.sub(r"\s+#.*$|^# .*$", "", line).rstrip() for line in block.body.splitlines())
    return "\n".join([block.language, *lines])


@pytest.mark.slow
@pytest.mark.parametrize("page", named([page for page in PAGES if python_of(page)]))
def test_python_blocks_run(page: Path, tmp_path: Path) -> None:
    script = tmp_path / "blocks.py"
    script.write_text(python_of(page), encoding="utf-8")
    empty = tmp_path / "empty"
    empty.mkdir()

    done = run([sys.executable, "-W", "error", str(script)], empty)

    assert done.returncode == 0, done.stderr[-4000:]


def test_the_readme_shows_commands() -> None:
    assert any(command.startswith("tidegate demo") for command in commands(README))


@pytest.mark.parametrize("command", tidegate_commands())
def test_quoted_commands_exist(command: str) -> None:
    words = shlex.split(command)[1:]
    options = [word.split("=")[0] for word in words if word.startswith("--")]
    names = [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]

    known = next(
        (text for length in (2, 1) if length <= len(names) and (text := help_of(tuple(names[:length])))), None
    )

    assert known is not None, f"no command {command!r}"
    assert [option for option in options if option not in known] == []


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert help_of(("teleport",)) is None


def test_both_readmes_have_the_same_headings() -> None:
    levels = [[len(marks) for marks, _ in HEADING.findall(prose(page))] for page in (README, CHINESE_README)]

    assert levels[0] == levels[1]
    assert len(levels[0]) > 5


def test_both_readmes_have_the_same_code() -> None:
    english, chinese = (list(map(without_comments, blocks(page))) for page in (README, CHINESE_README))

    assert chinese == english


def test_both_readmes_show_the_same_pictures_and_pages() -> None:
    english, chinese = (set(LINK.findall(prose(page))) for page in (README, CHINESE_README))

    assert english - {CHINESE_README.name} == chinese - {README.name}


def test_the_life_of_a_signal_names_real_functions() -> None:
    names = DOTTED_NAME.findall(prose(LIFE_OF_A_SIGNAL))

    assert len(names) > 10
    assert [name for name in names if not _exists(name)] == []


def test_a_name_that_does_not_exist_is_noticed() -> None:
    assert not _exists("tidegate.core.time.yesterday")
    assert _exists("tidegate.core.past_view.PastView.latest")


@pytest.mark.parametrize("page", named(PAGES))
def test_relative_links_lead_somewhere(page: Path) -> None:
    broken = [target for target in LINK.findall(prose(page)) if not _leads_somewhere(page, target)]

    assert broken == []


def test_a_broken_link_is_noticed() -> None:
    assert not _leads_somewhere(README, "docs/nowhere.md")
    assert not _leads_somewhere(README, "CONTRIBUTING.md#no-such-heading")
    assert _leads_somewhere(README, "CONTRIBUTING.md#build-and-test")


def test_no_file_names_a_folder_of_one_machine() -> None:
    found = {
        str(path.relative_to(PROJECT)): match[0]
        for path in TEXT_FILES
        if path != Path(__file__) and (match := OF_ONE_MACHINE.search(read(path)))
    }

    assert len(TEXT_FILES) > 50
    assert found == {}


def test_a_folder_of_one_machine_is_noticed() -> None:
    assert OF_ONE_MACHINE.search("see /home/ann/prices.csv")
    assert not OF_ONE_MACHINE.search("see ../home/prices.csv and src/work/x")


def _exists(name: str) -> bool:
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def _leads_somewhere(page: Path, target: str) -> bool:
    if re.match(r"[a-z]+:", target):
        return True
    file, _, anchor = target.partition("#")
    path = page.parent / file if file else page
    if not path.exists():
        return False
    return not anchor or anchor in {slug(text) for _, text in HEADING.findall(prose(path))}
