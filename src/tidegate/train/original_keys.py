"""The original trainer's configuration, key by key: its default, our name for it, and what became of it (equity G.2).

Each key either decides something here, or was never able to: the original read many keys and used fewer. A key that
only repeats what is always so here counts as used where it says just that, and is refused otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from math import isfinite
from typing import Any, Final, NamedTuple

__all__ = ["NEVER_READ", "ORIGINAL_KEYS", "OriginalKey", "Outcome"]


class Outcome(NamedTuple):
    """What one value of a key becomes.

    ``changes`` maps dotted places in a recipe to values; ``why`` says what is not plain; ``refused`` is true where the
    value asks for something that cannot be had here.
    """

    changes: Mapping[str, Any]
    why: str = ""
    refused: bool = False


class OriginalKey(NamedTuple):
    """One key: where it stands, its default, and what its value becomes.

    ``read`` raises ``ValueError`` with what was expected where a value cannot be read.
    """

    name: str
    default: Any
    read: Callable[[Any], Outcome]


NEVER_READ: Final = frozenset(
    {
        "description",
        "memory_optimization",
        "feature_engineering",
        "optimization_goals",
        "expected_performance",
        "debug",
        "data.max_samples",
        "optuna.save_study",
        "model.use_label_encoder",
    }
)
"""Keys, whole sections among them, that did nothing in the original."""


def _date(place: str) -> Callable[[Any], Outcome]:
    def read(value: Any) -> Outcome:
        try:
            return Outcome({place: date.fromisoformat(str(value))})
        except ValueError:
            raise ValueError("a day such as 2023-01-31") from None

    return read


def _number(low: float, high: float, what: str) -> Callable[[Any], float]:
    """Return a reader of a number within bounds, both of them outside."""

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise ValueError(what)
        if not low < value < high:
            raise ValueError(what)
        return float(value)

    return read


def _step(value: Any) -> float:
    step = _number(0.0, 1.0, "a step from 0.0001 to 0.5")(value)
    if not 0.0001 <= step <= 0.5:
        raise ValueError("a step from 0.0001 to 0.5")
    return step


def _count(what: str, most: int = 10**9) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise ValueError(what)
        return int(value)

    return read


def _placed(place: str, read: Callable[[Any], Any], why: str = "") -> Callable[[Any], Outcome]:
    return lambda value: Outcome({place: read(value)}, why)


def _days(value: Any) -> Outcome:
    whole = (
        isinstance(value, list) and value and all(isinstance(day, int) and not isinstance(day, bool) for day in value)
    )
    if not whole or min(value) < 1 or not 2 <= max(value) <= 250:
        raise ValueError("a list of days such as [3, 4, 5], the last from 2 to 250")
    first, last = min(value), max(value)
    every = sorted(set(value)) == list(range(first, last + 1))
    why = "the trade ends on the last day; days in front of it count for target hindsight_hit alone"
    changes = {"labels.touch.first_day": first, "labels.touch.last_day": last, "labels.horizon_bars": last}
    return Outcome(changes, why if every else f"{why}; every day from {first} to {last} counts")


def _direction(value: Any) -> Outcome:
    if value == "maximize":
        return Outcome({}, "always so here")
    if value == "minimize":
        return Outcome({}, "every metric is made as large as possible here", refused=True)
    raise ValueError("maximize")


def _metric(value: Any) -> Outcome:
    known = {
        "auc": Outcome({"tune.metric": "auc"}),
        "f1": Outcome({"tune.metric": "f_beta", "tune.beta": 1.0}, "F-beta with beta 1 is F1"),
        "precision": Outcome(
            {"tune.metric": "average_precision"},
            "as average precision: the best precision of any threshold is that of a handful of rows",
        ),
    }
    if value not in known:
        raise ValueError("auc, f1 or precision")
    return known[value]


def _range(value: Any) -> Outcome:
    numbers = (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(edge, int | float) and not isinstance(edge, bool) for edge in value)
    )
    if not numbers or not 0.0 <= value[0] < value[1] <= 1.0:
        raise ValueError("two numbers from 0 to 1, such as [0.15, 0.45]")
    return Outcome(
        {"calibrate.threshold_low": float(value[0]), "calibrate.threshold_high": float(value[1])},
        "over calibrated probabilities, unless calibrate.method is none; the upper end is left out, as it was",
    )


def _tree_method(value: Any) -> Outcome:
    if value == "hist":
        return Outcome({}, "always so here")
    if isinstance(value, str):
        return Outcome({}, "trees are grown on histograms here", refused=True)
    raise ValueError("hist")


def _minutes(value: Any) -> Outcome:
    return Outcome({"tune.minutes": _number(0.0, 1e7, "seconds above 0")(value) / 60.0}, "in minutes")


ORIGINAL_KEYS: Final[tuple[OriginalKey, ...]] = (
    OriginalKey("data.start_date", "2023-01-01", _date("data.start")),
    OriginalKey("data.end_date", "2024-12-31", _date("data.end")),
    OriginalKey(
        "data.min_return_threshold",
        0.04,
        _placed("labels.touch.rise", _number(0.0, 1.0, "a fraction such as 0.04, above 0 and below 1")),
    ),
    OriginalKey("data.prediction_days", [3, 4, 5], _days),
    OriginalKey(
        "data.n_stocks",
        150,
        _placed(
            "universe.first", _count("a count of stocks"), "the original read it and took every stock all the same"
        ),
    ),
    OriginalKey("optuna.n_trials", 50, _placed("tune.trials", _count("a count of trials"))),
    OriginalKey("optuna.timeout", 3600, _minutes),
    OriginalKey("optuna.direction", "maximize", _direction),
    OriginalKey("optuna.metric", "auc", _metric),
    OriginalKey(
        "optuna.cv_folds",
        3,
        _placed("tune.inner_folds", _count("a count of folds"), "the original never read it; here they are in time"),
    ),
    OriginalKey(
        "optuna.early_stopping_rounds",
        50,
        _placed(
            "models.xgboost.early_stopping_rounds", _count("a count of rounds"), "the original never stopped early"
        ),
    ),
    OriginalKey(
        "threshold.target_precision",
        0.60,
        _placed("calibrate.target_precision", _number(0.0, 1.0, "a share above 0 and below 1")),
    ),
    OriginalKey("threshold.threshold_range", [0.15, 0.45], _range),
    OriginalKey(
        "threshold.threshold_step",
        0.01,
        _placed("calibrate.threshold_step", _step),
    ),
    OriginalKey("model.tree_method", "hist", _tree_method),
    OriginalKey(
        "model.max_bin",
        128,
        _placed(
            "models.xgboost.maximum_bins",
            _count("a count of bins from 2 to 65535", 65535),
            "the original lost it in the model that it shipped",
        ),
    ),
)
"""Every key that decides something here, with the default of the original's table."""
