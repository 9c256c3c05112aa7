"""What was trained, kept for good: folders that are named by their content and never changed.

An artifact's name is the SHA-256 of its manifest, which lists every file with its hash. Which run made it is no part of
it: the same recipe, data versions, code and seed give the same artifact in the same environment, however often it is
trained. The manifest names system, machine, Python and packages, so another environment gives another name even where
the models are equal. Who made it first stands in ``origin.json``, beside the manifest and outside of the hash.

Files are native model files, tables, texts and pictures. Nothing that could run code when it is read is taken in, and
nothing is read before every hash was checked (equity G.9, crypto 25.3).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tidegate.core.clock import now
from tidegate.core.errors import InputError, RunError
from tidegate.core.files import read_json, write_json
from tidegate.core.randomness import unique_suffix
from tidegate.core.time import Instant
from tidegate.core.workspace import Workspace, explain_refusal
from tidegate.registry.manifest import ArtifactManifest, ArtifactParts, StoredFile

__all__ = ["ALLOWED_SUFFIXES", "Artifact", "ArtifactStore", "ListedArtifact", "Origin"]

ALLOWED_SUFFIXES: Final = frozenset({".json", ".txt", ".ubj", ".parquet", ".md", ".svg"})
"""Files of an artifact: none of these runs code when it is read."""
MANIFEST: Final = "manifest.json"
ORIGIN: Final = "origin.json"
_IDENTIFIER: Final = re.compile(r"[0-9a-f]{64}")
_STAGED: Final = ".staged-"
_PIECE_BYTES: Final = 1 << 20
_BEGINNING: Final = re.compile(r"[0-9a-f]{4,64}")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where an artifact came from first: the run, and when it was published (microseconds UTC)."""

    run: str
    published_at: Instant


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """An artifact whose every file was found as its manifest says.

    Parameters
    ----------
    id
        SHA-256 of the manifest.
    folder
        Where it lies.
    manifest
        What it is, and its files.
    origin
        The run that made it first.
    """

    id: str
    folder: Path
    manifest: ArtifactManifest
    origin: Origin

    @property
    def parts(self) -> ArtifactParts:
        """What it says of itself."""
        return self.manifest.parts

    def path(self, name: str) -> Path:
        """Return where a file of the artifact lies.

        Raises
        ------
        InputError
            If the manifest does not list it.
        """
        if name not in self.manifest.files:
            raise InputError(
                found=f"no file {name!r} in artifact {self.id[:12]}",
                expected=f"one of {', '.join(self.manifest.files)}",
                hint="train again with this version",
            )
        return self.folder / name

    def holds(self, name: str) -> bool:
        """Return whether the manifest lists a file."""
        return name in self.manifest.files

    def document(self, name: str) -> Any:
        """Return the content of one of its JSON files."""
        return read_json(self.path(name))


@dataclass(frozen=True, kw_only=True)
class ListedArtifact:
    """One line of a listing: the manifest alone was read. ``fault`` says what is wrong with it."""

    id: str
    parts: ArtifactParts | None
    origin: Origin | None
    fault: str | None


class ArtifactStore:
    """Artifacts of a workspace, in ``artifacts/<id>``.

    Parameters
    ----------
    workspace
        Where they are kept.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._folder = workspace.artifacts_folder

    def publish(self, source: Path, parts: ArtifactParts, *, run: str) -> Artifact:
        """Keep a copy of a folder as an artifact, or find the equal one that is there already.

        Files are copied into a folder of their own, flushed to disk and renamed into place at the end: a process that
        is killed leaves a staged folder, which no one can open and the next publication takes away.

        Parameters
        ----------
        source
            Its files, in folders of folders too, are those of the artifact.
        parts
            What it says of itself.
        run
            The run that made it; no part of its name.

        Raises
        ------
        InputError
            If the folder holds nothing, something that is no plain file, or a file of a kind that is not allowed.
        WorkspaceError
            If nothing can be written.
        """
        names = _files_of(source)
        with self._workspace.lock("artifacts"):
            self._folder.mkdir(parents=True, exist_ok=True)
            # The lock is held, so whoever staged these is gone.
            for left in self._folder.glob(f"{_STAGED}*"):
                shutil.rmtree(left, ignore_errors=True)
            staged = self._folder / f"{_STAGED}{unique_suffix()}"
            try:
                manifest = _stage(source, names, staged, parts)
                final = self._folder / manifest.identifier
                if not final.exists():
                    write_json(staged / ORIGIN, {"run": run, "published_at": int(now())})
                    _flush(staged)
                    staged.rename(final)
                    _flush(self._folder)
            except OSError as error:
                raise explain_refusal(error, self._workspace.root) from error
            finally:
                shutil.rmtree(staged, ignore_errors=True)
        return self.open(manifest.identifier)

    def open(self, identifier: str) -> Artifact:
        """Return an artifact by its id or an unambiguous beginning of it, after checking every file.

        Raises
        ------
        RunError
            If there is none, or several.
        InputError
            If a file is damaged, missing, or one too many; nothing of it is loaded then.
        """
        found = self._named(identifier)
        folder = self._folder / found
        manifest, origin = _read(folder)
        present, listed = set(_files_of(folder, inside=True)), set(manifest.files)
        for fault, names in (("missing", listed - present), ("extra", present - listed)):
            if names:
                raise _damaged(found, f"{fault} {', '.join(sorted(names))}")
        for name, stored in manifest.files.items():
            if (folder / name).stat().st_size != stored.size or _digest(folder / name) != stored.sha256:
                raise _damaged(found, f"{name}, which is not the file that was published")
        return Artifact(id=found, folder=folder, manifest=manifest, origin=origin)

    def list(self) -> Sequence[ListedArtifact]:
        """Return every artifact, those that saw the latest labels first; files are not checked."""
        found = [self._listed(identifier) for identifier in self._identifiers()]
        return sorted(found, key=lambda one: (-(one.parts.trained_until if one.parts else 0), one.id))

    def _listed(self, identifier: str) -> ListedArtifact:
        try:
            manifest, origin = _read(self._folder / identifier)
        except InputError as error:
            return ListedArtifact(id=identifier, parts=None, origin=None, fault=error.found)
        return ListedArtifact(id=identifier, parts=manifest.parts, origin=origin, fault=None)

    def _identifiers(self) -> Sequence[str]:
        if not self._folder.is_dir():
            return []
        return sorted(one.name for one in self._folder.iterdir() if _IDENTIFIER.fullmatch(one.name))

    def _named(self, identifier: str) -> str:
        if not _BEGINNING.fullmatch(identifier):
            raise RunError(
                found=f"artifact {identifier!r}",
                expected="an id, or its first four digits or more",
                hint="a training's run names its artifact: tidegate runs",
            )
        found = [one for one in self._identifiers() if one.startswith(identifier)]
        if len(found) != 1:
            raise RunError(
                found=f"{len(found) or 'no'} artifact{'s' * (len(found) > 1)} beginning with {identifier!r}",
                expected="one",
                hint="give more of the id" if found else "train again; an artifact is made at the end of a training",
            )
        return found[0]


def _read(folder: Path) -> tuple[ArtifactManifest, Origin]:
    """Return manifest and origin of an artifact, after checking that its name is that of its manifest."""
    try:
        content, told = read_json(folder / MANIFEST), read_json(folder / ORIGIN)
        origin = Origin(run=str(told["run"]), published_at=Instant(int(told["published_at"])))
        manifest = ArtifactManifest.from_document(content)
        said = manifest.identifier
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder.name, f"a manifest or origin that cannot be read ({type(error).__name__})") from None
    if said != folder.name or manifest.as_document() != content:
        raise _damaged(folder.name, f"a manifest of {said[:12]}")
    return manifest, origin


def _files_of(folder: Path, *, inside: bool = False) -> Sequence[str]:
    """Return the paths of all files under a folder, with slashes; what is no file, or not allowed, is refused."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise _unfit(f"{name}, which is no plain file")
        if path.is_dir() or (inside and name in (MANIFEST, ORIGIN)):
            continue
        if path.suffix not in ALLOWED_SUFFIXES or name in (MANIFEST, ORIGIN):
            raise _unfit(name)
        found.append(name)
    if not found:
        raise _unfit("nothing")
    return found


def _stage(source: Path, names: Sequence[str], staged: Path, parts: ArtifactParts) -> ArtifactManifest:
    """Copy files into a staged folder and describe the copies, since those are what will be read."""
    files = {}
    for name in names:
        copy = staged / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, copy)
        copy.chmod(0o444)
        with copy.open("rb") as written:
            os.fsync(written.fileno())
        files[name] = StoredFile(sha256=_digest(copy), size=copy.stat().st_size)
    manifest = ArtifactManifest(parts=parts, files=files)
    write_json(staged / MANIFEST, manifest.as_document())
    for folder in {(staged / name).parent for name in names}:
        _flush(folder)
    return manifest


def _flush(folder: Path) -> None:
    """Flush the entries of a folder to disk, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as opened:
        while piece := opened.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _unfit(what: str) -> InputError:
    return InputError(
        found=f"{what} to be kept in an artifact",
        expected=f"plain files that end with {', '.join(sorted(ALLOWED_SUFFIXES))}, none named {MANIFEST} or {ORIGIN}",
        hint="an artifact holds nothing that runs code when it is read",
    )


def _damaged(identifier: str, what: str) -> InputError:
    return InputError(
        found=f"artifact {identifier[:12]} with {what}",
        expected="every file as it was published, and no other",
        hint=f"restore the folder artifacts/{identifier}, or remove it and train again",
    )
