"""A namespace that knows which of its names were touched.

It is a dict subclass, because that is what Python code can run in. Lookups of names in running code
(`LOAD_NAME`, `LOAD_GLOBAL`) go through `__getitem__` for a dict subclass; assignments at the top of
a cell go through `__setitem__`. `STORE_GLOBAL` in a function goes past both, so a rebinding may be
missed here; who saves finds it by comparing the objects.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any


class TrackedNamespace(dict[str, Any]):
    """Variables by name, and a record of the names that were read, written or deleted."""

    __slots__ = (
        "__weakref__", "_everything", "_held", "_ignored_module", "_overlooked", "_touched",
        "_wait", "_watched", "origin",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._touched: set[Any] = set(self.keys())
        self._everything = False
        self._watched: set[str] = set()
        self._ignored_module = ""
        self._overlooked: frozenset[str] = frozenset()
        self._held: frozenset[str] = frozenset()
        self._wait: Callable[[Collection[str] | None], None] | None = None
        self.origin: Any = None
        """The session that saves it, once there is one."""

    # --- for the tracker

    def _take_touched(self) -> tuple[set[Any], bool]:
        touched, everything = self._touched, self._everything
        self._touched, self._everything = set(), False
        return touched, everything

    def _touch(self, names: Iterable[str], everything: bool) -> None:
        self._everything = self._everything or everything
        self._touched.update(names)

    def _watch(self, names: Iterable[str], ignored_module: str) -> None:
        """Names through which any object may be reached (an output cache): reading one touches
        everything, unless it is code of `ignored_module` that reads."""
        self._watched.update(names)
        self._ignored_module = ignored_module

    def _overlook(self, *modules: str) -> None:
        """Asking for a name by `get` touches nothing, where code of these modules does."""
        self._overlooked = frozenset(modules)

    def _hold(self, names: frozenset[str], wait: Callable[[Collection[str] | None], None]) -> None:
        """Who looks one of these names up has to wait first; who looks at all, for all."""
        self._wait = wait
        self._held = names

    def _await(self, name: Any) -> None:
        """Before its object is given to whoever may alter it."""
        if name in self._held and self._wait is not None:
            self._wait((name,))

    def _reach_everything(self) -> None:
        self._everything = True
        if self._held and self._wait is not None:
            self._wait(None)

    def _watched_read(self) -> None:
        reader = sys._getframe(2).f_globals
        # Not by the usual lookup, which would be recorded when the reader is a cell.
        if dict.get(reader, "__name__") != self._ignored_module:
            self._reach_everything()

    # --- reading

    def __getitem__(self, name: Any) -> Any:
        self._touched.add(name)
        if name in self._watched:
            self._watched_read()
        if name in self._held:
            self._await(name)
        return dict.__getitem__(self, name)

    def __iter__(self) -> Iterator[str]:
        # Overridden so that `dict(namespace)` and `{**namespace}` look names up one by one.
        return super().__iter__()

    def get(self, name: Any, default: Any = None) -> Any:
        reader = sys._getframe(1).f_globals
        if dict.get(reader, "__name__") in self._overlooked:
            return dict.get(self, name, default)
        try:
            return self[name]
        except KeyError:
            return default

    def values(self) -> Any:
        self._reach_everything()
        return super().values()

    def items(self) -> Any:
        self._reach_everything()
        return super().items()

    def copy(self) -> dict[str, Any]:
        self._reach_everything()
        return dict(self)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:  # type: ignore[override]
        return self.copy() | dict(other)

    def __ror__(self, other: Any) -> Any:
        return dict(other) | self.copy()

    def __eq__(self, other: object) -> bool:
        self._reach_everything()
        return dict.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # as every dict

    # --- writing

    def __setitem__(self, name: Any, value: Any) -> None:
        self._touched.add(name)
        dict.__setitem__(self, name, value)

    def __delitem__(self, name: Any) -> None:
        self._touched.add(name)
        dict.__delitem__(self, name)

    def setdefault(self, name: Any, default: Any = None) -> Any:
        self._touched.add(name)
        self._await(name)
        return super().setdefault(name, default)

    def pop(self, name: Any, *default: Any) -> Any:
        self._touched.add(name)
        self._await(name)
        return super().pop(name, *default)

    def popitem(self) -> tuple[str, Any]:
        name, value = super().popitem()
        self._touched.add(name)
        self._await(name)
        return name, value

    def update(self, *args: Any, **kwargs: Any) -> None:
        self._touched.update(dict(*args, **kwargs))
        super().update(*args, **kwargs)

    def __ior__(self, other: Any) -> Any:  # type: ignore[misc]
        self.update(other)
        return self

    def clear(self) -> None:
        self._touched.update(self.keys())
        super().clear()

    def __reduce_ex__(self, _: Any) -> tuple[Any, ...]:
        # A namespace inside another one is saved as the mapping it is.
        return TrackedNamespace, (), None, None, iter(list(dict.items(self)))
