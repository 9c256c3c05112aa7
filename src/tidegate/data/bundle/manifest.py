"""The manifest of a bundle: what it holds, to the byte, and what it was cut out of."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from tidegate.core.config import Settings, misfit
from tidegate.core.errors import DataError
from tidegate.core.fingerprint import fingerprint
from tidegate.core.time import BarInterval, Window, format_instant
from tidegate.data.tables import TABLES

__all__ = ["BUNDLE_TYPE", "MANIFEST_NAME", "BundleFile", "BundleManifest", "BundleScope"]

BUNDLE_TYPE: Final = "tidegate_bundle_v1"
MANIFEST_NAME: Final = "bundle_manifest.json"

_FAMILY: Final = "tidegate_bundle_v"
_CONTENT: Final = ("type", "scope", "files")

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=1, lt=2**53)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Version = Annotated[int, Field(ge=0, lt=2**53)]


class BundleScope(Settings):
    """What was asked for; times are ISO text in UTC, None leaves a side open."""

    start: str | None = None
    """Event times after this one."""
    end: str | None = None
    """Event times up to this one."""
    as_of: str | None = None
    """Rows known by then; None means all that were known when the bundle was made."""
    symbols: tuple[str, ...] | None = None
    """Only these, in tables of symbols; None means all."""

    @classmethod
    def of(cls, window: Window, as_of: int | None, symbols: tuple[str, ...] | None) -> Self:
        """Return the scope as it stands in a manifest."""
        return cls(
            start=None if window.start is None else format_instant(window.start),
            end=None if window.end is None else format_instant(window.end),
            as_of=None if as_of is None else format_instant(as_of),
            symbols=symbols,
        )


class BundleFile(Settings):
    """One Parquet file: the rows of one data set of one table, every vintage of them."""

    file: str
    """Name of the member; it follows from table, data set and interval."""
    table: str
    """Table of the catalog."""
    dataset: Name
    """Data set."""
    interval: BarInterval | None = None
    """Size of the bars; None in tables that have none."""
    bytes: Size
    """Size of the file."""
    rows: Size
    """Number of rows."""
    sha256: Sha256
    """Of the file."""

    @model_validator(mode="after")
    def _names_its_content(self) -> Self:
        if self.table not in TABLES:
            raise misfit(f"one of {', '.join(TABLES)}", at=("table",), value=self.table, hint="upgrade tidegate")
        name = self.name_of(self.table, self.dataset, self.interval)
        if self.file != name or (self.interval is not None) != ("interval" in TABLES[self.table].partition):
            raise misfit(f"the name {name}", at=("file",), value=self.file, hint="build the bundle again")
        return self

    @staticmethod
    def name_of(table: str, dataset: str, interval: str | None) -> str:
        """Return the name of a member.

        Examples
        --------
        >>> BundleFile.name_of("bars", "us-equity", "1d"), BundleFile.name_of("macro", "fred", None)
        ('bars/us-equity/1d.parquet', 'macro/fred.parquet')
        """
        return "/".join([table, dataset, *([interval] if interval else [])]) + ".parquet"

    @property
    def source(self) -> str:
        """``table/data set``, under which versions are noted."""
        return f"{self.table}/{self.dataset}"


class BundleManifest(Settings):
    """Everything about a bundle. It depends on what the bundle holds and on nothing else, least of all on a clock."""

    type: Literal["tidegate_bundle_v1"] = BUNDLE_TYPE
    """The format."""
    id: Sha256
    """SHA-256 of type, scope and files: the same rows cut the same way have the same one on every machine."""
    code_version: str
    """Tidegate that built it."""
    recorded_until: str
    """When the newest of its rows was recorded by the catalog that it was cut out of."""
    recipe: str | None = None
    """Name of the recipe whose data these are."""
    scope: BundleScope = BundleScope()
    """What was asked for."""
    sources: dict[str, Version]
    """Version of each ``table/data set`` that was read."""
    files: tuple[BundleFile, ...]
    """The members, in their order."""
    fingerprint: Sha256
    """SHA-256 of all of the above."""

    @classmethod
    def of(
        cls,
        files: tuple[BundleFile, ...],
        *,
        scope: BundleScope,
        sources: dict[str, int],
        recorded_until: str,
        recipe: str | None,
        code_version: str,
    ) -> Self:
        """Return the manifest of these files."""
        document: dict[str, Any] = {
            "type": BUNDLE_TYPE,
            "code_version": code_version,
            "recorded_until": recorded_until,
            "recipe": recipe,
            "scope": scope.model_dump(mode="json"),
            "sources": sources,
            "files": [file.model_dump(mode="json") for file in files],
        }
        document["id"] = _content_id(document)
        return cls.model_validate({**document, "fingerprint": fingerprint(document)})

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read a manifest.

        Raises
        ------
        DataError
            If it is none, is of a newer format, contradicts itself, or names a file that no bundle may hold.
        """
        document = _document(text)
        found = document.get("type")
        if found != BUNDLE_TYPE and isinstance(found, str) and found.startswith(_FAMILY):
            raise DataError(found=f"a bundle of format {found}", expected=BUNDLE_TYPE, hint="upgrade tidegate")
        try:
            manifest = cls.model_validate(document)
        except ValidationError as error:
            mistake = error.errors()[0]
            place = ".".join(str(part) for part in (*mistake["loc"], *mistake.get("ctx", {}).get("at", ())))
            raise _unusable(f"{place or 'the document'}: {mistake['msg']}") from None
        manifest._require_consistent()
        if manifest.encoded() != text:  # so that every byte counts, and not only those that JSON minds
            raise _unusable("the right content, written otherwise")
        return manifest

    @property
    def size_bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)

    @property
    def rows(self) -> int:
        """Number of all rows."""
        return sum(file.rows for file in self.files)

    def encoded(self) -> bytes:
        """Return the member's content."""
        content = self.model_dump(mode="json")
        return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()

    def _require_consistent(self) -> None:
        document = self.model_dump(mode="json")
        stated = document.pop("fingerprint")
        names = [file.file for file in self.files]
        if fingerprint(document) != stated or _content_id(document) != self.id:
            raise _unusable("content that its own fingerprints do not fit")
        if not names or names != sorted(set(names)):
            raise _unusable("no files, or files out of order or named twice")
        if {file.source for file in self.files} != set(self.sources):
            raise _unusable("sources that are not those of its files")


def _content_id(document: dict[str, Any]) -> str:
    return fingerprint({name: document[name] for name in _CONTENT})


def _document(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _unusable(f"no JSON ({str(error).splitlines()[0]})") from None
    if not isinstance(document, dict):
        raise _unusable("no JSON object")
    return document


def _unusable(what: str) -> DataError:
    return DataError(
        found=f"{MANIFEST_NAME}: {what}",
        expected="a manifest as tidegate bundle build writes it",
        hint="copy the bundle again; if that does not help, build it again",
    )
