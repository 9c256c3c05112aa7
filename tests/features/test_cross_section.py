from __future__ import annotations

import numpy as np
from declared import DECLARED_FEATURES

from tidegate.features import FeatureContract, build_features
from tidegate.features.formulas.cross_section import centred_ranks, ranked
from tidegate.features.formulas.daily import FEATURES
from tidegate.testing import synthetic_panel


def test_ranks_are_centred_and_even() -> None:
    ranks = centred_ranks(np.array([[3.0, 1.0, 2.0, np.nan], [1.0, 1.0, 1.0, 1.0]]))

    np.testing.assert_allclose(ranks[0, :3], [1 / 3, -1 / 3, 0.0], atol=1e-15)
    assert np.isnan(ranks[0, 3])
    assert (ranks[1] == 0.0).all()


def test_a_symbol_alone_has_no_rank() -> None:
    assert np.isnan(centred_ranks(np.array([[5.0, np.nan], [np.nan, np.nan]]))).all()


def test_a_rank_is_among_the_members_of_that_instant_alone() -> None:
    """A rank over all names of a data set, or over all dates, would tell who joins the universe later."""
    base = next(feature for feature in FEATURES if feature.name == "log_return_1")
    panel = synthetic_panel(5, 12, 6)
    member = np.ones(panel.shape)
    member[6:, [0, 3]] = 0.0
    contract = FeatureContract((base, ranked(base)))
    matrix = build_features(panel.with_columns({"member": member}), contract)
    values, ranks = matrix.column("log_return_1"), matrix.column("log_return_1_rank")

    for row in (3, 9):
        who = np.flatnonzero(member[row])
        order = np.argsort(np.argsort(values[row, who]))
        np.testing.assert_allclose(ranks[row, who], (order + 0.5) / len(who) - 0.5, atol=1e-7)
    assert np.isnan(ranks[6:, [0, 3]]).all()
    assert not np.isnan(values[6:]).any()  # what is of one symbol needs no membership


def test_a_rank_is_the_same_whether_or_not_its_base_is_in_the_contract() -> None:
    panel = synthetic_panel(3, 60, 7, gaps=0.05)
    panel = panel.with_columns({"benchmark_close": panel["close"][:, [0] * 7]})
    ranks = tuple(feature for feature in DECLARED_FEATURES if feature.name.endswith("_rank"))
    bars = tuple(feature for feature in DECLARED_FEATURES if set(feature.requires) <= set(panel))
    alone, together = build_features(panel, FeatureContract(ranks)), build_features(panel, FeatureContract(bars))

    for rank in ranks:
        assert np.array_equal(alone.column(rank.name), together.column(rank.name), equal_nan=True)
