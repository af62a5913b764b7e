"""Cells that run again give what the whole notebook would give, run from its beginning."""

from __future__ import annotations

import itertools
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pod
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from IPython.core.compilerop import CachingCompiler
from pod.errors import one_line
from pod.history.replay import ReplayError, plan
from pod.jupyter.replay import Replay
from pod.session import Cell, Session
from pod.tracking.namespace import NamespaceTracker

SCALE = int(os.environ.get("POD_TEST_SCALE", "1"))

SHELL: Any = SimpleNamespace(
    transform_cell=lambda code: code, transform_ast=lambda tree: tree, compile=CachingCompiler()
)
FIRST = """a, b, f = [1, 2], [3], 2
def make(items):
    return (n * f for n in items)
class Holder:
    def __init__(self, held): self.held, self.rest = held, [1]
    def take(self): return next(self.held, 0) + f
"""
BEGIN = "g = make(a)\nh = (n + 1 for n in b)\nbox = {'g': g, 'rest': [1]}\nc = Holder(h)"
number = st.integers(0, 9)
CELLS = st.one_of(
    *(
        st.builds(template.format, number)
        for template in (
            "a = [{0}, 1]", "a.append({0})", "b = list(a)", "b = a", "f = {0}", "g = make(a)",
            "g = (n + {0} for n in b)", "h = (n + {0} for n in g)", "next(g, None)",
            "k = next(h, 0)",
            "box = {{'g': g, 'rest': [{0}]}}", "next(box['g'], 0)", "box['rest'].append({0})",
            "c = Holder(g)", "k = c.take()", "c.rest.append({0})", "g, h = h, g",
            "c.held = make(b)",
            "def make(items):\n    return (n - f for n in items)", "unrelated = [{0}]",
            "if f > 4:\n    g = make(b)", "for n in [1, 2]:\n    next(g, 0)", "g = h = box['g']",
            "a.append(f)\n1 / 0", "next(g, 0)\nf += 1",
        )
    )
)  # fmt: skip


def run(code: str, namespace: dict[str, Any]) -> str:
    try:
        exec(compile(code, "<cell>", "exec"), namespace)
    except Exception as error:
        return one_line(error)[:200]
    return ""


def look(namespace: dict[str, Any], name: str) -> Any:
    """What is in a variable, opaque or not; uses it up."""
    value = dict.get(namespace, name)
    if name == "box":
        return [list(itertools.islice(value["g"], 30)), value["rest"]]
    if name == "c":
        return [value.take(), value.take(), list(itertools.islice(value.held, 30)), value.rest]
    return list(itertools.islice(value, 30))


def notebook(cells: list[str], directory: Path) -> tuple[pod.PodStore, Session]:
    store = pod.open(directory, background=False)
    namespace = pod.new_managed_namespace(__name__="__main__")
    session = store.session(
        namespace,
        NamespaceTracker(namespace),
        versioned=lambda name, _: not name.startswith("__"),
    )
    for code in cells:
        error = run(code, namespace)
        session.save(Cell(code=code, ok=not error, error=error))
    return store, session


@settings(max_examples=60 * SCALE)
@example(["f = 3", "next(g, None)", "f = 4"], "g")  # what a generator reads when it goes on
@example(["g = h = box['g']", "a.append(5)", "next(h)", "a = [9]"], "box")
@given(st.lists(CELLS, max_size=7), st.sampled_from(["g", "h", "box", "c"]))
def test_a_replay_gives_what_running_everything_gives(cells: list[str], name: str) -> None:
    cells = [FIRST, BEGIN, *cells]
    twin: dict[str, Any] = {"__name__": "__main__"}
    for code in cells:
        run(code, twin)
    with tempfile.TemporaryDirectory() as directory:
        store, session = notebook(cells, Path(directory))
        t = session.head
        assert t is not None
        for late in ("del g, h, box, c", "a = b = f = make = None"):
            run(late, session.namespace)
            session.save(Cell(code=late))
        planned = plan(session.history, t, [name])
        session.checkout(t, None, Replay(SHELL, session, planned))
        plain = {"a": twin["a"], "b": twin["b"], "f": twin["f"]}
        assert {each: dict.get(session.namespace, each) for each in plain} == plain
        assert look(session.namespace, name) == look(twin, name)
        store.close()


def test_a_plan_has_the_cells_and_their_inputs(tmp_path: Path) -> None:
    store, session = notebook(
        [FIRST, "a.append(3)", "g = make(a)", "b.append(1)", "x = next(g)", "y = 1"], tmp_path / "p"
    )
    planned = plan(session.history, 6, ["g"])
    assert [(step.t, step.makes, step.carried) for step in planned.steps] == [
        (3, ("g",), ()),
        (5, ("g",), ("g",)),
    ]
    first, second = planned.steps
    assert (first.before, first.inputs) == (2, ("a", "f", "make"))
    assert {"a", "f", "make"} <= first.shared
    assert "b" not in first.shared | set(second.carried)
    assert planned.doubts == planned.obstacles == []
    store.close()


def test_a_cell_that_binds_it_anew_ends_the_search(tmp_path: Path) -> None:
    cells = [FIRST, "g = make(a)", "next(g)", "g = make(b)", "next(g)"]
    store, session = notebook(cells, tmp_path / "p")
    assert [step.t for step in plan(session.history, 5, ["g"]).steps] == [4, 5]
    assert [step.t for step in plan(session.history, 3, ["g"]).steps] == [2, 3]
    store.close()


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    store, session = notebook([FIRST, "g = make(a)\n1 / 0"], tmp_path / "p")
    planned = plan(session.history, 2, ["g"])
    assert planned.doubts == ["time 2 failed (ZeroDivisionError: division by zero)"]
    run("h = make(a)", session.namespace)
    session.save(Cell(message="by hand"))
    why = "time 3: something that ran outside of any cell changed h"
    with pytest.raises(ReplayError, match=f"what made it is not in the history of time 3; {why}"):
        plan(session.history, 3, ["h"])
    with pytest.raises(ReplayError, match="there is no variable nothing at time 3"):
        plan(session.history, 3, ["nothing"])
    store.close()
