"""A notebook opened beside a pod directory that somebody else made."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pod import PodStore, new_managed_namespace
from support.kernels import LateKernel, PodKernel
from support.strangers import make_strange


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PodKernel, Path]]:
    """A kernel in a directory with a stranger's `.pod`, and what must not come into being."""
    where = tmp_path_factory.mktemp("strange")
    (where / "work").mkdir()
    gone_off = make_strange(where / "work" / ".pod", where)
    with PodKernel(where / "work", env={"XDG_DATA_HOME": str(where / "mine")}) as kernel:
        yield kernel, gone_off


def test_loading_the_extension_says_so_and_promises_nothing(
    strange: tuple[PodKernel, Path],
) -> None:
    kernel, gone_off = strange
    assert "holds 2 earlier times" in kernel.loaded.stdout
    assert "bomb.append(2)) was not saved by you" in kernel.loaded.stdout
    assert "%pod_trust" in kernel.loaded.stdout
    assert "%pod_checkout" not in kernel.loaded.stdout
    assert kernel.loaded.stderr == ""
    assert not gone_off.exists()


def test_looking_at_it_runs_nothing(strange: tuple[PodKernel, Path]) -> None:
    kernel, gone_off = strange
    for line in (
        "%pod_log --all", "%pod_log --all bomb", "%pod_log --all --json", "%pod_diff 1 2",
        "%pod_diff 1 2 bomb held", "%pod_diff 1 2 --json", "%pod_diff 2", "%pod_status",
        "%pod_tag theirs 1", "%pod_tag -d theirs", "%pod_trust --list",
    ):  # fmt: skip
        ran = kernel.run(line)
        assert (ran.error, ran.stderr) == ("", ""), line
    assert {"bomb", "held", "harmless"} <= set(kernel.complete("%pod_checkout 1 "))
    assert "release" in kernel.complete("%pod_checkout r")
    assert {"bomb", "held"} <= set(kernel.complete("%pod_diff 1 2 "))
    assert not gone_off.exists()


def test_a_diff_is_made_by_hash_and_says_why(strange: tuple[PodKernel, Path]) -> None:
    kernel, _ = strange
    shown = kernel.run("%pod_diff 1 2")
    assert "3 changed" in shown.text
    assert "~ harmless" in shown.text
    assert "compared by hash only: time 1 of " in shown.text
    assert "was not saved by you" in shown.html


@pytest.mark.parametrize(
    "line",
    ["%pod_checkout 1", "%pod_checkout 2 harmless", "%pod_checkout release bomb",
     "%pod_checkout 2 --replay bomb --yes"],
)  # fmt: skip
def test_a_checkout_is_one_line_that_says_what_to_do(
    strange: tuple[PodKernel, Path], line: str
) -> None:
    kernel, gone_off = strange
    ran = kernel.run(line)
    assert "was not saved by you" in str(ran)
    assert "pod trust " in str(ran)
    assert "Traceback" not in ran.traceback
    assert not gone_off.exists()


def test_cells_are_saved_and_can_be_gone_back_to(strange: tuple[PodKernel, Path]) -> None:
    kernel, gone_off = strange
    t = kernel.cell("x = [1]")
    kernel.cell("x.append(2)")
    kernel.checkout(t)
    assert kernel.value("x") == [1]
    status = kernel.run("%pod_status").text
    assert "2 times that you did not save cannot be loaded: 1, 2" in status
    assert not gone_off.exists()


def test_after_it_is_trusted_it_is_like_ones_own(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    gone_off = make_strange(tmp_path / "work" / ".pod", tmp_path)
    with PodKernel(tmp_path / "work", env={"XDG_DATA_HOME": str(tmp_path / "mine")}) as kernel:
        ran = kernel.run("%pod_trust 1")
        assert "trusted: 1 time of" in ran.text
        assert "by Python" in ran.text
        assert "not saved by you" in str(kernel.run("%pod_checkout 2"))
        assert "trusted: 1 time of" in kernel.run("%pod_trust").text
        kernel.checkout("2 harmless")
        assert kernel.value("harmless") == [1, 2, 3, 4]
        assert not gone_off.exists()
        assert "compared by hash" not in kernel.run("%pod_diff 1 2").text
        assert gone_off.exists()  # so it could have happened before
        assert "not trusted" not in kernel.run("%pod_status").text
        assert "no longer trusted: 2 times" in kernel.run("%pod_trust --remove").text
        assert "not saved by you" in str(kernel.run("%pod_checkout 2"))
        log = kernel.log()
        assert not any("pod_trust" in commit["code"] for commit in log)


def test_a_home_that_cannot_be_written_to_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "file").write_text("in the way")
    with PodKernel(
        tmp_path / "work", env={"XDG_DATA_HOME": str(tmp_path / "file" / "data")}
    ) as kernel:
        assert kernel.loaded.stderr.count("there is no key of yours to sign with") == 1
        assert kernel.loaded.stderr.count("\n") == 1
        t = kernel.cell("x = [1]")
        kernel.cell("x.append(2)")  # quietly
        kernel.checkout(t)
        assert kernel.value("x") == [1]
        assert "not signed" in kernel.run("%pod_status").text
        kernel.restart()  # a new process does not know it
        assert "was not saved by you" in kernel.loaded.stdout
        assert "not saved by you (your own key" in str(kernel.run(f"%pod_checkout {t}"))


def test_a_last_time_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    kernel = LateKernel(tmp_path / "work")
    with kernel:
        kernel.run("%load_ext pod")
        kernel.cell("x = 1")
        kernel.run("%unload_ext pod")
        shutil.copy(tmp_path / "work/.pod/commits/1", tmp_path / "work/.pod/commits/2")
        ran = kernel.run("%load_ext pod")
        assert "the last one cannot be read" in ran.stderr
        assert ran.error == ""
        kernel.cell("y = 2")


def test_names_and_code_that_no_message_can_hold(tmp_path: Path) -> None:
    """Lone surrogates keep a message from being encoded; escapes command a terminal."""
    (tmp_path / "work").mkdir()
    with PodStore(tmp_path / "work" / ".pod") as store:
        ns = new_managed_namespace({"a": 1})
        store.save(ns, code="x = '\ud800'", message="m\ud800\x1b[31m")
        ns |= {"b\ud800\x1b[31m": [1], "a": "\udc80\ud800\x1b"}
        store.save(ns, code="y = '\ud800'\x1b[2J")
    with PodKernel(tmp_path / "work") as kernel:
        for line in (
            "%pod_log --all", "%pod_diff 1 2", "%pod_diff 1 2 --json", "%pod_checkout 1 zz",
            "%pod_checkout 2 zz", "%pod_checkout 2", "%pod_status", "%pod_trust",
            "%pod_trust --list",
        ):  # fmt: skip
            ran = kernel.run(line)
            assert str(ran).strip(), line
            assert "UnicodeEncodeError" not in str(ran)
            assert "\x1b" not in ran.text + ran.stdout + ran.stderr
        assert "\x1b" not in str(kernel.loaded)
        offered = kernel.complete("%pod_checkout 2 ")
        assert "a" in offered
        assert all(name.isprintable() for name in offered)
