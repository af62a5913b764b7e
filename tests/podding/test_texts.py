"""Arrays of text: cut as they were joined, whatever is in them."""

from __future__ import annotations

import random
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pod.podding import rebuild
from pod.podding.rebuild import make_text_array
from pod.podding.reducers.texts import FEWEST, reduce_text

PIECES = ["", "a", "bc", "é", "日本", "😀", "\ud800", "\udfff", *map(chr, rebuild._SEPARATORS)]


@settings(max_examples=400)
@given(seed=st.integers(0, 2**48))
def test_text_is_what_it_was(seed: int) -> None:
    rng = random.Random(seed)
    pieces = rng.sample(PIECES, rng.randint(1, len(PIECES)))
    values: list[str | None] = [
        "".join(rng.choices(pieces, k=rng.randrange(4))) for _ in range(FEWEST + rng.randrange(100))
    ]
    if rng.random() < 0.3:
        values = [value if rng.random() < 0.8 else None for value in values]
    if rng.random() < 0.3:
        values = rng.choices(values[:20], k=len(values))
    array = np.empty(len(values), object)
    array[:] = values
    reduced = reduce_text(array)
    if reduced is None:
        assert all(value is None for value in values)
        return
    data, lengths, codes, missing = reduced
    with mock.patch.object(rebuild, "_BLOCK", rng.choice([1, 7, 100, rebuild._BLOCK])):
        made = make_text_array(
            data.raw(), lengths.raw(), codes and codes.raw(), missing, array.shape, "C", True
        )
    assert made.tolist() == values and made.dtype == object


@pytest.mark.parametrize("lengths", [[], [0], [0, 0, 0], [3], [1, 2], [0, 3, 0]])
def test_few_strings_are_cut_too(lengths: list[int]) -> None:
    text = "abc"[: sum(lengths)]
    counts = np.array(lengths, np.uint32)
    made = make_text_array(text.encode(), counts, None, "", (len(lengths),), "C", True)
    assert "".join(made.tolist()) == text and list(map(len, made.tolist())) == lengths
