"""The look-ahead audit: every kind of fault is found and named, and its honest twin passes."""

from __future__ import annotations

import numpy as np
import planted_pipelines as planted
import pytest
from planted_pipelines import Claiming, Contract, Labels, Nothing, Of, Refuses, Rows, funded, market

from tidegate.audit import FAST, Depth, FindingKind, LookaheadAudit, audit_lookahead
from tidegate.core.evidence import Verdict
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.pipeline import EncoderClaim, FillClaim, FitClaim, Pipeline, SplitClaim, StageKind
from tidegate.core.time import DAY

DEPTH = Depth(prefixes=8, slices=200, peeks=1)
KINDS = FindingKind


def audit(pipeline: Pipeline, history: History | None = None, depth: Depth = DEPTH, **named: object) -> LookaheadAudit:
    # In this process, where honest pipelines keep no state: fresh processes have tests of their own.
    return audit_lookahead(
        pipeline,
        history or market(),
        subject="planted",
        depth=depth,
        workers=0,
        **named,  # type: ignore[arg-type]
    )


def kinds(found: LookaheadAudit) -> set[FindingKind]:
    return {finding.kind for finding in found.findings}


@pytest.mark.parametrize(
    ("compute", "peeks"),
    [(planted.tomorrow, 1), (planted.centred, 2), (planted.scaled, 298)],
    ids=["tomorrow", "centred window", "full-sample scaler"],
)
def test_a_leak_is_found_by_deletion_and_by_poison_and_its_reach_is_told(compute: planted.Compute, peeks: int) -> None:
    """Crypto 34.4 (1) and (2): deleting and corrupting the future must change nothing; D-82."""
    found = audit(Of(compute, lookback=2))

    assert found.verdict is Verdict.FAILED
    assert kinds(found) & {KINDS.TRUNCATED, KINDS.VANISHED}
    assert KINDS.POISONED in kinds(found)
    assert {finding.key for finding in found.findings} == {"key"}
    assert found.findings[0].peeks_bars == peeks
    assert "it peeks" in found.describe()
    assert found.findings[0].symbol in market().bars.symbols


def test_what_deletion_cannot_show_poison_does() -> None:
    """The true future never moves by a fifth in a day, garbage does: only poison sees that the code looks at it."""
    found = audit(Of(planted.if_it_rises))

    assert kinds(found) == {KINDS.POISONED}


def test_what_poison_can_hide_deletion_shows() -> None:
    found = audit(Rows(planted.all_but_last))

    assert kinds(found) == {KINDS.VANISHED}
    assert found.findings[0].key == "*"
    assert "is there only with" in found.describe()


def test_rows_that_come_and_go_are_differences() -> None:
    assert {KINDS.VANISHED, KINDS.TRUNCATED, KINDS.POISONED} <= kinds(audit(Rows(planted.loudest_rows)))
    assert audit(Rows(planted.all_rows)).verdict is Verdict.PASSED


@pytest.mark.parametrize("kind", [StageKind.PREDICTIONS, StageKind.DECISIONS])
def test_predictions_and_decisions_are_looked_at_as_features_are(kind: StageKind) -> None:
    assert audit(Of(planted.tomorrow, kind=kind)).findings[0].stage == kind.value
    assert audit(Of(planted.log_return, kind=kind)).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    "compute",
    [planted.one_in_hundred, planted.one_in_five_hundred_of_one_symbol, planted.on_month_ends],
    ids=["1 % of rows", "0.2 % of rows of one symbol", "month ends"],
)
def test_rare_leaks_are_found_by_slices(compute: planted.Compute) -> None:
    found = audit(Of(compute, lookback=2), market(1500, 2), Depth(prefixes=2, slices=1499, peeks=0))

    assert {finding.key for finding in found.findings} == {"key"}
    assert KINDS.SHORT_LOOKBACK not in kinds(found)


def test_month_ends_are_looked_at_first() -> None:
    """A leak on month ends alone is found by a handful of stratified slices, where random ones would mostly miss it."""
    found = audit(Of(planted.on_month_ends, lookback=2), market(1500, 2), Depth(prefixes=6, slices=60, peeks=0))

    assert {finding.key for finding in found.findings} == {"key"}


def test_a_lookback_that_is_too_short_is_named_as_such() -> None:
    """Anchors A 18: a lookback is declared and verified."""
    found = audit(Of(planted.SumOf(10), lookback=9))

    assert kinds(found) == {KINDS.SHORT_LOOKBACK}
    assert "those of its lookback alone" in found.describe()
    assert audit(Of(planted.SumOf(10), lookback=11)).verdict is Verdict.PASSED


def test_a_recursion_may_forget_slowly_within_its_bound() -> None:
    assert kinds(audit(Of(planted.endless_average, lookback=10))) == {KINDS.SHORT_LOOKBACK}
    assert audit(Of(planted.endless_average, lookback=10, bound=1e-3)).verdict is Verdict.PASSED
    assert kinds(audit(Of(planted.endless_average, lookback=4, bound=1e-9))) == {KINDS.SHORT_LOOKBACK}


def test_round_off_is_a_warning_and_no_leak() -> None:
    found = audit(Of(planted.round_off))

    assert found.verdict is Verdict.PASSED
    assert {(warning.kind, warning.key) for warning in found.warnings} == {(KINDS.NOT_BIT_STABLE, "key")}


def test_round_off_is_told_from_a_leak_even_if_only_part_of_the_future_was_poisoned() -> None:
    found = audit(Of(planted.round_off), depth=Depth(prefixes=6, slices=0, poisoned_bars=3))

    assert found.verdict is Verdict.PASSED
    assert {warning.key for warning in found.warnings} == {"key"}


def test_a_last_bit_that_garbage_changes_is_a_leak() -> None:
    found = audit(Of(planted.last_bit_of_the_future))

    assert {KINDS.TRUNCATED, KINDS.POISONED} <= kinds(found)
    assert found.warnings == ()


def test_labels_may_see_the_future_up_to_their_end() -> None:
    """Anchors A 17: labels are exempt by type, but only until they end."""
    assert audit(Labels()).verdict is Verdict.PASSED


def test_a_tail_filled_with_zeros_is_no_label() -> None:
    """Equity H 16."""
    found = audit(Labels(fill=0.0))

    assert kinds(found) == {KINDS.TRUNCATED}
    assert found.findings[0].stage == "labels"


def test_a_label_that_looks_beyond_its_end_is_found() -> None:
    """D-08: purging trusts the end of a label."""
    assert KINDS.VANISHED in kinds(audit(Labels(looks=5, says=3)))
    assert KINDS.POISONED in kinds(audit(Labels(looks=5, says=3)))


def test_values_that_outlive_their_sources_are_stale() -> None:
    """D-16: every source has a maximum age."""
    stale = audit(Of(planted.funding_for_ever, maximum_age=3 * DAY), funded())

    assert kinds(stale) == {KINDS.STALE}
    assert "fell silent" in stale.describe()
    assert audit(Of(planted.funding, maximum_age=3 * DAY), funded()).verdict is Verdict.PASSED


def test_a_missing_value_is_neutral_and_flagged() -> None:
    """D-04, D-15: the flag of something missing is never 0."""
    flagged = Of(planted.funding_or_zero, maximum_age=3 * DAY, neutral=0.0, mask=planted.funding_is_missing)
    silent = Of(planted.funding_or_zero, maximum_age=3 * DAY, neutral=0.0, mask=planted.never_missing)

    assert audit(flagged, funded()).verdict is Verdict.PASSED
    assert [(one.kind, one.key) for one in audit(silent, funded()).findings] == [(KINDS.STALE, "flag")]


def test_a_history_too_short_for_an_age_is_stated() -> None:
    found = audit(Of(planted.funding, maximum_age=400 * DAY), funded(60))

    assert any("dropped when too old" in unknown for unknown in found.unknowns)


def test_known_times_before_the_event_are_found() -> None:
    history = funded()
    rows = history.tables["funding"]
    early = rows.with_columns(known_time=rows["known_time"].dt.offset_by("-1h"))

    found = audit(Of(planted.log_return), History(history.bars, {"funding": early}))

    assert kinds(found) == {KINDS.KNOWN_TIME}
    assert audit(Of(planted.log_return), history).verdict is Verdict.PASSED


def test_claims_are_checked() -> None:
    times = np.arange(4, dtype=np.int64) * DAY
    bad = (
        SplitClaim(
            name="fold",
            train_times=times,
            train_ends=times + 3 * DAY,
            test_times=times + 4 * DAY,
            test_ends=times + 6 * DAY,
        ),
        FitClaim(name="scaler", fitted_times=times, allowed_times=times[:2]),
        EncoderClaim(name="encoder", training_cutoff=9, first_used=3),
        FillClaim(name="orders", decided=times, filled=times),
    )
    found = audit(Claiming(planted.log_return, claimed=bad))

    assert kinds(found) == {KINDS.SPLIT, KINDS.FIT, KINDS.ENCODER, KINDS.FILL}
    assert audit(Claiming(planted.log_return)).verdict is Verdict.PASSED


def test_nothing_to_compare_is_not_to_have_passed() -> None:
    empty = History(Panel(np.empty(0, dtype=np.int64), ("A",), {"close": np.empty((0, 1))}))

    for found in (audit(Nothing()), audit(Of(planted.log_return), empty)):
        assert found.verdict is Verdict.INSUFFICIENT_OBSERVATION
        assert "nothing could be compared" in found.describe()


def test_a_history_that_a_pipeline_refuses_gives_no_rows() -> None:
    found = audit(Refuses())

    assert found.verdict is Verdict.PASSED
    assert audit(Refuses(bars=150), market(200)).verdict is Verdict.PASSED


def test_the_us_equity_contract_raises_no_alarm() -> None:
    bars = market(700, 5).bars
    shares = np.repeat(bars["close"].mean(axis=1, keepdims=True), 5, axis=1)
    history = History(bars.with_columns({"benchmark_close": np.nan_to_num(shares, nan=1.0)}))
    found = audit(Contract(), history, Depth(prefixes=5, slices=100))

    assert found.verdict is Verdict.PASSED, found.describe()
    assert found.warnings == ()
    assert found.depth_run.slices == 100


def test_the_evidence_says_what_was_looked_at() -> None:
    history = funded()
    found = audit(
        Of(planted.tomorrow, lookback=2), history, boundaries=[int(history.bars.times[100])], versions={"bars": 3}
    )
    evidence = found.evidence()

    assert (evidence.check, evidence.subject, evidence.verdict) == ("audit-lookahead", "planted", Verdict.FAILED)
    told = evidence.findings
    assert told["versions"] == {"bars": 3}
    assert told["depth_run"]["prefixes"] >= DEPTH.prefixes
    assert told["depth_run"]["cells"] > 0
    strata = told["depth_run"]["instants"]
    assert {"random", "month_end", "release", "boundary", "listing"} <= set(strata)
    assert strata["boundary"] >= 1
    assert told["findings"][0]["peeks_bars"] == 1
    assert evidence.fingerprint() == evidence.fingerprint()


def test_the_same_seed_finds_the_same() -> None:
    first, again, other = (audit(Of(planted.scaled), seed=seed) for seed in (7, 7, 8))

    assert first.findings == again.findings
    assert first.findings != other.findings


def test_a_quick_look_is_shallower() -> None:
    assert FAST.prefixes < Depth().prefixes
    assert FAST.slices < Depth().slices
