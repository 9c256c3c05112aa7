"""Search under constraints: parameter sets and trained models held against each other, and what luck did."""

from tidegate.search.conduct import Workers
from tidegate.search.overrides import with_overrides
from tidegate.search.search import search
from tidegate.search.select import select

__all__ = ["Workers", "search", "select", "with_overrides"]
