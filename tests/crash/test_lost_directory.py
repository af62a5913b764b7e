"""What becomes of saves when somebody takes the pod directory, or a part of it, away."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pod
import pytest
from pod.errors import DamagedError, PodError, StorageError
from pod.session import Saved
from pod.store.repository import Repository
from support.isomorphism import difference


class Keeper:
    """A managed namespace, the store it is saved into, and a copy of what each time must be."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.told: list[PodError] = []
        self.store = pod.open(path, on_error=self.told.append, **options)
        self.namespace = pod.new_managed_namespace()
        self.then: dict[int, dict[str, Any]] = {}
        self.said: list[str] = []

    def save(self, name: str, nbytes: int = 3000) -> int:
        """One variable more, one list longer; everything else untouched."""
        self.namespace[name] = os.urandom(nbytes)
        self.namespace.setdefault("steps", []).append(name)
        self.store._session_of(self.namespace)
        saved: Saved | None = self.namespace.origin.save()
        assert saved is not None
        if saved.lost:
            self.said.append(saved.lost)
        plain = dict(dict.items(self.namespace))
        self.then[saved.t] = plain | {"steps": [*plain["steps"]]}
        return saved.t

    def flushed(self, name: str) -> int:
        t = self.save(name)
        self.store.flush()
        return t

    def flush_without(self, t: int) -> None:
        """Write what can be written, which is all but this time; that is told."""
        with contextlib.suppress(DamagedError):
            self.store.flush()
        assert any(f"time {t} was not on disk yet and is lost" in str(e) for e in self.told)

    def is_as_it_was(self, store: pod.PodStore, t: int) -> bool:
        found, then = sorted(dict.items(store.load(t))), sorted(self.then[t].items())
        return difference(found, then) is None

    def must_hold(self, *times: int) -> None:
        """A new process finds these times as they were, and nothing else, and all of it whole."""
        self.store.flush()
        with pod.open(self.store.path, create=False) as fresh:
            assert fresh.history.times() == sorted(times)
            for t in times:
                assert self.is_as_it_was(fresh, t)
            assert fresh.verify(), fresh.verify()


@pytest.fixture(params=[True, False], ids=["background", "inline"])
def keeper(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Keeper]:
    made = Keeper(tmp_path / "work" / "pod", background=request.param)
    made.flushed("a")
    made.flushed("b")
    yield made
    made.store.close()


def test_a_deleted_directory_is_made_anew_with_everything_and_new_time_ids(keeper: Keeper) -> None:
    shutil.rmtree(keeper.store.path)
    third, fourth = keeper.flushed("c"), keeper.flushed("d")
    assert third == 3  # never 1 again: who says "time 1" means what it was
    assert keeper.said == [f"{keeper.store.path} was gone, and the times in it with it"]
    keeper.must_hold(third, fourth)


@pytest.mark.parametrize(
    "part", ["packs", "commits", "claims", "leases", "format.json", ".gitignore"]
)
def test_a_part_that_is_deleted_does_not_harm_the_next_save(keeper: Keeper, part: str) -> None:
    path = keeper.store.path / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    t = keeper.flushed("c")
    lost = {"packs": "a part of what was saved is gone", "commits": "was gone, and the times"}
    assert len(keeper.said) == (part in lost) and lost.get(part, "") in "".join(keeper.said)
    with pod.open(keeper.store.path, create=False) as fresh:
        assert keeper.is_as_it_was(fresh, t)
        assert bool(fresh.verify()) == (part != "packs")
    assert keeper.flushed("d") == t + 1 and len(keeper.said) == (part in lost)


def test_one_pack_deleted_by_hand_is_not_relied_on(keeper: Keeper) -> None:
    keeper.flushed("c")
    packs = {each.stat().st_mtime_ns: each for each in (keeper.store.path / "packs").iterdir()}
    for each in list(packs.values()):
        away = each.with_name("away")
        each.rename(away)
        t = keeper.flushed(f"v{each.stem[:4]}")
        with pod.open(keeper.store.path, create=False) as fresh:
            assert keeper.is_as_it_was(fresh, t)
        away.rename(each)
    keeper.must_hold(*range(1, t + 1))


@pytest.mark.usefixtures("inline")
def test_a_pack_that_nothing_needs_any_more_is_not_missed(keeper: Keeper) -> None:
    before = set((keeper.store.path / "packs").iterdir())
    keeper.namespace["only now"] = os.urandom(3000)
    keeper.flushed("c")
    [orphan] = set((keeper.store.path / "packs").iterdir()) - before
    Repository.write_pack(keeper.store._repository, {pod.store.codec.digest(b"o"): b"o"}, 3)
    [spare] = set((keeper.store.path / "packs").iterdir()) - before - {orphan}
    spare.unlink()
    keeper.flushed("d")
    assert keeper.said == []
    assert len(list((keeper.store.path / "packs").iterdir())) == 4


def hold_the_writer(
    monkeypatch: pytest.MonkeyPatch, *, before: str
) -> tuple[threading.Event, threading.Event]:
    """The background sets one event before its next pack or commit, and waits for the other."""
    reached, go = threading.Event(), threading.Event()
    write = getattr(Repository, before)

    def waiting(self: Repository, *arguments: Any, **options: Any) -> Any:
        if threading.current_thread().name == "pod-writer":
            reached.set()
            assert go.wait(20)
        return write(self, *arguments, **options)

    monkeypatch.setattr(Repository, before, waiting)
    return reached, go


@pytest.mark.parametrize("before", ["write_pack", "write_commit"])
@pytest.mark.parametrize("remove", ["pod", "packs"])
def test_a_pending_write_is_not_committed_without_its_blobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, remove: str
) -> None:
    keeper = Keeper(tmp_path / "pod")
    keeper.flushed("a")
    reached, go = hold_the_writer(monkeypatch, before=before)
    second = keeper.save("b")
    assert reached.wait(20)
    shutil.rmtree(tmp_path / remove if remove == "pod" else tmp_path / "pod" / remove)
    third = keeper.save("c")
    go.set()
    keeper.flush_without(second)
    last = keeper.flushed("d")
    with pod.open(keeper.store.path, create=False) as fresh:
        assert {third, last} <= set(fresh.history.times())
        for t in fresh.history.times():
            if t != 1:
                assert keeper.is_as_it_was(fresh, t)
        assert remove == "packs" or fresh.verify()
    assert len(keeper.said) == 1
    keeper.store.close()


@pytest.mark.usefixtures("inline")
def test_a_pending_write_that_needs_nothing_else_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(tmp_path / "pod")
    reached, go = hold_the_writer(monkeypatch, before="write_commit")
    first = keeper.save("a")
    assert reached.wait(20)
    shutil.rmtree(tmp_path / "pod")
    second = keeper.save("b")
    go.set()
    keeper.must_hold(first, second)
    keeper.store.close()


def test_half_a_directory_never_appears_where_all_of_it_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(tmp_path / "pod")
    keeper.flushed("a")
    reached, go = hold_the_writer(monkeypatch, before="write_pack")
    keeper.save("b")
    assert reached.wait(20)
    shutil.rmtree(tmp_path / "pod")
    go.set()
    with pytest.raises(StorageError, match="is gone"):
        keeper.store.flush()
    assert not (tmp_path / "pod").exists()
    last = keeper.save("c")
    keeper.flush_without(2)
    keeper.must_hold(last)
    keeper.store.close()


@pytest.fixture(params=["moved", "emptied", "replaced"])
def away(request: pytest.FixtureRequest, keeper: Keeper) -> tuple[Any, Callable[[], None]]:
    """Ways to take away the directory that holds the pod directory; and the way back."""
    holder = keeper.store.path.parent
    elsewhere = holder.with_name("elsewhere")

    def take() -> None:
        holder.rename(elsewhere)
        if request.param == "emptied":  # as a mount point is when nothing is mounted
            holder.mkdir()
        if request.param == "replaced":
            holder.write_text("a file")

    def bring_back() -> None:
        if request.param == "emptied":
            holder.rmdir()
        if request.param == "replaced":
            holder.unlink()
        elsewhere.rename(holder)

    return take, bring_back


def test_what_was_moved_away_or_unmounted_is_waited_for_and_nothing_is_skipped(
    keeper: Keeper, away: tuple[Callable[[], None], Callable[[], None]]
) -> None:
    take, bring_back = away
    take()
    times = [keeper.save(name) for name in "cdef"]
    with pytest.raises(StorageError):
        keeper.store.flush()
    assert times == [3, 4, 5, 6]
    assert len({str(error) for error in keeper.told}) == len(keeper.told) == 1
    assert not keeper.store.path.exists()
    bring_back()
    times.append(keeper.save("g"))
    assert keeper.said == []
    keeper.must_hold(1, 2, *times)


def test_an_older_copy_put_back_in_place_is_gone_on_with(keeper: Keeper, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(keeper.store.path, copy)
    keeper.flushed("c")
    shutil.rmtree(keeper.store.path)
    copy.rename(keeper.store.path)
    t = keeper.flushed("d")
    assert t == 4
    keeper.must_hold(1, 2, t)


def test_another_directory_in_its_place_is_gone_on_with(keeper: Keeper, tmp_path: Path) -> None:
    with pod.open(tmp_path / "other") as other:
        other.save({"theirs": 1})
    shutil.rmtree(keeper.store.path)
    (tmp_path / "other").rename(keeper.store.path)
    t = keeper.flushed("c")
    keeper.then[1] = {"theirs": 1}
    keeper.must_hold(1, t)


@pytest.mark.usefixtures("inline")
def test_a_directory_of_somebody_else_in_its_place_is_left_alone(keeper: Keeper) -> None:
    shutil.rmtree(keeper.store.path)
    keeper.store.path.mkdir()
    (keeper.store.path / "thesis.tex").write_text("...")
    keeper.save("c")
    with pytest.raises(StorageError):
        keeper.store.flush()
    assert [each.name for each in keeper.store.path.iterdir()] == ["thesis.tex"]
    (keeper.store.path / "thesis.tex").unlink()
    last = keeper.save("d")
    keeper.flush_without(3)
    keeper.must_hold(last)


def test_a_time_id_that_another_process_took_meanwhile_is_not_overwritten(keeper: Keeper) -> None:
    holder = keeper.store.path.parent
    elsewhere = holder.with_name("elsewhere")
    holder.rename(elsewhere)
    third = keeper.save("c")
    with pod.open(elsewhere / "pod") as other:
        assert other.save({"theirs": 1}) == third
    elsewhere.rename(holder)
    with pytest.raises(DamagedError, match="another process took that number"):
        keeper.store.flush()
    fourth = keeper.flushed("d")
    keeper.then[third] = {"theirs": 1}
    keeper.must_hold(1, 2, third, fourth)
    with pod.open(keeper.store.path, create=False) as fresh:
        assert fresh.history.commit(fourth).parent is None
