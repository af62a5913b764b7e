"""One pair in a process of its own: `python -m pod.bench.runner JOB`, where JOB is a file of JSON.

Four kinds of jobs. `run` executes the cells with a system at work and measures; `reference` does
it with none and notes the state after those cells that are to be loaded; `load` loads what a `run`
has saved, and compares; `probe` measures something else. What comes out is written to the job's
`result`.
"""

from __future__ import annotations

import contextlib
import cProfile
import importlib
import json
import os
import random
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pod.bench import verify
from pod.bench.measure import Watcher, peak_memory, stored_bytes
from pod.bench.probes import PROBES
from pod.bench.records import CellFigures, LoadFigures, Pair, Probe, Run, Unavailable, to_line
from pod.bench.shell import MeasuredShell, Ran, ThreadProfile, make_shell
from pod.bench.systems import make_system
from pod.bench.systems.base import Reference, System, user_variables
from pod.bench.workloads import Source, Workload, make_workload

DURABLE_TIMEOUT = 5.0
"""Seconds until what is not seen to be durable, once the system says that all is, never was."""


@dataclass(frozen=True, slots=True)
class Job:
    """What this process is to do, and with which files."""

    kind: str
    pair: Pair
    store: str
    """Directory for the system."""
    scratch: str
    """Directory for whatever else has to be written."""
    data: str
    """Directory for generated data, kept."""
    real: str
    """Directory of real data, '' for none."""
    references: tuple[str, ...]
    """Files that `reference` writes and `load` reads."""
    saved: str
    """File that `run` writes and `load` reads: what the system calls each moment."""
    result: str

    @classmethod
    def read(cls, path: Path) -> Job:
        values = json.loads(path.read_text())
        values["pair"] = Pair(**values["pair"])
        values["references"] = tuple(values["references"])
        return cls(**values)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    def workload(self) -> Workload:
        real = Path(self.real) if self.real else None
        source = Source(self.pair.scale, self.pair.seed, Path(self.data), real)
        return make_workload(self.pair.workload, source)


@dataclass(frozen=True, slots=True)
class Saved:
    """What a run leaves for loading it."""

    references: tuple[Reference | None, ...]
    """What the system calls the moment after each cell."""
    modules: tuple[str, ...]
    """What was imported at the end, so that a load is not charged with importing it."""


def chosen_cells(pair: Pair, count: int) -> list[int]:
    """The cells after which is loaded, counted from 1: the last, and others at random."""
    rng = random.Random(f"{pair.workload} {pair.scale} {pair.seed}")
    others = rng.sample(range(1, count), min(count - 1, max(0, pair.loads - 1)))
    return sorted([*others, count]) if pair.loads else []


def _cells(shell: MeasuredShell, workload: Workload) -> Iterator[Ran]:
    """Run them; what they print and show goes nowhere."""
    for code in workload.cells:
        with (
            Path(os.devnull).open("w") as nowhere,
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
        ):
            ran = shell.run(code)
        if ran.error and not workload.may_raise:
            raise RuntimeError(f"a cell raised {ran.error}; its code:\n{code}")
        yield ran


def _shell(job: Job, system: System) -> MeasuredShell:
    workload = job.workload()
    os.environ.update(workload.variables)
    Path(job.scratch).mkdir(parents=True, exist_ok=True)
    os.chdir(job.scratch)
    return make_shell(system.configuration(), Path(job.scratch) / "profile")


def run(job: Job) -> Run:
    """Execute the cells with the system at work."""
    workload = job.workload()
    system = make_system(job.pair.system, Path(job.store))
    shell = _shell(job, system)
    started = time.perf_counter()
    system.attach(shell)
    attached = time.perf_counter() - started
    watcher = Watcher()
    durable: dict[int, float] = {}
    figures: list[CellFigures] = []
    references: list[Reference | None] = []
    held = system.held()
    ended = time.perf_counter()
    for number, ran in enumerate(_cells(shell, workload)):
        reference, unsaved = _reference(system)
        references.append(reference)
        ended = ran.ended
        if reference is not None:
            _note_durable(watcher, system, reference, durable, number, ended)
        held, before = system.held(), held
        stored = stored_bytes(Path(job.store))
        figures.append(
            CellFigures(
                seconds=ran.seconds - (held - before),
                wait=ran.hooks + held - before,
                held=held - before,
                durable=None,
                stored=stored,
                error=ran.error,
                unsaved=unsaved,
                cpu=ran.cpu,
                wait_cpu=ran.hooks_cpu,
            )
        )
        time.sleep(job.pair.think)
        if number + 1 in workload.rests:
            system.finish()
    system.finish()
    finished = time.perf_counter() - ended
    watcher.end(DURABLE_TIMEOUT)
    modules = tuple(sorted({name.partition(".")[0] for name in sys.modules}))
    Path(job.saved).write_text(json.dumps(asdict(Saved(tuple(references), modules))))
    return Run(
        job.pair,
        tuple(replace(f, durable=durable.get(n)) for n, f in enumerate(figures)),
        attach=attached,
        finish=finished,
        stored=stored_bytes(Path(job.store)),
        peak=peak_memory(),
        unsaved=tuple(system.unsaved()),
    )


def _reference(system: System) -> tuple[Reference | None, str]:
    """What the system calls the moment after this cell, else why there is none."""
    try:
        return system.reference(), ""
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"[:300]


def profile(job: Job) -> cProfile.Profile:
    """Execute the cells with the system at work, in this process; what its hooks spent time on."""
    workload = job.workload()
    system = make_system(job.pair.system, Path(job.store))
    shell = _shell(job, system)
    system.attach(shell)
    shell.events.profiler = profiler = ThreadProfile()
    for _ in _cells(shell, workload):
        system.reference()
    shell.events.profiler = None
    system.finish()
    return profiler


def _note_durable(
    watcher: Watcher,
    system: System,
    reference: Reference,
    durable: dict[int, float],
    number: int,
    ended: float,
) -> None:
    def note(when: float) -> None:
        durable[number] = when - ended

    watcher.when(lambda: system.is_durable(reference), note)


def reference(job: Job) -> Run:
    """Execute the cells with no system, and note what there is after the chosen ones."""
    workload = job.workload()
    shell = _shell(job, make_system("noop", Path(job.store)))
    chosen = chosen_cells(job.pair, len(workload.cells))
    states = {}
    figures = []
    for number, ran in enumerate(_cells(shell, workload), 1):
        figures.append(CellFigures(ran.seconds, ran.hooks, 0.0, None, 0, ran.error))
        if number in chosen:
            state = verify.state_of(user_variables(shell))
            states[number] = {"digests": dict(state.digests), "shared": sorted(state.shared)}
    Path(job.references[0]).write_text(json.dumps(states))
    return Run(job.pair, tuple(figures), peak=peak_memory())


def _states(path: str) -> dict[int, verify.State]:
    return {
        int(number): verify.State(each["digests"], frozenset(map(tuple, each["shared"])))
        for number, each in json.loads(Path(path).read_text()).items()
    }


def unsteady(first: dict[int, verify.State], second: dict[int, verify.State]) -> set[str]:
    """Variables that two runs of one workload do not make alike, so that nobody can tell whether
    a system has brought them back right."""
    return {
        name
        for number, state in first.items()
        for name, digest in state.digests.items()
        if second[number].digests.get(name) != digest
    }


def load(job: Job) -> Run:
    """Load some moments, whole and one variable of each, and compare with what was there."""
    saved = json.loads(Path(job.saved).read_text())
    states, *others = map(_states, job.references)
    skipped = {name for other in others for name in unsteady(states, other)}
    shell = _shell(job, make_system("noop", Path(job.store)))
    for module in saved["modules"]:
        if module not in ("__main__", "__mp_main__", "this", "antigravity"):
            with contextlib.suppress(Exception):
                importlib.import_module(module)
    rng = random.Random(f"{job.pair.workload} {job.pair.seed}")
    figures = []
    for number, state in sorted(states.items()):
        names = sorted(state.digests)
        chosen = [None, (rng.choice(names),)] if names else [None]
        for asked in chosen:
            moment = saved["references"][number - 1]
            figures.append(_load(job, number, moment, state, asked, skipped))
    assert shell is not None
    return Run(job.pair, loads=tuple(figures), unsteady=tuple(sorted(skipped)))


def _load(
    job: Job,
    number: int,
    moment: Reference | None,
    state: verify.State,
    asked: tuple[str, ...] | None,
    skipped: set[str],
) -> LoadFigures:
    if moment is None:
        return LoadFigures(number, asked, 0.0, error="this moment was not saved")
    system = make_system(job.pair.system, Path(job.store))
    started = time.perf_counter()
    try:
        loaded = system.load(moment, None if asked is None else set(asked))
    except Exception as error:
        passed = time.perf_counter() - started
        text = f"{type(error).__name__}: {error}"
        return LoadFigures(number, asked, passed, error=text[:500])
    passed = time.perf_counter() - started
    names = set(state.digests if asked is None else asked) - skipped
    now = verify.state_of({name: loaded[name] for name in names if name in loaded})
    found = verify.compare(state, now, names)
    return LoadFigures(
        number, asked, passed, found.compared, found.wrong, found.missing, found.unshared
    )


def _figures(job: Job) -> Run:
    act = {"run": run, "reference": reference, "load": load}[job.kind]
    try:
        return act(job)
    except Unavailable as error:
        return Run(job.pair, error=str(error), unavailable=True)
    except Exception as error:
        return Run(job.pair, error=f"{type(error).__name__}: {error}"[:2000])


def _probe(job: Job) -> Probe:
    probe = Probe(job.pair.workload, scale=job.pair.scale, seed=job.pair.seed)
    try:
        directories = Path(job.store), Path(job.scratch)
        return replace(probe, values=PROBES[probe.name](*directories, probe.scale))
    except Exception as error:
        return replace(probe, error=f"{type(error).__name__}: {error}"[:2000])


def main(arguments: list[str]) -> int:
    """Do a job; what goes wrong is in its result."""
    job = Job.read(Path(arguments[0]))
    warnings.simplefilter("ignore")
    result = _probe(job) if job.kind == "probe" else _figures(job)
    Path(job.result).write_text(to_line(result))
    sys.stdout.flush()
    # Threads of systems and of libraries are not waited for: everything is on the disk.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
