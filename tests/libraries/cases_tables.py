"""Tables: pandas, Polars, PyArrow, Dask, xarray, GeoPandas and shapely."""

from __future__ import annotations

import datetime
from typing import Any

import dask
import dask.array
import dask.bag
import dask.dataframe
import geopandas
import geopandas.testing
import numpy as np
import pandas as pd
import polars as pl
import polars.testing
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import shapely
import xarray as xr

from libraries.case import KEEPS, LOADING, ONCE, ORDER, READING, RESTART, Case
from libraries.same import by, equal, same_repr

DAYS = pd.date_range("2026-01-01", periods=6, freq="D")


def pandas(name: str, make: Any, change: Any, same: Any = None, **more: Any) -> Case:
    more.setdefault("look", lambda x: (str(x), getattr(x, "describe", repr)()))
    same = same or same_pandas
    return Case(library="pandas", name=name, make=make, change=change, same=same, **more)


def same_pandas(a: Any, b: Any) -> None:
    if isinstance(a, pd.DataFrame):
        pd.testing.assert_frame_equal(a, b, check_freq=True, check_flags=True)
        assert a.attrs == b.attrs
    elif isinstance(a, pd.Series):
        pd.testing.assert_series_equal(a, b, check_freq=True)
    elif isinstance(a, pd.Index):
        pd.testing.assert_index_equal(a, b, exact=True)
    else:
        assert a.equals(b) if hasattr(a, "equals") else a == b


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {"n": range(6), "x": np.linspace(0, 1, 6), "s": list("abcabc"), "day": DAYS},
        index=list("uvwxyz"),
    )


def add_column(x: Any) -> None:
    x["more"] = x["n"] * 2


def set_value(x: Any) -> None:
    x.iloc[0] = x.iloc[1]


def frame_with_attrs() -> pd.DataFrame:
    made = frame()
    made.attrs["unit"] = "m"
    made.flags.allows_duplicate_labels = False
    return made


def look_at_frame(x: Any) -> Any:
    x.info(buf=__import__("io").StringIO())
    return (
        x.describe(),
        x.head(),
        x.groupby("s").n.sum(),
        x.sort_values("x"),
        x.loc["u"],
        x._repr_html_(),
    )


def series(data: Any, **options: Any) -> Any:
    return lambda: pd.Series(data, **options)


SERIES: dict[str, Any] = {
    "Int64": series([1, None, 3], dtype="Int64"),
    "boolean": series([True, None, False], dtype="boolean"),
    "string": series(["a", None, "b"], dtype="string"),
    "category": series(list("abca"), dtype="category"),
    "datetime with time zone": series(DAYS.tz_localize("Europe/Berlin")),
    "timedelta": series(pd.to_timedelta([1, 2, 3], "h")),
    "period": series(pd.period_range("2026", periods=3, freq="M")),
    "interval": series(pd.interval_range(0, 3)),
    "Arrow int64": series([1, None, 3], dtype="int64[pyarrow]"),
    "objects": series([[1], {"a": 2}, None]),
}


def set_first(x: Any) -> None:
    x.iloc[0] = x.iloc[2]


INDEXES = {
    "RangeIndex": lambda: pd.RangeIndex(5),
    "DatetimeIndex": lambda: pd.date_range("2026", periods=4, freq="ME"),
    "MultiIndex": lambda: pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["k", "n"]),
    "CategoricalIndex": lambda: pd.CategoricalIndex(list("aab")),
    "IntervalIndex": lambda: pd.interval_range(0, 4),
    "PeriodIndex": lambda: pd.period_range("2026", periods=3, freq="Q"),
}


def wide() -> pd.DataFrame:
    return pd.DataFrame(
        np.arange(8.0).reshape(2, 4),
        columns=pd.MultiIndex.from_product([["a", "b"], ["x", "y"]]),
    )


def copies() -> dict[str, Any]:
    """Frames that share memory until one is written to."""
    made = frame()
    return {
        "frame": made,
        "column": made["x"],
        "part": made[["n", "x"]],
        "renamed": made.rename(columns={"n": "m"}),
    }


def same_each(a: Any, b: Any) -> None:
    assert list(a) == list(b)
    for key in a:
        same_pandas(a[key], b[key])


def grouped() -> Any:
    return frame().groupby("s")


def text_frame() -> pd.DataFrame:
    return pd.DataFrame({"text": [f"row {i}" for i in range(2000)], "key": ["a", "b"] * 1000})


# --- Polars, PyArrow


def polars_(name: str, make: Any, change: Any = None, same: Any = None, **more: Any) -> Case:
    more.setdefault("look", repr)
    same = same or (lambda a, b: pl.testing.assert_frame_equal(a, b))
    return Case(library="Polars", name=name, make=make, change=change, same=same, **more)


def polars_frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "n": [1, 2, None], "x": [0.5, 1.5, 2.5], "s": ["a", None, "c"], "l": [[1], [2, 3], []],
            "d": [datetime.date(2026, 1, 1)] * 3, "c": pl.Series(["u", "v", "u"], dtype=pl.Categorical),
        }
    )  # fmt: skip


def add_polars_column(x: pl.DataFrame) -> None:
    x.insert_column(0, pl.Series("new", [1, 2, 3]))


def arrow(name: str, make: Any, replace: Any, same: Any = None, **more: Any) -> Case:
    same = same or (lambda a, b: a.equals(b))
    return Case(
        library="PyArrow", name=name, make=make, replace=replace, same=same, look=str, **more
    )


def table() -> pa.Table:
    return pa.table({"n": [1, 2, None], "s": ["a", "b", "a"], "l": [[1], None, [2]]})


# --- the others


def dask_(name: str, make: Any, change: Any = None, same: Any = None, **more: Any) -> Case:
    same = same or same_computed
    return Case(library="Dask", name=name, make=make, change=change, same=same, **more)


def same_computed(a: Any, b: Any) -> None:
    with dask.config.set(scheduler="synchronous"):
        a, b = a.compute(), b.compute()
    if isinstance(a, pd.DataFrame | pd.Series):
        same_pandas(a, b)
    else:
        np.testing.assert_array_equal(a, b)


def dask_frame() -> Any:
    return dask.dataframe.from_pandas(frame().reset_index(drop=True), npartitions=2)


def twice(x: Any) -> Any:
    return x * 2


def computed(x: Any) -> Any:
    with dask.config.set(scheduler="synchronous"):
        return x.compute()


def xarray_(name: str, make: Any, change: Any, **more: Any) -> Case:
    more.setdefault("look", lambda x: (str(x), x._repr_html_(), x.mean()))
    if "dataset" in str(make.__code__.co_names) or make is dataset:
        more["resaved"] = (*more.get("resaved", ()), RESTART)
        more |= {"why": "; ".join(filter(None, (more.get("why"), ORDER))), "unordered": True}
    return Case(library="xarray", name=name, make=make, change=change, same=same_xarray, **more)


def same_xarray(a: Any, b: Any) -> None:
    xr.testing.assert_identical(a, b)


def data_array() -> xr.DataArray:
    return xr.DataArray(
        np.arange(12.0).reshape(6, 2), dims=("time", "place"),
        coords={"time": DAYS, "place": ["a", "b"]}, attrs={"unit": "K"}, name="t",
    )  # fmt: skip


def dataset() -> xr.Dataset:
    return xr.Dataset({"t": data_array(), "p": ("time", np.ones(6))}, attrs={"source": "test"})


def geo(name: str, make: Any, change: Any = None, same: Any = equal, **more: Any) -> Case:
    return Case(library="GeoPandas", name=name, make=make, change=change, same=same, **more)


def geo_frame() -> geopandas.GeoDataFrame:
    points = [shapely.Point(0, 0), shapely.Point(1, 2), None]
    return geopandas.GeoDataFrame({"n": [1, 2, 3]}, geometry=points, crs="EPSG:4326")


def same_geo(a: Any, b: Any) -> None:
    geopandas.testing.assert_geodataframe_equal(a, b)


def prepared() -> Any:
    made = shapely.box(0, 0, 1, 1)
    shapely.prepare(made)
    return made


def shapely_(name: str, make: Any, **more: Any) -> Case:
    return Case(
        library="shapely", name=name, make=make, replace=lambda x: x.buffer(1),
        same=lambda a, b: a.equals_exact(b, 0) and a.wkb == b.wkb, look=lambda x: (x.area, str(x)), **more,
    )  # fmt: skip


CASES = [
    pandas("DataFrame", frame, add_column, look=look_at_frame),
    pandas("DataFrame changed in one place", frame, lambda x: x.__setitem__("x", x["x"].where(x["n"] > 1)), look=look_at_frame),
    pandas("DataFrame with text in 2,000 rows", text_frame, lambda x: x.loc.__setitem__((5, "text"), "other")),
    pandas("DataFrame with attrs and flags", frame_with_attrs, lambda x: x.attrs.update(unit="km")),
    pandas("DataFrame with columns in levels", wide, lambda x: x.__setitem__(("a", "z"), 1)),
    pandas("frames that share memory until written", copies, lambda x: set_value(x["frame"]), same_each, look=repr),
    *(pandas(f"Series of {name}", make, set_first, look=lambda x: (str(x), x.isna().sum())) for name, make in SERIES.items()),
    pandas("Series of Arrow lists", series([[1], None, [2, 3]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))), lambda x: setattr(x, "name", "n"), look=str),
    pandas("Series of sparse", series(pd.arrays.SparseArray([0, 0, 1, 0])), lambda x: setattr(x, "name", "n"), look=lambda x: x.sparse.density),
    *(Case(library="pandas", name=name, make=make, replace=lambda x: x[1:], same=same_pandas,
           look=lambda x: (str(x), x.is_unique, x.get_loc(x[0])), shared=False) for name, make in INDEXES.items()),
    pandas("Categorical", lambda: pd.Categorical(list("aba")), lambda x: x.__setitem__(0, "b"), by(lambda x: list(x)), look=str),
    pandas("Timestamp, Timedelta, Interval, NA", lambda: [pd.Timestamp("2026", tz="UTC"), pd.Timedelta("1h"), pd.Interval(0, 1), pd.NA, pd.NaT],
           lambda x: x.append(pd.Period("2026")), same_repr, look=str),
    pandas("GroupBy", grouped, lambda x: x.obj.__setitem__("n", 9), lambda a, b: same_pandas(a.obj, b.obj), look=lambda x: x.n.sum(), resaved=(READING, LOADING), why=KEEPS),
    pandas("rolling window", lambda: frame()[["x"]].rolling(2), lambda x: setattr(x, "window", 3), lambda a, b: same_pandas(a.sum(), b.sum()), look=lambda x: x.mean()),
    pandas("offsets", lambda: [pd.offsets.BMonthEnd(2)], lambda x: x.append(pd.offsets.Day()), equal, look=str),
    pandas("Styler", lambda: frame().style.format(precision=2), lambda x: x.data.__setitem__("n", 9), lambda a, b: same_pandas(a.data, b.data), look=lambda x: x.to_html()),

    polars_("DataFrame", polars_frame, add_polars_column, look=lambda x: (x.describe(), x.filter(pl.col("n") > 1), x._repr_html_())),
    polars_("DataFrame of 100,000 rows", lambda: pl.DataFrame({"n": range(100_000)}), lambda x: x.extend(pl.DataFrame({"n": [1]}))),
    polars_("Series", lambda: pl.Series("s", [1, None, 3]), lambda x: x.append(pl.Series([4])), lambda a, b: pl.testing.assert_series_equal(a, b), look=lambda x: x.mean()),
    polars_("Categorical and Enum", lambda: pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])), lambda x: x.append(x), lambda a, b: pl.testing.assert_series_equal(a, b)),
    polars_("LazyFrame", lambda: polars_frame().lazy().filter(pl.col("n") > 0), replace=lambda x: x.select("n"), same=lambda a, b: pl.testing.assert_frame_equal(a, b), look=lambda x: x.collect()),
    polars_("expression", lambda: {"e": pl.col("n").sum()}, lambda x: x.update(f=pl.lit(1)), lambda a, b: list(a) == list(b) and a["e"].meta.eq(b["e"])),
    polars_("Schema and dtypes", lambda: {"schema": polars_frame().schema, "dtype": pl.List(pl.Int8)}, lambda x: x.update(more=pl.Date), equal),

    arrow("Array", lambda: pa.array([1, None, 3]), lambda x: x.slice(1)),
    arrow("Array of 800 kB", lambda: pa.array(np.arange(100_000)), lambda x: pc.add(x, 1)),
    arrow("Table", table, lambda x: x.append_column("m", pa.array([1, 2, 3]))),
    arrow("slice of a Table", lambda: table().slice(1), lambda x: x.slice(1)),
    arrow("ChunkedArray", lambda: pa.chunked_array([[1], [2, 3]]), lambda x: x.slice(1)),
    arrow("RecordBatch", lambda: table().to_batches()[0], lambda x: x.slice(1)),
    arrow("DictionaryArray", lambda: pa.array(["a", "b"]).dictionary_encode(), lambda x: x.slice(1)),
    arrow("Schema and types", lambda: table().schema, lambda x: x.with_metadata({"k": "v"}).remove(0), shared=False),
    arrow("scalar", lambda: pa.scalar(5), lambda x: pa.scalar(6)),
    arrow("Buffer", lambda: pa.py_buffer(b"abc"), lambda x: pa.py_buffer(b"abd")),
    arrow("compute expression", lambda: pc.field("n") > 1, lambda x: pc.field("m")),
    arrow("in-memory dataset", lambda: pyarrow.dataset.dataset(table()), lambda x: x.filter(pc.field("n") > 1), lambda a, b: a.to_table().equals(b.to_table()), opaque="Dataset"),

    dask_("Array", lambda: dask.array.arange(10, chunks=5), lambda x: x.__setitem__(0, 7), look=computed, resaved=(READING,), why=KEEPS),
    dask_("DataFrame", dask_frame, lambda x: x.__setitem__("m", x["n"] * 2), look=computed, resaved=(LOADING,), why="makes its partitions while it is loaded"),
    dask_("Bag", lambda: dask.bag.from_sequence([1, 2, 3], npartitions=2), replace=lambda x: x.map(twice), look=computed),
    dask_("delayed", lambda: dask.delayed(twice)(4), replace=lambda x: dask.delayed(twice)(5), look=computed, resaved=(READING,), why=KEEPS),

    xarray_("DataArray", data_array, lambda x: x.__setitem__((0, 0), 99), resaved=(READING,), why=KEEPS),
    xarray_("Dataset", dataset, lambda x: x.__setitem__("q", x["p"] * 2)),
    xarray_("coordinates and attrs", dataset, lambda x: x.attrs.update(source="other"), look=lambda x: x.sel(place="a")),
    xarray_("Dataset over Dask", lambda: dataset().chunk(time=3), lambda x: x.attrs.update(k=1), look=lambda x: x.mean().compute(scheduler="synchronous"), resaved=(READING,), why=KEEPS),
    xarray_("DataTree", lambda: xr.DataTree.from_dict({"/a": dataset()}), lambda x: x["a"].attrs.update(k=1), look=str, resaved=(ONCE,), why="makes empty attrs while it is saved"),

    geo("GeoDataFrame", geo_frame, lambda x: x.__setitem__("n", 5), same_geo, look=lambda x: (x.total_bounds, str(x))),
    geo("GeoDataFrame with a spatial index", geo_frame, lambda x: x.__setitem__("n", 5), same_geo, look=lambda x: x.sindex.query(shapely.Point(0, 0))),
    geo("GeoSeries", lambda: geo_frame().geometry, lambda x: x.__setitem__(0, shapely.Point(5, 5)), lambda a, b: geopandas.testing.assert_geoseries_equal(a, b), look=lambda x: x.area),
    geo("CRS", lambda: {"crs": geo_frame().crs}, lambda x: x.update(n=1), look=lambda x: x["crs"].to_wkt()),

    shapely_("Point", lambda: shapely.Point(1, 2)),
    shapely_("Polygon with a hole", lambda: shapely.box(0, 0, 4, 4).difference(shapely.box(1, 1, 2, 2))),
    shapely_("MultiLineString", lambda: shapely.MultiLineString([[(0, 0), (1, 1)], [(2, 2), (3, 4)]])),
    shapely_("prepared geometry", lambda: prepared()),
    Case(library="shapely", name="array of geometries", make=lambda: shapely.points([0, 1], [2, 3]), change=lambda x: x.__setitem__(0, shapely.Point(9, 9)),
         same=lambda a, b: [x.wkb for x in a] == [x.wkb for x in b], look=lambda x: shapely.area(x)),
    Case(library="shapely", name="STRtree", make=lambda: shapely.STRtree([shapely.Point(0, 0), shapely.Point(1, 1)]), replace=lambda x: shapely.STRtree([shapely.Point(5, 5)]),
         same=lambda a, b: a.query(shapely.box(-1, -1, 2, 2)).tolist() == b.query(shapely.box(-1, -1, 2, 2)).tolist()),
]  # fmt: skip
