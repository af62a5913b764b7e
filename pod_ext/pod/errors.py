"""Every error Pod raises on purpose. A message says what happened, to what, and what to do next."""

from __future__ import annotations


def one_line(error: BaseException) -> str:
    """Any error as `ValueError: what it says first`."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


class PodError(Exception):
    """Base of all of Pod's own errors; catching it catches them all."""


class TimeReferenceError(PodError, LookupError):
    """A time reference is malformed, or names a time id or tag that does not exist."""


class UnknownVariableError(PodError, LookupError):
    """A variable was asked for that does not exist at that time."""


class StorageError(PodError):
    """The pod directory cannot be created, read or written."""


class FormatError(PodError):
    """The pod directory has a format this version of Pod does not read."""


class DamagedError(PodError):
    """A file of the pod directory is missing or its bytes are not what was written."""


class UntrustedError(PodError):
    """Objects were to be loaded from a commit that the user neither saved nor chose to trust."""


class RestoreError(PodError):
    """A variable could not be rebuilt from its pods."""


class OpaqueObjectError(PodError):
    """A placeholder for an object that could not be saved, or not restored, was used."""
