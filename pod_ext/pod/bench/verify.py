"""Whether what came back is what was there: a hash of each variable's structure.

It knows nothing of any system, Pod included, and walks objects in a way of its own. Equal are two
variables of the same types, values and order, whose mutable objects are shared alike inside; which
variables share an object between them is noted apart. What an instance is, is its `__dict__` and
slots, or its reduction where its class has one of its own; a frame is its axes and columns, a
figure is what it shows.
"""

from __future__ import annotations

import copyreg
import hashlib
import sys
import threading
import types
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

STACK = 512 << 20
"""Bytes of stack to walk deep structures with."""


@dataclass(frozen=True, slots=True)
class State:
    """Variables at one moment."""

    digests: Mapping[str, str]
    """Variable -> hash; '' where it holds what cannot be looked into."""
    shared: frozenset[tuple[str, str]]
    """Pairs of variables, in order, that hold one mutable object in common."""


@dataclass(frozen=True, slots=True)
class Differences:
    """What came back otherwise than it was."""

    compared: int
    wrong: tuple[str, ...]
    missing: tuple[str, ...]
    unshared: tuple[str, ...]


def state_of(variables: Mapping[str, Any]) -> State:
    """The state that these variables are in. Alters nothing."""
    holders: dict[int, list[str]] = {}
    digests = {}
    walks = []  # kept, so that no identity is given to two objects
    for name in sorted(variables):
        walk = _deeply(_Walk, variables[name])
        walks.append(walk)
        digests[name] = walk.digest
        for identity in walk.mutable:
            holders.setdefault(identity, []).append(name)
    pairs = {(a, b) for them in holders.values() for a in them for b in them if a < b}
    return State(digests, frozenset(pairs))


def compare(then: State, now: State, names: Iterable[str]) -> Differences:
    """How these variables differ. One that nobody can look into has only to be there."""
    names = sorted(set(names) & set(then.digests))
    missing = {name for name in names if name not in now.digests}
    wrong = {n for n in names if n not in missing and then.digests[n] not in ("", now.digests[n])}
    here = set(names) - missing
    apart = [pair for pair in then.shared - now.shared if here.issuperset(pair)]
    unshared = {name for pair in apart for name in pair} - wrong
    return Differences(
        len(names), tuple(sorted(wrong)), tuple(sorted(missing)), tuple(sorted(unshared))
    )


def _deeply(act: Callable[[Any], Any], value: Any) -> Any:
    """`act(value)` with a stack that is deep enough."""
    found: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, 200_000))
        try:
            found.append(act(value))
        except BaseException as error:
            failed.append(error)
        finally:
            sys.setrecursionlimit(limit)

    earlier = threading.stack_size(STACK)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(earlier)
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


class _Walk:
    """One walk over what one variable holds."""

    def __init__(self, value: Any) -> None:
        self.mutable: set[int] = set()
        """Identities of mutable objects met."""
        self._opaque = False
        self._numbers: dict[int, int] = {}
        self._kept: list[Any] = []
        self._hash = hashlib.blake2b(digest_size=16)
        self._feed(value)
        self.digest = "" if self._opaque else self._hash.hexdigest()

    def _text(self, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self._hash.update(b"%d:" % len(data))
        self._hash.update(data)

    def _bytes(self, data: Any) -> None:
        view = memoryview(data).cast("B")
        self._hash.update(b"%d:" % len(view))
        self._hash.update(view)

    def _is_known(self, value: Any, *, mutable: bool = True) -> bool:
        """Whether this very object was met before; then its number stands for it."""
        number = self._numbers.get(id(value))
        if number is not None:
            self._text(f"again {number}")
            return True
        self._numbers[id(value)] = len(self._numbers)
        self._kept.append(value)
        if mutable:
            self.mutable.add(id(value))
        return False

    def _feed(self, value: Any) -> None:
        feed = _EXACT.get(type(value))
        if feed is None:
            feed = _EXACT[type(value)] = _way_of(type(value))
        feed(self, value)

    # --- what has no parts

    def _feed_atom(self, value: Any) -> None:
        self._text(f"{type(value).__name__} {value!r}")

    def _feed_float(self, value: float) -> None:
        self._text(f"float {value.hex()}")

    def _feed_str(self, value: str) -> None:
        self._hash.update(b"s")
        self._text(value)

    def _feed_bytes(self, value: bytes | bytearray) -> None:
        if isinstance(value, bytearray) and self._is_known(value):
            return
        self._text(type(value).__name__)
        self._bytes(value)

    def _feed_module(self, value: types.ModuleType) -> None:
        self._text(f"module {value.__name__}")

    # --- containers

    def _feed_list(self, value: list[Any]) -> None:
        if not self._is_known(value):
            self._text("list")
            self._items(value)

    def _feed_tuple(self, value: tuple[Any, ...]) -> None:
        self._text("tuple")
        self._items(value)

    def _items(self, values: list[Any] | tuple[Any, ...]) -> None:
        """Many of one simple type at once, which is most of them."""
        kinds = set(map(type, values))
        kind = kinds.pop() if len(kinds) == 1 else None
        if kind is bytes:
            self._text(f"{len(values)} bytes")
            self._bytes(array("q", map(len, values)))
            self._bytes(b"".join(values))
        elif kind is str:
            self._text(f"{len(values)} str")
            self._bytes(array("q", map(len, values)))
            self._bytes("".join(values).encode("utf-8", "surrogatepass"))
        elif kind is float:
            self._text(f"{len(values)} float")
            self._bytes(array("d", values))
        elif kind is int or kind is bool:
            self._text(f"{len(values)} {kind.__name__} {values!r}")
        else:
            self._text(f"{len(values)} of any kind")
            for each in values:
                self._feed(each)

    def _feed_dict(self, value: dict[Any, Any]) -> None:
        if not self._is_known(value):
            self._text("dict")
            self._items(list(dict.keys(value)))
            self._items(list(dict.values(value)))

    def _feed_set(self, value: set[Any] | frozenset[Any]) -> None:
        if self._is_known(value, mutable=isinstance(value, set)):
            return
        if set(map(type, value)) in ({int}, {str}, {bytes}):
            self._text(type(value).__name__)
            self._items(sorted(value))
            return
        walks = [_Walk(each) for each in value]
        self._kept += walks
        for walk in walks:
            self.mutable |= walk.mutable
            self._opaque = self._opaque or not walk.digest
        self._text(f"{type(value).__name__} {sorted(walk.digest for walk in walks)}")

    # --- code

    def _feed_function(self, value: types.FunctionType) -> None:
        if self._is_known(value, mutable=False):
            return
        if _is_importable(value):
            self._text(f"function {value.__module__}.{value.__qualname__}")
            return
        self._text(f"function {value.__qualname__}")
        self._feed_code(value.__code__)
        self._feed([value.__defaults__, value.__kwdefaults__])
        for cell in value.__closure__ or ():
            try:
                self._feed(cell.cell_contents)
            except ValueError:
                self._text("empty")

    def _feed_code(self, code: types.CodeType) -> None:
        self._bytes(code.co_code)
        self._text(repr((code.co_names, code.co_varnames, code.co_freevars, code.co_flags)))
        self._items(code.co_consts)

    def _feed_method(self, value: types.MethodType) -> None:
        self._text("method")
        self._feed(value.__func__)
        self._feed(value.__self__)

    def _feed_builtin(self, value: Any) -> None:
        self._text(f"builtin {getattr(value, '__module__', '')} {value.__qualname__}")

    def _feed_type(self, value: type) -> None:
        if self._is_known(value, mutable=False):
            return
        self._text(f"type {value.__module__}.{value.__qualname__}")
        if _is_importable(value):
            return
        self._items(value.__bases__)
        for name, part in sorted(vars(value).items()):
            if isinstance(part, (types.FunctionType, staticmethod, classmethod, property)):
                self._text(name)
                self._feed(_plain(part))
            elif not name.startswith("__"):
                self._text(name)
                self._feed(part)

    # --- instances

    def _feed_instance(self, value: Any) -> None:
        kind = type(value)
        parameters = getattr(kind, "__dataclass_params__", None)
        if self._is_known(value, mutable=not getattr(parameters, "frozen", False)):
            return
        self._text(f"instance {kind.__module__}.{kind.__qualname__}")
        for base, content in _CONTENT.items():
            if isinstance(value, base):
                self._feed_part(content(value))
                if hasattr(kind, "__setstate__"):
                    return  # which attributes come back beside the content is for it to say
        attributes = getattr(value, "__dict__", {})
        self._text("\0".join(attributes))
        self._items(list(attributes.values()))
        for name in copyreg._slotnames(kind):  # type: ignore[attr-defined]
            if hasattr(value, name):
                self._text(name)
                self._feed(getattr(value, name))

    def _feed_reduction(self, value: Any) -> None:
        # An object without a __dict__ is mostly a value; it is not taken for shared.
        if self._is_known(value, mutable=hasattr(value, "__dict__")):
            return
        kind = type(value)
        self._text(f"reduced {kind.__module__}.{kind.__qualname__}")
        try:
            reduced = value.__reduce_ex__(4)
        except Exception:
            self._opaque = True
            return
        if isinstance(reduced, str):
            self._text(reduced)
            return
        self._kept.append(reduced)
        for part in reduced:
            self._feed_part(list(part) if hasattr(part, "__next__") else part)

    def _feed_part(self, part: Any) -> None:
        """Of a reduction, which is made anew each time."""
        before = self.mutable
        self.mutable = set()
        self._feed(part)
        self.mutable.discard(id(part))
        self.mutable |= before

    # --- arrays and frames

    def _feed_array(self, value: Any) -> None:
        import numpy as np

        if self._is_known(value, mutable=bool(value.flags.writeable)):
            return
        base = value
        while isinstance(base.base, np.ndarray):
            base = base.base
        if base is not value and value.flags.writeable:
            self.mutable.add(id(base))
        self._text(f"{type(value).__qualname__} {value.dtype.str} {value.shape}")
        if isinstance(value, np.ma.MaskedArray):
            self._feed(np.asarray(np.ma.getmaskarray(value)).copy())
        self._elements(np.asarray(value))

    def _elements(self, value: Any) -> None:
        import numpy as np

        if value.dtype.names is not None:  # what lies between two fields means nothing
            for name in value.dtype.names:
                self._text(name)
                self._elements(value[name])
        elif value.dtype.hasobject:
            self._items(value.ravel().tolist())
        else:
            plain = np.ascontiguousarray(value)
            self._bytes(plain.reshape(-1).view(np.uint8))

    def _feed_scalar(self, value: Any) -> None:
        self._text(f"scalar {value.dtype.str}")
        self._bytes(value.tobytes()) if not value.dtype.hasobject else self._feed(value.item())

    def _feed_frame(self, value: Any) -> None:
        if self._is_known(value):
            return
        self._text(f"{type(value).__qualname__} {value.shape}")
        self._feed_index(value.index)
        if value.ndim == 1:
            self._text(repr(value.name))
            self._column(value)
        else:
            self._feed_index(value.columns)
            for place in range(value.shape[1]):
                self._column(value.iloc[:, place])
        self._feed(dict(value.attrs))

    def _feed_index(self, value: Any) -> None:
        self._text(f"{type(value).__qualname__} {value.names!r}")
        if value.nlevels > 1:
            for level in range(value.nlevels):
                self._column(value.get_level_values(level))
        else:
            self._column(value)

    def _column(self, value: Any) -> None:
        self._text(f"{value.dtype!r}")
        if hasattr(value, "cat"):
            self._feed_index(value.cat.categories)
            self._elements(value.cat.codes.to_numpy())
            return
        array = value.array
        if hasattr(value.dtype, "numpy_dtype") or isinstance(getattr(array, "_ndarray", 0), int):
            array = value.astype(object)
        self._elements(array.to_numpy())

    def _feed_extension_array(self, value: Any) -> None:
        if not self._is_known(value):
            self._text(f"{value.dtype!r}")
            self._elements(value.to_numpy(dtype=object))

    def _feed_arrow(self, value: Any) -> None:
        self._text(f"{type(value).__qualname__} {value.type}")
        self._items(value.to_pylist())

    # --- figures

    def _feed_figure(self, value: Any) -> None:
        if self._is_known(value):
            return
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        earlier = value.canvas
        try:
            canvas = FigureCanvasAgg(value)
            canvas.draw()
            self._text(f"{type(value).__qualname__} {canvas.get_width_height()}")
            self._bytes(bytes(canvas.buffer_rgba()))
        finally:
            value.set_canvas(earlier)

    def _feed_artist(self, value: Any) -> None:
        if self._is_known(value):
            return
        self._text(f"artist {type(value).__qualname__}")
        figure = value.get_figure()
        if figure is not None:
            self._feed(figure)


def _plain(part: Any) -> Any:
    if isinstance(part, (staticmethod, classmethod)):
        return part.__func__
    if isinstance(part, property):
        return [part.fget, part.fset, part.fdel]
    return part


def _is_importable(value: Any) -> bool:
    """Whether a function or class is part of a module that is not the notebook."""
    return getattr(value, "__module__", None) not in (None, "__main__") and (
        "<locals>" not in value.__qualname__ and "<lambda>" not in value.__qualname__
    )


def _has_own_reduction(kind: type) -> bool:
    for name in ("__reduce_ex__", "__reduce__", "__getstate__"):
        if getattr(kind, name, None) is not getattr(object, name, None):
            return True
    if kind in copyreg.dispatch_table:
        return True
    # What has neither a __dict__ nor slots keeps its state where only its reduction tells of it.
    return not kind.__dictoffset__ and not copyreg._slotnames(kind)  # type: ignore[attr-defined]


_Feed = Callable[[_Walk, Any], None]
_EXACT: dict[type, _Feed] = {
    type(None): _Walk._feed_atom,
    bool: _Walk._feed_atom,
    int: _Walk._feed_atom,
    complex: _Walk._feed_atom,
    range: _Walk._feed_atom,
    slice: _Walk._feed_atom,
    type(...): _Walk._feed_atom,
    float: _Walk._feed_float,
    str: _Walk._feed_str,
    bytes: _Walk._feed_bytes,
    bytearray: _Walk._feed_bytes,
    list: _Walk._feed_list,
    tuple: _Walk._feed_tuple,
    dict: _Walk._feed_dict,
    set: _Walk._feed_set,
    frozenset: _Walk._feed_set,
    types.CodeType: _Walk._feed_code,
    types.FunctionType: _Walk._feed_function,
    types.MethodType: _Walk._feed_method,
    types.BuiltinFunctionType: _Walk._feed_builtin,
    types.ModuleType: _Walk._feed_module,
}
_CONTENT: dict[type, Callable[[Any], Any]] = {
    list: list, tuple: tuple, set: set, frozenset: frozenset, str: str.__str__,
    bytes: bytes, bytearray: bytes, int: int.__int__, float: float.__float__,
    dict: lambda value: list(dict.items(value)),
}  # fmt: skip
"""What an instance of a subclass is beside its attributes."""
_bases: list[tuple[type, _Feed]] = [(type, _Walk._feed_type)]
_known_modules: set[str] = set()


def _way_of(kind: type) -> _Feed:
    """How instances of a class are walked."""
    for base, feed in _by_base():
        if issubclass(kind, base):
            return feed
    return _Walk._feed_reduction if _has_own_reduction(kind) else _Walk._feed_instance


def _by_base() -> list[tuple[type, _Feed]]:
    """How instances of classes of libraries are walked, of those that are imported."""
    for module, names in _OF_LIBRARIES.items():
        if module in sys.modules and module not in _known_modules:
            _known_modules.add(module)
            for name, feed in names.items():
                base = getattr(sys.modules[module], name, None)
                if isinstance(base, type):
                    _bases.append((base, feed))
    return _bases


_OF_LIBRARIES: dict[str, dict[str, _Feed]] = {
    "numpy": {"ndarray": _Walk._feed_array, "generic": _Walk._feed_scalar},
    "pandas": {
        "DataFrame": _Walk._feed_frame,
        "Series": _Walk._feed_frame,
        "Index": _Walk._feed_index,
    },
    "pandas.api.extensions": {"ExtensionArray": _Walk._feed_extension_array},
    "pyarrow": {"Array": _Walk._feed_arrow, "ChunkedArray": _Walk._feed_arrow},
    "matplotlib.figure": {"Figure": _Walk._feed_figure},
    "matplotlib.artist": {"Artist": _Walk._feed_artist},
}
