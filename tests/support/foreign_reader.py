"""Another reader of pod directories, written from the specification in `pod_ext/README.md` alone.

It uses nothing of Pod's code, so whatever it reads is what the page says. It is for tests: it
holds whole packs in memory and stops at the first thing that is not as specified.
"""

from __future__ import annotations

import abc
import base64
import enum
import importlib
import io
import json
import operator
import pickle
import re
import struct
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard
from blake3 import blake3

MAGIC = b"PODPACK\x02"
RECORD = struct.Struct("<32sQQQB")
BASE_BYTES = 32
FOOTER = struct.Struct("<QQ32s8s")


class NotSaved:
    """What stands for an opaque object."""

    def __init__(self, kind: str, reason: str, since: int, serial: str) -> None:
        self.kind, self.reason, self.since, self.serial = kind, reason, since, serial


class ForeignReader:
    """One pod directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.format = json.loads((path / "format.json").read_bytes())
        assert self.format["format"] == 1
        assert self.format["hash"] == "blake3-256"
        assert self.format["compression"] == "zstd"
        self.blobs = decode_all(
            [blob for pack in sorted(path.glob("packs/*.pack")) for blob in read_pack(pack)]
        )

    def collections(self) -> list[dict[str, Any]]:
        """The records of garbage collections."""
        found = []
        for path in sorted(self.path.glob("gc/*")):
            assert re.fullmatch("[0-9a-f]{32}", path.name)
            header, _, body = path.read_bytes().partition(b"\n")
            assert json.loads(header) == {"pod-gc": 1, "blake3": hexdigest(body)}
            found.append(json.loads(body))
            assert body == canonical(found[-1])
        return found

    def times(self) -> list[int]:
        return sorted(int(each.name) for each in self.path.glob("commits/*"))

    def tags(self) -> dict[str, int]:
        return {each.name: int(each.read_text()) for each in self.path.glob("tags/*")}

    def header(self, t: int) -> dict[str, Any]:
        return json.loads((self.path / "commits" / str(t)).read_bytes().partition(b"\n")[0])

    def commit(self, t: int) -> dict[str, Any]:
        body = (self.path / "commits" / str(t)).read_bytes().partition(b"\n")[2]
        header = self.header(t)
        assert header["pod-commit"] == 1
        assert header["blake3"] == hexdigest(body + bytes.fromhex(header.get("signature", "")))
        commit = json.loads(body)
        assert body == canonical(commit)
        return commit

    def table(self, shards: list[str]) -> dict[str, dict[str, Any]]:
        """Entries by name, each found in the shard that the rule says."""
        entries = {}
        for number, digest in enumerate(shards):
            shard = json.loads(self.blobs[digest])
            assert self.blobs[digest] == canonical(shard)
            assert [entry["name"] for entry in shard] == sorted(entry["name"] for entry in shard)
            for entry in shard:
                assert shard_of(entry["name"], len(shards)) == number
                entries[entry["name"]] = entry
        assert len(shards) == shard_count(len(entries))
        return entries

    def variables(self, t: int) -> dict[str, dict[str, Any]]:
        return self.table(self.commit(t)["table"])

    def definitions(self, t: int) -> dict[str, dict[str, Any]]:
        return self.table(self.commit(t)["definitions"])

    def random(self, t: int) -> dict[str, dict[str, Any]]:
        """States of the random generators, with binary parts decoded."""
        states = {}
        for name, digest in self.commit(t)["random"].items():
            state = json.loads(self.blobs[digest])
            assert self.blobs[digest] == canonical(state)
            if name == "torch":
                states[name] = {each: base64.b64decode(data) for each, data in state.items()}
                continue
            gauss = state["gauss"]
            states[name] = state | {
                "key": struct.unpack("<624I", base64.b64decode(state["key"])),
                "gauss": None if gauss is None else float.fromhex(gauss),
            }
        return states

    def manifest(self, digest: str) -> dict[str, Any]:
        manifest = json.loads(self.blobs[digest])
        assert self.blobs[digest] == canonical(manifest)
        return manifest

    def content(self, content: list[Any]) -> bytearray:
        nbytes, *rest = content
        if rest and rest[0].startswith("="):
            data = bytearray(base64.b64decode(rest[0][1:]))
        else:
            data = bytearray().join(self.blobs[digest] for digest in rest)
        assert len(data) == nbytes
        return data

    def load(self, t: int, names: Iterable[str] | None = None) -> dict[str, Any]:
        """The variables of a time id."""
        return _Loading(self, t).variables(names)

    def fingerprint(self, t: int, name: str) -> str:
        """Computed anew for a variable."""
        entry = self.variables(t)[name]
        manifest = self.manifest(entry["manifest"])
        root = manifest["names"][name]
        if root[0] != "definition":
            return fingerprint(manifest, [root], [None])
        parts = manifest["definitions"][root[1]]
        return fingerprint(manifest, [root], [fingerprint(manifest, parts, [None] * len(parts))])


class _Loading:
    """One act of loading, as the page's section of that name says."""

    def __init__(self, reader: ForeignReader, t: int) -> None:
        self.reader = reader
        commit = reader.commit(t)
        self.table = reader.table(commit["table"])
        self.definition_table = reader.table(commit["definitions"])
        self.namespace: dict[str, Any] = {}
        self.manifests: dict[str, dict[str, Any]] = {}
        self.loaded: dict[tuple[str, int], tuple[Any, dict[int, Any]]] = {}
        self.in_progress: set[tuple[str, int]] = set()
        self.known: dict[str, Any] = {}
        self.making_bare = 0
        self.unfilled: list[_Unfilled] = []

    def variables(self, names: Iterable[str] | None) -> dict[str, Any]:
        values = {}
        for name in self.table if names is None else names:
            digest = self.table[name]["manifest"]
            values[name] = self.slot(digest, self.manifest(digest)["names"][name])
            self.fill()
        self.namespace.update(values)
        return self.namespace

    def manifest(self, digest: str) -> dict[str, Any]:
        if digest not in self.manifests:
            self.manifests[digest] = self.reader.manifest(digest)
        return self.manifests[digest]

    def slot(self, digest: str, slot: list[Any]) -> Any:
        kind, *arguments = slot
        if kind == "pod":
            for number in needed(self.manifest(digest), [slot]):
                if (digest, number) not in self.loaded:
                    self.pod(digest, number)
            root, memo = self.loaded[digest, arguments[0]]
            return root if arguments[1] is None else memo[arguments[1]]
        if kind == "namespace":
            return self.namespace
        if kind == "vars":
            return vars(importlib.import_module(arguments[0]))
        if kind == "global":
            return operator.attrgetter(arguments[1])(importlib.import_module(arguments[0]))
        if kind == "dtype":
            return importlib.import_module("numpy").dtype(arguments[0])
        if kind == "definition":
            return self.definition(arguments[0])
        if kind == "file":
            return arguments[0]
        if kind == "opaque":
            return NotSaved(*arguments)
        raise ValueError(f"unknown kind of slot: {kind}")

    def pod(self, digest: str, number: int) -> None:
        payload, buffers, slots, _ = self.manifest(digest)["pods"][number]

        unpickler = _Unpickler(
            io.BytesIO(self.reader.content(payload)),
            buffers=[self.reader.content(buffer) for buffer in buffers],
        )
        unpickler.behind = lambda slot_number: self.slot(digest, slots[slot_number])
        self.in_progress.add((digest, number))
        root = unpickler.load()
        self.in_progress.discard((digest, number))
        self.loaded[digest, number] = root, unpickler.memo.copy()

    def definition(self, token: str) -> Any:
        if token in self.known:
            return self.known[token]
        digest = self.definition_table[token]["manifest"]
        first, *rest = self.manifest(digest)["definitions"][token]
        if first[0] == "opaque":
            self.known[token] = self.slot(digest, first)
            return self.known[token]
        self.making_bare += 1
        part = self.slot(digest, first)
        if token not in self.known:
            self.known[token] = make_bare(*part)
            self.unfilled.append(_Unfilled(self.known[token], digest, rest))
        self.making_bare -= 1
        self.fill()
        return self.known[token]

    def fill(self) -> None:
        while self.making_bare == 0:
            ready = [each for each in self.unfilled if each.parts and self.is_ready(each)]
            if not ready:
                return
            each = max(ready, key=lambda each: len(each.parts))
            each.filling = True
            fill(each.definition, self.slot(each.digest, each.parts.pop(0)))
            each.filling = False

    def is_ready(self, each: _Unfilled) -> bool:
        pods = {(each.digest, n) for n in needed(self.manifest(each.digest), each.parts[:1])}
        return not each.filling and pods.isdisjoint(self.in_progress)


class _Unpickler(pickle.Unpickler):
    behind: Callable[[int], Any]
    """The object behind a slot of the pod that is being loaded."""

    def persistent_load(self, slot_number: int) -> Any:
        return self.behind(slot_number)

    def find_class(self, module: str, name: str) -> Any:
        assert module != "__main__"
        return super().find_class(module, name)


@dataclass(slots=True)
class _Unfilled:
    """A definition that is bare still, or filled in part."""

    definition: Any
    digest: str
    parts: list[Any]
    filling: bool = False


# Packs


@dataclass(frozen=True)
class Stored:
    """A blob as a pack has it."""

    digest: str
    data: bytes
    raw_bytes: int
    method: int
    base: str | None


def read_pack(path: Path) -> list[Stored]:
    """What a pack has for each blob."""
    data = path.read_bytes()
    at, index_bytes, index_hash, magic = FOOTER.unpack(data[-FOOTER.size :])
    index = data[at : at + index_bytes]
    assert data[:8] == magic == MAGIC
    assert at + index_bytes + FOOTER.size == len(data)
    assert blake3(index).digest() == index_hash
    blobs, end = [], len(MAGIC)
    for digest, offset, stored_bytes, raw_bytes, method, base in records(index):
        assert offset == end
        end = offset + stored_bytes
        blobs.append(Stored(digest, data[offset:end], raw_bytes, method, base))
    assert end == at
    assert re.fullmatch("[0-9a-f]{64}", path.stem)
    return blobs


def records(index: bytes) -> Iterator[tuple[str, int, int, int, int, str | None]]:
    """Digest, offset, bytes stored, bytes decoded, method and base of each blob."""
    position = 0
    while position < len(index):
        digest, *numbers, method = RECORD.unpack_from(index, position)
        position += RECORD.size
        base = None
        if method == 2:
            base = index[position : position + BASE_BYTES].hex()
            position += BASE_BYTES
        assert position <= len(index)
        yield digest.hex(), *numbers, method, base


def decode_all(stored: Iterable[Stored]) -> dict[str, bytes]:
    """All blobs by digest, verified; deltas once their bases are there."""
    blobs: dict[str, bytes] = {}
    waiting = list(stored)
    while waiting:
        ready = [one for one in waiting if one.base is None or one.base in blobs]
        assert ready, "deltas whose bases are in no pack"
        waiting = [one for one in waiting if one.base is not None and one.base not in blobs]
        for one in ready:
            blobs[one.digest] = decode(one, b"" if one.base is None else blobs[one.base])
    return blobs


def decode(stored: Stored, base: bytes) -> bytes:
    blob = stored.data
    if stored.method == 1:
        blob = zstandard.ZstdDecompressor().decompress(blob, allow_extra_data=False)
    elif stored.method == 2:
        dictionary = zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        unpacking = zstandard.ZstdDecompressor(dict_data=dictionary)
        blob = unpacking.decompress(blob, allow_extra_data=False)
    elif stored.method == 3:
        planes = zstandard.ZstdDecompressor().decompress(blob, allow_extra_data=False)
        lengths = [(len(planes) + 7 - place) // 8 for place in range(8)]
        starts = [sum(lengths[:place]) for place in range(8)]
        blob = bytes(planes[starts[n % 8] + n // 8] for n in range(len(planes)))
    else:
        assert stored.method == 0
    assert len(blob) == stored.raw_bytes
    assert hexdigest(blob) == stored.digest
    return blob


def hexdigest(data: bytes) -> str:
    return blake3(data).hexdigest()


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


# Tables


def shard_count(entries: int) -> int:
    if entries == 0:
        return 0
    return 1 if entries <= 32 else 2 ** (len(f"{entries:b}") // 2)


def shard_of(name: str, count: int) -> int:
    hashed = blake3(name.encode("utf-8", "surrogatepass")).digest()
    return struct.unpack(">I", hashed[:4])[0] % count


# Manifests


def needed(manifest: Mapping[str, Any], roots: Iterable[list[Any]]) -> list[int]:
    """Numbers of the pods that these slots need, ascending."""
    found: set[int] = set()
    todo = [slot[1] for slot in roots if slot[0] == "pod"]
    while todo:
        number = todo.pop()
        if number not in found:
            found.add(number)
            slots = manifest["pods"][number][2]
            assert all(slot[1] < number for slot in slots if slot[0] == "pod")
            todo += [slot[1] for slot in slots if slot[0] == "pod"]
    return sorted(found)


def fingerprint(
    manifest: Mapping[str, Any], roots: list[list[Any]], of_definitions: list[str | None]
) -> str:
    """Of these roots; those that are definitions have their own fingerprints beside them."""
    pods = needed(manifest, roots)

    def renumbered(slot: list[Any]) -> list[Any]:
        return ["pod", pods.index(slot[1]), slot[2]] if slot[0] == "pod" else slot

    return hexdigest(
        canonical(
            [
                [
                    [payload, buffers, [renumbered(slot) for slot in slots if slot[0] != "file"]]
                    for payload, buffers, slots, _ in (manifest["pods"][each] for each in pods)
                ],
                [own or renumbered(root) for root, own in zip(roots, of_definitions, strict=True)],
            ]
        )
    )


# Definitions


def make_bare(kind: str, *rest: Any) -> Any:
    if kind == "function":
        code, namespace, name, cells = rest
        return types.FunctionType(code, namespace, name, None, cells)
    if kind == "class":
        metaclass, name, bases, body = rest
        # Python offers no way around `__init_subclass__` of a base; this reader does without one.
        return type.__new__(metaclass, name, bases, dict(body))
    assert kind == "enum"
    metaclass, name, bases, body, members = rest
    prepared = metaclass.__prepare__(name, bases)
    for key, value in body.items():
        prepared[key] = value
    for key, value, *_ in members:
        prepared[key] = enum.member(value)
    if not members or len(members[0]) == 2:
        return metaclass.__new__(metaclass, name, bases, prepared)
    waiting = list(members)

    def make_member(cls: Any, *_: Any) -> Any:
        _, value, arguments = waiting.pop(0)
        below = next(base for base in cls.__mro__ if not base.__flags__ & 1 << 9)
        member = below.__new__(cls, *arguments)
        member._value_ = value
        return member

    prepared["__new__"] = make_member
    made = metaclass.__new__(metaclass, name, bases, prepared)
    for key in ("__new_member__", "_new_member_"):
        if vars(made).get(key) is make_member:
            type.__delattr__(made, key)
    return made


def fill(bare: Any, part: dict[str, Any]) -> None:
    if isinstance(bare, types.FunctionType):
        state = dict(part)
        for cell, *contents in state.pop("cells", ()):
            if contents:
                cell.cell_contents = contents[0]
        bare.__dict__.update(state.pop("__dict__", {}))
        bare.__doc__ = state.pop("__doc__", None)
        for name, value in state.items():
            setattr(bare, name, value)
        return
    for name, value in part.get("attributes", {}).items():
        type.__setattr__(bare, name, value)
    if isinstance(bare, abc.ABCMeta) and "abstract" in part:
        bare.__abstractmethods__ = frozenset(part["abstract"])
    for subclass in part.get("registered", ()):
        bare.register(subclass)
    for name in part.get("order", ()):
        value = vars(bare)[name]
        type.__delattr__(bare, name)
        type.__setattr__(bare, name, value)
    for name, own in part.get("members", {}).items():
        vars(bare.__members__[name]).update(own)
