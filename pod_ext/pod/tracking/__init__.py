"""Which names did the code that ran touch? One small interface, several ways of finding out."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Touched:
    """Names that may have been read, written or deleted."""

    names: frozenset[str] = frozenset()
    everything: bool = False
    """True when code may have reached any name, in ways that do not tell which."""

    def __or__(self, other: Touched) -> Touched:
        return Touched(self.names | other.names, self.everything or other.everything)


Wait = Callable[[Collection[str] | None], None]
"""Returns when these names may be used; or with None, any name."""


class Tracker(Protocol):
    """Collects touched names between two saves. Rebinding of names need not be reported: whoever
    asks also compares each name's object with the one it last saw."""

    def take(self) -> Touched:
        """What was touched since the last call; collecting starts anew."""

    def touch(self, touched: Touched) -> None:
        """Count these as touched, as when a save that took them has failed."""

    def hold(self, names: frozenset[str], wait: Wait) -> None:
        """From now on, code that is about to use one of these names has to wait first; none to
        hold nothing any more."""


class EverythingTracker:
    """For a plain dict, which cannot tell: everything counts as touched."""

    def take(self) -> Touched:
        return Touched(everything=True)

    def touch(self, touched: Touched) -> None:
        pass

    def hold(self, names: frozenset[str], wait: Wait) -> None:
        pass
