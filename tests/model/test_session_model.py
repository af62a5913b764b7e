"""Sessions against a naive twin that deep-copies the whole namespace at every save."""

from __future__ import annotations

import os
import random
from unittest import mock

import pytest
from pod.podding import examination, memory
from pod.podding.pickler import DeepPodPickler
from pod.podding.policies import POLICIES
from support.graphs import NAMES, change
from support.seeds import by_seed
from support.twins import Twin

SCALE = int(os.environ.get("POD_TEST_SCALE", "1"))


def some(rng: random.Random, names: list[str]) -> list[str] | None:
    return None if rng.random() < 0.5 else [name for name in names if rng.random() < 0.5]


def play(seed: int, policy: str, steps: int = 14) -> None:
    rng = random.Random(seed)
    # Views of arrays as small as these are saved by themselves, too, where nobody can tell.
    with mock.patch.object(memory, "SMALL_BYTES", rng.choice([0, 64, memory.SMALL_BYTES])):
        play_on(rng, policy, steps)


def play_on(rng: random.Random, policy: str, steps: int) -> None:
    twin = Twin(policy, tracked=rng.random() < 0.8)
    for _ in range(steps):
        for _ in range(rng.randrange(4)):
            change(rng, twin.namespace)
        twin.save()
        if rng.random() < 0.3:
            t = rng.choice(list(twin.copies))
            twin.check_checkout(t, some(rng, sorted(twin.copies[t])))
    for t in list(twin.copies):
        twin.check_load(t, None)
        twin.check_load(t, [n for n in NAMES if n in twin.copies[t] and rng.random() < 0.5])


@pytest.mark.long
@pytest.mark.parametrize("policy", POLICIES)
@by_seed(400 * SCALE)
def test_every_time_is_restored_as_a_deep_copy_taken_then(policy: str, seed: int) -> None:
    play(seed, policy)


@pytest.mark.long
@by_seed(200)
def test_the_pickler_that_does_not_recurse_writes_what_the_other_does(seed: int) -> None:
    with mock.patch.object(examination, "PodPickler", DeepPodPickler):
        play(seed, random.Random(seed).choice(list(POLICIES)))
