"""Atoms: objects that are never owned by a pod and never connect components.

Either immutable values whose identity nobody relies on, or things that are found again by name.
"""

from __future__ import annotations

import builtins
import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import pickle
import re
import sys
import types
import uuid
import zoneinfo
from typing import Any, cast

ATOMIC_TYPES: frozenset[type] = frozenset(
    {
        int, float, complex, bool, str, bytes, range, slice,
        type(None), type(Ellipsis), type(NotImplemented),
        types.MethodDescriptorType, types.WrapperDescriptorType,
        types.CodeType, pickle.PickleBuffer, re.Pattern, uuid.UUID, decimal.Decimal,
        datetime.date, datetime.time, datetime.datetime, datetime.timedelta, datetime.timezone,
        pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath,
        zoneinfo.ZoneInfo,
    }
)  # fmt: skip
"""Exact types all of whose objects are atoms."""

ATOMIC_TYPES_OF_LIBRARIES: set[type] = set()
"""The same for libraries that have been imported since; see `pod.podding.reducers`."""

_SENTINELS = (
    (math, "nan"),
    (dataclasses, "MISSING"), (dataclasses, "KW_ONLY"), (dataclasses, "_HAS_DEFAULT_FACTORY"),
    (dataclasses, "_FIELD"), (dataclasses, "_FIELD_CLASSVAR"), (dataclasses, "_FIELD_INITVAR"),
)  # fmt: skip

SINGLETONS: dict[int, tuple[str, str]] = {
    id(getattr(module, name)): (module.__name__, name) for module, name in _SENTINELS
} | {
    # The interpreter's own types claim to be in `builtins`, where most of them are not.
    id(value): ("types", name)
    for name, value in vars(types).items()
    if isinstance(value, type) and value.__module__ == "builtins"
}
"""Objects found again by a name that is not theirs, by id. They live as long as the interpreter."""

_STREAMS = ("stdout", "stderr", "stdin", "__stdout__", "__stderr__", "__stdin__")
_kept_streams: dict[str, object] = {}


def streams() -> dict[str, object]:
    """The streams that each process has its own of, by their names in `sys`."""
    return _kept_streams or {name: vars(sys).get(name) for name in _STREAMS}


def keep_streams() -> None:
    """Go by the streams of now, as a copy of the process does that is about to have others."""
    _kept_streams.update(streams())


_HEAP_TYPE = 1 << 9


def is_static(cls: type) -> bool:
    """Whether a class is part of the interpreter or an extension, not made by running code."""
    return not cls.__flags__ & _HEAP_TYPE


def is_atomic(obj: object) -> bool:
    """Whether every object of this type is an atom, classes, functions and modules apart."""
    kind = type(obj)
    if kind in ATOMIC_TYPES or kind in ATOMIC_TYPES_OF_LIBRARIES:
        return True
    # By its type, here and below: `isinstance` would ask the object for its `__class__`.
    if issubclass(kind, enum.Enum):
        return True  # found again through its class
    root = str(kind.__module__).partition(".")[0]
    if root == "numpy":
        numpy = sys.modules.get("numpy")
        return numpy is not None and (
            (issubclass(kind, numpy.generic) and not issubclass(kind, numpy.void))
            or issubclass(kind, numpy.ufunc)
        )
    return root == "pandas" and _is_atomic_in_pandas(obj)


def _is_atomic_in_pandas(obj: object) -> bool:
    pandas = sys.modules.get("pandas")
    if isinstance(obj, (datetime.datetime, datetime.timedelta)) or pandas is None:
        return True  # timestamps and the like: immutable subclasses of the standard library's
    if isinstance(obj, pandas.api.extensions.ExtensionDtype):
        return True
    # Before version 3, renaming the index of one frame could rename that of another.
    return isinstance(obj, pandas.Index) and int(pandas.__version__.partition(".")[0]) >= 3


def plain_dtype(obj: Any) -> str | None:
    """The name that makes an equal dtype, for one that is nothing but its name.

    A restored dtype is not NumPy's own object any more. Pickles refer back to objects, so their
    bytes would tell the two apart; by name they do not.
    """
    if obj.names is None and obj.subdtype is None and not obj.metadata and obj.kind in "biufcmMOSU":
        return str(obj.str) if sys.modules["numpy"].dtype(obj.str) == obj else None
    return None


def unchanging(obj: object) -> bool:
    """Whether the very same object is sure to have the same content as before."""
    return type(obj) in ATOMIC_TYPES or type(obj) is types.ModuleType


def importable(obj: Any) -> bool:
    """Whether importing a module finds this very class or function again by its name."""
    try:
        module_name = getattr(obj, "__module__", None)
        qualname = getattr(obj, "__qualname__", None)
    except Exception:  # an object of the user's that answers in its own way
        return False
    if not isinstance(module_name, str) or not isinstance(qualname, str):
        return False
    if module_name in ("__main__", "__mp_main__") or "<locals>" in qualname:
        return False
    found: Any = sys.modules.get(module_name)
    if found is None:
        return False
    try:
        for part in qualname.split("."):
            found = getattr(found, part)
    except AttributeError:
        return False
    return found is obj


def is_import(obj: object) -> bool:
    """Whether this is what an import statement gives: a module, or something that a module has."""
    if issubclass(type(obj), types.ModuleType):
        return imported_module(cast(types.ModuleType, obj))
    return callable(obj) and importable(obj)


def imported_module(module: types.ModuleType) -> bool:
    """Whether this module is found again by importing its name."""
    name = getattr(module, "__name__", None)  # IPython takes that of a script away once it has run
    return isinstance(name, str) and sys.modules.get(name) is module


def module_of_globals(namespace: dict[str, Any]) -> str | None:
    """Name of the imported module whose dictionary this is, if it is one."""
    if namespace is builtins.__dict__:
        return "builtins"
    name = namespace.get("__name__") if type(namespace) is dict else None
    module = sys.modules.get(name) if isinstance(name, str) else None
    return name if module is not None and getattr(module, "__dict__", None) is namespace else None
