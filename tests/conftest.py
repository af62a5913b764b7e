"""The tests are a user of their own: they, and what they start, leave the tester's key alone."""

from __future__ import annotations

import faulthandler
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator

import pod.library
import pod.threads
import pytest
from hypothesis import settings

# However busy the machine is; and a failure says how to see it again.
settings.register_profile("pod", deadline=None, print_blob=True)
settings.load_profile("pod")

# Where looks at a namespace are made, in all tests that leave it open.
pod.library.DEFAULT_SNAPSHOT = os.environ.get("POD_TEST_SNAPSHOT", "auto")

# What runs the tests in several processes has a thread of its own in each, which only waits. Else
# nothing would be forked in them.
pod.threads._INFRASTRUCTURE |= {"execnet"}

# Tests that are run in the background of a shell ignore interrupts, and so would all they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_home = tempfile.mkdtemp(prefix="pod-tests-")
# Before anything opens a pod directory. XDG's variable and not Pod's own, since tests that start a
# kernel without any configuration of the tester's leave Pod's out.
os.environ.pop("POD_DATA_DIR", None)
os.environ["XDG_DATA_HOME"] = _home


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not written yet is in memory: a forked look writes its pack itself, at once."""
    monkeypatch.setattr(pod.library, "DEFAULT_SNAPSHOT", "inline")


# Longer than pytest-timeout waits, which cannot end what hangs outside of Python: then the process
# ends, having written where each thread is, and pytest-xdist names the test and goes on in another.
HANGS = 400

_stderr = os.dup(sys.__stderr__.fileno()) if sys.__stderr__ is not None else 2


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    faulthandler.dump_traceback_later(HANGS, exit=True, file=_stderr)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with tests that are marked `long` are begun first: else one process is left with them
    at the end, and the other has nothing to do."""
    long = {item.path for item in items if item.get_closest_marker("long") is not None}
    items.sort(key=lambda item: item.path not in long)


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(_home, ignore_errors=True)
