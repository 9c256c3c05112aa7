"""``@feature``: a function of one's own becomes a declared feature, equal to those of the package.

Examples
--------
>>> import numpy as np
>>> import polars as pl
>>> from tidegate.core.past_view import PastView
>>> @feature(group="price", lookback_bars=20, unit="fraction", requires=("close",))
... def above_low(view: PastView):
...     "Distance to the lowest close of 20 bars."
...     return view["close"][-1] / np.min(view["close"], axis=0) - 1.0
>>> @feature(group="price", lookback_bars=21, unit="log")
... def volatility(close: pl.Expr) -> pl.Expr:
...     "Deviation of 20 log returns."
...     return close.log().diff().rolling_std(20)
>>> above_low.requires, volatility.requires
(('close',), ('close',))
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final, ParamSpec

from tidegate.core.errors import InputError
from tidegate.core.fingerprint import fingerprint
from tidegate.core.recipe_features import FEATURE_NAME
from tidegate.core.units import FloatArray
from tidegate.features.contract import Feature
from tidegate.features.custom.bars import in_bars
from tidegate.features.custom.functions import FromExpression, FromView, block_bars, fault_of
from tidegate.features.custom.probe import check_reach
from tidegate.features.custom.source_code import code_of
from tidegate.features.custom.syntax import LONGEST_LOOKBACK
from tidegate.features.inputs import Inputs

__all__ = ["Loading", "OwnFormula", "feature", "loading"]

_VIEW: Final = "PastView"
_Told = ParamSpec("_Told")
_Decorator = Callable[[Callable[..., Any]], Feature]


@dataclass(kw_only=True)
class Loading:
    """A file while it is loaded: what its decorators make, and how to come by it again in another process.

    Parameters
    ----------
    module
        Name of the module under which the file runs.
    code
        Its text.
    restore
        Returns the formula of a feature by its name; picklable.
    """

    module: str
    code: str
    restore: Callable[[str], Any]
    features: list[Feature] = field(default_factory=list)


_LOADING: ContextVar[Loading | None] = ContextVar("loading", default=None)


@contextmanager
def loading(file: Loading) -> Iterator[None]:
    """Collect what decorators make while a file is loaded."""
    token = _LOADING.set(file)
    try:
        yield
    finally:
        _LOADING.reset(token)


@dataclass(frozen=True)
class OwnFormula:
    """The formula of a decorated function; pickled as the file and name that it comes from, where it comes from one."""

    name: str
    compute: Callable[[Inputs], FloatArray]
    restore: Callable[[str], Any] | None = None

    def __call__(self, inputs: Inputs) -> FloatArray:
        """Compute it."""
        return self.compute(inputs)

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how to make it again: functions of a file have no module that another process could import."""
        if self.restore is None:
            return OwnFormula, (self.name, self.compute)
        return self.restore, (self.name,)


def _explaining(make: Callable[_Told, _Decorator]) -> Callable[_Told, _Decorator]:
    """Say how the decorator is written where it is called otherwise; Python's own words name no way out."""
    expected = inspect.signature(make)

    @wraps(make)
    def explained(*told: _Told.args, **named: _Told.kwargs) -> _Decorator:
        try:
            expected.bind(*told, **named)
        except TypeError as error:
            bare = len(told) == 1 and callable(told[0]) and not named
            raise InputError(
                found="@feature without brackets" if bare else f"@feature({', '.join(named) or '...'}): {error}",
                expected=f"group, lookback_bars and unit; also known are {', '.join(list(expected.parameters)[3:])}",
                hint='write: @feature(group="price", lookback_bars=20, unit="fraction")',
            ) from None
        return make(*told, **named)

    return explained


@_explaining
def feature(
    *,
    group: str,
    lookback_bars: int,
    unit: str,
    requires: Sequence[str] = (),
    tables: Sequence[str] = (),
    bound: float = 0.0,
    name: str | None = None,
    description: str | None = None,
) -> _Decorator:
    """Make a feature of a function.

    A function whose one parameter is a :class:`~tidegate.core.past_view.PastView` (by annotation, or by the name
    ``view``) is called at every row with a view of the last ``lookback_bars`` bars and returns one number per symbol;
    it sees all symbols, and never what comes later. Any other function is called once and returns a Polars expression,
    which is evaluated per symbol: its parameters are columns by their names, and ``time`` is there, too.

    Parameters
    ----------
    group
        One of :class:`~tidegate.features.FeatureGroup`.
    lookback_bars
        Bars that the value at *t* reads, bar *t* included. A row with fewer bars before it is missing. Of a recursive
        formula its warm-up: the recursion begins there.
    unit
        Unit of the value.
    requires
        Columns that it reads; an expression's own are found without this.
    tables
        Slower sources whose rows a view shall show: ``view.rows("funding")``.
    bound
        How far the value may be from that of a recursion without a beginning; for the reader and the audit.
    name, description
        Instead of the function's name and the first line of its docstring.

    Raises
    ------
    InputError
        If the declaration does not fit the function.
    """
    said = _Said(
        group=group,
        lookback_bars=lookback_bars,
        unit=unit,
        requires=tuple(requires),
        tables=tuple(tables),
        bound=bound,
        name=name,
        description=description,
    )
    return said.of


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What a decorator was told of the function under it."""

    group: str
    lookback_bars: int
    unit: str
    requires: tuple[str, ...]
    tables: tuple[str, ...]
    bound: float
    name: str | None
    description: str | None

    def of(self, function: Callable[..., Any]) -> Feature:
        """Return the feature of a function, and note it where a file is being loaded."""
        called = self.name or function.__name__
        self._check(called)
        body = self._body(called, function)
        by_view = isinstance(body, FromView)
        suffices = self.lookback_bars + (0 if by_view else block_bars(self.lookback_bars) - 1)
        file = _LOADING.get()
        if file is not None and function.__module__ != file.module:
            file = None
        code = code_of(function, None if file is None else file.code)
        made = Feature(
            name=called,
            group=self.group,
            requires=body.requires,
            lookback_bars=suffices,
            description=self.description or (inspect.getdoc(function) or called.replace("_", " ")).splitlines()[0],
            unit=self.unit,
            bound=self.bound,
            implementation=fingerprint([code, self.lookback_bars, type(body).__name__]),
            tables=self.tables,
            together=by_view,
            formula=OwnFormula(called, in_bars(body, body.requires, suffices), None if file is None else file.restore),
        )
        if file is not None:
            file.features.append(made)
        return made

    def _check(self, called: str) -> None:
        if not re.match(FEATURE_NAME, called):
            raise InputError(
                found=f"a feature named {called!r}",
                expected="small letters, digits and '_', at most 64, the first a letter",
                hint='rename the function, or say name="..."',
            )
        if not 1 <= self.lookback_bars <= LONGEST_LOOKBACK:
            raise InputError(
                found=f"feature {called} with lookback_bars={self.lookback_bars}",
                expected=f"from 1 to {LONGEST_LOOKBACK:,} bars",
                hint="count the bars that the value reads, the present one included",
            )

    def _body(self, called: str, function: Callable[..., Any]) -> FromView | FromExpression:
        body: FromView | FromExpression
        if _takes_a_view(function):
            body = FromView(called, function, self.lookback_bars, self.requires)
        elif self.tables:
            raise InputError(
                found=f"feature {called}: an expression with tables={self.tables}",
                expected="tables for a function of a PastView alone",
                hint="sources that the market's contract reads are columns; name those as parameters",
            )
        else:
            body = _expression(called, function, self.lookback_bars, self.requires)
        if not body.requires:
            raise InputError(
                found=f"feature {called} that reads no column",
                expected="at least one",
                hint='name them: requires=("close",)',
            )
        if isinstance(body, FromExpression):
            check_reach(body, self.bound)
        return body


def _takes_a_view(function: Callable[..., Any]) -> bool:
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) != 1:
        return False
    annotation = parameters[0].annotation
    if annotation is inspect.Parameter.empty:
        return parameters[0].name == "view"
    return str(getattr(annotation, "__name__", annotation)).rpartition(".")[2] == _VIEW


def _expression(
    called: str, function: Callable[..., Any], lookback_bars: int, requires: tuple[str, ...]
) -> FromExpression:
    import polars as pl

    columns = list(inspect.signature(function).parameters)
    try:
        expression = function(*map(pl.col, columns))
    except Exception as error:
        raise fault_of(called, function, error, "when it is declared") from error
    if not isinstance(expression, pl.Expr) or expression.meta.has_multiple_outputs():
        raise InputError(
            found=f"feature {called}: a {type(expression).__name__}",
            expected="one Polars expression, or a function whose parameter is a PastView",
            hint="return an expression over the parameters; annotate a view: def name(view: PastView)",
        )
    read = {*requires, *columns, *expression.meta.root_names()} - {"time"}
    return FromExpression(called, function, expression, lookback_bars, tuple(sorted(read)))
