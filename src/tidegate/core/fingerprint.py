"""Canonical fingerprints: the same content gives the same SHA-256 on every machine and in every process."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from tidegate.core.errors import InputError

__all__ = ["array_fingerprint", "canonical_json", "fingerprint"]


def fingerprint(content: object) -> str:
    """Return the SHA-256 (64 hexadecimal digits) of the canonical JSON of ``content``.

    Raises
    ------
    InputError
        If ``content`` holds something without one canonical form: NaN, an infinity, a key that is not text, an
        unknown type.

    Examples
    --------
    >>> fingerprint({"b": 1, "a": [1.0, None]}) == fingerprint({"a": [1.0, None], "b": 1})
    True
    """
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def array_fingerprint(*arrays: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of shapes, dtypes and little-endian bytes of arrays; every NaN counts as the same NaN.

    Raises
    ------
    InputError
        If an array holds Python objects, whose bytes are addresses.
    """
    digest = hashlib.sha256()
    for array in arrays:
        if array.dtype.hasobject:
            raise InputError(found=f"an array of {array.dtype}", expected="numbers", hint="convert it to a plain dtype")
        plain = array.astype(array.dtype.newbyteorder("<"), copy=False)
        if plain.dtype.kind == "f":
            plain = np.where(np.isnan(plain), np.array(np.nan, plain.dtype), plain)
        digest.update(f"{plain.shape}{plain.dtype.str}".encode())
        digest.update(plain.tobytes())
    return digest.hexdigest()


def canonical_json(content: object) -> str:
    """Return JSON with sorted keys, no white space and shortest round-trip numbers."""
    return json.dumps(_plain(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(content: object) -> Any:
    if isinstance(content, BaseModel):
        return _plain(content.model_dump())
    if dataclasses.is_dataclass(content) and not isinstance(content, type):
        return {field.name: _plain(getattr(content, field.name)) for field in dataclasses.fields(content)}
    if isinstance(content, Mapping):
        return {_plain_key(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    return _plain_scalar(content)


def _plain_key(key: object) -> str:
    if not isinstance(key, str):  # 1 and "1" would become the same key
        raise InputError(found=f"the key {key!r}", expected="keys that are text", hint="turn the key into text")
    return str(key)


def _plain_scalar(content: object) -> Any:
    if isinstance(content, Enum):
        return _plain(content.value)
    if isinstance(content, datetime | date):
        return content.isoformat()
    if isinstance(content, np.generic) and content.dtype.kind in "biuf":
        content = content.item()
    if isinstance(content, float):
        if not math.isfinite(content):
            raise InputError(found=f"{content}", expected="finite numbers", hint="leave missing values out or use None")
        return content + 0.0  # -0.0 equals 0.0, so it has the same form
    if content is None or isinstance(content, str | bool | int):
        return content
    raise InputError(
        found=f"a {type(content).__name__}",
        expected="plain values",
        hint="turn it into numbers, text, lists or mappings",
    )
