"""Calendar sums agree with the whole."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from tidegate.report.yearly import COST_PARTS, years_of


@pytest.fixture
def equity() -> pl.DataFrame:
    draw = np.random.default_rng(3)
    days = [date(2019, 11, 20) + timedelta(days=count) for count in range(500)]
    curves = {name: 100.0 * np.exp(np.cumsum(0.01 * draw.standard_normal(500))) for name in ("equity", "benchmark")}
    costs = dict.fromkeys(COST_PARTS, np.full(500, 0.01))
    nothing = pl.Series([None] * 500, dtype=pl.Float64)
    return pl.DataFrame({"day": days, **curves, "index": nothing, "turnover": np.full(500, 0.1), **costs})


def test_years_compound_to_the_whole(equity: pl.DataFrame) -> None:
    years = years_of(equity)

    assert [year.year for year in years] == [2019, 2020, 2021]
    for name, curve in (("strategy", "equity"), ("benchmark", "benchmark")):
        growth = np.prod([1.0 + getattr(year, name) for year in years])
        assert growth == pytest.approx(equity[curve][-1] / equity[curve][0])
    assert sum(year.turnover for year in years) == pytest.approx(50.0)


def test_a_year_without_an_index_has_none(equity: pl.DataFrame) -> None:
    assert {year.index for year in years_of(equity)} == {None}
