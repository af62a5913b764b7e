"""A repository is three dictionaries that survive: blobs, commits, tags."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pod.errors import DamagedError, FormatError, StorageError, TimeReferenceError
from pod.store.codec import CHUNK_BYTES, digest
from pod.store.pack import new_name
from pod.store.repository import Repository
from pod.store.storage import BytesLike, Keys, LocalStorage, MissingKeyError
from support.memory_storage import MemoryStorage


def by_digest(*blobs: bytes) -> dict[str, bytes]:
    return {digest(blob): blob for blob in blobs}


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def repository(storage: MemoryStorage) -> Repository:
    return Repository.open(storage)


def the_pack(storage: MemoryStorage) -> str:
    [key] = storage.list("packs/")
    return key


def flip(storage: MemoryStorage, key: str, position: int) -> None:
    data = bytearray(storage.get(key))
    data[position] ^= 1
    storage.put(key, [data])


class ReadOnlyStorage(MemoryStorage):
    def put(self, *_: object) -> None:
        raise AssertionError("a read-only medium was written")

    def put_if_absent(self, *_: object, **__: object) -> bool:
        raise AssertionError("a read-only medium was written")

    def delete(self, *_: object) -> None:
        raise AssertionError("a read-only medium was written")


# Opening


def test_a_new_directory_says_what_it_is(tmp_path: Path) -> None:
    Repository.open(LocalStorage(tmp_path / ".pod"))
    text = (tmp_path / ".pod" / "format.json").read_text()
    assert json.loads(text) == {
        "format": 1,
        "hash": "blake3-256",
        "chunk_bytes": CHUNK_BYTES,
        "compression": "zstd",
    }
    assert len(text.splitlines()) > 4
    assert (tmp_path / ".pod" / ".gitignore").read_text() == "*\n"


def test_opening_again_changes_nothing(storage: MemoryStorage) -> None:
    Repository.open(storage).write_commit(1, b"body")
    storage.delete(".gitignore")
    before = dict(storage.values)
    assert Repository.open(storage).read_commit(1) == b"body"
    assert storage.values == before


def test_a_newer_format_is_refused_politely(storage: MemoryStorage) -> None:
    storage.put("format.json", [b'{"format": 7}'])
    with pytest.raises(FormatError, match=r"format 7, .*up to 1; upgrade pod-ext"):
        Repository.open(storage)


def test_another_hash_is_refused(storage: MemoryStorage) -> None:
    storage.put("format.json", [b'{"format": 1, "hash": "sha1", "compression": "zstd"}'])
    with pytest.raises(FormatError, match="sha1"):
        Repository.open(storage)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"3", b"{}", b'{"format": "1"}', b'{"format": true}', b'{"format": 0}',
     b"\xff\xfe", b"[" * 100_000],
)  # fmt: skip
def test_an_unreadable_format_is_damage(storage: MemoryStorage, data: bytes) -> None:
    storage.put("format.json", [data])
    with pytest.raises(DamagedError, match=r"format\.json in memory is damaged"):
        Repository.open(storage)


@pytest.mark.parametrize("create", [True, False])
def test_somebody_elses_directory_is_refused_and_left_alone(tmp_path: Path, create: bool) -> None:
    (tmp_path / "thesis.tex").write_text("...")
    with pytest.raises(StorageError, match=r"not a pod directory.*'thesis\.tex'"):
        Repository.open(LocalStorage(tmp_path), create=create)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_directory_with_only_directories_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(StorageError, match="not a pod directory"):
        Repository.open(LocalStorage(tmp_path))


def test_an_empty_directory_is_used(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine")
    Repository.open(LocalStorage(tmp_path))
    assert (tmp_path / ".gitignore").read_text() == "mine"


def test_a_pod_directory_without_its_format_is_damaged(storage: MemoryStorage) -> None:
    repository = Repository.open(storage)
    repository.write_pack(by_digest(b"a"), 3)
    repository.write_commit(1, b"body")
    storage.delete("format.json")
    with pytest.raises(DamagedError, match=r"format\.json is missing"):
        Repository.open(storage)


def test_only_a_creating_open_creates(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no pod directory at"):
        Repository.open(LocalStorage(tmp_path / ".pod"), create=False)
    assert not (tmp_path / ".pod").exists()


def test_reading_writes_nothing() -> None:
    writable = MemoryStorage()
    written = Repository.open(writable)
    written.write_pack(by_digest(b"a", b"b"), 3)
    written.write_commit(1, b"body")
    written.set_tag("v1", 1)
    medium = ReadOnlyStorage()
    medium.values = writable.values
    repository = Repository.open(medium, create=False)
    assert repository.read(digest(b"a")) == b"a"
    assert repository.read_commit(1) == b"body"
    assert (repository.times(), repository.tags()) == ([1], {"v1": 1})
    assert repository.check().ok
    assert Repository.open(medium).times() == [1]


# Against a naive twin


class Twins(RuleBasedStateMachine):
    """Two repositories over one storage (two kernels) against plain dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        storage = MemoryStorage()
        self.kernels = [Repository.open(storage), Repository.open(storage)]
        self.blobs: dict[str, bytes] = {}
        self.commits: dict[int, bytes] = {}
        self.claims: set[int] = set()
        self.tags: dict[str, int] = {}

    kernel = st.integers(0, 1)
    tag = st.sampled_from(["v1", "best", "a.b-c_d"])

    @rule(kernel=kernel, blobs=st.lists(st.binary(max_size=50), max_size=4))
    def write_pack(self, kernel: int, blobs: list[bytes]) -> None:
        written = self.kernels[kernel].write_pack(by_digest(*blobs), 3)
        assert (written > 0) == bool(blobs)
        assert all(self.kernels[kernel].has(d) for d in by_digest(*blobs))
        self.blobs |= by_digest(*blobs)

    @rule(kernel=kernel, at_least=st.integers(1, 12))
    def claim(self, kernel: int, at_least: int) -> None:
        expected = max([at_least, *(t + 1 for t in (*self.claims, *self.commits))])
        assert self.kernels[kernel].claim(at_least) == expected
        self.claims.add(expected)

    @precondition(lambda self: self.claims)
    @rule(kernel=kernel, data=st.data())
    def release(self, kernel: int, data: st.DataObject) -> None:
        t = data.draw(st.sampled_from(sorted(self.claims)))
        self.kernels[kernel].release(t)
        self.claims.discard(t)

    @precondition(lambda self: self.claims)
    @rule(kernel=kernel, data=st.data(), body=st.binary(max_size=30))
    def commit(self, kernel: int, data: st.DataObject, body: bytes) -> None:
        t = data.draw(st.sampled_from(sorted(self.claims)))
        self.kernels[kernel].write_commit(t, body)
        self.claims.discard(t)
        self.commits[t] = body

    @precondition(lambda self: self.commits)
    @rule(kernel=kernel, data=st.data(), name=tag)
    def set_tag(self, kernel: int, data: st.DataObject, name: str) -> None:
        t = data.draw(st.sampled_from(sorted(self.commits)))
        self.kernels[kernel].set_tag(name, t)
        self.tags[name] = t

    @rule(kernel=kernel, name=tag)
    def delete_tag(self, kernel: int, name: str) -> None:
        self.kernels[kernel].delete_tag(name)
        self.tags.pop(name, None)

    @rule(kernel=kernel, data=st.data())
    def read_some(self, kernel: int, data: st.DataObject) -> None:
        if self.blobs:
            some = data.draw(st.lists(st.sampled_from(sorted(self.blobs)), max_size=5))
            expected = {d: self.blobs[d] for d in some}
            assert self.kernels[kernel].read_many(some) == expected
            assert list(self.kernels[kernel].read_many(some)) == list(expected)

    @invariant()
    def both_see_the_same(self) -> None:
        for repository in self.kernels:
            assert repository.times() == sorted(self.commits)
            assert repository.claims() == sorted(self.claims)
            assert repository.tags() == self.tags
            assert {t: repository.read_commit(t) for t in self.commits} == self.commits

    def teardown(self) -> None:
        for repository in self.kernels:
            assert repository.read_many(self.blobs) == self.blobs
            assert repository.check().ok


TestTwins = Twins.TestCase
TestTwins.settings = settings(max_examples=40, stateful_step_count=25)


# Blobs


def test_blobs_survive_on_disk(tmp_path: Path) -> None:
    blobs = by_digest(*(b"%d" % i * 1000 for i in range(100)))
    written = Repository.open(LocalStorage(tmp_path)).write_pack(blobs, 3)
    [pack] = (tmp_path / "packs").iterdir()
    assert pack.stat().st_size == written
    assert Repository.open(LocalStorage(tmp_path)).read_many(blobs) == blobs


def test_an_empty_pack_is_not_written(repository: Repository, storage: MemoryStorage) -> None:
    assert repository.write_pack({}, 3) == 0
    assert storage.list("packs/") == []


def test_a_blob_that_nobody_wrote_is_damage(repository: Repository) -> None:
    with pytest.raises(DamagedError, match=digest(b"never")):
        repository.read(digest(b"never"))
    assert not repository.has(digest(b"never"))


def test_reading_finds_what_another_process_wrote(storage: MemoryStorage) -> None:
    reader, writer = Repository.open(storage), Repository.open(storage)
    assert not reader.has(digest(b"late"))
    writer.write_pack(by_digest(b"late"), 3)
    assert not reader.has(digest(b"late"))
    assert reader.read(digest(b"late")) == b"late"
    assert reader.has(digest(b"late"))


class CountingStorage(MemoryStorage):
    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []

    def get_range(self, key: str, start: int, length: int) -> bytes:
        self.reads.append(key)
        return super().get_range(key, start, length)


def test_refresh_reads_only_new_indexes() -> None:
    storage = CountingStorage()
    reader, writer = Repository.open(storage), Repository.open(storage)
    writer.write_pack(by_digest(b"a"), 3)
    reader.refresh()
    storage.reads.clear()
    writer.write_pack(by_digest(b"b"), 3)
    reader.refresh()
    assert len(storage.reads) == 1
    writer.has(digest(b"a"))
    writer.refresh()
    assert len(storage.reads) == 1, "a repository knows the packs it wrote itself"


def test_many_small_blobs_of_a_pack_take_one_read() -> None:
    storage = CountingStorage()
    repository = Repository.open(storage)
    blobs = by_digest(*(b"%d" % i for i in range(500)))
    repository.write_pack(blobs, 3)
    repository.refresh()
    storage.reads.clear()
    assert repository.read_many(blobs) == blobs
    assert len(storage.reads) == 1


def test_a_deleted_pack_is_forgotten_but_not_its_copies(storage: MemoryStorage) -> None:
    repository, collector = Repository.open(storage), Repository.open(storage)
    repository.write_pack(by_digest(b"a", b"b"), 3)
    first = the_pack(storage)
    repository.write_pack(by_digest(b"b", b"c"), 3)
    collector.storage.delete(first)
    assert repository.read(digest(b"b")) == b"b"
    with pytest.raises(DamagedError):
        repository.read(digest(b"a"))
    assert [repository.has(digest(x)) for x in (b"a", b"b", b"c")] == [False, True, True]


def test_repacked_blobs_are_found_again(storage: MemoryStorage) -> None:
    repository, collector = Repository.open(storage), Repository.open(storage)
    repository.write_pack(by_digest(b"a", b"b"), 3)
    first = the_pack(storage)
    collector.write_pack(by_digest(b"b"), 3)
    collector.storage.delete(first)
    assert repository.read(digest(b"b")) == b"b"


def test_a_pack_written_again_at_another_level_is_read_anew(storage: MemoryStorage) -> None:
    text = b"".join(b"%d " % (i * i) for i in range(5000))
    blobs = by_digest(text, text[::-1])
    reader, writer = Repository.open(storage), Repository.open(storage)
    writer.write_pack(blobs, 1, name := new_name())
    reader.refresh()
    writer.write_pack(blobs, 19, name)
    assert len(storage.list("packs/")) == 1
    assert reader.read_many(blobs) == blobs


def test_a_damaged_index_leaves_the_other_packs_usable(storage: MemoryStorage) -> None:
    writer = Repository.open(storage)
    writer.write_pack(by_digest(b"a"), 3)
    flip(storage, the_pack(storage), -1)
    writer.write_pack(by_digest(b"b"), 3)
    reader = Repository.open(storage)
    assert reader.read(digest(b"b")) == b"b"
    with pytest.raises(DamagedError, match="1 packs are damaged"):
        reader.read(digest(b"a"))


def test_a_damaged_blob_is_named_with_its_pack(storage: MemoryStorage) -> None:
    repository = Repository.open(storage)
    repository.write_pack(by_digest(b"a" * 10, b"b"), 3)
    flip(storage, the_pack(storage), 9)
    assert repository.read(digest(b"b")) == b"b"
    with pytest.raises(DamagedError) as caught:
        repository.read(digest(b"a" * 10))
    assert digest(b"a" * 10) in str(caught.value) and the_pack(storage) in str(caught.value)


def test_writing_a_blob_again_mends_it(storage: MemoryStorage) -> None:
    repository = Repository.open(storage)
    repository.write_pack(by_digest(b"a", b"b"), 3)
    flip(storage, the_pack(storage), 8)
    repository.write_pack(by_digest(b"a", b"c"), 3)
    for fresh in (repository, Repository.open(storage)):
        assert fresh.read(digest(b"a")) == b"a"


class FailingReads(MemoryStorage):
    failing = False

    def get_range(self, key: str, start: int, length: int) -> bytes:
        if self.failing and key.startswith("packs/"):
            raise StorageError("the cable is out")
        return super().get_range(key, start, length)


def test_a_medium_that_cannot_be_read_is_not_called_damaged() -> None:
    storage = FailingReads()
    repository = Repository.open(storage)
    repository.write_pack(by_digest(b"a"), 3)
    storage.failing = True
    with pytest.raises(StorageError, match="the cable is out"):
        repository.read(digest(b"a"))
    storage.failing = False
    assert repository.read(digest(b"a")) == b"a"


# Commits


def test_times_are_in_numerical_order_and_foreign_files_ignored(storage: MemoryStorage) -> None:
    repository = Repository.open(storage)
    for t in (10, 9, 100, 1):
        repository.write_commit(t, b"%d" % t)
    for name in ("01", "x", "0", "-3", "1.bak", ".nfs0001", "9" * 30):
        storage.put(f"commits/{name}", [b""])
    assert repository.times() == [1, 9, 10, 100]


def test_a_commit_is_never_overwritten(repository: Repository) -> None:
    repository.write_commit(1, b"first")
    with pytest.raises(StorageError, match="time id 1 exists already"):
        repository.write_commit(1, b"second")
    repository.write_commit(1, b"first")
    assert repository.read_commit(1) == b"first"


def test_a_commit_releases_its_claim(repository: Repository) -> None:
    t = repository.claim()
    assert (t, repository.claims()) == (1, [1])
    repository.write_commit(t, b"")
    assert (repository.claims(), repository.claim()) == ([], 2)


def test_an_unknown_time_is_missing(repository: Repository) -> None:
    with pytest.raises(MissingKeyError, match="there is no time 3"):
        repository.read_commit(3)
    with pytest.raises(TimeReferenceError):
        repository.read_commit(0)


@settings(max_examples=60)
@given(st.binary(max_size=60), st.data())
def test_a_changed_or_cut_commit_is_damaged(body: bytes, data: st.DataObject) -> None:
    storage = MemoryStorage()
    repository = Repository.open(storage)
    repository.write_commit(1, body)
    whole = storage.get("commits/1")
    cut = data.draw(st.integers(0, len(whole) - 1))
    storage.put("commits/1", [whole[:cut]])
    with pytest.raises(DamagedError, match="commits/1"):
        repository.read_commit(1)
    changed = bytearray(whole)
    changed[cut] = (changed[cut] + data.draw(st.integers(1, 255))) % 256
    storage.put("commits/1", [changed])
    try:
        assert repository.read_commit(1) == body
    except (DamagedError, FormatError) as error:
        assert "commits/1" in str(error)


def test_a_claim_is_not_given_for_a_time_committed_meanwhile() -> None:
    class Overtaken(MemoryStorage):
        """Just before our claim is made, another process claims, commits and releases."""

        def put_if_absent(self, key: str, data: bytes, *, durable: bool = True) -> bool:
            if key == "claims/1" and "commits/1" not in self.values:
                self.values["commits/1"] = b"theirs"
            return super().put_if_absent(key, data, durable=durable)

    repository = Repository.open(Overtaken())
    assert repository.claim() == 2
    assert repository.claims() == [2]


def test_processes_claiming_at_once_neither_lose_nor_share_a_time(tmp_path: Path) -> None:
    script = """if True:
        import sys
        from pathlib import Path
        from pod.store.repository import Repository
        from pod.store.storage import LocalStorage
        me, rounds = sys.argv[2], int(sys.argv[3])
        repository = Repository.open(LocalStorage(Path(sys.argv[1])))
        print("ready", flush=True)
        sys.stdin.readline()
        for _ in range(rounds):
            t = repository.claim()
            repository.write_commit(t, f"{me} {t}".encode())
            print(t)
    """
    processes, rounds = 4, 30
    root = tmp_path / ".pod"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, root, str(i), str(rounds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(processes)
    ]
    for process in running:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    owners: dict[int, int] = {}
    for i, process in enumerate(running):
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        times = [int(line) for line in output.split()]
        assert times == sorted(times) and len(times) == rounds
        assert not owners.keys() & set(times)
        owners |= dict.fromkeys(times, i)
    repository = Repository.open(LocalStorage(root))
    assert repository.times() == sorted(owners)
    assert repository.claims() == []
    for t, owner in owners.items():
        assert repository.read_commit(t) == f"{owner} {t}".encode()
    assert sorted(owners) == list(range(1, processes * rounds + 1))


# Tags


@pytest.mark.parametrize("name", ["v1", "A", "a.b-c_d", "x" * 64, "HEADS"])
def test_a_tag_names_a_time(repository: Repository, name: str) -> None:
    repository.set_tag(name, 3)
    repository.set_tag(name, 12)
    assert repository.tags() == {name: 12}
    repository.delete_tag(name)
    repository.delete_tag(name)
    assert repository.tags() == {}


@pytest.mark.parametrize(
    "name", ["", "HEAD", "1st", "a..b", "a/b", "a b", "x" * 65, "ä", "-a", "a\n", "../x"]
)
def test_a_bad_tag_name_is_refused(repository: Repository, name: str) -> None:
    for use in (lambda: repository.set_tag(name, 1), lambda: repository.delete_tag(name)):
        with pytest.raises(TimeReferenceError, match="cannot be a tag"):
            use()


def test_damaged_tags_are_left_out(repository: Repository, storage: MemoryStorage) -> None:
    repository.set_tag("good", 1)
    for name, data in {"empty": b"", "words": b"one", "zero": b"0\n", "long": b"1" * 99}.items():
        storage.put(f"tags/{name}", [data])
    storage.put("tags/.DS_Store", [b"1"])
    assert repository.tags() == {"good": 1}


# A slow or strange storage must not be asked more than needed


def test_a_pack_is_streamed_not_joined() -> None:
    class Streaming(MemoryStorage):
        sizes: list[int] = []

        def put(self, key: str, parts) -> None:
            def watched():
                for part in parts:
                    self.sizes.append(len(part))
                    yield part

            super().put(key, watched())

        def list(self, prefix: str) -> Keys:
            return super().list(prefix)

    storage = Streaming()
    blobs: dict[str, BytesLike] = {digest(bytes([i]) * 9): bytes([i]) * 9 for i in range(20)}
    Repository.open(storage).write_pack(blobs, 3)
    assert storage.sizes == [8, *[9] * 20, 20 * 57, 56]
