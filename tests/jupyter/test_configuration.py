"""`%config PodExtension` and the IPython configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernels import PodKernel

DEFAULTS = {"autosave": True, "exclude": [], "podding": "lga", "verbosity": 1}
OPTIONS = [
    "autosave", "background", "compression_level", "exclude", "pod_dir", "podding", "tracking",
    "verbosity",
]  # fmt: skip


@pytest.fixture
def tuned(pod: PodKernel) -> Iterator[PodKernel]:
    """The shared kernel, whose options are put back afterwards."""
    yield pod
    for option, value in DEFAULTS.items():
        pod.run(f"%config PodExtension.{option} = {value!r}")
    pod.run("%reset -f")


def test_every_option_is_listed_with_its_help(tuned: PodKernel) -> None:
    listed = tuned.run("%config PodExtension").stdout
    for option in OPTIONS:
        assert f"PodExtension.{option}=" in listed
    assert "Current: 'lga'" in listed
    assert "PodExtension" in tuned.run("%config").stdout


def test_excluded_names_are_never_saved(tuned: PodKernel) -> None:
    tuned.run("%config PodExtension.exclude = ['tmp_*', 'secret']")
    t = tuned.cell("tmp_a = [1]\nsecret = 'key'\nkept = 2")
    assert tuned.head["added"] == ["kept"]
    tuned.cell("kept = 3\nsecret = 'other'")
    assert "never saved    tmp_*, secret" in tuned.run("%pod_status").text
    tuned.checkout(t)
    assert tuned.value("kept, tmp_a, secret") == (2, [1], "other")
    tuned.run("%config PodExtension.exclude = []")
    tuned.cell("pass")
    assert tuned.head["added"] == ["secret", "tmp_a"]


def test_a_secret_is_in_no_file_of_the_directory(tuned: PodKernel) -> None:
    tuned.run("%config PodExtension.exclude = ['secret']")
    tuned.run("secret = input_ = 'correct' + 'horse'\ndel input_")
    tuned.cell("kept = 1")
    stored = b"".join(path.read_bytes() for path in tuned.pod_dir.rglob("*") if path.is_file())
    assert b"correcthorse" not in stored


def test_without_autosave_only_saving_by_hand_saves(tuned: PodKernel) -> None:
    tuned.run("%config PodExtension.autosave = False")
    tuned.run("x = [1]")
    tuned.run("x.append(2)")
    assert tuned.head["t"] == 1
    assert "saving by hand" in tuned.run("%pod_status").text
    tuned.run("%pod_save -m two cells")
    head = tuned.head
    assert (head["parent"], head["added"], head["message"]) == (1, ["x"], "two cells")
    assert head["code"] == "x = [1]\n\nx.append(2)"
    tuned.run("%config PodExtension.autosave = True")
    assert tuned.head == head
    tuned.cell("y = 1")


def test_a_checkout_without_autosave_still_saves_first(tuned: PodKernel) -> None:
    tuned.run("%config PodExtension.autosave = False")
    tuned.run("x = [1]")
    assert "saved first" in tuned.checkout(1).text
    tuned.checkout(tuned.log("-n 1")[0]["t"])
    assert tuned.value("x") == [1]


def test_verbosity_says_less_or_more(tuned: PodKernel) -> None:
    tuned.run("%config PodExtension.verbosity = 0")
    assert tuned.run("generator = (n for n in range(3))").said == []
    tuned.run("%config PodExtension.verbosity = 2")
    said = tuned.run("x = 1").said
    t = tuned.head["t"]
    said += tuned.run("pass").said  # what was looked at elsewhere is told now
    [line] = [line for line in said if line.startswith(f"pod: time {t} saved, ")]
    assert line.endswith(" ms")


def test_a_wrong_value_is_refused_and_changes_nothing(tuned: PodKernel) -> None:
    ran = tuned.run("%config PodExtension.podding = 'best'")
    assert "podding" in ran.error + ran.stderr
    assert "Current: 'lga'" in tuned.run("%config PodExtension").stdout
    tuned.cell("x = 1")


def test_options_that_come_too_late_say_when_they_take_effect(tuned: PodKernel) -> None:
    ran = tuned.run("%config PodExtension.podding = 'split-all'")
    assert ran.said == ["pod: podding takes effect with %reload_ext pod"]


def test_the_configuration_of_ipython_reaches_the_extension(tmp_path: Path) -> None:
    directory, elsewhere = tmp_path / "work", tmp_path / "elsewhere" / "history"
    directory.mkdir()
    profile = tmp_path / "work-ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_config.py").write_text(
        f"c.PodExtension.pod_dir = {str(elsewhere)!r}\n"
        "c.PodExtension.podding = 'bundle-all'\n"
        "c.PodExtension.background = False\n"
        "c.PodExtension.verbosity = 2\n"
    )
    with PodKernel(directory) as kernel:
        assert "time 2 saved" in kernel.run("x = 1").stdout
        assert "Current: 'bundle-all'" in kernel.run("%config PodExtension").stdout
    assert (elsewhere / "format.json").exists()
    assert not (directory / ".pod").exists()


def test_the_environment_names_the_directory(tmp_path: Path) -> None:
    directory = tmp_path / "work"
    directory.mkdir()
    with PodKernel(directory, env={"POD_DIR": "history"}) as kernel:
        assert "saved in history from now on" in kernel.loaded.stdout
        kernel.run("import os\nos.mkdir('deeper')\nos.chdir('deeper')")
        kernel.cell("x = 1")
    assert (directory / "history" / "format.json").exists()


@pytest.mark.parametrize(
    "podding", ["lga", "lga-0", "lga-1", "tbh", "bundle-all", "split-all", "random"]
)
def test_every_policy_brings_a_session_back(shared: PodKernel, podding: str) -> None:
    shared.run(f"%config PodExtension.podding = {podding!r}")
    shared.run("%reload_ext pod")
    shared.run("%reset -f")
    t = shared.cell("x = [[n, str(n)] for n in range(50)]\ny = {'x': x, 'one': x[1]}\ny['y'] = y")
    shared.cell("x[1].append(2)\ndel y")
    shared.checkout(t)
    assert shared.value("x[1], y['x'] is x, y['one'] is x[1], y['y'] is y, x[49]") == (
        [1, "1"], True, True, True, [49, "49"],
    )  # fmt: skip
