"""The report of a tuning run, and the way to it from the training run that took its parameters."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hit_run import study
from test_write import read, words

from tidegate.core.errors import RunError
from tidegate.core.files import write_json
from tidegate.core.workspace import Workspace
from tidegate.registry import Run
from tidegate.report import ColourScheme, Language, write_report
from tidegate.report.charts import Brush
from tidegate.report.statements import Statement, Tone
from tidegate.report.theme import palette
from tidegate.report.tuning_charts import best_so_far, history_chart, slice_chart
from tidegate.report.tuning_files import Study, read_study
from tidegate.report.tuning_rules import found_best, gain, stopped

MakeRun = Callable[..., Run]
BRUSH = Brush(Language.load("en"), palette(ColourScheme.WESTERN))


@pytest.fixture
def searched(tmp_path: Path) -> Study:
    write_json(tmp_path / "study.json", study())
    return read_study(tmp_path, asked=40)


def said(statement: Statement | None) -> tuple[str, Tone] | None:
    return None if statement is None else (statement.key, statement.tone)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_search_is_reported(workspace: Workspace, make_tuning: MakeRun, language: str) -> None:
    run, texts = make_tuning(), Language.load(language)

    page = words(read(write_report(workspace, run.id, language=language)))

    for key in ("section.search", "section.parameters", "section.inner_folds", "table.budget", "caution.best_of_many"):
        assert texts.text(key, trials=33) in page
    assert "minimum_child_weight" in page


def test_the_best_so_far_never_falls(searched: Study) -> None:
    line = [value for _, value in best_so_far(searched)]

    assert line == sorted(line)
    assert line[-1] == searched.best_value


def test_what_is_better_follows_the_direction(searched: Study) -> None:
    line = [value for _, value in best_so_far(replace(searched, maximised=False))]

    assert line == sorted(line, reverse=True)


def test_what_was_given_up_is_hollow_and_no_part_of_the_line(searched: Study) -> None:
    traces = {trace["name"]: trace for trace in json.loads(history_chart(BRUSH, searched).figure)["data"]}

    assert traces["Given up early"]["marker"]["symbol"] == "circle-open"
    assert set(traces["Given up early"]["x"]) & set(traces["Best so far"]["x"]) == set()


def test_what_was_searched_by_its_logarithm_is_drawn_so(searched: Study) -> None:
    axes = [json.loads(slice_chart(BRUSH, searched, name).figure)["layout"]["xaxis"].get("type")
            for name in ("learning_rate", "maximum_depth")]  # fmt: skip

    assert axes == ["log", None]


def test_a_lead_within_the_noise_of_the_folds_is_called_slight(searched: Study) -> None:
    assert said(gain(searched)) == ("tuning.clear_lead", Tone.GOOD)
    own, best = searched.trials[0], searched.best
    assert best is not None
    noisy = replace(own, values_by_fold=(0.45, 0.60, 0.58))
    close = replace(searched, trials=(noisy, *searched.trials[1:]))
    assert said(gain(close)) == ("tuning.slight_lead", Tone.CAUTION)
    one_fold = [replace(one, values_by_fold=one.values_by_fold[:1]) for one in (own, best)]
    assert said(gain(replace(searched, trials=tuple(one_fold)))) == ("tuning.lead", Tone.CAUTION)


def test_own_parameters_that_were_never_beaten_are_said(searched: Study) -> None:
    own = searched.trials[0]
    kept = replace(searched, trials=(own,), best_number=0, best_value=own.value)

    assert said(gain(kept)) == ("tuning.own_are_best", Tone.NEUTRAL)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("trials", ("tuning.stopped_by_trials", Tone.NEUTRAL)),
        ("minutes", ("tuning.stopped_by_minutes", Tone.CAUTION)),
        ("memory", ("tuning.stopped_by_memory", Tone.CAUTION)),
        ("something newer", ("tuning.stopped_otherwise", Tone.CAUTION)),
    ],
)
def test_what_ended_it_is_said(searched: Study, reason: str, expected: tuple[str, Tone]) -> None:
    found = stopped(replace(searched, stopped_by=reason))

    assert said(found) == expected
    assert Language.load("en").text(found.key, **found.values)


def test_a_search_without_a_judged_trial_is_reported(workspace: Workspace, make_tuning: MakeRun) -> None:
    run = make_tuning()
    whole = study()
    failed = [{**row, "state": "failed", "value": None, "values_by_fold": []} for row in whole["trials"][:2]]
    bare = {**whole, "trials": failed, "best": None, "importance": {}, "inner_folds": []}
    write_json(run.folder / "study.json", bare)

    page = words(read(write_report(workspace, run.id)))

    assert "there is nothing to take over" in page
    assert "This study recorded no inner folds." in page
    assert said(found_best(read_study(run.folder))) == ("tuning.nothing", Tone.BAD)


def test_an_incomplete_study_is_named(workspace: Workspace, make_tuning: MakeRun) -> None:
    run = make_tuning()
    write_json(run.folder / "study.json", {"model": "xgboost"})

    with pytest.raises(RunError, match="metric"):
        write_report(workspace, run.id)


def test_training_leads_to_the_search_behind_it(
    workspace: Workspace, make_tuning: MakeRun, make_hits: MakeRun, tmp_path: Path
) -> None:
    search = make_tuning()
    run = make_hits(years=1, metrics={"tuned": {"run": search.id}})

    page = write_report(workspace, run.id, language="zh")
    single = read(write_report(workspace, run.id, path=tmp_path / "single.html"))

    link = f'href="{search.id}.zh.html"'
    assert link in read(page)
    assert (page.parent / f"{search.id}.zh.html").exists()
    assert "href=" not in single.split("</style>")[1].split("<script")[0]
    assert f"tidegate report {search.id}" in words(single)


def test_a_search_that_left_the_workspace_is_named_without_a_link(workspace: Workspace, make_hits: MakeRun) -> None:
    run = make_hits(years=1, metrics={"tuned": {"run": "tune-gone"}})

    page = read(write_report(workspace, run.id))

    assert 'href="' not in page.split("</style>")[1].split("plotly.js v")[0]
    assert "tidegate report tune-gone" in words(page)
