"""Running the same notebook again into the same pod directory adds next to nothing to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.kernels import Kernel

EXAMPLES = Path(__file__).parents[2] / "examples"


def cells(notebook: str) -> list[str]:
    content = json.loads((EXAMPLES / notebook).read_text())
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]


def run(notebook: str, directory: Path, env: dict[str, str]) -> None:
    with Kernel(directory, env) as kernel:
        for code in cells(notebook):
            ran = kernel.run(code)
            assert not ran.error, (code, ran.error)


def pack_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in (directory / ".pod" / "packs").iterdir())


@pytest.mark.parametrize("notebook", ["tour.ipynb", "working_session.ipynb"])
def test_the_second_run_stores_almost_no_new_blobs(tmp_path: Path, notebook: str) -> None:
    directory = tmp_path / "work"
    directory.mkdir()
    run(notebook, directory, {})
    first = pack_bytes(directory)
    run(notebook, directory, {})
    second = pack_bytes(directory) - first
    print(f"{notebook}: first run {first} bytes, second {second}")
    assert second < first / 10
