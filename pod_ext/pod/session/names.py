"""Which names in a namespace are variables, told for all of them at once.

A save asks this of every name there is, so what is known of a name is kept: only new ones cost
anything, and the rest is left to loops of the interpreter's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol, runtime_checkable

Versioned = Callable[[str, object], bool]
"""Whether a name, with this object, is a variable to be saved. Where it is not also a `Rule`, it
goes by the name alone, and is asked once."""


def every_name(name: str, _: object) -> bool:
    """The rule for a namespace that nobody but its owner puts names into."""
    return name != "__builtins__"


@runtime_checkable
class Rule(Protocol):
    """Tells variables from other names, for a whole namespace."""

    def left_out(self, found: Mapping[Any, object]) -> Collection[Any]:
        """Those of the names found in a namespace that are no variables."""
        ...


class ByName:
    """The rule that asks about each name once."""

    def __init__(self, versioned: Versioned) -> None:
        self._versioned = versioned
        self._newcomers = Newcomers()
        self._others: set[Any] = set()

    def left_out(self, found: Mapping[Any, object]) -> Collection[Any]:
        for name in self._newcomers.among(found):
            if type(name) is not str or not self._versioned(name, found[name]):
                self._others.add(name)
        return self._others & found.keys()


def rule_of(versioned: Versioned) -> Rule:
    """The same as a rule."""
    return versioned if isinstance(versioned, Rule) else ByName(versioned)


class Newcomers:
    """Tells which keys of a mapping are new. It mostly grows at its end, as a namespace does, and
    then the rest of it costs one comparison of two lists."""

    def __init__(self) -> None:
        self._known: list[Any] = []

    def among(self, mapping: Mapping[Any, object]) -> Collection[Any]:
        """Keys that were not there at the last call; it may give others too."""
        known, self._known = self._known, list(mapping)
        try:
            grown = self._known[: len(known)] == known
        except Exception:  # a key of the user's that cannot be compared
            return self._known
        return self._known[len(known) :] if grown else set(self._known).difference(known)
