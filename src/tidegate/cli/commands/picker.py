"""``tidegate picker``: what the original A-share trainer left behind, for ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tidegate.cli.options import JsonOption
from tidegate.cli.terminal import Terminal, table
from tidegate.core.errors import InputError

if TYPE_CHECKING:
    from tidegate.train.original_configuration import OriginalConfiguration

__all__ = ["app", "configuration"]

app = typer.Typer(help="The A-share picker: import the original trainer's configuration.", no_args_is_help=True)

_ABSENT: Final = "–"


@app.callback()
def picker() -> None:
    """Import what the original A-share trainer was configured with."""


@app.command(
    "configuration",
    epilog="[bold]Examples[/bold]\n\ntidegate picker configuration auto_tuned.json\n\n"
    "tidegate picker configuration auto_tuned.json --replicate --output my-picker.yaml",
)
def configuration(
    file: Annotated[Path, typer.Argument(help="The original trainer's configuration, as JSON.")],
    replicate: Annotated[
        bool, typer.Option("--replicate", help="With the original's label and rule for the threshold.")
    ] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write a recipe there, as YAML.")] = None,
    json_output: JsonOption = False,
) -> None:
    """Tell of every key whether it is used, inert or unsupported; a missing one has the original's default."""
    from tidegate.core.files import write_text
    from tidegate.train.original_configuration import load_configuration

    terminal = Terminal(json_output=json_output)
    found = load_configuration(file, replicate=replicate)
    if output is not None:
        if output.exists() and not output.is_file():
            raise InputError(
                found=f"{output}, which is no file", expected="where a file can be written", hint="name a file"
            )
        write_text(output, found.text)
    shown = _tables(found, file)
    if output is not None:
        shown.append(f"written: {output}")
    terminal.emit({**found.as_dict(), "output": output and str(output)}, *shown)


def _tables(found: OriginalConfiguration, file: Path) -> list[Any]:
    rows = [
        (
            one.key,
            _ABSENT if one.given is None else json.dumps(one.given, ensure_ascii=False),
            "" if one.resolved == one.given else json.dumps(one.resolved, ensure_ascii=False),
            one.setting or _ABSENT,
            one.effect.value,
            one.why,
        )
        for one in found.settings
    ]
    columns = ("key", "given", "resolved", "our setting", "effect", "why")
    shown: list[Any] = [table(f"Configuration {file.name}", columns, rows, whole=("key",)), ""]
    if found.repeated:
        shown.append(f"twice or more in the file, the last counts: {', '.join(found.repeated)}")
    effects = type(found.settings[0].effect)
    shown.append(", ".join(f"{sum(one.effect is effect for one in found.settings)} {effect}" for effect in effects))
    return shown
