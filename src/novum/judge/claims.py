"""How strong the evidence for a claim must be, so that few of all claims are false.

A campaign may make claims for ever, and none may wait for the last. The rule is e-LOND: the
`t`-th claim is confirmed if its e-value reaches `1 / level`, with `level` the error rate times
the claim's share of it, times one more than the claims confirmed before. The expected share of
false ones among all confirmed claims is then at most the error rate, at any time, however the
claims depend on one another; they share runs, so they do (Z. Xu and A. Ramdas, "Online multiple
testing with e-values", AISTATS 2024).
"""

from collections.abc import Sequence


def level(error_rate: float, outcomes: Sequence[bool]) -> float:
    """The level of the next claim, given which of the earlier ones were confirmed, in order.

    The shares `1 / (t (t + 1))` add up to one; where all claims are confirmed, the level falls
    no faster than one over their number.
    """
    number = len(outcomes) + 1
    return error_rate * (sum(outcomes) + 1) / (number * (number + 1))
