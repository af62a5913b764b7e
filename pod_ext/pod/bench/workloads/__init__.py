"""The workloads, by name. `name:key=value,key=value` makes one other than usual, so
`rmtree:lists=10,share=0.5`; `readonly-arrow` is `readonly:arrow=1`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from pod.bench.workloads import synthetic
from pod.bench.workloads.base import Maker, Source, Workload

__all__ = ["MAKERS", "SYNTHETIC", "Source", "Workload", "make_workload"]

ARROW = "-arrow"

SYNTHETIC: Mapping[str, Maker] = {
    "readonly": synthetic.readonly,
    "update": synthetic.update,
    "append": synthetic.append,
    "rmlist": synthetic.rmlist,
    "rmtree": synthetic.rmtree,
    "big": synthetic.big,
    "objects": synthetic.objects,
    "loops": synthetic.loops,
}
MAKERS: Mapping[str, Maker] = {**SYNTHETIC}


def make_workload(name: str, source: Source) -> Workload:
    """The workload of this name. Raises `ValueError` when there is none, `Unavailable` where
    something that it needs is missing."""
    plain, _, given = name.partition(":")
    values = {}
    if plain.endswith(ARROW):
        plain = plain.removesuffix(ARROW)
        values["arrow"] = "1"
    values |= dict(each.split("=", 1) for each in given.split(",") if each)
    maker = MAKERS.get(plain)
    if maker is None:
        raise ValueError(f"there is no workload {plain!r}; workloads: {', '.join(MAKERS)}")
    accepted = inspect.signature(maker).parameters
    for key in values:
        if key not in accepted or key == "source":
            raise ValueError(f"{plain} has no {key!r}")
    kinds = {key: type(accepted[key].default) for key in values}
    return maker(source, **{key: kinds[key](value) for key, value in values.items()})
