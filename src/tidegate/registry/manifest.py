"""What an artifact says of itself: one document, whose SHA-256 is the artifact's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

from tidegate.core.errors import InputError
from tidegate.core.fingerprint import fingerprint
from tidegate.core.time import Instant

__all__ = ["ARTIFACT_SCHEMA", "ArtifactManifest", "ArtifactParts", "StoredFile"]

ARTIFACT_SCHEMA: Final = 1


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """One file of an artifact: its size in bytes, and the SHA-256 of its content."""

    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class ArtifactParts:
    """Everything an artifact says of itself but its files.

    Nothing in here tells which run made it or when: equal work gives an equal artifact. That stands beside it, in
    :class:`~tidegate.registry.artifacts.Origin`.

    Parameters
    ----------
    name
        Of the recipe.
    version
        The day until which labels were seen, ``2024-06-21``.
    recipe_fingerprint, training_fingerprint
        SHA-256 of the whole recipe, and of the part of it that training depends on.
    model_kinds, leading_model
        Names of the forecasters, and of the one that decides.
    contract
        Fingerprint of the feature contract; another one is refused, never padded or cut to fit (D-26).
    trained_until
        Last instant, microseconds UTC, that a label reached which anything fitted has seen.
    split
        ``current`` and ``folds``: the windows of what is shipped, and of the folds that judged it.
    data_versions
        ``table/dataset`` to the table version that was read.
    seed
        Of every random choice.
    environment
        Versions of the program and its packages.
    metrics
        Model to its figures, all of them out of sample.
    calibration
        Model to ``method``, ``base_rate``, ``rows`` and ``threshold``; empty where nothing was calibrated.
    """

    name: str
    version: str
    recipe_fingerprint: str
    training_fingerprint: str
    model_kinds: tuple[str, ...]
    leading_model: str
    contract: str
    trained_until: Instant
    split: Mapping[str, Any]
    data_versions: Mapping[str, int]
    seed: int
    environment: Mapping[str, Any]
    metrics: Mapping[str, Any]
    calibration: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ArtifactManifest:
    """The parts and the files of an artifact.

    Parameters
    ----------
    parts
        What it is.
    files
        Path inside the artifact, with slashes, to the file; every file but the manifest and its origin is here.
    """

    parts: ArtifactParts
    files: Mapping[str, StoredFile]

    @property
    def identifier(self) -> str:
        """SHA-256 of the canonical document: the name of the artifact."""
        return fingerprint(self.as_document())

    def as_document(self) -> dict[str, Any]:
        """Return plain values; every number reads back from JSON as it was."""
        parts = asdict(self.parts)
        return {
            "schema": ARTIFACT_SCHEMA,
            **parts,
            "model_kinds": list(self.parts.model_kinds),
            "files": {path: asdict(self.files[path]) for path in sorted(self.files)},
        }

    @classmethod
    def from_document(cls, document: Any) -> Self:
        """Read what :meth:`as_document` wrote.

        Raises
        ------
        InputError
            If it is not such a document, or was written by a newer version.
        """
        names = {field.name for field in fields(ArtifactParts)}
        try:
            schema = int(document["schema"])
            if schema > ARTIFACT_SCHEMA:
                raise InputError(
                    found=f"an artifact of schema {schema}",
                    expected=f"at most {ARTIFACT_SCHEMA}",
                    hint="upgrade tidegate to read it",
                )
            given = {name: document[name] for name in names}
            files = {str(path): StoredFile(**entry) for path, entry in document["files"].items()}
            given["model_kinds"] = tuple(given["model_kinds"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                found=f"a manifest that cannot be read ({error})",
                expected="the manifest of an artifact",
                hint="restore it, or train again",
            ) from None
        return cls(parts=ArtifactParts(**given), files=files)
