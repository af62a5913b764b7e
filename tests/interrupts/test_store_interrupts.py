"""The stop button at every moment of what else a store does: tags, collection, loading, looking."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pod
import pytest
from pod import PodStore
from support.interrupting import moments, strike

SCALE = int(os.environ.get("POD_TEST_SCALE", "1"))
SAMPLE = 5 * SCALE


@pytest.fixture(autouse=True)
def _python_s_own_handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def content(n: int) -> dict[str, Any]:
    return {"array": np.arange(n, n + 5000), "items": [[i, n] for i in range(50)], "n": n}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two times, a tag, and the pack of a third time that was lost."""
    path = tmp_path_factory.mktemp("made") / "pods"
    with PodStore(path) as store:
        ns = pod.new_managed_namespace(content(1))
        store.save(ns)
        ns.update(content(2))
        store.save(ns)
        store.tag("second")
        ns.update(content(3))
        store.save(ns)
    (path / "commits" / "3").unlink()
    return path


ACTIONS: dict[str, Callable[[PodStore, dict[str, Any]], Any]] = {
    "save": lambda store, ns: store.save(ns),
    "load": lambda store, _: store.load(1),
    "load some": lambda store, _: store.load(1, ["array"]),
    "diff": lambda store, _: store.diff(1, 2),
    "log": lambda store, _: str(store.log()),
    "tag": lambda store, _: store.tag("new", 1),
    "retag": lambda store, _: store.tag("second", 1),
    "untag": lambda store, _: store.untag("second"),
    "verify": lambda store, _: store.verify(),
    "gc": lambda store, _: store.gc(),
    "flush": lambda store, ns: (store.save(ns), store.flush()),
    "close": lambda store, ns: (store.save(ns), store.close()),
}


def equal(loaded: Any, expected: dict[str, Any]) -> None:
    assert loaded.keys() == expected.keys()
    assert np.array_equal(loaded["array"], expected["array"])
    assert (loaded["items"], loaded["n"]) == (expected["items"], expected["n"])


@pytest.mark.parametrize("background", [True, False], ids=["background", "foreground"])
@pytest.mark.parametrize("action", ACTIONS)
def test_an_interrupt_at_any_moment(
    made: Path, tmp_path: Path, action: str, background: bool
) -> None:
    act = ACTIONS[action]

    def opened(name: str) -> tuple[PodStore, dict[str, Any]]:
        path = tmp_path / name
        shutil.copytree(made, path)
        store = PodStore(path, background=background)
        ns = store.load(2)
        ns.update(content(3))  # whose blobs are in the pack that no time needs
        return store, ns

    store, ns = opened("counted")
    chance = random.Random(action)
    found = moments(lambda: act(store, ns), chance)
    store.close()
    for at in sorted(chance.sample(found, min(SAMPLE, len(found)))):
        store, ns = opened(str(at))
        struck = strike(at, lambda store=store, ns=ns: act(store, ns)).struck
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, struck
        if action == "close":
            store.close()
            store = PodStore(store.path)
        t = store.save(ns)
        store.flush()
        assert store.verify(), struck
        store.gc()
        store.close()
        with PodStore(store.path) as reader:
            assert reader.verify(), struck
            for time, expected in ((1, content(1)), (2, content(2)), (t, content(3))):
                equal(reader.load(time), expected)
            tags = reader.history.repository.tags()
            assert tags.get("second", 1) in (1, 2), struck
            assert tags.get("new", 1) == 1, struck
        shutil.rmtree(store.path)
