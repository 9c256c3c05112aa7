"""Long frames by symbol: where the rows of each symbol lie."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import polars as pl

from tidegate.core.units import Int64Array

__all__ = ["SYMBOL", "instants_of", "spans_of"]

SYMBOL: Final = "symbol"


def instants_of(moments: pl.Series) -> Int64Array:
    """Return moments as instants."""
    return moments.dt.epoch("us").to_numpy()


def spans_of(symbols: pl.Series) -> list[tuple[str, tuple[int, int]]]:
    """Return each run of one symbol, with its first row and the row after its last."""
    if symbols.is_empty():
        return [("", (0, 0))]
    if symbols.dtype == pl.String and symbols.flags["SORTED_ASC"]:
        edges = [0]
        while edges[-1] < len(symbols):
            edges.append(int(symbols.search_sorted(symbols[edges[-1]], side="right")))
    else:
        changes = (symbols.slice(1) != symbols.slice(0, len(symbols) - 1)).arg_true()
        edges = [0, *(changes + 1).to_list(), len(symbols)]
    names = symbols.gather(edges[:-1]).cast(pl.String).to_list()
    return list(zip(names, pairwise(edges), strict=True))
