"""Plots of results, as PNG files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

from pod.bench.records import Results, Run
from pod.bench.systems import NOOP

OURS = "#1b6ca8"
THEIRS = "#b0b0b0"
LEAST = 1e-4
"""Seconds: what is shorter is drawn as this on a logarithmic axis."""


def draw(results: Results, directory: Path) -> list[Path]:
    """Make every plot that there is something for; the files that were written."""
    directory.mkdir(parents=True, exist_ok=True)
    made = []
    bars: dict[str, tuple[str, Callable[[Run], float | None]]] = {
        "wait": ("seconds waited for, whole notebook", lambda run: max(run.wait, LEAST)),
        "stored": ("megabytes stored at the end", lambda run: run.stored / 1e6),
        "durable": ("seconds until durable, sum of cells", lambda run: run.durable),
        "load": ("seconds to load everything, mean", lambda run: _loads(run, whole=True)),
        "load-one": ("seconds to load one variable, mean", lambda run: _loads(run, whole=False)),
    }
    for name, (title, value) in bars.items():
        made += _bars(results, title, value, directory / f"{name}.png")
    made += _cells(results, directory / "cells.png")
    made += _growth(results, directory / "growth.png")
    return made


def _loads(run: Run, *, whole: bool) -> float | None:
    seconds = [x.seconds for x in run.loads if (x.names is None) == whole and not x.error]
    return sum(seconds) / len(seconds) if seconds else None


def _is_ours(run: Run) -> bool:
    return run.pair.system.startswith("p")


def _runs(results: Results, workload: str) -> list[Run]:
    return [
        run
        for run in results.runs
        if run.pair.workload == workload and not run.error and run.pair.system != NOOP
    ]


def _workloads(results: Results) -> list[str]:
    return list(dict.fromkeys(run.pair.workload for run in results.runs))


def _grid(count: int) -> tuple[Any, list[Any]]:
    columns = min(4, count)
    lines = -(-count // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(3.6 * columns, 2.8 * lines), squeeze=False, layout="constrained"
    )
    for axis in axes.ravel()[count:]:
        axis.set_visible(False)
    return figure, list(axes.ravel())


def _save(figure: Any, path: Path) -> list[Path]:
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return [path]


def _bars(
    results: Results, title: str, value: Callable[[Run], float | None], path: Path
) -> list[Path]:
    """A panel for each workload, a bar for each system."""
    panels = {}
    for workload in _workloads(results):
        found = [(run, value(run)) for run in _runs(results, workload)]
        shown = [(run, each) for run, each in found if each]
        if shown:
            panels[workload] = shown
    if not panels:
        return []
    figure, axes = _grid(len(panels))
    for axis, (workload, shown) in zip(axes, panels.items(), strict=False):
        names = [run.pair.system for run, _ in shown]
        colours = [OURS if _is_ours(run) else THEIRS for run, _ in shown]
        axis.barh(names, [each for _, each in shown], color=colours)
        axis.invert_yaxis()
        axis.set_xscale("log")
        axis.set_title(workload, fontsize=9)
        axis.tick_params(labelsize=8)
    figure.suptitle(f"{title} (logarithmic)", fontsize=10)
    return _save(figure, path)


def _cells(results: Results, path: Path) -> list[Path]:
    """How many cells one waits for no longer than so long, all workloads of a system together."""
    waits: dict[str, list[float]] = {}
    for run in results.runs:
        if not run.error and run.pair.system != NOOP:
            waits.setdefault(run.pair.system, []).extend(max(c.wait, LEAST) for c in run.cells)
    waits = {name: each for name, each in waits.items() if each}
    if not waits:
        return []
    figure, axis = plt.subplots(figsize=(6.4, 4), layout="constrained")
    for name, each in waits.items():
        shares = [(n + 1) / len(each) for n in range(len(each))]
        axis.step(sorted(each), shares, where="post", label=name, linewidth=1.2)
    axis.set_xscale("log")
    axis.set_xlabel("seconds waited for after a cell")
    axis.set_ylabel("share of cells")
    axis.axvline(0.015, color="black", linewidth=0.6, linestyle=":")
    axis.legend(fontsize=7)
    return _save(figure, path)


def _growth(results: Results, path: Path) -> list[Path]:
    """Bytes in the store, cell by cell."""
    panels = {w: runs for w in _workloads(results) if (runs := _runs(results, w))}
    if not panels:
        return []
    figure, axes = _grid(len(panels))
    for axis, (workload, runs) in zip(axes, panels.items(), strict=False):
        for run in runs:
            stored = [cell.stored / 1e6 for cell in run.cells]
            axis.plot(range(1, len(stored) + 1), stored, label=run.pair.system, linewidth=1.2)
        axis.set_yscale("symlog", linthresh=0.1)
        axis.set_title(workload, fontsize=9)
        axis.tick_params(labelsize=8)
        axis.legend(fontsize=6)
    figure.suptitle("megabytes in the store after each cell", fontsize=10)
    return _save(figure, path)
