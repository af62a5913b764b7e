"""Tab completion after Pod's magics: time references, tags and names of variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pod.errors import PodError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from pod.jupyter.extension import PodExtension

RECENT = 30


def look_at_namespace(shell: InteractiveShell, namespace: dict[str, Any]) -> None:
    """Let the completer find names and attributes in this dictionary."""
    completer = getattr(shell, "Completer", None)
    if completer is not None:
        completer.namespace = completer.global_namespace = namespace


def install_completers(shell: InteractiveShell, extension: PodExtension) -> None:
    for magic, completer in _completers(extension).items():
        for command in (f"%{magic}", magic):
            shell.set_hook("complete_command", completer, str_key=command)


def look_at_copies(shell: InteractiveShell, namespace: dict[str, Any]) -> None:
    """The completer, and jedi behind it, read every variable at every press of a key. Let them read
    a copy, so that only what code reads counts as touched. The next cell makes them let it go."""

    def look_at_a_copy(_: str) -> list[str]:
        look_at_namespace(shell, dict(dict.items(namespace)))
        return []

    shell.Completer.custom_matchers.insert(0, look_at_a_copy)


def remove_completers(shell: InteractiveShell) -> None:
    dispatchers = getattr(shell, "strdispatchers", {})
    table = getattr(dispatchers.get("complete_command"), "strs", {})
    for command in [key for key in table if key.lstrip("%").startswith("pod_")]:
        del table[command]
    matchers = shell.Completer.custom_matchers
    matchers[:] = [each for each in matchers if each.__module__ != __name__]


def _completers(extension: PodExtension) -> dict[str, Callable[[Any, Any], list[str]]]:
    def references() -> list[str]:
        history = extension.store.history
        times = [str(t) for t in reversed(history.times()[-RECENT:])]
        return [*sorted(history.repository.tags()), "HEAD", "HEAD~1", *times]

    def names_at(reference: str | None) -> list[str]:
        history = extension.store.history
        t = extension.session.head
        try:
            if reference is not None:
                t = history.resolve(reference, t)
            names = [] if t is None else sorted(history.variables(history.commit(t)))
            return [name for name in names if name.isprintable()]  # else no message to a frontend
        except PodError:
            return []

    def options(*known: str) -> Callable[[str], list[str]]:
        return lambda symbol: list(known) if symbol.startswith("-") else []

    def checkout(_: Any, event: Any) -> list[str]:
        words = _words_before(event)
        given = options("--replay", "--yes")(event.symbol)
        return given + (names_at(words[0]) if words else references())

    def diff(_: Any, event: Any) -> list[str]:
        words = _words_before(event)
        found = references() if len(words) < 2 else []
        return found + sorted({name for each in (None, *words[:2]) for name in names_at(each)})

    def log(_: Any, event: Any) -> list[str]:
        return options("-n", "--all", "--json")(event.symbol) + names_at(None)

    def tag(_: Any, event: Any) -> list[str]:
        return references() if _words_before(event) else []

    def verify(_: Any, event: Any) -> list[str]:
        return options("--live")(event.symbol)

    def gc(_: Any, event: Any) -> list[str]:
        rules = ("--keep-last", "--keep-tagged", "--no-keep-tagged", "--keep-since", "--max-size")
        return options(*rules, "--dry-run")(event.symbol)

    return {
        "pod_checkout": checkout, "pod_diff": diff, "pod_log": log, "pod_tag": tag,
        "pod_verify": verify, "pod_gc": gc,
    }  # fmt: skip


def _words_before(event: Any) -> list[str]:
    """Arguments given already, without the one that is being typed."""
    words: list[str] = event.line.split()[1:]
    if words and not event.line.endswith((" ", "\t")):
        words = words[:-1]
    return [word for word in words if not word.startswith("-")]
