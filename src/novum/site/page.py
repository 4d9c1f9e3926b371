"""The page: a copy in its layout, and what makes it tell that it was seen.

The layout is the lab's own; what a copy says comes out as text, whatever it says.
"""

import json
import secrets
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from novum.errors import LabError
from novum.site.records import Copy

LAYOUT = "layout.html"
PIXEL = (  # a transparent GIF, 1 x 1
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)


@dataclass(frozen=True, slots=True)
class Page:
    """A copy on its page: for who is counted, in parts between which the token goes; and plain."""

    parts: tuple[bytes, ...]
    plain: bytes

    def told(self, token: str) -> bytes:
        """The page that tells, by this token, that it was seen and what happened on it."""
        return token.encode().join(self.parts)


class Layout:
    """A layout, read once: a Jinja template with `headline`, `subhead`, `call_to_action`, `body`
    (a list of paragraphs), `go` (where the call to action leads) and `beacon` (what tells).

    Raises:
        LabError: if it cannot be read, is no template, or lacks `go` or `beacon`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        environment = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
        try:
            self._template = environment.from_string(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise LabError(f"{path} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise LabError(f"{path} is not UTF-8") from None
        except (TemplateError, RecursionError) as error:
            raise LabError(f"{path} is no template: {error}") from None
        marks = [f"mark{secrets.token_hex(8)}" for _ in range(2)]
        tried = self._text(Copy("x"), *marks)
        for name, mark in zip(("go", "beacon"), marks, strict=True):
            if mark not in tried:
                raise LabError(
                    f"{path} does not use {{{{ {name} }}}}: nothing that happens could be counted"
                )

    def page(self, copy: Copy, consent: bool = False) -> Page:
        """A copy on this page; `consent`: the plain one can ask its visitor to be counted."""
        mark = f"token{secrets.token_hex(16)}"  # which no copy can know, and so not contain
        beacon = (
            f"<script>{script('beacon.js')}({json.dumps(mark)})</script>"
            f'<noscript><img src="/seen?t={mark}" width="1" height="1" alt=""></noscript>'
        )
        told = self._text(copy, f"/go?t={mark}", beacon)
        asking = f"<script>{script('consent.js')}</script>" if consent else ""
        plain = self._text(copy, "/go", asking)
        return Page(tuple(told.encode().split(mark.encode())), plain.encode())

    def _text(self, copy: Copy, go: str, beacon: str) -> str:
        try:
            text = self._template.render(
                headline=copy.headline,
                subhead=copy.subhead,
                call_to_action=copy.call_to_action,
                body=list(copy.body),
                go=go,
                beacon=Markup(beacon),  # noqa: S704  our own
            )
        except Exception as error:  # a template is a program: whatever it raises is its own
            raise LabError(f"{self.path} cannot be filled in: {error}") from None
        return text.encode("utf-8", "replace").decode()


@cache
def script(name: str) -> str:
    """One of our scripts, its comments left out, in one line."""
    text = (files("novum.site") / "static" / name).read_text(encoding="utf-8")
    return "".join(line.strip() for line in text.splitlines() if not line.startswith("//"))
