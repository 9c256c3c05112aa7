"""The zoo: the look-ahead audit catches and names every planted leak, and every honest twin passes."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tidegate.audit import Depth, Finding, FindingKind, audit_lookahead
from tidegate.core.history import History
from tidegate.core.pipeline import Pipeline
from tidegate.testing import LEAKS, Leak
from tidegate.testing.leaks.leak import HONEST
from tidegate.testing.leaks.markets import daily_market
from tidegate.testing.leaks.rates import RARE_KEY, RARE_LEAKS, Rate, history_of, leaking_at
from tidegate.testing.leaks.together import Together

SEED = 11
FEW = Depth(prefixes=20, slices=0, peeks=0)
SHORT = Depth(prefixes=3, slices=120, peeks=0)
BY_NAME = {leak.name: leak for leak in LEAKS}
DOCS = Path(__file__).resolve().parents[2] / "docs"


def alone(leak: Leak) -> bool:
    """Whether a leak shows in whole rows, in short histories or in its data, so that it needs an audit of its own."""
    return (
        bool({"*", "end"} & set(leak.keys))
        or FindingKind.SHORT_LOOKBACK in leak.expected
        or leak.planted_history is not None
    )


def groups() -> dict[Callable[[int], History], list[Leak]]:
    found: dict[Callable[[int], History], list[Leak]] = {}
    for leak in LEAKS:
        if not alone(leak):
            found.setdefault(leak.history, []).append(leak)
    return found


def findings(
    pipeline: Pipeline, history: History, depth: Depth, boundaries: Iterable[int] = (), workers: int = 0
) -> tuple[Finding, ...]:
    found = audit_lookahead(
        pipeline, history, subject="zoo", depth=depth, boundaries=tuple(boundaries), workers=workers
    )
    assert found.depth_run.cells > 0
    assert found.depth_run.fresh_processes == (workers > 0)
    return found.findings


@cache
def found_together(history: Callable[[int], History], which: str) -> Mapping[str, list[tuple[FindingKind, str]]]:
    """Audit many leaks, or many twins, at once; return kinds and keys by the name of the leak."""
    leaks = groups()[history]
    together = Together({leak.name: getattr(leak, which)(SEED) for leak in leaks})
    boundaries = {instant for leak in leaks for instant in leak.refitted(SEED)}
    by_name: dict[str, list[tuple[FindingKind, str]]] = {leak.name: [] for leak in leaks}
    for finding in findings(together, history(SEED), FEW, boundaries, workers=1):
        name, key = finding.key.split("/")
        by_name[name].append((finding.kind, key))
    return by_name


@cache
def found_alone(name: str, which: str) -> list[tuple[FindingKind, str]]:
    leak = BY_NAME[name]
    history = leak.planted_history if which == "planted" and leak.planted_history is not None else leak.history
    depth = SHORT if FindingKind.SHORT_LOOKBACK in leak.expected else FEW
    return [(one.kind, one.key) for one in findings(getattr(leak, which)(SEED), history(SEED), depth)]


def found(leak: Leak, which: str) -> list[tuple[FindingKind, str]]:
    if alone(leak):
        return found_alone(leak.name, which)
    return found_together(leak.history, which)[leak.name]


def test_the_zoo_is_large_and_says_where_each_was_seen() -> None:
    assert len(LEAKS) >= 24
    assert len(BY_NAME) == len(LEAKS)
    assert all(leak.about and leak.source and leak.keys for leak in LEAKS)
    # Every way of being found is there, but for the warning that is none.
    assert {kind for leak in LEAKS for kind in leak.expected} == set(FindingKind) - {FindingKind.NOT_BIT_STABLE}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_planted_leak_is_caught_and_named(name: str) -> None:
    """D-01, D-08 to D-12, D-14 to D-16, D-34, D-36, D-37, D-40, D-48, D-80; equity H 5, 13, 15 to 19, 21."""
    leak = BY_NAME[name]
    caught = found(leak, "planted")

    assert caught, f"{name} was not caught"
    assert {kind for kind, _ in caught} <= leak.expected
    assert {key for _, key in caught} <= set(leak.keys), "something honest is accused"


@pytest.mark.parametrize("name", BY_NAME)
def test_its_honest_twin_passes(name: str) -> None:
    assert found(BY_NAME[name], "clean") == []


@pytest.mark.parametrize("name", [name for name, leak in BY_NAME.items() if leak.history is daily_market])
def test_claims_are_named_beside_values(name: str) -> None:
    """What a pipeline says of its fits and what its values show are two witnesses; neither silences the other."""
    leak = BY_NAME[name]
    claimed = leak.expected & {FindingKind.SPLIT, FindingKind.FIT, FindingKind.ENCODER, FindingKind.FILL}

    assert claimed <= {kind for kind, _ in found(leak, "planted")}


def test_a_fill_one_bar_later_is_no_leak_and_the_same_bar_is() -> None:
    leak = BY_NAME["same-bar fill"]
    (planted,) = leak.planted(SEED).claims(leak.history(SEED))  # type: ignore[attr-defined]
    (clean,) = leak.clean(SEED).claims(leak.history(SEED))  # type: ignore[attr-defined]

    assert np.array_equal(planted.decided, planted.filled)
    assert (clean.filled > clean.decided).all()


@pytest.mark.parametrize("name", BY_NAME)
def test_pipelines_travel_to_other_processes(name: str) -> None:
    leak = BY_NAME[name]
    for pipeline in (leak.planted(SEED), leak.clean(SEED)):
        assert type(pickle.loads(pickle.dumps(pipeline))) is type(pipeline)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_leak_and_its_twin_deliver_the_same_keys(name: str) -> None:
    leak = BY_NAME[name]
    keys = [[stage.keys for stage in make(SEED).run(leak.history(SEED))] for make in (leak.planted, leak.clean)]

    assert keys[0] == keys[1]


@pytest.mark.parametrize("leak", RARE_LEAKS)
@pytest.mark.parametrize("rate", Rate)
def test_a_leak_at_any_rate_is_found_where_every_row_is_looked_at(rate: Rate, leak: str) -> None:
    seed, rows = 5, 500  # of which one in five hundred is drawn
    audit = audit_lookahead(
        leaking_at(rate, seed, leak),
        history_of(rate, seed, rows),
        subject=rate.value,
        depth=Depth(prefixes=2, slices=rows, peeks=0),
        workers=0,
    )

    assert {finding.key for finding in audit.findings} == {RARE_KEY}


@pytest.mark.parametrize("rate", Rate)
def test_a_rate_touches_what_it_says(rate: Rate) -> None:
    history = history_of(rate, SEED, 2_500)
    values = {stage.keys: stage.values for stage in leaking_at(rate, SEED).run(history)}[HONEST, RARE_KEY][:, :, 1]
    clean = RARE_LEAKS["shift(-1)"].clean(history)
    touched = ~((values == clean) | (np.isnan(values) & np.isnan(clean)))
    share = {
        Rate.EVERY_ROW: 0.98,
        Rate.ONE_IN_100: 0.01,
        Rate.ONE_IN_500: 0.002,
        Rate.ONE_SYMBOL: 0.33,
        Rate.MONTH_ENDS: 1 / 21,
        Rate.AFTER_HOLIDAYS: 0.03,
    }[rate]

    assert touched.mean() == pytest.approx(share, rel=0.5)
    assert (touched.any(axis=0).sum() == 1) == (rate is Rate.ONE_SYMBOL)


@pytest.mark.parametrize("page", ["lookahead.md", "lookahead.zh-CN.md"])
def test_the_page_lists_the_whole_zoo(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")

    assert [leak.name for leak in LEAKS if f"| `{leak.name}` |" not in text] == []


def test_both_languages_have_the_same_headings_code_tables_and_links() -> None:
    fence = re.compile(r"^```[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    shapes = []
    for page in ("lookahead.md", "lookahead.zh-CN.md"):
        text = (DOCS / page).read_text(encoding="utf-8")
        prose = fence.sub("", text)
        headings = [len(marks) for marks in re.findall(r"^(#+) ", prose, re.MULTILINE)]
        columns = [line.count("|") for line in prose.splitlines() if line.startswith("|")]
        links = set(re.findall(r"\]\(([^)]+)\)", prose)) - {"lookahead.md", "lookahead.zh-CN.md"}
        shapes.append((headings, fence.findall(text), columns, links))

    assert shapes[0] == shapes[1]
