"""A study of 200,000 rows and 40 features stays within its budget of memory, however tight the budget is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tidegate.core.clock import elapsed_seconds
from tidegate.core.errors import InputError
from tidegate.core.recipe import TuneSettings
from tidegate.train.budget import Budget, StoppedBy

SHARE_KEPT_FREE = 0.02
"""Of the budget: what Python itself takes between the moment when memory is asked for and the end."""
STUDY = f"""
import json, sys, threading, time
from pathlib import Path
import numpy as np
import optuna
from tidegate.core.recipe import LightgbmSettings, ModelSettings, Range, TuneSettings, XgboostSettings
from tidegate.core.time import DAY
from tidegate.models.gradient_boosting import load_lightgbm
from tidegate.models.training_rows import TrainingRows
from tidegate.models.xgboost_trees import load_xgboost
from tidegate.core.environment import resident_bytes
from tidegate.train.budget import estimated_bytes
from tidegate.train.cells import Cells
from tidegate.train.objective import StudyRows
from tidegate.train.study import run_study

kind, folder = sys.argv[1], Path(sys.argv[2])
load_lightgbm(), load_xgboost()
days, shares, width = 1000, 200, 40
random = np.random.default_rng(1)
values = np.lib.format.open_memmap(folder / "f.npy", mode="w+", dtype=np.float32, shape=(days, shares, width))
for day in range(0, days, 50):
    piece = random.normal(size=(50, shares, width)).astype(np.float32)
    piece[random.random(piece.shape) < 0.05] = np.nan
    values[day : day + 50] = piece
values.flush()
values = np.load(folder / "f.npy", mmap_mode="r")
rows, symbols = np.repeat(np.arange(days), shares), np.tile(np.arange(shares), days)
target = (random.random(days * shares) < 0.3).astype(float)

def part(first, last):
    cut = slice(first * shares, last * shares)
    cells = Cells(values, rows[cut], symbols[cut])
    return TrainingRows(features=cells, target=target[cut], instants=rows[cut] * DAY)

folds = [
    StudyRows(train=part(0, a), stopping=part(a, b), judged=part(b, c))
    for a, b, c in ((300, 400, 600), (450, 600, 800), (600, 800, 1000))
]
most, over = 0, threading.Event()

def look():
    global most
    while not over.wait(0.005):
        most = max(most, resident_bytes())

needed = resident_bytes() + estimated_bytes(kind, folds)
gib = needed / (1.0 - {SHARE_KEPT_FREE}) / 2**30
settings = TuneSettings(model=kind, trials=2, memory_gib=gib, space={{"trees": Range(low=10, high=15)}})
models = ModelSettings(
    xgboost=XgboostSettings(trees=15, early_stopping_rounds=10),
    lightgbm=LightgbmSettings(trees=15, early_stopping_rounds=10),
)
watching = threading.Thread(target=look)
watching.start()
result = run_study(folds, settings, models, journal=folder / "journal.log", seed=1, binary=True)
over.set()
watching.join()
print(json.dumps({{"most": most / 2**30, **result.as_document()}}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere pages of mapped files count as held")
@pytest.mark.parametrize("kind", ["xgboost", pytest.param("lightgbm", marks=pytest.mark.exhaustive)])
def test_a_study_stays_within_its_budget_of_memory(kind: str, tmp_path: Path) -> None:
    """With hardly more than the study asks for before it begins; what it holds is looked at all the time."""
    done = subprocess.run(
        [sys.executable, "-c", STUDY, kind, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    allowed, seen = found["budget"]["memory_gib"], found["budget"]["memory_gib_seen"]
    print(f"{kind}: {found['most']:.3f} of {allowed:.3f} GiB, {seen:.3f} by its own account")

    assert found["stopped_by"] == "trials"
    assert {trial["state"] for trial in found["trials"]} == {"complete"}
    assert max(found["most"], seen) <= allowed
    assert found["most"] > 0.5 * allowed  # a refusal is not far from the mark either


def test_a_study_that_takes_more_than_it_may_is_ended() -> None:
    spent = Budget(TuneSettings(memory_gib=0.001), began=elapsed_seconds())
    assert spent.overrun() is StoppedBy.MEMORY
    assert Budget(TuneSettings(memory_gib=1000.0), began=elapsed_seconds()).overrun() is None


def test_the_refusal_says_what_is_held_and_what_the_folds_need() -> None:
    budget = Budget(TuneSettings(memory_gib=1.0), began=elapsed_seconds())
    with pytest.raises(InputError, match=r"about 5\.\d\d GiB: 5\.00 for its folds beside the \d\.\d\d that are held"):
        budget.require_memory(5 * 2**30)
    with pytest.raises(InputError) as refused:
        budget.require_memory(5 * 2**30)
    assert refused.value.expected == "at most the 1 of tune.memory_gib"
    assert "universe.first" in refused.value.hint
