"""A new kernel on an earlier kernel's pod directory, and two kernels on one at once."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from support.kernels import PodKernel

WORK = """
import enum
import numpy as np
import pandas as pd
from dataclasses import dataclass
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(0)
data = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
data["text"] = ["t%d" % n for n in range(200)]
data["when"] = pd.Timestamp("2024-01-01")
target = (data["a"] > 0).astype(int)

class Colour(enum.Enum):
    RED = 1

@dataclass
class Run:
    model: object
    score: float
    colour: Colour = Colour.RED

    def best(self):
        return threshold < self.score

threshold = 0.5

def features(frame):
    return frame[list("abcd")]

model = make_pipeline(StandardScaler(), LogisticRegression()).fit(features(data), target)
run = Run(model, float(model.score(features(data), target)))
predicted = model.predict(features(data)).tolist()
sums = data.drop(columns=["text", "when"]).sum().tolist()
view = data["a"]
"""


@pytest.fixture(scope="module")
def earlier(shared: PodKernel) -> int:
    """A time id of a kernel that is no more."""
    t = shared.cell(WORK)
    shared.cell("del data, model\nrun.score = 0\nthreshold = 2")
    shared.restart()
    return t


def test_everything_is_back_in_the_new_process(shared: PodKernel, earlier: int) -> None:
    assert "2 times" not in shared.checkout(earlier).text
    assert shared.value(
        "model.predict(features(data)).tolist() == predicted,"
        "data.drop(columns=['text', 'when']).sum().tolist() == sums,"
        "str(data.dtypes['when'])[:10], data['text'][7], data.shape"
    ) == (True, True, "datetime64", "t7", (200, 6))
    assert shared.value(
        "run.model is model, type(run) is Run, run.best(), run.colour is Colour.RED"
    ) == (True, True, True, True)


def test_restored_functions_and_classes_live_in_the_new_namespace(
    shared: PodKernel, earlier: int
) -> None:
    shared.checkout(earlier)
    shared.cell("threshold = 3")
    assert shared.value("run.best(), features.__globals__ is globals()") == (False, True)
    again = shared.cell("run.score = 5\nrun.extra = Run(None, 1.0)")
    shared.cell("del run")
    shared.checkout(again)
    assert shared.value("run.best(), type(run.extra) is Run, run.model is model") == (
        True, True, True,
    )  # fmt: skip


def test_one_variable_alone_brings_what_it_needs(shared: PodKernel, earlier: int) -> None:
    shared.checkout(1)
    shared.checkout(f"{earlier} run")
    assert shared.value("type(run).__name__, run.colour.name, 'Run' in globals()") == (
        "Run", "RED", False,
    )  # fmt: skip
    assert shared.run("run.best()").error == "NameError: name 'threshold' is not defined"


def test_the_new_kernel_branches_off_from_the_old_ones_time(
    shared: PodKernel, earlier: int
) -> None:
    shared.checkout(earlier)
    t = shared.cell("continued = True")
    assert shared.head["parent"] == earlier
    assert shared.head["added"] == ["continued"]
    assert "+ continued: bool True" in shared.run(f"%pod_diff {earlier} {t}").text


def test_the_log_of_the_new_kernel_shows_the_old_ones_cells(
    shared: PodKernel, earlier: int
) -> None:
    assert earlier in [commit["t"] for commit in shared.log()]


def test_a_kernel_shut_down_right_after_a_large_cell_loses_nothing(own: PodKernel) -> None:
    request = own.send(
        "import numpy as np\nlarge = np.random.default_rng(0).random(6_500_000)\n"
        "total = float(large.sum())"
    )
    own.finish(request)
    own.restart()
    own.checkout(2)
    assert own.value("large.shape, float(large.sum()) == total") == ((6_500_000,), True)


def test_a_kernel_that_was_killed_leaves_whole_times_only(own: PodKernel) -> None:
    own.cell("x = [1]")
    last = own.cell("x.append(2)")
    own.run("x.append(3)")
    own.kill()
    own.start()
    for path in (own.pod_dir / "commits").iterdir():
        if path.name.isdigit():
            own.checkout(path.name)
    own.checkout(last)
    assert own.value("x") == [1, 2]


SCRIPT = """
calls = []
def count(n):
    calls.append(n)
    return count(n - 1) + 1 if n else 0
class Counter:
    def count(self): return count(2)
counter = Counter()
"""


def test_what_a_script_or_a_notebook_left_is_back(own: PodKernel) -> None:
    (own.cwd / "script.py").write_text(SCRIPT)
    notebook = nbformat.v4.new_notebook()
    other = SCRIPT.replace("count", "walk").replace("Count", "Walk").replace("calls", "made")
    notebook.cells = [nbformat.v4.new_code_cell(other)]
    nbformat.write(notebook, own.cwd / "other.ipynb")
    said = own.heard("%run script.py\n%run other.ipynb")
    assert not any("cannot be saved" in line for line in said)
    t = own.head["t"]
    later = own.cell("count(0)")
    own.cell("del Counter, counter, count, calls")
    own.restart()
    own.checkout(later)
    assert own.value("calls[:], counter.count(), calls") == ([0], 2, [0, 2, 1, 0])
    own.checkout(t)
    assert own.value("counter.count(), type(counter) is Counter, calls") == (2, True, [2, 1, 0])
    assert own.value("count.__globals__['calls'] is calls, count(0), calls[3:]") == (True, 0, [0])
    assert own.value("walk(1), type(walker) is Walker, walker.walk()") == (1, True, 2)


def test_the_same_notebook_again_adds_next_to_nothing(own: PodKernel) -> None:
    large = "series = np.random.default_rng(1).random(200_000)"
    cells = [WORK, large, "model.n = 1", "data['e'] = data['a'] * 2", "series[7] = 0", "del view"]
    for code in cells:
        own.cell(code)
    first = sum(commit["bytes"] for commit in own.log())
    own.restart()
    for code in cells:
        own.cell(code)
    second = sum(commit["bytes"] for commit in own.log()) - first
    assert second < first / 50


# Two at once


def test_two_kernels_share_a_directory(own: PodKernel, tmp_path: Path) -> None:
    with PodKernel(own.cwd) as other:
        requests = []
        for number in range(8):
            for kernel, name in ((own, "left"), (other, "right")):
                requests.append((kernel, kernel.send(f"{name} = {number}")))
        for kernel, request in requests:
            assert kernel.finish(request).stderr == ""
        other.log()  # waits until what it saved is on disk
        commits = own.log()
        assert len({commit["t"] for commit in commits}) == len(commits) == 18
        assert [c["t"] for c in other.log()] == [c["t"] for c in commits]
        for kernel, name in ((own, "left"), (other, "right")):
            line = kernel.head
            for number in reversed(range(8)):
                assert line["code"] == f"{name} = {number}"
                [line] = [commit for commit in commits if commit["t"] == line["parent"]]
        assert other.value("right, 'left' in globals()") == (7, False)
        other.checkout(f"{own.head['t']} left")
        assert other.value("left, right") == (7, 7)


def test_what_one_kernel_saves_the_other_can_check_out_at_once(own: PodKernel) -> None:
    with PodKernel(own.cwd) as other:
        t = own.cell("def f(): return value\nvalue = 'from the other'")
        other.run("value = 'mine'")
        other.checkout(f"{t} f")
        assert other.value("f()") == "mine"
        own.run(f"%pod_tag handed_over {t}")
        other.checkout("handed_over")
        assert other.value("f()") == "from the other"
