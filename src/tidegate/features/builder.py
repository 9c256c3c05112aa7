"""Features for every instant of a history, and for one instant online, by the same formulas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.units import Float32Array, FloatArray, Mask
from tidegate.features.contract import Feature, FeatureContract
from tidegate.features.inputs import Inputs, Row
from tidegate.features.matrix import FeatureMatrix
from tidegate.features.sources import Observe

__all__ = ["MEMBER", "FeatureBuilder", "build_features", "features_at"]

# A block of rows and symbols stays in the processor's cache while the formulas pass over it.
_CELLS_PER_BLOCK: Final = 2**17
_ROWS_PER_BLOCK: Final = 2**14
# Share of a block's rows that may be read before it although no formula asks for so many: formulas with about the same
# lookback then share what they have in common.
_SPARE_ROWS: Final = 8
MEMBER: Final = "member"
"""Column of the panel: 1 where a symbol belongs to the universe."""


class FeatureBuilder:
    """Builds the features of a contract for any rows of a history; batch and online are the same code.

    Every formula sees at most its lookback before the rows that are asked for, so that a value is the same to the bit
    whichever rows it is built with, and memory is bounded by a block of rows, not by the history.

    Parameters
    ----------
    history
        Bars, and the tables that the contract's sources read.
    contract
        What to compute.

    Raises
    ------
    DataError
        If the history lacks a column or table that the contract requires.
    """

    def __init__(self, history: History, contract: FeatureContract) -> None:
        self.bars, self.contract = history.bars, contract
        absent = [name for name in contract.bar_columns if name not in history.bars]
        if absent:
            raise DataError(
                found=f"no column {', '.join(absent)}",
                expected=f"the columns {', '.join(contract.bar_columns)} of contract {contract.fingerprint[:12]}",
                hint="read the same source as in training, or train on this one",
            )
        needed = {name for name in contract.requires if contract.source_of(name) is not None}
        self._observers: list[tuple[frozenset[str], Observe]] = [
            (frozenset(wanted), source.open(history.tables, history.bars.symbols))
            for source in contract.sources
            if (wanted := needed.intersection(source.produces))
        ]

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Float32Array]]:
        """Yield consecutive blocks of rows as first row and ``float32 (n, n_symbols, n_features)``."""
        stop = len(self.bars.times) if stop is None else stop
        for first in range(start, stop, _ROWS_PER_BLOCK):
            yield first, self.rows(first, min(first + _ROWS_PER_BLOCK, stop))

    def rows(self, start: int, stop: int) -> Float32Array:
        """Return the features of rows ``start`` to ``stop`` (exclusive), ``float32 (n, n_symbols, n_features)``."""
        shape = (stop - start, len(self.bars.symbols), self.contract.dimension)
        built = np.full(shape, np.nan, dtype=np.float32)
        places = {name: place for place, name in enumerate(self.contract.names)}
        for lookback, features in _by_lookback(self.contract.features, stop - start).items():
            first = max(start - lookback + 1, 0)
            columns = self._columns(features, first, stop)
            shared = _Shared(self._members(start, stop))
            for block in _blocks_of_symbols(shape[1], stop - first):
                cut = {name: column[:, block] for name, column in columns.items()}
                inputs = Inputs(cut, self.bars.times[first:stop], self.contract.interval, stop - start)
                for feature in features:
                    values = _computed(feature, inputs, features)[start - first :]
                    if feature.across is None:
                        built[:, block, places[feature.name]] = _narrow(values)
                    else:
                        shared.put(feature, block, values, shape[:2])
            whole = Row({name: column[start - first :] for name, column in columns.items()}, shared.members)
            for feature, values in shared:
                built[:, :, places[feature.name]] = _narrow(_across(feature, values, whole))
        return self._neutral_where_masked(built, places)

    def _columns(self, features: Sequence[Feature], start: int, stop: int) -> dict[str, FloatArray]:
        wanted = {name for feature in features for name in feature.requires}
        columns = {name: self.bars[name][start:stop] for name in sorted(wanted) if name in self.bars}
        for produces, observe in self._observers:
            if produces & wanted:
                observed = observe(self.bars.times[start:stop])
                columns |= {name: observed[name] for name in sorted(produces & wanted)}
        return columns

    def _members(self, start: int, stop: int) -> Mask | None:
        return self.bars[MEMBER][start:stop] > 0.0 if MEMBER in self.bars else None

    def _neutral_where_masked(self, built: Float32Array, places: Mapping[str, int]) -> Float32Array:
        for feature in self.contract.features:
            if feature.neutral is not None:
                values = built[:, :, places[feature.name]]
                values[np.isnan(values)] = feature.neutral
        return built


class _Shared:
    """Values of formulas over all symbols, waiting to be seen across; one array per formula, however many use it."""

    def __init__(self, members: Mask | None) -> None:
        self.members = members
        self._features: list[Feature] = []
        self._values: dict[int, FloatArray] = {}

    def put(self, feature: Feature, block: slice, values: FloatArray, shape: tuple[int, int]) -> None:
        key = id(feature.formula)
        if block.start == 0:
            self._features.append(feature)
        whole = self._values.setdefault(key, np.full(shape, np.nan))
        whole[:, block] = values

    def __iter__(self) -> Iterator[tuple[Feature, FloatArray]]:
        for feature in self._features:
            values = self._values[id(feature.formula)]
            yield feature, values if self.members is None else np.where(self.members, values, np.nan)


def build_features(history: History | Panel, contract: FeatureContract) -> FeatureMatrix:
    """Compute every feature of a contract for every row of a history.

    Parameters
    ----------
    history
        Row *t* of its bars holds what was known at ``times[t]``; a panel alone is a history without other sources.
    contract
        What to compute, from :func:`tidegate.features.contract_for`.

    Returns
    -------
    matrix
        Row *t* uses rows ``<= t`` only, at most ``contract.lookback_bars`` of them, and what was known by then.

    Raises
    ------
    DataError
        If the history lacks a column or table that the contract requires.

    Examples
    --------
    >>> from tidegate.core.recipe import FeatureSettings
    >>> from tidegate.features import contract_for
    >>> panel = Panel(np.array([10, 20]), ("A",), {"close": np.array([[1.0], [np.e]])})
    >>> contract = contract_for(panel, FeatureSettings(groups=("price",)))
    >>> build_features(panel, contract).column("log_return_1").tolist()
    [[nan], [1.0]]
    """
    whole = history if isinstance(history, History) else History(history)
    bars = whole.bars
    values = np.empty((len(bars.times), len(bars.symbols), contract.dimension), dtype=np.float32)
    for first, block in FeatureBuilder(whole, contract).blocks():
        values[first : first + len(block)] = block
    return FeatureMatrix(bars.times, bars.symbols, contract, values)


def features_at(view: PastView, contract: FeatureContract) -> Float32Array:
    """Compute the features of the newest row of a past view, as an online decision needs them.

    The row equals, to the bit, the row of :func:`build_features` for the same instant: the formulas are the
    same, and no value depends on rows before its lookback. Where many instants follow each other, keep a
    :class:`FeatureBuilder` and ask it for ``rows``.

    Parameters
    ----------
    view
        What was known at ``view.as_of``.
    contract
        What to compute.

    Returns
    -------
    values
        ``float32 (n_symbols, n_features)``; NaN is missing.

    Raises
    ------
    DataError
        If the view is empty or lacks a column that the contract requires.
    """
    if not len(view.times):
        raise DataError(
            found="no bar up to this instant",
            expected="at least one",
            hint="start later or load more history",
        )
    newest: Float32Array = FeatureBuilder(view.history(), contract).rows(len(view.times) - 1, len(view.times))[0]
    return newest


def _by_lookback(features: Sequence[Feature], rows: int) -> dict[int, list[Feature]]:
    """Group features by a lookback that suffices for all of a group, in steps of powers of two."""
    least = max(rows // _SPARE_ROWS, 1)
    groups: dict[int, list[Feature]] = {}
    for feature in features:
        groups.setdefault(1 << (max(feature.lookback_bars, least) - 1).bit_length(), []).append(feature)
    return groups


def _blocks_of_symbols(n_symbols: int, rows: int) -> Iterator[slice]:
    width = max(_CELLS_PER_BLOCK // max(rows, 1), 1)
    return (slice(start, start + width) for start in range(0, n_symbols, width))


def _computed(feature: Feature, inputs: Inputs, beside: Sequence[Feature]) -> FloatArray:
    """Compute a formula; one that several features share is computed once."""
    if feature.formula is None:
        raise DataError(
            found=f"feature {feature.name} without its formula",
            expected="a declaration of the package or of the recipe",
            hint="read stored contracts with FeatureContract.from_document",
        )
    formula = feature.formula
    if sum(other.formula is formula for other in beside) == 1:
        return formula(inputs)
    return inputs.once(formula, lambda: formula(inputs))


def _across(feature: Feature, values: FloatArray, whole: Row) -> FloatArray:
    assert feature.across is not None
    seen = feature.across(values, whole)
    return seen if whole.members is None else np.where(whole.members, seen, np.nan)


def _narrow(values: FloatArray) -> Float32Array:
    """Narrow to float32; what does not fit is missing, never infinite."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    narrow[np.isinf(narrow)] = np.nan
    return narrow
