"""One blob's bytes: named by their hash, cut into chunks, compressed and back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import zstandard
from blake3 import blake3

from pod.errors import DamagedError
from pod.store.storage import BytesLike

CHUNK_BYTES = 256 * 1024
"""Size of a chunk; the last one of a buffer may be shorter."""

_WORTHWHILE = 0.97
# A few bytes of zstd can announce gigabytes. Beyond the first size, only so many for each of them.
_ANY_RATIO_BYTES = 1024 * 1024
_MAX_RATIO = 128


class Method(IntEnum):
    """How a blob's bytes are stored."""

    RAW = 0
    ZSTD = 1


@dataclass(frozen=True, slots=True)
class Encoded:
    """A blob as it is stored."""

    method: Method
    """How to decode it."""
    data: BytesLike
    """The bytes to store; the input itself when the method is RAW."""
    raw_bytes: int
    """Size of the decoded blob in bytes."""


def flat(data: BytesLike) -> memoryview:
    """A contiguous buffer of any shape and item type as plain bytes, without copying."""
    view = memoryview(data)
    # An empty view of another shape or item type cannot be cast.
    return view.cast("B") if view.nbytes else memoryview(b"")


def digest(data: BytesLike) -> str:
    """Hex BLAKE3-256 of the data: the name of a blob with these bytes."""
    return blake3(flat(data)).hexdigest()


def chunks(view: memoryview) -> Iterator[memoryview]:
    """Cut a contiguous buffer into slices of CHUNK_BYTES bytes, without copying."""
    whole = flat(view)
    for start in range(0, len(whole), CHUNK_BYTES):
        yield whole[start : start + CHUNK_BYTES]


def encode(data: BytesLike, level: int) -> Encoded:
    """Compress a blob at a zstd level; kept as it is when that saves less than 3%, or so much that
    `decode` would not believe it."""
    raw_bytes = memoryview(data).nbytes
    compressed = _compressor(level).compress(data)
    if len(compressed) > raw_bytes * _WORTHWHILE or raw_bytes > _most(len(compressed)):
        return Encoded(Method.RAW, data, raw_bytes)
    return Encoded(Method.ZSTD, compressed, raw_bytes)


def decode(method: int, data: BytesLike, raw_bytes: int) -> bytes:
    """The inverse of encode. DamagedError if the data cannot be ``raw_bytes`` bytes encoded so.

    A small blob does not decode to a huge one: see `_most`.
    """
    if method == Method.RAW:
        if len(data) != raw_bytes:
            raise DamagedError(f"it has {len(data)} bytes and should have {raw_bytes}")
        return bytes(data)
    if method != Method.ZSTD:
        raise DamagedError(f"it is stored in an unknown way ({method})")
    if raw_bytes > _most(len(data)):
        raise DamagedError(f"{len(data)} bytes must not decompress to {raw_bytes}")
    try:
        announced = zstandard.get_frame_parameters(data).content_size
        if announced != raw_bytes:
            raise DamagedError(f"it announces {announced} bytes and should have {raw_bytes}")
        raw = _decompressor().decompress(data, max_output_size=raw_bytes, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise DamagedError(f"it does not decompress ({error})") from error
    if len(raw) != raw_bytes:
        raise DamagedError(f"it decompresses to {len(raw)} bytes and should have {raw_bytes}")
    return raw


def _most(stored_bytes: int) -> int:
    """As many bytes as a blob compressed to this many may have."""
    return max(_ANY_RATIO_BYTES, stored_bytes * _MAX_RATIO)


class _ThreadLocal(threading.local):
    """zstd contexts, costly to make and not safe to share between threads."""

    def __init__(self) -> None:
        self.compressors: dict[int, zstandard.ZstdCompressor] = {}
        self.decompressor: zstandard.ZstdDecompressor | None = None


_local = _ThreadLocal()


def _compressor(level: int) -> zstandard.ZstdCompressor:
    compressor = _local.compressors.get(level)
    if compressor is None:
        compressor = _local.compressors[level] = zstandard.ZstdCompressor(level=level)
    return compressor


def _decompressor() -> zstandard.ZstdDecompressor:
    if _local.decompressor is None:
        _local.decompressor = zstandard.ZstdDecompressor()
    return _local.decompressor
