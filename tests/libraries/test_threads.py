"""Libraries whose own threads a forked child has not."""

from __future__ import annotations

import time
from pathlib import Path

import pod
import polars as pl
from pod.session import forked


def test_a_frame_of_several_pieces_is_saved_without_waiting_for_a_stuck_child(
    tmp_path: Path,
) -> None:
    piece = pl.DataFrame({"x": range(1000)})
    frame = pl.concat([piece, piece], rechunk=False)
    frame.group_by("x").len()  # now Polars has its threads
    with pod.open(tmp_path / ".pod", snapshot="fork") as store:
        started = time.perf_counter()
        t = store.save({"frame": frame})
        store.flush()
        assert time.perf_counter() - started < forked.STUCK_SECONDS
        assert store.load(t)["frame"].equals(frame)
