"""The `pod` command: a pod directory seen from a terminal, and Pod switched on for a whole server.

What a command shows is made by the library, as it is for the magics. Here are only the arguments,
the way out to the terminal and the exit status: 0 fine, 1 an error or damage, 2 a wrong call, 130
interrupted, 141 nobody reads the output any more.

Only `tag`, `gc`, `trust`, `enable` and `disable` write anything. Only `diff --values` unpickles,
and only what the user saved or trusts. What is printed may come from somebody else's pod directory,
so it goes out through `pod.terminal`.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pod.errors import PodError, StorageError, UnknownVariableError
from pod.terminal import Progress, abandon_output, complain, prepare, print_json, say

# What a command needs is imported when it runs, so that `pod --help` waits for none of it.
if TYPE_CHECKING:
    from pod.library import PodStore

SHOWN_COMMITS = 30
_INTERRUPTED, _NO_READER = 130, 141
_TIMES = "a time reference: a time id such as 3, HEAD (the newest), HEAD~2, or a tag"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit status. Raises SystemExit for help and wrong calls, as argparse
    does."""
    prepare()
    try:
        try:
            options = _parse(arguments)
            status: int = options.run(options)
        finally:
            # After an interrupt perhaps nobody reads what is left, and this would wait for ever.
            if sys.stdout is not None and not isinstance(sys.exception(), KeyboardInterrupt):
                sys.stdout.flush()
    except KeyboardInterrupt:
        abandon_output()
        return _INTERRUPTED
    except BrokenPipeError:
        abandon_output()
        return _NO_READER
    except PodError as error:
        return _fail(str(error))
    except OSError as error:
        abandon_output()
        where = f": {error.filename}" if error.filename else ""
        return _fail(f"{error.strerror or error}{where}")
    return status


# The commands -------------------------------------------------------------------------------------


def _log(options: argparse.Namespace) -> int:
    limit = options.number
    if limit is None and not options.all and not options.json:
        limit = SHOWN_COMMITS
    with _opened(options) as store:
        commits, damaged = store.history.commits()
        seen = {name for one in commits for name in (*one.added, *one.changed, *one.removed)}
        unknown = [name for name in options.words if name not in seen]
        if unknown:
            raise UnknownVariableError(
                f"no time added, changed or removed {', '.join(unknown)}; "
                "pod log --all shows which variables there were"
            )
        cut = limit is not None and limit < len(commits) and not options.words
        note = f"{limit} of {len(commits)} times shown; pod log --all shows every one"
        log = store.log(options.words, limit=limit, note=note if cut else "")
    if options.json:
        for why in damaged.values():
            complain(why)
        print_json(log.to_json())
    else:
        say(str(log))
    return 0


def _diff(options: argparse.Namespace) -> int:
    from pod.history.diff import read_arguments

    with _opened(options) as store:
        a, b, names = read_arguments(store.history, options.words, store.head)
        if a is None:
            return _fail(f"time {b} is the first of its branch; name two times to compare")
        if options.values:
            # A notebook's kernel finds the modules that lie beside it; here they come last.
            sys.path.append(str(Path.cwd()))
        found = store.diff(a, b, names or None, values=options.values)
    if options.json:
        print_json(found.to_json())
        return 0
    say(str(found))
    if found.changed and not options.values:
        say("\npod diff --values shows what changed inside; it runs code from the pod directory")
    return 0


def _show(options: argparse.Namespace) -> int:
    from pod.history.show import CommitReport, VariableReport, show_commit, show_variable

    with _opened(options) as store:
        t = store.history.resolve(options.time, store.head)
        report: CommitReport | VariableReport = (
            show_commit(store.history, t, store.head)
            if options.name is None
            else show_variable(store.history, t, options.name)
        )
    _put(options, report)
    return 1 if report.trouble else 0


def _verify(options: argparse.Namespace) -> int:
    with _opened(options) as store, Progress("verifying") as progress:
        found = store.verify(progress)
    _put(options, found)
    return 0 if found else 1


def _tag(options: argparse.Namespace) -> int:
    with _opened(options) as store:
        t = store.tag(options.name, options.time)
    if options.json:
        print_json({"tag": options.name, "t": t})
    else:
        say(f"time {t} is tagged {options.name}")
    return 0


def _gc(options: argparse.Namespace) -> int:
    with _opened(options) as store:
        report = store.gc(
            keep_last=options.keep_last,
            keep_tagged=options.keep_tagged,
            keep_since=options.keep_since,
            max_size=options.max_size,
            dry_run=options.dry_run,
        )
    if options.json:
        print_json(dataclasses.asdict(report))
    else:
        say(str(report))
    return 0


def _trust(options: argparse.Namespace) -> int:
    from pod.history.trust import listed
    from pod.library import default_path

    options.pod_dir = options.directory or options.pod_dir
    if options.list and not options.pod_dir and not default_path().exists():
        _put(options, listed(None))
        return 0
    with _opened(options) as store:
        if options.list:
            _put(options, store.trusted())
        elif options.remove:
            _put(options, store.distrust(options.times))
        else:
            _put(options, store.trust(options.times))
    return 0


def _enable(options: argparse.Namespace) -> int:
    from pod import server

    change = server.enable(options.scope)
    notes = [
        f"but {one.overridden_by} wins over it and does not name Pod; run pod enable for that too"
        for one in server.status()
        if one.scope == options.scope and one.overridden_by is not None
    ]
    return _changed(options, change, notes)


def _disable(options: argparse.Namespace) -> int:
    from pod import server

    change = server.disable(options.scope)
    notes = [
        f"{one.path} still names Pod; pod disable --{one.scope} removes it there"
        for one in server.status()
        if one.enabled
    ]
    return _changed(options, change, notes)


def _changed(options: argparse.Namespace, change: Any, notes: list[str]) -> int:
    if options.json:
        record = dataclasses.asdict(change)
        print_json(record | {"path": str(change.path), "notes": notes})
    else:
        say("\n".join([str(change), *notes]))
    return 0


@contextlib.contextmanager
def _opened(options: argparse.Namespace) -> Iterator[PodStore]:
    """The pod directory of this call, which has to exist."""
    from pod.library import PodStore, default_path

    path = Path(options.pod_dir) if options.pod_dir else default_path()
    path = path.expanduser().absolute()
    if not path.exists():
        raise StorageError(
            f"there is no pod directory at {path}; name another with --pod-dir or $POD_DIR, or "
            "make one with %load_ext pod in a notebook"
        )
    with PodStore(path, create=False, background=False) as store:
        yield store


# Arguments ----------------------------------------------------------------------------------------


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    # argparse takes a list of words in one piece: `pod diff 3 --values df` leaves `df` over.
    if rest and (not hasattr(options, "words") or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.words += rest
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pod",
        description="The history of a notebook's namespace, as Pod keeps it in a pod directory.",
        epilog=f"T is {_TIMES}. Exit status: 0 fine, 1 an error or damage, 2 a wrong call.",
        parents=[_common()],
    )
    parser.add_argument("--version", action=_Version)
    parser.set_defaults(pod_dir=None, json=False)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Any, help: str) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name, help=help, description=f"{help}.", parents=[_common()],
            epilog=f"T is {_TIMES}." if name in {"diff", "show", "tag", "trust"} else None,
        )  # fmt: skip
        made.set_defaults(run=run)
        return made

    log = command("log", _log, "Show when what ran, and what it changed")
    log.add_argument(
        "-n", dest="number", type=_at_least_1, metavar="N", help="show the newest N times"
    )
    log.add_argument("--all", action="store_true", help=f"every time, not just {SHOWN_COMMITS}")
    log.add_argument(
        "words", nargs="*", metavar="name", help="only times that changed one of these variables"
    )

    diff = command("diff", _diff, "Show what differs between two times, and the code between")
    diff.add_argument(
        "--values", action="store_true",
        help="also load both versions and show what changed inside them: this runs code from the "
        "pod directory, so it has to be yours, or trusted (pod trust)",
    )  # fmt: skip
    diff.add_argument(
        "words", nargs="*", metavar="T_or_name",
        help="up to two times, then names of variables; default: HEAD~1 HEAD",
    )  # fmt: skip

    show = command("show", _show, "Show one time with its variables, or one variable and its past")
    show.add_argument("time", metavar="T", help="which time")
    show.add_argument("name", nargs="?", help="only this variable, and when it changed before")

    command("verify", _verify, "Read and re-hash everything, and name what is damaged")

    tag = command("tag", _tag, "Give a time a name")
    tag.add_argument("name", metavar="NAME", help="letters, digits, '.', '_' and '-'")
    tag.add_argument("time", nargs="?", default="HEAD", metavar="T", help="default: HEAD")

    gc = command("gc", _gc, "Remove times by a rule, and whatever no other time needs")
    gc.add_argument("--keep-last", type=_at_least_1, metavar="N", help="keep the newest N times")
    gc.add_argument(
        "--keep-tagged", action=argparse.BooleanOptionalAction,
        help="keep tagged times, and of the others only what another rule keeps; tagged ones stay "
        "anyway unless --no-keep-tagged is given",
    )  # fmt: skip
    gc.add_argument(
        "--keep-since", metavar="WHEN", help="keep what was saved since: 2026-01-31, or 7d, 12h"
    )
    gc.add_argument(
        "--max-size", metavar="SIZE",
        help="of what is kept, remove the oldest untagged times until the rest takes no more: 2GB",
    )  # fmt: skip
    gc.add_argument("--dry-run", action="store_true", help="only say what would be removed")

    trust = command(
        "trust", _trust, "Allow objects to be loaded from times that somebody else saved"
    )
    trust.add_argument(
        "directory", nargs="?", metavar="DIR",
        help="the pod directory, which is not written to; default: $POD_DIR, else ./.pod",
    )  # fmt: skip
    trust.add_argument(
        "--times", nargs="+", metavar="T", help="only these; default: all there are now"
    )
    what_to_do = trust.add_mutually_exclusive_group()
    what_to_do.add_argument("--list", action="store_true", help="only show what is trusted")
    what_to_do.add_argument("--remove", action="store_true", help="trust them no longer")

    for name, run, what in (
        ("enable", _enable, "Have kernels load Pod when they start"),
        ("disable", _disable, "Have kernels no longer load Pod"),
    ):
        scope = command(name, run, what).add_mutually_exclusive_group()
        for flag, whose in (
            ("sys-prefix", "the kernels of this Python environment (default)"),
            ("user", "your kernels, in every environment"),
            ("system", "the kernels of every user of this machine"),
        ):
            scope.add_argument(
                f"--{flag}", dest="scope", action="store_const", const=flag, default="sys-prefix",
                help=whose,
            )  # fmt: skip
    return parser


def _common() -> argparse.ArgumentParser:
    """Options for before and after the command; one that is not given sets nothing."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--pod-dir", metavar="DIR", help="default: $POD_DIR, else ./.pod")
    common.add_argument("--json", action="store_true", help="print JSON")
    return common


class _Version(argparse.Action):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"nargs": 0, "help": "print the version of Pod"})

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from pod import __version__

        say(f"pod {__version__}")
        parser.exit()


def _at_least_1(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number of times, at least 1")
    return int(word)


# Output -------------------------------------------------------------------------------------------


def _put(options: argparse.Namespace, report: Any) -> None:
    if options.json:
        print_json(report.to_json())
    else:
        say(str(report))


def _fail(message: str) -> int:
    complain(message)
    return 1


if __name__ == "__main__":
    sys.exit(main())
