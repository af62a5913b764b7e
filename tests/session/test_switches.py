"""Switches for experiments: what is saved is the same, what it costs is not."""

from __future__ import annotations

from pathlib import Path

import pod
import pytest


def sizes(path: Path, **options: object) -> tuple[list[int], dict[str, object]]:
    """Bytes that each of some saves of the same content adds, and what is loaded at last."""
    with pod.open(path, **options) as store:
        ns = pod.new_managed_namespace(
            kept=[b"k" * 9] * 400, x=[bytes([n % 251] * 300) for n in range(900)]
        )
        times = [store.save(ns)]
        for _ in range(3):
            ns["x"].append(b"one more")
            times.append(store.save(ns))
        store.flush()
        return [commit.bytes for commit in reversed(store.log())], dict(store.load(times[-1]))


def test_what_is_forgotten_is_stored_again_and_nothing_is_lost(tmp_path: Path) -> None:
    known, loaded = sizes(tmp_path / "all", snapshot="inline")
    none, same = sizes(tmp_path / "none", snapshot="inline", known_bytes=0)
    some, too = sizes(tmp_path / "some", snapshot="inline", known_bytes=1 << 20)
    assert loaded == same == too
    assert sum(none) >= sum(known) and sum(some) <= sum(none)
    assert known == some


def test_without_the_filter_everything_is_looked_at(tmp_path: Path) -> None:
    looked: list[str] = []

    class Watched:
        def __reduce__(self) -> tuple[object, ...]:
            looked.append("at")
            return int, ()

    with pod.open(tmp_path / ".pod", snapshot="inline", active_filter=False) as store:
        ns = pod.new_managed_namespace(quiet=Watched(), busy=1)
        store.save(ns)
        del looked[:]
        ns["busy"] = 2
        store.save(ns)
        assert looked == ["at"]


def test_a_snapshot_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="auto, inline, fork, thread"):
        pod.open(tmp_path / ".pod", snapshot="quick")
