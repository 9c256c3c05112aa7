"""The main path, one call per room: from raw bars to an honest report.

Run it with ``python examples/main_path.py [FOLDER]``; it needs no network and takes about half a minute.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tidegate.core.clock import now
from tidegate.core.files import read_json
from tidegate.core.recipe import SplitSettings, load_recipe
from tidegate.core.workspace import Workspace
from tidegate.costs import cost_model
from tidegate.data import Catalog, audit_bars, audit_readiness
from tidegate.data.demo.ingest import ingest_demo
from tidegate.engine import backtest
from tidegate.evaluate import forecast_quality, summarise_quality
from tidegate.features import build_features, contract_for
from tidegate.labels import forward_returns
from tidegate.models import make_forecaster
from tidegate.registry import RunStore
from tidegate.report import write_report
from tidegate.split import WalkForward
from tidegate.train import train


def main(folder: Path) -> Path:
    """Walk the path twice: step by step for one fold, then as the three commands do it."""
    workspace = Workspace.create(folder)
    recipe = load_recipe("demo")

    # data: files -> catalog -> panel. Row t of a panel holds what was known at the close t.
    ingested = ingest_demo(workspace)
    catalog = Catalog(workspace)
    audit = audit_bars(catalog, ingested.dataset, interval=recipe.data.interval, as_of=now())
    panel = catalog.bar_panel(ingested.dataset, interval=recipe.data.interval, as_of=now())
    print(f"{ingested.appended:,} bars, {audit.coverage:.1%} of those the calendar owes")

    # features see the past, labels the future; each label knows its span, costs come from the one model.
    features = build_features(panel, contract_for(panel, recipe.features))
    cost = cost_model(recipe.costs).round_trip_rate()
    labels = forward_returns(panel, recipe.labels.horizon_bars, recipe.backtest.fill, cost)

    # split: training spans that reach into the test window are purged.
    folds = WalkForward(SplitSettings(first_test=recipe.split.first_test)).split(panel.times, labels.spans)
    first = folds[0]
    print(f"{len(folds)} folds; the first trains on {len(first.train):,} sessions, {first.purged_rows} purged")

    # models: fit on the past of the first fold, forecast its test window.
    target = labels.target("excess")
    known = features.present() & (target == target)  # a missing label is missing, never zero
    rows = known[first.train]
    ridge = make_forecaster("ridge", recipe.models, seed=recipe.seed)
    ridge.fit(features.values[first.train][rows], target[first.train][rows])
    shape = (len(first.test), len(panel.symbols))
    scores = ridge.predict(features.values[first.test].reshape(-1, features.values.shape[2])).reshape(shape)
    quality = forecast_quality(panel.times[first.test], scores, labels.gross[first.test])
    summary = summarise_quality(quality, recipe.labels.horizon_bars)
    print(f"rank IC of the first test year: {summary['rank_ic']:+.3f}, t = {summary['rank_ic_t']:+.1f}")

    # the same for every fold and model, stored as runs; then decisions, fills, ledger and report. Training asks for
    # a passed audit of the recipe's data.
    RunStore(workspace).record_evidence(audit_readiness(catalog, recipe, as_of=now()).evidence())
    trained = train(workspace, recipe, threads=2)
    tested = backtest(workspace, recipe, train_run=trained)
    money = read_json(tested.folder / "performance.json")
    print(f"strategy {money['strategy']['cagr']:.1%} after costs, benchmark {money['benchmark']['cagr']:.1%} a year")
    print(f"{len(RunStore(workspace).list())} runs in {workspace.root}")
    return write_report(workspace, tested.id)


if __name__ == "__main__":
    print(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "workspace"))
