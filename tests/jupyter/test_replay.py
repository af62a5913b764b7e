"""`%pod_checkout T --replay NAME`: cells run again to make what could not be saved."""

from __future__ import annotations

import pytest
from support.kernels import PodKernel, Ran


def replay(pod: PodKernel, what: str) -> Ran:
    ran = pod.run(f"%pod_checkout {what} --yes")
    assert (ran.error, ran.stderr) == ("", ""), str(ran)
    return ran


GENERATOR = "def count(items):\n    for n in items:\n        yield n * factor\n"


def test_a_generator_is_where_it_was(pod: PodKernel) -> None:
    pod.cell(f"factor = 10\ndata = [1, 2, 3, 4]\n{GENERATOR}")
    pod.cell("g = count(data)")
    t = pod.cell("first = next(g)\nother = 1")
    pod.cell("rest = list(g)\ndata.append(5)\nother = 2")
    ran = replay(pod, f"{t} --replay g")
    plan, done = ran.text.split("the namespace is as it was")
    lines = [" ".join(line.split()) for line in plan.splitlines()]
    assert lines[0] == f"to make g again as of time {t}, these 2 cells run"
    assert lines[1:5] == [
        f"[{t - 1}] g = count(data)", "for g", f"[{t}] first = next(g) (+1 line)", "for g",
    ]  # fmt: skip
    assert "rebuilt        g" in done
    assert pod.value("first, other, next(g), next(g)") == (10, 1, 20, 30)
    # It is over the very list that is there now, and sees the globals that are there now.
    pod.run("data[3] = 7\nfactor = 100")
    assert pod.value("next(g)") == 700
    assert pod.value("g.gi_frame.f_globals is globals()") is True


def test_the_next_cell_saves_and_undo_goes_back(pod: PodKernel) -> None:
    t = pod.cell("g = (n for n in range(3))\nx = 1")
    pod.cell("del g\nx = 2")
    replay(pod, f"{t} --replay g")
    pod.cell("x = next(g)")
    assert pod.head["parent"] == t
    assert pod.head["changed"] == ["g", "x"]
    pod.run("%pod_undo")
    assert pod.value("x") == 1
    assert "not saved" in pod.value("repr(g)")
    replay(pod, f"{t} --replay g")
    assert pod.value("next(g), next(g)") == (0, 1)


def test_an_open_database(pod: PodKernel) -> None:
    pod.cell("import sqlite3\ndb = sqlite3.connect('numbers.db')\n"
             "db.execute('create table if not exists t (n)')")  # fmt: skip
    pod.cell("db.execute('delete from t')\ndb.execute('insert into t values (7)')\ndb.commit()")
    t = pod.cell("found = db.execute('select n from t').fetchall()")
    pod.cell("db.close()\ndel db, found")
    ran = replay(pod, f"{t} --replay db")
    assert pod.value("db.execute('select n from t').fetchall(), found") == ([(7,)], [(7,)])
    assert "these 3 cells run" in ran.text


def test_a_lock_in_a_dictionary(pod: PodKernel) -> None:
    pod.cell("import threading")
    t = pod.cell("box = {'lock': threading.Lock(), 'rest': [1]}")
    pod.cell("box['rest'].append(2)\nbox['lock'].acquire()")
    later = pod.head["t"]
    pod.cell("del box")
    replay(pod, f"{t} --replay box")
    assert pod.value("box['rest'], box['lock'].locked()") == ([1], False)
    replay(pod, f"{later} --replay box")
    assert pod.value("box['rest'], box['lock'].locked()") == ([1, 2], True)


def test_a_chain_of_two(pod: PodKernel) -> None:
    pod.cell("source = (n for n in range(9))\nunrelated = [1]")
    pod.cell("next(source)")
    pod.cell("unrelated.append(2)")
    t = pod.cell("squares = (n * n for n in source)\nfirst = next(squares)")
    pod.cell("del source, squares")
    ran = replay(pod, f"{t} --replay squares")
    assert "these 3 cells run" in ran.text
    assert "[3]" in ran.text.replace(f"[{t - 3}]", "[1]").replace(f"[{t}]", "[3]")
    assert pod.value("next(squares), next(squares)") == (4, 9)
    assert "not saved" in pod.value("repr(source)")


def test_a_live_input_is_not_what_it_was_and_made_again(pod: PodKernel) -> None:
    pod.cell("import sqlite3\ndb = sqlite3.connect(':memory:')\ndb.execute('create table t (n)')")
    t = pod.cell("rows = db.execute('insert into t values (7) returning n')")
    pod.cell("late = rows.fetchall()")
    before = pod.value("id(db)")
    ran = replay(pod, f"{t} rows --replay rows")
    assert "these 2 cells run" in ran.text
    assert "rows shared objects with db then, and no longer does" in ran.text
    assert pod.value("rows.fetchall(), late, id(db)") == ([(7,)], [(7,)], before)
    assert pod.value("db.execute('select * from t').fetchall()") == [(7,)]
    replay(pod, f"{t} rows db --replay rows db")
    assert pod.value("rows.connection is db")


def test_only_some_variables(pod: PodKernel) -> None:
    t = pod.cell("g = (n for n in range(3))\nx = 1")
    head = pod.cell("next(g)\nx = 2")
    ran = replay(pod, f"{t} g --replay g")
    assert f"g as of time {t}; HEAD stays at {head}" in ran.text
    assert pod.value("next(g), x") == (0, 2)


def test_functions_and_classes_made_on_the_way_live_in_the_namespace(pod: PodKernel) -> None:
    t = pod.cell(
        "x = 1\nimport threading\nclass C:\n    def __init__(self): self.lock = threading.Lock()\n"
        "    def value(self): return x\nc = C()\ndef f(): return x\nf.lock = threading.Lock()"
    )
    pod.cell("del x, C, c, f")
    replay(pod, f"{t} --replay c f C")
    pod.cell("x = 5")
    assert pod.value("c.value(), f(), type(c) is C, f.__globals__ is globals()") == (
        5, 5, True, True,
    )  # fmt: skip
    pod.cell("c.n = 1")
    assert "c" in pod.head["changed"]


def test_a_change_of_what_a_generator_goes_over_is_made_again(pod: PodKernel) -> None:
    pod.cell("data = [1, 2, 3]")
    pod.cell("h = (n for n in data)")
    t = pod.cell("data.append(4)")
    pod.cell("del h\ndata.clear()")
    ran = replay(pod, f"{t} --replay h")
    assert "h refers to another data than the one that is there now" in ran.text
    assert pod.value("list(h), data") == ([1, 2, 3, 4], [1, 2, 3, 4])
    ran = replay(pod, f"{t} --replay h data")
    assert "refers to another" not in ran.text
    pod.run("data.append(5)")
    assert pod.value("list(h)") == [1, 2, 3, 4, 5]


def test_a_replay_that_fails_changes_nothing(pod: PodKernel) -> None:
    pod.cell("import os\nos.environ['POD_TEST'] = 'ok'\nfine = [1]")
    t = pod.cell(
        "fine.append(2)\ng = (n for n in range(int(os.environ['POD_TEST'] == 'ok') or 1/0))"
    )
    head = pod.cell(
        "del g\nos.environ['POD_TEST'] = 'no'\nfine.append(3)\nmine = [4]\nnames = list(globals())"
    )
    identity = pod.value("id(fine), id(mine)")
    ran = pod.run(f"%pod_checkout {t} --replay g --yes")
    assert ran.stderr.strip() == (
        f"UsageError: the cell of time {t} failed in its line 2: "
        "ZeroDivisionError: division by zero. Nothing has changed"
    )
    assert pod.value("fine, mine, id(fine), id(mine)") == ([1, 2, 3], [4], *identity)
    assert pod.value("[n for n in globals() if n in names] == names")
    assert pod.value("'g' in globals()") is False
    pod.cell("pass")
    assert (pod.head["parent"], pod.head["changed"]) == (head, [])


def test_without_consent_nothing_runs(pod: PodKernel) -> None:
    t = pod.cell("print('made')\ng = (n for n in range(3))")
    pod.cell("del g")
    ran = pod.run(f"%pod_checkout {t} --replay g")
    assert (ran.stdout, ran.error) == ("", "")
    assert "this cell runs" in ran.text
    assert "nothing has changed; add --yes to run them" in ran.text
    assert pod.run("g").error.startswith("NameError")


@pytest.mark.parametrize(("answer", "done"), [("y", True), ("n", False), ("", False)])
def test_where_somebody_can_be_asked_they_are(pod: PodKernel, answer: str, done: bool) -> None:
    t = pod.cell("print('made')\ng = (n for n in range(3))")
    pod.cell("del g")
    request = pod.client.execute(f"%pod_checkout {t} --replay g", allow_stdin=True)
    asked = pod.client.get_stdin_msg(timeout=30)
    assert asked["content"]["prompt"] == "Run? [y/N] "
    pod.client.input(answer)
    ran = pod.finish(request)
    assert ran.stdout == ("made\n" if done else "")
    assert (pod.run("g").error == "") is done


DOUBTFUL = {
    "a command of the system": "!echo made\ng = (n for n in range(3))",
    "a magic": "%env POD_TEST\ng = (n for n in range(3))",
    "a failed cell": "g = (n for n in range(3))\n1 / 0",
}


@pytest.mark.parametrize("what", DOUBTFUL)
def test_a_doubtful_cell_is_shown_and_runs_if_told(pod: PodKernel, what: str) -> None:
    pod.run(DOUBTFUL[what])
    t = pod.head["t"]
    pod.cell("del g")
    ran = pod.run(f"%pod_checkout {t} --replay g")
    assert f"but time {t} " in " ".join(ran.text.split())
    replay(pod, f"{t} --replay g")
    assert pod.value("next(g)") == 0


REFUSED = {
    "moves about in the history itself": "%pod_status\ng = (n for n in range(3))",
    "awaits something outside of any function": "import asyncio\nawait asyncio.sleep(0)\n"
                                               "g = (n for n in range(3))",
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_a_cell_that_cannot_run_again_is_named(pod: PodKernel, why: str) -> None:
    pod.run(REFUSED[why])
    t = pod.head["t"]
    pod.run("del g")
    ran = pod.run(f"%pod_checkout {t} --replay g --yes")
    assert ran.stderr.startswith(f"UsageError: nothing has changed: time {t} {why}")
    assert pod.run("g").error.startswith("NameError")


def test_what_no_cell_made_cannot_be_made_again(pod: PodKernel) -> None:
    pod.run("g = (n for n in range(3))", silent=True)
    t = pod.cell("x = 1")
    pod.cell("del g")
    ran = pod.run(f"%pod_checkout {t} --replay g --yes")
    assert "UsageError: g: what made it is not in the history" in ran.stderr
    ran = pod.run(f"%pod_checkout {t} --replay nothing --yes")
    assert f"there is no variable nothing at time {t}" in ran.stderr


def test_a_thread_that_runs_meanwhile_is_waited_for(pod: PodKernel) -> None:
    pod.cell("import threading, time\ndone = []\ndef work():\n"
             "    while not done: time.sleep(0.01)\n"
             "worker = threading.Thread(target=work, name='worker')\nworker.start()")  # fmt: skip
    t = pod.cell("g = (n for n in range(3))")
    ran = pod.run(f"%pod_checkout {t} g --replay g --yes")
    assert "while a thread of yours does (worker)" in ran.stderr
    pod.run("done.append(1)\nworker.join()")
    replay(pod, f"{t} g --replay g")


def test_an_interrupt_while_cells_run(pod: PodKernel) -> None:
    pod.cell("import os, time\nmine = [1]\nspeed = 0")
    t = pod.cell(
        "g = (n for n in range(3))\nprint('going')\ntime.sleep(float(os.environ.get('S', 0)))"
    )
    pod.cell("del g\nmine.append(2)\nos.environ['S'] = '20'")
    request = pod.send(f"%pod_checkout {t} --replay g --yes")
    while True:
        message = pod.client.get_iopub_msg(timeout=30)
        if message["msg_type"] == "stream" and "going" in message["content"]["text"]:
            break
    pod.interrupt()
    ran = pod.finish(request)
    assert "interrupted; the namespace is as it was" in ran.stderr
    assert pod.value("mine") == [1, 2]
    assert pod.run("g").error.startswith("NameError")
    pod.run("del os.environ['S']")


def test_sampling_cells_draw_the_same_numbers(pod: PodKernel) -> None:
    pod.cell("import random\nrandom.seed(3)")
    t = pod.cell("numbers = [random.random() for _ in range(3)]\ng = iter(numbers)\n"
                 "h = (n for n in numbers)")  # fmt: skip
    pod.cell("del h\nnumbers = []")
    replay(pod, f"{t} --replay h")
    assert pod.value("list(h) == numbers and len(numbers)") == 3


def test_in_a_new_kernel(own: PodKernel) -> None:
    own.cell(f"import collections\nfactor = 10\ndata = collections.deque([1, 2, 3])\n{GENERATOR}")
    own.cell("g = count(data)")
    t = own.cell("first = next(g)")
    own.restart()
    ran = replay(own, f"{t} --replay g")
    assert "these 2 cells run" in ran.text
    assert own.value("first, next(g), next(g)") == (10, 20, 30)
    own.cell("factor = 5\ng = count(data)")
    assert own.value("next(g)") == 5
