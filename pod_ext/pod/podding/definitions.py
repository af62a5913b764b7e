"""Classes and functions defined in the session: how they are named, taken apart and rebuilt.

A notebook's class is shared by everything made from it. If the edge to it connected components,
touching one instance would re-examine them all; so such an edge is a *token*, the commit says which
pods are behind a token at its moment, and the definition is examined on its own.

A definition is taken apart into *parts* that are pickled one after the other. The first makes the
bare object, the later ones fill it. So whatever refers back to the definition (methods through
`__class__`, attributes that are instances, recursion) finds it already there, and methods are in
place before any instance is built.
"""

from __future__ import annotations

import abc
import contextlib
import enum
import linecache
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pod.podding import models
from pod.podding.atoms import SINGLETONS, importable, is_static
from pod.podding.opaque import RefusedError
from pod.podding.rebuild import make_function, set_function_state, solid_base
from pod.podding.reducers.code import own_text

MAIN_MODULES = ("__main__", "__mp_main__")


def is_definition(obj: object) -> bool:
    """Whether `obj` is a class, or a plain top-level function, that lives only in this session."""
    if isinstance(obj, type):
        return not (is_static(obj) or importable(obj))
    return (
        type(obj) is types.FunctionType
        and obj.__closure__ is None
        and obj.__qualname__ == obj.__name__ == obj.__code__.co_name
        and obj.__name__.isidentifier()
        and obj.__module__ in MAIN_MODULES
    )


def may_be_definition(obj: object) -> bool:
    """Whether it is a class or a function, by its type alone: an object of the user's may answer
    `__class__` as it likes."""
    return may_be_kind_of_definition(type(obj))


def may_be_kind_of_definition(kind: type) -> bool:
    """Whether objects of this very type are classes or functions."""
    return kind is types.FunctionType or issubclass(kind, type)


class Tokens:
    """Which token names which live definition, for one namespace. Holds definitions weakly.

    A token is `module.qualname#n`, n counting up, so that running the same cells again gives the
    same tokens, and so the same bytes.
    """

    def __init__(self) -> None:
        self._by_id: dict[int, tuple[weakref.ref[Any], str]] = {}
        self._by_token: dict[str, weakref.ref[Any]] = {}
        self._count: dict[str, int] = {}
        self._minting = threading.Lock()
        self._above = 0
        self._ask: Callable[[], object] | None = None
        self._told: dict[int, str] = {}
        """By the `id` of a definition: the token that a copy of this process gave it."""
        self.minted: dict[str, Any] = {}
        """Token -> definition, of those named since `mint_apart`."""

    def token_of(self, definition: Any) -> str:
        known = self._by_id.get(id(definition))
        if known is not None and known[0]() is definition:
            return known[1]
        if self._ask is not None:
            ask, self._ask = self._ask, None
            ask()
        stem = f"{definition.__module__}.{definition.__qualname__}"
        told = self._told.pop(id(definition), "")
        if told.rpartition("#")[0] == stem and self.live(told) is None:
            self.adopt(told, definition)
            return told
        with self._minting:
            token = f"{stem}#{max(self._count.get(stem, 0), self._above) + 1}"
            self.adopt(token, definition)
        if self._above:
            self.minted[token] = definition
        return token

    def take_over(self) -> None:
        """In a copy of this process: another thread may have held the lock."""
        self._minting = threading.Lock()

    def mint_apart(self, t: int, ask: Callable[[], object]) -> None:
        """In a copy of this process: mint tokens that no other copy does, nor the original. `ask`
        is called before the first one, to hear of those that earlier copies have minted."""
        self.take_over()
        self._above = t * 1_000_000
        self._ask = ask

    def hear(self, minted: Iterable[tuple[str, int]]) -> None:
        """Take over the tokens that a copy of this process has given, by the `id` of each
        definition. One that took the place of another in memory, of the same module and name, takes
        over its token as well, which nothing else that lives has."""
        for token, key in minted:
            self.reserve((token,))
            if len(self._told) < _REMEMBERED:
                self._told[key] = token

    def adopt(self, token: str, definition: Any) -> None:
        """Let `token` name `definition` from now on, as after a checkout."""
        self.reserve((token,))
        displaced = self.live(token)
        if displaced is not None and displaced is not definition:
            del self._by_id[id(displaced)]  # it gets a token of its own when it is met again
        reference = weakref.ref(definition)
        self._by_token[token] = reference
        # Last: an interrupt in between leaves a number out, and nothing half named.
        self._by_id[id(definition)] = (reference, token)

    def reserve(self, tokens: Iterable[str]) -> None:
        """Never mint these tokens: a commit uses them."""
        for token in tokens:
            stem, _, number = token.rpartition("#")
            self._count[stem] = max(self._count.get(stem, 0), int(number))

    def live(self, token: str) -> Any | None:
        reference = self._by_token.get(token)
        return None if reference is None else reference()


_REMEMBERED = 10_000


# --- taking apart -------------------------------------------------------------------------------


def parts_of(definition: Any) -> tuple[Any, ...]:
    """What a definition is made of, first the bare object, then what fills it. `RefusedError` if it
    can only be made by running its cell."""
    if isinstance(definition, type) and (reason := refusal(definition)):
        raise RefusedError(reason)
    if isinstance(definition, enum.EnumMeta):
        return _enum_parts(definition)
    if isinstance(definition, type):
        return _class_parts(definition)
    return (("function", *function_arguments(definition)), function_state(definition))


def refusal(cls: type) -> str:
    """Why a class of the session's cannot be saved; empty if it can, as far as that is known."""
    if is_written_in_c(cls):
        return "a type of an extension that is not found by its name"
    if not _MAPPED.isdisjoint(attributes_of(cls)):
        return "SQLAlchemy maps it to a table when its cell runs"
    needed = (type(cls), *bases_of(cls))
    return next((why for each in needed if not _is_found(each) and (why := refusal(each))), "")


def is_written_in_c(cls: type) -> bool:
    return is_static(cls) or any(
        type(value) in _WRITTEN_IN_C and value.__objclass__ is cls
        for value in attributes_of(cls).values()
    )


def _is_found(cls: type) -> bool:
    return importable(cls) or id(cls) in SINGLETONS


# What a class is, whatever its metaclass answers.
bases_of: Callable[[type], tuple[type, ...]] = vars(type)["__bases__"].__get__
attributes_of: Callable[[type], Mapping[str, Any]] = vars(type)["__dict__"].__get__
qualname_of: Callable[[Any], str] = vars(type)["__qualname__"].__get__

_MAPPED = frozenset({"_sa_class_manager", "_sa_registry"})
_WRITTEN_IN_C = (types.WrapperDescriptorType, types.MethodDescriptorType)


def function_arguments(function: types.FunctionType) -> tuple[Any, ...]:
    name = own_text(function.__name__)
    return function.__code__, function.__globals__, name, function.__closure__


def function_state(function: types.FunctionType) -> dict[str, Any]:
    """Everything of a function that can be set after it exists, what is at its default left out."""
    state: dict[str, Any] = {
        "__module__": _own(function.__module__),
        "__qualname__": own_text(function.__qualname__),
        "__defaults__": function.__defaults__,
        "__kwdefaults__": function.__kwdefaults__,
        "__dict__": function.__dict__,
        "__doc__": function.__doc__,
        "__annotations__": function.__annotations__,
        "__type_params__": getattr(function, "__type_params__", ()),
    }
    state = {name: value for name, value in state.items() if value}
    if function.__closure__:
        state["cells"] = tuple((cell, *_contents(cell)) for cell in function.__closure__)
    return state


# A pickle refers back to a string that it has seen as the same object, so the bytes would depend on
# which names happen to be one object. Hence every name that the interpreter interns is pickled as a
# string of its own.


def _own(name: Any) -> Any:
    return own_text(name) if type(name) is str else name


def _named(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {_own(name): value for name, value in attributes.items()}


def _contents(cell: types.CellType) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # an empty cell
        return ()


_BARE = ("__module__", "__qualname__", "__slots__")
_NEVER = frozenset(
    {
        "__dict__", "__weakref__", "__doc__", "_abc_impl", "__abstractmethods__",
        "__slotnames__",  # what `copyreg` notes when an instance is pickled
        *_BARE,
    }
)  # fmt: skip
_CODE = (
    types.FunctionType,
    classmethod,
    staticmethod,
    property,
)


def _class_parts(cls: type) -> tuple[Any, ...]:
    attributes = dict(cls.__dict__)
    bare = {name: attributes[name] for name in _BARE if name in attributes}
    bare["__module__"] = _own(bare.get("__module__"))
    bare["__qualname__"] = own_text(cls.__qualname__)
    bare["__doc__"] = cls.__doc__
    rest = {
        name: value
        for name, value in attributes.items()
        if name not in _NEVER and not _is_slot_descriptor(cls, value)
    }
    for name in [name for name in rest if _only_in_the_body(cls, name)]:
        bare[name] = rest.pop(name)
    for name in _IMMOVABLE & rest.keys():
        rest = {name: rest.pop(name), **rest}
    methods = {name: value for name, value in rest.items() if isinstance(value, _CODE)}
    data = {name: value for name, value in rest.items() if name not in methods}
    described = own_text(cls.__name__), cls.__bases__, bare
    if models.is_struct(cls):
        first: tuple[Any, ...] = ("struct", *described, *models.struct_parts(cls))
    else:
        first = ("class", type(cls), *described)
    return (
        first,
        {"attributes": _named(methods), "abstract": [_own(name) for name in _abstract(cls)]},
        {
            "attributes": _named(data),
            "registered": _virtual_subclasses(cls),
            "order": [_own(name) for name in rest],
        },
    )


_IMMOVABLE = frozenset({"__type_params__"})
"""Attributes that cannot be set anew in the order of the class's body, so they come first."""

_SETTABLE = frozenset({"__annotations__", "__type_params__"})


def _only_in_the_body(cls: type, name: str) -> bool:
    """Whether setting this attribute later would set something of the class itself, or of its
    metaclass: a property named `__class__`, or one that the metaclass has a property for."""
    if name in _SETTABLE:
        return False
    metaclass: type = type(cls)
    found = next((b.__dict__[name] for b in metaclass.__mro__ if name in b.__dict__), None)
    return hasattr(type(found), "__set__")


def _abstract(cls: type) -> list[str]:
    if not isinstance(cls, abc.ABCMeta):
        return []
    return sorted(cls.__abstractmethods__)


def _is_slot_descriptor(cls: type, value: object) -> bool:
    return isinstance(value, types.MemberDescriptorType | types.GetSetDescriptorType) and (
        value.__objclass__ is cls
    )


def _virtual_subclasses(cls: type) -> tuple[type, ...]:
    """What was `register`ed with an abstract base class of the session."""
    if not isinstance(cls, abc.ABCMeta):
        return ()
    registry, *_ = abc._get_dump(cls)  # type: ignore[attr-defined]  # the only way to see it
    known = [sub for reference in registry if (sub := reference()) is not None]
    return tuple(sorted(known, key=lambda sub: (sub.__module__, sub.__qualname__)))


_ENUM_MADE = frozenset(
    {
        "_generate_next_value_", "_member_names_", "_value2member_map_",
        "_unhashable_values_", "_unhashable_values_map_", "_hashable_values_", "_member_type_",
        "_value_repr_", "_use_args_", "_new_member_", "_flag_mask_", "_all_bits_", "_boundary_",
        "_singles_mask_", "_inverted_", "_numeric_repr_", "__new__", "__new_member__", "__doc__",
        "__reduce_ex__", "__or__", "__and__", "__xor__", "__ror__", "__rand__", "__rxor__",
        "__invert__", "__firstlineno__", "__static_attributes__",
    }
)  # fmt: skip
"""What the enum machinery puts into a class itself; the user's own are told by their origin."""


def _enum_parts(cls: Any) -> tuple[Any, ...]:
    members = cls.__members__
    attributes = {
        name: value
        for name, value in cls.__dict__.items()
        if name not in members
        and name != "_member_map_"
        and name not in _NEVER
        and not (name in _ENUM_MADE and not _defined_with(cls, value))
        and not _is_slot_descriptor(cls, value)
        and not isinstance(value, enum.property)
    }
    if _has_new(cls):
        attributes["_new_member_"] = cls._new_member_
    values = tuple(
        (own_text(name), member.value, *_made_of(cls, member)) for name, member in members.items()
    )
    kept = {
        own_text(member.name): {
            own_text(k): v for k, v in vars(member).items() if k not in _MEMBER_MADE
        }
        for member in cls
        if member.name is not None
    }
    bare = {
        "__module__": _own(cls.__module__),
        "__qualname__": own_text(cls.__qualname__),
        "__doc__": cls.__doc__,
    }
    return (
        ("enum", type(cls), own_text(cls.__name__), cls.__bases__, bare, values),
        {
            "attributes": _named(dict(sorted(attributes.items()))),
            "members": {name: own for name, own in kept.items() if own},
        },
    )


def _made_of(cls: Any, member: Any) -> tuple[Any, ...]:
    """What the type that is mixed in makes a member of, if a `__new__` of the session's does."""
    if not _has_new(cls):
        return ()
    reduced: Any = object.__reduce_ex__(member, 2)
    return (tuple(reduced[1][1:]),)


def _has_new(cls: Any) -> bool:
    return type(cls._new_member_) is types.FunctionType and not importable(cls._new_member_)


_MEMBER_MADE = frozenset({"_value_", "_name_", "__objclass__", "_sort_order_", "_inverted_"})


def _defined_with(cls: type, value: object) -> bool:
    """Whether a function was written in the body of `cls`, and not put there by its metaclass."""
    function = getattr(value, "__func__", value)
    return (
        isinstance(function, types.FunctionType)
        and function.__module__ == cls.__module__
        and function.__qualname__.startswith(cls.__qualname__ + ".")
    )


# --- rebuilding ---------------------------------------------------------------------------------


def make_bare(part: tuple[Any, ...]) -> Any:
    """The bare object that the first part of a definition describes."""
    kind, *arguments = part
    if kind == "function":
        return make_function(*arguments)
    if kind == "enum":
        return _make_enum(*arguments)
    if kind == "struct":
        return models.make_struct(*arguments)
    return _make_class(*arguments)


def fill(definition: Any, part: dict[str, Any]) -> None:
    """Set what a later part holds on the bare object."""
    if type(definition) is types.FunctionType:
        set_function_state(definition, part)
        return
    for name, value in part["attributes"].items():
        # Not through the metaclass, whose __setattr__ may be the user's.
        type.__setattr__(definition, name, value)
    if isinstance(definition, abc.ABCMeta) and "abstract" in part:
        definition.__abstractmethods__ = frozenset(part["abstract"])
    for subclass in part.get("registered", ()):
        definition.register(subclass)
    for name in part.get("order", ()):
        # Methods were set before data; now everything stands as in the class's body again.
        value = vars(definition)[name]
        with contextlib.suppress(TypeError):  # a few of the interpreter's own stay where they are
            type.__delattr__(definition, name)
            type.__setattr__(definition, name, value)
    for name, own in part.get("members", {}).items():
        vars(definition.__members__[name]).update(own)
    if "__pydantic_generic_metadata__" in part["attributes"]:
        models.complete_model(definition, part["order"])


class _Quiet:
    """First base of a class being rebuilt, so that no user's `__init_subclass__` runs again."""

    __slots__ = ()

    def __init_subclass__(cls, **_: Any) -> None:
        pass


class _QuietWithDict:
    """The same for bases with an instance dictionary: Python exchanges bases of one layout only."""

    __init_subclass__ = _Quiet.__dict__["__init_subclass__"]


def _make_class(
    metaclass: type, name: str, bases: tuple[type, ...], namespace: dict[str, Any]
) -> Any:
    """The class without its contents, and without running any of the user's class-making code."""
    make = _library_new(metaclass)
    if not all(_inherits_quietly(base) for base in bases):
        for quiet in _quiet_bases(bases):
            try:
                cls = make(metaclass, name, (quiet, *bases), dict(namespace))
                cls.__bases__ = bases
                return cls
            except TypeError:
                continue  # another layout
    try:
        return make(metaclass, name, bases, dict(namespace))
    except TypeError:  # such as TypedDict's metaclass, which takes the bases of the source only
        return type.__new__(metaclass, name, bases, dict(namespace))


def _quiet_bases(bases: tuple[type, ...]) -> Iterator[type]:
    """Classes to stand before these bases for a moment; one of them mostly has their layout."""
    yield _Quiet
    yield _QuietWithDict
    below = [cls.__base__ for base in bases for cls in base.__mro__]
    for cls in dict.fromkeys(below):
        if cls not in (None, object) and _runs_no_code(cls):
            body = {"__init_subclass__": _Quiet.__dict__["__init_subclass__"], "__orig_bases__": ()}
            for slots in ({}, {"__slots__": ()}):
                with contextlib.suppress(TypeError):
                    yield type.__new__(type(cls), "_Quiet", (cls,), {**body, **slots})


def _runs_no_code(cls: type) -> bool:
    """Whether no `__init_subclass__` of the session's runs when a class is derived from this."""
    return all(importable(base) for base in cls.__mro__ if "__init_subclass__" in base.__dict__)


def _library_new(metaclass: type) -> Any:
    """`__new__` of the nearest metaclass that is not the session's own."""
    for base in metaclass.__mro__:
        if "__new__" in base.__dict__ and importable(base):
            return base.__new__
    return type.__new__


def _inherits_quietly(base: type) -> bool:
    return not any("__init_subclass__" in cls.__dict__ for cls in base.__mro__ if cls is not object)


def _make_enum(
    metaclass: type[enum.EnumMeta],
    name: str,
    bases: tuple[type, ...],
    bare: dict[str, Any],
    members: tuple[tuple[Any, ...], ...],
) -> enum.EnumMeta:
    body = metaclass.__prepare__(name, bases)
    for key, value in bare.items():
        body[key] = value
    for key, value, *_ in members:
        body[key] = enum.member(value)  # a function would not become one by itself
    if not any(arguments for _, _, *arguments in members):
        return metaclass.__new__(metaclass, name, bases, body)
    remaining = iter(members)

    def __new__(cls: Any, *_: Any) -> Any:
        """In place of the session's, whose results are known."""
        _, value, arguments = next(remaining)
        member = solid_base(cls).__new__(cls, *arguments)
        member._value_ = value
        return member

    body["__new__"] = __new__
    made = metaclass.__new__(metaclass, name, bases, body)
    for name in ("__new_member__", "_new_member_"):
        if vars(made).get(name) is __new__:
            type.__delattr__(made, name)
    return made


# --- source text --------------------------------------------------------------------------------


def source_of(filename: str) -> str | None:
    """Text of the cell that code named `filename` was compiled from, where it is known."""
    entry = linecache.cache.get(filename)
    # Entries with a modification time are real files: those are found again by their name.
    if entry is None or len(entry) != 4 or entry[1] is not None:
        return None
    return "".join(entry[2])


def remember_source(filename: str, text: str | None) -> str:
    """Let tracebacks and `inspect.getsource` find the text again; gives the name, interned."""
    if text is not None and filename not in linecache.cache:
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    return sys.intern(filename)
