"""The table of targets: what is to be reached, what was measured, and whether it was reached.

Everything is computed from the records of one results file. A figure whose runs are not there, or
failed, is told as not measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pod.bench.experiments import POLICIES
from pod.bench.records import Probe, Results, Run
from pod.bench.systems import KISHU, NOOP
from pod.bench.workloads.synthetic import LOOP_NAMES, LOOPS_FIRST

PGA = "pga"
LATE_PYTHON = (3, 12)
"""From here on the interpreter can tell which code ran."""
LEAST = 1e-6
"""Seconds below which nothing is measured."""
EQUAL = 1.05
"""Two policies are equal when neither is this many times the other."""
TREE_BYTES = 110_000_000
"""Of `rmtree`: its first state and ten times one hundredth of it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One row."""

    what: str
    target: str
    measured: str
    met: bool | None
    """None when it was not measured."""


class NotMeasured(Exception):
    """What is missing."""


def figures(results: Results) -> list[Figure]:
    """All rows, in the order of the page of targets."""
    found = []
    for row in _ROWS:
        try:
            measured, met = row.measure(results)
        except NotMeasured as error:
            measured, met = f"not measured: {error}", None
        found.append(Figure(row.what, row.target, measured, met))
    return found


def _run(results: Results, system: str, workload: str) -> Run:
    run = results.run(system, workload)
    if run is None:
        raise NotMeasured(f"{workload} / {system} is not there")
    if run.error:
        raise NotMeasured(f"{run.pair.label}: {run.error.splitlines()[0][:80]}")
    return run


def _probe(results: Results, name: str) -> Probe:
    found = [probe for probe in results.probes if probe.name == name]
    if not found:
        raise NotMeasured(f"{name} is not there")
    if found[-1].error:
        raise NotMeasured(f"{name}: {found[-1].error.splitlines()[0][:80]}")
    return found[-1]


@dataclass(frozen=True, slots=True)
class _Row:
    what: str
    target: str
    measure: Callable[[Results], tuple[str, bool]]


def _wait_row(workload: str, times: int) -> _Row:
    def measure(results: Results) -> tuple[str, bool]:
        ours, theirs = _run(results, PGA, workload).wait, _run(results, "dill", workload).wait
        ratio = theirs / max(ours, LEAST)
        return f"1/{ratio:.1f} ({ours * 1000:.0f} ms, dill {theirs:.2f} s)", ratio >= times

    return _Row(f"wait, `{workload}`, against dill", f"at most 1/{times}", measure)


def _stored_row(workload: str, times: int) -> _Row:
    def measure(results: Results) -> tuple[str, bool]:
        ours, theirs = _run(results, PGA, workload).stored, _run(results, "dill", workload).stored
        ratio = theirs / max(ours, 1)
        return f"1/{ratio:.1f} ({ours / 1e6:.1f} MB, dill {theirs / 1e6:.0f} MB)", ratio >= times

    return _Row(f"stored, `{workload}`, against dill", f"at most 1/{times}", measure)


def _tree_stored(results: Results) -> tuple[str, bool]:
    ours = _run(results, PGA, "rmtree").stored
    return f"{ours / TREE_BYTES:.2f} ({ours / 1e6:.1f} MB)", ours <= 1.15 * TREE_BYTES


def _all_waits(results: Results) -> list[tuple[float, str]]:
    """Of every cell of every run of the default, with where it was."""
    runs = [run for run in results.runs if run.pair.system == PGA and not run.error]
    runs = [run for run in runs if not run.pair.workload.startswith("loops")]
    waits = [
        (cell.wait, f"{run.pair.workload}, cell {number}")
        for run in runs
        for number, cell in enumerate(run.cells, 1)
    ]
    if not waits:
        raise NotMeasured("there is no run of pga")
    return sorted(waits)


def _wait_95(results: Results) -> tuple[str, bool]:
    waits = _all_waits(results)
    wait, where = waits[max(0, -(-len(waits) * 95 // 100) - 1)]
    return f"{wait * 1000:.1f} ms of {len(waits)} cells ({where})", wait <= 0.015


def _wait_longest(results: Results) -> tuple[str, bool]:
    wait, where = _all_waits(results)[-1]
    return f"{wait * 1000:.1f} ms ({where})", wait <= 0.060


def tracking_ratios(results: Results, system: str = PGA) -> dict[str, float]:
    """Kind of loop -> how many times the processor time it takes that it takes without any system,
    least of all rounds against least."""
    tracked, plain = _run(results, system, "loops"), _run(results, NOOP, "loops")

    def least(run: Run, place: int) -> float:
        return min(cell.cpu for cell in run.cells[LOOPS_FIRST + place :: len(LOOP_NAMES)])

    found = {n: (least(tracked, at), least(plain, at)) for at, n in enumerate(LOOP_NAMES)}
    if not all(theirs for _, theirs in found.values()):
        raise NotMeasured("these results have no processor times")
    return {name: ours / theirs for name, (ours, theirs) in found.items()}


def _tracking(results: Results) -> tuple[str, bool]:
    ratios = tracking_ratios(results)
    worst = max(ratios, key=lambda name: ratios[name])
    run = _run(results, PGA, "loops")
    python = next((m.python for m in results.machines if m.id == run.machine), "?")
    version = tuple(int(part) for part in python.split(".")[:2] if part.isdigit())
    told = f"{ratios[worst]:.2f} ({worst}; Python {python})"
    if version < LATE_PYTHON:
        raise NotMeasured(f"{told}; the target is for Python 3.12 and later")
    return told, ratios[worst] <= 1.05


def _small_cells(results: Results, later: bool) -> tuple[str, float, float]:
    """Median and longest wait of the cells of `big` after its first save, or during it."""
    cells = _run(results, PGA, "big").cells[1:]
    half = len(cells) // 2
    waits = [cell.wait for cell in (cells[half:] if later else cells[:half])]
    middle, most = statistics.median(waits), max(waits)
    return f"{middle * 1000:.1f} ms median, {most * 1000:.1f} ms longest", middle, most


def _small_cell(results: Results) -> tuple[str, bool]:
    told, middle, _ = _small_cells(results, later=True)
    return told, middle <= 0.005


def _small_cell_at_once(results: Results) -> tuple[str, bool]:
    told, _, most = _small_cells(results, later=False)
    return told, most <= 0.060


def _many_commits(results: Results) -> tuple[str, bool]:
    values = _probe(results, "commits").values
    many, new = values["wait_many"], values["wait_new"]
    told = f"{many * 1000:.1f} ms, {new * 1000:.1f} ms in a new directory"
    return f"{told} ({values['commits']:.0f} commits)", many <= max(1.2 * new, new + 0.0005)


def _opening(results: Results) -> tuple[str, bool]:
    seconds = _probe(results, "commits").values["open_many"]
    return f"{seconds:.2f} s", seconds <= 1.0


def _durable(results: Results) -> tuple[str, bool]:
    """What each adds to the time that the notebook takes, until all of it is durable."""
    ours, theirs = _run(results, PGA, "update"), _run(results, KISHU, "update")
    plain = _run(results, NOOP, "update").until_durable
    if ours.durable is None or theirs.durable is None:
        raise NotMeasured("not every cell became durable")
    a, b = (max(run.until_durable - plain, LEAST) for run in (ours, theirs))
    sums = f"sum over the cells {ours.durable:.1f} and {theirs.durable:.1f} s"
    return f"1/{b / a:.1f} ({a:.2f} s, Kishu {b:.1f} s; {sums})", b / a >= 20


def _checkout(results: Results) -> tuple[str, bool]:
    values = _probe(results, "checkout").values
    return f"{values['median']:.2f} s, longest {values['most']:.2f} s", values["median"] <= 0.3


def _partial(results: Results) -> tuple[str, bool]:
    run = _run(results, PGA, "skltweet")
    whole = [load.seconds for load in run.loads if load.names is None and not load.error]
    part = [load.seconds for load in run.loads if load.names is not None and not load.error]
    if not whole or not part:
        raise NotMeasured("nothing was loaded")
    a, b = statistics.median(part), statistics.median(whole)
    return f"1/{b / a:.1f} ({a * 1000:.1f} ms, whole {b * 1000:.1f} ms)", b / a >= 5


def beaten_by(results: Results) -> list[tuple[str, str, float]]:
    """Workload, policy and factor, wherever another policy is better than the default: its wait
    and its storage, each in proportion to the default's, come to less in sum."""
    found = []
    for workload in dict.fromkeys(run.pair.workload for run in results.runs):
        ours = results.run(PGA, workload)
        if ours is None or ours.error or not ours.wait or not ours.stored:
            continue
        for policy in POLICIES[1:]:
            other = results.run(policy, workload)
            if other is None or other.error:
                continue
            cost = (other.wait / ours.wait + other.stored / ours.stored) / 2
            if cost * EQUAL < 1:
                found.append((workload, policy, 1 / cost))
    return found


def _policies(results: Results) -> tuple[str, bool]:
    there = {run.pair.system for run in results.runs if not run.error} & set(POLICIES[1:])
    if not there:
        raise NotMeasured("no other policy was run")
    worse = beaten_by(results)
    if not worse:
        return f"nowhere worse than {', '.join(sorted(there))}", True
    told = [f"{workload}: {policy} {factor:.2f}x" for workload, policy, factor in worse]
    return f"better is {'; '.join(told)}", False


def _came_back(results: Results) -> tuple[str, bool]:
    runs = [run for run in results.runs if run.pair.system == PGA and run.loads]
    if not runs:
        raise NotMeasured("nothing was loaded")
    bad = sorted(run.pair.workload for run in runs if not run.correct)
    total = sum(load.compared for run in runs for load in run.loads)
    return (f"otherwise in {', '.join(bad)}" if bad else f"{total} variables compared"), not bad


_ROWS = (
    _wait_row("readonly", 200),
    _wait_row("readonly-arrow", 30),
    _wait_row("update", 40),
    _wait_row("update-arrow", 8),
    _wait_row("rmtree", 60),
    _Row("wait for a cell, all workloads, 95th percentile", "at most 15 ms", _wait_95),
    _Row("wait for a cell, all workloads, longest", "at most 60 ms", _wait_longest),
    _stored_row("readonly", 150),
    _stored_row("update", 12),
    _Row("stored, `rmtree`, against first state and changed bytes", "at most 1.15", _tree_stored),
    _Row("tracking, tight loops, Python 3.12 and later", "at most 1.05", _tracking),
    _Row("a cell touching one small variable beside 10,000 and 4 GB", "at most 5 ms", _small_cell),
    _Row("the same at once, their first save under way", "at most 60 ms", _small_cell_at_once),
    _Row("a small cell with 10,000 commits in the directory", "no slower", _many_commits),
    _Row("loading Pod on a directory with 10,000 commits", "at most 1 s", _opening),
    _Row("until all is durable, `update`, against Kishu", "at most 1/20", _durable),
    _Row("checkout undoing a column of 1,000,000 beside 2 GB", "at most 0.3 s", _checkout),
    _Row("partial load against whole, `skltweet`, median", "at most 1/5", _partial),
    _Row("LGA against every other policy, wait and storage", "not worse", _policies),
    _Row("what was loaded is what was there", "everything", _came_back),
)


def rows(found: Iterable[Figure]) -> list[list[str]]:
    """Cells of a table."""
    said = {True: "met", False: "missed", None: "-"}
    return [[each.what, each.target, each.measured, said[each.met]] for each in found]
