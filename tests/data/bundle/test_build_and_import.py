"""What is bundled is what is imported: every vintage, as known then, and nothing beside it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import polars as pl
import pytest
from forgery import BUILT, LATER, at, bars_of, everything, known, members_of, rows_of, stock
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.clock import frozen_clock
from tidegate.core.errors import CatalogError, DataError, InputError, WorkspaceError
from tidegate.core.recipe import Recipe
from tidegate.core.time import Window, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.bundle import Bundle, build_bundle, contents, import_bundle, parquet
from tidegate.data.bundle.archive import write_archive

ALL = [
    "bars/d/1d.parquet",
    "bars/d/1h.parquet",
    "events/d.parquet",
    "macro/d.parquet",
    "symbol_lives/d.parquet",
]


def files(bundle: Bundle) -> dict[str, int]:
    return {file.file: file.rows for file in bundle.manifest.files}


def member(path: Path, name: str, folder: Path) -> pl.DataFrame:
    (folder / "member.parquet").write_bytes(members_of(path)[name])
    return pl.read_parquet(folder / "member.parquet")


def test_every_vintage_survives_the_journey(stocked: Workspace, bundle: Path, workspace: Workspace) -> None:
    done = import_bundle(workspace, bundle)

    theirs, ours = everything(stocked), everything(workspace)
    assert theirs.keys() == ours.keys()
    assert all(theirs[name].equals(ours[name]) for name in theirs)
    assert done.appended == done.manifest.rows == sum(rows.height for rows in theirs.values())
    for day in ("01-10", "01-20", "02-20", "03-20"):
        read = [
            Catalog(one).read(table, dataset="d", as_of=known(day)).drop("recorded_time").collect()
            for one in (stocked, workspace)
            for table in ("bars", "macro", "events")
        ]
        assert all(left.equals(right) for left, right in zip(read[:3], read[3:], strict=True))


def test_an_import_repeated_appends_nothing(bundle: Path, workspace: Workspace) -> None:
    import_bundle(workspace, bundle)
    versions = {table: Catalog(workspace).version(table) for table in ("bars", "macro")}

    again = import_bundle(workspace, bundle)

    assert (again.appended, again.identical) == (0, again.manifest.rows)
    assert {table: Catalog(workspace).version(table) for table in versions} == versions


def test_the_same_catalog_gives_the_same_bytes_at_any_time(stocked: Workspace, bundle: Path, tmp_path: Path) -> None:
    with frozen_clock(BUILT):
        later = build_bundle(stocked, tmp_path / "all.tar")

    assert later.path.read_bytes() == bundle.read_bytes()
    assert later.side_file.read_text() == bundle.with_name("all.tar.sha256").read_text()


def test_the_same_rows_have_the_same_id_wherever_they_are(bundle: Path, workspace: Workspace, tmp_path: Path) -> None:
    imported = import_bundle(workspace, bundle)
    second = build_bundle(workspace, tmp_path / "second.tar")

    assert second.manifest.id == imported.manifest.id
    assert {name: content for name, content in members_of(second.path).items() if name in ALL} == {
        name: content for name, content in members_of(bundle).items() if name in ALL
    }


def test_the_manifest_comes_first_and_tells_it_all(stocked: Workspace, tmp_path: Path) -> None:
    window = Window(start=known("01-02"), end=known("03-01"))
    built = build_bundle(stocked, tmp_path / "x.tar", window=window, as_of=known("05-01"), symbols=["B", "A", "A"])

    assert next(iter(members_of(built.path))) == "bundle_manifest.json"
    manifest = built.as_dict()["manifest"]
    assert manifest["type"] == "tidegate_bundle_v1"
    assert manifest["scope"] == {
        "start": "2024-01-02",
        "end": "2024-03-01",
        "as_of": "2024-05-01",
        "symbols": ["A", "B"],
    }
    assert manifest["sources"] == {"bars/d": 4, "events/d": 0, "macro/d": 0, "symbol_lives/d": 0}
    assert manifest["recorded_until"].startswith("2024-06-01T00:00:00.00000")  # the correction was the last
    assert [entry["file"] for entry in manifest["files"]] == ALL


def test_the_side_file_is_one_that_sha256sum_reads(bundle: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("no sha256sum on this machine")
    subprocess.run(["sha256sum", "--check", "--strict", "all.tar.sha256"], cwd=bundle.parent, check=True)


def test_a_corrected_value_is_bundled_as_corrected(bundle: Path, tmp_path: Path) -> None:
    bars = member(bundle, "bars/d/1h.parquet", tmp_path)
    corrected = bars.filter(pl.col("symbol") == "B", pl.col("event_time") == at("01-03T01"))

    assert corrected["close"].to_list() == [3.3]
    assert "recorded_time" not in bars.columns


def test_rows_are_recorded_when_they_are_imported(bundle: Path, workspace: Workspace) -> None:
    with frozen_clock(BUILT):
        import_bundle(workspace, bundle)

    rows = Catalog(workspace).revisions("bars", dataset="d", as_of=BUILT).collect()
    assert rows["recorded_time"].dt.epoch("us").min() == BUILT
    assert rows["known_time"].min() == at("01-02")


def test_a_window_keeps_what_still_holds_in_it(stocked: Workspace, tmp_path: Path) -> None:
    """What a reader of the window would see in the whole catalog is seen in the bundle."""
    window = Window(start=known("01-02T02"), end=known("02-01"))
    built = build_bundle(stocked, tmp_path / "x.tar", window=window)

    bars = member(built.path, "bars/d/1h.parquet", tmp_path)
    assert (bars["event_time"].min(), bars["event_time"].max()) == (at("01-03T01"), at("01-04T01"))
    # the inflation of the month before the window, with all its vintages, and the listing
    assert member(built.path, "macro/d.parquet", tmp_path)["value"].to_list() == [3.1, 3.2, 3.1, 3.4]
    lives = member(built.path, "symbol_lives/d.parquet", tmp_path)
    assert lives["change"].to_list() == ["listed", "delisted"]  # of May, announced in January
    assert member(built.path, "events/d.parquet", tmp_path)["event_id"].to_list() == ["e1", "e2"]


def test_as_of_cuts_what_was_not_known(stocked: Workspace, tmp_path: Path) -> None:
    built = build_bundle(stocked, tmp_path / "x.tar", as_of=known("01-10"))

    assert files(built) == {
        "bars/d/1d.parquet": 2,
        "bars/d/1h.parquet": 8,
        "events/d.parquet": 2,
        "symbol_lives/d.parquet": 2,
    }
    assert built.empty == ("macro/d",)


def test_tables_and_data_sets_and_symbols_are_chosen(stocked: Workspace, tmp_path: Path) -> None:
    bars = build_bundle(stocked, tmp_path / "x.tar", tables=["bars"], datasets=["d"], symbols=["B"])

    assert files(bars) == {"bars/d/1h.parquet": 4}
    assert bars.empty == ("bars/d/1d",)  # B has no daily bars
    assert files(build_bundle(stocked, tmp_path / "y.tar", symbols=["B"]))["events/d.parquet"] == 3


def test_an_empty_stretch_between_is_no_trouble(workspace: Workspace, tmp_path: Path) -> None:
    with frozen_clock(LATER):
        Catalog(workspace).append("bars", bars_of("A", {"01-02T01": 1.0, "05-02T01": 2.0}))
    assert files(build_bundle(workspace, tmp_path / "x.tar")) == {"bars/d/1h.parquet": 2}


def test_many_groups_are_one_file(
    stocked: Workspace, bundle: Path, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group is what is held in memory; here each holds at most two rows."""
    monkeypatch.setattr(contents, "GROUP_ROWS", 4)
    monkeypatch.setattr(parquet, "GROUP_ROWS", 2)
    built = build_bundle(stocked, tmp_path / "x.tar")
    done = import_bundle(workspace, built.path)

    assert built.manifest.rows == import_bundle(workspace, built.path).identical == done.appended
    assert Catalog(workspace).version("bars") > 3
    assert all(everything(stocked)[name].equals(rows) for name, rows in everything(workspace).items())
    monkeypatch.undo()
    assert (
        build_bundle(workspace, tmp_path / "y.tar").manifest.id == build_bundle(stocked, tmp_path / "z.tar").manifest.id
    )


def test_long_text_makes_short_groups(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_GROUP_TEXT_BYTES", 4096)
    posts = [
        {"post_id": f"p{number}", "event_time": at("01-02"), "text": "x" * 1000, "platform": "test"}
        for number in range(20)
    ]
    with frozen_clock(LATER):
        Catalog(workspace).append("posts", rows_of("posts", *posts))
    built = build_bundle(workspace, tmp_path / "x.tar")

    again = Workspace.create(tmp_path / "again")
    import_bundle(again, built.path)
    assert len(Catalog(again).history("posts")) == 5


def recipe(**data: object) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "small",
            "data": {"dataset": "d", "interval": "1h", **data},
            "universe": {"symbols": ["A", "C"], "benchmark": "B"},
            "split": {"first_test": "2024-01-01"},
            "models": {"ridge": {}},
            "strategy": {"scores": "ridge"},
            "costs": {"preset": "free"},
        }
    )


def test_a_recipe_is_bundled_with_what_it_reads(stocked: Workspace, tmp_path: Path) -> None:
    """What it reads and is not there is said, never left out in silence."""
    own = recipe(uses={"macro": "d", "funding": "paid"}, start="2024-01-03", end="2024-01-03")
    built = build_bundle(stocked, tmp_path / "x.tar", recipe=own)

    assert files(built) == {
        "bars/d/1h.parquet": 2,
        "macro/d.parquet": 3,
        "symbol_lives/d.parquet": 2,
    }
    assert built.empty == ("funding/paid", "symbol C", "bars/d/1d")
    assert built.manifest.recipe == "small"
    assert built.manifest.scope.symbols == ("A", "B", "C")
    with pytest.raises(InputError, match="a recipe together with"):
        build_bundle(stocked, tmp_path / "x.tar", recipe=own, tables=["bars"])


def test_a_recipe_without_bars_is_no_bundle(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="bars"):
        build_bundle(workspace, tmp_path / "x.tar", recipe=recipe())


@pytest.mark.parametrize(
    ("asked", "error", "found"),
    [
        ({"datasets": ["e"]}, CatalogError, "no data set 'e'"),
        ({"tables": ["shares"]}, CatalogError, "shares"),
        ({"tables": ["posts"]}, CatalogError, "no table 'posts'"),
        ({"symbols": ["A", "Z"]}, InputError, "no rows of Z"),
        ({"as_of": parse_instant("2190-01-01")}, InputError, "yet to come"),
        ({"window": Window(start=parse_instant("2020-01-01"), end=parse_instant("2020-01-02"))}, DataError, "no row"),
        ({"tables": ["bars"], "window": Window(end=parse_instant("2020-01-02"))}, DataError, "no row"),
    ],
)
def test_what_cannot_be_bundled_leaves_no_file(
    stocked: Workspace, tmp_path: Path, asked: dict[str, object], error: type[Exception], found: str
) -> None:
    with pytest.raises(error, match=found):
        build_bundle(stocked, tmp_path / "x.tar", **asked)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_an_empty_catalog_is_no_bundle(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="an empty catalog"):
        build_bundle(workspace, tmp_path / "x.tar")


def test_another_file_is_never_overwritten(stocked: Workspace, tmp_path: Path) -> None:
    letter = tmp_path / "letter.tar"
    letter.write_text("dear all")

    with pytest.raises(InputError, match="no bundle"):
        build_bundle(stocked, letter)
    with pytest.raises(InputError, match=r"ends with \.tar"):
        build_bundle(stocked, tmp_path / "bundle.tar.gz")
    assert letter.read_text() == "dear all"


def test_a_bundle_goes_into_a_folder_or_nowhere(stocked: Workspace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(WorkspaceError, match="file"):
        build_bundle(stocked, tmp_path / "file" / "x.tar")
    assert build_bundle(stocked, tmp_path / "new" / "folder" / "x.tar").path.exists()


def test_an_older_bundle_is_replaced_with_its_side_file(
    stocked: Workspace, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "x.tar"
    build_bundle(stocked, path, tables=["macro"])
    build_bundle(stocked, path, tables=["events"])

    assert [file.file for file in import_bundle(workspace, path).files] == ["events/d.parquet"]
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.name.startswith("x")) == ["x.tar", "x.tar.sha256"]


def test_a_build_that_breaks_off_leaves_the_older_bundle_alone_or_nothing(
    stocked: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever bears the name of a bundle is whole; without its side file it is not imported either."""

    def breaks_off(path: Path, *arguments: object) -> None:
        write_archive(path, *arguments)  # type: ignore[arg-type]
        path.write_bytes(path.read_bytes()[:2000])
        raise KeyboardInterrupt

    monkeypatch.setattr("tidegate.data.bundle.build.write_archive", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        build_bundle(stocked, tmp_path / "x.tar")
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 3), st.integers(3, 9), st.sampled_from([None, 1.0, 2.0])),
        min_size=1,
        max_size=20,
        unique_by=lambda row: row[:3],
    )
)
def test_any_vintages_survive_the_journey(
    tmp_path_factory: pytest.TempPathFactory, prints: list[tuple[str, int, int, float | None]]
) -> None:
    folder = tmp_path_factory.mktemp("journey")
    here, there = Workspace.create(folder / "here"), Workspace.create(folder / "there")
    rows = [
        {"series": series, "event_time": at(f"01-0{event}"), "known_time": at(f"01-0{seen}"), "value": value}
        for series, event, seen, value in prints
    ]
    with frozen_clock(LATER):
        Catalog(here).append("macro", rows_of("macro", *rows))
    built = build_bundle(here, folder / "x.tar")

    assert import_bundle(there, built.path).appended == built.manifest.rows
    assert everything(here)["macro/d"].equals(everything(there)["macro/d"])


def test_what_another_catalog_lacks_is_added(bundle: Path, workspace: Workspace) -> None:
    stock(workspace)
    more = bars_of("C", {"01-02T01": 9.0})
    with frozen_clock(BUILT):
        Catalog(workspace).append("bars", more)

    done = import_bundle(workspace, bundle)

    assert done.appended == 0
    assert Catalog(workspace).symbols("d") == ["A", "B", "C"]
