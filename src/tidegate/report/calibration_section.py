"""The section of a report about probabilities, thresholds and calls: the floor is said in words, met or not."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.report.calibration_charts import precision_recall_chart, reliability_chart, threshold_chart
from tidegate.report.charts import Chart
from tidegate.report.estimate_cells import estimate_cell
from tidegate.report.hit_figures import FoldCalibration, Hits, ModelHits
from tidegate.report.hit_rules import best_candidate
from tidegate.report.page import Cell, Painter, Section, Sentence, Table
from tidegate.report.statements import Tone

__all__ = ["calibration_section"]

_SLICE = (
    ("precision", "percent1"),
    ("lower", "percent1"),
    ("recall", "percent1"),
    ("calls", "count"),
    ("days", "count"),
)


def calibration_section(painter: Painter, hits: Hits) -> Section:
    """Return reliability, precision-recall and the thresholds of every model, or that nothing was calibrated."""
    text = painter.text
    known = [one for one in hits.models if hits.tested(one.model) or one.reliability or one.curve]
    if not known:
        return Section(title=text("section.calibration"), lead=text("section.calibration_absent.lead"))
    charts: list[Chart] = []
    tables: list[Table] = []
    for model in known:
        folds = hits.tested(model.model)
        charts += _charts(painter, model, folds)
        if hits.calibrations.get(model.model):
            tables.append(_table(painter, model, hits.calibrations[model.model]))
    return Section(
        title=text("section.calibration"),
        lead=text("section.calibration.lead"),
        sentences=[_floor(painter, one, hits.tested(one.model)) for one in known if hits.tested(one.model)],
        charts=charts,
        tables=tables,
    )


def _charts(painter: Painter, model: ModelHits, folds: Sequence[FoldCalibration]) -> list[Chart]:
    brush, charts = painter.brush, []
    if model.reliability:
        charts.append(reliability_chart(brush, model, folds))
    if model.curve:
        charts.append(precision_recall_chart(brush, model, folds))
    if folds:
        charts.append(threshold_chart(brush, model, folds))
    return charts


def _floor(painter: Painter, model: ModelHits, folds: Sequence[FoldCalibration]) -> Sentence:
    """Say how the floor was met by one model; what is below it never goes unsaid."""
    met = sum(one.threshold.is_met for one in folds)
    key = "calibration.met" if met == len(folds) else "calibration.sometimes" if met else "calibration.never"
    said = painter.text(
        key,
        model=painter.name(model.model),
        met=met,
        folds=len(folds),
        target=folds[0].threshold.target_precision,
        rule=painter.language.name_of("rule", folds[0].threshold.rule),
        best=_best(painter, folds),
    )
    return Sentence(said, Tone.GOOD if met == len(folds) else Tone.BAD)


def _best(painter: Painter, folds: Sequence[FoldCalibration]) -> str:
    """Say how near the folds came that missed the floor, by the figure that the rule judges."""
    best = best_candidate(folds)
    return painter.text("best.unsupported" if best is None else f"best.{folds[0].threshold.rule}", best=best)


def _table(painter: Painter, model: ModelHits, folds: Sequence[FoldCalibration]) -> Table:
    text = painter.text
    names = ("status", "threshold", "slice_precision", "slice_lower", "slice_recall", "slice_calls", "slice_days")
    head = [text("figure.fold"), *(text(f"figure.{name}") for name in names)]
    head += [text("figure.test_calls"), text("figure.test_precision")]
    return Table(
        title=text("table.thresholds", model=painter.name(model.model)),
        head=head,
        rows=[_row(painter, model, one) for one in folds],
        dense=True,
    )


def _row(painter: Painter, model: ModelHits, one: FoldCalibration) -> list[Cell]:
    text, found = painter.text, one.threshold
    tested = model.of_fold(one.fold)
    status = ("threshold.met", Tone.GOOD) if found.is_met else ("threshold.below_floor", Tone.BAD)
    return [
        painter.words(text("fold.current") if one.fold is None else text("fold.name", number=one.fold)),
        painter.words(text(status[0]), status[1]),
        painter.number(found.value, "decimal2"),
        *(painter.number(getattr(found, name), spec) for name, spec in _SLICE),
        painter.number(tested.calls, "count"),
        estimate_cell(painter, "precision", tested.precision, "percent1"),
    ]
