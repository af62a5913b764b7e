"""The children that are forked to look, while a test runs."""

from __future__ import annotations

from typing import Any

import pytest
from pod.session import forked


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[forked.Child]:
    """A list that each of them is added to."""
    children: list[forked.Child] = []
    start = forked.start

    def started(work: Any) -> forked.Child:
        children.append(start(work))
        return children[-1]

    monkeypatch.setattr(forked, "start", started)
    return children
