"""From the objects of Reddit and X to rows in our own names.

Counts go under ``counts``, apart from what a post says: they are those of the moment at which they were read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tidegate.data.connectors.items import Record, refusal
from tidegate.data.connectors.social.settings import Shape

__all__ = ["rows_of"]

_REDDIT_COUNTS: Final = {
    "score": "likes",
    "num_comments": "replies",
    "ups": "ups",
    "downs": "downs",
    "upvote_ratio": "upvote_ratio",
    "num_crossposts": "crossposts",
    "gilded": "gilded",
    "total_awards_received": "awards",
    "subreddit_subscribers": "subreddit_subscribers",
}
_X_COUNTS: Final = {
    "like_count": "likes",
    "retweet_count": "reposts",
    "reply_count": "replies",
    "quote_count": "quotes",
    "bookmark_count": "bookmarks",
    "impression_count": "impressions",
    "favorite_count": "likes",
}


def rows_of(record: Record, shape: Shape) -> Iterator[Record]:
    """Yield the posts and comments of one object: most hold one, answers of an API hold a page.

    Raises
    ------
    DataError
        If the object is not of that shape.
    """
    if record.fault is not None or shape is Shape.RECORDS:
        yield record
        return
    inside = _of_listing(record.content) if shape is Shape.REDDIT else _of_page(record.content)
    for content in inside:
        told = _reddit(content) if shape is Shape.REDDIT else _x(content)
        yield Record(record.file, record.row_number, {name: value for name, value in told.items() if value is not None})


def _of_listing(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the things of a listing (https://www.reddit.com/dev/api#listings), or the one thing that there is."""
    data = content.get("data")
    if not isinstance(data, Mapping):
        yield content
    elif isinstance(data.get("children"), list):
        for child in data["children"]:
            yield from _of_listing(_require_mapping(child))
    else:
        yield data


def _of_page(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the posts of a page of API v2, each with its author, or the one post that there is."""
    if isinstance(content.get("tweet"), Mapping):  # an account's archive
        yield content["tweet"]
        return
    if "data" not in content:
        yield content
        return
    data = content["data"]
    users = _objects(_mapping(content.get("includes")).get("users"))
    authors = {str(user.get("id")): user for user in users}
    read = {"__twarc": content["__twarc"]} if "__twarc" in content else {}
    for post in data if isinstance(data, list) else [data]:
        told = _require_mapping(post)
        author = authors.get(str(told.get("author_id")))
        yield {**read, **({} if author is None else {"author": author}), **told}


def _reddit(thing: Mapping[str, Any]) -> dict[str, Any]:
    """Return a submission or a comment.

    Fields as in https://github.com/reddit-archive/reddit/wiki/JSON; ``retrieved_on`` or ``retrieved_utc`` is when an
    archive such as https://github.com/pushshift/api read it. Names are Reddit's full ones, ``t3_`` for submissions and
    ``t1_`` for comments, since both count their ids from the same digits.
    """
    is_comment = "body" in thing or "link_id" in thing or str(thing.get("name", "")).startswith("t1_")
    short = thing.get("id")
    name = thing.get("name") or (None if short is None else f"{'t1' if is_comment else 't3'}_{short}")
    page = thing.get("permalink")
    return {
        "kind": "comment" if is_comment else "post",
        "platform": "reddit",
        "source_id": name,
        "parent_source_id": thing.get("parent_id"),
        "occurred_at": thing.get("created_utc"),
        "author": thing.get("author"),
        "author_id": thing.get("author_fullname"),
        "title": thing.get("title"),
        "text": _unless_removed(thing.get("body" if is_comment else "selftext")),
        "source_url": f"https://www.reddit.com{page}" if page else None,
        "observed_at": thing.get("retrieved_utc") or thing.get("retrieved_on"),
        # What was edited reads so only since then; an edit in the first minutes is not noted, and is no number.
        "edited_at": thing["edited"] if _is_number(thing.get("edited")) else None,
        "counts": {ours: thing[theirs] for theirs, ours in _REDDIT_COUNTS.items() if thing.get(theirs) is not None},
        "said": {
            "subreddit": thing.get("subreddit"),
            "link_id": thing.get("link_id"),
            "link": None if is_comment else thing.get("url"),
        },
    }


def _x(post: Mapping[str, Any]) -> dict[str, Any]:
    """Return a post or a reply of X.

    API v2: https://docs.x.com/x-api/fundamentals/data-dictionary; ``__twarc.retrieved_at`` is when twarc read it. API
    v1.1, of which an account's archive is written: favorite_count, retweet_count, full_text, id_str.
    """
    is_old = "id_str" in post or "full_text" in post
    author = _mapping(post.get("user" if is_old else "author"))
    references = _objects(post.get("referenced_tweets"))
    replied = next((one.get("id") for one in references if one.get("type") == "replied_to"), None)
    entities = _mapping(post.get("entities"))
    metrics = post if is_old else _mapping(post.get("public_metrics"))
    counts = {ours: metrics[theirs] for theirs, ours in _X_COUNTS.items() if metrics.get(theirs) is not None}
    followers = (
        author.get("followers_count") if is_old else _mapping(author.get("public_metrics")).get("followers_count")
    )
    parent = post.get("in_reply_to_status_id_str") if is_old else replied
    tags = _objects(entities.get("symbols" if is_old else "cashtags"))
    return {
        "kind": "comment" if parent else "post",
        "platform": "x",
        "source_id": post.get("id_str") or post.get("id"),
        "parent_source_id": parent,
        "occurred_at": post.get("created_at"),
        "author": author.get("screen_name") or author.get("username"),
        "author_id": author.get("id_str") or post.get("author_id"),
        "text": _mapping(post.get("note_tweet")).get("text") or post.get("full_text") or post.get("text"),
        "observed_at": _mapping(post.get("__twarc")).get("retrieved_at"),
        "counts": {**counts, **({} if followers is None else {"followers": followers})},
        "symbols": [tag.get("text") or tag.get("tag") for tag in tags],
        "said": {
            "lang": post.get("lang"),
            "conversation_id": post.get("conversation_id"),
            "referenced": [f"{one.get('type')}:{one.get('id')}" for one in references] or None,
        },
    }


def _unless_removed(text: Any) -> Any:
    """Return a text that is still there: what became of it later was not known when it was written."""
    return None if text in ("[removed]", "[deleted]", "") else text


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _require_mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise refusal("not a JSON object")
    return value
