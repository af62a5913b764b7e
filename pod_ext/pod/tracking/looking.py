"""The static check: does a cell only look?

A small interpreter walks over the cell's syntax tree and gives each expression what is known of its
value (`Kind`), starting from the live objects behind the names. It evaluates nothing and calls
nothing of any object's. As soon as it meets what is not known to only read, the answer is no.

A cell only looks when no object that was there before it can be another one now, and no variable
that it bound has anything in common with one (a view, an element, an iterator). Then what it
touched need not be examined. That it works is due to three things that hold together: it starts
from plain objects only (`plain.py`), it uses only what is named in tables (`harmless.py`), and so
it never runs code that is not known.

The names are looked up as they are after the cell. So a name that the cell binds is known by what
the cell assigned, and may not be read before that.
"""

from __future__ import annotations

import ast
import builtins
import collections
import re
import sys
import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pod.quiet import parse
from pod.tracking.aliases import is_users
from pod.tracking.genuine import (
    NOTHING,
    classes_of,
    comes_from,
    formats_by_itself,
    holds_scalars,
    in_class,
    in_instance,
    indexes_are_shared,
    is_data,
    pandas_classes,
    prints_by_itself,
)
from pod.tracking.harmless import (
    AGGREGATING,
    ATTRIBUTES,
    BUILTINS,
    CALLING,
    CHANGING_SOMEWHERE,
    EVALUATING,
    FUNCTIONS,
    KEEPING,
    METHODS,
    NEVER_GIVEN,
    SHALLOW,
    SHALLOW_ATTRIBUTES,
    Kind,
    Rule,
    Sharing,
)
from pod.tracking.plain import (
    MAPPINGS,
    SCALARS,
    SEQUENCES,
    Plain,
    is_known,
    is_scalar,
    library,
    module_of,
    package_of,
)

MAX_SOURCE = 4_000
"""Characters of a cell that is looked into; who writes more does more than look."""

_WORD = re.compile(r"[^\W\d]\w*")
_IPYTHON_S = re.compile(r"_+|_i*\d*|_oh|_ih|_dh|In|Out|exit|quit|get_ipython")

_WORTH_PARSING = re.compile(
    r"^\s*(?:async|await|class|def|del|global|match|nonlocal|raise|return|try|while|with)\b"
    r"|get_ipython|:=|\byield\b",
    re.MULTILINE,
)
"""What a cell that only looks has nowhere (but in a text, where it does no harm to say no)."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a cell did that only looked."""

    names: frozenset[str]
    """All that it can have touched."""
    bound: frozenset[str]
    """Those that it gave new objects."""
    draws: bool
    """Whether it drew into figures, which is harmless as long as no variable holds one."""


class Looking:
    """Tells cells that only look from others."""

    def __init__(self) -> None:
        self._plain = Plain()

    def forget(self) -> None:
        """Something may have changed that no cell told."""
        self._plain.forget()

    def look_of(self, source: str, values: dict[str, Any]) -> Look | None:
        """What a cell did if it only looked, else None. Never raises.

        Args:
            source: its code, already transformed to Python.
            values: the namespace after it.
        """
        look = None
        if len(source) <= MAX_SOURCE and _WORTH_PARSING.search(source) is None:
            try:
                # First what costs nothing: most cells that do more are told by their syntax.
                _Reader(values, self._plain.may_be_plain).look_of(source)
                look = _Reader(values, self._plain.is_plain).look_of(source)
            except Exception:  # `_Refused`, what cannot be parsed, a library in an odd state
                look = None
        if look is None:
            self._plain.forget()
        return look


def only_looks(source: str, values: dict[str, Any]) -> bool:
    """Whether a cell only looks; see `Looking.look_of`."""
    return Looking().look_of(source, values) is not None


class _Refused(Exception):
    """The cell does something that is not known to only read."""


@dataclass(frozen=True, slots=True)
class _Value:
    """What is known of the value of an expression."""

    kind: Kind
    sharing: Sharing = Sharing.EXISTING
    live: Any = NOTHING
    """The object, if there is one already."""
    rule: Rule | None = None
    """Of a function."""
    module: str = ""
    """Of a module its name, of a function that of the module that has it."""
    name: str = ""
    """Of a function."""


_SCALAR = _Value(Kind.SCALAR, Sharing.OWN)
_PLAIN = _Value(Kind.PLAIN)


class _Reader:
    """Reads one cell."""

    def __init__(self, values: dict[str, Any], is_plain: Callable[[object], bool]) -> None:
        self._values = values
        self._is_plain = is_plain
        self._bound: frozenset[str] = frozenset()
        self._env: dict[str, _Value] = {}
        self._sharing: dict[str, Sharing] = {}
        """What each name was bound to that has most in common with others."""
        self._later = 0
        """How deep the expression is in functions that run at a time that is not known."""
        self._draws = False
        self._examined: dict[int, bool] = {}
        self._checked = False

    def look_of(self, source: str) -> Look:
        tree = parse(source)
        names: set[str] = set()
        bound: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                names.add(node.id)
                if not isinstance(node.ctx, ast.Load):
                    bound.add(node.id)
            elif isinstance(node, ast.alias):
                bound.add(_bound_by(node))
            elif isinstance(node, ast.Constant) and type(node.value) is str:
                names.update(_WORD.findall(node.value))  # trackers take a formula's for names
        self._bound = frozenset(bound)
        if any(_IPYTHON_S.fullmatch(name) for name in bound):
            raise _Refused
        self._statements(tree.body)
        self._check_bound()
        return Look(frozenset(names | bound), frozenset(bound), self._draws)

    def _check_bound(self) -> None:
        """What the cell bound must be new, and nothing in it may be what was there before."""
        for name, sharing in self._sharing.items():
            value = dict.get(self._values, name)
            if is_scalar(value) or (sharing is not Sharing.EXISTING and holds_scalars(value)):
                continue
            if sharing is not Sharing.OWN or indexes_are_shared(value):
                raise _Refused

    # --- statements

    def _statements(self, nodes: Iterable[ast.stmt]) -> None:
        for node in nodes:
            self._statement(node)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr():
                self._shown(self._value(node.value))
            case ast.Assign():
                value = self._value(node.value)
                for target in node.targets:
                    self._bind(target, value)
            case ast.AugAssign(target=ast.Name(id=name) as target):
                before = self._env.get(name, _PLAIN)
                value = self._plain(self._value(node.value))
                if before.sharing is not Sharing.OWN:
                    raise _Refused  # it may be changed in place
                result = _operation([self._plain(before), value])
                self._bind(target, replace(result, sharing=min(result.sharing, value.sharing)))
            case ast.For(orelse=[]):
                elements = self._element(self._value(node.iter))
                target = node.target
                self._inside([target, *node.body], lambda: self._bind(target, elements))
            case ast.If():
                self._plain(self._value(node.test))
                self._inside(node.body)
                self._inside(node.orelse)
            case ast.Assert():
                self._plain(self._value(node.test))
                if node.msg is not None:
                    self._plain(self._value(node.msg))
            case ast.Import() | ast.ImportFrom(level=0):
                self._import(node)
            case ast.Pass() | ast.Break() | ast.Continue():
                pass
            case _:
                raise _Refused

    def _inside(self, body: Sequence[ast.AST], begin: Callable[[], None] | None = None) -> None:
        """Statements that run any number of times. What they bind is known in them only, unless it
        is something of the cell's own before, inside and after."""
        outside = self._env
        again = {
            node.id
            for each in body
            for node in ast.walk(each)
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        }
        kept = {
            name: _Value(Kind.PLAIN, Sharing.OWN)
            for name in again
            if name in outside and outside[name].sharing is Sharing.OWN
        }
        after = {name: value for name, value in outside.items() if name not in again} | kept
        self._env = dict(after)
        if begin is not None:
            begin()
        self._statements([each for each in body if isinstance(each, ast.stmt)])
        for name in kept:
            value = self._env[name]
            if value.sharing is not Sharing.OWN or value.kind not in _PLAIN_KINDS:
                raise _Refused
        self._env = after

    def _bind(self, target: ast.expr, value: _Value) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            element = self._element(value)
            for each in target.elts:
                self._bind(each, element)
            return
        if not isinstance(target, ast.Name) or value.kind is Kind.UNKNOWN:
            raise _Refused
        self._env[target.id] = value
        if not self._later:
            known = self._sharing.get(target.id, value.sharing)
            self._sharing[target.id] = min(known, value.sharing)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            bound = _bound_by(alias)
            if isinstance(node, ast.Import):
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                if alias.name not in FUNCTIONS or name not in sys.modules:
                    raise _Refused
                value = self._of_live(sys.modules[name])
            else:
                module = node.module or ""
                if module not in FUNCTIONS and f"{module}.{alias.name}" not in FUNCTIONS:
                    raise _Refused
                value = self._of_module(sys.modules[module], module, alias.name)
            if value.kind not in (Kind.MODULE, Kind.FUNCTION, Kind.TYPE, Kind.SCALAR):
                raise _Refused
            self._env[bound] = value
            if value.kind is not Kind.MODULE:
                # The very function that the module has: an atom.
                self._sharing[bound] = Sharing.OWN

    # --- values

    def _loaded(self, name: str) -> _Value:
        if name in self._env:
            value = self._env[name]
            if self._later and name in self._bound and value.kind is not Kind.SCALAR:
                # It may be bound anew by the time that this is run; all of it is plain.
                return _PLAIN if value.kind in _PLAIN_KINDS else _refuse()
            return value
        if name in self._bound or _IPYTHON_S.fullmatch(name):
            raise _Refused
        found = dict.get(self._values, name, NOTHING)
        if found is not NOTHING:
            return self._of_live(found)
        found = vars(builtins).get(name, NOTHING)
        if name in BUILTINS and found is _BUILTINS[name]:
            return _Value(
                Kind.FUNCTION, live=found, rule=BUILTINS[name], module="builtins", name=name
            )
        return self._of_live(found)

    def _of_live(self, value: Any) -> _Value:
        if is_scalar(value):
            return _Value(Kind.SCALAR, Sharing.OWN, value)
        kind = type(value)
        if kind is types.ModuleType:
            name = vars(value).get("__name__")
            if type(name) is str and sys.modules.get(name) is value:
                return _Value(Kind.MODULE, live=value, module=name)
        if kind in SEQUENCES:
            of = Kind.SET if kind in (set, frozenset) else Kind.SEQUENCE
            return _Value(of, live=value)
        if kind in MAPPINGS:
            return _Value(Kind.MAPPING, live=value)
        if kind is collections.defaultdict:
            return _Value(Kind.DEFAULTS, live=value)
        if kind is library("numpy", "ndarray"):
            return _Value(Kind.ARRAY, live=value)
        if kind in pandas_classes():
            return _Value(Kind.PANDAS, live=value)
        if kind is library("polars", "DataFrame") or kind is library("polars", "Series"):
            return _Value(Kind.POLARS, live=value)
        if kind is type:
            return _of_type(value)
        return _of_function(value) or _Value(Kind.UNKNOWN, live=value)

    def _of_module(self, module: types.ModuleType, path: str, name: str) -> _Value:
        found = vars(module).get(name, NOTHING)
        rule = FUNCTIONS.get(path, {}).get(name)
        if rule is not None:
            if not comes_from(found, package_of(path)) or is_users(path):
                raise _Refused
            kind = Kind.TYPE if type(found) is type else Kind.FUNCTION
            return _Value(kind, live=found, rule=rule, module=path, name=name)
        return self._of_live(found)

    def _plain(self, value: _Value) -> _Value:
        """This value, which has to be plain."""
        if value.kind is Kind.DEFAULTS:
            raise _Refused
        return self._shown(value) if value.kind in _PLAIN_KINDS else _refuse()

    def _shown(self, value: _Value) -> _Value:
        """This value, which is about to be shown, walked over, compared or the like."""
        if value.kind in (Kind.UNKNOWN, Kind.FUNCTION):
            raise _Refused
        if value.kind is not Kind.SCALAR:
            self._check_libraries()
        if value.live is NOTHING or value.kind in (Kind.SCALAR, Kind.MODULE, Kind.TYPE):
            return value
        key = id(value.live)
        if key not in self._examined:
            self._examined[key] = self._is_plain(value.live)
        return value if self._examined[key] else _refuse()

    def _given(self, value: _Value) -> _Value:
        """This value, which is about to be handed to something in the tables."""
        if value.kind is Kind.FUNCTION and value.rule is not None:
            self._draws = self._draws or value.rule.gives is Kind.DRAWN
        if value.kind in (Kind.FUNCTION, Kind.DRAWN, Kind.EXPRESSION, Kind.TYPE):
            return value
        return self._plain(value)

    def _value(self, node: ast.expr) -> _Value:
        handle = _EXPRESSIONS.get(type(node))
        if handle is None:
            raise _Refused
        return handle(self, node)

    def _constant(self, node: ast.Constant) -> _Value:
        return _Value(Kind.SCALAR, Sharing.OWN, node.value)

    def _name(self, node: ast.Name) -> _Value:
        return self._loaded(node.id)

    def _joined(self, node: ast.JoinedStr) -> _Value:
        for each in node.values:
            self._shown(self._value(each))
        return _SCALAR

    def _formatted(self, node: ast.FormattedValue) -> _Value:
        self._shown(self._value(node.value))
        if node.format_spec is not None:
            self._value(node.format_spec)
        return _SCALAR

    def _elements(self, node: ast.List | ast.Tuple | ast.Set) -> _Value:
        values = [self._value(each) for each in node.elts]
        if any(each.kind is Kind.EXPRESSION for each in values):
            return _Value(Kind.EXPRESSION)
        for each in values:
            if each.kind not in (Kind.TYPE, Kind.FUNCTION, Kind.DRAWN):
                self._plain(each)
            elif isinstance(node, ast.Set):
                raise _Refused
        kind = Kind.SET if isinstance(node, ast.Set) else Kind.SEQUENCE
        return _Value(kind, _of_parts(values))

    def _starred(self, node: ast.Starred) -> _Value:
        return self._element(self._value(node.value))

    def _dict(self, node: ast.Dict) -> _Value:
        values = [self._value(each) for each in node.values]
        keys = [self._value(each) for each in node.keys if each is not None]
        for each in (*keys, *values):
            if each.kind not in (Kind.TYPE, Kind.FUNCTION):
                self._plain(each)
        return _Value(Kind.MAPPING, _of_parts([*keys, *values]))

    def _binary(self, node: ast.BinOp) -> _Value:
        return self._operation(node.left, node.right)

    def _unary(self, node: ast.UnaryOp) -> _Value:
        return self._operation(node.operand)

    def _compare(self, node: ast.Compare) -> _Value:
        if all(isinstance(each, ast.Is | ast.IsNot) for each in node.ops):
            for each in (node.left, *node.comparators):
                self._value(each)
            return _SCALAR
        return self._operation(node.left, *node.comparators)

    def _operation(self, *nodes: ast.expr) -> _Value:
        values = [self._value(each) for each in nodes]
        if any(each.kind is Kind.TYPE for each in values):
            # Types that are known compare by what they are.
            if all(each.kind in (Kind.TYPE, Kind.SCALAR) for each in values):
                return _SCALAR
            for each in values:
                if each.kind is not Kind.TYPE:
                    self._plain(each)
            return _PLAIN
        for each in values:
            if each.kind is not Kind.EXPRESSION:
                self._plain(each)
        return _operation(values)

    def _boolean(self, node: ast.BoolOp) -> _Value:
        return self._one_of([self._value(each) for each in node.values])

    def _conditional(self, node: ast.IfExp) -> _Value:
        self._plain(self._value(node.test))
        return self._one_of([self._value(node.body), self._value(node.orelse)])

    def _one_of(self, values: list[_Value]) -> _Value:
        for each in values:
            self._plain(each)
        sharing = min(each.sharing for each in values)
        kinds = {each.kind for each in values}
        return _Value(kinds.pop() if len(kinds) == 1 else Kind.PLAIN, sharing)

    def _subscript(self, node: ast.Subscript) -> _Value:
        base, key = self._value(node.value), self._value(node.slice)
        if base.kind is Kind.GROUPS:
            self._plain(key)
            return base
        if base.kind is Kind.DRAWN:
            self._plain(key)
            return base
        if base.kind in (Kind.INDEXER, Kind.ACCESSOR):
            self._plain(key)
            return _Value(Kind.PANDAS if base.kind is Kind.INDEXER else Kind.PLAIN)
        found = _element_at(base, key)
        if found is not NOTHING:
            return self._of_live(found)
        self._plain(base)
        if key.kind is not Kind.EXPRESSION:
            self._plain(key)
        if base.kind in (Kind.ARRAY, Kind.PANDAS, Kind.POLARS):
            return _Value(base.kind, Sharing.OWN if base.kind is Kind.POLARS else Sharing.EXISTING)
        if base.kind is Kind.SCALAR:
            return _SCALAR
        if base.kind in (Kind.SEQUENCE, Kind.MAPPING, Kind.PLAIN):
            return _Value(Kind.PLAIN, _of_part(base))
        raise _Refused

    def _slice(self, node: ast.Slice) -> _Value:
        for each in (node.lower, node.upper, node.step):
            if each is not None:
                self._plain(self._value(each))
        return _Value(Kind.PLAIN, Sharing.OWN)

    def _lambda(self, node: ast.Lambda) -> _Value:
        given = node.args
        if given.defaults or given.kw_defaults or given.kwonlyargs or given.vararg or given.kwarg:
            raise _Refused
        outside = self._env
        self._env = outside | {each.arg: _PLAIN for each in (*given.posonlyargs, *given.args)}
        bound, self._bound = self._bound, self._bound - {each.arg for each in given.args}
        self._later += 1
        self._shown(self._value(node.body))
        self._later -= 1
        self._env, self._bound = outside, bound
        return _Value(Kind.FUNCTION, rule=Rule(Kind.PLAIN, limit=0), name="lambda")

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> _Value:
        outside, bound = self._env, self._bound
        lazily = isinstance(node, ast.GeneratorExp)
        self._env = dict(outside)
        for position, each in enumerate(node.generators):
            if each.is_async:
                raise _Refused
            element = self._element(self._value(each.iter))
            if position == 0:
                self._later += lazily
            names = {n.id for n in ast.walk(each.target) if isinstance(n, ast.Name)}
            self._bound -= names
            sharing = dict(self._sharing)
            self._bind(each.target, element)
            self._sharing = sharing  # it binds no variable
            for test in each.ifs:
                self._plain(self._value(test))
        made = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        values = [self._given(self._value(each)) for each in made]
        self._later -= lazily
        self._env, self._bound = outside, bound
        if any(each.kind is Kind.EXPRESSION for each in values):
            return _Value(Kind.EXPRESSION)
        if any(each.kind not in _PLAIN_KINDS for each in values):
            raise _Refused
        return _Value(
            _COMPREHENSIONS[type(node)], Sharing.EXISTING if lazily else _of_parts(values)
        )

    def _element(self, value: _Value) -> _Value:
        """What walking over a value gives."""
        if value.kind is Kind.DRAWN:
            return value
        if value.kind is Kind.GROUPS:
            return _PLAIN
        if value.kind is Kind.SCALAR:
            return _SCALAR
        if value.kind in (Kind.TYPE, Kind.EXPRESSION):
            raise _Refused
        self._shown(value)
        if value.live is not NOTHING and (value.kind is Kind.PANDAS or holds_scalars(value.live)):
            return _SCALAR
        return _Value(Kind.PLAIN, _of_part(value))

    def _item(self, value: _Value) -> _Value:
        """What `dict` puts in of a value: of a table its columns, not their names."""
        element = self._element(value)
        return _Value(Kind.PLAIN, _of_part(value)) if value.kind is Kind.PANDAS else element

    # --- attributes

    def _attribute(self, node: ast.Attribute) -> _Value:
        base = self._value(node.value)
        name = node.attr
        if base.kind is Kind.TYPE and name in ("__name__", "__qualname__", "__module__"):
            return _SCALAR
        if name.startswith("_"):
            raise _Refused
        if base.kind is Kind.MODULE:
            return self._of_module(base.live, base.module, name)
        if base.kind is Kind.UNKNOWN:
            found = in_instance(base.live, name)
            return self._of_live(found) if found is not NOTHING else _refuse()
        if base.kind is Kind.MAPPING and name == "get":
            self._shown(base)
            return _Value(Kind.FUNCTION)  # to be given to others, such as for a key
        if base.kind in (Kind.TYPE, Kind.FUNCTION):
            if base.live is not str or type(vars(str).get(name)) is not types.MethodDescriptorType:
                raise _Refused
            return _Value(Kind.FUNCTION)  # to be given to others
        if base.kind is Kind.SCALAR:
            return _Value(Kind.SCALAR)
        if base.kind in (Kind.ACCESSOR, Kind.EXPRESSION):
            if name in CALLING or name in CHANGING_SOMEWHERE:
                raise _Refused
            return _Value(Kind.PLAIN if base.kind is Kind.ACCESSOR else base.kind)
        self._check_genuine(base, name)
        rule = ATTRIBUTES.get(base.kind, {}).get(name)
        if rule is not None:
            if name not in SHALLOW_ATTRIBUTES:
                self._shown(base)
            return _Value(rule.gives, rule.sharing)
        if base.kind in (Kind.PANDAS, Kind.PLAIN, Kind.GROUPS) and is_data(name):
            self._shown(base)
            return _Value(base.kind)
        raise _Refused

    def _check_genuine(self, base: _Value, name: str) -> None:
        """That a library's method or attribute is what the library has made it, and that no
        instance has one of its own."""
        for package, classes in classes_of(base.kind).items():
            for each in classes:
                found = in_class(each, name)
                if found is not NOTHING and not comes_from(found, package):
                    raise _Refused
        if base.live is not NOTHING and base.kind is Kind.PANDAS:
            own = vars(base.live).get(name, NOTHING)
            # Pandas keeps accessors there, once it has made them.
            if own is not NOTHING and package_of(type(own).__module__) != "pandas":
                raise _Refused

    def _check_libraries(self) -> None:
        """That pandas shows, compares and looks up in its own ways, and NumPy shows in its."""
        if self._checked:
            return
        for each in pandas_classes():
            for name in _SPECIAL:
                found = in_class(each, name)
                if found is not NOTHING and not comes_from(found, "pandas", "builtins"):
                    raise _Refused
        if not formats_by_itself():
            raise _Refused
        self._checked = True

    # --- calls

    def _call(self, node: ast.Call) -> _Value:
        self._check_keywords(node)
        if isinstance(node.func, ast.Attribute):
            base = self._value(node.func.value)
            if base.kind not in (Kind.MODULE, Kind.TYPE, Kind.UNKNOWN):
                return self._method(base, node.func.attr, node)
        function = self._value(node.func)
        if function.kind is Kind.TYPE and function.live in _CALLED_TYPES:
            function = self._loaded_builtin(function.live)
        if function.rule is None or not function.name:
            raise _Refused
        return self._function(function, function.rule, node)

    def _loaded_builtin(self, kind: type) -> _Value:
        name = kind.__name__
        return _Value(Kind.FUNCTION, rule=BUILTINS[name], module="builtins", name=name)

    def _check_keywords(self, node: ast.Call) -> None:
        for each in node.keywords:
            if each.arg is None:
                raise _Refused
            is_false = isinstance(each.value, ast.Constant) and each.value.value is False
            if each.arg in NEVER_GIVEN and not is_false:
                raise _Refused

    def _function(self, function: _Value, rule: Rule, node: ast.Call) -> _Value:
        if function.name == "lambda":
            raise _Refused
        if len(node.args) > rule.limit or (
            rule.limit < 9 and any(isinstance(each, ast.Starred) for each in node.args)
        ):
            raise _Refused
        values = [self._value(each) for each in node.args]
        given = [*values, *(self._value(each.value) for each in node.keywords)]
        if function.module == "builtins":
            return self._builtin(function.name, rule, values, given)
        if rule.gives is Kind.DRAWN:
            self._draws = True
        for each in given:
            self._given(each)
        self._check_libraries()
        return _Value(rule.gives, rule.sharing)

    def _builtin(self, name: str, rule: Rule, values: list[_Value], given: list[_Value]) -> _Value:
        if name in SHALLOW:
            return self._shallow(name, rule, values, given)
        if name == "print" and not prints_by_itself():
            raise _Refused
        if name == "next" and values[0].kind is not Kind.ITERATOR:
            raise _Refused
        if name == "iter" and values[0].kind is Kind.ITERATOR:
            raise _Refused
        for each in given:
            if each.kind is Kind.FUNCTION:
                self._given(each)
            elif each.kind is Kind.DEFAULTS:
                self._shown(each) if name in KEEPING else _refuse()
            elif name == "print":
                self._shown(each)
            else:
                self._plain(each)
        if name in ("map", "filter"):
            return _Value(Kind.ITERATOR)
        if name == "dict":
            held = [self._item(each) for each in values[:1]]
            return _Value(rule.gives, _of_parts([*held, *given[len(values) :]]))
        if name in ("list", "tuple", "sorted", "set", "frozenset"):
            return _Value(rule.gives, _of_parts([self._element(each) for each in values[:1]]))
        return _Value(rule.gives, rule.sharing)

    def _shallow(self, name: str, rule: Rule, values: list[_Value], given: list[_Value]) -> _Value:
        if len(values) != len(given) or not values:
            raise _Refused
        if name == "id":
            return _SCALAR
        if name == "isinstance":
            self._check_types(values[1])
        elif len(values) != 1:
            raise _Refused
        if values[0].kind not in _PLAIN_KINDS:
            raise _Refused
        if values[0].kind is Kind.PANDAS:
            self._check_libraries()
        return _Value(rule.gives, rule.sharing)

    def _check_types(self, value: _Value) -> None:
        if value.kind is Kind.TYPE or (value.kind is Kind.FUNCTION and type(value.live) is type):
            return
        if (
            # A display of types, which are known; no live tuple is.
            value.kind is Kind.SEQUENCE and value.live is NOTHING
        ):
            return
        raise _Refused

    def _method(self, base: _Value, name: str, node: ast.Call) -> _Value:
        if name.startswith("_"):
            raise _Refused
        given = [self._value(each) for each in node.args]
        given += [self._value(each.value) for each in node.keywords]
        for each in given:
            self._given(each)
        if base.kind is Kind.SCALAR:
            return _SCALAR if name != "split" else _Value(Kind.SEQUENCE, Sharing.OWN)
        if base.kind is Kind.ACCESSOR:
            # A column can have the name of an accessor.
            return _PLAIN if name not in CHANGING_SOMEWHERE else _refuse()
        if base.kind is Kind.EXPRESSION:
            if name in CALLING or any(each.kind is Kind.FUNCTION for each in given):
                raise _Refused
            return base
        rule = METHODS.get(base.kind, {}).get(name)
        if rule is None or len(node.args) > rule.limit:
            raise _Refused
        if rule.limit < 9 and any(isinstance(each, ast.Starred) for each in node.args):
            raise _Refused
        self._check_genuine(base, name)
        if base.kind not in _PASSING:
            self._shown(base)
        if name in EVALUATING:
            _check_formula(node)
        if name in AGGREGATING and base.kind in (Kind.PANDAS, Kind.GROUPS, Kind.PLAIN):
            self._check_aggregation(node)
        if rule.gives is Kind.DRAWN:
            self._draws = True
        return _Value(rule.gives, rule.sharing)

    def _check_aggregation(self, node: ast.Call) -> None:
        """That whatever method this calls is given nothing to change its object with."""
        for each in node.keywords:
            is_named_result = not node.args and isinstance(each.value, ast.Tuple | ast.Constant)
            if not is_named_result and each.arg not in ("axis", "raw", "result_type", "na_action"):
                raise _Refused


# --- what is known of live objects, past all that could run code ----------------------------------

_PLAIN_KINDS = frozenset(
    {
        Kind.PLAIN, Kind.SCALAR, Kind.SEQUENCE, Kind.SET, Kind.MAPPING, Kind.ITERATOR, Kind.ARRAY,
        Kind.PANDAS, Kind.POLARS, Kind.DEFAULTS,
    }
)  # fmt: skip
_PASSING = frozenset(
    {Kind.DRAWN, Kind.GROUPS, Kind.POLARS_GROUPS, Kind.LAZY, Kind.LAZY_GROUPS, Kind.PLOTTER}
)
"""Kinds that only the cell itself can have made, of what was plain."""
_SPECIAL = ("__getitem__", "__getattr__", "__repr__", "_repr_html_", "__len__", "__iter__")
_BUILTINS = {name: vars(builtins)[name] for name in BUILTINS}
_CALLED_TYPES = frozenset(each for each in _BUILTINS.values() if isinstance(each, type))
_COMPREHENSIONS: dict[type, Kind] = {
    ast.ListComp: Kind.SEQUENCE,
    ast.SetComp: Kind.SET,
    ast.DictComp: Kind.MAPPING,
    ast.GeneratorExp: Kind.ITERATOR,
}
_EXPRESSIONS: dict[type, Callable[[_Reader, Any], _Value]] = {
    ast.Attribute: _Reader._attribute,
    ast.BinOp: _Reader._binary,
    ast.BoolOp: _Reader._boolean,
    ast.Call: _Reader._call,
    ast.Compare: _Reader._compare,
    ast.Constant: _Reader._constant,
    ast.Dict: _Reader._dict,
    ast.DictComp: _Reader._comprehension,
    ast.FormattedValue: _Reader._formatted,
    ast.GeneratorExp: _Reader._comprehension,
    ast.IfExp: _Reader._conditional,
    ast.JoinedStr: _Reader._joined,
    ast.Lambda: _Reader._lambda,
    ast.List: _Reader._elements,
    ast.ListComp: _Reader._comprehension,
    ast.Name: _Reader._name,
    ast.Set: _Reader._elements,
    ast.SetComp: _Reader._comprehension,
    ast.Slice: _Reader._slice,
    ast.Starred: _Reader._starred,
    ast.Subscript: _Reader._subscript,
    ast.Tuple: _Reader._elements,
    ast.UnaryOp: _Reader._unary,
}


def _refuse() -> _Value:
    raise _Refused


def _bound_by(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _of_parts(values: Sequence[_Value]) -> Sharing:
    """Of a new object with these elements."""
    own = all(each.sharing is Sharing.OWN for each in values)
    return Sharing.OWN if own else Sharing.NEW


def _of_part(whole: _Value) -> Sharing:
    return Sharing.OWN if whole.sharing is Sharing.OWN else Sharing.EXISTING


def _operation(values: Sequence[_Value]) -> _Value:
    """What an operator makes of these."""
    kinds = {each.kind for each in values}
    for kind in (Kind.EXPRESSION, Kind.PANDAS, Kind.POLARS, Kind.ARRAY):
        if kind in kinds:
            return _Value(kind, Sharing.EXISTING if kind is Kind.EXPRESSION else Sharing.OWN)
    if kinds == {Kind.SCALAR}:
        return _SCALAR
    return _Value(Kind.PLAIN, _of_parts(values))


def _element_at(base: _Value, key: _Value) -> Any:
    """The very element of a live container, where finding it runs no code of anyone's."""
    if base.live is NOTHING or key.live is NOTHING or key.kind is not Kind.SCALAR:
        return NOTHING
    kind = type(base.live)
    if kind in (list, tuple) and type(key.live) is int:
        return base.live[key.live] if -len(base.live) <= key.live < len(base.live) else NOTHING
    if kind is dict and type(key.live) in (str, int) and len(base.live) <= 20_000:
        return base.live.get(key.live, NOTHING) if set(map(type, base.live)) <= SCALARS else NOTHING
    return NOTHING


def _of_type(value: type) -> _Value:
    known = value in SCALARS or value in SEQUENCES or value in MAPPINGS
    if not known and not (package_of(module_of(value)) in _LIBRARIES and is_known(value)):
        return _Value(Kind.UNKNOWN, live=value)
    for path in ("pandas", "polars", "collections"):
        rule = FUNCTIONS[path].get(value.__name__)
        if rule is not None and library(path, value.__name__) is value:
            return _Value(Kind.TYPE, live=value, rule=rule, module=path, name=value.__name__)
    return _Value(Kind.TYPE, live=value)


_LIBRARIES = frozenset({"builtins", "numpy", "pandas", "polars"})


def _of_function(value: Any) -> _Value | None:
    """A function of the tables that the notebook has under a name of its own."""
    kind = type(value)
    if kind not in (types.FunctionType, types.BuiltinFunctionType):
        return None
    name = value.__name__
    if name == "display" and comes_from(value, "IPython"):
        rule = BUILTINS["print"]
        return _Value(Kind.FUNCTION, live=value, rule=rule, module="builtins", name="print")
    for path, rules in FUNCTIONS.items():
        if name in rules and library(path, name) is value and comes_from(value, package_of(path)):
            return _Value(Kind.FUNCTION, live=value, rule=rules[name], module=path, name=name)
    return None


def _check_formula(node: ast.Call) -> None:
    """A text that compares columns with constants, and neither calls nor assigns."""
    text = (
        node.args[0].value if len(node.args) == 1 and isinstance(node.args[0], ast.Constant) else 0
    )
    if type(text) is not str or "@" in text or "(" in text:
        raise _Refused
    if re.search(r"(?<![=!<>])=(?!=)", text) or node.keywords:
        raise _Refused
