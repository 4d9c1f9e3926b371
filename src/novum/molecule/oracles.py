"""From a table with `kind = "..."` to an oracle, and how one is asked for answers as they come.

Kinds are entry points of the group `novum.oracles`, ours too. Each is a class with

    from_table(cls, table: Mapping[str, Any], directory: Path) -> Self

that raises `UsageError` for a table that is not sound; paths in the table are relative to
`directory`. An oracle that works on several molecules at once, or takes its time, also has

    score_each(molecules: Sequence[str]) -> Iterator[tuple[int, Score]]

which gives the position of a molecule and its answer as soon as it is known, each position once,
in any order. What was given so far is remembered, whatever happens to the rest. Its `batch` is the
number of molecules that it is best asked for at once, if that is not one; its `close()` is called
when it is not needed any more.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from novum.errors import NovumError, UsageError
from novum.molecule.molecules import MoleculeError, canonical
from novum.molecule.scores import Oracle, Score
from novum.plugins import load, names
from novum.tables import read_toml

GROUP = "novum.oracles"
SLICE = 64  # molecules that an oracle without `score_each` is asked for at a time


@runtime_checkable
class Streaming(Protocol):
    """What an oracle may offer besides `score`."""

    def score_each(self, molecules: Sequence[str]) -> Iterator[tuple[int, Score]]:
        """Positions and answers as they come, each position once."""


def oracle_from(table: Mapping[str, Any], directory: Path) -> Oracle:
    """The oracle that a table describes; its paths are relative to `directory`.

    Raises:
        UsageError: if the kind is not known, or its table not sound.
    """
    kind = table.get("kind")
    if not isinstance(kind, str) or not kind:
        raise UsageError(f"`kind` is missing; known: {', '.join(names(GROUP))}")
    return cast("Oracle", load(GROUP, kind).from_table(table, directory))


def read_oracle(path: Path) -> Oracle:
    """The oracle of the table `[oracle]` in a file, by custom `oracle.toml`.

    Raises:
        UsageError: naming the file, if it cannot be read or is not sound.
    """
    table = read_toml(path).get("oracle")
    if not isinstance(table, dict):
        raise UsageError(f'{path} has no table [oracle]; begin it with: [oracle] and kind = "..."')
    try:
        return oracle_from(table, path.resolve().parent)
    except UsageError as error:
        raise UsageError(f"{path}: [oracle] {error}") from None


def each_answer(oracle: Oracle, molecules: Sequence[str]) -> Iterator[tuple[int, Score]]:
    """The answers of an oracle as they come, with the position of their molecule.

    Raises:
        NovumError: if it does not keep its contract: an answer too many, too few, or of another
            molecule.
    """
    due = set(range(len(molecules)))
    for position, score in _answers(oracle, molecules):
        if position not in due:
            raise NovumError(f"the oracle {oracle.name} answered for what it was not asked")
        _require_same(oracle, molecules[position], score)
        due.remove(position)
        yield position, score
    if due:
        raise NovumError(f"the oracle {oracle.name} gave {len(due)} answers too few")


def _answers(oracle: Oracle, molecules: Sequence[str]) -> Iterator[tuple[int, Score]]:
    if isinstance(oracle, Streaming):
        yield from oracle.score_each(molecules)
        return
    for start in range(0, len(molecules), SLICE):
        asked = molecules[start : start + SLICE]
        answers = oracle.score(asked)
        if len(answers) != len(asked):
            raise NovumError(
                f"the oracle {oracle.name} gave {len(answers)} answers for {len(asked)} molecules"
            )
        yield from enumerate(answers, start)


def _require_same(oracle: Oracle, asked: str, score: Score) -> None:
    if score.smiles == asked or _same(score.smiles, asked):
        return
    raise NovumError(f"the oracle {oracle.name} was asked for {asked}, and answered {score.smiles}")


def _same(first: str, second: str) -> bool:
    try:
        return canonical(first) == canonical(second)
    except MoleculeError:
        return first.strip() == second.strip()
