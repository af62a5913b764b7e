"""From components to what a commit refers to: manifests, and entries of the variable tables."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pod.history.manifest import Manifest
from pod.history.records import Variable
from pod.history.versions import current
from pod.podding.pods import Bytes, Slot
from pod.store.codec import digest as digest_of


class Collector:
    """New blobs of one save: whatever the store does not have yet, copied.

    A copy, because the objects go on changing while the blobs are written.
    """

    def __init__(self, known: Callable[[str], bool], first: Mapping[str, bytes]) -> None:
        self._known = known
        self.blobs = dict(first)

    def put(self, data: Bytes) -> str:
        """The digest of `data`, which is kept if it is new."""
        digest = digest_of(data)
        if digest not in self.blobs and not self._known(digest):
            self.blobs[digest] = bytes(data)
        return digest


class Recent:
    """Whether blobs are known to be stored, as far as they fit into so many bytes of memory: those
    that were asked about last. For experiments with how much that memory is worth."""

    def __init__(self, has: Callable[[str], bool], nbytes: int) -> None:
        self._has = has
        self._room = nbytes // DIGEST_BYTES
        self._digests: OrderedDict[str, None] = OrderedDict()

    def __call__(self, digest: str) -> bool:
        known = digest in self._digests
        self.note((digest,))
        return known and self._has(digest)

    def note(self, digests: Iterable[str]) -> None:
        """These are stored, or about to be."""
        for digest in digests:
            self._digests[digest] = None
            self._digests.move_to_end(digest)
            if len(self._digests) > self._room:
                self._digests.popitem(last=False)


DIGEST_BYTES = 32


@dataclass(frozen=True, eq=False)
class Group:
    """What a session remembers of one component between two saves. Compared by identity."""

    manifest: str
    names: frozenset[str]
    tokens: frozenset[str]
    uses: frozenset[str]
    """Tokens of the definitions that its objects refer to, its own among them."""
    blobs: frozenset[str]
    """Blobs of its pods."""
    places: Sequence[int] = ()
    """Where in the object graph each of its pods is; none if that is not known."""

    presumed: bool = False
    """Whether it stands for variables that are being looked at, and may be several components."""

    @property
    def is_under_way(self) -> bool:
        """Whether it is being looked at, so that no more is known than what hangs together."""
        return not self.manifest


def group_of(digest: str, manifest: Manifest, places: Iterable[int] = ()) -> Group:
    return Group(
        digest,
        frozenset(manifest.names),
        frozenset(manifest.definitions),
        manifest.uses | frozenset(manifest.definitions),
        frozenset(blob for pod in manifest.pods for blob in pod.blobs()),
        array("q", places),
    )


def definition_entries(
    manifests: Mapping[str, Manifest], describe: Callable[[str], tuple[str, str]]
) -> list[Variable]:
    """Table entries of every definition in these manifests (by digest)."""
    return [
        _entry(token, digest, manifest, roots, describe(token), _no_definition)
        for digest, manifest in manifests.items()
        for token, roots in manifest.definitions.items()
    ]


def variable_entries(
    manifests: Mapping[str, Manifest],
    describe: Callable[[str], tuple[str, str]],
    definitions: Iterable[Variable],
) -> list[Variable]:
    """Table entries of every variable in these manifests (by digest)."""
    fingerprints = {entry.name: entry.fingerprint for entry in definitions}
    return [
        _entry(name, digest, manifest, (root,), describe(name), fingerprints.__getitem__)
        for digest, manifest in manifests.items()
        for name, root in manifest.names.items()
    ]


def _entry(
    name: str,
    digest: str,
    manifest: Manifest,
    roots: tuple[Slot, ...],
    described: tuple[str, str],
    definition: Callable[[str], str],
) -> Variable:
    kind, summary = described
    if len(roots) == 1 and roots[0].kind == "definition":
        roots_seen = manifest.definitions[roots[0].args[0]]
    else:
        roots_seen = roots
    return Variable(
        name=name,
        manifest=digest,
        fingerprint=manifest.fingerprint(roots, definition),
        type=kind,
        summary=summary,
        nbytes=manifest.nbytes(roots_seen),
        opaque=manifest.opaque(roots_seen),
        versions=current(manifest.modules(roots_seen)),
    )


def _no_definition(token: str) -> str:
    return token
