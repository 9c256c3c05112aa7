"""The key figures of a report about a search: the leading set in each part, and what it is worth."""

from __future__ import annotations

from tidegate.report.language import format_value
from tidegate.report.page import Card, Painter
from tidegate.report.search_result import PARTS, Entry, SearchResult

__all__ = ["search_cards"]


def search_cards(painter: Painter, found: SearchResult) -> tuple[Card, ...]:
    """Return the key figures: the leading set in each part, and what they are worth."""
    text, leading = painter.text, found.leading
    cards = [_part_card(painter, found, leading, part) for part in PARTS if part in found.part_names]
    counted, spa = found.luck.deflated, found.luck.spa
    kept = None if leading is None else leading.share_kept
    own = found.luck.own_p if leading is None or found.luck.own_p is not None else leading.adjusted_p
    cards.append(
        Card(
            name=text("figure.share_kept"),
            value=format_value(kept, "percent0"),
            detail=text("card.share_kept", probability=found.probability),
        )
    )
    cards.append(
        Card(
            name=text("figure.adjusted_p"),
            value=format_value(own, "decimal3"),
            detail=text("card.adjusted_p", level=found.luck.level),
        )
    )
    cards.append(
        Card(
            name=text("figure.spa"),
            value=format_value(None if spa is None else spa.p_value, "decimal3"),
            detail=text("card.spa", sets=found.counts.succeeded),
        )
    )
    cards.append(
        Card(
            name=text("figure.kept_sets"),
            value=text("unit.of", part=found.counts.feasible, whole=found.counts.total),
            detail=text("card.kept_sets", by_point=found.counts.feasible_by_point),
        )
    )
    cards.append(
        Card(
            name=text("figure.trials"),
            value=format_value(None if counted is None else counted.trials, "count"),
            detail=text("card.counted", elsewhere=None if counted is None else counted.trials_elsewhere),
        )
    )
    return tuple(cards)


def _part_card(painter: Painter, found: SearchResult, leading: Entry | None, part: str) -> Card:
    growth, fall = (None if leading is None else leading.figure(part, name) for name in ("cagr", "max_drawdown"))
    market = (found.benchmark.get(part) or {}).get("cagr")
    return Card(
        name=painter.text(
            "card.cagr_in" if found.recommended else "card.nearest_in", part=painter.text(f"part.{part}")
        ),
        value=format_value(growth, "signed1"),
        detail=painter.text("card.part", fall=fall, benchmark=market),
    )
