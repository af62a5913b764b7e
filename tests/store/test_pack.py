"""A pack is read back whole from its tail; any damage to it is noticed."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from pod.errors import DamagedError
from pod.store.codec import digest
from pod.store.pack import (
    MAGIC,
    PackEntry,
    PackWriter,
    key_name,
    new_name,
    pack_key,
    read_blobs,
    read_index,
)
from pod.store.storage import LocalStorage, MissingKeyError, Storage
from support.memory_storage import MemoryStorage

KEY = "packs/x.pack"
NOISE = random.Random(2)


def by_digest(*blobs: bytes) -> dict[str, bytes]:
    return {digest(blob): blob for blob in blobs}


def packed(blobs: dict[str, bytes], storage: Storage | None = None) -> MemoryStorage:
    storage = MemoryStorage() if storage is None else storage
    storage.put(KEY, PackWriter(blobs, 3).parts())
    return storage


def read_all(storage: Storage) -> dict[str, bytes | DamagedError]:
    entries = read_index(storage, KEY)
    return {entry.digest: blob for entry, blob in read_blobs(storage, KEY, entries)}


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=300).map(lambda b: b * 7) | st.binary(max_size=300)))
def test_blobs_come_back(blobs: list[bytes]) -> None:
    contents = by_digest(*blobs)
    assert read_all(packed(contents)) == contents


def test_the_writer_knows_what_it_wrote() -> None:
    contents = by_digest(b"", b"a" * 1000, NOISE.randbytes(1000))
    writer = PackWriter(contents, 3)
    data = b"".join(writer.parts())
    assert writer.total_bytes == len(data)
    storage = MemoryStorage()
    storage.put(KEY, [data])
    assert writer.entries == read_index(storage, KEY)
    assert [entry.raw_bytes for entry in writer.entries] == [0, 1000, 1000]


def test_parts_can_be_asked_for_again_after_a_failure() -> None:
    writer = PackWriter(by_digest(b"a", b"b", b"c"), 3)
    broken_off = writer.parts()
    next(broken_off), next(broken_off)
    once = b"".join(writer.parts())
    assert once == b"".join(writer.parts())
    assert len(writer.entries) == 3 and writer.total_bytes == len(once)


def test_blobs_are_encoded_one_at_a_time() -> None:
    seen: list[str] = []

    class Watched(dict[str, bytes]):
        def items(self):
            for item in super().items():
                seen.append(item[0])
                yield item

    parts = PackWriter(Watched(by_digest(*(NOISE.randbytes(50) for _ in range(5)))), 3).parts()
    next(parts)
    for encoded in range(1, 6):
        next(parts)
        assert len(seen) == encoded


def test_no_two_packs_have_the_same_name() -> None:
    names = {new_name() for _ in range(100)}
    assert len(names) == 100
    assert all(len(name) == 64 and set(name) <= set("0123456789abcdef") for name in names)
    name = names.pop()
    assert pack_key(name) == f"packs/{name}.pack" and key_name(pack_key(name)) == name


class CountingStorage(MemoryStorage):
    def __init__(self) -> None:
        super().__init__()
        self.reads: list[int] = []

    def get_range(self, key: str, start: int, length: int) -> bytes:
        data = super().get_range(key, start, length)
        self.reads.append(len(data))
        return data


def test_an_index_is_read_from_the_tail_in_one_or_two_reads() -> None:
    few = packed(by_digest(NOISE.randbytes(500_000)), CountingStorage())
    assert len(read_index(few, KEY)) == 1
    assert few.reads == [65536]
    many = packed(by_digest(*(b"%d" % i for i in range(3000))), CountingStorage())
    assert len(read_index(many, KEY)) == 3000
    assert many.reads == [65536, 3000 * 57]


def test_neighbouring_blobs_are_read_together_but_not_without_limit() -> None:
    contents = by_digest(*(NOISE.randbytes(1_000_000) for _ in range(9)))
    storage = packed(contents, CountingStorage())
    entries = read_index(storage, KEY)
    storage.reads.clear()
    assert {e.digest: b for e, b in read_blobs(storage, KEY, reversed(entries))} == contents
    assert storage.reads == [4_000_000, 4_000_000, 1_000_000]
    storage.reads.clear()
    assert len(list(read_blobs(storage, KEY, [entries[0], entries[8]]))) == 2
    assert storage.reads == [1_000_000, 1_000_000]


def test_every_truncation_is_noticed() -> None:
    whole = packed(by_digest(b"a" * 100, b"bc", NOISE.randbytes(30))).values[KEY]
    for length in range(len(whole)):
        storage = MemoryStorage()
        storage.put(KEY, [whole[:length]])
        with pytest.raises(DamagedError, match=r"packs/x\.pack"):
            read_index(storage, KEY)


def test_a_pack_that_contains_a_pack_is_not_mistaken_for_it_when_cut() -> None:
    inner = packed(by_digest(b"inner")).values[KEY]
    whole = packed(by_digest(inner)).values[KEY]
    storage = MemoryStorage()
    storage.put(KEY, [whole[: len(MAGIC) + len(inner)]])
    with pytest.raises(DamagedError):
        read_index(storage, KEY)


def test_every_changed_byte_is_noticed_or_harmless() -> None:
    contents = by_digest(b"a" * 100, b"bc", NOISE.randbytes(30))
    whole = packed(contents).values[KEY]
    noticed = 0
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1 << NOISE.randrange(8)
        storage = MemoryStorage()
        storage.put(KEY, [bytes(changed)])
        try:
            blobs = read_all(storage)
        except DamagedError:
            noticed += 1
            continue
        wrong = [blob for blob in blobs.values() if isinstance(blob, DamagedError)]
        right = {d: blob for d, blob in blobs.items() if isinstance(blob, bytes)}
        assert right.items() <= contents.items()
        # The zstd frame header has bits that change nothing; the magic at the start is for people.
        assert len(wrong) == 1 or right == contents
        noticed += len(wrong)
    assert noticed >= len(whole) - len(MAGIC) - 4


@settings(max_examples=150)
@given(st.binary(max_size=400), st.booleans())
def test_random_bytes_are_damaged(data: bytes, dressed: bool) -> None:
    storage = MemoryStorage()
    storage.put(KEY, [MAGIC + data + MAGIC if dressed else data])
    with pytest.raises(DamagedError):
        read_index(storage, KEY)


u64 = st.integers(0, 2**64 - 1)
numbers = st.integers(0, 200) | u64


@settings(max_examples=200)
@given(st.lists(st.tuples(numbers, numbers, numbers, st.integers(0, 255)), max_size=3), u64)
def test_a_forged_index_with_a_valid_hash_allocates_nothing_absurd(
    records: list[tuple[int, int, int, int]], end: int
) -> None:
    records = [(8 if i == 0 else r[0], *r[1:]) for i, r in enumerate(records)]
    index = b"".join(struct.pack("<32sQQQB", b"d" * 32, *record) for record in records)
    if records:
        end = (records[-1][0] + records[-1][1]) % 2**64
    storage = MemoryStorage()
    footer = struct.pack("<QQ32s8s", end, len(index), blake3(index).digest(), MAGIC)
    storage.put(KEY, [MAGIC, index, footer])
    try:
        blobs = read_all(storage)
    except DamagedError:
        return
    assert all(isinstance(blob, DamagedError) for blob in blobs.values())


def test_damage_names_the_blob_and_the_pack(tmp_path: Path) -> None:
    blob = NOISE.randbytes(100)
    local = LocalStorage(tmp_path)
    packed(by_digest(blob), local)
    data = bytearray(local.get(KEY))
    data[20] ^= 1
    local.put(KEY, [data])
    [error] = read_all(local).values()
    assert digest(blob) in str(error) and KEY in str(error) and str(tmp_path) in str(error)


def test_a_missing_pack_is_missing_not_damaged() -> None:
    with pytest.raises(MissingKeyError):
        read_index(MemoryStorage(), KEY)
    with pytest.raises(MissingKeyError):
        list(read_blobs(MemoryStorage(), KEY, [PackEntry(digest(b""), 8, 1, 1, 0)]))
