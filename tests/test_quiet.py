"""Warnings about what Pod does itself are kept from the user, and all others are as they were."""

from __future__ import annotations

import itertools
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

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


def test_blocks_of_several_threads_overlap(filters: list) -> None:
    """Whichever ends first, the filters are the user's at the end, and each is quiet for itself."""
    warnings.simplefilter("error")
    before = list(filters)
    inside, go_on = threading.Event(), threading.Event()

    def elsewhere() -> None:
        with quiet():
            inside.set()
            assert go_on.wait(30)
            warnings.warn("not told", stacklevel=1)

    for others_last in (True, False):
        inside.clear()
        go_on.clear()
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(elsewhere)
            assert inside.wait(30)
            with pytest.raises(UserWarning):
                warnings.warn("told", stacklevel=1)
            with quiet():
                warnings.warn("not told", stacklevel=1)
                if not others_last:
                    go_on.set()
                    done.result(30)
                    warnings.warn("nor this", stacklevel=1)
            with pytest.raises(UserWarning):
                warnings.warn("told again", stacklevel=1)
            go_on.set()
            done.result(30)
        assert warnings.filters is filters and filters == before


def test_an_interrupt_anywhere_leaves_nobody_quiet(filters: list) -> None:
    """Python looks for signals where a function begins or goes on, and behind calls of C."""
    warnings.simplefilter("error")
    before = list(filters)

    def block() -> None:
        with quiet():
            pass

    for strike in range(1, 200):
        count = 0

        def profile(frame: FrameType, event: str, arg: object, strike: int = strike) -> None:
            nonlocal count
            inside = frame.f_code.co_filename.endswith(("quiet.py", "contextlib.py"))
            if inside and event in ("call", "c_return"):
                count += 1
                if count == strike:
                    raise KeyboardInterrupt

        sys.setprofile(profile)
        try:
            block()
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
        with pytest.raises(UserWarning):
            warnings.warn("told", stacklevel=1)
        block()
        assert warnings.filters is filters and filters == before, strike
        if count < strike:
            break
    assert 10 < strike < 199


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
