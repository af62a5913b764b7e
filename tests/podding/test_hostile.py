"""Objects that raise whatever they are asked: they are saved and restored without being asked."""

from __future__ import annotations

import collections
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pod
import pytest
from pod.tracking.namespace import NamespaceTracker
from support.forms import new_namespace, run

CLASSES = """
class Asked({base}): pass
def refuse(self, *args, **options): raise Asked('user code ran')
body = {{
    '__%s__' % name: refuse
    for name in '''eq ne lt le gt ge bool len iter contains getitem repr str format index int float
        call enter next reversed add radd dir sizeof array array_ufunc fspath bytes complex abs neg
        '''.split()
}}
body['__hash__'] = object.__hash__
def attribute(self, name):
    if name.startswith('__'): raise AttributeError(name)
    raise Asked(name)
def without(*names): return {{name: body[name] for name in body if name not in names}}
Plain = type('Plain', (object,), dict(body))
Attributes = type('Attributes', (object,), dict(body, __getattr__=attribute))
Dictionary = type('Dictionary', (dict,), without('__getitem__', '__iter__', '__len__'))
List = type('List', (list,), without('__iter__'))
Silent = type('Silent', (object,), without('__call__'))  # so it may be looked through
class Closed:
    def __getattribute__(self, name):
        if name in ('__reduce_ex__', '__class__', '__reduce__', '__getstate__', '__dict__'):
            return object.__getattribute__(self, name)
        raise Asked(name)
del body, without
"""


def in_array(hostile: Any) -> Any:
    array = np.empty(2, object)
    array[0], array[1] = 1.5, hostile
    return array


SPOTS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda hostile: hostile,
    "list": lambda hostile: [1.5, "a", hostile, float("nan"), hostile],
    "dict": lambda hostile: {"a": hostile, "b": 2.5, 3: hostile},
    "key": lambda hostile: {(1 if isinstance(hostile, dict | list) else hostile): 0.5},
    "tuple": lambda hostile: (1.5, (hostile, [hostile])),
    "deque": lambda hostile: collections.deque([hostile, 1.5]),
    "ordered": lambda hostile: collections.OrderedDict(a=hostile, b=1.5),
    "attribute": lambda hostile: types.SimpleNamespace(a=hostile, b=1.5),
    "array": in_array,
    "many": lambda hostile: [[hostile, n, n / 2, str(n)] for n in range(300)],
}


@pytest.mark.parametrize("base", ["Exception", "BaseException"])
@pytest.mark.parametrize("kind", ["Plain", "Attributes", "Dictionary", "List", "Silent", "Closed"])
def test_nothing_is_asked(kind: str, base: str, tmp_path: Path) -> None:
    for spot, put in SPOTS.items():
        live = new_namespace()
        run(CLASSES.format(base=base), live)
        hostile = live[kind]()
        dict.update(live, held=put(hostile))
        with pod.open(tmp_path / spot, snapshot="inline", background=False) as store:
            session = store.session(live, NamespaceTracker(live))
            first = session.save()
            assert first is not None and not first.opaque and not first.failures, spot
            live["held"]  # touches it
            again = session.save()
            assert again is not None and not again.changed, spot
            loaded = store.load(first.t)
            assert type(dict.get(loaded, "held")).__name__ == type(dict.get(live, "held")).__name__
            del live["held"]
            session.save()
            assert not session.checkout(first.t).failures, spot
            assert store.diff(1, 2).changed == ()
