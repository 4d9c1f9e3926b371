"""One request: sent, answered as a stream, bounded in time, and given up as soon as nobody waits.

An event loop of its own lets a request end at once wherever it is: connecting, waiting, reading.
`httpx2` is imported here alone, when a request is made.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from novum.researchers.chat.models import Model
from novum.researchers.chat.talk import Json, Limits, NotWantedError, Reply, Talk, WireError
from novum.researchers.chat.wires import WIRES, Wire

if TYPE_CHECKING:
    from threading import Event

    from httpx2 import Response

TICK = 0.1  # seconds between two looks at the bell
PATIENCE = 1.0  # seconds for a connection to close
CONNECT = 30.0  # seconds to reach a host
LARGEST = 16_000_000  # bytes of one answer; more is a fault
T = TypeVar("T")


def ask(
    model: Model, talk: Talk, limits: Limits, reply: Reply, cancel: "Event", seconds: float
) -> None:
    """Send a request, and fill the reply with what comes back, also when it breaks off.

    Raises:
        WireError: if no complete answer came, within `seconds` or at all.
        NotWantedError: soon after `cancel` is set.
    """
    import httpx2  # noqa: PLC0415  only who asks a model pays for it

    wire = WIRES[model.protocol]
    loop = asyncio.new_event_loop()
    try:
        work = _exchange(model, wire, wire.body(model, talk, limits), reply)
        loop.run_until_complete(_while_wanted(work, cancel, seconds))
    except (httpx2.TransportError, httpx2.StreamError, OSError) as error:
        if not reply.ended:  # else it is complete, and only its leave-taking failed
            raise WireError(_words(error)) from None
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    if not reply.ended:
        raise WireError("the answer broke off")


async def _while_wanted(work: Coroutine[Any, Any, T], cancel: "Event", seconds: float) -> T:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        done, _ = await asyncio.wait({task}, timeout=TICK)
        if done:
            return task.result()
        if cancel.is_set() or loop.time() > end:
            break
    task.cancel()
    await asyncio.wait({task}, timeout=PATIENCE)
    raise NotWantedError if cancel.is_set() else WireError(f"no answer within {seconds:g} s")


async def _exchange(model: Model, wire: Wire, body: Json, reply: Reply) -> None:
    import httpx2  # noqa: PLC0415  as above

    timeout = httpx2.Timeout(None, connect=CONNECT)
    headers = {"User-Agent": "novum", **wire.headers(model)}
    async with (
        httpx2.AsyncClient(timeout=timeout, headers=headers) as client,
        client.stream("POST", wire.address(model), json=body) as response,
    ):
        if response.status_code != 200:
            raise await _refused(response, wire)
        reply.began = True
        async for event in _events(response):
            try:
                wire.read(event, reply)
            except (AttributeError, KeyError, TypeError, ValueError):
                raise WireError("the answer is not what the protocol says") from None


async def _refused(response: "Response", wire: Wire) -> WireError:
    data = (await response.aread())[:LARGEST]
    try:
        body = json.loads(data)
        body = body[0] if isinstance(body, list) and body else body
    except ValueError:
        body = {"message": data.decode("utf-8", "replace")}
    trouble = wire.trouble(response.status_code, body if isinstance(body, dict) else {})
    if trouble.retry_after is None:
        trouble.retry_after = _seconds(response.headers)
    return trouble


def _seconds(headers: Any) -> float | None:  # noqa: ANN401  httpx2's headers, by name
    """How long the provider says to wait; a date is not read: our clock may be another."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * unit)
        except (KeyError, ValueError):
            continue
    return None


async def _events(response: "Response") -> AsyncIterator[Json]:
    """The events of a stream, or the whole of an answer that is none."""
    received = 0
    if "json" in response.headers.get("content-type", ""):
        yield _parsed(await response.aread())
        return
    rest, data = b"", b""
    async for piece in response.aiter_bytes():
        received += len(piece)
        if received > LARGEST:
            raise WireError("the answer has no end")
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            name, _, value = line.rstrip(b"\r").partition(b":")
            if name == b"data":
                data += value.removeprefix(b" ") + b"\n"
            elif not line.strip() and data.strip():
                if data.strip() != b"[DONE]":
                    yield _parsed(data)
                data = b""


def _parsed(data: bytes) -> Json:
    try:
        event = json.loads(data)
    except ValueError:
        raise WireError("the answer is no JSON") from None
    return event if isinstance(event, dict) else {}


def _words(error: Exception) -> str:
    """An error of the connection in a few words."""
    return str(error).strip() or type(error).__name__
