"""Tables of results for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml
from rich.console import RenderableType
from rich.table import Table

from tidegate.cli.terminal import key_values, table
from tidegate.core.files import read_json
from tidegate.core.time import format_instant
from tidegate.data.audit import BarAudit
from tidegate.registry import Run

__all__ = ["audit_tables", "forecast_table", "performance_tables", "run_details", "runs_table"]

_ABSENT = "–"


def forecast_table(run: Run) -> Table:
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


def runs_table(listed: Sequence[Run]) -> Table:
    """Return runs, one a row."""
    rows = [
        (
            run.id,
            run.project,
            run.status.value,
            format_instant(run.started_at)[:19].replace("T", " "),
            _headline(run),
            "yes" if run.corrected else "",
        )
        for run in listed
    ]
    return table("Runs", ("id", "project", "status", "started (UTC)", "result", "data corrected"), rows)


def run_details(run: Run) -> list[RenderableType]:
    """Return everything about one run."""
    facts: dict[str, object] = {
        "status": run.status.value,
        "project": run.project,
        "started": format_instant(run.started_at),
        "finished": _ABSENT if run.finished_at is None else format_instant(run.finished_at),
        "parent": run.parent or _ABSENT,
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
    return [
        key_values(run.id, facts),
        key_values("metrics", dict(run.metrics)),
        yaml.safe_dump(run.recipe, sort_keys=False),
    ]


def audit_tables(audit: BarAudit, most: int = 15) -> list[RenderableType]:
    """Return the summary of an audit, the gaps that every symbol shares, and the worst symbols."""
    found = audit.summary()
    facts: dict[str, object] = {
        "symbols": f"{found['symbols']:,}",
        "bars": f"{audit.present:,} of {audit.expected:,} owed ({_percent(audit.coverage)})",
        "least covered": _percent(audit.minimum_coverage),
        "span": f"{found['first'][:16]} to {found['last'][:16]}",
        "owed since the last bar": f"{audit.owed_since_last:,}",
        "symbols with gaps": f"{found['symbols_with_gaps']:,}",
        "suspect bars": ", ".join(f"{count:,} {kind}" for kind, count in found["suspects"].items() if count) or "none",
        "verdict": "; ".join([found["verdict"], *found["reasons"]]),
    }
    shared = [
        (format_instant(gap.start)[:16], format_instant(gap.end)[:16], f"{gap.missing:,}", f"{gap.symbols:,}")
        for gap in audit.shared_gaps[:most]
    ]
    rows = [one.table_row() for one in audit.worst(most)]
    parts: list[RenderableType] = [key_values(f"Audit of {audit.dataset} {audit.interval}", facts)]
    if shared:
        parts.append(table("Gaps that all symbols share", ("first missing", "last missing", "bars", "symbols"), shared))
    parts.append(table("Worst symbols first", tuple(rows[0]), [tuple(row.values()) for row in rows]))
    return parts


def _headline(run: Run) -> str:
    metrics = run.metrics
    if "cagr" in metrics:
        return f"CAGR {_percent(metrics['cagr'])}, drawdown {_percent(metrics['max_drawdown'])}"
    models = [f"{name} IC {_number(value['rank_ic'], '+.3f')}" for name, value in metrics.get("models", {}).items()]
    return ", ".join(models) or (run.error or "")


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
