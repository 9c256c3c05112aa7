from __future__ import annotations

import math
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.errors import InputError
from tidegate.core.svg import COLOURS, Canvas

SVG = "{http://www.w3.org/2000/svg}"


def parsed(canvas: Canvas) -> ElementTree.Element:
    return ElementTree.fromstring(canvas.as_text())


def everything(content: str = "a") -> Canvas:
    canvas = Canvas(120, 80, title=content, description=content)
    canvas.rect(1, 2, 30, 40, fill="first", stroke="ink", radius=2, opacity=0.5, hint=content)
    canvas.rect(1, 2, 30, 40, fill="purge", hatched=True)
    canvas.line(0, 0, 120, 80, stroke="rule", width=2, dashes="3 2")
    canvas.polyline([(0, 1), (2.345, 3)], stroke="second", fill="grid", opacity=0.4, dashes="1 1", hint=content)
    canvas.polyline([(0, 1), (2, 3)], stroke=None, fill="grid")
    canvas.circle(5, 6, 2, fill=None, stroke="third", hint=content)
    canvas.text(7, 8, content, size=10, fill="muted", anchor="end", bold=True, turned=-90)
    return canvas


def test_every_shape_lands_where_it_was_put() -> None:
    root = parsed(everything())

    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("120", "80", "0 0 120 80")
    assert [child.tag.removeprefix(SVG) for child in root] == [
        *("title", "desc", "style", "defs"),
        *("rect", "rect", "rect", "line", "polyline", "polyline", "circle", "text"),
    ]
    box, line = root.findall(f"{SVG}rect")[1], root.find(f"{SVG}line")
    assert [box.get(name) for name in ("x", "y", "width", "height", "rx", "opacity")] == [
        *("1", "2", "30", "40", "2", "0.5"),
    ]
    assert line is not None
    assert line.get("stroke-dasharray") == "3 2"
    assert [shape.get("points") for shape in root.findall(f"{SVG}polyline")] == ["0,1 2.35,3", "0,1 2,3"]
    written = root.find(f"{SVG}text")
    assert written is not None
    assert (written.get("transform"), written.get("text-anchor")) == ("rotate(-90 7 8)", "end")


@given(st.text())
def test_any_text_gives_well_formed_xml(content: str) -> None:
    root = parsed(everything(content))

    shown = root.find(f"{SVG}text")
    assert shown is not None
    # An XML reader makes one newline of a carriage return; characters that XML forbids are replaced, not dropped.
    assert len(shown.text or "") == len(content.replace("\r\n", "\n"))


def test_markup_in_a_name_stays_text() -> None:
    text = everything('<script>alert("1")</script> & co').as_text()

    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_every_colour_that_is_used_has_a_dark_one() -> None:
    text = everything().as_text()

    style = text[text.index("<style>") : text.index("</style>")]
    for role in ("card", "first", "purge", "rule", "muted"):
        light, dark = COLOURS[role]
        assert f'"{light}"' in text
        assert f"-{role}{{" in style
        assert f":{dark}}}" in style
    assert ".tg-fill-fourth" not in style


def test_the_paper_may_be_left_out() -> None:
    assert parsed(Canvas(10, 10, title="Nothing", background=None)).findall(f"{SVG}rect") == []


@pytest.mark.parametrize(
    "draw",
    [
        lambda canvas: canvas.rect(0, 0, -1, 1, fill="ink"),
        lambda canvas: canvas.rect(0, math.nan, 1, 1, fill="ink"),
        lambda canvas: canvas.rect(0, 0, 1, 1, fill="#ff0000"),
        lambda canvas: canvas.line(0, 0, math.inf, 1, stroke="ink"),
        lambda canvas: canvas.polyline([(0, math.nan)], stroke="ink"),
        lambda canvas: canvas.circle(0, 0, 1, fill="puce"),
        lambda canvas: canvas.text(math.nan, 0, "a"),
        lambda _: Canvas(0, 10, title="flat"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw: Callable[[Canvas], None]) -> None:
    with pytest.raises(InputError):
        draw(Canvas(10, 10, title="t"))
