"""The person's terms, the same under every policy: guards, and what a change must earn."""

import math

from novum.judge import Case, Rules


def required(rules: Rules, net_lines: int) -> float:
    """What the true effect must exceed, in the metric's unit.

    Added lines pay their price on top of `min_effect`. Removed lines, where lines have a price,
    lower the bar below zero: such a change may cost as much as its lines were worth. Without a
    price it must be no worse: to ask for `min_effect` would keep code that does nothing, and to
    allow that much of a loss would let a campaign decay by many small ones.
    """
    if net_lines < 0:
        return rules.line_cost * net_lines if rules.line_cost > 0 else 0.0
    return rules.min_effect + rules.line_cost * net_lines


def broken_guard(case: Case) -> str | None:
    """The first guard that the candidate breaks, in words, or None."""
    for name, (low, high) in case.rules.guards.items():
        value = case.metrics.get(name)
        if value is None or math.isnan(value):
            return f"guard {name}: it was not measured"
        if high is not None and value > high:
            return f"guard {name}: {value:.6g} is over its max of {high:.6g}"
        if low is not None and value < low:
            return f"guard {name}: {value:.6g} is under its min of {low:.6g}"
    return None
