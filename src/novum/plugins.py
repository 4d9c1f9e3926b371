"""From a name to a class: built-ins and other packages by entry points, or a dotted path.

Our own implementations are registered in the same way as anybody's, in `pyproject.toml`:

    [project.entry-points."novum.researchers"]
    mine = "my_package.module:MyResearcher"
"""

import importlib
import re
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, requires
from typing import Any

from novum.errors import UsageError

_EXTRA = re.compile(r"([\w.-]+).*\bextra\s*==\s*[\"'](\w+)[\"']")


def remedy(package: str) -> str:
    """The command that installs a package: by the extra of Novum's that brings it, if one does."""
    try:
        wanted = requires("novum") or []
    except PackageNotFoundError:  # it runs from its source
        wanted = []
    for found in filter(None, map(_EXTRA.match, wanted)):
        if found[1].replace("-", "_") == package and found[2] != "dev":
            return f"pip install 'novum[{found[2]}]'"
    return f"pip install {package}"


def names(group: str) -> list[str]:
    """The registered names of a group, sorted."""
    return sorted({point.name for point in entry_points(group=group)})


def load(group: str, name: str) -> Any:  # noqa: ANN401  the caller knows the role's protocol
    """The class that `name` stands for: a registered name, or `package.module:Class`.

    Raises:
        UsageError: if there is none, or it cannot be imported.
    """
    return load_with_choice(group, name)[0]


def load_with_choice(group: str, name: str) -> tuple[Any, str]:
    """The class that `name` stands for, and the choice behind a registered name: `chat:MODEL`.

    Raises:
        UsageError: if there is none, or it cannot be imported.
    """
    role = group.removeprefix("novum.").removesuffix("s")
    registered, _, choice = name.partition(":")
    try:
        for point in entry_points(group=group, name=registered):
            return _loaded(point), choice
        if choice:
            return getattr(importlib.import_module(registered), choice), ""
    except UsageError as error:
        raise UsageError(f"{role} `{name}`: {error}") from None
    except Exception as error:  # a module of somebody else's may raise anything
        kind = type(error).__name__
        raise UsageError(f"{role} `{name}` cannot be loaded: {kind}: {error}") from None
    known = ", ".join(names(group)) or "none; is Novum installed? (pip install -e .)"
    raise UsageError(f"no {role} is called `{name}`; known: {known}, or package.module:Class")


def _loaded(point: EntryPoint) -> Any:  # noqa: ANN401  as above
    try:
        return point.load()
    except ModuleNotFoundError as error:
        if not point.extras or point.dist is None:
            raise
        package = f"{point.dist.name}[{','.join(point.extras)}]"
        raise UsageError(f"it needs the package {error.name}: pip install '{package}'") from None
