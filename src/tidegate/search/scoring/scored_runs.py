"""The runs of a manifest with their figures, or with the reason why they have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from tidegate.core.time import DAY, Instant, format_instant

__all__ = ["WINDOW_SLACK", "Asked", "Listed", "Origin", "ScoredRun", "flat_parameters"]

Asked = tuple[date | None, date | None]
"""First and last day that were asked for."""
Origin = Literal["lean", "tidegate"]

WINDOW_SLACK = 7 * DAY
"""A window opens and closes on sessions, which a weekend with holidays keeps away from the dates asked for."""


@dataclass(frozen=True, kw_only=True)
class ScoredRun:
    """One run of a manifest.

    Parameters
    ----------
    id
        Its number or name on the platform, or the key of the parameter set.
    train
        The training job or run whose scores it traded; None where the manifest does not say.
    parameters
        As the manifest holds them, nested ones under dotted names.
    figures
        Numbers by name as in :data:`~tidegate.core.recipe_search.FIGURES`; fractions, not percent. LEAN's turnover is
        that of a mean day.
    is_drawdown_rounded
        Whether the drawdown is known to 0.1 point only.
    start, end
        The window of the figures; None where nothing says it.
    reason
        Why the run is not scored; None where it is.
    """

    id: str
    train: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, float | None] = field(default_factory=dict)
    is_drawdown_rounded: bool = False
    start: Instant | None = None
    end: Instant | None = None
    reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        window = None
        if self.start is not None and self.end is not None:
            window = {"start": format_instant(self.start)[:10], "end": format_instant(self.end)[:10]}
        return {
            "id": self.id,
            "train": self.train,
            "parameters": dict(self.parameters),
            "figures": dict(self.figures),
            "window": window,
            "is_drawdown_rounded": self.is_drawdown_rounded,
        }


@dataclass(frozen=True, kw_only=True)
class Listed:
    """All runs of a manifest, each once, in the order of their first lines.

    Parameters
    ----------
    origin
        Whose backtests they are.
    is_closed
        Whether the manifest says that nothing more comes; one of LEAN never does, and is taken as it stands.
    """

    origin: Origin
    runs: tuple[ScoredRun, ...]
    is_closed: bool = True


def flat_parameters(values: object, before: str = "") -> dict[str, Any]:
    """Return parameters by name, nested ones under dotted names; none where there are none.

    Examples
    --------
    >>> flat_parameters({"top_n": 5, "legacy": {"fee_ignored": True}})
    {'top_n': 5, 'legacy.fee_ignored': True}
    """
    if not isinstance(values, Mapping):
        return {}
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat.update(
            flat_parameters(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
        )
    return flat
