"""Versions of Python and of packages: what a variable was saved with, and what is here now."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Mapping

from pod.history.records import Variable

Versions = tuple[tuple[str, str], ...]


def current(modules: Iterable[str]) -> Versions:
    """The versions of Python and of those of these top-level modules that have one."""
    found = {"python": platform.python_version()}
    for name in modules:
        version = _version(name)
        if version:
            found[name] = version
    return tuple(sorted(found.items()))


def _version(name: str) -> str:
    if name == "pod" or name in sys.stdlib_module_names:
        return ""
    version = getattr(sys.modules.get(name), "__version__", "")
    return version if isinstance(version, str) else ""


def differing(variables: Iterable[Variable]) -> Mapping[str, list[str]]:
    """What is another version now than when it was saved, as `pandas 2.1 then, 3.1 now`, and the
    variables for which that is so. Of Python, a new patch release does not count."""
    found: dict[str, list[str]] = {}
    for variable in variables:
        for name, then in variable.versions:
            now = platform.python_version() if name == "python" else _version(name)
            if not now and name in sys.modules:
                now = "an unknown version"
            if now and _counts(name, then) != _counts(name, now):
                what = "Python" if name == "python" else name
                found.setdefault(f"{what} {then} then, {now} now", []).append(variable.name)
    return {what: sorted(names) for what, names in found.items()}


def _counts(name: str, version: str) -> str:
    return ".".join(version.split(".")[:2]) if name == "python" else version
