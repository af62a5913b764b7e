"""Examinations that look ahead against ones that do not: the same pods, to the byte."""

from __future__ import annotations

import datetime
import gc
import math
import os
import random
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pod.podding import plain
from pod.podding.definitions import Tokens
from pod.podding.examination import Examination
from pod.podding.pods import Component
from pod.podding.policies import POLICIES, Policy, make_policy
from support.graphs import NAMES, Node, Slotted, change

SCALE = int(os.environ.get("POD_TEST_SCALE", "1"))

SHARED = ["shared", "".join(["sha", "red"]), "x" * 300, "é" * 200, b"b" * 150, 2**4000, 7]


def leaf(rng: random.Random) -> Any:
    kind = rng.randrange(12)
    if kind == 0:
        return rng.choice([math.nan, np.nan, float("nan")]) if rng.random() < 0.2 else 0.5
    if kind == 1:
        return rng.choice([None, True, 1j, datetime.date(2020, 1, 2), int, len, range(3), Ellipsis])
    if kind == 2:
        return "".join(rng.choices("abcé", k=rng.choice([1, 3, 300])))
    if kind < 6:
        return rng.choice(SHARED)
    return rng.choice([0, 1, -5, 2.5, "s", b"", None, False])


class Maker:
    """Makes containers in containers, of everything made before, too."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.made: list[Any] = []

    def value(self, depth: int) -> Any:
        rng = self.rng
        if depth == 0 or rng.random() < 0.3:
            return rng.choice(self.made) if self.made and rng.random() < 0.12 else leaf(rng)
        made = self.container(depth - 1)
        self.made.append(made)
        return made

    def values(self, depth: int) -> Iterator[Any]:
        count = self.rng.choice([0, 1, 2, 3, 5, 40])
        return (self.value(depth if count < 40 else 0) for _ in range(count))

    def container(self, depth: int) -> Any:
        rng = self.rng
        kind = rng.randrange(22)
        if kind < 7:
            made = list(self.values(depth))
            if rng.random() < 0.05:
                made.append(made)
            return made
        if kind < 12:
            return {self.key(): each for each in self.values(depth)}
        if kind < 16:
            return tuple(self.values(depth))
        if kind == 16:
            return {self.key() for _ in range(rng.randrange(5))}
        if kind == 17:
            return frozenset(self.key() for _ in range(rng.randrange(5)))
        if kind == 18:
            return bytearray(rng.choice([0, 10, 2000]))
        if kind == 19:
            return [f"{rng.random()}" for _ in range(rng.choice([5, 200]))]
        if kind == 20 or rng.random() < 0.7:
            return [[rng.random(), rng.random()] for _ in range(rng.choice([5, 60]))]
        node = rng.choice([Node, Slotted])()
        setattr(node, "links" if isinstance(node, Node) else "left", list(self.values(depth)))
        return rng.choice([node, OrderedDict(a=node), deque([1]), defaultdict(list, {1: [2]})])

    def key(self) -> Any:
        rng = self.rng
        plain = rng.choice([rng.randrange(9), f"k{rng.randrange(9)}", "shared", 0.5, None, b"k"])
        if rng.random() < 0.8:
            return plain
        return rng.choice([(plain, 1), (plain, (2, (3,))), frozenset({plain}), math.nan, (np.nan,)])


def nested(depth: int) -> Any:
    made: Any = (1,)
    for _ in range(depth):
        made = (made, 2)
    return made


class Sides:
    """Two examiners of one namespace, one of which looks ahead."""

    def __init__(self, policy: str) -> None:
        self.policies: tuple[Policy, Policy] = (make_policy(policy), make_policy(policy))
        self.tokens = Tokens(), Tokens()
        self.before: dict[str, Any] = {}

    def compare(self, namespace: dict[str, Any], t: int) -> None:
        roots = {name: value for name, value in namespace.items() if type(name) is str}
        rebound = {name for name in roots if self.before.get(name, self) is not roots[name]}
        found = []
        owners = []
        reached = containers(roots.values())
        for looks in (True, False):
            policy = self.policies[looks]
            examination = Examination(namespace, self.tokens[looks], policy, t)
            examination._looks = looks  # type: ignore[misc]
            examination.examine(roots, {}, rebound)
            owners.append([examination.has_met(each) for each in reached])
            indexes = {}
            for each in reached:
                pod = examination.owner.get(id(each))
                if pod is not None and getattr(pod, "number", -1) >= 0:
                    indexes[id(each)] = pod.number, pod.index_of(each)  # type: ignore[union-attr]
            owners.append([indexes])  # type: ignore[list-item]
            components = examination.components()
            for component in components:
                for pod in component.pods:
                    policy.observe(pod.place, hash(bytes(pod.payload)))
            found.append([described(component) for component in components])
        assert found[0] == found[1]
        assert owners[:2] == owners[2:]
        self.before = roots


def described(component: Component) -> Any:
    return (
        [
            (bytes(pod.payload), [bytes(b) for b in pod.buffers], pod.slots, pod.modules, pod.place)
            for pod in component.pods
        ],
        dict(component.names),
        dict(component.definitions),
    )


def containers(roots: Any) -> list[Any]:
    """Every builtin container within reach, by way of builtin containers."""
    found: dict[int, Any] = {}
    todo = list(roots)
    while todo:
        each = todo.pop()
        if type(each) in plain._PLAIN - plain._ATOMS and id(each) not in found:
            found[id(each)] = each
            todo += [*each, *each.values()] if type(each) is dict else list(each)
    return list(found.values())


@pytest.mark.parametrize("policy", POLICIES)
@settings(
    max_examples=60 * SCALE,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
    print_blob=True,
)
@given(seed=st.integers(0, 2**48))
def test_looking_ahead_makes_no_difference(policy: str, seed: int) -> None:
    rng = random.Random(seed)
    maker = Maker(rng)
    sides = Sides(policy)
    namespace: dict[str, Any] = {}
    for t in range(1, 5):
        for name in NAMES:
            if rng.random() < 0.4:
                namespace[name] = maker.value(rng.choice([1, 2, 3, 4]))
                if rng.random() < 0.1:
                    namespace[name] = [namespace, nested(rng.randrange(9)), namespace[name]]
        for _ in range(rng.randrange(4)):
            change(rng, namespace)
        sides.compare(namespace, t)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_change_deep_inside_is_seen_by_both(policy: str) -> None:
    rows: list[Any] = [{"n": number, "t": [f"{number}", (number, [])]} for number in range(300)]
    namespace = {"rows": rows, "a": rows[5], "z": rows[7]["t"]}
    sides = Sides(policy)
    sides.compare(namespace, 1)
    rows[9]["t"].append(rows[3])
    rows[8]["t"][1][1].append(rows)
    sides.compare(namespace, 2)
    rows[100]["n"] = math.nan
    sides.compare(namespace, 3)


def written_ahead(monkeypatch: pytest.MonkeyPatch, value: Any, policy: str = "lga") -> bool:
    """Whether the pod of a value was written without asking for each object."""
    seen = []
    dump = plain.PlainPickler.dump
    monkeypatch.setattr(
        plain.PlainPickler, "dump", lambda self, obj: (dump(self, obj), seen.append(obj))[0]
    )
    examination = Examination({}, Tokens(), make_policy(policy), 1)
    examination.examine({"value": value})
    return any(obj is value for obj in seen)


@pytest.mark.parametrize(
    "value",
    [
        [], [1, "a", 0.5, None], [[1], [2]], {"a": {"b": ["c"]}}, {1: {(1, "a"): {2}}},
        [(1, 2)] * 3, ([], {}), {frozenset({1}), (2,)}, [bytearray(b"x")], [float("nan")],
    ],
)  # fmt: skip
def test_plain_containers_are_written_ahead(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    assert written_ahead(monkeypatch, value)


@pytest.mark.parametrize(
    "value",
    [
        [math.nan], {np.nan: 1}, [(math.nan,)], [{"k": np.nan}], [1j], [Node()], [int], [gc],
        [datetime.date(2020, 1, 1)], [[0] * 1000], [bytearray(5000)], [{"k": "x" * 5000}],
        [True, np.bool_(True)], [type("List", (list,), {})()],
    ],
)  # fmt: skip
def test_what_needs_to_be_asked_about_is_not(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    assert not written_ahead(monkeypatch, value)


def test_what_another_variable_has_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    shared: list[int] = []
    examination = Examination({}, Tokens(), make_policy("lga"), 1)
    examination.examine({"a": [shared], "b": {"k": shared}, "c": [[1], [2]]})
    assert [len(c.pods) for c in examination.components()] == [2, 1]


def test_something_put_in_since_the_look_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    value: list[Any] = [[1], [2]]
    is_plain = plain.Look.is_plain

    def put_in(self: plain.Look, root: Any) -> bool:
        answer = is_plain(self, root)
        if root is value:
            value.append(Node())
        return answer

    expected = Examination({}, Tokens(), make_policy("lga"), 1)
    expected.examine({"value": [[1], [2], Node()]})
    monkeypatch.setattr(plain.Look, "is_plain", put_in)
    examination = Examination({}, Tokens(), make_policy("lga"), 1)
    examination.examine({"value": value})
    assert described(examination.components()[0]) == described(expected.components()[0])
