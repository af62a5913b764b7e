"""Every kind of damage to every kind of file: it is found before any object is built from it, what
it affects is named exactly, and all else still loads.

What must be affected is found out from the good copy by `support.foreign_reader`, which shares no
code with Pod: it notes which blobs it reads for each variable of each time.
"""

from __future__ import annotations

import random
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pod
import pytest
import zstandard
from blake3 import blake3
from pod.errors import DamagedError, PodError, RestoreError
from pod.history import verify as verification
from pod.podding import unpickler
from support.faulty_storage import SCALE
from support.foreign_reader import (
    FOOTER,
    MAGIC,
    ForeignReader,
    Stored,
    _Loading,
    records,
    shard_of,
)
from support.isomorphism import difference
from support.memory_storage import MemoryStorage

TRIALS = 490 * SCALE

CELLS = [
    """
import numpy as np
class Node:
    made = 0
    def __init__(self, *children): self.children = children; Node.made += 1
    def size(self): return 1 + sum(child.size() for child in self.children)
class Leaf(Node):
    notes = ["n" * 100]
def double(x): return 2 * scale(x)
def scale(x): return x * factor
factor = 3
tree = Node(Node(), Leaf())
data = np.arange(70_000)
shared = ["shared", 1]
left = {"it": shared, "own": ["l" * 200]}
right = {"it": shared, "own": ["r" * 200]}
text = "t" * 5000
lonely = [list(range(100))]
""",
    "shared.append(2)\nleft['more'] = list(range(300))",
    "data[5] = -1\ndata_view = data[10:20]\nother = Leaf()",
    "\n".join(f"many_{n} = ['{n}', {n}] * 20" for n in range(40)),
    """
del right
lonely.append('changed')
class Node(Node):
    def size(self): return 0
new = Node()
""",
    "many_3.append('x')\nmany_7 = np.arange(400.0)\ncount = [each for each in range(50)]",
    "noise = np.random.default_rng(1).random(9000)",
    "data[69_999] = 7\nnoise[5] = 0.5",
    "noise[6] = 0.5",
]


def plain(namespace: Any) -> dict[str, Any]:
    """The values of a namespace as they can be compared."""
    return {
        name: _described(value)
        for name, value in dict.items(namespace)
        if not name.startswith("__") and not isinstance(value, types.ModuleType)
    }


def _described(value: Any) -> Any:
    if isinstance(value, type):
        return ["class", value.__name__, value.__mro__[1].__name__, sorted(vars(value))]
    if isinstance(value, types.FunctionType):
        return ["function", value.__name__, value.__code__.co_code]
    if type(value).__name__ in ("Node", "Leaf"):
        return ["node", type(value).__name__, value.size(), _described(type(value))]
    return value


@dataclass(frozen=True)
class Good:
    """A directory with a rich history, and all that is known of it."""

    files: dict[str, bytes]
    times: list[int]
    values: dict[int, dict[str, Any]]
    needs: dict[tuple[int, str], frozenset[str]]
    """Blobs that loading a variable of a time reads, tables left out."""
    tables: dict[int, tuple[str, ...]]
    tags: dict[str, int] = field(default_factory=dict)
    contents: frozenset[str] = frozenset()
    """Hashes of every payload and buffer."""


class Noting(dict[str, bytes]):
    """Blobs, and which of them were asked for."""

    def __init__(self, blobs: dict[str, bytes]) -> None:
        super().__init__(blobs)
        self.seen: set[str] = set()

    def __getitem__(self, digest: str) -> bytes:
        self.seen.add(digest)
        return super().__getitem__(digest)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Good:
    path = tmp_path_factory.mktemp("damage") / "pod"
    with pod.open(path) as store:
        namespace = pod.new_managed_namespace(__name__="__main__")
        for code in CELLS:
            exec(code, namespace)
            store.save(namespace, code=code)
            store.flush()  # what is being written yet is no base of a delta
        store.tag("first", 1)
        store.tag("best", 4)
        branch = store.load(2)
        branch["branch"] = ["another"]
        store.save(branch)
        store.flush()
        for pack in list((path / "packs").iterdir())[:2]:  # some blobs have a second copy
            names = sorted(one.digest for one in known_blobs(pack.read_bytes()) or [])
            copies = {name: store.history.blob(name) for name in names[:3]}
            store.history.repository.write_pack(copies, 9)
    with pod.open(path, create=False) as store:
        values = {t: plain(store.load(t)) for t in store.history.times()}
    reader = ForeignReader(path)
    reader.blobs = noting = Noting(reader.blobs)
    needs, tables, contents = {}, {}, set()
    for t in reader.times():
        commit = reader.commit(t)
        tables[t] = tuple(commit["table"])
        listed = commit["definitions"]
        for name, entry in reader.variables(t).items():
            loading = _Loading(reader, t)
            noting.seen.clear()
            loading.variables([name])
            shards = {listed[shard_of(token, len(listed))] for token in loading.known}
            needs[t, name] = frozenset(noting.seen | shards | {entry["manifest"]})
        for entry in (*reader.variables(t).values(), *reader.definitions(t).values()):
            for payload, buffers, *_ in reader.manifest(entry["manifest"])["pods"]:
                contents |= {
                    blake3(reader.content(each)).hexdigest() for each in (payload, *buffers)
                }
    files = {
        str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()
    }
    return Good(
        files,
        reader.times(),
        values,
        needs,
        tables,
        reader.tags(),
        frozenset(contents),
    )


# An independent opinion on what is still there


def known_blobs(pack: bytes) -> list[Stored] | None:
    """What a pack has for each blob of its index, or None."""
    try:
        begin, length, index_hash, magic = FOOTER.unpack(pack[-FOOTER.size :])
        index = pack[-FOOTER.size - length : -FOOTER.size]
        if magic != MAGIC or blake3(index).digest() != index_hash:
            return None
        found = list(records(index))
        if begin != len(MAGIC) + sum(stored for _, _, stored, *_ in found):
            return None
        return [
            Stored(digest, pack[offset : offset + stored], raw, method, base)
            for digest, offset, stored, raw, method, base in found
        ]
    except Exception:
        return None


def has_its_size(pack: bytes) -> bool:
    begin, length, _, _ = FOOTER.unpack(pack[-FOOTER.size :])
    return pack[:8] == MAGIC and len(pack) == begin + length + FOOTER.size


def _decoded(stored: Stored, base: bytes) -> bytes | None:
    """Its bytes, or None where they are wrong."""
    data = stored.data
    try:
        if stored.method:
            announced = zstandard.get_frame_parameters(data).content_size
            dictionary = zstandard.ZstdCompressionDict(
                base, dict_type=zstandard.DICT_TYPE_RAWCONTENT
            )
            kind = {"dict_data": dictionary} if stored.method == 2 else {}
            unpacking = zstandard.ZstdDecompressor(**kind).decompressobj()
            data = unpacking.decompress(data)
            if announced != stored.raw_bytes or unpacking.unused_data or not unpacking.eof:
                return None
            if stored.method == 3:
                planes, data = iter(data), bytearray(len(data))
                for place in range(8):
                    for at in range(place, len(data), 8):
                        data[at] = next(planes)
        return data if blake3(data).hexdigest() == stored.digest else None
    except zstandard.ZstdError:
        return None


def whole_blobs(packs: dict[str, list[Stored]]) -> tuple[set[str], set[str]]:
    """Blobs that can be decoded, and packs with one whose bytes are wrong. Where a base cannot be
    had, nobody can tell."""
    found: dict[str, bytes] = {}
    wrong: set[str] = set()
    waiting = [(key, one) for key, each in packs.items() for one in each]
    while True:
        ready = [(key, one) for key, one in waiting if one.base is None or one.base in found]
        if not ready:
            return set(found), wrong
        waiting = [each for each in waiting if each not in ready]
        for key, one in ready:
            data = _decoded(one, b"" if one.base is None else found[one.base])
            if data is None:
                wrong.add(key)
            else:
                found[one.digest] = data


@dataclass
class Expected:
    """What a state of the files must lead to."""

    times: set[int]
    """That there are files for."""
    lost: set[int]
    """Of which nothing can be loaded."""
    affected: set[tuple[int, str]]
    unlisted: set[tuple[int, str]]
    """That only lost parts of tables list."""
    packs: set[str]
    """That something is wrong with."""
    tags: set[str]


def expected(good: Good, files: dict[str, bytes]) -> Expected:
    packs = set()
    stored = {}
    for key, data in files.items():
        if re.fullmatch(r"packs/.*\.pack", key):
            blobs = known_blobs(data)
            if blobs is None or not has_its_size(data):
                packs.add(key)
            stored[key] = blobs or []
    whole, wrong = whole_blobs(stored)
    packs |= wrong
    times = {int(key[8:]) for key in files if re.fullmatch(r"commits/[1-9]\d{0,17}", key)}
    lost = {
        t
        for t in times
        if files[f"commits/{t}"] != good.files.get(f"commits/{t}")
        or (good.tables[t] and whole.isdisjoint(good.tables[t]))
    }
    affected, unlisted = set(), set()
    for (t, name), needs in good.needs.items():
        if t in times - lost:
            if good.tables[t][shard_of(name, len(good.tables[t]))] not in whole:
                affected.add((t, verification.UNLISTED))
                unlisted.add((t, name))
            elif not whole.issuperset(needs):
                affected.add((t, name))
    tags = set()
    for key, data in files.items():
        if re.fullmatch(r"tags/[A-Za-z][A-Za-z0-9._-]{0,63}", key):
            text = re.fullmatch(rb"([1-9][0-9]{0,17})\n?", data)
            if text is None or int(text[1]) not in times:
                tags.add(key[5:])
    return Expected(times, lost, affected, unlisted, packs, tags)


# Damage


def harmed(rng: random.Random, good: Good) -> tuple[dict[str, bytes], str]:
    """The files with something wrong, and what."""
    files = dict(good.files)
    kind = rng.choice(KINDS)
    touched = []
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        key = rng.choice(
            sorted(files) + 3 * sorted(k for k in files if k.startswith(("packs", "comm")))
        )
        kind(rng, files, key)
        touched.append(key)
    return files, f"{kind.__name__} {' '.join(touched)}"


def place(rng: random.Random, data: bytes) -> int:
    """Near an end more often than by chance: there are headers and footers."""
    near = [rng.randrange(len(data)), rng.randrange(min(200, len(data)))]
    return rng.choice([*near, len(data) - 1 - near[1]])


def flip(rng: random.Random, files: dict[str, bytes], key: str) -> None:
    if data := bytearray(files[key]):
        data[place(rng, data)] ^= 1 << rng.randrange(8)
        files[key] = bytes(data)


def flip_many(rng: random.Random, files: dict[str, bytes], key: str) -> None:
    for _ in range(rng.randrange(2, 40)):
        flip(rng, files, key)


def truncate(rng: random.Random, files: dict[str, bytes], key: str) -> None:
    files[key] = files[key][: rng.choice([0, place(rng, files[key] or b"\0"), -1])]


def extend(rng: random.Random, files: dict[str, bytes], key: str) -> None:
    files[key] += rng.choice([b"\0", b"\n", rng.randbytes(100), files[key]])


def cut_out(rng: random.Random, files: dict[str, bytes], key: str) -> None:
    begin = place(rng, files[key] or b"\0")
    files[key] = files[key][:begin] + files[key][begin + rng.randrange(1, 50) :]


def overwrite(rng: random.Random, files: dict[str, bytes], key: str) -> None:
    if data := bytearray(files[key]):
        begin = place(rng, data)
        part = data[begin : begin + rng.choice([1, 16, 4096])]
        data[begin : begin + len(part)] = rng.choice([b"\0" * len(part), rng.randbytes(len(part))])
        files[key] = bytes(data)


def swap_bytes(rng: random.Random, files: dict[str, bytes], key: str) -> None:
    if data := bytearray(files[key]):
        a, b = place(rng, data), place(rng, data)
        data[a], data[b] = data[b], data[a]
        files[key] = bytes(data)


def delete(rng: random.Random, files: dict[str, bytes], key: str) -> None:
    if key != "format.json":
        files.pop(key, None)


def _sibling(rng: random.Random, files: dict[str, bytes], key: str) -> str:
    return rng.choice(sorted(k for k in files if k.partition("/")[0] == key.partition("/")[0]))


def exchange(rng: random.Random, files: dict[str, bytes], key: str) -> None:
    other = _sibling(rng, files, key)
    files[key], files[other] = files[other], files[key]


def copy_over(rng: random.Random, files: dict[str, bytes], key: str) -> None:
    files[key] = files[_sibling(rng, files, key)]


def duplicate(rng: random.Random, files: dict[str, bytes], key: str) -> None:
    folder, _, name = key.rpartition("/")
    if folder:
        new = rng.randbytes(32).hex() + ".pack" if folder == "packs" else f"{rng.randrange(9, 99)}"
        files[f"{folder}/{new if folder in ('packs', 'commits') else name + '2'}"] = files[key]


def exchange_kinds(rng: random.Random, files: dict[str, bytes], key: str) -> None:
    other = rng.choice(sorted(files))
    if "format.json" not in (key, other):
        files[key], files[other] = files[other], files[key]


KINDS = [
    flip, flip, flip_many, truncate, extend, cut_out, overwrite, swap_bytes, delete, exchange,
    copy_over, duplicate, exchange_kinds,
]  # fmt: skip


@pytest.fixture
def unpickled(good: Good, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Hashes of what was unpickled and was never pickled: must stay empty."""
    wrong: list[str] = []
    init = unpickler._PodUnpickler.__init__

    def noting(self: Any, stored: Any, *rest: Any) -> None:
        for content in (stored.payload, *stored.buffers):
            if blake3(content).hexdigest() not in good.contents:
                wrong.append(blake3(content).hexdigest())
        init(self, stored, *rest)

    monkeypatch.setattr(unpickler._PodUnpickler, "__init__", noting)
    yield wrong
    assert wrong == []


def opened(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> pod.PodStore:
    storage = MemoryStorage()
    storage.values = dict(files)
    monkeypatch.setattr("pod.library.LocalStorage", lambda _: storage)
    return pod.open("/nowhere/at/all", create=False)


def is_readable_format(data: bytes) -> bool:
    return re.search(rb'^\{\s*"format": 1,\s*"hash": "blake3-256",', data) is not None


def check_trial(
    files: dict[str, bytes], good: Good, monkeypatch: pytest.MonkeyPatch, rng: random.Random
) -> None:
    want = expected(good, files)
    try:
        store = opened(files, monkeypatch)
    except PodError as error:
        assert "format.json" in str(error) and files["format.json"] != good.files["format.json"]
        return
    found = store.verify()
    named = named_times = set[Any]()
    named, named_times = set(), set()
    for damage in found.damage:
        if damage.variables:
            named |= {(t, name) for t in damage.times for name in damage.variables}
        else:
            named_times |= set(damage.times)
    assert named_times == want.lost
    assert {each for each in named if each[0] not in want.lost} == want.affected
    said = "\n".join(damage.what for damage in found.damage)
    assert set(re.findall(r"^(packs/\S+):", said, re.M)) == want.packs
    assert set(re.findall(r"^tags/(\S+):", said, re.M)) == want.tags
    assert bool(found) == (not (want.lost or want.affected or want.packs or want.tags))
    if rng.random() < 0.4:
        check_loads(store, good, want, rng)


def check_loads(store: pod.PodStore, good: Good, want: Expected, rng: random.Random) -> None:
    hurt = sorted({t for t, _ in want.affected})
    untouched = sorted(want.times - want.lost - set(hurt))
    chosen = {*rng.sample(untouched, min(1, len(untouched))), *rng.sample(hurt, min(1, len(hurt)))}
    for t in chosen:
        affected = {name for when, name in want.affected if when == t}
        unlisted = {name for when, name in want.unlisted if when == t}
        if unlisted:
            with pytest.raises(DamagedError, match=f"the list of variables of time {t} is damaged"):
                store.load(t)
        elif affected:
            with pytest.raises(RestoreError) as caught:
                store.load(t)
            assert f"time {t} " in str(caught.value) and "Load the other" in str(caught.value)
            told = re.findall(r"(?:^[^.]*\. |; )(\w+): ", str(caught.value))
            assert set(told) == affected, str(caught.value)
        whole = good.values[t].keys() - affected - unlisted
        loaded = plain(store.load(t, whole))
        for name in whole:
            assert difference(loaded[name], good.values[t][name]) is None, name
    for t in want.lost & set(rng.sample(sorted(want.lost), min(2, len(want.lost)))):
        with pytest.raises(PodError) as error:
            store.load(t)
        assert f"time {t}" in str(error.value) or f"commits/{t} " in str(error.value)


@pytest.mark.parametrize("part", range(7))
def test_damage_is_found_named_exactly_and_costs_nothing_else(
    good: Good, part: int, unpickled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(part * TRIALS // 7, (part + 1) * TRIALS // 7):
        rng = random.Random(seed)
        files, what = harmed(rng, good)
        print(f"seed {seed}: {what}")
        check_trial(files, good, monkeypatch, rng)
        assert unpickled == []


def test_the_good_copy_is_whole(
    good: Good, monkeypatch: pytest.MonkeyPatch, unpickled: list[str]
) -> None:
    want = expected(good, good.files)
    assert not (want.lost or want.affected or want.packs or want.tags)
    check_trial(good.files, good, monkeypatch, random.Random(1))
    assert len(good.needs) > 150 and len(good.contents) > 40
    assert max(map(len, good.tables.values())) >= 8
    packs = [known_blobs(data) or [] for key, data in good.files.items() if key[:6] == "packs/"]
    assert sum(one.base is not None for each in packs for one in each) >= 2
    assert verification.verify(opened(good.files, monkeypatch).history)
