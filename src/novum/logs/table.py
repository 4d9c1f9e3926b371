"""Tables of results, `results.tsv` first of all, in the dialects that are met in the wild.

A row that cannot be read is a `Problem` with its line, never a guess.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from novum.errors import UsageError
from novum.logs.rows import Problem, Row, Status, status_of
from novum.terminal import cut

COMMITS = ("commit", "hash", "sha", "commit_hash", "git")
STATUSES = ("status", "decision", "outcome", "verdict", "result")
TEXTS = ("description", "desc", "notes", "note", "change", "idea", "summary", "hypothesis", "title")
NOT_A_METRIC = re.compile(
    r"commit|hash|sha|git|id|run|#|nr?|no|iter(ation)?|exp(eriment)?|(num_)?steps?.*|seed|epoch|"
    r"mem.*|.*_gb|.*_mb|peak.*|vram.*|delta.*|time.*|.*seconds?|.*_s|duration|date|.*_pct|.*util.*|"
    r"ms_.*|.*params.*|tokens.*|lines.*",
    re.IGNORECASE,
)
COMMENT = re.compile(r"#\s*([A-Za-z_ ]+?)\s*[:=]\s*(\S.*)")
LARGEST = 1e100  # what is larger is no score, but a sign that something went wrong
HASH = re.compile(r"[0-9a-f]{6,40}")
NO_NUMBER = {"", "-", "–", "n/a", "na", "none", "null", "nan", "inf", "-inf", "crash", "dnf"}
Fields = tuple[int, list[str]]  # where a row begins, and its cells


@dataclass(slots=True)
class Table:
    """What a table says, before anything is made of it."""

    metric: str
    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    comments: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where things are in a row; -1 where a table has no such column."""

    names: tuple[str, ...]
    commit: int
    metric: int
    memory: int
    status: int
    text: int


def read_table(text: str, wanted: str | None) -> Table:
    """Read a table; `wanted` is the name of the metric's column, if the person gave one.

    Raises:
        UsageError: if it has no columns that could be read as a log.
    """
    lines = text.split("\n")
    comments = _comments(lines)
    delimiter = "\t" if any("\t" in line for line in lines) else ","
    problems: list[Problem] = []
    records = list(_records(lines, delimiter, problems))
    if not records:
        raise UsageError("it has no rows with columns; a log has tabs, or commas, between them")
    head = _header(records[0][1])
    body = records[1:] if head else records
    wanted = wanted or comments.get("metric") or comments.get("metric name")
    columns = _columns(head, body, wanted)
    table = Table(columns.names[columns.metric], problems=problems, comments=comments)
    for line, cells in body:
        _read_row(table, columns, line, cells)
    _question_zeros(table)
    table.problems.sort(key=lambda problem: problem.line)
    return table


def _comments(lines: Sequence[str]) -> dict[str, str]:
    found = (COMMENT.fullmatch(line.strip()) for line in lines if _is_comment(line))
    return {
        match[1].lower().replace("_", " "): match[2].strip() for match in found if match is not None
    }


def _is_comment(line: str) -> bool:
    return line.startswith("#") and "\t" not in line and not line.startswith("#,")


def _records(lines: Sequence[str], delimiter: str, problems: list[Problem]) -> Iterator[Fields]:
    if delimiter == ",":
        yield from _comma_records(lines, problems)
        return
    held: Fields | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip() or _is_comment(line):
            continue
        if "\t" in line:
            if held is not None:
                yield held
            held = (number, line.split("\t"))
        elif held is None or HASH.fullmatch(line.strip()):
            problems.append(Problem(number, f"not a row: {_shown(line)}"))
        else:
            held[1][-1] += f"\n{line}"  # a description that goes on over several lines
    if held is not None:
        yield held


def _comma_records(lines: Sequence[str], problems: list[Problem]) -> Iterator[Fields]:
    reader = csv.reader(["\n" if _is_comment(line) else line + "\n" for line in lines])
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.append(Problem(start, f"not a row: {error}"))
            continue
        if len(cells) > 1:
            yield start, cells
        elif any(cells):
            problems.append(Problem(start, f"not a row: {_shown(cells[0])}"))


def _header(cells: list[str]) -> tuple[str, ...]:
    """The names of the columns, or nothing if this is a row already."""
    names = tuple(cell.strip().lstrip("#").strip() for cell in cells)
    known = {*COMMITS, *STATUSES, *TEXTS}
    is_row = any(status_of(cell) and number(cell) is None for cell in cells)
    return names if not is_row and known & {name.lower() for name in names} else ()


def _columns(head: tuple[str, ...], body: Sequence[Fields], wanted: str | None) -> Columns:
    width = max((len(cells) for _, cells in body), default=0)
    names = head or ("commit", *(f"column {place}" for place in range(2, width + 1)))
    lower = [name.lower() for name in names]
    status = _first(lower, STATUSES)
    if status < 0 or not any(status_of(_cell(cells, status)) for _, cells in body):
        status = _by_content(len(names), body, status)
    if status < 0:
        raise UsageError(
            "no column says what was kept; a log has a column `status` with keep, discard or crash"
        )
    text = _first(lower, TEXTS) if head else len(names) - 1
    metric = _metric(names, body, wanted, {status, text})
    if not head and wanted:
        names = tuple(wanted if place == metric else name for place, name in enumerate(names))
    memory = next(
        (at for at, name in enumerate(lower) if re.match(r"(peak_)?(mem|vram)", name)), -1
    )
    if not head and len(names) == 5 and (metric, status) == (1, 3):
        memory, names = 2, ("commit", names[1], "memory_gb", "status", "description")
    return Columns(names, _first(lower, COMMITS), metric, memory, status, text)


def _first(names: Sequence[str], known: Sequence[str]) -> int:
    return next((names.index(name) for name in known if name in names), -1)


def _by_content(width: int, body: Sequence[Fields], named: int) -> int:
    """The column in which at least half of the cells are words for a status."""
    for place in range(width):
        words = sum(status_of(_cell(cells, place)) is not None for _, cells in body)
        if body and words >= len(body) / 2:
            return place
    return named


def _metric(
    names: Sequence[str], body: Sequence[Fields], wanted: str | None, taken: set[int]
) -> int:
    lower = [name.lower() for name in names]
    numeric = [
        place
        for place, name in enumerate(names)
        if place not in taken
        and not NOT_A_METRIC.fullmatch(name)
        and sum(number(_cell(cells, place)) is not None for _, cells in body) >= len(body) / 2
    ]
    if wanted and wanted.lower() in lower:
        return lower.index(wanted.lower())
    headless = all(name == "commit" or name.startswith("column ") for name in names)
    if wanted and not headless:
        raise UsageError(f"there is no column {wanted}; columns: {', '.join(names)}")
    if not numeric or not body:
        raise UsageError(
            "no column of scores was found; name it with --metric (columns: "
            f"{', '.join(_shown(name) for name in names)})"
        )
    return numeric[0]


def _read_row(table: Table, columns: Columns, line: int, cells: list[str]) -> None:
    word, written = _cell(cells, columns.status), _cell(cells, columns.metric)
    status, score = status_of(word), number(written)
    problem = _problem(table.metric, word, written, status, score, len(cells) <= columns.status)
    if problem:
        table.problems.append(Problem(line, problem))
    if status is None or (score is None and status is Status.KEEP and problem):
        return
    if score is None and status is Status.DISCARD and written.strip().lower() not in NO_NUMBER:
        return
    memory = number(_cell(cells, columns.memory))
    if memory is not None and columns.names[columns.memory].lower().endswith("mb"):
        memory /= 1024
    table.rows.append(
        Row(
            line=line,
            commit=_cell(cells, columns.commit).strip(),
            score=None if status in {Status.CRASH, Status.PENDING} else score,
            status=status,
            word=word.strip(),
            description=_text(cells, columns),
            memory_gb=memory,
            metrics=dict(_others(cells, columns)),
        )
    )


def _problem(
    metric: str, word: str, written: str, status: Status | None, score: float | None, short: bool
) -> str:
    """What is wrong with a row; empty if nothing is."""
    if short:
        return "not read: it has too few columns"
    if status is None:
        return (
            f"not counted: its status is {_shown(word)}, which is neither keep, discard nor crash"
        )
    if status in {Status.KEEP, Status.DISCARD} and score is None:
        return f"not counted: {status}, but its {metric} is {_shown(written)}"
    if status is Status.CRASH and score:
        return f"a crash with a {metric} of {score:g}: taken as a crash without a score"
    return ""


def _question_zeros(table: Table) -> None:
    """A score of exactly 0 that cannot be one is no score: where a run left 0 for everything."""
    others = sorted(row.score for row in table.rows if row.score)
    if not others:
        return
    middle = others[len(others) // 2]
    spread = others[round(0.9 * (len(others) - 1))] - others[round(0.1 * (len(others) - 1))]
    absurd = abs(middle) > 5 * spread
    for place, row in enumerate(table.rows):
        if row.score != 0 or not (row.memory_gb == 0 or absurd):
            continue
        why = "memory is 0, too" if row.memory_gb == 0 else f"others are near {middle:.3g}"
        text = f"{row.status} with a {table.metric} of 0 ({why}): taken as a run without a score"
        table.problems.append(Problem(row.line, text))
        table.rows[place] = Row(
            row.line, row.commit, None, row.status, row.word, row.description, None, {}, row.when
        )


def number(text: str) -> float | None:
    """A finite number, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < LARGEST and "_" not in text else None


def _others(cells: list[str], columns: Columns) -> Iterator[tuple[str, float]]:
    known = {columns.commit, columns.metric, columns.memory, columns.status, columns.text}
    for place, name in enumerate(columns.names):
        value = None if place in known else number(_cell(cells, place))
        if value is not None:
            yield name, value


def _text(cells: list[str], columns: Columns) -> str:
    if columns.text < 0:
        return ""
    last = columns.text == len(columns.names) - 1
    text = " ".join(cells[columns.text :]) if last else _cell(cells, columns.text)
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('""', '"')
    return text


def _cell(cells: Sequence[str], place: int) -> str:
    return cells[place] if 0 <= place < len(cells) else ""


def _shown(text: str) -> str:
    """A piece of the file for a message: short, and nothing that a terminal obeys."""
    return repr(cut(text, 40)) if text.strip() else "empty"
