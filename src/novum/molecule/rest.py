"""Oracles that are services: molecules in a JSON request, answers in its JSON response.

    [oracle]
    kind = "rest"
    url = "https://models.example/predict"
    body = { molecules = "$molecules" }
    answers = "predictions"

Secrets stay in the environment: a header's `${NAME}` is filled in when a request is sent.
"""

import email.utils
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field

from novum.errors import UsageError
from novum.lab.tables import Table
from novum.molecule.batches import Answer, BatchError, answered, one_line
from novum.molecule.scores import Score, Setting, Status
from novum.tables import checked

if TYPE_CHECKING:
    from httpx2 import Client, Response

LARGEST = 100_000_000  # bytes of one answer
LONGEST_WAIT = 60.0  # seconds before a repetition that we choose ourselves
REFUSED = frozenset({400, 413, 414, 422})  # it does not like what it was sent: these molecules
SECRET = re.compile(r"\$\{(\w+)\}")


class RestTable(Table):
    """What a table of kind `rest` may hold."""

    url: str = Field(pattern=r"^https?://")
    better: Literal["low", "high"]
    name: str = "rest"
    version: str = ""
    method: Literal["POST", "GET", "PUT"] = "POST"
    headers: dict[str, str] = Field(default_factory=dict)
    params: dict[str, Any] = Field(default_factory=dict)
    body: Any = None
    each: Any = "$smiles"
    answers: str = ""
    value: str = "value"
    smiles: str = ""
    index: str = ""
    error: str = ""
    batch: int = Field(default=100, ge=1)
    timeout: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    retries: int = Field(default=4, ge=0)
    wait: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    patience: float = Field(default=300.0, ge=0, allow_inf_nan=False)


class RestOracle:
    """Scores molecules by a service.

    Where it stays down, its molecules are `unavailable`, and the next batch is tried once only,
    until it answers again.
    """

    def __init__(self, settings: RestTable) -> None:
        if find_spec("httpx2") is None:
            raise UsageError("kind `rest` needs an HTTP client: pip install 'novum[molecule]'")
        sent = json.dumps([settings.params, settings.body])
        if "$molecules" not in sent and "$smiles" not in sent:
            raise UsageError('`body` or `params` must hold "$molecules", or "$smiles" for one')
        if "$molecules" not in sent and settings.batch != 1:
            raise UsageError('`batch` must be 1 where `body` holds "$smiles", not "$molecules"')
        self._s = settings
        self.batch = settings.batch
        self._is_down = False
        self.name = settings.name
        self.version = settings.version
        self.better = settings.better
        # Headers are left out: a secret may be written there, and settings are remembered.
        asked = {"url", "method", "params", "body", "each"}
        read = {"answers", "value", "index", "smiles", "error"}
        told = settings.model_dump(include=asked | read)
        self.settings: Mapping[str, Setting] = {
            key: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            for key, value in told.items()
        }
        self._headers()  # a secret that is missing is told now

    @classmethod
    def from_table(cls, table: Mapping[str, Any], directory: Path) -> Self:
        """An oracle that asks the service that a table describes.

        Raises:
            UsageError: if the table is not sound, or a secret is not in the environment.
        """
        return cls(checked(RestTable, table))

    def score(self, molecules: Sequence[str]) -> list[Score]:
        """One answer for each SMILES, in their order."""
        answers = dict(self.score_each(molecules))
        return [answers[position] for position in range(len(molecules))]

    def score_each(self, molecules: Sequence[str]) -> Iterator[tuple[int, Score]]:
        """Positions and answers, batch by batch."""
        import httpx2  # noqa: PLC0415  only who asks a service pays for it

        with httpx2.Client(timeout=self._s.timeout, follow_redirects=False) as client:
            yield from answered(lambda names: self._ask(client, names), molecules, self.batch)

    def _ask(self, client: "Client", molecules: Sequence[str]) -> list[Answer]:
        answer = self._persistently(client, molecules)
        found = _at(answer, self._s.answers)
        if not isinstance(found, list):
            found = [found] if len(molecules) == 1 else None
        if found is None:
            where = self._s.answers or "at its top"
            raise BatchError(Status.UNAVAILABLE, f"its answer has no list {where}", hopeless=True)
        by_name = bool(self._s.smiles or self._s.index)
        if not by_name and len(found) != len(molecules):
            told = f"{len(found)} values for {len(molecules)} molecules; none is believed"
            raise BatchError(Status.UNAVAILABLE, f"it gave {told}")
        return [self._answer(item, place, by_name) for place, item in enumerate(found)]

    def _answer(self, item: object, place: int, by_name: bool) -> Answer:
        s = self._s
        named = {
            "index": _at(item, s.index) if s.index else None if by_name else place,
            "smiles": _at(item, s.smiles) if s.smiles else None,
            "value": _at(item, s.value) if isinstance(item, dict | list) else item,
            "error": _at(item, s.error) if s.error else None,
        }
        others = item if isinstance(item, dict) else {}
        taken = {s.index, s.smiles, s.value, s.error}
        return Answer.of({**{k: v for k, v in others.items() if k not in taken}, **named})

    def _persistently(self, client: "Client", molecules: Sequence[str]) -> object:
        """The JSON of an answer, asked for again while that may help."""
        end = time.monotonic() + self._s.patience
        attempts = 1 if self._is_down else 1 + self._s.retries
        for attempt in range(attempts):
            try:
                answer = self._once(client, molecules)
            except _AgainError as error:
                wait = error.wait or min(self._s.wait * 2**attempt, LONGEST_WAIT)
                if attempt == attempts - 1 or time.monotonic() + wait > end:
                    self._is_down = True
                    raise BatchError(Status.UNAVAILABLE, error.reason, hopeless=True) from None
                time.sleep(wait)
            else:
                self._is_down = False
                return answer
        raise AssertionError("the last attempt returns or raises")

    def _once(self, client: "Client", molecules: Sequence[str]) -> object:
        import httpx2  # noqa: PLC0415  as above

        s = self._s
        each = [_filled(s.each, _one(smiles, index)) for index, smiles in enumerate(molecules)]
        filled: dict[str, object] = {"$molecules": each, **_one(molecules[0], 0)}
        body = None if s.body is None else _filled(s.body, filled)
        try:
            with client.stream(
                s.method,
                s.url,
                params=_filled(s.params, filled),
                json=body,
                headers=self._headers(),
            ) as response:
                content = _content(response, time.monotonic() + s.timeout)
        except httpx2.ConnectTimeout:
            raise _AgainError("it cannot be reached: no connection in time") from None
        except httpx2.TimeoutException:  # not tried again: the molecules may be what takes so long
            raise BatchError(Status.TIMEOUT, f"no answer within {s.timeout:g} s") from None
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError) as error:
            words = one_line(error) or type(error).__name__
            raise _AgainError(f"it cannot be reached: {words}") from None
        return _read(response, self._without_secrets(content))

    def _without_secrets(self, content: bytes) -> bytes:
        """An answer as it may be remembered and shown, also if it repeats what it was sent."""
        for text in self._s.headers.values():
            for name in SECRET.findall(text):
                if secret := os.environ[name].encode():
                    content = content.replace(secret, b"[secret]")
        return content

    def _headers(self) -> dict[str, str]:
        return {name: _with_secrets(name, text) for name, text in self._s.headers.items()}


class _AgainError(Exception):
    """No answer yet; asking again may help, after `wait` seconds if the service says so."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


def _read(response: "Response", content: bytes) -> object:
    code = response.status_code
    said = content.decode("utf-8", "replace")
    if code == 429 or code >= 500:
        wait = _wanted_wait(response.headers.get("retry-after"))
        raise _AgainError(f"status {code}: {said}", wait)
    if code in REFUSED:
        raise BatchError(Status.FAILED, f"status {code}: {said}")
    if not 200 <= code < 300:
        raise BatchError(Status.UNAVAILABLE, f"status {code}: {said}", hopeless=True)
    try:
        return json.loads(content)
    except ValueError:
        raise BatchError(Status.UNAVAILABLE, "its answer is no JSON", hopeless=True) from None


def _content(response: "Response", end: float) -> bytes:
    """The whole of an answer, which may be neither endless nor ever so slow."""
    import httpx2  # noqa: PLC0415  as above

    content = b""
    for piece in response.iter_bytes():
        content += piece
        if len(content) > LARGEST:
            raise BatchError(Status.UNAVAILABLE, "its answer has no end", hopeless=True)
        if time.monotonic() > end:
            raise httpx2.ReadTimeout("too slow")
    return content


def _wanted_wait(text: str | None) -> float | None:
    """The seconds of a Retry-After, which is a number or a date."""
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _one(smiles: str, index: int) -> dict[str, object]:
    return {"$smiles": smiles, "$index": index}


def _filled(template: object, values: Mapping[str, object]) -> Any:  # noqa: ANN401  it is JSON
    """A template with what stands for something in it; only whole strings do."""
    if isinstance(template, dict):
        return {key: _filled(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [_filled(value, values) for value in template]
    return values.get(template, template) if isinstance(template, str) else template


def _at(data: object, path: str) -> object:
    """What is at a path of names and numbers with dots between; None where there is nothing."""
    for part in path.split(".") if path else ():
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
        else:
            return None
    return data


def _with_secrets(header: str, text: str) -> str:
    def secret(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            raise UsageError(
                f"`headers.{header}` wants ${found[1]}, which is not in the environment"
            )
        return os.environ[found[1]]

    return SECRET.sub(secret, text)
