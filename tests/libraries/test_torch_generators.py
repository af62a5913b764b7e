"""The global random generators of torch are part of a moment, as those of NumPy and Python are."""

from __future__ import annotations

import base64
import json
import random
import time
import timeit
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pod.history import generators
from pod.library import PodStore
from pod.session import Session
from pod.tracking import EverythingTracker
from support.kernels import PodKernel


@pytest.fixture(autouse=True)
def _generator_as_found() -> Iterator[None]:
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with PodStore(tmp_path / "pods") as store:
        session = store.session({"x": 1}, EverythingTracker())
        session.track_random = True
        yield session


def save(session: Session) -> int:
    saved = session.save()
    assert saved is not None
    return saved.t


def draw() -> list[Any]:
    dropped = torch.nn.functional.dropout(torch.ones(50))
    return [torch.rand(3).tolist(), torch.randn(3).tolist(), dropped.tolist()]


def test_going_back_draws_the_same_numbers(session: Session) -> None:
    torch.manual_seed(3)
    torch.randn(1)
    t = save(session)
    first = draw()
    there = save(session)
    second = draw()
    assert list(session.checkout(t).generators.setters) == ["torch"]
    assert draw() == first
    session.checkout(there)
    assert draw() == second


def test_the_state_is_kept_to_the_last_byte(session: Session) -> None:
    state = json.loads(generators.states()["torch"])
    assert base64.b64decode(state["cpu"]) == bytes(torch.get_rng_state().tolist())
    assert list(state) == ["cpu"]
    t = save(session)
    before = torch.get_rng_state()
    draw()
    session.checkout(t)
    assert torch.equal(torch.get_rng_state(), before)


def test_nothing_is_stored_when_nothing_was_drawn(session: Session) -> None:
    first, second = save(session), save(session)
    torch.rand(1)
    third = save(session)
    one, two, three = map(session.history.commit, (first, second, third))
    assert one.random == two.random
    assert generators.changed(two, three) == ("torch",)


@pytest.mark.parametrize("text", ["", "AAAA", "!", None])
def test_a_state_that_is_none_is_refused(text: Any) -> None:
    before = torch.get_rng_state()
    with pytest.raises(Exception, match=r".+"):
        generators._GENERATORS["torch"].setter({"cpu": text})
    assert torch.equal(torch.get_rng_state(), before)


def test_devices_in_use(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Generators of the CPU stand for those of two devices, which the machine need not have."""
    devices = (torch.Generator(), torch.Generator())
    with monkeypatch.context() as patched:
        patched.setattr(torch.cuda, "is_initialized", lambda: True)
        patched.setattr(torch.cuda, "default_generators", devices)
        t = save(session)
        assert list(json.loads(generators.states()["torch"])) == ["cpu", "cuda:0", "cuda:1"]
        first = [torch.rand(3, generator=each).tolist() for each in devices]
        save(session)
        session.checkout(t)
        assert [torch.rand(3, generator=each).tolist() for each in devices] == first
    draw()
    before = torch.get_rng_state()
    report = session.checkout(t)
    assert report.generators.failures == {"torch": "torch does not use cuda:0 here"}
    assert torch.equal(torch.get_rng_state(), before)


def test_it_costs_next_to_nothing() -> None:
    def seconds(call: Callable[[], Any]) -> float:
        return min(timeit.repeat(call, timer=time.process_time, number=50, repeat=5))

    asked = seconds(lambda: (random.getstate(), np.random.get_state(), torch.get_rng_state()))
    assert seconds(generators.digests) < 6 * asked


def test_in_a_kernel_and_a_new_one(tmp_path: Path) -> None:
    directory = tmp_path / "work"
    directory.mkdir()
    with PodKernel(directory) as kernel:
        t = kernel.cell("import torch, random\nimport numpy as np\nnp.random.rand()")
        sample = "draws = torch.randn(2).tolist(), random.random(), float(np.random.rand())"
        kernel.cell(sample)
        first = kernel.value("draws")
        assert "as they were: numpy, random, torch" in kernel.run("%pod_undo").text
        kernel.cell(sample)
        assert kernel.value("draws") == first
        kernel.restart()
        kernel.checkout(t)
        kernel.cell(sample)
        assert kernel.value("draws") == first
