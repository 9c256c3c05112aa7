"""The report of a run that recorded its book: ribbon first, holdings, limits, falls; and of runs that did not."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

import numpy as np
import polars as pl
import pytest
from recorded_run import DEFENSIVES, INERT, add_records

from tidegate.core.errors import RunError
from tidegate.core.files import read_json, write_json
from tidegate.core.recipe import Recipe
from tidegate.core.time import DAY, HOUR
from tidegate.core.workspace import Workspace
from tidegate.data.tables import MOMENT
from tidegate.engine.fill_rules import Unfilled
from tidegate.evaluate.performance import performance
from tidegate.registry import Run
from tidegate.report import LANGUAGES, ColourScheme, Language, write_report
from tidegate.report.charts import Brush
from tidegate.report.performance_charts import SHARPE_SESSIONS, sharpe_chart
from tidegate.report.run_files import read_backtest_files
from tidegate.report.run_money import Money
from tidegate.report.theme import palette
from tidegate.report.yearly import years_of

MakeRun = Callable[..., Run]
BRUSH = Brush(Language.load("en"), palette(ColourScheme.WESTERN))


@pytest.fixture
def against_spy(recipe: Recipe) -> Recipe:
    """The recipe with a symbol as its benchmark, beside which the equal-weight universe is another curve."""
    return recipe.model_copy(update={"universe": recipe.universe.model_copy(update={"benchmark": "SPY"})})


@pytest.fixture
def recorded(against_spy: Recipe, make_backtest: MakeRun) -> Run:
    run = make_backtest(recipe=against_spy, years=3)
    add_records(run.folder)
    return run


def page_of(workspace: Workspace, run: Run, language: str = "en") -> str:
    return write_report(workspace, run.id, language=language).read_text(encoding="utf-8")


def words(page: str) -> str:
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


def change_figures(run: Run, **figures: Any) -> None:
    path = run.folder / "performance.json"
    found = {**read_json(path), **figures}
    write_json(path, {name: value for name, value in found.items() if value != "absent"})


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_recorded_is_shown(workspace: Workspace, recorded: Run, language: str) -> None:
    text, shown = Language.load(language).text, words(page_of(workspace, recorded, language))

    for chart in ("ribbon", "holdings", "sharpe", "bridge", "wealth", "drawdown"):
        assert text(f"chart.{chart}.title") in shown
    for table in ("bindings", "inert", "months", "unfilled"):
        assert text(f"table.{table}") in shown
    assert text("drawdown.open") in shown
    assert text("benchmark.equal-weight") in shown
    assert all(one["parameter"] in shown for one in INERT)
    assert "120,000,000" in shown


def test_the_ribbon_stands_right_below_the_headline(workspace: Workspace, recorded: Run) -> None:
    page = page_of(workspace, recorded)
    places = [
        page.index(mark) for mark in ('class="headline', 'class="charts opening"', 'class="sentences"', 'class="cards"')
    ]

    assert places == sorted(places)


def test_the_verdict_tells_of_limits_idle_parameters_and_capacity(workspace: Workspace, recorded: Run) -> None:
    shown = words(page_of(workspace, recorded))
    counts = read_json(recorded.folder / "performance.json")["binding_counts"]

    assert f"What limited it most often was the weight cap: at {counts['cap']} of 157 rebalances." in shown
    assert "Parameters that changed nothing in this run: 2 (max_weight, score_delay_bars)." in shown
    assert "With an account of 120,000,000, market impact would eat half of its edge of 5.0% a year." in shown


def test_a_capacity_that_is_not_known_says_why(workspace: Workspace, recorded: Run) -> None:
    change_figures(recorded, capacity={"nav": None, "reason": "the data hold no volume", "edge": None})

    assert "could not be estimated: the data hold no volume." in words(page_of(workspace, recorded))


def test_exposure_is_drawn_once(workspace: Workspace, recorded: Run) -> None:
    assert Language.load("en").text("chart.exposure.title") not in re.findall(
        r"<figcaption>(.*?)</figcaption>", page_of(workspace, recorded)
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_an_earlier_version_did_not_record_is_told_as_absent(
    workspace: Workspace, make_backtest: MakeRun, language: str
) -> None:
    text, shown = Language.load(language).text, words(page_of(workspace, make_backtest(years=1), language))

    for key in ("section.holdings_absent.lead", "section.bound_absent.lead", "absent.drawdowns"):
        assert text(key) in shown
    assert text("chart.ribbon.title") not in shown
    assert text("chart.bridge.title") in shown


@pytest.mark.parametrize("name", ["drawdowns", "monthly", "binding_counts", "rebalances", "capacity", "inert"])
def test_any_one_figure_may_be_absent(workspace: Workspace, recorded: Run, name: str) -> None:
    change_figures(recorded, **{name: "absent"})

    assert page_of(workspace, recorded)


@pytest.mark.parametrize("name", ["positions", "decisions"])
def test_any_one_file_may_be_absent(workspace: Workspace, recorded: Run, name: str) -> None:
    (recorded.folder / f"{name}.parquet").unlink()

    shown = words(page_of(workspace, recorded))

    assert ("This run recorded no positions." in shown) == (name == "positions")


def test_a_run_that_never_held_anything_is_reported(workspace: Workspace, recorded: Run) -> None:
    path = recorded.folder / "positions.parquet"
    pl.read_parquet(path).clear().write_parquet(path)

    assert "There is no holding to draw." in words(page_of(workspace, recorded))


def test_a_run_that_no_limit_bound_is_told_so(workspace: Workspace, recorded: Run) -> None:
    change_figures(recorded, binding_counts={"cap": 0}, inert=[])
    shown = words(page_of(workspace, recorded))

    assert "No limit ever bound in 157 rebalances." in shown
    assert "Parameters that changed nothing" not in shown


def test_a_lost_column_is_named(workspace: Workspace, recorded: Run) -> None:
    path = recorded.folder / "positions.parquet"
    pl.read_parquet(path).drop("weight").write_parquet(path)

    with pytest.raises(RunError, match=r"positions\.parquet without weight"):
        write_report(workspace, recorded.id)


def test_a_cut_file_is_named(workspace: Workspace, recorded: Run) -> None:
    path = recorded.folder / "positions.parquet"
    path.write_bytes(path.read_bytes()[:200])

    with pytest.raises(RunError, match=r"positions\.parquet .*cannot be read"):
        write_report(workspace, recorded.id)


def test_a_drawdown_without_its_depth_is_named(workspace: Workspace, recorded: Run) -> None:
    change_figures(recorded, drawdowns=[{"peak": "2014-01-06"}])

    with pytest.raises(RunError, match="depth"):
        write_report(workspace, recorded.id)


def test_the_book_adds_little_to_the_page(workspace: Workspace, against_spy: Recipe, make_backtest: MakeRun) -> None:
    run = make_backtest(recipe=against_spy, years=10)
    before = len(page_of(workspace, run).encode())
    add_records(run.folder)

    assert len(page_of(workspace, run).encode()) - before < 300_000


def test_the_same_records_give_the_same_bytes(workspace: Workspace, recorded: Run) -> None:
    assert page_of(workspace, recorded) == page_of(workspace, recorded)


def test_recorded_months_are_those_of_the_curve(workspace: Workspace, recorded: Run) -> None:
    """A run of an earlier version shows the months of its curve."""
    before = page_of(workspace, recorded)
    change_figures(recorded, monthly="absent")

    assert page_of(workspace, recorded) == before


def test_recorded_months_are_shown_as_they_are(workspace: Workspace, recorded: Run) -> None:
    change_figures(recorded, monthly=[{"year": 2014, "month": 3, "return": 0.4567}])

    assert "+45.7%" in words(page_of(workspace, recorded))


def test_picks_and_reasons_are_read(recorded: Run) -> None:
    files = read_backtest_files(recorded.folder)

    assert files.picks <= frozenset(DEFENSIVES)
    assert files.picks
    assert files.unfilled == {"at the upper limit": 3, "more than its part of the session": 2}
    assert sum(files.orders.values()) == 485


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_reason_of_the_engine_has_a_text(code: str) -> None:
    texts = Language.load(code).texts

    assert [one.reason for one in Unfilled if one.reason and f"unfilled.{one.reason}" not in texts] == []


def test_the_equal_weight_curve_has_its_years_and_figures(recorded: Run) -> None:
    files = read_backtest_files(recorded.folder)
    curve = files.equity["equal_weight"]
    money = Money(files=files, benchmark="SPY", benchmark_phrase="SPY", index=None, equal_weight="All")

    growth = np.prod([1.0 + (year.equal_weight or 0.0) for year in years_of(files.equity)])
    figures = dict(money.curves("Strategy"))["All"]

    assert growth == pytest.approx(curve[-1] / curve[0])
    assert figures.total_return == pytest.approx(growth - 1.0)


def test_the_year_has_the_days_that_are_traded(recorded: Run) -> None:
    files = read_backtest_files(recorded.folder)
    times = pl.Series([(16_000 + number) * DAY for number in range(400)]).cast(MOMENT)
    crypto = pl.DataFrame({"time": times, "day": times.dt.date()})

    money = Money(files=files, benchmark="SPY", benchmark_phrase="SPY", index=None)

    assert money.sessions_per_year == 252.0
    assert replace(money, files=replace(files, equity=crypto)).sessions_per_year == 365.0


def test_bars_within_a_day_are_shown_by_its_last(recorded: Run) -> None:
    files = read_backtest_files(recorded.folder)
    times = pl.Series([(16_000 * 24 + number) * HOUR for number in range(1, 73)]).cast(MOMENT)
    hourly = pl.DataFrame({"time": times}).with_columns(day=(pl.col("time") - pl.duration(microseconds=1)).dt.date())

    days = replace(files, equity=hourly).days

    assert days["time"].to_list() == times.gather([23, 47, 71]).to_list()


def test_the_rolling_ratio_is_drawn_from_its_first_whole_year_on(
    workspace: Workspace, against_spy: Recipe, make_backtest: MakeRun
) -> None:
    short = make_backtest(recipe=against_spy, years=1)
    files = read_backtest_files(short.folder)
    title = Language.load("en").text("chart.sharpe.title")

    assert files.days.height > SHARPE_SESSIONS
    assert sharpe_chart(BRUSH, files.days.head(SHARPE_SESSIONS), "SPY", 252.0) is None
    assert title in words(page_of(workspace, short))


def test_the_rolling_ratio_ends_at_that_of_the_last_year(recorded: Run) -> None:
    days = read_backtest_files(recorded.folder).days
    last = days.tail(SHARPE_SESSIONS + 1)
    chart = sharpe_chart(BRUSH, days, "SPY", 252.0)
    assert chart is not None

    drawn = json.loads(chart.figure)["data"][-1]
    times, values = last["time"].dt.timestamp("us").to_numpy(), last["equity"].to_numpy()

    assert drawn["name"] == "Strategy"
    assert len(drawn["x"]) == days.height - SHARPE_SESSIONS
    ratios = np.frombuffer(base64.b64decode(drawn["y"]["bdata"]), dtype=drawn["y"]["dtype"])
    assert ratios[-1] == pytest.approx(performance(times, values, 252.0).sharpe, abs=5e-4)
