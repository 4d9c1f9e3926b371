"""The file that a proposal changes: `copy.toml`, the words of a page."""

from pathlib import Path

from novum.errors import UsageError
from novum.lab.tables import Table
from novum.site.records import Copy
from novum.tables import parsed, read_table

COPY = "copy.toml"
LARGEST = 64 * 1024  # bytes: what is longer is no copy, and is not parsed


class CopyFile(Table):
    """The whole of `copy.toml`."""

    headline: str
    subhead: str
    call_to_action: str
    body: list[str]


def read_copy(path: Path) -> Copy:
    """The copy in a file. What it may say is asked of `novum.site.rules`, not here.

    Raises:
        UsageError: if it is missing, not UTF-8, not TOML, too long, or lacks a part.
    """
    if path.is_file() and path.stat().st_size > LARGEST:
        raise UsageError(f"{path.name} has {path.stat().st_size} bytes, of at most {LARGEST}")
    return _copy(read_table(CopyFile, path))


def copy_in(text: str) -> Copy:
    """The copy in the text of such a file.

    Raises:
        UsageError: if it is not TOML, too long, or lacks a part.
    """
    if len(text.encode("utf-8", "replace")) > LARGEST:
        raise UsageError(f"{COPY} has more than {LARGEST} bytes")
    return _copy(parsed(CopyFile, text, COPY))


def _copy(found: CopyFile) -> Copy:
    return Copy(found.headline, found.subhead, found.call_to_action, tuple(found.body))
