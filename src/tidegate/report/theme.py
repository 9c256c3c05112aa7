"""Colours and type of a report: light and dark, and which colour means up."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from tidegate.core.errors import InputError

__all__ = ["FONT", "MODEL_ROLES", "ColourScheme", "contrast", "palette", "palette_css"]

FONT: Final = ", ".join(
    (
        '"Helvetica Neue", "Segoe UI", Arial',
        '"Noto Sans SC", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC"',
        "sans-serif",
    )
)
"""System fonts, Latin first so that figures keep their width, then the Chinese ones of each platform."""

MODEL_ROLES: Final = ("first", "second", "third", "fourth")
"""Roles that the models of a run take, in order."""


class ColourScheme(StrEnum):
    """Which colour means up: green in western markets, red in Chinese ones."""

    WESTERN = "western"
    CHINESE = "chinese"

    @classmethod
    def of(cls, name: str) -> ColourScheme:
        """Return the scheme of that name.

        Raises
        ------
        InputError
            If there is none.
        """
        try:
            return cls(name)
        except ValueError:
            raise InputError(
                found=f"colours {name!r}",
                expected=f"one of {', '.join(cls)}",
                hint="chinese draws rises red, western green",
            ) from None


_LIGHT: Final = {
    "page": "#faf9f6",
    "card": "#ffffff",
    "ink": "#18202c",
    "muted": "#566070",
    "rule": "#dcd8ce",
    "grid": "#ebe8e1",
    "first": "#1b4b7a",
    "second": "#b4862d",
    "third": "#3f8584",
    "fourth": "#8a4f7d",
    "fifth": "#6f7a1f",
    "sixth": "#5b92c2",
    "seventh": "#a9c4dd",
    "benchmark": "#7d8590",
    "training": "#cbd5df",
    "purge": "#c7600f",
    "purge_soft": "#c7600f59",
    "purge_pale": "#f3d9bf",
    "green": "#1c7a4c",
    "green_soft": "#1c7a4c24",
    "red": "#b5352a",
    "red_soft": "#b5352a24",
    "first_soft": "#1b4b7a24",
    "first_band": "#1b4b7a42",
    "second_band": "#b4862d52",
    "third_band": "#3f858452",
    "fourth_band": "#8a4f7d4a",
}
_DARK: Final = {
    "page": "#11151b",
    "card": "#171c24",
    "ink": "#e9e6df",
    "muted": "#a0a9b6",
    "rule": "#323a46",
    "grid": "#262d37",
    "first": "#7db1e4",
    "second": "#dcb565",
    "third": "#6cbab5",
    "fourth": "#cc97c3",
    "fifth": "#b3bd62",
    "sixth": "#4f7fae",
    "seventh": "#33506f",
    "benchmark": "#98a1ad",
    "training": "#3a4757",
    "purge": "#f29a4a",
    "purge_soft": "#f29a4a66",
    "purge_pale": "#6b4a2c",
    "green": "#52ba87",
    "green_soft": "#52ba872e",
    "red": "#e97a6e",
    "red_soft": "#e97a6e2e",
    "first_soft": "#7db1e42e",
    "first_band": "#7db1e44d",
    "second_band": "#dcb56552",
    "third_band": "#6cbab552",
    "fourth_band": "#cc97c34d",
}


def palette(colours: ColourScheme, *, dark: bool = False) -> Mapping[str, str]:
    """Return the colour of every role, as hexadecimal text; ``up`` and ``down`` follow the scheme.

    Examples
    --------
    >>> palette(ColourScheme.CHINESE)["up"] == palette(ColourScheme.WESTERN)["down"]
    True
    """
    base = _DARK if dark else _LIGHT
    up, down = ("red", "green") if colours is ColourScheme.CHINESE else ("green", "red")
    return {
        **base,
        "up": base[up],
        "up_soft": base[f"{up}_soft"],
        "down": base[down],
        "down_soft": base[f"{down}_soft"],
    }


def palette_css() -> str:
    """Return style rules that make each role a CSS variable; system and page decide its value."""
    light, dark = _variables(_LIGHT), f"color-scheme:dark;{_variables(_DARK)}"
    by_system = ":root:not([data-theme=light])"
    return "\n".join(
        (
            f":root{{color-scheme:light;{light}}}",
            f"@media screen{{:root[data-theme=dark]{{{dark}}}}}",
            f"@media screen and (prefers-color-scheme:dark){{{by_system}{{{dark}}}}}",
            _direction("", "green", "red"),
            _direction("[data-colours=chinese]", "red", "green"),
        )
    )


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21, as WCAG 2.2 defines it (https://www.w3.org/TR/WCAG22/).

    Examples
    --------
    >>> round(contrast("#000000", "#ffffff"), 1)
    21.0
    """
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255.0 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _variables(colours: Mapping[str, str]) -> str:
    return "".join(f"--{role.replace('_', '-')}:{colour};" for role, colour in colours.items())


def _direction(switch: str, up: str, down: str) -> str:
    roles = ((role, f"{role}-soft", base) for role, base in (("up", up), ("down", down)))
    rules = "".join(f"--{role}:var(--{base});--{soft}:var(--{base}-soft);" for role, soft, base in roles)
    return f":root{switch}{{{rules}}}"
