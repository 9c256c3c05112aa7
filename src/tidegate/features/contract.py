"""The feature contract: what each feature is called, needs and means, in the order of every vector."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cached_property
from typing import Any

from tidegate.core.errors import InputError
from tidegate.core.fingerprint import fingerprint
from tidegate.core.time import DAILY, BarInterval
from tidegate.core.units import FloatArray
from tidegate.features.inputs import Across, Inputs
from tidegate.features.sources import Source

__all__ = ["Feature", "FeatureContract", "FeatureGroup", "Formula"]

Formula = Callable[[Inputs], FloatArray]
"""Maps inputs of *n* rows to ``float64 (n, n_symbols)``; row *t* reads rows ``<= t`` of one symbol."""
_CODE = ("formula", "across")
"""Fields that hold code: the declaration is compared, hashed and stored without them."""


class FeatureGroup(StrEnum):
    """What a feature is about; ablations leave out a group at a time, by the contract and never by name patterns."""

    PRICE = "price"
    VOLUME = "volume"
    MICROSTRUCTURE = "microstructure"
    DERIVATIVES = "derivatives"
    ON_CHAIN = "on_chain"
    MACRO = "macro"
    EVENT = "event"
    TEXT_STATISTICS = "text_statistics"
    CALENDAR = "calendar"
    CROSS_SECTION = "cross_section"
    QUALITY = "quality"


@dataclass(frozen=True, kw_only=True)
class Feature:
    """The declaration of one feature, and its one formula.

    Parameters
    ----------
    name
        Unique name, the key in every vector and report.
    group
        The group by which recipes and ablations choose it.
    requires
        Columns without which it cannot be computed, of the bars or of a source.
    lookback_bars
        Rows that the value at *t* reads, row *t* included; of a recursive formula its warm-up.
    description
        The formula in words; it is part of the fingerprint, so a formula that changes changes the contract.
    unit
        ``log``, ``fraction``, ``flag``, ``deviations``, ``rank``, ...
    bound
        The largest change that bars before the lookback can make to the value; 0 means none, to the bit.
    mask
        The feature that is 1 where this one is missing, if there is one; the value is then ``neutral`` there.
    neutral
        Stands for a missing value beside a mask. None leaves it missing.
    known_as
        Name of the same quantity in earlier systems, for people who look for it.
    implementation
        Hash of the code or text of a user's own formula; empty for those of the package.
    formula
        Computes it.
    across
        Maps the formula's values of a row over all symbols to the feature: a rank, a mean of the market.
    tables
        Slower sources whose rows the formula looks at itself; those that it has as columns are not among them.
    together
        Whether the formula must see all symbols at once; another one may be handed any part of them.
    """

    name: str
    group: str
    requires: tuple[str, ...]
    lookback_bars: int
    description: str
    unit: str
    bound: float = 0.0
    mask: str | None = None
    neutral: float | None = None
    known_as: str = ""
    implementation: str = ""
    tables: tuple[str, ...] = ()
    together: bool = False
    formula: Formula | None = field(default=None, compare=False, repr=False)
    across: Across | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.group not in set(FeatureGroup) or self.lookback_bars < 1:
            raise InputError(
                found=f"feature {self.name} of group {self.group!r} with a lookback of {self.lookback_bars} bars",
                expected=f"one of {', '.join(FeatureGroup)} and at least 1 bar",
                hint="correct the declaration",
            )
        if self.neutral is not None and self.mask is None:
            raise InputError(
                found=f"feature {self.name} with {self.neutral:g} for what is missing, and no mask",
                expected="a mask beside a neutral value",
                hint="name the flag that tells them apart, or leave what is missing missing",
            )

    def as_document(self) -> dict[str, Any]:
        """Return the declaration as plain values, without code."""
        return {part.name: getattr(self, part.name) for part in fields(self) if part.name not in _CODE}


@dataclass(frozen=True)
class FeatureContract:
    """An ordered, closed set of features, and the sources that deliver what the bars do not.

    Training matrices, online vectors and stored models refer to the same contract by its fingerprint; a
    vector with other keys, or the same keys in another order, is refused and never padded or cut to fit (D-26).

    Parameters
    ----------
    features
        In the order of the last axis of every feature array.
    sources
        Deliver columns beside those of the bars.
    interval
        Size of the bars, where a formula needs it.

    Raises
    ------
    InputError
        If there is no feature, two share a name, or a mask is not in the contract.

    Examples
    --------
    >>> gap = Feature(
    ...     name="gap", group="price", requires=("open",), lookback_bars=2, description="gap", unit="log"
    ... )
    >>> contract = FeatureContract((gap,))
    >>> contract.dimension, contract.lookback_bars
    (1, 2)
    """

    features: tuple[Feature, ...]
    sources: tuple[Source, ...] = ()
    interval: BarInterval = DAILY

    def __post_init__(self) -> None:
        repeated = [name for name, count in Counter(self.names).items() if count > 1]
        maskless = [one.name for one in self.features if one.mask is not None and one.mask not in self.names]
        if repeated or maskless or not self.features:
            fault = f"features {', '.join(repeated)} more than once" if repeated else "no feature"
            raise InputError(
                found=f"features {', '.join(maskless)} without their masks" if maskless else fault,
                expected="at least one feature, each name once, each with its mask",
                hint="check the declarations",
            )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names in the order of the last axis of every feature array."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Groups in order of first appearance."""
        return tuple(dict.fromkeys(feature.group for feature in self.features))

    @property
    def dimension(self) -> int:
        """Length of the last axis of every feature array."""
        return len(self.features)

    @cached_property
    def lookback_bars(self) -> int:
        """Rows, the present one included, that suffice for every feature."""
        return max(feature.lookback_bars for feature in self.features)

    @cached_property
    def requires(self) -> tuple[str, ...]:
        """Columns that the features read, in alphabetical order."""
        return tuple(sorted({column for feature in self.features for column in feature.requires}))

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """Slower sources that are read, in alphabetical order."""
        direct = {table for feature in self.features for table in feature.tables}
        return tuple(sorted(direct.union(source.table for source in self.sources)))

    def source_of(self, column: str) -> Source | None:
        """Return the source that delivers a column; None if the bars do."""
        return next((source for source in self.sources if column in source.produces), None)

    @cached_property
    def bar_columns(self) -> tuple[str, ...]:
        """Columns that the panel of bars must have."""
        return tuple(name for name in self.requires if self.source_of(name) is None)

    def maximum_age(self, feature: Feature) -> int | None:
        """Return the microseconds after which the oldest source of a feature counts as missing; None for bars."""
        sources = [self.source_of(column) for column in feature.requires]
        return max((source.maximum_age for source in sources if source is not None), default=None)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the ordered declarations, the sources and the size of the bars."""
        return fingerprint(self._document())

    def check_names(self, names: Sequence[str]) -> None:
        """Refuse a vector whose keys are not exactly the contract's, in the contract's order.

        Raises
        ------
        InputError
            If keys are extra, missing, repeated or in another order; the message names them.
        """
        if tuple(names) == self.names:
            return
        extra = sorted(set(names) - set(self.names))
        missing = sorted(set(self.names) - set(names))
        faults = [f"{kind} {', '.join(which)}" for kind, which in (("extra", extra), ("missing", missing)) if which]
        raise InputError(
            found=f"feature keys that do not fit: {'; '.join(faults) or 'the right names in another order'}",
            expected=f"the {self.dimension} keys of contract {self.fingerprint[:12]} in their order",
            hint="build the vector with the same contract; it is never padded, cut or sorted to fit",
        )

    def as_document(self) -> dict[str, Any]:
        """Return the contract as plain values, fingerprint included, for ``contract.json``."""
        return {"fingerprint": self.fingerprint, **self._document()}

    def _document(self) -> dict[str, Any]:
        return {
            "interval": str(self.interval),
            "features": [feature.as_document() for feature in self.features],
            "sources": [source.as_document() for source in self.sources],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], declared: FeatureContract) -> FeatureContract:
        """Return the features of a stored contract among those that are declared here, with their code.

        A document holds no code: what it names must be declared by the package or the recipe, and declared the same.

        Parameters
        ----------
        document
            ``contract.json`` of a run.
        declared
            A contract that holds at least its features.

        Raises
        ------
        InputError
            If the document is not one, or names a feature that is declared otherwise here or not at all.
        """
        try:
            known = {feature.name: feature for feature in declared.features}
            found = tuple(known[entry["name"]] for entry in document["features"])
            wanted = {entry["name"] for entry in document["sources"]}
            sources = tuple(source for source in declared.sources if source.name in wanted)
            contract = cls(found, sources, BarInterval(document["interval"]))
            # What stands in the document and what is declared must be the same thing three times over: as it was
            # hashed, as it is written, and as it is declared.
            said = str(document["fingerprint"])
            written = fingerprint({name: part for name, part in document.items() if name != "fingerprint"})
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(
                found=f"a feature contract that cannot be read ({error})",
                expected="contract.json of a run, and its features declared here",
                hint="restore the file, or the recipe's own features",
            ) from None
        if not said == written == contract.fingerprint:
            raise InputError(
                found=f"declarations with fingerprint {contract.fingerprint[:12]}, written ones with {written[:12]}",
                expected=f"{said[:12]} for both, as the document says",
                hint="the file was edited or a formula changed since; restore it or train again",
            )
        return contract
