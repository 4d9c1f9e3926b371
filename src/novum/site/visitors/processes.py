"""The processes of a crowd: started together, ended together, counted together."""

import asyncio
import multiprocessing
import os
import signal
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import cast

from novum.site.visitors.counts import Counts
from novum.site.visitors.crowd import Crowd, Settings

LOOK = 0.2  # seconds between two looks at whether the parent still lives
ENDINGS = (signal.SIGTERM, signal.SIGINT)


def gather(settings: Settings) -> tuple[Counts, bool]:
    """Start the processes of a crowd, add up what they did; and whether all came to their end.

    It takes over SIGTERM and SIGINT, so it belongs into the main thread.
    """
    context = multiprocessing.get_context("spawn")
    parent, asked = os.getppid(), list[int]()
    for each in ENDINGS:
        signal.signal(each, lambda number, _: asked.append(number))
    left: dict[Connection, BaseProcess] = {}
    for index in range(settings.processes):
        ours, theirs = context.Pipe(duplex=False)
        left[ours] = context.Process(target=run, args=(replace(settings, index=index), theirs))
        left[ours].start()
        theirs.close()
    counts, whole, told = Counts(), True, False
    while left:
        if not told and (asked or os.getppid() != parent):
            told = True
            for process in left.values():
                process.terminate()
        for ready in cast(list[Connection], wait(list(left), timeout=LOOK)):
            try:
                counts.add(ready.recv())
            except EOFError:  # it died, or was told to end before it had begun
                whole = whole and told
            left.pop(ready).join()
    return counts, whole


def run(settings: Settings, pipe: Connection) -> None:
    """One process of a crowd: live, and send the counts."""
    pipe.send(asyncio.run(_live(settings)))


async def _live(settings: Settings) -> Counts:
    ending, loop = asyncio.Event(), asyncio.get_running_loop()
    parent = multiprocessing.parent_process()
    for each in ENDINGS:
        loop.add_signal_handler(each, ending.set)

    async def watch() -> None:
        while parent is not None and os.getppid() == parent.pid:
            await asyncio.sleep(LOOK)
        ending.set()

    watching = asyncio.create_task(watch())
    counts = await Crowd(settings).live(ending)
    watching.cancel()
    return counts
