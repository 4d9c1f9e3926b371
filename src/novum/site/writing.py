"""Events on their way to the disk: whoever waits for `write` may say that they are there.

All that come while a transaction is written go into the next one together, so that the disk is
waited for once for many, and nobody waits longer than for two transactions.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from novum.site.records import Event
from novum.site.visits import Visits


class Writer:
    """Writes events into a store, in one thread. For one running event loop."""

    def __init__(self, store: Visits) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="site-writer")
        self._waiting: list[tuple[Sequence[Event], asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def write(self, events: Sequence[Event]) -> None:
        """Returns when the events are on the disk.

        Raises:
            NovumError: if they could not be written.
        """
        await asyncio.shield(self.begin(events))  # who hangs up takes nothing back

    def begin(self, events: Sequence[Event]) -> "asyncio.Future[None]":
        """Write events without waiting; what comes back is done when they are on the disk."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((events, done))
        if self._task is None:
            self._task = asyncio.create_task(self._write_all())
        return done

    async def close(self) -> None:
        """Returns when all that was begun is written."""
        while self._task is not None:
            await self._task
        self._thread.shutdown()

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                events = [event for events, _ in batch for event in events]
                error: Exception | None = None
                try:
                    await loop.run_in_executor(self._thread, self._store.record, events)
                except Exception as caught:  # whatever it is: those who wait are told
                    error = caught
                _answer([done for _, done in batch], error)
        finally:
            self._task = None


def _answer(waiting: Sequence["asyncio.Future[None]"], error: Exception | None) -> None:
    for done in waiting:
        if done.cancelled():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
