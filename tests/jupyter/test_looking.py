"""Cells that only look: their commits are made without an examination of what they looked at, and
what else changed is saved with them all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernels import PodKernel, wait_until

SPY = """
from pod.podding.examination import Examination
examine = Examination.examine
examined = set()
def spy(self, roots, *rest):
    examined.update(roots)
    return examine(self, roots, *rest)
Examination.examine = spy
"""
DATA = (
    "import pandas as pd\nx = [3, 1, 2]\nd = {'k': 1}\n"
    "df = pd.DataFrame({'a': x, 'b': list('xyx')})"
)


class HereKernel(PodKernel):
    """Looks at the namespace where the spy is."""

    snapshot = "thread" if PodKernel.snapshot == "thread" else "inline"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodKernel]:
    directory = tmp_path_factory.mktemp("looking") / "work"
    directory.mkdir()
    (directory / "spy.py").write_text(SPY)
    with HereKernel(directory) as opened:
        opened.run("import spy")
        yield opened


@pytest.fixture
def pod(kernel: PodKernel) -> PodKernel:
    kernel.run("%config PodExtension.autosave = True\n%config PodExtension.static_check = True")
    kernel.checkout(1)
    kernel.cell(DATA)
    return kernel


def examined(pod: PodKernel, code: str) -> set[str]:
    """Which variables the save after a cell examined."""
    pod.run("pass")  # so that what was touched before is out of the way
    pod.value("__import__('sys').modules['spy'].examined.clear()")
    pod.run(code)
    return set(pod.value("sorted(__import__('sys').modules['spy'].examined)"))


@pytest.mark.parametrize(
    "code",
    ["df.head()", "df", "df['a'].mean()", "df.groupby('b').size()", "len(x)", "print(x, d)",
     "sorted(d)[:5]", "[df[c].nunique() for c in df.columns]", "df['nope']",
     "import pandas as pd\ndf.shape", "df.describe(); x"],
)  # fmt: skip
def test_a_cell_that_looks_has_a_commit_and_no_examination(pod: PodKernel, code: str) -> None:
    before = pod.head["t"]
    assert examined(pod, code) == set()
    head = pod.head
    assert (head["t"], head["code"]) == (before + 2, code)
    assert [head[key] for key in ("added", "changed", "removed")] == [[], [], []]


def test_what_it_binds_is_saved_and_nothing_else_examined(pod: PodKernel) -> None:
    assert examined(pod, "n, mean = len(df), df['a'].mean()\nnames = df.columns.tolist()") == {
        "n", "mean", "names",
    }  # fmt: skip
    assert pod.head["added"] == ["mean", "n", "names"]


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("df.loc[0, 'a'] = 9", ["df"]),
        ("df.sort_values('a', inplace=True)", ["df"]),
        ("df['a'].head()\nx.append(4)", ["x"]),
        ("print(x.pop())", ["x"]),
    ],
)
def test_a_change_after_it_is_saved(pod: PodKernel, code: str, changed: list[str]) -> None:
    pod.cell("df.head(); x")
    pod.run(code)
    assert (pod.head["code"], pod.head["changed"]) == (code, changed)
    pod.cell("df.head(); x")
    assert pod.head["changed"] == []


def test_what_it_shares_is_not_lost(pod: PodKernel) -> None:
    pod.cell("inner = {'items': [1]}")
    pod.cell("items = inner['items']")
    pod.cell("items")
    pod.cell("items.append(2)")
    assert pod.head["changed"] == ["inner", "items"]


def test_changes_that_were_not_saved_yet_are(pod: PodKernel) -> None:
    pod.run("%config PodExtension.autosave = False")
    pod.run("x.append(4)")
    pod.run("x")
    pod.run("df.head()")
    pod.run("%pod_save")
    assert pod.head["changed"] == ["x"]


def test_what_callbacks_change_is_saved(pod: PodKernel) -> None:
    pod.cell(
        "def grow(*_): x.append(9)\nget_ipython().events.register('post_run_cell', grow)\nx.sort()"
    )
    try:
        pod.cell("x")
        assert pod.head["changed"] == ["x"]
    finally:
        pod.run("get_ipython().events.unregister('post_run_cell', grow)")


def test_what_a_formatter_of_the_notebook_s_changes_is_saved(pod: PodKernel) -> None:
    pod.cell(
        "def show(value, printer, cycle): d['k'] += 1; printer.text('shown')\n"
        "plain = get_ipython().display_formatter.formatters['text/plain']\n"
        "old = plain.for_type(list, show)"
    )
    try:
        pod.cell("x")
        assert "d" in pod.head["changed"]
        pod.cell("[len(d)]")
        assert "d" in pod.head["changed"]
    finally:
        pod.run("plain.for_type(list, old) if old else plain.pop(list)")


def test_what_a_thread_changes_is_saved(pod: PodKernel) -> None:
    pod.cell(
        "import threading, time\nstop = threading.Event()\n"
        "def work():\n    while not stop.wait(0.01): x.append(1)\n"
        "worker = threading.Thread(target=work); worker.start()"
    )
    try:
        size = pod.value("len(x)")
        wait_until(lambda: pod.value("len(x)") > size, "the thread works")
        pod.cell("len(x)")
        assert "x" in pod.head["changed"]
    finally:
        pod.run("stop.set(); worker.join()")


def test_it_can_be_switched_off(pod: PodKernel) -> None:
    pod.run("%config PodExtension.static_check = False")
    assert "df" in examined(pod, "df.head()")


def test_a_name_that_is_another_function_now_is_not_taken_for_it(pod: PodKernel) -> None:
    pod.cell("def len(value): value.append(1); return 1")
    try:
        pod.cell("len(x)")
        assert pod.head["changed"] == ["x"]
    finally:
        pod.run("del len")


def test_a_directory_without_it_says_the_same(tmp_path: Path) -> None:
    cells = [DATA, "df.head()", "n = len(x)", "x.append(n)", "x", "df['z'] = 1", "df.head(2)"]
    logs = []
    for check in ("True", "False"):
        directory = tmp_path / check
        directory.mkdir()
        with PodKernel(directory) as kernel:
            kernel.run(f"%config PodExtension.static_check = {check}")
            for cell in cells:
                kernel.cell(cell)
            keys = ("code", "added", "changed", "removed")
            logs.append([{key: each[key] for key in keys} for each in kernel.log()])
    assert logs[0] == logs[1]
