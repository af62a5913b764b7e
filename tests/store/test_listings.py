"""A listing that is kept is what listing anew would give."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pod.store import listings as listings_module
from pod.store import repository as repositories
from pod.store.leases import Lease
from pod.store.listings import Listings
from pod.store.repository import Repository
from pod.store.storage import Keys, LocalStorage, Markable, Storage
from support.memory_storage import MemoryStorage

PREFIX = "packs/"


class Marked(MemoryStorage):
    """Counts listings."""

    def __init__(self) -> None:
        super().__init__()
        self.listed = 0

    def list(self, prefix: str) -> Keys:
        self.listed += 1
        return super().list(prefix)


@pytest.fixture
def local(tmp_path: Path) -> LocalStorage:
    storage = LocalStorage(tmp_path / "pod")
    storage.put("packs/a", [b"1"])
    return storage


def test_the_local_directory_can_be_marked(local: LocalStorage) -> None:
    assert isinstance(local, Markable)
    mark = local.mark(PREFIX)
    assert mark is not None and local.found_mark(PREFIX) == mark
    local.get("packs/a")
    assert local.list(PREFIX) == ["packs/a"] and local.found_mark(PREFIX) == mark


@pytest.mark.parametrize("change", ["add", "delete", "replace by other", "make anew"])
def test_a_mark_is_gone_with_the_first_change_however_soon(
    local: LocalStorage, change: str
) -> None:
    directory = local.root / "packs"
    for number in range(200):  # within one tick of any clock
        mark = local.mark(PREFIX)
        assert local.found_mark(PREFIX) == mark
        if change == "add":
            (directory / f"x{number}").write_bytes(b"")
        elif change == "delete":
            (directory / f"x{number}").write_bytes(b"")
            mark = local.mark(PREFIX)
            (directory / f"x{number}").unlink()
        elif change == "replace by other":
            (directory / "a").rename(directory / "b")
            (directory / "b").rename(directory / "a")
        else:
            times = directory.stat()
            shutil.rmtree(directory)
            directory.mkdir()
            os.utime(directory, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert local.found_mark(PREFIX) != mark


def test_whoever_marks_again_takes_the_first_mark_away(local: LocalStorage) -> None:
    marks = [local.mark(PREFIX) for _ in range(50)]
    assert len(set(marks)) == 50 and local.found_mark(PREFIX) == marks[-1]


def test_what_is_not_there_or_no_directory_cannot_be_marked(local: LocalStorage) -> None:
    assert local.mark("commits/") is None
    (local.root / "commits").symlink_to(local.root / "packs")
    assert local.mark("commits/") is None
    (local.root / "tags").write_text("")
    assert local.mark("tags/") is None


def test_where_times_are_coarse_nothing_is_marked(local: LocalStorage) -> None:
    real = os.utime

    def coarse(path: Any, ns: tuple[int, int], follow_symlinks: bool) -> None:
        real(path, ns=(ns[0], ns[1] // 10**9 * 10**9), follow_symlinks=follow_symlinks)

    supported = {*os.supports_follow_symlinks, coarse}
    with (
        mock.patch.object(os, "utime", coarse),
        mock.patch.object(os, "supports_follow_symlinks", supported),
    ):
        assert local.mark(PREFIX) is None


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["own", "other", "delete", "list", "list", "claim", "reader", "late"]),
        st.integers(0, 6),
    ),
    max_size=30,
)


@settings(max_examples=150)
@given(steps=STEPS, is_local=st.booleans())
def test_a_kept_listing_is_what_listing_anew_gives(
    steps: list[tuple[str, int]], is_local: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("listings")
    storage: Storage = LocalStorage(root) if is_local else Marked()
    ours, theirs = Listings(storage), Listings(storage)
    last: Keys | None = None
    for what, number in steps:
        key = f"{PREFIX}{number}"
        if what == "own":
            with ours.adding(PREFIX):
                storage.put(key, [b"1"])
        elif what == "other":
            storage.put(key, [b"2"])
        elif what == "delete":
            storage.delete(key)
        elif what == "reader":
            assert theirs.list(PREFIX, keep=False) == storage.list(PREFIX)
        elif what == "late":
            theirs.list(PREFIX, keep=True)
        elif what == "list":
            last = ours.list(PREFIX, keep=True)
            assert last == storage.list(PREFIX)
        elif ours.is_same(PREFIX, last):
            assert last == storage.list(PREFIX)
        elif ours.is_same(PREFIX, last, assume=True):
            assert last is not None and set(last) <= set(storage.list(PREFIX))
    shutil.rmtree(root)


def test_nothing_is_listed_again_as_long_as_nothing_changed() -> None:
    storage = Marked()
    listings = Listings(storage)
    first = listings.list(PREFIX, keep=True)
    assert all(listings.list(PREFIX, keep=True) is first for _ in range(5))
    assert storage.listed == 1 and listings.is_same(PREFIX, first)
    storage.put("packs/x", [b""])
    assert not listings.is_same(PREFIX, first) and listings.list(PREFIX, keep=True) is not first


def test_a_reader_marks_nothing() -> None:
    storage = Marked()
    assert Listings(storage).list(PREFIX, keep=False) == []
    assert storage.found_mark(PREFIX) is None


def test_own_additions_are_assumed_and_no_longer_than_a_second() -> None:
    storage = Marked()
    listings = Listings(storage)
    first = listings.list(PREFIX, keep=True)
    with listings.adding(PREFIX):
        assert listings.is_same(PREFIX, first, assume=True)
        assert not listings.is_same(PREFIX, first)
        storage.put("packs/x", [b""])
    assert listings.is_same(PREFIX, first, assume=True)
    assert not listings.is_same(PREFIX, first)
    assert listings.list(PREFIX, keep=True) == ["packs/x"]
    with listings.adding(PREFIX):
        storage.put("packs/y", [b""])
    later = time.monotonic() + listings_module.ASSUMED_SECONDS + 0.1
    with mock.patch.object(time, "monotonic", lambda: later):
        assert not listings.is_same(PREFIX, first, assume=True)


@pytest.mark.parametrize("change", ["before", "after"])
def test_what_others_change_before_or_after_an_own_addition_is_seen(change: str) -> None:
    storage = Marked()
    listings = Listings(storage)
    first = listings.list(PREFIX, keep=True)
    if change == "before":
        storage.put("packs/other", [b""])
    with listings.adding(PREFIX):
        storage.put("packs/x", [b""])
    if change == "after":
        storage.put("packs/other", [b""])
    assert not listings.is_same(PREFIX, first, assume=True)


def test_an_addition_that_fails_leaves_nothing_assumed() -> None:
    storage = Marked()
    listings = Listings(storage)
    first = listings.list(PREFIX, keep=True)
    with pytest.raises(KeyError), listings.adding(PREFIX):
        storage.put("packs/x", [b""])
        raise KeyError
    assert not listings.is_same(PREFIX, first, assume=True)


def writing(storage: Storage) -> Repository:
    repository = Repository.open(storage)
    repository.lease = Lease(storage)
    repository.refresh()
    repository.times()
    return repository


def test_a_claim_is_above_every_time_that_was_read_however_little_was_listed() -> None:
    storage = MemoryStorage()
    ours, other = writing(storage), Repository.open(storage)
    ours.write_commit(ours.claim(), b"one")
    ours.times()
    other.write_commit(20, b"other")
    assumed = mock.patch.object(Listings, "is_same", lambda *_, **__: True)
    with assumed:
        ours.read_commit(20)  # as a checkout does: what comes from it must be later
        assert ours.claim() == 21
        other.write_commit(30, b"other")
        assert ours.exists(30) and ours.claim() == 31


def test_what_was_assumed_is_made_sure_of_when_there_is_time() -> None:
    storage = Marked()
    ours, other = writing(storage), Repository.open(storage)
    ours.write_commit(ours.claim(), b"one")
    real = Listings._mark

    def meanwhile(self: Listings, prefix: str) -> object:
        """Somebody else commits at the very moment that this process does."""
        if self is ours._listings and prefix == "commits/" and not storage.values.get("commits/9"):
            other.write_commit(9, b"other")
        return real(self, prefix)

    ours.times()
    with mock.patch.object(Listings, "_mark", meanwhile):
        ours.write_commit(2, b"two")
    assert ours.times() == [1, 2, 9]
    assert ours.claim() == 10
    ours.settle()
    listed = storage.listed
    ours.settle()
    assert storage.listed == listed


def test_a_pack_that_was_lost_is_noticed_at_the_next_save(tmp_path: Path) -> None:
    repository = writing(LocalStorage(tmp_path))
    for number in range(20):
        repository.write_pack({f"{number:064x}": b"some"}, 3)
        repository.write_commit(repository.claim(), b"body")
    repository.renew()
    assert not repository.losses
    newest = max((tmp_path / "packs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    newest.unlink()
    repository.renew()
    assert repository.losses == 1 and len(repository.lost) == 1


@pytest.mark.parametrize("slow", [0.0, 1e9], ids=["by several threads", "by one"])
def test_opening_finds_every_pack_and_says_what_is_wrong_with_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: float
) -> None:
    monkeypatch.setattr(repositories, "_SLOW_SECONDS", slow)
    storage = LocalStorage(tmp_path)
    repository = Repository.open(storage)
    digests = [f"{number:064x}" for number in range(400)]
    for digest in digests:
        repository.write_pack({digest: digest.encode()}, 3)
    bad = sorted((tmp_path / "packs").iterdir())[::50]
    for path in bad:
        path.write_bytes(b"no pack")
    fresh = Repository.open(storage)
    assert sum(map(fresh.has, digests)) == 400 - len(bad)
    assert sorted(fresh.unreadable) == sorted(f"packs/{path.name}" for path in bad)
