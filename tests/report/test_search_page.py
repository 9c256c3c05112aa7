"""The page about a search and about a selection: complete, honest and readable in both languages (equity E.9)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from test_browser import BROWSER, opened
from test_write import read, words

from search_folder import write_search
from tidegate.core.errors import RunError
from tidegate.core.files import read_json, write_json
from tidegate.core.recipe import Recipe
from tidegate.core.workspace import Workspace
from tidegate.registry import Run, RunKind, RunStore
from tidegate.report import ColourScheme, Language, write_report
from tidegate.report.charts import Brush
from tidegate.report.luck_section import excess_chart
from tidegate.report.plateau_charts import heatmap_chart
from tidegate.report.search_charts import MOST_DOTS, growth_chart, trade_off_chart
from tidegate.report.search_files import SearchFiles, read_search
from tidegate.report.theme import palette

BRUSH = Brush(Language.load("en"), palette(ColourScheme.WESTERN))
MakeRun = Callable[..., Run]


@pytest.fixture
def make_search(workspace: Workspace, recipe: Recipe) -> MakeRun:
    """Finish a search, or a selection; options are those of ``write_search``."""

    def make(parent: str | None = None, metrics: dict[str, Any] | None = None, **options: Any) -> Run:
        kind = RunKind.SELECT if options.get("selection") else RunKind.SEARCH
        work = {"fingerprint_of_work": repr(options), "data_versions": {"bars/synthetic-us": 3}, "parent": parent}
        with RunStore(workspace).begin(kind=kind, recipe=recipe, **work) as run:
            write_search(run.folder, **{"years": 4, **options})
            run.finish(metrics or {})
        return RunStore(workspace).get(run.id)

    return make


def found_in(folder: Path, **options: Any) -> SearchFiles:
    write_search(folder, **{"years": 4, **options})
    return read_search(folder)


def drawn(chart: Any) -> dict[str, Any]:
    assert chart is not None
    found: dict[str, Any] = json.loads(chart.figure)
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_search_is_reported(workspace: Workspace, make_search: MakeRun, language: str) -> None:
    run, texts = make_search(), Language.load(language)

    path = write_report(workspace, run.id, language=language)

    page = words(read(path))
    assert path == workspace.reports_folder / f"{run.id}.{language}.html"
    for name in ("asked", "best_sets", "luck", "around", "earlier_years", "feasible", "failed", "limits"):
        assert texts.text(f"section.{name}") in page
    for name in ("trade_off", "growth", "excess", "earlier_years"):
        assert texts.text(f"chart.{name}.title") in page
    assert texts.text("luck.matched") in page
    best = read_json(run.folder / "search.json")["recommended"]
    assert f"volatility_target {best['parameters']['volatility_target']}" in page
    assert "tidegate search rotation.yaml" in page
    assert "ScoreError: no score of 14 decisions" in page


def test_what_is_no_gate_is_said_to_be_none(workspace: Workspace, make_search: MakeRun) -> None:
    """Issue: DSR and PBO are shown with what they mean, not as gates."""
    page = words(read(write_report(workspace, make_search().id)))

    assert "64 trials counted if they were independent" in page
    assert "It is near 0.5 when all sets are luck, but also when all share one edge" in page
    assert page.count("It is no gate here.") == 2
    assert "blocks of 21 bars on average" in page


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_selection_names_the_training_run(workspace: Workspace, make_search: MakeRun, language: str) -> None:
    run = make_search(selection=True, limit=0.5, metrics={"train_runs": ["train-a", "train-b"]})

    page = words(read(write_report(workspace, run.id, language=language)))

    assert Language.load(language).text("page.select") in page
    assert read_json(run.folder / "search.json")["recommended"]["train_run"] in page
    assert "printf '%s\\n' train-a train-b > runs.txt tidegate select rotation.yaml --runs runs.txt" in page


def test_a_search_is_repeated_on_the_same_training_run(
    workspace: Workspace, make_search: MakeRun, make_training: MakeRun
) -> None:
    trained = make_training(years=1)

    page = words(read(write_report(workspace, make_search(parent=trained.id).id)))

    assert f"tidegate search rotation.yaml --train-run {trained.id}" in page


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_feasible_is_said_plainly(workspace: Workspace, make_search: MakeRun, language: str) -> None:
    run, texts = make_search(limit=0.001, verdict="luck"), Language.load(language)

    page = words(read(write_report(workspace, run.id, language=language)))

    assert texts.text("section.nearest_sets") in page
    assert texts.text("table.by_constraint", count=3) in page
    assert texts.text("table.by_objective", count=3) in page
    assert texts.text("section.feasible") not in page
    assert texts.text("dots.recommended_final") not in page
    assert texts.text("luck.matched") not in page
    assert texts.text("table.counted") in page
    assert texts.text("luck.all_trials") + " 64" in page


@pytest.mark.parametrize(
    ("language", "options"),
    [
        ("zh", {"verdict": "untested", "final": False, "earlier": False, "failed": 0, "finding": "few_neighbours"}),
        ("en", {"verdict": "luck", "finding": "peak"}),
        ("zh", {"selection": True, "limit": 0.001}),
    ],
)
def test_a_report_with_less_to_say_is_written_too(
    workspace: Workspace, make_search: MakeRun, options: dict[str, Any], language: str
) -> None:
    assert write_report(workspace, make_search(**options).id, language=language).exists()


def test_what_may_be_unknown_may_be_absent(workspace: Workspace, make_search: MakeRun) -> None:
    run = make_search()
    found = read_json(run.folder / "search.json")
    for name in ("nested", "plateau", "inert", "duplicates", "years", "notes", "survivorship", "nearest"):
        del found[name]
    found["luck"].update(pbo=None, dsr=None, psr=None, matched=None, trials=None)
    for entry in (found["recommended"], *found["top"]):
        entry.update(share_kept=None, interval=None, adjusted_p=None)
    write_json(run.folder / "search.json", found)

    assert write_report(workspace, run.id).exists()


@pytest.mark.parametrize("lost", ["objective", "counts", "luck", "top"])
def test_an_incomplete_search_is_named(workspace: Workspace, make_search: MakeRun, lost: str) -> None:
    run = make_search()
    found = read_json(run.folder / "search.json")
    del found[lost]
    write_json(run.folder / "search.json", found)

    with pytest.raises(RunError, match=lost):
        write_report(workspace, run.id)


@pytest.mark.parametrize("lost", ["search.json", "sets.parquet", "curves.parquet"])
def test_a_lost_file_is_named(workspace: Workspace, make_search: MakeRun, lost: str) -> None:
    run = make_search()
    (run.folder / lost).unlink()

    with pytest.raises(RunError, match=lost):
        write_report(workspace, run.id)


def test_a_lost_column_is_named(workspace: Workspace, make_search: MakeRun) -> None:
    run = make_search()
    pl.read_parquet(run.folder / "sets.parquet").drop("pareto").write_parquet(run.folder / "sets.parquet")

    with pytest.raises(RunError, match="pareto"):
        write_report(workspace, run.id)


def test_the_opening_shows_every_set_where_it_stood(tmp_path: Path) -> None:
    files = found_in(tmp_path)

    figure = drawn(trade_off_chart(BRUSH, files))

    traces = {one["name"]: one for one in figure["data"]}
    assert len(traces["feasible"]["x"]) == files.result.counts.feasible
    assert len(traces["feasible"]["x"]) + len(traces["not feasible"]["x"]) == 29
    assert "max_exposure 0.3<br>" in traces["feasible"]["text"][0]
    best = files.result.recommended
    assert best is not None
    star = traces["recommended: training → final part"]
    assert star["x"] == [best.figure("training", "max_drawdown"), best.figure("final", "max_drawdown")]
    assert [line["x0"] for line in figure["layout"]["shapes"]] == [0.10]


def test_a_benchmark_far_away_does_not_press_the_sets_together(tmp_path: Path) -> None:
    found = write_search(tmp_path, years=4)
    near = drawn(trade_off_chart(BRUSH, read_search(tmp_path)))
    found["benchmark"]["training"].update(cagr=0.9, max_drawdown=0.8)
    write_json(tmp_path / "search.json", found)
    far = drawn(trade_off_chart(BRUSH, read_search(tmp_path)))

    assert "range" not in near["layout"]["xaxis"]
    assert far["layout"]["xaxis"]["range"][1] < 0.5
    assert far["data"][-1]["name"] == "Benchmark, +90.0% / 80.0%"


def test_of_very_many_sets_the_best_and_a_part_are_drawn(tmp_path: Path) -> None:
    files = found_in(tmp_path)
    many = pl.concat([files.sets] * 200).with_columns(number=pl.int_range(pl.len(), dtype=pl.Int64))
    chart = trade_off_chart(BRUSH, SearchFiles(result=files.result, sets=many, curves=files.curves))

    dots = sum(len(one["x"]) for one in drawn(chart)["data"][:2])

    assert 0.5 * MOST_DOTS < dots <= MOST_DOTS
    assert chart is not None
    assert f"{dots:,} of 5,800 sets" in chart.reading


def test_the_untouched_part_is_shaded(tmp_path: Path) -> None:
    figure = drawn(growth_chart(BRUSH, found_in(tmp_path)))

    assert [one["text"] for one in figure["layout"]["annotations"]] == ["training", "validation", "final, untouched"]
    assert len(figure["layout"]["shapes"]) == 2
    nested = next(one for one in figure["data"] if one["name"] == "Each year's choice")
    benchmark = next(one for one in figure["data"] if one["name"] == "Benchmark")
    begins = next(place for place, value in enumerate(nested["y"]) if value is not None)
    assert nested["y"][begins] == pytest.approx(benchmark["y"][begins], abs=1e-3)


def test_the_line_of_chance_is_annual_as_the_ratios_are(tmp_path: Path) -> None:
    figure = drawn(excess_chart(BRUSH, found_in(tmp_path)))

    lines = [shape["x0"] for shape in figure["layout"]["shapes"]]
    assert lines[1] == pytest.approx(0.021 * 261**0.5, rel=0.01)  # the market of the test trades on all weekdays


def test_a_cross_marks_what_breaks_the_bounds_and_a_star_the_best(tmp_path: Path) -> None:
    around = found_in(tmp_path).result.plateau
    assert around is not None
    cells = around.heatmaps[0]

    figure = drawn(heatmap_chart(BRUSH, cells, "cagr"))

    heat, _, cross, star = figure["data"]
    assert heat["z"] == [list(row) for row in cells.objective]
    broken = sum(one is False for row in cells.feasible for one in row)
    assert (len(cross["x"]), cross["name"]) == (broken, "not feasible")
    assert (star["x"], star["name"]) == ([1.0], "best")
    assert len(drawn(heatmap_chart(BRUSH, around.heatmaps[1], "cagr"))["data"]) == 3  # the best lies in no cell


@pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine")
def test_every_chart_is_drawn(workspace: Workspace, make_search: MakeRun, tmp_path: Path) -> None:
    page = write_report(workspace, make_search().id, language="zh", colours="chinese")
    charts = page.read_text(encoding="utf-8").count('class="plot"')

    done = opened(page, tmp_path / "profile")

    assert charts == 6
    assert f'data-drawn="{charts}"' in done.stdout
    assert "Uncaught" not in done.stderr
