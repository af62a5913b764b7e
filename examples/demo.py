"""Pod at work, in a terminal: run the tour in a real kernel, restart, and bring its model back.

``make demo`` runs this. Everything happens in a temporary directory, with kernels of the Python
that runs it and none of your own IPython configuration. Exits with 1 if what comes back differs.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

TOUR = Path(__file__).with_name("tour.ipynb")

PREDICT_BOTH = """
for each in (model, forest):
    print(each)
    print(*each.predict(test.drop(columns="target")))
"""
PREDICT = """
print(model)
print(*model.predict(test.drop(columns="target")))
"""
"""Cells that print models, each with its prediction for every patient in the test set."""

LONGEST_LINE = 240


class Failed(Exception):
    """The demo did not show what it is there to show."""


class Kernel:
    """A live kernel that runs cells and shows them as it goes."""

    def __init__(self, client: NotebookClient) -> None:
        self._client = client

    def run(self, cell: NotebookNode) -> str:
        """Execute a cell; what it printed or displayed, as text."""
        cells = self._client.nb.cells
        cells.append(cell)
        try:
            self._client.execute_cell(cell, len(cells) - 1)
        except CellExecutionError as error:
            raise Failed(f"a cell raised an error\n{error}") from None
        # A kernel sends what is printed in one piece or in several, as it comes.
        pieces: list[str] = []
        printed = False
        for output in cell.outputs:
            is_print = output.output_type == "stream" and output.name == "stdout"
            if is_print and printed:
                pieces[-1] += _text(output)
            else:
                pieces.append(_text(output))
            printed = is_print
        return "\n".join(piece.rstrip("\n") for piece in pieces if piece)

    def show(self, cell: NotebookNode) -> str:
        """Execute a cell and print it with its output, endless lines cut; returns the output."""
        print()
        for prompt, line in zip(_prompts(), cell.source.splitlines(), strict=False):
            print(_dim(prompt) + _bold(line))
        output = self.run(cell)
        for line in output.splitlines():
            print(line if len(line) <= LONGEST_LINE else f"{line[: _width() - 2]} …")
        return output


@contextmanager
def kernel(directory: Path) -> Iterator[Kernel]:
    """Start a kernel of this Python in that directory; shut it down at the end."""
    manager = AsyncKernelManager()
    # Not the kernel spec named python3: a user may have one that starts another Python.
    manager._kernel_spec = KernelSpec(
        argv=[
            *(sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"),
            "--IPKernelApp.log_level=ERROR",
        ],
        display_name="Python 3",
        language="python",
    )
    env = {key: value for key, value in os.environ.items() if not key.startswith("POD_")}
    env["IPYTHONDIR"] = str(directory / "ipython")
    (directory / "ipython").mkdir(exist_ok=True)
    client = NotebookClient(
        new_notebook(), km=manager, timeout=60, resources={"metadata": {"path": str(directory)}}
    )
    with client.setup_kernel(env=env):
        yield Kernel(client)


def main() -> None:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pod-demo-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        heading("A notebook, with Pod loaded in its first cell (examples/tour.ipynb)")
        with kernel(directory) as first:
            for cell in nbformat.read(TOUR, as_version=4).cells:
                if cell.cell_type == "code":
                    first.show(cell)
                else:
                    paragraph(cell.source)
            heading("One more cell, to compare with later")
            before = first.show(new_code_cell(PREDICT_BOTH.strip())).splitlines()

        heading("That kernel is gone. A new one, in the same directory")
        with kernel(directory) as second:
            for line in ('print("model" in globals())', "%load_ext pod", "%pod_log -n 5"):
                second.show(new_code_cell(line))
            second.show(new_code_cell("%pod_diff ridge forest score"))
            for tag, expected in (("forest", before[2:]), ("ridge", before[:2])):
                second.show(new_code_cell(f"%pod_checkout {tag}"))
                found = second.show(new_code_cell(PREDICT.strip())).splitlines()
                compare(tag, expected, found)
    print(f"\n{time.monotonic() - started:.0f} s. In your own notebook it is: %load_ext pod")


def compare(tag: str, expected: list[str], found: list[str]) -> None:
    """Say that a model, and all its predictions, are those of the first kernel, or raise Failed."""
    if len(expected) != 2 or expected != found:
        raise Failed(f"the model of {tag!r} is not what it was in the first kernel")
    count = len(expected[1].split())
    print(_good(f"✓ all {count} predictions are those of the first kernel, to the last digit"))


def heading(text: str) -> None:
    print("\n\n" + _bold(text) + "\n" + "═" * min(len(text), _width()))


def paragraph(markdown: str) -> None:
    """Print a markdown cell as plain text, its title, if it has one, on a line of its own."""
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", markdown).replace("*", "").replace("`", "")
    for part in plain.split("\n\n"):
        print()
        if part.startswith("#"):
            print(_bold(part.lstrip("# ")))
        else:
            print(textwrap.fill(" ".join(part.split()), _width()))


def _text(output: NotebookNode) -> str:
    """What a terminal can show of one output of a cell."""
    if output.output_type == "stream":
        return output.text
    if output.output_type in ("display_data", "execute_result"):
        return output.data.get("text/plain", "")
    return ""


def _width() -> int:
    return min(shutil.get_terminal_size().columns, 100)


def _prompts() -> Iterator[str]:
    yield ">>> "
    while True:
        yield "... "


def _styled(code: int, text: str) -> str:
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
    return text if plain or not text else f"\x1b[{code}m{text}\x1b[0m"


def _bold(text: str) -> str:
    return _styled(1, text)


def _dim(text: str) -> str:
    return _styled(2, text)


def _good(text: str) -> str:
    return _styled(32, text)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"demo failed: {failure}")
