"""Figures of Pod that no workload gives: a directory with many commits, and a checkout.

Each is a function of a directory for the store, one for what else is written, and the scale.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pod
from pod.bench import verify
from pod.bench.shell import MeasuredShell, make_shell
from pod.bench.systems.base import user_variables
from pod.bench.systems.pods import EXTENSION, VARIANTS

SMALL = """
for number in range({count}):
    globals()[f"v{{number}}"] = [number, str(number)]
small = []
"""
FRAME = """
import numpy as np
import pandas as pd
rng = np.random.default_rng(0)
others = [rng.integers(0, 1 << 62, {length}) for _ in range(10)]
df = pd.DataFrame(rng.normal(size=({rows}, 4)), columns=list("abcd"))
df["text"] = [f"row {{n}}" for n in range({rows})]
"""


def commits(store: Path, scratch: Path, scale: str) -> dict[str, float]:
    """A small change beside 1,000 variables, in a directory with 10,000 commits and in a new one.

    Both in one shell, in turns: seconds to load Pod (`open_many`, `open_new`), and of what is
    waited for after a cell the median and the longest (`wait_many`, `most_many`, ...), each of the
    better turn.
    """
    count = {"tiny": 50}.get(scale, 10_000)
    started = time.perf_counter()
    _make_commits(store / "many", count)
    built = time.perf_counter() - started
    found = {"commits": float(count), "build": built}
    shell = _shell(scratch, store / "none")
    shell.run(SMALL.format(count=1_000).strip())
    # The first of them imports what all need.
    for which in ("warm", "new", "many", "new", "many"):
        shell.config[EXTENSION]["pod_dir"] = str(store / which)
        started = time.perf_counter()
        shell.run_line_magic("load_ext", "pod")
        opening = time.perf_counter() - started
        shell.run("small.append(-1)")
        waits = [shell.run(f"small.append({n})").hooks for n in range(30)]
        shell.run_line_magic("unload_ext", "pod")
        if which != "warm":
            turn = {"open": opening, "wait": statistics.median(waits), "most": max(waits)}
            for figure, value in turn.items():
                key = f"{figure}_{which}"
                found[key] = min(value, found.get(key, value))
    return found


def _make_commits(directory: Path, count: int) -> None:
    """Save so often, without waiting for the disk each time: nothing of this has to last."""
    sync = os.fsync
    os.fsync = lambda fd: None
    try:
        with pod.open(directory) as opened:
            namespace = pod.new_managed_namespace(x=[0])
            for number in range(count):
                namespace["x"][0] = number
                opened.save(namespace, code=f"x[0] = {number}")
                if number % 200 == 199:
                    opened.flush()  # a long queue is slow to look through
    finally:
        os.fsync = sync


def checkout(store: Path, scratch: Path, scale: str) -> dict[str, float]:
    """A checkout that undoes a change of one column of 1,000,000 rows, beside 2 GB of others."""
    rows, size = (1_000, 1_000_000) if scale == "tiny" else (1_000_000, 2_000_000_000)
    shell = _shell(scratch, store)
    shell.run_line_magic("load_ext", "pod")
    extension: Any = next(e for e in shell.configurables if type(e).__name__ == EXTENSION)
    made = shell.run(FRAME.format(length=size // 80, rows=rows).strip())
    before = extension.session.head
    then = verify.state_of(user_variables(shell))
    seconds = []
    for number in range(3):
        shell.run(f"df['b'] = df['a'] * {number + 2}")
        extension.store.flush()
        started = time.perf_counter()
        shell.run(f"%pod_checkout {before}")
        seconds.append(time.perf_counter() - started)
    differences = verify.compare(then, verify.state_of(user_variables(shell)), then.digests)
    if made.error or differences.wrong or differences.missing:
        raise RuntimeError(f"the checkout brought back something else: {made.error}{differences}")
    return {"median": statistics.median(seconds), "most": max(seconds), "first": seconds[0]}


def _shell(scratch: Path, store: Path) -> MeasuredShell:
    traits = {**VARIANTS["pga"], "pod_dir": str(store), "verbosity": 0}
    return make_shell({EXTENSION: traits}, scratch / "profile")


PROBES: Mapping[str, Callable[[Path, Path, str], dict[str, float]]] = {
    "commits": commits,
    "checkout": checkout,
}
