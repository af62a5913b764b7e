"""What `describe` says of a value, and what it does not do to find out."""

# ruff: noqa: RUF001 (the sign between dimensions)

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import threading
import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from pod.compare.describe import describe, short
from sklearn.linear_model import Ridge


class Colour(enum.Enum):
    RED = 1


Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Node:
    value: int


class Hostile:
    """Raises whatever one does with it."""

    def _raise(self, *_: object) -> None:
        raise AssertionError("the user's code was called")

    __repr__ = __str__ = __len__ = __eq__ = __hash__ = __bool__ = __iter__ = _raise  # type: ignore
    __getattr__ = _raise
    __class__ = property(_raise)  # type: ignore[assignment]
    shape = dtype = property(_raise)


class HostileList(list):
    __len__ = __repr__ = __iter__ = Hostile._raise  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ("NoneType", "None")),
        (True, ("bool", "True")),
        (7, ("int", "7")),
        (1 << 5000, ("int", "integer of 5,001 bits")),
        (0.93, ("float", "0.93")),
        ("text", ("str", "'text'")),
        (b"ab", ("bytes", "b'ab'")),
        ([1, 2, 3], ("list", "3 items")),
        ((1,), ("tuple", "1 item")),
        ({}, ("dict", "empty")),
        (collections.Counter("ab"), ("Counter", "2 items")),
        (Point(1, 2), ("Point", "2 items")),
        (Colour.RED, ("Colour", "Colour.RED")),
        (Node(1), ("Node", "")),
        (Node, ("type", "class Node")),
        (len, ("builtin_function_or_method", "len")),
        (time, ("module", "time")),
        (datetime.date(2024, 1, 2), ("date", "2024-01-02")),
        (decimal.Decimal("1.50"), ("Decimal", "1.50")),
        (Fraction(1, 3), ("Fraction", "1/3")),
        (np.float64(0.5), ("float64", "0.5")),
        (np.zeros((1000, 10)), ("ndarray", "float64 1,000 × 10")),
        (np.zeros(3, [("a", "i4"), ("b", "f8")]), ("ndarray", "2 fields 3")),
        (pd.DataFrame({"a": range(1000)}), ("DataFrame", "1,000 × 1")),
        (pd.Series([1.0, 2.0]), ("Series", "float64 2")),
        (pd.RangeIndex(5), ("RangeIndex", "int64 5")),
        (pd.Timestamp("2024-01-02"), ("Timestamp", "2024-01-02 00:00:00")),
        (scipy.sparse.eye(4, format="csr"), ("csr_matrix", "float64 4 × 4")),
        (Ridge(), ("Ridge", "")),
    ],
    ids=lambda each: each[0] if type(each) is tuple and each and type(each[0]) is str else "",
)
def test_a_value_is_described_by_its_type_and_size(
    value: object, expected: tuple[str, str]
) -> None:
    name, summary = describe(value)
    assert name == expected[0]
    assert summary == expected[1] or type(value).__module__.startswith("scipy")


def test_a_function_is_described_by_its_parameters() -> None:
    def train(model, data, *, rounds=3):  # type: ignore[no-untyped-def]
        return model, data, rounds

    assert describe(train) == ("function", "train(model, data, rounds)")


def test_a_long_text_is_cut_and_its_length_told() -> None:
    assert describe("0" * 1_000_000)[1] == f"'{'0' * 39}…' (1,000,000 characters)"
    assert short("it's " * 100) == '"' + ("it's " * 8)[:39] + '…"'


@pytest.mark.parametrize("make", [Hostile, lambda: HostileList([1, 2]), threading.Lock])
def test_no_code_of_the_users_runs(make: Callable[[], object]) -> None:
    value = make()
    name, summary = describe(value)
    assert name == type(value).__qualname__
    assert summary in ("", "2 items")
    assert short(value)


class Elsewhere(dict[str, int]):
    """A dict that keeps its items elsewhere, as SciPy's `dok_array`."""

    def __init__(self, items: dict[str, int]) -> None:
        self.kept = items

    def __len__(self) -> int:
        return len(self.kept)


def test_what_keeps_its_items_elsewhere_is_not_said_to_be_empty() -> None:
    assert describe(Elsewhere({"a": 1})) == ("Elsewhere", "")


def test_names_that_cannot_be_printed_are_escaped() -> None:
    assert describe(type("A\n", (), {})()) == ("A\\n", "")
    assert describe("\ud800\n")[1].isprintable()


def test_the_cost_does_not_follow_the_size() -> None:
    values = ["0" * 10_000_000, list(range(1_000_000)), np.zeros(10_000_000), 1 << 10_000_000]
    values += [pd.DataFrame({"a": np.zeros(1_000_000)}), {i: i for i in range(500_000)}]
    start = time.perf_counter()
    for _ in range(200):
        for value in values:
            describe(value)
    assert (time.perf_counter() - start) / (200 * len(values)) < 200e-6  # a few µs when at peace


def test_short_writes_small_containers_of_words_out() -> None:
    assert short([1, "a"]) == "[1, 'a']"
    assert short({"a": None}) == "{'a': None}"
    assert short([[1]]) == "list (1 item)"
    assert short(list(range(10))) == "list (10 items)"
    assert short(Node(1)) == "Node"
