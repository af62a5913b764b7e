"""Cells for the tests of the static check: what is in their namespace, those that only look, and
those that do not."""

from __future__ import annotations

SETUP = '''
import builtins, collections, datetime, functools, io, itertools, math, random, sys, time
from collections import Counter, OrderedDict, defaultdict, deque
from math import sqrt
import numpy as np
import pandas as pd

class Sneaky:
    """Whatever is asked of it, it notes."""
    def __init__(self): self.notes = []
    def note(self, *_): self.__dict__["notes"].append(1)
    def __repr__(self): self.note(); return "sneaky"
    __str__ = __repr__
    def __format__(self, spec): self.note(); return "sneaky"
    def __len__(self): self.note(); return 3
    def __iter__(self): self.note(); return iter([1, 2])
    def __eq__(self, other): self.note(); return False
    def __hash__(self): self.note(); return 1
    def __lt__(self, other): self.note(); return True
    def __bool__(self): self.note(); return True
    def __add__(self, other): self.note(); return 1
    __radd__ = __mul__ = __rmul__ = __sub__ = __rsub__ = __add__
    def __contains__(self, item): self.note(); return True
    def __getitem__(self, key): self.note(); return 1
    def __call__(self, *args): self.note(); return 1
    def __int__(self): self.note(); return 1
    __index__ = __int__
    def __float__(self): self.note(); return 1.0
    def __array__(self, *a, **k): self.note(); return np.zeros(2)
    def __getattr__(self, name):
        if name.startswith("_"): raise AttributeError(name)
        self.note(); return 1
    @property
    def value(self): self.note(); return 1

class Loud(str):
    def __hash__(self): notes.append(1); return 1
    def __eq__(self, other): notes.append(1); return True
    def __repr__(self): notes.append(1); return "loud"
    def __str__(self): notes.append(1); return "loud"

class Point:
    scale = 2
    def __init__(self, x): self.x = x; self.data = [1, 2]; self.frame = pd.DataFrame({"a": [1]})
    def move(self): self.x += 1
    @property
    def moved(self): self.x += 1; return self.x

class Meta(type):
    def __repr__(cls): notes.append(1); return "meta"
    def __instancecheck__(cls, other): notes.append(1); return True
class Made(metaclass=Meta): pass

class Odd:
    def __init__(self): self.held = [1]
    def __getattribute__(self, name):
        object.__getattribute__(self, "held").append(1)
        return object.__getattribute__(self, name)

class MyList(list):
    def __len__(self): notes.append(1); return list.__len__(self)
    def __iter__(self): notes.append(1); return list.__iter__(self)
class MyDict(dict):
    def __missing__(self, key): self[key] = 1; return 1
class MyFrame(pd.DataFrame):
    @property
    def _constructor(self): return MyFrame
    def head(self, n=5): notes.append(1); return 1

notes = []
df = pd.DataFrame({"a": [3, 1, 2, 4], "b": ["x", "y", "x", None], "c": [1.5, 2.5, None, 4.5],
                   "when": pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"]),
                   "kind": pd.Categorical(["u", "v", "u", "v"]), "name": ["k", "l", "m", "n"]})
other = pd.DataFrame({"a": [1, 2], "z": [10.0, 20.0]})
numbers = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 7.0]})
old = pd.DataFrame({"a": [1, 2], "t": pd.Series(["p", "q"], dtype=object)})
s = pd.Series([3, 1, 2], name="s")
texts = pd.Series(["one two", "three", "four five"])
times = pd.Series([1.0, 2.0, 3.0], index=pd.date_range("2024-01-01", periods=3))
multi = numbers.set_index("a", append=True)
index = pd.Index([1, 2, 3])
arr = np.arange(6.0).reshape(2, 3)
vector = np.array([3.0, 1.0, 2.0])
ints = np.array([1, 2, 3])
mask = np.array([True, False, True])
x = [3, 1, 2]
words = ["b", "a", "c"]
rows = [{"a": 1, "b": [1]}, {"a": 2, "b": [2]}]
nested = [[1, 2], [3]]
d = {"k": 1, "l": 2}
config = {"lr": 0.1, "layers": [1, 2], "sub": {"deep": [1]}}
frames = {"train": pd.DataFrame({"a": [1, 2]}), "test": pd.DataFrame({"a": [3]})}
t = (1, 2, [3])
colors = {"red", "blue"}
counts = Counter("abca")
ordered = OrderedDict(a=1)
queue = deque([1, 2, 3])
groups = defaultdict(list, {"a": [1]})
n = 5
ratio = 0.25
text = "hello world"
raw = b"abc"
flag = True
nothing = None
day = datetime.date(2024, 1, 1)
stamp = pd.Timestamp("2024-01-01")
point = Point(1)
points = [Point(1), Point(2)]
sneaky = Sneaky()
hidden = [1, Sneaky()]
by_sneaky = {"a": Sneaky()}
odd = Odd()
made = Made()
objects = pd.DataFrame({"a": [1, 2], "o": [Sneaky(), Sneaky()]})
listed = pd.DataFrame({"a": [1, 2], "o": [[1], [2]]})
loud = pd.Series([Loud("a"), Loud("b")], dtype=object)
attributed = pd.DataFrame({"a": [1]}); attributed.attrs["s"] = Sneaky()
object_array = np.empty(2, dtype=object); object_array[:] = [Sneaky(), Sneaky()]
generator = (i for i in [1, 2, 3])
iterator = iter([1, 2, 3])
zipped = zip([1, 2], [3, 4])
buffer = io.StringIO("line 1\\nline 2")
rng = np.random.default_rng(1)
rng2 = random.Random(1)
my_list = MyList([1, 2])
my_dict = MyDict(a=1)
my_frame = MyFrame({"a": [1, 2]})
grouped = df.groupby("a")
shadowed = pd.DataFrame({"a": [1, 2]})
object.__setattr__(shadowed, "head", lambda n=5: notes.append(1))
def grow(items=[]): items.append(1); return items
def identity(value): return value
def noting(value): notes.append(1); return value
@functools.lru_cache
def cached(value): return value
adder = notes.append
__counts__ = lambda: (len(notes), len(object.__getattribute__(odd, "held")))
'''

LOOKING = '''
df
df.head()
df.head(2)
df.tail(n)
df.shape
df.shape[0]
df.size
df.ndim
df.columns
df.columns.tolist()
list(df.columns)
list(df)
df.index
df.dtypes
df.dtypes["a"]
df.info()
df.describe()
df.describe(include="all")
df.describe().T
df["a"]
df["a"].head()
df["a"].mean()
df["a"].value_counts()
df["b"].value_counts(dropna=False)
df["b"].unique()
df["b"].nunique()
df.a
df.a.sum()
df.a.max() - df.a.min()
df.name
df.name.head()
df[["a", "c"]]
df[["a", "c"]].corr()
df[df.a > 2]
df[df["a"] > 2].head()
df[(df["a"] > 1) & (df["b"] == "x")]
df[~df["c"].isna()].shape
df[df["b"].isin(["x", "y"])]
df[df["a"].between(1, 2)]
df.loc[0]
df.loc[0, "a"]
df.loc[df.a > 2, ["a", "b"]]
df.loc[:, "a"]
df.iloc[0]
df.iloc[:2, 1:]
df.iloc[-1]["a"]
df.at[0, "a"]
df.iat[0, 0]
df.isna().sum()
df.isnull().sum().sum()
df.isna().mean().sort_values(ascending=False)
df.notna().all()
df.duplicated().sum()
df.sort_values("a")
df.sort_values("a", ascending=False).head(2)
df.sort_values(["a", "c"], ascending=[True, False])
df.sort_values("a", inplace=False)
df.sort_index()
df.reset_index()
df.reset_index(drop=True)
df.set_index("a")
df.rename(columns={"a": "A"})
df.drop(columns=["a"])
df.drop("a", axis=1).head()
df.drop_duplicates()
df.dropna()
df.fillna(0).head()
df.fillna({"c": 0.0})
df.select_dtypes(include="number").columns
df.select_dtypes(include=np.number)
df.sample(2)
df.sample(2, random_state=1)
df.nlargest(2, "a")
df.nsmallest(2, "a")
df.memory_usage()
df.memory_usage(deep=True).sum()
df.groupby("b").size()
df.groupby("b")["a"].mean()
df.groupby("b").agg({"a": "mean", "c": ["min", "max"]})
df.groupby("b").agg(n=("a", "count"), top=("c", "max"))
df.groupby("b")["a"].agg(["mean", "std"])
df.groupby(["b", "kind"], observed=True)["a"].sum().unstack()
df.groupby("b").a.count().sort_values(ascending=False).head(10)
df.groupby("b").get_group("x")
df.groupby("b", as_index=False)["a"].mean()
df.groupby("b").ngroups
df.pivot_table(index="b", values="a", aggfunc="mean")
df.melt(id_vars="a")
df.merge(other, on="a")
df.merge(other, on="a", how="left").head()
pd.merge(df, other, on="a")
pd.concat([other, other])
pd.crosstab(df["b"], df["kind"])
pd.cut(df["a"], 2).value_counts()
df.query("a > 2")
df.query("a > 2 and b == 'x'").shape
df.eval("a + c")
df.assign(z=df.a * 2).head()
df.agg({"a": "sum", "c": "mean"})
df[["a", "c"]].agg(["mean", "std"])
df[["a", "c"]].apply(np.mean)
df.apply(len)
df.apply(lambda row: row["a"] + 1, axis=1)
df["a"].apply(lambda v: v * 2)
df["a"].map(lambda v: f"{v:03d}")
df["b"].map({"x": 1, "y": 2})
df["a"].map(str)
df["b"].str.upper()
df["b"].str.contains("x", na=False).sum()
texts.str.split().str[0]
texts.str.len().max()
texts.str.replace("o", "0")
df["when"].dt.year
df.when.dt.month.value_counts()
df["when"].min()
df["kind"].cat.categories
df.to_dict()
df.to_dict("records")[:2]
df.to_string()
df.to_csv()
df.to_numpy()
df.values
df.values.tolist()
df.T
df.c.cumsum()
df.c.rolling(2).mean()
df.c.diff().abs().max()
df.c.quantile([0.25, 0.75])
df["a"].idxmax()
df.loc[df["a"].idxmax()]
df["a"].tolist()
df["a"].to_list()[0]
df["a"].dtype
df["a"].dtype == "int64"
df["a"] * 2 + df["c"]
-df["a"]
df["a"] == 1
(df["a"] > 1).sum()
(df.isna().sum() / len(df) * 100).round(2)
round(df["a"].mean(), 2)
numbers.corr()
numbers.corr().loc["a", "b"]
numbers.mean(axis=1)
numbers.std() / numbers.mean()
numbers @ numbers.T
numbers.abs().sum().sum()
numbers.clip(1, 3)
numbers.equals(numbers)
old
old["t"].value_counts()
old.t.str.upper()
s
s[0]
s.iloc[0]
s[s > 1]
s.sort_values()
s.sum()
s.name
s.index
s.values
s.to_frame()
s.rename("u")
times.resample("2D").mean()
times["2024-01-02":]
times.index.year
times.shift(1)
multi
multi.index.names
multi.xs(1.0, level="a")
index.max()
len(df)
len(df.columns)
len(df[df.a > 1])
len(x)
len(x) > 2
x
x[0]
x[-1]
x[1:]
x[::-1]
x.count(1)
x.index(1)
x + [4]
x * 2
3 in x
sum(x)
sum(x) / len(x)
max(x), min(x)
sorted(x)
sorted(x, reverse=True)
sorted(words, key=len)
sorted(words, key=str.lower)
sorted(d.items(), key=lambda kv: kv[1], reverse=True)[:5]
max(d, key=d.get)
list(reversed(x))
list(enumerate(words))
list(zip(x, words))
dict(zip(words, x))
list(map(str, x))
list(filter(None, x))
list(range(n))
[v * 2 for v in x]
[v for v in x if v > 1]
[w.upper() for w in words]
{v % 2 for v in x}
{k: v for k, v in d.items() if v > 1}
sum(v for v in x)
any(v > 2 for v in x)
all(isinstance(v, int) for v in x)
[row["a"] for row in rows]
rows[0]
rows[0]["b"]
[len(part) for part in nested]
[v for part in nested for v in part]
d
d["k"]
d.get("z")
d.get("z", 0)
d.keys()
list(d.values())
"k" in d
sorted(d)[:5]
len(d)
config["layers"][0]
config["sub"]["deep"]
config.get("sub")
frames["train"].head()
frames["train"].shape, frames["test"].shape
{name: len(frame) for name, frame in frames.items()}
t
t[2]
colors
colors | {"green"}
colors & {"red"}
"red" in colors
sorted(colors)
counts.most_common(2)
counts["a"]
counts["zz"]
Counter(words).most_common(1)
ordered["a"]
queue[0]
len(queue)
list(queue)
len(groups)
groups
groups.get("zz")
list(groups.items())
n
n + 1
n ** 2 / 3
-n
not flag
n > 3 and flag
n if flag else 0
type(n)
type(df)
type(df).__name__
sneaky is None
sneaky is not sneaky
isinstance(df, pd.DataFrame)
isinstance(n, (int, float))
text
text.upper()
text[:5]
text.split()
text.split()[0].title()
len(text.split())
"world" in text
text.replace("l", "L").count("L")
", ".join(words)
"%s has %d" % (text, n)
"{} {:.2f}".format(text, ratio)
f"{n} {ratio:.2%} {text!r} {n=}"
f"{df.shape[0]:,} rows, {df['a'].mean():.{n}f}"
raw.decode()
day
day.year
day.strftime("%Y")
stamp
stamp.day_name()
stamp.year + 1
nothing is None
id(x)
print(x)
print(n, text, ratio, sep=", ")
print("a", end="")
print(df.head())
print(df.to_string())
print(f"mean: {df['a'].mean():.2f}")
print(*words)
print()
for w in words: print(w)
for c in df.columns: print(c, df[c].dtype)
for c in df.columns: print(c, df[c].nunique())
for i, c in enumerate(df.columns): print(i, c)
for k, v in d.items(): print(k, v)
for key in sorted(d): print(f"{key}: {d[key]}")
for i in range(3): print(i, x[i])
for a, b in zip(x, words): print(a, b)
for v in df["a"]: print(v)
for v in df["b"].unique(): print(v, (df["b"] == v).sum())
if len(df) > 2: print("many")
if df["a"].isna().any():\\n    print("missing")\\nelse:\\n    print("complete")
assert df["a"].notna().all()
assert len(df) == 4, f"{len(df)} rows"
n_rows = len(df)
n_rows, n_columns = df.shape
mean = df["a"].mean()
mean, std = df["a"].mean(), df["a"].std()
columns = df.columns.tolist()
names = [c for c in df.columns if df[c].dtype == "float64"]
lengths = {k: len(v) for k, v in frames.items()}
total = 0
total = sum(x)
best = max(x)
label = f"{n} rows"
is_big = n > 3
lookup = dict(zip(words, x))
ordered_words = sorted(words)
total = 0\\nfor v in x: total += v
total = 0\\nfor c in ["a", "c"]:\\n    total += df[c].sum()\\nprint(total)
totals = {}
threshold = df["a"].mean() + 2 * df["a"].std()\\nprint((df["a"] > threshold).sum())
first = df["a"].iloc[0]
col_means = arr.mean(axis=0)
scaled = (arr - arr.mean()) / arr.std()\\nprint(scaled[:2])
u = np.unique(ints)
arr
arr.shape
arr.dtype
arr.T
arr.mean()
arr.sum(axis=0)
arr.std(axis=1, keepdims=True)
arr.max(), arr.min()
arr.reshape(3, 2)
arr.ravel()[:3]
arr[0]
arr[0, 1]
arr[:, 1]
arr[arr > 2]
vector[mask]
arr[..., None].shape
arr + 1
arr @ arr.T
arr > 2
(arr > 2).any()
arr.astype(int)
arr.tolist()
arr.round(2)
arr.argmax()
vector.argsort()
vector.cumsum()
np.mean(arr)
np.mean(arr, axis=0)
np.sum(arr > 2)
np.sqrt(arr)
np.sort(vector)
np.argsort(vector)[::-1]
np.unique(ints, return_counts=True)
np.where(arr > 2, 1, 0)
np.percentile(arr, [25, 50, 75])
np.isnan(arr).sum()
np.allclose(arr, arr)
np.concatenate([arr, arr])
np.vstack([vector, vector])
np.linspace(0, 1, 5)
np.arange(10)
np.corrcoef(vector, vector)[0, 1]
np.linalg.norm(vector)
np.histogram(vector, bins=3)
np.median(vector)
np.pi * 2
np.array([1, 2, 3]).mean()
math.sqrt(n)
math.pi
sqrt(n)
pd.to_datetime(["2024-01-01"])
pd.Series([1, 2, 3]).mean()
pd.DataFrame({"a": [1, 2]}).head()
pd.Timestamp("2024-01-01").year
pd.isna(nothing)
pd.date_range("2024-01-01", periods=3)
point.x
point.scale
point.data[0]
point.frame.head()
points[0].x
import numpy as np
import pandas as pd, math
from math import floor
import numpy as np\\narr.mean()
df.describe(); df.head()
df.a.sum() if n else df.c.sum()
df.nope
df["nope"]
1 / 0
x[99]
int("z")
str(n), float(n), int(ratio), bool(x), list(text), tuple(x), set(x)
abs(-n), round(ratio, 1), divmod(n, 2), pow(n, 2)
hash(text), ord("a"), chr(97), bin(n), hex(n)
"""only a text"""
...
pass
'''

LOOKING_SINCE_PANDAS_3 = """
for row in df.itertuples(): print(row.a, row.b)
summary = df.describe()
top = df["b"].value_counts()
per_kind = df.groupby("b")["a"].mean()
missing = df.isna().sum()
corr = numbers.corr()
"""
# Before, what the cell binds may have an index in common with what was there.

CHANGING = """
x.append(1)
x.extend([1])
x.insert(0, 1)
x.pop()
x.remove(1)
x.clear()
x.sort()
x.reverse()
x[0] = 9
x[0:1] = []
del x[0]
x += [1]
x *= 2
x.__setitem__(0, 9)
(y := x).append(1)
[x.append(v) for v in (1, 2)]
[x.pop() for _ in range(2)]
list(map(x.append, [1]))
list(map(adder, [1]))
sorted(x, key=adder)
max(x, key=adder)
print(x.pop())
f"{x.pop()}"
x.append(1) or x
x.pop() if x else 0
len(x) and x.append(1)
{"a": x.append(1)}
(x.append(1),)
x[x.pop() - 2]
(lambda: x.append(1))()
list(map(lambda v: x.append(v), [1]))
sum((x.append(v) or 1) for v in [1])
for v in [1]: x.append(v)
m = map(lambda v: n.append(v), [1])\\nn = x\\nlist(m)
z = words.count\\nwords = x\\nwords.append(1)
name = "a"\\nfor name in [x, x]: pass\\nname.append(1)
for k in (1, 2):\\n    if k == 2: v.append(1)\\n    v = x
v = [1]\\nfor k in (1, 2):\\n    v += [1]\\n    v = x
v = 0\\nfor k in (1, 2):\\n    v += [1]\\n    v = x
if n: v = x\\nv.append(1)
if n:\\n    v = x\\nelse:\\n    v = "text"\\nv.append(1)
v = "text"\\nif n: v = x\\nv.append(1)
v = "text"\\nv = [x, v][0]\\nv.append(1)
v = []\\nv += [x]\\nv[0].append(1)
v = ()\\nv += (x,)\\nv[0].append(1)
v = []\\nv += nested\\nv[0].append(1)
v = {}\\nv |= {"a": x}\\nv["a"].append(1)
s2 = s\\ns2 += 1
a2 = arr\\na2 *= 2
a2 = arr[0]\\na2 *= 2
a2 = arr.T\\na2 += 1
for row in arr: row += 1
for row in arr: row[0] = 9
for row in arr:\\n    row *= 2
total = arr\\nfor row in arr: total += row
total = vector[:]\\nfor v in x: total += v
total = np.asarray(vector)\\ntotal += 1
total = np.ravel(vector)\\ntotal += 1
total = vector.reshape(3)\\ntotal += 1
total = np.diff(vector, 0)\\ntotal += 1
total = df["a"]\\ntotal += 1
total = df.values\\ntotal += 1
h, edges = np.histogram(vector, ints)\\nedges += 1
for x[0] in [7]: pass
if x: x.append(1)
while len(x) < 9: x.append(1)
try:\\n    x.append(1)\\nfinally: pass
with buffer: pass
y = x\\ny.append(1)
y = x\\ny[0] = 9
y = x\\ny += [1]
z = [x]\\nz[0].append(1)
for y in [x]:\\n    y.append(1)
for y in nested:\\n    y.append(1)
for y in nested: y += [1]
[part.append(1) for part in nested]
nested[0].append(1)
nested[0][0] = 9
rows[0]["a"] = 9
rows[0]["b"].append(1)
[row["b"].append(1) for row in rows]
[row.update(z=1) for row in rows]
rows[0].setdefault("z", 1)
d["z"] = 1
d.update(z=1)
d.pop("k")
d.popitem()
d.setdefault("z", 1)
d.clear()
del d["k"]
d |= {"z": 1}
d.__setitem__("z", 1)
config["layers"].append(1)
config["sub"]["deep"] += [1]
config["sub"].update(a=1)
config.get("sub").update(a=1)
for v in config.values():\\n    if isinstance(v, dict): v.clear()
frames["train"]["b"] = 1
frames["train"].loc[0, "a"] = 9
for f in frames.values(): f["z"] = 1
for name, f in frames.items(): f.insert(0, "z", 1)
t[2].append(1)
colors.add("green")
colors.discard("red")
colors.remove("red")
colors.pop()
colors.clear()
colors.update({"green"})
colors |= {"green"}
colors.difference_update({"red"})
counts.update("a")
counts.subtract("a")
counts["a"] += 1
ordered.move_to_end("a") or ordered.popitem()
queue.append(1)
queue.popleft()
queue.rotate(1)
queue.appendleft(1)
groups["new"]
groups["new"].append(1)
print(groups["new"])
len(groups["new"])
[groups[k] for k in ("new", "newer")]
s.map(groups)
"%(new)s" % groups
"{new}".format_map(groups)
text.translate(groups)
str.format_map("{new}", groups)
list(map("{new}".format_map, [groups]))
max(groups, groups, key=len)["new"]
next(iter([]), groups)["new"]
sum([], groups)["new"]
(groups if n else d)["new"]
(groups or d)["new"]
[groups][0]["new"]
{"g": groups}["g"]["new"]
[g["new"] for g in (groups,)]
list(map(lambda g: g["new"], [groups]))
g = groups\\nlen(g["new"])
my_dict["new"]
"%(new)s" % my_dict
df["z"] = 1
df["a"] = df["a"] * 2
df.a = 0
df.columns = list("ABCDEF")
df.index = [4, 5, 6, 7]
df.index.name = "i"
df.name[0] = "changed"
df.loc[0, "a"] = 9
df.iloc[0, 0] = 9
df.at[0, "a"] = 9
df.iat[0, 0] = 9
df.sort_values("a", inplace=True)
df.sort_values("a", inplace=flag)
df.sort_values("a", inplace=1)
df.sort_values("a", **{"inplace": True})
df.drop(columns="a", inplace=True)
df.rename(columns={"a": "A"}, inplace=True)
df.reset_index(inplace=True)
df.set_index("a", inplace=True)
df.dropna(inplace=True)
df.fillna({"c": 0}, inplace=True)
df.drop_duplicates("b", inplace=True)
df.query("a > 2", inplace=True)
df.eval("z = a + c", inplace=True)
df.replace({"a": {1: 9}}, inplace=True)
df.insert(0, "z", 1)
df.pop("a")
df.update(pd.DataFrame({"a": [9, 9, 9, 9]}))
df.attrs["note"] = 1
df.attrs.update(note=1)
df.flags.allows_duplicate_labels = False
del df["a"]
df.__setitem__("z", 1)
df.agg("pop", item="a")
df.agg("update", other=pd.DataFrame({"a": [9]}))
df.apply("insert", loc=0, column="z", value=1)
df.pipe(lambda f: f.insert(0, "z", 1))
df.pipe(pd.DataFrame.insert, 0, "z", 1)
pd.DataFrame.insert(df, 0, "z", 1)
pd.DataFrame.pop(df, "a")
df.apply(noting)
df["a"].apply(noting)
df["a"].map(noting)
df["a"].apply(lambda v: notes.append(v))
df["a"].apply(notes.append)
df["a"].map(adder)
df.groupby("b").apply(noting)
df.groupby("b")["a"].agg(noting)
df.groupby("b")["a"].agg(lambda v: notes.append(1))
df.groupby(noting).size()
df.assign(z=noting)
df.assign(z=lambda f: notes.append(1))
df.loc[lambda f: notes.append(1) or [0]]
df[lambda f: notes.append(1) or ["a"]]
df.query("a > @noting(1)")
df.eval("a + @noting(1)")
df.to_csv(buffer)
df.info(buf=buffer)
df["b"].str.replace("x", lambda m: notes.append(1) or "y", regex=True)
df.pivot_table(index="b", values="a", aggfunc=noting)
df.sample(2, random_state=rng)
for c in df.columns: df[c] = 1
for c in df: df.pop(c)
[df.pop(c) for c in ["a"]]
for i, row in df.iterrows(): df.loc[i, "a"] = 9
s[0] = 9
s.iloc[0] = 9
s.loc[9] = 9
s.name = "u"
s.pop(0)
s.update(pd.Series([9, 9, 9]))
s += 1
s.sort_values(inplace=True)
s.index.name = "i"
index.name = "i"
arr[0, 0] = 9
arr[:] = 0
arr += 1
arr.sort()
arr[:, ::-1].sort()
vector.sort()
vector[::-1].sort()
vector.partition(1)
vector.fill(0)
vector.put([0], 9)
vector.itemset
vector.resize(5, refcheck=False)
vector.byteswap(True)
vector.byteswap(inplace=True)
vector.setflags(write=False)
vector.shape = (3, 1)
vector.T[0] = 9
vector.reshape(3, 1)[0] = 9
vector.view()[0] = 9
vector.flat[0] = 9
np.add(vector, 1, vector)
np.add(vector, 1, out=vector)
np.sqrt(vector, vector)
np.sqrt(vector, out=vector)
np.clip(vector, 0, 1, vector)
np.clip(vector, 0, 1, out=vector)
np.cumsum(vector, 0, None, vector)
np.median(vector, overwrite_input=True)
np.copyto(vector, 0)
np.put(vector, [0], 9)
np.place(vector, mask, 9)
np.putmask(vector, mask, 9)
np.fill_diagonal(arr, 9)
np.nan_to_num(arr, copy=False) + arr.sort()
np.random.default_rng(1).shuffle(vector)
np.random.shuffle(vector)
random.shuffle(x)
rng.normal()
rng.shuffle(vector)
rng2.random()
rng2.shuffle(x)
vector.round(0, vector)
vector.clip(0, 1, vector)
vector.cumsum(0, None, vector)
np.ufunc.at(np.add, vector, [0], 1)
np.add.at(vector, [0], 1)
next(iterator)
next(generator)
list(iterator)
list(generator)
sum(generator)
for v in iterator: print(v)
for v in zipped: print(v)
[v for v in iterator]
2 in iterator
max(iterator)
sorted(zipped)
dict(zipped)
print(*iterator)
a, b, c = iterator
np.array(list(iterator))
pd.Series(iterator)
list(map(str, iterator))
list(zip(x, iterator))
list(enumerate(iterator))
buffer.read()
buffer.readline()
for line in buffer: print(line)
print(x, file=buffer)
print("a", file=buffer)
buffer.write("z")
sneaky
print(sneaky)
str(sneaky)
repr(sneaky)
f"{sneaky}"
f"{sneaky:>3}"
"%s" % sneaky
"{}".format(sneaky)
len(sneaky)
list(sneaky)
sneaky == 1
1 == sneaky
sneaky + 1
sneaky < 1
not sneaky
1 if sneaky else 2
sneaky and 1
1 in sneaky
sneaky[0]
sneaky()
sneaky.value
sneaky.anything
hash(sneaky)
bool(sneaky)
int(sneaky)
{sneaky}
{sneaky: 1}
sneaky in x
x.count(sneaky)
x.index(sneaky) if sneaky in x else 0
sorted([sneaky, sneaky])
max(sneaky, 1)
sum([1, 2], sneaky)
d.get(sneaky)
x[sneaky]
np.array(sneaky)
np.sum(sneaky)
arr + sneaky
df["a"] == sneaky
df["a"].map({1: sneaky}).to_string()
df.fillna({"c": sneaky}).to_string()
pd.Series([sneaky]).to_string()
pd.DataFrame({"a": [sneaky]})
for v in sneaky: print(v)
for sneaky.value2 in [1]: pass
assert sneaky
print(sneaky.notes, sneaky)
hidden
print(hidden)
f"{hidden}"
str(hidden)
sorted(hidden, key=str)
hidden[1].value
hidden == [1, 2]
1.5 in hidden
[str(v) for v in hidden]
for v in hidden: print(v)
by_sneaky
by_sneaky["a"].value
list(by_sneaky.values())
max(by_sneaky.values())
objects
objects.head()
print(objects)
objects["o"].value_counts()
objects.to_string()
objects.sort_values("o")
objects["o"] == 1
objects.describe()
loud
loud.unique()
loud.value_counts()
loud == "a"
loud.to_list()
attributed.head()
object_array
object_array == 1
np.sort(object_array)
point.move()
point.moved
point.x = 2
point.x += 1
point.data.append(1)
point.data[0] = 9
point.frame["b"] = 1
[p.move() for p in points]
for p in points: p.x = 9
setattr(point, "x", 9)
point.__dict__["x"] = 9
vars(point)["x"] = 9
vars(point).update(x=9)
Point.scale = 3
Point.move(point)
odd.held
made
Made
type(made)
isinstance(n, Made)
my_list
len(my_list)
for v in my_list: print(v)
sorted(my_list)
my_frame.head()
shadowed.head()
grow()
grow(x)
noting(1)
print(noting(1))
notes.append(1)
adder(1)
cached(1) or notes.append(1)
[noting(v) for v in x]
sorted(x, key=noting)
max(x, key=noting)
list(filter(noting, x))
list(map(noting, x))
sum(map(noting, x))
functools.reduce(lambda a, b: notes.append(1) or a, x)
itertools.accumulate
exec("x.append(1)")
eval("x.append(1)")
globals()["x"].append(1)
globals()["x"] += [1]
vars()["x"].append(1)
locals()["x"].append(1)
__import__("builtins").setattr(point, "x", 9)
getattr(x, "append")(1)
list.append(x, 1)
list.sort(x)
dict.update(d, z=1)
dict.setdefault(d, "z", 1)
set.add(colors, "green")
list.__setitem__(x, 0, 9)
operator = __import__("operator")\\noperator.setitem(x, 0, 9)
def f(): x.append(1)\\nf()
class C: x.append(1)
async def f(): x.append(1)
@noting\\ndef f(): pass
import copy\\ncopy.copy(sneaky).note()
sys.modules["__main__"] is None or x.append(1)
match x:\\n    case [first, *rest]: x.append(1)
x = [3]\\nx.append(x)\\nd["k"] = x
print(x.append(1), x)
len([x.append(1)])
list(x.pop() for _ in range(1))
any(x.append(v) for v in x[:1])
(x if x else d).clear()
(x or d).append(1)
[x][0].append(1)
{"a": x}["a"].append(1)
(x, d)[0].append(1)
[x, nested][0].append(1)
list([x])[0].append(1)
dict(a=x)["a"].append(1)
sorted([x])[0].append(1)
next(iter([x])).append(1)
list(zip([x]))[0][0].append(1)
max([x, [0]]).append(1)
min([x, [9]]).append(1)
(lambda v: v)(x).append(1)
list(map(lambda v: v.append(1), [x]))
list(filter(lambda v: v.append(1), [x]))
sorted([x], key=lambda v: v.append(1) or 0)
max([x], key=lambda v: v.pop())
pd.Series([x]).iloc[0].append(1)
pd.Series([x])[0].append(1)
[v.append(1) for v in pd.Series([x])]
pd.Series([x]).tolist()[0].append(1)
pd.Series([x]).map(lambda v: v.append(1))
pd.Series([x]).apply(lambda v: v.pop())
np.array([x, nested[1]], dtype=object)[0].append(1)
np.asarray(vector)[0] = 9
np.asarray(vector).sort()
np.ravel(vector).sort()
np.reshape(vector, (3, 1)).fill(0)
df["a"].values.sort() or vector.sort()
point.data.sort()
x.sort(key=len) if False else x.sort()
d.items().__iter__ and d.clear()
text = x\\ntext.append(1)
n = x\\nn += [1]
words = words\\nwords.append("z")
words.append("z")\\nwords = 1
point.move()\\npoint = "text"
sneaky.count(1)\\nsneaky = "text"
x.count(sneaky)\\nx = "text"
"""

DOUBTFUL = """
identity(x)
y = x
y = x[0:2], x
y = nested[0]
y = nested[:1]
y = rows[0]
y = config["sub"]
y = config.get("sub")
y = list(nested)
y = sorted(nested)
y = [part for part in nested]
y = {k: v for k, v in config.items()}
y = dict(config)
y = dict(nested=nested)
y = dict(d, z=nested)
y = dict(df)
y = dict(s)
if n: y = dict(df)
y = (x, n)
y = [x]
y = {"x": x}
y = arr[0]
y = arr.T
y = arr.reshape(3, 2)
y = arr.ravel()
y = np.asarray(arr)
y = np.squeeze(arr)
y = df
y = df["a"]
y = df.a
y = df.head()
y = df.values
y = df["a"].values
y = df["a"].to_numpy()
y = df.groupby("a")
y = df.iloc[0]
y = df.T
y = df.columns
y = df.sort_values("a")
y = iter(x)
y = zip(x, words)
y = map(str, x)
y = enumerate(x)
y = reversed(x)
y = (v for v in x)
y = d.items()
y = d.keys()
y = d.get
y = x.append
y = lambda: 1
y = lambda: x
y = point
y = point.data
y = frames["train"]
y = math
y, z = x, words
y = z = x
y = x if n else words
y = x or words
y = t[2]
y = grouped
for part in nested: print(part)
for row in rows: print(row)
for name, frame in frames.items(): print(name)
for name, group in df.groupby("b"): print(name)
for i, row in df.iterrows(): print(row["a"])
grouped.size()
grouped["a"].mean()
np.random.normal()
np.random.seed(1)
random.random()
random.seed(1)
import this_is_no_module
import os
from os import path
%time
x?
!ls
get_ipython()
get_ipython().run_line_magic("matplotlib", "inline")
await x
global x
_
_1
Out[1]
In
exit
globals()
locals()
vars()
dir()
vars(point)
dir(df)
getattr(point, "x")
open("file")
input()
help(df)
compile("1", "", "eval")
pd.set_option("display.max_rows", 10)
pd.options.display.max_rows = 10
np.set_printoptions(precision=2)
np.seterr(all="ignore")
x.append
df.head
y: int = 3
del n
n += 1
raise ValueError
return 1
try: print(x)
except Exception: print(1)
with open("file") as f: print(f)
while False: print(x)
def f(): return 1
class C: pass
listed
listed["o"].map(len)
point
points
grow
Point
np.vectorize(noting)
np.frompyfunc(noting, 1, 1)
np.fromiter(generator, float)
df.style
df.pipe(len)
df.attrs
df.__len__()
df._mgr
unknown_name
unknown_name.head()
pd.unknown_function(df)
df.unknown_method()
time.sleep(0)
sys.exit
sys.stdout
datetime.datetime.now()
x.__len__()
print(x, **d)
print(x, flush=sneaky)
"""


def cells(table: str) -> list[str]:
    """One cell to a line of the table."""
    return [line.replace("\\n", "\n") for line in table.strip().splitlines()]
