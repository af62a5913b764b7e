"""The example notebooks of this project, from the tree that they lie in."""

from __future__ import annotations

import json
from pathlib import Path

from pod.bench.records import Unavailable
from pod.bench.workloads.base import Source, Workload

DIRECTORY = Path(__file__).parents[4] / "examples"


def tour(source: Source) -> Workload:
    """`examples/tour.ipynb`."""
    return _notebook("tour")


def working_session(source: Source) -> Workload:
    """`examples/working_session.ipynb`."""
    return _notebook("working_session")


def _notebook(name: str) -> Workload:
    """Its cells without Pod's own magics, which other systems do not have. What a cell then does
    not find, it raises about, in every system alike."""
    path = DIRECTORY / f"{name}.ipynb"
    if not path.exists():
        raise Unavailable(f"{path} is not there: only a clone of the project has the examples")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(each["source"]) for each in cells if each["cell_type"] == "code"]
    kept = [source for source in sources if not source.lstrip().startswith("%")]
    return Workload(tuple(kept), may_raise=True)
