"""Ways a variable can change without its name being touched: each row of the page's table.

Those that are seen must be in the next commit. For the others `%pod_verify --live` must find them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pod as package
import pytest
from support.kernels import MONITORED, PodKernel

PAGE = (Path(package.__file__).parent.parent / "README.md").read_text(encoding="utf-8")

BANK = """
import sys
ITEMS = {}
def put(name, value): ITEMS[name] = value
def get(name): return ITEMS[name]
def evaluate(code, namespace): return eval(code, namespace, {})
def evaluate_for_caller(code): return eval(code, sys._getframe(1).f_globals, {})
class Bank:
    held = []
    def __init__(self, value): self.value = value
    def grow(self): self.value.append(2)
"""

LIST = "x = [1]"
SLOW = "import time, threading, asyncio\nx = [1]\n"
LATER = "import time; time.sleep(0.4)"
AWAIT = "import asyncio; await asyncio.sleep(0.4)"
GROW = "def grow(items):\n    time.sleep(0.2)\n    items.append(2)\n"
MAGIC = """def make(items):
    def grow_it(line, cell=None): items.append(2)
    get_ipython().register_magic_function(grow_it, "line_cell")
make(x)"""

SEEN: dict[str, list[tuple[str, str] | tuple[str, str, str]]] = {
    "the output cache: `Out`, `_`, `_3`, IPython's own history": [
        ("deep = [[1]]\nx = {'d': deep}\ndeep[0]", "_.append(2)"),
        ("deep = [[1]]\nx = {'d': deep}\ndeep[0]", "Out[max(Out)].append(2)"),
        ("deep = [[1]]\nx = {'d': deep}\ndeep[0]",
         "h = get_ipython().history_manager.output_hist\nh[max(h)].append(2)"),
    ],
    "the namespace itself: `globals()`, `user_ns`, `push`, a frame's globals, `__main__`": [
        (LIST, "globals()['x'].append(2)"),
        (LIST, "get_ipython().user_ns['x'].append(2)"),
        (LIST, "get_ipython().push({'x': [1, 2]})"),
        (LIST, "import sys\nsys._getframe().f_globals['x'].append(2)"),
        (LIST, "import sys\n(lambda: sys._getframe(1).f_locals['x'].append(2))()"),
    ],
    "code that is given the namespace to run in: `exec`, `eval`, `timeit`, pandas' `query`": [
        (LIST, "exec('x.append(2)', globals(), {})"),
        (LIST, "import bank\nbank.evaluate('x.append(2)', globals())"),
        (LIST, "import timeit\ntimeit.timeit('x.append(2)', globals=globals(), number=1)"),
        ("import pandas as pd\nx = [1]\nframe = pd.DataFrame({'a': [1]})\n"
         "def grow(): x.append(2); return 1", "frame.query('a == @grow()')"),
    ],
    "magics that run code: `%run -i`, `%time`, `%%timeit`, `%%capture`, the user's own": [
        (LIST, "%run -i script.py"),
        (LIST, "%run -i class_script.py"),
        (LIST, "%time x.append(2)"),
        (LIST, "%%time\nx.append(2)"),
        (LIST, "%%time\nclass Body:\n    x.append(2)"),
        (LIST, "%%capture\nclass Body:\n    x.append(2)"),
        (LIST, "%%capture\n%run -i class_script.py"),
        (LIST, "%%timeit -n 1 -r 1\nx.append(2)"),
        (LIST, "%%prun -q\nx.append(2)"),
        (f"{LIST}\n{MAGIC}", "%grow_it"),
        (f"{LIST}\n{MAGIC}", "%%grow_it\nnothing"),
    ],
    "the garbage collector, `ctypes.py_object`, a traceback's frames, by code of the notebook's": [
        ("class C: pass\nx = C()", "import gc\n[setattr(each, 'n', 1) for each in gc.get_objects() "
                                  "if type(each).__name__ == 'C']"),
        (f"{LIST}\naddress = id(x)",
         "import ctypes\nctypes.cast(address, ctypes.py_object).value.append(2)"),
        ("x = [1]\ndef fail(items): 1 / 0\ntry: fail(x)\nexcept ZeroDivisionError as e: error = e",
         "error.__traceback__.tb_next.tb_frame.f_locals['items'].append(2)"),
    ],
    "what functions and classes keep: defaults, closures, attributes, class attributes": [
        ("def x(value, kept=[]): kept.append(value)", "x(1)"),
        ("def make():\n    kept = []\n    def grow(): kept.append(1)\n    return grow, kept\n"
         "grow, x = make()", "grow()"),
        ("def x(): x.count += 1\nx.count = 1", "x()"),
        ("class x: items = []\nc = x()", "c.items.append(1)"),
    ],
    "callables that hold it: bound methods, `functools.partial`, descriptors, `__del__`": [
        (f"{LIST}\nadd = x.append", "add(2)"),
        ("class C:\n    def add(self): self.n = 2\nx = C()\nadd = x.add", "add()"),
        (f"from functools import partial\n{LIST}\nadd = partial(x.append, 2)", "add()"),
        (f"{LIST}\nclass D:\n    def __get__(self, *_): x.append(2)\nclass C: d = D()\nc = C()",
         "c.d"),
        (f"import bank\n{LIST}\nb = bank.Bank(x)", "b.grow()"),
        (f"{LIST}\nclass K:\n    def __init__(self, items): self.items = items\n"
         "    def __del__(self): self.items.append(2)\nk = K(x)", "del k"),
    ],
    "an object that cannot be saved and holds it: a generator, queue, weak reference, cache": [
        ("x = [1]\ndef grow(items):\n    while True:\n        items.append(2)\n        yield\n"
         "g = grow(x)", "next(g)"),
        ("x = [1]\nheld = {'g': (x.append(2) for _ in range(2))}", "next(held['g'])"),
        ("import queue\nx = [1]\nq = queue.Queue()\nq.put(x)", "q.get().append(2)"),
        ("import queue\nx = [1]\nq = queue.SimpleQueue()\nq.put(x)", "q.get().append(2)"),
        ("import queue\nx = {'inner': [1]}\nq = queue.Queue()\nq.put(x['inner'])",
         "q.get().append(2)"),
        ("import weakref\nclass C: pass\nx = C()\nr = weakref.ref(x)", "r().n = 2"),
        ("import weakref\nclass C: pass\nx = C()\nr = weakref.WeakValueDictionary(a=x)",
         "r['a'].n = 2"),
        ("import threading\nx = [1]\nl = threading.local()\nl.value = x", "l.value.append(2)"),
        ("import contextvars\nx = [1]\nv = contextvars.ContextVar('v')\nv.set(x)",
         "v.get().append(2)"),
        ("import functools\nx = [1]\n@functools.cache\ndef get(): return x\nget()",
         "get().append(2)"),
    ],
    "views: NumPy's, pandas', `memoryview`": [
        ("import numpy as np\na = np.arange(5)\nx = a[1:3]", "a[1] = 9"),
        ("import pandas as pd\nx = pd.DataFrame({'a': [1, 2]})\nv = x['a'].to_numpy(copy=False)\n"
         "v.flags.writeable = True", "v[0] = 9"),
        ("x = bytearray(5)\nv = memoryview(x)", "v[0] = 9"),
    ],
    "a thread, timer or executor that goes on after its cell": [
        (f"{SLOW}{GROW}threading.Thread(target=grow, args=(x,)).start()", LATER),
        (f"{SLOW}x = {{'inner': [1]}}\n{GROW}"
         "threading.Thread(target=grow, args=(x['inner'],)).start()", LATER),
        (f"{SLOW}def grow():\n    time.sleep(0.2)\n    x.append(2)\n"
         "threading.Thread(target=grow).start()", LATER),
        (f"{SLOW}threading.Timer(0.2, x.append, (2,)).start()", LATER),
        (f"{SLOW}{GROW}from concurrent.futures import ThreadPoolExecutor\n"
         "pool = ThreadPoolExecutor(1)\nfuture = pool.submit(grow, x)", LATER),
    ],
    "an asyncio task, or a call that is due later": [
        (f"{SLOW}async def grow(items):\n    await asyncio.sleep(0.2)\n    items.append(2)\n"
         "task = asyncio.ensure_future(grow(x))", AWAIT),
        (f"{SLOW}x = {{'inner': [1]}}\nasync def grow(items):\n    await asyncio.sleep(0.2)\n"
         "    items.append(2)\nasyncio.ensure_future(grow(x['inner']))", AWAIT),
        (f"{SLOW}asyncio.get_running_loop().call_later(0.2, x.append, 2)"
         .replace("get_running_loop", "get_event_loop"), AWAIT),
    ],
    "a callback registered with IPython's events": [
        ("x = [1]\ndef make(items):\n    def callback():\n        if len(items) < 9:\n"
         "            items.append(2)\n"
         "    get_ipython().events.register('pre_execute', callback)\nmake(x)", "pass"),
    ],
    "a module of the user's own that was given it": [
        (f"import bank\n{LIST}\nbank.put('x', x)", "bank.get('x').append(2)"),
        (f"from bank import put, get\n{LIST}\nput('x', x)", "get('x').append(2)"),
        (f"import bank\n{LIST}\nbank.Bank.held.append({{'x': x}})",
         "import bank\nbank.Bank.held[-1]['x'].append(2)"),
    ],
    "an attribute of any module, or of `builtins`": [
        (f"import string\n{LIST}\nstring.held = x", "string.held.append(2)"),
        (f"{LIST}\nimport string\nstring.held = x\ndel string",
         "import string as s\ns.held.append(2)"),
        (f"import builtins\n{LIST}\nbuiltins.held = x", "held.append(2)"),
    ],
}  # fmt: skip

MISSED: dict[str, tuple[str, str]] = {
    "a library's registry": (
        f"import logging\n{LIST}\nlogging.getLogger('a').held = x",
        "logging.getLogger('a').held.append(2)",
    ),
    "a module, not the notebook's variables, has a part of it": (
        "import bank\nx = {'inner': [1]}\nbank.put('part', x['inner'])",
        "bank.get('part').append(2)",
    ),
    "a handler of a signal, of the interpreter's end, or of an object's end": (
        f"import signal, os\n{LIST}\n"
        "signal.signal(signal.SIGUSR1, lambda *_, items=x: items.append(2))",
        "os.kill(os.getpid(), signal.SIGUSR1)",
    ),
    "a library or debugger that evaluates code in its caller's frame": (
        f"import bank\n{LIST}",
        "bank.evaluate_for_caller('x.append(2)')",
    ),
    "C code that was given an address": (
        "import ctypes\nimport numpy as np\nx = np.zeros(4)\naddress = x.ctypes.data",
        "ctypes.memset(address, 1, 8)",
    ),
    "a memory-mapped file that another program writes": (
        "import numpy as np\nx = np.memmap('mapped', dtype='u1', mode='w+', shape=(9,))",
        "with open('mapped', 'r+b') as file: file.write(b'changed')",
    ),
}

CALLER = "a library or debugger that evaluates code in its caller's frame"
if MONITORED:  # whatever runs with the notebook's globals is seen, whoever runs it
    SEEN[CALLER] = [MISSED.pop(CALLER)]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodKernel]:
    directory = tmp_path_factory.mktemp("aliases")
    (directory / "bank.py").write_text(BANK)
    (directory / "script.py").write_text("x.append(2)\n")
    (directory / "class_script.py").write_text("class Body:\n    x.append(2)\n")
    with PodKernel(directory) as opened:
        yield opened


@pytest.fixture
def pod(kernel: PodKernel) -> PodKernel:
    kernel.run(
        "events = get_ipython().events.callbacks['pre_execute']\n"
        "events[:] = [each for each in events if getattr(each, '__name__', '') != 'callback']"
    )
    kernel.checkout(1)
    return kernel


@pytest.mark.parametrize(
    ("setting", "way"),
    [
        pytest.param(setting, way, id=f"{row[:24]}-{number}")
        for row, cases in SEEN.items()
        for number, (setting, way) in enumerate(cases)
    ],
)
def test_a_way_that_is_seen(pod: PodKernel, setting: str, way: str) -> None:
    assert pod.run(setting).error == ""
    pod.run("pass") if "sleep" not in setting and "_." not in way else None
    assert pod.run(way).error == ""
    assert "x" in pod.head["changed"]
    assert pod.run("%pod_verify --live").text.startswith("nothing had changed unseen")


@pytest.mark.parametrize("row", MISSED)
def test_a_way_that_is_missed_is_found_by_looking_at_everything(pod: PodKernel, row: str) -> None:
    setting, way = MISSED[row]
    t = pod.cell(setting)
    assert pod.run(way).error == ""
    assert pod.head["changed"] == []
    ran = pod.run("%pod_verify --live")
    found = pod.head
    first, second, *_ = ran.text.splitlines()
    assert first.startswith(f"1 changed unseen, and saved now, as time {found['t']}")
    assert second.split(None, 1) == [
        "x", f"changed since time {t} was saved, without being touched"
    ]  # fmt: skip
    assert found["changed"] == ["x"]
    assert "changed unseen" in found["message"]
    assert pod.run("%pod_verify --live").text.startswith("nothing had changed unseen")
    assert pod.head["t"] == found["t"]


def test_a_message_to_a_comm_between_cells(pod: PodKernel) -> None:
    """What a widget's handlers are called by: its frontend sends a message when it is used."""
    pod.cell(
        "from comm import create_comm\nx = [1]\ny = [1]\ndef make(items):\n"
        "    c = create_comm(target_name='test')\n"
        "    c.on_msg(lambda message: items.append(2))\n    return c.comm_id"
    )
    name = ast.literal_eval(pod.run("print(repr(make(x)))").stdout)
    pod.cell("pass")
    content = {"comm_id": name, "data": {"method": "custom", "content": {"event": "click"}}}
    pod.client.shell_channel.send(pod.client.session.msg("comm_msg", content))
    pod.cell("pass")
    assert pod.value("x") == [1, 2]
    assert pod.head["changed"] == ["x"]
    pod.cell("pass")
    assert pod.head["changed"] == []


def answer(pod: PodKernel, code: str, *answers: str) -> None:
    """Run a cell that asks, and answer."""
    request = pod.client.execute(code, allow_stdin=True)
    for each in answers:
        pod.client.get_stdin_msg(timeout=30)
        pod.client.input(each)
    pod.finish(request)


@pytest.mark.parametrize("way", ["%debug", "%pdb"])
def test_what_is_done_at_the_debugger(pod: PodKernel, way: str) -> None:
    pod.cell("x = [1]\ndef fail(): 1 / 0")
    pod.run("fail()" if way == "%debug" else "%pdb on")
    answer(pod, "%debug" if way == "%debug" else "fail()", "x.append(2)", "q")
    pod.run("%pdb off", silent=True)
    assert pod.value("x") == [1, 2]
    assert "x" in pod.head["changed"]


def test_looking_at_everything_finds_nothing_after_ordinary_work(pod: PodKernel) -> None:
    pod.cell(
        "import numpy as np, pandas as pd, threading, enum, collections, dataclasses\n"
        "frame = pd.DataFrame({'n': range(500), 't': [f'text {i % 7}' for i in range(500)]})\n"
        "frame['c'] = frame['t'].astype('category')\n"
        "part = frame[frame.n > 5]\narray = np.arange(6000.)\nview = array[10:]\n"
        "@dataclasses.dataclass\nclass D:\n    a: int\n    b: list\nd = D(1, [{1, 2}])\n"
        "class E(enum.Enum):\n    A = 1\ne = {E.A: d, 'words': {'a', 'b', 'c'}}\n"
        "counts = collections.Counter('abc')\ndef f(v, w=e): return v\n"
        "lock = threading.Lock()\nbox = {'lock': lock, 'rest': [1]}\ngenerator = iter([])"
    )
    pod.cell("frame.loc[3, 'n'] = 7\nd.b.append(f)\nbox['rest'].append(2)")
    t = pod.cell("pass")
    ran = pod.run("%pod_verify --live")
    lines = ran.text.splitlines()
    assert lines[0].startswith("nothing had changed unseen: ")
    assert "lock" in lines[1] and "hold objects that nobody can look into" in lines[1]
    assert "not known" in ran.html
    assert pod.head["t"] == t


def test_what_was_touched_and_not_saved_yet_is_told_apart(pod: PodKernel) -> None:
    t = pod.cell("import logging\nx = [1]\ny = [1]\nlogging.getLogger('b').held = x")
    pod.run("logging.getLogger('b').held.append(2)\ny.append(2)", silent=True)
    lines = pod.run("%pod_verify --live").text.splitlines()
    assert lines[0].startswith(f"1 changed unseen, and saved now, as time {t + 2}")
    assert lines[2].split(None, 2)[2] == f"what was touched since is time {t + 1}"
    pod.checkout(t + 1)
    assert pod.value("x, y") == ([1], [1, 2])


def test_a_thread_of_the_past_costs_nothing_any_more(pod: PodKernel) -> None:
    pod.cell(f"{SLOW}{GROW}threading.Thread(target=grow, args=(x,)).start()")
    pod.run(LATER)
    pod.run("pass")
    pod.cell("o = [iter(())]")
    pod.cell("pass")
    assert "x" not in pod.head["changed"]


def test_a_store_that_is_whole_is_said_to_be(pod: PodKernel) -> None:
    ran = pod.run("%pod_verify")
    assert ran.text.splitlines()[0] == "everything is whole, on disk as it was written"
    assert "looked at" in ran.html


def test_damage_is_named(own: PodKernel) -> None:
    t = own.cell("x = __import__('os').urandom(20_000)")
    own.run("%pod_verify")
    newest = max((own.pod_dir / "packs").iterdir(), key=lambda each: each.stat().st_size)
    data = bytearray(newest.read_bytes())
    data[20] ^= 1
    newest.chmod(0o600)
    newest.write_bytes(data)
    ran = own.run("%pod_verify")
    assert "damaged; all else is whole" in ran.text.splitlines()[0]
    assert f"affects x at time {t}" in ran.text


def rows() -> dict[str, str]:
    section = PAGE.partition("*Changes that are missed*")[2].partition("\n*")[0]
    found = re.findall(r"^\| (.+?) \| (yes|no)\b", section, re.MULTILINE)
    return {re.sub(r"^† ", "", way): seen for way, seen in found}


def test_every_row_of_the_page_is_tested() -> None:
    others = {
        "a figure drawn into through `pyplot`": "yes",
        "a handler of a widget, or of any other comm": "yes",
        "what is typed at `%debug` or `%pdb`": "yes",
    }  # the first: tests/libraries/test_pyplot.py; the others: above
    outcomes = dict.fromkeys(SEEN, "yes") | dict.fromkeys(MISSED, "no") | {CALLER: "no"}
    assert rows() == outcomes | others
