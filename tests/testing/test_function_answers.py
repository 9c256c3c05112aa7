"""Whatever shape a function's answer has, its values are placed where they belong or refused: never lost."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.audit import Depth
from tidegate.core.errors import InputError
from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.pipeline import Stage
from tidegate.testing import check_feature, check_pipeline, sample_history
from tidegate.testing.functions import FunctionPipeline
from tidegate.testing.kinds import FunctionKind, kind_of
from tidegate.testing.market_frames import bars_frame, panel_of
from tidegate.testing.numbers import numbers

pd = pytest.importorskip("pandas")

HISTORY = sample_history(n_times=60, n_symbols=4)
QUICK = Depth(prefixes=8, slices=0)


def check(function: Any, kind: str = "pandas") -> None:
    check_feature(function, kind=kind, history=HISTORY, depth=QUICK, workers=0, name="mine")


def stages(function: Any, kind: FunctionKind = FunctionKind.PANDAS) -> list[Stage]:
    return list(FunctionPipeline(function=function, kind=kind, name="mine").run(HISTORY))


def close_of(frame: Any) -> Any:
    return frame.pivot(index="time", columns="symbol", values="close")


def rolling(frame: Any, *, center: bool) -> Any:
    return frame.groupby("symbol")["close"].rolling(5, center=center).mean()


def wide(frame: Any, *, bars: int) -> Any:
    return close_of(frame).shift(bars)


def indexed(frame: Any, *, bars: int) -> Any:
    return frame.set_index(["symbol", "time"])["close"].groupby("symbol").shift(bars)


def indexed_by_time(frame: Any, *, bars: int) -> Any:
    return frame.set_index(["time", "symbol"])["close"].sort_index().groupby("symbol").shift(bars)


def time_alone(frame: Any, *, bars: int) -> Any:
    return frame.set_index("time").groupby("symbol")["close"].shift(bars)


def of_the_market(frame: Any, *, bars: int) -> Any:
    return frame.groupby("time")["close"].mean().shift(bars)


def of_the_market_as_rows(frame: Any, *, bars: int) -> Any:
    return of_the_market(frame, bars=bars).rename("mean").reset_index()


def stacked(frame: Any, *, bars: int) -> Any:
    return wide(frame, bars=bars).stack()


def wide_rows(frame: Any, *, bars: int) -> Any:
    return wide(frame, bars=bars).reset_index()


def wide_of_two(frame: Any, *, bars: int) -> Any:
    return frame.pivot(index="time", columns="symbol", values=["close", "volume"]).shift(bars)


def text(frame: Any, *, bars: int) -> Any:
    return pd.Series(np.where(frame.groupby("symbol")["close"].shift(bars) > frame.close, "up", "down"), frame.index)


def beside_text(frame: Any, *, bars: int) -> Any:
    return frame.assign(regime="calm", other=frame.groupby("symbol")["close"].shift(bars))


def moments(frame: Any, *, bars: int) -> Any:
    return frame.assign(other=frame.groupby("symbol")["time"].shift(bars))


def by_name(frame: Any, *, bars: int) -> Any:
    moved = frame.groupby("symbol")["close"].shift(bars)
    return {"a": frame.close, "b": moved, "c": moved.to_numpy()}


def overwritten(frame: Any, *, bars: int) -> Any:
    frame["volume"] = frame.groupby("symbol")["volume"].shift(bars)
    return frame.assign(momentum=frame.groupby("symbol")["close"].pct_change(5, fill_method=None))


def overwritten_alone(frame: Any, *, bars: int) -> Any:
    return frame.assign(close=frame.groupby("symbol")["close"].shift(bars))


SHAPES = [
    wide,
    indexed,
    indexed_by_time,
    time_alone,
    of_the_market,
    of_the_market_as_rows,
    stacked,
    wide_rows,
    wide_of_two,
    text,
    beside_text,
    moments,
    by_name,
    overwritten,
    overwritten_alone,
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_a_pandas_answer_of_any_index_is_placed(shape: Any) -> None:
    """A blind reindex made them all missing, and missing is equal to missing: a leak of one bar passed."""
    check(partial(shape, bars=1))
    with pytest.raises(AssertionError, match="1 bar ahead"):
        check(partial(shape, bars=-1))


def test_an_index_of_symbol_and_row_is_placed() -> None:
    check(partial(rolling, center=False))
    with pytest.raises(AssertionError, match="deleted"):
        check(partial(rolling, center=True))


def test_one_value_per_time_is_clear_while_one_symbol_trades_alone() -> None:
    """With a single symbol its rows and the times are as many: both readings must place them alike."""
    columns = {name: column.copy() for name, column in HISTORY.bars.columns.items() if name != "benchmark_close"}
    for column in columns.values():
        column[:20, 1:] = np.nan
    early = Panel(HISTORY.bars.times, HISTORY.bars.symbols, columns)

    for shape in (of_the_market, of_the_market_as_rows, time_alone):
        check_feature(partial(shape, bars=1), kind="pandas", history=early, depth=Depth(prefixes=30), workers=0)


def test_rows_that_were_dropped_keep_their_places() -> None:
    [whole] = stages(lambda frame: frame["close"])
    [part] = stages(lambda frame: frame["close"][frame["volume"] > 0])

    there = ~np.isnan(part.values)
    assert 0 < there.sum() < (~np.isnan(whole.values)).sum()
    assert np.array_equal(part.values[there], whole.values[there])


@pytest.mark.parametrize(
    "strange",
    [
        lambda frame: frame.groupby("symbol")["close"].mean(),
        lambda frame: frame.groupby(["symbol", frame.time.dt.strftime("%Y%m")])["close"].mean(),
        lambda frame: frame.set_index(frame.index + 7)["close"],
        lambda frame: frame.set_index("time")["close"].iloc[::-1],
        lambda frame: pd.concat([frame, frame])["close"],
        lambda frame: pd.concat([frame[["symbol", "time"]], frame[["close", "close"]].shift()], axis=1),
        lambda frame: frame.set_index(frame.time.dt.to_period("M"))["close"],
        lambda frame: close_of(frame).T,
        lambda frame: pd.concat([close_of(frame), close_of(frame)]),
        lambda frame: frame["close"].to_numpy()[:-1],
        lambda frame: frame["close"].to_numpy().reshape(-1, 1, 1),
        lambda frame: frame["close"].mean(),
        lambda frame: None,
        lambda frame: "close",
        lambda frame: ["close", [1.0]],
        lambda frame: frame,
        lambda frame: frame.assign(x=[[1.0]] * len(frame)),
        lambda frame: {"a": None},
    ],
)
def test_what_cannot_be_placed_is_refused(strange: Any) -> None:
    with pytest.raises(InputError, match=r"found .*; expected .*Hint"):
        check(strange)


@pytest.mark.parametrize(
    ("strange", "message"),
    [
        (lambda frame: frame.assign(time=frame.time - pd.Timedelta("1D"), x=1.0), "where no bar closes"),
        (lambda frame: frame.assign(time=frame.time + pd.Timedelta("9999D"), x=1.0), "where no bar closes"),
        (lambda frame: frame.assign(time=frame.groupby("symbol").time.shift(-1), x=1.0), "without a time"),
        (lambda frame: frame.assign(time="2020-01-01", x=1.0), "times of type"),
        (lambda frame: frame.assign(symbol="ELSE", x=1.0), "a value of 'ELSE'"),
        (lambda frame: frame.assign(symbol=None, x=1.0), "without a symbol"),
        (lambda frame: close_of(frame).resample("W").last(), "where no bar closes"),
    ],
)
def test_strangers_are_named(strange: Any, message: str) -> None:
    """They went to the next bar that a binary search found, a value of the future among the past, or crashed."""
    with pytest.raises(InputError, match=message):
        check(strange)


def test_polars_answers_are_placed_too() -> None:
    def mean(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.group_by("time").agg(m=pl.col("close").mean()).sort("time").with_columns(pl.col("m").shift(-1))

    def lazy(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.select(pl.col("close").shift(-1).over("symbol"))

    for leaking in (mean, lazy):
        with pytest.raises(AssertionError, match="1 bar ahead"):
            check_feature(leaking, history=HISTORY, depth=QUICK, workers=0)
    early = pl.col("time") + pl.duration(hours=1)
    for strange in (early, pl.lit(None, pl.Datetime("us")), pl.lit("x")):
        with pytest.raises(InputError, match="time"):
            check(lambda frame, strange=strange: frame.with_columns(time=strange, x=1.0), "frame")
    with pytest.raises(InputError, match=r"for .* rows"):
        check(lambda frame: frame.group_by("time").agg(pl.col("close").mean()).select("close"), "frame")


def test_clean_answers_are_no_leaks_whichever_columns_they_overwrite() -> None:
    def logs(frame: Any) -> Any:
        frame["close"] = np.log(frame["close"].where(frame["volume"] > 0))
        frame["momentum"] = frame.groupby("symbol")["close"].diff(5)
        return frame.dropna()

    check(logs)


@pytest.mark.parametrize("value", [1j, np.complex64(1)])
def test_complex_values_are_refused(value: Any) -> None:
    """The imaginary part was dropped, and with it whatever it knew."""
    with pytest.raises(InputError, match="complex numbers in mine"):
        check(lambda panel: panel["close"] * value, "panel")
    with pytest.raises(InputError, match="complex numbers in mine"):
        check(lambda frame: frame["close"] * value)


def test_single_precision_stays_single() -> None:
    """As double precision the last bits of single would be taken for knowledge of the future."""
    one, other = stages(lambda p: {"a": p["close"], "b": p["close"].astype("f4")}, FunctionKind.PANEL)
    assert (one.keys, one.values.dtype, other.keys, other.values.dtype) == (("a",), np.float64, ("b",), np.float32)

    def early(view: PastView) -> Any:
        return view.latest("close").astype("f4") if len(view.times) > 5 else np.nan

    assert stages(early, FunctionKind.VIEW)[0].values.dtype == np.float32
    assert stages(lambda frame: frame["close"].astype("f4"))[0].values.dtype == np.float32
    assert stages(pl.col("close").cast(pl.Float32), FunctionKind.FRAME)[0].values.dtype == np.float32


@pytest.mark.parametrize("strange", [lambda p: None, lambda p: 1.0, lambda p: (p["close"], p["close"]), lambda p: p])
def test_a_function_of_a_panel_that_gives_no_array_is_refused(strange: Any) -> None:
    with pytest.raises(InputError, match="expected"):
        check(strange, "panel")


def test_tables_of_a_panel_go_by_their_symbols() -> None:
    def swapped(panel: Panel) -> Any:
        frame = pd.DataFrame(panel["close"], columns=list(panel.symbols))
        return frame[list(reversed(panel.symbols))]

    [stage] = stages(swapped, FunctionKind.PANEL)
    assert np.array_equal(stage.values[:, :, 0], HISTORY.bars["close"], equal_nan=True)
    with pytest.raises(InputError, match="column per symbol"):
        check(lambda panel: pd.DataFrame(panel["close"]), "panel")


def test_a_function_of_a_view_may_give_a_number_a_series_or_nothing_yet() -> None:
    def mixed(view: PastView) -> Any:
        if len(view.times) < 3:
            return None
        return pd.Series(view.latest("close"), list(view.symbols))[::-1] if len(view.times) % 2 else 1.0

    [stage] = stages(mixed, FunctionKind.VIEW)
    assert np.array_equal(stage.values[-2, :, 0], HISTORY.bars["close"][-2], equal_nan=True)
    assert np.isnan(stage.values[:2]).all()
    with pytest.raises(InputError, match="one value per symbol"):
        check(lambda view: view["close"], "view")
    with pytest.raises(InputError, match="an index of symbols"):
        check(lambda view: pd.Series({"ELSE": 1.0}), "view")


@given(st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=1, max_size=8))
def test_the_code_of_a_text_depends_on_nothing_else(words: list[str | None]) -> None:
    together = numbers("word", words)
    for place, word in enumerate(words):
        assert np.array_equal(together[place : place + 1], numbers("word", [word]), equal_nan=True)
    assert np.array_equal(together, numbers("word", pl.Series(words, dtype=pl.String)), equal_nan=True)


def test_a_benchmark_makes_no_bar() -> None:
    """The rows of a day without a bar came with the benchmark, and hid gaps, listings and ends."""
    bars = sample_history(n_times=60).bars.with_columns({"member": np.ones((60, 6))})

    assert bars_frame(bars).height == int((~np.isnan(bars["close"])).sum()) < bars["close"].size
    assert bars_frame(Panel(bars.times, bars.symbols, {"member": bars["member"]})).height == 360


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (pl.col("time").cast(pl.String).alias("time"), "times of type String"),
        (pl.lit(None, pl.Datetime("us")).alias("time"), "rows without a time"),
        (pl.when(pl.col("close") > 100).then("symbol").alias("symbol"), "rows without a symbol"),
        (pl.lit("A").alias("symbol"), "share symbol and time with another, the first of A at 2018"),
        (pl.col(pl.Float64).cast(pl.String), "no numbers in"),
    ],
)
def test_a_history_that_cannot_be_used_is_refused(changed: pl.Expr, message: str) -> None:
    """Of duplicates the last row won, silently."""
    frame = bars_frame(HISTORY.bars).with_columns(changed)

    for handed in (frame, frame.to_pandas()):
        with pytest.raises(InputError, match="(?i)times of type|" + message):
            panel_of(handed)
    with pytest.raises(InputError, match="history of type dict"):
        panel_of(frame.to_dict())


def test_a_history_of_pandas_may_hold_its_keys_in_the_index() -> None:
    frame = bars_frame(HISTORY.bars).with_columns(sector=pl.lit("x"))
    panel = panel_of(frame.to_pandas().set_index(["time", "symbol"]))

    assert panel.fingerprint() == panel_of(frame.lazy()).fingerprint() == panel_of(bars_frame(panel)).fingerprint()


def test_a_window_over_the_rows_of_a_frame_reaches_across_gaps() -> None:
    mean = pl.col("close").rolling_mean(5).over("symbol")

    check_feature(mean, lookback_bars=5, bound=1e-9, history=HISTORY, workers=0)
    with pytest.raises(AssertionError, match="lookback alone"):
        check_feature(mean, lookback_bars=1, bound=1e-9, history=HISTORY, workers=0)


@pytest.mark.parametrize("bars", [0, -3, 2.5, "5", True])
def test_a_lookback_counts_the_present_bar(bars: Any) -> None:
    with pytest.raises(InputError, match="at least 1"):
        check_feature(pl.col("close"), lookback_bars=bars, workers=0)


@pytest.mark.parametrize("bound", [-1.0, np.nan, np.inf, "1"])
def test_a_bound_is_a_finite_number(bound: Any) -> None:
    with pytest.raises(InputError, match="finite number"):
        check_feature(pl.col("close"), lookback_bars=1, bound=bound, workers=0)


def test_what_is_no_function_and_no_pipeline_is_refused() -> None:
    for strange in (3, "close", None):
        with pytest.raises(InputError, match="expected a declared feature"):
            check_feature(strange)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="run"):
            check_pipeline(strange)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="kind 'rows'"):
        check_feature(close_of, kind="rows")


def test_a_function_that_fails_is_no_leak() -> None:
    def failing(panel: Panel) -> Any:
        assert len(panel.times) > 1000, "too short"

    with pytest.raises(InputError, match=r"(?s)fails.*AssertionError: too short"):
        check_feature(failing, history=HISTORY, depth=QUICK, workers=0)


def test_what_a_check_does_not_know_is_said() -> None:
    class Twice:
        """Refuses histories of an even number of bars."""

        def run(self, history: Any) -> Any:
            yield from FunctionPipeline(function=lambda panel: panel["close"], kind=FunctionKind.PANEL).run(history)

        def claims(self, history: Any) -> Any:
            from tidegate.core.pipeline import EncoderClaim

            yield EncoderClaim(name="texts", training_cutoff=None, first_used=int(history.bars.times[0]))

    with pytest.warns(UserWarning, match="does not know .*texts"):
        check_pipeline(Twice(), history=HISTORY, depth=QUICK, workers=0)


POSTPONED = """
from __future__ import annotations
import functools
from pandas import DataFrame
import polars as rows
from typing import Optional, TYPE_CHECKING
if TYPE_CHECKING:
    from somewhere import DataFrame as Other, PastView, LazyFrame
def of_pandas(frame: DataFrame): ...
def quoted(frame: "DataFrame"): ...
def optional(frame: Optional[DataFrame]): ...
def of_polars(frame: rows.DataFrame): ...
def of_lazy(frame: rows.LazyFrame): ...
def of_view(view: PastView, other: int = 3): ...
def unknown(frame: Other): ...
class Called:
    def __call__(self, frame: DataFrame): ...
    def method(self, frame: DataFrame): ...
def second(bars: int, frame: DataFrame): ...
called, method, partly = Called(), Called().method, functools.partial(second, 3)
"""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, FunctionKind.PANDAS) for name in ("of_pandas", "quoted", "optional", "called", "method", "partly")),
        ("of_polars", FunctionKind.FRAME),
        ("of_lazy", FunctionKind.LAZY),
        ("of_view", FunctionKind.VIEW),
    ],
)
def test_postponed_annotations_are_looked_up(name: str, kind: FunctionKind) -> None:
    """A DataFrame imported by its bare name was taken for the other library's."""
    module: dict[str, Any] = {"__name__": "somebody"}
    exec(compile(POSTPONED, "somebody.py", "exec"), module)

    assert kind_of(module[name]) is kind
    for strange in (module["unknown"], np.log, len):
        with pytest.raises(InputError, match="kind="):
            kind_of(strange)
