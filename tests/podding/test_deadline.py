"""An examination that takes longer than it may is given up in time, whatever it is at."""

from __future__ import annotations

import time
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
    def examine(deadline: float | None) -> float:
        names = {"value": value}
        started = time.thread_time()
        Examination(names, Tokens(), make_policy("lga"), 1, deadline=deadline).examine(
            names, {}, {"value"}
        )
        return time.thread_time() - started

    whole = examine(None)
    assert whole > WHOLE
    started = time.thread_time()
    with pytest.raises(TooLongError):
        examine(time.perf_counter() - 1)
    assert time.thread_time() - started < whole / 5
