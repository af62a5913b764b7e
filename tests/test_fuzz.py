"""Whatever bytes stand in a pod directory: the right value, or a PodError. Nothing else, soon, and
without much memory.

Three ways: bytes that are random or nearly right for each parser by itself; JSON that is nearly
right, in a directory whose hashes all fit, so that it gets as far as it can; files that promise
more than they hold. `POD_TEST_SCALE` multiplies the number of trials.
"""

from __future__ import annotations

import json
import os
import random
import resource
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pod
import pytest
import zstandard
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from pod import PodStore
from pod.errors import DamagedError, PodError
from pod.history.collection import collect_garbage
from pod.history.diff import diff, read_arguments
from pod.history.log import Log
from pod.history.manifest import Manifest, canonical
from pod.history.moments import History
from pod.history.records import Commit, Variable
from pod.history.restore import restore
from pod.history.show import show_commit, show_variable
from pod.history.table import Table, read_table
from pod.history.trust import standing
from pod.history.verify import verify
from pod.store import files, generations, leases, pack
from pod.store.codec import CHUNK_BYTES, decode, digest, encode
from pod.store.copies import Copies
from pod.store.generations import Generation
from pod.store.reading import read_any
from pod.store.repository import Repository
from pod.store.storage import LocalStorage
from pod.store.trust import Keyring
from support.memory_storage import MemoryStorage
from support.mutations import TEXTS, any_json, deep, mutated, mutated_json

SCALE = int(os.environ.get("POD_TEST_SCALE", "1"))
TRIALS = 250 * SCALE
DIRECTORIES = 100 * SCALE
SLOW_SECONDS = 5.0
ROOM_BYTES = 1 << 30


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """What would take a gigabyte more than is taken now, fails."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ROOM_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def tried(use: Callable[[], object], what: object) -> object:
    """What a use gives, or the PodError that it raises. Anything else fails; so does waiting."""
    started = time.process_time()  # others may be at work; real waiting ends with the timeout
    try:
        found = use()
    except PodError as error:
        found = error
        assert str(error), what
    except Exception as error:
        raise AssertionError(f"{type(error).__name__}: {error} for {what!r:.2000}") from error
    assert time.process_time() - started < SLOW_SECONDS, what
    return found


# One parser at a time


@pytest.fixture(scope="module")
def valid() -> MemoryStorage:
    """A directory as sessions make it, with everything that there is in one."""
    storage = MemoryStorage()
    from pod.podding.policies import make_policy
    from pod.session import Cell, Session
    from pod.store.leases import Lease
    from pod.store.writer import Writer
    from pod.tracking.namespace import NamespaceTracker

    repository = Repository.open(storage)
    writer = Writer(repository, background=False)
    history = History(repository, writer)
    ns = pod.new_managed_namespace(__name__="__main__")
    session = Session(ns, history, writer, NamespaceTracker(ns), make_policy("split-all"))
    lease = Lease(storage)
    exec(
        "class C:\n    z = []\n    def m(self): return len(x)\ndef f(a, b=1): return a\n"
        "x = [[1], {'k': (2, [3])}]\ny = [x[0], C()]\ngenerator = (i for i in x)\nn = 1",
        ns,
    )
    ns["array"] = np.arange(9000)
    ns["texts"] = np.array([f"text {i}" for i in range(300)], dtype=object)
    session.save(Cell("x = 1", message="first", seconds=0.5))
    ns["x"].append(ns["y"])
    ns |= {f"v{i}": i for i in range(40)}
    session.save(Cell("x.append(y)", ok=False, error="E: e"))
    session.checkout(1)
    ns["z"] = 5
    session.save(Cell("z = 5"))
    writer.flush()
    repository.set_tag("v1", 1)
    repository.set_tag("last", 3)
    assert repository.claim() == 4
    lease.release.detach()
    gone = Generation(frozenset({"cd" * 32}), frozenset({9}), ((7, 9), (11, 11)), {9: 3, 7: None})
    generations.announce(storage, gone)
    return storage


def keys(storage: MemoryStorage, prefix: str) -> list[str]:
    found = [key for key in sorted(storage.values) if key.startswith(prefix)]
    assert found, prefix
    return found


def blobs(storage: MemoryStorage) -> dict[str, bytes]:
    packs = Repository.open(storage, create=False).packs()
    assert packs
    names = {entry.digest for entries in packs.values() for entry in entries}
    return Repository.open(storage, create=False).read_many(names)


def bodies(storage: MemoryStorage) -> list[Any]:
    return [
        json.loads(files.commit_body(storage.values[key], ""))
        for key in keys(storage, files.COMMITS)
    ]


def manifests(storage: MemoryStorage) -> list[Any]:
    return [
        raw
        for blob in blobs(storage).values()
        if blob.startswith(b'{"definitions"') and (raw := json.loads(blob))
    ]


def shards(storage: MemoryStorage) -> list[Any]:
    known = blobs(storage)
    return [
        json.loads(known[each])
        for body in bodies(storage)
        for each in (*body["table"], *body["definitions"])
    ]


def trials(name: str) -> Iterator[random.Random]:
    for seed in range(TRIALS):
        yield random.Random(f"{name} {seed}")


def test_format_json(valid: MemoryStorage) -> None:
    data = valid.values[files.FORMAT_KEY]
    files.check_format(data, "here")
    for rng in trials("format"):
        made = mutated(rng, data)
        found = tried(lambda made=made: files.check_format(made, "here"), made)
        assert found is None or str(found).startswith("here ")
        made = json.dumps(mutated_json(rng, json.loads(data))).encode()
        found = tried(lambda made=made: files.check_format(made, "here"), made)
        assert found is None or str(found).startswith("here ")


def test_commit_files(valid: MemoryStorage) -> None:
    for rng in trials("commit"):
        data = valid.values[rng.choice(keys(valid, files.COMMITS))]
        made = mutated(rng, data)
        found = tried(lambda made=made: files.signed_commit(made, "here"), made)
        if isinstance(found, files.SignedCommit):  # JSON can say the same in other bytes
            assert found == files.signed_commit(data, "")
        else:
            assert str(found).startswith("here ")
        header, _, body = data.partition(b"\n")
        made = json.dumps(mutated_json(rng, json.loads(header))).encode() + b"\n" + body
        tried(lambda made=made: files.signed_commit(made, "here"), made)


def test_commit_bodies(valid: MemoryStorage) -> None:
    for rng in trials("body"):
        body = rng.choice(bodies(valid))
        for made in (
            mutated(rng, canonical(body)),
            json.dumps(mutated_json(rng, body)).encode(),
            json.dumps(any_json(rng)).encode(),
        ):
            storage = MemoryStorage()
            storage.values[f"commits/{body['t']}"] = files.commit_bytes(made)
            history = History(Repository(storage))
            found = tried(lambda history=history, t=body["t"]: history.commit(t), made)
            if isinstance(found, Commit):
                assert found.t == body["t"]
                assert found.parent is None or 0 < found.parent < found.t
                tried(lambda found=found: show(found), made)
            else:
                assert f"commits/{body['t']} in memory" in str(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"t": 0}, {"t": 10**18}, {"parent": 0}, {"parent": 1}, {"parent": 2}, {"bytes": -1},
        {"seconds": -1}, {"seconds": True}, {"ok": 1}, {"table": ["ab" * 32] * 3},
        {"table": ["AB" * 32]},
        {"table": ["ab" * 32] * 2**17}, {"added": [1]}, {"random": {"numpy": "x"}}, {"code": None},
    ],
)  # fmt: skip
def test_a_commit_with_a_field_out_of_range(valid: MemoryStorage, changes: dict[str, Any]) -> None:
    body = bodies(valid)[0]
    assert Commit.from_json(body).t == 1
    with pytest.raises((TypeError, ValueError)):
        Commit.from_json(body | changes)


@pytest.mark.parametrize("field", ["created", "code", "error", "message", "notebook", "python"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_commit_that_says_anything_can_be_shown(
    valid: MemoryStorage, field: str, text: str
) -> None:
    for body in (bodies(valid)[0] | {field: text}, bodies(valid)[1] | {field: text}):
        storage = MemoryStorage()
        storage.values = dict(valid.values)
        storage.values[f"commits/{body['t']}"] = files.commit_bytes(canonical(body))
        history = History(Repository(storage))
        show(history.commit(body["t"]))
        report = show_commit(history, body["t"], 1)
        json.dumps(report.to_json())
        str(report)
        str(standing(history))
        str(diff(history, 1, 2, values=False))
        diff(history, 1, 2, values=False)._repr_html_().encode()


def show(commit: Commit) -> None:
    """Every way in which a commit is put before people."""
    log = Log((commit,), head=commit.t, tags={}, total=1)
    assert str(log)
    log._repr_html_().encode()
    json.dumps(log.to_json())


def test_tags_and_names_of_files(valid: MemoryStorage) -> None:
    for rng in trials("tag"):
        made = mutated(rng, b"12\n")
        found = tried(lambda made=made: files.tag_time(made, "here"), made)
        assert isinstance(found, int) or str(found).startswith("here ")
        name = mutated(rng, b"commits/12").decode("utf-8", "surrogateescape")
        t = files.key_time(files.COMMITS, name)
        assert t is None or 0 < t <= files.MAX_TIME
        tag = files.key_tag(mutated(rng, b"tags/v1").decode("latin-1"))
        assert tag is None or files.tag_key(tag) == f"tags/{tag}"


def test_records_of_garbage_collections(valid: MemoryStorage) -> None:
    [key] = keys(valid, generations.PREFIX)
    data = valid.values[key]
    header, _, body = data.partition(b"\n")
    for rng in trials("generation"):
        forged = json.dumps(mutated_json(rng, json.loads(body))).encode()
        fitting = json.dumps(json.loads(header) | {"blake3": digest(forged)}).encode()
        for made in (
            mutated(rng, data),
            fitting + b"\n" + forged,
            json.dumps(mutated_json(rng, json.loads(header))).encode() + b"\n" + body,
        ):
            found = tried(lambda made=made: Generation.from_bytes(made, "here"), made)
            if isinstance(found, Generation):
                assert Generation.from_bytes(found.to_bytes(), "there") == found
                assert found.has_removed(8) in (True, False)
            else:
                assert str(found).startswith("here ")


def test_signs_of_processes(valid: MemoryStorage) -> None:
    for prefix in ("claims/", "leases/"):
        for rng in trials(prefix):
            storage = MemoryStorage()
            key = keys(valid, prefix)[0]
            data = valid.values[key]
            made = (
                mutated(rng, data)
                if rng.random() < 0.5
                else json.dumps(mutated_json(rng, json.loads(data))).encode()
            )
            storage.values[key] = made
            found = tried(lambda storage=storage, key=key: str(leases.owner(storage, key)), made)
            assert not isinstance(found, PodError), (
                found
            )  # it says whose it is, or that nobody knows


def test_time_references(valid: MemoryStorage) -> None:
    history = History(Repository(valid))
    for rng in trials("reference"):
        text = mutated(rng, rng.choice((b"3", b"HEAD~2", b"v1~1", b"last", b"HEAD"))).decode(
            "utf-8", "surrogateescape"
        )
        found = tried(lambda text=text: history.resolve(text, 3), text)
        assert found in (1, 2, 3) or isinstance(found, PodError)
        words = [text, "x", "HEAD"]
        tried(lambda words=words: read_arguments(history, words, 3), words)


def repacked(blobs: dict[str, bytes], change: Callable[[list[list[Any]]], None]) -> bytes:
    """A pack whose hashes fit, and whose index says what `change` makes of it."""
    bases = dict(pairwise(blobs))
    writer = pack.PackWriter(
        blobs, 3, lambda name: pack.Base(bases[name], blobs[bases[name]]) if name in bases else None
    )
    data = b"".join(map(bytes, writer.parts()))
    body = data[: len(data) - sum(e.nbytes - e.stored_bytes for e in writer.entries) - 56]
    rows = [
        [bytes.fromhex(e.digest), e.offset, e.stored_bytes, e.raw_bytes, int(e.method), e.base]
        for e in writer.entries
    ]
    change(rows)
    index = b"".join(
        struct.pack("<32sQQQB", *row) + bytes.fromhex(base or "") for *row, base in rows
    )
    footer = struct.pack("<QQ32s8s", len(body), len(index), blake3(index).digest(), pack.MAGIC)
    return body + index + footer


def read_pack(data: bytes) -> list[bytes]:
    storage = MemoryStorage()
    storage.values["packs/a.pack"] = data
    found = []
    entries = pack.read_index(storage, "packs/a.pack")
    copies = Copies({"packs/a.pack": entries})
    for entry, blob in pack.read_blobs(
        storage, "packs/a.pack", entries, partial(read_any, storage, copies)
    ):
        if isinstance(blob, bytes):
            assert digest(blob) == entry.digest
            found.append(blob)
        else:
            assert "packs/a.pack" in str(blob)
    return found


def test_packs(valid: MemoryStorage) -> None:
    noise = os.urandom(2000)
    parts = (b"", b"x" * 500, noise[:300], bytes(70_000), noise, noise + b"!", noise[5:])
    data = {digest(blob): blob for blob in parts}
    whole = []
    repacked(data, whole.extend)
    assert sum(row[5] is not None for row in whole) == 2

    def change(rows: list[list[Any]], rng: random.Random) -> None:
        for _ in range(rng.choice((1, 1, 3))):
            row = rng.choice(rows)
            column = rng.randrange(1, 5)
            row[column] = rng.choice((0, 1, row[column] ^ 1, 2**31, 2**40, 2**63, 2**64 - 1))
            row[4] %= 256
        if rng.random() < 0.2:
            rows.insert(rng.randrange(len(rows)), list(rng.choice(rows)))
        if rng.random() < 0.5:
            rng.choice(rows)[5] = rng.choice(rows)[0].hex()

    for rng in trials("pack"):
        made = mutated(rng, valid.values[rng.choice(keys(valid, "packs/"))])
        found = tried(lambda made=made: read_pack(made), made)
        assert isinstance(found, list) or "packs/a.pack in memory is damaged" in str(found)
        made = repacked(data, lambda rows, rng=rng: change(rows, rng))
        found = tried(lambda made=made: read_pack(made), made)
        assert isinstance(found, list) or "packs/a.pack in memory is damaged" in str(found)


def test_encoded_blobs() -> None:
    for rng in trials("blob"):
        raw = rng.choice((b"", b"a", b"ab" * 400, rng.randbytes(500), bytes(200_000)))
        encoded = encode(raw, 3)
        data = mutated(rng, bytes(encoded.data))
        method = rng.choice((0, 1, 1, 1, 2, 255))
        nbytes = rng.choice((len(raw), len(raw) + 1, 0, 2**20, 2**40, 2**64 - 1))
        base = rng.choice((b"", raw, b"ab" * 300, rng.randbytes(500)))
        found = tried(
            lambda m=method, d=data, n=nbytes, b=base: decode(m, d, n, b),
            (method, data, nbytes, base),
        )
        assert isinstance(found, DamagedError) or len(found) == nbytes  # type: ignore[arg-type]
        assert decode(encoded.method, encoded.data, encoded.raw_bytes) == raw


def test_manifests(valid: MemoryStorage) -> None:
    every = manifests(valid)
    assert len(every) > 3
    for rng in trials("manifest"):
        raw = rng.choice(every)
        for made in (
            mutated(rng, canonical(raw)),
            json.dumps(mutated_json(rng, raw)).encode(),
            json.dumps(any_json(rng)).encode(),
        ):
            found = tried(lambda made=made: Manifest.from_bytes(made), made)
            if isinstance(found, Manifest):
                tried(lambda found=found: use(found), made)


def use(manifest: Manifest) -> None:
    """Everything that is asked of a manifest before anything is loaded."""
    Manifest.from_bytes(manifest.to_bytes())
    assert manifest.interior is not None
    assert manifest.uses is not None
    for roots in ([*manifest.names.values()], *map(list, manifest.definitions.values())):
        assert manifest.needed(roots) == sorted(manifest.needed(roots))
        manifest.nbytes(roots)
        manifest.modules(roots)
        assert all(isinstance(each, str) for each in manifest.opaque(roots))
        manifest.fingerprint(roots, lambda token: token)


def test_variable_tables(valid: MemoryStorage) -> None:
    for rng in trials("table"):
        raw = rng.choice(shards(valid))
        for made in (
            mutated(rng, canonical(raw)),
            json.dumps(mutated_json(rng, raw)).encode(),
            json.dumps(any_json(rng)).encode(),
        ):
            name = digest(made)

            def read(made: bytes = made, name: str = name) -> Any:
                table = read_table((name,), lambda _: {name: made})
                assert len(table) == len([*table])  # shards are read when they are needed
                return table

            table = tried(read, made)
            if isinstance(table, PodError):
                assert f"variable table {name[:12]}" in str(table)
                continue
            assert isinstance(table, Table)
            for variable in table.values():
                assert table[variable.name] is variable
                assert Variable.from_json(variable.to_json()) == variable


def test_keys_and_trust_records(tmp_path: Path) -> None:
    home = tmp_path / "data"
    keyring = Keyring(home)
    keyring.trust("/a", ["ab" * 32], "now")
    keyring.prepare()
    [record] = (home / "trusted").iterdir()
    valid_record, valid_key = record.read_bytes(), (home / "key").read_bytes()
    signature = keyring.sign("cd" * 32)
    for number, rng in enumerate(trials("trust")):
        if number % 5:
            forged = json.dumps(mutated_json(rng, json.loads(valid_record))).encode()
            made = rng.choice((mutated(rng, valid_record), forged))
            record.write_bytes(made)
            found = tried(keyring.records, made)
            assert len(found[0]) + len(found[1]) == 1  # type: ignore[index]
            assert all(str(record) in why for why in found[1])  # type: ignore[index]
            tried(lambda: keyring.trusts("ab" * 32), made)
        else:
            made = mutated(rng, valid_key)
            (home / "key").write_bytes(made)
            fresh = Keyring(home)
            fresh._patience = 0.0
            own = tried(lambda fresh=fresh: fresh.is_lasting("cd" * 32, signature), made)
            assert own is (made == valid_key)
            assert len(made) == 32 or "key is damaged" in fresh.trouble


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(), inner, max_size=6),
    max_leaves=30,
)
PARSERS: list[Callable[[bytes], object]] = [
    lambda data: files.check_format(data, "here"),
    lambda data: files.signed_commit(data, "here"),
    lambda data: files.signed_commit(files.commit_bytes(b"x").replace(b"x", data), "here"),
    lambda data: files.tag_time(data, "here"),
    lambda data: Generation.from_bytes(data, "here"),
    lambda data: files.json_object(data),
    lambda data: Manifest.from_bytes(data),
    lambda data: [*read_table(("ab" * 32,), lambda _: {"ab" * 32: data})],
    lambda data: read_pack(data),
    lambda data: decode(1, data, len(data)),
    lambda data: decode(0, data, len(data)),
    lambda data: decode(2, data, len(data), data[:100]),
    lambda data: decode(3, data, len(data)),
    lambda data: History(commit_only(data)).commit(1),
]


def commit_only(body: bytes) -> Repository:
    storage = MemoryStorage()
    storage.values["commits/1"] = files.commit_bytes(body)
    return Repository(storage)


@settings(max_examples=60 * SCALE)
@given(st.binary(max_size=400) | ANY_JSON.map(lambda raw: json.dumps(raw).encode()))
def test_any_bytes_in_any_parser(data: bytes) -> None:
    for parse in PARSERS:
        tried(lambda parse=parse: parse(data), data)


@settings(max_examples=60 * SCALE)
@given(ANY_JSON)
def test_canonical_json_is_one_for_equal_values(value: Any) -> None:
    made = canonical(value)
    assert made.isascii()
    assert canonical(json.loads(made)) == made


@pytest.mark.parametrize("depth", [900, 5000, 200_000])
def test_json_that_nests_deep(depth: int) -> None:
    for data in (
        deep(depth).encode(),
        (b'{"a":' * depth) + b"1" + b"}" * depth,
        b"[" * depth,
        b'{"pods":' + deep(depth).encode() + b',"names":{},"definitions":{}}',
        b'{"pods":[[[1,"=AA=="],[],[["future",' + deep(depth).encode() + b"]],[]]],"
        b'"names":{"x":["pod",0,null]},"definitions":{}}',
        b'{"format":1,"hash":' + deep(depth).encode() + b"}",
    ):
        for parse in PARSERS:
            tried(lambda parse=parse, data=data: parse(data), depth)


# Whole directories whose hashes fit


class Forger:
    """Writes a directory anew with other JSON in it, and every hash above made to fit."""

    def __init__(self, valid: MemoryStorage, rng: random.Random) -> None:
        self.rng = rng
        self.blobs = blobs(valid)
        self.storage = MemoryStorage()
        self.storage.values = dict(valid.values)
        self._bodies = bodies(valid)
        self.circles = False
        self.deltas = 0

    def directory(self) -> MemoryStorage:
        """Forged at one or two levels."""
        self.circles = self.rng.random() < 0.3
        what = self.rng.randrange(6)
        if what == 0:
            self._forge_manifest()
        elif what == 1:
            self._forge_shard()
        elif what == 2:
            self._forge_body()
        elif what == 3:
            self._forge_manifest()
            self._forge_body()
        elif what == 4:
            self._damage_small_files()
        else:
            self._forge_shard()
            self._damage_small_files()
        self._write()
        return self.storage

    def _put(self, raw: Any) -> str:
        data = json.dumps(raw, sort_keys=True, separators=(",", ":")).encode()
        self.blobs[digest(data)] = data
        return digest(data)

    def _forge_manifest(self) -> None:
        body = self.rng.choice(self._bodies)
        table = self.rng.choice([t for t in ("table", "definitions") if body[t]])
        at = self.rng.randrange(len(body[table]))
        shard = json.loads(self.blobs[body[table][at]])
        if not shard:
            return
        old = self.rng.choice(shard)["manifest"]
        new = self._put(mutated_json(self.rng, json.loads(self.blobs[old])))
        for entry in shard:
            if entry["manifest"] == old:
                entry["manifest"] = new
        body[table] = [*body[table][:at], self._put(shard), *body[table][at + 1 :]]

    def _forge_shard(self) -> None:
        body = self.rng.choice(self._bodies)
        table = self.rng.choice([t for t in ("table", "definitions") if body[t]])
        at = self.rng.randrange(len(body[table]))
        shard = mutated_json(self.rng, json.loads(self.blobs[body[table][at]]))
        body[table] = [*body[table][:at], self._put(shard), *body[table][at + 1 :]]

    def _forge_body(self) -> None:
        at = self.rng.randrange(len(self._bodies))
        self._bodies[at] = mutated_json(self.rng, self._bodies[at])

    def _damage_small_files(self) -> None:
        for key in self.rng.sample(sorted(self.storage.values), 2):
            if not key.startswith("packs/"):
                data = self.storage.values[key]
                self.storage.values[key] = (
                    mutated(self.rng, data)
                    if self.rng.random() < 0.5 or files.json_object(data) is None
                    else json.dumps(mutated_json(self.rng, json.loads(data))).encode()
                )
        stray = self.rng.choice(
            ("commits/999999999999999999", "commits/x", "packs/x.pack", "packs/y", "tags/..",
             "tags/HEAD", "gc/x", "gc/x/y", "gc/a b", "claims/999999999999999998", "claims/01",
             "leases/x", "trash/x", "commits/5/x")
        )  # fmt: skip
        self.storage.values[stray] = self.rng.randbytes(30)

    def _base_of(self, name: str) -> pack.Base | None:
        """A blob that comes before it; or any, so that deltas may go in circles."""
        names = list(self.blobs)
        if not self.circles:
            names = names[: names.index(name)]
        # What was made from it is mostly like it, and as long.
        names = [one for one in names if abs(len(self.blobs[one]) - len(self.blobs[name])) < 200]
        if not names or self.rng.random() < 0.3:
            return None
        base = self.rng.choice(names)
        return pack.Base(base, self.blobs[base])

    def _write(self) -> None:
        for key in [key for key in self.storage.values if key.startswith("packs/")]:
            del self.storage.values[key]
        writer = pack.PackWriter(self.blobs, 1, self._base_of)
        data = b"".join(map(bytes, writer.parts()))
        self.storage.values[pack.pack_key("ab" * 32)] = data
        self.deltas = sum(entry.base is not None for entry in writer.entries)
        keyring = Keyring()
        for t, body in enumerate(self._bodies, 1):
            made = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
            if f"commits/{t}" in self.storage.values:
                signed = files.commit_bytes(made, keyring.sign(digest(made)))
                self.storage.values[f"commits/{t}"] = signed


def look_at_everything(storage: MemoryStorage) -> None:
    """What anybody may do with any directory, and nothing that unpickles."""
    opened = tried(lambda: Repository.open(storage, create=False), "open")
    if not isinstance(opened, Repository):
        return
    history = History(opened)
    listed = tried(history.commits, "commits")
    assert isinstance(listed, tuple), listed  # one bad commit hides no other
    commits, _ = listed
    tags = tried(opened.tags, "tags")
    log = Log(tuple(commits), head=3, tags=tags, total=len(commits))  # type: ignore[arg-type]
    for shown in (log.__str__, log._repr_html_, lambda: json.dumps(log.to_json())):
        assert not isinstance(tried(shown, "log"), PodError)
    log._repr_html_().encode()
    for reference in ("HEAD", "HEAD~1", "v1", "last~2", 1, 2, 3, 4):
        tried(lambda reference=reference: history.resolve(reference), reference)
    times = history.times()
    for t in times:
        report = tried(lambda t=t: show_commit(history, t, 3), t)
        if not isinstance(report, PodError):
            str(report)
            json.dumps(report.to_json())  # type: ignore[attr-defined]
            for variable in report.variables[:5]:  # type: ignore[attr-defined]
                one = tried(lambda t=t, v=variable: show_variable(history, t, v.name), t)
                if not isinstance(one, PodError):
                    str(one)
                    json.dumps(one.to_json())  # type: ignore[attr-defined]
    for a, b in ((1, 2), (2, 3), (3, 1)):
        found = tried(lambda a=a, b=b: diff(history, a, b, values=False), (a, b))
        if not isinstance(found, PodError):
            str(found)
            found._repr_html_().encode()  # type: ignore[attr-defined]
            json.dumps(found.to_json())  # type: ignore[attr-defined]
    verified = tried(lambda: verify(history), "verify")
    assert not isinstance(verified, PodError), verified
    str(verified)
    tried(lambda: standing(history), "standing")


@pytest.mark.parametrize("part", range(4))
def test_directories_whose_hashes_fit(valid: MemoryStorage, part: int) -> None:
    deltas = 0
    for seed in range(part, DIRECTORIES, 4):
        forger = Forger(valid, random.Random(f"directory {seed}"))
        storage = forger.directory()
        deltas += forger.deltas
        try:
            look_at_everything(storage)
            collect(storage)
            load_everything(storage)
        except BaseException as error:
            raise AssertionError(f"directory {seed}: {error}") from error
    assert deltas > DIRECTORIES / 4


def collect(storage: MemoryStorage) -> None:
    opened = tried(lambda: Repository.open(storage, create=False), "open")
    if isinstance(opened, Repository):
        before = dict(storage.values)
        tried(lambda: collect_garbage([History(opened)], dry_run=True), "gc")
        assert storage.values == before
        claimed = tried(opened.claim, "claim")
        assert isinstance(claimed, PodError) or claimed in range(4, files.MAX_TIME + 1)


def load_everything(storage: MemoryStorage) -> None:
    """As if the user had signed it: what cannot be loaded is a failure of a variable, in words."""
    opened = tried(lambda: Repository.open(storage, create=False), "open")
    if not isinstance(opened, Repository):
        return
    history = History(opened)
    for t in history.times():

        def load(t: int = t) -> None:
            commit = history.commit(t)
            table = history.variables(commit)
            restored = restore(history, commit, table.values(), {})
            assert restored.values.keys() | restored.failures.keys() == table.keys()

        tried(load, t)


def test_a_directory_that_is_whole_is_read_whole(valid: MemoryStorage) -> None:
    """The trials above begin with something that works."""
    storage = Forger(valid, random.Random(0))
    storage._write()
    history = History(Repository.open(storage.storage, create=False))
    assert verify(history)
    assert [commit.t for commit in history.commits()[0]] == [3, 2, 1]
    for t in (1, 2, 3):
        commit = history.commit(t)
        restored = restore(history, commit, history.variables(commit).values(), {})
        assert not restored.failures
    assert restored.values["x"] == [[1], {"k": (2, [3])}]


# Files that promise more than they hold


def peak(use: Callable[[], object]) -> int:
    """Bytes that were taken at the same time, at most."""
    tracemalloc.start()
    try:
        use()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("nbytes", [2**21, 2**30, 2**40])
def test_a_frame_that_announces_more_than_it_may(nbytes: int) -> None:
    small = min(nbytes, 2**24)
    frame = bytearray(zstandard.ZstdCompressor().compress(bytes(small)))
    for announced in (small, nbytes):
        with pytest.raises(DamagedError, match="must not decompress"):
            decode(1, bytes(frame), announced)
    header = b"\x28\xb5\x2f\xfd\xe0" + nbytes.to_bytes(8, "little")
    data = header + os.urandom(nbytes // 128 if nbytes < 2**30 else 1000)
    found = peak(lambda: tried(lambda: decode(1, data, nbytes), nbytes))
    assert found < 2 * nbytes if nbytes < 2**30 else found < 2**20


def test_what_a_writer_compresses_a_reader_believes() -> None:
    for raw in (bytes(2**20), bytes(2**20 + 1), bytes(2**24), b"ab" * 2**20, os.urandom(2**21)):
        encoded = encode(raw, 3)
        assert decode(encoded.method, encoded.data, encoded.raw_bytes) == raw
    assert encode(bytes(CHUNK_BYTES), 3).method == 1  # chunks of zeros are still next to nothing


@pytest.mark.parametrize(
    "key", ["commits/1", "tags/a", "format.json", "packs/a.pack", "leases/a", "claims/2"]
)
def test_a_file_of_a_terabyte_that_takes_no_room(tmp_path: Path, key: str) -> None:
    """A file system keeps a file of zeros in no room at all."""
    with PodStore(tmp_path / "pods") as store:
        store.save({"x": 1})
        store.tag("b", 1)
    path = tmp_path / "pods" / key
    with path.open("ab") as file:
        file.truncate(2**40)

    def look() -> None:
        opened = tried(lambda: Repository.open(LocalStorage(tmp_path / "pods"), create=False), key)
        if isinstance(opened, PodError):
            return
        history = History(opened)  # type: ignore[arg-type]
        tried(opened.tags, key)  # type: ignore[attr-defined]
        commits, damaged = history.commits()
        assert len(commits) + len(damaged) == 1
        found = tried(lambda: verify(history), key)
        assert isinstance(found, PodError) or str(found)
        tried(lambda: collect_garbage([history], dry_run=True), key)

    assert peak(look) < 2 * files.MAX_COMMIT_BYTES + 2**24


def test_a_pack_that_says_its_index_is_huge(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.put("packs/a.pack", [pack.MAGIC])
    path = tmp_path / "packs" / "a.pack"
    for index_bytes in (57 * 2**26, 57 * 2**55, 2**64 - 1 - (2**64 - 1) % 57):
        with path.open("wb") as file:
            file.truncate(2**40)
            file.seek(0, 2)
            file.write(struct.pack("<QQ32s8s", 8, index_bytes, bytes(32), pack.MAGIC))
        assert peak(lambda: tried(lambda: pack.read_index(storage, "packs/a.pack"), "a")) < 2**20


def test_one_chunk_that_is_named_a_million_times() -> None:
    chunk = bytes(1000)
    content = [10**9, *[digest(chunk)] * 10**5]
    raw = {"pods": [[content, [], [], []]], "names": {"x": ["pod", 0, None]}, "definitions": {}}
    from pod.history.moments import ManifestSource

    manifest = Manifest.from_bytes(canonical(raw))
    sizes = {digest(chunk): len(chunk)}
    source = ManifestSource(manifest, lambda _: {digest(chunk): chunk}, sizes.__getitem__)
    assert isinstance(tried(lambda: list(source.pods([0])), "pods"), DamagedError)


def test_a_table_of_many_shards_that_hold_next_to_nothing() -> None:
    """Each shard is a megabyte of blanks; they are not all in memory at once."""
    names = [digest(bytes([n % 256, n // 256])) for n in range(2**7)]

    def read(wanted: Any) -> dict[str, bytes]:
        return {
            name: b"[" + name.encode().replace(b"a", b" ") + b" " * 2**20 + b"]" for name in wanted
        }

    def blank(wanted: Any) -> dict[str, bytes]:
        return {name: b"[" + b" " * (2**20 + int(name[:3], 16)) + b"]" for name in wanted}

    assert peak(lambda: tried(lambda: [*read_table(tuple(names), read)], "shards")) < 2**27
    assert peak(lambda: tried(lambda: [*read_table(tuple(names), blank)], "shards")) < 2**28


def test_time_ids_that_are_used_up_are_explained(tmp_path: Path) -> None:
    for stray in ("commits/999999999999999999", "claims/999999999999999999"):
        with PodStore(tmp_path / "pods") as store:
            store.save({"x": 1})
            store.flush()
            path = tmp_path / "pods" / stray
            path.write_bytes(b"")
            with pytest.raises(PodError, match=r"no time ids left.*999999999999999999"):
                store.save({"x": 2})
            path.unlink()
            assert store.load(store.save({"x": 2}))["x"] == 2


@pytest.mark.parametrize(
    "part", ["packs", "commits", "tags", "format.json", "one pack", "one commit"]
)
def test_a_link_in_place_of_a_part_is_not_followed(tmp_path: Path, part: str) -> None:
    with PodStore(tmp_path / "pods") as store:
        t = store.save({"x": list(range(1000))})
        store.tag("a", t)
    path = {
        "one pack": next((tmp_path / "pods" / "packs").iterdir()),
        "one commit": tmp_path / "pods" / "commits" / "1",
    }.get(part, tmp_path / "pods" / part)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")

    def use() -> object:
        with PodStore(tmp_path / "pods", create=False) as store:
            if part == "tags":
                assert not isinstance(tried(store.verify, part), DamagedError)
                return store.load("a")
            found = tried(store.verify, part)
            assert isinstance(found, PodError) or not found
            tried(lambda: str(store.log()), part)
            return store.load(1)

    error = tried(use, part)
    assert isinstance(error, PodError), error
    assert str(tmp_path / "pods") in str(error)


@pytest.mark.parametrize("part", range(2))
def test_the_command_on_directories_whose_hashes_fit(
    valid: MemoryStorage, part: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pod import cli

    for seed in range(part, 10 * SCALE, 2):
        path = tmp_path / str(seed)
        storage = LocalStorage(path)
        for key, value in (
            Forger(valid, random.Random(f"command {seed}")).directory().values.items()
        ):
            if ".." not in key and " " not in key:
                storage.put(key, [value])
        for command in (
            ["log", "--all"], ["log", "--json"], ["show", "2"], ["show", "3", "x"],
            ["show", "1", "--json"],
            ["diff", "1", "3"], ["diff", "1", "2", "--json"], ["verify"], ["verify", "--json"],
            ["gc", "--dry-run"], ["trust", "--list"], ["tag", "new", "2"], ["trust"],
            *([["gc"]] if seed < 2 else []),
        ):  # fmt: skip
            status = tried(
                lambda c=command, p=path: cli.main(["--pod-dir", str(p), *c]),
                (seed, command),
            )
            assert status in (0, 1), (seed, command)
            said = capsys.readouterr()
            assert status == 1 or not said.err or command[0] == "log", (seed, command, said)
            assert "\x1b" not in said.out + said.err
            assert said.err.count("\n") <= 9
