"""Which parameters changed nothing, by trying: over the parameter sets of a sweep, or up and down from a single one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from pydantic import ValidationError

from tidegate.core.errors import InputError
from tidegate.core.recipe_strategy import StrategySettings
from tidegate.core.units import FloatArray, Int64Array
from tidegate.engine.inert_settings import BINDING_OF, WhyInert, unable_to_bind
from tidegate.engine.market import Market
from tidegate.engine.sweep import Trial, run_trials
from tidegate.strategy.seam import Binding

__all__ = ["Compared", "InertParameter", "SweptParameter", "distinct_curves", "inert_report", "probe"]

_SAME: Final = 1e-10
"""Largest relative difference of two equity curves that count as one; sums in another order differ by less."""

_OFF_AT_ZERO: Final = frozenset(
    {"retain_top_n", "score_delay_bars", "score_smoothing", "volatility_target", "max_drawdown", "max_drawdown_52w",
     "max_turnover", "drawdown_exposure_floor"}
)  # fmt: skip


class Compared(Protocol):
    """Curves to compare: a sweep, or what was kept of one."""

    @property
    def equity(self) -> FloatArray:
        """``float64 (n_times, n_sets)``."""
        ...

    @property
    def counts(self) -> Int64Array:
        """``int64 (n_sets, 15)``: rebalances at which each binding bound."""
        ...


@dataclass(frozen=True, kw_only=True)
class InertParameter:
    """A parameter that changed nothing.

    Parameters
    ----------
    parameter
        Its name, as in a recipe's strategy.
    why
        What is known of the reason.
    tried
        The values that gave one and the same curve, as text.
    """

    parameter: str
    why: WhyInert
    tried: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"parameter": self.parameter, "why": self.why.value, "tried": list(self.tried)}


@dataclass(frozen=True, kw_only=True)
class SweptParameter:
    """What one swept parameter did, other things equal.

    Parameters
    ----------
    parameter
        Name of a field of the strategy, or after ``legacy.``, ``costs.`` or ``rules.`` of those.
    values
        Every value tried, as text, in order of appearance.
    groups, unmoved
        Groups of parameter sets that differ in this parameter alone, and in how many of them all curves are the same.
    curves
        The most different curves in one group; of *k* values that *m* curves come from, *k - m* are duplicates.
    why
        Why nothing moved; None where something did.
    """

    parameter: str
    values: tuple[str, ...]
    groups: int
    unmoved: int
    curves: int
    why: WhyInert | None

    @property
    def is_inert(self) -> bool:
        """Whether it changed nothing at all."""
        return self.groups == self.unmoved


def inert_report(trials: Sequence[Trial], sweep: Compared, history: int | None = None) -> list[SweptParameter]:
    """Return, for each parameter that differs between some sets, what it changed, other things equal.

    Parameters
    ----------
    trials
        The parameter sets of the sweep, in its order.
    sweep
        Their curves at all closes, or at some: two that differ anywhere go on to differ.
    history
        Closes of the market, those before the account's start included; None means enough for every window.

    Returns
    -------
    list of SweptParameter
        In order of names. A parameter that never varies alone, as in a random sample, cannot be judged and is not in
        the list.

    Raises
    ------
    InputError
        If the sweep has another number of sets.
    """
    if len(trials) != sweep.equity.shape[1]:
        raise InputError(
            found=f"{len(trials)} parameter sets and {sweep.equity.shape[1]} curves",
            expected="the sets of the sweep",
            hint="give both from one run",
        )
    flat = [_flat(trial) for trial in trials]
    names = sorted({name for one in flat for name in one})
    swept = [name for name in names if len({repr(one.get(name)) for one in flat}) > 1]
    curve_of = distinct_curves(sweep.equity)
    found = []
    for name in swept:
        groups = _groups(flat, swept, name)
        if groups:
            found.append(_judge(name, groups, flat, curve_of, trials, sweep, history))
    return found


def _judge(
    name: str,
    groups: list[list[int]],
    flat: Sequence[Mapping[str, Any]],
    curve_of: Int64Array,
    trials: Sequence[Trial],
    sweep: Compared,
    history: int | None,
) -> SweptParameter:
    curves = [len(set(curve_of[group].tolist())) for group in groups]
    members = [number for group in groups for number in group]
    unmoved = sum(count == 1 for count in curves)
    why = None
    if unmoved == len(groups):
        why = _why(name, [trials[number] for number in members], sweep.counts[members], history)
    return SweptParameter(
        parameter=name,
        values=tuple(dict.fromkeys(_text(flat[number].get(name)) for number in members)),
        groups=len(groups),
        unmoved=unmoved,
        curves=max(curves),
        why=why,
    )


def _flat(trial: Trial) -> dict[str, Any]:
    """Return every parameter of a trial by its name."""
    settings = trial.settings
    if not isinstance(settings, StrategySettings):
        return {
            **vars(settings),
            **_prefixed("costs", trial.costs.model_dump()),
            **_prefixed("rules", vars(trial.rules)),
        }
    own = settings.model_dump()
    legacy = own.pop("legacy")
    parts = (("legacy", legacy), ("costs", trial.costs.model_dump()), ("rules", vars(trial.rules)))
    return {**own, **{key: value for prefix, part in parts for key, value in _prefixed(prefix, part).items()}}


def _prefixed(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}.{name}": value for name, value in values.items()}


def _groups(flat: Sequence[Mapping[str, Any]], swept: Sequence[str], name: str) -> list[list[int]]:
    """Return the sets that differ in one parameter alone, in groups of at least two values."""
    keyed: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, one in enumerate(flat):
        keyed[tuple(repr(one.get(other)) for other in swept if other != name)].append(number)
    return [group for group in keyed.values() if len({repr(flat[number].get(name)) for number in group}) > 1]


def distinct_curves(equity: FloatArray) -> Int64Array:
    """Return, for each curve, the number of the first one that it equals, ``int64 (n_sets,)``."""
    first = np.arange(equity.shape[1])
    # Only neighbours in the order of final equity can be the same curve.
    order = np.argsort(equity[-1], kind="stable")
    leader = int(order[0])
    for number in order[1:].tolist():
        if _are_same(equity[:, leader], equity[:, number]):
            first[number] = first[leader]
        else:
            leader = number
    return first


def _are_same(one: FloatArray, other: FloatArray) -> bool:
    return bool((np.abs(one - other) <= _SAME * np.abs(one)).all())


def _why(name: str, trials: Sequence[Trial], counts: Int64Array, history: int | None) -> WhyInert:
    """Return the reason that settings give for all sets, else the one that their counts give."""
    reasons: Counter[WhyInert] = Counter()
    for trial in trials:
        if isinstance(trial.settings, StrategySettings):
            reason = unable_to_bind(trial.settings, history).get(name)
            reasons.update([] if reason is None else [reason])
    if reasons and reasons.total() == len(trials):
        return reasons.most_common(1)[0][0]
    binding = BINDING_OF.get(name)
    if binding is None or _bound(counts, binding):
        return WhyInert.SAME_RESULT
    if binding is Binding.MINIMUM_SCORE:
        return WhyInert.NOBODY_BELOW
    return WhyInert.NOBODY_KEPT if binding is Binding.RETAIN else WhyInert.NEVER_BOUND


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_text(one) for one in value) + "]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _bound(counts: Int64Array, binding: Binding) -> bool:
    places = [place for place in range(counts.shape[1]) if binding >> place & 1]
    return bool(counts[:, places].any())


def probe(
    market: Market,
    trial: Trial,
    *,
    initial_cash: float,
    start: int = 0,
    periods_per_year: float = 252.0,
    step: float = 0.1,
    threads: int = 1,
) -> list[InertParameter]:
    """Vary each number of a strategy up and down, all in one sweep, and return those that changed nothing.

    Only numbers that were set are varied: a default that nobody chose is nobody's surprise. One that is off as it
    stands is left out too.

    Parameters
    ----------
    market, initial_cash, start, periods_per_year, threads
        As for :func:`~tidegate.engine.sweep.run_trials`.
    trial
        The backtest; of the second strategy, nothing is known.
    step
        Part of a number by which it is varied; whole numbers by at least 1, a floor of scores by that part of their
        deviation.

    Returns
    -------
    list of InertParameter
        In the order of the strategy's fields.
    """
    settings = trial.settings
    if not isinstance(settings, StrategySettings):
        return []
    tried = {
        name: varied for name in _set_numbers(settings) if (varied := list(_variants(settings, name, step, market)))
    }
    trials = [
        trial,
        *(Trial(settings=one, costs=trial.costs, rules=trial.rules) for each in tried.values() for one in each),
    ]
    sweep = run_trials(
        market,
        trials,
        initial_cash=initial_cash,
        start=start,
        periods_per_year=periods_per_year,
        whole=False,
        threads=threads,
    )
    found, at = [], 1
    for name, variants in tried.items():
        numbers = [0, *range(at, at + len(variants))]
        at += len(variants)
        if all(_are_same(sweep.equity[:, 0], sweep.equity[:, number]) for number in numbers):
            values = [_text(getattr(one, name)) for one in (settings, *variants)]
            why = _why(name, trials[:1], sweep.counts[:1], len(market.times))
            found.append(InertParameter(parameter=name, why=why, tried=tuple(values)))
    return found


def _set_numbers(settings: StrategySettings) -> Iterator[str]:
    """Yield the numbers that were chosen and are not off as they stand."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        is_list = isinstance(value, tuple) and bool(value) and isinstance(value[0], float)
        if name in settings.model_fields_set and (is_list or (is_number and not (name in _OFF_AT_ZERO and not value))):
            yield name


def _variants(settings: StrategySettings, name: str, step: float, market: Market) -> Iterator[StrategySettings]:
    """Yield the settings with one number a step lower and a step higher, as far as they are allowed."""
    value = getattr(settings, name)
    for sign in (-1.0, 1.0):
        if isinstance(value, tuple):
            moved: Any = tuple(min(max(one * (1.0 + sign * step), 0.0), 1.0) for one in value)
        elif isinstance(value, int):
            moved = value + int(sign) * max(round(step * value), 1)
        elif name == "minimum_score":
            moved = value + sign * step * _deviation(market)
        else:
            moved = value * (1.0 + sign * step)
        changed = _allowed(settings, name, moved)
        if changed is None and sign > 0.0 and not isinstance(value, tuple):
            changed = _allowed(settings, name, 1.0)
        if changed is not None and getattr(changed, name) != value:
            yield changed


def _allowed(settings: StrategySettings, name: str, value: Any) -> StrategySettings | None:
    try:
        return StrategySettings.model_validate({**settings.model_dump(), name: value})
    except ValidationError:
        return None


def _deviation(market: Market) -> float:
    known = market.score[np.isfinite(market.score)]
    return float(known.std()) if known.size else 1.0
