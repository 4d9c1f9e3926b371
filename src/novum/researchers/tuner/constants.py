"""The constants of a file: names that stand for a plain value, and where exactly the value stands.

In Python `NAME = value` at the outermost level, in TOML and JSON a key by its whole path,
`table.key`. A value is a number, a text, or true or false.
"""

import ast
import json
import re
import tomllib
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

Value = str | int | float | bool

LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
SCALAR = r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|[-+\w.]+)"""
TOML_ENTRY = re.compile(rf"\s*([A-Za-z0-9_.\-]+)\s*=\s*({SCALAR})\s*(?:#.*)?$")
TOML_TABLE = re.compile(r"\s*\[\s*([A-Za-z0-9_.\-\s]+?)\s*\]\s*(?:#.*)?$")
JSON_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[-+\w.]+|[{}\[\]:,]')
PROBE = "novum: is this where the value stands?"


@dataclass(frozen=True, slots=True)
class Constant:
    """A name with its present value, which is `text[start:end]` of the file, on `line` from 1."""

    name: str
    path: str
    line: int
    value: Value
    start: int
    end: int

    @property
    def where(self) -> str:
        """Its place, for the person."""
        return f"{self.path}:{self.line}"


def constants_in(files: Mapping[str, str]) -> list[Constant]:
    """The constants of all files, in the order of the files, and of their places there.

    A file of another kind, or one that is not sound, has none.
    """
    found: list[Constant] = []
    for path, text in files.items():
        reader = READERS.get(PurePosixPath(path).suffix.lower())
        for name, value, start, end in reader(text) if reader else ():
            line = len(re.findall(r"\r\n|\n|\r", text[:start])) + 1
            found.append(Constant(name, path, line, value, start, end))
    return found


def with_values(
    files: Mapping[str, str], wanted: Iterable[tuple[Constant, Value]]
) -> dict[str, str]:
    """The files with these values instead, each where its constant stands; all else as it is."""
    changed = dict(files)
    from_the_end = sorted(wanted, key=lambda pair: pair[0].start, reverse=True)
    for constant, value in from_the_end:
        if not same(constant.value, value):
            text = changed[constant.path]
            before, now = text[: constant.start], text[constant.start : constant.end]
            changed[constant.path] = (
                before + written(value, now, constant.path) + text[constant.end :]
            )
    return changed


def same(one: Value, other: Value) -> bool:
    """Whether two values are the same to a program: 1 is 1.0, and is not True."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def written(value: Value, instead_of: str, path: str) -> str:
    """A value in the language of its file, with the quotes that stand there now."""
    if PurePosixPath(path).suffix.lower() == ".py":
        double = isinstance(value, str) and instead_of.startswith('"')
        return json.dumps(value, ensure_ascii=False) if double else repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # as TOML wants it


Found = Iterator[tuple[str, Value, int, int]]


def _python(text: str) -> Found:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the person's code, not of ours
            body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    starts, lines = [0], LINE.findall(text)
    for line in lines:
        starts.append(starts[-1] + len(line))

    def offset(line: int, column: int) -> int:
        """A place in the text; the parser counts bytes."""
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    for node in body:
        name, value = _assigned(node)
        literal = _literal(value)
        if name is None or value is None or literal is None:
            continue
        assert value.end_lineno is not None and value.end_col_offset is not None
        end = offset(value.end_lineno, value.end_col_offset)
        yield name, literal, offset(value.lineno, value.col_offset), end


def _assigned(node: ast.stmt) -> tuple[str | None, ast.expr | None]:
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target: ast.expr = node.targets[0]
    elif isinstance(node, ast.AnnAssign):
        target = node.target
    else:
        return None, None
    return (target.id if isinstance(target, ast.Name) else None), node.value


def _literal(node: ast.expr | None) -> Value | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        number = _literal(node.operand)
        if isinstance(number, bool) or not isinstance(number, int | float):
            return None
        return -number if isinstance(node.op, ast.USub) else number
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str | int | float) else None


def _toml(text: str) -> Found:
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    table: tuple[str, ...] | None = ()
    start = 0
    for line in LINE.findall(text):
        bare = line.rstrip("\r\n")
        if header := TOML_TABLE.match(bare):
            table = tuple(part.strip() for part in header[1].split("."))
        elif bare.lstrip().startswith("[["):
            table = None
        elif (entry := TOML_ENTRY.match(bare)) and table is not None:
            path = (*table, *entry[1].split("."))
            span = start + entry.start(2), start + entry.end(2)
            value = _at(data, path)
            if isinstance(value, str | int | float) and _stands_there(text, span, path):
                yield ".".join(path), value, *span
        start += len(line)


def _stands_there(text: str, span: tuple[int, int], path: tuple[str, ...]) -> bool:
    """Whether another text in that place changes that key: it may lie in a long text instead."""
    probed = f"{text[: span[0]]}{json.dumps(PROBE)}{text[span[1] :]}"
    try:
        return bool(_at(tomllib.loads(probed), path) == PROBE)
    except tomllib.TOMLDecodeError:
        return False


def _at(data: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401  whatever TOML can hold
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data


def _json(text: str) -> Found:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return
    path: list[str | None] = []  # of the objects around; None for a list
    key = ""
    tokens = list(JSON_TOKEN.finditer(text))
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        word = token[0]
        if word in "{[":
            path.append(key if word == "{" else None)
        elif word in "}]":
            path.pop()
        elif after is not None and after[0] == ":":
            key = json.loads(word)
        elif word not in ":," and path and None not in path:
            value = json.loads(word)
            if isinstance(value, str | int | float):
                names = [name for name in path[1:] if name is not None]
                yield ".".join([*names, key]), value, token.start(), token.end()


READERS = {".py": _python, ".toml": _toml, ".json": _json}
