"""The states of the global random generators: read, set, and left alone where that cannot be."""

from __future__ import annotations

import json
import random
import sys
import time
import timeit
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.random
import pytest
from pod.history import generators
from pod.history.records import Commit
from pod.history.show import show_commit
from pod.history.verify import GENERATORS
from pod.library import PodStore
from pod.session import Session
from pod.store.codec import digest
from pod.tracking import EverythingTracker


@pytest.fixture(autouse=True)
def _generators_as_found() -> Iterator[None]:
    python, legacy = random.getstate(), np.random.get_state(legacy=False)
    yield
    random.setstate(python)
    np.random.set_state(legacy)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PodStore]:
    with PodStore(tmp_path / "pods") as opened:
        yield opened


def tracking(store: PodStore, namespace: dict[str, Any]) -> Session:
    session = store.session(namespace, EverythingTracker())
    session.track_random = True
    return session


def save(session: Session) -> int:
    saved = session.save()
    assert saved is not None
    return saved.t


def draw() -> list[float]:
    """From everything that has a state of its own, the halves of pairs of normal numbers too."""
    return [
        random.gauss(0, 1), random.random(), np.random.standard_normal(), np.random.rand(),
        random.randrange(10**9), np.random.randint(10**9),
    ]  # fmt: skip


@pytest.mark.parametrize("drawn_before", range(4))
def test_going_back_draws_the_same_numbers(store: PodStore, drawn_before: int) -> None:
    session = tracking(store, {"x": 1})
    random.seed(drawn_before)
    np.random.seed(drawn_before)
    for _ in range(drawn_before):  # with and without a half of a pair in store
        random.gauss(0, 1)
        np.random.standard_normal()
    t = save(session)
    first = draw()
    there = save(session)
    after = draw()
    assert sorted(session.checkout(t).generators.setters) == ["numpy", "random"]
    assert draw() == first
    session.checkout(there)
    assert draw() == after


def test_the_state_is_kept_to_the_last_bit() -> None:
    random.seed("text")
    np.random.seed([1, 2, 3])
    random.gauss(0, 1)
    np.random.standard_normal()
    python, legacy = random.getstate(), np.random.get_state(legacy=False)
    blobs = generators.states()
    assert python[2] is not None and legacy["has_gauss"] == 1
    draw()
    for name in ("random", "numpy"):
        generators._GENERATORS[name].setter(json.loads(blobs[name]))()
    assert random.getstate() == python
    now = np.random.get_state(legacy=False)
    assert (now["state"]["key"] == legacy["state"]["key"]).all()
    assert (now["state"]["pos"], now["has_gauss"], now["gauss"]) == (
        legacy["state"]["pos"], 1, legacy["gauss"],
    )  # fmt: skip


def test_a_checkout_that_changes_no_generator_says_nothing_of_them(store: PodStore) -> None:
    session = tracking(store, {"x": 1})
    t = save(session)
    session.namespace["x"] = 2
    save(session)
    report = session.checkout(t)
    assert (report.generators.setters, report.generators.failures) == ({}, {})


def test_nothing_is_stored_when_nothing_was_drawn(store: PodStore) -> None:
    session = tracking(store, {"x": 1})
    first = save(session)
    second = save(session)
    random.random()
    third = save(session)
    store.flush()
    one, two, three = map(store.history.commit, (first, second, third))
    assert one.random == two.random
    assert two.bytes == 0
    assert dict(two.random)["numpy"] == dict(three.random)["numpy"]
    assert 0 < three.bytes < 5000
    assert generators.changed(one, two) == ()
    assert generators.changed(two, three) == ("random",)


def test_drawing_is_a_change(store: PodStore) -> None:
    session = tracking(store, {"x": 1})
    t = save(session)
    assert session.save(only_if_changed=True) is None
    np.random.rand()
    assert session.save(only_if_changed=True) is not None
    np.random.rand()
    assert session.checkout(t).saved is not None
    # What was set by the checkout is not a change.
    assert session.save(only_if_changed=True) is None
    assert session.checkout(t).saved is None


def test_some_variables_brought_back_leave_the_generators_alone(store: PodStore) -> None:
    session = tracking(store, {"x": [1]})
    t = save(session)
    session.namespace["x"].append(2)
    draw()
    before = generators.states()
    session.checkout(t, ["x"])
    assert session.namespace["x"] == [1]
    assert generators.states() == before


def test_loading_and_comparing_leave_them_alone(store: PodStore) -> None:
    session = tracking(store, {"x": [1]})
    a = save(session)
    draw()
    session.namespace["x"].append(2)
    b = save(session)
    draw()
    before = generators.states()
    store.load(a)
    diff = store.diff(a, b)
    assert generators.states() == before
    assert diff.generators == ("numpy", "random")
    assert "~ random generators: numpy, random" in str(diff)
    assert "random generators: numpy, random" in diff._repr_html_()
    assert "random generators" not in str(store.diff(a, a))
    shown = show_commit(store.history, b, None)
    assert "random generators drawn from or seeded: numpy, random" in str(shown)
    assert shown.to_json()["generators"] == ["numpy", "random"]
    assert "random generators" not in str(show_commit(store.history, a, None))


def test_a_time_that_says_nothing_of_them(store: PodStore) -> None:
    """Of an earlier Pod, of `pod.save`, or with `track_random` off."""
    session = store.session({"x": 1}, EverythingTracker())
    old = save(session)
    assert store.history.commit(old).random == ()
    session.track_random = True
    t = save(session)
    draw()
    before = generators.states()
    assert session.checkout(old).generators.setters == {}
    assert generators.states() == before
    assert session.checkout(t).saved is None
    session.track_random = False
    draw()
    before = generators.states()
    assert session.checkout(t).generators.setters == {}
    assert generators.states() == before


def test_a_commit_without_the_field_can_be_read() -> None:
    raw = Commit(1, None, "", 0.0, "", True, "", (), (), (), 0, 0.0, ()).to_json()
    assert raw.pop("random") == {}
    assert Commit.from_json(raw).random == ()
    for wrong in (None, "0" * 64, [], {"numpy": 3}):
        with pytest.raises((TypeError, ValueError)):
            Commit.from_json(raw | {"random": wrong})


def test_generators_of_other_kinds_are_left_out_and_left_alone(store: PodStore) -> None:
    session = tracking(store, {"x": 1})
    t = save(session)
    own = np.random.get_bit_generator()
    np.random.set_bit_generator(np.random.PCG64(5))
    try:
        there = save(session)
        assert [name for name, _ in store.history.commit(there).random] == ["random"]
        random.random()
        expected = np.random.RandomState(np.random.PCG64(5)).rand()
        report = session.checkout(t)
        assert report.generators.failures == {"numpy": "numpy's generator is PCG64 now"}
        assert list(report.generators.setters) == ["random"]
        assert np.random.rand() == expected
    finally:
        np.random.set_bit_generator(own)


def test_a_session_that_replaced_parts_of_these_modules(
    store: PodStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = tracking(store, {"x": 1})
    t = save(session)
    secure = random.SystemRandom()
    draw()
    with monkeypatch.context() as patched:
        patched.setattr(random, "getstate", secure.getstate)
        patched.setattr(random, "setstate", secure.setstate)
        assert list(generators.states()) == ["numpy"]
        report = session.checkout(t)
        assert list(report.generators.failures) == ["random"]
        assert report.generators.failures["random"].startswith("NotImplementedError: ")
        assert list(report.generators.setters) == ["numpy"]
    assert save(session) > t


def _edit(field: str, value: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda state: state | {field: value}


@pytest.mark.parametrize("generator", ["random", "numpy"])
@pytest.mark.parametrize(
    "edit",
    [
        lambda state: {},
        lambda state: [],
        _edit("key", ""),
        _edit("key", "AAAA"),
        _edit("key", "!"),
        _edit("key", 5),
        _edit("pos", -1),
        _edit("pos", 625),
        _edit("pos", "1"),
        _edit("pos", 10**30),
        _edit("gauss", "text"),
        _edit("gauss", 1),
    ],
)
def test_a_state_that_is_none_is_refused_before_anything_is_set(
    store: PodStore, generator: str, edit: Any
) -> None:
    session = tracking(store, {"x": 1})
    good = save(session)
    blobs = generators.states()
    bad = generators.canonical(edit(json.loads(blobs[generator])))
    draw()
    before = generators.states()
    commit = replace(
        store.history.commit(good),
        random=tuple(sorted(generators.put(blobs | {generator: bad}, digest))),
    )

    class Fake:
        def blob(self, name: str) -> bytes:
            return {digest(each): each for each in (*blobs.values(), bad)}[name]

    settings = generators.prepare(Fake(), commit)  # type: ignore[arg-type]
    assert list(settings.failures) == [generator]
    assert generators.states() == before
    settings.apply()
    now = generators.states()
    assert now[generator] == before[generator]
    assert {now[name] == blobs[name] for name in now if name != generator} == {True}


def test_numpy_that_is_not_imported_is_not_imported(
    store: PodStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = tracking(store, {"x": 1})
    t = save(session)
    draw()
    save(session)
    monkeypatch.delitem(sys.modules, "numpy.random")
    monkeypatch.delitem(sys.modules, "numpy")
    report = session.checkout(t)
    assert report.generators.failures == {
        "numpy": "numpy is not imported; import it and check out again"
    }
    assert list(report.generators.setters) == ["random"]
    assert "numpy" not in sys.modules
    assert [name for name, _ in store.history.commit(save(session)).random] == ["random"]


def test_it_costs_next_to_nothing() -> None:
    def seconds(call: Callable[[], Any]) -> float:
        return min(timeit.repeat(call, timer=time.process_time, number=50, repeat=5))

    asked = seconds(lambda: (random.getstate(), np.random.get_state()))
    assert seconds(generators.digests) < 6 * asked  # about twice that; the asking takes 0.05 ms


def pack_of_a_state(store: PodStore, session: Session) -> tuple[int, Path]:
    """A time that stored nothing but a generator's state, and the pack of that."""
    store.flush()
    packs = set(store.path.glob("packs/*"))
    random.random()
    t = save(session)
    store.flush()
    [pack] = set(store.path.glob("packs/*")) - packs
    return t, pack


def test_garbage_collection_keeps_the_states(store: PodStore) -> None:
    session = tracking(store, {"x": 1})
    save(session)
    t, pack = pack_of_a_state(store, session)
    drawn = draw()
    save(session)
    store.gc()
    assert pack.exists()
    session.checkout(t)
    assert draw() == drawn


def test_a_damaged_state_is_named_and_the_variables_come_back(store: PodStore) -> None:
    ns: dict[str, Any] = {"x": [1]}
    session = tracking(store, ns)
    save(session)
    t, pack = pack_of_a_state(store, session)
    assert store.verify()
    ns["x"].append(2)
    draw()
    random.seed(7)  # else the next state is a delta against this one
    save(session)
    store.flush()
    data = bytearray(pack.read_bytes())
    data[8] ^= 1
    pack.write_bytes(data)
    report = session.checkout(t)
    assert ns["x"] == [1]
    assert list(report.generators.failures) == ["random"]
    assert list(report.generators.setters) == ["numpy"]
    damage = [each for each in store.verify().damage if each.times]
    assert [(each.times, each.variables) for each in damage] == [((t,), (GENERATORS,))]
    assert damage[0].what.startswith("state of the random generator of random, blob ")
