"""How a source is asked: one request at a time, paced, repeated after a passing failure, left alone when it is down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Final, TypeVar

from pydantic import Field
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from tidegate.core.clock import sleep
from tidegate.core.config import Settings
from tidegate.core.errors import SourceDownError, SourceGarbledError, SourceLimitedError

__all__ = ["Courtesy", "RetryPolicy", "Tally"]

Answer = TypeVar("Answer")

_PASSING: Final = (SourceDownError, SourceGarbledError, SourceLimitedError)
Seconds = Annotated[float, Field(ge=0.0)]


class RetryPolicy(Settings):
    """Patience with a source."""

    attempts: Annotated[int, Field(ge=1)] = 5
    """How often one request is made before it counts as failed."""
    first_wait_seconds: Seconds = 0.5
    """Wait before the second attempt; it doubles with each further one, plus up to as much again at random."""
    longest_wait_seconds: Seconds = 10.0
    """No wait is longer, but for one that the source itself asks for."""
    longest_obeyed_seconds: Seconds = 300.0
    """A source that asks to be left alone for longer than this is not waited for."""
    pause_seconds: Seconds = 0.05
    """Between any two requests."""
    failures_before_cooldown: Annotated[int, Field(ge=1)] = 3
    """Tasks in a row that a source may fail before it is left alone."""
    cooldown_seconds: Seconds = 120.0
    """How long it is left alone then."""


@dataclass
class Tally:
    """What asking for one task took."""

    requests: int = 0
    retries: int = 0


@dataclass
class Courtesy:
    """The :class:`~tidegate.data.connectors.contract.Call` that the runner hands to a connector.

    Parameters
    ----------
    policy
        Patience.
    wait
        How to wait; the process sleeps by default.
    """

    policy: RetryPolicy
    wait: Callable[[float], None] = sleep
    tally: Tally = field(default_factory=Tally)

    def __call__(self, request: Callable[[], Answer]) -> Answer:
        """Make one request, repeating it while that may help."""
        retrying = Retrying(
            retry=retry_if_exception_type(_PASSING),
            stop=self._give_up,
            wait=self._pause_after,
            sleep=self.wait,
            reraise=True,
        )
        answer: Answer = retrying(self._once, request)
        return answer

    def _once(self, request: Callable[[], Answer]) -> Answer:
        if self.tally.requests and self.policy.pause_seconds:
            self.wait(self.policy.pause_seconds)
        self.tally.requests += 1
        return request()

    def _give_up(self, state: RetryCallState) -> bool:
        asked_for = _asked_for(state)
        return stop_after_attempt(self.policy.attempts)(state) or asked_for > self.policy.longest_obeyed_seconds

    def _pause_after(self, state: RetryCallState) -> float:
        self.tally.retries += 1
        policy = self.policy
        backing_off = wait_exponential_jitter(
            multiplier=policy.first_wait_seconds, max=policy.longest_wait_seconds, jitter=policy.first_wait_seconds
        )
        return max(float(backing_off(state)), _asked_for(state))


def _asked_for(state: RetryCallState) -> float:
    """Return the seconds for which the source asked to be left alone; 0 where it did not."""
    error = None if state.outcome is None else state.outcome.exception()
    return (error.retry_after_seconds or 0.0) if isinstance(error, SourceLimitedError) else 0.0
