"""How a search is spoken about: bounds, parameter sets and figures in words, in one language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tidegate.report.language import Language, format_value
from tidegate.report.search_result import Bounds
from tidegate.report.statements import Statement

__all__ = [
    "bounds_phrase",
    "figure_spec",
    "in_order",
    "parameters_phrase",
    "plain_value",
    "said",
    "tried_phrase",
]

_LISTED: Final = 8
_RATIOS: Final = {"sharpe", "sortino", "calmar", "excess_sharpe"}
_SIGNED: Final = {"cagr", "total_return", "excess_cagr"}


def figure_spec(figure: str) -> str:
    """Return how a figure is shown.

    Examples
    --------
    >>> figure_spec("cagr"), figure_spec("max_drawdown"), figure_spec("sharpe")
    ('signed1', 'percent1', 'decimal2')
    """
    if figure in _RATIOS:
        return "change2" if figure == "excess_sharpe" else "decimal2"
    return "decimal1" if figure == "turnover" else "signed1" if figure in _SIGNED else "percent1"


def plain_value(value: Any) -> str:
    """Return a parameter's value as a recipe would say it, six digits of it.

    Examples
    --------
    >>> plain_value(0.030000000000000002), plain_value(["VGSH", "IEF"]), plain_value(10), plain_value(None)
    ('0.03', 'VGSH+IEF', '10', 'none')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "+".join(plain_value(one) for one in value)
    return str(value)


def in_order(values: Sequence[Any]) -> list[Any]:
    """Return numbers, or texts of numbers, in their order; what is neither stays where it stands.

    Examples
    --------
    >>> in_order(["0.5", "0.04", "0.3"]), in_order(["mean", "best"])
    (['0.04', '0.3', '0.5'], ['mean', 'best'])
    """
    try:
        return sorted(values, key=float)
    except (TypeError, ValueError):
        return list(values)


def tried_phrase(language: Language, values: Sequence[Any]) -> str:
    """Return the values of a parameter that were tried; of many only the ends."""
    shown = [plain_value(value) for value in in_order(values)]
    if len(shown) <= _LISTED:
        return ", ".join(shown)
    return language.text("overview.many", first=shown[0], last=shown[-1], count=len(shown))


def parameters_phrase(parameters: Mapping[str, Any]) -> str:
    """Return parameters with their values.

    Examples
    --------
    >>> parameters_phrase({"max_exposure": 0.4, "max_weight": 0.03})
    'max_exposure 0.4, max_weight 0.03'
    """
    return ", ".join(f"{name} {plain_value(value)}" for name, value in parameters.items())


def bounds_phrase(language: Language, bounds: Sequence[Bounds]) -> str:
    """Return bounds in words.

    Examples
    --------
    >>> bounds_phrase(Language.load("en"), [Bounds(figure="max_drawdown", at_least=None, at_most=0.15)])
    'drawdown at most 15.0%'
    """
    return language.text("bound.and").join(_bound(language, one) for one in bounds)


def _bound(language: Language, bound: Bounds) -> str:
    # A limit is no gain: it has no plus in front.
    spec = figure_spec(bound.figure).replace("signed", "percent").replace("change", "decimal")
    ends = {name: format_value(getattr(bound, name), spec) for name in ("at_least", "at_most")}
    figure = language.name_of("bounded", bound.figure)
    if bound.at_least is None:
        return language.text("bound.at_most", figure=figure, at_most=ends["at_most"])
    if bound.at_most is None:
        return language.text("bound.at_least", figure=figure, at_least=ends["at_least"])
    return language.text("bound.between", figure=figure, **ends)


def said(language: Language, statement: Statement) -> str:
    """Return a statement about a search as a sentence: bounds, sets and figures in it are put into words."""
    spoken: dict[str, object] = {}
    for name, value in statement.values.items():
        if isinstance(value, Mapping):
            spoken[name] = parameters_phrase(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], Bounds):
            spoken[name] = bounds_phrase(language, value)
        elif name == "figure":
            spoken[name] = language.name_of("bounded", str(value))
        else:
            spoken[name] = value
    return language.text(statement.key, **spoken)
