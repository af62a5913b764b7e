# ruff: noqa: E501
"""DESIGN 4, point 3: classes, and instances of them."""

import sys

from support.form_checks import (  # noqa: F401  (the tests of this table)
    test_it_is_as_it_was_after_a_checkout,
    test_it_is_as_it_was_in_another_process,
    test_it_is_as_it_was_when_loaded,
    test_it_is_no_change_when_saved_again,
)
from support.forms import form

FORMS = [
    form(
        "states of one's own that are tuples",
        """
        import copyreg
        shared = {'name': 1}
        class Three:
            def __reduce__(self): return copyreg.__newobj__, (Three,), (1, {'name': 2}, [3])
            def __setstate__(self, state): self.state = state
        class Two:
            def __reduce__(self): return copyreg.__newobj__, (Two,), (shared, shared)
            def __setstate__(self, state): self.state = state
        class State:
            __slots__ = ('first', 'second')
            def __getstate__(self): return [self.first], {'second': self.second}
            def __setstate__(self, state): self.first, self.second = state[0][0], state[1]['second']
        three, two, slotted = Three(), Two(), State()
        three.state, two.state = (1, {'name': 2}, [3]), (shared, shared)
        slotted.first, slotted.second = shared, [slotted]
        """,
        """
        three.state, two.state[0] is shared, two.state[1] is shared
        slotted.first is shared, slotted.second[0] is slotted
        """,
    ),
    form(
        "nested and local classes",
        """
        class Outer:
            class Inner:
                class Deep:
                    def who(self): return type(self).__qualname__
                def make(self): return Outer.Inner.Deep()
            inner = Inner()
        def factory(tag):
            class Local:
                kind = tag
                def who(self): return Local.kind, tag
            return Local
        A, B = factory('a'), factory('b')
        a, b = A(), B()
        deep = Outer.Inner.Deep()
        def closure():
            class Hidden:
                def other(self): return Hidden()
            return Hidden()
        hidden = closure()
        """,
        """
        deep.who(), type(deep) is Outer.Inner.Deep, type(Outer.inner) is Outer.Inner
        a.who(), b.who(), type(a) is A, type(b) is B, A is B, A.__qualname__
        type(hidden.other()) is type(hidden), type(Outer.inner.make()) is Outer.Inner.Deep
        """,
    ),
    form(
        "super in all its places",
        """
        class A:
            def m(self): return ['A']
            @classmethod
            def c(cls): return ['A', cls.__name__]
            @property
            def p(self): return ['A.p']
            def __init_subclass__(cls, **kw): cls.kw = kw
        class B(A, key=1):
            def m(self): return super().m() + ['B']
            @classmethod
            def c(cls): return super().c() + ['B']
            @property
            def p(self): return super().p + ['B.p']
        class C(A):
            def m(self): return super(C, self).m() + ['C']
        class D(B, C):
            def m(self):
                def nested(): return super(D, self).m() + ['D']
                return nested()
            def klass(self): return __class__
            def comp(self): return [s for s in super().m()]
        d = D()
        sup = super(D, d)
        """,
        """
        d.m(), d.c(), D.c(), d.p, d.klass() is D, d.comp(), B.kw, D.kw
        [k.__name__ for k in D.__mro__], sup.m()
        """,
    ),
    form(
        "dataclasses",
        """
        import dataclasses
        from dataclasses import dataclass, field, InitVar, KW_ONLY
        from typing import ClassVar
        @dataclass
        class Plain:
            x: int
            tags: list = field(default_factory=list)
            shared: ClassVar[list] = []
        @dataclass(frozen=True, slots=True, order=True)
        class Point:
            x: int
            y: int = field(default=0, compare=False, metadata={'unit': 'm'})
        @dataclass(kw_only=True)
        class Kw:
            a: int
            b: int = 2
        @dataclass
        class Base:
            a: int
            _: KW_ONLY
            scale: InitVar[int] = 1
            computed: int = field(init=False, repr=False)
            def __post_init__(self, scale): self.computed = self.a * scale
        @dataclass
        class Child(Base):
            c: str = 'c'
            child: 'Child' = None
        @dataclass(eq=False)
        class Cyclic:
            me: object = None
        @dataclass(slots=True, weakref_slot=True)
        class Weak:
            v: int
            def m(self): return 'Weak'
        @dataclass(unsafe_hash=True)
        class Hashed:
            v: int
        plain, point, kw, base, child = Plain(1), Point(1, 2), Kw(a=1), Base(2, scale=5), Child(3, scale=2)
        cyclic = Cyclic(); cyclic.me = cyclic
        child.child = child
        weak = Weak(1)
        table = {Hashed(1): 'one', point: 'p'}
        made = dataclasses.make_dataclass('Made', [('q', int, 5)])
        instance = made()
        """,
        """
        plain, plain.tags, Plain(1).tags is Plain(1).tags, Plain.shared, point, point < Point(2)
        dataclasses.asdict(point), dataclasses.replace(point, x=9), Point.__slots__
        !exec('point.x = 5')
        [f.name for f in dataclasses.fields(Child)], dataclasses.fields(Point)[1].metadata['unit']
        kw, Kw(a=5), base, base.computed, child.computed, child.child is child, Child.__match_args__
        !Kw(1)
        cyclic.me is cyclic, weak.v, weak.m(), __import__('weakref').ref(weak)() is weak
        table[Hashed(1)], table[point], hash(point) == hash(Point(1, 2)), instance, made(), made.__name__
        dataclasses.fields(Plain)[0].default is dataclasses.MISSING
        """,
        one_letter=True,
    ),
    form(
        "enums",
        """
        import enum
        class Colour(enum.Enum):
            RED = 1
            GREEN = 'g'
            ALIAS = 1
            _ignore_ = ['i']
            def nice(self): return self.name.lower()
            @classmethod
            def default(cls): return cls.RED
            @property
            def bright(self): return self.name + '!'
            @staticmethod
            def s(): return 's'
            @classmethod
            def _missing_(cls, value): return cls.RED if value == 'missing' else None
        class Perm(enum.Flag):
            R = enum.auto(); W = enum.auto(); X = enum.auto()
            RW = R | W
        class IPerm(enum.IntFlag, boundary=enum.KEEP):
            A = 1; B = 4
        class Num(enum.IntEnum):
            ONE = 1; TWO = 2
        class Word(enum.StrEnum):
            HI = enum.auto(); BYE = 'bye'
        class Named(enum.Enum):
            def _generate_next_value_(name, start, count, last): return name * 2
            A = enum.auto(); B = enum.auto()
        @enum.unique
        class Uniq(enum.Enum):
            # Before 3.11.3, Python took () for no value, and made up one that shows its address.
            A = () if enum.sys.version_info >= (3, 11, 3) else 0; B = None
        Func = enum.Enum('Func', 'X Y', start=5)
        class Nested:
            class Mode(enum.Enum):
                ON = True
            mode = Mode.ON
        combo = Perm.R | Perm.X
        chosen = {Colour.RED: 1, Num.TWO: combo, Word.HI: IPerm(9)}
        """,
        """
        Colour(1) is Colour.RED, Colour.ALIAS is Colour.RED, Colour['GREEN'].nice(), Colour.default() is Colour.RED
        list(Colour), len(Colour), list(Colour.__members__), Colour.RED.bright, Colour.s(), Colour('missing')
        !Colour('other')
        combo, Perm.R in combo, ~combo, Perm.RW, list(combo), combo == Perm.R | Perm.X, Perm(5) is combo
        IPerm(9), IPerm.A | 8, Num.TWO + 1, Num(1) is Num.ONE, Word.HI, Word.HI.upper(), Word('bye')
        Named.A.value, Named.B.value, list(Uniq), list(Func), Func.X.value, Nested.mode is Nested.Mode.ON
        chosen[Colour.RED], chosen[Num.TWO] is combo, repr(chosen), type(chosen[Word.HI]) is IPerm
        isinstance(Colour.RED, Colour), type(Colour).__name__, Perm.R.value, Colour.__doc__
        """,
    ),
    form(
        "enums with values of their own making",
        """
        import enum, dataclasses
        class Planet(enum.Enum):
            EARTH = (5.97, 6.37)
            MARS = (0.64, 3.39)
            def __init__(self, mass, radius): self.mass, self.radius = mass, radius
            @property
            def ratio(self): return self.mass / self.radius
        class Coordinate(bytes, enum.Enum):
            def __new__(cls, value, label, unit):
                obj = bytes.__new__(cls, [value])
                obj._value_ = value
                obj.label, obj.unit = label, unit
                return obj
            PX = (0, 'P.X', 'km')
            VX = (3, 'V.X', 'km/s')
        class Auto(enum.Enum):
            def __new__(cls):
                obj = object.__new__(cls)
                obj._value_ = len(cls.__members__) + 1
                return obj
            ONE = (); TWO = ()
        class HttpStatus(enum.IntEnum):
            def __new__(cls, value, phrase):
                obj = int.__new__(cls, value); obj._value_ = value; obj.phrase = phrase
                return obj
            OK = 200, 'Okay'
            GONE = 410, 'Gone'
        class Described(str, enum.Enum):
            A = 'a'
            B = 'b'
            def __str__(self): return 'described ' + self.value
        class Mixin:
            def mixed(self): return 'mixed ' + self.name
        class Mixed(Mixin, enum.Enum):
            A = [1]
        class When(float, enum.Enum):
            HALF = 0.5
        @dataclasses.dataclass
        class Creature:
            size: str
            legs: int = 4
        class Beast(Creature, enum.Enum):
            BEETLE = 'small', 6
            DOG = 'medium'
        class Op(enum.Enum):
            ADD = enum.member(lambda a, b: a + b)
            nonmember = enum.nonmember([5])
            def __call__(self, *a): return self.value(*a)
        class Rest(enum.Enum):
            def __new__(cls, value, *rest):
                obj = object.__new__(cls)
                obj._value_, obj.rest = value, rest
                return obj
        class First(Rest):
            A = 1, 2, 3
        class HasNew:
            def __new__(cls, value):
                obj = object.__new__(cls)
                obj.twice, obj._value_ = 2 * value, value
                return obj
        class Mixed2(HasNew, enum.Enum):
            A = 3
        all_of = [Mixed2.A, First.A, Planet.MARS, Coordinate.VX, Auto.TWO, HttpStatus.GONE, Described.B, Mixed.A, When.HALF, Beast.BEETLE]
        """,
        """
        Planet.EARTH.mass, Planet.MARS.ratio, Planet((0.64, 3.39)) is Planet.MARS, Planet.MARS.value
        Coordinate.VX.label, Coordinate.VX.value, bytes(Coordinate.VX), Coordinate(3) is Coordinate.VX
        Coordinate.PX == b'\\0', Auto.TWO.value, Auto(1) is Auto.ONE, list(Auto)
        HttpStatus(410).phrase, HttpStatus.OK + 1, HttpStatus.OK == 200, HttpStatus.GONE.value
        str(Described.A), Described('b') is Described.B, Described.A == 'a', Mixed.A.mixed(), Mixed.A.value
        When.HALF * 2, Beast.BEETLE.legs, Beast.BEETLE.size, Beast.DOG.legs, Beast.DOG.value
        First(1) is First.A, First.A.rest, exec('class Later(Rest): Z = 9, 8') or Later.Z.rest
        Coordinate._new_member_.__qualname__, First._new_member_ is Rest.__new_member__
        Mixed2.A.twice, Mixed2(3) is Mixed2.A, Mixed2._new_member_.__qualname__
        Op.ADD(1, 2), len(Op), Op['ADD'].name, Op.nonmember, [m is type(m)[m.name] for m in all_of]
        """,
    ),
    form(
        "an enum's own machinery and a metaclass of the user's",
        """
        import enum
        log = []
        class Meta(enum.EnumMeta):
            def __call__(cls, value, *args, **kw):
                if isinstance(value, str) and value in cls.__members__: return cls[value]
                return super().__call__(value, *args, **kw)
            def shout(cls): return cls.__name__.upper()
        class Kind(enum.Enum, metaclass=Meta):
            A = 1
            B = 2
            def __init__(self, v): log.append(v)
        class Base(enum.Enum):
            def hello(self): return 'hello ' + self.name
            @classmethod
            def names(cls): return [m.name for m in cls]
        class Derived(Base):
            X = 1
        class Ordered(enum.Enum):
            LOW = 1; HIGH = 2
            def __lt__(self, other): return self.value < other.value
            def __hash__(self): return hash(self.value)
            def __eq__(self, other): return self.value == getattr(other, 'value', other)
        Ordered.extra = ['later']
        Derived.X.note = 'noted'
        """,
        """
        Kind('A') is Kind.A, Kind(2) is Kind.B, Kind.shout(), type(Kind) is Meta, log
        Derived.X.hello(), Derived.names(), Derived.X.note, sorted([Ordered.HIGH, Ordered.LOW]), Ordered.LOW == 1
        Ordered.extra, {Ordered.LOW: 1}[Ordered.LOW]
        """,
    ),
    form(
        "typed dicts",
        """
        import typing
        class Movie(typing.TypedDict, total=False):
            name: typing.Required[str]
            year: int
        movie: Movie = {'name': 'x'}
        """,
        """
        Movie.__required_keys__, Movie.__optional_keys__, Movie.__total__, Movie(name='a'), movie
        """,
        resaved=False,  # the class has sets of names: in any order
    ),
    form(
        "named tuples, protocols, generics",
        """
        import collections, typing, sys
        Pair = collections.namedtuple('Pair', 'left right', defaults=[[]])
        class Row(typing.NamedTuple):
            'A row.'
            a: int
            b: str = 'b'
            def total(self): return self.a * 2
        class Sub(Pair):
            __slots__ = ()
            @property
            def both(self): return self.left, self.right
        class Loose(Pair): pass
        @typing.runtime_checkable
        class Closes(typing.Protocol):
            def close(self) -> None: ...
        class File:
            def close(self): pass
        T = typing.TypeVar('T')
        class Box(typing.Generic[T]):
            items: list[T]
            def __init__(self, item: T): self.item = item
            def get(self) -> T: return self.item
        class IntBox(Box[int]): pass
        pair, row, sub, loose = Pair(1), Row(2), Sub(3, 4), Loose(5, 6); loose.note = 1
        box, int_box, typed = Box('s'), IntBox(1), Box[str]('t')
        spec = Box[int]
        """,
        """
        pair, pair.right, Pair._fields, pair._replace(left=9), Pair._field_defaults, pair.right is Pair(2).right
        row, row.total(), Row.__doc__, Row._field_defaults, row._asdict(), sub.both, loose, loose.note
        isinstance(File(), Closes), isinstance(5, Closes), issubclass(File, Closes), getattr(Closes, '_is_protocol')
        box.get(), int_box.get(), typed.__orig_class__ == Box[str], spec == Box[int], spec(5).item
        IntBox.__orig_bases__, Box.__parameters__[0] is T, typing.get_type_hints(Box), isinstance(int_box, Box)
        !Row()
        """,
        one_letter=True,
    ),
    form(
        "metaclasses",
        """
        log = []
        class Meta(type):
            registry = {}
            def __prepare__(name, bases, **kw): return {'prepared': name}
            def __new__(mcls, name, bases, body, **kw):
                cls = super().__new__(mcls, name, bases, body)
                cls.kw = kw
                log.append('new ' + name)
                return cls
            def __init__(cls, name, bases, body, **kw):
                super().__init__(name, bases, body)
                Meta.registry[name] = cls
            def __call__(cls, *args):
                made = super().__call__(*args)
                made.called = True
                return made
            def __getattr__(cls, name): return 'meta ' + name
            def __len__(cls): return 3
            def __iter__(cls): return iter('abc')
            def __contains__(cls, x): return x == 1
            def __instancecheck__(cls, obj): return obj == 'instance' or super().__instancecheck__(obj)
            def __setattr__(cls, name, value):
                log.append('set ' + name) if name[0] != '_' and name != 'kw' else None
                super().__setattr__(name, value)
            @property
            def prop(cls): return 'prop of ' + cls.__name__
        class A(metaclass=Meta, option=1): x = 1
        class B(A): pass
        class Singleton(type):
            _made = {}
            def __call__(cls, *args):
                if cls not in cls._made: cls._made[cls] = super().__call__(*args)
                return cls._made[cls]
        class Only(metaclass=Singleton): pass
        only = Only()
        b = B()
        A.later = 5
        class MetaMeta(type): pass
        class Meta2(type, metaclass=MetaMeta): pass
        class M(metaclass=Meta2): pass
        Dynamic = type('Dynamic', (A,), {'y': 2})
        """,
        """
        type(A) is Meta, A.kw, B.kw, A.prepared, Meta.registry['B'] is B, list(Meta.registry), log
        b.called, B().called, A.anything, len(A), list(A), 1 in A, isinstance('instance', A), A.prop
        Only() is only, type(M) is Meta2, type(Meta2) is MetaMeta, Dynamic.y, Dynamic.kw, A.later
        exec('class New(A): pass') or (New.prepared, Meta.registry['New'] is New)
        """,
    ),
    form(
        "abstract base classes",
        """
        import abc, collections.abc
        class Shape(abc.ABC):
            @abc.abstractmethod
            def area(self): ...
            @property
            @abc.abstractmethod
            def name(self): ...
        class Square(Shape):
            name = 'square'
            def area(self): return 4
        class Half(Shape):
            def area(self): return 1
        @Shape.register
        class Odd: pass
        Shape.register(complex)
        class Hooked(abc.ABC):
            @classmethod
            def __subclasshook__(cls, other): return True if hasattr(other, 'hook') else NotImplemented
        class HasHook: hook = 1
        class Seq(collections.abc.Sequence):
            def __getitem__(self, i): return [1, 2, 3][i]
            def __len__(self): return 3
        class Own(dict, collections.abc.MutableMapping): pass
        square, seq = Square(), Seq()
        isinstance(square, Shape)
        """,
        """
        !Shape()
        !Half()
        square.area(), square.name, isinstance(Odd(), Shape), isinstance(1j, Shape), issubclass(int, Shape)
        isinstance(HasHook(), Hooked), isinstance(1, Hooked), list(reversed(seq)), 2 in seq, seq.index(3)
        sorted(Shape.__abstractmethods__), Shape.area.__isabstractmethod__, isinstance(Own(), dict)
        """,
    ),
    form(
        "properties, descriptors, slots",
        """
        class Temp:
            def __init__(self): self._c = 1
            @property
            def c(self): 'Celsius'; return self._c
            @c.setter
            def c(self, v): self._c = v
            @c.deleter
            def c(self): self._c = None
        class Hot(Temp):
            @Temp.c.getter
            def c(self): return 'hot'
        class Typed:
            def __init__(self, kind): self.kind = kind
            def __set_name__(self, owner, name): self.owner, self.name = owner, name
            def __get__(self, obj, cls): return self if obj is None else obj.__dict__.get(self.name)
            def __set__(self, obj, value): obj.__dict__[self.name] = self.kind(value)
        class NonData:
            def __get__(self, obj, cls): return 'non-data'
        class Uses:
            n = Typed(int)
            d = NonData()
        class Slotted:
            __slots__ = ('a', 'b')
        class SlottedChild(Slotted):
            __slots__ = ('c',)
        class WithDict(Slotted): pass
        class Weak: __slots__ = ('x', '__weakref__', '__dict__')
        class Private: __slots__ = ('__hidden', '_one')
        class DictSlots: __slots__ = {'doc': 'documented'}
        class OneSlot: __slots__ = 'only'
        temp, hot, uses = Temp(), Hot(), Uses()
        uses.n = '5'; temp.c = 9; uses.d = 'own'
        s, sc, wd, w = Slotted(), SlottedChild(), WithDict(), Weak()
        s.a = [s]; sc.a, sc.c = 1, s; wd.a, wd.extra = 1, 2; w.x, w.y = 1, 2
        p = Private(); p._Private__hidden = 'h'
        ds, one = DictSlots(), OneSlot(); ds.doc = 1; one.only = 2
        """,
        """
        temp.c, exec('del temp.c') or temp.c, hot.c, Temp.c.__doc__, exec('hot.c = 4') or hot._c
        uses.n, Uses.n.owner is Uses, Uses.n.name, Uses.n.kind, uses.d
        s.a[0] is s, hasattr(s, 'b'), sc.c is s, sc.a, wd.a, wd.extra, w.x, w.y, p._Private__hidden
        !exec('s.other = 1')
        !exec('uses.n = "text"')
        ds.doc, one.only, Slotted.__slots__, DictSlots.__slots__, OneSlot.__slots__, hasattr(wd, '__dict__')
        """,
        one_letter=True,
    ),
    form(
        "classes and instances changed by hand",
        """
        class A:
            def m(self): return 'old m'
        class Other:
            def m(self): return 'other m'
        a, b, c = A(), A(), A()
        A.m = lambda self: 'new m'
        def added(self): return 'added', self.v
        A.added = added
        A.count = 0
        a.v = 1
        b.__class__ = Other
        b.tag = 'tagged'
        c.m = lambda: 'instance m'
        Other.__doc__ = 'documented later'
        Other.__name__ = 'Renamed'
        A.__annotations__ = {'v': int}
        setattr(A, 'not an identifier', 5)
        del A.count
        class WithHook(A): pass
        WithHook.__bases__ = (Other,)
        """,
        """
        a.m(), a.added(), type(b) is Other, b.m(), b.tag, c.m(), Other.__doc__, Other.__name__
        A.__annotations__, getattr(A, 'not an identifier'), hasattr(A, 'count'), A.added is added
        WithHook().m(), WithHook.__mro__[1] is Other
        """,
    ),
    form(
        "class attributes changed in place",
        """
        class Counter:
            total = 0
            seen = []
            def __init__(self): Counter.total += 1; Counter.seen.append(self)
        one = Counter()
        # %%
        two = Counter()
        Counter.seen.append('more')
        """,
        """
        Counter.total, len(Counter.seen), Counter.seen[0] is one, Counter.seen[1] is two, Counter.seen[2]
        Counter() and Counter.total
        """,
    ),
    form(
        "a class defined again while instances of the old one live on",
        """
        class A:
            version = 1
            def m(self): return 'm1', A.version
        old = A(); old.x = 1
        Old = A
        class Sub(A): pass
        sub = Sub()
        # %%
        class A:
            version = 2
            def m(self): return 'm2', A.version
        new = A()
        # %%
        both = [old, new, sub]
        """,
        """
        type(old) is Old, type(new) is A, type(old) is A, isinstance(sub, Old), isinstance(sub, A)
        old.m(), new.m(), sub.m(), old.version, new.version, [x.version for x in both], Old is A
        both[0] is old, both[1] is new, Old.__name__, Old.__qualname__
        """,
    ),
    form(
        "class attributes of many kinds",
        """
        class A:
            instance = None
            table = {'self': None}
            nested = [[]]
            f = staticmethod(len)
            def __class_getitem__(cls, key): return (cls.__name__, key)
            def __init_subclass__(cls, tag=None, **kw): super().__init_subclass__(**kw); cls.tag = tag
            def __matmul__(self, other): return 'matmul'
            def __format__(self, spec): return 'formatted ' + spec
            def __getattr__(self, name):
                if name.startswith('dyn_'): return name
                raise AttributeError(name)
            def __contains__(self, x): return True
            def __enter__(self): return self
            def __exit__(self, *e): return True
            __hash__ = None
            def __eq__(self, other): return True
        A.instance = A()
        A.table['self'] = A
        A.instance.back = A.table
        class B(A, tag='t'): pass
        alias = A.nested
        table_dict = {'s': staticmethod(len), 'c': classmethod(lambda cls: cls), 'p': property(lambda s: 1)}
        """,
        """
        type(A.instance) is A, A.table['self'] is A, A.instance.back is A.table, A.f('ab'), A['k'], B.tag
        A() @ 1, f'{A():x}', A().dyn_x, 5 in A(), A.nested is alias, A.__hash__, A() == 5
        !A().other
        table_dict['s']('ab'), type(table_dict['c']).__name__, table_dict['p'].fget(0)
        exec('class C(B, tag=5): pass') or C.tag
        """,
        one_letter=True,
    ),
    form(
        "total ordering, mixins, multiple inheritance, cooperative init",
        """
        import functools, contextlib
        @functools.total_ordering
        class V:
            def __init__(self, n): self.n = n
            def __lt__(self, o): return self.n < o.n
            def __eq__(self, o): return self.n == o.n
        class LoggingMixin:
            log = []
            def __init__(self, *a, **k): self.log.append(type(self).__name__); super().__init__(*a, **k)
        class Data(LoggingMixin, dict): pass
        class Stack(contextlib.ExitStack): pass
        data = Data(a=1)
        values = [V(2), V(1)]
        class Meta1(type): pass
        class Int(int, metaclass=Meta1):
            def __add__(self, o): return Int(int(self) + o)
        i = Int(5)
        """,
        """
        V(1) <= V(2), V(3) > V(2), sorted(values)[0].n, data, data.log, type(data).__mro__[1] is LoggingMixin
        type(i + 1) is Int, i + 1, type(Int) is Meta1
        """,
    ),
    form(
        "class decorators and registries",
        """
        registry = {}
        def register(cls):
            registry[cls.__name__] = cls
            cls.registered = True
            return cls
        def wrapping(cls):
            class Wrapped(cls):
                wrapped = cls
            Wrapped.__name__ = cls.__name__
            return Wrapped
        @register
        class A: pass
        @wrapping
        class B:
            def m(self): return 'B.m'
        b = B()
        class Plugin:
            plugins = []
            def __init_subclass__(cls): Plugin.plugins.append(cls)
        class P1(Plugin): pass
        class P2(Plugin): pass
        instances = [P1(), P2()]
        import collections.abc, typing
        made = []
        class Seq(collections.abc.Sequence):
            def __init_subclass__(cls, tag): made.append(tag)
            def __len__(self): return 1
            def __getitem__(self, i): return 'item'
        class S1(Seq, tag='s1'): pass
        V = typing.TypeVar('V')
        class Gen(typing.Generic[V]):
            def __init_subclass__(cls, tag): made.append(tag); super().__init_subclass__()
        class G1(Gen[int], tag='g1'): pass
        class Dic(dict):
            def __init_subclass__(cls, tag): made.append(tag)
        class D1(Dic, tag='d1'): pass
        class Err(Exception):
            def __init_subclass__(cls, tag): made.append(tag)
        class E1(Err, tag='e1'): __slots__ = ('field',)
        of_bases = [S1(), G1(), D1(a=1), E1('e')]
        """,
        """
        registry['A'] is A, A.registered, b.m(), type(b) is B, B.wrapped.__name__, type(b).__mro__[1] is B.wrapped
        Plugin.plugins == [P1, P2], [type(x) for x in instances] == Plugin.plugins
        exec('class P3(Plugin): pass') or len(Plugin.plugins)
        made, of_bases[0][0], of_bases[2], of_bases[3].args, [type(x).__mro__[1].__name__ for x in of_bases]
        """,
    ),
]

if sys.version_info >= (3, 12):
    FORMS += [
        form(
            "type parameters and type aliases",
            """
            import typing
            class Box[T]:
                item: T
                def get(self) -> T: return self.item
            def first[T: int](xs: list[T]) -> T: return xs[0]
            class Child[K, V](Box[V]): pass
            type Pairs[T] = list[tuple[T, T]]
            type Simple = int | str
            box = Box(); box.item = 1
            child = Child()
            held = [Simple, Pairs[int]]
            """,
            """
            box.get(), type(box) is Box, Box.__type_params__, first([3]), first.__type_params__[0].__bound__
            Child.__type_params__, isinstance(child, Box), Simple.__value__, Simple.__name__, held[0] is Simple
            Pairs.__value__, Pairs[int], Pairs.__type_params__, held[1] == Pairs[int], Box[int]
            first.__annotations__['return'] is first.__type_params__[0]
            """,
        ),
    ]
