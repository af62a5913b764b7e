"""`%load_ext pod`, `%unload_ext pod` and `%reload_ext pod` in a session that is under way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernels import MONITORED, LateKernel


@pytest.fixture
def late(tmp_path: Path) -> Iterator[LateKernel]:
    (tmp_path / "work").mkdir()
    with LateKernel(tmp_path / "work") as kernel:
        yield kernel


def test_loading_says_where_cells_are_saved_and_saves_what_is_there(late: LateKernel) -> None:
    late.run("x = [1]\n_private = 2")
    ran = late.run("%load_ext pod")
    assert ran.said == ["pod: every cell is saved in .pod from now on; %pod_log shows the history"]
    [first] = late.log()
    assert (first["t"], first["parent"], first["head"]) == (1, None, True)
    assert first["added"] == ["_private", "x"]


def test_functions_defined_before_see_what_happens_after(late: LateKernel) -> None:
    late.run(
        "x = 1\n"
        "def read(): return x\n"
        "def write(value):\n    global x, made\n    x = made = value\n"
        "class Reader:\n    def read(self): return x\n    y = property(lambda self: x)\n"
        "reader, alias = Reader(), read\n"
        "def make():\n    return lambda: x\n"
        "closure = make()\n"
        "readers = {'f': [read]}"
    )
    assert late.run("%load_ext pod").stderr == ""
    late.run("x = 2")
    everyone = "read(), alias(), reader.read(), reader.y, closure(), readers['f'][0]()"
    assert late.value(everyone) == (2,) * 6
    late.run("write(3)")
    assert late.value("x, made, " + everyone) == (3,) * 8
    assert late.head["changed"] == ["x"]
    assert late.head["added"] == ["made"]


def test_what_was_running_when_pod_was_loaded_is_named(late: LateKernel) -> None:
    late.run("x = 1\ndef numbers():\n    while True: yield x\nrunning = numbers()\nnext(running)")
    if MONITORED:  # nothing is exchanged
        assert "already running" not in late.run("%load_ext pod").stdout
        late.run("x = 2")
        assert late.value("next(running)") == 2
        return
    said = late.run("%load_ext pod").said
    late.run("%pod_log -n 1")
    said += late.run("pass").said  # what was looked at elsewhere is told now
    [line, _, placeholder] = said
    assert line == (
        "pod: these were already running when Pod was loaded, and see the namespace as it was "
        "then: generator numbers"
    )
    assert "`running`" in placeholder
    late.run("x = 2\nnew = numbers()")
    assert late.value("next(running), next(new)") == (1, 2)


def test_a_cell_that_loads_pod_in_its_middle_goes_on_undisturbed(late: LateKernel) -> None:
    ran = late.run("a = 1\n%load_ext pod\nb = a + 1\ndel a")
    assert ran.error == ""
    assert late.value("'a' in globals(), globals().get('b')") == (False, 2)
    late.run("c = b + 1")
    assert late.head["t"] == late.head["parent"] + 1
    assert late.value("c") == 3


def test_unloading_gives_back_a_plain_dictionary_with_everything(late: LateKernel) -> None:
    late.run("before = 1\ndef old(): return before, after")
    late.run("%load_ext pod")
    late.run(
        "after = 2\ndef new(): return before, after\nclass C:\n    def see(self): return after"
    )
    assert late.run("%unload_ext pod").error == ""
    assert late.value("type(globals()) is dict") is True
    assert late.run("before = 3; after = 4\nold(), new(), C().see()").text == "((3, 4), (3, 4), 4)"
    assert late.run("import __main__\n__main__.after").text == "4"
    assert late.run("%pod_log").stderr.startswith("UsageError: Line magic function `%pod_log` not")
    assert late.complete("%pod_") == []


def test_nothing_is_saved_while_pod_is_not_loaded_and_loading_again_goes_on(
    late: LateKernel,
) -> None:
    late.run("%load_ext pod")
    first = late.cell("x = [1]")
    late.run("%unload_ext pod")
    late.run("x.append(2)\ny = 1")
    late.run("%load_ext pod")
    head = late.head
    assert (head["parent"], head["added"], head["changed"]) == (first, ["y"], ["x"])
    late.checkout(first)
    assert late.run("x").text == "[1]"


def test_reloading_continues_the_branch(late: LateKernel) -> None:
    late.run("%load_ext pod")
    t = late.cell("x = 1")
    late.run("%reload_ext pod")
    assert late.head["parent"] == t
    after = late.cell("y = 2")
    assert late.head["parent"] == after - 1
    assert late.value("x, y") == (1, 2)


def test_loading_twice_does_nothing_but_say_so(late: LateKernel) -> None:
    late.run("%load_ext pod")
    ran = late.run("%load_ext pod")
    assert "already loaded" in ran.stdout
    assert [commit["t"] for commit in late.log()] == [1]


def test_a_later_kernel_is_told_of_the_history_there_is(late: LateKernel) -> None:
    late.run("%load_ext pod")
    late.cell("first = 1")
    last = late.cell("answer = 42")
    late.restart()
    said = " ".join(late.run("%load_ext pod").said)
    assert "holds 3 earlier times" in said
    assert "answer = 42" in said
    assert f"%pod_checkout {last}" in said
    late.checkout(last)
    assert late.value("answer") == 42
