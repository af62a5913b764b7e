"""A pickler that does not recurse, for what is nested deeper than the C pickler can go.

It writes what the C pickler would, far slower, and takes no more of the stack for a list in a
million lists than for one: each object is a generator of those inside it, and they wait in a list.
Reading needs nothing like it, since no unpickler recurses.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

DEEPEST = 1_000_000
"""Levels. Something that has no end, as reductions that make ever new objects, must be given up."""

_BATCH = 1000
_ATOMS = frozenset({type(None), bool, int, float, str, bytes, bytearray})

Steps = Iterator[Any]

if TYPE_CHECKING:
    Base: Any = object
else:
    Base = pickle._Pickler  # the one in Python: it knows how to write each kind of atom


class DeepPickler(Base):  # type: ignore[misc]
    """`pickle.Pickler` without recursion. `persistent_id` and `reducer_override` are called for
    the same objects, in the same order."""

    def dump(self, obj: Any) -> None:
        self.write(pickle.PROTO + bytes((self.proto,)))
        self.framer.start_framing()
        todo = [self._steps(obj)]
        while todo:
            for inner in todo[-1]:
                todo.append(self._steps(inner))
                if len(todo) > DEEPEST:
                    raise RecursionError(f"it is nested more than {DEEPEST:,} levels deep")
                break
            else:
                todo.pop()
        self.write(pickle.STOP)
        self.framer.end_framing()

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        """What the inherited methods call for the numbers and names that are parts of others."""
        known = self.memo.get(id(obj))
        if known is not None:
            self.write(self.get(known[0]))
        else:
            self.dispatch[type(obj)](self, obj)

    def _steps(self, obj: Any) -> Steps:
        """Writes an object; yields each object inside it when that is to be written."""
        self.framer.commit_frame()
        number = self.persistent_id(obj)
        if number is not None:
            self.save_pers(number)
            return
        kind = type(obj)
        if id(obj) in self.memo or kind in _ATOMS:
            self.save(obj)
        elif kind in _WAYS:
            yield from _WAYS[kind](self, obj)
        else:
            reduced = self.reducer_override(obj)
            if reduced is NotImplemented:
                reduced = None
            if reduced is None or isinstance(reduced, str):
                self.save_global(obj, reduced)
            else:
                yield from self._reduced(obj, *reduced)

    def _buffer(self, obj: pickle.PickleBuffer) -> Steps:
        """The inherited method memoises a copy that it does not keep."""
        data = obj.raw()
        if not self._buffer_callback(obj):
            self.write(pickle.NEXT_BUFFER + (pickle.READONLY_BUFFER if data.readonly else b""))
            return
        if not data.readonly:
            self.write(pickle.BYTEARRAY8 + struct.pack("<Q", data.nbytes))
        elif data.nbytes < 256:
            self.write(pickle.SHORT_BINBYTES + bytes((data.nbytes,)))
        else:
            self.write(pickle.BINBYTES + struct.pack("<I", data.nbytes))
        self.write(data.tobytes())
        self.memoize(obj)
        yield from ()

    def _list(self, obj: list[Any]) -> Steps:
        self.write(pickle.EMPTY_LIST)
        self.memoize(obj)
        yield from self._items(obj, pickle.APPEND, pickle.APPENDS)

    def _dict(self, obj: dict[Any, Any]) -> Steps:
        self.write(pickle.EMPTY_DICT)
        self.memoize(obj)
        yield from self._pairs(obj.items())

    def _tuple(self, obj: tuple[Any, ...]) -> Steps:
        size = len(obj)
        if size > 3:
            self.write(pickle.MARK)
        yield from obj
        if size and id(obj) in self.memo:  # it is inside itself, by way of something mutable
            drop = pickle.POP * size if size <= 3 else pickle.POP_MARK
            self.write(drop + self.get(self.memo[id(obj)][0]))
            return
        codes = (pickle.EMPTY_TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3)
        self.write(codes[size] if size <= 3 else pickle.TUPLE)
        if size:
            self.memoize(obj)

    def _set(self, obj: set[Any]) -> Steps:
        self.write(pickle.EMPTY_SET)
        self.memoize(obj)
        for batch in _batches(obj):
            self.write(pickle.MARK)
            yield from batch
            self.write(pickle.ADDITEMS)

    def _frozenset(self, obj: frozenset[Any]) -> Steps:
        self.write(pickle.MARK)
        yield from obj
        if id(obj) in self.memo:
            self.write(pickle.POP_MARK + self.get(self.memo[id(obj)][0]))
        else:
            self.write(pickle.FROZENSET)
            self.memoize(obj)

    def _items(self, items: Iterable[Any], one: bytes, many: bytes) -> Steps:
        for batch in _batches(items):
            if len(batch) > 1:
                self.write(pickle.MARK)
            yield from batch
            self.write(many if len(batch) > 1 else one)

    def _pairs(self, pairs: Iterable[tuple[Any, Any]]) -> Steps:
        for batch in _batches(pairs):
            if len(batch) > 1:
                self.write(pickle.MARK)
            for key, value in batch:
                yield key
                yield value
            self.write(pickle.SETITEMS if len(batch) > 1 else pickle.SETITEM)

    def _reduced(
        self,
        obj: Any,
        function: Any,
        arguments: tuple[Any, ...],
        state: Any = None,
        items: Iterable[Any] | None = None,
        pairs: Iterable[tuple[Any, Any]] | None = None,
        setter: Any = None,
    ) -> Steps:
        match getattr(function, "__name__", ""):
            case "__newobj_ex__":
                yield from arguments
                self.write(pickle.NEWOBJ_EX)
            case "__newobj__":
                yield arguments[0]
                yield arguments[1:]
                self.write(pickle.NEWOBJ)
            case _:
                yield function
                yield arguments
                self.write(pickle.REDUCE)
        if id(obj) in self.memo:
            self.write(pickle.POP + self.get(self.memo[id(obj)][0]))
        else:
            self.memoize(obj)
        if items is not None:
            yield from self._items(items, pickle.APPEND, pickle.APPENDS)
        if pairs is not None:
            yield from self._pairs(pairs)
        if state is None:
            return
        if setter is None:
            yield state
            self.write(pickle.BUILD)
        else:
            yield setter
            yield obj
            yield state
            self.write(pickle.TUPLE2 + pickle.REDUCE + pickle.POP)


_WAYS: dict[type, Callable[[DeepPickler, Any], Steps]] = {
    pickle.PickleBuffer: DeepPickler._buffer,
    list: DeepPickler._list,
    dict: DeepPickler._dict,
    tuple: DeepPickler._tuple,
    set: DeepPickler._set,
    frozenset: DeepPickler._frozenset,
}


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
