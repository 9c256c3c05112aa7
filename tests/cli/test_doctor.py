"""What ``tidegate doctor`` says of clients and keys; everything else is tested where it is used."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from command import Done
from tidegate.core.time import DAY, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.testing import synthetic_bars, synthetic_panel

Tidegate = Callable[..., Done]

TOKEN = "0123456789abcdef" * 3 + "01234567"
CLIENTS = ("ccxt", "tushare", "feedparser", "fredapi", "httpx")


def findings(done: Done) -> dict[str, dict[str, str]]:
    return {finding["check"]: finding for finding in json.loads(done.out)}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the bars of the recipe."""
    workspace = Workspace.create(tmp_path_factory.mktemp("filled") / "workspace")
    midnights = parse_instant("2015-01-01") + np.arange(1, 701) * DAY
    bars = synthetic_bars(synthetic_panel(3, 700, 6, times=midnights), dataset="made-up")
    Catalog(workspace).append("bars", bars)
    return workspace.root


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TUSHARE_TOKEN", "FRED_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name in CLIENTS:
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)


def test_a_machine_without_clients_and_keys_is_whole(tidegate: Tidegate, filled: Path, nothing_installed: None) -> None:
    done = tidegate("doctor", "--workspace", filled, "--json")

    found = findings(done)
    assert done.exit_code == 0
    assert {found[name]["state"] for name in CLIENTS} == {"ok"}
    assert 'pip install "tidegate[exchange]"' in found["tushare"]["detail"]
    assert 'pip install "tidegate[feeds]"' in found["httpx"]["detail"]
    assert (found["Tushare token"]["state"], found["FRED key"]["state"]) == ("ok", "ok")
    assert "not set" in found["Tushare token"]["detail"]


def test_clients_show_their_version(tidegate: Tidegate, filled: Path) -> None:
    found = findings(tidegate("doctor", "--workspace", filled, "--json"))

    assert {name: found[name]["detail"] for name in CLIENTS} == {name: metadata.version(name) for name in CLIENTS}


@pytest.mark.parametrize(("token", "state"), [(TOKEN, "ok"), ("short", "odd")])
def test_a_token_is_looked_at_and_never_shown(
    tidegate: Tidegate, filled: Path, monkeypatch: pytest.MonkeyPatch, token: str, state: str
) -> None:
    monkeypatch.setenv("TUSHARE_TOKEN", token)

    done = tidegate("doctor", "--workspace", filled, "--json")

    assert done.exit_code == 0
    assert findings(done)["Tushare token"]["state"] == state
    assert TOKEN not in done.out


@pytest.mark.parametrize(
    ("settings", "missing"), [("", {"tushare", "Tushare token"}), ("    settings: {path: files}\n", set())]
)
def test_what_a_recipe_asks_for_must_be_there(
    tidegate: Tidegate, filled: Path, recipe: Path, tmp_path: Path, nothing_installed: None, settings: str,
    missing: set[str],
) -> None:  # fmt: skip
    """Files of a source need neither its client nor its key."""
    asking = tmp_path / "asking.yaml"
    asking.write_text(f"{recipe.read_text()}collect:\n  - connector: tushare\n{settings}")

    done = tidegate("doctor", asking, "--workspace", filled, "--json")

    lacking = [one["check"] for one in json.loads(done.out) if one["state"] == "missing"]
    assert set(lacking) == missing
    assert done.exit_code == (2 if missing else 0)
