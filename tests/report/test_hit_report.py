"""The report of a training run of hits: complete in both languages, plain about floors, silent where nothing is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from test_write import read, words

from tidegate.core.errors import RunError
from tidegate.core.files import read_json, write_json
from tidegate.core.recipe import CostSettings, LabelSettings, Recipe
from tidegate.core.time import DAY
from tidegate.core.workspace import Workspace
from tidegate.registry import Run
from tidegate.report import Language, write_report
from tidegate.report.run_files import read_forecast_files

MakeRun = Callable[..., Run]
SECTIONS = ("section.quarters", "section.bands", "section.picks", "section.calibration", "section.folds")


def shown(workspace: Workspace, run: Run, language: str = "en") -> str:
    return words(read(write_report(workspace, run.id, language=language)))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hits_are_reported_in_both_languages(workspace: Workspace, make_hits: MakeRun, language: str) -> None:
    page, texts = shown(workspace, make_hits(skills={"lightgbm": 1.1, "ridge": 0.3}), language), Language.load(language)

    for key in SECTIONS:
        assert texts.text(key) in page
    for model in ("lightgbm", "ridge"):
        assert texts.text("table.thresholds", model=texts.name_of("model", model)) in page
    assert "2022Q1" in page
    assert "600000.SH" not in page.split(texts.text("section.picks"))[0]


def test_a_run_of_returns_is_reported_as_before(workspace: Workspace, make_training: MakeRun) -> None:
    page, texts = shown(workspace, make_training(years=2)), Language.load("en")

    for key in SECTIONS[:-1]:
        assert texts.text(key) not in page
    assert "Mean rank IC" in page


def test_a_floor_that_is_never_reached_is_said_and_nothing_is_called(workspace: Workspace, make_hits: MakeRun) -> None:
    """An infeasible floor is explicit (equity I 17): no threshold stands in for the one that is missing."""
    page = shown(workspace, make_hits(met=(False,)))

    assert "Below the floor: in none of 4 folds did the lower bound of a threshold's precision reach" in page
    assert "LightGBM: below the floor." in page
    assert "the lower bound of the best candidate was" in page
    assert "(the best candidate had" not in page
    assert "0 calls; floor reached in 0 of 4 folds" in page
    assert "not reached: nothing was called" in page


def test_the_published_bands_stand_beside_the_honest_values(workspace: Workspace, make_hits: MakeRun) -> None:
    """The bands of equity G.12, and a sentence that says what the figures mean."""
    page = shown(workspace, make_hits(skills={"lightgbm": 0.0}))

    for band in ("0.60 – 0.75", "≥ 0.60", "0.10 – 0.30", "0.20 – 0.40"):
        assert band in page
    assert "They are of two labels: the published of the best close of days 3 to 5" in page
    assert "which 25.8% of all rows reached" in page
    assert "so hits cannot be told from the others" in page


@pytest.mark.parametrize(
    "change",
    [
        {"labels": LabelSettings(target="relative_hit")},
        {"costs": CostSettings(preset="us-equity")},
    ],
    ids=["another target", "another market"],
)
def test_nothing_was_published_elsewhere(
    workspace: Workspace, make_hits: MakeRun, picker: Recipe, change: dict[str, object]
) -> None:
    page = shown(workspace, make_hits(recipe=picker.model_copy(update=change)))

    assert Language.load("en").text("section.bands") not in page


def test_a_target_of_hindsight_is_named(workspace: Workspace, make_hits: MakeRun, picker: Recipe) -> None:
    changed = picker.model_copy(update={"labels": LabelSettings(target="hindsight_hit")})

    page = shown(workspace, make_hits(recipe=changed))
    assert "nobody can trade it" in page
    assert "Both are of the same label" in page
    assert "They are of two labels" not in page


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "(no interval: calls in 3 weeks)"),
        ("zh", "（无置信区间：信号只落在 3 周内）"),
        ("en", "calls in 3 weeks, which"),
    ],
)
def test_calls_of_few_weeks_are_shown_without_an_interval(
    workspace: Workspace, make_hits: MakeRun, language: str, said: str
) -> None:
    run = make_hits(met=(True,))
    path = run.folder / "classification.json"
    found = read_json(path)
    for one in found.values():
        one["overall"] |= {"precision": 0.65, "precision_interval": None, "precision_weeks": 3}
    write_json(path, found)

    assert said.strip("（）()") in shown(workspace, run, language)


def test_a_run_that_did_not_count_days_is_still_read(workspace: Workspace, make_hits: MakeRun) -> None:
    run = make_hits()
    path = run.folder / "calibration.json"
    found = read_json(path)
    for fold in [fold for folds in found.values() for fold in folds]:
        del fold["threshold"]["days"], fold["threshold"]["minimum_days"]
    write_json(path, found)

    assert read_forecast_files(run.folder).hits is not None
    assert Language.load("en").text("figure.slice_days") in shown(workspace, run)


def test_a_threshold_without_its_figures_is_refused(make_hits: MakeRun) -> None:
    run = make_hits()
    path = run.folder / "calibration.json"
    found = read_json(path)
    del found["lightgbm"][0]["threshold"]["lower"]
    write_json(path, found)

    with pytest.raises(RunError, match=r"calibration\.json with a threshold"):
        read_forecast_files(run.folder)


def test_money_of_labels_is_not_passed_off_as_an_accounts(workspace: Workspace, make_hits: MakeRun) -> None:
    page = shown(workspace, make_hits())

    assert "trades of the label and not of an account" in page
    assert "The backtest report has the engine's truth." in page


def test_scores_without_calibration_have_no_calls(workspace: Workspace, make_hits: MakeRun) -> None:
    page = shown(workspace, make_hits(calibrated=False))

    assert "This run calibrated nothing" in page
    assert "no threshold was asked for" in page


def test_absence_is_shown_as_absence(workspace: Workspace, make_hits: MakeRun) -> None:
    """Figures that were never recorded, and picks that could not be traded, are dashes and no zeros."""
    run = make_hits(by_fold=False)
    picks = pl.read_parquet(run.folder / "picks.parquet")
    nothing = [pl.lit(None, dtype=pl.Float64).alias(name) for name in ("trade_return", "net_return")]
    picks.with_columns(nothing).write_parquet(run.folder / "picks.parquet")

    page = shown(workspace, run)

    assert "This target follows no trade" in page
    assert "Mean net return of a trade by month" not in page
    assert re.search(r"2022-01 105 105 \d+ [\d.]+% [\d.]+% \d+ [\d.]+% – – 2022-02", page)


def test_calls_of_a_fold_follow_from_its_quarters(make_hits: MakeRun) -> None:
    """Where a run recorded no figures by fold, whole quarters give the same calls and the same precision."""
    run = make_hits()
    recorded = read_forecast_files(run.folder).hits
    path = run.folder / "classification.json"
    found = read_json(path)
    write_json(
        path, {name: {key: value for key, value in one.items() if key != "folds"} for name, one in found.items()}
    )
    rebuilt = read_forecast_files(run.folder).hits

    assert recorded is not None
    assert rebuilt is not None
    for fold in range(4):
        own, same = recorded.models[0].of_fold(fold), rebuilt.models[0].of_fold(fold)
        assert same.calls == own.calls
        assert same.precision.value == (None if own.precision.value is None else pytest.approx(own.precision.value))


def test_a_quarter_across_two_folds_tells_neither(make_hits: MakeRun) -> None:
    run = make_hits(by_fold=False)
    path = run.folder / "folds.json"
    moved = [{**fold, "test_start": fold["test_start"] + 30 * DAY, "test_end": fold["test_end"] + 30 * DAY}
             for fold in read_json(path)]  # fmt: skip
    write_json(path, moved)
    hits = read_forecast_files(run.folder).hits

    assert hits is not None
    assert [hits.models[0].of_fold(fold).calls for fold in range(4)] == [None] * 4


@pytest.mark.parametrize("name", ["picks.parquet", "scores.parquet", "calibration.json", "importance_by_fold.json"])
def test_every_further_file_may_be_missing(workspace: Workspace, make_hits: MakeRun, name: str) -> None:
    run = make_hits(years=1)
    (run.folder / name).unlink()

    assert "Honest figures by quarter" in shown(workspace, run)


def test_a_column_that_is_missing_is_named(workspace: Workspace, make_hits: MakeRun) -> None:
    run = make_hits(years=1)
    path = run.folder / "picks.parquet"
    pl.read_parquet(path).drop("base_rate").write_parquet(path)

    with pytest.raises(RunError, match="base_rate"):
        write_report(workspace, run.id)


def test_a_threshold_without_a_status_is_refused(workspace: Workspace, make_hits: MakeRun) -> None:
    """Whether the floor was reached is never guessed."""
    run = make_hits(years=1)
    path = run.folder / "calibration.json"
    found = read_json(path)
    for fold in found["lightgbm"]:
        del fold["threshold"]["status"]
    write_json(path, found)

    with pytest.raises(RunError, match="status"):
        write_report(workspace, run.id)


def test_the_same_run_of_hits_gives_the_same_bytes(workspace: Workspace, make_hits: MakeRun, tmp_path: Path) -> None:
    run = make_hits(years=1)

    first, second = (write_report(workspace, run.id, path=tmp_path / f"{count}.html") for count in range(2))

    assert first.read_bytes() == second.read_bytes()


def test_a_backtest_of_hits_is_reported_with_its_forecasts(
    workspace: Workspace, make_hits: MakeRun, make_backtest: MakeRun, picker: Recipe
) -> None:
    page = shown(workspace, make_backtest(recipe=picker, parent=make_hits().id, years=1))

    assert "Calibration slice" in page or "Calibration from" in page
