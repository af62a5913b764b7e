"""The structural hash: copies are equal, every difference shows, and it knows nothing of Pod."""

from __future__ import annotations

import ast
import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pod
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pod.bench import verify
from pod.bench.verify import compare, state_of

ATOMS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.binary()
)  # fmt: skip
KEYS = st.text() | st.integers() | st.tuples(st.integers(), st.text())
VALUES = st.recursive(
    ATOMS | st.frozensets(st.integers() | st.text()),
    lambda inner: (
        st.lists(inner) | st.dictionaries(KEYS, inner) | st.tuples(inner, inner)
        | st.sets(st.integers() | st.text())
    ),
    max_leaves=20,
)  # fmt: skip


def digest(value: Any) -> str:
    return state_of({"x": value}).digests["x"]


def written(value: Any) -> Any:
    """What the hash is of, as plain text: types and order too."""
    if isinstance(value, dict):
        return "dict", [(written(k), written(v)) for k, v in value.items()]
    if isinstance(value, (set, frozenset)):
        return type(value).__name__, sorted(map(repr, map(written, value)))
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [written(each) for each in value]
    return type(value).__name__, repr(value)


@given(VALUES)
@settings(max_examples=150)
def test_a_copy_has_the_same_hash(value: Any) -> None:
    assert digest(pickle.loads(pickle.dumps(value))) == digest(value)


@given(VALUES, VALUES)
@settings(max_examples=300)
def test_different_values_have_different_hashes(a: Any, b: Any) -> None:
    assert (digest(a) == digest(b)) == (written(a) == written(b))


class Node:
    def __init__(self, value: Any) -> None:
        self.value = value


class Slotted:
    __slots__ = ("a", "b")


def test_instances_differ_by_what_they_hold() -> None:
    a, b = Slotted(), Slotted()
    a.a, b.a = 1, 2
    values = [Node(1), Node(2), Node([1]), a, b, Slotted(), type("Node", (), {})()]
    assert len({digest(value) for value in values}) == len(values)
    assert digest(copy.deepcopy(values)) == digest(values)


def test_sharing_and_cycles_inside_a_variable_are_part_of_it() -> None:
    shared: list[int] = [1]
    assert digest([shared, shared]) != digest([[1], [1]])
    cycle: list[Any] = [1]
    cycle.append(cycle)
    assert digest(cycle) == digest(copy.deepcopy(cycle)) != digest([1, [1, [1]]])
    deep: list[Any] = []
    for _ in range(20_000):
        deep = [deep]
    assert digest(deep) != digest([deep])


def test_sharing_between_variables_is_noticed_and_its_loss_too() -> None:
    shared = [1]
    then = state_of({"a": [shared], "b": {"k": shared}, "c": [[1]]})
    assert then.shared == {("a", "b")}
    now = state_of({"a": [[1]], "b": {"k": [1]}, "c": [[1]]})
    assert compare(then, now, "abc").unshared == ("a", "b")
    assert compare(then, now, "ac").unshared == ()
    gone = compare(then, state_of({"a": [[2]]}), "ab")
    assert (gone.wrong, gone.missing, gone.compared) == (("a",), ("b",), 2)
    memory = np.zeros(4)
    assert state_of({"a": memory, "b": memory[1:]}).shared == {("a", "b")}


FRAME = pd.DataFrame({"a": [1.5, None], "b": ["x", "y"], "c": pd.Categorical(["u", "v"])})


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (np.arange(3), np.arange(3.0)),
        (np.arange(6).reshape(2, 3), np.arange(6).reshape(3, 2)),
        (np.array([0.0]), np.array([-0.0])),
        (np.array(["a", None], dtype=object), np.array(["a", "b"], dtype=object)),
        (np.float32(1), np.float64(1)),
        (FRAME, FRAME.rename(columns={"a": "A"})),
        (FRAME, FRAME.iloc[::-1]),
        (FRAME, FRAME.assign(c=["u", "v"])),
        (FRAME, FRAME.set_index("b")),
        (FRAME["a"], FRAME["a"].fillna(0)),
        (pd.array([1, None], dtype="Int64"), pd.array([1, 2], dtype="Int64")),
        (pd.date_range("2020", periods=3), pd.date_range("2021", periods=3)),
        (lambda x: x + 1, lambda x: x + 2),
    ],
)
def test_arrays_frames_and_functions(value: Any, other: Any) -> None:
    assert digest(copy.deepcopy(value)) == digest(value) != digest(other)


def test_what_nobody_can_look_into_has_only_to_be_there() -> None:
    then = state_of({"g": (n for n in range(3))})
    assert then.digests["g"] == ""
    assert compare(then, state_of({"g": "a placeholder"}), "g").wrong == ()
    assert compare(then, state_of({}), "g").missing == ("g",)


def test_looking_changes_nothing() -> None:
    namespace = pod.new_managed_namespace(df=FRAME.copy(), x=[1, {2: 3}])
    before = pickle.dumps(dict(dict.items(namespace)))
    state_of(dict(dict.items(namespace)))
    assert pickle.dumps(dict(dict.items(namespace))) == before


def test_it_imports_nothing_of_pod() -> None:
    tree = ast.parse(Path(verify.__file__).read_bytes())
    imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not [name for name in imported if name and name.split(".")[0] == "pod"]
