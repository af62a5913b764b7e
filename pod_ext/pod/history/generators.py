"""The states of the global random generators: of `random`, `numpy.random` and `torch`.

Each is a blob of canonical JSON that a commit names. Only what the session has imported is looked
at. A generator that cannot be read, or is of a kind not known here, is left out.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
import random
import struct
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from pod.errors import PodError, one_line
from pod.history.manifest import canonical
from pod.history.moments import History
from pod.history.records import Commit
from pod.store.codec import digest

State = Mapping[str, Any]
"""One generator's state, as plain JSON values."""

_WORDS = struct.Struct("<624I")
"""The key of a Mersenne Twister."""


class _NotNowError(Exception):
    """Why a generator's state cannot be set."""


class _Generator(Protocol):
    def read(self) -> State | None:
        """Its state now, None if it has none that could be kept. May raise anything."""

    def setter(self, state: State) -> Callable[[], None]:
        """Sets a state that was tried on another generator, so that it can be relied on to do so.
        May raise anything."""


class _Python:
    def read(self) -> State | None:
        version, (*words, position), gauss = random.getstate()
        if version != 3:
            return None
        return {
            "version": version,
            "key": _encoded(_WORDS.pack(*words)),
            "pos": position,
            "gauss": None if gauss is None else float(gauss).hex(),
        }

    def setter(self, state: State) -> Callable[[], None]:
        words = _WORDS.unpack(_decoded(state["key"]))
        gauss = None if state["gauss"] is None else float.fromhex(state["gauss"])
        whole = state["version"], (*words, state["pos"]), gauss
        random.Random().setstate(whole)
        return lambda: random.setstate(whole)


class _NumPy:
    def read(self) -> State | None:
        module = sys.modules.get("numpy.random")
        if module is None:
            return None
        state = module.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            return None
        return {
            "bit_generator": "MT19937",
            "key": _encoded(state["state"]["key"].astype("<u4").tobytes()),
            "pos": int(state["state"]["pos"]),
            "has_gauss": int(state["has_gauss"]),
            "gauss": float(state["gauss"]).hex(),
        }

    def setter(self, state: State) -> Callable[[], None]:
        if "numpy" not in sys.modules:
            raise _NotNowError("numpy is not imported; import it and check out again")
        # NumPy imports it when it is first used.
        module = importlib.import_module("numpy.random")
        numpy = sys.modules["numpy"]
        key = numpy.array(_WORDS.unpack(_decoded(state["key"])), dtype="u4")
        whole = {
            "bit_generator": state["bit_generator"],
            "state": {"key": key, "pos": _within(state["pos"], 624)},
            "has_gauss": _within(state["has_gauss"], 1),
            "gauss": float.fromhex(state["gauss"]),
        }
        kind = module.get_state(legacy=False)["bit_generator"]
        if kind != whole["bit_generator"]:
            raise _NotNowError(f"numpy's generator is {kind} now")
        module.RandomState(module.MT19937()).set_state(whole)
        return lambda: module.set_state(whole)


class _Torch:
    """States by device: the CPU's, and those of CUDA devices if the session has used CUDA."""

    def read(self) -> State | None:
        return {name: _encoded(_bytes_of(each)) for name, each in self._generators().items()}

    def setter(self, state: State) -> Callable[[], None]:
        if "torch" not in sys.modules:
            raise _NotNowError("torch is not imported; import it and check out again")
        torch: Any = sys.modules["torch"]
        generators = self._generators()
        settings = []
        for device, text in state.items():
            if device not in generators:
                raise _NotNowError(f"torch does not use {device} here")
            data = torch.tensor(list(_decoded(text)), dtype=torch.uint8)
            torch.Generator(device=generators[device].device).set_state(data)
            settings.append((generators[device].set_state, data))

        def set_all() -> None:
            for set_state, data in settings:
                set_state(data)

        return set_all

    @staticmethod
    def _generators() -> dict[str, Any]:
        torch = sys.modules.get("torch")
        if torch is None:
            return {}
        found = {"cpu": torch.default_generator}
        if torch.cuda.is_initialized():
            found |= {f"cuda:{i}": each for i, each in enumerate(torch.cuda.default_generators)}
        return found


_GENERATORS: dict[str, _Generator] = {"numpy": _NumPy(), "random": _Python(), "torch": _Torch()}


def states() -> dict[str, bytes]:
    """The blobs of every global generator that is imported and can be read. Never raises."""
    found = {}
    for name, generator in _GENERATORS.items():
        # Whatever a session has made of these modules: what cannot be read is left out.
        with contextlib.suppress(Exception):
            state = generator.read()
            if state:
                found[name] = canonical(state)
    return found


def put(found: Mapping[str, bytes], keep: Callable[[bytes], str]) -> tuple[tuple[str, str], ...]:
    """Store blobs by `keep`, which gives their digests; as a commit says it."""
    return tuple(sorted((name, keep(blob)) for name, blob in found.items()))


def digests() -> tuple[tuple[str, str], ...]:
    """What a commit would say of the generators as they are now."""
    return put(states(), digest)


def changed(a: Commit, b: Commit) -> tuple[str, ...]:
    """Generators that two moments know in different states."""
    old = dict(a.random)
    return tuple(name for name, blob in b.random if old.get(name, blob) != blob)


@dataclass(slots=True)
class Settings:
    """States to be set, tried out before."""

    setters: dict[str, Callable[[], None]] = field(default_factory=dict)
    """Of generators that are in another state now."""
    failures: dict[str, str] = field(default_factory=dict)
    """Generator -> why it stays as it is."""

    def apply(self) -> None:
        """Set them. Never raises: what has been tried out fails only if the session has replaced
        parts of these modules; that is then a failure too."""
        for name, setter in list(self.setters.items()):
            try:
                setter()
            except Exception as error:
                del self.setters[name]
                self.failures[name] = one_line(error)


def prepare(history: History, commit: Commit) -> Settings:
    """What would take the generators back to this moment. Sets nothing yet, never raises."""
    return _settings(
        {name: partial(history.blob, blob) for name, blob in commit.random}, commit.random
    )


def settings_for(found: Mapping[str, bytes]) -> Settings:
    """What would take the generators back to the states that were found once. Never raises."""
    blobs = {name: partial(bytes, blob) for name, blob in found.items()}
    return _settings(blobs, put(found, digest))


def _settings(
    blobs: Mapping[str, Callable[[], bytes]], wanted: Iterable[tuple[str, str]]
) -> Settings:
    settings = Settings()
    now = dict(digests())
    for name, blob in wanted:
        if name not in _GENERATORS or now.get(name) == blob:
            continue
        try:
            state = json.loads(blobs[name]())
            settings.setters[name] = _GENERATORS[name].setter(state)
        except (_NotNowError, PodError) as error:
            settings.failures[name] = str(error)
        except Exception as error:
            settings.failures[name] = one_line(error)
    return settings


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _within(number: int, highest: int) -> int:
    if not 0 <= number <= highest:
        raise ValueError(f"{number} is not from 0 to {highest}")
    return number


def _bytes_of(generator: Any) -> bytes:
    state = generator.get_state()
    try:
        return bytes(state.numpy())
    except RuntimeError:  # torch without NumPy
        return bytes(state.tolist())
