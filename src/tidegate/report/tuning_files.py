"""What a tuning run left in its folder, read into frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.core.errors import RunError
from tidegate.report.stored_files import stored_json

__all__ = ["InnerFold", "Study", "Trial", "read_study"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One set of parameters: its value and that of each inner fold, ``None`` where it was given up or failed."""

    number: int
    state: str
    value: float | None
    values_by_fold: tuple[float | None, ...]
    parameters: Mapping[str, float]
    rounds: float | None
    seconds: float | None
    cpu_seconds: float | None

    @property
    def is_complete(self) -> bool:
        """Whether it was judged on every inner fold."""
        return self.state == "complete" and self.value is not None


@dataclass(frozen=True, kw_only=True)
class InnerFold:
    """One inner fold: the spans that early stopping looked at and that judged, microseconds UTC, end exclusive."""

    fold: int
    train_rows: int | None
    stopping: tuple[int, int] | None
    judged: tuple[int, int]
    judged_rows: int | None


@dataclass(frozen=True, kw_only=True)
class Study:
    """A search for the parameters of one model.

    Parameters
    ----------
    maximised
        Whether a larger value is better.
    importance
        Share of each parameter in what the value depends on; empty where it could not be computed.
    budget
        What was allowed, by name.
    logarithmic
        Parameters that were searched by their logarithm, as far as it is known.
    """

    model: str
    metric: str
    maximised: bool
    trials: tuple[Trial, ...]
    best_number: int | None
    best_value: float | None
    best_parameters: Mapping[str, float]
    importance: Mapping[str, float]
    budget: Mapping[str, Any]
    stopped_by: str
    inner_folds: tuple[InnerFold, ...]
    logarithmic: frozenset[str] = frozenset()

    @property
    def complete(self) -> tuple[Trial, ...]:
        """The trials that were judged on every inner fold."""
        return tuple(one for one in self.trials if one.is_complete)

    @property
    def best(self) -> Trial | None:
        """The trial with the best value."""
        return next((one for one in self.trials if one.number == self.best_number), None)

    def better(self, first: float, second: float) -> bool:
        """Return whether the first value is better than the second."""
        return first > second if self.maximised else first < second


def read_study(folder: Path, asked: int | None = None) -> Study:
    """Read ``study.json`` of a tuning run.

    Parameters
    ----------
    asked
        How many trials the recipe asks for, which a study that ended early does not say.

    Raises
    ------
    RunError
        If it is missing or incomplete.
    """
    found = stored_json(folder, "study.json")
    try:
        best = found.get("best") or {}
        return Study(
            model=found["model"],
            metric=found["metric"],
            maximised=str(found["direction"]).lower().startswith("max"),
            trials=tuple(_trial(row) for row in found["trials"]),
            best_number=best.get("number"),
            best_value=best.get("value"),
            best_parameters=best.get("parameters", {}),
            importance=found.get("importance") or {},
            budget={**({} if asked is None else {"trials": asked}), **(found.get("budget") or {})},
            stopped_by=str(found["stopped_by"]),
            inner_folds=tuple(_inner_fold(row) for row in found.get("inner_folds", ())),
            logarithmic=frozenset(name for name, one in (found.get("space") or {}).items() if one.get("log")),
        )
    except KeyError as missing:
        raise RunError(
            found=f"study.json of run {folder.name} without {missing}",
            expected="every part of a study",
            hint="repeat the tuning with this version",
        ) from None


def _trial(row: Mapping[str, Any]) -> Trial:
    return Trial(
        number=row["number"],
        state=str(row["state"]).lower(),
        value=row["value"],
        values_by_fold=tuple(row.get("values_by_fold") or ()),
        parameters=row.get("parameters") or {},
        rounds=_mean(row.get("rounds")),
        seconds=row.get("seconds"),
        cpu_seconds=row.get("cpu_seconds"),
    )


def _mean(rounds: Any) -> float | None:
    """Return the rounds of a trial; where each inner fold has its own, their mean."""
    if isinstance(rounds, list):
        known = [one for one in rounds if one is not None]
        return sum(known) / len(known) if known else None
    return None if rounds is None else float(rounds)


def _inner_fold(row: Mapping[str, Any]) -> InnerFold:
    judged, stopping = row["judged"], row.get("stopping")
    return InnerFold(
        fold=row["fold"],
        train_rows=row.get("train_rows"),
        stopping=None if stopping is None else (stopping["start"], stopping["end"]),
        judged=(judged["start"], judged["end"]),
        judged_rows=judged.get("rows"),
    )
