"""Figures with their intervals as cells of a table; one without an interval says why."""

from __future__ import annotations

from tidegate.report.hit_figures import Estimate
from tidegate.report.page import Cell, Painter

__all__ = ["estimate_cell", "estimate_text"]


def estimate_text(painter: Painter, name: str, found: Estimate, spec: str) -> str:
    """Return a figure with its interval, or with the number of weeks that were too few for one.

    Parameters
    ----------
    name
        Field of :class:`~tidegate.report.hit_figures.HitFigures` that it comes from.
    """
    said = found.text(spec)
    if not found.is_alone:
        return said
    key = "unknown" if found.weeks is None else "calls" if name == "precision" else "weeks"
    return f"{said} ({painter.text(f'no_interval.{key}', weeks=found.weeks)})"


def estimate_cell(painter: Painter, name: str, found: Estimate, spec: str) -> Cell:
    """Return :func:`estimate_text` as a cell."""
    return Cell(estimate_text(painter, name, found, spec))
