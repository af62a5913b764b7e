"""The functions that payloads name: what saved objects are rebuilt by.

Their names are part of the on-disk format, so they stay here whatever is moved about elsewhere, and
so do their arguments. What calls them when saving is in `pod.podding.reducers`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import io
import itertools
import math
import operator
import pickle
import struct
import sys
import types
import typing
import weakref
import zipfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from pod.errors import RestoreError
from pod.podding.opaque import Opaque

if TYPE_CHECKING:
    import numpy as np

BYTECODE = importlib.util.MAGIC_NUMBER.hex()
PYTHON = ".".join(map(str, sys.version_info[:2]))
MISSING_LENGTH = 0xFFFF_FFFF

Order: TypeAlias = 'Literal["C", "F"] | tuple[int, ...]'
"""How an array's elements lie in memory; a tuple has the axes from the slowest to the fastest."""


# --- the language ---------------------------------------------------------------------------------


def unwrap(placeholder: object) -> object:
    """An opaque object: the slot's placeholder is the object."""
    return placeholder


def make_code(python: str, bytecode: str, *arguments: Any) -> types.CodeType:
    """Code runs only on the interpreter it was compiled by; another one would crash on it."""
    if bytecode != BYTECODE:
        raise RestoreError(
            f"it holds code compiled by Python {python}, which Python {PYTHON} cannot run; "
            "load it with that Python, or run the cell that defines it again"
        )
    return types.CodeType(*arguments)


def make_function(
    code: types.CodeType, namespace: dict[str, Any], name: str, cells: tuple[Any, ...] | None
) -> types.FunctionType:
    return types.FunctionType(code, namespace, name, None, cells)


def set_function_state(function: types.FunctionType, state: dict[str, Any]) -> None:
    state = dict(state)
    for cell, *contents in state.pop("cells", ()):
        if contents:
            cell.cell_contents = contents[0]
    function.__dict__.update(state.pop("__dict__", {}))
    # A missing docstring means it was deleted: code made from constants alone would bring it back.
    function.__doc__ = state.pop("__doc__", None)
    for name, value in state.items():
        setattr(function, name, value)


def set_cell(cell: types.CellType, contents: tuple[Any, ...]) -> None:
    cell.cell_contents = contents[0]


def method_of(owner: Any, name: str) -> Any:
    """A bound method. Of an object that could not be saved, it is the same placeholder."""
    return owner if isinstance(owner, Opaque) else getattr(owner, name)


def make_property(fget: Any, fset: Any, fdel: Any, doc: str | None) -> property:
    return property(fget, fset, fdel, doc)


def make_cached_property(function: Any, name: str | None, doc: str | None) -> Any:
    made: functools.cached_property[Any] = functools.cached_property(function)
    made.attrname = name
    made.__doc__ = doc
    return made


def make_cache(function: Any, maxsize: int | None, typed: bool, attributes: dict[str, Any]) -> Any:
    wrapper = functools.lru_cache(maxsize=maxsize, typed=typed)(function)
    vars(wrapper).update(attributes)
    return wrapper


def make_type_var(
    name: str, bound: Any, constraints: tuple[Any, ...], flags: dict[str, bool], module: str
) -> typing.TypeVar:
    variable = typing.TypeVar(name, *constraints, bound=bound, **flags)  # type: ignore[misc]
    variable.__module__ = module
    return variable


def make_typing(kind: str, module: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What `typing.<kind>` makes when it is called in this module."""
    # Some of these take the name of their module from their caller, and keep it for good.
    caller = {"__name__": module, "make": getattr(typing, kind)}
    made = eval("lambda arguments, options: make(*arguments, **options)", caller)
    return made(arguments, options)


def make_module(name: str) -> types.ModuleType:
    return types.ModuleType(name)


def set_module_state(module: types.ModuleType, state: dict[str, Any]) -> None:
    vars(module).clear()
    vars(module).update(state)


# --- instances ------------------------------------------------------------------------------------


def solid_base(cls: type) -> type:
    """The class of the interpreter, or of an extension, whose memory layout `cls` has."""
    while cls.__flags__ & _HEAP_TYPE and cls.__base__ is not None:
        cls = cls.__base__
    return cls


_HEAP_TYPE = 1 << 9


def new_instance(cls: type, *arguments: Any) -> Any:
    """`cls.__new__(cls, *arguments)`; where that fails, or makes something else, the object that
    the class of the interpreter below makes of them."""
    base = solid_base(cls)
    own = getattr(base, "__getnewargs__", None)
    if arguments and getattr(cls, "__getnewargs__", None) is not own:
        return cls.__new__(cls, *arguments)  # the class itself chose these arguments
    try:
        made = cls.__new__(cls, *arguments)
    except NameError:
        raise  # a variable is missing that can be lent
    except Exception:
        made = None
    if type(made) is cls and _is_made_of(base, made, arguments):
        return made
    return base.__new__(cls, *arguments)


def _is_made_of(base: type, made: Any, arguments: tuple[Any, ...]) -> bool:
    if not arguments:
        return True
    found: tuple[Any, ...] = base.__getnewargs__(made)  # type: ignore[attr-defined]
    if base is tuple:
        found, arguments = found[0], arguments[0]
        return len(found) == len(arguments) and all(map(operator.is_, found, arguments))
    return repr(found) == repr(arguments)


def set_instance_state(obj: Any, state: Any) -> None:
    """What unpickling does with a state, without asking the object for anything."""
    if state is None:
        return
    attributes, slots = state if type(state) is tuple and len(state) == 2 else (state, None)
    if attributes:
        object.__getattribute__(obj, "__dict__").update(_interned(attributes))
    for name, value in (slots or {}).items():
        object.__setattr__(obj, name, value)


def _interned(attributes: dict[str, Any]) -> dict[str, Any]:
    return {sys.intern(name): value for name, value in attributes.items()}


def make_exception(cls: Any, *arguments: Any) -> Any:
    return solid_base(cls).__new__(cls, *arguments)


def set_exception_state(error: BaseException, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
    attributes, fields = state
    vars(error).update(_interned(attributes))
    _set_fields(error, fields)


def set_exception_links(error: Any, state: tuple[Any, Any, dict[str, Any]]) -> None:
    """The state of an exception that has a reduction of its own, and what it was raised from."""
    own, setter, links = state
    if setter is not None:
        setter(error, own)
    elif own is not None:
        error.__setstate__(own)
    _set_fields(error, links)


def _set_fields(error: BaseException, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        object.__setattr__(error, name, value)


# --- weak references ------------------------------------------------------------------------------


def make_dead_reference(cls: Any) -> Any:
    if issubclass(cls, weakref.WeakMethod):
        return cls(_Gone().method)
    return cls(_Gone())


class _Gone:
    """What a dead reference was to."""

    def method(self) -> None: ...


def make_weak_proxy(target: Any) -> Any:
    return weakref.proxy(target)


def fill_weak_set(group: weakref.WeakSet[Any], members: list[Any]) -> None:
    group.update(members)


# --- views of memory ------------------------------------------------------------------------------


def make_memoryview(
    base: Any, start: int, shape: tuple[int, ...], step: int, format: str, writeable: bool
) -> memoryview:
    """A view of `base` from its byte `start` on; `step` is in bytes, and may go backwards."""
    size = struct.calcsize(format)
    whole: Any = memoryview(base).cast("B")
    if len(shape) != 1:
        made = whole[start : start + size * math.prod(shape)].cast(format, shape)
    else:
        first, last = sorted((start, start + step * (shape[0] - 1)))
        end = last + size if shape[0] else first
        made = whole[first:end].cast(format)[:: step // size]
    return cast(memoryview, made if writeable else made.toreadonly())


# --- NumPy and pandas -----------------------------------------------------------------------------


def make_array(
    buffer: Any,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    order: Order,
    writeable: bool,
    kind: type | None = None,
) -> np.ndarray[Any, Any]:
    import numpy as np

    array = _empty(shape, dtype, order, kind)
    plain = array.view(np.ndarray)
    in_order_of_memory(plain, order).view(np.uint8)[:] = np.frombuffer(buffer, np.uint8)
    if not writeable:
        array.flags.writeable = False
    return array


def make_view(
    holder: Any,
    dtype: np.dtype[Any],
    start: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    writeable: bool,
) -> np.ndarray[Any, Any]:
    """An array over the memory of `holder`, from its byte `start` on."""
    import numpy as np

    is_array = isinstance(holder, np.ndarray)
    was_writeable = is_array and holder.flags.writeable
    if is_array and writeable:
        holder.flags.writeable = True  # it was when the view was made; it has its memory itself
    if dtype.hasobject:
        view = _view_of_objects(holder, start // dtype.itemsize, shape, strides)
    else:
        whole = _whole(holder).view(np.uint8) if is_array else np.frombuffer(holder, np.uint8)
        view = np.ndarray(shape, dtype, cast(Any, whole), start, strides)
    if is_array and not was_writeable:
        holder.flags.writeable = False
    if not writeable:
        view.flags.writeable = False
    return view


def make_array_of_kind(array: np.ndarray[Any, Any], kind: type) -> np.ndarray[Any, Any]:
    return array.view(kind)


def set_attributes(obj: object, attributes: dict[str, Any]) -> None:
    vars(obj).update(attributes)


def _view_of_objects(
    holder: np.ndarray[Any, Any], first: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> np.ndarray[Any, Any]:
    """NumPy makes no array of objects from bytes, so this is made by looking at `holder` itself."""
    from numpy.lib.stride_tricks import as_strided

    whole = _whole(holder)
    together = whole[first : first + math.prod(shape)]
    for turned in (False, True) if together.size == math.prod(shape) else ():
        plain = together.reshape(shape[::-1] if turned else shape)
        plain = plain.T if turned else plain
        if plain.strides == strides:
            return plain
    return as_strided(whole[first:], shape, strides)


def _whole(holder: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """All elements of an array that has its memory, in the order of memory."""
    import numpy as np

    holder = holder.view(np.ndarray)
    axes = sorted(range(holder.ndim), key=lambda axis: -holder.strides[axis])
    return holder.transpose(axes).reshape(-1)


def make_text_array(
    data: Any,
    lengths: Any,
    codes: Any,
    missing: str,
    shape: tuple[int, ...],
    order: Order,
    writeable: bool,
) -> np.ndarray[Any, Any]:
    import numpy as np

    array = _empty(shape, np.dtype(object), order)
    in_order_of_memory(array, order)[:] = _strings(data, lengths, codes, missing)
    array.flags.writeable = writeable
    return array


def _empty(
    shape: tuple[int, ...], dtype: np.dtype[Any], order: Order, kind: Any = None
) -> np.ndarray[Any, Any]:
    import numpy as np

    kind = kind or np.ndarray
    if isinstance(order, str):
        return np.ndarray.__new__(kind, shape, dtype, order=order)
    # Only copying makes an array that has memory in another order of its axes.
    back = sorted(range(len(order)), key=order.__getitem__)
    pattern = np.empty([shape[axis] for axis in order], dtype).transpose(back)
    return np.empty_like(pattern.view(kind), order="K")


def in_order_of_memory(array: np.ndarray[Any, Any], order: Order) -> np.ndarray[Any, Any]:
    """The elements, as a view of one dimension, of an array that lies together in this order."""
    if isinstance(order, str):
        return (array if order == "C" else array.T).reshape(-1)
    return array.transpose(order).reshape(-1)


_BLOCK = 1 << 16
_SEPARATORS = b"\0\x01\x02\x1d\x1e\x1f"


def _strings(data: Any, lengths: Any, codes: Any, missing: str) -> Any:
    """All elements, as a list or an array of one dimension."""
    import numpy as np

    counts = np.frombuffer(lengths, np.uint32).astype(np.int64)
    absent = counts == MISSING_LENGTH
    counts[absent] = 0
    values = _cut(np.frombuffer(data, np.uint8), counts)
    if missing:
        stands_for = missing_value(missing)
        for position in np.flatnonzero(absent).tolist():
            values[position] = stands_for
    if codes is None:
        return values
    distinct = np.empty(len(values), object)
    distinct[:] = values
    return distinct[np.frombuffer(codes, np.uint32)]


def _cut(text: np.ndarray[Any, Any], counts: np.ndarray[Any, Any]) -> list[str]:
    """Text in UTF-8, cut into strings of so many code points each.

    `str.split` makes a million strings in half the time that slicing one by one takes; so a
    character that does not occur is put between them.
    """
    import numpy as np

    ends = np.cumsum(counts)
    if len(text) and text.max() >= 0x80:
        # Code points begin at bytes that do not continue one.
        begins = np.flatnonzero((text & 0xC0) != 0x80)
        is_whole = len(ends) and ends[-1] == len(begins)
        ends = np.append(begins, len(text))[ends] if is_whole else ends
    separator = next((each for each in _SEPARATORS if not (text == each).any()), None)
    if separator is None or not len(ends) or ends[-1] != len(text):
        return _sliced(bytes(text), counts.tolist())
    values: list[str] = []
    start = 0
    for first in range(0, len(ends), _BLOCK):  # blocks that stay in the processor's cache
        block = ends[first : first + _BLOCK]
        stop = int(block[-1])
        places = block[:-1] - start + np.arange(len(block) - 1)
        joined = np.empty(stop - start + len(places), np.uint8)
        is_text = np.ones(len(joined), np.bool_)
        is_text[places] = False
        joined[is_text] = text[start:stop]
        joined[places] = separator
        values += str(joined.data, "utf-8", "surrogatepass").split(chr(separator))
        start = stop
    return values


def _sliced(data: bytes, counts: list[int]) -> list[str]:
    text = data.decode("utf-8", "surrogatepass")
    ends = list(itertools.accumulate(counts))
    return [text[start:end] for start, end in zip((0, *ends), ends, strict=False)]


def missing_value(name: str) -> Any:
    """The object that stands for a missing string; libraries compare it by identity."""
    if name == "NA":
        return importlib.import_module("pandas").NA
    return None if name == "None" else importlib.import_module("numpy").nan


def make_index(payload: bytes, buffers: tuple[Any, ...]) -> Any:
    """An index that was pickled by itself."""
    return pickle.loads(payload, buffers=buffers)


# --- torch ----------------------------------------------------------------------------------------


def make_storage(buffer: Any, shared: bool) -> Any:
    """A storage with memory of its own, which torch can resize."""
    torch = importlib.import_module("torch")
    storage = torch.UntypedStorage(len(buffer))
    if len(buffer):
        memory = torch.empty(0, dtype=torch.uint8, device="cpu").set_(storage)
        memory.copy_(torch.frombuffer(buffer, dtype=torch.uint8))
    return storage.share_memory_() if shared else storage


def make_typed_storage(storage: Any, dtype: str) -> Any:
    torch = importlib.import_module("torch")
    return torch.storage.TypedStorage(
        wrap_storage=storage, dtype=getattr(torch, dtype), _internal=True
    )


def make_tensor(
    storage: Any,
    dtype: str,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    requires_grad: bool,
    conjugated: bool,
    negated: bool,
) -> Any:
    """A view of a storage; `conjugated` and `negated` are how its elements are to be read."""
    torch = importlib.import_module("torch")
    tensor = torch.empty(0, dtype=getattr(torch, dtype), device="cpu")
    tensor = tensor.set_(storage, offset, shape, strides)
    if conjugated:
        tensor = torch._conj(tensor)
    if negated:
        tensor = torch._neg_view(tensor)
    return tensor.requires_grad_(requires_grad)


def make_parameter(storage: Any, *arguments: Any) -> Any:
    torch = importlib.import_module("torch")
    plain = make_tensor(storage, *arguments)
    requires_grad = plain.requires_grad
    return torch.nn.Parameter(plain.detach(), requires_grad=requires_grad)


def set_tensor_state(tensor: Any, state: dict[str, Any]) -> None:
    """`grad`, `_backward_hooks`, and `__dict__`: attributes that the user set."""
    state = dict(state)
    tensor.__dict__.update(state.pop("__dict__", {}))
    for name, value in state.items():
        setattr(tensor, name, value)


# --- Keras ----------------------------------------------------------------------------------------


def make_saveable(files: Mapping[str, bytes], parts: Mapping[str, Any]) -> Any:
    """What Keras makes of an archive of these files, where these parts are registered with it."""
    keras: Any = importlib.import_module("keras")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        for name, data in files.items():
            target.writestr(name, data)
    archive.seek(0)
    # What is registered goes before what is in a scope, and may be of another moment.
    registered = keras.saving.get_custom_objects()
    before = dict(registered)
    registered.update(parts)
    try:
        return keras.Model._unpickle_model(archive)
    finally:
        registered.clear()
        registered.update(before)


def set_variables(obj: Any, values: Sequence[Any]) -> None:
    for variable, value in zip(obj.variables, values, strict=True):
        variable.assign(value)
