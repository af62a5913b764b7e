"""One blob's bytes: named by their hash, cut into chunks, compressed and back.

A blob may be stored as a *delta*: compressed with the bytes of another one, its *base*, for a
dictionary. What the two have in common then takes next to nothing, wherever it is in each.

Numbers may be stored in *planes*: the first bytes of all items of eight bytes, then the second
ones, and so on. Of integers most planes are the same byte over and over: a column that counts up
takes a hundredth of what it does otherwise.
"""

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

MAX_BASE_BYTES = 16 * 1024 * 1024
"""Size of the largest base: the tables of matches take several times as much memory."""
# Below the first, a blob is too small for a delta to pay; a delta must be so much smaller than what
# the blob takes without, since whoever reads it has to read the base as well.
_DELTA_SMALLEST = 400
_DELTA_WORTHWHILE = 0.6
_DELTA_GAIN = 200
# What takes less than the first share of itself without a base, and more than the second with one,
# is looked through more thoroughly.
_REPETITIVE = 0.75
_SMALL_DELTA = 1 / 64
# A base of another size by far is not what the blob was made from.
_MAX_BASE_RATIO = 8


class Method(IntEnum):
    """How a blob's bytes are stored."""

    RAW = 0
    ZSTD = 1
    DELTA = 2
    PLANES = 3


_METHODS = frozenset(Method)

_PLANES = 8
# Whether planes are tried is seen from a piece in the middle, of a blob that is large enough.
_PLANES_SMALLEST = 4096
_PLANES_SAMPLE = 8192
_PLANES_WORTHWHILE = 0.85


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
    compress = _compressor(level).compress
    compressed, method = compress(data), Method.ZSTD
    if raw_bytes >= _PLANES_SMALLEST and _may_have_planes(flat(data), level):
        rearranged = compress(_planes(data))
        if len(rearranged) < len(compressed):
            compressed, method = rearranged, Method.PLANES
    if len(compressed) > raw_bytes * _WORTHWHILE or raw_bytes > _most(len(compressed)):
        return Encoded(Method.RAW, data, raw_bytes)
    return Encoded(method, compressed, raw_bytes)


def _may_have_planes(data: memoryview, level: int) -> bool:
    start = max(0, (len(data) - _PLANES_SAMPLE) // 2) // _PLANES * _PLANES
    sample = bytes(data[start : start + _PLANES_SAMPLE])
    compress = _compressor(level).compress
    return len(compress(_planes(sample))) < len(compress(sample)) * _PLANES_WORTHWHILE


def _planes(data: BytesLike) -> bytes:
    whole = bytes(data)  # of which each eighth byte is taken faster than of a view
    return b"".join(whole[place::_PLANES] for place in range(_PLANES))


def _from_planes(planes: bytes) -> bytearray:
    data = bytearray(len(planes))
    start = 0
    for place in range(_PLANES):
        end = start + len(range(place, len(planes), _PLANES))
        data[place::_PLANES] = planes[start:end]
        start = end
    return data


def may_be_delta(plain: Encoded, base_bytes: int) -> bool:
    """Whether it is worth trying to store a blob as a delta against a base of that size."""
    if memoryview(plain.data).nbytes < _DELTA_SMALLEST or base_bytes > MAX_BASE_BYTES:
        return False
    return plain.raw_bytes <= MAX_BASE_BYTES and base_bytes <= plain.raw_bytes * _MAX_BASE_RATIO


def encode_delta(data: BytesLike, base: BytesLike, plain: Encoded) -> Encoded | None:
    """Compress a blob against its base; None if that is not clearly smaller than without."""
    raw_bytes, without = plain.raw_bytes, memoryview(plain.data).nbytes
    compressed = _delta_compressor(raw_bytes, base).compress(data)
    if without < raw_bytes * _REPETITIVE and len(compressed) > raw_bytes * _SMALL_DELTA:
        more = _delta_compressor(raw_bytes, base, thorough=True).compress(data)
        compressed = min(compressed, more, key=len)
    stored = len(compressed)
    if stored > without * _DELTA_WORTHWHILE or stored > without - _DELTA_GAIN:
        return None
    if raw_bytes > _most(stored, len(base)):
        return None
    return Encoded(Method.DELTA, compressed, raw_bytes)


def decode(method: int, data: BytesLike, raw_bytes: int, base: BytesLike = b"") -> BytesLike:
    """The inverse of encode, and with a base of encode_delta; the input itself when the method is
    RAW. DamagedError if the data cannot be ``raw_bytes`` bytes encoded so.

    A small blob does not decode to a huge one: see `_most`.
    """
    if method not in _METHODS:
        raise DamagedError(f"it is stored in an unknown way ({method})")
    if not is_possible(method, len(data), raw_bytes, len(base)):
        raise DamagedError(f"{len(data)} bytes must not decompress to {raw_bytes}")
    if method == Method.RAW:
        return data
    try:
        announced = zstandard.get_frame_parameters(data).content_size
        if announced != raw_bytes:
            raise DamagedError(f"it announces {announced} bytes and should have {raw_bytes}")
        decompressor = _delta_decompressor(base) if method == Method.DELTA else _decompressor()
        raw = decompressor.decompress(data, max_output_size=raw_bytes, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise DamagedError(f"it does not decompress ({error})") from error
    if len(raw) != raw_bytes:
        raise DamagedError(f"it decompresses to {len(raw)} bytes and should have {raw_bytes}")
    return _from_planes(raw) if method == Method.PLANES else raw


def is_possible(method: int, stored_bytes: int, raw_bytes: int, base_bytes: int = 0) -> bool:
    """Whether so few stored bytes may stand for so many, see `_most`."""
    if method == Method.RAW:
        return stored_bytes == raw_bytes
    return raw_bytes <= _most(stored_bytes, base_bytes)


def _most(stored_bytes: int, base_bytes: int = 0) -> int:
    """As many bytes as a blob compressed to this many, against a base of that many, may have."""
    return max(_ANY_RATIO_BYTES, stored_bytes * _MAX_RATIO + base_bytes)


def _delta_compressor(
    raw_bytes: int, base: BytesLike, *, thorough: bool = False
) -> zstandard.ZstdCompressor:
    # The window reaches from the end of the blob to the beginning of the base. What both share is
    # found with tables that fit into a processor's nearest cache: 550 MB/s for chunks, where level
    # 3 does 210 MB/s; level 1's own overlook most of it. Of what is like the base in many short
    # pieces, as a text with many words replaced, level 3's find up to twice as much.
    window = max(10, (raw_bytes + len(base)).bit_length())
    parameters = zstandard.ZstdCompressionParameters(
        strategy=zstandard.STRATEGY_DFAST if thorough else zstandard.STRATEGY_FAST,
        window_log=window,
        hash_log=max(min(15, window), min(22, window - (3 if thorough else 5))),
        chain_log=max(min(15, window), min(22, window - 4)),
        search_log=1,
        min_match=5 if thorough else 7,
        target_length=0 if thorough else 1,
    )
    return zstandard.ZstdCompressor(compression_params=parameters, dict_data=_dictionary(base))


def _delta_decompressor(base: BytesLike) -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(dict_data=_dictionary(base))


def _dictionary(base: BytesLike) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


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
