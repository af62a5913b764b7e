"""A pod directory, or parts of it, that somebody takes away under a running kernel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernels import LateKernel, PodKernel
from support.permissions import public_directory


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[PodKernel]:
    directory = tmp_path / "work"
    directory.mkdir()
    with PodKernel(directory) as started:
        yield started


def told(kernel: PodKernel, code: str) -> list[str]:
    """What Pod says of a cell, and of the two after it: trouble is told once."""
    said = []
    for each in (code, "n = len(x)", "n += 1"):
        ran = kernel.run(each)
        assert ran.error == ""
        said += ran.said
        kernel.run("%pod_log -n 1")
    return said


def must_be_whole(kernel: PodKernel, code: str) -> None:
    """The time of this cell, and all after it, are there, in order, and load."""
    saved = list(reversed(kernel.log()))
    codes = [commit["code"] for commit in saved]
    assert codes[codes.index(code) :] == [code, "n = len(x)", "n += 1"]
    length = kernel.value("len(x)")
    for commit in saved[codes.index(code) :]:
        kernel.checkout(f"{commit['t']} x big")
        assert kernel.value("len(x), len(big), x[-1]") == (length, 50_000, length - 1)
    kernel.checkout(saved[-1]["t"])


def test_whatever_is_deleted_the_next_save_has_everything(kernel: PodKernel) -> None:
    kernel.cell("import os\nbig = os.urandom(50_000)\nx = [0]")
    pod_dir = kernel.pod_dir

    def packs() -> None:
        shutil.rmtree(pod_dir / "packs")

    def largest_pack() -> None:
        max((pod_dir / "packs").iterdir(), key=lambda each: each.stat().st_size).unlink()

    def commits() -> None:
        shutil.rmtree(pod_dir / "commits")

    def everything() -> None:
        shutil.rmtree(pod_dir)

    says = {
        packs: "pod: a part of what was saved is gone from ",
        largest_pack: "pod: a part of what was saved is gone from ",
        commits: f"pod: {pod_dir} was gone, and the times in it with it. ",
        everything: f"pod: {pod_dir} was gone, and the times in it with it. ",
    }
    highest = kernel.head["t"]
    for number, (take_away, begins) in enumerate(says.items(), 1):
        take_away()
        code = f"x.append({number})"
        [line] = told(kernel, code)
        assert line.startswith(begins)
        assert line.endswith(f"Everything there is now was saved anew, as time {highest + 1}")
        must_be_whole(kernel, code)
        highest = kernel.head["t"]
    subprocess.run(
        [sys.executable, "-m", "pod.cli", "verify", "--pod-dir", str(pod_dir)],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_a_directory_that_an_ordinary_user_may_not_write_to_for_a_while() -> None:
    with public_directory() as place:
        work = place / "work"
        work.mkdir()
        with PodKernel(work) as kernel:
            kernel.cell("x = [0]\nimport os")
            pod_dir = kernel.pod_dir
            kernel.run(
                "import os\n"
                f"for where, names, files in os.walk({str(pod_dir)!r}):\n"
                "    os.chmod(where, 0o500)\n"
                "    for each in ('.', *files):\n"
                "        os.chown(os.path.join(where, each), 65534, 65534)\n"
                "if os.getuid() == 0:\n"
                "    os.seteuid(65534)",
                silent=True,
            )
            codes = [f"x.append({n})" for n in range(4)]
            said = []
            for code in codes:
                ran = kernel.run(code)
                said += ran.said
                assert ran.error == ""
                kernel.run("%pod_log -n 1")
            [line] = said
            assert "no permission to write" in line and str(pod_dir) in line
            for each in (pod_dir, *(each for each in pod_dir.rglob("*") if each.is_dir())):
                each.chmod(0o700)
            kernel.run("x.append('after')")
            kernel.run("%pod_log -n 1")
            assert kernel.run("x.append('later')").said == [
                "pod: writing works again, and nothing was left out"
            ]
            kernel.run("%pod_log -n 1")
            saved = {commit["code"]: commit["t"] for commit in kernel.log()}
            for n, code in enumerate(codes):
                kernel.checkout(saved[code])
                assert kernel.value("x") == [0, *range(n + 1)]
            kernel.run("import os\nif os.getuid() == 0: os.seteuid(0)", silent=True)


def test_a_directory_that_cannot_be_made_leaves_the_kernel_as_it_was(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    with LateKernel(work) as kernel:
        limit = (
            "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, "
            "({}, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))"
        )
        kernel.run("x = [1]\n" + limit.format(1), silent=True)
        ran = kernel.run("%load_ext pod")
        assert ran.stderr.startswith("UsageError: Pod is not loaded, and nothing has changed: ")
        assert len(ran.stderr.splitlines()) == 1
        assert (kernel.run("x.append(2)").said, kernel.value("x")) == ([], [1, 2])
        kernel.run(limit.format("resource.getrlimit(resource.RLIMIT_FSIZE)[1]"), silent=True)
        assert kernel.run("%load_ext pod").stderr == ""
        kernel.cell("x.append(3)")


def test_a_disk_that_is_full_when_pod_is_loaded_is_waited_for(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    with PodKernel(work) as kernel:
        first = kernel.cell("x = [1]")
        kernel.shut_down()
        LateKernel.start(kernel)
        # What IPython has to say of its own files is not ours.
        kernel.run("get_ipython().history_manager.enabled = False", silent=True)
        limit = (
            "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, "
            "({}, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))"
        )
        kernel.run(limit.format(1), silent=True)
        loaded = kernel.run("%load_ext pod")
        assert loaded.error == "" and len(loaded.stderr.splitlines()) <= 1
        said = [*loaded.stderr.splitlines()]
        for code in ("y = [1]", "y.append(2)", "y.append(3)"):
            ran = kernel.run(code)
            assert ran.error == ""
            said += ran.stderr.splitlines()
            kernel.run("%pod_log -n 1")
        assert len(said) == 1 and "nothing can be written" in said[0]
        kernel.run(limit.format("resource.getrlimit(resource.RLIMIT_FSIZE)[1]"), silent=True)
        kernel.run("y.append(4)")
        kernel.run("%pod_log -n 1")
        codes = [commit["code"] for commit in reversed(kernel.log())]
        assert codes[-4:] == ["y = [1]", "y.append(2)", "y.append(3)", "y.append(4)"]
        kernel.checkout(first)
        assert kernel.value("x") == [1]
