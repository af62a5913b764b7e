"""Classes and functions defined in a session are restored as what they were."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import linecache
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import pod
import pytest
from pod.errors import RestoreError
from pod.namespace import TrackedNamespace
from pod.podding.policies import POLICIES
from pod.tracking.namespace import NamespaceTracker


@pytest.fixture(params=["lga", "split-all"])
def restored(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """Runs a cell, saves, loads into a new namespace, and gives that."""
    store = pod.open(tmp_path / ".pod", podding=request.param)

    def run(source: str) -> TrackedNamespace:
        return store.load(store.save(cell(source)))

    yield run
    store.close()


def cell(source: str) -> TrackedNamespace:
    source = textwrap.dedent(source)
    name = f"<cell {hash(source)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    namespace = pod.new_managed_namespace(__name__="__main__", __builtins__=__builtins__)
    exec(compile(source, name, "exec", dont_inherit=True), namespace)
    return namespace


def test_a_function_has_the_namespace_as_its_globals(restored: Any) -> None:
    ns = restored("""
        x = 5
        def read(a, b=2, *, c=3) -> int:
            "What it says."
            return a + b + c + x
        def write():
            global x
            x = 7
        read.note = "kept"
    """)
    assert ns["read"].__globals__ is ns
    assert ns["read"](1) == 11
    ns["x"] = 100
    assert ns["read"](1) == 106
    ns["write"]()
    assert ns["x"] == 7
    assert (ns["read"].__doc__, ns["read"].note) == ("What it says.", "kept")
    assert str(inspect.signature(ns["read"])) == "(a, b=2, *, c=3) -> int"


def test_closures_share_their_cell(restored: Any) -> None:
    ns = restored("""
        def counter():
            n = 0
            def up():
                nonlocal n
                n += 1
            def now():
                return n
            return up, now
        up, now = counter()
        up()
    """)
    ns["up"]()
    assert ns["now"]() == 2


def test_recursion_mutual_recursion_decorators_and_lambdas(restored: Any) -> None:
    ns = restored("""
        import functools
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        def twice(f):
            @functools.wraps(f)
            def inner(*args): return 2 * f(*args)
            return inner
        @twice
        def add(a, b): return a + b
        @functools.lru_cache(maxsize=10)
        def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
        def local():
            def down(n): return 0 if n == 0 else down(n - 1)
            return down
        down = local()
        part = functools.partial(add, 1)
        square = lambda x: x * x
    """)
    assert ns["even"](10) and not ns["even"](7)
    assert (ns["add"](1, 2), ns["add"].__name__, ns["part"](2)) == (6, "add", 6)
    assert ns["add"].__wrapped__(1, 2) == 3
    assert (ns["fib"](30), ns["fib"].cache_parameters()["maxsize"]) == (832040, 10)
    assert (ns["down"](5), ns["square"](3)) == (0, 9)


def test_an_instance_is_of_the_restored_class(restored: Any) -> None:
    ns = restored("""
        class Base:
            made = []
            def __init__(self, value):
                self.value = value
            def who(self): return "base"
        class Node(Base):
            __slots__ = ("link",)
            limit = 3
            def __init__(self, value):
                super().__init__(value)
                self.link = self
                Base.made.append(self)
            def who(self): return "node of " + super().who()
            @property
            def double(self): return 2 * self.value
            @staticmethod
            def plain(): return "plain"
            @classmethod
            def make(cls): return cls
        node = Node(4)
        bound = node.who
    """)
    node, Node = ns["node"], ns["Node"]
    assert type(node) is Node and Node.__bases__ == (ns["Base"],)
    assert ns["Base"].made == [node] and node.link is node
    assert (node.who(), node.double, Node.plain(), Node.make()) == (
        "node of base", 8, "plain", Node,
    )  # fmt: skip
    assert ns["bound"].__self__ is node and ns["bound"]() == node.who()
    assert [name for name in vars(Node) if not name.startswith("__")] == [
        "link", "limit", "who", "double", "plain", "make",
    ]  # fmt: skip


def test_no_class_making_code_of_the_user_runs_again(restored: Any) -> None:
    ns = restored("""
        log = []
        class Meta(type):
            def __new__(mcls, name, bases, body):
                log.append("new " + name)
                return super().__new__(mcls, name, bases, body)
            def __init__(cls, name, bases, body):
                log.append("init " + name)
            def shout(cls): return cls.__name__.upper()
        class Plugin(metaclass=Meta):
            known = []
            def __init_subclass__(cls): Plugin.known.append(cls)
        class First(Plugin): pass
        class Slotted(Plugin): __slots__ = ("a",)
    """)
    assert ns["log"] == [
        f"{what} {name}" for name in ("Plugin", "First", "Slotted") for what in ("new", "init")
    ]
    assert ns["Plugin"].known == [ns["First"], ns["Slotted"]]
    assert type(ns["First"]) is ns["Meta"] and ns["First"].shout() == "FIRST"
    assert ns["First"].__bases__ == (ns["Plugin"],)


def test_dataclasses_named_tuples_generics_and_abstract_classes(restored: Any) -> None:
    ns = restored("""
        import abc, collections, dataclasses, typing
        @dataclasses.dataclass(frozen=True, slots=True)
        class Point:
            x: int
            tags: list = dataclasses.field(default_factory=list)
        p = Point(1)
        Pair = collections.namedtuple("Pair", "left right")
        pair = Pair(1, [2])
        class Row(typing.NamedTuple):
            a: int
            b: str = "z"
        row = Row(4)
        T = typing.TypeVar("T")
        class Box(typing.Generic[T]): pass
        box = Box[int]()
        class Shape(abc.ABC):
            @abc.abstractmethod
            def area(self): ...
        class Square(Shape):
            def area(self): return 4
        @Shape.register
        class Odd: pass
        square = Square()
    """)
    assert ns["p"] == ns["Point"](1) and dataclasses.replace(ns["p"], x=2).x == 2
    assert dataclasses.fields(ns["Point"])[0].default is dataclasses.MISSING
    with pytest.raises(dataclasses.FrozenInstanceError):
        ns["p"].x = 3
    assert type(ns["pair"]) is ns["Pair"] and ns["pair"]._replace(left=9) == (9, [2])
    assert ns["row"].b == "z" and isinstance(ns["box"], ns["Box"]) and ns["Box"][str]
    assert isinstance(ns["square"], ns["Shape"]) and issubclass(ns["Odd"], ns["Shape"])
    with pytest.raises(TypeError, match="abstract"):
        ns["Shape"]()


def test_enums(restored: Any) -> None:
    ns = restored("""
        import enum
        class Colour(enum.Enum):
            RED = 1
            GREEN = 2
            ALIAS = 1
            def nice(self): return self.name.lower()
        class Mode(enum.IntFlag):
            READ = enum.auto()
            WRITE = enum.auto()
        class Planet(enum.Enum):
            EARTH = (5.9, 6.4)
            def __init__(self, mass, radius):
                self.mass = mass
                self.radius = radius
        class Word(enum.StrEnum):
            YES = "yes"
        chosen = [Colour.GREEN, Mode.READ | Mode.WRITE, Planet.EARTH, Word.YES]
    """)
    colour, mode, planet, word = ns["chosen"]
    assert colour is ns["Colour"].GREEN and colour.nice() == "green"
    assert ns["Colour"].ALIAS is ns["Colour"].RED and len(ns["Colour"]) == 2
    assert mode is ns["Mode"].READ | ns["Mode"].WRITE and isinstance(mode, enum.IntFlag)
    assert planet is ns["Planet"].EARTH and planet.mass == 5.9
    assert word is ns["Word"].YES and word == "yes"


def test_source_is_found_again_in_a_process_that_never_saw_the_cell(tmp_path: Path) -> None:
    source = "def visible(a):\n    return a  # as typed\n"
    with pod.open(tmp_path / ".pod") as store:
        namespace = cell(source)
        t = store.save(namespace)
        del linecache.cache[namespace["visible"].__code__.co_filename]
        assert inspect.getsource(store.load(t)["visible"]) == source


def test_loading_an_old_version_leaves_the_live_class_alone(tmp_path: Path) -> None:
    with pod.open(tmp_path / ".pod") as store:
        ns = cell("class Counter:\n    total = 1\n")
        first = store.save(ns)
        live = ns["Counter"]
        live.total = 2
        second = store.save(ns)
        old = store.load(first)["Counter"]
        assert (old.total, live.total, store.load(second)["Counter"].total) == (1, 2, 2)
        assert old is not live


def test_a_redefined_class_and_an_instance_of_the_old_one(tmp_path: Path) -> None:
    with pod.open(tmp_path / ".pod") as store:
        ns = cell("class A:\n    version = 1\na = A()\n")
        store.save(ns)
        exec("class A:\n    version = 2\nb = A()\n", ns)
        loaded = store.load(store.save(ns))
        assert (loaded["a"].version, loaded["b"].version) == (1, 2)
        assert type(loaded["b"]) is loaded["A"] and type(loaded["a"]) is not loaded["A"]


@pytest.mark.parametrize("policy", POLICIES)
def test_touching_a_class_does_not_look_at_its_instances(tmp_path: Path, policy: str) -> None:
    with pod.open(tmp_path / ".pod", podding=policy) as store:
        ns = cell("class A:\n    n = 0\na = A()\nb = A()\n")
        store.save(ns)
        manifest = store.history.manifest
        table = store.history.variables(store.history.commit(1))
        assert set(manifest(table["a"].manifest).names) == {"a"}
        ns["A"].n = 1
        store.save(ns)
        assert store.log()[0].changed == ("A",)
        assert (store.load(1)["a"].n, store.load(2)["a"].n) == (0, 1)


def test_an_unchanged_definition_is_saved_as_the_same_bytes(tmp_path: Path) -> None:
    with pod.open(tmp_path / ".pod") as store:
        ns = cell("""
            class A:
                n = 0
                def m(self): return self.n
            def f(): return A
            a = A()
        """)
        back = store.load(store.save(ns))
        for name in ("A", "f", "a"):
            back[name]
        store.save(back)
        assert (store.log()[0].changed, store.log()[0].added) == ((), ())


def test_enum_members_with_values_of_any_kind(restored: Any) -> None:
    ns = restored("""
        import enum
        class Value:
            pass
        class Kind(enum.Enum):
            A = Value()
            B = [1]
        chosen = (Kind.A, Kind.B)
    """)
    assert ns["chosen"] == (ns["Kind"].A, ns["Kind"].B)
    assert type(ns["Kind"].A.value) is ns["Value"]


def test_typed_dicts(restored: Any) -> None:
    ns = restored("""
        import typing
        class Row(typing.TypedDict):
            a: int
        row: Row = {"a": 1}
    """)
    assert ns["Row"](a=1) == ns["row"] and ns["Row"].__annotations__ == {"a": int}


def test_cached_properties_and_events(restored: Any) -> None:
    ns = restored("""
        import functools, threading
        class Lazy:
            @functools.cached_property
            def answer(self):
                "What it is."
                return 42
        lazy = Lazy()
        box = [1, threading.Event(), threading.Lock().acquire]
    """)
    assert ns["lazy"].answer == 42 and ns["Lazy"].answer.__doc__ == "What it is."
    assert ns["box"][0] == 1 and "not saved" in repr(ns["box"][1])


def test_a_class_that_cannot_be_saved_hinders_nothing_later(tmp_path: Path) -> None:
    ns = cell("""
        class Meta(type):
            __dict__ = property(lambda cls: 1 / 0)
        class Odd(metaclass=Meta): pass
        x = [Odd]
    """)
    with pod.open(tmp_path / ".pod", snapshot="inline") as store:
        session = store.session(ns, NamespaceTracker(ns))
        first = session.save()
        assert first is not None and "ZeroDivisionError" in first.opaque["Odd"][0]
        del ns["Odd"], ns["x"]
        session.save()
        assert not session.checkout(first.t).failures
        assert repr(ns["Odd"]).startswith("<not saved: class Odd, seen since time 1: ")
        assert "division by zero" in repr(ns["x"][0]) and ns["x"][0] is ns["Odd"]
        ns["y"] = [ns["x"]]
        again = session.save()
        assert again is not None and store.load(again.t)["y"][0] is not ns["x"]


def test_a_class_that_cannot_be_loaded_is_the_only_one(tmp_path: Path) -> None:
    ns = cell("""
        class Bad:
            def __init__(self): self.x = 1
            def __setstate__(self, state): raise ValueError('not today')
        class One: bad = Bad()
        class Two: bad = Bad()
        one, two, first, last = One(), [Two()], 'first', ['last']
    """)
    with pod.open(tmp_path / ".pod", background=False) as store:
        t = store.save(ns)
        with pytest.raises(RestoreError) as error:
            store.load(t)
        failed = set(re.findall(r"(\w+): ValueError: not today", str(error.value)))
        assert failed == {"One", "one", "Two", "two"}
        assert store.load(t, {"last", "first"}) == {"first": "first", "last": ["last"]}


def test_a_class_that_only_its_cell_can_make_is_a_placeholder_and_so_are_its_objects(
    tmp_path: Path,
) -> None:
    ns = cell("""
        import ctypes
        class Point(ctypes.Structure):
            _fields_ = [('x', ctypes.c_int)]
        class Sub(Point): pass
        held = [1, Point(3), Sub(4), {'other': [2]}]
    """)
    with pod.open(tmp_path / ".pod", snapshot="inline") as store:
        loaded = store.load(store.save(ns))
    assert loaded["held"][0] == 1 and loaded["held"][3] == {"other": [2]}
    for placeholder in (*loaded["held"][1:3], loaded["Point"], loaded["Sub"]):
        assert "a type of an extension that is not found by its name" in repr(placeholder)
    assert repr(loaded["Point"]).startswith("<not saved: class Point, seen since time 1: a type of")


if sys.version_info >= (3, 12):

    def test_type_parameters(restored: Any) -> None:
        ns = restored("""
            class Box[T]:
                def get(self) -> T: return 1
            def first[T](x: T) -> T: return x
            box = Box()
        """)
        assert type(ns["box"]) is ns["Box"] and ns["Box"].__type_params__[0].__name__ == "T"
        assert ns["first"](3) == 3
