"""Which times are kept: the rules of retention, and how they combine.

A time is kept if any rule keeps it; then `max_size` removes the oldest of these until the rest
fits. Some times no rule removes: the newest of all, the newest of every session that is alive, what
a session of this process is at, and tagged ones unless that is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pod.errors import PodError
from pod.history.records import Commit

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d|w)", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Retention:
    """Rules. With none, every time is kept."""

    keep_last: int | None = None
    """Keep the newest so many."""
    keep_tagged: bool | None = None
    """True: keep what is tagged, and of the rest what other rules keep. False: a tag protects
    nothing. None: what is tagged is kept, which is no rule by itself."""
    keep_since: datetime | None = None
    """Keep what was saved since then."""
    max_size: int | None = None
    """Bytes that all that is kept may take."""

    def __bool__(self) -> bool:
        return self._selects or self.max_size is not None

    @property
    def _selects(self) -> bool:
        return self.keep_last is not None or bool(self.keep_tagged) or self.keep_since is not None

    @property
    def removes_unread(self) -> bool:
        """Whether it removes times without a look at their commits."""
        return self._selects and self.keep_since is None

    def kept(self, commits: Sequence[Commit], tagged: Collection[int]) -> set[int]:
        """Which of these, newest first, some rule keeps."""
        if not self._selects:
            return {commit.t for commit in commits}
        found = {commit.t for commit in commits[: self.keep_last or 0]}
        if self.keep_tagged is not False:
            found |= {commit.t for commit in commits if commit.t in tagged}
        if self.keep_since is not None:
            found |= {commit.t for commit in commits if not _is_before(commit, self.keep_since)}
        return found

    def cut(
        self,
        commits: Iterable[Commit],
        fixed: Collection[int],
        grow: Callable[[Commit], int],
    ) -> set[int]:
        """Which of these, newest first, fit into `max_size`. The `fixed` ones are always among
        them. `grow` says how many bytes all take that it was called with so far."""
        commits = list(commits)
        found = set(fixed)
        if self.max_size is None:
            return found | {commit.t for commit in commits}
        for commit in commits:
            if commit.t in fixed:
                grow(commit)
        for commit in commits:
            if commit.t not in fixed:
                if grow(commit) > self.max_size:
                    break
                found.add(commit.t)
        return found


EVERYTHING = Retention()


def retention(
    *,
    keep_last: int | None = None,
    keep_tagged: bool | None = None,
    keep_since: str | datetime | timedelta | None = None,
    max_size: int | str | None = None,
) -> Retention:
    """Rules as people give them. `PodError` says what is wrong with one."""
    if keep_last is not None and (isinstance(keep_last, bool) or keep_last < 1):
        raise PodError(f"keep-last takes a number of times, at least 1, and not {keep_last}")
    return Retention(
        keep_last,
        keep_tagged,
        None if keep_since is None else moment(keep_since),
        None if max_size is None else nbytes(max_size),
    )


def moment(given: str | datetime | timedelta, now: datetime | None = None) -> datetime:
    """A date or time, in the local time zone unless it names another; or how long ago: `7d`."""
    now = now or datetime.now(UTC)
    try:
        if isinstance(given, timedelta):
            return now - given
        if isinstance(given, str):
            age = _AGE.fullmatch(given.strip())
            if age is not None:
                return now - timedelta(seconds=float(age[1]) * _SECONDS[age[2].lower()])
            given = datetime.fromisoformat(given.strip())
        return given.astimezone(UTC)
    except (ValueError, OverflowError):
        raise PodError(
            f"{given!r} is no time: give a date such as 2026-01-31 or 2026-01-31T18:00, or how "
            "long ago, such as 7d, 12h or 30min"
        ) from None


def nbytes(given: int | str) -> int:
    """A number of bytes: `2GB`, `500 MB`, `1.5GiB`."""
    match = _SIZE.fullmatch(str(given).strip())
    if match is None:
        raise PodError(f"{given!r} is no size: give bytes, or such as 500MB, 2GB or 1.5GiB")
    power = " kmgt".index(match[2].lower() or " ")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** power)


def newest_of(commits: Iterable[Commit], is_alive: Callable[[str], bool]) -> set[int]:
    """The newest time of each session that is alive; commits come newest first."""
    newest: dict[str, int] = {}
    for commit in commits:
        if is_alive(commit.session):
            newest.setdefault(commit.session, commit.t)
    return set(newest.values())


def bridges(
    parents: Mapping[int, int | None], kept: Collection[int], earlier: Mapping[int, int | None]
) -> dict[int, int | None]:
    """For each time that is gone and that a kept one came from: the nearest kept one before it."""
    found: dict[int, int | None] = {}
    for t in kept:
        parent = parents.get(t)
        if parent is not None and parent not in kept:
            found[parent] = _ancestor(parent, parents, kept, earlier)
    return found


def _ancestor(
    t: int,
    parents: Mapping[int, int | None],
    kept: Collection[int],
    earlier: Mapping[int, int | None],
) -> int | None:
    seen: set[int] = set()
    at: int | None = t
    while at is not None and at not in kept:
        if at in seen:  # a damaged history may run in circles
            return None
        seen.add(at)
        at = parents[at] if at in parents else earlier.get(at)
    return at


def _is_before(commit: Commit, since: datetime) -> bool:
    """Whether it was certainly saved before then."""
    try:
        created = datetime.fromisoformat(commit.created)
    except ValueError:
        return False
    return (created if created.tzinfo else created.replace(tzinfo=UTC)) < since
