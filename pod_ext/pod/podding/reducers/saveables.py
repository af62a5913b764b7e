"""What Keras reduces to an archive of its own: made the same whenever it is, and with what the
archive only names: layers, functions and the like that are the notebook's own."""

from __future__ import annotations

import json
import sys
import types
import zipfile
from typing import Any

from pod.podding.rebuild import make_saveable, set_variables
from pod.referents import behind

_CONFIG = "config.json"
_METADATA = "metadata.json"
_MANY = 1_000_000
"""Objects that are looked at behind one, for what its configuration names."""


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
    named = _Config()
    files[_CONFIG] = json.dumps(json.loads(files[_CONFIG], object_hook=named)).encode()
    metadata = json.loads(files[_METADATA])
    metadata.pop("date_saved", None)
    files[_METADATA] = json.dumps(metadata).encode()
    arguments = files, _own_parts(obj, named)
    keras = sys.modules["keras"]
    if not isinstance(obj, keras.Metric):
        return make_saveable, arguments
    # It has a metric's variables in the archive, too, and does not read them.
    if len(obj.variables) != len(type(obj).from_config(obj.get_config()).variables):
        raise TypeError("Keras gives it its variables only when it is used")
    values = [keras.ops.convert_to_numpy(each) for each in obj.variables]
    return make_saveable, arguments, values, None, None, set_variables


class _Config:
    """Reads a configuration: numbers what is shared in it otherwise than by its place in memory,
    and notes what it names and Keras does not have by itself."""

    def __init__(self) -> None:
        self.classes: set[str] = set()
        self.functions: set[str] = set()
        """Some of them Keras's own."""
        self._numbers: dict[int, int] = {}

    def __call__(self, config: dict[str, Any]) -> dict[str, Any]:
        shared = config.get("shared_object_id")
        if shared is not None:
            config["shared_object_id"] = self._numbers.setdefault(shared, len(self._numbers))
        if config.get("class_name") == "function":
            self.functions.add(str(config["config"]))
        elif config.get("registered_name") and not _is_keras(config.get("module")):
            self.classes.add(config["registered_name"])
        return config


def _own_parts(obj: Any, named: _Config) -> dict[str, Any]:
    """What the configuration of an object names of the notebook's, by these names."""
    wanted = named.classes | named.functions
    found: dict[str, Any] = {}
    if wanted:
        name_of = sys.modules["keras"].saving.get_registered_name
        for each in behind([obj], limit=_MANY):
            part = each if type(each) is types.FunctionType else type(each)
            if not _is_keras(part.__module__) and (name := name_of(part)) in wanted:
                found[name] = part
    missing = sorted(named.classes - found.keys())
    if missing:
        raise TypeError(f"Keras would not find {', '.join(missing)} again")
    return found


def _is_keras(module: object) -> bool:
    return str(module).partition(".")[0] == "keras"
