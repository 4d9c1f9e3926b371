"""The report of a campaign: `report.md`, and the picture `progress.png` where it can be drawn.

All is derived from the ledger, and exhibits from git too, so it can be made at any time, while the
campaign runs too.
"""

from collections.abc import Callable
from pathlib import Path

from novum.export import write_whole
from novum.ledger import Campaign, Ledger
from novum.report.exhibits import exhibits
from novum.report.facts import Facts, KeptRow, kept_rows, read_facts
from novum.report.page import page
from novum.report.picture import draw

__all__ = ["Facts", "KeptRow", "kept_rows", "read_facts", "write_picture", "write_report"]

PAGE = "report.md"
PICTURE = "progress.png"
HOW_TO_GET_IT = "*No picture: it needs Matplotlib; get it with* `pip install 'novum[plot]'`"


def write_picture(path: Path, draw: Callable[[], bytes]) -> tuple[list[Path], str]:
    """Write a picture, where Matplotlib is there; the files written, and the Markdown for it."""
    try:
        write_whole(path, draw())
    except ImportError:
        return [], HOW_TO_GET_IT
    return [path], f"![{path.name}]({path.name})"


def write_report(ledger: Ledger, campaign: Campaign, directory: Path) -> list[Path]:
    """Write the report into a directory; returns the files that were written."""
    facts = read_facts(ledger, campaign)
    written: list[Path] = []
    picture = ""
    if facts.baseline is not None:
        written, picture = write_picture(directory / PICTURE, lambda: draw(facts))
    shown = exhibits(facts, ledger, campaign, directory)
    write_whole(directory / PAGE, page(facts, picture, shown).encode())
    return [directory / PAGE, *written, *(path for exhibit in shown for path in exhibit.files)]
