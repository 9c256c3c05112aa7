"""Labels of several kinds and horizons side by side, by name, each with its span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from tidegate.core.errors import InputError
from tidegate.core.pipeline import Stage, StageKind
from tidegate.core.spans import Spans
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.labels.ends import NEVER, spans_until
from tidegate.labels.outcome import Labels
from tidegate.labels.touch import TouchLabels

__all__ = ["LabelPart", "LabelSet"]

_TOUCHED: Final = {"hit": "fixed_exit", "relative_hit": "fixed_exit", "hindsight_hit": "hindsight_touch"}


class LabelPart(Protocol):
    """Labels that share their spans."""

    @property
    def times(self) -> Int64Array:
        """Decision instants, ``int64 (n_times,)``."""
        ...

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the second axis."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its labels."""
        ...

    @property
    def ends(self) -> Int64Array:
        """``int64 (n_times,)``: when the labels of each row are known; ``NEVER`` where the data end before."""
        ...

    def values(self, name: str) -> FloatArray:
        """Return a label, ``float64 (n_times, n_symbols)``; NaN where there is none."""
        ...

    def as_document(self) -> dict[str, Any]:
        """Return what the labels are made of, as plain values."""
        ...

    def of_members(self, membership: Mask) -> LabelPart:
        """Return the labels of those that belonged to a universe at the decision; the others have none."""
        ...


@dataclass(frozen=True, eq=False)
class LabelSet:
    """Every label of a history, by name.

    Labels are computed when they are asked for, so that many horizons of a long history fit in memory.

    Parameters
    ----------
    parts
        Labels of the same rows and symbols, each part with its own spans. The first one is trained on.

    Raises
    ------
    InputError
        If there is none, or they have different rows or symbols, or two have the same name.

    Examples
    --------
    >>> from tidegate.core.horizon import Reach
    >>> from tidegate.core.recipe import FillPrice
    >>> from tidegate.labels import forward_labels
    >>> from tidegate.testing import synthetic_panel
    >>> panel = synthetic_panel(7, n_times=30, n_symbols=4)
    >>> parts = [forward_labels(panel, Reach.of_bars(bars), FillPrice.NEXT_CLOSE, 0.001) for bars in (1, 5)]
    >>> labels = LabelSet(tuple(parts))
    >>> labels.names[-2:], len(labels.spans_of("gross_1_bars")), len(labels.spans)
    (('net_long_5_bars', 'net_short_5_bars'), 28, 24)
    """

    parts: tuple[LabelPart, ...]

    def __post_init__(self) -> None:
        rows = {(part.times.tobytes(), part.symbols) for part in self.parts}
        names = self.names
        if len(rows) != 1 or len(set(names)) != len(names):
            raise InputError(
                found=f"{len(self.parts)} parts with {len(rows)} kinds of rows and the labels {', '.join(names)}",
                expected="the same rows and symbols in all of them, and each name once",
                hint="label one panel, with each horizon once",
            )

    @property
    def times(self) -> Int64Array:
        """Decision instants, ``int64 (n_times,)``."""
        return self.parts[0].times

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the second axis."""
        return self.parts[0].symbols

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all labels, in order of the parts."""
        return tuple(name for part in self.parts for name in part.names)

    def values(self, name: str) -> FloatArray:
        """Return a label, ``float64 (n_times, n_symbols)``; NaN where there is none.

        Raises
        ------
        InputError
            If there is no such label. Another horizon never takes its place.
        """
        return self._part(name).values(name)

    def spans_of(self, name: str) -> Spans:
        """Return the spans of one label: sample *i* is row *i*."""
        return spans_until(self.times, self._part(name).ends)

    @property
    def ends(self) -> Int64Array:
        """``int64 (n_times,)``: when every label of a row is known; ``NEVER`` where the data end before."""
        return self._latest(self.parts)

    @property
    def spans(self) -> Spans:
        """The spans of the longest labels, which purging works on: sample *i* is row *i*."""
        return spans_until(self.times, self.ends)

    @property
    def trained(self) -> Labels:
        """The returns that are trained on.

        Raises
        ------
        InputError
            If the first part holds no returns.
        """
        first = self.parts[0]
        if not isinstance(first, Labels):
            raise InputError(
                found=f"labels {', '.join(first.names)} in the first place",
                expected="returns to train on",
                hint="put the part of forward_labels first",
            )
        return first

    @property
    def returns(self) -> tuple[Labels, ...]:
        """The parts that hold returns, of one horizon each."""
        return tuple(part for part in self.parts if isinstance(part, Labels))

    @property
    def gross(self) -> FloatArray:
        """Gross log return over the trained horizon."""
        return self.trained.gross

    @property
    def horizon_bars(self) -> int:
        """Bars of the trained horizon."""
        return self.trained.horizon_bars

    @property
    def round_trip_cost(self) -> float:
        """Cost of buying and selling once, as a fraction of the notional."""
        return self.trained.round_trip_cost

    def target(self, kind: str) -> FloatArray:
        """Return what is forecast: over the trained horizon or, for hits, its days. Costs are never part of it.

        Raises
        ------
        InputError
            If there are no such labels; nothing else takes their place.
        """
        return self.part_of_target(kind).target(kind)

    def part_of_target(self, kind: str) -> Labels | TouchLabels:
        """Return the labels that a target is one of, with their own spans.

        Raises
        ------
        InputError
            If there are none.
        """
        return self.touches(_TOUCHED[kind]) if kind in _TOUCHED else self.trained

    def bars_of_target(self, kind: str) -> int:
        """Return over how many bars a target reaches: labels of rows nearer to each other than that share prices.

        The trained horizon; of hits the longest that their trade may last.

        Raises
        ------
        InputError
            If there are no such labels.
        """
        part = self.part_of_target(kind)
        return part.horizon_bars if isinstance(part, Labels) else part.reach_bars

    def touches(self, kind: str) -> TouchLabels:
        """Return the labels of a window of days, ``fixed_exit`` or ``hindsight_touch``.

        Raises
        ------
        InputError
            If there are none.
        """
        for part in self.parts:
            if isinstance(part, TouchLabels) and part.kind == kind:
                return part
        raise InputError(
            found=f"no {kind} labels among {', '.join(self.names)}",
            expected="them",
            hint="they are made where labels.target of the recipe is hit, relative_hit or hindsight_hit",
        )

    def of_members(self, membership: Mask) -> LabelSet:
        """Return the labels of those that belonged to a universe at the decision; the others have none.

        Parameters
        ----------
        membership
            ``bool (n_times, n_symbols)``.
        """
        return LabelSet(tuple(part.of_members(membership) for part in self.parts))

    def as_stage(self, names: Sequence[str] | None = None) -> Stage:
        """Return labels as an audit takes them, with the end of each row.

        A stage has one end per row: the latest of the labels in it. Where the data end before, the row is empty, also
        of labels that are known sooner; to have each horizon held to its own end, ask for one at a time.

        Parameters
        ----------
        names
            Which; None means all.
        """
        wanted = self.names if names is None else tuple(names)
        ends = self._latest([self._part(name) for name in wanted])
        values = np.full((len(self.times), len(self.symbols), len(wanted)), np.nan)
        known = ends < NEVER
        for place, name in enumerate(wanted):
            values[known, :, place] = self.values(name)[known]
        return Stage(
            kind=StageKind.LABELS, times=self.times, symbols=self.symbols, keys=wanted, values=values, ends=ends
        )

    def _latest(self, parts: Sequence[LabelPart]) -> Int64Array:
        latest: Int64Array = np.max([part.ends for part in parts], axis=0)
        return latest

    def _part(self, name: str) -> LabelPart:
        for part in self.parts:
            if name in part.names:
                return part
        raise InputError(
            found=f"no label {name!r}",
            expected=f"one of {', '.join(self.names)}",
            hint="name the horizon under labels.horizons",
        )
