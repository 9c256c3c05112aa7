from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.time import DAY, Instant
from tidegate.testing import synthetic_panel

N_TIMES = 12
markets = st.builds(
    synthetic_panel, st.integers(0, 20), st.just(N_TIMES), st.integers(1, 3), gaps=st.sampled_from([0.0, 0.3])
)


def instant_of_row(panel: Panel, row: int, offset: int) -> Instant:
    return Instant(int(panel.times[0]) + row * DAY + offset)


def agree(view: PastView, other: PastView) -> bool:
    return (
        view.as_of == other.as_of
        and view.symbols == other.symbols
        and view.times.tolist() == other.times.tolist()
        and all(np.array_equal(view[name], other[name], equal_nan=True) for name in ("open", "close", "volume"))
        and np.array_equal(view.latest("close"), other.latest("close"), equal_nan=True)
    )


@given(market=markets, row=st.integers(-2, 20), offset=st.integers(-1, 1))
def test_the_view_is_the_panel_cut_off(market: Panel, row: int, offset: int) -> None:
    as_of = instant_of_row(market, row, offset)
    known = int((market.times <= as_of).sum())

    assert agree(PastView(market, as_of), PastView(market.rows(0, known), as_of))
    assert PastView(market, as_of)["close"].shape == (known, len(market.symbols))


@given(market=markets, row=st.integers(-2, 20), garbage=st.sampled_from([np.nan, 1e300, -1.0]))
def test_garbage_in_the_future_changes_nothing(market: Panel, row: int, garbage: float) -> None:
    as_of = instant_of_row(market, row, 0)
    later = (market.times > as_of)[:, None]
    garbled = Panel(market.times, market.symbols, {name: np.where(later, garbage, market[name]) for name in market})

    assert agree(PastView(market, as_of), PastView(garbled, as_of))


@given(market=markets, row=st.integers(-2, 20))
def test_no_index_reaches_beyond_the_cut(market: Panel, row: int) -> None:
    as_of = instant_of_row(market, row, 0)
    future = market["close"].copy()
    future[market.times <= as_of] = np.nan
    marked = market.with_columns({"close": future})
    view = PastView(marked, as_of)

    assert np.isnan(view["close"]).all()
    assert np.isnan(view["close"][-N_TIMES:]).all()
    assert np.isnan(view.latest("close")).all()
    assert not (view.times > as_of).any()


def test_before_the_first_bar_nothing_is_known() -> None:
    market = synthetic_panel(1, 5, 2)
    view = PastView(market, Instant(int(market.times[0]) - 1))

    assert view["close"].shape == (0, 2)
    assert view.times.size == 0
    assert np.isnan(view.latest("close")).all()  # not the last row of the panel, which index -1 would find


def test_the_bar_that_closes_at_the_decision_is_known() -> None:
    market = synthetic_panel(1, 5, 2)

    assert PastView(market, Instant(int(market.times[2]))).latest("close").tolist() == market["close"][2].tolist()


def test_the_view_holds_no_later_row_even_inside() -> None:
    market = synthetic_panel(1, 5, 2)
    view = PastView(market, Instant(int(market.times[1])))

    assert {column.shape for column in view._columns.values()} == {(2, 2)}


def test_nothing_can_be_written() -> None:
    market = synthetic_panel(1, 5, 2)
    view = PastView(market, Instant(int(market.times[2])))

    for array in (view["close"], view.latest("close"), view.times):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(TypeError, match="does not support item assignment"):
        view["close"] = market["open"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        view.future = market  # type: ignore[attr-defined]


def test_a_missing_column_is_named() -> None:
    market = Panel(np.array([1]), ("A",), {"close": np.array([[1.0]])})
    view = PastView(market, Instant(1))

    assert "close" in view
    assert "volume" not in view
    for ask in (view.__getitem__, view.latest):
        with pytest.raises(InputError, match="no column 'volume'; expected one of close"):
            ask("volume")
