"""What the original trainer of the A-share picker does, told anew and plainly, each of its defects behind a switch.

It exists to be compared with. Rows are those of the daily file, sorted by code and then by date; the features, the
label, the search, the refit and the threshold are those that its code has, not those that its pages promise. The search
is seeded, which the original's was not.

    python benchmarks/ashare_original.py ashare_daily.parquet --stocks 150 --trials 10
    python benchmarks/ashare_original.py ashare_daily.parquet --stocks 150 --trials 10 --without split_by_code
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidegate.evaluate import area_under_roc, within_date_area

__all__ = ["AS_IT_WAS", "FEATURES", "Answer", "Defects", "Rows", "main", "read_rows", "train_original"]

FEATURES: Final = (
    "ma5", "ma10", "ma20", "momentum_5", "momentum_10", "volatility_10", "volume_ratio", "rsi", "change", "adj_factor",
)  # fmt: skip
LEVELS: Final = ("ma5", "ma10", "ma20", "change", "adj_factor")
"""Features that say which stock a row belongs to and how dear it is, more than what it will do."""
DAYS: Final = (3, 4, 5)
RISE: Final = 0.04
FALL_BACK: Final = 0.45
TARGET: Final = 0.60
FIXED: Final = {
    "random_state": 42, "eval_metric": "logloss", "objective": "binary:logistic", "tree_method": "hist", "max_bin": 128,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Defects:
    """Which of the original's defects are there.

    Parameters
    ----------
    split_by_code
        Parts of 60, 20 and 20 % by row number, of rows sorted by code: a split by stock. Else by date, with five
        sessions between the parts.
    raw_prices
        Prices as traded, so that every ex-right day is a loss. Else times ``adj_factor``.
    zeros_for_unknown
        The last rows of each stock, whose label is not known yet, count as 0. Else they are left out.
    levels
        Price levels, yuan and the adjustment factor are features.
    loses_fixed_parameters
        The model that is kept has the library's defaults in place of what was fixed during the search.
    threshold_on_tuning_rows
        The threshold is chosen where the parameters were. Else validation is halved, by date, between the two.
    silent_threshold
        Where no threshold keeps the promise, 0.45 is used all the same. Else nothing is called.
    """

    split_by_code: bool = True
    raw_prices: bool = True
    zeros_for_unknown: bool = True
    levels: bool = True
    loses_fixed_parameters: bool = True
    threshold_on_tuning_rows: bool = True
    silent_threshold: bool = True


AS_IT_WAS: Final = Defects()


@dataclass(frozen=True, eq=False)
class Rows:
    """The daily file, sorted by code and date.

    Parameters
    ----------
    code, date
        ``int64 (n,)``: numbers of stocks and of sessions.
    columns
        ``float64 (n,)`` each, by name.
    codes, dates
        What the numbers stand for; dates are ``datetime64[D]``.
    """

    code: np.ndarray
    date: np.ndarray
    columns: dict[str, np.ndarray]
    codes: list[str]
    dates: np.ndarray

    def __len__(self) -> int:
        return len(self.code)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a training gave.

    Parameters
    ----------
    figures
        Of the test part.
    parameters
        The best of the search.
    train, tuning, choosing, test
        Places of the rows of each part; the threshold is chosen on ``choosing``.
    features, label
        Of all rows, as the parts saw them; NaN where a label is not known.
    probability
        ``float64``, of the test rows.
    """

    figures: dict[str, Any]
    parameters: dict[str, Any]
    train: np.ndarray
    tuning: np.ndarray
    choosing: np.ndarray
    test: np.ndarray
    features: np.ndarray
    label: np.ndarray
    probability: np.ndarray


def read_rows(path: Path, stocks: int | None) -> Rows:
    """Read the first stocks by code, all dates."""
    import polars as pl

    lazy = pl.scan_parquet(path)
    if stocks is not None:
        first = lazy.select(pl.col("ts_code").unique().sort().head(stocks)).collect()["ts_code"].to_list()
        lazy = lazy.filter(pl.col("ts_code").is_in(first))
    frame = lazy.sort("ts_code", "trade_date").collect()
    codes, code = np.unique(frame["ts_code"].to_numpy(), return_inverse=True)
    dates, date = np.unique(frame["trade_date"].to_numpy(), return_inverse=True)
    names = ("close", "pre_close", "vol", "adj_factor")
    return Rows(code, date, {name: frame[name].cast(pl.Float64).to_numpy() for name in names}, codes.tolist(), dates)


def parts_of(rows: Rows, defects: Defects) -> list[np.ndarray]:
    """Return the places of training, validation and test rows."""
    if defects.split_by_code:
        cuts = [int(len(rows) * share) for share in (0.6, 0.8)]
        return np.split(np.arange(len(rows)), cuts)
    by_date = np.sort(rows.date)
    first, second = (by_date[int(len(rows) * share)] for share in (0.6, 0.8))
    gap = max(DAYS)
    spans = [(0, first - gap), (first, second - gap), (second, len(rows.dates))]
    return [np.flatnonzero((rows.date >= low) & (rows.date < high)) for low, high in spans]


def features_of(rows: Rows, groups: list[np.ndarray], defects: Defects) -> np.ndarray:
    """Return the features, each part of each stock on its own, ``float32 (n, n_features)``."""
    scale = 1.0 if defects.raw_prices else rows.columns["adj_factor"]
    close, volume = rows.columns["close"] * scale, rows.columns["vol"]
    made = np.full((len(rows), len(FEATURES)), np.nan, dtype=np.float32)
    for group in groups:
        c, v = close[group], volume[group]
        step = np.diff(c, prepend=np.nan)
        returned = step / np.roll(c, 1)
        gain, loss = (_mean(np.where(np.isnan(step), np.nan, np.maximum(sign * step, 0.0)), 14) for sign in (1.0, -1.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            strength = 100.0 - 100.0 / (1.0 + gain / loss)
            ratio = v / _mean(v, 5)
        made[group] = np.column_stack(
            [_mean(c, 5), _mean(c, 10), _mean(c, 20), _grown(c, 5), _grown(c, 10), _deviation(returned, 10), ratio,
             strength, c - rows.columns["pre_close"][group] * (scale if np.isscalar(scale) else scale[group]),
             rows.columns["adj_factor"][group]]
        )  # fmt: skip
    kept = [place for place, name in enumerate(FEATURES) if defects.levels or name not in LEVELS]
    return made[:, kept]


def label_of(rows: Rows, groups: list[np.ndarray], defects: Defects) -> np.ndarray:
    """Return 1 where the best close of days 3 to 5 is up by 4 %, ``float64 (n,)``; NaN where it is not known."""
    close = rows.columns["close"] * (1.0 if defects.raw_prices else rows.columns["adj_factor"])
    label = np.full(len(rows), np.nan)
    for group in groups:
        c = close[group]
        ahead = np.column_stack([np.append(c[day:], np.full(min(day, len(c)), np.nan))[: len(c)] for day in DAYS])
        reached = ahead / c[:, None] - 1.0 >= RISE
        known = ~np.isnan(ahead).any(axis=1) | defects.zeros_for_unknown
        label[group] = np.where(known, reached.any(axis=1), np.nan)
    return label


def train_original(rows: Rows, *, trials: int, defects: Defects = AS_IT_WAS) -> Answer:
    """Train as the original does: search on validation, fit once more, choose a threshold, look at the test part."""
    parts = parts_of(rows, defects)
    groups = [piece for part in parts for piece in np.split(part, np.flatnonzero(np.diff(rows.code[part])) + 1)]
    if not defects.split_by_code:
        groups = [group for part in parts for group in _by_code(rows, part)]
    features, label = features_of(rows, groups, defects), label_of(rows, groups, defects)
    train, tuning, test = (part[~np.isnan(label[part])] for part in parts)
    choosing = tuning
    if not defects.threshold_on_tuning_rows:
        middle = np.median(rows.date[tuning])
        choosing, tuning = tuning[rows.date[tuning] >= middle + max(DAYS)], tuning[rows.date[tuning] < middle]
    parameters, value = _search(features, label, train, tuning, trials)
    fixed = {} if defects.loses_fixed_parameters else FIXED
    model = _fitted({**parameters, **fixed}, features[train], label[train])
    threshold, found = _threshold(_said(model, features[choosing]), label[choosing], defects)
    probability = _said(model, features[test])
    figures = {
        "rows": len(rows), "train": len(train), "validation": len(tuning), "test": len(test),
        "validation_auc": value, **figures_of(probability, label[test], rows.date[test], threshold),
        "threshold": threshold, "threshold_found": found,
        "test_days_shared_with_training": float(np.isin(rows.date[test], rows.date[train]).mean()),
    }  # fmt: skip
    return Answer(figures, parameters, train, tuning, choosing, test, features, label, probability)


def figures_of(probability: np.ndarray, label: np.ndarray, date: np.ndarray, threshold: float | None) -> dict[str, Any]:
    """Return what the original looks at, and the area within the day, which it does not."""
    called = np.zeros(len(label), dtype=bool) if threshold is None else probability >= threshold
    order = np.argsort(date, kind="stable")
    return {
        "auc": area_under_roc(probability, label),
        "auc_within_date": within_date_area(date[order], probability[order], label[order]),
        "precision": float(label[called].mean()) if called.any() else None,
        "recall": float(label[called].sum() / label.sum()),
        "calls": int(called.sum()),
        "base_rate": float(label.mean()),
    }


def _search(
    features: np.ndarray, label: np.ndarray, train: np.ndarray, tuning: np.ndarray, trials: int
) -> tuple[dict[str, Any], float]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial: Any) -> float:
        asked = {
            "learning_rate": trial.suggest_float("learning_rate", 0.003, 0.05, log=True),
            "max_depth": trial.suggest_int("max_depth", 3, 8),
            "min_child_weight": trial.suggest_int("min_child_weight", 1, 20),
            "subsample": trial.suggest_float("subsample", 0.6, 1.0),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.6, 1.0),
            "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 10.0, log=True),
            "reg_alpha": trial.suggest_float("reg_alpha", 0.01, 5.0, log=True),
            "gamma": trial.suggest_float("gamma", 0.0, 5.0),
            "n_estimators": trial.suggest_int("n_estimators", 300, 1500),
        }
        model = _fitted({**asked, **FIXED}, features[train], label[train])
        area = area_under_roc(_said(model, features[tuning]), label[tuning])
        return -1e6 if area is None else area

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=42))
    study.optimize(objective, n_trials=trials)
    return study.best_params, study.best_value


def _fitted(parameters: dict[str, Any], features: np.ndarray, label: np.ndarray) -> Any:
    import xgboost

    return xgboost.XGBClassifier(**parameters, n_jobs=1).fit(features, label)


def _said(model: Any, features: np.ndarray) -> np.ndarray:
    return np.asarray(model.predict_proba(features)[:, 1], dtype=np.float64)


def _threshold(probability: np.ndarray, label: np.ndarray, defects: Defects) -> tuple[float | None, bool]:
    """Return the threshold of highest recall among those that keep the precision, and whether there was one."""
    best, recall = None, -1.0
    for threshold in np.arange(0.15, 0.45, 0.01):
        called = probability >= threshold
        if called.any() and label[called].mean() >= TARGET and label[called].sum() / label.sum() > recall:
            best, recall = float(threshold), label[called].sum() / label.sum()
    if best is not None:
        return best, True
    return (FALL_BACK if defects.silent_threshold else None), False


def _by_code(rows: Rows, part: np.ndarray) -> list[np.ndarray]:
    return np.split(part, np.flatnonzero(np.diff(rows.code[part])) + 1)


def _windows(values: np.ndarray, count: int) -> np.ndarray:
    front = np.concatenate([np.full(count - 1, np.nan), values])
    return np.lib.stride_tricks.sliding_window_view(front, count)


def _mean(values: np.ndarray, count: int) -> np.ndarray:
    return _windows(values, count).mean(axis=1)


def _deviation(values: np.ndarray, count: int) -> np.ndarray:
    return _windows(values, count).std(axis=1, ddof=1)


def _grown(close: np.ndarray, days: int) -> np.ndarray:
    before = np.concatenate([np.full(days, np.nan), close])[: len(close)]
    return close / before - 1.0


def main() -> None:
    """Train from the command line and print what came of it, with CPU seconds after imports."""
    import optuna  # noqa: F401
    import polars  # noqa: F401
    import xgboost  # noqa: F401

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = os.environ.get("TIDEGATE_TEST_DATA", "")
    parser.add_argument("file", type=Path, nargs="?", default=Path(folder) / "ashare_daily.parquet")
    parser.add_argument("--stocks", type=int, default=150)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--without", nargs="*", default=[], choices=[field.name for field in fields(Defects)])
    given = parser.parse_args()
    began = time.process_time()
    defects = replace(AS_IT_WAS, **dict.fromkeys(given.without, False))
    answer = train_original(read_rows(given.file, given.stocks), trials=given.trials, defects=defects)
    spent = {
        "cpu_seconds": time.process_time() - began,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "parameters": answer.parameters,
    }
    print(json.dumps({**answer.figures, **spent}, indent=2))


if __name__ == "__main__":
    main()
