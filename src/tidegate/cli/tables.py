"""Tables of results for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from textwrap import shorten
from typing import Any, Final

import yaml
from pydantic import ValidationError
from rich.console import RenderableType

from tidegate.cli.terminal import key_values, table
from tidegate.core.files import read_json
from tidegate.core.recipe import Recipe
from tidegate.core.time import Instant, format_instant
from tidegate.data.audit import BarAudit
from tidegate.data.audit.findings import in_percent
from tidegate.registry import Run

__all__ = ["audit_tables", "forecast_table", "performance_tables", "run_details", "runs_table"]

_ABSENT = "–"
_ERROR_WIDTH: Final = 60
_METRIC_PATTERNS: Final = {
    "cagr": ".2%",
    "volatility": ".2%",
    "sharpe": ".2f",
    "max_drawdown": ".2%",
    "years": ".1f",
    "benchmark_cagr": ".2%",
    "excess_t_statistic": ".2f",
    "annual_turnover": ".1f",
    "annual_cost_drag": ".2%",
    "rank_ic": "+.4f",
    "rank_ic_t": "+.2f",
    "hit_rate": ".2%",
    "quantile_spread": "+.2%",
    "round_trip_cost": ".2%",
}
_SHIPPED: Final = {("artifact",): "artifact", ("tuned", "run"): "tuned by"}
"""Metrics of a training run that are no figures: what it shipped, and whose parameters it took."""
_METRIC_UNITS: Final = {
    "cagr": " a year",
    "volatility": " a year",
    "benchmark_cagr": " a year",
    "annual_turnover": "x a year",
    "annual_cost_drag": " a year",
}


def forecast_table(run: Run) -> RenderableType:
    """Return the out-of-sample quality of each model of a training run."""
    quality: dict[str, dict[str, Any]] = read_json(run.folder / "evaluation.json")
    rows = [
        (
            model,
            _number(found["rank_ic"], "+.4f"),
            _number(found["rank_ic_t"], "+.2f"),
            _percent(found["hit_rate"]),
            _percent(found["quantile_spread"], signed=True),
            f"{sum((year['rank_ic'] or 0) > 0 for year in found['by_year'])}/{len(found['by_year'])}",
        )
        for model, found in quality.items()
    ]
    return table(
        "Forecasts, out of sample",
        ("model", "rank IC", "t", "hit rate", "top - bottom fifth", "years IC > 0"),
        rows,
    )


def performance_tables(run: Run) -> list[RenderableType]:
    """Return strategy, benchmark and index of a backtest side by side, and what trading cost."""
    found = read_json(run.folder / "performance.json")
    curves = [(name, found[name]) for name in ("strategy", "benchmark", "index") if found[name]]
    rows = [
        (
            name,
            _percent(curve["cagr"]),
            _percent(curve["volatility"]),
            _number(curve["sharpe"], ".2f"),
            _percent(curve["max_drawdown"]),
            f"{curve['total_return'] + 1.0:,.1f}x",
        )
        for name, curve in curves
    ]
    span = found["strategy"]
    title = f"Strategy after costs, {format_instant(span['start'])[:10]} to {format_instant(span['end'])[:10]}"
    columns = ("", "CAGR", "volatility", "Sharpe", "max drawdown", "grew")
    return [table(title, columns, rows), _trading(found)]


def runs_table(listed: Sequence[Run]) -> RenderableType:
    """Return runs, one a row; an id begins with kind and recipe and holds the time (UTC) of the start."""
    rows = [
        (
            run.id,
            run.status.value,
            _headline(run),
            run.project,
            "data corrected since" if run.corrected else "",
        )
        for run in listed
    ]
    headings = ("id", "status", "result", "project", "note")
    filled = [place for place in range(len(headings)) if any(row[place] for row in rows)]
    shown = [[row[place] for place in filled] for row in rows]
    return table("Runs", [headings[place] for place in filled], shown, whole=("id", "status", "project"))


def run_details(run: Run) -> list[RenderableType]:
    """Return everything about one run; of its recipe what differs from the defaults."""
    facts: dict[str, object] = {
        "status": run.status.value,
        "project": run.project,
        "started": _moment(run.started_at),
        "finished": _ABSENT if run.finished_at is None else _moment(run.finished_at),
        "parent": run.parent or _ABSENT,
        **_shipped(run),
        "seed": run.seed,
        "data versions": ", ".join(f"{name} @ {version}" for name, version in run.data_versions.items()),
        "fingerprint": run.fingerprint,
        "tidegate": run.environment["tidegate"],
        "python": run.environment["python"],
        "folder": str(run.folder),
    }
    if run.corrected:
        facts["data corrected since"] = "; ".join(run.corrected)
    if run.error:
        facts["error"] = run.error
    metrics = {_named(path): _metric(path[-1], value) for path, value in _flat(run.metrics) if path not in _SHIPPED}
    return [
        key_values(run.id, facts),
        "",
        key_values("Figures", metrics) if metrics else "no figures",
        "",
        "Recipe, without its defaults; --json shows every field",
        yaml.safe_dump(_told(run.recipe), sort_keys=False),
    ]


def audit_tables(audit: BarAudit, most: int = 15) -> list[RenderableType]:
    """Return the summary of an audit, the gaps that every symbol shares, and the worst symbols."""
    found = audit.summary()
    suspects = [f"{count:,} {kind}" for kind, count in found["suspects"].items() if count]
    facts: dict[str, object] = {
        "symbols": f"{found['symbols']:,}",
        "bars": f"{audit.present:,} of {audit.expected:,} owed ({in_percent(audit.coverage)})",
        "least covered": in_percent(audit.minimum_coverage),
        "span": f"{found['first'][:16]} to {found['last'][:16]}",
        "owed since the last bar": f"{audit.owed_since_last:,}",
        "symbols with gaps": f"{found['symbols_with_gaps']:,}",
        "suspect bars": ", ".join(suspects).replace("_", " ") or "none",
        "verdict": "; ".join([found["verdict"], *found["reasons"]]),
    }
    shared = [
        (format_instant(gap.start)[:16], format_instant(gap.end)[:16], f"{gap.missing:,}", f"{gap.symbols:,}")
        for gap in audit.shared_gaps[:most]
    ]
    rows = [one.table_row() for one in audit.worst(most)]
    parts: list[RenderableType] = [key_values(f"Audit of {audit.dataset} {audit.interval}", facts)]
    if shared:
        parts.append("")
        parts.append(table("Gaps that all symbols share", ("first missing", "last missing", "bars", "symbols"), shared))
    parts.append("")
    parts.append(table("Worst symbols first", tuple(rows[0]), [tuple(row.values()) for row in rows], whole=("symbol",)))
    return parts


def _headline(run: Run) -> str:
    metrics = run.metrics
    if "verdict" in metrics:
        return _searched(metrics)
    if "cagr" in metrics:
        return f"CAGR {_percent(metrics['cagr'])}, drawdown {_percent(metrics['max_drawdown'])}"
    if "comparisons" in metrics:
        return f"{metrics['comparisons']} comparisons, {metrics['clear']} of them more than chance"
    models = [f"{name} IC {_number(value['rank_ic'], '+.3f')}" for name, value in metrics.get("models", {}).items()]
    # An error may hold brackets and whole pages; its first words say which one it is.
    return ", ".join(models) or shorten(run.error or "", _ERROR_WIDTH, placeholder=" ...")


def _searched(metrics: dict[str, Any]) -> str:
    """Return what a search or a selection came to: how many were tried, whether one is recommended, and its luck."""
    counts = metrics["counts"]
    told = "one is recommended" if metrics["met"] else "none within the constraints"
    return f"{counts['succeeded']} of {counts['total']} sets, {told}, verdict: {metrics['verdict']}"


def _told(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return a stored recipe without what it shares with the defaults."""
    try:
        told: dict[str, Any] = Recipe.model_validate(recipe).model_dump(
            mode="json", by_alias=True, exclude_defaults=True
        )
    except ValidationError:  # stored by another version
        return recipe
    return told


def _flat(values: dict[str, Any], before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        path = (*before, name)
        if isinstance(value, dict):
            yield from _flat(value, path)
        else:
            yield path, value


def _named(path: tuple[str, ...]) -> str:
    return " ".join(path[path[0] == "models" :]).replace("_", " ")


def _metric(name: str, value: Any) -> str:
    if not isinstance(value, float) or not isfinite(value):
        return _ABSENT if value is None else f"{value:,}" if isinstance(value, int) else str(value)
    return format(value, _METRIC_PATTERNS.get(name, ".4g")) + _METRIC_UNITS.get(name, "")


def _shipped(run: Run) -> dict[str, object]:
    return {_SHIPPED[path]: value for path, value in _flat(run.metrics) if path in _SHIPPED and value}


def _moment(instant: Instant) -> str:
    return f"{format_instant(instant)[:19].replace('T', ' ')} UTC"


def _trading(found: dict[str, Any]) -> str:
    costs = found["costs"]
    excess = found["excess"]
    said = f"turnover {costs['annual_turnover']:.1f}x a year, costs {_percent(costs['annual_drag'])} a year"
    if excess and excess["t_statistic"] is not None:
        earned = _percent(excess["annual_log_excess"], signed=True)
        said += f"; log excess over benchmark {earned} a year, t = {excess['t_statistic']:.2f}"
    return said


def _percent(value: float | None, *, signed: bool = False) -> str:
    return _ABSENT if value is None else f"{value:+.2%}" if signed else f"{value:.2%}"


def _number(value: float | None, pattern: str) -> str:
    return _ABSENT if value is None else format(value, pattern)
