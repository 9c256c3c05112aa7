"""From the text of a formula to its parts, by a list of what is allowed; nothing of it is ever run as code.

::

    formula    = rank(part) | part                     rank: the place among all symbols, outermost only
    part       = number | column | -part | (part)
               | part + - * / ** part | part < <= > >= == != part
               | function(part, ...) | function(part, whole number)

What is on the list is Python's own grammar of expressions, so that precedence needs no explanation.
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from tidegate.core.errors import RecipeError
from tidegate.features.custom.calls import CALLS, CallSpec
from tidegate.features.custom.dialect import hint_for
from tidegate.features.custom.nodes import Binary, Call, Column, Negative, Node, Number

__all__ = ["LONGEST_LOOKBACK", "RANK", "ReadFormula", "read_formula"]

LONGEST_LOOKBACK: Final = 100_000
"""Bars that a feature of one's own may read: a year of bars of five minutes has about so many."""
RANK: Final = "rank"
_LONGEST_TEXT: Final = 1000
_DEEPEST: Final = 40
_SEE: Final = "docs/features.md shows the whole language"
_OPERATORS: Final[dict[type[ast.operator] | type[ast.cmpop], str]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_INSTEAD: Final[dict[type[ast.AST], str]] = {
    ast.BoolOp: "comparisons are 1 or 0: multiply them for 'and', add them for 'or'",
    ast.IfExp: "write where(condition, a, b)",
    ast.Subscript: "for an earlier bar write lag(close, 5)",
    ast.Attribute: "columns and functions are plain names",
    ast.Lambda: "for code of your own, see features.modules",
    ast.Assign: "the name stands in front of the formula: my_feature: close / lag(close, 5) - 1",
}


@dataclass(frozen=True)
class ReadFormula:
    """A formula that was understood.

    Parameters
    ----------
    node
        What is computed per symbol.
    ranked
        Whether its rank among all symbols is the value.
    """

    node: Node
    ranked: bool

    def __str__(self) -> str:
        return f"{RANK}({self.node})" if self.ranked else str(self.node)


def read_formula(text: str, columns: Collection[str], *, name: str = "the formula") -> ReadFormula:
    """Read the text of a formula.

    Parameters
    ----------
    text
        As written in a recipe.
    columns
        Names of columns that it may use.
    name
        What it is called, for messages.

    Raises
    ------
    RecipeError
        If it holds anything that is not on the list; the message names the place in the text.

    Examples
    --------
    >>> formula = read_formula("close / mean(close, 20) - 1", {"close"})
    >>> str(formula), formula.node.lookback
    ('((close / mean(close, 20)) - 1)', 20)
    """
    reader = _Reader(" ".join(text.split()), columns, name)
    try:
        return reader.read()
    except RecipeError as error:
        # Only here, and not at each refusal, since the hint reads the formula again.
        hint = hint_for(reader.text, error.hint, lambda ours: _Reader(ours, columns, name).read())
        raise RecipeError(found=error.found, expected=error.expected, hint=hint) from None


class _Reader:
    def __init__(self, text: str, columns: Collection[str], name: str) -> None:
        self.text, self.columns, self.name = text, columns, name

    def read(self) -> ReadFormula:
        top = self._tree()
        ranked = isinstance(top, ast.Call) and isinstance(top.func, ast.Name) and top.func.id == RANK
        if ranked:
            assert isinstance(top, ast.Call)
            self._check_count(top, RANK, 1)
            top = top.args[0]
        node = self._part(top, 1)
        if not node.columns:
            raise self._fault(None, "a formula without a column", "at least one column", "a constant says nothing")
        if node.lookback > LONGEST_LOOKBACK:
            raise self._fault(
                None,
                f"a formula that reads {node.lookback:,} bars",
                f"at most {LONGEST_LOOKBACK:,}",
                "shorten its windows, or use longer bars",
            )
        return ReadFormula(node, ranked)

    def _tree(self) -> ast.expr:
        stray = next((place for place, letter in enumerate(self.text) if not letter.isascii()), None)
        if stray is not None:
            raise self._fault(
                stray, f"the letter {self.text[stray]!r}", "letters of ASCII", "check commas and brackets, too"
            )
        if len(self.text) > _LONGEST_TEXT:
            raise self._fault(
                None, f"{len(self.text)} letters", f"at most {_LONGEST_TEXT}", "make two features of it, or a module"
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            place = min(max((error.offset or 1) - 1, 0), len(self.text))
            raise self._fault(
                place, f"no formula ({error.msg})", "one formula, such as close / mean(close, 20)", _SEE
            ) from None
        except (ValueError, MemoryError, RecursionError):
            raise self._fault(None, "a formula that nests too deeply", "a shorter one", _SEE) from None

    def _part(self, tree: ast.expr, depth: int) -> Node:
        if depth > _DEEPEST:
            raise self._fault(
                tree, f"parts within parts, {depth} deep", f"at most {_DEEPEST}", "make two features of it"
            )
        if isinstance(tree, ast.Constant):
            return self._number(tree)
        if isinstance(tree, ast.Name):
            return self._column(tree)
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub | ast.UAdd):
            part = self._part(tree.operand, depth + 1)
            return Negative(part) if isinstance(tree.op, ast.USub) else part
        if isinstance(tree, ast.BinOp) and type(tree.op) in _OPERATORS:
            left, right = (self._part(side, depth + 1) for side in (tree.left, tree.right))
            return Binary(_OPERATORS[type(tree.op)], left, right)
        if isinstance(tree, ast.Compare):
            return self._comparison(tree, depth)
        if isinstance(tree, ast.Call):
            return self._call(tree, depth)
        written = ast.get_source_segment(self.text, tree) or self.text
        hint = next((hint for kind, hint in _INSTEAD.items() if isinstance(tree, kind)), _SEE)
        raise self._fault(
            tree,
            f"{written!r}, which the language of formulas does not have",
            "numbers, columns, + - * / **, comparisons and functions",
            hint,
        )

    def _number(self, tree: ast.Constant) -> Number:
        value = tree.value
        try:
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                return Number(float(value))
        except OverflowError:
            pass
        raise self._fault(tree, f"{str(value)[:40]!r}", "a finite number, or the name of a column without quotes", _SEE)

    def _column(self, tree: ast.Name) -> Column:
        if tree.id in self.columns:
            return Column(tree.id)
        if tree.id in CALLS or tree.id == RANK:
            written = CALLS[tree.id].written if tree.id in CALLS else "rank(x)"
            raise self._fault(tree, f"the function {tree.id!r} without its parts", written, _SEE)
        near = get_close_matches(tree.id, self.columns, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "columns of slower sources need data.uses in the recipe"
        raise self._fault(tree, f"unknown column {tree.id!r}", f"one of {', '.join(sorted(self.columns))}", hint)

    def _comparison(self, tree: ast.Compare, depth: int) -> Binary:
        if len(tree.ops) > 1:
            raise self._fault(tree, "a chain of comparisons", "one", "multiply two: (0 < x) * (x < 1)")
        if type(tree.ops[0]) not in _OPERATORS:
            raise self._fault(tree, "a comparison of another kind", "one of < <= > >= == !=", _SEE)
        left, right = (self._part(side, depth + 1) for side in (tree.left, tree.comparators[0]))
        return Binary(_OPERATORS[type(tree.ops[0])], left, right)

    def _call(self, tree: ast.Call, depth: int) -> Call:
        name = tree.func.id if isinstance(tree.func, ast.Name) else ""
        if name == RANK:
            hint = "write rank(...) around the whole formula, or make two features of it"
            raise self._fault(tree, "a rank within a formula", "a rank around all of it", hint)
        if name not in CALLS:
            near = get_close_matches(name, CALLS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "for code of your own, see features.modules"
            raise self._fault(
                tree,
                f"unknown function {name or ast.unparse(tree.func)!r}",
                f"one of {', '.join(sorted([*CALLS, RANK]))}",
                hint,
            )
        spec = CALLS[name]
        self._check_count(tree, spec.written, spec.parts + bool(spec.least))
        parts = tuple(self._part(part, depth + 1) for part in tree.args[: spec.parts])
        return Call(name, parts, self._rows(tree.args[-1], spec) if spec.least else 0)

    def _rows(self, tree: ast.expr, spec: CallSpec) -> int:
        """Read the whole number at the end of a function."""
        value: object = None
        if isinstance(tree, ast.Constant):
            value = tree.value
        elif isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub) and isinstance(tree.operand, ast.Constant):
            value = -tree.operand.value if isinstance(tree.operand.value, int) else None
        if type(value) is int and spec.least <= value <= LONGEST_LOOKBACK:
            return value
        written = ast.get_source_segment(self.text, tree) or ""
        ahead = type(value) is int and value < 1
        hint = "a feature looks backward only: 1 is the bar before" if ahead else f"it is written {spec.written}"
        bounds = f"a whole number from {spec.least} to {LONGEST_LOOKBACK:,}"
        raise self._fault(tree, f"{written[:40]!r} as the last part of {spec.written}", bounds, hint)

    def _check_count(self, tree: ast.Call, written: str, count: int) -> None:
        plain = not tree.keywords and not any(isinstance(part, ast.Starred) for part in tree.args)
        if not plain or len(tree.args) != count:
            found = f"{len(tree.args) + len(tree.keywords)} parts for {written}"
            raise self._fault(tree, found, f"{count} of them, without names", f"it is written {written}")

    def _fault(self, at: ast.expr | int | None, found: str, expected: str, hint: str) -> RecipeError:
        place = at if isinstance(at, int) or at is None else at.col_offset
        where = "" if place is None else f", at character {place + 1}"
        shown = self.text if len(self.text) <= 200 else f"{self.text[:200]}..."
        return RecipeError(found=f"{self.name} = {shown!r}{where}: {found}", expected=expected, hint=hint)
