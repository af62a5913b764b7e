"""`%config PodExtension` and the IPython configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.kernels import PodKernel

OPTIONS = [
    "autosave", "background", "compression_level", "exclude", "pod_dir", "podding", "tracking",
    "verbosity",
]  # fmt: skip


def test_every_option_is_listed_with_its_help(own: PodKernel) -> None:
    listed = own.run("%config PodExtension").stdout
    for option in OPTIONS:
        assert f"PodExtension.{option}=" in listed
    assert "Current: 'lga'" in listed
    assert "PodExtension" in own.run("%config").stdout


def test_excluded_names_are_never_saved(own: PodKernel) -> None:
    own.run("%config PodExtension.exclude = ['tmp_*', 'secret']")
    t = own.cell("tmp_a = [1]\nsecret = 'key'\nkept = 2")
    assert own.head["added"] == ["kept"]
    own.cell("kept = 3\nsecret = 'other'")
    assert "never saved    tmp_*, secret" in own.run("%pod_status").text
    own.checkout(t)
    assert own.value("kept, tmp_a, secret") == (2, [1], "other")
    own.run("%config PodExtension.exclude = []")
    own.cell("pass")
    assert own.head["added"] == ["secret", "tmp_a"]


def test_a_secret_is_in_no_file_of_the_directory(own: PodKernel) -> None:
    own.run("%config PodExtension.exclude = ['secret']")
    own.run("secret = input_ = 'correct' + 'horse'\ndel input_")
    own.cell("kept = 1")
    stored = b"".join(path.read_bytes() for path in own.pod_dir.rglob("*") if path.is_file())
    assert b"correcthorse" not in stored


def test_without_autosave_only_saving_by_hand_saves(own: PodKernel) -> None:
    own.run("%config PodExtension.autosave = False")
    own.run("x = [1]")
    own.run("x.append(2)")
    assert [commit["t"] for commit in own.log()] == [1]
    assert "saving by hand" in own.run("%pod_status").text
    own.run("%pod_save -m two cells")
    head = own.head
    assert (head["t"], head["added"], head["message"]) == (2, ["x"], "two cells")
    assert head["code"] == "x = [1]\n\nx.append(2)"
    own.run("%config PodExtension.autosave = True")
    assert own.head["t"] == 2
    own.cell("y = 1")


def test_a_checkout_without_autosave_still_saves_first(own: PodKernel) -> None:
    own.run("%config PodExtension.autosave = False")
    own.run("x = [1]")
    assert "saved first" in own.checkout(1).text
    own.checkout(2)
    assert own.value("x") == [1]


def test_verbosity_says_less_or_more(own: PodKernel) -> None:
    own.run("%config PodExtension.verbosity = 0")
    assert own.run("generator = (n for n in range(3))").said == []
    own.run("%config PodExtension.verbosity = 2")
    [line] = own.run("x = 1").said
    assert line.startswith("pod: time 3 saved, ")
    assert line.endswith(" ms")


def test_a_wrong_value_is_refused_and_changes_nothing(own: PodKernel) -> None:
    ran = own.run("%config PodExtension.podding = 'best'")
    assert "podding" in ran.error + ran.stderr
    assert "Current: 'lga'" in own.run("%config PodExtension").stdout
    own.cell("x = 1")


def test_options_that_come_too_late_say_when_they_take_effect(own: PodKernel) -> None:
    ran = own.run("%config PodExtension.podding = 'split-all'")
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
