"""``tidegate ingest CONNECTOR``: one command per connector, made from its settings when it is asked for.

Options, their help and their defaults are the settings' own, so that command line, recipe and Python say the same.
"""

from __future__ import annotations

import inspect
import re
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer
from typer.core import TyperGroup

from tidegate.cli.options import JsonOption, WorkspaceOption, open_workspace
from tidegate.cli.revisions import CorrectOption, KnownAtOption, ReasonOption, read_revision
from tidegate.cli.terminal import Terminal, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic.fields import FieldInfo

    from tidegate.data.connectors import Collected

__all__ = ["SourceGroup", "show_collected"]

_OWN_COMMANDS = ("ohlcv",)
"""Connectors whose command is written by hand."""


class SourceGroup(TyperGroup):
    """Lists every connector, and imports one only when its command is run or explained."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all connectors."""
        from tidegate.data.connectors import CONNECTORS

        return [*super().list_commands(ctx), *(name for name in CONNECTORS if name not in _OWN_COMMANDS)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of a connector, made now."""
        from tidegate.data.connectors import CONNECTORS

        if cmd_name in _OWN_COMMANDS or cmd_name not in CONNECTORS:
            return super().get_command(ctx, cmd_name)
        made = typer.Typer(add_completion=False, rich_markup_mode="rich")
        made.command(cmd_name)(_command(cmd_name))
        return typer.main.get_command(made)


def _command(name: str) -> Callable[..., None]:
    """Return a function whose signature is the connector's settings."""
    from tidegate.data.connectors import connector_settings

    settings = connector_settings(name)

    def ingest(**given: Any) -> None:
        workspace, json_output, resume = given.pop("workspace"), given.pop("json_output"), given.pop("resume")
        revision = read_revision(given.pop("known_at"), given.pop("correct"), given.pop("reason"))
        _run(name, {key: value for key, value in given.items() if value not in (None, [])}, workspace, json_output,
             resume=resume, revision=revision)  # fmt: skip

    parameters = [_parameter(key, field) for key, field in settings.model_fields.items()]
    shared = {
        "known_at": (KnownAtOption, None),
        "correct": (CorrectOption, False),
        "reason": (ReasonOption, None),
        "resume": (
            Annotated[bool, typer.Option("--resume/--no-resume", help="Leave out what is finished for good.")], True
        ),
        "workspace": (WorkspaceOption, Path("tidegate-workspace")),
        "json_output": (JsonOption, False),
    }  # fmt: skip
    parameters += [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for key, (annotation, default) in shared.items()
    ]
    ingest.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    ingest.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    # What follows the headings of a docstring is for readers of Python.
    ingest.__doc__ = re.split(r"\n\n\w+\n-+\n", inspect.getdoc(settings) or "")[0]
    return ingest


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    """Return the option of a setting; text is read by the settings themselves, so that they explain what is wrong."""
    is_flag = field.annotation is bool
    kind: Any = bool if is_flag else list[str] if _is_list(field) else str
    about = (field.description or "").replace("``", "").strip()
    default = _default_in_words(field)
    if name == "path":
        option: Any = typer.Argument(help=about, show_default=False)
    else:
        names = f"--{name.replace('_', '-')}"
        option = typer.Option(
            f"{names}/--no-{names[2:]}" if is_flag else names,
            help=about
            + (" A,B,C, or repeated." if _is_list(field) else "")
            + (f" Default: {default}." if default else ""),
            show_default=False,
            metavar=_choices(field.annotation) or None,
        )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _default_in_words(field: FieldInfo) -> str:
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if isinstance(default, Enum):
        return str(default.value)
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return "" if default is None else str(default)


def _choices(annotation: Any) -> str:
    """Return what a setting takes if that can be listed, as ``spot|futures-um``."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "|".join(str(choice.value) for choice in annotation)
    if get_origin(annotation) is Literal:
        return "|".join(str(choice) for choice in get_args(annotation))
    listed = (found for part in get_args(annotation) if (found := _choices(part)))
    return "" if str(annotation).startswith("tuple") else next(listed, "")


def _is_list(field: FieldInfo) -> bool:
    annotation = str(field.annotation)
    return annotation.startswith("tuple") or any(str(part).startswith("tuple") for part in get_args(field.annotation))


def _run(name: str, given: dict[str, Any], workspace: Path, json_output: bool, *, resume: bool, revision: Any) -> None:
    from tidegate.data.connectors import collect_from, connector_settings, make_connector

    fields = connector_settings(name).model_fields
    settings = {
        key: [part.strip() for one in value for part in one.split(",") if part.strip()]
        if _is_list(fields[key])
        else value
        for key, value in given.items()
    }
    terminal = Terminal(json_output=json_output)
    opened = open_workspace(workspace, f"ingest {name}")
    connector = make_connector(name, settings)
    collected = collect_from(opened, connector, progress=terminal, resume=resume, revision=revision)
    terminal.emit(collected.as_dict(), *show_collected(collected))
    if not collected.complete:
        raise typer.Exit(2)


def show_collected(collected: Collected) -> list[Any]:
    """Return what a run of a connector did, as tables."""
    rows = [
        (
            one.member,
            str(one.status),
            f"{one.rows:,}",
            f"{one.appended + one.revised:,}",
            f"{one.identical:,}",
            ", ".join(f"{count:,} {why}" for why, count in one.rejected.items()) or "none",
            f"{one.requests:,}" + (f" ({one.retries} repeated)" if one.retries else ""),
        )
        for one in collected.members
    ]
    heads = ("member", "status", "rows", "new", "already there", "rejected", "requests")
    shown: list[Any] = [table(f"{collected.connector} to {collected.dataset}", heads, rows)]
    shown += [f"{one.member}: {one.error}" for one in collected.failed]
    shown += [f"note: {warning}" for warning in collected.warnings]
    if collected.quarantine is not None:
        shown.append(f"rejected rows: {collected.quarantine}")
    return shown
