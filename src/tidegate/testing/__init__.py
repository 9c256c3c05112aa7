"""For the tests of Tidegate and of those who build on it: a synthetic market and contract suites."""

from tidegate.testing.contracts import check_forecaster, check_splitter
from tidegate.testing.market import synthetic_bars, synthetic_panel

__all__ = ["check_forecaster", "check_splitter", "synthetic_bars", "synthetic_panel"]
