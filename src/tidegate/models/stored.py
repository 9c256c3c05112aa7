"""How trained models lie on disk: a manifest with the kind and the hash of the one native file beside it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from tidegate.core.errors import InputError
from tidegate.core.files import read_json, write_atomically, write_json

__all__ = ["no_model", "read_manifest", "read_model", "read_model_text", "write_model"]

_MANIFEST = "model.json"


def write_model(folder: Path, kind: str, file_name: str, content: str | bytes) -> None:
    """Write the native file, then the manifest that vouches for it."""
    whole = content.encode() if isinstance(content, str) else content
    write_atomically(folder / file_name, lambda partial: _write(partial, whole))
    write_json(folder / _MANIFEST, {"kind": kind, "file": file_name, "sha256": _digest(whole)})


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a stored model.

    Raises
    ------
    InputError
        If it is not there or not a manifest.
    """
    try:
        manifest = dict(read_json(folder / _MANIFEST))
        return {name: str(manifest[name]) for name in ("kind", "file", "sha256")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            found=f"{folder / _MANIFEST}: {type(error).__name__}",
            expected="the manifest of a stored model",
            hint="restore the folder or train again",
        ) from None


def read_model(folder: Path, kind: str) -> bytes:
    """Return the native file's content after checking kind and hash.

    Raises
    ------
    InputError
        If the model is of another kind, or its file is missing or not the one that was written.
    """
    manifest = read_manifest(folder)
    if manifest["kind"] != kind:
        raise InputError(
            found=f"{folder}: a model of kind {manifest['kind']!r}",
            expected=repr(kind),
            hint="load it with load_forecaster",
        )
    path = folder / Path(manifest["file"]).name
    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    if _digest(content) != manifest["sha256"]:
        raise InputError(
            found=f"{path}: missing or damaged",
            expected=f"content with SHA-256 {manifest['sha256'][:12]}",
            hint="restore the file or train again",
        )
    return content


def read_model_text(folder: Path, kind: str) -> str:
    """Return the native file's text after checking kind and hash; raises as :func:`read_model`."""
    return read_model(folder, kind).decode(errors="replace")


def no_model(path: Path, kind: str, error: object) -> InputError:
    """Return the error for a file that is the one written, but not a model of its kind."""
    return InputError(found=f"{path}: {error}", expected=f"a {kind} model", hint="train again with this version")


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
