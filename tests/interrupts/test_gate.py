"""The gate through which interrupts come in: at every moment of its own code too."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from pod.interrupts import uninterrupted
from support.interrupting import strike


@pytest.fixture(autouse=True)
def _python_s_own_handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def closed(steps: list[str]) -> None:
    with uninterrupted():
        steps.append("one")
        steps.append("two")


def open_at_the_end(steps: list[str]) -> None:
    with uninterrupted() as gate:
        steps.append("one")
        steps.append("two")
        gate.let_in()
        steps.append("open")


def open_and_cleaned_up(steps: list[str]) -> None:
    with uninterrupted() as gate:
        steps.append("one")
        try:
            gate.let_in()
            steps.append("open")
        finally:
            gate.open = False
            steps.append("two")


def open_and_failing(steps: list[str]) -> None:
    with uninterrupted() as gate:
        steps.append("one")
        try:
            gate.let_in()
            steps.index("nowhere")
        finally:
            gate.open = False
            steps.append("two")


def open_and_failing_at_the_end(steps: list[str]) -> None:
    with uninterrupted() as gate:
        steps.append("one")
        steps.append("two")
        gate.let_in()
        steps.index("nowhere")


def one_in_another(steps: list[str]) -> None:
    with uninterrupted() as outer:
        outer.let_in()
        with uninterrupted() as inner:
            steps.append("one")
            inner.let_in()
            inner.open = False
            steps.append("two")
        steps.append("open")


@pytest.mark.parametrize(
    "block",
    [closed, open_at_the_end, open_and_cleaned_up, open_and_failing, open_and_failing_at_the_end,
     one_in_another],
)  # fmt: skip
def test_what_is_begun_is_done_and_the_handler_put_back(block: Callable[[list[str]], None]) -> None:
    def act() -> None:
        try:
            block(steps)
        except ValueError:
            steps.append("raised")

    at = interrupted = 0
    while True:
        at += 1
        steps: list[str] = []
        outcome = strike(at, act, also=__file__)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, at
        # Once more, and nothing is left of the first time.
        assert strike(0, lambda: closed([])).interrupted is False
        if not outcome.struck:
            break
        if block is not one_in_another:
            assert ("one" in steps) == ("two" in steps), (at, outcome.struck)
        assert outcome.interrupted or "raised" in steps, (at, outcome.struck)
        interrupted += outcome.interrupted
    assert interrupted > 5


def test_one_that_came_before_is_let_in_at_once() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt), uninterrupted() as gate:
        signal.raise_signal(signal.SIGINT)
        steps.append("held back")
        gate.let_in()
        steps.append("not reached")
    assert steps == ["held back"]


def test_it_closes_behind_an_interrupt() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt), uninterrupted() as gate:
        try:
            gate.let_in()
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)
            steps.append("cleaned up")
    assert steps == ["cleaned up"]


def test_a_handler_that_raises_nothing_is_called_each_time() -> None:
    came = []
    signal.signal(signal.SIGINT, lambda *_: came.append(1))
    with uninterrupted() as gate:
        gate.let_in()
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert len(came) == 2
        gate.open = False
        signal.raise_signal(signal.SIGINT)
        assert len(came) == 2
    assert len(came) == 3


def test_in_another_thread_there_is_nothing_to_hold_back() -> None:
    handlers = []

    def run() -> None:
        with uninterrupted() as gate:
            gate.let_in()
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
