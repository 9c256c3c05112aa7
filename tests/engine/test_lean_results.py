"""LEAN's summaries read as our results (E.8, B.5), and the file of scores that its algorithms read (A.12)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import DataError, InputError
from tidegate.core.time import DAY, Instant, parse_instant
from tidegate.engine.lean_results import read_summary
from tidegate.engine.lean_scores import read_score_file, score_rows, write_score_file
from tidegate.engine.lean_statistics import lean_statistics, lean_summary, parse_statistic
from tidegate.evaluate.performance import Performance

RUN_462: dict[str, Any] = {
    "statistics": {
        "Total Orders": "2,310",
        "Compounding Annual Return": "14.007%",
        "Drawdown": "14.900%",
        "Start Equity": "30000",
        "End Equity": "66,140.12",
        "Net Profit": "120.467%",
        "Sharpe Ratio": "0.861",
        "Annual Standard Deviation": "0.093",
        "Total Fees": "$2,460.11",
    },
    "runtimeStatistics": {"Total Fees": "$2,460.12", "VolScale": "100.00%"},
    "state": {"Status": "Completed", "RuntimeError": ""},
    "algorithmConfiguration": {"startDate": "2020-01-01T00:00:00Z", "endDate": "2026-01-13T23:59:59Z"},
}


def changed(**parts: Any) -> dict[str, Any]:
    """Return the summary with some statistics replaced, and taken out where they are None."""
    statistics = {**RUN_462["statistics"], **parts}
    return {**RUN_462, "statistics": {name: text for name, text in statistics.items() if text is not None}}


def write(folder: Path, content: Any) -> Path:
    path = folder / "462-summary.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("14.007%", 0.14007), ("1,234.5%", 12.345), ("-0.160%", -0.0016), ("-0.16 %", -0.0016)),
        *(("$-12.30", -12.3), ("-$1,000", -1000.0), ("0", 0.0), ("0%", 0.0), ("1E-05", 1e-5)),
    ],
)
def test_texts_are_numbers(text: str, value: float) -> None:
    """Equity I 10: ``1,234.5%`` is parsed."""
    assert parse_statistic(text) == value


@pytest.mark.parametrize("text", ["", "NaN", "Infinity", "1,23%", "12,345,6", "1.2.3", "%", "a lot", "1e999"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_statistic(text)


def test_a_summary_becomes_a_performance(tmp_path: Path) -> None:
    found = read_summary(write(tmp_path, RUN_462), status="success", window=(date(2020, 1, 1), date(2026, 1, 13)))

    figures = found.performance
    assert (figures.cagr, figures.max_drawdown, figures.sharpe, figures.volatility) == (0.14007, 0.149, 0.861, 0.093)
    assert figures.total_return == pytest.approx(66_140.12 / 30_000.0 - 1.0, abs=1e-12)
    assert figures.start == parse_instant("2020-01-01")
    assert figures.years == pytest.approx(6.036, abs=1e-3)
    assert found.statistics["Total Fees"] == "$2,460.12"


def test_full_precision_counts_where_it_is_there(tmp_path: Path) -> None:
    """Equity I 10 and B.5: 15.040 % is above a limit of 15 % although the text rounds it to the limit."""
    summary = changed(Drawdown="15.000%")
    fractions = {"drawdown": "0.1504", "compoundingAnnualReturn": 0.1401}
    found = read_summary(write(tmp_path, {**summary, "totalPerformance": {"portfolioStatistics": fractions}}))

    assert found.performance.max_drawdown == 0.1504 > 0.15
    assert found.performance.cagr == 0.14007  # here the text has the digit more


@pytest.mark.parametrize(
    ("text", "fraction", "is_rounded"),
    [("15.000%", None, True), ("15.000%", "0.15", True), ("14.873%", None, False), ("14.900%", "0.14873", False)],
)
def test_a_drawdown_known_to_a_tenth_of_a_point_is_told(
    tmp_path: Path, text: str, fraction: str | None, is_rounded: bool
) -> None:
    """Equity B.5: LEAN rounds both places to three digits of the fraction."""
    content = {**changed(Drawdown=text), "totalPerformance": {"portfolioStatistics": {"drawdown": fraction}}}

    assert read_summary(write(tmp_path, content)).is_drawdown_rounded is is_rounded


def test_ratios_are_read_where_they_are(tmp_path: Path) -> None:
    """Equity E.8: the Sortino ratio and the turnover of a mean day, which break ties."""
    found = read_summary(write(tmp_path, changed(**{"Sortino Ratio": "0.912", "Portfolio Turnover": "1.60%"})))

    assert (found.sortino, found.turnover) == (0.912, 0.016)
    assert read_summary(write(tmp_path, RUN_462)).turnover is None


def test_fractions_stand_in_for_missing_texts(tmp_path: Path) -> None:
    fractions = {"drawdown": 0.149, "compoundingAnnualReturn": 0.14, "annualStandardDeviation": 0.09}
    content = {
        **RUN_462,
        "statistics": {},
        "totalPerformance": {"portfolioStatistics": {**fractions, "totalNetProfit": 1.2}},
    }

    figures = read_summary(write(tmp_path, content)).performance

    assert (figures.max_drawdown, figures.total_return, figures.sharpe) == (0.149, 1.2, None)


@pytest.mark.parametrize("name", ["Drawdown", "Compounding Annual Return", "Annual Standard Deviation"])
@pytest.mark.parametrize("text", [None, "", "NaN"])
def test_a_missing_figure_is_not_0(tmp_path: Path, name: str, text: str | None) -> None:
    """Equity H 7 and I 10: a run without a drawdown was scored as one without losses."""
    with pytest.raises(InputError, match=name):
        read_summary(write(tmp_path, changed(**{name: text})))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("state", {"Status": "RuntimeError"}),
        ("state", {"Status": "Completed", "RuntimeError": "division by zero\n at line 1"}),
        ("status", "failed"),
        ("totalPerformance", {"portfolioStatistics": {"drawdown": 0.2}}),
        ("algorithmConfiguration", {}),
        ("algorithmConfiguration", {"startDate": "2020-01-01", "endDate": "2019-01-01"}),
        ("algorithmConfiguration", {"startDate": "2020-01-01", "endDate": "whenever"}),
        ("statistics", ["Drawdown"]),
    ],
)
def test_what_did_not_succeed_or_contradicts_itself_is_refused(tmp_path: Path, part: str, value: Any) -> None:
    with pytest.raises(InputError, match="462-summary"):
        read_summary(write(tmp_path, {**RUN_462, part: value}))


@pytest.mark.parametrize("status", ["failed", "running", "queued", ""])
def test_the_platform_knows_whether_it_succeeded(tmp_path: Path, status: str) -> None:
    with pytest.raises(InputError):
        read_summary(write(tmp_path, RUN_462), status=status)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("End Equity", "1", "Net Profit"),
        ("Net Profit", "12.0467%", "Net Profit"),
        ("Start Equity", "0", "start equity"),
        ("Start Equity", "-30000", "start equity"),
        ("Annual Standard Deviation", "-0.093", "deviation"),
    ],
)
def test_figures_that_no_account_has_are_refused(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_summary(write(tmp_path, changed(**{name: text})))


@pytest.mark.parametrize("depth", ["120%", "-3%"])
def test_an_impossible_drawdown_is_refused(tmp_path: Path, depth: str) -> None:
    with pytest.raises(InputError, match="drawdown"):
        read_summary(write(tmp_path, changed(Drawdown=depth)))


def test_the_window_is_the_one_asked_for(tmp_path: Path) -> None:
    """Equity E.8: LEAN shortens a backtest to the data that it has, and its equity curve tells."""
    first, last = (int(datetime(*day, tzinfo=UTC).timestamp()) for day in ((2020, 1, 2), (2025, 6, 30)))
    curve = {"values": [[first, 3e4, 3e4, 3e4, 3e4], {"x": last, "y": 6e4}]}
    path = write(tmp_path, {**RUN_462, "charts": {"Strategy Equity": {"series": {"Equity": curve}}}})

    assert read_summary(path, window=(date(2020, 1, 1), None)).performance.end == Instant(last * 1_000_000)
    with pytest.raises(InputError, match="2025-06-30"):
        read_summary(path, window=(date(2020, 1, 1), date(2026, 1, 13)))
    with pytest.raises(InputError, match="start"):
        read_summary(path, window=(date(2019, 1, 1), None))


PLAIN = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6)
)
ANYTHING = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner))
PLACES = st.sampled_from(
    [
        *(("statistics",), ("statistics", "Drawdown"), ("runtimeStatistics",), ("state",), ("state", "Status")),
        *(("state", "RuntimeError"), ("algorithmConfiguration",), ("algorithmConfiguration", "startDate")),
        *(("totalPerformance",), ("totalPerformance", "portfolioStatistics", "drawdown"), ("status",)),
        *(("charts",), ("charts", "Strategy Equity", "series", "Equity", "values")),
    ]
)


@given(place=PLACES, value=ANYTHING)
def test_any_document_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[str, ...], value: Any
) -> None:
    """Bad input never ends in a traceback."""
    content: dict[str, Any] = json.loads(json.dumps(RUN_462))
    part = content
    for name in place[:-1]:
        part = part.setdefault(name, {})
    part[place[-1]] = value
    path = write(tmp_path_factory.mktemp("lean"), content)

    try:
        found = read_summary(path, window=(date(2020, 1, 1), date(2026, 1, 13)))
    except InputError:
        return
    json.dumps(found.as_dict(), allow_nan=False)


@pytest.mark.parametrize("text", ["", "[]", "{", "\udcff"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(InputError, match=r"other\.json"):
        read_summary(path)
    with pytest.raises(InputError, match="nowhere"):
        read_summary(tmp_path / "nowhere.json")


FRACTIONS = st.floats(0.0, 0.99)


@given(cagr=st.floats(-0.9, 3.0), depth=FRACTIONS, volatility=FRACTIONS, grown=st.floats(-0.9, 50.0))
def test_our_results_survive_the_way_there_and_back(
    tmp_path_factory: pytest.TempPathFactory, cagr: float, depth: float, volatility: float, grown: float
) -> None:
    start, end = parse_instant("2020-01-02"), parse_instant("2026-01-13")
    ours = Performance(
        cagr=cagr, volatility=volatility, sharpe=None, max_drawdown=depth, drawdown_start=start, drawdown_end=end,
        total_return=grown, years=(end - start) / DAY / 365.25, start=start, end=end,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("lean") / "ours-summary.json"
    path.write_text(json.dumps(lean_summary(ours, start_equity=30_000.0, costs=1.0)), encoding="utf-8")

    back = read_summary(path).performance

    assert back.total_return == pytest.approx(grown, rel=1e-12, abs=1e-12)
    assert (back.cagr, back.max_drawdown, back.volatility) == (cagr, depth, volatility)
    assert (back.start, back.end, back.years) == (start, end, ours.years)


def test_our_statistics_are_texts_of_lean() -> None:
    start, end = parse_instant("2020-01-02"), parse_instant("2026-01-13")
    ours = Performance(
        cagr=0.14006952, volatility=0.0931, sharpe=0.8611, max_drawdown=0.14873, drawdown_start=start,
        drawdown_end=end, total_return=1.2, years=6.0, start=start, end=end,
    )  # fmt: skip

    assert lean_statistics(ours, start_equity=30_000.0, costs=12.3) == {
        "Compounding Annual Return": "14.007%",
        "Drawdown": "14.873%",
        "Start Equity": "30000.00",
        "End Equity": "66000.00",
        "Net Profit": "120.000%",
        "Annual Standard Deviation": "0.093",
        "Annual Variance": "0.009",
        "Sharpe Ratio": "0.861",
        "Total Fees": "$12.30",
    }


def frame(*rows: tuple[str, str, float | None]) -> pl.DataFrame:
    times = [datetime.fromisoformat(row[0]).replace(tzinfo=UTC) for row in rows]
    symbols, values = [row[1] for row in rows], [row[2] for row in rows]
    scores = {"time": times, "symbol": symbols, "score": values}
    return pl.DataFrame(scores, schema_overrides={"score": pl.Float64, "time": pl.Datetime("us", "UTC")})


def test_scores_are_written_as_lean_reads_them(tmp_path: Path) -> None:
    """A score of a session carries its day, also where the bar of a day ends at the midnight after it."""
    scores = frame(
        ("2024-01-05T21:00", "msft", 0.1), ("2024-01-06T00:00", "BTC", 1e-7), ("2024-01-02T21:00", "A", -2.0)
    )

    written = write_score_file(scores, tmp_path / "scores.csv")

    lines = (tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["date,symbol,score", "2024-01-02,A,-2.0"]
    assert [line.split(",")[:2] for line in lines[2:]] == [["2024-01-05", "BTC"], ["2024-01-05", "MSFT"]]
    assert (written.rows, written.symbols, written.first) == (3, 3, date(2024, 1, 2))
    assert read_score_file(tmp_path / "scores.csv").equals(score_rows(scores))


@pytest.mark.parametrize(
    "scores",
    [
        frame(("2024-01-05T21:00", "A", float("nan"))),
        frame(("2024-01-05T21:00", "A", float("inf"))),
        frame(("2024-01-05T21:00", "A", None)),
        frame(("2024-01-05T21:00", "A", 1.0), ("2024-01-05T20:00", "a", 2.0)),
        frame(("2024-01-05T21:00", "A,B", 1.0)),
        frame(("2024-01-05T21:00", "", 1.0)),
        frame(),
    ],
)
def test_scores_that_would_be_misread_are_not_written(tmp_path: Path, scores: pl.DataFrame) -> None:
    with pytest.raises(DataError):
        write_score_file(scores, tmp_path / "scores.csv")
    assert list(tmp_path.iterdir()) == []


def test_dates_without_zeros_are_read_and_rows_put_in_order(tmp_path: Path) -> None:
    """Equity I 5 and A.12: ``2024-1-5`` matched no session; other columns are left out."""
    path = tmp_path / "scores.csv"
    path.write_text("symbol,date,score,model_id\nmsft,2024-1-15,2,m\n aapl ,2024-1-5,1e-3,m\n", encoding="utf-8")

    assert read_score_file(path).rows() == [(date(2024, 1, 5), "AAPL", 0.001), (date(2024, 1, 15), "MSFT", 2.0)]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("2024-01-05,A,nan", "not finite"),
        ("2024-01-05,A,-inf", "not finite"),
        ("2024-01-04,A,1\n2024-01-05,A,much", ":3: score 'much'"),
        ("2024-01-05,A,", "score ''"),
        ("2024-01-05,,1", "name"),
        (",A,1", "date ''"),
        ("2024-02-30,A,1", "date '2024-02-30'"),
        ("05/01/2024,A,1", "date"),
        ("2024-01-05,A,1\n2024-1-5,a,2", "two scores"),
        ("", "no row"),
    ],
)
def test_a_bad_file_of_scores_is_refused(tmp_path: Path, rows: str, told: str) -> None:
    """Equity I 5 and A.12: NaN and infinities broke the ranking, and of two scores the last one won."""
    path = tmp_path / "scores.csv"
    path.write_text(f"date,symbol,score\n{rows}\n" if rows else "date,symbol,score\n", encoding="utf-8")

    with pytest.raises(DataError) as refused:
        read_score_file(path)

    assert told in refused.value.found
    assert "scores.csv" in refused.value.found


@pytest.mark.parametrize("text", ["", "when,who,what\n1,2,3\n", "date,symbol,score\n1,2,3,4,5\n", None])
def test_no_file_of_scores_is_refused(tmp_path: Path, text: str | None) -> None:
    """Equity A.12: without a file the original held cash and called it success."""
    path = tmp_path / "scores.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")

    with pytest.raises(InputError):
        read_score_file(path)
