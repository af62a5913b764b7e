"""The static check: which cells it takes for looking, and that none of those changes anything."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pod.tracking.looking import MAX_SOURCE, only_looks
from support.looks import Bench, Effect

sys.path.insert(0, str(Path(__file__).parent))
from looking_cells import CHANGING, DOUBTFUL, LOOKING, LOOKING_SINCE_PANDAS_3, SETUP, cells

NOTHING = Effect(frozenset(), frozenset())
SCALE = int(os.environ.get("POD_TEST_SCALE", "1"))


PANDAS_3 = int(pd.__version__.partition(".")[0]) >= 3
LOOKS = [*cells(LOOKING), *(cells(LOOKING_SINCE_PANDAS_3) if PANDAS_3 else [])]
DOES_NOT = [*cells(DOUBTFUL), *([] if PANDAS_3 else cells(LOOKING_SINCE_PANDAS_3)[1:])]


@pytest.mark.parametrize("cell", LOOKS)
def test_cells_that_look(cell: str) -> None:
    bench = Bench(SETUP)
    bench.run(cell)
    assert only_looks(cell, bench.namespace)


@pytest.mark.parametrize("cell", cells(CHANGING))
def test_cells_that_change_something(cell: str) -> None:
    bench = Bench(SETUP)
    bench.run(cell)
    assert not only_looks(cell, bench.namespace)


@pytest.mark.parametrize("cell", DOES_NOT)
def test_cells_that_may_change_something_or_share_it(cell: str) -> None:
    bench = Bench(SETUP)
    bench.run(cell)
    assert not only_looks(cell, bench.namespace)


def changing(cells: list[str]) -> dict[str, Effect]:
    """Those that changed something, or bound something that is of what there was before."""
    bench, found = Bench(SETUP), {}
    for start in range(0, len(cells), 20):
        some = cells[start : start + 20]
        if bench.effect(*some) == NOTHING:
            continue
        bench = Bench(SETUP)
        for cell in some:
            effect = bench.effect(cell)
            if effect != NOTHING:
                found[cell] = effect
                bench = Bench(SETUP)
    return found


def test_cells_that_look_change_nothing() -> None:
    assert changing(LOOKS) == {}


@pytest.mark.parametrize(
    ("cell", "effect"),
    [
        ("x.append(1)", Effect(frozenset({"x"}), frozenset())),
        ("df.pop('a')", Effect(frozenset({"df"}), frozenset())),
        ("sneaky", Effect(frozenset({"sneaky"}), frozenset())),
        ("next(iterator)", Effect(frozenset({"iterator"}), frozenset())),
        ("groups['new']", Effect(frozenset({"groups"}), frozenset())),
        ("loud.unique()", Effect(frozenset({"__counts__"}), frozenset())),
        ("y = nested[0]", Effect(frozenset(), frozenset({"y"}))),
        ("y = arr[0]", Effect(frozenset(), frozenset({"y"}))),
        ("y = sorted(x)", NOTHING),
    ],
)
def test_the_bench_sees_what_cells_do(cell: str, effect: Effect) -> None:
    seen = Bench(SETUP).effect(cell)
    assert effect.changed <= seen.changed
    assert effect.entangled == seen.entangled
    assert bool(seen.changed) == bool(effect.changed) or effect.entangled


def test_it_says_nothing_itself() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert only_looks("len('\\d')", {})
        assert not only_looks("x = (", {})
    assert told == []


def test_what_it_is_not_asked_for() -> None:
    assert not only_looks("n", {})  # a name that is nowhere
    assert not only_looks("1\n" * MAX_SOURCE, {})
    assert not only_looks("len(" * 500, {})
    assert only_looks("", {})
    assert only_looks("# a remark", {})


EXCHANGED = [
    ("pd.DataFrame.head = lambda self, n=5: notes.append(1)", "df.head()"),
    ("pd.DataFrame.__repr__ = lambda self: notes.append(1) or ''", "df"),
    ("pd.DataFrame._repr_html_ = lambda self: notes.append(1)", "df"),
    ("pd.Series.mean = noting", "df['a'].mean()"),
    ("pd.DataFrame.shape = property(noting)", "df.shape"),
    ("pd.options.display.float_format = lambda v: str(notes.append(1))", "df"),
    ("np.set_printoptions(formatter={'float': lambda v: str(notes.append(1))})", "arr"),
    ("np.mean = noting", "np.mean(arr)"),
    ("pd.concat = noting", "pd.concat([df, df])"),
    ("builtins.sorted = noting", "sorted(x)"),
    ("len = noting", "len(x)"),
    ("np = point", "np.mean(arr)"),
    ("class Out:\n    def write(self, text): notes.append(1)\nsys.stdout = Out()", "print(x)"),
]


def test_what_was_exchanged_is_not_trusted() -> None:
    program = f"""
import os, sys
sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}
from looking_cells import SETUP
from pod.tracking.looking import only_looks
exec(SETUP)
for patch, cell in {EXCHANGED!r}:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        continue
    before = only_looks(cell, globals())
    exec(patch)
    os.write(1, repr((patch, before, only_looks(cell, globals()))).encode() + b"\\n")
    os._exit(0)
"""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-"],
        input=program, text=True, capture_output=True, timeout=240,
    )  # fmt: skip
    assert ran.stdout.splitlines() == [repr((patch, True, False)) for patch, _ in EXCHANGED]


def test_numbers_shown_in_a_way_of_one_s_own_are_no_obstacle() -> None:
    bench = Bench(SETUP)
    options = bench.namespace["pd"].options.display
    before = options.float_format
    try:
        for formatter in ("{:.2f}".format, eval("lambda v: '%.2f' % v")):
            options.float_format = formatter
            assert only_looks("df.head()", bench.namespace)
    finally:
        options.float_format = before


# --- cells made at random

NAMES = [
    "df", "numbers", "s", "texts", "index", "arr", "vector", "ints", "x", "words", "rows", "nested",
    "d", "config", "frames", "t", "colors", "counts", "queue", "groups", "n", "ratio", "text",
    "point", "points", "sneaky", "hidden", "by_sneaky", "objects", "listed", "loud", "iterator",
    "generator", "my_list", "my_dict", "grouped", "noting", "adder", "multi", "times", "old",
    "object_array", "made", "rng", "buffer",
]  # fmt: skip
METHODS = [
    "append", "pop", "sort", "clear", "update", "add", "remove", "insert", "extend", "reverse",
    "setdefault", "popitem", "fill", "resize", "put", "partition", "discard", "rotate", "head",
    "mean", "sum", "copy", "get", "keys", "values", "items", "count", "index", "tolist", "to_numpy",
    "sort_values", "groupby", "value_counts", "describe", "apply", "map", "agg", "fillna", "drop",
    "rename", "reset_index", "union", "most_common", "upper", "split", "join", "reshape", "ravel",
    "transpose", "squeeze", "view", "astype", "round", "clip", "cumsum", "take", "unique", "size",
    "transform", "itertuples", "iterrows", "move", "note", "query", "eval", "take", "set_index",
]  # fmt: skip
ATTRIBUTES = [
    "a", "b", "c", "name", "shape", "T", "values", "columns", "index", "loc", "iloc", "str", "dt",
    "flat", "real", "x", "data", "frame", "moved", "value", "notes", "size", "attrs", "at", "dtype",
]  # fmt: skip
FUNCTIONS = [
    "len", "list", "sorted", "sum", "max", "min", "print", "str", "repr", "tuple", "set", "dict",
    "iter", "next", "reversed", "enumerate", "zip", "map", "filter", "any", "type", "isinstance",
    "np.mean", "np.sort", "np.add", "np.sqrt", "np.asarray", "np.ravel", "np.diff", "np.where",
    "np.unique", "np.histogram", "np.concatenate", "pd.DataFrame", "pd.Series", "pd.concat",
    "pd.merge", "math.sqrt", "Counter", "noting", "grow", "identity", "abs", "round", "divmod",
]  # fmt: skip
CONSTANTS = ["0", "1", "-1", "2", "'a'", "'k'", "'new'", "None", "True", "''", "'mean'", "[]", "{}"]


def _pick(chance: random.Random, depth: int) -> str:
    """An expression: what it is made of by chance, wrong more often than not."""
    if depth == 0 or chance.random() < 0.2:
        return chance.choice(NAMES if chance.random() < 0.7 else CONSTANTS)

    def inner() -> str:
        return _pick(chance, depth - 1)

    method, attribute = chance.choice(METHODS), chance.choice(ATTRIBUTES)
    function, other = chance.choice(FUNCTIONS), chance.choice(METHODS)
    operator = chance.choice(["+", "-", "*", "==", "<", "in", "and", "or", "is", "|", "%", "@"])
    yes = chance.choice(["True", "False", "n"])
    forms: list[Callable[[], str]] = [
        lambda: f"{inner()}.{method}()",
        lambda: f"{inner()}.{method}({inner()})",
        lambda: f"{inner()}.{method}({inner()}, {inner()})",
        lambda: f"{inner()}.{method}(inplace={yes})",
        lambda: f"{inner()}.{method}({inner()}, out={inner()})",
        lambda: f"{inner()}.{attribute}",
        lambda: f"{inner()}.{attribute}",
        lambda: f"{inner()}[{inner()}]",
        lambda: f"{inner()}[{inner()}:]",
        lambda: f"{function}({inner()})",
        lambda: f"{function}({inner()})",
        lambda: f"{function}({inner()}, {inner()})",
        lambda: f"{function}({inner()}, {inner()}, {inner()})",
        lambda: f"{function}({inner()}, key={inner()})",
        lambda: f"({inner()} {operator} {inner()})",
        lambda: f"(not {inner()})",
        lambda: f"[{inner()}, {inner()}]",
        lambda: f"({inner()}, {inner()})",
        lambda: f"{{'a': {inner()}, 'k': {inner()}}}",
        lambda: "f'{" + chance.choice(NAMES) + "}'",
        lambda: f"[{inner()} for v in {inner()}]",
        lambda: f"[v for v in {inner()} if {inner()}]",
        lambda: f"[v.{method}({inner()}) for v in {inner()}]",
        lambda: f"list(v.{method}() for v in {inner()})",
        lambda: f"{{v: {inner()} for v in {inner()}}}",
        lambda: f"list(map(lambda v: v.{method}(), {inner()}))",
        lambda: f"{inner()}.{method}(lambda v: v.{other}({inner()}))",
        lambda: f"({inner()} if {inner()} else {inner()})",
    ]
    return chance.choice(forms)()


def random_cell(chance: random.Random) -> str:
    """One to three statements."""

    def made() -> str:
        return _pick(chance, chance.choice([1, 2, 2, 3]))

    lines = []
    for _ in range(chance.choice([1, 1, 2, 3])):
        name, other = chance.choice("yzn"), chance.choice("yzk")
        forms: list[Callable[[], str]] = [
            made,
            made,
            lambda name=name: f"{name} = {made()}",
            lambda name=name: f"{name} = {name}.{chance.choice(METHODS)}()",
            lambda name=name, other=other: f"{name}, {other} = {made()}",
            lambda name=name: f"{name} += {made()}",
            lambda name=name: f"{name} = {made()}\n{name} += {made()}",
            lambda name=name: f"{name} = {made()}\n{name}.{chance.choice(METHODS)}({made()})",
            lambda name=name: f"for {name} in {made()}: {made()}",
            lambda name=name: f"for {name} in {made()}:\n    {name} += {made()}",
            lambda name=name, other=other: (
                f"{other} = {made()}\nfor {name} in {made()}:\n    {other} += {name}\n    {made()}"
            ),
            lambda name=name: f"if {made()}: {name} = {made()}",
            lambda: f"{made()}[{made()}] = {made()}",
        ]
        lines.append(chance.choice(forms)())
    return "\n".join(lines)


@settings(max_examples=6 * SCALE, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 32))
def test_random_cells_that_look_change_nothing(seed: int) -> None:
    chance = random.Random(seed)
    bench = Bench(SETUP)
    looking = []
    for _ in range(500):
        cell, held = random_cell(chance), dict(bench.namespace)
        if only_looks(cell, held):  # by the types that there are before it
            bench.run(cell)
            if only_looks(cell, bench.namespace):
                looking.append(cell)
        bench.namespace.clear()
        bench.namespace.update(held)
    assert changing(looking) == {}
    assert len(looking) > 10
