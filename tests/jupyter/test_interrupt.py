"""The stop button while Pod saves, restores or compares."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.kernels import PodKernel, Ran, wait_until

SLEEPER = """
import os, pathlib, time
def nap(place):
    if os.environ.get("NAP") == place:
        pathlib.Path(place).touch()
        time.sleep(60)
class Sleeper:
    def __init__(self, n):
        self.n = n
    def __getstate__(self):
        nap("saving")
        return {"n": self.n}
    def __setstate__(self, state):
        nap("loading")
        self.__dict__.update(state)
"""


class WaitingKernel(PodKernel):
    """Looks at everything itself: a look that somebody else makes is not to be interrupted."""

    snapshot = "inline"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodKernel]:
    with WaitingKernel(tmp_path_factory.mktemp("shared")) as kernel:
        yield kernel


def interrupted(pod: PodKernel, place: str, code: str) -> Ran:
    """What comes of a cell that is interrupted once one of its sleepers naps there."""
    marker = pod.cwd / place
    marker.unlink(missing_ok=True)
    pod.run(f"os.environ['NAP'] = {place!r}", silent=True)
    request = pod.send(code)
    wait_until(marker.exists, f"{place} began")
    pod.interrupt()
    ran = pod.finish(request)
    pod.run("os.environ['NAP'] = ''", silent=True)
    return ran


def test_a_save_that_is_interrupted_is_made_up_for_by_the_next(pod: PodKernel) -> None:
    before = pod.cell(SLEEPER + "first = [1]")
    ran = interrupted(pod, "saving", "sleeper = Sleeper(5)\nfirst.append(2)\n'the result'")
    assert ran.text == "'the result'"
    assert (ran.error, ran.reply["status"]) == ("", "ok")
    assert ran.stderr == (
        "pod: not saved: the save was interrupted. It is tried again after the next cell\n"
    )
    assert pod.head["t"] == before
    assert pod.value("sleeper.n, first") == (5, [1, 2])

    assert pod.run("last = 3").said == []
    head = pod.head
    assert (head["parent"], head["added"], head["changed"]) == (
        before, ["last", "sleeper"], ["first"],
    )  # fmt: skip
    assert head["code"].endswith("'the result'\n\nlast = 3")
    pod.run("%reset -f")
    pod.checkout(head["t"])
    assert pod.value("sleeper.n, first, last") == (5, [1, 2], 3)


def test_a_save_by_hand_that_is_interrupted(pod: PodKernel) -> None:
    before = pod.cell(SLEEPER)
    pod.run("sleeper = Sleeper(5)", silent=True)
    ran = interrupted(pod, "saving", "%pod_save")
    assert ran.stderr.startswith("pod: not saved: the save was interrupted. ")
    assert pod.head["t"] == before
    pod.cell("pass")
    assert pod.head["added"] == ["sleeper"]


def test_a_checkout_that_is_interrupted_leaves_the_namespace_wholly_as_it_was(
    pod: PodKernel,
) -> None:
    t = pod.cell(SLEEPER + "sleeper = Sleeper(5)\nfirst = [1]\nalso = [1]\ngone = 1")
    head = pod.cell("sleeper.n = 6\nfirst.append(2)\nalso = first\ndel gone\nnew = 1")
    pod.run("ids = id(sleeper), id(first)", silent=True)
    ran = interrupted(pod, "loading", f"%pod_checkout {t}")
    assert ran.stderr == "UsageError: interrupted; the namespace is as it was\n"
    assert ran.text == ""
    assert pod.value("(id(sleeper), id(first)) == ids, also is first, first, new, sleeper.n") == (
        True, True, [1, 2], 1, 6,
    )  # fmt: skip
    assert pod.value("'gone' in globals()") is False

    pod.cell("first.append(3)\nsleeper.n = 7")
    assert pod.head["changed"] == ["also", "first", "sleeper"]
    pod.checkout(t)
    assert pod.value("sleeper.n, first, also, gone, 'new' in globals()") == (5, [1], [1], 1, False)
    pod.checkout(head)
    assert pod.value("sleeper.n, first, also is first") == (6, [1, 2], True)


def test_a_checkout_interrupted_while_it_saves_what_was_not_saved(pod: PodKernel) -> None:
    t = pod.cell(SLEEPER + "first = [1]")
    pod.run("sleeper = Sleeper(5)\nfirst.append(2)", silent=True)
    ran = interrupted(pod, "saving", f"%pod_checkout {t}")
    assert ran.stderr == "UsageError: interrupted; the namespace is as it was\n"
    assert pod.value("sleeper.n, first") == (5, [1, 2])
    assert "saved first" in pod.checkout(t).text
    assert pod.value("first, 'sleeper' in globals()") == ([1], False)


def test_a_diff_that_is_interrupted(pod: PodKernel) -> None:
    pod.cell(SLEEPER + "sleeper = Sleeper(5)")
    pod.cell("sleeper.n = 6")
    ran = interrupted(pod, "loading", "%pod_diff")
    assert ran.stderr == "UsageError: interrupted; the namespace is as it was\n"
    assert ".n: 5 → 6" in pod.run("%pod_diff").text


def test_an_interrupted_cell_does_not_keep_its_save_from_being_whole(pod: PodKernel) -> None:
    pod.cell(SLEEPER + "x = []")
    ran = interrupted(pod, "cell", "x.append(1)\nnap('cell')\nx.append(2)")
    assert ran.error == "KeyboardInterrupt: "
    assert (pod.head["changed"], pod.head["ok"]) == (["x"], False)
    assert pod.value("x") == [1]


ALARM = """
import os, random, signal, sys
from IPython import get_ipython
import pod

chance = random.Random({seed})
wanted = False
soon = 0.0

def arm(most=0.05):
    signal.setitimer(signal.ITIMER_REAL, 1e-5 + chance.random() * most)

def arm_if_wanted(*_):
    if wanted:
        arm()

def arm_if_soon(*_):
    if soon:
        arm(soon)

def disarm(*_):
    signal.setitimer(signal.ITIMER_REAL, 0)

def strike(_, frame):
    while frame is not None and frame.f_code is not running:
        if frame.f_code.co_filename.startswith(pods):
            break
        frame = frame.f_back
    if frame is not None:
        os.kill(os.getpid(), signal.SIGINT)
    else:
        signal.setitimer(signal.ITIMER_REAL, 0.0005)

def lost(error):
    if error.exc_type is not KeyboardInterrupt or not str(error.object).startswith("zmq."):
        sys.__unraisablehook__(error)

pods = os.path.dirname(pod.__file__)
sys.unraisablehook = lost
running = type(get_ipython()).run_code.__code__
signal.signal(signal.SIGALRM, strike)
callbacks = get_ipython().events.callbacks
callbacks["pre_run_cell"][:] = [*callbacks["pre_run_cell"], arm_if_soon]
callbacks["post_run_cell"][:] = [arm_if_wanted, *callbacks["post_run_cell"], disarm]
"""
"""An interrupt at a random moment of a cell's code (at most `soon` seconds after it begins) or of
what Pod does after it, and of nothing else: not of the kernel's own work, which an interrupt can
break. One that strikes while IPython notes a cell's text leaves a lock of its history taken, and a
kernel without Pod answers nothing any more either. That it may strike while a message of the
kernel's is freed cannot be seen from here: Python says of it that it was ignored."""


def test_interrupts_at_any_moment_leave_every_time_whole(own: PodKernel) -> None:
    seed = 20260704
    (own.cwd / "alarm.py").write_text(ALARM.format(seed=seed))
    own.run("import alarm")
    own.cell(
        "class P:\n    def __init__(self, n): self.n = n\n"
        "x = [0]\ny = {'x': x}\nz = [P(n) for n in range(10_000)]"
    )
    chance = random.Random(seed)
    state = "repr(x), len(z), sum(p.n is x for p in z), y['x'] is x, type(z[0]) is P"
    interrupted = 0
    for number in range(9):
        code = f"x.append({number})\nz[{number}].n = x\nalarm.wanted = True"
        if number % 3 == 2:
            t = chance.choice(own.log()[:-2])["t"]
            code = (
                f"alarm.arm()\nget_ipython().run_line_magic('pod_checkout', '{t}')\nalarm.disarm()"
            )
        ran = own.run(code)
        own.run("alarm.disarm()\nalarm.wanted = False", silent=True)
        assert len(ran.stderr.splitlines()) <= 1, (seed, number, ran.stderr)
        interrupted += "interrupted" in ran.stderr
        own.run("pass")
        seen, head = own.value(state), own.head["t"]
        assert seen[3:] == (True, True), (seed, number)
        own.checkout(1)
        own.checkout(head)
        assert own.value(state) == seen, (seed, number)
    assert interrupted


SCALE = int(os.environ.get("POD_TEST_SCALE", "1"))

STRIKER = """
import random
from IPython import get_ipython
from support.interrupting import moments, strike

shell = get_ipython()
hooks = list(shell.events.callbacks["post_run_cell"])
wanted, outcome, found = None, None, []

def hook(result):
    global wanted, outcome
    def run():
        for each in hooks:
            each(result)
    if wanted is None:
        run()
    elif wanted == 0:
        wanted = None
        found[:] = moments(run, random.Random(0))
    else:
        wanted, outcome = None, strike(wanted, run)

shell.events.callbacks["post_run_cell"][:] = [hook]

def magic(at, name, line):
    global outcome
    def run():
        try:
            shell.run_line_magic(name, line)
        except Exception as error:
            return str(error)
        return ""
    if at == 0:
        found[:] = moments(run, random.Random(0))
    else:
        outcome = strike(at, run)
"""
"""Presses the stop button at the n-th moment of Pod's code after a cell, or in a magic."""

STATE = "repr(x), y['x'] is x, len(z), [p.n for p in z], type(z[0]) is P, z[1] in y['them'], seen"
THINGS = """
class P:
    def __init__(self, n): self.n = n
x = [0]
z = [P(n) for n in range(300)]
y = {'x': x, 'them': z[:3]}
seen = []
"""


def striker(kernel: PodKernel) -> None:
    (kernel.cwd / "striker.py").write_text(STRIKER)
    tests = Path(__file__).parents[1]
    kernel.run(f"import sys\nsys.path.insert(0, {str(tests)!r})\nimport striker", silent=True)


def sample(kernel: PodKernel, chance: random.Random, count: int) -> list[int]:
    found = kernel.value("__import__('striker').found")
    return sorted(chance.sample(found, min(len(found), count * SCALE)))


def outcome(kernel: PodKernel) -> tuple[str, bool, Any]:
    it = "__import__('striker').outcome"
    return kernel.value(f"{it}.struck, {it}.interrupted, {it}.value")


def test_at_any_moment_of_what_runs_after_a_cell(own: PodKernel) -> None:
    own.cell(THINGS)
    striker(own)
    # What a class body reads is not seen by the namespace, but found in the code.
    change = "x.append({0})\nclass Body:\n    seen.append(len(z))\nz[{0} % 300].n = {0}"
    own.run("striker.wanted = 0\n" + change.format(0))
    for at in sample(own, random.Random(1), 12):
        own.run("pass")
        before = own.head["t"]
        ran = own.run(f"striker.wanted = {at}\n" + change.format(at))
        struck, escaped, _ = outcome(own)
        assert ran.reply["status"] == "ok", struck
        assert not escaped or "_after_cell" in struck or "contextlib" in struck, struck
        assert len(ran.stderr.splitlines()) <= 1, (struck, ran.stderr)
        complete = "interrupted" not in ran.stderr and not escaped
        assert (own.head["t"] > before) == complete, (struck, ran.stderr)
        now = own.value(STATE)
        own.run("pass")
        saved = own.head["t"]
        own.checkout(2)
        assert own.value("x, seen") == ([0], []), struck
        own.checkout(saved)
        assert own.value(STATE) == now, struck


def test_at_any_moment_of_a_checkout(own: PodKernel) -> None:
    own.cell(THINGS)
    own.cell("import random\nx.append(1)\nseen.append(y)\nz.pop()\nfirst = 1")
    then = own.value(STATE.replace(", seen", ", len(seen)"))
    own.cell("x.append(2)\nclass P: pass\nz.append(P())\nz[-1].n = 7\ndel first\nrandom.random()")
    striker(own)
    state = STATE.replace(", seen", ", len(seen)")
    now = own.value(state)
    head = own.head["t"]
    own.run("import striker\nstriker.magic(0, 'pod_checkout', '3')")
    assert own.value(state) == then
    for at in sample(own, random.Random(2), 12):
        own.checkout(head)
        drawn = own.value("hash(__import__('random').getstate())")
        assert own.value(state) == now
        own.run(f"import striker\nstriker.magic({at}, 'pod_checkout', '3')")
        struck, escaped, told = outcome(own)
        # Before it begins, while its line is read, it is IPython that is interrupted.
        begins = ("_run", "pod_checkout", "_expand_line")
        assert not escaped or any(each in struck for each in begins), struck
        complete = own.value("first if 'first' in globals() else 0") == 1
        assert own.value(state) == (then if complete else now), (struck, told)
        assert (own.value("hash(__import__('random').getstate())") != drawn) == complete, struck
        if told:
            assert told == "interrupted; " + (
                "the checkout was complete by then" if complete else "the namespace is as it was"
            ), struck
        own.run("pass")
        saved = own.head["t"]
        own.checkout(2)
        own.checkout(saved)
        assert own.value(state) == (then if complete else now), struck


BIG = """
import numpy as np, pandas as pd
class P:
    def __init__(self, n): self.n = n
x = [0]
many = [P([n]) for n in range(10_000)]
array = np.zeros(500_000)
frame = pd.DataFrame({'a': range(20_000), 'b': [f'text {n % 977}' for n in range(20_000)]})
"""
BIG_STATE = (
    "x, sum(p.n[0] for p in many), len(many), many[3].n is x, float(array.sum()), "
    "int(frame.a.sum()), list(frame.columns), len(frame)"
)
BIG_CHANGES = (
    "x.append({n})\nmany[{n}].n = [-{n}]",
    "array[{n}::7] += 1",
    "frame['c{n}'] = frame.a * {n}",
    "many = [P([n]) for n in range({n} * 300)] + many[:10_000]\nmany[3].n = x",
    "frame = frame.iloc[: 19_000 + {n}, :2]",
)


def test_the_stop_button_at_random_moments_while_big_things_are_saved_and_restored(
    own: PodKernel,
) -> None:
    seed = 20260705
    (own.cwd / "alarm.py").write_text(ALARM.format(seed=seed))
    own.run("import alarm")
    t = own.cell(BIG)
    first = own.value(BIG_STATE)
    chance = random.Random(seed)
    interrupted = 0
    for number in range(1, 15 * SCALE + 1):
        if number % 3:
            code = "\n".join(chance.sample(BIG_CHANGES, 2)).format(n=number % 900 + 1)
        else:
            code = f"%pod_checkout {chance.choice(own.log()[:-1])['t']}"
        soon = chance.choice([0.01, 0.04, 0.2])  # most is soon over
        own.run(f"__import__('alarm').soon = {soon}", silent=True)
        ran = own.run(code)
        own.run("__import__('alarm').soon = 0", silent=True)
        interrupted += "nterrupt" in f"{ran.stderr}{ran.error}"
        own.run("pass")
        own.run("pass")
        seen, head = own.value(BIG_STATE), own.head["t"]
        own.checkout(t)
        assert own.value(BIG_STATE) == first, (seed, number)
        own.checkout(head)
        assert own.value(BIG_STATE) == seen, (seed, number)
    assert interrupted
