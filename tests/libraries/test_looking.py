"""The static check on cells of Polars, matplotlib and seaborn."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib
import matplotlib.pyplot
import pytest
from pod.tracking.looking import Looking, only_looks
from support.looks import Bench, Effect

SETUP = """
import matplotlib; matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np, pandas as pd, polars as pl, seaborn as sns
from matplotlib import pyplot
notes = []
__counts__ = lambda: len(notes)
def noting(value): notes.append(1); return value
frame = pl.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "x"], "c": [1.5, None, 2.5]})
other = pl.DataFrame({"a": [1, 2], "z": [10, 20]})
column = frame["a"]
lazy = frame.lazy().with_columns(pl.col("a").map_elements(noting, return_dtype=pl.Int64))
noting_column = pl.col("a").map_elements(noting, return_dtype=pl.Int64)
class Thing: pass
things = pl.DataFrame({"t": pl.Series([Thing(), Thing()], dtype=pl.Object)})
df = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "x"], "c": [1.0, 2.0, 3.0]})
arr = np.arange(6.0).reshape(2, 3)
x = [1, 2, 3]
bins = 3
"""

LOOKING = r"""
frame
frame.head()
frame.shape
frame.height, frame.width
frame.columns
frame.schema
frame.dtypes
len(frame)
frame["a"]
frame["a"].mean()
frame["a"].to_list()
frame["b"].value_counts()
frame["b"].n_unique()
frame[0]
frame[0, "a"]
frame[:2]
frame[["a", "b"]]
frame.describe()
frame.glimpse()
frame.select("a", "b")
frame.select(pl.col("a").sum())
frame.select(pl.all().null_count())
frame.select(pl.col("a") * 2 + 1)
frame.filter(pl.col("a") > 1)
frame.filter((pl.col("a") > 1) & (pl.col("b") == "x")).head()
frame.with_columns((pl.col("a") * 2).alias("z"))
frame.with_columns(z=pl.col("b").str.to_uppercase())
frame.with_columns(pl.when(pl.col("a") > 1).then(1).otherwise(0).alias("z"))
frame.sort("a")
frame.sort("a", descending=True).head(1)
frame.group_by("b").agg(pl.col("a").mean())
frame.group_by("b").agg(pl.len(), pl.col("c").max().alias("top")).sort("b")
frame.group_by("b").len()
frame.join(other, on="a")
frame.join(other, on="a", how="left").shape
frame.drop("a")
frame.rename({"a": "A"})
frame.unique()
frame.drop_nulls()
frame.fill_null(0)
frame.null_count()
frame.is_duplicated().sum()
frame.to_dicts()
frame.to_pandas().head()
frame.rows()
frame.sample(2, seed=1)
frame.unpivot(index="b", on=["a", "c"])
frame.lazy().filter(pl.col("a") > 1).collect()
frame.lazy().group_by("b").agg(pl.col("a").sum()).sort("b").collect()
column
column.sum()
column.sort()
column > 1
column.reverse()
pl.concat([other, other])
pl.DataFrame({"a": [1]}).head()
pl.Series([1, 2]).sum()
mean = frame["a"].mean()
top = frame.sort("a").head(1)
per = frame.group_by("b").agg(pl.col("a").mean())
for c in frame.columns: print(c, frame[c].n_unique())
for row in frame.iter_rows(): print(row)
plt.hist(df["a"])
plt.hist(df.a, bins=bins, alpha=0.5)
plt.plot(x)
plt.plot(df["a"], df["c"], "o-", label="c")
plt.scatter(df.a, df.c)
plt.bar(df.b.value_counts().index, df.b.value_counts().values)
plt.imshow(arr)
plt.imshow(arr, cmap="viridis"); plt.colorbar()
plt.figure(figsize=(8, 4)); plt.plot(x); plt.title("title"); plt.xlabel("x"); plt.show()
plt.figure()\nplt.subplot(1, 2, 1)\nplt.plot(x)\nplt.tight_layout()\nplt.show()
for c in ["a", "c"]:\n    plt.hist(df[c], label=c)\nplt.legend()
plt.close("all")
pyplot.plot(x)
df.plot()
df.plot(x="a", y="c", kind="scatter")
df.plot.scatter("a", "c")
df["a"].plot()
df["a"].plot(kind="hist", bins=5)
df["a"].plot.hist(bins=5)
df["a"].hist()
df.hist(figsize=(4, 4))
df.boxplot(column="a", by="b")
df["b"].value_counts().plot.bar()
df.groupby("b")["a"].mean().plot(kind="bar", title="mean")
df.plot().set_title("title")
sns.histplot(df["a"])
sns.histplot(data=df, x="a", hue="b")
sns.boxplot(data=df, x="b", y="a")
sns.scatterplot(x=df["a"], y=df["c"])
sns.heatmap(df[["a", "c"]].corr(), annot=True)
sns.countplot(x="b", data=df)
sns.lineplot(data=df, x="a", y="c"); plt.show()
import matplotlib.pyplot as plt
import seaborn as sns
""".strip().splitlines()

NOT_LOOKING = r"""
frame[0, "a"] = 9
frame["a"] = [7, 8, 9]
frame.insert_column(0, pl.Series("z", [1, 2, 3]))
frame.replace_column(0, pl.Series("z", [1, 2, 3]))
frame.drop_in_place("a")
frame.extend(frame)
frame.hstack([pl.Series("z", [1, 2, 3])], in_place=True)
frame.vstack(frame, in_place=True)
frame.columns = ["p", "q", "r"]
frame.shrink_to_fit(in_place=True)
frame.rechunk()
column.append(column)
column.extend(column)
column.scatter(0, 9)
column[0] = 9
column.set_sorted()
column.shuffle()
column.name = "z"
column.rename("z", in_place=True)
frame.select(pl.col("a").map_elements(noting, return_dtype=pl.Int64))
frame.select(noting_column)
frame.with_columns(noting_column)
frame.filter(noting_column > 1)
frame.map_rows(noting)
frame.pipe(noting)
frame["a"].map_elements(noting, return_dtype=pl.Int64)
frame.group_by("b").map_groups(noting)
frame.select(pl.col("a").map_batches(noting))
frame.select(pl.col("a").pipe(noting))
lazy
lazy.collect()
lazy.select("a").collect()
things
things.head()
things["t"]
pl.sql("select * from frame").collect()
frame.sql("select * from self")
y = frame
y = column
y = frame.to_numpy()
y = pl.concat([frame])
y = pl.DataFrame(frame)
fig = plt.figure()
fig, ax = plt.subplots()
ax = df.plot()
lines = plt.plot(x)
n, edges, patches = plt.hist(x)
plt.gcf().canvas.mpl_connect("draw_event", noting)
plt.rcParams["figure.figsize"] = (1, 1)
plt.style.use("ggplot")
plt.hist(df["a"].map(noting))
plt.plot(x.pop())
plt.plot(x.append(1) or x)
plt.plot(list(map(noting, x)))
sns.FacetGrid(df).map(noting, "a")
sns.set_theme()
sns.histplot(df.pop("a"))
df.plot(kind=noting("bar"))
df["a"].apply(noting).plot()
plt.imshow(arr); arr.sort()
plt.clim(0, x.pop())
""".strip().splitlines()


@pytest.fixture(autouse=True)
def styles() -> Iterator[None]:
    """Cells set styles and leave figures; neither is to reach other tests."""
    with matplotlib.rc_context():
        yield
    matplotlib.pyplot.close("all")


def of_lines(table: list[str]) -> list[str]:
    return [line.replace("\\n", "\n") for line in table]


@pytest.mark.parametrize("cell", of_lines(LOOKING))
def test_cells_that_look(cell: str) -> None:
    bench = Bench(SETUP)
    assert bench.run(cell) == ""
    assert only_looks(cell, bench.namespace)
    assert Bench(SETUP).effect(cell) == Effect(frozenset(), frozenset())


@pytest.mark.parametrize("cell", of_lines(NOT_LOOKING))
def test_cells_that_do_not(cell: str) -> None:
    bench = Bench(SETUP)
    bench.run(cell)
    assert not only_looks(cell, bench.namespace)


@pytest.mark.parametrize(
    ("cell", "draws"),
    [
        ("plt.plot(x)", True),
        ("df.plot()", True),
        ("df.a.hist()", True),
        ("df.plot.bar()", True),
        ("sns.histplot(df.a)", True),
        ("df.apply(plt.plot)", True),
        ("list(map(plt.plot, [x]))", True),
        ("df.head()", False),
        ("frame.head()", False),
    ],
)
def test_drawing_is_told_apart(cell: str, draws: bool) -> None:
    look = Looking().look_of(cell, Bench(SETUP).namespace)
    assert look is not None and look.draws == draws
