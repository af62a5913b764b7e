"""The language itself: types of the standard library."""

from __future__ import annotations

import abc
import argparse
import array
import ast
import collections
import configparser
import copy
import csv
import dataclasses
import datetime
import decimal
import difflib
import email.message
import enum
import fractions
import functools
import heapq
import io
import ipaddress
import itertools
import json
import logging
import operator
import pathlib
import queue
import random
import re
import socket
import sqlite3
import statistics
import string
import struct
import subprocess
import sys
import tempfile
import threading
import types
import typing
import uuid
import weakref
import xml.etree.ElementTree as ET
import zoneinfo
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from libraries.case import KEEPS, READING, RESTART, Case
from libraries.same import by, equal, same_repr

LIBRARY = "standard library"


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Point:
    x: int
    tags: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: int
    y: list[int]


class Pair(typing.NamedTuple):
    left: list[int]
    right: str


class Typed(typing.TypedDict):
    name: str


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self) -> float: ...


class Square(Shape):
    def __init__(self, side: float) -> None:
        self.side = side

    def area(self) -> float:
        return self.side**2


def add(a: int, b: list[int]) -> list[int]:
    return [a, *b]


def logger() -> logging.Logger:
    made = logging.getLogger("libraries.matrix")
    made.setLevel(logging.INFO)
    return made


def handler() -> logging.Handler:
    made = logging.StreamHandler(io.StringIO())
    made.setFormatter(logging.Formatter("%(message)s"))
    return made


def cyclic() -> list[Any]:
    made: list[Any] = [1, {"k": 2}]
    made.append(made)
    made[1]["up"] = made
    return made


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser("tool")
    made.add_argument("--depth", type=int, default=3)
    return made


def config() -> configparser.ConfigParser:
    made = configparser.ConfigParser()
    made["server"] = {"port": "80"}
    return made


def tree() -> ET.Element:
    return ET.fromstring("<a><b k='1'>text</b></a>")


def weak() -> list[Any]:
    held = Point(1, ["a"])
    return [held, weakref.ref(held)]


def message() -> email.message.EmailMessage:
    made = email.message.EmailMessage()
    made["Subject"] = "hello"
    made.set_content("body")
    return made


def advanced(iterator: Any, steps: int = 1) -> Any:
    for _ in range(steps):
        next(iterator)
    return iterator


def rest(iterator: Any) -> list[Any]:
    """What is left of an iterator, which stays where it is."""
    return list(itertools.islice(copy.deepcopy(iterator), 20))


def text(value: str = "line one\nline two") -> io.StringIO:
    made = io.StringIO(value)
    made.readline()
    return made


def reading() -> Any:
    return csv.reader(["a,b", "c,d"])


def generator() -> Any:
    return (i for i in [1, 2, 3])


def database() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:")
    made.execute("create table t (x)")
    return made


def process() -> Any:
    made = subprocess.Popen([sys.executable, "-c", "pass"])
    made.wait()
    return made


def finished() -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(int)


def bisect_in(heap: list[Any]) -> None:
    heapq.heappush(heap, (2, "b"))


def case(name: str, make: Any, change: Any, same: Any = equal, **more: Any) -> Case:
    return Case(library=LIBRARY, name=name, make=make, change=change, same=same, **more)


def value(name: str, make: Any, replace: Any, same: Any = equal, **more: Any) -> Case:
    """A value that nothing can be changed in."""
    more.setdefault("shared", False)
    return Case(library=LIBRARY, name=name, make=make, replace=replace, same=same, **more)


def opaque(name: str, make: Any, reason: str, change: Any = repr, **more: Any) -> Case:
    return Case(
        library=LIBRARY, name=name, make=make, change=change, same=equal, opaque=reason, **more
    )


CASES = [
    case("list, dict, tuple, set, nested", lambda: [1, {"a": (2, [3])}, {4, 5}, "six", b"7", 8.5],
         lambda x: x[1]["a"][1].append(9)),
    case("a list that holds itself", cyclic, lambda x: x[1].update(k=3), same_repr),
    case("bytearray", lambda: bytearray(b"abc"), lambda x: x.extend(b"d")),
    case("Counter", lambda: collections.Counter("abca"), lambda x: x.update("ab"),
         look=lambda x: x.most_common(1)),
    case("OrderedDict", lambda: collections.OrderedDict(b=1, a=2), lambda x: x.move_to_end("b")),
    case("defaultdict", lambda: collections.defaultdict(list, a=[1]), lambda x: x["b"].append(2)),
    case("ChainMap", lambda: collections.ChainMap({"a": 1}, {"b": 2}),
         lambda x: x.__setitem__("b", 3)),
    case("deque", lambda: collections.deque([1, 2, 3], 4), lambda x: x.rotate(1),
         by(lambda x: (list(x), x.maxlen))),
    case("UserDict, UserList", lambda: collections.UserDict(a=collections.UserList([1])),
         lambda x: x["a"].append(2)),
    case("array", lambda: array.array("d", [1, 2, 3]), lambda x: x.append(4), same_repr),
    case("heapq", lambda: [(1, "a"), (3, "c")], bisect_in),
    case("SimpleNamespace", lambda: types.SimpleNamespace(a=1, b=[2]), lambda x: x.b.append(3)),
    case("dataclass", lambda: Point(1, ["a"]), lambda x: x.tags.append("b")),
    case("frozen dataclass with slots", lambda: Frozen(1, [2]), lambda x: x.y.append(3)),
    case("NamedTuple", lambda: Pair([1], "r"), lambda x: x.left.append(2)),
    case("TypedDict", lambda: Typed(name="n"), lambda x: x.update(name="m")),
    case("instance of an ABC", lambda: Square(2.0), lambda x: setattr(x, "side", 3.0),
         by(lambda x: x.area())),
    case("Enum and Flag in a dict", lambda: {Colour.RED: Rights.READ | Rights.WRITE},
         lambda x: x.update({Colour.BLUE: Rights.READ})),
    case("Random", lambda: random.Random(3), lambda x: x.random(), by(lambda x: x.getstate())),
    case("StringIO", text, lambda x: x.write("!"), by(lambda x: (x.getvalue(), x.tell()))),
    case("BytesIO", lambda: io.BytesIO(b"abc"), lambda x: x.read(1),
         by(lambda x: (x.getvalue(), x.tell()))),
    case("weak reference beside its object", weak, lambda x: x[0].tags.append("b"),
         by(lambda x: (x[0].tags, x[1]() is x[0]))),
    case("functools.partial", lambda: functools.partial(add, 1, b=[2]),
         lambda x: x.keywords["b"].append(3), by(lambda x: x())),
    case("exception", lambda: ValueError("bad", [1]), lambda x: x.args[1].append(2), same_repr, resaved=(RESTART,), why="tblib, which Dask imports, pickles it in another way", unordered=True),
    case("argparse.ArgumentParser", parser, lambda x: x.add_argument("--width"),
         by(lambda x: x.format_help()), look=lambda x: x.format_help()),
    case("argparse.Namespace", lambda: argparse.Namespace(a=1), lambda x: setattr(x, "a", 2)),
    case("ConfigParser", config, lambda x: x["server"].update(port="81"), look=lambda x: dict(x)),
    case("ElementTree", tree, lambda x: x[0].set("k", "2"), by(ET.tostring)),
    case("EmailMessage", message, lambda x: x.replace_header("Subject", "bye"),
         by(lambda x: x.as_string()), look=lambda x: x.as_string()),
    case("logging.Handler", handler, lambda x: x.setLevel(30), by(lambda x: x.level),
         opaque="cannot pickle '_thread.RLock'"),
    case("ast", lambda: ast.parse("x = 1"), lambda x: x.body.pop(), by(ast.dump)),
    case("difflib.SequenceMatcher", lambda: difflib.SequenceMatcher(None, "abc", "abd"),
         lambda x: x.set_seq2("xbc"), by(lambda x: x.get_opcodes()), look=lambda x: x.ratio(),
         resaved=(READING,), why=KEEPS),
    case("string.Template", lambda: string.Template("$a"), lambda x: setattr(x, "template", "$b"),
         by(lambda x: x.template)),
    case("itertools.count", lambda: itertools.count(3), next, same_repr),
    case("itertools.cycle", lambda: advanced(itertools.cycle([1, 2, 3])), next, by(rest)),
    case("list iterator", lambda: iter([1, 2, 3]), next, by(rest)),
    case("zip, map, enumerate", lambda: zip(map(abs, [1, -2]), enumerate("ab"), strict=False),
         next, by(rest)),
    case("itertools.chain, islice", lambda: itertools.chain([1], itertools.islice([2, 3], 1)),
         next, by(rest)),
    value("int, float, complex, str, bytes", lambda: (10**40, 1.5, 2j, "s", b"b", None, ...),
          lambda x: (*x, 1)),
    value("Decimal", lambda: decimal.Decimal("1.10"), lambda x: x + 1, same_repr),
    value("Fraction", lambda: fractions.Fraction(1, 3), lambda x: x * 2),
    value("date, time, datetime, timedelta", lambda: (
        datetime.date(2026, 1, 2), datetime.time(3), datetime.timedelta(4),
        datetime.datetime(2026, 1, 2, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"), fold=1)),
        lambda x: x[:3], same_repr),
    value("Path", lambda: pathlib.Path("a") / "b", lambda x: x / "c"),
    value("re.Pattern", lambda: re.compile(r"a(b)", re.I), lambda x: re.compile("c")),
    value("UUID", lambda: uuid.UUID(int=5), lambda x: uuid.UUID(int=6)),
    value("ipaddress", lambda: ipaddress.ip_network("10.0.0.0/8"),
          lambda x: ipaddress.ip_network("10.0.0.0/9"), look=lambda x: (x.netmask, x.num_addresses),
          shared=True),
    value("frozenset, range, slice", lambda: (frozenset({1, (2, 3)}), range(3), slice(1, 2)),
          lambda x: x[1:]),
    value("MappingProxyType", lambda: types.MappingProxyType({"a": [1]}),
          lambda x: types.MappingProxyType({"a": [2]}), shared=True),
    value("NormalDist", lambda: statistics.NormalDist(1, 2), lambda x: x + 1, shared=True),
    value("operator.itemgetter", lambda: operator.itemgetter(1, 2),
          lambda x: operator.itemgetter(3), same_repr, shared=True),
    value("struct.Struct", lambda: struct.Struct("<I"), lambda x: struct.Struct("<Q"),
          by(lambda x: x.format), shared=True, opaque="cannot pickle '_struct.Struct'"),
    value("Logger", logger, lambda x: logging.getLogger("libraries.other"), by(lambda x: x.name)),
    value("types of annotations", lambda: (list[int], dict[str, int] | None, typing.Any),
          lambda x: x[:2], shared=True),
    value("json encoder", lambda: json.JSONEncoder(indent=2), lambda x: json.JSONEncoder(indent=1),
          by(lambda x: x.encode([1])), shared=True),
    opaque("generator", generator, "generator", next),
    opaque("csv.reader", reading, "_csv.reader", next),
    opaque("Lock", threading.Lock, "cannot pickle '_thread.lock'", lambda x: x.acquire()),
    opaque("Thread", lambda: threading.Thread(target=print), "handle"),
    opaque("Event", threading.Event, "handle", lambda x: x.set()),
    opaque("Queue", queue.Queue, "handle", lambda x: x.put(1)),
    opaque("Future", finished, "handle"),
    opaque("open file", tempfile.TemporaryFile, "handle"),
    opaque("socket", socket.socket, "handle"),
    opaque("finished subprocess", process, "handle"),
    opaque("sqlite3.Connection", database, "sqlite3.Connection"),
    opaque("sqlite3.Cursor", lambda: database().cursor(), "sqlite3.Cursor"),
]  # fmt: skip
