# ruff: noqa: E501
"""DESIGN 4, point 1: types, values, sharing and cycles, across variables."""

from support.form_checks import (  # noqa: F401  (the tests of this table)
    test_it_is_as_it_was_after_a_checkout,
    test_it_is_as_it_was_in_another_process,
    test_it_is_as_it_was_when_loaded,
    test_it_is_no_change_when_saved_again,
)
from support.forms import form

FORMS = [
    form(
        "atoms",
        """
        import math
        nan = math.nan
        floats = [nan, nan, float('inf'), -float('inf'), -0.0, 0.0, 5e-324, 1.7976931348623157e308]
        numbers = [True, False, 0, 1, -7, 2**64, -2**64, 1j, complex(-0.0, nan), 0.1 + 0.2]
        texts = ['', 'a', 'ä€😀', '\\ud800', '\\0', 'x' * 70]
        raw = [b'', b'\\0\\xff', bytes(range(256))]
        others = [None, ..., NotImplemented, range(3, 9, 2), slice(1, None, -1)]
        """,
        """
        repr(floats)
        [f.hex() for f in floats]
        floats[0] is floats[1], floats[0] is nan, nan in floats, floats.index(nan)
        repr(numbers), [type(n).__name__ for n in numbers]
        texts, raw, others
        others[0] is None, others[1] is ..., others[2] is NotImplemented
        """,
    ),
    form(
        "NaN as a key and an element, where it is compared by identity",
        """
        import math
        import numpy as np
        nan = math.nan
        table = {nan: 1, 'other': nan, np.nan: 2}
        two = [float('nan'), float('nan'), np.nan]
        group = {nan}
        values = {float('nan'): 1, float('nan'): 2}
        """,
        """
        table[table['other']], table[math.nan], table[np.nan], nan in group, np.nan in two
        two[0] is two[1], two[2] is np.nan, two.index(np.nan), len(values), list(values.values())
        next(iter(values)) in values, nan is math.nan
        """,
    ),
    form(
        "numpy's nan is numpy's",
        """
        import numpy as np
        box = [np.nan, float('nan')]
        scalars = [np.float32('nan'), np.float64(2.5), np.int8(-1), np.bool_(True), np.str_('s')]
        """,
        """
        [type(s).__name__ for s in scalars], repr(scalars)
        np.isnan(box).tolist()
        """,
    ),
    form(
        "huge integers and strings",
        """
        import hashlib
        big = 7 ** 2_000_000
        negative = -(3 ** 20_000)
        text = 'äb' * 2_000_000
        raw = b'0123456789' * 400_000
        held = [big, text, {'raw': raw}]
        """,
        """
        big == 7 ** 2_000_000, negative == -(3 ** 20_000)
        held[0] == big, held[1] == text, held[2]['raw'] == raw
        hashlib.sha256(text.encode()).hexdigest(), hashlib.sha256(raw).hexdigest()
        """,
    ),
    form(
        "order of dicts and sets",
        """
        import collections
        plain = dict.fromkeys('zebra')
        plain['z'] = plain.pop('z')
        ordered = collections.OrderedDict.fromkeys('abcde')
        ordered.move_to_end('b')
        ordered.move_to_end('e', last=False)
        numbers = {5, 1, 64, 33}
        frozen = frozenset(range(20))
        """,
        """
        list(plain), list(ordered), list(reversed(ordered))
        ordered.popitem(), ordered.popitem(last=False)
        list(numbers), list(frozen)
        """,
    ),
    form(
        "a list in itself, a dict's value itself, a tuple in its own list",
        """
        l = [1]; l.append(l)
        d = {}; d['me'] = d
        t = ([],); t[0].append(t)
        ll = [t[0], l, d]
        deep = {'k': [({},)]}; deep['k'][0][0]['back'] = deep
        """,
        """
        l[1] is l, d['me'] is d, t[0][0] is t
        ll[0] is t[0], ll[1] is l, ll[2] is d
        deep['k'][0][0]['back'] is deep
        """,
    ),
    form(
        "cycles through containers of the library",
        """
        import collections
        q = collections.deque([1], maxlen=5); q.append(q)
        o = collections.OrderedDict(); o['me'] = o
        dd = collections.defaultdict(list); dd['me'] = dd; dd['q'] = q
        cm = collections.ChainMap({}); cm['me'] = cm
        ud = collections.UserDict(); ud['me'] = ud
        ul = collections.UserList([]); ul.append(ul)
        """,
        """
        q[1] is q, q.maxlen, o['me'] is o, dd['me'] is dd, dd['q'] is q
        cm['me'] is cm, ud['me'] is ud, ul[0] is ul
        dd['new'], type(dd).__name__, type(o).__name__
        """,
    ),
    form(
        "instances in cycles, also as keys and elements",
        """
        class Node:
            def __init__(self, name):
                self.name = name
                self.links = []
        a, b = Node('a'), Node('b')
        a.links.append(b); b.links.append(a)
        a.keyed = {b: a}
        b.among = {a, b}
        a.frozen = frozenset([a])
        pair = (a, b)
        a.pair = pair
        """,
        """
        a.links[0] is b, b.links[0] is a, type(a) is Node, type(b) is Node
        a.keyed[b] is a, a in b.among, b in b.among, len(b.among)
        a in a.frozen, a.pair is pair, pair[0] is a
        """,
        resaved=False,
    ),
    form(
        "an instance that hashes by its attributes, as a key and an element",
        """
        class Point:
            def __init__(self, x): self.x = x
            def __hash__(self): return hash(self.x)
            def __eq__(self, other): return self.x == other.x
        table = {Point(1): 'one', Point(2): 'two'}
        group = {Point(3), Point(4)}
        frozen = frozenset({Point(5)})
        inside = Point(6)
        inside.others = {Point(7): inside}
        """,
        """
        table[Point(1)], table[Point(2)], Point(3) in group, Point(5) in frozen
        inside.others[Point(7)] is inside
        """,
    ),
    form(
        "one object under several variables",
        """
        shared = [1]
        a = {'s': shared}
        b = (shared, [shared])
        class Box: pass
        c = Box(); c.s = shared; c.me = c
        alias = c
        buffer = bytearray(b'abc')
        held = [buffer]
        """,
        """
        a['s'] is shared, b[0] is shared, b[1][0] is shared, c.s is shared, alias is c, c.me is c
        held[0] is buffer
        shared.append(2) or (a['s'], b[0], c.s)
        buffer.extend(b'd') or held[0]
        """,
    ),
    form(
        "equal objects stay two",
        """
        a = [1]; b = [1]
        pair = ([], [])
        """,
        """
        a is b, pair[0] is pair[1]
        a.append(2) or b
        """,
    ),
    form(
        "a sentinel compared by identity",
        """
        MISSING = object()
        def get(table, key, default=MISSING):
            found = table.get(key, MISSING)
            if found is MISSING and default is MISSING:
                return 'missing'
            return default if found is MISSING else found
        table = {'a': MISSING}
        class Config:
            unset = MISSING
            def __init__(self, value=MISSING): self.value = value
        config = Config()
        """,
        """
        get({}, 'a'), get({}, 'a', 2), get({'a': 1}, 'a'), get(table, 'a')
        table['a'] is MISSING, Config.unset is MISSING, config.value is MISSING
        Config().value is MISSING, get.__defaults__[0] is MISSING
        """,
    ),
    form(
        "sentinels that are enum members, strings and classes",
        """
        import enum, sys
        class Sentinel(enum.Enum):
            UNSET = object()
        class MissingType:
            _only = None
            def __new__(cls):
                if cls._only is None:
                    cls._only = super().__new__(cls)
                return cls._only
            def __repr__(self): return 'MISSING'
            def __bool__(self): return False
        MISSING = MissingType()
        mark = sys.intern('a sentinel string')
        held = [Sentinel.UNSET, MISSING, mark, int, Sentinel]
        """,
        """
        held[0] is Sentinel.UNSET, held[1] is MISSING, held[3] is int, held[4] is Sentinel
        MissingType() is MISSING, MISSING
        """,
    ),
    form(
        "exceptions with all they carry",
        """
        class Custom(Exception):
            def __init__(self, code, *, detail):
                super().__init__(f'code {code}')
                self.code = code
                self.detail = detail
        def make():
            try:
                try:
                    1 / 0
                except ZeroDivisionError as inner:
                    raise Custom(7, detail=['d']) from inner
            except Custom as error:
                error.add_note('a note')
                return error
        error = make()
        def chained():
            try:
                try:
                    {}['k']
                except KeyError:
                    raise ValueError('second', 2)
            except ValueError as found:
                return found
        context = chained()
        quiet = chained()
        quiet.__suppress_context__ = True
        """,
        """
        type(error) is Custom, error.args, error.code, error.detail, str(error)
        repr(error.__cause__), repr(error.__context__), error.__suppress_context__
        error.__cause__ is error.__context__
        error.__notes__
        repr(context.__context__), context.__cause__, context.__suppress_context__, context.args
        quiet.__suppress_context__
        """,
    ),
    form(
        "exceptions of the interpreter with fields of their own",
        """
        def caught(call):
            try:
                call()
            except BaseException as error:
                return error
        class Obj: pass
        def stop(): raise StopIteration(5)
        def leave(): raise SystemExit(3)
        errors = [
            caught(lambda: open('/nonexistent/file')),
            caught(lambda: b'\\xff'.decode('utf-8')),
            caught(lambda: '\\ud800'.encode('utf-8')),
            caught(lambda: compile('a b', 'f', 'exec')),
            caught(lambda: undefined_name),
            caught(lambda: Obj.nothing),
            caught(lambda: __import__('no_such_module_x')),
            caught(stop), caught(leave), caught(lambda: {}[(1, 2)]), caught(lambda: [][5]),
            OSError(2, 'a text'), OSError('only text'), UnicodeTranslateError('abc', 1, 2, 'why'),
        ]
        """,
        """
        [type(e).__name__ for e in errors]
        [str(e) for e in errors], [e.args for e in errors]
        errors[0].errno, errors[0].filename, errors[0].strerror
        errors[1].object, errors[1].start, errors[1].end, errors[1].reason, errors[1].encoding
        errors[3].lineno, errors[3].offset, errors[3].text, errors[3].msg
        errors[4].name, errors[5].name, errors[6].name, errors[7].value, errors[8].code
        errors[11].errno, errors[12].errno, errors[13].start
        """,
    ),
    form(
        "groups of exceptions, and exceptions in cycles",
        """
        group = ExceptionGroup('several', [ValueError(1), ExceptionGroup('inner', [KeyError('k')])])
        group.add_note('noted')
        class Own(ExceptionGroup):
            def derive(self, excs): return Own(self.message, excs)
        own = Own('own', [TypeError('t')])
        loop = ValueError('loop')
        loop.me = loop
        loop.args = (loop,)
        one, two = KeyError('one'), KeyError('two')
        one.__context__ = two
        raised = [group, loop]
        """,
        """
        repr(group), group.message, group.exceptions[1].exceptions[0].args, group.__notes__
        raised[0] is group, type(own) is Own, own.exceptions, type(own.split(TypeError)[0]) is Own
        loop.me is loop, loop.args[0] is loop
        one.__context__ is two, two.__context__
        """,
    ),
    form(
        "exceptions with a reduce or a state of their own",
        """
        class Reduced(Exception):
            def __init__(self, a, b): super().__init__(a); self.a, self.b = a, b
            def __reduce__(self): return Reduced, (self.a, self.b), {'extra': 1}
        class Slotted(Exception):
            __slots__ = ('where',)
        class Stateful(Exception):
            def __getstate__(self): return {'kept': self.kept}
            def __setstate__(self, state): self.__dict__.update(state, came_back=True)
        reduced = Reduced(1, 2); reduced.__cause__ = KeyError('cause')
        slotted = Slotted('arg'); slotted.where = ['here']
        class Both(KeyError, AttributeError): pass
        both = Both('k')
        class FromOS(OSError):
            def __init__(self, a): super().__init__(a, 'text', 'name'); self.a = a
        from_os = FromOS(5)
        """,
        """
        reduced.a, reduced.b, repr(reduced.__cause__), reduced.args
        slotted.where, slotted.args, both.args, str(both)
        from_os.errno, from_os.filename, from_os.a, str(from_os), from_os.args
        """,
    ),
    form(
        "subclasses of builtin types, with attributes and methods of their own",
        """
        class L(list):
            def append(self, x): super().append(('own', x))
        class D(dict):
            def __missing__(self, key): return f'no {key}'
            def __setitem__(self, key, value): super().__setitem__(key, value)
        class S(str):
            def shout(self): return self.upper() + self.mark
        class I(int):
            def double(self): return I(2 * self)
        class F(float): pass
        class T(tuple):
            def __new__(cls, *items): return super().__new__(cls, items)
        class Z(set): pass
        class FZ(frozenset): pass
        class B(bytes): pass
        class BA(bytearray): pass
        class C(complex): pass
        l = L([1]); l.append(2); l.note = 'n'
        d = D(a=1); d.note = d
        s = S('text'); s.mark = '!'
        i = I(4); i.note = [i]
        f = F(2.5); f.note = 1
        t = T(1, [2]); t.note = t
        z = Z({1}); z.note = 1
        fz = FZ({1}); fz.note = 1
        b = B(b'x'); b.note = 1
        ba = BA(b'x'); ba.note = ba
        c = C(1j); c.note = 1
        """,
        """
        l, l.note, l.append(3) or l, type(l) is L
        d['a'], d['b'], d.note is d, s.shout(), s == 'text', type(s) is S
        i.double(), type(i.double()) is I, i.note[0] is i, f + 1, f.note
        t, t.note is t, z, z.note, fz, fz.note, b, b.note, ba, ba.note is ba, c, c.note
        [type(x).__mro__[1].__name__ for x in (l, d, s, i, f, t, z, fz, b, ba, c)]
        """,
    ),
    form(
        "collections with what they are given",
        """
        import collections, types, array
        dd = collections.defaultdict(lambda: ['made'])
        dd['a'].append(1)
        counter = collections.Counter('abracadabra')
        below = {'b': 1}; above = {'a': 2}
        chain = collections.ChainMap(above, below)
        q = collections.deque(range(9), maxlen=4)
        space = types.SimpleNamespace(a=1, me=None); space.me = space
        proxied = {'k': 1}
        proxy = types.MappingProxyType(proxied)
        numbers = array.array('d', [1.5, -0.0]); same = [numbers]
        class U(collections.UserDict):
            def __missing__(self, key): return 'missing'
        user = U(a=1)
        string = collections.UserString('text')
        """,
        """
        dict(dd), dd['b'], dd.default_factory(), counter.most_common(2), counter['none']
        chain.maps[0] is above, chain.maps[1] is below, chain['b'], q, q.append(1) or q
        space.me is space, proxied.update(k=2) or proxy['k'], user['none'], user, string
        numbers, same[0] is numbers, numbers.append(2.0) or same
        """,
    ),
    form(
        "views and iterators, half consumed",
        """
        import itertools
        source = [10, 20, 30, 40]
        it = iter(source); next(it)
        z = zip(source, 'abcd'); next(z)
        m = map(str, source); next(m)
        e = enumerate(source, 5); next(e)
        f = filter(None, [0, 1, 2]); next(f)
        r = reversed(source); next(r)
        c = itertools.count(3, 2); next(c)
        ch = itertools.chain([1, 2], [3]); next(ch)
        cy = itertools.cycle([1, 2, 3]); next(cy)
        sl = itertools.islice(itertools.count(), 2, 9, 3); next(sl)
        rep = itertools.repeat('x', 3); next(rep)
        acc = itertools.accumulate([1, 2, 3]); next(acc)
        perm = itertools.permutations([1, 2, 3]); next(perm)
        text = iter('äbc'); next(text)
        rng = iter(range(5)); next(rng)
        call = iter([1, 2, 0, 3].pop, 0)
        keys = {'a': 1}.keys(); holder = {'d': {'x': 1}}; items = holder['d'].items()
        shared = iter(source); also = [shared]
        """,
        """
        source.append(50) or list(it)
        list(z), list(m), list(e), list(f), list(r)
        next(c), next(c), list(ch), [next(cy) for _ in range(5)], list(sl), list(rep)
        list(acc), next(perm), list(text), list(rng), list(call)
        list(keys), list(items), next(shared), also[0] is shared, next(also[0])
        """,
    ),
    form(
        "iterators over dicts and sets, half consumed",
        """
        d = {'a': 1, 'b': 2, 'c': 3}
        keys = iter(d); next(keys)
        values = iter(d.values()); next(values)
        items = iter(d.items()); next(items)
        backward = reversed(d); next(backward)
        s = iter({1, 2, 3}); next(s)
        """,
        """
        list(keys), list(values), list(items), list(backward), list(s)
        """,
        resaved=False,
    ),
    form(
        "memoryviews of a whole and of parts",
        """
        import array
        base = bytearray(range(100))
        whole = memoryview(base)
        part = whole[10:20]
        step = whole[1:50:7]
        back = whole[30:10:-2]
        ints = memoryview(base).cast('I')[2:5]
        grid = memoryview(base).cast('B', (10, 10))
        numbers = array.array('d', range(9))
        view = memoryview(numbers)[3:6]
        fixed = memoryview(b'constant')[2:5]
        locked = memoryview(base)[40:44].toreadonly()
        empty = whole[5:5]
        """,
        """
        part.tolist(), step.tolist(), back.tolist(), ints.tolist(), grid[3, 4], view.tolist()
        fixed.tobytes(), fixed.readonly, locked.readonly, locked.tolist(), empty.tolist()
        part.obj is base, whole.obj is base, view.obj is numbers, ints.format, grid.shape
        exec('part[0] = 255') or (base[10], whole[10], grid[1, 0])
        exec('base[11] = 254') or part[1]
        exec('numbers[3] = -1') or view[0]
        exec('ints[0] = 1') or bytes(base[8:12])
        exec('step[1] = 99') or base[8]
        !exec('locked[0] = 1')
        !base.append(1)
        """,
    ),
    form(
        "weak references to what other variables hold",
        """
        import weakref
        class Node: pass
        node = Node(); node.name = 'n'
        ref = weakref.ref(node)
        dead = weakref.ref(Node())
        box = [node, ref, dead]
        node.me = weakref.ref(node)
        proxy = weakref.proxy(node)
        class Caller:
            def call(self): return 'called'
        caller = Caller()
        method = weakref.WeakMethod(caller.call)
        class MyRef(weakref.ref): pass
        """,
        """
        ref() is node, dead() is None, box[0] is node, box[1] is ref, box[2] is dead
        node.me is ref, node.me() is node, type(ref).__name__
        proxy.name, type(proxy).__name__, method()(), method().__self__ is caller
        exec('proxy.name = 5') or node.name
        exec('del node, proxy') or exec('box.pop(0)') or __import__('gc').collect() * 0
        ref() is None
        """,
    ),
    form(
        "weak collections",
        """
        import weakref
        class Node:
            def __init__(self, name): self.name = name
            def __repr__(self): return self.name
        a, b = Node('a'), Node('b')
        by_key = weakref.WeakKeyDictionary({a: 1, b: [2]})
        by_value = weakref.WeakValueDictionary({'a': a, 'b': b})
        group = weakref.WeakSet([a, b])
        a.registry = group
        a.table = by_key
        b.values = by_value
        lonely = weakref.WeakSet([Node('gone')])
        class Registered:
            instances = weakref.WeakSet()
            def __init__(self): Registered.instances.add(self)
        registered = Registered()
        """,
        """
        by_key[a], by_key[b], by_value['a'] is a, by_value['b'] is b, a in group, len(group)
        a.registry is group, a.table is by_key, b.values is by_value, len(lonely)
        list(Registered.instances) == [registered], len(Registered.instances)
        exec('del b') or __import__('gc').collect() * 0
        len(by_key), sorted(by_value), len(group)
        exec('c = Node("c")') or (group.add(c), exec('by_value["c"] = c'), len(group), len(by_value))
        """,
        resaved=False,
    ),
    form(
        "objects with a reduction of their own",
        """
        import copyreg
        class Reduced:
            def __init__(self, a): self.a = a
            def __reduce__(self): return Reduced, (self.a,)
        class Ex:
            def __reduce_ex__(self, protocol): return (make_ex, (protocol,))
        def make_ex(protocol):
            made = Ex(); made.protocol = protocol; return made
        class State:
            def __init__(self): self.live = 'live'; self.kept = 'is kept'
            def __getstate__(self): return {'kept': self.kept}
            def __setstate__(self, state): self.__dict__.update(state); self.live = 'remade'
        class NoState:
            def __init__(self): self.x = 1
            def __getstate__(self): return None
        class New:
            def __new__(cls, a, *, b):
                self = super().__new__(cls); self.made = (a, b); return self
            def __getnewargs_ex__(self): return (1,), {'b': 2}
        class Args(tuple):
            def __new__(cls, a, b): return super().__new__(cls, (a, b))
            def __getnewargs__(self): return tuple(self)
        class Listy:
            def __init__(self): self.items = []
            def append(self, x): self.items.append(x)
            def extend(self, xs): self.items.extend(xs)
            def __setitem__(self, k, v): self.items.append((k, v))
            def __reduce__(self): return Listy, (), None, iter(['l']), iter([('k', 'v')])
        class ByCopyreg:
            def __init__(self, v): self.v = v
        copyreg.pickle(ByCopyreg, lambda obj: (ByCopyreg, (('through copyreg', obj.v),)))
        class Named:
            def __init__(self, name): self.name = name
            def __reduce__(self): return self.name
        UNSET = Named('UNSET'); held_unset = [UNSET]
        elsewhere = Named('nowhere.to.be.found')
        reduced, ex, state, none = Reduced([1]), Ex(), State(), NoState()
        new, args, listy = New(1, b=2), Args(1, 2), Listy()
        shared = Reduced(reduced.a)
        """,
        """
        reduced.a, type(reduced) is Reduced, state.kept, type(none) is NoState
        new.made, args, type(args) is Args, type(listy) is Listy
        shared.a is reduced.a, held_unset[0] is UNSET, UNSET.name, elsewhere.name
        """,
    ),
    form(
        "what runs when it is loaded finds its globals, whoever answers for those that are missing",
        """
        import json
        limit = 5
        class Asks:
            def __setstate__(self, state): self.found = json.loads(str(limit))
        class Answers:
            def __setstate__(self, state):
                try: self.found = most()
                except NameError as error: raise TypeError('not to be had') from error
        class Hides:
            def __setstate__(self, state):
                try: self.found = most()
                except NameError: raise TypeError('not to be had')
        def most(): return limit
        asks, answers, hides = Asks(), Answers(), Hides()
        asks.found = answers.found = hides.found = 5
        """,
        """
        asks.found, answers.found, hides.found, limit
        """,
    ),
    form(
        "objects that answer strangely",
        """
        import numpy as np
        class EqRaises:
            def __eq__(self, other): raise RuntimeError('eq')
            __hash__ = object.__hash__
        class EqArray:
            def __eq__(self, other): return np.array([True, False])
            __hash__ = None
        class HashRaises:
            def __hash__(self): raise RuntimeError('hash')
        class BoolRaises:
            def __bool__(self): raise RuntimeError('bool')
        class LenLies:
            def __len__(self): return 10**6
            def __getitem__(self, i): raise IndexError
        class ClassLies:
            @property
            def __class__(self): return dict
        class ClassRaises:
            @property
            def __class__(self): raise RuntimeError('class')
        class ReprRaises:
            def __repr__(self): raise RuntimeError('repr')
            __str__ = __repr__
        class Everything:
            def __getattr__(self, name): return f'any {name}'
        class Dir:
            def __dir__(self): raise RuntimeError('dir')
            def __sizeof__(self): raise RuntimeError('sizeof')
        eq, arr, h, boo, length = EqRaises(), EqArray(), HashRaises(), BoolRaises(), LenLies()
        lies, raises, rep, every, dirs = ClassLies(), ClassRaises(), ReprRaises(), Everything(), Dir()
        for each in (eq, arr, h, boo, length, lies, raises, rep, dirs):
            each.value = 1
        box = [eq, arr, boo, length, lies, raises, rep]
        """,
        """
        [type(x).__name__ for x in (eq, arr, h, boo, length, lies, raises, rep, dirs)]
        [x.value for x in (eq, arr, h, boo, length, lies, raises, rep, dirs)]
        [a is b for a, b in zip(box, (eq, arr, boo, length, lies, raises, rep))]
        type(raises) is ClassRaises, type(lies) is ClassLies, lies.__class__, type(rep) is ReprRaises
        """,
    ),
    form(
        "a proxy that answers everything",
        """
        class Proxy:
            def __init__(self, target): object.__setattr__(self, '_target', target)
            def __getattr__(self, name): return getattr(object.__getattribute__(self, '_target'), name)
            def __setattr__(self, name, value): setattr(self._target, name, value)
        class Thing: pass
        thing = Thing(); thing.x = 1
        proxy = Proxy(thing)
        """,
        """
        proxy.x, type(proxy) is Proxy
        exec('proxy.x = 2') or thing.x
        """,
    ),
    form(
        "mocks",
        """
        from unittest.mock import Mock, MagicMock, call
        mock = Mock(name='m', side_effect=[1, 2, 3])
        mock(5, a=1)
        magic = MagicMock()
        magic.method.return_value = 9
        magic.method('x')
        magic.__len__.return_value = 4
        """,
        """
        mock.call_args == call(5, a=1), mock.call_count, mock()
        magic.method(), magic.method.call_count, len(magic)
        magic.method.assert_called_with()
        """,
        resaved=False,
    ),
    form(
        "deletion has its effects where it did, and once",
        """
        log = []
        class Closing:
            def __init__(self, name): self.name = name
            def __del__(self): globals().get('log', []).append(self.name)
        held = Closing('held')
        """,
        """
        log
        exec('del held') or __import__('gc').collect() * 0
        log
        """,
    ),
    form(
        "names that shadow builtins, private and odd names",
        """
        list = [1]
        sum = 3
        print = 'text'
        len = lambda x: 'own len'
        id = type
        Exception = ValueError
        _private = {'a': 1}
        __mangled = 'm'
        __all__ = ['list']
        __version__ = '1.0'
        größe = 5
        データ = [größe]
        ﬁne = 'ligature'
        x: int = 5
        def use(): return len(list), sum
        """,
        """
        list, sum, print, len([]), id is type, Exception is ValueError
        _private, __mangled, __all__, __version__, größe, データ, fine
        use(), x
        """,
    ),
    form(
        "times, paths, patterns, numbers and identifiers",
        """
        import datetime, decimal, fractions, pathlib, re, uuid, zoneinfo, ipaddress, string, random
        when = datetime.datetime(2024, 3, 31, 2, 30, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin'), fold=1)
        values = [when, datetime.timedelta(-1, 5), datetime.timezone(datetime.timedelta(hours=1), 'x'),
                  decimal.Decimal('-0.00'), decimal.Decimal('sNaN'), fractions.Fraction(1, 3),
                  pathlib.PurePosixPath('/a/b'), re.compile(r'(?P<a>x)', re.I), uuid.UUID(int=5),
                  ipaddress.ip_network('10.0.0.0/8'), string.Template('$a')]
        rng = random.Random(5); rng.random()
        context = decimal.Context(prec=5)
        """,
        """
        [repr(v) for v in values[:-1]], values[-1].substitute(a=1), values[0].fold
        rng.random(), rng.gauss(0, 1), context.prec
        """,
    ),
]
