"""`%load_ext pod`: puts a session behind a shell, and saves after every cell.

Nothing here raises into the user's session. What goes wrong becomes one line on stderr, and what
could not be saved is tried again after the next cell.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from traitlets import Bool, Enum, Float, Int, List, Unicode, observe
from traitlets.config import Configurable

from pod.errors import DamagedError, PodError, one_line
from pod.history.text import ago, ellipsis, gist, listing, plain
from pod.history.text import one_line as one_line_of
from pod.interrupts import Gate, uninterrupted
from pod.jupyter.following import follow
from pod.jupyter.hooks import runs_along
from pod.jupyter.names import UserNames, only_pod_magics
from pod.jupyter.reports import distinct
from pod.jupyter.tracebacks import install_tracebacks, remove_tracebacks
from pod.jupyter.upkeep import Upkeep
from pod.library import PodStore, default_path, leave_all
from pod.podding.policies import POLICIES
from pod.session import WAYS, Cell, Saved, Session
from pod.session.hugepages import HugePages
from pod.threads import others_at_work
from pod.tracking import Touched
from pod.tracking.blind_spots import in_cell, magics_in
from pod.tracking.looking import Looking

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

_extensions: weakref.WeakKeyDictionary[Any, PodExtension] = weakref.WeakKeyDictionary()
_LEAVE_SECONDS = 0.5
"""A kernel has two and a half before it is told to end at once, and as long again until it is
killed (`KernelManager.shutdown_wait_time`)."""

_left_behind: weakref.WeakKeyDictionary[Any, tuple[Path, Session]] = weakref.WeakKeyDictionary()
"""The session of a shell from which the extension was unloaded, to go on from when it is back."""


class PodExtension(Configurable):
    """A memory for this kernel: saves the namespace after every cell, restores any moment of it."""

    pod_dir = Unicode(
        "",
        help="The pod directory. Default: $POD_DIR, else .pod in the current directory. "
        "Takes effect when Pod is loaded.",
    ).tag(config=True)
    autosave = Bool(
        True, help="Save after every cell. When False, only %pod_save and %pod_checkout save."
    ).tag(config=True)
    tracking = Enum(
        ["auto", "namespace", "monitoring"],
        "auto",
        help="How touched names are found. 'namespace': the user namespace records lookups; "
        "'monitoring': the interpreter tells which code ran (Python 3.12 and later), which slows "
        "nothing down; 'auto': the best that this Python has. Takes effect when Pod is loaded.",
    ).tag(config=True)
    static_check = Bool(
        True,
        help="Tell cells that only look (`df.head()`, `len(x)`, `print(n)`) by their code, and do "
        "not examine what they looked at.",
    ).tag(config=True)
    background = Bool(
        True,
        help="Write in a background thread, so that nobody waits for the disk. "
        "Takes effect when Pod is loaded.",
    ).tag(config=True)
    snapshot = Enum(
        list(WAYS),
        "auto",
        help="Where the namespace is looked at after a cell. 'inline': in the kernel, which waits; "
        "'fork': in a forked child, which nobody waits for; 'thread': in a thread, while code that "
        "uses what is looked at waits; 'auto': inline if it is short, else in a forked child where "
        "there are forks. Takes effect when Pod is loaded.",
    ).tag(config=True)
    variable_locks = Bool(
        True,
        help="With snapshot = 'thread': only code that uses a variable which is being looked at "
        "waits; when False, every cell waits until nothing is.",
    ).tag(config=True)
    huge_pages = Bool(
        True,
        help="Move this kernel's memory into huge pages while nothing runs, once forks of it take "
        "long, where the system has huge pages.",
    ).tag(config=True)
    active_filter = Bool(
        True,
        help="Look at those variables only that can have changed; when False, at all, each time.",
    ).tag(config=True)
    known_bytes = Int(
        None, allow_none=True, min=0,
        help="At most so many bytes of memory for knowing which blobs are stored; what is "
        "forgotten is stored again. For experiments. Takes effect when Pod is loaded.",
    ).tag(config=True)  # fmt: skip
    podding = Enum(
        list(POLICIES),
        "lga",
        help="Podding policy: where one pod ends and the next begins. "
        "Takes effect when Pod is loaded.",
    ).tag(config=True)
    exclude = List(
        Unicode(), help="Patterns of names that are never saved, such as ['tmp_*', 'secret']."
    ).tag(config=True)
    track_random = Bool(
        True,
        help="Save the states of the global random generators (random, numpy.random, torch) with "
        "each cell, and take them back at %pod_checkout, so that a cell run again from there draws "
        "the same numbers.",
    ).tag(config=True)
    compression_level = Int(
        3, min=1, max=19, help="Of zstd: 1 is fastest. Takes effect when Pod is loaded."
    ).tag(config=True)
    keep_last = Int(
        None, allow_none=True, min=1,
        help="Retention, by itself in the background: keep the newest so many times. A time stays "
        "if any of keep_last, keep_since and keep_tagged keeps it. Default: keep all.",
    ).tag(config=True)  # fmt: skip
    keep_since = Unicode(
        "", help="Retention: keep what was saved since, such as '7d', '12h' or '2026-01-31'."
    ).tag(config=True)
    keep_tagged = Bool(
        False,
        help="Retention: keep tagged times, and of the others what another rule keeps. Tagged ones "
        "stay in any case.",
    ).tag(config=True)
    max_size = Unicode(
        "",
        help="Retention: of what is kept, the oldest untagged times are removed until the rest "
        "takes no more than this, such as '2GB'.",
    ).tag(config=True)
    retention_minutes = Float(
        30.0, min=0.0, help="How many minutes lie at least between two runs of retention."
    ).tag(config=True)
    verbosity = Int(
        1,
        min=0,
        max=2,
        help="0: only trouble is told. 1: also what Pod found and what cannot be saved. "
        "2: a line for every save.",
    ).tag(config=True)

    def __init__(self, shell: InteractiveShell, **options: Any) -> None:
        super().__init__(parent=shell, **options)
        self.shell = shell
        self.store = PodStore(
            self.pod_dir or default_path(),
            background=self.background,
            podding=self.podding,
            compression_level=self.compression_level,
            snapshot=self.snapshot,
            active_filter=self.active_filter,
            known_bytes=self.known_bytes,
            on_error=self._note_write_error,
        )
        self._upkeep = Upkeep(self.store)
        self._pages = HugePages(self._is_quiet)
        self.save_trouble = ""
        """Why the last save did not work, '' when it did."""
        self._told_once = False
        """Whether saves since then failed for the same reason, which was not told again."""
        self.write_trouble = ""
        """Why what was saved cannot be written at present, '' when it can."""
        self._started: float | None = None
        """When the cell that is running began."""
        self._only_pod = False
        """Whether there is nothing but magics of Pod's in it."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._shut_down: Callable[[bool], Any]
        """The kernel's own way to do so."""
        self._looked = True
        """Whether what the last cell may have touched unseen is known."""
        self._looking = Looking()
        self._unsaved_code: list[str] = []
        self._told: set[Any] = set()
        self._write_error = ""
        self._left_out: list[str] = []
        """What was saved and can never be written, since the last cell."""
        self._stuck: frozenset[int] = frozenset()
        """Times that were waiting to be written when that last failed."""

    # --- loading and unloading

    def attach(self) -> None:
        """Begin to follow the namespace, and to listen."""
        shell = self.shell
        self._find_loop()
        try:
            self.followed = follow(shell, self.tracking)
        except RuntimeError as error:
            raise PodError(f"tracking cannot be {self.tracking!r} here: {error}") from None
        self.namespace = self.followed.namespace
        self.names = UserNames(shell.user_ns_hidden, self.exclude)
        self.session = self.store.session(
            self.namespace,
            self.followed.tracker,
            versioned=self.names,
            notebook=os.environ.get("JPY_SESSION_NAME", ""),
        )
        self.session.track_random = self.track_random
        self.session.may_redo = self._is_idle
        self.session.holds()
        self.session.on_lost = self._redo_soon
        earlier = self.store.history.times()
        stale = self.followed.begin()
        path, earlier_session = _left_behind.pop(shell, (None, None))
        if earlier_session is not None and path == self.store.path:
            self.session.resume(earlier_session)
        self._expand = shell.var_expand
        shell.var_expand = self._expand_line  # type: ignore[method-assign]
        shell.events.register("pre_execute", self._before_anything)
        shell.events.register("pre_run_cell", self._before_cell)
        shell.events.register("post_run_cell", self._after_cell)
        kernel: Any = getattr(shell, "kernel", None)
        if hasattr(kernel, "do_shutdown"):
            self._shut_down = kernel.do_shutdown
            kernel.do_shutdown = self._before_shutdown
        self._tell_about(earlier, stale)
        trouble = self.store.signing_trouble()
        if trouble:
            self.warn(trouble)

    def detach(self) -> None:
        """Stop listening, and leave the shell as it would be without Pod."""
        shell = self.shell
        kernel: Any = getattr(shell, "kernel", None)
        if getattr(kernel, "do_shutdown", None) == self._before_shutdown:
            del kernel.do_shutdown
        shell.events.unregister("pre_execute", self._before_anything)
        shell.events.unregister("pre_run_cell", self._before_cell)
        shell.events.unregister("post_run_cell", self._after_cell)
        del shell.var_expand
        stale = self.followed.end()
        if stale:
            self.say(f"these go on with the namespace as it is now: {listing(stale, 5)}")
        self._pages.close()
        self._upkeep.wait(5.0)
        _left_behind[shell] = self.store.path, self.session

    def _find_loop(self) -> None:
        """There is none outside a kernel, nor while one that loads Pod by itself is starting."""
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()

    def _before_shutdown(self, restart: bool) -> Any:
        """In another thread: the server asks the kernel to end, and kills it some seconds later.
        Not at its very end, where Python 3.12 has no forks any more."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed
                self._loop.call_soon_threadsafe(leave_all, _LEAVE_SECONDS)
        return self._shut_down(restart)

    def close(self) -> None:
        """Have everything written that was saved."""
        try:
            self.store.close()
        except PodError as error:
            self.warn(f"not everything could be written: {error}")

    def _tell_about(self, earlier: list[int], stale: list[str]) -> None:
        if stale:
            self.say(
                "these were already running when Pod was loaded, and see the namespace as it was "
                f"then: {listing(stale, 5)}"
            )
        if self.verbosity < 1:
            return
        finishing = self.store.history.repository.being_finished()
        if finishing:
            times = listing([f"time {t}" for t in sorted(finishing)], 5)
            by = " and ".join(sorted(set(finishing.values())))
            self.say(f"still being written, by {by}, for a kernel that has ended: {times}")
        where = os.path.relpath(self.store.path)
        where = where if len(where) < len(str(self.store.path)) else str(self.store.path)
        if not earlier:
            self.say(f"every cell is saved in {where} from now on; %pod_log shows the history")
            return
        count = f"{len(earlier)} earlier time{'s'[: len(earlier) > 1]}"
        self.say(f"every cell is saved in {where}, which holds {count} (%pod_log --all)")
        try:
            last = self.store.history.commit(earlier[-1])
            trusted = self.store.history.is_trusted(last.t)
        except PodError as error:
            self.warn(f"the last one cannot be read: {error}")
            return
        code = ellipsis(gist(last.code)[0] or one_line_of(last.message), 40)
        when = ago(last.created, datetime.datetime.now(datetime.UTC))
        if trusted:
            self.say(f"%pod_checkout {last.t} brings back the last one ({when}: {code})")
        else:
            self.say(
                f"the last one ({when}: {code}) was not saved by you, so that loading it could run "
                "any code. If you know where it comes from: %pod_trust"
            )

    def _expand_line(self, line: str, depth: int = 0, *formatter: Any) -> str:
        """IPython copies the whole namespace for every line of a magic or of the system's shell,
        and evaluates in the copy what is in braces, which can do anything to what is in it. A line
        without these has nothing to be looked up."""
        if not any(mark in line for mark in "{}$"):
            return line
        self.session.touch(Touched(everything=True))
        return self._expand(line, depth + 1, *formatter)  # type: ignore[no-any-return]

    # --- around each cell

    def _before_anything(self) -> None:
        """A cell is about to run, or a message from a widget to be handled, which may reach
        whatever the widget's handlers hold."""
        frame: FrameType | None = sys._getframe()
        while frame is not None and frame.f_code.co_name != "handle_msg":
            frame = frame.f_back
        if frame is not None:
            self.session.under_way.await_looks()
            comm = frame.f_locals.get("self")
            self.session.aliases.note([getattr(comm, "_msg_callback", None)])

    def _callbacks(self, ran: str) -> list[object]:
        """What ran along with a cell: its magics, and callbacks registered with the shell."""
        magics = self.shell.magics_manager.magics
        found = [magics[kind].get(name) for kind, name in magics_in(ran)]
        return [*found, *(each for them in self.shell.events.callbacks.values() for each in them)]

    def _before_cell(self, info: ExecutionInfo) -> None:
        if self._is_inside_cell():
            return
        self._only_pod = only_pod_magics(getattr(info, "raw_cell", None) or "")
        if self._loop is None:
            self._find_loop()
        self._pages.rest_ends()
        self._redo()
        self._await_looks(info)
        if not self._looked:
            self.session.touch(Touched(everything=True))
        self._looked = False
        aside = self.session.set_aside()
        if aside.everything or any(name in self.namespace for name in aside.names):
            self._looking.forget()
        self._started = time.perf_counter()
        self.followed.before_cell()

    def _await_looks(self, info: ExecutionInfo) -> None:
        """Wait for threads that look at what this cell is about to use, where the tracker would
        not notice it."""
        if not self.session.under_way.under_look:
            return
        unseen = in_cell(self.shell.transform_cell(getattr(info, "raw_cell", None) or ""))
        if unseen.everything or not self.variable_locks:
            self.session.under_way.await_looks()
        else:
            self.session.under_way.await_looks(unseen.names)

    def _after_cell(self, result: ExecutionResult) -> None:
        """After every cell; must not raise, whatever happens."""
        begun = False
        while not begun:
            # An interrupt that is left at the end came when all was done; one that came before the
            # gate was closed, when the cell was over and nothing had begun that could be stopped.
            with contextlib.suppress(KeyboardInterrupt), uninterrupted() as gate:
                begun = True
                if self._is_inside_cell():
                    return
                self._look_and_save(result, gate)
                if self.huge_pages:
                    self._pages.rest_begins()

    def _look_and_save(self, result: ExecutionResult, gate: Gate) -> None:
        started, self._started = self._started, None
        try:
            cell = self._cell(result, started)
            self._looked = True
        except Exception as error:
            self.session.touch(Touched(everything=True))
            self.warn(f"this cell could not be looked at ({one_line(error)[:200]})")
            return
        if cell is None:
            return
        if self.autosave:
            self._save(cell, gate)
        else:
            self._unsaved_code.append(cell.code)

    def _cell(self, result: ExecutionResult, started: float | None) -> Cell | None:
        """What ran, once all that it may have touched unseen is told to the session; None for a
        cell that is not to be saved."""
        info = getattr(result, "info", None)
        code = getattr(info, "raw_cell", None) or ""
        # Not every IPython keeps what it made of the cell; its transformers then run again.
        ran = getattr(info, "transformed_cell", None) or self.shell.transform_cell(code)
        self.followed.after_cell(ran, getattr(result, "execution_count", None))
        self.session.aliases.note(self._callbacks(ran))
        if self.shell.call_pdb and not result.success:
            self.session.touch(Touched(everything=True))  # what was typed at the debugger is unseen
        if self.static_check:
            self._check(ran)
        if not code.strip() or only_pod_magics(code):
            return None
        error = result.error_before_exec or result.error_in_exec
        return Cell(
            code=code,
            ok=bool(result.success),
            error=one_line(error)[:200] if error is not None else "",
            seconds=time.perf_counter() - started if started is not None else 0.0,
        )

    def _check(self, ran: str) -> None:
        """The static check: what a cell only looked at does not count as touched."""
        with contextlib.suppress(Exception):  # callbacks and threads may be in any state
            if self.session.aliases.runs_user_code() or runs_along(self.shell, self.namespace):
                return
            look = self._looking.look_of(ran, self.namespace)
            if look is not None:
                self.session.looked(look.names, look.bound, look.draws)

    def _is_inside_cell(self) -> bool:
        """Whether it is a cell's code that runs this cell, as `%%capture` does: all one cell."""
        frame: FrameType | None = sys._getframe()
        running = type(self.shell).run_code.__code__
        while frame is not None and frame.f_code is not running:
            frame = frame.f_back
        return frame is not None

    def save(self, cell: Cell, *, only_if_changed: bool = False) -> Saved | None:
        """Save, and tell about trouble instead of raising it. None when it did not work."""
        with uninterrupted() as gate:
            return self._save(cell, gate, only_if_changed)

    def _save(self, cell: Cell, gate: Gate, only_if_changed: bool = False) -> Saved | None:
        """With a closed gate, which is open while the session saves."""
        if self._unsaved_code:
            code = "\n\n".join([*self._unsaved_code, cell.code]).strip()
            cell = Cell(code, cell.ok, cell.error, cell.seconds, cell.message)
        self.names.exclude = tuple(self.exclude)
        head = self.session.head
        try:
            gate.let_in()
            saved = self.session.save(cell, only_if_changed=only_if_changed)
            gate.open = False
        except KeyboardInterrupt:
            if self.session.head in (head, None):
                self.save_trouble = ""  # told each time
                self._not_saved(cell, "the save was interrupted")
            else:  # it came when the save was complete
                self._unsaved_code.clear()
            return None
        except Exception as error:
            gate.open = False
            why = str(error) if isinstance(error, PodError) else one_line(error)[:200]
            self._not_saved(cell, why)
            return None
        if saved is not None:
            self._unsaved_code.clear()
            self._report(saved)
            self.report_landed()
            self._upkeep.after_save(self._rules(), 60.0 * self.retention_minutes)
        self._report_writing()
        return saved

    def _is_quiet(self) -> bool:
        """Whether nothing runs in this process, nor a child that looks at it; asked in another
        thread."""
        looks = (draft.look for draft in self.session.under_way.drafts)
        return all(look.over for look in looks) and not others_at_work()

    # --- looks that were lost

    def _is_idle(self) -> bool:
        """Whether no code of the user's is running, and this is the thread that it runs in."""
        running = self._started is not None and not self._only_pod
        return not running and threading.current_thread() is threading.main_thread()

    def settle(self) -> None:
        """Have all looks over, before a magic shows or does anything with what they found."""
        self.session.settle()
        self._redo()

    def _redo_soon(self) -> None:
        """Called in any thread: save again what was lost as soon as the kernel has nothing else to
        do. If a cell comes first, it is done before that."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(self._redo)

    def _redo(self) -> None:
        """Save what a look that came to nothing was to save, unless a cell is running."""
        if not self.session.lost or not self._is_idle():
            return
        try:
            with uninterrupted() as gate:
                gate.let_in()
                self.session.redo()
        except (Exception, KeyboardInterrupt):  # it is tried again with the next cell
            return

    def _rules(self) -> dict[str, Any]:
        return {
            "keep_last": self.keep_last,
            "keep_since": self.keep_since,
            "keep_tagged": self.keep_tagged,
            "max_size": self.max_size,
        }

    def _not_saved(self, cell: Cell, why: str) -> None:
        self._unsaved_code[:] = [cell.code] if cell.code else []
        if why == self.save_trouble:
            self._told_once = True
            return
        self.save_trouble = why
        again = "It is tried again after the next cell" if self.autosave else "Try again: %pod_save"
        self.warn(f"not saved: {why.rstrip('.')}. {again}")

    def _report(self, saved: Saved) -> None:
        if self._told_once:
            self._told_once = False
            self.say(f"saving works again; time {saved.t} holds what the cells since then did")
        self.save_trouble = ""
        if saved.lost:
            lost = [f"{saved.lost}. ", *(f"{each.rpartition(';')[0]}. " for each in self._left_out)]
            self._left_out.clear()
            self._write_error = ""  # that it was gone, as likely as not; else it comes again
            self.warn(f"{''.join(lost)}Everything there is now was saved anew, as time {saved.t}")
        self._report_opaque(saved)
        if self.verbosity >= 2 and not saved.under_way:
            self.say(f"time {saved.t} saved, {saved.seconds * 1000:.1f} ms")

    def report_landed(self) -> None:
        """Tell what earlier saves found once they were over, if that has not been told."""
        for saved in self.session.take_landed():
            self._report_opaque(saved)
            if self.verbosity >= 2:
                self.say(f"time {saved.t} saved, {saved.seconds * 1000:.1f} ms")

    def _report_opaque(self, saved: Saved) -> None:
        if self.verbosity < 1:
            return
        for name, lines in saved.opaque.items():
            if (name, lines) in self._told:
                continue
            self._told.add((name, lines))
            kind = type(dict.get(self.namespace, name))
            said = lines[0].partition(" (")[0]
            is_class = issubclass(kind, type) and said.startswith("class ")
            whole = name in saved.failures or is_class or said.endswith(kind.__name__)
            what = f"`{name}`" if whole else f"a part of `{name}`"
            why = listing(distinct(lines), 3)
            self.say(f"{what} cannot be saved: {why}; a placeholder is kept for it")

    def _note_write_error(self, error: PodError) -> None:
        """Called in the writer's thread: told after the next cell, in the cell's own output."""
        if isinstance(error, DamagedError):
            self._left_out.append(str(error))
        else:
            self._write_error = str(error)

    def _report_writing(self) -> None:
        if trouble := self._upkeep.trouble():
            self.warn(f"retention does not work: {trouble}")
        left_out, self._left_out = self._left_out, []
        for each in left_out:
            self.warn(each)
        error, self._write_error = self._write_error, ""
        if error:
            self.write_trouble = error
            self._stuck = self.store.history.pending_times()
            self.warn(
                f"nothing can be written: {error.rstrip('.')}. What was saved is kept in memory "
                "and written as soon as that works again"
            )
        elif self.write_trouble and self._stuck.isdisjoint(self.store.history.pending_times()):
            self.write_trouble = ""
            self.say("writing works again, and nothing was left out")

    # --- telling

    def say(self, text: str) -> None:
        """One line of information, on stdout."""
        print(f"pod: {plain(text)}")

    def warn(self, text: str) -> None:
        """One line of trouble, on stderr."""
        print(f"pod: {plain(text)}", file=sys.stderr)

    @observe("track_random")
    def _at_once(self, change: Any) -> None:
        if hasattr(self, "session"):
            self.session.track_random = change["new"]

    @observe(
        "pod_dir", "tracking", "background", "podding", "compression_level", "snapshot",
        "active_filter", "known_bytes",
    )  # fmt: skip
    def _late(self, change: Any) -> None:
        if hasattr(self, "session"):
            self.say(f"{change['name']} takes effect with %reload_ext pod")


def load(shell: InteractiveShell) -> None:
    """Load the extension into a shell; trouble is a `UsageError`, which shows as one line."""
    from pod.jupyter.completion import install_completers
    from pod.jupyter.magics import PodMagics

    with uninterrupted() as gate:
        if shell in _extensions:
            return
        gate.let_in()
        try:
            extension = PodExtension(shell)
        except PodError as error:
            why = plain(f"Pod is not loaded, and nothing has changed: {error}")
            raise UsageError(why) from None
        gate.open = False
        extension.attach()
        _extensions[shell] = extension
        _configurables(shell).append(extension)
        shell.register_magics(PodMagics(shell, extension))
        install_completers(shell, extension)
        install_tracebacks(shell)
        cell = Cell(code="%load_ext pod", message="what was there when Pod was loaded")
        extension._save(cell, gate)


def _configurables(shell: InteractiveShell) -> list[Any]:
    """What `%config` lists."""
    return shell.configurables


def unload(shell: InteractiveShell) -> None:
    """Take the extension out of a shell again."""
    from pod.jupyter.completion import remove_completers
    from pod.jupyter.magics import remove_magics

    extension = _extensions.get(shell)
    if extension is None:
        return
    with uninterrupted() as gate:
        if extension.autosave:
            cell = Cell(message="before Pod was unloaded")
            extension._save(cell, gate, only_if_changed=True)
        del _extensions[shell]
        extension.detach()
        if extension in _configurables(shell):
            _configurables(shell).remove(extension)
        remove_magics(shell)
        remove_completers(shell)
        remove_tracebacks(shell)
        gate.let_in()
        extension.close()
