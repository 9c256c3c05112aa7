"""Every set of a search leaves a row among the trials of its market, and those of others are counted with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import numpy as np

from tidegate.core.recipe import Recipe
from tidegate.core.time import Instant
from tidegate.core.workspace import Workspace
from tidegate.costs import CostModel, cost_model
from tidegate.data import Catalog
from tidegate.registry import Run, RunKind
from tidegate.registry.trials import TrialRecord, TrialStore, market_of_dataset, training_of, trial_fingerprint
from tidegate.search.candidates import Candidate
from tidegate.search.gathered import Gathered

__all__ = ["record_trials"]


def record_trials(
    workspace: Workspace,
    kind: RunKind,
    recipe: Recipe,
    train_runs: Mapping[str, Run],
    done: Sequence[Candidate],
    gathered: Gathered,
    run: str,
) -> tuple[Set[str], list[TrialRecord]]:
    """Record the sets that were simulated; return their fingerprints, and all that was tried on this stretch of time.

    Parameters
    ----------
    done
        In the order of the gathered keys.

    Returns
    -------
    own, counted
        ``counted`` holds each fingerprint once, this search's among them, whatever recipe or command tried it.
    """
    store, catalog = TrialStore(workspace), Catalog(workspace)
    start, end = Instant(int(gathered.times[0])), Instant(int(gathered.times[-1]))
    trainings = {name: training_of(trained) for name, trained in train_runs.items()}
    own: set[str] = set()
    markets = {name: market_of_dataset(catalog, str(t.recipe["data"]["dataset"])) for name, t in train_runs.items()}
    records = []
    for row, one in enumerate(done):
        tried = trial_fingerprint(
            settings=one.settings,
            costs=CostModel() if one.settings.legacy.fee_ignored else cost_model(recipe.costs),
            backtest=recipe.backtest,
            training=trainings[one.train_run],
            model=one.settings.scores,
        )
        own.add(tried)
        records.append(
            TrialRecord(
                fingerprint=tried,
                market=markets[one.train_run],
                start=start,
                end=end,
                bars=len(gathered.times) - 1,
                sharpe=_known(gathered.moments.sharpe[row]),
                excess_sharpe=_known(gathered.excess_moments.sharpe[row]),
                kind=kind.value,
                run=run,
                recipe_name=recipe.name,
            )
        )
    store.record(records)
    return own, store.overlapping(records[0].market, start, end)


def _known(ratio: float) -> float | None:
    return float(ratio) if np.isfinite(ratio) else None
