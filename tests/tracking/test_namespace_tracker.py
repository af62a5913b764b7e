"""Whatever reaches an object through the namespace counts as touching its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pod.namespace import TrackedNamespace
from pod.tracking import Touched, monitoring
from pod.tracking.blind_spots import in_cell
from pod.tracking.namespace import NamespaceTracker


def fresh() -> tuple[TrackedNamespace, NamespaceTracker]:
    namespace = TrackedNamespace(a=[1], b=[2], __builtins__=__builtins__)
    tracker = NamespaceTracker(namespace)
    tracker.take()
    return namespace, tracker


@pytest.mark.parametrize(
    "code",
    [
        "a",
        "a.append(1)",
        "a = 2",
        "del a",
        "a += [1]",
        "for a in (1, 2): pass",
        "import math as a",
        "def a(): pass",
        "def f(): return a\nf()",
        "(lambda: a)()",
        "[a for _ in 'x']",
        "def f():\n    class C:\n        x = a\n    return C\nf()",
        "eval('a')",
        "exec('a')",
        "globals()['a']",
        "globals().get('a')",
        "try: raise ValueError\nexcept ValueError as a: pass",
        "def g():\n    yield a\nlist(g())",
    ],
)
def test_code_that_touches_a_name_is_seen(code: str) -> None:
    namespace, tracker = fresh()
    exec(code, namespace)
    touched = tracker.take()
    assert "a" in touched.names and "b" not in touched.names


@pytest.mark.parametrize(
    "reach",
    [
        lambda ns: list(ns.values()),
        lambda ns: list(ns.items()),
        lambda ns: dict(ns),
        lambda ns: {**ns},
        lambda ns: ns.copy(),
        lambda ns: ns | {},
        lambda ns: ns == {},
    ],
)
def test_reaching_all_values_touches_everything(reach: Callable[[Any], Any]) -> None:
    namespace, tracker = fresh()
    reach(namespace)
    touched = tracker.take()
    assert touched.everything or {"a", "b"} <= touched.names


@pytest.mark.parametrize(
    "look", [lambda ns: "a" in ns, lambda ns: list(ns), lambda ns: len(ns), lambda ns: ns.keys()]
)
def test_looking_at_names_alone_touches_nothing(look: Callable[[Any], Any]) -> None:
    namespace, tracker = fresh()
    look(namespace)
    assert tracker.take() == Touched()


@pytest.mark.parametrize(
    "write",
    [
        lambda ns: ns.update(a=1),
        lambda ns: ns.pop("a"),
        lambda ns: ns.setdefault("a", 1),
        lambda ns: ns.__ior__({"a": 1}),
        lambda ns: ns.clear(),
    ],
)
def test_every_way_of_writing_is_seen(write: Callable[[Any], Any]) -> None:
    namespace, tracker = fresh()
    write(namespace)
    assert "a" in tracker.take().names


def test_taking_starts_anew_and_touching_puts_back() -> None:
    namespace, tracker = fresh()
    namespace["a"]
    taken = tracker.take()
    assert tracker.take() == Touched()
    tracker.touch(taken)
    assert tracker.take() == Touched(frozenset({"a"}))


def test_a_watched_name_reaches_everything_unless_its_keeper_reads_it() -> None:
    namespace, tracker = fresh()
    namespace["Out"] = {}
    namespace._watch({"Out"}, "keeper")
    tracker.take()
    exec("ns['Out']", {"__name__": "keeper", "ns": namespace})
    assert not tracker.take().everything
    exec("Out", namespace)
    assert tracker.take().everything


@pytest.mark.parametrize(
    "source",
    ["class C:\n    x = a", "class C:\n    def m(self): return a", "exec('a', globals(), {})"],
)
def test_what_the_namespace_does_not_see_is_found_in_the_cell(source: str) -> None:
    found = in_cell(source)
    assert found.everything or "a" in found.names


def test_it_is_a_dict_to_everyone_else() -> None:
    namespace, _ = fresh()
    assert isinstance(namespace, dict) and namespace["a"] == [1]
    assert namespace.get("zz", 5) == 5 and repr(namespace).startswith("{'a'")
    with pytest.raises(KeyError):
        namespace["zz"]


def test_where_code_cannot_be_monitored_that_is_said() -> None:
    if monitoring.is_available():
        monitoring.MonitoringTracker({}, lambda _: False).close()
    else:
        with pytest.raises(RuntimeError, match=r"3\.12"):
            monitoring.MonitoringTracker({}, lambda _: False)
