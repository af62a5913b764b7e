"""Objects to pods: one examination of some roots.

`PodPickler.persistent_id` is called by the C pickler for every object it meets. It either *bundles*
the object (returns None: the object goes on into this pod) or *splits* it off (pickles it into a
pod of its own, right there, and returns a slot number).

Every non-atomic object is owned by the pod that first pickled it. Another pod that meets it emits a
slot to it. Pods form a DAG: a slot always points into a finished pod. Meeting an object owned by a
pod that is still being written would close a cycle between pods; then all pods inside that one are
abandoned, and their roots are bundled into the pods that enclose them. So cycles lie inside pods.
"""

from __future__ import annotations

import builtins
import contextlib
import math
import sys
import time
import types
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from typing import Any

from pod.podding import definitions
from pod.podding.atoms import SINGLETONS, module_of_globals, streams
from pod.podding.components import components
from pod.podding.memory import (
    Holders,
    SharedMemory,
    has_private_parts,
    holder_of,
    is_array,
    taken_apart,
)
from pod.podding.opaque import HANDLE, Mark, Unavailable, is_handle, reason_of
from pod.podding.pickler import (
    DeepPodPickler,
    NotOrdinary,
    PlainPickler,
    PodPickler,
    QuietPodPickler,
    has_reducer,
    is_ordinary,
)
from pod.podding.plain import LEAST, PLAIN, Look, Shape, shape_of
from pod.podding.pods import Component, Slot
from pod.podding.policies import (
    Place,
    Policy,
    make_policy,
    place_within,
    root_place,
    shallow_bytes,
    shallow_bytes_of,
)
from pod.podding.progress import ATOM, ClosesCycle, PodInProgress, Target, TooLongError
from pod.podding.rebuild import make_function, set_cell, set_function_state, unwrap
from pod.podding.reducers import know_libraries
from pod.podding.reducers.generated import globals_of_generated
from pod.podding.reducers.python import ModuleVars, module_vars
from pod.podding.specials import Specials
from pod.referents import behind

PATIENCE = 9
"""How often a variable is begun again because another thread changed it meanwhile."""


_CLOCK_EVERY = 256
"""So many objects are met between two looks at the clock."""

_OBJECTS_OF_POD = 20
"""Beginning a pod takes as long as meeting so many."""

_AT_ONCE = 20_000
"""So many objects at a time are looked through without a look at the clock."""


def _changed_meanwhile(error: Exception) -> bool:
    return isinstance(error, RuntimeError) and "during iteration" in str(error)


def _never_saved(kind: type) -> str:
    if is_handle(kind):
        return HANDLE
    if not definitions.is_definition(kind) or definitions.is_written_in_c(kind):
        return ""
    reason = definitions.refusal(kind)
    return f"its class cannot be: {reason}" if reason else ""


class Examination:
    """One pass over some roots: what they are made of now, as pods.

    Args:
        namespace: the mapping whose functions have it as their globals.
        tokens: names of the session's definitions; new ones are minted as they are met.
        policy: where to split.
        t: the time id this is for, and `since`, by object id, when an opaque object was first seen.
        whole: arrays that are to be saved whole with a view of them.
        deadline: when to raise `TooLongError`, by `time.perf_counter`, as far as that is noticed.
    """

    looks_ahead = True
    """Whether pods of plain containers are looked through; without, the same takes longer."""

    def __init__(
        self,
        namespace: dict[str, Any],
        tokens: definitions.Tokens,
        policy: Policy,
        t: int,
        since: Callable[[object], int] | None = None,
        whole: Holders | None = None,
        deadline: float | None = None,
    ) -> None:
        self.tokens = tokens
        self._deadline = deadline
        self._until_clock = _CLOCK_EVERY
        self.policy = policy
        self.t = t
        self.since = since or (lambda _: t)
        self.failures: dict[str, str] = {}
        """Root name -> why it could not be saved as a whole (a placeholder stands for it)."""
        self.definitions: dict[str, Any] = {}
        """Token -> definition, of all that were met."""
        self._namespace = namespace
        self._names: dict[str, Target] = {}
        self._parts: dict[str, tuple[Target, ...]] = {}
        self._begun: dict[str, tuple[list[Target], tuple[Any, ...]]] = {}
        """Token -> what is pickled of its parts, and the parts still to be pickled."""
        self._pods: list[PodInProgress] = []
        self._keep: list[Any] = []  # ids must stay unique while `_owner` has them
        self._serial = 0
        self._settled = True
        self._pickler: type[PodPickler] | type[DeepPodPickler] = PodPickler
        self._root_ids: dict[int, Place] = {}
        self._forced: set[int] = set()
        self._module_vars: dict[int, ModuleVars | None] = {}
        self._bare_cells: set[int] = set()
        know_libraries()  # before the singletons of theirs are asked for
        self._given: dict[int, PodInProgress | Slot] = {
            id(()): ATOM,
            id(frozenset()): ATOM,
            id(vars(builtins)): Slot("vars", ("builtins",)),
            id(namespace): Slot("namespace"),
        }
        for key, (module, name) in SINGLETONS.items():
            self._given[key] = Slot("global", (module, name))
        for name, stream in streams().items():
            if stream is not None:
                self._given.setdefault(id(stream), Slot("global", ("sys", name)))
                self._keep.append(stream)
        self.owner = dict(self._given)
        """Object id -> the pod that first pickled it, or the slot that stands for it everywhere."""
        self.special = Specials(self.definition_met, self._has_known_globals)
        self.atomic_types = self.special.atomic_types
        self._owned_types = self.special.owned_types
        self._bytes_of: dict[type, int] = {}
        self._shapes: dict[type, Shape | None] = dict.fromkeys(PLAIN)
        self._never_saved: dict[type, str] = {}
        self._memory = SharedMemory(Holders() if whole is None else whole, self._is_known)
        self._is_apart = False
        self._private: set[int] = set()
        self._closed: list[tuple[object, PodInProgress]] = []
        """Objects that were not looked into, and the pods that have a placeholder for them."""
        self._behind: dict[int, list[PodInProgress]] = {}
        """What those hold, by id, and the pods with their placeholders."""
        self._without_memory: set[type] = set()  # most types: asked for each object, so it is kept
        self._singletons = math.nan, getattr(sys.modules.get("numpy"), "nan", math.nan)

    # --- from outside

    def examine(
        self,
        roots: Mapping[str, object],
        tokens: Mapping[str, Any] | None = None,
        rebound: Container[str] = (),
    ) -> None:
        """Pickle the roots and these definitions, then every definition that any of them use.

        `rebound`: roots that are other objects than at the last examination.
        """
        names = sorted(roots)
        for name in names:
            self._root_ids.setdefault(id(roots[name]), root_place(name))
        self._examine_code(roots, tokens or {})
        for name in names:
            self._settled = name not in rebound
            self._names[name] = self._root(name, roots[name])
        self._settled = True
        # What the roots lead to comes first, in an order that is the same whatever else is asked.
        self._finish_definitions()
        self.definitions.update(tokens or {})
        self._finish_definitions()
        for obj, pod in self._closed:
            for each in behind([obj], self._namespace):
                self._behind.setdefault(id(each), []).append(pod)

    def _finish_definitions(self) -> None:
        while todo := self.definitions.keys() - self._parts.keys():
            for token in sorted(todo):
                self._finish_definition(token)

    def _examine_code(self, roots: Mapping[str, object], tokens: Mapping[str, Any]) -> None:
        """First of all the bare objects and the methods of definitions, as far as they are known.

        What a method has as a default may be in an instance too. The pod of the instance then has
        a slot into that of the method and not the other way round, so that the class has its
        methods when the instance is made.
        """
        for obj in roots.values():
            for each in (obj, type(obj)):
                if definitions.may_be_definition(each):
                    self.special(each)
        while todo := {
            token: definition
            for token, definition in {**tokens, **self.definitions}.items()
            if token not in self._begun
            # Only those with a name, so that it does not depend on what was met in earlier saves.
            and dict.get(self._namespace, definition.__name__) is definition
        }:
            for token in sorted(todo):
                self.definitions[token] = todo[token]
                self._begin_definition(token)

    def components(self) -> list[Component]:
        """The roots that share objects, together with their pods; call once, at the end."""
        links = [*self._memory.links(self.owner.get), *self._links_of_closed()]
        found = components(self._pods, self._names, self._parts, links)
        self.close()
        return found

    def has_met(self, obj: object) -> bool:
        """Whether this very object was met, other than one that every examination knows."""
        key = id(obj)
        return (key in self.owner or key in self._behind) and key not in self._given

    def names_met(
        self, values: Mapping[str, object], having: Callable[[Collection[int]], Iterable[str]]
    ) -> set[str]:
        """Names of the objects, of these, that were met. `having` gives those with some ids."""
        found = {*having(self.owner), *(having(self._behind) if self._behind else ())}
        return {name for name in found if id(values[name]) not in self._given}

    def has_parted(self) -> bool:
        """Whether arrays were parted that share memory; another examination will not do so."""
        return self._memory.was_wrong()

    def close(self) -> None:
        """Let go of the user's objects now, not when the garbage collector comes by."""
        for pod in self._pods:
            pod.pickler = None
        held: tuple[Any, ...] = (
            self._pods, self._keep, self._names, self._parts, self._begun,
            self.owner, self._given, self.definitions, self._memory, self._private,
            self._closed, self._behind, self._module_vars,
        )  # fmt: skip
        for each in held:
            each.clear()
        self._namespace = {}

    def definition_met(self, definition: Any) -> Slot:
        """The slot for a class or function of the session, which is then examined too."""
        token = self.tokens.token_of(definition)
        self.definitions[token] = definition
        return Slot("definition", (token,))

    # --- roots

    def _root(self, name: str, obj: object) -> Target:
        if type(obj) is not Unavailable:
            special = self.owner.get(id(obj)) or self.special(obj)
            if isinstance(special, Slot):
                return special
            if special is not None and special is not ATOM and special.finished:
                index = special.index_of(obj)
                if index is not None:
                    return special, index
        try:
            return self._top_pod(obj, root_place(name)), None
        except MemoryError:
            raise
        except Exception as error:
            self.failures[name] = reason_of(error)
            return Slot("opaque", self.opaque_args(obj, reason_of(error)))

    def _top_pod(self, obj: object, place: Place) -> PodInProgress:
        for _ in range(PATIENCE):
            try:
                return self._top_pod_now(obj, place)
            except RuntimeError as error:
                if not _changed_meanwhile(error):
                    raise
        return self._top_pod_now(obj, place)

    def _top_pod_now(self, obj: object, place: Place) -> PodInProgress:
        try:
            return self._write(obj, place)
        except RecursionError:
            with self._bundling():
                try:  # splitting nests deeper than pickling does
                    return self._write(obj, place)
                except RecursionError:
                    self._pickler = DeepPodPickler
                    return self._write(obj, place)

    @contextlib.contextmanager
    def _bundling(self) -> Iterator[None]:
        """Split nothing off."""
        before = self.policy, self._root_ids, self._pickler
        self.policy, self._root_ids = make_policy("bundle-all"), {}
        try:
            yield
        finally:
            self.policy, self._root_ids, self._pickler = before

    def _begin_definition(self, token: str) -> None:
        """Pickle the bare object and what is filled in first, and note the other parts."""
        definition = self.definitions[token]
        try:
            parts = definitions.parts_of(definition)
            self._keep.append(parts)
            with self._apart():
                bare = self._top_pod(parts[0], root_place(token, 1))
            first = self._top_pod(parts[1], root_place(token, 2))
            self._begun[token] = [(bare, None), (first, None)], parts[2:]
        except MemoryError:
            raise
        except Exception as error:
            self._refuse_definition(token, error)

    def _finish_definition(self, token: str) -> None:
        """Pickle the other parts."""
        if token not in self._begun:
            self._begin_definition(token)
        roots, parts = self._begun[token]
        try:
            for part in parts:
                place = root_place(token, len(roots) + 1)
                roots.append((self._top_pod(part, place), None))
        except MemoryError:
            raise
        except Exception as error:
            self._refuse_definition(token, error)
        self._parts[token] = tuple(self._begun[token][0])

    def _refuse_definition(self, token: str, error: Exception) -> None:
        self.failures[token] = reason_of(error)
        args = self.opaque_args(self.definitions[token], reason_of(error))
        self._begun[token] = [Slot("opaque", args)], ()

    @contextlib.contextmanager
    def _apart(self) -> Iterator[None]:
        """Pickle without sharing anything with other pods, as the bare object of a definition has
        to be: pods that need the definition could not be loaded before it otherwise."""
        owner, self.owner = self.owner, dict(self._given)
        self._is_apart = True
        try:
            yield
        finally:
            self.owner, self._is_apart = owner, False

    # --- pods

    def _write(self, obj: object, place: Place) -> PodInProgress:
        pod = self._written_quietly(obj, place)
        if pod is None:
            pod = self._begin(obj, place)
            pod.pickler = self._pickler(self, pod)
            self._dump(obj, pod)
        pod.finished = True
        pod.number = len(self._pods)
        self._pods.append(pod)
        return pod

    def _begin(self, obj: object, place: Place) -> PodInProgress:
        pod = PodInProgress(place)
        if self.special(obj) is None:
            self.owner[id(obj)] = pod
        return pod

    def _dump(self, obj: object, pod: PodInProgress) -> None:
        assert pod.pickler is not None
        try:
            pod.pickler.dump(obj)
        except BaseException:
            pod.abandoned = True
            pod.pickler = None
            raise

    def _written_quietly(self, obj: object, place: Place) -> PodInProgress | None:
        """A pod of ordinary objects, about which nothing needs to be asked; None if it is not."""
        if not self.looks_ahead or self._pickler is not PodPickler:
            return None
        if type(obj) in self.atomic_types:
            return None
        pod = self._begin(obj, place)
        most = sys.maxsize if self._deadline is None else _AT_ONCE
        try:
            look = Look(pod, self.policy.smallest, self, most)
            if look.is_ordinary(obj):
                if look.shapes:
                    pod.pickler = QuietPodPickler(self, pod, look.shapes)
                else:
                    pod.pickler = PlainPickler(pod)
                self._dump(obj, pod)
                while look.owned:
                    self.owner.update(look.owned.pop())
                return pod
        except BaseException as error:
            pod.abandoned = True
            if isinstance(error, MemoryError) or not isinstance(error, Exception):
                raise
            # Whatever it is, asking about each object tells what it is about.
            return None
        pod.abandoned = True
        return None

    def shape_of(self, sample: Any) -> Shape | None:
        """What all objects of its type are like; None if they have to be asked about."""
        kind = type(sample)
        if kind not in self._shapes:
            self._shapes[kind] = None
            with contextlib.suppress(Exception):  # a class may be as odd as its metaclass likes
                self._shapes[kind] = self._shape_of(sample, kind)
        return self._shapes[kind]

    def _shape_of(self, sample: Any, kind: type) -> Shape | None:
        shape = shape_of(kind)
        if shape is None or shape is Shape.ASKED:
            return shape
        special = self.special(sample)
        if shape is Shape.ATOM:
            return shape if special is ATOM else None
        holds = shape is Shape.HOLDER or shape is Shape.AS_ONE
        is_like_others = (
            kind in self._owned_types
            and (is_ordinary(kind) or (holds and not has_reducer(kind)))
            and not self.never_saved(kind)
            and not has_private_parts(kind)
            and (shallow_bytes_of(kind) or 0) < LEAST
        )
        return shape if is_like_others else None

    def is_constant(self, obj: object) -> bool:
        """Whether a tuple or frozenset counts as an atom."""
        return self.special(obj) is not None

    def is_free(self, ids: dict[int, PodInProgress]) -> bool:
        """Whether objects of these ids go into the pod that meets them, for all that others say."""
        owner = self.owner
        if not owner.keys().isdisjoint(ids.keys()):
            for key in owner.keys() & ids.keys():
                other = owner[key]
                if isinstance(other, Slot) or not other.abandoned:
                    return False
        known = self._root_ids.keys()
        return known.isdisjoint(ids.keys()) or self._forced.issuperset(known & ids.keys())

    def singletons(self) -> tuple[float, float]:
        """Numbers that are compared with by `is`: they have to be the very same again."""
        return self._singletons

    def _split(self, obj: object, parent: PodInProgress, place: Place) -> int | None:
        """Pickle `obj` into a pod of its own; None where the DAG rule says to bundle it."""
        try:
            child = self._write(obj, place)
        except ClosesCycle as closes:
            self._forced.add(id(obj))
            self._keep.append(obj)
            if closes.target is not parent:
                raise
            self.owner[id(obj)] = parent
            return None
        except (RecursionError, MemoryError):
            raise
        except Exception as error:
            if _changed_meanwhile(error):
                raise
            self.closed_met(obj, parent)
            return parent.slot(Slot("opaque", self.opaque_args(obj, reason_of(error))))
        return parent.slot((child, None))

    def met(self, obj: Any, pod: PodInProgress) -> int | None:
        """What `persistent_id` does with an object that is no known atom and not this pod's own."""
        key = id(obj)
        kind = type(obj)
        owner: Any = self.owner.get(key)  # a pod, a slot, or nobody
        if owner is None or owner is ATOM or (type(owner) is not Slot and owner.abandoned):
            # An abandoned pod's may be the id of something that was made for it and is gone.
            if owner is not ATOM and kind not in self._owned_types:
                owner = self._special_owner(obj)
            if owner is ATOM:
                return None
        if type(owner) is Slot:
            return pod.stand_in(key, owner)
        if owner is not None and not owner.abandoned:
            if not owner.finished:
                raise ClosesCycle(owner)
            index = owner.index_of(obj)
            if index is not None:
                if (owner, index) not in pod.slot_numbers:
                    self._count(self._size_of(obj, kind), pod)
                return pod.slot((owner, index))
        if key not in self._forced:
            place = self._root_ids.get(key)
            if place is None:
                place = self._split_place(obj, kind, pod)
            else:
                self._count(self._size_of(obj, kind), pod)
            if place is not None:
                if self._deadline is not None:
                    self._look_at_clock(self._deadline, _OBJECTS_OF_POD)
                return self._split(obj, pod, place)
        self.owner[key] = pod
        if self._deadline is not None:
            self._look_at_clock(self._deadline, 1)
        return None

    def _look_at_clock(self, deadline: float, objects: int) -> None:
        self._until_clock -= objects
        if self._until_clock < 0:
            self._until_clock = _CLOCK_EVERY
            if time.perf_counter() > deadline:
                raise TooLongError

    def _special_owner(self, obj: object) -> PodInProgress | Slot | None:
        owner = self.special(obj)
        if owner is not None and owner is not ATOM:
            self.owner[id(obj)] = owner
            self._keep.append(obj)
        return owner

    def stand_in(self, obj: Any, pod: PodInProgress) -> int | None:
        """What `persistent_id` does with an object that may be a class, where all others are
        ordinary."""
        owner = self.owner.get(id(obj))
        if type(owner) is not Slot:
            owner = self._special_owner(obj)
        if type(owner) is Slot:
            return pod.stand_in(id(obj), owner)
        if owner is ATOM:
            return None
        raise NotOrdinary

    def _split_place(self, obj: Any, kind: type, pod: PodInProgress) -> Place | None:
        """Where the pod for `obj` would be, if the policy wants it split off."""
        policy = self.policy
        size = self._size_of(obj, kind)
        if self._count(size, pod):
            place = place_within(pod.place, pod.candidates)
            if policy.splits(size, place, pod.size, pod.place, self._settled):
                return place
        pod.size += size
        return None

    def _size_of(self, obj: Any, kind: type) -> int:
        size = self._bytes_of.get(kind)
        if size is None:
            size = shallow_bytes(obj)
            if shallow_bytes_of(kind) is not None:
                self._bytes_of[kind] = size
        return size

    def _count(self, size: int, pod: PodInProgress) -> bool:
        """Count an object among those that may be split off, if it is one; whoever owns it, so that
        the places of the others stay what they were when a variable comes to refer to it."""
        is_one = size >= self.policy.smallest
        pod.candidates += is_one
        return is_one

    def found_by_name(self, obj: object) -> None:
        """Its reduction was a name: it is an atom, so it does not connect those that have it."""
        self.owner[id(obj)] = self._given[id(obj)] = ATOM
        self._keep.append(obj)

    # --- memory

    def memory_met(self, obj: object, pod: PodInProgress) -> Any | None:
        """An object of a library is about to be pickled into `pod`. Gives its reduction, if that
        depends on memory that it shares."""
        kind = type(obj)
        if kind in self._without_memory:
            return None
        if is_array(kind):
            private = id(obj) in self._private
            self._memory.met(obj, pod, private)
            if private or self._is_apart or self.owner.get(id(holder_of(obj))) is ATOM:
                return None
            return self._array(obj)
        if not has_private_parts(kind):
            self._without_memory.add(kind)
            return None
        reduction, parts = taken_apart(obj)
        for part in parts:
            # Pickled wherever it is met, as an atom is.
            self._private.add(id(part))
            self._keep.append(part)
            self.owner[id(part)] = ATOM
        return reduction

    def _array(self, array: Any) -> Any | None:
        """The reduction of an array that is not simply one with memory of its own."""
        # Here, since it needs NumPy, which is not to be imported for nothing.
        from pod.podding.reducers.arrays import is_plain, reduce_kind, reduce_view

        numpy_array = sys.modules["numpy"].ndarray
        if type(array) is numpy_array:
            return reduce_view(array, self._memory)
        if not is_plain(type(array)):
            return None
        plain = array.view(numpy_array)
        self._keep.append(plain)
        if array.base is None:
            self._private.add(id(plain))  # it has the memory, though it looks like a view
        return reduce_kind(array, plain)

    def _is_known(self, holder: object) -> bool:
        return id(holder) in self._root_ids or self.has_met(holder)

    # --- opaque objects

    def closed_met(self, obj: object, pod: PodInProgress) -> None:
        """An object whose content `pod` does not have. Whoever uses it may change what it holds."""
        self._closed.append((obj, pod))

    def _links_of_closed(self) -> Iterator[tuple[PodInProgress, PodInProgress]]:
        for key, pods in self._behind.items():
            owner = self.owner.get(key)
            if isinstance(owner, PodInProgress) and owner is not ATOM and owner.number >= 0:
                yield from ((pod, owner) for pod in pods if pod.number >= 0)

    def never_saved(self, kind: type) -> str:
        """Why no object of this type can be; empty if some may be."""
        known = self._never_saved.get(kind)
        if known is None:
            known = self._never_saved[kind] = _never_saved(kind)
        return known

    def opaque_args(self, obj: object, reason: str) -> tuple[Any, ...]:
        """What a placeholder knows. The serial sets apart what was examined at different moments:
        an opaque object may have changed whenever it was touched, in ways nobody can see."""
        self._serial += 1
        kind = type(obj)
        name = kind.__qualname__
        if issubclass(kind, type):
            name = f"class {definitions.qualname_of(obj)}"
        elif kind.__module__ not in ("builtins", "__main__"):
            name = f"{kind.__module__}.{name}"
        return name, reason, self.since(obj), f"{self.t}.{self._serial}"

    def opaque(self, obj: object, reason: str, pod: PodInProgress) -> tuple[Any, ...]:
        """The reduction of an object that cannot be saved."""
        self.closed_met(obj, pod)
        return unwrap, (Mark(*self.opaque_args(obj, reason)),)

    # --- functions

    def reduce_function(self, function: types.FunctionType) -> tuple[Any, ...]:
        code, namespace, *rest = definitions.function_arguments(function)
        if not self._has_known_globals(function) and id(namespace) not in self.owner:
            namespace = (
                self._vars_of_module(namespace) or globals_of_generated(function) or namespace
            )
            self._keep.append(namespace)
        self._bare_cells.update(id(cell) for cell in function.__closure__ or ())
        return (
            make_function,
            (code, namespace, *rest),
            definitions.function_state(function),
            None,
            None,
            set_function_state,
        )

    def _vars_of_module(self, namespace: dict[str, Any]) -> ModuleVars | None:
        key = id(namespace)
        if key not in self._module_vars:  # it looks through all that the interpreter has
            self._module_vars[key] = module_vars(namespace)
            self._keep.append(namespace)
        return self._module_vars[key]

    def _has_known_globals(self, function: types.FunctionType) -> bool:
        """Whether its globals are found again without having been saved: they are the namespace, or
        a module's."""
        namespace = function.__globals__
        key = id(namespace)
        if key in self._given:
            return True
        module = None if key in self.owner else module_of_globals(namespace)
        if module is None:
            return False
        # Given, so that the bare part of a definition has it as well, whatever else it may not use.
        self.owner[key] = self._given[key] = Slot("vars", (module,))
        self._keep.append(namespace)
        return True

    def reduce_cell(self, cell: types.CellType) -> tuple[Any, ...]:
        """Bare where a function's state will fill it, so that the cell may hold the function."""
        if id(cell) in self._bare_cells:
            return types.CellType, ()
        try:
            contents = (cell.cell_contents,)
        except ValueError:
            return types.CellType, ()
        return types.CellType, (), contents, None, None, set_cell
