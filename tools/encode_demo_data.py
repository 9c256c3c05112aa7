r"""Make the demonstration data of ``tidegate.data.demo`` from the two published wheels that carry them.

The wheels are named by path and read as they are; nothing is downloaded::

    pip download --no-deps skfolio==1.12.2
    pip download --no-deps --platform manylinux2014_x86_64 --python-version 3.11 --only-binary=:all: \
        zipline-reloaded==3.2.1
    python tools/encode_demo_data.py skfolio-*.whl zipline_reloaded-*.whl

Prices and rates are the decimals of the source, neither rounded nor filled. With the same wheels and the same
pyarrow (26.0.1 made the shipped files) the bytes come out the same; the SHA-256 of each file is printed, and
``tests/data/test_demo.py`` pins it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["encode_demo_data", "main"]

TARGET: Final = Path(__file__).resolve().parents[1] / "src" / "tidegate" / "data" / "demo"

_LARGE_CAPS: Final = "skfolio/datasets/data/sp500_dataset.csv.gz"
_INDEX: Final = "skfolio/datasets/data/sp500_index.csv.gz"
_TREASURY: Final = "zipline/resources/market_data/treasury_curves.csv"
_LICENCES: Final = {
    "LICENSE.skfolio.txt": ".dist-info/licenses/LICENSE",
    "LICENSE.zipline-reloaded.txt": ".dist-info/licenses/LICENSE",
}

_DATE: Final = ("date", pa.date32())
_BARS: Final = pa.schema([("symbol", pa.string()), _DATE, ("close", pa.float64())])
_RATES: Final = pa.schema([_DATE, ("rate", pa.float64())])


def encode_demo_data(skfolio: Path, zipline: Path, target: Path) -> list[Path]:
    """Write the three Parquet files and the two licences into ``target`` and return their paths."""
    jobs: list[tuple[str, Callable[[], pl.DataFrame], pa.Schema]] = [
        ("us_large_caps.parquet", lambda: long_closes(_member(skfolio, _LARGE_CAPS)), _BARS),
        ("sp500_index.parquet", lambda: long_closes(_member(skfolio, _INDEX)), _BARS),
        ("us_treasury_3m.parquet", lambda: three_month_rates(_member(zipline, _TREASURY)), _RATES),
    ]
    (target / "LICENSES").mkdir(parents=True, exist_ok=True)
    written = [_write(target / name, make(), schema) for name, make, schema in jobs]
    for (name, ending), wheel in zip(_LICENCES.items(), (skfolio, zipline), strict=True):
        licence = target / "LICENSES" / name
        licence.write_bytes(_member(wheel, ending))
        written.append(licence)
    return written


def long_closes(table: bytes) -> pl.DataFrame:
    """Turn a table of one column per symbol into rows of ``symbol, date, close``, sorted."""
    wide = pl.read_csv(table, infer_schema=False)
    rows = wide.unpivot(index="Date", variable_name="symbol", value_name="close").drop_nulls("close")
    return rows.select("symbol", _day("Date"), pl.col("close").cast(pl.Float64)).sort("symbol", "date")


def three_month_rates(table: bytes) -> pl.DataFrame:
    """Turn the yield curves into rows of ``date, rate``; the rate is a fraction per year."""
    curves = pl.read_csv(table, infer_schema=False).drop_nulls("3month")
    return curves.select(_day("Time Period"), pl.col("3month").cast(pl.Float64).alias("rate")).sort("date")


def _day(column: str) -> pl.Expr:
    return pl.col(column).str.slice(0, len("1990-01-02")).str.to_date().alias("date")


def _member(wheel: Path, ending: str) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(ending)]
        if len(names) != 1:
            raise SystemExit(f"{wheel.name} holds {len(names)} files named {ending}; expected one")
        content = archive.read(names[0])
    return gzip.decompress(content) if ending.endswith(".gz") else content


def _write(path: Path, rows: pl.DataFrame, schema: pa.Schema) -> Path:
    table = rows.to_arrow().cast(schema)
    # Closes repeat to the cent, so a dictionary beats every other lossless encoding of doubles here.
    settings: dict[str, Any] = {
        "compression": "zstd",
        "compression_level": 22,
        "use_dictionary": [name for name in schema.names if name != "date"],
        "column_encoding": {"date": "DELTA_BINARY_PACKED"},
        "row_group_size": table.num_rows,
        "store_schema": False,
    }
    content = io.BytesIO()
    pq.write_table(table, content, **settings)
    path.write_bytes(content.getvalue())
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script and print size and SHA-256 of each file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    parser.add_argument("skfolio", type=Path, help="path of the skfolio 1.12.2 wheel")
    parser.add_argument("zipline", type=Path, help="path of the zipline-reloaded 3.2.1 wheel")
    parser.add_argument("--target", type=Path, default=TARGET, help="folder to write to")
    chosen = parser.parse_args(arguments)
    for path in encode_demo_data(chosen.skfolio, chosen.zipline, chosen.target):
        content = path.read_bytes()
        print(f"{len(content):>8}  {hashlib.sha256(content).hexdigest()}  {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
