"""From raw bars to a ledger, one room of the house at a time, on the shipped prices of twenty US stocks.

Run it anywhere: ``python main_path.py`` makes the workspace ``main-path`` in the present folder. ``tidegate demo``
walks the same path with stored runs and a report; here every step lies open.
"""

from pathlib import Path

import numpy as np

from tidegate.core.recipe import load_recipe
from tidegate.core.time import format_instant, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.costs import cost_model
from tidegate.data import Catalog
from tidegate.data.demo.ingest import ingest_demo
from tidegate.data.universe import traded_symbols
from tidegate.engine import Market, simulate
from tidegate.evaluate import forecast_quality, performance, summarise_quality
from tidegate.features import build_features, contract_for
from tidegate.labels import forward_returns
from tidegate.models import make_forecaster
from tidegate.split import WalkForward
from tidegate.strategy import opens_new_week, rotation

recipe = load_recipe("demo")

# data: files become rows that say when they were known; a read says as of when
workspace = Workspace.create(Path("main-path"))
ingested = ingest_demo(workspace)
everything = Catalog(workspace).bar_panel(
    recipe.data.dataset, interval=recipe.data.interval, as_of=parse_instant("2023-01-01")
)
panel = everything.take(traded_symbols(everything.symbols, recipe.universe))
print(f"{ingested.rows:,} rows -> a panel of {panel.shape[0]:,} sessions x {panel.shape[1]} stocks")

# features see the past, labels see the future and say until when
contract = contract_for(panel, recipe.features)
features = build_features(panel, contract)
costs = cost_model(recipe.costs)
labels = forward_returns(panel, recipe.labels.horizon_bars, recipe.backtest.fill, costs.round_trip_rate())
target = labels.target(recipe.labels.target)
print(f"{contract.dimension} features, labels of {labels.horizon_bars} sessions")

# split, models: each fold learns only from labels that ended before its test window
scores = np.full(panel.shape, np.nan)
for fold in WalkForward(recipe.split).split(panel.times, labels.spans):
    known = features.present()[fold.train] & np.isfinite(target[fold.train])
    model = make_forecaster("ridge", recipe.models, seed=recipe.seed)
    model.fit(features.values[fold.train][known], target[fold.train][known])
    present = features.present()[fold.test]
    scores[fold.test] = np.where(present, 0.0, np.nan)
    scores[fold.test[:, None] * np.ones(panel.shape[1], int), np.arange(panel.shape[1])][present]
    forecasts = np.full(present.shape, np.nan)
    forecasts[present] = model.predict(features.values[fold.test][present])
    scores[fold.test] = forecasts
quality = summarise_quality(forecast_quality(panel.times, scores, labels.gross), lags=labels.horizon_bars)
print(f"out of sample: mean rank IC {quality['rank_ic']:+.3f}, t = {quality['rank_ic_t']:+.1f}")
