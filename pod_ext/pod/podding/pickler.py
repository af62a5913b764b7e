"""Objects to pods: one examination of some roots, by the C pickler.

`PodPickler.persistent_id` is called by the C pickler for every object it meets. It either *bundles*
the object (returns None: the object goes on into this pod) or *splits* it off (pickles it into a
pod of its own, right there, and returns a slot number).

Every non-atomic object is owned by the pod that first pickled it. Another pod that meets it emits a
slot to it. Pods form a DAG: a slot always points into a finished pod. Meeting an object owned by a
pod that is still being written would close a cycle between pods; then all pods inside that one are
abandoned, and their roots are bundled into the pods that enclose them. So cycles lie inside pods.
"""

from __future__ import annotations

import contextlib
import copyreg
import importlib.util
import io
import pickle
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import cloudpickle

from pod.errors import RestoreError
from pod.podding import definitions
from pod.podding.atoms import (
    ATOMIC_TYPES,
    SINGLETONS,
    importable,
    imported_module,
    is_atomic,
    module_of_globals,
)
from pod.podding.opaque import Mark, Opaque, Unavailable, is_handle, reason_of, unwrap
from pod.podding.pods import Component, Pod, Slot
from pod.podding.policies import Place, Policy, make_policy, shallow_bytes
from pod.podding.reducers import reducer_for

IN_BAND_BYTES = 4096
"""Buffers shorter than this stay in the payload: blobs of their own would cost more than they save."""


class _File(str):
    """A code object's file name on its way into a slot."""


_Target: TypeAlias = "Slot | tuple[_Writing, int | None]"
"""What a slot refers to while its examination lasts: pods have no numbers yet."""


class _Closes(Exception):
    """Writing this pod on would close a cycle through `target`, a pod still being written."""

    def __init__(self, target: _Writing) -> None:
        self.target = target


class _Writing:
    """A pod while its examination lasts."""

    __slots__ = (
        "abandoned", "buffers", "candidates", "finished", "indexes", "modules",
        "number", "payload", "pickler", "place", "size", "slot_numbers", "slots",
    )  # fmt: skip

    def __init__(self, place: Place) -> None:
        self.place = place
        self.finished = self.abandoned = False
        self.number = -1
        self.payload = io.BytesIO()
        self.buffers: list[memoryview] = []
        self.slots: list[_Target] = []
        self.slot_numbers: dict[Any, int] = {}
        self.modules: set[str] = set()
        self.candidates = 0
        self.size = 0
        self.pickler: PodPickler | None = None
        self.indexes: dict[int, int] | None = None

    def slot(self, target: _Target) -> int:
        """The number of the slot that refers to `target`, a new one at first."""
        number = self.slot_numbers.setdefault(target, len(self.slots))
        if number == len(self.slots):
            self.slots.append(target)
        return number

    def index_of(self, obj: object) -> int | None:
        """Where the finished pod's pickle memo, and so its unpickler's, holds `obj`."""
        if self.indexes is None:
            assert self.pickler is not None
            memo = self.pickler.memo.copy()
            self.indexes = {key: index for key, (index, _) in memo.items()}
        return self.indexes.get(id(obj))


_ATOM = _Writing(0)  # "owner" of what is pickled wherever it is met
_ATOM.finished = True


class Examination:
    """One pass over some roots: what they are made of now, as pods.

    Args:
        namespace: the mapping whose functions have it as their globals.
        tokens: names of the session's definitions; new ones are minted as they are met.
        policy: where to split.
        t: the time id this is for, and `since`, by object id, when an opaque object was first seen.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        tokens: definitions.Tokens,
        policy: Policy,
        t: int,
        since: Callable[[object], int] | None = None,
    ) -> None:
        self.tokens = tokens
        self.policy = policy
        self.t = t
        self.since = since or (lambda _: t)
        self.failures: dict[str, str] = {}
        """Root name -> why it could not be saved as a whole (a placeholder stands for it)."""
        self.definitions: dict[str, Any] = {}
        """Token -> definition, of all that were met."""
        self._names: dict[str, _Target] = {}
        self._parts: dict[str, tuple[_Target, ...]] = {}
        self._pods: list[_Writing] = []
        self._keep: list[Any] = []  # ids must stay unique while `_owner` has them
        self._serial = 0
        self._root_ids: dict[int, Place] = {}
        self._forced: set[int] = set()
        self._bare_cells: set[int] = set()
        self._given: dict[int, _Writing | Slot] = {
            id(()): _ATOM,
            id(frozenset()): _ATOM,
            id(namespace): Slot("namespace"),
        }
        for key, (module, name) in SINGLETONS.items():
            self._given[key] = Slot("global", (module, name))
        self.owner = dict(self._given)
        """Object id -> the pod that first pickled it, or the slot that stands for it everywhere."""
        self.special = _Specials(self.definition_met)
        self._handles: dict[type, bool] = {}

    # --- from outside

    def examine(self, roots: Mapping[str, object], tokens: Mapping[str, Any] | None = None) -> None:
        """Pickle the roots and these definitions, then every definition that any of them use."""
        self.definitions.update(tokens or {})
        names = sorted(roots)
        for name in names:
            self._root_ids.setdefault(id(roots[name]), hash(name))
        for name in names:
            self._names[name] = self._root(name, roots[name])
        while todo := self.definitions.keys() - self._parts.keys():
            for token in sorted(todo):
                self._parts[token] = self._definition_roots(token)

    def components(self) -> list[Component]:
        """The roots that share objects, together with their pods; call once, at the end."""
        found = [
            _component(
                {name: self._names[name] for name in names},
                {token: self._parts[token] for token in tokens},
            )
            for names, tokens in _groups(self._pods, self._names, self._parts)
        ]
        self.close()
        return found

    def close(self) -> None:
        """Let go of the user's objects now, not when the garbage collector comes by."""
        for pod in self._pods:
            pod.pickler = None
        held: tuple[Any, ...] = (
            self._pods, self._keep, self._names, self._parts,
            self.owner, self._given, self.definitions,
        )  # fmt: skip
        for each in held:
            each.clear()

    def definition_met(self, definition: Any) -> Slot:
        """The slot for a class or function of the session, which is then examined too."""
        token = self.tokens.token_of(definition)
        self.definitions[token] = definition
        return Slot("definition", (token,))

    # --- roots

    def _root(self, name: str, obj: object) -> _Target:
        if not isinstance(obj, Unavailable):
            special = self.owner.get(id(obj)) or self.special(obj)
            if isinstance(special, Slot):
                return special
            if special is not None and special is not _ATOM and special.finished:
                index = special.index_of(obj)
                if index is not None:
                    return special, index
        try:
            return self._top_pod(obj, hash(name)), None
        except Exception as error:
            self.failures[name] = reason_of(error)
            return Slot("opaque", self.opaque_args(obj, reason_of(error)))

    def _top_pod(self, obj: object, place: Place) -> _Writing:
        try:
            return self._write(obj, place)
        except RecursionError:
            # Splitting nests deeper than pickling does: try again without it.
            policy, self.policy = self.policy, make_policy("bundle-all")
            try:
                return self._write(obj, place)
            finally:
                self.policy = policy

    def _definition_roots(self, token: str) -> tuple[_Target, ...]:
        definition = self.definitions[token]
        roots: list[_Target] = []
        for number, part in enumerate(definitions.parts_of(definition)):
            self._keep.append(part)
            try:
                with self._apart() if number == 0 else contextlib.nullcontext():
                    roots.append((self._top_pod(part, hash((token, number))), None))
            except Exception as error:
                self.failures[token] = reason_of(error)
                return (Slot("opaque", self.opaque_args(definition, reason_of(error))),)
        return tuple(roots)

    @contextlib.contextmanager
    def _apart(self) -> Iterator[None]:
        """Pickle without sharing anything with other pods, as the bare object of a definition has
        to be: pods that need the definition could not be loaded before it otherwise."""
        owner, self.owner = self.owner, dict(self._given)
        try:
            yield
        finally:
            self.owner = owner

    # --- pods

    def _write(self, obj: object, place: Place) -> _Writing:
        pod = _Writing(place)
        if self.special(obj) is None:
            self.owner[id(obj)] = pod
        pod.pickler = PodPickler(self, pod)
        try:
            pod.pickler.dump(obj)
        except BaseException:
            pod.abandoned = True
            pod.pickler = None
            raise
        pod.finished = True
        pod.number = len(self._pods)
        self._pods.append(pod)
        return pod

    def _split(self, obj: object, parent: _Writing, place: Place) -> int | None:
        """Pickle `obj` into a pod of its own; None where the DAG rule says to bundle it."""
        try:
            child = self._write(obj, place)
        except _Closes as closes:
            self._forced.add(id(obj))
            if closes.target is not parent:
                raise
            self.owner[id(obj)] = parent
            return None
        except (RecursionError, MemoryError):
            raise
        except Exception as error:
            return parent.slot(Slot("opaque", self.opaque_args(obj, reason_of(error))))
        return parent.slot((child, None))

    def met(self, obj: Any, pod: _Writing) -> int | None:
        """What `persistent_id` does with an object that is no known atom and not this pod's own."""
        key = id(obj)
        owner = self.owner.get(key)
        if owner is None or owner is _ATOM:
            special = owner or self.special(obj)
            if special is _ATOM:
                return None
            if special is not None:
                self.owner[key] = special
                self._keep.append(obj)
                owner = special
        if isinstance(owner, Slot):
            return pod.slot(owner)
        if owner is not None and not owner.abandoned:
            if not owner.finished:
                raise _Closes(owner)
            index = owner.index_of(obj)
            if index is not None:
                return pod.slot((owner, index))
        if key not in self._forced:
            place = self._root_ids.get(key)
            if place is None:
                place = self._split_place(obj, pod)
            if place is not None:
                return self._split(obj, pod, place)
        self.owner[key] = pod
        return None

    def _split_place(self, obj: Any, pod: _Writing) -> Place | None:
        """Where the pod for `obj` would be, if the policy wants it split off."""
        policy = self.policy
        size = shallow_bytes(obj)
        if size >= policy.smallest:
            pod.candidates += 1
            place = hash((pod.place, pod.candidates))
            if policy.splits(size, place, pod.size, pod.place):
                return place
        pod.size += size
        return None

    # --- opaque objects

    def is_handle(self, kind: type) -> bool:
        known = self._handles.get(kind)
        if known is None:
            known = self._handles[kind] = is_handle(kind)
        return known

    def opaque_args(self, obj: object, reason: str) -> tuple[Any, ...]:
        """What a placeholder knows. The serial sets apart what was examined at different moments:
        an opaque object may have changed whenever it was touched, in ways nobody can see."""
        self._serial += 1
        kind = type(obj)
        name = kind.__qualname__
        if kind.__module__ not in ("builtins", "__main__"):
            name = f"{kind.__module__}.{name}"
        return name, reason, self.since(obj), f"{self.t}.{self._serial}"

    def opaque(self, obj: object, reason: str) -> tuple[Any, ...]:
        """The reduction of an object that cannot be saved."""
        return unwrap, (Mark(*self.opaque_args(obj, reason)),)

    # --- functions

    def reduce_function(self, function: types.FunctionType) -> tuple[Any, ...]:
        namespace = function.__globals__
        if id(namespace) not in self.owner:
            module = module_of_globals(namespace)
            if module is not None:
                self.owner[id(namespace)] = Slot("vars", (module,))
        self._bare_cells.update(id(cell) for cell in function.__closure__ or ())
        return (
            definitions.make_function,
            definitions.function_arguments(function),
            definitions.function_state(function),
            None,
            None,
            definitions.set_function_state,
        )

    def reduce_cell(self, cell: types.CellType) -> tuple[Any, ...]:
        """Bare where a function's state will fill it, so that the cell may hold the function."""
        if id(cell) in self._bare_cells:
            return types.CellType, ()
        try:
            contents = (cell.cell_contents,)
        except ValueError:
            return types.CellType, ()
        return types.CellType, (), contents, None, None, set_cell


def set_cell(cell: types.CellType, contents: tuple[Any, ...]) -> None:
    cell.cell_contents = contents[0]


_BYTECODE = importlib.util.MAGIC_NUMBER.hex()
_PYTHON = ".".join(map(str, sys.version_info[:2]))


def make_code(python: str, bytecode: str, *arguments: Any) -> types.CodeType:
    """Code runs only on the interpreter it was compiled by; another one would crash on it."""
    if bytecode != _BYTECODE:
        raise RestoreError(
            f"it holds code compiled by Python {python}, which Python {_PYTHON} cannot run; "
            "load it with that Python, or run the cell that defines it again"
        )
    return types.CodeType(*arguments)


def _reduce_code(code: types.CodeType) -> tuple[Any, ...]:
    return make_code, (
        _PYTHON, _BYTECODE,
        code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_nlocals,
        code.co_stacksize, code.co_flags, code.co_code, code.co_consts, code.co_names,
        code.co_varnames, _File(code.co_filename), sys.intern(code.co_name), sys.intern(code.co_qualname),
        code.co_firstlineno, code.co_linetable, code.co_exceptiontable, code.co_freevars,
        code.co_cellvars,
    )  # fmt: skip


# --- objects that are not simply owned by a pod ---------------------------------------------------


class _Specials:
    """Tells atoms, and objects that become slots of another kind, from those that a pod owns."""

    def __init__(self, definition_met: Callable[[Any], Slot]) -> None:
        self._definition_met = definition_met
        self._by_type: dict[type[Any], Callable[[Any], _Writing | Slot | None] | None] = {
            types.FunctionType: self._function,
            types.ModuleType: self._module,
            types.BuiltinFunctionType: self._builtin,
            _File: self._file,
            Mark: lambda mark: Slot("opaque", mark.args),
        }
        self._by_type |= dict.fromkeys(_OWNED_TYPES)
        self.atomic_types = set(ATOMIC_TYPES)

    def __call__(self, obj: Any) -> _Writing | Slot | None:
        """`_ATOM`, a slot, or None for an object that a pod owns."""
        kind = type(obj)
        try:
            look = self._by_type[kind]
        except KeyError:
            if kind in self.atomic_types or is_atomic(obj):
                self.atomic_types.add(kind)
                return _ATOM
            look = self._by_type[kind] = self._looker(kind)
        return None if look is None else look(obj)

    def _looker(self, kind: type) -> Callable[[Any], _Writing | Slot | None] | None:
        if issubclass(kind, type):
            return self._class
        return self._module if issubclass(kind, types.ModuleType) else None

    def _class(self, obj: type) -> _Writing | Slot:
        return self._definition_met(obj) if definitions.is_definition(obj) else _ATOM

    def _function(self, obj: types.FunctionType) -> _Writing | Slot | None:
        if importable(obj):
            return _ATOM
        return self._definition_met(obj) if definitions.is_definition(obj) else None

    def _module(self, obj: types.ModuleType) -> _Writing | None:
        return _ATOM if imported_module(obj) else None

    def _builtin(self, obj: Any) -> _Writing | None:
        """A builtin of a module is found by name; one bound to an object is as that object."""
        return _ATOM if obj.__self__ is None or type(obj.__self__) is types.ModuleType else None

    def _file(self, name: _File) -> Slot:
        return Slot("file", (str(name), definitions.source_of(str(name))))


_OWNED_TYPES: tuple[type[Any], ...] = (list, dict, tuple, set, frozenset, bytearray, types.CellType)


class PodPickler(pickle.Pickler):
    """Writes one pod. Knows of the others through its examination."""

    def __init__(self, examination: Examination, pod: _Writing) -> None:
        self._examination = examination
        self._pod = pod
        # Closures, not methods: one of these runs for every object and is most of what a save
        # costs, and a method would be a cycle that keeps the user's objects alive in the memo.
        self.persistent_id = _hook(examination, pod)
        super().__init__(pod.payload, protocol=5, buffer_callback=_buffer_hook(pod))

    def reducer_override(self, obj: Any) -> Any:
        """Called by the C pickler for every object that is not of a basic builtin type."""
        kind = type(obj)
        examination = self._examination
        if issubclass(kind, type):
            self._uses(obj)
            return NotImplemented  # by reference: the others have become slots
        if kind is types.FunctionType:
            if importable(obj):
                self._uses(obj)
                return NotImplemented
            return examination.reduce_function(obj)
        if kind is types.CodeType:
            return _reduce_code(obj)
        if kind is types.CellType:
            return examination.reduce_cell(obj)
        if kind is types.BuiltinFunctionType:
            self._uses(obj)
        if kind is Opaque:  # the same bytes as when its object was met: it has not changed
            return unwrap, (Mark(*obj.slot_args()),)
        if examination.is_handle(kind):
            return examination.opaque(obj, "it is a handle to something outside this namespace")
        try:
            return _checked(obj, self._reduce(obj, kind))
        except (RecursionError, MemoryError):
            raise
        except Exception as error:
            return examination.opaque(obj, reason_of(error))

    def _reduce(self, obj: Any, kind: type) -> Any:
        if issubclass(kind, types.ModuleType) and imported_module(obj):
            kind = types.ModuleType  # such as `__main__` in a tracked namespace: found by its name
        reducer = (
            reducer_for(kind)
            or copyreg.dispatch_table.get(kind)
            or cloudpickle.Pickler.dispatch_table.get(kind)
        )
        return obj.__reduce_ex__(5) if reducer is None else reducer(obj)

    def _uses(self, obj: Any) -> None:
        module = getattr(obj, "__module__", None)
        if isinstance(module, str):
            self._pod.modules.add(module.partition(".")[0])


def _hook(examination: Examination, pod: _Writing) -> Callable[[Any], int | None]:
    atomic_types = examination.special.atomic_types
    owner_of, met = examination.owner.get, examination.met

    def persistent_id(obj: Any) -> int | None:
        if type(obj) in atomic_types or owner_of(id(obj)) is pod:
            return None
        return met(obj, pod)

    return persistent_id


def _buffer_hook(pod: _Writing) -> Callable[[Any], bool]:
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
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is obj:
            return True
    return False


# --- components -----------------------------------------------------------------------------------


def _groups(
    pods: Sequence[_Writing],
    names: Mapping[str, _Target],
    parts: Mapping[str, tuple[_Target, ...]],
) -> list[tuple[list[str], list[str]]]:
    """Variables, and tokens, that hang together by pods: union-find over what refers to what.

    A variable that *is* a definition goes with it; an object that merely has one as its class does
    not.
    """
    parent: dict[Any, Any] = {}

    def find(key: Any) -> Any:
        while (above := parent.setdefault(key, key)) != key:
            parent[key] = key = parent[above]
        return key

    def join(key: Any, target: _Target) -> None:
        if not isinstance(target, Slot):
            parent[find(key)] = find(target[0].number)

    for pod in pods:
        for target in pod.slots:
            join(pod.number, target)
    for token, targets in parts.items():
        for target in targets:
            join(("definition", token), target)
    for name, target in names.items():
        join(("name", name), target)
        if isinstance(target, Slot) and target.kind == "definition":
            parent[find(("name", name))] = find(("definition", *target.args))
    found: dict[Any, tuple[list[str], list[str]]] = {}
    for name in names:
        found.setdefault(find(("name", name)), ([], []))[0].append(name)
    for token in parts:
        found.setdefault(find(("definition", token)), ([], []))[1].append(token)
    return list(found.values())


def _component(names: Mapping[str, _Target], parts: Mapping[str, tuple[_Target, ...]]) -> Component:
    """Number the pods that the roots need, children first, and resolve the slots to numbers."""
    pods = _reachable(
        [*names.values(), *(target for targets in parts.values() for target in targets)]
    )
    numbers = {pod.number: number for number, pod in enumerate(pods)}

    def resolved(target: _Target) -> Slot:
        if isinstance(target, Slot):
            return target
        return Slot("pod", (numbers[target[0].number], target[1]))

    return Component(
        pods=tuple(
            Pod(
                payload=pod.payload.getvalue(),
                buffers=tuple(pod.buffers),
                slots=tuple(resolved(target) for target in pod.slots),
                modules=tuple(sorted(pod.modules)),
                place=pod.place,
            )
            for pod in pods
        ),
        names={name: resolved(target) for name, target in names.items()},
        definitions={
            token: tuple(resolved(target) for target in targets) for token, targets in parts.items()
        },
    )


def _reachable(targets: Iterable[_Target]) -> list[_Writing]:
    """The pods needed, children first. Those left over from an abandoned parent are not."""
    todo = [target[0] for target in targets if not isinstance(target, Slot)]
    seen: dict[int, _Writing] = {}
    while todo:
        pod = todo.pop()
        if pod.number not in seen:
            seen[pod.number] = pod
            todo.extend(slot[0] for slot in pod.slots if not isinstance(slot, Slot))
    return [seen[number] for number in sorted(seen)]
