"""What a cell reads and binds: against what really happens when it runs."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pod.history.cells import uses_of

SCALE = int(os.environ.get("POD_TEST_SCALE", "1"))
NAMES = ("a", "b", "c", "f", "g")


@pytest.mark.parametrize(
    ("code", "reads", "surely"),
    [
        ("a = b", {"b"}, {"a"}),
        ("a = 1\nb = a", set(), {"a", "b"}),
        ("a += 1", {"a"}, {"a"}),
        ("if a: b = 1\nelse: b = 2\nc = b", {"a"}, {"b", "c"}),
        ("if a: b = 1\nc = b", {"a", "b"}, {"c"}),
        ("for a in b: c = a\nc", {"b", "c"}, set()),
        ("while a: b = a", {"a"}, set()),
        ("with a as b: c = b", {"a"}, {"b", "c"}),
        ("try: a = 1\nexcept b: pass\na", {"a", "b"}, set()),
        ("try: a = 1\nfinally: b = 2\na", set(), {"a", "b"}),
        ("def f(x): return a + x", {"a"}, {"f"}),
        ("a = 1\ndef f(): return a", set(), {"a", "f"}),
        ("class f: b = a", {"a"}, {"f"}),
        ("[a for a in b if c]", {"b", "c"}, set()),
        ("(a := b)", {"b"}, {"a"}),
        ("del a", {"a"}, set()),
        ("a = 1\ndel a\na", {"a"}, set()),
        ("import os.path as a, sys", set(), {"a", "sys"}),
        ("match a:\n    case [b]: c = b\nb", {"a", "b"}, set()),
        ("f'{a}' + b.c", {"a", "b"}, set()),
        ("lambda: a", {"a"}, set()),
        ("def f():\n    global a\n    a = b", {"b"}, {"f"}),
    ],
)
def test_what_is_read_and_bound(code: str, reads: set[str], surely: set[str]) -> None:
    uses = uses_of(code)
    assert uses.broken == ""
    assert uses.reads & set(NAMES) == reads
    assert uses.surely == surely


def test_what_functions_read_is_kept_by_their_names() -> None:
    uses = uses_of("def f(x): return a + g(x)\nclass C:\n    def m(self): return b\nx = 1")
    assert uses.defines["f"] == {"a", "g"}
    assert "b" in uses.defines["C"]
    assert "x" not in uses.defines


def test_magics_commands_and_awaiting() -> None:
    def call(magic: str) -> str:
        return f"get_ipython().run_line_magic('{magic}', 'a = b')"

    assert uses_of(call("time")).reads >= {"b"}
    assert uses_of(call("time")).surely == {"a"}
    assert uses_of(call("other")).surely == set()
    assert uses_of(call("other")).magics == {"other"}
    assert uses_of("get_ipython().system('ls')").magics == {"!"}
    assert uses_of("await a").awaits
    assert uses_of("async with a: pass").awaits
    assert not uses_of("async def f(): await a").awaits
    assert uses_of("a = = 1").broken.startswith("SyntaxError")
    assert uses_of("frame.query('n > @limit')").mentions == {"n", "limit"}


# Programs made at random: reads may be more than what happens, what is sure may be less.

name = st.sampled_from(NAMES[:3])
value = st.one_of(
    name,
    st.builds(lambda n: f"[{n}]", name),
    st.just("1"),
    st.builds(lambda n: f"[{n} for {n} in [{n}]]", name),
    st.builds(lambda n, m: f"({n} := [{m}])", name, name),
    st.builds(lambda n: f"(lambda: {n})()", name),
    st.just("f(0)"),
)


def indented(block: list[str]) -> str:
    return "\n".join("    " + line for each in block for line in each.splitlines())


def compound(block: st.SearchStrategy[list[str]]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds(lambda v, b, c: f"if {v}:\n{indented(b)}\nelse:\n{indented(c)}", value, block,
                  block),
        st.builds(lambda n, v, b: f"for {n} in [{v}]:\n{indented(b)}", name, value, block),
        st.builds(lambda n, b: f"for {n} in []:\n{indented(b)}", name, block),
        st.builds(lambda b, c: f"try:\n{indented(b)}\nexcept ValueError:\n{indented(c)}", block,
                  block),
        st.builds(lambda b, c, n: f"try:\n{indented(b)}\n    raise ValueError\n"
                  f"except ValueError as {n}:\n{indented(c)}", block,
                  block, name),
        st.builds(lambda n, b: f"with suppress() as {n}:\n{indented(b)}", name, block),
        st.builds(lambda n, v: f"def f(x):\n    global {n}\n    {n} = {v.replace('f(0)', '2')}\n"
                  f"    return {n}", name, value),
        st.builds(lambda v: f"class g:\n    y = {v}", value),
    )  # fmt: skip


simple = st.one_of(
    st.builds(lambda n, v: f"{n} = {v}", name, value),
    st.builds(lambda n, v: f"{n}: int = {v}", name, value),
    st.builds(lambda v: v, value),
    st.builds(lambda n: f"del {n}", name),
    st.builds(lambda n: f"def f(x):\n    global {n}\n    del {n}", name),
)
program = st.lists(
    st.recursive(simple, lambda inner: compound(st.lists(inner, min_size=1, max_size=3))),
    min_size=1,
    max_size=6,
)


class Recorder(dict[str, Any]):
    """Records which names were read while they had the objects of the beginning."""

    def __init__(self, start: dict[str, Any]) -> None:
        super().__init__(start)
        self.start = start
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if value is self.start.get(key):
            self.read.add(key)
        return value

    def __delitem__(self, key: str) -> None:
        self[key]
        super().__delitem__(key)


@settings(max_examples=150 * SCALE)
@given(program)
def test_nothing_is_read_that_was_not_expected(statements: list[str]) -> None:
    code = "\n".join(statements)
    uses = uses_of(code)
    assert uses.broken == ""
    start = {"a": [1], "b": [2], "c": [3], "f": lambda x: x, "suppress": contextlib.nullcontext}
    ran = Recorder(start)
    try:
        exec(compile(code, "<test>", "exec"), ran)
        finished = True
    except Exception:  # a name that was deleted; reads up to there count
        finished = False
    assert ran.read & start.keys() <= uses.reads
    new = {key for key, value in ran.items() if value is not start.get(key)}
    assert new - {"__annotations__", "__builtins__"} <= uses.binds
    if finished:
        assert uses.surely <= ran.keys()
