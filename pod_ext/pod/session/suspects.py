"""Which variables forked children hang at, as far as can be told from who was there."""

from __future__ import annotations

from collections.abc import Collection, Set

MOST_HUNG = 2
"""What so many children in a row hung at is not given to one again."""


class Suspects:
    """Variables that are looked at without a fork, since there is something in them, such as a
    library's thread pool, that a child waits for in vain."""

    def __init__(self) -> None:
        self._groups: dict[frozenset[str], int] = {}
        """Each has one that children hung at, and so often did they."""

    def note(self, names: Set[str], hung: bool) -> None:
        """A child that looked at these hung, or was done."""
        if hung:
            self._note_hung(frozenset(names))
        elif self._groups:
            left = {group - names: times for group, times in self._groups.items()}
            self._groups = {group: times for group, times in left.items() if group}

    def _note_hung(self, names: frozenset[str]) -> None:
        known = next((group for group in self._groups if group & names), frozenset[str]())
        times = self._groups.pop(known, 0)
        self._groups[known & names or names] = times + 1

    def are_among(self, names: Collection[str]) -> bool:
        """Whether a child would hang, most likely."""
        return any(
            times >= MOST_HUNG and all(name in names for name in group)
            for group, times in self._groups.items()
        )
