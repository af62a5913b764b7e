"""Many pairs, each in processes of its own, one after the other; results are appended to a file."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pod.bench.measure import MARK, machine, memory_of_others, others_marked
from pod.bench.records import Machine, Pair, Probe, Results, Run, append, from_line
from pod.bench.runner import Job
from pod.bench.systems import KISHU, NOOP

SAMPLE = 0.25
"""Seconds between two looks at the memory of a pair's other processes."""
SAMPLE_SHARE = 20
"""A look that takes long is made less often: it takes the machine from those it looks at."""


@dataclass
class Bench:
    """Runs pairs, and keeps what it needs to compare their loads with."""

    results: Path
    cache: Path
    """Directory for generated data, kept."""
    real: Path | None = None
    timeout: float = 1800.0
    """Seconds for one process."""
    kishu_python: str = ""
    """An interpreter with Kishu."""
    verify: bool = True
    """Whether loads are compared, for which the workload is run without any system, too."""
    temporary: Path | None = None
    """Directory under which stores are made. Default: the system's."""
    machine: Machine = field(default_factory=machine)
    _references: dict[tuple[Pair, int], tuple[str, str]] = field(default_factory=dict)

    def __enter__(self) -> Bench:
        self.results.parent.mkdir(parents=True, exist_ok=True)
        self.cache.mkdir(parents=True, exist_ok=True)
        self._directory = tempfile.TemporaryDirectory(prefix="pod-bench-", dir=self.temporary)
        append(self.results, self.machine)
        return self

    def __exit__(self, *_: object) -> None:
        self._directory.cleanup()

    def run(self, pair: Pair) -> Run:
        """Measure a pair and append it to the results; what goes wrong is in the record."""
        directory = Path(tempfile.mkdtemp(dir=self._directory.name))
        try:
            run = replace(self._run(pair, directory), machine=self.machine.id)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        append(self.results, run)
        return run

    def probe(self, name: str, scale: str, seed: int) -> Probe:
        """Measure something that is not a run of a workload, and append it to the results."""
        directory = Path(tempfile.mkdtemp(dir=self._directory.name))
        try:
            found = self._process("probe", Pair("pga", name, scale, seed), directory, ())
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        if isinstance(found, Run):
            found = Probe(name, scale=scale, seed=seed, error=found.error)
        probe = replace(found, machine=self.machine.id)
        append(self.results, probe)
        return probe

    def _run(self, pair: Pair, directory: Path) -> Run:
        if not self.verify or pair.system == NOOP or not pair.loads:
            return self._figures("run", pair, directory, ())
        failed, _ = self._reference(pair, 0)
        if failed:
            return Run(pair, error=failed)
        run = self._figures("run", pair, directory, ())
        if run.error:
            return run
        loaded = self._load(pair, directory, 1)
        if not loaded.error and not loaded.correct:
            # It may be the workload that does not do the same again.
            loaded = self._load(pair, directory, 2)
        if loaded.error:
            return replace(run, error=f"loading: {loaded.error}")
        return replace(run, loads=loaded.loads, unsteady=loaded.unsteady)

    def _load(self, pair: Pair, directory: Path, count: int) -> Run:
        """Load, and compare with so many runs without any system."""
        found = [self._reference(pair, number) for number in range(count)]
        for failed, _ in found:
            if failed:
                return Run(pair, error=failed)
        return self._figures("load", pair, directory, tuple(path for _, path in found))

    def _reference(self, pair: Pair, number: int) -> tuple[str, str]:
        """Why it failed, and the file with what is there after the cells; made once."""
        key = replace(pair, system=NOOP, think=0.0, sample=0), number
        if key not in self._references:
            directory = Path(tempfile.mkdtemp(dir=self._directory.name))
            path = str(directory / "states")
            run = self._figures("reference", key[0], directory, (path,))
            self._references[key] = run.error, path
        return self._references[key]

    def _figures(self, kind: str, pair: Pair, directory: Path, references: tuple[str, ...]) -> Run:
        found = self._process(kind, pair, directory, references)
        assert isinstance(found, Run)
        return found

    def _process(
        self, kind: str, pair: Pair, directory: Path, references: tuple[str, ...]
    ) -> Run | Probe:
        """Have a job done in a process of its own."""
        job = Job(
            kind=kind,
            pair=pair,
            store=str(directory / "store"),
            scratch=str(directory / "scratch"),
            data=str(self.cache),
            real=str(self.real or ""),
            references=references,
            saved=str(directory / "saved"),
            result=str(directory / f"{kind}-result"),
        )
        job.write(directory / f"{kind}-job")
        python = self.kishu_python if pair.system == KISHU and self.kishu_python else sys.executable
        command = [python, "-m", "pod.bench.runner", str(directory / f"{kind}-job")]
        with (directory / f"{kind}-output").open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(pair, directory),
                start_new_session=True,
            )
            why, others = self._wait(process, str(directory))
        result = Path(job.result)
        if result.exists():
            found = from_line(result.read_text())
            assert not isinstance(found, Machine)
            return replace(found, peak_others=others) if isinstance(found, Run) else found
        told = (directory / f"{kind}-output").read_text(errors="replace").strip()[-1000:]
        why = why or f"the process ended with {process.returncode}"
        return Run(pair, error=f"{why}. {told}".strip())

    def _wait(self, process: subprocess.Popen[bytes], mark: str) -> tuple[str, int]:
        """Until a process has ended: why it was ended, and the most that those it started had in
        memory."""
        deadline = time.monotonic() + self.timeout
        others, pause = 0, SAMPLE
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(pause)
                    return "", others
                started = time.perf_counter()
                others = max(others, memory_of_others(mark, process.pid))
                pause = max(SAMPLE, SAMPLE_SHARE * (time.perf_counter() - started))
                if time.monotonic() > deadline:
                    return f"not done within {self.timeout:g} s", others
        finally:
            _end(process, mark)


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """With everything that it has started."""
    process.kill()
    for other in others_marked(mark, process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(other, signal.SIGKILL)
    process.wait()


def _environment(pair: Pair, directory: Path) -> Mapping[str, str]:
    """Nothing of the user's, and the same for every pair."""
    source = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH", "")]))
    return {
        **os.environ,
        MARK: str(directory),
        "PYTHONPATH": path,
        "PYTHONHASHSEED": str(pair.seed),
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": str(directory.parent / "matplotlib"),
        "IPYTHONDIR": str(directory / "ipython"),
        "POD_DATA_DIR": str(directory / "key"),
        "TMPDIR": str(directory),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2"),
    }


def in_turn(pairs: Iterable[Pair], samples: int) -> list[Pair]:
    """Each pair so often. Of a workload another system comes first each time, since what is
    measured first may find less in the system's caches than what comes after it."""
    of_workload: dict[str, list[Pair]] = {}
    for pair in dict.fromkeys(pairs):
        of_workload.setdefault(pair.workload, []).append(pair)
    return [
        replace(group[(n + place) % len(group)], sample=n)
        for n in range(samples)
        for group in of_workload.values()
        for place in range(len(group))
    ]


def remaining(pairs: Iterable[Pair], results: Path, resume: bool) -> list[Pair]:
    """Each pair once; with `resume` only those that the results do not have yet."""
    there = {run.pair for run in Results.read(results).runs} if resume and results.exists() else ()
    return [pair for pair in dict.fromkeys(pairs) if pair not in there]
