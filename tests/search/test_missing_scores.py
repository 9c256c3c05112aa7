"""What keeps a training run from being backtested, found before it is submitted (equity E.6, D.6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tidegate.core.files import write_atomically
from tidegate.core.time import DAY, Instant, instant_of
from tidegate.registry import Run, RunKind, RunStatus
from tidegate.search.missing_scores import missing_score

FIRST = datetime(2020, 1, 1, 21, tzinfo=UTC)
START, END = Instant(instant_of(FIRST) + 3 * DAY), Instant(instant_of(FIRST) + 19 * DAY)
Change = Callable[[pl.DataFrame], pl.DataFrame]


def scores(days: int = 20, names: str = "ABC") -> pl.DataFrame:
    """Return scores of each day, as a training run keeps them."""
    rows = [(FIRST + timedelta(days=day), name, "ridge", day / 7.0, 0, FIRST) for day in range(days) for name in names]
    schema: Any = {
        "time": pl.Datetime("us", "UTC"),
        "symbol": pl.String,
        "model": pl.String,
        "score": pl.Float64,
        "fold": pl.Int32,
        "trained_until": pl.Datetime("us", "UTC"),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def trained(folder: Path, frame: pl.DataFrame | None) -> Run:
    if frame is not None:
        write_atomically(folder / "scores.parquet", frame.write_parquet)
    return Run(
        id="train-1", project="p", kind=RunKind.TRAIN, status=RunStatus.FINISHED, recipe_name="r", recipe={},
        fingerprint="0", parent=None, started_at=Instant(0), finished_at=Instant(1), data_versions={}, environment={},
        seed=0, metrics={}, error=None, folder=folder,
    )  # fmt: skip


def day(number: int) -> pl.Expr:
    return pl.col("time") == FIRST + timedelta(days=number)


def test_whole_scores_lack_nothing(tmp_path: Path) -> None:
    """Only what is used counts: days before the window and other models may lack anything."""
    frame = scores()
    before = frame.with_columns(pl.when(day(1)).then(None).otherwise(pl.col("score")).alias("score"))
    other = frame.with_columns(pl.lit("xgboost").alias("model"), pl.lit(float("nan")).alias("score"))
    run = trained(tmp_path, pl.concat([before, other]))

    assert missing_score(run, "ridge", start=START, end=END, least_symbols=3) is None
    assert missing_score(run, "ridge", start=START, end=END, least_symbols=0, max_age=2 * DAY) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda frame: frame.filter(pl.col("symbol") != "A"), "fewer than 3 names at 17 of 17 instants: 2 names 2020-"),
        (lambda frame: frame.filter(~(day(9) & (pl.col("symbol") == "A"))), "at 1 of 17 instants: 2 names 2020-01-10"),
        (lambda frame: frame.filter(pl.col("time") > FIRST + timedelta(days=3)), "begin 2020-01-05, later"),
        (lambda frame: frame.filter(~day(19)), "end 2020-01-19, before the window, which ends 2020-01-20"),
        (lambda frame: frame.clear(), "no score of 'ridge', only of nobody"),
        (lambda frame: frame.with_columns(model=pl.lit("lightgbm")), "no score of 'ridge', only of lightgbm"),
        (lambda frame: frame.with_columns(score=pl.when(day(9)).then(float("nan")).otherwise("score")), "not finite"),
        (lambda frame: frame.with_columns(score=pl.when(day(9)).then(float("inf")).otherwise("score")), "not finite"),
        (lambda frame: frame.with_columns(score=pl.when(day(9)).then(None).otherwise("score")), "finite at 1 of 17"),
        (lambda frame: pl.concat([frame, frame.filter(day(9))]), "given twice at 1 of 17 instants"),
        (lambda frame: frame.drop("score"), "no column score"),
        (lambda frame: frame.with_columns(score=pl.lit("much")), "cannot be read"),
        (lambda frame: frame.with_columns(time=pl.lit("now")), "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(tmp_path: Path, change: Change, told: str) -> None:
    """Equity E.6: file, header, cover of the window, names a day."""
    reason = missing_score(trained(tmp_path, change(scores())), "ridge", start=START, end=END, least_symbols=3)

    assert reason is not None
    assert told in reason
    assert "train-1" in reason
    assert "\n" not in reason


def test_scores_count_as_long_as_the_strategy_says(tmp_path: Path) -> None:
    run = trained(tmp_path, scores(18).filter(~day(10)).filter(~day(11)))

    def found(max_age: int) -> str | None:
        return missing_score(run, "ridge", start=START, end=END, least_symbols=3, max_age=max_age)

    assert found(3 * DAY) is None
    assert "gap from 2020-01-10 to 2020-01-13" in str(found(2 * DAY))
    assert "end 2020-01-18, and count for 1 days" in str(found(DAY))


def test_a_score_before_the_window_is_in_force_at_its_start(tmp_path: Path) -> None:
    run = trained(tmp_path, scores().filter(~day(3)))

    assert missing_score(run, "ridge", start=START, end=END, least_symbols=3) is None


@pytest.mark.parametrize("content", [b"", b"PAR1 and nothing else", None])
def test_a_file_that_is_gone_or_broken(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "scores.parquet").write_bytes(content)

    told = missing_score(trained(tmp_path, None), "ridge", start=START, end=END, least_symbols=1)

    assert told is not None
    assert ("cannot be read" in told) if content is not None else (told == "the scores.parquet of train-1 is gone")
    gone = missing_score(trained(tmp_path / "gone", None), "ridge", start=START, end=END, least_symbols=1)
    assert gone == "the folder of train-1 is gone"


def test_nothing_is_filled_in(tmp_path: Path) -> None:
    """Equity D.6, H 9: the original appended scores of another model to the artifact."""
    run = trained(tmp_path, scores(names="A"))
    before = (tmp_path / "scores.parquet").read_bytes()

    missing_score(run, "ridge", start=START, end=END, least_symbols=3)

    assert (tmp_path / "scores.parquet").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["scores.parquet"]
