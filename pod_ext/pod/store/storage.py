"""Where the bytes of a pod directory live: the ``Storage`` protocol and the local directory.

A key is a relative posix path of plain segments ("packs/3f2a.pack"). A value is written whole or
not at all and never changed afterwards, only replaced or deleted whole, so readers need no locks.
The verbs are those of an object store too; nothing above this module may assume files.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from pod.errors import StorageError
from pod.store import processes

BytesLike: TypeAlias = bytes | bytearray | memoryview

# Inside the classes below the bare name ``list`` means their method.
Keys: TypeAlias = list[str]
Paths: TypeAlias = list[Path]


class MissingKeyError(StorageError, KeyError):
    """A key was read that does not exist."""

    def __str__(self) -> str:
        # KeyError would show the message as a repr, quotes and all.
        return str(self.args[0]) if self.args else ""


class Storage(Protocol):
    """A flat mapping from keys to bytes, shared by any number of processes.

    Every method raises StorageError when the medium fails or a key is malformed.
    ``str(storage)`` says where it is, for messages.
    """

    def get(self, key: str) -> bytes:
        """The whole value; MissingKeyError if there is none."""
        ...

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """``value[start:][:length]``: a negative start counts from the end, and a range that
        reaches beyond the value is cut to it. MissingKeyError if there is no value."""
        ...

    def put(self, key: str, parts: Iterable[BytesLike]) -> None:
        """Create or replace a value with the concatenated parts, atomically and durably.

        Parts are consumed one at a time; if that raises, the storage is as it was."""
        ...

    def put_if_absent(self, key: str, data: bytes, *, durable: bool = True) -> bool:
        """Create a value unless the key exists; False if it does. Of all who try, one wins.

        ``durable=False`` is quicker and may be forgotten after a power cut."""
        ...

    def delete(self, key: str) -> None:
        """Remove a value; an absent one is fine."""
        ...

    def list(self, prefix: str) -> Keys:
        """Sorted keys directly under a prefix: "" or one that ends in "/".

        What lies deeper shows as its next segment with a "/" at the end, once."""
        ...


@runtime_checkable
class Housekeeping(Protocol):
    """What a storage may offer beside its verbs, for garbage collection."""

    def age(self, key: str) -> float | None:
        """Seconds since a value was written, by the storage's own clock; None if there is none."""
        ...

    def sweep(self) -> int:
        """Remove what writers that are gone left unfinished; how many bytes that were."""
        ...


@runtime_checkable
class Markable(Protocol):
    """What a storage may offer so that it need not be listed again and again.

    A mark is found again until a key directly under its prefix is made or removed, by whomever.
    """

    def mark(self, prefix: str) -> Hashable | None:
        """Set a new mark; None if that cannot be."""
        ...

    def found_mark(self, prefix: str) -> Hashable | None:
        """The mark that is there, or something that is no mark."""
        ...


_SEGMENT = re.compile(r"[A-Za-z0-9._-]{1,200}")
_MARKS = 1_000_000
"""A mark is one of as many: so many microseconds back at most."""
_STAGED = ".tmp-"
_STAGED_BY = re.compile(r"\.tmp-(?P<system>[0-9a-f]{12})-(?P<pid>[0-9]{1,10})-[0-9a-f]+")
_ABANDONED_SECONDS = 24 * 3600.0
"""An unfinished file of a process that nobody here knows is certainly nobody's after this."""


def check_key(key: str) -> None:
    """Raise StorageError unless a key is made of plain segments that cannot lead elsewhere."""
    for segment in key.split("/"):
        plain = _SEGMENT.fullmatch(segment) and segment not in {".", ".."}
        if not plain or segment.startswith(_STAGED):
            raise StorageError(
                f"{key!r} cannot be a key of a pod directory: each part between slashes must be "
                "letters, digits, '.', '_' or '-', and not '.' or '..'"
            )


def check_prefix(prefix: str) -> None:
    """Raise StorageError unless a prefix is "" or a key followed by "/"."""
    if prefix:
        check_key(prefix.removesuffix("/"))
        if not prefix.endswith("/"):
            raise StorageError(f"{prefix!r} cannot be listed: a prefix ends in '/'")


class LocalStorage:
    """A directory of the local (or network-mounted) file system; created on the first write.

    Files and directories are private to the user. Symbolic links inside the directory are not
    followed: a pod directory that came from elsewhere must not make Pod read or write outside it.

    A directory that was there and is gone is made again only for a key without a slash, such as
    format.json, and only where it was: not in place of what was moved away or unmounted. So no
    half of it appears where somebody deleted the whole.
    """

    def __init__(self, root: Path) -> None:
        # Absolute, so that os.chdir in a notebook does not move it.
        self._root = Path(root).absolute()
        self._place: _Place | None = None
        """Where the directory was when last seen."""
        with contextlib.suppress(OSError):
            self._place = _place(self._root)

    def __str__(self) -> str:
        return str(self._root)

    @property
    def root(self) -> Path:
        """The directory."""
        return self._root

    def get(self, key: str) -> bytes:
        return self._read(key, 0, None)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        if length < 0:
            raise ValueError(f"length must not be negative: {length}")
        return self._read(key, start, length)

    def mark(self, prefix: str) -> Hashable | None:
        """A time of modification of the directory that no clock will ever give it: the next change
        in it gives it another one, however coarse the clock is."""
        directory = self._root / prefix
        if os.utime not in os.supports_follow_symlinks or os.name == "nt":
            return None
        with contextlib.suppress(OSError):
            status = directory.lstat()
            if stat.S_ISDIR(status.st_mode):
                # In the past, where the clock does not come to again. In whole microseconds, since
                # not every file system has nanoseconds; one with less cannot be marked.
                past = status.st_mtime_ns // 1000 - 1 - secrets.randbelow(_MARKS)
                times = status.st_atime_ns, past * 1000
                os.utime(directory, ns=times, follow_symlinks=False)
                mark = self.found_mark(prefix)
                return mark if mark is not None and times[1] in mark else None
        return None

    def found_mark(self, prefix: str) -> tuple[int, ...] | None:
        with contextlib.suppress(OSError):
            status = (self._root / prefix).lstat()
            return status.st_dev, status.st_ino, status.st_ctime_ns, status.st_mtime_ns
        return None

    def put(self, key: str, parts: Iterable[BytesLike]) -> None:
        path = self._path(key)
        with _explained("write", path):
            floor = self._floor(key)
            with _staged(path, parts, floor, durable=True) as staged:
                staged.replace(path)
                _sync_directory(path.parent)

    def put_if_absent(self, key: str, data: bytes, *, durable: bool = True) -> bool:
        path = self._path(key)
        with _explained("write", path):
            with _staged(path, [data], self._floor(key), durable=durable) as staged:
                try:
                    os.link(staged, path)
                    created = True
                except FileExistsError:
                    # NFS may repeat a link request whose answer was lost and then report the
                    # link it made itself; the link count tells.
                    created = staged.stat().st_nlink == 2
                except OSError as error:
                    if error.errno not in _NO_HARD_LINKS:
                        raise
                    created = _create_exclusively(path, data, durable=durable)
            if created and durable:
                _sync_directory(path.parent)
            return created

    def delete(self, key: str) -> None:
        path = self._path(key)
        with _explained("delete", path):
            path.unlink(missing_ok=True)

    def list(self, prefix: str) -> Keys:
        check_prefix(prefix)
        directory = self._path(prefix.removesuffix("/")) if prefix else self._root
        keys = []
        with (
            _explained("list", directory),
            contextlib.suppress(FileNotFoundError),
            os.scandir(directory) as entries,
        ):
            for entry in entries:
                name = entry.name
                if name[:1] != "." or not name.startswith(_STAGED):
                    is_file = entry.is_file(follow_symlinks=False)
                    slash = "/" if not is_file and entry.is_dir(follow_symlinks=False) else ""
                    keys.append(f"{prefix}{name}{slash}")
        return sorted(keys)

    def _floor(self, key: str) -> Path | None:
        """The directory that a write of this key must find and not make; None if it may make all.

        StorageError if the pod directory is gone and is not to be made for this key.
        """
        was = self._place  # before looking: another thread may make the directory just now
        try:
            now = _place(self._root)
        except FileNotFoundError:
            now = None
        if now is None and was is not None:
            if "/" in key:
                raise StorageError(
                    f"the pod directory {self._root} is gone; put it back where it was, "
                    "or the next save begins a new one there"
                )
            if _identity(self._root.parent) != was.parent:
                raise StorageError(
                    f"the pod directory {self._root} is gone, with the directory that held it; put "
                    "that back where it was, or open a pod directory elsewhere"
                )
        elif now is not None and was is not None and now.device != was.device:
            raise StorageError(
                f"{self._root} is on another file system than before; mount the one again that "
                "held the pod directory, or open a pod directory elsewhere"
            )
        if now is None:
            return None if was is None else self._root.parent
        self._place = now
        return self._root

    def age(self, key: str) -> float | None:
        path = self._path(key)
        with _explained("read", path):
            try:
                written = path.lstat().st_mtime
            except FileNotFoundError:
                return None
            return self._now() - written

    def sweep(self) -> int:
        freed, now = 0, None
        with _explained("clean up in", self._root):
            for directory in (self._root, *self._directories()):
                for path in directory.glob(f"{_STAGED}*"):
                    with contextlib.suppress(FileNotFoundError):
                        status = path.lstat()
                        now = self._now() if now is None else now
                        if stat.S_ISREG(status.st_mode) and _is_abandoned(path, status, now):
                            path.unlink()
                            freed += status.st_size
        return freed

    def _directories(self) -> Paths:
        """Its directories; links to others are not followed."""
        with os.scandir(self._root) as entries:
            return [Path(each.path) for each in entries if each.is_dir(follow_symlinks=False)]

    def _now(self) -> float:
        """The time by the clock that stamps files here, which may be another machine's."""
        with _staged(self._root / "now", [], self._root, durable=False) as probe:
            return probe.stat().st_mtime

    def _path(self, key: str) -> Path:
        """The file of a key, having made sure that no link lies on the way to it.

        A link put there between this check and the use is not caught, except as the last part of
        a file to read; the danger is a directory prepared in advance, not a race with its owner.
        """
        check_key(key)
        try:
            self._check_links(key.split("/"))
        except OSError as error:
            raise StorageError(_explanation("reach", self._root / key, error)) from error
        return self._root / key

    def _check_links(self, segments: Keys) -> str:
        """The path of a key, as text: thousands are read when a directory is opened, and then all
        that is done for each one counts."""
        path = str(self._root)
        with contextlib.suppress(FileNotFoundError):
            for segment in segments:
                path = f"{path}{os.sep}{segment}"
                if stat.S_ISLNK(os.lstat(path).st_mode):
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        return path

    def _read(self, key: str, start: int, length: int | None) -> bytes:
        """A part of the file of a key; a negative start counts from its end."""
        check_key(key)
        *directories, name = key.split("/")
        try:
            folder = self._check_links(directories if _NO_LINK else [*directories, name])
            path = f"{folder}{os.sep}{name}" if _NO_LINK else folder
            descriptor = os.open(path, _READ)
            try:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise StorageError(
                        f"{path} is not a regular file; it was not made by Pod, move it away"
                    )
                size = status.st_size
                begin = max(0, size + start) if start < 0 else min(start, size)
                # The length may come from a damaged file, and what is read is allocated first.
                return _read(
                    descriptor, begin, min(size if length is None else length, size - begin)
                )
            finally:
                os.close(descriptor)
        except FileNotFoundError as error:
            raise MissingKeyError(f"{self._root / key} does not exist") from error
        except OSError as error:
            raise StorageError(_explanation("read", self._root / key, error)) from error


_NO_LINK = hasattr(os, "O_NOFOLLOW")
"""Whether opening a link fails by itself."""
# O_NONBLOCK: opening a pipe that someone put in place of a file must not wait for its other end.
_READ = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_CREATE = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
# FAT says EPERM, Android EACCES, FUSE and network file systems the others.
_NO_HARD_LINKS = {
    errno.EPERM,
    errno.EACCES,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
    errno.ENOTSUP,
    errno.EMLINK,
}
# Many small blobs make many small parts; they need not each be a system call.
_WRITE_BUFFER_BYTES = 256 * 1024


def _read(descriptor: int, begin: int, length: int) -> bytes:
    """So many bytes of a file from there on, less if it ends before."""
    if begin:
        os.lseek(descriptor, begin, os.SEEK_SET)
    first = os.read(descriptor, length)
    if len(first) == length or not first:
        return first
    parts = [first]  # no system reads more than two gigabytes at once
    while parts[-1] and (length := length - len(parts[-1])):
        parts.append(os.read(descriptor, length))
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class _Place:
    """Which directory a path leads to: a file system, and the directory that holds it."""

    device: int
    parent: tuple[int, int] | None


def _place(root: Path) -> _Place:
    return _Place(root.stat().st_dev, _identity(root.parent))


def _identity(directory: Path) -> tuple[int, int] | None:
    try:
        status = directory.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


@contextlib.contextmanager
def _staged(
    path: Path, parts: Iterable[BytesLike], floor: Path | None, *, durable: bool
) -> Iterator[Path]:
    """A finished temporary file beside ``path``; gone afterwards, whatever happened. Directories
    are made for it, but ``floor`` must be there."""
    staged = path.with_name(
        f"{_STAGED}{processes.this_system()}-{os.getpid()}-{secrets.token_hex(8)}"
    )
    try:
        try:
            descriptor = os.open(staged, _CREATE, 0o600)
        except FileNotFoundError:
            _make_directory(path.parent, floor)
            descriptor = os.open(staged, _CREATE, 0o600)
        _fill(descriptor, parts, durable=durable)
        yield staged
    finally:
        with contextlib.suppress(OSError):
            staged.unlink()


def _is_abandoned(path: Path, status: os.stat_result, now: float) -> bool:
    """Whether nobody is writing a temporary file any more."""
    by = _STAGED_BY.fullmatch(path.name)
    if by is not None and by["system"] == processes.this_system():
        return not processes.pid_is_running(int(by["pid"]))
    return now - status.st_mtime > _ABANDONED_SECONDS


def _create_exclusively(path: Path, data: bytes, *, durable: bool) -> bool:
    """put_if_absent without hard links: still one winner, but a crash can leave half a file."""
    try:
        descriptor = os.open(path, _CREATE, 0o600)
    except FileExistsError:
        return False
    try:
        _fill(descriptor, [data], durable=durable)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return True


def _fill(descriptor: int, parts: Iterable[BytesLike], *, durable: bool) -> None:
    with os.fdopen(descriptor, "wb", buffering=_WRITE_BUFFER_BYTES) as file:
        _set_mode(descriptor, 0o600)
        for part in parts:
            file.write(part)
        if durable:
            file.flush()
            os.fsync(descriptor)


def _make_directory(directory: Path, floor: Path | None) -> None:
    try:
        directory.mkdir(mode=0o700)
        _set_mode(directory, 0o700)
    except FileExistsError:
        if not directory.is_dir():
            raise NotADirectoryError(
                errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(directory)
            ) from None
        return
    except FileNotFoundError:
        if directory.parent == floor:
            raise
        _make_directory(directory.parent, floor)
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
            _set_mode(directory, 0o700)
    _sync_directory(directory.parent)


def _set_mode(made: int | Path, mode: int) -> None:
    """Give what was just made its mode, should the user's umask have taken some of it away."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):  # some file systems have no modes
        now = stat.S_IMODE(os.stat(made).st_mode)  # noqa: PTH116
        if now & 0o777 != mode:
            os.chmod(made, mode | now & 0o7000)  # noqa: PTH101


def _sync_directory(directory: Path) -> None:
    """Make the names in a directory durable, where the system has such a thing."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems know no fsync of a directory.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}:
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _explained(verb: str, path: Path) -> Iterator[None]:
    """Turn an OSError into a StorageError that says what failed, why, and what helps."""
    try:
        yield
    except OSError as error:
        raise StorageError(_explanation(verb, path, error)) from error


def _explanation(verb: str, path: Path, error: OSError) -> str:
    match error.errno:
        case errno.ENOSPC:
            return f"no space left on the disk that holds {path}; free some and save again"
        case errno.EDQUOT:
            return f"the disk quota is used up where {path} lies; free some space and save again"
        case errno.EROFS:
            return (
                f"cannot {verb} {path}: its file system is read-only; "
                "choose a pod directory elsewhere"
            )
        case errno.EACCES | errno.EPERM:
            return (
                f"no permission to {verb} {path}; check who owns it and its mode, "
                "or choose another pod directory"
            )
        case errno.ENOTDIR | errno.EEXIST:
            return (
                f"cannot {verb} {path}: there is a file where a directory must be; "
                "move it away or choose another pod directory"
            )
        case errno.ELOOP:
            return (
                f"cannot {verb} {path}: a symbolic link is on the way, and Pod follows none inside "
                "a pod directory; put the file itself in its place"
            )
        case _:
            return (
                f"cannot {verb} {path}: {error.strerror or error}; check the disk and that "
                "the pod directory can be reached"
            )
