"""What somebody does at the site: look, perhaps convert, come back. Each request is a real one."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from novum.site.visitors.counts import Counts
from novum.site.visitors.minds import Minds, Words
from novum.site.visitors.pages import Page, Reader
from novum.site.visitors.people import Kind, Visitor
from novum.site.visitors.wire import Answer, UnreachableError, Wire

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds of real time before an event is sent again
REFUSED, TOO_MANY, FAULT = 400, 429, 500  # statuses; after the last two an event is sent again


@dataclass(frozen=True)
class World:
    """What all lives of a process share."""

    wire: Wire
    reader: Reader
    minds: Minds
    counts: Counts
    pause: Callable[[float], Awaitable[None]]  # so many seconds of the site's clock


class Life:
    """Somebody, with his cookies and what he remembers."""

    def __init__(self, who: Visitor, world: World) -> None:
        self._who = who
        self._world = world
        self._cookies: dict[str, str] = {}
        self._seen: Counter[Words] = Counter()

    async def live(self) -> None:
        """From the first visit to the last."""
        who, happened = self._who, self._world.counts.happened
        happened["came"] += 1
        happened["private"] += bool(who.privacy)
        if who.kind is Kind.BOT:
            happened["bots"] += 1
            await self._crawl()
        elif who.kind is Kind.SLY:
            happened["sly"] += 1
            await self._look_like_a_person()
        else:
            await self._visit_until_converted()

    async def _crawl(self) -> None:
        """Read the page, and follow its link as likely as not."""
        page = await self._open()
        if page is not None and page.go is not None and self._who.opens:
            await self._tell("GET", page.go)

    async def _look_like_a_person(self) -> None:
        page = await self._open()
        if page is not None:
            await self._show(page)

    async def _visit_until_converted(self) -> None:
        who = self._who
        if who.prefetched:
            self._world.counts.happened["prefetches"] += 1
            await self._load(("Sec-Purpose", "prefetch"))
            if not who.opens:
                return
        for visit, pause in enumerate((0.0, *who.returns)):
            if visit:
                await self._world.pause(pause)
            page = await self._open()
            if who.early:
                return
            if page is not None and await self._visit(page, visit):
                return

    async def _visit(self, page: Page, visit: int) -> bool:
        """Look at the page, and perhaps convert: whether that was so."""
        who, world = self._who, self._world
        await world.pause(who.looking)
        convinced = world.minds.converts(who, page.words, self._seen)
        acts = convinced and (not who.slow or visit == len(who.returns))
        headline = dict(page.words)["headline"]
        if await self._show(page) and page.words not in self._seen:
            world.counts.seen[headline] += 1
        self._seen[page.words] += 1
        if visit == 0 and who.scripts:
            await self._signal(page, bounces=not acts and world.minds.bounces(who, page.words))
        if acts and page.go is not None:
            await world.pause(who.acting)
            if await self._tell("GET", page.go):
                world.counts.happened["converted"] += 1
                world.counts.converted[headline] += 1
        return acts

    async def _show(self, page: Page) -> bool:
        """Tell that the page was seen, as its script or its image would."""
        scripts = self._who.scripts
        if page.token is None or not (page.script if scripts else page.image):
            return False
        told = await self._tell("POST" if scripts else "GET", f"/seen?t={page.token}")
        self._world.counts.happened["seen"] += told
        return told

    async def _signal(self, page: Page, bounces: bool) -> None:
        """Tell, as the page's script would, that somebody left at once, or when he did anything."""
        if page.token is None:
            return
        kind, value = "bounce", 1.0
        if not bounces:
            kind, value = "interaction_ms", self._world.minds.interaction_ms(self._who, page.words)
        target = f"/signal?kind={kind}&value={value:.0f}&t={page.token}"
        told = await self._tell("POST", target)
        self._world.counts.happened["signals"] += told

    async def _open(self) -> Page | None:
        """Load the page; none if it does not come, as nobody tries twice."""
        answer = await self._load()
        if answer is None or answer.status >= REFUSED:
            self._world.counts.happened["lost"] += 1
            return None
        self._world.counts.happened["visits"] += 1
        if self._who.cookies:
            self._cookies.update(_named(cookie) for cookie in answer.cookies)
        return self._world.reader.read(answer.body.decode("utf-8", "replace"))

    async def _load(self, *headers: tuple[str, str]) -> Answer | None:
        try:
            return await self._world.wire.ask("GET", "/", (*self._headers(), *headers))
        except UnreachableError:
            return None

    async def _tell(self, method: str, target: str) -> bool:
        """Send an event until the server has answered; whether it took it."""
        pause, happened = FIRST_PAUSE, self._world.counts.happened
        happened["unanswered"] += 1
        while True:
            try:
                answer = await self._world.wire.ask(method, target, self._headers())
            except UnreachableError:
                answer = None
            if answer is not None and answer.status < FAULT and answer.status != TOO_MANY:
                break
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        happened["unanswered"] -= 1
        taken = answer.status < REFUSED
        happened["refused"] += not taken
        return taken

    def _headers(self) -> list[tuple[str, str]]:
        headers = [("User-Agent", self._who.agent), ("Accept", "text/html,*/*;q=0.8")]
        headers += [("Accept-Language", "en")] if self._who.kind is not Kind.BOT else []
        if self._cookies:
            pairs = (f"{name}={value}" for name, value in self._cookies.items())
            headers.append(("Cookie", "; ".join(pairs)))
        return [*headers, *self._who.privacy]


def _named(cookie: str) -> tuple[str, str]:
    name, _, value = cookie.partition("=")
    return name.strip(), value.strip()
