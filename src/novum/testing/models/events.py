"""Server-sent events, as bytes."""

import json

from novum.testing.models.script import Json


def named(event: str, data: Json) -> bytes:
    """An event with a name, which is also its type."""
    return f"event: {event}\ndata: {json.dumps({'type': event, **data})}\n\n".encode()


def bare(data: Json) -> bytes:
    """An event of data alone."""
    return f"data: {json.dumps(data)}\n\n".encode()
