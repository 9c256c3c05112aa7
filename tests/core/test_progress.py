from __future__ import annotations

import pytest

from tidegate.core.progress import SILENT


def test_silence_passes_every_item_on_one_at_a_time() -> None:
    items = iter(range(3))
    tracked = SILENT.track(items, "folds", total=3)

    assert next(tracked) == 0
    assert next(items) == 1  # not taken yet
    assert list(tracked) == [2]


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    SILENT.say("hello")

    assert capsys.readouterr() == ("", "")
