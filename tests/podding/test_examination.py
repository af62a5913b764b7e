"""What an examination finds, what it leaves behind, and what it does with what cannot be saved."""

from __future__ import annotations

import gc
import io
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pod
import pytest
from pod.errors import PodError
from pod.podding.policies import POLICIES


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with pod.open(tmp_path / ".pod", background=False) as opened:
        yield opened


class Thing:
    pass


@pytest.mark.parametrize("policy", POLICIES)
def test_it_keeps_nothing_alive(tmp_path: Path, policy: str) -> None:
    store = pod.open(tmp_path / ".pod", podding=policy, background=False)
    namespace = pod.new_managed_namespace()
    thing = Thing()
    thing.array = np.zeros(100_000)
    thing.table = {number: [number] for number in range(500)}
    namespace["thing"] = thing
    array, gone = weakref.ref(thing.array), weakref.ref(thing)
    gc.disable()
    try:
        store.save(namespace)
        namespace["thing"].table[1] = 2
        store.save(namespace)
        del namespace["thing"], thing
        assert gone() is None and array() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("snapshot", ["inline", "thread"])
def test_a_dict_that_was_saved_is_let_go_of(tmp_path: Path, snapshot: str) -> None:
    """Also while a thread of some library's is there, whose frames are looked at."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    gc.disable()
    try:
        with pod.open(tmp_path / ".pod", snapshot=snapshot) as store:
            for _ in range(2):
                thing = Thing()
                gone = weakref.ref(thing)
                store.save({"thing": thing})
                store.flush()
                del thing
                assert gone() is None
    finally:
        gc.enable()
        end.set()
        thread.join()


def test_what_was_loaded_is_let_go_of(store: pod.PodStore) -> None:
    t = store.save({"thing": Thing(), "other": 1})
    loaded = store.load(t)
    gone = weakref.ref(loaded["thing"])
    del loaded
    gc.collect()
    assert gone() is None and store.head == t


def components(store: pod.PodStore) -> list[set[str]]:
    history = store.history
    table = history.variables(history.commit(history.times()[-1]))
    return sorted(
        {frozenset(history.manifest(entry.manifest).names) for entry in table.values()}, key=sorted
    )


class Sentinel:
    def __reduce__(self) -> str:
        return "SENTINEL"


SENTINEL = Sentinel()


@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_found_by_its_name_connects_nothing(tmp_path: Path, policy: str) -> None:
    each = [SENTINEL, pd.NA]
    with pod.open(tmp_path / ".pod", podding=policy, background=False) as store:
        ns = {"a": each, "b": {"x": SENTINEL}, "c": [*each, Thing()], "d": SENTINEL, "e": [pd.NA]}
        t = store.save(ns)
        assert components(store) == [{"a"}, {"b"}, {"c"}, {"d"}, {"e"}]
        loaded = store.load(t)
    assert loaded["a"] == each and loaded["b"]["x"] is loaded["d"] is loaded["c"][0] is SENTINEL


def test_a_shared_mutable_object_makes_one_component_and_atoms_do_not(store: pod.PodStore) -> None:
    shared: list[int] = []
    text = "t" * 500
    store.save({"a": [shared], "b": {"k": shared}, "c": [text], "d": [text], "e": text})
    assert components(store) == [{"a", "b"}, {"c"}, {"d"}, {"e"}]


def test_sharing_ends_when_it_ends(store: pod.PodStore) -> None:
    namespace = pod.new_managed_namespace(a=[[1]])
    namespace["b"] = namespace["a"][0]
    store.save(namespace)
    assert components(store) == [{"a", "b"}]
    namespace["a"].clear()
    store.save(namespace)
    assert components(store) == [{"a"}, {"b"}]


def test_a_second_save_of_the_same_adds_no_blob(store: pod.PodStore) -> None:
    namespace = pod.new_managed_namespace(
        frame=pd.DataFrame({"n": range(5000), "t": [f"row {n}" for n in range(5000)]}),
        nested={"a": [1, {2}, (3,)], "s": {"x", "y"}},
        thing=Thing(),
    )
    store.save(namespace)
    for name in namespace:
        namespace[name]
    store.save(namespace)
    assert (store.log()[0].changed, store.log()[0].bytes) == ((), 0)


class Fails:
    def __reduce__(self) -> Any:
        raise RuntimeError("no thanks")


class FailsHalfway:
    def __reduce__(self) -> Any:
        def items() -> Any:
            yield 1
            raise RuntimeError("half way")

        return list, (), None, items()


@pytest.mark.parametrize(
    "make",
    [
        Fails,
        FailsHalfway,
        threading.Lock,
        lambda: (n for n in "ab"),
        lambda: io.FileIO(0, closefd=False),
        lambda: memoryview(np.zeros((4, 4))[:, 1:]),
        threading.current_thread,
    ],
)
def test_what_cannot_be_saved_becomes_a_placeholder_and_the_rest_is_kept(
    store: pod.PodStore, make: Any
) -> None:
    opaque = make()
    t = store.save({"alone": opaque, "other": [1, 2]})
    loaded = store.load(t)
    assert loaded["other"] == [1, 2]
    assert "not saved" in repr(loaded["alone"])
    with pytest.raises(PodError, match="placeholder"):
        assert loaded["alone"].anything


def test_the_placeholder_is_at_the_smallest_spot(store: pod.PodStore) -> None:
    thing = Thing()
    thing.lock, thing.data = threading.Lock(), [1]
    loaded = store.load(store.save({"thing": thing}))["thing"]
    assert loaded.data == [1] and "lock" in repr(loaded.lock)


def test_an_open_file_is_not_read_into_the_store(store: pod.PodStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    with (tmp_path / "secret").open() as file:
        loaded = store.load(store.save({"file": file}))
    assert "not saved" in repr(loaded["file"])


def test_arrays_come_back_owning_their_memory(store: pod.PodStore) -> None:
    frozen = np.arange(10)
    frozen.flags.writeable = False
    values = {
        "c": np.arange(12.0).reshape(3, 4),
        "f": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        "strided": np.arange(2000)[::3],
        "empty": np.zeros((0, 3)),
        "scalar": np.array(5),
        "dates": np.array(["2020-01-01", "NaT"], "M8[D]"),
        "record": np.zeros(3, [("a", "i4"), ("b", "f8")]),
        "objects": np.array([[1], "a", None], object),
        "frozen": frozen,
        "big": np.random.default_rng(0).normal(size=200_000),
    }
    loaded = store.load(store.save(dict(values)))
    for name, value in values.items():
        got = loaded[name]
        np.testing.assert_array_equal(got, value)
        assert got.dtype == value.dtype and got.flags.writeable == value.flags.writeable
        assert got.flags.f_contiguous == value.flags.f_contiguous or name == "strided"
        assert (got.base is None) == (value.base is None) or name in {"objects", "empty"}


def text_arrays() -> dict[str, Any]:
    labels = np.array([f"label {n}" for n in range(7)], object)
    frozen = np.array([f"s{n}" for n in range(1000)], object)
    frozen.flags.writeable = False
    return {
        "plain": np.array([f"s{n}" for n in range(1000)], object),
        "repeated": labels[np.random.default_rng(0).integers(0, 7, 1000)],
        "none": np.array([None if n % 7 == 0 else f"é{n}" for n in range(1000)], object),
        "nan": np.array([np.nan if n % 7 == 0 else f"€{n}" for n in range(1000)], object),
        "na": np.array([pd.NA if n % 7 == 0 else f"{n}" for n in range(1000)], object),
        "surrogate": np.array([f"\ud800{n}" for n in range(1000)], object),
        "two missing": np.array([(None, np.nan, "x")[n % 3] for n in range(1000)], object),
        "mixed": np.array([[1] if n == 3 else f"z{n}" for n in range(1000)], object),
        "fortran": np.array([f"{n}" for n in range(1000)], object).reshape(10, 100).copy("F"),
        "strided": np.array([f"{n}" for n in range(1000)], object)[::2],
        "frozen": frozen,
        "empty strings": np.array([""] * 1000, object),
    }


@pytest.mark.parametrize("name", text_arrays())
def test_text_arrays(store: pod.PodStore, name: str) -> None:
    array = text_arrays()[name]
    got = store.load(store.save({"a": array}))["a"]
    assert (got.shape, got.dtype, got.flags.writeable) == (
        array.shape, array.dtype, array.flags.writeable,
    )  # fmt: skip
    for old, new in zip(array.ravel().tolist(), got.ravel().tolist(), strict=True):
        assert new is old or (type(new) is type(old) and (new == old or new != new))
    assert (len({*map(id, got.ravel())}) < 100) == (
        name in ("repeated", "empty strings", "two missing")
    )


def test_frames_come_back_equal(store: pod.PodStore) -> None:
    frame = pd.DataFrame(
        {
            "text": [f"row {n}" for n in range(1000)],
            "kind": pd.Categorical(["a", "b"] * 500),
            "when": pd.date_range("2020", periods=1000),
            "some": [None, "z"] * 500,
            "na": pd.array(["a", pd.NA] * 500, dtype="string"),
            "n": np.arange(1000),
        },
        index=pd.MultiIndex.from_product([range(10), range(100)]),
    )
    pd.testing.assert_frame_equal(store.load(store.save({"df": frame}))["df"], frame)


@pytest.mark.parametrize(
    "share",
    [
        lambda a: a[2:5],
        lambda a: a[::2],
        lambda a: a.reshape(2, -1).T,
        lambda a: pd.DataFrame(a.reshape(-1, 2), copy=False),
        lambda a: [a.view("u8")],
    ],
)
def test_a_write_through_one_array_is_seen_in_all_over_its_memory(
    store: pod.PodStore, share: Any
) -> None:
    namespace = pod.new_managed_namespace(a=np.arange(1000.0))
    namespace["other"] = share(namespace["a"])
    store.save(namespace)
    assert components(store) == [{"a", "other"}]
    other = namespace["other"]
    array = other[0] if isinstance(other, list) else other
    if isinstance(array, pd.DataFrame):
        dict.__getitem__(namespace, "a")[0] = 99
    else:
        array[(0,) * array.ndim] = 99
    t = store.save(namespace)
    np.testing.assert_array_equal(store.load(t)["a"], dict.__getitem__(namespace, "a"))
    assert "a" in store.log()[0].changed


def test_an_array_over_a_bytearray_goes_with_it(store: pod.PodStore) -> None:
    raw = bytearray(8000)
    store.save({"raw": raw, "array": np.frombuffer(raw, "f8"), "alone": np.zeros(9)})
    assert components(store) == [{"alone"}, {"array", "raw"}]


def test_frames_that_only_copy_on_write_stay_apart(store: pod.PodStore) -> None:
    frame = pd.DataFrame({"a": np.arange(5000.0), "t": [f"row {n}" for n in range(5000)]})
    values = {
        "frame": frame, "head": frame.head(10), "column": frame["a"], "more": frame.assign(z=1),
        "copy": frame.copy(), "some": frame[frame.a > 9], "means": frame.mean(numeric_only=True),
    }  # fmt: skip
    loaded = store.load(store.save(dict(values)))
    for name, value in values.items():
        (pd.testing.assert_frame_equal if value.ndim == 2 else pd.testing.assert_series_equal)(
            loaded[name], value
        )
    if int(pd.__version__.partition(".")[0]) >= 3:
        assert components(store) == [{name} for name in sorted(values)]


class Busy:
    """Stands for another thread: changes the dict that holds it while that is pickled."""

    def __init__(self, holder: dict[Any, Any], times: int) -> None:
        self.holder, self.times = holder, times

    def __reduce__(self) -> Any:
        if self.times:
            self.times -= 1
            self.holder[self.times] = "new"
        return Busy, ({}, 0)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_variable_that_changes_meanwhile_is_begun_again(tmp_path: Path, policy: str) -> None:
    # In this process, so that the change is one of what the test holds.
    with pod.open(tmp_path / ".pod", podding=policy, snapshot="inline") as store:
        holder: dict[Any, Any] = {"first": 1}
        holder["busy"] = Busy(holder, 3)
        loaded = store.load(store.save({"outer": [holder]}))["outer"][0]
        assert loaded.keys() == holder.keys() and len(holder) > 2
