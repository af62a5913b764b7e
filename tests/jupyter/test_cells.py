"""Which cells get a time id, and that what a cell gives is the same with Pod and without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from support.kernels import Kernel, PodKernel, Ran, wait_until


def newest(kernel: PodKernel) -> int:
    return kernel.log("--all -n 1")[0]["t"]


@pytest.mark.parametrize(
    ("code", "ok", "error"),
    [
        ("x = 1", True, ""),
        ("1 + 1", True, ""),
        ("# nothing but a remark", True, ""),
        ("1 / 0", False, "ZeroDivisionError: division by zero"),
        ("def broken(:", False, "SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", False, "SystemExit: 3"),
        ("raise KeyboardInterrupt", False, "KeyboardInterrupt"),
        ("%no_such_magic", False, "UsageError: Line magic function `%no_such_magic` not found."),
        ("!true", True, ""),
        ("%%time\npass", True, ""),
        ("y = 1\n%pod_status", True, ""),
        ("import asyncio\nawait asyncio.sleep(0)", True, ""),
    ],
)
def test_every_executed_cell_has_a_time_id(pod: PodKernel, code: str, ok: bool, error: str) -> None:
    before = newest(pod)
    pod.run(code)
    head = pod.head
    assert (head["t"], head["code"], head["ok"]) == (before + 1, code, ok)
    assert head["error"].startswith(error)


@pytest.mark.parametrize(
    "code",
    [
        "%pod_status",
        "%pod_log -n 1\n\n# a remark\n%pod_diff\n",
        "pod_status",
        "%config PodExtension",
        "%config PodExtension.verbosity = 1",
        "%load_ext pod",
        "%pod_tag here",
        "%pod_log -h",
        "",
        "  \n\n",
    ],
)
def test_a_cell_of_only_pod_magics_or_of_nothing_has_none(pod: PodKernel, code: str) -> None:
    before = newest(pod)
    pod.run(code)
    assert newest(pod) == before


def test_silent_execution_has_none_and_its_changes_are_saved_with_the_next_cell(
    pod: PodKernel,
) -> None:
    before = pod.cell("x = [1]")
    pod.run("x.append(2)\nquiet = 3", silent=True)
    assert newest(pod) == before
    pod.cell("pass")
    assert (pod.head["t"], pod.head["added"], pod.head["changed"]) == (before + 1, ["quiet"], ["x"])


def test_a_cell_that_is_not_kept_in_ipythons_history_is_saved_all_the_same(
    pod: PodKernel,
) -> None:
    before = newest(pod)
    pod.run("x = 1", store_history=False)
    assert (pod.head["t"], pod.head["added"]) == (before + 1, ["x"])


def test_a_cell_that_fails_is_saved_as_far_as_it_came(pod: PodKernel) -> None:
    ran = pod.run("x = [1]\nx.append(2)\nx.missing\nx.append(3)")
    assert ran.error == "AttributeError: 'list' object has no attribute 'missing'"
    assert (pod.head["added"], pod.head["ok"]) == (["x"], False)
    pod.checkout(1)
    pod.run("%pod_undo")
    failed = next(commit["t"] for commit in pod.log() if "x.missing" in commit["code"])
    pod.checkout(failed)
    assert pod.value("x") == [1, 2]


def test_an_interrupted_cell_is_saved_as_far_as_it_came(pod: PodKernel) -> None:
    marker = pod.cwd / "under-way"
    marker.unlink(missing_ok=True)
    request = pod.send(
        "import pathlib, time\nx = 1\npathlib.Path('under-way').touch()\ntime.sleep(60)\nx = 2"
    )
    wait_until(marker.exists, "the cell began")
    pod.interrupt()
    assert pod.finish(request).error == "KeyboardInterrupt: "
    assert (pod.value("x"), pod.head["ok"], pod.head["error"]) == (1, False, "KeyboardInterrupt")


def test_many_cells_are_a_line_of_times_with_what_each_changed(pod: PodKernel) -> None:
    pod.cell("total = 0\nseen = []")
    for number in range(1, 16):
        pod.cell(f"total += {number}\nseen.append(total)")
    commits = pod.log()[:15]
    assert all(commit["changed"] == ["seen", "total"] for commit in commits)
    assert all(later["parent"] == one["t"] for later, one in pairwise(commits))
    pod.checkout("HEAD~5")
    assert pod.value("total, seen[-1], len(seen)") == (55, 55, 10)


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("x = [1]", "x.append(2)"),
        ("x = [1]\ndef grow(): x.append(2)", "grow()"),
        ("x = [1]\ny = x", "y.append(2)"),
        ("x = [1]\nbox = {'in': (x,)}", "box['in'][0].append(2)"),
        ("x = [1]", "globals()['x'].append(2)"),
        ("x = [1]", "vars()['x'].append(2)"),
        ("x = [1]", "locals()['x'].append(2)"),
        ("x = [1]", "exec('x.append(2)')"),
        ("x = [1]", "eval('x.append(2)')"),
        ("x = [1]", "get_ipython().user_ns['x'].append(2)"),
        ("x = [1]", "get_ipython().ev('x').append(2)"),
        ("x = [1]", "import __main__\n__main__.x.append(2)"),
        ("x = [1]", "import sys\nsys.modules['__main__'].x.append(2)"),
        ("x = [1]", "[each.append(2) for each in globals().values() if each is globals()['x']]"),
        ("x = [1]", "(lambda: x)().append(2)"),
        ("x = [1]", "class Body:\n    x.append(2)"),
        ("x = [1]", "[x.append(2) for _ in range(1)]"),
        ("x = [1]", "from threading import Thread\nt = Thread(target=lambda: x.append(2))\n"
                    "t.start()\nt.join()\ndel t"),
        ("x = [1]", "%time x.append(2)"),
        ("x = [1]", "%%capture\nx.append(2)"),
        ("x = [1]", "%timeit -n 1 -r 1 x.append(2)"),
        ("x = [1]", "import asyncio\nasync def later(): x.append(2)\nawait later()"),
        ("x = [1]", "printed = !echo {x.append(2)}"),
        ("x = [1]", "def setter():\n    global x\n    x = [1, 2]\nsetter()"),
        ("x = [1]", "for x in ([1], [1, 2]): pass"),
        ("x = [1]", "with open('nothing', 'w'): x += [2]"),
        ("x = [1]", "import copy\nx = copy.deepcopy(x) + [2]"),
    ],
)  # fmt: skip
def test_a_change_is_found_by_whatever_way_the_code_reached_the_object(
    pod: PodKernel, setting: str, code: str
) -> None:
    pod.cell(setting)
    pod.run(code)
    assert pod.value("x") == [1, 2]
    assert "x" in pod.head["changed"]


@pytest.mark.parametrize("way", ["_", "_[-1:]", "Out[{n}]", "_{n}", "_oh[{n}]", "globals()['_']"])
def test_a_change_through_an_earlier_output_is_found(pod: PodKernel, way: str) -> None:
    ran = pod.run("deep = [[1]]\nhidden = {'deep': deep}\ndeep")
    pod.run(way.format(n=ran.reply["execution_count"]) + "[0].append(2)")
    assert pod.value("hidden") == {"deep": [[1, 2]]}
    assert pod.head["changed"] == ["deep", "hidden"]


def test_showing_a_value_touches_no_others(pod: PodKernel) -> None:
    """The generator would count as changed, since nobody can see into it."""
    pod.cell("generator = (n for n in range(3))\nx = [1]")
    for code in ("x", "len(x)", "print(x)", "!true", "%time 1"):
        pod.run(code)
        assert pod.head["changed"] == []


def test_completing_and_inspecting_touches_nothing(pod: PodKernel) -> None:
    pod.cell("generator = (n for n in range(3))\nx = [1]\nbig_name = 1")
    assert pod.complete("big_") == ["big_name"]
    assert "append" in {match.rpartition(".")[2] for match in pod.complete("x.app")}
    pod.cell("pass")
    assert pod.head["changed"] == []


# With Pod and without

CELLS = """
1 + 1
---
x = [3, 1, 2]; print('printed'); x
---
import sys; print('err', file=sys.stderr); 'result'
---
1 / 0
---
def f(n):
    if n == 0:
        raise ValueError('deep')
    return f(n - 1)
f(3)
---
def broken(:
---
y = undefined_name
---
class C:
    'A docstring.'
    def __init__(self, v): self.v = v
    def __repr__(self): return f'C({self.v})'
C(1)
---
C, f, C.__module__, f.__module__, __name__
---
import pickle; pickle.loads(pickle.dumps(C(2))), pickle.loads(pickle.dumps(f)) is f
---
import copy; copy.deepcopy(C(3)), copy.copy(x)
---
import inspect; print(inspect.getsource(C)); print(inspect.getsource(f))
---
from dataclasses import dataclass, field
@dataclass(order=True)
class P:
    a: int
    b: 'list[int]' = field(default_factory=list)
P(1), P(1) < P(2)
---
import typing; typing.get_type_hints(P), typing.get_type_hints(P.__init__)
---
import enum, collections
class Colour(enum.Enum):
    RED = 1
N = collections.namedtuple('N', 'a b')
Colour.RED, Colour(1) is Colour.RED, N(1, 2), pickle.loads(pickle.dumps((Colour.RED, N(1, 2))))
---
_, __, x
---
Out[1], In[1], _1, _i1, _ih[1], _i
---
sorted(name for name in dir() if not name.startswith('_'))
---
sorted(name for name in globals() if not name.startswith('_'))
---
len(dir()) == len(globals()) == len(vars()) == len(locals())
---
import __main__; __main__.x is x, __main__.__name__, __main__.__dict__ is globals()
---
del x
x
---
'x' in globals(), 'x' in dir(__main__), hasattr(__main__, 'x'), getattr(__main__, 'x', 'gone')
---
__main__.z = 5
z
---
exec('q = 1'); q
---
eval('q + n', {'q': 1}, {'n': 2})
---
import timeit; timeit.timeit('f', globals=globals(), number=1) >= 0
---
%who_ls str
---
%whos int
---
%time 1
---
%%capture captured
print('hidden'); 5
---
captured.stdout
---
s = 'text'
!echo $s {s.upper()} {{s}}
---
%%script cat
some lines
---
%%timeit -n1 -r1 -q
pass
---
%reset_selective -f ^q$
'q' in globals()
---
z?
---
f??
---
await __import__('asyncio').sleep(0, 'awaited')
---
async def agen():
    yield 1
[v async for v in agen()]
---
import concurrent.futures as cf
with cf.ThreadPoolExecutor(2) as pool: print(list(pool.map(str, range(3))))
---
import multiprocessing as mp
def square(n): return n * n
with mp.get_context('fork').Pool(1) as workers: print(workers.map(square, range(3)))
---
import os, sys
pid = os.fork()
if not pid: os._exit(7)
os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
---
import doctest
def double(n):
    '''
    >>> double(2)
    4
    '''
    return 2 * n
doctest.run_docstring_examples(double, globals())
---
import unittest
class T(unittest.TestCase):
    def test(self): self.assertEqual(1, 1)
suite = unittest.defaultTestLoader.loadTestsFromTestCase(T)
unittest.TextTestRunner(stream=open(os.devnull, 'w')).run(suite)
---
import warnings; warnings.warn('careful', stacklevel=1)
---
import logging; logging.getLogger('mine').warning('logged')
---
from IPython.display import HTML, display; display(HTML('<b>x</b>')); HTML('<i>y</i>')
---
import pandas as pd; pd.DataFrame({'a': [1, 2]})
---
import numpy as np; np.arange(3)
---
pd.DataFrame({'a': [1, 2]}).query('a > @z - 4')
---
pd.eval('z + 1')
---
exec(open('script.py').read()); scripted
---
%run script.py
scripted
---
with open('mod.py', 'w') as out: print('value = 1', file=out)
%run -i script.py
---
raise SystemExit
---
raise KeyboardInterrupt
---
try:
    1 / 0
except ZeroDivisionError as error:
    raise RuntimeError('chained') from error
---
assert 1 == 2, 'no'
---
help(double)
---
x = 5;
---
lambda: 1
---
global_counter = 0
def count():
    global global_counter
    global_counter += 1
    return global_counter
count(), count(), global_counter
---
import functools
@functools.cache
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
fib(30), fib.cache_info()
---
[n for n in range(3) if n in [m for m in range(2)]], {k: v for k, v in zip('ab', [1, 2])}
---
match {'a': 1}:
    case {'a': got}: print(got)
---
import __future__; __doc__, __builtins__ is __import__('builtins') or type(__builtins__).__name__
---
%env NO_SUCH_VARIABLE
---
%pdoc double
---
%psource double
---
get_ipython().user_ns is globals(), get_ipython().user_module is __main__
---
%reset -f
---
'double' in globals(), x
---
In[-1], len(Out)
""".strip("\n").split("\n---\n")


class Both:
    """A plain kernel and one with Pod, given the same cells."""

    def __init__(self, plain: Kernel, loaded: PodKernel) -> None:
        self.plain, self.loaded = plain, loaded

    def run(self, code: str) -> tuple[Any, Any]:
        return comparable(self.plain.run(code)), comparable(self.loaded.run(code))


def comparable(ran: Ran) -> Any:
    """Everything that came back, without what differs between two kernels anyway and without Pod's
    own lines, and with what was printed in one piece: how it was cut is a matter of time."""
    kept = [(kind, content) for kind, content in ran.messages if kind != "stream"]
    reply = {key: value for key, value in ran.reply.items() if key != "engine_info"}
    stdout = "".join(
        line for line in ran.stdout.splitlines(keepends=True) if not line.startswith("pod: ")
    )
    whole = repr((stdout, ran.stderr, kept, reply))
    for pattern, same in (
        (r"ipykernel_\d+", "ipykernel_N"),
        (r"ipykernel_N/\d+\.py", "ipykernel_N/N.py"),
        (r"\b\d{9,10}\.py", "N.py"),
        (r"0x[0-9a-f]+", "0xN"),
        (r"\d+(\.\d+)?(e[+-]?\d+)? (ns|.s|us|ms|s)\b", "TIME"),
        (r"/[\w/.-]+/(plain|loaded)\b", "DIRECTORY"),
        (r"in \d+\.\d+s", "TIME"),
        (r"\(pid=\d+\)", "(pid=N)"),
    ):
        whole = re.sub(pattern, same, whole)
    return whole


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    directory = tmp_path_factory.mktemp("both")
    for name in ("plain", "loaded"):
        (directory / name).mkdir()
        (directory / name / "script.py").write_text("scripted = __name__\n")
    with Kernel(directory / "plain") as plain, PodKernel(directory / "loaded") as loaded:
        plain.run("pass")  # as the other kernel has run %load_ext
        yield Both(plain, loaded)


@pytest.mark.parametrize("code", CELLS, ids=range(len(CELLS)))
def test_a_cells_result_output_and_error_are_those_of_a_plain_kernel(both: Both, code: str) -> None:
    """In this order, as one notebook: later cells look at what earlier ones left."""
    plain, loaded = both.run(code)
    assert loaded == plain
