"""States at price limits against tables made by hand; the rule itself is tested with the data."""

from __future__ import annotations

import numpy as np
import pytest

from tidegate.core.panel import Panel
from tidegate.core.time import DAY, parse_instant
from tidegate.data.price_limits import CARRIED_SESSIONS, LIMIT_PERCENT
from tidegate.features import Feature, FeatureContract, build_features
from tidegate.features.formulas.price_limit_state import FEATURES

CONTRACT = FeatureContract(FEATURES)
TEN, NAMES = 10.0, [feature.name for feature in FEATURES]


def sessions(close: list[float], **others: list[float]) -> Panel:
    """Return one share of the main board: six quiet sessions at ten, and then those given."""
    columns = {"close": [TEN] * 6 + close, "raw_close": [TEN] * 6 + close}
    columns |= {name: [TEN] * 6 + others.get(name, close) for name in ("open", "high", "low")}
    columns |= {name: [TEN] * 6 + others[name] for name in ("raw_close",) if name in others}
    columns[LIMIT_PERCENT] = [TEN] * len(columns["close"])
    times = parse_instant("2024-03-01T07:00:00+00:00") + np.arange(len(columns["close"])) * DAY
    return Panel(times, ("600000.SH",), {name: np.array(values)[:, np.newaxis] for name, values in columns.items()})


def told(panel: Panel, name: str) -> list[float]:
    """Return a feature of the sessions after the quiet ones."""
    return build_features(panel, CONTRACT).column(name)[6:, 0].tolist()


def test_a_table_by_hand() -> None:
    """Closes and prices of a session as traded, its limits 11.00 and 9.00 first."""
    panel = sessions([10.99, 11.00, 12.10, 10.89], open=[11.00, 10.50, 12.10, 10.89], low=[9.00, 9.89, 12.10, 10.89],
                     high=[11.00, 11.00, 12.10, 11.50])  # fmt: skip

    assert told(panel, "at_limit_up") == [0.0, 0.0, 1.0, 0.0]  # 10.99 x 1.1 = 12.089, rounded 12.09
    assert told(panel, "touched_limit_up") == [1.0, 0.0, 1.0, 0.0]
    assert told(panel, "opened_at_limit_up") == [1.0, 0.0, 1.0, 0.0]
    assert told(panel, "at_limit_down") == [0.0, 0.0, 0.0, 1.0]
    assert told(panel, "opened_at_limit_down") == [0.0, 0.0, 0.0, 1.0]
    assert told(panel, "touched_limit_down") == [1.0, 1.0, 0.0, 1.0]


def test_a_streak_counts_to_five_and_starts_again() -> None:
    climbing = [11.0, 12.1, 13.31, 14.64, 16.1, 17.71]

    assert told(sessions([*climbing, 17.0, 18.7]), "limit_up_streak") == [1, 2, 3, 4, 5, 5, 0, 1]


def test_a_suspension_ends_a_streak_and_keeps_the_limit() -> None:
    panel = sessions([11.0, np.nan, 12.1])

    assert told(panel, "limit_up_streak")[::2] == [1.0, 1.0]
    assert np.isnan(told(panel, "limit_up_streak")[1])


def test_limits_hold_for_prices_as_traded() -> None:
    """Equity H 17: after a bonus issue of one for one, 5.50 is at the limit, though the adjusted close is 11."""
    panel = sessions([11.0, 11.5], raw_close=[5.5, 5.75])

    assert told(panel, "at_limit_up") == [1.0, 0.0]
    assert told(panel, "touched_limit_up") == [1.0, 0.0]


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_limit_is_missing_and_not_no(name: str) -> None:
    """A new share may have no limit, and a share of no known board has one that nobody told."""
    panel = sessions([11.0])
    nowhere = panel.with_columns({LIMIT_PERCENT: np.full(panel.shape, np.nan)})
    first = build_features(panel, CONTRACT).column(name)[:, 0]

    assert np.isnan(first[:5]).all()
    assert not np.isnan(first[5:]).any()
    assert np.isnan(build_features(nowhere, CONTRACT).column(name)).all()


@pytest.mark.parametrize("feature", FEATURES, ids=NAMES)
def test_a_state_reads_exactly_its_lookback(feature: Feature) -> None:
    """The longest that can matter: five sessions, a suspension, and five closes at the limit."""
    close = np.full((CARRIED_SESSIONS + 5, 1), np.nan)
    close[:5], close[-5:, 0] = TEN, [11.0, 12.1, 13.31, 14.64, 16.1]
    times = parse_instant("2024-03-01T07:00:00+00:00") + np.arange(len(close)) * DAY
    prices = dict.fromkeys(("open", "high", "low", "close", "raw_close"), close)
    panel = Panel(times, ("600000.SH",), {**prices, LIMIT_PERCENT: np.full(close.shape, TEN)})
    contract = FeatureContract((feature,))
    newest = [
        build_features(panel.rows(len(close) - rows, len(close)), contract).values[-1].item()
        for rows in (len(close), contract.lookback_bars, contract.lookback_bars - 1)
    ]

    assert newest[1] == newest[0]
    assert newest[2] != newest[0]
