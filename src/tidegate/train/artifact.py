"""From the files of a training run to an artifact: what is shipped, and what says how good it is."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tidegate.core.environment import describe_environment
from tidegate.core.errors import RunError
from tidegate.core.files import read_json, write_json, write_text
from tidegate.core.recipe import Recipe
from tidegate.core.time import Instant, format_instant
from tidegate.core.workspace import Workspace
from tidegate.registry import Artifact, ArtifactParts, ArtifactStore
from tidegate.split import Fold
from tidegate.train.fold_run import CURRENT, model_folder
from tidegate.train.model_card import CardFacts, write_card
from tidegate.train.plots import write_plots

__all__ = ["publish_training"]

_KEPT: Final = (
    "contract.json",
    "labels.json",
    "folds.json",
    "classification.json",
    "evaluation.json",
    "importance.json",
    "importance_by_fold.json",
    "picks.parquet",
)
"""Files of a run that go into the artifact as they are, where the run has them."""
CALIBRATION_PARTS: Final = ("method", "rows", "base_rate", "start", "end", "threshold")


def publish_training(
    workspace: Workspace,
    folder: Path,
    recipe: Recipe,
    *,
    run: str,
    folds: Sequence[Fold],
    current: Fold,
    data_versions: Mapping[str, int],
    absent_features: Mapping[str, str] | None = None,
    data_notes: Mapping[str, Mapping[str, Any]] | None = None,
    survivorship: str | None = None,
) -> Artifact:
    """Write the card and the pictures of a training run, and keep what it ships as an artifact.

    Equal work gives an equal artifact: nothing in it tells which run made it or when.

    Parameters
    ----------
    workspace
        Where the artifact is kept.
    folder
        Of the run, every file of it written; ``card.md`` and ``plots/`` are added to it.
    recipe
        As it was fitted, with the parameters that a tuning found.
    run
        Its id.
    folds
        Those that were tested.
    current
        The one whose models are shipped, ``models/<kind>/current``.
    data_versions
        ``table/dataset`` to the version that was read.
    absent_features, data_notes, survivorship
        What the run says of its data, as in its metrics.

    Raises
    ------
    RunError
        If a file of the run is missing.
    """
    contract, classification = _read(folder, "contract.json"), _optional(folder, "classification.json")
    told = {"absent_features": absent_features or {}, "data_notes": data_notes or {}, "survivorship": survivorship}
    facts = _facts(folder, recipe, folds, current, data_versions, told)
    write_text(folder / "card.md", write_card(facts))
    leading = recipe.leading_model
    threshold = facts.calibration[leading]["threshold"] if leading in facts.calibration else None
    figures = classification.get(leading)
    write_plots(folder / "plots", model=leading, figures=figures, threshold=threshold, folds=folds)
    gathered = folder / "artifact"
    try:
        _gather(folder, gathered, recipe, facts)
        return ArtifactStore(workspace).publish(gathered, _parts(recipe, facts, contract["fingerprint"]), run=run)
    finally:
        shutil.rmtree(gathered, ignore_errors=True)


def _facts(
    folder: Path,
    recipe: Recipe,
    folds: Sequence[Fold],
    current: Fold,
    data_versions: Mapping[str, int],
    told: Mapping[str, Any],
) -> CardFacts:
    contract, evaluation = _read(folder, "contract.json"), _read(folder, "evaluation.json")
    classification = _optional(folder, "classification.json")
    return CardFacts(
        recipe=recipe,
        figures={model: found["overall"] for model, found in classification.items()} or evaluation,
        top_k=recipe.picks.top_k,
        calibration=_shipped_calibration(_optional(folder, "calibration.json")),
        folds=[fold.as_document() for fold in folds],
        current=current.as_document(),
        features=[one["name"] for one in contract["features"]],
        importance=_optional(folder, "importance.json"),
        data_versions=data_versions,
        **told,
    )


def _parts(recipe: Recipe, facts: CardFacts, contract: str) -> ArtifactParts:
    trained_until = Instant(int(facts.current["trained_until"]))
    calibration = {
        model: {name: document[name] for name in CALIBRATION_PARTS} for model, document in facts.calibration.items()
    }
    return ArtifactParts(
        name=recipe.name,
        version=format_instant(trained_until)[:10],
        recipe_fingerprint=recipe.fingerprint(),
        training_fingerprint=recipe.training_fingerprint(),
        model_kinds=recipe.models.kinds,
        leading_model=recipe.leading_model,
        contract=contract,
        trained_until=trained_until,
        split={"current": dict(facts.current), "folds": [dict(fold) for fold in facts.folds]},
        data_versions=dict(sorted(facts.data_versions.items())),
        seed=recipe.seed,
        environment=describe_environment(),
        metrics={model: dict(found) for model, found in facts.figures.items()},
        calibration=calibration,
    )


def _gather(folder: Path, gathered: Path, recipe: Recipe, facts: CardFacts) -> None:
    """Lay the files of an artifact beside each other, in a folder of the run."""
    shutil.rmtree(gathered, ignore_errors=True)
    gathered.mkdir()
    for kind in recipe.models.kinds:
        shipped = model_folder(folder, kind, CURRENT)
        if not shipped.is_dir():
            raise _incomplete(folder, f"models/{kind}/{CURRENT}")
        shutil.copytree(shipped, gathered / "models" / kind)
    for name in _KEPT:
        if (folder / name).exists():
            shutil.copyfile(folder / name, gathered / name)
    shutil.copyfile(folder / "card.md", gathered / "card.md")
    shutil.copytree(folder / "plots", gathered / "plots")
    write_json(gathered / "recipe.json", recipe.model_dump(mode="json", by_alias=True))
    write_json(gathered / "current.json", dict(facts.current))
    if facts.calibration:
        write_json(gathered / "calibration.json", dict(facts.calibration))


def _shipped_calibration(documents: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Mapping[str, Any]]:
    """Return how the shipped model of each kind was calibrated: the entry of fold ``current``."""
    return {kind: entry for kind, entries in documents.items() for entry in entries if entry["fold"] == CURRENT}


def _read(folder: Path, name: str) -> Any:
    if not (folder / name).exists():
        raise _incomplete(folder, name)
    return read_json(folder / name)


def _optional(folder: Path, name: str) -> Any:
    return read_json(folder / name) if (folder / name).exists() else {}


def _incomplete(folder: Path, name: str) -> RunError:
    return RunError(
        found=f"run {folder.name} without {name}",
        expected="a training whose files are all written",
        hint="train again",
    )
