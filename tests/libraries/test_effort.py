"""How long a look at objects of libraries is thought to take: it is not given up in its midst."""

from __future__ import annotations

from typing import Any

import geopandas
import lightgbm
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import torch
import xgboost
from PIL import Image
from pod.session.effort import guess

LIMIT = 0.006


def _shapes(count: int) -> geopandas.GeoDataFrame:
    return geopandas.GeoDataFrame(geometry=geopandas.points_from_xy(range(count), range(count)))


def _column(count: int) -> pl.Series:
    return pl.Series("text", [str(n) for n in range(count)])


def _pieces(count: int) -> pl.DataFrame:
    return pl.concat([pl.DataFrame({"x": range(count)})] * 2, rechunk=False)


@pytest.mark.parametrize(
    "make",
    [
        _column, _pieces, _shapes,
        lambda count: pa.table({"x": range(count)}),
        lambda count: pa.chunked_array([range(count), range(count)]),
        lambda count: torch.zeros(count),
        lambda count: torch.nn.Parameter(torch.zeros(count)),
        lambda count: Image.new("RGB", (count, 3)),
        lambda count: {"rows": [pl.DataFrame({"x": range(count)})]},
    ],
)  # fmt: skip
def test_what_is_large_is_known_before_it_is_looked_at(make: Any) -> None:
    assert guess(make(10)) < LIMIT / 4
    assert guess(make(2_000_000)) > LIMIT


@pytest.mark.parametrize("make", [xgboost.XGBRegressor, lightgbm.LGBMRegressor])
def test_a_model_of_unknown_size_may_be_large(make: Any) -> None:
    numbers = np.random.default_rng(0).random((50, 2))
    assert guess(make(n_estimators=2)) < LIMIT / 4
    assert guess(make(n_estimators=2).fit(numbers, numbers[:, 0])) > LIMIT
