"""The notebooks in examples/ run in a real kernel, and the demo shows what it promises."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def environment(directory: Path) -> dict[str, str]:
    """The environment for a kernel in that directory, without the tester's own configuration."""
    (directory / "ipython").mkdir(exist_ok=True)
    plain = {key: value for key, value in os.environ.items() if not key.startswith("POD_")}
    return plain | {"IPYTHONDIR": str(directory / "ipython")}


def execute(path: Path, directory: Path) -> NotebookNode:
    """The notebook as a new kernel of this Python leaves it; raises if a cell fails."""
    manager = AsyncKernelManager()
    manager._kernel_spec = KernelSpec(
        argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        display_name="test",
        language="python",
    )
    client = NotebookClient(
        nbformat.read(path, as_version=4),
        km=manager,
        timeout=120,
        resources={"metadata": {"path": str(directory)}},
    )
    return client.execute(env=environment(directory))


def text(notebook: NotebookNode, cell_id: str) -> str:
    """What a cell printed and displayed."""
    [cell] = [cell for cell in notebook.cells if cell.id == cell_id]
    return "".join(
        output.text if output.output_type == "stream" else output.data["text/plain"]
        for output in cell.outputs
    )


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, NotebookNode]]:
    """Each notebook, executed once."""
    yield {path.stem: execute(path, tmp_path_factory.mktemp(path.stem)) for path in NOTEBOOKS}


@each_notebook
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


@each_notebook
def test_a_notebook_runs_and_nothing_goes_wrong_quietly(
    path: Path, executed: dict[str, NotebookNode]
) -> None:
    outputs = [output for cell in executed[path.stem].cells for output in cell.get("outputs", ())]
    assert len(outputs) > 10
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []


def test_the_tour_gets_its_data_score_and_model_back(executed: dict[str, NotebookNode]) -> None:
    tour = executed["tour"]
    ridge, forest = (text(tour, cell).split()[-1] for cell in ("fit-ridge", "fit-forest"))
    assert text(tour, "refit").split()[-1] != ridge
    assert "442 patients" in text(tour, "look")
    assert ridge in text(tour, "look")
    assert "442 patients and a RandomForestRegressor" in text(tour, "still-there")
    both = text(tour, "both").splitlines()
    assert [line.split()[0] for line in both if line[0] != " "] == [ridge, forest]


def test_the_tours_log_shows_both_tags_and_its_diff_shows_the_variables(
    executed: dict[str, NotebookNode],
) -> None:
    tour = executed["tour"]
    assert "ridge" in text(tour, "log")
    assert "forest" in text(tour, "branches")
    assert "patients" in text(tour, "diff")
    assert "score" in text(tour, "diff")


def test_the_sessions_claims_about_its_data_hold(executed: dict[str, NotebookNode]) -> None:
    session = executed["working_session"]
    assert "zero in all six: True" in text(session, "smooth")
    smooth = text(session, "smooth")
    assert "benign    13" in smooth
    assert "malignant" not in smooth


def test_the_session_compares_its_two_branches(executed: dict[str, NotebookNode]) -> None:
    session = executed["working_session"]
    assert "(398, 25)" not in text(session, "all-columns")
    assert text(session, "check-undo") == "((426, 25), (143, 25))"
    assert {"logistic", "trees"} <= set(text(session, "contest").split())
    assert "score" in text(session, "diff-score")


def test_the_demo_brings_the_model_back_in_a_new_kernel(tmp_path: Path) -> None:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, EXAMPLES / "demo.py"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("predictions are those of the first kernel") == 2
    assert "\x1b" not in done.stdout
    assert time.monotonic() - started < 60


def test_the_demo_fails_when_the_model_is_not_what_it_was(tmp_path: Path) -> None:
    """Run against a tour whose second time, by mistake, tags the first one's model."""
    shutil.copy(EXAMPLES / "demo.py", tmp_path)
    tour = nbformat.read(EXAMPLES / "tour.ipynb", as_version=4)
    for cell in tour.cells:
        if cell.id == "tag-forest":
            cell.source = "%pod_tag forest ridge"
    nbformat.write(tour, tmp_path / "tour.ipynb")
    done = subprocess.run(
        [sys.executable, tmp_path / "demo.py"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 1
    assert "demo failed" in done.stderr
