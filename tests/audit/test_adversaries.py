"""What was tried against the audit, by leaks that hid from it and by honest pipelines that it accused."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import planted_pipelines as planted
import pytest
from planted_pipelines import Compute, Of, market

from tidegate.audit import Depth, FindingKind, LookaheadAudit, audit_lookahead
from tidegate.audit.processes import fresh_processes
from tidegate.audit.result import Finding
from tidegate.audit.worker import Job
from tidegate.core.errors import InputError
from tidegate.core.evidence import Verdict
from tidegate.core.history import History
from tidegate.core.pipeline import Claim, Pipeline, Stage, StageKind
from tidegate.core.time import Instant
from tidegate.core.units import FloatArray

FEW = Depth(prefixes=8, slices=0, peeks=0)


def audit(pipeline: Pipeline, depth: Depth = FEW, history: History | None = None, seed: int = 7) -> LookaheadAudit:
    return audit_lookahead(pipeline, history or market(), subject="tried", depth=depth, seed=seed, workers=0)


@dataclass(frozen=True)
class Alone:
    """One stage with one key, and nothing honest beside it."""

    compute: Compute
    kind: StageKind = StageKind.FEATURES
    lookback: int | None = None

    def run(self, history: History) -> Iterator[Stage]:
        yield Stage(
            kind=self.kind,
            times=history.bars.times,
            symbols=history.bars.symbols,
            keys=("key",),
            values=self.compute(history)[:, :, None],
            lookback_bars={} if self.lookback is None else {"key": self.lookback},
        )


def missing(history: History) -> FloatArray:
    return np.full(history.bars.shape, np.nan)


def test_values_that_are_all_missing_have_not_been_compared() -> None:
    """A function whose index does not fit gives NaN everywhere, and NaN equals NaN."""
    found = audit(Alone(missing))

    assert found.verdict is Verdict.INSUFFICIENT_OBSERVATION
    assert "features key had no value" in found.describe()
    assert found.evidence().findings["shortfalls"] == list(found.shortfalls)


def test_a_key_without_a_value_beside_others_is_named() -> None:
    found = audit(Of(missing))

    assert found.verdict is Verdict.PASSED
    assert any("features key: no value" in unknown for unknown in found.unknowns)


@dataclass(frozen=True)
class Needs:
    """Fails with fewer bars than it needs, as filters do."""

    bars: int
    compute: Compute = planted.log_return

    def run(self, history: History) -> Iterator[Stage]:
        if len(history.bars.times) < self.bars:
            raise ValueError("need more bars")
        yield from Alone(self.compute, lookback=2).run(history)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_on_few_bars_is_a_refusal_and_other_instants_take_its_place(workers: int) -> None:
    found = audit_lookahead(Needs(100), market(), subject="needs", depth=FEW, workers=workers)

    assert found.verdict is Verdict.PASSED, found.describe()
    assert any("ValueError: need more bars" in unknown for unknown in found.unknowns)
    assert found.depth_run.prefixes > FEW.prefixes


def test_a_leak_behind_refusals_is_found() -> None:
    assert audit(Needs(100, planted.tomorrow)).verdict is Verdict.FAILED


def test_where_most_are_refused_nothing_is_said() -> None:
    """Neither a pass nor a leak."""
    for pipeline, depth in ((Needs(300), FEW), (Needs(50), Depth(prefixes=4, slices=40))):
        found = audit(pipeline, depth)

        assert found.verdict is Verdict.INSUFFICIENT_OBSERVATION
        assert "refused" in found.describe()


def test_an_error_on_everything_ends_the_audit_here_too() -> None:
    with pytest.raises(InputError, match="ValueError: need more bars"):
        audit(Needs(301))


def products(history: History) -> FloatArray:
    """A product of the rows that are complete with some weights: its last bits depend on how many rows there are."""
    close = np.log(history.bars["close"])
    lags = np.full((*close.shape, 16), np.nan)
    for lag in range(min(16, len(close) - 1)):
        lags[lag + 1 :, :, lag] = close[lag + 1 :] - close[: -lag - 1]
    rows = lags.reshape(-1, 16)
    whole = ~np.isnan(rows).any(axis=1)
    values = np.full(len(rows), np.nan)
    values[whole] = rows[whole] @ np.sin(np.arange(1.0, 17.0))
    return values.reshape(close.shape)


def cancelling(history: History) -> FloatArray:
    """Off by a hundred last bits of its spread where the number of rows is odd, as sums in another order are."""
    moved = planted.log_return(history)
    spread = 100.0 * np.finfo(float).eps * 0.01
    return moved + spread * (len(moved) % 2)


@pytest.mark.parametrize("compute", [products, cancelling])
@pytest.mark.parametrize("seed", [7, 8])
def test_round_off_of_products_and_of_sums_that_cancel_is_no_leak(compute: Compute, seed: int) -> None:
    found = audit(Alone(compute), Depth(prefixes=20, slices=0), seed=seed)

    assert found.verdict is Verdict.PASSED, found.describe()


def test_a_tiny_move_that_garbage_makes_too_is_a_leak_and_its_size_is_told() -> None:
    """A transform over all rows mixes them."""

    def mixed(history: History) -> FloatArray:
        return planted.log_return(history) + 1e-15 * (np.nan_to_num(history.bars["close"][-1:]).sum() % 7)

    found = audit(Alone(mixed))

    assert found.verdict is Verdict.FAILED
    assert "of its spread" in found.describe()


def test_values_alike_to_ten_digits_are_told_apart() -> None:
    finding = Finding(
        kind=FindingKind.TRUNCATED,
        stage="features",
        key="key",
        symbol=None,
        at=Instant(0),
        as_of=Instant(0),
        with_future=0.1 + 0.2,
        without_future=0.3,
    )

    assert "0.30000000000000004" in finding.describe()
    assert "is 0.3 with" in replace(finding, without_future=0.4).describe()


def test_chance_is_told_from_a_leak() -> None:
    random = np.random.default_rng()  # of no seed, on purpose

    found = audit(Alone(lambda history: planted.log_return(history) + random.normal(size=history.bars.shape)))

    assert found.verdict is Verdict.FAILED
    assert "not reproducible" in found.describe()
    assert "not reproducible" not in audit(Alone(planted.tomorrow)).describe()


def test_a_key_that_appears_with_the_future_is_told_as_such() -> None:
    """Dummies of months have as many columns as there are months."""

    def run(history: History) -> Iterator[Stage]:
        months = history.bars.times.astype("datetime64[us]").astype("datetime64[M]").astype(int) % 12
        seen = np.unique(months)
        flags = (months[:, None] == seen).astype(float)[:, None, :]
        yield Stage(
            kind=StageKind.FEATURES,
            times=history.bars.times,
            symbols=("all",),
            keys=tuple(f"month_{month}" for month in seen),
            values=flags,
        )

    assert "no key of that name with all after" in audit(Running(run)).describe()


@dataclass(frozen=True)
class Running:
    """Whatever a function yields and claims."""

    runs: Callable[[History], Iterable[Stage]]
    claimed: Callable[[History], Iterable[Claim]] = lambda _: ()

    def run(self, history: History) -> Iterable[Stage]:
        return self.runs(history)

    def claims(self, history: History) -> Iterable[Claim]:
        return self.claimed(history)


def trained(purged: int) -> Running:
    """Forecasts from row 200 on by the mean of five-bar returns whose training rows end so many bars before."""

    def run(history: History) -> Iterator[Stage]:
        close = np.log(np.nan_to_num(history.bars["close"], nan=1.0))
        ahead = np.full(close.shape, np.nan)
        ahead[:-5] = close[5:] - close[:-5]
        said = np.full(close.shape, np.nan)
        fitted = ahead[: 200 - purged]
        said[200:] = np.nansum(fitted) / max(np.isfinite(fitted).sum(), 1)
        yield Alone(lambda _: said, StageKind.PREDICTIONS).run(history).__next__()

    return Running(run)


@pytest.mark.parametrize("seed", range(6))
def test_a_purge_one_bar_short_is_found_at_the_first_forecast(seed: int) -> None:
    """D-08: only the instant at which forecasts begin shows it, and that is always looked at."""
    depth = Depth(prefixes=3, slices=0, peeks=0)

    assert audit(trained(purged=3), depth, seed=seed).verdict is Verdict.FAILED
    assert audit(trained(purged=4), depth, seed=seed).verdict is Verdict.PASSED


def test_fresh_processes_plan_the_beginning_among_the_others() -> None:
    depth = Depth(prefixes=3, slices=0, peeks=0)
    found = audit_lookahead(trained(purged=3), market(), subject="tried", depth=depth)

    assert found.verdict is Verdict.FAILED
    assert (found.depth_run.prefixes, found.depth_run.instants["boundary"]) == (3, 2)


def test_spare_seconds_look_at_every_row_where_a_run_is_quick() -> None:
    rare = Of(planted.one_in_five_hundred_of_one_symbol)
    history = market(400)
    spared = replace(FEW, spare_seconds=60.0)

    assert audit(rare, FEW, history).verdict is Verdict.PASSED
    found = audit(rare, spared, history)
    assert found.verdict is Verdict.FAILED
    assert found.depth_run.spare > 300
    assert found.evidence().findings["depth_run"]["spare"] == found.depth_run.spare
    assert found.depth_run.prefixes >= 399
    assert audit(rare, replace(FEW, spare_seconds=1e-9), history).depth_run.spare == 0


def test_no_spare_second_is_spent_where_something_was_found_or_on_fits() -> None:
    assert audit(Alone(planted.tomorrow), replace(FEW, spare_seconds=60.0)).depth_run.spare == 0
    assert Depth(spare_seconds=5.0).of_fits().spare_seconds == Depth().spare_seconds == 0.0


def never_returns(history: History) -> FloatArray:
    while len(history.bars.times) < 60:
        time.sleep(0.05)
    return planted.log_return(history)


def leaves_a_thread(history: History) -> FloatArray:
    threading.Thread(target=lambda: time.sleep(600)).start()
    return planted.log_return(history)


def test_what_does_not_return_is_ended_and_named() -> None:
    from tidegate.audit.evaluate import Task, TaskKind

    history = market(60)
    with fresh_processes(Alone(never_returns), history, 1) as processes:
        everything = processes.do([Job()])[0]
        processes.limit_seconds = 0.5
        as_of = int(history.bars.times[30])
        job = Job(tasks=(Task(kind=TaskKind.TRUNCATE, as_of=as_of),), reference=everything.reference)
        with pytest.raises(InputError, match=r"does not return at truncate \d{4}-"):
            processes.do([job])


def test_a_thread_left_behind_keeps_nobody_waiting() -> None:
    depth = Depth(prefixes=1, slices=0, peeks=0)

    assert audit_lookahead(Alone(leaves_a_thread), market(60), subject="tried", depth=depth).findings == ()


def test_a_machine_without_room_for_a_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    history = market(60)
    with fresh_processes(Alone(planted.log_return), history, 1) as processes:
        monkeypatch.setattr("sys.executable", os.devnull)
        with pytest.raises(InputError, match="starts no process"):
            processes.start_early(1)


def test_words_are_no_values() -> None:
    with pytest.raises(InputError, match="real numbers"):
        audit(Alone(lambda history: history.bars["close"].astype(object)))
    assert audit(Alone(lambda history: (history.bars["close"] > 50).astype(np.int64))).verdict is Verdict.PASSED
