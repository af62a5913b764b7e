"""`%pod_checkout`: the namespace, or some variables, as they were."""

from __future__ import annotations

import pytest
from support.kernels import PodKernel


def test_everything_is_as_it_was(pod: PodKernel) -> None:
    t = pod.cell("x = [1, {'a': (2,)}]\ny = 'text'\nz = 3.5\ngone = b'bytes'")
    pod.cell("x[1]['a'] = None\ny = 4\ndel gone\nnew = 1")
    ran = pod.checkout(t)
    assert ran.text.splitlines() == [
        f"the namespace is as it was at time {t}",
        "  restored       gone, x, y",
        "  left in place  z",
        "  removed        new",
    ]
    assert "left in place" in ran.html
    assert pod.value("x, y, z, gone") == ([1, {"a": (2,)}], "text", 3.5, b"bytes")
    assert pod.run("new").error == "NameError: name 'new' is not defined"


def test_sharing_and_cycles_come_back(pod: PodKernel) -> None:
    t = pod.cell("x = [1]\ny = {'x': x}\nz = [y, x]\nz.append(z)")
    pod.cell("del x, y, z")
    pod.checkout(t)
    assert pod.value("y['x'] is x, z[0] is y, z[1] is x, z[2] is z") == (True,) * 4


def test_what_is_the_same_stays_the_same_object(pod: PodKernel) -> None:
    t = pod.cell("same = [1]\nchanged = [1]")
    pod.cell("changed.append(2)\nidentity = id(same)")
    pod.run("%pod_tag now")
    pod.checkout(t)
    pod.checkout("now")
    assert pod.value("id(same) == identity, changed") == (True, [1, 2])


def test_the_next_cell_branches_off(pod: PodKernel) -> None:
    t = pod.cell("x = 1")
    left = pod.cell("x = 2")
    pod.checkout(t)
    right = pod.cell("x = 3")
    assert pod.head["parent"] == t
    pod.checkout(left)
    assert pod.value("x") == 2
    pod.checkout(right)
    assert pod.value("x") == 3


def test_what_is_not_saved_yet_is_saved_first(pod: PodKernel) -> None:
    t = pod.cell("x = [1]")
    pod.run("x.append(2)", silent=True)
    ran = pod.checkout(t)
    assert f"what was not saved yet is time {t + 1}" in ran.text
    assert pod.value("x") == [1]
    pod.checkout(t + 1)
    assert pod.value("x") == [1, 2]


def test_looking_about_saves_nothing_first(pod: PodKernel) -> None:
    t = pod.cell("x = [1]\ngenerator = (n for n in range(3))")
    pod.cell("y = 1")
    for look in ("%pod_log", "%pod_status", "%pod_diff HEAD~1", f"%pod_tag here {t}"):
        pod.run(look)
    pod.complete("%pod_checkout h")
    assert "saved first" not in pod.checkout("here").text


def test_a_checkout_in_the_middle_of_a_cell(pod: PodKernel) -> None:
    t = pod.cell("x = [1]\ny = 1")
    pod.cell("x.append(2)")
    ran = pod.run(f"late = 'unsaved'\n%pod_checkout {t}\ny = 2\nprint(x, y)")
    assert ran.stdout == "[1] 2\n"
    assert (pod.head["parent"], pod.head["changed"], pod.head["added"]) == (t, ["y"], [])
    before = pod.head["t"] - 1
    pod.checkout(before)
    assert pod.value("late, x") == ("unsaved", [1, 2])


def test_a_reference_may_come_from_a_variable(pod: PodKernel) -> None:
    t = pod.cell("x = 1")
    pod.cell(f"best = {t}\nx = 2")
    pod.checkout("{best}")
    assert pod.value("x") == 1
    pod.cell(f"best = {t}\nx = 3")
    pod.run("get_ipython().run_line_magic('pod_checkout', str(best))")
    assert pod.value("x") == 1


# Some variables


def test_some_variables_leave_the_others_and_head_alone(pod: PodKernel) -> None:
    t = pod.cell("x = [1]\ny = [1]")
    pod.cell("x.append(2)\ny.append(2)")
    head = pod.cell("identity = id(y)")
    ran = pod.checkout(f"{t} x")
    assert ran.text.splitlines()[0] == f"x as of time {t}; HEAD stays at {head}"
    assert pod.value("x, y, id(y) == identity") == ([1], [1, 2], True)
    pod.cell("pass")
    assert (pod.head["parent"], pod.head["changed"]) == (head, ["x"])
    pod.checkout(head)
    assert pod.value("x, y") == ([1, 2], [1, 2])


def test_variables_asked_for_together_share_what_they_shared(pod: PodKernel) -> None:
    t = pod.cell("x = [1]\ny = {'x': x}\nz = {'x': x}")
    pod.cell("x = y = z = None")
    ran = pod.checkout(f"{t} x y")
    assert "shared objects with z then" in ran.text
    assert pod.value("y['x'] is x, z") == (True, None)


def test_a_variable_that_was_removed_since_comes_back(pod: PodKernel) -> None:
    t = pod.cell("x = [1]")
    pod.cell("del x\ny = 1")
    pod.checkout(f"{t} x")
    assert pod.value("x, y") == ([1], 1)


# Functions and classes


def test_a_restored_function_lives_in_the_namespace(pod: PodKernel) -> None:
    t = pod.cell(
        "x = 1\ndef read(): return x\ndef write(v):\n    global x, made\n    x = made = v\n"
        "def late(): return defined_later()"
    )
    pod.cell("del read, write, late, x")
    pod.checkout(t)
    pod.cell("x = 5")
    assert pod.value("read(), read.__globals__ is globals()") == (5, True)
    pod.cell("write(6)")
    assert (pod.head["added"], pod.head["changed"]) == (["made"], ["x"])
    assert pod.value("x, made, read()") == (6, 6, 6)
    pod.cell("def defined_later(): return read() + 1")
    assert pod.value("late()") == 7


DEFINITIONS = {
    "class": ("class C:\n    n = 1\n    def f(self): return self.n\nc = C()",
              "type(c) is C, isinstance(c, C), c.f()", (True, True, 1)),
    "subclass": ("class A:\n    def f(self): return 1\nclass B(A):\n"
                 "    def f(self): return super().f() + 1\nb = B()",
                 "type(b) is B, B.__mro__[1] is A, b.f()", (True, True, 2)),
    "dataclass": ("from dataclasses import dataclass, replace\n@dataclass(frozen=True)\nclass D:\n"
                  "    a: int\n    b: str = 'b'\nd = D(1)",
                  "type(d) is D, d == D(1), replace(d, a=2) == D(2), repr(d)",
                  (True, True, True, "D(a=1, b='b')")),
    "enum": ("import enum\nclass E(enum.Enum):\n    RED = 1\n    BLUE = 2\ne = [E.RED, E.BLUE]",
             "e[0] is E.RED, E(2) is e[1], list(E) == e, E['RED'].name", (True, True, True, "RED")),
    "flag": ("import enum\nclass F(enum.Flag):\n    R = 1\n    W = 2\nf = F.R | F.W",
             "f == F.R | F.W, type(f) is F, F.R in f", (True, True, True)),
    "namedtuple": ("import collections\nN = collections.namedtuple('N', 'a b')\nn = N(1, 2)",
                   "type(n) is N, n.a, n == N(1, 2)", (True, 1, True)),
    "typed named tuple": ("import typing\nclass N(typing.NamedTuple):\n    a: int = 1\nn = N()",
                          "type(n) is N, n.a, n._replace(a=2).a", (True, 1, 2)),
    "metaclass": ("class M(type):\n    def __len__(cls): return 3\nclass C(metaclass=M): pass\n"
                  "c = C()", "type(C) is M, len(type(c)), type(c) is C", (True, 3, True)),
    "slots": ("class S:\n    __slots__ = ('a', '__weakref__')\ns = S()\ns.a = 1",
              "type(s) is S, s.a, hasattr(s, '__dict__')", (True, 1, False)),
    "property and static": ("class C:\n    @property\n    def p(self): return type(self) is C\n"
                            "    @staticmethod\n    def s(): return C\n    @classmethod\n"
                            "    def k(cls): return cls\nc = C()",
                            "c.p, c.s() is C, c.k() is C", (True, True, True)),
    "abstract": ("import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\n"
                 "class B(A):\n    def f(self): return 1\nb = B()",
                 "isinstance(b, A), b.f(), A.__abstractmethods__ == {'f'}", (True, 1, True)),
    "exception": ("class Mine(ValueError):\n    pass\nm = Mine('why')",
                  "type(m) is Mine, m.args, issubclass(Mine, ValueError)", (True, ("why",), True)),
    "decorator": ("import functools\ndef twice(f):\n    @functools.wraps(f)\n"
                  "    def g(*a): return f(*a) * 2\n    return g\n"
                  "@twice\ndef h(v): return v + base\nbase = 1",
                  "h(1), h.__name__, h.__wrapped__(1)", (4, "h", 2)),
    "closure": ("def counter():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n"
                "        return n\n    return up, lambda: n\nup, look = counter()\nup()",
                "look(), up(), look()", (1, 2, 2)),
    "recursion": ("def even(n): return n == 0 or odd(n - 1)\n"
                  "def odd(n): return n != 0 and even(n - 1)",
                  "even(10), odd(10)", (True, False)),
    "defaults and annotations": ("shared = []\ndef f(a, b=shared, *, c: int = 3): return b\nk = f",
                                 "f(1) is shared, f.__kwdefaults__, k is f",
                                 (True, {"c": 3}, True)),
    "lambda in a container": ("base = 2\ntable = {'f': lambda v: v * base}", "table['f'](3)", 6),
    "partial and bound method": ("import functools\nclass C:\n    n = 4\n"
                                 "    def f(self, k): return self.n * k\n"
                                 "c = C()\nm = c.f\np = functools.partial(m, 2)",
                                 "m(1), p(), m.__self__ is c", (4, 8, True)),
    "cached": ("import functools\n@functools.cache\n"
               "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)",
               "fib(20)", 6765),
    "generator function": ("def numbers(n):\n    yield from range(n)", "list(numbers(3))",
                           [0, 1, 2]),
    "nested class": ("class Outer:\n    class Inner:\n        n = 1\n"
                     "    def make(self): return self.Inner()\ni = Outer().make()",
                     "type(i) is Outer.Inner, i.n", (True, 1)),
    "instance in its class": ("class C:\n    pass\nC.only = C()", "type(C.only) is C", True),
}  # fmt: skip


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_definitions_come_back_whole(pod: PodKernel, kind: str) -> None:
    setting, look, seen = DEFINITIONS[kind]
    t = pod.cell(setting)
    pod.run("%reset -f")
    pod.checkout(t)
    assert pod.value(look) == seen
    pod.cell("pass")
    pod.checkout("HEAD")
    assert pod.run(look).error == ""


def test_a_class_defined_again_while_old_instances_live(pod: PodKernel) -> None:
    first = pod.cell("class C:\n    n = 1\nold = C()")
    both = pod.cell("class C:\n    n = 2\nnew = C()")
    assert pod.value("type(old) is C, type(new) is C, old.n, new.n") == (False, True, 1, 2)
    pod.checkout(first)
    assert pod.value("type(old) is C, old.n") == (True, 1)
    pod.checkout(both)
    assert pod.value("type(old) is C, type(new) is C, old.n, new.n") == (False, True, 1, 2)
    pod.run("%reset -f")
    pod.checkout(both)
    assert pod.value("type(old) is C, type(new) is C, old.n, new.n") == (False, True, 1, 2)
    pod.checkout(f"{first} old")
    assert pod.value("old.n, new.n") == (1, 2)


def test_a_class_whose_attribute_changed_is_as_it_was_for_all_its_instances(
    pod: PodKernel,
) -> None:
    t = pod.cell("class C:\n    n = 1\na = C()\nb = [C()]")
    pod.cell("C.n = 2\nC.more = 3")
    pod.checkout(t)
    assert pod.value("C.n, a.n, b[0].n, type(a) is C is type(b[0]), hasattr(C, 'more')") == (
        1, 1, 1, True, False,
    )  # fmt: skip


def test_tracebacks_of_a_restored_function_show_its_code(pod: PodKernel) -> None:
    t = pod.cell("def fail():\n    raise ValueError('marked line')")
    pod.cell("del fail")
    pod.checkout(t)
    assert "raise ValueError('marked line')" in pod.run("%xmode Plain\nfail()").traceback
    assert "marked line" in pod.run("import inspect\nprint(inspect.getsource(fail))").stdout
    pod.run("%xmode Context")


# Names


def test_the_users_underscore_names_are_versioned(pod: PodKernel) -> None:
    t = pod.cell("_x = [1]\n__y = [1]\n_Model_ = [1]")
    pod.cell("_x.append(2)\n__y.append(2)\n_Model_.append(2)")
    assert pod.head["changed"] == ["_Model_", "__y", "_x"]
    pod.checkout(t)
    assert pod.value("_x, __y, _Model_") == ([1], [1], [1])


def test_ipythons_own_names_are_neither_saved_nor_disturbed(pod: PodKernel) -> None:
    t = pod.cell("x = 1")
    assert not {"In", "Out", "_", "exit", "quit", "get_ipython", "_oh"} & set(pod.head["added"])
    shown = pod.run("'shown'").reply["execution_count"]
    pod.checkout(t)
    assert pod.value(f"_, Out[{shown}], _{shown}, In[{shown}]") == ("shown",) * 3 + ("'shown'",)
    assert pod.value("type(exit).__name__, get_ipython().user_ns is globals()") == (
        "ZMQExitAutocall", True,
    )  # fmt: skip
    assert pod.run("_ + '!'").text == "'shown!'"


def test_a_builtin_name_of_the_users_is_versioned_as_any_other(pod: PodKernel) -> None:
    t = pod.cell("list = [1]")
    pod.cell("del list")
    assert pod.value("list((2,))") == [2]
    pod.checkout(t)
    assert pod.value("list") == [1]


def test_outputs_keep_the_live_objects_they_showed(pod: PodKernel) -> None:
    t = pod.cell("x = [1]")
    pod.cell("x.append(2)")
    shown = pod.run("x").reply["execution_count"]
    pod.checkout(t)
    assert pod.value(f"Out[{shown}], x") == ([1, 2], [1])


# Objects that cannot be saved


def test_a_placeholder_stands_in_its_container_and_says_what_it_was(pod: PodKernel) -> None:
    said = pod.heard(
        "import threading\ndef numbers(): yield 1\n"
        "box = {'lock': threading.Lock(), 'rest': [1, 2]}\nsame = box['lock']\n"
        "running = numbers()\nlog = open('log.txt', 'w')"
    )
    assert [line for line in said if "`box`" in line and "_thread.lock" in line]
    assert [line for line in said if "`running`" in line]
    t = pod.head["t"]
    pod.run("log.close()\ndel box, same, running, log")
    shown = pod.checkout(t).text
    for name in ("box", "running", "log", "same"):
        assert f"placeholder in  {name}:" in shown
    assert pod.value("box['rest'], box['lock'] is same") == ([1, 2], True)
    assert f"seen since time {t}" in pod.value("repr(running)")


@pytest.mark.parametrize(
    "use",
    ["next(o)", "o.read()", "o()", "o[0]", "len(o)", "for _ in o: pass", "with o: pass",
     "o + 1", "if o: pass", "1 in o", "o.attribute", "o.x = 1", "o[0] = 1", "del o.x"],
)  # fmt: skip
def test_using_a_placeholder_raises_a_clear_error_where_it_was_used(
    pod: PodKernel, use: str
) -> None:
    pod.run("o = (n for n in range(3))")
    t = pod.head["t"]
    pod.cell("del o")
    pod.checkout(t)
    ran = pod.run(use)
    assert ran.error == (
        "OpaqueObjectError: this is a placeholder for a generator that could not be saved "
        f"(TypeError: cannot pickle 'generator' object), seen since time {t}; run the cell that "
        "makes it again, or have that done by: %pod_checkout T --replay NAME"
    )
    assert f"----> 1 {use}\n" in ran.traceback
    assert ran.reply["status"] == "error"
    assert pod.run("o").error == ""


def test_a_live_opaque_object_that_was_not_touched_stays(pod: PodKernel) -> None:
    t = pod.cell("generator = (n for n in range(3))\nbox = [generator]\nx = 1")
    pod.cell("x = 2")
    ran = pod.checkout(t)
    assert "left in place  box, generator" in ran.text
    assert pod.value("next(generator), next(box[0]), x") == (0, 1, 1)


def test_looking_at_a_placeholder_does_not_change_it(pod: PodKernel) -> None:
    t = pod.cell("box = [(n for n in range(3)), 1]")
    pod.cell("del box")
    pod.checkout(t)
    pod.run("box")
    assert pod.head["changed"] == []
    pod.run("%pod_diff HEAD~1 HEAD box")
    pod.cell("box.append(2)")
    assert pod.run("%pod_diff HEAD~1 HEAD box").text.splitlines()[1] == (
        "~ box: 2 → 3 items, 1 added"
    )
