"""A complete folder of a made-up search: curves of a seeded market, their figures, and the real file formats."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tidegate.core.files import write_json
from tidegate.core.time import DAY, HOUR, parse_instant
from tidegate.evaluate.performance import performance

CLOSE = 21 * HOUR
PARTS = ("training", "validation", "final")
EXPOSURES, TARGETS, WEIGHTS = (0.3, 0.4, 0.5), (0.045, 0.055, 0.065), (0.03, 0.04)
RUNS = ("train-a", "train-b", "train-c", "train-d", "train-e")

Row = dict[str, Any]
Array = np.ndarray[Any, Any]


def write_search(
    folder: Path,
    *,
    verdict: str = "edge",
    limit: float = 0.10,
    selection: bool = False,
    final: bool = True,
    years: int = 8,
    failed: int = 1,
    earlier: bool = True,
    finding: str = "plateau",
) -> dict[str, Any]:
    """Write ``search.json``, ``sets.parquet`` and ``curves.parquet`` and return the first.

    Parameters
    ----------
    limit
        Largest drawdown that is allowed; a very small one leaves nothing feasible.
    selection
        Make the sets differ by the training run that they trade.
    final
        Whether there is a final part.
    failed
        Sets without a result.
    earlier
        Whether choices of earlier years were made.
    """
    draw = np.random.default_rng(41)
    times = _times(years)
    market = 0.00035 + 0.0095 * draw.standard_normal(len(times))
    market[0] = 0.0
    parts = _parts(times, final=final)
    given = [_trained(number, run) for number, run in enumerate(RUNS)] if selection else _given(draw)
    curves, sets = [], []
    for number, parameters in enumerate(given):
        curve = _curve(market, parameters, number, draw)
        curves.append(curve)
        sets.append(_set_row(number, parameters, times, curve, np.cumprod(1.0 + market), parts, selection=selection))
    for row in sets[len(sets) - failed :] if failed else []:
        _fail(row)
    _judge(sets, limit)
    _adjust(sets, 0.006 if verdict == "edge" else 0.34)
    found = _document(sets, times, parts, market, limit=limit, verdict=verdict, selection=selection)
    found["plateau"] = None if selection else _plateau(sets, finding)
    found["years"] = _years(sets, times, np.array(curves), np.cumprod(1.0 + market)) if earlier else []
    found["nested"] = _nested(parts) if earlier else None
    write_json(folder / "search.json", found)
    _write_tables(folder, sets, found, times, np.array(curves), np.cumprod(1.0 + market), earlier=earlier)
    return found


def _times(years: int) -> Array:
    days = np.arange(parse_instant("2015-01-02"), parse_instant(f"{2015 + years}-01-01"), DAY, dtype=np.int64)
    return days[(days // DAY + 3) % 7 < 5] + CLOSE


def _trained(number: int, run: str) -> Row:
    return {"train_run": run, "recipe": "rotation", "scores": "ridge", "horizon": 5 + number, "seed": 7}


def _parts(times: Array, *, final: bool) -> list[tuple[str, int, int]]:
    bars = len(times)
    first, second = int(0.6 * bars), int(0.8 * bars)
    if not final:
        return [("training", 0, second + 1), ("validation", second, bars)]
    return [("training", 0, first + 1), ("validation", first, second + 1), ("final", second, bars)]


def _given(draw: np.random.Generator) -> list[Row]:
    names = ("max_exposure", "volatility_target", "max_weight", "max_drawdown_52w")
    grid = [dict(zip(names, (*one, 0.2), strict=True)) for one in product(EXPOSURES, TARGETS, WEIGHTS)]
    moved = [
        {
            "max_exposure": round(float(draw.choice(np.arange(0.30, 0.52, 0.02))), 4),
            "volatility_target": round(float(draw.choice(np.arange(0.04, 0.072, 0.0025))), 4),
            "max_weight": 0.035,
            "max_drawdown_52w": 0.25,
        }
        for _ in range(12)
    ]
    return grid + moved


def _curve(market: Array, parameters: Mapping[str, Any], number: int, draw: np.random.Generator) -> Array:
    exposure = float(parameters.get("max_exposure", 0.4 + 0.03 * number)) * 1.6
    target = float(parameters.get("volatility_target", 0.05))
    edge = 0.00022 + 0.004 * (target - 0.055) + 0.00003 * draw.standard_normal()
    returns = exposure * market + edge + 0.0016 * draw.standard_normal(len(market))
    returns[0] = 0.0
    return np.asarray(np.cumprod(1.0 + returns))


def _figures(times: Array, equity: Array, benchmark: Array) -> dict[str, float | None]:
    found, own = performance(times, equity, 252.0), equity[1:] / equity[:-1] - 1.0
    excess = own - (benchmark[1:] / benchmark[:-1] - 1.0)
    below = float(np.sqrt(np.mean(np.minimum(own, 0.0) ** 2)))
    spread = float(excess.std(ddof=1))
    market = float((benchmark[-1] / benchmark[0]) ** (365.25 * DAY / (times[-1] - times[0]))) - 1.0
    return {
        "cagr": found.cagr,
        "total_return": found.total_return,
        "volatility": found.volatility,
        "sharpe": found.sharpe,
        "sortino": float(own.mean()) / below * 252**0.5 if below else None,
        "calmar": found.cagr / found.max_drawdown if found.max_drawdown else None,
        "max_drawdown": found.max_drawdown,
        "excess_cagr": found.cagr - market,
        "excess_sharpe": float(excess.mean()) / spread * 252**0.5 if spread else None,
        "turnover": 4.5,
    }


def _set_row(
    number: int,
    parameters: Row,
    times: Array,
    equity: Array,
    benchmark: Array,
    parts: Sequence[tuple[str, int, int]],
    *,
    selection: bool,
) -> Row:
    own = {name: value for name, value in parameters.items() if name != "train_run"}
    origin = "given" if selection else "grid" if number < 18 else "perturb"
    row: Row = {
        "number": number,
        "key": f"key-{number:03d}",
        "origin": origin,
        "status": "success",
        "error": None,
        "train_run": parameters.get("train_run", "train-a"),
        "scores": f"{number:064x}",
        **{name: str(value) for name, value in own.items()},
        "parameters": json.dumps(own),
        "curve": number,
        "bound": json.dumps({"cap": 12, "max_exposure": 40}),
    }
    stretches = {name: (first, stop) for name, first, stop in parts} | {"window": (0, len(times))}
    for part in (*PARTS, "window"):
        first, stop = stretches.get(part, (0, 0))
        known = _figures(times[first:stop], equity[first:stop], benchmark[first:stop]) if stop else None
        for figure in _FIGURES:
            row[f"{part}_{figure}"] = None if known is None else known[figure]
    return row


def _fail(row: Row) -> None:
    row.update(status="failed", error="ScoreError: no score of 14 decisions", curve=None)
    row.update({name: None for name in row if name.split("_")[0] in {*PARTS, "window"}})


def _judge(sets: list[Row], limit: float) -> None:
    for row in sets:
        fall = row["training_max_drawdown"]
        row["share_kept"] = None if fall is None else float(np.clip(1.6 - fall / limit, 0.0, 1.0))
        row["feasible_by_point"] = fall is not None and fall <= limit
        row["feasible"] = bool(row["feasible_by_point"] and row["share_kept"] >= 0.8)
        row["rank"] = None
    for rank, row in enumerate(sorted((one for one in sets if one["feasible"]), key=_growth, reverse=True), start=1):
        row["rank"] = rank
    known = [row for row in sets if row["status"] == "success"]
    for row in sets:
        row["pareto"] = row["status"] == "success" and not any(
            _growth(other) > _growth(row) and other["training_max_drawdown"] < row["training_max_drawdown"]
            for other in known
        )


def _adjust(sets: Sequence[Row], least: float) -> None:
    """Give the best rank the least adjusted p, and those behind it larger ones."""
    for row in sets:
        behind = len(sets) if row["rank"] is None else row["rank"] - 1
        row["adjusted_p"] = None if row["status"] != "success" else round(min(1.0, least * (1.0 + 0.4 * behind)), 4)


def _growth(row: Row) -> float:
    return float(row["training_cagr"])


def _entry(row: Row) -> Row:
    figures = {
        part: {name: row[f"{part}_{name}"] for name in _FIGURES}
        for part in (*PARTS, "window")
        if row[f"{part}_cagr"] is not None
    }
    cagr, fall = row["training_cagr"], row["training_max_drawdown"]
    return {
        "number": row["number"],
        "key": row["key"],
        "origin": row["origin"],
        "train_run": row["train_run"],
        "scores": row["scores"],
        "parameters": json.loads(row["parameters"]),
        "figures": figures,
        "share_kept": row["share_kept"],
        "interval": {"cagr": [cagr - 0.05, cagr + 0.06], "max_drawdown": [fall * 0.7, fall * 1.8]},
        "adjusted_p": row["adjusted_p"],
        "rank": row["rank"],
    }


_FIGURES = ("cagr", "total_return", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "excess_cagr",
            "excess_sharpe", "turnover")  # fmt: skip


def _document(
    sets: list[Row],
    times: Array,
    parts: Sequence[tuple[str, int, int]],
    market: Array,
    *,
    limit: float,
    verdict: str,
    selection: bool,
) -> dict[str, Any]:
    known = [row for row in sets if row["status"] == "success"]
    kept = sorted((row for row in known if row["feasible"]), key=lambda row: int(row["rank"]))
    benchmark = np.cumprod(1.0 + market)
    stretches = [*parts, ("window", 0, len(times))]
    searched = {name: list(dict.fromkeys(row[name] for row in sets)) for name in json.loads(sets[0]["parameters"])}
    best = _entry(kept[0]) if kept else None
    return {
        "window": {"start": int(times[0]), "end": int(times[-1]), "bars": len(times)},
        "parts": [
            {"name": name, "start": int(times[first]), "end": int(times[stop - 1]), "bars": stop - first}
            for name, first, stop in parts
        ],
        "objective": "cagr",
        "constraints": {"max_drawdown": {"at_least": None, "at_most": limit}},
        "feasible_by": "bootstrap",
        "backend": "kernel",
        "probability": 0.8,
        "benchmark": {
            name: _figures(times[first:stop], benchmark[first:stop], benchmark[first:stop])
            for name, first, stop in stretches
        },
        "counts": {
            "total": len(sets),
            "succeeded": len(known),
            "failed": len(sets) - len(known),
            "missing_score": 0,
            "feasible": len(kept),
            "feasible_by_point": sum(bool(row["feasible_by_point"]) for row in known),
            "distinct_curves": len(known) - 2,
        },
        "searched": searched,
        "met": bool(kept),
        "recommended": best,
        "top": [_entry(row) for row in kept[:3]],
        "nearest": {"by_constraint": [], "by_objective": []} if kept else _nearest(known),
        "errors": [
            {"key": row["key"], "number": row["number"], "status": row["status"], "reason": row["error"]}
            for row in sets
            if row["status"] != "success"
        ],
        "luck": _luck(verdict, best, len(known), len(times)),
        "inert": [] if selection else [_INERT],
        "duplicates": [[3, 4], [7, 8]],
        "notes": {"fills_at_next_close": {}},
        "survivorship": "survivors_only",
    }


_INERT = {
    "parameter": "max_drawdown_52w",
    "values": ["0.2", "0.25"],
    "groups": 6,
    "unmoved": 6,
    "curves": 1,
    "why": "never bound",
}


def _nearest(known: Sequence[Row]) -> dict[str, list[Row]]:
    by_fall = sorted(known, key=lambda row: float(row["training_max_drawdown"]))
    return {
        "by_constraint": [_entry(row) for row in by_fall[:3]],
        "by_objective": [_entry(row) for row in sorted(known, key=_growth, reverse=True)[:3]],
    }


def _luck(verdict: str, best: Row | None, sets: int, bars: int) -> dict[str, Any]:
    p_value = 0.004 if verdict == "edge" else 0.31
    counted = {
        "trials": 64,
        "trials_here": sets,
        "trials_elsewhere": 64 - sets,
        "by_kind": {"search": 60, "backtest": 4},
    }
    if verdict == "untested":
        return {"verdict": verdict, "level": 0.02, "spa": None, "own": None, "matched": None, "trials": counted,
                "dsr": None, "psr": None, "pbo": None, "final": None}  # fmt: skip
    own = None if best is None else {"number": best["number"], "adjusted_p": best["adjusted_p"]}
    figures = {} if best is None else best["figures"].get("final", {})
    return {
        "verdict": verdict,
        "level": 0.02,
        "spa": {
            "p_value": p_value,
            "p_lower": p_value * 0.9,
            "p_upper": p_value * 1.4,
            "statistic": 3.1,
            "sets": sets,
            "bars": bars - 1,
            "block_bars": 21.0,
            "replicates": 1000,
        },
        "own": own,
        "matched": None
        if best is None
        else {"beta": 0.25, "alpha_a_bar": 0.00005, "adjusted_p": p_value + 0.002, "p_value": p_value},
        "trials": counted,
        "dsr": None
        if best is None
        else {
            "value": 0.971 if verdict == "edge" else 0.41,
            "sharpe": 0.034,
            "threshold": 0.021,
            **counted,
            "variance": 0.0001,
            "skewness": -0.2,
            "kurtosis": 4.1,
            "bars": bars - 1,
        },
        "psr": None if best is None else 0.995,
        "pbo": {
            "pbo": 0.47,
            "splits": 12870,
            "blocks": 16,
            "slope": 0.12,
            "r_squared": 0.03,
            "loss_probability": 0.09,
        },
        "final": {**figures, "excess": figures.get("excess_cagr")},
    }


def _plateau(sets: Sequence[Row], finding: str) -> dict[str, Any]:
    by_place = {(row["max_exposure"], row["volatility_target"], row["max_weight"]): row for row in sets}

    def value(x: float, y: float, name: str) -> Any:
        found = [by_place[str(x), str(y), str(weight)] for weight in WEIGHTS]
        return found[0][name] if name == "feasible" else max(float(one[name]) for one in found)

    def table(name: str) -> list[list[Any]]:
        return [[value(x, y, name) for x in EXPOSURES] for y in TARGETS]

    best = next((row for row in sets if row["rank"] == 1), sets[0])
    neighbours = [
        {
            "number": 3 + place,
            "parameter": name,
            "from": best[name],
            "to": str(to),
            "objective": 0.09 + 0.002 * place,
            "max_drawdown": 0.1 + 0.01 * place,
            "feasible": place != 2,
            "same_account": place == 3,
        }
        for place, (name, to) in enumerate(
            [("max_exposure", 0.3), ("max_exposure", 0.5), ("volatility_target", 0.055), ("max_weight", 0.04)]
        )
    ]
    heatmap = {
        "x": "max_exposure",
        "y": "volatility_target",
        "x_values": list(EXPOSURES),
        "y_values": list(TARGETS),
        "objective": table("training_cagr"),
        "max_drawdown": table("training_max_drawdown"),
        "feasible": table("feasible"),
        "best": [0.4, 0.065],
        "others": "as_in_the_best",
    }
    return {
        "finding": finding,
        "best": best["number"],
        "neighbours": neighbours if finding != "few_neighbours" else neighbours[:1],
        "share_of_best": 0.93 if finding == "plateau" else 0.41,
        "heatmaps": [heatmap, {**heatmap, "y": "max_drawdown_52w", "best": None, "others": "best_of_each_cell"}],
    }


def _years(sets: Sequence[Row], times: Array, curves: Array, benchmark: Array) -> list[Row]:
    moments = times.astype("datetime64[us]").astype("datetime64[Y]").astype(int) + 1970
    found = []
    for year in sorted(set(moments.tolist()))[2:]:
        rows = np.flatnonzero(moments == year)
        first, last = int(rows[0]) - 1, int(rows[-1])
        growth = curves[:, last] / curves[:, first] - 1.0
        chosen = int(np.argmax(curves[: len(sets) - 1, first]))
        found.append(
            {
                "year": int(year),
                "start": int(times[first]),
                "end": int(times[last]),
                "chosen": chosen,
                "parameters": json.loads(sets[chosen]["parameters"]),
                "known": {"cagr": 0.12, "max_drawdown": 0.1},
                "fared": {
                    "total_return": float(growth[chosen]),
                    "max_drawdown": 0.06,
                    "benchmark_total_return": float(benchmark[last] / benchmark[first] - 1.0),
                    "best_total_return": float(growth.max()),
                    "best_number": int(growth.argmax()),
                },
            }
        )
    return [{**found[0], "chosen": None, "parameters": None, "known": None, "fared": _LEFT}, *found[1:]]


_LEFT = {
    "total_return": None,
    "max_drawdown": None,
    "benchmark_total_return": 0.07,
    "best_total_return": 0.11,
    "best_number": 4,
}


def _nested(parts: Sequence[tuple[str, int, int]]) -> dict[str, Any]:
    figures = {"cagr": 0.081, "max_drawdown": 0.134, "sharpe": 0.8, "excess_cagr": 0.012}
    return {
        "figures": figures,
        "start": parse_instant("2017-01-02") + CLOSE,
        "end": parse_instant("2022-12-30") + CLOSE,
    }


def _write_tables(
    folder: Path, sets: list[Row], found: Mapping[str, Any], times: Array, curves: Array, benchmark: Array, *,
    earlier: bool,
) -> None:  # fmt: skip
    whole = {"number", "curve", "rank"}
    text = {
        "key",
        "origin",
        "status",
        "error",
        "train_run",
        "scores",
        "parameters",
        "bound",
        *found["searched"],
    }
    logical = {"feasible", "feasible_by_point", "pareto"}
    schema = {
        name: pl.Int64
        if name in whole
        else pl.String
        if name in text
        else pl.Boolean
        if name in logical
        else pl.Float64
        for name in sets[0]
    }
    pl.DataFrame(sets, schema=schema).write_parquet(folder / "sets.parquet")
    shown = found["top"] or [*found["nearest"]["by_constraint"], *found["nearest"]["by_objective"]]
    numbers = sorted({entry["number"] for entry in shown})
    frame = {"time": pl.Series(times).cast(pl.Datetime("us", "UTC")), "benchmark": benchmark}
    frame |= {f"set_{number}": curves[number] for number in numbers}
    nested = np.where(np.arange(len(times)) < 520, np.nan, curves[numbers[0]])
    frame["nested"] = pl.Series(nested if earlier else np.full(len(times), np.nan)).fill_nan(None)
    pl.DataFrame(frame).write_parquet(folder / "curves.parquet")
