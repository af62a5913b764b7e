"""ZODB, which keeps every state of an object that a transaction has written."""

from __future__ import annotations

import pickle
from typing import Any

import transaction
import ZODB
import ZODB.FileStorage
from persistent import Persistent
from persistent.mapping import PersistentMapping

from pod.bench.systems.base import Baseline, Reference


class Holder(Persistent):  # type: ignore[misc]
    """A variable as a persistent object of its own."""

    def __init__(self, value: Any) -> None:
        self.value = value


class _ObjectDatabase(Baseline):
    """A file storage whose history is kept, and a transaction for each cell."""

    def _database(self, *, read_only: bool = False) -> ZODB.DB:
        path = str(self.directory / "objects.fs")
        storage = ZODB.FileStorage.FileStorage(path, read_only=read_only)
        return ZODB.DB(storage, large_record_size=1 << 40)

    def open(self) -> None:
        self._opened = self._database()
        self._connection = self._opened.open()

    def save(self, number: int, variables: dict[str, Any]) -> None:
        try:
            self._commit(variables)
        except Exception:
            transaction.abort()
            self._commit(self.savable(variables, lambda value: pickle.dumps(value, 3)))

    def _commit(self, variables: dict[str, Any]) -> None:
        self._put(self._connection.root(), variables)
        transaction.commit()

    def _put(self, root: Any, variables: dict[str, Any]) -> None:
        raise NotImplementedError

    def _get(self, root: Any, names: set[str] | None) -> dict[str, Any]:
        raise NotImplementedError

    def reference(self) -> Reference | None:
        super().reference()
        return self._opened.lastTransaction().hex()  # type: ignore[no-any-return]

    def finish(self) -> None:
        self._connection.close()
        self._opened.close()

    def load(self, reference: Reference, names: set[str] | None) -> dict[str, Any]:
        database = self._database(read_only=True)
        try:
            connection = database.open(at=bytes.fromhex(str(reference)))
            return self._get(connection.root(), names)
        finally:
            database.close()


class Whole(_ObjectDatabase):
    """All variables in one persistent mapping, which is written anew after each cell: nothing
    tells the database what a cell changed inside them."""

    def _put(self, root: Any, variables: dict[str, Any]) -> None:
        root["namespace"] = PersistentMapping(variables)

    def _get(self, root: Any, names: set[str] | None) -> dict[str, Any]:
        there = root["namespace"]
        return {name: there[name] for name in there if names is None or name in names}


class Persistents(_ObjectDatabase):
    """Each variable a persistent object, so that one can be loaded without the others."""

    def _put(self, root: Any, variables: dict[str, Any]) -> None:
        for name in [name for name in root if name not in variables]:
            del root[name]
        for name, value in variables.items():
            if name in root:
                root[name].value = value
            else:
                root[name] = Holder(value)

    def _get(self, root: Any, names: set[str] | None) -> dict[str, Any]:
        found = {}
        for name in root:
            if names is None or name in names:
                try:
                    found[name] = root[name].value
                except (AttributeError, ImportError):
                    continue  # one object, and the others can still be had
        return found
