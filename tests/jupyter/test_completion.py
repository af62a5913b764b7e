"""The tab key after Pod's magics."""

from __future__ import annotations

import pytest
from support.kernels import PodKernel


@pytest.fixture
def seasoned(pod: PodKernel) -> PodKernel:
    pod.cell("alpha = 1\nalbum = 2")
    pod.run("%pod_tag best_model 1")
    pod.cell("beta = 3\ndel album")
    return pod


def test_the_magics_themselves_complete(seasoned: PodKernel) -> None:
    magics = {"log", "diff", "checkout", "status", "save", "undo", "tag"}
    assert {f"%pod_{name}" for name in magics} <= set(seasoned.complete("%pod_"))


def test_a_checkout_completes_tags_times_and_then_the_variables_of_that_time(
    seasoned: PodKernel,
) -> None:
    t = seasoned.head["t"]
    assert "best_model" in seasoned.complete("%pod_checkout b")
    assert {"HEAD", "HEAD~1"} <= set(seasoned.complete("%pod_checkout HE"))
    assert str(t) in seasoned.complete("%pod_checkout ")
    then = seasoned.complete(f"%pod_checkout {t - 1} al")
    assert {"alpha", "album"} <= set(then)
    now = seasoned.complete(f"%pod_checkout {t} al")
    assert "alpha" in now
    assert "album" not in now


def test_a_diff_completes_references_and_variables(seasoned: PodKernel) -> None:
    assert "best_model" in seasoned.complete("%pod_diff bes")
    assert "alpha" in seasoned.complete("%pod_diff 1 alp")
    assert "best_model" in seasoned.complete("%pod_diff 1 bes")


def test_a_log_completes_options_and_variables(seasoned: PodKernel) -> None:
    assert {"--all", "--json"} <= set(seasoned.complete("%pod_log --"))
    assert "alpha" in seasoned.complete("%pod_log al")


def test_a_tag_completes_the_time_after_the_name(seasoned: PodKernel) -> None:
    assert "best_model" in seasoned.complete("%pod_tag new bes")


def test_an_unknown_time_completes_nothing_and_breaks_nothing(seasoned: PodKernel) -> None:
    for line in ("%pod_checkout 9999 al", "%pod_checkout ..// al", "%pod_diff ~ al"):
        assert seasoned.run("pass").error == ""
        seasoned.complete(line)
    assert seasoned.complete("alph") == ["alpha"]
