"""The table of an experiment: differences with known answers, their sign, and what counts as more than chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from tidegate.core.time import DAY
from tidegate.data.tables import MOMENT
from tidegate.train.feature_variants import FULL, Variant
from tidegate.train.instant_quality import MEASURES
from tidegate.train.paired_table import ALL, Finding, as_csv, paired_table

COUNT = 120
TIMES = np.arange(COUNT, dtype=np.int64) * DAY
NOISE = np.random.default_rng(3).normal(0.0, 0.1, COUNT)
FULL_SET = Variant(name=FULL, group=None, columns=np.arange(3))
WITHOUT = Variant(name="without event", group="event", columns=np.arange(2))


def cell(values: Any, *, model: str = "ridge", variant: str = FULL, seed: int = 0, at: str = ALL) -> pl.DataFrame:
    """Return the rows of one fit; AUC is never there."""
    column = np.asarray(values, dtype=np.float64)
    frame = pl.DataFrame({"time": pl.Series(TIMES[: len(column)]).cast(MOMENT)})
    keys = {"model": model, "variant": variant, "seed": seed, "at": at}
    measures = {name: pl.Series([None] * len(column), dtype=pl.Float64) for name in MEASURES}
    return frame.with_columns(**{name: pl.lit(value) for name, value in keys.items()}).with_columns(
        **{**measures, "rank_ic": pl.Series(column).fill_nan(None)}
    )


def table(*cells: pl.DataFrame, kinds: tuple[str, ...] = ("ridge",)) -> dict[tuple[str, str, str], dict[str, Any]]:
    rows = paired_table(pl.concat(cells), kinds, [FULL_SET, WITHOUT], block=5, seed=7)
    return {(row["model"], row["variant"], row["at"]): row for row in rows}


def test_equal_fits_differ_by_nothing() -> None:
    row = table(cell(NOISE), cell(NOISE, variant=WITHOUT.name))["ridge", WITHOUT.name, ALL]

    assert (row["difference"], row["interval"], row["p_value"], row["finding"]) == (0.0, [0.0, 0.0], 1.0, Finding.OPEN)


@pytest.mark.parametrize(("moved", "finding"), [(-0.02, Finding.HELPED), (0.02, Finding.HARMED)])
def test_a_model_that_is_worse_without_a_group_was_helped_by_it(moved: float, finding: Finding) -> None:
    """D-55: a negative difference says that the model needs the group, and is never held against it."""
    found = table(cell(NOISE), cell(NOISE + moved, variant=WITHOUT.name))

    row = found["ridge", WITHOUT.name, ALL]
    assert row["difference"] == pytest.approx(moved)
    assert row["interval"] == pytest.approx([moved, moved])
    assert (row["against"], row["finding"]) == ("ridge full", finding)
    assert found["ridge", FULL, ALL]["finding"] is None


def test_models_are_held_against_the_first() -> None:
    found = table(cell(NOISE), cell(NOISE + 0.01, model="xgboost"), kinds=("ridge", "xgboost"))

    assert found["xgboost", FULL, ALL]["finding"] is Finding.BETTER
    assert found["xgboost", FULL, ALL]["against"] == "ridge full"
    turned = table(cell(NOISE), cell(NOISE + 0.01, model="xgboost"), kinds=("xgboost", "ridge"))
    assert turned["ridge", FULL, ALL]["finding"] is Finding.WORSE


def test_noise_is_not_told_from_chance() -> None:
    other = np.random.default_rng(4).normal(0.0, 0.1, COUNT)

    row = table(cell(NOISE), cell(other, variant=WITHOUT.name))["ridge", WITHOUT.name, ALL]

    assert row["interval"][0] < 0.0 < row["interval"][1]
    assert row["finding"] is Finding.OPEN


def test_rows_where_the_group_was_known_are_the_same_for_both() -> None:
    """D-54: the full set of features is judged on the event subset too."""
    known = NOISE[:60]
    found = table(
        cell(NOISE),
        cell(NOISE, variant=WITHOUT.name),
        cell(known, at="event"),
        cell(known - 0.05, variant=WITHOUT.name, at="event"),
    )

    assert found["ridge", WITHOUT.name, ALL]["difference"] == 0.0
    row = found["ridge", WITHOUT.name, "known"]
    assert (row["instants"], row["finding"]) == (60, Finding.HELPED)
    assert row["against_mean"] == pytest.approx(known.mean())
    assert row["mean"] - row["against_mean"] == pytest.approx(row["difference"]) == pytest.approx(-0.05)


def test_only_instants_that_both_have_are_compared() -> None:
    holes = NOISE.copy()
    holes[::2] = np.nan

    row = table(cell(NOISE), cell(holes - 0.01, variant=WITHOUT.name))["ridge", WITHOUT.name, ALL]

    assert row["instants"] == COUNT // 2
    assert row["against_mean"] == pytest.approx(NOISE[1::2].mean())
    assert row["difference"] == pytest.approx(-0.01)


def test_seeds_are_averaged_and_have_to_agree() -> None:
    """A clear mean difference of which one seed says the opposite stays open."""
    moves = (-0.06, 0.02)
    full = [cell(NOISE, seed=seed) for seed in range(2)]
    without = [cell(NOISE + move, variant=WITHOUT.name, seed=seed) for seed, move in enumerate(moves)]

    row = table(*full, *without)["ridge", WITHOUT.name, ALL]

    assert row["difference"] == pytest.approx(np.mean(moves))
    assert row["differences_by_seed"] == pytest.approx(moves)
    assert row["deviation_over_seeds"] == pytest.approx(np.std(moves, ddof=1))
    assert row["p_value_holm"] < 0.01
    assert row["finding"] is Finding.OPEN
    alike = [cell(NOISE + move, variant=WITHOUT.name, seed=seed) for seed, move in enumerate((-0.06, -0.02))]
    assert table(*full, *alike)["ridge", WITHOUT.name, ALL]["finding"] is Finding.HELPED


def test_too_few_instants_have_no_interval_and_no_finding_but_open() -> None:
    row = table(cell(NOISE[:12]), cell(NOISE[:12] - 0.1, variant=WITHOUT.name))["ridge", WITHOUT.name, ALL]

    assert (row["interval"], row["p_value"], row["p_value_holm"], row["finding"]) == (None, None, None, Finding.OPEN)


def test_the_p_values_of_a_measure_are_corrected_together() -> None:
    random = np.random.default_rng(5)
    moved = [random.normal(-0.02, 0.1, COUNT) for _ in range(2)]
    alone = table(cell(NOISE * 0.0), cell(moved[0], variant=WITHOUT.name))["ridge", WITHOUT.name, ALL]
    both = table(
        cell(NOISE * 0.0),
        cell(moved[0], variant=WITHOUT.name),
        cell(moved[1], model="xgboost"),
        kinds=("ridge", "xgboost"),
    )["ridge", WITHOUT.name, ALL]

    assert both["p_value"] == alone["p_value"] == alone["p_value_holm"]
    assert both["p_value_holm"] > alone["p_value_holm"]


def test_the_table_as_csv() -> None:
    rows = paired_table(
        pl.concat([cell(NOISE), cell(NOISE - 0.01, variant=WITHOUT.name)]),
        ("ridge",),
        [FULL_SET, WITHOUT],
        block=5,
        seed=7,
    )

    read = pl.read_csv(as_csv(rows).encode())

    assert read.height == 2
    assert read["interval_low"].to_list() == [None, pytest.approx(-0.01)]
    assert read["finding"].to_list() == [None, "helped"]
    assert as_csv([]).strip() == ""
