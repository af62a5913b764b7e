"""DESIGN 4, point 4: loading or comparing an old version never alters anything live."""

from __future__ import annotations

import copyreg
import gc
import linecache
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import pod
import pytest
from pod.session import Session
from pod.tracking.namespace import NamespaceTracker
from support.forms import evaluate, new_namespace, run

FIRST = """
import abc, enum, functools
log = []
class Meta(type):
    made = []
    def __init__(cls, name, bases, body): Meta.made.append(name)
class Counter(metaclass=Meta):
    total = 1
    seen = ['first']
    def who(self): return 'old'
    def __init_subclass__(cls): log.append(cls.__name__)
    def __setstate__(self, state):
        self.__dict__.update(state)
        log.append('state')
class Special(Counter): pass
class Shape(abc.ABC): pass
@Shape.register
class Round: pass
class Colour(enum.Enum):
    RED = 1
Colour.names = ['red']
@functools.singledispatch
def show(x): return 'object'
@functools.lru_cache
def cached(x): return [x]
def plain(x, extra=[]): return x
plain.note = ['first']
counter = Counter()
counter.count = 1
special = Special()
answer = cached(1)
def outer():
    n = 0
    def up():
        nonlocal n
        n += 1
        return n
    return up
up = outer()
"""
SECOND = """
Counter.total = 2
Counter.seen.append('second')
Counter.who = lambda self: 'new'
Counter.added = 'added'
Special.mark = 'marked'
Shape.register(int)
Colour.names.append('crimson')
show.register(int, lambda x: 'int')
plain.note.append('second')
plain.__defaults__ = (['other'],)
counter.count = 2
counter.__class__ = Special
up(); up()
log.clear()
"""
LIVE = [
    "Counter.total, Counter.seen, counter.who(), Counter.added, Special.mark, counter.count",
    "type(counter) is Special, type(special) is Special, issubclass(Special, Counter)",
    "isinstance(5, Shape), isinstance(Round(), Shape), Colour.names, Colour.RED is Colour(1)",
    "show(1), show.registry[int](1), plain.note, plain.__defaults__, cached(1) is answer",
    "Meta.made, log, up.__closure__[0].cell_contents",
    "[each.__name__ for each in Counter.__subclasses__()]",
    "sorted(n for n in globals() if not n.startswith('__'))",
]


@pytest.fixture
def moments(tmp_path: Path) -> Any:
    """A store with two moments of a live namespace, which is as at the second."""
    with pod.open(tmp_path / ".pod", background=False) as store:
        live = new_namespace()
        session = store.session(live, NamespaceTracker(live))
        run(FIRST, live)
        session.save()
        run(SECOND, live)
        session.save()
        yield store, live, session


def identities(live: dict[str, Any]) -> dict[str, int]:
    found = {name: id(value) for name, value in dict.items(live)}
    return found | {
        f"{name}.{key}": id(value)
        for name in ("Counter", "Special", "Colour", "Meta")
        for key, value in vars(live[name]).items()
    }


def surroundings() -> list[Any]:
    """State of the process that loading has been known to write to, in one library or another."""
    return [
        dict(copyreg.dispatch_table),
        dict(cloudpickle.cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID),
        vars(sys.modules["__main__"]).keys() - {"__builtins__"},
        {k: v for k, v in linecache.cache.items() if k.startswith("<")},
        sys.path[:],
        sys.modules.keys() - {"pod.compare"},
    ]


def test_loading_the_old_moment_leaves_the_live_one_alone(moments: Any) -> None:
    store, live, _ = moments
    before, known, around = evaluate(LIVE, live), identities(live), surroundings()
    old = store.load(1)
    assert (old["Counter"].total, old["counter"].who(), old["counter"].count) == (1, "old", 1)
    assert old["Counter"].seen == old["plain"].note == ["first"]
    assert type(old["counter"]) is old["Counter"] is not live["Counter"]
    assert old["up"]() == 1 and old["show"](1) == "object"
    for name in store.history.variables(store.history.commit(1)):
        store.load(1, {name})
    old["Counter"].seen.clear()
    old["Colour"].names.clear()
    old["plain"].note.clear()
    old["Shape"].register(str)
    del old
    gc.collect()  # a class lives on in its bases until then
    assert identities(live) == known
    assert surroundings() == around
    assert evaluate(LIVE, live) == before


def test_comparing_moments_leaves_the_live_one_alone(moments: Any) -> None:
    store, live, _ = moments
    before, known, around = evaluate(LIVE, live), identities(live), surroundings()
    shown = str(store.diff(1, 2))
    assert "Counter" in shown and "plain" in shown
    store.diff(2, 1)
    gc.collect()
    assert identities(live) == known
    assert surroundings() == around
    assert evaluate(LIVE, live) == before


def test_a_checkout_of_a_variable_leaves_the_classes_of_others_alone(moments: Any) -> None:
    """The old instance comes with its old class; the live class keeps its value."""
    _, live, session = moments
    counter_class, special = live["Counter"], live["special"]
    done = session.checkout(1, ["up"])
    assert done.restored == ["up"] and live["up"]() == 1
    assert live["Counter"] is counter_class and live["special"] is special
    assert counter_class.total == 2 and counter_class.seen == ["first", "second"]
    session.checkout(1, ["plain"])
    assert live["plain"].note == ["first"]
    assert (counter_class.total, live["Colour"].names) == (2, ["red", "crimson"])


def test_a_checkout_takes_class_attributes_back_and_forth(moments: Any) -> None:
    _, live, session = moments
    second = evaluate(LIVE[:5], live)
    session.checkout(1)
    assert (live["Counter"].total, live["Counter"].seen) == (1, ["first"])
    assert not hasattr(live["Counter"], "added") and live["counter"].who() == "old"
    assert live["Colour"].names == ["red"] and not isinstance(5, live["Shape"])
    session.checkout(2)
    assert evaluate(LIVE[:3], live) == second[:3]
    assert live["show"](1) == "int" and live["plain"].note == ["first", "second"]


def test_a_live_class_keeps_its_value_while_an_instance_is_taken_back(tmp_path: Path) -> None:
    with pod.open(tmp_path / ".pod", background=False) as store:
        live = new_namespace()
        session = store.session(live, NamespaceTracker(live))
        run("class C:\n    total = 0\na, b = C(), C()\na.x = 1", live)
        first = saved(session)
        run("C.total = 5\na.x = 2", live)
        saved(session)
        live_class = live["C"]
        session.checkout(first, ["a"])
        assert live["a"].x == 1 and live["a"].total == 0
        assert live["C"] is live_class and live_class.total == live["b"].total == 5
        # Both classes are kept apart from now on, over saves and checkouts.
        apart = saved(session)
        session.checkout(first)
        session.checkout(apart)
        assert (live["a"].total, live["b"].total, live["C"].total) == (0, 5, 5)
        assert type(live["b"]) is live["C"] is not type(live["a"])


def test_a_class_defined_again_is_kept_apart_there_and_back(tmp_path: Path) -> None:
    with pod.open(tmp_path / ".pod", background=False) as store:
        live = new_namespace()
        session = store.session(live, NamespaceTracker(live))
        run("class A:\n    v = 1\nold = A()\nclass Sub(A): pass\nsub = Sub()", live)
        one = saved(session)
        run("class A:\n    v = 2\nnew = A()", live)
        two = saved(session)
        run("class A:\n    v = 3\nold.extra = A()", live)
        three = saved(session)
        for t in (one, three, two, one, two, three):
            session.checkout(t)
            assert live["A"].v == {one: 1, two: 2, three: 3}[t]
            assert live["old"].v == live["sub"].v == 1
            assert isinstance(live["sub"], type(live["old"]))
            assert isinstance(live["old"], live["A"]) == (t == one)
            if t != one:
                assert live["new"].v == 2 and isinstance(live["new"], live["A"]) == (t == two)
        assert type(live["old"].extra) is live["A"]


def saved(session: Session) -> int:
    done = session.save()
    assert done is not None
    return done.t
