"""What `compare` says of two versions of a value, type by type, and what holds for all of them."""

# ruff: noqa: RUF001 (the sign between dimensions)

from __future__ import annotations

import array
import collections
import copy
import dataclasses
import decimal
import enum
import functools
import gc
import json
import linecache
import math
import pickle
import threading
import time
import types
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from pod.compare.values import Difference, compare
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

NAN = float("nan")
Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Box:
    value: Any
    name: str = "box"


class Slotted:
    __slots__ = ("a", "b")


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Hostile:
    """Raises whatever one does with it, and counts how often one tried."""

    calls = 0

    def __init__(self, inside: object) -> None:
        self.__dict__["inside"] = inside

    def _raise(self, *_: object) -> Any:
        Hostile.calls += 1
        raise ZeroDivisionError("the user's code was called")

    __eq__ = __ne__ = __repr__ = __str__ = __hash__ = __bool__ = __len__ = __iter__ = _raise  # type: ignore
    __getattr__ = _raise

    def __reduce__(self) -> Any:
        return Hostile, (self.__dict__["inside"],)

    value = property(_raise)


def said(old: object, new: object, **options: int) -> str:
    found = compare(old, new, **options)
    json.dumps(found.to_json() if found else None)
    return str(found)


def roles(found: Difference | None) -> dict[str, list[str]]:
    assert found is not None
    by_role: dict[str, list[str]] = {}
    for role, text in found.lines:
        by_role.setdefault(role, []).append(text)
    return by_role


def defined(source: str, name: str, *, at_hand: bool = True, file: str = "<cell>") -> Any:
    """What `source` defines as `name`, as a notebook cell would, its text at hand or not."""
    file = f"{file}{hash(source)}"
    if at_hand:
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, file, "exec"), space)
    return space[name]


# --- atoms -------------------------------------------------------------------------------------


def test_numbers_tell_by_how_much_and_what_share() -> None:
    assert said(4, 5) == "4 → 5 (+1, +25%)"
    assert said(0.5, 0.25) == "0.5 → 0.25 (-0.25, -50%)"
    assert said(0, 3) == "0 → 3 (+3)"
    assert said(True, False) == "True → False"
    assert said(NAN, 1.0) == "nan → 1.0"
    assert "integer of" in said(1 << 100_000, 3)


def test_a_change_of_type_is_a_difference_even_between_equals() -> None:
    assert said(1, True) == "1 → True (int → bool)"
    assert said(1, 1.0) == "1 → 1.0 (int → float)"
    assert said(None, 0) == "None → 0"
    assert said([1], (1,)) == "list → tuple\n  - [1]\n  + (1,)"
    assert said(np.float64(1), np.float32(1)).startswith("float64 → float32")


def test_zero_has_a_sign_and_nan_is_nan() -> None:
    assert said(0.0, -0.0) == "0.0 → -0.0"
    assert compare(float("nan"), float("nan")) is None
    assert compare(complex(NAN, 0), complex(NAN, 0)) is None
    assert compare(complex(0.0, 1), complex(-0.0, 1)) is not None


def test_short_texts_stand_side_by_side() -> None:
    assert said("hello", "help") == "'hello' → 'help'"


def test_texts_of_several_lines_get_a_unified_diff() -> None:
    found = compare("a\nb\nc\nd\n", "a\nB\nc\nd\ne\n")
    assert roles(found)["removed"] == ["b"]
    assert roles(found)["added"] == ["B", "e"]
    assert "c" in roles(found)["same"]
    assert str(found).startswith("5 → 6 lines, 2 added, 1 removed\n  @@ -1,5 +1,6 @@")


def test_a_long_line_shows_where_it_first_differs() -> None:
    found = compare("x" * 1_000_000, "x" * 500_000 + "y" + "x" * 500_000)
    assert (
        found
        and found.headline
        == "1,000,000 → 1,000,001 characters, first difference at character 500,000"
    )
    assert all(len(line.text) < 100 for line in found.lines)


def test_long_texts_of_other_lines_are_not_aligned_for_ever() -> None:
    start = time.perf_counter()
    found = compare("\n".join(map(str, range(50_000))), "\n".join(map(str, range(50_000, 0, -1))))
    assert found is not None and time.perf_counter() - start < 20


def test_bytes_tell_the_first_offset_that_differs() -> None:
    assert "first difference at byte 70" in said(b"a" * 100, b"a" * 70 + b"b" * 30)
    assert "90 → 100 bytes" in said(bytearray(90), bytearray(100))


# --- containers --------------------------------------------------------------------------------


def test_a_mapping_tells_keys_added_removed_and_changed() -> None:
    assert said({"a": 1, "b": [1, {"c": 2}], "z": 0}, {"a": 1, "b": [1, {"c": 3}], "y": 9}) == (
        "3 items, 1 added, 1 removed, 1 changed\n"
        "  - ['z']: 0\n"
        "  + ['y']: 9\n"
        "  ['b'][1]['c']: 2 → 3 (+1, +50%)"
    )


def test_another_order_of_keys_is_told() -> None:
    found = compare({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert found and found.headline == "2 items, order changed"


def test_keys_that_are_equal_but_of_another_type_are_others() -> None:
    assert (
        said({1: "a"}, {True: "a"}) == "1 item, 1 added, 1 removed\n  - [1]: 'a'\n  + [True]: 'a'"
    )
    assert compare({NAN: 1, (1, 2.0): 3}, copy.deepcopy({float("nan"): 1, (1, 2.0): 3})) is None


def test_one_insertion_reads_as_one_insertion() -> None:
    assert said([1, 2, 3], [1, 9, 2, 3]) == "3 → 4 items, 1 added\n  + [1]: 9"
    many = [[i] for i in range(50)]
    assert said(many, [[i] for i in range(50) if i != 20]) == (
        "50 → 49 items, 1 removed\n  - [20]: [20]"
    )
    boxes = [Box(i) for i in range(9)]
    assert said(boxes, [Box(-1), *map(Box, range(9))]).count("\n") == 1


def test_one_insertion_among_a_million_is_found_at_once() -> None:
    old = [float(i) for i in range(1_000_000)]
    new = [float(i) for i in range(1_000_000)]
    new.insert(400_000, 0.5)
    start = time.perf_counter()
    assert said(old, new) == "1,000,000 → 1,000,001 items, 1 added\n  + [400000]: 0.5"
    assert time.perf_counter() - start < 20


def test_lists_changed_throughout_count_all_and_show_some() -> None:
    found = compare(list(range(100_000)), list(range(1, 100_001)), limit=3)
    assert found and len(found.children) == 3 and found.more == 99_997
    assert str(found).endswith("... and 99,997 more changed")


def test_work_is_bounded_and_it_says_so() -> None:
    old = [[object(), Box([i])] for i in range(400_000)]
    new = [[object(), Box([i])] for i in range(400_000)]
    new[-1][1] = Box([0])
    gc.collect()
    start = time.perf_counter()
    text = said(old, new)
    assert "too large to compare in full" in text or "[399999]" in text
    assert time.perf_counter() - start < 60


def test_sets_tell_elements() -> None:
    found = compare({1, "a", (1, 2)}, {True, "a", (1, 3)})
    assert sorted(roles(found)["removed"]) == ["(1, 2)", "1"]
    assert sorted(roles(found)["added"]) == ["(1, 3)", "True"]
    assert compare({1, frozenset([NAN])}, {frozenset([NAN]), 1}) is None


def test_elements_of_a_set_are_matched_by_content_in_whatever_order() -> None:
    source = "def make(n):\n    return lambda: n\n"
    make = defined(source, "make")
    old = {make(i) for i in range(20)}
    assert compare(old, {make(i) for i in reversed(range(20))}) is None
    for _ in range(20):  # whichever is left over, wherever it is
        assert said(old, {make(i) for i in range(1, 21)}).startswith("20 elements, 1 changed")
    fewer = said(old, {make(i) for i in range(1, 20)})
    assert fewer.startswith("20 → 19 elements") and "1 removed" in fewer


def test_a_list_changed_all_over_is_not_read_as_insertions() -> None:
    old, new = [0, 1] * 20, [1, 1, 0, 0] * 10
    assert said(old, new).startswith("40 items, 20 changed")


def test_named_tuples_and_dataclasses_show_their_fields() -> None:
    assert said(Point(1, [2]), Point(1, [3])) == (
        "Point, 1 field changed\n  .y[0]: 2 → 3 (+1, +50%)"
    )
    assert said(Box(1), Box(2)) == "Box, 1 attribute changed\n  .value: 1 → 2 (+1, +100%)"


def test_slots_and_attributes_that_come_and_go_are_told() -> None:
    old, new = Slotted(), Slotted()
    old.a, new.b = 1, 2
    assert said(old, new) == "Slotted, 1 attribute added, 1 attribute removed\n  - .a: 1\n  + .b: 2"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (collections.OrderedDict(a=1), collections.OrderedDict(a=2)),
        (collections.defaultdict(list, a=1), collections.defaultdict(set, a=1)),
        (collections.Counter("aab"), collections.Counter("abb")),
        (collections.deque([1, 2], 3), collections.deque([1, 2], 4)),
        (array.array("d", [1, 2]), array.array("d", [1, 3])),
        (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
        (functools.partial(max, 1), functools.partial(max, 2)),
        (slice(1, 2), slice(1, 3)),
        (ValueError("a"), ValueError("b")),
        (types.SimpleNamespace(a=1), types.SimpleNamespace(a=2)),
        (np.random.RandomState(0), np.random.RandomState(1)),
        (np.random.default_rng(0), np.random.default_rng(1)),
        (Colour.RED, Colour.BLUE),
        (len, max),
        ([].append, [1].append),
        (math, json),
        (pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-02")),
        (np.datetime64("2024-01-01"), np.datetime64("2024-01-02")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_types_of_the_language_differ_and_agree(old: Any, new: Any) -> None:
    assert said(old, new) != "None"
    if not isinstance(old, types.BuiltinFunctionType | types.ModuleType):
        assert compare(old, pickle.loads(pickle.dumps(old))) is None


def test_subclasses_of_containers_show_content_and_attributes() -> None:
    class Named(list):  # type: ignore[type-arg]
        __iter__ = __len__ = __eq__ = Hostile._raise  # type: ignore

    old, new = Named([1]), Named([2])
    old.label, new.label = "a", "b"
    text = said(old, new)
    assert "[0]: 1 → 2" in text and ".label: 'a' → 'b'" in text


# --- sharing, cycles, bounds -------------------------------------------------------------------


def test_cycles_end() -> None:
    def ring(value: int) -> list[Any]:
        inner: dict[str, Any] = {"value": value}
        ring = [inner]
        inner["ring"] = ring
        return ring

    assert compare(ring(1), ring(1)) is None
    assert said(ring(1), ring(2)) == "1 item, 1 changed\n  [0]['value']: 1 → 2 (+1, +100%)"


def test_a_shared_object_is_told_once() -> None:
    def towers(value: int) -> list[Any]:
        tower: list[Any] = [value]
        for _ in range(40):
            tower = [tower, tower]
        return tower

    text = said(towers(1), towers(2))
    assert "1 → 2" in text and "the same change as at" in text
    assert len(text) < 20_000


def test_depth_is_bounded_and_it_says_so() -> None:
    def deep(value: int) -> list[Any]:
        nest: list[Any] = [value]
        for _ in range(5000):
            nest = [nest, Box(None)]
        return nest

    assert "too large to compare in full" in said(deep(1), deep(2))


def test_details_are_bounded_on_all_levels_together() -> None:
    old = [[[[i, j, k] for i in range(20)] for j in range(20)] for k in range(20)]
    new = [[[[i + 1, j + 1, k + 1] for i in range(20)] for j in range(20)] for k in range(20)]
    found = compare(old, new)
    assert str(found).count("→") <= 20 * 10 + 1


# --- hostile values ----------------------------------------------------------------------------


def test_no_code_of_the_users_is_called() -> None:
    Hostile.calls = 0
    old = {"a": Hostile([1]), "b": [Hostile(1)], "c": (Hostile({"k": NAN}),)}
    new = {"a": Hostile([2]), "b": [Hostile(2)], "c": (Hostile({"k": NAN}),)}
    text = said(old, new)
    assert "['a'].inside[0]: 1 → 2" in text and "['b'][0].inside: 1 → 2" in text
    assert "['c']" not in text
    arrays = [np.empty(1, object) for _ in range(2)]
    for number, array_ in enumerate(arrays):
        array_[0] = Hostile(number)
    frames = [pd.Series(each, copy=False).to_frame("a") for each in arrays]
    assert "[0].inside: 0 → 1" in said(*arrays)
    assert "1 cell changed" in said(*frames)
    assert Hostile.calls == 0


def test_an_exception_of_the_users_code_becomes_a_remark() -> None:
    class Bad:
        def __reduce_ex__(self, _: Any) -> Any:
            raise ZeroDivisionError

    class BadArray(np.ndarray):  # type: ignore[type-arg]
        @property
        def dtype(self) -> Any:
            raise ZeroDivisionError

        def __array_finalize__(self, _: Any) -> None:
            raise ZeroDivisionError

    assert compare(Bad(), Bad()) is None
    said(np.ndarray.__new__(np.ndarray, (2,)), np.zeros(2))

    class Meta(type):
        def __getattribute__(cls, name: str) -> Any:
            raise ZeroDivisionError

    class Odd(metaclass=Meta):
        pass

    assert "could not be compared" in said([Odd()], [Odd()]) or compare([Odd()], [Odd()]) is None


def test_what_interrupts_the_program_passes_through() -> None:
    class Interrupting:
        def get_params(self, deep: bool = True) -> dict[str, Any]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(Interrupting(), Interrupting())


def test_what_cannot_be_looked_into_says_so_only_by_itself() -> None:
    assert "no readable form" in said(threading.Lock(), threading.Lock())
    assert compare([threading.Lock()], [threading.Lock()]) is None


def test_values_stay_as_they_are() -> None:
    index = pd.Index([3, 1, 2])
    old = {"f": pd.DataFrame({"a": [1, 2, 3]}, index=index), "l": [3, [1]], "s": {1, 2}}
    new = {"f": pd.DataFrame({"a": [1, 2]}, index=index[:2]), "l": [[1], 3], "s": {1}}
    before = pickle.dumps((old, new))
    compare(old, new)
    assert pickle.dumps((old, new)) == before
    sparse = scipy.sparse.csr_matrix(([1, 1], ([0, 0], [1, 1])), shape=(2, 2))
    unsorted = scipy.sparse.csr_matrix(
        (np.array([1.0, 2.0]), np.array([1, 0]), np.array([0, 2, 2])), shape=(2, 2)
    )
    compare(sparse, unsorted)
    assert unsorted.indices.tolist() == [1, 0]


# --- code --------------------------------------------------------------------------------------


def test_functions_show_their_source_as_a_diff() -> None:
    old = defined("def f(x):\n    y = x + 1\n    return y\n", "f")
    new = defined("\n\ndef f(x):\n    y = x + 2\n    return y\n", "f")
    found = compare(old, new)
    assert roles(found)["removed"] == ["    y = x + 1"]
    assert roles(found)["added"] == ["    y = x + 2"]
    assert found and found.headline == "f(x), code changed"


def test_functions_without_source_tell_what_differs_in_their_code() -> None:
    old = defined("def f(x):\n    return g(x) + 1\n", "f", at_hand=False)
    new = defined("def f(x, y):\n    return h(x) + 2\n", "f", at_hand=False)
    text = said(old, new)
    for part in ("f(x) → f(x, y)", "- constants: 1", "+ constants: 2", "- names used: g"):
        assert part in text


def test_a_function_moved_to_another_line_is_the_same() -> None:
    source = "def f(x):\n    def g():\n        return x\n    return g\n"
    assert compare(defined(source, "f"), defined("\n\n" + source, "f")) is None


def test_a_stale_file_does_not_hide_a_change_of_code() -> None:
    old = defined("def f(): return 1\n", "f", at_hand=False)
    new = defined("def f(): return 2\n", "f", at_hand=False)
    stale = "def f(): return 1\n"
    for function in (old, new):
        name = function.__code__.co_filename
        linecache.cache[name] = (len(stale), None, stale.splitlines(True), name)
    assert "+ constants: 2" in said(old, new)


def test_defaults_captured_values_and_constants_by_type_count() -> None:
    make = "def make(n):\n    def f(x, y={}):\n        return n, x, y\n    return f\n".format
    assert ".n: 1 → 2" in said(defined(make(1), "make")(1), defined(make(1), "make")(2))
    assert ".__defaults__[0]" in said(
        defined(make(1), "make")(1), defined(make([1]), "make")(1)
    ).replace(" ", "")
    one = defined("def f(): return 1\n", "f", at_hand=False)
    true = defined("def f(): return 1.0\n", "f", at_hand=False)
    assert compare(one, true) is not None


def test_a_recursive_closure_ends() -> None:
    source = "def make(n):\n    def f(k):\n        return f(k - 1) if k else n\n    return f\n"
    make = defined(source, "make")
    assert compare(make(1), make(1)) is None
    assert ".n: 1 → 2" in said(make(1), make(2))


def test_classes_tell_members_added_removed_and_changed() -> None:
    first = (
        "class A:\n    n = 1\n    def f(self):\n        return 1\n    def old(self): ...\n"
        "    @property\n    def p(self):\n        return 1\n"
        "    @staticmethod\n    def s(): return 1\n"
    )
    second = first.replace("return 1", "return 2").replace("n = 1", "n = 3").replace("old", "new")
    text = said(defined(first, "A"), defined(second, "A"))
    assert text.startswith("class A, 1 member added, 1 member removed, 4 members changed")
    for part in (".n: 1 → 3", "- .old: old(self)", "+ .new: new(self)", "+     return 2"):
        assert part in text
    assert compare(defined(first, "A"), defined("x = 1\n" + first, "A")) is None


def test_dataclasses_tell_fields_not_generated_methods() -> None:
    source = "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 1\n"
    text = said(defined(source, "A"), defined(source + "    y: str = ''\n", "A"))
    assert "__init__" not in text and "y" in text
    assert compare(defined(source, "A"), defined(source + "\n", "A")) is None


def test_instances_of_two_versions_of_a_class_are_compared_by_content() -> None:
    source = "class A:\n    def __init__(self, x):\n        self.x = x\n"
    old, new = defined(source, "A"), defined(source + "    def f(self): ...\n", "A")
    assert compare(old([1]), new([1])) is None
    assert said(old([1]), new([2])) == "A, 1 attribute changed\n  .x[0]: 1 → 2 (+1, +100%)"


def test_modules_tell_their_version() -> None:
    old, new = types.ModuleType("lib"), types.ModuleType("lib")
    assert compare(old, new) is None
    old.__version__, new.__version__ = "1.0", "1.1"  # type: ignore[attr-defined]
    assert said(old, new) == "lib: version '1.0' → '1.1'"


# --- NumPy and SciPy ---------------------------------------------------------------------------


def test_arrays_tell_how_many_elements_changed_by_how_much_and_where() -> None:
    old = np.zeros((100, 10))
    new = old.copy()
    new[3, 4], new[5, 6] = 1, -3
    assert said(old, new) == (
        "float64 100 × 10, 2 of 1,000 elements changed (0.2%)\n"
        "  |difference|: max 3, mean 2\n"
        "  ~ [3, 4]: 0.0 → 1.0\n"
        "  ~ [5, 6]: 0.0 → -3.0"
    )


def test_arrays_tell_dtype_and_shape() -> None:
    assert said(np.arange(3), np.arange(3.0)).startswith("float64 3, dtype int64 → float64")
    text = said(np.zeros((2, 3)), np.ones((2, 4)))
    assert "2 × 3 → 2 × 4" in text and "6 of 6 elements changed" in text
    assert "3 → 1 × 3" in said(np.zeros(3), np.zeros((1, 3)))


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "g", "c8", "c16", ">f8"])
def test_any_nan_is_nan_and_zero_has_a_sign_in_arrays(kind: str) -> None:
    old, new = np.array([NAN, 0, 1], kind), np.array([-NAN, 0, 1], kind)
    assert compare(old, new) is None
    if kind != "g":
        assert compare(np.array([0.0], kind), -np.array([0.0], kind)) is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (np.array(1.0), np.array(2.0)),
        (np.array(["a", "b"]), np.array(["a", "ccc"])),
        (np.array([b"a"]), np.array([b"b"])),
        (np.array(["2024", "NaT"], "M8[D]"), np.array(["2024", "2025"], "M8[D]")),
        (np.array([1, [2], None], object), np.array([1, [3], None], object)),
        (np.array([(1, 2.0)], "i4,f8"), np.array([(1, 3.0)], "i4,f8")),
        (np.array([(1,)], [("a", "i4")]), np.array([(1,)], [("b", "i4")])),
        (np.array([1, 2]), np.array(["1", "2"])),
        (np.arange(12).reshape(3, 4)[:, ::2], np.arange(12).reshape(3, 4)[:, 1::2]),
        (np.array([b"ab"], "V2"), np.array([b"ac"], "V2")),
        (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[0, 0])),
        (np.zeros(0), np.zeros((0, 1))),
        (np.array([True, False]), np.array([True, True])),
        (np.float64(1), np.float64(2)),
        (np.float64(0.0), np.float64(-0.0)),
        (np.str_("a"), np.str_("b")),
    ],
)
def test_arrays_of_every_kind_differ_and_agree(old: Any, new: Any) -> None:
    text = said(old, new)
    assert text != "None" and "could not be compared" not in text
    assert compare(old, copy.deepcopy(old)) is None


def test_sparse_matrices_tell_stored_elements() -> None:
    old = scipy.sparse.csr_matrix(np.diag([1.0, 2.0, NAN]))
    new = scipy.sparse.csr_matrix(np.array([[1.0, 5.0, 0], [0, 3.0, 0], [0, 0, NAN]]))
    text = said(old, new)
    assert "1 stored element added" in text and "~ [1, 1]: 2.0 → 3.0" in text
    for form in ("csr", "csc", "coo", "lil", "dok", "bsr"):
        assert compare(old.asformat(form), old.asformat(form).copy()) is None
        assert compare(old.asformat(form), new.asformat(form)) is not None


# --- pandas ------------------------------------------------------------------------------------


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "number": np.arange(10.0),
            "text": list("abcdefghij"),
            "mixed": pd.Series([1, "a", None, NAN, (1,), [2], 3.0, True, b"", 1j], dtype=object),
            "when": pd.date_range("2024-01-01", periods=10, tz="UTC"),
            "kind": pd.Categorical(list("xyxyxyxyxy")),
            "whole": pd.array([1, 2, None] * 3 + [4], dtype="Int64"),
            "span": pd.interval_range(0, 10),
            "flag": [True, False] * 5,
        }
    )


def test_frames_tell_shape_columns_and_cells(frame: pd.DataFrame) -> None:
    new = frame.rename(columns={"when": "date"}).drop(columns="flag").assign(more=1, extra=2)
    new.loc[[2, 3], "number"] = [7.0, NAN]
    new.loc[4, "text"] = "E"
    found = compare(frame, new)
    assert found and found.headline == (
        "10 × 8 → 10 × 9, 2 columns added, 1 column removed, 1 column renamed, 3 cells changed"
    )
    assert roles(found)["added"] == ["['more']: int64", "['extra']: int64"]
    assert roles(found)["changed"] == ["['when'] → ['date'] (renamed, same content)"]
    assert "~ [3]: 3.0 → nan" in str(found) and "~ [4]: 'e' → 'E'" in str(found)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("number", -0.0),
        ("text", NAN),
        ("mixed", 1.0),
        ("when", pd.NaT),
        ("when", pd.Timestamp("2020-01-01", tz="UTC")),
        ("kind", "y"),
        ("kind", None),
        ("whole", pd.NA),
        ("whole", 9),
        ("span", pd.Interval(5, 6)),
        ("flag", False),
    ],
)
def test_one_cell_of_any_dtype_is_found(frame: pd.DataFrame, column: str, value: Any) -> None:
    new = frame.copy()
    new.iloc[0, new.columns.get_loc(column)] = value
    text = said(frame, new)
    assert "1 cell changed" in text and f"['{column}']" in text
    assert said(frame[column], new[column]).count("~ [0]") == 1


def test_missing_values_are_equal_to_themselves(frame: pd.DataFrame) -> None:
    frame.iloc[1:3, [0, 1, 2, 3, 4, 5]] = None
    assert compare(frame, pickle.loads(pickle.dumps(frame))) is None
    assert compare(frame, frame.copy(deep=True)) is None


def test_rows_are_matched_by_their_labels(frame: pd.DataFrame) -> None:
    text = said(frame, frame[frame.number % 2 == 0].sort_values("number", ascending=False))
    assert "10 × 8 → 5 × 8, 5 rows removed, rows reordered" in text
    assert "5 rows removed: 1, 3, 5, 7, 9" in text and "cells changed" not in text
    grown = pd.concat([frame, frame.iloc[:2].set_axis(["p", "q"])])
    assert "2 rows added: 'p', 'q'" in said(frame, grown)


def test_rows_whose_labels_repeat_are_matched_by_position(frame: pd.DataFrame) -> None:
    old = frame.set_axis(["a"] * 10)
    text = said(old, old.iloc[:7])
    assert "3 rows removed" in text and "by position" in text and "cell" not in text


def test_order_dtype_index_and_attributes_are_told(frame: pd.DataFrame) -> None:
    assert "columns reordered" in said(frame, frame[list(frame.columns[::-1])])
    text = said(frame, frame.astype({"number": "int64"}))
    assert "1 dtype changed" in text and "float64 → int64" in text and "cell" not in text
    assert "index" in said(frame, frame.set_axis(pd.date_range("2024", periods=10)))
    assert ".index.name" in said(frame, frame.rename_axis("id"))
    other = frame.copy()
    other.attrs["unit"] = "m"
    assert ".attrs" in said(frame, other)


def test_categories_are_told(frame: pd.DataFrame) -> None:
    assert "category added: 'z'" in said(frame.kind, frame.kind.cat.add_categories("z"))
    reordered = frame.kind.cat.reorder_categories(["y", "x"])
    assert "another order" in said(frame.kind, reordered)
    assert "cell" not in said(frame.kind, reordered)
    assert "now ordered" in said(frame.kind, frame.kind.cat.as_ordered())


def test_columns_of_one_name_are_matched_in_order() -> None:
    old = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"])
    new = pd.DataFrame([[1, 2, 5], [3, 9, 6]], columns=["a", "a", "a"])
    assert "1 column added, 1 cell changed" in said(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (pd.Series([1, 2], name="a"), pd.Series([1, 2], name="b")),
        (pd.Index([1, 2]), pd.Index([1, 3])),
        (pd.RangeIndex(3), pd.RangeIndex(4)),
        (
            pd.MultiIndex.from_product([[1, 2], ["a", "b"]]),
            pd.MultiIndex.from_product([[1, 2], ["a", "c"]]),
        ),
        (pd.Categorical(["a"]), pd.Categorical(["b"])),
        (pd.array([1, None]), pd.array([1, 2])),
        (pd.Series([1, 2]), pd.Series([1.5, 2])),
        (pd.Series([[1], {"a": 1}]), pd.Series([[1], {"a": 2}])),
        (pd.DataFrame(), pd.DataFrame({"a": []})),
        (pd.DataFrame({1: [1]}), pd.DataFrame({1.0: [1]})),
        (pd.DataFrame({"a": [1]}, index=[NAN]), pd.DataFrame({"a": [2]}, index=[NAN])),
        (pd.Series(["a"], dtype="str"), pd.Series(["a"], dtype="string")),
    ],
)
def test_series_and_indexes_differ_and_agree(old: Any, new: Any) -> None:
    text = said(old, new)
    assert text != "None" and "could not be compared" not in text
    assert compare(old, pickle.loads(pickle.dumps(old))) is None


def test_a_million_rows_take_no_longer_than_a_breath() -> None:
    random = np.random.default_rng(0)
    old = pd.DataFrame({f"c{i}": random.normal(size=1_000_000) for i in range(4)})
    old["text"] = [f"text {i % 1000}" for i in range(1_000_000)]
    new = pickle.loads(pickle.dumps(old))
    new.loc[77, "c2"] = 0.0
    new["more"] = new.c1 * 2
    start = time.perf_counter()
    found = compare(old, new)
    assert time.perf_counter() - start < 15  # well under a second when the machine is at peace
    assert found and found.headline == (
        "1,000,000 × 5 → 1,000,000 × 6, 1 column added, 1 cell changed"
    )


# --- estimators --------------------------------------------------------------------------------


def test_estimators_tell_parameters_then_what_fitting_left() -> None:
    points = np.random.default_rng(0).normal(size=(60, 3))
    labels = (points[:, 0] > 0).astype(int)
    old = LogisticRegression().fit(points, labels)
    found = compare(old, LogisticRegression(C=3.0).fit(points, labels))
    assert found and found.kind == "estimator"
    assert found.headline.startswith("LogisticRegression, 1 parameter changed, ")
    assert found.children[0][0] == ".C" and ".coef_" in dict(found.children)
    assert "+ .coef_: ndarray (float64 1 × 3)" in said(LogisticRegression(), old)


def test_estimators_restored_agree_down_to_their_trees() -> None:
    points = np.random.default_rng(0).normal(size=(60, 3))
    labels = (points[:, 0] > 0).astype(int)
    old = RandomForestClassifier(2, random_state=0).fit(points, labels)
    assert compare(old, pickle.loads(pickle.dumps(old))) is None
    new = RandomForestClassifier(2, random_state=0).fit(points, 1 - labels)
    assert ".estimators_" in said(old, new)


# --- for all values ----------------------------------------------------------------------------

atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.sampled_from([0.0, -0.0, 1.0, NAN, math.inf]),
    st.floats(),
    st.text(max_size=5),
    st.text(st.sampled_from("a\n"), max_size=8),
    st.binary(max_size=3),
    st.complex_numbers(),
)
keys = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.text(max_size=2), st.floats())
arrays = st.lists(st.sampled_from([0.0, -0.0, NAN, 1.5]), max_size=4).map(np.array)
series = st.lists(st.one_of(st.integers(0, 2), st.none(), st.text(max_size=2)), max_size=4).map(
    lambda values: pd.Series(values, dtype=object)
)
nested = st.recursive(
    st.one_of(atoms, arrays, series, st.sets(st.integers(0, 5)), st.sets(st.text(max_size=2))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(keys, inner, max_size=4),
        st.builds(Box, inner),
        st.builds(Hostile, inner),
        inner.map(lambda value: [value, value]),
    ),
    max_leaves=15,
)


def twin(value: Any) -> Any:
    """A naive picture of a value, equal to another's only if types and contents are the same."""
    kind = type(value).__name__
    if isinstance(value, float | complex):
        return kind, repr(value)
    if isinstance(value, np.ndarray):
        return kind, value.dtype.str, value.shape, [repr(item) for item in value.ravel().tolist()]
    if isinstance(value, pd.Series):
        return kind, str(value.dtype), [twin(item) for item in value.tolist()]
    if isinstance(value, list | tuple):
        return kind, [twin(item) for item in value]
    if isinstance(value, set):
        return kind, sorted(map(repr, value))
    if isinstance(value, dict):
        return kind, [(twin(key), twin(item)) for key, item in value.items()]
    if type(value) in (Box, Hostile):
        return kind, twin(value.__dict__)
    return kind, value


@settings(max_examples=400)
@given(nested)
def test_a_copy_has_no_difference(value: Any) -> None:
    assert compare(value, copied(value)) is None


@settings(max_examples=600)
@given(nested, nested)
def test_there_is_a_difference_exactly_where_a_strict_twin_sees_one(old: Any, new: Any) -> None:
    found = compare(old, new)
    assert (found is None) == (twin(old) == twin(new))
    if found is not None:
        assert str(found)
        str(found).encode()
        json.dumps(found.to_json())


@settings(max_examples=600)
@given(nested, st.data())
def test_a_mutation_is_never_missed(old: Any, data: st.DataObject) -> None:
    new = copied(old)
    places: list[Any] = []
    gather(new, places)
    if not places:
        return
    place = data.draw(st.sampled_from(range(len(places))))
    value = data.draw(st.one_of(atoms, st.lists(atoms, max_size=2)))
    places[place](value)
    assert (compare(old, new) is None) == (twin(old) == twin(new))


def copied(value: Any) -> Any:
    """A deep copy, sharing and all, with even the atoms copied where the language allows."""
    return pickle.loads(pickle.dumps(value))


def gather(value: Any, places: list[Any]) -> None:
    """Append, for every place in `value` that can be assigned to, what assigns to it."""
    if isinstance(value, list):
        places += [functools.partial(value.__setitem__, i) for i in range(len(value))]
        places += [functools.partial(value.insert, i) for i in range(len(value) + 1)]
        inside = value
    elif isinstance(value, dict):
        places += [functools.partial(value.__setitem__, key) for key in value]
        inside = [*value.values()]
    elif type(value) in (Box, Hostile):
        places += [functools.partial(value.__dict__.__setitem__, key) for key in value.__dict__]
        inside = [*value.__dict__.values()]
    else:
        inside = list(value) if isinstance(value, tuple) else []
    for item in inside:
        gather(item, places)
