"""The scores of a training run: what they must hold, and proof that nobody changed them since."""

from __future__ import annotations

import polars as pl

from tidegate.core.errors import LookAheadError, RunError
from tidegate.core.fingerprint import array_fingerprint, fingerprint
from tidegate.registry.run import Run

__all__ = ["read_scores", "scores_fingerprint"]


def scores_fingerprint(scores: pl.DataFrame) -> str:
    """Return the SHA-256 of all forecasts, the proof that two runs gave the same ones to the bit."""
    numbers = array_fingerprint(
        scores["time"].dt.epoch("us").to_numpy(),
        scores["score"].to_numpy(),
        scores["fold"].to_numpy(),
        scores["trained_until"].dt.epoch("us").to_numpy(),
    )
    groups = scores.group_by("model", "symbol", maintain_order=True).len()
    return fingerprint([numbers, groups.rows()])


def read_scores(run: Run, model: str) -> pl.DataFrame:
    """Return one model's out-of-sample scores: time, symbol, model, score, fold, trained_until.

    Raises
    ------
    RunError
        If the file is not the one that the run recorded.
    LookAheadError
        If a score's model was trained on labels that end after the score's own instant (C.7).
    """
    scores = pl.read_parquet(run.folder / "scores.parquet")
    if scores_fingerprint(scores) != run.metrics.get("scores_fingerprint"):
        raise RunError(
            found=f"scores of {run.id} that are not those it recorded",
            expected="the file as training wrote it",
            hint="train again; a changed file proves nothing",
        )
    late = scores.filter(pl.col("trained_until") > pl.col("time"))
    if late.height:
        first = late.row(0, named=True)
        raise LookAheadError(
            found=f"{late.height} scores of models that knew later labels, the first at {first['time']:%Y-%m-%d}, "
            f"trained until {first['trained_until']:%Y-%m-%d}",
            expected="models trained only on labels that had ended",
            hint="the training run is in-sample there; train again with a purged split",
        )
    return scores.filter(pl.col("model") == model)
