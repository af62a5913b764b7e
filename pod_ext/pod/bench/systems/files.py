"""Baselines that write files with a pickler: the whole namespace each time, or a shelf.

They do as little as is possible, and do not ask that anything be on the disk when they say so.
"""

from __future__ import annotations

import importlib
import pickle
import shelve
from pathlib import Path
from typing import Any

from pod.bench.records import Unavailable
from pod.bench.systems.base import Baseline, Reference


class Noop(Baseline):
    """Saves nothing: what the notebook takes by itself."""

    def save(self, number: int, variables: dict[str, Any]) -> None:
        """Nothing."""

    def _after_cell(self, _result: Any) -> None:
        """Not even the variables are listed."""

    def reference(self) -> Reference | None:
        return None

    def load(self, reference: Reference, names: set[str] | None) -> dict[str, Any]:
        raise Unavailable("nothing is saved")


class WholeNamespace(Baseline):
    """A file for each cell, with all variables in one pickle."""

    def __init__(self, directory: Path, pickler: str) -> None:
        super().__init__(directory)
        try:
            self._pickle = importlib.import_module(pickler)
        except ImportError as error:
            raise Unavailable(f"{pickler} is not installed") from error

    def _path(self, number: Reference) -> Path:
        return self.directory / f"{number}.pickle"

    def save(self, number: int, variables: dict[str, Any]) -> None:
        try:
            self._dump(number, variables)
        except Exception:
            self._dump(number, self.savable(variables, self._pickle.dumps))

    def _dump(self, number: int, variables: dict[str, Any]) -> None:
        with self._path(number).open("wb") as file:
            self._pickle.dump(variables, file, protocol=pickle.HIGHEST_PROTOCOL)

    def load(self, reference: Reference, names: set[str] | None) -> dict[str, Any]:
        with self._path(reference).open("rb") as file:
            variables: dict[str, Any] = self._pickle.load(file)
        return variables if names is None else {n: variables[n] for n in names if n in variables}


class Shelf(Baseline):
    """`shelve`: each variable is an entry of its own, of each cell, in one file."""

    def open(self) -> None:
        self._shelf = shelve.open(str(self.directory / "shelf"), protocol=5)  # noqa: SIM115

    def save(self, number: int, variables: dict[str, Any]) -> None:
        saved = []
        for name, value in variables.items():
            try:
                self._shelf[f"{number}/{name}"] = value
            except Exception:
                self._unsaved.add(name)
            else:
                saved.append(name)
        self._shelf[str(number)] = saved
        self._shelf.sync()

    def finish(self) -> None:
        self._shelf.close()

    def load(self, reference: Reference, names: set[str] | None) -> dict[str, Any]:
        with shelve.open(str(self.directory / "shelf"), flag="r") as shelf:
            there = shelf[str(reference)]
            found = {}
            for name in there:
                if names is None or name in names:
                    try:
                        found[name] = shelf[f"{reference}/{name}"]
                    except (AttributeError, ImportError, pickle.UnpicklingError):
                        continue  # one entry, and the others can still be had
            return found
