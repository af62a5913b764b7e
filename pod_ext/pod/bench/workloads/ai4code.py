"""Thousands of notebooks as lists and dicts of strings, with the files of Google AI4Code."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

from pod.bench.workloads.base import Source, Workload, cells_of

WORDS = (
    "load the data and look at first rows we see that there are missing values in this column "
    "train model plot distribution of target feature importance submission cross validation "
    "fold score improve baseline next step clean text encode split predict test set results"
).split()
LINES = (
    "import pandas as pd", "import numpy as np", "df = pd.read_csv('../input/{a}/train.csv')",
    "df.head()", "df['{a}'].value_counts()", "plt.figure(figsize=({n}, {n}))", "plt.show()",
    "sns.countplot(x='{a}', data=df)", "model.fit(X_train, y_train)", "print(model.score(X_test))",
    "for {a} in range({n}):", "    total += {a} * {n}", "def {a}(x, y={n}):", "    return x + y",
    "X = df.drop(columns=['{a}', '{b}'])", "df['{a}_{b}'] = df['{a}'] / df['{b}']",
)  # fmt: skip


def notebooks(directory: Path, count: int, seed: int) -> None:
    """Write so many notebooks as `train/<id>.json`, and the order of their cells."""
    rng = np.random.default_rng(seed)
    (directory / "train").mkdir(parents=True)
    with (directory / "train_orders.csv").open("w", newline="") as file:
        orders = csv.writer(file)
        orders.writerow(["id", "cell_order"])
        for number in range(count):
            name = f"{number:06x}{int(rng.integers(1 << 32)):08x}"
            cells = max(4, int(rng.lognormal(3.4, 0.6)))
            ids = [f"{int(rng.integers(1 << 32)):08x}" for _ in range(cells)]
            types = {each: "code" if rng.random() < 0.66 else "markdown" for each in ids}
            sources = {each: _source(rng, types[each]) for each in ids}
            order = list(ids)
            # As in the competition: code first and in order, markdown after it in no order.
            ids.sort(
                key=lambda each: (types[each] != "code", each if types[each] != "code" else "")
            )
            content = {
                "cell_type": {each: types[each] for each in ids},
                "source": {each: sources[each] for each in ids},
            }
            (directory / "train" / f"{name}.json").write_text(json.dumps(content))
            orders.writerow([name, " ".join(order)])


def _source(rng: np.random.Generator, kind: str) -> str:
    if kind == "markdown":
        return "# " + " ".join(rng.choice(WORDS, size=int(rng.integers(2, 60))))
    lines = [LINES[int(n)] for n in rng.integers(0, len(LINES), int(rng.integers(1, 25)))]
    a, b = rng.choice(WORDS, size=2)
    return "\n".join(line.format(a=a, b=b, n=int(rng.integers(1, 100))) for line in lines)


NOTEBOOK = """
# %%
import json
from collections import Counter, defaultdict
from pathlib import Path
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
# %%
data = Path(<<path>>)
files = sorted((data / "train").glob("*.json"))[:<<count>>]
len(files)
# %%
notebooks = {}
for path in files:
    notebooks[path.stem] = json.loads(path.read_text())
# %%
first = next(iter(notebooks))
notebooks[first]
# %%
orders = pd.read_csv(data / "train_orders.csv", index_col="id")["cell_order"].str.split()
orders = {name: order for name, order in orders.items() if name in notebooks}
# %%
len(orders), orders[first][:5]
# %%
cells = []
for name, notebook in notebooks.items():
    for cell, kind in notebook["cell_type"].items():
        cells.append({"notebook": name, "cell": cell, "kind": kind,
                      "source": notebook["source"][cell]})
# %%
cells[:3]
# %%
len(cells)
# %%
kinds = Counter(cell["kind"] for cell in cells)
kinds
# %%
sizes = [len(notebook["cell_type"]) for notebook in notebooks.values()]
print(np.mean(sizes), np.median(sizes), max(sizes))
# %%
fig, ax = plt.subplots()
ax.hist(sizes, bins=40)
ax.set_xlabel("cells in a notebook")
plt.close(fig)
# %%
code = [cell["source"] for cell in cells if cell["kind"] == "code"]
markdown = [cell["source"] for cell in cells if cell["kind"] == "markdown"]
# %%
len(code), len(markdown)
# %%
code_lengths = [len(source) for source in code]
markdown_lengths = [len(source) for source in markdown]
np.percentile(code_lengths, [5, 50, 95]), np.percentile(markdown_lengths, [5, 50, 95])
# %%
fig, ax = plt.subplots()
ax.hist([code_lengths, markdown_lengths], bins=50, label=["code", "markdown"])
ax.legend()
plt.close(fig)
# %%
words = Counter()
for source in markdown:
    words.update(source.lower().split())
# %%
words.most_common(20)
# %%
imports = Counter()
for source in code:
    for line in source.splitlines():
        if line.startswith(("import ", "from ")):
            imports[line.split()[1]] += 1
# %%
imports.most_common(10)
# %%
for cell in cells:
    cell["lines"] = cell["source"].count("\\n") + 1
# %%
sum(cell["lines"] for cell in cells)
# %%
ranks = {name: {cell: n for n, cell in enumerate(order)} for name, order in orders.items()}
# %%
for cell in cells:
    cell["rank"] = ranks[cell["notebook"]][cell["cell"]]
# %%
df = pd.DataFrame(cells)
df.head()
# %%
df.groupby("kind")["lines"].describe()
# %%
df["relative"] = df["rank"] / df.groupby("notebook")["cell"].transform("count")
# %%
df[df["kind"] == "markdown"]["relative"].hist(bins=20)
plt.close("all")
# %%
by_notebook = defaultdict(list)
for cell in sorted(cells, key=lambda cell: (cell["notebook"], cell["rank"])):
    by_notebook[cell["notebook"]].append(cell)
# %%
transitions = Counter()
for ordered in by_notebook.values():
    transitions.update((a["kind"], b["kind"]) for a, b in zip(ordered, ordered[1:]))
transitions
# %%
vocabulary = {word: n for n, (word, count) in enumerate(words.most_common(500))}
# %%
vectors = np.zeros((len(markdown), len(vocabulary)), dtype=np.int32)
for row, source in enumerate(markdown):
    for word in source.lower().split():
        if word in vocabulary:
            vectors[row, vocabulary[word]] += 1
# %%
vectors.shape, vectors.sum()
# %%
for name in list(notebooks)[: len(notebooks) // 20]:
    notebooks[name]["language"] = "python"
# %%
drafts = {name for name, notebook in notebooks.items() if len(notebook["source"]) < 10}
for name in drafts:
    del notebooks[name]
len(notebooks)
# %%
def kendall(truth, guess):
    place = {cell: n for n, cell in enumerate(truth)}
    order = [place[cell] for cell in guess]
    return sum(order[i] > order[j] for i in range(len(order)) for j in range(i + 1, len(order)))
# %%
inversions = {}
for name in list(notebooks)[:200]:
    inversions[name] = kendall(orders[name], list(notebooks[name]["cell_type"]))
# %%
pd.Series(inversions).describe()
# %%
summary = df.groupby("notebook").agg(cells=("cell", "count"), lines=("lines", "sum"))
summary.describe()
# %%
fig, ax = plt.subplots()
ax.scatter(summary["cells"], summary["lines"], s=3)
plt.close(fig)
"""


def ai4code(source: Source, *, notebooks_: int = 0) -> Workload:
    """Notebooks are read into nested dicts, taken apart into cells, counted and plotted."""
    count = notebooks_ or source.pick(20, 1_000, 5_000)
    if source.real is not None and (source.real / "train").is_dir():
        path = source.real
    else:
        path = source.made("ai4code", lambda path: notebooks(path, count, source.seed))
    return Workload(cells_of(NOTEBOOK, path=path, count=count))
