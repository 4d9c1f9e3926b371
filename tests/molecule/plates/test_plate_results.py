"""From readings to values and answers: by controls, by limits, by how replicates agree."""

import math

import pytest

pytest.importorskip("rdkit")

from plate_cases import contents, potency, signal

from novum.molecule.plates.reading import Found, Reading
from novum.molecule.plates.results import (
    PlateError,
    Sample,
    State,
    Worth,
    answer,
    evaluated,
    quality_facts,
)

CONTROLS = (
    *contents("inhibited", role="positive", replicates=3),
    *(one for one in contents("vehicle", role="negative", replicates=3)),
)
PLATE = tuple(
    type(one)(f"{'ABCD'[place // 6]}{place % 6 + 1:02}", one.role, one.subject, one.replicate)
    for place, one in enumerate([*CONTROLS, *contents("CCO", "CCN")])
)
WELLS = {(one.subject, one.replicate): one.well for one in PLATE}


def reading(well: str, number: float | None, found: Found = Found.NUMBER, above=None) -> Reading:
    return Reading(well, found, str(number), number, above, "why")


def readings(**signals: tuple[float | None, ...]) -> dict[str, Reading]:
    """By subject, the wells' signals; None is an empty cell."""
    found = {}
    for subject, numbers in signals.items():
        for place, number in enumerate(numbers, 1):
            well = WELLS[subject, place]
            kind = Found.EMPTY if number is None else Found.NUMBER
            found[well] = reading(well, number, kind)
    return found


GOOD = {"inhibited": (10.0, 11.0, 9.0), "vehicle": (100.0, 102.0, 98.0), "CCO": (55.0, 10.0)}


def values(outcome) -> dict[str, float | None]:
    return {one.well: one.value for one in outcome.values}


def test_a_signal_becomes_percent_inhibition_by_the_controls():
    outcome = evaluated(signal(), PLATE, readings(**GOOD))
    found = values(outcome)
    assert found[WELLS["CCO", 1]] == pytest.approx(50)
    assert found[WELLS["CCO", 2]] == pytest.approx(100)
    assert outcome.quality.z_prime == pytest.approx(1 - 3 * 3 / 90)


def test_no_value_is_told_before_the_controls_are_in():
    waiting = readings(**{**GOOD, "vehicle": (100.0, None, 98.0)})
    outcome = evaluated(signal(), PLATE, waiting)
    assert outcome.values == ()
    assert outcome.awaits == (WELLS["vehicle", 2],)


def test_a_plate_below_the_limit_is_refused_with_its_numbers():
    bad = readings(**{**GOOD, "vehicle": (100.0, 130.0, 70.0)})
    with pytest.raises(PlateError, match=r"Z' is -0\.0333.* needs 0\.5") as caught:
        evaluated(signal(), PLATE, bad)
    assert caught.value.exit_status == 1


@pytest.mark.parametrize("numbers", [(10.0, None), (None, None)])
def test_controls_without_numbers_are_refused(numbers):
    found = readings(**GOOD)
    for place, number in enumerate(numbers, 2):
        if number is None:
            well = WELLS["inhibited", place]
            found[well] = reading(well, None, Found.TEXT)
    if numbers[0] is None:
        with pytest.raises(PlateError, match="Z' cannot be told"):
            evaluated(signal(), PLATE, found)
    else:
        assert evaluated(signal(), PLATE, found).values


def test_equal_controls_give_no_scale():
    flat = readings(**{**GOOD, "inhibited": (100.0, 100.0, 100.0)})
    with pytest.raises(PlateError, match="same signal"):
        evaluated(signal(), PLATE, flat)


def test_a_reference_must_be_where_it_is_expected():
    assay = potency('[controls.positive]\nname = "r"\nwells = 2\nexpected = [7.5, 8.5]\n')
    layout = contents("r", role="positive")
    good = {one.well: reading(one.well, 10.0) for one in layout}
    outcome = evaluated(assay, layout, good)
    assert outcome.quality.controls == {"positive": 8.0}
    bad = {one.well: reading(one.well, 1000.0) for one in layout}
    with pytest.raises(PlateError, match=r"mean of 6, and 7.5 to 8.5"):
        evaluated(assay, layout, bad)
    none = {one.well: reading(one.well, None, Found.TEXT) for one in layout}
    with pytest.raises(PlateError, match="gave no number"):
        evaluated(assay, layout, none)


def test_a_bound_turns_with_the_logarithm():
    layout = contents("CCO")
    found = {"A01": reading("A01", 10_000.0, Found.CENSORED, True), "A02": reading("A02", 100.0)}
    one, two = evaluated(potency(), layout, found).values
    assert (one.worth, one.value, one.above) == (Worth.CENSORED, 5.0, False)
    assert (two.worth, two.value) == (Worth.VALUE, 7.0)


@pytest.mark.parametrize("found", sorted(set(Found) - {Found.NUMBER, Found.CENSORED, Found.EMPTY}))
def test_what_is_no_number_is_worth_nothing(found):
    layout = contents("CCO")
    outcome = evaluated(potency(), layout, {"A01": reading("A01", None, found)})
    (only,) = outcome.values
    assert (only.worth, only.value, only.reason) == (Worth.NONE, None, "why")


def test_infinite_quality_is_no_json():
    flat = readings(**{**GOOD, "inhibited": (10.0, 10.0, 10.0), "vehicle": (99.0, 99.0, 99.0)})
    facts = quality_facts(evaluated(signal(), PLATE, flat).quality)
    assert facts["z_prime"] == 1
    assert facts["signal_window"] is None


# -- all wells of a molecule ----------------------------------------------------------------------


def sample(value=None, plate="P1", worth=None, *, open_=True, at=0.0, reason="") -> Sample:
    if worth is None and value is not None:
        worth = Worth.VALUE
    return Sample(plate, 1, open_, at, worth, value, False, reason)


def test_a_molecule_is_measured_when_its_replicates_are_in():
    found = answer([sample(6.0), sample(6.2)], potency(), 0)
    assert (found.state, found.values) == (State.MEASURED, (6.0, 6.2))
    assert answer([sample(6.0), sample()], potency(), 0).state is State.WAITING
    assert answer([], potency(), 0).state is State.UNKNOWN


def test_more_wells_than_needed_are_all_used_though_some_are_still_out():
    found = answer([sample(6.0), sample(6.2), sample(plate="P2")], potency(), 0)
    assert (found.state, found.values) == (State.MEASURED, (6.0, 6.2))


def test_one_censored_well_and_the_mean_of_the_others_would_be_too_good():
    found = answer([sample(6.0), sample(6.2), sample(5.0, worth=Worth.CENSORED)], potency(), 0)
    assert found.state is State.CENSORED
    assert found.values == ()
    assert "pic50 < 5" in found.reason and "1 of 3" in found.reason


def test_too_few_numbers_are_measured_again():
    failed = sample(worth=Worth.NONE, reason="`ND` is no number")
    found = answer([sample(6.0), failed], potency(), 0)
    assert found.state is State.SHORT and found.state.again
    assert "`ND`" in found.reason
    closed = sample(open_=False)
    assert answer([sample(6.0), closed], potency(), 0).state is State.SHORT


def test_replicates_that_disagree_are_no_answer_but_another_plate_may_be():
    assay = potency("[quality]\nlargest_spread = 0.5\n")
    apart = [sample(6.0), sample(7.0)]
    found = answer(apart, assay, 0)
    assert found.state is State.DISAGREES and found.state.again
    assert "1 apart" in found.reason
    again = [*apart, sample(6.1, "P2"), sample(6.2, "P2")]
    assert answer(again, assay, 0).values == (6.1, 6.2)


def test_values_expire():
    assay = potency("[expiry]\nvalues = 10.0\n")
    old = [sample(6.0), sample(6.2)]
    assert answer(old, assay, 9 * 86400).state is State.MEASURED
    found = answer(old, assay, 11 * 86400)
    assert found.state is State.EXPIRED and found.state.again and not found.values


def test_every_state_that_is_no_value_has_a_reason_and_no_number():
    for samples in ([], [sample()], [sample(5.0, worth=Worth.CENSORED)], [sample(6.0)]):
        found = answer(samples, potency(), 0)
        if found.state is not State.MEASURED:
            assert found.reason and not found.values
    assert math.isfinite(answer([sample(1.0), sample(2.0)], potency(), 0).values[0])
