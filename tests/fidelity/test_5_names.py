"""DESIGN 4, points 1, 2 and 5 in a real kernel: the shell's own names, and everything else a user
may call a variable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernels import PodKernel


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodKernel]:
    with PodKernel(tmp_path_factory.mktemp("names")) as started:
        yield started


@pytest.fixture
def pod(kernel: PodKernel) -> PodKernel:
    kernel.checkout(1)
    return kernel


def test_the_shell_s_own_names_are_neither_saved_nor_disturbed(pod: PodKernel) -> None:
    pod.cell("6 * 7")
    t = pod.cell("x = 1\n_")
    own = [
        "In",
        "Out",
        "_",
        "__",
        "___",
        "_i",
        "_ii",
        "_iii",
        "_ih",
        "_oh",
        "_dh",
        "exit",
        "quit",
        "get_ipython",
        "open",
    ]
    assert not {*own, "open", "__name__", "__builtins__", "__builtin__"} & {
        *pod.head["added"], *pod.head["changed"],
    }  # fmt: skip
    before = pod.value("In[-2:], len(Out), type(exit).__name__, get_ipython().__class__.__name__")
    pod.cell("x = 2")
    pod.checkout(t)
    assert pod.value("x") == 1
    after = pod.value("In[:], sorted(Out), type(exit).__name__, get_ipython().__class__.__name__")
    assert after[2:] == before[2:]
    assert {"6 * 7", "x = 1\n_", "x = 2"} <= set(after[0]) and len(after[1]) >= before[1]
    pod.run("'from before'")
    assert pod.run("_").text == "'from before'"
    assert pod.value("__name__") == "__main__"


NAMES = {
    "_private": "[1]",
    "__mangled": "{'a': 1}",
    "__all__": "['x']",
    "__version__": "'1.0'",
    "_": "'the user took it'",
    "größe": "5",
    "データ": "[größe]",
    "list": "[1]",
    "sum": "3",
    "print": "'text'",
    "len": "lambda x: 'own len'",
    "type": "'a type'",
    "id": "[7]",
    "Exception": "ValueError",
    "_1st": "'not an output'",
    "_i1x": "'not an input'",
    "Input": "'not In'",
    "pod": "'not the module'",
    "exit_code": "0",
    "match": "1",
}


def test_the_user_s_names_are_saved_whatever_they_are(pod: PodKernel) -> None:
    names = {name: value for name, value in NAMES.items() if name != "_"}
    t = pod.cell("\n".join(f"{name} = {value}" for name, value in names.items()))
    assert set(pod.head["added"]) == set(names)
    builtin = "import builtins as b\n"
    pod.run(builtin + "\n".join(f"del {name}" for name in names))
    pod.checkout(t)
    shown = [name for name in names if name not in ("len", "Exception")]
    got = pod.value(f"({', '.join(shown)})")
    plain = {"größe": 5}
    assert got == tuple(eval(names[name], plain) for name in shown)
    assert pod.value("len([]), Exception is ValueError") == ("own len", True)
    # What the names hide is not in the way of Pod's own magics.
    assert t in [commit["t"] for commit in pod.log()]
    pod.run(f"%pod_diff {t} HEAD")


def test_annotations_and_names_of_comprehensions_and_handlers(pod: PodKernel) -> None:
    t = pod.cell(
        "x: int = 5\ny: 'later'\nsquares = [i * i for i in range(3)]\n"
        "try: 1 / 0\nexcept ZeroDivisionError as error: kept = error\n"
        "for last in 'ab': pass\nwith open('/dev/null') as handle: pass\nif (walrus := 3): pass\n"
        "import os.path as osp, sys\nfrom collections import deque as dq\n"
        "a, *(b, c) = 1, 2, 3\nglobal_count = 0\n"
        "def up():\n    global global_count, made\n    global_count += 1\n    made = [global_count]"
    )
    assert {"x", "squares", "kept", "last", "handle", "walrus", "osp", "sys", "dq"} <= set(
        pod.head["added"]
    )
    assert not {"i", "error", "y"} & set(pod.head["added"])
    pod.cell("up(); up()")
    assert {"global_count", "made"} == {*pod.head["added"], *pod.head["changed"]}
    pod.checkout(t)
    assert pod.value("global_count, 'made' in globals(), x, squares, last, walrus, b, c") == (
        0, False, 5, [0, 1, 4], "b", 3, 2, 3,
    )  # fmt: skip
    pod.cell("up()")
    assert pod.value("global_count, made") == (1, [1])
    assert pod.value("type(kept).__name__, str(kept), osp.sep, dq([1])[0]") == (
        "ZeroDivisionError", "division by zero", "/", 1,
    )  # fmt: skip


def test_functions_see_the_live_namespace_after_a_restart_too(own_kernel: PodKernel) -> None:
    pod = own_kernel
    t = pod.cell(
        "x = 5\ndef read(): return x\ndef write(v):\n    global x\n    x = v\n"
        "class Box:\n    def get(self): return x\nbox = Box()\nhooks = [lambda: x, box.get]"
    )
    pod.restart()
    pod.checkout(t)
    pod.cell("x = 7")
    assert pod.value("read(), box.get(), [h() for h in hooks]") == (7, 7, [7, 7])
    pod.cell("write(9)")
    assert (pod.head["changed"], pod.value("x, read()")) == (["x"], (9, 9))
    assert pod.value("type(box) is Box, hooks[1].__self__ is box, read.__module__") == (
        True, True, "__main__",
    )  # fmt: skip
    pod.checkout(t)
    assert pod.value("x, read()") == (5, 5)


@pytest.fixture
def own_kernel(tmp_path: Path) -> Iterator[PodKernel]:
    directory = tmp_path / "work"
    directory.mkdir()
    with PodKernel(directory) as started:
        yield started


def test_a_module_of_the_notebook_s_folder(own_kernel: PodKernel) -> None:
    pod = own_kernel
    (pod.cwd / "helper.py").write_text(
        "state = []\ndef add(x): state.append(x); return state\nclass Tool:\n    size = 1\n"
    )
    t = pod.cell("import helper\nfrom helper import add, Tool\ntool = Tool()\nadd(1)")
    pod.cell("tool.size = 5")
    pod.restart()
    pod.checkout(t)
    assert pod.value("add(2), tool.size, type(tool) is Tool is helper.Tool") == ([2], 1, True)


def test_a_name_deleted_and_one_that_raises(pod: PodKernel) -> None:
    t = pod.cell("gone = [1]\nstays = gone")
    ran = pod.run("del gone\nnew = stays\n1 / 0")
    assert "ZeroDivisionError" in ran.error
    assert (pod.head["removed"], pod.head["added"], pod.head["ok"]) == (["gone"], ["new"], False)
    pod.checkout(t)
    assert pod.value("gone is stays, 'new' in globals()") == (True, False)
