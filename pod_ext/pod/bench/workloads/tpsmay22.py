"""Tabular exploration and boosted trees, on data with the columns of the Tabular Playground
Series of May 2022."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pod.bench.workloads.base import Source, Workload, cells_of

WHOLE = (*range(7, 19), 29, 30)
"""The columns that hold whole numbers; f_27 holds ten letters, the others are real."""


def states(path: Path, rows: int, seed: int) -> None:
    """Write `train.csv`."""
    rng = np.random.default_rng(seed)
    columns = [
        rng.integers(0, 3 if number >= 29 else 12, rows)
        if number in WHOLE
        else rng.normal(size=rows)
        for number in range(31)
    ]
    letters = rng.integers(0, 20, (rows, 10))
    total = columns[0] + columns[21] * columns[2] + (letters[:, 0] > 9) + columns[30] - 1
    target = (total + rng.normal(size=rows) > 0).astype(int)
    with path.open("w") as file:
        names = [f"f_{number:02d}" for number in range(31)]
        file.write(f"id,{','.join(names)},target\n")
        for row in range(rows):
            shown = [
                "".join(chr(65 + n) for n in letters[row]) if number == 27
                else str(column[row]) if number in WHOLE else f"{column[row]:.6f}"
                for number, column in enumerate(columns)
            ]  # fmt: skip
            file.write(f"{row},{','.join(shown)},{target[row]}\n")


NOTEBOOK = """
# %%
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.model_selection import KFold, train_test_split
# %%
train = pd.read_csv(<<path>>, index_col="id", nrows=<<rows>>)
train.head()
# %%
train.shape, train.isna().sum().sum(), train.duplicated().sum()
# %%
train.dtypes.value_counts()
# %%
float_features = [f for f in train.columns if train[f].dtype == float]
int_features = [f for f in train.columns if train[f].dtype == int and f != "target"]
# %%
train[float_features].describe()
# %%
train["target"].mean()
# %%
fig, axes = plt.subplots(2, 4, figsize=(10, 5))
for name, ax in zip(float_features, axes.ravel()):
    ax.hist(train[name], bins=20)
    ax.set_title(name)
plt.close(fig)
# %%
correlation = train[float_features + ["target"]].corr()
correlation["target"].sort_values()
# %%
fig, ax = plt.subplots()
ax.imshow(correlation, vmin=-1, vmax=1)
plt.close(fig)
# %%
{name: train[name].nunique() for name in int_features}
# %%
train.groupby("f_30")["target"].agg(["mean", "count"])
# %%
train["f_27"].str.len().unique()
# %%
for place in range(10):
    print(place, train["f_27"].str.get(place).value_counts().head(3).to_dict())
# %%
def with_letters(df):
    for place in range(10):
        df[f"ch{place}"] = df["f_27"].str.get(place).apply(ord) - ord("A")
    df["unique_characters"] = df["f_27"].apply(lambda s: len(set(s)))
    return df
# %%
train = with_letters(train)
# %%
train.groupby("unique_characters")["target"].mean()
# %%
train["i_02_21"] = (train["f_21"] + train["f_02"] > 5.2).astype(int) - (
    train["f_21"] + train["f_02"] < -5.3
).astype(int)
# %%
train["i_05_22"] = (train["f_22"] + train["f_05"] > 5.1).astype(int) - (
    train["f_22"] + train["f_05"] < -5.4
).astype(int)
# %%
total = train["f_00"] + train["f_01"] + train["f_26"]
train["i_00_01_26"] = (total > 5.0).astype(int) - (total < -5.0).astype(int)
# %%
train[["i_02_21", "i_05_22", "i_00_01_26"]].apply(pd.Series.value_counts)
# %%
features = [f for f in train.columns if f not in ("target", "f_27")]
len(features)
# %%
X_train, X_valid, y_train, y_valid = train_test_split(
    train[features], train["target"], test_size=0.2, random_state=<<seed>>
)
# %%
model = HistGradientBoostingClassifier(max_iter=<<trees>>, random_state=0)
model.fit(X_train, y_train)
# %%
predicted = model.predict_proba(X_valid)[:, 1]
roc_auc_score(y_valid, predicted)
# %%
fpr, tpr, _ = roc_curve(y_valid, predicted)
fig, ax = plt.subplots()
ax.plot(fpr, tpr)
plt.close(fig)
# %%
scaled = (X_train - X_train.mean()) / X_train.std()
scaled.describe().T.head()
# %%
del scaled
# %%
scores = []
for depth in (3, 6):
    trial = HistGradientBoostingClassifier(max_iter=<<trees>>, max_depth=depth, random_state=0)
    trial.fit(X_train, y_train)
    scores.append((depth, roc_auc_score(y_valid, trial.predict_proba(X_valid)[:, 1])))
# %%
scores
# %%
oof = pd.Series(0.0, index=train.index)
folds = []
for fold, (a, b) in enumerate(KFold(3, shuffle=True, random_state=1).split(train)):
    fitted = HistGradientBoostingClassifier(max_iter=<<trees>>, random_state=fold)
    fitted.fit(train[features].iloc[a], train["target"].iloc[a])
    oof.iloc[b] = fitted.predict_proba(train[features].iloc[b])[:, 1]
    folds.append(fitted)
# %%
roc_auc_score(train["target"], oof)
# %%
train["oof"] = oof
train.groupby(pd.qcut(train["oof"], 10))["target"].mean()
# %%
wrong = train[(train["oof"] - train["target"]).abs() > 0.9]
wrong[features].mean().head()
# %%
train["f_27"] = train["f_27"].astype("category")
train.memory_usage().sum()
# %%
train[int_features] = train[int_features].astype("int8")
# %%
ranks = train["oof"].rank(pct=True)
submission = pd.DataFrame({"id": train.index, "target": ranks})
submission.head()
"""


def tpsmay22(source: Source, *, rows: int = 0) -> Workload:
    """900,000 rows at full scale: described, features made of them, several models fitted."""
    rows = rows or source.pick(300, 40_000, 900_000)
    path = source.made("train.csv", lambda path: states(path, rows, source.seed))
    trees = source.pick(3, 20, 100)
    return Workload(cells_of(NOTEBOOK, path=path, rows=rows, seed=source.seed, trees=trees))
