"""The traceback of a placeholder in use: it ends in the user's code, not in Pod's refusal."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from pod.errors import OpaqueObjectError
from pod.podding import opaque

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_OURS = (OpaqueObjectError,)


def install_tracebacks(shell: InteractiveShell) -> None:
    """Leaves a handler of the user's own alone: IPython has room for one."""
    if not shell.custom_exceptions:
        shell.set_custom_exc(_OURS, _show)


def remove_tracebacks(shell: InteractiveShell) -> None:
    if shell.custom_exceptions == _OURS:
        shell.set_custom_exc((), None)


def _show(
    shell: InteractiveShell,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
    tb_offset: int | None = None,
) -> Any:
    lines = shell.InteractiveTB.structured_traceback(
        kind, error, _until_refusal(trace), tb_offset=tb_offset
    )
    shell._showtraceback(kind, error, lines)
    return lines


def _until_refusal(trace: TracebackType | None) -> TracebackType | None:
    frames = []
    while trace is not None and trace.tb_frame.f_code.co_filename != opaque.__file__:
        frames.append(trace)
        trace = trace.tb_next
    shown = None
    for each in reversed(frames):
        shown = TracebackType(shown, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return shown
