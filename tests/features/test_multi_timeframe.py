"""Features of longer bars: closed bars only, and the same to the bit wherever the rows start."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from five_minutes import INTERVAL, broken_market, built, garbled_after, market, same, with_a_row_between, without
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.panel import Panel
from tidegate.core.time import BarInterval
from tidegate.features import Feature
from tidegate.features.formulas import intraday, technical
from tidegate.features.formulas.multi_timeframe import FRAMES, features, on_frame
from tidegate.features.frames import bars_per_frame
from tidegate.features.inputs import Inputs

FEATURES = features(INTERVAL)
BASES = {feature.name: feature for feature in (*intraday.FEATURES, *technical.FEATURES)}
# Few enough rows for quick tests, and longer bars made of them all the same.
SHORT = tuple(
    on_frame(BASES[base], INTERVAL, BarInterval(frame))
    for frame in ("15m", "35m", "1h")
    for base in ("return_1", "return_3", "volatility_3", "bollinger_position_20", "log_volume")
)
seeds = st.integers(0, 10**6)
each_feature = pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)


def computed(feature: Feature, panel: Panel, interval: BarInterval = INTERVAL) -> np.ndarray:
    assert feature.formula is not None
    return feature.formula(Inputs(panel.columns, panel.times, interval))


def resampled(panel: Panel, frame: str) -> Panel:
    """Return the longer bars of a panel without gaps, by Polars: ends included, stamped with them, whole ones only."""
    length = BarInterval(frame).microseconds
    wholes = []
    for place in range(len(panel.symbols)):
        rows = pl.DataFrame({"end": panel.times, **{name: column[:, place] for name, column in panel.columns.items()}})
        wholes.append(
            rows.group_by_dynamic("end", every=f"{length}i", closed="right", label="right", start_by="window")
            .agg(
                pl.len(),
                pl.first("open"),
                pl.max("high"),
                pl.min("low"),
                pl.last("close"),
                pl.sum("volume"),
            )
            .filter(pl.col("len") == bars_per_frame(INTERVAL, BarInterval(frame)))
        )
    names = ("open", "high", "low", "close", "volume")
    columns = {name: np.stack([whole[name].to_numpy() for whole in wholes], axis=1) for name in names}
    return Panel(wholes[0]["end"].to_numpy(), panel.symbols, columns)


def test_every_longer_bar_has_the_same_features() -> None:
    """Crypto spec 13.5: the same features on 15m, 1h and 4h bars."""
    names = [feature.name for feature in FEATURES]

    assert len(names) == len(set(names)) == 27
    assert {name.rpartition("_")[2] for name in names} == {str(frame) for frame in FRAMES}
    assert {name.removesuffix("_15m") for name in names[:9]} == {name.removesuffix("_4h") for name in names[18:]}
    assert {feature.group for feature in FEATURES} == {"price"}


@pytest.mark.parametrize(
    ("interval", "frames"),
    [("1m", "15m 1h 4h"), ("5m", "15m 1h 4h"), ("15m", "1h 4h"), ("30m", "1h 4h"), ("40m", "4h"), ("1h", "4h")],
)
def test_frames_are_those_that_the_bars_make_up(interval: str, frames: str) -> None:
    made = [feature.name.rpartition("_")[2] for feature in features(BarInterval(interval))]

    assert list(dict.fromkeys(made)) == frames.split()


@pytest.mark.parametrize("interval", ["4h", "7m", "1d", "6h"])
def test_bars_that_make_up_no_frame_have_no_context(interval: str) -> None:
    assert features(BarInterval(interval)) == ()


def test_a_frame_that_the_bars_do_not_make_up_is_refused() -> None:
    with pytest.raises(InputError, match="divide the frame"):
        on_frame(FEATURES[0], BarInterval("7m"), BarInterval("1h"))


@pytest.mark.parametrize("frame", ["15m", "1h", "4h"])
def test_a_feature_is_that_of_bars_resampled_by_polars(frame: str) -> None:
    size = BarInterval(frame)
    panel = market(3, 260 * bars_per_frame(INTERVAL, size) // (6 if frame == "4h" else 1), 2)
    longer = resampled(panel, frame)
    places = np.searchsorted(longer.times, panel.times, side="right") - 1

    for feature in FEATURES:
        base, _, made_of = feature.name.rpartition("_")
        if made_of == frame:
            expected = computed(BASES[base], longer, size)[np.maximum(places, 0)]
            expected[places < 0] = np.nan
            np.testing.assert_allclose(computed(feature, panel), expected, rtol=1e-9, atol=1e-12, err_msg=feature.name)


@each_feature
def test_the_lookback_suffices_and_one_row_less_does_not(feature: Feature) -> None:
    """The last row is the last one before a longer bar closes: the newest closed one is farthest away."""
    longer = BarInterval(feature.name.rpartition("_")[2])
    spare = bars_per_frame(INTERVAL, longer)
    panel = market(4, (feature.lookback_bars // spare + 3) * spare - 1, 1, start=1)
    rows, lookback = len(panel.times), feature.lookback_bars
    whole = computed(feature, panel)[-1]

    assert (panel.times[-1] + INTERVAL.microseconds) % longer.microseconds == 0
    assert not np.isnan(whole).any()
    assert same(computed(feature, panel.rows(rows - lookback, rows))[-1], whole)
    assert np.isnan(computed(feature, panel.rows(rows - lookback + 1, rows))[-1]).all()


@given(seed=seeds, start=st.integers(0, 280), rows=st.integers(1, 30))
def test_a_value_is_the_same_to_the_bit_whatever_rows_it_is_built_with(seed: int, start: int, rows: int) -> None:
    panel = broken_market(seed, 330, gaps=0.0005)
    start = min(start, len(panel.times) - 1)
    stop = min(start + rows, len(panel.times))
    whole = built(panel, SHORT)

    assert same(built(panel, SHORT, start, stop), whole[start:stop])
    assert same(built(panel.rows(0, stop), SHORT), whole[:stop])
    assert same(built(garbled_after(panel, stop - 1, seed), SHORT)[:stop], whole[:stop])


@settings(max_examples=5)
@given(seed=seeds)
def test_the_longest_lookbacks_are_the_same_to_the_bit_online(seed: int) -> None:
    panel = broken_market(seed, 12_000, 2, gaps=0.0) if seed % 2 else market(seed, 12_000, 2, start=seed % 50)
    whole = built(panel, FEATURES, 11_500)

    for row in (11_500, 11_700, len(panel.times) - 1):
        assert same(built(panel, FEATURES, row, row + 1)[0], whole[row - 11_500])


def test_a_bar_of_the_future_would_be_seen() -> None:
    """The guarded thing, broken: an hour that is labelled with its start shows its close 55 minutes early."""
    feature = on_frame(BASES["return_1"], INTERVAL, BarInterval("1h"))

    def early(bars: Inputs) -> np.ndarray:
        hour = bars.frame(BarInterval("1h"))
        early = Inputs({"close": hour.close}, hour.times - BarInterval("1h").microseconds, hour.interval)
        return bars.spread(early, BASES["return_1"].formula(hour))  # type: ignore[misc]

    panel = market(5, 60, 1)
    bars, cut = (Inputs(part.columns, part.times, INTERVAL) for part in (panel, panel.rows(0, 40)))

    assert not same(early(bars)[:40], early(cut))
    assert same(computed(feature, panel)[:40], computed(feature, panel.rows(0, 40)))


@pytest.mark.parametrize("feature", SHORT, ids=lambda feature: feature.name)
def test_rows_left_out_or_too_many_stretch_nothing_and_shorten_nothing(feature: Feature) -> None:
    """Crypto D-12: a row that is not there is a missing bar, and a row between two closes is none."""
    panel = market(6, 420, 2)  # 35 hours: whole numbers of every longer bar, and the next close ends each of them
    stop, lookback = len(panel.times), feature.lookback_bars
    left_out, nothing, kept = without(panel, stop - 30)
    odd = with_a_row_between(panel, stop - 3)

    assert same(computed(feature, left_out), computed(feature, nothing)[kept])
    # Whatever the row in between takes the place of, older rows that happen to be at hand say nothing else.
    last = odd.rows(stop + 1 - lookback, stop + 1)
    assert same(computed(feature, last)[-1], computed(feature, odd)[-1])
    assert np.isnan(computed(feature, odd)[[stop - 2, stop]]).all()
