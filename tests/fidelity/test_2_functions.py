# ruff: noqa: E501
"""DESIGN 4, point 2: functions, their globals, closures and attributes."""

from support.form_checks import (  # noqa: F401  (the tests of this table)
    test_it_is_as_it_was_after_a_checkout,
    test_it_is_as_it_was_in_another_process,
    test_it_is_as_it_was_when_loaded,
    test_it_is_no_change_when_saved_again,
)
from support.forms import form

FORMS = [
    form(
        "functions that assign and delete globals",
        """
        x = 5
        def up():
            global x
            x += 1
            return x
        def make():
            global made
            made = ['made']
        def drop():
            global x
            del x
        def read(): return x
        """,
        """
        read(), up(), x, read()
        exec('x = 100') or (read(), up(), x)
        make() or made
        drop()
        !read()
        """,
    ),
    form(
        "globals are the live namespace, for methods, lambdas and inner functions too",
        """
        factor = 2
        class Scaler:
            def scale(self, v): return v * factor
            @staticmethod
            def plain(v): return v * factor
            @classmethod
            def of(cls, v): return v * factor
            @property
            def f(self): return factor
        s = Scaler()
        lam = lambda v: v * factor
        def outer():
            def inner(v): return v * factor
            return inner
        inner = outer()
        default = lambda v, f=factor: v * f
        """,
        """
        s.scale(1), s.plain(1), s.of(1), s.f, lam(1), inner(1), default(1)
        exec('factor = 10') or (s.scale(1), s.plain(1), s.of(1), s.f, lam(1), inner(1), default(1))
        lam.__globals__ is globals(), inner.__globals__ is globals()
        Scaler.scale.__globals__ is globals(), outer.__globals__ is globals()
        """,
    ),
    form(
        "closures that share a cell, over two variables",
        """
        def counter():
            n = 0
            def up():
                nonlocal n
                n += 1
                return n
            def now(): return n
            return up, now
        up, now = counter()
        other_up, other_now = counter()
        up(); up()
        cell = up.__closure__[0]
        """,
        """
        now(), up(), now(), other_now(), other_up(), now()
        up.__closure__[0] is now.__closure__[0], cell is up.__closure__[0], cell.cell_contents
        up.__closure__[0] is other_up.__closure__[0]
        """,
    ),
    form(
        "cells that are empty, hold themselves, or are shared with an instance",
        """
        def late():
            def use(): return value
            if False: value = 1
            return use
        empty = late()
        def recursive():
            def down(n): return 0 if n == 0 else 1 + down(n - 1)
            return down
        down = recursive()
        def holding(items):
            def add(x): items.append(x); return items
            return add
        store = []
        add = holding(store)
        class Keeper: pass
        keeper = Keeper(); keeper.items = store
        def mutual():
            def even(n): return n == 0 or odd(n - 1)
            def odd(n): return n != 0 and even(n - 1)
            return even, odd
        even, odd = mutual()
        """,
        """
        !empty()
        down(5), add(1), store, keeper.items is store, even(10), odd(7)
        """,
    ),
    form(
        "mutual recursion of functions and classes",
        """
        def is_even(n): return n == 0 or is_odd(n - 1)
        def is_odd(n): return n != 0 and is_even(n - 1)
        class Tree:
            def leaf(self): return Leaf(self)
        class Leaf:
            tree_class = Tree
            def __init__(self, tree): self.tree = tree
        Tree.leaf_class = Leaf
        tree = Tree()
        leaf = tree.leaf()
        """,
        """
        is_even(10), is_odd(7), Tree.leaf_class is Leaf, Leaf.tree_class is Tree
        leaf.tree is tree, type(tree.leaf()) is Leaf
        """,
    ),
    form(
        "decorated functions",
        """
        import functools
        calls = []
        def plain(f):
            @functools.wraps(f)
            def inner(*args, **kwargs):
                calls.append(f.__name__)
                return f(*args, **kwargs)
            return inner
        def times(n):
            def decorate(f):
                @functools.wraps(f)
                def inner(*a): return [f(*a)] * n
                return inner
            return decorate
        class Counting:
            def __init__(self, f): functools.update_wrapper(self, f); self.f, self.count = f, 0
            def __call__(self, *a): self.count += 1; return self.f(*a)
            def __get__(self, obj, cls): return functools.partial(self, obj)
        class Param:
            def __init__(self, k): self.k = k
            def __call__(self, f): return lambda *a: (self.k, f(*a))
        @plain
        @times(2)
        def both(a): "What both does."; return a
        @Counting
        def counted(a): return a
        @Param('key')
        def keyed(a): return a
        class Has:
            @Counting
            def m(self, a): return a
            @plain
            def n(self): return 'n'
            @property
            @plain
            def p(self): return 'p'
            @classmethod
            @plain
            def c(cls): return cls.__name__
        has = Has()
        counted(1)
        """,
        """
        both(3), both.__name__, both.__doc__, both.__wrapped__(4), both.__wrapped__.__wrapped__(5)
        calls, counted(2), counted.count, counted.__name__, keyed(1)
        has.m(3), has.n(), has.p, has.c(), calls
        """,
        one_letter=True,
    ),
    form(
        "singledispatch, contextmanager, caches",
        """
        import functools, contextlib
        @functools.singledispatch
        def show(x): return 'object'
        @show.register
        def _(x: int): return 'int'
        @show.register(list)
        def show_list(x): return 'list'
        class Own: pass
        @show.register
        def _(x: Own): return 'own'
        class Dispatching:
            @functools.singledispatchmethod
            def m(self, x): return 'object'
            @m.register
            def _(self, x: int): return 'int'
        show(1)
        log = []
        @contextlib.contextmanager
        def managed(x):
            log.append(('enter', x))
            try: yield x
            finally: log.append('exit')
        class Tag(contextlib.ContextDecorator):
            def __enter__(self): log.append('in'); return self
            def __exit__(self, *e): log.append('out')
        @Tag()
        def tagged(): return 'tagged'
        @functools.lru_cache(maxsize=3, typed=True)
        def cached(a): return [a]
        @functools.cache
        def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
        class Lazy:
            @functools.cached_property
            def slow(self): log.append('computed'); return ['a slow value']
            @functools.lru_cache
            def method(self, x): return x
        lazy, fresh = Lazy(), Lazy()
        lazy.slow
        """,
        """
        show(1), show([]), show(Own()), show('x'), show.registry[list]([]), Dispatching().m(1)
        show.register(str, lambda x: 'str') and show('x')
        str in show.registry, Dispatching().m('x')
        [managed(5).__enter__()], tagged(), log
        cached(1), cached(1), cached.cache_parameters(), cached.__wrapped__(2), log
        fib(50), fib.__name__, lazy.slow, fresh.slow, lazy.method(3), log
        """,
        one_letter=True,
    ),
    form(
        "signatures, attributes, and replaced parts",
        """
        import inspect
        shared = []
        def f(a, /, b: int = 2, *args, c=shared, d: 'str' = 'd', **kw) -> list:
            'Documented.'
            return shared
        def g(x=shared): x.append(1); return x
        f.note = shared; f.self = f
        def swapped(): return 'old'
        def other(): return 'new'
        swapped.__code__ = other.__code__
        def undocumented():
            'doc'
        del undocumented.__doc__
        undocumented.__doc__ = None
        def renamed(): return 1
        renamed.__name__ = 'another'; renamed.__qualname__ = 'Some.another'
        renamed.__module__ = 'elsewhere'
        def kw(*, a=1): return a
        kw.__kwdefaults__['a'] = 5
        f.__annotations__['extra'] = int
        """,
        """
        str(inspect.signature(f)), f.__doc__, f.note is shared, f.self is f, f.__kwdefaults__['c'] is shared
        g(), shared, f(1) is shared, g.__defaults__[0] is shared
        swapped(), swapped.__code__ == other.__code__, undocumented.__doc__
        renamed(), renamed.__name__, renamed.__qualname__, renamed.__module__
        kw(), f.__annotations__['extra'] is int
        """,
    ),
    form(
        "lambdas in all places",
        """
        table = {'add': lambda a, b: a + b, 'neg': [lambda a: -a]}
        pair = (lambda: 1, lambda: 2)
        class Holder:
            key = lambda self: 'key'
            table = {k: (lambda k=k: k) for k in 'ab'}
        holder = Holder(); holder.f = lambda: holder
        compose = lambda f, g: lambda x: f(g(x))
        inc = compose(lambda x: x + 1, lambda x: x * 2)
        late = [lambda: i for i in range(3)]
        import collections
        made = collections.defaultdict(lambda: collections.defaultdict(lambda: 0))
        made['a']['b'] += 1
        """,
        """
        table['add'](1, 2), table['neg'][0](3), pair[0](), pair[1](), holder.key(), holder.f() is holder
        Holder.table['a'](), inc(3), [f() for f in late], late[0].__closure__[0] is late[1].__closure__[0]
        made['a']['b'], made['x']['y']
        """,
    ),
    form(
        "coroutine functions and generators functions",
        """
        import asyncio
        async def co(x): return x
        async def agen():
            yield 1
            yield 2
        def gen(n):
            for i in range(n): yield i
        class A:
            async def m(self): return [x async for x in agen()]
            def __iter__(self): yield from gen(3)
            async def __aenter__(self): return self
        a = A()
        """,
        """
        asyncio.new_event_loop().run_until_complete(co(5))
        asyncio.new_event_loop().run_until_complete(a.m()), list(gen(3)), list(a)
        """,
    ),
    form(
        "partials, operators and bound methods",
        """
        import functools, operator
        def f(*args, **kw): return args, kw
        p = functools.partial(f, 1, a=2); p.note = 'kept'
        q = functools.partial(p, 3)
        class A:
            def __init__(self, v): self.v = v
            def m(self, x=0): return self.v, x
            @classmethod
            def c(cls): return cls
            @staticmethod
            def s(): return 's'
            pm = functools.partialmethod(m, x=7)
            def __private(self): return 'private'
            def private(self): return self.__private
        class B(A):
            def m(self, x=0): return 'B'
            def base(self): return super().m
        a, b = A(1), B(2)
        bound, cls_bound, static = a.m, A.c, A.s
        of_super, private = b.base(), a.private()
        pb = functools.partial(a.m, 5)
        items = [3, 1]
        append, upper, get = items.append, 'text'.upper, {'k': 1}.get
        ops = [operator.itemgetter(1, 0), operator.attrgetter('v'), operator.methodcaller('m', 9)]
        unbound = A.m
        key = functools.cmp_to_key(lambda x, y: y - x)
        def free(self): return 'free', self.v
        import types
        attached = types.MethodType(free, a)
        a.hook = attached
        method_of_number = (5).__add__
        wrapper = items.__len__
        """,
        """
        p(9), q(9), p.note, q.func is p.func, bound(), bound.__self__ is a, cls_bound() is A, static()
        of_super(), of_super.__self__ is b, private(), pb(), pb.func.__self__ is a, a.pm()
        append(2) or items, upper(), get('k'), ops[0]('ab'), ops[1](a), ops[2](a)
        unbound(a), sorted([1, 3, 2], key=key), attached(), a.hook.__self__ is a
        method_of_number(6), wrapper()
        """,
    ),
    form(
        "functions with globals of their own",
        """
        own = {'n': 1}
        exec('def f(): return n\\ndef g():\\n    global n\\n    n += 1', own)
        f, g = own['f'], own['g']
        import types
        h = types.FunctionType(f.__code__, {'n': 'private'}, 'h')
        """,
        """
        f(), g(), f(), own['n'], f.__globals__ is own, g.__globals__ is own, h(), h.__name__
        exec('own["n"] = 50') or f()
        own['__builtins__'] is vars(__import__('builtins'))
        """,
        one_letter=True,
    ),
    form(
        "modules made by hand",
        """
        import types
        m = types.ModuleType('made_by_hand', 'Its doc.')
        m.value = [1]
        exec('''
        def get(): return value
        def put(x):
            global value
            value = x
        class Inside:
            def look(self): return value
        '''.replace('\\n        ', '\\n'), vars(m))
        get, put = m.get, m.put
        thing = m.Inside()
        m.me = m
        shared = m.value
        """,
        """
        m.__name__, m.__doc__, m.value, m.get(), m.me is m, m.get.__globals__ is vars(m)
        m.put(5) or (m.value, get(), thing.look()), put(6) or m.value, m.get is get
        type(thing) is m.Inside, shared
        """,
    ),
    form(
        "what `runpy` gives of a script that was `__main__`",
        """
        own = {'__name__': '__main__'}
        exec('''
        seen = []
        def down(n):
            seen.append(n)
            return down(n - 1) if n else Inside
        class Inside:
            def look(self): return seen, down
        '''.replace('\\n        ', '\\n'), own)
        down, Inside, seen = own['down'], own['Inside'], own['seen']
        thing = Inside()
        del own['__name__'], own
        """,
        """
        down(1) is Inside, seen, thing.look()[0] is seen, thing.look()[1] is down
        down.__globals__['down'] is down, Inside.look.__globals__ is down.__globals__
        type(thing) is Inside, down.__module__, '__name__' in down.__globals__
        """,
    ),
    form(
        "code objects and docstrings",
        """
        code = compile('a + 1', '<expr>', 'eval')
        nested = compile('def f(x):\\n    def g(): return x\\n    return g', '<nested>', 'exec')
        def f(): pass
        same = f.__code__
        """,
        """
        eval(code, {'a': 1}), same == f.__code__, f.__code__.co_name
        (lambda ns: (exec(nested, ns), ns['f'](4)())[1])({})
        """,
    ),
    form(
        "functions in containers, in cycles",
        """
        def f(): return f.table['me']
        f.table = {'me': f}
        def outer():
            things = []
            def add(): things.append(add); return things
            return add
        add = outer(); add()
        handlers = {'f': f, 'add': add}
        class H: pass
        h = H(); h.callback = lambda: h; h.methods = [add]
        """,
        """
        f() is f, add()[0] is add, handlers['f'] is f, handlers['add'] is add, h.callback() is h
        h.methods[0] is add
        """,
    ),
    form(
        "typing objects and annotations",
        """
        import typing, types
        T = typing.TypeVar('T', bound=int)
        K = typing.TypeVar('K', int, str)
        Co = typing.TypeVar('Co', covariant=True)
        P = typing.ParamSpec('P')
        Ts = typing.TypeVarTuple('Ts')
        UserId = typing.NewType('UserId', int)
        Admin = typing.NewType('Admin', UserId)
        alias = dict[str, list[T]]
        old = typing.Dict[str, T]
        union = int | None | str
        optional = typing.Optional[T]
        literal = typing.Literal['a', 1]
        call = typing.Callable[P, T]
        annotated = typing.Annotated[int, {'meta': 1}]
        fwd = typing.List['Node']
        def f(x: T, *a: P.args) -> typing.List[T]: ...
        user = UserId(5)
        ids = [UserId, Admin]
        """,
        """
        T.__bound__, K.__constraints__, Co.__covariant__, T.__name__, P.__name__, Ts.__name__
        UserId(3), UserId.__name__, UserId.__supertype__, Admin.__supertype__ is UserId, ids[0] is UserId
        alias, old, union, optional, literal, call, annotated.__metadata__, fwd, user
        alias.__parameters__[0] is T, optional.__args__[0] is T, call.__parameters__[0] is P
        f.__annotations__['x'] is T, typing.get_type_hints(f, globals())['x'] is T
        alias[bool], type(union).__name__
        """,
    ),
]
