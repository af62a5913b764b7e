"""The page `pod_ext/README.md` says what is so: its format is what is written, its modules exist.

What the library writes is read back by `support.foreign_reader`, which knows the page only.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import json
import logging
import math
import os
import pickletools
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pod
import pytest
import support.foreign_reader
from pod import PodStore
from pod.podding.policies import POLICIES
from pod.tracking import EverythingTracker
from support.foreign_reader import ForeignReader, NotSaved
from support.graphs import change
from support.isomorphism import difference

SOURCE = Path(pod.__file__).parent
PAGE = (SOURCE.parent / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PodStore]:
    with PodStore(tmp_path / "pods") as opened:
        yield opened


def read(store: PodStore) -> ForeignReader:
    store.flush()
    return ForeignReader(store.path)


def namespace(source: str = "", **variables: Any) -> Any:
    """A managed namespace in which this source has run."""
    made = pod.new_managed_namespace(__name__="__main__", **variables)
    exec(compile(source, "<a cell>", "exec"), made)
    return made


def agree(store: PodStore, t: int, names: set[str] | None = None) -> dict[str, Any]:
    """What the foreign reader loads, having made sure that the library loads an equal graph."""
    found = read(store).load(t, names)
    expected = dict(dict.items(store.load(t, names)))
    assert difference(sorted(expected.items()), sorted(found.items())) is None
    return found


# What the library writes, another reader reads


def test_plain_values_at_every_time(store: PodStore) -> None:
    ns = namespace(n=1, text="é\udc80", big=2**80, floats=[0.1, math.inf], nothing=None, raw=b"\0")
    first = store.save(ns)
    ns["n"], ns["more"] = 2, {"a": (1, 2), "b": {3}, "c": frozenset({4})}
    del ns["text"]
    second = store.save(ns)
    assert agree(store, first)["n"] == 1
    assert "text" not in agree(store, second)
    assert read(store).times() == [first, second]


def test_sharing_and_cycles_across_variables(store: PodStore) -> None:
    inner = [1]
    ring: list[Any] = [inner]
    ring.append(ring)
    ns = namespace(a=ring, b={"inner": inner}, c=(inner, [inner]), alone=[1])
    ns["d"] = ns["c"]
    found = agree(store, store.save(ns))
    assert found["a"][1] is found["a"]
    assert found["a"][0] is found["b"]["inner"] is found["c"][1][0]
    assert found["c"] is found["d"]
    assert found["alone"] is not found["a"][0]


def test_slots_into_the_middle_of_a_pod(store: PodStore) -> None:
    ns = namespace(outer={"k": [[1], [2]]})
    ns["part"] = ns["outer"]["k"][1]
    t = store.save(ns)
    ns["new"] = [ns["outer"]["k"]]
    t = store.save(ns)
    found = agree(store, t)
    assert found["new"][0] is found["outer"]["k"]
    manifests = {entry["manifest"] for entry in read(store).variables(t).values()}
    slots = [
        slot
        for digest in manifests
        for _, _, slots, _ in read(store).manifest(digest)["pods"]
        for slot in slots
    ]
    assert any(slot[0] == "pod" and slot[2] is not None for slot in slots)


def test_buffers_of_several_chunks_and_small_ones(store: PodStore) -> None:
    rng = np.random.default_rng(0)
    large = rng.integers(0, 255, 1_000_003, dtype=np.uint8)
    ns = namespace(
        large=large,
        text="x" * 700_000,
        held=bytearray(600_000),
        small=np.arange(3),
        none=np.empty((0, 4)),
        fortran=np.asfortranarray(rng.random((300, 200))),
        dates=np.arange(5000).astype("M8[s]"),
        shared=[large, large],
    )
    t = store.save(ns)
    agree(store, t)
    reader = read(store)
    payload_and_buffers = reader.manifest(reader.variables(t)["large"]["manifest"])["pods"]
    lengths = [
        len(reader.blobs[digest])
        for payload, buffers, _, _ in payload_and_buffers
        for content in buffers
        for digest in content[1:]
    ]
    assert lengths == [262_144] * 3 + [1_000_003 - 3 * 262_144]


def test_short_contents_are_in_the_manifest(store: PodStore) -> None:
    t = store.save(namespace(short=[1], long=list(range(1000))))
    reader = read(store)
    contents = {
        name: reader.manifest(reader.variables(t)[name]["manifest"])["pods"][0][0]
        for name in ("short", "long")
    }
    assert contents["short"][0] <= 64
    assert contents["short"][1].startswith("=")
    assert contents["long"][0] > 64
    assert set(contents["long"][1:]) <= reader.blobs.keys()


def test_a_change_writes_only_what_is_new_and_every_time_stays_whole(store: PodStore) -> None:
    large = np.arange(500_000)
    ns = namespace(large=large, rows=[[i] for i in range(3000)])
    first = store.save(ns)
    ns["large"][7] = -1
    ns["rows"][5].append("new")
    second = store.save(ns)
    assert agree(store, first)["large"][7] == 7
    assert agree(store, second)["rows"][5] == [5, "new"]
    reader = read(store)
    assert reader.commit(second)["bytes"] < reader.commit(first)["bytes"] / 2
    assert reader.commit(second)["changed"] == ["large", "rows"]


@pytest.mark.parametrize("missing", ["", "None", "nan", "NA"])
def test_arrays_of_text(store: PodStore, missing: str) -> None:
    stands_for = {"": "", "None": None, "nan": np.nan, "NA": pd.NA}[missing]
    different: list[Any] = [f"naïve 🐍 {i}" for i in range(1000)]
    different[::7] = [stands_for] * len(different[::7])
    few = [different[i % 5] for i in range(1000)]
    ns = namespace(
        different=np.array(different, dtype=object),
        few=np.array(few, dtype=object).reshape(20, 50),
        frame=pd.DataFrame({"n": range(1000), "text": np.array(different, dtype=object)}),
    )
    t = store.save(ns)
    found = read(store).load(t)
    loaded = store.load(t)
    assert [*map(repr, found["different"])] == [*map(repr, loaded["different"])]
    assert all(a is b or a == b for a, b in zip(found["different"], different, strict=True))
    assert found["few"].shape == (20, 50)
    assert found["few"].ravel()[1] is found["few"].ravel()[6]
    pd.testing.assert_frame_equal(found["frame"], loaded["frame"])


def test_states_of_the_random_generators(store: PodStore) -> None:
    session = store.session(namespace(a=1), EverythingTracker())
    session.track_random = True
    random.gauss(0, 1)
    np.random.standard_normal()
    saved = session.save()
    assert saved is not None
    found = read(store).random(saved.t)
    python = found["random"]
    assert (python["version"], (*python["key"], python["pos"]), python["gauss"]) == (
        random.getstate()
    )
    state = np.random.get_state(legacy=False)
    assert found["numpy"] == {
        "bit_generator": state["bit_generator"],
        "key": tuple(state["state"]["key"]),
        "pos": state["state"]["pos"],
        "has_gauss": state["has_gauss"],
        "gauss": state["gauss"],
    }


def test_tags(store: PodStore) -> None:
    first, second = store.save(namespace(a=1)), store.save(namespace(a=2))
    store.tag("v1.0", first)
    store.tag("best", second)
    store.tag("best", first)
    assert read(store).tags() == {"v1.0": first, "best": first}


@pytest.mark.parametrize("count", [0, 1, 32, 33, 127, 128, 300])
def test_tables_of_any_size_and_partial_loads(store: PodStore, count: int) -> None:
    ns = pod.new_managed_namespace({f"name_{i}ü": [i] for i in range(count)})
    t = store.save(ns)
    assert agree(store, t).keys() == ns.keys()
    shards = len(read(store).commit(t)["table"])
    assert shards == {0: 0, 1: 1, 32: 1, 33: 8, 127: 8, 128: 16, 300: 16}[count]
    if count:
        assert agree(store, t, {"name_0ü"}) == {"name_0ü": [0]}


DEFINITIONS = """
import abc, dataclasses, enum, functools

x = [1]

class Base(abc.ABC):
    made = []
    @abc.abstractmethod
    def value(self): ...

class Node(Base):
    "A node."
    limit = 3
    def __init__(self, held): self.held = held; self.next = None
    def value(self): return (len(x), self.limit, __class__.__name__)
    @property
    def twice(self): return self.held * 2
    @classmethod
    def make(cls): return cls(7)
    @staticmethod
    def fixed(): return 5

Node.first = Node(0)

@dataclasses.dataclass
class Point:
    a: int
    b: list = dataclasses.field(default_factory=list)

class Colour(enum.Enum):
    RED = (1, "r")
    BLUE = (2, "b")
    def first(self): return self.value[0]

def free(a, b=x, *, c=None):
    "Doc."
    return a + len(x)

def factorial(n): return 1 if n < 2 else n * factorial(n - 1)

def counter():
    count = 0
    def step():
        nonlocal count
        count += 1
        return count
    return step

step = counter()
step()
both = [step, step]

@functools.lru_cache(maxsize=9)
def cached(n): return [n]

node = Node(2)
node.next = node
point = Point(1, x)
colours = {Colour.RED: 1}
blue = Colour.BLUE
bound = node.value
"""


def test_classes_and_functions_of_the_session(store: PodStore) -> None:
    t = store.save(namespace(DEFINITIONS))
    for found in (read(store).load(t), store.load(t)):
        node, kind = found["node"], found["Node"]
        assert type(node) is kind is type(kind.first)
        assert kind.__doc__ == "A node."
        assert kind.__mro__[1] is found["Base"]
        assert found["Base"].__abstractmethods__ == {"value"}
        assert node.next is node
        assert node.value() == found["bound"]() == (1, 3, "Node")
        assert found["bound"].__self__ is node
        assert (node.twice, kind.make().held, kind.fixed()) == (4, 7, 5)
        assert found["point"] == found["Point"](1, found["x"])
        assert found["point"].b is found["x"]
        assert found["colours"][found["Colour"].RED] == found["Colour"].RED.first() == 1
        assert found["blue"] is found["Colour"].BLUE
        assert found["free"](1) == 2
        assert found["free"].__defaults__[0] is found["x"]
        assert found["free"].__doc__ == "Doc."
        assert found["factorial"](5) == 120
        assert found["both"] == [found["step"]] * 2
        assert found["step"]() == 2
        assert found["cached"](3) is found["cached"](3)
        found["x"].append(2)  # the namespace is the functions' globals
        assert found["free"](1) == 3


def test_a_class_that_is_defined_again_is_another_token(store: PodStore) -> None:
    ns = namespace("class C: z = 1\nold = C()")
    first = store.save(ns)
    exec("class C: z = 2\nnew = C()", ns)
    second = store.save(ns)
    reader = read(store)
    assert [*reader.definitions(first)] == ["__main__.C#1"]
    assert sorted(reader.definitions(second)) == ["__main__.C#1", "__main__.C#2"]
    found = reader.load(second)
    assert (found["old"].z, found["new"].z, type(found["new"]) is found["C"]) == (1, 2, True)


def test_opaque_objects(store: PodStore) -> None:
    ns = namespace("def generate(): yield 1\nalone = generate()\nheld = [1, generate(), alone]")
    t = store.save(ns)
    found = read(store).load(t)
    assert isinstance(found["alone"], NotSaved)
    assert (found["alone"].kind, found["alone"].since) == ("generator", t)
    assert "cannot pickle" in found["alone"].reason
    assert re.fullmatch(rf"{t}\.\d+", found["alone"].serial)
    assert found["held"][2] is found["alone"] is not found["held"][1]
    assert len(read(store).variables(t)["held"]["opaque"]) == 2


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_writes_what_the_page_says(tmp_path: Path, policy: str) -> None:
    with PodStore(tmp_path / "pods", podding=policy) as store:
        shared = {"k": list(range(2000))}
        ns = namespace(a=[shared, [shared] * 3], b={"all": [shared["k"]]}, c=[[]] * 2)
        ns["c"][0].append(ns["c"])
        first = store.save(ns)
        ns["b"]["all"].append(ns["a"])
        second = store.save(ns)
        agree(store, first)
        agree(store, second)
        agree(store, second, {"b"})


@pytest.mark.parametrize("seed", range(20))
def test_random_graphs_that_change(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    with PodStore(tmp_path / "pods", podding=rng.choice([*POLICIES])) as store:
        ns = pod.new_managed_namespace()
        times = []
        for _ in range(5):
            for _ in range(6):
                change(rng, ns)
            times.append(store.save(ns))
        for t in times:
            agree(store, t)


def test_fingerprints_can_be_computed_anew(store: PodStore) -> None:
    ns = namespace(DEFINITIONS, alone=[1], text="a" * 900, a=[[1]], array=np.arange(9000))
    ns["b"] = [ns["a"][0], ns["a"]]
    t = store.save(ns)
    reader = read(store)
    for name, entry in reader.variables(t).items():
        assert reader.fingerprint(t, name) == entry["fingerprint"], name


def test_the_foreign_reader_uses_nothing_of_ours() -> None:
    source = Path(support.foreign_reader.__file__).read_bytes()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            assert not any(each.name.startswith(("pod", "support")) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            assert not node.module.startswith(("pod", "support"))


# The page and what is written name the same fields


def table(heading: str) -> list[list[str]]:
    """The rows of the first table under a heading of the page, without its head."""
    _, _, rest = PAGE.partition(f"\n{heading}\n")
    assert rest, heading
    section = re.split(r"\n#{1,6} ", rest)[0]
    lines = section[section.index("|") :].splitlines()
    _, _, *rows = itertools.takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def fields(heading: str) -> set[str]:
    return {row[0].strip("`") for row in table(heading)}


@pytest.fixture
def written(store: PodStore) -> ForeignReader:
    store.save(namespace(DEFINITIONS, gone=1, data=np.arange(99999), o=(i for i in ())))
    return read(store)


def test_the_fields_of_a_commit(written: ForeignReader) -> None:
    assert fields("### Commit body") == written.commit(1).keys()
    assert fields("### Commit header") == written.header(1).keys()


def test_the_types_of_a_commit_s_fields(written: ForeignReader) -> None:
    kinds = {
        "integer": int,
        "integer or null": (int, type(None)),
        "string": str,
        "number": (int, float),
        "boolean": bool,
        "digest": str,
        "list of strings": list,
        "list of digests": list,
        "object of digests": dict,
    }
    commit = written.commit(1)
    for name, kind, _ in table("### Commit body"):
        assert isinstance(commit[name.strip("`")], kinds[kind]), name


def test_the_fields_of_a_table_entry(written: ForeignReader) -> None:
    entries = [*written.variables(1).values(), *written.definitions(1).values()]
    assert all(entry.keys() == fields("### Table entry") for entry in entries)


def test_the_fields_of_a_manifest(written: ForeignReader) -> None:
    for entry in written.variables(1).values():
        manifest = written.manifest(entry["manifest"])
        assert manifest.keys() == fields("### Manifest")
        assert all(len(each) == 4 for each in manifest["pods"])


def test_the_fields_of_format_json(written: ForeignReader) -> None:
    assert written.format.keys() == fields("## format.json")
    assert written.format["chunk_bytes"] == 262_144


def test_the_fields_of_a_lease(written: ForeignReader) -> None:
    [lease] = (written.path / "leases").iterdir()
    assert json.loads(lease.read_bytes()).keys() == fields("## Tags, claims, leases")


def test_the_fields_of_a_claim(store: PodStore) -> None:
    t = store.history.repository.claim()
    claim = json.loads((store.path / "claims" / str(t)).read_bytes())
    assert claim.keys() == fields("## Tags, claims, leases")
    assert claim["pid"] == os.getpid() and claim["work"] == "saving"


@pytest.mark.usefixtures("inline")
def test_the_fields_of_a_record_of_a_garbage_collection(store: PodStore) -> None:
    variables = namespace(a=b"")
    for number in range(4):
        variables["a"] = os.urandom(50_000 + number)
        store.save(variables)
    store.flush()
    before = {pack.stem for pack in (store.path / "packs").iterdir()}
    assert store.gc(keep_last=2).times == (1, 2)
    gone = before - {pack.stem for pack in (store.path / "packs").iterdir()}
    reader = ForeignReader(store.path)
    [record] = reader.collections()
    assert record.keys() == fields("### Record of a garbage collection")
    assert record["removed"] == [[1, 2]] and record["removing"] == []
    assert len(record["packs"]) == 2 and set(record["packs"]) == gone and reader.times() == [3, 4]


def test_nothing_lies_in_a_directory_that_the_page_does_not_list(store: PodStore) -> None:
    store.save(namespace(a=1))
    store.tag("here")
    store.save(namespace(a=2))
    store.gc(keep_last=1)
    section = PAGE.partition("## Directory\n")[2].partition("```")[2].partition("```")[0]
    listed = {line.split()[0].partition("/")[0] for line in section.strip().splitlines()}
    assert {each.name for each in store.path.iterdir()} <= listed
    assert (store.path / ".gitignore").read_text() == "*\n"
    store.close()
    assert not list((store.path / "leases").iterdir())
    assert not list((store.path / "claims").iterdir())


def test_the_kinds_of_slots(store: PodStore) -> None:
    from typing import get_args

    from pod.podding.pods import Kind

    rows = PAGE.partition("| kind | arguments | means |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)) == set(get_args(Kind))


# Names inside payloads are part of the format too


def named_in_payloads(reader: ForeignReader, t: int) -> set[str]:
    entries = [*reader.variables(t).values(), *reader.definitions(t).values()]
    found = set()
    for digest in {entry["manifest"] for entry in entries}:
        for payload, _, _, _ in reader.manifest(digest)["pods"]:
            found |= set(globals_of(bytes(reader.content(payload))))
    return found


def globals_of(payload: bytes) -> Iterator[str]:
    """Names that a pickle imports. Follows the memo, which `pickletools` leaves to its reader."""
    stack: list[Any] = []
    memo: list[Any] = []
    for opcode, argument, _ in pickletools.genops(payload):
        assert opcode.name not in {"GLOBAL", "PUT", "BINPUT", "LONG_BINPUT"}
        if opcode.name == "MEMOIZE":
            memo.append(stack[-1] if stack else None)
        elif opcode.name in {"BINGET", "LONG_BINGET"}:
            stack.append(memo[argument])
        elif opcode.name == "STACK_GLOBAL":
            yield f"{stack[-2]}.{stack[-1]}"
            stack.append(None)
        else:
            stack.append(argument)


def test_every_name_of_ours_in_a_payload_is_on_the_page(tmp_path: Path) -> None:
    source = f"""{DEFINITIONS}
import types, typing
T = typing.TypeVar("T")
keys, values, items = {{"a": 1}}.keys(), {{"a": 1}}.values(), {{"a": 1}}.items()
free_property = property(lambda self: 1)
import functools
lazy_property = functools.cached_property(lambda self: 1)
cell = types.CellType(x)
unsaved = (i for i in x)
import weakref
P = typing.ParamSpec("P")
made = types.ModuleType("made")
class New(tuple):
    def __new__(cls, *items): return super().__new__(cls, items)
    def __getattr__(self, name): raise AttributeError(name)
new = New(1)
new.attribute = 1
error = ValueError(1)
class Reduced(Exception):
    def __reduce__(self): return Reduced, ()
linked = Reduced()
linked.__cause__ = error
dead, proxy, weak = weakref.ref(Reduced()), weakref.proxy(linked), weakref.WeakSet([linked])
part = memoryview(bytearray(9))[2:4]
method = error.with_traceback, unsaved.send, types.SimpleNamespace(f=Reduced.mro), made
bound = New(2).__getattr__
import numpy as np
class Kind(np.ndarray): pass
kind = np.arange(9).view(Kind)
kind.unit = "m"
view = kind[3:]
"""
    with PodStore(tmp_path / "pods") as store:
        ns = namespace(source, array=np.arange(9), text=np.array(["a", "b"] * 200, dtype=object))
        ns |= {"inside": pod.new_managed_namespace(a=1), "store": store, "index": pd.Index([1])}
        t = store.save(ns)
        named = named_in_payloads(read(store), t)
    ours = {name for name in named if name.startswith(("pod.", "cloudpickle."))}
    section = PAGE.partition("\n## Pods\n")[2].partition("**Arrays of text.**")[0]
    listed = set(re.findall(r"^\| `([\w.]+)` \|", section, re.MULTILINE))
    listed |= {
        f"cloudpickle.cloudpickle.{name}" for name in re.findall(r"`(_make_dict_\w+)`", section)
    }
    assert not ours - listed
    # All but the placeholder of a variable that could not be restored.
    assert listed - ours == {"pod.podding.opaque.Unavailable"}
    for name in listed:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


# The page and the code name the same modules, and imports go the way it says


def modules() -> set[str]:
    """Paths under the package, packages that hold nothing but a docstring left out."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        body = ast.parse(path.read_bytes()).body
        if path.name != "__init__.py" or len(body) > 1:
            found.add(path.relative_to(SOURCE).as_posix())
    return found


def test_every_module_is_on_the_page_and_every_module_there_exists() -> None:
    assert fields("### Modules") == modules()


def test_the_tests_that_hold_the_guarantees_are_there() -> None:
    section = PAGE.partition("\n## Guarantees\n")[2].partition("\n## ")[0]
    named = re.findall(r"`(tests/[\w/.]+)`", section)
    assert len(named) > 20
    root = Path(__file__).parents[1]
    assert [each for each in named if not (root / each).exists()] == []
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    unheld = [row for row in rows if "`tests/" not in row and "the same |" not in row]
    assert unheld == ["| promise | held by |"] * 5


def layer(module: str) -> str:
    return module.removeprefix("pod.").partition(".")[0]


def imported_layers(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("pod."):
            found.add(layer(node.module))
        elif isinstance(node, ast.ImportFrom) and node.module == "pod":
            names = {each.name for each in node.names}
            found |= {name for name in names if (SOURCE / f"{name}.py").exists()}
    return found


def test_imports_go_the_way_the_page_says() -> None:
    allowed = {
        row[0].strip("`"): {*re.findall(r"`(\w+)`", row[1]), "errors"} for row in table("## Layers")
    }
    for module in modules():
        own = layer(module.removesuffix(".py").replace("/", "."))
        wrong = imported_layers(SOURCE / module) - allowed[own] - {own}
        assert not wrong, f"{module} imports {wrong}"
    for name in allowed:
        assert (SOURCE / name).is_dir() or (SOURCE / f"{name}.py").exists(), name


# Limits that the page tells of. When one falls, the page has to be corrected.


def reloaded(store: PodStore, ns: Any) -> Any:
    return store.load(store.save(ns))


def a_change_through_a_library_s_registry(store: PodStore) -> bool:
    ns = namespace(held=[1], get=logging.getLogger)
    logging.getLogger("pod.test").held = ns["held"]  # type: ignore[attr-defined]
    store.save(ns)
    exec("get('pod.test').held.append(2)", ns)
    return reloaded(store, ns)["held"] == [1]


def some_objects_become_placeholders(store: PodStore) -> bool:
    source = """
import contextvars, socket, sqlite3, sys, threading, weakref
async def coroutine(): pass
def generator(): yield
class C: pass
c = C()
held = [
    generator(), coroutine(), threading.Lock(), threading.Thread(), socket.socket(),
    open(__file__), sqlite3.connect(":memory:"), sys._getframe(), threading.local(),
    contextvars.ContextVar("v"), weakref.ref(c, print), weakref.finalize(c, print),
]
held[1].close()
"""
    ns = namespace(source, __file__=__file__)
    held = reloaded(store, ns)["held"]
    for each in ns["held"][4:7]:
        each.close()
    return all("not saved" in repr(each) for each in held)


def atoms_have_no_identity_across_pods(store: PodStore) -> bool:
    text = "".join(["long"] * 1000)
    loaded = reloaded(store, namespace(a=[text, text], b=[text]))
    return loaded["a"][0] is loaded["a"][1] is not loaded["b"][0]


def a_cache_is_empty(store: PodStore) -> bool:
    ns = namespace("import functools\n@functools.cache\ndef f(x): return x\nf(1)")
    return reloaded(store, ns)["f"].cache_info().currsize == 0


def a_weak_reference_dies_if_nothing_loaded_holds_its_target(store: PodStore) -> bool:
    source = """
import weakref
class C: pass
c = C()
ref = weakref.ref(c)
"""
    t = store.save(namespace(source))
    both, alone = store.load(t), store.load(t, {"ref"})
    return both["ref"]() is both["c"] and alone["ref"]() is None


def a_nan_is_another_one(store: PodStore) -> bool:
    own = float("nan")
    loaded = reloaded(store, namespace(box=[own, own, math.nan, np.nan]))["box"]
    return loaded[0] is not loaded[1] and loaded[2] is math.nan and loaded[3] is np.nan


def an_iterator_over_a_dict_is_one_over_a_list(store: PodStore) -> bool:
    keys = iter({"a": 1, "b": 2})
    next(keys)
    loaded = reloaded(store, namespace(keys=keys))["keys"]
    return type(loaded) is type(iter([])) and list(loaded) == ["b"]


def an_exception_has_no_traceback(store: PodStore) -> bool:
    source = """
try:
    try: 1 / 0
    except Exception as first: raise ValueError from first
except Exception as second: e = second
"""
    error = reloaded(store, namespace(source))["e"]
    return error.__traceback__ is None and type(error.__cause__) is ZeroDivisionError


def a_mapped_array_has_no_file(store: PodStore) -> bool:
    mapped = np.memmap(store.path.parent / "mapped", dtype="u1", mode="w+", shape=(9,))
    return reloaded(store, namespace(m=mapped))["m"].filename is None


def a_class_is_not_run_again(store: PodStore) -> bool:
    source = """
log = []
class Base:
    def __init_subclass__(cls): log.append("subclass")
class Meta(type):
    def __init__(cls, *arguments): log.append("meta")
class Named:
    def __set_name__(self, owner, name): log.append("named")
class Child(Base, metaclass=Meta):
    named = Named()
"""
    ns = namespace(source)
    return len(reloaded(store, ns)["log"]) == len(ns["log"]) == 3


def a_lone_view_has_no_base(store: PodStore) -> bool:
    loaded = store.load(store.save(namespace(view=np.arange(99_999)[:9])))
    return loaded["view"].base is None


def a_frame_and_an_array_over_it_come_back_apart(store: PodStore) -> bool:
    frame = pd.DataFrame({"a": np.arange(9)})
    ns = namespace(frame=frame, array=frame["a"].to_numpy())
    assert np.shares_memory(ns["array"], ns["frame"]["a"])
    loaded = store.load(store.save(ns))
    return not np.shares_memory(loaded["array"], loaded["frame"]["a"])


def a_changed_class_is_no_change_of_its_instances(store: PodStore) -> bool:
    ns = namespace("class C: z = 1\nc = C()")
    store.save(ns)
    ns["C"].z = 2
    return store.history.commit(store.save(ns)).changed == ("C",)


LIMITS: list[Callable[[PodStore], bool]] = [
    a_change_through_a_library_s_registry,
    some_objects_become_placeholders,
    atoms_have_no_identity_across_pods,
    a_cache_is_empty,
    an_exception_has_no_traceback,
    a_weak_reference_dies_if_nothing_loaded_holds_its_target,
    a_nan_is_another_one,
    an_iterator_over_a_dict_is_one_over_a_list,
    a_mapped_array_has_no_file,
    a_class_is_not_run_again,
    a_lone_view_has_no_base,
    a_frame_and_an_array_over_it_come_back_apart,
    a_changed_class_is_no_change_of_its_instances,
]


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.__name__)
def test_a_known_limit_is_still_one(store: PodStore, limit: Callable[[PodStore], bool]) -> None:
    assert limit(store)


def test_every_marked_limit_is_tested() -> None:
    assert (
        PAGE.partition("## Known limits")[2].partition("\n---\n")[0].count("†") == len(LIMITS) + 1
    )
