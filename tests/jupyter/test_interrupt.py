"""The stop button while Pod saves, restores or compares."""

from __future__ import annotations

import random

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
import os, random, signal
from IPython import get_ipython

chance = random.Random({seed})
wanted = False

def arm():
    signal.setitimer(signal.ITIMER_REAL, 1e-5 + chance.random() * 0.05)

def arm_if_wanted(*_):
    if wanted:
        arm()

def disarm(*_):
    signal.setitimer(signal.ITIMER_REAL, 0)

signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
around = get_ipython().events.callbacks["post_run_cell"]
around[:] = [arm_if_wanted, *around, disarm]
"""
"""An interrupt at a random moment of what runs after a cell, and of nothing else: not of the
kernel's own work, which an interrupt can break."""


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
