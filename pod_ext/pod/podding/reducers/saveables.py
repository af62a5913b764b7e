"""What Keras reduces to an archive of its own: made the same whenever it is, and with what the
archive only names: layers, functions and the like that are the notebook's own."""

from __future__ import annotations

import json
import sys
import types
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pod.podding.rebuild import make_saveable, set_variables

_CONFIG = "config.json"
_METADATA = "metadata.json"
_CONTAINERS = (dict, list, set, tuple)


def is_saveable(reduced: tuple[Any, ...]) -> bool:
    """Whether it is Keras that made this reduction."""
    saving = sys.modules.get("keras.src.saving.keras_saveable")
    if saving is None or len(reduced) != 2 or type(reduced[0]) is not types.MethodType:
        return False
    return reduced[0].__func__ is saving.KerasSaveable._unpickle_model.__func__


def with_own_parts(obj: Any, reduced: tuple[Any, ...]) -> tuple[Any, ...]:
    """The archive's files without the time, with what they name. TypeError for what Keras would
    not find again."""
    with zipfile.ZipFile(reduced[1][0]) as archive:
        files = {name: archive.read(name) for name in sorted(archive.namelist())}
    config = json.loads(files[_CONFIG], object_hook=_Numbered())
    files[_CONFIG] = json.dumps(config).encode()
    metadata = json.loads(files[_METADATA])
    metadata.pop("date_saved", None)
    files[_METADATA] = json.dumps(metadata).encode()
    arguments = files, _own_parts(obj, config)
    keras = sys.modules["keras"]
    if not isinstance(obj, keras.Metric):
        return make_saveable, arguments
    # It has a metric's variables in the archive, too, and does not read them.
    if len(obj.variables) != len(type(obj).from_config(obj.get_config()).variables):
        raise TypeError("Keras gives it its variables only when it is used")
    values = [keras.ops.convert_to_numpy(each) for each in obj.variables]
    return make_saveable, arguments, values, None, None, set_variables


class _Numbered:
    """Gives what is shared in a configuration numbers that do not come from its place in memory."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}

    def __call__(self, config: dict[str, Any]) -> dict[str, Any]:
        shared = config.get("shared_object_id")
        if shared is not None:
            config["shared_object_id"] = self._numbers.setdefault(shared, len(self._numbers))
        return config


def _own_parts(obj: Any, config: Any) -> dict[str, Any]:
    """What the configuration names and Keras does not have by itself, by these names."""
    classes, functions = set[str](), set[str]()
    for each in _dicts(config):
        if each.get("class_name") == "function":
            functions.add(str(each["config"]))
        elif each.get("registered_name") and not _is_keras(each.get("module")):
            classes.add(each["registered_name"])
    wanted = classes | functions
    found: dict[str, Any] = {}
    if wanted:
        name_of = sys.modules["keras"].saving.get_registered_name
        for part in _parts(obj):
            if not _is_keras(part.__module__) and (name := name_of(part)) in wanted:
                found[name] = part
    missing = sorted(classes - found.keys())
    if missing:
        raise TypeError(f"Keras would not find {', '.join(missing)} again")
    return found


def _dicts(config: Any) -> Iterator[dict[str, Any]]:
    todo = [config]
    while todo:
        each = todo.pop()
        if type(each) is dict:
            yield each
            todo += each.values()
        elif type(each) is list:
            todo += each


def _parts(obj: Any) -> Iterator[Any]:
    """Functions and classes that are behind an object, through containers and what is Keras's or
    derived from it."""
    todo, seen = [obj], set[int]()
    while todo:
        each = todo.pop()
        kind = type(each)
        if id(each) in seen:
            continue
        seen.add(id(each))
        if kind is types.FunctionType or issubclass(kind, type):
            yield each
        elif issubclass(kind, _CONTAINERS):
            todo += _items(each)
        elif any(_is_keras(base.__module__) for base in kind.__mro__):
            yield kind
            todo += list(getattr(each, "__dict__", {}).values())


def _items(container: Any) -> Iterable[Any]:
    return list(container.values()) if isinstance(container, Mapping) else list(container)


def _is_keras(module: object) -> bool:
    return str(module).partition(".")[0] == "keras"
