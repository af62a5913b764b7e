"""Comparisons that several libraries' cases share."""

from __future__ import annotations

from typing import Any


def equal(a: Any, b: Any) -> bool:
    return bool(a == b)


def same_repr(a: Any, b: Any) -> bool:
    return repr(a) == repr(b)


def by(key: Any) -> Any:
    """Equal by what `key` makes of a value."""
    return lambda a, b: bool(key(a) == key(b))


def same_arrays(a: Any, b: Any) -> None:
    """Type, shape and elements of one array or of an iterable of them."""
    import numpy as np

    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a, b)
