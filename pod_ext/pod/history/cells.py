"""What the code of a cell reads and binds, as far as the code shows it. Runs nothing of it."""

from __future__ import annotations

import ast
import dis
import re
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from pod.quiet import quiet

_NAME = re.compile(r"[^\W\d]\w*")
_LOADS = frozenset({"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"})
_STORES = {"STORE_NAME": "store", "STORE_GLOBAL": "bind"}
_DELETES = frozenset({"DELETE_NAME", "DELETE_GLOBAL"})
_TEXT_MAGICS = frozenset({"time", "timeit", "prun", "capture", "debug"})
"""Magics whose text is code that runs in the namespace."""


@dataclass(slots=True)
class Uses:
    """What a piece of code uses. Where the code leaves it open, more is read and less is bound."""

    reads: set[str] = field(default_factory=set)
    """Names that are read, or deleted, before the code is sure to have bound them itself."""
    binds: set[str] = field(default_factory=set)
    """Names that it binds, if it comes to that."""
    surely: set[str] = field(default_factory=set)
    """Names that are bound by itself once it has run to its end."""
    defines: dict[str, set[str]] = field(default_factory=dict)
    """Name of a function or class -> what its code reads when it is called."""
    mentions: set[str] = field(default_factory=set)
    """Names in its strings, which may be code to a library."""
    magics: set[str] = field(default_factory=set)
    """Line and cell magics, without their percent signs; `!` for commands of the system's."""
    awaits: bool = False
    """Whether it awaits outside of any function."""
    broken: str = ""
    """Why it is not Python, or empty."""


@quiet()
def uses_of(code: str, transform: Callable[[str], str] = lambda text: text) -> Uses:
    """What a cell uses. `transform` makes Python of magics and commands, as IPython does."""
    uses = Uses()
    try:
        tree = ast.parse(transform(code))
        _Reader(uses, transform).block(tree.body, uses.surely)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        uses.broken = f"{type(error).__name__}: {error}"
    return uses


class _Reader:
    """Goes through statements in the order in which they run."""

    def __init__(self, uses: Uses, transform: Callable[[str], str]) -> None:
        self._uses = uses
        self._transform = transform
        self._unsure: set[str] = set()
        """Names that functions delete."""

    def block(self, statements: Iterable[ast.stmt], bound: set[str]) -> None:
        """Reads them one after the other; `bound` grows by what they are sure to bind."""
        for statement in statements:
            self._statement(statement, bound)

    def _statement(self, node: ast.stmt, bound: set[str]) -> None:
        if isinstance(node, ast.If):
            self._expression(node.test, bound)
            self._branches([node.body, node.orelse], bound)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            self._expression(node.iter, bound)
            once = set(bound)
            self._target(node.target, once)
            self._perhaps([*node.body, *node.orelse], once, bound)
        elif isinstance(node, ast.While):
            self._expression(node.test, bound)
            self._perhaps([*node.body, *node.orelse], set(bound), bound)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                self._expression(item.context_expr, bound)
                if item.optional_vars is not None:
                    self._target(item.optional_vars, bound)
            self.block(node.body, bound)
        elif isinstance(node, (ast.Try, ast.TryStar)):
            self._try(node, bound)
        elif isinstance(node, ast.Match):
            once = set(bound)
            self._simple(node, once)
            bound &= once
        elif not isinstance(node, (ast.Break, ast.Continue, ast.Pass)):
            self._simple(node, bound)
        if isinstance(node, (ast.AsyncFor, ast.AsyncWith)):
            self._uses.awaits = True

    def _branches(self, branches: Iterable[list[ast.stmt]], bound: set[str]) -> None:
        ends = []
        for branch in branches:
            ends.append(set(bound))
            self.block(branch, ends[-1])
        bound.clear()
        bound |= set.intersection(*ends)

    def _perhaps(self, statements: Iterable[ast.stmt], once: set[str], bound: set[str]) -> None:
        """Statements that may run any number of times; `once` is what is bound when they do."""
        self.block(statements, once)
        bound &= once

    def _try(self, node: ast.Try | ast.TryStar, bound: set[str]) -> None:
        # It may end anywhere: then only what it does not delete at all is sure to be there.
        before = bound - _deleted_in(node)
        self.block([*node.body, *node.orelse], bound)
        for handler in node.handlers:
            if handler.type is not None:
                self._expression(handler.type, set(before))
            self.block(handler.body, before | {handler.name or ""})
        if node.handlers:
            bound &= before
        self.block(node.finalbody, bound)

    def _expression(self, node: ast.expr, bound: set[str]) -> None:
        self._simple(ast.copy_location(ast.Expr(node), node), bound)

    def _target(self, node: ast.expr, bound: set[str]) -> None:
        value = ast.copy_location(ast.Constant(None), node)
        self._simple(ast.copy_location(ast.Assign([node], value), node), bound)

    def _simple(self, node: ast.stmt, bound: set[str]) -> None:
        """A statement that runs as a whole; what it binds is bound when it is over."""
        uses = self._uses
        module = ast.fix_missing_locations(ast.Module([node], []))
        code = compile(module, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        uses.awaits |= bool(code.co_flags & _COROUTINE)
        own = list(_names(code))
        inner = [each for nested in _nested(code) for each in _names(nested)]
        stored = {name for kind, name in own if kind in ("store", "bind")}
        deleted = {name for kind, name in own if kind == "delete"}
        called = {name for kind, name in inner if kind in ("load", "delete")}
        uses.reads |= ({name for kind, name in own if kind in ("load", "delete")} | called) - bound
        uses.binds |= stored | {name for kind, name in inner if kind == "bind"}
        bound |= stored
        self._unsure |= {name for kind, name in inner if kind == "delete"}
        bound -= deleted | self._unsure
        if inner:
            for name in stored:
                uses.defines.setdefault(name, set()).update(called)
        for each in ast.walk(node):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                uses.mentions.update(_NAME.findall(each.value[:10_000]))
            elif isinstance(each, ast.Call):
                self._call(each, bound)

    def _call(self, node: ast.Call, bound: set[str]) -> None:
        called = getattr(node.func, "attr", "")
        if called in ("system", "getoutput") and _is_shell(node.func):
            self._uses.magics.add("!")
        if called not in ("run_line_magic", "run_cell_magic") or not node.args:
            return
        texts = [each.value for each in node.args if isinstance(each, ast.Constant)]
        if not texts or not isinstance(texts[0], str):
            return
        self._uses.magics.add(texts[0])
        if texts[0] in _TEXT_MAGICS and isinstance(texts[-1], str):
            tree = ast.parse(self._transform(texts[-1]))
            self.block(tree.body, bound)


_COROUTINE = 0x0080


def _deleted_in(node: ast.AST) -> set[str]:
    """Names that are deleted somewhere inside, as that of an exception is after its handler."""
    found = {each.name or "" for each in ast.walk(node) if isinstance(each, ast.ExceptHandler)}
    return found | {
        each.id
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Del)
    }


def _is_shell(function: ast.expr) -> bool:
    value = getattr(function, "value", None)
    return isinstance(value, ast.Call) and getattr(value.func, "id", "") == "get_ipython"


def _names(code: types.CodeType) -> Iterator[tuple[str, str]]:
    """Names that code loads, deletes, stores where it runs, or binds in the namespace, and which
    of these it does."""
    for each in dis.get_instructions(code):
        if each.opname in _LOADS:
            yield "load", str(each.argval)
        elif each.opname in _STORES:
            yield _STORES[each.opname], str(each.argval)
        elif each.opname in _DELETES:
            yield "delete", str(each.argval)


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _nested(constant)
