"""Pod as a library: the module-level functions and `PodStore`."""

from __future__ import annotations

import functools
import gc
import io
import os
import shutil
import subprocess
import sys
import textwrap
import time
import warnings
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import pod
import pytest
from pod.errors import (
    PodError,
    RestoreError,
    StorageError,
    TimeReferenceError,
    UnknownVariableError,
)
from pod.library import _save_what_was_lost
from pod.namespace import TrackedNamespace
from pod.session import forked
from pod.session.looks import Looks
from pod.session.session import owing
from support.kernels import wait_until

QUICK_START = """
import pod
ns = pod.new_managed_namespace()     # a tracked namespace: a dict that knows what was touched
ns["x"] = ["0" * 1_000_000]
t1 = pod.save(ns)                    # int
ns["y"] = ["1" * 1_000_000]
t2 = pod.save(ns)
ns["x"].append(ns["y"])
t3 = pod.save(ns)
print(pod.load(t1), pod.load(t2), pod.load(t3))
ns3 = pod.load(t3)
ns3["y"].append("2")                 # also visible through ns3["x"][-1]: sharing survives
pod.load(t3, {"y"})                  # partial load: touches only the pods that y needs
"""


class Countable:
    pass


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with pod.open(tmp_path / ".pod") as opened:
        yield opened


def managed(**values: Any) -> TrackedNamespace:
    return pod.new_managed_namespace(**values)


def test_the_quick_start_works_word_for_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POD_DIR", raising=False)
    scope: dict[str, Any] = {}
    exec(QUICK_START, scope)
    x, y = ["0" * 1_000_000], ["1" * 1_000_000]
    assert (
        capsys.readouterr().out == f"{ {'x': x} } { {'x': x, 'y': y} } { {'x': [*x, y], 'y': y} }\n"
    )
    assert (type(scope["t1"]), scope["t1"], scope["t2"], scope["t3"]) == (int, 1, 2, 3)
    assert scope["ns3"]["x"][-1] is scope["ns3"]["y"] and scope["ns3"]["y"][-1] == "2"
    assert pod.load(3, {"y"}) == {"y": y}
    assert (tmp_path / ".pod" / "format.json").exists()


SCRIPT = """
import sys, pod
base = 5
def down(n): return down(n - 1) + 1 if n else base
class Thing:
    def look(self): return down(2)
thing = Thing()
store = pod.open(sys.argv[1])
if sys.argv[2] == "save":
    ns = pod.new_managed_namespace(down=down, Thing=Thing, thing=thing)
    store.save(ns)
    store.save({"down": down, "by": lambda: down(3)})
base = 10
for t in 1, 2:
    ns = store.load(t)
    assert ns["down"] is not down and ns["down"].__globals__ is globals()
    print(ns["down"](1), ns["thing"].look() if t == 1 else ns["by"]())
"""


def test_what_a_script_itself_defines_finds_the_globals_of_the_script_again(
    tmp_path: Path,
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    for what in "save", "load":
        done = subprocess.run(
            [sys.executable, script, tmp_path / ".pod", what],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout == "11 12\n11 13\n"


def test_the_default_directory_is_pod_dir_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POD_DIR", str(tmp_path / "elsewhere"))
    assert pod.save({"a": 1}) == 1
    assert pod.load()["a"] == 1
    assert [commit.t for commit in pod.open().log()] == [1]
    assert (tmp_path / "elsewhere" / "commits" / "1").is_file()


def test_a_plain_dict_is_saved_whole_and_stored_once(store: pod.PodStore) -> None:
    namespace = {"a": [1, 2], "text": "t" * 100_000}
    store.save(namespace)
    namespace["a"].append(3)
    store.save(namespace)
    assert store.load(1) == {"a": [1, 2], "text": "t" * 100_000}
    assert store.load(2) == namespace
    assert [commit.bytes < 2000 for commit in store.log()] == [True, True]


def test_names_that_are_not_strings_are_refused_by_name(store: pod.PodStore) -> None:
    with pytest.raises(PodError, match="names of variables must be strings, and 3 is not"):
        store.save({3: 1})  # type: ignore[dict-item]


def test_a_loaded_namespace_branches_off_from_its_moment(store: pod.PodStore) -> None:
    namespace = managed(a=1)
    first = store.save(namespace)
    namespace["b"] = [2]
    store.save(namespace)
    back = store.load(first)
    back["c"] = 3
    third = store.save(back)
    commit = store.log()[0]
    assert (commit.t, commit.parent, commit.added) == (third, first, ("c",))
    assert store.load(third) == {"a": 1, "c": 3}


def test_only_what_was_touched_is_looked_at(tmp_path: Path) -> None:
    store = pod.open(tmp_path / ".pod", snapshot="inline")  # where it can be seen
    looked: list[str] = []

    namespace = managed(quiet=_Watched("quiet"), busy=_Watched("busy"))
    _Watched.looked = looked
    store.save(namespace)
    looked.clear()
    namespace["busy"].value = 1
    store.save(namespace)
    assert looked == ["busy"]


class _Watched:
    looked: list[str] = []

    def __init__(self, name: str) -> None:
        self.name = name
        self.value = 0

    def __reduce__(self) -> tuple[Any, ...]:
        _Watched.looked.append(self.name)
        return _Watched, (self.name,), {"value": self.value}


def test_log_and_diff_are_data_and_print_well(store: pod.PodStore) -> None:
    namespace = managed(x=[1, 2], gone=1)
    store.save(namespace, message="start")
    namespace["x"].append(3)
    del namespace["gone"]
    namespace["new"] = {"k": 1}
    store.save(namespace)
    log, diff = store.log(), store.diff(1, 2)
    assert [commit.t for commit in log] == [2, 1]
    assert (log[0].added, log[0].changed, log[0].removed) == (("new",), ("x",), ("gone",))
    assert "“start”" in str(log) and "HEAD" in str(log)
    assert (diff.added, diff.changed, diff.removed) == (("new",), ("x",), ("gone",))
    assert "2 → 3 items, 1 added" in str(diff["x"])
    assert [commit.t for commit in store.log(["gone"])] == [2, 1]
    assert [commit.t for commit in store.log(["new"], limit=1)] == [2]


@pytest.mark.parametrize(
    ("reference", "t"),
    [(1, 1), ("1", 1), ("HEAD", 3), ("HEAD~1", 2), ("HEAD~", 2), ("best", 2), ("best~1", 1)],
)
def test_time_references(store: pod.PodStore, reference: int | str, t: int) -> None:
    namespace = managed()
    for value in (1, 2, 3):
        namespace["x"] = value
        store.save(namespace)
    assert store.tag("best", 2) == 2
    assert store.load(reference)["x"] == t


@pytest.mark.parametrize("reference", [4, "nope", "HEAD~9", "", "1.5", "-1", "HEAD~x", "a b"])
def test_bad_time_references_say_what_there_is(store: pod.PodStore, reference: Any) -> None:
    store.save({"x": 1})
    with pytest.raises(TimeReferenceError):
        store.load(reference)


def test_an_unknown_variable_is_named_with_those_that_exist(store: pod.PodStore) -> None:
    store.save({"x": 1, "y": 2})
    with pytest.raises(UnknownVariableError, match=r"no variable z at time 1; there are: x, y"):
        store.load(1, {"x", "z"})


def test_loading_does_not_touch_the_live_objects(store: pod.PodStore) -> None:
    namespace = managed(x=[1])
    store.save(namespace)
    live = namespace["x"]
    store.load(1)["x"].append(2)
    assert namespace["x"] is live == [1]


def test_what_cannot_be_loaded_is_named_and_the_rest_is_there(
    store: pod.PodStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vanishing.py").write_text("class Thing: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    import vanishing  # type: ignore[import-not-found]

    store.save({"thing": vanishing.Thing(), "fine": 1})
    (tmp_path / "vanishing.py").unlink()
    monkeypatch.delitem(sys.modules, "vanishing")
    with pytest.raises(RestoreError, match="thing: it needs the module 'vanishing'"):
        store.load(1)
    assert store.load(1, {"fine"}) == {"fine": 1}


def test_an_opaque_object_is_a_placeholder_and_the_rest_of_its_container_is_kept(
    store: pod.PodStore,
) -> None:
    namespace = managed(box=[1, (number for number in "abc"), {"k": 2}])
    t = store.save(namespace)
    box = store.load(t)["box"]
    assert (box[0], box[2]) == (1, {"k": 2})
    assert "not saved: generator" in repr(box[1])
    with pytest.raises(PodError, match="placeholder for a generator that could not be saved"):
        next(box[1])
    again = store.load(t)
    again["box"].append(3)
    assert "not saved: generator" in repr(store.load(store.save(again))["box"][1])


def test_verify_is_true_for_a_whole_directory_and_names_what_is_damaged(
    store: pod.PodStore,
) -> None:
    namespace = managed(kept="k" * 1000)
    store.save(namespace)
    store.flush()
    before = set((store.path / "packs").iterdir())
    namespace["hurt"] = os.urandom(50_000)
    store.save(namespace)
    assert store.verify()
    new = set((store.path / "packs").iterdir()) - before
    pack = max(new, key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[1000] ^= 1
    pack.write_bytes(data)
    found = store.verify()
    assert not found
    assert any(damage.times == (2,) and damage.variables == ("hurt",) for damage in found.damage)
    with pod.open(store.path) as fresh:
        assert fresh.load(2, {"kept"}) == {"kept": "k" * 1000}
        with pytest.raises(RestoreError, match="hurt"):
            fresh.load(2)


def test_gc_removes_orphan_packs_and_nothing_else(tmp_path: Path) -> None:
    store = pod.open(tmp_path / ".pod", snapshot="inline")  # one pack for each time
    store.save({"x": "x" * 1000})
    store.save({"x": "y" * 1000})
    store.flush()
    (store.path / "commits" / "2").unlink()
    with pod.open(store.path) as fresh:
        report = fresh.gc(dry_run=True)
        assert len(report.packs) == 1 and report.dry_run
        assert len(fresh.gc().packs) == 1
        assert fresh.gc().packs == ()
        assert fresh.verify() and fresh.load(1) == {"x": "x" * 1000}


def test_what_was_saved_is_there_after_the_interpreter_ends(tmp_path: Path) -> None:
    code = f"""
        import pod, os
        store = pod.open({str(tmp_path / ".pod")!r})
        store.save({{"x": os.urandom(30_000_000), "n": 7}})
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
    with pod.open(tmp_path / ".pod") as store:
        assert store.load()["n"] == 7 and store.verify()
    assert list((tmp_path / ".pod" / "leases").iterdir()) == []


def test_a_store_in_a_saved_namespace_is_the_directory_it_has_open(store: pod.PodStore) -> None:
    t = store.save({"store": store})
    assert store.load(t)["store"].path == store.path


def test_another_version_of_a_package_is_told_by_variable(
    store: pod.PodStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy

    store.save({"array": numpy.arange(3), "n": 1})
    monkeypatch.setattr(numpy, "__version__", "99.0")
    with pytest.warns(UserWarning, match=r"numpy .* then, 99\.0 now: array$"):
        store.load(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.load(1, {"n"})


@pytest.mark.skipif(not forked.can_fork(), reason="forks are not used on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_time_is_there_though_the_look_at_it_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pod.open(tmp_path / "pods", snapshot="fork") as store:
        namespace = pod.new_managed_namespace(x=[1])
        first = store.save(namespace)
        monkeypatch.setattr(Looks, "_in_child", lambda *_: os._exit(1))
        namespace["x"].append(2)
        second = store.save(namespace)
        assert dict(store.load(second)) == {"x": [1, 2]}
        namespace["x"].append(3)
        third = store.save(namespace)
        assert [each.name for each in store.diff(second, third).variables] == ["x"]
    assert [first, second, third] == [1, 2, 3]


@pytest.mark.skipif(not forked.can_fork(), reason="forks are not used on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("dropped", ["dict", "managed namespace", "store"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_was_dropped_is_saved_though_its_look_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dropped: str, when: str
) -> None:
    go = tmp_path / "go"

    def die(*_: Any) -> None:
        while not go.exists():
            time.sleep(0.01)
        os._exit(1)

    monkeypatch.setattr(Looks, "_in_child", die)
    owed_before = set(owing)
    value = Countable()
    store: Any = pod.open(tmp_path / "pods", snapshot="fork")
    namespace = {"x": value} if dropped == "dict" else pod.new_managed_namespace(x=value)
    t = store.save(namespace)
    monkeypatch.undo()
    gone = weakref.ref(value)
    del value
    if when == "after":
        go.touch()
        wait_until(lambda: owing - owed_before, "the loss of the look")
    del namespace
    if dropped == "store":
        del store
    gc.collect()
    assert gone() is not None
    if when == "before":
        go.touch()
        wait_until(lambda: owing - owed_before, "the loss of the look")
    gc.collect()
    _save_what_was_lost()  # as at the end of the interpreter
    gc.collect()
    assert gone() is None and owing == owed_before
    with pod.open(tmp_path / "pods") as other:
        assert type(other.load(t)["x"]) is Countable


@pytest.mark.skipif(not forked.can_fork(), reason="forks are not used on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_look_puts_nothing_into_a_directory_of_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "pods"
    with pod.open(path, snapshot="fork") as store:
        namespace = pod.new_managed_namespace(x=[1])
        store.save(namespace)
        store.flush()
        shutil.rmtree(path)
        path.mkdir()
        (path / "thesis.tex").write_text("...")
        namespace["x"].append(os.urandom(9000))
        store.save(namespace)
        with pytest.raises(StorageError):
            store.flush()
        assert [each.name for each in path.iterdir()] == ["thesis.tex"]
        (path / "thesis.tex").unlink()
        path.rmdir()
        namespace["x"].append(2)
        last = store.save(namespace)
        with suppress(PodError):  # what was lost meanwhile is told
            store.flush()
        store.flush()
        assert store.load(last)["x"] == namespace["x"]


def test_a_forked_child_does_not_write(store: pod.PodStore) -> None:
    namespace = managed(x=1)
    store.save(namespace)
    child = os.fork()
    if child == 0:
        try:
            store.save(namespace)
        except PodError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(store.log()) == 1


@pytest.mark.parametrize(
    "podding", ["lga", "lga-0", "lga-1", "tbh", "bundle-all", "split-all", "random"]
)
def test_policies_are_chosen_by_name(tmp_path: Path, podding: str) -> None:
    with pod.open(tmp_path, podding=podding) as store:
        value = {"rows": [[number] * 500 for number in range(20)]}
        assert store.load(store.save(dict(value))) == value


def test_an_unknown_policy_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose one of lga, "):
        pod.open(tmp_path, podding="best")


def test_a_directory_deleted_meanwhile_is_made_anew_with_everything(store: pod.PodStore) -> None:
    namespace = managed(x=[1], y="y" * 1000)
    store.save(namespace)
    store.flush()
    shutil.rmtree(store.path)
    namespace["z"] = 3
    t = store.save(namespace)
    assert store.load(t) == {"x": [1], "y": "y" * 1000, "z": 3}
    assert store.verify() and [commit.t for commit in store.log()] == [t]


def test_gc_waits_for_what_other_stores_of_this_process_are_writing(store: pod.PodStore) -> None:
    with pod.open(store.path) as other:
        for number in range(5):
            other.save({"x": os.urandom(100_000), "n": number})
            assert store.gc().packs == ()
        assert other.verify()


def test_a_class_whose_base_was_displaced_keeps_its_own(store: pod.PodStore) -> None:
    first = managed(__name__="__main__")
    exec("class C: z = 1\nc = C()", first)
    store.save(first)
    second = managed(__name__="__main__")
    exec("class C: z = 2\nclass D(C): pass\nd = D()", second)
    store.save(second)
    session = second.origin
    session.checkout(1, ["c"])
    t = store.save(second)
    assert (second["c"].z, second["d"].z) == (1, 2)
    assert (store.load(t)["c"].z, store.load(t)["d"].z) == (1, 2)


@pytest.mark.parametrize(
    "made", [io.StringIO("text"), io.BytesIO(b"bytes"), functools.partial(int, base=2)]
)
def test_looking_at_attributes_is_no_change(made: Any, tmp_path: Path) -> None:
    # Elsewhere the guess of how long a look takes would have looked at them before the first save.
    with pod.open(tmp_path / ".pod", snapshot="inline") as store:
        namespace = pod.new_managed_namespace(made=made)
        store.save(namespace)
        assert vars(namespace["made"]) == {}
        store.save(namespace)
        assert store.log()[0].changed == ()
        namespace["made"].note = ["kept"]
        assert store.load(store.save(namespace))["made"].note == ["kept"]
