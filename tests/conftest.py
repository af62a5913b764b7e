"""The tests are a user of their own: they, and what they start, leave the tester's key alone."""

from __future__ import annotations

import os
import shutil
import tempfile

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

_home = tempfile.mkdtemp(prefix="pod-tests-")
# Before anything opens a pod directory. XDG's variable and not Pod's own, since tests that start a
# kernel without any configuration of the tester's leave Pod's out.
os.environ.pop("POD_DATA_DIR", None)
os.environ["XDG_DATA_HOME"] = _home


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(_home, ignore_errors=True)
