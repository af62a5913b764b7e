"""Not wrong bytes but wrong things: directories for files and files for directories, links, pipes,
modes. Every one is named, and costs what needs it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pod
import pytest
from pod.errors import PodError
from support.permissions import public_directory, without_root

OTHERS = {1: {"x": [1]}, 2: {"x": [1, 2]}}
"""Times and variables that need nothing of what is harmed."""


@pytest.fixture
def harmless(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A pod directory whose third time has a pack of its own for `y`."""
    with public_directory() as place:
        monkeypatch.setenv("XDG_DATA_HOME", str(place / "home"))
        with pod.open(place / "pod", background=False) as store:
            namespace = pod.new_managed_namespace(x=[1])
            store.save(namespace)
            namespace["x"].append(2)
            store.save(namespace)
            namespace["y"] = os.urandom(5000)
            store.save(namespace)
            store.tag("mark", 1)
        yield place / "pod"


def largest_pack(path: Path) -> Path:
    return max((path / "packs").iterdir(), key=lambda each: each.stat().st_size)


def third_commit(path: Path) -> Path:
    return path / "commits" / "3"


def the_tag(path: Path) -> Path:
    return path / "tags" / "mark"


def the_format(path: Path) -> Path:
    return path / "format.json"


def become_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def become_link(path: Path) -> None:
    away = path.parent.parent / "away"
    path.rename(away)
    path.symlink_to(away)


def become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_secret(path: Path) -> None:
    path.chmod(0)


def become_empty(path: Path) -> None:
    path.write_bytes(b"")


HARMS = [become_directory, become_link, become_pipe, become_secret, become_empty]
harms = pytest.mark.parametrize("harm", HARMS)


def must_still_load(store: pod.PodStore) -> None:
    for t, values in OTHERS.items():
        assert dict(store.load(t)) == values


@harms
def test_a_pack(harmless: Path, harm: Callable[[Path], None]) -> None:
    pack = largest_pack(harmless)
    with without_root(harmless.parent):
        harm(pack)
        with pod.open(harmless) as store:
            must_still_load(store)
            damage = store.verify().damage
            assert [each for each in damage if each.what.startswith(f"packs/{pack.name}: ")]
            assert {(each.times, each.variables) for each in damage if each.times} <= {
                ((3,), ("y",)),
                ((3,), ()),
            }
            with pytest.raises(PodError, match=r"time 3|'pod verify'"):
                store.load(3)
            again = store.load(2)
            again["z"] = 1
            assert dict(store.load(store.save(again))) == {"x": [1, 2], "z": 1}


@harms
def test_a_commit(harmless: Path, harm: Callable[[Path], None]) -> None:
    with without_root(harmless.parent):
        harm(third_commit(harmless))
        with pod.open(harmless) as store:
            must_still_load(store)
            [damage] = store.verify().damage
            assert damage.times == (3,) and damage.what.startswith("commits/3: ")
            with pytest.raises(PodError, match=r"commits/3"):
                store.load(3)
            assert "commits/3" in str(store.log())
            t = store.save({"z": 1})
            assert t == 4 and dict(store.load(t)) == {"z": 1}


@harms
def test_a_tag(harmless: Path, harm: Callable[[Path], None]) -> None:
    with without_root(harmless.parent):
        harm(the_tag(harmless))
        with pod.open(harmless) as store:
            must_still_load(store)
            [damage] = store.verify().damage
            assert damage.what.startswith("tags/mark: ")
            with pytest.raises(PodError, match="mark"):
                store.load("mark")


@harms
def test_the_format(harmless: Path, harm: Callable[[Path], None]) -> None:
    with without_root(harmless.parent):
        harm(the_format(harmless))
        with pytest.raises(PodError, match=r"format\.json"):
            pod.open(harmless)


@pytest.mark.parametrize("folder", ["packs", "commits", "tags", "claims", "leases"])
@pytest.mark.parametrize("harm", ["file", "secret", "link"])
def test_a_folder(harmless: Path, folder: str, harm: str) -> None:
    path = harmless / folder
    away = harmless.parent / "away"
    with without_root(harmless.parent):
        path.mkdir(exist_ok=True)
        if harm == "secret":
            path.chmod(0)
        else:
            path.rename(away)
            path.write_text("") if harm == "file" else path.symlink_to(away)
        told: list[Any] = []
        try:
            store = pod.open(harmless, on_error=told.append)
            for act in (lambda: must_still_load(store), store.verify, store.log, store.gc):
                try:
                    act()
                except PodError as error:
                    assert folder in str(error) and len(str(error).splitlines()) == 1
            namespace = pod.new_managed_namespace(z=[1])
            t = None
            try:
                t = store.save(namespace)
                store.flush()
            except PodError as error:
                assert folder in str(error)
        finally:
            path.chmod(0o700) if harm == "secret" else path.unlink()
            if harm != "secret":
                away.rename(path)
        # All is well again, and so is what was saved meanwhile.
        t = store.save(namespace) if t is None else t
        store.flush()
        must_still_load(store)
        assert dict(store.load(t)) == {"z": [1]}
        assert store.verify()
        store.close()


def test_all_of_it_made_secret_and_back(harmless: Path) -> None:
    with without_root(harmless.parent):
        store = pod.open(harmless)
        namespace = store.load(3)
        store.save(namespace)
        harmless.chmod(0)
        namespace["x"].append(3)
        t = store.save(namespace)
        with pytest.raises(PodError, match="no permission"):
            store.flush()
        harmless.chmod(0o700)
        store.flush()
        assert store.load(t)["x"] == [1, 2, 3]
        assert store.verify()
        store.close()
    shutil.rmtree(harmless)
