"""The way out of the `pod` command: text, JSON, complaints and progress, on any terminal.

What is printed may come from somebody else's pod directory, so nothing goes out that could command
a terminal. Nothing here knows what a pod is.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import re
import sys
import time
from typing import Any

_COLOURS = {"+": "32", "-": "31", "~": "33", "✗": "31"}
# What the encoding of a terminal may lack; anything else that it lacks becomes a question mark.
_PLAIN = str.maketrans(
    {
        "●": "*", "◉": "@", "○": "o", "│": "|", "┆": ":", "─": "-", "┄": "-", "┼": "+", "├": "|",
        "╯": "'", "…": "...", "→": "->", "·": "|", "\u00d7": "x", "✗": "!", "“": '"', "”": '"',
    }
)  # fmt: skip
_PLAINER = "pod.plainer"


def _plainer(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = error.object[error.start : error.end].translate(_PLAIN)
    return "".join(char if char.isascii() else "?" for char in plain), error.end


codecs.register_error(_PLAINER, _plainer)


def prepare() -> None:
    """Have standard output and error take every character, also where the encoding lacks it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_PLAINER)


def print_json(raw: Any) -> None:
    print(json.dumps(raw, indent=1))


def say(text: str) -> None:
    """Print text, in colour on a terminal that has any, without what is not printable in it."""
    coloured = _has_colours()
    for line in text.split("\n"):
        clean = "".join(char if char.isprintable() else " " for char in line.expandtabs(4))
        code = _COLOURS.get(clean[:1]) if coloured and clean[1:2] == " " else None
        print(f"\033[{code}m{clean}\033[0m" if code else clean)


def _has_colours() -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") in (None, "dumb"):
        return False
    return sys.stdout is not None and sys.stdout.isatty()


def complain(message: str) -> None:
    """One line to standard error. Messages written for notebooks name magics."""
    message = re.sub(r" \(%pod_\w+ in a notebook\)", "", message)
    message = re.sub(r"%pod_(log|diff|tag|trust)\b", r"pod \1", message)
    clean = "".join(char if char.isprintable() else " " for char in message)
    print(f"pod: {' '.join(clean.split())}", file=sys.stderr)


def abandon_output() -> None:
    """Send what is still buffered nowhere, or the interpreter tries it again at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class Progress:
    """A line on the terminal that says how far it is, and is gone at the end."""

    _EVERY_SECONDS = 0.1
    _COLUMNS = 30

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._shown = sys.stderr is not None and sys.stderr.isatty()
        self._due = 0.0
        self._width = 0

    def __call__(self, done: int, total: int) -> None:
        """Called with the number of files done and of all files."""
        if not self._shown or time.monotonic() < self._due:
            return
        self._due = time.monotonic() + self._EVERY_SECONDS
        full = self._COLUMNS * done // max(total, 1)
        bar = "#" * full + "." * (self._COLUMNS - full)
        line = f"{self._verb} [{bar}] {done} of {total} files"
        self._width = max(self._width, len(line))
        print(f"\r{line:<{self._width}}", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            print(f"\r{'':<{self._width}}\r", end="", file=sys.stderr, flush=True)
