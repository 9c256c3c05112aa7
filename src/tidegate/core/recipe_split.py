"""What a recipe says about its split: how training, validation, calibration and test are kept apart in time."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from tidegate.core.config import Settings, misfit
from tidegate.core.recipe_data import Day
from tidegate.core.units import Count

__all__ = ["SplitSettings"]

Months = Annotated[int, Field(ge=1, le=1200)]
Length = Annotated[int, Field(ge=0, le=36500)]
_SUM: Final = 1e-9


class SplitSettings(Settings):
    """Folds in calendar units; purge follows the label spans.

    In front of every test window lie, in this order and with a purge at each border: training, validation (early
    stopping and tuning look at it) and calibration (calibrator and threshold are fitted on it). The two slices are cut
    from the end of the past; of length 0 there is none.
    """

    scheme: Literal["walk_forward", "holdout"] = "walk_forward"
    """``walk_forward`` moves the test window on, ``holdout`` divides the time once by ``fractions``."""
    first_test: Day | None = None
    """First day of the first test window of a walk-forward split."""
    test_months: Months | None = 12
    """Length of each test window, and the step from one to the next."""
    test_days: Count | None = None
    """The same in days; ``test_months`` is left out then."""
    train_months: Months | None = None
    """Length of a rolling window in front of the test, slices included; none means expanding."""
    train_days: Count | None = None
    """The same in days."""
    validation_months: Length = 0
    """Length of the validation slice."""
    validation_days: Length = 0
    """The same in days."""
    calibration_months: Length = 0
    """Length of the calibration slice."""
    calibration_days: Length = 0
    """The same in days."""
    fractions: tuple[float, ...] = (0.6, 0.2, 0.2)
    """Of a ``holdout``: shares of the time of training, validation and test, or training, validation, calibration and
    test."""
    embargo_days: Annotated[int, Field(ge=0)] = 0
    """Calendar days kept free between the last label in front of a border and the border, beyond the purge."""
    minimum_train_days: Count = 365
    """A fold with less training history than this is not made."""
    minimum_folds: Count = 1
    """A walk-forward split with fewer folds than this is refused."""

    @model_validator(mode="before")
    @classmethod
    def _months_give_way(cls, content: Any) -> Any:
        if isinstance(content, dict) and content.get("test_days") is not None and "test_months" not in content:
            return {**content, "test_months": None}
        return content

    @model_validator(mode="after")
    def _lengths_fit(self) -> Self:
        if self.scheme == "walk_forward" and self.first_test is None:
            hint = "write a date such as 2020-01-01, or scheme: holdout"
            raise misfit("the first day that is tested", at=("first_test",), value=None, hint=hint)
        for name in ("train", "validation", "calibration"):
            months, days = getattr(self, f"{name}_months"), getattr(self, f"{name}_days")
            if months and days:
                clash = f"either {name}_months or {name}_days"
                raise misfit(clash, at=(f"{name}_days",), value=days, hint="keep the one that is meant")
        if (self.test_days is None) == (self.test_months is None):
            hint = "keep the one that is meant"
            raise misfit("either test_months or test_days", at=("test_days",), value=self.test_days, hint=hint)
        shares = self.fractions
        if len(shares) not in (3, 4) or min(shares) <= 0.0 or abs(sum(shares) - 1.0) > _SUM:
            hint = "for example [0.6, 0.2, 0.2], or [0.6, 0.1, 0.1, 0.2] with a calibration slice"
            raise misfit("three or four shares above 0 that sum to 1", at=("fractions",), value=shares, hint=hint)
        return self

    @property
    def has_validation(self) -> bool:
        """Whether a slice is kept for early stopping and tuning."""
        return self.scheme == "holdout" or bool(self.validation_months or self.validation_days)

    @property
    def has_calibration(self) -> bool:
        """Whether a slice is kept for calibrator and threshold."""
        if self.scheme == "holdout":
            return len(self.fractions) == 4
        return bool(self.calibration_months or self.calibration_days)
