"""Every Storage keeps the same promises; the local directory keeps some more."""

from __future__ import annotations

import errno
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pod.errors import PodError, StorageError
from pod.store import storage as storage_module
from pod.store.storage import LocalStorage, MissingKeyError, Storage
from support.memory_storage import MemoryStorage
from support.permissions import public_directory, without_root


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return LocalStorage(tmp_path / "deep" / "pod")
    return MemoryStorage()


@pytest.fixture
def local(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "pod")


def files_in(directory: Path) -> list[str]:
    return sorted(str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file())


# Every storage


def test_what_is_put_is_got(storage: Storage) -> None:
    storage.put("packs/a.pack", [b"one", bytearray(b"two"), memoryview(b"three"), b""])
    assert storage.get("packs/a.pack") == b"onetwothree"


def test_put_replaces(storage: Storage) -> None:
    storage.put("tags/x", [b"long before"])
    storage.put("tags/x", [b"after"])
    assert storage.get("tags/x") == b"after"


def test_a_missing_key_says_so_in_plain_words(storage: Storage) -> None:
    for read in (lambda: storage.get("packs/a"), lambda: storage.get_range("packs/a", 0, 1)):
        with pytest.raises(MissingKeyError) as caught:
            read()
        assert isinstance(caught.value, StorageError) and isinstance(caught.value, KeyError)
        assert "packs/a" in str(caught.value) and "does not exist" in str(caught.value)
        assert not str(caught.value).startswith(("'", '"'))


@settings(max_examples=60)
@given(data=st.binary(max_size=40), start=st.integers(-60, 60), length=st.integers(0, 60))
def test_ranges_are_slices(
    data: bytes, start: int, length: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for storage in (LocalStorage(tmp_path_factory.getbasetemp() / "ranges"), MemoryStorage()):
        storage.put("value", [data])
        assert storage.get_range("value", start, length) == data[start:][:length]


def test_a_range_longer_than_any_memory_is_cut_to_the_value(storage: Storage) -> None:
    storage.put("value", [b"abc"])
    assert storage.get_range("value", 1, 1 << 62) == b"bc"
    assert storage.get_range("value", -(1 << 62), 1 << 62) == b"abc"
    assert storage.get_range("value", 1 << 62, 5) == b""


def test_put_if_absent_lets_the_first_win(storage: Storage) -> None:
    assert storage.put_if_absent("commits/1", b"first")
    assert not storage.put_if_absent("commits/1", b"second")
    assert not storage.put_if_absent("commits/1", b"first")
    assert storage.put_if_absent("claims/1", b"", durable=False)
    assert not storage.put_if_absent("claims/1", b"", durable=False)
    assert storage.get("commits/1") == b"first"


def test_of_many_threads_one_wins(storage: Storage) -> None:
    start = threading.Barrier(8)

    def race(name: bytes) -> bool:
        start.wait()
        return storage.put_if_absent("commits/1", name)

    names = [b"%d" % i for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        wins = [name for name, won in zip(names, pool.map(race, names), strict=True) if won]
    assert wins == [storage.get("commits/1")]


def test_delete_is_fine_with_what_is_not_there(storage: Storage) -> None:
    storage.delete("packs/a")
    storage.put("packs/a", [b"x"])
    storage.delete("packs/a")
    storage.delete("packs/a")
    assert storage.list("packs/") == []


def test_listing_is_sorted_and_one_level_deep(storage: Storage) -> None:
    assert storage.list("") == [] and storage.list("packs/") == []
    for key in ("packs/b", "packs/a", "format.json", ".gitignore", "packs/sub/c", "packsaway"):
        storage.put(key, [b""])
    assert storage.list("packs/") == ["packs/a", "packs/b", "packs/sub/"]
    assert storage.list("") == [".gitignore", "format.json", "packs/", "packsaway"]


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "a/.", "a\\b", "a\0b", "C:x", "a b", "ä",
     "a\n", ".tmp-1", "a/.tmp-1", "x" * 300],
)  # fmt: skip
def test_a_key_that_might_escape_is_refused(storage: Storage, key: str) -> None:
    for use in (
        lambda: storage.get(key),
        lambda: storage.get_range(key, 0, 1),
        lambda: storage.put(key, [b""]),
        lambda: storage.put_if_absent(key, b""),
        lambda: storage.delete(key),
    ):
        with pytest.raises(StorageError, match="cannot be a key"):
            use()


@pytest.mark.parametrize("prefix", ["packs", "../", "/", "a//"])
def test_a_malformed_prefix_is_refused(storage: Storage, prefix: str) -> None:
    with pytest.raises(StorageError):
        storage.list(prefix)


def test_a_put_whose_parts_fail_changes_nothing(storage: Storage) -> None:
    storage.put("value", [b"before"])

    def parts(error: BaseException):
        yield b"half"
        raise error

    for error in (ZeroDivisionError(), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            storage.put("value", parts(error))
    assert storage.get("value") == b"before"
    assert storage.list("") == ["value"]


# The local directory


def test_files_and_directories_are_private(local: LocalStorage) -> None:
    local.put("packs/a", [b"x"])
    local.put_if_absent("commits/1", b"x")
    for path in [local.root, *local.root.rglob("*")]:
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o277, 0o777])
def test_they_are_private_and_usable_whatever_the_umask_is(umask: int) -> None:
    with public_directory() as root, without_root(root):
        local = LocalStorage(root / "new" / "pod")
        before = os.umask(umask)
        try:
            local.put("packs/a", [b"x"])
            local.put("tags/a", [b"x"])
            local.put_if_absent("commits/1", b"y")
            local.put_if_absent("claims/1", b"", durable=False)
        finally:
            os.umask(before)
        assert (local.get("packs/a"), local.get("commits/1")) == (b"x", b"y")
        for path in [local.root, *local.root.rglob("*")]:
            expected = 0o700 if path.is_dir() else 0o600
            assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_nothing_is_written_by_reading(local: LocalStorage) -> None:
    with pytest.raises(MissingKeyError):
        local.get("format.json")
    assert local.list("packs/") == []
    local.delete("packs/a")
    assert not local.root.exists()


def test_it_stays_where_it_is_when_the_process_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    local = LocalStorage(Path(".pod"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    local.put("a", [b"x"])
    assert (tmp_path / ".pod" / "a").read_bytes() == b"x"


def test_no_write_leaves_temporary_files(
    local: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    local.put("packs/a", [b"x"])
    local.put_if_absent("packs/a", b"y")
    monkeypatch.setattr(storage_module.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        local.put("packs/b", [b"x"])
    with pytest.raises(KeyboardInterrupt):
        local.put_if_absent("packs/c", b"x")
    assert files_in(local.root) == ["packs/a"]


def test_temporary_files_of_a_killed_process_are_not_listed(local: LocalStorage) -> None:
    local.put("packs/a", [b"x"])
    (local.root / "packs" / ".tmp-dead").write_bytes(b"half")
    assert local.list("packs/") == ["packs/a"]


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP])
def test_put_if_absent_works_without_hard_links(
    local: LocalStorage, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(storage_module.os, "link", no_links)
    assert local.put_if_absent("commits/1", b"first")
    assert not local.put_if_absent("commits/1", b"second")
    assert files_in(local.root) == ["commits/1"]
    assert local.get("commits/1") == b"first"


def test_a_link_that_nfs_reports_as_existing_is_still_ours(
    local: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def made_but_reported(source: Path, target: Path) -> None:
        link(source, target)
        raise FileExistsError(errno.EEXIST, "answer lost, asked again")

    monkeypatch.setattr(storage_module.os, "link", made_but_reported)
    assert local.put_if_absent("commits/1", b"ours")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "no space left on the disk that holds"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "no permission to write"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "check the disk"),
    ],
)
def test_a_failing_disk_is_explained(
    local: LocalStorage, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(storage_module.os, "fsync", fail)
    for write in (
        lambda: local.put("packs/a", [b"x"]),
        lambda: local.put_if_absent("packs/a", b"x"),
    ):
        with pytest.raises(StorageError, match=words) as caught:
            write()
        assert str(local.root) in str(caught.value)
        assert isinstance(caught.value.__cause__, OSError) and caught.value.__cause__.errno == code
    assert files_in(local.root) == []


def test_a_file_in_place_of_the_directory_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        local = LocalStorage(root)
        for use in (
            lambda local=local: local.put("a/b", [b""]),
            lambda local=local: local.get("a"),
            lambda local=local: local.list("packs/"),
            lambda local=local: local.list(""),
        ):
            with pytest.raises(StorageError, match="a file where a directory must be"):
                use()
    assert (tmp_path / "file").read_text() == "mine"


def test_symbolic_links_inside_are_not_followed(local: LocalStorage, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "outside").mkdir()
    local.put("packs/a", [b"x"])
    (local.root / "packs" / "link").symlink_to(tmp_path / "secret")
    (local.root / "commits").symlink_to(tmp_path / "outside")
    for use in (
        lambda: local.get("packs/link"),
        lambda: local.get_range("packs/link", 0, 1),
        lambda: local.put("packs/link", [b"over"]),
        lambda: local.put_if_absent("commits/1", b"x"),
        lambda: local.put("commits/1", [b"x"]),
        lambda: local.get("commits/1"),
        lambda: local.list("commits/"),
    ):
        with pytest.raises(StorageError, match="symbolic link") as caught:
            use()
        assert not isinstance(caught.value, MissingKeyError)
    assert (tmp_path / "secret").read_bytes() == b"secret"
    assert list((tmp_path / "outside").iterdir()) == []


def test_the_directory_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "big-disk").mkdir()
    (tmp_path / "pod").symlink_to(tmp_path / "big-disk")
    LocalStorage(tmp_path / "pod").put("packs/a", [b"x"])
    assert (tmp_path / "big-disk" / "packs" / "a").read_bytes() == b"x"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_in_place_of_a_file_does_not_hang_readers(local: LocalStorage) -> None:
    local.put("packs/a", [b"x"])
    os.mkfifo(local.root / "packs" / "pipe")
    with pytest.raises(StorageError, match="not a regular file"):
        local.get("packs/pipe")


def test_a_directory_that_may_not_be_entered_is_explained() -> None:
    with public_directory() as root, without_root(root):
        local = LocalStorage(root / "pod")
        local.put("packs/a", [b"x"])
        (local.root / "packs").chmod(0)
        try:
            with pytest.raises(PodError, match="no permission"):
                local.get("packs/a")
        finally:
            (local.root / "packs").chmod(0o700)
