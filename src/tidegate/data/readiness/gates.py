"""Gates of readiness: a least value that the mean over symbols must reach, and the worst symbol too (D-22)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from math import fsum
from typing import Any, Final, Literal

from tidegate.data.audit.findings import in_percent
from tidegate.data.readiness.coverage import MemberCoverage

__all__ = ["Gate", "Measure", "Reason", "ReasonCode", "judge", "refuse"]

Measure = Literal["coverage", "count"]

_ROUNDING: Final = 1e-12
"""A mean of equal numbers may miss them by so much."""


class ReasonCode(StrEnum):
    """Why a gate does not pass; the report has a text for each."""

    BELOW = "below"
    LOW_MEAN = "low_mean"
    NO_DATA_SET = "no_data_set"
    NOT_DECLARED = "not_declared"
    NO_LINKS = "no_links"
    NO_SYMBOL = "no_symbol"
    NO_BAR = "no_bar"
    NO_ROW = "no_row"
    ENDED_EARLY = "ended_early"


_WORDS: Final = {
    ReasonCode.BELOW: "{count:,} of {symbols:,} below {least}, the worst {worst} with {value}",
    ReasonCode.LOW_MEAN: "mean {value} below {least}",
    ReasonCode.NO_DATA_SET: "no data set {dataset!r} in {table}",
    ReasonCode.NOT_DECLARED: "not among data.uses, and mode production asks for it",
    ReasonCode.NO_LINKS: "no link tells which symbols the items of {dataset!r} are about",
    ReasonCode.NO_SYMBOL: "no symbol to judge",
    ReasonCode.NO_BAR: "no real {interval} bar of {dataset!r} in the window",
    ReasonCode.NO_ROW: "no real row of these symbols in the window; {dataset!r} knows {members}",
    ReasonCode.ENDED_EARLY: "{members} end before the window does; if they were delisted, symbol_lives must say so",
}


@dataclass(frozen=True)
class Reason:
    """One reason with the values that its words need.

    Examples
    --------
    >>> str(Reason(ReasonCode.LOW_MEAN, {"value": "80.00%", "least": "90.00%"}))
    'mean 80.00% below 90.00%'
    """

    code: ReasonCode
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return it in words."""
        return _WORDS[self.code].format(**self.values)


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One least value and what was found.

    Parameters
    ----------
    name
        The data kind, and after a point what of it: ``derivatives.basis_rate``.
    kind
        The data kind alone.
    measure
        Whether a share of what is owed is judged, or a number of rows.
    least_mean, least_minimum
        What the mean over symbols and the worst symbol must reach.
    mean, minimum
        What they reach; 0 where there is no symbol.
    worst
        The symbol with the least.
    below
        Number of symbols below what the worst must reach.
    symbols
        Number of symbols that were judged.
    reasons
        Why the gate does not pass; empty if it does.
    """

    name: str
    kind: str
    measure: Measure
    least_mean: float
    least_minimum: float
    mean: float = 0.0
    minimum: float = 0.0
    worst: str | None = None
    below: int = 0
    symbols: int = 0
    reasons: tuple[Reason, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons

    def shown(self, value: float) -> str:
        """Return a value in the gate's measure as a reader expects it."""
        if self.measure == "coverage":
            return in_percent(value)
        return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "reasons": list(map(str, self.reasons)), "passed": self.passed}


def judge(
    name: str,
    kind: str,
    members: Sequence[MemberCoverage],
    *,
    measure: Measure,
    least: float,
    symbol_fraction: float,
) -> Gate:
    """Return the gate of a data kind.

    Parameters
    ----------
    least
        What the mean must reach; the worst symbol must reach ``symbol_fraction`` of it.

    Examples
    --------
    >>> from tidegate.core.time import Instant
    >>> found = {"A": 10, "B": 8}
    >>> members = [MemberCoverage(name, Instant(0), Instant(1), 10, bars, bars, ()) for name, bars in found.items()]
    >>> [str(one) for one in judge("bars", "bars", members, measure="coverage", least=0.9, symbol_fraction=1.0).reasons]
    ['1 of 2 below 90.00%, the worst B with 80.00%']
    """
    values = [one.coverage if measure == "coverage" else float(one.count) for one in members]
    if not values:
        none = Reason(ReasonCode.NO_SYMBOL)
        return refuse(name, kind, measure=measure, least=least, symbol_fraction=symbol_fraction, why=none)
    mean, minimum = fsum(values) / len(values), min(values)
    floor = least * symbol_fraction
    below = sum(value < floor - _ROUNDING for value in values)
    gate = Gate(
        name=name, kind=kind, measure=measure, least_mean=least, least_minimum=floor, mean=mean, minimum=minimum,
        worst=members[values.index(minimum)].member, below=below, symbols=len(values),
    )  # fmt: skip
    shown = {"least": gate.shown(floor), "worst": gate.worst, "value": gate.shown(minimum)}
    reasons = []
    if below:
        reasons.append(Reason(ReasonCode.BELOW, {"count": below, "symbols": len(values), **shown}))
    if mean < least - _ROUNDING:
        reasons.append(Reason(ReasonCode.LOW_MEAN, {"value": gate.shown(mean), "least": gate.shown(least)}))
    return replace(gate, reasons=tuple(reasons))


def refuse(name: str, kind: str, *, measure: Measure, least: float, symbol_fraction: float, why: Reason) -> Gate:
    """Return a gate that does not pass because there is nothing to judge."""
    floor = least * symbol_fraction
    return Gate(name=name, kind=kind, measure=measure, least_mean=least, least_minimum=floor, reasons=(why,))
