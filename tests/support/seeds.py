"""Random tests that are driven by one number each, so that a failure is told by its number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st


def by_seed(examples: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Run a test for so many values of its argument `seed`. A smaller number is no simpler case, so
    there is no shrinking."""

    def decorated(test: Callable[..., Any]) -> Callable[..., Any]:
        return settings(
            max_examples=examples,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],
        )(given(seed=st.integers(0, 2**48))(test))

    return decorated
