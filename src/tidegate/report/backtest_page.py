"""The page about a backtest: its money, and the forecasts of the training run that it traded."""

from __future__ import annotations

from tidegate.core.recipe import Recipe
from tidegate.core.workspace import Workspace
from tidegate.data.universe import EQUAL_WEIGHT
from tidegate.registry import Run
from tidegate.report.forecast_sections import forecast_sections, rank_cards
from tidegate.report.page import Page, Painter, Section
from tidegate.report.performance_sections import money_cards, money_opening, money_sections
from tidegate.report.run_files import BacktestFiles, read_backtest_files, read_forecast_files
from tidegate.report.run_frame import appendix, corrections, facts, found_run, limits, origin, recipe_of
from tidegate.report.run_money import Money
from tidegate.report.verdict import Backtested, forecast_verdict, money_verdict

__all__ = ["backtest_page"]


def backtest_page(painter: Painter, workspace: Workspace, run: Run) -> Page:
    """Return the page about a backtest.

    Raises
    ------
    RunError
        If a file of the run is missing or incomplete.
    """
    recipe, files, parent = (
        recipe_of(run),
        read_backtest_files(run.folder),
        _parent(workspace, run),
    )
    tested = Backtested(performance=files.performance, benchmark=recipe.universe.benchmark, index=_index(recipe, files))
    money = _money(painter, tested, files, recipe)
    forecasts = None if parent is None else read_forecast_files(parent.folder)
    verdicts = [money_verdict(tested)]
    cards, sections = [*money_cards(painter, money)], [*money_sections(painter, money)]
    if forecasts is None:
        sections.append(
            Section(title=painter.text("section.forecasts"), lead=painter.text("section.forecasts_absent.lead"))
        )
    else:
        verdicts.append(forecast_verdict(forecasts.models, recipe.leading_model))
        cards += rank_cards(painter, forecasts, recipe.leading_model)
        sections += forecast_sections(painter, forecasts)
    sections.append(limits(painter, verdicts[0]))
    period = (files.performance.strategy.start, files.performance.strategy.end)
    return Page(
        kind=painter.text("page.backtest"),
        title=run.recipe_name,
        subtitle=painter.text(
            "page.backtest.subtitle", start=period[0], end=period[1], benchmark=money.benchmark_phrase
        ),
        facts=facts(painter, run, period),
        verdict=[painter.say(said) for verdict in verdicts for said in verdict.findings],
        cautions=[*corrections(painter, run), *(painter.say(said) for said in verdicts[0].cautions)],
        cards=cards,
        sections=sections,
        origin=origin(painter, run, recipe, parent),
        appendix=appendix(painter, run, recipe, parent),
        opening=money_opening(painter, files),
    )


def _money(painter: Painter, tested: Backtested, files: BacktestFiles, recipe: Recipe) -> Money:
    name_of = painter.language.name_of
    even = files.equity.get_column("equal_weight", default=None)
    has_even = even is not None and bool((even.is_finite() & (even > 0.0)).fill_null(value=False).all())
    return Money(
        files=files,
        benchmark=name_of("benchmark", tested.benchmark),
        benchmark_phrase=name_of("benchmark_phrase", tested.benchmark),
        index=tested.index,
        equal_weight=name_of("benchmark", EQUAL_WEIGHT) if has_even and tested.benchmark != EQUAL_WEIGHT else None,
        apart=files.picks | _apart(recipe),
    )


def _apart(recipe: Recipe) -> frozenset[str]:
    """Return what a recipe buys for risk-off or idle cash."""
    strategy = recipe.strategy
    if strategy is None:
        return frozenset()
    parked = {recipe.universe.benchmark} if "benchmark" in (strategy.risk_off, strategy.idle) else set()
    return frozenset(strategy.defensives) | parked


def _parent(workspace: Workspace, run: Run) -> Run | None:
    """Return the training run that was traded, or ``None`` where it left the workspace."""
    return None if run.parent is None else found_run(workspace, run.parent)


def _index(recipe: Recipe, files: BacktestFiles) -> str | None:
    return recipe.universe.index if files.performance.index is not None else None
