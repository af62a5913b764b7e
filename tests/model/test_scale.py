"""Cost follows what a cell touched, never how much there is: counted, not timed."""

from __future__ import annotations

import gc
import random
import sys
import types
import weakref
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pod
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pod.history.moments import History
from pod.history.state import Objects, Places, Values, count_users, needed_definitions
from pod.jupyter.names import UserNames
from pod.podding.policies import make_policy
from pod.session import Cell, Session
from pod.session.names import ByName, Newcomers
from pod.store.repository import Repository
from pod.store.storage import Keys, LocalStorage
from pod.store.writer import Writer
from pod.tracking.namespace import NamespaceTracker
from support.memory_storage import MemoryStorage

FEW, MANY = 40, 8_000


def calls_of(work: Callable[[], object]) -> int:
    """How many Python functions are called, generators resumed included."""
    count = 0

    def profile(_: types.FrameType, event: str, __: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def steps_of(work: Callable[[], object]) -> int:
    """How many instructions of Python are run."""
    count = 0

    def trace(frame: types.FrameType, event: str, _: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
    return count


class Notebook:
    """A namespace with so many variables, saved once."""

    def __init__(self, directory: Path, names: int, **options: Any) -> None:
        self.store = pod.open(directory, background=False)
        self.namespace = pod.new_managed_namespace()
        for number in range(names):
            self.namespace[f"v{number}"] = [[number], number, Held(number)][number % 3]
        self.namespace["small"] = [1]
        exec("def double(x): return 2 * x", self.namespace)
        tracker = NamespaceTracker(self.namespace)
        self.session: Session = self.store.session(self.namespace, tracker, **options)
        self.run("double(1)")

    def run(self, code: str) -> None:
        exec(code, self.namespace)
        assert self.session.save(Cell(code=code)) is not None


class Held:
    """Can be referred to weakly."""

    def __init__(self, number: int) -> None:
        self.number = number


CELLS = [
    "small.append(1)", "small = [2]", "new = 5", "small.append(double(2))", "len(small)",
    "exec('def double(x): return 3 * x')", "small += [4]",
]  # fmt: skip


@pytest.mark.parametrize("count", [calls_of, steps_of])
@pytest.mark.parametrize("rule", ["library", "jupyter"])
def test_a_save_does_as_much_among_many_names_as_among_few(
    tmp_path: Path, count: Callable[[Callable[[], object]], int], rule: str
) -> None:
    found = {}
    for names in (FEW, MANY):
        options = {} if rule == "library" else {"versioned": UserNames({"small0": 1}, ["tmp_*"])}
        notebook = Notebook(tmp_path / str(names), names, **options)
        notebook.run("small.append(0)")
        found[names] = [count(partial(notebook.run, code)) for code in CELLS]
        notebook.store.close()
    # A table among many names has shards of as many entries as there are shards: the square root.
    spare = 400 if count is calls_of else 16_000  # a loop over the names would take 40,000
    for code, few, many in zip(CELLS, found[FEW], found[MANY], strict=True):
        assert many < few + spare, (code, few, many)


class Counting(LocalStorage):
    """Counts what is asked of a directory, and what is given in listings."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: Counter[str] = Counter()

    def get_range(self, key: str, start: int, length: int) -> bytes:
        self.asked["get_range"] += 1
        return super().get_range(key, start, length)

    def put_if_absent(self, key: str, data: bytes, *, durable: bool = True) -> bool:
        self.asked["put_if_absent"] += 1
        return super().put_if_absent(key, data, durable=durable)

    def list(self, prefix: str) -> Keys:
        keys = super().list(prefix)
        self.asked["list"] += 1
        self.asked["listed keys"] += len(keys)
        return keys


def test_a_save_asks_the_directory_as_much_after_many_commits_as_after_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pod.library.LocalStorage", Counting)
    monkeypatch.setattr("pod.store.listings.ASSUMED_SECONDS", 1e9)
    notebook = Notebook(tmp_path, 3)
    storage = notebook.store.history.repository.storage
    assert isinstance(storage, Counting)
    found, calls = {}, {}
    for commits in (20, 1_000):
        while notebook.session.head < commits:  # type: ignore[operator]
            notebook.run(f"small = [{notebook.session.head}]")
        notebook.store.history.repository.settle()
        notebook.run("small.append(0)")
        storage.asked.clear()
        calls[commits] = calls_of(lambda: notebook.run("small.append(1)"))
        found[commits] = dict(storage.asked)
    assert found[20] == found[1_000]
    assert abs(calls[1_000] - calls[20]) < 30
    notebook.store.close()


def test_commits_of_others_are_noticed_all_the_same(tmp_path: Path) -> None:
    first, second = (Notebook(tmp_path, 3) for _ in range(2))
    for number in range(30):
        for notebook in (first, second) if number % 3 else (second,):
            notebook.run(f"small = [{number}]")
            assert notebook.session.head == notebook.store.history.times()[-1]
            assert notebook.session.head == max(
                int(path.name) for path in (tmp_path / "commits").iterdir()
            )
    first.store.close()
    second.store.close()


# --- which object each variable has


class Slotted:
    __slots__ = ()


MAKE: list[Callable[[], Any]] = [
    lambda: Held(1), list, lambda: None, lambda: 7, lambda: 10**30, Slotted, dict,
    lambda: Held,
]  # fmt: skip


@settings(max_examples=300)
@given(seed=st.integers(0, 2**48))
def test_changes_are_those_that_comparing_every_object_finds(seed: int) -> None:
    rng = random.Random(seed)
    space: dict[str, Any] = {}
    # The twin knows objects by a reference, or by keeping them.
    known: dict[str, Callable[[], Any]] = {}
    objects = Objects()
    for _ in range(12):
        for _ in range(rng.randrange(4)):
            name = rng.choice("abcdef")
            kind = rng.randrange(5)
            if kind == 0:
                space.pop(name, None)
            elif kind == 1 and space:
                space[name] = space[rng.choice(list(space))]
            else:
                space.pop(name, None) if kind == 2 else None
                space[name] = rng.choice(MAKE)()  # often where the old one was in memory
        values = Values(space)
        rebound, gone = objects.changes(values)
        assert gone == known.keys() - space.keys()
        for name, value in space.items():
            alive = name in known and known[name]() is value
            is_none = value is None and name in known and isinstance(known[name], weakref.ref)
            assert (name in rebound) == (not alive or is_none), name
            assert objects.is_held(name, value) == (name not in rebound)
        if rng.random() < 0.7:  # else the save failed
            objects = objects.updated(values, rebound, gone)
            known = {name: reference_to(value) for name, value in space.items()}
        elif rng.random() < 0.3:  # as a checkout does
            kept = [name for name in known if rng.random() < 0.5 and name in space]
            others = {name: space[name] for name in space if name not in kept}
            objects = objects.joined(kept, others)
            known = {name: known[name] for name in kept}
            known |= {name: reference_to(value) for name, value in others.items()}
        values = value = None  # type: ignore[assignment]


def reference_to(value: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(value)
    except TypeError:
        return lambda: value


def test_objects_that_can_be_referred_to_weakly_are_not_kept_alive(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path, 30)
    held = weakref.ref(notebook.namespace["v2"])
    del notebook.namespace["v2"]
    gc.collect()
    assert held() is None
    notebook.store.close()


# --- which names are variables


@settings(max_examples=200)
@given(seed=st.integers(0, 2**48))
def test_names_left_out_are_those_that_asking_for_each_gives(seed: int) -> None:
    rng = random.Random(seed)
    stock = ["x", "y", "tmp_1", "_", "_3", "In", "exit", "quit", "hid", "hid2", "_i7", "é", "x2"]
    space: dict[Any, Any] = {}
    hidden: dict[str, Any] = {}
    rule = UserNames(hidden, ["tmp_*"])
    for _ in range(15):
        for _ in range(rng.randrange(4)):
            name = rng.choice(stock)
            value = rng.choice([1, "one", None, 10**20])
            match rng.randrange(5):
                case 0:
                    space.pop(name, None)
                case 1:
                    hidden[name] = space[name] = value
                case 2:
                    hidden.pop(name, None)
                case 3:
                    space[rng.choice([5, None, ("a",)])] = value
                case _:
                    space[name] = value
        if rng.random() < 0.2:
            rule.exclude = tuple(rng.sample(["tmp_*", "x*", "[hq]*"], rng.randrange(3)))
        expected = {n for n, v in space.items() if type(n) is not str or not rule(n, v)}
        assert rule.left_out(dict(space)) == expected


def test_a_name_is_asked_about_once() -> None:
    asked = []
    rule = ByName(lambda name, _: asked.append(name) or not name.startswith("__"))  # type: ignore[func-returns-value]
    space: dict[Any, Any] = {"a": 1, "__b": 2, 3: 4}
    for name in "cde":
        assert rule.left_out(space) == {"__b", 3}
        space[name] = 0
    rule.left_out(space)
    assert asked == ["a", "__b", "c", "d", "e"]


def test_a_key_that_cannot_be_compared_does_no_harm() -> None:
    class Odd:
        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            raise ValueError

    newcomers = Newcomers()
    assert list(newcomers.among({Odd(): 1, "a": 2}))
    assert "a" in newcomers.among({"a": 2, Odd(): 1})


# --- which definitions are in use


@settings(max_examples=25)
@given(seed=st.integers(0, 2**48))
def test_definitions_kept_are_those_in_use(seed: int) -> None:
    rng = random.Random(seed)
    session = Session(
        space := pod.new_managed_namespace(),
        *history_and_writer(),
        NamespaceTracker(space),
        make_policy("lga"),
    )
    cells = [
        "def f(): return g() if False else 1", "def g(): return [1]", "def f(): return 2",
        "class A: pass", "class A:\n    x = 3", "class B(A): pass", "a = A()", "b = [f, A]",
        "b = [g]", "del a", "del b", "a = B()", "del f", "del g", "del A", "c = a", "del c", "f()",
    ]  # fmt: skip
    for _ in range(14):
        try:
            exec(rng.choice(cells), space)
        except NameError:
            continue
        session.save()
        state = session._state
        assert state.users == count_users(state.groups)
        used = {token for group in state.groups.values() for token in group.uses}
        needed = needed_definitions(used, state.definition_groups)
        assert state.definition_groups.keys() <= needed
        assert set(state.definitions) == state.definition_groups.keys()
        if rng.random() < 0.2 and session.head:
            session.checkout(rng.randint(1, session.head))


def history_and_writer() -> tuple[History, Writer]:
    repository = Repository.open(MemoryStorage())
    writer = Writer(repository, background=False)
    return History(repository, writer), writer


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 9)), max_size=12),
    st.lists(st.sampled_from([-1, *range(10)]), max_size=14),
)
def test_names_of_objects_are_found_whether_or_not_all_are_the_same_as_before(
    bound: list[tuple[int, int]], asked: list[int]
) -> None:
    objects = [[number] for number in range(10)]
    stranger: list[int] = []
    found = {f"v{name}": objects[number] for name, number in bound}
    ids = {id(objects[number]) if number >= 0 else id(stranger) for number in asked}
    expected = sorted(name for name, value in found.items() if id(value) in ids)
    places = Places()
    for _ in range(3):
        assert sorted(Values(found, places=places).having(ids)) == expected
    found["new"] = objects[0]
    expected = sorted(name for name, value in found.items() if id(value) in ids)
    assert sorted(Values(found, places=places).having(dict.fromkeys(ids))) == expected
