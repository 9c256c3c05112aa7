from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from sklearn.linear_model import Ridge as PeerRidge
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score, cross_validate

from tidegate.core.errors import InputError, LookAheadError
from tidegate.core.randomness import generator
from tidegate.core.recipe import SplitSettings
from tidegate.core.spans import Spans
from tidegate.core.time import DAY
from tidegate.core.units import Int64Array
from tidegate.split import CombinatorialPurged, Fold, HoldOut, PurgedKFold, SampleSplit, WalkForward

DAYS, SYMBOLS = 600, 3


@pytest.fixture(scope="module")
def samples() -> tuple[np.ndarray, np.ndarray, Spans]:
    """Rows sorted by symbol, as most tables are, with a linear signal."""
    random = generator(3, "scikit-learn")
    start = np.tile(np.arange(DAYS, dtype=np.int64) * DAY, SYMBOLS)
    features = random.normal(size=(start.size, 4))
    target = features[:, 0] + 0.3 * random.normal(size=start.size)
    return features, target, Spans(start, start + random.integers(1, 10, start.size) * DAY)


def test_scores_of_purged_folds(samples: tuple[np.ndarray, np.ndarray, Spans]) -> None:
    features, target, spans = samples
    folds = PurgedKFold(5, spans=spans, embargo=11 * DAY)

    scores = cross_val_score(PeerRidge(), features, target, cv=folds)

    by_hand = []
    for train, test in folds.split(features):
        by_hand.append(PeerRidge().fit(features[train], target[train]).score(features[test], target[test]))
    assert len(scores) == 5
    assert scores == pytest.approx(by_hand)
    assert scores.min() > 0.8


def test_every_row_is_forecast_out_of_sample(samples: tuple[np.ndarray, np.ndarray, Spans]) -> None:
    features, target, spans = samples

    forecast = cross_val_predict(PeerRidge(), features, target, cv=PurgedKFold(4, spans=spans, embargo=0))

    assert np.corrcoef(forecast, target)[0, 1] > 0.9


def test_a_grid_search_over_combinatorial_splits(samples: tuple[np.ndarray, np.ndarray, Spans]) -> None:
    features, target, spans = samples
    cross = CombinatorialPurged(5, 2, spans=spans, embargo=11 * DAY)

    search = GridSearchCV(PeerRidge(), {"alpha": [1e-3, 1e6]}, cv=cross).fit(features, target)

    assert search.best_params_ == {"alpha": 1e-3}
    assert search.n_splits_ == 10


@pytest.mark.parametrize(
    "splitter",
    [
        WalkForward(SplitSettings(first_test=date(1971, 1, 1), test_months=3, validation_days=30)),
        HoldOut(SplitSettings(scheme="holdout", minimum_train_days=30)),
    ],
    ids=["walk forward", "hold-out"],
)
def test_folds_of_a_recipe(samples: tuple[np.ndarray, np.ndarray, Spans], splitter: WalkForward | HoldOut) -> None:
    features, target, spans = samples
    cut = SampleSplit(splitter, spans)

    found = cross_validate(PeerRidge(), features, target, cv=cut, return_indices=True)["indices"]

    assert len(found["train"]) == cut.get_n_splits() > 0
    for train, test in zip(found["train"], found["test"], strict=True):
        assert spans.end[train].max() <= spans.start[test].min()


def test_a_splitter_that_cuts_by_symbol_is_refused(samples: tuple[np.ndarray, np.ndarray, Spans]) -> None:
    """Equity H 15: what the original did, offered as a splitter."""
    features, _, spans = samples

    class ByRow:
        def split(self, times: Int64Array, spans: Spans | None) -> list[Fold]:
            whole = WalkForward(SplitSettings(first_test=date(1971, 2, 1))).split(times, spans)[0]
            object.__setattr__(whole, "train", np.arange(DAYS))
            return [whole]

    with pytest.raises(LookAheadError, match=r"the two sides share \d+ instants"):
        next(SampleSplit(ByRow(), spans).split(features))


def test_no_spans_no_split() -> None:
    with pytest.raises(InputError, match="no spans, no split"):
        SampleSplit(HoldOut(SplitSettings(scheme="holdout")), None)
