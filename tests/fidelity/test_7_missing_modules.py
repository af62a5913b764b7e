"""DESIGN 4, point 7: a missing module makes only what needs it unavailable, by name."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pod
import pytest
from pod.errors import PodError, RestoreError
from pod.tracking.namespace import NamespaceTracker
from support.forms import new_namespace, run

LIBRARY = """
    import enum
    __version__ = {version!r}
    class Base:
        def who(self): return "base"
    class Meta(type): pass
    class Error(Exception): pass
    class Kind(enum.Enum): A = 1
    def func(x): return x
    def decorate(f):
        def inner(*a): return f(*a)
        return inner
    CONST = {{"a": 1}}
"""
CELL = """
import vanishing
from vanishing import Base, Error, Kind, func
instance = Base()
held = [1, {'deep': Base()}]
class Own(Base):
    def m(self): return 'own'
own = Own()
class Made(metaclass=vanishing.Meta): pass
made = Made()
@vanishing.decorate
def decorated(x): return x
def annotated(x: Base) -> Kind: return x
def default(x=Kind.A): return x
member = Kind.A
error = Error('e')
caused = ValueError('v'); caused.__cause__ = error
both = {'shared': None, 'instance': instance}

shared = both['shared'] = [3]
const = vanishing.CONST
def uses(x): return vanishing.func(x)
lam = lambda x: func(x)
class Plain:
    def m(self): return 1
plain = Plain()
numbers = {1, 2}
def unrelated(): return numbers
"""
NEEDS_IT = {
    "vanishing", "Base", "Error", "Kind", "func", "instance", "held", "Own", "own", "Made", "made",
    "decorated", "annotated", "default", "member", "error", "caused", "both",
}  # fmt: skip
FREE = {"shared", "const", "uses", "lam", "Plain", "plain", "numbers", "unrelated", "__name__"}

Install = Callable[[str | None], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a version of the library in place, or takes it away; what was imported is forgotten."""
    directory = tmp_path / "libraries"
    directory.mkdir()
    monkeypatch.syspath_prepend(directory)

    def change(version: str | None, source: str = LIBRARY) -> None:
        sys.modules.pop("vanishing", None)
        shutil.rmtree(directory / "__pycache__", ignore_errors=True)
        file = directory / "vanishing.py"
        file.unlink(missing_ok=True)
        if version is not None:
            file.write_text(textwrap.dedent(source).format(version=version))
        sys.path_importer_cache.pop(str(directory), None)

    yield change
    sys.modules.pop("vanishing", None)


def moment(store: pod.PodStore) -> int:
    live = new_namespace()
    run(CELL, live)
    t = store.save(live)
    store.flush()  # a thread that still looks at it would import what is about to vanish
    return t


def test_only_what_needs_the_module_is_unavailable(install: Install, tmp_path: Path) -> None:
    install("1.0")
    with pod.open(tmp_path / ".pod") as store:
        t = moment(store)
        install(None)
        with pytest.raises(RestoreError) as raised:
            store.load(t)
        parts = (
            str(raised.value).partition(". ")[2].removesuffix(". Load the other variables by name.")
        )
        named = dict(part.split(": ", 1) for part in parts.split("; "))
        assert named.keys() == NEEDS_IT
        assert set(named.values()) == {
            "it needs the module 'vanishing', which is not installed here"
        }
        loaded = store.load(t, FREE)
        assert loaded["plain"].m() == 1 and loaded["shared"] == [3] and loaded["const"] == {"a": 1}
        assert loaded["unrelated"]() is loaded["numbers"]
        for name in NEEDS_IT:
            with pytest.raises(RestoreError, match=f"{name}: it needs the module 'vanishing'"):
                store.load(t, {name})


def test_a_checkout_puts_placeholders_and_mends_them_when_it_is_back(
    install: Install, tmp_path: Path
) -> None:
    install("1.0")
    with pod.open(tmp_path / ".pod", background=False) as store:
        t = moment(store)
        install(None)
        live = new_namespace()
        session = store.session(live, NamespaceTracker(live))
        run("mine = [1]", live)
        report: Any = session.checkout(t)
        assert report.failures.keys() == NEEDS_IT and {*report.restored, *report.kept} >= FREE
        assert dict.get(live, "shared") == [3]
        with pytest.raises(PodError, match=f"`instance` could not be restored from time {t}"):
            live["instance"].who()
        run("numbers.add(3)", live)
        later = session.save()
        assert later is not None and "instance" not in later.changed
        install("1.0")
        report = session.checkout(later.t)
        assert not report.failures
        assert live["instance"].who() == live["own"].who() == "base" and live["own"].m() == "own"
        assert live["numbers"] == {1, 2, 3}
        assert live["both"]["shared"] is live["shared"]
        assert live["both"]["instance"] is live["instance"]


def test_a_module_without_what_is_needed_says_so(install: Any, tmp_path: Path) -> None:
    install("1.0")
    with pod.open(tmp_path / ".pod") as store:
        t = moment(store)
        install("2.0", "__version__ = {version!r}\ndef func(x): return x\n")
        with pytest.raises(RestoreError) as raised:
            store.load(t, {"instance"})
        assert (
            "instance: it needs Base of the module 'vanishing', which the one that is installed "
            "here (version 2.0) does not have" in str(raised.value)
        )
        both = store.load(t, FREE | {"vanishing", "func"})
        assert both["uses"](5) == both["lam"](5) == 5


def test_a_module_that_fails_to_import_is_named(install: Any, tmp_path: Path) -> None:
    install("1.0")
    with pod.open(tmp_path / ".pod") as store:
        t = moment(store)
        install("2.0", "import no_such_module_here\n")
        with pytest.raises(RestoreError, match="instance: it needs the module 'no_such_module_he"):
            store.load(t, {"instance"})
        install("2.0", "raise RuntimeError('broken {version}')\n")
        with pytest.raises(RestoreError, match=r"instance: RuntimeError: broken 2\.0"):
            store.load(t, {"instance"})
        assert store.load(t, {"plain"})["plain"].m() == 1


def test_comparing_and_listing_do_without_the_module(install: Install, tmp_path: Path) -> None:
    install("1.0")
    with pod.open(tmp_path / ".pod") as store:
        live = new_namespace()
        run(CELL, live)
        one = store.save(live)
        run("held.append(2)\nnumbers.add(9)", live)
        two = store.save(live)
        install(None)
        assert {"held", "numbers"} <= set(store.diff(one, two, values=False).changed)
        shown = str(store.diff(one, two))
        assert "numbers" in shown and "9" in shown
