"""Events and posts under review: their quality, what people said of them, and how much is covered."""

from tidegate.data.review.quality import event_quality, score_events
from tidegate.data.review.social_coverage import SocialCoverage, SymbolCoverage, coverage_score, social_coverage
from tidegate.data.review.statistics import ReviewStatistics, SourceStatistics, review_statistics
from tidegate.data.review.workflow import (
    LARGEST_SAMPLE,
    Recorded,
    ReviewVerdict,
    latest_reviews,
    record_review,
    sample_events,
)

__all__ = [
    "LARGEST_SAMPLE",
    "Recorded",
    "ReviewStatistics",
    "ReviewVerdict",
    "SocialCoverage",
    "SourceStatistics",
    "SymbolCoverage",
    "coverage_score",
    "event_quality",
    "latest_reviews",
    "record_review",
    "review_statistics",
    "sample_events",
    "score_events",
    "social_coverage",
]
