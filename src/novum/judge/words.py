"""A judge's reason, as one sentence with the digits that the evidence supports."""

import math

from novum.records import Evidence

SMALLEST, LARGEST = 1e-11, 1e12  # an uncertainty, and a number: beyond them there are exponents


def decimals(uncertainty: float) -> int:
    """Digits after the point, so that two digits of the uncertainty are shown."""
    if uncertainty <= 0 or not math.isfinite(uncertainty):
        return 6
    return min(12, max(0, 1 - math.floor(math.log10(uncertainty))))


def number(value: float, uncertainty: float) -> str:
    """A number with the digits that its uncertainty supports; all of them if it is exact."""
    if uncertainty <= 0:
        return f"{value:.6g}"
    extreme = uncertainty < SMALLEST or abs(value) >= LARGEST
    if extreme and value != 0 and math.isfinite(value) and math.isfinite(uncertainty):
        return with_exponent(value, uncertainty)
    return f"{value:.{decimals(uncertainty)}f}"


def with_exponent(value: float, uncertainty: float) -> str:
    """The same of a number that is not zero, whose decimals would be zeros, or too many."""
    digits = math.floor(math.log10(abs(value))) - math.floor(math.log10(uncertainty)) + 2
    return f"{value:.{min(max(digits, 1), 17)}g}"


def probability(value: float) -> str:
    """Two digits; never a certainty that a finite number of runs cannot give."""
    if value < 0.005:
        return "below 0.01"
    return "above 0.99" if value > 0.995 else f"{value:.2f}"


def comparison(evidence: Evidence) -> str:
    """For example "better by 0.0041 ± 0.0012"."""
    size = number(abs(evidence.effect), evidence.sd)
    spread = f" ± {number(evidence.sd, evidence.sd)}" if evidence.sd > 0 else ""
    if evidence.effect == 0:
        return f"equal{spread}"
    return f"{'better' if evidence.effect > 0 else 'worse'} by {size}{spread}"


def reason(evidence: Evidence, keep: bool, simpler: bool = False) -> str:
    """The sentence for a decided case: how much, how sure, from how many runs.

    `simpler` code need only be no worse.
    """
    runs = f"{evidence.runs} run{'' if evidence.runs == 1 else 's'}"
    chance = probability(evidence.probability)
    price = f"{abs(evidence.required):.2g}"
    found = comparison(evidence)
    if evidence.sd == 0:
        short = not keep and evidence.effect > 0
        return f"{found}{f', but it must earn {price}' if short else ''}, without noise, {runs}"
    if evidence.required < 0:
        return f"{found}, probability of costing less than its lines ({price}) {chance}, {runs}"
    if simpler:
        return f"{found}, with less code, probability of not being worse {chance}, {runs}"
    if keep:
        return f"{found}, probability {chance}, {runs}"
    if 0 < evidence.effect <= evidence.required:
        return f"{found}, but it must earn {price}, probability of that {chance}, {runs}"
    if evidence.required > 0:
        return f"{found}, probability of the {price} that it must earn: {chance}, {runs}"
    return f"{found}, probability of being better {chance}, {runs}"
