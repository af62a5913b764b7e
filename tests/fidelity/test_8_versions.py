"""DESIGN 4, point 8: another version of Python or of a package is said, by variable."""

from __future__ import annotations

import platform
import sys
import warnings
from pathlib import Path
from typing import Any

import pod
import pytest
from pod.errors import RestoreError
from pod.podding import rebuild
from pod.tracking.namespace import NamespaceTracker
from support.forms import new_namespace, run

CELL = """
import vanishing
instance = vanishing.Thing()
held = {'deep': [vanishing.Thing()]}
class Own(vanishing.Thing): pass
own = Own()
plain = [1]
def f(): return vanishing.Thing()
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    directory = tmp_path / "libraries"
    directory.mkdir()
    monkeypatch.syspath_prepend(directory)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def change(first_line: str) -> None:
        sys.modules.pop("vanishing", None)
        (directory / "vanishing.py").write_text(f"{first_line}\nclass Thing:\n    pass\n")
        sys.path_importer_cache.pop(str(directory), None)

    yield change
    sys.modules.pop("vanishing", None)


def said(store: pod.PodStore, t: int, names: set[str] | None = None) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        store.load(t, names)
    return [str(each.message) for each in caught if each.category is pod.library.VersionWarning]


@pytest.mark.parametrize("now", ["2.0", "0.9", "1.0.1"])
def test_another_version_of_a_package_is_said_for_the_variables_that_use_it(
    install: Any, tmp_path: Path, now: str
) -> None:
    install("__version__ = '1.0'")
    with pod.open(tmp_path / ".pod") as store:
        live = new_namespace()
        run(CELL, live)
        t = store.save(live)
        store.flush()
        assert said(store, t) == []
        install(f"__version__ = {now!r}")
        [message] = said(store, t)
        what, _, names = message.partition(": ")
        assert what == f"vanishing 1.0 then, {now} now"
        assert set(names.split(", ")) == {"Own", "held", "instance", "own", "vanishing"}
        assert said(store, t, {"plain"}) == []
        assert said(store, t, {"held"}) == [f"vanishing 1.0 then, {now} now: held"]


def test_a_checkout_says_it_too_and_only_for_what_it_loads(install: Any, tmp_path: Path) -> None:
    install("__version__ = '1.0'")
    with pod.open(tmp_path / ".pod", background=False) as store:
        live = new_namespace()
        session = store.session(live, NamespaceTracker(live))
        run(CELL, live)
        one: Any = session.save()
        run("held = instance = None", live)
        session.save()
        sys.modules["vanishing"].__version__ = "3.0"
        report: Any = session.checkout(one.t)
        assert dict(report.versions) == {"vanishing 1.0 then, 3.0 now": ["held", "instance"]}
        assert "own" in report.kept


def test_a_package_that_tells_no_version_any_more_is_said(install: Any, tmp_path: Path) -> None:
    install("__version__ = '1.0'")
    with pod.open(tmp_path / ".pod") as store:
        live = new_namespace()
        run(CELL, live)
        t = store.save(live)
        store.flush()
        install("")
        assert said(store, t, {"held"}) == ["vanishing 1.0 then, an unknown version now: held"]


def test_another_python_is_said_for_everything_and_refused_for_compiled_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pod.open(tmp_path / ".pod") as store:
        live = new_namespace()
        run(
            "data = [1]\ndef f(): return 1\nclass A:\n    x = 1\n    def m(self): return 2\n"
            "a = A()\nclass Bare: pass\nbare = Bare()\nlam = lambda: 3\nbox = {'f': f, 'd': data}",
            live,
        )
        t = store.save(live)
        store.flush()
        monkeypatch.setattr(platform, "python_version", lambda: "3.99.1")
        monkeypatch.setattr(rebuild, "BYTECODE", "00000000")
        monkeypatch.setattr(rebuild, "PYTHON", "3.99")
        [message] = said(store, t, {"data", "bare"})
        assert message.endswith("then, 3.99.1 now: bare, data") and message.startswith("Python 3.")
        for name in ("f", "A", "a", "lam", "box"):
            with pytest.raises(RestoreError) as raised:
                store.load(t, {name})
            assert (
                f"{name}: it holds code compiled by Python {sys.version_info.major}."
                f"{sys.version_info.minor}, which Python 3.99 cannot run; load it with that "
                "Python, or run the cell that defines it again" in str(raised.value)
            )


def test_a_new_patch_release_of_python_is_no_other_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pod.open(tmp_path / ".pod") as store:
        t = store.save({"data": [1]})
        store.flush()
        minor = ".".join(map(str, sys.version_info[:2]))
        monkeypatch.setattr(platform, "python_version", lambda: f"{minor}.99")
        assert said(store, t) == []
