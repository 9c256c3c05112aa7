"""How much of the original's figures came from sharing days between training and test, on identical test rows.

Test stocks are those of the original's own test part; training stocks are those of its training part, so no row is in
both. Parameters are those that the original's search found. Rows whose label is not known are left out. What changes is
the days alone that the training rows come from.

    python benchmarks/leak_size.py ashare_daily.parquet --stocks 150
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from ashare_original import AS_IT_WAS, DAYS, FIXED, Rows, features_of, label_of, parts_of, read_rows, train_original

from tidegate.core.time import DAY
from tidegate.evaluate import classification_figures, paired_difference, rank_rows, roc_by_instant

__all__ = ["isolated", "main", "over_quarters"]

THRESHOLD: Final = 0.45
BLOCK: Final = 10
SHOWN: Final = ("rows", "base_rate", "auc", "auc_interval", "auc_within_date", "auc_within_date_interval", "precision",
                "precision_interval", "calls", "precision_at_k", "base_rate_at_k")  # fmt: skip


def whole_stocks(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return features and labels of each stock as a whole; NaN where the label is not known."""
    groups = np.split(np.arange(len(rows)), np.flatnonzero(np.diff(rows.code)) + 1)
    features = features_of(rows, groups, AS_IT_WAS)
    label = label_of(rows, groups, AS_IT_WAS)
    for group in groups:
        label[group[-max(DAYS) :]] = np.nan
    return features, label


def figures(rows: Rows, test: np.ndarray, said: np.ndarray, label: np.ndarray) -> dict[str, Any]:
    """Return the figures of test rows with intervals by a bootstrap of weeks."""
    found = classification_figures(
        times=instants(rows, test),
        symbols=rows.code[test],
        score=said,
        probability=said,
        called=said >= THRESHOLD,
        outcome=label[test],
        trade_return=None,
        round_trip_cost=0.0,
        top_k=10,
        seed=7,
    )
    return {name: found[name] for name in SHOWN}


def instants(rows: Rows, places: np.ndarray) -> np.ndarray:
    """Return the close of each row's session, microseconds UTC."""
    return rows.dates[rows.date[places]].astype("datetime64[D]").astype(np.int64) * DAY + 7 * DAY // 24


def by_day(rows: Rows, test: np.ndarray, said: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return the area under the curve of each day, NaN where it cannot be computed."""
    return roc_by_instant(rank_rows(instants(rows, test), said, rows.code[test]), said, label[test])


def isolated(rows: Rows, parameters: dict[str, Any], cut: int, seeds: list[int]) -> dict[str, Any]:
    """Train on all days, on as many rows of random days as are causal, and on the days before the cut."""
    features, label = whole_stocks(rows)
    train, test = known_parts(rows, label)
    test = test[rows.date[test] >= cut]
    causal = train[rows.date[train] < cut - max(DAYS)]
    same = train[rows.date[train] >= cut]
    answers = {"all days": [train], "days before the cut": [causal], "the test's days alone": [same]}
    draws = [np.sort(np.random.default_rng(seed).choice(train, len(causal), replace=False)) for seed in seeds]
    answers["as many rows of random days"] = draws
    table, days = {}, {}
    for name, choices in answers.items():
        said = [fitted(parameters, features, label, chosen, test) for chosen in choices]
        each = [figures(rows, test, one, label) for one in said]
        table[name] = {"train_rows": len(choices[0]), **(each[0] if len(each) == 1 else averaged(each))}
        days[name] = np.mean([by_day(rows, test, one, label) for one in said], axis=0)
    for name in table:
        difference = paired_difference(days[name], days["days before the cut"], block=BLOCK, seed=7)
        table[name]["within_date_over_causal"] = difference.as_document()
    return {"cut": str(rows.dates[cut]), "test_stocks": len(np.unique(rows.code[test])), "table": table}


def over_quarters(rows: Rows, parameters: dict[str, Any]) -> dict[str, Any]:
    """Compare one model of all days with one for each quarter of the days before it."""
    features, label = whole_stocks(rows)
    train, test = known_parts(rows, label)
    leaky = fitted(parameters, features, label, train, test)
    causal = np.full(len(test), np.nan)
    quarter = rows.dates[rows.date].astype("datetime64[M]").astype(np.int64) // 3
    table = []
    for number in np.unique(quarter[test])[2:]:
        first = int(rows.date[quarter == number].min())
        past, inside = train[rows.date[train] < first - max(DAYS)], quarter[test] == number
        causal[inside] = fitted(parameters, features, label, past, test[inside])
        found = {"from": str(rows.dates[first]), "train_rows": len(past)}
        for name, said in (("leaky", leaky), ("causal", causal)):
            found[name] = figures(rows, test[inside], said[inside], label)
        table.append(found)
    inside = ~np.isnan(causal)
    both = {
        name: figures(rows, test[inside], said[inside], label) for name, said in (("leaky", leaky), ("causal", causal))
    }
    days = [by_day(rows, test[inside], said[inside], label) for said in (leaky, causal)]
    return {"quarters": table, "all": both, "difference": paired_difference(*days, block=BLOCK, seed=7).as_document()}


def known_parts(rows: Rows, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the original's training and test stocks whose label is known, no stock in both."""
    train, tuning, test = parts_of(rows, AS_IT_WAS)
    test = test[~np.isin(rows.code[test], rows.code[np.concatenate([train, tuning])])]
    return tuple(part[~np.isnan(label[part])] for part in (train, test))  # type: ignore[return-value]


def fitted(
    parameters: dict[str, Any], features: np.ndarray, label: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Return what trees that learnt from some rows say of others."""
    import xgboost

    model = xgboost.XGBClassifier(**parameters, **FIXED, n_jobs=1).fit(features[train], label[train])
    return np.asarray(model.predict_proba(features[test])[:, 1], dtype=np.float64)


def averaged(each: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the means of figures; of intervals those of their ends."""
    return {
        name: None if each[0][name] is None else np.mean([one[name] for one in each], axis=0).tolist() for name in SHOWN
    }


def main() -> None:
    """Print both tables as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--stocks", type=int, default=150)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--parameters", type=Path, help="JSON of ashare_original.py; else its search runs first")
    given = parser.parse_args()
    rows = read_rows(given.file, given.stocks)
    if given.parameters is None:
        parameters = train_original(rows, trials=10).parameters
    else:
        parameters = json.loads(given.parameters.read_text(encoding="utf-8"))["parameters"]
    began = time.process_time()
    cut = int(np.sort(rows.date)[int(len(rows) * 0.8)])
    found = {"isolated": isolated(rows, parameters, cut, given.seeds), "quarters": over_quarters(rows, parameters)}
    print(json.dumps({**found, "cpu_seconds": time.process_time() - began}, indent=1))


if __name__ == "__main__":
    main()
