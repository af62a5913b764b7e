"""Libraries whose own threads a forked child has not."""

from __future__ import annotations

import datetime
import decimal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pod
import polars as pl
import pytest
import torch
import xgboost
from pod.podding.reducers import columns
from pod.session import forked
from support.forks import recorded
from threadpoolctl import threadpool_limits


class Summed:
    """Is pickled with what torch computes only then, by all of its threads."""

    def __init__(self) -> None:
        self.numbers = torch.ones(1000, 1000)

    def __reduce__(self) -> tuple[Any, ...]:
        return float, (float(self.numbers.sum()),)


def _several_pieces() -> pl.DataFrame:
    piece = pl.DataFrame(
        {
            "number": range(1000),
            "text": ["a", None] * 500,
            "category": pl.Series(["a", "b"] * 500, dtype=pl.Categorical),
            "day": [datetime.date(2020, 1, 1)] * 1000,
            "price": [decimal.Decimal("1.5")] * 1000,
            "list": [[1], [2, 3]] * 500,
            "record": [{"a": 1, "b": ["x"]}] * 1000,
        }
    )
    frame = pl.concat([piece, piece], rechunk=False)
    frame.group_by("number").len()  # now Polars has its threads
    assert {column.n_chunks() for column in frame.get_columns()} == {2}
    return frame


def _numbers() -> tuple[np.ndarray, np.ndarray]:
    numbers = np.random.default_rng(0).random((5000, 20))
    return numbers, numbers[:, 0]


def _xgboost() -> xgboost.XGBRegressor:
    return xgboost.XGBRegressor(n_estimators=200, n_jobs=2).fit(*_numbers())


def _lightgbm() -> lightgbm.LGBMRegressor:
    return lightgbm.LGBMRegressor(n_estimators=300, n_jobs=2, verbose=-1).fit(*_numbers())


def _torch() -> Summed:
    made = Summed()
    assert float(made.numbers.sum()) == 1e6  # now torch has its threads
    return made


@pytest.fixture(autouse=True)
def several_threads() -> Iterator[None]:
    """Also where the suite is run with one for each library."""
    with threadpool_limits(2, "openmp"):
        yield


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[forked.Child]:
    """The children that are forked."""
    return recorded(monkeypatch)


def _save(path: Path, value: Any) -> Any:
    """Saved, without waiting for a stuck child, and loaded."""
    with pod.open(path / ".pod", snapshot="fork") as store:
        started = time.perf_counter()
        t = store.save({"value": value})
        store.flush()
        assert time.perf_counter() - started < forked.STUCK_SECONDS
        return store.load(t)["value"]


def _column() -> pl.Series:
    return _several_pieces()["record"]


def _frame_with_a_column_of_several_pieces() -> pl.DataFrame:
    return pl.DataFrame({"one": range(2000)}).with_columns(_several_pieces()["list"])


@pytest.mark.parametrize("make", [_several_pieces, _column, _frame_with_a_column_of_several_pieces])
def test_polars_pieces_are_joined_by_a_child(
    tmp_path: Path, forks: list[forked.Child], make: Callable[[], Any]
) -> None:
    value = make()
    assert _save(tmp_path, value).equals(value)
    assert [child.result() is not None for child in forks] == [True]


def test_pieces_that_polars_joins_later_are_no_change() -> None:
    frame = _several_pieces()
    assert columns.reduce_frame(frame) == frame.rechunk().__reduce_ex__(5)
    assert columns.reduce_column(frame["list"]) == frame["list"].rechunk().__reduce_ex__(5)
    assert {column.n_chunks() for column in frame.get_columns()} == {2}, "it is left as it is"


@pytest.mark.parametrize("make", [_xgboost, _lightgbm])
def test_a_model_that_openmp_writes_is_saved_by_a_child(
    tmp_path: Path,
    forks: list[forked.Child],
    make: Callable[[], Any],
) -> None:
    model = make()
    numbers, _ = _numbers()
    expected = model.predict(numbers)
    assert (_save(tmp_path, model).predict(numbers) == expected).all()
    assert [child.result() is not None for child in forks] == [True]


def test_what_torch_computes_while_it_is_pickled_is_computed_by_a_child(
    tmp_path: Path, forks: list[forked.Child]
) -> None:
    assert _save(tmp_path, _torch()) == 1e6
    assert [child.result() is not None for child in forks] == [True]
