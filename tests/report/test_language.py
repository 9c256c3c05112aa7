"""Texts and numbers of a report, in both languages."""

from __future__ import annotations

import inspect
import re
import string
from collections.abc import Callable
from pathlib import Path

import pytest

import tidegate.engine.notes
import tidegate.engine.recipe_market
import tidegate.report
from tidegate.core.errors import InputError
from tidegate.engine.capacity import NoCapacity
from tidegate.engine.fill_rules import Unfilled
from tidegate.engine.inert_settings import WhyInert
from tidegate.report import LANGUAGES, Language
from tidegate.report.language import format_value

SOURCE = Path(tidegate.report.__file__).parent


def placeholders(text: str) -> list[tuple[str, str]]:
    parts = string.Formatter().parse(text)
    return sorted((name, spec or "") for _, name, spec, _ in parts if name is not None)


def test_both_languages_hold_the_same_keys() -> None:
    assert set(Language.load("en").texts) == set(Language.load("zh").texts)


@pytest.mark.parametrize("key", sorted(Language.load("en").texts))
def test_both_languages_fill_in_the_same_values(key: str) -> None:
    english, chinese = (placeholders(Language.load(code).texts[key]) for code in LANGUAGES)

    assert english == chinese


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_number_format_of_the_texts_exists(code: str) -> None:
    for text in Language.load(code).texts.values():
        for _, spec in placeholders(text):
            format_value(1, spec)


def test_chinese_texts_are_chinese() -> None:
    latin = {"card.rank_ic", "model.lightgbm", "model.xgboost", "metric.auc", "unit.of", "unit.span"}
    texts = Language.load("zh").texts

    assert [key for key in texts if key not in latin and not re.search("[一-鿿]", texts[key])] == []


def test_every_key_that_the_source_names_has_a_text() -> None:
    files = [path for path in SOURCE.rglob("*") if path.suffix in {".py", ".html"}]
    source = "\n".join(path.read_text(encoding="utf-8") for path in files)
    named = set(re.findall(r"text\(\s*[\"']([a-z_]+\.[a-z_.]+)[\"']", source))
    named |= set(re.findall(r"Statement\(\s*\"([a-z_]+\.[a-z_]+)\"", source))

    assert len(named) > 80
    assert named - set(Language.load("en").texts) == set()


def test_every_note_of_the_engine_has_a_text() -> None:
    codes = set(re.findall(r"note\(\"(\w+)\"", inspect.getsource(tidegate.engine.notes)))
    read = re.findall(r"notes\[(.+)\] =", inspect.getsource(tidegate.engine.recipe_market))
    codes |= {code for line in read for code in re.findall(r"\"(\w+)\"", line)}

    assert codes > {"survivorship", "raw_accounting", "dividends_as_shares", "average_of_high_low_close"}
    assert {f"note.{code}" for code in codes - {"index_without_dividends"}} - set(Language.load("en").texts) == set()


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_reason_of_the_engine_has_a_text(code: str) -> None:
    reasons = {f"inert.{why.value}" for why in WhyInert} | {f"capacity_reason.{why.value}" for why in NoCapacity}
    reasons |= {f"unfilled.{why.reason}" for why in Unfilled if why not in {Unfilled.NOTHING, Unfilled.LAST_SESSION}}

    assert reasons - set(Language.load(code).texts) == set()


def test_a_missing_text_is_an_error() -> None:
    with pytest.raises(InputError, match=r"no\.such\.text"):
        Language.load("en").text("no.such.text")


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(InputError, match="days"):
        Language.load("en").text("unit.days")


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(InputError, match="klingon"):
        Language.load("klingon")


def test_an_unknown_number_format_is_refused() -> None:
    with pytest.raises(InputError, match="furlongs"):
        format_value(1.0, "furlongs")


@pytest.mark.parametrize(
    ("value", "spec", "shown"),
    [
        (0.1234, "percent1", "12.3%"),
        (-0.05, "signed1", "−5.0%"),
        (0.05, "signed1", "+5.0%"),
        (-0.00001, "signed1", "0.0%"),
        (-1.234, "change2", "−1.23"),
        (1234567, "count", "1,234,567"),
        (86_400_000_000, "date", "1970-01-02"),
        ("2017-03-29", "date", "2017-03-29"),
        (None, "percent1", "–"),
        (float("nan"), "decimal2", "–"),
    ],
)
def test_numbers_are_shown_as_a_reader_expects(value: object, spec: str, shown: str) -> None:
    assert format_value(value, spec) == shown


def test_chinese_names_join_their_sentence_without_a_gap() -> None:
    say: Callable[..., str] = Language.load("zh").text

    assert say("chart.importance.title", model="岭回归") == "岭回归的特征重要性"
    assert say("chart.importance.title", model="LightGBM") == "LightGBM 的特征重要性"
