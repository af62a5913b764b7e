"""The plots of the benchmark, which need matplotlib."""

from __future__ import annotations

from pathlib import Path

from pod.bench.plots import draw
from pod.bench.records import CellFigures, LoadFigures, Machine, Pair, Results, Run

MACHINE = Machine("m", "a cpu", 2, 8_000_000_000, "Linux", "3.13.0", {"numpy": "2"}, "abc", "now")


def run(system: str, wait: float, stored: int) -> Run:
    cells = tuple(CellFigures(0.5, wait / 4, 0.0, wait / 4, stored) for _ in range(4))
    loads = (LoadFigures(4, None, 0.4, 3), LoadFigures(4, ("x",), 0.02, 1))
    pair = Pair(system, "update")
    return Run(pair, cells=cells, loads=loads, stored=stored, machine="m")


def test_plots_are_drawn(tmp_path: Path) -> None:
    made = draw(Results.of([MACHINE, run("dill", 2.0, 200), run("pga", 1.0, 100)]), tmp_path)
    assert len(made) == 7
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in made)
    assert draw(Results.of([MACHINE]), tmp_path) == []
