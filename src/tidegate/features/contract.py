"""The feature contract: what each feature is called, needs and means, in the order of every vector."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tidegate.core.errors import InputError
from tidegate.core.fingerprint import fingerprint

__all__ = ["Feature", "FeatureContract"]


@dataclass(frozen=True, kw_only=True)
class Feature:
    """The declaration of one feature.

    Parameters
    ----------
    name
        Unique name, the key in every vector and report.
    group
        The group by which recipes choose it.
    requires
        Panel columns without which it cannot be computed.
    lookback_bars
        Rows that the value at *t* reads, row *t* included.
    description
        The formula in words; it is part of the fingerprint, so a formula that changes changes the contract.
    unit
        ``log``, ``fraction``, ``flag``, ``deviations`` or ``rank``.
    """

    name: str
    group: str
    requires: tuple[str, ...]
    lookback_bars: int
    description: str
    unit: str


@dataclass(frozen=True)
class FeatureContract:
    """An ordered, closed set of features.

    Training matrices, online vectors and stored models refer to the same contract by its fingerprint; a
    vector with other keys, or the same keys in another order, is refused and never padded or cut to fit.

    Raises
    ------
    InputError
        If there is no feature or two share a name.

    Examples
    --------
    >>> gap = Feature(
    ...     name="gap", group="range", requires=("open",), lookback_bars=2, description="gap", unit="log"
    ... )
    >>> contract = FeatureContract((gap,))
    >>> contract.dimension, contract.lookback_bars
    (1, 2)
    """

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        repeated = [name for name, count in Counter(self.names).items() if count > 1]
        if repeated or not self.features:
            raise InputError(
                found=f"features {', '.join(repeated)} more than once" if repeated else "no feature",
                expected="at least one feature, each name once",
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
        """Panel columns that the features read, in alphabetical order."""
        return tuple(sorted({column for feature in self.features for column in feature.requires}))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the ordered declarations."""
        return fingerprint([dataclasses.asdict(feature) for feature in self.features])

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
        return {
            "fingerprint": self.fingerprint,
            "features": [dataclasses.asdict(feature) for feature in self.features],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> FeatureContract:
        """Read a contract back.

        Raises
        ------
        InputError
            If the document is not one, or its declarations do not have the fingerprint it names.
        """
        try:
            features = tuple(
                Feature(**{**entry, "requires": tuple(entry["requires"])}) for entry in document["features"]
            )
            contract, expected = cls(features), document["fingerprint"]
        except (KeyError, TypeError) as error:
            raise InputError(
                found=f"a feature contract that cannot be read ({error})",
                expected="contract.json of a run",
                hint="restore the file",
            ) from None
        if contract.fingerprint != expected:
            raise InputError(
                found=f"declarations with fingerprint {contract.fingerprint[:12]}",
                expected=f"{str(expected)[:12]} as the document says",
                hint="the file was edited; restore it or train again",
            )
        return contract
