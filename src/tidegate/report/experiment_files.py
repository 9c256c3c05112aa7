"""What an experiment left in its folder, read into frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.core.errors import RunError
from tidegate.report.stored_files import stored_json, typed

__all__ = ["Comparison", "ExperimentResult", "read_experiment"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One model and variant, judged by one measure, and how it differs from its yardstick; more is better."""

    model: str
    variant: str
    measure: str
    at: str
    instants: int
    mean: float
    seeds: int
    deviation_over_seeds: float | None
    against: str | None
    against_mean: float | None
    difference: float | None
    interval: tuple[float, float] | None
    p_value_holm: float | None
    finding: str | None

    @property
    def is_of_group(self) -> bool:
        """Whether a group was left out; otherwise models are held against each other."""
        return self.variant != "full"


@dataclass(frozen=True, kw_only=True)
class ExperimentResult:
    """An experiment.

    Parameters
    ----------
    groups
        Group by variant; None for the one with all features.
    variants, parts
        As they were written: sizes of the variants, and the tests with instants in microseconds UTC.
    """

    target: str
    protocol: str
    seeds: int
    models: tuple[str, ...]
    groups: Mapping[str, str | None]
    variants: tuple[Mapping[str, Any], ...]
    parts: tuple[Mapping[str, Any], ...]
    block: int
    rows: tuple[Comparison, ...]

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures there are, in the order of the table."""
        return tuple(dict.fromkeys(row.measure for row in self.rows))

    def of(self, measure: str, at: str) -> tuple[Comparison, ...]:
        """Return the rows of one measure and one choice of rows."""
        return tuple(row for row in self.rows if row.measure == measure and row.at == at)


def read_experiment(folder: Path) -> ExperimentResult:
    """Read ``experiment.json`` of a run.

    Raises
    ------
    RunError
        If it is missing or incomplete.
    """
    found, where = stored_json(folder, "experiment.json"), f"experiment.json of run {folder.name}"
    try:
        variants = tuple(found["variants"])
        return ExperimentResult(
            target=found["target"],
            protocol=found["protocol"]["name"],
            seeds=found["seeds"],
            models=tuple(found["models"]),
            groups={one["name"]: one["without"] for one in variants},
            variants=variants,
            parts=tuple(found["protocol"]["parts"]),
            block=found["block"],
            rows=tuple(typed(Comparison, row, where) for row in found["rows"]),
        )
    except KeyError as missing:
        raise RunError(
            found=f"{where} without {missing}",
            expected="every part of an experiment",
            hint="repeat the experiment with this version",
        ) from None
