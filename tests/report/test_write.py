"""Reports of finished runs: complete, honest, self-contained and safe."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
import yaml
from sqlalchemy import update

from tidegate.core.database import runs
from tidegate.core.errors import InputError, RunError
from tidegate.core.files import write_json
from tidegate.core.recipe import Recipe, UniverseSettings
from tidegate.core.workspace import Workspace
from tidegate.registry import Run, RunStore
from tidegate.report import Language, write_report

MakeRun = Callable[..., Run]


class Loads(HTMLParser):
    """Collects everything that a page would fetch, and counts its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        places = {"src", "href", "srcset", "data", "action"}
        self.fetched += [f"{tag} {name}={value}" for name, value in attrs if name in places]


def words(page: str) -> str:
    """Return what a reader without JavaScript sees."""
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("colours", ["western", "chinese"])
def test_a_backtest_is_reported(workspace: Workspace, make_backtest: MakeRun, language: str, colours: str) -> None:
    run, texts = make_backtest(years=2), Language.load(language)

    path = write_report(workspace, run.id, language=language, colours=colours)

    assert path == workspace.reports_folder / f"{run.id}.{language}.html"
    page = read(path)
    assert f'data-colours="{colours}"' in page
    for key in ("section.wealth", "section.trading", "section.forecasts", "section.folds", "section.limits"):
        assert texts.text(key) in words(page)
    for name in ("project", "fingerprint", "data_versions", "seed", "code"):
        assert texts.text(f"fact.{name}") in words(page)
    assert run.id in words(page)
    assert "bars/synthetic-us v3" in words(page)


def test_a_training_run_is_reported_without_money(workspace: Workspace, make_training: MakeRun) -> None:
    page = words(read(write_report(workspace, make_training(years=2).id)))

    assert "Training report" in page
    assert "Wealth" not in page
    assert "Whether the forecasts earn money after costs. That takes a backtest." in page


def test_the_page_loads_nothing(workspace: Workspace, make_backtest: MakeRun) -> None:
    page = read(write_report(workspace, make_backtest(years=2).id))
    loads = Loads()
    loads.feed(page)

    assert loads.fetched == []
    assert "default-src 'none'" in page
    assert not re.search(r"@import|url\(", re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1])  # type: ignore[index]


def test_plotly_is_inside_once(workspace: Workspace, make_backtest: MakeRun) -> None:
    page = read(write_report(workspace, make_backtest(years=2).id))

    assert len(re.findall(r"\* plotly\.js v\d", page)) == 1
    assert len(page.encode()) < 6_500_000


def test_the_page_reads_without_javascript(workspace: Workspace, make_backtest: MakeRun) -> None:
    page = words(read(write_report(workspace, make_backtest(years=2).id)))

    for shown in ("Key figures", "Monthly returns", "Forecast quality by model", "Folds in numbers", "volatility_20"):
        assert shown in page


def test_the_same_run_gives_the_same_bytes(workspace: Workspace, make_backtest: MakeRun, tmp_path: Path) -> None:
    run = make_backtest(years=1)

    first, second = (write_report(workspace, run.id, path=tmp_path / f"{count}.html") for count in range(2))

    assert first.read_bytes() == second.read_bytes()


def test_a_losing_strategy_is_said_to_lose(workspace: Workspace, make_backtest: MakeRun) -> None:
    run = make_backtest(years=4, edge=-0.4)

    english, chinese = (words(read(write_report(workspace, run.id, language=code))) for code in ("en", "zh"))

    assert "It lost money: the account ended" in english
    assert "percentage points less than its benchmark" in english
    assert "The shortfall is larger than bad luck alone usually brings" in english
    assert "策略亏损" in chinese
    assert "个百分点" in chinese


def test_a_lead_within_luck_is_called_so(workspace: Workspace, make_backtest: MakeRun) -> None:
    page = words(read(write_report(workspace, make_backtest(years=4, edge=0.06).id)))

    assert "The difference cannot be told apart from luck" in page


def test_what_flatters_is_disclosed(workspace: Workspace, make_backtest: MakeRun) -> None:
    page = words(read(write_report(workspace, make_backtest(years=2).id)))

    for shown in (
        "The data set holds only names that survived.",
        "Orders fill at the close of the session after the decision",
        "No market impact was charged",
        "Cash earned no interest after 2017-03-29",
        "It is a price index without dividends",
        "One backtest is not a proof.",
    ):
        assert shown in page


@pytest.mark.parametrize(
    ("universe", "english", "chinese"),
    [
        ({"survivorship_biased": True}, "The data set holds only names that survived.", "数据集只包含存活至今的标的"),
        ({"symbols": ("S0", "S1")}, "One fixed list of 2 names serves the whole period", "固定名单（2 个标的）"),
        ({}, "Any name of the data set may be held at any time", "数据集中的任何标的随时都可持有"),
        ({"snapshot": "best"}, "when names were listed and delisted is not known", "不知道标的何时上市和退市"),
    ],
)
def test_a_training_run_says_how_its_names_were_chosen(
    workspace: Workspace,
    recipe: Recipe,
    make_training: MakeRun,
    universe: dict[str, object],
    english: str,
    chinese: str,
) -> None:
    """A list of today flatters forecasts as well as money, whether or not a backtest follows."""
    changed = recipe.model_copy(update={"universe": UniverseSettings.model_validate(universe)})
    run = make_training(recipe=changed, years=1)
    pages = [words(read(write_report(workspace, run.id, language=code))) for code in ("en", "zh")]

    assert english in pages[0]
    assert chinese in pages[1]


def test_markup_in_names_is_shown_and_not_run(workspace: Workspace, recipe: Recipe, make_backtest: MakeRun) -> None:
    planted = "</script><script>alert(1)</script>"
    universe = recipe.universe.model_copy(update={"index": planted, "benchmark": planted})
    named = recipe.model_copy(update={"universe": universe})
    run = make_backtest(recipe=named, years=1)

    page = read(write_report(workspace, run.id))
    harmless = read(write_report(workspace, make_backtest(years=1).id))

    assert planted not in page
    assert planted in words(page)
    counts = []
    for text in (page, harmless):
        loads = Loads()
        loads.feed(text)
        counts.append(loads.scripts)
    assert counts[0] == counts[1]


def test_the_recipe_in_the_page_is_the_recipe(workspace: Workspace, recipe: Recipe, make_training: MakeRun) -> None:
    page = read(write_report(workspace, make_training(years=1).id))
    folded = [unescape(text) for text in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]

    assert "tidegate train rotation.yaml" in folded[0]
    assert Recipe.model_validate(yaml.safe_load(folded[1])).fingerprint() == recipe.fingerprint()


def test_a_bare_run_has_no_empty_chart(
    workspace: Workspace, recipe: Recipe, make_training: MakeRun, make_backtest: MakeRun
) -> None:
    trained = make_training(years=1, importance=False)
    run = make_backtest(parent=trained.id, years=1, costs=(0.0, 0.0, 0.0, 0.0), index=False, notes=[])

    page = words(read(write_report(workspace, run.id)))

    assert "This run stored no feature importance." in page
    assert "No trading costs were charged" in page
    assert "Cost by year" not in page
    assert "SPX" not in re.sub(r"index: SPX", "", page)


def test_a_backtest_outlives_its_training_run(
    workspace: Workspace, make_training: MakeRun, make_backtest: MakeRun
) -> None:
    trained = make_training(years=1)
    run = make_backtest(parent=trained.id, years=1)
    shutil.rmtree(trained.folder)

    assert "is no longer in this workspace" in words(read(write_report(workspace, run.id)))


def test_a_run_without_orders_is_reported(workspace: Workspace, make_backtest: MakeRun) -> None:
    run = make_backtest(years=1)
    pl.DataFrame([]).write_parquet(run.folder / "orders.parquet")

    assert write_report(workspace, run.id).exists()


def test_too_few_weeks_to_compare(workspace: Workspace, make_backtest: MakeRun) -> None:
    run = make_backtest(years=1)
    path = run.folder / "performance.json"
    figures = yaml.safe_load(read(path))
    write_json(path, {**figures, "excess": None})

    page = words(read(write_report(workspace, run.id)))

    assert "too little to compare it with its benchmark" in page
    assert "Too few weeks can be compared" in page


def test_an_unfinished_run_is_refused(workspace: Workspace, recipe: Recipe) -> None:
    with (
        pytest.raises(RuntimeError),
        RunStore(workspace).begin(kind="train", recipe=recipe, fingerprint_of_work="x", data_versions={}),
    ):
        raise RuntimeError

    with pytest.raises(RunError, match="finished"):
        write_report(workspace, "latest")


def test_a_missing_file_is_named(workspace: Workspace, make_training: MakeRun) -> None:
    run = make_training(years=1)
    (run.folder / "folds.json").unlink()

    with pytest.raises(RunError, match=r"folds\.json"):
        write_report(workspace, run.id)


def test_a_recipe_of_another_version_is_named(workspace: Workspace, make_training: MakeRun) -> None:
    run = make_training(years=1)
    with workspace.database.begin() as connection:
        connection.execute(update(runs).values(recipe={"schema": 1, "name": "old"}))

    with pytest.raises(RunError, match="recipe"):
        write_report(workspace, run.id)


def test_a_missing_figure_is_named(workspace: Workspace, make_training: MakeRun) -> None:
    run = make_training(years=1)
    write_json(run.folder / "folds.json", [{"fold": 0}])

    with pytest.raises(RunError, match="trained_until"):
        write_report(workspace, run.id)


@pytest.mark.parametrize(("option", "value"), [("language", "fr"), ("colours", "purple")])
def test_what_does_not_exist_is_refused(workspace: Workspace, option: str, value: str) -> None:
    with pytest.raises(InputError, match=value):
        write_report(workspace, "latest", **{option: value})  # type: ignore[arg-type]
