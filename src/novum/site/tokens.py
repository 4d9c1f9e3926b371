"""What visitors carry: a cookie that says who they are to us, and tokens by which they tell.

Both are signed by the site's key, each for its own purpose, so that none can be forged, changed or
used for the other. Neither says anything about the person: a visitor is a random number.
"""

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from novum.errors import SiteError
from novum.ledger.home import make_home
from novum.site.records import Arm, Conversion, Exposure

KEY = "site.key"
BYTES = 32
LONGEST = 300  # characters: what is longer was not made here
LETTERS = {Arm.CANDIDATE: "c", Arm.CONTROL: "k", Arm.HOLDOUT: "h", Arm.OUTSIDE: "o"}
ARMS = {letter: arm for arm, letter in LETTERS.items()}


@dataclass(frozen=True, slots=True)
class Cookie:
    """A visitor, since when (seconds of the site's clock), and what he was assigned last."""

    visitor: str
    born: int
    experiment: int
    arm: Arm


@dataclass(frozen=True, slots=True)
class Token:
    """What a visitor was sent, and when: by it exposures and conversions are told."""

    visitor: str
    experiment: int
    arm: Arm
    variant: str
    issued: int

    def exposure(self, time: float) -> Exposure:
        """That what was sent was seen."""
        return Exposure(self.visitor, self.experiment, self.arm, self.variant, time)

    def conversion(self, time: float) -> Conversion:
        """That the visitor did what the page is for."""
        return Conversion(self.visitor, self.experiment, time)


def new_visitor() -> str:
    """A random visitor."""
    return secrets.token_urlsafe(16)


def known_as(key: bytes, name: str) -> str:
    """The visitor whom somebody else knows by a name, which cannot be told from it again."""
    return _text(hmac.digest(key, b"visitor\0" + name.encode("utf-8", "replace"), "sha256")[:16])


def secret(key: bytes, purpose: str) -> str:
    """A secret for one purpose, such as the team's own visits; from it the key cannot be told."""
    return _text(hmac.digest(key, b"secret\0" + purpose.encode(), "sha256")[:18])


def write_cookie(key: bytes, cookie: Cookie) -> str:
    """The cookie's value."""
    arm = LETTERS[cookie.arm]
    return _signed(key, "cookie", f"{cookie.visitor}.{cookie.born}.{cookie.experiment}.{arm}")


def read_cookie(key: bytes, text: str) -> Cookie | None:
    """What the cookie says; None if it was not made with this key."""
    found = _fields(key, "cookie", text)
    if found is None:
        return None
    visitor, born, experiment, arm = found
    return Cookie(visitor, int(born), int(experiment), ARMS[arm])


def write_token(key: bytes, token: Token) -> str:
    """The token's text, fit for an address."""
    arm = LETTERS[token.arm]
    return _signed(
        key, "token", f"{token.visitor}.{token.experiment}.{arm}.{token.variant}.{token.issued}"
    )


def read_token(key: bytes, text: str, now: float, lifetime: float) -> Token | None:
    """What the token says; None if it was not made with this key, or more than `lifetime` ago.

    One from the future was made before the clock was put back, and holds.
    """
    found = _fields(key, "token", text)
    if found is None:
        return None
    visitor, experiment, arm, variant, issued = found
    if now - int(issued) > lifetime:
        return None
    return Token(visitor, int(experiment), ARMS[arm], variant, int(issued))


def signature(key: bytes, body: bytes) -> str:
    """What the sender of a body puts beside it, if he knows the key: hexadecimal HMAC-SHA256."""
    return hmac.new(key, body, hashlib.sha256).hexdigest()


def site_key(lab: Path) -> bytes:
    """The key of a lab's site, made once; readable by its owner alone, and never by a trial.

    Raises:
        SiteError: if it is not sound, or others may read it.
    """
    path = make_home(lab) / KEY
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise SiteError(f"others may read {path}; run: chmod 600 {path}")
    key = path.read_bytes()
    if len(key) != BYTES:
        raise SiteError(f"{path} is not a key of {BYTES} bytes; put back a copy of it")
    return key


def _make(path: Path) -> None:
    """Write a new key, whole or not at all, unless another process was faster."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123  a descriptor, for its mode
        file.write(secrets.token_bytes(BYTES))
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def _signed(key: bytes, purpose: str, text: str) -> str:
    return f"{text}.{_mac(key, purpose, text)}"


def _fields(key: bytes, purpose: str, text: str) -> list[str] | None:
    if len(text) > LONGEST or not text.isascii():
        return None
    said, _, mac = text.rpartition(".")
    return said.split(".") if hmac.compare_digest(mac, _mac(key, purpose, said)) else None


def _mac(key: bytes, purpose: str, text: str) -> str:
    return _text(hmac.digest(key, f"{purpose}\0{text}".encode(), "sha256")[:16])


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
