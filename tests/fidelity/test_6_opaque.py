"""DESIGN 4, point 6: a placeholder at the smallest spot, the rest kept, clear words when used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pod
import pytest
from pod.errors import OpaqueObjectError
from pod.tracking.namespace import NamespaceTracker
from support.forms import new_namespace, run

OPAQUE = {
    "generator": "g = (i for i in range(3))",
    "lock": "import threading; g = threading.Lock()",
    "file": "g = open('/dev/null')",
    "callback": "import weakref\nclass T: pass\nt = T()\ng = weakref.ref(t, print)",
    "frame": "import sys; g = sys._getframe()",
    "refuses": "class R:\n    def __reduce__(self): raise RuntimeError('no thanks')\ng = R()",
    "nonsense": "class R:\n    def __reduce__(self): return 5\ng = R()",
    "wrong tuple": "class R:\n    def __reduce__(self): return (1, 2)\ng = R()",
    "bad state": "class R:\n    def __getstate__(self): raise ValueError('state')\ng = R()",
}
"""Cells that give the name `g` to something that cannot be saved."""

SPOTS = {
    "an element": ("held = [1, g, {'k': 2}]", "held[1]", "held[0], held[2]"),
    "a tuple": ("held = (1, (g, [2]))", "held[1][0]", "held[0], held[1][1]"),
    "a value": ("held = {'a': 1, 'g': g, 'b': 2}", "held['g']", "held['a'], list(held)"),
    "an attribute": (
        "class H: pass\nheld = H(); held.a = 1; held.g = g; held.b = [2]",
        "held.g",
        "held.a, held.b, type(held) is H",
    ),
    "a slot": (
        "class H: __slots__ = ('a', 'g')\nheld = H(); held.a = 1; held.g = g",
        "held.g",
        "held.a, type(held) is H",
    ),
    "a closure": (
        "def make(x, y):\n    def f(): return y\n    def use(): return x\n    return f, use\n"
        "held, use = make(g, 5)",
        "use()",
        "held()",
    ),
    "a default": ("def held(a, g=g): return a", "held.__defaults__[0]", "held(4)"),
    "a function's attribute": ("def held(a): return a\nheld.g = g", "held.g", "held(4)"),
    "a class attribute": (
        "class held:\n    a = 1\n    inner = g\n    def m(self): return 'm'",
        "held.inner",
        "held.a, held().m()",
    ),
    "a bound argument": (
        "import functools\ndef f(*a): return a[1:]\nheld = functools.partial(f, g, 2)",
        "held.args[0]",
        "held.args[1], held(3)",
    ),
    "a cycle": (
        "held = {'g': g}; held['me'] = held; held['l'] = [held]",
        "held['g']",
        "held['me'] is held, held['l'][0] is held",
    ),
    "an exception": ("held = ValueError('v', g); held.g = g", "held.g", "held.args[0]"),
}


@pytest.mark.parametrize("spot", SPOTS)
@pytest.mark.parametrize("what", OPAQUE)
def test_only_the_spot_is_lost(what: str, spot: str, tmp_path: Path) -> None:
    cell, there, rest = SPOTS[spot]
    live = new_namespace()
    run(f"{OPAQUE[what]}\nshared = [1]\n{cell}\nother = [shared]", live)
    kept = eval(rest, live)
    with pod.open(tmp_path / ".pod", background=False) as store:
        first = store.load(store.save(live))
        second = store.load(store.save(first))  # it survives being saved again, as itself
        assert eval(rest, live) == kept
    for loaded in (first, second):
        assert eval(rest, loaded) == kept
        assert loaded["other"][0] is loaded["shared"]
        placeholder = eval(there, loaded)
        said = repr(placeholder)
        assert said.startswith("<not saved: ") and "seen since time 1" in said
        assert placeholder is loaded["g"]
        with pytest.raises(
            OpaqueObjectError, match=r"placeholder for a .* run the cell that makes"
        ):
            next(placeholder)
        with pytest.raises(OpaqueObjectError):
            placeholder.attribute  # noqa: B018


@pytest.mark.parametrize("what", OPAQUE)
def test_the_live_one_stays_if_it_was_not_touched_since(what: str, tmp_path: Path) -> None:
    with pod.open(tmp_path / ".pod", background=False) as store:
        live = new_namespace()
        session = store.session(live, NamespaceTracker(live))
        run(f"{OPAQUE[what]}\nheld = [1, g]", live)
        one = session.save().t  # type: ignore[union-attr]
        run("x = 1", live)
        session.save()
        held, opaque = (dict.get(live, name) for name in ("held", "g"))  # not touched by this
        report: Any = session.checkout(one)
        assert live["held"] is held and live["g"] is opaque
        assert "x" not in live and {"held", "g"} <= set(report.kept)


def test_the_user_s_own_reduction_runs_once_a_save_and_what_it_raises_stays_inside(
    tmp_path: Path,
) -> None:
    live = new_namespace()
    cell = """
    calls = []
    class Noisy:
        def __reduce__(self):
            calls.append('reduce')
            raise KeyboardInterrupt if False else ValueError('inside')
    noisy = Noisy()
    """
    run("\n".join(line[4:] for line in cell.splitlines()), live)
    with pod.open(tmp_path / ".pod", background=False) as store:
        store.save(live)
    assert live["calls"] == ["reduce"]
