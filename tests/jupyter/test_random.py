"""The global random generators are as they were: a cell run again draws the same numbers."""

from __future__ import annotations

from pathlib import Path

from support.kernels import Kernel, PodKernel

SAMPLE = """
import random
import numpy as np
draws = [
    random.random(), random.gauss(0, 1), float(np.random.rand()),
    float(np.random.standard_normal()), random.sample(range(1000), 3),
]
"""


def line(text: str, label: str) -> str:
    found = [each for each in text.splitlines() if each.strip().startswith(label)]
    assert len(found) <= 1
    return found[0].strip() if found else ""


def test_a_sampling_cell_run_again_gives_the_same(pod: PodKernel) -> None:
    pod.cell("import random, numpy as np\nnp.random.seed(3)\nrandom.seed(3)\nrandom.gauss(0, 1)")
    t = pod.head["t"]
    pod.cell(SAMPLE)
    first = pod.value("draws")
    pod.cell(SAMPLE)
    assert pod.value("draws") != first
    ran = pod.checkout(t)
    assert line(ran.text, "random generators") == ("random generators  as they were: numpy, random")
    pod.cell(SAMPLE)
    assert pod.value("draws") == first


def test_undo_and_run_again_gives_the_same_also_without_a_seed(pod: PodKernel) -> None:
    pod.cell("import random, numpy as np\nnp.random.rand()")
    pod.cell(SAMPLE)
    first = pod.value("draws")
    assert "as they were: numpy, random" in pod.run("%pod_undo").text
    pod.cell(SAMPLE)
    assert pod.value("draws") == first


def test_two_branches_draw_the_same_and_go_on_as_they_would_have(pod: PodKernel) -> None:
    t = pod.cell("import random, numpy as np\nnp.random.rand()")
    left = pod.cell(SAMPLE)
    first = pod.value("draws")
    pod.cell(SAMPLE)
    second = pod.value("draws")
    pod.checkout(t)
    pod.cell("branch = 'right'")
    pod.cell(SAMPLE)
    assert pod.value("draws") == first
    pod.checkout(left)
    pod.cell(SAMPLE)
    assert pod.value("draws") == second


def test_cells_that_draw_nothing_store_nothing_and_say_nothing(pod: PodKernel) -> None:
    t = pod.cell("import random, numpy as np\nnp.random.rand()\nx = 1")
    pod.cell("%%capture shown\nprint(1)")
    pod.run("%pod_log")
    pod.run("import tempfile, uuid\ntempfile.mkdtemp()\nuuid.uuid4()\n!true")
    pod.run("%pod_diff")
    ran = pod.checkout(t)
    assert "random generators" not in ran.text
    assert "random generators" not in pod.run(f"%pod_diff {t}").text


def test_diff_names_the_generators_that_differ(pod: PodKernel) -> None:
    pod.cell("import random, numpy as np\nnp.random.rand()")
    pod.cell("np.random.rand()")
    assert "~ random generators: numpy" in pod.run("%pod_diff").text.splitlines()


def test_variables_alone_leave_the_generators_alone(pod: PodKernel) -> None:
    t = pod.cell("import random\nx = [1]\nrandom.seed(1)")
    pod.cell("x.append(random.random())")
    expected = pod.value("repr(random.getstate())")
    assert "random generators" not in pod.checkout(f"{t} x").text
    assert pod.value("x") == [1]
    assert pod.value("repr(random.getstate())") == expected


def test_generators_that_are_variables_are_variables(pod: PodKernel) -> None:
    pod.cell("import random, numpy as np\nnew = np.random.default_rng()\nown = random.Random()")
    t = pod.cell("old = np.random.RandomState(3)\nold.standard_normal(); own.gauss(0, 1)")
    cell = (
        "drawn = float(new.normal()), float(old.standard_normal()), own.gauss(0, 1), own.random()"
    )
    pod.cell(cell)
    first = pod.value("drawn")
    assert pod.head["changed"] == ["new", "old", "own"]
    pod.checkout(t)
    pod.cell(cell)
    assert pod.value("drawn") == first


def test_in_a_new_kernel(own: PodKernel) -> None:
    t = own.cell("import numpy as np\nimport random\nnp.random.rand()")
    there = own.cell(SAMPLE)
    first = own.value("draws")
    own.restart()
    assert own.value("'numpy.random' in __import__('sys').modules") is False
    own.checkout(t)
    own.cell(SAMPLE)
    assert own.value("draws") == first
    own.checkout(there)
    own.cell("draws = random.random(), float(np.random.rand())")
    second = own.value("draws")
    own.restart()
    own.checkout(there)
    own.cell("draws = random.random(), float(np.random.rand())")
    assert own.value("draws") == second


def test_numpy_that_no_variable_needs_is_not_imported_for_it(own: PodKernel) -> None:
    t = own.cell("def f():\n    import numpy\n    return float(numpy.random.rand())\nf()")
    own.restart()
    text = own.checkout(t).text
    assert line(text, "not set") == (
        "not set            numpy: numpy is not imported; import it and check out again"
    )
    assert own.value("'numpy' in __import__('sys').modules") is False
    own.cell("import numpy")
    own.checkout(t)
    own.cell("a = f()")
    own.checkout(t)
    first = own.value("f()")
    own.checkout(t)
    assert own.value("f()") == first


def test_with_track_random_off(tmp_path: Path) -> None:
    directory = tmp_path / "work"
    directory.mkdir()
    with Kernel(directory) as kernel:
        kernel.run("c = get_ipython().config\nc.PodExtension.track_random = False\ndel c")
        kernel.run("%load_ext pod")
        kernel.run("import random\nrandom.seed(1)")
        kernel.run("x = random.random()")
        first = kernel.value("x")
        assert "random generators" not in kernel.run("%pod_checkout HEAD~1").text
        kernel.run("x = random.random()")
        assert kernel.value("x") != first
        kernel.run("%config PodExtension.track_random = True\nrandom.seed(1)")
        kernel.run("x = random.random()")
        kernel.run("%pod_checkout HEAD~1")
        kernel.run("x = random.random()")
        assert kernel.value("x") == first
