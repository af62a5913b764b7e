"""Tables of results, as Markdown that a terminal shows well, too."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Sequence

from pod.bench import headline
from pod.bench.records import Probe, Results, Run
from pod.bench.systems import NOOP
from pod.bench.workloads.synthetic import LOOP_NAMES

MB = 1_000_000
NONE = "-"
"""Where there is no figure."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """Markdown, its columns padded; the first `left` of them are set to the left."""
    body = [list(row) for row in rows]
    widths = [max(len(row[n]) for row in [list(header), *body]) for n in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if n < left else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * (w + 2) if n < left else "-" * (w + 1) + ":" for n, w in enumerate(widths)]
    return "\n".join([line(header), f"|{'|'.join(rule)}|", *map(line, body)])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of these values that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)] if ordered else 0.0


def seconds(value: float | None) -> str:
    """For people: milliseconds where it is short."""
    if value is None:
        return NONE
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms"


def size(value: float) -> str:
    return f"{value / MB:.1f} MB"


def ratio(ours: float, theirs: float) -> str:
    """How many times less ours is."""
    if not ours or not theirs:
        return NONE
    return f"1/{theirs / ours:.1f}" if theirs >= ours else f"{ours / theirs:.1f}x"


HEADER = (
    "system", "wait", "against dill", "95 % of cells", "longest", "durable, sum",
    "all durable", "stored", "against dill", "slower by", "load", "load one", "memory", "came back",
)  # fmt: skip


def workload_table(results: Results, workload: str) -> str:
    """All systems on one workload."""
    systems = dict.fromkeys(r.pair.system for r in results.runs if r.pair.workload == workload)
    runs = [run for run in (results.run(system, workload) for system in systems) if run]
    dill, noop = results.run("dill", workload), results.run(NOOP, workload)
    rows = [_row(run, dill, noop) for run in runs if not run.error]
    told = [f"{run.pair.system}: {failure(run)}" for run in runs if run.error]
    return "\n".join([table(HEADER, rows), *(f"\n{line}" for line in told)])


def failure(run: Run) -> str:
    """Why there are no figures, on one line."""
    lines = run.error.splitlines()
    return lines[0] if len(lines) == 1 else f"{lines[0]} … {lines[-1]}"


def _row(run: Run, dill: Run | None, noop: Run | None) -> list[str]:
    waits = [cell.wait for cell in run.cells]
    compared = dill is not None and not dill.error and run.pair.system != NOOP
    against = dill if compared else None
    slower = run.cell_seconds / noop.cell_seconds if noop and noop.cell_seconds else None
    whole = [load.seconds for load in run.loads if load.names is None and not load.error]
    part = [load.seconds for load in run.loads if load.names is not None and not load.error]
    return [
        run.pair.system,
        seconds(run.wait),
        ratio(run.wait, against.wait) if against else NONE,
        seconds(percentile(waits, 0.95)),
        seconds(max(waits, default=0.0)),
        seconds(run.durable),
        seconds(run.finish),
        size(run.stored),
        ratio(run.stored, against.stored) if against else NONE,
        f"{slower:.2f}x" if slower is not None else NONE,
        seconds(percentile(whole, 0.5)) if whole else NONE,
        seconds(percentile(part, 0.5)) if part else NONE,
        size(run.peak + run.peak_others),
        came_back(run),
    ]


def came_back(run: Run) -> str:
    """What became of the variables that were loaded."""
    if not run.loads:
        return NONE
    told = []
    unsaved = sum(bool(cell.unsaved) for cell in run.cells)
    if unsaved:
        told.append(f"{unsaved} cells not saved")
    errors = sum(bool(load.error) for load in run.loads)
    if errors:
        told.append(f"{errors} of {len(run.loads)} loads failed")
    for word in ("wrong", "missing", "unshared"):
        names = sorted({name for load in run.loads for name in getattr(load, word)})
        if names:
            told.append(f"{word}: {', '.join(names[:4])}{', …' if len(names) > 4 else ''}")
    return "; ".join(told) or "as it was"


def report(results: Results) -> str:
    """The table of targets, one table for each workload, and where it was measured."""
    parts = [f"## Targets\n\n{_targets(results)}"]
    for workload in dict.fromkeys(run.pair.workload for run in results.runs):
        parts.append(f"### {workload}\n\n{workload_table(results, workload)}")
    parts += [_tracking(results), *map(_probe, results.probes), _machines(results)]
    return "\n\n".join(filter(None, parts))


def _targets(results: Results) -> str:
    found = headline.figures(results)
    return table(("figure", "target", "measured", ""), headline.rows(found), left=4)


def _tracking(results: Results) -> str:
    systems = dict.fromkeys(r.pair.system for r in results.runs if r.pair.workload == "loops")
    rows = []
    for system in systems:
        with contextlib.suppress(headline.NotMeasured):
            ratios = headline.tracking_ratios(results, system)
            rows.append([system, *(f"{each:.2f}" for each in ratios.values())])
    if not rows:
        return ""
    header = ("tight loops, times as long as in noop", *LOOP_NAMES)
    return f"### Tracking\n\n{table(header, rows)}"


def _probe(probe: Probe) -> str:
    told = ", ".join(f"{name} {value:.4g}" for name, value in probe.values.items())
    return f"{probe.name}: {probe.error or told}"


def _machines(results: Results) -> str:
    """Of those that something was measured on."""
    used = {run.machine for run in results.runs} | {probe.machine for probe in results.probes}
    told = []
    for machine in results.machines:
        if machine.id in used:
            packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
            told.append(
                f"{machine.cpu}, {machine.cores} cores, {machine.memory / 1e9:.0f} GB, "
                f"{machine.kernel}, Python {machine.python}; commit {machine.commit}, "
                f"{machine.date}. {packages}"
            )
    return "\n\n".join(dict.fromkeys(told))
