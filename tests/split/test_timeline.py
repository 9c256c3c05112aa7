from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tidegate.core.errors import DataError, InputError
from tidegate.core.randomness import generator
from tidegate.core.recipe import SplitSettings
from tidegate.core.spans import Spans
from tidegate.core.svg import COLOURS
from tidegate.core.time import DAY, parse_instant
from tidegate.split import CombinatorialPurged, Fold, PurgedKFold, WalkForward, fold_timeline, group_timeline

SVG = "{http://www.w3.org/2000/svg}"


def drawn(picture: str) -> dict[str, list[tuple[float, float]]]:
    """Return left and right of all bands, by what they stand for."""
    bands: dict[str, list[tuple[float, float]]] = {}
    for shape in ElementTree.fromstring(picture).findall(f"{SVG}rect"):
        hint = shape.find(f"{SVG}title")
        if hint is not None and hint.text is not None:
            left = float(shape.get("x", "nan"))
            kind = re.split("[:,]", hint.text)[0]
            bands.setdefault(kind, []).append((left, left + float(shape.get("width", "nan"))))
    return bands


def texts(picture: str) -> list[str]:
    return [shape.text or "" for shape in ElementTree.fromstring(picture).findall(f"{SVG}text")]


def walk(**changes: object) -> list[Fold]:
    times = np.arange(parse_instant("2018-01-01"), parse_instant("2021-01-01"), DAY)
    spans = Spans(times[:-30], times[30:])
    chosen = {"first_test": date(2020, 1, 1), "test_months": 6, **changes}
    return WalkForward(SplitSettings(**chosen)).split(times, spans)


def test_parts_follow_each_other_without_a_hole() -> None:
    picture = fold_timeline(walk(validation_months=4, calibration_months=4, embargo_days=20))
    bands = drawn(picture)

    assert {name: len(found) for name, found in bands.items()} == {
        "training": 2,
        "validation": 2,
        "calibration": 2,
        "test": 2,
        "purged": 6,
        "embargo": 6,
    }
    for number in range(2):
        row = [bands["training"][number], *bands["purged"][3 * number : 3 * number + 3]]
        row += bands["embargo"][3 * number : 3 * number + 3]
        row += [bands[kind][number] for kind in ("validation", "calibration", "test")]
        row.sort()
        rights, lefts = [right for _, right in row[:-1]], [left for left, _ in row[1:]]
        assert rights == pytest.approx(lefts, abs=0.1)


def test_the_legend_holds_what_is_drawn() -> None:
    plain = texts(fold_timeline(walk(), title="a < b"))

    assert plain[:4] == ["a < b", "training", "test", "purged: labels would overlap"]
    assert "validation" not in plain
    assert [text for text in plain if text.startswith("fold")] == ["fold 0", "fold 1"]
    years = [f"{year}-{month}" for year in (2018, 2019, 2020) for month in ("01", "07")]
    assert [text for text in plain if text.startswith("20")] == [*years, "2021-01"]


def test_a_short_purge_can_still_be_seen() -> None:
    times = np.arange(parse_instant("1990-01-01"), parse_instant("2021-01-01"), DAY)
    folds = WalkForward(SplitSettings(first_test=date(2000, 1, 1))).split(times, Spans(times[:-2], times[2:]))

    assert min(right - left for left, right in drawn(fold_timeline(folds))["purged"]) > 1.5


def test_no_fold_is_no_picture() -> None:
    with pytest.raises(InputError, match="no fold"):
        fold_timeline([])


@given(seed=st.integers(0, 10**6), shape=st.sampled_from([(3, 1), (5, 2), (6, 3)]), embargo=st.integers(0, 90))
def test_bands_of_a_split_cover_its_row_and_tests_are_never_covered(
    seed: int, shape: tuple[int, int], embargo: int
) -> None:
    random = generator(seed, "timeline")
    start = np.cumsum(random.integers(0, 3, 200)) * DAY
    spans = Spans(start, start + random.integers(1, 60, 200) * DAY)
    cross = CombinatorialPurged(*shape, spans=spans, embargo=embargo * DAY)
    try:
        bands = drawn(group_timeline(cross, most=1))
    except DataError:
        assume(False)

    every = sorted(band for found in bands.values() for band in found)
    reached = every[0][0]
    for left, right in every:
        assert left <= reached + 0.1
        reached = max(reached, right)
    assert (every[0][0], reached) == pytest.approx((88.0, 930.0), abs=0.1)
    for left, right in bands["test"]:
        others = [band for kind in ("training", "purged", "embargo") for band in bands.get(kind, [])]
        # A gap of no visible width is drawn a pixel or two wide.
        assert all(other[1] <= left + 0.1 or other[0] >= right - 1.7 for other in others)


def test_more_splits_than_fit_are_counted() -> None:
    start = np.arange(400) * DAY
    picture = group_timeline(CombinatorialPurged(10, 2, spans=Spans(start, start + DAY), embargo=0), most=5)

    assert texts(picture)[0] == "Purged splits in time: the first 5 of 45"
    assert len([text for text in texts(picture) if text.startswith("test ")]) == 5


@pytest.mark.parametrize("step", [1, 60_000_000, DAY // 24, DAY, 40 * DAY, 400 * DAY])
def test_an_axis_of_any_length_has_a_few_ticks(step: int) -> None:
    start = np.arange(100) * step
    picture = group_timeline(PurgedKFold(4, spans=Spans(start, start + step), embargo=0))

    ticks = [text for text in texts(picture) if re.match(r"\d{4}", text)]
    assert 3 <= len(ticks) <= 12
    assert len(set(ticks)) == len(ticks)


def test_pictures_come_in_light_and_dark() -> None:
    picture = fold_timeline(walk())

    assert "prefers-color-scheme: dark" in picture
    assert all(colour in picture for colour in COLOURS["training"] + COLOURS["first"])


def test_the_pictures_of_the_page_are_those_that_its_code_draws(project_root: Path, tmp_path: Path) -> None:
    page = (project_root / "docs" / "splits.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))

    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)

    for name in ("splits-walk-forward.svg", "splits-combinatorial.svg"):
        kept = (project_root / "docs" / "images" / name).read_text(encoding="utf-8")
        assert (tmp_path / name).read_text(encoding="utf-8") == kept
