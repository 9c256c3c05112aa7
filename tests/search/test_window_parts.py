"""The window is cut once, and its parts share their border closes."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.recipe_search import PartSettings
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.search.parts import window_parts

START = parse_instant("2020-01-01")
NOONS = START + np.arange(101) * DAY + 12 * HOUR  # the close of each day from 2020-01-01 to 2020-04-10


def cut(**settings: Any) -> list[tuple[str, int, int]]:
    return [(part.name, part.first, part.stop) for part in window_parts(NOONS, PartSettings(**settings))]


def test_shares_count_bars() -> None:
    assert cut() == [("training", 0, 61), ("validation", 60, 81), ("final", 80, 101)]
    assert [part.bars for part in window_parts(NOONS, PartSettings())] == [60, 20, 20]


def test_a_part_without_a_share_is_left_out() -> None:
    assert cut(validation_share=0.0) == [("training", 0, 81), ("final", 80, 101)]
    assert cut(final_share=0.0) == [("training", 0, 81), ("validation", 80, 101)]
    assert cut(validation_share=0.0, final_share=0.0) == [("training", 0, 101)]


def test_days_take_the_place_of_shares() -> None:
    days = {"validation_from": date(2020, 2, 20), "final_from": date(2020, 3, 21)}
    assert cut(**days) == [("training", 0, 50), ("validation", 49, 80), ("final", 79, 101)]
    assert cut(validation_from=date(2020, 2, 20)) == [("training", 0, 50), ("validation", 49, 81), ("final", 80, 101)]
    assert cut(final_from=date(2020, 3, 21)) == [("training", 0, 60), ("validation", 59, 80), ("final", 79, 101)]


def test_a_close_at_midnight_belongs_to_the_day_that_it_ends() -> None:
    settings = PartSettings(validation_share=0.0, final_from=date(2020, 3, 1))
    (_, final) = window_parts(START + np.arange(1, 102) * DAY, settings)
    assert (START + (final.first + 1) * DAY) == parse_instant("2020-03-01")


@given(st.integers(20, 400), st.floats(0.1, 0.45), st.floats(0.1, 0.45), st.integers(0, 2**32 - 1))
def test_the_growths_of_the_parts_multiply_to_that_of_the_window(
    bars: int, validation: float, final: float, seed: int
) -> None:
    times = np.arange(bars + 1) * DAY
    equity = np.exp(np.random.default_rng(seed).normal(0, 0.02, bars + 1).cumsum())
    parts = window_parts(times, PartSettings(validation_share=validation, final_share=final))
    growths = [equity[part.rows][-1] / equity[part.rows][0] for part in parts]
    assert np.prod(growths) == pytest.approx(equity[-1] / equity[0])
    assert sum(part.bars for part in parts) == bars
    assert parts[0].first == 0
    assert parts[-1].stop == len(times)


@pytest.mark.parametrize("day", [date(2019, 12, 1), date(2020, 1, 1), date(2020, 4, 11), date(2030, 1, 1)])
def test_a_day_outside_the_window_is_refused(day: date) -> None:
    with pytest.raises(InputError, match="a day within the window"):
        cut(final_from=day)


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"final_share": 0.001}, "final"),
        ({"validation_share": 0.001}, "validation"),
        ({"validation_from": date(2020, 4, 9)}, "validation"),
        ({"validation_from": date(2020, 1, 2)}, "training"),
    ],
)
def test_a_part_with_nothing_in_it_is_refused(settings: dict[str, Any], part: str) -> None:
    """A share that rounds to no bar must not leave the final part out in silence."""
    with pytest.raises(InputError, match=f"for the {part} part"):
        cut(**settings)
