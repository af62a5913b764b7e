"""The types of the objects in an array, read from memory, are those that Python tells."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pod.tracking import kinds


class Text(str):
    pass


OBJECTS: list[Any] = [
    None, True, 3, 1 << 80, 0.5, "a", "é" * 9, Text("t"), b"b", (), [], {}, np.float64(1), np, int,
]  # fmt: skip


def told(array: Any) -> frozenset[int]:
    return frozenset(id(type(each)) for each in array.flat)


def test_memory_is_as_expected_here() -> None:
    assert kinds._is_as_expected() == getattr(sys, "_is_gil_enabled", lambda: True)()


@given(
    st.lists(st.sampled_from(OBJECTS), min_size=1, max_size=40),
    st.sampled_from([1, 2, 3, -1]),
    st.booleans(),
)
def test_any_objects_in_any_order_of_memory(found: list[Any], step: int, turned: bool) -> None:
    array = np.empty((len(found), 3), dtype=object)
    for row, each in enumerate(found):
        array[row] = [each, found[0], found[-1]]
    array = array.T if turned else array
    array = array[..., ::step] if step > 0 else array[::step]
    if array.size:
        assert kinds._read(array) == told(array)


def test_what_is_not_there_yet_is_none() -> None:
    array = np.empty(5000, dtype=object)
    assert kinds.types_in(array) == {id(type(None))}
    array[17] = "text"
    assert kinds.types_in(array) == {id(type(None)), id(str)}


@pytest.mark.parametrize("count", [60, 70])
def test_many_types(count: int) -> None:
    classes = [type(f"Kind{n}", (), {}) for n in range(count)]
    array = np.empty(5000, dtype=object)
    for n in range(5000):
        array[n] = classes[n % count]()
    assert kinds.types_in(array) == set(map(id, classes))


def test_another_thread_at_work_has_the_objects_looked_at_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(array: Any) -> None:
        raise AssertionError("memory was read that another thread may alter")

    array = np.array(["text", 1.5] * 3000, dtype=object)
    monkeypatch.setattr(kinds, "_is_as_expected", lambda: True)
    monkeypatch.setattr(kinds, "_read", fail)
    stop, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        while not stop.is_set():
            array[0] = "other"

    thread = threading.Thread(target=work)
    thread.start()
    try:
        begun.wait()
        assert kinds.types_in(array) == {id(str), id(float)}
    finally:
        stop.set()
        thread.join()
