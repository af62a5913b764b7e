"""Retention rules, garbage collection and what it leaves to be seen; one process, real files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pod
import pytest
from pod.errors import PodError, TimeReferenceError
from pod.history.records import Commit
from pod.history.retention import Retention, bridges, moment, nbytes
from pod.history.show import show_commit
from pod.store import generations, processes
from pod.store.storage import LocalStorage

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[pod.PodStore]:
    with pod.open(tmp_path / ".pod") as opened:
        yield opened


def fill(store: pod.PodStore, times: int = 6, nbytes: int = 20_000) -> dict[str, Any]:
    """A namespace, saved so many times with other content."""
    namespace = pod.new_managed_namespace(fixed=os.urandom(nbytes))
    for number in range(times):
        namespace["x"] = [number, os.urandom(nbytes)]
        store.save(namespace)
    store.flush()
    return namespace


def times(store: pod.PodStore) -> list[int]:
    return store.history.times()


def size_of(path: Path) -> int:
    return sum(
        one.stat().st_size for name in ("packs", "commits") for one in (path / name).iterdir()
    )


def commit(t: int, parent: int | None = None, days_ago: float = 0.0) -> Commit:
    created = (NOW - timedelta(days=days_ago)).isoformat(timespec="milliseconds")
    return Commit(t, parent, created, 0.0, "", True, "", (), (), (), 0, 0.0, ())


# Rules


@pytest.mark.parametrize(
    "given, expected",
    [("2GB", 2 * 10**9), ("500 kB", 500_000), ("1.5GiB", 3 * 2**29), ("17", 17), (42, 42)],
)
def test_sizes(given: int | str, expected: int) -> None:
    assert nbytes(given) == expected


@pytest.mark.parametrize("given", ["", "two", "2 apples", "-3MB", "GB"])
def test_what_is_no_size(given: str) -> None:
    with pytest.raises(PodError, match="is no size"):
        nbytes(given)


def test_moments() -> None:
    assert moment("7d", NOW) == NOW - timedelta(days=7)
    assert moment("12h", NOW) == NOW - timedelta(hours=12)
    assert moment("1.5 h", NOW) == NOW - timedelta(minutes=90)
    assert moment(timedelta(weeks=1), NOW) == moment("1w", NOW)
    assert moment("2026-01-31T10:00:00+00:00") == datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert moment("2026-01-31") == datetime(2026, 1, 31).astimezone(UTC)
    for wrong in ("yesterday", "7 moons", "", "2026-13-01", "9" * 30 + "d"):
        with pytest.raises(PodError, match="is no time"):
            moment(wrong)


def test_what_any_rule_keeps_stays() -> None:
    commits = [commit(t, days_ago=10 - t) for t in range(9, 0, -1)]
    assert Retention().kept(commits, {2}) == set(range(1, 10))
    assert Retention(keep_last=3).kept(commits, set()) == {9, 8, 7}
    assert Retention(keep_last=1).kept(commits, {2}) == {9, 2}
    assert Retention(keep_tagged=True).kept(commits, {2, 5}) == {2, 5}
    assert Retention(keep_last=1, keep_tagged=False).kept(commits, {2}) == {9}
    since = Retention(keep_since=NOW - timedelta(days=4.5))
    assert since.kept(commits, set()) == {9, 8, 7, 6}
    both = Retention(keep_last=2, keep_since=NOW - timedelta(days=3.5))
    assert both.kept(commits, {1}) == {9, 8, 7, 1}


def test_max_size_cuts_the_oldest_and_never_what_is_fixed() -> None:
    commits = [commit(t) for t in (5, 4, 3, 2, 1)]
    total = 0

    def grow(_: Commit) -> int:
        nonlocal total
        total += 10
        return total

    assert Retention(max_size=35).cut(commits, {5, 1}, grow) == {5, 1, 4}


def test_bridges_lead_to_the_nearest_that_stays() -> None:
    parents = {1: None, 2: 1, 3: 2, 4: 3, 5: 4, 6: 3}
    assert bridges(parents, {1, 5, 6}, {}) == {4: 1, 3: 1}
    assert bridges({5: 4, 9: 5}, {9}, {4: 2}) == {5: None}
    assert bridges({2: None, 5: 4, 9: 5}, {2, 9}, {4: 2}) == {5: 2}
    assert bridges({3: 2, 2: 3}, {3}, {}) == {2: 3}


# Collections


def test_keep_last(store: pod.PodStore) -> None:
    namespace = fill(store)
    before = size_of(store.path)
    report = store.gc(keep_last=2)
    assert report.times == (1, 2, 3, 4) and times(store) == [5, 6]
    assert before - size_of(store.path) == report.bytes > 60_000
    assert store.load(5)["x"][0] == 4 and store.load(6) == dict(dict.items(namespace))
    assert store.verify()
    assert store.save(namespace) == 7


def test_keep_tagged_and_tags_that_protect(store: pod.PodStore) -> None:
    first = fill(store)
    store.tag("best", 2)
    assert store.gc(keep_last=1).times == (1, 3, 4, 5)
    second = fill(store, 2)
    assert times(store) == [2, 6, 7, 8]
    assert store.gc(keep_tagged=True, dry_run=True).times == (7,)
    assert store.gc(keep_last=1, keep_tagged=False).times == (2, 7)
    del first, second  # as long as there were these, 6 and 8 were HEADs
    assert store._repository.tags() == {}
    assert store.verify()


def test_keep_since(store: pod.PodStore) -> None:
    fill(store, 3)
    assert store.gc(keep_since="1h").times == ()
    assert store.gc(keep_since=datetime.now(UTC) + timedelta(hours=1)).times == (1, 2)


def test_max_size_is_kept_to(store: pod.PodStore) -> None:
    fill(store, 12)
    store.tag("first", 1)
    report = store.gc(max_size="120kB")
    assert size_of(store.path) <= 120_000
    assert (
        1 in times(store)
        and 12 in times(store)
        and report.times == tuple(range(2, 2 + len(report.times)))
    )
    assert len(report.times) >= 5 and store.verify()


def test_a_pack_is_rewritten_when_half_of_it_is_not_needed(store: pod.PodStore) -> None:
    namespace = pod.new_managed_namespace(small=os.urandom(30_000), big=os.urandom(200_000))
    store.save(namespace)
    namespace["big"] = 0
    store.save(namespace)
    report = store.gc(keep_last=1)
    assert report.rewritten == 1 and 195_000 < report.bytes < 205_000
    assert size_of(store.path) < 40_000
    assert store.load() == dict(dict.items(namespace)) and store.verify()
    assert store.gc().packs == ()
    # What moved is known: a save stores nothing once more.
    namespace["big"] = 1
    t = store.save(namespace)
    store.flush()
    assert store.history.commit(t).bytes < 5_000


def test_a_dry_run_says_exactly_what_goes_and_changes_nothing(store: pod.PodStore) -> None:
    fill(store)
    before = {one: one.read_bytes() for one in store.path.rglob("*") if one.is_file()}
    planned = store.gc(keep_last=2, dry_run=True)
    assert {one: one.read_bytes() for one in store.path.rglob("*") if one.is_file()} == before
    assert "would remove 4 times (1-4)" in str(planned)
    done = store.gc(keep_last=2)
    assert (planned.times, planned.packs, planned.rewritten) == (
        done.times,
        done.packs,
        done.rewritten,
    )
    # What is stored once more may become a delta against something else.
    assert abs(planned.bytes - done.bytes) < 0.02 * done.bytes
    assert "removed 4 times (1-4)" in str(done)


def test_head_of_a_session_of_this_process_stays(store: pod.PodStore) -> None:
    namespace = fill(store)
    namespace.origin.checkout(2)
    assert 2 not in store.gc(keep_last=1).times
    assert times(store) == [2, 6]


def test_nothing_goes_when_a_commit_is_damaged_unless_a_rule_removes_it(
    store: pod.PodStore,
) -> None:
    fill(store, 4)
    with pod.open(store.path) as fresh:
        (store.path / "commits" / "2").write_bytes(b"rubbish")
        with pytest.raises(PodError, match=r"nothing removed: commits/2 .*damaged.*--keep-last"):
            fresh.gc()
        with pytest.raises(PodError, match="nothing removed"):
            fresh.gc(keep_since="1h")
        assert fresh.gc(keep_last=2).times == (1, 2)
        assert fresh.verify()


def test_a_lost_commit_that_is_tagged_is_not_given_again(store: pod.PodStore) -> None:
    fill(store, 3)
    store.tag("precious", 3)
    (store.path / "commits" / "3").unlink()
    with pod.open(store.path) as fresh:
        assert fresh.save({"y": 1}) == 4


def test_what_was_left_behind_is_cleared_away(store: pod.PodStore) -> None:
    fill(store, 2)
    code = f"""
        import os, pod
        from pod.store.leases import Lease
        store = pod.open({str(store.path)!r})
        store.save({{"x": 1}})
        store.flush()
        store.history.repository.claim(1)
        storage = store.history.repository.storage
        def parts():
            yield b"half"
            os._exit(0)
        storage.put("packs/" + "0" * 64 + ".pack", parts())
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
    assert (store.path / "claims" / "4").exists()
    [unfinished] = (store.path / "packs").glob(".tmp-*")
    (store.path / "packs" / ".tmp-whose").write_bytes(b"x")
    assert len(list((store.path / "leases").iterdir())) == 2
    fill(store, 2)
    assert times(store) == [1, 2, 3, 5, 6]
    store.gc()
    assert not unfinished.exists() and (store.path / "packs" / ".tmp-whose").exists()
    assert not list((store.path / "claims").iterdir())
    assert len(list((store.path / "leases").iterdir())) == 1
    os.utime(store.path / "packs" / ".tmp-whose", (0, 0))
    store.gc()
    assert not (store.path / "packs" / ".tmp-whose").exists()


def test_a_file_that_is_being_written_is_not_cleared_away(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.put("format.json", [b"{}"])

    def parts() -> Iterator[bytes]:
        yield b"half"
        assert storage.sweep() == 0
        yield b"whole"

    storage.put("packs/a.pack", parts())
    assert storage.get("packs/a.pack") == b"halfwhole"


def test_a_process_is_known_by_more_than_its_number() -> None:
    me = processes.current()
    assert processes.is_running(me)
    assert processes.Process.from_json(json.loads(json.dumps(me.to_json()))) == me
    if me.born:
        again = processes.Process(me.host, me.system, me.pid, me.born + 1)
        assert processes.is_running(again) is False
    elsewhere = processes.Process("elsewhere", "0" * 12, me.pid, me.born)
    assert processes.is_running(elsewhere) is None
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert processes.is_running(processes.Process(me.host, me.system, ended.pid, 0)) is False


def test_a_tag_that_was_set_halfway_goes_with_its_time(store: pod.PodStore) -> None:
    fill(store, 3)
    store.gc(keep_last=1)
    store._repository.set_tag("half", 1)  # as if whoever tags was ended before looking again
    assert store.verify()
    store.gc()
    assert store._repository.tags() == {}


def test_a_time_that_is_being_removed_cannot_be_tagged(
    store: pod.PodStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, 3)
    store.tag("mine", 1)
    storage = store._repository.storage
    monkeypatch.setattr("pod.store.repository._REMOVAL_SECONDS", 0.1)
    plan = generations.announce(storage, generations.Generation(removing=frozenset({2})))
    with pytest.raises(TimeReferenceError, match=r"time 2 is being removed .* 'pod gc' ends it"):
        store.tag("mine", 2)
    assert store._repository.tags() == {"mine": 1}
    store.gc()  # of what announced that, nothing is alive
    assert plan not in storage.list("gc/")
    store.tag("mine", 2)
    assert store._repository.tags() == {"mine": 2}


# What is seen afterwards


def test_a_removed_time_is_called_so(store: pod.PodStore) -> None:
    fill(store, 4)
    store.gc(keep_last=2)
    for act in (store.load, lambda t: store.tag("again", t), lambda t: store.diff(t, 4)):
        with pytest.raises(TimeReferenceError, match="time 1 was removed by garbage collection"):
            act(1)
    with pytest.raises(TimeReferenceError, match="there is no time 77"):
        store.load(77)
    with pod.open(store.path) as fresh, pytest.raises(TimeReferenceError, match="was removed"):
        fresh.load(2)


def test_a_parent_that_was_removed(store: pod.PodStore) -> None:
    namespace = fill(store, 3)
    namespace.origin.checkout(1)
    namespace["y"] = 1
    store.save(namespace)  # 4, from 1
    for number in range(2):
        namespace["y"] = number + 2
        store.save(namespace)  # 5, 6
    store.tag("old", 1)
    store.flush()
    assert store.gc(keep_last=1).times == (2, 3, 4, 5)
    words = r"time 6 came from time 5, which was removed by garbage collection"
    with pytest.raises(TimeReferenceError, match=rf"HEAD~1 cannot be reached: {words}"):
        store.load("HEAD~1")
    with pytest.raises(TimeReferenceError, match=words):
        store.diff()
    found = store.diff(1, 6)
    assert found["y"].status == "added" and words in found.trouble
    assert "after time 5, which was removed" in str(show_commit(store.history, 6, 6))
    text = str(store.log())
    assert "6" in text and "1" in text
    # The dashed line leads from 6 to 1, in one lane.
    assert store.log()._drawn()[0][0].parent == 1 or store.log()._drawn()[0][0].below[0].goal == 1
    namespace["y"] = "on"
    assert store.load(store.save(namespace))["y"] == "on"
    assert store.verify()


def test_a_session_whose_head_was_removed_saves_everything_anew(store: pod.PodStore) -> None:
    namespace = fill(store)
    namespace.origin.checkout(2)
    store.flush()
    code = f"import pod; print(pod.open({str(store.path)!r}).gc(keep_last=1).times)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "(1, 2, 3, 4, 5)\n"
    namespace["y"] = 1
    t = store.save(namespace)
    store.flush()
    with pod.open(store.path) as fresh:
        assert fresh.verify() and fresh.load(t) == dict(dict.items(namespace))
        assert fresh.history.commit(t).parent == 2


def test_the_newest_of_a_session_that_is_alive_stays(store: pod.PodStore) -> None:
    namespace = fill(store, 3)
    code = f"""
        import pod
        with pod.open({str(store.path)!r}) as other:
            other.save({{"z": 1}})
            other.flush()
            print(other.gc(keep_last=1).times)
    """
    run = [sys.executable, "-c", textwrap.dedent(code)]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "(1, 2)\n"
    assert times(store) == [3, 4] and store.load(3) == dict(dict.items(namespace))
