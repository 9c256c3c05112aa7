"""The as-of join: beside each decision, the newest value of every slower source that was known by then.

Nothing is filled backward, and there is no limit on rows: what is missing is missing, with a mask that says so.
"""

from tidegate.data.asof.join import as_of_join, as_of_panel
from tidegate.data.asof.source import AsOfSource
from tidegate.data.asof.standing import Standing, newest_known

__all__ = ["AsOfSource", "Standing", "as_of_join", "as_of_panel", "newest_known"]
