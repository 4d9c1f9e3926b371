"""The server: real sockets on 127.0.0.1, one thread a connection, any free port."""

import contextlib
import gzip
import json
import re
import select
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from types import ModuleType
from typing import Any, Self, cast
from urllib.parse import parse_qs, urlsplit

from novum.testing.models import anthropic_messages, gemini, openai_chat, openai_responses
from novum.testing.models.bill import Till
from novum.testing.models.script import Answer, Json, Request, Script, fail

# The protocol that is spoken at a path, and the module that speaks it.
PATHS: tuple[tuple[str, str, ModuleType], ...] = (
    (r"/chat/completions$", "openai", openai_chat),
    (r"/responses$", "responses", openai_responses),
    (r"/messages(/count_tokens)?$", "anthropic", anthropic_messages),
    (r":(generateContent|streamGenerateContent|countTokens)$", "gemini", gemini),
)
TICK = 0.05  # seconds between two looks at a silent connection


@dataclass(frozen=True)
class _Wire:
    """One protocol: how a request is read and an answer written."""

    name: str
    module: Any

    @classmethod
    def at(cls, path: str) -> "_Wire | None":
        found = (cls(name, module) for way, name, module in PATHS if re.search(way, path))
        return next(found, None)


class ModelServer:
    """A model that answers as scripted.

    `key`: if given, a request without it gets 401. `models` are what `/v1/models` lists; if given,
    a request for another one gets 404. A script that has run out answers 400.
    """

    def __init__(self, script: Script, *, key: str = "", models: Iterable[str] = ()) -> None:
        self.requests: list[Request] = []  # to a model, in the order of their arrival
        self.others: list[Request] = []  # to any other address
        self.hung_up = 0  # connections that the client closed before their answer had ended
        self.problems: list[str] = []  # of the server itself or its script
        self.closing = Event()
        self.models = tuple(models)
        self.key = key
        self.till = Till()
        self._script = script if callable(script) else _in_order(script)
        self._lock = Lock()
        self._http = _Http(self)
        self._thread = Thread(target=self._http.serve_forever, args=(TICK,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The address, without a path."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        """End it, and whatever is still silent."""
        self.closing.set()
        self._http.shutdown()
        self._http.hang_up()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close()
        if kind is None and self.problems:
            raise AssertionError("; ".join(self.problems))

    def answer(self, request: Request) -> Answer:
        """What the script says to a request, which is recorded."""
        with self._lock:
            if not request.protocol:
                self.others.append(request)
                return fail(404, f"nothing is at {request.path}")
            self.requests.append(request)
            if self.key and self.key not in _keys(request):
                return fail(401, "Incorrect API key provided.")
            if self.models and request.model not in self.models:
                return fail(404, f"The model `{request.model}` does not exist.")
            return self._script(request)

    def note(self, *, hung_up: bool = False, problem: str = "") -> None:
        """Remember how a connection ended."""
        with self._lock:
            self.hung_up += hung_up
            if problem:
                self.problems.append(problem)


def _in_order(answers: Iterable[Answer]) -> Callable[[Request], Answer]:
    left = iter(tuple(answers))
    return lambda _: next(left, fail(400, "the script has no answer left"))


def _keys(request: Request) -> set[str]:
    headers = request.headers
    query = parse_qs(urlsplit(request.path).query)
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    named = {headers.get("x-api-key", ""), headers.get("x-goog-api-key", "")}
    return {bearer, *named, *query.get("key", [])}


class _Http(ThreadingHTTPServer):
    """Knows its open connections, so that it can end those that wait for another request."""

    daemon_threads = False
    block_on_close = True
    owner: ModelServer

    def __init__(self, owner: ModelServer) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401  as the class above has it
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End what is still open."""
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # a connection that asks nothing more
    _busy = False  # whether a request is being answered

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""

    @property
    def owner(self) -> ModelServer:
        return cast(_Http, self.server).owner

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.owner.note(hung_up=self._busy)
        except Exception as error:  # a fault of the script, told when it closes
            self.owner.note(problem=f"{type(error).__name__}: {error}")

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.rstrip("/").endswith("/models"):
            self._json(200, _models(self.owner.models))
        else:
            self._other("GET")

    def do_HEAD(self) -> None:
        self._other("HEAD")

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        body = self._read()
        wire = _Wire.at(path)
        if wire is None:
            self._other("POST", body)
            return
        named = re.search(r"/models/([^/:]+):", path)
        streamed = bool(body.get("stream")) or path.endswith(":streamGenerateContent")
        request = Request(
            method="POST",
            path=self.path,
            protocol=wire.name,
            headers=self._headers(),
            body=body,
            model=named[1] if named else str(body.get("model", "")),
            stream=streamed,
            outline=wire.module.outline(body),
        )
        if path.endswith(("/count_tokens", ":countTokens")):
            count = self.owner.till.bill(request, Answer()).input
            self._json(200, {"input_tokens": count, "totalTokens": count})
            return
        self._busy = True
        self._answer(wire, request, self.owner.answer(request))
        self._busy = False

    def _answer(self, wire: _Wire, request: Request, answer: Answer) -> None:
        if answer.silent:
            self._wait()
        elif answer.status != 200:
            self._json(answer.status, wire.module.error(answer), answer.retry_after)
        else:
            bill = self.owner.till.bill(request, answer)
            if request.stream:
                self._stream(wire, answer, wire.module.stream(request, answer, bill))
            else:
                self._whole(answer, wire.module.whole(request, answer, bill))

    def _stream(self, wire: _Wire, answer: Answer, events: list[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        last = round(len(events) * answer.share) if answer.broken else len(events)
        for event in events[:last]:
            self._chunk(event)
            if answer.pause:
                self._pause(answer.pause)
        if answer.broken == "error":
            self._chunk(wire.module.broken(answer))
        if answer.broken == "stall":
            self._wait()
        elif answer.broken == "cut":
            self.close_connection = True
        else:
            self._chunk(b"")

    def _whole(self, answer: Answer, body: Json) -> None:
        data = json.dumps(body).encode()
        self._head(200, len(data))
        last = round(len(data) * answer.share) if answer.broken else len(data)
        self.wfile.write(data[:last])
        if answer.broken == "stall":
            self._wait()
        elif answer.broken:
            self.close_connection = True

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _wait(self) -> None:
        """Say nothing until the client goes away, or the server is closed."""
        self.close_connection = True
        while not self.owner.closing.is_set():
            self._pause(TICK)

    def _pause(self, seconds: float) -> None:
        """Wait; a client that goes away meanwhile is a `ConnectionError`."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.owner.closing.is_set():
            ready, _, _ = select.select([self.connection], [], [], min(left, TICK))
            if ready and not self.connection.recv(1, 2):  # 2: MSG_PEEK; empty: it is closed
                raise ConnectionAbortedError
            if ready:  # it sends ahead; look again later
                self.owner.closing.wait(min(left, TICK))

    def _read(self) -> Json:
        length = int(self.headers.get("Content-Length") or 0)
        data = self._chunks() if self.headers.get("Transfer-Encoding") else self.rfile.read(length)
        if self.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        body = json.loads(data or b"{}")
        return body if isinstance(body, dict) else {"body": body}

    def _chunks(self) -> bytes:
        data = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _other(self, method: str, body: Json | None = None) -> None:
        request = Request(method, self.path, "", self._headers(), body or {})
        answer = self.owner.answer(request)
        self._json(answer.status, openai_chat.error(answer))

    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _json(self, status: int, body: Json, retry_after: float | None = None) -> None:
        data = json.dumps(body).encode()
        self._head(status, len(data), retry_after)
        if self.command != "HEAD":
            self.wfile.write(data)

    def _head(self, status: int, length: int, retry_after: float | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        if retry_after is not None:
            self.send_header("Retry-After", f"{retry_after:g}")
        self.end_headers()


def _models(names: Iterable[str]) -> Json:
    """A list of models that OpenAI's and Anthropic's clients can read."""
    listed = [
        {
            "id": name,
            "object": "model",
            "created": 1700000000,
            "owned_by": "script",
            "type": "model",
            "display_name": name,
            "created_at": "2023-11-14T22:13:20Z",
        }
        for name in names
    ]
    return {"object": "list", "data": listed, "has_more": False}
