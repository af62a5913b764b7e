"""Whose the times of a pod directory are, and what the user says about those of others.

Nothing here unpickles anything, or writes to the pod directory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pod.errors import PodError
from pod.history.moments import History
from pod.history.records import Commit
from pod.history.text import listing, one_line
from pod.store.trust import Keyring, TrustRecord

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Standing:
    """The times of one pod directory, by whether objects may be loaded from them."""

    directory: str
    own: tuple[int, ...]
    """Saved by this user."""
    trusted: tuple[int, ...]
    """Saved by somebody else, and trusted."""
    untrusted: tuple[int, ...]
    """Neither: nothing is loaded from these."""
    damaged: Mapping[int, str]

    def __str__(self) -> str:
        parts = [
            f"{len(times)} {what}{f' ({_times(times)})' if what != _OWN else ''}"
            for times, what in (
                (self.own, _OWN), (self.trusted, "trusted"), (self.untrusted, "not trusted"),
                (tuple(self.damaged), "damaged"),
            )
            if times
        ]  # fmt: skip
        return f"{self.directory}: {', '.join(parts) or 'nothing was saved yet'}"

    def to_json(self) -> dict[str, Any]:
        return {
            "directory": self.directory,
            "own": list(self.own),
            "trusted": list(self.trusted),
            "untrusted": list(self.untrusted),
            "damaged": {str(t): why for t, why in self.damaged.items()},
        }


@dataclass(frozen=True, slots=True)
class TrustChange:
    """What became trusted, or is so no longer."""

    commits: tuple[Commit, ...]
    trusted: bool
    """Whether they are now."""
    standing: Standing
    """Of the directory, afterwards."""

    def __str__(self) -> str:
        verb = "trusted" if self.trusted else "no longer trusted"
        if not self.commits:
            return f"nothing to change: {self.standing}"
        times = tuple(commit.t for commit in self.commits)
        lines = [f"{verb}: {_count(len(times))} of {self.standing.directory} ({_times(times)})"]
        if self.trusted:
            lines += [f"  {line}" for line in _origin(self.commits)]
            lines.append("  loading them can run their code from now on")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        return {
            "times": [commit.t for commit in self.commits],
            "trusted": self.trusted,
            "standing": self.standing.to_json(),
        }


@dataclass(frozen=True, slots=True)
class TrustList:
    """Every directory of which something is trusted."""

    records: tuple[TrustRecord, ...]
    damaged: tuple[str, ...]
    standing: Standing | None = None
    """Of the directory at hand."""

    def __str__(self) -> str:
        lines = [str(self.standing)] if self.standing else []
        lines += [
            f"trusted since {one_line(record.since)}: {_count(len(record.commits))} "
            f"of {one_line(record.directory)}"
            for record in self.records
        ] or ["no times of others are trusted"]
        return "\n".join([*lines, *(f"✗ {why}" for why in self.damaged)])

    def to_json(self) -> dict[str, Any]:
        return {
            "here": self.standing and self.standing.to_json(),
            "trusted": [
                {"directory": each.directory, "since": each.since, "times": len(each.commits)}
                for each in self.records
            ],
            "damaged": list(self.damaged),
        }


def standing(history: History) -> Standing:
    """Which times are whose."""
    commits, damaged = history.commits()
    found: dict[str, list[int]] = {"own": [], "trusted": [], "untrusted": []}
    trusted = _trusted(history.repository.keyring)
    for commit in reversed(commits):
        if history.is_own(commit.t):
            found["own"].append(commit.t)
        else:
            known = history.digest(commit.t) in trusted
            found["trusted" if known else "untrusted"].append(commit.t)
    return Standing(
        str(history.repository.storage),
        **{kind: tuple(times) for kind, times in found.items()},
        damaged=dict(sorted(damaged.items())),
    )


def trust(history: History, times: Sequence[int] | None = None) -> TrustChange:
    """Trust these times as they are now, or all there are. Raises for one that is not readable."""
    before = standing(history)
    unknown = {
        *before.untrusted, *(t for t in before.own if not history.is_own(t, lasting=True))
    } - set(before.trusted)  # fmt: skip
    chosen = [t for t in _chosen(history, times, sorted(unknown)) if t in unknown]
    if chosen:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        digests = [history.digest(t) for t in chosen]
        history.repository.keyring.trust(before.directory, digests, now)
    return TrustChange(tuple(map(history.commit, chosen)), True, standing(history))


def distrust(history: History, times: Sequence[int] | None = None) -> TrustChange:
    """Take back what was said about these times, or about all. The user's own stay as they are."""
    before = standing(history)
    chosen = [t for t in _chosen(history, times, before.trusted) if t in before.trusted]
    keyring = history.repository.keyring
    keyring.distrust(history.digest(t) for t in chosen)
    if times is None:
        keyring.forget(before.directory)  # also of times that are not there any more
    return TrustChange(tuple(map(history.commit, chosen)), False, standing(history))


def listed(history: History | None) -> TrustList:
    """What is trusted, here and elsewhere."""
    keyring = history.repository.keyring if history else Keyring()
    records, damaged = keyring.records()
    return TrustList(tuple(records), tuple(damaged), standing(history) if history else None)


def _chosen(history: History, times: Sequence[int] | None, every: Iterable[int]) -> list[int]:
    if times is None:
        return list(every)
    for t in times:
        history.commit(t)
    return sorted(set(times))


def _trusted(keyring: Keyring) -> frozenset[str]:
    try:
        records, _ = keyring.records()
    except PodError:
        return frozenset()
    return frozenset().union(*(record.commits for record in records))


_OWN = "saved by you"


def _count(number: int) -> str:
    return f"{number} time{'s'[: number != 1]}"


def _times(times: Sequence[int]) -> str:
    if len(times) > _SHOWN and times[-1] - times[0] == len(times) - 1:
        return f"{times[0]} to {times[-1]}"
    return listing([str(t) for t in times], _SHOWN)


def _origin(commits: Sequence[Commit]) -> Iterable[str]:
    """When and by what they were saved, as they say themselves."""
    created = sorted(one_line(commit.created) for commit in commits)
    yield f"saved between {created[0]} and {created[-1]}"
    pythons = sorted({commit.python for commit in commits if commit.python})
    if pythons:
        yield f"by Python {listing(pythons, 4)}"
    notebooks = sorted({commit.notebook for commit in commits if commit.notebook})
    if notebooks:
        yield f"from {listing(notebooks, 4)}"
