"""What was said about a symbol in the last 24 hours: events, posts and comments, each for itself (D-30).

Every statistic is one of :class:`tidegate.features.profiles.EventProfile` or ``SocialProfile``; an empty window is
neutral 0 with its flag at 1, and all of them stand in every vector, online as in training (D-04).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tidegate.core.units import FloatArray
from tidegate.features.contract import Feature, Formula
from tidegate.features.formulas.masked import column, masked, missing_flag
from tidegate.features.inputs import Inputs, ratio
from tidegate.features.profiles import EventProfile, SocialProfile
from tidegate.features.sources import Source

__all__ = ["FEATURES", "SOURCES"]

_DENSE: Final = 32.0
_COMMENTS_PER_POST: Final = 20.0

SOURCES: Final[tuple[Source, ...]] = (
    EventProfile(name="event", table="events"),
    SocialProfile(name="post", table="posts"),
    SocialProfile(name="comment", table="comments"),
)
"""One profile per table; a table that is not there leaves its features out."""


def _squashed(name: str, divisor: float = 1.0) -> Formula:
    return lambda bars: np.tanh(bars.column(name) / divisor)


def _some(bars: Inputs, name: str) -> FloatArray:
    """Return a count, missing where it is 0."""
    count = bars.column(name)
    return np.where(count > 0.0, count, np.nan)


def _event_density(bars: Inputs) -> FloatArray:
    return np.minimum(_some(bars, "event_count") / _DENSE, 1.0)


def _social_ratio(bars: Inputs) -> FloatArray:
    posts = bars.column("post_count")
    return ratio(posts, posts + bars.column("event_count"))


def _comment_rate(bars: Inputs) -> FloatArray:
    return np.tanh(bars.column("comment_count") / (_COMMENTS_PER_POST * _some(bars, "post_count")))


def _comment_skew(bars: Inputs) -> FloatArray:
    return bars.column("comment_sentiment") - bars.column("post_sentiment")


def _feature(
    name: str,
    description: str,
    *,
    mask: str,
    formula: Formula,
    requires: tuple[str, ...],
    unit: str = "fraction",
    known_as: str | None = None,
) -> Feature:
    return masked(
        name,
        requires,
        formula,
        mask=mask,
        group="event",
        unit=unit,
        description=f"{description}; last 24 hours",
        known_as=name if known_as is None else known_as,
    )


def _taken(
    name: str, source: str, description: str, *, mask: str, unit: str = "fraction", known_as: str | None = None
) -> Feature:
    return _feature(
        name, description, mask=mask, formula=column(source), requires=(source,), unit=unit, known_as=known_as
    )


def _flag(name: str, requires: tuple[str, ...], value: Formula, about: str) -> Feature:
    return missing_flag(name, requires, value, group="event", about=f"{about} is known of the last 24 hours")


_EVENT: Final = "event_missing_flag"
_OPINION: Final = "event_sentiment_missing_flag"
_POST: Final = "post_missing_flag"

_OF_EVENTS: Final = (
    _taken("event_decay", "event_decay", "sum(w exp(-age / 12 h)) / sum(w)", mask=_EVENT),
    _taken("source_tier_weight", "event_tier_weight", "mean of clip((6 - tier) / 5, 0.1, 1) of events", mask=_EVENT),
    _taken(
        "source_confidence",
        "event_confidence",
        "mean of the confidence that events state",
        mask="event_confidence_missing_flag",
    ),
    _feature(
        "event_velocity_1h",
        "tanh of sum(w) over events known for at most an hour",
        mask=_EVENT,
        formula=_squashed("event_weight_1h"),
        requires=("event_weight_1h",),
    ),
    _feature(
        "event_velocity_6h",
        "tanh of sum(w) / 6 over events known for at most six hours",
        mask=_EVENT,
        formula=_squashed("event_weight_6h", 6.0),
        requires=("event_weight_6h",),
    ),
    _taken(
        "event_sentiment", "event_sentiment", "weighted mean of the sentiment of events", mask=_OPINION, known_as=""
    ),
    _taken(
        "event_disagreement", "event_disagreement", "min(1, weighted deviation of sentiment of events)", mask=_OPINION
    ),
    _taken(
        "source_diversity",
        "event_source_diversity",
        "entropy of sum(w) by publisher / ln(number of publishers), 0 if one",
        mask=_EVENT,
    ),
    _taken(
        "cross_source_consensus",
        "event_source_consensus",
        "1 - min(1, weighted deviation of the mean sentiment of publishers)",
        mask=_OPINION,
    ),
    _taken("event_lag_bucket_0_1h", "event_share_1h", "share of sum(w) with age <= 1 h", mask=_EVENT),
    _taken("event_lag_bucket_1_6h", "event_share_6h", "share of sum(w) with 1 h < age <= 6 h", mask=_EVENT),
    _taken("event_lag_bucket_6_24h", "event_share_24h", "share of sum(w) with 6 h < age <= 24 h", mask=_EVENT),
    _feature("event_density", "min(1, events / 32)", mask=_EVENT, formula=_event_density, requires=("event_count",)),
    _taken("sentiment_abs", "event_sentiment_abs", "weighted mean of abs(sentiment) of events", mask=_OPINION),
    _taken(
        "event_importance_mean",
        "event_importance",
        "weighted mean of the importance that events state",
        mask="event_importance_missing_flag",
    ),
    _taken(
        "novelty_confidence_blend",
        "event_novelty_confidence",
        "weighted mean of novelty times confidence, of events that state both",
        mask="event_novelty_missing_flag",
    ),
)
_OF_POSTS: Final = (
    _taken(
        "social_post_sentiment", "post_sentiment", "mean sentiment of posts", mask="social_post_sentiment_missing_flag"
    ),
    _taken(
        "social_comment_sentiment",
        "comment_sentiment",
        "mean sentiment of comments",
        mask="social_comment_sentiment_missing_flag",
    ),
    _feature(
        "social_engagement_norm",
        "tanh(mean of ln(1 + engagement) / 6) of posts whose counts were read by then",
        mask="social_engagement_missing_flag",
        formula=_squashed("post_engagement", 6.0),
        requires=("post_engagement",),
    ),
    _feature(
        "social_influence_norm",
        "tanh(mean of ln(1 + followers) / 14) of posts whose counts were read by then",
        mask="social_influence_missing_flag",
        formula=_squashed("post_followers", 14.0),
        requires=("post_followers",),
    ),
    _feature(
        "social_event_ratio",
        "posts / (posts + events)",
        mask="social_event_ratio_missing_flag",
        formula=_social_ratio,
        requires=("event_count", "post_count"),
    ),
    _feature(
        "social_buzz",
        "tanh of sum(w) over posts, w = 0.2 each",
        mask=_POST,
        formula=_squashed("post_weight"),
        requires=("post_weight",),
    ),
    _feature(
        "comment_skew",
        "mean sentiment of comments less that of posts",
        mask="comment_skew_missing_flag",
        formula=_comment_skew,
        requires=("comment_sentiment", "post_sentiment"),
    ),
    _feature(
        "social_comment_rate",
        "tanh(comments / (20 posts))",
        mask="social_comment_rate_missing_flag",
        formula=_comment_rate,
        requires=("comment_count", "post_count"),
    ),
)
_FLAGS: Final = (
    _flag(_EVENT, ("event_decay",), column("event_decay"), "no event"),
    _flag("event_confidence_missing_flag", ("event_confidence",), column("event_confidence"), "no confidence"),
    _flag(_OPINION, ("event_sentiment",), column("event_sentiment"), "no sentiment of an event"),
    _flag("event_importance_missing_flag", ("event_importance",), column("event_importance"), "no importance"),
    _flag("event_novelty_missing_flag", ("event_novelty_confidence",), column("event_novelty_confidence"),
          "no novelty with its confidence"),
    _flag(_POST, ("post_weight",), column("post_weight"), "no post"),
    _flag("social_post_sentiment_missing_flag", ("post_sentiment",), column("post_sentiment"),
          "no sentiment of a post"),
    _flag("social_comment_sentiment_missing_flag", ("comment_sentiment",), column("comment_sentiment"),
          "no sentiment of a comment"),
    _flag("social_engagement_missing_flag", ("post_engagement",), column("post_engagement"), "no engagement"),
    _flag("social_influence_missing_flag", ("post_followers",), column("post_followers"), "no number of followers"),
    _flag("social_event_ratio_missing_flag", ("event_count", "post_count"), _social_ratio, "neither post nor event"),
    _flag("comment_skew_missing_flag", ("comment_sentiment", "post_sentiment"), _comment_skew,
          "no sentiment of comments beside that of posts"),
    _flag("social_comment_rate_missing_flag", ("comment_count", "post_count"), _comment_rate, "no post"),
)  # fmt: skip

FEATURES: Final[tuple[Feature, ...]] = (*_OF_EVENTS, *_OF_POSTS, *_FLAGS)
"""Declarations in contract order."""
