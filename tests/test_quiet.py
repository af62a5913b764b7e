"""Warnings about what Pod does itself are kept from the user, and all others are as they were."""

from __future__ import annotations

import itertools
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pod
import pytest
from pod import PodStore
from pod.quiet import parse, quiet
from pod.session import forked


@pytest.fixture(autouse=True)
def filters() -> Iterator[list]:
    before = warnings.filters
    with warnings.catch_warnings():
        yield warnings.filters
    assert warnings.filters is before


@pytest.mark.parametrize("action", ["error", "always", "default"])
def test_nothing_is_shown_or_raised(action: str, filters: list) -> None:
    warnings.simplefilter(action)
    with quiet():
        warnings.warn("not told", stacklevel=1)
        with quiet():
            warnings.warn("nor this", DeprecationWarning, stacklevel=1)
        warnings.warn("nor this", stacklevel=1)
    assert warnings.filters is filters
    with pytest.warns(UserWarning, match="told"):
        warnings.warn("told", stacklevel=1)


def test_other_threads_are_not_quiet(filters: list) -> None:
    warnings.simplefilter("error")
    raised = []

    def elsewhere() -> None:
        try:
            warnings.warn("of another thread", stacklevel=1)
        except UserWarning as error:
            raised.append(str(error))

    with quiet():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert raised == ["of another thread"]


def test_what_was_shown_once_is_not_shown_again() -> None:
    warnings.simplefilter("default")
    shown = []
    warnings.showwarning = lambda message, *rest: shown.append(str(message))
    for _ in range(3):
        warnings.warn("once", stacklevel=1)
        with quiet():
            pass
        parse("x = 1")
    assert shown == ["once"]


def test_filters_that_are_set_meanwhile_stay_and_the_list_is_the_same(filters: list) -> None:
    before = list(filters)
    with quiet():
        warnings.simplefilter("ignore", BytesWarning)
    assert warnings.filters is filters and filters[1:] == before
    with quiet():
        warnings.resetwarnings()
    assert warnings.filters is filters and filters == []


def test_filters_of_another_thread_that_overlap_are_its_own(filters: list) -> None:
    """As in a cell that goes on while a thread looks."""
    before = list(filters)
    block = quiet()
    block.__enter__()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        block.__exit__(None, None, None)
        with pytest.raises(UserWarning):
            warnings.warn("raised", stacklevel=1)
    assert warnings.filters == before
    with warnings.catch_warnings():
        block = quiet()
        block.__enter__()
    block.__exit__(None, None, None)
    assert warnings.filters == before


def test_code_is_parsed_whatever_the_filters() -> None:
    warnings.simplefilter("error")
    with pytest.raises(SyntaxError):
        compile(r"x = '\d'", "<cell>", "exec")
    assert parse(r"x = '\d'").body


@pytest.mark.skipif(not forked.can_fork(), reason="forks are not used on this system")
@pytest.mark.parametrize("snapshot", ["inline", "fork", "thread"])
def test_what_warns_when_it_is_pickled_is_saved(
    tmp_path: Path, snapshot: str, filters: list
) -> None:
    warnings.simplefilter("error")
    with PodStore(tmp_path / ".pod", snapshot=snapshot) as store:
        ns = pod.new_managed_namespace(count=itertools.count(7), filters=warnings.filters)
        t = store.save(ns)
        store.flush()
        assert warnings.filters is filters
        warnings.simplefilter("ignore")
        loaded = store.load(t)
    assert next(loaded["count"]) == 7
    assert len(loaded["filters"]) == len(filters) - 1
