"""Several actors over one storage in memory, one storage operation at a time, in a drawn order.

Each actor is a thread, and hands control back before every operation. So a test decides who comes
next, as freely as the system's own scheduling could, and the same seed gives the same order.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable

from pod.store.storage import BytesLike, Keys

from support.memory_storage import MemoryStorage


class Killed(BaseException):
    """Ends an actor for good: its process is gone."""


class Actor:
    """One process, as it were."""

    def __init__(self, name: str, run: Callable[[], None]) -> None:
        self.name = name
        self.run = run
        self.turn = threading.Semaphore(0)
        self.dies_after: int | None = None
        self.dead = False
        self.done = False
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._main, name=name, daemon=True)

    def _main(self) -> None:
        self.turn.acquire()
        try:
            self.run()
        except Killed:
            pass
        except BaseException as error:
            self.error = error
        self.done = True


class Schedule:
    """Runs actors to their ends, in an order that a generator of random numbers draws."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._actors: list[Actor] = []
        self._back = threading.Semaphore(0)
        self.steps = 0
        self.trace: list[str] = []

    def add(self, name: str, run: Callable[[], None], dies_after: int | None = None) -> Actor:
        def whole() -> None:
            try:
                run()
            finally:
                actor.done = True
                self._back.release()

        actor = Actor(name, whole)
        actor.dies_after = dies_after
        self._actors.append(actor)
        actor.thread.start()
        return actor

    def current(self) -> Actor | None:
        me = threading.current_thread()
        return next((actor for actor in self._actors if actor.thread is me), None)

    def before(self, what: str) -> None:
        """An actor is about to do an operation: somebody else may come first."""
        actor = self.current()
        if actor is None:
            return
        if actor.dies_after is not None:
            actor.dies_after -= 1
            if actor.dies_after < 0:
                actor.dead = True
        if actor.dead:
            raise Killed
        self._back.release()
        actor.turn.acquire()
        self.trace.append(f"{actor.name} {what}")

    def run(self) -> None:
        """Until all have ended; raises what the first of them raised."""
        while waiting := [actor for actor in self._actors if not actor.done]:
            # Runs of one actor are likelier than a fair draw would make them, as they are in truth.
            actor = self._rng.choice(waiting)
            for _ in range(self._rng.choice((1, 1, 1, 2, 5, 20))):
                if actor.done:
                    break
                actor.turn.release()
                self._back.acquire()
                self.steps += 1
        for actor in self._actors:
            actor.thread.join()
            if actor.error is not None:
                raise actor.error


class ScheduledStorage(MemoryStorage):
    """Lets the schedule decide who comes first before each operation."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self._schedule = schedule

    def get(self, key: str) -> bytes:
        self._schedule.before(f"get {key}")
        return super().get(key)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        self._schedule.before(f"get_range {key}")
        return MemoryStorage.get(self, key)[start:][:length]

    def put(self, key: str, parts: Iterable[BytesLike]) -> None:
        self._schedule.before(f"put {key}")
        super().put(key, parts)

    def put_if_absent(self, key: str, data: bytes, *, durable: bool = True) -> bool:
        self._schedule.before(f"put_if_absent {key}")
        return super().put_if_absent(key, data, durable=durable)

    def delete(self, key: str) -> None:
        self._schedule.before(f"delete {key}")
        super().delete(key)

    def list(self, prefix: str) -> Keys:
        self._schedule.before(f"list {prefix}")
        return super().list(prefix)

    def mark(self, prefix: str) -> object:
        self._schedule.before(f"mark {prefix}")
        return super().mark(prefix)

    def found_mark(self, prefix: str) -> object | None:
        self._schedule.before(f"found_mark {prefix}")
        return super().found_mark(prefix)
