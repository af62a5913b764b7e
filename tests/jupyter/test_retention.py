"""`%pod_gc`, retention by itself, removed parents, and forked children, in real kernels."""

from __future__ import annotations

from support.kernels import PodKernel, wait_until


def times(kernel: PodKernel) -> list[int]:
    found = (one.name for one in (kernel.pod_dir / "commits").iterdir())
    return sorted(int(name) for name in found if name.isdecimal())


def fill(kernel: PodKernel, cells: int) -> None:
    kernel.run("import os")
    for number in range(cells):
        kernel.run(f"x = [{number}, os.urandom(20_000)]")


def test_pod_gc_removes_by_the_rule_and_the_rest_reads_well(own: PodKernel) -> None:
    fill(own, 5)
    own.run("%pod_tag start 2")
    planned = own.run("%pod_gc --keep-last 2 --dry-run")
    assert planned.text.startswith("would remove 4 times (1, 3-5)"), str(planned)
    done = own.run("%pod_gc --keep-last 2")
    assert done.text.startswith("removed 4 times (1, 3-5)") and not done.error
    wait_until(lambda: times(own) == [2, 6, 7], "only these times are there")
    assert "removed 0 packs" in own.run("%pod_gc").text
    undo = own.run("%pod_checkout 6")
    assert "the namespace is as it was at time 6" in undo.text
    undo = own.run("%pod_undo")
    assert "time 6 came from time 5, which was removed by garbage collection" in str(undo)
    gone = own.run("%pod_checkout 4")
    assert "time 4 was removed by garbage collection" in gone.stderr + gone.error
    own.run("%pod_checkout 7")
    for magic in ("%pod_diff 6", "%pod_log", "%pod_status", "%pod_diff start"):
        ran = own.run(magic)
        assert not ran.error and "removed by" not in ran.stderr, str(ran)
    assert "was removed by garbage collection" in own.run("%pod_diff start").text
    log = own.run("%pod_log --all").text
    assert "HEAD" in log and "start" in log
    own.run("y = 1")
    assert own.value("x[0]") == 4 and own.head["code"] == "y = 1"


def test_bad_rules_are_told_in_one_line(own: PodKernel) -> None:
    for line, said in (
        ("--max-size two", "'two' is no size"),
        ("--keep-since someday", "'someday' is no time"),
        ("--keep-last 0", "at least 1"),
        ("--keep-last x", "invalid int value"),
    ):
        ran = own.run(f"%pod_gc {line}")
        assert said in ran.stderr + ran.error, str(ran)
    own.run("x = 1")
    wait_until(lambda: times(own) == [1, 2], "the next cell is saved as ever")


def test_retention_runs_by_itself_and_no_cell_waits(own: PodKernel) -> None:
    fill(own, 6)
    own.run("%config PodExtension.retention_minutes = 0")
    own.run("%config PodExtension.keep_last = 3")
    quick = own.run("y = 1")
    assert not quick.stderr
    wait_until(lambda: len(times(own)) <= 4, "old times are removed")
    for number in range(5):
        assert not own.run(f"y = {number}").stderr
    wait_until(lambda: len(times(own)) <= 5, "old times are removed")
    newest = times(own)[-1]
    assert own.checkout(newest).text
    # What is wrong with a rule is told once, and nothing else suffers.
    own.run("%config PodExtension.max_size = 'much'")
    told = []
    for number in range(40):
        told += own.run(f"z = {number}").stderr.splitlines()
        if told:
            break
    told += own.run("z = -1").stderr.splitlines() + own.run("z = -2").stderr.splitlines()
    assert len(told) == 1 and "retention does not work: 'much' is no size" in told[0], told
    assert own.head["code"] == "z = -2"


def test_children_of_the_kernel_never_write(own: PodKernel) -> None:
    own.cell("import multiprocessing, os, warnings\nn = 3")
    own.cell("warnings.simplefilter('ignore')  # Python 3.12 and later warn of forks")
    own.cell("def work(k):\n    global n\n    n = k\n    return k * 2, os.getpid() != parent")
    own.cell("parent = os.getpid()")
    before = times(own)
    ran = own.run(
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    got = pool.map(work, range(20))\n"
    )
    assert (ran.error, ran.stderr) == ("", "")
    ran = own.run(
        "child = os.fork()\n"
        "if child == 0:\n"
        "    n = 'of the child'\n"
        "    refused = []\n"
        "    shell = get_ipython()\n"
        "    [pod] = [o for o in shell.configurables if type(o).__name__ == 'PodExtension']\n"
        "    store = pod.store\n"
        "    for act in (lambda: store.save({'x': 1}), lambda: store.tag('t', 1), store.gc):\n"
        "        try:\n"
        "            act()\n"
        "        except Exception as error:\n"
        "            refused.append('fork' in str(error))\n"
        "    os._exit(0 if refused == [True] * 3 else 1)\n"
        "code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
    )
    assert (ran.error, ran.stderr) == ("", "")
    assert own.value("code") == 0 and own.value("n") == 3
    assert own.value("[k for k, _ in got]") == [2 * k for k in range(20)]
    assert own.value("all(other for _, other in got)")
    assert own.head["ok"] and times(own) == [*before, before[-1] + 1, before[-1] + 2]
    assert not list((own.pod_dir / "claims").iterdir())
    assert len(list((own.pod_dir / "leases").iterdir())) == 1
