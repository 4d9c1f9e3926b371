"""Oracles that are programs: molecules to standard input, answers on standard output.

    [oracle]
    kind = "command"
    run = ["python", "score.py"]

The program gets a CSV with the columns `index` and `smiles`, or lines `SMILES INDEX`, and prints
JSON lines or a CSV with `index` or `smiles`, and `value` or `error`; other numbers are kept.
"""

import contextlib
import csv
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal, Self

from pydantic import Field

from novum.errors import UsageError
from novum.lab.tables import Table
from novum.molecule.batches import Answer, BatchError, answered
from novum.molecule.scores import Score, Setting, Status
from novum.place import PATH
from novum.tables import checked
from novum.terminal import tail

LARGEST = 100_000_000  # bytes that one run may print


class CommandTable(Table):
    """What a table of kind `command` may hold."""

    run: tuple[str, ...] = Field(min_length=1)
    better: Literal["low", "high"]
    name: str = "command"
    version: str = ""
    input: Literal["csv", "smiles"] = "csv"
    output: Literal["json", "csv"] = "json"
    batch: int = Field(default=100, ge=1)
    timeout: float = Field(default=600.0, gt=0, allow_inf_nan=False)
    files: tuple[str, ...] = ()


class CommandOracle:
    """Scores molecules by a program, which is run once for each batch of them."""

    def __init__(self, settings: CommandTable, directory: Path) -> None:
        self._run = settings.run
        self._input = settings.input
        self._output = settings.output
        self.batch = settings.batch
        self._timeout = settings.timeout
        self._directory = directory
        self.name = settings.name
        self.version = settings.version
        self.better = settings.better
        _require_program(settings.run[0], directory)
        self.settings: Mapping[str, Setting] = {
            "run": json.dumps(settings.run),
            "input": settings.input,
            "output": settings.output,
            "files": json.dumps(_digests(settings, directory)),
        }

    @classmethod
    def from_table(cls, table: Mapping[str, Any], directory: Path) -> Self:
        """An oracle that runs what a table says, in `directory`.

        Raises:
            UsageError: if the table is not sound, or the program or a file is not there.
        """
        return cls(checked(CommandTable, table), directory)

    def score(self, molecules: Sequence[str]) -> list[Score]:
        """One answer for each SMILES, in their order."""
        answers = dict(self.score_each(molecules))
        return [answers[position] for position in range(len(molecules))]

    def score_each(self, molecules: Sequence[str]) -> Iterator[tuple[int, Score]]:
        """Positions and answers, batch by batch."""
        return answered(self._ask, molecules, self.batch)

    def _ask(self, molecules: Sequence[str]) -> list[Answer]:
        text = self._printed(_written(molecules, self._input))
        read = _json_lines if self._output == "json" else _csv_rows
        try:
            return [Answer.of(record) for record in read(text)]
        except (ValueError, csv.Error) as error:
            reason = f"what it prints cannot be read: {error}"
            raise BatchError(Status.UNAVAILABLE, reason) from None

    def _printed(self, given: str) -> str:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as complaints:
            status = self._status(given, out, complaints)
            if status != 0:
                said = tail(_content(complaints), 1) or "it says nothing"
                raise BatchError(Status.UNAVAILABLE, f"it ended with status {status}: {said}")
            return _content(out).decode("utf-8", "replace")

    def _status(self, given: str, out: IO[bytes], complaints: IO[bytes]) -> int:
        with tempfile.TemporaryFile() as source:
            source.write(given.encode())
            source.seek(0)
            try:
                process = subprocess.Popen(
                    self._run,
                    cwd=self._directory,
                    stdin=source,
                    stdout=out,
                    stderr=complaints,
                    env={**os.environ, "PATH": PATH},
                    start_new_session=True,
                )
            except OSError as error:
                raise BatchError(Status.UNAVAILABLE, f"it cannot be started: {error}") from None
        try:
            return process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            raise BatchError(Status.TIMEOUT, f"it took longer than {self._timeout:g} s") from None
        finally:
            if process.poll() is None:  # and all that it started
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _require_program(name: str, directory: Path) -> None:
    is_there = (directory / name).exists() if "/" in name else shutil.which(name, path=PATH)
    if not is_there:
        raise UsageError(f"`run`: there is no program {name}")


def _digests(settings: CommandTable, directory: Path) -> dict[str, str]:
    """Digests of the files that the program is made of: another text may give other values."""
    for name in settings.files:
        if not (directory / name).is_file():
            raise UsageError(f"`files`: there is no {directory / name}")
    own = [name for name in settings.run if (directory / name).is_file()]
    return {
        name: hashlib.sha256((directory / name).read_bytes()).hexdigest()
        for name in sorted({*own, *settings.files})
    }


def _written(molecules: Sequence[str], form: str) -> str:
    if form == "smiles":
        return "".join(f"{smiles} {index}\n" for index, smiles in enumerate(molecules))
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("index", "smiles"))
    rows.writerows(enumerate(molecules))
    return text.getvalue()


def _json_lines(text: str) -> Iterator[dict[str, object]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            raise ValueError(f"line {number} is no JSON; it must print answers only") from None
        if not isinstance(record, dict):
            raise ValueError(f"line {number} is no JSON object")
        yield record


def _csv_rows(text: str) -> Iterator[dict[str, object]]:
    rows = csv.DictReader(io.StringIO(text), strict=True)
    for row in rows:
        if None in row or None in row.values():
            raise ValueError(f"line {rows.line_num} has not as many cells as the header")
        yield {name.strip().lower(): _cell(name, cell) for name, cell in row.items()}


def _cell(name: str, cell: str) -> object:
    """A number where there is one; an empty cell says nothing."""
    text = cell.strip()
    if not text:
        return None
    if name.strip().lower() in {"index", "smiles", "status", "reason", "error", "pose"}:
        return text
    try:
        return float(text)
    except ValueError:
        return text


def _content(file: IO[bytes]) -> bytes:
    size = file.seek(0, os.SEEK_END)
    if size > LARGEST:
        raise BatchError(Status.UNAVAILABLE, f"it printed {size} bytes; at most {LARGEST}")
    file.seek(0)
    return file.read()
