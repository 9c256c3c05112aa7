"""What a recipe says about tuning, calibration and picks."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tidegate.core.config import Settings, misfit
from tidegate.core.units import Count

__all__ = ["CalibrateSettings", "Metric", "PickSettings", "Range", "TuneSettings"]

Metric = Literal[
    "auc",
    "within_date_auc",
    "average_precision",
    "f_beta",
    "rank_ic",
    "ndcg_over_shuffled",
    "net_sharpe_top_k",
    "r_squared",
]
Probability = Annotated[float, Field(gt=0.0, lt=1.0)]


class Range(Settings):
    """Where a parameter is searched, both ends inclusive."""

    low: float
    """Least value."""
    high: float
    """Largest value."""
    log: bool = False
    """Search its logarithm."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high or (self.log and self.low <= 0.0):
            wanted = "low at most high, and above 0 where log: true"
            raise misfit(wanted, at=("low",), value=self.low, hint="exchange the two, or leave log out")
        return self


class TuneSettings(Settings):
    """How the parameters of one model are searched. Costs are never searched.

    The study sees only what lies in front of the first test window.
    """

    model: Literal["ridge", "lightgbm", "xgboost"] = "xgboost"
    """Whose parameters are searched; the recipe's own are the first trial."""
    trials: Count = 50
    """How many sets of parameters are tried."""
    minutes: Annotated[float, Field(gt=0.0)] = 20.0
    """Budget of time: no trial begins that is likely to end after it, and one that runs past it ends with its round."""
    memory_gib: Annotated[float, Field(gt=0.0)] = 3.0
    """Budget of memory: a study that would need more says so before it begins, and one that takes more is ended."""
    metric: Metric = "auc"
    """What is made as large as possible, a mean over the inner folds."""
    beta: Annotated[float, Field(gt=0.0)] = 0.5
    """Of ``f_beta``: below 1 precision counts more than recall."""
    top_k: Count = 10
    """Of ``net_sharpe_top_k``: how many symbols are held; of ``ndcg_over_shuffled``: how many places count."""
    inner_folds: Count = 3
    """Folds in time, each after its training part and purged, by which a set of parameters is judged."""
    pruning: bool = True
    """Give up a set of parameters whose mean so far falls behind the median of the complete ones at the same inner
    fold."""
    startup_trials: Count = 10
    """Sets before the search learns from the others, none of which is given up: the recipe's own, the rest drawn at
    random."""
    space: dict[str, Range] = Field(default_factory=dict)
    """Ranges by name of the parameter, in place of the model's own."""


class CalibrateSettings(Settings):
    """From scores to probabilities, and from probabilities to calls. Both are fitted on the calibration slice."""

    method: Literal["isotonic", "platt", "none"] = "isotonic"
    """``isotonic``: a rising step function; ``platt``: a logistic curve over the log-odds of the score, or over the
    score itself where that is no probability, which needs fewer samples; ``none``: the score as it is, clipped to
    [0, 1]."""
    rule: Literal["wilson", "point"] = "wilson"
    """How a threshold earns its place: ``wilson`` asks that the lower end of the 95 % Wilson interval of its precision
    reaches the target, with ``minimum_calls`` at least on ``minimum_days`` at least; ``point`` that the precision
    itself does."""
    target_precision: Probability = 0.60
    """The floor: share of the calls that must have been right on the slice."""
    minimum_calls: Count = 100
    """Fewest calls on the slice, by ``rule: wilson``; ``point`` is content with one."""
    minimum_days: Annotated[int, Field(ge=0)] = 10
    """Fewest days with calls on the slice, by ``rule: wilson``: rows of one day rise and fall together, and calls of a
    few days prove little however many they are. 0 asks for none."""
    threshold_low: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Least threshold that is tried."""
    threshold_high: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    """Thresholds below this are tried, itself excluded."""
    threshold_step: Annotated[float, Field(ge=0.0001, le=0.5)] = 0.01
    """Step between thresholds, counted from ``threshold_low``."""

    @model_validator(mode="after")
    def _range_in_order(self) -> Self:
        if self.threshold_low >= self.threshold_high:
            wanted = f"less than threshold_high, which is {self.threshold_high}"
            raise misfit(wanted, at=("threshold_low",), value=self.threshold_low, hint="exchange the two")
        return self


class PickSettings(Settings):
    """The list that ``tidegate pick`` prints."""

    top_k: Count = 10
    """How many names, best first."""
    reasons: Count = 3
    """How many features are named beside each, by how much they moved its score."""
