"""Macro series from files and from FRED, whose answers have the shapes of its documents.

https://fred.stlouisfed.org/docs/api/fred/series.html, https://fred.stlouisfed.org/docs/api/fred/series_vintagedates.html,
https://fred.stlouisfed.org/docs/api/fred/series_observations.html, https://fred.stlouisfed.org/docs/api/fred/errors.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.clock import frozen_clock
from tidegate.core.errors import DataError, InputError
from tidegate.core.time import DAY, parse_instant
from tidegate.core.workspace import Workspace
from tidegate.data import Catalog, Revision
from tidegate.data.asof import AsOfSource, as_of_join
from tidegate.data.connectors import Collected, RetryPolicy, SourceStatus, collect_from, make_connector
from tidegate.data.connectors.macro import MacroConnector, fred, read_rule
from tidegate.data.connectors.macro import connector as macro_connector
from tidegate.data.connectors.macro.business_days import next_business_day
from tidegate.data.connectors.macro.rules import with_period_end
from tidegate.data.tables import MOMENT
from tidegate.testing import Fault, Reply, ScriptedSource, SeenRequest, check_connector

PATIENT = RetryPolicy(first_wait_seconds=0.0, longest_wait_seconds=0.0, pause_seconds=0.0, cooldown_seconds=0.0)
KEY = "abcdefghijklmnopqrstuvwxyz123456"
ALL_TIME = parse_instant("2200-01-01")


def connector(**settings: Any) -> MacroConnector:
    made = make_connector("macro", settings)
    assert isinstance(made, MacroConnector)
    return made


def collect(workspace: Workspace, **settings: Any) -> Collected:
    return collect_from(workspace, connector(**settings), policy=PATIENT)


def stored(workspace: Workspace, as_of: str | int = ALL_TIME, **fields: Any) -> pl.DataFrame:
    at = parse_instant(as_of) if isinstance(as_of, str) else as_of
    return Catalog(workspace).read("macro", dataset="macro", as_of=at, **fields).collect()  # type: ignore[arg-type]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


# Rules in words


@pytest.mark.parametrize(
    ("words", "day", "event", "known"),
    [
        ("close 16:15 ET same day", "2024-03-08", "2024-03-08T16:15-05:00", "2024-03-08T16:15-05:00"),
        ("close 16:15 ET same day", "2024-03-11", "2024-03-11T16:15-04:00", "2024-03-11T16:15-04:00"),
        ("close 17:00 ET same day", "2024-07-03", "2024-07-03T21:00Z", "2024-07-03T21:00Z"),
        ("close same day", "2024-07-03", "2024-07-04T00:00Z", "2024-07-04T04:00Z"),
        ("next business day", "2024-07-03", "2024-07-04T00:00Z", "2024-07-06T04:00Z"),
        ("next business day (H.15)", "2024-02-16", "2024-02-17T00:00Z", "2024-02-21T05:00Z"),
        ("next business day", "2024-03-28", "2024-03-29T00:00Z", "2024-04-02T04:00Z"),
        ("next business day", "2023-11-09", "2023-11-10T00:00Z", "2023-11-14T05:00Z"),
        ("next business day", "2001-09-10", "2001-09-11T00:00Z", "2001-09-18T04:00Z"),
        ("next business day", "2024-07-06", "2024-07-07T00:00Z", "2024-07-09T04:00Z"),
        ("Thursday 08:30 ET of following week", "2024-03-09", "2024-03-10T00:00Z", "2024-03-14T12:30Z"),
        ("Thursday 08:30 ET of following week", "2024-03-03", "2024-03-04T00:00Z", "2024-03-07T13:30Z"),
        ("Thursday 08:30 ET of following week", "2025-09-27", "2025-09-28T00:00Z", "2025-11-26T13:30Z"),
        ("month end", "2024-01-01", "2024-02-01T00:00Z", "2024-02-02T05:00Z"),
        ("month end", "2023-12-31", "2024-01-01T00:00Z", "2024-01-03T05:00Z"),
        ("monthly; release date not stored", "2024-02-01", "2024-03-01T00:00Z", "2024-05-30T04:00Z"),
        ("quarterly; release date not stored", "2025-07-01", "2025-10-01T00:00Z", "2025-12-30T05:00Z"),
        ("2 days after period end", "2024-02-01", "2024-03-01T00:00Z", "2024-03-03T05:00Z"),
        ("  Month   End ", "2024-01-15", "2024-02-01T00:00Z", "2024-02-02T05:00Z"),
    ],
)
def test_a_rule_in_words_becomes_a_time(words: str, day: str, event: str, known: str) -> None:
    """Each by the calendar of its year: summer time, holidays, a market closed for a week, a shutdown."""
    rule = read_rule(words)
    rows = with_period_end(pl.DataFrame({"date": [date.fromisoformat(day)]}), rule.period or "1mo")

    assert (rule.event(rows)[0], rule.known(rows)[0]) == (moment(event), moment(known))


@given(
    day=st.dates(date(1990, 1, 1), date(2025, 12, 31)),
    words=st.sampled_from(
        [
            "close 16:15 ET same day", "close same day", "next business day", "Thursday 08:30 ET of following week",
            "month end", "release date: see anything", "release date not stored", "0 days after period end",
        ]
    ),
    period=st.sampled_from(["1d", "1w", "1mo", "3mo", "6mo", "1y"]),
)  # fmt: skip
def test_no_rule_makes_a_value_known_before_its_period_is_over(day: date, words: str, period: str) -> None:
    """D-10: and a later observation is never known before an earlier one."""
    rule = read_rule(words)
    days = pl.DataFrame({"date": [day, day + timedelta(days=1)]})
    rows = with_period_end(days, rule.period or period)

    event, known = rule.event(rows), rule.known(rows)

    assert (event <= known).all()
    assert (rows["date"].cast(MOMENT) < event).all()
    assert event.is_sorted()
    assert known.is_sorted()


@pytest.mark.parametrize(
    "words", ["", "soon", "close 25:00 ET same day", "close 16:15 CET same day", "next business day or so", "at once"]
)
def test_a_rule_that_means_nothing_is_quoted(words: str) -> None:
    with pytest.raises(DataError) as caught:
        read_rule(words)

    assert words.casefold() in caught.value.found.casefold()


def test_business_days_leave_out_what_either_city_leaves_out() -> None:
    fridays = pl.Series([date(2023, 10, 6), date(2021, 12, 23), date(2022, 6, 17), None])

    assert next_business_day(fridays).to_list() == [date(2023, 10, 10), date(2021, 12, 28), date(2022, 6, 21), None]


# Files


def write(
    file: Path, *rows: tuple[str, str, object, str], header: str = "series_id,obs_date,value,availability_rule"
) -> Path:
    file.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n", encoding="utf-8")
    return file


CPI = "release date: see cpi_release_dates"


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    file = tmp_path / "cpi_release_dates.csv"
    file.write_text(
        "reference_month,release_ts_utc\n2024-01,2024-02-13 13:30:00+00:00\n2024-02,2024-03-12T12:30:00Z\n",
        encoding="utf-8",
    )
    return file


def test_a_print_is_invisible_before_its_minute(workspace: Workspace, tmp_path: Path, releases: Path) -> None:
    """D-10: an observation is stamped with its month, and known at its release."""
    file = write(tmp_path / "macro.csv", ("CPIAUCSL", "2024-01-01", 309.7, CPI), ("CPIAUCSL", "2024-02-01", 311.0, CPI))

    assert collect(workspace, path=file, preset="macro-long").complete

    before, after = stored(workspace, "2024-03-12T12:29:00Z"), stored(workspace, "2024-03-12T12:31:00Z")
    assert (before["value"].to_list(), after["value"].to_list()) == ([309.7], [309.7, 311.0])
    assert after.row(1, named=True) == {
        "dataset": "macro",
        "series": "CPIAUCSL",
        "event_time": moment("2024-03-01T00:00Z"),
        "known_time": moment("2024-03-12T12:30Z"),
        "recorded_time": after["recorded_time"][1],
        "value": 311.0,
        "unit": "index, 1982-84 = 100",
        "source": "macro-long",
        "synthetic": False,
        "revised": True,
    }


def test_a_month_without_a_release_is_known_late_and_said_so(
    workspace: Workspace, tmp_path: Path, releases: Path
) -> None:
    """D-10: a missing release date never becomes the month itself."""
    file = write(tmp_path / "macro.csv", ("CPIAUCSL", "2023-12-01", 308.7, CPI), ("CPIAUCSL", "2024-01-01", 309.7, CPI))

    done = collect(workspace, path=file)

    rows = stored(workspace)
    assert rows["known_time"].to_list() == [moment("2024-03-31T04:00Z"), moment("2024-02-13T13:30Z")]
    assert done.warnings == (
        "CPIAUCSL: 1 month absent from cpi_release_dates.csv, known 90 days after the month's end",
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("reference_month,release_ts_utc\n2024-01,2024-01-13 13:30:00\n", "2024-01-13"),
        ("reference_month,release_ts_utc\n2024-01,2024-01-31 20:00:00\n", "ends before 2024-02-01"),
        ("reference_month,release_ts_utc\n2024-01,2026-01-13 13:30:00\n", "2026-01-13"),
        ("reference_month,release_date\n2024-01,9999-12-31\n", "10000-01-01"),
        ("reference_month,release_ts_utc\n2024-13,2024-02-13 13:30:00\n", "None"),
        ("reference_month,release_ts_utc\n2024-01,soon\n", "None"),
        ("reference_month,release_date\n2024-01,2024-02-13\n2024-01,2024-02-14\n", "two releases"),
        ("month,release_date\n2024-01,2024-02-13\n", "reference_month"),
        ("", "empty"),
    ],
)
def test_a_table_of_releases_that_cannot_be_right_is_refused(
    workspace: Workspace, tmp_path: Path, content: str, words: str
) -> None:
    table = tmp_path / "mine.csv"
    table.write_text(content, encoding="utf-8")
    file = write(tmp_path / "macro.csv", ("CPIAUCSL", "2024-01-01", 309.7, CPI))

    done = collect(workspace, path=file, releases=table)

    assert done.members[0].status is SourceStatus.FAILURE
    assert words in str(done.members[0].error)
    assert Catalog(workspace).datasets() == []


def test_release_dates_without_a_time_count_from_the_end_of_the_day(workspace: Workspace, tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("reference_month,release_date\n2024-01,2024-02-13\n", encoding="utf-8")
    file = write(tmp_path / "macro.csv", ("CPIAUCSL", "2024-01-01", 309.7, CPI))

    collect(workspace, path=file, releases=table)

    assert stored(workspace)["known_time"].to_list() == [moment("2024-02-14T05:00Z")]


@pytest.mark.parametrize("name", ["release_date", "release_ts_utc"])
@pytest.mark.parametrize(
    "days",
    [
        pl.Series([date(2024, 2, 13)]),
        pl.Series([date(2024, 2, 13)]).cast(pl.Datetime("us")),
        pl.Series([date(2024, 2, 13)]).cast(pl.Datetime("ns")),
        pl.Series([date(2024, 2, 13)]).cast(pl.Datetime("us", "America/New_York")) + timedelta(hours=5),
        pl.Series(["2024-02-13 00:00:00"]),
        pl.Series(["2024-02-13T00:00:00Z"]),
        pl.Series(["2024-02-13"]),
    ],
    ids=["date", "time", "pandas", "zone", "text", "text with zone", "text of a date"],
)
def test_a_release_date_that_is_shown_as_a_time_stays_a_date(
    workspace: Workspace, tmp_path: Path, days: pl.Series, name: str
) -> None:
    """D-10: midnight is hours before a release of that day."""
    table = tmp_path / "mine.parquet"
    pl.DataFrame({"reference_month": ["2024-01"], name: days}).write_parquet(table)
    file = write(tmp_path / "macro.csv", ("CPIAUCSL", "2024-01-01", 309.7, CPI))

    collect(workspace, path=file, releases=table)

    assert stored(workspace)["known_time"].to_list() == [moment("2024-02-14T05:00Z")]


@pytest.mark.parametrize(
    ("name", "told", "known"),
    [
        ("release_date", "2024-02-13 08:30:00", "2024-02-14T05:00Z"),
        ("release_ts_utc", "2024-02-13 13:30:00", "2024-02-13T13:30Z"),
    ],
)
def test_only_a_column_of_instants_has_times_of_day(
    workspace: Workspace, tmp_path: Path, name: str, told: str, known: str
) -> None:
    """D-10: nothing says on which clock a time in a column of dates is shown; one midnight makes no dates of others."""
    table = tmp_path / "mine.csv"
    table.write_text(f"reference_month,{name}\n2024-01,{told}\n2024-02,2024-03-12 00:00:00\n", encoding="utf-8")
    rows = [("CPIAUCSL", month, 309.7, CPI) for month in ("2024-01-01", "2024-02-01")]

    collect(workspace, path=write(tmp_path / "macro.csv", *rows), releases=table)

    assert stored(workspace)["known_time"].to_list() == [moment(known), moment("2024-03-13T04:00Z")]


def test_only_series_that_are_revised_are_flagged(workspace: Workspace, tmp_path: Path) -> None:
    names = ("PAYEMS", "GDPC1_QOQ_SAAR", "ICSA", "MY_INDEX", "DGS10", "VIX_CLOSE", "DXY_CLOSE", "FEDFUNDS")
    file = write(tmp_path / "macro.csv", *((name, "2024-01-06", 1.0, "next business day") for name in names))

    collect(workspace, path=file)

    flags = dict(stored(workspace).select("series", "revised").rows())
    assert {name for name, revised in flags.items() if revised} == {"PAYEMS", "GDPC1_QOQ_SAAR", "ICSA", "MY_INDEX"}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("when it pleases", "'when it pleases'"),
        ("", "MINE without a rule"),
        ("release date: see nowhere", "no table nowhere"),
    ],
)
def test_a_file_without_a_rule_that_can_be_kept_is_refused(
    workspace: Workspace, tmp_path: Path, rule: str, words: str
) -> None:
    """D-10: nothing is stored of a series whose availability is not known."""
    file = write(
        tmp_path / "macro.csv", ("DGS10", "2024-01-02", 4.0, "next business day"), ("MINE", "2024-01-02", 1.0, rule)
    )

    done = collect(workspace, path=file)

    assert words in str(done.members[0].error)
    assert Catalog(workspace).datasets() == []

    assert collect(workspace, path=file, rules=["MINE=close same day"]).appended == 2


def test_rows_that_cannot_be_used_are_rejected_by_reason(workspace: Workspace, tmp_path: Path) -> None:
    daily = "next business day"
    file = write(
        tmp_path / "macro.csv",
        ("DGS10", "2024-01-02", 4.0, daily),
        ("DGS10", "2024-01-02", 4.0, daily),
        ("DGS10", "2024-01-03", 4.1, daily),
        ("DGS10", "2024-01-03", 4.2, daily),
        ("DGS10", "2024-01-04", ".", daily),
        ("DGS10", "2024-01-05", "", daily),
        ("DGS10", "the sixth", 4.3, daily),
        ("DGS10", "2024-01-08", "inf", daily),
        ("", "2024-01-09", 4.3, daily),
        ("MINE", "2024-01-09", 4.3, "release date not stored"),
    )

    done = collect(workspace, path=file)

    assert done.members[0].rejected == {
        "dates whose distance tells no period": 1,
        "duplicates that disagree": 2,
        "no series": 1,
        "not a finite number": 1,
        "unparsable date": 1,
    }
    assert stored(workspace).select("value", "unit").rows() == [(4.0, "percent per year")]


def test_the_spacing_of_observations_tells_what_they_are_about(workspace: Workspace, tmp_path: Path) -> None:
    rule = "release date not stored"
    dates = {
        "DAYS": ["2024-01-02", "2024-01-03", "2024-01-05"],
        "WEEKS": ["2024-01-06", "2024-01-13"],
        "MONTHS": ["2024-01-01", "2024-02-01"],
        "QUARTERS": ["2024-01-01", "2024-04-01"],
        "YEARS": ["2022-01-01", "2023-01-01"],
    }
    file = write(tmp_path / "macro.csv", *((name, day, 1.0, rule) for name, days in dates.items() for day in days))

    collect(workspace, path=file)

    last = stored(workspace).sort("event_time").group_by("series").last()
    assert {name: at.date().isoformat() for name, at in last.select("series", "event_time").rows()} == {
        "DAYS": "2024-01-06",
        "WEEKS": "2024-01-14",
        "MONTHS": "2024-03-01",
        "QUARTERS": "2024-07-01",
        "YEARS": "2024-01-01",
    }


def test_series_and_dates_are_chosen(workspace: Workspace, tmp_path: Path) -> None:
    rows = [(name, f"2024-01-0{day}", day, "close same day") for name in ("ONE", "TWO") for day in (2, 3, 4)]
    file = write(tmp_path / "macro.csv", *rows)

    collect(workspace, path=file, series=["TWO"], start=date(2024, 1, 3), end=date(2024, 1, 3))

    assert stored(workspace).select("series", "value").rows() == [("TWO", 3.0)]
    assert "no observation of THREE" in str(collect(workspace, path=file, series=["THREE"]).members[0].error)


def test_a_file_of_one_series_is_named(workspace: Workspace, tmp_path: Path) -> None:
    """The shape of a download from a page of FRED, here with the value's column renamed."""
    file = tmp_path / "download.csv"
    file.write_text("observation_date,value\n2024-01-02,3.95\n2024-01-03,.\n", encoding="utf-8")

    assert "name the one" in str(collect(workspace, path=file).members[0].error)
    assert collect(workspace, path=file, series=["DGS10"], rules=["DGS10=next business day"]).appended == 1


def test_what_is_not_known_yet_is_not_stored(workspace: Workspace, tmp_path: Path) -> None:
    file = write(tmp_path / "macro.csv", *(("DGS10", f"2024-01-0{day}", 4.0, "next business day") for day in (2, 3)))

    with frozen_clock(parse_instant("2024-01-04T12:00:00Z")):
        done = collect(workspace, path=file)

    assert (done.appended, done.members[0].not_yet_known) == (1, 1)


def test_a_newer_file_with_revised_values_says_what_to_do(workspace: Workspace, tmp_path: Path) -> None:
    file = write(tmp_path / "macro.csv", ("PAYEMS", "2024-01-01", 157700, "monthly; release date not stored"))
    collect(workspace, path=file)
    write(file, ("PAYEMS", "2024-01-01", 157533, "monthly; release date not stored"))

    done = collect(workspace, path=file)

    assert "--known-at" in str(done.members[0].error)
    assert stored(workspace)["value"].to_list() == [157700.0]

    restated = Revision(known_at=parse_instant("2025-02-07T13:30:00Z"))
    done = collect_from(workspace, connector(path=file), revision=restated, policy=PATIENT)
    assert done.members[0].revised == 1
    assert stored(workspace, "2025-02-07T13:29:00Z")["value"].to_list() == [157700.0]
    assert stored(workspace, "2025-02-07T13:30:00Z")["value"].to_list() == [157533.0]


@given(place=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_damaged_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, place: int, byte: int) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    file = write(
        folder / "macro.csv",
        *(("DGS10", f"2024-01-{day:02}", 4.0 + day, "next business day") for day in range(2, 9)),
        ("VIX_CLOSE", "2024-01-02", 13.2, "close 16:15 ET same day"),
    )
    content = bytearray(file.read_bytes())
    content[place % len(content)] = byte
    file.write_bytes(content)
    source = connector(path=file)

    try:
        [batch] = source.fetch(source.tasks()[0], lambda request: request())
    except InputError as error:
        refused: InputError | None = error
    else:
        refused = None

    assert refused is not None or (batch.rows["known_time"] >= batch.rows["event_time"]).all()


# The real file


@pytest.fixture(scope="module")
def real_macro(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace.create(tmp_path_factory.mktemp("macro") / "work")
    done = collect(workspace, path=real_data / "macro_long.parquet", preset="macro-long")
    assert (done.complete, done.members[0].rejected) == (True, {})
    return workspace


def test_the_real_file_is_stored_whole(real_macro: Workspace, real_data: Path) -> None:
    """D-18: numbers with units, not headlines about them."""
    rows = stored(real_macro)

    assert rows.height == pl.scan_parquet(real_data / "macro_long.parquet").select(pl.len()).collect().item()
    assert rows["unit"].null_count() == 0
    assert (rows["known_time"] >= rows["event_time"]).all()
    revised = set(rows.filter("revised")["series"])
    assert revised == {"CPIAUCSL", "CPILFESL", "GDPC1_QOQ_SAAR", "ICSA", "PAYEMS", "PCEPI", "RSAFS", "UNRATE"}


def test_the_print_of_march_2024_appears_at_half_past_twelve(real_macro: Workspace) -> None:
    """D-10, the acceptance case: CPI of February 2024 was published on 2024-03-12 at 12:30 UTC."""
    february = moment("2024-03-01T00:00Z")
    seen = {
        at: stored(real_macro, at, symbols=["CPIAUCSL"])["event_time"].max()
        for at in ("2024-03-12T12:29:00Z", "2024-03-12T12:31:00Z")
    }

    assert seen["2024-03-12T12:29:00Z"] == moment("2024-02-01T00:00Z")
    assert seen["2024-03-12T12:31:00Z"] == february


def test_the_print_of_march_2024_joins_decisions_after_it(real_macro: Workspace) -> None:
    """D-10: asked through the as-of join, every minute sees what was public in that minute."""
    cpi = Catalog(real_macro).revisions("macro", dataset="macro", as_of=ALL_TIME, symbols=["CPIAUCSL"])  # type: ignore[arg-type]
    source = AsOfSource(
        name="cpi",
        rows=cpi.drop("series").collect(),
        columns={"cpi": "value"},
        maximum_age=100 * DAY,
    )
    minutes = [moment(f"2024-03-12T12:{minute}:00Z") for minute in (29, 30, 31)]
    decisions = pl.DataFrame({"event_time": minutes}, schema_overrides={"event_time": MOMENT})

    joined = as_of_join(decisions, [source]).collect()

    january, february = 309.698, 310.967
    assert joined["cpi"].to_list() == pytest.approx([january, february, february])


def test_no_real_print_is_known_before_its_release(real_macro: Workspace, real_data: Path) -> None:
    """D-10: every month of the table of releases is known at its release, every other month 90 days after its end."""
    table = pl.read_parquet(real_data / "cpi_release_dates.parquet").select(
        pl.col("reference_month").str.to_date("%Y-%m").dt.offset_by("1mo").cast(MOMENT).alias("event_time"),
        pl.col("release_ts_utc").cast(MOMENT).alias("released"),
    )
    rows = stored(real_macro, symbols=["CPIAUCSL", "CPILFESL"]).join(table, on="event_time", how="left")

    in_table = rows.filter(pl.col("released").is_not_null())
    assert in_table.height == 2 * 45
    assert (in_table["known_time"] == in_table["released"]).all()
    others = rows.filter(pl.col("released").is_null())
    assert (others["known_time"] - others["event_time"]).min() >= timedelta(days=90)


# FRED


@dataclass
class Alfred:
    """The archive of the service: for each series its description and ``(observation, vintage, value)``."""

    kept: dict[str, list[tuple[str, str, str]]]
    frequency: dict[str, str] = field(default_factory=dict)

    def __call__(self, request: SeenRequest) -> Reply:
        query = request.query
        if query.get("api_key") != KEY:
            return refusal(400, "Bad Request.  The value for variable api_key is not registered.")
        series = query["series_id"]
        if series not in self.kept:
            return refusal(400, "Bad Request.  The series does not exist.")
        made = {
            "/fred/series": self._about,
            "/fred/series/vintagedates": self._vintages,
            "/fred/series/observations": self._observations,
        }[request.path]
        return Reply(
            '<?xml version="1.0" encoding="utf-8" ?>\n' + made(series, query), headers={"Content-Type": "text/xml"}
        )

    def _about(self, series: str, _: dict[str, str]) -> str:
        short = self.frequency.get(series, "M")
        return (
            '<seriess realtime_start="2024-06-01" realtime_end="2024-06-01">'
            f'<series id="{series}" title="A title" observation_start="1947-01-01" observation_end="2024-04-01" '
            f'frequency="Some" frequency_short="{short}" units="Units of FRED" units_short="U" '
            'seasonal_adjustment="Seasonally Adjusted" last_updated="2024-05-15 07:43:02-05"/></seriess>'
        )

    def _vintages(self, series: str, _: dict[str, str]) -> str:
        dates = sorted({vintage for _, vintage, _ in self.kept[series]})
        inside = "".join(f"<vintage_date>{day}</vintage_date>" for day in dates)
        return f'<vintage_dates count="{len(dates)}" offset="0" limit="10000">{inside}</vintage_dates>'

    def _observations(self, series: str, query: dict[str, str]) -> str:
        first, last = query["realtime_start"], query["realtime_end"]
        lines = []
        for day in sorted({day for day, _, _ in self.kept[series]}):
            told = sorted((vintage, value) for seen, vintage, value in self.kept[series] if seen == day)
            ends = [vintage for vintage, _ in told[1:]] + ["9999-12-31"]
            lines += [
                f'<observation realtime_start="{max(vintage, first)}" realtime_end="{min(end, last)}" date="{day}" '
                f"value={quoteattr(value)}/>"
                for (vintage, value), end in zip(told, ends, strict=True)
                if vintage <= last and end > first
            ]
        return f'<observations count="{len(lines)}" offset="0" limit="100000">{"".join(lines)}</observations>'


def refusal(code: int, message: str) -> Reply:
    body = f'<?xml version="1.0" encoding="utf-8" ?>\n<error code="{code}" message={quoteattr(message)}/>'
    return Reply(body, code, {"Content-Type": "text/xml"})


GROWTH = [
    ("2023-10-01", "2024-01-25", "27938.8"),
    ("2023-10-01", "2024-02-28", "27944.6"),
    ("2023-10-01", "2024-03-28", "27957.0"),
    ("2024-01-01", "2024-04-25", "28284.5"),
]
YIELDS = [("2024-01-02", "2024-01-03", "3.95"), ("2024-01-03", "2024-01-04", "3.91"), ("2024-01-04", "2024-01-05", ".")]


@pytest.fixture
def alfred(monkeypatch: pytest.MonkeyPatch) -> Alfred:
    monkeypatch.setenv("FRED_API_KEY", KEY)
    return Alfred({"GDP": GROWTH, "DGS10": YIELDS}, {"GDP": "Q", "DGS10": "D"})


@pytest.fixture
def source(alfred: Alfred) -> Iterator[ScriptedSource]:
    with ScriptedSource(alfred) as running:
        yield running


def ask(workspace: Workspace, source: ScriptedSource, *series: str, **settings: Any) -> Collected:
    return collect(workspace, series=list(series), base_url=f"{source.url}/fred", **settings)


def test_every_vintage_is_a_row_that_is_known_when_it_was_published(
    workspace: Workspace, source: ScriptedSource
) -> None:
    """D-10, D-18: a quarter as it stood on each day; a new one from half past eight in New York on."""
    done = ask(workspace, source, "GDP")

    assert (done.complete, done.appended, done.members[0].requests) == (True, 4, 3)
    quarter = moment("2024-01-01T00:00Z")
    as_it_stood = {
        at: stored(workspace, at).filter(pl.col("event_time") == quarter)["value"].to_list()
        for at in ("2024-01-26T04:59:59Z", "2024-01-26T05:00:00Z", "2024-03-29T03:59:59Z", "2024-03-29T04:00:00Z")
    }
    assert list(as_it_stood.values()) == [[], [27938.8], [27944.6], [27957.0]]
    last = stored(workspace).row(1, named=True)
    assert (last["event_time"], last["known_time"]) == (moment("2024-04-01T00:00Z"), moment("2024-04-25T12:30Z"))
    assert (last["unit"], last["source"], last["revised"]) == ("billion USD per year", "fred", False)
    assert ask(workspace, source, "GDP").appended == 0


def test_a_series_without_a_known_time_of_day_is_known_at_the_end_of_the_day(
    workspace: Workspace, source: ScriptedSource, alfred: Alfred
) -> None:
    alfred.kept["MINE"] = [("2024-02-01", "2024-03-12", "1.5")]

    ask(workspace, source, "DGS10", "MINE")

    rows = stored(workspace)
    assert rows.select("series", "value", "unit").rows() == [
        ("DGS10", 3.95, "percent per year"),
        ("DGS10", 3.91, "percent per year"),
        ("MINE", 1.5, "Units of FRED"),
    ]
    assert rows["known_time"].to_list() == [
        moment("2024-01-04T05:00Z"), moment("2024-01-05T05:00Z"), moment("2024-03-13T04:00Z"),
    ]  # fmt: skip


def test_a_revision_outside_the_calendar_is_known_at_the_end_of_its_day(
    workspace: Workspace, source: ScriptedSource, alfred: Alfred
) -> None:
    """D-10: annual revisions come later in the day than the monthly print, which brings revisions too."""
    alfred.kept["INDPRO"] = [
        ("2024-03-01", "2024-04-16", "102.7"),
        ("2024-04-01", "2024-05-16", "102.8"),
        ("2024-03-01", "2024-05-16", "102.6"),
        ("2024-04-01", "2024-06-04", "102.5"),
        ("1990-01-01", "2024-06-04", "61.0"),
    ]

    ask(workspace, source, "INDPRO")

    history = Catalog(workspace).revisions("macro", dataset="macro", as_of=ALL_TIME).collect()  # type: ignore[arg-type]
    assert dict(history.select("value", "known_time").rows()) == {
        102.7: moment("2024-04-17T04:00Z"),
        102.8: moment("2024-05-16T13:15Z"),
        102.6: moment("2024-05-16T13:15Z"),
        102.5: moment("2024-06-05T04:00Z"),
        61.0: moment("2024-06-05T04:00Z"),
    }


@pytest.mark.parametrize(("quarter", "vintage"), [("1985-01-01", "1985-04-18"), ("2025-10-01", "2026-01-29")])
def test_times_of_day_count_only_where_they_were_kept(
    workspace: Workspace, source: ScriptedSource, alfred: Alfred, quarter: str, vintage: str
) -> None:
    """Long ago, and while offices caught up after the shutdown of 2025, releases came at other times of day."""
    alfred.kept["GDP"] = [("1984-10-01", "1985-01-22", "3900"), (quarter, vintage, "4000")]

    ask(workspace, source, "GDP")

    assert stored(workspace)["known_time"][-1] == moment(vintage + "T05:00Z") + timedelta(days=1)


def test_a_forecast_is_not_taken_for_the_value(workspace: Workspace, source: ScriptedSource, alfred: Alfred) -> None:
    alfred.kept["MINE"] = [("2025-01-01", "2024-12-18", "3.9"), ("2023-01-01", "2024-12-18", "5.4")]
    alfred.frequency["MINE"] = "A"

    done = ask(workspace, source, "MINE")

    assert done.members[0].rejected == {"known before its period was over": 1}
    assert stored(workspace)["value"].to_list() == [5.4]


@pytest.mark.parametrize("most_rows", [100_000, 4])
def test_many_vintages_are_asked_for_in_stretches(
    workspace: Workspace, source: ScriptedSource, alfred: Alfred, monkeypatch: pytest.MonkeyPatch, most_rows: int
) -> None:
    """The service refuses more than 2,000 vintages at once, and cuts an answer of 100,000 observations off."""
    months = [f"2023-{month:02}-01" for month in range(1, 4)]
    alfred.kept["MINE"] = [
        (month, f"2023-{4 + place:02}-15", f"{place}.{month[6]}") for place in range(6) for month in months
    ]
    monkeypatch.setattr(macro_connector, "_VINTAGES_PER_REQUEST", 2)
    monkeypatch.setattr(fred, "_MOST_ROWS", most_rows)

    done = ask(workspace, source, "MINE")

    assert (done.complete, done.appended) == (True, 18)
    asked = [request.query for request in source.seen if request.path.endswith("observations")]
    assert len(asked) == (3 if most_rows > 4 else 9)
    history = Catalog(workspace).revisions("macro", dataset="macro", as_of=ALL_TIME).collect()  # type: ignore[arg-type]
    assert history.height == history.unique(["event_time", "known_time"]).height == 18


def test_a_vintage_too_large_to_be_told_is_refused(
    workspace: Workspace, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fred, "_MOST_ROWS", 1)

    done = ask(workspace, source, "GDP")

    assert "more observations than one answer holds" in str(done.members[0].error)
    assert done.members[0].retries == 0


FAULTS = {
    "limited": Fault.limited(retry_after=0.01),
    "503": Fault.status(503),
    "cut": Fault.cut(share=0.5),
    "dropped": Fault.drop(),
    "repeated": Fault.repeat_page(),
    "no XML": Fault(kind="reply", reply=Reply("<html>busy")),
    "limited as documented": Fault(kind="reply", reply=refusal(429, "Too Many Requests.  Exceeded Rate Limit")),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("place", [0, 1, 2], ids=["about", "vintages", "observations"])
def test_a_passing_fault_leaves_no_trace(
    workspace: Workspace, source: ScriptedSource, fault: Fault, place: int
) -> None:
    undisturbed = Fault.cut(share=1.0)
    ask(workspace, source, "DGS10")
    source.next_fault(*[undisturbed] * place, fault)

    done = ask(workspace, source, "GDP")

    assert (done.complete, done.appended, done.members[0].retries) == (True, 4, 1)


def test_fred_keeps_the_contract_of_connectors(alfred: Alfred, tmp_path_factory: pytest.TempPathFactory) -> None:
    check_connector(
        lambda source: connector(series=["GDP", "DGS10"], base_url=f"{source.url}/fred"),
        alfred,
        lambda: Workspace.create(tmp_path_factory.mktemp("contract") / "work"),
    )


def test_a_silent_service_is_given_up(
    workspace: Workspace, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fred, "_SILENCE_SECONDS", 0.2)
    source.next_fault(Fault.hang(5.0))

    done = ask(workspace, source, "GDP")

    assert (done.complete, done.members[0].retries) == (True, 1)


@pytest.mark.parametrize(
    "body",
    [
        "<seriess/>",
        "<vintage_dates><vintage_date>soon</vintage_date></vintage_dates>",
        "<observations><observation date='2024-01-01' value='dear'/></observations>",
    ],
)
def test_an_answer_about_something_else_is_garbled(workspace: Workspace, alfred: Alfred, body: str) -> None:
    with ScriptedSource(lambda request: Reply(body)) as source:
        done = ask(workspace, source, "GDP")

    assert done.members[0].status is SourceStatus.FAILURE
    assert done.members[0].requests == PATIENT.attempts
    assert Catalog(workspace).datasets() == []


def test_a_refused_series_is_reported_and_stops_no_other(workspace: Workspace, source: ScriptedSource) -> None:
    done = ask(workspace, source, "NOWHERE", "GDP")

    refused, fine = done.members
    assert (refused.status, fine.status) == (SourceStatus.FAILURE, SourceStatus.SUCCESS)
    assert "The series does not exist." in str(refused.error)
    assert refused.requests == 1


def test_a_wrong_key_is_refused_at_once_and_shown_nowhere(
    workspace: Workspace, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "0123456789abcdef0123456789abcdef"
    monkeypatch.setenv("FRED_API_KEY", wrong)

    done = ask(workspace, source, "GDP")

    assert done.members[0].requests == 1
    assert "api_key is not registered" in str(done.members[0].error)
    assert "FRED_API_KEY" in str(done.members[0].error)
    assert wrong not in str(done)


def test_without_a_key_nothing_is_asked(
    workspace: Workspace, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FRED_API_KEY")

    with pytest.raises(InputError, match=r"api_key\.html"):
        ask(workspace, source, "GDP")

    assert source.seen == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "a path"),
        ({"series": ["GDP", "GDP"]}, "each once"),
        ({"series": ["GDP&api_key=x"]}, "each once"),
        ({"path": "x.csv", "rules": ["GDP"]}, "SERIES=rule"),
        ({"path": "x.csv", "rules": ["GDP=month end", "GDP=close same day"]}, "one rule per series"),
        ({"path": "x.csv", "start": date(2024, 1, 2), "end": date(2024, 1, 1)}, "not before start"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        connector(**settings)


def test_a_file_that_is_not_there_is_refused_before_anything_is_done(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        collect(workspace, path=tmp_path / "nowhere.csv")
