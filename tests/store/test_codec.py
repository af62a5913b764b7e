"""Blobs come back as they were, or not at all."""

from __future__ import annotations

import contextlib
import random
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from pod.errors import DamagedError
from pod.store.codec import CHUNK_BYTES, Method, chunks, decode, digest, encode

NOISE = random.Random(1).randbytes(5000)


@settings(max_examples=100)
@given(st.binary(max_size=2000), st.integers(1, 200), st.integers(1, 6))
def test_a_blob_comes_back(data: bytes, repeats: int, level: int) -> None:
    encoded = encode(data * repeats, level)
    assert encoded.raw_bytes == len(data) * repeats
    assert decode(encoded.method, encoded.data, encoded.raw_bytes) == data * repeats


@settings(max_examples=100)
@given(
    st.integers(-(1 << 40), 1 << 40), st.integers(-300, 300), st.integers(512, 3000),
    st.binary(max_size=9), st.sampled_from("bhiqfd"),
)  # fmt: skip
def test_numbers_come_back(first: int, step: int, count: int, more: bytes, code: str) -> None:
    def fitting(number: int) -> float:
        return number / 3 if code in "fd" else number % 100 if code == "b" else number % 30_000

    data = struct.pack(f"<{count}{code}", *(fitting(first + n * step) for n in range(count)))
    encoded = encode(data + more, 3)
    assert bytes(decode(*_fields(encoded))) == data + more


@pytest.mark.parametrize("length", [4096, 4097, 4103, 8192, 50_001, CHUNK_BYTES])
def test_integers_are_stored_in_planes_when_that_is_smaller(length: int) -> None:
    counting = struct.pack(f"<{length // 8 + 1}q", *range(length // 8 + 1))[:length]
    encoded = encode(counting, 3)
    assert encoded.method == Method.PLANES
    assert len(encoded.data) < 0.5 * len(zstandard.ZstdCompressor(level=3).compress(counting))
    assert bytes(decode(*_fields(encoded))) == counting
    with pytest.raises(DamagedError):
        decode(Method.PLANES, encoded.data, length + 1)
    text = (b"the order went out by the river road, and has not arrived %d. " * length)[:length]
    assert encode(text, 3).method == Method.ZSTD


def test_what_does_not_shrink_is_stored_as_it_is() -> None:
    assert encode(NOISE, 3).data is NOISE
    assert encode(NOISE, 3).method == Method.RAW
    assert encode(b"", 3).method == Method.RAW
    assert encode(NOISE * 2, 3).method == Method.ZSTD


def test_every_kind_of_buffer_has_the_same_digest() -> None:
    numbers = memoryview(struct.pack("<100d", *range(100))).cast("d")
    forms = [numbers, numbers.tobytes(), bytearray(numbers.tobytes())]
    assert len({digest(form) for form in forms}) == 1
    assert [len(digest(form)) for form in forms] == [64] * 3
    assert len({decode(*_fields(encode(form, 3))) for form in forms}) == 1
    assert {encode(form, 3).raw_bytes for form in forms} == {800}


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 7])
def test_chunks_cover_a_buffer_without_copying(size: int) -> None:
    buffer = bytearray(size)
    pieces = list(chunks(memoryview(buffer)))
    assert sum(map(len, pieces)) == size
    assert all(len(piece) == CHUNK_BYTES for piece in pieces[:-1])
    assert all(piece.obj is buffer for piece in pieces)


def test_an_empty_array_is_empty_bytes() -> None:
    nothing = memoryview(bytearray(8)).cast("d")[:0]
    assert digest(nothing) == digest(b"")
    assert list(chunks(nothing)) == []


def test_chunks_of_an_array_are_bytes() -> None:
    array = memoryview(bytearray(8 * CHUNK_BYTES)).cast("d")
    assert [len(piece) for piece in chunks(array)] == [CHUNK_BYTES] * 8


def test_a_size_that_the_bytes_cannot_have_is_refused_before_allocating() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 20))
    with pytest.raises(DamagedError):
        decode(Method.ZSTD, bomb, 1 << 50)
    with pytest.raises(DamagedError):
        decode(Method.ZSTD, bomb, 10)
    with pytest.raises(DamagedError):
        decode(Method.RAW, b"abc", 1 << 50)


def test_a_frame_that_lies_about_its_size_is_refused() -> None:
    raw = bytes(1 << 20)
    honest = zstandard.ZstdCompressor().compress(raw)
    silent = zstandard.ZstdCompressor(write_content_size=False).compress(raw)
    for data in (silent, honest + b"more", honest[:-1], b"", NOISE):
        with pytest.raises(DamagedError):
            decode(Method.ZSTD, data, len(raw))
    with pytest.raises(DamagedError, match="unknown way"):
        decode(7, honest, len(raw))


@settings(max_examples=150)
@given(st.data())
def test_any_bytes_decode_or_are_damaged(data: st.DataObject) -> None:
    encoded = bytearray(encode(b"some words, " * 50, 3).data)
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DamagedError):
        assert len(decode(Method.ZSTD, bytes(encoded), 600)) == 600


def test_threads_do_not_share_zstd_contexts() -> None:
    blobs = [bytes([i]) * 100_000 + NOISE for i in range(64)]

    def there_and_back(blob: bytes) -> bool:
        return decode(*_fields(encode(blob, 3))) == blob

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(there_and_back, blobs * 4))


def _fields(encoded):
    return encoded.method, encoded.data, encoded.raw_bytes
