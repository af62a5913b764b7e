"""Running cells again, to make variables that could not be saved: `%pod_checkout T --replay NAME`.

The cells run in a scratch namespace: the kernel's own one, emptied of the user's variables for so
long, and given those that the cells read, as they were then. So functions, classes and generators
that the cells make have the namespace as their globals for good, which no other dictionary could
give to a generator that is already running. Whatever happens, the namespace is put back before
anybody else runs; only what was asked for is handed over.
"""

from __future__ import annotations

import ast
import contextlib
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pod.errors import one_line
from pod.history import generators
from pod.history.replay import Plan, ReplayError, Step
from pod.history.restore import SameDefinitions, restore
from pod.history.text import gist, listing, more_lines
from pod.interrupts import uninterrupted
from pod.jupyter.reports import Report
from pod.referents import behind
from pod.tracking.aliases import threads_running

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from pod.session import Session


class Replay:
    """One act of running a plan's cells; what `Session.checkout` calls to rebuild variables."""

    def __init__(self, shell: InteractiveShell, session: Session, plan: Plan) -> None:
        self._shell = shell
        self._session = session
        self._plan = plan
        self.copies: list[str] = []
        """Variables that what was made refers to, by an object other than the one to be there."""

    def __call__(
        self, now: Mapping[str, Any], definition: Callable[[str], Any | None]
    ) -> dict[str, Any]:
        """The variables of the plan, made again.

        `now`: the variables that will be in the namespace; `definition` gives the class or function
        of a token there.
        """
        history = self._session.history
        for step in self._plan.steps:
            # Their code runs, and what they read is loaded.
            for t in (step.t, step.before):
                if t is not None:
                    history.require_trust(history.commit(t))
        running = threads_running(self._session.namespace)
        if running:
            raise ReplayError(
                f"cells cannot run again while a thread of yours does ({listing(running, 3)}): it "
                "would see what they see. Wait until it has ended"
            )
        left: dict[str, Any] = {}
        last: Step | None = None
        with _generators_put_back(self._session.track_random):
            for step in self._plan.steps:
                given = self._given(step, last, left, now, definition)
                left = self._run(step, given)
                last = step
        missing = [name for name in self._plan.names if name not in left]
        if missing:
            raise ReplayError(f"running these cells again did not make {listing(missing, 5)}")
        made = {name: left[name] for name in self._plan.names}
        held = {id(each) for each in behind(made.values(), self._session.namespace)}
        self.copies = sorted(
            name
            for name, value in left.items()
            if id(value) in held and name not in made and name in now and now[name] is not value
        )
        return made

    def _given(
        self,
        step: Step,
        last: Step | None,
        left: Mapping[str, Any],
        now: Mapping[str, Any],
        definition: Callable[[str], Any | None],
    ) -> dict[str, Any]:
        """What a cell finds in the namespace: what nothing changed, what the cells before it left
        and nothing changed since, and the rest of what it reads as it was before it."""
        if step.before is None:
            return {}
        history = self._session.history
        commit = history.commit(step.before)
        then = history.variables(commit)
        given = {name: now[name] for name in step.shared if name in now}
        if last is not None:
            after = history.variables(history.commit(last.t))
            given |= {
                name: value
                for name, value in left.items()
                if name in step.carried
                or (
                    name in then
                    and name in after
                    and then[name].fingerprint == after[name].fingerprint
                )
            }
        lacking = [name for name in step.carried if name not in given]
        if lacking:
            raise ReplayError(
                f"time {step.t} needs {listing(lacking, 5)}, which the cells before it did not make"
            )
        wanted = [then[name] for name in step.inputs if name not in given]
        same = SameDefinitions(
            history, history.definitions(history.commit(self._plan.t)), history.definitions(commit)
        )
        with self._scratch(given):
            restored = restore(
                history,
                commit,
                wanted,
                self._session.namespace,
                lambda token: definition(token) if same(token) else None,
            )
        for name, why in sorted(restored.failures.items()):
            raise ReplayError(f"time {step.t} needs {name} of time {step.before}: {why}")
        return given | restored.values

    def _run(self, step: Step, given: Mapping[str, Any]) -> dict[str, Any]:
        """Run one cell on these variables; what there is afterwards."""
        if self._session.track_random and step.before is not None:
            history = self._session.history
            generators.prepare(history, history.commit(step.before)).apply()
        with self._scratch(given) as namespace:
            source = self._shell.transform_cell(step.code)
            compiler: Any = self._shell.compile
            name = compiler.cache(source, 0, step.code)
            try:
                tree = self._shell.transform_ast(compiler.ast_parse(source, name))
                for part in _parts(tree):
                    code: Any = compiler(part, name, "exec")
                    exec(code, namespace, namespace)
            except (Exception, SystemExit) as error:
                if not step.error or one_line(error)[:200] != step.error:
                    raise ReplayError(_what_failed(step, name, error)) from None
            return self._session.variables()

    @contextlib.contextmanager
    def _scratch(self, given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The namespace with these variables and no others of the user's, for so long."""
        session = self._session
        namespace = session.namespace
        with uninterrupted() as gate:
            before = dict(dict.items(namespace))
            touched = session.take_touched()
            try:
                for name in session.variables():
                    dict.pop(namespace, name)
                dict.update(namespace, given)
                gate.let_in()
                yield namespace
            finally:
                gate.open = False
                dict.clear(namespace)
                dict.update(namespace, before)
                session.take_touched()
                session.touch(touched)


def _parts(tree: ast.Module) -> Iterator[ast.Module]:
    for node in tree.body:
        yield ast.Module([node], [])


@contextlib.contextmanager
def _generators_put_back(tracked: bool) -> Iterator[None]:
    """The global random generators are as before, afterwards."""
    before = generators.states() if tracked else {}
    try:
        yield
    finally:
        generators.settings_for(before).apply()


def _what_failed(step: Step, file: str, error: BaseException) -> str:
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == file and frame.name.startswith("<")
    ]
    where = f" in its line {lines[0]}" if lines and lines[0] else ""
    return f"the cell of time {step.t} failed{where}: {one_line(error)[:200]}. Nothing has changed"


def plan_report(plan: Plan) -> Report:
    """Which cells would run again, on what, and what speaks against it."""
    lines = []
    for step in plan.steps:
        line, more = gist(step.code)
        lines.append((f"[{step.t}]", f"{line}  {more_lines(more)}".rstrip()))
        makes = f"for {listing(step.makes, 5)}"
        inputs = [name for name in step.inputs if name not in step.shared]
        if inputs:
            makes += f"; on {listing(inputs, 8)} as of time {step.before}"
        lines.append(("", makes))
    lines += [("but", why) for why in plan.obstacles or plan.doubts]
    count = len(plan.steps)
    cells = "this cell runs" if count == 1 else f"these {count} cells run"
    return Report(
        f"to make {listing(plan.names, 5)} again as of time {plan.t}, {cells}", tuple(lines)
    )


def is_agreed(shell: InteractiveShell) -> bool | None:
    """Whether the user says yes; None where nobody can be asked."""
    kernel = getattr(shell, "kernel", None)
    if kernel is not None and not getattr(kernel, "_allow_stdin", False):
        return None
    try:
        return input("Run? [y/N] ").strip().lower() in ("y", "yes")
    except (EOFError, RuntimeError, NotImplementedError):
        return None
