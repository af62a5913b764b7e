"""A disk that fills up, fails, or is away, and is well again, while a session goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernels import PodKernel


class FileLimit:
    """The system lets the kernel's process write no file beyond a size: works for everybody."""

    def __init__(self, directory: Path) -> None:
        self.pod_dir = directory / "history"

    def fill(self, kernel: PodKernel) -> None:
        kernel.run(
            "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, "
            "(600, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))",
            silent=True,
        )

    def free(self, kernel: PodKernel) -> None:
        kernel.run(
            "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, "
            "(resource.getrlimit(resource.RLIMIT_FSIZE)[1],) * 2)",
            silent=True,
        )

    def close(self) -> None:
        pass


class SmallDisk:
    """A file system in memory, made for the test: needs leave to mount."""

    def __init__(self, directory: Path) -> None:
        self.place = directory / "disk"
        self.place.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", self.place],
            check=True,
            capture_output=True,
        )
        self.pod_dir = self.place / "history"

    def fill(self, kernel: PodKernel) -> None:
        with pytest.raises(OSError, match="No space left"), (self.place / "rest").open("wb") as f:
            while True:
                f.write(b"\0" * 65536)

    def free(self, kernel: PodKernel) -> None:
        (self.place / "rest").unlink()

    def close(self) -> None:
        subprocess.run(["umount", "-l", self.place], check=True)


class ReadOnlyDisk(SmallDisk):
    """A file system that cannot be written to for a while, as after an error."""

    def fill(self, kernel: PodKernel) -> None:
        self._remount("ro")

    def free(self, kernel: PodKernel) -> None:
        self._remount("rw")

    def _remount(self, mode: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{mode}", self.place], check=True)


class RemovableDisk:
    """A file system that is unmounted, and mounted again."""

    def __init__(self, directory: Path) -> None:
        self.content, self.place = directory / "content", directory / "mounted"
        self.content.mkdir()
        self.place.mkdir()
        self.pod_dir = self.place / "history"
        self._mount()

    def _mount(self) -> None:
        subprocess.run(["mount", "--bind", self.content, self.place], check=True)

    def fill(self, kernel: PodKernel) -> None:
        subprocess.run(["umount", "-l", self.place], check=True)

    def free(self, kernel: PodKernel) -> None:
        assert list(self.place.iterdir()) == []  # nothing was made where it is mounted
        self._mount()

    def close(self) -> None:
        subprocess.run(["umount", "-l", self.place], check=False, capture_output=True)


class MovedDirectory:
    """Somebody moves the directory that holds it all, and back."""

    def __init__(self, directory: Path) -> None:
        self.holder, self.elsewhere = directory / "holder", directory / "elsewhere"
        self.holder.mkdir()
        self.pod_dir = self.holder / "history"

    def fill(self, kernel: PodKernel) -> None:
        self.holder.rename(self.elsewhere)

    def free(self, kernel: PodKernel) -> None:
        assert not self.holder.exists()
        self.elsewhere.rename(self.holder)

    def close(self) -> None:
        pass


class ReplacedDirectory(MovedDirectory):
    """There is a file in its place for a while."""

    def fill(self, kernel: PodKernel) -> None:
        self.pod_dir.rename(self.elsewhere)
        self.pod_dir.write_text("not a directory")

    def free(self, kernel: PodKernel) -> None:
        self.pod_dir.unlink()
        self.elsewhere.rename(self.pod_dir)


class FailingCalls:
    """The system reports an error whenever something is to be written, and then no more."""

    error = "EDQUOT"
    call = "fsync"

    def __init__(self, directory: Path) -> None:
        self.pod_dir = directory / "history"

    def fill(self, kernel: PodKernel) -> None:
        kernel.run(
            f"import errno, os\nos._{self.call} = os.{self.call}\n"
            f"def failing(*_, **__):\n    raise OSError(errno.{self.error}, 'as the test says')\n"
            f"os.{self.call} = failing",
            silent=True,
        )

    def free(self, kernel: PodKernel) -> None:
        kernel.run(f"import os\nos.{self.call} = os._{self.call}", silent=True)

    def close(self) -> None:
        pass


class BrokenDisk(FailingCalls):
    error = "EIO"
    call = "link"


def _may_mount() -> bool:
    try:
        done = subprocess.run(
            ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True
        )
    except OSError:
        return False
    return done.returncode == 0


Disk = FileLimit | SmallDisk
MAY_MOUNT = _may_mount()
FULL = [FileLimit, *([SmallDisk] if MAY_MOUNT else [])]
TROUBLE = [
    *FULL,
    MovedDirectory,
    ReplacedDirectory,
    FailingCalls,
    BrokenDisk,
    *([ReadOnlyDisk, RemovableDisk] if MAY_MOUNT else []),
]


@pytest.fixture(params=FULL)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    made = request.param(tmp_path)
    yield made
    made.close()


@pytest.fixture
def kernel(disk: Disk, tmp_path: Path) -> Iterator[PodKernel]:
    directory = tmp_path / "work"
    directory.mkdir()
    with PodKernel(directory, env={"POD_DIR": str(disk.pod_dir)}) as started:
        yield started


@pytest.mark.parametrize("disk", TROUBLE, indirect=True)
def test_it_is_told_once_and_saving_resumes_by_itself_with_nothing_skipped(
    kernel: PodKernel, disk: Disk
) -> None:
    before = kernel.cell("import os\nx = [1]")
    disk.fill(kernel)
    codes = [f"x.append({n})\nblob_{n} = os.urandom(100_000)" for n in range(4)]
    ran = []
    for code in codes:
        ran.append(kernel.run(code))
        kernel.run("%pod_log -n 1")  # waits for the writer to have tried
    assert all((each.error, each.text) == ("", "") for each in ran)
    [told] = [line for each in ran for line in each.said]
    assert told.startswith("pod: nothing can be written: ")
    assert str(disk.pod_dir) in told
    assert told.endswith("is kept in memory and written as soon as that works again")
    assert "not written" in kernel.run("%pod_status").text
    assert kernel.value("len(x), len(blob_3)") == (5, 100_000)

    disk.free(kernel)
    said = kernel.run("x.append('after')").said
    kernel.run("%pod_log -n 1")
    said += kernel.run("x.append('later')").said
    assert said == ["pod: writing works again, and nothing was left out"]
    kernel.run("%pod_log -n 1")
    assert "all is on disk" in kernel.run("%pod_status").text
    saved = kernel.log()
    cells = [*codes, "x.append('after')", "x.append('later')"]
    assert [commit["code"] for commit in reversed(saved)][-len(cells) :] == cells
    kernel.restart()
    kernel.checkout(before)
    assert kernel.value("x") == [1]
    [after] = [c["t"] for c in saved if "'after'" in c["code"]]
    kernel.checkout(after)
    assert kernel.value("x, len(blob_0), len(blob_3)") == (
        [1, 0, 1, 2, 3, "after"], 100_000, 100_000,
    )  # fmt: skip


def test_history_can_be_used_while_the_disk_is_full(kernel: PodKernel, disk: Disk) -> None:
    first = kernel.cell("x = [1]")
    second = kernel.cell("x.append(2)")
    disk.fill(kernel)
    kernel.run("import os\nx.append(3)\nblob = os.urandom(100_000)")
    log = kernel.run("%pod_log")
    assert (log.error, log.stderr) == ("", "")
    assert "[1]: 2" in kernel.run(f"%pod_diff {first} {second}").text
    ran = kernel.run(f"%pod_checkout {first}")
    assert len(ran.stderr.splitlines()) <= 1
    disk.free(kernel)
    kernel.run("pass")
    kernel.checkout(first)
    assert kernel.value("x") == [1]
    kernel.cell("x.append('on')")


def test_what_could_not_be_written_at_the_end_is_told(kernel: PodKernel, disk: Disk) -> None:
    kernel.cell("import os\nx = 1")
    disk.fill(kernel)
    kernel.run("blob = os.urandom(100_000)")
    kernel.shut_down()
    assert "pod: times [3] are lost: " in kernel.console()
    kernel.start()
    kernel.checkout(2)
