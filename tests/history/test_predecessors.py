"""What changed a little is stored as what differs, from save to save and after a checkout."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pod
import pytest
from pod.history import predecessors
from pod.history.collection import collect_garbage
from pod.history.manifest import Content
from pod.history.retention import Retention
from pod.library import PodStore
from pod.store.codec import CHUNK_BYTES
from pod.store.storage import StorageError

MB = 1 << 20


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PodStore]:
    with pod.open(tmp_path / "pods") as opened:
        yield opened


def packs(store: PodStore) -> int:
    store.flush()
    return sum(each.stat().st_size for each in store.path.glob("packs/*.pack"))


def cost(store: PodStore, namespace: Any) -> int:
    """Bytes that saving this takes in packs."""
    before = packs(store)
    store.save(namespace)
    return packs(store) - before


def deltas(store: PodStore) -> int:
    store.flush()
    entries = store.history.repository.packs().values()
    return sum(one.base is not None for each in entries for one in each)


def values(count: int, seed: int = 0) -> list[bytes]:
    rng = random.Random(seed)
    return [rng.randbytes(100) for _ in range(count)]


def test_one_element_of_a_large_list(store: PodStore) -> None:
    namespace = pod.new_managed_namespace(x=values(300_000))  # 31 MB
    store.save(namespace)
    namespace["x"][123_456] = b"y" * 100
    assert cost(store, namespace) < 3000
    namespace["x"].append(b"z" * 100)
    assert cost(store, namespace) < 3000
    assert store.load(3)["x"] == namespace["x"]


def test_an_element_put_in_at_the_front_of_a_list(store: PodStore) -> None:
    namespace = pod.new_managed_namespace(x=values(100_000))  # 10 MB in 40 chunks, which all shift
    store.save(namespace)
    namespace["x"].insert(0, b"y" * 100)
    assert cost(store, namespace) < 40 * 500
    assert store.load(2)["x"] == namespace["x"]


def test_many_elements_grow_or_go(store: PodStore) -> None:
    """So that what follows moves by several chunks."""
    namespace = pod.new_managed_namespace(x=[{"text": each} for each in values(150_000)])
    first = cost(store, namespace)
    for number, each in enumerate(namespace["x"][::4]):
        each["number"] = number + 1_000_000
    grown = cost(store, namespace)
    del namespace["x"][::40]
    gone = cost(store, namespace)
    assert grown < 0.6 * first and gone < 0.4 * first
    assert store.load(3)["x"] == namespace["x"]


def facing(now: list[str], then: list[str], last: int = CHUNK_BYTES) -> list[tuple[str, str]]:
    size = CHUNK_BYTES * (len(now) - 1) + last
    return list(
        predecessors._facing(
            Content(size, tuple(now)), Content(CHUNK_BYTES * len(then), tuple(then))
        )
    )


def test_which_chunk_is_probably_like_which() -> None:
    assert facing(["a", "x", "c"], ["a", "b", "c"]) == [("x", "b"), ("c", "c")]
    assert facing(["a", "b"], ["a", "b"]) == []
    assert facing(["a"], []) == []
    # A few bytes put in at the front: each is like the one of its number.
    assert facing(list("wxyz"), list("abc"), last=5) == list(zip("wxyz", "abcc", strict=True))
    # Appended to; and twice and half as long, all of it other than before.
    assert facing(list("aby"), ["a", "b"]) == [("y", "b")]
    assert facing(list("uvwx"), ["a", "b"]) == [("u", "a"), ("v", "a"), ("w", "b"), ("x", "b")]
    assert facing(["x", "y"], list("abcd")) == [("x", "a"), ("y", "c")]


def test_one_element_and_one_row_of_a_large_array(store: PodStore) -> None:
    array = np.random.default_rng(0).random((400_000, 10))  # 32 MB
    namespace = pod.new_managed_namespace(x=array)
    store.save(namespace)
    namespace["x"][100_000, 5] = 0
    assert cost(store, namespace) < 3000
    namespace["x"] = np.vstack([array, np.zeros((1, 10))])
    assert cost(store, namespace) < 3000
    namespace["x"] = np.asfortranarray(namespace["x"])
    store.save(namespace)
    namespace["x"] = np.asfortranarray(np.vstack([namespace["x"], np.ones((1, 10))]))
    assert cost(store, namespace) < 125 * 500  # each column begins elsewhere now
    assert np.array_equal(store.load(5)["x"], namespace["x"])


def test_a_row_appended_to_a_frame(store: PodStore) -> None:
    rng = np.random.default_rng(0)
    words = [f"word {number}" for number in rng.integers(0, 10_000, 50_000)]
    frame = pd.DataFrame({"a": rng.random(50_000), "b": rng.random(50_000), "words": words})
    namespace = pod.new_managed_namespace(frame=frame)
    first = cost(store, namespace)
    namespace["frame"] = pd.concat(
        [frame, pd.DataFrame({"a": [1.0], "b": [2.0], "words": ["a new word"]})], ignore_index=True
    )
    assert cost(store, namespace) < 0.02 * first
    pd.testing.assert_frame_equal(store.load(2)["frame"], namespace["frame"])


def test_a_change_after_a_checkout_and_in_another_process(store: PodStore) -> None:
    namespace = pod.new_managed_namespace(a=[values(3000)], b=values(3000, 1), c=values(3000, 2))
    store.save(namespace)
    with pod.open(store.path) as other:
        for number, process in enumerate((store, other)):
            loaded = process.load(1)  # where its pods were is not known
            loaded["a"][0][5], loaded["b"][number] = b"y" * (number + 1), b"z" * 100
            assert cost(process, loaded) < 4000
            loaded["c"].append(b"%d" % number)
            assert cost(process, loaded) < 4000
        assert other.load(3)["c"] == [*values(3000, 2), b"0"]
        assert store.load(5)["c"] == [*values(3000, 2), b"1"]


def test_a_plain_dict_of_which_no_session_knows(store: PodStore) -> None:
    namespace: dict[str, Any] = {"x": values(3000), "y": [1]}
    store.save(namespace)
    namespace["x"][7] = b"y"
    assert cost(store, namespace) < 2000
    namespace["z"] = [1, 2]
    assert cost(store, namespace) < 2000
    assert store.load(3) == namespace


def test_one_of_many_variables(store: PodStore) -> None:
    """A small change in a namespace of many variables, each of which has its entry in a shard. That
    is stored whole: if something is damaged, what a delta of it would need is not lost with it."""
    namespace = pod.new_managed_namespace(
        **{f"name_{n}": list(range(n, n + 100)) for n in range(1000)}
    )
    store.save(namespace)
    namespace["name_500"].append(1)
    assert cost(store, namespace) < 5000


def test_a_little_in_each_chunk_of_an_array(store: PodStore) -> None:
    numbers = np.random.default_rng(0).random(20 * MB // 8)
    namespace = pod.new_managed_namespace(x=numbers)
    store.save(namespace)
    before = deltas(store)
    namespace["x"][::1000] += 1
    assert cost(store, namespace) < 0.02 * numbers.nbytes
    assert deltas(store) - before >= 80


@pytest.mark.parametrize(("at_rest", "most"), [(True, 40 * 2500), (False, 10 * CHUNK_BYTES)])
def test_many_small_changes_one_after_the_other(store: PodStore, at_rest: bool, most: int) -> None:
    """With what is being written yet, a change may find no base: that is rare."""
    rng = random.Random(0)
    array = np.random.default_rng(0).random(4 * MB // 8)
    namespace = pod.new_managed_namespace(x=array)
    store.save(namespace)
    begin = packs(store)
    copies = {}
    for _ in range(40):
        namespace["x"][rng.randrange(len(array))] = rng.random()
        copies[store.save(namespace)] = array.copy()
        if at_rest:
            store.flush()
    assert packs(store) - begin < most
    with pod.open(store.path) as other:
        for t in rng.sample(sorted(copies), 8):
            assert np.array_equal(other.load(t)["x"], copies[t])
        assert other.verify()


@pytest.mark.usefixtures("inline")
def test_what_a_pending_save_may_be_a_delta_against_is_kept(
    store: PodStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Garbage collection does not wait for what its own process has yet to write."""
    one, other = pod.new_managed_namespace(x=values(100)), pod.new_managed_namespace(y=1)
    store.save(one)
    store.flush()
    [pack] = store.path.glob("packs/*")
    store.save(other)
    store.flush()
    storage = store.history.repository.storage
    put = storage.put

    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(storage, "put", full)
    one["x"] = [*values(100)[1:], b"y"]
    store.save(one)
    with pytest.raises(StorageError):
        store.flush()
    monkeypatch.setattr(storage, "put", put)
    report = collect_garbage([store.history], Retention(keep_last=1))
    assert 1 in report.times and pack.exists()
    store.flush()
    assert deltas(store) and store.verify()
    assert store.load(3)["x"] == one["x"]


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_garbage_collection_keeps_deltas_small(store: PodStore, keep: int) -> None:
    """What is stored once more is a delta against what stays, or what was stored before it."""
    namespace = pod.new_managed_namespace(x=values(20_000), y=values(5000, 1))
    store.save(namespace)
    for number in range(12):
        namespace["x"][number] = b"%100d" % number
        if number % 3 == 0:
            namespace["waste"] = values(2000, number)
        store.save(namespace)
    store.flush()
    before = packs(store)
    report = store.gc(keep_last=keep)
    assert len(report.times) == 13 - keep
    assert packs(store) < before - 300_000 and store.verify()
    with pod.open(store.path, create=False) as other:
        loaded = other.load(13)
        assert loaded["x"] == namespace["x"] and loaded["waste"] == namespace["waste"]
