"""Workloads that do one thing: look at a frame, change it, append to it, change lists of bytes."""

from __future__ import annotations

from pod.bench.workloads.base import Source, Workload, cells_of

FRAME = """
import numpy as np
import pandas as pd

pd.options.future.infer_string = <<arrow>>
rng = np.random.default_rng(<<seed>>)
words = np.array([
    "amber", "birch", "cedar", "delta", "ember", "fjord", "glade", "heron", "inlet", "jetty",
    "knoll", "larch", "maple", "north", "ochre", "pearl", "quartz", "river", "slate", "thorn",
], dtype=object)
df = pd.DataFrame({
    "id": np.arange(<<rows>>),
    "group": rng.integers(0, 100, <<rows>>),
    "price": rng.integers(100, 100_000, <<rows>>) / 100,
    "score": rng.normal(size=<<rows>>).round(3),
    "text": <<text>>,
})
"""
LONG_TEXT = """[
        f"{a} {b} {c}: order {n} of the {d} went out by the {e} road and has not arrived"
        for n, (a, b, c, d, e) in enumerate(words[rng.integers(0, 20, (<<rows>>, 5))])
    ]"""

SHORT_TEXT = (
    '[f"{word[:2]}{n % 10_000:04d}" for n, word in enumerate(words[rng.integers(0, 20, <<rows>>)])]'
)

LOOKS = """
# %%
df.head()
# %%
df.shape
# %%
df.info()
# %%
df.describe()
# %%
df["price"].mean()
# %%
df["group"].value_counts()
# %%
df["text"].str.len().describe()
# %%
print(df["score"].quantile([0.05, 0.25, 0.5, 0.75, 0.95]))
# %%
df.isna().sum()
# %%
df.groupby("group")["price"].mean().head()
# %%
df[df["price"] > 990].head(10)
# %%
df["score"].std(), df["score"].min(), df["score"].max()
# %%
len(df[df["group"] == 7])
# %%
df.sample(5, random_state=0)
# %%
df.dtypes
# %%
df["text"].iloc[12345 % len(df)]
# %%
df[["price", "score"]].corr()
# %%
df.nlargest(10, "price")
# %%
df["text"].str.startswith("amber").sum()
# %%
df.memory_usage()
# %%
print(df.tail(3).to_string())
"""

CHANGES = """
# %%
df["total"] = df["price"] * 1.19
# %%
df["score"] = df["score"] + 1
# %%
df = df.rename(columns={"group": "kind"})
# %%
df.loc[df["kind"] == 7, "price"] = 0.0
# %%
df["is_cheap"] = df["price"] < 50
# %%
df = df.drop(columns=["total"])
# %%
df["rank"] = df["score"].rank()
# %%
df = df.sort_values("price", kind="stable")
# %%
df["rank"] = df["rank"].astype("int32")
# %%
df.columns = [name.upper() for name in df.columns]
# %%
df.iloc[:1000, 3] = -1.0
# %%
del df["RANK"]
"""


def _frame(source: Source, text: str, rows: int, arrow: int) -> str:
    return (
        FRAME.replace("<<text>>", text)
        .replace("<<rows>>", str(rows))
        .replace("<<arrow>>", str(bool(arrow)))
        .replace("<<seed>>", str(source.seed))
    )


def _rows(source: Source, rows: int) -> int:
    return rows or source.pick(2_000, 1_000_000, 1_000_000)


def readonly(source: Source, *, rows: int = 0, arrow: int = 0) -> Workload:
    """22 cells: a frame of 1,000,000 rows, four columns of numbers and one of text, is made, and
    looked at in 21 ways."""
    frame = _frame(source, LONG_TEXT, _rows(source, rows), arrow)
    return Workload(cells_of(frame + LOOKS))


def update(source: Source, *, rows: int = 0, arrow: int = 0) -> Workload:
    """13 cells: such a frame with shorter text is made, and then a column is added, changed,
    renamed or dropped, or the rows are sorted anew, in each of twelve more."""
    frame = _frame(source, SHORT_TEXT, _rows(source, rows), arrow)
    return Workload(cells_of(frame + CHANGES))


def append(source: Source, *, rows: int = 0, arrow: int = 0, count: int = 10) -> Workload:
    """The frame of `update`, to which each of ten more cells appends a thousandth of its rows."""
    rows = _rows(source, rows)
    more = f"df = pd.concat([df, df.sample({max(1, rows // 1000)}, random_state=rng)])"
    frame = _frame(source, SHORT_TEXT, rows, arrow)
    return Workload((*cells_of(frame), *[more] * count))


LISTS = """
import random
rng = random.Random({seed})
lists = [[rng.randbytes({size}) for _ in range({values})] for _ in range({lists})]
"""
REPLACE = """
for chosen in rng.sample(lists, {some_lists}):
    for place in rng.sample(range({values}), {some_values}):
        chosen[place] = rng.randbytes({size})
"""


def rmtree(
    source: Source,
    *,
    lists: int = 100,
    values: int = 0,
    size: int = 100,
    cells: int = 10,
    share_lists: float = 0.1,
    share: float = 0.1,
) -> Workload:
    """100 lists of 10,000 values of 100 random bytes; each of ten cells replaces 10 % of the values
    in 10 % of the lists."""
    values = values or source.pick(50, 10_000, 10_000)
    given = {
        "seed": source.seed,
        "lists": lists,
        "values": values,
        "size": size,
        "some_lists": max(1, round(lists * share_lists)),
        "some_values": max(1, round(values * share)),
    }
    return Workload((LISTS.format(**given).strip(), *[REPLACE.format(**given).strip()] * cells))


def rmlist(
    source: Source, *, values: int = 0, size: int = 100, cells: int = 10, share: float = 0.1
) -> Workload:
    """One list of 1,000,000 values of 100 random bytes; each of ten cells replaces 10 % of them."""
    values = values or source.pick(500, 1_000_000, 1_000_000)
    return rmtree(
        source, lists=1, values=values, size=size, cells=cells, share_lists=1.0, share=share
    )


BIG = """
import numpy as np
rng = np.random.default_rng({seed})
arrays = {{f"part{{n}}": rng.integers(0, 1 << 62, {length}) for n in range({arrays})}}
for number in range({variables}):
    globals()[f"v{{number}}"] = [number, str(number), {{"n": number}}]
small = []
"""


def big(source: Source, *, gigabytes: float = 0.0, variables: int = 0, cells: int = 15) -> Workload:
    """4 GB of arrays and 10,000 small variables, of which each cell touches one small one: half of
    the cells at once, while the first save is under way, and half of them after a rest."""
    gigabytes = gigabytes or {"tiny": 0.004, "quick": 4.0, "full": 4.0}[source.scale]
    variables = variables or source.pick(100, 10_000, 10_000)
    arrays = 16
    made = BIG.format(
        seed=source.seed,
        arrays=arrays,
        length=int(gigabytes * 1e9 / 8 / arrays),
        variables=variables,
    )
    touches = [f"small.append({n})" for n in range(2 * cells)]
    return Workload((made.strip(), *touches), rests=frozenset({cells + 1}))


OBJECTS = """
class Point:
    def __init__(self, x, name):
        self.x = x
        self.name = name
        self.marks = [x]


points = [Point(n, str(n)) for n in range({count})]
"""


def objects(source: Source, *, count: int = 0, cells: int = 10) -> Workload:
    """1,000,000 Python objects, instances of a class of the notebook and lists, of which each cell
    changes one."""
    count = count or source.pick(300, 500_000, 500_000)
    changes = [f"points[{(7919 * (n + 1)) % count}].marks.append({n})" for n in range(cells)]
    return Workload((OBJECTS.format(count=count).strip(), *changes))


LOOPS = """
def over_globals(count):
    total = 0
    for i in range(count):
        total += step
        total -= half
    return total
# %%
def over_builtins(count):
    text = "four"
    for i in range(count):
        len(text)
        abs(i)
    return i
# %%
def made_of_calls(count):
    for i in range(count):
        add(i, step)
def add(a, b):
    return a + b
step, half, total = 3, 1, 0
# %%
over_globals(<<count>>)
# %%
over_builtins(<<count>>)
# %%
made_of_calls(<<count>>)
# %%
for i in range(<<count>>):
    total += step
    total -= half
# %%
for i in range(<<count>>):
    len("four")
    abs(i)
"""
LOOPS_FIRST = 3
"""How many cells of `loops` come before those that are timed."""
LOOP_NAMES = (
    "globals in a function",
    "builtins in a function",
    "calls in a function",
    "globals in a cell",
    "builtins in a cell",
)
"""What the cells of `loops` from the fourth on are, again and again."""


def loops(source: Source, *, rounds: int = 7) -> Workload:
    """Tight loops, for what tracking adds to them: each of five kinds, in as many rounds, each once
    the save of the one before is over, since two threads of one core slow each other down."""
    count = source.pick(20_000, 2_000_000, 2_000_000)
    cells = cells_of(LOOPS, count=count)
    made, timed = cells[:LOOPS_FIRST], cells[LOOPS_FIRST:]
    cells = (*made, *timed * rounds)
    return Workload(cells, rests=frozenset(range(len(cells))))
