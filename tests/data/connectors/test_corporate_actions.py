"""Files of dividends and splits, in the shapes of https://www.alphavantage.co/documentation/#dividends and #splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tidegate.core.clock import now
from tidegate.core.errors import InputError
from tidegate.core.time import parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog
from tidegate.data.connectors import Collected, collect_from
from tidegate.data.connectors.corporate_actions import CorporateActionsConnector, CorporateActionsSettings

DIVIDENDS = """symbol,ex_dividend_date,declaration_date,amount
IBM,2024-02-08,2024-01-30,1.66
IBM,2023-11-09,None,1.66
"""
SPLITS = """symbol,effective_date,split_factor
NVDA,2024-06-10,10.0
GE,2021-08-02,1:8
GOOG,2022-07-18,20 for 1
"""


def collect(workspace: Workspace, folder: Path, text: str, **settings: Any) -> tuple[Collected, pl.DataFrame]:
    (folder / "actions.csv").write_text(text)
    made = CorporateActionsConnector(CorporateActionsSettings(path=folder / "actions.csv", **settings))
    done = collect_from(workspace, made)
    if not done.versions:
        return done, pl.DataFrame()
    return done, Catalog(workspace).read("corporate_actions", dataset="us-equity", as_of=now()).collect()


def test_a_dividend_is_known_when_it_was_declared_or_on_its_ex_date(workspace: Workspace, tmp_path: Path) -> None:
    _, rows = collect(workspace, tmp_path, DIVIDENDS, kind="dividends")

    undeclared, declared = rows.iter_rows(named=True)
    assert (declared["amount"], declared["currency"], declared["ratio"]) == (1.66, "USD", None)
    assert declared["event_time"].isoformat() == "2024-02-08T05:00:00+00:00"
    assert declared["known_time"].isoformat() == "2024-01-31T05:00:00+00:00"
    assert undeclared["known_time"] == undeclared["event_time"]


def test_an_announcement_is_seen_from_its_day_on(workspace: Workspace, tmp_path: Path) -> None:
    collect(workspace, tmp_path, DIVIDENDS, kind="dividends")

    def count(at: str) -> int:
        rows = Catalog(workspace).read("corporate_actions", dataset="us-equity", as_of=parse_instant(at))
        return rows.collect().height

    assert [count("2024-01-30T23:00:00-05:00"), count("2024-01-31T00:00:00-05:00")] == [1, 2]


def test_splits_are_new_shares_per_old_one(workspace: Workspace, tmp_path: Path) -> None:
    _, rows = collect(workspace, tmp_path, SPLITS, kind="splits")

    assert dict(rows.select("symbol", "ratio").rows()) == {"GE": 0.125, "GOOG": 20.0, "NVDA": 10.0}
    assert rows["action"].unique().to_list() == ["split"]


def test_days_on_which_nothing_happens_are_no_actions(workspace: Workspace, tmp_path: Path) -> None:
    daily = (
        "Date,Dividends,Stock Splits\n2024-01-02,0.0,0.0\n2024-01-03,0.5,0.0\n2024-01-04,0.0,2.0\n2024-01-05,0.0,1.0\n"
    )

    dividends, _ = collect(workspace, tmp_path, daily, kind="dividends", symbol="A")
    splits, rows = collect(workspace, tmp_path, daily, kind="splits", symbol="A")

    assert (dividends.appended, splits.appended) == (1, 1)
    assert rows.select("action", "amount", "ratio").rows() == [("dividend", 0.5, None), ("split", None, 2.0)]


def test_rows_that_are_no_actions_are_rejected_with_a_reason(workspace: Workspace, tmp_path: Path) -> None:
    bad = DIVIDENDS + "A,someday,,1.0\n,2024-01-02,,1.0\nA,,,1.0\nA,2024-01-03,,-1.0\nA,2024-01-04,,\n"
    twice = "B,2024-01-02,,1.0\nB,2024-01-02,,2.0\nIBM,2023-11-09,None,1.66\n"

    done, rows = collect(workspace, tmp_path, bad + twice, kind="dividends")

    assert done.members[0].rejected == {
        "unparsable ex_date": 1, "no symbol": 1, "no ex_date": 1, "no possible size": 1, "no size": 1,
        "duplicates that disagree": 2,
    }  # fmt: skip
    assert rows.height == 2


def test_text_for_a_dividend_is_another_file(workspace: Workspace, tmp_path: Path) -> None:
    done, _ = collect(workspace, tmp_path, DIVIDENDS + "A,2024-01-02,,much\n", kind="dividends")

    assert "much" in (done.members[0].error or "")
    assert Catalog(workspace).datasets() == []


def test_reading_again_appends_nothing(workspace: Workspace, tmp_path: Path) -> None:
    collect(workspace, tmp_path, SPLITS, kind="splits")

    assert collect(workspace, tmp_path, SPLITS, kind="splits")[0].appended == 0


def test_a_folder_is_no_file(workspace: Workspace, tmp_path: Path) -> None:
    made = CorporateActionsConnector(CorporateActionsSettings(path=tmp_path, kind="splits"))

    assert not collect_from(workspace, made).complete
    with pytest.raises(InputError, match="not readable"):
        list(made.fetch(made.tasks()[0], lambda request: request()))


def test_the_real_file_of_us_shares_tells_its_dividends(workspace: Workspace, tmp_path: Path, real_data: Path) -> None:
    file = real_data / "us_equity_daily.parquet"
    plain = pl.read_parquet(file, columns=["symbol", "date", "dividend", "split"])
    for kind in ("dividends", "splits"):
        made = CorporateActionsConnector(CorporateActionsSettings(path=file, kind=kind))
        (batch,) = made.fetch(made.tasks()[0], lambda request: request())

        column = pl.col(kind.removesuffix("s"))
        happened = plain.filter((column != 0) & (column != 1) if kind == "splits" else column != 0)
        assert batch.rows.height + batch.rejected.height == happened.unique().height
        assert batch.rejected.is_empty()
