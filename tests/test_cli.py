"""The `pod` command, run as its users run it: as a program of its own, on real pod directories."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pod
import pytest
from pod.library import PodStore
from pod.session import Cell
from pod.store.files import commit_body, commit_bytes
from pod.tracking.namespace import NamespaceTracker

READING = (
    ["log"], ["log", "--all", "cfg"], ["log", "--json"], ["diff"], ["diff", "1", "3"],
    ["diff", "1", "3", "--json"], ["show", "3"], ["show", "3", "cfg"], ["show", "3", "--json"],
    ["verify"], ["verify", "--json"], ["gc", "--dry-run"],
)  # fmt: skip


class Bomb:
    """Unpickling it makes a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.directory),)


def environment(**extra: str) -> dict[str, str]:
    own = ("POD_DIR", "NO_COLOR", "PYTHONIOENCODING", "IPYTHONDIR")
    return {key: value for key, value in os.environ.items() if key not in own} | extra


def run(where: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """The command in a directory; what it prints is UTF-8 unless `extra` says otherwise."""
    return subprocess.run(
        [sys.executable, "-m", "pod.cli", *arguments],
        cwd=where,
        env=environment(**{"PYTHONIOENCODING": "utf-8"} | extra),
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def said(where: Path, *arguments: str, **extra: str) -> str:
    """What a call prints that goes well."""
    done = run(where, *arguments, **extra)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def told(where: Path, *arguments: str) -> Any:
    """The JSON of a call that goes well."""
    return json.loads(said(where, *arguments, "--json"))


def refused(where: Path, *arguments: str) -> str:
    """The one line that a failing call says."""
    done = run(where, *arguments)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert done.stderr.startswith("pod: ")
    assert done.stderr.count("\n") == 1
    assert "%pod_" not in done.stderr  # magics are for notebooks
    return done.stderr


def words(text: str) -> str:
    """Text without the blanks that lay it out."""
    return " ".join(text.split())


def line_with(text: str, what: str) -> str:
    [line] = [line for line in text.splitlines() if what in line]
    return words(line)


def packs(directory: Path) -> set[Path]:
    return set((directory / "packs").iterdir())


def contents(directory: Path) -> dict[str, tuple[int, int]]:
    """Every file and directory, with its size and when it was changed."""
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in [directory, *directory.rglob("*")]
    }


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("prepared"))


def prepare(where: Path) -> Path:
    """A directory with `.pod`: times 1 and 2, tagged `good`, from where 3 and 4 go two ways."""
    with PodStore(where / ".pod") as store:
        ns = pod.new_managed_namespace()
        session = store.session(ns, NamespaceTracker(ns), notebook="work.ipynb")
        ns["cfg"] = {"depth": 3}
        ns["big"] = ["x" * 50_000]
        session.save(Cell("cfg = {'depth': 3}\nbig = ['x' * 50_000]", seconds=1.5))
        ns["cfg"]["depth"] = 4
        ns["lock"] = [threading.Lock()]
        session.save(Cell("cfg['depth'] = 4", message="deeper"))
        ns["shared"] = [ns["cfg"]]
        del ns["lock"]
        session.save(Cell("shared = [cfg]\n1 / 0", ok=False, error="ZeroDivisionError: division"))
        store.tag("good", 2)
        other = store.load("good")
        other["cfg"]["depth"] = 5
        store.save(other, code="cfg['depth'] = 5")
    return where


@pytest.fixture
def here(prepared: Path, tmp_path: Path) -> Path:
    """A copy of the prepared directory, for one test to do with as it likes."""
    shutil.copytree(prepared / ".pod", tmp_path / ".pod")
    return tmp_path


@pytest.fixture
def one_pack_each(inline: None, tmp_path: Path) -> Path:
    """The same, with no pack but one for each time: a forked look writes one of its own."""
    return prepare(tmp_path)


# pod log


def test_the_log_shows_every_moment(prepared: Path) -> None:
    log = said(prepared, "log")
    assert all(f" {t} " in log for t in (1, 2, 3, 4))
    assert "+shared -lock" in words(log)
    assert "ZeroDivisionError" in line_with(log, "✗")
    assert "4 HEAD" in line_with(log, "HEAD")
    assert "2 good" in line_with(log, "good")
    assert "“deeper”" in log
    assert "├─╯" in log  # 3 and 4 both came from 2


def test_the_log_as_json_is_one_array_of_commits(prepared: Path) -> None:
    commits = told(prepared, "log")
    assert [(one["t"], one["parent"]) for one in commits] == [(4, 2), (3, 2), (2, 1), (1, None)]
    third = commits[1]
    assert third["added"] == ["shared"]
    assert third["removed"] == ["lock"]
    assert third["ok"] is False
    assert third["bytes"] > 0
    assert {"created", "seconds", "code", "changed", "tags", "head"} <= third.keys()


def test_the_log_of_a_variable_has_the_times_that_changed_it(prepared: Path) -> None:
    assert [one["t"] for one in told(prepared, "log", "lock")] == [3, 2]
    assert [one["t"] for one in told(prepared, "log", "cfg", "-n", "2")] == [4, 2]


def test_the_log_of_a_variable_that_never_was_is_refused(prepared: Path) -> None:
    assert "cgf" in refused(prepared, "log", "cgf")


def test_a_long_log_is_cut_and_says_so(tmp_path: Path) -> None:
    with PodStore(tmp_path / ".pod") as store:
        ns = pod.new_managed_namespace()
        for n in range(33):
            ns["n"] = n
            store.save(ns)
    assert "30 of 33 times shown; pod log --all shows every one" in said(tmp_path, "log")
    assert "2 of 33 times shown" in said(tmp_path, "log", "-n", "2")
    assert "shown" not in said(tmp_path, "log", "--all")
    assert len(told(tmp_path, "log")) == 33
    assert len(told(tmp_path, "log", "-n", "2")) == 2


def test_the_log_of_a_new_pod_directory_says_that_nothing_was_saved(tmp_path: Path) -> None:
    PodStore(tmp_path / ".pod").close()
    assert "No history yet" in said(tmp_path, "log")
    assert told(tmp_path, "log") == []
    assert "nothing has been saved yet" in refused(tmp_path, "diff")


# pod diff


def test_a_diff_says_which_variables_differ_and_what_ran(prepared: Path) -> None:
    diff = said(prepared, "diff", "1", "3")
    assert line_with(diff, "~ cfg").startswith("~ cfg: dict 1 item changed inside (")
    assert line_with(diff, "+ shared") == "+ shared: list 1 item"
    assert "[2] cfg['depth'] = 4" in diff
    assert "big:" not in diff
    assert "pod diff --values" in diff


def test_a_diff_without_times_is_of_the_last_moment(prepared: Path) -> None:
    assert said(prepared, "diff") == said(prepared, "diff", "HEAD~1", "HEAD")
    assert said(prepared, "diff", "3") == said(prepared, "diff", "3", "4")
    assert (told(prepared, "diff")["a"], told(prepared, "diff")["b"]) == (2, 4)


def test_a_diff_of_some_variables_leaves_the_others_out(prepared: Path) -> None:
    for arguments in (["1", "3", "shared"], ["1", "--pod-dir", ".pod", "3", "shared"]):
        found = told(prepared, "diff", *arguments)
        assert [each["name"] for each in found["variables"]] == ["shared"]


def test_a_diff_of_two_branches_shows_the_code_of_both(prepared: Path) -> None:
    diff = told(prepared, "diff", "3", "4")
    assert [cell["t"] for cell in diff["code_before"]] == [3]
    assert [cell["t"] for cell in diff["code"]] == [4]


def test_a_diff_of_a_moment_with_itself_is_empty_and_fine(prepared: Path) -> None:
    assert "no variable differs" in said(prepared, "diff", "good", "2")


def test_a_diff_of_values_shows_what_changed_inside(prepared: Path) -> None:
    assert "4 → 5" not in said(prepared, "diff", "2", "4")
    assert "['depth']: 4 → 5" in said(prepared, "diff", "2", "4", "--values")
    inside = told(prepared, "diff", "--values", "2", "4", "cfg")
    assert inside["variables"][0]["difference"]["kind"] == "mapping"


def test_a_diff_of_values_finds_modules_beside_the_pod_directory(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("class Own:\n    def __init__(self, x): self.x = x\n")
    script = (
        "import pod, beside\n"
        "s = pod.open('.pod'); ns = pod.new_managed_namespace()\n"
        "for x in 1, 2:\n    ns['own'] = beside.Own(x); s.save(ns)\n"
        "s.close()\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment(), check=True)
    command = "import sys; sys.path.pop(0); from pod.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", command, "diff", "--values"],
        cwd=tmp_path, env=environment(PYTHONIOENCODING="utf-8"),
        capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert "1 → 2" in done.stdout


def test_a_diff_at_the_first_time_says_what_to_do(tmp_path: Path) -> None:
    with PodStore(tmp_path / ".pod") as store:
        store.save({"x": 1})
    assert "time 1 is the first of its branch" in refused(tmp_path, "diff")


# pod show


def test_show_tells_all_about_one_moment(prepared: Path) -> None:
    shown = said(prepared, "show", "good")
    assert shown.startswith("time 2  good, after time 1\n")
    assert "    cfg['depth'] = 4\n" in shown
    assert "work.ipynb" in shown
    assert "“deeper”" in shown
    assert "+lock  ~cfg" in shown
    assert line_with(shown, "~ cfg   ").startswith("~ cfg dict 1 item")
    assert line_with(shown, "big ").startswith("big list 1 item 50")
    assert "_thread.lock" in line_with(shown, "✗ opaque")
    assert "the first of its branch" in said(prepared, "show", "1")
    assert "the cell ran 1.5 s" in said(prepared, "show", "1")
    assert "✗ ZeroDivisionError: division" in said(prepared, "show", "3")


def test_show_as_json(prepared: Path) -> None:
    shown = told(prepared, "show", "HEAD~1")
    assert (shown["t"], shown["tags"], shown["message"]) == (2, ["good"], "deeper")
    assert [each["name"] for each in shown["variables"]] == ["big", "cfg", "lock"]
    lock = shown["variables"][2]
    assert (lock["type"], lock["summary"]) == ("list", "1 item")
    assert "_thread.lock" in lock["opaque"][0]


def test_show_tells_when_a_variable_changed_and_what_it_shares(prepared: Path) -> None:
    shown = said(prepared, "show", "3", "cfg")
    assert shown.startswith("cfg at time 3: dict 1 item, ")
    assert "shares objects with shared" in shown
    assert "cfg['depth'] = 4" in line_with(shown, "~ 2")
    assert "(+1 line)" in line_with(shown, "+ 1")
    past = told(prepared, "show", "3", "cfg")["history"]
    assert [(each["t"], each["status"]) for each in past] == [(2, "changed"), (1, "added")]
    assert past[0]["variable"]["nbytes"] > 0


def test_show_of_a_variable_from_another_time_is_refused(prepared: Path) -> None:
    message = refused(prepared, "show", "3", "lock")
    assert "no variable lock at time 3" in message
    assert "big, cfg, shared" in message


# Damage


def test_verify_of_a_whole_directory_is_fine(prepared: Path) -> None:
    assert said(prepared, "verify").startswith("everything is whole: 4 times")
    assert told(prepared, "verify")["ok"] is True


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.usefixtures("inline")
def test_verify_names_the_damaged_pack_pods_variables_and_times(tmp_path: Path) -> None:
    directory = tmp_path / ".pod"
    with PodStore(directory) as store:
        ns = pod.new_managed_namespace(small=[1])
        store.save(ns)
        store.flush()
        before = packs(directory)
        ns["precious"] = os.urandom(100_000)
        store.save(ns)
    [pack] = packs(directory) - before
    damage(pack)

    done = run(tmp_path, "verify")
    assert done.returncode == 1
    assert pack.name in done.stdout
    assert "pod 0 of manifest" in done.stdout
    assert "affects precious at time 2" in words(done.stdout)
    done = run(tmp_path, "verify", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["ok"] is False
    assert {"precious"} in [set(each["variables"]) for each in found["damage"]]

    assert [one["t"] for one in told(tmp_path, "log")] == [2, 1]
    assert "precious" in said(tmp_path, "show", "2")
    assert "precious" in said(tmp_path, "diff")


def test_a_damaged_commit_leaves_the_others_usable(here: Path) -> None:
    damage(here / ".pod" / "commits" / "3")
    log = said(here, "log")
    assert "commits/3" in line_with(log, "✗")
    done = run(here, "log", "--json")
    assert [one["t"] for one in json.loads(done.stdout)] == [4, 2, 1]
    assert "commits/3" in done.stderr
    assert "commits/3" in refused(here, "show", "3")
    assert "cfg" in said(here, "show", "4")
    done = run(here, "verify")
    assert done.returncode == 1
    assert "commits/3" in done.stdout
    assert "affects everything at time 3" in words(done.stdout)


def test_a_damaged_past_is_told_with_what_is_known(here: Path) -> None:
    damage(here / ".pod" / "commits" / "1")
    done = run(here, "show", "4", "cfg")
    assert done.returncode == 1
    assert "~ 4" in done.stdout
    assert "earlier history cannot be read" in line_with(done.stdout, "✗")


def test_a_damaged_moment_between_two_others_leaves_them_comparable(here: Path) -> None:
    damage(here / ".pod" / "commits" / "1")
    assert told(here, "diff", "3", "4")["trouble"] == ""  # both come from 2
    damage(here / ".pod" / "commits" / "2")
    diff = said(here, "diff", "3", "4")
    assert "~ cfg" in diff
    assert "[4] cfg['depth'] = 5" in diff
    assert "commits/2" in line_with(diff, "✗ the code before")


def test_a_history_made_to_run_in_circles_is_not_followed(here: Path) -> None:
    file = here / ".pod" / "commits" / "2"
    commit = json.loads(commit_body(file.read_bytes(), "commits/2"))
    file.write_bytes(commit_bytes(json.dumps(commit | {"parent": 4}).encode()))
    said_why = "parent is out of range"
    assert said_why in run(here, "show", "4", "cfg").stdout
    assert said_why in said(here, "diff", "1", "4")
    assert "commits/2" in line_with(said(here, "log"), "✗ commits")
    assert said_why in refused(here, "show", "4~2")


def test_missing_variables_of_a_moment_leave_its_code_to_be_read(here: Path) -> None:
    for pack in packs(here / ".pod"):
        pack.unlink()
    done = run(here, "show", "4")
    assert done.returncode == 1
    assert "cfg['depth'] = 5" in done.stdout
    assert "variables cannot be listed" in line_with(done.stdout, "✗")
    assert run(here, "show", "4", "--json").returncode == 1
    assert "is in no pack" in refused(here, "diff")


# Bad input


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["show", "99"], "no time 99: times run from 1 to 4"),
        (["show", "nosuch"], "no tag nosuch: tags are good"),
        (["show", "HEAD~9"], "beyond the first"),
        (["show", "3..4"], "not a time reference"),
        (["show", ""], "not a time reference"),
        (["show", "2", "nosuch"], "no variable nosuch at time 2"),
        (["diff", "99"], "no time 99"),
        (["diff", "1", "3..4"], "not a time reference"),
        (["diff", "1", "nosuch"], "no variable nosuch"),
        (["tag", "best", "99"], "no time 99"),
        (["tag", "no/tag"], "cannot be a tag"),
        (["tag", "HEAD"], "cannot be a tag"),
    ],
)
def test_what_does_not_exist_is_refused_in_one_line(
    prepared: Path, arguments: list[str], expected: str
) -> None:
    assert expected in refused(prepared, *arguments)


COMMANDS = (
    ["log"], ["diff"], ["show", "1"], ["verify"], ["gc"], ["gc", "--dry-run"], ["tag", "best"],
)  # fmt: skip


def test_without_a_pod_directory_every_command_says_what_to_do(tmp_path: Path) -> None:
    for arguments in COMMANDS:
        message = refused(tmp_path, *arguments)
        assert f"no pod directory at {tmp_path / '.pod'}" in message
        assert "--pod-dir" in message
        assert "%load_ext pod" in message
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_none_of_pods_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("precious")
    assert "there is a file where" in refused(tmp_path, "log", "--pod-dir", "a file")
    assert "is not a pod directory" in refused(tmp_path, "tag", "best", "--pod-dir", ".")
    (tmp_path / "empty").mkdir()
    assert "no pod directory" in refused(tmp_path, "verify", "--pod-dir", "empty")
    assert not list((tmp_path / "empty").iterdir())


def test_a_newer_format_is_refused(here: Path) -> None:
    (here / ".pod" / "format.json").write_text('{"format": 99}')
    for arguments in COMMANDS:
        assert "upgrade pod-ext" in refused(here, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["nosuch"], ["log", "-n"], ["log", "-n", "0"], ["log", "-n", "x"], ["log", "--nosuch"],
        ["show"], ["show", "1", "a", "b"], ["verify", "extra"], ["tag"], ["diff", "1", "--nosuch"],
        ["enable", "--user", "--system"], ["--pod-dir"],
    ],
)  # fmt: skip
def test_a_wrong_call_is_told_how_to_call(prepared: Path, arguments: list[str]) -> None:
    done = run(prepared, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: pod")


# Trust


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_reading_writes_nothing(here: Path, arguments: list[str]) -> None:
    before = contents(here)
    said(here, *arguments)
    assert contents(here) == before


def test_only_a_diff_of_values_unpickles(tmp_path: Path) -> None:
    fired = [tmp_path / "fired 1", tmp_path / "fired 2"]
    with PodStore(tmp_path / ".pod") as store:
        ns = pod.new_managed_namespace()
        for directory in fired:
            ns["cfg"] = [Bomb(directory)]
            store.save(ns)
        store.save(ns)
    for arguments in READING:
        said(tmp_path, *arguments)
    assert not any(directory.exists() for directory in fired)
    said(tmp_path, "diff", "1", "2", "--values")
    assert any(directory.exists() for directory in fired)


def test_code_from_elsewhere_cannot_command_the_terminal(tmp_path: Path) -> None:
    hostile = "x = 1  # \x1b[2J\x1b]0;title\x07 \x9b31m \u202e \r hidden"
    with PodStore(tmp_path / ".pod") as store:
        store.save({"x\x1b[2J": 1}, code=hostile, message="\x1b[8m\nnew line")
        store.save({}, code=hostile)
    for arguments in (["log"], ["show", "1"], ["diff", "1", "2"]):
        shown = said(tmp_path, *arguments)
        assert all(char == "\n" or char.isprintable() for char in shown)
        assert "hidden" in shown or arguments == ["log"]
    assert told(tmp_path, "show", "1")["code"] == hostile


# pod tag, pod gc


def test_a_tag_is_a_time_reference_from_then_on(here: Path) -> None:
    assert said(here, "tag", "first", "1") == "time 1 is tagged first\n"
    assert told(here, "show", "first")["t"] == 1
    assert told(here, "tag", "newest") == {"tag": "newest", "t": 4}


def test_gc_removes_what_no_time_needs(one_pack_each: Path) -> None:
    here = one_pack_each
    for t in (3, 4):
        (here / ".pod" / "commits" / str(t)).unlink()
    before = packs(here / ".pod")
    assert said(here, "gc", "--dry-run").startswith("would remove 2 packs")
    assert packs(here / ".pod") == before
    removed = told(here, "gc")["packs"]
    assert len(removed) == 2
    assert packs(here / ".pod") == before - {here / ".pod" / name for name in removed}
    assert len(packs(here / ".pod")) == len(before) - 2
    assert told(here, "verify")["ok"]


def test_gc_goes_on_while_a_kernel_is_open(one_pack_each: Path) -> None:
    here = one_pack_each
    (here / ".pod" / "commits" / "4").unlink()
    with PodStore(here / ".pod") as store:
        store.save({"x": 1})
        store.flush()
        assert len(told(here, "gc")["packs"]) == 1
    assert told(here, "verify")["ok"]


def test_gc_leaves_packs_alone_while_a_save_is_under_way(here: Path) -> None:
    (here / ".pod" / "commits" / "4").unlink()
    before = packs(here / ".pod")
    with PodStore(here / ".pod") as store:
        store.history.repository.claim()  # as a save begins
        text = said(here, "gc")
        assert f"process {os.getpid()}" in text and "did not finish saving" in text
    assert packs(here / ".pod") == before


# pod enable, pod disable


def test_enable_and_disable_say_which_file_they_changed(tmp_path: Path) -> None:
    file = tmp_path / "ipython" / "profile_default" / "ipython_kernel_config.json"
    own = {"IPYTHONDIR": str(tmp_path / "ipython")}
    enabled = said(tmp_path, "enable", "--user", **own)
    assert f"{file} created" in enabled
    assert "pod" in file.read_text()
    again = json.loads(said(tmp_path, "enable", "--user", "--json", **own))
    assert (again["path"], again["outcome"]) == (str(file), "already there")
    assert f"{file} deleted" in said(tmp_path, "disable", "--user", **own)
    assert not file.exists()


def test_enable_refuses_a_file_that_it_does_not_understand(tmp_path: Path) -> None:
    file = tmp_path / "profile_default" / "ipython_kernel_config.json"
    file.parent.mkdir()
    file.write_text("{")
    done = run(tmp_path, "enable", "--user", IPYTHONDIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert str(file) in done.stderr
    assert file.read_text() == "{"


# The command as such


def test_the_pod_directory_can_be_named_anywhere_and_has_a_default(
    prepared: Path, tmp_path: Path
) -> None:
    directory = str(prepared / ".pod")
    usual = said(prepared, "show", "1", "--json")
    assert said(tmp_path, "--json", "--pod-dir", directory, "show", "1") == usual
    assert said(tmp_path, "show", "--pod-dir", directory, "1", "--json") == usual
    assert said(tmp_path, "show", "1", "--json", POD_DIR=directory) == usual
    assert said(prepared, "show", "1", "--json", "--pod-dir", ".pod", POD_DIR="nosuch") == usual


def test_version_and_help(tmp_path: Path) -> None:
    assert said(tmp_path, "--version") == f"pod {pod.__version__}\n"
    assert all(f" {name} " in said(tmp_path, "--help") for name in ("log", "verify", "disable"))
    assert "runs code" in words(said(tmp_path, "diff", "--help"))


def test_looking_imports_neither_ipython_nor_numpy_nor_pandas(prepared: Path) -> None:
    code = (
        "import sys\nfrom pod.cli import main\n"
        "for words in ['log'], ['diff'], ['show', '2'], ['verify'], ['enable', '-h']:\n"
        "    try:\n        main(words)\n    except SystemExit:\n        pass\n"
        "found = {'IPython', 'numpy', 'pandas', 'pyarrow', 'traitlets', 'zmq'} & {*sys.modules}\n"
        "assert not found, found"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=prepared, env=environment(PYTHONIOENCODING="utf-8"), check=True, capture_output=True,
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_without_unicode_is_no_obstacle(prepared: Path, encoding: str) -> None:
    command = [sys.executable, "-m", "pod.cli", "log"]
    done = subprocess.run(
        command, cwd=prepared, env=environment(PYTHONIOENCODING=encoding), capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"* 3" in done.stdout
    assert b"! ZeroDivisionError" in done.stdout


@pytest.fixture(scope="module")
def lengthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pod directory whose only cell is far longer than a pipe holds."""
    where = tmp_path_factory.mktemp("lengthy")
    with PodStore(where / ".pod") as store:
        store.save({"x": 1}, code="# line\n" * 100_000)
    return where


def started(where: Path) -> subprocess.Popen[bytes]:
    """`pod show` of the lengthy cell, after it has begun to print."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pod.cli", "show", "1"],
        cwd=where,
        env=environment(PYTHONIOENCODING="utf-8"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.read(7) == b"time 1 "
    return process


def ending(process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    assert process.stdout is not None
    assert process.stderr is not None
    errors = process.stderr.read()
    status = process.wait(timeout=60)
    process.stdout.close()
    process.stderr.close()
    return status, errors


def test_a_reader_that_has_enough_ends_the_command_quietly(lengthy: Path) -> None:
    process = started(lengthy)
    assert process.stdout is not None
    process.stdout.close()
    assert ending(process) == (141, b"")


def test_an_interrupt_ends_the_command_quietly(lengthy: Path) -> None:
    process = started(lengthy)
    process.send_signal(signal.SIGINT)
    assert ending(process) == (130, b"")


def test_an_interrupt_waits_for_nobody_to_read_what_is_left(prepared: Path) -> None:
    code = """if True:
        import os, sys
        from pod import cli
        def log(options):
            os.set_blocking(1, False)
            try:
                while True:
                    os.write(1, b"x" * 512)
            except BlockingIOError:
                os.set_blocking(1, True)
            sys.stdout.write("not read by anybody")
            raise KeyboardInterrupt
        cli._log = log
        sys.exit(cli.main(["log"]))
    """
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=prepared, env=environment(PYTHONUNBUFFERED=""),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert ending(process) == (130, b"")


def test_output_that_cannot_be_written_is_an_error(prepared: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pod.cli", "log"],
            cwd=prepared, env=environment(), stdout=full, stderr=subprocess.PIPE,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(b"pod: ")
    assert done.stderr.count(b"\n") == 1


def on_a_terminal(where: Path, *arguments: str, **extra: str) -> str:
    """All that the command sends to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pod.cli", *arguments],
        cwd=where,
        env=environment(**{"PYTHONIOENCODING": "utf-8", "TERM": "xterm"} | extra),
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    received = bytearray()
    try:
        while data := os.read(ours, 4096):
            received += data
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return received.decode()


def test_colours_are_for_terminals_that_want_them(prepared: Path) -> None:
    assert "\x1b[32m+ shared" in on_a_terminal(prepared, "diff", "1", "3")
    for setting in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in on_a_terminal(prepared, "diff", "1", "3", **setting)
    assert "\x1b" not in said(prepared, "diff", "1", "3", TERM="xterm")


def test_verify_shows_how_far_it_is_and_cleans_up_after_itself(prepared: Path) -> None:
    shown = on_a_terminal(prepared, "verify")
    progress, result = shown.rsplit("\r", 2)[0], shown.splitlines()[-1]
    assert "verifying [" in progress
    assert result.startswith("everything is whole")
