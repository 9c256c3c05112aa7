"""The forecast half of a report: how well the models ranked, what they looked at, and how time was split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidegate.report.charts import Chart
from tidegate.report.fold_charts import boundary_chart, fold_chart, gaps_of
from tidegate.report.forecast_charts import cumulative_chart, importance_chart, rank_ic_chart
from tidegate.report.language import format_value
from tidegate.report.page import Card, Cell, Painter, Section, Table
from tidegate.report.run_figures import Fold, ModelQuality, YearQuality
from tidegate.report.run_files import ForecastFiles
from tidegate.report.stability_charts import agreement_chart, spread_chart
from tidegate.report.theme import MODEL_ROLES

__all__ = ["forecast_cards", "forecast_sections", "rank_cards"]

_QUALITY = (
    ("rank_ic", "change3"),
    ("hit_rate", "percent1"),
    ("quantile_spread", "signed2"),
    ("instants", "count"),
)


def rank_cards(painter: Painter, files: ForecastFiles, traded: str) -> tuple[Card, ...]:
    """Return the two key figures of the traded model's ranking; none where it was not trained."""
    model = next((model for model in files.models if model.model == traded), None)
    if model is None:
        return ()
    years = [year.rank_ic for year in model.by_year if year.rank_ic is not None]
    text = painter.text
    return (
        Card(
            name=text("figure.rank_ic"),
            value=format_value(model.rank_ic, "change3"),
            detail=text("card.rank_ic", model=painter.language.name_of("model", traded), t=model.rank_ic_t),
        ),
        Card(
            name=text("figure.positive_years"),
            value=text("unit.of", part=sum(1 for value in years if value > 0), whole=len(years)),
            detail=text("card.positive_years"),
        ),
    )


def forecast_cards(painter: Painter, files: ForecastFiles, traded: str) -> tuple[Card, ...]:
    """Return the key figures of a training run."""
    model = next((model for model in files.models if model.model == traded), None)
    if model is None:
        return ()
    text = painter.text
    rows = sum(fold.test_rows for fold in files.folds)
    return (
        *rank_cards(painter, files, traded),
        Card(
            name=text("figure.hit_rate"),
            value=format_value(model.hit_rate, "percent1"),
            detail=text("card.hit_rate"),
        ),
        Card(
            name=text("figure.folds"),
            value=format_value(len(files.folds), "count"),
            detail=text("card.folds", rows=rows),
        ),
    )


def forecast_sections(painter: Painter, files: ForecastFiles) -> tuple[Section, ...]:
    """Return forecasts, features and folds of a training run."""
    return (_ranking(painter, files), _features(painter, files), _folds(painter, files.folds))


def _ranking(painter: Painter, files: ForecastFiles) -> Section:
    brush, text = painter.brush, painter.text
    return Section(
        title=text("section.forecasts"),
        lead=text("section.forecasts.lead"),
        charts=(rank_ic_chart(brush, files.models), cumulative_chart(brush, files.models, files.daily)),
        tables=(_model_table(painter, files.models), _year_table(painter, files.models)),
    )


def _model_table(painter: Painter, models: Sequence[ModelQuality]) -> Table:
    text = painter.text
    head = [text("figure.model"), text("figure.rank_ic"), text("figure.t_statistic")]
    head += [text(f"figure.{name}") for name, _ in _QUALITY[1:]]
    rows = [
        [
            painter.words(painter.language.name_of("model", model.model)),
            painter.number(model.rank_ic, "change3"),
            painter.number(model.rank_ic_t, "change2"),
            *(painter.number(getattr(model, name), spec) for name, spec in _QUALITY[1:]),
        ]
        for model in models
    ]
    return Table(title=text("table.models"), head=head, rows=rows)


def _year_table(painter: Painter, models: Sequence[ModelQuality]) -> Table:
    text = painter.text
    head = [text("figure.year"), text("figure.model"), *(text(f"figure.{name}") for name, _ in _QUALITY)]
    rows = [_year_row(painter, model.model, year) for model in models for year in model.by_year]
    rows.sort(key=lambda row: (row[0].text, row[1].text))
    return Table(title=text("table.model_years"), head=head, rows=rows, folded=True)


def _year_row(painter: Painter, model: str, year: YearQuality) -> list[Cell]:
    names = [painter.words(str(year.year)), painter.words(painter.language.name_of("model", model))]
    return [*names, *(painter.number(getattr(year, name), spec) for name, spec in _QUALITY)]


def _features(painter: Painter, files: ForecastFiles) -> Section:
    text = painter.text
    known = [(model.model, files.importance.get(model.model) or {}) for model in files.models]
    drawn = [(name, MODEL_ROLES[place % 4], shares) for place, (name, shares) in enumerate(known) if shares]
    lead = "section.features.lead" if drawn else "section.features_absent.lead"
    charts = [_importance(painter, files, name, role, shares, wide=len(drawn) == 1) for name, role, shares in drawn]
    several = {name: files.importance_by_fold[name] for name, _, _ in drawn if _folds_of(files, name) > 2}
    charts += [agreement_chart(painter.brush, several)] if several else []
    tables = [_importance_table(painter, name, shares) for name, shares in known if shares]
    return Section(title=text("section.features"), lead=text(lead), charts=charts, tables=tables)


def _importance(
    painter: Painter, files: ForecastFiles, name: str, role: str, shares: Mapping[str, float], *, wide: bool
) -> Chart:
    if _folds_of(files, name) < 2:
        return importance_chart(painter.brush, name, role, shares, wide=wide)
    return spread_chart(painter.brush, name, role, shares, files.importance_by_fold[name], wide=wide)


def _folds_of(files: ForecastFiles, name: str) -> int:
    return len(files.importance_by_fold.get(name, ()))


def _importance_table(painter: Painter, model: str, shares: Mapping[str, float]) -> Table:
    text = painter.text
    ranked = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return Table(
        title=text("table.importance", model=painter.language.name_of("model", model)),
        head=[text("figure.feature"), text("figure.share")],
        rows=[[painter.words(feature), painter.number(share, "percent1")] for feature, share in ranked],
        folded=True,
    )


def _folds(painter: Painter, folds: Sequence[Fold]) -> Section:
    text = painter.text
    charts = (fold_chart(painter.brush, folds), boundary_chart(painter.brush, folds)) if folds else ()
    return Section(
        title=text("section.folds"),
        lead=text("section.folds.lead"),
        charts=charts,
        tables=(_fold_table(painter, folds),),
    )


def _fold_table(painter: Painter, folds: Sequence[Fold]) -> Table:
    text = painter.text
    slices = [name for name in ("validation", "calibration") if any(name in dict(fold.slices) for fold in folds)]
    dates = ("train_start", "train_end", *(f"{name}_start" for name in slices), "trained_until", "test_start")
    counts = ("train_rows", *(f"{name}_rows" for name in slices), "purged_rows", "embargoed_rows", "test_rows")
    head = [text("figure.fold"), *(text(f"fold.{name}") for name in (*dates, "test_end", "gap_days", *counts))]
    rows = []
    for fold in folds:
        found = _numbers(fold)
        row = [painter.words(text("fold.name", number=fold.fold))]
        row += [painter.number(found.get(name), "date") for name in dates]
        row.append(painter.number(fold.test_end - 1, "date"))
        row.append(Cell(" / ".join(format_value(days, "decimal1") for _, _, days in gaps_of(fold))))
        rows.append(row + [painter.number(found.get(name), "count") for name in counts])
    return Table(title=text("table.folds"), head=head, rows=rows, folded=True, dense=True)


def _numbers(fold: Fold) -> dict[str, object]:
    """Return the fields of a fold, those of its slices under their own names."""
    own = {f"{name}_{part}": getattr(one, part) for name, one in fold.slices for part in ("start", "rows")}
    return {**vars(fold), **own}
