"""Whose commits may be unpickled: a key of the user's that signs them, and those of others that the
user chose to trust.

Both are kept in a directory of the user's own and never in a pod directory, so that one which came
from elsewhere can neither vouch for itself nor has to be written to. What is signed is the hash of
a commit's body. That names the shards of its tables, they name manifests, these name chunks, all by
their hashes: so one signature covers every byte that loading reads.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from pod.errors import DamagedError, PodError, StorageError
from pod.store import files
from pod.store.codec import digest as digest_of
from pod.store.storage import LocalStorage, MissingKeyError

DATA_VARIABLE = "POD_DATA_DIR"
"""Environment variable that names the user's own directory."""
KEY_BYTES = 32

_KEY = "key"
_TRUSTED = "trusted/"
_CONTEXT = "pod-ext 2026-11-23: signature of a commit, format 1"
_MAX_RECORD_BYTES = 64 << 20

_process_key = secrets.token_bytes(KEY_BYTES)
"""Signs where the user can have no key, so that this process can load what it saved."""


@dataclass(frozen=True, slots=True)
class TrustRecord:
    """What the user trusts of one pod directory."""

    directory: str
    """Where it was then; a copy of it elsewhere has the same commits, and is trusted too."""
    since: str
    """When that was last said: ISO 8601, UTC."""
    commits: frozenset[str]
    """Digests of the bodies of its commits."""


def data_directory() -> Path:
    """`$POD_DATA_DIR`, else `pod` in the user's data directory. StorageError if there is none."""
    chosen = os.environ.get(DATA_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    shared = Path(os.environ.get("XDG_DATA_HOME") or "")
    if shared.is_absolute():
        return shared / "pod"
    try:
        return Path.home() / ".local" / "share" / "pod"
    except RuntimeError as error:
        raise StorageError(f"this user has no home directory; set ${DATA_VARIABLE}") from error


class Keyring:
    """One user's key and trust records.

    Where the user can have no key (a home that cannot be written to), commits are signed with one
    that ends with this process, and `trouble` says why. As soon as it can be had, it is used.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._key: bytes | None = None
        # Where no hard links are, another process may be seen half way through writing its key.
        self._patience = 0.5
        self.trouble = ""
        """Why the user's own key cannot be used, '' when it can."""

    # Signatures

    def sign(self, digest: str) -> str:
        """The signature of a commit whose body has this digest; makes the key on first need."""
        return _signature(self._own_key(create=True) or _process_key, digest)

    def is_own(self, digest: str, signature: str) -> bool:
        """Whether this user, or this process, signed it. Makes no key."""
        return self.is_lasting(digest, signature) or _signed_with(_process_key, digest, signature)

    def is_lasting(self, digest: str, signature: str) -> bool:
        """Whether it was signed with the user's key, so that later processes know it too."""
        key = self._own_key(create=False)
        return key is not None and _signed_with(key, digest, signature)

    def prepare(self) -> str:
        """Make the key if there is none; `trouble`."""
        self._own_key(create=True)
        return self.trouble

    def _own_key(self, *, create: bool) -> bytes | None:
        if self._key is None:
            try:
                self._key = _read_key(self._opened(), self._patience, create=create)
                if self._key is not None:
                    self.trouble = ""
            except PodError as error:
                self.trouble = str(error)
                self._patience = 0.0
        return self._key

    # Trust records

    def trusts(self, digest: str) -> bool:
        """Whether the user trusts the commit whose body has this digest, whoever saved it."""
        with contextlib.suppress(PodError):
            records, _ = self.records()
            return any(digest in record.commits for record in records)
        return False

    def records(self) -> tuple[list[TrustRecord], list[str]]:
        """What the user trusts, by directory; and what is wrong with records that are damaged."""
        storage = self._opened()
        found: list[TrustRecord] = []
        damaged: list[str] = []
        for key in storage.list(_TRUSTED):
            try:
                found.append(_read_record(storage, key))
            except MissingKeyError:
                continue  # taken back meanwhile
            except (DamagedError, StorageError) as error:
                damaged.append(str(error))
        return sorted(found, key=lambda record: record.directory), damaged

    def trust(self, directory: str, digests: Iterable[str], now: str) -> None:
        """Trust these commits from now on, beside those of the same directory trusted before."""
        storage = self._opened()
        key = _record_key(directory)
        commits = frozenset(digests)
        with contextlib.suppress(MissingKeyError, DamagedError):
            commits |= _read_record(storage, key).commits
        storage.put(key, [_record_bytes(TrustRecord(directory, now, commits))])

    def distrust(self, digests: Iterable[str]) -> None:
        """Trust these commits no longer, wherever they are."""
        storage = self._opened()
        gone = frozenset(digests)
        for record in self.records()[0]:
            left = record.commits - gone
            if not left:
                storage.delete(_record_key(record.directory))
            elif left != record.commits:
                kept = TrustRecord(record.directory, record.since, left)
                storage.put(_record_key(record.directory), [_record_bytes(kept)])

    def forget(self, directory: str) -> None:
        """Remove what is recorded for a directory, also where that record is damaged."""
        self._opened().delete(_record_key(directory))

    def _opened(self) -> LocalStorage:
        directory = self._directory or data_directory()
        _check_directory(directory)
        return LocalStorage(directory)


def _signature(key: bytes, digest: str) -> str:
    # A key of its own for this one purpose: signatures of anything else are none of a commit.
    signing = blake3(key, derive_key_context=_CONTEXT).digest()
    return blake3(bytes.fromhex(digest), key=signing).hexdigest()


def _signed_with(key: bytes, digest: str, signature: str) -> bool:
    return hmac.compare_digest(_signature(key, digest).encode(), signature.encode())


# The key


def _read_key(storage: LocalStorage, patience: float, *, create: bool) -> bytes | None:
    """The key; None if there is none and none is to be made. One that is too short gets so many
    seconds to become whole."""
    deadline = time.monotonic() + patience
    while True:
        try:
            key = storage.get_range(_KEY, 0, KEY_BYTES + 1)
        except MissingKeyError:
            if not create:
                return None
            # Of all who try at once one wins, and the others read that one's.
            storage.put_if_absent(_KEY, secrets.token_bytes(KEY_BYTES))
            continue
        if len(key) == KEY_BYTES:
            _check_private(storage.root / _KEY)
            return key
        if len(key) > KEY_BYTES or time.monotonic() > deadline:
            raise DamagedError(
                f"{storage.root / _KEY} is damaged: it is not {KEY_BYTES} bytes long; put it back "
                "from a copy, or delete it: then a new one is made, and what was saved with the "
                "old one has to be trusted anew"
            )
        time.sleep(0.01)


def _check_directory(directory: Path) -> None:
    """StorageError for a directory in which others could put a key or records of theirs."""
    try:
        status = directory.stat()
    except OSError:
        return  # to be made, privately; or using it says what is wrong
    _check_owner(directory, status)
    if os.name == "nt" or not status.st_mode & 0o022:
        return
    # Volumes of containers are often opened to a group as a whole, at each start.
    if status.st_mode & stat.S_IWOTH or not _narrow(directory, status, 0o755):
        raise StorageError(
            f"others can write to {directory}, so nothing there says what you trust; "
            f"do: chmod go-w {directory}"
        )


def _check_private(path: Path) -> None:
    """See to it that nobody else can read the key from now on."""
    status = path.lstat()
    _check_owner(path, status)
    if os.name != "nt" and status.st_mode & 0o077 and not _narrow(path, status, 0o600):
        raise StorageError(f"others can read {path}, and that cannot be changed; move it elsewhere")


def _check_owner(path: Path, status: os.stat_result) -> None:
    if os.name != "nt" and status.st_uid != os.geteuid():
        raise StorageError(
            f"{path} belongs to another user, who could say in your name what to trust; "
            f"set ${DATA_VARIABLE} to a directory of your own"
        )


def _narrow(path: Path, status: os.stat_result, allowed: int) -> bool:
    """Take permissions away; whether that worked."""
    mode = stat.S_IMODE(status.st_mode)
    wanted = mode & (allowed | 0o7000)
    with contextlib.suppress(OSError):
        path.chmod(wanted)
    return stat.S_IMODE(path.stat().st_mode) == wanted


# Trust records


def _record_key(directory: str) -> str:
    return _TRUSTED + digest_of(directory.encode("utf-8", "surrogatepass"))[:32]


def _record_bytes(record: TrustRecord) -> bytes:
    raw = {
        "pod-trust": 1,
        "directory": record.directory,
        "since": record.since,
        "commits": sorted(record.commits),
    }
    return (json.dumps(raw, indent=0) + "\n").encode()


def _read_record(storage: LocalStorage, key: str) -> TrustRecord:
    data = files.read_bounded(storage, key, _MAX_RECORD_BYTES)
    raw = files.json_object(data)
    if raw is not None and _is_record(raw):
        return TrustRecord(raw["directory"], raw["since"], frozenset(raw["commits"]))
    raise DamagedError(
        f"{storage.root / key} is damaged: it does not say what you trust; delete it, and trust "
        "that directory anew"
    )


def _is_record(raw: Mapping[str, object]) -> bool:
    commits = raw.get("commits")
    return (
        raw.get("pod-trust") == 1
        and isinstance(raw.get("directory"), str)
        and isinstance(raw.get("since"), str)
        and isinstance(commits, list)
        and all(files.is_digest(each) for each in commits)
    )
