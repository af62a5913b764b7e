"""What is asked for and what was measured, as records and as lines of JSON.

A results file holds one record on each line. Seconds and bytes everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self


class Unavailable(Exception):
    """This system or workload cannot run here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One system on one workload, and under which conditions."""

    system: str
    workload: str
    scale: str = "quick"
    seed: int = 0
    think: float = 0.0
    """Seconds between the end of a cell's saving and the next cell."""
    loads: int = 2
    """How many times are loaded, chosen at random by the seed."""
    sample: int = 0
    """Which of several measurements of the same."""

    @property
    def label(self) -> str:
        return f"{self.workload} / {self.system}"


@dataclass(frozen=True, slots=True)
class CellFigures:
    """One cell of one run."""

    seconds: float
    """The cell itself, without what its hooks took."""
    wait: float
    """What a person waited for after it: the hooks before and after the cell, and `held`."""
    held: float
    """How long the cell was held up by a system that was still at work on an earlier one, as far
    as the system says so."""
    durable: float | None
    """From the end of the cell until its save could not be lost any more; None if never."""
    stored: int
    """Bytes in the store when the next cell began."""
    error: str = ""
    """What the cell raised."""
    unsaved: str = ""
    """Why the moment after this cell was not saved."""
    cpu: float = 0.0
    """Processor time that the cell itself took in its own thread."""
    wait_cpu: float = 0.0
    """Processor time that the hooks took in that thread. Beside `wait`, it tells a busy machine."""


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """One load in a fresh process."""

    cell: int
    """After which cell, counted from 1."""
    names: tuple[str, ...] | None
    """What was asked for; None for everything."""
    seconds: float
    compared: int = 0
    """How many variables were compared with what was there after that cell."""
    wrong: tuple[str, ...] = ()
    """Variables that came back different."""
    missing: tuple[str, ...] = ()
    """Variables that did not come back."""
    unshared: tuple[str, ...] = ()
    """Variables that shared an object then, and hold two equal ones now."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One pair, measured."""

    pair: Pair
    cells: tuple[CellFigures, ...] = ()
    attach: float = 0.0
    """Until the system was ready for the first cell."""
    finish: float = 0.0
    """From the end of the last cell until everything was durable."""
    stored: int = 0
    """Bytes in the store at the end."""
    peak: int = 0
    """Most memory resident in the process."""
    peak_others: int = 0
    """Most memory that processes started by it had for themselves."""
    loads: tuple[LoadFigures, ...] = ()
    unsaved: tuple[str, ...] = ()
    """Variables that the system could not save at some time."""
    unsteady: tuple[str, ...] = ()
    """Variables that two runs without any system do not make alike; they are not compared."""
    error: str = ""
    unavailable: bool = False
    machine: str = ""
    """Of the `Machine` it ran on."""

    @property
    def wait(self) -> float:
        """Of the whole notebook."""
        return sum(cell.wait for cell in self.cells)

    @property
    def cell_seconds(self) -> float:
        return sum(cell.seconds for cell in self.cells)

    @property
    def durable(self) -> float | None:
        """From the end of each cell until it was durable, all cells together."""
        each = [cell.durable for cell in self.cells]
        return None if any(d is None for d in each) else sum(d for d in each if d is not None)

    @property
    def until_durable(self) -> float:
        """From the beginning of the first cell until all of the notebook was durable."""
        return self.cell_seconds + self.wait + self.finish

    @property
    def correct(self) -> bool:
        return not any(
            load.error or load.wrong or load.missing or load.unshared for load in self.loads
        )


@dataclass(frozen=True, slots=True)
class Probe:
    """One figure that is not about a whole run of a workload."""

    name: str
    values: Mapping[str, float] = field(default_factory=dict)
    scale: str = "quick"
    seed: int = 0
    error: str = ""
    machine: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where results were measured, and what with."""

    id: str
    cpu: str
    cores: int
    memory: int
    kernel: str
    python: str
    packages: Mapping[str, str]
    commit: str
    date: str
    argv: tuple[str, ...] = ()


Record = Run | Probe | Machine
_KINDS: dict[str, type[Run] | type[Probe] | type[Machine]] = {
    "run": Run,
    "probe": Probe,
    "machine": Machine,
}


def to_line(record: Record) -> str:
    """A record as one line of JSON, without the line's end."""
    kind = next(name for name, each in _KINDS.items() if isinstance(record, each))
    return json.dumps({"kind": kind, **asdict(record)})


def from_line(line: str) -> Record:
    """What `to_line` wrote."""
    values = json.loads(line)
    kind = values.pop("kind")
    if kind == "run":
        values["pair"] = Pair(**values["pair"])
        values["cells"] = tuple(CellFigures(**each) for each in values["cells"])
        values["loads"] = tuple(load_from(each) for each in values["loads"])
        return Run(**{key: _frozen(value) for key, value in values.items()})
    return _KINDS[kind](**{key: _frozen(value) for key, value in values.items()})


def load_from(values: dict[str, Any]) -> LoadFigures:
    """The record of one load, from JSON."""
    return LoadFigures(**{key: _frozen(value) for key, value in values.items()})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Results:
    """What a results file holds. Of several records of one pair or probe, the last counts."""

    runs: tuple[Run, ...] = ()
    probes: tuple[Probe, ...] = ()
    machines: tuple[Machine, ...] = ()

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        runs: dict[Pair, Run] = {}
        probes: dict[tuple[str, str, int], Probe] = {}
        machines: dict[str, Machine] = {}
        for record in records:
            if isinstance(record, Run):
                runs[record.pair] = record
            elif isinstance(record, Probe):
                probes[record.name, record.scale, record.seed] = record
            else:
                machines[record.id] = record
        return cls(tuple(runs.values()), tuple(probes.values()), tuple(machines.values()))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Of a file; a last line that an end of the process cut off does not count."""
        records = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                records.append(from_line(line))
            except json.JSONDecodeError:
                continue
        return cls.of(records)

    def run(self, system: str, workload: str) -> Run | None:
        """Of this system on this workload, one without an error if there is one; of several
        samples the one in the middle, by the wait."""
        found = [r for r in self.runs if (r.pair.system, r.pair.workload) == (system, workload)]
        good = [r for r in found if not r.error]
        if not good:
            return found[-1] if found else None
        last = replace(good[-1].pair, sample=0)
        samples = [run for run in good if replace(run.pair, sample=0) == last]
        return sorted(samples, key=lambda run: run.wait)[len(samples) // 2]


def append(path: Path, record: Record) -> None:
    """Add a record to a results file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(to_line(record) + "\n")
