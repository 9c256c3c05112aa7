"""What a pipeline claims, and when its data were known: checked without running anything twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.audit import FindingKind
from tidegate.audit.claims import Checked, check_claims, check_known_times
from tidegate.audit.reference import ReferenceStage
from tidegate.core.errors import InputError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.pipeline import BarClaim, Claim, EncoderClaim, FillClaim, FitClaim, SplitClaim, Stage, StageKind
from tidegate.core.spans import Spans
from tidegate.core.time import DAY, HOUR, BarInterval, parse_instant
from tidegate.core.units import Int64Array
from tidegate.data import trading_calendar
from tidegate.data.tables import MOMENT

TIMES = np.arange(10, dtype=np.int64) * DAY
EMPTY = History(Panel(np.empty(0, dtype=np.int64), ("A",), {}))


def check(claim: Claim, history: History = EMPTY) -> Checked:
    return check_claims([claim], history)


def split(train: Int64Array, test: Int64Array, length: int = 2) -> SplitClaim:
    return SplitClaim(
        name="fold 0",
        train_times=train,
        train_ends=train + length * DAY,
        test_times=test,
        test_ends=test + length * DAY,
    )


def test_a_purged_split_passes_and_one_purged_by_too_few_rows_does_not() -> None:
    """D-08: by the spans of labels, never by rows."""
    assert check(split(TIMES[:6], TIMES[7:])).findings == ()
    (found,) = check(split(TIMES[:7], TIMES[7:])).findings

    assert (found.kind, found.key, found.at, found.as_of) == (FindingKind.SPLIT, "fold 0", 6 * DAY, 8 * DAY)
    assert "whose label is known at 1970-01-09" in found.describe()


def test_training_after_the_test_begins_when_the_last_test_label_has_ended() -> None:
    test = TIMES[:4]

    assert check(split(TIMES[5:], test)).findings == ()
    assert check(split(TIMES[4:], test)).findings[0].at == 4 * DAY


def test_training_between_two_stretches_of_a_test_is_right_if_it_keeps_clear_of_both() -> None:
    """Combinatorial purged splits have several test groups."""
    times = np.arange(60, dtype=np.int64) * DAY
    test = np.concatenate([times[10:20], times[40:50]])
    between = times[21:39]

    assert check(split(np.concatenate([times[:9], between, times[51:]]), test)).findings == ()
    assert check(split(times[21:40], test)).findings[0].at == 39 * DAY
    assert check(split(times[20:39], test)).findings[0].at == 20 * DAY


def test_an_embargo_is_kept_after_each_test() -> None:
    wide = replace(split(TIMES[5:], TIMES[:4]), embargo=2 * DAY)

    assert [(one.at, one.cells) for one in check(wide).findings] == [(5 * DAY, 2)]
    assert check(replace(wide, train_times=TIMES[7:], train_ends=TIMES[7:] + DAY)).findings == ()


def labelled(length: int) -> ReferenceStage:
    nothing = np.empty((0, 1, 1))
    declared = Stage(
        kind=StageKind.LABELS, times=TIMES[:0], symbols=("A",), keys=("label",), values=nothing, ends=TIMES[:0]
    )
    return ReferenceStage(declared=declared, times=TIMES, ends=TIMES + length * DAY, file=Path("none"), dtype="f8")


def test_claimed_ends_are_held_against_the_labels() -> None:
    """D-08: a span of one bar for a label of five purges nothing."""
    claim, history = split(TIMES[:2], TIMES[7:], length=1), stamped(TIMES)
    (found,) = check_claims([claim], history, [labelled(5)]).findings

    assert (found.kind, found.key, found.at, found.as_of) == (FindingKind.SPLIT, "fold 0", 0, 5 * DAY)
    assert check_claims([claim], history, [labelled(1)]).findings == ()
    assert check_claims([claim], history, [labelled(5), labelled(1)]).findings == ()
    assert any("no stage gives them" in unknown for unknown in check(claim).unknowns)


def test_what_is_said_without_a_claim_is_named() -> None:
    said = [
        replace(labelled(1), declared=replace(labelled(1).declared, kind=kind))
        for kind in (StageKind.PREDICTIONS, StageKind.DECISIONS)
    ]
    unknowns = " ".join(check_claims([], EMPTY, said).unknowns)

    assert "what predictions were fitted on" in unknowns
    assert "when decisions are filled" in unknowns
    claims = [split(TIMES[:5], TIMES[7:]), FillClaim(name="orders", decided=TIMES, filled=TIMES + 1)]
    assert "no claim" not in " ".join(check_claims(claims, EMPTY, said).unknowns)


def test_a_statistic_may_not_be_fitted_on_the_test_of_its_fold() -> None:
    """D-37: a calibrator that calls the test its part."""
    fit = FitClaim(name="calibrator of fold 0", fitted_times=TIMES[7:], allowed_times=TIMES[7:])
    folds = [split(TIMES[:5], TIMES[7:]), replace(split(TIMES[:2], TIMES[4:6]), name="fold 00")]

    for splits in (folds[:1], folds):
        assert [one.kind for one in check_claims([fit, *splits], EMPTY).findings] == [FindingKind.FIT]
    assert check_claims([replace(fit, name="calibrator of fold 00"), *folds], EMPTY).findings == ()
    assert "its name names none" in " ".join(check_claims([replace(fit, name="any"), *folds], EMPTY).unknowns)


def test_claims_whose_arrays_do_not_go_together_are_refused() -> None:
    with pytest.raises(InputError, match="equal length"):
        FillClaim(name="orders", decided=TIMES, filled=TIMES[:3])
    with pytest.raises(InputError, match="equal length"):
        replace(split(TIMES[:2], TIMES[7:]), test_ends=TIMES)


def test_training_inside_the_test_is_found() -> None:
    """D-36: rows sorted by symbol put training samples on both sides of test samples."""
    found = check(split(TIMES, TIMES)).findings

    assert found[0].cells == 10


@given(st.integers(0, 200), st.integers(1, 40), st.integers(1, 20))
def test_a_split_is_wrong_exactly_where_spans_overlap_the_test(start: int, length: int, label: int) -> None:
    times = np.arange(250, dtype=np.int64) * HOUR
    test = times[start : start + length]
    ends = times + label * HOUR
    train = np.setdiff1d(np.arange(250), np.arange(start, start + length))
    spans = Spans(times, ends)
    overlaps = spans.overlaps(int(test[0]), int(test[-1]) + label * HOUR)[train]
    claim = SplitClaim(
        name="fold", train_times=times[train], train_ends=ends[train], test_times=test, test_ends=test + label * HOUR
    )

    assert sum(one.cells for one in check(claim).findings) == int(overlaps.sum())


def test_a_statistic_fitted_elsewhere_is_found() -> None:
    """D-37: a scaler before the split; a calibrator on the test."""
    fitted = FitClaim(name="scaler of fold 0", fitted_times=TIMES, allowed_times=TIMES[:7])
    (found,) = check(fitted).findings

    assert (found.kind, found.at, found.cells) == (FindingKind.FIT, 7 * DAY, 3)
    assert check(FitClaim(name="scaler", fitted_times=TIMES[:5], allowed_times=TIMES[:7])).findings == ()


def test_an_encoder_trained_after_its_first_use_is_found_and_an_unknown_cutoff_is_stated() -> None:
    """Anchors A 20: what was pretrained knows the future."""
    late, known, unknown = (
        check(EncoderClaim(name="encoder", training_cutoff=cutoff, first_used=5)) for cutoff in (6, 5, None)
    )

    assert [one.kind for one in late.findings] == [FindingKind.ENCODER]
    assert known.findings == unknown.findings == ()
    assert "encoder 'encoder'" in unknown.unknowns[0]


def test_an_order_fills_after_its_decision() -> None:
    """DESIGN 3: a decision at bar t fills at t + 1 or later."""
    (found,) = check(FillClaim(name="orders", decided=TIMES, filled=np.maximum(TIMES, 3 * DAY))).findings

    assert (found.kind, found.at, found.cells) == (FindingKind.FILL, 3 * DAY, 7)
    assert check(FillClaim(name="orders", decided=TIMES, filled=TIMES + 1)).findings == ()


def test_bars_stamped_at_their_open_are_found_where_a_calendar_tells() -> None:
    """Anchors A 12, D-09."""
    calendar = trading_calendar("XNYS")
    sessions = slice(*np.searchsorted(calendar.closes, [parse_instant("2024-01-01"), parse_instant("2024-02-01")]))
    daily = BarClaim(name="bars", calendar="XNYS", interval=BarInterval("1d"))
    hourly = BarClaim(name="bars", calendar="XNYS", interval=BarInterval("1h"))
    closes = calendar.expected(BarInterval("1h"), int(calendar.opens[sessions][0]), int(calendar.closes[sessions][-1]))

    assert check(daily, stamped(calendar.closes[sessions])).findings == ()
    assert check(daily, stamped(calendar.opens[sessions])).findings[0].kind is FindingKind.KNOWN_TIME
    assert check(hourly, stamped(closes)).findings == ()
    assert check(hourly, stamped(closes - HOUR)).findings[0].kind is FindingKind.KNOWN_TIME


def test_where_a_market_never_closes_nobody_can_tell_and_that_is_said() -> None:
    always = check(BarClaim(name="bars", calendar="24/7", interval=BarInterval("1h")), stamped(TIMES))

    assert always.findings == ()
    assert "never closes" in always.unknowns[0]


def test_rows_known_before_they_happen_are_found_unless_they_are_announced() -> None:
    early = pl.DataFrame({"event_time": [20, 30], "known_time": [20, 29]}).cast(MOMENT)
    late = early.with_columns(known_time=pl.col("event_time"))

    found = {
        name: known_times(name, early).findings for name in ("funding", "onchain", "macro", "events", "symbol_lives")
    }

    assert {name for name, one in found.items() if one} == {"funding", "onchain", "macro"}
    assert found["macro"][0].cells == 1
    assert known_times("macro", late).findings == ()


def test_of_a_table_that_nobody_knows_it_is_said() -> None:
    rows = pl.DataFrame({"event_time": [20], "known_time": [10]}).cast(MOMENT)

    assert "'mine'" in known_times("mine", rows).unknowns[0]


@pytest.mark.parametrize("side", ["train", "test"])
def test_an_empty_side_is_stated(side: str) -> None:
    train, test = (TIMES[:0], TIMES) if side == "train" else (TIMES, TIMES[:0])

    assert "fold 0" in check(split(train, test)).unknowns[0]


def known_times(name: str, rows: pl.DataFrame) -> Checked:
    return check_known_times(History(EMPTY.bars, {name: rows}))


def stamped(times: Int64Array) -> History:
    return History(Panel(np.ascontiguousarray(times), ("A",), {}))
