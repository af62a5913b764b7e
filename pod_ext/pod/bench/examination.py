"""What does it take to find out what objects are? `python -m pod.bench.examination` says for many.

A save begins with an examination: objects become pods, and who shares what with whom becomes known.
It is pickling, and then some. So each shape of data is pickled by the C pickler (protocol 5) and by
cloudpickle, which only write; then examined with and without looking through pods before they are
written (see `pod/podding/plain.py`). Times are processor time of this process, the best of several
runs; ratios are to the C pickler, or to cloudpickle where that cannot do it.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import pickle
import sys
import time
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, make_dataclass
from typing import Any

import cloudpickle

from pod.podding.definitions import Tokens
from pod.podding.examination import Examination
from pod.podding.policies import POLICIES, make_policy


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of data."""

    name: str
    build: Callable[[int], Any]
    """Makes about so many objects that are no atoms, or so many atoms if there are no others."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One shape on this machine, seconds."""

    name: str
    c_pickler: float | None
    """None if it cannot do it."""
    cloudpickle: float
    asking: float
    """An examination that asks for every object."""
    now: float
    pods: int


@dataclass
class Record:
    """An ordinary instance."""

    number: int
    value: float
    name: str


@dataclass(slots=True)
class Packed:
    """An instance without a dictionary."""

    number: int
    value: float
    name: str


class Money:
    """An instance that says itself what it is made of."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __getstate__(self) -> dict[str, int]:
        return {"number": self.number}


Pair = namedtuple("Pair", "number name")
OfSession = make_dataclass("OfSession", ["number", "value", "name"], namespace={})
OfSession.__module__ = "__main__"  # as a class of a notebook: a definition


def _documents(n: int) -> dict[str, Any]:
    """Nested JSON: cells of notebooks by their ids."""
    kinds = ["code", "markdown"]
    return {
        f"notebook {doc}": {
            "cell_type": {f"{doc:x}{cell:x}": kinds[cell % 2] for cell in range(20)},
            "source": {f"{doc:x}{cell:x}": f"print({doc}, {cell})" for cell in range(20)},
            "order": [f"{doc:x}{cell:x}" for cell in range(20)],
        }
        for doc in range(n // 4)
    }


def _graph(n: int) -> dict[int, dict[int, dict[str, float]]]:
    """Neighbours of nodes, as networkx keeps them."""
    return {
        node: {(node * k) % n: {"weight": k / 2} for k in range(1, 5)} for node in range(n // 5)
    }


def _tree(n: int) -> Any:
    """Nodes that are instances, and know their parents."""
    nodes = [Record(number, number / 2, "node") for number in range(n // 2)]
    for number, node in enumerate(nodes):
        vars(node).update(parent=nodes[number // 2], children=[])
        nodes[number // 2].__dict__["children"].append(node)
    return nodes[0]


def _frame(n: int) -> Any:
    import pandas as pd

    return pd.DataFrame({"n": range(n), "lists": [[number, str(number)] for number in range(n)]})


def _mixed_array(n: int) -> Any:
    import numpy as np

    values = [None if number % 10 == 0 else number / 2 for number in range(n)]
    return np.array(values, dtype=object)


SHAPES = (
    Shape("list of dicts, one entry", lambda n: [{"a": i} for i in range(n)]),
    Shape("list of dicts, three entries", lambda n: [
        {"number": i, "value": i / 2, "name": f"name {i}"} for i in range(n)
    ]),
    Shape("list of lists of floats", lambda n: [[i / 2, i / 4, i / 8] for i in range(n)]),
    Shape("list of tuples of atoms", lambda n: [(i, i / 2, f"name {i}") for i in range(n)]),
    Shape("list of tuples with lists", lambda n: [(i, [i]) for i in range(n // 2)]),
    Shape("list of strings", lambda n: [f"string {i}" for i in range(10 * n)]),
    Shape("list of floats", lambda n: [i / 2 for i in range(10 * n)]),
    Shape("dict of floats by string", lambda n: {f"key {i}": i / 2 for i in range(10 * n)}),
    Shape("set of strings", lambda n: {f"string {i}" for i in range(10 * n)}),
    Shape("1,000 lists of floats", lambda n: [
        [i / 2 for i in range(n // 100)] for _ in range(1000)
    ]),
    Shape("nested JSON", _documents),
    Shape("graph of dicts", _graph),
    Shape("floats, and math.nan", lambda n: [
        i / 2 if i % 9 else math.nan for i in range(10 * n)
    ]),
    Shape("Counter", lambda n: Counter({f"word {i}": i for i in range(10 * n)})),
    Shape("dict of Counters", lambda n: {i: Counter(a=i, b=2) for i in range(n)}),
    Shape("dict of defaultdicts", lambda n: {
        i: defaultdict(list, {1: [i]}) for i in range(n // 2)
    }),
    Shape("list of OrderedDicts", lambda n: [OrderedDict(a=i, b=2) for i in range(n)]),
    Shape("deque of lists", lambda n: deque([i, i] for i in range(n))),
    Shape("list of dataclass instances", lambda n: [
        Record(i, i / 2, f"name {i}") for i in range(n)
    ]),
    Shape("the same, class of the session", lambda n: [
        OfSession(i, i / 2, f"name {i}") for i in range(n)
    ]),
    Shape("the same with slots", lambda n: [Packed(i, i / 2, f"name {i}") for i in range(n)]),
    Shape("instances with __getstate__", lambda n: [Money(i) for i in range(n)]),
    Shape("list of namedtuples", lambda n: [Pair(i, f"name {i}") for i in range(n)]),
    Shape("tree of instances", _tree),
    Shape("object array of numbers and None", lambda n: _mixed_array(10 * n)),
    Shape("DataFrame with a column of lists", _frame),
)  # fmt: skip


def measure(shape: Shape, n: int, policy: str, repeats: int) -> Measured:
    """Pickle and examine one shape in this process."""
    data = shape.build(n)
    sys.setrecursionlimit(10_000)  # for the picklers that it is compared with
    decided = {looks: make_policy(policy) for looks in (True, False)}

    def examine(looks: bool) -> int:
        examination = Examination({}, Tokens(), decided[looks], 1)
        examination.looks_ahead = looks
        examination.examine({"data": data})
        return sum(len(component.pods) for component in examination.components())

    def best(act: Callable[[], object]) -> float:
        return min(_seconds(act) for _ in range(repeats))

    try:
        c_pickler = best(lambda: pickle.dumps(data, 5))
    except pickle.PicklingError:
        c_pickler = None
    return Measured(
        name=shape.name,
        c_pickler=c_pickler,
        cloudpickle=best(lambda: cloudpickle.dumps(data, 5)),
        asking=best(lambda: examine(False)),
        now=best(lambda: examine(True)),
        pods=examine(True),
    )


def _seconds(act: Callable[[], object]) -> float:
    gc.collect()
    started = time.process_time()
    act()
    return time.process_time() - started


def table(results: Iterator[Measured]) -> Iterator[str]:
    """The lines of a table, as they become known."""
    head = f"{'milliseconds':<34}{'C':>8}{'cloudpickle':>13}{'asking':>9}{'now':>8}"
    head += f"{'asking/C':>10}{'now/C':>7}{'asking/now':>12}{'pods':>7}"
    yield from (head, "-" * len(head))
    for each in results:
        plain = each.c_pickler or each.cloudpickle
        yield (
            f"{each.name:<34}{'' if each.c_pickler is None else _ms(each.c_pickler):>8}"
            f"{_ms(each.cloudpickle):>13}{_ms(each.asking):>9}{_ms(each.now):>8}"
            f"{each.asking / plain:>10.1f}{each.now / plain:>7.1f}"
            f"{each.asking / each.now:>12.1f}{each.pods:>7}"
        )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"


def main(arguments: list[str] | None = None) -> int:
    """Measure every shape, or those whose names have one of some words in them."""
    parser = argparse.ArgumentParser(prog="python -m pod.bench.examination", description=__doc__)
    parser.add_argument("words", nargs="*", help="only shapes with one of these in their names")
    parser.add_argument("--objects", type=int, default=20_000, help="how many (%(default)s)")
    parser.add_argument("--policy", choices=POLICIES, default="lga")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="a line of JSON for each shape")
    options = parser.parse_args(arguments)
    wanted = [
        shape
        for shape in SHAPES
        if not options.words or any(word in shape.name for word in options.words)
    ]
    results = (measure(shape, options.objects, options.policy, options.repeats) for shape in wanted)
    lines = (json.dumps(asdict(each)) for each in results) if options.json else table(results)
    for line in lines:
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
