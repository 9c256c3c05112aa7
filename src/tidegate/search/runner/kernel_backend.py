"""The backend of this process: the kernel simulates a few hundred sets in the time that a process takes to start."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tidegate.search.runner.backend import Outcome, Phase, Polled, Work

__all__ = ["KernelBackend"]


class KernelBackend:
    """Does the works of a task while they are submitted, one task at a time.

    Parameters
    ----------
    simulate
        Returns an outcome of each work, in any order.
    batch
        Works in one task: enough to share what the kernel ranks, and few enough for their curves to fit into memory.
    """

    in_flight = 1
    poll_seconds = 0.0

    def __init__(self, simulate: Callable[[Sequence[Work]], Sequence[Outcome]], *, batch: int = 256) -> None:
        self._simulate = simulate
        self.batch = batch
        self._done: dict[str, Polled] = {}

    def submit(self, works: Sequence[Work], idempotency_key: str) -> str:
        """Do the works, and return the key as their ticket."""
        self._done[idempotency_key] = Polled(phase=Phase.FINISHED, outcomes=self._simulate(works))
        return idempotency_key

    def poll(self, ticket: str) -> Polled:
        """Return the outcomes, once."""
        return self._done.pop(ticket)

    def cancel(self, ticket: str) -> None:
        """Forget a task; it was done when it was submitted."""
        self._done.pop(ticket, None)

    def close(self) -> None:
        """Forget everything."""
        self._done.clear()
