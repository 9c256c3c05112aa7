from __future__ import annotations

import os
import signal

import pytest

from tidegate.core.interrupts import interrupt_requested, remembered_interrupts


@pytest.fixture(autouse=True)
def plain_handler() -> object:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def swallow_an_interrupt() -> None:
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        raise TypeError("an unprintable object") from None


def test_an_interrupt_that_a_library_swallows_is_remembered() -> None:
    """One that fell into the text of an object once came out as a TypeError, and the run counted as failed."""
    with remembered_interrupts():
        assert not interrupt_requested()
        with pytest.raises(TypeError):
            swallow_an_interrupt()
        assert interrupt_requested()
    assert not interrupt_requested()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_each_block_begins_anew_and_leaves_other_handlers_alone() -> None:
    with remembered_interrupts(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with remembered_interrupts():
        assert not interrupt_requested()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with remembered_interrupts():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_an_interrupt_where_nothing_can_be_raised_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    class Stubborn:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    with remembered_interrupts():
        thing = Stubborn()
        del thing
        assert interrupt_requested()
    assert capsys.readouterr().err == ""
