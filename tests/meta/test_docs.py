"""Documentation is held to what it says: examples run, commands exist, links lead somewhere."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from tidegate.core.config import parse_settings
from tidegate.core.recipe import Recipe
from tidegate.core.time import BarInterval, format_instant, parse_instant
from tidegate.data import trading_calendar
from tidegate.features import CONTRACTS, declared_contract, market_contract
from tidegate.testing import synthetic_panel

PROJECT = Path(__file__).resolve().parents[2]
README = PROJECT / "README.md"
CHINESE_README = PROJECT / "README.zh-CN.md"
LIFE_OF_A_SIGNAL = PROJECT / "docs" / "life_of_a_signal.md"
PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")])
CHINESE_PAGES = [page for page in PAGES if page.name.endswith(".zh-CN.md")]
TEXT_FILES = sorted(
    path
    for pattern in ("*.md", "*.toml", "Makefile", ".ci/*", "docs/**/*.md", "[est]*/**/*.py", "src/**/*.yaml")
    for path in PROJECT.glob(pattern)
)
LIMIT_SECONDS = 600

FENCE = re.compile(r"^```(?P<language>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
DOTTED_NAME = re.compile(r"`(tidegate(?:\.\w+)+)(?:\(\))?`")
OF_ONE_MACHINE = re.compile(r"(?<![\w.])/(?:home|Users|root|work)/\w|[A-Z]:\\\\?Users")


class Block(NamedTuple):
    """One fenced block of a page."""

    language: str
    body: str


def named(paths: list[Path]) -> list[object]:
    return [pytest.param(path, id=str(path.relative_to(PROJECT))) for path in paths]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path) -> list[Block]:
    return [Block(match["language"].strip(), match["body"]) for match in FENCE.finditer(read(path))]


def prose(path: Path) -> str:
    return FENCE.sub("", read(path))


def commands(path: Path) -> list[str]:
    """Return what a reader would type: the lines after ``$`` in console blocks."""
    typed = [
        line[2:]
        for block in blocks(path)
        if block.language == "console"
        for line in block.body.replace("\\\n", " ").splitlines()
        if line.startswith("$ ")
    ]
    return [re.sub(r"\s+#.*$", "", command) for command in typed]


def tidegate_commands() -> list[str]:
    return sorted({command for path in PAGES for command in commands(path) if command.startswith("tidegate ")})


def python_of(path: Path) -> str:
    return "\n".join(block.body for block in blocks(path) if block.language == "python")


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}
    return subprocess.run(
        arguments,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


@cache
def help_of(command: tuple[str, ...]) -> str | None:
    """Return the help of a command, or nothing where there is no such command."""
    done = run([sys.executable, "-m", "tidegate", *command, "--help"], PROJECT)
    return done.stdout if done.returncode == 0 else None


def slug(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def without_comments(block: Block) -> str:
    lines = (re.sub(r"\s+#.*$|^# .*$", "", line).rstrip() for line in block.body.splitlines())
    return "\n".join([block.language, *lines])


# The Chinese pages hold the same code, which the next test checks; once is enough to run it.
@pytest.mark.slow
@pytest.mark.parametrize("page", named([page for page in PAGES if python_of(page) and page not in CHINESE_PAGES]))
def test_python_blocks_run(page: Path, tmp_path: Path) -> None:
    script = tmp_path / "blocks.py"
    script.write_text(python_of(page), encoding="utf-8")
    empty = tmp_path / "empty"
    empty.mkdir()

    done = run([sys.executable, "-W", "error", str(script)], empty)

    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.parametrize("page", named(CHINESE_PAGES))
def test_a_chinese_page_holds_the_same_code(page: Path) -> None:
    english = page.with_name(page.name.replace(".zh-CN", ""))

    code = [re.sub(r"\s*#.*", "", python_of(one)) for one in (english, page)]
    assert code[0] == code[1]


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the README's commands about the demo are typed."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo_session(demo_folder: Path) -> list[str]:
    """Type what the README types about the demo, in its order, and return what each command printed."""
    return session("tidegate-demo", demo_folder)


@pytest.mark.slow
def test_the_commands_about_the_demo_run(demo_session: list[str]) -> None:
    assert len(demo_session) > 3
    assert all(demo_session)


@pytest.mark.slow
def test_the_readme_shows_what_the_demo_prints(demo_session: list[str]) -> None:
    shown = figures(next(block.body for block in blocks(README) if "out of sample" in block.body))

    assert len(shown) > 20
    # Processors differ in the last bits of a logarithm, and a rotation may then choose another name now and then.
    assert figures(demo_session[0]) == pytest.approx(shown, rel=0.02, abs=0.02)


@pytest.mark.slow
@pytest.mark.usefixtures("demo_session")
def test_the_life_of_a_signal_tells_what_happened(demo_folder: Path) -> None:
    runs = demo_folder / "tidegate-demo" / "runs"
    decided = (pl.col("symbol") == "HD") & (pl.col("decided_at") == datetime(2000, 1, 14, 21, tzinfo=UTC))
    fill = pl.concat(map(pl.read_parquet, runs.glob("backtest-*/fills.parquet"))).filter(decided).row(0, named=True)
    text = read(LIFE_OF_A_SIGNAL)

    told = [
        re.search(rf"{words}", text) for words in (r"([\d,.]+) shares at", r"shares at ([\d.]+)", r"paid \| ([\d,.]+)")
    ]
    figures_told = [float(found[1].replace(",", "")) for found in told if found]
    assert figures_told == pytest.approx([fill["quantity"], fill["price"], fill["notional"]], rel=0.02)


@pytest.mark.slow
def test_the_commands_about_a_shares_run(tmp_path: Path) -> None:
    write_tushare_file(tmp_path / "ashare_daily.csv")

    assert len(session("a-share", tmp_path)) > 4


@pytest.mark.slow
def test_the_commands_about_other_bars_run(tmp_path: Path) -> None:
    days = [format_instant(int(close))[:10] for close in sessions("XNYS", "2024-01-02", "2024-03-01")]
    for name in ("prices/AAPL", "prices/SPY", "funds/SHY", "funds/SPY"):
        rows = [f"{day},10,12,9,{11 + number % 2},{5.5 + number % 2},1000" for number, day in enumerate(days)]
        text = "\n".join(["Date,Open,High,Low,Close,Adj Close,Volume", *rows])
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    rows = [f"{day},{10 + number}" for number, day in enumerate(days)]
    (tmp_path / "prices.csv").write_text("\n".join(["Day,Last", *rows]), encoding="utf-8")

    (tmp_path / "my.yaml").write_text(re.findall(r"```yaml\n(.*?)```", read(README), re.DOTALL)[0], encoding="utf-8")

    assert len(session("us", tmp_path)) == 3
    assert len(session("collected", tmp_path)) == 3
    assert len(session("elsewhere", tmp_path)) == 2
    assert len(session("my-bars", tmp_path)) == 3


def sessions(calendar: str, start: str, end: str) -> list[int]:
    """Return the closes of a market's sessions."""
    owed = trading_calendar(calendar).expected(BarInterval("1d"), parse_instant(start), parse_instant(end))
    return [int(close) for close in owed]


def session(workspace: str, folder: Path) -> list[str]:
    typed = [command for command in commands(README) if command.endswith(f"--workspace {workspace}")]
    printed = []
    for command in typed:
        done = run([sys.executable, "-m", *shlex.split(command)], folder)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        printed.append(done.stdout)
    return printed


def figures(text: str) -> list[float]:
    """Return the numbers of a table's lines, which is where the results of a run stand."""
    lines = [line for line in text.splitlines() if re.match(r" *(lightgbm|ridge|strategy|benchmark|index) ", line)]
    return [float(number) for line in lines for number in re.findall(r"[-+]?\d+(?:\.\d+)?(?=[%x/ ]|$)", line)]


def write_tushare_file(path: Path) -> None:
    """Write a year of a synthetic market as Tushare delivers it: newest first, lots, thousand yuan."""
    interval = BarInterval("1d")
    closes = trading_calendar("XSHG").expected(interval, parse_instant("2023-01-01"), parse_instant("2024-02-20"))
    panel = synthetic_panel(7, n_times=len(closes), n_symbols=40, times=closes)
    dates = pl.Series(closes).cast(pl.Datetime("us")).dt.strftime("%Y%m%d")
    columns = {"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 100.0, "traded_value": 1000.0}
    names = {"volume": "vol", "traded_value": "amount"}
    frames = [
        pl.DataFrame(
            {
                "ts_code": pl.repeat(f"{place:06d}.SZ", len(closes), eager=True),
                "trade_date": dates,
                **{names.get(name, name): panel[name][:, place] / unit for name, unit in columns.items()},
                "adj_factor": 1.0,
            }
        )
        for place in range(panel.shape[1])
    ]
    pl.concat(frames).reverse().write_csv(path)


@pytest.mark.parametrize("page", named([page for page in PAGES if any(b.language == "yaml" for b in blocks(page))]))
def test_recipes_on_a_page_load(page: Path, tmp_path: Path) -> None:
    for block in blocks(page):
        if block.language == "python" and (named_so := re.match(r"# (\w+\.py)\n", block.body)):
            (tmp_path / named_so[1]).write_text(block.body, encoding="utf-8")
        if block.language == "yaml":
            recipe = parse_settings(block.body, Recipe, source=page.name, folder=tmp_path)
            assert recipe.models.kinds
            assert declared_contract(recipe.features, recipe.data.interval).names


@pytest.mark.parametrize("page", ["features.md", "features.zh-CN.md"])
def test_the_reference_names_every_feature(page: str) -> None:
    text = read(PROJECT / "docs" / page)
    intervals = {name: BarInterval("5m" if name == "crypto" else "1d") for name in CONTRACTS}
    declared = [one for name, interval in intervals.items() for one in market_contract(name, interval).features]

    assert len(declared) > 200
    assert [feature.name for feature in declared if f"| `{feature.name}` |" not in text] == []


def test_both_pages_of_features_say_the_same() -> None:
    english, chinese = (PROJECT / "docs" / page for page in ("features.md", "features.zh-CN.md"))

    levels = [[len(marks) for marks, _ in HEADING.findall(prose(page))] for page in (english, chinese)]
    assert levels[0] == levels[1]
    assert blocks(english) == blocks(chinese)
    links = [{target for target in LINK.findall(prose(page)) if ".md" in target} for page in (english, chinese)]
    assert links[0] - {chinese.name} == links[1] - {english.name}


def test_the_readme_shows_commands() -> None:
    assert any(command.startswith("tidegate demo") for command in commands(README))


@pytest.mark.parametrize("command", tidegate_commands())
def test_quoted_commands_exist(command: str) -> None:
    words = shlex.split(command)[1:]
    options = [word.split("=")[0] for word in words if word.startswith("--")]
    names = [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]

    known = next((text for length in (2, 1) if length <= len(names) and (text := help_of(tuple(names[:length])))), None)

    assert known is not None, f"no command {command!r}"
    assert [option for option in options if option not in known] == []


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert help_of(("teleport",)) is None


def test_both_readmes_have_the_same_headings() -> None:
    levels = [[len(marks) for marks, _ in HEADING.findall(prose(page))] for page in (README, CHINESE_README)]

    assert levels[0] == levels[1]
    assert len(levels[0]) > 5


def test_both_readmes_have_the_same_code() -> None:
    english, chinese = (list(map(without_comments, blocks(page))) for page in (README, CHINESE_README))

    assert chinese == english


def test_both_readmes_show_the_same_pictures_and_pages() -> None:
    english, chinese = (set(LINK.findall(prose(page))) for page in (README, CHINESE_README))

    # Each shows the report and the page of data in its own language.
    assert english - {CHINESE_README.name} == {
        name.replace(".zh.png", ".png").replace(".zh-CN.md", ".md") for name in chinese
    } - {README.name}


def test_the_life_of_a_signal_names_real_functions() -> None:
    names = DOTTED_NAME.findall(prose(LIFE_OF_A_SIGNAL))

    assert len(names) > 10
    assert [name for name in names if not _exists(name)] == []


def test_a_name_that_does_not_exist_is_noticed() -> None:
    assert not _exists("tidegate.core.time.yesterday")
    assert _exists("tidegate.core.past_view.PastView.latest")


@pytest.mark.parametrize("page", named(PAGES))
def test_relative_links_lead_somewhere(page: Path) -> None:
    broken = [target for target in LINK.findall(prose(page)) if not _leads_somewhere(page, target)]

    assert broken == []


def test_a_broken_link_is_noticed() -> None:
    assert not _leads_somewhere(README, "docs/nowhere.md")
    assert not _leads_somewhere(README, "CONTRIBUTING.md#no-such-heading")
    assert _leads_somewhere(README, "CONTRIBUTING.md#build-and-test")


def test_no_file_names_a_folder_of_one_machine() -> None:
    found = {
        str(path.relative_to(PROJECT)): match[0]
        for path in TEXT_FILES
        if path != Path(__file__) and (match := OF_ONE_MACHINE.search(read(path)))
    }

    assert len(TEXT_FILES) > 50
    assert found == {}


def test_a_folder_of_one_machine_is_noticed() -> None:
    assert OF_ONE_MACHINE.search("see /home/ann/prices.csv")
    assert not OF_ONE_MACHINE.search("see ../home/prices.csv and src/work/x")


def _exists(name: str) -> bool:
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def _leads_somewhere(page: Path, target: str) -> bool:
    if re.match(r"[a-z]+:", target):
        return True
    file, _, anchor = target.partition("#")
    path = page.parent / file if file else page
    if not path.exists():
        return False
    return not anchor or anchor in {slug(text) for _, text in HEADING.findall(prose(path))}
