"""Which cases of the fields with many of them are saved again needlessly, when, and why."""

from __future__ import annotations

from libraries.case import KEEPS, LOADING, READING

EQUAL = "an equal string is another object after loading"
DRAWN = "keeps what it drew; an equal string is another object after loading"
ORDERED = "loading puts its properties in another order"
ANEW = "makes some of its attributes anew while it is loaded"

RESAVED: dict[str, tuple[tuple[str, ...], str]] = {
    "scikit-learn: GridSearchCV": ((READING,), KEEPS),
    "scikit-learn: HashingVectorizer": ((READING,), KEEPS),
    "scikit-learn: Isomap": ((READING,), KEEPS),
    "scikit-learn: KNeighborsClassifier": ((READING,), KEEPS),
    "scikit-learn: KNeighborsRegressor": ((READING,), KEEPS),
    "scikit-learn: KNeighborsTransformer": ((READING,), KEEPS),
    "scikit-learn: KernelDensity": ((READING,), KEEPS),
    "scikit-learn: LocallyLinearEmbedding": ((READING,), KEEPS),
    "scikit-learn: MultiLabelBinarizer": ((READING,), KEEPS),
    "scikit-learn: RadiusNeighborsClassifier": ((READING,), KEEPS),
    "scikit-learn: RadiusNeighborsRegressor": ((READING,), KEEPS),
    "scikit-learn: RadiusNeighborsTransformer": ((READING,), KEEPS),
    "scikit-learn: RandomizedSearchCV": ((READING,), KEEPS),
    "scikit-learn: SplineTransformer": (
        (
            READING,
            LOADING,
        ),
        KEEPS,
    ),
    "scikit-learn: StackingClassifier": ((LOADING,), EQUAL),
    "scikit-learn: StackingRegressor": ((LOADING,), EQUAL),
    "scikit-learn: VotingClassifier": ((LOADING,), EQUAL),
    "scikit-learn: VotingRegressor": ((LOADING,), EQUAL),
    "scikit-learn: pipeline with a ColumnTransformer": ((LOADING,), EQUAL),
    "CatBoost: CatBoostClassifier": ((LOADING,), ANEW),
    "statsmodels: OLS results": ((READING,), KEEPS),
    "statsmodels: OLS results of a formula": ((READING,), KEEPS),
    "statsmodels: Logit results": ((READING,), KEEPS),
    "statsmodels: model": ((READING,), KEEPS),
    "statsmodels: ARIMA results": (
        (
            READING,
            LOADING,
        ),
        KEEPS,
    ),
    "NetworkX: Graph": ((READING,), KEEPS),
    "NetworkX: DiGraph": ((READING,), KEEPS),
    "NetworkX: MultiGraph": ((READING,), KEEPS),
    "NetworkX: MultiDiGraph": ((READING,), KEEPS),
    "NetworkX: graph of 1,000 nodes": ((READING,), KEEPS),
    "NetworkX: views and layouts": ((READING,), KEEPS),
    "NetworkX: subgraph view": ((READING,), KEEPS),
    "SymPy: function, integral, equation": ((LOADING,), ANEW),
    "SQLAlchemy: mapped object": ((LOADING,), ANEW),
    "matplotlib: figure of pyplot": (
        (
            READING,
            LOADING,
        ),
        DRAWN,
    ),
    "matplotlib: figure: bar": (
        (
            READING,
            LOADING,
        ),
        DRAWN,
    ),
    "matplotlib: figure: histogram": (
        (
            READING,
            LOADING,
        ),
        DRAWN,
    ),
    "matplotlib: figure: image with a colour bar": (
        (
            READING,
            LOADING,
        ),
        DRAWN,
    ),
    "matplotlib: figure: contour": (
        (
            READING,
            LOADING,
        ),
        DRAWN,
    ),
    "matplotlib: figure: box plot": (
        (
            READING,
            LOADING,
        ),
        DRAWN,
    ),
    "matplotlib: figure: text, arrow, logarithmic scale": (
        (
            READING,
            LOADING,
        ),
        DRAWN,
    ),
    "matplotlib: figure: dates": (
        (
            READING,
            LOADING,
        ),
        DRAWN,
    ),
    "matplotlib: axes": (
        (
            READING,
            LOADING,
        ),
        DRAWN,
    ),
    "matplotlib: line": ((LOADING,), EQUAL),
    "matplotlib: colour map": ((READING,), KEEPS),
    "matplotlib: animation": ((LOADING,), EQUAL),
    "seaborn: FacetGrid": (
        (
            READING,
            LOADING,
        ),
        DRAWN,
    ),
    "seaborn: line plot": (
        (
            READING,
            LOADING,
        ),
        DRAWN,
    ),
    "seaborn: heat map": (
        (
            READING,
            LOADING,
        ),
        DRAWN,
    ),
    "seaborn: regression plot": (
        (
            READING,
            LOADING,
        ),
        DRAWN,
    ),
    "Plotly: Figure": ((LOADING,), ORDERED),
    "Plotly: express": ((LOADING,), ORDERED),
    "Bokeh: figure": ((LOADING,), ORDERED),
    "Bokeh: ColumnDataSource": ((LOADING,), ORDERED),
    "scikit-image: region properties": ((READING,), KEEPS),
}
