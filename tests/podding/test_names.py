"""Strings that name something do not show in what is saved of the strings that are values."""

from __future__ import annotations

import fractions
import os
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pod
import pytest
from pod.history.records import Commit
from pod.podding.pickler import NAMED

SOURCE = """
class Node:
    def __init__(self, **attributes): vars(self).update(attributes)
"""


def node(**attributes: Any) -> Any:
    module = sys.modules.get("pod_test_names")
    if module is None:
        module = sys.modules["pod_test_names"] = types.ModuleType("pod_test_names")
        exec(SOURCE, vars(module))
    return module.Node(**attributes)


def durable(store: pod.PodStore, namespace: dict[str, Any]) -> Commit:
    """Saves; before it is written, a commit does not say what it takes."""
    t = store.save(namespace)
    store.flush()
    return store.history.commit(t)


VALUES: dict[str, Callable[[], Any]] = {
    "a value that is its attribute's name": lambda: node(kind=sys.intern("kind")),
    "a value that another attribute is called": lambda: [node(first="second"), node(second=1)],
    "a list of names": lambda: node(columns=1, names=["columns", "names"]),
    "one letter": lambda: node(a=["a", "b"], b=1),
    "the name of its class": lambda: node(mode="Node"),
    "the name of a function": lambda: [fractions.Fraction, len, "Fraction", "len"],
    "the module of a function": lambda: [node(f=lambda: 1, module=__name__)],
    # Each of the two numbers is in the other's way in a set: they change places with each making.
    "a set among a function's constants": lambda: eval("lambda n: n in {7, 15}"),
    "names of slots": lambda: [fractions.Fraction(1, 2), "_numerator"],
}


@pytest.mark.parametrize("make", VALUES.values(), ids=VALUES)
def test_what_was_only_loaded_is_not_changed(tmp_path: Path, make: Callable[[], Any]) -> None:
    with pod.open(tmp_path / ".pod") as store:
        loaded = store.load(store.save(pod.new_managed_namespace(x=make())))
        assert loaded["x"] is not None
        commit = durable(store, loaded)
    assert (commit.changed, commit.bytes) == ((), 0)


FUNCTION = """
import sys, pod
def chosen(name): return name in {"alpha", "beta", "gamma", "delta", b"bytes", None, (1, "two")}
with pod.open(sys.argv[1]) as store:
    t = store.save({"chosen": chosen})
    store.flush()
    print(store.history.commit(t).bytes)
"""


def test_a_function_is_stored_once_whatever_its_strings_hash_to(tmp_path: Path) -> None:
    def stored(seed: int) -> int:
        command = [sys.executable, "-c", FUNCTION, str(tmp_path / ".pod")]
        environment = os.environ | {"PYTHONHASHSEED": str(seed)}
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return int(ran.stdout)

    assert stored(0) > 0
    assert [stored(seed) for seed in (1, 2, 3)] == [0, 0, 0]


def test_an_exception_whose_attributes_were_looked_at_is_not_changed(tmp_path: Path) -> None:
    namespace = pod.new_managed_namespace(x=ValueError("bad"))
    with pod.open(tmp_path / ".pod") as store:
        store.save(namespace)
        assert vars(namespace["x"]) == {}
        commit = durable(store, namespace)
    assert (commit.changed, commit.bytes) == ((), 0)


@pytest.mark.parametrize("count", [1, NAMED + 5])
def test_a_change_through_an_instance_s_own_dictionary_is_a_change_of_the_instance(
    tmp_path: Path, count: int
) -> None:
    namespace = pod.new_managed_namespace(nodes=[node(kind="a") for _ in range(count)])
    namespace["attributes"] = vars(namespace["nodes"][-1])
    with pod.open(tmp_path / ".pod") as store:
        store.save(namespace)
        namespace["attributes"]["kind"] = "b"
        commit = durable(store, namespace)
        assert commit.changed == ("attributes", "nodes")
        assert store.load(commit.t)["nodes"][-1].kind == "b"


class Held:
    """Gives a dictionary that others hold as its state."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = [state]

    def __getstate__(self) -> Any:
        return self.state[0]

    def __setstate__(self, state: Any) -> None:
        self.state = [state]


def test_a_state_that_others_hold_stays_shared(tmp_path: Path) -> None:
    sys.modules.setdefault("pod_test_names", types.ModuleType("pod_test_names"))
    Held.__module__ = "pod_test_names"
    sys.modules["pod_test_names"].Held = Held  # type: ignore[attr-defined]
    state = {"kind": "a"}
    namespace = pod.new_managed_namespace(held=Held(state), state=state)
    with pod.open(tmp_path / ".pod") as store:
        store.save(namespace)
        namespace["state"]["kind"] = "b"
        del state
        commit = durable(store, namespace)
        assert commit.changed == ("held", "state")
        loaded = store.load(commit.t)
        assert loaded["held"].state[0] is loaded["state"]
