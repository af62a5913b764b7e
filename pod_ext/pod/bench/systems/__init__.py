"""The systems that are compared, by their short names."""

from __future__ import annotations

from pathlib import Path

from pod.bench.records import Unavailable
from pod.bench.systems.base import System
from pod.bench.systems.files import Noop, Shelf, WholeNamespace
from pod.bench.systems.pods import VARIANTS, Pod, traits_of

NOOP = "noop"
KISHU = "kishu"
PICKLERS = {"snp": "pickle", "dill": "dill", "cpkl": "cloudpickle"}
BASELINES = (NOOP, *PICKLERS, "shev", "zodb", "zosp", KISHU)


def make_system(name: str, directory: Path) -> System:
    """A system over a directory. Raises `Unavailable` where a package it needs is missing, and
    `ValueError` for a name that is none."""
    traits = traits_of(name)
    if traits is not None:
        return Pod(directory, traits)
    if name == NOOP:
        return Noop(directory)
    if name in PICKLERS:
        return WholeNamespace(directory, PICKLERS[name])
    if name == "shev":
        return Shelf(directory)
    if name in ("zodb", "zosp"):
        return _zodb(name, directory)
    if name == KISHU:
        return _kishu(directory)
    known = ", ".join([*BASELINES, *VARIANTS, "pgcacheN"])
    raise ValueError(f"there is no system {name!r}; systems: {known}")


def _zodb(name: str, directory: Path) -> System:
    try:
        from pod.bench.systems.objectdb import Persistents, Whole
    except ImportError as error:
        raise Unavailable("ZODB is not installed") from error
    return Whole(directory) if name == "zodb" else Persistents(directory)


def _kishu(directory: Path) -> System:
    try:
        from pod.bench.systems.kishu import Kishu
    except ImportError as error:
        raise Unavailable("Kishu is not installed: make bench-kishu, --kishu-python") from error
    return Kishu(directory)
