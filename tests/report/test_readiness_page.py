"""The page of an audit of readiness."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tidegate.core.recipe import Recipe
from tidegate.core.time import Instant, instant_of
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog, ReadinessAudit, audit_readiness
from tidegate.data.readiness import ReasonCode
from tidegate.data.tables import spec_of
from tidegate.report import Language, write_readiness_report
from tidegate.report.readiness_rules import readiness_verdict

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 300
END = START + timedelta(days=DAYS)


def rows(table: str, days: range, **values: Any) -> pl.DataFrame:
    moments = [START + timedelta(days=day) for day in days]
    given = {"dataset": "coins", "source": "made", "synthetic": False, "revised": True, **values}
    frame = pl.DataFrame({"event_time": moments, "known_time": moments}).with_columns(
        pl.lit(value).alias(name) for name, value in given.items()
    )
    columns = {name: kind for name, kind in spec_of(table).schema.items() if name != "recorded_time"}
    lacking = [pl.lit(None).alias(name) for name in columns if name not in frame.columns]
    return frame.with_columns(lacking).select(pl.col(name).cast(kind) for name, kind in columns.items())


def bars(symbol: str, days: range, **values: Any) -> pl.DataFrame:
    prices = dict.fromkeys(("open", "high", "low", "close", "volume", "traded_value", "adjustment"), 1.0)
    return rows("bars", days, symbol=symbol, interval="1d", calendar="24/7", **prices, **values)


@pytest.fixture
def catalog(workspace: Workspace) -> Catalog:
    """Two coins, one with a hole, with funding of one and a revised macro series."""
    made = Catalog(workspace)
    hole = [bars("ETH", range(1, 100)), bars("ETH", range(140, DAYS + 1))]
    made.append("bars", pl.concat([bars("BTC", range(1, DAYS + 1)), *hole]))
    made.append("funding", rows("funding", range(1, DAYS + 1), symbol="BTC", rate=1e-4))
    made.append("macro", rows("macro", range(1, DAYS + 1, 30), series="CPI", value=1.0))
    return made


def audited(catalog: Catalog, **data: Any) -> ReadinessAudit:
    recipe = Recipe.model_validate(
        {
            "name": "coins",
            "data": {"dataset": "coins", **data},
            "split": {"first_test": "2024-06-01"},
            "models": {"lightgbm": {}},
            "costs": {"preset": "crypto-perpetual"},
        }
    )
    return audit_readiness(catalog, recipe, as_of=Instant(instant_of(END)))


def heatmaps(page: str) -> list[dict[str, Any]]:
    """Return the data of every heatmap on a page."""
    figures = re.findall(r'<script type="application/json"[^>]*>(\{.*?\})</script>', page, flags=re.DOTALL)
    return [trace for text in figures for trace in json.loads(text).get("data", []) if trace["type"] == "heatmap"]


USES = {"funding": "coins", "macro": "coins", "order_books": "none-such"}


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "The data are not ready: 3 of 4 gates are not passed."), ("zh", "数据未就绪：4 道门槛中有 3 道未通过。")],
)
def test_a_failed_audit_is_reported(workspace: Workspace, catalog: Catalog, language: str, said: str) -> None:
    audit = audited(catalog, uses=USES)

    path = write_readiness_report(workspace, audit, language=language, colours="chinese")

    assert path == workspace.reports_folder / f"readiness-coins-research.{language}.html"
    page = path.read_text(encoding="utf-8")
    assert said in page
    assert "86.66%" in page
    assert "tidegate ingest ccxt" in page
    assert "2024-04-10" in page, "the hole begins"


def test_every_kind_has_a_heatmap_and_all_have_one_together(
    workspace: Workspace, catalog: Catalog, tmp_path: Path
) -> None:
    audit = audited(catalog, uses=USES)
    page = write_readiness_report(workspace, audit, path=tmp_path / "a.html").read_text(encoding="utf-8")

    drawn = heatmaps(page)

    assert [heat["y"] for heat in drawn] == [
        ["Bars", "Funding", "Macro series"],
        ["All symbols", "ETH", "BTC"],
        ["All symbols", "ETH", "BTC"],
        ["All symbols", "CPI"],
    ]
    may = drawn[1]["x"].index("2024-05")
    assert [line[may] for line in drawn[1]["z"]] == [pytest.approx((31 + 13) / 62), pytest.approx(13 / 31), 1.0]
    assert [line[may] for line in drawn[0]["z"]][:2] == [pytest.approx((31 + 13) / 62), 0.25], "31 paid, 93 never begun"


def test_a_passed_audit_is_good_and_still_says_what_to_keep_in_mind(workspace: Workspace, catalog: Catalog) -> None:
    audit = audited(catalog, uses={"macro": "coins"}, readiness={"symbol_fraction": 0.5}, quality={"mode": "soft"})

    verdict = readiness_verdict(audit, str)

    assert audit.ready
    assert [said.key for said in verdict.findings] == ["readiness.passed"]
    cautions = {said.key: said.values for said in verdict.cautions}
    assert set(cautions) == {"readiness.degraded", "readiness.listing_first_bar", "readiness.revised"}
    assert cautions["readiness.revised"]["series"] == "CPI"


def test_what_is_not_used_stands_in_the_table(workspace: Workspace, catalog: Catalog, tmp_path: Path) -> None:
    page = write_readiness_report(workspace, audited(catalog), path=tmp_path / "a.html").read_text(encoding="utf-8")

    assert page.count(">not used<") == 10


def test_an_empty_catalog_has_a_page_too(workspace: Workspace, tmp_path: Path) -> None:
    audit = audited(Catalog(workspace), mode="production")

    page = write_readiness_report(workspace, audit, path=tmp_path / "a.html").read_text(encoding="utf-8")

    assert "there is no data set coins in the table bars" in page
    assert "production asks for it" in page


@pytest.mark.parametrize("code", ReasonCode)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_reason_has_a_text(code: ReasonCode, language: str) -> None:
    assert f"readiness.{code}" in Language.load(language).texts
