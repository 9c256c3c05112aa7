from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.panel import Panel, read_only
from tidegate.testing import synthetic_panel

TIMES = np.array([10, 20, 30])
SYMBOLS = ("A", "B")
CLOSE = np.arange(6.0).reshape(3, 2)


@pytest.fixture
def panel() -> Panel:
    return Panel(TIMES.copy(), SYMBOLS, {"close": CLOSE.copy(), "volume": CLOSE + 100.0})


def test_a_panel_tells_what_it_holds(panel: Panel) -> None:
    assert panel.shape == (3, 2)
    assert list(panel) == ["close", "volume"]
    assert "close" in panel
    assert "open" not in panel
    assert panel["close"].tolist() == CLOSE.tolist()


def test_a_missing_column_is_named_with_those_there(panel: Panel) -> None:
    with pytest.raises(InputError, match="no column 'open'; expected one of close, volume"):
        panel["open"]


@pytest.mark.parametrize("times", [[20, 10, 30], [10, 10, 30]])
def test_times_must_ascend(times: list[int]) -> None:
    with pytest.raises(InputError, match="out of order"):
        Panel(np.array(times), SYMBOLS, {})


@pytest.mark.parametrize("times", [np.array([10.5, 20.0, 30.0]), TIMES[:, None], TIMES.astype("datetime64[us]")])
def test_times_must_be_instants(times: np.ndarray) -> None:
    with pytest.raises(InputError, match="one dimension of int64"):
        Panel(times, SYMBOLS, {})


@pytest.mark.parametrize("symbols", [("B", "A"), ("A", "A")])
def test_symbols_must_ascend(symbols: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="out of order"):
        Panel(TIMES, symbols, {})


@pytest.mark.parametrize("column", [CLOSE.T, CLOSE[:, 0], CLOSE[:2]])
def test_every_column_has_one_place_per_time_and_symbol(column: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"column 'close' of shape .*expected \(3, 2\)"):
        Panel(TIMES, SYMBOLS, {"close": column})


def test_columns_are_double_precision() -> None:
    assert Panel(TIMES, SYMBOLS, {"close": CLOSE.astype(np.float32)})["close"].dtype == np.float64


def test_nothing_can_be_written(panel: Panel) -> None:
    with pytest.raises(ValueError, match="read-only"):
        panel["close"][0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        panel.times[0] = 1
    with pytest.raises(TypeError, match="does not support item assignment"):
        panel.columns["close"] = CLOSE  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        panel.symbols = ("C", "D")  # type: ignore[misc]


def test_the_callers_array_stays_writable() -> None:
    mine = CLOSE.copy()
    read_only(mine)
    mine[0, 0] = 7.0

    assert mine[0, 0] == 7.0


@given(seed=st.integers(0, 10), start=st.integers(0, 12), stop=st.integers(0, 12))
def test_rows_share_memory_and_agree(seed: int, start: int, stop: int) -> None:
    panel = synthetic_panel(seed, 12, 3, gaps=0.2)
    rows = panel.rows(start, stop)

    assert rows.symbols == panel.symbols
    assert rows.times.tolist() == panel.times[start:stop].tolist()
    for name in panel:
        assert np.array_equal(rows[name], panel[name][start:stop], equal_nan=True)
        assert np.shares_memory(rows[name], panel[name]) == (start < stop)


@given(seed=st.integers(0, 10), chosen=st.sets(st.integers(0, 4)))
def test_taken_symbols_keep_their_values(seed: int, chosen: set[int]) -> None:
    panel = synthetic_panel(seed, 12, 5, gaps=0.2)
    taken = panel.take(tuple(panel.symbols[place] for place in sorted(chosen)))

    assert taken.shape == (12, len(chosen))
    for place, symbol in enumerate(taken.symbols):
        assert np.array_equal(taken["close"][:, place], panel["close"][:, panel.symbols.index(symbol)], equal_nan=True)


def test_only_symbols_of_the_panel_can_be_taken(panel: Panel) -> None:
    with pytest.raises(InputError, match="no symbol C, D"):
        panel.take(("A", "C", "D"))
    with pytest.raises(InputError, match="out of order"):
        panel.take(("B", "A"))


def test_further_columns_are_checked_too(panel: Panel) -> None:
    assert panel.with_columns({"open": CLOSE})["open"].tolist() == CLOSE.tolist()
    assert panel.with_columns({"close": CLOSE + 1.0})["close"].tolist() == (CLOSE + 1.0).tolist()
    with pytest.raises(InputError, match="column 'open'"):
        panel.with_columns({"open": CLOSE[:1]})


@given(row=st.integers(0, 2), place=st.integers(0, 1), value=st.sampled_from([-1.0, 0.5, np.nan, np.inf]))
def test_every_value_counts_in_the_fingerprint(row: int, place: int, value: float) -> None:
    changed = CLOSE.copy()
    changed[row, place] = value

    assert (
        Panel(TIMES, SYMBOLS, {"close": changed}).fingerprint() != Panel(TIMES, SYMBOLS, {"close": CLOSE}).fingerprint()
    )


def test_times_symbols_and_names_count_in_the_fingerprint() -> None:
    prints = {
        panel.fingerprint()
        for panel in (
            Panel(TIMES, SYMBOLS, {"close": CLOSE}),
            Panel(TIMES + 1, SYMBOLS, {"close": CLOSE}),
            Panel(TIMES, ("A", "C"), {"close": CLOSE}),
            Panel(TIMES, SYMBOLS, {"open": CLOSE}),
            Panel(TIMES, SYMBOLS, {}),
        )
    }

    assert len(prints) == 5


def test_memory_layout_and_column_order_do_not_count() -> None:
    first = Panel(TIMES, SYMBOLS, {"close": CLOSE, "open": CLOSE})
    second = Panel(TIMES, SYMBOLS, {"open": np.asfortranarray(CLOSE), "close": CLOSE})

    assert first.fingerprint() == second.fingerprint()
