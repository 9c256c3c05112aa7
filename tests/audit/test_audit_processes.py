"""Every evaluation has a process that has seen nothing later; what goes wrong there is told and never waited for."""

from __future__ import annotations

import re
import threading

import planted_pipelines as planted
import pytest
from planted_pipelines import Dies, Labels, Of, Raises, Rows, market

from tidegate.audit import Depth, LookaheadAudit, audit_lookahead
from tidegate.core.errors import InputError
from tidegate.core.evidence import Verdict
from tidegate.core.history import History
from tidegate.core.pipeline import Pipeline
from tidegate.core.units import FloatArray

DEPTH = Depth(prefixes=4, slices=20, peeks=1)


def audit(pipeline: Pipeline, history: History | None = None, workers: int = 1) -> LookaheadAudit:
    return audit_lookahead(pipeline, history or market(120), subject="planted", depth=DEPTH, workers=workers)


def test_a_function_that_hides_what_it_saw_is_caught_in_a_fresh_process() -> None:
    """D-82, crypto 25.2: a cache that has seen everything makes truncated and full runs agree."""
    history = market(120)
    planted.standardised_once(history)  # this process has seen it all

    found = audit(Of(planted.standardised_once), history)

    assert found.verdict is Verdict.FAILED
    assert found.findings[0].key == "key"
    assert found.depth_run.fresh_processes
    assert audit(Of(planted.standardised_by_the_past), history).verdict is Verdict.PASSED


def test_the_same_function_would_hide_it_here() -> None:
    """Why fresh processes are the default."""
    history = market(120)
    planted.standardised_once(history)

    assert audit(Of(planted.standardised_once), history, workers=0).verdict is Verdict.PASSED


def test_several_processes_find_the_same_as_this_one() -> None:
    here, there = (audit(Of(planted.SumOf(3), lookback=4), workers=count) for count in (0, 2))

    assert here.verdict is there.verdict is Verdict.PASSED
    assert here.depth_run.cells == there.depth_run.cells > 0
    assert here.depth_run.instants == there.depth_run.instants


@pytest.mark.parametrize("pipeline", [Of(planted.scaled), Labels(fill=0.0)], ids=["leak", "label"])
def test_leaks_and_labels_are_judged_alike_everywhere(pipeline: Pipeline) -> None:
    here, there = (audit(pipeline, workers=count) for count in (0, 1))

    assert here.findings == there.findings != ()


def test_a_pipeline_that_raises_is_named_with_the_instant() -> None:
    found = audit(Raises(bars=120))

    assert found.verdict is Verdict.INSUFFICIENT_OBSERVATION
    assert re.search(r"at (truncate|slice) \d{4}-\d\d-\d\d\S*, ValueError: planted", " ".join(found.unknowns))
    with pytest.raises(InputError, match="fails on everything: ValueError: planted"):
        audit(Raises(bars=121))


def test_a_process_that_dies_is_told_and_not_waited_for() -> None:
    with pytest.raises(InputError, match=r"a process that died \(exit 9\) at (truncate|slice) \d{4}"):
        audit(Dies(bars=120), workers=2)


def test_a_pipeline_that_cannot_travel_is_looked_at_here_and_that_is_said() -> None:
    lock = threading.Lock()

    def rows(history: History) -> FloatArray:
        with lock:
            return planted.all_rows(history)

    found = audit(Rows(rows))

    assert found.verdict is Verdict.PASSED
    assert not found.depth_run.fresh_processes
    assert any("ran in this process" in unknown for unknown in found.unknowns)


def test_closures_travel_by_cloudpickle() -> None:
    count = 1

    found = audit(Rows(lambda history: planted.all_rows(history)[count - 1 :]))

    assert found.verdict is Verdict.PASSED
    assert found.depth_run.fresh_processes


def test_what_a_pipeline_prints_is_no_answer() -> None:
    assert audit(Of(loud)).verdict is Verdict.PASSED


def loud(history: History) -> object:
    print("end\ndone\nunreadable")
    return planted.log_return(history)
