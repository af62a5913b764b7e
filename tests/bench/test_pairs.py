"""Pairs in real processes, on workloads that are made small."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pod.bench.__main__ import main
from pod.bench.matrix import Bench, in_turn, remaining
from pod.bench.measure import MARK, memory_of_others, others_marked
from pod.bench.records import Machine, Pair, Results, Unavailable
from pod.bench.systems.pods import Pod

ROWS = "readonly:rows=300"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    directory = tmp_path_factory.mktemp("bench")
    with Bench(directory / "results.jsonl", directory / "data") as made:
        yield made


def pair(system: str, workload: str) -> Pair:
    return Pair(system, workload, scale="tiny", loads=2)


@pytest.mark.parametrize("system", ["snp", "dill", "cpkl", "shev", "zodb", "zosp", "pga", "pgl"])
def test_every_system_brings_back_what_was_there(bench: Bench, system: str) -> None:
    run = bench.run(pair(system, "update:rows=300"))
    assert not run.error
    assert run.correct and len(run.loads) == 4
    assert sum(load.compared for load in run.loads) >= 6
    assert len(run.cells) == 13 and all(cell.durable is not None for cell in run.cells)
    assert run.wait > 0 and run.stored > 0 and run.peak > 10_000_000


def test_without_a_system_nothing_is_stored_and_nobody_waits(bench: Bench) -> None:
    run = bench.run(pair("noop", ROWS))
    assert not run.error and run.stored == 0 and not run.loads
    assert run.wait < 0.02 < run.cell_seconds


def test_what_is_lost_is_told(bench: Bench) -> None:
    """`pickle` finds no class of a notebook again, and a shelf stores what two variables share
    twice."""
    pickled = bench.run(pair("snp", "objects:count=20,cells=2"))
    assert not pickled.correct and all("Point" in load.error for load in pickled.loads)
    shelved = bench.run(pair("shev", "rmtree:lists=3,values=20,cells=2"))
    assert {"chosen", "lists"} == {name for load in shelved.loads for name in load.unshared}
    pods = bench.run(pair("pga", "rmtree:lists=3,values=20,cells=2"))
    assert pods.correct


def test_a_pair_that_fails_is_one_record_and_the_next_goes_on(bench: Bench) -> None:
    unknown = bench.run(pair("pga", "nothing"))
    assert "no workload 'nothing'" in unknown.error
    late = Bench(bench.results, bench.cache, timeout=0.5)
    with late:
        slow = late.run(pair("noop", "rmtree:values=100000"))
    assert slow.error.startswith("not done within 0.5 s")
    assert not bench.run(pair("noop", ROWS)).error


def test_a_switch_that_this_pod_does_not_have_is_not_available(tmp_path: Path) -> None:
    class Extension:
        def has_trait(self, name: str) -> bool:
            return name == "podding"

    def require(**traits: object) -> None:
        made = Pod(tmp_path, traits)
        made._extension = Extension()
        made._require()

    require(podding="lga", snapshot="auto")  # which is what a Pod without the switch does, too
    with pytest.raises(Unavailable, match="no switch 'snapshot'"):
        require(snapshot="fork")


@pytest.mark.parametrize("system", ["pgnoavf", "pgnostatic", "pgcache16", "pgt", "pgf", "pgnoavl"])
def test_a_variant_runs_or_says_why_not(bench: Bench, system: str) -> None:
    run = bench.run(pair(system, ROWS))
    assert run.unavailable == bool(run.error)
    assert run.correct


def test_results_can_be_resumed(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    command = ["pair", "noop", ROWS, "--scale", "tiny", "--loads", "0", "--results", str(path)]
    command += ["--cache", str(tmp_path / "data")]
    assert main(command) == 0
    assert main([*command, "--resume"]) == 0
    kinds = [json.loads(line)["kind"] for line in path.read_text().splitlines()]
    assert kinds.count("run") == 1
    path.write_text(path.read_text() + '{"kind": "run", "pa')  # cut off, as by a power cut
    done = Pair("noop", ROWS, "tiny", loads=0)
    other = Pair("pga", ROWS, "tiny", loads=0)
    assert remaining([done, other, other], path, resume=True) == [other]
    assert remaining([done, other, other], path, resume=False) == [done, other]


def test_probes_find_their_figures(bench: Bench) -> None:
    found = bench.probe("checkout", "tiny", 0)
    assert not found.error and 0 < found.values["median"] <= found.values["most"]
    found = bench.probe("commits", "tiny", 0)
    assert not found.error and {"open_many", "wait_many", "wait_new"} <= set(found.values)


def test_an_end_from_outside_keeps_what_was_measured(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    command = [sys.executable, "-m", "pod.bench", "pair", "noop", f"{ROWS}+rmtree:values=300000"]
    command += ["--scale", "tiny", "--loads", "0", "--results", str(path)]
    command += ["--cache", str(tmp_path / "data"), "--temporary", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stderr is not None
        while ROWS not in process.stderr.readline().decode():
            pass
        process.terminate()
        shown, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"interrupted" in told and b"### readonly" in shown
    assert len(Results.read(path).runs) == 1
    assert not list(tmp_path.glob("pod-bench-*"))


def test_a_profile_names_what_is_waited_for(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pod.bench", "profile", "pga", "rmtree", "--scale", "tiny"]
    command += ["--cache", str(tmp_path / "data"), "--lines", "400"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "_after_cell" in done.stdout


def test_the_machine_is_told(bench: Bench) -> None:
    (machine,) = Results.read(bench.results).machines[:1]
    assert isinstance(machine, Machine)
    assert machine.cores > 0 and machine.memory > 0 and machine.packages["ipython"]


def test_what_a_process_has_started_is_found_and_weighed(tmp_path: Path) -> None:
    code = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        x = bytearray(40_000_000)
        print(1, flush=True)
        time.sleep(60)
    os._exit(0)
time.sleep(60)
"""
    command = [sys.executable, "-c", code]
    environment = {**os.environ, MARK: str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        others: list[int] = []
        try:
            assert process.stdout is not None and process.stdout.readline()
            others = others_marked(str(tmp_path), process.pid)
            assert len(others) == 1
            assert 40_000_000 <= memory_of_others(str(tmp_path), process.pid) < 80_000_000
        finally:
            for number in (process.pid, *others):
                os.kill(number, signal.SIGKILL)


def test_each_system_comes_first_once() -> None:
    asked = [pair(system, workload) for workload in ("a", "b") for system in ("x", "y", "z")]
    found = [(each.sample, each.workload, each.system) for each in in_turn([*asked, asked[0]], 3)]
    assert len(found) == len(set(found)) == 18
    orders = ["".join(system for n, w, system in found if (n, w) == (k, "b")) for k in range(3)]
    assert orders == ["xyz", "yzx", "zxy"]
