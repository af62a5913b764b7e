"""The records of history: what one commit says about its moment and about each variable in it.

Frozen, and made of strings and numbers only: reading them never unpickles anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Variable:
    """One name at one moment."""

    name: str
    """The variable's name; a definition's token for what a commit holds beside its variables."""
    manifest: str
    """Hex digest of its component's manifest."""
    fingerprint: str
    """Hex digest of the variable's own content and inner sharing, other variables left out."""
    type: str
    """Its type's qualified name, for people."""
    summary: str
    """A few words on its value (shape, length, a short literal), made without calling its code."""
    nbytes: int
    """Bytes of its pods before compression."""
    opaque: tuple[str, ...] = ()
    """What inside it could not be saved, one line each."""
    versions: tuple[tuple[str, str], ...] = ()
    """Of Python, and of the packages whose objects it holds, when it was saved."""

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "manifest": self.manifest,
            "fingerprint": self.fingerprint,
            "type": self.type,
            "summary": self.summary,
            "nbytes": self.nbytes,
            "opaque": list(self.opaque),
            "versions": dict(self.versions),
        }

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Variable:
        lists = {
            "opaque": tuple(raw.get("opaque", ())),
            "versions": tuple(sorted(raw.get("versions", {}).items())),
        }
        _check(raw, ("name", "manifest", "fingerprint", "type", "summary"), str)
        _check(raw, ("nbytes",), int)
        return cls(**_known(cls, raw) | lists)


@dataclass(frozen=True, slots=True)
class Commit:
    """One moment of a namespace."""

    t: int
    """Time id."""
    parent: int | None
    """The moment this one came from, None for the first of a session."""
    created: str
    """When the save was made: ISO 8601, UTC."""
    seconds: float
    """How long the cell ran."""
    code: str
    """The cell's source as typed."""
    ok: bool
    """False when the cell raised."""
    error: str
    """One line on what it raised, or ''."""
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    bytes: int
    """Added to the store by this save."""
    save_seconds: float
    """How long the save made the user wait."""
    table: tuple[str, ...]
    """Hex digests of the shards of its variable table, see `history.table`."""
    definitions: tuple[str, ...] = ()
    """The same for the classes and functions that its objects refer to, by token."""
    message: str = ""
    session: str = ""
    notebook: str = ""
    """The notebook's path where the frontend tells it, else ''."""
    python: str = ""
    random: tuple[tuple[str, str], ...] = ()
    """Global random generators, and the hex digest of each one's state."""

    def to_json(self) -> dict[str, Any]:
        raw = asdict(self)
        for key in _LISTS:
            raw[key] = list(raw[key])
        raw["random"] = dict(self.random)
        return raw

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Commit:
        """Checks every field's type: the file may come from anywhere. Raises TypeError."""
        _check(raw, _TEXTS, str)
        _check(raw, ("t", "bytes"), int)
        _check(raw, ("seconds", "save_seconds"), (int, float))
        _check(raw, ("ok",), bool)
        _check(raw, ("parent",), (int, type(None)))
        _check(raw, ("random",), dict)
        random = raw.get("random", {})
        _check(random, random.keys(), str)
        for key in _LISTS:
            _check({key: raw.get(key, [])}, (key,), list)
            _check(dict(enumerate(raw.get(key, []))), range(len(raw.get(key, []))), str)
        made = {key: tuple(raw.get(key, ())) for key in _LISTS}
        return cls(**_known(cls, raw) | made | {"random": tuple(sorted(random.items()))})


_TEXTS = ("created", "code", "error", "message", "session", "notebook", "python")
_LISTS = ("added", "changed", "removed", "table", "definitions")


def _check(raw: Any, keys: Iterable[Any], kind: Any) -> None:
    for key in keys:
        if key in raw and not isinstance(raw[key], kind):
            raise TypeError(f"{key} is {raw[key]!r:.40}")


def _known(cls: type, raw: dict[str, Any]) -> dict[str, Any]:
    """Fields a later writer added are ignored by an earlier reader of the same format number."""
    names = {field.name for field in fields(cls)}
    return {key: value for key, value in raw.items() if key in names}
