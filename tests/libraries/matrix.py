"""All cases of all libraries."""

from __future__ import annotations

import importlib
import os
import warnings

from libraries.case import Case

os.environ.setdefault("MPLBACKEND", "agg")

FIELDS = ("language", "numbers", "tables", "learning", "torch", "plots", "others")

PACKAGES = {
    "standard library": "",
    "NumPy": "numpy",
    "SciPy": "scipy",
    "pandas": "pandas",
    "Polars": "polars",
    "PyArrow": "pyarrow",
    "Dask": "dask",
    "xarray": "xarray",
    "GeoPandas": "geopandas",
    "shapely": "shapely",
    "scikit-learn": "scikit-learn",
    "XGBoost": "xgboost-cpu",
    "LightGBM": "lightgbm",
    "CatBoost": "catboost",
    "statsmodels": "statsmodels",
    "Optuna": "optuna",
    "NLTK": "nltk",
    "PyTorch": "torch",
    "matplotlib": "matplotlib",
    "seaborn": "seaborn",
    "Plotly": "plotly",
    "Altair": "altair",
    "Bokeh": "bokeh",
    "Pillow": "pillow",
    "scikit-image": "scikit-image",
    "NetworkX": "networkx",
    "SymPy": "sympy",
    "ipywidgets": "ipywidgets",
    "requests": "requests",
    "SQLAlchemy": "sqlalchemy",
}
"""The library -> the distribution that its version is of."""

CASES: list[Case] = []
FIELD_OF: dict[str, str] = {}
"""The library -> the module with its cases."""
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for field in FIELDS:
        found = importlib.import_module(f"libraries.cases_{field}").CASES
        CASES += found
        FIELD_OF |= {case.library: field for case in found}

LIBRARIES = tuple(dict.fromkeys(case.library for case in CASES))
assert len({case.id for case in CASES}) == len(CASES), "two cases have one name"
assert set(LIBRARIES) == set(PACKAGES), "a library without a case, or without a version"
