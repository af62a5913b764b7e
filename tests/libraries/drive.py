"""Takes one case through its life: made, saved, read, changed, saved, loaded, saved again."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pod
from pod.errors import OpaqueObjectError
from pod.history.records import Commit
from pod.podding.opaque import Opaque

from libraries.case import LOADING, ONCE, READING, RESTART, UNTOUCHED, Case

TESTS = Path(__file__).parent.parent


@dataclass(frozen=True)
class Observed:
    """What became of a case. `resaved` leaves `RESTART` out, which another process has to see."""

    opaque: str
    resaved: tuple[str, ...]


def observe(case: Case, store: pod.PodStore) -> Observed:
    """The life of one case. Raises `AssertionError` where something is not as it was."""
    before, after = make_twins(case)
    namespace = pod.new_managed_namespace(x=case.make())
    namespace["held"] = ["first", namespace["x"], "last"]
    first = store.save(namespace)
    resaved = []
    if _saves_again(store, namespace):
        resaved.append(UNTOUCHED if _saves_again(store, namespace) else ONCE)
    if UNTOUCHED not in resaved and _saves_again(store, namespace, case):
        resaved.append(READING)

    namespace["x"] = case.changed(namespace["x"])
    second = store.save(namespace)
    commit = durable(store, second)
    assert "x" in commit.changed, "a change was not seen"

    loaded = store.load(first), store.load(second)
    for found, twin in zip(loaded, (before, after), strict=True):
        check(case, found["x"], twin)
        assert (found["held"][0], found["held"][-1]) == ("first", "last")
        assert not case.shared or case.replace or found["held"][1] is found["x"]
    assert not case.shared or loaded[0]["held"][1] is loaded[0]["x"]
    check_held(case, loaded[1]["held"][1], before if case.replace else after)
    assert case.opaque or case.is_same(namespace["x"], after), "the live one is another now"

    again = store.load(second)
    if UNTOUCHED not in resaved and _saves_again(store, again):
        resaved.append(LOADING)
    opaque = "; ".join(store.history.variables(commit)["x"].opaque)
    return Observed(opaque, () if opaque else tuple(resaved))


def make_twins(case: Case) -> tuple[Any, Any]:
    """The value before and after the change, of which Pod has seen neither; they can be told
    apart, and two that are alike cannot, so that the comparison means something."""
    before, after = case.make(), case.changed(case.make())
    if not case.opaque:
        assert case.is_same(case.make(), before), "two of the same are not the same"
        assert not case.is_same(before, after), "the change makes no difference"
    return before, after


def check(case: Case, found: Any, twin: Any) -> None:
    """That a loaded value is as its twin, or the placeholder that it should be."""
    if type(found) is Opaque:
        assert case.opaque, repr(found)
        assert case.opaque in repr(found)
        for use in (lambda: found.anything, lambda: found(), lambda: list(found)):
            try:
                use()
            except OpaqueObjectError:
                continue
            raise AssertionError("a placeholder can be used")
    else:
        assert type(found) is type(twin), f"{type(found)} is no {type(twin)}"
        assert case.is_same(found, twin), f"it is not as it was:\n{found!r}\n{twin!r}"


def check_held(case: Case, found: Any, twin: Any) -> None:
    check(case, found, twin)


def durable(store: pod.PodStore, t: int) -> Commit:
    """The commit of a time once it is written: it says what it takes only then. And its look may
    come to nothing, as where a library's lock was taken when the process was forked: then it is
    made again first."""
    store.flush()
    return store.history.commit(t)


def _saves_again(store: pod.PodStore, namespace: Any, looked_at: Case | None = None) -> bool:
    """Whether touching `x`, and perhaps looking at it, makes the next save store or report it."""
    value = namespace["x"]
    if looked_at is not None:
        repr(value)
        looked_at.look(value)
    del value
    before = _fingerprint(store, store.head)
    t = store.save(namespace)
    commit = durable(store, t)
    unchanged = _fingerprint(store, commit.t) == before
    assert unchanged == ("x" not in commit.changed)
    return not unchanged or commit.bytes > 0


def _fingerprint(store: pod.PodStore, t: int | None) -> str:
    assert t is not None
    return store.history.variables(store.history.commit(t))["x"].fingerprint


# --- in another process


def variable(number: int) -> str:
    return f"case_{number}"


def save_all(cases: Sequence[Case], path: Path) -> None:
    """Save all cases of a library together, before and after their change, as times 1 and 2."""
    with pod.open(path) as store:
        values = {variable(number): case.make() for number, case in enumerate(cases)}
        namespace = pod.new_managed_namespace(values)
        store.save(namespace)
        for number, case in enumerate(cases):
            namespace[variable(number)] = case.changed(namespace[variable(number)])
        store.save(namespace)


def load_all(cases: Sequence[Case], path: Path) -> dict[str, list[str]]:
    """In another process: what each case came to, by its id: failures, or `RESTART`."""
    found: dict[str, list[str]] = {case.id: [] for case in cases}
    with pod.open(path) as store:
        for number, case in enumerate(cases):
            for t, twin in zip((1, 2), make_twins(case), strict=True):
                try:
                    check(case, store.load(t, [variable(number)])[variable(number)], twin)
                except Exception as error:
                    found[case.id].append(f"time {t}: {type(error).__name__}: {error}")
        namespace = store.load(2)
        for name in [*namespace]:
            namespace[name]
        changed = durable(store, store.save(namespace)).changed
        for number, case in enumerate(cases):
            if variable(number) in changed and not case.opaque:
                found[case.id].append(RESTART)
    return found


def in_another_process(library: str, field: str, path: Path) -> dict[str, list[str]]:
    """`load_all` there."""
    environment = os.environ | {"PYTHONPATH": str(TESTS), "MPLBACKEND": "agg"}
    environment["PYTHONHASHSEED"] = "random"
    command = [sys.executable, "-m", "libraries.drive", library, field, str(path)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


if __name__ == "__main__":
    _, name, field, directory = sys.argv
    module = importlib.import_module(f"libraries.cases_{field}")  # importing all takes long
    chosen = [case for case in module.CASES if case.library == name]
    print(json.dumps(load_all(chosen, Path(directory))))
