"""What NumPy makes functions into."""

from __future__ import annotations

from typing import Any

import numpy as np


def reduce_vectorize(function: np.vectorize) -> Any:
    """As `__reduce_ex__`, without the ufuncs that it made of its function for itself: they cannot
    be saved, and it makes them again."""
    reduced = list(function.__reduce_ex__(5))
    made = reduced[2].get("_ufunc")
    reduced[2] = {**reduced[2], "_ufunc": {} if isinstance(made, dict) else None}
    return tuple(reduced)
