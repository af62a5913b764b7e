"""What a case of the library matrix is, and what may become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

UNTOUCHED = "whenever it is touched"
ONCE = "once more after it was first saved"
READING = "after it was read"
LOADING = "after it was loaded"
RESTART = "after it was loaded by another process"
WHEN = (UNTOUCHED, ONCE, READING, LOADING, RESTART)
"""When a variable may be saved again although it is what it was."""

KEEPS = "keeps what it worked out"
"""Why most of them are."""

ORDER = "a set of strings may have another order after loading"


def _nothing(_: Any) -> None:
    """The look at a value beside its `repr`, for one that has no other."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of value, and what is expected of it.

    `make` and the change must give the same value each time they are called, in every process:
    what was saved is compared with a twin that Pod never saw.
    """

    library: str
    name: str
    make: Callable[[], Any]
    change: Callable[[Any], object] | None = None
    """Changes the value in place; what it returns is ignored."""
    replace: Callable[[Any], Any] | None = None
    """For a value that cannot be changed in place: makes the next one from it."""
    same: Callable[[Any, Any], object]
    """Asserts, or says, that two values are the same in the library's own terms."""
    look: Callable[[Any], object] = _nothing
    """What people do with such a value without changing it."""
    opaque: str = ""
    """Words of the placeholder's reason, for a value that cannot be saved, or a part of it."""
    resaved: tuple[str, ...] = ()
    """When it is saved again needlessly, from `WHEN`."""
    why: str = ""
    """Why it is, for the table."""
    unordered: bool = False
    """Whether it holds a set of strings: where it is loaded, that may have another order."""
    shared: bool = True
    """Whether two places that held the value hold the same object again: not so for atoms."""

    def __post_init__(self) -> None:
        assert (self.change is None) != (self.replace is None), self.name
        assert set(self.resaved) <= set(WHEN), self.name
        assert not self.unordered or RESTART in self.resaved, self.name
        assert bool(self.resaved) <= bool(self.why), f"{self.name}: say why it is saved again"

    def expected(self, *possible: str) -> tuple[str, ...]:
        """When it is saved again needlessly, of these; without what is left to chance."""
        chance = {LOADING, RESTART} if self.unordered else set()
        return tuple(when for when in possible if when in self.resaved and when not in chance)

    @property
    def id(self) -> str:
        return f"{self.library}: {self.name}"

    def changed(self, value: Any) -> Any:
        """The value after the change, be it this object or another."""
        if self.replace is not None:
            return self.replace(value)
        assert self.change is not None
        self.change(value)
        return value

    def is_same(self, value: Any, twin: Any) -> bool:
        """`same`, as an answer."""
        if type(value) is not type(twin):
            return False
        try:
            outcome = self.same(value, twin)
        except AssertionError:
            return False
        return outcome is None or bool(outcome)
