"""What a session is told, and what it says it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pod.history import generators


@dataclass(frozen=True, slots=True)
class Cell:
    """What ran between two saves."""

    code: str = ""
    ok: bool = True
    error: str = ""
    seconds: float = 0.0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save did."""

    t: int
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    failures: dict[str, str]
    """Variable -> why a placeholder was saved for all of it, for variables new or changed."""
    opaque: dict[str, tuple[str, ...]]
    """Variable -> what inside it could not be saved, likewise."""
    seconds: float
    under_way: bool = False
    """Whether it is still being looked at what there is to say: see `Session.take_landed`."""
    lost: str = ""
    """What is gone of what was saved before, when that was found out; this save holds everything
    that is needed now."""


@dataclass(frozen=True, slots=True)
class Missed:
    """What a look at everything found beside what was touched."""

    looked_at: int
    """How many variables there are."""
    saved_first: int | None
    """The time id of what was touched and not saved yet, if anything was."""
    t: int | None
    """The time id at which the changes found were saved, if there were any."""
    unseen: dict[str, int | None]
    """Variable that had changed without being touched -> when a change of it was last saved."""
    opaque: tuple[str, ...]
    """Variables with objects that nobody can look into; whether those changed is not known."""


@dataclass(slots=True)
class CheckedOut:
    """What a checkout did."""

    t: int
    saved: int | None
    """The time id that the state before it was saved as, when it was not saved already."""
    partial: bool
    restored: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """Left in place, because they are the same now as then."""
    rebuilt: list[str] = field(default_factory=list)
    """Made again instead of restored."""
    removed: list[str] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    """Of those restored or kept, the ones that are modules, or classes and functions of modules."""
    failures: dict[str, str] = field(default_factory=dict)
    opaque: dict[str, tuple[str, ...]] = field(default_factory=dict)
    versions: Mapping[str, list[str]] = field(default_factory=dict)
    """What is another version now than when these variables were saved."""
    separated: dict[str, list[str]] = field(default_factory=dict)
    """Restored variable -> variables that shared objects with it then and were not asked for."""
    generators: generators.Settings = field(default_factory=generators.Settings)
    """Global random generators that were taken back too."""
