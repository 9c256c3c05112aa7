"""Proposals of Optuna: seeded batches, a resume that changes nothing, and a copy for Optuna's own tools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from postgres import CannotStartError, empty_database, postgres
from tidegate.core.config import parse_settings
from tidegate.core.errors import InputError, RecipeError, RunError
from tidegate.core.recipe import OptunaSettings, SearchSettings, load_recipe
from tidegate.search.sets.optuna_sets import JudgedSet, OptunaProposer
from tidegate.search.sets.optuna_storage import OPTUNA_LOG
from tidegate.search.sets.parameter_set import ParameterSet
from tidegate.search.sets.plan import planned_sets

BASE = load_recipe("us-rotation").trading()
GRID = {"max_exposure": [0.3, 0.6, 0.9], "top_n": [10, 30]}
SPACE = {
    "max_exposure": {"low": 0.2, "high": 1.0},
    "top_n": {"low": 5, "high": 60},
    "volatility_target": {"low": 0.02, "high": 0.2, "log": True},
    "market_filter": [True, False],
    "drawdown_tiers": [[0.08, 0.12, 0.15], [0.05, 0.09, 0.12]],
}


def settings(**optuna: Any) -> SearchSettings:
    chosen = {"trials": 24, "batch": 6, "startup_trials": 6, "space": SPACE, **optuna}
    return SearchSettings.model_validate({"grid": GRID, "optuna": chosen})


def judge(one: ParameterSet) -> JudgedSet:
    """More exposure earns more and loses more; some sets fail, some lack the figure of a bound."""
    exposure = one.settings.max_exposure
    objective = None if one.number % 7 == 3 else exposure * 0.3 - abs(one.settings.volatility_target - 0.06)
    drawdown = float("inf") if one.number % 11 == 5 else exposure * 0.25 - 0.15
    return JudgedSet(set=one, objective=objective, violations={"max_drawdown": drawdown})


def planned(search: SearchSettings) -> list[JudgedSet]:
    return [judge(one) for one in planned_sets(search, BASE, seed=7)]


def proposer(search: SearchSettings, folder: Path | None = None, seed: int = 7) -> OptunaProposer:
    return OptunaProposer(search, BASE, seed=seed, folder=folder, first_number=len(planned(search)))


def searched(search: SearchSettings, folder: Path | None = None, seed: int = 7) -> list[JudgedSet]:
    judged = planned(search)
    with proposer(search, folder, seed) as one:
        while batch := one.propose(judged):
            judged += [judge(each) for each in batch]
    return judged


def keys(judged: list[JudgedSet]) -> list[str]:
    return [one.set.key for one in judged]


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "nsga2"])
def test_a_resumed_search_proposes_what_an_undisturbed_one_does(sampler: str) -> None:
    search = settings(sampler=sampler, trials=12, batch=4)
    whole = searched(search)

    assert len(keys(whole)) == len(set(keys(whole))) == 6 + 12
    assert [one.set.number for one in whole] == list(range(18))
    # Sets of a batch end in any order, so those that are known need not be its first.
    for known, waiting in ((whole[:6], [6, 7, 8, 9]), ([*whole[11:13], *whole[:10]], [10, 13]), (whole, [])):
        with proposer(search) as resumed:
            batch = resumed.propose(known)
        assert [one.number for one in batch] == waiting
        assert [one.key for one in batch] == [whole[number].set.key for number in waiting]


def test_the_seed_decides() -> None:
    assert keys(searched(settings(), seed=1)) != keys(searched(settings(), seed=2))


def test_the_sampler_learns_within_the_bounds() -> None:
    """The best sets are those just within the drawdown limit, at an exposure of 0.6."""
    found = searched(settings(trials=60))
    late = [one.set.settings.max_exposure for one in found[36:]]

    assert sum(0.4 < exposure <= 0.62 for exposure in late) >= 15


def test_sets_that_were_judged_before_are_told_first(tmp_path: Path) -> None:
    """Those outside the space, or that differ in what it does not name, are not."""
    search = settings(space={"max_exposure": {"low": 0.2, "high": 0.7}}, trials=6)
    judged = searched(search, tmp_path / "run")

    told = trials_of(tmp_path / "run")
    # Of the grid, the sets with the strategy's own top_n of 30 and an exposure of 0.7 at most.
    assert [one.user_attrs["number"] for one in told] == [1, 3, *range(6, 12)]
    assert [one.user_attrs["origin"] for one in told] == ["grid"] * 2 + ["optuna"] * 6
    assert len(judged) == 12


def test_a_space_that_is_used_up_ends_the_search() -> None:
    """equity E.5: never a loop without end; what the sampler repeats is asked again, then chance takes its place."""
    search = settings(space={"top_n": [10, 20, 30, 40], "market_filter": [True, False]}, trials=50, batch=3)
    found = searched(search)

    # Sets of the grid have other exposures than the strategy's own, so all eight are new.
    assert len(set(keys(found))) == len(found) == 6 + 8


def test_refused_sets_are_never_proposed() -> None:
    space = {
        "drawdown_tiers": [[0.1], [0.05, 0.1]],
        "drawdown_exposures": [[0.5], [0.5, 0.2]],
        "top_n": {"low": 5, "high": 9},
    }
    found = searched(settings(space=space, trials=20))

    assert len(found) == 6 + 10
    assert all(len(one.set.settings.drawdown_tiers) == len(one.set.settings.drawdown_exposures) for one in found)


def test_another_searchs_sets_are_refused() -> None:
    search = settings()
    whole = searched(search, seed=1)

    with proposer(search, seed=2) as one, pytest.raises(RunError, match="where this search proposes"):
        one.propose(whole)


def trials_of(folder: Path) -> list[Any]:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(folder / OPTUNA_LOG)))
    [study] = storage.get_all_studies()
    assert study.study_name == folder.name
    found: list[Any] = storage.get_all_trials(study._study_id)
    return found


def require_copied(told: list[Any], judged: list[JudgedSet]) -> None:
    by_number = {one.set.number: one for one in judged}
    copied = [one.user_attrs["number"] for one in told]
    assert copied == sorted(copied)
    assert [number for number in copied if number >= 6] == list(range(6, len(judged)))
    for trial in told:
        one = by_number[trial.user_attrs["number"]]
        assert trial.user_attrs["key"] == one.set.key
        assert trial.state.is_finished()
        assert trial.params["max_exposure"] == one.set.settings.max_exposure
        assert trial.value == one.objective
        if one.objective is not None:
            assert trial.constraints == {"max_drawdown": min(one.violations["max_drawdown"], 1e6)}


def test_the_journal_follows_the_search_and_mends_itself(tmp_path: Path) -> None:
    search, folder = settings(), tmp_path / "run"
    folder.mkdir()
    whole = searched(search, folder)
    require_copied(trials_of(folder), whole)
    undisturbed = (folder / OPTUNA_LOG).read_text()

    # A search that was killed: half of the trials, a torn line, and the lock of the killed process.
    lines = undisturbed.splitlines(keepends=True)
    (folder / OPTUNA_LOG).write_text("".join(lines[:12]) + lines[12][:20])
    (folder / f"{OPTUNA_LOG}.lock").touch()
    with proposer(search, folder) as resumed:
        assert resumed.propose(whole) == []

    require_copied(trials_of(folder), whole)
    assert list(folder.iterdir()) == [folder / OPTUNA_LOG]


def stored_trials(url: str, name: str) -> list[Any]:
    from optuna.storages import RDBStorage

    storage = RDBStorage(url)
    found: list[Any] = storage.get_all_trials(storage.get_study_id_from_name(name))
    storage.remove_session()
    storage.engine.dispose()
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    try:
        with postgres() as url:
            yield url
    except CannotStartError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_follows_the_search(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path / 'studies.sqlite'}"
    if kind == "postgresql":
        url = request.getfixturevalue("server")
        empty_database(url)
    few = {"sampler": "random", "trials": 6, "batch": 3}
    search, folder = settings(storage=url, **few), tmp_path / "search-one"
    whole = searched(settings(**few))
    with proposer(search, folder) as first:
        assert first.propose(whole[:6])
        assert first.propose(whole[:9])  # then it is killed
    with proposer(search, folder) as resumed:
        assert resumed.propose(whole) == []
    require_copied(stored_trials(url, "search-one"), whole)

    other = searched(settings(**few), seed=8)
    with proposer(search, folder, seed=8) as stranger, pytest.raises(RunError, match="with other trials"):
        stranger.propose(other)


@pytest.mark.parametrize(
    "url",
    [
        "hush-hush",
        "://hush-hush@",
        "postgresql+psycopg://me@hush-hush:port/name",
        "postgresql+psycopg://hush-hush@127.0.0.1:9/hush-hush?connect_timeout=2",
        "nosuch://hush-hush@host/name",
        "sqlite:////proc/hush-hush/none.sqlite",
    ],
)
def test_no_message_repeats_an_address(url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    search = settings(storage=url)

    with pytest.raises((InputError, RunError)) as caught:  # noqa: SIM117
        with proposer(search, tmp_path) as one:
            one.propose(planned(search))

    assert "hush-hush" not in str(caught.value) + caplog.text
    assert caught.value.__cause__ is None
    assert "search.optuna.storage" in caught.value.found


@pytest.mark.parametrize("url", ["postgresql+psycopg://me:hush-hush@host/name", "mysql://me@host/n?password=hush-hush"])
def test_a_recipe_takes_no_password(url: str) -> None:
    text = f"trials: 5\nstorage: {url}\nspace: {{top_n: [5, 10]}}\n"

    with pytest.raises(RecipeError, match=r"recipe\.yaml:2") as caught:
        parse_settings(text, OptunaSettings, source="recipe.yaml")

    assert "hush-hush" not in str(caught.value)


def test_a_search_without_optuna_has_no_proposer() -> None:
    with pytest.raises(InputError, match=r"no search.optuna"):
        OptunaProposer(SearchSettings(grid={"top_n": (5,)}), BASE, seed=1, folder=None, first_number=1)


def test_a_figure_that_is_made_small_is_minimised() -> None:
    search = settings().model_copy(update={"objective": "volatility"})
    judged = [JudgedSet(set=one.set, objective=one.set.settings.max_exposure, violations={}) for one in planned(search)]
    with proposer(search) as one:
        while batch := one.propose(judged):
            judged += [JudgedSet(set=each, objective=each.settings.max_exposure, violations={}) for each in batch]

    late = [one.set.settings.max_exposure for one in judged[-8:]]
    assert sorted(late)[4] < 0.5
