"""The work of the original trainer by this package, in a process of its own: CPU seconds after imports, peak memory.

    python benchmarks/training_work.py WORKSPACE --stocks 150 --trials 10

The workspace holds the daily file as data set ``a-share``. The split is one hold-out in time (60 % training, 10 %
validation, 10 % calibration, 20 % test), label and search ranges are the original's, and so is the number of fits: one
for each trial and one to ship. Ours fits once more, on all of the past, for the day after the data.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from tidegate.core.recipe import Recipe, load_recipe
from tidegate.core.workspace import Workspace
from tidegate.features.contracts.ashare import contract

__all__ = ["audited", "main", "replication"]


ORIGINAL_FEATURES = (
    "average_bias_5",
    "average_bias_10",
    "average_bias_20",
    "log_return_5",
    "log_return_10",
    "volatility_10",
    "volume_ratio_5",
    "relative_strength_simple_14",
    "market_return_1",
)
"""What the original computes (three averages, two momenta, volatility, volume ratio, RSI, market), free of scale."""


def replication(*, stocks: int, trials: int, early_stopping: bool = True, every_feature: bool = False) -> Recipe:
    """Return the shipped picker, narrowed to the original's work.

    Parameters
    ----------
    every_feature
        All features of the contract; otherwise :data:`ORIGINAL_FEATURES`.
    early_stopping
        Whether trees stop where validation says so; the original grows them all.
    """
    recipe = load_recipe("ashare-picker")
    section = recipe.models.xgboost
    assert section is not None
    assert recipe.tune is not None
    patience = section.early_stopping_rounds if early_stopping else None
    trees = section.model_copy(update={"early_stopping_rounds": patience})
    every = contract(recipe.data.interval).names
    left_out = () if every_feature else tuple(name for name in every if name not in ORIGINAL_FEATURES)
    changed = {
        "name": "replication",
        "features": recipe.features.model_copy(update={"exclude": left_out}),
        "universe": recipe.universe.model_copy(update={"first": stocks}),
        "labels": recipe.labels.model_copy(update={"target": "hindsight_hit"}),
        "split": {"scheme": "holdout", "fractions": (0.6, 0.1, 0.1, 0.2), "minimum_train_days": 60},
        "models": recipe.models.model_copy(update={"ridge": None, "xgboost": trees}),
        "tune": recipe.tune.model_copy(update={"trials": trials, "inner_folds": 1, "pruning": False}),
    }
    return Recipe.model_validate({**recipe.model_dump(mode="python", by_alias=True), **_plain(changed)})


def _plain(changed: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.model_dump(mode="python", by_alias=True) if hasattr(value, "model_dump") else value
        for name, value in changed.items()
    }


def audited(workspace: Workspace, recipe: Recipe) -> None:
    """Record that the data are ready to train on: what happens once, whatever is trained."""
    from tidegate.core.clock import now
    from tidegate.data import Catalog
    from tidegate.data.readiness import audit_readiness
    from tidegate.registry import RunStore

    RunStore(workspace).record_evidence(audit_readiness(Catalog(workspace), recipe, as_of=now()).evidence())


def main() -> None:
    """Tune and train, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--stocks", type=int, default=150)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--every-tree", action="store_true", help="no early stopping")
    parser.add_argument(
        "--every-feature", action="store_true", help="the whole contract in place of the original's nine"
    )
    parser.add_argument("--audit", action="store_true", help="only record that the data are ready")
    parser.add_argument(
        "--as-installed",
        action="store_true",
        help="hide scikit-learn, which a plain install does not bring, and which XGBoost imports where it is there",
    )
    given = parser.parse_args()
    if given.as_installed:
        sys.modules["sklearn"] = None  # type: ignore[assignment]
    recipe = replication(
        stocks=given.stocks, trials=given.trials, early_stopping=not given.every_tree, every_feature=given.every_feature
    )
    workspace = Workspace.open(given.workspace)
    if given.audit:
        audited(workspace, recipe)
        return
    import deltalake  # noqa: F401
    import exchange_calendars  # noqa: F401
    import optuna  # noqa: F401
    import scipy.optimize  # noqa: F401
    import xgboost  # noqa: F401

    from tidegate.core.files import read_json
    from tidegate.train import train, tune

    imported = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.process_time()
    tuned = tune(workspace, recipe)
    after_tuning = time.process_time()
    run = train(workspace, recipe, tuned=tuned)
    ended = time.process_time()
    study = read_json(tuned.folder / "study.json")
    figures = read_json(run.folder / "classification.json")["xgboost"]["overall"]
    print(
        json.dumps(
            {
                "cpu_seconds": ended - began,
                "of_tuning": after_tuning - began,
                "of_trials": sum(trial["cpu_seconds"] for trial in study["trials"]),
                "trees": sum(sum(trial["rounds"]) for trial in study["trials"]),
                "complete": sum(trial["state"] == "complete" for trial in study["trials"]),
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "peak_after_imports_mib": imported,
                "figures": {name: figures[name] for name in ("rows", "auc", "auc_within_date", "base_rate", "calls")},
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
