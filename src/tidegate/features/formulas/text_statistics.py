"""How much was written in the last six hours, in five-minute buckets: an estimator of its own (D-29).

These say of six hours what ``social_*`` says of a day, on other scales and under other names; nothing blends the two.
Posts and comments are counted apart (D-30): what is not said to be of comments is of posts.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tidegate.core.units import FloatArray
from tidegate.features.contract import Feature, Formula
from tidegate.features.formulas.masked import column, masked, missing_flag
from tidegate.features.inputs import Inputs, ratio
from tidegate.features.sources import Source
from tidegate.features.text_profiles import TextProfile

__all__ = ["FEATURES", "SOURCES"]

SOURCES: Final[tuple[Source, ...]] = (
    TextProfile(name="text_post", table="posts"),
    TextProfile(name="text_comment", table="comments"),
)
"""One profile per table."""

_HOUR_OF_BUCKETS: Final = 12.0
_BUCKETS: Final = 72.0


def _some(bars: Inputs, name: str) -> FloatArray:
    """Return a count, missing where it is 0."""
    count = bars.column(name)
    return np.where(count > 0.0, count, np.nan)


def _items(bars: Inputs) -> FloatArray:
    return _some(bars, "text_post_items")


def _velocity_1h(bars: Inputs) -> FloatArray:
    return np.tanh(np.where(np.isnan(_items(bars)), np.nan, bars.column("text_post_items_1h")) / _HOUR_OF_BUCKETS)


def _influence(bars: Inputs) -> FloatArray:
    return np.tanh(np.log1p(ratio(_some(bars, "text_post_authors"), bars.column("text_post_buckets"))) / 2.0)


def _duplicates(bars: Inputs) -> FloatArray:
    return 1.0 - ratio(_some(bars, "text_post_texts"), bars.column("text_post_items"))


def _comment_rate(bars: Inputs) -> FloatArray:
    return bars.column("text_comment_items") / _items(bars)


def _comment_skew(bars: Inputs) -> FloatArray:
    return bars.column("text_comment_sentiment") - bars.column("text_post_sentiment")


def _engagement(bars: Inputs) -> FloatArray:
    return np.tanh(np.log1p(bars.column("text_post_engagement")) / 3.0)


_COUNT: Final = ("text_post_items",)
_POST: Final = "text_missing_flag"
_OPINION: Final = "text_post_sentiment_missing_flag"

_Declared = tuple[str, tuple[str, ...], Formula, str, str, str]
_DECLARED: Final[tuple[_Declared, ...]] = (
    ("text_item_count", _COUNT, _items, _POST, "count", "posts"),
    ("text_unique_authors", ("text_post_authors",), lambda bars: _some(bars, "text_post_authors"), _POST, "count",
     "different authors of posts"),
    ("text_duplicate_ratio", ("text_post_items", "text_post_texts"), _duplicates, _POST, "fraction",
     "1 - different texts / posts"),
    ("text_mean_lag_seconds", ("text_post_lag",), column("text_post_lag"), _POST, "seconds",
     "mean time from a post to the end of the bucket in which it was known"),
    ("text_coverage", _COUNT, lambda bars: np.minimum(_items(bars) / 12.0, 1.0), _POST, "fraction",
     "min(1, posts / 12)"),
    ("text_density", _COUNT, lambda bars: np.minimum(_items(bars) / _BUCKETS, 1.0), _POST, "fraction",
     "min(1, posts / 72)"),
    ("text_buzz", _COUNT, lambda bars: np.tanh(np.log1p(_items(bars)) / 4.0), _POST, "fraction",
     "tanh(ln(1 + posts) / 4)"),
    ("text_velocity_1h", ("text_post_items", "text_post_items_1h"), _velocity_1h, _POST, "fraction",
     "tanh(posts of the last hour / 12)"),
    ("text_velocity_6h", _COUNT, lambda bars: np.tanh(_items(bars) / _BUCKETS), _POST, "fraction",
     "tanh(posts / 72)"),
    ("text_influence_norm", ("text_post_authors", "text_post_buckets"), _influence, _POST, "fraction",
     "tanh(ln(1 + authors / buckets with a post) / 2)"),
    ("text_engagement_norm", ("text_post_engagement",), _engagement, "text_engagement_missing_flag", "fraction",
     "tanh(ln(1 + mean engagement) / 3) of posts whose engagement was read by then"),
    ("text_post_sentiment", ("text_post_sentiment",), column("text_post_sentiment"), _OPINION, "fraction",
     "mean sentiment of posts weighted by 1 + sqrt(engagement)"),
    ("text_sentiment_abs", ("text_post_sentiment_abs",), column("text_post_sentiment_abs"), _OPINION, "fraction",
     "mean of abs(sentiment) of posts, weighted the same"),
    ("text_comment_sentiment", ("text_comment_sentiment",), column("text_comment_sentiment"),
     "text_comment_sentiment_missing_flag", "fraction", "mean sentiment of comments, weighted the same"),
    ("text_comment_rate", ("text_comment_items", "text_post_items"), _comment_rate, "text_comment_rate_missing_flag",
     "ratio", "comments / posts"),
    ("text_comment_skew", ("text_comment_sentiment", "text_post_sentiment"), _comment_skew,
     "text_comment_skew_missing_flag", "fraction", "sentiment of comments less that of posts"),
)  # fmt: skip

_FLAGGED: Final[dict[str, tuple[tuple[str, ...], Formula, str]]] = {
    _POST: (_COUNT, _items, "no post"),
    "text_engagement_missing_flag": (("text_post_engagement",), _engagement, "no engagement of a post"),
    _OPINION: (("text_post_sentiment",), column("text_post_sentiment"), "no sentiment of a post"),
    "text_comment_sentiment_missing_flag": (
        ("text_comment_sentiment",), column("text_comment_sentiment"), "no sentiment of a comment",
    ),
    "text_comment_rate_missing_flag": (("text_comment_items", "text_post_items"), _comment_rate, "no post"),
    "text_comment_skew_missing_flag": (
        ("text_comment_sentiment", "text_post_sentiment"), _comment_skew, "no sentiment of both posts and comments",
    ),
}  # fmt: skip

FEATURES: Final[tuple[Feature, ...]] = (
    *(
        masked(
            name,
            requires,
            formula,
            mask=mask,
            group="text_statistics",
            unit=unit,
            description=f"{description}; last six hours of five-minute buckets",
        )
        for name, requires, formula, mask, unit, description in _DECLARED
    ),
    *(
        missing_flag(
            name,
            requires,
            formula,
            group="text_statistics",
            about=f"{about} is known of the last six hours",
        )
        for name, (requires, formula, about) in _FLAGGED.items()
    ),
)
"""Declarations in contract order."""
