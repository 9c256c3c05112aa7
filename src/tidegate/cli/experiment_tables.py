"""Tables of an experiment for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import RenderableType

from tidegate.cli.terminal import table

__all__ = ["experiment_tables", "reading_help"]

_ABSENT: Final = "–"
_NAMES: Final = {
    "rank_ic": "rank IC",
    "auc": "AUC within the day",
    "net_top_k": "net return of the best {top_k}",
    "negative_squared_error": "squared error, negative",
}
_SAID: Final = {
    "helped": "the group helps",
    "harmed": "the group harms",
    "better": "better",
    "worse": "worse",
    "open": "not told from chance",
    None: "",
}


def experiment_tables(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return one table for each measure that an experiment has."""
    measures = dict.fromkeys(row["measure"] for row in found["rows"])
    return [_table(found, measure) for measure in measures]


def reading_help(found: Mapping[str, Any]) -> list[str]:
    """Return how the tables are read, and what is special about the protocol."""
    first = found["models"][0]
    lines = [
        "difference: what is left out or chosen minus its yardstick; of every measure more is better.",
        "  without a group minus all features: below 0 the group helped, above 0 it harmed.",
    ]
    if len(found["models"]) > 1:
        lines.append(f"  a model minus {first}: above 0 the model is better.")
    if any(row["at"] == "known" for row in found["rows"]):
        lines.append("  rows known: only those at which something was known of the group, for both.")
    note = found["protocol"]["note"]
    return [*lines, *([note] if note else [])]


def _table(found: Mapping[str, Any], measure: str) -> RenderableType:
    rows = [
        (
            row["model"],
            "all" if row["variant"] == "full" else row["variant"],
            row["at"],
            f"{row['instants']:,}",
            _figure(measure, row["mean"]),
            _spread(measure, row),
            _figure(measure, row["difference"]),
            _interval(measure, row["interval"]),
            _ABSENT if row["p_value_holm"] is None else f"{row['p_value_holm']:.3f}",
            _SAID[row["finding"]],
        )
        for row in found["rows"]
        if row["measure"] == measure
    ]
    columns = ("model", "features", "rows", "instants", "mean", "of seeds", "difference", "95 %", "p (Holm)", "")
    return table(f"{found['recipe']}, {_NAMES[measure].format(top_k=found['top_k'])}", columns, rows)


def _figure(measure: str, value: float | None) -> str:
    if value is None:
        return _ABSENT
    if measure == "net_top_k":
        return f"{value:+.3%}"
    return f"{value:+.2e}" if measure == "negative_squared_error" else f"{value:+.4f}"


def _spread(measure: str, row: Mapping[str, Any]) -> str:
    spread = row["deviation_over_seeds"]
    return _ABSENT if spread is None else f"± {_figure(measure, spread).lstrip('+')}"


def _interval(measure: str, interval: list[float] | None) -> str:
    return _ABSENT if interval is None else f"[{_figure(measure, interval[0])}, {_figure(measure, interval[1])}]"
