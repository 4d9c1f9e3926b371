"""What to try next, by Optuna's samplers; all that they know is rebuilt from the history.

Optuna is imported when something is sampled: it is an extra, and takes a second.
"""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from novum.lab.proposing import Sampler
from novum.researchers.tuner.space import Dimension, Point, key_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

AGAIN = {"gp": 3}  # how often a sampler is asked again after a point that was tried; it may insist
OFTEN = 100  # the same for the others, and for a last try at random
SHUFFLED = 10_000  # points of a grid that are put in order at once


@dataclass(frozen=True, slots=True)
class Task:
    """What a sampler knows: the space, and the points that were measured, oldest first.

    A score of None is of a point that gave none: it crashed, or was ended as hopeless.
    """

    space: Sequence[Dimension]
    history: Sequence[tuple[Point, float | None]]
    minimize: bool
    seed: int  # of the campaign
    asked: int  # how many points were proposed before
    points: int = 5  # of a range, in a grid


def suggestions(sampler: Sampler, task: Task) -> Iterator[Point]:
    """Points to try; the next one is asked for where one was tried before. Ends if all were."""
    if sampler != "grid":
        yield from _sampled(sampler, task)
        yield from _at_random(task)
        if any(one.count > SHUFFLED for one in task.space):
            return
    points = task.points if sampler == "grid" else SHUFFLED  # all that there are
    levels = [one.levels(points) for one in task.space]
    for number in _shuffled(math.prod(map(len, levels)), task.seed):
        yield _combination(number, task.space, levels)


def _sampled(sampler: Sampler, task: Task) -> Iterator[Point]:
    with _quiet():
        study = _replayed(task) if sampler == "cmaes" else _told(sampler, task)
    known = {key_of(point): score for point, score in task.history}
    distributions = {one.name: _distribution(one) for one in task.space}
    for _ in range(AGAIN.get(sampler, OFTEN)):
        with _quiet():
            trial = study.ask(distributions)
        point = _point(trial.params, task.space)
        yield point
        # It is known, or it is the present code. A generation of CMA-ES needs its result to end;
        # to the others it would be evidence twice.
        score = known.get(key_of(point))
        if sampler == "cmaes" and score is not None:
            study.tell(trial, score)
        else:
            study.tell(trial, state=_states().FAIL)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without warnings that a sampler is experimental, and the like."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _told(sampler: Sampler, task: Task) -> "Study":
    """A study that was told the history; each question has a sampler of its own seed."""
    import optuna  # noqa: PLC0415

    study = _study(_sampler(sampler, task.seed + task.asked), task)
    for point, score in task.history:
        study.add_trial(_trial(optuna.trial.create_trial, sampler, task, point, score))
    return study


def _trial(
    create: Any,  # noqa: ANN401  Optuna's, which is imported late
    sampler: Sampler,
    task: Task,
    point: Point,
    score: float | None,
) -> "FrozenTrial":
    """A point of the history as a trial that ended.

    One without a score is worse than any that has one. TPE has a state for that: a trial that was
    pruned, of which it takes no number. A Gaussian process needs a number, and is given the worst
    that was measured: a made-up one would bend its surface. A random sampler needs nothing.
    """
    distributions = {one.name: _distribution(one) for one in task.space}
    state = _states().COMPLETE
    if score is None:
        score = _worst(task) if sampler == "gp" else None
        if score is None:
            state = _states().PRUNED if sampler == "tpe" else _states().FAIL
    params = _params(point, task.space)
    made: FrozenTrial = create(state=state, value=score, params=params, distributions=distributions)
    return made


def _replayed(task: Task) -> "Study":
    """A study in which all points of the history were asked for and told, one after another.

    The state of CMA-ES is in its generations: each point must be one that it asked for. Where the
    random numbers are the same, as they are after an interruption, these are the points that it
    chose; where they are not, it learns from the points that were measured all the same. It ranks
    what it is told, so a point without a score has the worst one that was measured.
    """
    study = _study(_cmaes(task), task)
    distributions = {one.name: _distribution(one) for one in task.space}
    for point, score in task.history:
        study.enqueue_trial(_params(point, task.space))
        trial = study.ask(distributions)
        _ = trial.relative_params  # has the sampler ask its optimizer, as it would for a new point
        value = _worst(task) if score is None else score
        if value is None:
            study.tell(trial, state=_states().FAIL)
        else:
            study.tell(trial, value)
    return study


def _study(sampler: "BaseSampler", task: Task) -> "Study":
    import optuna  # noqa: PLC0415

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    directions = optuna.study.StudyDirection
    direction = directions.MINIMIZE if task.minimize else directions.MAXIMIZE
    return optuna.create_study(direction=direction, sampler=sampler)


def _sampler(name: Sampler, seed: int) -> "BaseSampler":
    """Optuna's own defaults, but for the seed."""
    from optuna import samplers  # noqa: PLC0415

    if name == "tpe":
        return samplers.TPESampler(seed=seed)
    return samplers.GPSampler(seed=seed) if name == "gp" else samplers.RandomSampler(seed=seed)


def _cmaes(task: Task) -> "BaseSampler":
    """CMA-ES; choices, which it cannot search, are drawn at random, as Optuna does."""
    from optuna import samplers  # noqa: PLC0415

    return samplers.CmaEsSampler(
        seed=task.seed,
        independent_sampler=samplers.RandomSampler(seed=task.seed + task.asked),
        warn_independent_sampling=False,
    )


def _states() -> Any:  # noqa: ANN401  an enumeration of Optuna's
    from optuna.trial import TrialState  # noqa: PLC0415

    return TrialState


def _worst(task: Task) -> float | None:
    scores = [score for _, score in task.history if score is not None]
    return (max(scores) if task.minimize else min(scores)) if scores else None


def _distribution(one: Dimension) -> "BaseDistribution":
    from optuna import distributions  # noqa: PLC0415

    if one.choices:  # by their places: Optuna takes True for 1
        return distributions.CategoricalDistribution(range(len(one.choices)))
    if one.whole:
        step = int(one.step or 1)
        return distributions.IntDistribution(int(one.low), int(one.high), one.log, step)
    return distributions.FloatDistribution(one.low, one.high, one.log, one.step)


def _params(point: Point, space: Sequence[Dimension]) -> dict[str, Any]:
    return {
        one.name: one.place_of(point[one.name]) if one.choices else point[one.name] for one in space
    }


def _point(params: Mapping[str, Any], space: Sequence[Dimension]) -> Point:
    return {
        one.name: one.choices[params[one.name]] if one.choices else one.rounded(params[one.name])
        for one in space
    }


# Without Optuna: at random, and on a grid


def _at_random(task: Task) -> Iterator[Point]:
    """A way out for a sampler that insists on what was tried."""
    rng = Random(f"{task.seed} {task.asked}")  # noqa: S311  no secret
    for _ in range(OFTEN):
        shares = {one.name: rng.random() for one in task.space}
        yield {one.name: one.at(shares[one.name]) for one in task.space}


def _shuffled(count: int, seed: int) -> Iterator[int]:
    """The numbers below `count`, each once, in an order that the seed decides."""
    rng = Random(seed)  # noqa: S311  no secret
    if count <= SHUFFLED:
        yield from rng.sample(range(count), count)
        return
    seen: set[int] = set()
    while len(seen) < count:
        number = rng.randrange(count)
        if number not in seen:
            seen.add(number)
            yield number


def _combination(number: int, space: Sequence[Dimension], levels: Sequence[Sequence[Any]]) -> Point:
    point = {}
    for one, values in zip(space, levels, strict=True):
        number, place = divmod(number, len(values))
        point[one.name] = values[place]
    return point
