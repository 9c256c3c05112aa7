"""Writing a recorded backtest so that anyone can hold another engine against it: Parquet, and what each column is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from tidegate.core.errors import InputError
from tidegate.core.files import write_atomically, write_text
from tidegate.engine.recording import Recording

__all__ = ["COLUMNS", "Column", "describe_dump", "dump", "require_dump_folder"]

README: Final = "README.md"


class Column(NamedTuple):
    """A column's unit, and what it says."""

    unit: str
    about: str


_DECIDED: Final = Column("UTC", "close of the decision: everything it read was known by then")
_FILLED: Final = Column("UTC", "close of the session in which it was filled")
_SYMBOL: Final = Column("name", "symbol")

COLUMNS: Final[Mapping[str, Mapping[str, Column]]] = {
    "decisions": {
        "decided_at": _DECIDED,
        "fill_at": Column("UTC", "close of the session in which the orders fill: the next row"),
        "rebalances": Column("bool", "the schedule asked for it; where false, the guard traded between rebalances"),
        "action": Column("word", "`trade`: the book goes to the targets; `hold`: it stays as it is"),
        "step": Column("word", "step that decided: ranking, guard, filter, tier, stale, not_ready, empty, signs"),
        "binding": Column("list of words", "constraints that limited it; the rules say what each means"),
        "pick": Column("name", "where the money of risk-off went; null is cash, or no risk-off"),
        "drawdown": Column("fraction", "fall from the peak that tiers and guard read, at `decided_at`"),
        "tier_cap": Column("fraction of equity", "largest exposure by the drawdown tiers"),
        "sigma": Column("per year", "volatility that the target was held against; null where none was measured"),
        "exposure": Column("fraction of equity", "smallest of exposure, tier and volatility cap; null without ranking"),
        "turnover": Column("fraction of equity", "half the sum of weight changes asked for, before the limit"),
        "stuck": Column("fraction of equity", "weight, at `decided_at`, of holdings that do not trade"),
        "reason": Column("text", "the step in words"),
    },
    "targets": {
        "decided_at": _DECIDED,
        "symbol": Column("name", "every name that is held or wanted"),
        "current": Column("fraction of equity", "weight at `decided_at`"),
        "weight": Column("fraction of equity", "weight wanted, after every limit, before costs"),
        "keep": Column("bool", "the shares stay as they are, so that `weight` is `current`"),
    },
    "orders": {
        "decided_at": _DECIDED,
        "at": Column("UTC", "close of the session in which it was tried"),
        "symbol": _SYMBOL,
        "wanted": Column("shares", "change asked for in this session, negative for a sale"),
        "filled": Column("shares", "change done"),
        "status": Column("word", "filled; waiting (the rest is tried again); partly filled, expired (it is not)"),
        "reason": Column(
            "text", "why a part did not fill, or that it was the last session of the symbol; empty otherwise"
        ),
    },
    "fills": {
        "decided_at": _DECIDED,
        "at": _FILLED,
        "symbol": _SYMBOL,
        "quantity": Column("shares", "negative when sold"),
        "price": Column("currency per share", "before costs, at the open, close or average of the session"),
        "commission": Column("currency", "paid, at least 0"),
        "half_spread": Column("currency", "paid, at least 0"),
        "impact": Column("currency", "paid, at least 0"),
        "stamp_tax": Column("currency", "paid, at least 0"),
        "notional": Column("currency", "quantity times price"),
    },
    "ledger": {
        "at": Column("UTC", "close of the session that booked it"),
        "account": Column(
            "word", "deposit, corporate_actions, interest, trade, commission, half_spread, impact, stamp_tax"
        ),
        "symbol": Column("name", "symbol of the trade; empty where there is none"),
        "amount": Column("currency", "positive when it comes in; cash at any close is the sum so far"),
    },
    "daily": {
        "time": Column("UTC", "close of the session; the columns below are as of it, or of the session it ends"),
        "equity": Column("currency", "cash and positions at the close"),
        "cash": Column("currency", "cash at the close"),
        "invested": Column("currency", "positions at the close, short ones negative"),
        "exposure": Column("fraction of equity", "sum of absolute positions"),
        "holdings": Column("count", "symbols held"),
        "commission": Column("currency", "paid in the session"),
        "half_spread": Column("currency", "paid in the session"),
        "impact": Column("currency", "paid in the session"),
        "stamp_tax": Column("currency", "paid in the session"),
        "interest": Column("currency", "received before the fills, for the time since the close before"),
        "corporate_actions": Column("currency", "dividends and funding received before the fills, negative when paid"),
        "traded": Column("currency", "bought and sold in the session"),
        "turnover": Column("fraction of equity", "half of `traded` by the equity at the close"),
        "decided": Column("word", "step whose decision filled in this session; null where none did"),
        "binding": Column("list of words", "constraints of the last decision so far, whether it traded or held"),
    },
    "positions": {
        "time": Column("UTC", "close"),
        "symbol": _SYMBOL,
        "shares": Column("shares", "held after the session, negative when short"),
        "mark": Column("currency per share", "last known close"),
        "value": Column("currency", "shares times mark"),
        "weight": Column("fraction of equity", "value by the equity at the close"),
    },
}
"""Every frame and column of a dump."""

_ABOUT: Final = {
    "decisions": "One row per rebalance, and per trade of the guard between rebalances.",
    "targets": "The target vector of each decision with `action` = `trade`, in symbol order.",
    "orders": "One row per order and session that tried it, in symbol order; forced exits come last.",
    "fills": "One row per trade, as booked: sales in symbol order, then buys, then forced exits.",
    "ledger": "One row per movement of cash, as booked: dividends and funding, interest, then fills with their costs.",
    "daily": "One row per session, the first one before anything traded.",
    "positions": "One row per session and symbol held, after its fills.",
}

_HEAD: Final = """\
# A backtest, written down

`tidegate backtest RECIPE --dump DIR` writes these files. Instants are the closes that end sessions, in UTC with
microseconds. A decision reads rows up to its close and fills in the next session. Fractions are not percent. Numbers
are 64-bit floats, not rounded, so that another engine can be held against them decision by decision.

The files agree with one another, which is checked before they are written: at every close cash is the sum of the
ledger so far, shares are the sum of the fills (after splits), and cash and positions are the equity, to half a cent.
"""


def describe_dump() -> str:
    """Return the page that explains every file and column, in Markdown."""
    parts = [_HEAD]
    for name, columns in COLUMNS.items():
        rows = [
            f"| `{column}` | {unit} | {about[0].upper()}{about[1:]}. |" for column, (unit, about) in columns.items()
        ]
        parts.append(
            "\n".join(
                [f"## {name}.parquet", "", _ABOUT[name], "", "| column | unit | meaning |", "|---|---|---|", *rows, ""]
            )
        )
    return "\n".join(parts)


def require_dump_folder(folder: Path) -> None:
    """Refuse a folder that a dump cannot go to, before anything is computed.

    Files of an earlier dump, whole or broken off, may lie there; another README or other frames of these names are
    somebody's work and stay.

    Raises
    ------
    InputError
        If the folder is a file, cannot be written, or holds files that a dump would replace and none wrote.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise _unfit(folder, "cannot be written" if there.is_dir() else f"{there} is no folder")
    theirs = [name for name in (README, *map(_file_of, COLUMNS)) if not _may_be_replaced(folder / name)]
    if theirs:
        raise InputError(
            found=f"{folder}, which holds {', '.join(theirs)} that no dump wrote",
            expected="a new folder, or one of an earlier dump",
            hint="name another folder after --dump",
        )


def _may_be_replaced(path: Path) -> bool:
    if not path.is_file():
        return True  # what is no file cannot be replaced, and says so by itself
    if path.name == README:
        return path.read_bytes().startswith(_HEAD.splitlines()[0].encode())
    try:
        return list(pl.read_parquet_schema(path)) == list(COLUMNS[path.stem])
    except (OSError, pl.exceptions.PolarsError):
        return False


def _file_of(frame: str) -> str:
    return f"{frame}.parquet"


def _unfit(folder: Path, why: str) -> InputError:
    return InputError(
        found=f"{folder}: {why}", expected="a folder that can be written", hint="name another folder after --dump"
    )


def dump(recording: Recording, folder: Path) -> list[Path]:
    """Write every frame of a recording as Parquet, and a README that explains them and names the order list.

    Each file is there whole or not at all; the README is written last, so that a folder without one is no whole dump.

    Parameters
    ----------
    folder
        Is made where it does not exist. Files of an earlier dump are replaced.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        If the folder is a file, cannot be written, or holds files of these names that no dump wrote.
    """
    require_dump_folder(folder)
    try:
        (folder / README).unlink(missing_ok=True)
        written = [_write(folder / _file_of(name), frame) for name, frame in recording.frames().items()]
        return [*written, write_text(folder / README, describe_dump() + _this_one(recording))]
    except OSError as error:
        raise _unfit(folder, error.strerror or str(error)) from error


def _write(path: Path, frame: pl.DataFrame) -> Path:
    return write_atomically(path, frame.write_parquet)


def _this_one(recording: Recording) -> str:
    counts = [f"| {name} | {frame.height} |" for name, frame in recording.frames().items()]
    head = ["", "## This dump", "", f"Order list (SHA-256 of all orders and fills): `{recording.order_list}`", ""]
    return "\n".join([*head, "| file | rows |", "|---|---:|", *counts, ""])
