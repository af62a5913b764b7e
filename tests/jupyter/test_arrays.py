"""Pod keeps no hold of the user's arrays: NumPy refuses to resize what anybody refers to."""

from __future__ import annotations

import pytest
from support.kernels import PodKernel

ARRAYS = """
import numpy as np
class Sub(np.ndarray):
    pass
small = np.arange(10)
large = np.zeros(3_000_000)
objects = np.array([1, 'x', None] * 1000, dtype=object)
many = np.arange(200_000).astype(object)
kept = [np.arange(5)]
sub = np.ndarray.__new__(Sub, 4)
holder = np.random.rand(100_000)
view, other = holder[:10], holder[20:30]
class Held:
    pass
held = Held()
held.array = np.ones(1_000_000)
"""

EACH = ["small", "large", "objects", "many", "sub", "holder", "kept[0]", "held.array"]


@pytest.mark.parametrize("cell", ["pass", "len(many), many[0], objects.shape", "small.sum()"])
def test_arrays_are_resized_as_without_pod(own: PodKernel, cell: str) -> None:
    own.cell(ARRAYS)
    own.run("%pod_status")
    own.cell(cell)
    # One after the other, by their names, as nobody holds them in a loop.
    own.cell("del view, other")
    for each in EACH:
        assert own.run(f"{each}.resize(7)").error == "", each
    own.run(f"%pod_checkout {own.head['t']}")
    assert own.value(f"[len(each) for each in ({', '.join(EACH)})]") == [7] * len(EACH)


def test_arrays_that_were_restored_are_resized_too(own: PodKernel) -> None:
    own.cell(ARRAYS)
    t = own.cell("del view, other")
    own.cell("small = large = objects = many = sub = holder = kept = held = None")
    own.checkout(t)
    for each in EACH:
        assert own.run(f"{each}.resize(7)").error == "", each


def test_an_array_in_the_place_of_another_is_a_change(own: PodKernel) -> None:
    """NumPy gives the memory of one that is gone to the next, and Python its place."""
    own.cell("import numpy as np\na = np.arange(5)")
    # Nothing may touch it between these cells, which only look, apart from what they bind.
    for number in range(10):
        t = own.cell(f"a = np.ones(5)\na = np.arange({number}, {number + 5})")
        assert own.head["changed"] == (["a"] if number else []), number
    own.checkout(t - 5)
    assert own.value("a.tolist()") == [4, 5, 6, 7, 8]


def test_an_array_of_a_function_is_a_change(own: PodKernel) -> None:
    own.cell(
        "import numpy as np\na = np.arange(5)\ndef f():\n    global a\n    a = a * 2\n    a = a + 1"
    )
    own.cell("f()")
    assert own.head["changed"] == ["a"]
