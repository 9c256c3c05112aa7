"""Results of LEAN: submissions in a manifest, one or two lines each, whose summaries lie in folders."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from tidegate.core.errors import InputError
from tidegate.engine.lean_results import LeanSummary, read_summary
from tidegate.engine.lean_statistics import parse_statistic
from tidegate.search.scoring.scored_runs import Asked, ScoredRun, flat_parameters
from tidegate.strategy.lean_table import TABLE

__all__ = ["runs_of_folder", "runs_of_lines"]

_FOLDER: Final = re.compile(r"run_(.+)")
_NAME: Final = re.compile(r"\w[\w.-]*")
_DATES: Final = tuple((entry.key, *entry.aliases) for entry in TABLE[:2])
"""Names under which a run of the original platform was asked for its first and its last day."""
_ORDERS: Final = ("Total Orders", "Total Trades")


def runs_of_lines(
    path: Path, lines: Iterable[Mapping[str, Any]], artifacts: Path | None, asked: Asked
) -> Iterator[ScoredRun]:
    """Yield the runs that the lines of a manifest submit, each once, with what its lines said last.

    Parameters
    ----------
    path, artifacts
        The manifest, and where the folders ``run_<id>`` lie if not beside it.

    Raises
    ------
    InputError
        If a line names no run, or there is no such folder.
    """
    if artifacts is not None and not artifacts.is_dir():
        raise InputError(
            found=f"{artifacts}, which is no folder", expected="folders run_<id>", hint="check --artifacts"
        )
    submitted: dict[str, dict[str, Any]] = {}
    for line in lines:
        identifier = _identifier(path, line)
        submitted[identifier] = {**submitted.get(identifier, {}), **line}
    folders = [artifacts] if artifacts is not None else [path.parent, path.parent / "artifacts"]
    for identifier, line in submitted.items():
        parameters, train = flat_parameters(line.get("params")), line.get("train_job_id")
        known: dict[str, Any] = {
            "id": identifier,
            "train": None if train is None else str(train),
            "parameters": parameters,
        }
        try:
            window = _asked_of(parameters, asked)
            found = _summary_of(identifier, folders)
            yield _lean_run(known, found, line.get("status"), window)
        except InputError as error:
            yield ScoredRun(**known, reason=_told(error))


def _identifier(path: Path, line: Mapping[str, Any]) -> str:
    given = line.get("id") if line.get("run_id") is None else line["run_id"]
    text = "" if isinstance(given, bool) or not isinstance(given, int | str) else str(given)
    # It becomes part of a path, and must not lead out of the folder of results.
    if not _NAME.fullmatch(text):
        raise InputError(
            found=f"{path}: a line without the run's number: {json.dumps(line)[:80]}",
            expected='"run_id" or "id", a number or a plain name',
            hint="pass the manifest that the runner wrote",
        )
    return text


def runs_of_folder(folder: Path, asked: Asked) -> Iterator[ScoredRun]:
    """Yield the results in a folder: sub-folders ``run_<id>`` or with a summary, and summaries themselves.

    Raises
    ------
    InputError
        If there are none.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        numbered = _FOLDER.fullmatch(path.name)
        if path.is_dir() and (numbered or _summaries(path)):
            found[numbered[1] if numbered else path.name] = path
        elif path.is_file() and path.name.endswith("-summary.json"):
            found[path.name.removesuffix("-summary.json") or folder.name] = path
    if not found:
        raise InputError(
            found=f"{folder}, a folder without results",
            expected="folders run_<id> with lean_results/-summary.json in each, or a manifest.jsonl",
            hint="pass the folder that holds them",
        )
    for identifier, path in found.items():
        try:
            yield _lean_run({"id": identifier}, path if path.is_file() else _only_summary(path), None, asked)
        except InputError as error:
            yield ScoredRun(id=identifier, reason=_told(error))


def _lean_run(known: Mapping[str, Any], path: Path, status: object, asked: Asked) -> ScoredRun:
    summary = read_summary(path, status=None if status is None else str(status), window=asked)
    orders = next((summary.statistics[name] for name in _ORDERS if name in summary.statistics), None)
    if orders is not None and parse_statistic(orders) == 0.0:
        return ScoredRun(**known, reason="it never traded: a backtest that found no scores holds cash and succeeds")
    return ScoredRun(
        **known,
        figures=_figures_of(summary),
        is_drawdown_rounded=summary.is_drawdown_rounded,
        start=summary.performance.start,
        end=summary.performance.end,
    )


def _figures_of(summary: LeanSummary) -> dict[str, float | None]:
    found = summary.performance
    return {
        "cagr": found.cagr,
        "total_return": found.total_return,
        "volatility": found.volatility,
        "sharpe": found.sharpe,
        "sortino": summary.sortino,
        "calmar": found.cagr / found.max_drawdown if found.max_drawdown > 0.0 else None,
        "max_drawdown": found.max_drawdown,
        "turnover": summary.turnover,
    }


def _summary_of(identifier: str, folders: Iterable[Path]) -> Path:
    places = [folder / f"run_{identifier}" for folder in folders]
    for place in places:
        if place.is_dir():
            return _only_summary(place)
    raise InputError(
        found=f"no folder {' or '.join(map(str, places))}", expected="the run's results", hint="name --artifacts"
    )


def _only_summary(folder: Path) -> Path:
    """Return the one summary in a run's folder; the nameless one goes before others, as the original took it."""
    found = _summaries(folder)
    nameless = [path for path in found if path.name == "-summary.json"]
    chosen = nameless or found
    if len(chosen) != 1:
        raise InputError(
            found=f"{len(found) or 'no'} files *-summary.json in {folder}",
            expected="one in lean_results",
            hint="run the backtest again, or take away what belongs to another run",
        )
    return chosen[0]


def _summaries(folder: Path) -> list[Path]:
    return sorted((folder / "lean_results").glob("*-summary.json")) or sorted(folder.glob("*-summary.json"))


def _asked_of(parameters: Mapping[str, Any], asked: Asked) -> Asked:
    """Return the window asked for; what the user does not name is what the run's own parameters ask for."""
    own = [_day(next((parameters[name] for name in names if parameters.get(name)), None)) for names in _DATES]
    start, end = (given or day for given, day in zip(asked, own, strict=True))
    return start, end


def _day(value: object) -> date | None:
    if value is None:
        return None
    try:
        day: date = TABLE[0].read(str(value))
    except ValueError as error:
        raise InputError(
            found=f"a window from or to {value!r}", expected=str(error), hint="mend the manifest"
        ) from None
    return day


def _told(error: InputError) -> str:
    return f"{error.found}; expected {error.expected}"
