"""Finished runs of a seeded synthetic market, written through the real run store in the real file formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hit_run import add_hits, study
from sqlalchemy import update

from tidegate.core.database import runs
from tidegate.core.files import write_json
from tidegate.core.recipe import Recipe
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.universe import survivorship_of
from tidegate.evaluate.performance import excess_over, performance
from tidegate.registry import Run, RunStore
from tidegate.strategy import opens_new_week

RECIPE: dict[str, Any] = {
    "name": "rotation",
    "project": "synthetic",
    "seed": 11,
    "data": {"dataset": "synthetic-us", "cash_rate": "bill"},
    "universe": {"benchmark": "equal-weight", "index": "SPX", "survivorship_biased": True},
    "split": {"first_test": date(2014, 1, 1), "embargo_days": 2},
    "models": {"ridge": {}, "lightgbm": {}},
    "costs": {"preset": "us-equity"},
}
FEATURES = [f"{kind}_{bars}" for kind in ("return", "volatility", "trend", "rank") for bars in (5, 10, 20, 60, 120)]
COSTS = ("commission", "half_spread", "impact", "stamp_tax")
CLOSE = 21 * HOUR


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "work")


@pytest.fixture
def recipe() -> Recipe:
    return Recipe.model_validate(RECIPE)


def sessions(first: str, last: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the closes of all weekdays between two dates, microseconds UTC."""
    days = np.arange(parse_instant(first), parse_instant(last), DAY, dtype=np.int64)
    weekday = (days // DAY + 3) % 7
    return days[weekday < 5] + CLOSE


def write_training_run(
    workspace: Workspace,
    recipe: Recipe,
    *,
    skill: dict[str, float] | None = None,
    years: int = 10,
    importance: bool = True,
) -> Run:
    """Finish a training run whose models have a given mean rank correlation."""
    skill = skill or {"ridge": 0.012, "lightgbm": 0.028}
    draw = np.random.default_rng(5)
    with RunStore(workspace).begin(
        kind="train",
        recipe=recipe,
        fingerprint_of_work=recipe.training_fingerprint(),
        data_versions={"bars/synthetic-us": 3},
    ) as run:
        write_json(run.folder / "folds.json", [fold_row(number, 2014 + number) for number in range(years)])
        daily, evaluation = [], {}
        for model, mean in skill.items():
            frame = daily_rows(model, mean, sessions("2014-01-01", f"{2014 + years}-01-01"), draw)
            daily.append(frame)
            evaluation[model] = summary(frame)
        pl.concat(daily).write_parquet(run.folder / "daily_quality.parquet")
        write_json(run.folder / "evaluation.json", evaluation)
        shares = {model: dict(zip(FEATURES, draw.dirichlet(np.full(20, 0.7)).tolist(), strict=True)) for model in skill}
        write_json(run.folder / "importance.json", shares if importance else {})
        chosen = survivorship_of(recipe.universe, Catalog(workspace), {}).value
        run.finish({"folds": years, "survivorship": chosen})
    return RunStore(workspace).get(run.id)


def fold_row(number: int, year: int) -> dict[str, int]:
    start = parse_instant(f"{year}-01-01") + DAY + CLOSE
    return {
        "fold": number,
        "train_start": parse_instant("2011-01-03") + CLOSE,
        "train_end": start - 9 * DAY,
        "test_start": start,
        "test_end": parse_instant(f"{year + 1}-01-01") + DAY + CLOSE,
        "trained_until": start - 2 * DAY,
        "train_rows": 20 * 252 * (year - 2011),
        "test_rows": 20 * 252,
        "purged_rows": 100,
        "embargoed_rows": 40,
    }


def daily_rows(model: str, mean: float, times: Any, draw: np.random.Generator) -> pl.DataFrame:
    correlation = mean + 0.21 * draw.standard_normal(len(times))
    return pl.DataFrame(
        {
            "time": pl.Series(times).cast(pl.Datetime("us", "UTC")),
            "model": [model] * len(times),
            "rank_ic": correlation,
            "hit_rate": 0.5 + correlation / 3,
            "quantile_spread": correlation / 40,
            "count": [20] * len(times),
        }
    )


def summary(frame: pl.DataFrame) -> dict[str, Any]:
    means = [pl.col(name).mean() for name in ("rank_ic", "hit_rate", "quantile_spread")]
    whole = frame.select(*means, instants=pl.len()).row(0, named=True)
    years = frame.group_by(year=pl.col("time").dt.year()).agg(*means, instants=pl.len()).sort("year")
    spread = float(frame["rank_ic"].to_numpy().std()) / np.sqrt(frame.height)
    return {**whole, "rank_ic_t": whole["rank_ic"] / spread, "by_year": years.to_dicts()}


def write_backtest_run(
    workspace: Workspace,
    recipe: Recipe,
    parent: str | None,
    *,
    edge: float = 0.0,
    years: int = 10,
    costs: tuple[float, ...] = (0.3, 1.2, 0.5, 0.0),
    index: bool = True,
    notes: list[dict[str, Any]] | None = None,
) -> Run:
    """Finish a backtest with an ``edge`` a year over its benchmark before ``costs``, in bps a session."""
    draw = np.random.default_rng(7)
    times = sessions("2014-01-02", f"{2014 + years}-01-01")
    count = len(times)
    market = 0.0004 + 0.0105 * draw.standard_normal(count) * (1 + 1.5 * (np.sin(np.arange(count) / 400) > 0.9))
    own = market * 1.05 + edge / 252 + 0.004 * draw.standard_normal(count) - sum(costs) * 1e-4
    curves = {name: 1e6 * np.exp(np.cumsum(np.where(np.arange(count) == 0, 0.0, change))) for name, change in
              {"equity": own, "benchmark": market, "index": market * 0.9 - 0.00005}.items()}  # fmt: skip
    frame = equity_rows(times, curves, costs, index=index, draw=draw)
    with RunStore(workspace).begin(
        kind="backtest",
        recipe=recipe,
        fingerprint_of_work=f"{edge}{costs}",
        data_versions={"bars/synthetic-us": 3},
        parent=parent,
    ) as run:
        frame.write_parquet(run.folder / "equity.parquet")
        orders = {"status": ["filled"] * 480 + ["expired"] * 3}
        pl.DataFrame(orders).write_parquet(run.folder / "orders.parquet")
        figures = figures_of(times, curves, frame, index=index)
        write_json(run.folder / "performance.json", {**figures, "notes": NOTES if notes is None else notes})
        run.finish({"cagr": figures["strategy"]["cagr"]})
    return RunStore(workspace).get(run.id)


NOTES: list[dict[str, Any]] = [
    {"code": "survivorship", "values": {}},
    {"code": "fills_at_next_close", "values": {}},
    {"code": "no_impact", "values": {}},
    {"code": "index_without_dividends", "values": {"index": "SPX"}},
    {"code": "equal_weight_benchmark", "values": {}},
    {"code": "no_cash_rate_after", "values": {"date": "2017-03-29"}},
    {"code": "expired_orders", "values": {"count": 3}},
]


def equity_rows(
    times: Any, curves: dict[str, Any], costs: tuple[float, ...], *, index: bool, draw: np.random.Generator
) -> pl.DataFrame:
    equity = curves["equity"]
    exposure = np.clip(0.97 + 0.01 * draw.standard_normal(len(times)), 0, 1)
    traded = np.where(np.arange(len(times)) % 5 == 0, 0.16 * (1 + 0.2 * draw.standard_normal(len(times))), 0.0)
    return pl.DataFrame(
        {
            "time": pl.Series(times).cast(pl.Datetime("us", "UTC")),
            "equity": equity,
            "cash": equity * (1 - exposure),
            "exposure": exposure,
            "holdings": np.full(len(times), 10, dtype=np.int32),
            "benchmark": curves["benchmark"],
            "index": curves["index"] if index else pl.Series([None] * len(times), dtype=pl.Float64),
            "turnover": traded,
            **{name: equity * bps * 1e-4 for name, bps in zip(COSTS, costs, strict=True)},
            "interest": equity * 1e-6,
        }
    )


def figures_of(times: Any, curves: dict[str, Any], frame: pl.DataFrame, *, index: bool) -> dict[str, Any]:
    excess = excess_over(times, curves["equity"], curves["benchmark"], opens_new_week(times))
    parts = {name: performance(times, values, 252).as_dict() for name, values in curves.items()}
    years = parts["equity"]["years"]
    paid = {name: float(frame[name].sum()) for name in COSTS}
    drag = sum(float((frame[name] / frame["equity"]).sum()) for name in COSTS) / years
    return {
        "strategy": parts["equity"],
        "benchmark": parts["benchmark"],
        "index": parts["index"] if index else None,
        "excess": None if excess is None else asdict(excess),
        "costs": {
            **paid,
            "total": sum(paid.values()),
            "annual_drag": drag,
            "interest": float(frame["interest"].sum()),
            "annual_turnover": float(frame["turnover"].sum()) / years,
        },
    }


MakeBacktest = Callable[..., Run]


@pytest.fixture
def make_training(workspace: Workspace, recipe: Recipe) -> Callable[..., Run]:
    return lambda **options: write_training_run(workspace, options.pop("recipe", recipe), **options)


@pytest.fixture
def make_backtest(workspace: Workspace, recipe: Recipe, make_training: Callable[..., Run]) -> MakeBacktest:
    def make(**options: Any) -> Run:
        used = options.pop("recipe", recipe)
        parent = options.pop("parent", None) or make_training(recipe=used, years=options.get("years", 10)).id
        return write_backtest_run(workspace, used, None if parent == "none" else parent, **options)

    return make


PICKER: dict[str, Any] = {
    **RECIPE,
    "name": "picker",
    "project": "a-share",
    "labels": {"target": "hit"},
    "split": {"first_test": date(2022, 1, 1), "test_months": 6, "validation_months": 3, "calibration_months": 3},
    "models": {"ridge": {}, "lightgbm": {}, "xgboost": {}},
    "calibrate": {},
    "tune": {},
    "costs": {"preset": "a-share"},
}


@pytest.fixture
def picker() -> Recipe:
    return Recipe.model_validate(PICKER)


@pytest.fixture
def make_hits(workspace: Workspace, picker: Recipe) -> Callable[..., Run]:
    """Finish a training run of hits; ``recipe`` and ``metrics`` aside, options are those of ``add_hits``."""

    def make(**options: Any) -> Run:
        recipe, metrics = options.pop("recipe", picker), options.pop("metrics", {})
        skills = options.setdefault("skills", {"lightgbm": 1.1})
        made = write_training_run(workspace, recipe, years=1, skill=skills)
        add_hits(made.folder, **options)
        with workspace.database.begin() as connection:
            told = {**made.metrics, **metrics}
            connection.execute(update(runs).where(runs.c.id == made.id).values(metrics=told))
        return RunStore(workspace).get(made.id)

    return make


@pytest.fixture
def make_tuning(workspace: Workspace, picker: Recipe) -> Callable[..., Run]:
    """Finish a tuning run; options are those of ``study``."""

    def make(**options: Any) -> Run:
        work = {"fingerprint_of_work": repr(options), "data_versions": {"bars/synthetic-a": 3}}
        with RunStore(workspace).begin(kind="tune", recipe=picker, **work) as run:
            write_json(run.folder / "study.json", study(**options))
            run.finish({"model": "xgboost"})
        return RunStore(workspace).get(run.id)

    return make
