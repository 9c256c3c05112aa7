"""Building a bundle: cut the rows out of the catalog, write them down, and prove what was written."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tidegate._version import __version__
from tidegate.core.clock import now
from tidegate.core.errors import DataError, InputError
from tidegate.core.files import write_atomically, write_text
from tidegate.core.progress import SILENT, Progress
from tidegate.core.recipe import Recipe
from tidegate.core.time import Instant, Window, format_instant
from tidegate.core.workspace import Workspace, explain_refusal
from tidegate.data.bundle.archive import write_archive
from tidegate.data.bundle.contents import Cut, Source, absent_symbols, find_sources
from tidegate.data.bundle.manifest import MANIFEST_NAME, BundleFile, BundleManifest, BundleScope
from tidegate.data.bundle.parquet import parquet_writer, write_groups
from tidegate.data.catalog import Catalog
from tidegate.data.kinds import declared_tables, present_versions
from tidegate.data.universe import symbols_beside

__all__ = ["Bundle", "build_bundle", "side_file_of"]

_SUFFIX: Final = ".tar"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle that was written.

    ``sha256`` is of the whole file and stands in ``side_file`` too; ``empty`` names, by table and data set, what was
    asked for and holds no row of this window, or none at all; of a recipe the symbols without a row as well.
    """

    path: Path
    side_file: Path
    sha256: str
    bytes: int
    manifest: BundleManifest
    empty: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "path": str(self.path),
            "side_file": str(self.side_file),
            "sha256": self.sha256,
            "bytes": self.bytes,
            "rows": self.manifest.rows,
            "empty": list(self.empty),
            "manifest": self.manifest.model_dump(mode="json"),
        }


def build_bundle(
    workspace: Workspace,
    path: Path,
    *,
    recipe: Recipe | None = None,
    tables: Sequence[str] = (),
    datasets: Sequence[str] = (),
    window: Window | None = None,
    as_of: Instant | None = None,
    symbols: Sequence[str] = (),
    progress: Progress = SILENT,
) -> Bundle:
    """Write data sets of the catalog, every vintage of every row, into one file that can be carried elsewhere.

    The same catalog gives the same bytes, whenever and by whomever the bundle is built; the same rows in another
    catalog give the same ``id`` (with the same version of pyarrow). Half a bundle never bears the name of one.

    Parameters
    ----------
    path
        The file to write, ``NAME.tar``; an older bundle of that name is replaced. ``NAME.tar.sha256`` appears
        beside it.
    recipe
        Bundle what this recipe reads; its window and its symbols are the defaults of ``window`` and ``symbols``.
    tables, datasets
        Bundle these; all of them where nothing is named. Not together with a recipe.
    window
        Event times; none means all. What holds until the next row of its kind (macro, universe, lives) is bundled
        from its beginning, what is announced ahead up to what was announced by the end.
    as_of
        Rows known by then; none means all that are known now.
    symbols
        Only these, in tables of symbols; none means all. Events, posts and comments are not cut by symbol.

    Raises
    ------
    InputError
        If the path does not fit, another file is in the way, symbols are not there, or ``as_of`` is yet to come.
    CatalogError
        If a table or a data set is not there.
    DataError
        If no row is left.
    WorkspaceError
        If the file cannot be written where it should be.
    """
    _require_free(path)
    catalog = Catalog(workspace)
    sources, absent = _sources(catalog, recipe, tables, datasets)
    _require_there(absent_symbols(catalog, sources, symbols), as_of)
    if recipe is not None:
        window = window or _window_of(recipe)
        symbols = symbols or _symbols_of(recipe)
        absent += [f"symbol {name}" for name in absent_symbols(catalog, sources, symbols)]
    chosen = tuple(sorted(set(symbols))) or None
    cut = Cut(window=window or Window(), as_of=now() if as_of is None else as_of, symbols=chosen)
    scope = BundleScope.of(cut.window, as_of, chosen)
    built = _write(catalog, path, progress.track(sources, "writing"), cut, scope, recipe)
    progress.say(f"wrote {built.manifest.rows:,} rows to {path}")
    return replace(built, empty=(*absent, *built.empty))


def side_file_of(path: Path) -> Path:
    """Return the file beside a bundle that holds its SHA-256, in the form that ``sha256sum --check`` reads."""
    return path.with_name(f"{path.name}.sha256")


def _write(
    catalog: Catalog, path: Path, sources: Iterable[Source], cut: Cut, scope: BundleScope, recipe: Recipe | None
) -> Bundle:
    with _explained(path), TemporaryDirectory(prefix=f".{path.name}.", suffix=".partial", dir=path.parent) as name:
        folder = Path(name)
        written = {source: _write_file(catalog, source, cut, folder) for source in sources}
        files = {source: part for source, part in written.items() if part is not None}
        manifest = _manifest(files, scope, recipe)
        parts = [(file.file, folder / file.file) for file in manifest.files]
        # A side file of an older bundle goes first, so that it never speaks for the new one.
        side_file_of(path).unlink(missing_ok=True)
        write_atomically(path, lambda partial: write_archive(partial, manifest.encoded(), parts, folder))
        sha256 = _sha256_of(path)
        return Bundle(
            path=path,
            side_file=write_text(side_file_of(path), f"{sha256}  {path.name}\n"),
            sha256=sha256,
            bytes=path.stat().st_size,
            manifest=manifest,
            empty=tuple(source.file.removesuffix(".parquet") for source in written if source not in files),
        )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals, on the way to a bundle, into errors that say what to do."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise explain_refusal(error, path.parent) from error


@dataclass(frozen=True)
class _Part:
    file: BundleFile
    recorded_until: Instant


def _write_file(catalog: Catalog, source: Source, cut: Cut, folder: Path) -> _Part | None:
    """Write one file; None where no row belongs to it."""
    path = folder / source.file
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, newest = 0, Instant(0)
    with parquet_writer(path, source.spec) as writer:
        for stretch, recorded in cut.stretches(catalog, source):
            write_groups(writer, stretch)
            rows, newest = rows + stretch.height, max(newest, recorded)
    if not rows:
        return None
    file = BundleFile.model_validate(
        {
            "file": source.file,
            "table": source.table,
            "dataset": source.dataset,
            "interval": source.interval,
            "bytes": path.stat().st_size,
            "rows": rows,
            "sha256": _sha256_of(path),
        }
    )
    return _Part(file, newest)


def _manifest(files: dict[Source, _Part], scope: BundleScope, recipe: Recipe | None) -> BundleManifest:
    if not files:
        raise DataError(
            found="no row of this window, as of then, of these symbols",
            expected="at least one",
            hint="see the span of each data set: tidegate catalog",
        )
    return BundleManifest.of(
        tuple(sorted((part.file for part in files.values()), key=lambda file: file.file)),
        scope=scope,
        sources={source.name: source.version for source in files},
        recorded_until=format_instant(max(part.recorded_until for part in files.values())),
        recipe=None if recipe is None else recipe.name,
        code_version=__version__,
    )


def _sources(
    catalog: Catalog, recipe: Recipe | None, tables: Sequence[str], datasets: Sequence[str]
) -> tuple[list[Source], list[str]]:
    """Return what is there of what was asked for, and ``table/data set`` of what a recipe reads and is not there."""
    if recipe is None:
        return find_sources(catalog, tables=tables, datasets=datasets), []
    if tables or datasets:
        raise InputError(
            found="a recipe together with tables or data sets", expected="one or the other", hint="leave one out"
        )
    catalog.version("bars", dataset=recipe.data.dataset)  # without bars there is nothing to bundle
    read = present_versions(catalog, recipe)
    there = find_sources(catalog, tables=(), datasets=())
    absent = [f"{table}/{dataset}" for table, dataset in declared_tables(recipe) if f"{table}/{dataset}" not in read]
    return [replace(one, version=read[one.name]) for one in there if one.name in read], absent


def _window_of(recipe: Recipe) -> Window:
    """Return the window that a recipe reads; all of it in mode production, whose audit looks at the last days."""
    if recipe.data.mode == "production":
        return Window()
    return Window.of_dates(recipe.data.start, recipe.data.end)


def _symbols_of(recipe: Recipe) -> tuple[str, ...]:
    chosen = recipe.universe.symbols
    return tuple(dict.fromkeys((*chosen, *symbols_beside(recipe)))) if chosen else ()


def _sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _require_there(absent: Sequence[str], as_of: Instant | None) -> None:
    if absent:
        raise InputError(
            found=f"no rows of {', '.join(absent)}",
            expected="symbols of the data sets",
            hint="list what is there: tidegate catalog --symbols DATASET",
        )
    if as_of is not None and as_of > now():
        raise InputError(
            found=f"as of {format_instant(as_of)}, which is yet to come",
            expected="a time of the past",
            hint="leave it out for all that is known now",
        )


def _require_free(path: Path) -> None:
    """Refuse to write under a name that says something else, or over a file that is no bundle."""
    if path.suffix != _SUFFIX:
        raise InputError(
            found=f"the name {path.name!r}",
            expected=f"one that ends with {_SUFFIX}: the Parquet files inside are compressed already",
            hint=f"write {path.name.split('.')[0] or 'bundle'}{_SUFFIX}",
        )
    if path.exists() and not _begins_like_a_bundle(path):
        raise InputError(
            found=f"{path}, which is no bundle", expected="a free name, or an older bundle", hint="name another file"
        )


def _begins_like_a_bundle(path: Path) -> bool:
    with suppress(OSError, tarfile.TarError), path.open("rb") as stream:
        return tarfile.TarInfo.frombuf(stream.read(tarfile.BLOCKSIZE), "utf-8", "replace").name == MANIFEST_NAME
    return False
