"""What pages tell: that they were seen, and what happened on them. Answered when it is written."""

import math
import re

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from novum.site.hosting import Host
from novum.site.page import PIXEL
from novum.site.records import Event, Signal
from novum.site.tokens import Token
from novum.terminal import storable

KIND = re.compile(r"[a-z][a-z0-9_]{0,31}")
ANYWHERE = {"access-control-allow-origin": "*", "cache-control": "no-store"}
REVENUE = "revenue"


class Telling:
    """The ways by which a page tells, each with the token that it was sent with."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def seen(self, request: Request) -> Response:
        """The page was really seen."""
        token = self._token(request)
        if token is None:
            return refused(403, "this token is none of ours, or too old")
        await self._host.writer.write([token.exposure(self._host.now())])
        if request.method == "GET":
            return Response(PIXEL, headers=ANYWHERE, media_type="image/gif")
        return Response(status_code=204, headers=ANYWHERE)

    async def did(self, request: Request) -> Response:
        """A conversion, and what it is worth if that is said."""
        token, now = self._token(request), self._host.now()
        if token is None:
            return refused(403, "this token is none of ours, or too old")
        events: list[Event] = [token.conversion(now)]
        if "value" in request.query_params:
            value = _number(request.query_params["value"])
            if value is None:
                return refused(400, "value is no number")
            events.append(Signal(token.visitor, token.experiment, REVENUE, value, now))
        await self._host.writer.write(events)
        return Response(status_code=204, headers=ANYWHERE)

    async def signal(self, request: Request) -> Response:
        """Something that guards look at."""
        token, asked = self._token(request), request.query_params
        if token is None:
            return refused(403, "this token is none of ours, or too old")
        kind, value = asked.get("kind", ""), _number(asked.get("value", ""))
        if KIND.fullmatch(kind) is None or value is None:
            return refused(400, "say kind=NAME, in small letters, and value=NUMBER")
        signal = Signal(token.visitor, token.experiment, kind, value, self._host.now())
        await self._host.writer.write([signal])
        return Response(status_code=204, headers=ANYWHERE)

    def _token(self, request: Request) -> Token | None:
        return self._host.told_by(request.query_params.get("t", ""))


def refused(status: int, why: str) -> Response:
    """A refusal in a sentence."""
    return PlainTextResponse(f"{storable(why)}\n", status, headers=ANYWHERE)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
