"""How long a look is thought to take, and what is learned of it."""

from __future__ import annotations

import io
from array import array
from collections import OrderedDict, defaultdict
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pytest
from pod.session.effort import Effort, guess

LIMIT = 0.006


class Chart:
    pass


class Rows(list[Any]):
    def __iter__(self) -> NoReturn:
        raise AssertionError("no code of the object's is called")

    __len__ = __iter__  # type: ignore[assignment]


def exceeds(effort: Effort, **roots: Any) -> bool:
    return effort.exceeds(roots, set(roots), LIMIT)


@pytest.mark.parametrize(
    ("value", "long"),
    [
        ([1, 2, 3], False), ({"a": [1.0] * 1000}, False), ("x" * 1000, False), (Chart(), False),
        ([{"a": n} for n in range(100_000)], True), (np.zeros(10), False),
        (np.zeros(10_000_000), True), (pd.DataFrame({"a": np.zeros(10_000_000)}), True),
        (pd.DataFrame({"a": ["x"] * 10}), False), (b"x" * 100_000_000, True),
        (defaultdict(list, {n: [n] * 100 for n in range(1000)}), True),
        (Rows([n] for n in range(100_000)), True), (Rows([1]), False),
        (array("d", range(1_000_000)), True), (io.BytesIO(b"x" * 10_000_000), True),
        (io.StringIO("x" * 10_000_000), True), (memoryview(bytes(10_000_000)), True),
        (pd.date_range("2000", periods=2_000_000, freq="s"), True),
        (pd.Categorical(["a"] * 10), False), (OrderedDict(a=[1]), False),
    ],
)  # fmt: skip
def test_a_new_object_is_guessed_at(value: Any, long: bool) -> None:
    assert (guess(value) > LIMIT) == long
    assert exceeds(Effort(), value=value) == long


def test_many_small_variables_take_long_together() -> None:
    roots = {f"v{n}": n for n in range(10_000)}
    assert exceeds(Effort(), **roots)
    assert not exceeds(Effort(), **dict(list(roots.items())[:100]))


def test_what_a_variable_took_is_what_it_will_take() -> None:
    effort = Effort()
    effort.note({"x": 900, "y": 100}, {"list"}, 0.02)
    assert effort.exceeds({"x": []}, set(), LIMIT)
    assert not effort.exceeds({"y": []}, set(), LIMIT)
    effort.note({"x": 900}, {"list"}, 0.001)
    assert not effort.exceeds({"x": []}, set(), LIMIT)


def test_a_type_that_was_guessed_wrong_is_not_tried_again_until_it_is_known_to_be_short() -> None:
    effort = Effort()
    roots = {"chart": Chart(), "rows": [1], "array": np.zeros(3), "old": Chart()}
    effort.note_too_long(roots, {"chart", "rows", "array"})
    assert exceeds(effort, other=Chart())
    assert not exceeds(effort, rows=[2], array=np.zeros(2))
    effort.note({"chart": 10}, {"Chart"}, 0.5)
    assert exceeds(effort, other=Chart())
    effort.note({"chart": 10}, {"Chart"}, 0.001)
    assert not exceeds(effort, other=Chart())
