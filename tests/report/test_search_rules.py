"""What is said of a search: bounds, recommendation and luck, never more than the figures carry (equity E.9, J.8)."""

from __future__ import annotations

from copy import deepcopy
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from search_folder import write_search
from tidegate.report import LANGUAGES, Language
from tidegate.report.search_files import search_result
from tidegate.report.search_result import Bounds
from tidegate.report.search_rules import at_the_edge, search_verdict
from tidegate.report.search_words import bounds_phrase, said
from tidegate.report.statements import Statement, Tone, Verdict

Found = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("search")


@pytest.fixture(scope="module")
def made(folder: Path) -> Found:
    return write_search(folder, years=4)


@pytest.fixture
def found(made: Found) -> Found:
    return deepcopy(made)


def verdict(found: Found) -> Verdict:
    return search_verdict(search_result(found))


def keys(found: Found) -> list[str]:
    return [one.key for one in verdict(found).findings]


def saying(found: Found, key: str) -> Statement | None:
    given = verdict(found)
    return next((one for one in (*given.findings, *given.cautions) if one.key == key), None)


def test_an_edge_is_the_headline_and_the_bounds_come_next(found: Found) -> None:
    given = verdict(found).findings

    assert (given[0].key, given[0].tone) == ("search.chosen_edge", Tone.GOOD)
    assert given[1].key == "search.kept_by_bootstrap"
    assert given[1].values["feasible"] == found["counts"]["feasible"]
    assert given[2].values["parameters"] == found["recommended"]["parameters"]


def test_luck_is_never_called_an_edge(found: Found) -> None:
    """Issue: on noise the verdict says luck, in the headline and with its p values."""
    found["luck"].update(verdict="luck", own={"number": 1, "adjusted_p": 0.4})
    found["luck"]["spa"]["p_value"] = 0.01

    headline, tests = verdict(found).findings[0], saying(found, "search.luck_chance")

    assert (headline.key, headline.tone) == ("search.chosen_luck", Tone.CAUTION)
    assert tests is not None
    assert (tests.values["p"], tests.values["own"], tests.tone) == (0.01, 0.4, Tone.CAUTION)
    assert "search.luck_edge" not in keys(found)


@pytest.mark.parametrize(
    ("market", "beta", "key"),
    [
        (-0.05, 0.25, "search.luck_held_little"),
        (0.05, 1.6, "search.luck_held_more"),
        (0.05, 0.25, "search.luck_beside"),
        (-0.05, 1.6, "search.luck_beside"),
    ],
)
def test_a_lead_that_the_benchmark_explains_is_no_edge(found: Found, market: float, beta: float, key: str) -> None:
    """Whoever holds little beats a market that falls, by no skill at all: that is said as the reason."""
    found["luck"].update(verdict="luck", own={"number": 1, "adjusted_p": 0.01})
    found["luck"]["matched"].update(beta=beta, adjusted_p=0.4)
    found["benchmark"]["window"]["cagr"] = market

    statement = saying(found, key)

    assert statement is not None
    assert statement.tone is Tone.CAUTION
    found["luck"]["own"]["adjusted_p"] = 0.3
    assert "search.luck_chance" in keys(found)


def test_what_is_left_beside_the_benchmark_is_a_year_of_it(found: Found) -> None:
    found["luck"]["matched"].update(beta=0.25, alpha_a_bar=0.00005, adjusted_p=0.4)

    statement = saying(found, "search.beside")

    assert statement is not None
    assert statement.tone is Tone.NEUTRAL
    assert said(Language.load("en"), statement) == (
        "It moved with 0.25 of the benchmark; beside that it earned +1.3% a year, p = 0.400 after correction for all "
        "others."
    )  # 261 bars a year: the market of the test trades on all weekdays
    found["luck"]["matched"]["adjusted_p"] = 0.001
    assert getattr(saying(found, "search.beside"), "tone", None) is Tone.GOOD
    found["luck"]["matched"] = None
    assert "search.beside" not in keys(found)


@pytest.mark.parametrize("selection", [False, True])
def test_what_earned_less_than_the_benchmark_was_not_lucky(folder: Path, selection: bool) -> None:
    found = write_search(folder, years=4, verdict="luck", selection=selection, limit=0.5)
    window = found["recommended"]["figures"]["window"]
    window["excess_cagr"] = -0.02
    name = "selected" if selection else "chosen"

    assert keys(found)[0] == f"search.{name}_behind"
    window["excess_cagr"] = 0.02
    assert keys(found)[0] == f"search.{name}_luck"


@pytest.mark.parametrize(("own", "cautioned"), [(0.10, True), (0.13, False), (None, False)])
def test_a_set_much_calmer_than_the_benchmark_is_a_caution(found: Found, own: float | None, cautioned: bool) -> None:
    found["benchmark"]["window"]["volatility"] = 0.20
    found["recommended"]["figures"]["window"]["volatility"] = own

    assert (saying(found, "caution.calmer") is not None) is cautioned


def test_notes_of_the_engine_are_told_as_on_the_page_of_a_backtest(found: Found) -> None:
    """What no text is known for, or what lacks its value, is left out: a page never fails for a note."""
    found["notes"] = {
        "fills_at_next_close": {}, "raw_accounting": {"paid": 3, "in_shares": 1}, "from_the_future": {"count": 2},
        "dq_degraded": {"count": 2}, "revised_macro": {}, "expired_orders": {"count": "many"},
        "index_without_dividends": {"index": "SPY"}, "nothing_traded": {},
    }  # fmt: skip

    notes = [one.key for one in verdict(found).cautions if one.key.startswith("note.")]

    assert notes == ["note.survivorship", "note.dq_degraded", "note.fills_at_next_close", "note.raw_accounting"]
    found["notes"] = {"static_list": {"names": 4}}
    found["survivorship"] = "static_list"
    assert [one.key for one in verdict(found).cautions if "static_list" in one.key] == ["note.static_list"]


def test_training_runs_have_no_neighbours(folder: Path, made: Found) -> None:
    found = write_search(folder, years=4, selection=True, limit=0.5)
    found["plateau"] = made["plateau"]

    assert not {"search.plateau", "search.peak", "search.peak_bounds"} & {*keys(found)}


def test_without_a_neighbour_nothing_is_said_of_the_middle_one(found: Found) -> None:
    found["plateau"].update(finding="few_neighbours", neighbours=[], share_of_best=None)

    assert "search.no_neighbours" in keys(found)


def test_what_was_not_tested_is_said_to_be_untested(found: Found) -> None:
    found["luck"].update(verdict="untested", spa=None, own=None, matched=None, dsr=None, trials=None)

    assert keys(found)[0] == "search.chosen_untested"
    assert "search.luck_untested" in keys(found)
    assert "search.trials" not in keys(found)


def test_nothing_feasible_recommends_nothing(folder: Path) -> None:
    found = write_search(folder, years=4, limit=0.001, verdict="luck")

    assert keys(found)[:4] == [
        "search.nothing_kept", "search.broken_by_bootstrap", "search.nearest", "search.luck_of_all",
    ]  # fmt: skip
    assert all(one.tone is not Tone.GOOD for one in verdict(found).findings)


def test_bounds_that_only_the_one_history_keeps_are_told_apart(folder: Path) -> None:
    """Equity J.8: feasible by point and by bootstrap, both reported."""
    found = write_search(folder, years=4, limit=0.001, verdict="luck")
    near = found["nearest"]["by_constraint"][0]
    near["figures"]["training"]["max_drawdown"], near["share_kept"] = 0.0005, 0.55

    statement = saying(found, "search.nearest_resampled")

    assert statement is not None
    assert statement.values["share"] == 0.55


@pytest.mark.parametrize(
    ("fall", "cagr", "key", "tone"),
    [
        (0.05, 0.5, "search.final_kept", Tone.GOOD),
        (0.05, -0.9, "search.final_kept", Tone.BAD),
        (0.30, 0.5, "search.final_broken", Tone.BAD),
    ],
)
def test_the_final_part_is_judged_by_bounds_and_benchmark(
    found: Found, fall: float, cagr: float, key: str, tone: Tone
) -> None:
    found["recommended"]["figures"]["final"].update(max_drawdown=fall, cagr=cagr)

    statement = saying(found, key)

    assert statement is not None
    assert statement.tone is tone


def test_without_a_final_part_nothing_is_called_unseen(folder: Path) -> None:
    given = verdict(write_search(folder, years=4, final=False))

    assert "caution.no_final" in [one.key for one in given.cautions]
    assert "caution.final_once" not in [one.key for one in given.cautions]
    assert not [one for one in given.findings if one.key.startswith("search.final")]


def test_without_bounds_none_are_said_to_be_kept(found: Found) -> None:
    found["constraints"] = {}

    assert "search.unbounded" in keys(found)
    assert "search.final_plain" in keys(found)


def test_neighbours_with_the_same_account_prove_nothing(found: Found) -> None:
    statement = saying(found, "search.plateau")

    assert statement is not None
    assert (statement.values["neighbours"], statement.values["feasible"]) == (3, 2)
    found["plateau"]["finding"] = "peak"
    peak = saying(found, "search.peak")
    assert peak is not None
    assert peak.tone is Tone.CAUTION


def test_a_set_whose_neighbours_are_not_feasible_stands_alone(found: Found) -> None:
    found["plateau"]["finding"] = "peak"
    for one in found["plateau"]["neighbours"]:
        one["feasible"] = False

    assert "search.peak_bounds" in keys(found)


def test_bounds_kept_only_now_and_then_are_not_called_broken(folder: Path) -> None:
    """Equity J.8: by point the bounds held, in resampled histories they did not."""
    found = write_search(folder, years=4, limit=0.001, verdict="luck")
    found["counts"]["feasible_by_point"] = 28

    assert keys(found)[0] == "search.nothing_kept_often"


def test_trials_are_counted_where_nothing_is_recommended_too(folder: Path) -> None:
    found = write_search(folder, years=4, limit=0.001, verdict="luck")
    assert (found["recommended"], found["luck"]["dsr"]) == (None, None)

    statement = saying(found, "search.trials")

    assert statement is not None
    assert statement.values["trials"] == 64


def test_all_failed_leaves_nothing_to_say(found: Found) -> None:
    found["counts"].update(succeeded=0, distinct_curves=0, failed=30)
    found.update(recommended=None, top=[], nearest=None, met=False)

    assert keys(found) == ["search.all_failed", "search.trials"]


def test_cautions_name_what_weakens_the_result(found: Found) -> None:
    found["counts"].update(missing_score=2)
    found["recommended"]["share_kept"] = 0.5
    found["recommended"]["parameters"]["max_exposure"] = 0.3

    given = [one.key for one in verdict(found).cautions]

    assert given[0] == "note.survivorship"
    for key in ("sets_failed", "scores_missing", "bounds_by_chance", "at_the_edge", "twins_inert", "final_once"):
        assert f"caution.{key}" in given


def test_only_ends_of_what_was_tried_are_edges() -> None:
    tried = {"a": ["0.1", "0.2", "0.3"], "b": ["5", "10", "100"], "c": ["1", "2"], "d": ["mean", "best", "worst"]}

    assert at_the_edge({"a": 0.2, "b": 100, "c": 1, "d": "mean", "e": 4}, tried) == {"b": 100}


@pytest.mark.parametrize("selection", [False, True])
@pytest.mark.parametrize("limit", [0.001, 0.5])
def test_every_sentence_has_its_words(folder: Path, selection: bool, limit: float) -> None:
    found = write_search(folder, years=4, selection=selection, limit=limit)

    for chosen, code in product(("edge", "luck", "untested"), LANGUAGES):
        found["luck"]["verdict"] = chosen
        given = verdict(found)
        for one in (*given.findings, *given.cautions, *given.limits):
            assert "{" not in said(Language.load(code), one)


@pytest.mark.parametrize(
    ("low", "high", "phrase"),
    [
        (None, 0.15, "drawdown at most 15.0%"),
        (0.02, None, "drawdown at least 2.0%"),
        (0.02, 0.15, "drawdown from 2.0% to 15.0%"),
    ],
)
def test_bounds_are_said_in_words(low: float | None, high: float | None, phrase: str) -> None:
    one = Bounds(figure="max_drawdown", at_least=low, at_most=high)
    sharpe = Bounds(figure="sharpe", at_least=0.5, at_most=None)

    assert bounds_phrase(Language.load("en"), [one]) == phrase
    assert bounds_phrase(Language.load("en"), [one, sharpe]) == f"{phrase} and Sharpe ratio at least 0.50"
    assert not one.holds(None)
    assert one.holds(0.1)
