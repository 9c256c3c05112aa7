"""Tables of probabilities, calls and picks for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import RenderableType

from tidegate.cli.terminal import share, table
from tidegate.core.files import read_json
from tidegate.registry import Run

__all__ = ["hit_tables", "study_table"]

_ABSENT: Final = "–"


def hit_tables(run: Run, model: str) -> list[RenderableType]:
    """Return the honest figures of a training run whose target is 0 or 1, by quarter; none for other targets."""
    path = run.folder / "classification.json"
    if not path.exists():
        return []
    found = read_json(path)[model]
    lines = [*found["quarters"], {**found["overall"], "quarter": "all"}]
    columns = ("", "rows", "AUC", "AUC within the day", f"precision at {found['top_k']}", "base rate", "calls")
    rows = [
        (
            line["quarter"],
            f"{line['rows']:,}",
            _with_interval(line, "auc"),
            _with_interval(line, "auc_within_date"),
            _with_interval(line, "precision_at_k"),
            share(line["base_rate_at_k"]),
            _calls(line),
        )
        for line in lines
    ]
    title = f"{model}, out of sample, with 95 % intervals by a bootstrap of weeks"
    return [table(title, columns, rows), *_thresholds(run, model)]


def study_table(study: Mapping[str, Any]) -> RenderableType:
    """Return the parameters of the best trial beside those of the recipe."""
    trials = study["trials"]
    first = next(trial for trial in trials if trial["number"] == 0)
    best = study["best"]
    rows = [(name, _plain(first["parameters"].get(name)), _plain(value)) for name, value in best["parameters"].items()]
    rows.append((study["metric"], _plain(first["value"]), _plain(best["value"])))
    title = f"best of {len(trials)} trials (number {best['number']}), stopped by {study['stopped_by']}"
    return table(title, ("parameter", "recipe", "best"), rows)


def _thresholds(run: Run, model: str) -> list[RenderableType]:
    path = run.folder / "calibration.json"
    if not path.exists():
        return []
    rows = []
    for one in read_json(path)[model]:
        threshold = one["threshold"]
        met = threshold["status"] == "met"
        rows.append(
            (
                str(one["fold"]),
                f"{threshold['value']:.2f}" if met else "below the floor",
                share(threshold["precision"]),
                share(threshold["lower"]),
                _ABSENT if threshold["calls"] is None else f"{threshold['calls']:,}",
                share(one["base_rate"]),
            )
        )
    columns = ("fold", "threshold", "precision", "lower bound", "calls", "base rate")
    return [table("Thresholds, as found on the calibration slices", columns, rows)]


def _with_interval(line: Mapping[str, Any], name: str) -> str:
    value, interval = line[name], line.get(f"{name}_interval")
    if value is None:
        return _ABSENT
    return f"{value:.3f}" if interval is None else f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _calls(line: Mapping[str, Any]) -> str:
    if not line["calls"]:
        return "none" if line["calls"] == 0 else _ABSENT
    return f"{line['calls']:,}, {share(line['precision'])} right"


def _plain(value: float | None) -> str:
    return _ABSENT if value is None else f"{value:.4g}"
