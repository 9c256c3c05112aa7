"""Net labels of perpetuals by hand: gross, round trip and the funding of each side."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from tidegate.audit.poison import poisoned
from tidegate.core.errors import DataError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.recipe import FillPrice, LabelSettings, load_recipe
from tidegate.core.time import HOUR, BarInterval
from tidegate.costs import PRESETS, FundingPayments
from tidegate.data.tables import MOMENT
from tidegate.labels import LabelSet, build_labels
from tidegate.testing import synthetic_panel
from tidegate.train.dataset import labels_of

NAN = math.nan
HOURLY = BarInterval("1h")
COST = -math.log1p(-0.0016)


def funding(hours: list[int], rates: list[float], symbol: str = "A") -> pl.DataFrame:
    moments = pl.Series([hour * HOUR for hour in hours]).cast(MOMENT)
    return pl.DataFrame({"symbol": symbol, "event_time": moments, "known_time": moments, "rate": rates})


def labels(fill: FillPrice, horizon: str, table: pl.DataFrame) -> LabelSet:
    """Closes at hours 8 to 27; the price doubles with every bar."""
    times = np.arange(8, 28) * HOUR
    price = 2.0 ** np.arange(20.0)[:, np.newaxis]
    return build_labels(
        Panel(times, ("A",), {"open": price, "close": price}),
        LabelSettings.model_validate({"horizon": horizon}),
        interval=HOURLY,
        fill=fill,
        round_trip_cost=0.0016,
        funding=FundingPayments.of_rows(table, ["A"]),
    )


EVERY_FOUR = funding([0, 4, 8, 12, 16, 20, 24], [0.5, 0.5, 0.1, 0.02, -0.004, 0.001, 0.3])


def test_both_sides_by_hand() -> None:
    """Crypto D-07: decided at 8, bought at the close of 9, sold at that of 13: the payment of 12 lies between."""
    made = labels(FillPrice.NEXT_CLOSE, "4h", EVERY_FOUR).trained
    gross = 4 * math.log(2.0)

    assert made.gross[0, 0] == pytest.approx(gross)
    assert made.carry[0, 0] == pytest.approx(0.02)
    assert made.net_long[0, 0] == pytest.approx(gross - COST - 0.02)
    assert made.net_short[0, 0] == pytest.approx(-gross - COST + 0.02)
    assert made.net_long[0, 0] + made.net_short[0, 0] == pytest.approx(-2 * COST), "carry changes hands, costs do not"


def test_a_short_pays_where_the_rate_is_negative() -> None:
    made = labels(FillPrice.NEXT_CLOSE, "4h", EVERY_FOUR).trained

    # Decided at 13, in at 14, out at 18: the payment of 16 is -0.4 %.
    assert made.net_long[5, 0] == pytest.approx(made.gross[5, 0] - COST + 0.004)
    assert made.net_short[5, 0] == pytest.approx(-made.gross[5, 0] - COST - 0.004)


def test_a_payment_at_the_very_fill() -> None:
    """In at 12 pays what comes after 12; out at 12 pays that of 12. An open is one bar before its close."""
    at_close = labels(FillPrice.NEXT_CLOSE, "1h", EVERY_FOUR).trained.carry[:, 0]
    at_open = labels(FillPrice.NEXT_OPEN, "1h", EVERY_FOUR).trained.carry[:, 0]

    assert at_close[2:5].tolist() == [0.02, 0.0, 0.0]  # 11 to 12, 12 to 13, 13 to 14
    assert at_open[2:5].tolist() == [0.0, 0.02, 0.0]  # 10 to 11, 11 to 12, 12 to 13


def test_costs_do_not_grow_with_the_horizon_and_carry_is_what_was_paid() -> None:
    """Crypto D-31: no multiplier by horizon; what grows is the funding, payment by payment."""
    longer = [labels(FillPrice.NEXT_CLOSE, horizon, EVERY_FOUR).trained for horizon in ("1h", "4h", "12h")]

    for made in longer:
        np.testing.assert_allclose((made.gross - made.net_long - made.carry)[:6], COST, rtol=1e-12)
    assert [round(float(made.carry[0, 0]), 9) for made in longer] == [0.0, 0.02, 0.02 - 0.004 + 0.001]


def test_a_hole_makes_net_missing_and_gross_not() -> None:
    """Twelve is missing: whoever holds then has no net return rather than a cheap one."""
    made = labels(FillPrice.NEXT_CLOSE, "4h", EVERY_FOUR.remove(pl.col("event_time") == EVERY_FOUR["event_time"][3]))

    assert np.isfinite(made.gross[:14]).all()
    for kind in ("net_long", "net_short", "carry", "move_after_cost"):
        assert np.isnan(made.trained.target(kind)[:7]).all(), kind
        assert np.isfinite(made.trained.target(kind)[8:12]).all(), kind


def test_no_target_and_no_span_depends_on_funding() -> None:
    with_carry = labels(FillPrice.NEXT_CLOSE, "4h", EVERY_FOUR)
    without = labels(FillPrice.NEXT_CLOSE, "4h", EVERY_FOUR.clear())

    assert np.array_equal(with_carry.ends, without.ends)
    for kind in ("gross", "excess", "rank", "volatility", "move"):
        assert np.array_equal(with_carry.target(kind), without.target(kind), equal_nan=True), kind


def history_with(table: pl.DataFrame | None, seed: int = 5) -> History:
    times = np.arange(8, 128) * HOUR
    panel = synthetic_panel(seed, 120, 2, times=times)
    return History(panel, {} if table is None else {"funding": table})


def perpetual(preset: str, fill: str = "next_open") -> dict[str, object]:
    recipe = load_recipe("crypto-horizons")
    changes = {
        "data": {"dataset": "made-up", "interval": "1h"},
        "labels": {"horizon": "4h", "horizons": ["1h", "4h", "24h"]},
        "costs": {"preset": preset},
        "backtest": {"fill": fill},
    }
    return {**recipe.model_dump(by_alias=True), **changes}


def of_both(hours: list[int]) -> pl.DataFrame:
    rates = [0.001 * math.sin(hour) for hour in hours]
    return pl.concat(funding(hours, rates, symbol) for symbol in synthetic_panel(5, 1, 2).symbols)


def test_a_recipe_of_perpetuals_pays_and_one_of_shares_does_not() -> None:
    """Crypto D-32: the labels of a recipe ask the one cost model, and shares have no funding."""
    recipe = type(load_recipe("demo")).model_validate
    history = history_with(of_both(list(range(0, 129, 8))))
    pays, shares = (labels_of(history, recipe(perpetual(preset))) for preset in ("crypto-perpetual", "us-equity"))
    bare = labels_of(history_with(None), recipe(perpetual("crypto-perpetual")))

    assert "carry_4h" in pays.names
    assert "carry_4h" not in shares.names
    assert "carry_4h" not in bare.names
    assert [made.trained.as_document()["carry_in_net"] for made in (pays, shares, bare)] == [True, False, False]
    assert pays.round_trip_cost == bare.round_trip_cost == PRESETS["crypto-perpetual"].round_trip_rate()
    np.testing.assert_allclose(
        (bare.trained.net_long - pays.trained.net_long)[9:90], pays.trained.carry[9:90], atol=1e-15
    )
    with pytest.raises(DataError, match=r"data\.uses\.funding"):
        _ = bare.trained.carry


@pytest.mark.parametrize("fill", ["next_open", "next_close"])
@pytest.mark.parametrize("as_of", [30, 48, 61, 64, 65, 100])
def test_no_net_label_sees_beyond_its_end(fill: str, as_of: int) -> None:
    """The future deleted, and the future as garbage: labels that have ended stay, to the bit."""
    recipe = type(load_recipe("demo")).model_validate(perpetual("crypto-perpetual", fill))
    hours = [hour for hour in range(0, 129, 4) if hour not in {40, 88}]
    history = history_with(of_both(hours))
    truth = labels_of(history, recipe)
    for other in (history.until(as_of * HOUR), poisoned(history, as_of * HOUR, seed=as_of)):
        anew = labels_of(other, recipe)
        for part in truth.parts:
            ended = part.ends <= as_of * HOUR
            for name in part.names:
                left, right = part.values(name)[ended], anew.values(name)[: len(ended)][: ended.sum()]
                assert np.array_equal(left, right, equal_nan=True), name
