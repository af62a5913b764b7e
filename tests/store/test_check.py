"""A check names everything that is damaged and nothing that is not."""

from __future__ import annotations

import random

import pytest
from pod.errors import StorageError
from pod.store.codec import digest
from pod.store.repository import Repository
from support.memory_storage import MemoryStorage


def by_digest(*blobs: bytes) -> dict[str, bytes]:
    return {digest(blob): blob for blob in blobs}


@pytest.fixture
def storage() -> MemoryStorage:
    storage = MemoryStorage()
    repository = Repository.open(storage)
    repository.write_pack(by_digest(b"a" * 100, b"b"), 3)
    repository.write_pack(by_digest(b"c", b"d", b"b"), 3)
    repository.write_commit(1, b"one")
    repository.write_commit(2, b"two")
    repository.set_tag("v1", 1)
    return storage


def flip(storage: MemoryStorage, key: str, position: int) -> None:
    data = bytearray(storage.get(key))
    data[position] ^= 1
    storage.put(key, [data])


def pack_with(storage: MemoryStorage, blob: bytes) -> str:
    repository = Repository.open(storage)
    repository.refresh()
    return repository._copies.of(digest(blob))[0].pack


def test_an_intact_directory_is_ok(storage: MemoryStorage) -> None:
    check = Repository.open(storage).check()
    assert check.ok
    assert (check.packs, check.blobs, check.commits, check.tags) == (2, 5, 2, 1)
    assert check.bytes_read > 100


def test_progress_counts_every_file(storage: MemoryStorage) -> None:
    seen: list[tuple[int, int]] = []
    Repository.open(storage).check(lambda done, total: seen.append((done, total)))
    assert seen == [(i, 5) for i in range(1, 6)]


def test_a_damaged_blob_is_named(storage: MemoryStorage) -> None:
    key = pack_with(storage, b"c")
    flip(storage, key, 8)
    check = Repository.open(storage).check()
    assert list(check.damaged_blobs) == [digest(b"c")]
    assert check.damaged_packs == {key: "1 of its 3 blobs are damaged"}
    assert not check.ok


def test_a_blob_with_an_intact_copy_is_not_lost(storage: MemoryStorage) -> None:
    key = pack_with(storage, b"c")
    flip(storage, key, 10)  # its "b", which the other pack has too
    check = Repository.open(storage).check()
    assert check.damaged_blobs == {}
    assert list(check.damaged_packs) == [key]
    assert Repository.open(storage).read(digest(b"b")) == b"b"


@pytest.mark.parametrize("position", [0, -1, -60])
def test_a_damaged_pack_is_named(storage: MemoryStorage, position: int) -> None:
    key = pack_with(storage, b"c")
    flip(storage, key, position)
    assert list(Repository.open(storage).check().damaged_packs) == [key]


def test_damaged_commits_tags_and_format_are_named(storage: MemoryStorage) -> None:
    repository = Repository.open(storage)
    flip(storage, "commits/2", -1)
    storage.put("tags/v2", [b"soon"])
    storage.put("tags/..hidden", [b"not ours"])
    flip(storage, "format.json", 0)
    check = repository.check()
    assert list(check.damaged_commits) == [2] and "commits/2" in check.damaged_commits[2]
    assert list(check.damaged_tags) == ["v2"]
    assert check.damaged_format is not None
    assert check.damaged_packs == {}


def test_a_file_that_cannot_be_read_is_reported_and_the_rest_checked(
    storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository.open(storage)
    get = storage.get

    def failing(key: str) -> bytes:
        if key == "commits/1":
            raise StorageError("bad sector")
        return get(key)

    monkeypatch.setattr(storage, "get", failing)
    check = repository.check()
    assert check.damaged_commits == {1: "bad sector"}
    assert (check.commits, check.tags, check.packs) == (2, 1, 2)


def test_every_single_changed_byte_of_every_file_is_found(storage: MemoryStorage) -> None:
    rng = random.Random(3)
    repository = Repository.open(storage)
    storage.delete(".gitignore")
    pristine = dict(storage.values)
    missed = []
    for key, data in pristine.items():
        for position in range(len(data)):
            changed = bytearray(data)
            changed[position] ^= 1 << rng.randrange(8)
            storage.values = {**pristine, key: bytes(changed)}
            if repository.check().ok:
                missed.append((key, position))
    # Neither a tag that names another time, nor spaces and the like in JSON, can be told from
    # what was written; nor do all bits of a zstd header matter.
    assert len([m for m in missed if m[0].startswith("packs/")]) <= 2
    assert not [m for m in missed if m[0].startswith("commits/")]
