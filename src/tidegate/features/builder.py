"""Features for every instant of a history, and for one instant online, by the same formulas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from tidegate.core.errors import DataError
from tidegate.core.history import History, rows_until
from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.units import Float32Array, FloatArray, Mask
from tidegate.features.contract import Feature, FeatureContract
from tidegate.features.inputs import Inputs, Row
from tidegate.features.matrix import FeatureMatrix
from tidegate.features.reading import Reading
from tidegate.features.recent import recent_history
from tidegate.features.sources import Observe

if TYPE_CHECKING:
    import polars as pl

__all__ = ["MEMBER", "FeatureBuilder", "build_features", "features_at"]

# A block of rows and symbols stays in the processor's cache while the formulas pass over it.
_CELLS_PER_BLOCK: Final = 2**16
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
        self._uses = Counter(id(feature.formula) for feature in contract.features)
        self._tables = {name: _rows_of(history, name) for feature in contract.features for name in feature.tables}
        needed = {name for name in contract.requires if contract.source_of(name) is not None}
        self._observers: list[tuple[frozenset[str], Observe]] = [
            (frozenset(wanted), source.open(history.tables, history.bars.symbols))
            for source in contract.sources
            if (wanted := needed.intersection(source.produces))
        ]

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Float32Array]]:
        """Yield consecutive blocks of rows as first row and ``float32 (n, n_symbols, n_features)``."""
        for first, end in self.stretches(start, stop):
            yield first, self.rows(first, end)

    def stretches(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, int]]:
        """Yield first row and end of consecutive blocks of rows."""
        stop = len(self.bars.times) if stop is None else stop
        for first in range(start, stop, _ROWS_PER_BLOCK):
            yield first, min(first + _ROWS_PER_BLOCK, stop)

    def rows(self, start: int, stop: int) -> Float32Array:
        """Return the features of rows ``start`` to ``stop`` (exclusive), ``float32 (n, n_symbols, n_features)``."""
        return self.compute(self.read(start, stop))

    def read(self, start: int, stop: int) -> Reading:
        """Return everything that the features of rows ``start`` to ``stop`` (exclusive) are computed from."""
        reach: dict[str, int] = {}
        for lookback, features in _by_lookback(self.contract.features, stop - start).items():
            for name in {name for feature in features for name in feature.requires}:
                reach[name] = max(lookback, reach.get(name, 1))
        firsts = {name: max(start - rows + 1, 0) for name, rows in sorted(reach.items())}
        columns = {name: (first, self.bars[name][first:stop]) for name, first in firsts.items() if name in self.bars}
        for produces, observe in self._observers:
            first = min(firsts[name] for name in produces)
            observed = observe(self.bars.times[first:stop])
            columns |= {name: (first, observed[name]) for name in sorted(produces)}
        return Reading(
            start=start,
            stop=stop,
            times=self.bars.times,
            columns=columns,
            members=self._members(start, stop),
            tables={name: rows_until(rows, int(self.bars.times[stop - 1])) for name, rows in self._tables.items()},
        )

    def compute(self, reading: Reading, into: Float32Array | None = None) -> Float32Array:
        """Return the features of the rows that were read, ``float32 (n, n_symbols, n_features)``; write them there."""
        rows, n_symbols = reading.stop - reading.start, len(self.bars.symbols)
        built = np.empty((rows, n_symbols, self.contract.dimension), dtype=np.float32) if into is None else into
        places = {name: place for place, name in enumerate(self.contract.names)}
        shared = _Shared(reading, n_symbols)
        drawn = np.empty((len(places), rows, min(_width(rows), n_symbols)), dtype=np.float32)
        for some, block in _with_symbols(self.contract.features, n_symbols, rows):
            together = some[0].together
            target = built.transpose(2, 0, 1) if together else drawn[:, :, : block.stop - block.start]
            for features, inputs in self._inputs(reading, some, block):
                for feature in features:
                    values = self._computed(feature, inputs)[-rows:]
                    if feature.across is None:
                        _narrow(values, feature, target[places[feature.name]])
                    else:
                        shared.put(feature, block, values)
            if not together:
                _lay(target, built[:, block])
        for feature, values in shared:
            _narrow(values, feature, built[:, :, places[feature.name]])
        return built

    def _inputs(
        self, reading: Reading, features: Sequence[Feature], block: slice
    ) -> Iterator[tuple[list[Feature], Inputs]]:
        """Yield features with about the same lookback, and what they are computed from."""
        wanted, interval = reading.stop - reading.start, self.contract.interval
        for lookback, some in _by_lookback(features, wanted).items():
            first = max(reading.start - lookback + 1, 0)
            columns = reading.since(first, sorted({name for feature in some for name in feature.requires}))
            cut = {name: column[:, block] for name, column in columns.items()}
            times, symbols = reading.times[first : reading.stop], self.bars.symbols[block]
            yield some, Inputs(cut, times, interval, wanted, symbols=symbols, tables=reading.tables)

    @np.errstate(over="ignore", invalid="ignore")  # prices out of a broken feed; what overflows is missing in the end
    def _computed(self, feature: Feature, inputs: Inputs) -> FloatArray:
        """Compute a formula; one that several features share is computed once."""
        formula = feature.formula
        if formula is None:
            raise DataError(
                found=f"feature {feature.name} without its formula",
                expected="a declaration of the package or of the recipe",
                hint="read stored contracts with FeatureContract.from_document",
            )
        return formula(inputs) if self._uses[id(formula)] == 1 else inputs.once(formula, lambda: formula(inputs))

    def _members(self, start: int, stop: int) -> Mask | None:
        return self.bars[MEMBER][start:stop] > 0.0 if MEMBER in self.bars else None


class _Shared:
    """Values of formulas over all symbols, waiting to be seen across; one array per formula, however many use it."""

    def __init__(self, reading: Reading, n_symbols: int) -> None:
        self._reading = reading
        self._shape = (reading.stop - reading.start, n_symbols)
        self._features: dict[str, Feature] = {}
        self._values: dict[int, FloatArray] = {}

    def put(self, feature: Feature, block: slice, values: FloatArray) -> None:
        self._features[feature.name] = feature
        if id(feature.formula) not in self._values:
            self._values[id(feature.formula)] = np.empty(self._shape)
        self._values[id(feature.formula)][:, block] = values

    def __iter__(self) -> Iterator[tuple[Feature, FloatArray]]:
        members = self._reading.members
        whole = Row(self._reading.since(self._reading.start, self._reading.columns), members)
        for feature in self._features.values():
            assert feature.across is not None
            values = self._values[id(feature.formula)]
            seen = feature.across(values if members is None else np.where(members, values, np.nan), whole)
            yield feature, seen if members is None else np.where(members, seen, np.nan)


def build_features(
    history: History | Panel, contract: FeatureContract, *, into: Float32Array | None = None
) -> FeatureMatrix:
    """Compute every feature of a contract for every row of a history.

    Parameters
    ----------
    history
        Row *t* of its bars holds what was known at ``times[t]``; a panel alone is a history without other sources.
    contract
        What to compute, from :func:`tidegate.features.contract_for`.
    into
        ``float32 (n_times, n_symbols, n_features)`` to write to, for example a file that is mapped into memory.

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
    values = np.empty((*bars.shape, contract.dimension), dtype=np.float32) if into is None else into
    builder = FeatureBuilder(whole, contract)
    for start, stop in builder.stretches():
        builder.compute(builder.read(start, stop), into=values[start:stop])
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
    recent = recent_history(view.history(), contract)
    last = len(recent.bars.times) - 1
    newest: Float32Array = FeatureBuilder(recent, contract).rows(last, last + 1)[0]
    return newest


def _by_lookback(features: Sequence[Feature], rows: int) -> dict[int, list[Feature]]:
    """Group features by a lookback that suffices for all of a group, in steps of powers of two."""
    least = max(rows // _SPARE_ROWS, 1)
    groups: dict[int, list[Feature]] = {}
    for feature in features:
        groups.setdefault(1 << (max(feature.lookback_bars, least) - 1).bit_length(), []).append(feature)
    return groups


def _rows_of(history: History, table: str) -> pl.DataFrame:
    if table not in history.tables:
        raise DataError(
            found=f"no rows of {table!r}",
            expected="them, for a feature that looks at rows itself",
            hint=f"name a data set under data.uses.{table} in the recipe",
        )
    return history.tables[table]


def _with_symbols(features: Sequence[Feature], n_symbols: int, rows: int) -> Iterator[tuple[list[Feature], slice]]:
    """Yield which features are computed for which symbols; last come those that must see all of them at once."""
    apart = [feature for feature in features if not feature.together]
    for block in _blocks_of_symbols(n_symbols, rows) if apart else ():
        yield apart, block
    if together := [feature for feature in features if feature.together]:
        yield together, slice(0, n_symbols)


def _blocks_of_symbols(n_symbols: int, rows: int) -> Iterator[slice]:
    width = _width(rows)
    return (slice(start, min(start + width, n_symbols)) for start in range(0, n_symbols, width))


def _width(rows: int) -> int:
    """Return how many symbols stay in cache while formulas pass over so many rows of them."""
    return max(_CELLS_PER_BLOCK // max(rows, 1), 1)


def _narrow(values: FloatArray, feature: Feature, into: Float32Array) -> None:
    """Narrow to float32; what does not fit is missing, never infinite, and what is missing neutral beside a mask."""
    with np.errstate(over="ignore"):
        into[...] = values
    into[np.isinf(into)] = np.nan
    if feature.neutral is not None:
        into[np.isnan(into)] = feature.neutral


def _lay(drawn: Float32Array, built: Float32Array) -> None:
    """Lay features that were drawn one after the other beside each other, a few rows at a time: they stay in cache."""
    step = max(_CELLS_PER_BLOCK // max(drawn[:, 0].size, 1), 1)
    for first in range(0, drawn.shape[1], step):
        built[first : first + step] = drawn[:, first : first + step].transpose(1, 2, 0)
