from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError, model_validator

from tidegate.core.config import Settings, load_settings, misfit, parse_settings
from tidegate.core.errors import RecipeError
from tidegate.core.recipe import Recipe


class Board(Settings):
    length_cm: int
    wood: str = "oak"


class Shelf(Settings):
    name: str
    built: date = date(2024, 1, 1)
    boards: tuple[Board, ...] = ()
    top: Board = Board(length_cm=10)

    @model_validator(mode="after")
    def _not_too_many(self) -> Shelf:
        if len(self.boards) > 3:
            raise ValueError("at most three boards")
        return self


GOOD = """\
# a shelf
name: tall
boards:
  - length_cm: 80
  - length_cm: 90
    wood: ash
top:
  length_cm: 100
"""


def refused(text: str) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        parse_settings(text, Shelf, "shelf.yaml")
    return caught.value


def test_settings_are_read() -> None:
    shelf = parse_settings(GOOD, Shelf, "shelf.yaml")

    assert shelf.boards == (Board(length_cm=80), Board(length_cm=90, wood="ash"))
    assert shelf.top.length_cm == 100


def test_settings_are_frozen_and_keyword_only() -> None:
    board = Board(length_cm=1)

    with pytest.raises(ValidationError, match="frozen"):
        board.length_cm = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        Board(1)  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="finite"):
        Infinite(value=float("inf"))


class Infinite(Settings):
    value: float


@pytest.mark.parametrize(
    ("old", "new", "line", "name"),
    [
        ("name: tall", "name: tall\nheigth: 2", 3, "heigth"),
        ("  length_cm: 100", "  length_cm: 100\n  colour: red", 9, "top.colour"),
        ("    wood: ash", "    wood: ash\n    colour: red", 7, "boards.1.colour"),
    ],
)
def test_an_unknown_field_is_named_with_its_line(old: str, new: str, line: int, name: str) -> None:
    assert refused(GOOD.replace(old, new)).found == f"shelf.yaml:{line}: unknown field '{name}'"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("length_cm: 100", "length_cm: long", "shelf.yaml:8: top.length_cm = 'long'"),
        ("length_cm: 90", "length_cm: x", "shelf.yaml:5: boards.1.length_cm = 'x'"),
        ("  - length_cm: 80", "  - wood: ash", "shelf.yaml:4: boards.0.length_cm is missing"),
        ("  length_cm: 100", "  wood: ash", "shelf.yaml:7: top.length_cm is missing"),
        ("name: tall", "", "shelf.yaml:3: name is missing"),
        ("wood: ash", "wood: [ash]", "shelf.yaml:6: boards.1.wood"),
        ("boards:", "boards: {}\nothers:", "shelf.yaml:3: boards (and 1 more)"),
    ],
)
def test_a_wrong_value_is_shown_with_its_line(old: str, new: str, found: str) -> None:
    assert refused(GOOD.replace(old, new)).found == found


def test_several_mistakes_are_counted() -> None:
    error = refused(GOOD.replace("length_cm: 80", "length_cm: x").replace("length_cm: 90", "length_cm: y"))

    assert error.found == "shelf.yaml:4: boards.0.length_cm = 'x' (and 1 more)"
    assert error.expected == "a whole number"


def test_a_rule_across_fields_does_not_print_the_whole_document() -> None:
    boards = "\n".join("  - {length_cm: 1}" for _ in range(4))

    assert str(refused(f"name: wide\nboards:\n{boards}")) == (
        "found shelf.yaml:1: the document; expected at most three boards. Hint: correct this line"
    )


@pytest.mark.parametrize(("word", "read_as"), [("ON", "True"), ("600000", "600000"), ("2024-01-01", "= 2024-01-01")])
def test_text_that_yaml_reads_otherwise_wants_quotes(word: str, read_as: str) -> None:
    error = refused(GOOD.replace("tall", word))

    assert read_as in error.found
    assert error.hint == "put quotes around it"
    assert parse_settings(GOOD.replace("tall", f"'{word}'"), Shelf, "shelf.yaml").name == word


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: a\nname: b", 2),
        ('name: a\n"name": b', 2),
        ("name: a\ntop:\n  length_cm: 1\n  wood: ash\n  length_cm: 2", 5),
        ("name: a\nboards:\n  - length_cm: 1\n    length_cm: 2", 4),
        ("name: a\ntop: {length_cm: 1, length_cm: 2}", 2),
    ],
)
def test_a_key_given_twice_is_refused_wherever_it_is(text: str, line: int) -> None:
    error = refused(text)

    assert error.found.startswith(f"shelf.yaml:{line}: ")
    assert "a second time" in error.found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name: [a", "shelf.yaml:1: expected ',' or ']'"),
        ("name: a\n\ttop: 1", "shelf.yaml:2: found character '\\t'"),
        ("name: a\n b: c", "shelf.yaml:2: mapping values are not allowed here"),
        ("name: *nobody", "shelf.yaml:1: found undefined alias"),
        ("name: a\ntop: !!python/object:os.system {}", "shelf.yaml:2: could not determine a constructor"),
        ("name: a\nbuilt: 2024-02-30", "shelf.yaml:2: day is out of range for month"),
        ("name: a\n? [b]\n: c", "shelf.yaml:2: found unhashable key"),
        ("name: a\n---\nname: b", "shelf.yaml:2: but found another document"),
        ("name: a\x00", "shelf.yaml: characters that YAML does not allow"),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_line(text: str, found: str) -> None:
    assert refused(text).found.startswith(found)


@pytest.mark.parametrize("text", ["", "# nothing", "just words", "- a\n- b", "7"])
def test_a_document_without_keys_is_refused(text: str) -> None:
    assert refused(text).found == "shelf.yaml: no mapping"


def test_a_key_that_is_not_text_is_refused() -> None:
    assert refused("name: a\n7: b").found.startswith("shelf.yaml:2: ")


def test_anchors_and_merges_work() -> None:
    text = "name: a\ntop: &board\n  length_cm: 3\n  wood: ash\nboards:\n  - *board\n  - <<: *board\n    wood: fir\n"

    assert parse_settings(text, Shelf, "shelf.yaml").boards[1] == Board(length_cm=3, wood="fir")
    assert refused(text.replace("fir", "[fir]")).found == "shelf.yaml:8: boards.1.wood"
    assert refused(text.replace("length_cm: 3", "length_cm: x")).found.startswith("shelf.yaml:3: boards.0.length_cm")


def test_a_document_that_refers_to_itself_or_explodes_is_refused_at_once() -> None:
    levels = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30))
    began = time.monotonic()

    assert "unknown field" in refused(f"name: x\na0: &a0 lol\n{levels}").found
    assert refused(f"a0: &a0 lol\n{levels}\nname: *a29").found.endswith(": name (and 30 more)")
    assert refused("name: a\ntop: &top\n  wood: *top").found.startswith("shelf.yaml:2: top.length_cm")
    assert time.monotonic() - began < 5.0


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    binary = tmp_path / "model.bin"
    binary.write_bytes(b"\x80\x02\xff\x00")
    good = tmp_path / "shelf.yaml"
    good.write_text("\ufeff" + GOOD, encoding="utf-8")

    assert load_settings(good, Shelf).name == "tall"
    with pytest.raises(RecipeError, match="binary content"):
        load_settings(binary, Shelf)
    for path in (tmp_path / "absent.yaml", tmp_path, good / "below.yaml"):
        with pytest.raises(RecipeError, match="expected a YAML recipe"):
            load_settings(path, Shelf)


class Lamp(Settings):
    colour: Literal["warm", "cold"] = "warm"
    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")] = "lamp"
    watts: Annotated[float, Field(ge=1.0, le=60.0)] = 5.0
    dimmed: bool = False
    bulbs: Annotated[tuple[str, ...], Field(min_length=1, max_length=2)] = ("left",)
    board: Board | None = None


@pytest.mark.parametrize(
    ("text", "expected", "hint"),
    [
        ("colour: wram", "one of warm, cold", "did you mean 'warm'?"),
        ("colour: blue", "one of warm, cold", "choose one of these"),
        ("name: My Lamp", "small letters, digits", "correct this line"),
        ("watts: 0", "at least 1", "correct this line"),
        ("watts: 61", "at most 60", "correct this line"),
        ("watts: bright", "a number", "correct this line"),
        ("watts: .nan", "a finite number", "correct this line"),
        ("dimmed: maybe", "true or false", "correct this line"),
        ("board: oak", "a section of fields", "for its defaults board: {}"),
        ("board:\n  length_cm: 1.5", "a whole number", "correct this line"),
        (f"board:\n  length_cm: {10**18 + 1}", "at most 10^18", "correct this line"),
        ("board:\n  wood: ash", "a value: this field has no default", "add 'length_cm'"),
        ("bulbs: [left, right, top]", "at most 2 entries, not 3", "correct this line"),
        ("bulbs: []", "at least 1 entries, not 0", "correct this line"),
    ],
)
def test_mistakes_are_told_in_plain_words(text: str, expected: str, hint: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_settings(text, Lamp, "lamp.yaml")

    assert expected in caught.value.expected
    assert hint in caught.value.hint
    for jargon in ("Input should", "Tuple", "Value error", "dictionary", "instance", "pattern"):
        assert jargon not in str(caught.value)


def test_every_unknown_field_is_named_and_the_likeliest_name_proposed() -> None:
    error = refused(GOOD.replace("length_cm: 80", "lenght_cm: 80").replace("top:", "shade: 1\ntop:\n  width: 2"))

    assert error.found == (
        "shelf.yaml:4: unknown field 'boards.0.lenght_cm' (also 'top.width' in line 9, 'shade' in line 7)"
    )
    assert error.expected == "one of length_cm, wood"
    assert error.hint == "did you mean 'length_cm'?"


def test_fields_are_proposed_as_a_file_writes_them() -> None:
    with pytest.raises(RecipeError) as caught:
        parse_settings("schme: 1", Recipe, "r.yaml")

    assert caught.value.hint == "did you mean 'schema'?"


class Pair(Settings):
    left: int = 1
    lower: Board = Board(length_cm=1)

    @model_validator(mode="after")
    def _alike(self) -> Pair:
        if self.left != self.lower.length_cm:
            raise misfit(f"{self.left}", at=("lower", "length_cm"), value=self.lower.length_cm, hint="make them equal")
        return self


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("left: 2\nlower:\n  length_cm: 3", "pair.yaml:3: lower.length_cm = 3"),
        ("# a pair\nleft: 2", "pair.yaml:2: lower.length_cm = 1, its default"),
    ],
)
def test_fields_that_do_not_fit_each_other_are_shown_at_the_one_to_change(text: str, found: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_settings(text, Pair, "pair.yaml")

    assert caught.value.found == found
    assert caught.value.hint == "make them equal"
