"""Scores of manifests, by number as equity I 10 asks (E.7, E.8, E.9, B.5, H 7), and none of them out of silence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError, RunError
from tidegate.core.time import parse_instant
from tidegate.search.runner.backend import Work
from tidegate.search.runner.manifest import Manifest, Step
from tidegate.search.runner.states import State, Tally
from tidegate.search.scoring.page import conclusion, score_markdown
from tidegate.search.scoring.score import Score, judge_runs, score_manifest
from tidegate.search.scoring.scored_runs import Listed, ScoredRun

WINDOW = {"startDate": "2020-01-01T00:00:00Z", "endDate": "2026-01-13T23:59:59Z"}
ASKED = (date(2020, 1, 1), date(2026, 1, 13))


def summary(cagr: str | None = "14.007%", drawdown: str | None = "14.900%", **others: Any) -> dict[str, Any]:
    """Return a summary as LEAN writes it; what is None is left out, and what is no statistic replaces a part."""
    statistics = {
        "Total Orders": "2,310",
        "Compounding Annual Return": cagr,
        "Drawdown": drawdown,
        "Net Profit": "120.467%",
        "Sharpe Ratio": "0.861",
        "Sortino Ratio": "0.912",
        "Annual Standard Deviation": "0.093",
        "Portfolio Turnover": "1.60%",
        **others.pop("statistics", {}),
    }
    kept = {name: text for name, text in statistics.items() if text is not None}
    return {"statistics": kept, "state": {"Status": "Completed"}, "algorithmConfiguration": WINDOW, **others}


def put(folder: Path, number: int | str, content: Any, name: str = "-summary.json") -> Path:
    """Write the result of a run where the platform leaves it."""
    results = folder / f"run_{number}" / "lean_results"
    results.mkdir(parents=True, exist_ok=True)
    (results / name).write_text(json.dumps(content), encoding="utf-8")
    return folder


def manifest_of(folder: Path, lines: Sequence[Any], tail: str = "") -> Path:
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + tail, encoding="utf-8")
    return path


def ids(runs: Sequence[ScoredRun]) -> list[str]:
    return [run.id for run in runs]


def reasons(score: Score) -> dict[str, str]:
    return {run.id: str(run.reason) for run in score.rejected}


def cagr_grid(folder: Path) -> Path:
    """Return the manifest of a grid whose three best results are one, as published for the CAGR grid (equity F.1)."""
    sets = {462: (0.40, 0.045, 0.028), 463: (0.40, 0.045, 0.033), 465: (0.40, 0.055, 0.028), 470: (0.45, 0.045, 0.028)}
    for number in sets:
        put(folder, number, summary() if number < 470 else summary("15.500%", "17.100%"))
    names = ("max_exposure", "vol_target", "max_weight")
    lines = [{"id": number, "params": dict(zip(names, each, strict=True))} for number, each in sets.items()]
    return manifest_of(folder, lines)


def test_a_missing_drawdown_is_rejected(tmp_path: Path) -> None:
    """Equity I 10, H 7: a run without a drawdown scored as one without losses."""
    put(tmp_path, 1, summary("30%", None))
    put(tmp_path, 2, summary())

    score = score_manifest(manifest_of(tmp_path, [{"run_id": 1}, {"run_id": 2}]))

    assert ids(score.scored) == ["2"]
    assert "'Drawdown'" in reasons(score)["1"]
    assert score.as_dict()["counts"] == {"total": 2, "scored": 1, "rejected": 1, "feasible": 1}


def test_drawdowns_are_held_against_the_limit_at_full_precision(tmp_path: Path) -> None:
    """Equity I 10: ``15.040%`` is above 0.15; B.5: a drawdown of 15.0 % satisfies it as printed, and that is said."""
    put(tmp_path, 1, summary("20%", "15.040%"))
    put(tmp_path, 2, summary("13.837%", "15.000%"))
    put(tmp_path, 3, summary("19%", "15.000%", totalPerformance={"portfolioStatistics": {"drawdown": "0.15041"}}))

    score = score_manifest(manifest_of(tmp_path, [{"run_id": number} for number in (1, 2, 3)]))

    assert ids(score.scored) == ["1", "3", "2"]
    assert ids(score.feasible) == ["2"]
    assert [score.may_exceed(run) for run in score.feasible] == [True]
    note = score.notes()[0]
    assert "15.0% stands for anything below 15.05%" in note
    assert note.endswith("perhaps not in truth: 2.")


def test_a_drawdown_well_within_the_limit_is_not_doubted(tmp_path: Path) -> None:
    score = score_manifest(manifest_of(put(tmp_path, 1, summary()), [{"run_id": 1}]))

    assert (score.met, score.scored[0].is_drawdown_rounded, score.notes()) == (True, True, [])


def test_thousands_are_set_apart(tmp_path: Path) -> None:
    """Equity I 10: ``1,234.5%`` broke the original's reading."""
    score = score_manifest(manifest_of(put(tmp_path, 1, summary("1,234.5%")), [{"run_id": 1}]))

    assert score.scored[0].figures["cagr"] == 12.345
    assert score.scored[0].figures["sortino"] == 0.912
    assert score.scored[0].figures["turnover"] == 0.016


def test_fractions_stand_in_for_missing_texts(tmp_path: Path) -> None:
    """Equity E.8: ``totalPerformance.portfolioStatistics`` in camelCase."""
    fractions = {
        "compoundingAnnualReturn": 0.14, "drawdown": "0.1488", "annualStandardDeviation": 0.09, "totalNetProfit": 1.2,
        "sharpeRatio": 0.8, "sortinoRatio": 0.9, "portfolioTurnover": 0.02,
    }  # fmt: skip
    content = {**summary(), "statistics": {}, "totalPerformance": {"portfolioStatistics": fractions}}

    (run,) = score_manifest(manifest_of(put(tmp_path, 1, content), [{"run_id": 1}])).scored

    assert (run.figures["max_drawdown"], run.figures["sortino"], run.figures["turnover"]) == (0.1488, 0.9, 0.02)
    assert not run.is_drawdown_rounded


@pytest.mark.parametrize(
    ("line", "content", "told"),
    [
        ({"status": "failed"}, summary(), "failed"),
        ({"status": "queued"}, summary(), "queued"),
        ({}, summary(state={"Status": "RuntimeError"}), "RuntimeError"),
        ({}, summary(state={"Status": "Completed", "RuntimeError": "no data"}), "no data"),
        ({}, summary("NaN"), "Compounding Annual Return"),
        ({}, summary("a lot"), "a lot"),
        ({}, summary(drawdown="120%"), "drawdown of 1.2"),
        ({}, summary(statistics={"Total Orders": "0"}), "never traded"),
        ({}, summary(algorithmConfiguration={**WINDOW, "startDate": "2021-06-01"}), "2021-06-01, asked for 2020-01-01"),
        ({}, [], "no JSON object"),
    ],
    ids=str,
)
def test_what_did_not_succeed_has_a_reason(tmp_path: Path, line: dict[str, Any], content: Any, told: str) -> None:
    """Equity I 10 and E.8: status was never consulted, and LEAN shortens a window to the data that it has."""
    manifest = manifest_of(put(tmp_path, 1, content), [{"run_id": 1, **line}])

    score = score_manifest(manifest, asked=ASKED)

    assert score.scored == ()
    assert told in reasons(score)["1"]
    assert (score.met, score.recommended) == (False, None)


def test_the_window_of_the_runs_own_parameters_counts(tmp_path: Path) -> None:
    put(tmp_path, 1, summary())
    put(tmp_path, 2, summary())
    lines = [
        {"run_id": 1, "params": {"start_date": "2015/01/01"}},
        {"run_id": 2, "params": {"backtest_start": "whenever"}},
    ]

    told = reasons(score_manifest(manifest_of(tmp_path, lines)))

    assert "asked for 2015-01-01" in told["1"]
    assert "'whenever'" in told["2"]


def test_runs_of_two_windows_are_told(tmp_path: Path) -> None:
    put(tmp_path, 1, summary())
    put(tmp_path, 2, summary(algorithmConfiguration={**WINDOW, "startDate": "2022-01-03"}))

    notes = score_manifest(manifest_of(tmp_path, [{"run_id": 1}, {"run_id": 2}])).notes()

    assert "2 windows" in notes[0]
    assert "2022-01-03 to 2026-01-13 (1)" in notes[0]


def test_a_missing_file_is_a_reason(tmp_path: Path) -> None:
    """Equity E.8: it was skipped in silence."""
    put(tmp_path, 2, summary(), name="a-summary.json")
    put(tmp_path, 2, summary(), name="b-summary.json")
    (tmp_path / "run_3").mkdir()
    put(tmp_path, 4, summary(), name="4-summary.json")

    score = score_manifest(manifest_of(tmp_path, [{"run_id": number} for number in (1, 2, 3, 4)]))

    told = reasons(score)
    assert ids(score.scored) == ["4"]
    assert "no folder" in told["1"]
    assert "2 files" in told["2"]
    assert "no files" in told["3"]


def test_duplicates_collapse(tmp_path: Path) -> None:
    """Equity I 10: a train job listed twice is one; the first submission counts, a failed one is no result."""
    for number in (498, 504, 505, 509):
        put(tmp_path, number, summary())
    put(tmp_path, 510, summary("19%"))
    lines = [
        {"train_job_id": 71, "run_id": 498, "status": "failed", "params": {"top_n": "30"}},
        {"train_job_id": 71, "run_id": 504, "params": {"top_n": "30"}},
        {"train_job_id": 70, "run_id": 509, "params": {"top_n": 30}},
        {"train_job_id": 70, "run_id": 505, "params": {"top_n": "30.0"}},
        {"train_job_id": 70, "run_id": 510, "params": {"top_n": "30"}},
        {"train_job_id": 70, "run_id": 510, "params": {"top_n": "30"}},
    ]

    score = score_manifest(manifest_of(tmp_path, lines))

    told = reasons(score)
    assert ids(score.scored) == ["504", "505"]
    assert told["509"] == "the same work as run 505"
    assert told["510"] == "the same work as run 505, whose figures are others"
    assert "failed" in told["498"]
    assert score.as_dict()["counts"]["total"] == 5


def test_two_lines_of_a_run_are_one_run(tmp_path: Path) -> None:
    """Equity E.7: a queued line and a finished one; figures come from the summary, not from the line."""
    put(tmp_path, 7, summary())
    put(tmp_path, 8, summary())
    lines = [
        {"id": 7, "params": {"top_n": 5}, "status": "queued"},
        {"id": 8, "params": {"top_n": 6}, "status": "queued"},
        {"id": 7, "status": "success", "cagr": 0.9, "dd": 0.01},
    ]

    score = score_manifest(manifest_of(tmp_path, lines))

    assert [(run.id, run.figures["cagr"], dict(run.parameters)) for run in score.scored] == [
        ("7", 0.14007, {"top_n": 5})
    ]
    assert "queued" in reasons(score)["8"]


TIED = st.lists(
    st.tuples(st.sampled_from([0.1, 0.2]), st.sampled_from([0.1, 0.14]), st.sampled_from([None, 1.0, 2.0])),
    min_size=1,
    max_size=8,
)


@given(figures=TIED, order=st.randoms(use_true_random=False))
def test_ties_are_deterministic(figures: list[tuple[float, float, float | None]], order: Any) -> None:
    """Equity I 10: CAGR down, drawdown up, turnover up, id up, whatever order the lines have."""
    runs = [
        ScoredRun(id=str(number), figures={"cagr": cagr, "max_drawdown": depth, "turnover": turnover})
        for number, (cagr, depth, turnover) in enumerate(figures, start=5)
    ]
    shuffled = list(runs)
    order.shuffle(shuffled)

    found = ids(judge_runs(Listed(origin="lean", runs=tuple(shuffled))).scored)

    def place(run: ScoredRun) -> tuple[float, float, float, int]:
        turnover = run.figures["turnover"]
        return -run.figures["cagr"], run.figures["max_drawdown"], 9.0 if turnover is None else turnover, int(run.id)  # type: ignore[operator, return-value]

    assert found == ids(sorted(runs, key=place))


def test_equal_results_name_what_did_nothing(tmp_path: Path) -> None:
    """Equity F.1, E.8: 462, 463 and 465 are one result; weight and volatility target did nothing there."""
    score = score_manifest(cagr_grid(tmp_path))

    (equal,) = score.equal
    assert equal.ids == ("462", "463", "465")
    assert set(equal.parameters) == {"vol_target", "max_weight"}
    assert [(one.parameter, one.groups, one.unmoved) for one in score.unmoved] == [
        ("max_weight", 1, 1),
        ("vol_target", 1, 1),
    ]
    assert score.recommended is not None
    assert score.recommended.id == "462"
    assert conclusion(score).startswith("The drawdown limit of 0.15 is kept. Recommended: run 462")


def test_what_moves_a_result_is_not_called_inert(tmp_path: Path) -> None:
    for number, cagr in ((1, "10%"), (2, "11%")):
        put(tmp_path, number, summary(cagr))

    lines = [{"run_id": number, "params": {"top_n": 10 * number}} for number in (1, 2)]
    score = score_manifest(manifest_of(tmp_path, lines))

    assert (score.equal, score.unmoved) == ((), ())


def test_where_nothing_is_feasible_the_nearest_are_shown(tmp_path: Path) -> None:
    """Equity E.9 and F.3: none of 30 within the limit; the smallest drawdowns and the best growth are told."""
    deep = {625: ("17.906%", "22.8%"), 626: ("17.806%", "22.8%"), 640: ("23.918%", "30.5%"), 630: ("20%", "26%")}
    for number, each in deep.items():
        put(tmp_path, number, summary(*each))

    score = score_manifest(manifest_of(tmp_path, [{"run_id": number} for number in deep]), top=2)

    assert (score.met, score.recommended) == (False, None)
    assert ids(score.nearest["by_drawdown"]) == ["625", "626"]
    assert ids(score.nearest["by_objective"]) == ["640", "630"]
    page = score_markdown(score, "train120")
    assert "No scored run keeps the drawdown limit of 0.15" in page
    assert "## Smallest drawdowns" in page


def test_a_page_lists_everything(tmp_path: Path) -> None:
    manifest = cagr_grid(tmp_path)
    with manifest.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"id": 499, "params": {"max_exposure": "a|b"}, "status": "bad | very\nbad"}) + "\n")
    put(tmp_path, 499, summary())

    page = score_markdown(score_manifest(manifest), "manifest.jsonl")

    for said in (
        "5 runs, 4 scored, 1 rejected",
        "## Recommended parameters",
        "| max_exposure | 0.4 |",
        "462, 463, 465",
    ):
        assert said in page
    assert "bad \\| very" in page
    tables = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)


@pytest.mark.parametrize("tail", ['{"run_id": 2, "par', "\x00\x00", '{"run_id": 2', "[1, "])
def test_a_torn_last_line_is_left_out(tmp_path: Path, tail: str) -> None:
    put(tmp_path, 1, summary())

    score = score_manifest(manifest_of(tmp_path, [{"run_id": 1}], tail))

    assert ids(score.scored) == ["1"]


def test_a_whole_last_line_counts_though_it_does_not_end(tmp_path: Path) -> None:
    put(tmp_path, 1, summary())
    put(tmp_path, 2, summary())

    assert len(score_manifest(manifest_of(tmp_path, [{"run_id": 1}], '\n{"run_id": 2}')).scored) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "lists no run"),
        ('{"run', "lists no run"),
        ('{"run_id": 1}{"run_id": 2}\n{"run_id": 3}\n', "manifest.jsonl:1"),
        ("[]\n", "manifest.jsonl:1"),
        ('{"params": {}}\n', "without the run's number"),
        ('{"run_id": "../../elsewhere"}\n', "without the run's number"),
        ('{"run_id": true}\n', "without the run's number"),
        ('{"run_id": null, "id": 1.5}\n', "without the run's number"),
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(InputError) as refused:
        score_manifest(path)

    assert told in refused.value.found


def test_results_lie_where_they_are_said_to(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    put(elsewhere, 1, summary())
    put(tmp_path / "artifacts", 2, summary())
    manifest = manifest_of(tmp_path, [{"run_id": 1}, {"run_id": 2}])

    assert ids(score_manifest(manifest, artifacts=elsewhere).scored) == ["1"]
    assert ids(score_manifest(manifest).scored) == ["2"]
    with pytest.raises(InputError, match="nowhere"):
        score_manifest(manifest, artifacts=tmp_path / "nowhere")


def test_a_folder_of_results_needs_no_manifest(tmp_path: Path) -> None:
    put(tmp_path, 12, summary())
    put(tmp_path, 9, summary())
    (tmp_path / "run_13").mkdir()
    (tmp_path / "logs").mkdir()
    (tmp_path / "14-summary.json").write_text(json.dumps(summary("10%")), encoding="utf-8")

    score = score_manifest(tmp_path)

    assert ids(score.scored) == ["9", "12", "14"]  # equal figures: the smaller number first, not the smaller text
    assert list(reasons(score)) == ["13"]
    assert score.equal[0].parameters == {}
    with pytest.raises(InputError, match="without results"):
        score_manifest(tmp_path / "logs")


@pytest.mark.parametrize(
    "wrong", [{"max_drawdown": 15.0}, {"max_drawdown": float("nan")}, {"objective": "luck"}, {"top": 0}]
)
def test_bad_arguments_are_refused(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(InputError):
        score_manifest(tmp_path, **wrong)
    with pytest.raises(InputError):
        judge_runs(Listed(origin="lean", runs=()), **wrong)


def our_manifest(folder: Path, works: Mapping[str, Any], *, closed: bool = True) -> Path:
    """Write a manifest as a search does; a work is its figures, or the state and the error that it ended in."""
    manifest = Manifest(folder / "manifest.jsonl")
    planned = [
        Work(
            key=key, payload={"train_run": "train-1", "parameters": {"top_n": int(key[-1]), "legacy": {"dead": False}}}
        )
        for key in works
    ]
    manifest.plan(planned)
    manifest.record(Step(key=key, state=State.SUBMITTED, attempt=1) for key in works)
    manifest.record(
        Step(key=key, state=State.SUCCESS, attempt=1, figures=found)
        if isinstance(found, Mapping)
        else Step(key=key, state=found[0], attempt=1, error=found[1])
        for key, found in works.items()
        if found is not None
    )
    if closed:
        manifest.close(Tally(total=len(works)))
    return folder / "manifest.jsonl"


OURS: dict[str, Any] = {
    "top_n=1": {"cagr": 0.2, "max_drawdown": 0.15000001, "sharpe": 0.9},
    "top_n=2": {"cagr": 0.1, "max_drawdown": 0.15, "sharpe": 0.5},
    "top_n=3": {"cagr": 0.09, "max_drawdown": None},
    "top_n=4": {"cagr": 0.08, "max_drawdown": 0.1, "sharpe": None},
    "top_n=5": (State.FAILED, "out of memory"),
    "top_n=6": (State.MISSING_SCORE, "scores.parquet is gone"),
}


def test_a_search_of_ours_is_scored(tmp_path: Path) -> None:
    score = score_manifest(our_manifest(tmp_path, OURS))

    assert (score.origin, ids(score.scored), ids(score.feasible)) == (
        "tidegate",
        ["top_n=1", "top_n=2", "top_n=4"],
        ["top_n=2", "top_n=4"],
    )
    told = reasons(score)
    assert told["top_n=3"] == "no figure max_drawdown; a missing figure is not 0"
    assert told["top_n=5"] == "its status is failed: out of memory"
    assert told["top_n=6"] == "its status is missing_score: scores.parquet is gone"
    assert score.recommended is not None
    assert score.recommended.parameters == {"top_n": 2, "legacy.dead": False}
    assert score.recommended.train == "train-1"
    assert not score.may_exceed(score.recommended)


def test_another_objective_asks_for_its_figure(tmp_path: Path) -> None:
    manifest = our_manifest(tmp_path, OURS)

    score = score_manifest(manifest, objective="sharpe", max_drawdown=0.2)
    assert ids(score.feasible) == ["top_n=1", "top_n=2"]
    assert reasons(score)["top_n=4"] == "no figure sharpe; a missing figure is not 0"
    shallow = score_manifest(manifest, objective="max_drawdown", max_drawdown=1.0)
    assert ids(shallow.scored) == ["top_n=4", "top_n=2", "top_n=1"]


def test_an_open_manifest_is_told(tmp_path: Path) -> None:
    score = score_manifest(our_manifest(tmp_path, {**OURS, "top_n=7": None}, closed=False))

    assert "its status is submitted" in reasons(score)["top_n=7"]
    assert any("not closed" in note for note in score.notes())


def test_the_figures_of_a_search_are_of_its_training_part(tmp_path: Path) -> None:
    manifest = our_manifest(tmp_path, OURS)
    assert "no search.json" in reasons(score_manifest(manifest, asked=ASKED))["top_n=1"]

    part = {"name": "training", "start": parse_instant("2020-01-02"), "end": parse_instant("2023-12-29")}
    (tmp_path / "search.json").write_text(json.dumps({"parts": [part]}), encoding="utf-8")

    assert score_manifest(manifest, asked=(date(2020, 1, 1), date(2023, 12, 31))).met
    assert "2023-12-29, asked for 2026-01-13" in reasons(score_manifest(tmp_path, asked=ASKED))["top_n=1"]


def test_a_search_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lists no run"):
        score_manifest(our_manifest(tmp_path, {}))


def test_a_damaged_manifest_of_ours_is_refused(tmp_path: Path) -> None:
    path = our_manifest(tmp_path, OURS)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([lines[0], '{"event": "success", "key": "nobody"}\n', *lines[1:]]), encoding="utf-8")

    with pytest.raises(RunError, match="line 2"):
        score_manifest(path)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KEYS = ("run_id", "id", "params", "train_job_id", "status", "cagr")


@given(lines=st.lists(st.dictionaries(st.sampled_from(KEYS), ANYTHING) | ANYTHING, max_size=3))
def test_any_manifest_is_scored_or_refused(tmp_path_factory: pytest.TempPathFactory, lines: list[Any]) -> None:
    """Bad input never ends in a traceback."""
    folder = put(tmp_path_factory.mktemp("any"), 1, summary())

    try:
        score = score_manifest(manifest_of(folder, [{"run_id": 1}, *lines]))
    except InputError:
        return
    assert score.as_dict()["counts"]["total"] >= 1
    score_markdown(score, "any")
