"""What code touches, as the interpreter tells it (Python 3.12 and later, see conftest)."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import types
from collections.abc import Iterator
from typing import Any

import pytest
from pod.tracking import Touched
from pod.tracking import monitoring as tracking
from pod.tracking.monitoring import MonitoringTracker


class Cells:
    """A namespace, cells that run in it, and what each of them touched."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {"a": [1], "b": [2], "c": [3]}
        self.tracker = MonitoringTracker(self.namespace, {"Out", "_", "_3"}.__contains__)
        self.tracker.take()

    def run(self, source: str) -> Touched:
        exec(compile(source, f"<cell {id(source)}>", "exec"), self.namespace)
        return self.tracker.take()

    def touched(self, source: str) -> set[str]:
        """Which of the three variables a cell touched; all of them, if it could be any."""
        touched = self.run(source)
        return {"a", "b", "c"} if touched.everything else {"a", "b", "c"} & touched.names


@pytest.fixture
def cells() -> Iterator[Cells]:
    made = Cells()
    yield made
    made.tracker.close()


ONE_NAME = [
    "a",
    "a.append(1)",
    "a = 2",
    "del a",
    "a += [1]",
    "for a in (1, 2): pass",
    "import math as a",
    "def a(): pass",
    "def f(): return a\nf()",
    "def f():\n    global a\n    a = 3\nf()",
    "def f():\n    def g(): return a\n    return g\nf()()",
    "(lambda: a)()",
    "[a for _ in 'x']",
    "{k: a for k in 'x'}",
    "list(a for _ in 'x')",
    "sorted('xy', key=lambda _: a[0])",
    "class C:\n    x = a",
    "class C:\n    def m(self): return a\nC().m()",
    "class C:\n    @property\n    def p(self): return a\nC().p",
    "class C:\n    def __del__(self): a.append(1)\nC()",
    "class C:\n    def __add__(self, other): return a\nC() + 1",
    "def deco(f): a.append(f); return f\n@deco\ndef g(): pass",
    "eval('a')",
    "exec('a')",
    "exec(compile('a', 'other', 'exec'))",
    "def f():\n    class C:\n        x = a\n    return C\nf()",
    "try: raise ValueError\nexcept ValueError as a: pass",
    "with open('/dev/null') as a: pass",
    "def g():\n    yield a\nlist(g())",
    "match [1]:\n    case a: pass",
    "def f(x=a): pass",
    "f'{a}'",
    "import functools\nfunctools.partial(lambda: a)()",
    "import functools\nfunctools.reduce(lambda x, y: a, [1, 2])",
    "import re\nre.sub('x', lambda _: str(a), 'x')",
    "import asyncio\nasync def co(): return a\nasyncio.run(co())",
]


@pytest.mark.parametrize("source", ONE_NAME)
def test_code_that_touches_a_name_is_seen(cells: Cells, source: str) -> None:
    assert cells.touched(source) == {"a"}
    assert cells.touched("pass") == set()


@pytest.mark.parametrize("source", ONE_NAME)
def test_it_is_seen_again_each_time(cells: Cells, source: str) -> None:
    for _ in range(3):
        cells.namespace["a"] = [1]
        assert cells.touched(source) == {"a"}


@pytest.mark.parametrize(
    "source",
    [
        "globals()['a']",
        "vars()['a']",
        "locals()",
        "Out",
        "_",
        "def f(): return _3\nf()",
        "import sys\nsys._getframe().f_globals",
        "(lambda: 0).__globals__['a']",
        "import __main__",
        "import sys\nsys.modules['__main__']",
        "import gc\ngc.get_objects()",
    ],
)
def test_reaching_past_names_touches_everything(cells: Cells, source: str) -> None:
    cells.namespace |= {"Out": {}, "_": 1, "_3": 1}
    assert cells.run(source).everything
    assert cells.run("pass") == Touched()


@pytest.mark.parametrize(
    "source",
    ["1 + 1", "x = [1]", "def f(): return a", "len('abc')", "for _ in range(3): pass", "'a'"],
)
def test_other_code_touches_neither(cells: Cells, source: str) -> None:
    assert cells.touched(source) == set()


def test_functions_of_earlier_cells(cells: Cells) -> None:
    cells.run("def f(): return g()\ndef g(): return a\nfs = [f]")
    assert cells.touched("fs[0]()") == {"a"}
    assert cells.touched("fs") == set()
    assert cells.touched("for f in fs: f()") == {"a"}


def test_a_generator_that_goes_on_in_a_later_cell(cells: Cells) -> None:
    cells.run("def g():\n    yield 1\n    a.append(2)\n    yield 2\nit = g(); next(it)")
    assert cells.touched("next(it)") == {"a"}
    cells.run("it = (x for x in [1, 2] if b)")
    assert cells.touched("next(it)") == cells.touched("next(it)") == {"b"}


def test_a_generator_into_which_an_exception_is_thrown(cells: Cells) -> None:
    cells.run("def g():\n    try: yield 1\n    except ValueError: a.append(2)\nit = g(); next(it)")
    assert cells.touched("try: it.throw(ValueError)\nexcept StopIteration: pass") == {"a"}
    cells.run("def h():\n    try: yield 1\n    finally: b.append(2)\nit = h(); next(it)")
    assert cells.touched("it.close()") == {"b"}


def test_a_coroutine_that_goes_on_in_a_later_cell(cells: Cells) -> None:
    async def play() -> None:
        cells.run("import asyncio\nasync def co():\n    await asyncio.sleep(0.01)\n    a.append(2)")
        cells.run("task = asyncio.ensure_future(co())")
        await asyncio.sleep(0.05)
        assert "a" in cells.tracker.take().names

    asyncio.run(play())


def test_a_thread_that_goes_on_after_its_cell(cells: Cells) -> None:
    cells.run(
        "import threading, time\nstop = []\n"
        "def work():\n    while not stop:\n        a.append(1); time.sleep(0.001)\n"
        "thread = threading.Thread(target=work); thread.start()"
    )
    for _ in range(3):
        assert cells.touched("pass") == {"a"}
    assert cells.touched("stop.append(1); thread.join()") == {"a"}
    assert cells.touched("pass") == set()


def test_what_ran_between_cells_counts_towards_the_next(cells: Cells) -> None:
    cells.run("def callback(): a.append(1)")
    cells.namespace["callback"]()
    assert cells.touched("b") == {"a", "b"}


def test_a_save_in_the_middle_of_a_cell(cells: Cells) -> None:
    cells.namespace["save"] = cells.tracker.take
    assert cells.touched("save()\na.append(1)") == {"a"}
    assert cells.touched("def f():\n    save()\n    b.append(1)\nf()") == {"b"}


def test_code_that_runs_in_several_dictionaries(cells: Cells) -> None:
    code = compile("a", "somewhere", "exec")
    cells.namespace.update(code=code, other={"a": 1})
    cells.run("def f(): return a")
    moved = types.FunctionType(cells.namespace["f"].__code__, {"a": 1})
    cells.namespace["moved"] = moved
    assert cells.touched("exec(code, other)\nexec(code)") == {"a"}
    assert cells.touched("moved()\nf()") == {"a"}


def test_the_words_of_what_a_library_evaluates(cells: Cells) -> None:
    cells.namespace["limit"] = 3
    assert "limit" in cells.run("df = 'x > @limit'").names
    assert "b" in cells.run("model = 'y ~ f(b)'").names
    assert "b" not in cells.run("column = 'b'").names


def test_touching_puts_back(cells: Cells) -> None:
    taken = cells.run("a")
    assert cells.tracker.take() == Touched()
    cells.tracker.touch(taken)
    assert "a" in cells.tracker.take().names


def test_the_namespace_is_left_as_it_is(cells: Cells) -> None:
    before = list(cells.namespace)
    cells.tracker.take()
    assert type(cells.namespace) is dict and list(cells.namespace) == before


def test_two_namespaces_are_told_apart() -> None:
    one, two = Cells(), Cells()
    try:
        exec("a", one.namespace)
        exec("b", two.namespace)
        assert (one.tracker.take().names, two.tracker.take().names) == ({"a"}, {"b"})
    finally:
        one.tracker.close()
        two.tracker.close()


def test_beside_another_tool(cells: Cells) -> None:
    """As a coverage tool and a debugger are."""
    monitoring = sys.monitoring  # type: ignore[attr-defined]
    seen: list[str] = []

    def started(code: types.CodeType, _: int) -> Any:
        seen.append(code.co_name)
        return monitoring.DISABLE

    monitoring.use_tool_id(monitoring.COVERAGE_ID, "test")
    try:
        monitoring.register_callback(monitoring.COVERAGE_ID, monitoring.events.PY_START, started)
        monitoring.set_events(monitoring.COVERAGE_ID, monitoring.events.PY_START)
        assert cells.touched("def f(): return a\nf()") == {"a"}
        assert cells.touched("f()") == {"a"}
        assert "f" in seen
    finally:
        monitoring.set_events(monitoring.COVERAGE_ID, 0)
        monitoring.free_tool_id(monitoring.COVERAGE_ID)
    assert cells.touched("f()") == {"a"}


def test_under_a_tracer(cells: Cells) -> None:
    sys.settrace(lambda *_: None)
    try:
        assert cells.touched("def f(): return a\nf()") == {"a"}
    finally:
        sys.settrace(None)


def test_no_tool_id_left() -> None:
    monitoring = sys.monitoring  # type: ignore[attr-defined]
    taken = [tool for tool in range(6) if monitoring.get_tool(tool) is None]
    for tool in taken:
        monitoring.use_tool_id(tool, "test")
    try:
        with pytest.raises(RuntimeError, match="no tool id"):
            MonitoringTracker({}, lambda _: False)
    finally:
        for tool in taken:
            monitoring.free_tool_id(tool)


def test_it_gives_its_tool_id_back() -> None:
    monitoring = sys.monitoring  # type: ignore[attr-defined]
    before = [monitoring.get_tool(tool) for tool in range(6)]
    Cells().tracker.close()
    forgotten = Cells()
    del forgotten
    gc.collect()  # it looks at frames, its own among them
    assert [monitoring.get_tool(tool) for tool in range(6)] == before


def test_tight_loops_are_not_slowed_down(cells: Cells) -> None:
    source = (
        "def f():\n    global total\n    for _ in range(n):\n        total = total + step\n"
        "        abs(step)\nf()"
    )
    code = compile(source, "loop", "exec")
    plain: dict[str, Any] = {}

    def seconds(namespace: dict[str, Any]) -> float:
        namespace.update(n=300_000, total=0, step=1)
        started = time.perf_counter()
        exec(code, namespace)
        return time.perf_counter() - started

    ratios = []
    for _ in range(7):
        ratios.append(seconds(cells.namespace) / seconds(plain))
        cells.tracker.take()
    assert min(ratios) < 1.5  # a dict subclass takes 7 to 14 times as long


def test_many_threads_at_once(cells: Cells) -> None:
    cells.run("def work(n):\n    for _ in range(n): a\n    return b")
    threads = [threading.Thread(target=cells.namespace["work"], args=(2000,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    seen = set()
    while any(thread.is_alive() for thread in threads):
        seen |= cells.tracker.take().names
    for thread in threads:
        thread.join()
    assert {"a", "b"} <= seen | cells.tracker.take().names


def test_reach_of_finds_long_arguments() -> None:
    names = [f"name_{number}" for number in range(700)]
    code = compile("\n".join(f"{name} = 1" for name in names), "many", "exec")
    assert tracking.reach_of(code).names >= set(names)
