from __future__ import annotations

import numpy as np

from tidegate.core.time import DAY
from tidegate.strategy import opens_new_week


def test_the_week_opens_at_its_first_session_whatever_day_that_is() -> None:
    """Equity I 5: a Monday holiday moves the rebalance to Tuesday instead of skipping the week."""
    day = 86_400_000_000
    monday = 19_723 * day + 75_600_000_000  # 2024-01-01 21:00 UTC, a holiday of the exchange
    tuesday_to_friday = [monday + k * day for k in (1, 2, 3, 4)]
    next_tuesday = monday + 8 * day
    assert opens_new_week(np.array([*tuesday_to_friday, next_tuesday])).tolist() == [False] * 4 + [True]


def test_a_bar_that_closes_at_midnight_belongs_to_the_day_before() -> None:
    midnight_into_monday = 19_723 * DAY
    times = np.array([midnight_into_monday - DAY, midnight_into_monday, midnight_into_monday + DAY])
    assert opens_new_week(times).tolist() == [False, False, True]
