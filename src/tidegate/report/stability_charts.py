"""What the models looked at, fold by fold: shares with their spread, and whether neighbouring folds agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from tidegate.core.ranks import average_ranks
from tidegate.core.units import FloatArray
from tidegate.report.charts import Brush, Chart
from tidegate.report.interval_charts import named_places
from tidegate.report.theme import MODEL_ROLES

__all__ = ["agreement", "agreement_chart", "spread_chart"]

_TOP_FEATURES = 15

Shares = Mapping[str, float]


def agreement(folds: Sequence[Shares]) -> tuple[float | None, ...]:
    """Return the Spearman correlation of the shares of each fold and the next; ``None`` where one has no order.

    Examples
    --------
    >>> agreement([{"a": 0.7, "b": 0.2, "c": 0.1}, {"a": 0.5, "b": 0.3, "c": 0.2}])
    (1.0,)
    """
    names = sorted({name for fold in folds for name in fold})
    return tuple(_correlation(_values(early, names), _values(late, names)) for early, late in pairwise(folds))


def _values(shares: Shares, names: Sequence[str]) -> FloatArray:
    return np.array([shares.get(name, 0.0) for name in names], dtype=np.float64)


def _correlation(first: FloatArray, second: FloatArray) -> float | None:
    ranks = average_ranks(np.stack([first, second]))
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    scale = float(np.sqrt((centred**2).sum(axis=1).prod()))
    return None if scale <= 0.0 else round(float((centred[0] * centred[1]).sum()) / scale, 12)


def spread_chart(brush: Brush, model: str, role: str, shares: Shares, folds: Sequence[Shares], *, wide: bool) -> Chart:
    """Draw the mean share of the features that a model relied on most, with least and largest of any fold."""
    top = sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:_TOP_FEATURES][::-1]
    figure = brush.figure(showlegend=False, hovermode="closest", bargap=0.28)
    own = [[fold.get(feature, 0.0) for fold in folds] for feature, _ in top]
    figure.add_bar(
        x=[share for _, share in top],
        y=[feature for feature, _ in top],
        orientation="h",
        marker_color=brush.colours[role],
        error_x={
            "type": "data",
            "array": [max(0.0, max(values) - share) for values, (_, share) in zip(own, top, strict=True)],
            "arrayminus": [max(0.0, share - min(values)) for values, (_, share) in zip(own, top, strict=True)],
            "symmetric": False,
            "width": 4,
            "thickness": 1.4,
            "color": brush.colours["muted"],
        },
        text=[f"{min(values):.1%} – {max(values):.1%}" for values in own],
        textposition="none",
        hovertemplate="%{y}: %{x:.1%} [%{text}]<extra></extra>",
    )
    figure.update_xaxes(tickformat=".0%", showgrid=True, ticks="", showline=False, rangemode="tozero")
    figure.update_yaxes(ticklabelstandoff=6, tickfont={"size": 11}, dtick=1)
    name = brush.language.name_of("model", model)
    return brush.chart("importance_spread", figure, height=70 + 22 * len(top), wide=wide, model=name)


def agreement_chart(brush: Brush, by_model: Mapping[str, Sequence[Shares]]) -> Chart:
    """Draw the rank correlation of the shares between neighbouring folds, a line per model."""
    figure = brush.figure()
    longest: list[str] = []
    for place, (model, folds) in enumerate(by_model.items()):
        found = agreement(folds)
        names = [brush.language.text("fold.pair", first=number, second=number + 1) for number in range(len(found))]
        longest = max(longest, names, key=len)
        figure.add_scatter(
            x=list(range(len(found))),
            y=list(found),
            mode="lines+markers",
            name=brush.language.name_of("model", model),
            line={"color": brush.colours[MODEL_ROLES[place % len(MODEL_ROLES)]], "width": 1.6},
            marker={"size": 6},
            hovertemplate="%{y:.2f}",
        )
    named_places(figure, longest, most=12)
    figure.update_yaxes(range=[min(0.0, *_known(by_model)) - 0.05, 1.05], tickformat=".1f", zeroline=True)
    figure.update_yaxes(zerolinecolor=brush.colours["muted"], zerolinewidth=1)
    return brush.chart("agreement", figure, height=260)


def _known(by_model: Mapping[str, Sequence[Shares]]) -> list[float]:
    return [value for folds in by_model.values() for value in agreement(folds) if value is not None] or [0.0]
