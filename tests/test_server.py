"""`pod enable` and `pod disable`: the file they write, and real kernels that read it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pod import server
from pod.errors import PodError
from pod.server import FILE_NAME, Scope, config_path, disable, enable, status
from support.kernels import Kernel
from support.permissions import public_directory, without_root

ROOT = Path(__file__).resolve().parents[1]
POD = {"InteractiveShellApp": {"extra_extensions": ["pod"]}}
USERS_OWN = {"InteractiveShellApp": {"exec_lines": ["import os"]}, "IPKernelApp": {"x": "é"}}

scopes = pytest.mark.parametrize("scope", server.SCOPES)


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that server.py looks at, inside a directory of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setattr(server, "_SYSTEM_DIR", tmp_path / "system")
    monkeypatch.setattr(server, "_PACKAGED_DIR", tmp_path / "packaged")


def put(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def content(path: Path) -> Any:
    return json.loads(path.read_text())


# The file


def test_each_scope_has_its_place(tmp_path: Path) -> None:
    assert config_path("user") == tmp_path / "ipython" / "profile_default" / FILE_NAME
    assert config_path("sys-prefix") == tmp_path / "prefix" / "etc" / "ipython" / FILE_NAME
    assert config_path("system") == tmp_path / "system" / FILE_NAME


@pytest.mark.filterwarnings("ignore:Ignoring")  # what IPython says when it finds two
@pytest.mark.parametrize("existing", [(), (".ipython",), (".config/ipython",)])
@pytest.mark.parametrize("xdg", [None, "", "elsewhere"])
def test_the_users_place_is_where_ipython_itself_looks(
    existing: tuple[str, ...], xdg: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from IPython.paths import get_ipython_dir

    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.delenv("IPYTHONDIR")
    if xdg is not None:
        monkeypatch.setenv("XDG_CONFIG_HOME", xdg and str(home / xdg))
        (home / "elsewhere" / "ipython").mkdir(parents=True)
    for name in existing:
        (home / name).mkdir(parents=True)
    ours = config_path("user").parent.parent
    assert ours == Path(get_ipython_dir())


@scopes
def test_enabling_creates_the_file_and_disabling_deletes_it(scope: Scope) -> None:
    made = enable(scope)
    assert (made.outcome, made.path) == ("created", config_path(scope))
    assert content(made.path) == POD
    assert disable(scope).outcome == "deleted"
    assert not made.path.exists()


def test_the_file_in_jupyter_config_is_the_one_that_enable_writes() -> None:
    shipped = ROOT / "jupyter-config" / FILE_NAME
    assert content(shipped) == content(enable("user").path) == POD


def test_a_new_file_can_be_read_by_every_user() -> None:
    before = os.umask(0o077)
    try:
        path = enable("system").path
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


@scopes
def test_everything_else_in_the_file_stays(scope: Scope) -> None:
    path = put(config_path(scope), USERS_OWN)
    path.chmod(0o640)
    assert enable(scope).outcome == "updated"
    assert content(path)["InteractiveShellApp"] == {
        "exec_lines": ["import os"],
        "extra_extensions": ["pod"],
    }
    assert disable(scope).outcome == "removed"
    assert content(path) == USERS_OWN
    assert path.stat().st_mode & 0o777 == 0o640


def test_other_extensions_in_the_list_stay() -> None:
    other = {"InteractiveShellApp": {"extra_extensions": ["other"]}}
    path = put(config_path("user"), other)
    enable("user")
    assert content(path)["InteractiveShellApp"]["extra_extensions"] == ["other", "pod"]
    disable("user")
    assert content(path) == other


def test_a_second_time_changes_nothing() -> None:
    path = enable("user").path
    before = path.stat()
    assert enable("user").outcome == "already there"
    assert path.stat() == before
    disable("user")
    assert disable("user").outcome == "absent"


def test_names_that_a_lower_file_lists_are_not_dropped() -> None:
    lower = put(config_path("system"), {"InteractiveShellApp": {"extra_extensions": ["other"]}})
    path = enable("user").path
    assert content(path)["InteractiveShellApp"]["extra_extensions"] == ["other", "pod"]
    assert disable("user").outcome == "deleted"
    assert lower.exists()


def test_a_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    target = put(tmp_path / "dotfiles" / FILE_NAME, POD)
    path = config_path("user")
    path.parent.mkdir(parents=True)
    path.symlink_to(target)
    assert disable("user").outcome == "removed"
    assert content(target) == {}
    assert enable("user").outcome == "updated"
    assert path.is_symlink()
    assert content(target) == POD


@pytest.mark.parametrize(
    "broken",
    [
        "{",
        "",
        "[]",
        "[" * 100_000,
        '{"InteractiveShellApp": 1}',
        '{"InteractiveShellApp": {"extra_extensions": "pod"}}',
        '{"InteractiveShellApp": {"extra_extensions": [1]}}',
    ],
    ids=lambda text: text[:60] or "empty",
)
@pytest.mark.parametrize("do", [enable, disable])
def test_a_file_that_makes_no_sense_is_named_and_left_alone(do: Any, broken: str) -> None:
    path = put(config_path("user"), broken)
    with pytest.raises(PodError) as refused:
        do("user")
    assert str(path) in str(refused.value)
    assert "nothing was changed" in str(refused.value)
    assert path.read_text() == broken


@pytest.mark.parametrize(
    ("scope", "way_out"), [("user", "IPYTHONDIR"), ("sys-prefix", "--user"), ("system", "sudo")]
)
def test_a_place_that_cannot_be_written_is_named_with_a_way_out(
    scope: Scope, way_out: str, tmp_path: Path
) -> None:
    # A file where a directory must be refuses even root.
    for name in ("ipython", "prefix", "system"):
        put(tmp_path / name, "")
    with pytest.raises(PodError) as refused:
        enable(scope)
    assert str(config_path(scope)) in str(refused.value)
    assert way_out in str(refused.value)


def test_a_directory_without_permission_is_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with public_directory() as home, without_root(home):
        monkeypatch.setenv("IPYTHONDIR", str(home / "ipython"))
        path = put(config_path("user"), USERS_OWN)
        path.parent.chmod(0o555)
        try:
            for do in (enable, disable):
                if do is disable:
                    path.write_text(json.dumps(POD))
                with pytest.raises(PodError, match="Permission denied"):
                    do("user")
            assert [each.name for each in path.parent.iterdir()] == [FILE_NAME]
        finally:
            path.parent.chmod(0o755)


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = put(config_path("user"), USERS_OWN)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PodError, match="No space left on device"):
        enable("user")
    assert content(path) == USERS_OWN
    assert [each.name for each in path.parent.iterdir()] == [FILE_NAME]


def test_status_tells_which_files_enable_pod() -> None:
    assert [each.enabled for each in status()] == [False, False, False]
    enable("sys-prefix")
    assert [(each.scope, each.enabled) for each in status()] == [
        ("user", False),
        ("sys-prefix", True),
        ("system", False),
    ]


def test_status_tells_when_a_file_that_wins_leaves_pod_out() -> None:
    enable("sys-prefix")
    mine = put(config_path("user"), {"InteractiveShellApp": {"extra_extensions": []}})
    assert [each.overridden_by for each in status()] == [None, mine, None]


def test_status_tells_of_a_broken_file_and_goes_on() -> None:
    path = put(config_path("user"), "{")
    enable("system")
    user, _, system = status()
    assert str(path) in user.problem
    assert system.enabled


def test_every_outcome_is_said_with_its_file() -> None:
    for do in (enable, enable, disable, disable):
        change = do("user")
        assert str(change.path) in str(change)


def test_importing_server_does_not_import_ipython() -> None:
    code = "import sys, pod.server; sys.exit('IPython' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# Real kernels


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Where kernels run."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def user(tmp_path: Path) -> dict[str, str]:
    """The environment variables of the user for whom `config_path` answers here."""
    return {"IPYTHONDIR": str(tmp_path / "ipython")}


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new environment, with the packages of this one and nothing in its etc, is the current."""
    home = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    python = home / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.check_output([python, "-c", code], text=True).strip())
    here = [path for path in sys.path if path and Path(path).is_dir()]
    (site / "here.pth").write_text("\n".join(here) + "\n")
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(sys, "prefix", str(home))


def loaded(kernel: Kernel) -> set[str]:
    """The extensions that a kernel has loaded."""
    return set(kernel.value("sorted(get_ipython().extension_manager.loaded)"))


@pytest.mark.usefixtures("environment")
def test_a_kernel_without_configuration_does_not_load_pod(work: Path) -> None:
    with Kernel(work) as plain:
        assert "pod" not in loaded(plain)
        assert plain.value("'pod' in __import__('sys').modules") is False


@pytest.mark.usefixtures("environment")
def test_a_kernel_of_an_enabled_environment_loads_pod(work: Path) -> None:
    enable("sys-prefix")
    with Kernel(work) as enabled:
        assert "pod" in loaded(enabled)
    disable("sys-prefix")
    with Kernel(work) as disabled:
        assert "pod" not in loaded(disabled)


def test_a_kernel_of_an_enabled_user_saves_every_cell(work: Path, user: dict[str, str]) -> None:
    enable("user")
    with Kernel(work, user) as enabled:
        assert "pod" in loaded(enabled)
        enabled.run("x = 1")
        enabled.run("x = 2")
        history = json.loads(enabled.run("%pod_log --json").stdout)
    assert [commit["code"] for commit in history][:2] == ["x = 2", "x = 1"]


@pytest.mark.parametrize("name", ["ipython_config.py", "ipython_kernel_config.py"])
def test_a_users_own_extensions_are_loaded_too(name: str, work: Path, user: dict[str, str]) -> None:
    profile = enable("user").path.parent
    put(profile / name, 'c.InteractiveShellApp.extensions = ["autoreload"]\n')
    with Kernel(work, user) as enabled:
        assert {"IPython.extensions.autoreload", "pod"} <= loaded(enabled)


def test_a_kernel_starts_without_the_extension_that_its_configuration_names(
    work: Path, user: dict[str, str]
) -> None:
    names = ["no_such_module", "autoreload"]
    put(config_path("user"), {"InteractiveShellApp": {"extra_extensions": names}})
    with Kernel(work, user) as started:
        assert started.run("print(6 * 7)").stdout == "42\n"
        assert "IPython.extensions.autoreload" in loaded(started)
    assert "no_such_module" in started.console()
