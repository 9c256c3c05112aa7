from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidegate.core.clock import cpu_seconds, elapsed_seconds, frozen_clock, now
from tidegate.core.time import SECOND, Instant, instant_of


def test_the_clock_tells_the_present_in_microseconds_utc() -> None:
    assert abs(now() - instant_of(datetime.now(UTC))) < 60 * SECOND


def test_a_frozen_clock_stands_still() -> None:
    with frozen_clock(Instant(42)):
        assert [now(), now()] == [42, 42]


def test_freezing_nests_even_at_zero_and_ends() -> None:
    with frozen_clock(Instant(1)):
        with frozen_clock(Instant(0)):
            assert now() == 0
        assert now() == 1
    assert now() > 1


def test_an_error_ends_it_too() -> None:
    with pytest.raises(RuntimeError, match="stop"), frozen_clock(Instant(1)):
        raise RuntimeError("stop")

    assert now() > 1


def test_readings_go_forward() -> None:
    began = elapsed_seconds(), cpu_seconds()
    sum(range(100_000))

    assert elapsed_seconds() > began[0]
    assert cpu_seconds() >= began[1]
