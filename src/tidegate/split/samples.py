"""Folds in time order for tools that know only rows: the splitters of recipes as splitters of scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from tidegate.core.spans import Spans
from tidegate.core.units import Int64Array
from tidegate.split.disjoint import require_as_many, require_disjoint, require_spans
from tidegate.split.hold_out import Splitter

__all__ = ["SampleSplit"]


class SampleSplit:
    """A splitter of decision instants as a scikit-learn splitter of samples.

    The samples of a test window are those that are decided in it. Validation and calibration slices belong to neither
    side: they stand between training and test, and scikit-learn has no place for them.

    Parameters
    ----------
    splitter
        Such as :class:`WalkForward` or :class:`HoldOut`.
    spans
        Label span of every sample, in the order of the rows that will be split.

    Raises
    ------
    InputError
        If there are no spans.

    Examples
    --------
    >>> from datetime import date
    >>> from tidegate.core.recipe import SplitSettings
    >>> from tidegate.core.time import DAY
    >>> from tidegate.split.hold_out import splitter_for
    >>> times = np.arange(0, 800) * DAY
    >>> cut = SampleSplit(splitter_for(SplitSettings(first_test=date(1971, 6, 1))), Spans(times[:-5], times[5:]))
    >>> [(len(train), len(test)) for train, test in cut.split()]
    [(512, 279)]
    """

    def __init__(self, splitter: Splitter, spans: Spans | None) -> None:
        self.splitter = splitter
        self.spans = require_spans(spans)

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:  # noqa: N803, ARG002
        """Return how many folds there are. The arguments are there for scikit-learn and unused."""
        return len(self._sides)

    def split(
        self,
        X: Any = None,  # noqa: N803
        y: object = None,  # noqa: ARG002
        groups: object = None,  # noqa: ARG002
    ) -> Iterator[tuple[Int64Array, Int64Array]]:
        """Yield the indices of training and test of every fold.

        Raises
        ------
        InputError
            If there are not as many rows as spans.
        DataError
            If not one fold is possible.
        LookAheadError
            If a label of training shares time with one of the test.
        """
        require_as_many(X, self.spans)
        yield from self._sides

    @cached_property
    def _sides(self) -> list[tuple[Int64Array, Int64Array]]:
        start, end = self.spans.start, self.spans.end
        sides = []
        for fold in self.splitter.split(np.unique(start), self.spans):
            test = np.flatnonzero((start >= fold.test_start) & (start < fold.test_end))
            require_disjoint(Spans(start[fold.train], end[fold.train]), Spans(start[test], end[test]))
            sides.append((fold.train, test))
        return sides
