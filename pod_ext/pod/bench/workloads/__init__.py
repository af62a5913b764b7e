"""The workloads, by name. `name:key=value,key=value` makes one other than usual, so
`rmtree:lists=10,share=0.5`; `readonly-arrow` is `readonly:arrow=1`.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping

from pod.bench.records import Unavailable
from pod.bench.workloads import examples, synthetic
from pod.bench.workloads.ai4code import ai4code
from pod.bench.workloads.base import Maker, Source, Workload
from pod.bench.workloads.betterxb import betterxb
from pod.bench.workloads.skltweet import skltweet
from pod.bench.workloads.tpsmay22 import tpsmay22
from pod.bench.workloads.twittnet import twittnet

__all__ = [
    "EXAMPLES",
    "MAKERS",
    "NOTEBOOKS",
    "SYNTHETIC",
    "Source",
    "Workload",
    "make_workload",
]

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
NOTEBOOKS: Mapping[str, Maker] = {
    "skltweet": skltweet,
    "ai4code": ai4code,
    "twittnet": twittnet,
    "betterxb": betterxb,
    "tpsmay22": tpsmay22,
}
EXAMPLES: Mapping[str, Maker] = {
    "tour": examples.tour,
    "working_session": examples.working_session,
}
MAKERS: Mapping[str, Maker] = {**NOTEBOOKS, **SYNTHETIC, **EXAMPLES}


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
    if values.get("arrow") == "1" and importlib.util.find_spec("pyarrow") is None:
        raise Unavailable("pyarrow is not installed")
    own = source.of(plain)
    return maker(own, **{key: kinds[key](value) for key, value in values.items()})
