"""Libraries whose own threads a forked child has not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pod
import polars as pl
import pytest
import torch
import xgboost
from pod.session import forked


class Summed:
    """Is pickled with what torch computes only then, by all of its threads."""

    def __init__(self) -> None:
        self.numbers = torch.ones(1000, 1000)

    def __reduce__(self) -> tuple[Any, ...]:
        return float, (float(self.numbers.sum()),)


def _frame_of_several_pieces() -> pl.DataFrame:
    piece = pl.DataFrame({"x": range(1000)})
    frame = pl.concat([piece, piece], rechunk=False)
    frame.group_by("x").len()  # now Polars has its threads
    return frame


def _numbers() -> tuple[np.ndarray, np.ndarray]:
    numbers = np.random.default_rng(0).random((5000, 20))
    return numbers, numbers[:, 0]


def _xgboost(**options: Any) -> xgboost.XGBRegressor:
    return xgboost.XGBRegressor(n_estimators=200, **options).fit(*_numbers())


def _lightgbm(**options: Any) -> lightgbm.LGBMRegressor:
    return lightgbm.LGBMRegressor(n_estimators=300, verbose=-1, **options).fit(*_numbers())


def _torch() -> Summed:
    made = Summed()
    assert float(made.numbers.sum()) == 1e6  # now torch has its threads
    return made


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[forked.Child]:
    """Children that are forked although Polars is there, which no variable has."""
    monkeypatch.setattr(forked, "_UNSAFE_MODULES", frozenset())
    children: list[forked.Child] = []
    start = forked.start

    def started(work: Any) -> forked.Child:
        children.append(start(work))
        return children[-1]

    monkeypatch.setattr(forked, "start", started)
    return children


def _save(path: Path, value: Any) -> Any:
    """Saved, without waiting for a stuck child, and loaded."""
    with pod.open(path / ".pod", snapshot="fork") as store:
        started = time.perf_counter()
        t = store.save({"value": value})
        store.flush()
        assert time.perf_counter() - started < forked.STUCK_SECONDS
        return store.load(t)["value"]


def test_a_frame_of_several_pieces_is_saved_without_waiting_for_a_stuck_child(
    tmp_path: Path,
) -> None:
    frame = _frame_of_several_pieces()
    assert _save(tmp_path, frame).equals(frame)


@pytest.mark.parametrize("options", [{}, {"n_jobs": 2}], ids=["usual", "two-threads"])
@pytest.mark.parametrize("make", [_xgboost, _lightgbm])
def test_a_model_that_openmp_writes_is_saved_by_a_child(
    tmp_path: Path,
    forks: list[forked.Child],
    make: Callable[..., Any],
    options: dict[str, int],
) -> None:
    model = make(**options)
    numbers, _ = _numbers()
    expected = model.predict(numbers)
    assert (_save(tmp_path, model).predict(numbers) == expected).all()
    assert [child.result() is not None for child in forks] == [True]


def test_what_torch_computes_while_it_is_pickled_is_computed_by_a_child(
    tmp_path: Path, forks: list[forked.Child]
) -> None:
    assert _save(tmp_path, _torch()) == 1e6
    assert [child.result() is not None for child in forks] == [True]
