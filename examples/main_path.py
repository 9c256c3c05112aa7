"""From raw bars to a ledger, one room of the house at a time, on the shipped prices of twenty US stocks.

``python main_path.py`` makes the workspace ``main-path`` in the present folder. ``tidegate demo`` walks the
same path with both models, stored runs and a report; here every step lies open.
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
from tidegate.engine import simulate
from tidegate.engine.market import Market
from tidegate.evaluate import forecast_quality, summarise_quality
from tidegate.evaluate.performance import performance
from tidegate.features import build_features, contract_for
from tidegate.labels import forward_returns
from tidegate.models import make_forecaster
from tidegate.split import WalkForward
from tidegate.strategy import opens_new_week, rotation

recipe = load_recipe("demo")

# data: files become rows that say when they were known, and a read says as of when
workspace = Workspace.create(Path("main-path"))
ingested = ingest_demo(workspace)
as_of = parse_instant("2023-01-01")
bars = Catalog(workspace).bar_panel(recipe.data.dataset, interval=recipe.data.interval, as_of=as_of)
panel = bars.take(traded_symbols(bars.symbols, recipe.universe))
print(f"{ingested.rows:,} rows in the files, a panel of {panel.shape[0]:,} sessions x {panel.shape[1]} stocks")

# features see the past; labels see the future and say until when
features = build_features(panel, contract_for(panel, recipe.features))
costs = cost_model(recipe.costs)
labels = forward_returns(panel, recipe.labels.horizon_bars, recipe.backtest.fill, costs.round_trip_rate())
target = labels.target(recipe.labels.target)
print(f"{features.contract.dimension} features, labels that span {labels.horizon_bars} sessions")

# split, models: every fold learns from labels that ended before its test window, and forecasts that window
scores = np.full(panel.shape, np.nan)
for fold in WalkForward(recipe.split).split(panel.times, labels.spans):
    known = features.present()[fold.train] & np.isfinite(target[fold.train])
    model = make_forecaster("ridge", recipe.models, seed=recipe.seed)
    model.fit(features.values[fold.train][known], target[fold.train][known])
    present = features.present() & (np.isin(np.arange(len(panel.times)), fold.test)[:, None])
    scores[present] = model.predict(features.values[present])

# evaluate: what the forecasts were worth
quality = summarise_quality(forecast_quality(panel.times, scores, labels.gross), lags=labels.horizon_bars)
print(f"out of sample: mean rank IC {quality['rank_ic']:+.4f}, t = {quality['rank_ic_t']:+.2f}")

# strategy, engine: a decision of one close fills at the next; the ledger books it and must balance
first = int(np.flatnonzero(np.isfinite(scores).any(axis=1))[0])
traded = panel.with_columns({"score": scores}).rows(first, len(panel.times))
result = simulate(
    traded,
    rotation(recipe.strategy),
    rebalances=opens_new_week(traded.times),
    market=Market.of(traded, recipe.backtest.fill),
    costs=costs,
    initial_cash=recipe.backtest.initial_cash,
)
earned = performance(result.times, result.equity, bars_per_year=252)
print(f"{len(result.decisions):,} decisions, {len(result.ledger.fills):,} fills, last entry of the ledger:")
last = result.ledger.entries[-1]
print(f"  {format_instant(last.at)}  {last.account}  {last.symbol}  {last.amount:+,.2f}")
print(f"net of cost {earned.cagr:+.2%} a year, worst fall {earned.max_drawdown:.1%}; survivors, so flattered")
