"""Functions of one's own: over a view of the past, and as Polars expressions; and the files that hold them."""

from __future__ import annotations

import multiprocessing
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from own_markets import FIVE_MINUTES, contract_of, market, rows_that_differ, with_holes

from tidegate.core.errors import DataError, InputError, RecipeError
from tidegate.core.history import History
from tidegate.core.panel import Panel
from tidegate.core.past_view import PastView
from tidegate.core.randomness import generator
from tidegate.core.recipe import FeatureFile, FeatureSettings, Recipe, load_recipe
from tidegate.core.time import instant_of, moment_of
from tidegate.features import (
    Feature,
    FeatureBuilder,
    FeatureContract,
    build_features,
    contract_for,
    feature,
    features_at,
)
from tidegate.features.custom.functions import anchored_rows, block_bars
from tidegate.features.custom.modules import module_features
from tidegate.features.custom.source_code import code_within

CODE = '''
import numpy as np
import polars as pl

from tidegate.core.past_view import PastView
from tidegate.features import feature

DAYS = 20
UNUSED = 1


def gain_of(past):
    return past[-1] / past[0] - 1.0


@feature(group="cross_section", lookback_bars=DAYS, unit="fraction", requires=("close",))
def above_the_others(view: PastView) -> np.ndarray:
    """Gain of 20 bars over that of all symbols."""
    gain = gain_of(view["close"])
    return gain - np.nanmean(gain)


@feature(group="price", lookback_bars=21, unit="log")
def deviation(close: pl.Expr) -> pl.Expr:
    """Deviation of 20 log returns."""
    return close.log().diff().rolling_std(20)


@feature(group="price", lookback_bars=300, unit="fraction", bound=1e-3)
def slope(close: pl.Expr) -> pl.Expr:
    return close.ewm_mean(alpha=0.05) / close - 1.0
'''
FILE = FeatureFile(file="mine.py", code=CODE)
ABOVE, DEVIATION, SLOPE = module_features(FILE)


def price_feature(lookback_bars: int = 2, **more: Any) -> Any:
    return feature(**{"group": "price", "lookback_bars": lookback_bars, "unit": "number", **more})


def file_of(code: str) -> FeatureFile:
    return FeatureFile(file="mine.py", code="from tidegate.features import feature\n" + code)


def test_a_function_of_a_view_by_hand() -> None:
    panel = market(1, rows=30, symbols=3, gaps=0.0)
    gain = panel["close"][29] / panel["close"][10] - 1.0
    built = build_features(panel, contract_of(ABOVE)).values[:, :, 0]

    assert built[29] == pytest.approx(gain - gain.mean(), rel=1e-5)
    assert np.isnan(built[:19]).all()
    assert not np.isnan(built[19:]).any()


def test_an_expression_by_hand() -> None:
    panel = market(1, rows=30, symbols=3, gaps=0.0)
    returns = np.diff(np.log(panel["close"][9:30]), axis=0)
    built = build_features(panel, contract_of(DEVIATION)).values[:, :, 0]

    assert built[29] == pytest.approx(returns.std(axis=0, ddof=1), rel=1e-5)
    assert np.isnan(built[:20]).all()


def test_the_declaration_is_that_of_the_decorator() -> None:
    assert (ABOVE.name, ABOVE.group, ABOVE.unit) == ("above_the_others", "cross_section", "fraction")
    assert ABOVE.description == "Gain of 20 bars over that of all symbols."
    assert (ABOVE.requires, ABOVE.lookback_bars, ABOVE.together) == (("close",), 20, True)
    # A block of 64 bars may end 63 bars after the one whose window it must hold.
    assert (DEVIATION.requires, DEVIATION.lookback_bars, DEVIATION.together) == (("close",), 21 + 63, False)
    assert (SLOPE.description, SLOPE.bound, SLOPE.lookback_bars) == ("slope", 1e-3, 300 + 511)


def test_a_view_shows_the_declared_bars_and_nothing_else() -> None:
    seen: list[tuple[int, int, tuple[str, ...], bool]] = []

    @price_feature(5, requires=("close",))
    def looking(view: PastView) -> float:
        assert "open" not in view
        seen.append((len(view.times), int(view.times[-1]), view.symbols, view.as_of == view.times[-1]))
        return 1.0

    panel = market(1, rows=12, symbols=3)
    build_features(panel, contract_of(looking))

    assert seen == [(5, int(time), panel.symbols, True) for time in panel.times[4:]]


def test_only_wanted_rows_are_called() -> None:
    """Whoever asks for one row must not wait for those that are only there to be looked back at."""
    calls: list[int] = []

    @price_feature(5, requires=("close",))
    def looking(view: PastView) -> float:
        calls.append(len(view.times))
        return 1.0

    panel = market(1, rows=100)
    FeatureBuilder(History(panel), contract_of(looking)).rows(90, 92)

    assert calls == [5, 5]


def test_a_view_cannot_be_written_to() -> None:
    @price_feature(2, requires=("close",))
    def greedy(view: PastView) -> Any:
        view["close"][0] = 1.0

    with pytest.raises(InputError, match=r"greedy at .*read-only"):
        build_features(market(1, rows=5), contract_of(greedy))


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), row=st.integers(0, 1199))
def test_online_equals_batch_to_the_bit(seed: int, row: int) -> None:
    """Crypto D-02; running sums of Polars begin at fixed bars, else their last bits would differ."""
    panel = market(seed, rows=1200, symbols=3)
    contract = contract_of(ABOVE, DEVIATION, SLOPE)

    assert rows_that_differ(panel, contract, range(row, row + 1)) == set()
    if row >= contract.lookback_bars:
        assert rows_that_differ(panel, contract, range(row, row + 1), only_lookback=True) == set()


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_are_left_out_are_missing_bars(seed: int) -> None:
    """Crypto D-12."""
    full = market(seed, rows=300, symbols=3)
    panel = with_holes(full, seed, 270)
    contract = contract_of(ABOVE, DEVIATION)
    known = np.isin(full.times, panel.times)
    columns = {name: np.where(known[:, np.newaxis], column, np.nan) for name, column in full.columns.items()}
    empty = build_features(full.with_columns(columns), contract).values[known]

    assert np.array_equal(build_features(panel, contract).values, empty, equal_nan=True)
    assert rows_that_differ(panel, contract, range(200, 230)) == set()
    assert not np.isnan(empty).all()


def test_running_sums_from_another_start_would_differ() -> None:
    """The guarded thing, broken: without fixed blocks the same expression differs in its last bits."""
    volume = generator(1, "volume").lognormal(3.0, 1.0, (2000, 1))
    panel = market(3, rows=2000, symbols=1).with_columns({"volume": volume})
    deviation = pl.col("volume").rolling_var(20)
    whole, late = (
        pl.DataFrame({"volume": volume[start:, 0]}).select(deviation).to_series().to_numpy() for start in (0, 1003)
    )

    @price_feature(20, requires=("volume",))
    def anchored() -> pl.Expr:
        return deviation

    assert (whole[1203:] != late[200:]).mean() > 0.2
    assert rows_that_differ(panel, contract_of(anchored), range(100, 2000, 37), only_lookback=True) == set()


def test_nan_is_missing_to_polars_too() -> None:
    """A NaN would spoil a running sum for good, where a null only spoils its windows."""

    @price_feature(3)
    def mean_of_three(close: pl.Expr) -> pl.Expr:
        return close.rolling_mean(3)

    panel = market(1, rows=9, symbols=1, gaps=0.0)
    close = panel["close"].copy()
    close[4] = np.nan
    built = build_features(panel.with_columns({"close": close}), contract_of(mean_of_three)).values[:, 0, 0]

    assert np.isnan(built).tolist() == [True, True, False, False, True, True, True, False, False]


def test_an_expression_knows_the_time_and_needs_no_parameters() -> None:
    @price_feature(1, requires=("close",))
    def hour() -> pl.Expr:
        return pl.col("time").dt.hour() + 0.0 * pl.col("close")

    panel = market(1, rows=30, symbols=2, gaps=0.0)
    built = build_features(panel, contract_of(hour)).values[:, 0, 0]

    assert built.tolist() == [moment_of(int(time)).hour for time in panel.times]


LEAKS = {
    "shifted": lambda close: close.shift(-1),
    "centred": lambda close: close.rolling_mean(5, center=True),
    "of_everything": lambda close: close / close.mean(),
    "filled_back": lambda close: close.backward_fill().shift(1).rolling_min(2).backward_fill(),
}


@pytest.mark.parametrize("name", LEAKS)
def test_an_expression_that_looks_ahead_runs_and_shows(name: str) -> None:
    """It is for the audit to name it; batch and online differ, and nothing crashes."""
    leak = price_feature(5, name=name)(LEAKS[name])

    assert rows_that_differ(market(2, gaps=0.3), contract_of(leak), range(100, 200)) == {name}


@pytest.mark.parametrize(
    ("expression", "lookback_bars"),
    [
        (lambda close: close.cum_sum(), 20),
        (lambda close: close.ewm_mean(alpha=0.1), 20),
        (lambda close: close.rolling_mean(50), 20),
        (lambda close: close - close.shift(20), 20),
    ],
    ids=["cumulative", "recursive", "longer_window", "one_bar_short"],
)
def test_an_expression_that_reads_more_than_it_declares_is_refused(expression: Any, lookback_bars: int) -> None:
    with pytest.raises(InputError, match="reads more than its 20 bars"):
        price_feature(lookback_bars, name="forgetful")(expression)


def test_a_recursion_that_declares_its_warm_up_and_bound_is_taken() -> None:
    """After 300 bars 0.95 ** 300 of the weight is elsewhere, two in ten million."""
    panel = market(1, rows=1500, symbols=2, gaps=0.0)
    endless = pl.DataFrame({"close": panel["close"][:, 0]}).select(pl.col("close").ewm_mean(alpha=0.05)).to_series()
    expected = endless.to_numpy() / panel["close"][:, 0] - 1.0
    built = build_features(panel, contract_of(SLOPE)).values[:, 0, 0]

    assert np.abs(built[SLOPE.lookback_bars :] - expected[SLOPE.lookback_bars :]).max() < SLOPE.bound


def test_blocks_begin_at_fixed_bars() -> None:
    times = np.arange(1000, 1300)
    read, blocks, own = anchored_rows(times, 100, 64, 20)

    assert read[own].tolist() == list(range(88, 300))  # 1088 = 17 * 64 is the first multiple at or before row 100
    assert [int(times[read[(blocks == block) & own][0]]) for block in range(4)] == [1088, 1152, 1216, 1280]
    assert all(np.sum((blocks == block) & ~own) == 19 for block in range(4))
    assert [block_bars(bars) for bars in (1, 64, 65)] == [64, 64, 128]


WRONG = {
    "no_column": (lambda view: view["open"][-1], "no column 'open'.*requires="),
    "no_rows": (lambda view: view.rows("posts"), "no rows of 'posts'.*tables="),
    "of_all_rows": (lambda view: view["close"], "shape \\(2, 5\\).*one number per symbol"),
    "text": (lambda view: "high", "ValueError: could not convert"),
    "division": (lambda view: 1 // 0, "ZeroDivisionError"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_function_that_fails_is_named(name: str) -> None:
    function, message = WRONG[name]

    with pytest.raises(InputError, match=f"feature {name}.*{message}"):
        build_features(market(1, rows=9), contract_of(price_feature(2, requires=("close",), name=name)(function)))


@pytest.mark.parametrize(
    ("function", "more", "message"),
    [
        (lambda close: 3, {}, "an? int"),
        (lambda close: pl.all(), {}, "one Polars expression"),
        (lambda close: close.nothing(), {}, "AttributeError"),
        (lambda close: close.str.to_uppercase(), {}, "SchemaError|Error"),
        (lambda close: close.filter(close > 100.0), {}, "ShapeError|Error"),
        (lambda: pl.lit(1), {}, "reads no column"),
        (lambda view: 1.0, {}, "reads no column"),
        (lambda close: close, {"name": None}, "a feature named '<lambda>'"),
        (lambda close: close, {"tables": ("posts",)}, "tables for a function of a PastView alone"),
        (lambda close: close, {"lookback_bars": 0}, "from 1 to 100,000"),
        (lambda close: close, {"group": "prise"}, "group 'prise'"),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused(function: Any, more: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        price_feature(**{"name": "mine", **more})(function)


def posts_of(panel: Panel, rows: list[int]) -> pl.DataFrame:
    moments = [moment_of(int(panel.times[row])) for row in rows]
    return pl.DataFrame(
        {"event_time": moments, "known_time": moments}, schema_overrides={"event_time": pl.Datetime("us", "UTC")}
    ).with_columns(pl.col("known_time").cast(pl.Datetime("us", "UTC")))


def test_a_view_shows_rows_of_a_slower_source_that_were_known() -> None:
    @price_feature(2, requires=("close",), tables=("posts",))
    def count(view: PastView) -> float:
        return float(view.rows("posts").height)

    panel = market(1, rows=12, symbols=2)
    history = History(panel, {"posts": posts_of(panel, [3, 3, 7])})
    contract = contract_of(count)

    assert build_features(history, contract).values[:, 0, 0].tolist()[1:] == [0.0] * 2 + [2.0] * 4 + [3.0] * 5
    assert features_at(PastView(history, instant_of(moment_of(int(panel.times[7])))), contract).tolist() == [
        [3.0],
        [3.0],
    ]
    with pytest.raises(DataError, match="no rows of 'posts'"):
        build_features(panel, contract)


def test_what_a_view_shows_of_a_source_counts_as_what_was_read() -> None:
    """A stored block must be built again when a post that it could see was corrected."""

    @price_feature(2, requires=("close",), tables=("posts",))
    def count(view: PastView) -> float:
        return float(view.rows("posts").height)

    panel = market(1, rows=12, symbols=2)
    readings = [
        FeatureBuilder(History(panel, {"posts": posts_of(panel, rows)}), contract_of(count)).read(4, 6).fingerprint()
        for rows in ([3], [4], [3, 9])
    ]

    assert readings[0] != readings[1]
    assert readings[0] == readings[2]


# Files.


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.py").write_text(CODE, encoding="utf-8")
    content = {
        "name": "mine",
        "data": {"dataset": "bars", "interval": "5m"},
        "split": {"first_test": "2015-01-01"},
        "models": {"lightgbm": {}},
        "costs": {"preset": "us-equity"},
        "features": {"groups": ["volume"], "expressions": {"zz": "close"}, "modules": ["own/mine.py"]},
    }
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_a_file_joins_the_contract_after_the_formulas(recipe_file: Path) -> None:
    recipe = load_recipe(recipe_file)
    panel = market(1, rows=40)
    contract = contract_for(panel, recipe.features, interval=FIVE_MINUTES)

    assert contract.names[-4:] == ("zz", "above_the_others", "deviation", "slope")
    assert {one.group for one in contract.features[:-4]} == {"volume"}
    assert not np.isnan(build_features(panel, contract).column("above_the_others")[25:]).all()


def test_a_run_stores_the_code_and_not_where_it_lay(recipe_file: Path) -> None:
    recipe = load_recipe(recipe_file)
    stored = Recipe.model_validate_json(recipe.model_dump_json(by_alias=True))

    assert recipe.features.modules == (FILE,)
    assert stored == recipe
    assert contract_for(market(1, rows=3), stored.features, interval=FIVE_MINUTES).names[-1] == "slope"


def test_changed_code_is_another_training_and_another_contract(recipe_file: Path) -> None:
    before = load_recipe(recipe_file)
    (recipe_file.parent / "own" / "mine.py").write_text(CODE.replace("DAYS = 20", "DAYS = 21"), encoding="utf-8")
    after = load_recipe(recipe_file)
    contracts = [contract_for(market(1, rows=3), one.features, interval=FIVE_MINUTES) for one in (before, after)]

    assert before.training_fingerprint() != after.training_fingerprint()
    assert contracts[0].fingerprint != contracts[1].fingerprint
    with pytest.raises(InputError, match="changed since"):
        FeatureContract.from_document(contracts[0].as_document(), contracts[1])


def implementations(code: str) -> dict[str, str]:
    return {one.name: one.implementation for one in module_features(FeatureFile(file="mine.py", code=code))}


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("UNUSED = 1", "UNUSED = 2  # nobody reads it", set()),
        ("\n\n\ndef gain_of", "\n# A helper.\ndef gain_of", set()),
        ("past[0] - 1.0", "past[0] - 2.0", {"above_the_others"}),
        ("import numpy as np", "import numpy as np, math", {"above_the_others"}),
        ("rolling_std(20)", "rolling_std(19)", {"deviation"}),
        ("bars=21", "bars=22", {"deviation"}),
    ],
    ids=["unused", "comment", "helper", "import", "body", "decorator"],
)
def test_the_hash_is_of_the_function_and_all_that_it_uses(old: str, new: str, changed: set[str]) -> None:
    before, after = implementations(CODE), implementations(CODE.replace(old, new, 1))

    assert {name for name in before if before[name] != after[name]} == changed


def test_functions_made_in_a_loop_are_features_and_the_whole_file_is_their_code() -> None:
    code = """
def declare(bars):
    @feature(group="price", lookback_bars=bars, unit="fraction", name=f"mean_{bars}")
    def mean(close):
        return close.rolling_mean(bars)

for bars in (5, 10):
    declare(bars)
"""
    made = module_features(file_of(code))

    assert [one.name for one in made] == ["mean_5", "mean_10"]
    assert made[0].implementation != made[1].implementation
    assert code_within(code, "declare.<locals>.mean") == code_within(code, "nothing")


PRICE = "@feature(group='price', unit='x', lookback_bars=2)\n"
BROKEN = {
    "x = 1\ny = (\n": "mine.py:3: SyntaxError",
    "import polars\n1 / 0\n": "mine.py:3: ZeroDivisionError: division by zero",
    "import a_package_that_is_not_there\n": "mine.py:2: ModuleNotFoundError",
    "raise SystemExit(3)\n": "mine.py:2: SystemExit: 3",
    "x = 1\n": "mine.py: no feature",
    f"{PRICE}def a(close):\n    return close.nothing()\n": "mine.py:4.*nothing",
    f"{PRICE.replace('price', 'prise')}def a(close):\n    return close\n": "mine.py:.*group 'prise'",
    "@feature(group='price')\ndef a(close):\n    return close\n": "mine.py:2: @feature.*missing .*lookback_bars",
    "f = feature(group='price', unit='x', lookback_bars=2, name='twice')\n"
    "f(lambda close: close)\nf(lambda close: -close)\n": "mine.py: features twice more than once",
}


@pytest.mark.parametrize(("code", "message"), BROKEN.items(), ids=[text[-25:] for text in BROKEN.values()])
def test_a_file_that_does_not_run_is_named_with_its_line(code: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        module_features(file_of(code))


def test_a_function_that_fails_later_is_named_with_its_line_too() -> None:
    code = PRICE.replace("2)", "2, requires=('close',))") + "def a(view):\n    return {}['nothing']\n"
    (broken,) = module_features(file_of(code))

    with pytest.raises(InputError, match=r"mine\.py:4: feature a at .*KeyError: 'nothing'"):
        build_features(market(1, rows=4), contract_of(broken))


def test_a_file_that_is_not_there_is_named_with_the_line_of_the_recipe(recipe_file: Path) -> None:
    (recipe_file.parent / "own" / "mine.py").unlink()

    with pytest.raises(RecipeError, match=r"mine\.yaml:\d+: features\.modules\.0 = 'own/mine\.py'; .*No such file"):
        load_recipe(recipe_file)


def test_a_file_that_is_no_text_is_refused(recipe_file: Path) -> None:
    (recipe_file.parent / "own" / "mine.py").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(RecipeError, match="not UTF-8"):
        load_recipe(recipe_file)


def test_names_are_the_recipes_own() -> None:
    code = f"{PRICE}def log_return_5(close):\n    return close\n"

    with pytest.raises(RecipeError, match=r"log_return_5.*the market's contract"):
        contract_for({"close"}, FeatureSettings(modules=(file_of(code),)))
    mine = code.replace("log_return_5", "mine")
    with pytest.raises(RecipeError, match="'mine', which is in the recipe"):
        contract_for({"close"}, FeatureSettings(modules=(file_of(mine),), expressions={"mine": "close"}))


def test_only_features_made_in_the_file_are_taken() -> None:
    code = (
        "from tidegate.features.formulas.daily import FEATURES\nimported = FEATURES[0]\n"
        f"{PRICE}def mine(close):\n    return close\n"
    )

    assert [one.name for one in module_features(file_of(code))] == ["mine"]


def newest_in_another_process(features: tuple[Feature, ...], panel_seed: int) -> list[float]:
    values: list[float] = build_features(market(panel_seed, rows=40), contract_of(*features)).values[-1, 0].tolist()
    return values


def test_features_of_a_file_survive_a_spawned_process() -> None:
    """The audit evaluates each history in a process of its own."""
    features = (ABOVE, DEVIATION)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply(newest_in_another_process, (features, 1))

    assert there == newest_in_another_process(features, 1)
    assert pickle.loads(pickle.dumps(ABOVE)) == ABOVE


def test_a_feature_of_a_plain_script_works_without_a_recipe() -> None:
    @price_feature(2)
    def change(close: pl.Expr) -> pl.Expr:
        """Change of one bar."""
        return close - close.shift(1)

    panel = market(1, rows=5, symbols=2, gaps=0.0)

    assert build_features(panel, contract_of(change)).values[1:, :, 0] == pytest.approx(
        np.diff(panel["close"], axis=0), rel=1e-5
    )
    assert len(change.implementation) == 64
    assert moment_of(int(panel.times[0])) < datetime.now(UTC)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("@feature", "mine.py:3: @feature without brackets"),
        ('@feature(group="price", lookback_bars=2)', "missing a required .*argument: 'unit'"),
        ('@feature(group="price", lookback=2, unit="log")', "'lookback(_bars)?'"),
        ("@feature()", "missing a required .*argument: 'group'"),
    ],
)
def test_a_decorator_that_is_written_otherwise_is_told_how(written: str, found: str) -> None:
    code = f"\n{written}\ndef mine(close):\n    return close.log()\n"
    with pytest.raises(RecipeError, match=found) as refused:
        module_features(file_of(code))

    assert refused.value.hint == 'write: @feature(group="price", lookback_bars=20, unit="fraction")'
    assert "requires" in refused.value.expected
    with pytest.raises(InputError, match="@feature"):
        exec(code, {"feature": feature})
