"""Forms of Python objects: source that makes them, and expressions that say what they are.

What an expression gives where Pod never was is what it must give everywhere: on objects loaded in
the same process, taken back by a checkout, loaded by another process. The expressions are
evaluated in their order and may change what they look at, so they also show that what is restored
works, and is apart from what is live.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pod
from pod.errors import PodError
from pod.namespace import TrackedNamespace

CELL = "# %%\n"


@dataclass(frozen=True)
class Form:
    """A form: one or more cells, and checks by line; one that begins with `!` must raise."""

    name: str
    cells: tuple[str, ...]
    checks: tuple[str, ...]
    resaved: bool = True
    """Whether a save after loading finds nothing changed."""
    one_letter: bool = False
    """Whether it has names of one letter, which Python before 3.13 keeps as two strings."""

    def control(self) -> list[str]:
        """What the checks give where Pod never was."""
        namespace = new_namespace()
        for cell in self.cells:
            run(cell, namespace)
        answers = evaluate(self.checks, namespace)
        for check, answer in zip(self.checks, answers, strict=True):
            assert check.startswith("!") == answer.startswith("raised "), f"{check}: {answer}"
        return answers


def form(
    name: str, source: str, checks: str, *, resaved: bool = True, one_letter: bool = False
) -> Form:
    """A form from its source, cells set apart by `# %%`, and its checks, one a line."""
    cells = tuple(textwrap.dedent(source).split(CELL))
    lines = tuple(line.strip() for line in checks.splitlines() if line.strip())
    return Form(name, cells, lines, resaved, one_letter)


def new_namespace() -> TrackedNamespace:
    return pod.new_managed_namespace(__name__="__main__", __builtins__=__builtins__)


def run(cell: str, namespace: dict[str, Any]) -> None:
    exec(compile(cell, f"<cell {hash(cell)}>", "exec", dont_inherit=True), namespace)


def evaluate(checks: Iterable[str], namespace: dict[str, Any]) -> list[str]:
    """What each check gives, as text."""
    # Like a shell's: the session's own names are there, and no variables.
    dict.setdefault(namespace, "__name__", "__main__")
    dict.setdefault(namespace, "__builtins__", __builtins__)
    return [_answer(check.lstrip("! "), namespace) for check in checks]


def _answer(check: str, namespace: dict[str, Any]) -> str:
    try:
        return repr(eval(compile(check, "<check>", "eval", dont_inherit=True), namespace))
    except Exception as error:
        return f"raised {type(error).__name__}: {error}"


# --- another process ------------------------------------------------------------------------------


def in_fresh_processes(forms: Iterable[Form], directory: Path) -> dict[str, list[str]]:
    """By form, what its checks give in a process that loads what another one saved."""
    forms = list(forms)
    named = [[each.name, each.cells, each.checks] for each in forms]
    times = _process("save", directory, named)
    return _process("load", directory, [[*each, times.get(each[0], 0)] for each in named])


def _process(verb: str, directory: Path, work: Any) -> Any:
    tests = Path(__file__).parent.parent
    source = Path(pod.__file__).parent.parent
    ran = subprocess.run(
        [sys.executable, "-m", "support.forms", verb, str(directory)],
        input=json.dumps(work),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), str(source)])},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def _save_all(store: pod.PodStore, work: Any) -> dict[str, int]:
    times = {}
    for name, cells, _ in work:
        namespace = new_namespace()
        for cell in cells:
            run(cell, namespace)
            with contextlib.suppress(Exception):  # whoever loads it finds that it is missing
                times[name] = store.save(namespace)
    return times


def _load_all(store: pod.PodStore, work: Any) -> dict[str, list[str]]:
    answers = {}
    for name, _, checks, t in work:
        try:
            answers[name] = evaluate(checks, store.load(t))
        except PodError as error:
            answers[name] = [str(error)]
    return answers


if __name__ == "__main__":
    with pod.open(sys.argv[2]) as opened:
        do = _save_all if sys.argv[1] == "save" else _load_all
        result = do(opened, json.load(sys.stdin))
    print(json.dumps(result))
