"""Each mistake and each mishap gets one clear message, and nothing is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.kernels import LateKernel, PodKernel

# References and names


@pytest.mark.parametrize(
    ("magic", "message"),
    [
        ("checkout 99999", "there is no time 99999: times run from 1 to "),
        ("checkout 0", "there is no time 0: "),
        ("checkout nosuch", "there is no tag nosuch: "),
        ("checkout -1", "'-1' is not a time reference: "),
        ("checkout 1..3", "'1..3' is not a time reference: give a time id such as 3, HEAD, "),
        ("checkout HEAD^", "'HEAD^' is not a time reference: "),
        ("checkout 1~x", "'1~x' is not a time reference: "),
        ("checkout ~1", "'~1' is not a time reference: "),
        ("checkout 3.5", "'3.5' is not a time reference: "),
        ("checkout HEAD~999", "HEAD~999 goes back beyond the first time of its branch"),
        ("checkout HEAD nosuch", "there is no variable nosuch at time "),
        ("checkout HEAD nosuch x", "there is no variable nosuch at time "),
        ("checkout", "the following arguments are required: T; %pod_checkout -h shows"),
        ("checkout 'HEAD", "No closing quotation; %pod_checkout -h shows"),
        ("diff 99999", "there is no time 99999: "),
        ("diff 1 99999", "there is no time 99999: "),
        ("diff nosuch", "there is no variable nosuch at time "),
        ("diff 1~~", "'1~~' is not a time reference: "),
        ("log --nosuch", "unrecognized arguments: --nosuch; %pod_log -h shows"),
        ("log -n x", "argument -n: invalid int value: 'x'; %pod_log -h shows"),
        ("log -n 0", "-n takes a number of times to show, at least 1"),
        ("log nosuch", "nosuch: not in the history of this notebook"),
        ("tag", "the following arguments are required: name"),
        ("tag 3", "'3' cannot be a tag: "),
        ("tag a/b", "'a/b' cannot be a tag: "),
        ("tag HEAD", "'HEAD' cannot be a tag: "),
        ("tag fine 99999", "there is no time 99999: "),
        ("tag -d nosuch", "there is no tag nosuch"),
        ("save words", "unrecognized arguments: words; %pod_save -h shows"),
        ("undo 3", "unrecognized arguments: 3; %pod_undo -h shows"),
        ("status all", "unrecognized arguments: all; %pod_status -h shows"),
    ],
)
def test_a_wrong_argument_gets_one_clear_message_and_changes_nothing(
    pod: PodKernel, magic: str, message: str
) -> None:
    t = pod.cell("x = [1]")
    ran = pod.run(f"%pod_{magic}")
    assert ran.stderr.startswith(f"UsageError: {message}")
    assert (len(ran.stderr.splitlines()), ran.stdout, ran.text) == (1, "", "")
    assert (pod.head["t"], pod.value("x")) == (t, [1])


# The directory


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LateKernel]:
    with LateKernel(tmp_path_factory.mktemp("plain")) as kernel:
        yield kernel


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pod directory of a kernel that has ended: three times with a variable each."""
    directory = tmp_path_factory.mktemp("earlier")
    with PodKernel(directory) as kernel:
        kernel.cell("import os\nfirst = [os.urandom(3000)]\nn = 1")
        kernel.cell("second = [os.urandom(4000)]\nn = 2")
        kernel.run("%pod_tag precious")
        kernel.cell("third = [os.urandom(5000)]\nn = 3")
    return kernel.pod_dir


@pytest.fixture
def copied(earlier: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(earlier, tmp_path / "copy"))


def nonsense(path: Path) -> None:
    path.mkdir()
    (path / "format.json").write_text("{")


def somebody_elses(path: Path) -> None:
    path.mkdir()
    (path / "format.json").write_text('{"name": "something else"}')


@pytest.mark.parametrize(
    ("place", "prepare", "message"),
    [
        ("file", lambda path: path.write_text("a file"), "is a file"),
        ("file/below", lambda path: path.parent.write_text("a file"), "file"),
        ("/proc/nowhere/pod", lambda path: None, "/proc/nowhere"),
        ("nonsense", nonsense, "format.json"),
        ("elses", somebody_elses, "format.json"),
    ],
)
def test_a_directory_that_cannot_be_used_is_named_and_the_kernel_goes_on_without_pod(
    plain: LateKernel, tmp_path: Path, place: str, prepare: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / place
    prepare(path)
    plain.run(f"import os\nos.environ['POD_DIR'] = {str(path)!r}\nx = 1")
    ran = plain.run("%load_ext pod")
    assert ran.stderr.startswith("UsageError: Pod is not loaded, and nothing has changed: ")
    assert len(ran.stderr.splitlines()) == 1
    assert message in ran.stderr
    assert str(path) in ran.stderr
    assert plain.value("type(globals()) is dict, x") == (True, 1)
    assert plain.run("x + 1").text == "2"

    plain.run(f"os.environ['POD_DIR'] = {str(tmp_path / 'fine')!r}")
    assert plain.run("%load_ext pod").stderr == ""
    plain.run("%unload_ext pod")


def test_a_directory_of_a_newer_format_is_left_exactly_as_it_is(
    plain: LateKernel, copied: Path
) -> None:
    record = json.loads((copied / "format.json").read_text())
    (copied / "format.json").unlink()
    (copied / "format.json").write_text(json.dumps(record | {"format": record["format"] + 1}))
    before = {each: each.stat().st_mtime_ns for each in copied.rglob("*")}
    plain.run(f"import os\nos.environ['POD_DIR'] = {str(copied)!r}")
    ran = plain.run("%load_ext pod")
    assert ran.stderr.startswith("UsageError: Pod is not loaded, and nothing has changed: ")
    assert "newer" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert {each: each.stat().st_mtime_ns for each in copied.rglob("*")} == before


# Damage


FIRST, SECOND, THIRD = 2, 3, 4
"""The time ids of `earlier`."""


@contextmanager
def working_in(kernel: LateKernel, directory: Path) -> Iterator[LateKernel]:
    """Pod loaded on this directory, with nothing known of it."""
    kernel.run(f"import os\nos.environ['POD_DIR'] = {str(directory)!r}\n%reset -f")
    assert kernel.run("%load_ext pod").stderr == ""
    try:
        yield kernel
    finally:
        kernel.run("%unload_ext pod")


def packs_by_size(directory: Path) -> list[Path]:
    """The packs that hold `first`, `second` and `third`."""
    packs = sorted((directory / "packs").iterdir(), key=lambda path: path.stat().st_size)
    return packs[-3:]


def commit_of(directory: Path, t: int) -> Path:
    [path] = [each for each in (directory / "commits").iterdir() if int(each.name) == t]
    return path


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for place in range(40, len(data), 97):
        data[place] ^= 0xFF
    path.chmod(0o600)
    path.write_bytes(data)


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(data[: len(data) // 2])


harms = pytest.mark.parametrize("harm", [Path.unlink, flip, cut], ids=["missing", "flipped", "cut"])


@harms
def test_a_damaged_pack_costs_only_what_was_in_it(
    plain: LateKernel, copied: Path, harm: Callable[[Path], None]
) -> None:
    harm(packs_by_size(copied)[1])
    with working_in(plain, copied) as kernel:
        kernel.checkout(FIRST)
        assert kernel.value("len(first[0]), n") == (3000, 1)
        for t in (SECOND, THIRD):
            ran = kernel.run(f"%pod_checkout {t}")
            assert "second" in ran.text or "verify" in ran.stderr
            assert len(ran.stderr.splitlines()) <= 1
        kernel.run(f"%pod_checkout {THIRD} third")
        assert kernel.value("len(third[0])") == 5000

        kernel.checkout(FIRST)
        later = kernel.cell("fourth = [4]")
        kernel.checkout(FIRST)
        kernel.checkout(later)
        assert kernel.value("fourth") == [4]


@harms
def test_a_damaged_commit_costs_only_its_own_time(
    plain: LateKernel, copied: Path, harm: Callable[[Path], None]
) -> None:
    harm(commit_of(copied, SECOND))
    with working_in(plain, copied) as kernel:
        for t, n in ((FIRST, 1), (THIRD, 3)):
            kernel.checkout(t)
            assert kernel.value("n, len(first[0])") == (n, 3000)
        for reference in (SECOND, "precious"):
            ran = kernel.run(f"%pod_checkout {reference}")
            assert ran.stderr.startswith("UsageError: ")
            assert str(SECOND) in ran.stderr
            assert len(ran.stderr.splitlines()) == 1
        log = kernel.run("%pod_log --all")
        assert (log.error, log.stderr) == ("", "")
        assert "third = " in log.text
        ran = kernel.run(f"%pod_diff {FIRST} {THIRD} n")
        assert (ran.error, ran.stderr) == ("", "")
        assert "1 → 3" in ran.text
        kernel.cell("n = 4")
        assert kernel.run("%pod_status").error == ""


# Objects


def test_an_object_that_cannot_be_pickled_does_not_cost_the_rest(pod: PodKernel) -> None:
    [line] = pod.heard(
        "class Refuses:\n"
        "    def __reduce_ex__(self, _): raise RuntimeError('halfway\\nsecond line')\n"
        "class Late:\n"
        "    def __getstate__(self): return {'a': [1] * 1000, 'b': Refuses()}\n"
        "box = [1, Refuses(), {'deep': Late()}, 2]\nwell = [3]"
    )
    assert "`box`" in line
    assert "RuntimeError: halfway" in line
    t = pod.head["t"]
    assert pod.head["added"] == ["Late", "Refuses", "box", "well"]
    pod.run("%reset -f")
    pod.checkout(t)
    assert pod.value("box[0], box[3], well, len(box)") == (1, 2, [3], 4)
    assert "could not be saved (RuntimeError: halfway)" in pod.run("box[1].use()").error
    pod.checkout(1)
    pod.cell("fine = 1")


def test_an_object_that_cannot_be_unpickled_makes_its_variable_a_placeholder(
    pod: PodKernel,
) -> None:
    t = pod.cell(
        "import os\ndef rebuild(text): return Whole() if 'MENDED' in os.environ else int(text)\n"
        "class Whole: n = 7\n"
        "class Broken:\n    def __reduce__(self): return rebuild, ('no number',)\n"
        "bad = [Broken()]\ngood = [1]"
    )
    pod.cell("del bad, good")
    ran = pod.checkout(t)
    assert "restored       good" in ran.text
    assert (
        "not restored   bad: ValueError: invalid literal for int() with base 10: 'no number'"
        in (ran.text)
    )
    assert pod.value("good") == [1]
    error = pod.run("bad[0]").error
    assert error.startswith(f"OpaqueObjectError: `bad` could not be restored from time {t}: ")
    assert f"%pod_checkout {t} bad" in error

    later = pod.cell("good.append(2)")
    pod.run("os.environ['MENDED'] = '1'")
    pod.checkout(f"{t} bad")
    assert pod.value("type(bad[0]).__name__, bad[0].n") == ("Whole", 7)
    pod.checkout(later)
    assert pod.value("good, bad[0].n") == ([1, 2], 7)
    pod.run("del os.environ['MENDED']")


def test_a_module_that_is_missing_costs_only_what_needs_it(own: PodKernel, tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "absent_one.py").write_text(
        "class Thing:\n    def __init__(self): self.v = 1\n    def twice(self): return 2 * self.v\n"
    )
    t = own.cell(
        f"import sys\nsys.path.insert(0, {str(modules)!r})\nimport absent_one\n"
        "from absent_one import Thing\nthing = {'held': [Thing()]}\nplain = [1]\n"
        "def use(): return absent_one.Thing().twice()"
    )
    own.restart()
    ran = own.checkout(t)
    for name in ("thing", "Thing", "absent_one"):
        assert f"{name}: it needs the module 'absent_one', which is not installed here" in ran.text
    assert own.value("plain") == [1]
    assert "it needs the module 'absent_one'" in own.run("thing['held']").error
    own.cell("plain.append(2)\nsys.path.insert(0, " + repr(str(modules)) + ")")
    own.checkout("HEAD thing absent_one Thing")
    assert own.value("thing['held'][0].twice(), type(thing['held'][0]) is Thing, use(), plain") == (
        2, True, 2, [1, 2],
    )  # fmt: skip
