"""Looks in a thread: what they look at is held, and they themselves are not."""

from __future__ import annotations

import time
from pathlib import Path

import pod
import pytest

SOURCE = """
import time
delay, table = 0.3, {"a": 1}
class Slow:
    def __init__(self, value): self.value = value
    def __reduce__(self):
        time.sleep(delay)  # asks for names that are held
        return Slow, (self.value + 0 * table["a"],)
slow, other = Slow(1), [1]
"""


def test_code_of_what_is_looked_at_may_use_what_is_held(tmp_path: Path) -> None:
    with pod.open(tmp_path / ".pod", snapshot="thread") as store:
        namespace = pod.new_managed_namespace()
        exec(SOURCE, namespace)
        first = store.save(namespace)
        started = time.perf_counter()
        exec("slow.value = 2", namespace)  # waits for the look
        assert time.perf_counter() - started > 0.1
        second = store.save(namespace)
        assert [store.load(t)["slow"].value for t in (first, second)] == [1, 2]
        assert store.verify()


@pytest.mark.parametrize(
    "code",
    ["held.append(2)", "globals()['held'].append(2)", "globals().get('held').append(2)",
     "globals().setdefault('held', 1).append(2)", "globals().pop('held').append(2)",
     "[v for v in globals().values() if type(v) is list][0].append(2)",
     "globals().popitem()[1].append(2)", "globals().copy()['held'].append(2)",
     "dict(globals())['held'].append(2)", "{**globals()}['held'].append(2)"],
)  # fmt: skip
def test_whoever_gets_an_object_that_is_held_waits(tmp_path: Path, code: str) -> None:
    with pod.open(tmp_path / ".pod", snapshot="thread") as store:
        namespace = pod.new_managed_namespace()
        exec(SOURCE, namespace)
        namespace["held"] = [1, namespace["slow"]]
        t = store.save(namespace)
        exec(code.replace("globals()", "namespace"), {"namespace": namespace}) if (
            "globals" in code
        ) else exec(code, namespace)
        assert store.load(t)["held"][0::2] == [1]
