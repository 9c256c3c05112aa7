"""A bundle that is not, to the byte, what was built is refused, and then nothing of it is in the catalog (D-24)."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from forgery import (
    BUILT,
    at,
    bars_of,
    file_of,
    forge,
    forge_bars,
    manifest_of,
    members_of,
    parquet_of,
    repacked,
    rows_of,
    signed,
    stock,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.clock import frozen_clock
from tidegate.core.errors import DataError, InputError, WorkspaceError
from tidegate.core.fingerprint import fingerprint
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.bundle import archive, import_bundle, importing, parquet
from tidegate.data.bundle.build import side_file_of

Change = Callable[[dict[str, bytes]], list[tuple[tarfile.TarInfo, bytes]]]
MANIFEST = "bundle_manifest.json"
HOURS = {"01-02T01": 1.0, "01-02T02": 2.0, "01-03T01": 3.0}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace that no refused bundle may change."""
    return Workspace.create(tmp_path_factory.mktemp("empty") / "work")


@pytest.fixture(autouse=True)
def nothing_stored(empty: Workspace) -> Iterator[None]:
    yield
    assert Catalog(empty).datasets() == []


def refused(workspace: Workspace, path: Path, found: str | None = None, **options: Any) -> DataError:
    with pytest.raises(DataError, match=found) as caught:
        import_bundle(workspace, path, **options)
    assert caught.value.exit_code == 2
    return caught.value


def copied(bundle: Path, tmp_path: Path) -> Path:
    for file in (bundle, side_file_of(bundle)):
        shutil.copy(file, tmp_path)
    return tmp_path / bundle.name


@settings(max_examples=120)
@given(st.data())
def test_a_flipped_byte_anywhere_is_refused(
    bundle: Path, empty: Workspace, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """D-24: with the side file and without it; there is no byte outside of what is checked."""
    content = bytearray(bundle.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("flipped") / "all.tar"
    path.write_bytes(content)
    shutil.copy(side_file_of(bundle), side_file_of(path))

    for strict in (True, False):
        refused(empty, path, strict=strict)
    side_file_of(path).unlink()
    refused(empty, path, strict=False)


@settings(max_examples=40)
@given(st.data())
def test_a_bundle_cut_off_or_lengthened_is_refused(
    bundle: Path, empty: Workspace, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """D-24."""
    content = bundle.read_bytes()
    path = tmp_path_factory.mktemp("cut") / "all.tar"
    path.write_bytes(
        data.draw(st.sampled_from([content[: data.draw(st.integers(0, len(content) - 1))], content + b"\0"]))
    )

    refused(empty, signed(path))


def plain(members: dict[str, bytes]) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(tarfile.TarInfo(name), content) for name, content in members.items()]


def without_manifest(members: dict[str, bytes]) -> list[tuple[tarfile.TarInfo, bytes]]:
    return plain({name: content for name, content in members.items() if name != MANIFEST})


def manifest_last(members: dict[str, bytes]) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [*without_manifest(members), *plain({MANIFEST: members[MANIFEST]})]


def renamed(to: str) -> Change:
    return lambda members: plain({to if name.startswith("macro") else name: data for name, data in members.items()})


def replaced_by(kind: bytes, link: str = "/etc/passwd") -> Change:
    def change(members: dict[str, bytes]) -> list[tuple[tarfile.TarInfo, bytes]]:
        changed = plain(members)
        entry = next(entry for entry, _ in changed if entry.name.startswith("macro"))
        entry.type, entry.linkname = kind, link
        return changed

    return change


def one_more(name: str) -> Change:
    return lambda members: [*plain(members), (tarfile.TarInfo(name), b"more")]


def twice(members: dict[str, bytes]) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [*plain(members), *plain({"macro/d.parquet": members["macro/d.parquet"]})]


def larger(members: dict[str, bytes]) -> list[tuple[tarfile.TarInfo, bytes]]:
    return plain({**members, "macro/d.parquet": members["macro/d.parquet"] + b"\0"})


def owned(members: dict[str, bytes]) -> list[tuple[tarfile.TarInfo, bytes]]:
    changed = plain(members)
    changed[2][0].uid = 1000
    return changed


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (without_manifest, "'bars/d/1d.parquet'.* at the beginning; expected bundle_manifest.json"),
        (manifest_last, "at the beginning"),
        (lambda members: [], "no file at the beginning"),
        (renamed("macro/e.parquet"), "'macro/e.parquet', a file.* as member 5; expected 'macro/d.parquet'"),
        (renamed("../../etc/passwd"), r"'\.\./\.\./etc/passwd'"),
        (renamed("/etc/passwd"), "'/etc/passwd', a file"),
        (replaced_by(tarfile.SYMTYPE), "a symbolic link"),
        (replaced_by(tarfile.LNKTYPE), "a hard link"),
        (replaced_by(tarfile.CHRTYPE), "a device"),
        (replaced_by(tarfile.FIFOTYPE), "a pipe"),
        (replaced_by(tarfile.DIRTYPE), "a folder"),
        (larger, "as member 5; expected 'macro/d.parquet', a plain file of"),
        (owned, "as member 3"),
    ],
)
def test_a_container_of_other_members_is_refused(
    bundle: Path, empty: Workspace, tmp_path: Path, change: Change, found: str
) -> None:
    """D-24: traversal, links, devices, members renamed or left out, whatever length and side file say."""
    path = repacked(tmp_path / "changed.tar", bundle, change(members_of(bundle)))
    wanted = bundle.stat().st_size  # a wrong length would give most of them away
    path.write_bytes(path.read_bytes()[:wanted].ljust(wanted, b"\0"))

    refused(empty, signed(path), found)


@pytest.mark.parametrize("change", [one_more("extra.parquet"), one_more("../escaped"), twice])
def test_a_member_too_many_is_refused(bundle: Path, empty: Workspace, tmp_path: Path, change: Change) -> None:
    """D-24."""
    refused(empty, repacked(tmp_path / "changed.tar", bundle, change(members_of(bundle))), "bytes")
    assert not (tmp_path.parent / "escaped").exists()


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
def test_a_container_of_another_form_is_refused(bundle: Path, empty: Workspace, tmp_path: Path, form: int) -> None:
    """Another form has other headers, in which names and sizes can stand twice."""
    members = plain(members_of(bundle))
    if form == tarfile.PAX_FORMAT:
        members[1][0].pax_headers = {"path": "bars/d/1d.parquet"}

    refused(empty, repacked(tmp_path / "changed.tar", bundle, members, format=form))


def test_a_compressed_bundle_is_refused(bundle: Path, empty: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "all.tar"
    path.write_bytes(gzip.compress(bundle.read_bytes()))

    refused(empty, signed(path), "no file at the beginning")


def test_without_its_side_file_a_bundle_is_imported_only_when_asked(
    bundle: Path, workspace: Workspace, tmp_path: Path
) -> None:
    """D-24: strict is the default."""
    path = copied(bundle, tmp_path)
    side_file_of(path).unlink()

    with pytest.raises(InputError, match=r"no all\.tar\.sha256"):
        import_bundle(workspace, path)
    assert Catalog(workspace).datasets() == []
    assert import_bundle(workspace, path, strict=False).appended > 0


@pytest.mark.parametrize("text", ["", "0" * 64, f"{'0' * 64}  all.tar\n", "\0\xff" * 9000])
@pytest.mark.parametrize("strict", [True, False])
def test_a_side_file_that_is_there_is_believed(
    bundle: Path, empty: Workspace, tmp_path: Path, text: str, strict: bool
) -> None:
    path = copied(bundle, tmp_path)
    side_file_of(path).write_text(text, encoding="utf-8")

    refused(empty, path, "SHA-256", strict=strict)


@pytest.mark.parametrize("what", ["absent", "folder"])
def test_a_bundle_that_cannot_be_read_is_refused(empty: Workspace, tmp_path: Path, what: str) -> None:
    path = tmp_path / "all.tar"
    side_file_of(path).write_text("0" * 64 + "  all.tar\n")
    if what == "folder":
        path.mkdir()
    with pytest.raises(InputError, match=r"all\.tar"):
        import_bundle(empty, path)
    side_file_of(path).unlink()
    side_file_of(path).mkdir()
    with pytest.raises(InputError, match="sha256"):
        import_bundle(empty, path)


def test_a_disk_that_fails_while_reading_is_an_error_with_a_name(empty: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.symlink_to("/proc/self/mem")  # opens, and cannot be read at its beginning
    side_file_of(path).write_text("0" * 64 + "  x.tar\n")

    with pytest.raises(InputError, match=r"x\.tar: Input/output error"):
        import_bundle(empty, path)


def container(path: Path, manifest: bytes) -> Path:
    """A bundle of a manifest and nothing else."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as opened:
        entry = tarfile.TarInfo(MANIFEST)
        entry.size = len(manifest)
        opened.addfile(entry, io.BytesIO(manifest))
    return signed(path)


def with_changes(bundle: Path, **changes: Any) -> bytes:
    """The manifest of a bundle with other values, and fingerprints that fit again."""
    document = json.loads(members_of(bundle)[MANIFEST]) | changes
    document["id"] = changes.get("id") or fingerprint({name: document[name] for name in ("type", "scope", "files")})
    del document["fingerprint"]
    document["fingerprint"] = fingerprint(document)
    return json.dumps(document, indent=2, sort_keys=True).encode() + b"\n"


def entry(**changes: Any) -> dict[str, Any]:
    return file_of("bars/d/1h.parquet", b"content", 3).model_dump(mode="json") | changes


SOURCES = {"bars/d": 0}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"type": "tidegate_bundle_v2"}, "a bundle of format tidegate_bundle_v2.*upgrade"),
        ({"type": "offline_data_bundle_v1"}, "type"),
        ({"id": "0" * 64}, "its own fingerprints"),
        ({"files": [], "sources": {}}, "no files"),
        ({"files": [entry(), entry()], "sources": SOURCES}, "named twice"),
        ({"sources": {"bars/e": 0}}, "sources that are not"),
        ({"surprise": 1}, "surprise"),
        ({"files": [entry(file="../../1h.parquet")], "sources": SOURCES}, "the name bars/d/1h.parquet"),
        ({"files": [entry(file="/etc/passwd")], "sources": SOURCES}, "the name"),
        ({"files": [entry(dataset="../d", file="bars/../d/1h.parquet")], "sources": SOURCES}, "dataset"),
        ({"files": [entry(dataset="d/../../..")], "sources": SOURCES}, "dataset"),
        ({"files": [entry(table="shares", file="shares/d/1h.parquet")], "sources": SOURCES}, "table"),
        ({"files": [entry(interval=None, file="bars/d.parquet")], "sources": SOURCES}, "the name"),
        ({"files": [entry(table="macro", file="macro/d/1h.parquet")], "sources": {"macro/d": 0}}, "the name"),
        ({"files": [entry(interval="7w", file="bars/d/7w.parquet")], "sources": SOURCES}, "interval"),
        ({"files": [entry(rows=0)], "sources": SOURCES}, "rows"),
        ({"files": [entry(bytes=-1)], "sources": SOURCES}, "bytes"),
        ({"files": [entry(bytes=2**60)], "sources": SOURCES}, "bytes"),
        ({"files": [entry(sha256="0")], "sources": SOURCES}, "sha256"),
    ],
)
def test_a_manifest_that_no_bundle_can_have_is_refused(
    bundle: Path, empty: Workspace, tmp_path: Path, changes: dict[str, Any], found: str
) -> None:
    """D-24: also one that whoever changed it made consistent again."""
    refused(empty, container(tmp_path / "x.tar", with_changes(bundle, **changes)), found)


@pytest.mark.parametrize("text", [b"[]", b"{", b"\xff\xfe", b"{}", b"[" * 100_000, b'{"type": NaN}', b"1"])
def test_a_manifest_that_is_none_is_refused(empty: Workspace, tmp_path: Path, text: bytes) -> None:
    """D-24: a manifest that cannot be read is no reason to go on without one."""
    refused(empty, container(tmp_path / "x.tar", text), MANIFEST)


def test_a_manifest_written_otherwise_is_refused(bundle: Path, empty: Workspace, tmp_path: Path) -> None:
    text = members_of(bundle)[MANIFEST]

    refused(empty, container(tmp_path / "x.tar", text + b" "), "written otherwise")
    refused(empty, container(tmp_path / "x.tar", text.replace(b"bars/d/1h", b"bars/d/2h", 1)), "files.1.file")


def test_a_manifest_beyond_all_bounds_is_not_even_read(empty: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    header = tarfile.TarInfo(MANIFEST)
    header.size = archive.LARGEST_MANIFEST_BYTES + 1
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT))

    refused(empty, signed(path), "of 16,777,217 bytes at the beginning")


def test_a_bundle_beyond_the_limit_is_refused(bundle: Path, empty: Workspace) -> None:
    refused(empty, bundle, "a bundle of .* rows; expected at most 1,000 bytes", limit_bytes=1000)


def test_a_bundle_that_the_disk_cannot_hold_is_refused(empty: Workspace, tmp_path: Path) -> None:
    """A sparse file of a petabyte, as its manifest says, takes no room here, but would in the catalog."""
    size = 2**43
    manifest = manifest_of(file_of("bars/d/1h.parquet", b"content", 3, bytes=size))
    path = tmp_path / "x.tar"
    path.write_bytes(b"".join([archive._header(MANIFEST, len(manifest.encoded())), manifest.encoded()]))
    os.truncate(path, archive.Layout.of(manifest, manifest.encoded()).size)
    side_file_of(path).write_text("0" * 64 + "  x.tar\n")

    with pytest.raises(WorkspaceError, match="room for the 8,796,093,022,208 bytes"):
        import_bundle(empty, path, limit_bytes=2**60)
    refused(empty, path, "at most 68,719,476,736")


def test_a_catalog_in_a_bucket_needs_no_room_here(empty: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = manifest_of(file_of("bars/d/1h.parquet", b"content", 3, bytes=2**43))
    monkeypatch.setenv("TIDEGATE_CATALOG_URL", "s3://bucket/prefix")
    importing._require_room(empty, manifest)
    monkeypatch.undo()
    with pytest.raises(WorkspaceError, match="room for"):
        importing._require_room(empty, manifest)


BARS = bars_of("A", HOURS)


def changed(**columns: Any) -> pl.DataFrame:
    return BARS.with_columns(**columns)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (BARS.drop("volume"), "other columns"),
        (BARS.drop("calendar"), "other columns"),
        (changed(extra=pl.lit(1)), "other columns"),
        (BARS.select(reversed(BARS.columns)), "other columns"),
        (changed(volume=pl.col("volume").cast(pl.Float32)), "other columns"),
        (changed(event_time=pl.col("event_time").dt.replace_time_zone(None)), "other columns"),
        (changed(dataset=pl.lit("e")), "rows of dataset 'e'; expected 'd'"),
        (changed(interval=pl.lit("5m")), "rows of interval '5m'; expected '1h'"),
        (changed(symbol=pl.lit(None, pl.String)), "nothing in symbol"),
        (changed(known_time=pl.lit(None, pl.Datetime("us", "UTC"))), "nothing in known_time"),
        (pl.concat([BARS, bars_of("A", HOURS, dataset="e")]), "several of dataset"),
        (changed(known_time=pl.col("event_time") - pl.duration(hours=1)), "known before their event"),
        (changed(known_time=datetime(2199, 1, 1, tzinfo=UTC)), "known only at 2199-01-01"),
        (changed(event_time=pl.lit(2**62).cast(pl.Datetime("us", "UTC"))), "event_time in no year from 1 to 9999"),
        (pl.concat([BARS, BARS]), "equal keys"),
        (BARS.reverse(), "out of order"),
    ],
)
def test_rows_that_the_manifest_does_not_promise_are_refused(
    empty: Workspace, tmp_path: Path, rows: pl.DataFrame, found: str
) -> None:
    """D-24: whoever builds a bundle by hand, hashes and all, gets nothing past the table's own rules."""
    refused(empty, forge_bars(tmp_path / "x.tar", rows), found)


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        ([BARS, BARS], "out of order"),
        ([bars_of("A", HOURS), bars_of("B", HOURS), bars_of("A", {"01-03T01": 9.0})], "out of order"),
        ([bars_of("B", HOURS), bars_of("A", {"01-04T01": 9.0}), bars_of("C", {"01-03T01": 9.0})], "out of order"),
    ],
)
def test_a_row_that_stands_twice_in_two_groups_is_refused(
    empty: Workspace, tmp_path: Path, groups: list[pl.DataFrame], found: str
) -> None:
    """The first group must not be stored when a later one contradicts it."""
    lengths = [group.height for group in groups]

    refused(empty, forge_bars(tmp_path / "x.tar", pl.concat(groups), *lengths), found)


@pytest.mark.parametrize("claimed", [2, 4])
def test_a_wrong_number_of_rows_is_refused(empty: Workspace, tmp_path: Path, claimed: int) -> None:
    """D-24."""
    refused(
        empty,
        forge(tmp_path / "x.tar", {"bars/d/1h.parquet": (parquet_of(BARS), claimed)}),
        f"3 rows; expected {claimed}, as the manifest",
    )


@pytest.mark.parametrize("claimed", [{"bytes": 10}, {"bytes": 10_000}, {"sha256": "0" * 64}])
def test_a_wrong_size_or_hash_is_refused(empty: Workspace, tmp_path: Path, claimed: dict[str, Any]) -> None:
    """D-24: with lengths and side file that fit."""
    path = forge_bars(tmp_path / "x.tar", BARS, **claimed)
    wanted = archive.Layout.of(*read(path)).size
    path.write_bytes(path.read_bytes()[:wanted].ljust(wanted, b"\0"))

    refused(empty, signed(path), "as member 2|SHA-256 .* as the manifest says")


def read(path: Path) -> tuple[Any, bytes]:
    content = members_of(path)[MANIFEST]
    return archive.BundleManifest.parse(content), content


def test_a_file_that_is_no_parquet_is_refused(empty: Workspace, tmp_path: Path) -> None:
    for content in (b"no parquet at all", parquet_of(BARS)[:-40], b"PAR1" + b"\0" * 50 + b"PAR1"):
        path = forge(tmp_path / "x.tar", {"bars/d/1h.parquet": (content, 3)})
        refused(empty, path, "no readable Parquet")


@settings(max_examples=60)
@given(st.data())
def test_a_broken_parquet_file_with_fitting_hashes_is_refused_or_a_plain_file(
    empty: Workspace, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever the bytes of a file are: an error that says so, never a traceback."""
    content = bytearray(parquet_of(BARS))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    folder = tmp_path_factory.mktemp("broken")
    own = Workspace.create(folder / "work")
    path = forge(folder / "x.tar", {"bars/d/1h.parquet": (bytes(content), 3)})

    try:
        stored = import_bundle(own, path).appended
    except DataError:
        stored = 0
    assert (Catalog(own).datasets() != []) == bool(stored)


def test_a_text_that_is_repeated_into_a_bomb_is_refused(
    empty: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of one long text, pointed at by every row, is small in the file and in its footer."""
    posts = [
        {"post_id": f"p{number:04}", "event_time": at("01-02"), "text": "x" * 50_000, "platform": "test"}
        for number in range(400)
    ]
    rows = rows_of("posts", *posts)
    content = parquet_of(rows, compression="zstd")
    assert len(content) < 100_000
    monkeypatch.setattr(parquet, "_LARGEST_GROUP_BYTES", 10_000_000)

    refused(empty, forge(tmp_path / "x.tar", {"posts/d.parquet": (content, 400)}), "bytes of text in one group")


def test_a_group_beyond_all_bounds_is_not_even_read(
    empty: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = forge_bars(tmp_path / "x.tar", BARS)
    with monkeypatch.context() as patch:
        patch.setattr(parquet, "_LARGEST_GROUP_ROWS", 2)
        refused(empty, path, "a group of rows of a size")
    monkeypatch.setattr(parquet, "_LARGEST_GROUP_BYTES", 100)
    refused(empty, path, "a group of rows of a size")


def test_text_that_is_not_utf8_is_refused(empty: Workspace, tmp_path: Path) -> None:
    table = BARS.to_arrow()
    binary = pa.array([b"\xff\xfe"] * 3, pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, binary.buffers())
    table = table.set_column(table.column_names.index("source"), "source", text)
    written = pa.BufferOutputStream()
    with pa.parquet.ParquetWriter(written, table.schema, store_schema=False) as writer:
        writer.write_table(table)
    path = forge(tmp_path / "x.tar", {"bars/d/1h.parquet": (written.getvalue().to_pybytes(), 3)})

    refused(empty, path, "no readable Parquet .*UTF8")


def test_a_column_that_stands_twice_is_refused(empty: Workspace, tmp_path: Path) -> None:
    table = BARS.to_arrow()
    written = pa.BufferOutputStream()
    table = table.append_column("source", table["source"])
    with pa.parquet.ParquetWriter(written, table.schema, store_schema=False) as writer:
        writer.write_table(table)

    path = forge(tmp_path / "x.tar", {"bars/d/1h.parquet": (written.getvalue().to_pybytes(), 3)})
    refused(empty, path, "other columns")


def test_notes_of_another_writer_are_refused(empty: Workspace, tmp_path: Path) -> None:
    """A stored schema may name types whose reading runs code of their own."""
    path = forge(tmp_path / "x.tar", {"bars/d/1h.parquet": (parquet_of(BARS, store_schema=True), 3)})

    refused(empty, path, "other columns")


def test_what_contradicts_the_catalog_is_refused_before_anything_is_appended(
    workspace: Workspace, bundle: Path, tmp_path: Path
) -> None:
    """The rows in dispute are of the last file of the bundle; those before it are not stored either."""
    catalog = Catalog(workspace)
    life = {"symbol": "A", "change": "listed", "detail": "elsewhere", "event_time": at("01-01")}
    with frozen_clock(BUILT):
        catalog.append("symbol_lives", rows_of("symbol_lives", life))

    with pytest.raises(DataError, match=r"symbol_lives/d\.parquet: 1 rows that differ .*tidegate init"):
        import_bundle(workspace, bundle)
    assert [entry.table for entry in catalog.datasets()] == ["symbol_lives"]


def test_an_honest_bundle_of_a_forger_is_imported(workspace: Workspace, tmp_path: Path) -> None:
    """The forger's tools can also write a bundle that is right, so it is the changes that are refused."""
    path = forge_bars(tmp_path / "x.tar", pl.concat([BARS, bars_of("B", HOURS)]), 3, 2, 1)
    assert import_bundle(workspace, path).appended == 6


def test_a_bundle_changed_between_check_and_append_is_not_a_matter_of_names(
    workspace: Workspace, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was checked is what is read: another file of the same name, put in its place meanwhile, is not."""
    path = copied(bundle, tmp_path)
    check = importing.require_acceptable

    def check_and_exchange(*arguments: Any) -> None:
        check(*arguments)
        forge_bars(tmp_path / "other.tar", bars_of("Z", HOURS)).replace(path)

    monkeypatch.setattr(importing, "require_acceptable", check_and_exchange)
    import_bundle(workspace, path)
    assert Catalog(workspace).symbols("d") == ["A", "B"]


def test_the_sums_are_of_the_right_files(bundle: Path) -> None:
    members = members_of(bundle)
    for file in json.loads(members[MANIFEST])["files"]:
        assert file["sha256"] == hashlib.sha256(members[file["file"]]).hexdigest()
        assert file["bytes"] == len(members[file["file"]])


def test_a_bundle_of_the_same_data_elsewhere_is_no_conflict(workspace: Workspace, bundle: Path) -> None:
    stock(workspace)
    assert import_bundle(workspace, bundle).appended == 0
