"""The static check: which cells it takes for looking, and that none of those changes anything."""

from __future__ import annotations

import os
import random
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pod.tracking.looking import MAX_SOURCE, Looking, only_looks
from support.looks import Bench, Effect

sys.path.insert(0, str(Path(__file__).parent))
from looking_cells import CHANGING, DOUBTFUL, LOOKING, SETUP, cells

NOTHING = Effect(frozenset(), frozenset())
SCALE = int(os.environ.get("POD_TEST_SCALE", "1"))


@pytest.mark.parametrize("cell", cells(LOOKING))
def test_cells_that_look(cell: str) -> None:
    bench = Bench(SETUP)
    bench.run(cell)
    assert only_looks(cell, bench.namespace)


@pytest.mark.parametrize("cell", cells(CHANGING))
def test_cells_that_change_something(cell: str) -> None:
    bench = Bench(SETUP)
    bench.run(cell)
    assert not only_looks(cell, bench.namespace)


@pytest.mark.parametrize("cell", cells(DOUBTFUL))
def test_cells_that_may_change_something_or_share_it(cell: str) -> None:
    bench = Bench(SETUP)
    bench.run(cell)
    assert not only_looks(cell, bench.namespace)


def test_cells_that_look_change_nothing() -> None:
    bench, looking = Bench(SETUP), cells(LOOKING)
    for start in range(0, len(looking), 20):
        some = looking[start : start + 20]
        if bench.effect(*some) != NOTHING:
            assert {cell: effect for cell in some if (effect := Bench(SETUP).effect(cell)) != NOTHING} == {}
