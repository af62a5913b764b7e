"""Is a save quick, and small in memory? `python -m pod.bench.smoke` answers in a minute.

Each case runs in a process of its own: a namespace is built and saved once, then cells touch it.
What is timed is what a person waits for after a cell; beside it, dill dumping the whole namespace,
as notebook checkpoints are made without Pod. Memory is the peak over what the process had before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Case:
    """What is there, what a cell touches, and how long a save may take then."""

    name: str
    build: Callable[[], dict[str, Any]]
    touch: Callable[[dict[str, Any]], None]
    limit_seconds: float
    touched_bytes: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One case on this machine, seconds and bytes."""

    name: str
    first_seconds: float
    """The save that meets the data for the first time."""
    touched_seconds: float
    """Median of the saves after cells that touch it."""
    worst_seconds: float
    dill_seconds: float
    peak_bytes: int
    touched_bytes: int
    limit_seconds: float

    @property
    def ok(self) -> bool:
        """The limit is for the first save of the data and for the median of those after it: one
        slow save among several is the machine's."""
        seconds = max(self.touched_seconds, self.first_seconds if self.touched_bytes else 0)
        return seconds <= self.limit_seconds and self.peak_bytes <= self.memory_limit

    @property
    def memory_limit(self) -> int:
        return self.touched_bytes + 50 * MB


def _nothing_variables() -> dict[str, Any]:
    return {f"v{i}": [i, str(i), {"k": i}] for i in range(1000)}


def _array() -> dict[str, Any]:
    import numpy as np

    return {"x": np.random.default_rng(0).normal(size=12_500_000)}


def _change_array(namespace: dict[str, Any]) -> None:
    namespace["x"][1000] += 1


def _frame() -> dict[str, Any]:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(1_000_000, 4)), columns=list("abcd"))
    kinds = rng.integers(0, 99, 1_000_000)
    frame["text"] = [f"row {number} of {kind}" for number, kind in enumerate(kinds)]
    return {"df": frame}


def _change_frame(namespace: dict[str, Any]) -> None:
    frame = namespace["df"]
    frame.loc[5, "a"] = frame.loc[5, "a"] + 1


CASES = (
    Case("touches nothing, 1,000 others", _nothing_variables, lambda _: None, 0.010, 0),
    Case("100 MB float array", _array, _change_array, 0.15, 100 * MB),
    # 4 columns of 8 bytes, and a Python string of about 70 bytes with its pointer, per row.
    Case("1,000,000-row DataFrame with text", _frame, _change_frame, 0.5, 110 * MB),
)
REPEATS = 5


def measure(case: Case) -> Measured:
    """Run one case in this process, which should have done nothing else before."""
    import dill

    import pod

    with tempfile.TemporaryDirectory() as directory, pod.open(Path(directory) / ".pod") as store:
        warm = pod.new_managed_namespace(a=1)
        store.save(warm)
        store.flush()
        namespace = pod.new_managed_namespace(case.build())
        before = _memory("VmRSS")
        _reset_peak()
        first = _seconds(lambda: store.save(namespace))
        store.flush()
        touched = []
        for _ in range(REPEATS):
            case.touch(namespace)
            touched.append(_seconds(lambda: store.save(namespace)))
            store.flush()
        peak = max(0, _memory("VmHWM") - before)
        plain = dict(dict.items(namespace))
        path = Path(directory) / "dill"

        def dump() -> None:
            with path.open("wb") as file:
                dill.dump(plain, file)

        return Measured(
            case.name,
            first,
            statistics.median(touched),
            max(touched),
            _seconds(dump),
            peak,
            case.touched_bytes,
            case.limit_seconds,
        )


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def main(arguments: list[str] | None = None) -> int:
    """Measure every case; exit status 1 when one is over its limits."""
    parser = argparse.ArgumentParser(prog="python -m pod.bench.smoke", description=__doc__)
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.case is not None:
        print(json.dumps(asdict(measure(CASES[options.case]))))
        return 0
    titles = ("first", "touched", "worst", "limit", "dill", "memory", "limit")
    header = f"{'a cell':<36} " + " ".join(f"{title:>8}" for title in titles)
    print(f"{header}\n{'-' * len(header)}")
    good = True
    for number in range(len(CASES)):
        command = [sys.executable, "-m", "pod.bench.smoke", "--case", str(number)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        result = Measured(**json.loads(done.stdout))
        good = good and result.ok
        print(
            f"{result.name:<36} {_ms(result.first_seconds)} {_ms(result.touched_seconds)} "
            f"{_ms(result.worst_seconds)} {_ms(result.limit_seconds)} {_ms(result.dill_seconds)} "
            f"{result.peak_bytes / MB:>5.0f} MB {result.memory_limit / MB:>5.0f} MB"
            f"{'' if result.ok else '   OVER'}",
            flush=True,
        )
    return 0 if good else 1


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:>5.1f} ms"


if __name__ == "__main__":
    sys.exit(main())
