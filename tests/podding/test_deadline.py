"""An examination that takes longer than it may is given up in time, whatever it is at."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from pod.podding.definitions import Tokens
from pod.podding.examination import Examination
from pod.podding.policies import make_policy
from pod.podding.progress import TooLongError

WHOLE = 0.05
"""Seconds that each of these takes at least, if it is not given up."""


@pytest.mark.parametrize(
    "value",
    [
        {n: [n] * 500 for n in range(3000)},
        [[n] for n in range(200_000)],
        {n: object() for n in range(100_000)},
    ],
    ids=["pods", "objects", "odd objects"],
)
def test_it_ends_soon_after_its_deadline(value: Any) -> None:
    names = {"value": value}

    def examine(deadline: float | None) -> None:
        Examination(names, Tokens(), make_policy("lga"), 1, deadline=deadline).examine(
            names, {}, {"value"}
        )

    def give_up() -> None:
        with pytest.raises(TooLongError):
            examine(time.perf_counter() - 1)

    whole = seconds_of(lambda: examine(None))
    assert whole > WHOLE
    # The best of some: a collection of garbage may come between.
    assert min(seconds_of(give_up) for _ in range(3)) < whole / 5


def seconds_of(work: Callable[[], None]) -> float:
    started = time.thread_time()
    work()
    return time.thread_time() - started
