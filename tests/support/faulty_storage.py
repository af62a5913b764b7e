"""A storage that fails, or stops the process, at the n-th operation."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pod.errors import StorageError
from pod.store.storage import BytesLike, Keys, LocalStorage, Storage

from support.memory_storage import MemoryStorage


class StoppedError(BaseException):
    """The process ends here: nothing catches it, and nothing that it does later has an effect."""


FAULTS = ("fail", "fail-late", "fail-on", "full")
"""The operation fails without effect; fails after it; all fail from here on; all that create do."""
STOPS = ("stop", "stop-late", "stop-half")
"""The process ends before the operation; after it; in the middle of writing a file."""


class FaultyStorage:
    """Counts the operations on another storage, and does one of the above at number `at`."""

    def __init__(self, real: Storage, kind: str = "", at: int = -1) -> None:
        self.real = real
        self.count = 0
        self.stopped = False
        self.dead = False
        """After the process has been buried: what its last objects still try is of no interest."""
        self.root = getattr(real, "root", Path("memory"))
        self._kind, self._at = kind, at

    def __str__(self) -> str:
        return str(self.real)

    def heal(self) -> None:
        """From here on everything works."""
        self._kind = ""

    def _do(self, creates: str, operation: Callable[[], Any]) -> Any:
        if self.dead:
            raise StorageError("this process has ended")
        if self.stopped:
            raise StoppedError
        number, self.count = self.count, self.count + 1
        if not self._kind or number < self._at:
            return operation()
        if (self._kind == "full" and creates) or self._kind == "fail-on":
            raise StorageError(f"operation {number} does not work")
        if number > self._at or self._kind == "full":
            return operation()
        if self._kind.endswith("-late"):
            with contextlib.suppress(StorageError):
                operation()
        if self._kind.startswith("fail"):
            raise StorageError(f"operation {number} does not work")
        if self._kind == "stop-half" and creates:
            self._leave_half(creates)
        self.stopped = True
        raise StoppedError

    def _leave_half(self, key: str) -> None:
        if isinstance(self.real, LocalStorage):
            path = self.root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / f".tmp-{secrets.token_hex(8)}").write_bytes(b"\0" * 100)

    def get(self, key: str) -> bytes:
        return self._do("", lambda: self.real.get(key))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self._do("", lambda: self.real.get_range(key, start, length))

    def put(self, key: str, parts: Iterable[BytesLike]) -> None:
        self._do(key, lambda: self.real.put(key, parts))

    def put_if_absent(self, key: str, data: bytes, *, durable: bool = True) -> bool:
        return self._do(key, lambda: self.real.put_if_absent(key, data, durable=durable))

    def delete(self, key: str) -> None:
        self._do("", lambda: self.real.delete(key))

    def list(self, prefix: str) -> Keys:
        return self._do("", lambda: self.real.list(prefix))


def copy_of(storage: Storage, directory: Path) -> Storage:
    """An independent storage with the same content."""
    if isinstance(storage, LocalStorage):
        where = directory / secrets.token_hex(4)
        if storage.root.exists():
            shutil.copytree(storage.root, where)
        return LocalStorage(where)
    assert isinstance(storage, MemoryStorage)
    copied = MemoryStorage()
    copied.values = dict(storage.values)
    return copied


SCALE = int(os.environ.get("POD_TEST_SCALE", "1"))
"""How many times as long as usual the long tests are to run."""
