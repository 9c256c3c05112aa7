"""What the event loop writes down, in the arrays of a kernel's journal, so that both are read alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tidegate.engine.broker import SessionReport
from tidegate.engine.journal import Journal, new_journal
from tidegate.strategy.seam import Action, Targets

__all__ = ["Diary"]

_NOTHING, _TRADE = int(Action.NOTHING), int(Action.TRADE)
_INTEREST, _CORPORATE_ACTIONS, _MEASURES = 0, 1, 6


class Diary:
    """Decisions, orders, fills and flows in lists that grow; :meth:`journal` lays them out as the kernel does."""

    def __init__(self) -> None:
        self._decisions: list[tuple[int, ...]] = []
        self._measures: list[list[float]] = []
        self._targets: list[tuple[int, float, float, bool]] = []
        self._orders: list[tuple[int, ...]] = []
        self._sizes: list[tuple[float, float]] = []
        self._fills: list[tuple[int, ...]] = []
        self._paid: list[tuple[float, ...]] = []
        self._flows: list[tuple[int, ...]] = []
        self._amounts: list[float] = []

    def note_decision(self, row: int, rebalances: bool, targets: Targets) -> None:
        """Write a decision with its target vector; one that only holds has none."""
        count, action, binding, step, _, pick = targets.number.tolist()
        first = len(self._targets)
        self._decisions.append((0, row, int(rebalances), action, binding, step, pick, first))
        self._measures.append(targets.value.tolist())
        if action == _TRADE:
            used = (targets.place[:count], targets.current[:count], targets.weight[:count], targets.keep[:count])
            self._targets += zip(*(column.tolist() for column in used), strict=True)

    def note_bare_decision(self, row: int, rebalances: bool, *, trades: bool) -> None:
        """Write a decision without weights: a ticket, or a rebalance at which nothing was asked for."""
        action = _TRADE if trades else _NOTHING
        self._decisions.append((0, row, int(rebalances), action, 0, 0, -1, len(self._targets)))
        self._measures.append([0.0] * _MEASURES)

    def note_session(self, row: int, report: SessionReport) -> None:
        """Write every order of a session and its fills."""
        for order in report.orders:
            self._orders.append((0, order.decided_row, row, order.place, order.reason))
            self._sizes.append((order.wanted, order.filled))
        for fill in report.fills:
            self._fills.append((0, fill.decided_row, row, fill.place))
            self._paid.append(fill[2:])

    def note_settlement(self, row: int, earned: float, received: float) -> None:
        """Write cash that came in without a trade."""
        for kind, amount in ((_INTEREST, earned), (_CORPORATE_ACTIONS, received)):
            if amount != 0.0:
                self._flows.append((0, row, kind))
                self._amounts.append(amount)

    def journal(self) -> Journal:
        """Return everything as arrays that are full."""
        sizes = (len(self._decisions), len(self._targets), len(self._orders), len(self._fills), len(self._flows))
        journal = new_journal(*sizes)
        journal.used[:] = sizes
        _lay(journal.decision, self._decisions)
        _lay(journal.measure, self._measures)
        for column, values in zip(
            (journal.target, journal.current, journal.weight, journal.keep),
            zip(*self._targets, strict=True),
            strict=False,
        ):
            column[:] = values
        _lay(journal.order, self._orders)
        _lay(journal.size, self._sizes)
        _lay(journal.fill, self._fills)
        _lay(journal.paid, self._paid)
        _lay(journal.flow, self._flows)
        _lay(journal.amount, self._amounts)
        return journal


def _lay(column: np.ndarray, rows: Sequence[object]) -> None:
    if rows:
        column[:] = rows
