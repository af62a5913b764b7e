"""Objects that cannot be saved: a placeholder at the very spot, and everything around it kept."""

# ruff: noqa: SIM115, PTH123 (the point is objects that stay open)

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import csv
import functools
import http.client
import io
import logging
import mmap
import multiprocessing
import multiprocessing.shared_memory
import os
import queue
import select
import selectors
import socket
import sqlite3
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import types
import weakref
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pod
import pytest
from pod import PodStore
from pod.errors import OpaqueObjectError
from pod.podding.opaque import Opaque
from pod.session import Cell


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PodStore]:
    with PodStore(tmp_path / "pods") as opened:
        yield opened


class Target:
    """Something that a weak reference can be to."""


TARGET = Target()


def generate() -> Iterator[int]:
    yield 1


async def wait() -> None:
    await asyncio.sleep(0)


async def generate_later() -> Any:
    yield 1


def frame_of_generator() -> types.FrameType:
    made = generate()
    return made.gi_frame  # type: ignore[attr-defined,no-any-return]


def traceback() -> types.TracebackType:
    try:
        raise ValueError
    except ValueError as error:
        assert error.__traceback__ is not None
        return error.__traceback__


def zip_file() -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(), "w")


def zip_member() -> Any:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        made.writestr("a", "text")
    return zipfile.ZipFile(data).open("a")


def logging_handler() -> logging.Handler:
    return logging.StreamHandler(tempfile.TemporaryFile("w"))


def task() -> Any:
    loop = asyncio.new_event_loop()
    made = loop.create_task(wait())
    loop.run_until_complete(made)
    loop.close()
    return made


def event_loop() -> Any:
    loop = asyncio.new_event_loop()
    loop.close()
    return loop


def closed_coroutine() -> Any:
    made = wait()
    made.close()
    return made


def process() -> Any:
    made = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    made.communicate()
    return made


def http_connection() -> Any:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket()
    return connection


def mapped() -> mmap.mmap:
    return mmap.mmap(-1, 10)


def shared_memory() -> Any:
    made = multiprocessing.shared_memory.SharedMemory(create=True, size=8)
    made.unlink()
    return made


def file_iterator() -> Any:
    return iter(open(__file__))


KINDS: dict[str, Callable[[], Any]] = {
    "generator": generate,
    "generator_expression": lambda: (n for n in [1]),
    "async_generator": generate_later,
    "coroutine": closed_coroutine,
    "lock": threading.Lock,
    "rlock": threading.RLock,
    "condition": threading.Condition,
    "semaphore": threading.Semaphore,
    "event": threading.Event,
    "barrier": lambda: threading.Barrier(2),
    "thread": lambda: threading.Thread(target=print),
    "timer": lambda: threading.Timer(9, print),
    "thread_local": threading.local,
    "queue": queue.Queue,
    "simple_queue": queue.SimpleQueue,
    "priority_queue": queue.PriorityQueue,
    "open_file": lambda: open(__file__),
    "binary_file": lambda: open(__file__, "rb"),
    "raw_file": lambda: open(__file__, "rb", buffering=0),
    "lines_of_a_file": file_iterator,
    "temporary_file": tempfile.TemporaryFile,
    "named_temporary_file": tempfile.NamedTemporaryFile,
    "spooled_file": tempfile.SpooledTemporaryFile,
    "temporary_directory": tempfile.TemporaryDirectory,
    "zip_file": zip_file,
    "zip_member": zip_member,
    "csv_reader": lambda: csv.reader(open(__file__)),
    "csv_writer": lambda: csv.writer(tempfile.TemporaryFile("w")),
    "socket": socket.socket,
    "ssl_context": ssl.create_default_context,
    "selector": selectors.DefaultSelector,
    "poll": select.poll,
    "sqlite_connection": lambda: sqlite3.connect(":memory:"),
    "sqlite_cursor": lambda: sqlite3.connect(":memory:").cursor(),
    "subprocess": process,
    "directory_entries": lambda: os.scandir("."),
    "executor": lambda: concurrent.futures.ThreadPoolExecutor(1),
    "process_executor": lambda: concurrent.futures.ProcessPoolExecutor(1),
    "future": concurrent.futures.Future,
    "asyncio_future": lambda: asyncio.Future(loop=asyncio.new_event_loop()),
    "asyncio_task": task,
    "asyncio_lock": asyncio.Lock,
    "asyncio_queue": asyncio.Queue,
    "asyncio_event": asyncio.Event,
    "event_loop": event_loop,
    "process": lambda: multiprocessing.get_context("spawn").Process(target=print),
    "process_lock": lambda: multiprocessing.get_context("spawn").Lock(),
    "process_queue": lambda: multiprocessing.get_context("spawn").Queue(),
    "process_pipe": lambda: multiprocessing.get_context("spawn").Pipe()[0],
    "shared_value": lambda: multiprocessing.get_context("spawn").Value("i", 1),
    "context_variable": lambda: contextvars.ContextVar("v"),
    "context": contextvars.copy_context,
    "weak_reference_with_callback": lambda: weakref.ref(TARGET, print),
    "finalizer": lambda: weakref.finalize(TARGET, print),
    "frame": frame_of_generator,
    "traceback": traceback,
    "mmap": mapped,
    "tar_file": lambda: tarfile.open(fileobj=io.BytesIO(), mode="w"),
    "shared_memory": shared_memory,
}  # fmt: skip


class Holder:
    def __init__(self, held: Any) -> None:
        self.held = held
        self.rest = [1]


def nest(make: Callable[[], Any]) -> dict[str, Any]:
    """The same kind of object at every spot it can be at; each holds something to be kept, too."""
    source = """
import dataclasses
class Holder:
    def __init__(self, held): self.held = held; self.rest = [1]
class Slotted:
    __slots__ = ("held", "rest")
    def __init__(self, held): self.held = held; self.rest = [1]
@dataclasses.dataclass
class Data:
    held: object
    rest: list
class Kind:
    rest = [1]
def closure(held):
    rest = [1]
    def function(): return held, rest
    return function
def default(held=None, rest=[1]): return held, rest
"""
    ns = pod.new_managed_namespace(__name__="__main__")
    exec(source, ns)
    plain = dict.__getitem__
    plain(ns, "Kind").held = make()
    plain(ns, "default").__defaults__ = (make(), [1])
    ns |= {
        "alone": make(),
        "in_dict": {"held": make(), "rest": [1]},
        "in_list": [make(), [1]],
        "in_tuple": (make(), [1]),
        "deep": {"a": [{"b": (make(), [1])}]},
        "instance": plain(ns, "Holder")(make()),
        "slotted": plain(ns, "Slotted")(make()),
        "data": plain(ns, "Data")(make(), [1]),
        "of_class": plain(ns, "Kind")(),
        "function": plain(ns, "closure")(make()),
        "large": {"held": make(), "rest": [1], "filling": ["f" * 3000, ["g" * 3000] * 3]},
    }
    return ns


SPOTS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "alone": lambda v: (v, [1]),
    "in_dict": lambda v: (v["held"], v["rest"]),
    "in_list": lambda v: (v[0], v[1]),
    "in_tuple": lambda v: (v[0], v[1]),
    "deep": lambda v: v["a"][0]["b"],
    "instance": lambda v: (v.held, v.rest),
    "slotted": lambda v: (v.held, v.rest),
    "data": lambda v: (v.held, v.rest),
    "of_class": lambda v: (type(v).held, v.rest),
    "function": lambda v: v(),
    "default": lambda v: v(),
    "large": lambda v: (v["held"], v["rest"]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_the_placeholder_is_at_the_very_spot(store: PodStore, kind: str) -> None:
    ns = nest(KINDS[kind])
    t = store.save(ns)
    loaded = store.load(t)
    for spot, look in SPOTS.items():
        held, rest = look(dict.__getitem__(loaded, spot))
        assert type(held) is Opaque, (spot, held)
        assert rest == [1], spot
        name, reason, since, _ = held.slot_args()
        live = look(dict.__getitem__(ns, spot))[0]
        assert name.rpartition(".")[2] == type(live).__qualname__.rpartition(".")[2], (spot, name)
        assert reason and "\n" not in reason and "0x" not in reason, reason
        assert since == t
        with pytest.raises(OpaqueObjectError, match=f"a {name} that .* seen since time {t}"):
            held.anything()
    # A placeholder that is saved again stays what it is.
    again = store.load(store.save(loaded))
    assert repr(again["deep"]) == repr(loaded["deep"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_a_live_one_that_nobody_touched_stays_over_checkouts(store: PodStore, kind: str) -> None:
    from pod.tracking.namespace import NamespaceTracker

    ns = pod.new_managed_namespace(alone=KINDS[kind](), other=[1])
    ns["box"] = {"held": KINDS[kind](), "rest": [1]}
    session = store.session(ns, NamespaceTracker(ns))
    first = session.save(Cell(code="first"))
    assert first is not None
    alone, box = dict.__getitem__(ns, "alone"), dict.__getitem__(ns, "box")
    held = box["held"]
    ns["other"].append(2)
    session.save(Cell(code="second"))
    session.checkout(first.t)
    assert ns["other"] == [1]
    assert ns["alone"] is alone
    assert ns["box"] is box
    assert box["held"] is held


@pytest.mark.parametrize(
    ("make", "attribute"),
    [
        (http_connection, "sock"),
        (logging_handler, "stream"),
        (lambda: cached_in_a_class(threading.Lock()), "lock"),
    ],
)
def test_an_instance_is_kept_around_the_handle_that_it_has(
    store: PodStore, make: Callable[[], Any], attribute: str
) -> None:
    ns = pod.new_managed_namespace(x=make())
    loaded = store.load(store.save(ns))["x"]
    assert type(loaded).__name__ == type(ns["x"]).__name__
    assert type(vars(loaded)[attribute]) is Opaque
    kept = {key for key, value in vars(loaded).items() if type(value) is not Opaque}
    assert kept


def cached_in_a_class(lock: Any) -> Any:
    made = Holder([1])
    made.lock = lock  # type: ignore[attr-defined]
    return made


def test_two_that_hold_the_same_one_hold_the_same_placeholder(store: PodStore) -> None:
    lock = threading.Lock()
    ns = pod.new_managed_namespace(a={"lock": lock}, b=[lock], c=lock)
    loaded = store.load(store.save(ns))
    assert loaded["a"]["lock"] is loaded["b"][0] is loaded["c"]


class Refuses:
    def __reduce__(self) -> Any:
        raise TypeError("it does not want to")

    def method(self) -> int:
        return 1


METHODS = {
    "event": lambda: threading.Event().set,
    "queue": lambda: queue.Queue[int]().put,
    "file": lambda: open(os.devnull, "w").write,
    "socket": lambda: socket.socket().send,
    "lock": lambda: threading.Lock().acquire,
    "one that refuses": lambda: Refuses().method,
}


@pytest.mark.parametrize("what", METHODS)
@pytest.mark.filterwarnings("ignore")
def test_a_method_of_one_is_a_placeholder_and_the_rest_is_kept(store: PodStore, what: str) -> None:
    method = METHODS[what]()
    held = [1, method, {"partial": functools.partial(method), "other": [2]}]
    loaded = store.load(store.save({"held": held}))["held"]
    assert loaded[0] == 1 and loaded[2]["other"] == [2]
    assert type(loaded[1]) is Opaque and loaded[2]["partial"].func is loaded[1]
    again = store.load(store.save({"held": loaded}))["held"]
    assert repr(again[1]) == repr(loaded[1]) and again[2]["other"] == [2]


def test_since_is_when_it_was_first_seen(store: PodStore) -> None:
    ns = pod.new_managed_namespace(g=generate(), box=[threading.Lock()])
    first = store.save(ns)
    ns["g"], ns["box"].append(1)
    second = store.save(ns)
    loaded = store.load(second)
    assert loaded["g"].slot_args()[2] == loaded["box"][0].slot_args()[2] == first
