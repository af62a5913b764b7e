"""A save under way: all that its commit will say, but for what a look at the namespace finds.

The look may be made in another process or thread. Drafts are completed in the order in which they
were begun, each on top of the one before. A draft whose look is lost comes to nothing, and with it
those begun after it; what they were to save is then looked at again, and saved as one.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pod.errors import PodError
from pod.history.state import State
from pod.session.findings import Changes, Findings, Shapes, presumed, reshaped, shapes_in
from pod.session.forked import Child, ChildLostError
from pod.session.outcomes import Cell
from pod.store.repository import Written
from pod.store.writer import WriteJob
from pod.tracking import Touched


class LookLostError(PodError):
    """A look came to nothing; why."""


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a look."""

    findings: Findings
    blobs: Mapping[str, bytes]
    """Its new blobs, as far as they are not written yet."""
    written: Written | None
    """The pack with the others."""
    bases: Mapping[str, str]
    """For some of these blobs, what each may be stored as a delta against."""
    seconds: float
    """How long it took, of the processor's time where it was made elsewhere."""
    minted: tuple[tuple[str, int], ...] = ()
    """Tokens given to definitions of which the namespace's own process knows none, and the `id` of
    each."""
    noted: tuple[tuple[int, str, int], ...] = ()
    """Opaque objects that were met for the first time: `id`, type and time id."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a look tells before it is over, since what comes after it can go on with that."""

    shapes: Shapes
    noted: tuple[tuple[int, str, int], ...]
    minted: tuple[tuple[str, int], ...]
    """Both as in `Found`."""


def word_of(found: Found) -> Word:
    return Word(shapes_in(found.findings), found.noted, found.minted)


class Look(Protocol):
    """A look that was begun."""

    @property
    def over(self) -> bool: ...

    def wait(self) -> None:
        """Until it is over."""

    def found(self) -> Found:
        """Waits for it. `LookLostError`."""

    def word(self) -> Word | None:
        """What it has told so far, without waiting."""

    def await_word(self) -> None:
        """Until it has told something, or is over."""

    def word_by_sibling(self) -> Word:
        """The same, waited for, in a child that was forked while this look was under way.
        `LookLostError`."""

    def found_by_sibling(self) -> Found:
        """The same, in a child that was forked while this look was under way."""

    def abandon(self) -> None:
        """It is not needed any more."""

    def take_over(self) -> None:
        """In a forked child that goes on in its parent's place."""


class Made:
    """A look that was made here and now."""

    over = True

    def __init__(self, found: Found) -> None:
        self._found = found

    def wait(self) -> None:
        pass

    def found(self) -> Found:
        return self._found

    def word(self) -> Word:
        return word_of(self._found)

    word_by_sibling = word
    found_by_sibling = found

    def await_word(self) -> None:
        pass

    def abandon(self) -> None:
        pass

    def take_over(self) -> None:
        pass


class Forked:
    """A look that a forked child makes, which also writes what it finds."""

    def __init__(self, child: Child) -> None:
        self.child = child

    @property
    def over(self) -> bool:
        return self.child.over

    @property
    def hung(self) -> bool:
        """Whether it came to nothing because the child did nothing any more."""
        return self.child.hung

    def wait(self) -> None:
        self.child.wait()

    def found(self) -> Found:
        return self._result(self.child.result)

    def found_by_sibling(self) -> Found:
        return self._result(self.child.result_for_sibling)

    def word(self) -> Word | None:
        word = self.child.word()
        assert word is None or isinstance(word, Word)
        return word

    def await_word(self) -> None:
        self.child.await_word()

    def word_by_sibling(self) -> Word:
        word = self.child.word_for_sibling()
        if not isinstance(word, Word):
            raise LookLostError("an earlier look ended before it was done")
        return word

    @staticmethod
    def _result(wait: Callable[[], Any]) -> Found:
        try:
            found = wait()
        except ChildLostError as error:
            raise LookLostError(str(error)) from error
        assert isinstance(found, Found)
        return found

    def abandon(self) -> None:
        self.child.give_up()

    def take_over(self) -> None:
        self.child.take_over()


_THREAD = threading.local()


def is_looking() -> bool:
    """Whether this thread is one that looks, so that what runs here is code of the objects that are
    looked at. It may read them; if it waited for the look, it would wait for itself."""
    return getattr(_THREAD, "is_looking", False)


class Threaded:
    """A look that a thread of this process makes; what it looks at must not change meanwhile."""

    def __init__(self, look: Callable[[], Found]) -> None:
        self._look = look
        self._found: Found | None = None
        self._error: BaseException | None = None
        self._done = threading.Event()
        # As code of this thread sees its context variables.
        run = contextvars.copy_context().run
        thread = threading.Thread(target=run, args=(self._run,), name="pod-look", daemon=True)
        thread.start()

    def _run(self) -> None:
        _THREAD.is_looking = True
        try:
            self._found = self._look()
        except BaseException as error:
            self._error = error
        finally:
            del self._look
            self._done.set()

    @property
    def over(self) -> bool:
        return self._done.is_set()

    def wait(self) -> None:
        self._done.wait()

    def found(self) -> Found:
        self._done.wait()
        if self._found is None:
            raise LookLostError(f"{type(self._error).__name__}: {self._error}") from self._error
        return self._found

    def word(self) -> Word | None:
        return None if self._found is None else word_of(self._found)

    def await_word(self) -> None:
        self.wait()

    def word_by_sibling(self) -> Word:
        return word_of(self.found())

    found_by_sibling = found

    def abandon(self) -> None:
        pass

    def take_over(self) -> None:
        if self._found is None and self._error is None:
            self._error = LookLostError("the thread that looked is not there")
        self._done = threading.Event()
        self._done.set()


@dataclass(slots=True, eq=False)
class Draft:
    """One save under way, in the queue of what is to be written."""

    t: int
    claimed: bool
    parent: int | None
    cell: Cell
    created: str
    save_seconds: float
    """How long the user waited."""
    touched: Touched
    """What is to be looked at again if it comes to nothing."""
    names: frozenset[str]
    """Variables that are looked at, or may be."""
    changes: Changes
    random: tuple[tuple[str, str], ...]
    blobs: dict[str, bytes]
    """Blobs beside those that the look finds."""
    losses: int
    generation: object
    look: Look
    settle: Callable[[Draft], WriteJob | None]
    """Completes it and all drafts before it."""
    done: WriteJob | None = None
    _told: Word | None = field(default=None, init=False)
    _known: tuple[State, Word | None, State] | None = field(default=None, init=False)
    """What `after` was asked for last, what was told then, and the answer."""

    @property
    def is_told(self) -> bool:
        """Whether it is known what its look found to hang together, of what was heard so far."""
        return self._told is not None

    def hear(self) -> None:
        """What its look has told by now."""
        self._told = self._told or self.look.word()

    def after(self, before: State) -> State:
        """What is known, or presumed, after it."""
        known = self._known
        if known is None or known[0] is not before or known[1] is not self._told:
            told = self._told
            after = (
                presumed(before, self.changes)
                if told is None
                else reshaped(before, self.changes, told.shapes)
            )
            self._known = known = (before, told, after)
        return known[2]

    def wait(self) -> None:
        self.look.wait()

    def job(self) -> WriteJob | None:
        return self.done or self.settle(self)
