from __future__ import annotations

import numpy as np

from tidegate.features import DECLARED_FEATURES, FeatureContract, build_features
from tidegate.features.cross_section import RANKED_FROM, centred_ranks
from tidegate.testing import synthetic_panel


def test_ranks_are_centred_and_even() -> None:
    ranks = centred_ranks(np.array([[3.0, 1.0, 2.0, np.nan], [1.0, 1.0, 1.0, 1.0]]))

    np.testing.assert_allclose(ranks[0, :3], [1 / 3, -1 / 3, 0.0], atol=1e-15)
    assert np.isnan(ranks[0, 3])
    assert (ranks[1] == 0.0).all()


def test_a_symbol_alone_has_no_rank() -> None:
    assert np.isnan(centred_ranks(np.array([[5.0, np.nan], [np.nan, np.nan]]))).all()


def test_a_rank_is_the_same_whether_or_not_its_base_is_in_the_contract() -> None:
    panel = synthetic_panel(3, 60, 7, gaps=0.05)
    ranked = tuple(feature for feature in DECLARED_FEATURES if feature.name in RANKED_FROM)
    alone = build_features(panel, FeatureContract(ranked))
    together = build_features(panel, FeatureContract(DECLARED_FEATURES))

    for name in RANKED_FROM:
        assert np.array_equal(alone.column(name), together.column(name), equal_nan=True)
