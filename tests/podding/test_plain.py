"""Examinations that look ahead against ones that do not: the same pods, to the byte."""

from __future__ import annotations

import abc
import dataclasses
import datetime
import decimal
import enum
import gc
import math
import operator
import os
import pathlib
import random
import tempfile
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Iterator
from typing import Any, Generic, NamedTuple, TypeVar
from unittest import mock

import numpy as np
import pod
import pytest
from pod.podding import pickler, plain, reducers
from pod.podding.definitions import Tokens
from pod.podding.examination import Examination
from pod.podding.pods import Component
from pod.podding.policies import POLICIES, Policy, make_policy
from support.graphs import NAMES, Failure, Node, Slotted, change
from support.seeds import by_seed

T = TypeVar("T")
SCALE = int(os.environ.get("POD_TEST_SCALE", "1"))

SHARED = ["shared", "".join(["sha", "red"]), "x" * 300, "é" * 200, b"b" * 150, 2**4000, 7]


@dataclasses.dataclass
class Record:
    """What notebooks are full of."""

    number: Any
    name: Any
    inner: Any = None


@dataclasses.dataclass(slots=True)
class Packed:
    number: Any
    inner: Any = None


Pair = namedtuple("Pair", "left right")
SessionPair = namedtuple("SessionPair", "left right", module="__main__")


class Titled(Pair):
    """A named tuple with more to it."""


class Couple(NamedTuple):
    left: Any
    right: Any = 1


class Keeper:
    """Says itself what it is made of."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getstate__(self) -> Any:
        return {"inner": [self.inner]}

    def __setstate__(self, state: Any) -> None:
        (self.inner,) = state["inner"]


class Shop(Generic[T], abc.ABC):
    kind: Any = None


class Color(enum.Enum):
    RED = "red"
    DEEP = (1, (2,))


class Bits(enum.Flag):
    ONE = 1
    TWO = 2


Session = type("Session", (), {"__module__": "__main__", "__init__": lambda self: None})
SessionShop = abc.ABCMeta("SessionShop", (), {"__module__": "__main__"})

LEAVES = [
    1j, datetime.date(2020, 1, 2), datetime.timedelta(3), datetime.datetime(2020, 1, 2),
    datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC), decimal.Decimal("1.50"), Color.RED,
    Color.DEEP, np.float64(1.5), np.int8(3), np.bool_(True), np.str_("s" * 2000), Bits.ONE,
    Bits.ONE | Bits.TWO, np.float32("nan"), uuid.UUID(int=5), pathlib.PurePosixPath("a/b"),
    zoneinfo.ZoneInfo("UTC"), datetime.datetime(2020, 1, 2, tzinfo=zoneinfo.ZoneInfo("UTC")),
    np.datetime64("2020-01-01"), np.dtype("f8"), int, len, Record, Session, SessionShop, Shop,
    operator.itemgetter(1), range(3), slice(1, 2), Ellipsis,
]  # fmt: skip


def leaf(rng: random.Random) -> Any:
    kind = rng.randrange(13)
    if kind == 12:
        return rng.choice(LEAVES[: rng.choice([5, 11, len(LEAVES)])])
    if kind == 0:
        return rng.choice([math.nan, np.nan, float("nan")]) if rng.random() < 0.2 else 0.5
    if kind == 1:
        return rng.choice([None, True, 0.25, 7])
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
        if kind == 20 and rng.random() < 0.7:
            return [[rng.random(), rng.random()] for _ in range(rng.choice([5, 60]))]
        if rng.random() < 0.7:
            return self.instance(depth) if rng.random() < 0.6 else self.holder(depth)
        node = rng.choice([Node, Slotted])()
        setattr(node, "links" if isinstance(node, Node) else "left", list(self.values(depth)))
        return rng.choice([node, OrderedDict(a=node), self.holder(depth)])

    def holder(self, depth: int) -> Any:
        rng = self.rng
        values = list(self.values(depth))
        kind = rng.randrange(9)
        if kind == 0:
            return deque(values, rng.choice([None, 100]))
        if kind == 1:
            return defaultdict(rng.choice([None, list, Record]), enumerate(values))
        if kind == 2:
            return OrderedDict({self.key(): value for value in values})
        if kind == 3:
            return Counter([self.key() for _ in values] * rng.choice([1, 30]))
        if kind == 4:
            counter: Any = Counter(a=values)  # type: ignore[dict-item]
            counter.more = values
            return counter
        if kind == 5:
            return [Pair(number, [values]) for number in range(rng.choice([1, 20]))]
        if kind == 6:
            return SessionPair(rng.choice([1, "x" * 2000]), values)
        if kind == 7:
            return Titled("name", values)
        return Couple(values, (1, 2))

    def instance(self, depth: int) -> Any:
        rng = self.rng
        value = self.value(max(depth - 1, 0))
        made: Any = rng.choice([Record, Packed])(rng.randrange(5), value)
        kind = rng.randrange(14)
        if kind < 5:
            made.inner = self.value(max(depth - 1, 0))
        elif kind < 8:
            made = rng.choice([Session, SessionShop, Shop[int], Node])()
            made.kind = made if rng.random() < 0.1 else value
        elif kind == 8:
            made = [Record(number, f"{number}", [number]) for number in range(30)]
        elif kind == 9:
            made = [Packed(number, Record(number, "name")) for number in range(30)]
        elif kind == 10:
            made = Keeper(value)
        elif kind == 11:
            made = [vars(made), made] if type(made) is Record else made
        elif kind == 12:
            made = Record("x" * 700, "y" * 700, value)
        return made

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
            examination.looks_ahead = looks  # type: ignore[misc]
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
    """Every builtin container within reach, and our own instances, by way of them."""
    found: dict[int, Any] = {}
    todo = list(roots)
    while todo:
        each = todo.pop()
        kind = type(each)
        if id(each) in found or isinstance(each, type):
            continue
        if kind in plain.PLAIN - plain._ATOMS:
            found[id(each)] = each
            todo += [*each, *each.values()] if kind is dict else list(each)
        elif kind in (deque, defaultdict, OrderedDict, Pair, SessionPair, Couple):
            found[id(each)] = each
            todo += each.values() if isinstance(each, dict) else each
        elif kind.__module__ in (__name__, "__main__", Node.__module__):
            found[id(each)] = each
            todo += [getattr(each, name, None) for name in ("inner", "kind", "links", "left")]
    return list(found.values())


@pytest.mark.long
@pytest.mark.parametrize("policy", POLICIES)
@by_seed(60 * SCALE)
def test_looking_ahead_makes_no_difference(policy: str, seed: int) -> None:
    rng = random.Random(seed)
    # Names of attributes are another matter from some number of objects on.
    with mock.patch.object(pickler, "NAMED", rng.choice([0, 1, 5, pickler.NAMED])):
        compare_some(rng, policy)


def compare_some(rng: random.Random, policy: str) -> None:
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
    for kind in (pickler.PlainPickler, pickler.QuietPodPickler):
        dump = kind.dump
        monkeypatch.setattr(
            kind, "dump", lambda self, obj, dump=dump: (dump(self, obj), seen.append(obj))[0]
        )
    examination = Examination({}, Tokens(), make_policy(policy), 1)
    examination.examine({"value": value})
    return any(obj is value for obj in seen)


@pytest.mark.parametrize(
    "value",
    [
        [], [1, "a", 0.5, None], [[1], [2]], {"a": {"b": ["c"]}}, {1: {(1, "a"): {2}}},
        [(1, 2)] * 3, ([], {}), {frozenset({1}), (2,)}, [bytearray(b"x")], [float("nan")],
        [Node()], [Slotted()], Node(), [Record(1, "a", [Packed(2)])], [int], [Session(), Shop()],
        [(1, Color.RED)], [math.nan], {np.nan: 1}, [(math.nan,)], [{"k": np.nan}],
        [Counter("ab")], [OrderedDict(a=[])], [deque([[]])], defaultdict(list, {1: []}),
        [Pair(1, [])], [Couple(1)], [SessionPair(1, {})], *([leaf] for leaf in LEAVES[:11]),
    ],
)  # fmt: skip
def test_ordinary_objects_are_written_ahead(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    assert written_ahead(monkeypatch, value)


class Incomparable:
    def __init__(self) -> None:
        self.number = 0.5

    def __eq__(self, other: object) -> bool:
        raise TypeError("with nothing")

    __hash__ = object.__hash__


@pytest.mark.parametrize("value", [[0.5, Incomparable()], {"a": {"k": Incomparable(), "n": 1.5}}])
def test_nothing_is_compared_with_what_it_holds(
    monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    assert written_ahead(monkeypatch, value)


@pytest.mark.parametrize(
    "value",
    [
        [gc], [Record(1, gc)], [vars(Record(1, gc))], [{1: gc, "a": 1}],
        [vars(Record(1, {2: [Keeper(1)]}))],
        [vars(Record(1, gc)), {number: number for number in range(9)}],
        [[0] * 1000], [bytearray(5000)], [{"k": "x" * 5000}], [Record(1, "x" * 5000)],
        [Packed("x" * 5000)], [type("List", (list,), {})()], [np.zeros(3)], [Keeper(1)],
        [Titled(1, 2)], [Pair(1, "x" * 5000)], Counter(map(str, range(500))),
        [defaultdict(lambda: 0)], [deque(range(500))], Packed("x" * 5000),
        [Failure(1, detail=1)], [Bits.ONE], [lambda: 0], [iter([])],
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
    is_ordinary = plain.Look.is_ordinary
    for make in (lambda: [[1], [2]], lambda: [Record(1, "a"), [2]]):
        value: list[Any] = make()

        def put_in(self: plain.Look, root: Any, value: list[Any] = value) -> bool:
            answer = is_ordinary(self, root)
            if root is value:
                value.append(Keeper([1]))
            return answer

        expected = Examination({}, Tokens(), make_policy("lga"), 1)
        expected.examine({"value": [*make(), Keeper([1])]})
        with monkeypatch.context() as patched:
            patched.setattr(plain.Look, "is_ordinary", put_in)
            examination = Examination({}, Tokens(), make_policy("lga"), 1)
            examination.examine({"value": value})
        assert described(examination.components()[0]) == described(expected.components()[0])


@pytest.mark.parametrize("value", [math.nan, 1, "text", None, b"bytes", True])
def test_the_interpreter_tells_of_atoms_in_containers_and_slots(value: Any) -> None:
    holders = (
        [value], (value,), {value}, frozenset({value}), Packed(value), {1: value}, {"k": value},
        {value: 1, 2: 2},
    )  # fmt: skip
    for holder in holders:
        assert any(each is value for each in gc.get_referents(holder)), holder


def test_a_reducer_that_was_registered_is_asked_about_each(monkeypatch: pytest.MonkeyPatch) -> None:
    def reduce(day: datetime.date) -> tuple[Any, ...]:
        return datetime.date, (day.year, day.month, day.day + 1)

    monkeypatch.setitem(reducers._by_type, datetime.date, reduce)
    days = [datetime.date(2020, 1, n) for n in range(1, 5)]
    with tempfile.TemporaryDirectory() as path, pod.open(path) as store:
        t = store.save({"days": days})
        assert store.load(t)["days"] == [datetime.date(2020, 1, n) for n in range(2, 6)]
