"""Which posts are read from where, and presets for usual sources."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from tidegate.core.config import Settings
from tidegate.core.errors import InputError
from tidegate.core.time import Instant, format_instant, parse_instant
from tidegate.data.connectors.items import Pairs
from tidegate.data.connectors.local_days import ZoneName

__all__ = ["PRESETS", "Shape", "SocialSettings"]


class Shape(StrEnum):
    """The shape in which a source tells of posts and comments."""

    RECORDS = "records"
    """One JSON object, or one row of a table, per post or comment."""
    REDDIT = "reddit"
    """Submissions and comments as Reddit's API and the archives of it write them."""
    X = "x"
    """Posts as X's API v2 and v1.1 write them, and ``tweets.js`` of an account's archive."""


class SocialSettings(Settings):
    """Posts and comments of social networks, from files."""

    path: Path
    """A file, a folder or a glob: JSON lines, JSON, CSV, Parquet or Feather."""
    preset: Literal["stocknet", "reddit", "x"] | None = None
    """A usual source; it sets the defaults of the other options."""
    dataset: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    """Name under which posts and comments are kept."""
    shape: Shape = Shape.RECORDS
    """records, reddit or x."""
    columns: Pairs = ()
    """ours=theirs for fields that the source names otherwise, such as occurred_at=date."""
    timezone: ZoneName | None = None
    """IANA zone of times without an offset; none refuses such rows."""
    platform: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")] = "other"
    """Network of rows that do not say theirs: x, twitter, reddit, youtube, telegram, other."""
    availability_delay_minutes: Annotated[float, Field(ge=0.0, le=525_600.0)] | None = None
    """How long after its publication a post counts as known, where the file does not say when it was available."""
    counts_observed_at: str | None = None
    """When the counts of the whole file were read, if the rows do not say; none leaves such counts masked."""
    symbol_names: Pairs = ()
    """name=SYMBOL: links posts whose title or text hold that name as a whole word."""
    source: str | None = None
    """Origin noted with every row; none notes the shape."""

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any) -> Any:
        known = isinstance(given, Mapping) and PRESETS.get(str(given.get("preset")))
        return {**known, **given} if known else given

    @field_validator("counts_observed_at")
    @classmethod
    def _is_instant(cls, text: str | None) -> str | None:
        try:
            return text if text is None else format_instant(parse_instant(text))
        except InputError as error:
            raise ValueError(f"{error.expected}, {error.hint}") from None

    @property
    def column_map(self) -> dict[str, str]:
        """Our field names to the source's."""
        return dict(pair.split("=", 1) for pair in self.columns)

    @property
    def counts_observed(self) -> Instant | None:
        """The instant at which the counts of the whole file were read."""
        return None if self.counts_observed_at is None else parse_instant(self.counts_observed_at)

    @property
    def origin(self) -> str:
        """What the column ``source`` says."""
        return self.source or ("file" if self.shape is Shape.RECORDS else str(self.shape))


PRESETS: Final[dict[str, dict[str, Any]]] = {
    # Tweets that name one of 87 stocks (Xu and Cohen 2018). Followers, retweets and favourites are those of a crawl
    # whose day is not told, so they stay masked. A tweet is public at once; five minutes stand for its way to a reader.
    "stocknet": {
        "dataset": "stocknet",
        "platform": "x",
        "columns": ("source_id=tweet_id", "occurred_at=created_at"),
        "availability_delay_minutes": 5.0,
        "source": "stocknet",
    },
    "reddit": {"dataset": "reddit", "shape": Shape.REDDIT, "platform": "reddit"},
    "x": {"dataset": "x", "shape": Shape.X, "platform": "x"},
}
"""Settings of usual sources; each may be overridden field by field."""
