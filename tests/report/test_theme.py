"""Colours: rises and falls swap, text can be read, and every role keeps a colour of its own."""

from __future__ import annotations

import pytest

from tidegate.core.errors import InputError
from tidegate.report import ColourScheme
from tidegate.report.exposure_ribbon import LIMITS
from tidegate.report.theme import MODEL_ROLES, contrast, palette, palette_css

WESTERN, CHINESE = ColourScheme.WESTERN, ColourScheme.CHINESE
SHADES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


@SHADES
def test_chinese_markets_draw_rises_red(dark: bool) -> None:
    western, chinese = palette(WESTERN, dark=dark), palette(CHINESE, dark=dark)

    assert western["up"] == chinese["down"] == western["green"]
    assert western["down"] == chinese["up"] == western["red"]
    assert {role: colour for role, colour in western.items() if not role.startswith(("up", "down"))} == {
        role: colour for role, colour in chinese.items() if not role.startswith(("up", "down"))
    }


@SHADES
@pytest.mark.parametrize("ground", ["page", "card"])
def test_text_can_be_read(dark: bool, ground: str) -> None:
    colours = palette(WESTERN, dark=dark)

    assert all(contrast(colours[role], colours[ground]) >= 4.5 for role in ("ink", "muted", "up", "down"))


@SHADES
def test_lines_can_be_seen(dark: bool) -> None:
    colours = palette(WESTERN, dark=dark)

    assert all(contrast(colours[role], colours["page"]) >= 3.0 for role in (*MODEL_ROLES, "benchmark", "purge"))


@SHADES
def test_the_colours_of_limits_can_be_told_apart(dark: bool) -> None:
    colours = palette(WESTERN, dark=dark)
    roles = [limit.role for limit in LIMITS]

    assert len({colours[role] for role in roles}) == len(LIMITS)
    assert all(contrast(colours[role], colours["page"]) >= 3.0 for role in roles[:-3])


def test_a_low_contrast_is_noticed() -> None:
    assert contrast("#777777", "#888888") < 3.0


def test_no_two_roles_share_a_colour() -> None:
    """The page changes its colours by their value, so a shared one could not be told apart."""
    own = {role: colour for role, colour in palette(WESTERN).items() if not role.startswith(("up", "down"))}

    assert len(set(own.values())) == len(own)


def test_the_style_sheet_swaps_only_by_the_switch() -> None:
    style = palette_css()

    assert ":root{--up:var(--green)" in style
    assert ":root[data-colours=chinese]{--up:var(--red)" in style


def test_unknown_colours_are_refused() -> None:
    with pytest.raises(InputError, match="purple"):
        ColourScheme.of("purple")
