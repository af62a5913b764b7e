"""The saves of a session that are under way, in their order, and what is presumed meanwhile."""

from __future__ import annotations

import time
from collections.abc import Collection

from pod.history.state import State
from pod.session.draft import Draft, Threaded, is_looking


class UnderWay:
    """Drafts that wait for their looks, each begun on top of those before it."""

    def __init__(self) -> None:
        self.drafts: tuple[Draft, ...] = ()
        self.held_seconds = 0.0
        """How long the user's code has waited, in its midst, for threads that look."""

    def add(self, draft: Draft) -> None:
        self.drafts = (*self.drafts, draft)

    def drop_first(self) -> None:
        self.drafts = self.drafts[1:]

    def take_all(self) -> tuple[Draft, ...]:
        drafts, self.drafts = self.drafts, ()
        return drafts

    def after(self, state: State) -> State:
        """What is known, or presumed, when all of them will be over; `state` is what is known
        without them."""
        for draft in self.drafts:
            draft.hear()
            state = draft.after(state)
        return state

    @property
    def untold(self) -> Draft | None:
        """The first of which it is not known what hangs together."""
        silent = (each for each in self.drafts if not (each.is_told or each.look.over))
        return next(silent, None)

    def has_blob(self, digest: str) -> bool:
        """Whether one of them is to store it. What comes after it comes to nothing with it."""
        return any(digest in draft.blobs for draft in self.drafts)

    @property
    def under_look(self) -> frozenset[str]:
        """Variables that a thread is looking at, and that must not change meanwhile."""
        looks = [d for d in self.drafts if isinstance(d.look, Threaded) and not d.look.over]
        return frozenset[str]().union(*(draft.names for draft in looks))

    def await_looks(self, names: Collection[str] | None = None) -> None:
        """Wait until no thread looks at any of these variables (default: any at all)."""
        for draft in self.drafts:
            if isinstance(draft.look, Threaded) and (
                names is None or not draft.names.isdisjoint(names)
            ):
                draft.look.wait()

    def await_in_code(self, names: Collection[str] | None) -> None:
        """What the user's code does before it may use what a thread looks at."""
        if is_looking():
            return
        started = time.perf_counter()
        self.await_looks(names)
        self.held_seconds += time.perf_counter() - started
