"""What somebody else saved is unpickled only when the user says so; what was altered, never."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pod
import pytest
from pod import PodStore, UntrustedError
from pod.errors import DamagedError, PodError, StorageError
from pod.history.records import Commit
from pod.history.restore import restore
from pod.history.show import show_commit, show_variable
from pod.library import UnsignedWarning
from pod.session import Cell
from pod.store import files
from pod.store.codec import digest
from pod.store.repository import Repository
from pod.store.trust import Keyring
from pod.tracking.namespace import NamespaceTracker
from support.permissions import public_directory, without_root
from support.strangers import make_strange, stranger_environment

CODE = Path(pod.__file__).parent


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    where = tmp_path_factory.mktemp("original")
    return where / "pods", make_strange(where / "pods", where)


@pytest.fixture
def strange(
    original: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, Path]]:
    """A copy of the stranger's directory, and what must not come into being. A user of our own."""
    monkeypatch.setenv("POD_DATA_DIR", str(tmp_path / "mine"))
    shutil.copytree(original[0], tmp_path / "pods")
    assert not original[1].exists()
    yield tmp_path / "pods", original[1]
    shutil.rmtree(original[1], ignore_errors=True)


def session_in(store: PodStore, **variables: Any) -> Any:
    ns = pod.new_managed_namespace(variables)
    session = store.session(ns, NamespaceTracker(ns))
    session.save(Cell())
    return session


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


# Somebody else's directory


@pytest.mark.parametrize("names", [None, ["bomb"], ["held"], ["harmless"]])
@pytest.mark.parametrize("reference", [1, 2, "HEAD", "release"])
def test_loading_is_refused(
    strange: tuple[Path, Path], reference: int | str, names: list[str] | None
) -> None:
    path, gone_off = strange
    with PodStore(path) as store, pytest.raises(UntrustedError) as caught:
        store.load(reference, names)
    assert not gone_off.exists()
    t = 1 if reference == 1 else 2
    assert f"time {t} of {path} was not saved by you" in str(caught.value)
    assert f"pod trust {path}" in str(caught.value)
    assert "%pod_trust" in str(caught.value)


@pytest.mark.parametrize("names", [None, ["harmless"], ["bomb"]])
def test_a_checkout_is_refused_and_changes_nothing(
    strange: tuple[Path, Path], names: list[str] | None
) -> None:
    path, gone_off = strange
    with PodStore(path) as store:
        session = session_in(store, mine=[1])
        session.namespace["mine"].append(2)
        times = store.history.times()
        with pytest.raises(UntrustedError):
            session.checkout(1, names)
        assert dict.copy(session.namespace) == {"mine": [1, 2]}
        assert store.history.times() == times  # nothing was saved on the way
    assert not gone_off.exists()


def test_a_diff_of_values_is_refused_and_one_by_hash_is_not(strange: tuple[Path, Path]) -> None:
    path, gone_off = strange
    with PodStore(path) as store:
        with pytest.raises(UntrustedError):
            store.diff(1, 2)
        assert store.diff(1, 2, values=False).changed == ("bomb", "harmless", "held")
        mine = session_in(store, harmless=[1])
        with pytest.raises(UntrustedError):  # one of the two is enough
            store.diff(1, mine.head, ["harmless"])
        # Where nothing has to be loaded, nothing is asked.
        assert store.diff(1, mine.head, ["bomb"]).removed == ("bomb",)
    assert not gone_off.exists()


def test_everything_that_only_reads_works(strange: tuple[Path, Path]) -> None:
    path, gone_off = strange
    before = contents(path)
    with PodStore(path, create=False) as store:
        assert [commit.t for commit in store.log()] == [2, 1]
        for shown in (
            str(store.log()),
            store.log()._repr_html_(),
            json.dumps(store.log().to_json()),
        ):
            assert "bomb" in shown
        assert "harmless" in str(show_commit(store.history, 2, 2))
        assert "harmless" in str(show_variable(store.history, 2, "harmless"))
        assert store.verify()
        assert not store.gc(dry_run=True).packs
        assert store.standing().untrusted == (1, 2)
        assert contents(path) == before
        store.tag("mine", 1)
        store.untag("mine")
        store.gc()
        assert store.verify()
    assert not gone_off.exists()


def test_every_command_but_one_works_and_runs_nothing(strange: tuple[Path, Path]) -> None:
    path, gone_off = strange

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pod.cli", "--pod-dir", str(path), *arguments],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    for arguments in (
        ["log"], ["log", "bomb"], ["log", "--json"], ["diff", "1", "2"], ["show", "2"],
        ["show", "2", "bomb"], ["verify"], ["gc", "--dry-run"], ["gc"], ["tag", "mine", "1"],
        ["trust", "--list"], ["trust", "--list", "--json"],
    ):  # fmt: skip
        done = run(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), arguments
    refused = run("diff", "1", "2", "--values")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.count("\n") == 1
    assert "was not saved by you" in refused.stderr
    assert "%pod" not in refused.stderr
    assert not gone_off.exists()

    said = run("trust").stdout
    assert f"trusted: 2 times of {path} (1, 2)" in said
    assert f"by Python {sys.version.split()[0]}" in said
    assert run("diff", "1", "2", "--values").returncode == 0
    assert gone_off.exists()
    assert "2 trusted (1, 2)" in run("trust", "--list").stdout
    assert "no longer trusted: 2 times" in run("trust", "--remove").stdout
    assert "2 not trusted (1, 2)" in run("trust", "--list").stdout
    assert run("diff", "1", "2", "--values").returncode == 1


def test_trusting_names_a_directory_or_takes_the_usual_one(
    strange: tuple[Path, Path], tmp_path: Path
) -> None:
    path, _ = strange

    def run(*arguments: str, where: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pod.cli", "trust", *arguments],
            cwd=where, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    assert run("--list").stdout == "no times of others are trusted\n"
    assert "there is no pod directory" in run().stderr
    assert "(2)" in run(str(path), "--times", "release").stdout
    with PodStore(path) as store:
        assert store.standing().trusted == (2,)
        assert store.standing().untrusted == (1,)
    assert f"1 time of {path}" in run("--list").stdout
    assert "no time 9" in run(str(path), "--times", "9").stderr


def test_after_it_is_trusted_it_loads(strange: tuple[Path, Path]) -> None:
    path, gone_off = strange
    with PodStore(path) as store:
        session = session_in(store, mine=1)
        done = store.trust([1])
        assert [commit.t for commit in done.commits] == [1]
        assert store.load(1)["harmless"] == [1, 2, 3]
        assert gone_off.exists()  # so the tests above could have failed
        with pytest.raises(UntrustedError):
            store.load(2)
        store.trust()
        assert store.load(2)["harmless"] == [1, 2, 3, 4]
        session.checkout(1, ["harmless"])
        assert store.diff(1, 2)["harmless"].difference is not None
        assert store.trust().commits == ()  # nothing is left to say


def test_what_is_trusted_is_content_wherever_it_is(
    strange: tuple[Path, Path], tmp_path: Path
) -> None:
    path, _ = strange
    with PodStore(path) as store:
        store.trust()
    shutil.copytree(path, tmp_path / "moved")
    with PodStore(tmp_path / "moved") as store:
        assert store.load(2)["harmless"] == [1, 2, 3, 4]
        store.distrust([2])  # wherever that was said
        assert store.standing().untrusted == (2,)
    with PodStore(path) as store:
        assert store.standing().untrusted == (2,)
        assert store.standing().trusted == (1,)
        store.distrust()
        assert store.standing().untrusted == (1, 2)
        assert not list((tmp_path / "mine" / "trusted").iterdir())


def test_a_time_that_is_added_later_is_not_trusted(strange: tuple[Path, Path]) -> None:
    path, gone_off = strange
    with PodStore(path) as store:
        store.trust()
    script = (
        "import sys\nfrom pod import PodStore\nwith PodStore(sys.argv[1]) as store:\n"
        "    store.save({'harmless': 0})"
    )
    environment = stranger_environment(gone_off.parent / "stranger")
    del environment["POD_DATA_DIR"]
    subprocess.run([sys.executable, "-c", script, str(path)], env=environment, check=True)
    with PodStore(path) as store:
        assert store.standing().untrusted == (3,)
        with pytest.raises(UntrustedError):
            store.load(3)


def test_a_directory_that_cannot_be_written_to_can_be_trusted_and_read(
    original: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with public_directory() as public:
        monkeypatch.setenv("POD_DATA_DIR", str(public / "owned" / "mine"))
        shutil.copytree(original[0], public / "pods")
        for each in (public / "pods", *(public / "pods").rglob("*")):
            each.chmod(0o555 if each.is_dir() else 0o444)
        (public / "owned").mkdir()
        before = contents(public / "pods")
        with without_root(public / "owned"), PodStore(public / "pods", create=False) as store:
            with pytest.raises(UntrustedError):
                store.load(1, ["harmless"])
            store.trust()
            assert store.load(1, ["harmless"])["harmless"] == [1, 2, 3]
            assert store.verify()
        assert contents(public / "pods") == before


def test_a_session_goes_on_saving_into_it(strange: tuple[Path, Path]) -> None:
    path, gone_off = strange
    with PodStore(path) as store:
        # Some of the same bytes are there already.
        ns = pod.new_managed_namespace(harmless=[1, 2, 3], big=list(range(9000)))
        t = store.save(ns)
        assert store.load(t)["harmless"] == [1, 2, 3]
    with PodStore(path) as store:
        assert store.standing().own == (t,)
        assert store.load(t)["big"] == ns["big"]
        with pytest.raises(UntrustedError):
            store.load(f"{t}~1" if store.history.commit(t).parent else 2)
    assert not gone_off.exists()


# Tampering with what the user signed


@pytest.fixture
def mine(tmp_path: Path) -> tuple[Path, dict[int, Any]]:
    """A directory of the user's own: time id -> what was saved."""
    values: dict[int, Any] = {}
    with PodStore(tmp_path / "own") as store:
        ns = pod.new_managed_namespace()
        for n in range(3):
            ns["x"] = [n] * 100_000
            values[store.save(ns)] = [n] * 100_000
    return tmp_path / "own", values


def test_what_the_user_saved_is_trusted(mine: tuple[Path, dict[int, Any]]) -> None:
    path, values = mine
    with PodStore(path, create=False) as store:
        assert store.standing().own == tuple(values)
        assert all(store.load(t)["x"] == value for t, value in values.items())


def rewritten(path: Path, t: int, **changes: Any) -> bytes:
    """The commit's file with another body, its hash made to fit and its signature kept."""
    data = (path / "commits" / str(t)).read_bytes()
    stored = files.signed_commit(data, "")
    body = json.dumps(json.loads(stored.body) | changes, sort_keys=True, separators=(",", ":"))
    return files.commit_bytes(body.encode(), stored.signature)


def test_an_altered_body_is_refused(mine: tuple[Path, dict[int, Any]]) -> None:
    path, _ = mine
    other = json.loads(files.commit_body((path / "commits" / "2").read_bytes(), ""))["table"]
    for changes in ({"code": "x"}, {"table": other}, {"parent": None, "ok": False}):
        pristine = (path / "commits" / "3").read_bytes()
        (path / "commits" / "3").write_bytes(rewritten(path, 3, **changes))
        with PodStore(path) as store:
            assert store.verify()  # no damage: it is what somebody wrote
            with pytest.raises(UntrustedError, match="time 3"):
                store.load(3)
            assert store.load(2)["x"]
            if "table" not in changes:  # else they are the same by hash, and nothing is loaded
                with pytest.raises(UntrustedError, match="time 3"):
                    store.diff(2, 3)
        (path / "commits" / "3").write_bytes(pristine)


def test_an_altered_header_is_refused(mine: tuple[Path, dict[int, Any]]) -> None:
    path, _ = mine
    data = (path / "commits" / "3").read_bytes()
    header, _, body = data.partition(b"\n")
    signature = json.loads(header)["signature"]
    forged = {
        "another signature": files.commit_bytes(body, "ab" * 32),
        "that of another commit": files.commit_bytes(
            body, files.signed_commit((path / "commits" / "2").read_bytes(), "").signature
        ),
        "none": files.commit_bytes(body),
        "that of another key": files.commit_bytes(
            body, Keyring(path.parent / "another user").sign(digest(body))
        ),
    }
    for what, file in forged.items():
        (path / "commits" / "3").write_bytes(file)
        with PodStore(path) as store, pytest.raises(UntrustedError):
            store.load(3)
            pytest.fail(what)
    for position in range(len(header)):
        changed = bytearray(data)
        changed[position] ^= 1
        (path / "commits" / "3").write_bytes(changed)
        with PodStore(path) as store, pytest.raises(PodError):
            store.load(3)
            pytest.fail(f"{position} of {header!r}")
    assert signature.encode() in header


def test_every_altered_blob_is_refused(mine: tuple[Path, dict[int, Any]]) -> None:
    path, values = mine
    for pack in (path / "packs").iterdir():
        pristine = pack.read_bytes()
        for position in range(8, len(pristine), max(1, len(pristine) // 40)):
            changed = bytearray(pristine)
            changed[position] ^= 0xFF
            pack.write_bytes(changed)
            with PodStore(path) as store:
                for t, value in values.items():
                    try:
                        assert store.load(t)["x"] == value
                    except PodError:
                        continue
        pack.write_bytes(pristine)


def test_a_blob_that_was_exchanged_for_another_is_refused(
    mine: tuple[Path, dict[int, Any]], tmp_path: Path
) -> None:
    """A pack made by hand, its index and hashes right, that has other bytes for a digest."""
    from pod.store import pack as packs

    path, _ = mine
    with PodStore(path) as store:
        table = store.history.commit(3).table
    for file in (path / "packs").iterdir():
        file.unlink()
    writer = packs.PackWriter({table[0]: b"[]"}, 3)
    (path / "packs" / f"{'ab' * 32}.pack").write_bytes(b"".join(map(bytes, writer.parts())))
    with PodStore(path) as store, pytest.raises(DamagedError):
        store.load(3)


def test_a_commit_that_was_moved_is_refused(mine: tuple[Path, dict[int, Any]]) -> None:
    path, _ = mine
    shutil.copy(path / "commits" / "2", path / "commits" / "9")
    shutil.copy(path / "commits" / "1", path / "commits" / "3")
    with PodStore(path) as store:
        for t, other in ((9, 2), (3, 1)):
            with pytest.raises(DamagedError, match=f"commits/{t} .*the commit of time {other}"):
                store.load(t)
        found = store.verify()
        assert [damage.times for damage in found.damage] == [(3,), (9,)]
        assert [commit.t for commit in store.log()] == [2, 1]
        assert store.load(2)["x"]


def test_a_tag_is_only_a_name(strange: tuple[Path, Path]) -> None:
    path, gone_off = strange
    with PodStore(path) as store:
        t = store.save({"x": 1})
        store.tag("mine", t)
    (path / "tags" / "mine").write_text("2\n")
    with PodStore(path) as store, pytest.raises(UntrustedError, match="time 2"):
        store.load("mine")
    assert not gone_off.exists()


def test_exchanging_a_file_after_it_was_read_trusts_nothing(strange: tuple[Path, Path]) -> None:
    path, gone_off = strange
    with PodStore(path) as store:
        own = store.save({"x": 1})
        store.flush()
        commit = store.history.commit(1)
        shutil.copy(path / "commits" / str(own), path / "commits" / "1")
        with pytest.raises(PodError):
            restore(store.history, commit, store.history.variables(commit).values(), {})
        store.history.forget()
        with pytest.raises(PodError):
            restore(store.history, commit, store.history.variables(commit).values(), {})
    assert not gone_off.exists()


def test_a_record_made_up_is_not_trusted(strange: tuple[Path, Path]) -> None:
    """`require_trust` looks at what it is given, and not only at the time id in it."""
    path, gone_off = strange
    with PodStore(path) as store:
        own = store.history.commit(store.save({"x": 1}))
        theirs = store.history.commit(2)
        forged = Commit.from_json(theirs.to_json() | {"t": own.t})
        with pytest.raises(UntrustedError):
            restore(store.history, forged, store.history.variables(forged).values(), {})
    assert not gone_off.exists()


# Without a key


def test_what_is_not_durable_yet_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    write = Repository.write_commit

    def slowly(self: Repository, t: int, body: bytes) -> None:
        go_on.wait(60)
        write(self, t, body)

    monkeypatch.setattr(Repository, "write_commit", slowly)
    with PodStore(tmp_path / "pods") as store:
        t = store.save({"x": [1]})
        assert store.history.pending_times() == {t}
        assert store.load(t)["x"] == [1]
        commit = store.history.commit(t)
        go_on.set()
        store.flush()
        # It says now how large its pack is, and is the same moment.
        assert restore(store.history, commit, store.history.variables(commit).values(), {}).values
        assert store.standing().own == (t,)


def test_where_there_can_be_no_key_this_process_can_load_what_it_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("POD_DATA_DIR", str(tmp_path / "file" / "data"))
    with PodStore(tmp_path / "pods") as store:
        ns = pod.new_managed_namespace(x=[1])
        with pytest.warns(UnsignedWarning, match="no key of yours") as told:
            first = store.save(ns)
            ns["x"].append(2)
            store.save(ns)
        assert len(told) == 1
        assert "POD_DATA_DIR" in str(told[0].message)
        assert f"pod trust {tmp_path / 'pods'}" in str(told[0].message)
        assert store.load(first)["x"] == [1]
    with PodStore(tmp_path / "pods") as store:  # another store, the same process
        assert store.load(first)["x"] == [1]
    script = (
        "import sys, pod\ntry: pod.open(sys.argv[1]).load(1)\n"
        "except pod.UntrustedError as error: print(error)"
    )

    def another_process() -> str:
        return subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "pods")],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    assert "your own key cannot be used" in another_process()
    # As soon as there can be one, it is used.
    monkeypatch.setenv("POD_DATA_DIR", str(tmp_path / "data"))
    with PodStore(tmp_path / "pods") as store, warnings.catch_warnings():
        warnings.simplefilter("error")
        assert store.load(first)["x"] == [1]
        store.trust()
    assert another_process() == ""


def test_saving_goes_on_when_the_home_is_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with public_directory() as public:
        monkeypatch.setenv("POD_DATA_DIR", str(public / "home" / "data"))
        (public / "home").mkdir(mode=0o555)
        (public / "pods").mkdir()
        with without_root(public / "pods"), PodStore(public / "pods" / "p") as store:
            with pytest.warns(UnsignedWarning, match="no permission"):
                t = store.save({"x": [1]})
            assert store.load(t)["x"] == [1]
            with pytest.raises(StorageError):
                store.trust()
                raise StorageError("nothing to trust")  # all of it is this process's own


# The way in is one


def test_one_function_unpickles_and_asks_first() -> None:
    """Wherever else something is unpickled is on this list, with the reason why it may be."""
    allowed = {
        "podding/unpickler.py",  # what `restore` calls
        "podding/rebuild.py",  # a pickle inside a payload that is being loaded
        "session/forked.py",  # what a copy of this very process has found, from memory
    }
    for path in CODE.rglob("*.py"):
        name = path.relative_to(CODE).as_posix()
        tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in ("loads", "load", "Unpickler"):
                of = node.value.id if isinstance(node.value, ast.Name) else ""
                if of in ("pickle", "cloudpickle", "marshal", "_pickle", "dill"):
                    assert name in allowed, f"{name}:{node.lineno}"
            if isinstance(node, ast.ImportFrom) and node.module == "pod.podding.unpickler":
                assert name == "history/restore.py", name
            if isinstance(node, ast.ImportFrom) and node.module in ("pickle", "marshal"):
                names = {each.name for each in node.names}
                assert not names & {"loads", "load", "Unpickler"}, name


def test_the_suite_leaves_the_testers_key_alone() -> None:
    assert "pod-tests-" in os.environ["XDG_DATA_HOME"]
