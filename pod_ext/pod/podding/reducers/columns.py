"""Polars: columns in one piece.

What `concat` made, or came from files, is in several pieces. When it is pickled, Polars's threads
join them, which a forked child has not and waits for in vain; `rechunk` of a single column needs
none. It is no change either when Polars joins them in place, as `to_pandas` does.
"""

from __future__ import annotations

from typing import Any


def reduce_column(column: Any) -> Any:
    """As `__reduce_ex__`."""
    return _in_one_piece(column).__reduce_ex__(5)


def reduce_frame(frame: Any) -> Any:
    """As `__reduce_ex__`."""
    columns = frame.get_columns()
    if any(column.n_chunks() > 1 for column in columns):
        frame = type(frame)([_in_one_piece(column) for column in columns])
    return frame.__reduce_ex__(5)


def _in_one_piece(column: Any) -> Any:
    return column.rechunk() if column.n_chunks() > 1 else column
