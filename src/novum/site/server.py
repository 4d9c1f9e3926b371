"""The site's server: the page, and what is told of it. `app` is an ASGI application.

    GET  /                     the page, in the visitor's arm
    GET  /go?t=TOKEN           the call to action: a conversion (303), then on to the goal
    POST /seen?t=TOKEN         the page was seen (GET: by a picture, without JavaScript)
    POST /did?t=TOKEN&value=V  a conversion, worth V if that is said
    POST /signal?t=TOKEN&kind=K&value=V
    POST /consent              this visitor may be counted
    GET  /own/SECRET           this browser's visits are the team's own
    GET  /health, /thanks
    and for other people's sites what is in remote.py and outside.py

An event is answered when it is on the disk.
"""

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Mapping

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request, cookie_parser
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from novum.errors import NovumError, SiteError
from novum.site import people
from novum.site.config import HOUR
from novum.site.hosting import Host
from novum.site.outside import Outside
from novum.site.remote import Remote
from novum.site.telling import Telling, refused
from novum.site.tokens import read_cookie, write_cookie
from novum.site.visits import DAY

VISITOR, OWN, CONSENT = "nv", "nv-own", "nv-consent"
AGE = 400 * int(DAY)  # seconds a cookie is kept: the longest that browsers allow
PRIVATE = {"cache-control": "private, no-store"}
HTML = "text/html; charset=utf-8"
PULSE = 2.0  # seconds between two signs of life
PATIENCE = 3.0  # seconds that a visitor waits, before he gets on, for his conversion to be written
# Browsers ask first whether a page of another site may send JSON.
FROM_ANYWHERE = Middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_methods=["POST"],
    allow_headers=["*"],
    expose_headers=["etag"],
)
THANKS = (
    "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>Thank you</title><style>body{font:18px/1.5 system-ui,sans-serif;margin:4em auto;"
    "max-width:30em;padding:0 1em}</style><h1>Thank you</h1>"
)


def app(host: Host) -> Starlette:
    """The application of a site that is served."""
    pages, telling, remote, outside = Pages(host), Telling(host), Remote(host), Outside(host)
    routes = [
        Route("/", pages.page),
        Route("/seen", telling.seen, methods=["GET", "POST"]),
        Route("/go", pages.go),
        Route("/did", telling.did, methods=["POST"]),
        Route("/signal", telling.signal, methods=["POST"]),
        Route("/consent", pages.consent, methods=["POST"]),
        Route("/own/{secret}", pages.own),
        Route("/thanks", pages.thanks),
        Route("/snippet.js", remote.snippet),
        Route("/variant", remote.variant, methods=["POST"]),
        Mount("/ofrep/v1/evaluate", routes=remote.protocol(), middleware=[FROM_ANYWHERE]),
        Route("/hook", outside.hook, methods=["POST"]),
        Route("/health", pages.health),
    ]

    @contextlib.asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        pulse = asyncio.create_task(_pulse(host))
        yield
        pulse.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await pulse
        await host.writer.close()

    async def failed(_: Request, error: Exception) -> Response:
        """What could not be written is not said to be; why is for the owner to know."""
        host.complain(error)
        return refused(503, "the site's file cannot be used now, so this does not count")

    return Starlette(routes=routes, lifespan=life, exception_handlers={NovumError: failed})


class Pages:
    """What a visitor's browser asks for."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def page(self, request: Request) -> Response:
        """The page: in the visitor's arm, or the incumbent for those who do not count."""
        host, headers = self._host, dict(request.headers)
        if people.is_prefetch(headers):
            return self._not_now()
        cookies = cookie_parser(headers.get("cookie", ""))
        reason = self._left_out(headers, cookies)
        if reason is not None:
            host.leave_out(reason)
            shown = request.query_params.get("show") if reason == people.OWN else None
            try:
                page = host.page(shown or host.chooser.plan().incumbent)
            except SiteError as error:
                return refused(404, str(error))
            return Response(page.plain, headers=PRIVATE, media_type=HTML)
        cookie = read_cookie(host.key, cookies.get(VISITOR, ""))
        guest = host.chooser.guest(cookie)
        page = host.page(guest.choice.variant)
        response = Response(page.told(guest.token), headers=PRIVATE, media_type=HTML)
        if guest.cookie != cookie:
            _set(request, response, VISITOR, write_cookie(host.key, guest.cookie))
        return response

    async def go(self, request: Request) -> Response:
        """The call to action: 303 says that it is counted, 302 that it is not; all get on."""
        if people.is_prefetch(request.headers):
            return self._not_now()
        token, status = self._host.told_by(request), 302
        if token is not None and self._host.left_out(request.headers) is None:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._host.writer.write([token.conversion(self._host.now())])
                status = 303
            except TimeoutError:  # it may be written yet
                pass
            except NovumError as error:  # ours to mend, not the visitor's to suffer
                self._host.complain(error)
        return RedirectResponse(self._host.config.page.goal, status, headers=PRIVATE)

    async def consent(self, request: Request) -> Response:
        """From now on this visitor may be counted; another site cannot say so for him."""
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return refused(403, "only this site's own page can say that")
        response = Response(status_code=204)
        _set(request, response, CONSENT, "1")
        return response

    async def own(self, request: Request) -> Response:
        """From now on this browser's visits are left out, and it may look at every variant."""
        if not hmac.compare_digest(request.path_params["secret"].encode(), self._host.own.encode()):
            return refused(404, "there is nothing here")
        text = (
            "The visits of this browser are left out from now on.\n/?show=DIGEST shows a variant."
        )
        response = PlainTextResponse(text, headers=PRIVATE)
        _set(request, response, OWN, self._host.own)
        return response

    async def thanks(self, _: Request) -> Response:
        """Where the call to action leads, if site.toml names nothing else."""
        return Response(THANKS, media_type=HTML)

    async def health(self, _: Request) -> Response:
        """Whether the site is up, and what it shows."""
        plan = self._host.chooser.plan()
        running = [experiment.id for experiment in plan.running]
        facts = {"ok": True, "incumbent": plan.incumbent, "experiments": running}
        return JSONResponse(facts, headers=PRIVATE)

    def _left_out(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> str | None:
        own = cookies.get(OWN)
        if own is not None and hmac.compare_digest(own.encode(), self._host.own.encode()):
            return people.OWN
        reason = self._host.left_out(headers)
        if reason is None and self._host.config.privacy.consent and CONSENT not in cookies:
            return people.CONSENT
        return reason

    def _not_now(self) -> Response:
        """What a browser asks for ahead it gets when it is really wanted."""
        self._host.leave_out(people.PREFETCH)
        return PlainTextResponse("not ahead of time\n", 503, headers=PRIVATE)


def _set(request: Request, response: Response, name: str, value: str) -> None:
    secure = "; Secure" if request.scope["scheme"] == "https" else ""
    cookie = f"{name}={value}; Max-Age={AGE}; Path=/; HttpOnly; SameSite=Lax{secure}"
    response.headers.append("set-cookie", cookie)


async def _pulse(host: Host) -> None:
    """Say that the site is served, now and then; and forget who was here too long ago."""
    forgotten = -HOUR
    while True:
        try:
            await asyncio.to_thread(host.pulse)
            if abs(host.now() - forgotten) > HOUR:  # a clock may be put back
                forgotten = host.now()
                await asyncio.to_thread(host.forget)
        except NovumError as error:
            host.complain(error)
        await asyncio.sleep(PULSE)
