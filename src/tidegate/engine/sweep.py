"""Backtests of many parameter sets at once: ranked once, advanced together, each equal to its own backtest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tidegate.core.errors import InputError, LedgerError
from tidegate.core.panel import read_only
from tidegate.core.recipe_strategy import MOST_DEFENSIVES, StrategySettings
from tidegate.core.time import DAY
from tidegate.core.units import FloatArray, Int64Array, Mask
from tidegate.costs import CostModel
from tidegate.engine.book import Book, Tape, new_book
from tidegate.engine.fill import new_orders
from tidegate.engine.fill_rules import LEGACY_MARGIN, FillRules
from tidegate.engine.journal import Journal, new_journal
from tidegate.engine.kernel import BINDINGS, Curves, Scratch, advance
from tidegate.engine.market import Market
from tidegate.strategy.long_short import LONG_SHORT_STATE, LongShort, long_short_parameters
from tidegate.strategy.ranking import RankingRule, empty_ranking, rank_decisions
from tidegate.strategy.rotation import rotation_parameters, rotation_state
from tidegate.strategy.schedule import fill_sessions
from tidegate.strategy.seam import Past, Ranking, new_targets, new_work

__all__ = ["Sweep", "Trial", "past_of", "run_trials", "tape_of"]

_FIRST_ROOM: Final = 32
_EVERY: Final = 2**30
_NO_MATRIX: Final = read_only(np.zeros((0, 0)))
_NO_MASK: Final = read_only(np.zeros((0, 0), dtype=np.bool_))


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One parameter set: a strategy, what trading costs it, and how its orders fill.

    Parameters
    ----------
    settings
        The rotation, or the second strategy of the house.
    costs, rules
        Cost model and fill rules.
    """

    settings: StrategySettings | LongShort
    costs: CostModel = field(default_factory=CostModel)
    rules: FillRules = field(default_factory=FillRules)


@dataclass(frozen=True, eq=False, kw_only=True)
class Sweep:
    """What every parameter set did.

    Parameters
    ----------
    times
        ``int64 (n_times,)`` closes, from the first traded row on.
    equity, cash, gross, holdings
        ``(n_times, n_sets)`` at each close; the last three are empty where only the equity was asked for.
    counts
        ``int64 (n_sets, 15)``: rebalances at which each :class:`~tidegate.strategy.seam.Binding` bound.
    rebalances, orders, unfilled
        ``int64 (n_sets,)``.
    paid
        ``float64 (n_sets, 6)``: commission, half-spread, impact, stamp tax, interest, and value traded, in currency.
    final_place, final_shares
        What each holds at the end.
    journals
        What a recorded sweep wrote down, one journal per set; empty otherwise.
    """

    times: Int64Array
    equity: FloatArray
    cash: FloatArray
    gross: FloatArray
    holdings: Int64Array
    counts: Int64Array
    rebalances: Int64Array
    orders: Int64Array
    unfilled: Int64Array
    paid: FloatArray
    final_place: tuple[Int64Array, ...]
    final_shares: tuple[FloatArray, ...]
    journals: tuple[Journal, ...] = ()


def run_trials(
    market: Market,
    trials: Sequence[Trial],
    *,
    initial_cash: float,
    start: int = 0,
    periods_per_year: float = 252.0,
    rebalances: Mask | None = None,
    records: bool = False,
    whole: bool = True,
    threads: int = 1,
) -> Sweep:
    """Backtest every parameter set over one market.

    Parameters
    ----------
    market
        What decisions see and orders meet.
    trials
        Parameter sets; each gives the same bits alone, among others, and on any number of threads.
    initial_cash
        Currency at the close of row ``start``.
    start
        First row of the account; earlier rows are history that decisions may look back on. It never trades.
    periods_per_year
        Bars of a year, which volatilities are scaled by.
    rebalances
        ``bool (n_times,)``: sessions at which decisions fill; None follows the schedule of each strategy.
    records
        Write down every decision, order and fill.
    whole
        Keep cash, gross position and number of holdings at each close, beside the equity.
    threads
        Parameter sets are shared out among so many threads.

    Raises
    ------
    InputError
        If there is nothing to run, the start leaves no session to trade in, or short positions have no gross limit.
    """
    _require_runnable(market, trials, start)
    past, tape = past_of(market), tape_of(market)
    runs: dict[int, _Run] = {}
    for group in _groups(market, trials, start, rebalances, alone=records):
        share = -(-len(group.members) // max(threads, 1))
        chunks = [group.members[at : at + share] for at in range(0, len(group.members), share)]
        tasks = [
            _Task(market, past, tape, group, [trials[m] for m in chunk], initial_cash, start, periods_per_year,
                  records, whole)
            for chunk in chunks
        ]  # fmt: skip
        for chunk, result in zip(chunks, _run_all(tasks, threads), strict=True):
            runs |= {member: _Run(result, column) for column, member in enumerate(chunk)}
    return _gather(market, [runs[m] for m in range(len(trials))], start, whole, records)


def _require_runnable(market: Market, trials: Sequence[Trial], start: int) -> None:
    if not trials or not 0 <= start < len(market.times) - 1:
        raise InputError(
            found=f"{len(trials)} parameter sets from row {start} of {len(market.times)}",
            expected="at least one parameter set, and a session after the start",
            hint="check the window of the backtest",
        )
    if any(isinstance(trial.settings, LongShort) and trial.rules.gross_limit <= 0.0 for trial in trials):
        raise InputError(
            found="a strategy that sells short, with a gross limit of 0",
            expected="FillRules(gross_limit=...) above 0, as a multiple of equity",
            hint="say how far positions may exceed the account",
        )


def _run_all(tasks: list[_Task], threads: int) -> list[_Result]:
    if threads <= 1 or len(tasks) == 1:
        return [_run(task) for task in tasks]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(_run, tasks))


@dataclass(frozen=True, eq=False)
class _Group:
    """Parameter sets that share schedule and ranking."""

    members: list[int]
    rebalances: Mask
    ranking: Ranking
    ranking_of: Int64Array


@dataclass(frozen=True, eq=False)
class _Task:
    market: Market
    past: Past
    tape: Tape
    group: _Group
    trials: list[Trial]
    initial_cash: float
    start: int
    periods_per_year: float
    records: bool
    whole: bool


@dataclass(frozen=True, eq=False)
class _Result:
    curves: Curves
    book: Book
    journal: Journal


@dataclass(frozen=True, eq=False)
class _Run:
    result: _Result
    column: int


def _groups(market: Market, trials: Sequence[Trial], start: int, schedule: Mask | None, *, alone: bool) -> list[_Group]:
    """Gather the sets that share schedule and ranking, and rank for each group once."""
    keyed: dict[Any, list[int]] = defaultdict(list)
    for number, trial in enumerate(trials):
        keyed[(number if alone else 0, *_key(trial.settings))].append(number)
    groups = []
    for members in keyed.values():
        settings = [trials[m].settings for m in members]
        first = settings[0]
        if isinstance(first, LongShort):
            rebalances = np.ones(len(market.times), dtype=np.bool_) if schedule is None else schedule
            nothing = np.zeros(len(market.times), dtype=np.int64)
            groups.append(_Group(members, rebalances, empty_ranking(), nothing))
            continue
        rebalances = (fill_sessions(market.times, first) if schedule is None else schedule).copy()
        rebalances[: start + 1] = False
        fills = np.flatnonzero(rebalances)
        widest = max(one.top_n + one.retain_top_n for one in settings if isinstance(one, StrategySettings))
        ranking = rank_decisions(
            read_only(market.score), read_only(market.traded), _mask(market.member), read_only(market.candidate),
            fills - 1, RankingRule.of(first), widest,
        )  # fmt: skip
        ranking_of = np.full(len(market.times), -1, dtype=np.int64)
        ranking_of[fills] = np.arange(len(fills))
        groups.append(_Group(members, rebalances, ranking, ranking_of))
    return groups


def _key(settings: StrategySettings | LongShort) -> tuple[Any, ...]:
    if isinstance(settings, LongShort):
        return ("long-short",)
    legacy = settings.legacy
    schedule = (settings.rebalance, settings.rebalance_day, legacy.daily_is_weekly, legacy.holiday_week_skipped)
    return (*schedule, RankingRule.of(settings))


def _run(task: _Task) -> _Result:
    """Run one chunk of parameter sets, with more room where the first did not do."""
    names = len(task.market.symbols)
    room = min(max(_FIRST_ROOM, 2 * _widest(task.trials)), names)
    records = 1
    while True:
        result, fits = _attempt(task, room, records)
        if not fits and room == names:
            raise LedgerError(
                found=f"a book with more than the market's {names} names",
                expected="at most one holding of each",
                hint="this is a mistake in the engine; please report it",
            )
        if not fits:
            room = min(2 * room, names)
        elif (result.journal.used > _room_of(result.journal)).any() and task.records:
            records *= 4
        else:
            return result


def _attempt(task: _Task, room: int, generosity: int) -> tuple[_Result, bool]:
    count, times = len(task.trials), len(task.market.times)
    parameters, states = _records(task)
    book = new_book(count, room, task.initial_cash)
    curves = _new_curves(times, count, whole=task.whole)
    curves.equity[task.start] = task.initial_cash
    if task.whole:
        curves.cash[task.start] = task.initial_cash
    size = (int(task.group.rebalances.sum()) + 64) * min(room, 64) * generosity
    rooms = (times * generosity, size, size, size, 2 * times) if task.records else (0, 0, 0, 0, 0)
    journal = new_journal(*rooms)
    ranked = task.group.ranking.place.shape[1]
    scratch = Scratch(
        new_targets(room),
        new_work(len(task.market.symbols), _width_of_work(task, room), ranked, _longest_window(task.trials)),
        new_orders(min(2 * room, len(task.market.symbols))),
    )
    fits = advance(
        task.start + 1, times, parameters, states, _cost_records(task.trials), _rule_records(task.trials), task.past,
        task.tape, task.group.ranking, task.group.ranking_of, task.group.rebalances, book, curves, journal,
        task.records, scratch,
    )  # fmt: skip
    return _Result(curves, book, journal), bool(fits)


def _width_of_work(task: _Task, room: int) -> int:
    """Return how many names a decision may weigh: the rotation those that it holds, the other strategy all."""
    return max(len(task.market.symbols) if isinstance(task.trials[0].settings, LongShort) else room, 1)


def _longest_window(trials: Sequence[Trial]) -> int:
    return max((t.settings.volatility_closes for t in trials if isinstance(t.settings, StrategySettings)), default=1)


def _widest(trials: Sequence[Trial]) -> int:
    widths = [t.settings.top_n + t.settings.retain_top_n for t in trials if isinstance(t.settings, StrategySettings)]
    return max(widths, default=_EVERY) + MOST_DEFENSIVES


def _records(task: _Task) -> tuple[npt.NDArray[np.void], npt.NDArray[np.void]]:
    """Return parameters and first states of a chunk."""
    first = task.trials[0].settings
    if isinstance(first, LongShort):
        parameters = [long_short_parameters(t.settings) for t in task.trials if isinstance(t.settings, LongShort)]
        return _joined(parameters), np.zeros(len(task.trials), dtype=LONG_SHORT_STATE)
    records = [
        rotation_parameters(
            t.settings,
            task.market.places,
            benchmark_place=task.market.benchmark_place,
            periods_per_year=task.periods_per_year,
        )
        for t in task.trials
        if isinstance(t.settings, StrategySettings)
    ]
    return _joined(records), rotation_state(len(task.trials), task.initial_cash)


def _cost_records(trials: Sequence[Trial]) -> npt.NDArray[np.void]:
    return _joined([trial.costs.record() for trial in trials])


def _rule_records(trials: Sequence[Trial]) -> npt.NDArray[np.void]:
    records = _joined([trial.rules.record() for trial in trials])
    for number, trial in enumerate(trials):
        if isinstance(trial.settings, StrategySettings) and trial.settings.legacy.riskoff_keeps_book:
            records["gross_limit"][number] = trial.rules.gross_limit or LEGACY_MARGIN
    return records


def _joined(records: Sequence[npt.NDArray[np.void]]) -> npt.NDArray[np.void]:
    """Lay records of one into one array: NumPy's own way compares their types pair by pair, which takes longer."""
    joined = np.zeros(len(records), dtype=records[0].dtype)
    for number, record in enumerate(records):
        joined[number] = record[0]
    return joined


def _new_curves(times: int, count: int, *, whole: bool) -> Curves:
    shape = (times, count) if whole else (0, 0)
    return Curves(
        equity=np.zeros((times, count)),
        cash=np.zeros(shape),
        gross=np.zeros(shape),
        holdings=np.zeros(shape, dtype=np.int64),
        counts=np.zeros((count, BINDINGS), dtype=np.int64),
        rebalances=np.zeros(count, dtype=np.int64),
        orders=np.zeros(count, dtype=np.int64),
        unfilled=np.zeros(count, dtype=np.int64),
    )


def _room_of(journal: Journal) -> Int64Array:
    rooms = (journal.decision, journal.target, journal.order, journal.fill, journal.flow)
    return np.array([len(room) for room in rooms], dtype=np.int64)


def _gather(market: Market, runs: list[_Run], start: int, whole: bool, records: bool) -> Sweep:
    def columns(name: str) -> Any:
        return np.stack([getattr(run.result.curves, name)[start:, run.column] for run in runs], axis=1)

    def singles(name: str) -> Any:
        return np.stack([getattr(run.result.curves, name)[run.column] for run in runs])

    held = [int(run.result.book.count[run.column]) for run in runs]
    nothing = np.zeros((0, 0))
    return Sweep(
        times=market.times[start:],
        equity=columns("equity"),
        cash=columns("cash") if whole else nothing,
        gross=columns("gross") if whole else nothing,
        holdings=columns("holdings") if whole else nothing.astype(np.int64),
        counts=singles("counts"),
        rebalances=singles("rebalances"),
        orders=singles("orders"),
        unfilled=singles("unfilled"),
        paid=np.stack([run.result.book.paid[run.column] for run in runs]),
        final_place=tuple(run.result.book.place[run.column, :n].copy() for run, n in zip(runs, held, strict=True)),
        final_shares=tuple(run.result.book.shares[run.column, :n].copy() for run, n in zip(runs, held, strict=True)),
        journals=tuple(run.result.journal for run in runs) if records else (),
    )


def past_of(market: Market) -> Past:
    """Return what decisions read, over the same memory."""
    return Past(
        close=_matrix(market.close),
        mark=_matrix(market.mark),
        traded=_mask(market.traded),
        benchmark=read_only(np.zeros(0) if market.benchmark is None else np.ascontiguousarray(market.benchmark)),
        signals=read_only(np.zeros((0, 0, 0)) if market.signals is None else np.ascontiguousarray(market.signals)),
    )


def tape_of(market: Market) -> Tape:
    """Return what happens to books, over the same memory."""
    times = len(market.times)
    ends = np.zeros(times, dtype=np.bool_)
    known = market.last_row[(market.last_row >= 0) & (market.last_row < times)]
    ends[known] = True
    actions = market.actions
    starts = np.zeros(0, dtype=np.int64)
    if actions is not None:
        starts = np.searchsorted(actions.row, np.arange(times + 1)).astype(np.int64)
    return Tape(
        mark=_matrix(market.mark),
        fill=_matrix(market.fill),
        volatility=_matrix(market.volatility),
        daily_value=_matrix(market.daily_value),
        session_value=_matrix(market.session_value),
        buy_blocked=_mask(market.buy_blocked),
        sell_blocked=_mask(market.sell_blocked),
        lot=read_only(market.lot),
        interest=read_only(np.nan_to_num(market.interest)),
        last_row=read_only(market.last_row),
        ends=read_only(ends),
        day=read_only((market.times - 1) // DAY),
        action_start=read_only(starts),
        action_place=read_only(np.zeros(0, dtype=np.int64) if actions is None else actions.place),
        action_ratio=read_only(np.zeros(0) if actions is None else actions.ratio),
        action_cash=read_only(np.zeros(0) if actions is None else actions.cash),
    )


def _matrix(values: FloatArray | None) -> FloatArray:
    return _NO_MATRIX if values is None else read_only(np.ascontiguousarray(values))


def _mask(values: Mask | None) -> Mask:
    return _NO_MASK if values is None else read_only(np.ascontiguousarray(values))
