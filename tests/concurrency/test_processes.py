"""Several processes that save, check out, tag, collect garbage, load and verify at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pod
import pytest

SECONDS = 6.0 * int(os.environ.get("POD_TEST_SCALE", "1"))

WORKER = textwrap.dedent(
    """
    import json, random, sys, time
    import pod
    from pod.errors import PodError, TimeReferenceError

    path, seed, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    rng = random.Random(seed)
    store = pod.open(path)
    namespace = pod.new_managed_namespace()
    until = time.monotonic() + seconds
    counts = {}
    # What takes the place of another one is a delta against it.
    NOISE = random.Random(0).randbytes(2500).hex()

    def tell(**what):
        print(json.dumps(what), flush=True)

    def content():
        return {name: list(value) for name, value in dict.items(namespace)}

    def save():
        for name in "abc":
            if rng.random() < 0.5:
                # From a small stock, so that one process relies on what another stored.
                number = rng.randrange(30)
                namespace[name] = [number, NOISE + str(number) * 300]
        t = store.save(namespace)
        if rng.random() < 0.3:
            store.flush()
        tell(saved=t, content={name: value[0] for name, value in content().items()})

    def check_out():
        times = store.history.times()
        if times and hasattr(namespace.origin, "checkout"):
            done = namespace.origin.checkout(rng.choice(times[-12:]))
            assert not done.failures, done.failures
            if done.saved is not None:
                tell(saved=done.saved, content=None)

    def load():
        times = store.history.times()
        if times:
            t = rng.choice(times)
            found = store.load(t)
            tell(loaded=t, content={name: value[0] for name, value in found.items()})
            assert all(len(value[1]) > 4000 for value in found.values())

    def tag():
        times = store.history.times()
        if times:
            name, t = rng.choice("xyz") + str(seed), rng.choice(times)
            tell(tagging=name)
            tell(tagged=name, t=store.tag(name, t))

    def collect():
        rule = rng.choice([{}, {"keep_last": 8}, {"keep_last": 15}, {"max_size": "60kB"}])
        tell(removed=store.gc(patience=2.0, **rule).times)

    def verify():
        found = store.verify()
        assert found, str(found)

    acts = [save] * 8 + [check_out] * 2 + [load] * 3 + [tag, collect, collect, verify]
    while time.monotonic() < until:
        act = rng.choice(acts)
        try:
            act()
            counts[act.__name__] = counts.get(act.__name__, 0) + 1
        except TimeReferenceError as error:
            assert "garbage collection" in str(error), error
            counts["refused"] = counts.get("refused", 0) + 1
    store.flush()
    packs = store.history.repository.packs().values()
    counts["deltas"] = sum(entry.base is not None for entries in packs for entry in entries)
    store.close()
    tell(counts=counts)
    """
)


def test_nothing_is_lost_doubled_or_unreadable(tmp_path: Path) -> None:
    path = tmp_path / ".pod"
    pod.open(path).close()
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path), str(seed), str(SECONDS)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(4)
    ]
    said: list[list[dict[str, Any]]] = []
    for worker in workers:
        out, err = worker.communicate(timeout=SECONDS + 120)
        assert (worker.returncode, err) == (0, ""), err
        said.append([json.loads(line) for line in out.splitlines()])

    saved: dict[int, dict[str, int] | None] = {}
    removed: set[int] = set()
    tagged: dict[str, int] = {}
    counts: dict[str, int] = {}
    for lines in said:
        for line in lines:
            if "saved" in line:
                assert line["saved"] not in saved, f"time {line['saved']} was given twice"
                saved[line["saved"]] = line["content"]
            removed |= set(line.get("removed", ()))
            if "tagging" in line:
                tagged.pop(line["tagging"], None)
            if "tagged" in line:
                tagged[line["tagged"]] = line["t"]
        for act, number in lines[-1]["counts"].items():
            counts[act] = counts.get(act, 0) + number
    for lines in said:
        for line in lines:
            if "loaded" in line and saved.get(line["loaded"]) is not None:
                assert line["content"] == saved[line["loaded"]], line

    with pod.open(path) as store:
        found = store.verify()
        assert found, str(found)
        times = set(store.history.times())
        assert saved.keys() - removed <= times, "times are lost"
        assert not times & removed
        tags = store._repository.tags()
        assert {name: tags.get(name) for name in tagged} == tagged
        assert set(tagged.values()) <= times
        for t in times:
            content = {name: value[0] for name, value in store.load(t).items()}
            assert saved[t] is None or content == saved[t]
        store.gc(keep_last=1)
        assert store.verify()
        assert not list((path / "claims").iterdir())
    assert not list((path / "leases").iterdir())
    print(counts, f"{len(saved)} saved, {len(removed)} removed")
    assert counts["deltas"] > 10
    for act in ("save", "check_out", "load", "tag", "collect", "verify"):
        assert counts.get(act, 0) >= 1, counts
    assert removed


# Forks

FORKED = """
    import os, pod, sys
    from pod.errors import PodError
    store = pod.open({path!r})
    namespace = pod.new_managed_namespace(x=1)
    store.save(namespace)
    store.flush()
    before = {{one: os.stat(one).st_mtime_ns for one in sorted(map(str, store.path.rglob("*")))}}
    child = os.fork()
    if child == 0:
        status = 0
        acts = {{
            "save": lambda: store.save(namespace),
            "save plain": lambda: store.save({{"x": 2}}),
            "tag": lambda: store.tag("theirs", 1),
            "untag": lambda: store.untag("mine"),
            "gc": lambda: store.gc(),
            "gc rule": lambda: store.gc(keep_last=1),
            "dry": lambda: store.gc(dry_run=True),
            "flush": lambda: store.flush(),
            "claim": lambda: store.history.repository.claim(),
            "renew": lambda: store.history.repository.renew(),
            "pack": lambda: store.history.repository.write_pack({{"0" * 64: b"x"}}, 3),
            "commit": lambda: store.history.repository.write_commit(9, b"x"),
        }}
        for name, act in acts.items():
            try:
                act()
            except PodError as error:
                assert "fork" in str(error), (name, error)
            else:
                status = 1
                print(name, "did not refuse", flush=True)
        assert store.load(1) == {{"x": 1}}  # reading is fine
        after = {{one: os.stat(one).st_mtime_ns for one in sorted(map(str, store.path.rglob("*")))}}
        if after != before:
            print("the child wrote", after.keys() ^ before.keys(), flush=True)
            status = 1
        {end}
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(list((store.path / "leases").iterdir())) == 1
    namespace["x"] = 3
    assert store.save(namespace) == 2
    store.tag("mine", 1)
    store.close()
"""


@pytest.mark.parametrize("end", ["os._exit(status)", "sys.exit(status)"])
def test_a_forked_child_writes_nothing(tmp_path: Path, end: str) -> None:
    code = textwrap.dedent(FORKED).format(path=str(tmp_path / ".pod"), end=end)
    # A tag is there to be removed.
    with pod.open(tmp_path / ".pod") as store:
        store.tag("mine", store.save({"x": 1}))
    code = code.replace("store.save(namespace) == 2", "store.save(namespace) == 3")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stdout + ran.stderr


def test_a_store_opened_in_the_child_is_its_own(tmp_path: Path) -> None:
    code = textwrap.dedent(
        f"""
        import os, pod
        store = pod.open({str(tmp_path / ".pod")!r})
        store.save({{"x": 1}})
        child = os.fork()
        if child == 0:
            with pod.open(store.path) as mine:
                t = mine.save({{"x": 2}})
                mine.flush()
                leases = len(list((store.path / "leases").iterdir()))
            os._exit(0 if leases == 2 and mine.load(t) == {{"x": 2}} else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        store.close()
        """
    )
    # Python 3.12 and later warn of forks.
    run = [sys.executable, "-W", "ignore", "-c", code]
    ran = subprocess.run(run, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    with pod.open(tmp_path / ".pod") as store:
        assert [store.load(t)["x"] for t in store.history.times()] == [1, 2]


def test_the_claim_of_a_process_that_is_gone_holds_nothing_up(tmp_path: Path) -> None:
    path = tmp_path / ".pod"
    code = f"""
import os, pod
store = pod.open({str(path)!r})
store.save({{"x": os.urandom(9000)}})
store.flush()
store.history.repository.claim()
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    with pod.open(path) as store:
        store.save({"y": 1})
        store.flush()
        began = time.monotonic()
        report = store.gc(keep_last=1)
        assert report.times == (1,) and report.packs and not report.left
        assert time.monotonic() - began < 3
