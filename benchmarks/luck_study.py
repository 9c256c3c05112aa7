"""How often the verdict of a search is right: its size on noise, and its power where an edge was planted.

Each part works in pieces, writes a line for each into a folder, and goes on where it stopped:

    python benchmarks/luck_study.py engine FOLDER --markets 1000      # noise through the engine
    python benchmarks/luck_study.py engine FOLDER --markets 100 --drift -0.05
    python benchmarks/luck_study.py planted FOLDER --markets 100      # scores that know something, after costs
    python benchmarks/luck_study.py size FOLDER --markets 300         # noise that lasts, by block length
    python benchmarks/luck_study.py power FOLDER --markets 100
    python benchmarks/luck_study.py little FOLDER --markets 60        # edges of sets that hold little of the benchmark
    python benchmarks/luck_study.py beside FOLDER --markets 100       # what DSR and PBO would have said
    python benchmarks/luck_study.py absolute FOLDER --markets 200     # the warning: drift taken for an edge
    python benchmarks/luck_study.py doubts FOLDER --markets 40
    python benchmarks/luck_study.py tables FOLDER
    python benchmarks/luck_study.py pictures FOLDER docs/images

The first market of each piece of ``engine`` goes the whole way of a search as well, and must come out the same.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import numpy as np
from luck_pictures import draw_power, draw_size

from tidegate.core.recipe import SearchSettings, StrategySettings, load_recipe
from tidegate.core.time import DAY
from tidegate.costs import CostModel, resolve_recipe
from tidegate.engine.comparison import bought_and_held, equal_weight_of_the_universe
from tidegate.engine.market import Market
from tidegate.engine.setup import trial_of
from tidegate.engine.sweep import Sweep, Trial, run_trials
from tidegate.evaluate.curves import curve_figures
from tidegate.evaluate.resampled import resampled_figures
from tidegate.evaluate.stationary import StationaryDraws, draw_stationary
from tidegate.evaluate.superior import SuperiorResult, SuperiorTest
from tidegate.search import gathered as gathering
from tidegate.search.choice import judge, ranked
from tidegate.search.luck import EDGE, verdict_of
from tidegate.search.parts import window_parts
from tidegate.search.sets.plan import planned_sets
from tidegate.search.shelf import CurveFile
from tidegate.testing.luck_markets import (
    BARS_PER_YEAR,
    curves_of,
    gathered_from,
    judged,
    noise_market,
    noise_returns,
    planted,
)

__all__ = ["main"]

BLOCKS: Final = (1, 5, 10, 21, 42, 63)
LEVELS: Final = (0.01, 0.02, 0.05, 0.10)
CORRELATIONS: Final = (0.5, 0.7, 0.9)
CARRIERS: Final = ("all", "half", "one")
SHARPES: Final = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
KINDS: Final = ("independent", "clustered", "AR 0.1", "AR 0.2", "held a week")
KNOWS: Final = (0.03, 0.05, 0.06, 0.075, 0.1)
"""Correlation of scores with the next week: after costs, Sharpe ratios over the benchmark of 0.3 to 2.2 a year."""
BARS, SETS, PIECE, CASH = 3024, 30, 20, 30_000.0
BLOCK: Final = SearchSettings().block_bars
FREE: Final = SearchSettings(constraints={}, feasible_by="point")
INVESTED: Final = SearchSettings(
    grid={"top_n": (5, 10, 20), "weighting": ("equal", "rank", "inverse_volatility"), "retain_top_n": (0, 5)},
    random={"count": 12, "space": {"top_n": {"low": 4, "high": 25}, "retain_top_n": {"low": 0, "high": 10}}},
)
gathering.draw_stationary = lru_cache(maxsize=8)(draw_stationary)
"""Markets of one piece share their draws, as searches with one seed do: drawing takes longer than testing."""
Found = list[float | None]
"""The p value of all sets, and two of each set that was asked for; None where there is no set."""


@lru_cache(maxsize=16)
def draws_of(bars: int, block: int, seed: int) -> StationaryDraws:
    """Return the draws of a search; markets of one piece share them, as searches with one seed do."""
    return draw_stationary(bars, block=block, replicates=SearchSettings().replicates, seed=seed)


def p_values(file: CurveFile, blocks: Iterable[int], *, seed: int) -> list[Found]:
    """Return, by block length, what is tested of the set that a search recommends."""
    row = recommended(file, FREE, seed=seed, per_year=252.0)
    return [tested(file, (row,), block=block, seed=seed) for block in blocks]


def tested(file: CurveFile, rows: Iterable[int | None], *, block: int, seed: int) -> Found:
    """Return the p value of all sets together, and two of each of these rows: as it is, and beside the benchmark."""
    known = gathered_from(file, FREE.model_copy(update={"block_bars": block}), seed=seed)
    assert known.superior is not None
    assert known.matched is not None
    own = (known.superior.adjusted, known.matched.adjusted)
    return [known.superior.p_value, *(None if row is None else float(one[row]) for row in rows for one in own)]


def recommended(file: CurveFile, settings: SearchSettings, *, seed: int, per_year: float) -> int | None:
    """Return the set that a search recommends, by the training part alone."""
    training = window_parts(file.times, settings.parts)[0]
    times, equity = file.times[training.rows], file.equity[training.rows]
    figures = curve_figures(times, equity, per_year, names=("cagr", "max_drawdown"))
    kept = np.zeros(len(file.keys))
    if settings.feasible_by == "bootstrap":
        point = settings.model_copy(update={"feasible_by": "point"})
        rows = np.flatnonzero(judge(figures, point).feasible)
        if not rows.size:
            return None
        bounds = {str(name): bound for name, bound in settings.constraints.items()}
        years = float(times[-1] - times[0]) / (365.25 * DAY)
        draws = draws_of(training.bars, settings.block_bars, seed)
        kept[rows] = resampled_figures(_returns(equity[:, rows]), draws, years).share_within(bounds)
    order = ranked(figures, file.keys, settings.objective, among=judge(figures, settings, kept).feasible)
    return int(order[0]) if order.size else None


def _returns(equity: np.ndarray) -> np.ndarray:
    return np.asarray(equity[1:] / equity[:-1] - 1.0)


# Noise through the engine.


def engine_piece(number: int, *, drift: float) -> dict[str, Any]:
    """Return p values of the markets of one piece: both shapes of sets, against the index and equal parts.

    Of each market: of all sets, two of the one that is recommended under a drawdown of 15 %, two of one without bounds.
    """
    rows: dict[str, list[Any]] = {}
    for place in range(PIECE):
        market = noise_market(number * PIECE + place, names=50, drift=drift)
        for shape, files in engine_files(market):
            first = next(iter(files.values()))
            chosen = [recommended(first, one, seed=number, per_year=BARS_PER_YEAR) for one in (limited(), FREE)]
            for name, file in files.items():
                found = tested(file, chosen, block=BLOCK, seed=number)
                rows.setdefault(f"{shape}, against {name}", []).append(found)
                if place == 0:
                    _require_same(file, found, number)
    return {"drift": drift, "rows": rows}


def planted_piece(number: int) -> dict[str, Any]:
    """Return p values of scores that know something, after costs; with the sets' mean Sharpe ratio and correlation."""
    rows: dict[str, list[Any]] = {}
    for place, knows in product(range(PIECE), KNOWS):
        market = noise_market(number * PIECE + place, names=50, knows=knows)
        trials = [replace(one, costs=recipe_trials()[0].costs) for one in invested_trials()]
        sweep = run_trials(market, trials, initial_cash=CASH, periods_per_year=BARS_PER_YEAR, whole=False)
        file = file_of(sweep, equal_weight_of_the_universe(market, trials[0], 0, CASH))
        row = recommended(file, FREE, seed=number, per_year=BARS_PER_YEAR)
        excess = _returns(file.equity) - _returns(file.benchmark[:, None])
        ratios = BARS_PER_YEAR**0.5 * excess.mean(axis=0) / excess.std(axis=0)
        alike = np.corrcoef(excess.T)[np.triu_indices(len(trials), 1)].mean()
        found = [*tested(file, (row,), block=BLOCK, seed=number), float(ratios.mean()), float(alike)]
        rows.setdefault(f"knows {knows}", []).append(found)
    return {"rows": rows}


def engine_files(market: Market) -> Iterator[tuple[str, dict[str, CurveFile]]]:
    """Yield the curves of a market by shape of the sets, and by benchmark."""
    shapes = {"30 runs of the recipe, with costs": recipe_trials(), "fully invested, no costs": invested_trials()}
    for shape, trials in shapes.items():
        sweep = run_trials(market, trials, initial_cash=CASH, periods_per_year=BARS_PER_YEAR, whole=False)
        held = bought_and_held(market, trials[0], market.benchmark_place, 0, CASH)
        equal = equal_weight_of_the_universe(market, trials[0], 0, CASH)
        yield shape, {"the index": file_of(sweep, held), "equal parts": file_of(sweep, equal)}


def file_of(sweep: Sweep, benchmark: np.ndarray) -> CurveFile:
    """Return what a sweep did as a search leaves it."""
    sets = sweep.equity.shape[1]
    return CurveFile(
        keys=tuple(f"{place:03d}" for place in range(sets)), times=sweep.times, equity=sweep.equity,
        benchmark=benchmark, counts=sweep.counts, orders=sweep.orders, traded=sweep.paid[:, 5],
        traded_in_training=np.full(sets, np.nan),
    )  # fmt: skip


@lru_cache(maxsize=1)
def limited() -> SearchSettings:
    """Return the search of the shipped recipe: a drawdown of 15 %, kept in 80 of 100 resampled histories."""
    found = load_recipe("us-rotation-30").search
    assert found is not None
    return found


@lru_cache(maxsize=1)
def recipe_trials() -> list[Trial]:
    """Return the 30 sets of the shipped recipe; in risk-off they go to cash, for there are no bonds here."""
    recipe = resolve_recipe(load_recipe("us-rotation-30"))
    base = recipe.trading().model_copy(update={"risk_off": "cash", "defensives": ()})
    own = trial_of(recipe)
    sets = planned_sets(limited(), base, seed=recipe.seed)
    return [Trial(settings=one.settings, costs=own.costs, rules=own.rules) for one in sets]


@lru_cache(maxsize=1)
def invested_trials() -> list[Trial]:
    """Return 30 sets that hold shares for all their money and pay nothing: noise that is as good as its benchmark."""
    sets = planned_sets(INVESTED, StrategySettings(), seed=7)
    return [Trial(settings=one.settings, costs=CostModel()) for one in sets]


def _require_same(file: CurveFile, found: Found, seed: int) -> None:
    """Refuse to go on where a whole search says something else."""
    for own, settings in zip((found[1:3], found[3:5]), (limited(), FREE), strict=True):
        luck = judged(file, settings, seed=seed).luck
        said = [luck["spa"]["p_value"], *(luck[one] and luck[one]["adjusted_p"] for one in ("own", "matched"))]
        if said != [found[0], *own] or luck["verdict"] != said_of(said, settings.level):
            raise AssertionError(f"a search says {luck['verdict']} by {said}, the study {found}")


# Noise that lasts.


def size_piece(number: int) -> dict[str, Any]:
    """Return p values by kind of noise and block length."""
    rows: dict[str, list[Any]] = {}
    for place in range(PIECE):
        seed = number * PIECE + place
        for kind in KINDS:
            file = curves_of(lasting_noise(seed, kind), seed=seed)
            for block, found in zip(BLOCKS, p_values(file, BLOCKS, seed=number % 2), strict=True):
                rows.setdefault(f"{kind}|{block}", []).append(found)
    return {"rows": rows}


def lasting_noise(seed: int, kind: str) -> np.ndarray:
    """Return excess returns without an edge, of 30 sets correlated at 0.7, that last in one way or another."""
    if kind == "independent":
        random = np.random.default_rng([seed, 5])
        own = random.normal(size=(BARS, SETS)) * 0.3**0.5 + random.normal(size=(BARS, 1)) * 0.7**0.5
        return np.asarray(0.1 / 252**0.5 * own)
    noise = noise_returns(seed, bars=BARS + 4, sets=SETS)
    if kind == "held a week":  # what is earned by books that change by a fifth each day
        return np.asarray(sum(noise[lag : lag + BARS] for lag in range(5)) / 5**0.5)
    share = {"clustered": 0.0, "AR 0.1": 0.1, "AR 0.2": 0.2}[kind]
    for row in range(1, len(noise)):
        noise[row] += share * noise[row - 1]
    return noise[4:]


# Planted edges.


def blocks_of(correlation: float, sharpe: float) -> tuple[int, ...]:
    """Return the block lengths that are tried: not every one in every cell."""
    return BLOCKS if correlation == 0.7 or sharpe == 1.5 else (BLOCK,)


def power_piece(number: int) -> dict[str, Any]:
    """Return p values of planted edges."""
    rows: dict[str, list[Any]] = {}
    for place, (correlation, carriers, sharpe) in product(range(PIECE), product(CORRELATIONS, CARRIERS, SHARPES)):
        file = planted_file(number * PIECE + place, correlation, carriers, sharpe)
        blocks = blocks_of(correlation, sharpe)
        for block, found in zip(blocks, p_values(file, blocks, seed=number % 2), strict=True):
            rows.setdefault(f"{correlation}|{carriers}|{sharpe}|{block}", []).append(found)
    return {"rows": rows}


@lru_cache(maxsize=1)
def noise_of(seed: int, correlation: float) -> np.ndarray:
    """Return what the sets would earn without an edge."""
    return noise_returns(seed, bars=BARS, sets=SETS, correlation=correlation)


def planted_file(seed: int, correlation: float, carriers: str, sharpe: float) -> CurveFile:
    """Return sets of which some carry an edge."""
    noise = noise_of(seed, correlation)
    return curves_of(planted(noise, sharpe=sharpe, carriers=carriers), seed=seed)  # type: ignore[arg-type]


def little_piece(number: int) -> dict[str, Any]:
    """Return p values of sets that hold all of the benchmark, or a quarter: with an edge beside it, and without."""
    rows: dict[str, list[Any]] = {}
    edges = [*product(CORRELATIONS, CARRIERS, (1.5,)), (0.7, "none", 0.0)]
    for place, (correlation, carriers, sharpe) in product(range(PIECE), edges):
        seed = number * PIECE + place
        excess = planted(noise_of(seed, correlation), sharpe=sharpe, carriers=carriers)  # type: ignore[arg-type]
        for beta, drift in ((1.0, 0.07), (0.25, 0.07), (0.25, -0.05)):
            file = curves_of(excess, seed=seed, drift=drift, beta=beta)
            found = p_values(file, (BLOCK,), seed=number % 2)[0]
            rows.setdefault(f"{beta}|{drift}|{correlation}|{carriers}|{sharpe}", []).append(found)
    return {"rows": rows}


def beside_piece(number: int) -> dict[str, Any]:
    """Return the verdict, the deflated Sharpe ratio, PBO and whether the set carries the edge, by a whole search."""
    rows: dict[str, list[Any]] = {}
    cells = [*product((0.7,), CARRIERS, (0.5, 1.0, 1.5)), (0.5, "half", 1.5), (0.9, "half", 1.5), (0.7, "none", 0.0)]
    for place, (correlation, carriers, sharpe) in product(range(PIECE), cells):
        seed = number * PIECE + place
        file = planted_file(seed, correlation, carriers, sharpe)
        found = judged(file, FREE, seed=number % 2, bars_per_year=252)
        assert found.row is not None
        carries = found.row < {"all": SETS, "half": SETS // 2, "one": 1, "none": 0}[carriers]
        rows.setdefault(f"{correlation}|{carriers}|{sharpe}", []).append(
            [found.verdict, found.luck["dsr"]["value"], found.luck["pbo"]["pbo"], carries]
        )
    return {"rows": rows}


def absolute_piece(number: int) -> dict[str, Any]:
    """Return p values of noise whose returns are not held against the benchmark, and of the same held against it."""
    rows: dict[str, list[Any]] = {}
    for place, drift in product(range(PIECE), (0.04, 0.07, 0.10)):
        seed = number * PIECE + place
        noise = noise_returns(seed, bars=BARS, sets=SETS)
        for name, absolute in (("absolute", True), ("excess", False)):
            file = curves_of(noise, seed=seed, drift=drift, absolute=absolute)
            rows.setdefault(f"{name}|{drift}", []).append(p_values(file, (BLOCK,), seed=number % 2)[0])
    return {"rows": rows}


def print_doubts(markets: int) -> None:
    """Print how often a planted edge keeps the bound, and how far a p value depends on the seed of its draws."""
    kept = [recommended(planted_file(seed, 0.7, "all", 1.5), limited(), seed=1, per_year=252.0)
            for seed in range(markets)]  # fmt: skip
    print(f"{sum(row is not None for row in kept)} of {markets} with a set that keeps the bound")
    files = [planted_file(seed, 0.7, "one", 0.9) for seed in range(markets)]
    for replicates in (1000, 5000):
        found = np.array([[_superior(file, replicates, seed) for file in files] for seed in range(100, 104)])
        called, near = found <= 0.02, (found.mean(axis=0) > 0.01) & (found.mean(axis=0) < 0.04)
        changed = int((called.any(axis=0) & ~called.all(axis=0)).sum())
        deviation = float(found.std(axis=0, ddof=1)[near].mean())
        print(f"{replicates} replicates: {changed} of {markets} verdicts change with the seed of the draws; "
              f"deviation of the {int(near.sum())} p values from 0.01 to 0.04: {deviation:.4f}")  # fmt: skip


def _superior(file: CurveFile, replicates: int, seed: int) -> float:
    test = SuperiorTest(_many_draws(replicates, seed))
    test.add(_returns(file.equity) - _returns(file.benchmark[:, None]))
    return test.result().p_value


@lru_cache(maxsize=1)
def _many_draws(replicates: int, seed: int) -> StationaryDraws:
    return draw_stationary(BARS, block=BLOCK, replicates=replicates, seed=seed)


# Pieces, tables and pictures.


def work(path: Path, numbers: Iterable[int], piece: Callable[[int], dict[str, Any]]) -> None:
    """Do the pieces that are not there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {one["piece"] for one in lines(path)}
    for number in numbers:
        if number in done:
            continue
        began = time.process_time()
        found = {"piece": number, **piece(number), "cpu_seconds": round(time.process_time() - began, 2)}
        with path.open("a") as file:
            file.write(json.dumps(found) + "\n")


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the pieces of a part, without a torn last line."""
    if not path.exists():
        return []
    found = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    return list({one["piece"]: one for one in found}.values())


def gathered(path: Path) -> dict[str, list[Any]]:
    """Return the rows of all pieces by cell."""
    found: dict[str, list[Any]] = {}
    for one in lines(path):
        for name, rows in one["rows"].items():
            found.setdefault(name, []).extend(rows)
    return found


def said_of(found: Iterable[Any], level: float) -> str:
    """Return the verdict by p values: of all sets, and of the recommended one as it is and beside the benchmark."""
    together, own, matched = found
    return verdict_of(cast(SuperiorResult, SimpleNamespace(p_value=together)), own, matched, level)


def share_of_edges(rows: Iterable[Any], level: float) -> float:
    """Return how often the verdict is an edge at a level."""
    return float(np.mean([said_of(row[:3], level) == EDGE for row in rows]))


def at_levels(rows: list[Any]) -> str:
    """Return the share of edges in percent at each level, and in brackets that without a look beside the benchmark."""
    both = [share_of_edges(rows, level) for level in LEVELS]
    once = [share_of_edges([(row[0], row[1], row[1]) for row in rows], level) for level in LEVELS]
    return f"{' / '.join(f'{100 * one:.3g}' for one in both)} ({' / '.join(f'{100 * one:.3g}' for one in once)})"


def curves(folder: Path, name: str, level: float | None = None) -> dict[str, Any]:
    """Return the share of edges by cell: at one level, or at each."""
    cells = gathered(folder / f"{name}.jsonl")
    if level is not None:
        return {cell: share_of_edges(rows, level) for cell, rows in cells.items()}
    return {cell: [share_of_edges(rows, one) for one in LEVELS] for cell, rows in cells.items()}


def print_tables(folder: Path) -> None:
    """Print every table as Markdown."""
    for path in sorted(folder.glob("engine*.jsonl")):
        print(f"\n{path.stem}: edges at {LEVELS}; markets | a set kept the bound | bounded | free choice | all sets")
        for cell, rows in gathered(path).items():
            kept = np.mean([row[1] is not None for row in rows])
            bounded, free = at_levels([row[:3] for row in rows]), at_levels([(row[0], *row[3:5]) for row in rows])
            together = [round(float(np.mean([row[0] <= level for row in rows])), 4) for level in LEVELS]
            print(f"| {cell} | {len(rows)} | {kept:.3f} | {bounded} | {free} | {together} |")
    for name in ("size", "absolute", "little", "power"):
        print(f"\n{name}: markets | edges at {LEVELS} | all sets")
        for cell, rows in gathered(folder / f"{name}.jsonl").items():
            together = [round(float(np.mean([row[0] <= level for row in rows])), 4) for level in LEVELS]
            print(f"| {cell} | {len(rows)} | {at_levels(rows)} | {together} |")
    print(f"\nplanted: markets | edges at {LEVELS} | mean Sharpe ratio, correlation")
    for cell, rows in gathered(folder / "planted.jsonl").items():
        print(f"| {cell} | {len(rows)} | {at_levels(rows)} | {np.mean([row[3:] for row in rows], axis=0).round(2)} |")
    print("\nverdict edge, DSR >= 0.95, mean PBO, PBO <= 0.1, chosen set carries the edge")
    for cell, rows in gathered(folder / "beside.jsonl").items():
        told, dsr, pbo, carries = zip(*rows, strict=True)
        shares = [np.mean([one == "edge" for one in told]), np.mean(np.array(dsr) >= 0.95), np.mean(pbo),
                  np.mean(np.array(pbo) <= 0.1), np.mean(carries)]  # fmt: skip
        print(f"| {cell} | {len(rows)} | {' | '.join(f'{share:.2f}' for share in shares)} |")
    for path in sorted(folder.glob("*.jsonl")):
        print(path.stem, round(sum(one["cpu_seconds"] for one in lines(path))), "s CPU")


def main() -> None:
    """Do one part of the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "part",
        choices=["engine", "planted", "size", "power", "little", "beside", "absolute", "doubts", "tables", "pictures"],
    )
    parser.add_argument("folder", type=Path, help="where the pieces lie")
    parser.add_argument("images", type=Path, nargs="?", help="where pictures are drawn")
    parser.add_argument("--markets", type=int, default=100)
    parser.add_argument("--drift", type=float, default=0.07, help="of the market in a year")
    parser.add_argument("--lanes", type=int, default=1, help="how many programs share the pieces")
    parser.add_argument("--lane", type=int, default=0, help="which of them this is")
    given = parser.parse_args()
    if given.part == "tables":
        print_tables(given.folder)
    elif given.part == "doubts":
        print_doubts(given.markets)
    elif given.part == "pictures":
        draw_size(given.images / "search-size.svg", curves(given.folder, "size"), LEVELS, BLOCKS)
        draw_power(given.images / "search-power.svg", curves(given.folder, "power", 0.02), SHARPES, BLOCKS, BLOCK)
    else:
        name = f"engine {given.drift:g}" if given.part == "engine" else given.part
        numbers = range(given.lane, -(-given.markets // PIECE), given.lanes)
        pieces = {"engine": partial(engine_piece, drift=given.drift), "size": size_piece, "power": power_piece,
                  "planted": planted_piece, "little": little_piece, "beside": beside_piece,
                  "absolute": absolute_piece}  # fmt: skip
        work(given.folder / f"{name}.jsonl", numbers, pieces[given.part])


if __name__ == "__main__":
    main()
