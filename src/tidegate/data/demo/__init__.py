"""A small real data set inside the package, so that the main job can be seen without a network.

Twenty US large caps and the S&P 500 index, daily closes from 1990-01-02 to 2022-12-28, and the three-month US
Treasury rate from 1990-01-02 to 2017-03-29. ``NOTICE.md`` beside the files names sources,
licences and known defects.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

__all__ = ["DEMO_INDEX", "DEMO_SYMBOLS", "demo_bars_path", "demo_rates_path"]

DEMO_SYMBOLS: Final = (
    "AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "JPM", "KO",
    "LLY", "MRK", "MSFT", "PEP", "PFE", "PG", "RRC", "UNH", "WMT", "XOM",
)  # fmt: skip
"""The twenty stocks, in the order of the file. All are survivors: they were chosen in 2022 or later."""

DEMO_INDEX: Final = "SP500"
"""The symbol of the index, which is not tradable and does not contain dividends."""


def demo_bars_path() -> tuple[Path, Path]:
    """Return the Parquet files of the stocks and of the index.

    Both hold ``symbol str, date Date, close f64`` sorted by symbol and date, one row per XNYS session without
    a gap. Stock closes are adjusted for splits and dividends; a close is known at its session's close.

    Examples
    --------
    >>> [path.name for path in demo_bars_path()]
    ['us_large_caps.parquet', 'sp500_index.parquet']
    """
    return _file("us_large_caps.parquet"), _file("sp500_index.parquet")


def demo_rates_path() -> Path:
    """Return the Parquet file of the three-month US Treasury rate.

    It holds ``date Date, rate f64``, a fraction per year, one row per day on which the bond market traded; a
    rate is published after that day's close.

    Examples
    --------
    >>> demo_rates_path().name
    'us_treasury_3m.parquet'
    """
    return _file("us_treasury_3m.parquet")


def _file(name: str) -> Path:
    return Path(str(files(__name__) / name))
