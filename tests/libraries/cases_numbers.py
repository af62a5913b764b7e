"""NumPy and SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
import scipy.integrate
import scipy.interpolate
import scipy.optimize
import scipy.signal
import scipy.sparse
import scipy.spatial
import scipy.stats

from libraries.case import KEEPS, LOADING, READING, Case
from libraries.same import by, same_arrays, same_repr

X = np.linspace(0, 3, 12)
GRID = np.stack([X, np.sin(X)], 1)


def scattered() -> Any:
    return np.random.default_rng(1).random((30, 2))


LATER = np.array([0.1, 1.1, 2.9])


def numpy(name: str, make: Any, change: Any, same: Any = same_arrays, **more: Any) -> Case:
    more.setdefault("look", lambda x: (str(x), x.shape, x.size))
    return Case(library="NumPy", name=name, make=make, change=change, same=same, **more)


def scipy_(name: str, make: Any, change: Any, same: Any, **more: Any) -> Case:
    return Case(library="SciPy", name=name, make=make, change=change, same=same, **more)


def one_more(x: Any) -> None:
    x += 1


def structured() -> Any:
    return np.array([(1, 2.5, "a"), (3, 4.5, "b")], dtype=[("n", "i4"), ("x", "f8"), ("s", "U2")])


def masked() -> Any:
    return np.ma.masked_array([1.0, 2.0, 3.0], mask=[0, 1, 0], fill_value=-1)


def same_masked(a: Any, b: Any) -> None:
    np.testing.assert_array_equal(a.data, b.data)
    np.testing.assert_array_equal(a.mask, b.mask)
    assert a.fill_value == b.fill_value


def same_objects(a: Any, b: Any) -> None:
    assert a.dtype == b.dtype and a.tolist() == b.tolist()


def same_readonly(a: Any, b: Any) -> None:
    same_arrays(a, b)
    assert not a.flags.writeable and not b.flags.writeable


def same_fortran(a: Any, b: Any) -> None:
    same_arrays(a, b)
    assert a.flags.f_contiguous


def read_only() -> Any:
    made = np.arange(4.0)
    made.flags.writeable = False
    return made


def state(generator: Any) -> Any:
    kept = (
        generator.get_state() if hasattr(generator, "get_state") else generator.bit_generator.state
    )
    return repr(kept)


class Metres(np.ndarray):
    """A subclass with an attribute, as the NumPy manual has it."""

    unit = "m"


def metres() -> Any:
    made = np.arange(3.0).view(Metres)
    made.unit = "km"
    return made


def sparse(kind: str) -> Any:
    return lambda: getattr(scipy.sparse, kind)(np.diag([1.0, 2.0, 3.0]))


def same_sparse(a: Any, b: Any) -> None:
    assert a.format == b.format
    same_arrays(a.toarray(), b.toarray())


def rescaled(x: Any) -> None:
    x.data *= 2


def set_item(x: Any) -> None:
    x[0, 0] = 9


SPARSE = {
    "csr_array": rescaled, "csc_array": rescaled, "coo_array": rescaled, "bsr_array": rescaled,
    "dia_array": rescaled, "lil_array": set_item, "dok_array": set_item, "csr_matrix": rescaled,
}  # fmt: skip


def at(points: Any) -> Any:
    """Same values at some points."""

    def same(a: Any, b: Any) -> None:
        np.testing.assert_array_equal(a(points), b(points))

    return same


def tree() -> Any:
    return scipy.spatial.KDTree(GRID.copy())


def same_tree(a: Any, b: Any) -> None:
    same_arrays(a.data, b.data)
    same_arrays(a.query([[1.0, 1.0]], 3)[1], b.query([[1.0, 1.0]], 3)[1])


def hull_state(x: Any) -> Any:
    return x.simplices.tolist(), x.points.tolist()


def extra(x: Any) -> None:
    """A result is a dictionary with attributes."""
    x["note"] = "changed"


def same_result(a: Any, b: Any) -> None:
    assert sorted(a) == sorted(b)
    for key in a:
        np.testing.assert_equal(a[key], b[key])


def square(x: Any) -> Any:
    return (x**2).sum()


def wave(t: float, y: Any) -> Any:
    return [y[1], -y[0]]


CASES = [
    numpy("array", lambda: np.arange(6.0).reshape(2, 3), one_more),
    numpy("array of 8 MB", lambda: np.ones(1_000_000), one_more),
    numpy("integers, booleans, complex", lambda: [np.arange(3, dtype="i2"), np.array([True]), np.array([1j])],
          lambda x: x[0].fill(7), lambda a, b: [same_arrays(*pair) for pair in zip(a, b, strict=True)] and None, look=repr),
    numpy("Fortran order", lambda: np.asfortranarray(np.arange(600.0).reshape(20, 30)), one_more, same_fortran),
    numpy("strided slice", lambda: np.arange(12.0)[::3], one_more),
    numpy("read-only array", lambda: read_only(), lambda x: [setattr(x.flags, "writeable", True), x.fill(5), setattr(x.flags, "writeable", False)], same_readonly),
    numpy("datetime64 and timedelta64", lambda: np.array(["2026-01-01", "NaT"], "M8[D]"), lambda x: x.__setitem__(1, "2026-02-02")),
    numpy("fixed-width strings and bytes", lambda: np.array(["ab", "c"]), lambda x: x.__setitem__(0, "z")),
    numpy("StringDType", lambda: np.array(["ab", "long" * 9], np.dtypes.StringDType()), lambda x: x.__setitem__(0, "z"), same_objects),
    numpy("object array of text", lambda: np.array(["a", "b"] * 500, object), lambda x: x.__setitem__(0, "z"), same_objects),
    numpy("object array of lists", lambda: np.array([[1], None, {"k": 2}], object), lambda x: x[0].append(2), same_objects),
    numpy("structured array", structured, lambda x: x["x"].fill(0), same_objects),
    numpy("recarray", lambda: structured().view(np.recarray), lambda x: x.x.fill(0), same_objects),
    numpy("masked array", masked, lambda x: x.__setitem__(0, np.ma.masked), same_masked, look=lambda x: x.mean()),
    numpy("subclass with an attribute", metres, one_more, lambda a, b: (same_arrays(a, b), a.unit == b.unit)[1]),
    numpy("matrix", lambda: np.asmatrix(np.eye(2)), one_more, same_repr),
    numpy("0-dimensional and empty", lambda: [np.array(5), np.empty((0, 3))], lambda x: x[0].fill(6), same_repr, look=repr),
    numpy("scalars", lambda: [np.float64(1.5), np.int8(3), np.datetime64("2026"), np.str_("s")], lambda x: x.append(np.bool_(True)), same_repr, look=repr),
    numpy("structured scalar", lambda: structured()[0], lambda x: x.__setitem__("n", 5), same_repr, look=repr),
    numpy("dtypes", lambda: [np.dtype("f4"), structured().dtype], lambda x: x.append(np.dtype("M8[ns]")), same_repr, look=repr),
    numpy("Generator", lambda: np.random.default_rng(5), lambda x: x.random(), by(state), look=repr),
    numpy("RandomState", lambda: np.random.RandomState(5), lambda x: x.rand(), by(state), look=repr),
    numpy("Polynomial", lambda: np.polynomial.Polynomial([1, 2, 3]), lambda x: x.coef.fill(1), at(X), look=lambda x: x(1.0)),
    numpy("poly1d", lambda: np.poly1d([1, 2]), lambda x: x.__setitem__(0, 5), at(X), look=lambda x: x.roots),
    numpy("vectorize", lambda: np.vectorize(abs, otypes=[float]), lambda x: setattr(x, "otypes", "i"), lambda a, b: a([1, -2]).dtype == b([1, -2]).dtype, look=lambda x: x([1])),
    numpy("nditer", lambda: np.nditer(np.arange(3)), next, same_repr, opaque="nditer", look=repr),
    *(scipy_(f"sparse {kind}", sparse(kind), change, same_sparse, look=lambda x: (x.sum(), x @ np.ones(3)),
            **({"resaved": (READING,), "why": KEEPS} if kind[:3] in ("csr", "csc", "bsr") else {}))
      for kind, change in SPARSE.items()),
    scipy_("KDTree", tree, lambda x: x.data.__setitem__(0, [9, 9]), same_tree, look=lambda x: x.query([1, 1]), resaved=(LOADING,), why="makes its nodes while it is loaded"),
    scipy_("Delaunay", lambda: scipy.spatial.Delaunay(scattered()), lambda x: x.simplices.fill(1), by(hull_state), look=lambda x: x.find_simplex([1, 1]), resaved=(READING,), why=KEEPS),
    scipy_("ConvexHull", lambda: scipy.spatial.ConvexHull(scattered()), lambda x: x.simplices.fill(1), by(hull_state), look=lambda x: x.volume),
    scipy_("Voronoi", lambda: scipy.spatial.Voronoi(scattered()), lambda x: x.points.fill(1), by(lambda x: (x.points.tolist(), x.vertices.tolist()))),
    scipy_("Rotation", lambda: {"r": scipy.spatial.transform.Rotation.from_euler("z", 30, True)},
           lambda x: x.update(s=x["r"].inv()), by(lambda x: [v.as_matrix().tolist() for v in x.values()]), look=lambda x: x["r"].as_quat(), resaved=(LOADING,), why="its memory is Cython's before, and NumPy's after"),
    scipy_("CubicSpline", lambda: scipy.interpolate.CubicSpline(X, np.sin(X)), lambda x: x.c.fill(1), at(LATER), look=lambda x: x(1.0)),
    scipy_("PchipInterpolator", lambda: scipy.interpolate.PchipInterpolator(X, np.sin(X)), lambda x: x.c.fill(1), at(LATER), look=lambda x: x(1.0)),
    scipy_("BSpline", lambda: scipy.interpolate.make_interp_spline(X, np.sin(X)), lambda x: x.c.fill(1), at(LATER), look=lambda x: x(1.0)),
    scipy_("interp1d", lambda: scipy.interpolate.interp1d(X, np.sin(X)), lambda x: x.y.fill(1), at(LATER), look=lambda x: x(1.0)),
    scipy_("UnivariateSpline", lambda: scipy.interpolate.UnivariateSpline(X, np.sin(X), s=0), lambda x: x.set_smoothing_factor(2), at(LATER), look=lambda x: x(1.0)),
    scipy_("RBFInterpolator", lambda: scipy.interpolate.RBFInterpolator(GRID, X), lambda x: x._coeffs.fill(1), at(GRID[:2]), look=lambda x: x(GRID[:1])),
    scipy_("RegularGridInterpolator", lambda: scipy.interpolate.RegularGridInterpolator((X, X), np.outer(X, X)), lambda x: x.values.fill(1), at(GRID[:2] ** 2), look=lambda x: x([1, 1])),
    scipy_("LinearNDInterpolator", lambda: scipy.interpolate.LinearNDInterpolator(scattered(), scattered()[:, 0]), lambda x: x.values.fill(1), at([[0.5, 0.5]]), look=lambda x: x([0.4, 0.4]), resaved=(READING,), why=KEEPS),
    scipy_("minimize result", lambda: scipy.optimize.minimize(square, [1.0, 2.0]), extra, same_result, look=lambda x: x.x),
    scipy_("L-BFGS-B result", lambda: scipy.optimize.minimize(square, [1.0, 2.0], method="L-BFGS-B"), extra, lambda a, b: (a.keys() == b.keys(), same_arrays(a.hess_inv.todense(), b.hess_inv.todense()))[0], look=lambda x: x.x),
    scipy_("root and linprog results", lambda: scipy.optimize.linprog([-1, 1], [[1, 1]], [2]), extra, same_result, look=lambda x: x.x),
    scipy_("solve_ivp result", lambda: scipy.integrate.solve_ivp(wave, (0, 1), [1, 0], dense_output=True), lambda x: x.y.fill(1), lambda a, b: (same_arrays(a.y, b.y), at(LATER / 3)(a.sol, b.sol))[0], look=lambda x: x.sol(0.5)),
    scipy_("frozen distribution", lambda: scipy.stats.norm(1, 2), lambda x: x.kwds.update(loc=3) or setattr(x, "args", ()), by(lambda x: x.cdf(X).tolist()), look=lambda x: x.pdf(1)),
    scipy_("gaussian_kde", lambda: scipy.stats.gaussian_kde(scattered()[:, 0]), lambda x: x.set_bandwidth(0.5), at(LATER), look=lambda x: x(1.0)),
    scipy_("rv_histogram", lambda: {"h": scipy.stats.rv_histogram(np.histogram(scattered()[:, 0]))}, lambda x: x.update(n=1), by(lambda x: (len(x), x["h"].cdf(X).tolist())), look=lambda x: x["h"].mean()),
    scipy_("t-test result", lambda: {"t": scipy.stats.ttest_ind(X, X + 1)}, lambda x: x.update(n=1), same_repr, look=lambda x: x["t"].confidence_interval()),
    scipy_("signal filter", lambda: {"lti": scipy.signal.lti([1.0], [1.0, 1.0]), "sos": scipy.signal.butter(2, 0.5, output="sos")},
           lambda x: x["sos"].fill(1), by(lambda x: (x["sos"].tolist(), x["lti"].num.tolist())), look=lambda x: x["lti"].step()),
    scipy_("ShortTimeFFT", lambda: scipy.signal.ShortTimeFFT(np.ones(4), 2, 1.0), lambda x: setattr(x, "fs", 2.0), by(lambda x: (x.fs, x.win.tolist())), look=lambda x: x.stft(X), resaved=(READING,), why=KEEPS),
    scipy_("LinearOperator", lambda: scipy.sparse.linalg.aslinearoperator(np.eye(3)), lambda x: x.A.fill(2), lambda a, b: same_arrays(a @ np.ones(3), b @ np.ones(3)), look=lambda x: x @ np.ones(3)),
    scipy_("splu", lambda: scipy.sparse.linalg.splu(scipy.sparse.csc_matrix(np.eye(3))), repr, same_repr, opaque="SuperLU"),
]  # fmt: skip
