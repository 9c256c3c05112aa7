"""Writes the inputs of the rotation and of the single symbol for peers, which run in environments of their own.

python benchmarks/for_peers.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import one_symbol
from rotation_market import CASH, FEE, Problem, parameter_sets, problem
from rotation_plain import exposures, plain_selection, plain_weights

PLAIN = (0.95, 0.0, 0.05)
"""Exposure, no volatility target, cap."""


def write_rotation(path: Path, given: Problem, sets: list[tuple[float, float, float]]) -> None:
    """Write prices of the columns that are ever held, who is chosen at each fill, and the ready weights of all sets."""
    places, scores = plain_selection(given)
    held = np.unique(places)
    weights = [plain_weights(scores, exposures(given, most, target), cap) for most, target, cap in sets]
    np.savez(
        path,
        close=given.close[:, held],
        places=np.searchsorted(held, places),
        fills=given.fills,
        weights=np.array(weights),
        cash=CASH,
        fee=FEE,
    )


def main(folder: Path) -> None:
    """Write everything."""
    folder.mkdir(parents=True, exist_ok=True)
    real, longer = problem(), problem(1_500)
    write_rotation(folder / "rotation_359.npz", real, [PLAIN])
    write_rotation(folder / "rotation_1500.npz", longer, [PLAIN])
    write_rotation(folder / "rotation_30_sets.npz", real, parameter_sets(30))
    names = ("fast", "slow", "margin", "stop", "target", "cash", "fee")
    parameters = {name: getattr(one_symbol, name.upper()) for name in names}
    np.savez(folder / "bars.npz", **one_symbol.bars()._asdict(), **parameters)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
