"""A blob may be stored as what it differs in from another one, and comes back all the same."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from pod.errors import DamagedError
from pod.store import codec, pack, reading
from pod.store.bases import MAX_DELTAS
from pod.store.check import check_storage
from pod.store.codec import CHUNK_BYTES, Method, decode, digest, encode, encode_delta, may_be_delta
from pod.store.copies import MAX_CHAIN, Copies
from pod.store.pack import PackEntry
from pod.store.repository import Repository
from pod.store.storage import LocalStorage, StorageError
from support.memory_storage import MemoryStorage

SCALE = int(os.environ.get("POD_TEST_SCALE", "1"))


def noise(seed: int, nbytes: int) -> bytes:
    return random.Random(seed).randbytes(nbytes)


def changed(data: bytes, seed: int, share: float = 0.01) -> bytes:
    """Some values of 100 bytes replaced, one put in at the front."""
    rng = random.Random(seed)
    values = [data[at : at + 100] for at in range(0, len(data), 100)]
    for number in rng.sample(range(len(values)), max(1, int(share * len(values)))):
        values[number] = rng.randbytes(100)
    return b"".join([rng.randbytes(7), *values])


def versions(count: int, nbytes: int = 20_000, seed: int = 1) -> list[bytes]:
    """Blobs, each made from the one before."""
    made = [noise(seed, nbytes)]
    while len(made) < count:
        made.append(changed(made[-1], seed * 1000 + len(made)))
    return made


def by_digest(*blobs: bytes) -> dict[str, bytes]:
    return {digest(blob): blob for blob in blobs}


def store_each(repository: Repository, blobs: list[bytes]) -> list[int]:
    """Each in a pack of its own, against the one before; how many bytes each pack has."""
    return [
        repository.write_pack(
            by_digest(blob), 3, bases={digest(blob): digest(before)} if before else {}
        )
        for before, blob in zip([b"", *blobs], blobs, strict=False)
    ]


def entry_of(repository: Repository, blob: bytes) -> PackEntry:
    return repository._copies.of(digest(blob))[0].entry


def pack_of(repository: Repository, blob: bytes) -> str:
    return repository._copies.of(digest(blob))[0].pack


def deltas_of(repository: Repository) -> list[PackEntry]:
    return [one for each in repository.packs().values() for one in each if one.base is not None]


# --- one blob


@settings(max_examples=150 * SCALE)
@given(
    base=st.binary(max_size=3000),
    cuts=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), max_size=6),
    more=st.binary(max_size=300),
    repeats=st.integers(1, 60),
)
def test_a_delta_comes_back(
    base: bytes, cuts: list[tuple[int, int]], more: bytes, repeats: int
) -> None:
    data = more + b"".join(base[a : a + length] for a, length in cuts) * repeats
    plain = encode(data, 3)
    delta = encode_delta(data, base, plain)
    if delta is not None:
        assert len(delta.data) < 0.6 * len(plain.data)
        assert decode(delta.method, delta.data, delta.raw_bytes, base) == data
        for other in (base + b"x", b"x" + base, base[1:], b""):
            try:
                assert decode(delta.method, delta.data, delta.raw_bytes, other) != data or more
            except DamagedError:
                continue


def with_one_changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]


CHUNK = noise(3, CHUNK_BYTES)
LARGE = noise(6, 4 << 20)
CASES = {
    "one byte": (CHUNK, with_one_changed(CHUNK, 100_000), 100),
    "shifted": (CHUNK, (b"x" * 40 + CHUNK)[:CHUNK_BYTES], 150),
    "appended": (CHUNK[:200_000], CHUNK[:200_000] + noise(4, 80), 200),
    "a tenth": (CHUNK, changed(CHUNK, 5, 0.1), 30_000),
    "from far back": (LARGE, LARGE + b"end", 6000),
    "a list of digests": (
        (lines := "\n".join(noise(n, 32).hex() for n in range(400)).encode()),
        lines.replace(noise(7, 32).hex().encode(), noise(-1, 32).hex().encode()),
        120,
    ),
}


@pytest.mark.parametrize(("base", "data", "most"), CASES.values(), ids=CASES)
def test_a_delta_takes_what_was_changed(base: bytes, data: bytes, most: int) -> None:
    delta = encode_delta(data, base, encode(data, 3))
    assert delta is not None and len(delta.data) <= most, delta and len(delta.data)


@pytest.mark.parametrize(
    ("base", "data"),
    [
        (noise(1, 50_000), noise(2, 50_000)),  # nothing in common
        (noise(1, 50_000), noise(2, 35_000) + noise(1, 50_000)[:15_000]),  # too little
        (bytes(50_000), bytes(49_999)),  # small without
        (noise(1, 300), noise(1, 299) + b"x"),
    ],
)
def test_a_delta_that_gains_little_is_not_made(base: bytes, data: bytes) -> None:
    plain = encode(data, 3)
    assert not may_be_delta(plain, len(base)) or encode_delta(data, base, plain) is None


def test_a_base_is_not_larger_than_what_can_be_searched() -> None:
    plain = encode(noise(1, 5000), 3)
    assert may_be_delta(plain, 5000)
    assert not may_be_delta(plain, codec.MAX_BASE_BYTES + 1)
    assert not may_be_delta(plain, 50_000)  # nothing that this was made from


def test_a_delta_does_not_decode_to_something_huge() -> None:
    base = noise(1, 1000)
    plain = encode(bytes(1000), 3)
    bomb = codec._delta_compressor(1 << 24, base).compress(bytes(1 << 24))
    with pytest.raises(DamagedError, match="must not decompress"):
        decode(Method.DELTA, bomb, 1 << 24, base)
    with pytest.raises(DamagedError):
        decode(Method.DELTA, bomb, 1000, base)
    assert encode_delta(bytes(1000), base, plain) is None


@settings(max_examples=150 * SCALE)
@given(st.data())
def test_any_bytes_against_any_base_decode_or_are_damaged(data: st.DataObject) -> None:
    base, blob = versions(2, 3000)
    encoded = encode_delta(blob, base, encode(blob, 3))
    assert encoded is not None
    spoilt = [bytearray(encoded.data), bytearray(base)]
    for _ in range(data.draw(st.integers(1, 4))):
        one = data.draw(st.sampled_from(spoilt))
        one[data.draw(st.integers(0, len(one) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = decode(Method.DELTA, bytes(spoilt[0]), len(blob), bytes(spoilt[1]))
    except DamagedError:
        return
    assert len(found) == len(blob)


# --- in packs


def test_a_changed_blob_is_stored_as_a_delta_and_read_back() -> None:
    repository = Repository.open(MemoryStorage())
    first, second = versions(2)
    whole, delta = store_each(repository, [first, second])
    assert whole > 20_000 and delta < 1000
    assert entry_of(repository, second).base == digest(first)
    for reader in (repository, Repository.open(repository.storage)):
        assert reader.read(digest(second)) == second
        assert reader.read_many([digest(second), digest(first)]) == by_digest(first, second)


@settings(max_examples=40 * SCALE)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_chains_of_any_shape_are_read_back(seed: int, data: st.DataObject) -> None:
    rng = random.Random(seed)
    repository = Repository.open(MemoryStorage())
    made: list[bytes] = []
    for number in range(data.draw(st.integers(1, 25))):
        old = rng.choice(made) if made and rng.random() < 0.9 else noise(seed + number, 5000)
        blobs = [changed(old, seed + number + each, 0.05) for each in range(rng.randrange(1, 3))]
        bases = {digest(blob): digest(rng.choice([old, *blobs])) for blob in blobs}
        repository.write_pack(by_digest(*blobs), 3, bases=bases)
        made += blobs
    stored = by_digest(*made)
    for reader in (repository, Repository.open(repository.storage)):
        assert all(map(reader.has, stored))
        assert reader.read_many(stored) == stored
        for name in rng.sample(sorted(stored), min(5, len(stored))):
            assert reader.read(name) == stored[name]
        for name in stored:
            chain = reader._copies.chain(name)
            assert chain is not None and len(chain) <= MAX_DELTAS + 1
    assert repository.check().ok


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_what_is_to_be_written_yet_is_a_base_as_well(seed: int) -> None:
    """As in forked children, while their parent has a queue of what it writes."""
    rng = random.Random(seed)
    storage = MemoryStorage()
    parent = Repository.open(storage)
    queue: list[tuple[dict[str, bytes], dict[str, str]]] = []
    made: list[bytes] = []

    def write_next() -> None:
        blobs, bases = queue.pop(0)
        parent.write_pack(blobs, 3, bases=bases)

    for number in range(rng.randrange(2, 40)):
        old = rng.choice(made[-2:]) if made and rng.random() < 0.95 else noise(seed + number, 5000)
        blob = changed(old, seed + number, 0.05)
        blobs, bases = by_digest(blob), {digest(blob): digest(rng.choice([old, old, blob]))}
        if rng.random() < 0.5:
            queue.append((blobs, bases))
        else:
            waiting = list(queue)

            def unwritten(name: str, waiting: Any = waiting) -> tuple[bytes, str] | None:
                found = (each for each in waiting if name in each[0])
                return next(((some[name], named.get(name, "")) for some, named in found), None)

            child = Repository.open(storage)
            parent.learn(child.write_for_parent(blobs, 3, pack.new_name(), bases, unwritten))
            if queue and rng.random() < 0.5:
                write_next()
        made.append(blob)
    while queue:
        write_next()
    for reader in (parent, Repository.open(storage)):
        assert reader.read_many(by_digest(*made)) == by_digest(*made)
        for name in by_digest(*made):
            chain = reader._copies.chain(name)
            assert chain is not None and len(chain) <= MAX_DELTAS + 1
    assert parent.check().ok


def test_a_blob_that_is_to_be_written_yet_is_a_base() -> None:
    storage = MemoryStorage()
    parent = Repository.open(storage)
    blobs = versions(3)
    names = [digest(blob) for blob in blobs]
    parent.write_pack(by_digest(blobs[0]), 3)
    child = Repository.open(storage)
    written = child.write_for_parent(
        by_digest(blobs[2]), 3, pack.new_name(), {names[2]: names[1]},
        {names[1]: (blobs[1], names[0])}.get,
    )  # fmt: skip
    assert [entry.base for entry in written.entries] == [names[1]]
    assert not Repository.open(storage).has(names[2])
    parent.learn(written)
    assert not parent.has(names[2])
    parent.write_pack(by_digest(blobs[1]), 3, bases={names[1]: names[0]})
    assert parent.read(names[2]) == blobs[2]
    assert Repository.open(storage).read(names[2]) == blobs[2]


def test_chains_stay_short_and_deltas_small() -> None:
    repository = Repository.open(MemoryStorage())
    blobs = versions(40, 50_000)
    sizes = store_each(repository, blobs)
    chains = [repository._copies.chain(digest(blob)) for blob in blobs]
    lengths = [len(chain) for chain in chains if chain is not None]
    assert max(lengths) == MAX_DELTAS + 1
    # A delta against what the chain goes back to has more to say, but not all.
    assert sorted(sizes)[-2] < 40_000 and sum(sizes) < 8 * 50_000
    assert Repository.open(repository.storage).read(digest(blobs[-1])) == blobs[-1]


def test_what_has_nothing_in_common_is_soon_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository.open(MemoryStorage())
    old = [noise(n, 50_000) for n in range(200)]
    new = [noise(-n - 1, 50_000) for n in range(200)]
    repository.write_pack(by_digest(*old), 3)
    bases = {digest(b): digest(a) for a, b in zip(old, new, strict=True)}
    tried = 0

    def counting(*arguments):
        nonlocal tried
        tried += 1
        return encode_delta(*arguments)

    monkeypatch.setattr(pack, "encode_delta", counting)
    repository.write_pack(by_digest(*new), 3, bases=bases)
    assert 20 < tried < 60
    # But a part that has is found all the same, however late.
    late = [*new, *(with_one_changed(each, 5) for each in old)]
    bases |= {digest(b): digest(a) for a, b in zip(old, late[200:], strict=True)}
    nbytes = repository.write_pack(by_digest(*late), 3, bases=bases)
    assert nbytes < 200 * 50_000 + 20 * 50_000


def test_a_base_that_cannot_be_had_costs_no_save(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    repository = Repository.open(storage)
    blobs = versions(4)
    store_each(repository, blobs[:1])
    key = pack_of(repository, blobs[0])
    data = bytearray(storage.get(key))
    data[20] ^= 1
    storage.put(key, [data])
    repository.write_pack(by_digest(blobs[1]), 3, bases={digest(blobs[1]): digest(blobs[0])})
    storage.delete(key)  # not known to be gone
    repository.write_pack(by_digest(blobs[2]), 3, bases={digest(blobs[2]): digest(blobs[0])})
    repository.write_pack(by_digest(blobs[3]), 3, bases={digest(blobs[3]): "0" * 64})
    assert not deltas_of(repository)
    assert repository.read(digest(blobs[2])) == blobs[2]


def test_a_blob_is_no_base_of_its_own() -> None:
    repository = Repository.open(MemoryStorage())
    [blob] = versions(1)
    repository.write_pack(by_digest(blob), 3)
    repository.write_pack(by_digest(blob), 3, bases={digest(blob): digest(blob)})
    assert not deltas_of(repository)


def test_what_another_process_wrote_can_be_learned() -> None:
    writing, waiting = (Repository.open(storage) for storage in [MemoryStorage()] * 2)
    waiting.refresh()
    [blob] = versions(1)
    waiting.learn(writing._write(by_digest(blob), 3, None, {}))
    assert waiting.has(digest(blob)) and waiting.read(digest(blob)) == blob


# --- what is there and what is not


def test_a_delta_is_stored_only_while_its_bases_are() -> None:
    repository = Repository.open(MemoryStorage())
    blobs = versions(4)
    store_each(repository, blobs)
    repository.storage.delete(pack_of(repository, blobs[1]))
    repository.refresh()
    assert [repository.has(digest(blob)) for blob in blobs] == [True, False, False, False]
    assert [repository.holds(digest(blob)) for blob in blobs] == [True, False, False, False]
    assert repository.losses == 1 and repository.lost == set(map(digest, blobs[1:]))
    with pytest.raises(DamagedError, match=f"delta against blob {digest(blobs[1])}"):
        repository.read(digest(blobs[3]))
    # Whole again, they all are.
    repository.write_pack(by_digest(blobs[1]), 3)
    assert all(repository.has(digest(blob)) for blob in blobs) and not repository.lost
    assert repository.read(digest(blobs[3])) == blobs[3]


def test_what_a_condemned_pack_holds_is_no_base(monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository.open(MemoryStorage())
    blobs = versions(4)
    store_each(repository, blobs[:3])
    repository._condemned = frozenset({pack_of(repository, blobs[1])})
    assert [repository.has(digest(blob)) for blob in blobs] == [True, False, False, False]
    assert [repository.is_condemned(digest(b)) for b in blobs] == [False, True, True, False]
    for base in blobs[1:3]:
        repository.write_pack(by_digest(blobs[3]), 3, bases={digest(blobs[3]): digest(base)})
        assert entry_of(repository, blobs[3]).base is None
    assert repository.read(digest(blobs[2])) == blobs[2]


def test_a_whole_copy_is_preferred_and_any_other_will_do() -> None:
    repository = Repository.open(MemoryStorage())
    blobs = versions(3)
    store_each(repository, blobs)
    deltas = pack_of(repository, blobs[2])
    repository.write_pack(by_digest(blobs[2]), 3)
    whole = pack_of(repository, blobs[2])
    store_each(repository, blobs)  # the newest ones are deltas again
    chain = repository._copies.chain(digest(blobs[2]))
    assert chain is not None and [place.pack for place in chain] == [whole]
    for harmed in (whole, deltas):
        storage = MemoryStorage()
        storage.values = dict(repository.storage.values)
        storage.values[harmed] = spoil(storage.values[harmed], 30)
        assert Repository.open(storage).read(digest(blobs[2])) == blobs[2]
        assert not check_storage(storage).damaged_blobs


def spoil(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 64]) + data[at + 1 :]


@settings(max_examples=60 * SCALE)
@given(data=st.data())
def test_damage_costs_what_depends_on_it_and_nothing_else(data: st.DataObject) -> None:
    repository = Repository.open(MemoryStorage())
    blobs = versions(7, 4000)
    store_each(repository, blobs[:4])
    store_each(repository, [blobs[1], *blobs[4:]])  # a second branch, and a second copy of two
    number = data.draw(st.integers(0, 6))
    key = pack_of(repository, blobs[number])
    entry = entry_of(repository, blobs[number])
    at = entry.offset + data.draw(st.integers(0, entry.stored_bytes - 1))
    storage = repository.storage
    assert isinstance(storage, MemoryStorage)
    storage.values[key] = spoil(storage.values[key], at)
    reader, check = Repository.open(storage), check_storage(storage)
    unreadable = set()
    for blob in blobs:
        try:
            assert reader.read(digest(blob)) == blob
        except DamagedError:
            unreadable.add(digest(blob))
    assert unreadable == {*check.damaged_blobs, *check.stranded_blobs}
    assert set(check.damaged_packs) == {key} and set(check.damaged_blobs) <= {digest(blobs[number])}
    expected = depending(reader, digest(blobs[number]), key)
    assert unreadable <= expected and (unreadable == expected or entry.method != Method.RAW)


def depending(repository: Repository, name: str, key: str) -> set[str]:
    """What cannot be decoded without the copy of a blob that is in this pack."""
    packs = repository.packs()
    packs[key] = [entry for entry in packs[key] if entry.digest != name]
    whole = Copies(packs)
    names = {entry.digest for entries in repository.packs().values() for entry in entries}
    return {one for one in names if whole.chain(one) is None}


def test_a_check_tells_what_has_lost_its_base_from_damage() -> None:
    repository = Repository.open(MemoryStorage())
    blobs = versions(3)
    store_each(repository, blobs)
    repository.storage.delete(pack_of(repository, blobs[0]))
    check = repository.check()
    assert check.ok and set(check.stranded_blobs) == {digest(blobs[1]), digest(blobs[2])}
    assert "is in no pack" in check.stranded_blobs[digest(blobs[1])]


# --- directories from elsewhere


def forged(storage: MemoryStorage, name: str, blobs: Iterable[tuple[str, bytes, int, str]]) -> None:
    """A pack whose index says what it likes: digest, stored bytes, raw size, base."""
    body, index = bytearray(pack.MAGIC), bytearray()
    for blob_digest, stored, raw_bytes, base in blobs:
        method = 2 if base else 1
        index += bytes.fromhex(blob_digest)
        index += struct.pack("<QQQB", len(body), len(stored), raw_bytes, method)
        index += bytes.fromhex(base)
        body += stored
    footer = struct.pack("<QQ32s8s", len(body), len(index), blake3(index).digest(), pack.MAGIC)
    storage.put(f"packs/{name}.pack", [bytes(body + index + footer)])


def name_of(number: int) -> str:
    return f"{number:064x}"


def assert_all_damaged(storage: MemoryStorage, names: list[str]) -> None:
    repository = Repository.open(storage)
    for name in names:
        with pytest.raises(DamagedError):
            repository.read(name)
    with pytest.raises(DamagedError):
        repository.read_many(names)
    assert set(names) <= {*(check := repository.check()).damaged_blobs, *check.stranded_blobs}


def test_bases_that_go_in_circles_are_damage() -> None:
    first, second = versions(2)
    delta = encode_delta(second, first, encode(second, 3))
    assert delta is not None
    storage = MemoryStorage()
    Repository.open(storage)
    names = list(map(name_of, range(1, 8)))
    rows = [(a, bytes(delta.data), len(second), b) for a, b in pairwise(names)]
    rows += [(names[-1], bytes(delta.data), len(second), names[2])]
    rows += [(name_of(9), bytes(delta.data), len(second), name_of(9))]
    forged(storage, "a" * 64, rows)
    assert_all_damaged(storage, [*names, name_of(9)])


def test_a_chain_without_end_is_refused_soon() -> None:
    first, second = versions(2)
    delta = encode_delta(second, first, encode(second, 3))
    assert delta is not None
    storage = MemoryStorage()
    repository = Repository.open(storage)
    repository.write_pack(by_digest(first), 3)
    names = [digest(first), *map(name_of, range(1, 3000))]
    rows = [(b, bytes(delta.data), len(second), a) for a, b in pairwise(names)]
    forged(storage, "a" * 64, rows)
    reader = Repository.open(storage)
    assert reader.has(names[MAX_CHAIN - 1]) and not reader.has(names[MAX_CHAIN])
    with pytest.raises(DamagedError):
        reader.read(names[-1])


def test_very_many_copies_that_lead_nowhere_are_soon_done_with() -> None:
    first, second = versions(2, 500)
    delta = encode_delta(second, first, encode(second, 3))
    assert delta is not None
    storage = MemoryStorage()
    Repository.open(storage)
    for copy in range(12):  # each blob a delta against each of the next level's: 12 ** 20 ways
        forged(
            storage,
            f"{copy:x}" * 64,
            [
                (name_of(20 * level + n), bytes(delta.data), len(second), name_of(to))
                for level in range(1, 20)
                for n in range(12)
                for to in [20 * (level + 1) + (n + copy) % 12]
            ],
        )
    reader = Repository.open(storage)
    looked_at = 0
    original = reading._Search._read

    def counting(self, *arguments):
        nonlocal looked_at
        looked_at += 1
        return original(self, *arguments)

    reading._Search._read = counting
    try:
        with pytest.raises(DamagedError):
            reader.read(name_of(20))
        with pytest.raises(DamagedError):
            reading.read_any(storage, reader._copies, name_of(20))
    finally:
        reading._Search._read = original
    assert looked_at <= 2 * 20 * 12 * 12


def test_a_chain_does_not_grow_without_bound_in_memory() -> None:
    """Each link may add what its own bytes account for, and no more."""
    storage = MemoryStorage()
    Repository.open(storage)
    size, base, rows = 1 << 20, bytes(1 << 20), []
    for number in range(1, 12):
        size *= 2
        data = codec._delta_compressor(1 << 22, base).compress(bytes(min(size, 1 << 24)))
        rows.append((name_of(number), data, size, name_of(number - 1)))
    forged(storage, "a" * 64, [*rows, (name_of(0), encode(bytes(1 << 20), 3).data, 1 << 20, "")])
    assert_all_damaged(storage, [name_of(11)])


# --- copies


@settings(max_examples=150 * SCALE)
@given(seed=st.integers(0, 2**32))
def test_copies_agree_with_a_naive_twin(seed: int) -> None:
    rng = random.Random(seed)
    names = [name_of(number) for number in range(8)]
    packs: dict[str, list[PackEntry]] = {}
    copies = Copies()
    for _ in range(rng.randrange(1, 30)):
        key = rng.choice("abcdef")
        if key in packs and rng.random() < 0.5:
            copies.drop(key, packs.pop(key))
            continue
        if key in packs:  # learned once more
            copies.add(key, packs[key])
            continue
        packs[key] = [
            PackEntry(name, 8, 1, 1, 2 if base else 0, base)
            for name in rng.sample(names, rng.randrange(1, 5))
            for base in [rng.choice([*names, None, None])]
        ]
        copies.add(key, packs[key])
    without = set(rng.sample("abcdef", rng.randrange(3)))
    steps = naive_steps(packs, without)
    for name in names:
        chain = copies.chain(name, without)
        assert (len(chain) if chain else None) == steps.get(name)
        assert {place.pack for place in copies.of(name)} == {
            key for key, entries in packs.items() if any(one.digest == name for one in entries)
        }
        for place, further in zip(chain or (), [*(chain or ())[1:], None], strict=False):
            assert place.pack not in without and place.entry in packs[place.pack]
            assert place.entry.base == (further.entry.digest if further else None)
    broken = {name for name in names if copies.of(name) and copies.chain(name) is None}
    assert set(copies.broken()) == broken


def naive_steps(packs: dict[str, list[PackEntry]], without: set[str]) -> dict[str, int]:
    """Blob -> copies in the shortest chain."""
    entries = [one for key, each in packs.items() if key not in without for one in each]
    steps = {one.digest: 1 for one in entries if one.base is None}
    for _ in range(10):
        for one in entries:
            if one.base in steps:
                found = steps[one.base] + 1
                steps[one.digest] = min(found, steps.get(one.digest, found))
    return steps


# --- reading


@pytest.mark.parametrize("threads", [1, 4])
def test_several_threads_read_what_one_reads(
    threads: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(reading, "_THREADS", threads)
    repository = Repository.open(LocalStorage(tmp_path))
    blobs = [noise(n, 300_000) for n in range(40)]
    repository.write_pack(by_digest(*blobs), 3)
    later = [with_one_changed(blob, 1000) for blob in blobs]
    bases = {digest(b): digest(a) for a, b in zip(blobs, later, strict=True)}
    repository.write_pack(by_digest(*later), 3, bases=bases)
    assert len(deltas_of(repository)) == 40
    everything = by_digest(*blobs, *later)
    assert repository.read_many(everything) == everything
    assert repository.read_many(by_digest(*later)) == by_digest(*later)


def test_threads_leave_out_what_is_damaged_and_pass_on_what_is_not_expected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "_THREADS", 3)
    monkeypatch.setattr(reading, "_FEW_BYTES", 0)
    storage = MemoryStorage()
    repository = Repository.open(storage)
    blobs = [noise(n, 1_000_000) for n in range(12)]
    for blob in blobs:
        repository.write_pack(by_digest(blob), 3)
    key = pack_of(repository, blobs[4])
    storage.values[key] = spoil(storage.values[key], 500)
    with pytest.raises(DamagedError, match=digest(blobs[4])):
        repository.read_many(map(digest, blobs))
    readable = [blob for blob in blobs if blob is not blobs[4]]
    assert repository.read_many(map(digest, readable)) == by_digest(*readable)

    def failing(*_: object) -> bytes:
        raise MemoryError("no more")

    monkeypatch.setattr(storage, "get_range", failing)
    with pytest.raises(MemoryError):
        repository.read_many(map(digest, readable))


def test_where_no_thread_can_be_made_one_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(reading, "_FEW_BYTES", 0)
    monkeypatch.setattr(reading, "_THREADS", 3)
    repository = Repository.open(MemoryStorage())
    blobs = [noise(n, 1_000_000) for n in range(12)]
    repository.write_pack(by_digest(*blobs), 3)
    monkeypatch.setattr(reading.threading, "Thread", refused)
    assert repository.read_many(by_digest(*blobs)) == by_digest(*blobs)


def test_a_forked_child_reads_without_threads(tmp_path: Path) -> None:
    repository = Repository.open(LocalStorage(tmp_path))
    blobs = [noise(n, 1_000_000) for n in range(12)]
    repository.write_pack(by_digest(*blobs), 3)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            reading._start = lambda *_: os._exit(2)
            code = 0 if repository.read_many(by_digest(*blobs)) == by_digest(*blobs) else 3
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_disk_error_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = MemoryStorage()
    repository = Repository.open(storage)
    blobs = versions(3)
    store_each(repository, blobs)
    base = pack_of(repository, blobs[0])
    original = storage.get_range

    def failing(key: str, start: int, length: int) -> bytes:
        if key == base and start == 8:
            raise StorageError("bad sector")
        return original(key, start, length)

    monkeypatch.setattr(storage, "get_range", failing)
    with pytest.raises(StorageError, match="bad sector"):
        repository.read(digest(blobs[2]))
