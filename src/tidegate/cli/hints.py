"""What to do next, in words that can be pasted: the workspace and the recipe as the user typed them."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from typer.exceptions import TyperException

from tidegate.core.config import in_words
from tidegate.core.errors import InputError, TidegateError
from tidegate.core.recipe import load_recipe

__all__ = ["Typed", "as_input_error", "callable_as", "next_line", "next_step", "program"]

_COMMAND: Final = re.compile(r"(?<![/\w])tidegate [a-z][^;]*$")
"""A hint that names a command ends with it."""
_FIRST_BARS: Final = "tidegate ingest ohlcv FILE"
_CHOICES: Final = re.compile(r"'(?P<given>.*)' is not one of (?P<known>.+?)\.?$", re.DOTALL)
_OPTIONS: Final = re.compile(r"No such option: (?P<given>\S+)(?: \(Possible options: (?P<near>[^,)]+).*)?$")
_OF_A_RECIPE: Final = (
    *(
        ("train",),
        ("tune",),
        ("experiment",),
        ("pick",),
        ("backtest",),
        ("doctor",),
        ("collect",),
        ("audit", "readiness"),
        ("audit", "parity"),
    ),
    *(("features", "build"), ("features", "show")),
)
"""Commands whose next word is a recipe."""
_WITH_RECIPE: Final = re.compile(
    r"^(tidegate (?:train|tune|experiment|pick|backtest|collect|audit readiness|features (?:build|show))) \S+"
)
_WITH_VALUE: Final = {
    "--workspace",
    "-w",
    "--threads",
    "--scores-of",
    "--mode",
    "--as-of",
    "--run",
    "--top",
    "--stale-after",
    "--stocks",
    "--trials",
    "--minutes",
    "--model",
    "--without",
    "--seeds",
    "--protocol",
    "--folds",
    "--language",
    "-l",
    "--colours",
}


@dataclass(frozen=True)
class Typed:
    """What the user typed that a next command needs again.

    Examples
    --------
    >>> Typed.of(["train", "--threads", "2", "my.yaml", "-w", "here"])
    Typed(workspace='here', recipe='my.yaml')
    >>> Typed.of(["audit", "readiness", "--mode", "production", "my.yaml"]).recipe
    'my.yaml'
    """

    workspace: str | None = None
    recipe: str | None = None

    @classmethod
    def of(cls, arguments: Sequence[str]) -> Typed:
        """Read it from a command line, which need not be a right one."""
        workspace, words = None, []
        for before, word in zip(["", *arguments], arguments, strict=False):
            name, _, value = word.partition("=")
            if before in {"--workspace", "-w"}:
                workspace = word
            elif name == "--workspace" and value:
                workspace = value
            elif before not in _WITH_VALUE and not word.startswith("-"):
                words.append(word)
        reads_recipe = next((len(verb) for verb in _OF_A_RECIPE if tuple(words[: len(verb)]) == verb), None)
        return cls(workspace, words[reads_recipe] if reads_recipe and len(words) > reads_recipe else None)

    def complete(self, command: str) -> str:
        """Return a command with the recipe and the workspace in it.

        Examples
        --------
        >>> Typed("my place", "../mine.yaml").complete("tidegate train mine")
        "tidegate train ../mine.yaml --workspace 'my place'"
        """
        if command.endswith("--help"):
            return command
        if self.recipe is not None:
            recipe = shlex.quote(self.recipe)
            command = _WITH_RECIPE.sub(lambda found: f"{found[1]} {recipe}", command)
        if self.workspace is None or "--workspace" in command:
            return command
        return f"{command} --workspace {shlex.quote(self.workspace)}"


def next_step(error: TidegateError, typed: Typed) -> str:
    """Return an error's hint, its command completed with what was typed, and the preset of a known data set named."""
    found = _COMMAND.search(error.hint)
    if found is None:
        return error.hint
    if found[0].startswith(_FIRST_BARS) and typed.recipe is not None:
        return _how_to_bring_bars(typed)
    return error.hint[: found.start()] + callable_as(typed.complete(found[0]))


def callable_as(command: str) -> str:
    """Return a ``tidegate ...`` command as this shell finds it: an environment need not be on the path."""
    return program() + command.removeprefix("tidegate")


def program() -> str:
    """Return what calls this program: its name, or else the path of the script beside the interpreter."""
    if shutil.which("tidegate"):
        return "tidegate"
    beside = Path(sys.executable).with_name("tidegate")
    if not beside.exists():
        return "python -m tidegate"
    return shlex.quote(str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside))


def next_line(command: str, workspace: Path) -> str:
    """Return the line with which a command ends: what to type next.

    Examples
    --------
    >>> next_line("tidegate runs", Path("here")).endswith("tidegate runs --workspace here")
    True
    """
    return f"next: {callable_as(Typed(str(workspace)).complete(command))}"


def as_input_error(error: TyperException, arguments: Sequence[str]) -> InputError:
    """Return what was wrong with a command line in our three parts."""
    message = error.format_message() or "no command"
    context = getattr(error, "ctx", None)
    help_line = f"{context.command_path if context else 'tidegate'} --help"
    parameter = getattr(error, "param", None)
    cause = error.__cause__
    if parameter is None or not isinstance(cause, ValidationError):
        return _wrong_words(message, help_line)
    option = next((name for name in parameter.opts if name in arguments), parameter.opts[0])
    mistake = cause.errors()[0]
    choices = _CHOICES.search(mistake["msg"])
    if choices is None:
        return InputError(
            found=f"{option} {mistake['input']}", expected=in_words(mistake, option)[0], hint=f"see: {help_line}"
        )
    known = re.findall(r"'([^']*)'", choices["known"])
    return InputError(
        found=f"{option} {choices['given']}",
        expected=f"one of {', '.join(known)}",
        hint=_did_you_mean(get_close_matches(choices["given"], known, n=1)) + help_line,
    )


def _wrong_words(message: str, help_line: str) -> InputError:
    """Return what is wrong with the names of a command line rather than with a value."""
    unknown = _OPTIONS.search(message)
    if unknown:
        return InputError(
            found=f"no option {unknown['given']}",
            expected=f"an option of {help_line.removesuffix(' --help')}",
            hint=_did_you_mean([unknown["near"]] if unknown["near"] else []) + help_line,
        )
    problem, _, near = message.rstrip(".?").partition(". Did you mean ")
    return InputError(
        found=problem,
        expected="a command line as its help describes it",
        hint=_did_you_mean([near.strip("'")] if near else []) + help_line,
    )


def _did_you_mean(near: Sequence[str]) -> str:
    return f"did you mean {near[0]}? See: " if near else "see: "


def _how_to_bring_bars(typed: Typed) -> str:
    from tidegate.data import PRESETS

    wanted = load_recipe(str(typed.recipe)).data.dataset
    preset = next((name for name, settings in PRESETS.items() if settings["dataset"] == wanted), None)
    if preset == "demo":
        bars = callable_as(typed.complete("tidegate ingest ohlcv --preset demo"))
        return f"the whole path: {callable_as('tidegate demo')}; its data alone: {bars}"
    source = f"--preset {preset}" if preset else f"--dataset {wanted} ..."
    return f"run: {callable_as(typed.complete(f'{_FIRST_BARS} {source}'))}"
