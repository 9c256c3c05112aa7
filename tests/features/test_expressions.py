"""Formulas in a recipe: a small language that is read and never run as code."""

from __future__ import annotations

import pickle
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from own_markets import FIVE_MINUTES, contract_of, market, rows_that_differ, with_holes

from tidegate.core.config import parse_settings
from tidegate.core.errors import DataError, RecipeError
from tidegate.core.recipe import ExpressionSettings, FeatureSettings, Recipe
from tidegate.core.time import DAILY
from tidegate.features import Feature, FeatureContract, build_features, contract_for, declared_contract, market_contract
from tidegate.features.custom import CALLS, expression_feature, read_formula
from tidegate.testing import synthetic_panel

COLUMNS = {"open", "high", "low", "close", "volume"}
US = market_contract("us-equity", DAILY)

RECIPE = """name: mine
data: {dataset: us-equity}
split: {first_test: 2015-01-01}
models: {lightgbm: {}}
costs: {preset: us-equity}
features:
  groups: [volume]
  expressions:
    my_bias: close / mean(close, 20) - 1
    my_rank:
      formula: rank(delta(log(close), 5))
      description: Who rose most in a week
"""


def of(formula: str, **said: str) -> Feature:
    return expression_feature("mine", ExpressionSettings(formula=formula, **said), US)


def values_of(formula: str, columns: dict[str, list[float]]) -> list[float]:
    """Return the value of a formula at the last row of one symbol, as float32 makes it."""
    rows = len(next(iter(columns.values())))
    panel = synthetic_panel(1, rows, 1).with_columns({name: np.array([column]).T for name, column in columns.items()})
    return build_features(panel, FeatureContract((of(formula),))).values[:, 0, 0].tolist()


HAND = {
    "close": 8.0,
    "-close + 2 * 3": -2.0,
    "close / open - 1": 3.0,
    "close / (open - 2)": np.nan,
    "open ** 3": 8.0,
    "(open - 9) ** 0.5": np.nan,
    "1e300 ** open": np.nan,
    "lag(close, 2)": 2.0,
    "delta(close, 2)": 6.0,
    "mean(close, 2)": 6.0,
    "sum(close, 3)": 14.0,
    "min(close, 3)": 2.0,
    "max(close, 3)": 8.0,
    "std(close, 3)": 3.0550504633,
    "zscore(close, 3)": 1.0910894512,
    "zscore(open, 3)": np.nan,
    "log(close)": 2.0794415417,
    "log(close - 8)": np.nan,
    "exp(open)": 7.3890560989,
    "abs(open - close)": 6.0,
    "sqrt(close + 1)": 3.0,
    "sign(open - close)": -1.0,
    "clip(close, 0, open)": 2.0,
    "where(close > open, 10, 20)": 10.0,
    "where(close < open, 10, 20)": 20.0,
    "where(lag(close, 9) > 1, 10, 20)": np.nan,
    "(close > 7) * (close <= 8) + (open == 2) + (open != 2)": 2.0,
    "close - lag(mean(close, 2), 1)": 5.0,
}


@pytest.mark.parametrize(("formula", "expected"), HAND.items(), ids=HAND)
def test_values_by_hand(formula: str, expected: float) -> None:
    value = values_of(formula, {"close": [2.0, 4.0, 8.0], "open": [2.0, 2.0, 2.0]})[-1]

    assert value == pytest.approx(expected, rel=1e-6, nan_ok=True)


def test_an_exponential_average_is_that_of_the_textbook() -> None:
    close = (10.0 + np.arange(120.0) % 7).tolist()
    average = close[0]
    for value in close[1:]:
        average += 2.0 / 6.0 * (value - average)

    assert values_of("ema(close, 5)", {"close": close})[-1] == pytest.approx(average, rel=1e-6)


def test_a_missing_value_stays_missing_and_no_window_grows_over_it() -> None:
    """Equity C.3: a gap yields missing, never a longer horizon."""
    close = [1.0, 2.0, np.nan, 4.0, 5.0, 6.0]

    assert np.isnan(values_of("mean(close, 3)", {"close": close})).tolist() == [True] * 5 + [False]
    assert np.isnan(values_of("close > 3", {"close": close})).tolist() == [False, False, True, False, False, False]


def test_a_price_that_is_not_positive_is_missing() -> None:
    assert np.isnan(values_of("close", {"close": [-3.0, 0.0, np.inf, 1.0]})).tolist() == [True] * 3 + [False]


LOOKBACKS = {
    "close": 1,
    "lag(close, 5)": 6,
    "delta(close, 5)": 6,
    "mean(close, 20)": 20,
    "close / mean(lag(close, 1), 20)": 21,
    "max(mean(close, 5), 10) - min(open, 3)": 14,
    "ema(close, 5)": 35,
    "zscore(delta(log(close), 1), 60)": 61,
}


@pytest.mark.parametrize(("formula", "lookback"), LOOKBACKS.items(), ids=LOOKBACKS)
def test_the_lookback_follows_from_the_formula(formula: str, lookback: int) -> None:
    """The guarded thing, broken: with one bar less the value of a full history is missing."""
    feature = of(formula)
    panel = synthetic_panel(5, 120, 2)

    assert feature.lookback_bars == lookback
    for bars, known in ((lookback, True), (lookback - 1, False)):
        if bars:
            row = build_features(panel.rows(120 - bars, 120), FeatureContract((feature,))).values[-1]
            assert (~np.isnan(row)).all() == known


REFUSED = {
    "": "at character 1: no formula",
    "clsoe / open": "at character 1: unknown column 'clsoe'.*did you mean 'close'",
    "close / mean(clsoe, 20)": "at character 14: unknown column 'clsoe'",
    "close / moon_phase": "at character 9: unknown column 'moon_phase'.*data.uses",
    "lag(close, 0)": "at character 12: '0' as the last part of lag.*looks backward only",
    "lag(close, -1)": "at character 12: '-1' as the last part of lag.*looks backward only",
    "delta(close, -1)": "looks backward only",
    "lag(close, 1.5)": "'1.5' as the last part",
    "lag(close, True)": "'True' as the last part",
    "lag(close, open)": "'open' as the last part",
    "mean(close)": "1 parts for mean.*written mean\\(x, n\\)",
    "mean(close, 5, 6)": "3 parts for mean",
    "mean(close, n=5)": "without names",
    "mean(*close)": "without names",
    "std(close, 1)": "from 2 to",
    "mean(close, 999999999)": "a whole number from 1 to 100,000",
    "mean(lag(close, 60000), 60000)": "reads 120,000 bars",
    "smooth(close, 5)": "unknown function 'smooth'",
    "meen(close, 5)": "did you mean 'mean'",
    "mean": "the function 'mean' without its parts",
    "close[-5]": "write lag",
    "close.shift(5)": "unknown function 'close.shift'",
    "close if open else high": "write where",
    "close > open and close > high": "multiply them",
    "not close": "does not have",
    "low < open < high": "chain of comparisons",
    "close in open": "another kind",
    "close // open": "does not have",
    "close % 5": "does not have",
    "lambda: close": "features.modules",
    "rank(close) + 1": "around all of it",
    "mean(rank(close), 5)": "around all of it",
    "1 + 2": "without a column",
    "'close'": "without quotes",
    "1e999 * close": "a finite number",
    "9" * 400 + " * close": "a finite number",
    "2j * close": "a finite number",
    "close，open": "the letter '，'",
    "close +": "no formula",
    "close; open": "no formula",
    "x := close": "no formula",
    "(" * 300 + "close": "no formula|too deeply",
    "-" * 900 + "close": "41 deep",
    "close" + " + 1" * 200: "41 deep",
    "close" + " " * 5 + "+ 1" * 400: "letters",
    "__import__('os').system('touch leaked')": "unknown function",
    "().__class__.__bases__[0].__subclasses__()": "unknown function",
    "open('leaked', 'w')": "unknown function 'open'",
}


@pytest.mark.parametrize(("formula", "message"), REFUSED.items(), ids=[text[:30] for text in REFUSED])
def test_what_is_not_on_the_list_is_refused_with_its_place(formula: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        read_formula(formula, COLUMNS)


@given(text=st.text(alphabet="close(),.+-*/<>=' 015[]{}_lambdg:@$\\\n", max_size=60))
def test_no_text_ends_in_a_traceback(text: str) -> None:
    with suppress(RecipeError):
        assert read_formula(text, COLUMNS).node.columns


QLIB = {
    "Ref($close, 5)/$close - 1": "written: lag(close, 5)/close - 1",
    "Mean($close, 20) / $close": "written: mean(close, 20) / close",
    "If($close > $open, Std($close, 5), Abs($open))": "written: where(close > open, std(close, 5), abs(open))",
    "Ref($close, -2)/Ref($close, -1) - 1": "looks ahead: that is a label",
    "Corr($close, $volume, 5)": "columns stand without \\$, and Ref is lag",
}


@pytest.mark.parametrize(("formula", "hint"), QLIB.items(), ids=QLIB)
def test_people_who_come_from_qlib_are_told_how_it_is_written_here(formula: str, hint: str) -> None:
    with pytest.raises(RecipeError) as error:
        read_formula(formula, COLUMNS)

    assert hint.replace("\\", "") in error.value.hint


leaves = st.sampled_from(["close", "open", "volume", "2", "0.5", "1e-7"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "**", "<", "<=", ">", ">=", "==", "!="]), inner)
    called = st.tuples(st.sampled_from(sorted(CALLS)), st.tuples(inner, inner, inner), st.integers(2, 9))

    def call(drawn: tuple[str, tuple[str, ...], int]) -> str:
        name, parts, rows = drawn
        return f"{name}({', '.join([*parts[: CALLS[name].parts], *([str(rows)] if CALLS[name].least else [])])})"

    return st.one_of(
        pairs.map(lambda drawn: f"({' '.join(drawn)})"), called.map(call), inner.map(lambda part: f"-{part}")
    )


formulas = st.recursive(leaves, _grown, max_leaves=8).filter(lambda text: any(name in text for name in COLUMNS))


@given(formula=formulas)
def test_the_canonical_spelling_is_read_again_as_the_same(formula: str) -> None:
    once = read_formula(formula, COLUMNS)

    assert read_formula(str(once), COLUMNS) == once


@given(formula=formulas, seed=st.integers(0, 1000), row=st.integers(0, 199))
def test_online_equals_batch_to_the_bit_with_the_lookback_alone(formula: str, seed: int, row: int) -> None:
    """Crypto D-02: training and online use had different definitions of the same feature."""
    panel = market(seed, rows=200, symbols=3)
    contract = contract_of(of(formula))

    assert rows_that_differ(panel, contract, range(row, row + 1), only_lookback=True) == set()


@given(formula=formulas, seed=st.integers(0, 1000), row=st.integers(10, 150))
def test_rows_that_are_left_out_change_nothing_but_themselves(formula: str, seed: int, row: int) -> None:
    """Crypto D-12: a gap must not make a horizon longer, whether its rows are empty or left out."""
    panel = with_holes(market(seed, rows=200, symbols=3), seed, 160)
    contract = contract_of(of(formula))
    empty = market(seed, rows=200, symbols=3)
    known = np.isin(empty.times, panel.times)
    columns = {name: np.where(known[:, np.newaxis], column, np.nan) for name, column in empty.columns.items()}
    full = build_features(empty.with_columns(columns), contract).values[known]

    assert rows_that_differ(panel, contract, range(row, row + 1)) == set()
    # A row is worth what it is worth among empty ones.
    assert np.array_equal(build_features(panel, contract).values, full, equal_nan=True)


def test_a_rank_is_among_all_symbols() -> None:
    panel = synthetic_panel(4, 30, 5)
    ranks = build_features(panel, FeatureContract((of("rank(close)"),))).values[-1, :, 0]

    assert np.argsort(ranks).tolist() == np.argsort(panel["close"][-1]).tolist()
    assert sorted(ranks.tolist()) == pytest.approx([-0.4, -0.2, 0.0, 0.2, 0.4])


def test_the_declaration_follows_from_the_formula() -> None:
    bias, rank, volume = of("close / mean(close, 20) - 1"), of("rank(close)"), of("volume / lag(volume, 1)")

    assert (bias.group, rank.group, volume.group) == ("price", "cross_section", "volume")
    assert (bias.unit, rank.unit) == ("number", "rank")
    assert bias.description == "close / mean(close, 20) - 1"
    assert bias.requires == ("close",)
    said = of("close", group="quality", unit="currency", description="A price")
    assert (said.group, said.unit, said.description) == ("quality", "currency", "A price: close")
    with pytest.raises(RecipeError, match=r"unknown group 'prise'.*did you mean 'price'"):
        of("close", group="prise")


def test_white_space_and_brackets_do_not_change_what_a_formula_is() -> None:
    assert of("close/mean( close,20 )-1").implementation == of("(close / mean(close, 20))\n - 1.0").implementation
    assert of("close / mean(close, 20)").implementation != of("close / mean(close, 21)").implementation


def test_a_formula_survives_another_process() -> None:
    feature = of("rank(zscore(close, 20))")

    assert pickle.loads(pickle.dumps(feature)) == feature


def test_formulas_of_a_recipe_join_its_contract() -> None:
    settings = parse_settings(RECIPE, Recipe, source="mine.yaml").features
    panel = synthetic_panel(1, 60, 4)
    contract = contract_for(panel, settings)

    assert contract.names[-2:] == ("my_bias", "my_rank")
    assert {one.group for one in contract.features[:-2]} == {"volume"}
    assert contract.features[-1].description == "Who rose most in a week: rank(delta(log(close), 5))"
    assert declared_contract(settings).names[: US.dimension] == US.names
    assert ~np.isnan(build_features(panel, contract).column("my_bias")[30:]).any()
    document = contract.as_document()
    assert FeatureContract.from_document(document, declared_contract(settings)) == contract


def test_neither_order_nor_form_in_the_recipe_changes_the_contract() -> None:
    """A stored recipe keeps its keys in another order; a run of it must be the same run."""
    there = FeatureSettings(expressions={"a_b": "close", "a_a": {"formula": "open"}})
    back = FeatureSettings(expressions={"a_a": "open", "a_b": "close"})

    assert there == back
    assert declared_contract(there).names[-2:] == ("a_a", "a_b")
    assert FeatureSettings.model_validate(there.model_dump()) == there


def test_another_formula_is_another_training() -> None:
    recipes = [
        parse_settings(text, Recipe, source="mine.yaml") for text in (RECIPE, RECIPE.replace("close, 20", "close, 21"))
    ]

    assert len({recipe.training_fingerprint() for recipe in recipes}) == 2
    assert len({contract_for(COLUMNS, recipe.features).fingerprint for recipe in recipes}) == 2


def test_names_are_the_recipes_own() -> None:
    with pytest.raises(RecipeError, match=r"'log_return_5', which is in the market's contract.*my_log_return_5"):
        declared_contract(FeatureSettings(expressions={"log_return_5": "close"}))


def test_a_formula_can_be_left_out_and_cannot_be_lost() -> None:
    settings = FeatureSettings(groups=("price",), expressions={"mine": "open / close"})

    assert contract_for(COLUMNS, settings).names[-1] == "mine"
    assert "mine" not in contract_for(COLUMNS, settings.model_copy(update={"exclude": ("mine",)})).names
    with pytest.raises(DataError, match=r"no open.*own feature mine"):
        contract_for({"close", "volume"}, settings)


def test_a_formula_over_a_slower_source_joins_its_group_and_asks_for_it() -> None:
    settings = FeatureSettings(contract="crypto", groups=("price",), expressions={"mine": "funding_rate / close"})
    market_of = declared_contract(settings, FIVE_MINUTES)
    column = next(one for source in market_of.sources if source.table == "funding" for one in source.produces)
    settings = settings.model_copy(update={"expressions": {"mine": ExpressionSettings(formula=f"{column} / close")}})
    bars = ("open", "high", "low", "close", "volume", "traded_value")

    contract = contract_for(bars, settings, tables=("funding",), interval=FIVE_MINUTES)

    assert contract.features[-1].group == "derivatives"
    assert {source.table for source in contract.sources} == {"funding"}
    with pytest.raises(DataError, match=r"data\.uses\.funding"):
        contract_for(bars, settings, interval=FIVE_MINUTES)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("    My-Bias: close", "mine.yaml:13: features.expressions.My-Bias.*small letters"),
        ("    other: {formla: close}", "mine.yaml:13: unknown field 'features.expressions.other.formla'"),
        ("    other: 3", "mine.yaml:13"),
        ("    other: ''", "mine.yaml:13"),
        (f"    other: {'close + ' * 200} 1", "mine.yaml:13"),
    ],
)
def test_a_mistake_in_the_recipe_is_named_with_its_line(wrong: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_settings(RECIPE + wrong + "\n", Recipe, source="mine.yaml")
