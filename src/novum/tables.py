"""Tables of TOML, read and checked: an error names the key, and says what is wrong there."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from novum.errors import LabError, UsageError

T = TypeVar("T", bound=BaseModel)


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
        raise UsageError(_first_error(model, error)) from None


def read_table(model: type[T], path: Path) -> T:
    """A whole TOML file of a lab, as an object of `model`.

    Raises:
        UsageError: if it cannot be read, or a key is not sound; both name the file.
    """
    table = read_toml(path)
    try:
        return checked(model, table)
    except UsageError as error:
        raise LabError(f"{path.name}: {error}") from None


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file holds.

    Raises:
        UsageError: if it cannot be read, naming the file.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"there is no {path}") from None
    except RecursionError:
        raise UsageError(f"{path} cannot be read: it is nested too deeply") from None
    except (OSError, ValueError) as error:  # no UTF-8, no TOML, or a number of 5,000 digits
        raise UsageError(f"{path} cannot be read: {error}") from None


def _first_error(model: type[BaseModel], error: ValidationError) -> str:
    found = error.errors()
    # A key that is misspelt is also missing; what is written there says more.
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _below(model, first["loc"][:-1]).model_fields
        return f"unknown key `{key}`; known here: {', '.join(known)}"
    if first["type"] == "missing":
        return f"`{key}` is missing"
    message = first["msg"].removeprefix("Value error, ")
    if not key:
        return message
    shown = repr(first["input"])
    return f"`{key}` = {shown if len(shown) <= 60 else shown[:57] + '...'}: {message}"


def _below(model: type[BaseModel], path: Sequence[int | str]) -> type[BaseModel]:
    """The model of a table inside a table; of a table of tables, that of each of them."""
    found: Any = model
    for part in path:
        is_model = isinstance(found, type) and issubclass(found, BaseModel)
        found = found.model_fields[part].annotation if is_model else get_args(found)[-1]
    return found if isinstance(found, type) and issubclass(found, BaseModel) else model
