"""Feature sets on disk: what was built is what is read, and a rebuild touches only what changed."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.errors import InputError, WorkspaceError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.recipe import Recipe
from tidegate.core.time import DAY
from tidegate.core.workspace import Workspace
from tidegate.data.tables import MOMENT
from tidegate.features import Feature, FeatureContract, Newest, build_features
from tidegate.features.store import BuiltFeatures, Origin, StoredFeatures, blocks, build_stored, find_stored
from tidegate.features.windows import rolling_mean
from tidegate.testing import synthetic_panel

ROWS, PER_BLOCK = 120, 20
RECIPE = Recipe.model_validate(
    {
        "name": "stored",
        "data": {"dataset": "made-up"},
        "split": {"first_test": "2016-01-01"},
        "models": {"ridge": {}},
        "strategy": {"scores": "ridge"},
        "costs": {"preset": "us-equity"},
    }
)
FUNDING = Newest(name="funding", table="funding", columns=(("funding_rate", "rate"),), maximum_age=3 * DAY)


def declared(name: str, lookback: int, column: str, **more: object) -> Feature:
    return Feature(
        name=name, group="price", requires=(column,), lookback_bars=lookback, description=name, unit="x",
        formula=lambda inputs: rolling_mean(inputs.column(column), lookback), **more,
    )  # fmt: skip


SMALL = FeatureContract(
    (
        declared("close_now", 1, "close"),
        declared("close_mean", 10, "close"),
        declared("volume_mean", 3, "volume"),
        declared("funding_mean", 2, "funding_rate", mask="funding_missing", neutral=0.0),
        Feature(
            name="funding_missing", group="quality", requires=("funding_rate",), lookback_bars=2, description="flag",
            unit="flag", formula=lambda inputs: 1.0 * np.isnan(rolling_mean(inputs.column("funding_rate"), 2)),
        ),
    ),
    (FUNDING,),
)  # fmt: skip


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_ROWS_PER_BLOCK", PER_BLOCK)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "workspace")


def market(seed: int = 3, rows: int = ROWS, symbols: int = 4) -> History:
    panel = synthetic_panel(seed, ROWS, symbols, gaps=0.05).rows(0, rows)
    return History(panel, {"funding": payments(panel)})


def payments(panel: Panel, changed: int | None = None) -> pl.DataFrame:
    """Return a rate at every second row, with one value changed."""
    at = panel.times[::2]
    rate = np.arange(len(at), dtype=np.float64)
    if changed is not None:
        rate[changed] += 0.5
    moments = pl.Series(at).cast(MOMENT)
    return pl.DataFrame({"symbol": panel.symbols[0], "event_time": moments, "known_time": moments, "rate": rate})


def build(workspace: Workspace, history: History, version: int, contract: FeatureContract = SMALL) -> BuiltFeatures:
    return build_stored(workspace, history, contract, Origin(recipe=RECIPE, versions={"bars/made-up": version}))


def require_equal(stored: StoredFeatures, history: History) -> None:
    np.testing.assert_array_equal(stored.values, build_features(history, SMALL).values)


def changed_close(history: History, row: int, place: int) -> History:
    close = history.bars["close"].copy()
    close[row, place] = 77.0
    return History(history.bars.with_columns({"close": close}), history.tables)


def test_what_is_stored_is_what_a_build_in_memory_says(workspace: Workspace) -> None:
    built = build(workspace, market(), 1)
    opened = StoredFeatures.open(built.stored.folder)

    require_equal(opened, market())
    assert (built.computed, built.kept) == (ROWS // PER_BLOCK, 0)
    assert isinstance(opened.values, np.memmap)
    assert not opened.values.flags.writeable
    assert opened.altered() == ()
    assert opened.folder.name == f"stored-{opened.lineage_id[:12]}"


def test_the_lineage_id_follows_from_the_content_alone(workspace: Workspace, tmp_path: Path) -> None:
    """Crypto 11.3: contract, data window, source versions and code; the time of building stands beside it."""
    first = build(workspace, market(), 1).stored
    again = build(Workspace.create(tmp_path / "other"), market(), 1).stored
    others = [
        build(workspace, market(), 2).stored,
        build(workspace, market(rows=ROWS - 1), 1).stored,
        build(workspace, market(), 1, FeatureContract(SMALL.features[:3])).stored,
    ]

    assert first.lineage_id == again.lineage_id
    assert len({first.lineage_id, *(one.lineage_id for one in others)}) == 4
    assert again.built_at >= first.built_at


def test_a_set_that_is_there_is_not_built_again(workspace: Workspace) -> None:
    build(workspace, market(), 1)
    again = build(workspace, market(), 1)

    assert (again.computed, again.kept) == (0, ROWS // PER_BLOCK)


def test_appended_bars_cost_the_last_block_only(workspace: Workspace) -> None:
    build(workspace, market(rows=ROWS - 5), 1)
    built = build(workspace, market(), 2)

    assert (built.computed, built.kept) == (1, ROWS // PER_BLOCK - 1)
    require_equal(built.stored, market())


@pytest.mark.parametrize(("row", "blocks_that_read_it"), [(24, 1), (38, 2), (ROWS - 1, 1)])
def test_a_restated_bar_costs_its_block_and_those_that_look_back_to_it(
    workspace: Workspace, row: int, blocks_that_read_it: int
) -> None:
    """The longest lookback of the close is 10 bars, read as the next power of two: row 40 reads from row 25 on."""
    build(workspace, market(), 1)
    restated = changed_close(market(), row, 2)
    built = build(workspace, restated, 2)

    assert built.computed == blocks_that_read_it
    require_equal(built.stored, restated)


def test_a_restated_row_of_a_slower_source_costs_the_blocks_that_saw_it(workspace: Workspace) -> None:
    history = market()
    build(workspace, history, 1)
    restated = History(history.bars, {"funding": payments(history.bars, changed=25)})  # at row 50, in force for two
    built = build(workspace, restated, 2)

    assert built.computed == 1
    require_equal(built.stored, restated)


def test_other_symbols_and_other_code_share_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from tidegate.features.store import build as building

    build(workspace, market(), 1)
    assert build(workspace, market(symbols=5), 2).kept == 0
    monkeypatch.setattr(building, "describe_environment", lambda: {"code": "another"})
    assert build(workspace, market(), 3).kept == 0


@given(seed=st.integers(0, 10**6), data=st.data())
@settings(max_examples=12)
def test_a_rebuild_equals_a_build_from_nothing(seed: int, data: st.DataObject) -> None:
    """After any appended bars, restated bars and restated rows, to the bit."""
    folder = Path(tempfile.mkdtemp())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_ROWS_PER_BLOCK", PER_BLOCK)
        workspace = Workspace.create(folder / "workspace")
        build(workspace, market(seed, rows=data.draw(st.integers(30, ROWS))), 1)
        later = market(seed, rows=data.draw(st.integers(30, ROWS)))
        count = len(later.bars.times)
        for row in data.draw(st.lists(st.integers(0, count - 1), max_size=2)):
            later = changed_close(later, row, row % 4)
        if data.draw(st.booleans()):
            changed = data.draw(st.integers(0, (count - 1) // 2))
            later = History(later.bars, {"funding": payments(later.bars, changed)})
        built = build(workspace, later, 2)

    require_equal(built.stored, later)
    shutil.rmtree(folder)


def test_an_interrupted_build_goes_on_after_its_last_finished_block(workspace: Workspace) -> None:
    with pytest.raises(KeyboardInterrupt):
        build_stored(
            workspace, market(), SMALL, Origin(recipe=RECIPE, versions={"bars/made-up": 1}), progress=InterruptedAt(4)
        )
    assert list(workspace.features_folder.glob("*/manifest.json")) == []
    (folder,) = workspace.features_folder.iterdir()
    with pytest.raises(InputError, match="no finished feature set"):
        StoredFeatures.open(folder)

    built = build(workspace, market(), 1)
    assert (built.computed, built.kept) == (2, 4)
    require_equal(built.stored, market())


class InterruptedAt:
    """A listener that presses Ctrl-C before a block."""

    def __init__(self, block: int) -> None:
        self.block = block

    def track(self, items: object, label: str, total: int | None = None) -> object:
        for number, item in enumerate(items):  # type: ignore[call-overload]
            if number == self.block:
                raise KeyboardInterrupt
            yield item

    def say(self, text: str) -> None:
        raise NotImplementedError


def test_what_nobody_goes_on_with_is_removed(workspace: Workspace) -> None:
    with pytest.raises(KeyboardInterrupt):
        build_stored(
            workspace, market(), SMALL, Origin(recipe=RECIPE, versions={"bars/made-up": 1}), progress=InterruptedAt(3)
        )
    built = build(workspace, market(), 2)

    assert built.kept == 3  # its blocks served
    assert list(workspace.features_folder.iterdir()) == [built.stored.folder]


def test_an_altered_block_is_noticed_and_never_taken_over(workspace: Workspace) -> None:
    first = build(workspace, market(rows=ROWS - 5), 1).stored
    spoil(first, row=30)

    assert [(block.start, block.stop) for block in first.altered()] == [(20, 40)]
    built = build(workspace, market(), 2)
    assert built.computed == 2
    require_equal(built.stored, market())


def spoil(stored: StoredFeatures, row: int) -> None:
    values = np.load(stored.folder / "values.npy", mmap_mode="r+")
    values[row, 1, 0] += 1.0
    values.flush()


def test_a_finished_set_with_altered_bytes_is_mended_block_by_block(workspace: Workspace) -> None:
    first = build(workspace, market(), 1).stored
    whole = (first.folder / "values.npy").read_bytes()
    spoil(first, row=30)
    assert first.altered() != ()

    again = build(workspace, market(), 1)

    assert (again.computed, again.kept, again.stored.altered()) == (1, ROWS // PER_BLOCK - 1, ())
    assert again.stored.folder == first.folder
    assert (first.folder / "values.npy").read_bytes() == whole
    assert build(workspace, market(), 1).computed == 0


@pytest.mark.parametrize(
    ("name", "left", "computed"),
    [
        ("values.npy", -1, 1),  # the last block
        ("values.npy", 300, 6),
        ("values.npy", 3, 6),  # not even a header
        ("times.npy", 20, 0),
        ("symbols.json", 5, 0),
        ("contract.json", 5, 0),
        ("manifest.json", 5, 0),
    ],
)
def test_a_truncated_file_of_a_finished_set_is_mended(
    workspace: Workspace, name: str, left: int, computed: int
) -> None:
    folder = build(workspace, market(), 1).stored.folder
    names = ("values.npy", "times.npy", "symbols.json", "contract.json")
    whole = {one: (folder / one).read_bytes() for one in names}
    (folder / name).write_bytes((folder / name).read_bytes()[:left])

    assert build(workspace, market(), 1).computed == computed
    assert {one: (folder / one).read_bytes() for one in names} == whole
    require_equal(StoredFeatures.open(folder), market())


def test_a_header_of_other_numbers_is_written_anew(workspace: Workspace) -> None:
    path = build(workspace, market(), 1).stored.folder / "values.npy"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"<f4", b"<i4", 1))

    assert build(workspace, market(), 1).computed == ROWS // PER_BLOCK
    assert path.read_bytes() == whole


def test_an_interrupt_while_mending_leaves_no_finished_set(workspace: Workspace) -> None:
    folder = build(workspace, market(), 1).stored.folder
    spoil(StoredFeatures.open(folder), row=110)
    with pytest.raises(KeyboardInterrupt):
        build_stored(
            workspace, market(), SMALL, Origin(recipe=RECIPE, versions={"bars/made-up": 1}), progress=InterruptedAt(3)
        )

    assert not (folder / "manifest.json").exists()
    assert build(workspace, market(), 1).computed == 1


@pytest.mark.parametrize("name", ["times.npy", "symbols.json", "values.npy", "manifest.json"])
def test_a_damaged_set_is_refused(workspace: Workspace, name: str) -> None:
    folder = build(workspace, market(), 1).stored.folder
    (folder / name).write_bytes(b"garbage")

    with pytest.raises(InputError, match="damaged feature set"):
        StoredFeatures.open(folder)


def test_missing_values_are_counted_by_group_where_there_is_a_bar(workspace: Workspace) -> None:
    """A neutral value beside a mask counts as missing (D-04, D-15)."""
    history = market()
    stored = build(workspace, history, 1).stored
    matrix, present = build_features(history, SMALL), ~np.isnan(history.bars["close"])
    expected = np.mean([np.isnan(matrix.column(name))[present].mean() for name in SMALL.names[:3]]) * 3 / 4
    expected += matrix.column("funding_missing")[present].mean() / 4

    assert stored.missing_by_group()["price"] == pytest.approx(expected)
    assert stored.missing_by_group()["quality"] == 0.0


def test_two_builds_of_one_recipe_do_not_mix(workspace: Workspace) -> None:
    with workspace.lock("features-stored"), pytest.raises(WorkspaceError, match="in use by another command"):
        build(workspace, market(), 1)


def test_sets_are_found_by_the_beginning_of_their_lineage(workspace: Workspace) -> None:
    stored = build(workspace, market(), 1).stored
    for identifier in (stored.lineage_id, stored.lineage_id[:6], stored.folder.name, stored.lineage_id[:30]):
        found = find_stored(workspace, identifier)
        assert found is not None
        assert found.lineage_id == stored.lineage_id
    assert find_stored(workspace, "train-small") is None
    with pytest.raises(InputError, match="at least 6 characters"):
        find_stored(workspace, stored.lineage_id[:3])
