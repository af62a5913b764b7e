"""Classes of the session that a library makes in a way of its own."""

from __future__ import annotations

import contextlib
import copyreg
import importlib
import inspect
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from pod.podding.reducers.code import own_text

# --- msgspec ------------------------------------------------------------------------------------

_OPTIONS = (
    "tag", "tag_field", "omit_defaults", "forbid_unknown_fields", "frozen", "eq", "order", "dict",
    "repr_omit_defaults", "array_like", "gc", "weakref", "cache_hash",
)  # fmt: skip


def is_struct(cls: type) -> bool:
    """Whether it is a `msgspec.Struct`: its fields are laid out when the class is made."""
    core = sys.modules.get("msgspec._core")
    return core is not None and type(cls) is getattr(core, "StructMeta", None)


def struct_parts(cls: Any) -> tuple[Any, ...]:
    """What the class itself declares, as `make_struct` takes it."""
    annotations = vars(cls).get("__annotations__", {})  # asking the class would give it some
    own = [name for name in annotations if name in cls.__slots__]
    options = {name: getattr(cls.__struct_config__, name) for name in _OPTIONS}
    renamed = zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True)
    options["rename"] = {
        own_text(name): own_text(written) for name, written in renamed if name in own
    }
    parameters = inspect.signature(cls).parameters
    options["kw_only"] = any(
        parameters[name].kind is inspect.Parameter.KEYWORD_ONLY for name in own
    )
    defaults = dict(_defaults(cls))
    fields = [(own_text(name), annotations[name], *defaults.get(name, ())) for name in own]
    return tuple(fields), options, "__post_init__" in vars(cls)


def _defaults(cls: Any) -> Iterator[tuple[str, tuple[bool, Any]]]:
    """Field -> whether its default is made by a function, and the default or that function."""
    core = sys.modules["msgspec._core"]
    found = cls.__struct_defaults__
    with_default = cls.__struct_fields__[len(cls.__struct_fields__) - len(found) :]
    for name, default in zip(with_default, found, strict=True):
        if type(default) is core.Factory:
            yield name, (True, default.factory)
        elif default is not core.NODEFAULT:
            yield name, (False, default)


def make_struct(
    name: str,
    bases: tuple[type, ...],
    bare: dict[str, Any],
    fields: Sequence[tuple[Any, ...]],
    options: dict[str, Any],
    has_post_init: bool,
) -> type:
    """The class without its methods."""
    msgspec = importlib.import_module("msgspec")
    declared: list[Any] = []
    for field, annotation, *default in fields:
        given = [{"default_factory" if default[0] else "default": default[1]}] if default else []
        declared.append((field, annotation, *(msgspec.field(**each) for each in given)))
    namespace = {key: value for key, value in bare.items() if key != "__slots__"}
    if has_post_init:
        namespace["__post_init__"] = _post_init
    made: type = msgspec.defstruct(name, declared, bases=bases, namespace=namespace, **options)
    return made


def _post_init(self: Any) -> None:
    """msgspec looks when a class is made for whether it has this, and keeps what it finds."""
    type(self).__post_init__(self)


_CONSTRAINTS = (
    "gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length", "tz", "title",
    "description", "examples", "extra_json_schema", "extra",
)  # fmt: skip


def reduce_meta(meta: Any) -> tuple[Any, ...]:
    """`msgspec.Meta(...)`, which pickle refuses."""
    given = {name: getattr(meta, name) for name in _CONSTRAINTS}
    given = {name: value for name, value in given.items() if value is not None}
    return vars(copyreg)["__newobj_ex__"], (type(meta), (), given)


# --- pydantic -----------------------------------------------------------------------------------


def complete_model(cls: Any, order: Sequence[str]) -> None:
    """What pydantic does with a model beside filling it; and undo what it noted of whoever called
    it, unless that is among the attributes of the class, which `order` names."""
    note = "__pydantic_parent_namespace__"
    if note in vars(cls) and note not in order:
        type.__delattr__(cls, note)
    made = cls.__pydantic_generic_metadata__
    with contextlib.suppress(Exception):  # it is not public
        if made["origin"] is not None:  # else `Model[int]` would make another one
            generics = sys.modules["pydantic._internal._generics"]
            generics.set_cached_generic_type(
                made["origin"], made["args"], cls, made["origin"], made["args"]
            )
