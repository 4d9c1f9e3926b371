"""From readings and controls to values, and from all wells of a molecule to one answer."""

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from novum.errors import NovumError
from novum.molecule.plates import quality, units
from novum.molecule.plates.assay import NEGATIVE, POSITIVE, Assay
from novum.molecule.plates.layout import Content
from novum.molecule.plates.reading import Found, Reading


class PlateError(NovumError):
    """A plate's controls say that nothing on it can be believed; nothing was changed."""


class Worth(StrEnum):
    """What a well is worth."""

    VALUE = "value"
    CENSORED = "censored"
    NONE = "none"  # it was measured, and there is no number


@dataclass(frozen=True, slots=True)
class Value:
    """A well in the metric's unit. `value` of a censored one is the bound."""

    well: str
    worth: Worth
    value: float | None = None
    above: bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PlateQuality:
    """What the controls and the replicates of a plate say; None: it cannot be told."""

    z_prime: float | None = None
    signal_window: float | None = None
    replicate_sd: float | None = None
    controls: Mapping[str, float] | None = None  # mean of each, in the metric's unit


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a plate's readings come to. `values` is empty while its controls are awaited."""

    values: tuple[Value, ...]
    quality: PlateQuality
    awaits: tuple[str, ...] = ()  # control wells without a result


class State(StrEnum):
    """How a molecule stands."""

    UNKNOWN = "unknown"  # it was on no plate
    WAITING = "waiting"  # wells of it are out
    MEASURED = "measured"
    CENSORED = "censored"  # measured, and beyond what the assay can tell
    SHORT = "short"  # too few of its wells gave a number
    DISAGREES = "disagrees"  # its replicates are too far apart
    EXPIRED = "expired"

    @property
    def settled(self) -> bool:
        """Whether the laboratory has said what it can, so that the judge may be asked."""
        return self in {State.MEASURED, State.CENSORED}

    @property
    def again(self) -> bool:
        """Whether it should go on another plate."""
        return self in {State.SHORT, State.DISAGREES, State.EXPIRED}


@dataclass(frozen=True, slots=True)
class Sample:
    """One well of a molecule as the store knows it; `worth` None: no result yet."""

    plate: str
    replicate: int
    open: bool  # whether a result may still come
    at: float  # when its value came, in seconds of the epoch
    worth: Worth | None = None
    value: float | None = None
    above: bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a molecule: the values of its wells, or why there is no score."""

    state: State
    values: tuple[float, ...] = ()
    reason: str = ""


def quality_facts(found: PlateQuality) -> dict[str, Any]:
    """A plate's quality as JSON has it; what is infinite is not there."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(found).items()
    }


def evaluated(assay: Assay, layout: Sequence[Content], readings: Mapping[str, Reading]) -> Outcome:
    """What each well of a plate is worth, given one reading of each that was measured.

    Raises:
        PlateError: if its controls are not good enough, with their numbers.
    """
    awaits = tuple(
        content.well
        for content in layout
        if content.role in assay.controls and not _answered(readings.get(content.well))
    )
    if awaits and assay.needs_controls:
        return Outcome((), PlateQuality(), awaits)
    signals = {role: _numbers(layout, readings, role) for role in assay.controls}
    if assay.tables.assay.becomes == "percent_inhibition":
        _require_contrast(signals)
    values = tuple(
        _value(assay, readings[content.well], signals)
        for content in layout
        if _answered(readings.get(content.well))
    )
    found = _quality(assay, layout, values)
    _require_quality(assay, found)
    return Outcome(values, found, awaits)


def answer(samples: Sequence[Sample], assay: Assay, now: float) -> Answer:
    """What is known of a molecule from all wells that it ever had."""
    if not samples:
        return Answer(State.UNKNOWN, (), "it was never on a plate; see: novum assay export")
    needed = assay.tables.plate.replicates
    days = assay.tables.expiry.values
    current = [one for one in samples if days is None or now - one.at <= days * 86400]
    censored = [one for one in current if one.worth is Worth.CENSORED]
    values, apart = _agreeing(current, assay)
    waiting = sum(one.worth is None and one.open for one in samples)
    if not censored and len(values) >= needed:
        return Answer(State.MEASURED, tuple(values))
    if waiting:
        return Answer(State.WAITING, (), f"{waiting} of its wells have no result yet")
    if censored:
        return Answer(State.CENSORED, (), _censored_words(censored, current, assay))
    if apart is not None:
        limit = assay.tables.quality.largest_spread
        words = f"its replicates are {apart:.3g} apart, and at most {limit:g} is allowed"
        return Answer(State.DISAGREES, (), f"{words}; measure it again")
    expired = any(one.worth is Worth.VALUE for one in samples) and not any(
        one.worth is not None for one in current
    )
    if expired:
        return Answer(State.EXPIRED, (), f"its values are older than {days:g} days; measure again")
    why = next((one.reason for one in current if one.reason), "no results came")
    words = f"{len(values)} of {needed} replicates gave a number ({why}); measure it again"
    return Answer(State.SHORT, (), words)


def _agreeing(samples: Sequence[Sample], assay: Assay) -> tuple[list[float], float | None]:
    """The values of plates on which the replicates agree; the largest spread of the others."""
    limit = assay.tables.quality.largest_spread
    groups: dict[str, list[float]] = defaultdict(list)
    for one in samples:
        if one.worth is Worth.VALUE and one.value is not None:
            groups[one.plate].append(one.value)
    values: list[float] = []
    apart: list[float] = []
    for group in groups.values():
        width = quality.spread(group)
        if limit is not None and width > limit:
            apart.append(width)
        else:
            values += group
    return values, max(apart, default=None)


def _censored_words(censored: Sequence[Sample], samples: Sequence[Sample], assay: Assay) -> str:
    bounds = {one.value for one in censored}
    sign = ">" if censored[0].above else "<"
    of = sum(one.worth is not None for one in samples)
    metric = assay.tables.assay.metric
    bound = f"{metric} {sign} {censored[0].value:.3g}" if len(bounds) == 1 else f"{metric} unknown"
    return f"{len(censored)} of {of} wells are beyond what the assay can tell ({bound}): no score"


# -- one plate ------------------------------------------------------------------------------------


def _answered(reading: Reading | None) -> bool:
    return reading is not None and reading.found is not Found.EMPTY


def _numbers(layout: Sequence[Content], readings: Mapping[str, Reading], role: str) -> list[float]:
    """What the wells of one role say, as the instrument said it."""
    own = [readings.get(content.well) for content in layout if content.role == role]
    return [
        one.number
        for one in own
        if one is not None and one.found is Found.NUMBER and one.number is not None
    ]


def _require_contrast(signals: Mapping[str, Sequence[float]]) -> None:
    for role, numbers in signals.items():
        if not numbers:
            raise PlateError(f"no well of the {role} control gave a number; nothing was changed")
    if statistics.fmean(signals[POSITIVE]) == statistics.fmean(signals[NEGATIVE]):
        raise PlateError(
            "positive and negative control gave the same signal, so there is no scale; "
            "nothing was changed"
        )


def _value(assay: Assay, reading: Reading, signals: Mapping[str, Sequence[float]]) -> Value:
    if reading.number is None or reading.found not in {Found.NUMBER, Found.CENSORED}:
        return Value(reading.well, Worth.NONE, reason=reading.reason)
    value, same_way = _converted(assay, reading.number, signals)
    if reading.found is Found.NUMBER:
        return Value(reading.well, Worth.VALUE, value)
    above = reading.above if same_way else not reading.above
    return Value(reading.well, Worth.CENSORED, value, above, reading.reason)


def _converted(
    assay: Assay, number: float, signals: Mapping[str, Sequence[float]]
) -> tuple[float, bool]:
    """A number as the metric, and whether a larger number is a larger metric."""
    becomes = assay.tables.assay.becomes
    if becomes == "p":
        return units.p_of(number, assay.unit), False
    if becomes == "as_is":
        return number, True
    full, none = statistics.fmean(signals[POSITIVE]), statistics.fmean(signals[NEGATIVE])
    return 100 * (none - number) / (none - full), none < full


def _quality(assay: Assay, layout: Sequence[Content], values: Sequence[Value]) -> PlateQuality:
    """From values: Z' does not change when a signal is put on another linear scale."""
    known = {one.well: one.value for one in values if one.worth is Worth.VALUE}
    controls: dict[str, list[float]] = {role: [] for role in assay.controls}
    groups: dict[str, list[float]] = defaultdict(list)
    for content in layout:
        value = known.get(content.well)
        if value is not None:
            own = controls if content.role in controls else groups
            own[content.role if content.role in controls else content.subject].append(value)
    means = {role: statistics.fmean(own) for role, own in controls.items() if own}
    spread = quality.replicate_sd(list(groups.values()))
    positive, negative = controls.get(POSITIVE, []), controls.get(NEGATIVE, [])
    if min(len(positive), len(negative)) < 2:
        return PlateQuality(replicate_sd=spread, controls=means)
    return PlateQuality(
        quality.z_prime(positive, negative),
        quality.signal_window(positive, negative),
        spread,
        means,
    )


def _require_quality(assay: Assay, found: PlateQuality) -> None:
    limit = assay.tables.quality.z_prime
    if limit is not None and found.z_prime is None:
        raise PlateError(
            "Z' cannot be told: a control has fewer than two wells with a number; nothing was "
            "changed; run the plate again, its layout stands"
        )
    if limit is not None and found.z_prime is not None and found.z_prime < limit:
        raise PlateError(
            f"Z' is {found.z_prime:.3g}, and the plate needs {limit:g} (signal window "
            f"{found.signal_window:.3g}); nothing was changed; run the plate again, its layout "
            "stands"
        )
    for role, control in assay.controls.items():
        if control.expected is None:
            continue
        low, high = control.expected
        mean = (found.controls or {}).get(role)
        if mean is None or not low <= mean <= high:
            said = "gave no number" if mean is None else f"has a mean of {mean:.4g}"
            raise PlateError(
                f"the {role} control {control.name} {said}, and {low:g} to {high:g} is expected; "
                "nothing was changed; run the plate again, its layout stands"
            )
