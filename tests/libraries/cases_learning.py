"""Learning: scikit-learn, the boosting libraries, statsmodels, Optuna, NLTK."""

from __future__ import annotations

import functools
from typing import Any

import catboost
import lightgbm
import nltk
import numpy as np
import optuna
import pandas as pd
import sklearn
import statsmodels.api as sm
import statsmodels.formula.api as smf
import xgboost
from sklearn.base import BaseEstimator, clone
from sklearn.utils import all_estimators
from sklearn.utils._test_common.instance_generator import _construct_instances

from libraries.case import ORDER, RESTART, Case
from libraries.resaved import RESAVED
from libraries.same import by, equal, same_repr

optuna.logging.set_verbosity(optuna.logging.ERROR)
sklearn.set_config(enable_metadata_routing=False)

# --- scikit-learn


@functools.cache
def points() -> Any:
    return np.round(np.random.default_rng(0).random((40, 4)) * 4, 2)


def labels() -> Any:
    return (points()[:, 0] > 2).astype(int)


DOCUMENTS = ["the cat sat", "on the mat", "a dog and a cat", "the end"] * 5
RECORDS = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}] * 5
TARGETS = {
    "classes": lambda: (points(), labels()),
    "numbers": lambda: (points(), points()[:, 1] * 2 + 1),
    "two targets": lambda: (points(), np.stack([labels(), 1 - labels()], 1)),
    "one column": lambda: (points()[:, 0], points()[:, 1]),
    "labels": lambda: (labels(),),
    "sets of labels": lambda: ([("a", "b"), ("b",)] * 10,),
    "documents": lambda: (DOCUMENTS,),
    "records": lambda: (RECORDS,),
    "distances": lambda: (np.abs(points()[:, :1] - points()[:, :1].T), labels()),
}
METHODS = ("predict", "transform", "decision_function", "score_samples", "predict_proba")


def unfitted(kind: type) -> Any:
    made = clone(next(iter(_construct_instances(kind))))  # what it is made of is shared
    known = made.get_params(deep=True)
    for name in known:
        if name.split("__")[-1] == "random_state":
            made.set_params(**{name: 0})
        if name in ("max_iter", "n_iter") and kind.__name__ == "TSNE":
            made.set_params(**{name: 250})
        if name.split("__")[-1] == "n_jobs":
            made.set_params(**{name: None})
    return made


def fitted(kind: type, target: str) -> Any:
    return unfitted(kind).fit(*TARGETS[target]())


def fits(kind: type) -> str:
    """The first of the toy data that such an estimator can be fitted to, or nothing."""
    for target in TARGETS:
        try:
            fitted(kind, target)
        except Exception:
            continue
        return target
    return ""


def refit(target: str, estimator: Any) -> None:
    data, *others = TARGETS[target]()
    if target != "distances":
        data, *others = data[::-1][5:], *(other[::-1][5:] for other in others)
    estimator.fit(data, *others)
    estimator.note_ = "fitted again"


def outcomes(target: str, estimator: Any) -> dict[str, Any]:
    """What it says of the data."""
    data = TARGETS[target]()[0]
    found = {}
    for name in METHODS:
        try:
            found[name] = getattr(estimator, name)(data)
        except Exception as error:
            found[name] = type(error).__name__
    return found


def same_values(a: Any, b: Any, depth: int = 4) -> None:
    assert type(a) is type(b)
    if hasattr(a, "toarray"):
        a, b = a.toarray(), b.toarray()
    if isinstance(a, np.ndarray):
        assert a.shape == b.shape and a.dtype == b.dtype
        if a.dtype == object:
            for one, other in zip(a.ravel(), b.ravel(), strict=True):
                same_values(one, other, depth - 1)
        else:
            np.testing.assert_array_equal(a, b)
    elif isinstance(a, dict):
        assert list(map(str, a)) == list(map(str, b))
        a, b = ({k: v for k, v in each.items() if "time" not in str(k)} for each in (a, b))
        for one, other in zip(a.values(), b.values(), strict=True):
            same_values(one, other, depth - 1)
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            same_values(one, other, depth - 1)
    elif isinstance(a, BaseEstimator) and depth:
        attributes = {name for name in vars(a) if name.endswith("_") and "time" not in name}
        assert attributes <= set(vars(b))
        for name in attributes:
            same_values(vars(a)[name], vars(b)[name], depth - 1)
    elif isinstance(a, str | int | float | bool | set | frozenset):
        assert a == b or (a != a and b != b)


def rounded(found: dict[str, Any]) -> dict[str, Any]:
    """Sums of numbers in another place of memory may be added up in another order."""
    return {
        name: each.round(9) if str(getattr(each, "dtype", "")) == "float64" and hasattr(each, "round") else each
        for name, each in found.items()
    }  # fmt: skip


def same_estimators(target: str, a: Any, b: Any) -> None:
    assert hasattr(a, "note_") == hasattr(b, "note_")
    same_values(a, b)
    same_values(rounded(outcomes(target, a)), rounded(outcomes(target, b)))


def look(target: str, estimator: Any) -> None:
    estimator._repr_html_()
    outcomes(target, estimator)
    estimator.get_params()


def estimator_cases() -> list[Case]:
    cases = []
    for name, kind in all_estimators():
        target = fits(kind)
        if target:
            resaved, why = RESAVED.get(f"scikit-learn: {name}", ((), ""))
            cases.append(
                Case(
                    library="scikit-learn",
                    name=name,
                    make=functools.partial(fitted, kind, target),
                    change=functools.partial(refit, target),
                    same=functools.partial(same_estimators, target),
                    look=functools.partial(look, target),
                    resaved=resaved,
                    why=why,
                )
            )
    return cases


def table() -> pd.DataFrame:
    return pd.DataFrame({"x": points()[:, 0], "kind": ["a", "b"] * 20})


def pipeline() -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = make_column_transformer((StandardScaler(), ["x"]), (OneHotEncoder(), ["kind"]))
    return make_pipeline(columns, LogisticRegression()).fit(table(), labels())


def same_predictions(data: Any) -> Any:
    def same(a: Any, b: Any) -> None:
        np.testing.assert_array_equal(a.predict(data()), b.predict(data()))

    return same


# --- boosting


def xgboost_model() -> Any:
    return xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(points(), labels())


def booster() -> Any:
    return xgboost.train({"max_depth": 2, "nthread": 1}, xgboost.DMatrix(points(), labels()), 3)


def same_boosters(a: Any, b: Any) -> None:
    data = xgboost.DMatrix(points())
    np.testing.assert_array_equal(a.predict(data), b.predict(data))


def lightgbm_model() -> Any:
    options = {"n_estimators": 5, "min_child_samples": 2, "verbose": -1, "n_jobs": 1}
    return lightgbm.LGBMRegressor(**options).fit(points(), points()[:, 1])


def lightgbm_booster() -> Any:
    data = lightgbm.Dataset(points(), points()[:, 1])
    return lightgbm.train({"verbose": -1, "min_data_in_leaf": 2, "num_threads": 1}, data, 3)


def catboost_model() -> Any:
    options = {"iterations": 5, "verbose": False, "allow_writing_files": False, "thread_count": 1}
    return catboost.CatBoostClassifier(**options).fit(points(), labels())


def refit_model(model: Any) -> None:
    model.fit(points()[5:], 1 - labels()[5:] if hasattr(model, "classes_") else points()[5:, 2])


# --- statsmodels, Optuna, NLTK


def ols() -> Any:
    return sm.OLS(points()[:, 1], sm.add_constant(points()[:, :1])).fit()


def formula() -> Any:
    return smf.ols("x ~ C(kind)", table()).fit()


def same_params(a: Any, b: Any) -> None:
    np.testing.assert_array_equal(np.asarray(a.params), np.asarray(b.params))
    assert getattr(a, "note", None) == getattr(b, "note", None)


def note(x: Any) -> None:
    x.note = "changed"


def objective(trial: Any) -> float:
    return trial.suggest_float("x", -1, 1) ** 2


def study() -> Any:
    made = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0), study_name="s")
    made.optimize(objective, n_trials=3)
    return made


def trials(x: Any) -> Any:
    return [(trial.params, trial.value) for trial in x.trials]


def case(library: str, name: str, make: Any, change: Any, same: Any = equal, **more: Any) -> Case:
    resaved, why = RESAVED.get(f"{library}: {name}", ((), ""))
    if "resaved" not in more:
        more |= {"resaved": resaved, "why": why}
    return Case(library=library, name=name, make=make, change=change, same=same, **more)


CASES = [
    *estimator_cases(),
    case("scikit-learn", "pipeline with a ColumnTransformer", pipeline, lambda x: x.fit(table(), 1 - labels()), same_predictions(table), look=lambda x: x.predict(table())),
    case("XGBoost", "XGBClassifier", xgboost_model, refit_model, same_predictions(points), look=lambda x: (x.predict(points()), x.feature_importances_)),
    case("XGBoost", "Booster", booster, lambda x: x.update(xgboost.DMatrix(points(), labels()), 3), same_boosters, look=lambda x: x.get_dump()),
    case("XGBoost", "DMatrix", lambda: xgboost.DMatrix(points()), lambda x: x.set_label(labels()), by(lambda x: x.get_label().tolist()), opaque="handle"),
    case("LightGBM", "LGBMRegressor", lightgbm_model, refit_model, same_predictions(points), look=lambda x: x.predict(points())),
    case("LightGBM", "Booster", lightgbm_booster, lambda x: x.set_leaf_output(0, 0, 5.0), same_predictions(points), look=lambda x: x.feature_importance()),
    case("LightGBM", "Dataset", lambda: lightgbm.Dataset(points(), points()[:, 1]), lambda x: x.set_label(labels()), by(lambda x: x.label.tolist())),
    case("CatBoost", "CatBoostClassifier", catboost_model, refit_model, same_predictions(points), look=lambda x: (x.predict(points()), x.feature_importances_)),
    case("CatBoost", "Pool", lambda: catboost.Pool(points(), labels()), lambda x: x.set_weight(points()[:, 0]), by(lambda x: x.get_weight()), opaque="Pool"),
    case("statsmodels", "OLS results", ols, note, same_params, look=lambda x: (x.summary(), x.predict())),
    case("statsmodels", "OLS results of a formula", formula, note, same_params, look=lambda x: x.summary()),
    case("statsmodels", "Logit results", lambda: sm.Logit(labels(), points()[:, 1:]).fit(disp=0), note, same_params, look=lambda x: x.summary()),
    case("statsmodels", "ARIMA results", lambda: sm.tsa.ARIMA(points()[:, 1], order=(1, 0, 0)).fit(), note, same_params, look=lambda x: x.forecast(2)),
    case("statsmodels", "model", lambda: sm.OLS(points()[:, 1].copy(), points()[:, :1].copy()), lambda x: x.exog.__imul__(2), by(lambda x: x.exog.tolist()), look=lambda x: x.fit()),
    case("Optuna", "study in memory", study, lambda x: x.enqueue_trial({"x": 0.5}) or x.optimize(objective, n_trials=1), by(trials), look=lambda x: x.best_params),
    case("Optuna", "trial", lambda: study().best_trial, lambda x: x.user_attrs.update(k=1), by(lambda x: (x.params, x.user_attrs)), look=lambda x: x.duration),
    case("NLTK", "FreqDist", lambda: nltk.FreqDist("abca"), lambda x: x.update("b"), look=lambda x: x.most_common(1)),
    case("NLTK", "Tree", lambda: nltk.Tree.fromstring("(S (NP a) (VP b))"), lambda x: x[0].append("c"), same_repr, look=lambda x: x.leaves()),
    case("NLTK", "PorterStemmer", lambda: {"s": nltk.PorterStemmer()}, lambda x: x.update(n=1), by(lambda x: (len(x), x["s"].stem("running"))), look=lambda x: x["s"].stem("cats"), resaved=(RESTART,), why=ORDER, unordered=True),
    case("NLTK", "NaiveBayesClassifier", lambda: nltk.NaiveBayesClassifier.train([({"a": 1}, "x"), ({"a": 2}, "y")]), note, by(lambda x: (x.classify({"a": 1}), getattr(x, "note", 0))), look=lambda x: x.classify({"a": 2})),
    case("NLTK", "ConditionalFreqDist", lambda: nltk.ConditionalFreqDist([("a", 1), ("b", 2)]), lambda x: x["a"].update([3])),
    case("NLTK", "CFG", lambda: nltk.CFG.fromstring("S -> 'a' | 'b'"), lambda x: x.productions().pop(), by(lambda x: str(x.productions())), look=str, resaved=(RESTART,), why=ORDER, unordered=True),
]  # fmt: skip
