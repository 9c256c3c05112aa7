from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from arch.bootstrap import SPA

from tidegate.core.errors import InputError
from tidegate.core.randomness import generator
from tidegate.evaluate.stationary import draw_stationary, long_run_deviation
from tidegate.evaluate.superior import SuperiorTest, superior_predictive_ability


def correlated(bars: int, sets: int, scope: str, number: int = 0, shared: float = 0.6) -> np.ndarray:
    """Daily excess returns without an edge, correlated at the square of what is shared."""
    random = generator(17, scope, number)
    common, own = random.normal(size=(bars, 1)), random.normal(size=(bars, sets))
    return np.asarray(0.01 * (shared * common + (1.0 - shared**2) ** 0.5 * own))


def mixed() -> np.ndarray:
    """Sets of different risk: good, without an edge, and so bad that the consistent centring leaves them there."""
    excess = correlated(300, 12, "mixed") * np.linspace(0.3, 3.0, 12)
    return excess + np.array([0.03, 0.0, -0.01, -0.02, 0.02, -0.5, 0.0, -0.03, -0.4, 0.0, 0.02, -0.3]) * 0.01


def by_hand(excess: np.ndarray, rows: np.ndarray, block: float) -> dict[str, np.ndarray]:
    """Hansen 2005 as it is written, replicate by replicate."""
    count = len(excess)
    mean, deviation = excess.mean(axis=0), long_run_deviation(excess, block=block)
    statistic = count**0.5 * mean / deviation
    centres = {
        "lower": np.maximum(mean, 0.0),
        "consistent": mean * (statistic >= -((2.0 * np.log(np.log(count))) ** 0.5)),
        "upper": mean,
    }
    drawn = np.array([excess[row].mean(axis=0) for row in rows])
    return {
        name: np.maximum((count**0.5 * (drawn - centre) / deviation).max(axis=1), 0.0)
        for name, centre in centres.items()
    } | {"statistic": statistic}


def test_p_values_are_those_of_the_definition_on_the_same_draws() -> None:
    excess = mixed()
    draws = draw_stationary(300, block=6, replicates=400, seed=5)
    test = SuperiorTest(draws)
    test.add(excess)
    found, expected = test.result(), by_hand(excess, draws.rows, 6)
    statistic = expected["statistic"]

    def share(name: str, least: float) -> float:
        return float((1 + np.sum(expected[name] >= least)) / 401)

    np.testing.assert_allclose(found.statistics, statistic, rtol=1e-9)
    assert (found.best, found.statistic) == (int(statistic.argmax()), pytest.approx(statistic.max()))
    assert found.p_lower == pytest.approx(share("lower", statistic.max()), abs=1e-12)
    assert found.p_value == pytest.approx(share("consistent", statistic.max()), abs=1e-12)
    assert found.p_upper == pytest.approx(share("upper", statistic.max()), abs=1e-12)
    np.testing.assert_allclose(found.adjusted, [share("consistent", one) for one in statistic], atol=1e-12)
    assert found.adjusted.min() == found.p_value
    assert found.p_lower < found.p_value < found.p_upper
    assert found.as_document()["block_bars"] == 6.0
    assert (found.sets, found.bars, found.replicates) == (12, 300, 400)


@pytest.mark.parametrize("number", range(4))
def test_p_values_agree_with_another_package(number: int) -> None:
    """``arch`` takes losses and never studentises, whatever its flag says: it is handed studentised ones."""
    excess = correlated(200, 8, "package", number) * np.linspace(0.3, 3.0, 8)
    excess += np.linspace(1.2 + 0.4 * number, -6.0, 8) * excess.std(axis=0) / 200**0.5 - excess.mean(axis=0)
    found = superior_predictive_ability(excess, block=5, replicates=1500, seed=number)
    losses = -excess / long_run_deviation(excess, block=5)
    other = SPA(np.zeros(200), losses, block_size=5, reps=1500, bootstrap="stationary", seed=number)
    other.compute()

    assert 0.02 < found.p_value < 0.98
    for name, p_value in (("lower", found.p_lower), ("consistent", found.p_value), ("upper", found.p_upper)):
        expected = float(other.pvalues[name])
        assert p_value == pytest.approx(expected, abs=4.0 * (2.0 * 0.25 / 1500) ** 0.5), name


def test_columns_may_come_in_any_pieces() -> None:
    excess = correlated(120, 700, "pieces")
    excess[:, 650] += 0.005
    draws = draw_stationary(120, block=5, replicates=200, seed=2)
    whole, pieces = SuperiorTest(draws), SuperiorTest(draws)
    whole.add(excess)
    for low, high in ((0, 1), (1, 300), (300, 300), (300, 700)):
        pieces.add(excess[:, low:high])
    one, two = whole.result(), pieces.result()

    assert one.best == two.best == 650
    assert one.as_document() == two.as_document()
    np.testing.assert_array_equal(one.adjusted, two.adjusted)


def test_memory_does_not_grow_with_the_sets() -> None:
    draws = draw_stationary(300, block=5, replicates=300, seed=2)
    test, excess = SuperiorTest(draws), correlated(300, 256, "memory")
    test.add(excess)
    peaks = []
    tracemalloc.start()
    try:
        for times in (1, 10):
            tracemalloc.reset_peak()
            for _ in range(times):
                test.add(excess)
            peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()

    assert test.result().sets == 12 * 256
    assert peaks[1] < peaks[0] + 11 * 256 * 16


def test_noise_is_called_superior_as_often_as_the_level_says() -> None:
    """equity E.10, H 6: the best of many, on the window it was chosen on, is no better than luck says."""
    p_values, without = [], []
    for number in range(200):
        excess = correlated(250, 10, "size", number)
        found = superior_predictive_ability(excess, block=5, replicates=199, seed=number)
        p_values.append(found.p_value)
        alone = superior_predictive_ability(excess[:, [found.best]], block=5, replicates=199, seed=number)
        without.append(alone.p_value)
    rejected = np.array(p_values) <= 0.1

    # Four binomial deviations around 20 of 200.
    assert 3 <= rejected.sum() <= 37
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.1)
    # The best alone, as if it had been the only one: that is the flaw.
    assert np.sum(np.array(without) <= 0.1) > 60


def test_sets_without_an_edge_are_seldom_called_one_beside_those_with_one() -> None:
    """The family-wise error, with half of the sets truly better: their edge must not lend the others any."""
    false, true = [], []
    for number in range(150):
        excess = correlated(250, 10, "family", number)
        excess[:, :5] += 0.002
        adjusted = superior_predictive_ability(excess, block=5, replicates=199, seed=number).adjusted
        false.append((adjusted[5:] <= 0.1).any())
        true.append((adjusted[:5] <= 0.1).mean())

    assert np.sum(false) <= 15 + 4 * 3.7
    assert np.mean(true) > 0.5


def test_a_planted_edge_is_found_and_named() -> None:
    found = []
    for number in range(30):
        excess = correlated(500, 30, "power", number)
        excess[:, 11] += 0.0018
        result = superior_predictive_ability(excess, block=5, replicates=199, seed=number)
        found.append(result.best == 11 and result.adjusted[11] <= 0.05)

    assert np.sum(found) >= 24


def test_hopeless_sets_hide_a_good_one_only_from_the_upper_variant() -> None:
    """Why the consistent p is the one that counts: White's test is made blind by adding losers."""
    excess = correlated(400, 200, "losers", shared=0.0)
    excess[:, 1:] -= 0.004
    excess[:, 0] = excess[:, 0] - excess[:, 0].mean() + 0.0013
    found = superior_predictive_ability(excess, block=2, replicates=500, seed=1)

    assert found.best == 0
    assert found.p_lower <= found.p_value < 0.03
    assert found.p_upper > 0.1


def test_drift_is_an_edge_of_absolute_returns_and_not_of_excess() -> None:
    """A market that rises, held at different exposures with noise of their own: nothing but drift."""
    random = generator(23, "drift")
    market = 0.0012 + 0.008 * random.normal(size=(750, 1))
    sets = np.linspace(0.5, 1.0, 10) * market + 0.002 * random.normal(size=(750, 10))
    absolute = superior_predictive_ability(sets, block=10, replicates=300, seed=1)
    excess = superior_predictive_ability(sets - market, block=10, replicates=300, seed=1)

    assert absolute.p_value < 0.01
    assert excess.p_value > 0.1


def test_studentising_keeps_a_wild_set_from_hiding_a_calm_one() -> None:
    excess = correlated(400, 20, "wild", shared=0.0)
    excess[:, 1:] *= 20.0
    excess[:, 0] += 0.0025
    found = superior_predictive_ability(excess, block=2, replicates=300, seed=1)
    raw = SPA(np.zeros(400), -excess, block_size=2, reps=300, seed=1)
    raw.compute()

    assert (found.best, found.p_value < 0.02) == (0, True)
    assert raw.pvalues["consistent"] > 0.2


def test_what_never_varies_has_a_p_value_of_1() -> None:
    excess = correlated(100, 4, "still")
    excess[:, 1], excess[:, 2] = 0.0, 0.1 + 1e-16 * generator(1, "rounding").normal(size=100)
    with_still = superior_predictive_ability(excess, block=3, replicates=200, seed=1)
    without = superior_predictive_ability(excess[:, [0, 3]], block=3, replicates=200, seed=1)
    only_still = superior_predictive_ability(excess[:, [1, 2]], block=3, replicates=200, seed=1)

    assert with_still.adjusted[[1, 2]].tolist() == [1.0, 1.0]
    assert with_still.statistics[[1, 2]].tolist() == [0.0, 0.0]
    np.testing.assert_array_equal(with_still.adjusted[[0, 3]], without.adjusted)
    assert (only_still.p_value, only_still.p_upper, only_still.statistic) == (1.0, 1.0, 0.0)


def test_where_all_lost_nothing_is_superior() -> None:
    found = superior_predictive_ability(correlated(200, 5, "lost") - 0.002, block=3, replicates=200, seed=1)

    assert (found.statistic, found.p_lower, found.p_value, found.p_upper) == (0.0, 1.0, 1.0, 1.0)
    assert (found.adjusted == 1.0).all()


def test_equal_sets_count_once() -> None:
    """The same returns under other names, as of parameters that do nothing, change no p value."""
    excess = correlated(150, 5, "equal")
    excess[:, 2] += 0.002
    one = superior_predictive_ability(excess, block=4, replicates=300, seed=1)
    many = superior_predictive_ability(np.tile(excess, 7), block=4, replicates=300, seed=1)

    assert (one.best, many.best) == (2, 2)
    np.testing.assert_allclose(np.tile(one.adjusted, 7), many.adjusted, atol=2 / 301)


def test_single_precision_costs_next_to_nothing() -> None:
    """Returns of 1e-2 over 3,000 bars: replicates are within 1e-5 of a standard error of double precision."""
    excess = correlated(3000, 20, "precision") * np.logspace(-6, 1, 20) + 0.05
    draws = draw_stationary(3000, block=21, replicates=50, seed=1)
    test = SuperiorTest(draws)
    test.add(excess)

    np.testing.assert_allclose(test._largest[2], by_hand(excess, draws.rows, 21)["upper"], atol=1e-5)


@pytest.mark.parametrize(
    "excess", [np.zeros(10), np.zeros((9, 2)), np.full((10, 1), np.nan), np.full((10, 1), np.inf)], ids=str
)
def test_returns_that_do_not_fit_are_refused_and_leave_no_trace(excess: np.ndarray) -> None:
    test = SuperiorTest(draw_stationary(10, block=2, replicates=10, seed=1))
    with pytest.raises(InputError, match="excess returns"):
        test.add(excess)
    with pytest.raises(InputError, match="no set"):
        test.result()


def test_too_little_history_or_no_table_is_refused() -> None:
    with pytest.raises(InputError, match="2 bars"):
        SuperiorTest(draw_stationary(2, block=1, replicates=10, seed=1))
    with pytest.raises(InputError, match="bars by sets"):
        superior_predictive_ability(np.zeros(10), block=2, replicates=10, seed=1)
