"""A namespace in which cells run as in a shell, and that says what each of them changed."""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import warnings
from dataclasses import dataclass
from typing import Any

from pod.history.moments import History
from pod.podding.policies import make_policy
from pod.session import Session
from pod.store.repository import Repository
from pod.store.writer import Writer
from pod.tracking import EverythingTracker

from support.memory_storage import MemoryStorage


@dataclass(frozen=True)
class Effect:
    """What a cell did to a namespace."""

    changed: frozenset[str]
    """Variables there were before that have another content now; and `__counts__`."""
    entangled: frozenset[str]
    """Variables that the cell bound, and that share something with one that there was before."""


class Bench:
    """Runs cells, and looks at everything before and after.

    What the setup calls `__counts__` says what an examination would change by itself.
    """

    def __init__(self, setup: str) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(_compiled(setup), self.namespace)
        self._session: Session | None = None
        self._before: dict[str, tuple[str, str]] = {}
        self._restless: frozenset[str] = frozenset()

    def _contents(self) -> dict[str, tuple[str, str]]:
        assert self._session is not None and self._session.save() is not None
        return {
            each.name: (each.fingerprint, each.manifest)
            for each in self._session._state.variables.values()
        }

    def _begin(self) -> None:
        repository = Repository.open(MemoryStorage())
        writer = Writer(repository, background=False)
        self._session = Session(
            self.namespace,
            History(repository, writer),
            writer,
            EverythingTracker(),
            make_policy("lga"),
            versioned=lambda name, _: not name.startswith("__"),
        )
        first, self._before = self._contents(), self._contents()
        self._restless = frozenset(
            name for name, (content, _) in first.items() if self._before[name][0] != content
        )

    def run(self, cell: str) -> str:
        """Run a cell as a shell does, and show its result; what it raised, if anything."""
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                tree = ast.parse(cell)
                last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
                exec(compile(tree, "<cell>", "exec"), self.namespace)
                if last is not None:
                    code = compile(ast.Expression(last.value), "<cell>", "eval")
                    _show(eval(code, self.namespace))
            except (Exception, SystemExit) as error:
                return f"{type(error).__name__}: {error}"
        return ""

    def effect(self, *cells: str) -> Effect:
        """Run cells, and say what they did. Variables that they bound are removed again."""
        if self._session is None:
            self._begin()
        held = dict(self.namespace)
        counts = held["__counts__"]()
        for cell in cells:
            self.run(cell)
        counted = held["__counts__"]() != counts
        after = self._contents()
        rebound = {
            name for name in after if name not in held or self.namespace[name] is not held[name]
        }
        old = {digest for name, (_, digest) in after.items() if name not in rebound}
        changed = {
            name
            for name in self._before.keys() - rebound - self._restless
            if name not in after or after[name][0] != self._before[name][0]
        }
        entangled = {name for name in rebound if after[name][1] in old}
        self.namespace.clear()
        self.namespace.update(held)
        self._before = self._contents() if rebound or changed else after
        changed |= {"__counts__"} if counted else set()
        return Effect(frozenset(changed), frozenset(entangled))


@functools.cache
def _compiled(setup: str) -> Any:
    return compile(setup, "<setup>", "exec")


def _show(value: object) -> None:
    """As IPython does: text, and HTML where the type has it."""
    if value is None:
        return
    repr(value)
    html = getattr(type(value), "_repr_html_", None)
    if html is not None:
        html(value)
