from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from enum import Enum, StrEnum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tidegate.core.config import Settings
from tidegate.core.errors import InputError
from tidegate.core.fingerprint import array_fingerprint, canonical_json, fingerprint

GOLDEN = {"b": [1, 1.5, True, None, "ü"], "a": {"x": -0.0}}
GOLDEN_HASH = "90aa1551a1221776221ecf23c98b84b590c02f6d77af52f557d832a46e82356a"
GOLDEN_ARRAYS = (np.array([[1.0, np.nan], [0.5, -2.0]]), np.arange(3, dtype=np.int64))
GOLDEN_ARRAY_HASH = "25e679de8245462d8b67766f994d8de37153abe7dc034c01d7ed44bf2ec93872"

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("aü水/\\\"'"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abü"), inner, max_size=3),
    max_leaves=8,
)


class Colour(StrEnum):
    RED = "red"


class Odd(Enum):
    NOTHING = float("nan")
    PAIR = (1, 2)


@dataclass(frozen=True)
class Point:
    x: float
    on: date


class Shelf(Settings):
    boards: int
    colour: Colour = Colour.RED


def test_the_form_and_the_hash_are_pinned() -> None:
    """Every stored run rests on these; a change here makes all of them strangers."""
    assert canonical_json(GOLDEN) == '{"a":{"x":0.0},"b":[1,1.5,true,null,"ü"]}'
    assert fingerprint(GOLDEN) == GOLDEN_HASH
    assert array_fingerprint(*GOLDEN_ARRAYS) == GOLDEN_ARRAY_HASH


@given(plain)
def test_the_order_of_keys_does_not_count(content: object) -> None:
    assert fingerprint(json.loads(json.dumps(_reversed(content)))) == fingerprint(content)


@given(plain, plain)
def test_other_content_has_another_form(one: object, other: object) -> None:
    assert (canonical_json(one) == canonical_json(other)) == (_typed(one) == _typed(other))


def test_both_zeros_are_one_number() -> None:
    assert fingerprint(-0.0) == fingerprint(0.0)
    assert fingerprint([np.float64(-0.0)]) == fingerprint([0.0])


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (Colour.RED, '"red"'),
        (Odd.PAIR, "[1,2]"),
        (date(2024, 1, 31), '"2024-01-31"'),
        (Point(1.0, date(2024, 1, 31)), '{"on":"2024-01-31","x":1.0}'),
        (Shelf(boards=3), '{"boards":3,"colour":"red"}'),
        ((np.int64(3), np.float32(0.5), np.bool_(True), np.str_("a")), '[3,0.5,true,"a"]'),
        ({Colour.RED: 1}, '{"red":1}'),
    ],
)
def test_plain_forms(content: object, form: str) -> None:
    assert canonical_json(content) == form


@pytest.mark.parametrize(
    "content",
    [
        float("nan"),
        [float("inf")],
        {"a": -float("inf")},
        np.float64("nan"),
        Odd.NOTHING,
        {1, 2},
        b"bytes",
        object(),
        Path("a"),
        1j,
        np.array([1.0]),
        np.datetime64("2024-01-31"),
        np.timedelta64(1, "ns"),
        {1: "a", "1": "b"},
        {None: 1},
    ],
    ids=lambda content: type(content).__name__,
)
def test_what_has_no_one_form_is_refused(content: object) -> None:
    with pytest.raises(InputError):
        fingerprint(content)


def test_every_nan_counts_as_the_same() -> None:
    payloads = np.array([0x7FF8000000000000, 0x7FF8000000000001, 0xFFF8000000000000], dtype=np.uint64).view(np.float64)

    assert np.isnan(payloads).all()
    assert len({array_fingerprint(payloads[place : place + 1]) for place in range(3)}) == 1
    assert array_fingerprint(payloads) != array_fingerprint(payloads[:2])


def test_shape_dtype_order_and_count_of_arrays_count() -> None:
    base = np.arange(6.0)
    variants = [
        (base,),
        (base.reshape(2, 3),),
        (base.reshape(3, 2),),
        (base[:3], base[3:]),
        (base[3:], base[:3]),
        (base.astype(np.float32),),
        (base.astype(np.int64),),
        (base.astype(np.uint64),),
        (np.array(0.0),),
        (np.array([0.0]),),
        (np.array([-0.0]),),
        (),
    ]

    assert len({array_fingerprint(*arrays) for arrays in variants}) == len(variants)


def test_byte_order_and_memory_layout_do_not_count() -> None:
    base = np.arange(6.0).reshape(2, 3)

    assert array_fingerprint(base.astype(">f8")) == array_fingerprint(base)
    assert array_fingerprint(np.asfortranarray(base)) == array_fingerprint(base)
    assert array_fingerprint(np.repeat(base, 2, axis=1)[:, ::2]) == array_fingerprint(base)


def test_arrays_of_objects_are_refused() -> None:
    with pytest.raises(InputError, match="an array of object"):
        array_fingerprint(np.array(["a", None], dtype=object))


@given(
    arrays.arrays(np.float64, 4, elements=st.floats(-1e9, 1e9)),
    st.integers(0, 3),
    st.floats(-1e9, 1e9) | st.just(np.nan),
)
def test_any_other_value_changes_the_hash(array: np.ndarray, place: int, value: float) -> None:
    changed = array.copy()
    changed[place] = value

    assert (array_fingerprint(changed) == array_fingerprint(array)) == (changed.tobytes() == array.tobytes())


def test_every_process_agrees() -> None:
    code = f"from tidegate.core.fingerprint import fingerprint; print(fingerprint({GOLDEN!r}))"
    printed = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    ]

    assert printed == [GOLDEN_HASH, GOLDEN_HASH]


def _reversed(content: object) -> object:
    if isinstance(content, dict):
        return {key: _reversed(content[key]) for key in reversed(content)}
    if isinstance(content, list):
        return [_reversed(value) for value in content]
    return content


def _typed(content: object) -> object:
    """Return content whose equality tells 1 from 1.0 and from True, but not -0.0 from 0.0."""
    if isinstance(content, dict):
        return {key: _typed(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_typed(value) for value in content]
    return type(content), content
