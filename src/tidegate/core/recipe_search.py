"""What a recipe says about a search: which sets of parameters are tried, what is wanted of them, how each is judged."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from tidegate.core.config import Settings, misfit
from tidegate.core.units import Count

__all__ = [
    "FIGURES",
    "Bound",
    "DrawSettings",
    "Figure",
    "OptunaSettings",
    "PartSettings",
    "PerturbSettings",
    "SearchSettings",
    "Span",
]

Figure = Literal[
    "cagr",
    "total_return",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "excess_cagr",
    "excess_sharpe",
    "turnover",
]
FIGURES: Final[tuple[str, ...]] = Figure.__args__  # type: ignore[attr-defined]
"""What a parameter set may be judged by; all from net returns, fractions and not percent."""

_PASSWORD: Final = re.compile(r"://[^/?#@]*:[^/?#]*@|[?&][^=&]*(key|token|secret|passw)[^=&]*=", re.IGNORECASE)
"""A password behind a user, or a value in the query that is named like one."""
Probability = Annotated[float, Field(gt=0.0, lt=1.0)]
Value = bool | int | float | str | tuple[Any, ...] | None


class Bound(Settings):
    """Where a figure must lie, ends inclusive."""

    at_least: float | None = None
    """Least value that is allowed."""
    at_most: float | None = None
    """Largest value that is allowed."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        low, high = self.at_least, self.at_most
        if (low is None and high is None) or (low is not None and high is not None and low > high):
            wanted = "at_least, at_most, or both in this order"
            raise misfit(wanted, at=("at_most",), value=high, hint="such as max_drawdown: {at_most: 0.15}")
        return self


class Span(Settings):
    """Where a number is searched, both ends inclusive."""

    low: float
    """Least value."""
    high: float
    """Largest value."""
    step: Annotated[float, Field(gt=0.0)] | None = None
    """Only whole steps from ``low`` on; none means every number, or every whole one for parameters that count."""
    log: bool = False
    """Draw its logarithm evenly."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high or (self.log and (self.low <= 0.0 or self.step is not None)):
            wanted = "low at most high, and above 0 and without step where log: true"
            raise misfit(wanted, at=("low",), value=self.low, hint="exchange the two, or leave log out")
        return self


class PerturbSettings(Settings):
    """Sets around a base, on a lattice of whole steps: always as many as asked, each once, none of them in the grid."""

    count: Count
    """How many sets; where the lattice holds fewer, the search refuses and says why."""
    base: dict[str, float] = Field(default_factory=dict)
    """Centre by name of the parameter; what is not named is what the strategy says."""
    steps: Annotated[dict[str, Annotated[float, Field(gt=0.0)]], Field(min_length=1)]
    """Size of one step by name of the parameter: these parameters are moved, and no other."""
    reach: Count = 1
    """Most steps away from the base, each parameter on its own."""
    bounds: dict[str, Span] = Field(default_factory=dict)
    """Least and largest value by name of the parameter."""


class DrawSettings(Settings):
    """Sets drawn at random."""

    count: Count
    """How many sets, each once."""
    space: dict[str, Span | tuple[Value, ...]] = Field(default_factory=dict)
    """Span or list of values by name of the parameter."""
    around: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Draw each parameter of ``space`` from the strategy's own value times ``1 - around`` to ``1 + around``, within its
    span; none draws from the whole span."""

    @model_validator(mode="after")
    def _has_a_space(self) -> Self:
        if not self.space:
            raise misfit("at least one parameter", at=("space",), value="none", hint="write space: {top_n: [5, 10]}")
        return self


class OptunaSettings(Settings):
    """Sets proposed by Optuna from what earlier ones did, in batches of a fixed size."""

    trials: Count = 100
    """How many sets are proposed."""
    sampler: Literal["tpe", "random", "qmc", "nsga2"] = "tpe"
    """Who proposes; the constraints are told to those that hear them (``tpe``, ``nsga2``)."""
    batch: Count = 10
    """Sets that are proposed before the first of them is judged; part of the result, so it does not follow the
    machine."""
    startup_trials: Count = 10
    """Sets drawn at random before the sampler learns."""
    space: dict[str, Span | tuple[Value, ...]]
    """Span or list of values by name of the parameter."""
    storage: str = "journal"
    """``journal``: a file in the run's folder, in Optuna's own format; or the URL of a database, such as
    ``postgresql+psycopg://user@host/optuna``, whose password its driver takes from the environment or a file."""

    @model_validator(mode="after")
    def _keeps_no_secret(self) -> Self:
        if _PASSWORD.search(self.storage):
            wanted = "a URL without a password: a recipe is stored with every run"
            hint = "let the driver take it from the environment or a file"
            raise misfit(wanted, at=("storage",), value="a URL with one", hint=hint)
        return self


class PartSettings(Settings):
    """How the window is cut: sets are chosen on the training part, shown on the next, and the last stays untouched."""

    validation_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2
    """Share of the sessions between training and final part; 0 for none."""
    final_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2
    """Share of the sessions at the end; 0 for none, and then nothing is left that no choice has seen."""
    validation_from: date | None = None
    """First day of the validation part, in place of its share."""
    final_from: date | None = None
    """First day of the final part, in place of its share."""

    @model_validator(mode="after")
    def _training_is_left(self) -> Self:
        if self.validation_share + self.final_share > 0.9:
            wanted = "at most 0.9 together with final_share: sets are chosen on what is left"
            raise misfit(wanted, at=("validation_share",), value=self.validation_share, hint="lower one of the two")
        if self.validation_from and self.final_from and self.validation_from >= self.final_from:
            wanted = f"a day before final_from, which is {self.final_from}"
            raise misfit(wanted, at=("validation_from",), value=self.validation_from, hint="exchange the two")
        return self


def _drawdown_limit() -> dict[Figure, Bound]:
    return {"max_drawdown": Bound(at_most=0.15)}


class SearchSettings(Settings):
    """How parameter sets of the strategy are searched. Costs, data and models are never searched."""

    objective: Figure = "cagr"
    """What is made as large as possible, on the training part of the window."""
    constraints: dict[Figure, Bound] = Field(default_factory=_drawdown_limit)
    """Bounds by figure; ``{}`` asks for none."""
    feasible_by: Literal["bootstrap", "point"] = "bootstrap"
    """``point``: a set keeps the bounds on the training part; ``bootstrap``: it also keeps them with ``probability`` in
    resampled histories of that part."""
    probability: Probability = 0.8
    """How often resampled histories must keep all bounds."""
    grid: dict[str, Annotated[tuple[Value, ...], Field(min_length=1)]] = Field(default_factory=dict)
    """Values by name of the parameter; every combination is tried, the last name turning fastest."""
    perturb: PerturbSettings | None = None
    """Sets around a base, beside those of the grid."""
    random: DrawSettings | None = None
    """Sets drawn at random, beside the others."""
    optuna: OptunaSettings | None = None
    """Sets proposed from what the others did; the others come first and are told to it."""
    parts: PartSettings = PartSettings()
    """How the window is cut."""
    nested: bool = False
    """Choose anew at the beginning of each year, on what lay before, and follow each choice for a year."""
    first_choice_years: Annotated[float, Field(gt=0.0)] = 2.0
    """Years of history before the first such choice."""
    top: Count = 3
    """How many sets are shown with their parameters."""
    block_bars: Count = 21
    """Mean length of the blocks in which history is resampled, in bars: what lasts, such as volatility, lasts for
    about a month."""
    replicates: Annotated[int, Field(ge=100, le=100_000)] = 1000
    """Resampled histories."""
    level: Probability = 0.02
    """An edge is claimed where chance alone would look as good in this share of markets or less."""
    overfitting_blocks: Annotated[int, Field(ge=4, le=20, multiple_of=2)] = 16
    """Stretches of time that the probability of overfitting puts together in every way, half against half."""

    @property
    def learns(self) -> bool:
        """Whether sets are proposed by what others earned in the training part."""
        return self.optuna is not None and self.optuna.sampler in {"tpe", "nsga2"}

    @property
    def tries_something(self) -> bool:
        """Whether any set is asked for; a selection among training runs asks for none."""
        return bool(self.grid) or any(part is not None for part in (self.perturb, self.random, self.optuna))
