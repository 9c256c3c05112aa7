"""Rules that turn the quality of forecasts into statements, each a pure function of the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.core.recipe import UniverseSettings
from tidegate.data.universe import Survivorship
from tidegate.report.run_figures import ModelQuality
from tidegate.report.statements import CLEAR_T, Statement, Tone

__all__ = ["better_rival", "data_notes", "forecast_skill", "hindsight", "positive_years"]


def forecast_skill(model: ModelQuality) -> Statement:
    """Say whether the forecasts ranked better than chance."""
    values = {"model": model.model, "ic": model.rank_ic, "t": model.rank_ic_t, "instants": model.instants}
    if model.rank_ic is None or model.rank_ic_t is None:
        return Statement("forecast.unknown", Tone.CAUTION, values)
    if abs(model.rank_ic_t) < CLEAR_T:
        return Statement("forecast.indistinct", Tone.CAUTION, values)
    if model.rank_ic > 0:
        return Statement("forecast.skill", Tone.GOOD, values)
    return Statement("forecast.wrong_way", Tone.BAD, values)


def hindsight(universe: UniverseSettings, chosen: str | None) -> tuple[Statement, ...]:
    """Say so when the names were chosen with today's knowledge, or may have been, as the training run says.

    A run of an earlier version says nothing; snapshots were unknown then.
    """
    earlier = Survivorship.STATIC_LIST if universe.symbols else Survivorship.STATIC_DATA_SET
    note = (Survivorship(chosen) if chosen else earlier).note
    return () if note is None else (Statement(f"note.{note}", Tone.CAUTION, {"names": len(universe.symbols)}),)


def data_notes(notes: Mapping[str, Mapping[str, Any]]) -> tuple[Statement, ...]:
    """Repeat what the audit of the training data noted: code and values, as the training run keeps them."""
    return tuple(Statement(f"note.{code}", Tone.CAUTION, values) for code, values in notes.items())


def positive_years(model: ModelQuality) -> Statement | None:
    """Say in how many calendar years the forecasts ranked the right way."""
    years = [year for year in model.by_year if year.rank_ic is not None]
    if not years:
        return None
    positive = sum(1 for year in years if (year.rank_ic or 0.0) > 0)
    steady = positive > len(years) / 2
    return Statement(
        "forecast.years", Tone.NEUTRAL if steady else Tone.BAD, {"positive": positive, "years": len(years)}
    )


def better_rival(model: ModelQuality, models: Sequence[ModelQuality]) -> Statement | None:
    """Say so when another model ranked better: choosing it now would be look-ahead."""
    rivals = [rival for rival in models if rival.rank_ic is not None and rival.model != model.model]
    if not rivals or model.rank_ic is None:
        return None
    best = max(rivals, key=lambda rival: rival.rank_ic or 0.0)
    if (best.rank_ic or 0.0) <= model.rank_ic:
        return None
    values = {"rival": best.model, "rival_ic": best.rank_ic, "model": model.model, "ic": model.rank_ic}
    return Statement("forecast.better_rival", Tone.CAUTION, values)
