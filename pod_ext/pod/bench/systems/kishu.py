"""Kishu, of PyPI, in an environment of its own: its hooks, without the front end it talks to.

In its own test mode it does not ask a browser to save the notebook, for which it would sleep up to
a second after each cell; so what is measured here is less than what its users wait.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from kishu.jupyterint import KishuForJupyter
from kishu.notebook_id import NotebookId

from pod.bench.shell import MeasuredShell, make_shell
from pod.bench.systems.base import Reference, user_variables

TEST_MODE = "ENV_KISHU_TEST_MODE"


class Kishu:
    """Its hooks around each cell, and a checkout in a fresh shell to load."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._last: Reference | None = None

    def configuration(self) -> dict[str, dict[str, Any]]:
        return {}

    def attach(self, shell: MeasuredShell) -> None:
        os.environ[TEST_MODE] = "1"
        self.directory.mkdir(parents=True, exist_ok=True)
        notebook = self.directory / "notebook.ipynb"
        if not notebook.exists():
            nbformat.write(nbformat.v4.new_notebook(), notebook)
        self._kishu = KishuForJupyter(NotebookId("bench", notebook, "bench"), shell)
        self._kishu.install_kishu_hooks()

    def reference(self) -> Reference | None:
        head: str | None = self._kishu._kishu_branch.get_head().commit_id
        if head == self._last:
            raise RuntimeError("Kishu made no commit for this cell")
        self._last = head
        return head

    def is_durable(self, reference: Reference) -> bool:
        return True  # committed to SQLite within the hook

    def held(self) -> float:
        return 0.0

    def unsaved(self) -> Iterable[str]:
        return ()

    def finish(self) -> None:
        """Nothing is left to do."""

    def load(self, reference: Reference, names: set[str] | None) -> dict[str, Any]:
        shell = MeasuredShell.instance() if MeasuredShell.initialized() else make_shell({}, Path())
        self.attach(shell)
        self._kishu.checkout(str(reference), skip_notebook=True)
        found = user_variables(shell)
        return found if names is None else {name: found[name] for name in names if name in found}
