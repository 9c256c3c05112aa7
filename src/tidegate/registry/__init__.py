"""Runs and artifacts: what was done, with which recipe, data, code and result; what is shipped, and put to work."""

from tidegate.registry.artifact_model import ArtifactModel
from tidegate.registry.artifacts import Artifact, ArtifactStore, ListedArtifact, Origin
from tidegate.registry.forecasting import (
    LiveForecast,
    LivePick,
    NewestRows,
    Reason,
    live_forecast,
    newest_rows,
    recipe_of,
)
from tidegate.registry.manifest import ArtifactManifest, ArtifactParts, StoredFile
from tidegate.registry.past_picks import PastMonth, past_months, past_sentence, picks_by_month, picks_by_year, picks_of
from tidegate.registry.run import Run, RunKind, RunStatus
from tidegate.registry.runs import ActiveRun, RunStore
from tidegate.registry.scores import read_scores, scores_fingerprint
from tidegate.registry.trials import (
    TrialRecord,
    TrialStore,
    forecast_fingerprint,
    market_of_dataset,
    training_of,
    trial_fingerprint,
)

__all__ = [
    "ActiveRun",
    "Artifact",
    "ArtifactManifest",
    "ArtifactModel",
    "ArtifactParts",
    "ArtifactStore",
    "ListedArtifact",
    "LiveForecast",
    "LivePick",
    "NewestRows",
    "Origin",
    "PastMonth",
    "Reason",
    "Run",
    "RunKind",
    "RunStatus",
    "RunStore",
    "StoredFile",
    "TrialRecord",
    "TrialStore",
    "forecast_fingerprint",
    "live_forecast",
    "market_of_dataset",
    "newest_rows",
    "past_months",
    "past_sentence",
    "picks_by_month",
    "picks_by_year",
    "picks_of",
    "read_scores",
    "recipe_of",
    "scores_fingerprint",
    "training_of",
    "trial_fingerprint",
]
