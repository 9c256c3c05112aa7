"""The backend of other processes: tasks go to a pool of joblib, on this machine or, through dask, on others."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias, cast

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tidegate.core.clock import sleep
from tidegate.core.environment import processor_count
from tidegate.core.errors import InputError, SourceDownError, TidegateError
from tidegate.search.runner.backend import Outcome, Phase, Polled, Work

__all__ = ["Function", "ProcessBackend"]

Outcomes = Sequence[Outcome]
Function = Callable[[Sequence[Work]], Outcomes]
Result: TypeAlias = "Outcomes | _Broken"

_LOKY: Final = "loky"
_THREAD_VARIABLES: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
)
_ORPHAN_SECONDS: Final = 1.0


class ProcessBackend:
    """Hands tasks to workers, each of which uses one thread.

    A worker that dies gives the tasks that were away back as failures that may pass: nobody can tell which of them
    ended it. Workers end with their parent, however that ends.

    Parameters
    ----------
    function
        Does the works of one task and returns an outcome of each; of module level, because it travels to the workers.
    workers
        How many; as many as there are processors by default. With ``dask`` its own workers count.
    in_flight
        Most tasks handed over at a time.
    batch
        Works in one task.
    backend
        ``loky`` starts fresh processes; to end a task that runs, they are ended, and others that were away begin anew.
        Otherwise the name of any backend that joblib knows and that hands results back by itself: ``threading``,
        ``multiprocessing``, ``dask`` (with a client of ``distributed``), or one that was registered. They cannot end
        what they have begun, so a task that was taken back still holds its worker, and of ``threading`` and
        ``multiprocessing`` there must be at least two workers.

    Raises
    ------
    InputError
        If joblib has no such backend, or it cannot be used here.
    """

    poll_seconds = 0.02

    def __init__(
        self,
        function: Function,
        *,
        workers: int | None = None,
        in_flight: int = 8,
        batch: int = 1,
        backend: str = _LOKY,
    ) -> None:
        self.in_flight, self.batch = in_flight, batch
        wanted = workers or processor_count()
        self._pool: _Pool = _Loky(wanted) if backend == _LOKY else _Joblib(backend, wanted)
        self._function = function
        self._away: dict[str, _Away] = {}
        self._ended = 0

    def submit(self, works: Sequence[Work], idempotency_key: str) -> str:
        """Queue a task, unless it is away already, and return its key as the ticket."""
        if idempotency_key not in self._away:
            self._away[idempotency_key] = _Away(tuple(works), self._start(works))
        return idempotency_key

    def poll(self, ticket: str) -> Polled:
        """Say how a task stands; any task that ends counts as progress of those that wait behind it."""
        away = self._away[ticket]
        if away.future is None:
            away.future = self._start(away.works)
        if not away.future.done():
            return Polled(phase=Phase.RUNNING if away.future.running() else Phase.QUEUED, marker=self._ended)
        del self._away[ticket]
        self._ended += 1
        if (error := _lost(away.future)) is not None:
            return Polled(phase=Phase.FAILED, error=error)
        result = away.future.result()
        if isinstance(result, _Broken):
            return Polled(phase=Phase.FAILED, error=result.unpacked())
        return Polled(phase=Phase.FINISHED, outcomes=result)

    def cancel(self, ticket: str) -> None:
        """End a task; where the workers must be ended for that, the others begin anew when they are asked for."""
        away = self._away.pop(ticket, None)
        if away is None or away.future is None or away.future.done() or away.future.cancel():
            return
        if self._pool.end_workers():
            for other in self._away.values():
                if other.future is not None and (not other.future.done() or _lost(other.future) is not None):
                    other.future = None

    def close(self) -> None:
        """End the workers."""
        self._away.clear()
        self._pool.close()

    def _start(self, works: Sequence[Work]) -> Future[Result]:
        return self._pool.submit(self._function, tuple(works))


@dataclass
class _Away:
    """A task, and its future; None where its worker was ended for another's sake."""

    works: tuple[Work, ...]
    future: Future[Result] | None


class _Pool(Protocol):
    """Workers."""

    def submit(self, function: Function, works: Sequence[Work]) -> Future[Result]: ...

    def end_workers(self) -> bool:
        """End what runs; False where that cannot be done."""
        ...

    def close(self) -> None: ...


class _Loky:
    """Fresh processes of loky; they start with the first task, and anew after one of them died."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._executor: Any = None

    def submit(self, function: Function, works: Sequence[Work]) -> Future[Result]:
        with suppress(BrokenExecutor):
            return cast("Future[Result]", self._ready().submit(_alone, function, works))
        self.end_workers()
        return cast("Future[Result]", self._ready().submit(_alone, function, works))

    def end_workers(self) -> bool:
        executor, self._executor = self._executor, None
        if executor is not None:
            # With ``kill_workers`` loky 3.6 stumbles over tasks that still wait; it copes with workers that die.
            for number in list(executor._processes or ()):
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            executor.shutdown(wait=True)
        return True

    def close(self) -> None:
        self.end_workers()

    def _ready(self) -> Any:
        from joblib.externals.loky import ProcessPoolExecutor  # type: ignore[import-untyped]

        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                max_workers=self._workers,
                env=dict.fromkeys(_THREAD_VARIABLES, "1"),
                initializer=_end_with,
                initargs=(os.getpid(),),
            )
        return self._executor


class _Joblib:
    """Any other backend of joblib, by the contract that joblib has with backends of other people."""

    def __init__(self, name: str, workers: int) -> None:
        import joblib  # type: ignore[import-untyped]
        from joblib.parallel import get_active_backend  # type: ignore[import-untyped]

        if workers < 2 and name in {"threading", "multiprocessing"}:
            hint = "take loky, which has processes of its own even for one worker"
            raise InputError(found=f"{workers} worker of {name}", expected="at least 2", hint=hint)
        try:
            with joblib.parallel_config(backend=name, n_jobs=workers):
                self._backend, count = get_active_backend()
                self._parallel = joblib.Parallel(n_jobs=count)
            self._backend.configure(n_jobs=count, parallel=self._parallel)
        except (ValueError, KeyError, TypeError, ImportError) as error:
            raise _unusable(name, f"{type(error).__name__}: {error}") from None
        if not self._backend.supports_retrieve_callback:
            raise _unusable(name, "it does not hand results back by itself")
        if hasattr(self._backend, "start_call"):
            self._backend.start_call()
        self._wrap = _among_others if getattr(self._backend, "uses_threads", False) else _alone

    def submit(self, function: Function, works: Sequence[Work]) -> Future[Result]:
        from joblib.parallel import BatchedCalls

        future: Future[Result] = Future()
        future.set_running_or_notify_cancel()

        def hand_back(out: object) -> None:
            try:
                (outcomes,) = self._backend.retrieve_result_callback(out)
            except BaseException as error:  # noqa: BLE001 - it travels on with the future
                future.set_exception(error)
            else:
                future.set_result(outcomes)

        calls: list[Any] = [(self._wrap, (function, works), {})]
        self._backend.submit(BatchedCalls(calls, self._backend.get_nested_backend()), callback=hand_back)
        return future

    def end_workers(self) -> bool:
        return False

    def close(self) -> None:
        with suppress(AttributeError):  # not every backend has one
            self._backend.stop_call()
        self._backend.terminate()


@dataclass(frozen=True)
class _Broken:
    """An error on its way home: many errors cannot be pickled, and a pool may break over one that cannot."""

    kind: type[TidegateError] | None
    parts: Mapping[str, str]
    error: BaseException | None

    @classmethod
    def of(cls, error: Exception) -> _Broken:
        if isinstance(error, TidegateError):
            return cls(type(error), error.as_dict(), None)
        try:
            return cls(None, {}, pickle.loads(pickle.dumps(error)))  # noqa: S301 - our own, a moment ago
        except Exception:  # noqa: BLE001 - whatever keeps it from travelling, its words do not
            return cls(None, {}, RuntimeError(f"{type(error).__name__}: {error}"))

    def unpacked(self) -> BaseException | None:
        return self.error if self.kind is None else self.kind(**self.parts)


def _alone(function: Function, works: Sequence[Work]) -> Outcomes | _Broken:
    """Do works in one thread: the workers share the processors among them already."""
    with threadpool_limits(limits=1):
        return _among_others(function, works)


def _among_others(function: Function, works: Sequence[Work]) -> Outcomes | _Broken:
    """Do works in a thread of this process, whose limits belong to everybody in it."""
    try:
        return function(works)
    except Exception as error:  # noqa: BLE001 - it travels on, and is judged at home
        return _Broken.of(error)


def _end_with(parent: int) -> None:
    """Let this worker end once its parent is gone, even if that was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            sleep(_ORPHAN_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def _lost(future: Future[Result]) -> BaseException | None:
    """Return what kept a result from coming home; a worker's death as something that may pass."""
    error = future.exception()
    if isinstance(error, BrokenExecutor):
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        return SourceDownError(
            found=f"a worker that ended before its task did ({first})",
            expected="workers that live until they are told to end",
            hint="where memory ran out, use fewer workers or smaller tasks",
        )
    return error


def _unusable(name: str, why: str) -> InputError:
    return InputError(
        found=f"joblib backend {name}: {why}",
        expected="loky, threading, multiprocessing, dask with a client, or one that was registered with joblib",
        hint="take loky, which needs nothing else",
    )
