"""Import of the original platform's parameters: texts become a recipe's sections, and every key is accounted for.

What the map leaves out takes the default of the original's table, not a recipe's: see
:mod:`tidegate.strategy.lean_table`. What it cannot say is stated in :attr:`LeanParameters.modes`: tiers are absolute
caps, the volatility is the benchmark's over 20 closes, trading is weekly unless the map asks otherwise (rule 3 of the
rotation rules).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tidegate.core.errors import InputError
from tidegate.core.recipe import BacktestSettings, CostSettings, StrategySettings, UniverseSettings
from tidegate.strategy.lean_effects import Effect, Facts, judge
from tidegate.strategy.lean_sections import LeanMode, backtest_of, costs_of, modes_of, strategy_of, universe_of
from tidegate.strategy.lean_table import TABLE, Entry, pair_tiers, why_unsupported

__all__ = ["LeanParameters", "LeanSetting", "legacy_settings", "load_parameters", "read_parameters"]


class LeanSetting(NamedTuple):
    """What became of one key of the map.

    ``given`` is the text of the map, None where it has none; ``resolved`` the value by the original's table;
    ``setting`` our name for it, empty where there is none.
    """

    key: str
    given: str | None
    resolved: Any
    setting: str
    effect: Effect
    why: str


@dataclass(frozen=True, kw_only=True)
class LeanParameters:
    """A map as it was understood.

    Parameters
    ----------
    universe, strategy, costs, backtest
        Sections of a recipe. ``costs`` charges ``fee_bps`` and nothing else, as the map says no more.
    score_path
        The file of scores that the map names; :func:`tidegate.engine.lean_scores.read_score_file` reads it.
    settings
        Every key: those of the table in its order, then the others as they were given.
    modes
        What an imported map gets that it cannot say.
    """

    universe: UniverseSettings
    strategy: StrategySettings
    costs: CostSettings
    backtest: BacktestSettings
    score_path: str | None
    settings: tuple[LeanSetting, ...]
    modes: tuple[LeanMode, ...]

    def keys_that_are(self, effect: Effect) -> tuple[str, ...]:
        """Return the keys of the map, missing ones left out, with one effect."""
        return tuple(one.key for one in self.settings if one.effect is effect and one.given is not None)

    def sections(self) -> dict[str, Any]:
        """Return the sections of a recipe as plain values; the strategy whole, of the others what the map decides."""
        return {
            "universe": self.universe.model_dump(mode="json", exclude_defaults=True),
            "strategy": self.strategy.model_dump(mode="json"),
            "costs": self.costs.model_dump(mode="json", exclude_none=True),
            "backtest": self.backtest.model_dump(mode="json", include={"initial_cash", "fill", "start", "end"}),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "settings": [{**one._asdict(), "resolved": _plain(one.resolved)} for one in self.settings],
            "modes": [one._asdict() for one in self.modes],
            "score_path": self.score_path,
            **self.sections(),
        }


def load_parameters(path: Path, *, legacy: bool = False) -> LeanParameters:
    """Read a map from a JSON file.

    Raises
    ------
    InputError
        If the file is not one JSON object with each key once, or a value cannot be read.
    """
    try:
        given = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_each_once)
    except OSError as error:
        raise InputError(
            found=f"{path}: {error.strerror or error}", expected="a JSON file of parameters", hint="check the path"
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            found=f"{path}: {error}", expected="one JSON object of texts", hint="save the parameters of a run as JSON"
        ) from None
    if not isinstance(given, dict):
        raise InputError(
            found=f"{path}: a {type(given).__name__}", expected="one JSON object", hint='write {"top_n": "30", ...}'
        )
    return read_parameters(given, legacy=legacy)


def legacy_settings(given: Mapping[str, Any]) -> LeanParameters:
    """Return the same map with every defect of the original switched on.

    Examples
    --------
    >>> legacy_settings({"top_n": "30"}).strategy.legacy.fee_ignored
    True
    """
    return read_parameters(given, legacy=True)


def read_parameters(given: Mapping[str, Any], *, legacy: bool = False) -> LeanParameters:
    """Resolve a map of texts by the original's table of parameters (spec A.1, A.2).

    Parameters
    ----------
    given
        Names to texts. Numbers, truths and nothing at all are taken as the texts that the original made of them; a
        blank text counts as missing (D.3).
    legacy
        Switch on every defect of :class:`LegacySettings`.

    Raises
    ------
    InputError
        If a value cannot be read where the original would have stopped, or says nothing that we could run.

    Examples
    --------
    >>> found = read_parameters({"top_n": "30", "max_exposure": "0.40", "max_drawdown_52w": "0.15"})
    >>> found.strategy.top_n, found.keys_that_are(Effect.INERT)
    (30, ('max_drawdown_52w',))
    """
    texts = {key: _text(key, value) for key, value in given.items()}
    values: dict[str, Any] = {}
    names: dict[str, str] = {}
    notes: dict[str, str] = {}
    for entry in TABLE:
        written = [name for name in (entry.key, *entry.aliases) if texts.get(name)]
        names[entry.key] = written[0] if written else entry.key
        values[entry.key], notes[entry.key] = _resolved(entry, names[entry.key], texts)
    if values["backtest_end"] < values["backtest_start"]:
        values["backtest_end"] = values["backtest_start"]
        notes["backtest_end"] = "it was before the start, so it is the start"
    if not texts.get("rebalance_frequency"):
        notes["rebalance_frequency"] = "missing: the original's Daily, which it made weekly"
    values["tiers_given"] = bool(values["drawdown_tiers"] or values["drawdown_exposures"])
    paired = pair_tiers(values["drawdown_tiers"], values["drawdown_exposures"])
    values["drawdown_tiers"], values["drawdown_exposures"] = paired
    strategy = strategy_of(values, legacy=legacy)
    facts = Facts(values=values, strategy=strategy)
    settings = [_accounted(entry, names[entry.key], texts, facts, notes[entry.key]) for entry in TABLE]
    return LeanParameters(
        universe=universe_of(values),
        strategy=strategy,
        costs=costs_of(values),
        backtest=backtest_of(values),
        score_path=values["score_csv_path"],
        settings=(*settings, *_others(given, texts, names)),
        modes=modes_of(strategy),
    )


def _text(key: str, value: Any) -> str:
    """Return a value as the original handed it on: everything went through ``str``."""
    if value is None:
        return ""
    if isinstance(value, str | bool | int | float):
        return str(value).strip()
    known = any(key in {entry.key, *entry.aliases} for entry in TABLE)
    if known:
        raise InputError(
            found=f"{key}, a {type(value).__name__}", expected="a text", hint='write lists as one text: "SHY,IEF"'
        )
    return json.dumps(value, default=str)


def _resolved(entry: Entry, name: str, texts: Mapping[str, str]) -> tuple[Any, str]:
    text = texts.get(name, "")
    if not text:
        return entry.default, ""
    try:
        return entry.read(text), ""
    except ValueError as error:
        if entry.forgiving:
            return entry.default, f"not {error}, so the original's default"
        raise InputError(found=f"{name} = {text!r}", expected=str(error), hint="correct it in the map") from None


def _accounted(entry: Entry, name: str, texts: Mapping[str, str], facts: Facts, note: str) -> LeanSetting:
    effect, why = judge(entry.key, facts)
    reasons = "; ".join(reason for reason in (note, why) if reason)
    return LeanSetting(name, texts.get(name) or None, facts.values[entry.key], entry.setting, effect, reasons)


def _others(given: Mapping[str, Any], texts: Mapping[str, str], names: Mapping[str, str]) -> list[LeanSetting]:
    """Account for second names of a parameter that has one already, and for keys that nothing reads."""
    first = {alias: names[entry.key] for entry in TABLE for alias in (entry.key, *entry.aliases)}
    settings = []
    for key in given:
        if key in names.values():
            continue
        if key in first:
            settings.append(LeanSetting(key, texts[key], None, "", Effect.INERT, f"{first[key]} comes first"))
        else:
            settings.append(LeanSetting(key, texts[key], None, "", Effect.UNSUPPORTED, why_unsupported(key)))
    return settings


def _plain(value: Any) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} twice")
    return found
