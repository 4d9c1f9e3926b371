"""Tables of TOML, read and checked: an error names line and key, and says what would be right."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from novum.errors import LabError, UsageError
from novum.terminal import cut, harmless

T = TypeVar("T", bound=BaseModel)
BYTE_ORDER = "\ufeff"  # a mark with which some editors begin a file
LONGEST = 60  # characters of what is shown of a value, or of a line that is no TOML
KINDS = {  # what a value has to be, by the type of pydantic's error up to its first "_"
    "string": "must be text, in quotes",
    "float": "must be a number, without quotes",
    "int": "must be a whole number, without quotes",
    "bool": "must be true or false, without quotes",
    "dict": "must be a table, such as { name = value }",
}


def checked(model: type[T], table: Mapping[str, Any]) -> T:
    """The table as an object of `model`; a key `kind` that the model does not know is left out.

    Raises:
        UsageError: naming the first key that is not sound.
    """
    known = model.model_fields
    given = {key: value for key, value in table.items() if key != "kind" or key in known}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise UsageError(_first_error(model, error)[1]) from None


def parsed(model: type[T], text: str, where: str) -> T:
    """The text of a whole TOML file, as an object of `model`; `where` is the file's name.

    Raises:
        LabError: naming the file, and the line and key that are not sound.
    """
    table = _loaded(text, where)
    try:
        return model.model_validate(table)
    except ValidationError as error:
        location, problem = _first_error(model, error)
        line = f":{line_of(text, location)}" if location else ""
        raise LabError(f"{where}{line}: {problem}") from None


def read_table(model: type[T], path: Path) -> T:
    """A whole TOML file of a lab, as an object of `model`.

    Raises:
        UsageError: if it cannot be read, or a key is not sound; both name the file.
    """
    return parsed(model, read_text(path), path.name)


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file holds.

    Raises:
        UsageError: if it cannot be read, naming the file.
    """
    return _loaded(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a person's file.

    Raises:
        UsageError: if there is no such file, it cannot be read, or it is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"there is no {path}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise LabError(f"{path}:{line} cannot be read: no UTF-8; save it as UTF-8") from None


def line_of(text: str, location: Sequence[str]) -> int:
    """The line (from 1) of a key, or else of the nearest table around it, in a TOML text.

    The tables of a list count from 0: `("idea", "0", "edit", "1", "file")`.
    """
    table: tuple[str, ...] = ()
    last: dict[tuple[str, ...], int] = {}  # of each list of tables, the number of the last
    best, depth = 1, 0
    for number, line in enumerate(text.removeprefix(BYTE_ORDER).split("\n"), 1):
        if header := re.match(r"\s*(\[\[?)([^\[\]]+)\]", line):
            table = path = _table(header[2].split("."), last, begins=header[1] == "[[")
        elif key := re.match(r"\s*([A-Za-z0-9_.\"'-]+)\s*=", line):
            path = (*table, *(part.strip("\"'") for part in key[1].split(".")))
        else:
            continue
        if path == tuple(location[: len(path)]) and len(path) > depth:
            best, depth = number, len(path)
    return best


def _table(
    names: Sequence[str], last: dict[tuple[str, ...], int], *, begins: bool
) -> tuple[str, ...]:
    """Where the table of a header is; with `begins` it is a new one of a list of tables."""
    path: tuple[str, ...] = ()
    for count, name in enumerate(names, 1):
        path = (*path, name.strip().strip("\"'"))
        if begins and count == len(names):
            last[path] = last.get(path, -1) + 1
        if path in last:
            path = (*path, str(last[path]))
    return path


def _loaded(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text.removeprefix(BYTE_ORDER))
    except RecursionError:
        raise LabError(f"{where} cannot be read: it is nested too deeply") from None
    except ValueError as error:  # no TOML, or a number of 5,000 digits
        problem, _, place = str(error).partition(" (at ")
        found = re.match(r"line (\d+)", place)
        if found is None:
            raise LabError(f"{where} cannot be read: {error}") from None
        line = int(found[1])
        shown = cut(harmless(text.split("\n")[line - 1]).strip(), LONGEST)
        hint = "; texts stand in quotes" if problem == "Invalid value" else ""
        raise LabError(f"{where}:{line} cannot be read: {problem}: `{shown}`{hint}") from None


def _first_error(model: type[BaseModel], error: ValidationError) -> tuple[tuple[str, ...], str]:
    """Where the first key is that is not sound, and what is wrong with it."""
    found = error.errors()
    # A key that is misspelt is also missing; what is written there says more.
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    location = tuple(
        str(part) for part in first["loc"] if not str(part).startswith(("function-", "[key]"))
    )
    key = ".".join(location)
    if first["type"] == "extra_forbidden":
        known = _known_keys(model, location[:-1])
        near = get_close_matches(location[-1], known, 1)
        meant = f" (is `{near[0]}` meant?)" if near else ""
        return location, f"unknown key `{key}`{meant}; known here: {', '.join(known)}"
    if first["type"] == "missing":
        return location, f"`{key}` is missing"
    must = _must(first, _known_keys(model, location))
    shown = cut(repr(first["input"]), LONGEST)
    return location, f"`{key}` = {shown}: {must}" if key else must


def _must(error: Mapping[str, Any], known: Sequence[str]) -> str:
    """What the value has to be, in words of TOML; `known` are its keys, if it is a table."""
    kind = error["type"].partition("_")[0]
    if kind in {"tuple", "list"}:
        value = error["input"]
        example = value.split() if isinstance(value, str) else ["a", "b"]
        return f"must be a list, such as {json.dumps(example, ensure_ascii=False)}"
    if kind == "model":
        return f"must be a table, of {', '.join(known)}"
    if error["type"] in {f"{kind}_type", f"{kind}_parsing"} and kind in KINDS:
        return KINDS[kind]
    if error["type"] == "too_long":
        return f"must have no more entries than {error['ctx']['max_length']}"
    if error["type"] == "too_short":
        return f"must have no fewer entries than {error['ctx']['min_length']}"
    message = str(error["msg"]).removeprefix("Value error, ")
    return message.replace("Input should be", "must be")


def _known_keys(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    """The keys of a table inside a table; of a table or list of tables, those of each of them."""
    found: Any = model
    for part in path:
        field = getattr(found, "model_fields", {}).get(part)
        if field is not None:
            found = field.annotation
        elif arguments := get_args(found):
            found = arguments[-1]
    return list(getattr(found, "model_fields", {}))
