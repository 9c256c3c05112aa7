"""``tidegate lineage``: stored features recomputed from raw data at the same instants (crypto 11.3, 11.4, D-25)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import small_market

from audited import train
from command import assert_refused
from tidegate.audit.lineage import LINEAGE_CHECK, check_lineage
from tidegate.audit.snapshots import compare_snapshots, sampled_rows
from tidegate.core.evidence import Verdict
from tidegate.core.files import read_json, write_json
from tidegate.core.recipe import load_recipe
from tidegate.core.time import DAY
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog, Revision
from tidegate.features.store import StoredFeatures, build_recipe_features
from tidegate.registry import RunStore
from tidegate.testing import synthetic_bars


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A workspace with a feature set, and its lineage id; tests copy it."""
    root, recipe = small_market.stock(tmp_path_factory.mktemp("lineage"))
    workspace = Workspace.open(root)
    stored = build_recipe_features(workspace, load_recipe(recipe))[1].stored
    workspace.database.dispose()
    return root, stored.lineage_id


@pytest.fixture
def own(built: tuple[Path, str], tmp_path: Path) -> tuple[Path, str]:
    return Path(shutil.copytree(built[0], tmp_path / "workspace")), built[1]


def spoil(root: Path, row: int, place: int = 2, feature: int = 3) -> None:
    (folder,) = (root / "features").iterdir()
    values = np.load(folder / "values.npy", mmap_mode="r+")
    values[row, place, feature] += 0.25
    values.flush()


def trusting(root: Path) -> None:
    """Let a set's own fingerprints say that what is there now is what was written."""
    from tidegate.features.store.blocks import _digest

    (folder,) = (root / "features").iterdir()
    manifest = read_json(folder / "manifest.json")
    values = _digest(np.load(folder / "values.npy"))
    write_json(folder / "manifest.json", {**manifest, "blocks": [{**manifest["blocks"][0], "values": values}]})


def test_a_set_that_follows_from_its_data_passes(tidegate: Any, own: tuple[Path, str]) -> None:
    root, lineage = own
    found = tidegate("lineage", lineage[:8], "--instants", "5", "--json", "--workspace", root).checked().document

    assert (found["passed"], found["reason"]) == (True, "ok")
    assert (found["instants"], found["snapshots"]) == (5, 30)
    assert found["maximum_difference"] == 0.0
    recorded = RunStore(Workspace.open(root)).latest_evidence(LINEAGE_CHECK, lineage)
    assert recorded is not None
    assert recorded.verdict is Verdict.PASSED


def test_a_value_that_was_tampered_with_is_found(tidegate: Any, own: tuple[Path, str]) -> None:
    """The guarded thing, broken: at an instant that is looked at, with the set's own fingerprint made to fit."""
    root, lineage = own
    spoil(root, row=-1)
    trusting(root)
    done = tidegate("lineage", lineage, "--instants", "3", "--json", "--workspace", root)

    assert done.exit_code == 3
    found = done.document
    stored = StoredFeatures.open(next((root / "features").iterdir()))
    (mismatch,) = found["mismatches"]
    assert (found["reason"], found["mismatched_keys"]) == ("payload_mismatch", 1)
    assert (mismatch["key"], mismatch["symbol"]) == (stored.contract.names[3], stored.symbols[2])
    assert found["maximum_difference"] == pytest.approx(0.25)
    assert tidegate("lineage", lineage, "--tolerance", "0.5", "--workspace", root).exit_code == 0
    assert tidegate("lineage", lineage, "--symbol", stored.symbols[1], "--workspace", root).exit_code == 0
    said = tidegate("lineage", lineage, "--symbol", stored.symbols[2], "--workspace", root)
    assert said.exit_code == 3
    assert mismatch["key"] in said.out


def test_a_value_that_no_sampled_instant_looks_at_is_found_by_its_fingerprint(
    tidegate: Any, own: tuple[Path, str]
) -> None:
    root, lineage = own
    row = next(row for row in range(300, 700) if row not in sampled_rows(700, 3, 7, LINEAGE_CHECK, lineage))
    spoil(root, row=row)
    done = tidegate("lineage", lineage, "--instants", "3", "--json", "--workspace", root)

    assert done.exit_code == 3
    assert done.document["mismatched_keys"] == 0
    assert len(done.document["altered"]) == 1


def test_what_became_known_later_changes_nothing(own: tuple[Path, str]) -> None:
    """The tables are read at their versions and as of each instant: neither a revision nor a correction leaks in."""
    root, lineage = own
    workspace = Workspace.open(root)
    rows = synthetic_bars(small_market.panel(), dataset="made-up").with_columns(pl.col("close") * 1.5)
    last = rows.filter(pl.col("event_time") == pl.col("event_time").max())
    revised = last.with_columns(pl.col("known_time") + pl.duration(microseconds=DAY))
    Catalog(workspace).append("bars", revised)
    Catalog(workspace).append("bars", last, revision=Revision(correction_reason="wrong by half"))

    assert check_lineage(workspace, lineage, instants=3).reason == "ok"


def test_an_online_row_that_differs_is_found(own: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from tidegate.audit import lineage as checking

    honest = checking.features_at
    monkeypatch.setattr(checking, "features_at", lambda *given: np.nextafter(honest(*given), np.float32(9)))
    found = check_lineage(Workspace.open(own[0]), own[1], instants=2)

    assert found.reason == "payload_mismatch"
    assert len(found.comparison.mismatches) == 20
    assert found.comparison.mismatched_keys > 20


def test_two_instants_of_one_lineage_are_never_compared_with_each_other() -> None:
    """D-25: consecutive snapshots differ with good reason; only two sides of one instant are compared."""
    early, late = np.ones((2, 3), dtype=np.float32), np.full((2, 3), 5, dtype=np.float32)

    found = compare_snapshots([(1, early, early), (2, late, late)], list("abc"), list("XY"))
    assert (found.reason, found.snapshots) == ("ok", 4)


@pytest.mark.parametrize(("kept", "recomputed"), [(1.0, np.nan), (np.nan, 1.0)])
def test_a_value_that_is_missing_on_one_side_differs_at_any_tolerance(kept: float, recomputed: float) -> None:
    sides = [np.full((2, 1), value, dtype=np.float32) for value in (kept, recomputed)]

    found = compare_snapshots([(1, sides[0], sides[1])], ["a"], ["X", "Y"], tolerance=1.0)
    assert found.reason == "payload_mismatch"


def test_too_little_to_compare_is_not_passed(tidegate: Any, own: tuple[Path, str]) -> None:
    """Crypto 11.4: fewer than two snapshots prove nothing."""
    root, lineage = own
    done = tidegate("lineage", lineage, "--instants", "1", "--symbol", "S0001", "--json", "--workspace", root)

    assert done.exit_code == 3
    assert done.document["reason"] == "insufficient_snapshots"
    nothing = np.full((2, 1), np.nan, dtype=np.float32)
    assert compare_snapshots([(1, nothing, nothing)], ["a"], ["X", "Y"]).reason == "insufficient_snapshots"


def test_a_training_run_is_rebuilt_and_checked(tidegate: Any, tmp_path: Path) -> None:
    root, recipe = small_market.stock(tmp_path)
    workspace = Workspace.open(root)
    run = train(workspace, load_recipe(recipe))
    found = tidegate("lineage", run.id, "--instants", "3", "--json", "--workspace", root).checked().document

    assert (found["subject"], found["reason"], found["altered"]) == (run.id, "ok", [])


def test_what_is_not_there_is_refused(tidegate: Any, own: tuple[Path, str], json_output: bool) -> None:
    root, lineage = own
    flags = ["--json"] if json_output else []
    refused = tidegate("lineage", "0123456789ab", "--workspace", root, *flags)
    assert "no run" in assert_refused(refused, json_output=json_output)["found"]
    refused = tidegate("lineage", "", "--workspace", root, *flags)
    assert assert_refused(refused, json_output=json_output)["found"] == "an empty id"
    refused = tidegate("lineage", lineage, "--symbol", "NONE", "--workspace", root, *flags)
    assert "no symbol 'NONE'" in assert_refused(refused, json_output=json_output)["found"]
