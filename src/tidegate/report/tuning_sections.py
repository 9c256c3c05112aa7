"""The sections of a report about a tuning run: the search, its parameters, its inner folds and its budget."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Final

from tidegate.report.language import format_value
from tidegate.report.page import Card, Cell, Painter, Section, Table
from tidegate.report.tuning_charts import (
    history_chart,
    inner_fold_chart,
    judgement_chart,
    parameter_chart,
    slice_chart,
)
from tidegate.report.tuning_files import Study, Trial

__all__ = ["tuning_cards", "tuning_sections"]

_SLICES: Final = 2


def tuning_cards(painter: Painter, study: Study) -> tuple[Card, ...]:
    """Return the key figures of a study."""
    text = painter.text
    pruned = sum(one.state == "pruned" for one in study.trials)
    first = next((one.value for one in study.complete if one.number == 0), None)
    seconds = [one.seconds for one in study.trials if one.seconds is not None]
    used = study.budget.get("minutes_used", sum(seconds) / 60.0 if seconds else None)
    spent = [one.cpu_seconds for one in study.trials if one.cpu_seconds is not None]
    return (
        Card(
            name=painter.language.name_of("metric", study.metric),
            value=format_value(study.best_value, "decimal4"),
            detail=text("card.tuned", first=first),
        ),
        Card(
            name=text("figure.trials"),
            value=text("unit.of", part=len(study.complete), whole=len(study.trials)),
            detail=text("card.trials", pruned=pruned),
        ),
        Card(
            name=text("figure.minutes"),
            value=format_value(used, "decimal1"),
            detail=text("card.minutes", minutes=study.budget.get("minutes")),
        ),
        Card(
            name=text("figure.cpu_minutes"),
            value=format_value(sum(spent) / 60.0 if spent else None, "decimal1"),
            detail=text("card.cpu_minutes"),
        ),
    )


def tuning_sections(painter: Painter, study: Study) -> tuple[Section, ...]:
    """Return how the search went, what mattered, and how it was judged."""
    return (_search(painter, study), _parameters(painter, study), _judged(painter, study))


def _search(painter: Painter, study: Study) -> Section:
    text = painter.text
    return Section(
        title=text("section.search"),
        lead=text("section.search.lead", metric=painter.language.name_of("metric", study.metric)),
        charts=(history_chart(painter.brush, study),) if study.trials else (),
        tables=(_budget_table(painter, study), _trial_table(painter, study)),
    )


def _parameters(painter: Painter, study: Study) -> Section:
    text, brush = painter.text, painter.brush
    ranked = sorted(study.importance, key=lambda name: (-study.importance[name], name))
    charts = [parameter_chart(brush, study)] if ranked else []
    charts += [judgement_chart(brush, study)] if any(one.values_by_fold for one in study.complete) else []
    charts += [slice_chart(brush, study, name) for name in ranked[:_SLICES]]
    lead = "section.parameters.lead" if ranked else "section.parameters_absent.lead"
    return Section(
        title=text("section.parameters"), lead=text(lead), charts=charts, tables=(_best_table(painter, study),)
    )


def _judged(painter: Painter, study: Study) -> Section:
    text = painter.text
    if not study.inner_folds:
        return Section(title=text("section.inner_folds"), lead=text("section.inner_folds_absent.lead"))
    return Section(
        title=text("section.inner_folds"),
        lead=text("section.inner_folds.lead"),
        charts=(inner_fold_chart(painter.brush, study),),
        tables=(_inner_table(painter, study),),
    )


def _best_table(painter: Painter, study: Study) -> Table:
    text = painter.text
    first = next((one.parameters for one in study.trials if one.number == 0), {})
    names = sorted({*study.best_parameters, *first}, key=lambda name: (-study.importance.get(name, 0.0), name))
    rows = [
        [
            painter.words(name),
            _value(painter, first.get(name)),
            _value(painter, study.best_parameters.get(name)),
            painter.number(study.importance.get(name), "percent1"),
        ]
        for name in names
    ]
    head = [text("figure.parameter"), text("trial.first"), text("trial.best"), text("figure.share")]
    return Table(title=text("table.best_parameters"), head=head, rows=rows)


def _budget_table(painter: Painter, study: Study) -> Table:
    text = painter.text
    rows = [
        [painter.words(painter.language.name_of("budget", name)), _value(painter, given)]
        for name, given in sorted(study.budget.items())
    ]
    rows.append(
        [painter.words(text("budget.stopped_by")), Cell(painter.language.name_of("stopped_by", study.stopped_by))]
    )
    return Table(title=text("table.budget"), head=[text("figure.figure"), text("figure.value")], rows=rows)


def _trial_table(painter: Painter, study: Study) -> Table:
    text = painter.text
    names = sorted({name for one in study.trials for name in one.parameters})
    head = [text("figure.trial"), text("figure.state"), text("figure.value"), text("figure.rounds")]
    head += [text("figure.seconds"), *names]
    rows = [_trial_row(painter, one, names) for one in study.trials]
    title = text("table.trials", count=len(study.trials))
    return Table(title=title, head=head, rows=rows, folded=True, dense=True)


def _trial_row(painter: Painter, one: Trial, names: Sequence[str]) -> list[Cell]:
    return [
        painter.words(str(one.number)),
        painter.words(painter.language.name_of("trial", one.state)),
        painter.number(one.value, "decimal4"),
        painter.number(one.rounds, "count"),
        painter.number(one.seconds, "decimal1"),
        *(_value(painter, one.parameters.get(name)) for name in names),
    ]


def _inner_table(painter: Painter, study: Study) -> Table:
    text, best = painter.text, study.best
    judged = () if best is None else best.values_by_fold
    rows = []
    for place, one in enumerate(study.inner_folds):
        rows.append(
            [
                painter.words(text("fold.name", number=one.fold)),
                painter.number(one.train_rows, "count"),
                painter.number(None if one.stopping is None else one.stopping[0], "date"),
                painter.number(one.judged[0], "date"),
                painter.number(one.judged[1] - 1, "date"),
                painter.number(one.judged_rows, "count"),
                painter.number(judged[place] if place < len(judged) else None, "decimal4"),
            ]
        )
    names = ("train_rows", "stopping_start", "judged_start", "judged_end", "judged_rows")
    head = [text("figure.fold"), *(text(f"fold.{name}") for name in names), text("trial.best")]
    return Table(title=text("table.inner_folds"), head=head, rows=rows)


def _value(painter: Painter, value: object) -> Cell:
    """Return a parameter as it would be written in a recipe, four digits of it."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return painter.number(value, "text")
    number = float(value)
    return Cell(f"{number:.0f}" if number.is_integer() else f"{number:.4g}")
