"""The look-ahead audit of a recipe: its features, labels, splits, forecasts, decisions and fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tidegate.audit import LOOKAHEAD_CHECK, Depth, Finding, LookaheadAudit, audit_lookahead
from tidegate.core.evidence import Evidence, Verdict
from tidegate.core.fingerprint import fingerprint
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.pipeline import Pipeline
from tidegate.core.progress import SILENT, Progress
from tidegate.core.recipe import Recipe
from tidegate.core.workspace import Workspace
from tidegate.costs import resolve_recipe
from tidegate.data import Catalog
from tidegate.data.recipe_data import RecipeData, pinned_versions, read_recipe_data
from tidegate.features import FeatureContract, contract_for
from tidegate.registry import RunStore
from tidegate.split import Fold
from tidegate.train.audited import FeaturePipeline, FoldPipeline, folds_of
from tidegate.train.dataset import assemble

__all__ = ["RecipeAudit", "audit_recipe", "lookahead_subject"]

_FEATURES: Final = "features and labels"


def lookahead_subject(recipe: Recipe, versions: Mapping[str, int], contract: FeatureContract) -> str:
    """Return what an audit is about: everything that training depends on, and the versions of the data."""
    return fingerprint([recipe.training_fingerprint(), dict(versions), contract.fingerprint])


@dataclass(frozen=True, kw_only=True, eq=False)
class RecipeAudit:
    """What the audits of a recipe's parts found.

    Parameters
    ----------
    recipe
        As it stood.
    subject
        See :func:`lookahead_subject`.
    contract
        The features that were audited.
    parts
        Name of a part to its audit: features and labels first, then each fold that was fitted again.
    """

    recipe: Recipe
    subject: str
    contract: FeatureContract
    parts: Mapping[str, LookaheadAudit]

    @property
    def verdict(self) -> Verdict:
        """The worst of its parts: failed before too little to look at before passed."""
        found = {part.verdict for part in self.parts.values()}
        worst = (Verdict.FAILED, Verdict.INSUFFICIENT_OBSERVATION, Verdict.PASSED)
        return next((verdict for verdict in worst if verdict in found), Verdict.INSUFFICIENT_OBSERVATION)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every violation."""
        return tuple(finding for part in self.parts.values() for finding in part.findings)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is not bit-stable, and no leak."""
        return tuple(warning for part in self.parts.values() for warning in part.warnings)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON and for the evidence."""
        return {
            "recipe": self.recipe.name,
            "subject": self.subject,
            "contract": self.contract.fingerprint,
            "features": self.contract.dimension,
            "verdict": self.verdict.value,
            "violations": len(self.findings),
            "parts": {name: part.as_dict() for name, part in self.parts.items()},
        }

    def evidence(self) -> Evidence:
        """Return the finding as gates consume it."""
        return Evidence.of(LOOKAHEAD_CHECK, self.subject, self.verdict, self.as_dict())


def audit_recipe(
    workspace: Workspace,
    recipe: Recipe,
    *,
    depth: Depth,
    folds: int = 2,
    workers: int = 2,
    seed: int = 7,
    progress: Progress = SILENT,
) -> RecipeAudit:
    """Audit a recipe on its own data, and keep the evidence.

    Features and labels of every row are recomputed without the future and with a poisoned one. For some folds the whole
    path is walked again: split, fit, forecast, decide, fill.

    Parameters
    ----------
    depth
        How many instants and slices.
    folds
        How many folds are fitted again, spread from the first to the last.
    workers
        Processes.
    seed
        Draws the instants and the garbage.

    Raises
    ------
    CatalogError, DataError, RecipeError
        If the data are not there or do not carry the recipe.
    """
    recipe = resolve_recipe(recipe)
    catalog = Catalog(workspace)
    versions = pinned_versions(catalog, recipe)
    progress.say(f"reading {recipe.data.dataset}")
    data = read_recipe_data(catalog, recipe, versions, sources=True)
    history, references = data.history(recipe.universe.benchmark), _references(data)
    contract = contract_for(history.bars, recipe.features, tables=history.tables, interval=recipe.data.interval)
    subject = lookahead_subject(recipe, versions, contract)

    def audited(
        pipeline: Pipeline, over: History, name: str, *, depth: Depth, seed: int, **more: Any
    ) -> LookaheadAudit:
        progress.say(f"auditing {name}")
        return audit_lookahead(
            pipeline, over, subject=name, depth=depth, seed=seed, workers=workers, progress=progress,
            versions=versions, **more
        )  # fmt: skip

    parts = {_FEATURES: audited(FeaturePipeline(recipe, contract), history, _FEATURES, depth=depth, seed=seed)}
    for fold in _chosen(recipe, history, folds):
        pipeline = FoldPipeline(recipe, fold.test_start, history.bars.times, references=references)
        tested = _until_the_end_of(fold, history)
        name, start = f"fold {fold.fold}", int(fold.test_start)
        more: dict[str, Any] = {"boundaries": (start,), "since": start}
        parts[name] = audited(pipeline, tested, name, depth=depth.of_fits(), seed=seed + 1 + fold.fold, **more)
    audit = RecipeAudit(recipe=recipe, subject=subject, contract=contract, parts=parts)
    RunStore(workspace).record_evidence(audit.evidence())
    return audit


def _references(data: RecipeData) -> Panel | None:
    """Return the bars of benchmark and defensive assets, which no feature is made of."""
    beside = tuple(symbol for symbol in data.panel.symbols if symbol not in data.traded)
    return data.panel.take(beside) if beside else None


def _chosen(recipe: Recipe, history: History, count: int) -> list[Fold]:
    """Return folds spread from the first to the last; one alone is the first, whose training part is the smallest."""
    if not count:
        return []
    all_of_them = folds_of(assemble(history, recipe), recipe)
    places = np.unique(np.linspace(0, len(all_of_them) - 1, min(count, len(all_of_them))).round().astype(int))
    return [all_of_them[place] for place in places]


def _until_the_end_of(fold: Fold, history: History) -> History:
    """Return the history up to the end of a fold's test window: what comes later is another fold's."""
    return history.until(int(fold.test_end))
