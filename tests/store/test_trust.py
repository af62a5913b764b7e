"""The user's key and trust records: private, made once, and never taken from anybody else."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from blake3 import blake3
from pod.errors import PodError, StorageError
from pod.store.trust import KEY_BYTES, Keyring, data_directory
from support.permissions import public_directory, without_root

DIGEST = "ab" * 32


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "data" / "pod"


# The key


def test_it_is_made_by_the_first_signature_and_private(home: Path) -> None:
    keyring = Keyring(home)
    assert not keyring.is_own(DIGEST, "cd" * 32)
    assert not home.exists()  # looking makes none
    before = os.umask(0)
    try:
        signature = keyring.sign(DIGEST)
    finally:
        os.umask(before)
    key = (home / "key").read_bytes()
    assert len(key) == KEY_BYTES
    assert (mode(home), mode(home / "key")) == (0o700, 0o600)
    assert Keyring(home).is_own(DIGEST, signature)
    assert Keyring(home).sign(DIGEST) == signature
    # As the page says, so that another program could check it.
    derived = blake3(key, derive_key_context="pod-ext 2026-11-23: signature of a commit, format 1")
    assert blake3(bytes.fromhex(DIGEST), key=derived.digest()).hexdigest() == signature


def test_a_signature_is_of_one_digest_and_one_key(home: Path, tmp_path: Path) -> None:
    keyring = Keyring(home)
    signature = keyring.sign(DIGEST)
    assert not keyring.is_own("ba" * 32, signature)
    assert not Keyring(tmp_path / "other").is_own(DIGEST, signature)
    for wrong in ("", signature[:-1], signature[:-1] + "x", "é" * 64, signature.upper()):
        assert not keyring.is_own(DIGEST, wrong)


def test_of_many_processes_that_start_at_once_all_use_one_key(home: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom pod.store.trust import Keyring\n"
        "print('ready', flush=True)\nsys.stdin.readline()\n"
        f"print(Keyring(Path(sys.argv[1])).sign({DIGEST!r}))"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(home)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(6)
    ]  # fmt: skip
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    signatures = {process.communicate(timeout=60)[0].strip() for process in running}
    assert signatures == {Keyring(home).sign(DIGEST)}
    assert [path.name for path in home.iterdir()] == ["key"]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"POD_DATA_DIR": "/a/b"}, "/a/b"),
        ({"POD_DATA_DIR": "~/b", "HOME": "/h"}, "/h/b"),
        ({"XDG_DATA_HOME": "/x"}, "/x/pod"),
        ({"XDG_DATA_HOME": "relative", "HOME": "/h"}, "/h/.local/share/pod"),
        ({"XDG_DATA_HOME": "", "POD_DATA_DIR": "", "HOME": "/h"}, "/h/.local/share/pod"),
    ],
)
def test_where_it_is(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    for name in ("POD_DATA_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert data_directory() == Path(expected)


def refused(keyring: Keyring) -> str:
    """Why the key is not used, although signing goes on."""
    signature = keyring.sign(DIGEST)
    assert keyring.is_own(DIGEST, signature)  # by this process
    assert not keyring.is_lasting(DIGEST, signature)
    assert keyring.trouble
    return keyring.trouble


def test_a_key_that_is_a_link_is_not_used(home: Path, tmp_path: Path) -> None:
    home.mkdir(parents=True)
    (tmp_path / "theirs").write_bytes(bytes(KEY_BYTES))
    (home / "key").symlink_to(tmp_path / "theirs")
    assert "symbolic link" in refused(Keyring(home))
    (home / "key").unlink()
    (home / "key").symlink_to(tmp_path / "nowhere")
    assert "symbolic link" in refused(Keyring(home))
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("size", [0, 1, KEY_BYTES - 1, KEY_BYTES + 1, 5000])
def test_a_key_of_another_length_is_not_used(home: Path, size: int) -> None:
    home.mkdir(parents=True)
    (home / "key").write_bytes(bytes(size))
    said = refused(Keyring(home))
    assert str(home / "key") in said
    assert "delete it: then a new one is made" in said
    (home / "key").unlink()
    assert not Keyring(home).prepare()


def test_a_key_that_is_being_written_is_waited_for(home: Path) -> None:
    """Without hard links, another process can be seen at it."""
    home.mkdir(parents=True)
    (home / "key").touch()
    script = f"import time; time.sleep(0.2); open({str(home / 'key')!r}, 'wb').write(b'k' * 32)"
    with subprocess.Popen([sys.executable, "-c", script]):
        assert Keyring(home).prepare() == ""


@pytest.mark.parametrize("kind", ["directory", "pipe"])
def test_a_key_that_is_no_file_is_not_used(home: Path, kind: str) -> None:
    home.mkdir(parents=True)
    (home / "key").mkdir() if kind == "directory" else os.mkfifo(home / "key")
    assert "not a regular file" in refused(Keyring(home))


def test_what_others_can_read_is_made_private(home: Path) -> None:
    signature = Keyring(home).sign(DIGEST)
    (home / "key").chmod(0o664)
    home.chmod(0o775)  # as a container's volume is opened to its group
    keyring = Keyring(home)
    assert keyring.is_own(DIGEST, signature)
    assert keyring.trouble == ""
    assert (mode(home), mode(home / "key")) == (0o755, 0o600)


def test_a_directory_that_everybody_can_write_to_is_not_used_and_not_changed(home: Path) -> None:
    Keyring(home).prepare()
    home.chmod(0o1777)
    assert "chmod go-w" in refused(Keyring(home))
    assert mode(home) == 0o1777
    with pytest.raises(StorageError, match="others can write"):
        Keyring(home).records()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to somebody else")
def test_what_belongs_to_another_user_is_not_used() -> None:
    with public_directory() as root:
        home = root / "data"
        home.mkdir(mode=0o755)
        (home / "key").write_bytes(bytes(KEY_BYTES))
        (root / "own").mkdir()
        with without_root(root / "own"):
            assert "belongs to another user" in refused(Keyring(home))
        os.chown(home / "key", 65534, 65534)
        assert "belongs to another user" in refused(Keyring(home))  # not by root either


def test_a_home_that_is_read_only_keeps_nobody_from_signing() -> None:
    with public_directory() as root:
        home = root / "home"
        home.mkdir(mode=0o555)
        (root / "own").mkdir()
        with without_root(root / "own"):
            keyring = Keyring(home / "pod")
            if os.geteuid() != home.stat().st_uid:
                assert "no permission" in refused(keyring)
        home.chmod(0o755)
        # As soon as there can be a key, there is one.
        assert keyring.prepare() == ""
        assert keyring.is_lasting(DIGEST, keyring.sign(DIGEST))


def test_no_home_at_all_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("POD_DATA_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert "set $POD_DATA_DIR" in refused(Keyring())


# Trust records


def test_what_is_trusted_is_listed_and_can_be_taken_back(home: Path) -> None:
    keyring = Keyring(home)
    assert keyring.records() == ([], [])
    keyring.trust("/b", ["11" * 32], "then")
    keyring.trust("/a", [DIGEST, "22" * 32], "now")
    keyring.trust("/b", ["33" * 32], "later")
    [a, b] = keyring.records()[0]
    assert (a.directory, b.directory, b.since) == ("/a", "/b", "later")
    assert b.commits == {"11" * 32, "33" * 32}
    assert Keyring(home).trusts(DIGEST)
    assert not Keyring(home).trusts("44" * 32)
    keyring.distrust([DIGEST, "33" * 32])
    assert not keyring.trusts(DIGEST)
    assert keyring.trusts("11" * 32)
    keyring.forget("/b")
    assert not keyring.trusts("11" * 32)
    assert [mode(path) for path in (home / "trusted").iterdir()] == [0o600]


@pytest.mark.parametrize(
    "wrong",
    [
        b"", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000,
        json.dumps({"pod-trust": 2, "directory": "", "since": "", "commits": []}).encode(),
        json.dumps({"pod-trust": 1, "directory": 3, "since": "", "commits": []}).encode(),
        json.dumps({"pod-trust": 1, "directory": "", "since": "", "commits": ["ab"]}).encode(),
    ],
)  # fmt: skip
def test_a_damaged_record_says_nothing_and_hides_nothing(home: Path, wrong: bytes) -> None:
    keyring = Keyring(home)
    keyring.trust("/a", [DIGEST], "now")
    (home / "trusted" / ("0" * 32)).write_bytes(wrong)
    assert keyring.trusts(DIGEST)
    records, damaged = keyring.records()
    assert len(records) == len(damaged) == 1
    assert f"{home / 'trusted'}/{'0' * 32}" in damaged[0]
    assert "delete it" in damaged[0]


def test_a_record_that_is_a_link_is_not_followed(home: Path, tmp_path: Path) -> None:
    keyring = Keyring(home)
    keyring.trust("/a", [DIGEST], "now")
    [record] = (home / "trusted").iterdir()
    record.rename(tmp_path / "elsewhere")
    record.symlink_to(tmp_path / "elsewhere")
    assert not keyring.trusts(DIGEST)
    assert "symbolic link" in keyring.records()[1][0]
    with pytest.raises(PodError):
        keyring.trust("/a", [DIGEST], "now")
    assert DIGEST in (tmp_path / "elsewhere").read_text()


def test_a_damaged_record_of_a_directory_is_replaced_when_it_is_trusted_anew(home: Path) -> None:
    keyring = Keyring(home)
    keyring.trust("/a", [DIGEST], "now")
    [record] = (home / "trusted").iterdir()
    record.write_bytes(b"?")
    assert not keyring.trusts(DIGEST)
    keyring.trust("/a", [DIGEST], "now")
    assert keyring.trusts(DIGEST)
