"""For pages elsewhere: a snippet of JavaScript, and the OpenFeature remote evaluation protocol.

The flags are `copy` (an object of all parts) and its parts: `headline`, `subhead`,
`call_to_action` (strings) and `body` (a list). The variant is the arm; `metadata.token` is what
`/seen` and `/did` are told with. https://github.com/open-feature/protocol, service/openapi.yaml.
"""

import hashlib
import json
from dataclasses import asdict
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from novum.site import people
from novum.site.choosing import Guest
from novum.site.hosting import Host, body_of
from novum.site.page import script
from novum.site.records import NOWHERE, Arm
from novum.site.telling import ANYWHERE, refused
from novum.site.tokens import read_cookie, write_cookie
from novum.site.visits import DAY

COPY = "copy"
LARGEST = 64 * 1024  # bytes of a question


class _BadQuestionError(Exception):
    """A question that cannot be answered: the protocol's error code, and a sentence."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self.code = code


class Remote:
    """What pages and programs elsewhere ask for."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @cached_property
    def _snippet(self) -> bytes:
        return script("snippet.js").encode()

    async def snippet(self, _: Request) -> Response:
        """The script."""
        headers = {**ANYWHERE, "cache-control": "public, max-age=300"}
        return Response(self._snippet, headers=headers, media_type="text/javascript")

    async def variant(self, request: Request) -> Response:
        """What the script's page shows; nothing for those who do not count."""
        reason = self._host.left_out(request.headers)
        if reason is None and self._host.config.privacy.consent:
            reason = None if request.query_params.get("consent") == "1" else people.CONSENT
        if reason is not None:
            self._host.leave_out(reason)
            return Response(status_code=204, headers=ANYWHERE)
        body = await body_of(request, LARGEST)
        if body is None:
            return refused(413, "what was sent is too long")
        guest = self._host.chooser.guest(
            read_cookie(self._host.key, body.decode("utf-8", "replace"))
        )
        visitor = write_cookie(self._host.key, guest.cookie)
        facts = {COPY: self._copy(guest), "token": guest.token, "visitor": visitor}
        return JSONResponse(facts, headers=ANYWHERE)

    def protocol(self) -> list[Route]:
        """The addresses of the protocol, below /ofrep/v1/evaluate."""
        return [
            Route("/flags", self.flags, methods=["POST"]),
            Route("/flags/{key}", self.flag, methods=["POST"]),
        ]

    async def flag(self, request: Request) -> Response:
        """One flag, by the protocol."""
        key = request.path_params["key"]
        try:
            guest = self._host.chooser.known(await _targeting_key(request))
        except _BadQuestionError as error:
            return _failure(400, error.code, str(error), key)
        answers = {answer["key"]: answer for answer in self._answers(guest)}
        if key not in answers:
            return _failure(404, "FLAG_NOT_FOUND", f"the flags are {', '.join(answers)}", key)
        return JSONResponse(answers[key], headers=ANYWHERE)

    async def flags(self, request: Request) -> Response:
        """All flags, by the protocol; 304 if they are what the client has."""
        try:
            guest = self._host.chooser.known(await _targeting_key(request))
        except _BadQuestionError as error:
            return _failure(400, error.code, str(error))
        # A token ends, so what was answered is not kept for ever.
        day = int(self._host.now() // DAY)
        digest = hashlib.sha256(repr((guest.cookie.visitor, guest.choice, day)).encode())
        headers = {**ANYWHERE, "etag": f'"{digest.hexdigest()[:32]}"'}
        known = request.headers.get("if-none-match", "")
        if headers["etag"] in [one.strip().removeprefix("W/") for one in known.split(",")]:
            return Response(status_code=304, headers=headers)
        return JSONResponse({"flags": self._answers(guest)}, headers=headers)

    def _answers(self, guest: Guest) -> list[dict[str, Any]]:
        choice, copy = guest.choice, self._copy(guest)
        is_split = choice.experiment != NOWHERE or choice.arm is Arm.HOLDOUT
        common = {
            "reason": "SPLIT" if is_split else "STATIC",
            "variant": choice.arm.value,
            "metadata": {
                "token": guest.token,
                "experiment": choice.experiment,
                "digest": choice.variant,
            },
        }
        return [
            {"key": key, "value": value, **common} for key, value in {COPY: copy, **copy}.items()
        ]

    def _copy(self, guest: Guest) -> dict[str, Any]:
        return asdict(self._host.store.variant(guest.choice.variant))


async def _targeting_key(request: Request) -> str:
    body = await body_of(request, LARGEST)
    try:
        asked = json.loads(body or b"")
    except (ValueError, RecursionError):
        raise _BadQuestionError("PARSE_ERROR", "this is no JSON") from None
    context = asked.get("context", {}) if isinstance(asked, dict) else None
    if not isinstance(context, dict):
        raise _BadQuestionError("INVALID_CONTEXT", "the context is an object")
    key = context.get("targetingKey")
    if not isinstance(key, str) or not key:
        raise _BadQuestionError("TARGETING_KEY_MISSING", "say targetingKey: who is to see it")
    return key


def _failure(status: int, code: str, details: str, key: str | None = None) -> Response:
    named = {} if key is None else {"key": key}
    facts = {**named, "errorCode": code, "errorDetails": details}
    return JSONResponse(facts, status, headers=ANYWHERE)
