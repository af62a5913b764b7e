"""The records of history: what one commit says about its moment and about each variable in it.

Frozen, and made of strings and numbers only: reading them never unpickles anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from pod.store.files import MAX_TIME, is_digest


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
    def from_json(cls, raw: Any) -> Variable:
        """Checks every field: the file may come from anywhere. TypeError or ValueError."""
        _check_object(raw)
        _check(raw, ("name", "type", "summary"), str)
        _check(raw, ("opaque",), list)
        _check(raw, ("versions",), dict)
        opaque, versions = raw.get("opaque", []), raw.get("versions", {})
        _check_each("opaque", opaque, str)
        _check_each("versions", versions.values(), str)
        for key in ("manifest", "fingerprint"):
            _check_digests(key, [raw.get(key)])
        _check_numbers(raw, ("nbytes",), 0, _LARGEST)
        lists = {"opaque": tuple(opaque), "versions": tuple(sorted(versions.items()))}
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
        raw = {name: getattr(self, name) for name in _names_of(Commit)}
        for key in _LISTS:
            raw[key] = list(raw[key])
        raw["random"] = dict(self.random)
        return raw

    @classmethod
    def from_json(cls, raw: Any) -> Commit:
        """Checks every field: the file may come from anywhere. TypeError or ValueError."""
        _check_object(raw)
        _check(raw, _TEXTS, str)
        _check(raw, ("ok",), bool)
        _check_numbers(raw, ("t",), 1, MAX_TIME)
        _check_numbers(raw, ("bytes",), 0, _LARGEST)
        _check_numbers(raw, ("seconds", "save_seconds"), 0, _LARGEST, float)
        if raw.get("parent") is not None:
            _check_numbers(raw, ("parent",), 1, raw.get("t", 0) - 1)
        for key in _LISTS:
            _check(raw, (key,), list)
            _check_each(key, raw.get(key, []), str)
        for key in _TABLES:
            _check_digests(key, raw.get(key, []))
            _check_shards(key, len(raw.get(key, [])))
        _check(raw, ("random",), dict)
        random = raw.get("random", {})
        _check_digests("random", random.values())
        made = {key: tuple(raw.get(key, ())) for key in _LISTS}
        return cls(**_known(cls, raw) | made | {"random": tuple(sorted(random.items()))})


_TEXTS = ("created", "code", "error", "message", "session", "notebook", "python")
_TABLES = ("table", "definitions")
_LISTS = ("added", "changed", "removed", *_TABLES)
_LARGEST = 2**63 - 1
_MAX_SHARDS = 1 << 16


def _check_object(raw: Any) -> None:
    if not isinstance(raw, dict):
        raise TypeError(f"it is a {type(raw).__name__}, not an object")


def _check(raw: dict[str, Any], keys: Iterable[str], kind: type) -> None:
    for key in keys:
        if key in raw and not isinstance(raw[key], kind):
            raise TypeError(f"{key} is a {type(raw[key]).__name__}")


def _check_each(key: str, values: Iterable[Any], kind: type) -> None:
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(f"a {type(value).__name__} is among {key}")


def _check_numbers(
    raw: dict[str, Any], keys: Iterable[str], least: int, most: int, kind: type[float] = int
) -> None:
    """Integers, or with `float` also fractions; not `nan`, which is in no range."""
    for key in keys:
        if key not in raw:
            continue
        value = raw[key]
        if isinstance(value, bool) or not isinstance(value, (int, kind)):
            raise TypeError(f"{key} is a {type(value).__name__}")
        if not least <= value <= most:
            raise ValueError(f"{key} is out of range")


def _check_digests(key: str, values: Iterable[Any]) -> None:
    if not all(map(is_digest, values)):
        raise ValueError(f"{key} is not a digest")


def _check_shards(key: str, count: int) -> None:
    # Where an entry is follows from how many there are.
    if count & (count - 1) or count > _MAX_SHARDS:
        raise ValueError(f"{key} has {count} shards")


def _known(cls: type, raw: dict[str, Any]) -> dict[str, Any]:
    """Fields a later writer added are ignored by an earlier reader of the same format number."""
    names = _names_of(cls)
    return {key: value for key, value in raw.items() if key in names}


@lru_cache
def _names_of(cls: type) -> Mapping[str, None]:
    """Names of the fields of a record, in their order."""
    return dict.fromkeys(field.name for field in fields(cls))
