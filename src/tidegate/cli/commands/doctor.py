"""``tidegate doctor``: what is missing on this machine, and for a recipe."""

from __future__ import annotations

import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from tidegate.cli.hints import Typed
from tidegate.cli.options import JsonOption, WorkspaceOption
from tidegate.cli.recipe_checks import Finding, check_recipe, failed
from tidegate.cli.terminal import Terminal, table
from tidegate.core.environment import describe_environment, processor_count, read_variable
from tidegate.core.errors import TidegateError
from tidegate.core.recipe import Recipe, load_recipe
from tidegate.core.workspace import Workspace

__all__ = ["doctor"]

_NEEDED_DISK_GB: Final = 1.0
_STYLES: Final = {"ok": "green", "odd": "yellow", "missing": "red"}
_CLIENTS: Final = {
    "ccxt": "exchange",
    "tushare": "exchange",
    "feedparser": "feeds",
    "fredapi": "feeds",
    "httpx": "feeds",
}
"""Client libraries of sources, each with the extra that installs it."""
_TUSHARE: Final = "tushare"


def doctor(
    recipe: Annotated[str | None, typer.Argument(help="Also check what this recipe needs.")] = None,
    workspace: WorkspaceOption = Path("tidegate-workspace"),
    json_output: JsonOption = False,
) -> None:
    """Check installation, workspace and, given a recipe, all it needs. Exit 2 if something needed is missing."""
    terminal = Terminal(json_output=json_output)
    findings = [*_machine(workspace), _boosting(), *_sources(), _workspace(workspace)]
    if recipe is not None:
        findings += _recipe(recipe, workspace)
    rows = [(finding.check, Text(finding.state, style=_STYLES[finding.state]), finding.detail) for finding in findings]
    terminal.emit([finding.__dict__ for finding in findings], table("Doctor", ("check", "state", "detail"), rows))
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(2)


def _machine(workspace: Path) -> list[Finding]:
    packages = {name: version for name, version in describe_environment()["packages"].items() if _counts(name, version)}
    anchor = next(place for place in (workspace.resolve(), *workspace.resolve().parents) if place.exists())
    free = shutil.disk_usage(anchor).free / 1e9
    lost = [name for name, version in packages.items() if version == "absent"]
    return [
        Finding("python", "ok", platform.python_version()),
        Finding(
            "packages",
            "missing" if lost else "ok",
            ", ".join(lost or (f"{name} {version}" for name, version in packages.items())),
        ),
        Finding("processors", "ok", str(processor_count())),
        Finding("disk", "ok" if free > _NEEDED_DISK_GB else "missing", f"{free:.1f} GB free at {anchor}"),
    ]


def _counts(name: str, version: str) -> bool:
    """Whether a package is to be told of: XGBoost comes under either of two names, and one is enough."""
    other = {"xgboost": "xgboost-cpu", "xgboost-cpu": "xgboost"}.get(name)
    return version != "absent" or other is None or _version_of(other) is None


def _boosting() -> Finding:
    from tidegate.models import require_boosting

    try:
        require_boosting()
    except TidegateError as error:
        return failed("boosting", error)
    return Finding("boosting", "ok", "LightGBM loads")


def _sources() -> list[Finding]:
    """Return which clients of sources are installed and which keys are set; a machine without them is a whole one."""
    installed = {name: _version_of(name) for name in _CLIENTS}
    clients = [
        Finding(name, "ok", version or f'not installed; to ask that source: pip install "tidegate[{_CLIENTS[name]}]"')
        for name, version in installed.items()
    ]
    fred = "is set" if read_variable("FRED_API_KEY") else "is not set"
    return [*clients, _tushare_token(), Finding("FRED key", "ok", f"FRED_API_KEY {fred}")]


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _tushare_token(*, needed: bool = False) -> Finding:
    """Return whether Tushare's token is set and looks like one; whether it is valid, only the service knows."""
    from tidegate.data.connectors.tushare import TOKEN_VARIABLE, check_token

    fine, detail = check_token()
    absent = not (read_variable(TOKEN_VARIABLE) or "").strip()
    state = "ok" if fine or (absent and not needed) else "missing" if absent else "odd"
    return Finding("Tushare token", state, detail)


def _needed_sources(recipe: Recipe) -> list[Finding]:
    """Return what is missing to ask the sources that a recipe collects from."""
    asked = {step.connector for step in recipe.collect if not step.settings.get("path")}
    lacking = [name for name in _CLIENTS if name in asked and _version_of(name) is None]
    found = [Finding(name, "missing", f'run: pip install "tidegate[{_CLIENTS[name]}]"') for name in lacking]
    token = _tushare_token(needed=True)
    return [*found, token] if _TUSHARE in asked and token.state != "ok" else found


def _workspace(root: Path) -> Finding:
    try:
        opened = Workspace.open(root)
        if not opened.is_writable:
            return Finding("workspace", "ok", f"{opened.root}, read-only or full: nothing can be added")
        with opened.lock("doctor", wait_seconds=5.0):
            return Finding("workspace", "ok", str(opened.root))
    except TidegateError as error:
        return failed("workspace", error)


def _recipe(name: str, root: Path) -> list[Finding]:
    from tidegate.costs import resolve_recipe

    try:
        recipe = resolve_recipe(load_recipe(name))
        found = [Finding("recipe", "ok", f"{recipe.name}, fingerprint {recipe.fingerprint()[:12]}")]
        found += _needed_sources(recipe)
    except TidegateError as error:
        return [failed("recipe", error)]
    typed = Typed(str(root), name)
    try:
        return [*found, *check_recipe(recipe, Workspace.open(root), typed)]
    except TidegateError as error:
        return [*found, failed("data", error, typed)]
