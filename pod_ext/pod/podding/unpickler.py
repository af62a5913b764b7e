"""Pods to objects: children first, by the C unpickler.

A `Loader` is one act of loading: within it, one pod becomes objects once and one token one class or
function, so that everything loaded together shares what it shared when it was saved.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import operator
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pod.errors import RestoreError
from pod.podding import definitions
from pod.podding.opaque import Opaque
from pod.podding.pods import Pod, Slot, closure


class PodSource(Protocol):
    """One component as it is stored: slots at hand, the bytes of pods on demand."""

    slots: Sequence[tuple[Slot, ...]]
    """Of every pod, by number."""
    interior: frozenset[int]
    """Pods with an object, other than their root, that a slot or a name refers to."""

    def pods(self, numbers: Sequence[int]) -> Iterable[Pod]:
        """The pods of these numbers, in this order."""


@dataclass(frozen=True, slots=True)
class StoredDefinition:
    """Where the parts of a class or function are."""

    source: PodSource
    roots: tuple[Slot, ...]


class Loader:
    """Loads any number of components that belong to one moment.

    Args:
        namespace: what functions get as their globals.
        definition: token -> where its parts are; raises `RestoreError` for an unknown one.
        live: token -> the live class or function to use instead of a loaded one, or None.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        definition: Callable[[str], StoredDefinition],
        live: Callable[[str], Any | None] = lambda _: None,
    ) -> None:
        self._namespace = namespace
        self._definition = definition
        self._live = live
        self._components: dict[int, _ComponentLoad] = {}
        self._bare_depth = 0
        self._unfilled: list[_Unfilled] = []
        self._broken: list[_Unfilled] = []
        self.definitions: dict[str, Any] = {}
        """Token -> class or function, of all that were needed."""

    def load(self, source: PodSource, roots: Mapping[str, Slot]) -> dict[str, Any]:
        """The objects behind these roots of one component."""
        component = self._component(source)
        component.load(tuple(roots.values()))
        loaded = {name: component.resolve(slot) for name, slot in roots.items()}
        self._fill()
        return loaded

    def resolve(self, slot: Slot) -> Any:
        """The object behind a slot that is not in another pod."""
        match slot.kind:
            case "namespace":
                return self._namespace
            case "definition":
                return self.definition(slot.args[0])
            case "opaque":
                return Opaque(*slot.args)
            case "dtype":
                return importlib.import_module("numpy").dtype(slot.args[0])
            case "file":
                return definitions.remember_source(*slot.args)
            case "vars":
                return vars(importlib.import_module(slot.args[0]))
            case "global":
                return operator.attrgetter(slot.args[1])(importlib.import_module(slot.args[0]))
        raise RestoreError(
            f"a pod refers to something of kind {slot.kind!r}, which this version of Pod does not "
            "know; upgrade pod-ext to load it"
        )

    def definition(self, token: str) -> Any:
        """The class or function that `token` names, made on first need."""
        if token in self.definitions:
            self._require_whole(self.definitions[token])
            return self.definitions[token]
        live = self._live(token)
        if live is not None:
            self.definitions[token] = live
            return live
        stored = self._definition(token)
        component = self._component(stored.source)
        if stored.roots[0].kind == "opaque":
            self.definitions[token] = component.resolve(stored.roots[0])
            return self.definitions[token]
        with self._making():
            component.load(stored.roots[:1])
            if token not in self.definitions:  # else one of its bases came to need it
                self.definitions[token] = definitions.make_bare(component.resolve(stored.roots[0]))
                self._unfilled.append(
                    _Unfilled(self.definitions[token], component, stored.roots[1:])
                )
        self._fill()
        self._require_whole(self.definitions[token])
        return self.definitions[token]

    def _require_whole(self, definition: Any) -> None:
        for each in self._broken:
            if each.definition is definition:
                raise each.error

    @contextlib.contextmanager
    def _making(self) -> Iterator[None]:
        """While a bare class is made, so are those that it needs; none is filled before all are."""
        self._bare_depth += 1
        try:
            yield
        finally:
            self._bare_depth -= 1

    def _fill(self) -> None:
        """Fill what can be: methods first, so that instances among the data find them in place.

        What fails is among the broken then. It is no matter of what happens to be loaded; but a
        name that is missing is told, since it can be lent.
        """
        while self._bare_depth == 0:
            ready = [each for each in self._unfilled if each.is_ready()]
            if not ready:
                return
            first = max(ready, key=lambda each: len(each.roots))
            try:
                first.fill()
            except Exception as error:
                first.error = error
                self._unfilled.remove(first)
                self._broken.append(first)
                if isinstance(error, NameError):
                    raise
                continue
            if not first.roots:
                self._unfilled.remove(first)

    def retry(self) -> None:
        """Go on with the definitions that could not be filled, the cause being mended."""
        self._unfilled += self._broken
        self._broken.clear()

    def broken(self) -> dict[str, Exception]:
        """Definitions that could not be filled, by token, and why."""
        errors = {id(each.definition): each.error for each in self._broken}
        return {token: errors[id(d)] for token, d in self.definitions.items() if id(d) in errors}

    def whole(self) -> dict[str, Any]:
        """`definitions` without those that could not be filled, or not be saved at all."""
        broken = {id(each.definition) for each in self._broken}
        return {
            token: definition
            for token, definition in self.definitions.items()
            if id(definition) not in broken and type(definition) is not Opaque
        }

    def placeholder_among(self, slots: Iterable[Slot]) -> Opaque | None:
        """What stands for a class or function that one of these refers to, and that was not saved:
        nothing can be made of it."""
        for slot in slots:
            found = self.definitions.get(slot.args[0]) if slot.kind == "definition" else None
            if type(found) is Opaque:
                return found
        return None

    def close(self) -> None:
        """Let go of what was loaded now, not when the garbage collector comes by."""
        self._components.clear()
        self._unfilled.clear()
        self._broken.clear()

    def _component(self, source: PodSource) -> _ComponentLoad:
        return self._components.setdefault(id(source), _ComponentLoad(self, source))


@dataclass(slots=True, eq=False)
class _Unfilled:
    """A definition whose bare object exists, and the parts that are still to be set on it."""

    definition: Any
    component: _ComponentLoad
    roots: tuple[Slot, ...]
    filling: bool = False
    error: Exception = field(default_factory=RestoreError)
    """Why it could not be filled, if it is among the broken."""

    def is_ready(self) -> bool:
        """Not while its next part refers back to a pod that is being loaded right now."""
        return not self.filling and not self.component.is_loading(self.roots[0])

    def fill(self) -> None:
        """Set the next part."""
        self.filling = True
        try:
            self.component.load(self.roots[:1])
            definitions.fill(self.definition, self.component.resolve(self.roots[0]))
        finally:
            self.filling = False
        self.roots = self.roots[1:]


class _ComponentLoad:
    """What has become of one component's pods so far."""

    def __init__(self, loader: Loader, source: PodSource) -> None:
        self._loader = loader
        self._source = source
        self._roots: dict[int, Any] = {}
        self._memos: dict[int, dict[int, Any]] = {}
        self._loading: set[int] = set()

    def is_loading(self, root: Slot) -> bool:
        return not self._loading.isdisjoint(closure(self._source.slots, (root,)))

    def load(self, roots: Iterable[Slot]) -> None:
        needed = [n for n in closure(self._source.slots, roots) if n not in self._roots]
        for number, pod in zip(needed, self._source.pods(needed), strict=True):
            # A definition met on the way may have needed it already.
            if number not in self._roots:
                self._load_pod(number, pod)

    def _load_pod(self, number: int, pod: Pod) -> None:
        self._loading.add(number)
        try:
            unpickler = _PodUnpickler(pod, self.resolve)
            root = unpickler.load()
        except Exception as error:
            missing = self._loader.placeholder_among(pod.slots)
            if missing is None or isinstance(error, NameError):
                raise
            raise RestoreError(f"it needs what could not be saved: {missing!r}") from error
        finally:
            self._loading.discard(number)
        if number in self._source.interior:
            self._memos[number] = unpickler.memo.copy()
        self._roots[number] = root

    def resolve(self, slot: Slot) -> Any:
        if slot.kind != "pod":
            return self._loader.resolve(slot)
        number, index = slot.args
        return self._roots[number] if index is None else self._memos[number][index]


class _PodUnpickler(pickle.Unpickler):
    """Reads one pod."""

    def __init__(self, pod: Pod, resolve: Callable[[Slot], Any]) -> None:
        super().__init__(io.BytesIO(pod.payload), buffers=iter(pod.buffers))
        self._slots = pod.slots
        self._resolve = resolve

    def persistent_load(self, number: int) -> Any:
        return self._resolve(self._slots[number])

    def find_class(self, module: str, name: str) -> Any:
        # `sys.modules` first, as pickle does; a session's own classes never come by this way.
        if module in ("__main__", "__mp_main__"):
            raise RestoreError(f"{module}.{name} was saved by name, which is not found again")
        if module not in sys.modules:
            importlib.import_module(module)
        try:
            return super().find_class(module, name)
        except AttributeError:
            version = getattr(sys.modules[module.partition(".")[0]], "__version__", "")
            here = f" (version {version})" if isinstance(version, str) and version else ""
            raise RestoreError(
                f"it needs {name} of the module {module!r}, which the one that is installed "
                f"here{here} does not have"
            ) from None
