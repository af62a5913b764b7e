"""What was saved is on disk, however the process ends: by itself, by `multiprocessing`, while
threads go on to save."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pod
import pytest
from pod.session import forked
from pod.store.leases import owners
from pod.store.storage import LocalStorage
from support.kernels import wait_until

SCRIPTS = {
    "a function of atexit that is called after all others": """
        import atexit, sys

        def last():
            print(store.save({"x": [[n] for n in range(30_000)]}))

        atexit.register(last)
        import pod
        store = pod.open(sys.argv[1])
        print(store.save({"y": 1}))
        """,
    "a daemon thread that saves on and on": """
        import os, sys, threading, time
        import pod
        store = pod.open(sys.argv[1])
        namespace = pod.new_managed_namespace()

        def save():
            while True:
                namespace["x"] = [[n] for n in range(3000)]
                os.write(1, b"%d\\n" % store.save(namespace))  # no lock that is held at the end

        threading.Thread(target=save, daemon=True).start()
        time.sleep(0.5)
        """,
    "a store that was dropped": """
        import gc, sys
        import pod
        print(pod.open(sys.argv[1]).save({"x": [[n] for n in range(100_000)]}))
        gc.collect()
        """,
    "an error": """
        import sys
        import pod
        print(pod.open(sys.argv[1]).save({"x": [[n] for n in range(100_000)]}), flush=True)
        raise SystemExit(1)
        """,
    "workers that are terminated": """
        import multiprocessing, sys
        import pod

        def save(number):
            return pod.open(sys.argv[1]).save({"x": [[number]] * 1000})

        if __name__ == "__main__":
            for way in ("fork", "spawn"):
                with multiprocessing.get_context(way).Pool(2) as pool:
                    print(*pool.map(save, range(4)), sep="\\n")
        """,
    "a process that ends": """
        import multiprocessing, sys
        import pod

        def save():
            print(pod.open(sys.argv[1]).save({"x": [[n] for n in range(100_000)]}), flush=True)

        if __name__ == "__main__":
            for way in ("fork", "spawn"):
                process = multiprocessing.get_context(way).Process(target=save)
                process.start()
                process.join()
        """,
}


@pytest.mark.parametrize("how", SCRIPTS)
def test_what_was_saved_before_the_end_is_there(tmp_path: Path, how: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPTS[how]))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script, tmp_path / "pods"],
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == (how == "an error")
    saved = [int(line) for line in done.stdout.splitlines()]
    assert saved
    with pod.open(tmp_path / "pods") as store:
        assert [dict(store.load(t)).keys() - {"x", "y"} for t in saved] == [set()] * len(saved)
        assert set(saved) <= set(store.history.times())


LEAVES = """
    import os, sys, time
    import pod
    from pod.library import leave_all

    class Busy:
        def __reduce__(self):
            end = time.process_time() + 2
            while time.process_time() < end: pass
            return str, ("done",)

    if sys.argv[2] == "auto":  # what stands for a library that does not stand forks
        sys.modules["cupy"] = type(sys)("cupy")
    store = pod.open(sys.argv[1], snapshot=sys.argv[2])
    managed = pod.new_managed_namespace(x=[Busy(), [1]])
    managed["y"] = managed["x"][1]
    store.save(managed)
    managed["y"].append(2)
    store.save(managed)
    store.save({"plain": os.urandom(10_000_000)})
    other = pod.open(sys.argv[1] + "-other", snapshot=sys.argv[2])
    other.save({"x": [Busy()]})
    leave_all(0.0)
    os._exit(0)
    """


@pytest.mark.skipif(not forked.has_forks(), reason="forks are not used on this system")
@pytest.mark.parametrize("snapshot", ["fork", "thread", "inline", "auto"])
def test_what_is_left_to_a_child_is_written_by_it(tmp_path: Path, snapshot: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(LEAVES))
    pods = tmp_path / "pods"
    subprocess.run([sys.executable, "-W", "ignore", script, pods, snapshot], timeout=60, check=True)
    other = tmp_path / "pods-other"
    for each in (pods, other):
        wait_until(lambda each=each: not list((each / "claims").iterdir()), "all is written", 60)
    with pod.open(other) as store:
        assert store.load(1)["x"] == ["done"]
    with pod.open(pods) as store:
        for t, y in ((1, [1]), (2, [1, 2])):
            loaded = store.load(t)
            assert loaded["x"] == ["done", y] and loaded["x"][1] is loaded["y"]
        assert len(store.load(3)["plain"]) == 10_000_000
        assert not store.history.repository.being_finished()
    wait_until(
        lambda: all(one.gone for one in owners(LocalStorage(pods)).values()),
        "nobody is there any more",
    )
