from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from tidegate.core.errors import InputError
from tidegate.core.randomness import generator
from tidegate.core.time import DAY, parse_instant
from tidegate.evaluate import ForecastQuality, forecast_quality, summarise_quality

NAN = math.nan


def quality(scores: object, outcomes: object) -> ForecastQuality:
    scores, outcomes = np.array(scores, dtype=float), np.array(outcomes, dtype=float)
    return forecast_quality(np.arange(len(scores)), scores, outcomes)


def test_rank_ic_agrees_with_scipy() -> None:
    random = generator(4, "ic")
    scores, outcomes = np.round(random.normal(size=(2, 30, 12)), 1)
    scores[random.random(scores.shape) < 0.2] = NAN
    outcomes[random.random(scores.shape) < 0.2] = NAN
    found = quality(scores, outcomes)
    for row in range(30):
        both = ~np.isnan(scores[row] + outcomes[row])

        assert found.rank_ic[row] == pytest.approx(spearmanr(scores[row][both], outcomes[row][both]).statistic)
        assert found.count[row] == both.sum()


def test_ranks_are_taken_per_instant_and_never_pooled() -> None:
    """Equity C.10: pooled over dates, a score that only follows the market's level looks like skill."""
    level = np.repeat(np.arange(10.0), 8).reshape(10, 8)
    noise = generator(5, "pooled").normal(size=(2, 10, 8))
    scores, outcomes = level + 0.1 * noise[0], level + 0.1 * noise[1]

    assert spearmanr(scores.ravel(), outcomes.ravel()).statistic > 0.9
    assert abs(np.mean(quality(scores, outcomes).rank_ic)) < 0.3


def test_hits_are_counted_against_the_field() -> None:
    # Every outcome is positive; the mean is 4.4, so the second forecast, below the field, was wrong.
    found = quality([[1, 2, 3, 4]], [[1.0, 5.0, 4.6, 7.0]])

    assert found.hit_rate[0] == 0.75


def test_symbols_on_the_line_count_for_neither() -> None:
    found = quality([[1, 2, 3]], [[0, 9, 6]])

    assert found.hit_rate[0] == 1.0


def test_the_spread_takes_a_fifth_on_each_side() -> None:
    scores = np.arange(11.0)
    outcomes = scores**2

    assert quality([scores], [outcomes]).quantile_spread[0] == (81 + 100) / 2 - (0 + 1) / 2


def test_a_tie_across_the_border_does_not_depend_on_the_order_of_symbols() -> None:
    scores, outcomes = np.array([[0, 1, 2, 3, 3, 3, 4, 4, 4, 5]]), np.arange(10.0)[None]
    order = generator(6, "order").permutation(10)

    there, back = quality(scores, outcomes), quality(scores[:, order], outcomes[:, order])
    assert there.quantile_spread[0] == back.quantile_spread[0]


@pytest.mark.parametrize(
    ("scores", "outcomes"),
    [
        ([[NAN, NAN, NAN]], [[1, 2, 3]]),
        ([[1, 2, NAN]], [[1, NAN, 3]]),
        ([[1, 1, 1]], [[1, 2, 3]]),
        ([[1, 2, 3]], [[2, 2, 2]]),
    ],
    ids=["no score", "one pair", "constant score", "constant outcome"],
)
def test_too_little_to_say_is_missing(scores: object, outcomes: object) -> None:
    found = quality(scores, outcomes)

    assert np.isnan(found.rank_ic).all()
    assert np.isnan(found.hit_rate).all()
    assert np.isnan(found.quantile_spread).all()


def test_shapes_must_agree() -> None:
    with pytest.raises(InputError, match="one shape"):
        quality(np.zeros((3, 2)), np.zeros((3, 4)))
    with pytest.raises(InputError, match="one shape"):
        forecast_quality(np.arange(4), np.zeros((3, 2)), np.zeros((3, 2)))


def summary(seed: int = 7, skill: float = 0.0) -> dict[str, object]:
    random = generator(seed, "summary")
    times = parse_instant("2019-07-01") + np.arange(400) * DAY
    scores = random.normal(size=(400, 40))
    outcomes = skill * scores + random.normal(size=(400, 40))
    outcomes[-6:] = NAN
    return summarise_quality(forecast_quality(times, scores, outcomes), lags=5)


def test_the_summary_finds_skill_and_finds_none() -> None:
    skilled, chance = summary(skill=0.1), summary()

    assert skilled["rank_ic"] == pytest.approx(0.095, abs=0.02)
    assert skilled["rank_ic_t"] > 5.0  # type: ignore[operator]
    assert abs(chance["rank_ic_t"]) < 3.0  # type: ignore[arg-type]


def test_the_summary_is_by_year_and_plain() -> None:
    found = summary()

    assert [(row["year"], row["instants"]) for row in found["by_year"]] == [(2019, 184), (2020, 210)]  # type: ignore[attr-defined]
    assert found["instants"] == 394
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_what_cannot_be_computed_is_none() -> None:
    found = summarise_quality(quality([[1, 1, 1]], [[1, 2, 3]]), lags=5)

    assert found == {
        "rank_ic": None,
        "rank_ic_t": None,
        "hit_rate": None,
        "quantile_spread": None,
        "instants": 0,
        "by_year": [],
    }
