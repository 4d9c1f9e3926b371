"""Programs and services that are asked in batches: their answers, matched to the molecules.

An answer belongs to the molecule that it names, never to the one that happens to stand in its
place. A batch with an answer for something that was not asked is not believed at all: its numbers
may have slipped. Only what is said of a molecule lasts (`failed`); what is missing or repeated is
the oracle's fault (`unavailable`), and will be asked again.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from novum.molecule.molecules import Molecule, MoleculeError, canonical, read
from novum.molecule.scores import Score, Status
from novum.terminal import cut, harmless

LONGEST = 300  # characters of a reason
IN_A_ROW = 3  # molecules that fail alone before the rest of their batch is left alone


class BatchError(Exception):
    """A batch as a whole has no answer. `hopeless`: its molecules need not be tried alone."""

    def __init__(self, status: Status, reason: str, *, hopeless: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = one_line(reason)
        self.hopeless = hopeless


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one molecule, unchecked."""

    index: object = None  # of the molecule in its batch
    smiles: object = None
    value: object = None
    reason: object = None
    status: object = None
    pose: object = None
    numbers: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, record: Mapping[str, object]) -> "Answer":
        """An answer by the names of its fields; other numbers are kept as such."""
        known = {"index", "smiles", "value", "reason", "error", "status", "pose"}
        numbers = {
            name: number
            for name, value in record.items()
            if name not in known and (number := _number(value)) is not None
        }
        return cls(
            index=record.get("index"),
            smiles=record.get("smiles"),
            value=record.get("value"),
            reason=record.get("reason") or record.get("error"),
            status=record.get("status"),
            pose=record.get("pose"),
            numbers=numbers,
        )


Ask = Callable[[Sequence[str]], Sequence[Answer]]


def answered(ask: Ask, molecules: Sequence[str], size: int) -> Iterator[tuple[int, Score]]:
    """Positions and answers, batch by batch; `ask` may raise `BatchError`.

    What is no molecule is not asked for. A batch that fails is asked again, each molecule alone.
    """
    readable: list[tuple[int, Molecule]] = []
    for position, smiles in enumerate(molecules):
        try:
            readable.append((position, read(smiles)))
        except MoleculeError as error:
            yield position, Score.without(smiles, error.status, error.reason)
    for start in range(0, len(readable), size):
        batch = readable[start : start + size]
        names = [molecule.smiles for _, molecule in batch]
        scores = _batch(ask, names)
        yield from zip((position for position, _ in batch), scores, strict=True)


def matched(asked: Sequence[str], answers: Sequence[Answer]) -> list[Score]:
    """One score for each molecule that was asked for, in their order.

    Raises:
        BatchError: if an answer is for none of them, so that none can be believed.
    """
    found: dict[int, list[Answer]] = {}
    places = {smiles: position for position, smiles in enumerate(asked)}
    for answer in answers:
        found.setdefault(_place(asked, places, answer), []).append(answer)
    return [_score(smiles, found.get(place, [])) for place, smiles in enumerate(asked)]


def one_line(text: object) -> str:
    """Text from outside as a reason."""
    return cut(" ".join(harmless(str(text)).split()), LONGEST)


def _batch(ask: Ask, names: Sequence[str]) -> list[Score]:
    start = time.perf_counter()
    try:
        scores = matched(names, ask(names))
    except BatchError as error:
        seconds = (time.perf_counter() - start) / len(names)
        if len(names) > 1 and not error.hopeless:
            return _alone(ask, names, error)
        return [Score.without(name, error.status, error.reason, seconds) for name in names]
    seconds = (time.perf_counter() - start) / len(names)
    return [replace(score, seconds=seconds) for score in scores]


def _alone(ask: Ask, names: Sequence[str], error: BatchError) -> list[Score]:
    scores: list[Score] = []
    in_a_row = 0
    for name in names:
        if in_a_row == IN_A_ROW:
            scores.append(Score.without(name, Status.UNAVAILABLE, error.reason))
            continue
        (score,) = _batch(ask, [name])
        scores.append(score)
        in_a_row = 0 if score.status.lasting else in_a_row + 1
    return scores


def _place(asked: Sequence[str], places: Mapping[str, int], answer: Answer) -> int:
    if answer.index is None:
        return _place_of(places, answer.smiles)
    try:
        index = int(str(answer.index))
    except ValueError:
        index = -1
    if not 0 <= index < len(asked):
        raise _untrusted(f"an answer for the index {answer.index}, which was not asked")
    if answer.smiles is not None and _place_of(places, answer.smiles) != index:
        raise _untrusted(f"{answer.smiles} under the index {index}, which is {asked[index]}")
    return index


def _place_of(places: Mapping[str, int], smiles: object) -> int:
    if smiles is None:
        raise _untrusted("an answer that names neither an index nor a SMILES")
    try:
        place = places.get(str(smiles))
        place = places.get(canonical(str(smiles))) if place is None else place
    except MoleculeError:
        place = None
    if place is None:
        raise _untrusted(f"an answer for {smiles}, which was not asked")
    return place


def _untrusted(what: str) -> BatchError:
    return BatchError(Status.UNAVAILABLE, f"it gave {what}; none of this batch is believed")


def _score(smiles: str, answers: Sequence[Answer]) -> Score:
    if len(answers) != 1:
        how = f"{len(answers)} answers" if answers else "no answer"
        return Score.without(smiles, Status.UNAVAILABLE, f"it gave {how} for this molecule")
    (answer,) = answers
    status = _status(answer)
    if status is not Status.OK:
        return Score.without(smiles, status, one_line(answer.reason or f"it says: {status}"))
    value = _number(answer.value)
    if value is None or not math.isfinite(value):
        return Score.without(smiles, Status.FAILED, one_line(f"its value is {answer.value!r}"))
    pose = answer.pose if isinstance(answer.pose, str) else ""
    return Score(smiles, value, numbers=answer.numbers, pose=pose)


def _status(answer: Answer) -> Status:
    """What the answer says of itself; a word that is none of ours is a failure."""
    if answer.status is None or answer.status == "":
        return Status.FAILED if answer.reason else Status.OK
    word = str(answer.status).lower()
    return Status(word) if word in set(Status) else Status.FAILED


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, float | int):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
