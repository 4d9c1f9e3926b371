"""What pages tell: that they were seen, and what happened on them. Answered when it is written."""

import math

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from novum.site.config import MEANS, SHARES
from novum.site.hosting import Host
from novum.site.page import PIXEL
from novum.site.records import Event, Signal
from novum.terminal import storable

ANYWHERE = {"access-control-allow-origin": "*", "cache-control": "no-store"}
REVENUE = "revenue"
SIGNALS = (*SHARES.values(), *MEANS)


class Telling:
    """The ways by which a page tells, each with the token that it was sent with."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def seen(self, request: Request) -> Response:
        """The page was really seen."""
        token = self._host.told_by(request)
        if token is None:
            return refused(403, "this token is none of ours, or too old")
        await self._host.writer.write([token.exposure(self._host.now())])
        if request.method == "GET":
            return Response(PIXEL, headers=ANYWHERE, media_type="image/gif")
        return Response(status_code=204, headers=ANYWHERE)

    async def did(self, request: Request) -> Response:
        """A conversion, and what it is worth if that is said."""
        token, now = self._host.told_by(request), self._host.now()
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
        token, asked = self._host.told_by(request), request.query_params
        if token is None:
            return refused(403, "this token is none of ours, or too old")
        kind, value = asked.get("kind", ""), _number(asked.get("value", ""))
        if kind not in SIGNALS or value is None:  # or a visitor could store whatever he likes
            return refused(400, f"say kind={'|'.join(SIGNALS)} and value=NUMBER")
        signal = Signal(token.visitor, token.experiment, kind, value, self._host.now())
        await self._host.writer.write([signal])
        return Response(status_code=204, headers=ANYWHERE)


def refused(status: int, why: str) -> Response:
    """A refusal in a sentence."""
    return PlainTextResponse(f"{storable(why)}\n", status, headers=ANYWHERE)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
