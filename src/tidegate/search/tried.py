"""Every set of a search leaves a row among the trials of its market, and those of others are counted with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from tidegate.core.recipe import Recipe
from tidegate.core.time import Instant
from tidegate.core.units import Int64Array
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.engine.setup import trial_of
from tidegate.engine.tried import trial_records
from tidegate.registry import Run, RunKind
from tidegate.registry.trials import TrialRecord, TrialStore, market_of_dataset, training_of, trial_fingerprint
from tidegate.search.candidates import Candidate
from tidegate.search.shelf import CurveShelf

__all__ = ["counted_trials", "record_trials"]


def record_trials(
    workspace: Workspace,
    kind: RunKind,
    recipe: Recipe,
    train_runs: Mapping[str, Run],
    done: Sequence[Candidate],
    shelf: CurveShelf,
    run: str,
) -> Set[str]:
    """Record the sets that were simulated, and return their fingerprints.

    A search that was broken off has shown figures as well, so its sets count like those of a finished one.

    Parameters
    ----------
    done
        Those whose curves are on the shelf.
    """
    tried = _fingerprints(recipe, train_runs, done)
    markets = _markets(workspace, train_runs)
    market_of = {one.key: markets[one.train_run] for one in done}
    records: list[TrialRecord] = []
    for file in shelf.read([one.key for one in done]):
        found = trial_records(
            [tried[key] for key in file.keys],
            market=markets[done[0].train_run],
            times=file.times,
            equity=file.equity,
            benchmark=file.benchmark,
            kind=kind.value,
            run=run,
            recipe_name=recipe.name,
        )
        records += [replace(one, market=market_of[key]) for key, one in zip(file.keys, found, strict=True)]
    TrialStore(workspace).record(records)
    return frozenset(tried.values())


def counted_trials(
    workspace: Workspace, train_runs: Mapping[str, Run], train_run: str, times: Int64Array
) -> list[TrialRecord]:
    """Return all that was tried on a market and a stretch of time, each once, whatever recipe or command tried it.

    Parameters
    ----------
    train_run
        Whose market.
    times
        ``int64 (n_times,)`` closes of the stretch.
    """
    market = _markets(workspace, {train_run: train_runs[train_run]})[train_run]
    return TrialStore(workspace).overlapping(market, Instant(int(times[0])), Instant(int(times[-1])))


def _markets(workspace: Workspace, train_runs: Mapping[str, Run]) -> dict[str, str]:
    catalog, known = Catalog(workspace), dict[str, str]()
    found = {}
    for name, trained in train_runs.items():
        dataset = str(trained.recipe["data"]["dataset"])
        if dataset not in known:
            known[dataset] = market_of_dataset(catalog, dataset)
        found[name] = known[dataset]
    return found


def _fingerprints(recipe: Recipe, train_runs: Mapping[str, Run], done: Sequence[Candidate]) -> dict[str, str]:
    costs, trainings = trial_of(recipe).costs, {name: training_of(trained) for name, trained in train_runs.items()}
    return {
        one.key: trial_fingerprint(
            settings=one.settings,
            costs=costs,
            backtest=recipe.backtest,
            training=trainings[one.train_run],
            model=one.settings.scores,
        )
        for one in done
    }
