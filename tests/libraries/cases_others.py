"""Graphs, symbols, widgets, the web, databases."""

from __future__ import annotations

from typing import Any

import ipywidgets
import networkx as nx
import requests
import sqlalchemy
import sympy
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from libraries.case import ORDER, RESTART, Case
from libraries.resaved import RESAVED
from libraries.same import by, equal, same_repr


def case(library: str, name: str, make: Any, change: Any, same: Any = equal, **more: Any) -> Case:
    resaved, why = RESAVED.get(f"{library}: {name}", ((), ""))
    if "resaved" not in more:
        more |= {"resaved": resaved, "why": why}
    return Case(library=library, name=name, make=make, change=change, same=same, **more)


def same_graphs(a: Any, b: Any) -> None:
    assert nx.utils.graphs_equal(a, b)
    assert a.graph == b.graph


def graph(kind: Any) -> Any:
    def make() -> Any:
        made = kind(name="g")
        made.add_edge(1, 2, weight=3.0)
        made.add_node("a", tags=["x"])
        return made

    return make


def add_edge(x: Any) -> None:
    x.add_edge("a", 1, weight=2)


def look_at_graph(x: Any) -> Any:
    return (
        x.degree[1],
        list(x.edges(data=True)),
        nx.number_connected_components(nx.Graph(x)),
        x.adj,
        x.nodes,
    )


X, Y = sympy.symbols("x y")
F = sympy.Function("f")


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


def engine() -> Any:
    return sqlalchemy.create_engine("sqlite://")


def metadata() -> Any:
    made = sqlalchemy.MetaData()
    sqlalchemy.Table("t", made, sqlalchemy.Column("x", sqlalchemy.Integer, primary_key=True))
    return made


def add_column(x: Any) -> None:
    x.tables["t"].append_column(sqlalchemy.Column("y", sqlalchemy.String))


def tables(x: Any) -> Any:
    return {name: [repr(c) for c in t.columns] for name, t in x.tables.items()}


def response() -> Any:
    made = requests.Response()
    made.status_code = 200
    made._content = b'{"a": 1}'
    made.headers["Content-Type"] = "application/json"
    made.url = "http://localhost/"
    return made


def session() -> Any:
    made = requests.Session()
    made.headers["X-Key"] = "value"
    made.cookies.set("c", "1")
    return made


def session_values(x: Any) -> Any:
    return dict(x.headers), x.cookies.get_dict(), x.auth


def immutable(
    library: str, name: str, make: Any, replace: Any, same: Any = equal, **more: Any
) -> Case:
    resaved, why = RESAVED.get(f"{library}: {name}", ((), ""))
    if "resaved" not in more:
        more |= {"resaved": resaved, "why": why}
    return Case(library=library, name=name, make=make, replace=replace, same=same, **more)


CASES = [
    *(case("NetworkX", kind.__name__, graph(kind), add_edge, same_graphs, look=look_at_graph) for kind in (nx.Graph, nx.DiGraph, nx.MultiGraph, nx.MultiDiGraph)),
    case("NetworkX", "graph of 1,000 nodes", lambda: nx.path_graph(1000), lambda x: x.add_edge(0, 999), same_graphs, look=look_at_graph),
    case("NetworkX", "views and layouts", lambda: {"g": nx.path_graph(4), "at": nx.circular_layout(nx.path_graph(4))}, lambda x: x["g"].remove_node(0), by(lambda x: (list(x["g"].edges), {k: v.tolist() for k, v in x["at"].items()})), look=lambda x: x["g"].nodes),
    case("NetworkX", "subgraph view", lambda: {"s": nx.path_graph(4).subgraph([0, 1, 2])}, lambda x: x.update(n=1), by(lambda x: (len(x), list(x["s"].edges))), look=lambda x: x["s"].nodes),
    immutable("SymPy", "expression", lambda: sympy.sin(X) ** 2 + Y / 3, lambda x: x.diff(X), look=lambda x: (sympy.latex(x), x.free_symbols)),
    immutable("SymPy", "symbol with assumptions", lambda: sympy.Symbol("n", positive=True), lambda x: x + 1, look=lambda x: x.is_real),
    immutable("SymPy", "function, integral, equation", lambda: sympy.Eq(sympy.Integral(F(X), X), F(Y)), lambda x: x.lhs, look=str),
    case("SymPy", "mutable matrix", lambda: sympy.Matrix([[X, 1], [2, Y]]), lambda x: x.__setitem__((0, 0), 5), look=lambda x: x.det()),
    immutable("SymPy", "polynomial", lambda: sympy.Poly(X**2 + 1, X), lambda x: x * 2, look=lambda x: x.degree()),
    immutable("SymPy", "sets and intervals", lambda: sympy.Interval(0, 1) | sympy.FiniteSet(3), lambda x: x | sympy.FiniteSet(4), look=lambda x: x.measure),
    case("ipywidgets", "IntSlider", lambda: ipywidgets.IntSlider(3), lambda x: setattr(x, "value", 5), by(lambda x: x.value), opaque="handle"),
    case("ipywidgets", "widget inside a list", lambda: [1, ipywidgets.Button(), {"k": 2}], lambda x: x[2].update(k=3), by(lambda x: x[2]), opaque="handle"),
    case("requests", "Response", response, lambda x: x.headers.update(A="b"), by(lambda x: (x.json(), dict(x.headers), x.status_code)), look=lambda x: (x.text, x.ok)),
    case("requests", "Session", session, lambda x: x.headers.update(B="c"), by(session_values), look=repr, resaved=(RESTART,), why=ORDER, unordered=True),
    case("requests", "Request", lambda: requests.Request("GET", "http://localhost", params={"a": 1}).prepare(), lambda x: x.headers.update(A="b"), by(lambda x: (x.url, dict(x.headers)))),
    case("requests", "CookieJar", lambda: session().cookies, lambda x: x.set("d", "2"), by(lambda x: x.get_dict())),
    case("SQLAlchemy", "MetaData and Table", metadata, add_column, by(tables), look=lambda x: x.sorted_tables),
    case("SQLAlchemy", "mapped object", lambda: User(id=1, name="a"), lambda x: setattr(x, "name", "b"), by(lambda x: (x.id, x.name)), look=lambda x: x.name),
    case("SQLAlchemy", "Engine", engine, lambda x: x.dispose(), same_repr, opaque="handle"),
    case("SQLAlchemy", "Connection", lambda: engine().connect(), lambda x: x.exec_driver_sql("create table t (x)"), same_repr, opaque="handle"),
    case("SQLAlchemy", "Session", lambda: Session(engine()), lambda x: x.add(User(id=1, name="a")), same_repr, opaque="handle"),
]  # fmt: skip
