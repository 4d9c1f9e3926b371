"""Where a lab docks: the receptor and the box, of the oracle that `oracle.toml` describes."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from novum.errors import NovumError
from novum.molecule.viewer import Box
from novum.plugins import load

ORACLE = "oracle.toml"


@dataclass(frozen=True, slots=True)
class Site:
    """A docking site: a name, the receptor as PDBQT text, and the box; empty if there is none."""

    name: str = ""
    receptor: str = ""
    box: Box | None = None


def site_of(lab: Path) -> Site:
    """Where a lab's oracle docks; an empty site if it does not, or cannot be told.

    Poses can be shown without a receptor, so nothing that is wrong here is an error.
    """
    table = _oracle_table(lab / ORACLE)
    kind = table.get("kind")
    if not isinstance(kind, str):
        return Site()
    try:
        oracle = load("novum.oracles", kind).from_table(table, lab)
    except NovumError:
        return Site()
    target = getattr(oracle, "target", None)  # of those that dock: a name, a receptor, a box
    if target is None or not hasattr(target, "receptor"):
        return Site()
    return Site(target.name, target.receptor, Box(target.center, target.size))


def _oracle_table(path: Path) -> Mapping[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("oracle", {})
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}
