"""The line magics. Each one's docstring and arguments are its manual (`%pod_log -h`)."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display

from pod.errors import PodError, StorageError, UntrustedError
from pod.history.diff import read_arguments
from pod.history.log import Log, select
from pod.history.records import Commit
from pod.history.replay import plan
from pod.history.text import duration, listing, plain, size
from pod.jupyter.replay import Replay, is_agreed, plan_report
from pod.jupyter.reports import (
    Report,
    checkout_report,
    distinct,
    missed_report,
    verification_report,
)
from pod.session import Cell

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from pod.jupyter.extension import PodExtension

SHOWN_COMMITS = 30
MAGICS = (
    "pod_log", "pod_diff", "pod_checkout", "pod_status", "pod_save", "pod_undo", "pod_tag",
    "pod_trust", "pod_verify", "pod_gc",
)  # fmt: skip


class _HelpShown(Exception):
    """Ends a magic whose manual was asked for."""


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(parser.format_help())
        raise _HelpShown


def _with_help() -> Any:
    return argument("-h", "--help", action=_Help, nargs=0, help="Show this and do nothing.")


@magics_class
class PodMagics(Magics):
    """Looking at, and moving about in, the history of this kernel's namespace."""

    def __init__(self, shell: InteractiveShell, extension: PodExtension) -> None:
        super().__init__(shell)
        self._extension = extension

    @magic_arguments()
    @_with_help()
    @argument("-n", type=int, default=None, metavar="N", help="Show the newest N times.")
    @argument("--all", action="store_true", help="Every time, of other notebooks too.")
    @argument("--json", action="store_true", help="Print one JSON array of commits.")
    @argument("names", nargs="*", help="Only times that added, changed or removed one of these.")
    @line_magic
    def pod_log(self, line: str) -> None:
        """The history: when, what ran, how long, what it changed, and what it added to the store.

        Shows this notebook's times as a graph, newest first. `%pod_log df` tells when df changed.
        """
        return self._run(self.pod_log, line, self._log)

    def _log(self, options: Any) -> None:
        extension = self._extension
        store, session = extension.store, extension.session
        self._flush()
        notebook = session.notebook
        limit = options.n
        if limit is not None and limit < 1:
            raise UsageError("-n takes a number of times to show, at least 1")
        if limit is None and not options.all and not options.json:
            limit = SHOWN_COMMITS

        def is_own(commit: Commit) -> bool:
            return options.all or commit.notebook == notebook

        log = store.log(options.names, limit=limit, head=session.head, keep=is_own)
        if options.json:
            print(json.dumps(log.to_json(), indent=1))
            return
        if options.names and not log:
            where = "any notebook" if options.all else "this notebook; --all looks in every one"
            raise UsageError(f"{', '.join(options.names)}: not in the history of {where}")
        note = "; ".join(self._left_out(log, options, is_own))
        display(replace(log, note=f"{log.note}\n{note}".strip()))

    def _left_out(self, log: Log, options: Any, is_own: Callable[[Commit], bool]) -> list[str]:
        """What a log does not show, apart from what its names leave out."""
        commits, _ = self._extension.store.history.commits()
        own = [commit for commit in commits if is_own(commit)]
        older = len(select(own, options.names) if options.names else own) - len(log)
        others = len(commits) - len(own)
        found = []
        if older > 0:
            found.append(f"{older} older: %pod_log --all shows every one")
        if others > 0:
            found.append(f"{others} of other notebooks: %pod_log --all shows them too")
        return found

    @magic_arguments()
    @_with_help()
    @argument(
        "what", nargs="*", metavar="T_or_name",
        help="Up to two time references, then names of variables. Default: HEAD~1 HEAD.",
    )  # fmt: skip
    @argument("--json", action="store_true", help="Print the differences as one JSON object.")
    @line_magic
    def pod_diff(self, line: str) -> None:
        """What differs between two times: variables, what changed in them, and the code between.

        With one time reference, what changed from then to HEAD. Alters nothing.
        """
        return self._run(self.pod_diff, line, self._diff)

    def _diff(self, options: Any) -> None:
        store, head = self._extension.store, self._extension.session.head
        a, b, names = read_arguments(store.history, options.what, head)
        if a is None:
            display(Report(f"time {b} is the first of its branch; nothing is before it"))
            return
        try:
            found = store.diff(a, b, names or None)
        except UntrustedError as error:
            found = replace(store.diff(a, b, names or None, values=False), note=str(error))
        if options.json:
            print(json.dumps(found.to_json(), indent=1))
        else:
            display(found)

    @magic_arguments()
    @_with_help()
    @argument("time", metavar="T", help="A time reference: a time id, HEAD, HEAD~2, or a tag.")
    @argument(
        "names", nargs="*", default=[], help="Only these variables; the others, and HEAD, stay."
    )
    @argument(
        "--replay", nargs="+", default=[], metavar="NAME",
        help="Make these, which could not be saved, by running the cells that made them again.",
    )  # fmt: skip
    @argument("--yes", action="store_true", help="Run the cells without asking.")
    @line_magic
    def pod_checkout(self, line: str) -> None:
        """Take the namespace, or some variables, back (or forth) to how they were at time T.

        Whatever is not saved yet is saved first. The next cell then branches off from T. Variables
        that are the same at both times stay as they are. With --replay, shows which cells would run
        again, and asks.
        """
        return self._run(self.pod_checkout, line, self._checkout)

    def _checkout(self, options: Any) -> None:
        session = self._extension.session
        t = self._extension.store.history.resolve(options.time, session.head)
        if options.replay:
            self._replay(t, options)
            return
        done = session.checkout(t, options.names or None)
        display(checkout_report(done, session.head))

    def _replay(self, t: int, options: Any) -> None:
        session, shell = self._extension.session, self._extension.shell
        session.save(Cell(message=f"before %pod_checkout {t}"), only_if_changed=True)
        planned = plan(session.history, t, options.replay, shell.transform_cell)
        display(plan_report(planned))
        if planned.obstacles:
            raise UsageError(f"nothing has changed: {'; '.join(planned.obstacles)}")
        if not options.yes:
            agreed = is_agreed(shell)
            if agreed is None:
                display(Report("nothing has changed; add --yes to run them"))
            if not agreed:
                return
        replay = Replay(shell, session, planned)
        names = [*options.names, *options.replay] if options.names else None
        report = checkout_report(session.checkout(t, names, replay), session.head)
        made = listing(planned.names, 3)
        copies = tuple(
            ("a copy", f"{made} refers to another {name} than the one that is there now")
            for name in replay.copies
        )
        display(replace(report, lines=report.lines + copies))

    @magic_arguments()
    @_with_help()
    @line_magic
    def pod_undo(self, line: str) -> None:
        """Go back before the last cell: a checkout of the time before HEAD."""
        return self._run(self.pod_undo, line, self._undo)

    def _undo(self, options: Any) -> None:
        session, history = self._extension.session, self._extension.store.history
        head = history.resolve("HEAD", session.head)
        before = history.before(head)
        if before is None:
            display(Report(f"time {head} is the first of its branch; nothing is before it"))
            return
        done = session.checkout(before)
        display(checkout_report(done, session.head))

    @magic_arguments()
    @_with_help()
    @argument("-m", "--message", nargs="+", default=[], help="What to call this moment.")
    @line_magic
    def pod_save(self, line: str) -> None:
        """Save the namespace now, as a time id of its own; with a message, a named moment."""
        return self._run(self.pod_save, line, self._save)

    def _save(self, options: Any) -> None:
        message = " ".join(options.message).strip("\"'")
        saved = self._extension.save(Cell(message=message or "saved by hand"))
        if saved is not None:
            display(Report(f"saved as time {saved.t}"))

    @magic_arguments()
    @_with_help()
    @argument("-d", "--delete", action="store_true", help="Remove the tag; the time stays.")
    @argument("name", help="Letters, digits, '.', '_' and '-'.")
    @argument("time", nargs="?", default="HEAD", metavar="T", help="Default: HEAD.")
    @line_magic
    def pod_tag(self, line: str) -> None:
        """Give a time a name, which is a time reference from then on."""
        return self._run(self.pod_tag, line, self._tag)

    def _tag(self, options: Any) -> None:
        store, head = self._extension.store, self._extension.session.head
        if options.delete:
            store.untag(options.name)
            display(Report(f"tag {options.name} is removed"))
            return
        t = store.tag(options.name, store.history.resolve(options.time, head))
        display(Report(f"time {t} is tagged {options.name}"))

    @magic_arguments()
    @_with_help()
    @argument(
        "--live", action="store_true",
        help="Look at every variable now, and save what had changed without being touched.",
    )  # fmt: skip
    @line_magic
    def pod_verify(self, line: str) -> None:
        """Is everything on disk what was written? Re-hashes all of it, and names what is damaged.

        With --live, whether what is in memory is what was saved: see "Changes that are missed" in
        the documentation for how a variable can change unseen.
        """
        return self._run(self.pod_verify, line, self._verify)

    def _verify(self, options: Any) -> None:
        if options.live:
            display(missed_report(self._extension.session.save_missed()))
        else:
            display(verification_report(self._extension.store.verify()))

    @magic_arguments()
    @_with_help()
    @argument("--keep-last", type=int, metavar="N", help="Keep the newest N times.")
    @argument(
        "--keep-tagged", action=argparse.BooleanOptionalAction,
        help="Keep tagged times, and of the others only what another rule keeps. Tagged ones stay "
        "anyway unless --no-keep-tagged is given.",
    )  # fmt: skip
    @argument("--keep-since", metavar="WHEN", help="Keep what was saved since: 2026-01-31, or 7d.")
    @argument("--max-size", metavar="SIZE", help="Remove the oldest until the rest fits: 2GB.")
    @argument("--dry-run", action="store_true", help="Only say what would be removed.")
    @line_magic
    def pod_gc(self, line: str) -> None:
        """Remove times by a rule, and whatever no other time needs.

        A time stays if any rule keeps it; then --max-size removes the oldest untagged ones. The
        newest time, and where notebooks that are running are at, always stay. Without a rule, only
        what a crash left behind is removed.
        """
        return self._run(self.pod_gc, line, self._gc)

    def _gc(self, options: Any) -> None:
        report = self._extension.store.gc(
            keep_last=options.keep_last,
            keep_tagged=options.keep_tagged,
            keep_since=options.keep_since,
            max_size=options.max_size,
            dry_run=options.dry_run,
        )
        display(Report(str(report)))

    @magic_arguments()
    @_with_help()
    @line_magic
    def pod_status(self, line: str) -> None:
        """Where this namespace is saved, how far, and whether anything is wrong."""
        return self._run(self.pod_status, line, self._status)

    def _status(self, options: Any) -> None:
        extension = self._extension
        head = extension.session.head
        pending = extension.store.history.pending_times()
        lines = [
            ("pod directory", str(extension.store.path)),
            ("HEAD", "none" if head is None else str(head)),
            ("writing", f"{len(pending)} times on their way" if pending else "all is on disk"),
        ]
        try:
            lines += self._stored()
        except StorageError as error:
            lines.append(("cannot be read", str(error)))
        trouble = extension.store.signing_trouble()
        if trouble:
            lines.append(("not signed", trouble))
        if extension.save_trouble:
            lines.append(("not saved", extension.save_trouble))
        if extension.write_trouble:
            lines.append(("not written", extension.write_trouble))
        display(Report(_headline(extension), tuple(lines)))
        extension.report_landed()

    def _stored(self) -> list[tuple[str, str]]:
        """Status lines on what the pod directory holds."""
        extension = self._extension
        history, head = extension.store.history, extension.session.head
        commits, damaged = history.commits()
        lines = [
            ("times", f"{len(commits)}, {size(sum(commit.bytes for commit in commits))} in all"),
            ("autosave", "on" if extension.autosave else "off (%pod_save saves)"),
            ("tracking", _tracking(extension)),
        ]
        own = [commit for commit in commits if commit.session == extension.session.id]
        if own:
            waits = [commit.save_seconds for commit in own]
            lines.append(
                ("waited", f"{duration(sum(waits))} for {len(waits)} saves, "
                 f"at most {duration(max(waits))}")
            )  # fmt: skip
        if extension.exclude:
            lines.append(("never saved", ", ".join(extension.exclude)))
        variables = history.variables(history.commit(head)) if head is not None else {}
        lines += [
            ("placeholder in", f"{name}: {', '.join(distinct(entry.opaque)[:3])}")
            for name, entry in sorted(variables.items())
            if entry.opaque
        ]
        lines += [("damaged", why) for why in damaged.values()]
        untrusted = extension.store.standing().untrusted
        if untrusted:
            lines.append(
                ("not trusted", f"{len(untrusted)} times that you did not save cannot be loaded: "
                 f"{listing([str(t) for t in untrusted], 8)}. If you know where they come from: "
                 "%pod_trust")
            )  # fmt: skip
        return lines

    @magic_arguments()
    @_with_help()
    @argument("--remove", action="store_true", help="Trust them no longer.")
    @argument("--list", action="store_true", help="Only show what is trusted.")
    @argument("times", nargs="*", metavar="T", help="Only these times. Default: all there are.")
    @line_magic
    def pod_trust(self, line: str) -> None:
        """Allow times to be loaded that somebody else saved, as they are now.

        Loading runs code from the pod directory: do it only if you know where that comes from.
        Times that you saved need no such permission.
        """
        return self._run(self.pod_trust, line, self._trust)

    def _trust(self, options: Any) -> None:
        store, head = self._extension.store, self._extension.session.head
        if options.list:
            display(Report(str(store.trusted())))
            return
        times = [store.history.resolve(each, head) for each in options.times] or None
        display(Report(str(store.distrust(times) if options.remove else store.trust(times))))

    # --- shared

    def _flush(self) -> None:
        """So that what is shown has its sizes; when writing does not work, it is shown without."""
        with contextlib.suppress(PodError):
            self._extension.store.flush(timeout=10)

    def _run(self, magic: Any, line: str, act: Any) -> None:
        """Parse and act; Pod's own errors are shown as one line, without a traceback."""
        try:
            options = parse_argstring(magic, line)
        except _HelpShown:
            return
        except (UsageError, ValueError) as error:  # ValueError: a quotation mark without its pair
            raise UsageError(f"{error}; %{magic.__name__} -h shows what it takes") from None
        session = self._extension.session
        checkouts = session.checkouts
        try:
            self._extension.settle()
            act(options)
        except PodError as error:
            raise UsageError(plain(str(error))) from None
        except KeyboardInterrupt:
            what = "the namespace is as it was"
            if session.checkouts != checkouts:
                what = "the checkout was complete by then"
            raise UsageError(f"interrupted; {what}") from None


def _tracking(extension: PodExtension) -> str:
    way = extension.followed.way
    return way if extension.tracking == way else f"{extension.tracking} ({way})"


def _headline(extension: PodExtension) -> str:
    if extension.save_trouble:
        return "the last cell is not saved"
    if extension.write_trouble:
        return "what was saved is not on disk yet"
    return "every cell is saved" if extension.autosave else "saving by hand"


def remove_magics(shell: InteractiveShell) -> None:
    """Take the magics out of a shell again."""
    for name in MAGICS:
        shell.magics_manager.magics["line"].pop(name, None)
