"""The only door to randomness: seeded generators for results, unguessable names for runs."""

from __future__ import annotations

import hashlib
import secrets
from urllib.parse import quote

import numpy as np

__all__ = ["derive_seed", "generator", "unique_suffix"]


def derive_seed(seed: int, *scope: str | int) -> int:
    """Return a seed below 2**31 for one named use, independent between scopes.

    Examples
    --------
    >>> derive_seed(7, "model", 2000) == derive_seed(7, "model", 2000)
    True
    >>> derive_seed(7, "model", 2000) == derive_seed(7, "model", 2001)
    False
    """
    text = "/".join(quote(str(part), safe="") for part in (seed, *scope))  # ("a/b") is not ("a", "b")
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def generator(seed: int, *scope: str | int) -> np.random.Generator:
    """Return a seeded NumPy generator for one named use."""
    return np.random.default_rng(derive_seed(seed, *scope))


def unique_suffix() -> str:
    """Return six random hexadecimal digits, to keep names apart; never used for results."""
    return secrets.token_hex(3)
