"""What to type to bring what is missing: real commands, with the data set's name in them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

from tidegate.core.recipe import DataKind, Recipe

__all__ = ["recommended_commands"]

_BROUGHT_BY: Final = {
    DataKind.SECONDARY_BARS: "ohlcv FILE --dataset {dataset} --interval {secondary}",
    DataKind.ORDER_BOOKS: "ccxt --exchange EXCHANGE --kind order_books --symbols SYMBOL --dataset {dataset}",
    DataKind.FUNDING: "funding FILE --dataset {dataset}",
    DataKind.DERIVATIVES: "binance-derivatives {symbols} --dataset {dataset}",
    DataKind.MACRO: "macro FILE --dataset {dataset}",
    DataKind.EVENTS: "events FILE --dataset {dataset}",
    DataKind.POSTS: "social FILE --dataset {dataset}",
    DataKind.COMMENTS: "social FILE --dataset {dataset}",
    DataKind.SYMBOL_LIVES: "lives FILE --dataset {dataset}",
}
_BARS: Final = "ohlcv FILE --dataset {dataset} --interval {interval}"


def recommended_commands(
    recipe: Recipe, missing: Sequence[str], symbols: Sequence[str], *, ended_early: bool = False
) -> list[str]:
    """Return the commands that bring the missing data kinds, the recipe's own collection first.

    Words in capitals stand for what only the user knows: a ``FILE``, an ``EXCHANGE``, a ``SYMBOL`` as that exchange
    writes it. A kind that no shipped source brings has no command.

    Parameters
    ----------
    missing
        Data kinds, ``bars`` among them.
    symbols
        Whose data they are.
    ended_early
        Whether a symbol ends before the window does, which a record of its delisting would explain.

    Examples
    --------
    >>> from tidegate.core.recipe import load_recipe
    >>> recommended_commands(load_recipe("us-rotation"), ["bars"], [])
    ['tidegate ingest ohlcv FILE --dataset us-equity --interval 1d']
    """
    if not missing:
        return []
    found = [f"tidegate collect {recipe.name}"] if recipe.collect else []
    for kind in missing:
        if kind == "universe":
            found.append(f"tidegate universe build {recipe.data.dataset} --name {recipe.universe.snapshot} --top-n 100")
        elif kind == "bars":
            found.append(f"tidegate ingest {_BARS}".format(dataset=recipe.data.dataset, interval=recipe.data.interval))
        elif kind in _BROUGHT_BY:
            found.append(
                f"tidegate ingest {_BROUGHT_BY[DataKind(kind)]}".format(
                    dataset=recipe.data.uses.get(DataKind(kind), kind.replace("_", "-")),
                    secondary=recipe.data.readiness.secondary_interval,
                    symbols=" ".join(f"--symbols {shlex.quote(_on_binance(one))}" for one in symbols or ["SYMBOL"]),
                )
            )
    if ended_early:
        dataset = recipe.data.uses.get(DataKind.SYMBOL_LIVES, recipe.data.dataset)
        found.append(f"tidegate ingest lives FILE --dataset {dataset}")
    return list(dict.fromkeys(found))


def _on_binance(symbol: str) -> str:
    """Return a coin's perpetual as Binance calls it, kept under the name that the recipe uses."""
    return symbol if symbol.endswith(("USDT", "USDC", "SYMBOL")) else f"{symbol}USDT={symbol}"
