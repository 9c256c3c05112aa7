"""The ribbon: every session has the colour of the most drastic limit in force, also while all is cash."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from tidegate.core.time import DAY
from tidegate.data.tables import MOMENT
from tidegate.report import LANGUAGES, ColourScheme, Language
from tidegate.report.charts import Brush
from tidegate.report.exposure_ribbon import LIMITS, leading_limit, ribbon_chart
from tidegate.report.theme import palette
from tidegate.strategy.seam import Binding

BRUSH = Brush(Language.load("en"), palette(ColourScheme.WESTERN))
CONSTRAINTS = [str(member.name).lower() for member in Binding if member]


def days_of(binding: list[list[str] | None], exposure: list[float]) -> pl.DataFrame:
    times = pl.Series([(number + 16_000) * DAY for number in range(len(binding))])
    return pl.DataFrame(
        {
            "time": times.cast(MOMENT),
            "exposure": exposure,
            "binding": pl.Series(binding, dtype=pl.List(pl.String)),
        }
    )


def drawn(days: pl.DataFrame) -> list[dict[str, Any]]:
    return list(json.loads(ribbon_chart(BRUSH, days).figure)["data"])


def values(array: Any) -> list[float]:
    """Return the numbers of a Plotly array, which are plain or packed."""
    if isinstance(array, list):
        return [float(value) for value in array]
    packed = np.frombuffer(base64.b64decode(array["bdata"]), dtype=array["dtype"])
    return [float(value) for value in packed]


@pytest.mark.parametrize(
    ("constraints", "leading"),
    [
        (["cap", "guard"], "guard"),
        (["filter", "suspended"], "filter"),
        (["tier", "volatility", "cap"], "tier"),
        (["cap", "volatility"], "volatility"),
        (["cap", "turnover"], "turnover"),
        (["cap", "max_exposure"], "max_exposure"),
        (["stale_scores"], "scores"),
        (["not_ready"], "scores"),
        (["retain", "idle"], "choice"),
        (["a constraint of a later version"], "choice"),
        ([], "none"),
        (None, "none"),
    ],
)
def test_the_most_drastic_limit_leads(constraints: list[str] | None, leading: str) -> None:
    assert leading_limit(constraints).key == leading


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_constraint_of_a_strategy_has_a_name(code: str) -> None:
    texts = Language.load(code).texts

    assert [name for name in CONSTRAINTS if f"binding.{name}" not in texts] == []
    assert [limit.key for limit in LIMITS if f"limit.{limit.key}" not in texts] == []


def test_every_constraint_that_limits_exposure_has_a_colour_of_its_own() -> None:
    limiting = ["guard", "filter", "stale_scores", "tier", "volatility", "turnover", "max_exposure", "cap"]

    assert len({BRUSH.colours[leading_limit([name]).role] for name in limiting}) == len(limiting)
    assert {name for limit in LIMITS for name in limit.constraints} <= set(CONSTRAINTS)


def test_every_session_has_one_bar_and_the_shares_are_those_of_sessions() -> None:
    bars = drawn(days_of([["cap"], ["guard"], ["cap"], []], [0.9, 0.4, 0.9, 1.0]))[:-1]

    assert [trace["name"] for trace in bars] == ["Drawdown guard 25%", "Weight cap 50%", "Nothing 25%"]
    assert sum(len(trace["x"]) for trace in bars) == 4


def test_a_limit_is_seen_also_while_all_is_cash() -> None:
    """Risk-off in cash has no height: without the band below the axis the guard would be invisible."""
    bars = drawn(days_of([["guard"], ["guard"]], [0.0, 0.0]))[0]

    assert min(values(bars["y"])) > 0.0
    assert bars["base"] == pytest.approx(-min(values(bars["y"])))


def test_the_pointer_is_told_every_limit() -> None:
    line = drawn(days_of([["tier", "cap"], None], [0.5, 0.0]))[-1]

    assert line["customdata"] == ["drawdown tier, weight cap", "Nothing"]


def test_a_long_run_is_drawn_by_weeks_and_its_bars_touch() -> None:
    count = 3_000
    days = days_of([["cap"]] * count, [0.9] * count)
    bars = drawn(days)[0]

    assert len(bars["x"]) < 500
    assert set(values(bars["width"])[:-2]) == {7 * 86_400_000.0}
    assert bars["name"] == "Weight cap 100%"
