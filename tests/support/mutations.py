"""Bytes and JSON that are nearly what a program expects, as damage or malice makes them."""

from __future__ import annotations

import json
import random
import string
from typing import Any

NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**17, 10**18, 10**400,
    0.5, -0.0, 1e308, float("inf"), float("-inf"), float("nan"), True, False,
)  # fmt: skip
TEXTS = (
    "", " ", "=", "=AAAA", "=A", "=====", "HEAD", "\ud800", "\x00", "\n", "\x1b[2J", "é" * 50,
    "a" * 5000, "f" * 64, "F" * 64, "0" * 64, "0" * 63, "../../etc/passwd", "/etc/passwd", "pod",
    "namespace", "vars", "global", "dtype", "definition", "file", "opaque", "__proto__",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-13-45", "x" * 200 + "\u202e",
)  # fmt: skip


def deep(depth: int) -> str:
    """JSON nested so deep; text, since not every Python could write it from lists."""
    return "[" * depth + "]" * depth


def any_json(rng: random.Random, depth: int = 3) -> Any:
    """Some JSON value."""
    kind = rng.randrange(8 if depth else 4)
    if kind == 0:
        return None
    if kind == 1:
        return rng.choice(NUMBERS)
    if kind == 2:
        return rng.choice(TEXTS)
    if kind == 3:
        return "".join(rng.choices(string.printable, k=rng.randrange(9)))
    if kind < 6:
        return [any_json(rng, depth - 1) for _ in range(rng.randrange(5))]
    return {rng.choice(TEXTS): any_json(rng, depth - 1) for _ in range(rng.randrange(5))}


def mutated_json(rng: random.Random, value: Any) -> Any:
    """The value with one thing in it changed."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        made = dict(value)
        key = rng.choice(list(made))
        what = rng.randrange(10)
        if what == 0:
            del made[key]
        elif what == 1:
            made[rng.choice(TEXTS)] = made.pop(key)
        elif what == 2:
            made[rng.choice(TEXTS)] = made[rng.choice(list(made))]
        else:
            made[key] = mutated_json(rng, made[key])
        return made
    if isinstance(value, list) and value and rng.random() < 0.9:
        made_list = list(value)
        at = rng.randrange(len(made_list))
        what = rng.randrange(12)
        if what == 0:
            del made_list[at]
        elif what == 1:
            made_list.insert(at, rng.choice(made_list))
        elif what == 2:
            made_list.insert(at, any_json(rng))
        elif what == 3:
            rng.shuffle(made_list)
        elif what == 4:
            made_list *= rng.choice((0, 2, 50))
        else:
            made_list[at] = mutated_json(rng, made_list[at])
        return made_list
    if isinstance(value, int) and not isinstance(value, bool) and rng.random() < 0.5:
        return value + rng.choice((-1, 1, 7, -value, value))
    if isinstance(value, str) and value and rng.random() < 0.5:
        at = rng.randrange(len(value))
        return value[:at] + rng.choice(TEXTS)[:1] + value[at + rng.randrange(2) :]
    return any_json(rng)


def mutated(rng: random.Random, data: bytes) -> bytes:
    """The bytes with a few things in them changed, or others altogether."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.choice((0, 1, 7, 56, 200, 5000)))
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        start = rng.randrange(len(made) + 1)
        end = min(len(made), start + rng.choice((1, 1, 2, 8, 60)))
        what = rng.randrange(9)
        if what == 0:
            del made[start:end]
        elif what == 1:
            made[start:start] = rng.randbytes(rng.choice((1, 2, 8)))
        elif what == 2:
            made[start:start] = made[start:end]
        elif what == 3:
            made[start:] = b""
        elif what == 4:
            made[start:end] = rng.choice((b"\x00", b"\xff", b"\x7f")) * (end - start)
        elif what == 5:
            made[start:end] = json.dumps(any_json(rng, 1)).encode()
        elif what == 6:
            made[start:end] = b"9" * rng.choice((1, 19, 400, 5000))
        elif start < len(made):
            made[start] ^= 1 << rng.randrange(8)
    return bytes(made)
