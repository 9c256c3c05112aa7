"""Purged k-fold and combinatorial purged cross-validation: training on both sides of a test, without its labels.

Both are for judging a model on more than one history. Nothing that is traded is ever chosen by them: training lies
after the test, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.spans import Spans
from tidegate.core.units import Int64Array
from tidegate.split.disjoint import require_as_many, require_disjoint, require_spans
from tidegate.split.groups import TimeGroups
from tidegate.split.row_set import RowSet

__all__ = ["CombinatorialPurged", "PurgedKFold", "PurgedSplit"]


@dataclass(frozen=True, eq=False, slots=True)
class PurgedSplit:
    """One split of samples: what is tested, and what may be trained on beside it.

    Parameters
    ----------
    number
        From 0.
    groups
        The test groups, ascending.
    train, test
        Samples on either side; the rest is purged or embargoed.
    """

    number: int
    groups: tuple[int, ...]
    train: RowSet
    test: RowSet


class CombinatorialPurged:
    """Test every choice of *k* out of *N* groups of time, train on what their labels leave.

    The samples are divided into *N* groups of time, as equal in size as whole instants allow: an instant with all its
    symbols is never cut in two. Of a split with test groups *G* a sample outside them is trained on if its label span
    touches no span in *G*, and if it does not begin before the embargo after the last label of a group in *G* is over:
    with ``reach(g)`` the last label end in group *g*,

    ``end <= first start of g``  for every *g* in *G* after the sample,
    ``start >= reach(g) + embargo``  for every *g* in *G* before it.

    This is exact for spans of any lengths, whose ends need not be in order. Every group is tested ``C(N-1, k-1)``
    times, which makes as many paths through the whole history, see :meth:`paths`.

    Source: López de Prado 2018, *Advances in Financial Machine Learning*, chapters 7 (purge, embargo) and 12
    (combinatorial purged cross-validation). He counts the embargo in rows; here it is time.

    As a scikit-learn splitter it gives indices; :meth:`splits` gives ranges of rows, which cost nothing.

    Parameters
    ----------
    n_groups, n_test_groups
        *N* and *k*, ``1 <= k < N``.
    spans
        Label span of every sample, in the order of the rows that will be split; any order, any lengths.
    embargo
        Microseconds after the last label of a test group in which nothing is trained on. What is usual is one bar and
        the longest horizon, so that features which look back do not see the test either; 0 purges alone.

    Raises
    ------
    InputError
        If there are no spans, fewer instants than groups, or a number that makes no split.

    Examples
    --------
    >>> starts = np.arange(60)
    >>> cross = CombinatorialPurged(6, 2, spans=Spans(starts, starts + 3), embargo=4)
    >>> cross.get_n_splits(), len(cross.paths())
    (15, 5)
    >>> split = next(cross.splits())
    >>> split.groups, len(split.test), split.train.ranges
    ((0, 1), 20, ((26, 60),))
    """

    def __init__(self, n_groups: int, n_test_groups: int, *, spans: Spans | None, embargo: int) -> None:
        if not 1 <= n_test_groups < n_groups:
            raise InputError(
                found=f"{n_test_groups} test groups out of {n_groups}",
                expected="at least 2 groups, of which at least one is tested and one is not",
                hint="for example 10 groups of which 2 are tested: 45 splits, 9 paths",
            )
        self.n_groups, self.n_test_groups, self.embargo = n_groups, n_test_groups, embargo
        self.spans = require_spans(spans)
        self.groups = TimeGroups.of(self.spans, n_groups, embargo)

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:  # noqa: N803, ARG002
        """Return how many splits there are: ``C(N, k)``. The arguments are there for scikit-learn and unused."""
        return comb(self.n_groups, self.n_test_groups)

    def splits(self) -> Iterator[PurgedSplit]:
        """Yield every split, as ranges of rows, in the order of their test groups.

        Raises
        ------
        DataError
            If purge and embargo leave a split nothing to train on.
        """
        survivors = self.groups.survivors()
        for number, chosen in enumerate(combinations(range(self.n_groups), self.n_test_groups)):
            train, test = self.groups.sides(chosen, survivors)
            yield PurgedSplit(number, chosen, train, test)

    def split(
        self,
        X: Any = None,  # noqa: N803
        y: object = None,  # noqa: ARG002
        groups: object = None,  # noqa: ARG002
    ) -> Iterator[tuple[Int64Array, Int64Array]]:
        """Yield the indices of training and test of every split, as scikit-learn expects them.

        Each split is held against the spans once more before it is given away.

        Parameters
        ----------
        X
            Rows to split, of which only the number is looked at; it has to be that of the spans.
        y, groups
            Unused.

        Raises
        ------
        InputError
            If there are not as many rows as spans.
        DataError
            If purge and embargo leave a split nothing to train on.
        LookAheadError
            If a label of training shares time with one of the test, as when spans were changed meanwhile.
        """
        require_as_many(X, self.spans)
        for split in self.splits():
            self._guard(split)
            yield split.train.indices(), split.test.indices()

    def paths(self) -> Int64Array:
        """Return which split serves each group in each backtest path.

        Returns
        -------
        paths
            ``int64 (C(N-1, k-1), N)``: in path *p* the forecasts of group *g* come from split ``paths[p, g]``. Every
            path is a whole history out of sample; no split serves a group in two paths.

        Examples
        --------
        >>> starts = np.arange(60)
        >>> CombinatorialPurged(4, 2, spans=Spans(starts, starts + 3), embargo=0).paths().tolist()
        [[0, 0, 1, 2], [1, 3, 3, 4], [2, 4, 5, 5]]
        """
        serving: list[list[int]] = [[] for _ in range(self.n_groups)]
        for number, chosen in enumerate(combinations(range(self.n_groups), self.n_test_groups)):
            for group in chosen:
                serving[group].append(number)
        return np.array(serving, dtype=np.int64).T

    def _guard(self, split: PurgedSplit) -> None:
        """Hold the pieces of a split against its test: a range lies wholly before or after each group."""
        if not self.groups.kept(split.train, split.groups):
            train, test = (self._spans_of(side.indices()) for side in (split.train, split.test))
            require_disjoint(train, test, embargo=self.embargo)

    def _spans_of(self, rows: Int64Array) -> Spans:
        return Spans(self.spans.start[rows], self.spans.end[rows])


class PurgedKFold(CombinatorialPurged):
    """Test each of *k* groups of time once, train on what its labels leave: combinatorial, with one test group.

    Source: López de Prado 2018, chapter 7.

    Parameters
    ----------
    n_splits
        Number of groups, at least 2.
    spans, embargo
        As in :class:`CombinatorialPurged`.

    Examples
    --------
    >>> starts = np.arange(12)
    >>> folds = PurgedKFold(3, spans=Spans(starts, starts + 2), embargo=1)
    >>> [(train.tolist(), test.tolist()) for train, test in folds.split(np.zeros((12, 1)))][1]
    ([0, 1, 2, 10, 11], [4, 5, 6, 7])
    """

    def __init__(self, n_splits: int, *, spans: Spans | None, embargo: int) -> None:
        super().__init__(n_splits, 1, spans=spans, embargo=embargo)
        self.n_splits = n_splits
