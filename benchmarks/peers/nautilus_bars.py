"""nautilus_trader on 100,000 bars of one symbol without stops, through its loop. Its environment: nautilus_trader.

python nautilus_bars.py FOLDER/bars.npz
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy
from timed import report

BARS = 100_000
VENUE = Venue("SIM")
NAME = InstrumentId(Symbol("BTCUSDT"), VENUE)
KIND = BarType.from_str(f"{NAME}-5-MINUTE-LAST-EXTERNAL")


def instrument(fee: float) -> CurrencyPair:
    """Return a pair that trades whole units at prices with two decimals."""
    nothing = dict.fromkeys(
        ("lot_size", "max_quantity", "min_quantity", "max_notional", "min_notional", "max_price", "min_price")
    )
    return CurrencyPair(
        instrument_id=NAME,
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=BTC,
        quote_currency=USDT,
        price_precision=2,
        size_precision=0,
        price_increment=Price(0.01, 2),
        size_increment=Quantity.from_int(1),
        margin_init=Decimal(0),
        margin_maint=Decimal(0),
        maker_fee=Decimal(str(fee)),
        taker_fee=Decimal(str(fee)),
        ts_event=0,
        ts_init=0,
        **nothing,
    )


class Crossing(Strategy):
    """Long while the fast average is above the slow one."""

    def __init__(self, given: dict[str, float]) -> None:
        super().__init__()
        self.given = given
        self.fast, self.slow = (SimpleMovingAverage(int(given[name])) for name in ("fast", "slow"))
        self.was: bool | None = None
        self.units, self.trades = 0, 0

    def on_start(self) -> None:
        for average in (self.fast, self.slow):
            self.register_indicator_for_bars(KIND, average)
        self.subscribe_bars(KIND)

    def on_bar(self, _: Bar) -> None:
        if not self.slow.initialized:
            return
        now = self.fast.value > self.slow.value + self.given["margin"]
        if self.was is not None and now != self.was and self.units != int(now):
            side = OrderSide.BUY if now else OrderSide.SELL
            self.submit_order(self.order_factory.market(NAME, side, Quantity.from_int(1)))
            self.units = int(now)
            self.trades += int(now)
        self.was = now


def main(path: Path) -> None:
    with np.load(path) as file:
        given = {name: float(file[name]) for name in file.files if file[name].ndim == 0}
        frame = pd.DataFrame({name: file[name][:BARS] for name in ("open", "high", "low", "close")})
    frame["volume"] = 1e6
    frame.index = pd.date_range("2015-01-01", periods=len(frame), freq="5min", tz="UTC")
    pair = instrument(given["fee"])
    events = BarDataWrangler(KIND, pair).process(frame)

    def run() -> tuple[float, int]:
        engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
        engine.add_venue(
            venue=VENUE,
            oms_type=OmsType.NETTING,
            account_type=AccountType.CASH,
            base_currency=None,
            starting_balances=[Money(given["cash"], USDT), Money(1, BTC)],  # a cash account has to own some
        )
        engine.add_instrument(pair)
        engine.add_data(events)
        strategy = Crossing(given)
        engine.add_strategy(strategy)
        engine.run()
        account = engine.cache.account_for_venue(VENUE)
        cash, coins = (account.balance_total(currency).as_double() for currency in (USDT, BTC))
        engine.dispose()
        return cash + (coins - 1.0) * frame["close"].iloc[-1], strategy.trades

    def end_of(result: tuple[float, int]) -> str:
        return f"ends at {result[0]:.9g} after {result[1]} trades"

    report(f"{len(frame)} bars without stops", run, end_of, packages=("nautilus_trader",), rounds=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
