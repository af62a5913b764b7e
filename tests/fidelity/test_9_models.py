# ruff: noqa: E501
"""Classes of a notebook that attrs, pydantic and msgspec make, and what else they are found by."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pod
import pytest
from support.form_checks import (  # noqa: F401  (the tests of this table)
    test_it_is_as_it_was_after_a_checkout,
    test_it_is_as_it_was_in_another_process,
    test_it_is_as_it_was_when_loaded,
    test_it_is_no_change_when_saved_again,
)
from support.forms import form, new_namespace, run

FORMS = [
    form(
        "attrs",
        """
        import attrs
        factor = 2
        @attrs.define
        class A:
            x: int = attrs.field(converter=int)
            tags: list = attrs.field(factory=list)
            def up(self): return self.x * factor
        @attrs.frozen
        class B(A):
            z: 'A | None' = None
        @attrs.define(slots=False, order=True)
        class C:
            n: int = attrs.field(default=3, validator=attrs.validators.instance_of(int))
        a = A('1', ['t'])
        b = B(2, z=a)
        a.tags.append(a)
        c = C(4)
        c.more = 5
        """,
        """
        a.up(), a.tags[0], a.tags[1] is a, b.z is a, b.up(), c.n, c.more, C(9) > c, C().n
        A('7').x, A(1).tags, B(3).z, B(1) == B(1), hash(B(1, [].copy)) != 0, repr(C(2))
        type(a) is A, isinstance(b, A), [f.name for f in attrs.fields(B)], attrs.evolve(c, n=8).n
        !C('text')
        !setattr(b, 'x', 3)
        exec('factor = 10') or a.up()
        """,
        one_letter=True,
    ),
    form(
        "pydantic",
        """
        import enum, typing
        from pydantic import BaseModel, Field, PrivateAttr, computed_field, field_validator
        factor, limit = 2, 10
        class Colour(enum.Enum):
            RED = 'r'
        class Item(BaseModel):
            x: int = Field(gt=0)
            tags: list[str] = Field(default_factory=list)
            following: 'Item | None' = None
            colour: Colour = Colour.RED
            _hidden: int = PrivateAttr(default=3)
            def up(self): return self.x * factor
            @field_validator('x')
            @classmethod
            def small(cls, value):
                if value > limit: raise ValueError('too much')
                return value
            @computed_field
            @property
            def square(self) -> int: return self.x ** 2
        class Special(Item):
            more: dict[str, Item] = {}
        last = Item(x=2)
        item = Item(x=1, tags=['a'], following=last)
        item._hidden = 9
        special = Special(x=3, more={'item': item})
        """,
        """
        item.model_dump(mode='json'), item.up(), item.square, item._hidden, item.following is last
        special.more['item'] is item, special.up(), type(item) is Item, isinstance(special, Item)
        Item(x='4').x, Item.model_validate_json('{"x": 5}').square, sorted(Special.model_fields)
        Item.model_json_schema()['$defs']['Item']['required'], item.colour is Colour.RED, Item(x=1)._hidden
        !Item(x=-1)
        exec('limit = 5') or 'narrower'
        !Item(x=6)
        """,
        resaved=False,  # an instance has the set of its fields that were given: in any order
    ),
    form(
        "generic models of pydantic",
        """
        import typing
        from pydantic import BaseModel, RootModel, create_model
        T = typing.TypeVar('T')
        class Box(BaseModel, typing.Generic[T]):
            value: T
        class Numbers(RootModel[list[int]]): pass
        Made = create_model('Made', a=(int, 3))
        box, nested = Box[int](value=3), Box[Box[int]](value=Box[int](value=4))
        class IntBox(Box[int]):
            more: int = 1
        own = IntBox(value=5)
        numbers, made = Numbers([1, 2]), Made(a='4')
        """,
        """
        type(box) is Box[int], type(nested) is Box[Box[int]], type(nested.value) is Box[int]
        IntBox.__mro__[1] is Box[int], isinstance(own, Box[int]), own.model_dump(), Box[str](value='a').value
        numbers.root, type(numbers) is Numbers, made.a, type(made) is Made, Made(a='5').a
        !Box[int](value='text')
        """,
        one_letter=True,
    ),
    form(
        "structs of msgspec",
        """
        import msgspec, typing
        factor = 2
        class S(msgspec.Struct, frozen=True, tag='s', rename='camel', order=True):
            the_x: int
            y: str = 'a'
            z: list = []
            made: dict = msgspec.field(default_factory=dict)
            known: typing.ClassVar[int] = 3
            def up(self): return self.the_x * factor
        class D(S, kw_only=True):
            q: typing.Annotated[int, msgspec.Meta(gt=1)]
            r: object = None
        class After(msgspec.Struct, dict=True, weakref=True):
            n: int = 1
            def __post_init__(self): self.twice = self.n * 2
        s, after = S(1), After(3)
        d = D(2, q=3, r=s)
        after.more = [s]
        """,
        """
        s.up(), d.up(), S.known, d.r is s, s < S(2), S(1) == s, S(3).z, S(3).made is S(3).made
        msgspec.json.encode(d), msgspec.json.decode(msgspec.json.encode(S(4)), type=S), D.__struct_fields__
        type(s) is S, isinstance(d, S), after.twice, after.more[0] is s, After(5).twice, repr(D(1, q=2))
        D.__annotations__['q'].__metadata__
        !S()
        !setattr(s, 'the_x', 3)
        !msgspec.json.decode(b'{"type": "s", "theX": "text"}', type=S)
        """,
        one_letter=True,
    ),
]


def test_a_class_of_attrs_is_not_made_of_the_variables_that_there_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The methods that attrs writes have a copy of the module's dictionary."""
    live = new_namespace()
    run("import attrs\nbig = ['x' * 1000 for _ in range(100)]\nstays = open('/dev/null')", live)
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "__main__", types.SimpleNamespace(**live))
        run("@attrs.define\nclass A:\n    x: 'list' = None\na = A()", live)
    assert "big" in live["A"].__init__.__globals__
    with pod.open(tmp_path / ".pod", snapshot="inline") as store:
        first = store.save(live)
        run("big.append(1)", live)
        later = store.save(live)
        assert store.diff(first, later, values=False).changed == ("big",)
        loaded = store.load(later, {"a"})
        assert set(loaded) == {"a"} and repr(loaded["a"]) == "A(x=None)"
        assert "stays" not in type(loaded["a"]).__init__.__globals__


@pytest.mark.parametrize("snapshot", ["inline", "fork", "thread"])
@pytest.mark.parametrize("name", ["stdout", "stderr", "__stdin__"])
def test_the_streams_are_those_of_the_process(name: str, snapshot: str, tmp_path: Path) -> None:
    live = new_namespace()
    run(f"import sys\nheld = [sys.{name}, sys.{name}.fileno]\nstream = sys.{name}", live)
    with pod.open(tmp_path / ".pod", snapshot=snapshot) as store:
        loaded = store.load(store.save(live))
    stream = live["stream"]
    assert loaded["stream"] is stream and loaded["held"][0] is stream
    assert loaded["held"][1].__self__ is stream
