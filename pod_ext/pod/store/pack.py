"""A pack: the new blobs of one save and their index, in one file written once.

    magic | encoded blobs, back to back | index | footer

The index has one record per blob: digest (32 bytes), offset, stored bytes, raw bytes (u64 each),
method (u8), and for a delta the digest of its base (32 bytes), which may be in any pack. The footer
has the index's offset and length (u64 each), its BLAKE3 and the magic. All numbers are
little-endian. The footer comes last so that a pack can be streamed out, and a reader needs the tail
only. Bytes that are not a pack give DamagedError, never anything else.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from blake3 import blake3

from pod.errors import DamagedError, StorageError
from pod.store.codec import Encoded, Method, decode, digest, encode, encode_delta, may_be_delta
from pod.store.storage import BytesLike, Storage

MAGIC = b"PODPACK\x02"
PREFIX = "packs/"
SUFFIX = ".pack"

_RECORD = struct.Struct("<32sQQQB")
_BASE_BYTES = 32
_FOOTER = struct.Struct("<QQ32s8s")
FRAME_BYTES = len(MAGIC) + _FOOTER.size
"""Bytes of a pack beside its blobs and the index."""
_METHODS = frozenset(int(method) for method in Method)
_TAIL_BYTES = 64 * 1024
_MAX_INDEX_BYTES = 256 * 1024 * 1024
# Blobs this close to each other are read together, in one piece of at most this size.
_GAP_BYTES = 64 * 1024
_SPAN_BYTES = 4 * 1024 * 1024
# Trying deltas that do not pay takes a pack's writer this much of its time, as a share of all bytes
# and beside the first ones.
_TRIED_SHARE = 1 / 8
_TRIED_BYTES = 1024 * 1024


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
    base: str | None = None
    """Digest of the blob that this one is a delta against; None if it is stored whole."""

    @property
    def nbytes(self) -> int:
        """Bytes that it takes in the pack, its record in the index included."""
        return self.stored_bytes + _RECORD.size + (0 if self.base is None else _BASE_BYTES)


@dataclass(frozen=True, slots=True)
class Base:
    """A blob that another one may be stored as a delta against."""

    digest: str
    raw: bytes


BaseOf = Callable[[str], Base | None]
"""Gives what the blob of a digest is to be stored as a delta against; None if it is to be whole."""


def no_base(digest: str) -> Base | None:
    """Every blob is stored whole."""
    return None


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

    ``base_of`` is asked for each blob that may become a delta, unless too many were not worth it.
    ``entries`` and ``total_bytes`` are complete once ``parts()`` is exhausted.
    """

    def __init__(
        self, blobs: Mapping[str, BytesLike], level: int, base_of: BaseOf = no_base
    ) -> None:
        self._blobs = blobs
        self._level = level
        self._base_of = base_of
        self._seen_bytes = 0
        self._tried_bytes = 0
        self.entries: list[PackEntry] = []
        self.total_bytes = 0

    def parts(self) -> Iterator[BytesLike]:
        """The pack's bytes, for Storage.put; may be run again, from the start."""
        self.entries = []
        self._seen_bytes = self._tried_bytes = 0
        yield MAGIC
        offset = len(MAGIC)
        for blob_digest, blob in self._blobs.items():
            encoded, base = self._encoded(blob_digest, blob)
            stored_bytes = memoryview(encoded.data).nbytes
            self.entries.append(
                PackEntry(
                    blob_digest, offset, stored_bytes, encoded.raw_bytes, encoded.method, base
                )
            )
            yield encoded.data
            offset += stored_bytes
        index = b"".join(map(_pack_record, self.entries))
        yield index
        yield _FOOTER.pack(offset, len(index), blake3(index).digest(), MAGIC)
        self.total_bytes = offset + len(index) + _FOOTER.size

    def _encoded(self, blob_digest: str, blob: BytesLike) -> tuple[Encoded, str | None]:
        """A blob as it takes the fewest bytes, and the digest of its base."""
        plain = encode(blob, self._level)
        self._seen_bytes += plain.raw_bytes
        if self._base_of is no_base or not may_be_delta(plain, 0):
            return plain, None
        if self._tried_bytes > _TRIED_BYTES + self._seen_bytes * _TRIED_SHARE:
            return plain, None
        base = self._base_of(blob_digest)
        if base is None or not may_be_delta(plain, len(base.raw)):
            return plain, None
        delta = encode_delta(blob, base.raw, plain)
        if delta is None:
            self._tried_bytes += plain.raw_bytes
            return plain, None
        # Whoever is right may try more often, so that a part that did not change is not missed.
        self._tried_bytes = max(0, self._tried_bytes - plain.raw_bytes)
        return delta, base.digest


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
    return sum(entry.nbytes for entry in entries) + FRAME_BYTES


def read_blobs(
    storage: Storage,
    key: str,
    entries: Iterable[PackEntry],
    base_of: Callable[[str], bytes] | None = None,
) -> Iterator[tuple[PackEntry, bytes | DamagedError]]:
    """Read blobs of one pack in the order of their offsets, neighbours together.

    Each comes with its bytes, verified by hash, or with the error that names what is wrong with
    it. ``base_of`` gives the bytes of a base, or raises DamagedError or StorageError. At most one
    span of encoded bytes is in memory. Raises StorageError if the pack is missing or cannot be
    read.
    """
    for span in spans(entries):
        for entry, data in read_span(storage, key, span):
            try:
                base = b"" if entry.base is None else _base_bytes(entry.base, base_of)
            except (DamagedError, StorageError) as error:
                yield entry, damage(storage, key, entry, error)
                continue
            blob = verified(storage, key, entry, data, base)
            yield entry, blob if isinstance(blob, DamagedError) else bytes(blob)


def spans(entries: Iterable[PackEntry]) -> Iterator[list[PackEntry]]:
    """Blobs of one pack in the order of their offsets, those together that are read together."""
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


def read_span(
    storage: Storage, key: str, span: Sequence[PackEntry]
) -> Iterator[tuple[PackEntry, BytesLike]]:
    """Read the encoded bytes of one of the `spans`."""
    start = span[0].offset
    end = span[-1].offset + span[-1].stored_bytes
    data = storage.get_range(key, start, end - start)
    if len(span) == 1:
        yield span[0], data
        return
    view = memoryview(data)
    for entry in span:
        begin = entry.offset - start
        yield entry, view[begin : begin + entry.stored_bytes]


def verified(
    storage: Storage, key: str, entry: PackEntry, data: BytesLike, base: BytesLike = b""
) -> BytesLike | DamagedError:
    """A blob, decoded, or what is wrong with it."""
    try:
        raw = decode(entry.method, data, entry.raw_bytes, base)
        if digest(raw) != entry.digest:
            raise DamagedError("its bytes do not match its hash")
    except DamagedError as error:
        return damage(storage, key, entry, error)
    return raw


def damage(storage: Storage, key: str, entry: PackEntry, error: Exception) -> DamagedError:
    """The error that names a blob, and why it cannot be had."""
    found = DamagedError(f"blob {entry.digest} in {key} of {storage} is damaged: {error}")
    found.__cause__ = error
    return found


def _base_bytes(base: str, base_of: Callable[[str], bytes] | None) -> bytes:
    if base_of is None:
        raise DamagedError(f"it is a delta against blob {base}, which is not at hand")
    try:
        return base_of(base)
    except DamagedError as error:
        raise DamagedError(f"it is a delta against blob {base}, and {error}") from error


def _pack_record(entry: PackEntry) -> bytes:
    record = _RECORD.pack(
        bytes.fromhex(entry.digest),
        entry.offset,
        entry.stored_bytes,
        entry.raw_bytes,
        entry.method,
    )
    return record if entry.base is None else record + bytes.fromhex(entry.base)


def _read_records(index: bytes) -> Iterator[PackEntry]:
    position = 0
    while position < len(index):
        if position + _RECORD.size > len(index):
            raise DamagedError("its index is cut")
        name, offset, stored_bytes, raw_bytes, method = _RECORD.unpack_from(index, position)
        position += _RECORD.size
        base = None
        if method == Method.DELTA:
            base = index[position : position + _BASE_BYTES].hex()
            position += _BASE_BYTES
            if position > len(index):
                raise DamagedError("its index is cut")
        yield PackEntry(name.hex(), offset, stored_bytes, raw_bytes, method, base)


def _read_index(storage: Storage, key: str) -> list[PackEntry]:
    tail = storage.get_range(key, -_TAIL_BYTES, _TAIL_BYTES)
    if len(tail) < len(MAGIC) + _FOOTER.size:
        raise DamagedError(f"it has only {len(tail)} bytes")
    index_offset, index_bytes, index_hash, magic = _FOOTER.unpack(tail[-_FOOTER.size :])
    if magic != MAGIC:
        raise DamagedError("its end is not that of a pack")
    if index_bytes > _MAX_INDEX_BYTES:
        raise DamagedError("its index is too large")
    ending = index_bytes + _FOOTER.size
    if ending <= len(tail):
        index = tail[len(tail) - ending : len(tail) - _FOOTER.size]
    else:
        # Counted from the end: get_range then never gives more than the pack has.
        index = storage.get_range(key, -ending, index_bytes)
    if len(index) != index_bytes or blake3(index).digest() != index_hash:
        raise DamagedError("its index does not match its hash")
    entries = list(_read_records(index))
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
