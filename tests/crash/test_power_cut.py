"""After a power cut at any system call: what was acknowledged is there, and all that is there is
whole, however little of what was not synced has reached the disk."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pod
import pytest
from support.faulty_storage import SCALE
from support.isomorphism import difference
from support.power_cut import Trace, write_out


def plain(namespace: Any) -> list[tuple[str, Any]]:
    return sorted((name, value) for name, value in dict.items(namespace))


def work(path: Path, trace: Trace) -> dict[int, list[tuple[str, Any]]]:
    """A first session, tags, a checkout, garbage collection, a second session."""
    saved: dict[int, list[tuple[str, Any]]] = {}

    def save(store: pod.PodStore, namespace: Any) -> int:
        t = store.save(namespace)
        saved[t] = [(name, list(value)) for name, value in plain(namespace)]
        store.flush()
        trace.note("acknowledged", t)
        return t

    with pod.open(path, background=False) as store:
        namespace = pod.new_managed_namespace(x=[1], text=[random.Random(0).randbytes(900)])
        first = save(store, namespace)
        namespace["y"] = list(range(500))
        save(store, namespace)
        trace.note("tagging", "best")
        store.tag("best", first)
        trace.note("tagged", "best", first)
        namespace["x"].append(2)
        namespace["text"].append("more")
        third = save(store, namespace)
        trace.note("tagging", "best")
        store.tag("best", third)
        trace.note("tagged", "best", third)
        store.save(namespace, message="nothing new")
        saved[4] = [(name, list(value)) for name, value in plain(namespace)]
    with pod.open(path, background=False) as store:
        namespace = store.load(2)
        namespace["z"] = ["from 2"]
        save(store, namespace)
        trace.note("collecting")
        store.gc(keep_last=2, patience=0)  # 3 is tagged
        trace.note("collected")
        namespace["z"].append("after")
        save(store, namespace)
        packs = store.history.repository.packs().values()
        assert any(entry.base is not None for entries in packs for entry in entries)
    return saved


def promised(calls: list[tuple[Any, ...]]) -> tuple[set[int], dict[str, set[int]]]:
    """Times that must be there, and what tags may be, after these calls."""
    times = {call[1] for call in calls if call[0] == "acknowledged"}
    if any(call[0] == "collecting" for call in calls):
        times -= {1, 2}
    tags: dict[str, set[int]] = {}
    for call in calls:
        if call[0] == "tagging":
            tags.setdefault(call[1], set()).update({1, 3})
        if call[0] == "tagged":
            tags[call[1]] = {call[2]}
    return times, tags


def test_a_power_cut_at_any_system_call_costs_nothing_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    trace = Trace(tmp_path / "real")
    with trace.recording(monkeypatch):
        saved = work(tmp_path / "real" / "pod", trace)
    assert len(trace.numbers("sync")) > 10 and len(trace.numbers("sync directory")) > 10
    for upto in range(len(trace.calls) + 1):
        for luck in range(SCALE if SCALE > 1 else 1):
            rng = random.Random(1000 * upto + luck)
            for number, files in enumerate(trace.disks(upto, rng)):
                if SCALE == 1 and number != upto % 3:
                    continue
                print(f"after {upto} of {len(trace.calls)} calls, disk {number}.{luck}")
                where = tmp_path / f"{upto}-{luck}-{number}"
                where.mkdir()
                write_out(files, tmp_path / "real", where)
                must_be_whole(where / "pod", saved, *promised(trace.calls[:upto]))


def must_be_whole(
    path: Path,
    saved: dict[int, list[tuple[str, Any]]],
    times: set[int],
    tags: dict[str, set[int]],
) -> None:
    with pod.open(path, background=False) as store:
        there = store.history.times()
        assert times <= set(there)
        assert store.verify(), str(store.verify())
        for t in there:
            assert difference(plain(store.load(t)), saved[t]) is None
        found = store.history.repository.tags()
        assert found.keys() >= {tag for tag, may in tags.items() if len(may) == 1}
        assert all(found[tag] in may for tag, may in tags.items() if tag in found)
        new = store.save({"after": [path.name]})
        assert store.history.times() == [*there, new]
        store.gc(patience=0)
        assert store.verify()
        assert dict(store.load(new)) == {"after": [path.name]}
