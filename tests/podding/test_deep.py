"""What is nested deeper than a pickler can recurse."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pod
import pytest
from pod.podding import deep

LEVELS = 20_000


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with pod.open(tmp_path / "pods") as opened:
        yield opened


class Node:
    def __init__(self, value: int, after: Node | None) -> None:
        self.value = value
        self.after = after
        self.before: Node | None = None


class Slotted:
    __slots__ = ("after", "before", "value")
    __init__ = Node.__init__


class Reduced(Node):
    def __reduce__(self) -> Any:
        return Reduced, (self.value, self.after), {"before": None}


def chain(kind: Any, levels: int, doubly: bool = False) -> Any:
    head = None
    for value in range(levels):
        head, after = kind(value, head), head
        if doubly and after is not None:
            after.before = head
    return head


def nested(levels: int, around: Callable[[Any], Any]) -> Any:
    inner: Any = []
    for _ in range(levels):
        inner = around(inner)
    return inner


def depth(outer: Any, inside: Callable[[Any], Any]) -> int:
    levels = 0
    while outer != []:
        outer, levels = inside(outer), levels + 1
    return levels


@pytest.mark.parametrize(
    ("around", "inside"),
    [
        (lambda x: [x], lambda x: x[0]),
        (lambda x: (x,), lambda x: x[0]),
        (lambda x: (1, [], "s", x, 2), lambda x: x[3]),
        (lambda x: {"k": x, 1: {2}}, lambda x: x["k"]),
        (lambda x: [1, frozenset({3}), x, bytearray(b"b")], lambda x: x[2]),
    ],
    ids=["lists", "tuples", "long tuples", "dicts", "mixed"],
)
def test_nested_containers(store: pod.PodStore, around: Any, inside: Any) -> None:
    t = store.save({"deep": nested(LEVELS, around), "other": 1})
    assert depth(store.load(t)["deep"], inside) == LEVELS
    assert store.history.variables(store.history.commit(t))["deep"].opaque == ()


@pytest.mark.parametrize("kind", [Node, Slotted, Reduced])
def test_linked_lists(store: pod.PodStore, kind: Any) -> None:
    doubly = kind is not Reduced
    namespace = pod.new_managed_namespace(deep=chain(kind, LEVELS, doubly), x=1)
    namespace["inside"] = namespace["deep"].after.after
    loaded = store.load(store.save(namespace))
    assert loaded["inside"] is loaded["deep"].after.after
    node, value = loaded["deep"], LEVELS
    while node is not None:
        value -= 1
        assert type(node) is kind and node.value == value
        assert not doubly or node.after is None or node.after.before is node
        node = node.after
    assert value == 0
    assert namespace["deep"].value == LEVELS - 1
    assert store.history.commit(store.save(namespace)).changed == ()
    namespace["inside"].value = "changed"
    assert store.history.commit(store.save(namespace)).changed == ("deep", "inside")


def test_functions_in_functions(store: pod.PodStore) -> None:
    def around(inner: Any) -> Any:
        return lambda: inner

    outer = store.load(store.save({"deep": nested(3000, around)}))["deep"]
    for _ in range(3000):
        outer = outer()
    assert outer == []


def test_what_cannot_be_saved_in_it_is_told_where_it_is(store: pod.PodStore) -> None:
    class Endless:
        def __reduce__(self) -> Any:
            return self.__reduce__()

    inner = [Endless(), (i for i in ())]
    for _ in range(LEVELS):
        inner = [inner, "kept"]
    outer = store.load(store.save({"deep": inner}))["deep"]
    for _ in range(LEVELS):
        outer, kept = outer
        assert kept == "kept"
    assert "RecursionError" in repr(outer[0]) and "generator" in repr(outer[1])


def test_what_has_no_end_is_given_up(store: pod.PodStore, monkeypatch: pytest.MonkeyPatch) -> None:
    class Growing:
        def __init__(self, inner: Any = None) -> None:
            self.inner = inner

        def __reduce__(self) -> Any:
            return Growing, (Growing(self),)

    monkeypatch.setattr(deep, "DEEPEST", 10_000)
    t = store.save({"growing": [Growing()], "fine": [1]})
    loaded = store.load(t)
    assert loaded["fine"] == [1] and "10,000 levels" in repr(loaded["growing"])


def test_the_recursion_limit_is_left_alone(store: pod.PodStore) -> None:
    before = sys.getrecursionlimit()
    store.save({"deep": nested(LEVELS, lambda x: [x])})
    assert sys.getrecursionlimit() == before


class Plain(deep.DeepPickler):
    """Of nothing but what it inherits."""

    def persistent_id(self, obj: Any) -> None:
        return None

    def reducer_override(self, obj: Any) -> Any:
        return NotImplemented if isinstance(obj, type) or callable(obj) else obj.__reduce_ex__(5)


SHARED: list[Any] = [1]


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -1, 2**100, 1.5, "text", "t" * 300, b"", b"b" * 70_000, bytearray(b"ba"),
        (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], [1], list(range(2500)), {}, {1: 2},
        dict.fromkeys(range(2500)), set(), set(range(2500)), frozenset({1, 2}), int, len,
        [SHARED, SHARED], ["same", "same", ("a", "b")], 1j, range(3), slice(1, 2), Ellipsis,
    ],
    ids=lambda value: f"{type(value).__name__}-{str(value)[:9]}",
)  # fmt: skip
def test_it_writes_what_the_c_pickler_writes(value: Any) -> None:
    ours, theirs = io.BytesIO(), io.BytesIO()
    Plain(ours, 5).dump(value)
    pickle.Pickler(theirs, 5).dump(value)
    assert pickle.loads(ours.getvalue()) == pickle.loads(theirs.getvalue()) == value
    in_ours, in_theirs = pickle.Unpickler(io.BytesIO(ours.getvalue())), pickle.Unpickler(theirs)
    theirs.seek(0)
    in_ours.load()
    in_theirs.load()
    assert in_ours.memo.copy().keys() == in_theirs.memo.copy().keys()


def test_cycles_through_tuples_and_frozen_sets() -> None:
    class Key:
        def __init__(self) -> None:
            self.inside: Any = None

    Key.__module__, Key.__qualname__ = __name__, "Node"
    inner: list[Any] = []
    outer = (inner, 1, 2, 3, 4)
    short = (inner,)
    inner += [outer, short]
    written = io.BytesIO()
    Plain(written, 5).dump(outer)
    loaded = pickle.loads(written.getvalue())
    assert loaded[0][0] is loaded and loaded[0][1][0] is loaded[0]
