"""Which names of a shell's namespace are variables of the user, and which are IPython's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from pod.session.names import ByName, Newcomers

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
        self._exclude = tuple(exclude)
        self._by_name = ByName(self._is_users)
        self._newly_hidden = Newcomers()
        self._candidates: set[str] = set()
        """Hidden names that go by their objects."""

    @property
    def exclude(self) -> tuple[str, ...]:
        """Patterns of names that are not to be saved."""
        return self._exclude

    @exclude.setter
    def exclude(self, patterns: Iterable[str]) -> None:
        patterns = tuple(patterns)
        if patterns != self._exclude:
            self._exclude = patterns
            self._by_name = ByName(self._is_users)

    def __call__(self, name: str, value: object) -> bool:
        is_hidden = name in self._hidden and self._hidden[name] is value
        return not is_hidden and self._is_users(name)

    def left_out(self, found: Mapping[Any, object]) -> set[Any]:
        """As `pod.session.names.Rule`."""
        # IPython hides the inputs of all cells one by one, which their names tell already.
        self._candidates.update(
            name for name in self._newly_hidden.among(self._hidden) if not _is_ipythons(name)
        )
        hidden = self._hidden
        others = set(self._by_name.left_out(found))
        others.update(
            name
            for name in self._candidates
            if name in found and name in hidden and hidden[name] is found[name]
        )
        return others

    def _is_users(self, name: str, _: object = None) -> bool:
        if _is_ipythons(name):
            return False
        return not any(fnmatchcase(name, each) for each in self._exclude)


def _is_ipythons(name: str) -> bool:
    # Without this test first, every name would go through the expression.
    return name[:1] in _FIRST_LETTERS and _IPYTHON_NAMES.fullmatch(name) is not None


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
