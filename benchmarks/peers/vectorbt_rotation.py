"""vectorbt on the rotation: only the columns that were ever held, and ready weights. Its environment: vectorbt.

python vectorbt_rotation.py FOLDER/rotation_359.npz, or another of the files of rotations
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import vectorbt
from timed import report


def portfolio(close: pd.DataFrame, weights: pd.DataFrame, groups: np.ndarray, cash: float, fee: float) -> np.ndarray:
    """Return the equity of each group of columns at each close."""
    done = vectorbt.Portfolio.from_orders(
        close,
        weights,
        size_type="targetpercent",
        fees=fee,
        init_cash=cash,
        cash_sharing=True,
        group_by=groups,
        call_seq="auto",
        freq="1D",
    )
    return done.value().to_numpy().reshape(len(close), -1)


def orders(weights: np.ndarray, places: np.ndarray, fills: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return target weights where something is ordered: those of the chosen, and 0 for who leaves."""
    wanted = np.full(shape, np.nan)
    for fill, row in enumerate(fills):
        if fill:
            wanted[row, places[fill - 1]] = 0.0
        wanted[row, places[fill]] = weights[fill]
    return wanted


def end_of(equity: np.ndarray) -> str:
    return f"first set ends at {equity[-1, 0]:.10g}, all at {equity[-1].mean():.10g} in the mean"


def main(path: Path) -> None:
    with np.load(path) as given:
        close, places, fills, sets = (given[name] for name in ("close", "places", "fills", "weights"))
        cash, fee = float(given["cash"]), float(given["fee"])
    frame = pd.DataFrame(np.tile(close, (1, len(sets))))
    weights = pd.DataFrame(np.hstack([orders(one, places, fills, close.shape) for one in sets]))
    groups = np.repeat(np.arange(len(sets)), close.shape[1])

    def run() -> np.ndarray:
        return portfolio(frame, weights, groups, cash, fee)

    rounds = 5 if len(sets) == 1 else 1
    report(path.stem, run, end_of, packages=("vectorbt", "numba", "pandas"), rounds=rounds)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
