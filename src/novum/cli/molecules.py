"""Commands about molecules."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from novum.cli.arguments import JSON, show_facts
from novum.errors import NovumError, UsageError

if TYPE_CHECKING:
    from novum.molecule.streaming import Tally

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("library", type=PATH)
@click.option("--oracle", type=PATH, help="What scores: an oracle.toml.")
@click.option("--lab", type=PATH, help="Or the lab whose oracle.toml it is.")
@click.option("--out", type=PATH, default="scores.csv", show_default=True, help="The CSV.")
@click.option("--sdf", type=PATH, help="Write the poses, too, as an SDF.")
@click.option("--processes", type=click.IntRange(1, 1024), help="All processors if not given.")
@click.option("--cache", type=PATH, help="The file of answers; beside the oracle's if not given.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many molecules.")
@JSON
def score(
    library: Path,
    oracle: Path | None,
    lab: Path | None,
    out: Path,
    sdf: Path | None,
    processes: int | None,
    cache: Path | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Score a LIBRARY of molecules.

    It is a file (.smi, .csv, .sdf, also .gz). Nothing is asked twice: after an interruption,
    the same command goes on.
    """
    import os

    if (oracle is None) == (lab is None):
        raise UsageError("name what scores: either --oracle FILE or --lab DIRECTORY")
    try:
        from novum.molecule import streaming, summary
    except ModuleNotFoundError as error:
        raise UsageError(f"no {error.name}: pip install 'novum[molecule]'") from None

    wish = streaming.Wish(
        library,
        oracle or (lab or Path()) / "oracle.toml",
        out,
        sdf,
        cache,
        processes or os.cpu_count() or 1,
        limit,
    )
    line = _Line()
    try:
        tally = streaming.score_library(wish, line)
    finally:
        line.end()
    show_facts(summary.facts(tally), as_json, summary.as_text)
    click.echo(f"wrote {out}" + (f" and {sdf}" if sdf else ""), err=as_json)
    if complaint := summary.complaint(tally):
        raise NovumError(complaint)


class _Line:
    """The progress: one line that is written over, or in a log one now and then."""

    def __init__(self) -> None:
        self._screen = sys.stderr
        self._is_terminal = self._screen.isatty()
        self._every = 0.2 if self._is_terminal else 30.0  # seconds
        self._next = time.monotonic() + self._every

    def __call__(self, tally: "Tally") -> None:
        """Show it, if it is time."""
        from novum.molecule.summary import progress

        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._every
        text = progress(tally)
        self._screen.write(f"\r\x1b[K{text}" if self._is_terminal else f"{text}\n")
        self._screen.flush()

    def end(self) -> None:
        """Leave the screen as it was."""
        if self._is_terminal:
            self._screen.write("\r\x1b[K")
            self._screen.flush()
