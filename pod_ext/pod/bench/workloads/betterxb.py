"""County-level time series and boosted trees, on data with the columns of GoDaddy's
Microbusiness Density Forecasting."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pod.bench.workloads.base import Source, Workload, cells_of

MONTHS = 39
STATES = (
    "Alabama Arizona Colorado Florida Georgia Idaho Iowa Kansas Maine Nevada Ohio Texas".split()
)


def counties(path: Path, count: int, seed: int) -> None:
    """Write `train.csv`: so many counties, each in 39 months."""
    rng = np.random.default_rng(seed)
    months = [f"{2019 + (7 + n) // 12}-{(7 + n) % 12 + 1:02d}-01" for n in range(MONTHS)]
    with path.open("w") as file:
        file.write("row_id,cfips,county,state,first_day_of_month,microbusiness_density,active\n")
        for number in range(count):
            cfips = 1001 + 2 * number
            state = STATES[number * len(STATES) // count]
            population = int(rng.lognormal(10, 1.3)) + 500
            density = rng.lognormal(1, 0.6) * np.cumprod(1 + rng.normal(0.004, 0.02, MONTHS))
            for month, each in zip(months, density, strict=True):
                active = int(each * population / 100)
                file.write(
                    f"{cfips}_{month},{cfips},County {number},{state},{month},{each:.7f},{active}\n"
                )


NOTEBOOK = """
# %%
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
import lightgbm as lgb
# %%
train = pd.read_csv(<<path>>)
train.head()
# %%
train.info()
# %%
train["first_day_of_month"] = pd.to_datetime(train["first_day_of_month"])
# %%
train["cfips"].nunique(), train["state"].nunique()
# %%
train = train.sort_values(["cfips", "first_day_of_month"]).reset_index(drop=True)
# %%
train["month"] = train["first_day_of_month"].dt.month
train["year"] = train["first_day_of_month"].dt.year
train["dcount"] = train.groupby("cfips")["row_id"].cumcount()
# %%
train["county_i"] = train["county"].factorize()[0]
train["state_i"] = train["state"].factorize()[0]
# %%
train.groupby("state")["microbusiness_density"].mean().sort_values().tail()
# %%
fig, ax = plt.subplots(figsize=(8, 4))
for cfips, county in list(train.groupby("cfips"))[:8]:
    ax.plot(county["first_day_of_month"], county["microbusiness_density"])
plt.close(fig)
# %%
lag = 1
train[f"density_lag_{lag}"] = train.groupby("cfips")["microbusiness_density"].shift(lag).bfill()
# %%
train["dif"] = (train["microbusiness_density"] / train["density_lag_1"]).clip(0, None) - 1
train.loc[train["density_lag_1"] == 0, "dif"] = 0
# %%
train["dif"].abs().describe()
# %%
(train["dif"].abs() > 0.1).sum()
# %%
def build_features(raw, target="microbusiness_density", lags=4):
    features = []
    for lag in range(1, lags):
        raw[f"lag_{lag}"] = raw.groupby("cfips")[target].shift(lag)
        features.append(f"lag_{lag}")
    for window in (2, 4, 6):
        grouped = raw.groupby("cfips")["lag_1"]
        raw[f"rolling_{window}"] = grouped.transform(lambda s: s.rolling(window, 1).sum())
        features.append(f"rolling_{window}")
    return features
# %%
features = build_features(train)
features += ["state_i"]
# %%
features
# %%
outliers = []
for cfips in train["cfips"].unique():
    series = train.loc[train["cfips"] == cfips, "microbusiness_density"].to_numpy().copy()
    for i in range(len(series) - 2, 2, -1):
        if abs(series[i] / series[i - 1] - 1) > 0.08 * np.mean(series[:i]):
            series[:i] *= series[i] / series[i - 1]
            outliers.append((cfips, i))
    train.loc[train["cfips"] == cfips, "smoothed"] = series
# %%
len(outliers)
# %%
fig, ax = plt.subplots()
one = train[train["cfips"] == train["cfips"].iloc[0]]
ax.plot(one["dcount"], one["microbusiness_density"])
ax.plot(one["dcount"], one["smoothed"], "--")
plt.close(fig)
# %%
train["target"] = train.groupby("cfips")["smoothed"].shift(-1) / train["smoothed"] - 1
train["target"] = train["target"].fillna(0).clip(-0.05, 0.05)
# %%
train["target"].hist(bins=50)
plt.close("all")
# %%
lastactive = train[train["dcount"] == 28].set_index("cfips")["active"]
train["lastactive"] = train["cfips"].map(lastactive)
# %%
def smape(truth, predicted):
    return 100 * np.mean(2 * np.abs(truth - predicted) / (np.abs(truth) + np.abs(predicted)))
# %%
parameters = dict(n_estimators=<<trees>>, num_leaves=31, learning_rate=0.05, subsample=0.7,
                  random_state=0, deterministic=True, force_row_wise=True, n_jobs=1, verbose=-1)
# %%
models = {}
predictions = []
for month in range(29, 38, <<step>>):
    known = train[(train["dcount"] < month) & (train["dcount"] >= 1)]
    model = lgb.LGBMRegressor(**parameters).fit(known[features], known["target"])
    now = train[train["dcount"] == month].copy()
    now["predicted"] = (1 + model.predict(now[features])) * now["microbusiness_density"]
    models[month] = model
    predictions.append(now)
# %%
valid = pd.concat(predictions)
valid["next"] = valid["cfips"].map(
    train[train["dcount"] == train["dcount"].max()].set_index("cfips")["microbusiness_density"]
)
# %%
print(smape(valid["next"], valid["predicted"]), smape(valid["next"], valid["lag_1"]))
# %%
importance = pd.Series(models[29].feature_importances_, index=features).sort_values()
importance
# %%
fig, ax = plt.subplots()
importance.plot.barh(ax=ax)
plt.close(fig)
# %%
valid["error"] = (valid["predicted"] - valid["next"]).abs()
valid.groupby("state")["error"].mean().sort_values().tail(5)
# %%
worst = valid.nlargest(20, "error")[["cfips", "dcount", "error"]]
worst
# %%
train.loc[train["lastactive"] <= 150, "target"] = 0.0
# %%
final = lgb.LGBMRegressor(**parameters).fit(train[features], train["target"])
# %%
submission = train[train["dcount"] == train["dcount"].max()][["row_id"]].copy()
submission["microbusiness_density"] = 1 + final.predict(train.loc[submission.index, features])
submission.describe()
# %%
del predictions, known, now
"""


def betterxb(source: Source, *, count: int = 0) -> Workload:
    """Lags and rolling sums of each county's density, outliers smoothed, a model for each month."""
    count = count or source.pick(12, 400, 3_135)
    path = source.made("train.csv", lambda path: counties(path, count, source.seed))
    trees, step = source.pick(5, 60, 300), source.pick(8, 3, 1)
    return Workload(cells_of(NOTEBOOK, path=path, trees=trees, step=step))
