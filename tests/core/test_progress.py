from __future__ import annotations

import pytest

from tidegate.core import progress
from tidegate.core.progress import SILENT, Pace, Reached


def test_silence_passes_every_item_on_one_at_a_time() -> None:
    items = iter(range(3))
    tracked = SILENT.track(items, "folds", total=3)

    assert next(tracked) == 0
    assert next(items) == 1  # not taken yet
    assert list(tracked) == [2]


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    SILENT.say("hello")
    SILENT.tell(Reached(label="trial", done=1))

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("reached", "words"),
    [
        (Reached(label="training folds", done=3, total=9), "training folds 3 of 9"),
        (
            Reached(label="trial", done=12, total=50, best=0.61249, seconds_left=490.0),
            "trial 12 of 50, best 0.612, 8 min left",
        ),
        (Reached(label="rows", done=1_234_567, seconds_left=45.2), "rows 1,234,567, 45 s left"),
        (Reached(label="trial", done=0, total=50, best=-1.5), "trial 0 of 50, best -1.5"),
        (Reached(label="trial", done=1, total=50, seconds_left=5_400.0), "trial 1 of 50, 1.5 h left"),
        (Reached(label="trial", done=1, total=50, seconds_left=200_000.0), "trial 1 of 50, 2 d left"),
    ],
)
def test_how_far_work_has_come_in_words(reached: Reached, words: str) -> None:
    assert str(reached) == words


def test_the_time_left_follows_from_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 110.0, 130.0])
    monkeypatch.setattr(progress, "elapsed_seconds", lambda: next(clock))
    pace = Pace(done=4)  # resumed: four were done before

    assert pace.seconds_left(4, 10) is None
    assert pace.seconds_left(5, None) is None
    assert pace.seconds_left(10, 10) is None
    assert pace.seconds_left(5, 10) == pytest.approx(50.0)
    assert pace.seconds_left(7, 10) == pytest.approx(30.0)
