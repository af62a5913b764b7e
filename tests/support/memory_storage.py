"""A Storage in a dictionary: the naive twin of every real one, and quick."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from pod.store.storage import BytesLike, Keys, MissingKeyError, check_key, check_prefix


class MemoryStorage:
    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._marks: dict[str, tuple[object, set[str]]] = {}

    def __str__(self) -> str:
        return "memory"

    def get(self, key: str) -> bytes:
        check_key(key)
        try:
            return self.values[key]
        except KeyError:
            raise MissingKeyError(f"{key} does not exist in memory") from None

    def get_range(self, key: str, start: int, length: int) -> bytes:
        if length < 0:
            raise ValueError(f"length must not be negative: {length}")
        return self.get(key)[start:][:length]

    def put(self, key: str, parts: Iterable[BytesLike]) -> None:
        check_key(key)
        data = b"".join(parts)
        with self._lock:
            self.values[key] = data

    def put_if_absent(self, key: str, data: bytes, *, durable: bool = True) -> bool:
        check_key(key)
        with self._lock:
            if key in self.values:
                return False
            self.values[key] = data
            return True

    def delete(self, key: str) -> None:
        check_key(key)
        with self._lock:
            self.values.pop(key, None)

    def list(self, prefix: str) -> Keys:
        check_prefix(prefix)
        rests = (key[len(prefix) :] for key in list(self.values) if key.startswith(prefix))
        return sorted({prefix + "".join(rest.partition("/")[:2]) for rest in rests})

    def mark(self, prefix: str) -> object:
        with self._lock:
            self._marks[prefix] = object(), self._under(prefix)
            return self._marks[prefix][0]

    def found_mark(self, prefix: str) -> object | None:
        with self._lock:
            mark, keys = self._marks.get(prefix, (None, set()))
            return mark if keys == self._under(prefix) else None

    def _under(self, prefix: str) -> set[str]:
        return {key for key in list(self.values) if key.startswith(prefix)}
