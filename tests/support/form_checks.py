"""Tests of a form (see `support.forms`); modules of `tests/fidelity` have them for their tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pod
import pytest
from pod.session import Session
from pod.tracking.namespace import NamespaceTracker

from support.forms import Form, evaluate, new_namespace, run

BEFORE_3_13 = sys.version_info < (3, 13)


@pytest.mark.parametrize("policy", ["lga", "split-all"])
def test_it_is_as_it_was_when_loaded(form: Form, tmp_path: Path, policy: str) -> None:
    expected = form.control()
    with pod.open(tmp_path / ".pod", podding=policy) as store:
        live, t = save(form, store)
        for name in store.history.variables(store.history.commit(t)):
            store.load(t, {name})
        assert evaluate(form.checks, store.load(t)) == expected
        # Neither loading, nor using what was loaded, did anything to the live ones.
        assert evaluate(form.checks, live) == expected


def test_it_is_no_change_when_saved_again(form: Form, tmp_path: Path) -> None:
    with pod.open(tmp_path / ".pod") as store:
        live, t = save(form, store)
        back = store.load(t)
        back.values()  # touches everything
        store.save(back)
        changed = store.log()[0].changed
        store.save(live)
        live.values()
        store.save(live)
        changed += store.log()[0].changed
        assert not changed or not form.resaved or (form.one_letter and BEFORE_3_13), changed


def test_it_is_as_it_was_after_a_checkout(form: Form, tmp_path: Path) -> None:
    expected = form.control()
    with pod.open(tmp_path / ".pod", background=False) as store:
        live = new_namespace()
        session = store.session(live, NamespaceTracker(live))
        for cell in form.cells:
            run(cell, live)
            t = saved(session)
        for name in [name for name in live if not name.startswith("__")]:
            del live[name]
        empty = saved(session)
        for target in (t, empty, t):
            assert not session.checkout(target).failures
        assert evaluate(form.checks, live) == expected
        # The checks may have changed it, so it is taken back once more.
        assert not session.checkout(t).failures
        assert evaluate(form.checks, live) == expected


def test_it_is_as_it_was_in_another_process(form: Form, fresh: dict[str, list[str]]) -> None:
    assert fresh[form.name] == form.control()


def save(form: Form, store: pod.PodStore) -> tuple[dict[str, Any], int]:
    """Run the form's cells, each saved; the namespace, and the last time id."""
    live = new_namespace()
    for cell in form.cells:
        run(cell, live)
        t = store.save(live)
    return live, t


def saved(session: Session) -> int:
    done = session.save()
    assert done is not None and not done.failures
    return done.t
