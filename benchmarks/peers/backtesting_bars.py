"""backtesting.py on a million bars of one symbol, with a stop and a target. Its environment: backtesting.

python backtesting_bars.py FOLDER/bars.npz
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from timed import report


def strategy_of(given: dict[str, float]) -> type[Strategy]:
    """Return the crossing of two averages with these parameters."""

    class Crossing(Strategy):
        def init(self) -> None:
            self.fast, self.slow = (
                self.I(
                    lambda close, window=window: pd.Series(close).rolling(int(window)).mean().to_numpy(),
                    self.data.Close,
                )
                for window in (given["fast"], given["slow"])
            )

        def next(self) -> None:
            was, now = (self.fast[at] > self.slow[at] + given["margin"] for at in (-2, -1))
            if now and not was and not self.position:
                close = self.data.Close[-1]
                self.buy(size=1, sl=close * (1.0 - given["stop"]), tp=close * (1.0 + given["target"]))
            elif was and not now and self.position:
                self.position.close()

    return Crossing


def main(path: Path) -> None:
    with np.load(path) as file:
        given = {name: float(file[name]) for name in file.files if file[name].ndim == 0}
        columns = {name.title(): file[name] for name in ("open", "high", "low", "close")}
    frame = pd.DataFrame({**columns, "Volume": 1.0})
    frame.index = pd.date_range("2015-01-01", periods=len(frame), freq="5min")

    def run() -> pd.Series:
        test = Backtest(frame, strategy_of(given), cash=given["cash"], commission=given["fee"])
        return test.run()

    def end_of(result: pd.Series) -> str:
        return f"ends at {result['_equity_curve']['Equity'].iloc[-1]:.9g} after {result['# Trades']} trades"

    report(f"{len(frame)} bars", run, end_of, packages=("backtesting", "pandas"), rounds=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
