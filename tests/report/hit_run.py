"""What training of a target of 0 and 1, and tuning, add to a run's folder: the files in their real formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tidegate.core.files import write_json
from tidegate.core.ranks import average_ranks
from tidegate.core.time import DAY, HOUR, parse_instant

CLOSE = 7 * HOUR
SYMBOLS = 16
TOP = 5
FLOOR = 0.60


@dataclass(frozen=True, kw_only=True)
class Market:
    """Forecasts and what became of them: one row per session and symbol, in order of time."""

    times: np.ndarray[Any, np.dtype[np.int64]]
    probability: np.ndarray[Any, np.dtype[np.float64]]
    outcome: np.ndarray[Any, np.dtype[np.float64]]
    trade: np.ndarray[Any, np.dtype[np.float64]]


def market(skill: float, first: str, last: str, seed: int = 3) -> Market:
    """Return a market in which a forecast moves the log-odds of a hit by ``skill``."""
    draw = np.random.default_rng(seed)
    days = np.arange(parse_instant(first), parse_instant(last), DAY, dtype=np.int64)
    days = days[(days // DAY + 3) % 7 < 5] + CLOSE
    shape = (len(days), SYMBOLS)
    signal = draw.standard_normal(shape)
    mood = -1.25 + 0.35 * np.sin(np.arange(len(days)) / 60)[:, None]
    outcome = (draw.random(shape) < 1 / (1 + np.exp(-(mood + skill * signal)))).astype(np.float64)
    trade = np.where(outcome == 1.0, 0.055, -0.012) + 0.02 * draw.standard_normal(shape)
    probability = 1 / (1 + np.exp(-(-1.25 + 0.9 * skill * signal)))
    absent = draw.random(shape) < 0.02
    trade[absent] = np.nan
    return Market(times=days, probability=probability, outcome=outcome, trade=trade)


def figures(part: Market, called: np.ndarray[Any, Any], top: int = TOP) -> dict[str, Any]:
    """Return the figures of a stretch, with rough intervals."""
    order = np.argsort(-part.probability, axis=1)[:, :top]
    hits, trades = (np.take_along_axis(values, order, 1) for values in (part.outcome, part.trade))
    weeks = max(1, len(part.times) // 5)
    calls, positives = int(called.sum()), int(part.outcome.sum())
    precision = float(part.outcome[called].mean()) if calls else None
    recall = float(part.outcome[called].sum() / positives) if calls else 0.0
    auc, within = auc_of(part.probability.ravel(), part.outcome.ravel()), within_of(part)
    base, best = float(part.outcome.mean()), float(hits.mean())
    net = float(np.nanmean(trades)) - 0.002
    wide = 0.5 / np.sqrt(weeks)
    both = {
        "auc": (auc, 0.3 * wide),
        "auc_within_date": (within, 0.3 * wide),
        "average_precision": (best * 0.9, 0.3 * wide),
        "precision": (precision, 0.5 * wide),
        "precision_at_k": (best, 0.4 * wide),
        "lift_at_k": (best / base, wide),
        "net_return_at_k": (net, 0.05 * wide),
    }
    found: dict[str, Any] = {name: value for name, (value, _) in both.items()}
    found |= {
        f"{name}_interval": None if value is None else [value - half, value + half]
        for name, (value, half) in both.items()
    }
    found |= {f"{name}_weeks": weeks for name in both}
    f1 = None if not calls or precision is None else 2 * precision * recall / max(1e-9, precision + recall)
    return found | {
        "rows": int(part.outcome.size),
        "days": len(part.times),
        "weeks": weeks,
        "positives": positives,
        "base_rate": base,
        "recall": recall,
        "f1": f1,
        "calls": calls,
        "base_rate_at_k": base,
        "net_return_all": float(np.nanmean(part.trade)) - 0.002,
        "turnover_at_k": 0.31,
        "brier": float(np.mean((part.probability - part.outcome) ** 2)),
        "expected_calibration_error": 0.021,
    }


def auc_of(score: Any, outcome: Any) -> float:
    ranks = average_ranks(score[None, :])[0]
    hits, others = outcome.sum(), (1 - outcome).sum()
    return float((ranks[outcome == 1].sum() - hits * (hits + 1) / 2) / (hits * others))


def within_of(part: Market) -> float:
    days = [
        auc_of(score, hit)
        for score, hit in zip(part.probability, part.outcome, strict=True)
        if 0 < hit.sum() < hit.size
    ]
    return float(np.mean(days))


def curve(part: Market) -> list[list[float]]:
    rows = []
    for threshold in np.unique(part.probability.round(2))[::-1]:
        called = part.probability >= threshold
        hits = part.outcome[called].sum()
        if called.any():
            rows.append(
                [float(threshold), float(hits / called.sum()), float(hits / part.outcome.sum()), int(called.sum())]
            )
    return rows


def reliability(part: Market) -> list[dict[str, Any]]:
    place = np.minimum((part.probability * 10).astype(int), 9)
    return [
        {
            "low": one / 10,
            "high": (one + 1) / 10,
            "mean": float(part.probability[place == one].mean()),
            "rate": float(part.outcome[place == one].mean()),
            "count": int((place == one).sum()),
        }
        for one in range(10)
        if (place == one).any()
    ]


def cut(whole: Market, start: int, end: int) -> Market:
    rows = (whole.times >= start) & (whole.times < end)
    return Market(times=whole.times[rows], probability=whole.probability[rows], outcome=whole.outcome[rows],
                  trade=whole.trade[rows])  # fmt: skip


def threshold_of(slice_: Market, *, met: bool) -> dict[str, Any]:
    points = curve(slice_)
    best = next((one for one in points if one[3] >= 100), points[-1])
    lower = best[1] - 0.08
    return {
        "status": "met" if met else "below_floor",
        "value": best[0] if met else None,
        "candidate": best[0],
        "rule": "wilson",
        "target_precision": FLOOR,
        "minimum_calls": 100,
        "rows": int(slice_.outcome.size),
        "positives": int(slice_.outcome.sum()),
        "base_rate": float(slice_.outcome.mean()),
        "precision": best[1],
        "lower": lower,
        "recall": best[2],
        "calls": int(best[3]),
        "minimum_days": 10,
        "days": int((slice_.probability >= best[0]).any(axis=1).sum()),
    }


def add_hits(
    folder: Path,
    *,
    skills: dict[str, float] | None = None,
    years: int = 2,
    met: Sequence[bool] = (True, False),
    calibrated: bool = True,
    by_fold: bool = True,
    picks: bool = True,
) -> None:
    """Write what a training run of hits adds: half-year folds from 2022 on, thresholds ``met`` in turn."""
    skills = skills or {"lightgbm": 0.55, "ridge": 0.25}
    folds = [fold_row(number) for number in range(2 * years)]
    write_json(folder / "folds.json", folds)
    documents, calibrations, frames, listed, by_model = {}, {}, [], [], {}
    for seed, (model, skill) in enumerate(skills.items()):
        whole = market(skill, "2021-01-01", f"{2022 + years}-01-01", seed)
        test = cut(whole, folds[0]["test_start"], folds[-1]["test_end"])
        entries, called = [], []
        for fold in folds:
            slice_ = cut(whole, fold["calibration"]["start"], fold["calibration"]["end"])
            chosen = threshold_of(slice_, met=met[fold["fold"] % len(met)])
            window = cut(whole, fold["test_start"], fold["test_end"])
            called.append(window.probability >= (2.0 if chosen["value"] is None else chosen["value"]))
            entries.append(calibration_row(fold, slice_, chosen))
        every = np.concatenate(called)
        documents[model] = model_document(test, every, folds, calibrated=calibrated, by_fold=by_fold)
        calibrations[model] = [*entries, {**entries[-1], "fold": "current"}]
        frames.append(score_rows(model, test, every, folds))
        listed.append(pick_rows(model, test, every, calibrated=calibrated))
        by_model[model] = shares(len(folds), seed)
    write_json(folder / "classification.json", documents)
    if calibrated:
        write_json(folder / "calibration.json", calibrations)
    if picks:
        pl.concat(listed).write_parquet(folder / "picks.parquet")
    pl.concat(frames).write_parquet(folder / "scores.parquet")
    write_json(folder / "importance_by_fold.json", by_model)
    mean = {
        model: {name: float(np.mean([fold[name] for fold in own])) for name in own[0]}
        for model, own in by_model.items()
    }
    write_json(folder / "importance.json", mean)


def fold_row(number: int) -> dict[str, Any]:
    start = parse_instant(f"{2022 + number // 2}-{'01' if number % 2 == 0 else '07'}-01")
    end = parse_instant(f"{2022 + (number + 1) // 2}-{'07' if number % 2 == 0 else '01'}-01")
    calibration, validation = start - 90 * DAY, start - 180 * DAY
    return {
        "fold": number,
        "train_start": parse_instant("2018-01-02") + CLOSE,
        "train_end": validation - 9 * DAY,
        "test_start": start,
        "test_end": end,
        "trained_until": start - 2 * DAY,
        "train_rows": 18_000 + 3_000 * number,
        "test_rows": 125 * SYMBOLS,
        "purged_rows": 360,
        "embargoed_rows": 48,
        "validation": {"start": validation, "end": calibration, "reaches": calibration - 2 * DAY, "rows": 1_400},
        "calibration": {"start": calibration, "end": start, "reaches": start - 2 * DAY, "rows": 1_400},
    }


def calibration_row(fold: dict[str, Any], slice_: Market, chosen: dict[str, Any]) -> dict[str, Any]:
    return {
        "fold": fold["fold"],
        "method": "isotonic",
        "rows": chosen["rows"],
        "positives": chosen["positives"],
        "base_rate": chosen["base_rate"],
        "start": fold["calibration"]["start"],
        "end": fold["calibration"]["end"],
        "threshold": chosen,
        "calibrator": {"method": "isotonic", "starts": [0.1, 0.5], "values": [0.1, 0.5]},
        "curve": curve(slice_),
    }


def model_document(
    test: Market, called: Any, folds: Sequence[dict[str, Any]], *, calibrated: bool, by_fold: bool
) -> dict[str, Any]:
    rows = called if calibrated else np.zeros_like(called)
    quarters = []
    months = [f"{year}-{month:02}-01" for year in range(2022, 2031) for month in (1, 4, 7, 10)]
    for number, (first, last) in enumerate(pairwise(months)):
        start, end = parse_instant(first), parse_instant(last)
        inside = (test.times >= start) & (test.times < end)
        if inside.any():
            name = f"{first[:4]}Q{1 + number % 4}"
            quarters.append(
                {"quarter": name, **ends_of(test.times[inside]), **figures(cut(test, start, end), rows[inside])}
            )
    document: dict[str, Any] = {"overall": figures(test, rows), "quarters": quarters, "top_k": TOP}
    if calibrated:
        document |= {"reliability": reliability(test), "curve": curve(test)}
    if by_fold:
        document["folds"] = [fold_figures(test, rows, fold) for fold in folds]
    return document


def ends_of(times: Any) -> dict[str, int]:
    return {"from": int(times.min()), "to": int(times.max())}


def fold_figures(test: Market, called: Any, fold: dict[str, Any]) -> dict[str, Any]:
    inside = (test.times >= fold["test_start"]) & (test.times < fold["test_end"])
    return {"fold": fold["fold"], **figures(cut(test, fold["test_start"], fold["test_end"]), called[inside])}


def names() -> list[str]:
    return [f"{600000 + 7 * place}.SH" for place in range(SYMBOLS)]


def score_rows(model: str, test: Market, called: Any, folds: Sequence[dict[str, Any]]) -> pl.DataFrame:
    starts = np.array([fold["test_start"] for fold in folds])
    return pl.DataFrame(
        {
            "time": pl.Series(np.repeat(test.times, SYMBOLS)).cast(pl.Datetime("us", "UTC")),
            "symbol": names() * len(test.times),
            "model": [model] * test.outcome.size,
            "score": test.probability.ravel(),
            "probability": test.probability.ravel(),
            "called": called.ravel(),
            "fold": np.repeat(np.searchsorted(starts, test.times, side="right") - 1, SYMBOLS).astype(np.int32),
        }
    )


def pick_rows(model: str, test: Market, called: Any, *, calibrated: bool) -> pl.DataFrame:
    order = np.argsort(-test.probability, axis=1)[:, :TOP]

    def of(values: Any) -> Any:
        return np.take_along_axis(values, order, 1).ravel()

    trade = of(test.trade)
    frame = pl.DataFrame(
        {
            "time": pl.Series(np.repeat(test.times, TOP)).cast(pl.Datetime("us", "UTC")),
            "symbol": np.array(names())[order.ravel()].tolist(),
            "model": [model] * order.size,
            "rank": np.tile(np.arange(1, TOP + 1), len(test.times)).astype(np.int32),
            "score": of(test.probability),
            "probability": of(test.probability),
            "called": of(called),
            "hit": of(test.outcome),
            "trade_return": trade,
            "net_return": trade - 0.002,
            "base_rate": np.repeat(test.outcome.mean(axis=1), TOP),
            "day_mean_return": np.repeat(np.nanmean(test.trade, axis=1), TOP),
        }
    )
    money = [pl.col("trade_return", "net_return").fill_nan(None)]
    unknown = pl.lit(None, dtype=pl.Boolean).alias("called")
    return frame.with_columns(*money, *([] if calibrated else [unknown]))


def shares(folds: int, seed: int) -> list[dict[str, float]]:
    draw = np.random.default_rng(seed)
    features = [f"{kind}_{bars}" for kind in ("return", "volatility", "turnover", "rank") for bars in (5, 10, 20, 60)]
    weight = draw.gamma(0.8, size=len(features))
    found = []
    for _ in range(folds):
        own = weight * np.exp(0.45 * draw.standard_normal(len(features)))
        found.append(dict(zip(features, (own / own.sum()).tolist(), strict=True)))
    return found


def study(*, trials: int = 40, stopped_by: str = "trials", lead: float = 0.02) -> dict[str, Any]:
    """Return a study of xgboost as ``study.json`` holds it."""
    draw = np.random.default_rng(9)
    rows = []
    for number in range(trials):
        rate = float(np.exp(draw.uniform(np.log(0.003), np.log(0.05))))
        own = {
            "learning_rate": rate,
            "maximum_depth": int(draw.integers(3, 9)),
            "row_fraction": float(draw.uniform(0.6, 1.0)),
            "minimum_child_weight": int(draw.integers(1, 21)),
            "l2_penalty": float(np.exp(draw.uniform(np.log(0.1), np.log(10)))),
            "trees": int(draw.integers(300, 1501)),
        }
        gain = lead * (1 - abs(np.log(rate / 0.015)) / 2) * (number > 0)
        folds = [0.545 + step + gain + 0.004 * draw.standard_normal() for step in (-0.012, 0.0, 0.015)]
        pruned = number > 10 and number % 4 == 1
        rows.append(
            {
                "number": number,
                "state": "pruned" if pruned else "complete",
                "value": None if pruned else float(np.mean(folds)),
                "values_by_fold": folds[:1] if pruned else folds,
                "parameters": own,
                "rounds": int(draw.integers(60, 400)),
                "seconds": float(draw.uniform(6, 20)),
                "cpu_seconds": float(draw.uniform(10, 36)),
            }
        )
    best = max((row for row in rows if row["value"] is not None), key=lambda row: row["value"])
    return {
        "model": "xgboost",
        "metric": "auc",
        "direction": "maximize",
        "trials": rows,
        "best": {name: best[name] for name in ("number", "value", "parameters")},
        "importance": {
            "learning_rate": 0.48,
            "maximum_depth": 0.21,
            "row_fraction": 0.12,
            "l2_penalty": 0.09,
            "trees": 0.06,
            "minimum_child_weight": 0.04,
        },
        "budget": {"minutes": 20.0, "minutes_used": 7.6, "memory_gib": 3.0, "memory_gib_seen": 0.81},
        "space": {"learning_rate": {"low": 0.003, "high": 0.05, "log": True, "integer": False}},
        "stopped_by": stopped_by,
        "inner_folds": [inner_fold(number) for number in range(3)],
    }


def inner_fold(number: int) -> dict[str, Any]:
    judged = parse_instant("2020-01-02") + 180 * DAY * number
    stopping = judged - 120 * DAY
    return {
        "fold": number,
        "train_rows": 12_000 + 4_000 * number,
        "judged": {"start": judged, "end": judged + 180 * DAY, "reaches": judged + 178 * DAY, "rows": 4_000},
        "stopping": {"start": stopping, "end": judged, "reaches": judged - 2 * DAY, "rows": 2_700},
    }
