"""Which names of a shell's namespace are variables of the user, and which are IPython's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

_OUTPUT_NAMES = ("_", "__", "___", "_oh", "Out")
_IPYTHON_NAMES = re.compile(
    r"_{1,3}|_\d+|_i{1,3}|_i\d+|_ih|_oh|_dh|In|Out|get_ipython|exit|quit|_exit_code"
    r"|__(name|doc|package|loader|spec|file|builtin|builtins|session|annotations|warningregistry)__"
    r"|__vsc_ipynb_file__"
)


_FIRST_LETTERS = frozenset("_IOgeq")


class UserNames:
    """Tells a variable to be saved from what is IPython's, or excluded by the user's patterns."""

    def __init__(self, hidden: Mapping[str, Any], exclude: Iterable[str]) -> None:
        self._hidden = hidden
        self.exclude = tuple(exclude)

    def __call__(self, name: str, value: object) -> bool:
        if name in self._hidden and self._hidden[name] is value:
            return False
        # Without this test first, every name of every save would go through the expression.
        if name[:1] in _FIRST_LETTERS and _IPYTHON_NAMES.fullmatch(name):
            return False
        return not (self.exclude and any(fnmatchcase(name, each) for each in self.exclude))


def output_names(numbers: Iterable[int]) -> set[str]:
    """Names by which a cell can reach any earlier output."""
    return {*_OUTPUT_NAMES, *(f"_{number}" for number in numbers)}


_POD_MAGIC = re.compile(
    r"%?pod_(log|diff|checkout|status|save|undo|tag|trust|verify|gc)\b(?!\s*(=|\(|\.|\[|,))"
    r"|%(load_ext|unload_ext|reload_ext)\s+pod\s*$"
    r"|%config\s+PodExtension\b"
)


def only_pod_magics(code: str) -> bool:
    """Whether a cell does nothing but look at, or move about in, the history."""
    lines = [line.strip() for line in code.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    return bool(lines) and all(_POD_MAGIC.match(line) for line in lines)
