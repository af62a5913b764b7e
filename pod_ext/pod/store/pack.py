"""A pack: the new blobs of one save and their index, in one file written once.

    magic | encoded blobs, back to back | index | footer

The index has one record per blob: digest (32 bytes), offset, stored bytes, raw bytes (u64 each),
method (u8). The footer has the index's offset and length (u64 each), its BLAKE3 and the magic.
All numbers are little-endian. The footer comes last so that a pack can be streamed out, and a
reader needs the tail only. Bytes that are not a pack give DamagedError, never anything else.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from blake3 import blake3

from pod.errors import DamagedError
from pod.store.codec import Method, decode, digest, encode
from pod.store.storage import BytesLike, Storage

MAGIC = b"PODPACK\x01"
PREFIX = "packs/"
SUFFIX = ".pack"

_RECORD = struct.Struct("<32sQQQB")
_FOOTER = struct.Struct("<QQ32s8s")
RECORD_BYTES = _RECORD.size
"""Bytes that a blob takes in the index."""
FRAME_BYTES = len(MAGIC) + _FOOTER.size
"""Bytes of a pack beside its blobs and the index."""
_METHODS = frozenset(int(method) for method in Method)
_TAIL_BYTES = 64 * 1024
_MAX_INDEX_BYTES = 256 * 1024 * 1024
# Blobs this close to each other are read together, in one piece of at most this size.
_GAP_BYTES = 64 * 1024
_SPAN_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PackEntry:
    """Where in its pack a blob is."""

    digest: str
    """Hex BLAKE3-256 of the decoded blob."""
    offset: int
    """First byte in the pack."""
    stored_bytes: int
    """Bytes it takes in the pack."""
    raw_bytes: int
    """Bytes of the decoded blob."""
    method: int
    """How it is encoded, a codec.Method."""


def new_name() -> str:
    """A name that no pack ever had. Not one made from the content: then a pack about to be deleted
    could be written once more at that very moment, for somebody who needs it."""
    return secrets.token_hex(32)


def pack_key(name: str) -> str:
    """The storage key of a pack."""
    return f"{PREFIX}{name}{SUFFIX}"


def key_name(key: str) -> str:
    """The name of a pack with this storage key."""
    return key.removeprefix(PREFIX).removesuffix(SUFFIX)


class PackWriter:
    """Turns blobs into the parts of a pack, encoding each only when its turn comes.

    ``entries`` and ``total_bytes`` are complete once ``parts()`` is exhausted.
    """

    def __init__(self, blobs: Mapping[str, BytesLike], level: int) -> None:
        self._blobs = blobs
        self._level = level
        self.entries: list[PackEntry] = []
        self.total_bytes = 0

    def parts(self) -> Iterator[BytesLike]:
        """The pack's bytes, for Storage.put; may be run again, from the start."""
        self.entries = []
        yield MAGIC
        offset = len(MAGIC)
        for blob_digest, blob in self._blobs.items():
            encoded = encode(blob, self._level)
            stored_bytes = memoryview(encoded.data).nbytes
            self.entries.append(
                PackEntry(blob_digest, offset, stored_bytes, encoded.raw_bytes, encoded.method)
            )
            yield encoded.data
            offset += stored_bytes
        index = b"".join(map(_pack_record, self.entries))
        yield index
        yield _FOOTER.pack(offset, len(index), blake3(index).digest(), MAGIC)
        self.total_bytes = offset + len(index) + _FOOTER.size


def read_index(storage: Storage, key: str) -> list[PackEntry]:
    """The entries of a pack in the order of their offsets, read from its tail.

    DamagedError naming the key if the bytes are not those of a whole pack; a blob's own bytes are
    not looked at. MissingKeyError if there is no such pack.
    """
    try:
        return _read_index(storage, key)
    except DamagedError as error:
        raise DamagedError(f"pack {key} in {storage} is damaged: {error}") from error


def total_bytes(entries: Sequence[PackEntry]) -> int:
    """The size of a pack with these entries."""
    index_offset = sum((entry.stored_bytes for entry in entries), len(MAGIC))
    return index_offset + _RECORD.size * len(entries) + _FOOTER.size


def read_blobs(
    storage: Storage, key: str, entries: Iterable[PackEntry]
) -> Iterator[tuple[PackEntry, bytes | DamagedError]]:
    """Read blobs of one pack in the order of their offsets, neighbours together.

    Each comes with its bytes, verified by hash, or with the error that names what is wrong with
    it. At most one span of encoded bytes is in memory. Raises StorageError if the pack is
    missing or cannot be read.
    """
    for span in _spans(entries):
        start = span[0].offset
        end = span[-1].offset + span[-1].stored_bytes
        data = memoryview(storage.get_range(key, start, end - start))
        for entry in span:
            begin = entry.offset - start
            yield entry, _verified(storage, key, entry, data[begin : begin + entry.stored_bytes])


def _pack_record(entry: PackEntry) -> bytes:
    return _RECORD.pack(
        bytes.fromhex(entry.digest),
        entry.offset,
        entry.stored_bytes,
        entry.raw_bytes,
        entry.method,
    )


def _read_index(storage: Storage, key: str) -> list[PackEntry]:
    tail = storage.get_range(key, -_TAIL_BYTES, _TAIL_BYTES)
    if len(tail) < len(MAGIC) + _FOOTER.size:
        raise DamagedError(f"it has only {len(tail)} bytes")
    index_offset, index_bytes, index_hash, magic = _FOOTER.unpack(tail[-_FOOTER.size :])
    if magic != MAGIC:
        raise DamagedError("its end is not that of a pack")
    if index_bytes % _RECORD.size or index_bytes > _MAX_INDEX_BYTES:
        raise DamagedError("its index is cut")
    ending = index_bytes + _FOOTER.size
    if ending <= len(tail):
        index = tail[len(tail) - ending : len(tail) - _FOOTER.size]
    else:
        # Counted from the end: get_range then never gives more than the pack has.
        index = storage.get_range(key, -ending, index_bytes)
    if len(index) != index_bytes or blake3(index).digest() != index_hash:
        raise DamagedError("its index does not match its hash")
    entries = [
        PackEntry(blob_digest.hex(), *numbers)
        for blob_digest, *numbers in _RECORD.iter_unpack(index)
    ]
    _check_entries(entries, index_offset)
    return entries


def _check_entries(entries: Sequence[PackEntry], index_offset: int) -> None:
    """Blobs must lie back to back from the magic to the index; so every offset is right."""
    offset = len(MAGIC)
    for entry in entries:
        if entry.offset != offset:
            raise DamagedError(f"its index puts a blob at {entry.offset} instead of {offset}")
        if entry.method not in _METHODS:
            raise DamagedError(f"its index has an unknown encoding ({entry.method})")
        offset += entry.stored_bytes
    if offset != index_offset:
        raise DamagedError(f"its index is at {index_offset} instead of {offset}")


def _spans(entries: Iterable[PackEntry]) -> Iterator[list[PackEntry]]:
    span: list[PackEntry] = []
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        entry_end = entry.offset + entry.stored_bytes
        if span and (entry.offset - end > _GAP_BYTES or entry_end - span[0].offset > _SPAN_BYTES):
            yield span
            span = []
        span.append(entry)
        end = entry_end
    if span:
        yield span


def _verified(
    storage: Storage, key: str, entry: PackEntry, data: memoryview
) -> bytes | DamagedError:
    try:
        raw = decode(entry.method, data, entry.raw_bytes)
        if digest(raw) != entry.digest:
            raise DamagedError("its bytes do not match its hash")
    except DamagedError as error:
        damage = DamagedError(f"blob {entry.digest} in {key} of {storage} is damaged: {error}")
        damage.__cause__ = error
        return damage
    return raw
