"""Code of the user's that runs along with every cell, because it was registered with the shell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pod.tracking.aliases import is_users_code

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def runs_along(shell: InteractiveShell, namespace: dict[str, Any]) -> bool:
    """Whether a callback around cells, a transformer of their code, or what shows their results is
    the user's own."""
    return any(is_users_code(namespace, each) for each in _registered(shell))


def _registered(shell: InteractiveShell) -> Iterator[Any]:
    for callbacks in shell.events.callbacks.values():
        yield from callbacks
    yield from shell.ast_transformers
    formatter = shell.display_formatter
    if formatter is None:
        return
    yield formatter
    for each in formatter.formatters.values():
        yield each
        for printers in (each.type_printers, each.singleton_printers, each.deferred_printers):
            yield from printers.values()
