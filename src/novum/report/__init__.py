"""The report of a campaign: `report.md`, and the picture `progress.png` where it can be drawn.

Both are derived from the ledger, so they can be made at any time, while the campaign runs too.
"""

from pathlib import Path

from novum.export import write_whole
from novum.ledger import Campaign, Ledger
from novum.report.facts import Facts, KeptRow, kept_rows, read_facts
from novum.report.page import page
from novum.report.picture import draw

__all__ = ["Facts", "KeptRow", "kept_rows", "read_facts", "write_report"]

PAGE = "report.md"
PICTURE = "progress.png"
HOW_TO_GET_IT = "*No picture: it needs Matplotlib; get it with* `pip install 'novum[plot]'`"


def write_report(ledger: Ledger, campaign: Campaign, directory: Path) -> list[Path]:
    """Write the report into a directory; returns the files that were written."""
    facts = read_facts(ledger, campaign)
    written = []
    picture = ""
    if facts.baseline is not None:
        try:
            write_whole(directory / PICTURE, draw(facts))
            written.append(directory / PICTURE)
            picture = f"![{PICTURE}]({PICTURE})"
        except ImportError:
            picture = HOW_TO_GET_IT
    write_whole(directory / PAGE, page(facts, picture).encode())
    return [directory / PAGE, *written]
