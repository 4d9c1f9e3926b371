"""A screen: tasks, each an oracle with a budget of calls, and the record of what was called.

What counts as a call is as in PMO (Gao et al. 2022; `Oracle` in github.com/wenhao-gao/mol_opt,
main/optimizer.py): each different molecule once. One that was scored before in this trial is
answered again for nothing, and a text that is no molecule is no call. PMO scores whatever RDKit can
read; here a molecule that is unsuitable for a drug is a call without a value.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TextIO

from pydantic import Field, model_validator

from novum.errors import NovumError, UsageError
from novum.lab.tables import Table
from novum.molecule.molecules import LONGEST, MoleculeError, canonical
from novum.molecule.oracles import each_answer, oracle_from
from novum.molecule.scores import Oracle, Score, Status
from novum.tables import checked, read_toml

RECORD = "calls.jsonl"  # in the directory NOVUM_RECORD
MOST_UNREADABLE = 10  # on the record, for each call of the budget: the record is bounded
_NO_ANSWER_YET = frozenset({Status.UNAVAILABLE, Status.PENDING})


class NoAnswerYetError(NovumError):
    """The oracle cannot answer now, through no fault of who asked."""


class _TaskTable(Table):
    """A `[[task]]` of oracle.toml; `worst` and `best` are values that count as 0 and 1."""

    split: Literal["validation", "holdout"]
    oracle: dict[str, Any]
    name: str = Field("", pattern=r"^[A-Za-z0-9_.:-]*$", max_length=60)
    worst: float = Field(0.0, allow_inf_nan=False)
    best: float = Field(1.0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.worst == self.best:
            raise ValueError("worst and best are the same value")
        return self


@dataclass(slots=True)
class Task:
    """One oracle, and what was asked of it. `gain` is 0 at `worst` and 1 at `best`."""

    name: str
    oracle: Oracle
    worst: float = 0.0
    best: float = 1.0
    answers: dict[str, Score] = field(default_factory=dict)  # by canonical molecule; the calls
    unreadable: int = 0  # texts that were no molecule

    def gain(self, score: Score) -> float | None:
        """A value where higher is better whatever the oracle; none for a score without a value."""
        if score.value is None:
            return None
        return max(0.0, (score.value - self.worst) / (self.best - self.worst))


class Screen:
    """The tasks of one trial, with a budget of calls for each, and a record that grows."""

    def __init__(self, tasks: Sequence[Task], calls: int, record: TextIO, **facts: str) -> None:
        self.tasks = tuple(tasks)
        self.calls = calls
        self._record = record
        names = [task.name for task in tasks]
        self._write({**facts, "calls": calls, "tasks": names})

    def left(self, task: Task) -> int:
        """How many calls a task has left."""
        return self.calls - len(task.answers)

    def score(self, task: Task, texts: Sequence[str]) -> list[Score]:
        """One answer for each text, in their order; what the budget does not cover is refused.

        Raises:
            NoAnswerYetError: if the oracle says so.
            NovumError: if it, or its cache, cannot be used.
        """
        answers: list[Score | str] = [self._before_asking(task, text) for text in texts]
        new = list(
            dict.fromkeys(a for a in answers if isinstance(a, str) and a not in task.answers)
        )
        paid, refused = new[: self.left(task)], new[self.left(task) :]
        self._call(task, paid)
        known = dict.fromkeys(refused, _refused(self.calls)) | task.answers
        return [known[a] if isinstance(a, str) else a for a in answers]

    def _before_asking(self, task: Task, text: str) -> Score | str:
        """The molecule that a text stands for, or the answer if it needs no oracle."""
        try:
            return _molecule(text)
        except MoleculeError as error:
            score = Score.without(text[:LONGEST], error.status, error.reason)
        if score.status is not Status.UNREADABLE:
            return self._unsuitable(task, score)
        task.unreadable += 1
        if task.unreadable <= MOST_UNREADABLE * self.calls:
            self._write({"task": task.name, "status": score.status.value, "reason": score.reason})
        return score

    def _unsuitable(self, task: Task, score: Score) -> Score:
        """Such a molecule is a call, though no oracle is asked."""
        if score.smiles not in task.answers:
            if not self.left(task):
                return _refused(self.calls)
            self._keep(task, score.smiles, len(task.answers) + 1, score)
        return task.answers[score.smiles]

    def _call(self, task: Task, molecules: Sequence[str]) -> None:
        first = len(task.answers) + 1
        for position, score in each_answer(task.oracle, molecules):
            if score.status in _NO_ANSWER_YET:
                raise NoAnswerYetError(f"{task.name}: {score.reason or score.status.value}")
            self._keep(task, molecules[position], first + position, score)

    def _keep(self, task: Task, molecule: str, call: int, score: Score) -> None:
        task.answers[molecule] = score
        line = {"task": task.name, "call": call, "smiles": molecule, "value": score.value}
        line |= {"gain": task.gain(score), "status": score.status.value, "reason": score.reason}
        self._write(line)

    def _write(self, line: Mapping[str, object]) -> None:
        self._record.write(json.dumps(line, allow_nan=False) + "\n")
        self._record.flush()


def read_tasks(path: Path, split: str) -> list[Task]:
    """The tasks of one split, of the `[[task]]` tables of a lab's oracle.toml.

    Raises:
        UsageError: if there is none, or one is not sound.
    """
    tables = read_toml(path).get("task")
    if not isinstance(tables, list) or not tables:
        raise UsageError(f"{path} has no [[task]]; one begins with: [[task]], split, oracle")
    tasks = []
    for number, table in enumerate(tables, start=1):
        try:
            found = checked(_TaskTable, table)
            if found.split == split:
                tasks.append(_task(found, path.resolve().parent))
        except UsageError as error:
            raise UsageError(f"{path}: [[task]] {number}: {error}") from None
    names = [task.name for task in tasks]
    if not tasks or len(set(names)) < len(names):
        problem = "two tasks have the same `name`" if tasks else "there is no task"
        raise UsageError(f'{path}: {problem} with split = "{split}"')
    return tasks


def _task(table: _TaskTable, directory: Path) -> Task:
    oracle = oracle_from(table.oracle, directory)
    if (table.best > table.worst) != (oracle.better == "high"):
        raise UsageError(
            f"of {oracle.name} the {oracle.better}er value is better: worst and best say otherwise"
        )
    return Task(table.name or oracle.name, oracle, table.worst, table.best)


def _molecule(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise MoleculeError(Status.UNREADABLE, "this is no SMILES")
    return canonical(text)


def _refused(calls: int) -> Score:
    return Score.without("", Status.REFUSED, f"the budget of {calls} calls is used up")
