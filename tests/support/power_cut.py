"""What a disk may hold after a power cut: system calls are recorded, then replayed into a model.

The model promises what POSIX does and no more. Bytes of a file are there for certain when it was
synced; before, it may be empty, cut, or whole. A name is made, changed or removed for certain when
its directory was synced after that; before, it may be either, each name on its own.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Trace:
    """System calls that changed something below a directory, in their order."""

    root: Path
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def note(self, *call: Any) -> None:
        """Also for what is no system call: `acknowledged` and the like."""
        self.calls.append(call)

    @contextmanager
    def recording(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        with monkeypatch.context() as patch:
            self._record(patch)
            yield

    def _record(self, patch: pytest.MonkeyPatch) -> None:
        real = {
            name: getattr(os, name)
            for name in (
                "open",
                "close",
                "fsync",
                "link",
                "unlink",
                "mkdir",
                "replace",
                "rename",
                "rmdir",
            )
        }
        paths: dict[int, str] = {}
        files: dict[int, int] = {}

        def inside(path: Any) -> bool:
            return isinstance(path, str | Path) and Path(path).is_relative_to(self.root)

        def open_(path: Any, flags: int, *rest: Any, **options: Any) -> int:
            descriptor = real["open"](path, flags, *rest, **options)
            paths.pop(descriptor, None)  # it was another one's, closed by now
            if inside(path):
                paths[descriptor] = str(path)
                if flags & os.O_CREAT:
                    # Numbers of deleted files are used again.
                    files[os.fstat(descriptor).st_ino] = len(self.calls)
                    self.note("create", str(path), len(self.calls))
            return descriptor

        def fsync(descriptor: int) -> None:
            real["fsync"](descriptor)
            path = paths.get(descriptor)
            if path is None:
                return
            if Path(path).is_dir():
                self.note("sync directory", path)
            else:
                self.note("sync", files[os.fstat(descriptor).st_ino], Path(path).read_bytes())

        def link(old: Any, new: Any, **options: Any) -> None:
            real["link"](old, new, **options)
            if inside(new):
                self.note("name", str(new), files[Path(new).stat().st_ino], Path(new).read_bytes())

        def replace(old: Any, new: Any, **options: Any) -> None:
            real["replace"](old, new, **options)
            if inside(new):
                self.note("name", str(new), files[Path(new).stat().st_ino], Path(new).read_bytes())
                self.note("remove", str(old))

        def unlink(path: Any, **options: Any) -> None:
            real["unlink"](path, **options)
            if inside(path):
                self.note("remove", str(path))

        def mkdir(path: Any, *rest: Any, **options: Any) -> None:
            real["mkdir"](path, *rest, **options)
            if inside(path):
                self.note("directory", str(path))

        for name, call in {
            "open": open_,
            "fsync": fsync,
            "link": link,
            "unlink": unlink,
            "mkdir": mkdir,
            "replace": replace,
            "rename": replace,
        }.items():
            patch.setattr(os, name, call)

    def disks(self, upto: int, rng: random.Random) -> Iterator[dict[str, bytes | None]]:
        """What may be there after these many calls: files by path, None for directories."""
        disk = _Disk()
        for call in self.calls[:upto]:
            disk.apply(call)
        yield disk.after(lambda: False, rng)
        yield disk.after(lambda: True, rng)
        yield disk.after(lambda: rng.random() < 0.5, rng)

    def numbers(self, kind: str) -> list[int]:
        return [number for number, call in enumerate(self.calls) if call[0] == kind]


class _Disk:
    def __init__(self) -> None:
        self._synced: dict[int, bytes] = {}
        self._written: dict[int, bytes] = {}
        self._names: dict[str, int | None] = {}
        """Names that are there for certain, by path; None for directories."""
        self._changes: dict[str, list[int | str]] = {}
        """What became of a name since its directory was synced: files, `directory`, `nothing`."""

    def apply(self, call: tuple[Any, ...]) -> None:
        match call:
            case "create", path, inode:
                self._changes.setdefault(path, []).append(inode)
                self._written[inode] = b""
            case "sync", inode, data:
                self._synced[inode] = self._written[inode] = data
            case "name", path, inode, data:
                self._changes.setdefault(path, []).append(inode)
                self._written[inode] = data
            case "remove", path:
                self._changes.setdefault(path, []).append("nothing")
            case "directory", path:
                self._changes.setdefault(path, []).append("directory")
            case "sync directory", path:
                for name in [each for each in self._changes if str(Path(each).parent) == path]:
                    self._settle(self._names, name, self._changes.pop(name)[-1])

    @staticmethod
    def _settle(names: dict[str, int | None], path: str, became: int | str) -> None:
        if became == "nothing":
            names.pop(path, None)
        else:
            names[path] = None if became == "directory" else int(became)

    def after(self, lucky: Any, rng: random.Random) -> dict[str, bytes | None]:
        names = dict(self._names)
        for path, changes in self._changes.items():
            if lucky():
                self._settle(names, path, changes[-1 if lucky() else rng.randrange(len(changes))])
        files: dict[str, bytes | None] = {}
        for path, inode in names.items():
            if inode is None:
                files[path] = None
            elif inode in self._synced:
                files[path] = self._synced[inode]
            else:
                data = self._written.get(inode, b"")
                files[path] = data if lucky() else data[: rng.randrange(len(data) + 1)]
        return {path: data for path, data in files.items() if self._is_reachable(path, files)}

    def _is_reachable(self, path: str, files: dict[str, bytes | None]) -> bool:
        """Whether all directories on the way are there, of those that were made here."""
        made = {
            name
            for names in (self._names, self._changes)
            for name in names
            if self._names.get(name, 0) is None or "directory" in self._changes.get(name, ())
        }
        return all(str(each) not in made or str(each) in files for each in Path(path).parents)


def write_out(files: dict[str, bytes | None], old: Path, new: Path) -> None:
    """Make these files, that were below one directory, below another."""
    for path, data in files.items():
        where = new / Path(path).relative_to(old)
        if data is None:
            where.mkdir(parents=True, exist_ok=True)
        else:
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_bytes(data)
