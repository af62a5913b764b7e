"""Reading moments while others are still being written."""

from __future__ import annotations

from pathlib import Path

import pod
import pytest


def test_a_moment_that_becomes_durable_meanwhile_is_among_the_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pod.open(tmp_path / ".pod") as store:
        t = store.save({"x": 1})
        store.flush()
        history = store.history
        listed = history.repository.times

        class Written:
            """A writer whose last job ends while the files are being listed."""

            times = [t + 1]

            def pending_times(self) -> list[int]:
                return self.times

        writer = Written()

        def list_and_finish() -> list[int]:
            found = [*listed()]
            writer.times = []
            return found

        monkeypatch.setattr(history, "_pending", writer)
        monkeypatch.setattr(history.repository, "times", list_and_finish)
        assert history.times() == [t, t + 1]
