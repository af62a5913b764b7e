"""The small files of a pod directory: format.json, commits, claims and tags; keys and bytes.

Pure functions from values to bytes and back. Whoever reads a file gets DamagedError or FormatError
naming it ("where") if its bytes are not what these functions wrote.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from pod.errors import DamagedError, FormatError, TimeReferenceError
from pod.store.codec import CHUNK_BYTES, digest
from pod.store.storage import Storage

FORMAT = 1
"""The format this version writes, and the newest it reads."""
FORMAT_KEY = "format.json"
IGNORE_KEY = ".gitignore"
COMMITS = "commits/"
CLAIMS = "claims/"
TAGS = "tags/"

MAX_TIME = 10**18 - 1
"""The last time id there can be."""
MAX_COMMIT_BYTES = 256 << 20
"""A commit's file is read up to this size; a cell's code and a table's digests take far less."""
MAX_SMALL_BYTES = 64 << 10
"""The same of every other small file."""

_HASH = "blake3-256"
_COMPRESSION = "zstd"
_COMMIT_FORMAT = 1
_MAX_HEADER_BYTES = 4096
_TIME = re.compile(r"[1-9][0-9]{0,17}")
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SignedCommit:
    """A commit file whose body is what its header says."""

    body: bytes
    digest: str
    """Of the body."""
    signature: str
    """Of the digest, not checked; '' for none."""


def read_bounded(storage: Storage, key: str, limit: int) -> bytes:
    """The whole value, which has at most `limit` bytes, else DamagedError: not even a file that
    takes next to no room on the disk may fill the memory."""
    data = storage.get_range(key, 0, limit + 1)
    if len(data) > limit:
        raise DamagedError(f"{key} in {storage} is damaged: it has more than {limit} bytes")
    return data


def is_digest(value: object) -> bool:
    """Whether it is a hash as text."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def json_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object that these bytes are; None if they are anything else."""
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return raw if isinstance(raw, dict) else None


def format_bytes() -> bytes:
    """What format.json of a new pod directory says."""
    return _indented(
        {
            "format": FORMAT,
            "hash": _HASH,
            "chunk_bytes": CHUNK_BYTES,
            "compression": _COMPRESSION,
        }
    )


def check_format(data: bytes, where: str) -> None:
    """FormatError if this version cannot read the directory, DamagedError if nothing could."""
    raw = json_object(data)
    number = raw.get("format") if raw is not None else None
    if raw is None or not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise DamagedError(
            f"{where} is damaged: it does not say which format the pod directory has; "
            f"restore it from a copy, or write {format_bytes().decode()!r} to it"
        )
    if number > FORMAT:
        raise FormatError(
            f"{where} says format {number}, and this version of Pod reads formats up to {FORMAT}; "
            "upgrade pod-ext to use this pod directory"
        )
    for field, ours in (("hash", _HASH), ("compression", _COMPRESSION)):
        theirs = raw.get(field)
        if not isinstance(theirs, str):
            raise DamagedError(f"{where} is damaged: it does not say its {field}")
        if theirs != ours:
            raise FormatError(
                f"{where} says {field} {theirs[:40]!r}, and this version of Pod reads {ours!r}; "
                "upgrade pod-ext to use this pod directory"
            )


def time_key(prefix: str, t: int) -> str:
    """The key of a commit or claim: the plain decimal time id under COMMITS or CLAIMS."""
    if t < 1:
        raise TimeReferenceError(f"{t} cannot be a time id; the first is 1")
    return f"{prefix}{t}"


def key_time(prefix: str, key: str) -> int | None:
    """The time id of a key under COMMITS or CLAIMS; None for a file that is not ours."""
    name = key.removeprefix(prefix)
    return int(name) if _TIME.fullmatch(name) else None


def commit_bytes(body: bytes, signature: str = "") -> bytes:
    """A commit file: one line of JSON with a hash and the signature, then the body."""
    header = {"pod-commit": _COMMIT_FORMAT, "blake3": _commit_hash(body, signature)}
    if signature:
        header["signature"] = signature
    return json.dumps(header, separators=(",", ":")).encode() + b"\n" + body


def _commit_hash(body: bytes, signature: str) -> str:
    # Of both, so that a damaged signature is told from somebody else's.
    return digest(body + bytes.fromhex(signature))


def commit_body(data: bytes, where: str) -> bytes:
    """The body of a commit file, verified by its hash."""
    return signed_commit(data, where).body


def signed_commit(data: bytes, where: str) -> SignedCommit:
    """A commit file, its body verified by its hash. Whose signature it is, is not looked at."""
    end = data.find(b"\n", 0, _MAX_HEADER_BYTES)
    header = json_object(data[:end]) if end >= 0 else None
    number = header.get("pod-commit") if header is not None else None
    if header is None or not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise DamagedError(f"{where} is damaged: it does not begin like a commit")
    if number > _COMMIT_FORMAT:
        raise FormatError(
            f"{where} has commit format {number}, and this version of Pod reads up to "
            f"{_COMMIT_FORMAT}; upgrade pod-ext"
        )
    body = data[end + 1 :]
    signature = header.get("signature", "")
    if not isinstance(signature, str) or not (is_digest(signature) or signature == ""):
        raise DamagedError(f"{where} is damaged: its signature is none")
    if header.get("blake3") != _commit_hash(body, signature):
        raise DamagedError(f"{where} is damaged: its bytes do not match its hash")
    return SignedCommit(body, digest(body), signature)


def check_tag_name(name: str) -> None:
    """TimeReferenceError unless the name can be a tag's."""
    if not _TAG.fullmatch(name) or ".." in name or name == "HEAD":
        raise TimeReferenceError(
            f"{name!r} cannot be a tag: use up to 64 letters, digits, '.', '_' and '-', "
            "beginning with a letter, without '..', and not HEAD"
        )


def tag_key(name: str) -> str:
    """The key of a tag."""
    check_tag_name(name)
    return f"{TAGS}{name}"


def key_tag(key: str) -> str | None:
    """The tag of a key under TAGS; None for a file that is not ours."""
    name = key.removeprefix(TAGS)
    try:
        check_tag_name(name)
    except TimeReferenceError:
        return None
    return name


def tag_bytes(t: int) -> bytes:
    """A tag file."""
    return f"{t}\n".encode()


def tag_time(data: bytes, where: str) -> int:
    """The time id in a tag file."""
    text = data[:64].decode("ascii", errors="replace").removesuffix("\n")
    if not _TIME.fullmatch(text):
        raise DamagedError(f"{where} is damaged: it does not hold a time id; set the tag anew")
    return int(text)


def _indented(raw: dict[str, Any]) -> bytes:
    return (json.dumps(raw, indent=2) + "\n").encode()
