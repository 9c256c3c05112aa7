"""Contracts, feature sets and comparisons of them, for the terminal and as documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from rich.console import RenderableType

from tidegate.audit.snapshots import Comparison
from tidegate.cli.terminal import key_values, table
from tidegate.core.time import DAY, HOUR, MINUTE, SECOND, format_instant, moment_of
from tidegate.features import FeatureContract
from tidegate.features.reference import tables_read
from tidegate.features.store import BuiltFeatures, RecipeInputs

__all__ = ["built_document", "built_tables", "comparison_tables", "contract_document", "contract_table"]

_ABSENT: Final = "–"
_SPANS: Final = ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"))


def contract_document(wanted: FeatureContract, lacking: Mapping[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    """Return a contract's declarations with their sources, and what each lacks."""
    return [
        {
            **feature.as_document(),
            "requires": list(feature.requires),
            "sources": tables_read(feature, wanted),
            "maximum_age": _span(wanted.maximum_age(feature)),
            "lacks": list(lacking.get(feature.name, ())),
        }
        for feature in wanted.features
    ]


def contract_table(title: str, document: list[dict[str, Any]]) -> RenderableType:
    """Return a contract, one feature a row."""
    columns = ("feature", "group", "unit", "lookback", "sources", "oldest", "mask", "lacks")
    rows = [
        (
            entry["name"],
            entry["group"],
            entry["unit"],
            entry["lookback_bars"],
            ", ".join(entry["sources"]),
            entry["maximum_age"] or _ABSENT,
            entry["mask"] or _ABSENT,
            "; ".join(entry["lacks"]),
        )
        for entry in document
    ]
    filled = [
        place for place in range(len(columns)) if place < 4 or any(row[place] not in {"", _ABSENT} for row in rows)
    ]
    shown = [[row[place] for place in filled] for row in rows]
    return table(title, [columns[place] for place in filled], shown, whole=("feature",))


def built_document(
    inputs: RecipeInputs, built: BuiltFeatures, lacking: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    """Return what was built as plain values."""
    stored = built.stored
    return {
        "recipe": inputs.recipe.name,
        "lineage_id": stored.lineage_id,
        "folder": str(stored.folder),
        "built_at": format_instant(stored.built_at),
        "contract": inputs.contract.fingerprint,
        "shape": list(stored.values.shape),
        "first": _moment(int(stored.times[0])),
        "last": _moment(int(stored.times[-1])),
        "data_versions": dict(inputs.versions),
        "blocks": {"computed": built.computed, "kept": built.kept},
        "missing_by_group": stored.missing_by_group(),
        "absent": {name: list(reasons) for name, reasons in lacking.items()},
    }


def built_tables(document: dict[str, Any]) -> list[RenderableType]:
    """Return what was built, what is missing in it, and what is not in it and why."""
    times, symbols, features = document["shape"]
    blocks = document["blocks"]
    facts = {
        "lineage": document["lineage_id"],
        "shape": f"{times:,} instants x {symbols:,} symbols x {features:,} features",
        "span": f"{document['first'][:16]} to {document['last'][:16]}",
        "data versions": ", ".join(f"{name} @ {version}" for name, version in document["data_versions"].items()),
        "blocks": f"{blocks['computed']:,} computed, {blocks['kept']:,} kept",
        "folder": document["folder"],
    }
    missing = [(group, f"{share:.2%}") for group, share in document["missing_by_group"].items()]
    parts: list[RenderableType] = [
        key_values(f"Features of {document['recipe']}", facts),
        "",
        table("Missing where there is a bar", ("group", "share"), missing),
    ]
    reasons = Counter("; ".join(lacked) for lacked in document["absent"].values())
    if reasons:
        rows = [(reason, f"{count:,}") for reason, count in reasons.most_common()]
        parts += ["", table("Features that are not in it", ("because of", "features"), rows)]
    return parts


def comparison_tables(title: str, found: Comparison, facts: Mapping[str, object]) -> list[RenderableType]:
    """Return what comparing features found."""
    figures: dict[str, object] = {
        **facts,
        "instants": f"{found.instants:,}",
        "snapshots": f"{found.snapshots:,}",
        "values": f"{found.values:,}",
        "largest difference": f"{found.maximum_difference:.6g}",
        "mean difference": f"{found.mean_difference:.6g}",
        "features that differ": f"{found.mismatched_keys:,}",
    }
    rows = [
        (one.key, one.symbol, format_instant(one.at), _value(one.kept), _value(one.recomputed), one.snapshots)
        for one in found.mismatches
    ]
    parts: list[RenderableType] = [key_values(title, figures)]
    if rows:
        columns = ("feature", "symbol", "first at", "kept", "recomputed", "snapshots")
        parts += ["", table("What differs", columns, rows, whole=("feature",))]
    return parts


def _value(value: float | None) -> str:
    return _ABSENT if value is None else f"{value:.9g}"


def _moment(instant: int) -> str:
    """Return an instant with its time of day, midnight too: the two ends of a span are written alike."""
    return moment_of(instant).isoformat().replace("+00:00", "Z")


def _span(microseconds: int | None) -> str | None:
    """Return a length of time in its largest whole unit."""
    if microseconds is None:
        return None
    size, unit = next(((size, unit) for size, unit in _SPANS if microseconds % size == 0), (1, "us"))
    return f"{microseconds // size:,} {unit}"
