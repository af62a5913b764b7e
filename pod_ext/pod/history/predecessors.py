"""Which stored blob each new one was probably made from, so that it is stored as what differs.

A pod's place in the object graph is the same from save to save, so what was at the same place is
what it was made from; and in there, the payload or buffer of the same number, and the chunk at the
same place in proportion. A guess that is wrong costs nothing but the trial: what is stored is right
with any base, or none.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from itertools import takewhile

from pod.errors import PodError
from pod.history.manifest import Content, Manifest, StoredPod
from pod.history.moments import History
from pod.history.snapshot import Group, group_of
from pod.history.state import State
from pod.store.codec import CHUNK_BYTES


def bases(
    before: State,
    groups: Iterable[Group],
    manifests: Mapping[str, Manifest],
    read: Callable[[str], Manifest],
    new: Container[str],
) -> dict[str, str]:
    """For new blobs of these components, and their manifests, what each was probably made from.

    Args:
        before: what was known of the variables at the last save.
        groups: what is known of the components now.
        manifests: those of the components, by digest.
        read: gives a manifest that was stored before; where it raises `PodError`, what was made
            from that is stored whole.
        new: the new blobs.
    """
    found: dict[str, str] = {}
    for group in groups:
        manifest = manifests[group.manifest]
        if group.manifest in new:
            for earlier in _earlier(before, group):
                found.setdefault(group.manifest, earlier.manifest)
                if any(blob in new for blob in group.blobs):
                    with contextlib.suppress(PodError):
                        pairs = _pairs(manifest, group, read(earlier.manifest), earlier)
                        _add(found, pairs, new)
    return found


def known_at(history: History, t: int, names: Iterable[str]) -> State:
    """What is known of these variables at a time, for whoever remembers nothing of it. `PodError`
    if it cannot be read."""
    commit = history.commit(t)
    variables = history.variables(commit)
    manifests = {name: variables[name].manifest for name in names if name in variables}
    groups = {digest: group_of(digest, history.manifest(digest)) for digest in manifests.values()}
    return State(
        variables,
        history.definitions(commit),
        {name: groups[digest] for name, digest in manifests.items()},
    )


def _earlier(before: State, group: Group) -> list[Group]:
    """The components of which this one's variables and definitions were."""
    found = [before.groups.get(name) for name in sorted(group.names)]
    found += [before.definition_groups.get(token) for token in sorted(group.tokens)]
    # One without a manifest is still being looked at.
    return list(dict.fromkeys(each for each in found if each is not None and each.manifest))


def _pairs(
    manifest: Manifest, group: Group, old: Manifest, earlier: Group
) -> Iterator[tuple[StoredPod, StoredPod]]:
    """Pods, each with what it was."""
    if len(earlier.places) == len(old.pods) and len(group.places) == len(manifest.pods):
        at = dict(zip(earlier.places, old.pods, strict=True))
        for place, pod in zip(group.places, manifest.pods, strict=True):
            if place in at:
                yield pod, at[place]
        return
    # Where its pods were is not known after a checkout, or in another process. What is the same at
    # both ends is left out, so that one pod more does not put every other beside a wrong one.
    mine, theirs = list(manifest.pods), list(old.pods)
    while mine and theirs and mine[-1].payload == theirs[-1].payload:
        yield mine.pop(), theirs.pop()
    yield from zip(mine, theirs, strict=False)


def _add(
    found: dict[str, str], pairs: Iterable[tuple[StoredPod, StoredPod]], new: Container[str]
) -> None:
    for pod, old in pairs:
        for content, was in zip(_contents(pod), _contents(old), strict=False):
            for chunk, base in _facing(content, was):
                if chunk != base and chunk in new:
                    found.setdefault(chunk, base)


def _facing(now: Content, then: Content) -> Iterator[tuple[str, str]]:
    """Chunks, each with the one of old that it is probably most like: behind what is the same, as
    if what came or went had done so everywhere. So the last ones find theirs, too, where each of
    many objects has become a little longer."""
    if not then.chunks:
        return
    same = sum(1 for _ in takewhile(bool, map(operator.eq, now.chunks, then.chunks)))
    begun = same * CHUNK_BYTES
    rest_now, rest_then = now.nbytes - begun, then.nbytes - begun
    for number, chunk in enumerate(now.chunks[same:]):
        at = same + round(number * rest_then / rest_now)
        yield chunk, then.chunks[min(at, len(then.chunks) - 1)]


def _contents(pod: StoredPod) -> tuple[Content, ...]:
    return (pod.payload, *pod.buffers)
