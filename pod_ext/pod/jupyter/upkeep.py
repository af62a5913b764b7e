"""Retention by itself: garbage collection in the background, now and then, by configured rules."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from pod.errors import one_line
from pod.library import PodStore


class Upkeep:
    """Collects garbage in a thread of its own: nobody waits for it, and it never raises."""

    def __init__(self, store: PodStore) -> None:
        self._store = store
        self._thread: threading.Thread | None = None
        self._next = 0.0
        self._trouble = ""
        self._told = ""

    def after_save(self, rules: Mapping[str, Any], every: float) -> None:
        """Begin one if there are rules, and the last one is that many seconds ago."""
        rules = {rule: value for rule, value in rules.items() if value}
        if not rules or time.monotonic() < self._next or self.is_running():
            return
        self._next = time.monotonic() + every
        thread = threading.Thread(target=self._run, args=(rules,), name="pod-gc", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending
            return
        self._thread = thread

    def is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Let one that runs come to its end."""
        if self._thread is not None:
            self._thread.join(seconds)

    def trouble(self) -> str:
        """Why the last one did not work, once for each reason; '' if it did."""
        trouble, self._trouble = self._trouble, ""
        if trouble == self._told:
            return ""
        self._told = trouble or self._told
        return trouble

    def _run(self, rules: Mapping[str, Any]) -> None:
        try:
            self._store.gc(**rules)
        except Exception as error:
            self._trouble = one_line(error).partition(": ")[2][:300]
