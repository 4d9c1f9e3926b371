"""One process of the crowd: people arrive, live, and leave at the end."""

import asyncio
from dataclasses import dataclass

from novum.site.clock import Clock
from novum.site.visitors.chance import Chance
from novum.site.visitors.counts import Counts
from novum.site.visitors.lives import Life, World
from novum.site.visitors.minds import Minds
from novum.site.visitors.pages import Reader
from novum.site.visitors.people import visitor
from novum.site.visitors.rhythm import arrivals
from novum.site.visitors.wire import OPEN, Wire

GRACE = 5.0  # seconds of real time for what is under way when the end is asked for
CROWDED = 4 * OPEN  # who do something at once; others come later than they would


@dataclass(frozen=True)
class Settings:
    """A crowd; `index` of `processes` says which part of it."""

    host: str
    port: int
    seed: int  # of who comes, and when
    taste: int  # of what they like
    base: float  # conversion rate of an average page, for somebody in a middling mood
    rate: float  # people a second of real time, on average over a week
    clock: Clock
    start: float  # when the first may come, by that clock
    visitors: int | None = None  # who come in all; None: without end
    processes: int = 1
    index: int = 0


class Crowd:
    """A part of the people, and what they do."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._chance = Chance(settings.seed)
        self._wire = Wire(settings.host, settings.port)
        minds = Minds(self._chance, settings.base, Chance(settings.taste))
        self._world = World(self._wire, Reader(), minds, Counts(), self._pause)
        self._here: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Task[None]] = set()  # for a time to come
        self._leaving = False

    async def live(self, ending: asyncio.Event) -> Counts:
        """Until all have come and gone, or the end is asked for."""
        async with asyncio.TaskGroup() as group:
            coming = group.create_task(self._come(group))
            watch = asyncio.create_task(self._end(ending, coming))
        watch.cancel()
        self._wire.close()
        return self._world.counts

    async def _end(self, ending: asyncio.Event, coming: asyncio.Task[None]) -> None:
        """Who waits leaves; who is in the middle of something has a moment for it."""
        await ending.wait()
        self._leaving = True
        for task in (coming, *self._waiting):
            task.cancel()
        await asyncio.sleep(GRACE)
        for task in self._here:
            task.cancel()

    async def _come(self, group: asyncio.TaskGroup) -> None:
        settings = self._settings
        rate = settings.rate / settings.clock.speed
        for number, when in arrivals(self._chance, settings.start, rate):
            if settings.visitors is not None and number >= settings.visitors:
                return
            if number % settings.processes != settings.index:
                continue
            await self._pause(when - settings.clock.now())
            while len(self._here) - len(self._waiting) >= CROWDED:
                await asyncio.sleep(0.01)
            who = visitor(self._chance, number)
            task = group.create_task(Life(who, self._world).live())
            self._here.add(task)
            task.add_done_callback(self._here.discard)

    async def _pause(self, seconds: float) -> None:
        """For so long by the site's clock; who waits so leaves at once when the end comes."""
        task = asyncio.current_task()
        assert task is not None
        if self._leaving:
            task.cancel()
        self._waiting.add(task)
        try:
            await asyncio.sleep(max(0.0, seconds / self._settings.clock.speed))
        finally:
            self._waiting.discard(task)
