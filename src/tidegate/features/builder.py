"""Features for every instant of a panel, and for one instant online, by the same formulas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tidegate.core.errors import DataError, InputError
from tidegate.core.fingerprint import array_fingerprint, fingerprint
from tidegate.core.panel import Panel, read_only
from tidegate.core.past_view import PastView
from tidegate.core.units import Float32Array, FloatArray, Int64Array, Mask
from tidegate.features.bars import Bars
from tidegate.features.contract import FeatureContract
from tidegate.features.cross_section import RANKED_FROM, centred_ranks
from tidegate.features.price import PRICE_FORMULAS

__all__ = ["FeatureMatrix", "build_features", "features_at"]

# Passes over a block of symbols stay in the processor's cache; ranks need whole rows, so they go by blocks of
# rows.
_SYMBOLS_PER_BLOCK = 256
_ROWS_PER_BLOCK = 64


@dataclass(frozen=True, eq=False)
class FeatureMatrix:
    """Features of every instant and symbol.

    Parameters
    ----------
    times
        ``int64 (n_times,)``, instants in microseconds UTC.
    symbols
        Names of the second axis.
    contract
        Names and meaning of the last axis.
    values
        ``float32 (n_times, n_symbols, n_features)``; row *t* uses what was known at ``times[t]``; NaN is
        missing.

    Raises
    ------
    InputError
        If the shape does not follow from times, symbols and contract.
    """

    times: Int64Array
    symbols: tuple[str, ...]
    contract: FeatureContract
    values: Float32Array

    def __post_init__(self) -> None:
        shape = (len(self.times), len(self.symbols), self.contract.dimension)
        if self.values.shape != shape or self.values.dtype != np.float32:
            raise InputError(
                found=f"feature values {self.values.dtype} {self.values.shape}",
                expected=f"float32 {shape}",
                hint="build them with build_features",
            )
        object.__setattr__(self, "values", read_only(self.values))

    def column(self, name: str) -> Float32Array:
        """Return one feature, ``float32 (n_times, n_symbols)``."""
        if name not in self.contract.names:
            raise InputError(
                found=f"no feature {name!r}",
                expected=f"one of {', '.join(self.contract.names)}",
                hint="check the contract",
            )
        return self.values[:, :, self.contract.names.index(name)]

    def mask(self, name: str) -> Mask:
        """Return where a feature is known, ``bool (n_times, n_symbols)``: missing is a mask, never a number."""
        return ~np.isnan(self.column(name))

    def present(self) -> Mask:
        """Return where at least one feature exists, ``bool (n_times, n_symbols)``."""
        found = np.zeros(self.values.shape[:2], dtype=bool)
        for place in range(self.contract.dimension):
            found |= ~np.isnan(self.values[:, :, place])
        return found

    def fingerprint(self) -> str:
        """Return the SHA-256 of contract, times, symbols and values."""
        blocks = range(0, len(self.times), _ROWS_PER_BLOCK)
        values = [array_fingerprint(self.values[start : start + _ROWS_PER_BLOCK]) for start in blocks]
        return fingerprint([self.contract.fingerprint, list(self.symbols), array_fingerprint(self.times), values])


def build_features(panel: Panel, contract: FeatureContract) -> FeatureMatrix:
    """Compute every feature of a contract for every row of a panel.

    Parameters
    ----------
    panel
        Row *t* holds what was known at ``panel.times[t]``.
    contract
        What to compute, from :func:`tidegate.features.contract_for`.

    Returns
    -------
    matrix
        Row *t* uses rows ``<= t`` only, and at most ``contract.lookback_bars`` of them.

    Raises
    ------
    DataError
        If the panel lacks a column that the contract requires.

    Examples
    --------
    >>> from tidegate.core.recipe import FeatureSettings
    >>> from tidegate.features import contract_for
    >>> panel = Panel(np.array([10, 20]), ("A",), {"close": np.array([[1.0], [np.e]])})
    >>> contract = contract_for(panel, FeatureSettings(groups=("return",)))
    >>> build_features(panel, contract).column("log_return_1").tolist()
    [[nan], [1.0]]
    """
    columns = _required(panel, contract)
    return FeatureMatrix(panel.times, panel.symbols, contract, _compute(columns, panel.shape, contract))


def features_at(view: PastView, contract: FeatureContract) -> Float32Array:
    """Compute the features of the newest row of a past view, as an online decision needs them.

    The row equals, to the bit, the row of :func:`build_features` for the same instant: the formulas are the
    same, and no value depends on rows before its lookback.

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
    columns = {name: column[-contract.lookback_bars :] for name, column in _required(view, contract).items()}
    shape = (min(len(view.times), contract.lookback_bars), len(view.symbols))
    newest: Float32Array = _compute(columns, shape, contract)[-1]
    return newest.copy()


def _required(source: Panel | PastView, contract: FeatureContract) -> dict[str, FloatArray]:
    missing = [name for name in contract.requires if name not in source]
    if missing:
        raise DataError(
            found=f"no column {', '.join(missing)}",
            expected=f"the columns {', '.join(contract.requires)} of contract {contract.fingerprint[:12]}",
            hint="read the same source as in training, or train on this one",
        )
    return {name: source[name] for name in contract.requires}


def _compute(columns: Mapping[str, FloatArray], shape: tuple[int, int], contract: FeatureContract) -> Float32Array:
    values = np.full((*shape, contract.dimension), np.nan, dtype=np.float32)
    targets = {name: values[:, :, place] for place, name in enumerate(contract.names)}
    for name in contract.names:
        # What is ranked may itself be outside the contract.
        if name in RANKED_FROM:
            targets.setdefault(RANKED_FROM[name], np.full(shape, np.nan, dtype=np.float32))
    _fill_formulas(columns, targets, shape[1])
    for name in contract.names:
        if name in RANKED_FROM:
            _fill_ranks(targets[RANKED_FROM[name]], targets[name])
    return values


def _fill_formulas(columns: Mapping[str, FloatArray], targets: Mapping[str, Float32Array], n_symbols: int) -> None:
    for start in range(0, n_symbols, _SYMBOLS_PER_BLOCK):
        block = slice(start, start + _SYMBOLS_PER_BLOCK)
        bars = Bars({name: column[:, block] for name, column in columns.items()})
        for name, target in targets.items():
            if name in PRICE_FORMULAS:
                target[:, block] = _finite(PRICE_FORMULAS[name](bars))


def _fill_ranks(base: Float32Array, target: Float32Array) -> None:
    for start in range(0, base.shape[0], _ROWS_PER_BLOCK):
        rows = slice(start, start + _ROWS_PER_BLOCK)
        target[rows] = centred_ranks(base[rows].astype(np.float64))


def _finite(values: FloatArray) -> Float32Array:
    """Narrow to float32; what does not fit is missing, never infinite."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    narrow[np.isinf(narrow)] = np.nan
    return narrow
