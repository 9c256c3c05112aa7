"""Tidegate: ML trading from raw bars to an honest backtest, where time flows one way.

Each room of the house is a subpackage; import from the room that owns the concept, for example
``from tidegate.data import Catalog`` or ``from tidegate.engine import backtest``. Importing ``tidegate`` itself
loads nothing heavy.

Examples
--------
>>> import tidegate
>>> tidegate.__version__.count(".")
2
"""

from tidegate._version import __version__

__all__ = ["__version__"]
