"""The classical optimiser: it varies constants of the editable files, and nothing else.

Over `[space]` of `lab.toml`, or else around the constants that it finds. Each proposal sets all of
them in the text of its parent, where they stand. A proposal's key is its point, and the results
that a briefing holds by key are all that it knows; so an interruption costs nothing.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Self, get_args

from novum.briefing import Briefing
from novum.errors import UsageError
from novum.lab import Lab
from novum.lab.proposing import Sampler
from novum.patch import edits_between
from novum.records import POINT, Proposal
from novum.researchers import Desk
from novum.researchers.tuner.constants import Constant, Value, constants_in, same, with_values
from novum.researchers.tuner.space import (
    PREFIX,
    Dimension,
    Point,
    as_toml,
    key_of,
    left_out,
    point_in,
    present,
    space_for,
)
from novum.researchers.tuner.study import Task, suggestions

__all__ = ["Tuner", "described", "is_asked_for", "space_for", "working_files"]

NEEDS = {  # modules by sampler, and what to install
    "tpe": ("optuna",),
    "random": ("optuna",),
    "cmaes": ("optuna", "cmaes"),
    "gp": ("optuna", "torch", "scipy"),
    "grid": (),
}
LONGEST = 4  # constants in a title


class Tuner:
    """Proposes the points of one of Optuna's samplers, or of a grid."""

    instant = True

    def __init__(self, lab: Lab, files: Mapping[str, str], sampler: Sampler, name: str) -> None:
        self.name = name
        self._lab, self._sampler = lab, sampler
        self._space = space_for(lab, files)

    @classmethod
    def for_lab(cls, lab: Lab, directory: Path, choice: str = "") -> Self:
        """The tuner with the lab's sampler, or the chosen one: `tuner:cmaes`."""
        sampler = next((one for one in get_args(Sampler) if one == choice), None)
        if choice and sampler is None:
            known = ", ".join(get_args(Sampler))
            raise UsageError(f"the tuner has no sampler `{choice}`; known: {known}")
        sampler = sampler or lab.tuner.sampler
        missing = [module for module in NEEDS[sampler] if find_spec(module) is None]
        if missing:
            raise UsageError(
                f"the tuner's sampler {sampler} needs {' and '.join(missing)}; get it with: "
                "pip install 'novum[tuner]'" + (" torch scipy" if sampler == "gp" else "")
            )
        name = f"tuner:{choice}" if choice else "tuner"
        return cls(lab, working_files(lab, directory), sampler, name)

    def propose(self, briefing: Briefing, desk: Desk) -> Proposal | None:
        """The sampler's next point that was not tried, or None if all were."""
        space = self._space_of(briefing)
        known = present(space, constants_in(briefing.files))
        task = Task(
            space=space,
            history=self._history(briefing, space),
            minimize=briefing.lab.minimize,
            seed=briefing.seed,
            asked=sum(key.startswith(PREFIX) for key in briefing.tried),
            points=briefing.lab.tuner.points,
        )
        if not known:  # somebody has taken all constants out
            return None
        done = {key_of(point) for point, _ in task.history}
        for point in suggestions(self._sampler, task):
            key = key_of(point)
            if key not in briefing.tried and key not in done:
                proposal = self._proposal(point, known, briefing, len(task.history))
                if proposal is not None:
                    return proposal
        return None

    def _space_of(self, briefing: Briefing) -> Sequence[Dimension]:
        """The space of this campaign: what was found is found in the code that it began with."""
        if self._lab.space or not briefing.start:
            return self._space
        return space_for(self._lab, briefing.start)

    def _history(
        self, briefing: Briefing, space: Sequence[Dimension]
    ) -> list[tuple[Point, float | None]]:
        """The point that the campaign began at, if all constants were there, and its own."""
        history: list[tuple[Point, float | None]] = []
        began = present(space, constants_in(briefing.start))
        if len(began) == len(space) and briefing.baseline is not None:
            history.append(({one.name: began[one.name].value for one in space}, briefing.baseline))
        for key, score in briefing.results.items():
            point = point_in(key, space)
            if point is not None:
                history.append((point, score))
        return history

    def _proposal(
        self, point: Point, known: Mapping[str, Constant], briefing: Briefing, results: int
    ) -> Proposal | None:
        """The point as a change of the parent; None if the parent is there already."""
        wanted = [(constant, point[name]) for name, constant in known.items()]
        edits = edits_between(briefing.files, with_values(briefing.files, wanted))
        if not edits:
            return None
        changed = [
            f"{constant.name} to {_short(value)}"
            for constant, value in wanted
            if not same(constant.value, value)
        ]
        more = f" and {len(changed) - LONGEST} more" if len(changed) > LONGEST else ""
        return Proposal(
            title=f"Set {', '.join(changed[:LONGEST])}{more}",
            edits=edits,
            hypothesis=f"The sampler {self._sampler} chose this point, knowing {results} results.",
            kind=POINT,
            source="" if self._sampler == "grid" else "Optuna",
            key=key_of(point),
            researcher=self.name,
        )


def _short(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def is_asked_for(lab: Lab) -> bool:
    """Whether the lab's own researcher is a tuner, or a mix that names one."""
    use, _, choice = lab.researcher.use.partition(":")
    members = {name.partition(":")[0] for name in lab.mix} if not choice else set()
    members |= {part.strip().partition("=")[0].partition(":")[0] for part in choice.split(",")}
    return use == "tuner" or (use == "mix" and "tuner" in members)


def described(lab: Lab, directory: Path) -> str:
    """What the tuner would vary, as the text of `[space]`, with present values and places.

    Raises:
        UsageError: if `[space]` does not fit the files, or nothing is found.
    """
    files = working_files(lab, directory)
    known, space = constants_in(files), space_for(lab, files)
    told = "# [space] of lab.toml, and what is there now"
    if not lab.space:
        told = "# found in the editable files; paste it into lab.toml, and change what you like"
    lines = [] if lab.space else [f"# left out: {words}" for words in left_out(known, space)]
    return "\n".join([told, as_toml(space, known), *lines])


def working_files(lab: Lab, directory: Path) -> dict[str, str]:
    """The editable files as they are in the person's directory; those that are no text are not.

    Raises:
        UsageError: if one cannot be read.
    """
    files = {}
    for path in lab.files.editable:
        try:
            files[path] = (directory / path).read_bytes().decode()
        except (FileNotFoundError, UnicodeDecodeError):
            continue
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    return files
