"""Pod in every kernel of a Jupyter server: the IPython configuration that loads it.

A kernel reads ``ipython_kernel_config.json`` from three places when it starts: the user's default
profile, the environment's prefix, the system. `enable` adds Pod to one of them, `disable` takes it
out, `status` looks. They do this without IPython, so they also work where it is not installed.

The key is ``InteractiveShellApp.extra_extensions``. In such a file a list replaces the same list of
every file read before it, so naming Pod under ``extensions`` would silently drop a person's own
``extensions`` from ``ipython_config.py``, which kernels read too. IPython loads what both lists
name, and hardly anybody sets the second. Where a file below ours does set it, `enable` carries its
names over, so that still nothing is dropped. A missing extension does not keep a kernel from
starting; the server's terminal shows a warning.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from pod.errors import PodError

Scope: TypeAlias = Literal["user", "sys-prefix", "system"]
"""Whose kernels: this user's in every environment, this environment's, or this machine's."""

Outcome: TypeAlias = Literal["created", "updated", "already there", "removed", "deleted", "absent"]
"""What became of a file. "deleted": nothing but Pod was in it. "absent": Pod was not in it."""

SCOPES: tuple[Scope, ...] = get_args(Scope)
"""In the order in which they win: a kernel reads the last one first."""

FILE_NAME = "ipython_kernel_config.json"
EXTENSION = "pod"

# IPython reads both. The first wins and is the administrator's; the second is left to packages.
_SYSTEM_DIR = Path("/usr/local/etc/ipython")
_PACKAGED_DIR = Path("/etc/ipython")

_SECTION = "InteractiveShellApp"
_KEY = "extra_extensions"

_KERNELS: dict[Scope, str] = {
    "user": "this user's kernels (default profile)",
    "sys-prefix": "the kernels of this environment",
    "system": "the kernels of every user of this machine",
}


class ConfigFileError(PodError):
    """A configuration file cannot be read, understood or written."""


@dataclass(frozen=True, slots=True)
class Change:
    """What `enable` or `disable` did."""

    scope: Scope
    path: Path
    """The configuration file."""
    outcome: Outcome

    def __str__(self) -> str:
        whose = _KERNELS[self.scope]
        match self.outcome:
            case "created" | "updated":
                return f"{self.path} {self.outcome}: {whose} load Pod from their next start"
            case "already there":
                return f"{self.path} names Pod already: {whose} load it"
            case "removed":
                return f"Pod removed from {self.path}"
            case "deleted":
                return f"{self.path} deleted: nothing but Pod was in it"
            case "absent":
                return f"{self.path} does not name Pod: nothing to remove"


@dataclass(frozen=True, slots=True)
class Status:
    """What one of the three files means for kernels that start now."""

    scope: Scope
    path: Path
    """The configuration file, whether or not it exists."""
    enabled: bool
    """The file names Pod."""
    overridden_by: Path | None
    """A file that wins over this one and sets the list without Pod."""
    problem: str
    """Why the file cannot be used; "" if it can, or does not exist."""


def config_path(scope: Scope) -> Path:
    """The file of a scope, whether or not it exists.

    The user's is that of the default profile; a kernel with another profile does not read it.
    """
    match scope:
        case "user":
            return _ipython_dir() / "profile_default" / FILE_NAME
        case "sys-prefix":
            return Path(sys.prefix) / "etc" / "ipython" / FILE_NAME
        case "system":
            return _SYSTEM_DIR / FILE_NAME


def enable(scope: Scope) -> Change:
    """Have the scope's kernels load Pod; everything else in the file stays as it is.

    Raises ConfigFileError, with the file untouched, if it cannot be understood or written.
    """
    path = config_path(scope)
    with _said_politely(path, scope, "enable"):
        config = _read(path)
        own = _extensions(config, path)
        names = _inherited(scope) if own is None else own
        if own is not None and EXTENSION in own:
            return Change(scope, path, "already there")
        if EXTENSION not in names:
            names = [*names, EXTENSION]
        section = {**(config or {}).get(_SECTION, {}), _KEY: names}
        _write(path, {**(config or {}), _SECTION: section})
    return Change(scope, path, "created" if config is None else "updated")


def disable(scope: Scope) -> Change:
    """Take Pod out of the scope's file; delete the file if nothing else is in it.

    Raises ConfigFileError, with the file untouched, if it cannot be understood or written.
    """
    path = config_path(scope)
    with _said_politely(path, scope, "disable"):
        config = _read(path)
        own = _extensions(config, path)
        if config is None or own is None or EXTENSION not in own:
            return Change(scope, path, "absent")
        left = [name for name in own if name != EXTENSION]
        section = dict(config[_SECTION])
        if left in ([], [name for name in _inherited(scope) if name != EXTENSION]):
            del section[_KEY]
        else:
            section[_KEY] = left
        rest = {**config, _SECTION: section}
        if not section:
            del rest[_SECTION]
        # A link belongs to whoever keeps these files elsewhere; its target is emptied instead.
        if rest or path.is_symlink():
            _write(path, rest)
            return Change(scope, path, "removed")
        path.unlink()
    return Change(scope, path, "deleted")


def status() -> tuple[Status, ...]:
    """Which of the three files enable Pod now, those that win first. Never raises ConfigFileError.

    Python configuration files are not looked at: only running them could tell what they set.
    """
    found: list[Status] = []
    winner: tuple[Path, list[str]] | None = None
    for scope in SCOPES:
        path = config_path(scope)
        names, problem = None, ""
        try:
            with _said_politely(path, scope, "enable"):
                names = _extensions(_read(path), path)
        except ConfigFileError as error:
            problem = str(error)
        enabled = names is not None and EXTENSION in names
        overridden = enabled and winner is not None and EXTENSION not in winner[1]
        found.append(
            Status(scope, path, enabled, winner[0] if overridden and winner else None, problem)
        )
        if names is not None and winner is None:
            winner = (path, names)
    return tuple(found)


def _ipython_dir() -> Path:
    """Where IPython keeps profiles, by its own rules, and without creating anything."""
    named = os.environ.get("IPYTHONDIR")
    if named is not None:
        return Path(os.path.normpath(Path(named).expanduser()))
    home = Path.home()
    usual = home / ".ipython"
    if os.name != "posix" or usual.exists() or usual.is_symlink():
        return usual
    moved = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "ipython"
    return moved if moved.is_dir() and os.access(moved, os.W_OK) else usual


def _inherited(scope: Scope) -> list[str]:
    """The list that the files below the scope's set for it; [] if none does."""
    own = config_path(scope)
    below = [config_path(other) for other in SCOPES[SCOPES.index(scope) + 1 :]]
    for path in (*below, _PACKAGED_DIR / FILE_NAME):
        if path == own:
            continue
        try:
            names = _extensions(_read(path), path)
        except (ConfigFileError, OSError):
            continue  # not ours to complain of here, and a kernel ignores it too
        if names is not None:
            return names
    return []


def _read(path: Path) -> dict[str, Any] | None:
    """The file's JSON object; None if it does not exist."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        config = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ConfigFileError(
            f"{path} is not valid JSON ({error}); nothing was changed: "
            "correct it, or move it away, and try again"
        ) from None
    if not isinstance(config, dict) or not isinstance(config.get(_SECTION, {}), dict):
        raise _unexpected(path, f'an object, with an object as "{_SECTION}"')
    return config


def _extensions(config: dict[str, Any] | None, path: Path) -> list[str] | None:
    """The extensions that a file lists; None if it says nothing about them."""
    names = (config or {}).get(_SECTION, {}).get(_KEY)
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _unexpected(path, f'a list of names as "{_SECTION}.{_KEY}"')
    return names


def _unexpected(path: Path, wanted: str) -> ConfigFileError:
    return ConfigFileError(
        f"{path} does not hold what IPython expects, {wanted}; nothing was changed: "
        "correct it, or move it away, and try again"
    )


def _write(path: Path, config: dict[str, Any]) -> None:
    """Put the file in place in one step, with the permissions it had, readable by all if new."""
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o644
    staged = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with staged.open("x", encoding="utf-8") as file:
            file.write(json.dumps(config, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        staged.chmod(mode)
        staged.replace(target)
    finally:
        staged.unlink(missing_ok=True)


@contextmanager
def _said_politely(path: Path, scope: Scope, verb: Literal["enable", "disable"]) -> Iterator[None]:
    """Turn the operating system's refusal into what happened and what to do next."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        match scope, verb:
            case "system", "enable":
                hint = "run it with sudo, or choose --sys-prefix or --user"
            case "system", "disable":
                hint = "run it with sudo"
            case "sys-prefix", "enable":
                hint = f"run it as the owner of {sys.prefix}, or choose --user"
            case "sys-prefix", "disable":
                hint = f"run it as the owner of {sys.prefix}"
            case _:
                hint = "see who owns that directory, or set IPYTHONDIR to one of your own"
        raise ConfigFileError(
            f"{path} cannot be read or written ({why}); nothing was changed: {hint}"
        ) from error
