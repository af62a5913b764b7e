"""Objects that are not simply owned by a pod: atoms, and what becomes a slot of another kind."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from pod.podding import definitions
from pod.podding.atoms import ATOMIC_TYPES, importable, imported_module, is_atomic, plain_dtype
from pod.podding.opaque import Mark
from pod.podding.pods import Slot
from pod.podding.progress import ATOM, PodInProgress
from pod.podding.reducers.code import FileName

CONSTANT_DEPTH = 4
"""How deep tuples in tuples are looked into for whether they are constants."""

_CONSTANTS = frozenset({tuple, frozenset})


class Specials:
    """Tells atoms, and objects that become slots of another kind, from those that a pod owns."""

    def __init__(
        self,
        definition_met: Callable[[Any], Slot],
        has_known_globals: Callable[[types.FunctionType], bool],
    ) -> None:
        self._definition_met = definition_met
        self._has_known_globals = has_known_globals
        self._by_type: dict[type[Any], Callable[[Any], PodInProgress | Slot | None] | None] = {
            types.FunctionType: self._function,
            types.ModuleType: self._module,
            types.BuiltinFunctionType: self._builtin,
            FileName: self._file,
            tuple: self._constant,
            frozenset: self._constant,
            Mark: lambda mark: Slot("opaque", mark.args),
        }
        self._by_type |= dict.fromkeys(_OWNED_TYPES)
        self.owned_types = set(_OWNED_TYPES)
        """Types all of whose objects a pod owns, as far as they were met."""
        self.atomic_types = set(ATOMIC_TYPES)

    def __call__(self, obj: Any) -> PodInProgress | Slot | None:
        """`ATOM`, a slot, or None for an object that a pod owns."""
        kind = type(obj)
        if kind not in self._by_type:
            self._learn(kind, obj)
        if kind in self.atomic_types:
            return ATOM
        look = self._by_type[kind]
        return None if look is None else look(obj)

    def _learn(self, kind: type, obj: object) -> None:
        """Find out about a type that was not met before, by an object of it."""
        if kind in self.atomic_types or is_atomic(obj):
            self.atomic_types.add(kind)
            self._by_type[kind] = None
            return
        look = self._by_type[kind] = self._looker(kind)
        if look is None:
            self.owned_types.add(kind)

    def _looker(self, kind: type) -> Callable[[Any], PodInProgress | Slot | None] | None:
        if issubclass(kind, type):
            return self._class
        if issubclass(kind, types.ModuleType):
            return self._module
        if str(kind.__module__).partition(".")[0] == "numpy" and issubclass(kind, _dtype_class()):
            return self._dtype
        return self._callable if "__call__" in dir(kind) else None

    def _class(self, obj: type) -> PodInProgress | Slot:
        return self._definition_met(obj) if definitions.is_definition(obj) else ATOM

    def _function(self, obj: types.FunctionType) -> PodInProgress | Slot | None:
        if importable(obj):
            return ATOM
        if definitions.is_definition(obj) and self._has_known_globals(obj):
            return self._definition_met(obj)
        return None  # one that has a dictionary of its own to run in is saved together with that

    def _module(self, obj: types.ModuleType) -> PodInProgress | None:
        return ATOM if imported_module(obj) else None

    def _builtin(self, obj: Any) -> PodInProgress | None:
        """A builtin of a module is found by name; one bound to an object is as that object."""
        return ATOM if obj.__self__ is None or type(obj.__self__) is types.ModuleType else None

    def _dtype(self, obj: Any) -> PodInProgress | Slot:
        name = plain_dtype(obj)
        return ATOM if name is None else Slot("dtype", (name,))

    def _constant(self, obj: Any) -> PodInProgress | None:
        """A tuple or frozenset of atoms is one too. The compiler shares such constants between
        pieces of code that have nothing else to do with each other, and they never change."""
        return ATOM if self._holds_atoms(obj, CONSTANT_DEPTH) else None

    def _holds_atoms(self, obj: Any, depth: int) -> bool:
        atomic, known = self.atomic_types, self._by_type
        for each in obj:
            kind = type(each)
            if kind not in atomic and kind not in known:
                # Not only once such an object is met by itself: the answer must not depend on that.
                self._learn(kind, each)
            if kind not in atomic and not (
                depth > 0 and kind in _CONSTANTS and self._holds_atoms(each, depth - 1)
            ):
                return False
        return True

    def _callable(self, obj: Any) -> PodInProgress | None:
        """What libraries make in place of functions (Cython's, NumPy's) is found by name, too."""
        return ATOM if importable(obj) else None

    def _file(self, name: FileName) -> Slot:
        return Slot("file", (str(name), definitions.source_of(str(name))))


def _dtype_class() -> type:
    return sys.modules["numpy"].dtype  # type: ignore[no-any-return]


_OWNED_TYPES: tuple[type[Any], ...] = (list, dict, set, bytearray, types.CellType)
