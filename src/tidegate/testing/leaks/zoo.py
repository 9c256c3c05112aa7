"""All planted leaks, in the order of the page about them."""

from __future__ import annotations

from typing import Final

from tidegate.testing.leaks.fits import FITS
from tidegate.testing.leaks.joins import JOINS
from tidegate.testing.leaks.labels import LABELS
from tidegate.testing.leaks.leak import Leak
from tidegate.testing.leaks.neighbours import NEIGHBOURS
from tidegate.testing.leaks.splits import SPLITS
from tidegate.testing.leaks.states import STATES
from tidegate.testing.leaks.texts import TEXTS
from tidegate.testing.leaks.universe import UNIVERSE
from tidegate.testing.leaks.whole_sample import WHOLE_SAMPLE

__all__ = ["LEAKS"]

LEAKS: Final[tuple[Leak, ...]] = (
    *NEIGHBOURS,
    *WHOLE_SAMPLE,
    *JOINS,
    *UNIVERSE,
    *LABELS,
    *SPLITS,
    *FITS,
    *TEXTS,
    *STATES,
)
"""Each with a unique name."""
