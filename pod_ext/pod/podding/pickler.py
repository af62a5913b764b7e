"""The pickler of one pod, and the examination's answer for each object it meets."""

from __future__ import annotations

import copyreg
import enum
import functools
import pickle
import sys
import types
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, Protocol

import cloudpickle

from pod.podding.atoms import importable, imported_module
from pod.podding.deep import DeepPickler
from pod.podding.definitions import MAIN_MODULES, is_definition
from pod.podding.opaque import Mark, Opaque, reason_of
from pod.podding.plain import PLAIN, Shape
from pod.podding.pods import Slot
from pod.podding.progress import PodInProgress
from pod.podding.rebuild import unwrap
from pod.podding.reducers import reducer_for
from pod.podding.reducers.code import reduce_code
from pod.podding.reducers.instances import CALLING_NEW, by_value, completed, is_complete
from pod.podding.reducers.weak import reduce_reference

_OWN_REDUCTION = [
    (name, vars(object)[name]) for name in ("__getstate__", "__reduce__", "__reduce_ex__")
]
_BASIC_TYPES = frozenset({list, dict, tuple, set, frozenset, bytearray, str, bytes, int, float})

_CACHE = type(functools.lru_cache(len))
"""Saved empty; what it has cached can be reached all the same."""

_UNLIKE = (enum.Enum, types.ModuleType, weakref.ReferenceType, Opaque)
"""Classes whose objects are reduced in other ways than their class says."""

IN_BAND_BYTES = 4096
"""Shorter buffers stay in the payload: blobs of their own would cost more than they save."""

NAMED = 1000
"""So many objects of a pod have names of their own for their attributes: it takes 2 µs for each,
and among more objects it would be felt."""


class Examiner(Protocol):
    """Who knows of all pods: see `pod.podding.examination`."""

    owner: dict[int, PodInProgress | Slot]
    atomic_types: set[type]

    def met(self, obj: Any, pod: PodInProgress) -> int | None:
        """A slot number, or None to bundle the object."""

    def singletons(self) -> tuple[float, float]: ...
    def stand_in(self, obj: Any, pod: PodInProgress) -> int | None: ...
    def memory_met(self, obj: object, pod: PodInProgress) -> Any | None: ...
    def found_by_name(self, obj: object) -> None: ...
    def never_saved(self, kind: type) -> str: ...
    def closed_met(self, obj: object, pod: PodInProgress) -> None: ...
    def opaque(self, obj: object, reason: str, pod: PodInProgress) -> tuple[Any, ...]: ...
    def reduce_function(self, function: types.FunctionType) -> tuple[Any, ...]: ...
    def reduce_cell(self, cell: types.CellType) -> tuple[Any, ...]: ...


class _Reducing:
    """What a pod's pickler does with objects that are of no basic builtin type."""

    recurses: bool
    """Whether what is nested deep may be too deep for it."""

    def __init__(self, examination: Examiner, pod: PodInProgress) -> None:
        self._examination = examination
        self._pod = pod
        self._ordinary: set[type] = set()
        """Types that were met, and all of whose objects are reduced in the usual way."""
        self._names: dict[str, str] = {}
        self._named = 0
        # Closures, not methods: one of these runs for every object and is most of what a save
        # costs, and a method would be a cycle that keeps the user's objects alive in the memo.
        self.persistent_id = _hook(examination, pod)
        super().__init__(pod.payload, protocol=5, buffer_callback=_buffer_hook(pod))  # type: ignore[call-arg]

    def reducer_override(self, obj: Any) -> Any:
        """Called by the pickler for every object that is not of a basic builtin type."""
        kind = type(obj)
        examination = self._examination
        if kind in self._ordinary:
            try:
                reduced = obj.__reduce_ex__(5)
                if type(reduced) is not tuple or reduced[0] is not CALLING_NEW:
                    reduced = _checked(obj, self._reduce(obj, kind))
                return reduced if self._named == NAMED else self._own_names(obj, reduced)
            except Exception as error:
                return self._refused(obj, error)
        if issubclass(kind, type):
            self._uses(obj)
            return self._name_of(obj)  # by reference: the others have become slots
        if kind is types.FunctionType:
            if importable(obj):
                self._uses(obj)
                return self._name_of(obj)
            return self._with_own_module(examination.reduce_function(obj))
        if kind is types.CodeType:
            return reduce_code(obj)
        if kind is types.CellType:
            return examination.reduce_cell(obj)
        self._uses(obj if kind is types.BuiltinFunctionType else kind)
        if issubclass(kind, types.ModuleType) and imported_module(obj):
            self._pod.modules.add(obj.__name__.partition(".")[0])
        if kind is _CACHE:
            examination.closed_met(obj, self._pod)
        view = examination.memory_met(obj, self._pod)
        if view is not None:
            return view
        if kind is Opaque:  # the same bytes as when its object was met: it has not changed
            return unwrap, (Mark(*obj.slot_args()),)
        reason = examination.never_saved(kind)
        if reason:
            return examination.opaque(obj, reason, self._pod)
        try:
            reduced = self._own_names(obj, _checked(obj, self._reduce(obj, kind)))
        except Exception as error:
            return self._refused(obj, error)
        if reduced[0] is CALLING_NEW and is_ordinary(kind):
            self._ordinary.add(kind)
        return reduced

    def _refused(self, obj: Any, error: Exception) -> Any:
        """What stands for an object whose reduction raised this."""
        if isinstance(error, MemoryError) or (self.recurses and isinstance(error, RecursionError)):
            raise error
        return self._examination.opaque(obj, reason_of(error), self._pod)

    def _reduce(self, obj: Any, kind: type) -> Any:
        if issubclass(kind, types.ModuleType) and imported_module(obj):
            kind = types.ModuleType  # such as `__main__` in a tracked namespace: found by its name
        reducer = _reducer_of(kind)
        if issubclass(kind, enum.Enum) and vars(kind)["_member_map_"].get(obj.name) is obj:
            # Not by its value, which may not be one to look up by.
            return getattr, (kind, self._own(obj.name))
        if kind is types.BuiltinFunctionType and not isinstance(obj.__self__, types.ModuleType):
            self._reduce_or_refuse(obj.__self__)
        if reducer is None and issubclass(kind, weakref.ReferenceType):
            reducer = reduce_reference
        if reducer is not None:
            return reducer(obj)
        reduced = completed(obj, kind, obj.__reduce_ex__(5))
        if isinstance(reduced, str) and is_definition(kind) and not _found_by_name(obj, reduced):
            return by_value(obj, kind)
        return reduced

    def _reduce_or_refuse(self, owner: Any) -> None:
        """A method of an opaque object is as opaque: it could not be looked up on a placeholder."""
        kind = type(owner)
        if kind in _BASIC_TYPES or issubclass(kind, type):
            return
        if type(self._examination.owner.get(id(owner))) is Slot:
            return  # it is found again by its name
        reason = self._examination.never_saved(kind)
        if reason:
            raise TypeError(reason)
        _checked(owner, self._reduce(owner, kind))

    # A pickle refers back to a string that it has seen as the same object. Names of classes and of
    # attributes are interned, and so are literals; strings that were loaded are not. An equal
    # string among the values would be said by reference before loading and in full after it, if
    # names were not strings of their own.

    def _name_of(self, obj: Any) -> Any:
        """What reduces a class or function that is found by its name."""
        return NotImplemented if obj.__module__ == "builtins" else self._own(obj.__qualname__)

    def _own_names(self, obj: Any, reduced: Any) -> Any:
        """The same reduction, with names that are nobody else's strings."""
        if type(reduced) is str:
            self._examination.found_by_name(obj)
            return self._own(reduced)
        # By its type alone: who holds the state is counted below.
        kind_of_state = type(reduced[2]) if len(reduced) > 2 else None
        if kind_of_state is tuple:
            return self._own_slots(obj, reduced)
        if kind_of_state is not dict:
            return reduced
        if not reduced[2] and isinstance(obj, BaseException):
            return reduced[:2]  # looking at its attributes was enough to give it a dictionary
        if self._named == NAMED or _held_elsewhere(obj, reduced):
            return reduced
        self._named += 1
        state = {self._own(name): value for name, value in reduced[2].items()}
        return (*reduced[:2], state, *reduced[3:])

    def _own_slots(self, obj: Any, reduced: Any) -> Any:
        """The same for `__slots__`, if the object leaves its reduction to the interpreter."""
        if self._named == NAMED or not all(
            getattr(type(obj), name, None) is own for name, own in _OWN_REDUCTION
        ):
            return reduced
        self._named += 1
        attributes, slots = reduced[2]
        own = {self._own(name): value for name, value in slots.items()}
        return (*reduced[:2], (attributes, own), *reduced[3:])

    def _with_own_module(self, reduced: Any) -> Any:
        """A function's module is a string of its own, too: classes name theirs by another one."""
        state = dict(reduced[2])
        if "__module__" in state:
            state["__module__"] = self._own(state["__module__"])
        return (*reduced[:2], state, *reduced[3:])

    def _own(self, name: Any) -> Any:
        if type(name) is not str:
            return name
        return self._names.setdefault(name, _another(name))

    def _uses(self, obj: Any) -> None:
        module = getattr(obj, "__module__", None)
        if isinstance(module, str):
            self._pod.modules.add(module.partition(".")[0])


def _reducer_of(kind: type) -> Callable[[Any], Any] | None:
    """What was registered for this type, with Pod or with those that pickle beside it."""
    return (
        reducer_for(kind)
        or copyreg.dispatch_table.get(kind)
        or cloudpickle.Pickler.dispatch_table.get(kind)
    )


def _has_own_way(kind: type) -> bool:
    """Whether objects of a type are reduced otherwise than pickle would itself."""
    known_to_pickle = copyreg.dispatch_table.get(kind)
    return issubclass(kind, enum.Enum) or _reducer_of(kind) is not known_to_pickle


def has_reducer(kind: type) -> bool:
    """Whether somebody has said how objects of this type are to be reduced."""
    return _reducer_of(kind) is not None


def is_ordinary(kind: type) -> bool:
    """Whether `object.__reduce_ex__` is all there is to the reduction of any object of this type
    for which it begins with `CALLING_NEW`."""
    return _reducer_of(kind) is None and not issubclass(kind, _UNLIKE) and is_complete(kind)


class PodPickler(_Reducing, pickle.Pickler):
    """Writes one pod in C. Knows of the others through its examination."""

    recurses = True


class QuietPodPickler(PodPickler):
    """Writes a pod that was looked through: see `pod.podding.plain`. Asks about classes alone."""

    def __init__(
        self, examination: Examiner, pod: PodInProgress, shapes: Mapping[type, Shape]
    ) -> None:
        super().__init__(examination, pod)
        self._with_dict = {kind for kind, shape in shapes.items() if shape is Shape.WITH_DICT}
        self._holders: set[type] = set()
        """Types of containers that were met."""
        self._leaves: set[type] = set()
        """Types that were met, and whose objects pickle reduces as well itself."""
        self._shapes = shapes
        self.persistent_id = _quiet_hook(examination, pod, shapes)

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind in self._with_dict and self._named == NAMED and kind in self._ordinary:
            return CALLING_NEW, (kind,), obj.__dict__ or None
        if kind in self._leaves:
            return NotImplemented
        if kind in self._holders:
            reduced = obj.__reduce_ex__(5)
            if len(reduced) < 3 or reduced[2] is None:
                return reduced
        elif self._shapes.get(kind) is Shape.HOLDER or kind is Counter:
            self._holders.add(kind)
        elif self._shapes.get(kind) is Shape.ATOM and not _has_own_way(kind):
            self._leaves.add(kind)
        return super().reducer_override(obj)

    def _refused(self, obj: Any, error: Exception) -> Any:
        raise NotOrdinary from error


class PlainPickler(pickle.Pickler):
    """Writes a pod that was looked through, and has nothing in it but plain containers and atoms:
    all in C."""

    def __init__(self, pod: PodInProgress) -> None:
        super().__init__(pod.payload, protocol=5)

    def reducer_override(self, obj: Any) -> NoReturn:
        raise NotOrdinary


class NotOrdinary(Exception):
    """A pod has something in it that was not there when it was looked through."""


class DeepPodPickler(_Reducing, DeepPickler):
    """Writes one pod however deep its objects are nested."""

    recurses = False


def _another(name: str) -> str:
    """An equal string that is another object, if there can be one."""
    if len(name) != 1:
        return name[:1] + name[1:]
    # Slices and the like give the interpreter's own string of one character.
    return name.lower() if name.lower() == name else name.upper()


def _held_elsewhere(obj: Any, reduced: Any) -> bool:
    """Whether something beside the object may refer to its state: that has to be pickled as itself
    then, so that the two are connected."""
    state = reduced[2]
    try:
        its_own = object.__getattribute__(obj, "__dict__") is state
    except AttributeError:
        its_own = False
    return sys.getrefcount(state) > _HOLDERS + its_own


def _holders(reduced: Any) -> int:
    """How many references there are when `_held_elsewhere` counts, if nothing else has one."""
    state = reduced[2]
    return sys.getrefcount(state)


_HOLDERS = _holders((None, (), {"a": None}))


def _hook(examination: Examiner, pod: PodInProgress) -> Callable[[Any], int | None]:
    atomic_types = examination.atomic_types
    owner_of, met = examination.owner.get, examination.met
    nan, numpy_nan = examination.singletons()

    def persistent_id(obj: Any) -> int | None:
        if type(obj) in atomic_types:
            if obj is nan or obj is numpy_nan:  # they are compared with by `is`
                return met(obj, pod)
            return None
        if owner_of(id(obj)) is pod:
            return None
        return met(obj, pod)

    return persistent_id


_MOST_ATOMS = 1000
"""So many are remembered, and kept alive, for each pod."""


def _quiet_hook(
    examination: Examiner, pod: PodInProgress, shapes: Mapping[type, Shape]
) -> Callable[[Any], int | None]:
    stand_in = examination.stand_in
    nan, numpy_nan = examination.singletons()
    quiet = PLAIN | {kind for kind, shape in shapes.items() if shape is not Shape.ASKED}
    atoms: dict[int, Any] = {}  # by id: classes and what else is met with each object of them

    def asked(obj: Any) -> int | None:
        if id(obj) in atoms:
            return None
        slot = stand_in(obj, pod)
        if slot is None and len(atoms) < _MOST_ATOMS:
            atoms[id(obj)] = obj
        return slot

    def persistent_id(obj: Any) -> int | None:
        return None if type(obj) in quiet else asked(obj)

    def persistent_id_among_singletons(obj: Any) -> int | None:
        if type(obj) in quiet and obj is not nan and obj is not numpy_nan:
            return None
        return asked(obj)

    return persistent_id_among_singletons if float in shapes else persistent_id


def _buffer_hook(pod: PodInProgress) -> Callable[[Any], bool]:
    buffers = pod.buffers

    def buffer_callback(buffer: Any) -> bool:
        view = buffer.raw()
        if view.nbytes < IN_BAND_BYTES:
            return True
        buffers.append(view)
        return False

    return buffer_callback


def _checked(obj: Any, reduced: Any) -> Any:
    """Refuse, while it can still become a placeholder, what pickling would stumble over later."""
    if isinstance(reduced, str):
        if not _found_by_name(obj, reduced):
            raise TypeError(f"it is not found by its name {reduced!r}")
    elif not isinstance(reduced, tuple) or not 2 <= len(reduced) <= 6 or not callable(reduced[0]):
        raise TypeError("its __reduce__ returned something that cannot be pickled")
    return reduced


def _found_by_name(obj: Any, name: str) -> bool:
    module = getattr(obj, "__module__", None)
    candidates: Iterable[Any] = (
        [sys.modules.get(module)] if isinstance(module, str) else list(sys.modules.values())
    )
    for found in candidates:
        if getattr(found, "__name__", None) in MAIN_MODULES:
            continue  # what is defined there is found by no name
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is obj:
            return True
    return False
