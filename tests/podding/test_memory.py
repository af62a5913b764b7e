"""Memory that several objects are over is shared again when they are restored."""

from __future__ import annotations

import array
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pod
import pytest
from pod.podding import memory


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with pod.open(tmp_path / "pods") as opened:
        yield opened


class Unit(np.ndarray):
    """An array with an attribute, as NumPy's manual makes one."""

    def __new__(cls, values: Any, unit: Any = None) -> Unit:
        made = np.asarray(values).view(cls)
        made.unit = unit
        return made

    def __array_finalize__(self, source: Any) -> None:
        self.unit = getattr(source, "unit", None)


def big() -> np.ndarray[Any, Any]:
    return np.arange(30_000.0)


def record() -> np.ndarray[Any, Any]:
    return np.zeros(6, [("a", "i4"), ("b", "M8[s]"), ("c", "f8", (2,))])


VIEWS: dict[str, tuple[Any, Any]] = {
    "slice": (big, lambda a: a[10:20]),
    "step": (big, lambda a: a[5::7]),
    "reversed": (big, lambda a: a[::-3]),
    "reshaped": (big, lambda a: a.reshape(100, 300)),
    "transposed": (lambda: big().reshape(100, 300).copy(), lambda a: a.T),
    "column": (lambda: big().reshape(100, 300).copy("F"), lambda a: a[:, 7]),
    "axes in another order": (
        lambda: np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2).copy("K"),
        lambda a: a[1:],
    ),
    "one element": (big, lambda a: a[7:8].reshape(())),
    "broadcast": (big, lambda a: np.broadcast_to(a[:3], (50, 3))),
    "windows": (big, lambda a: np.lib.stride_tricks.sliding_window_view(a, 5)),
    "other dtype": (big, lambda a: a.view("u1")[3:9]),
    "field": (record, lambda a: a["b"]),
    "inner field": (record, lambda a: a["c"][1:, 1]),
    "fields": (record, lambda a: a[["a", "b"]]),
    "dates": (lambda: np.arange(50).astype("M8[D]"), lambda a: a[3:]),
    "strings": (lambda: np.array(["ab", "c"] * 9), lambda a: a[::2]),
    "objects": (lambda: np.array([[1], {}, "x"] * 4, object), lambda a: a[2:]),
    "objects, reshaped": (lambda: np.array([[1], {}, "x"] * 4, object), lambda a: a.reshape(3, 4)),
    "objects, turned": (
        lambda: np.array([[1], {}, "x"] * 4, object).reshape(3, 4).copy(),
        lambda a: a.T,
    ),
    "objects, every second": (lambda: np.array([[1], {}, "x"] * 4, object), lambda a: a[::-2]),
    "text": (lambda: np.array(["a", "b"] * 300, object), lambda a: a[5:]),
    "of a read-only one": (lambda: read_only(np.arange(9)), lambda a: a[3:]),
    "of a bytearray": (lambda: bytearray(b"abcdefgh" * 9), lambda a: np.frombuffer(a, "i2")[4:]),
    "of an array.array": (
        lambda: array.array("d", [1, 2, 3, 4]),
        lambda a: np.frombuffer(a, "f8")[1:],
    ),
    "of a subclass": (lambda: Unit(big(), {"of": ["m"]}), lambda a: a[3:9]),
    "of a subclass that has its memory": (lambda: Unit(big(), "m") * 2, lambda a: a[3:9]),
    "of a matrix": (lambda: np.matrix([[1, 2], [3, 4]]), lambda a: a[0]),
    "of records": (lambda: np.rec.array([(1, 2.0), (3, 4.0)], names="a,b"), lambda a: a.b),
    "of a masked array": (
        lambda: np.ma.array(big(), mask=big() % 3 == 0, fill_value=7),
        lambda a: a[9:99],
    ),
}


def read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array


def elements(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else list(value)


def assert_alike(got: Any, value: Any) -> None:
    assert type(got) is type(value)
    assert repr(elements(got)) == repr(elements(value))
    if isinstance(value, np.ndarray):
        assert (got.dtype, got.shape, got.strides) == (value.dtype, value.shape, value.strides)
        assert got.flags.writeable == value.flags.writeable
        assert getattr(got, "unit", None) == getattr(value, "unit", None)


def bounds(of: Any, within: Any) -> tuple[int, int]:
    return tuple(  # type: ignore[return-value]
        edge - address(within) for edge in np.lib.array_utils.byte_bounds(np.asarray(of))
    )


def address(of: Any) -> int:
    made = of if isinstance(of, np.ndarray) else np.frombuffer(of, "u1")
    return int(made.__array_interface__["data"][0])


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("first", ["holder", "view"])
@pytest.mark.parametrize("case", VIEWS)
def test_a_view_is_a_view_of_the_same_place_again(
    store: pod.PodStore, case: str, first: str
) -> None:
    make_holder, make_view = VIEWS[case]
    holder = make_holder()
    view = make_view(holder)
    h, v = ("a", "b") if first == "holder" else ("b", "a")
    namespace = pod.new_managed_namespace({h: holder, v: [view]})
    loaded = store.load(store.save(namespace))
    assert_alike(loaded[h], holder)
    assert_alike(loaded[v][0], view)
    assert np.shares_memory(np.asarray(loaded[v][0]), np.asarray(loaded[h]))
    assert bounds(loaded[v][0], loaded[h]) == bounds(view, holder)
    # What was loaded is what was saved: saving it again changes nothing.
    again = store.save(loaded)
    assert store.history.commit(again).changed == ()
    touched = [loaded[name] for name in (h, v)]
    assert touched and store.history.commit(store.save(loaded)).changed == ()


def test_a_mask_that_masked_arrays_share(store: pod.PodStore) -> None:
    masked = np.ma.array(big(), mask=big() % 3 == 0, hard_mask=True)
    loaded = store.load(store.save({"masked": masked, "part": masked[10:20], "m": masked.mask}))
    assert loaded["part"].hardmask and loaded["part"].sharedmask
    loaded["m"][11] = True
    assert loaded["masked"].mask[11] and loaded["part"].mask[1]


def test_views_whose_base_is_in_no_variable(store: pod.PodStore) -> None:
    base = np.arange(100_000)
    whole = np.arange(100_000)
    namespace = pod.new_managed_namespace(
        train=base[:80_000], test=base[80_000:], overlap=[base[79_990:80_010]], half=whole[:50_000]
    )
    loaded = store.load(store.save(namespace))
    loaded["overlap"][0][:] = -1
    assert loaded["train"][79_990:].tolist() == [-1] * 10
    assert loaded["test"][:11].tolist() == [-1] * 10 + [80_010]
    assert loaded["half"].base.size == 100_000


def test_a_small_view_does_not_drag_a_large_base_along(store: pod.PodStore) -> None:
    random = np.random.default_rng(0)
    t = store.save({"lone": random.random(1_000_000)[5:50], "also": random.random(1_000_000)[7:9]})
    store.flush()
    assert store.history.commit(t).bytes < 4096
    assert store.load(t)["lone"].base is None


def test_a_small_view_is_not_alone_when_something_holds_its_base(store: pod.PodStore) -> None:
    base = np.arange(1_000_000)
    # By name, each view is met before what holds its base.
    loaded = store.load(store.save({"a": base[7:9], "b": {"held": [base]}}))
    loaded["a"][0] = -5
    assert loaded["b"]["held"][0][7] == -5


def test_lone_views_that_turn_out_not_to_be_alone(store: pod.PodStore) -> None:
    namespace = pod.new_managed_namespace()
    namespace["a"] = np.arange(1_000_000)[100:200]
    first = store.save(namespace)
    namespace["b"] = namespace["a"].base[150:250]
    second = store.save(namespace)
    loaded = store.load(second)
    loaded["b"][0] = -1
    assert loaded["a"][50] == -1
    assert store.load(first)["a"].tolist() == list(range(100, 200))


def test_a_change_through_a_view_is_a_change_of_all_over_its_memory(store: pod.PodStore) -> None:
    base = np.arange(1_000_000)
    namespace = pod.new_managed_namespace(base=base, view=base[10:20], other=base[50:60], x=[1])
    store.save(namespace)
    namespace["view"][0] = -1
    t = store.save(namespace)
    assert "base" in store.history.commit(t).changed
    assert store.load(t, ["base"])["base"][10] == -1
    assert "x" not in store.history.commit(t).changed


def test_partial_loads_share_among_themselves(store: pod.PodStore) -> None:
    base = np.arange(1_000_000)
    t = store.save({"base": base, "view": base[10:20], "other": base[15:25]})
    loaded = store.load(t, ["view", "other"])
    loaded["view"][9] = -1
    assert loaded["other"][4] == -1


def test_frames_that_copy_on_write_stay_apart_and_right(store: pod.PodStore) -> None:
    frame = pd.DataFrame({"a": np.arange(50_000), "b": 0.5, "d": pd.Timestamp(0), "s": "x"})
    namespace = {
        "array": frame["a"].to_numpy(), "frame": frame, "part": frame[["a", "d"]],
        "series": frame["a"], "with_more": frame.assign(c=2), "zarray": frame["b"].to_numpy(),
        "dates": frame["d"].array,
    }  # fmt: skip
    loaded = store.load(store.save(namespace))
    for name in ("frame", "part", "with_more"):
        pd.testing.assert_frame_equal(loaded[name], namespace[name])
    for frames in (namespace, loaded):
        frames["frame"].iloc[3, 0] = -1
        frames["frame"].iloc[3, 2] = pd.Timestamp(99)
    for name in ("part", "with_more"):
        pd.testing.assert_frame_equal(loaded[name], namespace[name])
    pd.testing.assert_series_equal(loaded["series"], namespace["series"])
    assert loaded["array"].tolist() == namespace["array"].tolist()


def test_the_rule_of_when_a_view_is_saved_by_itself(store: pod.PodStore) -> None:
    edge = memory.SMALL_BYTES // 8
    bases = {
        "small base": np.arange(edge)[:2],
        "large base": np.arange(edge + 1)[:2],
        "half": np.arange(4 * edge)[: 2 * edge],
        "less": np.arange(4 * edge)[: 2 * edge - 1],
    }
    loaded = store.load(store.save(dict(bases)))
    has_base = {name: value.base is not None for name, value in loaded.items()}
    assert has_base == {"small base": True, "large base": False, "half": True, "less": False}


class ItsOwnBase(bytearray):
    """Memory that says it is its own base, as an array of Cython's does."""

    @property
    def base(self) -> ItsOwnBase:
        return self


def test_memory_that_is_its_own_base_does_not_hold_a_save_up(store: Any) -> None:
    array = np.frombuffer(ItsOwnBase(b"abcdefgh"), np.uint8)
    assert memory.holder_of(array).base is memory.holder_of(array)
    assert store.load(store.save({"array": array}))["array"].tobytes() == b"abcdefgh"
