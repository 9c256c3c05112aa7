"""Live forecasts from an artifact: the models' own contract, the newest bars, nothing else (D-26, crypto 25.3)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tidegate.core.clock import frozen_clock, now
from tidegate.core.errors import CatalogError, DataError, InputError
from tidegate.core.files import read_json, write_json
from tidegate.core.time import HOUR, Instant, format_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.recipe_data import pinned_versions, read_recipe_data
from tidegate.features import build_features
from tidegate.registry import (
    Artifact,
    ArtifactModel,
    ArtifactStore,
    live_forecast,
    newest_rows,
    past_months,
    past_sentence,
)
from trained_picker import LIMITED, SESSIONS, SHARES, TRAINED, TrainedPicker, append, market, trained_picker

LAST = date.fromisoformat(format_instant(int(market().times[TRAINED - 1]))[:10])


@pytest.fixture(scope="module")
def made() -> TrainedPicker:
    return trained_picker()


@pytest.fixture(scope="module")
def later(made: TrainedPicker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The same workspace, ten sessions later."""
    workspace = made.copied(tmp_path_factory.mktemp("later"))
    append(workspace, SESSIONS)
    yield workspace
    workspace.database.dispose()


def changed(made: TrainedPicker, folder: Path, name: str, content: object) -> tuple[Workspace, Artifact]:
    """Return a copy of the artifact with another content of one of its files, published as one of its own."""
    workspace = made.copied(folder)
    source = folder / "source"
    shutil.copytree(made.artifact.folder, source)
    for own in ("manifest.json", "origin.json"):
        (source / own).unlink()
    write_json(source / name, content)
    return workspace, ArtifactStore(workspace).publish(source, made.artifact.parts, run="train-1")


@pytest.mark.parametrize("kind", ["ridge", "xgboost", "ensemble"])
def test_a_live_forecast_is_what_the_whole_history_gives(made: TrainedPicker, later: Workspace, kind: str) -> None:
    """To the bit: features of a short window equal those of the whole history, and so do scores."""
    catalog = Catalog(later)
    read = read_recipe_data(catalog, made.recipe, pinned_versions(catalog, made.recipe), sources=True)
    history = read.history("equal-weight")

    found = live_forecast(later, made.artifact, model=kind)

    whole = build_features(history, found.rows.contract)
    places = [history.bars.symbols.index(symbol) for symbol in found.rows.symbols]
    np.testing.assert_array_equal(found.rows.features, whole.values[-1, places])
    expected = ArtifactModel.load(made.artifact, kind).score(
        whole.values[-1, places], np.full(len(places), history.bars.times[-1])
    )
    np.testing.assert_array_equal(found.scores.score, expected.score)
    np.testing.assert_array_equal(found.scores.probability, expected.probability)


def test_later_bars_change_nothing_about_an_earlier_day(made: TrainedPicker, later: Workspace) -> None:
    then = live_forecast(made.workspace, made.artifact)
    again = live_forecast(later, made.artifact, day=LAST)

    assert then.rows.as_of == again.rows.as_of == int(market().times[TRAINED - 1])
    assert then.rows.symbols == again.rows.symbols
    np.testing.assert_array_equal(then.scores.score, again.scores.score)
    assert live_forecast(later, made.artifact).rows.as_of == int(market().times[-1])


def test_who_closed_at_the_upper_limit_is_marked(made: TrainedPicker) -> None:
    rows = newest_rows(made.workspace, made.artifact)

    assert [symbol for symbol, at in zip(rows.symbols, rows.at_limit_up, strict=True) if at] == [LIMITED]


def test_who_has_no_bar_is_not_picked(made: TrainedPicker, tmp_path: Path) -> None:
    workspace = made.copied(tmp_path)
    append(workspace, TRAINED + 1)

    rows = newest_rows(workspace, made.artifact)

    silent = {name for name, close in zip(market().symbols, market()["close"][TRAINED], strict=True) if np.isnan(close)}
    assert LIMITED in silent
    assert set(rows.symbols) == set(market().symbols) - silent
    assert rows.left_out == len(silent)
    assert len(rows.symbols) + rows.left_out == SHARES


def test_who_did_not_trade_is_not_picked(made: TrainedPicker, tmp_path: Path) -> None:
    workspace = made.copied(tmp_path)
    append(workspace, TRAINED + 2)
    bars = Catalog(workspace).read("bars", dataset="a-share", as_of=now()).collect()
    idle = bars["symbol"][-1]
    stale = bars.drop("recorded_time").with_columns(
        volume=pl.when(pl.col("symbol") == idle).then(0.0).otherwise(pl.col("volume")), dataset=pl.lit("idle")
    )
    Catalog(workspace).append("bars", stale)
    source = {**made.artifact.document("recipe.json")}
    source["data"] = {**source["data"], "dataset": "idle"}
    _, artifact = changed(made, tmp_path / "other", "recipe.json", source)
    shutil.copytree(artifact.folder, workspace.artifacts_folder / artifact.id)

    assert idle not in newest_rows(workspace, artifact).symbols


def test_reasons_are_the_largest_contributions_and_sum_to_the_margin(made: TrainedPicker) -> None:
    found = live_forecast(made.workspace, made.artifact)
    width = found.rows.contract.dimension

    best = found.picks(3, width)

    place = found.rows.symbols.index(best[0].symbol)
    row = found.rows.features[[place]]
    whole = found.model.members["xgboost"].contributions(row)[0]
    told = {reason.feature: reason.contribution for reason in best[0].reasons}
    margin = sum(told.values()) + whole[-1]
    assert 1.0 / (1.0 + np.exp(-margin)) == pytest.approx(found.scores.score[place], abs=1e-5)
    sizes = [abs(reason.contribution) for reason in best[0].reasons]
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) > 0.0
    name = best[0].reasons[0].feature
    assert best[0].reasons[0].value == row[0, found.rows.contract.names.index(name)]
    assert len(found.picks(1, 2)[0].reasons) == 2


def test_the_list_is_ranked_by_score_and_then_by_name(made: TrainedPicker) -> None:
    found = live_forecast(made.workspace, made.artifact)

    everyone = found.picks(10_000, 1)

    assert [one.rank for one in everyone] == list(range(1, len(found.rows.symbols) + 1))
    assert [(-one.score, one.symbol) for one in everyone] == sorted((-one.score, one.symbol) for one in everyone)
    assert found.base_rate == pytest.approx(np.mean([one.probability for one in everyone]))
    called = found.model.threshold
    assert called is not None
    if called.value is not None:
        assert all(one.called == ((one.probability or 0.0) >= called.value) for one in everyone)


def test_a_day_that_the_labels_reached_is_hindsight(made: TrainedPicker) -> None:
    day = date.fromisoformat(format_instant(int(market().times[TRAINED - 5]))[:10])

    with pytest.raises(InputError, match="hindsight"):
        live_forecast(made.workspace, made.artifact, day=day)


def test_a_day_without_bars_is_said(made: TrainedPicker) -> None:
    with pytest.raises(DataError, match=f"no bar on 2030-01-01, the newest of a-share on {LAST}"):
        live_forecast(made.workspace, made.artifact, day=date(2030, 1, 1))


def test_how_many_bars_are_owed_since(made: TrainedPicker) -> None:
    newest = int(market().times[TRAINED - 1])

    with frozen_clock(Instant(newest + HOUR)):
        assert newest_rows(made.workspace, made.artifact).bars_behind == 0
    with frozen_clock(Instant(int(market().times[TRAINED + 2]))):
        assert newest_rows(made.workspace, made.artifact).bars_behind == 3


def test_another_contract_is_refused_and_never_padded(made: TrainedPicker, tmp_path: Path) -> None:
    """D-26: models that learned from 42 features are not handed 41 of them."""
    recipe = made.artifact.document("recipe.json")
    recipe["features"] = {**recipe["features"], "exclude": ["log_return_1"]}
    workspace, artifact = changed(made, tmp_path, "recipe.json", recipe)

    with pytest.raises(InputError, match="without log_return_1"):
        live_forecast(workspace, artifact)


def test_an_edited_contract_is_refused(made: TrainedPicker, tmp_path: Path) -> None:
    contract = read_json(made.artifact.path("contract.json"))
    contract["features"] = contract["features"][1:]
    workspace, artifact = changed(made, tmp_path, "contract.json", contract)

    with pytest.raises(InputError, match="fingerprint"):
        live_forecast(workspace, artifact)


def test_data_that_lack_a_column_are_refused(made: TrainedPicker, tmp_path: Path) -> None:
    recipe = made.artifact.document("recipe.json")
    recipe["data"] = {**recipe["data"], "dataset": "thin"}
    workspace, artifact = changed(made, tmp_path, "recipe.json", recipe)
    bars = Catalog(workspace).read("bars", dataset="a-share", as_of=now()).collect().drop("recorded_time")
    Catalog(workspace).append("bars", bars.with_columns(dataset=pl.lit("thin"), volume=pl.lit(None, dtype=pl.Float64)))

    with pytest.raises(InputError, match=r"without .*volume"):
        live_forecast(workspace, artifact)


def test_data_that_are_gone_are_said(made: TrainedPicker, tmp_path: Path) -> None:
    recipe = made.artifact.document("recipe.json")
    recipe["data"] = {**recipe["data"], "dataset": "gone"}
    workspace, artifact = changed(made, tmp_path, "recipe.json", recipe)

    with pytest.raises(CatalogError):
        live_forecast(workspace, artifact)


def test_an_unknown_model_is_refused(made: TrainedPicker) -> None:
    with pytest.raises(InputError, match="no model 'lightgbm'"):
        live_forecast(made.workspace, made.artifact, model="lightgbm")


def test_a_damaged_calibrator_is_refused(made: TrainedPicker, tmp_path: Path) -> None:
    document = made.artifact.document("calibration.json")
    document["xgboost"]["calibrator"]["values"] = [2.0] * len(document["xgboost"]["calibrator"]["values"])
    _, artifact = changed(made, tmp_path, "calibration.json", document)

    with pytest.raises(InputError, match="calibrator"):
        ArtifactModel.load(artifact)


def test_below_the_floor_nothing_is_called(made: TrainedPicker, tmp_path: Path) -> None:
    """Equity I 16: an infeasible target is said, and the ranking stays."""
    document = made.artifact.document("calibration.json")
    document["xgboost"]["threshold"] |= {"status": "below_floor", "value": None}
    workspace, artifact = changed(made, tmp_path, "calibration.json", document)

    found = live_forecast(workspace, artifact)

    assert found.scores.called is not None
    assert not found.scores.called.any()
    assert [one.symbol for one in found.picks(3, 1)] == [
        one.symbol for one in live_forecast(made.workspace, made.artifact).picks(3, 1)
    ]


def test_past_months_count_what_the_picks_file_holds(made: TrainedPicker) -> None:
    picks = pl.read_parquet(made.artifact.path("picks.parquet")).filter(pl.col("model") == "xgboost")

    months = past_months(made.artifact, "xgboost")

    assert sum(one.picks for one in months) == picks.height
    assert sum(one.hits for one in months) == int(picks["hit"].sum())
    assert sum(one.trades for one in months) == picks["net_return"].drop_nulls().len()
    first = picks.filter(pl.col("time").dt.strftime("%Y-%m") == months[0].month)
    assert months[0].precision == pytest.approx(first["hit"].mean())
    assert months[0].net_return == pytest.approx(first["net_return"].mean())
    assert months[0].days == first["time"].n_unique()
    assert [one.month for one in months] == sorted({one.month for one in months})
    assert sum(one.picks for one in past_months(made.artifact, "xgboost", 1)) == picks["time"].n_unique()
    assert past_sentence(months).startswith("In ")


def test_without_a_past_the_sentence_says_so() -> None:
    assert past_sentence(()) == "Nothing is known of earlier picks."
