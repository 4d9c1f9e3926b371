"""What another platform recorded: exposures and conversions, by a signed webhook or as CSV.

An event is a JSON object, or a row of a CSV with a header:

    kind         exposure, conversion, or signal
    visitor      whatever name the platform has for him; what is stored cannot be told from it
    arm          candidate or control, of an exposure
    experiment   the one that is running, if not said; where several are, it must be said
    time         seconds since 1970 or ISO 8601; now, if not said
    signal       the signal's name; `value` its value, or what a conversion is worth

Whatever is sent twice counts once. If one event is not sound, none is taken.
"""

import csv
import hmac
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from novum.errors import NovumError, UsageError
from novum.lab.tables import Table
from novum.site.hosting import Host, body_of
from novum.site.records import Arm, Conversion, Event, Experiment, Exposure, Signal
from novum.site.store import Store, store_of
from novum.site.telling import REVENUE, refused
from novum.site.tokens import known_as, secret, signature, site_key
from novum.site.visits import DAY
from novum.tables import checked

LARGEST = 4 * 1024 * 1024  # bytes of a message
AT_ONCE = 10_000  # events of a file that are written together
SIGNATURE = "x-novum-signature"


class Told(Table):
    """One event, as somebody else tells it."""

    kind: Literal["exposure", "conversion", "signal"]
    visitor: Annotated[str, Field(min_length=1, max_length=1000)]
    arm: Literal["candidate", "control"] | None = None
    experiment: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    time: datetime | None = None
    signal: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")] | None = None
    value: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> "Told":
        if (self.kind == "exposure") != (self.arm is not None):
            raise ValueError("an exposure has an arm, candidate or control, and nothing else has")
        if (self.kind == "signal") != (self.signal is not None):
            raise ValueError("a signal has its name in `signal`, and nothing else has")
        if self.kind == "signal" and self.value is None:
            raise ValueError("a signal has a value")
        return self


class Outside:
    """The webhook."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._secret = hook_secret(host.key).encode()

    async def hook(self, request: Request) -> Response:
        """Events of another platform, signed: a JSON list of them."""
        body = await body_of(request, LARGEST)
        if body is None:
            return refused(413, f"at most {LARGEST} bytes at once")
        given = request.headers.get(SIGNATURE, "").removeprefix("sha256=").encode()
        if not hmac.compare_digest(given, signature(self._secret, body).encode()):
            return refused(403, f"{SIGNATURE} is not the HMAC-SHA256 of the body by our secret")
        try:
            told = json.loads(body)
            if not isinstance(told, list):
                raise UsageError("send a list of events")
            events = read_events(self._host.store, self._host.key, told)
        except (UsageError, ValueError, RecursionError) as error:
            return refused(400, str(error))
        await self._host.writer.write(events)
        return JSONResponse({"taken": len(told)})


def hook_secret(key: bytes) -> str:
    """By what the other platform signs."""
    return secret(key, "hook")


def take_file(lab: Path, path: Path) -> int:
    """Record the events of a CSV; how many they are.

    Raises:
        UsageError: if one is not sound, by its line; then none is taken.
        SiteError: if the site cannot be used.
    """
    store, key = store_of(lab), site_key(lab)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [_without_blanks(row) for row in csv.DictReader(file, strict=True)]
        events = read_events(store, key, rows, "line", first=2)
        for start in range(0, len(events), AT_ONCE):
            store.record(events[start : start + AT_ONCE])
        return len(rows)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is no CSV in UTF-8: {error}") from None
    finally:
        store.close()


def read_events(
    store: Store, key: bytes, told: Iterable[Any], what: str = "event", first: int = 1
) -> list[Event]:
    """The events that somebody told; a complaint names one as `what`, counted from `first`.

    Raises:
        UsageError: if one is not sound.
    """
    found: list[Event] = []
    running, now = store.running(), store.clock.now()
    only = running[0] if len(running) == 1 else None
    for number, one in enumerate(told, first):
        try:
            if not isinstance(one, Mapping):
                raise UsageError("an event is an object")
            read = checked(Told, one)
            experiment = only if read.experiment is None else store.experiment(read.experiment)
            found += _events(read, experiment, key, now)
        except NovumError as error:
            raise UsageError(f"{what} {number}: {error}") from None
    return found


def _events(told: Told, experiment: Experiment | None, key: bytes, now: float) -> list[Event]:
    if experiment is None:
        raise UsageError("no experiment is running, or several are; name one")
    time = now
    if told.time is not None:
        moment = told.time if told.time.tzinfo else told.time.replace(tzinfo=UTC)
        time = moment.timestamp()
    if time > now + DAY:
        raise UsageError(f"`time` = {told.time} is in the future")
    visitor, number = known_as(key, told.visitor), experiment.id
    if told.kind == "signal":
        assert told.signal is not None and told.value is not None
        return [Signal(visitor, number, told.signal, told.value, time)]
    if told.kind == "conversion":
        worth = [] if told.value is None else [Signal(visitor, number, REVENUE, told.value, time)]
        return [Conversion(visitor, number, time), *worth]
    arm = Arm.CANDIDATE if told.arm == "candidate" else experiment.beside
    shown = experiment.candidate if told.arm == "candidate" else experiment.control
    if shown is None:
        raise UsageError(f"experiment {number} has no control")
    return [Exposure(visitor, number, arm, shown, time)]


def _without_blanks(row: Mapping[str | None, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items() if value not in ("", None)}
